"""What is declared, and what a load did to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from recon_assets.model.calendars import ALL, Calendar, Window
from recon_assets.model.cases import REVIEWED, Policy
from recon_assets.model.discrepancies import Rule
from recon_assets.model.findings import Check


@dataclass(frozen=True)
class Database:
    """One declared database. ``url`` may hold a password, so it never shows in a repr.

    Attributes:
        resource: The key of the Dagster resource that holds the URL in runs; ``url`` is what is used elsewhere,
            and may be empty then.
        dialect: What a resource is, by the name that its URL begins with: ``postgresql``.
    """

    name: str
    url: str = field(repr=False)
    statement_timeout: timedelta = timedelta(minutes=10)
    connections: int = 4
    resource: str = ""
    dialect: str = ""


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
class TableSpec:
    """One declared table: where its rows come from, where they go, and what identifies them.

    Column names are the source's; ``rename`` maps them to the target's. ``cast`` maps a source
    column to an SQL type of the source's dialect, applied before anything else; in comparisons, the target's column
    is cast to it too where its own type has no form in other databases. ``where`` is SQL
    that both sides understand; rows outside it are neither read nor touched. ``rules`` say of a column
    when two of its values are equal. A row whose ``updated_at`` is younger than ``grace_period`` is in flight.
    Times without a zone are of ``stored_in``; a table that has a ``calendar`` has its zone.
    The values of ``private`` columns are shown to nobody: reports have ``***`` in their place. A column that
    the target names otherwise may be given by either name, and is private by both. To a ``strict`` table's checks,
    what was not compared is a failure.
    """

    name: str
    source: Relation
    target: Relation
    key: tuple[str, ...] = ()
    calendar: Calendar | None = None
    stored_in: str = "UTC"
    ignore: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    cast: Mapping[str, str] = field(default_factory=dict)
    where: str | None = None
    rules: Mapping[str, Rule] = field(default_factory=dict)
    updated_at: str | None = None
    grace_period: timedelta | None = None
    private: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    strict: bool = False
    correct: Policy = REVIEWED
    group: str = "default"
    owners: tuple[str, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        pairs = (pair for pair in self.rename.items() if set(pair) & set(self.private))
        both = dict.fromkeys((*self.private, *(name for pair in pairs for name in pair)))
        object.__setattr__(self, "private", tuple(both))
        if self.calendar:
            object.__setattr__(self, "stored_in", self.calendar.stored_in)

    def target_name(self, column: str) -> str:
        """The target's name of a source column."""
        return self.rename.get(column, column)

    @property
    def noun(self) -> str:
        """What sentences call one of its windows."""
        return self.calendar.unit if self.calendar else "window"

    def has_window(self, key: str) -> bool:
        """Whether a partition key names one of its windows, or the table as a whole."""
        return key == ALL.key or bool(self.calendar and self.calendar.has(key))

    def window(self, key: str) -> Window:
        """The window that a partition key names; ``all`` for a table without a calendar.

        Raises:
            DeclarationError: When the calendar has no such window.
        """
        return self.calendar.window(key) if self.calendar else ALL


DEFAULT_PROJECT = "default"


@dataclass(frozen=True)
class Project:
    """Everything one declaration file says.

    Attributes:
        name: Whose rows of the ledger are its own.
        origin: Where it was declared without a name; "" for one that names itself.
        places: The file and line of each table that was declared in a file.
    """

    databases: Mapping[str, Database]
    tables: Mapping[str, TableSpec]
    name: str = DEFAULT_PROJECT
    origin: str = ""
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict, compare=False, repr=False)


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

    @property
    def changed(self) -> bool:
        """Whether any row of the target was written."""
        return bool(self.inserted or self.updated or self.deleted)

    def counts(self) -> dict[str, Any]:
        """The figures by name, as people read them."""
        return {"read": self.read, "inserted": self.inserted, "updated": self.updated, "deleted": self.deleted}
