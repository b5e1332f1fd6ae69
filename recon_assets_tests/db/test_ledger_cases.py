"""A case is what happened to it: nothing is lost, doubled or decided twice."""

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings, strategies as st

from recon_assets import ledger
from recon_assets.errors import DeclarationError, TakenError
from recon_assets.ledger import Cursor, Filter, Ledger
from recon_assets.model import (
    TRANSITIONS,
    Case,
    CaseEventType,
    CaseId,
    Decision,
    DiscrepancyKind,
    Resolution,
    Severity,
    State,
    Transition,
    may_follow,
)
from recon_assets_tests.db.ledgers import APPLY, CASE, DAY, KEEP, append, found, happened, minute, plan_of, rows

TABLES = itertools.count(1)


def case_of(book: Ledger, case: CaseId = CASE) -> Case:
    """The case as it stands."""
    with book.begin() as c:
        known = ledger.find_case(c, case)
    assert known is not None
    return known


def ids(cases: Any) -> list[str]:
    """What tells cases of these tests apart."""
    return [case.id.table for case in cases]


# --- one case


PATHS: Mapping[State | None, Sequence[CaseEventType]] = {
    None: (),
    State.PENDING: (CaseEventType.FOUND,),
    State.DECIDED: (CaseEventType.FOUND, CaseEventType.DECIDED),
    State.APPLYING: (CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLYING),
    State.APPLIED: (CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLYING, CaseEventType.APPLIED),
    State.ACCEPTED: (CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.ACCEPTED),
    State.RESOLVED: (CaseEventType.FOUND, CaseEventType.RESOLVED),
    State.ROLLED_BACK: (
        *(CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLYING, CaseEventType.APPLIED),
        CaseEventType.ROLLED_BACK,
    ),
}
"""How a case is brought into each state."""


def test_a_case_that_nobody_found_is_not_there(book: Ledger) -> None:
    """Looking for it makes none."""
    with book.begin() as c:
        assert ledger.find_case(c, CASE) is None
        assert ledger.events(c, CASE) == []


def test_a_case_begins_when_it_is_found(book: Ledger) -> None:
    """With all that is known of it, whatever the sentence holds."""
    append(
        book, CaseEventType.FOUND, at=1, data=found(3, 4, wrong=7, severity=Severity.MEDIUM, summary="bad \0 \ud800")
    )

    assert case_of(book) == Case(
        CASE, State.PENDING, 1, Severity.MEDIUM, 7, 0, "bad \0 \ud800", (3, 4), minute(1), minute(1)
    )


def test_events_come_back_as_they_were(book: Ledger) -> None:
    """Numbered from 1 on, with who, why and what."""
    chosen = Resolution(Decision.CUSTOM_FIX, ("abc",), {"abc": {"amount": 2**70, "näme": "\0", "flag": None}})
    given = [
        append(book, CaseEventType.FOUND),
        append(book, CaseEventType.COMMENTED, at=1, note="look \0 here"),
        append(book, CaseEventType.DECIDED, at=2, data=ledger.resolution_json(chosen), expected=2),
    ]

    with book.begin() as c:
        assert ledger.events(c, CASE) == given
    assert [event.n for event in given] == [1, 2, 3]
    assert case_of(book).chosen == chosen


def test_a_case_found_again_is_reopened(book: Ledger) -> None:
    """It is as old as its return, and nobody has decided it; whose it is stays."""
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.ACCEPTED)
    append(book, CaseEventType.ASSIGNED, at=3, data={"assignee": "berta"})
    append(book, CaseEventType.FOUND, at=9, data=found(8, wrong=2))

    case = case_of(book)
    assert (case.state, case.opened, case.reopened, case.findings, case.wrong) == (State.PENDING, minute(9), 1, (8,), 2)
    assert (case.chosen, case.decided_by, case.assignee) == (None, "", "berta")


def test_a_case_found_again_while_it_is_open_is_as_old_as_before(book: Ledger) -> None:
    """Only what is known of it changes."""
    append(book, CaseEventType.FOUND, at=0)
    append(book, CaseEventType.FOUND, at=5, data=found(9))

    case = case_of(book)
    assert (case.opened, case.changed, case.reopened, case.findings) == (minute(0), minute(5), 0, (9,))


def test_a_decision_that_is_returned_waits_again(book: Ledger) -> None:
    """Without the decision; a kept case that is given back is as old as that."""
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.FAILED)
    assert (case_of(book).chosen, case_of(book).opened) == (None, minute(0))

    happened(book, CaseEventType.DECIDED, CaseEventType.ACCEPTED, CaseEventType.REOPENED, at=3)
    case = case_of(book)
    assert (case.state, case.opened, case.reopened) == (State.PENDING, minute(5), 0)


@pytest.mark.parametrize("way", TRANSITIONS, ids=lambda way: f"{way.before}-{way.event}")
def test_every_transition_is_written_down(book: Ledger, way: Transition) -> None:
    """From a case that was brought into the state before; the case and its events tell the same."""
    brought = PATHS[way.before]
    happened(book, *brought)

    append(book, way.event, at=len(brought))

    with book.begin() as c:
        assert [event.act for event in ledger.events(c, CASE)] == [*brought, way.event]
    assert case_of(book).state is way.after


@pytest.mark.repeats
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.sampled_from(CaseEventType), max_size=14))
def test_a_case_is_the_fold_of_its_events(book: Ledger, acts: list[CaseEventType]) -> None:
    """Whatever is tried: what may happen is remembered, what may not leaves no trace, and the case says the same."""
    case = CaseId(f"t{next(TABLES)}", DAY, "missing")
    state: State | None = None
    happened_: list[CaseEventType] = []
    opened: datetime | None = None
    reopened = 0
    for n, act in enumerate((CaseEventType.FOUND, *acts)):
        allowed = may_follow(state, act)
        closed = state is not None and state.closed
        try:
            append(book, act, case, at=n, data={**found(n), **ledger.resolution_json(KEEP), "assignee": "berta"})
        except TakenError:
            assert not allowed
            continue
        assert allowed
        happened_.append(act)
        state = act.leads_to or state
        reopened += closed and act is CaseEventType.FOUND
        opened = minute(n) if opened is None or (closed and state is State.PENDING) else opened

    with book.begin() as c:
        events = ledger.events(c, case)
        known = ledger.find_case(c, case)
    folded = None
    for event in events:
        folded = ledger.apply_event(folded, event)

    assert known is not None
    assert known == folded
    assert [event.act for event in events] == happened_
    assert [event.n for event in events] == list(range(1, len(events) + 1))
    assert (known.state, known.version, known.opened, known.reopened) == (state, len(events), opened, reopened)


def test_only_finding_makes_a_case(book: Ledger) -> None:
    """Anything else needs one that is there."""
    with pytest.raises(TakenError, match="orders/2025-01-01/missing: there is no such case"):
        append(book, CaseEventType.DECIDED)
    assert rows(book, "SELECT count(*) FROM recon.review_case") == [(0,)]


def test_the_second_decider_is_told_who_decided_what(book: Ledger) -> None:
    """Not of a comment that came later."""
    append(book, CaseEventType.FOUND)
    append(book, CaseEventType.DECIDED, who="berta", at=1, data=ledger.resolution_json(APPLY), expected=1)
    append(book, CaseEventType.COMMENTED, who="carl", at=2)

    with pytest.raises(TakenError, match=r"is DECIDED \(by berta: decided APPLY_SOURCE, 2025-01-02 03:05:05 UTC\)"):
        append(book, CaseEventType.DECIDED, who="anna", at=3)


def test_who_answers_to_an_older_version_is_told_what_happened(book: Ledger) -> None:
    """Also when that would be allowed in the case's state."""
    append(book, CaseEventType.FOUND)
    append(book, CaseEventType.FOUND, who="carl", at=2)
    append(book, CaseEventType.COMMENTED, at=3)

    with pytest.raises(TakenError, match="by carl: found"):
        append(book, CaseEventType.DECIDED, at=4, expected=1)
    with pytest.raises(TakenError):
        append(book, CaseEventType.DECIDED, at=4, expected=4)
    assert case_of(book).version == 3


@pytest.mark.parametrize("act", [CaseEventType.COMMENTED, CaseEventType.ASSIGNED, CaseEventType.ASKED])
def test_remarks_refuse_nothing(book: Ledger, act: CaseEventType) -> None:
    """What was seen before them still stands."""
    append(book, CaseEventType.FOUND)
    append(book, act, who="carl", data={"assignee": "carl"})
    append(book, act, who="carl", data={"assignee": "carl"})

    append(book, CaseEventType.DECIDED, data=ledger.resolution_json(APPLY), expected=1)
    assert case_of(book).state is State.DECIDED


def test_two_writers_of_one_event_write_one(book: Ledger) -> None:
    """The first decision stands; the others are told whose it is."""
    append(book, CaseEventType.FOUND)
    taken: list[str] = []
    start = threading.Barrier(4)

    def decide(who: str) -> None:
        start.wait()
        try:
            append(book, CaseEventType.DECIDED, who=who, expected=1)
        except TakenError as error:
            taken.append(str(error))

    deciders = [threading.Thread(target=decide, args=(f"who{n}",)) for n in range(4)]
    for decider in deciders:
        decider.start()
    for decider in deciders:
        decider.join()

    winner = case_of(book).decided_by
    assert len(taken) == 3
    assert all(f"by {winner}: decided KEEP_TARGET" in said for said in taken)
    assert rows(book, "SELECT n, who FROM recon.case_event ORDER BY n") == [(1, "anna"), (2, winner)]


def test_two_finders_of_a_new_case_make_one(book: Ledger) -> None:
    """The second waits for the first and finds it there."""
    start = threading.Barrier(4)

    def find() -> None:
        start.wait()
        append(book, CaseEventType.FOUND)

    finders = [threading.Thread(target=find) for _ in range(4)]
    for finder in finders:
        finder.start()
    for finder in finders:
        finder.join()

    assert case_of(book).version == 4
    assert rows(book, "SELECT count(*) FROM recon.review_case") == [(1,)]


def test_a_case_that_was_not_kept_is_not_there(book: Ledger) -> None:
    """A transaction that ends badly leaves neither case nor event."""

    def fail() -> None:
        with book.begin() as c:
            ledger.append(c, CASE, CaseEventType.FOUND, who="recon", at=minute(0), data=found())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with book.begin() as c:
        assert ledger.find_case(c, CASE) is None


# --- the queue


@pytest.fixture
def queue(book: Ledger) -> Ledger:
    """Six cases: five open ones and a closed one."""
    told = [
        ("a", "missing", Severity.LOW, 1),
        ("b", "missing", Severity.HIGH, 3),
        ("c", "extra", Severity.HIGH, 2),
        ("d", "sum", Severity.MEDIUM, 4),
        ("e", "missing", Severity.HIGH, 3),
        ("f", "missing", Severity.HIGH, 0),
    ]
    for n, (table, kind, severity, at) in enumerate(told, 1):
        append(book, CaseEventType.FOUND, CaseId(table, f"2025-01-0{n}", kind), at=at, data=found(severity=severity))
    append(book, CaseEventType.RESOLVED, CaseId("f", "2025-01-06", "missing"))
    append(book, CaseEventType.DECIDED, CaseId("c", "2025-01-03", "extra"))
    append(book, CaseEventType.ASSIGNED, CaseId("a", "2025-01-01", "missing"), data={"assignee": "berta"})
    return book


FILTERS = [
    pytest.param(Filter(), "cbeda", id="all that is open"),
    pytest.param(Filter(tables=("a", "b")), "ba", id="tables"),
    pytest.param(Filter(windows=("2025-01-02", "2025-01-03")), "cb", id="windows"),
    pytest.param(Filter(kinds=("extra", "sum")), "cd", id="kinds"),
    pytest.param(Filter(severities=(Severity.LOW, Severity.MEDIUM)), "da", id="severities"),
    pytest.param(Filter(states=(State.DECIDED,)), "c", id="state"),
    pytest.param(Filter(states=(State.RESOLVED, State.DECIDED)), "fc", id="states"),
    pytest.param(Filter(older_than=minute(3)), "ca", id="age"),
    pytest.param(Filter(assignee="berta"), "a", id="assignee"),
    pytest.param(Filter(assignee=""), "cbed", id="nobody"),
    pytest.param(Filter(tables=("a",), kinds=("extra",)), "", id="both"),
]


@pytest.mark.parametrize(("which", "expected"), FILTERS)
def test_pages_of_the_queue_give_every_case_once(queue: Ledger, which: Filter, expected: str) -> None:
    """The most severe first, then the oldest, then the one that was there first; whatever the page's size."""
    for size in (1, 2, 50):
        with queue.begin() as c:
            pages = list(read(c, which, size))

        assert "".join(itertools.chain(*pages)) == expected
        assert all(len(page) == size for page in pages[:-1])


def read(c: sa.Connection, which: Filter, size: int) -> Iterator[list[str]]:
    """Page after page."""
    page = ledger.queue(c, which, limit=size)
    yield ids(page.cases)
    while page.next:
        page = ledger.queue(c, which, after=Cursor.parse(str(page.next)), limit=size)
        yield ids(page.cases)


@pytest.mark.parametrize(("which", "expected"), FILTERS)
def test_counts_count_what_the_queue_gives(queue: Ledger, which: Filter, expected: str) -> None:
    """By everything that one can filter by."""
    with queue.begin() as c:
        cases = ledger.queue(c, which).cases
        counts = ledger.counts(c, which)

    def tally(name: str) -> dict[Any, int]:
        values = [getattr(case, name, None) or getattr(case.id, name) for case in cases]
        return {value: values.count(value) for value in values}

    assert counts.total == len(expected) == len(cases)
    assert counts.by_state == tally("state")
    assert counts.by_severity == tally("severity")
    assert counts.by_table == tally("table")
    assert counts.by_kind == tally("kind")
    opened = [case.opened for case in cases]
    assert (counts.oldest, counts.newest) == (min(opened, default=None), max(opened, default=None))


@pytest.mark.parametrize("text", ["", "high", "high_1_x", "highest_1_1", "high_x_1", "high_1e300_1", "high_nan_1"])
def test_what_is_no_place_in_the_queue_is_refused(text: str) -> None:
    """Whatever stands in an address."""
    with pytest.raises(DeclarationError, match="is no place in the queue"):
        Cursor.parse(text)


def test_cases_of_a_state_are_found(queue: Ledger) -> None:
    """In the order in which they matter, not more than asked for."""
    with queue.begin() as c:
        assert ids(ledger.cases_in_state(c, State.PENDING)) == ["b", "e", "d", "a"]
        assert ids(ledger.cases_in_state(c, State.PENDING, State.RESOLVED, most=2)) == ["f", "b"]


def test_cases_of_tables_that_are_asked_about_are_not_crowded_out(book: Ledger) -> None:
    """However many cases of others there are."""
    for case in (CASE, replace(CASE, table="a_gone")):
        happened(
            book,
            CaseEventType.FOUND,
            CaseEventType.DECIDED,
            CaseEventType.APPLYING,
            CaseEventType.APPLIED,
            CaseEventType.UNDO,
            case=case,
        )

    with book.begin() as c:
        assert [each.id for each in ledger.cases_in_state(c, State.APPLIED, tables=[CASE.table], most=1)] == [CASE]
        assert [each.id for each in ledger.cases_to_undo(c, tables=[CASE.table], most=1)] == [CASE]
        assert ledger.cases_in_state(c, State.APPLIED, tables=[]) == ledger.cases_to_undo(c, tables=[]) == []


# --- what is to be done


def due(book: Ledger) -> tuple[int, int]:
    with book.begin() as c:
        return len(ledger.cases_to_undo(c)), len(ledger.cases_to_show(c, 10))


@pytest.mark.parametrize(
    "ends",
    [
        [CaseEventType.ROLLED_BACK],
        [CaseEventType.REFUSED],
        [CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.FAILED],
    ],
)
def test_a_case_is_to_be_undone_until_that_is_answered(book: Ledger, ends: list[CaseEventType]) -> None:
    """Whatever is found, said or decided meanwhile."""
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLYING, CaseEventType.APPLIED)
    assert due(book)[0] == 0
    append(book, CaseEventType.UNDO)
    append(book, CaseEventType.COMMENTED)
    for end in ends:
        assert due(book)[0] == 1
        append(book, end)
    assert due(book)[0] == 0


def test_a_case_is_to_be_shown_until_its_version_is(book: Ledger) -> None:
    """An older picture that comes late does not undo a newer one."""
    happened(book, CaseEventType.FOUND, CaseEventType.COMMENTED)
    assert due(book)[1] == 1

    for version, left in ((1, 1), (2, 0), (1, 0)):
        with book.begin() as c:
            ledger.note_shown(c, CASE, version)
        assert due(book)[1] == left


def test_old_closed_cases_are_pruned_once(book: Ledger) -> None:
    """Until something happens to them again; open ones never."""
    happened(book, CaseEventType.FOUND, CaseEventType.RESOLVED)
    append(book, CaseEventType.FOUND, CaseId("open", DAY, "missing"))

    def old(at: float) -> list[CaseId]:
        with book.begin() as c:
            return ledger.cases_closed_before(c, minute(at))

    assert (old(1), old(1.1)) == ([], [CASE])
    with book.begin() as c:
        ledger.note_pruned(c, [CASE, CaseId("open", DAY, "missing")])
    assert old(9) == []
    append(book, CaseEventType.COMMENTED)
    assert old(9) == [CASE]


def test_windows_of_open_cases_are_those_of_one_kind_that_wait(book: Ledger) -> None:
    """Of the table, and no closed one's."""
    happened(book, CaseEventType.FOUND)
    append(book, CaseEventType.FOUND, CaseId("orders", "2025-01-02", "missing"))
    append(book, CaseEventType.RESOLVED, CaseId("orders", "2025-01-02", "missing"))
    with book.begin() as c:
        found = [ledger.windows_of_open_cases(c, "orders", kind) for kind in DiscrepancyKind]
    assert found == [[DAY], [], [], [], []]


# --- ten thousand open cases

CROWD = """
INSERT INTO recon.review_case (project, table_name, window_key, kind, state, closed, version, severity, wrong, named,
    summary, findings, opened, changed, reopened, assignee, decided_by, undo, shown_version, pruned)
SELECT 'default', 't' || n % 20, (date '2000-01-01' + n / 20)::text, 'missing',
    CASE WHEN n <= 10000 THEN 'PENDING' ELSE 'RESOLVED' END, n > 10000, 2, 1 + n % 3, n, 0, '"wrong"',
    ARRAY[1], now() - n * interval '1 minute', now(), 0, '', '', false,
    CASE WHEN n <= 10 THEN 1 ELSE 2 END, false
FROM generate_series(1, 110001) AS n
"""


@pytest.fixture
def crowd(book: Ledger) -> Ledger:
    """10,000 open cases and 100,001 closed ones."""
    rows(book, CROWD.strip() + " RETURNING 1")
    with book.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as c:
        c.exec_driver_sql("VACUUM ANALYZE recon.review_case")
    return book


Asking = Callable[[sa.Connection], object]
PLANNED: list[tuple[str, Asking]] = [
    ("review_case_queue", lambda c: ledger.queue(c, Filter())),
    ("review_case_queue", lambda c: ledger.queue(c, Filter(), after=Cursor(Severity.MEDIUM, minute(0), 5000))),
    ("review_case_states", lambda c: ledger.queue(c, Filter(states=tuple(State)))),
    ("review_case_states", lambda c: ledger.cases_in_state(c, State.DECIDED)),
    ("review_case_to_undo", ledger.cases_to_undo),
    ("review_case_to_show", lambda c: ledger.cases_to_show(c, 100)),
    ("review_case_to_prune", lambda c: ledger.cases_closed_before(c, minute(10**6), 100)),
]


def test_ten_thousand_open_cases_are_paged_by_index(crowd: Ledger) -> None:
    """No more closed cases than shown are looked at, nor any event; counting takes the open ones, or so many closed."""
    for index, asking in PLANNED:
        with crowd.begin() as c:
            plan = plan_of(c, partial(asking, c))
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan
    with crowd.begin() as c:
        assert "Seq Scan" not in plan_of(c, lambda: ledger.counts(c, Filter()))
        assert str(ledger.counts(c, Filter())) == "10,000 cases"
        assert str(ledger.counts(c, Filter(states=tuple(State)))) == "more than 100,000 cases"
        assert len(ledger.cases_to_show(c, 100)) == 10
