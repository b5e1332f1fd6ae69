"""The sensor that turns failed checks into cases, and decisions into runs.

What is to be done is read from the ledger and from nowhere else, so a daemon that is killed between any two steps
loses nothing, and asks again for what was not done. A sort of run is asked for when all that one look has asked for
of it has ended: one run that corrects, and shows what became of it; one that shows what else has changed, and a few
that judge again. While tables are being loaded or judged, what no person waits for is gathered for a minute.
"""

import math
import time
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import dagster as dg
import sqlalchemy as sa

from recon_assets import ledger, review
from recon_assets.ledger import Ledger
from recon_assets.model import ALL, Case, Days, Project, State, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.adoption import window_keys
from recon_assets.orchestration.backfills import stretches
from recon_assets.orchestration.case_assets import CASES
from recon_assets.orchestration.check_runs import CheckSelection, Scope, scopes
from recon_assets.orchestration.checking import RECORDS_TAG
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.reviewing import CORRECT, JUDGE, SHOW
from recon_assets.orchestration.rollbacks import show_rollbacks
from recon_assets.orchestration.translation import Naming

SECONDS = 5
SORT_TAG, WORK_TAG = "recon/review", "recon/work"
MOST_RUNS = 8
MOST_PRUNED = 1000
MOST_LOOKED_AT = 10
KEPT_FOR = timedelta(days=30)
RETRY_PAUSE, MAX_RETRY_PAUSE, RETRY_HISTORY = timedelta(seconds=5), timedelta(minutes=10), timedelta(hours=1)
POLICY_PAUSE = timedelta(minutes=1)
NEAR_DAYS = 7
"""Days that so few others part share a run: that costs less than a further one, and more would cost more."""
NOTHING = Scope(())
OURS = [SHOW, CORRECT, JUDGE]
MOST_ROUTED, ROUTING_SECONDS = 500, 20.0
"""Findings in one transaction; after so long the rest is left to the next look: Dagster ends one that takes 60 s."""
PRIORITY_TAG = "dagster/priority"
PRIORITIES = {CORRECT: 20, SHOW: 20, JUDGE: 10}
"""In Dagster's queue, where a backfill's runs have 0: who decides does not wait for a year to be loaded."""


def sensor(
    connections: Connections, jobs: Sequence[dagster_internals.Job], status: dg.DefaultSensorStatus
) -> dg.SensorDefinition:
    """Looks into the ledger every few seconds."""
    project, naming = connections.project, connections.naming
    tables = naming.tables(project)

    @dg.sensor(
        name="review",
        jobs=jobs,
        minimum_interval_seconds=SECONDS,
        default_status=status,
        tags={review.SENSOR_TAG: "true"},
        required_resource_keys=connections.resource_keys(),
        description="Makes cases of what checks found, and asks for the runs that show, correct and judge again.",
    )
    def review_(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC)
        # A ledger that is away, or does not fit, fails the tick: nobody looks at a green one.
        with connections.ledger_in(context.resources) as book:
            show_rollbacks(context.instance, book, project, naming, ROUTING_SECONDS)
            loading = {tables[key] for key in dagster_internals.being_loaded(context.instance) if key in tables}
            wanted = tick(book, project, naming, now, loading)
            requests = [work.request for work in free(context.instance, wanted, now)]
            if not requests:
                forget(context.instance, book, now)
        if requests:
            return dg.SensorResult(run_requests=requests)
        return dg.SkipReason("Under way, or asked for a moment ago." if wanted else "Nothing is to be done.")

    return review_


def tick(book: Ledger, project: Project, naming: Naming, now: datetime, loading: Collection[str] = ()) -> list["Work"]:
    """Bring the cases up to date with what was found; what is to be done about them."""
    route(book, project, now, ROUTING_SECONDS)
    due = review.due(book, project, now, loading)
    with book.begin() as connection:
        return [
            *corrections(connection, project, due),
            *shows(due),
            *judgements(project, naming, due.check, causes(connection, due.check), now),
        ]


def route(book: Ledger, project: Project, now: datetime, seconds: float = math.inf) -> None:
    """Make cases of all findings, or of as many as so many seconds allow."""
    until = time.monotonic() + seconds
    while review.route(book, project, now, MOST_ROUTED).findings >= MOST_ROUTED and time.monotonic() < until:
        pass


def forget(instance: dg.DagsterInstance, book: Ledger, now: datetime) -> None:
    """Delete the partitions of cases that were closed long ago; the ledger goes on remembering them."""
    with book.begin() as connection:
        closed = ledger.cases_closed_before(connection, now - KEPT_FOR, MOST_PRUNED)
    if not closed:
        return
    name, gone = CASES.name or "", {str(case) for case in closed}
    for partition in instance.get_dynamic_partitions(name):  # among them whatever people have added in Dagster
        if partition.partition("#")[0] in gone:
            instance.delete_dynamic_partition(name, partition)
    with book.begin() as connection:
        ledger.note_pruned(connection, closed)


@dataclass(frozen=True)
class Work:
    """A run to ask for.

    Attributes:
        job: Which job.
        cause: The same as long as nobody has done anything about it.
        scope: What a run of checks judges.
        records: Whether it compares all records besides.
        awaited: Whether a person waits for it.
    """

    job: str
    cause: Hashable
    scope: Scope = NOTHING
    records: bool = False
    awaited: bool = False

    @property
    def key(self) -> str:
        """The same as long as the same is to be done."""
        return sha256(repr((self.job, self.cause, self.scope, self.records)).encode()).hexdigest()[:16]

    @property
    def request(self) -> dg.RunRequest:
        """The run, without a key of Dagster's own: that would drop it for ever once it had been asked for."""
        ours = {SORT_TAG: self.job, WORK_TAG: self.key, dagster_internals.HOME_TAG: dagster_internals.home()}
        ours[PRIORITY_TAG] = str(PRIORITIES[self.job])
        tags = {**self.scope.tags, **ours, **({RECORDS_TAG: "all"} if self.records else {})}
        return dg.RunRequest(job_name=self.job, tags=tags, asset_check_keys=list(self.scope.keys) or None)


def corrections(connection: sa.Connection, project: Project, due: review.Due) -> Iterator[Work]:
    """One run for all that was decided, which shows all that has changed besides."""
    if due.correct or due.undo:
        tables = tuple(project.tables)
        decided = ledger.cases_in_state(connection, State.DECIDED, State.APPLYING, tables=tables)
        undos = ledger.cases_to_undo(connection, tables=tables)
        awaited = bool(undos) or any(case.decided_by != review.POLICY for case in decided)
        yield Work(CORRECT, versions([*decided, *undos]), awaited=awaited)


def shows(due: review.Due) -> Iterator[Work]:
    """One run for all that has changed."""
    if due.show:
        yield Work(SHOW, versions(due.show))


def versions(cases: Sequence[Case]) -> Hashable:
    """Another whenever something happens to one of these cases."""
    return tuple((case.id, case.version) for case in cases)


def causes(connection: sa.Connection, looks: Sequence[review.Look]) -> Hashable:
    """Another once one of these windows is due for another reason; not when it was judged and is as due as before."""
    return ledger.causes(connection, [(look.table, look.window) for look in looks])


def judgements(
    project: Project, naming: Naming, looks: Sequence[review.Look], cause: Hashable, now: datetime
) -> Iterator[Work]:
    """Runs of checks alone, as few as can be: near days share one, and so do tables of one calendar."""
    for records in (False, True):
        wanted = defaultdict[str, set[str]](set)
        for look in looks:
            if look.records is records:
                wanted[look.table].add(look.window)
        named = (replace(item, naming=naming) for item in shared(project, wanted, now))
        asked = [item for item in named if item.keys]
        yield from (Work(JUDGE, cause, scope, records) for scope in scopes(asked)[:MOST_RUNS])


def shared(project: Project, wanted: Mapping[str, set[str]], now: datetime) -> Iterator[CheckSelection]:
    """What each table is to be asked; tables of one calendar are asked for the same stretches of days."""
    tables = defaultdict[Days | None, list[TableSpec]](list)
    for name in sorted(wanted):
        days = project.tables[name].days
        tables[days and replace(days, column="", stored_in="")].append(project.tables[name])
    yield from (CheckSelection(spec) for spec in tables.pop(None, []))
    for specs in tables.values():
        ended = set(window_keys(specs[0], now))
        spans = stretches(sorted(ended & set().union(*(wanted[spec.name] for spec in specs))), bridge=NEAR_DAYS)
        for spec in specs:
            yield from asked_of(spec, wanted[spec.name], spans)


def asked_of(spec: TableSpec, wanted: set[str], spans: Sequence[tuple[str, str]]) -> Iterator[CheckSelection]:
    """The stretches that hold a wanted day of the table, by its daily checks; the whole table by the others."""
    daily = tuple(check.name for check in spec.checks if check.daily)
    whole = tuple(check.name for check in spec.checks if not check.daily)
    for first, last in spans:
        if daily and any(first <= day <= last for day in wanted - {ALL.key}):
            yield CheckSelection(spec, (first, last), daily)
    if ALL.key in wanted and whole and spec.days:
        start = spec.days.start.isoformat()  # any day will do: the checks are not of days
        yield CheckSelection(spec, (start, start), whole)


@dataclass(frozen=True)
class Left:
    """What is still to be done without people: cases to correct and to show, windows to judge, runs under way."""

    correct: int = 0
    show: int = 0
    judge: int = 0
    runs: int = 0

    @property
    def nothing(self) -> bool:
        """Whether all that is left waits for people."""
        return self == Left()

    def __str__(self) -> str:
        return f"{self.correct} cases to correct, {self.judge} days to judge again, {self.show} cases to show"


def left(instance: dg.DagsterInstance, book: Ledger, project: Project, now: datetime) -> Left:
    """What is still to be done about everything that was found until now."""
    runs = under_way(instance, OURS)
    route(book, project, now)
    due = review.due(book, project, now)
    with book.begin() as connection:
        applying = {case.id for case in ledger.cases_in_state(connection, State.APPLYING)}
    return Left(len({*due.correct, *due.undo, *applying}), len(due.show), len(due.check), runs)


def free(instance: dg.DagsterInstance, wanted: Sequence[Work], now: datetime) -> list[Work]:
    """What to ask for now; a correction that is asked for will show what has changed."""
    found = [work for work in wanted if is_free(instance, work, now)]
    corrected = any(work.job == CORRECT for work in found)
    return [work for work in found if not (corrected and work.job == SHOW)]


def is_free(instance: dg.DagsterInstance, work: Work, now: datetime) -> bool:
    """Whether to ask for it now: not while one of its job is under way, nor what a correction will show.

    What was asked for in vain is asked for again after twice as long each time.
    """
    like_it = [work.job, CORRECT] if work.job == SHOW else [work.job]
    if under_way(instance, like_it) or not (work.awaited or is_rested(instance, work.job, now)):
        return False
    same = dg.RunsFilter(tags={WORK_TAG: work.key}, created_after=now - RETRY_HISTORY)
    ended = [ending(record) for record in instance.get_run_records(same, limit=MOST_LOOKED_AT)]
    rest = min(RETRY_PAUSE * 2 ** len(ended), MAX_RETRY_PAUSE)
    return not ended or now.timestamp() - max(ended) >= rest.total_seconds()


def is_rested(instance: dg.DagsterInstance, job: str, now: datetime) -> bool:
    """Whether a job has rested long enough, or nothing else is under way: its runs take the time of those that load."""
    if instance.get_runs_count(dg.RunsFilter(statuses=list(dagster_internals.UNENDED))) == under_way(instance, OURS):
        return True
    last = instance.get_run_records(dg.RunsFilter(tags={SORT_TAG: job}), limit=1)
    return not last or now.timestamp() - ending(last[0]) >= POLICY_PAUSE.total_seconds()


def under_way(instance: dg.DagsterInstance, jobs: Sequence[str]) -> int:
    """How many runs of these jobs have been asked for and have not ended."""
    return instance.get_runs_count(dg.RunsFilter(tags={SORT_TAG: list(jobs)}, statuses=list(dagster_internals.UNENDED)))


def ending(record: dg.RunRecord) -> float:
    """When a run ended, or was asked for if that is not known, in seconds since 1970."""
    return record.end_time or record.create_timestamp.timestamp()
