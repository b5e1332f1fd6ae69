"""The command that says where everything stands: status."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import typer

from recon_assets import ledger
from recon_assets.cli import context
from recon_assets.cli.context import next_command
from recon_assets.cli.options import AsJson, File
from recon_assets.cli.output import as_json, complain, plain_table, screen, tell
from recon_assets.errors import COULD_NOT_RUN, ReconError
from recon_assets.model import plural
from recon_assets.orchestration import sessions
from recon_assets.orchestration.sessions import Session

app = typer.Typer()


@dataclass(frozen=True)
class Standing:
    """How many days of a table there are, Dagster knows as loaded, and checks have judged; how many cases wait.

    None is what the ledger would know and nobody could ask.
    """

    table: str
    days: int
    loaded: int
    judged: int | None
    waiting: int | None


@app.command()
def status(file: File = None, json: AsJson = False) -> None:  # noqa: FBT002 - a command-line switch
    """Say of each declared table how many days are loaded, judged by checks, and wait for a decision.

    Starts no Dagster, and reads neither source nor target. Exit code 3: the ledger does not answer.

      recon status
      recon status --json
    """
    with sessions.session(context.environment(file), upgrade=False) as session:
        judged, waiting = _remembered(session)
        standings = [
            Standing(
                name,
                days := len(session.everything(spec).windows),
                days - len(session.missing(spec).windows),
                None if judged is None else judged.get((name, spec.days is None), 0),
                None if waiting is None else waiting.get(name, 0),
            )
            for name, spec in session.project.tables.items()
        ]
    as_json([asdict(item) for item in standings]) if json else _show(standings)
    raise typer.Exit(COULD_NOT_RUN if judged is None else 0)


def _remembered(session: Session) -> tuple[dict[tuple[str, bool], int] | None, dict[str, int] | None]:
    """Judged windows and waiting cases by table; a ledger that does not answer hides nothing else."""
    try:
        with session.remembered() as memory, memory.begin() as c:
            return ledger.judged_windows(c), dict(ledger.counts(c, ledger.Filter()).by_table)
    except ReconError as error:
        complain(str(error))
        return None, None


def _show(standings: Sequence[Standing]) -> None:
    """A line a table, and what to do next; a table without days is as one."""
    table = plain_table("table", "days", "loaded", "judged", "cases that wait")
    for column in table.columns[1:]:
        column.justify = "right"
    for item in standings:
        figures = (item.days, item.loaded, item.judged, item.waiting)
        table.add_row(item.table, *("not known" if figure is None else f"{figure:,}" for figure in figures))
    screen().print(table)
    steps = (
        (
            sum(item.days - item.loaded for item in standings),
            "day",
            f"not loaded: {next_command('recon adopt --all')} (what is there), {next_command('recon backfill --all')}",
        ),
        (
            sum(max(item.days - (item.judged or 0), 0) for item in standings),
            "day",
            f"not judged: {next_command('recon check --launch --all')}",
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
