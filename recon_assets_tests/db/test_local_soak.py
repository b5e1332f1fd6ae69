"""The embedded PostgreSQL under a long rain of kills."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from recon_assets.local import Local
from recon_assets_tests.db.test_local import HOLD, holder

pytestmark = pytest.mark.soak


def test_no_kill_at_any_moment_loses_anything(tmp_path: Path, soak_seconds: float) -> None:
    """Server and user are killed at random moments, start and stop included; all that was committed is there."""
    local = Local(tmp_path / "home")
    end = time.monotonic() + soak_seconds
    rounds = 0
    while time.monotonic() < end:
        with holder(local.home) as process:
            committed = commit_one(local, rounds)
            time.sleep(random.random() / 10)
            for victim in random.sample([process.pid, local.pid()], k=random.choice([1, 2])):
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
        rounds += 1
        assert committed == [*range(rounds)]

    with local.running():
        assert commit_one(local, rounds) == [*range(rounds + 1)]
    assert not local.lives()


def test_no_kill_in_the_middle_of_a_start_spoils_the_next(tmp_path: Path, soak_seconds: float) -> None:
    """Whoever starts the server is killed a moment later, again and again; then one start goes through."""
    end = time.monotonic() + soak_seconds
    number = 0
    while time.monotonic() < end:
        number += 1
        local = Local(tmp_path / str(number))
        for _ in range(3):
            kill_starting(local.home, after=random.random() * 1.5)
        with local.running():
            assert commit_one(local, 0) == [0]
        assert not local.lives()


def commit_one(local: Local, number: int) -> list[int]:
    """Commit a number, and say which numbers are there."""
    with local.running() as server, server.connect("target") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int PRIMARY KEY)")
        with suppress(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO kept VALUES (%s)", [number])
        return [found for (found,) in connection.execute("SELECT number FROM kept ORDER BY number")]


def kill_starting(home: Path, *, after: float) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        time.sleep(after)
        process.kill()
