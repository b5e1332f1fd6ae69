"""What a run does for the checks of one table: each judged for each of the run's days, with a status of its own.

One gathering of evidence serves all days and checks. What could not be found out is an error of its day,
never a pass; a day that fails a blocking check is named at the end of the run, and stops no other day.
"""

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from recon_assets import review
from recon_assets.checks.running import completed
from recon_assets.model import ALL, Check, Finding, TableSpec, Window
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.evaluations import evaluation
from recon_assets.orchestration.resources import Connections, RunContext

LOG = dg.get_dagster_logger("recon_assets")
Said = dg.AssetCheckEvaluation | dg.Output[None]

Judge = Callable[[TableSpec, Sequence[Window], Sequence[str]], Iterator[Finding]]
"""What the named checks say of these windows of a table; those that are not daily say it of ``all``."""

Judges = Callable[[RunContext], Judge]
"""Who judges in a run."""


def judges(connections: Connections) -> Judges:
    """How the runs of this project judge a table: what they find is in the ledger before anybody sees it."""

    def of(context: RunContext) -> Judge:
        project, run = connections.project_in(context.resources), context.run
        remembering = connections.ledger_in(context.resources)  # without a ledger to open, the run fails here

        def judged(spec: TableSpec, windows: Sequence[Window], names: Sequence[str]) -> Iterator[Finding]:
            now = datetime.now(UTC)
            with remembering as book:
                yield from review.judged(book, project, spec, windows, names=names, now=now, run=run.run_id)

        return judged

    return of


def evaluations(
    context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey, judge: Judge, windows: Sequence[Window]
) -> Generator[Said, None, dict[str, list[str]]]:
    """Judge these windows by the run's checks, and say each verdict as soon as it is there.

    Returns:
        The windows that failed a blocking check, each with the names of those checks.
    """
    wanted = {check.name: check for check in selected(context, spec, key)}
    blocked = defaultdict[str, list[str]](list)
    partitions = [*(window.key for window in windows), ALL.key]
    targets = dagster_internals.check_targets(context.instance, key, partitions) if wanted else {}
    for finding in findings(spec, judge, windows, list(wanted.values())):
        check = wanted[finding.check]
        if check.blocking and not (finding.passed or finding.accepted):
            blocked[finding.window].append(check.name)
        yield evaluation(spec, key, check, finding, targets.get(finding.window))
    yield from ends(context, key, wanted)
    return dict(blocked)


def ends(context: dg.AssetExecutionContext, key: dg.AssetKey, names: Iterable[str]) -> Iterator[dg.Output[None]]:
    """The empty output of each check, without which Dagster's log says that the check gave none."""
    for name in names:
        check = dg.AssetCheckKey(key, name)
        yield dg.Output(None, context.assets_def.get_output_name_for_asset_check_key(check))


def selected(context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey) -> list[Check]:
    """The run's checks of this table, as declared."""
    names = {each.name for each in context.selected_asset_check_keys if each.asset_key == key}
    return [check for check in spec.checks if check.name in names]


def findings(spec: TableSpec, judge: Judge, windows: Sequence[Window], wanted: Sequence[Check]) -> Iterator[Finding]:
    """A finding of each check and window; where none could be had, that is the finding."""
    if not wanted:
        return
    due = [(key, check.name) for check in wanted for key in keys_of(check, windows)]
    names = [check.name for check in wanted]
    # A comparison of all records speaks to the ledger alone.
    yield from completed(spec.name, due, lambda: judge(spec, windows, names), LOG)


def keys_of(check: Check, windows: Sequence[Window]) -> list[str]:
    """Of which windows a check is judged."""
    return [window.key for window in windows] if check.daily else [ALL.key]
