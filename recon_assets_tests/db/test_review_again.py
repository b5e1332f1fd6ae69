"""Decisions whose run came to nothing, or whose clocks disagree; and what orphans bring with them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from recon_assets import checks, ledger, review
from recon_assets.model import CaseId, Database, Decision, Relation, State, TableSpec
from recon_assets_tests.db.reviewed import APPLIED, DAY, ROWS, Shop

LOST, DRIFTED = "DELETE FROM t WHERE id IN (3, 4)", "UPDATE t SET amount = 999 WHERE id = 5"
FIX, KEEP = Decision.CUSTOM_FIX, Decision.KEEP_TARGET


def told(pg: Shop, kind: str) -> list[str]:
    """The notes of a case's story."""
    with pg.book.begin() as connection:
        return [event.note for event in ledger.events(connection, CaseId("t", DAY, kind))]


def decided_ahead(pg: Shop, kind: str, decision: Decision = Decision.APPLY_SOURCE) -> None:
    """Somebody decides on a machine whose clock is ahead of the one that corrects."""
    here = pg.moment
    pg.moment += timedelta(hours=1)
    pg.decide(kind, decision)
    pg.moment = here
    pg.correct(kind)


def test_what_was_kept_by_a_clock_that_is_ahead_is_kept_no_more_once_that_is_taken_back(pg: Shop) -> None:
    pg.target.run(DRIFTED)
    pg.find()
    decided_ahead(pg, "mismatched", KEEP)
    assert pg.case("mismatched").state is State.ACCEPTED

    review.undo(pg.book, CaseId("t", DAY, "mismatched"), who="ben", note="no", at=pg.now())

    assert pg.find()["mismatched"].state is State.PENDING


def test_what_was_decided_by_a_clock_that_is_ahead_is_rolled_back(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    decided_ahead(pg, "missing")

    assert len(pg.undo("missing").changes) == 2

    assert pg.case("missing").state is State.ROLLED_BACK
    assert len(pg.rows) == len(ROWS) - 2


def test_what_is_found_after_a_rollback_by_a_clock_that_is_ahead_is_found(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.correct()
    here = pg.moment
    pg.moment += timedelta(hours=1)
    pg.undo("missing")
    pg.moment = here

    assert pg.find()["missing"].state is State.PENDING


@pytest.mark.parametrize("meanwhile", ["UPDATE t SET amount = -777 WHERE id = 5", "DELETE FROM t WHERE id = 5"])
def test_a_fix_accepts_nothing_but_itself(pg: Shop, monkeypatch: pytest.MonkeyPatch, meanwhile: str) -> None:
    """Its run is killed after the commit, and somebody writes the row before the next run looks at it."""
    pg.target.run(DRIFTED)
    pg.find()
    (record,) = pg.records("mismatched")
    pg.decide("mismatched", FIX, values={record.id: {"amount": 51}})
    with monkeypatch.context() as patch:
        patch.setattr("recon_assets.review.correcting._Correcting.still_wrong", killed)
        with pytest.raises(KeyboardInterrupt):
            pg.correct("mismatched")
    pg.target.run(meanwhile)

    pg.correct("mismatched")

    assert pg.case("mismatched").state is State.PENDING
    assert {finding.accepted for finding in pg.judge()} == {None}


def killed(*_: object) -> list[ledger.CaseRecord]:
    """In the place of what is done next."""
    raise KeyboardInterrupt


def test_a_decision_outlives_that_a_database_does_not_answer(pg: Shop) -> None:
    """Also that of the policy, which decides nothing twice."""
    pg.declare(APPLIED)
    pg.target.run(LOST)
    pg.find()
    answering = pg.project
    away = Database("target", "postgresql://x@127.0.0.1:1/none")
    pg.project = replace(answering, databases={**answering.databases, "target": away})

    for _ in range(2):
        pg.correct("missing")

    assert pg.case("missing").state is State.APPLYING
    assert len([note for note in told(pg, "missing") if note.startswith("It will be tried again: ")]) == 1
    pg.project = answering
    pg.correct("missing")
    assert pg.case("missing").state is State.APPLIED
    assert pg.rows == ROWS


def test_the_parents_that_orphans_bring_are_looked_at_too(pg: Shop) -> None:
    """A case of the parent's table is not left to the next time that somebody checks it."""
    codes = replace(pg.project.tables["codes"], checks=(checks.Keys(),))
    pg.project = replace(pg.project, tables={**pg.project.tables, "codes": codes})
    pg.target.run("DELETE FROM codes WHERE code = 'b'")
    pg.find()
    pg.decide("orphan")

    pg.correct("orphan")

    assert pg.case("orphan").state is State.APPLIED
    assert review.Recheck("codes", "all") in review.due(pg.book, pg.project, pg.now()).recheck


def test_orphans_of_two_parents_say_which_were_written(pg: Shop) -> None:
    """One transaction for each table: what the first has committed is said when the second is refused."""
    for side in (pg.sides.source, pg.target):
        side.run("CREATE TABLE notes (note varchar(40) primary key)", "INSERT INTO notes SELECT DISTINCT note FROM t")
    pg.target.run("DELETE FROM codes WHERE code = 'b'", "DELETE FROM notes WHERE note = 'note 5'")
    pg.target.run("ALTER TABLE notes ADD CHECK (note <> 'note 5')")
    notes = TableSpec("notes", Relation("source", "notes"), Relation("target", "notes"), ("note",))
    pg.project = replace(pg.project, tables={**pg.project.tables, "notes": notes})
    pg.declare(checked=[checks.References(columns=(of,), parent=f"{of}s", named=of) for of in ("code", "note")])
    pg.find()
    pg.decide("orphan")

    pg.correct("orphan")

    assert pg.case("orphan").state is State.PENDING
    assert told(pg, "orphan")[-1].endswith("nothing was written. Before that 1 changes of codes all were written.")
    pg.undo("orphan")
    assert pg.target.rows("SELECT * FROM codes") == [("a",)]
