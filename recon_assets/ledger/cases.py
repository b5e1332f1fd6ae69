"""Cases: what happened to each, in its order, and where they stand."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.errors import DeclarationError, TakenError
from recon_assets.ledger import schema
from recon_assets.ledger.projects import owned, project_of
from recon_assets.ledger.values import given, resolution_json, resolution_of
from recon_assets.ledger.windows import note as note_window
from recon_assets.model import Case, CaseEventType, CaseId, Event, Severity, State, may_follow, outdated, plural

_cases, _event = schema.cases, schema.event
_ID = (_cases.c.table_name, _cases.c.window_key, _cases.c.kind)
_ORDER = (_cases.c.severity.desc(), _cases.c.opened, _cases.c.id)
_NOTED: Mapping[CaseEventType, Literal["asked", "changed"]] = {
    CaseEventType.ASKED: "asked",
    **dict.fromkeys(
        (
            CaseEventType.APPLIED,
            CaseEventType.ACCEPTED,
            CaseEventType.REOPENED,
            CaseEventType.ROLLED_BACK,
            CaseEventType.ACCEPTANCE_REVOKED,
        ),
        "changed",
    ),
}


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
    number, known = _locked(c, case, make=act is CaseEventType.FOUND, at=at)
    _refuse(c, known, act, expected)
    later = {"evaluation": note_window(c, case.table, case.window, _NOTED[act])} if act in _NOTED else {}
    new = Event(case, known.version + 1 if known else 1, at, act, who, note, {**(data or {}), **later})
    stored = {"n": new.n, "at": at, "act": act.value, "who": who, "note": note, "data": new.data}
    c.execute(sa.insert(_event).values(review_case=number, **stored))
    c.execute(sa.update(_cases).where(_cases.c.id == number).values(**_columns(apply_event(known, new)), **_to_do(act)))
    return new


_ANSWERS = {CaseEventType.UNDO, CaseEventType.REFUSED, CaseEventType.REOPENED, CaseEventType.ROLLED_BACK}


def _to_do(act: CaseEventType) -> dict[str, bool]:
    """What is to be done after ``act``, besides what the state says; an undo is to be done until it is answered."""
    return {"pruned": False} | ({"undo": act is CaseEventType.UNDO} if act in _ANSWERS else {})


def _locked(c: sa.Connection, case: CaseId, *, make: bool, at: datetime) -> tuple[int, Case | None]:
    """The case's number, and how it stands; None when it has been made just now."""
    if make:
        row = {
            "project": project_of(c),
            **_named(case),
            **_columns(_blank(case, at)),
            "undo": False,
            "shown_version": 0,
            "pruned": False,
        }
        c.execute(postgresql.insert(_cases).values(row).on_conflict_do_nothing())
    found = c.execute(sa.select(_cases).where(_is(c, case)).with_for_update()).one_or_none()
    if found is None:
        msg = f"{case}: there is no such case"
        raise TakenError(msg)
    return found.id, _case(found) if found.version else None


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


def _case(row: Any) -> Case:
    return Case(
        id=CaseId(row.table_name, row.window_key, row.kind),
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
    rows = c.execute(sa.select(_cases).where(owned(c, _cases), _among(cases))) if cases else ()
    return {case.id: case for case in map(_case, rows)}


def _among(cases: Collection[CaseId]) -> sa.ColumnElement[bool]:
    """Whether a row is of one of ``cases``, found by the index of their names, however many they are."""
    these = given(_ID, [(case.table, case.window, case.kind) for case in cases])
    return sa.tuple_(*_ID).in_(sa.select(*these.c))


def events(c: sa.Connection, case: CaseId) -> list[Event]:
    """All that happened to a case, in its order."""
    rows = c.execute(sa.select(_event).join(_cases).where(_is(c, case)).order_by(_event.c.n))
    return [Event(case, row.n, row.at, CaseEventType(row.act), row.who, row.note, row.data) for row in rows]


@dataclass(frozen=True)
class Filter:
    """Which cases; what is empty or None filters nothing, but without ``states`` only cases that are not closed.

    Attributes:
        windows: First and last window, by their keys.
        kinds: Kinds of discrepancies, or names of checks.
        older_than: Opened before.
        assignee: "" means nobody.
    """

    tables: tuple[str, ...] = ()
    windows: tuple[str, str] | None = None
    kinds: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    states: tuple[State, ...] = ()
    older_than: datetime | None = None
    assignee: str | None = None

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """What holds for such a case's row, besides its state."""
        if self.tables:
            yield _cases.c.table_name.in_(self.tables)
        if self.windows:
            yield _cases.c.window_key.between(*self.windows)
        if self.kinds:
            yield _cases.c.kind.in_(self.kinds)
        if self.severities:
            yield _cases.c.severity.in_(self.severities)
        if self.older_than:
            yield _cases.c.opened < self.older_than
        if self.assignee is not None:
            yield _cases.c.assignee == self.assignee


def _values(states: Sequence[State]) -> list[str]:
    return [state.value for state in states]


@dataclass(frozen=True)
class Cursor:
    """A place in the queue: that of one case."""

    severity: Severity
    opened: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.severity}_{self.opened.timestamp():.6f}_{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The place that ``str`` of it names.

        Raises:
            DeclarationError: When the text has another form.
        """
        try:
            severity, opened, number = text.split("_")
            return cls(Severity(severity), datetime.fromtimestamp(float(opened), UTC), int(number))
        except (ValueError, OverflowError, OSError) as error:
            msg = f"{text!r} is no place in the queue; begin at its first page"
            raise DeclarationError(msg) from error


@dataclass(frozen=True)
class Page:
    """Some cases of the queue; ``next`` is where the next page begins, None at the end."""

    cases: tuple[Case, ...]
    next: Cursor | None


def queue(c: sa.Connection, filter: Filter, *, after: Cursor | None = None, limit: int = 50) -> Page:  # noqa: A002
    """A page of the cases that pass ``filter``: the most severe first, then the oldest.

    Each state is read in the order of its index: those that are closed grow in number for ever.
    """
    begun = sa.select(_cases).where(owned(c, _cases), *filter.conditions(), *_behind(after))
    wanted = [begun.where(_cases.c.state == state.value) for state in filter.states] or [begun.where(~_cases.c.closed)]
    firsts = sa.union_all(*(each.order_by(*_ORDER).limit(limit + 1).subquery().select() for each in wanted)).subquery()
    ordered = sa.select(firsts).order_by(firsts.c.severity.desc(), firsts.c.opened, firsts.c.id)
    rows = c.execute(ordered.limit(limit + 1)).all()
    more = [Cursor(row.severity, row.opened, row.id) for row in rows[limit - 1 : limit] if len(rows) > limit]
    return Page(tuple(map(_case, rows[:limit])), next(iter(more), None))


def _behind(place: Cursor | None) -> Iterator[sa.ColumnElement[bool]]:
    if place:
        later = sa.tuple_(_cases.c.opened, _cases.c.id) > sa.tuple_(place.opened, place.id)
        yield _cases.c.severity <= place.severity
        yield sa.or_(_cases.c.severity < place.severity, later)


MAX_COUNTED = 100_000
"""Of cases that are closed no more are counted: they grow in number for ever."""


@dataclass(frozen=True)
class Counts:
    """How many cases there are; ``oldest`` and ``newest`` say when such cases were opened.

    Attributes:
        cut: Whether there are more, which were not counted.
    """

    total: int = 0
    by_table: Mapping[str, int] = field(default_factory=dict)
    by_kind: Mapping[str, int] = field(default_factory=dict)
    by_severity: Mapping[Severity, int] = field(default_factory=dict)
    by_state: Mapping[State, int] = field(default_factory=dict)
    oldest: datetime | None = None
    newest: datetime | None = None
    cut: bool = False

    def __str__(self) -> str:
        return f"{'more than ' if self.cut else ''}{plural(self.total, 'case')}"


def counts(c: sa.Connection, filter: Filter) -> Counts:  # noqa: A002 - what it is
    """The cases that pass ``filter``, counted in one go; with closed ones among them at most `MAX_COUNTED`."""
    by = (_cases.c.table_name, _cases.c.kind, _cases.c.severity, _cases.c.state)
    these = sa.select(*by, _cases.c.opened).where(owned(c, _cases), *filter.conditions())
    these = these.where(_cases.c.state.in_(_values(filter.states)) if filter.states else ~_cases.c.closed)
    if limited := any(state.closed for state in filter.states):
        these = these.limit(MAX_COUNTED + 1)
    of = these.subquery()
    groups = [of.c[column.name] for column in by]
    figures = (
        sa.func.count().label("n"),
        sa.func.min(of.c.opened).label("oldest"),
        sa.func.max(of.c.opened).label("newest"),
    )
    rows = c.execute(sa.select(*groups, *figures).group_by(*groups)).all()
    total = sum(row.n for row in rows)
    cut = limited and total > MAX_COUNTED
    return Counts(
        MAX_COUNTED if cut else total,
        _counted((row.table_name, row.n) for row in rows),
        _counted((row.kind, row.n) for row in rows),
        _counted((Severity(row.severity), row.n) for row in rows),
        _counted((State(row.state), row.n) for row in rows),
        min((row.oldest for row in rows), default=None),
        max((row.newest for row in rows), default=None),
        cut,
    )


def _counted(counted: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    """How many cases there are of each name, those of most cases first."""
    found: dict[Any, int] = defaultdict(int)
    for name, n in counted:
        found[name] += n
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def cases_in_state(
    c: sa.Connection, *states: State, tables: Collection[str] | None = None, most: int = 1000
) -> list[Case]:
    """Cases in one of ``states``, of these tables or of all: the most severe first, then the oldest."""
    return _some(c, _cases.c.state.in_(_values(states)), tables=tables, most=most)


def cases_to_undo(c: sa.Connection, *, tables: Collection[str] | None = None, most: int = 1000) -> list[Case]:
    """Cases, of these tables or of all, that somebody wants undone, and that have not been yet."""
    return _some(c, _cases.c.undo, tables=tables, most=most)


def cases_to_show(c: sa.Connection, most: int) -> list[Case]:
    """Cases of which something has not been shown yet."""
    return _some(c, _cases.c.shown_version < _cases.c.version, most=most)


def _some(
    c: sa.Connection, condition: sa.ColumnElement[bool], *, tables: Collection[str] | None = None, most: int
) -> list[Case]:
    found = sa.select(_cases).where(owned(c, _cases), condition)
    if tables is not None:
        found = found.where(_cases.c.table_name.in_(tables))
    return [_case(row) for row in c.execute(found.order_by(*_ORDER).limit(most))]


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
