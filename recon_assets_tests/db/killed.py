"""A repair that dies: processes that go the whole way again and again, and are killed where they are told to be.

They are forked from one that has imported everything: a kill costs what it interrupts, and no start.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from typing import Any

import psycopg  # noqa: F401 - imported once, before processes are forked
import pymysql  # noqa: F401
from sqlalchemy.engine.default import DefaultDialect

from recon_assets import ledger
from recon_assets_tests.conftest import PROJECT
from recon_assets_tests.db.repairs import Repair, project

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload([__name__])


class Fault:
    """Kills its process just before or just after its nth commit, of whichever database."""

    def __init__(self, commits: Any, at: int, *, after: bool) -> None:
        self.commits, self.at, self.after = commits, at, after

    def __call__(self, connection: Any) -> None:
        """In the place of a dialect's ``do_commit``."""
        self.commits.value += 1
        due = self.commits.value == self.at
        if due and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        connection.commit()
        if due:
            os.kill(os.getpid(), signal.SIGKILL)


def repair(urls: tuple[str, str, str], rounds: int, commits: Any, at: int, after: bool) -> None:  # noqa: FBT001
    """Repair and take back, again and again; ``urls`` are those of ledger, source and target."""
    logging.getLogger("recon_assets").addHandler(logging.NullHandler())  # else each failed finding is printed
    DefaultDialect.do_commit = Fault(commits, at, after=after)  # type: ignore[method-assign, assignment]
    with ledger.opened(urls[0], PROJECT) as book:
        at_work = Repair(book, project(*urls[1:]))
        for _ in range(rounds):
            at_work.finish()
            at_work.take_back()
    if "dagster" in sys.modules:
        msg = "the repair has imported Dagster"
        raise AssertionError(msg)


@contextmanager
def process(
    urls: tuple[str, str, str], *, rounds: int = 1, at: int = 0, after: bool = False, commits: Any = None
) -> Iterator[ForkServerProcess]:
    """A repair in a process of its own, which is gone when the block ends."""
    counter = FORKS.Value("i", 0, lock=False) if commits is None else commits
    running = FORKS.Process(target=repair, args=(urls, rounds, counter, at, after))
    running.start()
    try:
        yield running
    finally:
        running.kill()
        running.join()
        running.close()
