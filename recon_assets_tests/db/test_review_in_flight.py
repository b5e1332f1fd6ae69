"""Records that are too young to count: they close no case, and are looked at again."""

from datetime import timedelta

import pytest

from recon_assets import checks, ledger, review
from recon_assets.diff import window_comparison
from recon_assets.model import Decision, State
from recon_assets_tests.db.reviewed import DAY, ROWS, Shop

LOST, DRIFTED = "DELETE FROM t WHERE id = 3", "UPDATE t SET amount = 999, note = NULL WHERE id = 5"
LOOK = review.Recheck("t", DAY, records=True)


@pytest.fixture
def pg(pg: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Equal tables on PostgreSQL, whose rows are all old; nothing arrives while they are read again."""
    monkeypatch.setattr(window_comparison, "PAUSE", timedelta(milliseconds=10))
    pg.declare(updated_at="at", grace_period=timedelta(minutes=1))
    return pg


def touched(pg: Shop, days: int = 30) -> None:
    """All rows count as touched a moment ago, or long ago again."""
    pg.declare(grace_period=timedelta(days=days))


def looks(pg: Shop) -> tuple[review.Recheck, ...]:
    """The windows to be judged again."""
    return review.due(pg.book, pg.project, pg.now()).recheck


def causes(pg: Shop) -> object:
    """What tells the sensor whether it has asked for that already."""
    with pg.book.begin() as connection:
        return ledger.causes(connection, [("t", DAY)])


def test_a_case_waits_while_its_records_are_in_flight(pg: Shop) -> None:
    """They may be wrong or not: its window is looked at until that is known."""
    pg.target.run(LOST)
    pg.find()
    touched(pg)

    assert pg.find()["missing"].state is State.PENDING
    assert looks(pg) == (LOOK,)
    why = causes(pg)
    assert pg.find(records=True)["missing"].state is State.PENDING
    assert looks(pg) == (LOOK,)
    assert causes(pg) == why, "else it would be looked at without a pause"

    pg.target.fill("t", ROWS[3:4])
    assert pg.find(records=True) == {}
    assert pg.case("missing").state is State.RESOLVED
    assert looks(pg) == ()


def test_a_figure_that_records_in_flight_may_explain_is_no_case_yet(pg: Shop) -> None:
    pg.target.run(LOST)
    touched(pg)

    assert pg.find("count", records=True) == {}
    assert looks(pg) == (LOOK,)

    touched(pg, days=1)
    assert list(pg.find("count", records=True)) == ["missing"]
    assert looks(pg) == ()


def test_records_in_flight_of_which_nothing_was_said_are_left_to_the_next_check(pg: Shop) -> None:
    """A table that never rests is not compared without end."""
    pg.declare(checked=(checks.Keys(),))
    pg.target.run(LOST)
    touched(pg)

    assert pg.find() == {}
    assert looks(pg) == ()


@pytest.mark.parametrize("decision", [Decision.APPLY_SOURCE, Decision.CUSTOM_FIX])
def test_what_was_decided_of_records_that_are_in_flight_since_is_done(pg: Shop, decision: Decision) -> None:
    """They are what was decided on, so they are written and looked at as they are, and not passed over."""
    pg.target.run(DRIFTED, LOST)
    pg.find()
    (record,) = pg.records("mismatched")
    fixed = decision is Decision.CUSTOM_FIX
    pg.decide("mismatched", decision, values={record.id: {"amount": 51}} if fixed else {})
    touched(pg)

    pg.correct("mismatched")

    assert pg.case("mismatched").state is State.APPLIED
    assert [row[3] for row in pg.rows if row[0] == record.discrepancy.key[0]] == [51 if fixed else 50]
    assert pg.find()["missing"].state is State.PENDING
    assert "mismatched" not in pg.open()


def test_a_record_that_became_another_while_in_flight_is_not_written(pg: Shop) -> None:
    pg.target.run(DRIFTED)
    pg.find()
    pg.decide("mismatched")
    pg.target.run("UPDATE t SET amount = 1000 WHERE id = 5")
    touched(pg)

    pg.correct("mismatched")

    assert pg.case("mismatched").state is State.PENDING
    assert [row[3] for row in pg.rows if row[0] == 5] == [1000]
