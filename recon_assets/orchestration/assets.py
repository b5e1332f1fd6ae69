"""Declared tables as assets: one op per table, one partition per day of the table's own time zone."""

import re
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import dagster as dg
import sqlalchemy as sa

from recon_assets import dialect
from recon_assets.checks import References
from recon_assets.errors import ReconError, UnavailableError
from recon_assets.model import Database, Relation, TableSpec, plural
from recon_assets.orchestration import dagster_internals, gap_filling
from recon_assets.orchestration.causes import CAUSES, Cause
from recon_assets.orchestration.checking import Judges, Said, evaluations, judges
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
from recon_assets.orchestration.partitions import WINDOWS_PER_RUN, partitions
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.translation import dagster_name

MAX_TAG = 63
"""Characters that Dagster takes in a tag."""
NAMED_ROW = re.compile(r"the row with [^:]*: ")


def tables(connections: Connections, *, gaps: bool = True) -> list[dg.AssetsDefinition]:
    """One asset per declared table; each with the condition by which its ``gaps`` fill themselves."""
    project, reach, judged = connections.project, opener(connections), judges(connections)
    condition = gap_filling.condition(connections.naming.tables(project), partial(loading_order, project))
    found = [table(spec, connections, reach, judged) for spec in project.tables.values()]
    return [each.map_asset_specs(partial(fills_gaps, condition)) for each in found] if gaps else found


def fills_gaps(gaps: Condition, spec: dg.AssetSpec) -> dg.AssetSpec:
    """A table's asset with the condition by which it fills its gaps, unless the deployment has given it its own."""
    return spec if spec.automation_condition else spec.replace_attributes(automation_condition=gaps)


def sources(connections: Connections) -> list[dg.AssetSpec]:
    """What the tables are loaded from, as assets that nobody can materialize."""
    tables = connections.project.tables.values()
    found = {connections.naming.source_key(spec): source(spec, connections) for spec in tables}
    return list(found.values())


def table(spec: TableSpec, connections: Connections, reach: Opener, judged: Judges) -> dg.AssetsDefinition:
    """The asset of one table: materializing a day loads that day, and then judges it by the table's checks."""
    calendar = spec.calendar
    partitions_def = partitions(calendar) if calendar else None
    naming = connections.naming
    key, op = naming.key(spec), naming.op(spec)

    @dg.multi_asset(
        name=op,
        # Input and output are named by us: Dagster would name them after the tables, and refuses some names.
        ins={"source": dg.AssetIn(naming.source_key(spec), dagster_type=dg.Nothing)},
        outs={op: asset_out(spec, connections, partitions_def)},
        check_specs=[naming.check_spec(spec, check, partitions_def) for check in spec.checks],
        can_subset=True,
        partitions_def=partitions_def,
        backfill_policy=dg.BackfillPolicy.multi_run(WINDOWS_PER_RUN[calendar.unit]) if calendar else None,
        pool=naming.of_ours(spec.source.database),
        required_resource_keys=connections.resource_keys(spec),
    )
    def work(context: dg.AssetExecutionContext, config: LoadConfig) -> Iterator[Said]:
        begin(context)
        failed, blocked = dict[str, NotLoaded](), dict[str, list[str]]()
        if loads(context, key):
            failed = loaded(context, spec, key, reach, config)
        # Days are reported one by one as they commit; a plain output would report the whole range once more.
        if not config.dry_run:
            sound = [spec.window(each) for each in run_keys(context, spec, key) if each not in failed]
            blocked = yield from evaluations(context, spec, key, judged(context), sound)
        if failed or blocked:
            raise failure(spec, failed, blocked)
        if loads(context, key) and not config.dry_run:
            yield dagster_internals.silent_output(op)

    return work


def loaded(
    context: dg.AssetExecutionContext, spec: TableSpec, key: dg.AssetKey, reach: Opener, config: LoadConfig
) -> dict[str, NotLoaded]:
    """Load the run's windows; those that failed, which are all of them where a side cannot be opened."""
    try:
        with reach(spec, context) as sides:
            return load_windows(context, spec, key, sides, config)
    except ReconError as error:
        return dict.fromkeys(run_keys(context, spec, key), NotLoaded(str(error), isinstance(error, UnavailableError)))


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
    """So many windows, as the subject of a sentence; a table without days has one window."""
    return plural(len(windows), spec.noun)


def asset_out(
    spec: TableSpec, connections: Connections, partitions: dg.PartitionsDefinition[str] | None
) -> dg.AssetOut:
    """What the catalog says of a table. Not required: a run in which some days failed has reported the others."""
    target = connections.project.databases[spec.target.database]
    sides = {"source": spec.source, "target": spec.target}
    named = connections.naming.asset_spec(spec).merge_attributes(
        kinds={dialect.backend_of(target), "table"},
        metadata={**located(spec.target, target), **parents(spec, connections), **declared_at(spec, connections)},
        tags={f"recon/{side}": dagster_name(of.database)[:MAX_TAG] for side, of in sides.items()},
    )
    return dg.AssetOut.from_spec(
        named.replace_attributes(partitions_def=partitions), dagster_type=dg.Nothing, is_required=False
    )


def source(spec: TableSpec, connections: Connections) -> dg.AssetSpec:
    """What one table is loaded from."""
    database = connections.project.databases[spec.source.database]
    return dg.AssetSpec(
        connections.naming.source_key(spec),
        group_name=dagster_name(spec.source.database),
        description=f"Read by recon-assets, never written. {spec.source.query or ''}".strip(),
        kinds={dialect.backend_of(database), "table" if spec.source.table else "sql"},
        metadata=located(spec.source, database),
    )


def parents(spec: TableSpec, connections: Connections) -> dict[str, dg.MetadataValue]:
    """Links to the tables whose rows a table names.

    No edges of the graph: where one day of a parent fails, Dagster would skip all days of the table in a run that
    loads both, and call that a success.
    """
    found = {check.parent for check in spec.checks if isinstance(check, References)} - {spec.name}
    tables = connections.project.tables
    keys = {parent: connections.naming.key(tables[parent]) for parent in sorted(found)}
    return {f"names rows of {parent}": dg.MetadataValue.asset(key) for parent, key in keys.items()}


def declared_at(spec: TableSpec, connections: Connections) -> dict[str, dg.MetadataValue]:
    """The line of the declaration, which Dagster shows as where the asset is defined."""
    if not (place := connections.project.places.get(spec.name)):
        return {}  # declared in Python
    reference = dg.LocalFileCodeReference(file_path=place[0], line_number=place[1], label="declaration")
    return {"dagster/code_references": dg.CodeReferencesMetadataValue(code_references=[reference])}


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
