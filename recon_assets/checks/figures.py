"""A figure of one column is the same on both sides."""

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar, Literal

from recon_assets.checks.base import FilteredCheck, Size, remark, shown, size_of
from recon_assets.model import EXACT, Evidence, Figure, Finding, Measure, Need, SidePair, Tolerance


@dataclass(frozen=True)
class _OfColumn(FilteredCheck, ABC):
    """Judges one figure of ``column``, to within ``tolerance`` of the figure's own unit.

    Over no rows, and over NULLs only, most figures are NULL, which equals NULL only.
    """

    column: str
    tolerance: Tolerance = EXACT
    kind: ClassVar[Literal["sum", "avg", "min", "max", "nulls", "distinct"]]
    words: ClassVar[str]

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The column that it is the figure of."""
        return (self.column,)

    @property
    def needs(self) -> tuple[Need, ...]:
        """The figure."""
        return (self._figure,)

    @property
    def _default_description(self) -> str:
        return f"The {self.words} of {self.column} is the same in source and target."

    @property
    def _figure(self) -> Measure:
        return Measure(self.kind, self.column, where=self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when the figures are equal to within the tolerance."""
        both = evidence.both(self._figure)
        source, target = both.source, both.target
        passed = self.tolerance.allows(source, target)
        return self.finding(
            evidence,
            f"{self.words} of {self.column} is {shown(source)} in source, {shown(target)} in target"
            f"{remark(self.tolerance, source, target)}",
            passed=passed,
            size=self._size(evidence, source, target),
            source=source,
            target=target,
            wrong=int(not passed),
            of=1,
        )

    def _size(self, _: Evidence, source: Figure, target: Figure) -> Size:
        return size_of(source, target)


@dataclass(frozen=True)
class Sum(_OfColumn):
    """``column`` adds up to the same on both sides."""

    kind = "sum"
    words = "sum"


@dataclass(frozen=True)
class Average(_OfColumn):
    """The mean of the values of ``column`` that are not NULL."""

    kind = "avg"
    words = "average"


@dataclass(frozen=True)
class Minimum(_OfColumn):
    """The smallest value of ``column``."""

    kind = "min"
    words = "minimum"


@dataclass(frozen=True)
class Maximum(_OfColumn):
    """The largest value of ``column``."""

    kind = "max"
    words = "maximum"


@dataclass(frozen=True)
class Distinct(_OfColumn):
    """How many different values ``column`` has, NULL not counted."""

    kind = "distinct"
    words = "number of distinct values"


@dataclass(frozen=True)
class Nulls(_OfColumn):
    """In how many rows ``column`` is NULL; how severe a difference is depends on the number of rows.

    Where one side has no rows and the other has some, that neither has NULLs is no agreement.
    """

    kind = "nulls"
    words = "number of NULLs"

    @property
    def needs(self) -> tuple[Need, ...]:
        """The figure, and the number of rows."""
        return (self._figure, self._rows)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when the figures are equal to within the tolerance, and both sides have rows or neither has."""
        rows = evidence.both(self._rows)
        return super().judge(evidence) if bool(rows.source) == bool(rows.target) else self._one_sided(evidence, rows)

    def _one_sided(self, evidence: Evidence, rows: SidePair) -> Finding:
        both = evidence.both(self._figure)
        empty, other = ("target", "source") if rows.source else ("source", "target")
        return self.finding(
            evidence,
            f"no rows in {empty}, {rows.source or rows.target:,} in {other}",
            passed=False,
            source=both.source,
            target=both.target,
            wrong=1,
            of=1,
        )

    @property
    def _rows(self) -> Measure:
        return Measure("count", where=self.where)

    def _size(self, evidence: Evidence, source: Figure, target: Figure) -> Size:
        return size_of(source, target)[0], evidence.both(self._rows).source
