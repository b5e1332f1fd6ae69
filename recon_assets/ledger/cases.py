"""Cases: what happened to each, in its order, and where they stand."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.errors import TakenError
from recon_assets.ledger import schema
from recon_assets.ledger.projects import owned, project_of
from recon_assets.ledger.values import given, inserting, resolution_json, resolution_of
from recon_assets.ledger.windows import note as note_window
from recon_assets.model import Case, CaseEventType, CaseId, Event, Severity, State, may_follow, outdated

_cases, _event = schema.cases, schema.event
_ID = (_cases.c.table_name, _cases.c.window_key, _cases.c.kind)
_NOTED: Mapping[CaseEventType, Literal["asked", "changed"]] = {
    CaseEventType.ASKED: "asked",
    **dict.fromkeys(
        (
            CaseEventType.APPLIED,
            CaseEventType.ACCEPTED,
            CaseEventType.FAILED,
            CaseEventType.REOPENED,
            CaseEventType.ROLLED_BACK,
            CaseEventType.ACCEPTANCE_REVOKED,
        ),
        "changed",
    ),
}


@dataclass(frozen=True)
class Entry:
    """What happened to a case, before it is written down; see `append` for what ``data`` has."""

    case: CaseId
    act: CaseEventType
    who: str
    note: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)


def append(  # noqa: PLR0913 - an event has so many parts
    c: sa.Connection,
    case: CaseId,
    act: CaseEventType,
    *,
    who: str,
    at: datetime,
    note: str = "",
    data: Mapping[str, Any] | None = None,
    expected: int | None = None,
) -> Event:
    """Adds what happened to a case; the first `CaseEventType.FOUND` of a case makes it.

    Args:
        c: A transaction of the ledger; the case is locked until it ends.
        case: Of which case.
        act: What happened.
        who: A person's name, or ``policy`` or ``recon``.
        at: When.
        note: Why.
        data: For `CaseEventType.FOUND` ``findings``, ``severity``, ``wrong``, ``named`` and ``summary``; for
            `CaseEventType.DECIDED` what `resolution_json` makes; for `CaseEventType.ASSIGNED` ``assignee``. What is to
            be judged again has ``evaluation`` besides: readings of higher numbers are later.
        expected: The version of the case that this answers to; None answers to any.

    Raises:
        TakenError: When more than a remark came after that version, or the case cannot see this in its state.
    """
    (event,) = append_all(c, [Entry(case, act, who, note, data or {})], at=at, expected=expected)
    return event


_ANSWERS = {
    CaseEventType.UNDO,
    CaseEventType.REFUSED,
    CaseEventType.FAILED,
    CaseEventType.REOPENED,
    CaseEventType.ROLLED_BACK,
}
"""An undo is to be done until it is answered."""


def append_all(c: sa.Connection, entries: Sequence[Entry], *, at: datetime, expected: int | None = None) -> list[Event]:
    """Adds what happened to many cases as `append` does, in a few statements; of one case in the order given."""
    rows = _locked(c, entries, at)
    stands = {id_: case_of(row) if row.version else None for id_, row in rows.items()}
    to_undo = {id_: row.undo for id_, row in rows.items()}
    happened = []
    for entry in entries:
        id_, known = entry.case, stands[entry.case]
        _refuse(c, known, entry.act, expected)
        noted = _NOTED.get(entry.act)
        later = {"evaluation": note_window(c, id_.table, id_.window, noted)} if noted else {}
        number = known.version + 1 if known else 1
        event = Event(id_, number, at, entry.act, entry.who, entry.note, {**entry.data, **later})
        stands[id_] = apply_event(known, event)
        to_undo[id_] = entry.act is CaseEventType.UNDO if entry.act in _ANSWERS else to_undo[id_]
        happened.append(event)
    if happened:
        c.execute(inserting(_event, [{"review_case": rows[each.case].id, **_as_stored(each)} for each in happened]))
        now = [
            {"number": rows[id_].id, **_columns(case), "undo": to_undo[id_], "pruned": False}
            for id_, case in stands.items()
            if case
        ]
        c.execute(sa.update(_cases).where(_cases.c.id == sa.bindparam("number")), now)
    return happened


def _as_stored(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in ("n", "at", "who", "note", "data")} | {"act": event.act.value}


def _locked(c: sa.Connection, entries: Sequence[Entry], at: datetime) -> dict[CaseId, Any]:
    """The rows of their cases; one that has been made just now is of version 0."""
    known = {"project": project_of(c), "undo": False, "shown_version": 0, "pruned": False}
    new = [
        {**known, **_named(entry.case), **_columns(_blank(entry.case, at))}
        for entry in entries
        if entry.act is CaseEventType.FOUND
    ]
    if new:
        c.execute(postgresql.insert(_cases).on_conflict_do_nothing(), new)
    cases = list(dict.fromkeys(entry.case for entry in entries))
    found = {_id(row): row for row in _rows(c, cases, lock=True)}
    for case in cases:
        if case not in found:
            msg = f"{case}: there is no such case"
            raise TakenError(msg)
    return found


def _refuse(c: sa.Connection, known: Case | None, act: CaseEventType, expected: int | None) -> None:
    """Raises an error that says who did what meanwhile, when ``act`` comes too late."""
    if known is None:
        return
    fits, seen = may_follow(known.state, act), known.version if expected is None else expected
    if fits and seen == known.version:
        return
    happened = events(c, known.id)
    if fits and not outdated(happened, seen):
        return
    last = next(event for event in reversed(happened) if not event.act.remark)
    did = " ".join(filter(None, (last.act, last.data.get("decision"))))
    msg = (
        f"{known.id}: is {known.state} (by {last.who}: {did}, {last.at:%Y-%m-%d %H:%M:%S} UTC);"
        f" {act} came too late. Look at the case as it is now"
    )
    raise TakenError(msg)


def apply_event(known: Case | None, event: Event) -> Case:
    """How a case stands after ``event``; None stands for a case that did not exist before."""
    case = known or _blank(event.case, event.at)
    state = event.act.leads_to or case.state
    case = replace(case, version=event.n, changed=event.at, state=state)
    if known and known.state.closed and state is State.PENDING:
        case = replace(case, opened=event.at, reopened=case.reopened + (event.act is CaseEventType.FOUND))
    learn = _LEARN.get(event.act)
    return learn(case, event) if learn else case


def _found(case: Case, event: Event) -> Case:
    data = event.data
    return replace(
        case,
        findings=tuple(data["findings"]),
        severity=Severity(data["severity"]),
        wrong=data["wrong"],
        named=data["named"],
        summary=data["summary"],
        chosen=None,
        decided_by="",
    )


def _decided(case: Case, event: Event) -> Case:
    return replace(case, chosen=resolution_of(event.data), decided_by=event.who)


def _returned(case: Case, _: Event) -> Case:
    return replace(case, chosen=None, decided_by="")


def _assigned(case: Case, event: Event) -> Case:
    return replace(case, assignee=event.data["assignee"])


_LEARN: Mapping[CaseEventType, Callable[[Case, Event], Case]] = {
    CaseEventType.FOUND: _found,
    CaseEventType.DECIDED: _decided,
    CaseEventType.FAILED: _returned,
    CaseEventType.REOPENED: _returned,
    CaseEventType.ASSIGNED: _assigned,
}


def _blank(case: CaseId, at: datetime) -> Case:
    return Case(case, State.PENDING, 0, Severity.LOW, 0, 0, "", (), at, at)


def _named(case: CaseId) -> dict[str, Any]:
    return {"table_name": case.table, "window_key": case.window, "kind": case.kind}


def _is(c: sa.Connection, case: CaseId) -> sa.ColumnElement[bool]:
    return sa.and_(owned(c, _cases), *(_cases.c[name] == value for name, value in _named(case).items()))


def _columns(case: Case) -> dict[str, Any]:
    """A case as its row has it, but for its name."""
    return {
        "state": case.state.value,
        "closed": case.state.closed,
        "version": case.version,
        "severity": case.severity,
        "wrong": case.wrong,
        "named": case.named,
        "summary": case.summary,
        "findings": list(case.findings),
        "opened": case.opened,
        "changed": case.changed,
        "reopened": case.reopened,
        "assignee": case.assignee,
        "decided_by": case.decided_by,
        "chosen": case.chosen and resolution_json(case.chosen),
    }


def _id(row: Any) -> CaseId:
    return CaseId(row.table_name, row.window_key, row.kind)


def case_of(row: Any) -> Case:
    """The case of a row of `schema.cases`."""
    return Case(
        id=_id(row),
        state=State(row.state),
        version=row.version,
        severity=row.severity,
        wrong=row.wrong,
        named=row.named,
        summary=row.summary,
        findings=tuple(row.findings),
        opened=row.opened,
        changed=row.changed,
        reopened=row.reopened,
        assignee=row.assignee,
        decided_by=row.decided_by,
        chosen=row.chosen and resolution_of(row.chosen),
    )


def begin_correction(c: sa.Connection, case: CaseId) -> int:
    """Notes that a run begins to correct a case; how many have begun, since one ended, with this one."""
    begun = sa.update(_cases).where(_is(c, case)).values(begun=_cases.c.begun + 1).returning(_cases.c.begun)
    found: int = c.scalars(begun).one()
    return found


def end_correction(c: sa.Connection, case: CaseId) -> None:
    """Notes that a run that corrects a case has ended, however: it was not killed."""
    c.execute(sa.update(_cases).where(_is(c, case)).values(begun=0))


def number_of(c: sa.Connection, case: CaseId) -> int:
    """The ledger's number of a case.

    Raises:
        TakenError: When there is no such case.
    """
    found: int | None = c.scalar(sa.select(_cases.c.id).where(_is(c, case)))
    if found is None:
        msg = f"{case}: there is no such case"
        raise TakenError(msg)
    return found


def decision_of(c: sa.Connection, number: int) -> int | None:
    """Which event of a case, by the ledger's number of it, decided it last."""
    decided = sa.select(sa.func.max(_event.c.n)).where(_event.c.act == CaseEventType.DECIDED.value)
    found: int | None = c.scalar(decided.where(_event.c.review_case == number))
    return found


def find_case(c: sa.Connection, case: CaseId) -> Case | None:
    """The case as it stands; None when there is none."""
    return find_cases(c, [case]).get(case)


def find_cases(c: sa.Connection, cases: Collection[CaseId]) -> dict[CaseId, Case]:
    """The cases as they stand, those that there are."""
    return {_id(row): case_of(row) for row in _rows(c, cases)}


def _rows(c: sa.Connection, cases: Collection[CaseId], *, lock: bool = False) -> Sequence[Any]:
    """The rows of these cases, found by the index of their names, however many they are."""
    if not cases:
        return ()
    these = given(_ID, [(case.table, case.window, case.kind) for case in cases])
    found = sa.select(_cases).where(owned(c, _cases), sa.tuple_(*_ID).in_(sa.select(*these.c)))
    # Whoever locks several does it in the same order, so that no two ever wait for each other.
    return c.execute(found.order_by(_cases.c.id).with_for_update(of=_cases) if lock else found).all()


def lock_cases_of(c: sa.Connection, windows: Collection[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Case]]:
    """The cases of windows (table, window) by their kinds; they stay as they are until the transaction ends."""
    found: dict[tuple[str, str], dict[str, Case]] = {window: {} for window in windows}
    these = given(_ID[:2], list(found))
    rows = sa.select(_cases).where(owned(c, _cases), sa.tuple_(*_ID[:2]).in_(sa.select(*these.c)))
    for row in c.execute(rows.order_by(_cases.c.id).with_for_update(of=_cases)):
        found[row.table_name, row.window_key][row.kind] = case_of(row)
    return found


def events(c: sa.Connection, case: CaseId) -> list[Event]:
    """All that happened to a case, in its order."""
    return events_of(c, [case])[case]


def events_of(c: sa.Connection, cases: Collection[CaseId]) -> dict[CaseId, list[Event]]:
    """All that happened to each of these cases, in its order."""
    numbers = {row.id: _id(row) for row in _rows(c, cases)}
    found: dict[CaseId, list[Event]] = {case: [] for case in cases}
    rows = c.execute(sa.select(_event).where(_event.c.review_case.in_(list(numbers))).order_by(_event.c.n))
    for row in rows:
        id_ = numbers[row.review_case]
        found[id_].append(Event(id_, row.n, row.at, CaseEventType(row.act), row.who, row.note, row.data))
    return found


def note_shown(c: sa.Connection, case: CaseId, version: int) -> None:
    """Notes that a case has been shown as it was at ``version``."""
    known = sa.func.greatest(_cases.c.shown_version, version)
    c.execute(sa.update(_cases).where(_is(c, case)).values(shown_version=known))


def note_unshown(c: sa.Connection) -> int:
    """Notes that nothing has been shown yet of any case that is to be seen; how many there are."""
    these = sa.and_(owned(c, _cases), ~_cases.c.pruned)
    return c.execute(sa.update(_cases).where(these).values(shown_version=0)).rowcount


def cases_closed_before(c: sa.Connection, at: datetime, most: int = 1000) -> list[CaseId]:
    """Cases that were closed before ``at`` and have not been `note_pruned` since; the oldest first."""
    old = sa.and_(owned(c, _cases), _cases.c.closed, ~_cases.c.pruned, _cases.c.changed < at)
    rows = c.execute(sa.select(*_ID).where(old).order_by(_cases.c.changed, _cases.c.id).limit(most))
    return [CaseId(*row) for row in rows]


def note_pruned(c: sa.Connection, cases: Sequence[CaseId]) -> None:
    """Notes that nothing is shown of these cases any more, until something happens to them."""
    for case in cases:
        c.execute(sa.update(_cases).where(_is(c, case), _cases.c.closed).values(pruned=True))
