"""What Dagster shows of a check: its state for each day, and what it last said."""

import dagster as dg

from recon_assets.model import TableSpec
from recon_assets.orchestration.partitions import partitions


def states(instance: dg.DagsterInstance, spec: TableSpec, name: str) -> dict[str, set[str]]:
    """The days in each state, as the Partitions tab of the check shows them; ``all`` for one that is not daily."""
    key = dg.AssetCheckKey(dg.AssetKey(spec.name), name)
    daily = next(check for check in spec.checks if check.name == name).daily
    of_days = partitions(spec.calendar) if spec.calendar and daily else None
    found = instance.event_log_storage.get_asset_check_state([(key, of_days)])[key]
    return {
        status.value: {"all"} if isinstance(subset.value, bool) else set(subset.value.get_partition_keys())
        for status, subset in found.subsets.items()
        if not subset.is_empty
    }


def said(instance: dg.DagsterInstance, spec: TableSpec, name: str) -> dict[str | None, dg.AssetCheckEvaluation]:
    """The last evaluation of each day."""
    key = dg.AssetCheckKey(dg.AssetKey(spec.name), name)
    history = instance.event_log_storage.get_asset_check_execution_history(key, limit=1000)
    events = [record.event.asset_check_evaluation for record in reversed(history) if record.event]
    return {event.partition: event for event in events if event}
