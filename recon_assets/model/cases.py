"""What people decide on: cases, their states, and what a table's policy decides for them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from recon_assets.errors import DeclarationError
from recon_assets.model.case_states import CaseEventType, State
from recon_assets.model.discrepancies import DiscrepancyKind, Value
from recon_assets.model.findings import Severity
from recon_assets.model.wording import place, plural


@dataclass(frozen=True, order=True)
class CaseId:
    """What a case is of: the records of one kind that are wrong in one window, or one check that names no records.

    ``kind`` is that of `DiscrepancyKind`, or the name of the check.
    """

    table: str
    window: str
    kind: str

    def __str__(self) -> str:
        return f"{self.table}/{self.window}/{self.kind}"

    @property
    def where(self) -> str:
        """Of what, as sentences begin."""
        return place(self.table, self.window)

    @property
    def of_records(self) -> DiscrepancyKind | None:
        """In which way its records are wrong; None for the case of a check."""
        return DiscrepancyKind(self.kind) if self.kind in set(DiscrepancyKind) else None

    @classmethod
    def parse(cls, text: str) -> "CaseId":
        """The case that ``table/window/kind`` names.

        Raises:
            DeclarationError: When the text has another form.
        """
        parts = text.split("/")
        if len(parts) != 3 or not all(parts):
            msg = f"{text!r} names no case; expected table/day/kind, such as flights/2013-03-10/missing"
            raise DeclarationError(msg)
        return cls(*parts)


class Decision(StrEnum):
    """What is to become of a case's records."""

    APPLY_SOURCE = "APPLY_SOURCE"
    KEEP_TARGET = "KEEP_TARGET"
    CUSTOM_FIX = "CUSTOM_FIX"


@dataclass(frozen=True)
class Event:
    """One thing that happened to a case; the case's state is that of its last event that has one.

    Attributes:
        n: The case's events are numbered from 1 on, without gaps.
        who: A person's name, or ``policy`` or ``recon``.
        note: Why, in a person's words or ours.
        data: What else there is to say of it, as JSON has it.
    """

    case: CaseId
    n: int
    at: datetime
    act: CaseEventType
    who: str
    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def keepable(text: str) -> bool:
    """Whether a ledger can keep what somebody said: without NUL, and without bytes that are no characters."""
    return not _UNKEPT.search(text)


_UNKEPT = re.compile("[\0\ud800-\udfff]")


def outdated(events: Sequence[Event], version: int) -> bool:
    """Whether more than remarks came after ``version`` of the case that all of these ``events`` are of."""
    last = max(event.n for event in events if not event.act.remark)
    return not last <= version <= events[-1].n


@dataclass(frozen=True)
class Resolution:
    """What somebody decided.

    Attributes:
        decision: What is to be done.
        rows: The records that it is for, by `Discrepancy.id`; none means all that the case names.
        values: For `Decision.CUSTOM_FIX`, what the record is to have, by `Discrepancy.id` and the source's name
            of the column.
    """

    decision: Decision
    rows: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A case as it stands.

    Attributes:
        version: The number of its last event.
        severity: The worst of the findings that it stands on.
        wrong: How many records are wrong, exact; for the case of a check what the check counts.
        named: How many of them the ledger knows by name.
        summary: The sentence of its worst finding.
        findings: The ledger's numbers of the findings that it stands on.
        opened: When it was first found, or found again after it was closed.
        changed: When its last event was.
        reopened: How often it was found again after it was closed.
    """

    id: CaseId
    state: State
    version: int
    severity: Severity
    wrong: int
    named: int
    summary: str
    findings: tuple[int, ...]
    opened: datetime
    changed: datetime
    reopened: int = 0
    assignee: str = ""
    decided_by: str = ""
    chosen: Resolution | None = None


class AutoAction(StrEnum):
    """What becomes of wrong records without anybody being asked."""

    APPLY = "apply"
    REVIEW = "review"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Policy:
    """What may be corrected by itself, and within which limits; everything else waits for a person.

    Attributes:
        missing, extra, mismatched, orphan, disordered: What becomes of records of that kind.
        figures: What becomes of a check that fails without naming records.
        at_most: No more records than this of one case are corrected without a person.
        at_most_share: Nor a larger share of the window's records, as a fraction of 1.
        ignore_below: Findings that are less severe open no case.
    """

    missing: AutoAction = AutoAction.REVIEW
    extra: AutoAction = AutoAction.REVIEW
    mismatched: AutoAction = AutoAction.REVIEW
    orphan: AutoAction = AutoAction.REVIEW
    disordered: AutoAction = AutoAction.REVIEW
    figures: AutoAction = AutoAction.REVIEW
    at_most: int = 1000
    at_most_share: Decimal = Decimal("0.1")
    ignore_below: Severity = Severity.LOW

    def of(self, case: CaseId) -> AutoAction:
        """What becomes of a case."""
        found: AutoAction = getattr(self, case.of_records or "figures")
        return found

    def limit_exceeded(self, wrong: int, of: int) -> str | None:
        """Why so many records of a window of ``of`` are too many to correct without a person; None if they are not."""
        if wrong > self.at_most:
            return f"{plural(wrong, 'record')}, and at most {self.at_most:,} are corrected without a person (at_most)"
        if wrong > self.at_most_share * of:
            share = f"{(self.at_most_share * 100).normalize():f}%"
            return f"{wrong:,} of {of:,} records, and at most {share} are corrected without a person (at_most_share)"
        return None


REVIEWED = Policy()
"""Nothing is corrected without a person."""
