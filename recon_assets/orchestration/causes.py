"""Why windows were not loaded, as the end of a run says it and as a command reads it there."""

from dataclasses import dataclass
from typing import Any

import dagster as dg

CAUSES = "causes"
BACKFILL_TAG = "dagster/backfill"


@dataclass(frozen=True)
class Cause:
    """Why windows of a table were not loaded; ``passing`` may be over when they are loaded again."""

    table: str
    reason: str
    windows: tuple[str, ...]
    passing: bool = False


def causes(instance: dg.DagsterInstance, backfill_id: str) -> list[Cause]:
    """Why windows of a backfill were not loaded, each cause of a table once."""
    ended = dg.RunsFilter(tags={BACKFILL_TAG: backfill_id}, statuses=[dg.DagsterRunStatus.FAILURE])
    found = dict[tuple[str, str, bool], set[str]]()
    for run in instance.get_runs(ended):
        for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records:
            for table, reason, windows, passing in _said(record):
                found.setdefault((table, reason, passing), set()).update(windows)
    return [
        Cause(table, reason, tuple(sorted(windows)), passing)
        for (table, reason, passing), windows in sorted(found.items())
    ]


def _said(record: dg.EventLogRecord) -> list[tuple[str, str, list[str], bool]]:
    """The causes of one failure; one that is none of ours has none."""
    event = record.event_log_entry.dagster_event
    said = event.step_failure_data.user_failure_data if event else None
    values: Any = said.metadata[CAUSES].value if said and CAUSES in said.metadata else []
    return [(each["table"], each["reason"], each["windows"], each["passing"]) for each in values]
