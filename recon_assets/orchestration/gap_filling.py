"""Gaps that fill themselves: each missing day once, and none before the tables whose rows it names."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import dagster as dg

from recon_assets.checks.table_order import LoadingOrder
from recon_assets.model import Project
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.translation import Naming

Condition = dg.AutomationCondition[Any]


def condition(tables: Mapping[dg.AssetKey, str], order: Callable[[], LoadingOrder]) -> Condition:
    """Fill each day once that is missing, or whose load was taken back, after the tables above.

    A day that failed waits for a person's retry.
    """

    @lru_cache(maxsize=1)
    def order_at(_tick: datetime) -> LoadingOrder:
        return order()

    of = dg.AutomationCondition
    return (of.missing() | TakenBack()) & ~of.in_progress() & ~of.execution_failed() & AfterParents(tables, order_at)


def sensor(project: Project, naming: Naming) -> dg.AutomationConditionSensorDefinition:
    """Looks for gaps, once somebody has switched it on. In the code server: only that can ask the target."""
    return dg.AutomationConditionSensorDefinition(
        naming.of_ours("fill_gaps"),
        target=dg.AssetSelection.assets(*naming.tables(project)),
        use_user_code_server=True,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description="Loads days that are missing, parents before the tables that name their rows.",
    )


class TakenBack(dg.AutomationCondition[dg.AssetKey]):
    """The day was loaded, and that load was taken back: Dagster goes on calling it materialized."""

    @property
    def name(self) -> str:
        """As the page of an evaluation shows it."""
        return "load_was_taken_back"

    async def evaluate(  # type: ignore[override]  # Dagster awaits it, as it does its own conditions
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        """Those of the days that are asked about."""
        found = dagster_internals.taken_back_subset(context.asset_graph_view, context.key)
        return dg.AutomationResult(context, context.candidate_subset.compute_intersection(found))


class AfterParents(dg.AutomationCondition[dg.AssetKey]):
    """No table above this one is being loaded, or has a day that is missing and has not failed."""

    def __init__(self, tables: Mapping[dg.AssetKey, str], order: Callable[[datetime], LoadingOrder]) -> None:
        self.tables, self.order = tables, order

    @property
    def name(self) -> str:
        """As the page of an evaluation shows it."""
        return "parents_are_loaded"

    async def evaluate(  # type: ignore[override]  # Dagster awaits it, as it does its own conditions
        self, context: dg.AutomationContext[dg.AssetKey]
    ) -> dg.AutomationResult[dg.AssetKey]:
        """All days that are left to be asked for, or none."""
        wanted = context.candidate_subset
        if not wanted.is_empty:
            order, table = self.order(context.evaluation_time), self.tables[context.key]
            if table in order.unknown:  # its days would fail, and then wait for a person
                return dg.AutomationResult(context, context.get_empty_subset())
            above = order.above(table)
            for parent in (key for key, name in self.tables.items() if name in above):
                if await is_due(context, parent):
                    return dg.AutomationResult(context, context.get_empty_subset())
        return dg.AutomationResult(context, wanted)


async def is_due(context: dg.AutomationContext[dg.AssetKey], table: dg.AssetKey) -> bool:
    """Whether days of a table are being loaded, or will be before anybody is asked."""
    view = context.asset_graph_view
    every = view.get_full_subset(key=table)
    missing = await view.compute_missing_subset(key=table, from_subset=every)
    failed = await view.compute_execution_failed_subset(key=table, from_subset=every)
    running = await view.compute_run_in_progress_subset(key=table, from_subset=every)
    asked = await view.compute_backfill_in_progress_subset(key=table, from_subset=every)
    missing = missing.compute_union(dagster_internals.taken_back_subset(view, table))
    return not (missing.compute_difference(failed).is_empty and running.is_empty and asked.is_empty)
