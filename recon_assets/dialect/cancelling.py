"""Ends statements that nobody waits for any more: a server goes on with them, for it does not look who waits."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import sqlalchemy as sa

_PATIENCE = 5.0
"""How many seconds a server may take to hear of it."""
_lent: dict[int, tuple[Any, sa.Engine]] = {}


def follow(made: sa.Engine) -> None:
    """Lets `cancel_all` know which of the engine's connections are in use."""

    def lent(driver: Any, record: Any, _: Any) -> None:
        _lent[id(record)] = driver, made

    def given_back(_: Any, record: Any) -> None:
        _lent.pop(id(record), None)

    sa.event.listen(made, "checkout", lent)
    sa.event.listen(made, "checkin", given_back)  # codespell:ignore checkin


def cancel_all() -> None:
    """Ends every statement of this process, which is about to end itself."""
    for driver, engine in list(_lent.values()):
        _cancel(driver, engine)


@contextmanager
def cancelled_with_us(*connections: sa.Connection) -> Iterator[None]:
    """What other threads execute on these ends when the block is left by Ctrl-C, or as Dagster ends a run."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception):
            for connection in (each for each in connections if not each.invalidated):
                _cancel(connection.connection.driver_connection, connection.engine)
        raise


def _cancel(driver: Any, engine: sa.Engine) -> None:
    """A server that cannot be reached keeps nobody from leaving."""
    with suppress(engine.dialect.loaded_dbapi.Error, OSError):
        if engine.dialect.name == "postgresql":
            driver.cancel_safe(timeout=_PATIENCE)
        elif engine.dialect.name in {"mysql", "mariadb"}:
            _kill_query(driver.thread_id(), engine)
        else:
            driver.interrupt()


def _kill_query(thread: int, engine: sa.Engine) -> None:
    """By a connection besides those that the engine may have: all of them may be waiting."""
    besides = engine.pool.recreate()
    try:
        with closing(besides.connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("KILL QUERY %s", (thread,))
    finally:
        besides.dispose()
