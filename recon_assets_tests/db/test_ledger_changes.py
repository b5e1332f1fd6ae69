"""What is written is known before it is written, and what is overwritten can be restored."""

from datetime import UTC, datetime
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from recon_assets import ledger
from recon_assets.errors import TakenError
from recon_assets.ledger import Backup, BackupSink, Ledger
from recon_assets.model import CaseEventType, CaseId, Change, Decision, State
from recon_assets.writing.fingerprints import Fingerprint
from recon_assets_tests.db.ledgers import APPLY, CASE, DAY, KEEP, append, happened, minute, rows

TEXTS = st.none() | st.text() | st.sampled_from(["", "\0", "\ud800", "NULL", "\\N", "\t\n", '"', "naïve 🐘"])
IMAGES = st.dictionaries(st.text(max_size=5), TEXTS, max_size=4)
CHANGE = Change("orders", {"id": "1"}, None, {"id": "1", "amount": None})
Row = tuple[str | None, ...]
EMPTY, FULL = Fingerprint(0, ""), Fingerprint(2, "0:2:1:1:1")


def plan(book: Ledger, *changes: Change, case: CaseId | None = CASE, **more: Any) -> int:
    """A correction, noted."""
    said: dict[str, Any] = {"window": DAY, "run": "run", "who": "anna", "why": "wrong \0", "at": minute(0), **more}
    with book.begin() as c:
        return ledger.plan(c, case, changes or [CHANGE], **said)


def settle(book: Ledger, correction: int, outcome: Any = "applied", **more: Any) -> None:
    """What became of it, noted."""
    with book.begin() as c:
        ledger.settle(c, correction, outcome, at=minute(1), **more)


def numbers(book: Ledger, **which: Any) -> list[int]:
    """The corrections that are asked for."""
    with book.begin() as c:
        return [each.id for each in ledger.corrections(c, **which)]


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(images=st.lists(st.tuples(IMAGES, st.none() | IMAGES, st.none() | IMAGES), min_size=1, max_size=4))
def test_changes_come_back_as_they_were_planned(book: Ledger, images: list[Any]) -> None:
    """In their order, with every text."""
    changes = [Change("orders", *each) for each in images]
    number = plan(book, *changes, case=None)

    with book.begin() as c:
        assert list(ledger.changes_of(c, number)) == changes


def test_many_changes_come_back_in_their_order(book: Ledger) -> None:
    """They are stored in several blocks."""
    changes = [Change("orders", {"id": str(at)}, None, {"id": str(at)}) for at in range(2001)]
    number = plan(book, *changes, case=None)

    assert rows(book, "SELECT n FROM recon.change ORDER BY n") == [(0,), (1,), (2,)]
    with book.begin() as c:
        assert list(ledger.changes_of(c, number)) == changes


def test_a_correction_says_what_was_done_by_whom_and_why(book: Ledger) -> None:
    """And what became of it, with what is to be said of single rows."""
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.COMMENTED)
    number = plan(book, CHANGE, CHANGE.inverse)
    settle(book, number, "failed", note="stale \0", rows={1: "moved"})

    with book.begin() as c:
        (known,) = ledger.corrections(c)
    assert known == ledger.Correction(
        id=number,
        case=CASE,
        decision=2,
        table="orders",
        window=DAY,
        run="run",
        who="anna",
        why="wrong \0",
        at=minute(0),
        count=2,
        undoes=None,
        undone_by=None,
        outcome="failed",
        note="stale \0",
        rows={1: "moved"},
    )


def test_a_correction_of_no_case_is_refused_when_it_names_one(book: Ledger) -> None:
    """A case must be there."""
    with pytest.raises(TakenError, match="there is no such case"):
        plan(book)
    assert rows(book, "SELECT count(*) FROM recon.correction") == [(0,)]


def test_changes_of_two_tables_are_two_corrections(book: Ledger) -> None:
    """And no change is none."""
    with pytest.raises(ValueError, match="too many values"):
        plan(book, CHANGE, Change("planes", {}, {}, None), case=None)


def test_an_outcome_is_noted_once(book: Ledger) -> None:
    """Saying it again changes nothing; saying otherwise is refused."""
    number = plan(book, case=None)
    settle(book, number, note="first")
    settle(book, number, note="second")

    with pytest.raises(TakenError, match="is applied already, so it cannot be failed"):
        settle(book, number, "failed")
    assert rows(book, "SELECT outcome, note FROM recon.outcome") == [("applied", "first")]


def test_corrections_are_found_by_what_they_belong_to(book: Ledger) -> None:
    """The newest first."""
    append(book, CaseEventType.FOUND)
    one, two, three = plan(book), plan(book, run="other"), plan(book, case=None)

    assert numbers(book) == [three, two, one]
    assert numbers(book, case=CASE) == [two, one]
    assert numbers(book, run="run") == [three, one]
    assert numbers(book, case=CASE, run="other") == [two]


def test_what_may_be_undone_is_applied_and_not_undone(book: Ledger) -> None:
    """Neither an undoing, nor what failed, nor what nobody knows of; an undoing that failed undoes nothing."""
    planned, failed, applied = (plan(book, case=None) for _ in range(3))
    settle(book, failed, "failed")
    settle(book, applied)
    assert (numbers(book, unsettled=True), numbers(book, undoable=True)) == ([planned], [applied])

    settle(book, plan(book, case=None, undoes=applied), "failed")
    assert numbers(book, undoable=True) == [applied]

    undo = plan(book, case=None, undoes=applied)
    settle(book, undo)
    assert numbers(book, undoable=True) == []
    with book.begin() as c:
        assert {each.id: each.undone_by for each in ledger.corrections(c)}[applied] == undo


# --- accepted differences


def accepted(book: Ledger) -> Any:
    with book.begin() as c:
        return ledger.acceptances(c, "orders", [DAY, "2025-01-02"])


def accept(book: Ledger, *records: tuple[str, str], case: CaseId = CASE) -> None:
    with book.begin() as c:
        ledger.accept(c, case, records, who="anna", why="fine", at=minute(0))


def test_differences_are_accepted_until_that_is_withdrawn(book: Ledger) -> None:
    """By window, saying who accepted them, why, and in which case; of this case only."""
    other = CaseId("orders", "2025-01-02", "sum")
    for case in (CASE, other):
        append(book, CaseEventType.FOUND, case)
    accept(book)
    assert accepted(book) == {}
    accept(book, ("id1", "v1"), ("id2", "v2"))
    accept(book, ("sum", "v"), case=other)
    said = "anna: fine (orders/2025-01-01/missing)"
    rest = {"2025-01-02": {("sum", "v"): "anna: fine (orders/2025-01-02/sum)"}}
    assert accepted(book) == {DAY: {("id1", "v1"): said, ("id2", "v2"): said}, **rest}

    with book.begin() as c:
        ledger.withdraw(c, CASE, at=minute(1))
    assert accepted(book) == rest

    accept(book, ("id2", "v2"))
    assert accepted(book) == {DAY: {("id2", "v2"): said}, **rest}


def test_what_was_accepted_before_can_stay_accepted(book: Ledger) -> None:
    """What is withdrawn of a decision is what was accepted by it, whatever the clocks say."""
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED)
    accept(book, ("id1", "v1"))
    happened(book, CaseEventType.ACCEPTED, CaseEventType.FOUND, CaseEventType.DECIDED)
    accept(book, ("id2", "v2"), ("id3", "v3"))

    with book.begin() as c:
        ledger.withdraw(c, CASE, at=minute(0), decision=5)
    assert list(accepted(book)[DAY]) == [("id1", "v1")]

    accept(book, ("id2", "v2"))
    assert list(accepted(book)[DAY]) == [("id1", "v1"), ("id2", "v2")]

    with book.begin() as c:
        ledger.withdraw(c, CASE, at=minute(0))
    assert accepted(book) == {}


FIX = ledger.resolution_json(KEEP) | {"decision": "CUSTOM_FIX"}
APPLIED = (CaseEventType.APPLYING, CaseEventType.APPLIED)
K, F, BACK = Decision.KEEP_TARGET, Decision.CUSTOM_FIX, State.ROLLED_BACK
STORIES = [
    pytest.param([], [], id="open"),
    pytest.param([KEEP], [K], id="decided, not done"),
    pytest.param([FIX, CaseEventType.APPLYING], [F], id="under way"),
    pytest.param([KEEP, CaseEventType.ACCEPTED], [K], id="kept"),
    pytest.param([KEEP, CaseEventType.ACCEPTED, CaseEventType.REOPENED], [], id="kept no more"),
    pytest.param(
        [KEEP, CaseEventType.ACCEPTED, CaseEventType.FOUND, CaseEventType.ACCEPTANCE_REVOKED],
        [],
        id="kept no more, others found",
    ),
    pytest.param([FIX, *APPLIED], [F], id="fixed"),
    pytest.param([FIX, *APPLIED, CaseEventType.ROLLED_BACK], [BACK], id="fixed and rolled back"),
    pytest.param([FIX, *APPLIED, CaseEventType.UNDO], [F], id="not rolled back yet"),
    pytest.param([FIX, CaseEventType.APPLYING, CaseEventType.FAILED], [], id="failed"),
    pytest.param([APPLY], [], id="the source decided"),
    pytest.param([APPLY, *APPLIED], [], id="the source applied"),
    pytest.param(
        [APPLY, *APPLIED, CaseEventType.ROLLED_BACK, CaseEventType.FOUND],
        [BACK],
        id="the source applied and rolled back",
    ),
    pytest.param(
        [APPLY, *APPLIED, CaseEventType.ROLLED_BACK, CaseEventType.FOUND, APPLY, *APPLIED], [], id="applied again"
    ),
    pytest.param(
        [APPLY, *APPLIED, CaseEventType.ROLLED_BACK, CaseEventType.FOUND, CaseEventType.RESOLVED],
        [],
        id="rolled back, and gone",
    ),
    pytest.param([KEEP, CaseEventType.ACCEPTED, CaseEventType.FOUND, APPLY, *APPLIED], [K], id="kept, others applied"),
    pytest.param(
        [KEEP, CaseEventType.ACCEPTED, CaseEventType.FOUND, FIX, CaseEventType.APPLYING, CaseEventType.FAILED],
        [K],
        id="kept, others not decided",
    ),
    pytest.param([KEEP, CaseEventType.ACCEPTED, CaseEventType.FOUND, FIX, *APPLIED], [K, F], id="kept, others fixed"),
    pytest.param(
        [KEEP, CaseEventType.ACCEPTED, CaseEventType.FOUND, FIX, *APPLIED, CaseEventType.ROLLED_BACK],
        [K, BACK],
        id="the last undone",
    ),
    pytest.param(
        [
            *(FIX, *APPLIED, CaseEventType.FOUND),
            *(KEEP, CaseEventType.ACCEPTED, CaseEventType.FOUND, CaseEventType.ACCEPTANCE_REVOKED),
        ],
        [F],
        id="fixed, others kept and kept no more",
    ),
]


@pytest.mark.parametrize(("story", "expected"), STORIES)
def test_decisions_that_a_load_could_undo_are_known(book: Ledger, story: list[Any], expected: list[Any]) -> None:
    """Those to keep or to fix, carried out or about to be, and what was taken back; with who said so, and when."""
    append(book, CaseEventType.FOUND)
    for n, step in enumerate(story, 1):
        if isinstance(step, CaseEventType):
            append(book, step, at=n, who=f"who{n}")
        else:
            data = step if isinstance(step, dict) else ledger.resolution_json(step)
            append(book, CaseEventType.DECIDED, at=n, who=f"who{n}", data=data)

    with book.begin() as c:
        known = ledger.standing_decisions(c, "orders", DAY)
        assert ledger.standing_decisions(c, "orders", "2025-01-02") == []
    said = {
        (f"who{n}", minute(n))
        for n, step in enumerate(story, 1)
        if step in (KEEP, APPLY, FIX, CaseEventType.ROLLED_BACK)
    }
    assert [(each.case, each.decision) for each in known] == [(CASE, word) for word in expected]
    assert {(each.who, each.at) for each in known} <= said


# --- backups


def backup_sink(book: Ledger, at: float = 0, backfill: str = "") -> BackupSink:
    """A keeper of one load."""
    return BackupSink(book, "orders", DAY, "replace", "run", backfill, minute(at), "ana")


def known(book: Ledger, **which: Any) -> list[Backup]:
    with book.begin() as c:
        return ledger.backups(c, **which)


def test_a_backup_comes_back_as_it_was_kept(book: Ledger) -> None:
    """Part by part, in its order, with every text."""
    parts: list[list[Row]] = [[("1", "\0\ud800"), ("1", None)], [("0", "")]]
    keep = backup_sink(book, backfill="b1")
    keep.before(["there", "näme"], iter(parts), FULL)
    keep.after(EMPTY)
    keep.done()

    (backup,) = known(book)
    assert backup == Backup(
        id=backup.id,
        table="orders",
        window=DAY,
        mode="replace",
        run="run",
        backfill="b1",
        who="ana",
        at=minute(0),
        columns=("there", "näme"),
        rows=3,
        before=FULL,
        after=EMPTY,
        outcome="committed",
    )
    with book.begin() as c:
        assert list(chain(*ledger.backup_parts(c, backup.id))) == list(chain(*parts))
        assert [len(part) for part in ledger.backup_parts(c, backup.id)] == [2, 1]


def test_a_backup_tells_how_far_its_load_came(book: Ledger) -> None:
    """One that never came so far as to change anything is nothing to take back."""
    keep = backup_sink(book)
    stages = [lambda: keep.before([], [], FULL), lambda: keep.after(EMPTY), keep.done]
    told = []
    for stage in stages:
        stage()
        (backup,) = known(book)
        told.append((backup.outcome, backup.after, len(known(book, undoable=True))))

    assert told == [("kept", FULL, 0), ("kept", EMPTY, 1), ("committed", EMPTY, 1)]


def test_each_event_of_a_backup_has_its_own_moment(book: Ledger) -> None:
    """A load of an hour is committed an hour after it began."""
    keep, began = backup_sink(book), datetime.now(UTC)
    keep.before([], [], FULL)
    keep.after(EMPTY)
    keep.done()

    with book.begin() as c:
        kept, committed = c.exec_driver_sql("SELECT at FROM recon.backup_event ORDER BY id").scalars()
    assert minute(0) < began <= kept <= committed


def test_a_backup_whose_rows_cannot_be_read_is_not_kept(book: Ledger) -> None:
    """All of it, or nothing."""

    def broken() -> Any:
        yield [("1",)]
        raise KeyError

    with pytest.raises(KeyError):
        backup_sink(book).before(["id"], broken(), FULL)
    assert known(book) == []


def test_a_restored_backup_is_not_restored_again(book: Ledger) -> None:
    """Others are: by run and backfill, the newest first."""
    for at in range(3):
        keep = backup_sink(book, at, backfill=f"b{at % 2}")
        keep.before([], [], FULL)
        keep.after(EMPTY)
    first = known(book)[-1]
    with book.begin() as c:
        ledger.note_restored(c, first.id, who="anna", why="wrong source", at=minute(9))

    assert [each.at for each in known(book, undoable=True)] == [minute(2), minute(1)]
    assert [each.outcome for each in known(book, backfill="b0")] == ["kept", "restored"]
    assert known(book, run="other") == []
    last = "SELECT who, why FROM recon.backup_event ORDER BY id DESC LIMIT 1"
    assert rows(book, last) == [("anna", "wrong source")]


def test_happened_is_what_it_says(book: Ledger) -> None:
    """The steps of these stories are those of the ledger."""
    happened(book, CaseEventType.FOUND, CaseEventType.DECIDED, *APPLIED)
    with book.begin() as c:
        assert [event.act for event in ledger.events(c, CASE)] == [CaseEventType.FOUND, CaseEventType.DECIDED, *APPLIED]
