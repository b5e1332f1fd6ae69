"""Executors that a team may have: Dagster's default, which gives each table a process of its own, and Celery's."""

import dagster as dg
import pytest
from celery.contrib.testing.worker import start_worker
from dagster_celery import celery_executor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from recon_assets.orchestration.assets import table
from recon_assets_tests.dagster.example import (
    AIRLINES,
    CONNECTIONS,
    Promise,
    Scripted,
    Verdicts,
    checked,
    days,
    failing,
)
from recon_assets_tests.dagster.states import states

BAD_DAY, RED_DAY = "2013-03-06", "2013-03-07"
FLIGHTS = checked(Promise("keys"))


def two_tables(executor: dg.ExecutorDefinition | None = None) -> dg.JobDefinition:
    """A job of two tables, in which one day fails and one does not pass."""
    sides, judge = Scripted(failing(BAD_DAY)), Verdicts({("keys", RED_DAY)})
    assets = [table(spec, CONNECTIONS, sides.reach(), lambda _: judge) for spec in (FLIGHTS, AIRLINES)]
    return dg.Definitions(assets, jobs=[dg.define_asset_job("load")], executor=executor).resolve_job_def("load")


def by_default() -> dg.JobDefinition:
    """It, where nothing of ours says which executor."""
    return two_tables()


def by_celery() -> dg.JobDefinition:
    """The same by Celery's executor."""
    return two_tables(celery_executor)


def check_outcome(done: dg.JobExecutionResult, instance: dg.DagsterInstance) -> None:
    """Days are reported as they commit, with a status each, and what fails in one table stops no other."""
    assert not done.success
    assert len({event.step_key for event in done.all_events if event.is_step_start}) == 2
    assert instance.get_materialized_partitions(dg.AssetKey("flights")) == {"2013-03-05", RED_DAY}
    assert instance.get_latest_materialization_event(dg.AssetKey("airlines"))
    assert states(instance, FLIGHTS, "keys") == {
        "SUCCEEDED": {"2013-03-05"},
        "FAILED": {RED_DAY},
        "EXECUTION_FAILED": {BAD_DAY},
    }


def test_each_table_in_a_process_of_its_own(durable: dg.DagsterInstance) -> None:
    """That is Dagster's default."""
    tags = days("2013-03-05", RED_DAY)
    with dg.execute_job(dg.reconstructable(by_default), durable, tags=tags, raise_on_error=False) as done:
        check_outcome(done, durable)


@pytest.mark.usefixtures("own_logging")
@pytest.mark.filterwarnings("ignore:.*ask name")  # dagster-celery makes its task anew for each step
def test_each_table_on_a_worker(durable: dg.DagsterInstance) -> None:
    """Celery's executor sends the tables of a run to workers; here one in memory."""
    celery = {"broker": "memory://steps", "backend": "cache+memory://"}
    app = make_app({**celery, "task_default_queue": "dagster"})  # type: ignore[no-untyped-call]
    create_task(app)  # type: ignore[no-untyped-call]
    config = {"execution": {"config": celery}}
    with (
        start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=60),
        dg.execute_job(
            dg.reconstructable(by_celery), durable, config, tags=days("2013-03-05", RED_DAY), raise_on_error=False
        ) as done,
    ):
        check_outcome(done, durable)
    app.close()
