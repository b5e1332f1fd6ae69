"""A figure of one column is the same on both sides."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from recon_assets.checks.base import FilteredCheck, Size, remark, shown, size_of
from recon_assets.model import EXACT, Evidence, Finding, Measure, Need, Tolerance

Function = Literal["sum", "avg", "min", "max", "nulls", "distinct"]
_WORDS: Mapping[Function, str] = MappingProxyType(
    {
        "sum": "sum",
        "avg": "average",
        "min": "minimum",
        "max": "maximum",
        "nulls": "number of NULLs",
        "distinct": "number of distinct values",
    }
)


@dataclass(frozen=True)
class ColumnFigure(FilteredCheck):
    """``function`` of ``column`` is the same on both sides, to within ``tolerance`` of the figure's own unit.

    Over no rows, and over NULLs only, most figures are NULL, which equals NULL only. That both sides have no NULLs is
    no agreement where one of them has no rows and the other has some; how severe other differences of NULLs are depends
    on the number of rows.
    """

    function: Function
    column: str
    tolerance: Tolerance = EXACT

    @property
    def kind(self) -> str:
        """The function's name."""
        return self.function

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The column that it is the figure of."""
        return (self.column,)

    @property
    def needs(self) -> tuple[Need, ...]:
        """The figure; of NULLs the number of rows, too."""
        return (self._figure, self._rows) if self.function == "nulls" else (self._figure,)

    @property
    def _default_description(self) -> str:
        return f"The {_WORDS[self.function]} of {self.column} is the same in source and target."

    @property
    def _figure(self) -> Measure:
        return Measure(self.function, self.column, where=self.where)

    @property
    def _rows(self) -> Measure:
        return Measure("count", where=self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when the figures are equal to within the tolerance."""
        both = evidence.of(self._figure)
        source, target = both.source, both.target
        passed = self.tolerance.allows(source, target)
        size: Size | None = size_of(source, target)
        said = (
            f"{_WORDS[self.function]} of {self.column} is {shown(source)} in source, {shown(target)} in target"
            f"{remark(self.tolerance, source, target)}"
        )
        if self.function == "nulls":
            rows = evidence.of(self._rows)
            size = size_of(source, target)[0], rows.source
            if bool(rows.source) != bool(rows.target):
                empty, other = ("target", "source") if rows.source else ("source", "target")
                said = f"no rows in {empty}, {rows.source or rows.target:,} in {other}"
                passed, size = False, None
        return self.finding(
            evidence, said, passed=passed, size=size, source=source, target=target, wrong=int(not passed), of=1
        )
