"""Adopting a history that Dagster did not load: days that have rows become materialized, so that gaps show as gaps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import dagster as dg

from recon_assets import dialect, reading
from recon_assets.model import Project, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.translation import Naming


@dataclass(frozen=True)
class Adopted:
    """What adopting one table finds: windows to report with their rows, those known before, and those without rows."""

    table: str
    rows: Mapping[str, int] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    @property
    def adopted(self) -> tuple[str, ...]:
        """The windows that are newly reported, oldest first."""
        return tuple(self.rows)


def rows_of_target(project: Project, spec: TableSpec, now: datetime) -> Mapping[str, int]:
    """How many rows each finished window of the target has."""
    with dialect.opened(project.databases[spec.target.database], role="target") as target:
        return reading.counts_by_window(target, spec, "target", now)


def adoptable(
    instance: dg.DagsterInstance, naming: Naming, spec: TableSpec, counts: Mapping[str, int], now: datetime
) -> Adopted:
    """What there is to adopt; a window that is materialized already keeps what it says."""
    known, finished = materialized(instance, naming, spec), window_keys(spec, now)
    rows = {key: counts[key] for key in finished if counts.get(key) and key not in known}
    empty = tuple(key for key in finished if not counts.get(key) and key not in known)
    return Adopted(spec.name, rows, tuple(sorted(known)), empty)


def adopt(instance: dg.DagsterInstance, naming: Naming, spec: TableSpec, found: Adopted) -> None:
    """Report the windows that have rows and no materialization yet."""
    dagster_internals.keep_connection(instance)
    for key, rows in found.rows.items():
        instance.report_runless_asset_event(event(naming, spec, key, rows))


def event(naming: Naming, spec: TableSpec, key: str, rows: int) -> dg.AssetMaterialization:
    """One window as found: it has rows, and no run of ours brought them."""
    standard = "dagster/partition_row_count" if spec.calendar else "dagster/row_count"
    return dg.AssetMaterialization(
        naming.key(spec),
        partition=key if spec.calendar else None,
        description="Found in the target when its history was adopted.",
        metadata={standard: rows, "origin": "adopted"},
    )


def materialized(instance: dg.DagsterInstance, naming: Naming, spec: TableSpec) -> frozenset[str]:
    """The windows that Dagster knows as materialized, and whose load was not taken back."""
    return dagster_internals.materialized(instance, naming.key(spec), partitioned=spec.calendar is not None)


def window_keys(spec: TableSpec, now: datetime) -> list[str]:
    """The table's finished windows, oldest first."""
    return spec.calendar.keys(now) if spec.calendar else [dagster_internals.ALL]


def missing(instance: dg.DagsterInstance, naming: Naming, spec: TableSpec, now: datetime) -> tuple[str, ...]:
    """The finished windows that Dagster does not know as materialized, or whose newest load failed, oldest first."""
    known = materialized(instance, naming, spec) - failed(instance, naming, spec)
    return tuple(key for key in window_keys(spec, now) if key not in known)


def failed(instance: dg.DagsterInstance, naming: Naming, spec: TableSpec) -> frozenset[str]:
    """The windows whose newest load has failed, whatever was loaded before."""

    def passes_over(run: dg.DagsterRun) -> bool:
        ops: Any = run.run_config.get("ops", {})
        return bool(ops.get(naming.op(spec), {}).get("config", {}).get("only_missing"))

    key, partitioned = naming.key(spec), spec.calendar is not None
    return dagster_internals.not_brought(instance, key, partitioned=partitioned, passes_over=passes_over)
