"""Both sides of a table at one moment each, read at the same time."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from recon_assets.dialect.cancelling import cancelled_with_us
from recon_assets.dialect.canonical import Cell
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.sql import begin_reading
from recon_assets.dialect.windows import bound, is_time, window_of, within
from recon_assets.errors import DeclarationError
from recon_assets.model import ALL, Column, Relation, Window
from recon_assets.reading.column_matching import Pair, forms
from recon_assets.reading.names import Select, cast_to, condition, nearest, relation_of
from recon_assets.reading.table_schema import TableSchema

T = TypeVar("T")
UNDATED = ""
"""The window of rows that have no time, and so fall into none."""


@dataclass(frozen=True)
class Side:
    """One side of a table, as it is at the moment of its snapshot.

    Of ``compare_by_value`` columns every value is looked at, whatever its text. ``part`` limits what is read to rows
    that fall into no window of the table.
    """

    pair: Pair
    role: Literal["source", "target"]
    connection: sa.Connection
    compare_by_value: frozenset[str] = frozenset()
    part: Literal["all", "undated", "outside"] = "all"

    @property
    def dialect(self) -> str:
        """SQLAlchemy's name of it."""
        return self.connection.dialect.name

    @property
    def place(self) -> str:
        """How messages begin."""
        return f"{self.pair.spec.name}: {self.role}"

    @property
    def relation(self) -> Relation:
        """The table or query read."""
        return self.pair.spec.source if self.role == "source" else self.pair.spec.target

    @cached_property
    def table(self) -> sa.FromClause:
        """The relation with all columns compared."""
        names = [getattr(mapped, self.role).name for mapped in self.pair.columns]
        return relation_of(self.relation, dict.fromkeys(names))

    def column(self, name: str) -> Column:
        """This side's column of the source's name.

        Raises:
            DeclarationError: When no such column is compared.
        """
        known: dict[str, Column] = {mapped.source.name: getattr(mapped, self.role) for mapped in self.pair.columns}
        if name not in known:
            msg = f"{self.place}: there is no column {name!r} among those compared; {nearest(name, known)}"
            raise DeclarationError(msg)
        return known[name]

    def value(self, name: str) -> sa.ColumnElement[Any]:
        """The column of the source's name, as it is read."""
        return cast_to(self.table.c[self.column(name).name], self.pair.cast(self.role, name))

    def cells(self, names: Sequence[str]) -> list[Cell]:
        """These columns, to be written down. What texts cannot decide is marked on one side."""
        found = forms(self.pair)
        marks = self.role == "target"
        return [
            Cell(
                self.value(name),
                self.column(name).type,
                found[name],
                compare_by_value=marks and (name in self.compare_by_value or not found[name].equal_text_proves_equal),
                nullable=self.column(name).nullable or name in self.pair.spec.cast,
            )
            for name in names
        ]

    def window_key_if_inside(self, windows: Sequence[Window]) -> sa.ColumnElement[Any]:
        """The key of a row's window, NULL for `undated` rows; ``windows`` are in order of time, or `ALL`."""
        calendar = self.pair.spec.calendar
        if calendar is None or windows[0].start is None or not self._may_be_undated:
            return self.window_key(windows)
        placed = self.inside(windows)
        if self.dialect != "sqlite":
            # Rows of other times are not read then, and what is no time is not after any.
            kind = self.column(calendar.column).type.kind
            placed = self.value(calendar.column) >= bound(windows[0].start, kind, calendar.stored_in, self.dialect)
        return sa.case((placed, self.window_key(windows)), else_=None)

    def window_key(self, windows: Sequence[Window]) -> sa.ColumnElement[Any]:
        """The key of the window of a row that is `inside`, which is cheaper; for other rows it is wrong."""
        calendar = self.pair.spec.calendar
        if calendar is None or windows[0].start is None:
            return sa.literal_column(f"'{ALL.key}'")
        every = [window for stretch in stretches(windows) for window in calendar.covering(stretch)]
        return window_of(self.value(calendar.column), self.column(calendar.column).type.kind, every, calendar)

    def inside(self, windows: Sequence[Window]) -> sa.ColumnElement[bool]:
        """Whether a row falls into one of ``windows``, which are in order of time, or `ALL`."""
        calendar = self.pair.spec.calendar
        if calendar is None or windows[0].start is None:
            return sa.true()
        kind, moment = self.column(calendar.column).type.kind, self.value(calendar.column)
        return within(moment, kind, stretches(windows), calendar, self.dialect)

    def undated(self) -> sa.ColumnElement[bool]:
        """Whether a row's time is NULL, or no time."""
        calendar = self.pair.spec.calendar
        if calendar is None or not self._may_be_undated:
            return sa.false()
        kind = self.column(calendar.column).type.kind
        return sa.not_(is_time(self.value(calendar.column), kind, calendar, self.dialect))

    @property
    def _may_be_undated(self) -> bool:
        """NULL is ruled out by PostgreSQL and DuckDB; MySQL's zero dates are NULL, and SQLite holds any text."""
        name = self.pair.spec.calendar.column if self.pair.spec.calendar else ""
        cast = self.pair.cast(self.role, name)
        checked = self.dialect in {"postgresql", "duckdb"} and bool(self.relation.table) and not cast
        return not checked or self.column(name).nullable

    def outside(self) -> sa.ColumnElement[bool]:
        """Whether a row's time is before all windows of the table, or after them."""
        calendar = self.pair.spec.calendar
        if calendar is None:
            return sa.false()
        kind = self.column(calendar.column).type.kind
        inside = within(self.value(calendar.column), kind, [calendar.history()], calendar, self.dialect)
        return sa.and_(sa.not_(self.undated()), sa.not_(inside))

    @property
    def schema(self) -> TableSchema:
        """What the database says of the relation."""
        return self.pair.source_schema if self.role == "source" else self.pair.target_schema

    def select(self, *columns: sa.ColumnElement[Any]) -> Select:
        """These columns of the rows for which the declared ``where`` holds, and that are of this ``part``."""
        found = sa.select(*columns).select_from(self.table).where(condition(self.pair.spec.where))
        return found if self.part == "all" else found.where(getattr(self, self.part)())

    def stream(self, select: Select, batch: int = 5000) -> Iterator[Sequence[sa.Row[Any]]]:
        """The rows of a statement, in batches."""
        streamed = {"stream_results": True, "max_row_buffer": batch}
        with driver_errors(self.place), self.connection.execute(select, execution_options=streamed) as result:
            yield from result.partitions(batch)


def is_unique(side: Side) -> bool:
    """Whether the database itself holds that no two rows have one key, none of it NULL and none of it cast."""
    columns = {side.column(name).name: side.column(name) for name in side.pair.spec.key}
    if not side.schema.unique_everywhere:
        return False
    if side.dialect == "sqlite" or set(side.pair.spec.cast) & set(side.pair.spec.key):
        return False
    never_null = {name for name, column in columns.items() if not column.nullable or name in side.schema.primary_key}
    return any(set(unique) <= never_null for unique in side.schema.unique)


def stretches(windows: Sequence[Window]) -> list[Window]:
    """As few spans of time as cover the windows and nothing else."""
    found: list[Window] = []
    for window in windows:
        if found and found[-1].end == window.start:
            found[-1] = Window(found[-1].key, found[-1].start, window.end)
        else:
            found.append(window)
    return found


@dataclass(frozen=True)
class Snapshot:
    """Both sides, each in one transaction that only reads."""

    pair: Pair
    source: Side
    target: Side

    def narrowed(self, *, where: str | None = None, compare_by_value: frozenset[str] = frozenset()) -> "Snapshot":
        """The same moment, of the rows only for which ``where`` holds too, or with more columns compared by value."""
        spec = self.pair.spec
        both = " AND ".join(f"({sql}\n)" for sql in (spec.where, where) if sql)
        pair = replace(self.pair, spec=replace(spec, where=both or None))
        source, target = (
            replace(side, pair=pair, compare_by_value=side.compare_by_value | compare_by_value)
            for side in (self.source, self.target)
        )
        return Snapshot(pair, source, target)

    def of_part(self, part: Literal["undated", "outside"]) -> "Snapshot":
        """Of those rows only that fall into no window, to be read as the one window `ALL`."""
        return Snapshot(self.pair, replace(self.source, part=part), replace(self.target, part=part))

    def both(self, read: Callable[[Side], T]) -> tuple[T, T]:
        """What ``read`` makes of the source and of the target, done at the same time."""
        with ThreadPoolExecutor(2) as pool, cancelled_with_us(self.source.connection, self.target.connection):
            source, target = (pool.submit(read, side) for side in (self.source, self.target))
            return source.result(), target.result()


@contextmanager
def snapshot(pair: Pair, *, target: sa.Connection | None = None) -> Iterator[Snapshot]:
    """Opens both sides; all that is read meanwhile is of one moment a side.

    Args:
        pair: Both sides, with engines opened for reading.
        target: A connection in whose transaction the target is read, instead of one of its own.

    Raises:
        UnavailableError: When a database does not answer.
    """
    sides = {f"{pair.spec.name}: source": (pair.source, None), f"{pair.spec.name}: target": (pair.target, target)}
    with ExitStack() as stack:
        with ThreadPoolExecutor(2) as pool:
            opening = {place: pool.submit(_open, place, *side) for place, side in sides.items()}
        for place, each in opening.items():
            stack.enter_context(driver_errors(place))
            if each.exception() is None and each.result() is not target:
                stack.callback(each.result().close)
        source_read, target_read = (each.result() for each in opening.values())
        yield Snapshot(pair, Side(pair, "source", source_read), Side(pair, "target", target_read))


def _open(place: str, engine: sa.Engine, given: sa.Connection | None) -> sa.Connection:
    """A connection to read by, which reads the moment of this call; the one ``given`` reads as its owner began it."""
    if given is not None:
        return given
    with driver_errors(place), ExitStack() as stack:
        connection = stack.enter_context(engine.connect())
        connection.execute(begin_reading())
        stack.pop_all()
    return connection
