"""The command that says where everything stands: status."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import typer

from recon_assets import review
from recon_assets.cli import context
from recon_assets.cli.context import next_command
from recon_assets.cli.options import AsJson, File
from recon_assets.cli.output import as_json, complain, plain_table, screen, tell
from recon_assets.errors import COULD_NOT_RUN, ReconError
from recon_assets.model import Agreement, Verdict, plural
from recon_assets.orchestration import local_deployment
from recon_assets.orchestration.local_deployment import Session

app = typer.Typer()


@dataclass(frozen=True)
class Standing:
    """How many days of a table there are, Dagster knows as loaded, agree, differ, and are not known to do either.

    None is what the ledger would know and nobody could ask; ``waiting`` are its open cases.
    """

    table: str
    days: int
    loaded: int
    agree: int | None = None
    differ: int | None = None
    not_known: int | None = None
    waiting: int | None = None
    answer: str | None = None


@app.command()
def status(file: File = None, json: AsJson = False) -> None:  # noqa: FBT002 - a command-line switch
    """Say of each table how many days are loaded, agree and differ, and how many cases wait.

    Starts no Dagster, and reads neither source nor target. Exit code 3: the ledger does not answer.

      recon status
      recon status --json
    """
    with local_deployment.session(context.environment(file), schema="leave") as session:
        answers = _remembered(session)
        standings = [
            _standing(
                spec.name,
                days := len(session.everything(spec).windows),
                days - len(session.missing(spec).windows),
                None if answers is None else answers[spec.name],
            )
            for spec in session.project.tables.values()
        ]
    as_json([asdict(item) for item in standings]) if json else _show(standings, answers)
    raise typer.Exit(COULD_NOT_RUN if answers is None else 0)


def _remembered(session: Session) -> dict[str, Agreement] | None:
    """Each table's answer, as the page /recon has it; a ledger that does not answer hides nothing else."""
    try:
        with session.remembered() as memory, memory.begin() as c:
            return {each.table: each for each in review.agreement(c, session.project, datetime.now(UTC))}
    except ReconError as error:
        complain(str(error))
        return None


def _standing(table: str, days: int, loaded: int, answer: Agreement | None) -> Standing:
    if answer is None:
        return Standing(table, days, loaded)
    differ = answer.count(Verdict.DIFFERS)
    unknown = answer.total - answer.agreeing - differ
    return Standing(table, days, loaded, answer.agreeing, differ, unknown, answer.cases, answer.sentence)


def _show(standings: Sequence[Standing], answers: Mapping[str, Agreement] | None) -> None:
    """A line a table, and what to do next; a table without days is as one."""
    table = plain_table("table", "days", "loaded", "agree", "differ", "not known", "open cases")
    for column in table.columns[1:]:
        column.justify = "right"
    for item in standings:
        figures = (item.days, item.loaded, item.agree, item.differ, item.not_known, item.waiting)
        table.add_row(item.table, *("not known" if figure is None else f"{figure:,}" for figure in figures))
    screen().print(table)
    lacking = sum(item.days - item.loaded for item in standings)
    if answers:
        _tell_answers(list(answers.values()), loaded=not lacking)
    steps = (
        (
            lacking,
            "day",
            f"not loaded: {next_command('recon adopt --all')} (what is there), {next_command('recon backfill --all')}",
        ),
        (
            sum(item.not_known or 0 for item in standings),
            "day",
            f"not known to agree: {next_command('recon check --launch --all')}",
        ),
        (
            sum(item.waiting or 0 for item in standings),
            "case",
            f"waiting for a decision: {next_command('recon review list')}",
        ),
    )
    for count, noun, what in steps:
        if count:
            tell(f"{plural(count, noun)} {what}")


def _tell_answers(answers: Sequence[Agreement], *, loaded: bool) -> None:
    """The answer for all tables, and which of them could not be compared; ``loaded``: every day of them is."""
    verdict, said = review.overall(answers)
    if loaded or not verdict.agrees:  # what agreed before its newest load failed is no "yes"
        tell(said)
    for answer in answers:
        if Verdict.UNKNOWN in {answer.verdict, answer.whole} or answer.count(Verdict.UNKNOWN):
            why = next_command(f"recon check {shlex.quote(answer.table)}")
            tell(f"{answer.table}: {answer.sentence}. What could not be compared, and why: {why}")
