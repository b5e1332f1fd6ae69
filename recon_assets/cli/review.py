"""The commands of the review queue: review list, show, decide, report, comment, assign, recheck, undo."""

import os
import shlex
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from recon_assets import ledger, review
from recon_assets.cli import cases, context
from recon_assets.cli.options import AsJson, File, assigned, duration, span, spec_of
from recon_assets.cli.output import as_json, complain, tell
from recon_assets.errors import DIFFERENT, DeclarationError, ReconError
from recon_assets.ledger import Filter, Ledger, StoredFinding, TrackedRecord
from recon_assets.model import Case, CaseId, Decision, Event, Project, Resolution, Severity, State, TableSpec, plural
from recon_assets.review import Preview

app = typer.Typer(
    help="Read the queue of cases that wait for a decision, and decide.",
    add_completion=False,
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(metavar="CASE", help="As table/day/kind, such as flights/2013-03-10/missing.")]
Reviewer = Annotated[
    str, typer.Option(metavar="NAME", help="Who you are, for the record; else RECON_REVIEWERS or USER says it.")
]
Note = Annotated[str, typer.Option(metavar="TEXT", help="Why, for the record.")]
Repeated = list[str] | None
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="How many to show.")]


@dataclass(frozen=True)
class Seen:
    """All that the ledger knows of a case."""

    case: Case
    said: tuple[StoredFinding, ...]
    records: tuple[TrackedRecord, ...]
    events: tuple[Event, ...]


@app.command("list")
def list_cases(  # noqa: PLR0913, PLR0917 - the switches of one command
    table: Annotated[Repeated, typer.Option(metavar="NAME", help="Only of this table; again for more.")] = None,
    day: Annotated[str | None, typer.Option(metavar="DAY", help="Only of this day, as 2013-01-31.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, included.")] = None,
    kind: Annotated[
        Repeated, typer.Option(metavar="KIND", help="missing, extra, mismatched, ..., or a check; again for more.")
    ] = None,
    severity: Annotated[list[Severity] | None, typer.Option(help="Again for more.")] = None,
    state: Annotated[
        list[State] | None,
        typer.Option(help="By default all that are not closed; again for more."),
    ] = None,
    older_than: Annotated[str | None, typer.Option(metavar="3d", help="Only those that have waited this long.")] = None,
    assignee: Annotated[str | None, typer.Option(metavar="NAME", help="Only those assigned to this person.")] = None,
    limit: Limit = 50,
    file: File = None,
    ids: Annotated[bool, typer.Option("--ids", help="Print the names of the cases alone, for `decide`.")] = False,  # noqa: FBT002
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """List cases, the most severe and oldest first.

    recon review list
    recon review list --table flights --from 2013-03-01 --to 2013-03-31 --severity high
    recon review list --state APPLIED --json
    """
    now = datetime.now(UTC)
    waited = duration("--older-than", older_than)
    wanted = Filter(
        tables=tuple(table or ()),
        windows=asked_windows(day, first, last),
        kinds=tuple(kind or ()),
        severities=tuple(severity or ()),
        states=tuple(state or ()),
        older_than=now - waited if waited else None,
        assignee=assignee,
    )
    with context.opened_ledger(file) as memory, memory.begin() as c:
        found = ledger.queue(c, wanted, limit=limit).cases
        counts = ledger.counts(c, wanted)
    if ids:
        tell("\n".join(str(case.id) for case in found))
    else:
        as_json([cases.as_dict(case) for case in found]) if json else cases.show_queue(found, counts, now)


@app.command()
def show(case: Id, file: File = None, limit: Limit = 10, json: AsJson = False) -> None:  # noqa: FBT002 - a command-line switch
    """Show one case: what the checks say, the records side by side, and what happened to it.

    recon review show flights/2013-03-10/missing
    """
    asked = CaseId.parse(case)
    with context.project_and_ledger(file) as (project, memory):
        spec = spec_of(project, asked.table)
        seen = look_at(memory, asked, limit)
    as_json(_as_dict(seen, spec)) if json else _show(seen, spec)


@app.command()
def decide(  # noqa: PLR0913, PLR0917 - the switches of one command
    cases_: Annotated[
        list[str],
        typer.Argument(metavar="CASE..", help="As table/day/kind; several are decided alike, each by itself."),
    ],
    decision: Annotated[Decision, typer.Argument(help="What is to become of its records.")],
    reviewer: Reviewer = "",
    note: Note = "",
    row: Annotated[
        Repeated, typer.Option(metavar="ID", help="Only this record, by the ID that `show` gives; again for more.")
    ] = None,
    values: Annotated[
        Repeated, typer.Option("--set", metavar="ID.COLUMN=VALUE", help="For CUSTOM_FIX: a value; again for more.")
    ] = None,
    nulls: Annotated[
        Repeated, typer.Option("--set-null", metavar="ID.COLUMN", help="For CUSTOM_FIX: no value (NULL).")
    ] = None,
    file: File = None,
    yes: Annotated[bool, typer.Option("--yes", help="Decide; without it nothing is decided.")] = False,  # noqa: FBT002
    limit: Limit = 50,
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """Decide a case; without --yes, show what the decision would write.

    APPLY_SOURCE makes the target's records those of the source, KEEP_TARGET accepts them as they are, CUSTOM_FIX
    writes the values that you give; the last two need a --note. The decision is a row in the ledger: Dagster's sensor
    turns it into a run that corrects, compares again and closes the case. Exit code 1: it cannot be done as the rows
    are.

      recon review decide flights/2013-03-10/missing APPLY_SOURCE
      recon review decide flights/2013-03-10/missing APPLY_SOURCE --note "lost by the old job" --yes
      recon review decide $(recon review list --table flights --kind missing --ids) APPLY_SOURCE
      recon review decide t/2013-03-10/mismatched CUSTOM_FIX --set 1f0c99a2b4d5e6f7.fee=12.50 --note typo
    """
    asked = [CaseId.parse(case) for case in dict.fromkeys(cases_)]
    chosen = choice(decision, row, values, nulls)
    if len(asked) > 1 and (chosen.rows or chosen.values):
        msg = "--row, --set and --set-null name records of one case; give one CASE."
        raise DeclarationError(msg)
    who = review.reviewer(reviewer, os.environ) if yes else reviewer
    shown, codes = [], [0]
    with context.project_and_ledger(file) as (project, memory):
        for each in asked:
            try:
                preview, decided = _decided(memory, project, each, chosen, who=who, note=note, really=yes)
            except ReconError as error:
                if len(asked) == 1:
                    raise
                complain(f"{each}: {error}")
                codes.append(error.exit_code)
                continue
            codes.append(DIFFERENT if preview.problems else 0)
            shown.append(_preview_as_dict(preview, project, decided=decided))
            if not json:
                _show_preview(each, preview, project, limit, decided=decided)
    if json:
        as_json(shown[0] if len(asked) == 1 else shown)
    raise typer.Exit(max(codes))


def _decided(  # noqa: PLR0913 - what is decided, by whom and why
    memory: Ledger, project: Project, asked: CaseId, chosen: Resolution, *, who: str, note: str, really: bool
) -> tuple[Preview, bool]:
    """What a decision would write, and whether it was ``really`` decided: not where it cannot be done."""
    with memory.begin() as c:
        version = review.known(c, asked).version
    preview = review.preview(memory, project, asked, chosen)
    decided = really and not preview.problems
    if decided:
        now = datetime.now(UTC)
        review.decide(memory, project, asked, chosen, who=who, note=note, at=now, expected=version)
    return preview, decided


@app.command()
def report(file: File = None, json: AsJson = False) -> None:  # noqa: FBT002 - a command-line switch
    """Count the cases that wait: by state, severity, kind and table; the oldest and the newest."""
    with context.opened_ledger(file) as memory, memory.begin() as c:
        counts = ledger.counts(c, Filter())
    as_json(cases.counts_as_dict(counts)) if json else cases.show_counts(counts, datetime.now(UTC))


@app.command()
def comment(
    case: Id,
    text: Annotated[str, typer.Argument(help="What you have to say.")],
    reviewer: Reviewer = "",
    file: File = None,
) -> None:
    """Add a comment to a case."""
    _act(partial(review.comment, note=text), case, reviewer, file)
    tell("Noted.")


@app.command()
def assign(
    case: Id,
    assignee: Annotated[str, typer.Argument(metavar="NAME", help='Who is to look at it; "" for nobody.')],
    reviewer: Reviewer = "",
    file: File = None,
) -> None:
    """Assign a case to a person."""
    _act(partial(review.assign, to=assignee), case, reviewer, file)
    tell(f"Assigned to {assignee}." if assignee else "Assigned to nobody.")


@app.command()
def recheck(case: Id, reviewer: Reviewer = "", file: File = None) -> None:
    """Ask for the case's day to be compared again."""
    _act(review.recheck, case, reviewer, file)
    tell("Asked. Dagster's sensor starts a run of checks; a case whose records agree by then closes itself.")


@app.command()
def undo(case: Id, reviewer: Reviewer = "", note: Note = "", file: File = None) -> None:
    """Ask for an applied case to be rolled back, or an accepted difference to be taken back.

    `recon rollback case` does the same at once, and shows beforehand what it would write.
    """
    _act(partial(review.undo, note=note), case, reviewer, file)
    tell("Asked. Dagster's sensor starts a run that takes it back.")


def asked_windows(day: str | None, first: str | None, last: str | None) -> tuple[str, str] | None:
    """The first and the last window asked for; None for all.

    Raises:
        DeclarationError: When one is no day, or when there is none between them.
    """
    if day and (first or last):
        msg = "Give --day, or --from and --to, and not both."
        raise DeclarationError(msg)
    low, high = span(day or first, day or last)
    return (str(low or ""), str(high or date.max)) if low or high else None


def choice(
    decision: Decision, rows: Sequence[str] | None, values: Sequence[str] | None, nulls: Sequence[str] | None
) -> Resolution:
    """What was typed, as a decision.

    Raises:
        DeclarationError: When values are given to a decision that takes none, or none to the one that needs them.
    """
    given = assigned(values or (), nulls or ())
    if (decision is Decision.CUSTOM_FIX) != bool(given):
        msg = f"{decision}: give values by --set ID.COLUMN=VALUE with CUSTOM_FIX, and with CUSTOM_FIX only."
        raise DeclarationError(msg)
    return Resolution(decision, tuple(rows or given), given)


def look_at(memory: Ledger, asked: CaseId, limit: int) -> Seen:
    """All that is known of a case, with at most ``limit`` of its records."""
    with memory.begin() as c:
        case = review.known(c, asked)
        said = ledger.stored_findings(c, case.findings)
        records = ledger.tracked_records(c, case.findings, asked.of_records, limit=limit) if asked.of_records else ()
        return Seen(case, tuple(said), tuple(records), tuple(ledger.events(c, asked)))


def _show(seen: Seen, spec: TableSpec) -> None:
    cases.show_case(seen.case, datetime.now(UTC))
    cases.show_sentences(seen.said)
    cases.show_records(seen.records, seen.case, spec)
    cases.show_events(seen.events)


def _as_dict(seen: Seen, spec: TableSpec) -> dict[str, Any]:
    return {
        **cases.as_dict(seen.case),
        "findings": [item.finding.summary for item in seen.said],
        "records": [cases.record_as_dict(item, spec) for item in seen.records],
        "events": [cases.event_as_dict(event) for event in seen.events],
    }


def _show_preview(asked: CaseId, preview: Preview, project: Project, limit: int, *, decided: bool) -> None:
    """Say what would be written, and whether it was decided."""
    accepted = f"; {plural(preview.accepted, 'difference')} would be accepted as they are" if preview.accepted else ""
    unnamed = (
        f"; {plural(preview.unnamed, 'more record')}, counted and not named, would stay" if preview.unnamed else ""
    )
    tell(f"{asked}: {cases.tally(Counter(change.action for change in preview.changes))} to write{accepted}{unnamed}")
    cases.show_changes(preview.changes, project.tables, limit)
    for problem in preview.problems:
        tell(f"  {problem}")
    if decided:
        tell("Decided. Dagster's sensor starts a run that carries it out, and compares again.")
    else:
        again = f"Compare again: {context.next_command(f'recon review recheck {shlex.quote(str(asked))}')}"
        really = "Decide: the same command with --yes"
        tell(f"Nothing was decided, nothing was written. {again if preview.problems else really}")


def _preview_as_dict(preview: Preview, project: Project, *, decided: bool) -> dict[str, Any]:
    return {
        "decided": decided,
        "changes": [cases.change_as_dict(change, project.tables[change.table]) for change in preview.changes],
        "accepted": preview.accepted,
        "unnamed": preview.unnamed,
        "problems": list(preview.problems),
    }


def _act(act: Callable[..., Event], case: str, reviewer: str, file: Path | None) -> None:
    asked, who = CaseId.parse(case), review.reviewer(reviewer, os.environ)
    with context.opened_ledger(file) as memory:
        act(memory, asked, who=who, at=datetime.now(UTC))
