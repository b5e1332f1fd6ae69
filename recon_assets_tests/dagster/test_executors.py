"""Dagster's default executor, as a team's deployment has it: each table in a process of its own."""

import dagster as dg

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


def both() -> dg.JobDefinition:
    """A job of two tables, in which one day fails and one does not pass, and which says nothing of its executor."""
    sides, judge = Scripted(failing(BAD_DAY)), Verdicts({("keys", RED_DAY)})
    assets = [table(spec, CONNECTIONS, sides.reach(), lambda _: judge) for spec in (FLIGHTS, AIRLINES)]
    return dg.Definitions(assets, jobs=[dg.define_asset_job("load")]).resolve_job_def("load")


def test_each_table_in_a_process_of_its_own(durable: dg.DagsterInstance) -> None:
    """Days are reported from there as they commit, with a status each, and what fails in one table stops no other."""
    tags = days("2013-03-05", RED_DAY)
    with dg.execute_job(dg.reconstructable(both), durable, tags=tags, raise_on_error=False) as done:
        assert not done.success
        steps = {event.step_key for event in done.all_events if event.is_step_start}

    assert len(steps) == 2
    assert durable.get_materialized_partitions(dg.AssetKey("flights")) == {"2013-03-05", RED_DAY}
    assert durable.get_latest_materialization_event(dg.AssetKey("airlines"))
    assert states(durable, FLIGHTS, "keys") == {
        "SUCCEEDED": {"2013-03-05"},
        "FAILED": {RED_DAY},
        "EXECUTION_FAILED": {BAD_DAY},
    }
