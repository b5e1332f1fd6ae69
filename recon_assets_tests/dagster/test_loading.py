"""A run over a range of days: each day has a status of its own."""

from contextlib import AbstractContextManager
from datetime import timedelta

import dagster as dg
import pytest

from recon_assets.errors import DoesNotFitError, UnavailableError
from recon_assets.model import Loaded, Mode, TableSpec, Window
from recon_assets.orchestration import loading
from recon_assets.orchestration.assets import table
from recon_assets.orchestration.causes import Cause, causes
from recon_assets.orchestration.loading import LoadConfig, Sides
from recon_assets.orchestration.resources import RunContext
from recon_assets_tests.dagster.example import (
    AIRLINES,
    CONNECTIONS,
    FLIGHTS,
    Scripted,
    Verdicts,
    config,
    days,
    failing,
    job,
    no_rows,
    ten_rows,
)

KEY = dg.AssetKey("flights")


def materialized(instance: dg.DagsterInstance) -> set[str]:
    """The days that Dagster knows as materialized."""
    return set(instance.get_materialized_partitions(KEY))


def latest(instance: dg.DagsterInstance, key: dg.AssetKey = KEY) -> dg.AssetMaterialization:
    """The newest materialization."""
    event = instance.get_latest_materialization_event(key)
    assert event
    assert event.asset_materialization
    return event.asset_materialization


def test_a_failing_day_stops_no_other_day(instance: dg.DagsterInstance) -> None:
    """The other days of the run are materialized, the run fails, and its failure names the day."""
    flow = job(Scripted(failing("2013-03-06")))

    result = flow.execute_in_process(instance=instance, tags=days("2013-03-05", "2013-03-08"), raise_on_error=False)

    assert not result.success
    assert materialized(instance) == {"2013-03-05", "2013-03-07", "2013-03-08"}
    failure = result.failure_data_for_node("recon_load_flights")
    assert failure
    assert failure.user_failure_data
    assert "1 day could not be loaded: 2013-03-06." in str(failure.error)
    assert failure.user_failure_data.metadata["failed"].value == ["2013-03-06"]


def test_each_cause_is_told_once_with_its_days(instance: dg.DagsterInstance) -> None:
    """Rows that are alike but for their keys have one; it is said whether it may pass, and no value of a row."""

    def load(window: Window, settings: LoadConfig) -> Loaded:
        where = f"flights {window}: the row with id={window.key[-1]}: "
        if window.key < "2013-03-04":
            msg = f"{where}{'unique' if window.key == '2013-03-03' else 'check'} violation"
            raise DoesNotFitError(msg)
        msg = f"{where}s3cret"
        raise ValueError(msg)

    tags = days("2013-03-01", "2013-03-04", **{"dagster/backfill": "abc"})
    job(Scripted(load)).execute_in_process(instance=instance, tags=tags, raise_on_error=False)

    fault = "ValueError, a fault of this program; the run's log has it"
    assert causes(instance, "abc") == [
        Cause("flights", fault, ("2013-03-04",)),
        Cause("flights", "the row with id=1: check violation", ("2013-03-01", "2013-03-02")),
        Cause("flights", "the row with id=3: unique violation", ("2013-03-03",)),
    ]


def test_a_side_that_does_not_answer_is_the_cause_of_all_days(instance: dg.DagsterInstance) -> None:
    """It may answer when the days are loaded again; a failure of something else has no cause that is known."""

    def gone(_spec: TableSpec, _context: RunContext) -> AbstractContextManager[Sides]:
        msg = "warehouse does not answer"
        raise UnavailableError(msg)

    assets = [table(FLIGHTS, CONNECTIONS, gone, lambda _: Verdicts())]
    flow = dg.Definitions(assets, executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()
    tags = days("2013-03-01", "2013-03-02", **{"dagster/backfill": "abc"})
    flow.execute_in_process(instance=instance, tags=tags, raise_on_error=False)

    known = Cause("flights", "warehouse does not answer", ("2013-03-01", "2013-03-02"), passing=True)
    assert causes(instance, "abc") == [known]


def test_a_day_without_rows_is_materialized(instance: dg.DagsterInstance) -> None:
    """An empty day is done, not missing."""
    job(Scripted(no_rows)).execute_in_process(instance=instance, tags=days("2013-03-05", "2013-03-05"))

    assert materialized(instance) == {"2013-03-05"}
    assert latest(instance).metadata["dagster/partition_row_count"].value == 0


def test_figures_are_numbers_under_standard_names(instance: dg.DagsterInstance) -> None:
    """Dagster plots integers and floats, and shows row counts and columns that have its own names."""
    job(Scripted()).execute_in_process(instance=instance, tags=days("2013-03-05", "2013-03-05"))

    metadata = {name: value.value for name, value in latest(instance).metadata.items()}
    schema = metadata.pop("dagster/column_schema")
    assert isinstance(schema, dg.TableSchema)
    assert metadata == {
        "dagster/partition_row_count": 10,
        "read": 10,
        "inserted": 10,
        "updated": 0,
        "deleted": 0,
        "bytes": 100,
        "seconds": 0.5,
        "mode": "insert_missing",
        "origin": "loaded",
    }
    assert [column.name for column in schema.columns] == ["id", "time_hour"]


def test_a_table_without_days_is_one_window(instance: dg.DagsterInstance) -> None:
    """It has no partition, and its row count is the table's."""
    sides = Scripted()

    job(sides, AIRLINES).execute_in_process(instance=instance)

    assert [window.key for window in sides.asked] == ["all"]
    found = latest(instance, dg.AssetKey("airlines"))
    assert found.partition is None
    assert found.metadata["dagster/row_count"].value == 10


@pytest.mark.parametrize(("day", "hours"), [("2013-03-09", 24), ("2013-03-10", 23)])
def test_days_have_the_hours_of_their_time_zone(instance: dg.DagsterInstance, day: str, hours: int) -> None:
    """The day on which New York's clocks go forward has 23 hours."""
    sides = Scripted()

    job(sides).execute_in_process(instance=instance, tags=days(day, day))

    (window,) = sides.asked
    assert window.start
    assert window.end
    assert window.end.timestamp() - window.start.timestamp() == timedelta(hours=hours).total_seconds()


def test_a_dry_run_fills_nothing(instance: dg.DagsterInstance) -> None:
    """It leaves observations, and the days stay missing."""
    flow = job(Scripted())

    result = flow.execute_in_process(
        instance=instance, tags=days("2013-03-05", "2013-03-06"), run_config=config(dry_run=True)
    )

    assert result.success
    assert materialized(instance) == set()
    observed = instance.fetch_observations(KEY, limit=10).records
    assert {record.partition_key for record in observed} == {"2013-03-05", "2013-03-06"}


def test_a_dry_backfill_is_refused(instance: dg.DagsterInstance) -> None:
    """Its days would look failed, or filled, and be neither; nothing is read."""
    sides = Scripted()

    result = job(sides).execute_in_process(
        instance=instance,
        tags=days("2013-03-05", "2013-03-06", **{"dagster/backfill": "abc"}),
        run_config=config(dry_run=True),
        raise_on_error=False,
    )

    assert not result.success
    assert sides.asked == []
    assert "dry_run in a backfill" in str(result.failure_data_for_node("recon_load_flights"))


def test_mode_and_columns_reach_the_load(instance: dg.DagsterInstance) -> None:
    """What the launchpad says is what is done."""
    seen: list[loading.LoadConfig] = []

    def load(window: Window, settings: loading.LoadConfig) -> Loaded:
        seen.append(settings)
        return ten_rows(window, settings)

    flow = job(Scripted(load))
    flow.execute_in_process(
        instance=instance,
        tags=days("2013-03-05", "2013-03-05"),
        run_config=config(mode="FILL_NULLS", columns=["tailnum"]),
    )

    assert [(settings.mode, settings.columns) for settings in seen] == [(Mode.FILL_NULLS, ["tailnum"])]


def test_a_mode_that_does_not_exist_is_refused_at_launch() -> None:
    """Before anything runs, and with the mode's name."""
    with pytest.raises(dg.DagsterInvalidConfigError, match="OVERWRITE"):
        job(Scripted()).execute_in_process(tags=days("2013-03-05", "2013-03-05"), run_config=config(mode="OVERWRITE"))


def test_only_missing_days_are_loaded_when_asked(instance: dg.DagsterInstance) -> None:
    """Days that are materialized are passed over, and reported again as they were."""
    adopted = dg.AssetMaterialization(KEY, partition="2013-03-06", metadata={"origin": "adopted"})
    instance.report_runless_asset_event(adopted)
    sides = Scripted()

    job(sides).execute_in_process(
        instance=instance, tags=days("2013-03-05", "2013-03-07"), run_config=config(only_missing=True)
    )

    assert [window.key for window in sides.asked] == ["2013-03-05", "2013-03-07"]
    again = dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=["2013-03-06"])
    newest = instance.fetch_materializations(again, limit=1).records[0]
    assert newest.run_id
    assert newest.asset_materialization
    assert newest.asset_materialization.metadata["origin"].value == "adopted"


class Flaky:
    """A call that does not answer the first times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals

    def __call__(self) -> Loaded:
        """Answer, or not yet."""
        self.refusals -= 1
        if self.refusals >= 0:
            msg = "source: no answer; try again"
            raise UnavailableError(msg)
        return Loaded(FLIGHTS.window("2013-03-05"), Mode.INSERT_MISSING)


@pytest.mark.parametrize(("refusals", "waits"), [(0, []), (1, [1.0]), (2, [1.0, 2.0])])
def test_a_database_that_does_not_answer_is_asked_again(refusals: int, waits: list[float]) -> None:
    """Three times in all, waiting twice as long each time."""
    waited: list[float] = []

    assert loading.persistently(Flaky(refusals), sleep=waited.append)
    assert waited == waits


def test_three_tries_are_all() -> None:
    """The third refusal is the day's failure."""
    with pytest.raises(UnavailableError):
        loading.persistently(Flaky(3), sleep=lambda _: None)


BROKEN = {"2013-03-06"}


def broken(window: Window, settings: loading.LoadConfig) -> Loaded:
    """A load that fails for the days that are broken at the time."""
    return failing(*BROKEN)(window, settings)


RESUMED = Scripted(broken)


def resumable() -> dg.JobDefinition:
    """A job whose broken days can be mended between its runs."""
    return job(RESUMED)


def test_a_resumed_run_loads_only_what_is_left() -> None:
    """Re-executing from failure skips the days that the failed run had materialized."""
    BROKEN.add("2013-03-06")
    RESUMED.asked.clear()
    with dg.instance_for_test() as instance:
        tags = days("2013-03-05", "2013-03-07")
        first = dg.execute_job(dg.reconstructable(resumable), instance=instance, tags=tags, raise_on_error=False)
        BROKEN.clear()
        RESUMED.asked.clear()
        again = dg.ReexecutionOptions.from_failure(first.run_id, instance)
        tags["dagster/is_resume_retry"] = "true"  # as the webserver and the daemon do
        second = dg.execute_job(dg.reconstructable(resumable), instance=instance, reexecution_options=again, tags=tags)

        assert second.success
        assert [window.key for window in RESUMED.asked] == ["2013-03-06"]
        assert materialized(instance) == {"2013-03-05", "2013-03-06", "2013-03-07"}


def test_a_run_repeated_by_hand_loads_everything() -> None:
    """Only a retry continues the run before it."""
    by_hand = dg.DagsterRun(job_name="job", run_id="b", parent_run_id="a", root_run_id="a")
    retried = dg.DagsterRun(
        job_name="job", run_id="b", parent_run_id="a", root_run_id="a", tags={"dagster/retry_number": "1"}
    )

    assert loading.resumed_runs(by_hand) == ("b",)
    assert loading.resumed_runs(retried) == ("b", "a")


@pytest.mark.parametrize("table_of", [FLIGHTS, AIRLINES], ids=["of days", "whole"])
def test_assets_downstream_go_on_in_the_same_run(instance: dg.DagsterInstance, table_of: TableSpec) -> None:
    """Where all windows are loaded; each window is reported once, and a range in which one fails stops there."""
    bad = ["2013-03-09"] if table_of.calendar else []
    loads = table(table_of, CONNECTIONS, Scripted(failing(*bad)).reach(), lambda _: Verdicts())

    @dg.asset(deps=[table_of.name], partitions_def=loads.partitions_def)
    def report() -> None:
        pass

    flow = dg.Definitions([loads, report]).resolve_implicit_global_asset_job_def()
    spans = [days("2013-03-01", "2013-03-03"), {"dagster/partition": "2013-03-05"}, days("2013-03-08", "2013-03-09")]
    done = [
        flow.execute_in_process(instance=instance, tags=tags, raise_on_error=False).success
        for tags in (spans if table_of.calendar else [{}])
    ]

    assert done == ([True, True, False] if table_of.calendar else [True])
    records = instance.fetch_materializations(dg.AssetKey(table_of.name), limit=99).records
    told = sorted(str(record.partition_key) for record in records)
    days_told = [f"2013-03-0{day}" for day in (1, 2, 3, 5, 8)]
    assert told == (days_told if table_of.calendar else ["None"])
    assert not instance.fetch_observations(dg.AssetKey(table_of.name), limit=9).records
    followed = instance.fetch_materializations(dg.AssetKey("report"), limit=99).records
    assert sorted(str(each.partition_key) for each in followed) == (days_told[:4] if table_of.calendar else ["None"])
