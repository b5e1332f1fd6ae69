"""What is wrong in the demo's target, each fault by its name.

A fault is planted in a target whose rows are otherwise right, and says exactly which keys it made wrong and
in which way. Each fault has days of its own (or, in tables without days, rows of its own), so the faults
neither meet nor depend on one another: any of them can be planted alone, in any order. All follow from the seed.
Add new ones at the end: the days of the others then stay as they are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

import sqlalchemy as sa

from recon_assets.demo.flights import YEAR
from recon_assets.demo.warehouse import (
    CLOCK_CHANGES,
    airlines,
    airports,
    flights,
    planes,
    present,
    shuffled,
    weather,
    year,
)
from recon_assets.errors import RefusedError
from recon_assets.model import DiscrepancyKind

SEED = 2013

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Wrong:
    """One record that a fault made wrong, in one way.

    Attributes:
        fault: The fault's name.
        table: The table, by the name that source and target share.
        way: A record that is wrong in two ways is there twice.
        key: The values of the table's primary key in the order of the declaration; instants in UTC.
        column: The column that was changed, by its name in the target; none when the whole record was.
    """

    fault: str
    table: str
    way: DiscrepancyKind
    key: Key
    column: str | None = None


class Damage(Protocol):
    """How rows of one day (or of a table without days) are made wrong."""

    def __call__(self, connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]]) -> list["Harm"]:
        """Damage the rows; say what is wrong now."""
        ...


@dataclass(frozen=True)
class Harm:
    """A key that a damage made wrong, before anybody knows by which fault."""

    way: DiscrepancyKind
    key: Key
    column: str | None = None


@dataclass(frozen=True, eq=False)
class Fault:
    """One kind of damage, with a name.

    Attributes:
        name: What tests and people call it.
        what: A sentence that says what is wrong.
        table: The target's table.
        damage: Makes chosen rows wrong.
        each: How many rows it touches on each of its days, or in all where the table has no days.
        spread: On how many days; 0 for a table without days.
        among: Which rows it may touch; None for any.
        unlike: A column in which no two rows touched on one day are equal.
        last: Touch the last rows of the day instead of any.
    """

    name: str
    what: str
    table: sa.Table
    damage: Damage
    each: int
    spread: int = 0
    among: sa.ColumnElement[bool] | None = None
    unlike: str | None = None
    last: bool = False

    @property
    def rows(self) -> int:
        """How many rows it touches."""
        return self.each * max(self.spread, 1)

    def days(self, seed: int = SEED) -> tuple[date, ...]:
        """The days it touches, and no other fault of the table does; none for a table without days."""
        others = FAULTS[: FAULTS.index(self)]
        taken = sum(other.spread for other in others if other.table is self.table)
        return tuple(sorted(_damaged_first(self.table.name, seed)[taken : taken + self.spread]))

    def plant(self, connection: sa.Connection, seed: int = SEED) -> tuple[Wrong, ...]:
        """Damages the target that the connection leads to, within the caller's transaction; says what is wrong now.

        Raises:
            RefusedError: When there are too few rows that it may touch, as in an empty target.
        """
        harms = [harm for day in self.days(seed) or (None,) for harm in self._harm(connection, day, seed)]
        return tuple(Wrong(self.name, self.table.name, harm.way, harm.key, harm.column) for harm in harms)

    def _harm(self, connection: sa.Connection, day: date | None, seed: int) -> list[Harm]:
        rows = self._choose(connection.execute(self._candidates(day)).all(), seed)
        if len(rows) < self.each:
            where = f"{self.table.fullname} {day or ''}".rstrip()
            msg = f"{where}: {self.name} needs {self.each} rows to damage, found {len(rows)}; fill the target first"
            raise RefusedError(msg)
        return self.damage(connection, self.table, rows)

    def _candidates(self, day: date | None) -> sa.Select[*tuple[Any, ...]]:
        chosen = [*self.table.primary_key.columns, *([self.table.c[self.unlike]] if self.unlike else [])]
        query = sa.select(*chosen).order_by(*self.table.primary_key.columns)
        if self.among is not None:
            query = query.where(self.among)
        return query.where(_on(self.table, day)) if day else query

    def _choose(self, rows: Sequence[sa.Row[Any]], seed: int) -> list[sa.Row[Any]]:
        if self.last:
            return list(rows[-self.each :])
        keys = {text(key_of(self.table, row)): row for row in rows}
        mixed = [keys[key] for key in shuffled(keys, seed, self.name)]
        if self.unlike:
            mixed = list({row[-1]: row for row in reversed(mixed)}.values())
        return mixed[: self.each]


@dataclass(frozen=True)
class Lose:
    """The rows are not there."""

    def __call__(self, connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]]) -> list[Harm]:
        """Delete the rows."""
        keys = [key_of(table, row) for row in rows]
        connection.execute(table.delete().where(_among(table, keys)))
        return [Harm(DiscrepancyKind.MISSING, key) for key in keys]


@dataclass(frozen=True)
class Invent:
    """Beside each row stands a copy of it with another key, which the source has never had."""

    changed: Mapping[str, sa.ColumnElement[Any]]

    def __call__(self, connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]]) -> list[Harm]:
        """Insert the copies."""
        columns = [column for column in table.columns if column.server_default is None]
        copies = [self.changed.get(column.name, column) for column in columns]
        wanted = sa.select(*copies).where(_among(table, [key_of(table, row) for row in rows]))
        keys = table.primary_key.columns
        made = connection.execute(table.insert().from_select(columns, wanted).returning(*keys)).all()
        return [Harm(DiscrepancyKind.EXTRA, key_of(table, row)) for row in made]


@dataclass(frozen=True)
class Rewrite:
    """A column, not of the key, has another value."""

    column: str
    value: sa.ColumnElement[Any] | None
    ways: tuple[DiscrepancyKind, ...] = (DiscrepancyKind.MISMATCHED,)

    def __call__(self, connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]]) -> list[Harm]:
        """Give the column its other value."""
        keys = [key_of(table, row) for row in rows]
        connection.execute(table.update().where(_among(table, keys)).values({self.column: self.value}))
        return [Harm(way, key, self.column) for way in self.ways for key in keys]


@dataclass(frozen=True)
class Shift:
    """A part of the key is later: the record is missing where it was and extra where it is now."""

    column: str
    by: timedelta

    def __call__(self, connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]]) -> list[Harm]:
        """Move the rows, which must leave no other row in the way."""
        keys = [key_of(table, row) for row in rows]
        change = table.update().where(_among(table, keys)).values({self.column: table.c[self.column] + self.by})
        moved = connection.execute(change.returning(*table.primary_key.columns)).all()
        here = [Harm(DiscrepancyKind.EXTRA, key_of(table, row), self.column) for row in moved]
        return [*(Harm(DiscrepancyKind.MISSING, key, self.column) for key in keys), *here]


@dataclass(frozen=True)
class Swap:
    """Rows have exchanged their values of a column two by two: count, sum, least and greatest stay as they were."""

    column: str

    def __call__(self, connection: sa.Connection, table: sa.Table, rows: Sequence[sa.Row[Any]]) -> list[Harm]:
        """Exchange the values, which stand last in each row, between the two halves of the rows."""
        half = len(rows) // 2
        partners = [*rows[half:], *rows[:half]]
        keys = [key_of(table, row) for row in rows]
        for key, partner in zip(keys, partners, strict=True):
            connection.execute(table.update().where(_among(table, [key])).values({self.column: partner[-1]}))
        return [Harm(DiscrepancyKind.MISMATCHED, key, self.column) for key in keys]


def faults_of(table: str) -> tuple[Fault, ...]:
    """The faults of one table, in the order in which they are planted."""
    return tuple(fault for fault in FAULTS if fault.table.name == table)


def key_of(table: sa.Table, row: sa.Row[Any]) -> Key:
    """The primary key of a row whose first columns it is; instants in UTC."""
    return tuple(_utc(value) for value in row[: len(table.primary_key.columns)])


def text(key: Key) -> str:
    """A key as text that is the same on every machine."""
    return " ".join(value.isoformat() if isinstance(value, datetime) else str(value) for value in key)


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _damaged_first(table: str, seed: int) -> list[date]:
    """The days that may be damaged, in the order in which faults take them. The last day has no weather."""
    spared = {*CLOCK_CHANGES, year()[-1]}
    return shuffled((day for day in present(table, seed) if day not in spared), seed, table, "faults")


def _on(table: sa.Table, day: date) -> sa.ColumnElement[bool]:
    window, column = YEAR.window(day), table.c[YEAR.column]
    return sa.and_(column >= window.start, column < window.end)


def _among(table: sa.Table, keys: Sequence[Key]) -> sa.ColumnElement[bool]:
    return sa.tuple_(*table.primary_key.columns).in_(keys)


def _unless_taken(by: timedelta) -> sa.ColumnElement[bool]:
    """The same flight does not stand ``by`` later already."""
    there = flights.alias()
    same = (there.c.time_hour == flights.c.time_hour + by, there.c.carrier == flights.c.carrier)
    return ~sa.exists().where(*same, there.c.flight == flights.c.flight)


_ZONE_TWICE = timedelta(hours=5)
_AFTERNOON = 15

FAULTS = (
    Fault("missing_rows", "single flights were never copied", flights, Lose(), each=12, spread=10),
    Fault(
        "broken_off",
        "the copy of one day broke off: its last 300 flights are missing",
        flights,
        Lose(),
        each=300,
        spread=1,
        last=True,
    ),
    Fault(
        "extra_rows",
        "flights that the source has never had (numbers above 10000)",
        flights,
        Invent({"flight": flights.c.flight + 10_000}),
        each=5,
        spread=8,
    ),
    Fault(
        "shifted_hours",
        "the zone's five hours were added twice: time_hour is five hours late, though still of that day",
        flights,
        Shift("time_hour", _ZONE_TWICE),
        each=10,
        spread=2,
        among=(flights.c.hour <= _AFTERNOON) & _unless_taken(_ZONE_TWICE),
    ),
    Fault(
        "drifted_values",
        "distance is a few miles too long",
        flights,
        Rewrite("distance", flights.c.distance + 1 + flights.c.flight % 9),
        each=6,
        spread=10,
    ),
    Fault(
        "rounded_values",
        "air_time is 0.3 minutes too long: within a tolerance of 0.5, not equal",
        flights,
        Rewrite("air_time", flights.c.air_time + Decimal("0.3")),
        each=10,
        spread=6,
        among=flights.c.air_time.is_not(None),
    ),
    Fault(
        "swapped_values",
        "pairs of flights of one day have exchanged their distances, so sums agree",
        flights,
        Swap("distance"),
        each=8,
        spread=6,
        unlike="distance",
    ),
    Fault(
        "lost_values",
        "arr_delay is NULL though the source knows it",
        flights,
        Rewrite("arr_delay", None),
        each=6,
        spread=5,
        among=flights.c.arr_delay.is_not(None),
    ),
    Fault(
        "unknown_planes",
        "tailnum names a plane that nobody knows; in the source these flights have a known one",
        flights,
        Rewrite(
            "tailnum",
            sa.func.concat("X", sa.func.lpad(sa.cast(flights.c.flight, sa.Text), 5, "0")),
            (DiscrepancyKind.MISMATCHED, DiscrepancyKind.ORPHAN),
        ),
        each=5,
        spread=6,
        # Every EV plane of the year is known (UA, B6, AA and others fly real orphans), though not all flights name one.
        among=(flights.c.carrier == "EV") & flights.c.tailnum.is_not(None),
    ),
    Fault(
        "out_of_order",
        "loaded_at is a day before the flight",
        flights,
        Rewrite("loaded_at", flights.c.time_hour - timedelta(days=1), (DiscrepancyKind.DISORDERED,)),
        each=5,
        spread=4,
    ),
    Fault("lost_hours", "single hours of weather are missing", weather, Lose(), each=3, spread=5),
    Fault(
        "wrong_unit",
        "temp is in degrees Celsius instead of Fahrenheit",
        weather,
        Rewrite("temp", sa.func.round((weather.c.temp - 32) * 5 / 9, 2)),
        each=15,
        spread=3,
        among=weather.c.temp.is_not(None),
    ),
    Fault(
        "lost_planes",
        "planes are missing: every flight that names them is an orphan",
        planes,
        Lose(),
        each=4,
        among=planes.c.manufacturer == "BOEING",
    ),
    Fault(
        "drifted_seats",
        "planes have one seat too many",
        planes,
        Rewrite("seats", planes.c.seats + 1),
        each=20,
        among=planes.c.manufacturer == "AIRBUS",
    ),
    Fault(
        "twins_in_lower_case",
        "airports stand there twice, the second time in lower case",
        airports,
        Invent({"faa": sa.func.lower(airports.c.faa)}),
        each=3,
        among=airports.c.faa.regexp_match("^[A-Z]{3}$") & airports.c.tzone.is_not(None),
    ),
    Fault(
        "empty_for_null",
        "tzone is the empty string where the source has NULL",
        airports,
        Rewrite("tzone", sa.literal("")),
        each=3,
        among=airports.c.tzone.is_(None),
    ),
    Fault(
        "trailing_space",
        "airline names end in a space",
        airlines,
        Rewrite("name", sa.func.concat(airlines.c.name, " ")),
        each=2,
    ),
)
"""Every fault of the demo."""
