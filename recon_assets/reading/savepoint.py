"""What fails in one part of a snapshot leaves the others readable."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import sqlalchemy as sa

from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.sql import begin_reading
from recon_assets.reading.snapshot import Snapshot


@contextmanager
def savepoint(snapshot: Snapshot) -> Iterator[None]:
    """Where an error ends a transaction, what fails inside is undone up to here."""
    with ExitStack() as stack:
        for side in (snapshot.source, snapshot.target):
            stack.enter_context(driver_errors(side.place))
            stack.enter_context(_SAVEPOINTS.get(side.dialect, _nothing)(side.connection))
        yield


def is_lost(snapshot: Snapshot) -> bool:
    """Whether a database has gone away since the snapshot was opened: nothing more can be read."""
    return any(side.connection.invalidated or side.connection.closed for side in (snapshot.source, snapshot.target))


@contextmanager
def _nothing(_: sa.Connection) -> Iterator[None]:
    yield


@contextmanager
def _begun_again(connection: sa.Connection) -> Iterator[None]:
    """DuckDB has no savepoints; but nobody writes to a file that we hold open, so that any moment is the same."""
    try:
        yield
    except Exception:
        connection.rollback()
        connection.execute(begin_reading())
        raise


@contextmanager
def _saved(connection: sa.Connection) -> Iterator[None]:
    with connection.begin_nested():
        yield


_SAVEPOINTS = {"postgresql": _saved, "duckdb": _begun_again}
