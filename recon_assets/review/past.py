"""What a case's own story says about what may happen to it next."""

from collections.abc import Sequence

import sqlalchemy as sa

from recon_assets import ledger
from recon_assets.model import Act, CaseId, Event

_BACK = {Act.UNDO, Act.REFUSED, Act.ROLLED_BACK, Act.RETURNED}
EVALUATION = "evaluation"


def closing(events: Sequence[Event]) -> Event:
    """What brought the case into the state that it is in; comments and their like do not."""
    return next(event for event in reversed(events) if event.act.leads_to)


def is_undo_asked(events: Sequence[Event]) -> bool:
    """Whether somebody wants it undone and nobody has answered."""
    last = next((event.act for event in reversed(events) if event.act in _BACK), None)
    return last is Act.UNDO


def is_older(said: ledger.Said, closed: Event) -> bool:
    """Whether a finding is from before the case was closed."""
    return bool(said.evaluation <= closed.data[EVALUATION])


def touched(connection: sa.Connection, case: CaseId, events: Sequence[Event]) -> set[str]:
    """The records that were ever written or kept by a decision on the case, by their ids."""
    findings: Sequence[int] = ()
    rows: Sequence[str] = ()
    found: set[str] = set()
    for event in events:
        if event.act is Act.FOUND:
            findings = event.data["findings"]
        elif event.act is Act.DECIDED:
            rows = event.data["rows"]
        elif event.act in {Act.APPLYING, Act.KEPT}:
            found |= {item.id for item in ledger.named(connection, findings, case.of_records, ids=rows)}
    return found
