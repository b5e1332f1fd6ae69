"""Checks in runs: a status for each day, from runs that load and from runs of checks alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from recon_assets.errors import UnavailableError
from recon_assets.model import Finding, Loaded, TableSpec, Window
from recon_assets.orchestration.loading import LoadConfig
from recon_assets_tests.dagster.example import (
    AIRLINES,
    Promise,
    Scripted,
    Verdicts,
    checked,
    config,
    days,
    failing,
    job,
)
from recon_assets_tests.dagster.states import said, states

KEY = dg.AssetKey("flights")
COUNT, SUM = Promise("count"), Promise("sum")
TWICE = checked(COUNT, SUM)
MARCH_5_TO_7 = days("2013-03-05", "2013-03-07")
THREE_DAYS = {"2013-03-05", "2013-03-06", "2013-03-07"}


def only(flow: dg.JobDefinition, *names: str, table: str = "flights") -> dg.JobDefinition:
    """A run of these checks alone."""
    keys = {dg.AssetCheckKey(dg.AssetKey(table), name) for name in names}
    return flow.get_subset(asset_selection=set(), asset_check_selection=keys)


def test_each_day_of_a_range_has_a_status_for_each_check(instance: dg.DagsterInstance) -> None:
    """One wrong day of three is failed, for that check only; the run succeeds, because its checks stop nothing."""
    flow = job(Scripted(), TWICE, Verdicts({("count", "2013-03-06")}))

    result = flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7)

    assert result.success
    assert states(instance, TWICE, "count") == {
        "SUCCEEDED": {"2013-03-05", "2013-03-07"},
        "FAILED": {"2013-03-06"},
    }
    assert states(instance, TWICE, "sum") == {"SUCCEEDED": THREE_DAYS}


def test_the_log_of_a_run_does_not_say_that_checks_gave_nothing(instance: dg.DagsterInstance) -> None:
    """Dagster says so of checks whose verdicts were told by day, unless each gives an output besides."""
    result = job(Scripted(), TWICE).execute_in_process(instance=instance, tags=MARCH_5_TO_7)

    said_so = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert said_so
    assert not [message for message in said_so if "did not yield" in message]


def test_a_single_day_is_a_range_of_one(instance: dg.DagsterInstance) -> None:
    """As materialized from the asset's page."""
    flow = job(Scripted(), TWICE, Verdicts({("sum", "2013-03-06")}))

    flow.execute_in_process(instance=instance, partition_key="2013-03-06")

    assert states(instance, TWICE, "sum") == {"FAILED": {"2013-03-06"}}


def test_an_evaluation_points_at_what_its_day_was_last_loaded_with(instance: dg.DagsterInstance) -> None:
    """That is what makes it current, and what the page of the check links to."""
    flow = job(Scripted(), TWICE)
    loaded = flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7)

    only(flow, "count").execute_in_process(instance=instance, tags=days("2013-03-06", "2013-03-06"))

    (newest,) = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=["2013-03-06"]), limit=1
    ).records
    target = said(instance, TWICE, "count")["2013-03-06"].target_materialization_data
    assert target
    assert (target.storage_id, target.run_id) == (newest.storage_id, loaded.run_id)


def test_checks_alone_load_nothing(instance: dg.DagsterInstance) -> None:
    """Only the named check is judged, and only for the run's days; the table's databases are not opened."""
    sides, verdicts = Scripted(), Verdicts({("count", "2013-03-06")})
    flow = job(sides, TWICE, verdicts)
    flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7)
    sides.asked.clear()
    verdicts.asked.clear()
    verdicts.failing.clear()

    result = only(flow, "count").execute_in_process(instance=instance, tags=days("2013-03-06", "2013-03-06"))

    assert result.success
    assert sides.asked == []
    assert verdicts.asked == [("count", "2013-03-06")]
    assert states(instance, TWICE, "count") == {"SUCCEEDED": THREE_DAYS}


def test_checks_alone_without_a_day_judge_every_loaded_day(instance: dg.DagsterInstance) -> None:
    """A run that names no day means all that there is to judge."""
    verdicts = Verdicts()
    flow = job(Scripted(), TWICE, verdicts)
    flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7)
    verdicts.asked.clear()

    assert only(flow, "sum").execute_in_process(instance=instance).success
    assert verdicts.asked == [("sum", day) for day in sorted(THREE_DAYS)]


def test_a_day_that_failed_to_load_is_not_judged(instance: dg.DagsterInstance) -> None:
    """Its failure is named; the other days are judged all the same."""
    verdicts = Verdicts()
    flow = job(Scripted(failing("2013-03-06")), TWICE, verdicts)

    result = flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7, raise_on_error=False)

    assert not result.success
    assert {day for _, day in verdicts.asked} == {"2013-03-05", "2013-03-07"}
    assert states(instance, TWICE, "count") == {
        "SUCCEEDED": {"2013-03-05", "2013-03-07"},
        "EXECUTION_FAILED": {"2013-03-06"},
    }


def test_a_dry_run_judges_nothing(instance: dg.DagsterInstance) -> None:
    """There is nothing new to be judged."""
    verdicts = Verdicts()
    flow = job(Scripted(), TWICE, verdicts)

    assert flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7, run_config=config(dry_run=True)).success
    assert verdicts.asked == []


def test_loading_again_clears_a_failure_that_is_mended(instance: dg.DagsterInstance) -> None:
    """The new verdict takes the place of the old one."""
    verdicts = Verdicts({("count", "2013-03-06"), ("sum", "2013-03-06")})
    flow = job(Scripted(), TWICE, verdicts)
    flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7)
    verdicts.failing.discard(("count", "2013-03-06"))

    flow.execute_in_process(instance=instance, tags=days("2013-03-06", "2013-03-06"))

    assert states(instance, TWICE, "count") == {"SUCCEEDED": THREE_DAYS}
    assert states(instance, TWICE, "sum")["FAILED"] == {"2013-03-06"}


def test_days_that_are_passed_over_keep_their_status(instance: dg.DagsterInstance) -> None:
    """Reporting them again clears what was said of them, so it is found out again."""
    flow = job(Scripted(), TWICE, Verdicts({("count", "2013-03-06")}))
    flow.execute_in_process(instance=instance, tags=days("2013-03-06", "2013-03-06"))
    sides = Scripted()

    job(sides, TWICE, Verdicts({("count", "2013-03-06")})).execute_in_process(
        instance=instance, tags=MARCH_5_TO_7, run_config=config(only_missing=True)
    )

    assert [window.key for window in sides.asked] == ["2013-03-05", "2013-03-07"]
    assert states(instance, TWICE, "count") == {
        "SUCCEEDED": {"2013-03-05", "2013-03-07"},
        "FAILED": {"2013-03-06"},
    }


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    """What the run's failure says, and its metadata."""
    found = result.failure_data_for_node("recon_load_flights")
    assert found
    assert found.user_failure_data
    return str(found.error), {name: value.value for name, value in found.user_failure_data.metadata.items()}


def test_a_blocking_check_fails_its_day_and_no_other(instance: dg.DagsterInstance) -> None:
    """The run fails naming the day and the check; the day is loaded, and every day is judged."""
    strict = checked(Promise("keys", blocking=True), COUNT)
    flow = job(Scripted(), strict, Verdicts({("keys", "2013-03-06"), ("count", "2013-03-05")}))

    result = flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7, raise_on_error=False)

    assert not result.success
    message, metadata = failure(result)
    assert "1 day loaded, but a blocking check failed: 2013-03-06 (blocked by keys)" in message
    assert metadata == {"failed": [], "blocked": {"2013-03-06": ["keys"]}, "causes": []}
    assert set(instance.get_materialized_partitions(KEY)) == THREE_DAYS
    assert states(instance, strict, "keys")["FAILED"] == {"2013-03-06"}


def test_failed_and_blocked_days_are_told_apart(instance: dg.DagsterInstance) -> None:
    """One is to be loaded again, the other to be looked at."""
    strict = checked(Promise("keys", blocking=True))
    flow = job(Scripted(failing("2013-03-05")), strict, Verdicts({("keys", "2013-03-06")}))

    message, metadata = failure(flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7, raise_on_error=False))

    assert (
        "1 day could not be loaded: 2013-03-05. ValueError, a fault of this program; the run's log has it." in message
    )
    assert "2013-03-06 (blocked by keys)" in message
    (cause,) = metadata.pop("causes")
    assert cause["windows"] == ["2013-03-05"]
    assert "ValueError" in cause["reason"]
    assert metadata == {"failed": ["2013-03-05"], "blocked": {"2013-03-06": ["keys"]}}


def unreachable(_spec: TableSpec, _windows: Sequence[Window], _names: Sequence[str]) -> Iterator[Finding]:
    """A judge whose database does not answer."""
    msg = "ops: does not answer; try again"
    raise UnavailableError(msg)


def test_a_check_that_could_not_run_is_an_error_of_each_day(instance: dg.DagsterInstance) -> None:
    """Never a pass, and it says why."""
    flow = job(Scripted(), TWICE, unreachable)

    assert flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7).success
    for name in ("count", "sum"):
        assert states(instance, TWICE, name) == {"FAILED": THREE_DAYS}
        event = said(instance, TWICE, name)["2013-03-06"]
        assert event.severity is dg.AssetCheckSeverity.ERROR
        assert event.description == "could not run: ops: does not answer; try again"
        assert event.metadata["error"].value == "ops: does not answer; try again"


def lost(_spec: TableSpec, windows: Sequence[Window], names: Sequence[str]) -> Iterator[Finding]:
    """A judge whose database goes away after the first day of the first check."""
    yield Finding(names[0], "flights", windows[0].key, passed=True, summary="fine")
    msg = "ops: has gone away"
    raise UnavailableError(msg)


def test_what_was_found_before_a_database_was_lost_stands(instance: dg.DagsterInstance) -> None:
    """Only what had not been judged yet is an error."""
    job(Scripted(), TWICE, lost).execute_in_process(instance=instance, tags=MARCH_5_TO_7)

    assert states(instance, TWICE, "count") == {"SUCCEEDED": {"2013-03-05"}, "FAILED": {"2013-03-06", "2013-03-07"}}
    assert states(instance, TWICE, "sum") == {"FAILED": THREE_DAYS}


def silent(_spec: TableSpec, windows: Sequence[Window], names: Sequence[str]) -> Iterator[Finding]:
    """A judge that speaks of the first day only."""
    for name in names:
        yield Finding(name, "flights", windows[0].key, passed=True, summary="fine")


def test_silence_is_not_a_pass(instance: dg.DagsterInstance) -> None:
    """A day of which nothing was said is an error."""
    job(Scripted(), TWICE, silent).execute_in_process(instance=instance, tags=MARCH_5_TO_7)

    assert states(instance, TWICE, "sum") == {"SUCCEEDED": {"2013-03-05"}, "FAILED": {"2013-03-06", "2013-03-07"}}
    assert "nothing was found out" in str(said(instance, TWICE, "sum")["2013-03-06"].description)


@pytest.mark.parametrize("span", [MARCH_5_TO_7, {}], ids=["of some days", "of none"])
def test_a_check_that_is_not_daily_is_judged_once(instance: dg.DagsterInstance, span: dict[str, str]) -> None:
    """It has one status, whatever days the run is of."""
    mixed = checked(COUNT, Promise("schema", daily=False))
    verdicts = Verdicts()
    flow = job(Scripted(), mixed, verdicts)

    only(flow, "schema").execute_in_process(instance=instance, tags=span)

    assert verdicts.asked == [("schema", "all")]
    assert states(instance, mixed, "schema") == {"SUCCEEDED": {"all"}}


def test_checks_that_are_daily_and_others_share_a_run(instance: dg.DagsterInstance) -> None:
    """Each by its own kind of status."""
    mixed = checked(COUNT, Promise("schema", daily=False, blocking=True))
    flow = job(Scripted(), mixed, Verdicts({("schema", "all")}))

    result = flow.execute_in_process(instance=instance, tags=MARCH_5_TO_7, raise_on_error=False)

    assert "all (blocked by schema)" in failure(result)[0]
    assert states(instance, mixed, "count") == {"SUCCEEDED": THREE_DAYS}
    assert states(instance, mixed, "schema") == {"FAILED": {"all"}}


def test_a_table_without_days_is_judged_as_a_whole(instance: dg.DagsterInstance) -> None:
    """With its load, and alone."""
    table = checked(Promise("count"), declared=AIRLINES)
    verdicts = Verdicts({("count", "all")})
    flow = job(Scripted(), table, verdicts)

    flow.execute_in_process(instance=instance)
    assert states(instance, table, "count") == {"FAILED": {"all"}}

    verdicts.failing.clear()
    only(flow, "count", table="airlines").execute_in_process(instance=instance)
    assert states(instance, table, "count") == {"SUCCEEDED": {"all"}}


def broken(_spec: TableSpec, _windows: Sequence[Window], _names: Sequence[str]) -> Iterator[Finding]:
    """A judge with a bug."""
    msg = "a bug"
    raise ZeroDivisionError(msg)


def test_a_fault_of_ours_is_a_failed_check(instance: dg.DagsterInstance, caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw is no pass either: each day says so, the traceback is in the log, and the run goes on."""
    job(Scripted(), TWICE, broken).execute_in_process(instance=instance, tags=MARCH_5_TO_7)

    assert states(instance, TWICE, "count") == states(instance, TWICE, "sum") == {"FAILED": THREE_DAYS}
    found = said(instance, TWICE, "count")["2013-03-06"]
    assert "could not run: ZeroDivisionError, a fault of this program" in str(found.description)
    assert found.severity is dg.AssetCheckSeverity.ERROR
    assert set(instance.get_materialized_partitions(KEY)) == THREE_DAYS
    assert "ZeroDivisionError: a bug" in caplog.text


BAD = {"2013-03-06"}
JUDGED = Verdicts()


def load_or_fail(window: Window, settings: LoadConfig) -> Loaded:
    """A load that fails for the days that are bad at the time."""
    return failing(*BAD)(window, settings)


def resumable() -> dg.JobDefinition:
    """A job whose bad days can be mended between its runs."""
    return job(Scripted(load_or_fail), TWICE, JUDGED)


def test_a_resumed_run_judges_all_of_its_days() -> None:
    """Days that were loaded before it was interrupted may not have been judged then."""
    with dg.instance_for_test() as instance:
        tags = dict(MARCH_5_TO_7)
        first = dg.execute_job(dg.reconstructable(resumable), instance=instance, tags=tags, raise_on_error=False)
        BAD.clear()
        JUDGED.asked.clear()
        again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        tags["dagster/is_resume_retry"] = "true"  # as the webserver and the daemon do
        assert dg.execute_job(
            dg.reconstructable(resumable), instance=instance, reexecution_options=again, tags=tags
        ).success

        assert {day for _, day in JUDGED.asked} == THREE_DAYS
        assert states(instance, TWICE, "count") == {"SUCCEEDED": THREE_DAYS}


def test_a_table_without_checks_has_none(instance: dg.DagsterInstance) -> None:
    """Nothing is judged, and no query is spent on it."""
    verdicts = Verdicts()

    job(Scripted(), replace(TWICE, checks=()), verdicts).execute_in_process(instance=instance, tags=MARCH_5_TO_7)

    assert verdicts.asked == []
