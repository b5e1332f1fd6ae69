"""Every row of the target that names another names one that is there."""

from dataclasses import dataclass

from recon_assets.model import GRADED, Evidence, Finding, Grading, Need, Orphans


@dataclass(frozen=True)
class References:
    """``columns`` of the target name a row of ``parent``, another declared table, by its key; NULL names none."""

    columns: tuple[str, ...]
    parent: str
    kind: str = "references"
    where: str | None = None
    grading: Grading = GRADED
    blocking: bool = False
    note: str = ""
    daily: bool = True

    @property
    def name(self) -> str:
        """Unique within its table."""
        return f"references_{'_'.join(self.columns)}_{self.parent}"

    @property
    def description(self) -> str:
        """What it holds the table to."""
        return self.note or f"{', '.join(self.columns)} of every row name a row of {self.parent}."

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that it names."""
        return self.columns

    @property
    def needs(self) -> tuple[Need, ...]:
        """The rows that name nothing."""
        return (self._orphans,)

    @property
    def _orphans(self) -> Orphans:
        return Orphans(self.columns, self.parent, self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no row is an orphan."""
        found = evidence.found(self._orphans)
        names = ", ".join(self.columns)
        return Finding(
            self.name,
            evidence.table,
            evidence.window,
            passed=found.wrong == 0,
            summary=f"{evidence.where}: {found.wrong:,} of {found.of:,} rows name by {names} no row of {self.parent}",
            wrong=found.wrong,
            of=found.of,
            discrepancies=found.records,
            severity=self.grading.grade(found.wrong, found.of) if found.wrong else None,
        )
