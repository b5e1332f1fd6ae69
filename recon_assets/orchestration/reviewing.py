"""The review of what is wrong, as two assets that the sensor keeps true to the ledger.

A person may decide on the page, on the command line, or here by materializing `review_decisions` for a case:
each writes a decision into the ledger, and the job `correct_cases` does what was decided.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import dagster as dg
from pydantic import Field

from recon_assets import ledger, review
from recon_assets.errors import DeclarationError, ReconError, RefusedError
from recon_assets.ledger import Ledger
from recon_assets.model import Decision, Project, Resolution
from recon_assets.orchestration.case_assets import (
    Picture,
    case_of,
    changes,
    page,
    picture,
)
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.translation import Naming

GROUP = "review"
CORRECT = "correct_cases"
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
    naming = connections.naming
    described = dg.AssetSpec(
        naming.queue,
        partitions_def=naming.cases,
        group_name=naming.group or GROUP,
        kinds={"review"},
        description="What is wrong and waits, or waited, for a decision: a partition for each case, which is"
        " of one table, one day and one kind of discrepancy. Its newest materialization has the evidence."
        " It fills itself; materialize a case to see its evidence as it is now.",
    )

    @dg.multi_asset(
        name=naming.of_ours("review_queue"),
        # Inputs are named by us: Dagster would name them after the tables, and refuses some names.
        ins={
            f"table_{number}": dg.AssetIn(key, partition_mapping=dg.AllPartitionMapping(), dagster_type=dg.Nothing)
            for number, key in enumerate(naming.tables(connections.project))
        },
        outs={
            naming.of_ours("review_queue"): dg.AssetOut.from_spec(described, dagster_type=dg.Nothing, is_required=False)
        },
        partitions_def=naming.cases,
        backfill_policy=dg.BackfillPolicy.multi_run(CASES_PER_RUN),
        required_resource_keys=connections.resource_keys(),
    )
    def work(context: dg.AssetExecutionContext) -> Iterator[dg.AssetMaterialization]:
        with driver_errors(), connections.ledger_in(context.resources) as book:
            for partition in context.partition_keys:
                yield pictured(book, connections.project, naming, partition).materialization()

    return work


def decisions(connections: Connections) -> dg.AssetsDefinition:
    """What was decided of the cases, each with its outcome."""
    naming = connections.naming

    @dg.multi_asset(
        name=naming.of_ours("review_decisions"),
        specs=[
            dg.AssetSpec(
                naming.decisions,
                deps=[naming.queue],
                skippable=True,
                partitions_def=naming.cases,
                group_name=naming.group or GROUP,
                kinds={"review"},
                description="What was decided of each case, by whom and why, and what came of it. A partition that"
                " is missing waits for a decision: decide on the page /review, by `recon review decide`, or here"
                f" by materializing the partition with a config. A run of {naming.of_ours(CORRECT)} follows.",
            )
        ],
        partitions_def=naming.cases,
        backfill_policy=dg.BackfillPolicy.multi_run(CASES_PER_RUN),
        required_resource_keys=connections.resource_keys(*connections.project.tables.values()),
    )
    def work(context: dg.AssetExecutionContext, config: DecideConfig) -> Iterator[Event]:
        with driver_errors(), connections.ledger_in(context.resources) as book:
            project = connections.project_in(context.resources)
            refuse_strangers(connections.environ, context.run.tags, config.reviewer)
            for partition in context.partition_keys:
                yield decided(book, project, naming, partition, config)

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


def decided(book: Ledger, project: Project, naming: Naming, partition: str, config: DecideConfig) -> Event:
    """Decide one case, or say what that would do."""
    found = pictured(book, project, naming, partition)
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
        return dg.AssetObservation(naming.decisions, partition=partition, description=said, metadata=seen)
    event = review.decide(
        book, project, case, chosen, who=config.reviewer, note=config.note, at=now, expected=found.case.version
    )
    said = f"{config.decision} by {event.who}; a run of {naming.of_ours(CORRECT)} follows."
    done = {"decision": config.decision.value, "reviewer": event.who, "note": event.note}
    link = dg.MetadataValue.url(page(case))
    return dg.AssetMaterialization(
        naming.decisions, partition=partition, description=said, metadata={**done, "page": link}
    )


def pictured(book: Ledger, project: Project, naming: Naming, partition: str) -> Picture:
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
        return picture(connection, project, naming, case)
