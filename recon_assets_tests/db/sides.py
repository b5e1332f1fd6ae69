"""Both sides of a table in real databases, filled and read back with the plain drivers, never through the program."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import duckdb
import psycopg
import pymysql
import sqlalchemy as sa
from psycopg.types.json import set_json_loads

from recon_assets import dialect, reading, writing
from recon_assets.model import ALL, Calendar, Database, Loaded, Mode, Relation, TableSpec, Window
from recon_assets_tests.conftest import EMPTY

Name = Literal["postgresql", "mysql", "duckdb", "sqlite"]
Rows = list[tuple[Any, ...]]
SOURCES: tuple[Name, ...] = ("postgresql", "mysql", "duckdb", "sqlite")
TARGETS: tuple[Name, ...] = ("postgresql", "mysql")
BEYOND_SQLITE = 2**63
PLACES = {"postgresql": "%s", "mysql": "%s", "duckdb": "?", "sqlite": "?"}


@dataclass(frozen=True)
class Side:
    """One database of a test."""

    name: Name
    url: str

    def run(self, *statements: str) -> None:
        """Execute statements, and keep what they did."""
        with self._cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def fill(self, table: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert rows of Python values."""
        bound = [[self._bound(value) for value in row] for row in rows]
        if bound:
            places = ", ".join([PLACES[self.name]] * len(bound[0]))
            with self._cursor() as cursor:
                cursor.executemany(f"INSERT INTO {table} VALUES ({places})", bound)

    def rows(self, sql: str = "SELECT * FROM t ORDER BY 1") -> Rows:
        """What a query finds."""
        with self._cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def reset(self) -> None:
        """Empty the database."""
        if self.name == "postgresql":
            self.run(EMPTY)
        elif self.name == "mysql":
            name = sa.make_url(self.url).database
            self.run(f"DROP DATABASE {name}", f"CREATE DATABASE {name}")
        else:
            Path(str(sa.make_url(self.url).database)).unlink(missing_ok=True)
            self.run("CREATE TABLE unused (a INTEGER)")

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """The plain driver's connection."""
        url = sa.make_url(self.url)
        with closing(_CONNECT[self.name](url)) as connection:
            yield connection

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        with self.connect() as connection:
            cursor = connection.cursor()
            yield cursor
            connection.commit()

    def _bound(self, value: Any) -> Any:
        """SQLite has few types, MySQL's driver knows no UUID, and DuckDB reads some decimals as doubles."""
        if isinstance(value, Decimal) and self.name == "duckdb":
            return format(value, "f")
        if isinstance(value, UUID) and self.name != "postgresql":
            return str(value)
        if self.name == "sqlite" and not isinstance(value, float | str | bytes | None):
            return value if isinstance(value, int) and value < BEYOND_SQLITE else str(value)
        return value


def _psycopg(url: sa.URL) -> Any:
    where: Any = {"dbname": url.database, "user": url.username, **url.query}
    connection = psycopg.connect(**where, options="-c timezone=UTC")
    set_json_loads(lambda text: text.decode() if isinstance(text, bytes) else text, connection)
    return connection


def _pymysql(url: sa.URL) -> Any:
    return pymysql.connect(
        unix_socket=url.query["unix_socket"],
        user="root",
        database=url.database,
        charset="utf8mb4",
        init_command="SET time_zone = '+00:00'",
        ssl_disabled=True,
    )


_CONNECT: dict[Name, Any] = {
    "postgresql": _psycopg,
    "mysql": _pymysql,
    "duckdb": lambda url: duckdb.connect(str(url.database)),
    "sqlite": lambda url: sqlite3.connect(str(url.database)),
}


@dataclass(frozen=True)
class Sides:
    """A source and a target, each with a table ``t`` in the tests that follow the rule."""

    source: Side
    target: Side
    opened: list[sa.Engine] = field(default_factory=list)

    def create(self, source: str, target: str, rows: Iterable[tuple[Any, ...]] = ()) -> None:
        """Make ``t`` on both sides from the columns given, and fill the source's."""
        self.source.run(f"CREATE TABLE t ({source})")
        self.target.run(f"CREATE TABLE t ({target})")
        self.source.fill("t", rows)

    def pair(self, spec: TableSpec, **settings: Any) -> reading.Pair:
        """Both sides as the program sees them."""
        source, target = (
            dialect.engine(Database(role, side.url, **settings), role=role) for role, side in self._roles()
        )
        self.opened.extend((source, target))
        return reading.pair_for_loading(spec, source, target)

    def load(
        self, spec: TableSpec, window: Window | str = ALL, mode: Mode = Mode.INSERT_MISSING, **more: Any
    ) -> Loaded:
        """Load one window."""
        wanted = spec.window(window) if isinstance(window, str) else window
        return writing.load(self.pair(spec), wanted, mode=mode, **more)

    def close(self) -> None:
        """Give all connections back."""
        for engine in self.opened:
            engine.dispose()

    def _roles(self) -> tuple[tuple[Literal["source"], Side], tuple[Literal["target"], Side]]:
        return ("source", self.source), ("target", self.target)


def spec(days: Calendar | None = None, key: tuple[str, ...] = ("id",), **more: Any) -> TableSpec:
    """The declaration of ``t``."""
    return TableSpec("t", more.pop("source", Relation("source", "t")), Relation("target", "t"), key, days, **more)


def wrote(loaded: Loaded) -> tuple[int, int, int]:
    """Rows inserted, updated, deleted."""
    return loaded.inserted, loaded.updated, loaded.deleted


def plain(value: Any) -> Any:
    """Equal for equal values of whatever driver."""
    if isinstance(value, timedelta):
        return str(value).zfill(8)
    if isinstance(value, Decimal) and value.is_finite():
        return value or Decimal()
    return bytes(value) if isinstance(value, memoryview) else value


def quoted(name: str, dialect: Name) -> str:
    """A name of whatever characters, as SQL has it."""
    mark = "`" if dialect == "mysql" else '"'
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"
