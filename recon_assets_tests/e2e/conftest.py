"""A demo whose target is empty, served by the real processes, and a real browser to look at it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
import yaml
from playwright.sync_api import Browser, sync_playwright

from recon_assets import local
from recon_assets.demo import flights, warehouse
from recon_assets.errors import UnavailableError
from recon_assets.orchestration.processes import free_port
from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.conftest import need

RECON = str(Path(sys.executable).with_name("recon"))
CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]


@dataclass(frozen=True)
class Empty:
    """A source that is full and a target that has empty tables, such as those of the demo.

    ``environ`` is what a person has set: the home, and no database, so that the program starts the embedded ones.
    """

    environ: Mapping[str, str]
    databases: Mapping[str, str]

    @contextmanager
    def dev(self) -> Iterator[Webserver]:
        """`recon dev` as a person runs it, until it answers; ended by a polite kill."""
        port = free_port()
        log = Path(self.environ["RECON_HOME"]) / "dev.log"
        command = [RECON, "dev", "--port", str(port)]
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=dict(self.environ), stdout=out, stderr=out)
        try:
            yield answering(Webserver(f"http://127.0.0.1:{port}", timeout=30), process, log)
        finally:
            process.terminate()
            process.wait(60)

    def target(self) -> psycopg.Connection:
        """A connection to the target that is not the program's own."""
        return connected(self.databases["RECON_TARGET_URL"])

    def source(self) -> psycopg.Connection:
        """A connection to the source that is not the program's own."""
        return connected(self.databases["RECON_SOURCE_URL"])


def connected(url: str) -> psycopg.Connection:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def answering(webserver: Webserver, process: "subprocess.Popen[bytes]", log: Path) -> Webserver:
    """The webserver once it has loaded the tables."""
    question = "{ assetNodes { assetKey { path } } }"
    until(lambda: process.poll() is not None or asked(webserver, question), 120)
    assert process.poll() is None, log.read_text()
    return webserver


def asked(webserver: Webserver, question: str) -> bool:
    try:
        return bool(webserver.ask(question)["assetNodes"])
    except UnavailableError:
        return False


def until(true: Callable[[], bool], seconds: float) -> None:
    """Wait for something to become true; fail when it does not."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.25)


@pytest.fixture(scope="session")
def clean() -> dict[str, str]:
    """The environment of somebody who has set nothing of ours; what they start runs at full speed, not measured."""
    ours = ("RECON_", "DAGSTER_", "COVERAGE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


@contextmanager
def made(folder: Path, clean: Mapping[str, str], tables: str) -> Iterator[Empty]:
    """Empty databases of a home below ``folder``, and these tables declared."""
    home, declared = folder / "home", folder / "tables.yaml"
    declared.write_text(tables)
    with local.environment(clean, home) as databases:
        sides = {name: databases[name] for name in ("RECON_SOURCE_URL", "RECON_TARGET_URL")}
        yield Empty({**clean, **sides, "RECON_HOME": str(home), "RECON_TABLES": str(declared)}, databases)


@pytest.fixture
def empty_demo(tmp_path: Path, clean: dict[str, str]) -> Iterator[Empty]:
    """The demo's flights and a target without any; its days are counted and no more: other checks take minutes."""
    with made(tmp_path, clean, yaml.safe_dump(counted("flights"))) as both:
        source_url, target_url = (both.databases[name] for name in ("RECON_SOURCE_URL", "RECON_TARGET_URL"))
        with begun(source_url) as source, begun(target_url) as target:
            flights.flights.create(source)
            flights.fill(source, flights.flights)
            target.execute(sa.schema.CreateSchema("analytics"))
            warehouse.flights.create(target)
        yield both


def begun(url: str) -> AbstractContextManager[sa.Connection]:
    """A transaction of its own."""
    return sa.create_engine(url, poolclass=sa.NullPool).begin()


def counted(table: str) -> dict[str, Any]:
    """One table as the demo declares it, with the cheapest of its checks."""
    declared: dict[str, Any] = yaml.safe_load((Path(flights.__file__).parent / "tables.yaml").read_text())
    return {**declared, "tables": {table: {**declared["tables"][table], "checks": ["count"]}}}


def recon(environ: Mapping[str, str], *words: str) -> "subprocess.CompletedProcess[str]":
    """A command as a person runs it, to its end."""
    return subprocess.run([RECON, *words], env=dict(environ), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed before other tests begin: the loop of Playwright would be running in theirs."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        need("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=path, args=CHROMIUM)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: ``RECON_SCREENSHOTS=docs/images make test test-soak`` renews those of the documentation."""
    folder = Path(os.environ.get("RECON_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
