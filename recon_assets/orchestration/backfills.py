"""Real asset backfills: launched by the webserver, run by the daemon, followed day by day."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import groupby
from typing import Any

import dagster as dg

from recon_assets.errors import UnavailableError
from recon_assets.model import Mode, TableSpec
from recon_assets.orchestration.webserver import Webserver

PAGE = 1000
POLL_SECONDS = 1.0
ENDED = frozenset({"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"})
TITLE_TAG = "recon/backfill"

LAUNCH = """
mutation Launch($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on UnauthorizedError { message }
    ... on InvalidSubsetError { message }
    ... on PartitionKeysNotFoundError { message }
  }
}
"""
STATUS = """
query Status($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    __typename
    ... on PartitionBackfill { status timestamp error { message } }
    ... on PythonError { message }
    ... on BackfillNotFoundError { message }
  }
}
"""
ACTIVE = """
query Active {
  partitionBackfillsOrError(statuses: [REQUESTED, CANCELING, FAILING]) {
    __typename
    ... on PartitionBackfills { results { id timestamp tags { key value } } }
    ... on PythonError { message }
  }
}
"""


@dataclass(frozen=True)
class Wanted:
    """The windows of one table that a backfill is to load, oldest first."""

    spec: TableSpec
    windows: tuple[str, ...]

    def ranges(self) -> tuple[tuple[str, str], ...]:
        """The windows as first and last day of each unbroken stretch; each stretch becomes a run of its own."""
        apart = [(date.fromisoformat(day) - timedelta(days=at), day) for at, day in enumerate(self.windows)]
        stretches = [[day for _, day in same] for _, same in groupby(apart, key=lambda item: item[0])]
        return tuple((stretch[0], stretch[-1]) for stretch in stretches)

    def selector(self) -> dict[str, Any]:
        """The windows as GraphQL names them; a table without days has no partitions to name."""
        key = {"path": [self.spec.name]}
        if not self.spec.days:
            return {"assetKey": key, "partitions": None}
        ranges = [{"start": first, "end": last} for first, last in self.ranges()]
        return {"assetKey": key, "partitions": {"ranges": ranges}}


@dataclass(frozen=True)
class Progress:
    """How far a backfill is: windows loaded of those wanted, the rows they wrote, the seconds it took."""

    total: int
    done: frozenset[tuple[str, str]] = frozenset()
    rows: int = 0
    seconds: float = 0.0
    status: str = "REQUESTED"
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED

    @property
    def rows_per_second(self) -> float:
        """Rows written per second since the launch."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def seconds_left(self) -> float | None:
        """The time the rest will take if it goes on like this; None before anything is done."""
        return self.seconds / len(self.done) * (self.total - len(self.done)) if self.done else None

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left"
        days = f"{len(self.done)} of {self.total} days"
        return f"{days}, {self.rows:,} rows, {self.rows_per_second:,.0f} rows/s{left}"


def launch(webserver: Webserver, wanted: Sequence[Wanted], title: str, mode: Mode = Mode.INSERT_MISSING) -> str:
    """Ask the daemon for these windows; the backfill's id."""
    config = {item.spec.name: {"config": {"mode": mode.name}} for item in wanted}
    params = {
        "partitionsByAssets": [item.selector() for item in wanted],
        "title": title,
        "tags": [{"key": TITLE_TAG, "value": "recon"}],
    }
    if mode is not Mode.INSERT_MISSING:
        params["runConfigData"] = {"ops": config}
    answer = webserver.ask(LAUNCH, params=params)["launchPartitionBackfill"]
    backfill_id: str = answered(answer, "LaunchBackfillSuccess")["backfillId"]
    return backfill_id


def answered(answer: Mapping[str, Any], expected: str) -> Mapping[str, Any]:
    """The answer, when it is of the expected type.

    Raises:
        UnavailableError: With what Dagster said instead.
    """
    if answer["__typename"] != expected:
        msg = f"Dagster refused: {answer.get('message', answer['__typename'])}"
        raise UnavailableError(msg)
    return answer


def active(webserver: Webserver) -> list[str]:
    """Backfills of ours that have not ended, oldest first."""
    answer = answered(webserver.ask(ACTIVE)["partitionBackfillsOrError"], "PartitionBackfills")
    ours = [item for item in answer["results"] if any(tag["key"] == TITLE_TAG for tag in item["tags"])]
    return [item["id"] for item in sorted(ours, key=lambda item: item["timestamp"])]


def follow(
    webserver: Webserver,
    instance: dg.DagsterInstance,
    backfill_id: str,
    wanted: Sequence[Wanted],
    *,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Progress]:
    """Yield the progress of a backfill about every second until it has ended; the last is final."""
    progress = Progress(total=sum(len(item.windows) for item in wanted))
    started, cursors = None, dict[str, int]()
    while not progress.ended:
        status = answered(webserver.ask(STATUS, id=backfill_id)["partitionBackfillOrError"], "PartitionBackfill")
        started = started or status["timestamp"]
        error = (status["error"] or {}).get("message")
        progress = replace(progress, seconds=clock() - started, status=status["status"], error=error)
        for item in wanted:
            progress = counted(instance, item, progress, cursors, started)
        yield progress
        if not progress.ended:
            sleep(POLL_SECONDS)


def counted(
    instance: dg.DagsterInstance, item: Wanted, progress: Progress, cursors: dict[str, int], started: float
) -> Progress:
    """The progress with what has been materialized of one table since the last look."""
    name, windows = item.spec.name, frozenset(item.windows)
    while True:
        page = instance.fetch_materializations(
            dg.AssetRecordsFilter(
                asset_key=dg.AssetKey(name), after_storage_id=cursors.get(name, 0), after_timestamp=started - 1
            ),
            limit=PAGE,
            ascending=True,
        ).records
        for record in page:
            cursors[name] = record.storage_id
            key = record.partition_key or "all"
            if key in windows and record.run_id:
                inserted = rows_written(record)
                progress = replace(progress, done=progress.done | {(name, key)}, rows=progress.rows + inserted)
        if len(page) < PAGE:
            return progress


def rows_written(record: dg.EventLogRecord) -> int:
    """The rows that one load inserted or updated."""
    metadata = record.asset_materialization.metadata if record.asset_materialization else {}
    values = (metadata[name].value for name in ("inserted", "updated") if name in metadata)
    return sum(value for value in values if isinstance(value, int))
