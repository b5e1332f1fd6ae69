"""What a case's own story says about what may happen to it next."""

from collections.abc import Sequence

import sqlalchemy as sa

from recon_assets import ledger
from recon_assets.model import CaseEventType, CaseId, Event

_BACK = {
    CaseEventType.UNDO,
    CaseEventType.REFUSED,
    CaseEventType.FAILED,
    CaseEventType.REOPENED,
    CaseEventType.ROLLED_BACK,
}
EVALUATION = "evaluation"


def closing(events: Sequence[Event]) -> Event:
    """What brought the case into the state that it is in; comments and their like do not."""
    return next(event for event in reversed(events) if event.act.leads_to)


def is_undo_asked(events: Sequence[Event]) -> bool:
    """Whether somebody wants it undone and nobody has answered."""
    last = next((event.act for event in reversed(events) if event.act in _BACK), None)
    return last is CaseEventType.UNDO


def is_older(said: ledger.StoredFinding, closed: Event) -> bool:
    """Whether a finding is from before the case was closed."""
    return bool(said.evaluation <= closed.data[EVALUATION])


def touched(connection: sa.Connection, case: CaseId, events: Sequence[Event]) -> set[str]:
    """The records that were ever written or kept by a decision on the case, by their ids."""
    findings: Sequence[int] = ()
    rows: Sequence[str] = ()
    found: set[str] = set()
    for event in events:
        if event.act is CaseEventType.FOUND:
            findings = event.data["findings"]
        elif event.act is CaseEventType.DECIDED:
            rows = event.data["rows"]
        elif event.act in {CaseEventType.APPLYING, CaseEventType.ACCEPTED}:
            found |= {item.id for item in ledger.case_records(connection, findings, case.of_records, ids=rows)}
    return found
