"""Times of the target stand in an order that makes sense."""

from abc import ABC
from dataclasses import dataclass

from recon_assets.checks.base import FilteredCheck
from recon_assets.checks.target import OfTarget
from recon_assets.model import Disorder, Evidence, Finding, Measure, Need, Undated, rows_of_sides


@dataclass(frozen=True)
class _InOrder(OfTarget, ABC):
    """Judges the rows that break an order."""

    kind = "order"


@dataclass(frozen=True)
class Ascending(_InOrder):
    """``columns`` of a row do not decrease from left to right; NULL is passed over."""

    columns: tuple[str, ...]

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The times of one row."""
        return self.columns

    @property
    def _default_description(self) -> str:
        return f"In every row of the target, {' <= '.join(self.columns)}."

    @property
    def _wrong(self) -> Disorder:
        return Disorder(columns=self.columns, where=self.where)

    @property
    def _fault(self) -> str:
        return f"break {' <= '.join(self.columns)}"


@dataclass(frozen=True)
class Monotonic(_InOrder):
    """``column`` does not decrease as ``along`` grows, within rows of equal ``per``."""

    column: str
    along: str
    per: tuple[str, ...] = ()

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The time, what it goes along with, and what rows belong together by."""
        return (self.column, self.along, *self.per)

    @property
    def _about(self) -> tuple[str, ...]:
        return (self.column, "along", self.along, *(("per", *self.per) if self.per else ()))

    @property
    def _default_description(self) -> str:
        per = f" of each {', '.join(self.per)}" if self.per else ""
        return f"In the target, {self.column}{per} does not decrease as {self.along} grows."

    @property
    def _wrong(self) -> Disorder:
        return Disorder(monotonic=self.column, along=self.along, per=self.per, where=self.where)

    @property
    def _fault(self) -> str:
        per = f" of the same {', '.join(self.per)}" if self.per else ""
        return f"have an earlier {self.column} than a row{per} with a smaller {self.along}"


@dataclass(frozen=True)
class NotFuture(_InOrder):
    """``column`` is not later than now."""

    column: str

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The time."""
        return (self.column,)

    @property
    def _about(self) -> tuple[str, ...]:
        return ("not_future", self.column)

    @property
    def _default_description(self) -> str:
        return f"In the target, {self.column} is not in the future."

    @property
    def _wrong(self) -> Disorder:
        return Disorder(not_future=self.column, where=self.where)

    @property
    def _fault(self) -> str:
        return f"have {self.column} in the future"


@dataclass(frozen=True)
class InWindows(FilteredCheck):
    """Every row falls into one of the table's days: its time is not NULL, and not before the first or after the last.

    Rows outside all days are never loaded and never compared, so that no other check sees them.
    """

    kind = "order"

    @property
    def needs(self) -> tuple[Need, ...]:
        """The rows that no day holds, and all rows."""
        return (self._undated, self._rows)

    @property
    def daily(self) -> bool:
        """No day holds these rows."""
        return False

    @property
    def _about(self) -> tuple[str, ...]:
        return ("in_windows",)

    @property
    def _default_description(self) -> str:
        return "Every row of source and target falls into one of the table's days."

    @property
    def _undated(self) -> Undated:
        return Undated(self.where)

    @property
    def _rows(self) -> Measure:
        return Measure("count", where=self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no row of either side is outside."""
        found, rows = evidence.of(self._undated), evidence.of(self._rows)
        outside = found.outside or (0, 0)
        source, target = found.counts.source + outside[0], found.counts.target + outside[1]
        return self.finding(
            evidence,
            f"{rows_of_sides(source, target)} fall into none of its days",
            passed=not source and not target,
            source=source,
            target=target,
            wrong=source + target,
            of=rows.source + rows.target,
        )
