"""Reconciliation checks on assets that a team has already: loaded by dbt, Sling, dlt or code of its own.

Such an asset stays the team's, and these checks are guests in its runs. They never raise (what could not be found out
is a failed evaluation, which says why), take no pool unless asked, and change nothing about the asset and its jobs.
Their findings go into the ledger like all others: failures become cases, and a case is corrected by itself only where
the table's `correct` says so.

An asset that is partitioned by time has a status per partition: of the declared windows that end in it, which is one
where both are daily, and thirty where the asset is monthly. Any other asset has one status, of all windows that are
over, and a case per window all the same.
"""

import os
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from recon_assets import reading
from recon_assets.checks.running import not_run
from recon_assets.declare import load_project
from recon_assets.errors import DeclarationError
from recon_assets.model import ALL, Check, Details, Finding, Project, Severity, TableSpec, Window, plural
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.build_definitions import review_definitions
from recon_assets.orchestration.checking import Judge, Judges, Said, findings, judges
from recon_assets.orchestration.evaluations import MOST_ROWS, described, metadata, shown
from recon_assets.orchestration.resources import Connections, RunContext
from recon_assets.orchestration.translation import AssetLike, ExistingAsset, Naming, Partitions

Condition = dg.AutomationCondition[dg.AssetCheckKey]

EACH_UPDATE = dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window())
"""Judges every partition that was updated, however old; plain `eager` judges the newest alone."""


def reconciliation_checks(  # noqa: PLR0913 - the checks' place, and what a team may ask of them
    project: Project | Path,
    *,
    assets: Mapping[str, AssetLike],
    partitions_def: Partitions | None = None,
    blocking: bool = False,
    automation_condition: Condition | None = None,
    pool: str | None = None,
    environ: Mapping[str, str] = os.environ,
    ledger: str = "",
) -> list[dg.AssetChecksDefinition]:
    """The declared checks of tables, on assets that exist.

    Args:
        project: Declares the tables, or is the file that does.
        assets: Which asset each table's target is filled by.
        partitions_def: That of the assets given by their keys alone; must equal theirs, start included.
        blocking: Whether all checks keep what is downstream in the same run from running; those that are declared
            `blocking` do so anyway.
        automation_condition: When Dagster runs the checks by itself, such as `EACH_UPDATE`.
        pool: In which pool the checks count; none unless asked.
        environ: Names the ledger, which is looked up by runs and not by loading.
        ledger: The key of the resource that is the ledger; "" where ``environ`` names it.

    Raises:
        DeclarationError: When a table is not declared or has no checks, or an asset cannot be told.
    """
    project = load_project(project, environ=environ) if isinstance(project, Path) else project
    connections, found = Connections(project, environ, ledger), []
    judged = judges(connections)
    for table, asset in assets.items():
        spec = declared(project, table)
        existing = ExistingAsset.of(table, asset, partitions_def)
        refuse_small_partitions(spec, existing)
        made = checks_on(
            spec,
            existing,
            judged,
            resource_keys=connections.resource_keys(spec),
            blocking=blocking,
            automation_condition=automation_condition,
            pool=pool,
        )
        found.append(made)
    return found


def declared(project: Project, table: str) -> TableSpec:
    """A table with checks."""
    if (spec := project.tables.get(table)) is None:
        msg = f"{table}: no such table is declared; {reading.nearest(table, list(project.tables))}"
        raise DeclarationError(msg)
    if not spec.checks:
        msg = f"{table} has no checks; declare some (`checks: [count, keys, fields]`), or leave it out."
        raise DeclarationError(msg)
    return spec


def checks_on(  # noqa: PLR0913 - as above
    spec: TableSpec,
    asset: ExistingAsset,
    judged: Judges,
    *,
    resource_keys: Collection[str] = (),
    blocking: bool = False,
    automation_condition: Condition | None = None,
    pool: str | None = None,
) -> dg.AssetChecksDefinition:
    """The checks of one table, on one asset."""
    partitions = asset.times if spec.calendar else None
    blocks = {check.name: blocking or check.blocking for check in spec.checks}

    @dg.multi_asset_check(
        name=f"recon_checks__{spec.name}",
        specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=asset.key,
                description=check.description,
                partitions_def=partitions if check.daily else None,
                metadata={"kind": check.kind},
                blocking=blocks[check.name],
                automation_condition=automation_condition,
            )
            for check in spec.checks
        ],
        can_subset=True,
        pool=pool,
        required_resource_keys=set(resource_keys),
    )
    def work(context: dg.AssetCheckExecutionContext) -> Iterator[Said]:
        op = context.op_execution_context
        names = {key.name for key in context.selected_asset_check_keys}
        wanted = [check for check in spec.checks if check.name in names]
        windows = run_windows(op, spec, asset)
        targets = dagster_internals.check_targets(op.instance, asset.key, [ALL.key, *filter(None, windows)])
        judge = partial(judge_in, judged, op)
        for place, check, finding in verdicts(spec, judge, wanted, windows):
            yield dg.AssetCheckEvaluation(
                asset_key=asset.key,
                check_name=check.name,
                passed=finding.passed or finding.accepted is not None,
                partition=place,
                metadata=metadata(spec, finding),
                severity=shown(check, finding),
                blocking=blocks[check.name],
                description=described(finding),
                target_materialization_data=targets.get(place or ALL.key),
            )
        for check in wanted:
            key = dg.AssetCheckKey(asset.key, check.name)
            yield dg.Output(None, op.assets_def.get_output_name_for_asset_check_key(key))

    return work


def judge_in(
    judged: Judges, context: RunContext, spec: TableSpec, windows: Sequence[Window], names: Sequence[str]
) -> Iterator[Finding]:
    """Judge, and open the ledger only now: where it does not answer, that is what the checks say."""
    yield from judged(context)(spec, windows, names)


def run_windows(
    op: dg.OpExecutionContext, spec: TableSpec, asset: ExistingAsset
) -> dict[str | None, tuple[Window, ...]]:
    """The windows to judge, by the partition whose status they make; None for the status of the whole asset.

    A run of checks alone that names no partition is of all that are materialized.
    """
    if spec.calendar is None:
        return {None: (ALL,)}
    if asset.times is None:
        return {None: tuple(spec.calendar.over(datetime.now(UTC)))}
    if op.has_partition_key or op.has_partition_key_range:
        keys = list(op.partition_keys)
    else:
        there = op.instance.get_materialized_partitions(asset.key)
        keys = [key for key in asset.times.get_partition_keys() if key in there]
    spans = {key: asset.times.time_window_for_partition_key(key) for key in keys}
    # By its end, each window belongs to one partition, whatever the zones of both.
    return {key: spec.calendar.ending_in(span.start, span.end) for key, span in spans.items()}


def refuse_small_partitions(spec: TableSpec, asset: ExistingAsset) -> None:
    """Raise where the partitions are smaller than the declared windows: most of them could never have a status."""
    first = asset.times.get_first_partition_key() if asset.times and spec.calendar else None
    if not (first and asset.times and spec.calendar):
        return
    span, day = asset.times.time_window_for_partition_key(first), spec.calendar.at(0)
    # Months have 28 to 31 days, and days 23 to 25 hours: what is that near is of one size.
    if day.start and day.end and span.end - span.start < 0.8 * (day.end - day.start):
        msg = (
            f"{spec.name}: {asset.key.to_user_string()} has partitions of {span.end - span.start},"
            f" and the declared windows are of {day.end - day.start}. Declare windows that are no larger."
        )
        raise DeclarationError(msg)


def verdicts(
    spec: TableSpec, judge: Judge, wanted: Sequence[Check], windows: Mapping[str | None, Sequence[Window]]
) -> Iterator[tuple[str | None, Check, Finding]]:
    """What each check says of each partition, as soon as all windows of the partition are judged."""
    by_window = [check for check in wanted if check.daily]
    for place, inside in windows.items():
        if not inside:  # nothing was compared, and that is no pass
            reason = "no declared window ends in this partition; declare an earlier start, or a later end"
            yield from ((place, check, not_run(spec.name, check.name, place or ALL.key, reason)) for check in by_window)
    checks = {check.name: check for check in wanted}
    places = {window.key: place for place, inside in windows.items() for window in inside}
    gathered = defaultdict[tuple[str | None, str], list[Finding]](list)
    for finding in findings(spec, judge, [window for inside in windows.values() for window in inside], wanted):
        check = checks[finding.check]
        if not check.daily:
            yield None, check, finding
            continue
        place = places[finding.window]
        so_far = gathered[place, check.name]
        so_far.append(replace(finding, discrepancies=finding.discrepancies[:MOST_ROWS]))
        if len(so_far) == len(windows[place]):
            yield place, check, folded(gathered.pop((place, check.name)))


def folded(found: Sequence[Finding]) -> Finding:
    """One finding of several windows: it has passed if all have, and otherwise names those that have not."""
    if len(found) == 1:
        return found[0]
    failed, unknown = [each for each in found if each.failed], [each for each in found if each.error]
    bad = failed or unknown
    first = max(bad, key=lambda each: list(Severity).index(each.severity or Severity.LOW)) if bad else found[0]
    told = Finding(
        first.check,
        first.table,
        ALL.key,
        passed=all(each.passed for each in found),
        summary=f"{first.table}: {plural(len(found), 'window')}, and nothing is wrong in any",
        wrong=sum(each.wrong for each in found),
        of=sum(each.of for each in found),
        accepted=next((each.accepted for each in found if each.accepted), None),
    )
    if not bad:
        return told
    how = "failed" if failed else "could not be judged"
    said = (
        f"{len(bad):,} of {plural(len(found), 'window')} {how}, such as {first.window}: {first.error or first.summary}"
    )
    return replace(
        told,
        summary=f"{first.table}: {said}",
        accepted=None,
        error=None if failed else said,
        severity=first.severity,
        details=Details(("window", "what"), tuple((each.window, each.error or each.summary) for each in bad)),
        discrepancies=tuple(item for each in failed for item in each.discrepancies)[:MOST_ROWS],
    )


def with_checks(
    defs: dg.Definitions,
    project: Project | Path,
    assets: Mapping[str, AssetLike],
    *,
    environ: Mapping[str, str] = os.environ,
    **asked: Any,
) -> dg.Definitions:
    """A team's definitions with checks on some of its assets, partitioned as these are, and the review of what fails.

    Takes what else is ``asked`` of `checks_and_review`, and of `reconciliation_checks`.

    Raises:
        DeclarationError: When an asset is not among the definitions, and not given as the `AssetSpec` of another code
            location's.
    """
    project = load_project(project, environ=environ) if isinstance(project, Path) else project
    there = defs.resolve_all_asset_specs()
    here = {spec.key for spec in there}
    elsewhere = [asset for asset in assets.values() if isinstance(asset, dg.AssetSpec) and asset.key not in here]
    found = assets_of(project, assets, [*there, *elsewhere])
    ours = checks_and_review(project, found, environ=environ, **asked)
    # Dagster learns from the definitions alone how another location's asset is partitioned.
    return dg.Definitions.merge(defs, dg.Definitions(elsewhere), ours)


def checks_and_review(  # noqa: PLR0913 - what a team may ask
    project: Project,
    assets: Mapping[str, dg.AssetSpec],
    *,
    review: bool = True,
    sensor_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
    name: str = "recon",
    ledger: str = "",
    environ: Mapping[str, str] = os.environ,
    **asked: Any,
) -> dg.Definitions:
    """Checks on assets that exist, and what makes cases of their failures, as `build_definitions` has it.

    Args:
        project: Declares the tables.
        assets: Which asset fills each table; other tables are left out.
        review: Whether failures become cases here; not where `build_definitions` of the same project has a review.
        sensor_status: Of the review's sensor, until somebody switches it.
        name: Stands before the names of what is ours.
        ledger: The key of the resource that is the ledger, as for `reconciliation_checks`.
        environ: Names the ledger otherwise.
        asked: What else `reconciliation_checks` takes.
    """
    checks = reconciliation_checks(project, assets=assets, ledger=ledger, environ=environ, **asked)
    ours = dg.Definitions(asset_checks=checks)
    if not review:
        return ours
    # Rows of other tables may be named by those of ours, and then it takes their declaration to mend an orphan.
    tables = {table: spec if table in assets else replace(spec, checks=()) for table, spec in project.tables.items()}
    existing = {table: ExistingAsset.of(table, asset) for table, asset in assets.items()}
    naming = Naming(name=name, existing=existing)
    connections = Connections(replace(project, tables=tables), environ, ledger, naming)
    return dg.Definitions.merge(ours, review_definitions(connections, sensor_status))


def assets_of(
    project: Project, assets: Mapping[str, AssetLike], there: Sequence[dg.AssetSpec]
) -> dict[str, dg.AssetSpec]:
    """The asset of each table, among those that are there.

    Where ``assets`` names none, each declared table is meant, on the asset whose key is or ends in the table's name.

    Raises:
        DeclarationError: When there is no such asset, or more than one.
    """
    by_key = {spec.key: spec for spec in there}
    if not assets:
        return {table: by_key[asset_named(table, list(by_key))] for table in project.tables}
    keys = {table: ExistingAsset.of(table, asset).key for table, asset in assets.items()}
    for table, key in keys.items():
        if key not in by_key:
            msg = (
                f"{table}: the definitions have no asset {key.to_user_string()};"
                f" {reading.nearest(key.to_user_string(), [other.to_user_string() for other in by_key])}"
                " One of another code location is given as dg.AssetSpec(key, partitions_def=..)."
            )
            raise DeclarationError(msg)
    return {table: by_key[key] for table, key in keys.items()}


def asset_named(table: str, keys: Sequence[dg.AssetKey]) -> dg.AssetKey:
    """The one asset that is called as the table."""
    alike = [key for key in keys if key.path[-1] == table]
    if len(alike) != 1:
        names = ", ".join(key.to_user_string() for key in alike) or "none"
        msg = f"{table}: which asset is it? By its name: {names}. Say it by `assets: {{{table}: ITS/KEY}}`."
        raise DeclarationError(msg)
    return alike[0]
