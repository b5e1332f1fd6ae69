"""One run at a time: advisory locks that end with the connection, also when it is killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import sqlalchemy as sa

from recon_assets.errors import UnavailableError


@contextmanager
def locked(connection: sa.Connection, name: str, *, seconds: int = 300) -> Iterator[None]:
    """Holds the lock ``name`` of the connected database until the block ends.

    Raises:
        UnavailableError: When another connection keeps it for longer than ``seconds``.
    """
    if connection.dialect.name == "postgresql":
        _postgresql(connection, name, seconds)
        yield
        return
    key = blake2b(f"{connection.engine.url.database} {name}".encode(), digest_size=24).hexdigest()
    if connection.scalar(sa.select(sa.func.get_lock(key, seconds))) != 1:
        raise _busy(name)
    try:
        yield
    except BaseException:
        connection.invalidate()  # the lock ends with the connection, which may be beyond answering
        raise
    connection.scalar(sa.select(sa.func.release_lock(key)))


@contextmanager
def alone(engine: sa.Engine, name: str) -> Iterator[bool]:
    """Whether nobody else holds the lock ``name`` of a PostgreSQL database, which is ours then until the block ends.

    It ends with the connection, so a process that is killed holds none.
    """
    with engine.connect() as connection:
        yield bool(connection.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_number(name)))))


def _number(name: str) -> int:
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def _postgresql(connection: sa.Connection, name: str, seconds: int) -> None:
    """Held by the transaction, so it ends with it."""
    connection.execute(sa.select(sa.func.set_config("lock_timeout", f"{seconds}s", True)))  # noqa: FBT003 - SQL
    try:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_number(name))))
    except sa.exc.OperationalError as error:
        if getattr(error.orig, "sqlstate", None) not in _GAVE_UP:
            raise
        raise _busy(name) from error


_GAVE_UP = {"55P03", "57014"}  # lock_timeout, or statement_timeout where that is the shorter one


def _busy(name: str) -> UnavailableError:
    return UnavailableError(f"{name}: another run is writing it, and has not ended in time; try again when it has")
