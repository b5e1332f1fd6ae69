"""The contract of every call into Dagster that is not public: when an upgrade breaks one, it breaks here."""

import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._daemon.daemon import BackfillDaemon

from recon_assets.orchestration import daemon, dagster_internals
from recon_assets.orchestration.dagster_internals import HOME_TAG
from recon_assets_tests.dagster.example import AIRLINES, Promise, Scripted, checked, days, failing, job
from recon_assets_tests.dagster.states import states

KEY = dg.AssetKey("flights")


def test_what_a_run_has_materialized(instance: dg.DagsterInstance) -> None:
    """Its own days, and nobody else's."""
    flow = job(Scripted(failing("2013-03-06")))
    first = flow.execute_in_process(instance=instance, tags=days("2013-03-05", "2013-03-06"), raise_on_error=False)
    flow.execute_in_process(instance=instance, tags=days("2013-03-09", "2013-03-09"))

    assert dagster_internals.materialized_by(instance, [first.run_id], KEY) == {"2013-03-05"}
    assert dagster_internals.materialized_by(instance, [first.run_id], dg.AssetKey("weather")) == frozenset()
    assert dagster_internals.materialized_by(instance, ["no such run"], KEY) == frozenset()


def test_what_a_run_has_materialized_of_a_table_without_days(instance: dg.DagsterInstance) -> None:
    """``all`` stands for the table."""
    run = job(Scripted(), AIRLINES).execute_in_process(instance=instance)

    assert dagster_internals.materialized_by(instance, [run.run_id], dg.AssetKey("airlines")) == {"all"}


def test_the_latest_materialization_of_each_day(instance: dg.DagsterInstance) -> None:
    """The newest wins; days that have none are left out."""
    for day, rows in (("2013-03-01", 1), ("2013-03-02", 2), ("2013-03-01", 3)):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day, metadata={"rows": rows}))

    found = dagster_internals.latest_materializations(instance, KEY, ["2013-03-01", "2013-03-02", "2013-03-03"])

    assert {day: event.metadata["rows"].value for day, event in found.items()} == {"2013-03-01": 3, "2013-03-02": 2}


def test_what_says_that_it_was_taken_back_counts_as_none(instance: dg.DagsterInstance) -> None:
    """Until something newer says otherwise; with days and without."""
    for day in ("2013-03-01", "2013-03-02"):
        instance.report_runless_asset_event(
            dg.AssetMaterialization(KEY, partition=day, tags=dagster_internals.TAKEN_BACK)
        )
    instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="2013-03-02"))
    instance.report_runless_asset_event(dg.AssetMaterialization("airlines", tags=dagster_internals.TAKEN_BACK))

    assert dagster_internals.taken_back(instance, KEY) == {"2013-03-01"}
    assert dagster_internals.materialized(instance, KEY, partitioned=True) == {"2013-03-02"}
    assert set(dagster_internals.latest_materializations(instance, KEY, ["2013-03-01", "2013-03-02"])) == {"2013-03-02"}
    assert dagster_internals.taken_back(instance, dg.AssetKey("airlines")) == {"all"}
    assert not dagster_internals.materialized(instance, dg.AssetKey("airlines"), partitioned=False)


def test_a_bookmark_is_kept(instance: dg.DagsterInstance) -> None:
    """Nought before it is set."""
    assert dagster_internals.bookmark(instance, "here") == 0
    for number in (7, 12):
        dagster_internals.set_bookmark(instance, "here", number)
    assert dagster_internals.bookmark(instance, "here") == 12


def test_the_latest_materialization_of_a_table_without_days(instance: dg.DagsterInstance) -> None:
    """Nothing at first, then the newest."""
    assert dagster_internals.latest_materializations(instance, dg.AssetKey("airlines"), ["all"]) == {}

    instance.report_runless_asset_event(dg.AssetMaterialization("airlines", metadata={"rows": 16}))

    assert set(dagster_internals.latest_materializations(instance, dg.AssetKey("airlines"), ["all"])) == {"all"}


def test_an_evaluation_points_at_the_newest_materialization(instance: dg.DagsterInstance) -> None:
    """Of each day, and of any day for a check of the whole table; only such an evaluation is current."""
    for day in ("2013-03-01", "2013-03-02", "2013-03-01"):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))
    newest = {
        record.partition_key: record.storage_id
        for record in instance.fetch_materializations(KEY, limit=3, ascending=True).records
    }

    found = dagster_internals.check_targets(instance, KEY, ["2013-03-01", "2013-03-02", "2013-03-03", "all"])

    assert {name: target.storage_id for name, target in found.items()} == {
        **newest,
        "all": newest["2013-03-01"],
    }
    assert dagster_internals.check_targets(instance, dg.AssetKey("weather"), ["2013-03-01", "all"]) == {}


@pytest.mark.parametrize("current", [True, False])
def test_an_evaluation_of_an_older_materialization_is_cleared(instance: dg.DagsterInstance, current: bool) -> None:  # noqa: FBT001 - pytest names it
    """That is why a day that is reported again must be judged again."""
    table = checked(Promise("count"))
    flow = job(Scripted(), table)
    flow.execute_in_process(instance=instance, tags=days("2013-03-01", "2013-03-01"))
    if not current:
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition="2013-03-01"))

    assert states(instance, table, "count") == ({"SUCCEEDED": {"2013-03-01"}} if current else {})


def test_a_check_is_evaluated_from_any_run_as_often_as_needed(instance: dg.DagsterInstance) -> None:
    """The run that corrects flips the status of days, though it is of no asset; the newest evaluation counts."""

    @dg.op
    def correct(context: dg.OpExecutionContext) -> None:
        for passed in (False, True, False):
            said = dg.AssetCheckEvaluation(KEY, "count", passed, {}, partition="2013-03-05")
            dagster_internals.log_evaluation(context, said)

    @dg.job
    def elsewhere() -> None:
        correct()

    for _ in range(2):
        assert elsewhere.execute_in_process(instance=instance).success

    assert states(instance, checked(Promise("count")), "count") == {"FAILED": {"2013-03-05"}}


def test_only_runs_of_this_home_are_given_up(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's run may well be alive; so may one that has not started, and one that a Celery worker does."""
    monkeypatch.setenv(dagster_internals.HOME_ID, "here")
    started = dg.DagsterRunStatus.STARTED
    served = {GRPC_INFO_TAG: "{}"}
    tags = {"ours": {HOME_TAG: "here", **served}, "theirs": {HOME_TAG: "there", **served}, "celery": {HOME_TAG: "here"}}
    for run_id, known in tags.items():
        instance.add_run(dg.DagsterRun("job", run_id, status=started, tags=known))

    assert dagster_internals.fail_abandoned_runs(instance) == ["ours"]
    assert {run.run_id: run.status for run in instance.get_runs()} == {
        "ours": dg.DagsterRunStatus.FAILURE,
        "theirs": started,
        "celery": started,
    }


def test_our_backfill_daemon_takes_the_place_of_dagsters() -> None:
    """All the other daemons are Dagster's own."""
    with dg.instance_for_test() as instance:
        found = list(daemon.daemons(instance))

    assert [type(each) for each in found if isinstance(each, BackfillDaemon)] == [daemon.PromptBackfillDaemon]
    assert {each.daemon_type() for each in found} == set(instance.get_required_daemon_types())


def test_connections_are_kept_once(postgres_url: str, tmp_path: Path) -> None:
    """A run of fifty tables asks fifty times, and has one pool."""
    url = postgres_url.replace("postgresql+psycopg:", "postgresql+psycopg2:")
    storage = {"storage": {"postgres": {"postgres_url": url}}, "telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(json.dumps(storage))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        pools = []
        for _ in range(3):
            dagster_internals.keep_connection(instance)
            pools.append(pool_of(instance))

    assert isinstance(pools[0], sa.QueuePool)
    assert pools[0] is pools[1] is pools[2]


def pool_of(instance: dg.DagsterInstance) -> Any:
    """What the event log takes its connections from."""
    storage: Any = instance.event_log_storage
    return getattr(storage, "_event_log_storage", storage)._engine.pool


def test_every_mutation_asks_for_a_permission() -> None:
    """So that who may only look changes nothing; the first asks for that of each run, the others change nothing."""
    mutations = import_module("dagster_graphql.schema").create_schema().graphql_schema.mutation_type.fields
    asking = {
        name for name, field in mutations.items() if "permission" in inspect.getsource(inspect.unwrap(field.resolve))
    }
    assert set(mutations) - asking == {"launchMultipleRuns", "logTelemetry", "setNuxSeen"}
