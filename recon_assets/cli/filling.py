"""Backfills as a command launches and shows them: what is loaded, what failed and why, and what to do about it."""

import shlex
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from recon_assets.checks.table_order import LoadingOrder
from recon_assets.cli.context import next_command
from recon_assets.cli.output import screen, tell
from recon_assets.errors import RefusedError, UnavailableError
from recon_assets.model import Mode, plural
from recon_assets.orchestration import backfills
from recon_assets.orchestration.backfills import Wanted
from recon_assets.orchestration.causes import causes
from recon_assets.orchestration.loading_order import loading_order
from recon_assets.orchestration.local_deployment import Session
from recon_assets.orchestration.processes import Services
from recon_assets.orchestration.webserver import Webserver

SECONDS_BETWEEN_LINES = 5.0
MOST_CAUSES = 10
MOST_NAMED = 5


@dataclass(frozen=True)
class Place:
    """Where backfills are launched, and its processes when they are ours."""

    webserver: Webserver
    running: Services | None = None


def refuse_overwriting(wanted: Iterable[Wanted], mode: Mode, *, yes: bool) -> None:
    """Raise, before anything starts, when rows may be changed or deleted and nobody has said yes to it."""
    if mode is not Mode.INSERT_MISSING and not yes:
        does = "deletes rows that the source lacks, and " if mode is Mode.REPLACE else ""
        of = ", ".join(f"{item.spec.name} ({span_of(item.windows)})" for item in wanted if item.windows)
        msg = f"--mode {mode} {does}overwrites rows that the target has: {of}. The same command with --yes does it."
        raise RefusedError(msg)


def nothing_to_load(wanted: Iterable[Wanted]) -> bool:
    """Whether no window is wanted, which is said."""
    nothing = not any(item.windows for item in wanted)
    if nothing:
        tell("Nothing to load: no day is missing.")
    return nothing


def fill(session: Session, place: Place, wanted: Sequence[Wanted], mode: Mode = Mode.INSERT_MISSING) -> bool:
    """Launch backfills, parents before the tables that name their rows; whether every window was loaded."""
    some = {item.spec.name: item for item in wanted if item.windows}
    order, done = loading_order(session.project), True
    for remark in order.remarks(some):
        tell(remark)
    for wave in order.waves(some):
        done &= fill_wave(session, place, [some[name] for name in wave], mode, order)
    return done


def tell_plan(order: LoadingOrder, wanted: Iterable[Wanted]) -> None:
    """Say what a backfill would load, step by step."""
    some = {item.spec.name: item for item in wanted if item.windows}
    for remark in order.remarks(some):
        tell(remark)
    for step, wave in enumerate(order.waves(some), start=1):
        for name in wave:
            tell(f"{step}. {name}: {len(some[name].windows)} to load, {span_of(some[name].windows)}")
    tell("Nothing was launched. Load it: the same command without --dry-run")


def fill_wave(session: Session, place: Place, wanted: Sequence[Wanted], mode: Mode, order: LoadingOrder) -> bool:
    """Launch one backfill and show it to its end; whether every window was loaded."""
    backfill_id, steps = session.fill(place.webserver, wanted, mode)
    tell(f"Backfill {backfill_id}:")
    for item in wanted:
        tell(f"  {item.spec.name}: {len(item.windows)} to load, {span_of(item.windows)}")
    try:
        last = show(steps, wanted, place)
    except KeyboardInterrupt:
        tell(cancelled(place.webserver, backfill_id))
        raise
    failed = {(item.spec.name, key) for item in wanted for key in item.windows} - last.done
    tell(f"Backfill {backfill_id}: {last.result}")
    if failed:
        tell_failed(session, backfill_id, failed, last, order, mode)
    return not failed


def cancelled(webserver: Webserver, backfill_id: str) -> str:
    """Cancel a backfill, which would else go on by itself; what has become of it."""
    try:
        backfills.cancel(webserver, backfill_id)
    except UnavailableError as error:
        return f"Backfill {backfill_id} is not cancelled, and goes on whenever Dagster runs: {error}"
    return f"Backfill {backfill_id} is cancelled; what it has loaded stays."


def tell_failed(  # noqa: PLR0913, PLR0917 - what failed, of what
    session: Session,
    backfill_id: str,
    failed: Collection[tuple[str, str]],
    last: backfills.Progress,
    order: LoadingOrder,
    mode: Mode,
) -> None:
    """Each cause once with its days, what lies behind it, and the commands that go on or take it back."""
    found = causes(session.instance, backfill_id)
    for cause in found[:MOST_CAUSES]:
        tell(f"  {cause.table}: {plural(len(cause.windows), 'day')} ({span_of(cause.windows)}): {cause.reason}")
    if len(found) > MOST_CAUSES:
        tell(f"  and {len(found) - MOST_CAUSES} more causes: the runs' logs in Dagster have them all.")
    named = {(cause.table, window) for cause in found for window in cause.windows}
    for table in sorted({table for table, window in failed if (table, window) not in named}):
        unsaid = sorted(window for name, window in failed if name == table and (name, window) not in named)
        why = last.error or "no run of them has said why"
        tell(f"  {table}: {plural(len(unsaid), 'day')} ({span_of(unsaid)}): {why}")
    tables = sorted({table for table, _ in failed})
    for table in tables:
        for parent in sorted(order.above(table)):
            lacking = session.missing(session.project.tables[parent]).windows
            if lacking:
                days = f"{plural(len(lacking), 'day')} ({span_of(lacking)})"
                tell(
                    f"  {table} names rows of {parent}, of which {days} are missing:"
                    f" {next_command(f'recon backfill {parent} --missing')}"
                )
    passing = found and all(cause.passing for cause in found)
    after = "Try again" if passing else "When that is mended, load what is missing"
    tell(f"{after}: {' && '.join(map(next_command, to_repeat(session, failed, mode)))}")
    if last.done:
        tell(f"Take back what was loaded: {next_command(f'recon rollback backfill {backfill_id}')}")


def to_repeat(session: Session, failed: Collection[tuple[str, str]], mode: Mode) -> list[str]:
    """The commands that load what failed in the same way: as what is missing, or, where Dagster knows better, as days.

    A day that was loaded before is missing only after a run of it has failed, and some had none.
    """
    how = "" if mode is Mode.INSERT_MISSING else f" --mode {mode.value} --yes"
    windows = {table: sorted(key for name, key in failed if name == table) for table in sorted({t for t, _ in failed})}
    specs = session.project.tables
    missing = {table: set(session.missing(specs[table]).windows) for table in windows}
    lost = [table for table, keys in windows.items() if not specs[table].calendar or set(keys) <= missing[table]]
    commands = [f"recon backfill {shlex.join(lost)} --missing{how}"] if lost else []
    for table in sorted(windows.keys() - lost):
        days = f"--from {windows[table][0]} --to {windows[table][-1]}"
        commands.append(f"recon backfill {shlex.quote(table)} {days}{how}")
    return commands


def span_of(windows: Sequence[str]) -> str:
    """A few windows one by one, of more the first and the last."""
    return ", ".join(windows) if len(windows) <= MOST_NAMED else f"{windows[0]} to {windows[-1]}"


def show(steps: Iterable[backfills.Progress], wanted: Sequence[Wanted], place: Place) -> backfills.Progress:
    """Show each step of a backfill as it comes, as a bar on a terminal and as lines elsewhere; the last step."""
    last = backfills.Progress(total=sum(len(item.windows) for item in wanted))
    draw = bar if screen().is_terminal else lines
    for step in draw(steps):
        last = step
        if place.running:
            place.running.check()
    return last


def bar(steps: Iterable[backfills.Progress]) -> Iterator[backfills.Progress]:
    """Draw a live bar."""
    with Progress(SpinnerColumn(), BarColumn(), TextColumn("{task.description}"), console=screen()) as progress:
        task = progress.add_task("waiting for the daemon", total=None)
        for step in steps:
            words = str(step) if step.done else "waiting for the first days"
            progress.update(task, total=step.total, completed=len(step.done), description=words)
            yield step


def lines(steps: Iterable[backfills.Progress]) -> Iterator[backfills.Progress]:
    """Print a line every few seconds."""
    said = float("-inf")
    for step in steps:
        if step.seconds - said >= SECONDS_BETWEEN_LINES and not step.ended:
            tell(str(step) if step.done else "waiting for the first days")
            said = step.seconds
        yield step
