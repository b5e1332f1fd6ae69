"""Gaps that fill themselves, once somebody switches that on."""

from dataclasses import replace
from functools import partial

import dagster as dg
import pytest

from recon_assets.checks.table_order import LoadingOrder
from recon_assets.model import TableSpec
from recon_assets.orchestration.assets import fills_gaps, table
from recon_assets.orchestration.build_definitions import definitions
from recon_assets.orchestration.gap_filling import condition
from recon_assets_tests.dagster.example import CONNECTIONS, FLIGHTS, PROJECT, Scripted, Verdicts, days, failing, spec

pytestmark = pytest.mark.filterwarnings("ignore:.*include_sources.*:dagster.BetaWarning")  # Dagster's own call


ALONE = LoadingOrder({"flights": frozenset()})


def filled(declared: TableSpec, order: LoadingOrder = ALONE, *failed: str) -> dg.AssetsDefinition:
    """A table whose gaps fill themselves, but for days whose load fails."""
    reach = Scripted(failing(*failed)).reach()
    asset = table(declared, CONNECTIONS, reach, lambda _: Verdicts())
    keys = {dg.AssetKey(name): name for name in ("flights", "planes")}
    return asset.map_asset_specs(partial(fills_gaps, condition(keys, lambda: order)))


def requested(instance: dg.DagsterInstance, defs: dg.Definitions, name: str = "flights") -> set[str | None]:
    """The days that the next tick asks for."""
    result = dg.evaluate_automation_conditions(defs=defs, instance=instance)
    return set(result.get_requested_partitions(dg.AssetKey(name)))


def load(instance: dg.DagsterInstance, defs: dg.Definitions, name: str, first: str, last: str) -> None:
    """A run over these days of a table."""
    job = defs.resolve_implicit_global_asset_job_def().get_subset(asset_selection={dg.AssetKey(name)})
    job.execute_in_process(instance=instance, tags=days(first, last), raise_on_error=False)


def test_all_missing_days_are_asked_for_except_failed_ones(instance: dg.DagsterInstance) -> None:
    """A day that failed waits for a person's retry; a day that is there is left alone."""
    defs = dg.Definitions([filled(FLIGHTS, ALONE, "2013-03-02")], executor=dg.in_process_executor)
    load(instance, defs, "flights", "2013-03-01", "2013-03-02")

    assert requested(instance, defs) == {f"2013-03-{day:02d}" for day in range(3, 32)}


def test_gaps_are_filled_after_those_of_the_tables_above(instance: dg.DagsterInstance) -> None:
    """Not while one of them has a day that is missing; one that failed holds nothing up, nor does an unknown order."""
    order = LoadingOrder({"planes": frozenset(), "flights": frozenset({"planes"})})
    planes, lost = filled(spec("planes"), order, "2013-03-05"), replace(order, unknown={"flights": "no answer"})
    defs = dg.Definitions([filled(FLIGHTS, order), planes], executor=dg.in_process_executor)
    load(instance, defs, "planes", "2013-03-01", "2013-03-30")
    assert not requested(instance, defs)
    assert requested(instance, defs, "planes") == {"2013-03-31"}

    load(instance, defs, "planes", "2013-03-31", "2013-03-31")
    assert len(requested(instance, defs)) == 31
    assert not requested(instance, dg.Definitions([filled(FLIGHTS, lost), planes]))


def test_it_is_off_until_somebody_switches_it_on() -> None:
    """A sensor of ours evaluates the conditions, and it is stopped."""
    found = definitions(PROJECT).get_repository_def().sensor_defs

    (sensor,) = [sensor for sensor in found if isinstance(sensor, dg.AutomationConditionSensorDefinition)]
    assert (sensor.name, sensor.default_status) == ("recon_fill_gaps", dg.DefaultSensorStatus.STOPPED)


def test_what_follows_by_itself_gets_the_good_days_of_a_range(instance: dg.DagsterInstance) -> None:
    """A team's asset downstream, after a run in which one day failed; that day once its retry has loaded it."""
    eager = dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window())

    def with_report(*bad: str) -> dg.Definitions:
        loads = table(FLIGHTS, CONNECTIONS, Scripted(failing(*bad)).reach(), lambda _: Verdicts())

        @dg.asset(deps=[loads.key], partitions_def=loads.partitions_def, automation_condition=eager)
        def report() -> None:
            pass

        return dg.Definitions([loads, report])

    cursor = dg.evaluate_automation_conditions(defs=with_report(), instance=instance).cursor
    followed = []
    for defs, first, last in (
        (with_report("2013-03-02"), "2013-03-01", "2013-03-03"),
        (with_report(), "2013-03-02", "2013-03-02"),
    ):
        load(instance, defs, "flights", first, last)
        result = dg.evaluate_automation_conditions(defs=defs, instance=instance, cursor=cursor)
        followed.append(sorted(map(str, result.get_requested_partitions(dg.AssetKey("report")))))
        cursor = result.cursor

    assert followed == [["2013-03-01", "2013-03-03"], ["2013-03-02"]]
