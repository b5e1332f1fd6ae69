"""The commands that run things: demo, dev, adopt, backfill; and what `check --launch` does."""

import os
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import dagster as dg
import typer
from rich.table import Table

from recon_assets import ledger, review
from recon_assets.cli import cases, checks, context, findings
from recon_assets.cli.filling import (
    SECONDS_BETWEEN_LINES,
    Place,
    fill,
    nothing_to_load,
    refuse_overwriting,
    show,
    tell_plan,
)
from recon_assets.cli.options import (
    AllTables,
    Elsewhere,
    File,
    LoadMode,
    Span,
    Tables,
    chosen,
    refuse_unknown_checks,
    span,
)
from recon_assets.cli.output import screen, tell
from recon_assets.declare import DEMO, read
from recon_assets.demo import create
from recon_assets.demo.flights import data_folder
from recon_assets.errors import COULD_NOT_RUN, DIFFERENT, INTERRUPTED, DeclarationError, RefusedError
from recon_assets.ledger import Filter
from recon_assets.local import VARIABLES, Local
from recon_assets.model import ALL, Mode, State, TableSpec
from recon_assets.orchestration import backfills, local_deployment
from recon_assets.orchestration.backfills import Wanted
from recon_assets.orchestration.check_runs import CheckSelection, Due, Verdict
from recon_assets.orchestration.loading_order import loading_order
from recon_assets.orchestration.local_deployment import Session

app = typer.Typer()

MOST_NAMED = 5
MOST_SHOWN = 10

IntoMine = Annotated[
    bool,
    typer.Option("--into-mine", help="Write the demo into the databases that the environment names."),
]
FirstDay = Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day, as 2013-01-31.")]
LastDay = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, included.")]
Port = Annotated[int, typer.Option(help="Port of the web interface, on this machine's loopback only.")]


@app.command()
def demo(into_mine: IntoMine = False) -> None:  # noqa: FBT002 - a command-line switch
    """Load real data (flights of 2013) and fill a half-done migration by a real backfill.

    A source with 336,776 flights and a target that lacks days are made in databases of their own; what the
    target holds is adopted, Dagster fills the gaps and judges every day by its checks. What the tables' policies
    allow is corrected by itself, the rest waits in a queue; both are printed. Interrupted, run it again: it goes on.
    """
    refuse_mine(os.environ, into_mine=into_mine)
    data_folder()  # before anything starts
    demonstrated = {**os.environ, "RECON_TABLES": DEMO}  # the demo's own, whatever else is declared
    with interruptible("recon demo"), local_deployment.session(demonstrated, prepare=make_demo) as session:
        tell("Starting Dagster (code server, webserver, daemon) ...")
        with session.served() as running:
            tell(f"Dagster runs at {running.webserver.url} while this command does.")
            for spec in session.project.tables.values():
                tell_adopted(session, spec, judged=False)  # but all of it by `judge`
            place = Place(running.webserver, running)
            finish_earlier(session, place)
            wanted = [session.missing(spec) for spec in session.project.tables.values()]
            done = nothing_to_load(wanted) or fill(session, place, wanted)
            asked = asked_for(session, session.project.tables.values())
            judged = judge(session, place, asked)
            settle(session, place)
        show_provenance(session)
        show_findings(session)
        show_repair(session)
    tell("Look at it, /recon first, /review for the queue, / for Dagster: make dev (or: recon dev --file demo)")
    raise typer.Exit(0 if done and not judged.unknown else COULD_NOT_RUN)


@app.command()
def dev(file: File = None, port: Port = 3000) -> None:
    """Run Dagster with its web interface on the declared tables, until Ctrl-C.

    With RECON_LEDGER_URL and DAGSTER_PG_URL set nothing embedded starts.
    """
    with interruptible(), local_deployment.session(context.environment(file)) as session:
        tell("Starting Dagster (code server, webserver, daemon) ...")
        with session.served(port) as running:
            tell(f"Dagster is at {running.webserver.url}  (Ctrl-C stops it; logs: {running.logs})")
            tell("At /recon: whether the tables agree; at /review: the cases that wait.")
            embedded = Local(session.dagster.home)
            while True:
                running.check()
                if embedded.revived():
                    tell(f"The embedded PostgreSQL had ended, and was started again; its log: {embedded.log}")
                time.sleep(1)


@app.command()
def adopt(tables: Tables = None, every: AllTables = False, file: File = None) -> None:  # noqa: FBT002 - a command-line switch
    """Tell Dagster which days the target holds already, so that missing days in Dagster are the real gaps.

    Days that have rows become materialized, with their row counts; days that already are stay as they are.
    Nothing is written to the target. What was adopted is judged by its checks as soon as Dagster runs.
    """
    environ = environment_of(file, tables, every=every)
    with interruptible(as_typed()), local_deployment.session(environ, schema="make") as session:
        for spec in chosen(session.project, tables, every=every):
            tell_adopted(session, spec)


@app.command()
def backfill(  # noqa: PLR0913, PLR0917 - the switches of one command
    tables: Tables = None,
    every: AllTables = False,  # noqa: FBT002 - a command-line switch
    first: FirstDay = None,
    last: LastDay = None,
    file: File = None,
    missing: Annotated[bool, typer.Option("--missing", help="Only days not loaded, or that failed last.")] = False,  # noqa: FBT002
    mode: LoadMode = "insert_missing",
    yes: Annotated[bool, typer.Option("--yes", help="Load by a mode that changes or deletes rows.")] = False,  # noqa: FBT002
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be loaded, and launch nothing.")] = False,  # noqa: FBT002
    webserver: Elsewhere = None,
) -> None:
    """Load days of tables by Dagster backfills, parents first, and follow them to their end.

    Uses the Dagster that `recon dev` runs, or starts one for as long as it takes. Days that fail leave exit code 3.
    Interrupted, it cancels the backfill that it follows; what that has loaded stays.
    """
    days = span(first, last)
    environ = environment_of(file, tables, every=every)
    with interruptible(as_typed()), local_deployment.session(environ, schema="leave" if dry_run else "make") as session:
        if dry_run and ledger.is_begun(session.environ[context.LEDGER]):
            with session.remembered():  # which tells Dagster of loads that were taken back
                pass
        specs = chosen(session.project, tables, every=every)
        wanted = some_of(specs, lambda spec: selected(session, spec, days, missing=missing))
        if nothing_to_load(wanted):
            return
        if dry_run:
            tell_plan(loading_order(session.project), wanted)
        else:
            refuse_overwriting(wanted, Mode(mode), yes=yes)
            with reached(session, webserver) as place:
                done = fill(session, place, wanted, Mode(mode))
            raise typer.Exit(0 if done else COULD_NOT_RUN)


def launch_checks(  # noqa: PLR0913 - the switches of `check`
    tables: list[str] | None,
    days: Span,
    only: tuple[str, ...],
    *,
    every: bool,
    file: Path | None,
    webserver: str | None,
) -> None:
    """Judge days by their checks in Dagster, so that each day has its status there; without days all that have ended.

    Raises:
        Exit: With what `recon check` promises.
    """
    environ = environment_of(file, tables, every=every)
    with interruptible(as_typed()), local_deployment.session(environ, schema="make") as session:
        specs = chosen(session.project, tables, every=every)
        asked = asked_for(session, specs, days, only)
        with reached(session, webserver) as place:
            verdict = judge(session, place, asked)
        tell_failed(verdict)
    raise typer.Exit(COULD_NOT_RUN if verdict.unknown else DIFFERENT if verdict.wrong else 0)


def environment_of(file: Path | None, tables: list[str] | None, *, every: bool) -> Mapping[str, str]:
    """The environment, when its declaration has these tables: a name that it lacks is told before anything starts."""
    environ = context.environment(file)
    declaration = read(None, environ, offline=True)
    if not declaration.errors:  # those are told together by whoever loads it
        chosen(declaration.project, tables, every=every)
    return environ


def refuse_mine(environ: Mapping[str, str], *, into_mine: bool) -> None:
    """Raise when the demo would write into databases that somebody has named, and did not mean for it."""
    mine = [name for name in VARIABLES if environ.get(name)]
    if mine and not into_mine:
        msg = (
            f"The demo would write its tables, cases and runs into what {', '.join(mine)} names."
            f" Leave that alone by env {' '.join(f'-u {name}' for name in mine)} recon demo, or say --into-mine."
        )
        raise RefusedError(msg)


def make_demo(environ: Mapping[str, str]) -> None:
    """The demo's databases, made or completed."""
    create(environ["RECON_SOURCE_URL"], environ["RECON_TARGET_URL"], say=tell)


def finish_earlier(session: Session, place: Place) -> None:
    """Follow backfills that an interrupted command launched: Dagster goes on with them by itself."""
    for backfill_id in backfills.active(place.webserver, session.mark):
        tell(f"Going on with backfill {backfill_id}, which was interrupted.")
        wanted = [session.missing(spec) for spec in session.project.tables.values()]
        show(backfills.follow(place.webserver, session.instance, backfill_id, wanted), wanted, place)


def judge(session: Session, place: Place, asked: Sequence[CheckSelection]) -> Verdict:
    """Run checks alone in Dagster, so that each day has its status there; a run stopped by a check has judged too."""
    tell(f"Judging by {sum(len(item.keys) for item in asked)} checks ...")
    said, verdict = float("-inf"), Verdict((), frozenset())
    for verdict in session.check(place.webserver, asked):
        if place.running:
            place.running.check()
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES or verdict.ended:
            tell(str(verdict))
            said = time.monotonic()
    return verdict


def settle(session: Session, place: Place) -> None:
    """Wait until what may be corrected by itself is corrected, and what waits for people is in the queue."""
    tell("Correcting what may be corrected by itself, and filling the review queue ...")
    said = time.monotonic()
    for left in session.settled():
        if place.running:
            place.running.check()
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            tell(str(left))
            said = time.monotonic()


def tell_failed(verdict: Verdict) -> None:
    """Name what failed and what is not known, by check, each with its first days."""
    wrong = [(item.asset_check_key, item.partition) for item in verdict.wrong]
    for words, items in (("failed", wrong), ("could not be judged", verdict.unknown)):
        for key, days in by_check(items).items():
            more = f" and {len(days) - MOST_NAMED} more" if len(days) > MOST_NAMED else ""
            tell(f"{key.to_user_string()} {words}: {', '.join(days[:MOST_NAMED])}{more}")


def by_check(items: Iterable[Due]) -> dict[dg.AssetCheckKey, list[str]]:
    """The days of each check; ``all`` for one that is of the whole table."""
    found = defaultdict[dg.AssetCheckKey, list[str]](list)
    for key, day in sorted(items, key=lambda item: (item[0].to_user_string(), item[1] or "")):
        found[key].append(day or ALL.key)
    return found


def asked_for(
    session: Session,
    specs: Iterable[TableSpec],
    days: Span = (None, None),
    only: tuple[str, ...] = (),
) -> list[CheckSelection]:
    """What is to be judged; a table without a check of these names is passed over, and one without any is told.

    Raises:
        DeclarationError: When that is nothing: what was not judged has not passed.
    """
    specs = list(specs)
    refuse_unknown_checks(specs, only)
    for spec in specs:
        if not spec.checks:
            tell(f"{spec.name}: not checked: no checks are declared, so nothing is known of it.")
    wanted = some_of(specs, lambda spec: ended(session, spec, days))
    return [asked for item in wanted if (asked := CheckSelection(item.spec, span_of(item), only, session.naming)).keys]


def span_of(wanted: Wanted) -> tuple[str, str] | None:
    """The first and the last window; None for a table without days."""
    return (wanted.windows[0], wanted.windows[-1]) if wanted.spec.calendar else None


def show_findings(session: Session) -> None:
    """Print what the checks find, by table and check."""
    findings.show(checks.reconciled(session.project, datetime.now(UTC)))


def show_repair(session: Session) -> None:
    """Print what was corrected by itself, and what waits for a person."""
    now = datetime.now(UTC)
    with session.remembered() as memory, memory.begin() as c:
        corrected = [case for case in ledger.cases_in_state(c, State.APPLIED) if case.decided_by == review.POLICY]
        waiting = ledger.queue(c, Filter(), limit=MOST_SHOWN)
        counts = ledger.counts(c, Filter())
    cases.show_corrected(corrected)
    tell("\nWhat waits for a person: recon review show CASE --file demo, or /review beside Dagster")
    cases.show_queue(waiting.cases, counts, now)


def tell_adopted(session: Session, spec: TableSpec, *, judged: bool = True) -> None:
    """Adopt one table and say what was found."""
    found = session.adopt(spec, judged=judged)
    tell(
        f"{found.table}: {len(found.adopted)} adopted, {len(found.known)} known before, {len(found.empty)} without rows"
    )


def show_provenance(session: Session) -> None:
    """Print where each window of each table came from."""
    table = Table("table", "adopted", "filled", "failed or missing", title="Where each day came from")
    for spec in session.project.tables.values():
        found = session.provenance(spec)
        table.add_row(found.table, str(found.adopted), str(found.filled), str(found.missing))
    screen().print(table)


def selected(session: Session, spec: TableSpec, days: Span, *, missing: bool) -> Wanted:
    """The missing windows, unless a span of days was asked for and --missing was not.

    Raises:
        DeclarationError: When the table has none of the days that were asked for.
    """
    if days == (None, None):
        return session.missing(spec)
    every = ended(session, spec, days)
    return between(session.missing(spec), days) if missing else every


def ended(session: Session, spec: TableSpec, days: Span) -> Wanted:
    """The windows of these days that have ended.

    Raises:
        DeclarationError: When there are none: who asks for them would take nothing done for all done.
    """
    wanted = between(session.everything(spec), days)
    if not wanted.windows:
        last = f" to before {spec.calendar.end}" if spec.calendar and spec.calendar.end else " on"
        present = "today" if spec.noun == "day" else f"the present {spec.noun}"
        first = f"; its {spec.noun}s go from {spec.calendar.start}{last}" if spec.calendar else ""
        msg = f"{spec.name}: none of its {spec.noun}s that have ended is asked for{first}, and {present} has not ended."
        raise DeclarationError(msg)
    return wanted


def some_of(specs: Iterable[TableSpec], windows: Callable[[TableSpec], Wanted]) -> list[Wanted]:
    """What is wanted of each table; one that has none of the days is said, and stops no other.

    Raises:
        DeclarationError: When that is nothing.
    """
    found, refused = list[Wanted](), list[str]()
    for spec in specs:
        try:
            found.append(windows(spec))
        except DeclarationError as error:
            refused.append(str(error))
    if refused and not found:
        raise DeclarationError("\n".join(refused))
    for said in refused:
        tell(said)
    return found


def between(wanted: Wanted, days: Span) -> Wanted:
    """The windows that have a part of these days; a table without days has but one."""
    if not wanted.spec.calendar:
        return wanted
    asked = {window.key for window in wanted.spec.calendar.over(datetime.now(UTC), *days)}
    return replace(wanted, windows=tuple(key for key in wanted.windows if key in asked))


@contextmanager
def reached(session: Session, url: str | None) -> Iterator[Place]:
    """The webserver to talk to: the one that is named, the one that runs on this home, or one of our own."""
    if known := session.webserver(url):
        yield Place(known)
        return
    tell("Starting Dagster (code server, webserver, daemon) ...")
    with session.served() as running:
        yield Place(running.webserver, running)


@contextmanager
def interruptible(again: str | None = None) -> Iterator[None]:
    """Let Ctrl-C stop everything in order; say how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"Stopped. Run `{again}` again to go on." if again else "Stopped.")
        raise typer.Exit(INTERRUPTED if again else 0) from None


def as_typed() -> str:
    """The command that is running, as it was typed."""
    return shlex.join(["recon", *sys.argv[1:]])
