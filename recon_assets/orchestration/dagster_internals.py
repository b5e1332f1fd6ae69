"""Every call into Dagster that is not public API, so that an upgrade has one place to look at.

Each function says which public wish it stands for;
`recon_assets_tests/dagster/test_dagster_internals.py` holds them to it.
What only the daemons and Dagster's pages need is in `daemon` and `web.dagster_application`: runs do not import it.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from weakref import WeakSet

import dagster as dg
from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
from dagster._core.asset_graph_view.entity_subset import EntitySubset
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData,
)
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.definitions.events import AssetKeyPartitionKey
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from dagster._core.execution.backfill import BulkActionsFilter, BulkActionStatus
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG

Target = AssetCheckEvaluationTargetMaterializationData
Health = CheckRunHealthResult
HealthStatus = WorkerStatus
Job = dg.JobDefinition | UnresolvedAssetJobDefinition
ALL = "all"
ASSET_JOB = "__ASSET_JOB"
"""The job of all assets and checks, whatever their partitions, of which each run selects some."""

TAKEN_BACK = {DATA_VERSION_TAG: "taken back"}
"""Tags of a materialization which says that the load before it was taken back; Dagster looks for no others quickly."""

HOME_TAG = "recon/home"
HOME_ID = "RECON_HOME_ID"
"""The variable that tells the processes of a home which one it is: two machines may have the same name and paths."""
MAX_HISTORY = 100
KEPT = WeakSet[dg.DagsterInstance]()
UNENDED = frozenset(dg.DagsterRunStatus) - {
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
}
LOST = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
UNFINISHED = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING)


def materialized_by(instance: dg.DagsterInstance, run_ids: Sequence[str], key: dg.AssetKey) -> frozenset[str]:
    """Partitions of ``key`` that these runs have materialized; ``all`` stands for an unpartitioned asset."""
    records = [
        record
        for run_id in run_ids
        for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    ]
    events = [record.event_log_entry.asset_materialization for record in records]
    return frozenset(event.partition or ALL for event in events if event and event.asset_key == key)


def latest_materializations(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[str]
) -> dict[str, dg.AssetMaterialization]:
    """What each of these partitions was last materialized with; those that are not materialized are left out.

    ``all`` stands for an unpartitioned asset.
    """
    found = latest_records(instance, key, partitions)
    events = {name: record.asset_materialization for name, record in found.items()}
    return {name: event for name, event in events.items() if event and not says_taken_back(event)}


def says_taken_back(event: dg.AssetMaterialization) -> bool:
    """Whether a materialization says that there is none any more: Dagster cannot delete those of one partition."""
    return TAKEN_BACK.items() <= (event.tags or {}).items()


def taken_back(instance: dg.DagsterInstance, key: dg.AssetKey) -> frozenset[str]:
    """The partitions whose newest materialization says so; ``all`` for an unpartitioned asset."""
    kind, tags = dg.DagsterEventType.ASSET_MATERIALIZATION, list(TAKEN_BACK)
    found = instance.event_log_storage.get_latest_tags_by_partition(key, kind, tags)
    newest = instance.get_latest_materialization_event(key)
    whole = newest.asset_materialization if newest else None
    if whole and not whole.partition and says_taken_back(whole):
        return frozenset({ALL})
    return frozenset(day for day, values in found.items() if dict(values) == TAKEN_BACK)


def taken_back_subset(view: AssetGraphView, key: dg.AssetKey) -> EntitySubset[dg.AssetKey]:
    """The same as a condition of an automation reckons with it; partitions that are not declared any more are none."""
    found = {AssetKeyPartitionKey(key, None if name == ALL else name) for name in taken_back(view.instance, key)}
    return view.get_asset_subset_from_asset_partitions(key, found, validate_existence=True)


def materialized(instance: dg.DagsterInstance, key: dg.AssetKey, *, partitioned: bool) -> frozenset[str]:
    """The partitions of an asset whose load was not taken back since; ``all`` for an unpartitioned asset."""
    if partitioned:
        return frozenset(instance.get_materialized_partitions(key)) - taken_back(instance, key)
    return frozenset(latest_materializations(instance, key, [ALL]))


def not_brought(
    instance: dg.DagsterInstance, key: dg.AssetKey, *, partitioned: bool, passes_over: Callable[[dg.DagsterRun], bool]
) -> frozenset[str]:
    """The partitions whose newest load, by a run that has failed or was cancelled, did not materialize them.

    What they had been materialized with before may still be shown. A run that ``passes_over`` materialized ones was not
    to load those. ``all`` stands for an unpartitioned asset.
    """
    log = instance.event_log_storage
    if partitioned:
        tries = log.get_latest_asset_partition_materialization_attempts_without_materializations(key)
        tried = {day: run for day, (run, _) in tries.items()}
    else:
        planned, records = log.get_latest_planned_materialization_info(key), latest_records(instance, key, [ALL])
        later = planned and (ALL not in records or records[ALL].storage_id < planned.storage_id)
        tried = {ALL: planned.run_id} if planned and later else {}
    if not tried:
        return frozenset()
    lost = instance.get_runs(dg.RunsFilter(run_ids=list(set(tried.values())), statuses=list(LOST)))
    passing = {run.run_id: passes_over(run) for run in lost}
    failed = frozenset(day for day, run in tried.items() if run in passing)
    passed_over = {day for day in failed if passing[tried[day]]}
    return failed - (passed_over & materialized(instance, key, partitioned=partitioned)) if passed_over else failed


def history(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> list[dg.EventLogRecord]:
    """The last materializations of a partition, or of an unpartitioned asset, the newest first."""
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition] if partition else None)
    return list(instance.fetch_materializations(wanted, limit=MAX_HISTORY).records)


def bookmark(instance: dg.DagsterInstance, name: str) -> int:
    """The number that was noted last under a name, which is lost together with all that Dagster shows."""
    return int(instance.daemon_cursor_storage.get_cursor_values({name}).get(name, 0))


def set_bookmark(instance: dg.DagsterInstance, name: str, number: int) -> None:
    """Note a number under a name."""
    instance.daemon_cursor_storage.set_cursor_values({name: str(number)})


def materialized_since(
    instance: dg.DagsterInstance, key: dg.AssetKey, after: int, partitions: Collection[str]
) -> dict[str, dg.EventLogRecord]:
    """The newest materialization by a run of each of these partitions, where its storage id is later than ``after``.

    All of them at each call: ids are given before they are committed, so a smaller one may come after a larger one.
    """
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    ids = instance.event_log_storage.get_latest_storage_id_by_partition(key, kind)
    found = {name: ids[name] for name in partitions if ids.get(name, 0) > after}
    records = records_of(instance, key, list(found.values()))
    if ALL in partitions:
        wanted = dg.AssetRecordsFilter(asset_key=key, after_storage_id=after)
        records += instance.fetch_materializations(wanted, limit=1).records
    return {record.partition_key or ALL: record for record in records if record.run_id}


def check_targets(instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[str]) -> dict[str, Target]:
    """What an evaluation must point at to count: the newest materialization of each of these partitions.

    An evaluation that points at an older one, or at none, is cleared. ``all`` stands for the whole asset.
    """
    return {
        name: Target(storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp)
        for name, record in latest_records(instance, key, partitions).items()
    }


def log_evaluation(context: dg.OpExecutionContext, event: dg.AssetCheckEvaluation) -> None:
    """Log what a check of any asset says, from any run and as often as needed; Dagster's annotation names no checks."""
    log: Callable[[Any], None] = context.log_event
    log(event)


def latest_records(
    instance: dg.DagsterInstance, key: dg.AssetKey, partitions: Collection[str]
) -> dict[str, dg.EventLogRecord]:
    """The newest materialization of each of these partitions; ``all`` is the newest of any."""
    found = latest_of_days(instance, key, days) if (days := set(partitions) - {ALL}) else {}
    newest = instance.fetch_materializations(key, limit=1).records if ALL in partitions else ()
    return {**found, ALL: newest[0]} if newest else found


def latest_of_days(
    instance: dg.DagsterInstance, key: dg.AssetKey, days: Collection[str]
) -> dict[str, dg.EventLogRecord]:
    """The newest materialization of each of these partitions, by two queries however many there are."""
    ids = instance.event_log_storage.get_latest_storage_id_by_partition(
        key, dg.DagsterEventType.ASSET_MATERIALIZATION, set(days)
    )
    records = records_of(instance, key, list(ids.values()))
    return {record.partition_key: record for record in records if record.partition_key}


def records_of(instance: dg.DagsterInstance, key: dg.AssetKey, ids: Sequence[int]) -> list[dg.EventLogRecord]:
    """The materializations of these storage ids."""
    if not ids:
        return []
    wanted = dg.AssetRecordsFilter(asset_key=key, storage_ids=list(ids))
    return list(instance.fetch_materializations(wanted, limit=len(ids)).records)


def under_way(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> bool:
    """Whether a run with these tags has not ended, or has, and is about to be tried again by itself."""
    runs = instance.get_runs(dg.RunsFilter(tags=tags))
    return any(not run.is_finished or run.is_complete_and_waiting_to_retry for run in runs)


def being_loaded(instance: dg.DagsterInstance) -> set[dg.AssetKey]:
    """The assets that a run or a backfill is to materialize which has not ended."""
    runs = instance.get_runs(dg.RunsFilter(statuses=list(UNENDED)))
    backfills = instance.get_backfills(BulkActionsFilter(statuses=[BulkActionStatus.REQUESTED]))
    selections = [*(run.asset_selection for run in runs), *(each.asset_selection for each in backfills)]
    return {key for keys in selections for key in keys or ()}


def keep_connection(instance: dg.DagsterInstance) -> None:
    """Write events over one kept connection: by default each event opens a new one, which costs 20 ms.

    Once for each instance: every call gives it new pools, and a run calls this for each of its tables.
    """
    if instance.is_persistent and instance not in KEPT:
        KEPT.add(instance)
        instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=20)


def silent_output(name: str) -> dg.Output[None]:
    """The output of an asset whose partitions were reported one by one: assets downstream go on in the same run.

    A plain one would report every partition of the run a second time.
    """
    return dg.Output(None, name, metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def mark_home(instance: dg.DagsterInstance, run_id: str) -> None:
    """Note on a run from which home it was started, so that `fail_abandoned_runs` can tell it from others'."""
    if HOME_ID in os.environ:
        instance.add_run_tags(run_id, {HOME_TAG: home()})


def home() -> str:
    """The home that `recon dev` and its like run on, wherever its folder lies; a team's deployment is none."""
    return os.environ.get(HOME_ID, "none")


def fail_abandoned_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark runs as failed whose worker died together with this home's code server.

    Only that server would have noticed their death. Call it while none is running on this home. A run without the
    server's address was started by another launcher: its worker, of Celery say, lives on without us.
    """
    runs = instance.get_runs(filters=dg.RunsFilter(statuses=list(UNFINISHED), tags={HOME_TAG: home()}))
    abandoned = [run for run in runs if GRPC_INFO_TAG in run.tags]
    for run in abandoned:
        instance.report_run_failed(run, "The processes of this run were stopped before it ended.")
    return [run.run_id for run in abandoned]
