"""Both sides have as many rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recon_assets.checks.base import FilteredCheck, plural, remark
from recon_assets.model import EXACT, Details, Evidence, Figure, Finding, Measure, Need, NotGatheredError, Tolerance

Group = tuple[Figure, ...]


@dataclass(frozen=True)
class Count(FilteredCheck):
    """Both sides have as many rows, to within ``tolerance``; with ``by``, for each value of those columns.

    Of groups, those that only one side has are never within a tolerance.
    """

    kind = "count"
    by: tuple[str, ...] = ()
    tolerance: Tolerance = EXACT

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that part the rows into groups."""
        return self.by

    @property
    def needs(self) -> tuple[Need, ...]:
        """The numbers of rows."""
        return (self._count,)

    @property
    def _about(self) -> tuple[str, ...]:
        return ("by", *self.by) if self.by else ()

    @property
    def _default_description(self) -> str:
        groups = f" for each {', '.join(self.by)}" if self.by else ""
        return f"Source and target have as many rows{groups}."

    @property
    def _count(self) -> Measure:
        return Measure("count", by=self.by, where=self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when the numbers are equal to within the tolerance."""
        both = evidence.both(self._count)
        return self._of_groups(evidence, both.source, both.target) if self.by else self._of_all(evidence, both)

    def _of_all(self, evidence: Evidence, both: Any) -> Finding:
        source, target = both.source, both.target
        if source is None or target is None:
            msg = "a side told no number of rows"
            raise NotGatheredError(msg)
        return self.finding(
            evidence,
            f"{plural(source, 'row')} in source, {target:,} in target{remark(self.tolerance, source, target)}",
            passed=self.tolerance.allows(source, target),
            source=source,
            target=target,
            wrong=abs(source - target),
            of=source,
        )

    def _of_groups(self, evidence: Evidence, source: Mapping[Group, int], target: Mapping[Group, int]) -> Finding:
        counts = {group: (source.get(group, 0), target.get(group, 0)) for group in (*source, *target)}
        groups = {group: both for group, both in counts.items() if any(both)}
        wrong = {group: both for group, both in groups.items() if not self._agree(*both)}
        totals = tuple(sum(both[side] for both in groups.values()) for side in (0, 1))
        return self.finding(
            evidence,
            f"{len(wrong):,} of {plural(len(groups), 'group')} by {', '.join(self.by)} differ in their number of rows;"
            f" {plural(totals[0], 'row')} in source, {totals[1]:,} in target",
            passed=not wrong,
            size=(sum(abs(left - right) for left, right in wrong.values()), totals[0]),
            source=totals[0],
            target=totals[1],
            wrong=len(wrong),
            of=len(groups),
            details=self._details(wrong) if wrong else None,
        )

    def _agree(self, source: int, target: int) -> bool:
        return source == target or bool(source and target and self.tolerance.allows(source, target))

    def _details(self, wrong: Mapping[Group, tuple[int, int]]) -> Details:
        """The largest differences first."""
        ranked = sorted(wrong.items(), key=lambda item: -abs(item[1][1] - item[1][0]))
        rows = tuple((*group, left, right, right - left) for group, (left, right) in ranked)
        return Details((*self.by, "source", "target", "difference"), rows)
