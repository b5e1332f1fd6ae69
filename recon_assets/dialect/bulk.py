"""Many rows at once: PostgreSQL's COPY from server to server, or from Python; batches of INSERT elsewhere."""

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
import sqlalchemy as sa

from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.sql import copy_in, copy_out, insert_values
from recon_assets.dialect.types import widens
from recon_assets.errors import DoesNotFitError
from recon_assets.model import Type

BLOCK = 1 << 17
_PAGE = 500


def can_stream(source: sa.Engine, target: sa.Engine, left: Type, right: Type) -> bool:
    """Whether values may pass from server to server unseen: both are PostgreSQL and each fits the target's type."""
    return source.dialect.name == target.dialect.name == "postgresql" and widens(left, right)


def stream(  # noqa: PLR0913 - from where what goes where
    source: sa.Connection,
    target: sa.Connection,
    select: sa.Select[*tuple[Any, ...]],
    table: sa.TableClause,
    names: tuple[str, ...],
    *,
    binary: bool,
    place: str,
) -> tuple[int, int]:
    """Copies the rows of ``select`` into ``names`` of ``table`` block by block.

    Returns:
        Rows and bytes copied; a trigger of the target may have left out some.

    Raises:
        ReconError: When the source fails; its message begins with ``place``.
    """
    out, into = (
        _plain(statement, target)
        for statement in (copy_out(select, binary=binary), copy_in(table, names, binary=binary))
    )
    size, rows = 0, None
    with (
        _cursor(source) as reading,
        _cursor(target) as writing,
        reading.copy(out) as reader,
        writing.copy(into) as writer,
    ):
        while rows is None:
            with driver_errors(place):
                block, rows = _block(reader)
            size += len(block)
            writer.write(block)
    return rows, size


def _plain(statement: copy_in | copy_out, connection: sa.Connection) -> str:
    """As the server shall see it: COPY takes no parameters, so a percent sign is none of theirs."""
    return str(statement.compile(dialect=connection.dialect)).replace("%%", "%")


def _block(reader: psycopg.Copy) -> tuple[bytearray, int | None]:
    """The next rows as one piece, which the server takes faster; with the last of them, how many there were in all.

    What has arrived is taken from libpq itself, and let go of at once: to ask the driver for each row takes longer than
    to copy it, and so does keeping thousands of rows until they are joined.
    """
    libpq = reader.connection.pgconn
    held = bytearray()
    while len(held) < BLOCK:
        length, arrived = libpq.get_copy_data(1)
        if length < 0:
            return held, _count(libpq)
        row = arrived or reader.read()  # the driver knows how to wait for more
        if not row:
            return held, reader.cursor.rowcount
        held += row
    return held, None


def _count(libpq: psycopg.pq.abc.PGconn) -> int:
    """How many rows were sent; called when none is left, it makes the connection ready for the next statement."""
    results = list(iter(libpq.get_result, None))
    for result in results:
        if result.status != psycopg.pq.ExecStatus.COMMAND_OK:
            raise psycopg.errors.error_from_result(result)
    return sum(int(result.command_tuples or 0) for result in results)


def write_rows(
    connection: sa.Connection, table: sa.TableClause, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> int:
    """Inserts rows of Python values; returns how many, of which a trigger may have left out some."""
    if connection.dialect.name == "postgresql":
        return _copy_rows(connection, table, names, rows)
    insert = str(insert_values(table, names).compile(dialect=connection.dialect))
    limit = int(connection.execute(sa.select(sa.literal_column("@@max_allowed_packet"))).scalar_one())
    with _cursor(connection) as cursor:
        written = 0
        for page in _pages(rows):
            try:
                cursor.executemany(insert, page)
            except connection.dialect.loaded_dbapi.OperationalError:
                _refuse_longer_than(limit, table.name, cursor, insert, page)
                raise
            written += len(page)
        return written


def _refuse_longer_than(limit: int, place: str, cursor: Any, insert: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """MySQL hangs up on a longer statement before it says why.

    Raises:
        DoesNotFitError: When a row makes one.
    """
    longest = max(len(cursor.mogrify(insert, row).encode(errors="surrogateescape")) for row in rows)
    if longest > limit:
        msg = (
            f"{place}: a row needs a statement of {longest:,} bytes, where the target's max_allowed_packet is"
            f" {limit:,}; raise that, or leave the long column out"
        )
        raise DoesNotFitError(msg)


def _copy_rows(
    connection: sa.Connection, table: sa.TableClause, names: tuple[str, ...], rows: Iterable[tuple[Any, ...]]
) -> int:
    into = _plain(copy_in(table, names, binary=False), connection)
    written = 0
    with _cursor(connection) as cursor, cursor.copy(into) as copy:
        for written, row in enumerate(rows, 1):  # noqa: B007 - the last number is how many there were
            copy.write_row(row)
    return written


def _pages(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    page: list[tuple[Any, ...]] = []
    for row in rows:
        page.append(row)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _cursor(connection: sa.Connection) -> Any:
    """The driver's own cursor, inside the transaction that the connection has begun."""
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.cursor()
