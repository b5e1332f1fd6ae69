"""From findings to cases, decisions, corrections and back: on real tables, with a real ledger."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import Any

import pytest
import sqlalchemy as sa

from recon_assets import checks, ledger, review
from recon_assets.errors import DeclarationError, RefusedError, TakenError
from recon_assets.model import (
    AutoAction,
    CaseEventType,
    CaseId,
    Decision,
    Grading,
    Policy,
    Resolution,
    Rule,
    Severity,
    State,
    Tolerance,
)
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.ledgers import plan_of
from recon_assets_tests.db.reviewed import APPLIED, CHECKS, DAY, NEXT, ROWS, Shop, shop

LENIENT = Grading(medium=Tolerance(relative=Decimal("0.01")), high=Tolerance(relative=Decimal("0.5")))
FIX, KEEP, APPLY = Decision.CUSTOM_FIX, Decision.KEEP_TARGET, Decision.APPLY_SOURCE


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.repeats)])
def place(request: pytest.FixtureRequest, both: Both, fresh: Fresh) -> Iterator[Shop]:
    """Equal tables, the target on PostgreSQL and on MariaDB."""
    with shop(both("postgresql", request.param), fresh("ledger")) as made:
        yield made


LOST, DRIFTED, INVENTED, ORPHANED = (
    "DELETE FROM t WHERE id IN (3, 4)",
    "UPDATE t SET amount = 999, note = NULL WHERE id = 5",
    "INSERT INTO t VALUES (90, '2024-03-01 05:00', 'a', 1, 'invented')",
    "DELETE FROM codes WHERE code = 'b'",
)
DAMAGE = {"missing": LOST, "mismatched": DRIFTED, "extra": INVENTED, "orphan": ORPHANED}


def test_a_clean_table_has_no_case(place: Shop) -> None:
    assert place.find() == {}
    assert all(finding.passed for finding in place.seen)


def test_a_case_says_what_is_wrong_with_its_own_records(pg: Shop) -> None:
    """The check speaks of what is missing too, which is another case, and may be over long before this one."""
    pg.target.run(LOST, DRIFTED, INVENTED)

    assert {kind: case.summary for kind, case in pg.find().items()} == {
        "missing": f"t {DAY}: 2 records missing from the target",
        "extra": f"t {DAY}: 1 record only in the target",
        "mismatched": f"t {DAY}: 1 of 18 records on both sides differ: amount in 1, note in 1",
    }


@pytest.mark.parametrize("kind", DAMAGE)
def test_one_fault_is_one_case_however_many_checks_it_fails(place: Shop, kind: str) -> None:
    """A lost row fails the count and the keys; both are one case, of the record."""
    place.target.run(DAMAGE[kind])

    found = place.find()

    assert list(found) == [kind]
    assert found[kind].state is State.PENDING
    assert found[kind].wrong == found[kind].named == len(place.records(kind))


@pytest.mark.parametrize("kind", DAMAGE)
def test_what_the_source_has_is_applied_verified_and_taken_back(place: Shop, kind: str) -> None:
    """Applied, the tables agree; rolled back, the target is what it was, to the last column."""
    place.target.run(DAMAGE[kind])
    damaged, codes = place.rows, place.target.rows("SELECT * FROM codes ORDER BY 1")
    place.find()

    place.decide(kind)
    (case,) = place.correct()

    assert case.state is State.APPLIED
    assert place.find() == {}
    assert place.rows == ROWS
    assert place.target.rows("SELECT * FROM codes ORDER BY 1") == [("a",), ("b",)]
    assert not place.undo(kind).refused
    assert place.case(kind).state is State.ROLLED_BACK
    assert place.rows == damaged
    assert place.target.rows("SELECT * FROM codes ORDER BY 1") == codes


def test_all_kinds_at_once(place: Shop) -> None:
    place.target.run(*DAMAGE.values())
    assert set(place.find()) == set(DAMAGE)

    for kind in DAMAGE:
        place.decide(kind)
    place.correct()

    assert place.rows == ROWS
    assert place.find() == {}


def test_what_agrees_again_by_itself_is_gone(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.target.fill("t", ROWS[3:5])

    assert pg.find() == {}
    assert pg.case("missing").state is State.RESOLVED


def test_what_is_found_again_is_the_same_case_reopened(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.correct()
    pg.find()
    pg.target.run(LOST)

    found = pg.find()["missing"]

    assert (found.state, found.reopened) == (State.PENDING, 1)
    assert {(item.times_seen, item.reopened) for item in pg.records("missing")} == {(2, 1)}


def test_the_same_findings_again_say_nothing_new(pg: Shop) -> None:
    """A nightly check does not disturb who looks at a case; another wrong record does."""
    pg.target.run(LOST)
    version = pg.find()["missing"].version

    assert pg.find()["missing"].version == version
    pg.target.run("DELETE FROM t WHERE id = 7")
    assert pg.find()["missing"].version == version + 1
    assert pg.case("missing").wrong == 3


def test_findings_are_routed_once(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.judge()

    assert pg.route() == review.Routed(opened=1, findings=4)
    assert pg.route() == review.Routed()


def test_a_figure_alone_asks_for_the_records(pg: Shop) -> None:
    """Only the count was judged: no case is opened before the records have been compared."""
    pg.target.run(LOST)

    assert pg.find("count") == {}
    assert review.due(pg.book, pg.project, pg.now()).recheck == (review.Recheck("t", DAY, records=True),)
    assert list(pg.find(records=True)) == ["missing"]
    assert review.due(pg.book, pg.project, pg.now()).recheck == ()


def test_a_table_without_checks_of_records_has_its_records_compared_when_asked(pg: Shop) -> None:
    pg.declare(checked=[checks.Count()])
    pg.target.run(LOST)
    pg.find()

    assert list(pg.find(records=True)) == ["missing"]
    pg.decide("missing")
    (case,) = pg.correct()
    assert case.state is State.APPLIED


def test_a_figure_whose_records_agree_is_a_case_of_its_own(pg: Shop) -> None:
    """Within the rules of the columns every record agrees, and still the sums differ."""
    pg.declare(checked=[*CHECKS, checks.ColumnFigure("sum", "amount")], rules={"amount": Rule(abs=Decimal(2))})
    pg.target.run("UPDATE t SET amount = amount + 1 WHERE id = 5")

    found = pg.find()

    assert list(found) == ["sum_amount"]
    with pytest.raises(RefusedError, match="names no record"):
        pg.decide("sum_amount")
    pg.decide("sum_amount", KEEP)
    (case,) = pg.correct()
    assert case.state is State.ACCEPTED
    assert pg.find() == {}
    assert [finding.check for finding in pg.seen if finding.accepted] == ["sum_amount"]
    pg.target.run("UPDATE t SET amount = amount + 1 WHERE id = 6")
    assert list(pg.find()) == ["sum_amount"]


def test_what_is_kept_stays_kept_until_its_values_change(place: Shop) -> None:
    """Also the count that it explains is accepted, and nobody is asked for the records again."""
    place.target.run(INVENTED)
    place.find()
    place.decide("extra", KEEP)
    (case,) = place.correct()

    assert case.state is State.ACCEPTED
    assert place.find() == {}
    assert {finding.check for finding in place.seen if finding.accepted} == {"count", "keys"}
    assert place.find("count") == {}
    assert review.due(place.book, place.project, place.now()).recheck == ()
    assert len(place.rows) == len(ROWS) + 1
    place.target.run("UPDATE t SET amount = 2 WHERE id = 90")
    assert place.find()["extra"].reopened == 1


def test_what_was_kept_waits_again_when_that_is_taken_back(pg: Shop) -> None:
    pg.target.run(INVENTED)
    pg.find()
    pg.decide("extra", KEEP)
    pg.correct()

    review.undo(pg.book, CaseId("t", DAY, "extra"), who="ben", note="no", at=pg.now())

    assert pg.case("extra").state is State.PENDING
    assert list(pg.find()) == ["extra"]


@pytest.mark.parametrize("state", [State.PENDING, State.ROLLED_BACK, State.RESOLVED])
def test_what_was_kept_first_waits_again_whatever_came_after_it(pg: Shop, state: State) -> None:
    """The window is judged again, and no load minds it any more."""
    case, another = CaseId("t", DAY, "extra"), INVENTED.replace("90", "91")
    pg.target.run(INVENTED)
    pg.find()
    pg.decide("extra", KEEP)
    pg.correct()
    pg.target.run(another)
    pg.find()
    if state is State.ROLLED_BACK:
        pg.decide("extra")
        pg.correct()
        pg.undo("extra")
    if state is State.RESOLVED:
        pg.target.run("DELETE FROM t WHERE id = 91")
        pg.find()
    assert pg.case("extra").state is state

    review.undo(pg.book, case, who="ben", note="no", at=pg.now())

    assert pg.case("extra").state is state
    assert [look.window for look in review.due(pg.book, pg.project, pg.now()).recheck] == [DAY]
    assert pg.find()["extra"].wrong == (1 if state is State.RESOLVED else 2)
    with pg.book.begin() as connection:
        assert KEEP not in {each.decision for each in ledger.standing_decisions(connection, "t", DAY)}
    with pytest.raises(RefusedError, match="only what is APPLIED or KEPT"):
        review.undo(pg.book, case, who="ben", note="no", at=pg.now())


def test_a_fix_of_ones_own_is_written_and_then_no_difference(place: Shop) -> None:
    place.target.run(DRIFTED)
    place.find()
    (record,) = place.records("mismatched")

    place.decide("mismatched", FIX, values={record.id: {"amount": "51", "note": None}})
    (case,) = place.correct()

    assert case.state is State.APPLIED
    assert [row[3:] for row in place.rows if row[0] == 5] == [(51, None)]
    assert place.find() == {}
    assert {finding.check for finding in place.seen if finding.accepted} == {"fields"}
    assert not place.undo("mismatched").refused
    assert [row[3:] for row in place.rows if row[0] == 5] == [(999, None)]
    assert list(place.find()) == ["mismatched"]


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({"amount": "many"}, DeclarationError, "amount"),
        ({"amount": "99999999999999"}, DeclarationError, "amount"),
        ({"amount": "1_0"}, DeclarationError, "no number"),
        ({"note": "n" * 41}, DeclarationError, "note"),
        ({"colour": "red"}, DeclarationError, "colour"),
        ({"id": "6"}, RefusedError, "part of the key"),
        ({}, DeclarationError, "without a value"),
    ],
)
def test_a_value_that_its_column_does_not_hold_is_refused_at_once(
    place: Shop, values: dict[str, str], error: type[Exception], said: str
) -> None:
    place.target.run(DRIFTED)
    place.find()
    (record,) = place.records("mismatched")

    with pytest.raises(error, match=said):
        place.decide("mismatched", FIX, values={record.id: values})
    assert place.case("mismatched").state is State.PENDING


def test_chosen_rows_are_corrected_and_the_others_wait(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    first, second = pg.records("missing")

    pg.decide("missing", rows=(first.id,))
    pg.correct()

    assert [item.discrepancy.key for item in (pg.find(), pg.records("missing"))[1]] == [second.discrepancy.key]


@pytest.mark.parametrize(
    ("chosen", "error", "said"),
    [
        (Resolution(APPLY, rows=("nobody",)), DeclarationError, "names no record 'nobody'"),
        (Resolution(APPLY, values={"x": {"amount": 1}}), DeclarationError, "names no record 'x'"),
        (Resolution(FIX), DeclarationError, "without a value"),
    ],
)
def test_decisions_that_make_no_sense_are_refused(
    pg: Shop, chosen: Resolution, error: type[Exception], said: str
) -> None:
    pg.target.run(LOST)
    pg.find()
    with pytest.raises(error, match=said):
        pg.say(chosen, CaseId("t", DAY, "missing"))


def test_a_case_that_is_not_there_cannot_be_decided(pg: Shop) -> None:
    with pytest.raises(DeclarationError, match="no such case"):
        pg.decide("missing")


def test_the_second_of_two_is_told_who_decided_what(pg: Shop) -> None:
    pg.target.run(LOST)
    seen = pg.find()["missing"]
    pg.say(Resolution(KEEP), seen.id, expected=seen.version, who="ana")

    with pytest.raises(TakenError, match="ana"):
        pg.say(Resolution(APPLY), seen.id, expected=seen.version, who="ben")


def test_a_preview_shows_what_would_be_written_and_writes_nothing(place: Shop) -> None:
    place.target.run(*DAMAGE.values())
    place.find()
    before = place.rows

    found = {
        kind: review.preview(place.book, place.project, CaseId("t", DAY, kind), Resolution(APPLY)) for kind in DAMAGE
    }

    assert {kind: [str(change.action) for change in item.changes] for kind, item in found.items()} == {
        "missing": ["insert", "insert"],
        "mismatched": ["update"],
        "extra": ["delete"],
        "orphan": ["insert"],
    }
    assert found["mismatched"].changes[0].before == {"amount": "999", "note": None}
    assert found["mismatched"].changes[0].after == {"amount": "50", "note": "note 5"}
    assert place.rows == before


def test_a_row_that_moved_on_is_not_overwritten(place: Shop) -> None:
    """Neither by the correction, whose case waits again with the reason, nor by its undoing."""
    place.target.run(DRIFTED)
    place.find()
    place.decide("mismatched")
    place.target.run("UPDATE t SET amount = 1000 WHERE id = 5")

    (case,) = place.correct()

    assert case.state is State.PENDING
    assert [row[3] for row in place.rows if row[0] == 5] == [1000]
    with place.book.begin() as connection:
        last = ledger.events(connection, case.id)[-1]
    assert "id=5" in last.note or "5" in last.note
    place.find()
    place.decide("mismatched")
    place.correct()
    place.target.run("UPDATE t SET amount = 7 WHERE id = 5")
    assert place.undo("mismatched").refused
    assert [row[3] for row in place.rows if row[0] == 5] == [7]
    assert place.case("mismatched").state is State.APPLIED


def test_deciding_or_correcting_twice_changes_nothing(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.correct()
    version = pg.case("missing").version

    assert pg.correct("missing")[0].version == version
    with pytest.raises(TakenError):
        pg.decide("missing")


def test_an_undo_in_a_dry_run_keeps_nothing(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.correct()

    found = pg.undo("missing", dry_run=True)

    assert len(found.changes) == 2
    assert pg.rows == ROWS
    assert pg.case("missing").state is State.APPLIED


def test_what_was_taken_back_is_not_taken_back_twice(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.correct()
    pg.undo("missing")

    with pytest.raises(DeclarationError, match="nothing"):
        pg.undo("missing")


def test_the_policy_corrects_by_itself(place: Shop) -> None:
    place.declare(APPLIED)
    place.target.run(LOST)

    assert place.find()["missing"].decided_by == "policy"
    place.correct()
    assert place.rows == ROWS


def test_what_comes_back_after_it_was_corrected_waits_for_a_person(pg: Shop) -> None:
    pg.declare(APPLIED)
    pg.target.run(LOST)
    pg.find()
    pg.correct()
    pg.target.run(LOST)

    assert pg.find()["missing"].state is State.PENDING


def test_what_a_person_took_back_is_not_done_again_by_itself(pg: Shop) -> None:
    pg.declare(APPLIED)
    pg.target.run(LOST)
    pg.find()
    pg.correct()
    pg.undo("missing")

    assert pg.find()["missing"].state is State.PENDING


def test_other_records_of_a_corrected_case_are_corrected_too(pg: Shop) -> None:
    pg.declare(APPLIED)
    pg.target.run("DELETE FROM t WHERE id = 3")
    pg.find()
    pg.correct()
    pg.target.run("DELETE FROM t WHERE id = 8")

    assert pg.find()["missing"].decided_by == "policy"


@pytest.mark.parametrize(
    "limits",
    [{"at_most": 1}, {"at_most_share": Decimal("0.09")}],
    ids=["at_most", "at_most_share"],
)
def test_the_fuse_sends_everything_to_review(pg: Shop, limits: dict[str, Any]) -> None:
    """Two of twenty rows: more than one, and more than nine of a hundred."""
    pg.declare(replace(APPLIED, **limits))
    pg.target.run(LOST)

    found = pg.find()["missing"]

    assert found.state is State.PENDING
    with pg.book.begin() as connection:
        assert next(iter(limits)) in ledger.events(connection, found.id)[-1].note


def test_records_that_are_not_all_known_by_name_wait(pg: Shop) -> None:
    pg.declare(APPLIED)
    pg.target.run(LOST)

    found = pg.find(max_evidence=1)["missing"]

    assert (found.state, found.wrong, found.named) == (State.PENDING, 2, 1)


IGNORED = [
    pytest.param({"policy": Policy(missing=AutoAction.IGNORE)}, id="by policy"),
    pytest.param(
        {"policy": Policy(ignore_below=Severity.HIGH), "checked": [checks.Keys(grading=LENIENT)]}, id="slight"
    ),
]


@pytest.mark.parametrize("declared", IGNORED)
def test_what_is_ignored_opens_nothing_and_a_case_that_waits_tells_the_present(pg: Shop, declared: Any) -> None:
    """Whether it is ignored by the policy, or less severe than the threshold; closed, it opens no more."""
    pg.target.run("DELETE FROM t WHERE id IN (3, 4)")
    assert pg.find()["missing"].wrong == 2
    pg.declare(**declared)
    pg.target.fill("t", [row for row in ROWS if row[0] == 3])
    assert pg.find()["missing"].wrong == 1
    pg.target.fill("t", [row for row in ROWS if row[0] == 4])
    assert pg.find() == {}
    pg.target.run(LOST)
    assert pg.find() == {}


def test_a_check_that_could_not_run_opens_no_case_and_closes_none(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.target.run("ALTER TABLE t RENAME TO moved")

    pg.find()

    assert pg.case("missing").state is State.PENDING


def test_days_are_cases_of_their_own(pg: Shop) -> None:
    pg.target.run("DELETE FROM t WHERE id IN (3, 103)")
    pg.judge(days=(DAY, NEXT))
    pg.route()

    assert pg.case("missing", DAY).wrong == pg.case("missing", NEXT).wrong == 1


def test_many_days_are_routed_by_as_many_statements_as_one(pg: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether found, found again, or closed; and days that name too many records for one go, after each other."""
    statements: list[str] = []
    sa.event.listen(pg.book.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))

    def routed(*days: str) -> int:
        pg.judge(days=days)
        statements.clear()
        pg.route()
        return len(statements)

    last = "2024-03-03"
    pg.target.run("DELETE FROM t WHERE id % 100 = 3")
    assert routed(DAY) == routed(NEXT, last)
    assert routed(DAY) == routed(NEXT, last)

    monkeypatch.setattr("recon_assets.review.routing.MAX_RECORDS_AT_ONCE", 1)
    pg.target.run("DELETE FROM t WHERE id % 100 = 4")
    assert routed(DAY) < routed(NEXT, last)
    assert [pg.case("missing", day).wrong for day in (DAY, NEXT, last)] == [2, 2, 2]


def test_after_a_correction_its_day_is_to_be_judged_again(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.correct()

    assert review.due(pg.book, pg.project, pg.now()).recheck == (review.Recheck("t", DAY),)
    pg.judge()
    assert review.due(pg.book, pg.project, pg.now()).recheck == ()


def test_windows_that_cannot_be_judged_now_take_no_places(pg: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither those of a table whose parent is being loaded, of one without checks, nor days that are not over."""
    monkeypatch.setattr(import_module("recon_assets.review.work"), "MAX_RECHECKS", 2)
    codes, t = pg.project.tables["codes"], pg.project.tables["t"]
    checked = replace(codes, checks=(checks.Keys(),))
    tables = {"unchecked": replace(codes, name="unchecked"), "codes": checked, "t": t}
    project, days = replace(pg.project, tables=tables), [f"2024-03-0{day}" for day in range(1, 5)]
    with pg.book.begin() as c:
        for name, windows in {"unchecked": ["all"], "lost": days, "t": days, "codes": ["all", *days]}.items():
            ledger.note_all_changed(c, name, windows)
        at_once = {("", "z"): list(tables)}
        for which in (ledger.asked_windows, ledger.changed_windows, ledger.unexplained_windows):
            assert "Limit" in plan_of(c, partial(which, c, at_once, 2))
        assert len(ledger.changed_windows(c, at_once, 2)) == 2

    def due(*loading: str) -> list[str]:
        return [f"{look.table} {look.window}" for look in review.due(pg.book, project, pg.now(), loading).recheck]

    assert due("codes") == ["codes all"]
    assert due() == due("t") == [f"t {day}" for day in days[:2]]
    assert due("codes", "t") == ["codes all"]


def test_who_asks_gets_the_records_compared(pg: Shop) -> None:
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    review.recheck(pg.book, case, who="ana", at=pg.now())

    assert review.due(pg.book, pg.project, pg.now()).recheck == (review.Recheck("t", DAY, records=True),)


def test_orphans_whose_parent_the_source_lacks_too_are_not_corrected(pg: Shop) -> None:
    for side in (pg.sides.source, pg.sides.target):
        side.run(ORPHANED)
    pg.find()
    pg.decide("orphan")

    (case,) = pg.correct()

    assert case.state is State.PENDING
    with pg.book.begin() as connection:
        assert "still wrong" in ledger.events(connection, case.id)[-1].note


def test_comments_and_assignments_stay_with_the_case(pg: Shop) -> None:
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    review.comment(pg.book, case, who="ana", note="<b>looks bad</b>", at=pg.now())
    review.assign(pg.book, case, "ben", who="ana", at=pg.now())

    with pg.book.begin() as connection:
        said = ledger.events(connection, case)[-2:]
    assert [(event.act, event.who, event.note) for event in said] == [
        (CaseEventType.COMMENTED, "ana", "<b>looks bad</b>"),
        (CaseEventType.ASSIGNED, "ana", ""),
    ]
    assert pg.case("missing").assignee == "ben"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda book, case, at: review.comment(book, case, who="ana", note=" ", at=at), "empty"),
        (lambda book, case, at: review.comment(book, case, who="ana", note="x" * 5000, at=at), "at most"),
        (lambda book, case, at: review.comment(book, case, who=" ", note="x", at=at), "name"),
        (lambda book, _, at: review.comment(book, CaseId("t", "x", "y"), who="a", note="x", at=at), "no such case"),
        (lambda book, case, at: review.undo(book, case, who="ana", note="", at=at), "only what is APPLIED"),
    ],
)
def test_bad_words_are_refused(pg: Shop, call: Any, said: str) -> None:
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    with pytest.raises((DeclarationError, RefusedError), match=said):
        call(pg.book, case, pg.now())


def test_an_empty_day_is_one_case(pg: Shop) -> None:
    """Checks of the target's own rows fail as well, for there are none; what is wrong is that they are missing."""
    pg.target.run("DELETE FROM t WHERE id < 100")

    assert list(pg.find()) == ["missing"]
    assert {finding.check for finding in pg.seen if finding.failed} >= {"count", "references_code_codes"}


def test_what_was_kept_is_no_part_of_a_later_decision(pg: Shop) -> None:
    """Kept, the row stays; another one like it is deleted."""
    pg.target.run(INVENTED)
    pg.find()
    pg.decide("extra", KEEP)
    pg.correct()
    pg.find()
    pg.target.run("INSERT INTO t VALUES (91, '2024-03-01 06:00', 'a', 1, 'invented too')")
    assert pg.find()["extra"].wrong == 1

    pg.decide("extra")
    (case,) = pg.correct()

    assert case.state is State.APPLIED
    assert [row[0] for row in pg.rows if row[0] in {90, 91}] == [90]


@pytest.fixture(params=[0, 1000], ids=["many", "few"])
def however_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many records are written and compared before the target keeps them; few are compared first."""
    monkeypatch.setattr(import_module("recon_assets.review.correcting"), "FEW", request.param)


MOVED = {
    "missing": "UPDATE t SET amount = 2 WHERE id = 3",
    "mismatched": "UPDATE t SET amount = 2 WHERE id = 5",
    "extra": "INSERT INTO t VALUES (90, '2024-03-01 05:00', 'a', 2, 'invented')",
}


@pytest.mark.usefixtures("however_many")
@pytest.mark.parametrize("kind", MOVED)
def test_a_source_that_moved_on_is_seen_before_anything_is_written(place: Shop, kind: str) -> None:
    """A record has got other values there, or come to it: nothing is written, and the case waits again."""
    place.target.run(DAMAGE[kind])
    place.find()
    place.decide(kind)
    place.sides.source.run(MOVED[kind])
    damaged = place.rows

    (case,) = place.correct()

    assert case.state is State.PENDING
    assert place.rows == damaged
    with place.book.begin() as connection:
        assert ledger.corrections(connection, case=case.id) == []
        assert "not what was decided on any more" in ledger.events(connection, case.id)[-1].note


@pytest.mark.usefixtures("however_many")
@pytest.mark.parametrize("side", ["source", "target"])
def test_what_agrees_meanwhile_is_left_alone_and_the_rest_is_corrected(place: Shop, side: str) -> None:
    """One of two lost rows has come back to the target, or is gone from the source too."""
    place.target.run(LOST)
    place.find()
    place.decide("missing")
    if side == "target":
        place.target.fill("t", ROWS[3:4])
    else:
        place.sides.source.run("DELETE FROM t WHERE id = 3")

    (case,) = place.correct()

    assert case.state is State.APPLIED
    assert place.rows == place.sides.source.rows("SELECT * FROM t ORDER BY id")
    with place.book.begin() as connection:
        assert [item.count for item in ledger.corrections(connection, case=case.id)] == [1]


@pytest.mark.usefixtures("however_many")
def test_a_case_of_a_window_that_is_declared_no_more_is_not_written(pg: Shop) -> None:
    pg.target.run(LOST)
    pg.find()
    pg.decide("missing")
    pg.declare(calendar=None)
    damaged = pg.rows

    (case,) = pg.correct()

    assert case.state is State.PENDING
    assert pg.rows == damaged


def test_what_was_corrected_at_any_time_is_not_corrected_again_by_itself(pg: Shop) -> None:
    """Row 3, row 8, row 3 again: the last time a person decides."""
    pg.declare(APPLIED)
    decided = []
    for row in (3, 8, 3):
        pg.target.run(f"DELETE FROM t WHERE id = {row}")
        decided.append(pg.find()["missing"].decided_by)
        pg.correct()
        pg.find()

    assert decided == ["policy", "policy", ""]


def test_a_comment_on_a_closed_case_hides_no_finding(pg: Shop) -> None:
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    pg.decide("missing")
    pg.correct()
    pg.find()
    pg.target.run(LOST)
    pg.judge()
    review.comment(pg.book, case, who="ana", note="well done", at=pg.now())
    pg.route()

    assert pg.case("missing").state is State.PENDING


def test_a_case_of_which_no_check_speaks_any_more_is_gone(pg: Shop) -> None:
    pg.target.run(ORPHANED)
    pg.find()
    pg.declare(checked=CHECKS[:3])

    assert pg.find() == {}
    assert pg.case("orphan").state is State.RESOLVED


def test_only_the_last_decision_is_undone(pg: Shop) -> None:
    """Monday's correction stays when Tuesday's is taken back."""
    for row in (3, 8):
        pg.target.run(f"DELETE FROM t WHERE id = {row}")
        pg.find()
        pg.decide("missing")
        pg.correct()
        pg.find()

    assert len(pg.undo("missing").changes) == 1
    assert [row[0] for row in pg.rows if row[0] in {3, 8}] == [3]


@pytest.mark.parametrize("name", ["", " ", "policy", "Recon", "a\nb", "x" * 101, "nul\0"])
def test_programs_and_nobody_decide_nothing(pg: Shop, name: str) -> None:
    pg.target.run(LOST)
    case = pg.find()["missing"].id
    with pytest.raises(DeclarationError, match="no person's name"):
        pg.say(Resolution(APPLY), case, who=name)


def test_a_kept_record_explains_no_more_than_its_own_share(pg: Shop) -> None:
    """Fifteen values drift within their rule, so that no record differs; the kept one does not explain their sum."""
    pg.declare(checked=[*CHECKS, checks.ColumnFigure("sum", "amount")], rules={"amount": Rule(abs=Decimal(2))})
    pg.target.run(INVENTED)
    pg.find()
    pg.decide("extra", KEEP)
    pg.correct()
    assert pg.find() == {}
    assert {finding.check for finding in pg.seen if finding.accepted} == {"count", "keys", "sum_amount"}

    pg.target.run("UPDATE t SET amount = amount + 1 WHERE id < 15")

    assert list(pg.find()) == ["sum_amount"]


def test_a_kept_record_explains_no_cent_besides(pg: Shop) -> None:
    """However large it is: sums of decimals are exact."""
    for side in (pg.sides.source, pg.target):
        side.run("ALTER TABLE t ALTER amount TYPE numeric(20,2)")
    pg.declare(checked=[*CHECKS, checks.ColumnFigure("sum", "amount")], rules={"amount": Rule(abs=Decimal(2))})
    pg.target.run(INVENTED.replace(" 1,", " 9000000000,"))
    pg.find()
    pg.decide("extra", KEEP)
    pg.correct()
    assert pg.find() == {}

    pg.target.run("UPDATE t SET amount = amount + 0.01 WHERE id = 14")

    assert list(pg.find()) == ["sum_amount"]


def test_a_value_whose_sign_is_turned_is_still_wrong(pg: Shop) -> None:
    """A credit booked as a debit: the case stays open, and what was kept waits again."""
    for side in (pg.sides.source, pg.target):
        side.run("ALTER TABLE t ALTER amount TYPE numeric(12,2)", "UPDATE t SET amount = 12.50 WHERE id = 5")
    pg.target.run("UPDATE t SET amount = 13 WHERE id = 5")
    assert list(pg.find()) == ["mismatched"]
    pg.target.run("UPDATE t SET amount = -12.50 WHERE id = 5")
    assert list(pg.find()) == ["mismatched"]

    pg.decide("mismatched", KEEP)
    pg.correct()
    assert pg.find() == {}
    pg.target.run("UPDATE t SET amount = 13 WHERE id = 5")

    assert pg.find()["mismatched"].reopened == 1
