"""A year's backfill by two Celery workers, one of which is killed: `deploy/compose` without containers."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest

from recon_assets.orchestration.processes import Dagster, free_port
from recon_assets_tests.conftest import need
from recon_assets_tests.e2e.conftest import RECON, Empty, connected, until

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform != "linux", reason="kills a group of processes"),
]

SETTINGS = Path(__file__).parent.parent.parent / "deploy" / "compose" / "dagster.yaml"
WORKER = ["celery", "-A", "recon_assets.orchestration.celery_worker", "worker"]
TOLD = ("RECON_TABLES", "RECON_SOURCE_URL", "RECON_TARGET_URL", "RECON_LEDGER_URL", "DAGSTER_PG_URL", "DAGSTER_HOME")
FLIGHTS = 336_776
LOST = """
SELECT count(DISTINCT run_id) FROM event_logs
WHERE dagster_event_type = 'PIPELINE_FAILURE' AND event LIKE '%was lost, and the run with it%'
"""


@pytest.fixture
def broker() -> Iterator[str]:
    """A Redis that keeps nothing."""
    if shutil.which("redis-server") is None:
        need("Redis is not installed (Debian: apt-get install redis-server)")
    port = str(free_port())
    command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as redis:
        yield f"redis://127.0.0.1:{port}/0"
        redis.terminate()


@contextmanager
def worker(environ: Mapping[str, str], name: str, logs: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker as `compose.yaml` starts it; its group of processes is killed in the end."""
    command = [sys.executable, "-m", *WORKER, "--concurrency", "1", "--disable-prefetch", "--hostname", f"{name}@here"]
    with (logs / f"{name}.log").open("ab") as out:
        process = subprocess.Popen(command, env=dict(environ), stdout=out, stderr=out, start_new_session=True)
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kill -9 a worker and what it has forked, as when its machine is switched off."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)


def one(connection: psycopg.Connection, query: str) -> int:
    """The number that a query answers."""
    found = connection.execute(query).fetchone()
    assert found
    return int(found[0])


def test_a_year_on_two_workers_one_of_which_is_killed(empty_demo: Empty, broker: str, tmp_path: Path) -> None:
    """Every row is there once, the lost run was noticed and done again, and the settings of the home are as they were.

    A worker that has no declaration, or whose Dagster launches otherwise, ends with a sentence before it takes a run.
    """
    home = Path(empty_demo.environ["RECON_HOME"]) / "dagster"
    home.mkdir(parents=True)
    settings = shutil.copy(SETTINGS, home / "dagster.yaml")
    known = {**empty_demo.databases, "RECON_TABLES": empty_demo.environ["RECON_TABLES"], "DAGSTER_HOME": str(home)}
    known["DAGSTER_PG_URL"] = known["DAGSTER_PG_URL"].replace("+psycopg:", "+psycopg2:")
    told = {**{name: known[name] for name in TOLD}, "CELERY_BROKER_URL": broker, "PATH": os.environ["PATH"]}

    elsewhere = tmp_path / "elsewhere"  # a home whose runs are no worker's
    Dagster(elsewhere).prepare()
    for wrong, said in (
        ({"RECON_TABLES": ""}, "RECON_TABLES"),
        ({"DAGSTER_HOME": str(elsewhere / "dagster")}, "launcher"),
    ):
        command = [sys.executable, "-m", *WORKER]
        refused = subprocess.run(
            command, env={**told, **wrong}, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert (refused.returncode != 0, said in refused.stderr) == (True, True), refused.stderr

    with ExitStack() as stack:
        first, _ = (stack.enter_context(worker(told, name, tmp_path)) for name in ("first", "second"))
        environ = {**empty_demo.environ, "CELERY_BROKER_URL": broker}
        backfill = subprocess.Popen([RECON, "backfill", "flights"], env=environ, stdout=sys.stderr, stderr=sys.stderr)
        stack.callback(backfill.kill)
        target = stack.enter_context(empty_demo.target())
        until(lambda: one(target, "SELECT count(*) FROM analytics.flights") >= FLIGHTS // 3, 180)
        kill(first)
        stack.enter_context(worker(told, "first", tmp_path))

        assert backfill.wait(300) == 0
        assert one(target, "SELECT count(*) FROM analytics.flights") == FLIGHTS
        assert one(target, "SELECT count(DISTINCT (time_hour, carrier, flight)) FROM analytics.flights") == FLIGHTS
        with connected(known["DAGSTER_PG_URL"].replace("+psycopg2", "")) as storage:
            assert one(storage, LOST) == 1
    assert Path(settings).read_bytes() == SETTINGS.read_bytes()
