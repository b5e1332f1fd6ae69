"""The sensor of the review: makes cases of what checks found, shows them in Dagster, and asks for the run that is due.

What is due is read from the ledger and from nowhere else, so a daemon that is killed between any two steps loses
nothing, and asks again for what was not done. At most one run of the review is in flight: it does all that is due.
While tables are being loaded or judged, what no person waits for is gathered for a minute.
"""

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from recon_assets import ledger, review
from recon_assets.ledger import Ledger
from recon_assets.model import Project, State, plural
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.case_assets import show
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.review_run import loading
from recon_assets.orchestration.rollbacks import show_rollbacks
from recon_assets.orchestration.translation import Naming

INTERVAL_SECONDS = 5
SECONDS_EACH = 15.0
"""For showing rollbacks, routing and showing cases; the rest is left to the next tick. Dagster ends one after 60 s."""
MAX_ROUTED_AT_ONCE = 500
"""Findings in one transaction."""
MAX_PRUNED_PER_TICK = 1000
MAX_TRIES_COUNTED, MAX_UNSHOWN_COUNTED = 10, 1000
KEPT_FOR = timedelta(days=30)
RETRY_PAUSE, MAX_RETRY_PAUSE, RETRY_HISTORY = timedelta(seconds=5), timedelta(minutes=10), timedelta(hours=1)
GATHERING_PAUSE = timedelta(minutes=1)
REVIEW_TAG, WORK_TAG = "recon/review", "recon/work"
"""On the review's runs: of which project, and what was due when the run was asked for."""
PRIORITY_TAG, PRIORITY = "dagster/priority", "20"
"""In Dagster's queue, where a backfill's runs have 0: who decides does not wait for a year to be loaded."""


def sensor(connections: Connections, job: dg.JobDefinition, status: dg.DefaultSensorStatus) -> dg.SensorDefinition:
    """Looks into the ledger every few seconds."""
    project, naming = connections.project, connections.naming

    @dg.sensor(
        name=naming.of_ours("review"),
        job=job,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=status,
        tags={review.SENSOR_TAG: "true"},
        required_resource_keys=connections.resource_keys(),
        description="Makes cases of what checks found, shows them in review_queue and review_decisions, and asks for"
        f" the run of {job.name} that does what was decided.",
    )
    def review_(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        now, instance = datetime.now(UTC), context.instance
        # A ledger that is away, or does not fit, fails the tick: nobody looks at a green one.
        with connections.ledger_in(context.resources) as book:
            show_rollbacks(instance, book, project, naming, SECONDS_EACH)
            route(book, project, now, SECONDS_EACH)
            due = review.due(book, project, now, loading(instance, project, naming))
            # Nobody who waits for the run shall wait for cases to be shown: a later tick shows them.
            if not due.nothing and is_free(instance, project, due, now):
                return request(project, job, due)
            if shown := show(instance, book, project, naming, SECONDS_EACH):
                return dg.SkipReason(f"Shown: {plural(shown, 'case')}.")
            forget(instance, book, naming, now)
        return dg.SkipReason("Nothing is to be done." if due.nothing else "Under way, or asked for a moment ago.")

    return review_


def route(book: Ledger, project: Project, now: datetime, seconds: float = math.inf) -> None:
    """Make cases of all findings, or of as many as so many seconds allow."""
    until = time.monotonic() + seconds
    while review.route(book, project, now, MAX_ROUTED_AT_ONCE).findings >= MAX_ROUTED_AT_ONCE:
        if time.monotonic() >= until:
            return


def request(project: Project, job: dg.JobDefinition, due: review.Due) -> dg.RunRequest:
    """A run that does what is due, without a run key: that would drop it for ever once it had been asked for."""
    home = {dagster_internals.HOME_TAG: dagster_internals.home()}
    tags = {REVIEW_TAG: project.name, WORK_TAG: due.key, PRIORITY_TAG: PRIORITY, **home}
    return dg.RunRequest(job_name=job.name, tags=tags)


def is_free(instance: dg.DagsterInstance, project: Project, due: review.Due, now: datetime) -> bool:
    """Whether to ask for a run now: not while one is under way; what was in vain, after twice as long each time."""
    if under_way(instance, project) or not (due.awaited or is_rested(instance, project, now)):
        return False
    same = dg.RunsFilter(tags={REVIEW_TAG: project.name, WORK_TAG: due.key}, created_after=now - RETRY_HISTORY)
    ended = [ending(record) for record in instance.get_run_records(same, limit=MAX_TRIES_COUNTED)]
    pause = min(RETRY_PAUSE * 2 ** len(ended), MAX_RETRY_PAUSE)
    return not ended or now.timestamp() - max(ended) >= pause.total_seconds()


def is_rested(instance: dg.DagsterInstance, project: Project, now: datetime) -> bool:
    """Whether no other run is under way, or the review's last has ended a while ago: its runs take time from loads."""
    if not instance.get_runs_count(dg.RunsFilter(statuses=list(dagster_internals.UNENDED))):
        return True
    last = instance.get_run_records(dg.RunsFilter(tags={REVIEW_TAG: project.name}), limit=1)
    return not last or now.timestamp() - ending(last[0]) >= GATHERING_PAUSE.total_seconds()


def under_way(instance: dg.DagsterInstance, project: Project) -> int:
    """How many runs of the review have been asked for and have not ended."""
    statuses = list(dagster_internals.UNENDED)
    return instance.get_runs_count(dg.RunsFilter(tags={REVIEW_TAG: project.name}, statuses=statuses))


def ending(record: dg.RunRecord) -> float:
    """When a run ended, or was asked for if that is not known, in seconds since 1970."""
    return record.end_time or record.create_timestamp.timestamp()


def forget(instance: dg.DagsterInstance, book: Ledger, naming: Naming, now: datetime) -> None:
    """Delete the partitions of cases that were closed long ago; the ledger goes on remembering them."""
    with book.begin() as connection:
        closed = ledger.cases_closed_before(connection, now - KEPT_FOR, MAX_PRUNED_PER_TICK)
    if not closed:
        return
    name, gone = naming.cases.name or "", {str(case) for case in closed}
    for partition in instance.get_dynamic_partitions(name):  # among them whatever people have added in Dagster
        if partition.partition("#")[0] in gone:
            instance.delete_dynamic_partition(name, partition)
    with book.begin() as connection:
        ledger.note_pruned(connection, closed)


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
    runs = under_way(instance, project)
    route(book, project, now)
    due = review.due(book, project, now)
    with book.begin() as connection:
        applying = ledger.cases_in_state(connection, State.APPLYING)
        unshown = ledger.cases_to_show(connection, MAX_UNSHOWN_COUNTED)
    correct = {case.id for case in (*due.correct, *due.undo, *applying)}
    return Left(len(correct), len(unshown), len(due.recheck), runs)
