"""From wrong rows to a queue, a decision, a correction and a green day, in Dagster."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import pytest

from recon_assets import ledger, review
from recon_assets.errors import DeclarationError, ReconError, RefusedError
from recon_assets.model import CaseEventType, CaseId, Database, Decision, State
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.review_run import correct_job
from recon_assets.orchestration.reviewing import refuse_strangers
from recon_assets.review import PERSON_TAG
from recon_assets.review.people import user
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.reviewed import MISSING, WRONG, Shop, shop
from recon_assets_tests.dagster.states import said, states

QUEUE, DECISIONS = "review_queue", "review_decisions"
LOSE = "DELETE FROM orders WHERE id IN (1, 4)"
SPOIL = "UPDATE orders SET amount = 0 WHERE id IN (7, 10)"


@pytest.fixture
def orders(fresh: Fresh, durable: dg.DagsterInstance) -> Shop:
    """Both sides equal, nothing judged."""
    return shop(fresh, durable)


def damage(shop: Shop, *statements: str) -> None:
    """Make the target wrong, and have the checks find it."""
    shop.run(shop.target, *statements)
    assert shop.judge().success


def failed(shop: Shop, check: str) -> set[str]:
    """The days on which a check is red."""
    return states(shop.instance, shop.project.tables["orders"], check).get("FAILED", set())


def test_wrong_rows_are_one_case_a_kind_however_many_checks_fail(orders: Shop) -> None:
    """Two checks fail for the lost rows and one for the spoilt ones: two partitions, both undecided."""
    damage(orders, LOSE, SPOIL)

    assert orders.work() == []

    assert orders.partitions(QUEUE) == {str(MISSING), str(WRONG)} == orders.undecided()
    event = orders.instance.get_latest_materialization_event(dg.AssetKey(QUEUE))
    assert event
    assert event.asset_materialization
    seen = event.asset_materialization.metadata
    assert seen["state"].value == "PENDING"
    assert seen["wrong"].value == 2
    assert str(seen["page"].value).startswith("/review/case/orders/2025-01-02/")
    assert "**" in str(seen["evidence"].value)


def test_a_decision_is_carried_out_and_the_day_is_green(orders: Shop) -> None:
    """By one run: the rows are the source's, every check of the day is green, the case is decided, nothing is left."""
    damage(orders, LOSE)
    orders.work()
    assert failed(orders, "count") == {MISSING.window}

    orders.decide(MISSING, Decision.APPLY_SOURCE)
    assert orders.work() == ["recon_correct_cases"]

    assert orders.case(MISSING).state is State.APPLIED
    assert orders.orders(orders.target) == orders.orders(orders.source)
    assert failed(orders, "count") == failed(orders, "keys") == set()
    assert orders.undecided() == set()
    assert orders.skipped() == "Nothing is to be done."
    assert orders.instance.get_latest_materialization_event(dg.AssetKey("orders")) is None


def test_a_decision_that_failed_is_decided_and_its_run_is_red(orders: Shop) -> None:
    """The row has moved on: the case waits in the next partition, and only that one is missing."""
    damage(orders, SPOIL)
    orders.work()
    orders.decide(WRONG, Decision.APPLY_SOURCE)
    orders.run(orders.target, "UPDATE orders SET amount = 1 WHERE id = 7")

    result = orders.execute(*orders.tick())

    assert "are not what was decided on any more" in failure(result, "recon_correct")
    assert orders.case(WRONG).state is State.PENDING
    assert orders.tick() == []
    assert orders.undecided() == {f"{WRONG}#2"}
    assert str(WRONG) in orders.partitions(DECISIONS)


def test_undone_and_red_again(orders: Shop) -> None:
    """A run rolls back what was applied, and the day is judged again; the case is decided anew."""
    damage(orders, LOSE)
    orders.work()
    before = orders.orders(orders.target)
    orders.decide(MISSING, Decision.APPLY_SOURCE)
    orders.work()

    orders.undo(MISSING)
    orders.work()

    assert orders.orders(orders.target) == before
    assert failed(orders, "count") == {MISSING.window}
    assert orders.case(MISSING).state is State.PENDING
    assert orders.undecided() == {f"{MISSING}#2"}


def test_a_kept_difference_is_an_accepted_one(orders: Shop) -> None:
    """The day's checks pass, saying who accepted it and why, and nothing is written."""
    damage(orders, LOSE)
    orders.work()
    before = orders.orders(orders.target)

    orders.decide(MISSING, Decision.KEEP_TARGET, note="sold elsewhere")
    orders.work()

    assert orders.case(MISSING).state is State.ACCEPTED
    assert orders.orders(orders.target) == before
    assert failed(orders, "keys") == set()
    event = said(orders.instance, orders.project.tables["orders"], "keys")[MISSING.window]
    assert event.passed
    assert "ana: sold elsewhere" in str(event.metadata["accepted"].value)
    assert orders.undecided() == set()


def test_a_kept_difference_stays_accepted_when_judged_again(orders: Shop) -> None:
    """It opens no case until its values change."""
    damage(orders, SPOIL)
    orders.work()
    orders.decide(WRONG, Decision.KEEP_TARGET, note="known")
    orders.work()

    assert orders.judge().success
    assert orders.work() == []
    assert failed(orders, "fields") == set()

    damage(orders, "UPDATE orders SET amount = 1 WHERE id = 7")
    orders.work()
    assert orders.case(WRONG).state is State.PENDING
    assert orders.undecided() == {f"{WRONG}#2"}


def test_decided_by_hand_in_the_launchpad(orders: Shop) -> None:
    """Materializing the missing partition with a config decides; the correction follows."""
    damage(orders, LOSE)
    orders.work()

    result = orders.materialize(DECISIONS, str(MISSING), decision="APPLY_SOURCE", reviewer="ben")

    assert result.success
    assert orders.case(MISSING).decided_by == "ben"
    orders.work()
    assert orders.case(MISSING).state is State.APPLIED


def test_a_dry_run_in_the_launchpad_decides_nothing(orders: Shop) -> None:
    """It shows every row that would be written, and the partition stays missing."""
    damage(orders, LOSE)
    orders.work()

    result = orders.materialize(DECISIONS, str(MISSING), decision="APPLY_SOURCE", reviewer="ben", dry_run=True)

    assert result.success
    (event,) = [event for event in result.all_events if event.is_asset_observation]
    seen = event.asset_observation_data.asset_observation.metadata
    assert seen["rows"].value == 2
    assert orders.case(MISSING).state is State.PENDING
    assert orders.undecided() == {str(MISSING)}


def failure(result: dg.ExecuteInProcessResult, op: str = f"recon_{DECISIONS}") -> str:
    """What a failed run says."""
    assert not result.success
    found = result.failure_data_for_node(op)
    assert found
    return str(found.error)


def test_a_case_that_does_not_exist_names_those_that_do(orders: Shop) -> None:
    """Dagster takes any key; the run says what there is to decide."""
    damage(orders, LOSE)
    orders.work()
    orders.instance.add_dynamic_partitions("recon_cases", ["orders/2025-01-03/extra"])

    result = orders.materialize(DECISIONS, "orders/2025-01-03/extra", decision="APPLY_SOURCE", reviewer="ben")

    assert f"there is no such case; of those that wait: {MISSING}" in failure(result)


def test_the_launchpad_does_not_decide_where_people_log_in(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes any name for true."""
    monkeypatch.setattr(Shop, "environ", {"RECON_LEDGER_URL": orders.ledger, "RECON_WEB_USERS": "ana:x"})
    damage(orders, LOSE)
    orders.work()

    result = orders.materialize(DECISIONS, str(MISSING), decision="APPLY_SOURCE", reviewer="ben")

    assert "RECON_WEB_USERS is set" in failure(result)
    assert orders.case(MISSING).state is State.PENDING
    with pytest.raises(RefusedError, match="ana has logged in"):
        refuse_strangers({}, {PERSON_TAG: "ana"}, "ana")  # wherever the run is, and whatever is set there
    with pytest.raises(DeclarationError, match="reviewer ben: by RECON_REVIEWERS you, as the user"):
        refuse_strangers({"RECON_REVIEWERS": f"{user()}:ana"}, {}, "ben")
    refuse_strangers({"RECON_REVIEWERS": f"{user()}:ana"}, {}, "ana")


def test_what_agrees_again_by_itself_is_no_open_question(orders: Shop) -> None:
    """The case is gone, and its partition is not missing any more."""
    damage(orders, SPOIL)
    orders.work()

    damage(orders, "UPDATE orders SET amount = id * 10")
    orders.work()

    assert orders.case(WRONG).state is State.RESOLVED
    assert orders.undecided() == set()


def test_the_evidence_of_a_case_can_be_seen_again(orders: Shop) -> None:
    """By materializing it in the queue."""
    damage(orders, LOSE)
    orders.work()

    result = orders.materialize(QUEUE, str(MISSING))

    assert result.success
    (event,) = result.asset_materializations_for_node(f"recon_{QUEUE}")
    table = event.metadata["records"]
    assert isinstance(table, dg.TableMetadataValue)
    assert {record.data["key"] for record in table.records} == {"1", "4"}


def test_tables_without_days_have_cases_too(orders: Shop) -> None:
    """Their day is `all`."""
    orders.run(orders.target, "DELETE FROM customers WHERE id = 5")
    assert orders.judge("customers").success
    orders.work()
    case = CaseId("customers", "all", "missing")

    orders.decide(case, Decision.APPLY_SOURCE)
    orders.work()

    assert orders.case(case).state is State.APPLIED
    assert states(orders.instance, orders.project.tables["customers"], "count") == {"SUCCEEDED": {"all"}}


def test_a_ledger_that_does_not_answer_or_fit_fails_the_tick(
    orders: Shop, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    """Red, with the sentence; the next tick tries again. Nothing is made in a database that holds none."""
    for url, why in (
        ("postgresql://nobody@127.0.0.1:1/none", "^ledger: "),
        (postgres_url, "its schema is not there yet; run `recon ledger upgrade`"),
    ):
        monkeypatch.setattr(Shop, "environ", {"RECON_LEDGER_URL": url})
        vars(orders).pop("repository", None)
        with pytest.raises(ReconError, match=why):
            orders.skipped()


def test_without_a_ledger_a_run_says_what_to_set(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is judged that could not be remembered."""
    monkeypatch.setattr(Shop, "environ", {})

    with pytest.raises(DeclarationError, match="RECON_LEDGER_URL is not set"):
        orders.skipped()
    assert "RECON_LEDGER_URL is not set" in failure(orders.judge(), "recon_load_orders")


def test_cases_of_a_table_that_is_not_declared_any_more_are_shown_no_more(orders: Shop) -> None:
    """Nothing is drawn of them, and nobody asks for it for ever."""
    damage(orders, LOSE)
    with orders.book() as book:
        review.route(book, orders.project, datetime.now(UTC))

    orders.project = replace(orders.project, tables={"customers": orders.project.tables["customers"]})
    del orders.repository

    assert orders.work() == []
    assert orders.partitions(QUEUE) == set()
    assert orders.skipped() == "Nothing is to be done."


def test_a_case_that_cannot_be_undone_keeps_no_other_from_it(orders: Shop) -> None:
    """Whoever asked for it is told why, and all the others are brought to their end."""
    other = CaseId("customers", "all", "missing")
    damage(orders, LOSE, "DELETE FROM customers WHERE id = 5")
    orders.work()
    assert orders.judge("customers").success
    orders.work()
    for case in (MISSING, other):
        orders.decide(case, Decision.APPLY_SOURCE)
    orders.work()
    for case in (MISSING, other):
        orders.undo(case)
    orders.run(orders.target, "ALTER TABLE orders RENAME TO elsewhere")

    (request,) = orders.tick()
    assert orders.execute(request).success

    with orders.book() as book, book.begin() as connection:
        answer = ledger.events(connection, MISSING)[-1]
        undone = {event.act for event in ledger.events(connection, other)}
        assert ledger.cases_to_undo(connection) == []
    assert (answer.act, "there is no such table" in answer.note) == (CaseEventType.REFUSED, True), answer.note
    assert CaseEventType.ROLLED_BACK in undone


def test_corrections_count_in_the_pools_of_all_that_they_read(orders: Shop) -> None:
    """As loads and checks do, each in that of its source; Dagster counts a run in the pools of all its ops."""
    tables = orders.project.tables
    spec = tables["orders"]
    other = replace(spec, name="others", source=replace(spec.source, database="other-one"))
    databases = {**orders.project.databases, "other-one": Database("other-one", orders.source)}
    both = replace(orders.project, databases=databases, tables={**tables, "others": other})
    found = correct_job(Connections(both, {})).nodes
    assert set().union(*(node.definition.pools for node in found)) == {
        f"recon_{spec.source.database}",
        "recon_other_one",
    }
