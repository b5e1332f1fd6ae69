"""What is old and needed by nothing is forgotten, and nothing else."""

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest

from recon_assets import ledger
from recon_assets.ledger import Ledger
from recon_assets.model import CaseEventType, Change
from recon_assets_tests.db.ledgers import (
    APPLY,
    CASE,
    DAY,
    append,
    figure,
    finding,
    found,
    happened,
    minute,
    missing,
    record,
    rows,
)
from recon_assets_tests.db.test_ledger_changes import EMPTY, FULL, accept, backup_sink, numbers, plan, settle

ACCEPTED = {"window_status", "alembic_version"}
"""Tables that do not grow with time."""
YEAR = 365 * 24 * 60


def prune(book: Ledger, at: float = YEAR) -> Mapping[str, int]:
    """Forgets what is older than a day, at that minute; a dry run tells the same before, and locks nothing."""
    with book.begin() as c:
        c.exec_driver_sql("SET TRANSACTION READ ONLY")
        told = ledger.prune(c, keep=timedelta(days=1), now=minute(at), dry_run=True)
    dropped = ledger.prune_all(book, keep=timedelta(days=1), now=minute(at))
    assert dropped == told
    return dropped


@pytest.fixture(autouse=True)
def in_many_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row or two at once, so that each test needs several."""
    monkeypatch.setattr("recon_assets.ledger.pruning.AT_ONCE", 2)


def sizes(book: Ledger) -> dict[str, int]:
    """How many rows each table has that has any."""
    tables = rows(book, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'recon'")
    counts = {name: rows(book, f'SELECT count(*) FROM recon."{name}"')[0][0] for (name,) in tables}
    return {name: count for name, count in counts.items() if count and name not in ACCEPTED}


def read(book: Ledger) -> None:
    with book.begin() as c:
        ledger.claim_unrouted(c)


def newer(book: Ledger) -> None:
    """A day on which all is well, a year later."""
    record(book, finding(), at=YEAR)
    read(book)


WELL = {"project": 1, "evaluation": 1, "finding": 1, "latest_finding": 1}


def old_findings(book: Ledger) -> None:
    record(book, finding(missing(1)), figure(check="fields"))
    record(book)


def old_case(book: Ledger) -> None:
    record(book, finding(missing(1)))
    append(book, CaseEventType.FOUND, data=found(1))
    append(book, CaseEventType.RESOLVED, at=1)


def withdrawn(book: Ledger) -> None:
    append(book, CaseEventType.FOUND)
    accept(book, ("id", "v"))
    with book.begin() as c:
        ledger.withdraw(c, CASE, at=minute(0))
    append(book, CaseEventType.RESOLVED)


def failed(book: Ledger) -> None:
    append(book, CaseEventType.FOUND)
    settle(book, plan(book), "failed")
    append(book, CaseEventType.RESOLVED)


def undone(book: Ledger) -> None:
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLYING, CaseEventType.APPLIED)
    done = plan(book)
    settle(book, done)
    for outcome in ("failed", "failed", "applied"):
        settle(book, plan(book, undoes=done), outcome)
    append(book, CaseEventType.ROLLED_BACK)


def restored(book: Ledger) -> None:
    keep = backup_sink(book)
    keep.before(["id"], [[("1",)]], FULL)
    keep.after(EMPTY)
    with book.begin() as c:
        ledger.note_restored(c, 1, who="anna", why="", at=minute(0))


def never_loaded(book: Ledger) -> None:
    backup_sink(book).before(["id"], [[("1",)]], FULL)


@pytest.mark.parametrize("story", [old_findings, old_case, withdrawn, failed, undone, restored, never_loaded])
def test_what_nothing_needs_is_forgotten(book: Ledger, story: Callable[[Ledger], None]) -> None:
    """All of it, and what is told is what was there."""
    story(book)
    newer(book)
    before = sizes(book)

    dropped = prune(book)

    assert sizes(book) == WELL
    assert {name: count for name, count in dropped.items() if count} == {
        name: count - WELL.get(name, 0) for name, count in before.items() if count != WELL.get(name)
    }


@pytest.mark.parametrize("story", [old_findings, old_case, withdrawn, failed, undone, restored, never_loaded])
def test_what_is_not_old_is_kept(book: Ledger, story: Callable[[Ledger], None]) -> None:
    """Though nothing needs it."""
    story(book)
    newer(book)
    before = sizes(book)

    prune(book, at=60)

    assert sizes(book) == before


def open_case(book: Ledger) -> None:
    record(book, finding(missing(1)))
    append(book, CaseEventType.FOUND, data=found(1))


def kept_case(book: Ledger) -> None:
    open_case(book)
    happened(book, CaseEventType.DECIDED, CaseEventType.ACCEPTED)


def accepted(book: Ledger) -> None:
    open_case(book)
    accept(book, ("id", "v"))
    append(book, CaseEventType.RESOLVED)


def applied(book: Ledger) -> None:
    open_case(book)
    append(book, CaseEventType.DECIDED, data=ledger.resolution_json(APPLY))
    happened(book, CaseEventType.APPLYING, CaseEventType.APPLIED)
    settle(book, plan(book))


def undone_in_vain(book: Ledger) -> None:
    applied(book)
    settle(book, plan(book, undoes=1), "failed")


def being_undone(book: Ledger) -> None:
    applied(book)
    plan(book, undoes=1)


def in_doubt(book: Ledger) -> None:
    open_case(book)
    plan(book)


def loaded(book: Ledger) -> None:
    keep = backup_sink(book)
    keep.before(["id"], [[("1",)]], FULL)
    keep.after(EMPTY)
    keep.done()


NEEDED = [open_case, kept_case, accepted, applied, undone_in_vain, being_undone, in_doubt, loaded]


@pytest.mark.parametrize("story", NEEDED)
def test_what_is_needed_is_kept(book: Ledger, story: Callable[[Ledger], None]) -> None:
    """However old it is: with its case, its events, its findings and their records."""
    story(book)
    newer(book)
    before = sizes(book)

    prune(book)

    assert sizes(book) == before


def test_an_undoing_that_is_not_old_keeps_what_it_undid(book: Ledger) -> None:
    """Else nobody would know what it was."""
    done = plan(book, case=None)
    settle(book, done)
    settle(book, plan(book, case=None, undoes=done, at=minute(YEAR)))

    prune(book)

    assert len(numbers(book)) == 2


def test_findings_that_nobody_has_read_are_kept(book: Ledger) -> None:
    """They are still to become cases."""
    record(book, finding(missing(1)))
    read(book)
    record(book, finding(missing(2)))
    record(book, finding(), at=YEAR)

    prune(book)

    with book.begin() as c:
        assert [said.id for said in ledger.claim_unrouted(c)] == [2, 3]


def test_the_newest_finding_of_a_check_is_kept(book: Ledger) -> None:
    """It is what is known of that day, however long ago."""
    record(book, finding(missing(1)))
    record(book, finding(missing(2)))
    read(book)

    prune(book)

    with book.begin() as c:
        assert ledger.latest_findings(c, "orders", DAY)["fields"].id == 2
        assert [each.discrepancy.key for each in ledger.tracked_records(c, [2])] == [(2,)]


def test_what_is_kept_can_still_be_undone(book: Ledger) -> None:
    """Row by row, as it was planned."""
    changes = [Change("orders", {"id": str(n)}, None, {"id": str(n)}) for n in range(5)]
    settle(book, plan(book, *changes, case=None))

    prune(book)

    (left,) = numbers(book, undoable=True)
    with book.begin() as c:
        assert list(ledger.changes_of(c, left)) == changes


def test_an_old_value_goes_when_its_finding_goes(book: Ledger) -> None:
    """While the record itself, seen since, keeps its identity."""
    record(book, finding(missing(1, amount=1)))
    record(book, finding(missing(1, amount=2)), at=YEAR)
    read(book)

    prune(book)

    assert sizes(book) == {**WELL, "discrepancy": 1, "finding_record": 1, "record_history": 1}
    with book.begin() as c:
        (left,) = ledger.tracked_records(c, [2])
    assert (left.first_seen, left.times_seen) == (minute(0), 2)


def test_pruning_twice_forgets_nothing_more(book: Ledger) -> None:
    """And an empty ledger has nothing to forget."""
    assert set(prune(book).values()) == {0}
    undone(book)
    newer(book)
    prune(book)
    assert set(prune(book).values()) == {0}


def test_a_record_found_while_it_is_forgotten_is_kept(book: Ledger) -> None:
    """Who finds it waits until it is gone, and makes it anew."""
    record(book, finding(missing(1)))
    newer(book)
    finder = threading.Thread(target=record, args=(book, finding(missing(1), window="2025-01-02")))
    with book.begin() as c:
        ledger.prune(c, keep=timedelta(), now=minute(2 * YEAR))
        finder.start()
        finder.join(0.3)
        assert finder.is_alive()
    finder.join()

    with book.begin() as c:
        newest = ledger.latest_findings(c, "orders", "2025-01-02")["fields"]
        assert [each.discrepancy.key for each in ledger.tracked_records(c, [newest.id])] == [(1,)]
