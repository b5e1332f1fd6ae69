"""The contract of every call into Dagster that is not public: when an upgrade breaks one, it breaks here."""

import dagster as dg
import pytest
from dagster._daemon.daemon import BackfillDaemon

from recon_assets.orchestration import adapter
from recon_assets_tests.dagster.example import AIRLINES, Scripted, days, failing, job

KEY = dg.AssetKey("flights")


def test_what_a_run_has_materialized(instance: dg.DagsterInstance) -> None:
    """Its own days, and nobody else's."""
    flow = job(Scripted(failing("2013-03-06")))
    first = flow.execute_in_process(instance=instance, tags=days("2013-03-05", "2013-03-06"), raise_on_error=False)
    flow.execute_in_process(instance=instance, tags=days("2013-03-09", "2013-03-09"))

    assert adapter.materialized_by(instance, [first.run_id], KEY) == {"2013-03-05"}
    assert adapter.materialized_by(instance, [first.run_id], dg.AssetKey("weather")) == frozenset()
    assert adapter.materialized_by(instance, ["no such run"], KEY) == frozenset()


def test_what_a_run_has_materialized_of_a_table_without_days(instance: dg.DagsterInstance) -> None:
    """``all`` stands for the table."""
    run = job(Scripted(), AIRLINES).execute_in_process(instance=instance)

    assert adapter.materialized_by(instance, [run.run_id], dg.AssetKey("airlines")) == {"all"}


def test_the_latest_materialization_of_each_day(instance: dg.DagsterInstance) -> None:
    """The newest wins; days that have none are left out."""
    for day, rows in (("2013-03-01", 1), ("2013-03-02", 2), ("2013-03-01", 3)):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day, metadata={"rows": rows}))

    found = adapter.latest_materializations(instance, KEY, ["2013-03-01", "2013-03-02", "2013-03-03"])

    assert {day: event.metadata["rows"].value for day, event in found.items()} == {"2013-03-01": 3, "2013-03-02": 2}


def test_the_latest_materialization_of_a_table_without_days(instance: dg.DagsterInstance) -> None:
    """Nothing at first, then the newest."""
    assert adapter.latest_materializations(instance, dg.AssetKey("airlines"), ["all"]) == {}

    instance.report_runless_asset_event(dg.AssetMaterialization("airlines", metadata={"rows": 16}))

    assert set(adapter.latest_materializations(instance, dg.AssetKey("airlines"), ["all"])) == {"all"}


def test_only_runs_of_this_home_are_given_up(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's run may well be alive; so may one that has not started."""
    monkeypatch.setenv("DAGSTER_HOME", "/here")
    started = dg.DagsterRunStatus.STARTED
    tags = {"ours": adapter.home(), "theirs": "elsewhere:/there"}
    for run_id, home in tags.items():
        instance.add_run(dg.DagsterRun("job", run_id, status=started, tags={adapter.HOME_TAG: home}))

    assert adapter.fail_abandoned_runs(instance) == ["ours"]
    assert {run.run_id: run.status for run in instance.get_runs()} == {
        "ours": dg.DagsterRunStatus.FAILURE,
        "theirs": started,
    }


def test_our_backfill_daemon_takes_the_place_of_dagsters() -> None:
    """All the other daemons are Dagster's own."""
    with dg.instance_for_test() as instance:
        found = list(adapter.daemons(instance))

    assert [type(daemon) for daemon in found if isinstance(daemon, BackfillDaemon)] == [adapter.PromptBackfillDaemon]
    assert {daemon.daemon_type() for daemon in found} == set(instance.get_required_daemon_types())
