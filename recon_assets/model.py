"""The nouns: frozen values that name tables, windows and what a load did. Standard library only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Literal
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Window:
    """The half-open span of time ``[start, end)``.

    ``key`` is the name people know it by: the day (``2013-03-10``), or ``all`` for a table that is
    not windowed, in which case both ends are None.
    """

    key: str = "all"
    start: datetime | None = None
    end: datetime | None = None

    def __str__(self) -> str:
        return self.key


ALL = Window()


@dataclass(frozen=True)
class Days:
    """How a table's rows fall into days: by ``column``, from ``start`` until before ``end``, in ``timezone``.

    A day of a zone has 23, 24 or 25 hours. ``stored_in`` is the zone in which naive timestamps of
    the column are to be read; it has no meaning for dates and for timestamps with zone.
    """

    column: str
    start: date
    end: date | None = None
    timezone: str = "UTC"
    stored_in: str = "UTC"

    def window(self, day: date) -> Window:
        """The window of one day: local midnight to next local midnight."""
        return Window(day.isoformat(), self._midnight(day), self._midnight(day + timedelta(days=1)))

    def windows(self, until: date) -> Iterator[Window]:
        """Every window from ``start`` until before ``end``, or before ``until`` when that is earlier."""
        day, end = self.start, min(self.end or until, until)
        while day < end:
            yield self.window(day)
            day += timedelta(days=1)

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.timezone))


@dataclass(frozen=True)
class Database:
    """One declared database. ``url`` may hold a password, so it never shows in a repr."""

    name: str
    url: str = field(repr=False)
    statement_timeout: timedelta = timedelta(minutes=10)
    connections: int = 4


@dataclass(frozen=True)
class Relation:
    """A table (``schema.name``, quoted where needed) or, on the source, a query of one database."""

    database: str
    table: str | None = None
    query: str | None = None

    def __str__(self) -> str:
        return f"{self.database}:{self.table or '(query)'}"


class Mode(StrEnum):
    """What a load may do to the target's rows of a window."""

    INSERT_MISSING = "insert_missing"
    UPSERT = "upsert"
    REPLACE = "replace"
    FILL_NULLS = "fill_nulls"
    UPDATE_COLUMNS = "update_columns"

    @property
    def names_columns(self) -> bool:
        """Whether the mode writes only columns that the caller names."""
        return self in {Mode.FILL_NULLS, Mode.UPDATE_COLUMNS}


@dataclass(frozen=True)
class References:
    """Declares that ``columns`` of the target name a row of ``parent``, another declared table."""

    columns: tuple[str, ...]
    parent: str
    kind: str = "references"
    severity: Literal["warn", "error"] = "error"


@dataclass(frozen=True)
class TableSpec:
    """One declared table: where its rows come from, where they go, and what identifies them.

    Column names are the source's; ``rename`` maps them to the target's. ``cast`` maps a source
    column to an SQL type of the source's dialect, applied before anything else. ``where`` is SQL
    that both sides understand; rows outside it are neither read nor touched.
    """

    name: str
    source: Relation
    target: Relation
    key: tuple[str, ...] = ()
    days: Days | None = None
    ignore: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    cast: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    checks: tuple[References, ...] = ()
    group: str = "default"
    owners: tuple[str, ...] = ()
    description: str = ""

    def target_name(self, column: str) -> str:
        """The target's name of a source column."""
        return self.rename.get(column, column)

    def window(self, key: str) -> Window:
        """The window that a partition key names; ``all`` for a table without days."""
        return self.days.window(date.fromisoformat(key)) if self.days else ALL


@dataclass(frozen=True)
class Project:
    """Everything one declaration file says."""

    databases: Mapping[str, Database]
    tables: Mapping[str, TableSpec]


class Kind(StrEnum):
    """Logical types: what a column means, whatever its dialect calls it."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    CHAR = "char"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"
    UUID = "uuid"
    JSON = "json"
    BINARY = "binary"
    ENUM = "enum"
    ANY = "any"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Type:
    """A column's logical type and the limits of what it holds; None means no limit.

    Attributes:
        kind: What the values mean. ``ANY`` is a column whose values each carry their own type (SQLite).
        name: What its database calls it, for messages and to tell equal types.
        low, high: Smallest and largest integer.
        precision: Digits of a decimal, bits of a float's mantissa (24 or 53), or fractional digits of a second.
        scale: Digits after the point of a decimal.
        length: Characters of text, bytes of a binary.
        labels: The values of an enum.
    """

    kind: Kind
    name: str
    low: int | None = None
    high: int | None = None
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column as its database describes it.

    ``default`` says that the database fills it when an insert leaves it out; ``generated`` that no
    insert may name it; ``identity`` that it counts by itself (a sequence follows it); ``fixed`` that no
    update may name it.
    """

    name: str
    type: Type
    nullable: bool = True
    default: bool = False
    generated: bool = False
    identity: bool = False
    fixed: bool = False


@dataclass(frozen=True)
class Loaded:
    """What one load of one window did: rows read and written, bytes moved, seconds taken."""

    window: Window
    mode: Mode
    read: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    bytes: int = 0
    seconds: float = 0.0
    dry_run: bool = False

    def counts(self) -> dict[str, Any]:
        """The figures by name, as people read them."""
        return {"read": self.read, "inserted": self.inserted, "updated": self.updated, "deleted": self.deleted}
