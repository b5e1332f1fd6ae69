"""The one job of the review: a run corrects what was decided, compares again, and logs the new status of each check.

What is due is read from the ledger again and again until nothing is left that the run has not tried: what a person
decides meanwhile is done by the same run, before further windows are judged. Dagster takes the evaluation of any
check from any run, so no run of the checks themselves follows. The sensor shows what became of the cases.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import dagster as dg

from recon_assets import ledger, review
from recon_assets.checks.running import completed
from recon_assets.errors import ReconError
from recon_assets.ledger import Ledger
from recon_assets.model import ALL, Case, CaseEventType, CaseId, Project, State, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.checking import LOG, keys_of
from recon_assets.orchestration.evaluations import evaluation
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.reviewing import CORRECT, driver_errors
from recon_assets.orchestration.translation import Naming, dagster_name

MAX_WINDOWS_AT_ONCE = 31
"""Judged together, before the run looks for new decisions; what is kept of a window's evidence takes memory."""
RECHECK_SECONDS = 300.0
"""After so long a run judges no further windows: while it runs it holds a place in the pools of all sources."""


def correct_job(connections: Connections) -> dg.JobDefinition:
    """Does what is due in the review."""
    naming, sources = connections.naming, sources_of(connections.project)

    @dg.op(
        name=naming.of_ours("correct"),
        description="Corrects the target as decided, rolls back what was asked to be undone, and judges again what"
        " was changed by that or by loads: the checks' new statuses are in this run's log.",
        pool=next(map(naming.of_ours, sources), None),
        required_resource_keys=connections.resource_keys(*connections.project.tables.values()),
    )
    def work(context: dg.OpExecutionContext) -> None:
        dagster_internals.keep_connection(context.instance)
        dagster_internals.mark_home(context.instance, context.run.run_id)
        with driver_errors(), connections.ledger_in(context.resources) as book:
            failed = ReviewRun(context, book, connections.project_in(context.resources), naming).run()
            if failed:
                raise dg.Failure("; ".join(failed), allow_retries=False)

    @dg.job(
        name=naming.of_ours(CORRECT),
        description="Does what was decided of cases, and judges again what was changed.",
        executor_def=dg.in_process_executor,  # it is one step: a process more would cost seconds that a person waits
    )
    def job() -> None:
        work()
        for source in sources[1:]:
            holds(naming, source)()

    return job


def sources_of(project: Project) -> list[str]:
    """The databases that corrections read; each has a pool, which its tables' loads are in too."""
    return list(dict.fromkeys(dagster_name(spec.source.database) for spec in project.tables.values()))


def holds(naming: Naming, source: str) -> dg.OpDefinition:
    """An op without work: a run counts in the pools of all its ops, and cases of all sources are corrected in order."""
    pool = naming.of_ours(source)

    @dg.op(name=naming.of_ours(f"hold_{source}"), description=f"Counts the run in the pool {pool}.", pool=pool)
    def work() -> None:
        pass

    return work


def loading(instance: dg.DagsterInstance, project: Project, naming: Naming) -> set[str]:
    """The declared tables that a run or a backfill is to load which has not ended."""
    tables = naming.tables(project)
    return {tables[key] for key in dagster_internals.being_loaded(instance) if key in tables}


def present() -> datetime:
    """Now."""
    return datetime.now(UTC)


class ReviewRun:
    """Brings decided cases to their end and judges windows again; what cannot be done keeps nothing else from it."""

    def __init__(self, context: dg.OpExecutionContext, book: Ledger, project: Project, naming: Naming) -> None:
        self.context, self.book, self.project, self.naming = context, book, project, naming
        self.tried = set[tuple[CaseId, int]]()
        self.rechecked = set[review.Recheck]()
        self.failed: dict[CaseId, str] = {}

    def run(self) -> list[str]:
        """Do what killed runs have left, then all that is due, what people wait for first; what failed."""
        end = time.monotonic() + RECHECK_SECONDS
        with self.book.begin() as connection:
            killed = ledger.cases_in_state(connection, State.APPLYING, tables=tuple(self.project.tables))
        self.attempt(self.correct, killed)
        busy = True
        while busy:
            review.route(self.book, self.project, present())  # findings of this run may close cases, or open others
            under_way = loading(self.context.instance, self.project, self.naming)
            due = review.due(self.book, self.project, present(), under_way)
            corrected, undone = self.attempt(self.correct, due.correct), self.attempt(self.undo, due.undo)
            windows = [each for each in due.recheck if each not in self.rechecked] if time.monotonic() < end else []
            self.recheck(windows[:MAX_WINDOWS_AT_ONCE])
            busy = corrected or undone or bool(windows)
        return [f"{id_}: {why}" for id_, why in self.failed.items()]

    def attempt(self, work: Callable[[CaseId], None], cases: Sequence[Case]) -> bool:
        """Do it for each case, or remember why it cannot be done; whether there was one that was not tried before."""
        new = [case for case in cases if (case.id, case.version) not in self.tried and case.id not in self.failed]
        for case in new:
            self.tried.add((case.id, case.version))
            try:
                work(case.id)
            except ReconError as error:
                self.context.log.warning("%s: %s", case.id, error)
                self.failed[case.id] = str(error)
            except Exception as error:  # noqa: BLE001 - one fault stops one thing
                self.failed[case.id] = review.unexpected(case.id, error)
        return bool(new)

    def correct(self, id_: CaseId) -> None:
        """Do what was decided of one case."""
        case = review.correct(self.book, self.project, id_, run=self.context.run.run_id, clock=present)
        self.context.log.info("%s is %s", id_, case.state)
        if not case.state.closed:
            with self.book.begin() as connection:
                last = ledger.events(connection, id_)[-1]
            if last.note:  # given back, or to be tried again; nothing is said where another run is at work on it
                self.failed[id_] = last.note

    def undo(self, id_: CaseId) -> None:
        """Roll one case back, as somebody has asked."""
        with self.book.begin() as connection:
            asked = next(event for event in reversed(ledger.events(connection, id_)) if event.act is CaseEventType.UNDO)
        done = review.roll_back(
            self.book,
            self.project,
            review.Scope(case=id_),
            who=asked.who,
            note=asked.note,
            clock=present,
            run=self.context.run.run_id,
            dry_run=False,
        )
        for why in done.refused:
            self.context.log.warning("%s: %s", id_, why)
        self.context.log.info("%s: %d changes taken back", id_, len(done.changes))

    def recheck(self, windows: Sequence[review.Recheck]) -> None:
        """Judge windows again: all of one table together, but for those of which all records are to be compared."""
        self.rechecked.update(windows)
        groups = defaultdict[tuple[str, bool], list[str]](list)
        for each in windows:
            groups[each.table, each.records].append(each.window)
        for (table, records), keys in groups.items():
            self.judge(self.project.tables[table], keys, records=records)

    def judge(self, spec: TableSpec, keys: Sequence[str], *, records: bool) -> None:
        """Judge windows of one table by its checks, and log what each says; one that could not run is an error."""
        windows = [spec.window(key) for key in keys if spec.calendar is None or key != ALL.key]
        checks = {
            check.name: check
            for check in spec.checks
            if (windows and (check.daily or spec.calendar is None)) or (ALL.key in keys and not check.daily)
        }
        judged = partial(
            review.judged,
            self.book,
            self.project,
            spec,
            windows,
            names=list(checks),
            now=present(),
            run=self.context.run.run_id,
            records=records and bool(windows),
        )
        key = self.naming.key(spec)
        targets = dagster_internals.check_targets(self.context.instance, key, [*keys, ALL.key])
        due = [(key, check.name) for check in checks.values() for key in keys_of(check, windows)]
        # One window says nothing of a larger partition, or of an asset without any: the asset's next run tells.
        told = self.naming.has_partition_per_window(spec)
        for finding in completed(spec.name, due, judged, LOG):
            if told or not checks[finding.check].daily:
                said = evaluation(spec, key, checks[finding.check], finding, targets.get(finding.window))
                dagster_internals.log_evaluation(self.context, said)
