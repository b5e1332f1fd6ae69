"""Differences that people accepted, and decisions that a load could undo."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from recon_assets.ledger import schema
from recon_assets.ledger.cases import decision_of, number_of
from recon_assets.ledger.projects import owned
from recon_assets.ledger.values import inserting
from recon_assets.model import CaseEventType, CaseId, Decision, State

_acceptance, _cases, _event = schema.acceptance, schema.cases, schema.event
Difference = tuple[str, str]
"""What differs, and a fingerprint of the values: of a discrepancy its `id` and `fingerprint`; of a check its name
and the fingerprint of its figures."""


def accept(  # noqa: PLR0913 - who accepts what, when and why
    c: sa.Connection, case: CaseId, records: Sequence[Difference], *, who: str, why: str, at: datetime
) -> None:
    """Notes that these differences of a case are to stay as they are."""
    number = number_of(c, case)
    by = {"decision": decision_of(c, number), "who": who, "why": why, "at": at}
    known = {"review_case": number, "withdrawn": False, **by}
    rows = [{**known, "discrepancy": each, "fingerprint": values} for each, values in records]
    if rows:
        c.execute(inserting(_acceptance, rows))


def withdraw(c: sa.Connection, case: CaseId, *, at: datetime, who: str = "recon", decision: int | None = None) -> None:
    """Notes that no difference of a case is accepted any more: or none of those that ``decision`` accepted."""
    row = {"review_case": number_of(c, case), "withdrawn": True, "decision": decision, "who": who, "why": "", "at": at}
    c.execute(sa.insert(_acceptance).values(row))


def standing() -> sa.ColumnElement[bool]:
    """Whether a row of `schema.acceptance` has not been withdrawn."""
    later = _acceptance.alias()
    after = sa.and_(later.c.review_case == _acceptance.c.review_case, later.c.id > _acceptance.c.id)
    meant = sa.or_(later.c.decision.is_(None), _acceptance.c.decision == later.c.decision)
    return sa.and_(~_acceptance.c.withdrawn, ~sa.exists().where(after, later.c.withdrawn, meant))


def has_acceptances(c: sa.Connection, case: CaseId) -> bool:
    """Whether differences of a case are accepted, by whatever decision."""
    return bool(c.scalar(sa.select(sa.exists().where(_acceptance.c.review_case == number_of(c, case), standing()))))


def acceptances(c: sa.Connection, table: str, windows: Sequence[str]) -> dict[str, dict[Difference, str]]:
    """By window, the differences of a table that are accepted, with who accepted them, why, and in which case."""
    of_windows = owned(c, _cases), _cases.c.table_name == table, _cases.c.window_key.in_(windows)
    rows = c.execute(
        sa.select(_acceptance, _cases.c.window_key, _cases.c.kind)
        .join(_cases)
        .where(*of_windows, standing())
        .order_by(_acceptance.c.id)
    )
    found: dict[str, dict[Difference, str]] = defaultdict(dict)
    for row in rows:
        case = CaseId(table, row.window_key, row.kind)
        found[row.window_key][row.discrepancy, row.fingerprint] = f"{row.who}: {row.why} ({case})"
    return dict(found)


Word = Decision | Literal[State.ROLLED_BACK]


@dataclass(frozen=True)
class StandingDecision:
    """A decision that stands: carried out, or about to be; or that what was written is taken back."""

    case: CaseId
    decision: Word
    who: str
    at: datetime


def standing_decisions(c: sa.Connection, table: str, window: str) -> list[StandingDecision]:
    """What people have said of records of a window, and a load of it could undo."""
    of_window = owned(c, _cases), _cases.c.table_name == table, _cases.c.window_key == window
    rows = c.execute(
        sa.select(_cases.c.kind, _event.c.act, _event.c.who, _event.c.at, _event.c.data)
        .join(_cases)
        .where(*of_window)
        .order_by(_cases.c.kind, _event.c.n)
    )
    done: dict[str, _Done] = defaultdict(_Done)
    for row in rows:
        done[row.kind].then(CaseEventType(row.act), row.who, row.at, row.data)
    return [
        StandingDecision(CaseId(table, window, kind), *said) for kind, each in done.items() for said in each.standing()
    ]


_Said = tuple[Word, str, datetime]


class _Done:
    """What people have said of one case that still stands."""

    def __init__(self) -> None:
        self.stack: list[tuple[CaseEventType, _Said]] = []
        self.meant: _Said | None = None
        self.back: _Said | None = None
        self.state: State | None = None

    def then(self, act: CaseEventType, who: str, at: datetime, data: Mapping[str, str]) -> None:
        if act is CaseEventType.DECIDED:
            self.meant = (Decision(data["decision"]), who, at)
        elif act in {CaseEventType.ACCEPTED, CaseEventType.APPLIED} and self.meant:
            self.stack.append((act, self.meant))
        elif act in {CaseEventType.ROLLED_BACK, CaseEventType.REOPENED}:
            self.stack.pop()
        elif act is CaseEventType.ACCEPTANCE_REVOKED:
            self.stack = [each for each in self.stack if each[0] is not CaseEventType.ACCEPTED]
        if act in {CaseEventType.ACCEPTED, CaseEventType.APPLIED, CaseEventType.RESOLVED, CaseEventType.ROLLED_BACK}:
            self.back = (State.ROLLED_BACK, who, at) if act is CaseEventType.ROLLED_BACK else None
        self.state = act.leads_to or self.state

    def standing(self) -> list[_Said]:
        to_be = self.meant if self.state in {State.DECIDED, State.APPLYING} else None
        done = (said for _, said in self.stack)
        return [each for each in (*done, self.back, to_be) if each and each[0] is not Decision.APPLY_SOURCE]
