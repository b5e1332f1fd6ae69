"""The sensor goes on: whatever people add in Dagster, however the tables change, however much is found at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from recon_assets import ledger, review
from recon_assets.checks import Schema
from recon_assets.model import AutoAction, Calendar, Decision, Policy, Project, State
from recon_assets.orchestration import review_run, review_sensor
from recon_assets.orchestration.review_run import ReviewRun
from recon_assets.orchestration.review_sensor import left
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.reviewed import DAYS, MISSING, WRONG, Shop, shop
from recon_assets_tests.dagster.states import states

CORRECT = "recon_correct_cases"

LOSE = "DELETE FROM orders WHERE id IN (1, 4)"
SPOIL = "UPDATE orders SET amount = 0 WHERE id IN (7, 10)"


@pytest.fixture
def orders(fresh: Fresh, durable: dg.DagsterInstance) -> Shop:
    """Both sides equal, nothing judged."""
    return shop(fresh, durable)


@pytest.fixture
def applying(fresh: Fresh, durable: dg.DagsterInstance) -> Shop:
    """The same, and what is missing comes back by itself."""
    return shop(fresh, durable, Policy(missing=AutoAction.APPLY))


def decided(shop: Shop) -> None:
    """Rows are lost, and a person has decided that they shall come back."""
    shop.run(shop.target, LOSE)
    assert shop.judge().success
    shop.work()
    shop.decide(MISSING, Decision.APPLY_SOURCE)


def corrected(shop: Shop) -> None:
    """They have come back."""
    decided(shop)
    assert shop.work() == [CORRECT]


def changed(shop: Shop, window: str = MISSING.window) -> None:
    """A window is to be judged again."""
    with shop.book() as book, book.begin() as connection:
        ledger.note_changed(connection, "orders", window)


def with_days(project: Project, days: Calendar | None) -> Project:
    """The same, but for the days of the orders."""
    tables = {**project.tables, "orders": replace(project.tables["orders"], calendar=days)}
    return replace(project, tables=tables)


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(None, id="no days any more"),
        pytest.param(Calendar("at", date(2025, 1, 3), date(2025, 1, 4)), id="begin later"),
        pytest.param(Calendar("at", date(2025, 1, 1), date(2025, 1, 2)), id="end sooner"),
    ],
)
def test_a_day_that_is_not_the_tables_any_more_is_not_waited_for(orders: Shop, days: Calendar | None) -> None:
    """No check of the table could ever judge it, so it would be asked for without end."""
    changed(orders)
    now, other = datetime.now(UTC), with_days(orders.project, days)

    with orders.book() as book:
        assert review.due(book, orders.project, now).recheck == (review.Recheck(MISSING.table, MISSING.window),)
        assert review.due(book, other, now).recheck == ()
        assert left(orders.instance, book, other, now).nothing


def test_what_dagster_has_lost_is_shown_anew(orders: Shop) -> None:
    """After `recon sync`; what it has not lost is not shown twice."""
    corrected(orders)
    queue = dg.AssetKey("review_queue")
    orders.instance.wipe_assets([queue, dg.AssetKey("review_decisions")])
    orders.instance.delete_dynamic_partition("recon_cases", str(MISSING))
    assert orders.work() == []

    for drawn in (1, 1):
        with orders.book() as book, book.begin() as c:
            assert ledger.note_unshown(c) == 1
        assert orders.skipped() == "Shown: 1 case."
        assert orders.undecided() == set()
        assert orders.partitions("review_queue") == {str(MISSING)}
        assert len(orders.instance.fetch_materializations(queue, limit=9).records) == drawn


def test_a_partition_that_somebody_has_added_by_hand_is_left_alone(
    orders: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's interface takes any name; partitions of cases that were closed long ago are deleted all the same."""
    corrected(orders)
    orders.instance.add_dynamic_partitions("recon_cases", ["hello", "a/b/c/d", f"{MISSING}#2", f"{MISSING}2"])
    monkeypatch.setattr(review_sensor, "KEPT_FOR", timedelta())

    assert orders.skipped() == "Nothing is to be done."

    assert set(orders.instance.get_dynamic_partitions("recon_cases")) == {"hello", "a/b/c/d", f"{MISSING}2"}


def test_housekeeping_waits_for_work(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be done is asked for first, so that partitions that cannot be deleted hold nothing up."""
    corrected(orders)
    changed(orders)
    monkeypatch.setattr(review_sensor, "KEPT_FOR", timedelta())

    assert [request.job_name for request in orders.tick()] == [CORRECT]

    assert str(MISSING) in orders.instance.get_dynamic_partitions("recon_cases")


def waiting(shop: Shop) -> int:
    """How many cases wait for a decision."""
    with shop.book() as book, book.begin() as connection:
        return ledger.counts(connection, ledger.Filter()).total


@pytest.mark.parametrize(("seconds", "cases"), [(0.0, [1, 2, 3]), (60.0, [3, 3, 3])])
def test_a_look_takes_no_longer_than_dagster_allows(
    orders: Shop, monkeypatch: pytest.MonkeyPatch, seconds: float, cases: list[int]
) -> None:
    """What was found at once is routed bit by bit; what there is no time for is left to the next look."""
    monkeypatch.setattr(review_sensor, "MAX_ROUTED_AT_ONCE", 1)
    monkeypatch.setattr(review_sensor, "SECONDS_EACH", seconds)
    for row in (1, 2, 3):  # each of another day
        orders.run(orders.target, f"DELETE FROM orders WHERE id = {row}")
        assert orders.judge().success

    found = []
    for _ in cases:
        assert orders.tick() == []
        found.append(waiting(orders))

    assert found == cases
    assert len(orders.partitions("review_queue")) == (3 if seconds else 0)
    monkeypatch.undo()
    assert orders.work() == []
    assert len(orders.partitions("review_queue")) == 3
    assert [run.job_name for run in orders.instance.get_runs()] == ["__ASSET_JOB"] * 3  # to show them takes no run


def test_a_run_that_is_about_to_be_queued_is_under_way(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster makes a run first, and queues it after."""
    monkeypatch.setattr(review_sensor, "RETRY_PAUSE", timedelta())
    decided(orders)
    (request,) = orders.tick()
    job = orders.repository.get_job(str(request.job_name))
    orders.instance.create_run_for_job(job, tags=dict(request.tags), status=dg.DagsterRunStatus.NOT_STARTED)

    assert orders.tick() == []


def begun(shop: Shop, job: str, tags: dict[str, str]) -> str:
    """A run that is under way."""
    run = create_run_for_test(shop.instance, job_name=job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    return str(run.run_id)


def ended(shop: Shop, run_id: str) -> None:
    """A run that was under way is not."""
    run = shop.instance.get_run_by_id(run_id)
    assert run
    shop.instance.report_run_canceled(run)


def test_what_is_decided_while_a_run_is_under_way_is_done_by_it(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it judges what is left; nothing of it is tried twice."""
    orders.run(orders.target, SPOIL)
    decided(orders)
    recheck, rechecked = ReviewRun.recheck, list[tuple[review.Recheck, ...]]()

    def deciding(run: ReviewRun, windows: Sequence[review.Recheck]) -> None:
        if not rechecked:
            orders.decide(WRONG, Decision.APPLY_SOURCE)
        rechecked.append(tuple(windows))
        recheck(run, windows)

    monkeypatch.setattr(ReviewRun, "recheck", deciding)

    assert orders.work()[0] == CORRECT

    assert orders.case(WRONG).state is State.APPLIED
    assert orders.orders(orders.target) == orders.orders(orders.source)
    assert rechecked[-1] == ()


def test_a_run_judges_for_so_long_and_leaves_the_rest_to_the_next(
    orders: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a place in the pools of all sources; what was decided is done however long it takes."""
    decided(orders)
    changed(orders, DAYS[0])
    (request,) = orders.tick()
    monkeypatch.setattr(review_run, "RECHECK_SECONDS", -1.0)

    assert orders.execute(request).success

    assert orders.case(MISSING).state is State.APPLIED
    with orders.book() as book:
        days = {each.window for each in review.due(book, orders.project, datetime.now(UTC)).recheck}
    assert days == {DAYS[0], MISSING.window}


def test_a_check_of_the_whole_table_is_judged_again_without_its_days(orders: Shop) -> None:
    """And once for all that is due of the table; what the days' checks said stays as it is."""
    declared = orders.project.tables["orders"]
    spec = replace(declared, checks=(*declared.checks, Schema()))
    orders.project = replace(orders.project, tables={**orders.project.tables, "orders": spec})
    changed(orders, "all")

    assert orders.work() == [CORRECT]

    assert states(orders.instance, spec, "schema") == {"SUCCEEDED": {"all"}}
    assert states(orders.instance, spec, "count") == {}
    with orders.book() as book:
        assert review.due(book, orders.project, datetime.now(UTC)).nothing


def test_what_the_policy_decided_is_gathered_while_tables_are_loaded(applying: Shop) -> None:
    """Each run takes the time of those that load: one a minute will do, as nobody waits for it."""
    load = begun(applying, "load", {})
    applying.run(applying.target, LOSE)
    assert applying.judge().success
    (first,) = applying.tick()
    assert applying.execute(first).success
    applying.run(applying.target, "DELETE FROM orders WHERE id = 2")
    assert applying.judge().success

    assert applying.tick() == []

    ended(applying, load)
    assert [request.job_name for request in applying.tick()] == [CORRECT]


def test_what_a_person_decided_waits_for_no_load(orders: Shop) -> None:
    """However many runs are under way, and however lately one has corrected."""
    corrected(orders)
    begun(orders, "load", {})
    orders.undo(MISSING)

    assert [request.job_name for request in orders.tick()] == [CORRECT]


def test_who_decides_does_not_wait_for_a_backfill(orders: Shop) -> None:
    """Of many queued runs that of the review is started first."""
    decided(orders)
    (request,) = orders.tick()
    with dg.instance_for_test(overrides={"concurrency": {"runs": {"max_concurrent_runs": 1}}}) as instance:
        place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "tests")
        for tags, job in [({"dagster/backfill": "year"}, "load")] * 3 + [(dict(request.tags), CORRECT)]:
            create_run_for_test(
                instance,
                job_name=job,
                tags=tags,
                status=dg.DagsterRunStatus.QUEUED,
                remote_job_origin=place.get_job_origin(job),
                job_code_origin=None,
            )

        daemon = QueuedRunCoordinatorDaemon(interval_seconds=1)
        started = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), fixed_iteration_time=None)

    assert [run.job_name for run in started] == [CORRECT]
