"""The states of a case, and every way from one to the next: this table is the state machine, and its documentation.

`docs/repairing.md` shows the same table. An event that is not in it for the state that a case is in is refused.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple


class State(StrEnum):
    """Where a case stands."""

    PENDING = "PENDING"
    DECIDED = "DECIDED"
    APPLYING = "APPLYING"
    APPLIED = "APPLIED"
    ACCEPTED = "ACCEPTED"
    RESOLVED = "RESOLVED"
    ROLLED_BACK = "ROLLED_BACK"

    @property
    def closed(self) -> bool:
        """Whether nothing more is to be done."""
        return self in {State.APPLIED, State.ACCEPTED, State.RESOLVED, State.ROLLED_BACK}


class CaseEventType(StrEnum):
    """What happened to a case."""

    FOUND = "found"
    DECIDED = "decided"
    APPLYING = "applying"
    APPLIED = "applied"
    FAILED = "failed"
    ACCEPTED = "accepted"
    RESOLVED = "resolved"
    ROLLED_BACK = "rolled_back"
    REOPENED = "reopened"
    COMMENTED = "commented"
    ASSIGNED = "assigned"
    ASKED = "asked"
    UNDO = "undo"
    REFUSED = "refused"
    ACCEPTANCE_REVOKED = "acceptance_revoked"

    @property
    def leads_to(self) -> State | None:
        """The state after it, whatever the state before; None when it changes none."""
        return _LEADS_TO.get(self)

    @property
    def remark(self) -> bool:
        """Whether it may be said at any time, and what was seen before it still stands."""
        return self in {CaseEventType.COMMENTED, CaseEventType.ASSIGNED, CaseEventType.ASKED}


class Transition(NamedTuple):
    """One way from a state to the next; ``before`` is None for a case that does not exist yet."""

    before: State | None
    event: CaseEventType
    after: State
    why: str


_S, _E = State, CaseEventType
TRANSITIONS = (
    Transition(None, _E.FOUND, _S.PENDING, "A check found it for the first time."),
    Transition(_S.PENDING, _E.FOUND, _S.PENDING, "Other records are wrong now, or other values."),
    Transition(_S.PENDING, _E.DECIDED, _S.DECIDED, "A person, or the table's policy, said what is to be done."),
    Transition(_S.PENDING, _E.RESOLVED, _S.RESOLVED, "A later check found nothing wrong any more."),
    Transition(_S.PENDING, _E.ACCEPTANCE_REVOKED, _S.PENDING, "What was kept of it earlier is accepted no more."),
    Transition(_S.DECIDED, _E.APPLYING, _S.APPLYING, "A run began to write what was decided."),
    Transition(_S.DECIDED, _E.ACCEPTED, _S.ACCEPTED, "The difference is accepted until its values change."),
    Transition(_S.DECIDED, _E.FAILED, _S.PENDING, "It could not be accepted; it waits again, with the reason."),
    Transition(_S.APPLYING, _E.APPLIED, _S.APPLIED, "Compared again: none of its records differs any more."),
    Transition(_S.APPLYING, _E.FAILED, _S.PENDING, "It could not be written; it waits again, with the reason."),
    Transition(_S.APPLIED, _E.UNDO, _S.APPLIED, "A person asked to take back what was written."),
    Transition(_S.APPLIED, _E.REFUSED, _S.APPLIED, "It could not be taken back; the reason is with it."),
    Transition(_S.APPLIED, _E.ROLLED_BACK, _S.ROLLED_BACK, "What was written was taken back."),
    Transition(_S.APPLIED, _E.FOUND, _S.PENDING, "Wrong again since."),
    Transition(_S.ACCEPTED, _E.REOPENED, _S.PENDING, "A person accepts it no more."),
    Transition(_S.ACCEPTED, _E.FOUND, _S.PENDING, "Something else is wrong than what was accepted."),
    Transition(_S.RESOLVED, _E.FOUND, _S.PENDING, "Wrong again since."),
    Transition(_S.RESOLVED, _E.ACCEPTANCE_REVOKED, _S.RESOLVED, "What was kept of it earlier is accepted no more."),
    Transition(_S.ROLLED_BACK, _E.FOUND, _S.PENDING, "Compared since: still wrong."),
    Transition(
        _S.ROLLED_BACK, _E.ACCEPTANCE_REVOKED, _S.ROLLED_BACK, "What was kept of it earlier is accepted no more."
    ),
)
_ALLOWED = frozenset((each.before, each.event) for each in TRANSITIONS)
_LEADS_TO: Mapping[CaseEventType, State] = MappingProxyType(
    {each.event: each.after for each in TRANSITIONS if each.before is not each.after}
)


def may_follow(state: State | None, act: CaseEventType) -> bool:
    """Whether a case in ``state`` may see ``act``; remarks may come in any."""
    return (state, act) in _ALLOWED or (act.remark and state is not None)
