"""What business people hold true of both sides, as a query of each."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from recon_assets.checks.base import BaseCheck, remark, shown
from recon_assets.model import (
    EXACT,
    Details,
    Evidence,
    Figure,
    Finding,
    Need,
    NotGatheredError,
    Results,
    Tolerance,
    as_decimal,
    masked,
    plural,
)

GroupKey = tuple[Figure, ...]
ResultRow = Mapping[str, Any]
WINDOWED = re.compile(r"(?<!:):window_(?:start|end)\b")
_SHOWN = 10


@dataclass(frozen=True)
class BusinessRule(BaseCheck):
    """Two queries give the same rows: those of equal ``by`` have, in every other column, the same value.

    Numbers are the same to within ``tolerance``, all else exactly. A row that only one side has is a
    difference. Without ``by``, each query gives one row at most. A query may use ``:window_start`` and
    ``:window_end``; if none does, the rule is judged once for the whole table.
    """

    kind = "rule"
    source: str
    target: str
    by: tuple[str, ...] = ()
    tolerance: Tolerance = EXACT

    @property
    def daily(self) -> bool:
        """Whether the queries ask for a window."""
        return any(WINDOWED.search(sql) for sql in (self.source, self.target))

    @property
    def needs(self) -> tuple[Need, ...]:
        """What the queries give."""
        return (self._results,)

    @property
    def _default_description(self) -> str:
        groups = f" for each {', '.join(self.by)}" if self.by else ""
        return f"The queries of the rule give the same in source and target{groups}."

    @property
    def _results(self) -> Results:
        return Results(self.source, self.target, by=self.by)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no row differs."""
        both = evidence.of(self._results)
        source, target = self._groups(both.source, "source"), self._groups(both.target, "target")
        groups = list(dict.fromkeys((*source, *target)))
        found = {group: tuple(self._differences(source.get(group), target.get(group))) for group in groups}
        wrong = [group for group in groups if found[group]]
        rows = tuple(self._row(group, each, evidence.private) for group in wrong for each in found[group])
        source, target = (_without(side, evidence.private) for side in (source, target))
        return self.finding(
            evidence,
            f"{self.name}: {self._said(source, target, len(wrong), len(groups))}{_rest(rows)}",
            passed=not wrong,
            source=_figure_of(source),
            target=_figure_of(target),
            wrong=len(wrong),
            of=len(groups),
            details=Details((*self.by, "value", "source", "target"), rows[:_SHOWN]) if rows else None,
        )

    def _groups(self, rows: Sequence[ResultRow], side: str) -> dict[GroupKey, ResultRow]:
        """The rows of one side by what tells them apart.

        Raises:
            NotGatheredError: When the columns of ``by`` do not tell rows apart.
        """
        groups = {tuple(figure(row[name]) for name in self.by): row for row in rows}
        if len(groups) < len(rows):
            by = f"the same {', '.join(self.by)}" if self.by else "nothing in `by` to tell them apart"
            msg = f"{len(rows):,} rows of the {side}'s query have {by}; `by` must name what identifies a row"
            raise NotGatheredError(msg)
        return groups

    def _differences(self, source: ResultRow | None, target: ResultRow | None) -> Iterator[tuple[str, Figure, Figure]]:
        """The values of one group that differ, by column."""
        if source is None or target is None:
            yield "(row)", "not found" if source is None else "found", "not found" if target is None else "found"
            return
        for name in dict.fromkeys((*source, *target)):
            left, right = _value(source, name), _value(target, name)
            if name not in self.by and not self.tolerance.allows(left, right):
                yield name, left, right

    def _row(self, group: GroupKey, difference: tuple[str, Figure, Figure], private: Collection[str]) -> GroupKey:
        """One difference as it may be shown."""
        name, left, right = difference
        by = (masked(*item, private) for item in zip(self.by, group, strict=True))
        return (*by, name, masked(name, left, private), masked(name, right, private))

    def _said(
        self, source: Mapping[GroupKey, ResultRow], target: Mapping[GroupKey, ResultRow], wrong: int, of: int
    ) -> str:
        if self.by:
            sides = f"{len(source):,} in source, {len(target):,} in target"
            return f"{wrong:,} of {plural(of, 'group')} by {', '.join(self.by)} differ; {sides}"
        if () not in source or () not in target:
            rows = ("one row" if side else "no row" for side in (source, target))
            return "{} in source, {} in target".format(*rows)
        left, right = source[()], target[()]
        return "; ".join(
            f"{name} is {shown(_value(left, name))} in source, {shown(_value(right, name))} in target"
            f"{remark(self.tolerance, _value(left, name), _value(right, name))}"
            for name in dict.fromkeys((*left, *right))
        )


def figure(value: Any) -> Figure:
    """A value that a query gives; a float is the shortest decimal that names it, for SQLite has no other decimals."""
    if isinstance(value, float):
        return as_decimal(value)
    if value is None or isinstance(value, bool | int | str | Decimal):
        return value
    return bytes(value).hex() if isinstance(value, bytes | bytearray | memoryview) else str(value)


def _value(row: ResultRow, name: str) -> Figure:
    """What the row has there; where the other side alone has such a column, that."""
    return figure(row[name]) if name in row else "(no such column)"


def _without(groups: Mapping[GroupKey, ResultRow], private: Collection[str]) -> dict[GroupKey, ResultRow]:
    """The rows as they may be shown."""
    return {group: {name: masked(name, row[name], private) for name in row} for group, row in groups.items()}


def _figure_of(groups: Mapping[GroupKey, ResultRow]) -> Figure:
    """The one figure of a side, or how many rows it has."""
    rows = [row for group, row in groups.items() if not group]
    values = [figure(value) for row in rows for value in row.values()]
    return values[0] if len(values) == 1 else len(groups)


def _rest(rows: Sequence[object]) -> str:
    return f"; the first {_SHOWN} of {len(rows):,} differences are shown" if len(rows) > _SHOWN else ""
