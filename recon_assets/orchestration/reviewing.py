"""The review of what is wrong, as two assets and the jobs that keep them true to the ledger.

A person may decide on the page, on the command line, or here by materializing `review_decisions` for a case:
each writes a decision into the ledger, and the job `correct_cases` does what was decided.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from recon_assets import ledger, review
from recon_assets.errors import DeclarationError, ReconError, RefusedError
from recon_assets.ledger import Ledger
from recon_assets.model import CaseEventType, CaseId, Decision, Project, Resolution, State
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.case_assets import (
    CASES,
    DECISIONS,
    QUEUE,
    Picture,
    case_of,
    changes,
    page,
    picture,
    show,
)
from recon_assets.orchestration.check_runs import CheckSelection
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.translation import Naming

GROUP = "review"
SHOW, CORRECT, JUDGE = "show_cases", "correct_cases", "judge_again"
LOGINS = ("RECON_WEB_USERS", "RECON_WEB_USER_HEADER")
MOST_NAMED = 5
CASES_PER_RUN = 100


Event = dg.AssetMaterialization | dg.AssetObservation


class DecideConfig(dg.Config):
    """A decision, as a person fills it in in the launchpad."""

    decision: Decision = Field(
        description="APPLY_SOURCE writes what the source has, KEEP_TARGET accepts the difference, CUSTOM_FIX writes"
        " the values given."
    )
    reviewer: str = Field(description="Your name.")
    note: str = Field(default="", description="Why; needed unless the source is applied.")
    rows: list[str] = Field(default=[], description="The ids of the records that it is for; none means all.")
    values: dict[str, dict[str, Any]] = Field(
        default={}, description="For CUSTOM_FIX: by record id, each column's new value; null is NULL."
    )
    dry_run: bool = Field(default=False, description="Show what would be written, and decide nothing.")

    def chosen(self) -> Resolution:
        """The decision as the ledger knows it."""
        values = {
            row: {name: None if value is None else str(value) for name, value in columns.items()}
            for row, columns in self.values.items()
        }
        return Resolution(self.decision, tuple(self.rows), values)


def queue(connections: Connections) -> dg.AssetsDefinition:
    """The cases, each with its evidence."""

    @dg.multi_asset(
        name="review_queue",
        specs=[
            dg.AssetSpec(
                QUEUE,
                skippable=True,
                partitions_def=CASES,
                group_name=GROUP,
                kinds={"review"},
                description="What is wrong and waits, or waited, for a decision: a partition for each case, which is"
                " of one table, one day and one kind of discrepancy. Its newest materialization has the evidence."
                " It fills itself; materialize a case to see its evidence as it is now.",
            )
        ],
        partitions_def=CASES,
        backfill_policy=dg.BackfillPolicy.multi_run(CASES_PER_RUN),
        required_resource_keys=connections.resource_keys(),
    )
    def work(context: dg.AssetExecutionContext) -> Iterator[dg.AssetMaterialization]:
        with driver_errors(), connections.ledger_in(context.resources) as book:
            for partition in context.partition_keys:
                yield pictured(book, connections.project, partition).materialization()

    return work


def decisions(connections: Connections) -> dg.AssetsDefinition:
    """What was decided of the cases, each with its outcome."""

    @dg.multi_asset(
        name="review_decisions",
        specs=[
            dg.AssetSpec(
                DECISIONS,
                deps=[QUEUE],
                skippable=True,
                partitions_def=CASES,
                group_name=GROUP,
                kinds={"review"},
                description="What was decided of each case, by whom and why, and what came of it. A partition that"
                " is missing waits for a decision: decide on the page /review, by `recon review decide`, or here by"
                " materializing the partition with a config. A run of correct_cases then does what was decided.",
            )
        ],
        partitions_def=CASES,
        backfill_policy=dg.BackfillPolicy.multi_run(CASES_PER_RUN),
        required_resource_keys=connections.resource_keys(*connections.project.tables.values()),
    )
    def work(context: dg.AssetExecutionContext, config: DecideConfig) -> Iterator[Event]:
        with driver_errors(), connections.ledger_in(context.resources) as book:
            project = connections.project_in(context.resources)
            refuse_strangers(connections.environ, context.run.tags, config.reviewer)
            for partition in context.partition_keys:
                yield decided(book, project, partition, config)

    return work


@contextmanager
def driver_errors() -> Iterator[None]:
    """End the run with the sentence that says what is wrong."""
    try:
        yield
    except ReconError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def refuse_strangers(environ: Mapping[str, str], tags: Mapping[str, str], reviewer: str) -> None:
    """Raise where people log in, or RECON_REVIEWERS knows better: who launches a run may not be who they say.

    Wherever the run is: where no variable tells, the run's tags do, which the webserver's login has set.
    """
    login = next((f"{name} is set" for name in LOGINS if environ.get(name)), None)
    if who := tags.get(review.PERSON_TAG):
        login = f"{who} has logged in"
    if login:
        msg = (
            f"{login}, so decisions need a login, and the launchpad knows none:"
            " decide on the page /review, which is served beside Dagster."
        )
        raise RefusedError(msg)
    review.check_reviewer(reviewer, environ, "reviewer")


def decided(book: Ledger, project: Project, partition: str, config: DecideConfig) -> Event:
    """Decide one case, or say what that would do."""
    found = pictured(book, project, partition)
    case, chosen, now = found.case.id, config.chosen(), datetime.now(UTC)
    if found.partition != partition:
        msg = f"{partition} was decided before, and its case was opened again: decide {found.partition}."
        raise RefusedError(msg)
    if config.dry_run:
        would = review.preview(book, project, case, chosen)
        seen: dict[str, Any] = {
            "changes": changes(found.spec, would.changes),
            "rows": len(would.changes),
            "accepted": would.accepted,
            **{f"problem {number}": problem for number, problem in enumerate(would.problems, start=1)},
        }
        said = f"Nothing was decided. {config.decision} would write {len(would.changes)} rows."
        return dg.AssetObservation(DECISIONS, partition=partition, description=said, metadata=seen)
    event = review.decide(
        book, project, case, chosen, who=config.reviewer, note=config.note, at=now, expected=found.case.version
    )
    said = f"{config.decision} by {event.who}; a run of {CORRECT} follows."
    done = {"decision": config.decision.value, "reviewer": event.who, "note": event.note}
    link = dg.MetadataValue.url(page(case))
    return dg.AssetMaterialization(DECISIONS, partition=partition, description=said, metadata={**done, "page": link})


def pictured(book: Ledger, project: Project, partition: str) -> Picture:
    """What there is to be seen of the case that a partition is of.

    Raises:
        DeclarationError: When there is no such case.
    """
    id_ = case_of(partition)
    with book.begin() as connection:
        case = ledger.find_case(connection, id_)
        if case is None or id_.table not in project.tables:
            waiting = [str(other.id) for other in ledger.queue(connection, ledger.Filter(), limit=MOST_NAMED).cases]
            msg = f"{partition}: there is no such case; of those that wait: {', '.join(waiting) or 'none'}."
            raise DeclarationError(msg)
        return picture(connection, project, case)


def show_job(connections: Connections) -> dg.JobDefinition:
    """Brings `review_queue` and `review_decisions` up to date with the ledger."""

    @dg.op(
        name="show",
        description="Materializes the partition of each case that has changed.",
        required_resource_keys=connections.resource_keys(),
    )
    def work(context: dg.OpExecutionContext) -> None:
        begin(context)
        with driver_errors(), connections.ledger_in(context.resources) as book:
            shown = show(context.instance, context.log_event, book, connections.project, connections.naming)
            context.log.info("%d cases shown", shown)

    @dg.job(name=SHOW, description="Shows cases that have changed in review_queue and review_decisions.")
    def job() -> None:
        work()

    return job


def correct_job(connections: Connections) -> dg.JobDefinition:
    """Does what was decided."""
    project = connections.project
    pools = sources(project, connections.naming)

    @dg.op(
        name="correct",
        description="Corrects the target as decided, rolls back what was asked to be undone.",
        pool=next(iter(pools), None),
        required_resource_keys=connections.resource_keys(*project.tables.values()),
    )
    def work(context: dg.OpExecutionContext) -> None:
        begin(context)
        with driver_errors(), connections.ledger_in(context.resources) as book:
            project = connections.project_in(context.resources)
            failed = Correcting(context, book, project).run()
            show(context.instance, context.log_event, book, project, connections.naming)
            if failed:
                raise dg.Failure("; ".join(failed), allow_retries=False)

    @dg.job(name=CORRECT, description="Does what was decided of cases, and rolls back what is to be undone.")
    def job() -> None:
        work()
        for pool in pools[1:]:
            holds(pool)()

    return job


def sources(project: Project, naming: Naming) -> list[str]:
    """The pools of all databases that corrections read, as those of the tables' loads are called."""
    return list(dict.fromkeys(naming.of_ours(spec.source.database) for spec in project.tables.values()))


def holds(pool: str) -> dg.OpDefinition:
    """An op without work: a run counts in the pools of all its ops, and cases of all sources are corrected in order."""

    @dg.op(name=f"hold_{pool}", description=f"Counts the run in the pool {pool}.", pool=pool)
    def work() -> None:
        pass

    return work


def begin(context: dg.OpExecutionContext) -> None:
    """What every run of the review does first."""
    dagster_internals.keep_connection(context.instance)
    dagster_internals.mark_home(context.instance, context.run.run_id)


def present() -> datetime:
    """Now."""
    return datetime.now(UTC)


class Correcting:
    """One run that brings decided cases to their end; one that cannot be brought there keeps no other from it."""

    def __init__(self, context: dg.OpExecutionContext, book: Ledger, project: Project) -> None:
        self.context, self.book, self.project = context, book, project
        self.run_id = context.run.run_id
        self.failed: dict[CaseId, str] = {}

    def run(self) -> list[str]:
        """What a killed run has left first, then what was decided since, then what is to be undone; what failed."""
        for id_ in self.left():
            self.attempt(self.correct, id_)
        due = review.due(self.book, self.project, present())
        for id_ in due.correct:
            self.attempt(self.correct, id_)
        for id_ in due.undo:
            self.attempt(self.undo, id_)
        return [f"{id_}: {why}" for id_, why in self.failed.items()]

    def left(self) -> list[CaseId]:
        """Cases that were being corrected when a run was killed, or that another one is at work on."""
        with self.book.begin() as connection:
            applying = ledger.cases_in_state(connection, State.APPLYING, tables=tuple(self.project.tables))
        return [case.id for case in applying]

    def attempt(self, work: Callable[[CaseId], None], id_: CaseId) -> None:
        """Do it, or remember why it cannot be done; what has failed once is left alone."""
        if id_ in self.failed:
            return
        try:
            work(id_)
        except ReconError as error:
            self.context.log.warning("%s: %s", id_, error)
            self.failed[id_] = str(error)
        except Exception as error:  # noqa: BLE001 - one fault stops one thing
            self.failed[id_] = review.unexpected(id_, error)

    def correct(self, id_: CaseId) -> None:
        """Do what was decided of one case."""
        case = review.correct(self.book, self.project, id_, run=self.run_id, clock=present)
        self.context.log.info("%s is %s", id_, case.state)
        if not case.state.closed:
            with self.book.begin() as connection:
                last = ledger.events(connection, id_)[-1]
            if last.note:  # given back, or to be tried again; nothing is said where another run is at work on it
                self.failed[id_] = last.note

    def undo(self, id_: CaseId) -> None:
        """Roll one case back, as somebody has asked."""
        with self.book.begin() as connection:
            asked = next(event for event in reversed(ledger.events(connection, id_)) if event.act is CaseEventType.UNDO)
        done = review.roll_back(
            self.book,
            self.project,
            review.Scope(case=id_),
            who=asked.who,
            note=asked.note,
            clock=present,
            run=self.run_id,
            dry_run=False,
        )
        for why in done.refused:
            self.context.log.warning("%s: %s", id_, why)
        self.context.log.info("%s: %d changes taken back", id_, len(done.changes))


def jobs(connections: Connections) -> list[dagster_internals.Job]:
    """What the sensor asks for."""
    found: list[dagster_internals.Job] = [show_job(connections), correct_job(connections)]
    tables = connections.project.tables.values()
    if keys := [key for spec in tables for key in CheckSelection(spec, naming=connections.naming).keys]:
        found.append(
            dg.define_asset_job(
                JUDGE,
                selection=dg.AssetSelection.checks(*keys),
                description="Judges days again whose records were corrected, or are to be compared.",
            )
        )
    return found
