"""The commands that look after the ledger: ledger upgrade, prune."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from recon_assets import ledger
from recon_assets.cli import context
from recon_assets.cli.options import AsJson, File, duration
from recon_assets.cli.output import as_json, tell
from recon_assets.model import plural

app = typer.Typer(
    help="Look after the ledger: bring its schema up to date, drop what is no longer needed.",
    add_completion=False,
    no_args_is_help=True,
)


@app.command()
def upgrade() -> None:
    """Bring the ledger's schema up to date.

    Commands that start Dagster do that by themselves; run this beforehand where their role may not change the schema.
    """
    with context.ledger_url() as url:
        before, after = ledger.upgrade(url)
    was = "" if before == after else f"; it was at {before}" if before else "; it was empty"
    tell(f"The ledger is at {after}{was}.")


@app.command()
def prune(
    keep: Annotated[str, typer.Option(metavar="400d", help="Drop what is older than this.")],
    file: File = None,
    yes: Annotated[bool, typer.Option("--yes", help="Drop; without it nothing is dropped.")] = False,  # noqa: FBT002
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """Drop findings, events, changes and backups that are older than --keep and that nothing needs any more.

    What an applied change needs to be undone stays, and so does what an open case or an accepted difference stands on.

      recon ledger prune --keep 400d
      recon ledger prune --keep 400d --yes
    """
    span = duration("--keep", keep) or timedelta()
    now = datetime.now(UTC)
    with context.opened_ledger(file) as memory:
        if yes:
            dropped = ledger.prune_all(memory, keep=span, now=now)
        else:
            with memory.begin() as c:
                dropped = ledger.prune(c, keep=span, now=now, dry_run=True)
    if json:
        as_json({"dropped": yes, "rows": dict(dropped)})
        return
    for table, rows in dropped.items():
        tell(f"{table}: {plural(rows, 'row')}")
    tell("Dropped." if yes else "Nothing was dropped. Drop: the same command with --yes")
