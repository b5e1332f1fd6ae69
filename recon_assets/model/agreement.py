"""Whether the two sides of a table agree, told from what its checks said last of each of its windows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from recon_assets.model.findings import Outcome
from recon_assets.model.wording import plural


class Verdict(StrEnum):
    """What is known of a window, or of a table: the worst first."""

    DIFFERS = "differs"
    UNKNOWN = "could not be compared"
    NOT_COMPARED = "not compared yet"
    ACCEPTED = "agrees but for what somebody accepted"
    AGREES = "agrees"

    @property
    def agrees(self) -> bool:
        """Whether nothing is left to be done about it."""
        return self in {Verdict.AGREES, Verdict.ACCEPTED}


def verdict(outcomes: Mapping[str, Outcome], declared: Collection[str], *, changed: bool = False) -> Verdict:
    """What the outcomes of a window's checks add up to.

    Args:
        outcomes: By the names of checks, also of such as are declared no longer.
        declared: The names of those that judge such a window; a day that one of them never judged is not compared.
        changed: Whether its rows were changed since.
    """
    said = {check: outcomes[check] for check in declared if check in outcomes}
    if changed or not declared:
        return Verdict.NOT_COMPARED
    if Outcome.FAILED in said.values():
        return Verdict.DIFFERS
    if Outcome.UNKNOWN in said.values():
        return Verdict.UNKNOWN
    if len(said) < len(set(declared)):
        return Verdict.NOT_COMPARED
    return Verdict.ACCEPTED if Outcome.ACCEPTED in said.values() else Verdict.AGREES


@dataclass(frozen=True)
class Agreement:
    """Whether one table's sides agree.

    Attributes:
        daily: Whether it is judged by days; otherwise it is one window.
        windows: How many of its finished windows there are of each verdict.
        whole: What its checks of the whole table say, of a table that is judged by days; None when it has none.
        cases: How many of its cases are open.
        compared: When it was compared last.
        unit: What each of its windows is.
    """

    table: str
    daily: bool
    windows: Mapping[Verdict, int] = field(default_factory=lambda: MappingProxyType({}))
    whole: Verdict | None = None
    cases: int = 0
    compared: datetime | None = None
    unit: str = "day"

    def count(self, *verdicts: str) -> int:
        """How many of its windows are of these verdicts."""
        return sum(self.windows.get(Verdict(each), 0) for each in verdicts)

    @property
    def total(self) -> int:
        """How many windows have ended."""
        return sum(self.windows.values())

    @property
    def agreeing(self) -> int:
        """How many of them agree, with those where somebody accepted the differences."""
        return self.count(Verdict.AGREES, Verdict.ACCEPTED)

    @property
    def verdict(self) -> Verdict:
        """The worst of all."""
        found = {each for each, count in self.windows.items() if count} | ({self.whole} if self.whole else set())
        return next((each for each in Verdict if each in found), Verdict.NOT_COMPARED)

    @property
    def sentence(self) -> str:
        """The answer, as it is read after the table's name."""
        if not self.daily:
            return (
                f"the table {self.verdict}" if self.verdict in {Verdict.AGREES, Verdict.DIFFERS} else self.verdict.value
            )
        return "; ".join((self._days(), *self._unsettled(), *self._whole()))

    def _days(self) -> str:
        differ, accepted = self.count(Verdict.DIFFERS), self.count(Verdict.ACCEPTED)
        if not self.total:
            return f"no {self.unit} has ended yet"
        if differ:
            return f"{differ:,} of {plural(self.total, self.unit)} {'differs' if differ == 1 else 'differ'}"
        lead = f"all {self.total:,} {self.unit}s agree"
        if self.agreeing < self.total or self.total == 1:
            lead = f"{self.agreeing:,} of {plural(self.total, self.unit)} {'agrees' if self.agreeing == 1 else 'agree'}"
        return f"{lead}, {accepted:,} of them but for what somebody accepted" if accepted else lead

    def _unsettled(self) -> list[str]:
        found = ((self.count(each), each.value) for each in (Verdict.UNKNOWN, Verdict.NOT_COMPARED))
        return [f"{count:,} {said}" for count, said in found if count]

    def _whole(self) -> list[str]:
        nothing = self.whole is Verdict.NOT_COMPARED and not self.total
        if self.whole is None or self.whole.agrees or nothing:
            return []
        said = {Verdict.DIFFERS: "fail", Verdict.UNKNOWN: "could not run", Verdict.NOT_COMPARED: "have not run yet"}
        return [f"the checks of the whole table {said[self.whole]}"]
