"""`recon demo` and `recon adopt` as a person runs them."""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from recon_assets import demo, local
from recon_assets.demo.faults import FAULTS
from recon_assets_tests.e2e.conftest import connected

RECON = str(Path(sys.executable).with_name("recon"))
MIGRATED, FLIGHTS = 203_518, 336_776 - 120 - 300 + 40  # lost rows and a broken copy stay lost, inventions stay


def run(environ: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([RECON, *words], env=dict(environ), capture_output=True, text=True, check=False)


def rows(databases: Mapping[str, str]) -> int:
    with connected(databases["RECON_TARGET_URL"]) as target:
        there = target.execute("SELECT to_regclass('analytics.flights')").fetchone()
        if there == (None,):
            return 0
        counted = target.execute("SELECT count(*) FROM analytics.flights").fetchone()
        return int(counted[0]) if counted else 0


def test_the_demo_interrupted_goes_on_and_keeps_its_faults(clean: dict[str, str], tmp_path: Path) -> None:
    """Stopped while it fills, run again, run once more; every gap is filled once, and what was planted stays."""
    environ = {**clean, "RECON_HOME": str(tmp_path / "home")}
    with local.environment(clean, tmp_path / "home") as databases:
        process = subprocess.Popen(
            [RECON, "demo"], env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and rows(databases) < MIGRATED + 20_000:
            time.sleep(0.2)
        process.terminate()
        said, complained = process.communicate(timeout=90)
        assert process.returncode == 130, said + complained

        again = run(environ, "demo")
        assert again.returncode == 0, again.stderr
        words = [line.replace("│", " ").split() for line in again.stdout.splitlines()]
        assert ["flights", "219", "146", "0"] in words
        assert ["weather", "220", "145", "0"] in words
        assert rows(databases) == FLIGHTS
        assert {wrong.fault for wrong in demo.planted(databases["RECON_TARGET_URL"])} == {
            fault.name for fault in FAULTS
        }

        third = run(environ, "demo")
        assert "no day is missing" in third.stdout + third.stderr
        assert rows(databases) == FLIGHTS
        adopted = run(environ, "adopt", "planes")
        assert adopted.returncode == 0, adopted.stderr
