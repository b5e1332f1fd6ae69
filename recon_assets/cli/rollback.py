"""The commands that take back what was written: rollback case, run, backfill."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer

from recon_assets import review
from recon_assets.cli import at_hand, cases
from recon_assets.cli.options import AsJson
from recon_assets.cli.output import as_json, piped, tell
from recon_assets.cli.review import Id, Limit, Note, Reviewer
from recon_assets.model import CaseId, TableSpec
from recon_assets.review import RolledBack, Scope

app = typer.Typer(
    help="Take back what was written to the target: a case, or all that a run or a backfill did.",
    add_completion=False,
    no_args_is_help=True,
)

REFUSED = 1

Yes = Annotated[bool, typer.Option("--yes", help="Write; without it nothing is written.")]


@app.command("case")
def of_case(  # noqa: PLR0913, PLR0917 - the switches of one command
    case: Id,
    reviewer: Reviewer,
    note: Note = "",
    yes: Yes = False,  # noqa: FBT002 - a command-line switch
    limit: Limit = 50,
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """Take back the corrections of a case; without --yes, show what would be written.

    Exit code 1: rows have changed since, and are named; they are left as they are.

      recon rollback case flights/2013-03-10/missing
      recon rollback case flights/2013-03-10/missing --note "the source was wrong" --yes
    """
    _roll_back(Scope(case=CaseId.parse(case)), reviewer, note, limit, yes=yes, json=json)


@app.command("run")
def of_run(  # noqa: PLR0913, PLR0917 - the switches of one command
    run: Annotated[str, typer.Argument(metavar="ID", help="The Dagster run's ID.")],
    reviewer: Reviewer,
    note: Note = "",
    yes: Yes = False,  # noqa: FBT002 - a command-line switch
    limit: Limit = 50,
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """Take back all that a Dagster run corrected or loaded; without --yes, show what would be written."""
    _roll_back(Scope(run=run), reviewer, note, limit, yes=yes, json=json)


@app.command("backfill")
def of_backfill(  # noqa: PLR0913, PLR0917 - the switches of one command
    backfill: Annotated[str, typer.Argument(metavar="ID", help="The Dagster backfill's ID.")],
    reviewer: Reviewer,
    note: Note = "",
    yes: Yes = False,  # noqa: FBT002 - a command-line switch
    limit: Limit = 50,
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """Take back all that a Dagster backfill loaded; without --yes, show what would be written."""
    _roll_back(Scope(backfill=backfill), reviewer, note, limit, yes=yes, json=json)


def _roll_back(scope: Scope, who: str, note: str, limit: int, *, yes: bool, json: bool) -> None:  # noqa: PLR0913
    with at_hand.both() as (project, memory):
        clock = partial(datetime.now, UTC)
        done = review.roll_back(memory, project, scope, who=who, note=note, clock=clock, dry_run=not yes)
    with piped():
        as_json(_as_dict(done, project.tables)) if json else _show(done, project.tables, limit)
    raise typer.Exit(REFUSED if done.refused else 0)


def _show(done: RolledBack, specs: Mapping[str, TableSpec], limit: int) -> None:
    """Say what was, or would be, taken back."""
    would = "would be " if done.dry_run else ""
    tell(f"{cases.tally(done.changes)} {would}written")
    cases.show_changes(done.changes, specs, limit)
    for window in done.windows:
        tell(f"  {window}: {would}as it was before the load")
    for refused in done.refused:
        tell(f"  refused: {refused}")
    if done.dry_run:
        tell("Nothing was written. Write: the same command with --yes")


def _as_dict(done: RolledBack, specs: Mapping[str, TableSpec]) -> dict[str, Any]:
    return {
        "dry_run": done.dry_run,
        "changes": [cases.change_as_dict(change, specs[change.table]) for change in done.changes],
        "windows": list(done.windows),
        "refused": list(done.refused),
    }
