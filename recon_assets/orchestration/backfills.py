"""Real asset backfills: launched by the webserver, run by the daemon, followed day by day."""

import itertools
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from recon_assets.errors import UnavailableError
from recon_assets.model import Mode, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.causes import BACKFILL_TAG, causes
from recon_assets.orchestration.translation import UNPREFIXED, Naming
from recon_assets.orchestration.webserver import Webserver, sentence

MOST_TITLE = 100
MOST_STRETCHES = 12
BRIDGED = 31
POLL_SECONDS = 1.0
LATE_SECONDS = 10.0
ENDED = frozenset({"COMPLETED", "COMPLETED_SUCCESS", "COMPLETED_FAILED", "FAILED", "CANCELED"})
OURS_TAG = "recon/backfill"

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
CANCEL = """
mutation Cancel($id: String!) {
  cancelPartitionBackfill(backfillId: $id) {
    __typename
    ... on PythonError { message }
    ... on UnauthorizedError { message }
  }
}
"""
ACTIVE = """
query Active {
  partitionBackfillsOrError(filters: {statuses: [REQUESTED, CANCELING, FAILING]}) {
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
    again: bool = False
    """Whether some of them are materialized, and to be loaded all the same."""
    naming: Naming = UNPREFIXED

    @property
    def key(self) -> dg.AssetKey:
        """The table's asset."""
        return self.naming.key(self.spec)

    @property
    def bridged(self) -> bool:
        """Whether days between the wanted ones are passed over inside the runs, rather than split them.

        Dagster starts a run for each unbroken stretch of days, at 3 CPU-s and 2 s of waiting each; a day
        that is passed over costs 5 ms, and is reported again as it was. Runs know days that are to be passed over
        by their being materialized, so none is where such a day is to be loaded.
        """
        return bool(self.spec.calendar) and not self.again and len(self.stretches()) > MOST_STRETCHES

    @property
    def calendar(self) -> tuple[object, ...]:
        """What two tables must share for a run to load days of both."""
        return self.spec.calendar.division if self.spec.calendar else ()

    def selector(self, beside: Sequence["Wanted"] = ()) -> dict[str, Any]:
        """The windows as GraphQL names them; a table without days has no partitions to name.

        Bridged tables ``beside`` this one, of the same calendar, are given the same ranges: then they share runs.
        """
        key = {"path": list(self.key.path)}
        if not self.spec.calendar:
            return {"assetKey": key, "partitions": None}
        found = stretches(self.spec, self._shared(beside), bridge=BRIDGED) if self.bridged else self.stretches()
        return {"assetKey": key, "partitions": {"ranges": [{"start": first, "end": last} for first, last in found]}}

    def _shared(self, beside: Sequence["Wanted"]) -> list[str]:
        others = [item.windows for item in beside if item.bridged and item.calendar == self.calendar]
        return [*{*self.windows, *itertools.chain.from_iterable(others)}]

    def stretches(self) -> list[tuple[str, str]]:
        """The first and the last window of each unbroken stretch."""
        return stretches(self.spec, self.windows)

    def config(self, mode: Mode) -> dict[str, Any]:
        """The run config of this table's op, as far as it differs from what is usual."""
        unusual = {"mode": mode.name} if mode is not Mode.INSERT_MISSING else {}
        return {**unusual, **({"only_missing": True} if self.bridged else {})}


def stretches(spec: TableSpec, windows: Iterable[str], *, bridge: int = 0) -> list[tuple[str, str]]:
    """The first and last window of each stretch; up to ``bridge`` windows may be missing inside one."""
    found: list[tuple[int, int]] = []
    for index in sorted(map(spec.calendar.index, windows)) if spec.calendar else ():
        if found and index - found[-1][1] <= bridge + 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return [(spec.calendar.key(first), spec.calendar.key(last)) for first, last in found if spec.calendar]


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

    @property
    def result(self) -> str:
        """What has come of it, once it has ended."""
        whole = "done" if len(self.done) == self.total else "cancelled" if self.status == "CANCELED" else "failed"
        return f"{whole}, {len(self.done)} of {self.total} days loaded, {self.rows:,} rows in {self.seconds:.0f} s"

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {self.seconds_left:.0f} s left"
        days = f"{len(self.done)} of {self.total} days"
        return f"{days}, {self.rows:,} rows, {self.rows_per_second:,.0f} rows/s{left}"


def launch(webserver: Webserver, wanted: Sequence[Wanted], mode: Mode, tags: Mapping[str, str]) -> str:
    """Ask the daemon for these windows; the backfill's id.

    Raises:
        DeclarationError: When the webserver does not know one of the tables.
        UnavailableError: With what Dagster said, when it refuses.
    """
    some = [item for item in wanted if item.windows]
    webserver.repository_of(item.key for item in some)
    config = {item.naming.op(item.spec): {"config": item.config(mode)} for item in some if item.config(mode)}
    params = {
        "partitionsByAssets": [item.selector(some) for item in some],
        "title": f"recon: {mode.value} {', '.join(item.spec.name for item in some)}"[:MOST_TITLE],
        "tags": [{"key": key, "value": value} for key, value in {**tags, OURS_TAG: "recon"}.items()],
        **({"runConfigData": {"ops": config}} if config else {}),
    }
    answer = webserver.ask(LAUNCH, params=params)["launchPartitionBackfill"]
    backfill_id: str = answered(answer, "LaunchBackfillSuccess")["backfillId"]
    return backfill_id


def answered(answer: Mapping[str, Any], expected: str) -> Mapping[str, Any]:
    """The answer, when it is of the expected type.

    Raises:
        UnavailableError: With what Dagster said instead.
    """
    if answer["__typename"] != expected:
        msg = f"Dagster refused: {sentence(answer.get('message', answer['__typename']))}"
        raise UnavailableError(msg)
    return answer


def cancel(webserver: Webserver, backfill_id: str) -> None:
    """Stop a backfill, which otherwise goes on whenever Dagster runs; one that has ended is left alone."""
    status = answered(webserver.ask(STATUS, id=backfill_id)["partitionBackfillOrError"], "PartitionBackfill")
    if status["status"] not in ENDED:
        answered(webserver.ask(CANCEL, id=backfill_id)["cancelPartitionBackfill"], "CancelBackfillSuccess")


def active(webserver: Webserver, mark: Mapping[str, str]) -> list[str]:
    """Backfills of ours with these tags that have not ended, oldest first."""
    answer = answered(webserver.ask(ACTIVE)["partitionBackfillsOrError"], "PartitionBackfills")
    tags = [({tag["key"]: tag["value"] for tag in item["tags"]}, item) for item in answer["results"]]
    ours = [item for found, item in tags if OURS_TAG in found and mark.items() <= found.items()]
    return [item["id"] for item in sorted(ours, key=lambda item: item["timestamp"])]


def follow(
    webserver: Webserver,
    instance: dg.DagsterInstance,
    backfill_id: str,
    wanted: Sequence[Wanted],
    since: Mapping[str, int] | None = None,
) -> Iterator[Progress]:
    """Yield the progress of a backfill about every second until nothing more will come of it; the last is final.

    What counts is what is materialized, by whichever run. A window that is not when the backfill has ended, and of
    which no run says why, is looked for a little longer: its note may be written late, or a run be tried again.
    ``since`` is what `newest` said of each table before the launch: two backfills may meet within a second. Without it
    clocks must do, and those of the webserver and of a run's machine may differ.
    """
    progress = Progress(total=sum(len(item.windows) for item in wanted))
    after, late_until = dict(since or {}), math.inf
    while True:
        status = answered(webserver.ask(STATUS, id=backfill_id)["partitionBackfillOrError"], "PartitionBackfill")
        error, began = (status["error"] or {}).get("message"), status["timestamp"]
        earliest = -math.inf if since is not None else began - 1
        progress = replace(progress, seconds=time.time() - began, status=status["status"], error=error)
        for item in wanted:
            progress = counted(instance, item, progress, after.get(item.spec.name, 0), earliest)
        yield progress
        if progress.ended:
            late_until = min(late_until, time.monotonic() + LATE_SECONDS)
            if not awaited(instance, backfill_id, wanted, progress, late=time.monotonic() < late_until):
                return
        time.sleep(POLL_SECONDS)


def awaited(
    instance: dg.DagsterInstance, backfill_id: str, wanted: Sequence[Wanted], progress: Progress, *, late: bool
) -> bool:
    """Whether a window of a backfill that has ended may still turn out to be loaded; ``late``: it has just ended."""
    left = {(item.spec.name, key) for item in wanted for key in item.windows} - progress.done
    if not left or progress.status == "CANCELED":
        return False
    explained = {(cause.table, key) for cause in causes(instance, backfill_id) for key in cause.windows}
    return bool(left - explained) and (late or dagster_internals.under_way(instance, {BACKFILL_TAG: backfill_id}))


def newest(instance: dg.DagsterInstance, wanted: Sequence[Wanted]) -> Mapping[str, int]:
    """The storage id of the newest materialization of each table, 0 where there is none."""
    found = {item.spec.name: instance.fetch_materializations(item.key, limit=1).records for item in wanted}
    return {name: records[0].storage_id if records else 0 for name, records in found.items()}


def counted(instance: dg.DagsterInstance, item: Wanted, progress: Progress, after: int, earliest: float) -> Progress:
    """The progress with what has been materialized of one table since the last look."""
    name = item.spec.name
    left = [key for key in item.windows if (name, key) not in progress.done]
    records = dagster_internals.materialized_since(instance, item.key, after, left) if left else {}
    new = {key: record for key, record in records.items() if record.timestamp >= earliest}
    return replace(
        progress,
        done=progress.done | {(name, key) for key in new},
        rows=progress.rows + sum(map(rows_written, new.values())),
    )


def rows_written(record: dg.EventLogRecord) -> int:
    """The rows that one load inserted or updated."""
    metadata = record.asset_materialization.metadata if record.asset_materialization else {}
    values = (metadata[name].value for name in ("inserted", "updated") if name in metadata)
    return sum(value for value in values if isinstance(value, int))
