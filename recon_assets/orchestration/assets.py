"""Declared tables as assets: one op per table, one partition per day of the table's own time zone."""

import re
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from recon_assets import dialect, reading
from recon_assets.checks import References
from recon_assets.dialect.file_formats import is_file_name
from recon_assets.errors import ReconError, UnavailableError
from recon_assets.model import Database, Days, Project, Relation, TableSpec
from recon_assets.orchestration import gap_filling
from recon_assets.orchestration.causes import CAUSES, Cause
from recon_assets.orchestration.checking import Judges, Said, check_specs, evaluations, judges
from recon_assets.orchestration.gap_filling import Condition
from recon_assets.orchestration.loading import (
    LoadConfig,
    NotLoaded,
    Opener,
    begin,
    load_windows,
    loads,
    opener,
    run_keys,
)
from recon_assets.orchestration.loading_order import loading_order
from recon_assets.orchestration.resources import Connections

DAYS_PER_RUN = 31
NAMED_ROW = re.compile(r"the row with [^:]*: ")


def tables(connections: Connections) -> list[dg.AssetsDefinition]:
    """One asset per declared table."""
    project, reach, judged = connections.project, opener(connections), judges(connections)
    gaps = gap_filling.condition(partial(loading_order, project))
    return [table(spec, connections, reach, judged, gaps) for spec in project.tables.values()]


def sources(project: Project) -> list[dg.AssetSpec]:
    """What the tables are loaded from, as assets that nobody can materialize."""
    found = {source_key(spec): source(spec, project) for spec in project.tables.values()}
    return list(found.values())


def table(
    spec: TableSpec, connections: Connections, reach: Opener, judged: Judges, gaps: Condition | None = None
) -> dg.AssetsDefinition:
    """The asset of one table: materializing a day loads that day, and then judges it by the table's checks."""
    partitions = days(spec.days) if spec.days else None
    target = connections.project.databases[spec.target.database]

    @dg.multi_asset(
        name=op_name(spec),
        # Input and output are named by us: Dagster would name them after the tables, and refuses some names.
        ins={"source": dg.AssetIn(source_key(spec), dagster_type=dg.Nothing)},
        outs={op_name(spec): asset_out(spec, target, partitions, gaps)},
        check_specs=check_specs(spec, partitions),
        can_subset=True,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.multi_run(DAYS_PER_RUN) if partitions else None,
        pool=name(spec.source.database),
        required_resource_keys=connections.resource_keys(spec),
    )
    def work(context: dg.AssetExecutionContext, config: LoadConfig) -> Iterator[Said]:
        begin(context)
        failed, blocked = dict[str, NotLoaded](), dict[str, list[str]]()
        if loads(context, spec):
            failed = loaded(context, spec, reach, config)
        # Days are reported one by one as they commit; an output would report the whole range at once.
        if not config.dry_run:
            sound = [spec.window(key) for key in run_keys(context, spec) if key not in failed]
            blocked = yield from evaluations(context, spec, judged(context), sound)
        if failed or blocked:
            raise failure(spec, failed, blocked)

    return work


def loaded(
    context: dg.AssetExecutionContext, spec: TableSpec, reach: Opener, config: LoadConfig
) -> dict[str, NotLoaded]:
    """Load the run's windows; those that failed, which are all of them where a side cannot be opened."""
    try:
        with reach(spec, context) as sides:
            return load_windows(context, spec, sides, config)
    except ReconError as error:
        return dict.fromkeys(run_keys(context, spec), NotLoaded(str(error), isinstance(error, UnavailableError)))


def causes(spec: TableSpec, failed: Mapping[str, NotLoaded]) -> list[Cause]:
    """Each cause once, with its windows: one that names a row stands for all that are alike but for the row."""
    found = dict[tuple[str, bool], Cause]()
    for window, why in failed.items():
        reason = why.reason.removeprefix(f"{spec.name} {window}: ")
        alike = (NAMED_ROW.sub("", reason).replace(window, ""), why.passing)
        cause = found.get(alike, Cause(spec.name, reason, (), why.passing))
        found[alike] = replace(cause, windows=(*cause.windows, window))
    return list(found.values())


def failure(spec: TableSpec, failed: Mapping[str, NotLoaded], blocked: Mapping[str, Sequence[str]]) -> dg.Failure:
    """The end of a run in which windows failed; it names them, and what was done stays done."""
    because = causes(spec, failed)
    why = " ".join(f"{cause.reason.removesuffix('.')}." for cause in because)
    stopped = [f"{window} (blocked by {', '.join(names)})" for window, names in blocked.items()]
    said = [
        f"{counted(spec, failed)} could not be loaded: {', '.join(failed)}. {why}"
        " What else the run asked for is loaded; re-execute from failure to load only what is named."
        if failed
        else "",
        f"{counted(spec, blocked)} loaded, but a blocking check failed: {', '.join(stopped)}." if blocked else "",
    ]
    return dg.Failure(
        f"{spec.name}: {' '.join(filter(None, said))}",
        metadata={
            "failed": list(failed),
            CAUSES: [asdict(cause) for cause in because],
            "blocked": {window: list(names) for window, names in blocked.items()},
        },
        allow_retries=False,
    )


def counted(spec: TableSpec, windows: Sized) -> str:
    """So many days, as the subject of a sentence; a table without days has one window."""
    noun = "day" if spec.days else "window"
    return f"{len(windows)} {noun}" if len(windows) == 1 else f"{len(windows)} {noun}s"


def days(declared: Days) -> dg.DailyPartitionsDefinition:
    """The days of a table, as midnight to midnight of its time zone."""
    return dg.DailyPartitionsDefinition(
        start_date=declared.start.isoformat(),
        end_date=declared.end.isoformat() if declared.end else None,
        timezone=declared.timezone,
    )


def asset_out(
    spec: TableSpec, target: Database, partitions: dg.PartitionsDefinition[str] | None, gaps: Condition | None
) -> dg.AssetOut:
    """What the catalog says of a table. Not required: a run in which some days failed has reported the others."""
    described = dg.AssetSpec(
        spec.name,
        partitions_def=partitions,
        group_name=name(spec.group),
        owners=list(spec.owners),
        description=spec.description or f"{spec.target} as loaded from {spec.source}.",
        kinds={dialect.backend_of(target), "table"},
        metadata={**located(spec.target, target), **named(spec)},
        automation_condition=gaps,
    )
    return dg.AssetOut.from_spec(described, dagster_type=dg.Nothing, is_required=False)


def source(spec: TableSpec, project: Project) -> dg.AssetSpec:
    """What one table is loaded from."""
    database = project.databases[spec.source.database]
    return dg.AssetSpec(
        source_key(spec),
        group_name=name(spec.source.database),
        description=f"Read by recon-assets, never written. {spec.source.query or ''}".strip(),
        kinds={dialect.backend_of(database), "table" if spec.source.table else "sql"},
        metadata=located(spec.source, database),
    )


def source_key(spec: TableSpec) -> dg.AssetKey:
    """Database, schema and table, or the name of files as it is; a query is named after the table it fills."""
    if spec.source.table is None:
        return dg.AssetKey([spec.source.database, f"{spec.name}_query"])
    parts = [part for part in reading.split_name(spec.source.table) if part]
    return dg.AssetKey([spec.source.database, *([file] if is_file_name(file := ".".join(parts)) else parts)])


def named(spec: TableSpec) -> dict[str, dg.MetadataValue]:
    """Links to the tables whose rows a table names.

    No edges of the graph: days are reported one by one, without an output, so Dagster would skip the table in every
    run that loads its parent besides, and call that a success.
    """
    parents = {check.parent for check in spec.checks if isinstance(check, References)} - {spec.name}
    return {f"names rows of {parent}": dg.MetadataValue.asset(dg.AssetKey(parent)) for parent in sorted(parents)}


def located(relation: Relation, database: Database) -> dict[str, Any]:
    """Where rows live, under Dagster's standard names; neither user nor password."""
    place = {"dagster/storage_kind": dialect.backend_of(database)}
    if relation.table:
        place["dagster/table_name"] = relation.table
    if not database.resource:  # where a resource is, only runs know
        url = dialect.url_of(database)
        public = sa.URL.create(dialect.backend_of(database), host=url.host, port=url.port, database=url.database)
        place["dagster/uri"] = public.render_as_string()
    return place


def name(text: str) -> str:
    """A name that Dagster takes for a group or a pool."""
    return re.sub(r"\W", "_", text, flags=re.ASCII)


def op_name(spec: TableSpec) -> str:
    """What run config calls the table's op; a table may be called `config`, `class` or as an op of the review."""
    return f"load_{spec.name}"
