"""The command that runs the checks of declared tables: check."""

import json as json_format
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Annotated, Any

import typer

from recon_assets import review
from recon_assets.checks import Checksum, Count, Fields, Keys
from recon_assets.checks.running import evaluate
from recon_assets.checks.undated import NAME as UNDATED
from recon_assets.cli import context
from recon_assets.cli.findings import Result, as_dict, show
from recon_assets.cli.options import (
    AllTables,
    AsJson,
    Elsewhere,
    File,
    MaxEvidence,
    Span,
    Strict,
    Tables,
    chosen,
    refuse_unknown_checks,
    span,
)
from recon_assets.cli.output import aside, leaving_at_once, piped, progress, remark
from recon_assets.errors import DeclarationError
from recon_assets.ledger import Ledger
from recon_assets.model import ALL, Check, Finding, Project, TableSpec, Window, plural

app = typer.Typer(add_completion=False)

MOST_EVIDENCE = 1000


@dataclass(frozen=True)
class TableChecks:
    """What one table is to be checked for."""

    spec: TableSpec
    windows: tuple[Window, ...]
    checks: tuple[str, ...]


@app.command()
def check(  # noqa: PLR0913, PLR0917 - the switches of one command
    tables: Tables = None,
    every: AllTables = False,  # noqa: FBT002 - a command-line switch
    first: Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day, as 2013-01-31.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="DAY", help="Last day, included; by default yesterday.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="CHECK", help="Only the check of this name; again for more.")
    ] = None,
    file: File = None,
    strict: Strict = False,  # noqa: FBT002 - a command-line switch
    max_evidence: MaxEvidence = MOST_EVIDENCE,
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
    launch: Annotated[  # noqa: FBT002 - a command-line switch
        bool, typer.Option("--launch", help="Run them in Dagster, so that each day has its status there.")
    ] = False,
    webserver: Elsewhere = None,
) -> None:
    """Run the checks of declared tables, day by day, and say what is wrong.

    Needs no Dagster and leaves no trace there, but for --launch, which makes cases of what is wrong. Exit code 0: all
    passed; 1: some failed; 2: wrong use; 3: some could not run, whatever else was found.

      recon check --all
      recon check flights --from 2013-03-01 --to 2013-03-31 --only count --json
      recon check flights --launch
    """
    days = span(first, last)
    if launch:
        if json or strict or max_evidence != MOST_EVIDENCE:
            msg = "--launch: Dagster shows what is found; leave out --json, --strict and --max-evidence."
            raise DeclarationError(msg)
        from recon_assets.cli.runs import launch_checks  # noqa: PLC0415 - Dagster takes seconds, and the rest needs none

        launch_checks(tables, days, tuple(only or ()), every=every, file=file, webserver=webserver)
    if webserver:
        msg = "--webserver: only checks that run in Dagster need one; add --launch."
        raise DeclarationError(msg)
    with (
        leaving_at_once("Interrupted; not all checks were run."),
        context.declared_project(file) as (project, memory),
    ):
        now = datetime.now(UTC)
        wanted = [replace(spec, strict=spec.strict or strict) for spec in chosen(project, tables, every=every)]
        result = replace(_nothing_yet(project), all_days=not (first or last))
        asked = _asked(wanted, days, only or (), now, result.not_checked, say=remark if json else _in_the_verdict)
        with progress() as told:
            findings = _findings(project, asked, told, memory, now=now, max_evidence=max_evidence)
            aside(lambda: _print_json(result, findings, project) if json else _add(result, findings))
        if not json:
            show(result)
    raise typer.Exit(result.exit_code)


def reconciled(project: Project, now: datetime) -> Result:
    """What every check of every table finds on all days that have ended."""
    result = _nothing_yet(project)
    asked = _asked(project.tables.values(), (None, None), (), now, result.not_checked, say=_in_the_verdict)
    with progress() as told:
        _add(result, _findings(project, asked, told, now=now))
    return result


def _nothing_yet(project: Project) -> Result:
    return Result(
        {name: spec.private for name, spec in project.tables.items()},
        keys={name: spec.key for name, spec in project.tables.items()},
        of_all_rows={
            (spec.name, check.name) for spec in project.tables.values() for check in spec.checks if _of_all(check)
        },
    )


def _of_all(check: Check) -> bool:
    return isinstance(check, Count | Keys | Fields | Checksum) and check.where is None


def _in_the_verdict(_words: str) -> None:
    """Says nothing: the verdict names what was not checked."""


def _asked(  # noqa: PLR0913 - what is asked for, and where to say what is not
    specs: Iterable[TableSpec],
    days: Span,
    only: Sequence[str],
    now: datetime,
    not_checked: dict[str, str],
    *,
    say: Callable[[str], None],
) -> list[TableChecks]:
    """What is to be checked; tables of which not all is go into ``not_checked`` with the reason.

    Raises:
        DeclarationError: When nothing at all is: what was not checked has not passed.
    """
    specs = list(specs)
    refuse_unknown_checks(specs, only)
    found, refused = [], []
    for spec in specs:
        wanted = tuple(check.name for check in spec.checks if not only or check.name in only)
        try:
            if not spec.checks:
                not_checked[spec.name] = "no checks are declared"
                say(f"{spec.name}: no checks are declared, so nothing is known of it.")
            elif wanted:
                found.append(TableChecks(spec, windows(spec, *days, now), wanted))
        except DeclarationError as error:
            not_checked[spec.name] = "none of its days is asked for"
            refused.append(str(error))
    if refused and not found:
        raise DeclarationError("\n".join(refused))
    for said in (*refused, *_left_out(found, not_checked)):
        say(said)
    return found


def _left_out(asked: Iterable[TableChecks], not_checked: dict[str, str]) -> Iterator[str]:
    """Says of which tables --only leaves out the check of rows without a time, which its user may not have meant."""
    for item in asked:
        if any(check.name == UNDATED for check in item.spec.checks) and UNDATED not in item.checks:
            not_checked[item.spec.name] = f"rows without a time, for --only leaves out {UNDATED}"
            yield f"{item.spec.name}: not checked: {not_checked[item.spec.name]}."


def windows(spec: TableSpec, first: date | None, last: date | None, now: datetime) -> tuple[Window, ...]:
    """The table's windows that have a part of the days from ``first`` to ``last``; without them, all that have ended.

    Raises:
        DeclarationError: When there is none.
    """
    if spec.calendar is None:
        return (ALL,)
    until = spec.calendar.next_end(now) if last else now  # who names the present day means what there is of it
    found = tuple(spec.calendar.over(until, first, last))
    if not found:
        after = f" until before {spec.calendar.end}" if spec.calendar.end else ""
        msg = f"{spec.name}: none of its {spec.noun}s is asked for; they go from {spec.calendar.start}{after}."
        raise DeclarationError(msg)
    return found


def _findings(
    project: Project,
    asked: Iterable[TableChecks],
    told: Callable[[str], None],
    memory: Ledger | None = None,
    **settings: Any,
) -> Iterator[Finding]:
    """What each check finds, with the table that is being looked at on the terminal."""
    # Each failed finding is logged too; with this handler Python does not print that beside the report.
    logging.getLogger("recon_assets").addHandler(_Tracebacks())
    for item in asked:
        told(f"{item.spec.name}: {plural(len(item.checks), 'check')}, {plural(len(item.windows), item.spec.noun)}")
        found = evaluate(
            project,
            item.spec,
            item.windows,
            names=item.checks,
            progress=partial(_tell_of, told, item.spec.name),
            **settings,
        )
        yield from review.accepting(memory, item.spec, item.windows, found) if memory else found


class _Tracebacks(logging.Handler):
    """Shows the traceback of a fault of this program; findings and other errors are in the report."""

    def emit(self, record: logging.LogRecord) -> None:
        """Prints it on standard error."""
        if record.exc_info:
            remark(self.format(record))


def _tell_of(told: Callable[[str], None], table: str, words: str) -> None:
    told(f"{table}: {words}")


def _add(result: Result, findings: Iterable[Finding]) -> None:
    for finding in findings:
        result.add(finding)
    result.finished = True


def _print_json(result: Result, findings: Iterable[Finding], project: Project) -> None:
    """Print each finding as it comes; a reader that goes away leaves the rest unjudged."""
    before = "[\n"
    with piped():
        for finding in findings:
            result.add(finding)
            private = frozenset(project.tables[finding.table].private)
            key = project.tables[finding.table].key
            sys.stdout.write(before + json_format.dumps(as_dict(finding, key, private), ensure_ascii=False))
            before = ",\n"
        sys.stdout.write("\n]\n" if result.tallies else "[]\n")
        sys.stdout.flush()  # what is still buffered has reached nobody
        result.finished = True
