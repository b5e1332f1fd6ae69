"""Rows that fall into none of a table's days are compared too."""

from dataclasses import dataclass

from recon_assets.checks.base import BaseCheck
from recon_assets.checks.business_rules import BusinessRule
from recon_assets.checks.order import InWindows
from recon_assets.checks.target import OfTarget
from recon_assets.model import Check, Evidence, Finding, Need, TableSpec, Undated, rows_of_sides

NAME = "undated"


@dataclass(frozen=True)
class UndatedRows(BaseCheck):
    """Rows without a time, which no day holds, are the same on both sides: they are compared as one window.

    Rows before the table's first day and after its last are counted and not compared: its declaration leaves them out.
    """

    kind = NAME

    @property
    def needs(self) -> tuple[Need, ...]:
        """The comparison of these rows."""
        return (Undated(),)

    @property
    def daily(self) -> bool:
        """No day holds these rows."""
        return False

    @property
    def _default_description(self) -> str:
        return "Rows without a time, which fall into none of the table's days, are the same in source and target."

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no row without a time differs.

        The finding names no records: a record that no day holds can be corrected by no run.
        """
        found = evidence.of(Undated())
        counts, (source, target) = found.counts, found.outside or (0, 0)
        wrong = f": {counts.missing:,} missing, {counts.extra:,} extra, {counts.mismatched:,} with other values"
        wrong += "; no day loads them: declare `window: none`, or another column" if counts.missing else ""
        outside = (
            f"; not compared, for they lie before its first day or after its last: {rows_of_sides(source, target)}"
        )
        return self.finding(
            evidence,
            f"{rows_of_sides(counts.source, counts.target)} have no time,"
            f" {counts.wrong:,} of them differ{wrong if counts.wrong else ''}{outside if source or target else ''}",
            passed=found.equal,
            source=counts.source,
            target=counts.target,
            wrong=counts.wrong,
            of=max(counts.source, counts.target),
            in_flight=found.in_flight,
            not_compared=found.not_compared,
            outside=found.outside,
        )


def with_undated(spec: TableSpec) -> tuple[Check, ...]:
    """The check of every table whose sides are compared by days, unless `InWindows` forbids all such rows."""
    by_days = [check for check in spec.checks if check.daily and not isinstance(check, OfTarget | BusinessRule)]
    replaced = any(isinstance(check, InWindows) and not check.where for check in spec.checks)
    return (UndatedRows(),) if spec.calendar and by_days and not replaced else ()
