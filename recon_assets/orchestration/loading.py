"""What a run does for one table: each of its windows in turn, each with a transaction and a status of its own.

A run over a range of days reports every day as it commits, so month-sized runs keep day-sized status,
retry and resume. A day that fails stops no other day; the failed ones are named together at the end.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import dagster as dg
from pydantic import Field

from recon_assets import dialect, ledger, reading, writing
from recon_assets.checks import References
from recon_assets.errors import ReconError, RefusedError, UnavailableError
from recon_assets.ledger import Ledger
from recon_assets.model import Column, Decision, DiscrepancyKind, Loaded, Mode, Project, TableSpec, Window
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.causes import BACKFILL_TAG
from recon_assets.orchestration.resources import Connections, RunContext
from recon_assets.review import MAY_NOT_DECIDE_TAG, PERSON_TAG

T = TypeVar("T")
TRIES = 3
RETRIES = frozenset({"dagster/retry_number", "dagster/is_resume_retry", "dagster/is_asset_resume_retry"})


class LoadConfig(dg.Config):
    """What a person may choose for one run, in the launchpad or by a backfill's run config."""

    mode: Mode = Field(Mode.INSERT_MISSING, description="What the load may do to rows that the target already has.")
    columns: list[str] = Field([], description="The columns to write, for the modes FILL_NULLS and UPDATE_COLUMNS.")
    only_missing: bool = Field(
        default=False, description="Pass over days that are materialized already, and report them again as they are."
    )
    dry_run: bool = Field(default=False, description="Count what would be written, and write nothing.")
    overwrite_decisions: bool = Field(
        default=False, description="Load days also where that may undo what somebody decided in the review queue."
    )


class Sides(Protocol):
    """Both sides of one table, open for a run."""

    def load(self, window: Window, config: LoadConfig) -> Loaded:
        """Bring one window from the source to the target, in one transaction."""

    def schema(self) -> dg.TableSchema:
        """The target's columns as they are now."""

    def note_written(self) -> None:
        """Have what named rows judged again that were not there."""


Opener = Callable[[TableSpec, RunContext], AbstractContextManager[Sides]]


@dataclass(frozen=True)
class Databases:
    """The two databases of one table, and the ledger, in a run."""

    pair: reading.Pair
    book: Ledger
    run: dg.DagsterRun
    project: Project

    def load(self, window: Window, config: LoadConfig) -> Loaded:
        """Bring one window from the source to the target, in one transaction that can be rolled back later.

        Raises:
            RefusedError: When that may undo what a person has decided.
        """
        if config.overwrite_decisions and MAY_NOT_DECIDE_TAG in self.run.tags:
            who = self.run.tags.get(PERSON_TAG, "")
            msg = (
                f"overwrite_decisions needs the right to decide, which {who} does not have (RECON_WEB_ROLES gives it)."
            )
            raise RefusedError(msg)
        return writing.load(
            self.pair,
            window,
            mode=config.mode,
            columns=tuple(config.columns),
            dry_run=config.dry_run,
            backup_sink=self.backup_sink(window, config.mode),
            ask=None if config.overwrite_decisions else partial(self.refuse_to_undo, window, config.mode),
        )

    def backup_sink(self, window: Window, mode: Mode) -> ledger.BackupSink:
        """Remembers what the load changes."""
        backfill = self.run.tags.get(BACKFILL_TAG, "")
        table, run, now = self.pair.spec.name, self.run.run_id, datetime.now(UTC)
        return ledger.BackupSink(
            self.book, table, window.key, mode.value, run, backfill, now, self.run.tags.get(PERSON_TAG, "")
        )

    def refuse_to_undo(self, window: Window, mode: Mode) -> None:
        """Raise when a person has decided that rows of the window shall be otherwise than in the source."""
        with self.book.begin() as connection:
            decided = ledger.standing_decisions(connection, self.pair.spec.name, window.key)
        found = [each for each in decided if endangers(mode, each)]
        if found:
            said = "; ".join(f"{each.case}: {each.decision} by {each.who} on {each.at:%Y-%m-%d}" for each in found)
            msg = (
                f"{self.pair.spec.name} {window}: {mode} may undo what was decided of its rows ({said})."
                " Decide otherwise in the review queue, or set overwrite_decisions in the run's config."
            )
            raise RefusedError(msg)

    def schema(self) -> dg.TableSchema:
        """The target's columns as they are now."""
        return dg.TableSchema([described(column) for column in self.pair.target_schema.columns])

    def note_written(self) -> None:
        """Have windows of other tables judged again where rows name rows of this one that were not there.

        Whoever judges a table before its parents are loaded finds orphans, and nobody would look again by himself.
        """
        children = [
            name
            for name, spec in self.project.tables.items()
            if any(isinstance(check, References) and check.parent == self.pair.spec.name for check in spec.checks)
        ]
        for name in children:
            with self.book.begin() as connection:
                orphaned = ledger.windows_of_open_cases(connection, name, DiscrepancyKind.ORPHAN)
                ledger.note_all_changed(connection, name, orphaned)


def endangers(mode: Mode, decided: ledger.StandingDecision) -> bool:
    """Whether a load may undo a decision; one that only inserts brings back what is to be missing, nothing else."""
    missing = decided.decision is not Decision.CUSTOM_FIX and decided.case.of_records is DiscrepancyKind.MISSING
    return mode is not Mode.INSERT_MISSING or missing


def described(column: Column) -> dg.TableColumn:
    """One column, in Dagster's words."""
    return dg.TableColumn(
        column.name, column.type.name, constraints=dg.TableColumnConstraints(nullable=column.nullable)
    )


def opener(connections: Connections) -> Opener:
    """How the runs of this project reach both sides of a table."""

    @contextmanager
    def opened(spec: TableSpec, context: RunContext) -> Iterator[Sides]:
        project = connections.project_in(context.resources)
        with (
            dialect.opened(project.databases[spec.source.database], role="source") as source,
            dialect.opened(project.databases[spec.target.database], role="target") as target,
            connections.ledger_in(context.resources) as book,
        ):
            pair = persistently(partial(reading.pair_for_loading, spec, source, target))
            yield Databases(pair, book, context.run, project)

    return opened


@dataclass(frozen=True)
class NotLoaded:
    """Why a window was not loaded; ``passing`` may be over when it is loaded again."""

    reason: str
    passing: bool = False


def load_windows(
    context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey, sides: Sides, config: LoadConfig
) -> dict[str, NotLoaded]:
    """Load each window of this run that it has not loaded yet, and report each; the keys of those that failed."""
    refuse_dry_backfill(context, spec, config)
    schema = sides.schema()
    failed, written = dict[str, NotLoaded](), False
    for window in windows_to_do(context, spec, key, config):
        try:
            loaded = persistently(partial(sides.load, window, config))
        except ReconError as error:
            context.log.error("%s %s was not loaded: %s", spec.name, window, error)  # noqa: TRY400 - it says all
            failed[window.key] = NotLoaded(str(error), isinstance(error, UnavailableError))
        except Exception as error:  # whatever one day's failure is, it stops no other day
            context.log.exception("%s %s was not loaded", spec.name, window)
            # Its words may hold values of rows, which the run's log alone may show.
            failed[window.key] = NotLoaded(f"{type(error).__name__}, a fault of this program; the run's log has it")
        else:
            report(context, spec, key, loaded, schema)
            written |= loaded.changed and not loaded.dry_run
    if written:
        sides.note_written()
    return failed


def begin(context: dg.AssetExecutionContext) -> None:
    """What every run of a table does first."""
    dagster_internals.keep_connection(context.instance)
    dagster_internals.mark_home(context.instance, context.run.run_id)


def loads(context: dg.AssetExecutionContext, key: dg.AssetKey) -> bool:
    """Whether the run is to load the table; otherwise it is one of checks alone."""
    return key in context.selected_asset_keys


def run_keys(context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey) -> list[str]:
    """The windows that the run is of; a run of checks alone that names no day is of all that are loaded."""
    if spec.calendar is None:
        return [dagster_internals.ALL]
    if loads(context, key) or context.has_partition_key or context.has_partition_key_range:
        return list(context.partition_keys)
    there = dagster_internals.materialized(context.instance, key, partitioned=True)
    return sorted(filter(spec.calendar.has, there), key=spec.calendar.index)


def refuse_dry_backfill(context: dg.AssetExecutionContext, spec: TableSpec, config: LoadConfig) -> None:
    """Raise when a backfill is asked to write nothing: its days would look filled, or failed, and be neither."""
    if config.dry_run and BACKFILL_TAG in context.run.tags:
        msg = (
            f"{spec.name}: dry_run in a backfill, whose days would then look failed."
            " Launch a dry run as one run (Materialize > Open launchpad), or leave dry_run out."
        )
        raise dg.Failure(msg, allow_retries=False) from RefusedError(msg)


def windows_to_do(
    context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey, config: LoadConfig
) -> list[Window]:
    """The run's windows without those that this run, or the run it resumes, has materialized already."""
    wanted = run_keys(context, spec, key)
    if done := dagster_internals.materialized_by(context.instance, resumed_runs(context.run), key):
        done -= dagster_internals.taken_back(context.instance, key)
    if done:
        context.log.info("%s: %d windows were loaded before this run was resumed", spec.name, len(done))
    if config.only_missing:
        done |= pass_over(context, spec, key, [window for window in wanted if window not in done])
    return [spec.window(window) for window in wanted if window not in done]


def pass_over(
    context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey, windows: list[str]
) -> frozenset[str]:
    """Report the materialized ones of these days again, as they were; a backfill waits for all days it asked for.

    That clears what their checks said, which is why a run judges all of its days and not only those that it loaded.
    """
    known = dagster_internals.latest_materializations(context.instance, key, windows) if spec.calendar else {}
    for event in known.values():
        context.log_event(event)
    return frozenset(known)


def resumed_runs(run: dg.DagsterRun) -> tuple[str, ...]:
    """Name this run, and the runs that it continues; re-executing a whole run by hand continues nothing."""
    continues = RETRIES & run.tags.keys()
    before = {run.parent_run_id, run.root_run_id} - {None} if continues else set()
    return (run.run_id, *sorted(str(run_id) for run_id in before))


def persistently(reach: Callable[[], T], *, wait: float = 1.0, sleep: Callable[[float], None] = time.sleep) -> T:
    """Call ``reach``, up to three times while the database does not answer, waiting twice as long each time."""
    for delay in (wait * 2**tried for tried in range(TRIES - 1)):
        try:
            return reach()
        except UnavailableError:
            sleep(delay)
    return reach()


def report(
    context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey, loaded: Loaded, schema: dg.TableSchema
) -> None:
    """Tell Dagster about one window, at once: an observation for a dry run, which fills nothing."""
    event = dg.AssetObservation if loaded.dry_run else dg.AssetMaterialization
    figures = ", ".join(f"{count} {name}" for name, count in loaded.counts().items())
    context.log.info("%s %s: %s in %.2f s", spec.name, loaded.window, figures, loaded.seconds)
    context.log_event(
        event(
            key,
            partition=loaded.window.key if spec.calendar else None,
            description=figures,
            metadata={**measured(loaded, partitioned=spec.calendar is not None), "dagster/column_schema": schema},
        )
    )


def measured(loaded: Loaded, *, partitioned: bool) -> Mapping[str, Any]:
    """The figures of one load under the names that Dagster plots and sums."""
    rows = "dagster/partition_row_count" if partitioned else "dagster/row_count"
    return {
        rows: loaded.read,
        **loaded.counts(),
        **({"bytes": loaded.bytes} if loaded.bytes else {}),  # known only of what was streamed
        "seconds": round(loaded.seconds, 3),
        "mode": loaded.mode.value,
        "origin": "loaded",
    }
