"""What all checks share: how they are named, graded and limited, and how their sentences are made."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from recon_assets.model import EXACT, GRADED, Evidence, Figure, Finding, Grading, Severity, Tolerance, as_decimal

Size = tuple[int | Decimal, int | Decimal]
"""How much is wrong, of how much."""


@dataclass(frozen=True, kw_only=True)
class BaseCheck(ABC):
    """A check, whatever it looks at.

    Attributes:
        grading: How severe its findings are.
        blocking: Whether a day that fails it is a failed day of the run.
        note: What a person wrote of it, in place of its own description.
        named: What a person calls it, in place of its own name.
    """

    grading: Grading = GRADED
    blocking: bool = False
    note: str = ""
    named: str = ""

    @property
    @abstractmethod
    def kind(self) -> str:
        """Which pattern it is, as declarations name it."""

    @property
    def name(self) -> str:
        """Unique within its table; letters, digits and _."""
        return self.named or re.sub(r"\W", "_", "_".join((self.kind, *self._about)), flags=re.ASCII)

    @property
    def description(self) -> str:
        """What it holds the table to, in a sentence."""
        return self.note or self._default_description

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The source's names of the columns that it names."""
        return ()

    @property
    def daily(self) -> bool:
        """Whether it is judged day by day; else once for the whole table."""
        return True

    @property
    def _about(self) -> tuple[str, ...]:
        """What tells it from others of its kind."""
        return self.columns_used

    @property
    @abstractmethod
    def _default_description(self) -> str:
        """What it holds the table to, if nobody has said it in other words."""

    @property
    def _where(self) -> str | None:
        """To which rows it is limited."""
        return None

    def finding(
        self, evidence: Evidence, said: str, *, passed: bool, size: Size | None = None, **facts: Any
    ) -> Finding:
        """What this check says of the window.

        Args:
            evidence: Of which table and window.
            said: The sentence, but for the table and the window that it begins with.
            passed: Whether that is right.
            size: What the severity depends on, where it is not ``wrong`` out of ``of``; a fault without
                a size is a high one.
            facts: The other fields of the finding.
        """
        wrong, of = size or (facts.get("wrong", 0), facts.get("of", 0))
        severity = self.grading.grade(wrong, of) if wrong else Severity.HIGH
        scope = f", where {self._where}" if self._where else ""
        summary = f"{evidence.where}{scope}: {said}"
        return Finding(
            self.name,
            evidence.table,
            evidence.window,
            passed,
            summary,
            severity=None if passed else severity,
            **facts,
        )


@dataclass(frozen=True, kw_only=True)
class FilteredCheck(BaseCheck):
    """A check that may be limited to the rows for which ``where``, SQL that both sides understand, holds."""

    where: str | None = None

    @property
    def _where(self) -> str | None:
        return self.where


def shown(figure: Figure) -> str:
    """A figure as sentences have it."""
    if figure is None:
        return "NULL"
    if isinstance(figure, Decimal) and figure.is_finite():
        return f"{figure:,f}"
    return f"{figure:,}" if type(figure) is int else str(figure)


def number(figure: Figure) -> Decimal | None:
    """The figure as a number with which one can reckon; None when it is none."""
    if figure is None or isinstance(figure, str):
        return None
    found = as_decimal(figure)
    return found if found.is_finite() else None


def size_of(source: Figure, target: Figure) -> Size:
    """How far the two are apart, and the base of that; without a size when they are no numbers."""
    left, right = number(source), number(target)
    return (Decimal(), Decimal()) if left is None or right is None else (abs(left - right), abs(left))


def remark(tolerance: Tolerance, source: Figure, target: Figure) -> str:
    """What a sentence adds to two figures that a tolerance decided on."""
    if tolerance == EXACT or number(source) is None or number(target) is None or source == target:
        return ""
    limits = [f"{tolerance.absolute.normalize():,f}"] if tolerance.absolute else []
    limits += [f"{(tolerance.relative * 100).normalize():f}%"] if tolerance.relative else []
    verdict = "within" if tolerance.allows(source, target) else "further apart than"
    return f", {verdict} the tolerance of {' or '.join(limits)}"
