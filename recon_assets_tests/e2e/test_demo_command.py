"""`recon demo` and `recon adopt` as a person runs them."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from recon_assets import demo, local
from recon_assets.demo.faults import FAULTS
from recon_assets_tests.e2e.conftest import RECON, connected, recon

MIGRATED = 203_518
YEAR, MOST_RUNS = 365, 4
# Rows that were lost here and there come back by themselves; a broken copy is too much for that, and inventions wait.
FLIGHTS = 336_776 - 300 + 60


def provenance(words: list[str], table: str, adopted: int) -> bool:
    """Whether a line says that all days are there; a run that is killed after its commit leaves a day to be adopted."""
    found = [int(word) for word in words[1:4] if word.isdecimal()]
    return words[:1] == [table] and found in [[adopted + at, YEAR - adopted - at, 0] for at in range(MOST_RUNS + 1)]


def rows(databases: Mapping[str, str]) -> int:
    with connected(databases["RECON_TARGET_URL"]) as target:
        there = target.execute("SELECT to_regclass('analytics.flights')").fetchone()
        if there == (None,):
            return 0
        counted = target.execute("SELECT count(*) FROM analytics.flights").fetchone()
        return int(counted[0]) if counted else 0


@pytest.mark.soak
def test_the_demo_interrupted_goes_on_and_keeps_its_faults(clean: dict[str, str], tmp_path: Path) -> None:
    """Stopped while it fills, and run again: every gap is filled once, and what was planted stays."""
    environ = {**clean, "RECON_HOME": str(tmp_path / "home")}
    with local.environment(clean, tmp_path / "home") as databases:
        process = subprocess.Popen(
            [RECON, "demo"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and rows(databases) <= MIGRATED:
            time.sleep(0.2)
        process.terminate()
        said, complained = process.communicate(timeout=90)
        assert process.returncode == 130, said + complained
        assert MIGRATED < rows(databases) < FLIGHTS

        again = recon(environ, "demo")
        assert again.returncode == 0, again.stderr
        words = [line.replace("│", " ").split() for line in again.stdout.splitlines()]
        for table, there in (("flights", 219), ("weather", 220)):
            assert any(provenance(line, table, there) for line in words), again.stdout
        assert rows(databases) == FLIGHTS
        assert ["flights", "missing", "12", "140"] in words
        assert ["high", "flights/2013-11-08/missing", "PENDING"] in [line[:3] for line in words]
        assert {wrong.fault for wrong in demo.planted(databases["RECON_TARGET_URL"])} == {
            fault.name for fault in FAULTS
        }

        adopted = recon(environ, "adopt", "--all", "-f", "demo")
        assert adopted.returncode == 0, adopted.stderr
        for table in ("flights", "weather"):
            assert f"{table}: 0 adopted, {YEAR} known before, 0 without rows" in adopted.stderr + adopted.stdout
