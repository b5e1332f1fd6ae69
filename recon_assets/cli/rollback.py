"""The command that takes back what was written: rollback case, run, backfill."""

import os
import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

import typer

from recon_assets import review
from recon_assets.cli import cases, context
from recon_assets.cli.context import next_command
from recon_assets.cli.options import AsJson, File
from recon_assets.cli.output import as_json, tell
from recon_assets.cli.review import Limit, Note, Reviewer
from recon_assets.errors import DIFFERENT
from recon_assets.model import Action, CaseId, TableSpec
from recon_assets.review import Restored, RolledBack, Scope

app = typer.Typer(add_completion=False)


class What(StrEnum):
    """Whose work is taken back."""

    CASE = "case"
    RUN = "run"
    BACKFILL = "backfill"


@app.command(no_args_is_help=True)
def rollback(  # noqa: PLR0913, PLR0917 - the switches of one command
    what: Annotated[What, typer.Argument(help="Whose work to take back.")],
    identity: Annotated[str, typer.Argument(metavar="ID", help="As table/day/kind, or the ID that Dagster gave.")],
    reviewer: Reviewer = "",
    note: Note = "",
    file: File = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write; without it nothing is written.")] = False,  # noqa: FBT002
    limit: Limit = 50,
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """Take back what a case, a run or a backfill wrote; without --yes, show what would be written.

    Of a case it is what its last decision wrote. Exit code 1: rows have changed since, and are named; they are left
    as they are.

      recon rollback case flights/2013-03-10/missing
      recon rollback case flights/2013-03-10/missing --note "the source was wrong" --yes
      recon rollback backfill abcdefgh
    """
    who = review.reviewer(reviewer, os.environ) if yes else reviewer
    scope = Scope(**{what.value: CaseId.parse(identity) if what is What.CASE else identity})  # type: ignore[arg-type]
    with context.project_and_ledger(file) as (project, memory):
        clock = partial(datetime.now, UTC)
        done = review.roll_back(memory, project, scope, who=who, note=note, clock=clock, dry_run=not yes)
    as_json(_as_dict(done, project.tables)) if json else _show(done, project.tables, limit)
    raise typer.Exit(DIFFERENT if done.refused else 0)


def _show(done: RolledBack, specs: Mapping[str, TableSpec], limit: int) -> None:
    """Say what was, or would be, taken back."""
    would = "would be " if done.dry_run else ""
    every = sum(map(_counts, done.windows), Counter(change.action for change in done.changes))
    tell(f"{cases.tally(every)} {would}written")
    cases.show_changes(done.changes, specs, limit)
    for window in done.windows:
        tell(f"  {window}: {would}as it was before the load ({cases.tally(_counts(window))})")
    for refused in done.refused:
        tell(f"  refused: {refused}")
    if done.dry_run:
        tell("Nothing was written. Write: the same command with --yes")
    elif done.windows:
        tables = shlex.join(sorted({window.table for window in done.windows}))
        again = next_command(f"recon backfill {tables} --missing")
        tell(f"What was not loaded before counts as missing again. Load it: {again}")


def _counts(window: Restored) -> Counter[Action]:
    """How many rows of a window are written, by what is done to them."""
    return Counter({Action.INSERT: window.inserted, Action.UPDATE: window.updated, Action.DELETE: window.deleted})


def _as_dict(done: RolledBack, specs: Mapping[str, TableSpec]) -> dict[str, Any]:
    return {
        "dry_run": done.dry_run,
        "changes": [cases.change_as_dict(change, specs[change.table]) for change in done.changes],
        "windows": [asdict(window) for window in done.windows],
        "refused": list(done.refused),
    }
