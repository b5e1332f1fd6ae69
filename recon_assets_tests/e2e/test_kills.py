"""A backfill that is killed anywhere, and begun again, ends with every day complete, no row twice and none lost."""

import random
import subprocess
import sys
import time
from contextlib import suppress

import psycopg
import pytest

from recon_assets_tests.e2e.conftest import RECON, Empty
from recon_assets_tests.e2e.victims import VICTIMS, kill

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a home in Linux's /proc"),
]

BACKFILL = [RECON, "backfill", "flights", "--missing"]
JANUARY = ["--from", "2013-01-01", "--to", "2013-01-31"]
IN_JANUARY = "WHERE time_hour < '2013-02-01 00:00 America/New_York'"
FLIGHTS = {"": 336_776, IN_JANUARY: 27_004}


def rows(demo: Empty) -> int:
    """Rows of the target now; -1 while it does not answer."""
    with suppress(psycopg.OperationalError), demo.target() as target:
        counted = target.execute("SELECT count(*) FROM analytics.flights").fetchone()
        return int(counted[0]) if counted else -1
    return -1


def backfill_until_killed(demo: Empty, victim: str, at: int, *span: str) -> int:
    """Begin, or go on; kill the victim once the target holds ``at`` rows; the rows that were seen before that."""
    process = subprocess.Popen([*BACKFILL, *span], env=dict(demo.environ), stdout=sys.stderr, stderr=sys.stderr)
    while process.poll() is None and not ((seen := rows(demo)) >= at and kill(victim, demo.environ["RECON_HOME"])):
        time.sleep(0.1)
    if victim == "run":  # the command waits for Dagster to notice, which takes minutes; a person would press Ctrl-C
        process.terminate()
    process.wait(120)
    return seen


def finished(demo: Empty, *span: str) -> None:
    """The backfill begun again until it says that nothing is left."""
    for _ in range(4):
        done = subprocess.run(
            [*BACKFILL, *span], env=dict(demo.environ), stdout=sys.stderr, stderr=sys.stderr, check=False
        )
        if done.returncode == 0:
            return
    pytest.fail("the backfill does not end well, however often it is begun again")


def check_complete(demo: Empty, span: str = "") -> None:
    """Every row of the source is in the target once, with equal values."""
    columns = "time_hour, carrier, flight, dep_time, arr_delay, tailnum, distance"
    text = f"SELECT count(*), sum(hashtextextended(ROW({columns})::text, 0)) FROM "
    with demo.source() as source, demo.target() as target:
        expected = source.execute(f"{text} flights {span}").fetchone()
        assert expected is not None
        assert expected[0] == FLIGHTS[span]
        assert target.execute(text + "analytics.flights").fetchone() == expected


@pytest.mark.parametrize("victim", VICTIMS)
def test_killed_once_and_resumed(empty_demo: Empty, victim: str) -> None:
    """Whichever process is killed in the middle, the command run again completes the days."""
    wanted = FLIGHTS[IN_JANUARY] // 3
    assert wanted <= backfill_until_killed(empty_demo, victim, wanted, *JANUARY) < FLIGHTS[IN_JANUARY]
    finished(empty_demo, *JANUARY)
    check_complete(empty_demo, IN_JANUARY)


def test_killed_at_many_points(empty_demo: Empty, soak_seconds: float) -> None:
    """Killed again and again, anyone, anywhere."""
    seed = random.SystemRandom().randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    dice = random.Random(seed)
    end = time.monotonic() + soak_seconds
    at = 0
    while time.monotonic() < end and at < FLIGHTS[""]:
        at, victim = at + dice.randrange(500, 9_000), dice.choice(sorted(VICTIMS))
        sys.stderr.write(f"kill the {victim} at {at} rows\n")
        backfill_until_killed(empty_demo, victim, min(at, FLIGHTS[""] - 1))
    finished(empty_demo)
    check_complete(empty_demo)
