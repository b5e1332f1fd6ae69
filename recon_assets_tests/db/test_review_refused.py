"""What the review refuses, gives back or tries again: every way that does not end in an applied case."""

import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from recon_assets import checks, ledger, review, writing
from recon_assets.errors import DeclarationError, RefusedError, UnavailableError
from recon_assets.model import (
    CaseEventType,
    CaseId,
    Decision,
    DiscrepancyKind,
    Mode,
    Relation,
    Resolution,
    State,
)
from recon_assets.review import connections
from recon_assets.review.connections import paired
from recon_assets.review.correcting import MAX_KILLED
from recon_assets.writing import Correcting
from recon_assets.writing.change_stage import Stage
from recon_assets_tests.db.reviewed import APPLIED, CHECKS, DAY, ROWS, Shop

FIX, KEEP, APPLY = Decision.CUSTOM_FIX, Decision.KEEP_TARGET, Decision.APPLY_SOURCE
LOST = "DELETE FROM t WHERE id IN (3, 4)"
DRIFTED = "UPDATE t SET amount = 999, note = NULL WHERE id IN (5, 6)"
INVENTED = "INSERT INTO t VALUES (90, '2024-03-01 05:00', 'a', 1, 'invented')"
ORPHANED = "DELETE FROM codes WHERE code = 'b'"
SECRET: dict[str, Any] = {}


def told(place: Shop, kind: str) -> list[tuple[CaseEventType, str, str]]:
    """What happened to a case, by whom and why."""
    with place.book.begin() as connection:
        return [(event.act, event.who, event.note) for event in ledger.events(connection, CaseId("t", DAY, kind))]


def undeclare(place: Shop, name: str = "t") -> None:
    """The table is no longer declared."""
    rest = {known: spec for known, spec in place.project.tables.items() if known != name}
    place.project = replace(place.project, tables=rest)


# decisions


def test_values_belong_to_a_custom_fix(pg: Shop) -> None:
    """They would be lost in silence with any other decision."""
    pg.target.run(DRIFTED)
    pg.find()
    (record, _) = pg.records("mismatched")

    with pytest.raises(DeclarationError, match="values are given for CUSTOM_FIX only, not for APPLY_SOURCE"):
        pg.decide("mismatched", values={record.id: {"amount": 1}})


@pytest.mark.parametrize("named", [True, False])
def test_each_row_of_a_custom_fix_has_a_value(pg: Shop, *, named: bool) -> None:
    """The row without one is named, however it was chosen: nothing says what it is to have."""
    pg.target.run(DRIFTED)
    pg.find()
    first, second = pg.records("mismatched")
    rows = (first.id, second.id) if named else ()

    with pytest.raises(DeclarationError, match=f"no value is given for the record {second.id}"):
        pg.decide("mismatched", FIX, rows=rows, values={first.id: {"amount": 1}, second.id: {}})


def test_records_out_of_order_are_kept_or_fixed(pg: Shop) -> None:
    """The source does not say which of two is right."""
    pg.declare(checked=[checks.Monotonic(column="amount", along="id")])
    pg.target.run("UPDATE t SET amount = -1 WHERE id = 7")
    pg.find()

    with pytest.raises(RefusedError, match="the source does not say what is right"):
        pg.decide(DiscrepancyKind.DISORDERED)
    pg.decide(DiscrepancyKind.DISORDERED, KEEP)
    (case,) = pg.correct()
    assert case.state is State.ACCEPTED


@pytest.mark.parametrize("decision", [APPLY, KEEP])
def test_cases_of_a_table_that_is_no_longer_declared_cannot_be_decided(pg: Shop, decision: Decision) -> None:
    """No run would do it; the case waits as it did."""
    pg.target.run(LOST)
    pg.find()
    undeclare(pg)

    with pytest.raises(RefusedError, match="t: the table is not declared any more"):
        pg.decide("missing", decision)
    assert pg.case("missing").state is State.PENDING


def test_what_no_page_could_show_is_not_noted(pg: Shop) -> None:
    """A byte that is no character, as a terminal sends it."""
    pg.target.run(LOST)
    case = pg.find()["missing"].id

    with pytest.raises(DeclarationError, match="in UTF-8 and without NUL"):
        review.comment(pg.book, case, who="ana", note="caf\udcff", at=pg.now())
    assert pg.case("missing").version == 1


def test_a_preview_waits_for_no_load(pg: Shop) -> None:
    """It says who is at the window; a run would wait for minutes."""
    pg.target.run(LOST)
    case = pg.find()["missing"].id

    with paired(pg.project, pg.spec) as pair, writing.correcting(pair, DAY):
        started = time.monotonic()
        with pytest.raises(UnavailableError, match="has not ended in time; try again"):
            review.preview(pg.book, pg.project, case, Resolution(APPLY))
    assert time.monotonic() - started < 60
    assert review.preview(pg.book, pg.project, case, Resolution(APPLY)).changes


@pytest.mark.parametrize("name", ["", "policy", "Recon", "a\nb"])
def test_programs_and_nobody_take_nothing_back(pg: Shop, name: str) -> None:
    """Neither by asking for it, nor by doing it; whoever tries only needs no name."""
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    pg.decide("missing")
    pg.correct()
    scope = review.Scope(case=case)
    how: dict[str, Any] = {"who": name, "note": "", "clock": pg.now}

    with pytest.raises(DeclarationError, match="no person's name"):
        review.undo(pg.book, case, who=name, note="", at=pg.now())
    with pytest.raises(DeclarationError, match="no person's name"):
        review.roll_back(pg.book, pg.project, scope, **how, dry_run=False)
    assert len(review.roll_back(pg.book, pg.project, scope, **how).changes) == 2
    assert pg.case("missing").state is State.APPLIED


def test_names_are_noted_without_the_blanks_around_them(pg: Shop) -> None:
    """One person has one name."""
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    review.comment(pg.book, case, who=" ana ", note="hm", at=pg.now())
    pg.say(Resolution(KEEP), case, who=" ana ")
    pg.correct()
    review.undo(pg.book, case, who=" ana ", note="no", at=pg.now())

    assert {who for _, who, _ in told(pg, "missing")} == {"recon", "ana"}


def test_orphans_whose_parent_nobody_has_are_a_problem_of_the_preview(pg: Shop) -> None:
    """Not: the target is as it should be already."""
    for side in (pg.sides.source, pg.sides.target):
        side.run(ORPHANED)
    case = pg.find()["orphan"].id

    found = review.preview(pg.book, pg.project, case, Resolution(APPLY))

    assert found.changes == ()
    assert found.problems == (f"{case}: the source has no record to write for it; keep it, or compare again.",)


# what is due


def test_days_of_a_table_that_is_no_longer_declared_are_not_judged(pg: Shop) -> None:
    """Nor are its cases corrected, until it is declared again."""
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    was = pg.project
    undeclare(pg)
    assert review.due(pg.book, pg.project, pg.now()).correct == ()
    pg.project = was
    pg.correct()
    assert review.due(pg.book, pg.project, pg.now()).recheck == (review.Recheck("t", DAY),)
    undeclare(pg)
    assert review.due(pg.book, pg.project, pg.now()).recheck == ()


def test_tables_that_name_one_another_are_corrected_all_the_same(pg: Shop) -> None:
    """No one of them stands above the other."""
    circle = checks.References(columns=("code",), parent="t")
    codes = replace(pg.project.tables["codes"], checks=(circle,))
    pg.project = replace(pg.project, tables={**pg.project.tables, "codes": codes})
    pg.target.run(LOST)
    pg.find("keys")
    pg.decide("missing")

    (case,) = pg.correct()

    assert case.state is State.APPLIED


# what was said before


def test_what_had_gone_and_is_found_again_waits_again(pg: Shop) -> None:
    """But findings from before it was gone open nothing."""
    pg.target.run(LOST)
    pg.find()
    pg.target.fill("t", ROWS[3:5])
    pg.find()
    assert pg.case("missing").state is State.RESOLVED

    pg.target.run(LOST)
    found = pg.find()["missing"]

    assert (found.state, found.reopened) == (State.PENDING, 1)


def test_a_policy_that_comes_later_decides_nothing_that_waits_for_a_person(pg: Shop) -> None:
    """Somebody may be looking at it."""
    pg.target.run("DELETE FROM t WHERE id = 3")
    pg.find()
    pg.declare(APPLIED)
    pg.target.run("DELETE FROM t WHERE id = 4")

    found = pg.find()["missing"]

    assert (found.state, found.wrong) == (State.PENDING, 2)
    assert told(pg, "missing")[-1] == (CaseEventType.FOUND, "recon", "It was waiting for a person already.")


@pytest.mark.parametrize("full", ["source", "target"])
def test_a_day_that_one_side_has_no_row_of_is_accepted_by_every_check_once_it_is_kept(pg: Shop, full: str) -> None:
    """Also by those that find nothing to look at there, and by a sum, which is NULL of no rows."""
    pg.declare(checked=[*CHECKS, checks.ColumnFigure("sum", "amount")])
    empty = pg.target if full == "source" else pg.sides.source
    empty.run("DELETE FROM t WHERE id < 100")
    (kind,) = pg.find()
    pg.decide(kind, KEEP)
    pg.correct()

    assert pg.find() == {}
    assert [finding.check for finding in pg.seen if finding.failed] == []
    assert {finding.check for finding in pg.seen if finding.accepted} >= {"count", "keys", "fields", "sum_amount"}


# corrections that do not come to their end


def test_a_decided_case_whose_table_is_no_longer_declared_waits_again(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    undeclare(pg)

    (case,) = pg.correct("missing")

    assert case.state is State.PENDING
    assert "declare it again" in told(pg, "missing")[-1][2]
    assert len(pg.rows) == len(ROWS) - 2


def test_a_target_that_does_not_answer_is_waited_for(pg: Shop) -> None:
    """What was decided stays decided."""
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    lose_target(pg)

    (case,) = pg.correct("missing")

    assert case.state is State.APPLYING
    assert [act for act, *_ in told(pg, "missing")][-2:] == [CaseEventType.APPLYING, CaseEventType.COMMENTED]


def test_a_case_of_which_no_check_speaks_cannot_be_corrected(pg: Shop) -> None:
    """Nothing would tell whether it is right then."""
    pg.target.run(ORPHANED)
    pg.find()
    pg.decide("orphan")
    pg.declare(checked=CHECKS[:3])

    (case,) = pg.correct("orphan")

    assert case.state is State.PENDING
    assert "no check that is declared speaks of it any more" in told(pg, "orphan")[-1][2]


def test_a_case_that_cannot_be_compared_waits_again(pg: Shop) -> None:
    """Its check cannot run: the parent's table is gone."""
    pg.target.run(ORPHANED)
    pg.find()
    pg.decide("orphan")
    pg.target.run("ALTER TABLE codes RENAME TO moved")

    (case,) = pg.correct("orphan")

    assert case.state is State.PENDING
    assert "it could not be compared" in told(pg, "orphan")[-1][2]


def test_more_records_than_can_be_listed_are_for_a_load(pg: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recon_assets.review.correcting.MOST", 1)
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")

    (case,) = pg.correct("missing")

    assert case.state is State.PENDING
    assert "more than 1 records of the window are wrong; load the window anew" in told(pg, "missing")[-1][2]


def test_what_a_column_does_not_take_is_given_back(pg: Shop) -> None:
    """The target refuses it before anything is planned."""
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.target.run("ALTER TABLE t ADD CONSTRAINT small CHECK (amount < 5) NOT VALID")

    (case,) = pg.correct("missing")

    with pg.book.begin() as connection:
        assert ledger.corrections(connection, case=case.id) == []
    assert case.state is State.PENDING
    assert "check violation" in told(pg, "missing")[-1][2]
    assert len(pg.rows) == len(ROWS) - 2


def test_an_error_that_nobody_expected_gives_the_case_back(
    pg: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its kind, not its text, which may hold values; it can be decided anew, and the others get their turn."""
    pg.target.run(LOST, DRIFTED)
    pg.find()
    for kind in ("missing", "mismatched"):
        pg.decide(kind)
    with monkeypatch.context() as patched:
        patched.setattr(Stage, "_insert", lambda *_: SECRET.pop("secret"))
        states = {case.id.kind: case.state for case in pg.correct()}

    assert states == {"missing": State.PENDING, "mismatched": State.APPLIED}
    why = told(pg, "missing")[-1][2]
    assert "an error that nobody expected (KeyError); the log of this run says where" in why
    assert "test_review_refused" in caplog.text
    assert "secret" not in why + caplog.text.replace('SECRET.pop("secret")', "")
    pg.decide("missing")
    assert pg.correct()[0].state is State.APPLIED


def test_a_row_that_somebody_inserts_before_it_is_written_is_compared_again(
    pg: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the very row that was missing, so that only the other one is left to be written."""
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    write = Correcting.write

    def write_late(correcting: Correcting, found: Any) -> Any:
        pg.target.fill("t", [row for row in ROWS if row[0] == 3 and not pg.target.rows("SELECT 1 FROM t WHERE id = 3")])
        return write(correcting, found)

    monkeypatch.setattr(Correcting, "write", write_late)
    (case,) = pg.correct("missing")

    assert case.state is State.APPLIED
    with pg.book.begin() as connection:
        assert [item.count for item in ledger.corrections(connection, case=case.id)] == [1]


def test_what_nobody_has_seen_is_not_kept(pg: Shop) -> None:
    """Three are wrong, and one is named, which alone can be kept; it is said before anybody decides, too."""
    pg.target.run("DELETE FROM t WHERE id IN (3, 4, 7)")
    case = pg.find(max_evidence=1)["missing"].id

    for chosen in (pg.say, lambda keep, of: review.preview(pg.book, pg.project, of, keep)):
        with pytest.raises(RefusedError, match="only 1 of 3 records are known by name"):
            chosen(Resolution(KEEP), case)
    loaded = review.preview(pg.book, pg.project, case, Resolution(Decision.APPLY_SOURCE))
    assert (len(loaded.changes), loaded.unnamed) == (1, 2), "what a decision leaves is said"
    pg.decide("missing", KEEP, rows=[item.id for item in pg.records("missing")])
    (kept,) = pg.correct()

    assert kept.state is State.ACCEPTED
    left = pg.find()["missing"]
    assert (left.wrong, left.named) == (2, 2)


def test_a_correction_that_was_taken_back_meanwhile_is_not_done_again(pg: Shop) -> None:
    """A run was killed after it had written; before the next one came, somebody took that back."""
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    pg.decide("missing")
    written_and_killed(pg, case)
    damaged = len(ROWS) - 2
    review.roll_back(pg.book, pg.project, review.Scope(run="killed"), who="ben", note="", clock=pg.now, dry_run=False)
    assert len(pg.rows) == damaged

    (left,) = pg.correct("missing")

    assert left.state is State.PENDING
    assert "has been taken back meanwhile" in told(pg, "missing")[-1][2]
    assert len(pg.rows) == damaged


def test_what_a_killed_run_has_written_waits_until_the_target_answers(pg: Shop) -> None:
    """Its rows tell whether it was written; that they cannot be asked is said once."""
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    pg.decide("missing")
    written_and_killed(pg, case)
    was = pg.project
    lose_target(pg)

    for _ in range(2):
        (left,) = pg.correct("missing")
        assert left.state is State.APPLYING
    assert [act for act, *_ in told(pg, "missing")][-2:] == [CaseEventType.APPLYING, CaseEventType.COMMENTED]
    pg.project = was
    (done,) = pg.correct("missing")
    assert done.state is State.APPLIED
    assert pg.rows == ROWS


def lose_target(place: Shop) -> None:
    """The target does not answer: there is no such database."""
    target = place.project.databases["target"]
    gone = replace(target, url=target.url.replace("/target", "/nowhere"))
    place.project = replace(place.project, databases={**place.project.databases, "target": gone})


def written_and_killed(place: Shop, case: CaseId, *, settled: bool = False) -> int:
    """What a run does up to the moment after its commit; the number of its correction."""
    with place.book.begin() as connection:
        ledger.append(connection, case, CaseEventType.APPLYING, who="recon", at=place.now(), data={"run": "killed"})
        wrong = [
            item.discrepancy
            for item in ledger.case_records(connection, place.case(case.kind).findings, case.of_records)
        ]
    with connections.paired(place.project, place.spec) as pair, writing.correcting(pair, case.window) as correcting:
        changes = correcting.write(wrong)
        with place.book.begin() as connection:
            return ledger.plan(
                connection, case, changes, window=case.window, run="killed", who="ana", why="", at=place.now()
            )


# taking back


def test_rows_of_a_table_that_is_no_longer_declared_are_not_taken_back(pg: Shop) -> None:
    """Whoever asked is told, so that nobody tries for ever."""
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.correct()
    undeclare(pg)

    with pytest.raises(DeclarationError, match="t is not declared any more; declare it again to roll it back"):
        pg.undo("missing")
    assert told(pg, "missing")[-1][:2] == (CaseEventType.REFUSED, "recon")
    assert pg.case("missing").state is State.APPLIED


def test_a_table_that_cannot_be_read_any_more_keeps_no_other_from_being_taken_back(pg: Shop) -> None:
    """One run corrected two tables; of one the target has lost a column since."""
    pg.target.run(LOST, ORPHANED)
    pg.find()
    for kind in ("missing", "orphan"):
        pg.decide(kind)
    pg.correct()
    pg.target.run("ALTER TABLE codes RENAME COLUMN code TO moved")

    done = review.roll_back(
        pg.book, pg.project, review.Scope(run=f"run{pg.runs}"), who="ben", note="", clock=pg.now, dry_run=False
    )

    assert len(done.changes) == 2
    assert [why.partition(":")[0] for why in done.refused] == ["tables.codes"]
    assert (pg.case("missing").state, pg.case("orphan").state) == (State.ROLLED_BACK, State.APPLIED)


def test_an_older_correction_that_is_taken_back_is_said_in_the_cases_story(pg: Shop) -> None:
    """The case stands as its last decision left it."""
    pg.target.run("DELETE FROM t WHERE id = 3")
    pg.find()
    pg.decide("missing")
    pg.correct()
    run = f"run{pg.runs}"
    pg.target.run("DELETE FROM t WHERE id = 8")
    pg.find()

    review.roll_back(
        pg.book, pg.project, review.Scope(run=run), who="ben", note="too early", clock=pg.now, dry_run=False
    )

    assert pg.case("missing").state is State.PENDING
    assert told(pg, "missing")[-1] == (CaseEventType.COMMENTED, "ben", "1 changes taken back. too early")
    assert [row[0] for row in pg.rows if row[0] in {3, 8}] == []


def test_a_rollback_that_was_killed_stays_the_work_of_who_asked_for_it(pg: Shop) -> None:
    """Whoever undoes it afterwards finds it done, and has not done it; whoever only tries to notes nothing."""
    pg.target.run(LOST)
    damaged = pg.rows
    case = pg.find()["missing"].id
    pg.decide("missing")
    pg.correct()
    undone_and_killed(pg, case)
    assert pg.rows == damaged
    before = told(pg, "missing")
    how: dict[str, Any] = {"who": "cleo", "note": "", "clock": pg.now}

    tried = review.roll_back(pg.book, pg.project, review.Scope(case=case), **how)

    assert (tried.changes, tried.refused) == ((), ())
    assert told(pg, "missing") == before
    with pg.book.begin() as connection:
        assert [item.case for item in ledger.corrections(connection, unsettled=True)] == [case]

    found = review.roll_back(pg.book, pg.project, review.Scope(case=case), **how, dry_run=False)

    assert (found.changes, found.refused) == ((), ())
    assert pg.case("missing").state is State.ROLLED_BACK
    assert told(pg, "missing")[-1] == (CaseEventType.ROLLED_BACK, "ben", "a mistake")


def test_an_undo_waits_while_somebody_else_is_at_the_case(pg: Shop) -> None:
    """What was asked for stays so until it is done; who only tries it neither waits nor keeps anybody from it."""
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    pg.decide("missing")
    pg.correct()
    review.undo(pg.book, case, who="ana", note="", at=pg.now())

    with pg.book.alone(f"case {case}"):
        assert len(pg.undo("missing", dry_run=True).changes) == 2
        with pytest.raises(UnavailableError, match=f"{case}: a run is at work on it; try again"):
            pg.undo("missing")

    assert [each.id for each in review.due(pg.book, pg.project, pg.now()).undo] == [case]
    assert len(pg.undo("missing").changes) == 2


def undone_and_killed(place: Shop, case: CaseId) -> None:
    """What a rollback does up to the moment after its commit."""
    with place.book.begin() as connection:
        (made,) = ledger.corrections(connection, case=case)
        changes = [change.inverse for change in ledger.changes_of(connection, made.id)][::-1]
        said: dict[str, Any] = {"window": case.window, "run": "", "who": "ben", "why": "a mistake", "at": place.now()}
        ledger.plan(connection, case, changes, **said, undoes=made.id)
    with connections.paired(place.project, place.spec) as pair, writing.correcting(pair, case.window) as correcting:
        correcting.undo(changes)


def test_a_load_is_taken_back_after_it_was_tried(pg: Shop) -> None:
    """The dry run names the window, says how many rows it would write, and leaves them."""
    pg.target.run("UPDATE t SET amount = 1 WHERE id = 5")
    was = pg.rows
    with connections.paired(pg.project, pg.spec) as pair:
        backup_sink = ledger.BackupSink(pg.book, "t", DAY, Mode.UPSERT, "load", "", pg.now())
        writing.load(pair, pg.spec.window(DAY), mode=Mode.UPSERT, backup_sink=backup_sink)
    assert pg.rows == ROWS

    for dry_run, rows in ((True, ROWS), (False, was)):
        done = review.roll_back(
            pg.book, pg.project, review.Scope(run="load"), who="ben", note="", clock=pg.now, dry_run=dry_run
        )
        assert (done.changes, done.windows, done.refused) == ((), (review.Restored("t", DAY, updated=1),), ())
        assert pg.rows == rows


def test_a_window_loaded_twice_by_one_run_is_taken_back_as_the_dry_run_says(pg: Shop) -> None:
    """The dry run finds what the older load left by undoing the newer one first."""
    pg.target.run("UPDATE t SET amount = 1 WHERE id = 5")
    was = pg.rows
    for change in ("amount = 7 WHERE id = 5", "amount = 8 WHERE id < 7"):
        with connections.paired(pg.project, pg.spec) as pair:
            backup_sink = ledger.BackupSink(pg.book, "t", DAY, Mode.UPSERT, "load", "", pg.now())
            writing.load(pair, pg.spec.window(DAY), mode=Mode.UPSERT, backup_sink=backup_sink)
        pg.sides.source.run(f"UPDATE t SET {change}")
    now = pg.rows

    tried, done = (
        review.roll_back(
            pg.book, pg.project, review.Scope(run="load"), who="ben", note="", clock=pg.now, dry_run=dry_run
        )
        for dry_run in (True, False)
    )
    assert now != was
    assert (tried.windows, tried.refused) == (done.windows, ())
    assert (len(done.windows), pg.rows) == (2, was)


def test_a_dry_run_does_not_know_what_a_load_was_that_was_corrected_since(pg: Shop) -> None:
    """It keeps the corrections that are taken back first: it says so, and not that somebody changed the rows."""
    pg.target.run("UPDATE t SET amount = 1 WHERE id = 5")
    was, run = pg.rows, f"run{pg.runs + 2}"
    with connections.paired(pg.project, pg.spec) as pair:
        backup_sink = ledger.BackupSink(pg.book, "t", DAY, Mode.UPSERT, run, "", pg.now())
        writing.load(pair, pg.spec.window(DAY), mode=Mode.UPSERT, backup_sink=backup_sink)
    pg.sides.source.run("UPDATE t SET amount = 3 WHERE id = 6")
    pg.find()
    pg.decide("mismatched")
    pg.correct("mismatched")

    tried, done = (
        review.roll_back(pg.book, pg.project, review.Scope(run=run), who="ben", note="", clock=pg.now, dry_run=dry_run)
        for dry_run in (True, False)
    )
    assert (len(tried.changes), tried.windows) == (1, ())
    assert [why.partition(",")[0] for why in tried.refused] == [f"t {DAY}: it was corrected after it was loaded"]
    assert (done.windows, done.refused, pg.rows) == ((review.Restored("t", DAY, updated=1),), (), was)


# several at once


def test_a_record_that_is_missing_is_written_otherwise_than_the_source_has_it(pg: Shop) -> None:
    """What is not typed is the source's."""
    pg.target.run(LOST)
    pg.find()
    record = pg.records("missing")[0]
    pg.decide("missing", FIX, values={record.id: {"amount": "7"}})

    (case,) = pg.correct()

    assert case.state is State.APPLIED
    (key,) = record.discrepancy.key
    source = next(row for row in ROWS if row[0] == key)
    assert [row for row in pg.rows if row[0] == key] == [(*source[:3], 7, source[4])]


def test_both_columns_of_one_record_are_fixed(pg: Shop) -> None:
    """They are two orphans, and one row."""
    pg.declare(checked=[*CHECKS, checks.References(columns=("note",), parent="codes")])
    for side in (pg.sides.source, pg.sides.target):
        side.run("UPDATE t SET note = NULL", "UPDATE t SET code = 'x', note = 'y' WHERE id = 5")
    pg.find()
    values: dict[str, dict[str, str]] = {
        item.id: {name: {"code": "a", "note": "b"}[name] for name in item.discrepancy.differing}
        for item in pg.records("orphan")
    }
    assert len(values) == 2
    pg.decide("orphan", FIX, values=values)

    (case,) = pg.correct()

    assert case.state is State.APPLIED
    assert pg.target.rows("SELECT code, note FROM t WHERE id = 5") == [("a", "b")]


def test_a_case_is_rolled_back_once_all_that_it_wrote_is(pg: Shop) -> None:
    """Orphans of two parents are two corrections: the one whose rows moved on stays, and so does the case."""
    names = replace(pg.project.tables["codes"], name="names", source=Relation("source", "names"))
    names = replace(names, target=Relation("target", "names"))
    pg.project = replace(pg.project, tables={**pg.project.tables, "names": names})
    pg.declare(checked=[*CHECKS, checks.References(columns=("note",), parent="names")])
    for side in (pg.sides.source, pg.sides.target):
        side.run("UPDATE t SET note = 'y'", "CREATE TABLE names (code varchar(9) primary key, remark varchar(9))")
        side.fill("names", [("y", "was")])
    pg.target.run(ORPHANED, "DELETE FROM names")
    pg.find()
    pg.decide("orphan")
    (case,) = pg.correct()
    assert case.state is State.APPLIED
    pg.target.run("UPDATE names SET remark = 'is'")

    done = pg.undo("orphan")

    assert [(change.table, change.key) for change in done.changes] == [("codes", {"code": "b"})]
    assert len(done.refused) == 1
    assert pg.case("orphan").state is State.APPLIED
    pg.target.run("UPDATE names SET remark = 'was'")
    assert not pg.undo("orphan").refused
    assert pg.case("orphan").state is State.ROLLED_BACK


@pytest.mark.parametrize("text", ["caf\udce9", "\ud83d"])
def test_a_text_that_no_database_takes_is_refused_when_it_is_decided(pg: Shop, text: str) -> None:
    """Half a character, as a launchpad's JSON may have it; nothing is noted, and the case can be decided anew."""
    pg.target.run(DRIFTED)
    pg.find()
    (first, second) = pg.records("mismatched")

    with pytest.raises(DeclarationError, match=r"note .* cannot hold .*half a character"):
        pg.decide("mismatched", FIX, values={first.id: {"note": text}, second.id: {"note": "a"}})
    assert pg.case("mismatched").state is State.PENDING


def test_an_error_that_nobody_expected_refuses_an_undo(
    pg: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its kind: whoever asked is answered and may ask anew; it is not the first of every later run."""
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    assert pg.correct()[0].state is State.APPLIED
    case = CaseId("t", DAY, "missing")
    for broken in ("_RollingBack.undo", "_RollingBack.written"):
        review.undo(pg.book, case, who="ben", note="a mistake", at=pg.now())
        with monkeypatch.context() as patched:
            patched.setattr(f"recon_assets.review.rolling_back.{broken}", lambda *_: SECRET.pop("secret"))
            done = pg.undo("missing")
        assert "an error that nobody expected (KeyError)" in done.refused[0]
        assert told(pg, "missing")[-1][0] is CaseEventType.REFUSED
        assert review.due(pg.book, pg.project, pg.now()).undo == ()
    assert "secret" not in caplog.text.replace('SECRET.pop("secret")', "")
    assert not pg.undo("missing").refused


@pytest.mark.parametrize("decision", [APPLY, KEEP])
def test_a_key_that_is_declared_otherwise_meanwhile_is_refused(pg: Shop, decision: Decision) -> None:
    """By another key none of the records is found: nothing was written, and they seemed to agree."""
    pg.target.run(DRIFTED)
    pg.find()
    pg.decide("mismatched", decision)
    was, spec = pg.project, pg.project.tables["t"]
    for key in (("id", "at"), ("note",)):
        pg.project = replace(was, tables={**was.tables, "t": replace(spec, key=key)})
        (case,) = pg.correct("mismatched")

        assert case.state is State.PENDING
        assert f"it is {', '.join(key)} now. Have the day compared again" in told(pg, "mismatched")[-1][2]
        pg.project = was
        pg.decide("mismatched", decision)
    assert pg.correct("mismatched")[0].state.closed


def test_a_case_that_kills_its_runs_is_given_back(pg: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some, so that the others get their turn; runs that end since a database is away do not count."""
    pg.target.run("DELETE FROM t WHERE id = 3")
    pg.find()
    pg.decide("missing")

    for error in (SystemExit(), UnavailableError("away"), *[SystemExit()] * MAX_KILLED):

        def end(*_: object, error: BaseException = error) -> None:
            raise error

        with monkeypatch.context() as patched, suppress(SystemExit):
            patched.setattr("recon_assets.review.correcting._Correcting.apply", end)
            pg.correct("missing")
        assert pg.case("missing").state is State.APPLYING

    (found,) = pg.correct("missing")
    with pg.book.begin() as connection:
        last = ledger.events(connection, found.id)[-1]
    assert found.state is State.PENDING
    assert last.note.startswith("3 runs were killed while they corrected it")
    pg.decide("missing")
    assert [case.state for case in pg.correct("missing")] == [State.APPLIED]
