"""Every row of the target that names another names one that is there."""

from dataclasses import dataclass

from recon_assets.checks.pattern import Limited, plural
from recon_assets.model import Evidence, Finding, Need, Orphans


@dataclass(frozen=True)
class References(Limited):
    """``columns`` of the target name a row of ``parent``, another declared table, by its key; NULL names none."""

    kind = "references"
    columns: tuple[str, ...]
    parent: str

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that name the parent's row."""
        return self.columns

    @property
    def needs(self) -> tuple[Need, ...]:
        """The rows that name nothing."""
        return (self._orphans,)

    @property
    def _about(self) -> tuple[str, ...]:
        return (*self.columns, self.parent)

    @property
    def _promise(self) -> str:
        return f"{', '.join(self.columns)} of every row of the target name a row of {self.parent}."

    @property
    def _orphans(self) -> Orphans:
        return Orphans(self.columns, self.parent, self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no row is an orphan."""
        found = evidence.found(self._orphans)
        names = ", ".join(self.columns)
        return self.finding(
            evidence,
            f"{found.wrong:,} of {plural(found.of, 'row')} of the target name by {names} no row of {self.parent}",
            passed=not found.wrong,
            wrong=found.wrong,
            of=found.of,
            discrepancies=found.records,
        )
