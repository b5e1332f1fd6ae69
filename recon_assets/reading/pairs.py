"""The two sides of a declared table, and how their columns meet."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from recon_assets.dialect import catalog
from recon_assets.dialect.windows import within
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Kind, NotCompared, TableSpec, Window
from recon_assets.reading.names import cast_to, condition, nearest
from recon_assets.reading.table_schema import TableSchema, described
from recon_assets.values.native import without_form


@dataclass(frozen=True)
class ColumnPair:
    """A column of the source and the one of the target that it fills."""

    source: Column
    target: Column


@dataclass(frozen=True)
class Pair:
    """The two sides of a declared table, looked at once and used for many windows.

    ``not_compared`` are columns that are read along and not compared. ``left_out`` are those that cannot be
    compared, with the reason: only one side has them, or their types have no common meaning.
    """

    spec: TableSpec
    source: sa.Engine
    target: sa.Engine
    columns: tuple[ColumnPair, ...]
    target_schema: TableSchema
    source_schema: TableSchema
    not_compared: frozenset[str] = frozenset()
    left_out: tuple[NotCompared, ...] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns that are compared, those of the key too, by the source's names."""
        names = (column.source.name for column in self.columns)
        return tuple(name for name in names if name not in self.not_compared)

    @property
    def compares_keys_alone(self) -> bool:
        """Whether no column is compared but the key's, though a side has others."""
        every = max(len(schema.columns) for schema in (self.source_schema, self.target_schema))
        return set(self.compared) <= set(self.spec.key) and every > len(self.compared)

    @property
    def key(self) -> tuple[ColumnPair, ...]:
        """The key's columns, in the order declared."""
        by_name = {column.source.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.spec.key)

    def in_window(
        self, side: Literal["source", "target"], table: sa.FromClause, window: Window
    ) -> sa.ColumnElement[bool]:
        """Whether a row of ``table``, the relation of ``side``, belongs to the window and to the declared ``where``."""
        days, where = self.spec.days, condition(self.spec.where)
        if days is None or window.start is None:
            return sa.and_(sa.true(), where)
        mapped = next(column for column in self.columns if column.source.name == days.column)
        column = mapped.source if side == "source" else mapped.target
        dialect = (self.source if side == "source" else self.target).dialect.name
        moment = cast_to(table.c[column.name], self.spec.cast.get(column.name) if side == "source" else None)
        return sa.and_(within(moment, column.type.kind, window, days, dialect), where)


def pair(spec: TableSpec, source: sa.Engine, target: sa.Engine) -> Pair:
    """Looks at both sides and matches their columns.

    Raises:
        DeclarationError: Naming everything about the columns that keeps the table from being loaded.
    """
    if not catalog.is_server(target):
        msg = f"tables.{spec.name}: {target.dialect.name} files can be sources, not targets; load into a server"
        raise DeclarationError(msg)
    left, right = described(spec, source, target)
    wrong = problems(spec, left, right)
    if wrong:
        raise DeclarationError("\n".join(f"tables.{spec.name}: {problem}" for problem in wrong))
    return Pair(spec, source, target, _mapped(spec, left, right), right, left)


def _mapped(spec: TableSpec, source: TableSchema, target: TableSchema) -> tuple[ColumnPair, ...]:
    wanted = [column for column in source.columns if column.name not in spec.ignore]
    there = {column.name: column for column in target.columns}
    found = [(column, there.get(spec.target_name(column.name))) for column in wanted]
    return tuple(ColumnPair(column, other) for column, other in found if other and not other.generated)


def problems(spec: TableSpec, source: TableSchema, target: TableSchema) -> tuple[str, ...]:
    """Everything about the columns of both sides that keeps ``spec`` from being loaded, one sentence each."""
    return (
        *_unknown(spec, source, target),
        *_unmatched(spec, source, target),
        *_unfit(spec, source, target),
        *_undated(spec, source, target),
    )


def _unknown(spec: TableSpec, source: TableSchema, target: TableSchema) -> Iterator[str]:
    names = [column.name for column in source.columns]
    named = {
        "key": spec.key,
        "window.column": (spec.days.column,) if spec.days else (),
        "columns.rename": tuple(spec.rename),
        "columns.cast": tuple(spec.cast),
    }
    for where, columns in named.items():
        for name in columns:
            if name not in names:
                yield f"{where}: the source has no column {name!r}; {nearest(name, names)}"
    both = {*names, *(column.name for column in target.columns)}
    for name in spec.ignore:
        if name not in both:
            yield f"columns.ignore: neither side has a column {name!r}; {nearest(name, both)}"


def _unmatched(spec: TableSpec, source: TableSchema, target: TableSchema) -> Iterator[str]:
    there = {column.name: column for column in target.columns}
    wanted = {spec.target_name(column.name): column.name for column in source.columns if column.name not in spec.ignore}
    for name, original in wanted.items():
        if name not in there:
            yield f"{original}: the target has no column {name!r}; rename it, or ignore it ({nearest(name, there)})"
        elif there[name].generated and original in spec.key:
            yield f"{original}: the target computes this column of the key itself; choose another key"
    for column in target.columns:
        filled = column.name in wanted or column.default or column.generated or column.identity
        if not filled and not column.nullable:
            yield f"{column.name}: only the target has this column, is NOT NULL and has no default; give it one"


def _unfit(spec: TableSpec, source: TableSchema, target: TableSchema) -> Iterator[str]:
    for mapped in _mapped(spec, source, target):
        alone = without_form(mapped.source.type, mapped.target.type)
        if alone:
            side = "source" if alone is mapped.source.type else "target"
            yield (
                f"{getattr(mapped, side).name}: {alone.name} of the {side} has no exact form in other databases;"
                f" cast it under columns.cast, or ignore it"
            )
    if not target.transactional:
        yield "the target table takes no part in transactions, so a failed load could not be undone; use InnoDB"


def _undated(spec: TableSpec, source: TableSchema, target: TableSchema) -> Iterator[str]:
    days = spec.days
    window = [mapped for mapped in _mapped(spec, source, target) if days and mapped.source.name == days.column]
    kinds = {column.type.kind for mapped in window for column in (mapped.source, mapped.target)}
    for side, column in ((side, getattr(mapped, side)) for mapped in window for side in ("source", "target")):
        if column.type.kind not in _DATED[side]:
            yield (
                f"window.column: {column.name} of the {side} is {column.type.name}, which falls into no days;"
                " choose a date or timestamp, or cast it under columns.cast"
            )
    if days and Kind.DATE in kinds and len(kinds) > 1 and days.stored_in != days.timezone:
        yield (
            "window.column: a date on one side and times on the other name the same day only"
            f" when both are read in one zone; set stored_in to {days.timezone}"
        )


_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}
_DATED = {"source": {*_MOMENTS, Kind.ANY}, "target": _MOMENTS}
