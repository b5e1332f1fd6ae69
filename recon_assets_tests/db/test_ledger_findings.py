"""Findings come back as they were, each is read once, and records keep their identity."""

import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings, strategies as st

from recon_assets import checks, ledger, review
from recon_assets.errors import UnavailableError
from recon_assets.ledger import CaseRecord, Ledger, TrackedRecord
from recon_assets.model import (
    CaseEventType,
    CaseId,
    Check,
    Details,
    Discrepancy,
    DiscrepancyKind,
    Finding,
    Project,
    Relation,
    Severity,
    State,
    TableSpec,
)
from recon_assets_tests.db.ledgers import (
    CASE,
    DAY,
    JUDGED,
    RECORDS,
    append,
    figure,
    finding,
    happened,
    minute,
    mismatched,
    missing,
    plain,
    record,
    rows,
)

SHARED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
NASTY = ("", "\0", "a\0b", "\ud800", "naïve 🐘", "null", '"', "\\u0000", "\\", "line\nline")
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(2**90), 2**90), st.text(max_size=8), st.sampled_from(NASTY))
FIGURES = st.one_of(VALUES, st.decimals(), st.floats())
RECORD = st.none() | st.dictionaries(st.sampled_from(["id", "amount", "näme", ""]), VALUES)


def all_of(book: Ledger, *findings: int, **which: Any) -> list[TrackedRecord]:
    """What the ledger says of the records of these findings, the same in both ways to ask."""
    with book.begin() as c:
        found = ledger.tracked_records(c, findings, **which)
        if which.keys() <= {"kind", "ids"}:
            same = [CaseRecord(each.id, each.discrepancy, each.checks) for each in found]
            without_times = ledger.case_records(c, findings, **which)
            assert list(without_times) == same
            assert list(without_times[1:]) == same[1:]
        return found


def fresh(book: Ledger, **which: Any) -> list[str]:
    """The checks of the findings that nobody has read yet."""
    with book.begin() as c:
        return [said.finding.check for said in ledger.claim_unrouted(c, **which)]


@SHARED
@given(source=FIGURES, target=FIGURES, text=st.sampled_from(NASTY) | st.text(), cell=FIGURES, flag=st.booleans())
def test_a_finding_comes_back_as_it_was(
    book: Ledger, source: Any, target: Any, text: str, cell: Any, *, flag: bool
) -> None:
    """Every field, of the same type: a decimal keeps its digits, a float its bits, a text every character."""
    kept = finding(
        summary=text,
        passed=flag,
        source=source,
        target=target,
        wrong=2**40,
        details=Details((text, "n"), ((cell, None),)) if flag else None,
        reasons=(text,),
        severity=None if flag else Severity.MEDIUM,
        error=None if flag else text,
        accepted=text if flag else None,
    )
    record(book, kept)

    with book.begin() as c:
        back = ledger.latest_findings(c, "orders", DAY)["fields"].finding

    assert repr(back) == repr(kept)


def said_of(found: Discrepancy) -> str:
    """All of it, with the types of values; the order of a record's columns says nothing."""
    sides = (record and sorted(record.items()) for record in (found.source, found.target))
    return repr((found.kind, found.key, *sides, found.differing, found.window))


@SHARED
@given(kind=st.sampled_from(DiscrepancyKind), key=st.lists(VALUES, max_size=3), source=RECORD, target=RECORD)
def test_a_discrepancy_comes_back_as_it_was(
    book: Ledger, kind: DiscrepancyKind, key: list[Any], source: dict[str, Any] | None, target: dict[str, Any] | None
) -> None:
    """Key and records, of whatever values; and so does its identity."""
    kept = Discrepancy(kind, tuple(key), source, target, ("amount",), DAY)
    record(book, finding(kept, kinds=(kind,)))

    with book.begin() as c:
        newest = ledger.latest_findings(c, "orders", DAY)["fields"]
        (back,) = ledger.tracked_records(c, [newest.id])

    assert said_of(back.discrepancy) == said_of(kept)
    assert (back.id, back.discrepancy.fingerprint) == (kept.id("orders"), kept.fingerprint)
    assert newest.finding.discrepancies == ()


def test_said_gives_findings_by_their_numbers(book: Ledger) -> None:
    """With when and where they were made; numbers that are not there are passed over."""
    number = record(book, finding(check="one"), finding(check="two"), at=3, run="abc")

    with book.begin() as c:
        both = ledger.stored_findings(c, [1, 2, 77])

    assert [(said.id, said.evaluation, said.at, said.run, said.finding.check) for said in both] == [
        (1, number, minute(3), "abc", "one"),
        (2, number, minute(3), "abc", "two"),
    ]


def test_latest_is_the_newest_of_each_check_of_one_window(book: Ledger) -> None:
    """Of two evaluations of one check the later one; other windows and tables do not count."""
    record(book, finding(missing(1)), finding(check="count"))
    record(book, finding(), finding(missing(7), window="2025-01-02"), finding(missing(8), table="planes"))

    with book.begin() as c:
        newest = ledger.latest_findings(c, "orders", DAY)

    assert {name: (said.evaluation, said.finding.passed) for name, said in newest.items()} == {
        "fields": (2, True),
        "count": (1, True),
    }


def test_latest_is_not_set_back_by_a_slow_writer(book: Ledger) -> None:
    """An evaluation whose reading began first and that was written last is the older one; and is fresh all the same."""
    with book.begin() as c:
        (early,) = ledger.draw_numbers(c, 1)
    record(book, finding(missing(2)), run="quick")
    assert len(fresh(book)) == 1
    with book.begin() as c:
        assert ledger.record_findings(c, [finding(missing(1))], run="slow", at=minute(1), number=early) == early

    with book.begin() as c:
        assert ledger.latest_findings(c, "orders", DAY)["fields"].run == "quick"
    assert len(fresh(book)) == 1


# --- read once


def test_findings_are_fresh_once(book: Ledger) -> None:
    """Oldest first."""
    record(book, finding(check="one"), finding(check="two"))
    record(book, finding(check="three"))

    assert fresh(book) == ["one", "two", "three"]
    assert fresh(book) == []


def test_whole_evaluations_are_fresh(book: Ledger) -> None:
    """An evaluation that was begun is given to its end, however many were asked for."""
    for number in range(3):
        record(book, finding(check=f"a{number}"), finding(check=f"b{number}"))
        record(book)

    assert fresh(book, most=1) == ["a0", "b0"]
    assert fresh(book, most=3) == ["a1", "b1", "a2", "b2"]
    assert fresh(book, most=3) == []


def test_evaluations_without_findings_do_not_stop_a_reader(book: Ledger) -> None:
    """Many of them in a row are passed over."""
    for _ in range(5):
        record(book)
    record(book, finding())

    given = [check for _ in range(6) for check in fresh(book, most=1)]

    assert given == ["fields"]


def cut_off(book: Ledger, c: Any) -> None:
    """Ends the server's process of a connection."""
    with plain(book) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [c.connection.dbapi_connection.info.backend_pid])


@contextmanager
def recording(book: Ledger, *findings: Finding) -> Iterator[None]:
    """A transaction that has recorded and goes on."""
    with book.begin() as slow:
        ledger.record_findings(slow, findings, run="slow", at=minute(0))
        yield


def test_a_slow_writer_is_not_skipped(book: Ledger) -> None:
    """What a transaction adds that ends after its successor is given after it, and nothing is given twice."""
    record(book)  # the first of a project makes the second wait
    with recording(book, finding(check="slow", window="2025-01-02")):
        record(book, finding(check="quick"))
        during = fresh(book)
    after = fresh(book)

    assert during == ["quick"]
    assert after == ["slow"]
    assert fresh(book) == []


def test_a_writer_that_began_earlier_and_writes_later_is_not_skipped(book: Ledger) -> None:
    """Though its findings have higher numbers, and though others were read before it wrote."""
    record(book, finding(check="before"))
    with book.begin() as early:
        ledger.record_findings(early, [finding(check="early")], run="early", at=minute(0))
        assert fresh(book) == ["before"]
        ledger.record_findings(early, [finding(check="more")], run="early", at=minute(0))
    record(book, finding(check="after"))

    assert fresh(book) == ["early", "more", "after"]


def test_nothing_in_a_ledger_depends_on_its_server(book: Ledger) -> None:
    """Transactions of a server that it is restored into are numbered otherwise, so no number of one is kept."""
    kept = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'recon' AND "

    assert rows(book, kept + "data_type IN ('xid', 'xid8', 'pg_snapshot', 'pg_lsn')") == []


def test_a_reader_that_is_killed_has_read_nothing(book: Ledger) -> None:
    """Its server process gone in the middle, the next one is given the same findings."""
    record(book, finding(check="one"))

    def killed() -> None:
        with book.begin() as c:
            assert len(ledger.claim_unrouted(c)) == 1
            cut_off(book, c)
            ledger.claim_unrouted(c)

    with pytest.raises(UnavailableError):
        killed()

    assert fresh(book) == ["one"]


def test_two_readers_at_once_share_nothing(book: Ledger) -> None:
    """The second waits for the first, and is given what that one was not."""
    for number in range(20):
        record(book, finding(check=f"check{number}"))
    given: list[str] = []

    def read() -> None:
        while some := fresh(book, most=1):
            given.extend(some)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert sorted(given) == sorted(f"check{number}" for number in range(20))


def test_writers_and_readers_at_once_lose_nothing(book: Ledger) -> None:
    """Three writers whose transactions overlap and one reader: everything is given exactly once."""
    given: list[str] = []
    stop = threading.Event()

    def write(name: int) -> None:
        for number in range(15):
            with book.begin() as c:
                ledger.record_findings(c, [finding(missing(number), check=f"{name}_{number}")], run="run", at=minute(0))
                stop.wait(0.002 * name)

    def read() -> None:
        while not stop.is_set():
            given.extend(fresh(book, most=2))

    writers = [threading.Thread(target=write, args=(name,)) for name in range(2)]
    reader = threading.Thread(target=read)
    for each in (reader, *writers):
        each.start()
    for writer in writers:
        writer.join()
    stop.set()
    reader.join()
    given += fresh(book)

    assert sorted(given) == sorted(f"{name}_{number}" for name in range(2) for number in range(15))


# --- records


def test_records_are_distinct_and_know_their_checks(book: Ledger) -> None:
    """A record that two checks name is one, seen in one evaluation."""
    wrong = missing(1)
    record(book, finding(wrong, missing(2)), finding(wrong, check="keys"))

    both = all_of(book, 1, 2)

    assert [(each.discrepancy.key, each.checks, each.times_seen) for each in both] == [
        ((1,), ("fields", "keys"), 1),
        ((2,), ("fields",), 1),
    ]


def test_two_faults_of_one_record_stay_two(book: Ledger) -> None:
    """One kind and one key, other columns."""
    record(book, finding(mismatched(1, 2, 3), mismatched(1, "a", "b", "name")))

    assert sorted(each.discrepancy.differing for each in all_of(book, 1)) == [("amount",), ("name",)]


def test_records_are_those_asked_for(book: Ledger) -> None:
    """By kind, by id, and page by page in the order of the keys' texts."""
    named = [missing(key) for key in (3, 20, 1)]
    record(book, finding(mismatched(5, 1, 2), *named))

    first = all_of(book, 1, kind=DiscrepancyKind.MISSING, limit=2)
    second = all_of(book, 1, kind=DiscrepancyKind.MISSING, after=first[-1].id)

    assert [each.discrepancy.key for each in first + second] == [(1,), (20,), (3,)]
    assert [each.discrepancy.key for each in all_of(book, 1, ids=[named[0].id("orders")])] == [(3,)]
    assert all_of(book, 1, ids=["none such"]) == []
    assert all_of(book) == []


def test_a_record_is_shown_as_it_was_found_last(book: Ledger) -> None:
    """Its identity stays when its values change; what is shown belongs to the findings asked about."""
    record(book, finding(mismatched(1, 5, 6)), at=0)
    record(book, finding(mismatched(1, 5, 7)), at=10)

    (old,) = all_of(book, 1)
    (new,) = all_of(book, 1, 2)

    assert old.id == new.id
    assert (old.discrepancy.target, new.discrepancy.target) == ({"id": 1, "amount": 6}, {"id": 1, "amount": 7})
    assert (new.first_seen, new.last_seen, new.times_seen, new.reopened) == (minute(0), minute(10), 2, 0)


def test_columns_beside_the_fault_are_those_of_the_finding(book: Ledger) -> None:
    """What is not at fault may change without changing the fault; what is shown is never older than the finding."""
    one = mismatched(1, 5, 6)
    record(book, finding(one))
    record(book, finding(replace(one, source={**(one.source or {}), "note": "new"})))

    (shown,) = all_of(book, 2)

    assert shown.discrepancy.source == {"id": 1, "amount": 5, "note": "new"}


def test_the_same_record_is_stored_once(book: Ledger) -> None:
    """However often it is found."""
    for n in range(3):
        record(book, finding(missing(1)), at=n)

    assert rows(book, "SELECT count(*) FROM recon.discrepancy") == [(1,)]


WORLDS = st.lists(st.tuples(st.sets(st.integers(1, 3)), st.booleans(), st.booleans()), max_size=6)
TABLES = itertools.count(1)


@pytest.mark.repeats
@SHARED
@given(world=WORLDS)
def test_what_is_kept_of_a_record_follows_from_its_sightings(
    book: Ledger, world: list[tuple[set[int], bool, bool]]
) -> None:
    """First, last and how often; and again whenever a complete run of a check had not found it in between.

    Args:
        book: A ledger.
        world: For each evaluation the keys that are wrong, whether a second check names them too, and whether the
            evidence is capped.
    """
    table = f"t{next(TABLES)}"
    expected: dict[int, tuple[int, int, int, int]] = {}
    missed = {"fields": 0, "keys": 0}
    for n, (keys, twice, capped) in enumerate(world, 1):
        checks = ("fields", "keys")[: 1 + twice]
        counted = {DiscrepancyKind.MISSING: len(keys) + capped}
        one = finding(*map(missing, keys), table=table)
        record(book, *(replace(one, check=check, kinds=counted) for check in checks), at=n)
        for key in keys:
            first, last, times, again = expected.get(key, (n, n, 0, 0))
            back = times > 0 and any(missed[check] > last for check in checks)
            expected[key] = (first, n, times + 1, again + back)
        missed |= dict.fromkeys(checks, n) if not capped else {}

    columns = "(key::json->>0)::int, first_seen, last_seen, times_seen, reopened"
    kept = rows(
        book,
        f"SELECT {columns} FROM recon.record_history JOIN recon.discrepancy USING (id) WHERE table_name = '{table}'",
    )
    assert {row[0]: row[1:] for row in kept} == {
        key: (minute(first), minute(last), seen, again) for key, (first, last, seen, again) in expected.items()
    }


def test_many_records_take_few_statements(book: Ledger) -> None:
    """As many statements for two thousand records as for one."""
    statements: list[str] = []

    def listener(*call: Any) -> None:
        statements.append(call[2])

    record(book)  # the first that there is
    sa.event.listen(book.engine, "before_cursor_execute", listener)
    record(book, finding(missing(0)))
    for_one = len(statements)
    record(book, finding(*map(missing, range(2000))))

    assert len(statements) - for_one == for_one
    assert len(all_of(book, 2)) == 2000


# --- what follows from them


def test_history_tells_of_earlier_cases_of_a_key(book: Ledger) -> None:
    """Which, when they last named it and where they stand; the newest first, without the one that is asked about."""
    other = CaseId("orders", "2025-01-02", "missing")
    record(book, finding(missing(1)), at=0)
    record(book, finding(missing(1), window=other.window), at=5)
    happened(book, CaseEventType.FOUND, CaseEventType.RESOLVED)
    append(book, CaseEventType.FOUND, other)

    with book.begin() as c:
        found = ledger.cases_of_keys(c, "orders", [(1,), (2,)])
        assert found == {(1,): [(other, minute(5), State.PENDING), (CASE, minute(0), State.RESOLVED)]}
        but = ledger.cases_of_keys(c, "orders", [(1,)], but=other)
        assert [case for case, *_ in but[1,]] == [CASE]
        assert ledger.cases_of_keys(c, "orders", [("1",)]) == ledger.cases_of_keys(c, "planes", [(1,)]) == {}


def named(*names: str) -> tuple[Check, ...]:
    return tuple(checks.Checksum(named=name) for name in names)


ORDERS = TableSpec(
    "orders",
    Relation("source", "orders"),
    Relation("target", "orders"),
    ("id",),
    checks=(checks.ColumnFigure("sum", "amount", named="sum"), *named("fields", "count", *map(str, RECORDS))),
)


def unexplained(book: Ledger) -> list[tuple[str, str]]:
    """What the newest findings leave to be compared, once cases have been made of them."""
    review.route(book, Project({}, {"orders": ORDERS}), minute(0))
    with book.begin() as c:
        return ledger.unexplained_windows(c, JUDGED, 9)


THIRDS = [finding(check=kind.value, kinds=(kind,)) for kind in RECORDS]
EXPLANATIONS = [
    pytest.param([], True, id="nothing"),
    pytest.param([finding()], False, id="all records compared"),
    pytest.param(THIRDS, False, id="all records compared by three checks"),
    pytest.param(THIRDS[:2], True, id="a part of them compared"),
    pytest.param([finding(error="no connection")], True, id="a comparison that could not run"),
    pytest.param([finding(window="2025-01-02")], True, id="another window"),
]


@pytest.mark.parametrize(("others", "expected"), EXPLANATIONS)
@pytest.mark.parametrize("together", [True, False])
def test_a_failed_figure_asks_for_the_records(
    book: Ledger, others: list[Finding], *, expected: bool, together: bool
) -> None:
    """Until all of them were compared, in one evaluation, with it or after it."""
    if together:
        record(book, figure(), *others)
    else:
        record(book, figure())
        record(book, *others)

    assert unexplained(book) == ([("orders", DAY)] if expected else [])


def test_a_comparison_before_the_figure_explains_nothing(book: Ledger) -> None:
    """It may be of another day's rows."""
    record(book, finding())
    record(book, figure())

    assert unexplained(book) == [("orders", DAY)]


@pytest.mark.parametrize("change", [{"passed": True}, {"error": "no connection"}, {"accepted": "anna: fine"}])
def test_a_figure_that_has_not_failed_asks_for_nothing(book: Ledger, change: dict[str, Any]) -> None:
    """Passed, not known, or accepted."""
    record(book, figure())
    record(book, figure(**change))

    assert unexplained(book) == []


def test_a_case_made_of_all_records_asks_for_them_again(book: Ledger) -> None:
    """When its comparison is older than the window's newest evaluation and the case is open."""
    record(book, finding(missing(1), check="records"))
    assert unexplained(book) == []

    record(book, finding(check="count", kinds=()))
    assert unexplained(book) == [("orders", DAY)]

    record(book, finding(check="records"), finding(check="count", kinds=()))
    assert unexplained(book) == []


def test_a_case_of_other_checks_asks_for_nothing(book: Ledger) -> None:
    """Its own checks compare it again."""
    record(book, finding(missing(1)))
    assert unexplained(book) == []
    record(book, finding(check="count", kinds=()))

    assert unexplained(book) == []


@pytest.mark.parametrize("other", [{"table": "a_gone"}, {"check": "rule"}])
def test_figures_that_nobody_declares_ask_for_nothing(book: Ledger, other: dict[str, Any]) -> None:
    """Those of other tables, and those of checks that there are no more."""
    record(book, figure(**other), figure(window="2025-01-02"))

    assert unexplained(book) == [("orders", "2025-01-02")]


def test_a_comparison_that_cannot_run_is_asked_for_once(book: Ledger) -> None:
    """Not again and again, but again when the figure fails again."""
    record(book, figure())
    record(book, finding(check="records", kinds=(), error="no key"))
    assert unexplained(book) == []

    record(book, figure())
    assert unexplained(book) == [("orders", DAY)]


def test_a_comparison_that_cannot_run_again_is_asked_for_once(book: Ledger) -> None:
    """Of an open case that stands on one that could."""
    record(book, finding(missing(1), check="records"))
    assert unexplained(book) == []
    record(book, finding(check="records", kinds=(), error="no connection"))
    assert unexplained(book) == []

    record(book, finding(check="count", kinds=()))
    assert unexplained(book) == [("orders", DAY)]


def wanted(book: Ledger) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    with book.begin() as c:
        return ledger.asked_windows(c, JUDGED, 9), ledger.changed_windows(c, JUDGED, 9)


@pytest.mark.parametrize("clock", [-60, 0, 60])
def test_a_window_that_was_asked_about_is_due_until_it_was_read_again(book: Ledger, clock: float) -> None:
    """A reading that began before the question does not answer it; whose clock is right does not matter."""
    record(book, finding(missing(1)))
    append(book, CaseEventType.FOUND)
    assert wanted(book) == ([], [])

    with book.begin() as c:
        (before,) = ledger.draw_numbers(c, 1)
    append(book, CaseEventType.ASKED, at=clock)
    assert wanted(book) == ([("orders", DAY)], [])

    with book.begin() as c:
        ledger.record_findings(c, [finding(missing(1))], run="run", at=minute(0), number=before)
    assert wanted(book) == ([("orders", DAY)], [])

    record(book, finding(missing(1)))
    assert wanted(book) == ([], [])


def test_a_window_that_was_changed_is_due_until_it_was_read_again(book: Ledger) -> None:
    """A correction and a rollback alike."""
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLYING, CaseEventType.APPLIED)
    assert wanted(book) == ([], [("orders", DAY)])

    record(book, finding(), at=4)
    assert wanted(book) == ([], [])

    append(book, CaseEventType.ROLLED_BACK, at=5)
    assert wanted(book) == ([], [("orders", DAY)])

    record(book, finding(), at=6)
    with book.begin() as c:
        ledger.note_changed(c, "orders", DAY)
        ledger.note_changed(c, "orders", "2025-01-02")
    assert wanted(book) == ([], [("orders", DAY), ("orders", "2025-01-02")])


def causes(book: Ledger, *windows: tuple[str, str]) -> Any:
    with book.begin() as c:
        return ledger.causes(c, windows)


def test_many_windows_are_noted_as_changed_at_once(book: Ledger) -> None:
    """Those of one table; none is no statement."""
    for windows in ((), ("2025-01-02", "2025-01-01")):
        with book.begin() as c:
            ledger.note_all_changed(c, "orders", windows)
    with book.begin() as c:
        assert sorted(ledger.changed_windows(c, JUDGED, 9)) == [("orders", "2025-01-01"), ("orders", "2025-01-02")]


def test_why_a_window_is_due_changes_with_what_is_wanted_alone(book: Ledger) -> None:
    """Not when it is judged and stays as due as it was, nor when something is wanted of another window."""
    windows = (("orders", DAY), ("orders", "2025-01-03"))
    assert causes(book) == causes(book, *windows) == ()
    record(book, figure())
    first = causes(book, *windows)
    record(book, figure())
    with book.begin() as c:
        ledger.note_changed(c, "orders", "2025-01-02")
    assert causes(book, *windows) == causes(book, *reversed(windows)) == first

    append(book, CaseEventType.FOUND)
    append(book, CaseEventType.ASKED)
    second = causes(book, *windows)
    with book.begin() as c:
        ledger.note_changed(c, "orders", DAY)
    third = causes(book, *windows)
    record(book, finding())
    assert len({first, second, third, causes(book, *windows)}) == 4


def test_figures_keep_their_types(book: Ledger) -> None:
    """A decimal is no float and no text."""
    record(book, finding(source=Decimal("1.50"), target=1.5))

    with book.begin() as c:
        back = ledger.latest_findings(c, "orders", DAY)["fields"].finding

    assert (repr(back.source), repr(back.target)) == ("Decimal('1.50')", "1.5")


def test_a_lost_connection_is_no_lost_finding(book: Ledger) -> None:
    """A writer whose server process ends has written nothing, and is told so."""

    def write() -> None:
        with book.begin() as c:
            ledger.record_findings(c, [finding()], run="run", at=minute(0))
            cut_off(book, c)
            ledger.record_findings(c, [finding()], run="run", at=minute(0))

    with pytest.raises(UnavailableError):
        write()

    assert rows(book, "SELECT count(*) FROM recon.finding") == [(0,)]
