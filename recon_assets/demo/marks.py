"""What the demo remembers in the databases it fills: which tables are its own and complete, and what it planted.

A table and its mark are committed together, so a table without a mark is somebody else's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects.postgresql import JSONB

from recon_assets.demo.faults import Key, Wrong
from recon_assets.demo.flights import cursor, identifier
from recon_assets.demo.warehouse import TARGET
from recon_assets.errors import RefusedError, UnavailableError
from recon_assets.model import DiscrepancyKind

EDITION = 2
"""Raise it when the same seed makes other rows, or names them otherwise: older demos are refused, not half trusted."""

_MARKS = sa.MetaData(schema="recon_demo")
_made = sa.Table(
    "made",
    _MARKS,
    sa.Column("relation", sa.Text, primary_key=True),
    sa.Column("recipe", sa.Text, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
)
_wrong = sa.Table(
    "wrong",
    _MARKS,
    sa.Column("fault", sa.Text, nullable=False),
    sa.Column("relation", sa.Text, nullable=False),
    sa.Column("way", sa.Text, nullable=False),
    sa.Column("key", JSONB, nullable=False),
    sa.Column("column", sa.Text),
)
_LOCK = 0x7265636F6E  # "recon"


@dataclass(frozen=True)
class Made:
    """A table of the demo, complete: how many rows were put there, and whether only now."""

    rows: int
    now: bool


def make_once(engine: sa.Engine, table: sa.Table, recipe: str, fill: Callable[[sa.Connection], int]) -> Made:
    """Creates and fills the table in one transaction, unless that has been done before.

    Raises:
        RefusedError: When the table is not the demo's, or was made by another recipe.
    """
    with _begun(engine) as connection:
        rows = _rows_made(connection, table, recipe)
        if rows is not None:
            return Made(rows, now=False)
        for schema in (_MARKS.schema, table.schema):
            connection.execute(sa.schema.CreateSchema(schema or "public", if_not_exists=True))
        _MARKS.create_all(connection)
        table.create(connection)
        rows = fill(connection)
        with cursor(connection) as analyzing:
            analyzing.execute(sql.SQL("ANALYZE {}").format(identifier(table)))
        _mark(connection, table, recipe, rows)
        return Made(rows, now=True)


def refuse_strangers(engine: sa.Engine, tables: list[sa.Table], recipe: str) -> None:
    """Looks before anything is written.

    Raises:
        RefusedError: When one of the tables is there and not the demo's, or was made by another recipe.
    """
    with _begun(engine) as connection:
        for table in tables:
            _rows_made(connection, table, recipe)


def forget(connection: sa.Connection, table: sa.Table) -> None:
    """Drops what was remembered of a table that is made anew."""
    connection.execute(_wrong.delete().where(_wrong.c.relation == table.name))


def remember(connection: sa.Connection, wrongs: tuple[Wrong, ...]) -> None:
    """Notes what was planted, in the transaction that plants it."""
    lines = [
        {"fault": w.fault, "relation": w.table, "way": w.way, "key": _plain(w.key), "column": w.column} for w in wrongs
    ]
    if lines:
        connection.execute(_wrong.insert(), lines)


def remembered(engine: sa.Engine) -> tuple[Wrong, ...]:
    """Everything that was planted in this target; nothing when it is not a demo's."""
    with _begun(engine) as connection:
        if not _there(connection, _wrong):
            return ()
        lines = connection.execute(sa.select(_wrong).order_by(*_wrong.columns)).all()
    return tuple(
        Wrong(w.fault, w.relation, DiscrepancyKind(w.way), _native(w.relation, w.key), w.column) for w in lines
    )


@contextmanager
def _begun(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that no other demo works beside."""
    where = engine.url.render_as_string(hide_password=True)
    try:
        with engine.begin() as connection:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            yield connection
    except (sa.exc.OperationalError, psycopg.OperationalError) as error:
        why = str(getattr(error, "orig", error)).splitlines()[0]
        msg = f"{where}: {why}; the database must be up and reachable. What is complete stays: run again to go on."
        raise UnavailableError(msg) from error


def _rows_made(connection: sa.Connection, table: sa.Table, recipe: str) -> int | None:
    """How many rows the demo put there; None when the table is yet to be made."""
    where = f"{connection.engine.url.render_as_string(hide_password=True)}: {table.fullname}"
    if not _there(connection, table):
        return None
    mark = _read(connection, table)
    if mark is None:
        msg = f"{where} is there and not the demo's; it was not touched. Name an empty database for the demo."
        raise RefusedError(msg)
    if mark.recipe != recipe:
        msg = (
            f"{where} was made by another demo ({mark.recipe}), this one is {recipe}; it was not touched."
            f" Name an empty database, or drop the schema {_MARKS.schema} and the table to make it anew."
        )
        raise RefusedError(msg)
    return int(mark.rows)


def _read(connection: sa.Connection, table: sa.Table) -> sa.Row[Any] | None:
    if not _there(connection, _made):
        return None
    return connection.execute(sa.select(_made).where(_made.c.relation == table.fullname)).one_or_none()


def _mark(connection: sa.Connection, table: sa.Table, recipe: str, rows: int) -> None:
    # A mark is left over when somebody dropped the table.
    connection.execute(_made.delete().where(_made.c.relation == table.fullname))
    connection.execute(_made.insert().values(relation=table.fullname, recipe=recipe, rows=rows))


def _there(connection: sa.Connection, table: sa.Table) -> bool:
    return sa.inspect(connection).has_table(table.name, table.schema)


def _plain(key: Key) -> list[Any]:
    return [value.isoformat() if isinstance(value, datetime) else value for value in key]


def _native(table: str, key: list[Any]) -> Key:
    columns = TARGET.tables[f"{TARGET.schema}.{table}"].primary_key.columns
    read = {datetime: datetime.fromisoformat}
    return tuple(read.get(c.type.python_type, c.type.python_type)(value) for c, value in zip(columns, key, strict=True))
