"""A schedule per group, which loads the newest window that is over; and one that judges the newest week again."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from zoneinfo import ZoneInfo

import dagster as dg

from recon_assets.checks.table_order import LoadingOrder
from recon_assets.model import Project, TableSpec, Unit
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.adoption import window_keys
from recon_assets.orchestration.check_runs import CheckSelection, Scope, scopes
from recon_assets.orchestration.loading_order import loading_order
from recon_assets.orchestration.translation import Naming, dagster_name

FROM_QUARTER_PAST_MIDNIGHT = ("15-55/10 0 * * *", "5-55/10 1-23 * * *")
RUN_KEY_TAG = "dagster/run_key"
TWO_AT_NIGHT = "0 2 * * *"
FROM_FIVE_PAST = ("5-55/10 * * * *",)
ADVERBS = {Unit.HOUR: "hourly", Unit.DAY: "daily", Unit.WEEK: "weekly", Unit.MONTH: "monthly"}
CHECKED = {Unit.HOUR: 7 * 24, Unit.DAY: 7, Unit.WEEK: 1, Unit.MONTH: 1}
"""The newest windows that are judged every night: a week's, but one at least."""


def schedules(project: Project, naming: Naming) -> list[dg.ScheduleDefinition]:
    """One schedule per group, time zone and unit, all switched off until somebody switches them on."""
    order = partial(loading_order, project)
    zones = Counter((group, unit) for group, _, unit in grouped(project))
    found: dict[tuple[str, Unit], dg.ScheduleDefinition] = {}
    for (group, zone, unit), tables in grouped(project).items():
        label = group if zones[group, unit] == 1 else f"{group}_{dagster_name(zone)}"
        while (label, unit) in found:  # a group may be called as another one with its zone
            label += "_"
        found[label, unit] = schedule(label, (unit, zone), tables, naming, project=project, order=order)
    return [*found.values(), *check_schedules(project, naming)]


def check_schedules(project: Project, naming: Naming) -> list[dg.ScheduleDefinition]:
    """One schedule for all checks, where there are any: a run of checks alone for each calendar."""
    checked = [spec for spec in project.tables.values() if spec.checks]
    if not checked:
        return []
    keys = [key for spec in checked for key in CheckSelection(spec, naming=naming).keys]

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        moment = context.scheduled_execution_time
        due = scopes([item for spec in checked if (item := newest_week(spec, naming, moment))])
        for scope in due:
            yield check_request(scope, naming, moment)
        if not due:
            yield dg.SkipReason(f"No table has a finished window at {moment.isoformat()}.")

    return [
        dg.ScheduleDefinition(
            name=naming.of_ours("checks"),
            target=dg.AssetSelection.checks(*keys),
            cron_schedule=TWO_AT_NIGHT,
            execution_timezone="UTC",
            execution_fn=tick,
            description="Judges the newest week of each table, or its newest week or month, by all its checks.",
        )
    ]


def newest_week(spec: TableSpec, naming: Naming, moment: datetime) -> CheckSelection | None:
    """All checks of a table for its newest finished days; None while it has none."""
    if spec.calendar is None:
        return CheckSelection(spec, naming=naming)
    keys = window_keys(spec, moment)[-CHECKED[spec.calendar.unit] :]
    return CheckSelection(spec, (keys[0], keys[-1]), naming=naming) if keys else None


def check_request(scope: Scope, naming: Naming, moment: datetime) -> dg.RunRequest:
    """One run of checks alone."""
    label = scope.keys[0].asset_key.to_user_string()
    return dg.RunRequest(
        run_key=f"{naming.of_ours('checks')} {label} {moment.isoformat()}",
        asset_check_keys=list(scope.keys),
        tags=scope.tags,
    )


def grouped(project: Project) -> Mapping[tuple[str, str, Unit], tuple[TableSpec, ...]]:
    """Tables by group, time zone and unit; one without a calendar is loaded daily, in its group's first zone."""
    zones = {spec.group: spec.calendar.timezone for spec in reversed(list(project.tables.values())) if spec.calendar}
    found: dict[tuple[str, str, Unit], tuple[TableSpec, ...]] = defaultdict(tuple)
    for spec in project.tables.values():
        zone = spec.calendar.timezone if spec.calendar else zones.get(spec.group, "UTC")
        found[dagster_name(spec.group), zone, spec.calendar.unit if spec.calendar else Unit.DAY] += (spec,)
    return found


def schedule(  # noqa: PLR0913 - what it loads, and what it looks at
    label: str,
    place: tuple[Unit, str],
    tables: tuple[TableSpec, ...],
    naming: Naming,
    *,
    project: Project,
    order: Callable[[], LoadingOrder],
) -> dg.ScheduleDefinition:
    """Loads the newest finished window of these tables, of one unit and zone, from soon after its end on."""
    unit, zone = place
    names = ", ".join(spec.name for spec in tables)
    return dg.ScheduleDefinition(
        name=naming.of_ours(f"{ADVERBS[unit]}_{label}"),
        # A job of their own would refuse tables whose windows begin or end on different dates.
        job_name=dagster_internals.ASSET_JOB,
        cron_schedule=list(FROM_FIVE_PAST if unit is Unit.HOUR else FROM_QUARTER_PAST_MIDNIGHT),
        execution_timezone=zone,
        execution_fn=requests(zone, tables, naming, project, order),
        description=f"Loads the newest finished {unit} ({zone}) of {names}: each once,"
        " and after the tables whose rows it names.",
    )


def requests(
    zone: str, tables: tuple[TableSpec, ...], naming: Naming, project: Project, order: Callable[[], LoadingOrder]
) -> Callable[[dg.ScheduleEvaluationContext], Iterator[object]]:
    """What a tick asks for: a run per table whose parents' runs have ended, or the reason why there is none."""

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        moment = context.scheduled_execution_time.astimezone(ZoneInfo(zone))
        newest = {name: newest_finished(spec, moment) for name, spec in project.tables.items()}
        due = {spec.name: spec for spec in tables if newest[spec.name]}
        if not due:
            last, unit = moment.date() - timedelta(days=1), tables[0].noun
            yield dg.SkipReason(f"{last} is outside the declared {unit}s of {', '.join(spec.name for spec in tables)}.")
            return
        left = due.keys() - runs_of(context.instance, naming, due, newest)
        if not left:
            keys = ", ".join(dict.fromkeys(str(newest[name]) for name in due))
            yield dg.SkipReason(f"{keys} has been asked for of {', '.join(due)}.")
            return
        found = order()
        above = {table: sorted(found.above(table)) for table in due if table in left}
        under_way = runs_of(context.instance, naming, {*due, *chain.from_iterable(above.values())}, newest)
        # Whether a parent's run failed is no matter: what names its rows fails then, and all else is loaded.
        waits_for = {
            table: [each for each in parents if under_way.get(each, each in due)] for table, parents in above.items()
        }
        for table, parents in waits_for.items():
            if not parents:
                yield request(due[table], naming, str(newest[table]))
        if all(waits_for.values()):
            yield dg.SkipReason(
                "; ".join(f"{name} comes after {', '.join(found)}" for name, found in waits_for.items())
            )

    return tick


def runs_of(
    instance: dg.DagsterInstance, naming: Naming, tables: Iterable[str], newest: Mapping[str, str | None]
) -> dict[str, bool]:
    """Of each table that a schedule has asked for its newest window of, whether a run of it is still to end."""
    keys = {run_key(naming, name, str(newest.get(name))): name for name in tables}
    found: dict[str, bool] = {}
    for run in instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: list(keys)})):
        name = keys[run.tags[RUN_KEY_TAG]]
        found[name] = found.get(name, False) or run.status in dagster_internals.UNENDED
    return found


def newest_finished(spec: TableSpec, moment: datetime) -> str | None:
    """The window that ended last, if it is declared; of a table without a calendar, the day that did."""
    return spec.calendar.newest(moment) if spec.calendar else str(moment.date() - timedelta(days=1))


def request(spec: TableSpec, naming: Naming, key: str) -> dg.RunRequest:
    """One run that loads that window of one table, or all of a table without a calendar."""
    return dg.RunRequest(
        run_key=run_key(naming, spec.name, key),
        asset_selection=[naming.key(spec)],
        partition_key=key if spec.calendar else None,
    )


def run_key(naming: Naming, table: str, key: str) -> str:
    """What a schedule's run is known by: that of a table and window is asked for once."""
    return f"{naming.name} {table} {key}"
