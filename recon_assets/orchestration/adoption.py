"""Adopting a history that Dagster did not load: days that have rows become materialized, so that gaps show as gaps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg

from recon_assets import dialect, reading
from recon_assets.model import Project, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.assets import days, op_name


@dataclass(frozen=True)
class Adopted:
    """What adopting one table found: windows newly reported, known before, and without rows."""

    table: str
    adopted: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


Note = Callable[[Sequence[str]], None]
"""Remembers windows that are about to be reported: whoever is stopped in between notes them again."""


def adopt(
    instance: dg.DagsterInstance, project: Project, spec: TableSpec, now: datetime, note: Note | None = None
) -> Adopted:
    """Report each finished day of the target that has rows and no materialization yet."""
    today = now.astimezone(ZoneInfo(spec.days.timezone if spec.days else "UTC")).date()
    with dialect.opened(project.databases[spec.target.database], role="target") as target:
        counts = reading.counts_by_day(target, spec, "target", today)
    return adopt_counts(instance, spec, counts, now, note)


def adopt_counts(
    instance: dg.DagsterInstance, spec: TableSpec, counts: Mapping[str, int], now: datetime, note: Note | None = None
) -> Adopted:
    """Report the windows that ``counts`` says have rows; one that is materialized already keeps what it says."""
    dagster_internals.keep_connection(instance)
    known = materialized(instance, spec)
    filled = [key for key in window_keys(spec, now) if counts.get(key)]
    fresh = [key for key in filled if key not in known]
    if note:
        note(fresh)
    for key in fresh:
        instance.report_runless_asset_event(event(spec, key, counts[key]))
    empty = [key for key in window_keys(spec, now) if not counts.get(key) and key not in known]
    return Adopted(spec.name, tuple(fresh), tuple(sorted(known)), tuple(empty))


def event(spec: TableSpec, key: str, rows: int) -> dg.AssetMaterialization:
    """One window as found: it has rows, and no run of ours brought them."""
    standard = "dagster/partition_row_count" if spec.days else "dagster/row_count"
    return dg.AssetMaterialization(
        spec.name,
        partition=key if spec.days else None,
        description="Found in the target when its history was adopted.",
        metadata={standard: rows, "origin": "adopted"},
    )


def materialized(instance: dg.DagsterInstance, spec: TableSpec) -> frozenset[str]:
    """The windows that Dagster knows as materialized, and whose load was not taken back."""
    return dagster_internals.materialized(instance, dg.AssetKey(spec.name), partitioned=spec.days is not None)


def window_keys(spec: TableSpec, now: datetime) -> list[str]:
    """The table's finished windows, oldest first."""
    return list(days(spec.days).get_partition_keys(current_time=now)) if spec.days else [dagster_internals.ALL]


def missing(instance: dg.DagsterInstance, spec: TableSpec, now: datetime) -> tuple[str, ...]:
    """The finished windows that Dagster does not know as materialized, or whose newest load failed, oldest first."""
    known = materialized(instance, spec) - failed(instance, spec)
    return tuple(key for key in window_keys(spec, now) if key not in known)


def failed(instance: dg.DagsterInstance, spec: TableSpec) -> frozenset[str]:
    """The windows whose newest load has failed, whatever was loaded before."""

    def passes_over(run: dg.DagsterRun) -> bool:
        ops: Any = run.run_config.get("ops", {})
        return bool(ops.get(op_name(spec), {}).get("config", {}).get("only_missing"))

    key, partitioned = dg.AssetKey(spec.name), spec.days is not None
    return dagster_internals.not_brought(instance, key, partitioned=partitioned, passes_over=passes_over)
