"""What people say of cases. Nothing here writes to a target: a decision is an entry of the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets import ledger, writing
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.ledger import CaseRecord, CaseRecords, Ledger
from recon_assets.model import (
    Case,
    CaseEventType,
    CaseId,
    Decision,
    Discrepancies,
    Discrepancy,
    DiscrepancyKind,
    Event,
    Project,
    Resolution,
    State,
    TableSpec,
    Value,
    keepable,
    may_follow,
)
from recon_assets.review.connections import paired
from recon_assets.review.judging import unaccepted
from recon_assets.review.routing import CORRECTABLE, POLICY, RECON

LONGEST_NOTE = 4000
LONGEST_NAME = 100
PROGRAMS = {POLICY, RECON}
SENSOR_TAG = "recon/carries-out-decisions"
"""The sensor has it that turns decisions into runs, whatever its name, so that pages can say when it is stopped."""
PERSON_TAG = "recon/person"
"""A run has it whose launch came through a login, or by a command: whose."""
MAY_NOT_DECIDE_TAG = "recon/may-not-decide"
"""And this if that login's role does not allow to decide, so that the run may not undo what others decided."""


def decide(  # noqa: PLR0913 - who decides what of which case, and why
    book: Ledger,
    project: Project,
    case: CaseId,
    chosen: Resolution,
    *,
    who: str,
    note: str,
    at: datetime,
    expected: int | None = None,
) -> Event:
    """Decides a case that waits; a run then does what was decided.

    Args:
        book: Where the decision is kept.
        project: What is declared.
        case: Which case.
        chosen: What is to be done, for which records, with which values; these may be as people type them.
        who: Who decides.
        note: Why; keeping the target's records, or giving them other values, needs a reason.
        at: Now.
        expected: The version of the case that was looked at.

    Raises:
        DeclarationError: When there is no such case, or a value is none of its column's type.
        RefusedError: When that cannot be decided of this case.
        TakenError: When the case was decided, or found otherwise, since it was looked at.
    """
    who = person(who)
    _need_reason(chosen, note)
    # Of thousands of records none is read where the decision is for all of them as they are.
    named = bool(chosen.rows or chosen.values) or chosen.decision is Decision.KEEP_TARGET
    with book.begin() as connection:
        found = known(connection, case)
        records = records_of(connection, found) if named else ()
    if found.state is State.PENDING:
        chosen = checked(project, found, chosen, records)
    data = {
        "decision": chosen.decision.value,
        "rows": list(chosen.rows),
        "values": {row: dict(values) for row, values in chosen.values.items()},
    }
    with book.begin() as connection:
        seen = found.version if expected is None else expected
        return ledger.append(
            connection, case, CaseEventType.DECIDED, who=who, at=at, note=note, data=data, expected=seen
        )


def _need_reason(chosen: Resolution, note: str) -> None:
    if chosen.decision is not Decision.APPLY_SOURCE and not note.strip():
        msg = f"{chosen.decision}: say why, for whoever asks later."
        raise DeclarationError(msg)
    check_note(note)


def person(name: str) -> str:
    """The name of somebody who decides.

    Raises:
        DeclarationError: When it is none, or one that the ledger has for programs.
    """
    found = name.strip()
    if not found or len(found) > LONGEST_NAME or not found.isprintable() or found.lower() in PROGRAMS:
        msg = f"{found[:LONGEST_NAME]!r} is no person's name; give one, at most {LONGEST_NAME} characters, in one line"
        raise DeclarationError(msg)
    return found


def check_note(note: str) -> None:
    """Raise when the ledger does not keep such a text."""
    if len(note) > LONGEST_NOTE or not keepable(note):
        msg = f"A note is a text of at most {LONGEST_NOTE:,} characters, in UTF-8 and without NUL."
        raise DeclarationError(msg)


def known(connection: sa.Connection, case: CaseId) -> Case:
    """The case as it stands.

    Raises:
        DeclarationError: When there is no such case.
    """
    found = ledger.find_case(connection, case)
    if found is None:
        msg = f"{case}: there is no such case; `recon review list` names those that wait."
        raise DeclarationError(msg)
    return found


def records_of(connection: sa.Connection, case: Case, rows: Sequence[str] = ()) -> Sequence[CaseRecord]:
    """The records that a case names and that nobody has accepted, or those of the rows chosen."""
    if not case.id.of_records:
        return []
    named = ledger.case_records(connection, case.findings, case.id.of_records, ids=rows)
    accepted = ledger.acceptances(connection, case.id.table, [case.id.window]).get(case.id.window, {})
    return unaccepted(named, accepted) if accepted else named


def checked(project: Project, case: Case, chosen: Resolution, records: Sequence[CaseRecord]) -> Resolution:
    """The same with the values as their columns hold them.

    Raises:
        DeclarationError: When it names a record or a column that is not there, or the column cannot hold a value.
        RefusedError: When that cannot be decided of the case, or its table is no longer declared.
    """
    spec = declared(project, case.id)
    if chosen.decision is Decision.KEEP_TARGET:
        _refuse_unseen(case, chosen, records)
    else:
        _refuse_uncorrectable(case, chosen.decision)
    by_id = {record.id: record for record in records}
    for row in (*chosen.rows, *chosen.values):
        if row not in by_id:
            msg = f"{case.id}: it names no record {row!r}; `recon review show {case.id}` lists those it names."
            raise DeclarationError(msg)
    if chosen.decision is Decision.CUSTOM_FIX:
        return _with_typed(project, spec, case, chosen)
    if chosen.values:
        msg = f"{case.id}: values are given for {Decision.CUSTOM_FIX} only, not for {chosen.decision}."
        raise DeclarationError(msg)
    return chosen


def _refuse_unseen(case: Case, chosen: Resolution, records: Sequence[CaseRecord]) -> None:
    """What is accepted is what somebody could see, and what the next check can tell again."""
    if case.id.of_records and not chosen.rows and len(records) < case.wrong:
        msg = (
            f"{case.id}: only {len(records):,} of {case.wrong:,} records are known by name, and the others cannot be"
            " kept unseen; keep single records, correct the case, or declare that they are not to be checked."
        )
        raise RefusedError(msg)


def _refuse_uncorrectable(case: Case, decision: Decision) -> None:
    kind = case.id.of_records
    if kind is None:
        msg = f"{case.id}: the check names no record, so there is none to write; keep it, or compare again."
        raise RefusedError(msg)
    if decision is Decision.APPLY_SOURCE and kind not in CORRECTABLE:
        msg = f"{case.id}: the source does not say what is right for records out of order; keep them, or fix them."
        raise RefusedError(msg)


def _with_typed(project: Project, spec: TableSpec, case: Case, chosen: Resolution) -> Resolution:
    if not any(chosen.values.values()):
        msg = f"{case.id}: {Decision.CUSTOM_FIX} without a value; give one for each column to be written."
        raise DeclarationError(msg)
    if without := sorted({*chosen.rows, *chosen.values} - {row for row, values in chosen.values.items() if values}):
        msg = f"{case.id}: no value is given for the record {', '.join(without)}."
        raise DeclarationError(msg)
    for column in {column for values in chosen.values.values() for column in values}:
        if column in (*spec.key, *spec.private):
            what = "part of the key, which no fix changes" if column in spec.key else "private, and cannot be typed"
            msg = f"{case.id}: {column} is {what}."
            raise RefusedError(msg)
    with paired(project, spec) as pair:
        values = {
            row: {
                name: writing.typed(pair, name, None if value is None else str(value)) for name, value in given.items()
            }
            for row, given in chosen.values.items()
        }
    return Resolution(chosen.decision, tuple(values), values)


def check_keys(spec: TableSpec, records: Sequence[CaseRecord]) -> None:
    """Raises when records were found by another key than the one that is declared now.

    Nothing of them would be found by it, so that they would seem to agree.

    Raises:
        RefusedError: With what to do.
    """
    found = records.discrepancies if isinstance(records, CaseRecords) else None
    found = found or Discrepancies.of(item.discrepancy for item in records)
    for shape, places in found.by_shape.items() if spec.key else ():
        some = found.only(places)
        known_by = [side for side in _SIDES if set(spec.key) <= set(getattr(shape, side) or ())]
        keys = [zip(*(some.column(side, name, None) for name in spec.key), strict=True) for side in known_by]
        same = not keys or all(key in of_sides for key, *of_sides in zip(some.keys, *keys, strict=True))
        if not same or any(len(key) != len(spec.key) for key in some.keys):
            msg = (
                f"{spec.name}: its key was declared otherwise when these records were found; it is"
                f" {', '.join(spec.key)} now. Have the day compared again, and decide on what is found then"
            )
            raise RefusedError(msg)


_SIDES: tuple[Literal["source"], Literal["target"]] = ("source", "target")


def declared(project: Project, case: CaseId) -> TableSpec:
    """The table of a case.

    Raises:
        RefusedError: When it is no longer declared.
    """
    return table_of(project, case.table)


def table_of(project: Project, name: str) -> TableSpec:
    """The table of that name.

    Raises:
        RefusedError: When it is no longer declared.
    """
    if name not in project.tables:
        msg = f"{name}: the table is not declared any more; declare it again to correct or roll back its rows"
        raise RefusedError(msg)
    return project.tables[name]


def fixed(records: Sequence[CaseRecord], chosen: Resolution) -> Sequence[Discrepancy]:
    """What is to become of the target's records: each discrepancy with the side that is to win as its source.

    Several discrepancies of one record and kind (of other columns) are one.
    """
    if isinstance(records, CaseRecords) and not chosen.values:
        every = records.discrepancies
        if len(set(every.keys)) == len(every):
            return every
    found: dict[tuple[Value, ...], Discrepancy] = {}
    values: dict[tuple[Value, ...], dict[str, Value]] = {}
    for record in records:
        item = record.discrepancy
        before = found.get(item.key)
        found[item.key] = item if before is None else _both(before, item)
        values.setdefault(item.key, {}).update(chosen.values.get(record.id, {}))
    return tuple(_with_values(item, values[key]) for key, item in found.items())


def _both(first: Discrepancy, second: Discrepancy) -> Discrepancy:
    differing = tuple(dict.fromkeys((*first.differing, *second.differing)))
    return replace(second, differing=differing)


def _with_values(item: Discrepancy, values: Mapping[str, Value]) -> Discrepancy:
    if not values:
        return item
    if item.target is None:
        return replace(item, source={**(item.source or {}), **values})
    return replace(item, kind=DiscrepancyKind.MISMATCHED, source={**item.target, **values}, differing=tuple(values))


def decision_of(connection: sa.Connection, case: CaseId) -> Event:
    """Who decided a case last, and why."""
    return next(event for event in reversed(ledger.events(connection, case)) if event.act is CaseEventType.DECIDED)


def comment(book: Ledger, case: CaseId, *, who: str, note: str, at: datetime) -> Event:
    """Says something of a case."""
    if not note.strip():
        msg = "The comment is empty."
        raise DeclarationError(msg)
    return _say(book, case, CaseEventType.COMMENTED, who=who, note=note, at=at)


def assign(book: Ledger, case: CaseId, to: str, *, who: str, at: datetime) -> Event:
    """Gives a case to somebody; an empty name takes it from whoever had it."""
    return _say(book, case, CaseEventType.ASSIGNED, who=who, at=at, data={"assignee": person(to) if to.strip() else ""})


def recheck(book: Ledger, case: CaseId, *, who: str, at: datetime) -> Event:
    """Asks for the records of the case's window to be compared again."""
    return _say(book, case, CaseEventType.ASKED, who=who, at=at)


def undo(  # noqa: PLR0913 - of which case, by whom, and why
    book: Ledger, case: CaseId, *, who: str, note: str, at: datetime, expected: int | None = None
) -> Event:
    """Takes back what was decided: a run rolls back what was applied; what was kept waits again at once.

    Where the last decision is taken back already, or other records were found since, all that is still accepted of
    the case is accepted no more.

    Raises:
        DeclarationError: When there is no such case, or the name is no person's.
        RefusedError: When nothing was applied or kept.
        TakenError: When the case has changed since it was looked at.
    """
    who = person(who)
    check_note(note)
    with book.begin() as connection:
        found = known(connection, case)
        act = undoing(connection, found)
        if act is None:
            msg = f"{case} is {found.state}: only what is APPLIED or KEPT can be taken back."
            raise RefusedError(msg)
        event = ledger.append(connection, case, act, who=who, at=at, note=note, expected=expected)
        if act is not CaseEventType.UNDO:
            last = decision_of(connection, case).n if act is CaseEventType.REOPENED else None
            ledger.withdraw(connection, case, at=at, who=who, decision=last)
        return event


def undoing(connection: sa.Connection, case: Case) -> CaseEventType | None:
    """What taking back what was decided of a case begins with; None where nothing stands."""
    last = {State.APPLIED: CaseEventType.UNDO, State.ACCEPTED: CaseEventType.REOPENED}.get(case.state)
    earlier = may_follow(case.state, CaseEventType.ACCEPTANCE_REVOKED) and ledger.has_acceptances(connection, case.id)
    return last or (CaseEventType.ACCEPTANCE_REVOKED if earlier else None)


def _say(book: Ledger, case: CaseId, act: CaseEventType, **said: Any) -> Event:
    check_note(said.get("note", ""))
    said["who"] = person(said["who"])
    with book.begin() as connection:
        known(connection, case)
        return ledger.append(connection, case, act, **said)
