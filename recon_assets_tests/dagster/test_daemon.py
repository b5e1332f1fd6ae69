"""The real code of Dagster's backfill daemon, in this process and without its waits."""

import gc
import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import PythonFileTarget
from dagster._daemon.backfill import execute_backfill_iteration

from recon_assets_tests.dagster import repository
from recon_assets_tests.dagster.states import states

pytestmark = [
    # Both are Dagster's calls of itself.
    pytest.mark.filterwarnings("ignore:.*AssetSelection.sources.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*include_sources.*:dagster.BetaWarning"),
]

KEY = dg.AssetKey("flights")
MARCH = [f"2013-03-{day:02d}" for day in range(1, 32)]
OVERRIDES = {
    "run_launcher": {
        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
        "class": "SyncInMemoryRunLauncher",
    },
    "run_coordinator": {"module": "dagster._core.run_coordinator", "class": "DefaultRunCoordinator"},
}


@pytest.fixture(scope="module")
def workspace() -> Iterator[WorkspaceProcessContext]:
    """The definitions of `repository`, as the daemon sees them."""
    target = PythonFileTarget(str(Path(repository.__file__)), "defs", working_directory=None, location_name="tests")
    with (
        dg.instance_for_test(overrides=OVERRIDES) as instance,
        create_test_daemon_workspace_context(target, instance) as context,
    ):
        yield context


def backfilled(workspace: WorkspaceProcessContext, days: list[str], key: dg.AssetKey = KEY) -> PartitionBackfill:
    """Run a backfill of these days to its end; of all tests in one Dagster, as it takes long to start."""
    instance, name = workspace.instance, f"{key.to_user_string()} {days[0]}"
    instance.add_backfill(
        PartitionBackfill.from_asset_partitions(
            backfill_id=name,
            asset_graph=workspace.create_request_context().asset_graph,
            partition_names=days,
            asset_selection=[key],
            backfill_timestamp=time.time(),
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
    )
    for _ in range(20):
        iterate(workspace)
        found = instance.get_backfill(name)
        assert found
        if found.status is not BulkActionStatus.REQUESTED:
            return found
    pytest.fail("the backfill has not ended after 20 iterations")


def runs(workspace: WorkspaceProcessContext, found: PartitionBackfill) -> Sequence[dg.DagsterRun]:
    """Those of one backfill."""
    tags = {"dagster/backfill": found.backfill_id}
    return workspace.instance.get_runs(dg.RunsFilter(tags=tags))


def iterate(workspace: WorkspaceProcessContext) -> None:
    """One look of the daemon; its runs happen inside of it, and leave half-closed event loops behind."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*shutdown_asyncgens.*", RuntimeWarning)
        list(execute_backfill_iteration(workspace, logging.getLogger("test")))
        gc.collect()


def test_a_month_is_one_run_with_a_status_for_each_day(workspace: WorkspaceProcessContext) -> None:
    """Thirty days are materialized, the one that failed is missing, and the backfill says so."""
    found = backfilled(workspace, MARCH)

    assert found.status is BulkActionStatus.COMPLETED_FAILED
    assert len(runs(workspace, found)) == 1
    done = set(workspace.instance.get_materialized_partitions(KEY))
    assert set(MARCH) - done == {repository.BAD_DAY}
    shown = states(workspace.instance, repository.FLIGHTS, "keys")
    assert shown["FAILED"] == {repository.BLOCKED_DAY}
    assert shown["EXECUTION_FAILED"] == {repository.BAD_DAY}
    assert len(shown["SUCCEEDED"]) == 29


def test_a_backfill_of_good_days_succeeds(workspace: WorkspaceProcessContext) -> None:
    """Days that are not next to each other are runs of their own."""
    found = backfilled(workspace, ["2013-03-02", "2013-03-03", "2013-03-09"])

    assert found.status is BulkActionStatus.COMPLETED_SUCCESS
    assert len(runs(workspace, found)) == 2


def test_a_backfill_whose_days_are_loaded_but_do_not_pass(workspace: WorkspaceProcessContext) -> None:
    """Its run failed and says why; the backfill only counts what was loaded, so it is no gate."""
    found = backfilled(workspace, ["2013-03-19", repository.BLOCKED_DAY])

    (run,) = runs(workspace, found)
    assert run.status is dg.DagsterRunStatus.FAILURE
    assert found.status is BulkActionStatus.COMPLETED_SUCCESS


def test_a_teams_own_backfill_gives_each_day_a_status(workspace: WorkspaceProcessContext) -> None:
    """The asset is the team's, the checks are ours: a day that does not pass is red, and fails nothing."""
    found = backfilled(workspace, MARCH, repository.TEAMS)

    assert found.status is BulkActionStatus.COMPLETED_SUCCESS
    assert len(runs(workspace, found)) == 1
    check = dg.AssetCheckKey(repository.TEAMS, "keys")
    shown = workspace.instance.event_log_storage.get_asset_check_state([(check, repository.DAILY)])[check]
    days = {
        status.value: set(subset.value.get_partition_keys())
        for status, subset in shown.subsets.items()
        if not isinstance(subset.value, bool)
    }
    assert days["FAILED"] == {repository.BLOCKED_DAY}
    assert len(days["SUCCEEDED"]) == 30
