"""Loads that were taken back, as Dagster shows them: their windows are again what they were before.

The ledger knows what was taken back. Dagster cannot delete the materialization of one day, so the day is reported
again: as it was before the load, or, if it was not materialized then, as one that counts as missing.
"""

import math
import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import dagster as dg

from recon_assets import ledger
from recon_assets.ledger import Ledger, Restoration
from recon_assets.model import Project, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.translation import Naming

LATE = timedelta(minutes=1)
"""Notes of the ledger are numbered before they are committed: so long a later number may be seen first."""
NOTE = "taken back in"
"""The metadata that says which note of the ledger a materialization shows."""


def show_rollbacks(
    instance: dg.DagsterInstance, book: Ledger, project: Project, naming: Naming, seconds: float = math.inf
) -> None:
    """Tell Dagster of loads that were taken back since the last look.

    What so many seconds do not do, the next look does. A window that was loaded again since is left alone, so two
    looks at once do no harm.
    """
    until, mark = time.monotonic() + seconds, f"recon/rollbacks {project.name}"
    with book.begin() as connection:
        found = ledger.restorations(connection, dagster_internals.bookmark(instance, mark))
    if not found:
        return
    dagster_internals.keep_connection(instance)
    tables = defaultdict[str, dict[str, Restoration]](dict)
    for item in found:
        tables[item.table][item.window] = item  # the last of a window leaves it as it is now
    for name, windows in tables.items():
        spec = project.tables.get(name)
        known = dagster_internals.latest_records(instance, naming.key(spec), windows) if spec else {}
        for window, record in known.items():
            if is_older(record, windows[window]):
                if time.monotonic() > until:
                    return
                instance.report_runless_asset_event(as_before(instance, naming, project.tables[name], windows[window]))
    settled = [item.number for item in found if item.at < datetime.now(UTC) - LATE]
    if settled:
        dagster_internals.set_bookmark(instance, mark, max(settled))


def is_older(record: dg.EventLogRecord, taken_back: Restoration) -> bool:
    """Whether a materialization knows nothing yet of a load that was taken back."""
    shown = record.asset_materialization.metadata.get(NOTE) if record.asset_materialization else None
    if shown:
        return int(str(shown.value)) < taken_back.number
    return record.timestamp < taken_back.at.timestamp()


def as_before(
    instance: dg.DagsterInstance, naming: Naming, spec: TableSpec, taken_back: Restoration
) -> dg.AssetMaterialization:
    """What Dagster knew of a window before the load; a materialization that counts as none, where that was nothing."""
    key, partition = naming.key(spec), taken_back.window if spec.calendar else None
    records = dagster_internals.history(instance, key, partition)
    loads = [at for at, record in enumerate(records) if record.run_id == taken_back.run]
    before = [record.asset_materialization for record in records[loads[-1] + 1 :]] if loads else []
    event = next(filter(None, before), None) or dg.AssetMaterialization(
        key,
        partition=partition,
        description="Its load was taken back: it counts as not loaded.",
        metadata={"origin": "taken back"},
        tags=dagster_internals.TAKEN_BACK,
    )
    return event.with_metadata({**event.metadata, NOTE: taken_back.number})
