"""The demo's target: a migration that stopped half-way, into tables that have drifted from the source's.

`DRIFTS` says how the tables differ; `gaps` says which days nobody has copied yet.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import sqlalchemy as sa
from psycopg import sql

from recon_assets.demo.flights import SOURCE, YEAR, cursor, identifier, names

T = TypeVar("T")

TARGET = sa.MetaData(schema="analytics")

airlines = sa.Table(
    "airlines",
    TARGET,
    sa.Column("carrier", sa.String(2), primary_key=True),
    sa.Column("name", sa.String(40), nullable=False),
)
airports = sa.Table(
    "airports",
    TARGET,
    sa.Column("faa", sa.String(3), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("lat", sa.Double, nullable=False),
    sa.Column("lon", sa.Double, nullable=False),
    sa.Column("alt", sa.Integer, nullable=False),
    sa.Column("tz", sa.SmallInteger, nullable=False),
    sa.Column("dst", sa.CHAR(1), nullable=False),
    sa.Column("tzone", sa.Text),
)
planes = sa.Table(
    "planes",
    TARGET,
    sa.Column("tailnum", sa.String(6), primary_key=True),
    sa.Column("year", sa.SmallInteger),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("manufacturer", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("engines", sa.SmallInteger, nullable=False),
    sa.Column("seats", sa.SmallInteger, nullable=False),
    sa.Column("speed", sa.SmallInteger),
    sa.Column("engine", sa.Text, nullable=False),
)
weather = sa.Table(
    "weather",
    TARGET,
    sa.Column("origin", sa.String(3), primary_key=True),
    sa.Column("time_hour", sa.DateTime(timezone=True), primary_key=True, index=True),
    sa.Column("temp", sa.Numeric(5, 2)),
    sa.Column("dewp", sa.Numeric(5, 2)),
    sa.Column("humid", sa.Numeric(5, 2)),
    sa.Column("wind_dir", sa.SmallInteger),
    sa.Column("wind_speed", sa.Double),
    sa.Column("wind_gust", sa.Double),
    sa.Column("precip", sa.Numeric(4, 2), nullable=False),
    sa.Column("pressure", sa.Numeric(6, 1)),
    sa.Column("visib", sa.Numeric(4, 2), nullable=False),
)
flights = sa.Table(
    "flights",
    TARGET,
    sa.Column("year", sa.SmallInteger, nullable=False),
    sa.Column("month", sa.SmallInteger, nullable=False),
    sa.Column("day", sa.SmallInteger, nullable=False),
    sa.Column("dep_time", sa.SmallInteger),
    sa.Column("sched_dep_time", sa.SmallInteger, nullable=True),
    sa.Column("dep_delay", sa.SmallInteger),
    sa.Column("arr_time", sa.SmallInteger),
    sa.Column("sched_arr_time", sa.SmallInteger, nullable=False),
    sa.Column("arr_delay", sa.SmallInteger),
    sa.Column("carrier", sa.String(8), nullable=False),
    sa.Column("flight", sa.Integer, nullable=False),
    sa.Column("tailnum", sa.String(6)),
    sa.Column("origin", sa.String(3), nullable=False),
    sa.Column("destination", sa.String(3), nullable=False),
    sa.Column("air_time", sa.Numeric(6, 1)),
    sa.Column("distance", sa.Integer, nullable=False),
    sa.Column("hour", sa.SmallInteger, nullable=False),
    sa.Column("minute", sa.SmallInteger, nullable=False),
    sa.Column("time_hour", sa.DateTime(timezone=True), nullable=False),
    sa.Column("loaded_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.func.now()),
    sa.PrimaryKeyConstraint("time_hour", "carrier", "flight"),
)

RENAMED = {"flights": {"dest": "destination"}}


@dataclass(frozen=True)
class Drift:
    """One way in which a target table is not made like its source. ``column`` is the source's name if it has one."""

    table: str
    column: str
    what: str


DRIFTS = (
    Drift("airlines", "name", "text became character varying(40)"),
    Drift("flights", "air_time", "smallint became numeric(6,1)"),
    Drift("flights", "carrier", "character varying(2) became character varying(8)"),
    Drift("flights", "dest", "renamed to destination"),
    Drift("flights", "loaded_at", "only in the target"),
    Drift("flights", "sched_dep_time", "may be NULL in the target only"),
    Drift("planes", "manufacturer", "may be NULL in the source only"),
    Drift("weather", "day", "only in the source"),
    Drift("weather", "hour", "only in the source"),
    Drift("weather", "month", "only in the source"),
    Drift("weather", "year", "only in the source"),
)

CLOCK_CHANGES = (date(2013, 3, 10), date(2013, 11, 3))
"""The days of 23 and 25 hours: never a gap and never damaged, so that they show what is right."""

_STRETCHES = (45, 30, 14, 21)
_SCATTERED = 36


def windowed(table: str) -> bool:
    """Whether the demo's table falls into days."""
    return YEAR.column in TARGET.tables[f"{TARGET.schema}.{table}"].columns


def year() -> tuple[date, ...]:
    """All 365 days."""
    return tuple(date.fromisoformat(window.key) for window in YEAR.windows(date.max))


def gaps(table: str, seed: int) -> tuple[date, ...]:
    """The days that the migration has not copied: a stretch in each quarter, and single days between."""
    if not windowed(table):
        return ()
    stretches = {day for quarter in range(len(_STRETCHES)) for day in _stretch(table, seed, quarter)}
    rest = [day for day in year() if day not in stretches and day not in CLOCK_CHANGES]
    scattered = shuffled(rest, seed, table, "scattered")[:_SCATTERED]
    return tuple(sorted(stretches.union(scattered).difference(CLOCK_CHANGES)))


def present(table: str, seed: int) -> tuple[date, ...]:
    """The days that the migration has copied; none for a table without days."""
    missing = set(gaps(table, seed))
    return tuple(day for day in year() if day not in missing) if windowed(table) else ()


def shuffled(items: Iterable[T], *salt: object) -> list[T]:
    """The items in an order that depends on the salt and on nothing else, on every machine and Python."""

    def place(item: T) -> bytes:
        return hashlib.sha256("|".join(map(str, (*salt, item))).encode()).digest()

    return sorted(items, key=place)


def migrate(source: sa.Connection, target: sa.Connection, table: sa.Table, seed: int) -> int:
    """Copies the days that are there of one table from source to target; returns the rows."""
    columns = _shared(table)
    with cursor(source) as reading, cursor(target) as writing:
        with reading.copy(_read(table, list(columns), seed)) as blocks, writing.copy(_write(table, columns)) as copy:
            for block in blocks:
                copy.write(block)
        return writing.rowcount


def _stretch(table: str, seed: int, quarter: int) -> tuple[date, ...]:
    length = _STRETCHES[quarter]
    offset = shuffled(range(91 - length), seed, table, quarter)[0]
    first = YEAR.start + timedelta(days=91 * quarter + offset)
    return tuple(first + timedelta(days=day) for day in range(length))


def _shared(table: sa.Table) -> dict[str, str]:
    """The source's columns that the target has too, with the target's names."""
    renamed = RENAMED.get(table.name, {})
    source = SOURCE.tables[f"{SOURCE.schema}.{table.name}"]
    both = {column.name: renamed.get(column.name, column.name) for column in source.columns}
    return {name: there for name, there in both.items() if there in table.columns}


def _read(table: sa.Table, columns: list[str], seed: int) -> sql.Composed:
    form = "COPY (SELECT {} FROM {} WHERE {}) TO STDOUT"
    source = SOURCE.tables[f"{SOURCE.schema}.{table.name}"]
    return sql.SQL(form).format(names(columns), identifier(source), _copied(table.name, seed))


def _copied(table: str, seed: int) -> sql.Composable:
    if not windowed(table):
        return sql.SQL("true")
    form = "({} AT TIME ZONE {})::date = ANY({})"
    days = list(present(table, seed))
    return sql.SQL(form).format(sql.Identifier(YEAR.column), sql.Literal(YEAR.timezone), sql.Literal(days))


def _write(table: sa.Table, columns: dict[str, str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(identifier(table), names(list(columns.values())))
