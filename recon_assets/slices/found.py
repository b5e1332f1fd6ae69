"""Rows of the target that are wrong by themselves: how many, and some of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import Cell, value_text
from recon_assets.dialect.failures import explained
from recon_assets.dialect.forms import form
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Discrepancy, DiscrepancyKind, Found, Kind, Rule, Value, Window
from recon_assets.slices.names import Select, condition, nearest
from recon_assets.slices.pairs import Mapped
from recon_assets.slices.snapshot import Side, Snapshot
from recon_assets.slices.unharmed import unharmed

BATCH = 10_000
"""How many records are held at once, windows of more excepted."""
WINDOW = "recon_window"
_AT = "recon_at"
Counts = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Fault:
    """What may be wrong with a row: ``columns`` (the source's names) are at fault where ``holds``."""

    columns: tuple[str, ...]
    holds: sa.ColumnElement[bool]


@dataclass(frozen=True)
class Suspects:
    """The target's rows of some windows, each to be looked at for ``faults``.

    Attributes:
        side: The target.
        table: Its relation, with whatever is joined to it.
        where: Of those rows only for which this SQL holds.
        scanned: Whether the rows of other windows are looked at too, because they bear on these.
    """

    side: Side
    faults: tuple[Fault, ...]
    table: sa.FromClause
    where: str | None = None
    scanned: bool = False

    def rows(self, windows: Sequence[Window]) -> Select:
        """Window, faults as 1 or 0, and the record's columns."""
        faults = [sa.case((fault.holds, 1), else_=0).label(_flag(at)) for at, fault in enumerate(self.faults)]
        columns = [self.side.value(name).label(_value(at)) for at, name in enumerate(names(self.side))]
        day = self.side.day(windows).label(WINDOW)
        rows = sa.select(day, *faults, *columns).select_from(self.table)
        rows = rows.where(condition(self.side.pair.spec.where), condition(self.where))
        return rows if self.scanned else rows.where(self.side.inside(windows))

    def counts(self, windows: Sequence[Window]) -> Counts:
        """How many rows are wrong, of how many, by window; one statement."""
        rows = self.rows(windows).subquery("recon_rows")
        wrong = sa.func.sum(sa.case((self._wrong(rows), 1), else_=0))
        select = sa.select(rows.c[WINDOW], sa.func.count(), wrong).where(rows.c[WINDOW].is_not(None))
        with explained(self.side.where):
            found = self.side.connection.execute(select.group_by(rows.c[WINDOW]))
            return {str(window): (int(wrong), int(of)) for window, of, wrong in found}

    def records(self, windows: Sequence[Window], kind: DiscrepancyKind, most: int) -> dict[str, list[Discrepancy]]:
        """Records that are wrong, by window: the first by key, at most ``most`` of each."""
        found: dict[str, list[Discrepancy]] = {}
        with explained(self.side.where):
            for row in self.side.connection.execute(self._sample(windows, most)):
                record = self._record(kind, tuple(row))
                found.setdefault(record.window, []).append(record)
        return found

    def _wrong(self, rows: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.or_(*(rows.c[_flag(at)] == 1 for at in range(len(self.faults))))

    def _sample(self, windows: Sequence[Window], most: int) -> Select:
        rows = self.rows(windows).subquery("recon_rows")
        own = names(self.side)
        key = [rows.c[_value(own.index(name))] for name in self.side.pair.spec.key]
        at = sa.func.row_number().over(partition_by=rows.c[WINDOW], order_by=key or None).label(_AT)
        wrong = sa.select(rows, at).where(self._wrong(rows), rows.c[WINDOW].is_not(None)).subquery("recon_wrong")
        flags = [wrong.c[_flag(at)] for at in range(len(self.faults))]
        texts = [value_text(_cell(self.side, name, wrong.c[_value(at)])) for at, name in enumerate(own)]
        order = sa.select(wrong.c[WINDOW], *flags, *texts).where(wrong.c[_AT] <= most)
        return order.order_by(wrong.c[WINDOW], wrong.c[_AT])

    def _record(self, kind: DiscrepancyKind, row: tuple[Any, ...]) -> Discrepancy:
        flags, texts = row[1 : 1 + len(self.faults)], row[1 + len(self.faults) :]
        own = names(self.side)
        record = {name: shown(text, self.side.column(name)) for name, text in zip(own, texts, strict=True)}
        at_fault = dict.fromkeys(
            name for flag, fault in zip(flags, self.faults, strict=True) if flag for name in fault.columns
        )
        key = tuple(record[name] for name in self.side.pair.spec.key)
        return Discrepancy(kind, key, target=record, differing=tuple(at_fault), window=str(row[0]))


def found(
    snapshot: Snapshot,
    counts: Callable[[], Counts],
    suspects: Callable[[Sequence[Window]], Suspects],
    windows: Sequence[Window],
    kind: DiscrepancyKind,
    most: int,
) -> Iterator[tuple[str, Found]]:
    """What is wrong in each window, in their order: all is counted at once, records are read as they are asked for."""
    with unharmed(snapshot):
        counted = counts()
    for batch in _batches(windows, counted, most):
        records: Mapping[str, list[Discrepancy]] = {}
        if any(counted.get(window.key, (0, 0))[0] for window in batch):
            with unharmed(snapshot):
                records = suspects(batch).records(batch, kind, most)
        for window in batch:
            yield window.key, Found(*counted.get(window.key, (0, 0)), tuple(records.get(window.key, ())))


def _batches(windows: Sequence[Window], counts: Counts, most: int) -> Iterator[list[Window]]:
    batch: list[Window] = []
    held = 0
    for window in windows:
        more = min(most, counts.get(window.key, (0, 0))[0])
        if batch and held + more > BATCH:
            yield batch
            batch, held = [], 0
        batch.append(window)
        held += more
    if batch:
        yield batch


def target_of(snapshot: Snapshot, used: Sequence[str], where: str | None) -> Side:
    """The target with the columns ``used`` (the source's names) among its columns, also those that are not compared.

    Raises:
        DeclarationError: When the target has no such column.
    """
    pair = snapshot.pair
    known = {mapped.source.name for mapped in pair.columns}
    more = tuple(_own(snapshot.target, name) for name in dict.fromkeys(used) if name not in known)
    wider = replace(pair, columns=(*pair.columns, *more))
    return replace(snapshot.target, pair=wider) if where is None else snapshot.but(where=where).target
