"""The command that has Dagster's pictures drawn anew: sync."""

import typer

from recon_assets import ledger
from recon_assets.cli import context
from recon_assets.cli.options import File
from recon_assets.cli.output import tell
from recon_assets.model import plural

app = typer.Typer()


@app.command()
def sync(file: File = None) -> None:
    """Have every case shown in Dagster anew, after its storage was lost, emptied or moved.

    The ledger knows all of them; while Dagster runs, its sensor shows them within minutes. What is there
    already is not shown twice. Days that are loaded: recon adopt --all; their checks: recon check --launch --all.
    """
    with context.opened_ledger(file) as memory, memory.begin() as c:
        count = ledger.note_unshown(c)
    tell(f"Dagster will show {plural(count, 'case')} anew, while it runs.")
