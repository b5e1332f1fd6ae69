"""The sensor goes on: whatever people add in Dagster, however the tables change, however much is found at once."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from recon_assets import ledger, review
from recon_assets.model import AutoAction, Days, Decision, Policy, Project
from recon_assets.orchestration import review_sensor
from recon_assets.orchestration.review_sensor import Work, left
from recon_assets.orchestration.reviewing import CORRECT, JUDGE, SHOW
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.reviewed import MISSING, Shop, shop

LOSE = "DELETE FROM orders WHERE id IN (1, 4)"


@pytest.fixture
def orders(fresh: Fresh, durable: dg.DagsterInstance) -> Shop:
    """Both sides equal, nothing judged."""
    return shop(fresh, durable)


@pytest.fixture
def applying(fresh: Fresh, durable: dg.DagsterInstance) -> Shop:
    """The same, and what is missing comes back by itself."""
    return shop(fresh, durable, Policy(missing=AutoAction.APPLY))


def corrected(shop: Shop) -> None:
    """A day is corrected, and is to be judged again."""
    shop.run(shop.target, LOSE)
    assert shop.judge().success
    shop.work()
    shop.decide(MISSING, Decision.APPLY_SOURCE)
    request = next(request for request in shop.tick() if request.job_name == CORRECT)
    assert shop.execute(request).success


def with_days(project: Project, days: Days | None) -> Project:
    """The same, but for the days of the orders."""
    tables = {**project.tables, "orders": replace(project.tables["orders"], days=days)}
    return replace(project, tables=tables)


@pytest.mark.parametrize(
    "days",
    [
        pytest.param(None, id="no days any more"),
        pytest.param(Days("at", date(2025, 1, 3), date(2025, 1, 4)), id="begin later"),
        pytest.param(Days("at", date(2025, 1, 1), date(2025, 1, 2)), id="end sooner"),
    ],
)
def test_a_day_that_is_not_the_tables_any_more_is_not_waited_for(orders: Shop, days: Days | None) -> None:
    """No check of the table could ever judge it, so it would be asked for without end."""
    corrected(orders)
    now, changed = datetime.now(UTC), with_days(orders.project, days)

    with orders.book() as book:
        assert review.due(book, orders.project, now).check == (review.Look(MISSING.table, MISSING.window),)
        assert review.due(book, changed, now).check == ()
        assert left(orders.instance, book, changed, now).nothing


def test_what_dagster_has_lost_is_shown_anew(orders: Shop) -> None:
    """After `recon sync`; what it has not lost is not shown twice."""
    corrected(orders)
    orders.work()
    queue = dg.AssetKey("review_queue")
    orders.instance.wipe_assets([queue, dg.AssetKey("review_decisions")])
    orders.instance.delete_dynamic_partition("review_cases", str(MISSING))
    assert orders.work() == []

    for drawn in (1, 1):
        with orders.book() as book, book.begin() as c:
            assert ledger.note_unshown(c) == 1
        assert orders.execute(dg.RunRequest(job_name="show_cases")).success
        assert orders.undecided() == set()
        assert orders.partitions("review_queue") == {str(MISSING)}
        assert len(orders.instance.fetch_materializations(queue, limit=9).records) == drawn


def test_a_partition_that_somebody_has_added_by_hand_is_left_alone(
    orders: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's interface takes any name; partitions of cases that were closed long ago are deleted all the same."""
    corrected(orders)
    orders.work()
    orders.instance.add_dynamic_partitions("review_cases", ["hello", "a/b/c/d", f"{MISSING}#2", f"{MISSING}2"])
    monkeypatch.setattr(review_sensor, "KEPT_FOR", timedelta())

    assert orders.skipped() == "Nothing is to be done."

    assert set(orders.instance.get_dynamic_partitions("review_cases")) == {"hello", "a/b/c/d", f"{MISSING}2"}


def test_housekeeping_waits_for_work(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is to be done is asked for first, so that partitions that cannot be deleted hold nothing up."""
    corrected(orders)
    monkeypatch.setattr(review_sensor, "KEPT_FOR", timedelta())

    assert {request.job_name for request in orders.tick()} == {JUDGE}

    assert str(MISSING) in orders.instance.get_dynamic_partitions("review_cases")


def waiting(shop: Shop) -> int:
    """How many cases wait for a decision."""
    with shop.book() as book, book.begin() as connection:
        return ledger.counts(connection, ledger.Filter()).total


@pytest.mark.parametrize(("seconds", "cases"), [(0.0, [1, 2, 3]), (60.0, [3, 3, 3])])
def test_a_look_takes_no_longer_than_dagster_allows(
    orders: Shop, monkeypatch: pytest.MonkeyPatch, seconds: float, cases: list[int]
) -> None:
    """What was found at once is routed bit by bit; what there is no time for is left to the next look."""
    monkeypatch.setattr(review_sensor, "MOST_ROUTED", 1)
    monkeypatch.setattr(review_sensor, "ROUTING_SECONDS", seconds)
    for row in (1, 2, 3):  # each of another day
        orders.run(orders.target, f"DELETE FROM orders WHERE id = {row}")
        assert orders.judge().success

    found = []
    for _ in cases:
        orders.tick()
        found.append(waiting(orders))

    assert found == cases


def test_a_run_that_is_about_to_be_queued_is_under_way(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster makes a run first, and queues it after."""
    monkeypatch.setattr(review_sensor, "RETRY_PAUSE", timedelta())
    orders.run(orders.target, LOSE)
    assert orders.judge().success
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


def test_a_correction_shows_what_else_has_changed(orders: Shop) -> None:
    """Nobody asks for a run that shows beside it, nor while it is under way."""
    orders.run(orders.target, LOSE)
    assert orders.judge().success
    orders.work()
    orders.decide(MISSING, Decision.APPLY_SOURCE)
    (request,) = orders.tick()
    assert request.job_name == CORRECT
    run = begun(orders, CORRECT, dict(request.tags))

    assert orders.tick() == []

    ended(orders, run)
    assert orders.execute(request).success
    assert {each.job_name for each in orders.tick()} == {JUDGE}


def test_what_the_policy_decided_is_gathered_while_tables_are_loaded(applying: Shop) -> None:
    """Each run takes the time of those that load: one a minute will do, as nobody waits for it."""
    load = begun(applying, "load", {})
    applying.run(applying.target, LOSE)
    assert applying.judge().success
    (first,) = applying.tick()
    assert first.job_name == CORRECT
    assert applying.execute(first).success
    applying.run(applying.target, "DELETE FROM orders WHERE id = 2")
    assert applying.judge().success

    assert CORRECT not in {request.job_name for request in applying.tick()}

    ended(applying, load)
    assert CORRECT in {request.job_name for request in applying.tick()}


def test_what_a_person_decided_waits_for_no_load(orders: Shop) -> None:
    """However many runs are under way, and however lately one has corrected."""
    corrected(orders)
    orders.work()
    begun(orders, "load", {})
    orders.undo(MISSING)

    assert {request.job_name for request in orders.tick()} == {CORRECT}


def test_who_decides_does_not_wait_for_a_backfill() -> None:
    """Of many queued runs those of the review are started first, what was decided before what is judged again."""
    with dg.instance_for_test(overrides={"concurrency": {"runs": {"max_concurrent_runs": 3}}}) as instance:
        loads = [({"dagster/backfill": "year"}, "load")] * 5
        ours = [(dict(Work(job, ()).request.tags), job) for job in (JUDGE, SHOW, CORRECT)]
        place = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("tests"), "tests")
        for tags, job in (*loads, *ours):
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

    assert [run.job_name for run in started] == [SHOW, CORRECT, JUDGE]
