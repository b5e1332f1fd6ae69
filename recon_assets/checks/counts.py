"""Both sides have as many rows."""

from dataclasses import dataclass

from recon_assets.checks.base import FilteredCheck, remark
from recon_assets.model import (
    EXACT,
    Details,
    Evidence,
    Figure,
    Finding,
    GroupCounts,
    Groups,
    Measure,
    Need,
    NotGatheredError,
    Tolerance,
    plural,
)


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
        return (self._groups if self.by else self._count,)

    @property
    def _about(self) -> tuple[str, ...]:
        return ("by", *self.by) if self.by else ()

    @property
    def _default_description(self) -> str:
        groups = f" for each {', '.join(self.by)}" if self.by else ""
        return f"Source and target have as many rows{groups}."

    @property
    def _count(self) -> Measure:
        return Measure("count", where=self.where)

    @property
    def _groups(self) -> Groups:
        return Groups(self.by, self.tolerance, self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when the numbers are equal to within the tolerance."""
        return self._of_groups(evidence) if self.by else self._of_all(evidence)

    def _of_all(self, evidence: Evidence) -> Finding:
        both = evidence.of(self._count)
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

    def _of_groups(self, evidence: Evidence) -> Finding:
        found = evidence.of(self._groups)
        return self.finding(
            evidence,
            f"{found.differing:,} of {plural(found.groups, 'group')} by {', '.join(self.by)} differ in their number of"
            f" rows; {plural(found.source, 'row')} in source, {found.target:,} in target",
            passed=not found.differing,
            size=(found.rows_apart, found.source),
            source=found.source,
            target=found.target,
            wrong=found.differing,
            of=found.groups,
            details=self._details(found) if found.differing else None,
        )

    def _details(self, found: GroupCounts) -> Details:
        """The largest differences; all others in a last row, with a digest by which a change among them is seen."""
        rows: list[tuple[Figure, ...]] = [(*group, left, right, right - left) for group, left, right in found.largest]
        if more := found.differing - len(rows):
            blank = [None] * (len(self.by) - 1)
            rows.append((f"({more:,} more, digest {found.digest[:16]})", *blank, None, None, None))
        return Details((*self.by, "source", "target", "difference"), tuple(rows))
