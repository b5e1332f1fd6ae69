"""Gaps that fill themselves, once somebody switches that on."""

import dagster as dg
import pytest

from recon_assets.orchestration.assets import table
from recon_assets.orchestration.project import definitions
from recon_assets_tests.dagster.example import FLIGHTS, PROJECT, WAREHOUSE, Scripted, Verdicts, days, failing

KEY = dg.AssetKey("flights")


def requested(instance: dg.DagsterInstance, defs: dg.Definitions) -> set[str | None]:
    """The days that the first tick asks for."""
    result = dg.evaluate_automation_conditions(defs=defs, instance=instance)
    return set(result.get_requested_partitions(KEY))


@pytest.mark.filterwarnings("ignore:.*include_sources.*:dagster.BetaWarning")  # Dagster's own call
def test_all_missing_days_are_asked_for_except_failed_ones(instance: dg.DagsterInstance) -> None:
    """A day that failed waits for a person's retry; a day that is there is left alone."""
    asset = table(FLIGHTS, WAREHOUSE, Scripted(failing("2013-03-02")).reach(), lambda _: Verdicts())
    defs = dg.Definitions([asset], executor=dg.in_process_executor)
    run = defs.resolve_implicit_global_asset_job_def().execute_in_process
    run(instance=instance, tags=days("2013-03-01", "2013-03-01"))
    run(instance=instance, partition_key="2013-03-02", raise_on_error=False)

    assert requested(instance, defs) == {f"2013-03-{day:02d}" for day in range(3, 32)}


def test_it_is_off_until_somebody_switches_it_on() -> None:
    """Dagster's own sensor evaluates the conditions, and it is stopped."""
    found = definitions(PROJECT).get_repository_def().sensor_defs

    (sensor,) = [sensor for sensor in found if isinstance(sensor, dg.AutomationConditionSensorDefinition)]
    assert sensor.default_status is dg.DefaultSensorStatus.STOPPED
