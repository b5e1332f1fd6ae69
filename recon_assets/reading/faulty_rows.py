"""Rows of the target that are wrong by themselves: how many in each window, and some of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import sqlalchemy as sa

from recon_assets.dialect.canonical import Cell, value_text
from recon_assets.dialect.common_form import common_form
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Discrepancy, DiscrepancyKind, FaultyRows, Rule, Value, Window
from recon_assets.reading.column_matching import ColumnPair
from recon_assets.reading.names import Select, condition, nearest
from recon_assets.reading.savepoint import savepoint
from recon_assets.reading.snapshot import Side, Snapshot
from recon_assets.values.showing import shown

BATCH = 10_000
"""How many records are held at once; those of one window are never parted."""
WINDOW = "recon_window"
_ROWS, _WRONG, _AT = "recon_rows", "recon_wrong", "recon_at"
_NONE = (0, 0)
Counts = Mapping[str, tuple[int, int]]
"""By window: how many rows are wrong, of how many."""


@dataclass(frozen=True)
class Fault:
    """What may be wrong with a row: ``columns`` (the source's names) are at fault where ``holds``."""

    columns: tuple[str, ...]
    holds: sa.ColumnElement[bool]


class Wrong(Protocol):
    """What tells the rows that are wrong."""

    def counts(self, windows: Sequence[Window]) -> Counts:
        """How many there are; windows without rows may be left out."""

    def records(self, windows: Sequence[Window], most: int) -> Mapping[str, Sequence[Discrepancy]]:
        """Some of them in the order of keys, at most ``most`` of each window."""


@dataclass(frozen=True)
class RowCheck:
    """The target's rows, each to be looked at for ``faults``.

    Attributes:
        side: The target.
        kind: What rows with a fault are called.
        faults: What may be wrong.
        table: The rows, with whatever the faults join to them.
    """

    side: Side
    kind: DiscrepancyKind
    faults: tuple[Fault, ...]
    table: sa.FromClause

    def counts(self, windows: Sequence[Window]) -> Counts:
        """How many rows are wrong, in one statement."""
        rows = self._rows(windows)
        wrong = sa.func.sum(sa.case((self._any(rows), 1), else_=0))
        select = sa.select(rows.c[WINDOW], wrong, sa.func.count()).where(rows.c[WINDOW].is_not(None))
        with driver_errors(self.side.place):
            found = self.side.connection.execute(select.group_by(rows.c[WINDOW]))
            return {str(window): (int(wrong), int(of)) for window, wrong, of in found}

    def records(self, windows: Sequence[Window], most: int) -> dict[str, list[Discrepancy]]:
        """The first rows by key that are wrong, at most ``most`` of each window."""
        found: dict[str, list[Discrepancy]] = {}
        with driver_errors(self.side.place):
            for row in self.side.connection.execute(self._first(windows, most)):
                record = self._record(tuple(row))
                found.setdefault(record.window, []).append(record)
        return found

    def _rows(self, windows: Sequence[Window]) -> sa.Subquery:
        """Of each row the window, the faults as 1 or 0, and the columns."""
        flags = [sa.case((fault.holds, 1), else_=0).label(_flag(at)) for at, fault in enumerate(self.faults)]
        values = [self.side.value(name).label(_value(at)) for at, name in enumerate(_names(self.side))]
        day = self.side.window_key(windows).label(WINDOW)
        rows = sa.select(day, *flags, *values).select_from(self.table).where(condition(self.side.pair.spec.where))
        return rows.where(self.side.inside(windows)).subquery(_ROWS)

    def _any(self, rows: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.or_(*(rows.c[_flag(at)] == 1 for at in range(len(self.faults))))

    def _first(self, windows: Sequence[Window], most: int) -> Select:
        rows, names = self._rows(windows), _names(self.side)
        key = [rows.c[_value(names.index(name))] for name in self.side.pair.spec.key]
        at = sa.func.row_number().over(partition_by=rows.c[WINDOW], order_by=key or None).label(_AT)
        wrong = sa.select(rows, at).where(self._any(rows), rows.c[WINDOW].is_not(None)).subquery(_WRONG)
        flags = [wrong.c[_flag(at)] for at in range(len(self.faults))]
        texts = [value_text(cell(self.side.column(name), wrong.c[_value(at)])) for at, name in enumerate(names)]
        first = sa.select(wrong.c[WINDOW], *flags, *texts).where(wrong.c[_AT] <= most)
        return first.order_by(wrong.c[WINDOW], wrong.c[_AT])

    def _record(self, row: tuple[Any, ...]) -> Discrepancy:
        window, flags, texts = row[0], row[1 : 1 + len(self.faults)], row[1 + len(self.faults) :]
        pairs = zip(self.side.pair.columns, texts, strict=True)
        record = {mapped.source.name: _shown(text, mapped) for mapped, text in pairs}
        at_fault = [fault.columns for flag, fault in zip(flags, self.faults, strict=True) if flag]
        return Discrepancy(
            self.kind,
            tuple(record[name] for name in self.side.pair.spec.key),
            target=record,
            differing=tuple(dict.fromkeys(name for columns in at_fault for name in columns)),
            window=str(window),
        )


def found(snapshot: Snapshot, wrong: Wrong, windows: Sequence[Window], most: int) -> Iterator[tuple[str, FaultyRows]]:
    """What is wrong in each window, in their order: all are counted at once, records are read when they are asked for.

    Yields:
        The window's key, and what was found there.
    """
    with savepoint(snapshot):
        counts = wrong.counts(windows)
    for batch in _batches(windows, counts, most):
        records: Mapping[str, Sequence[Discrepancy]] = {}
        if any(counts.get(window.key, _NONE)[0] for window in batch):
            with savepoint(snapshot):
                records = wrong.records(batch, most)
        for window in batch:
            yield window.key, FaultyRows(*counts.get(window.key, _NONE), tuple(records.get(window.key, ())))


def _batches(windows: Sequence[Window], counts: Counts, most: int) -> Iterator[list[Window]]:
    batch: list[Window] = []
    held = 0
    for window in windows:
        more = min(most, counts.get(window.key, _NONE)[0])
        if batch and held + more > BATCH:
            yield batch
            batch, held = [], 0
        batch.append(window)
        held += more
    if batch:
        yield batch


def target_with(snapshot: Snapshot, used: Sequence[str], where: str | None) -> Side:
    """The target of those rows only for which ``where`` holds, with the columns ``used`` even if none compares them.

    Raises:
        DeclarationError: When the target has no such column.
    """
    side = snapshot.narrowed(where=where).target
    there = {mapped.source.name for mapped in side.pair.columns}
    more = tuple(_unpaired(side, name) for name in dict.fromkeys(used) if name not in there)
    return replace(side, pair=replace(side.pair, columns=(*side.pair.columns, *more)))


def _unpaired(side: Side, name: str) -> ColumnPair:
    """A column that only the target has, or that is not compared."""
    known = {column.name: column for column in side.schema.columns}
    column = known.get(side.pair.spec.target_name(name))
    if column is None:
        msg = f"{side.place}: there is no column {side.pair.spec.target_name(name)!r}; {nearest(name, known)}"
        raise DeclarationError(msg)
    return ColumnPair(replace(column, name=name), column)


def _names(side: Side) -> list[str]:
    return [mapped.source.name for mapped in side.pair.columns]


def cell(column: Column, value: sa.ColumnElement[Any]) -> Cell:
    """A column of the target, to be written down as what it is."""
    return Cell(value, column.type, common_form(column.type, column.type, Rule(), same_dialect=True))


def _shown(text: str | None, mapped: ColumnPair) -> Value:
    source, target = mapped.source.type.kind, mapped.target.type.kind
    return shown(text, target, target, source)


def _flag(at: int) -> str:
    return f"recon_fault_{at}"


def _value(at: int) -> str:
    return f"recon_value_{at}"
