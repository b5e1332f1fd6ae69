"""Runs of checks alone, over a span of days: what a schedule or a person asks for, launched and followed."""

import math
import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from recon_assets.model import TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.backfills import answered
from recon_assets.orchestration.translation import UNPREFIXED, Naming
from recon_assets.orchestration.webserver import Webserver

FIRST_TAG, LAST_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
LAUNCH_TAG = "recon/launch"
"""On all runs of one launch; a run that Dagster starts in place of a lost one has the tags of that one."""
POLL_SECONDS, LATE_SECONDS = 0.5, 10.0

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on PipelineNotFoundError { message }
    ... on InvalidSubsetError { message }
    ... on UnauthorizedError { message }
  }
}
"""

Due = tuple[dg.AssetCheckKey, str | None]
"""A check and the day that it is to judge; None for the whole table."""


@dataclass(frozen=True)
class CheckSelection:
    """Checks of one table, to be judged from the first to the last day of ``span``.

    Attributes:
        span: Both days included; None for a table without days.
        names: Which checks; none means all of them.
    """

    spec: TableSpec
    span: tuple[str, str] | None = None
    names: tuple[str, ...] = ()
    naming: Naming = UNPREFIXED

    @property
    def keys(self) -> tuple[dg.AssetCheckKey, ...]:
        """The checks as Dagster names them."""
        key = self.naming.key(self.spec)
        chosen = [check.name for check in self.spec.checks if not self.names or check.name in self.names]
        return tuple(dg.AssetCheckKey(key, name) for name in chosen)

    @property
    def due(self) -> frozenset[Due]:
        """A verdict is owed on each of these."""
        daily = {check.name for check in self.spec.checks if check.daily}
        return frozenset((key, day) for key in self.keys for day in (self.days if key.name in daily else (None,)))

    @property
    def days(self) -> tuple[str | None, ...]:
        """The days of the span; None alone where there is none."""
        if self.spec.calendar is None or self.span is None:
            return (None,)
        return tuple(window.key for window in self.spec.calendar.between(*self.span))

    @property
    def calendar(self) -> Hashable:
        """What tables must share for a run to judge days of both."""
        return (self.span, self.spec.calendar.division) if self.spec.calendar else None


@dataclass(frozen=True)
class Scope:
    """What one run judges."""

    keys: tuple[dg.AssetCheckKey, ...]
    span: tuple[str, str] | None = None

    @property
    def tags(self) -> dict[str, str]:
        """The span as Dagster reads it; without it, a table is judged for all its loaded days."""
        return {FIRST_TAG: self.span[0], LAST_TAG: self.span[1]} if self.span else {}


def scopes(asked: Sequence[CheckSelection]) -> list[Scope]:
    """As few runs as can be, at 3 CPU-s each: tables of one calendar share one, those without days join the first."""
    found: dict[Hashable, Scope] = {}
    for item in sorted(asked, key=lambda item: item.span is None):
        place = item.calendar if item.span else next(iter(found), None)
        scope = found.get(place, Scope((), item.span))
        found[place] = replace(scope, keys=(*scope.keys, *item.keys))
    return [scope for scope in found.values() if scope.keys]


def launch(webserver: Webserver, scope: Scope, tags: Mapping[str, str]) -> str:
    """Start a run of these checks; its id.

    Raises:
        DeclarationError: When the webserver does not know the tables.
        UnavailableError: With what Dagster said, when it refuses.
    """
    marks = {**tags, **scope.tags}
    params = {
        "selector": selector(webserver, scope),
        "mode": "default",
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in marks.items()]},
    }
    answer = webserver.ask(LAUNCH, params=params)["launchPipelineExecution"]
    run_id: str = answered(answer, "LaunchRunSuccess")["run"]["runId"]
    return run_id


def selector(webserver: Webserver, scope: Scope) -> dict[str, Any]:
    """These checks and no asset, as GraphQL names them."""
    tables = [{"path": list(key.asset_key.path)} for key in scope.keys]
    repository = webserver.repository_of(key.asset_key for key in scope.keys)
    return {
        "repositoryName": repository["name"],
        "repositoryLocationName": repository["location"]["name"],
        "pipelineName": dagster_internals.ASSET_JOB,
        "assetSelection": [],
        "assetCheckSelection": [
            {"assetKey": table, "name": key.name} for table, key in zip(tables, scope.keys, strict=True)
        ],
    }


@dataclass(frozen=True)
class Verdict:
    """What runs of checks alone have found of all that was asked, the newest of each check and day."""

    found: tuple[dg.AssetCheckEvaluation, ...]
    due: frozenset[Due]
    ended: bool = True

    @property
    def unsaid(self) -> frozenset[Due]:
        """What no run has said anything of."""
        return self.due - {(item.asset_check_key, item.partition) for item in self.found}

    @property
    def unknown(self) -> frozenset[Due]:
        """What could not be judged, whatever became of its run."""
        known = {(item.asset_check_key, item.partition) for item in self.found if not could_not_run(item)}
        return self.due - known

    @property
    def wrong(self) -> tuple[dg.AssetCheckEvaluation, ...]:
        """What was judged and did not pass."""
        return tuple(item for item in self.found if not item.passed and not could_not_run(item))

    def __str__(self) -> str:
        if not self.found and not self.ended:
            return "waiting for the first judgements"
        known = len(self.due - self.unknown)
        return f"{known:,} of {len(self.due):,} judged, {len(self.wrong):,} of them failed"


def could_not_run(item: dg.AssetCheckEvaluation) -> bool:
    """Whether nothing is known of what it should have judged."""
    return "error" in item.metadata


def follow(instance: dg.DagsterInstance, launched: str, due: frozenset[Due]) -> Iterator[Verdict]:
    """Yield what the runs of one launch have found, about twice a second until nothing more will come.

    Runs are known by the launch's tag, which a run bears too that Dagster starts in place of one that was lost. What
    is due when all have ended is looked for a little longer, from the start: it may be written late.
    """
    tags, cursors, late_until = {LAUNCH_TAG: launched}, dict[str, str | None](), math.inf
    found = dict[Due, dg.AssetCheckEvaluation]()
    while True:
        ended = not dagster_internals.under_way(instance, tags)
        for run in reversed(instance.get_runs(dg.RunsFilter(tags=tags))):  # the oldest first
            more, cursors[run.run_id] = evaluations(instance, run.run_id, None if ended else cursors.get(run.run_id))
            found |= {(item.asset_check_key, item.partition): item for item in more}
        verdict = Verdict(tuple(found.values()), due, ended)
        if ended:
            late_until = min(late_until, time.monotonic() + LATE_SECONDS)
        verdict = replace(verdict, ended=ended and (not verdict.unsaid or time.monotonic() >= late_until))
        yield verdict
        if verdict.ended:
            return
        time.sleep(POLL_SECONDS)


def evaluations(
    instance: dg.DagsterInstance, run_id: str, cursor: str | None
) -> tuple[list[dg.AssetCheckEvaluation], str]:
    """What a run has said since the last look, and where to look on."""
    found, has_more, place = list[dg.AssetCheckEvaluation](), True, cursor
    while has_more:
        page = instance.get_records_for_run(run_id, place, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        entries = [record.event_log_entry.asset_check_evaluation for record in page.records]
        found += [entry for entry in entries if entry]
        has_more, place = page.has_more, page.cursor
    return found, place or ""
