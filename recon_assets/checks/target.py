"""What the checks share that look at the rows of the target alone."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from recon_assets.checks.base import FilteredCheck
from recon_assets.model import (
    DiscrepancyKind,
    Disorder,
    Evidence,
    FaultyRows,
    Finding,
    Measure,
    Need,
    Orphans,
    SidePair,
    plural,
)


@dataclass(frozen=True)
class OfTarget(FilteredCheck, ABC):
    """Judges rows of the target that are wrong by themselves.

    A target without any rows has none that are wrong, but where the source has some, that is no agreement.
    """

    @property
    def needs(self) -> tuple[Need, ...]:
        """The rows that are wrong, and how many there are on both sides."""
        return (self._wrong, self._rows)

    @property
    @abstractmethod
    def _wrong(self) -> Orphans | Disorder: ...

    @property
    @abstractmethod
    def _fault(self) -> str:
        """What is wrong with the rows, as it follows their number in a sentence."""

    @property
    def _kind(self) -> DiscrepancyKind:
        return DiscrepancyKind.ORPHAN if isinstance(self._wrong, Orphans) else DiscrepancyKind.DISORDERED

    @property
    def _rows(self) -> Measure:
        return Measure("count", where=self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no row is wrong; but not when there is none to look at where one should be."""
        found, rows = evidence.of(self._wrong), evidence.of(self._rows)
        return self._of_nothing(evidence, rows) if rows.source and not rows.target else self._of_rows(evidence, found)

    def _of_nothing(self, evidence: Evidence, rows: SidePair) -> Finding:
        return self.finding(
            evidence,
            f"no rows in target, {rows.source:,} in source",
            passed=False,
            source=rows.source,
            target=rows.target,
            kinds={self._kind: 0},
        )

    def _of_rows(self, evidence: Evidence, found: FaultyRows) -> Finding:
        return self.finding(
            evidence,
            f"{found.wrong:,} of {plural(found.of, 'row')} of the target {self._fault}",
            passed=not found.wrong,
            wrong=found.wrong,
            of=found.of,
            kinds={self._kind: found.wrong},
            discrepancies=found.records,
        )
