"""A daily schedule per group, which loads the newest day that is over; and one that judges the newest week again."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from zoneinfo import ZoneInfo

import dagster as dg

from recon_assets.checks.table_order import LoadingOrder
from recon_assets.model import Project, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.adoption import window_keys
from recon_assets.orchestration.check_runs import CheckSelection, Scope, scopes
from recon_assets.orchestration.loading_order import loading_order
from recon_assets.orchestration.translation import Naming, dagster_name

FROM_QUARTER_PAST_MIDNIGHT = ("15-55/10 0 * * *", "5-55/10 1-23 * * *")
RUN_KEY_TAG = "dagster/run_key"
TWO_AT_NIGHT = "0 2 * * *"
DAYS_CHECKED = 7


def schedules(project: Project, naming: Naming) -> list[dg.ScheduleDefinition]:
    """One schedule per group and time zone, all switched off until somebody switches them on."""
    zones = Counter(group for group, _ in grouped(project))
    found: dict[str, dg.ScheduleDefinition] = {}
    for (group, zone), tables in grouped(project).items():
        label = group if zones[group] == 1 else f"{group}_{dagster_name(zone)}"
        while label in found:  # a group may be called as another one with its zone
            label += "_"
        found[label] = schedule(label, zone, tables, naming, partial(loading_order, project))
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
            yield dg.SkipReason(f"No table has a finished day at {moment.isoformat()}.")

    return [
        dg.ScheduleDefinition(
            name=naming.of_ours("checks"),
            target=dg.AssetSelection.checks(*keys),
            cron_schedule=TWO_AT_NIGHT,
            execution_timezone="UTC",
            execution_fn=tick,
            description=f"Judges the newest {DAYS_CHECKED} finished days of each table by all its checks.",
        )
    ]


def newest_week(spec: TableSpec, naming: Naming, moment: datetime) -> CheckSelection | None:
    """All checks of a table for its newest finished days; None while it has none."""
    if spec.calendar is None:
        return CheckSelection(spec, naming=naming)
    keys = window_keys(spec, moment)[-DAYS_CHECKED:]
    return CheckSelection(spec, (keys[0], keys[-1]), naming=naming) if keys else None


def check_request(scope: Scope, naming: Naming, moment: datetime) -> dg.RunRequest:
    """One run of checks alone."""
    label = scope.keys[0].asset_key.to_user_string()
    return dg.RunRequest(
        run_key=f"{naming.of_ours('checks')} {label} {moment.isoformat()}",
        asset_check_keys=list(scope.keys),
        tags=scope.tags,
    )


def grouped(project: Project) -> Mapping[tuple[str, str], tuple[TableSpec, ...]]:
    """Tables by group and time zone; a table without days goes with its group's first table that has days."""
    zones = {spec.group: spec.calendar.timezone for spec in reversed(list(project.tables.values())) if spec.calendar}
    found: dict[tuple[str, str], tuple[TableSpec, ...]] = defaultdict(tuple)
    for spec in project.tables.values():
        zone = spec.calendar.timezone if spec.calendar else zones.get(spec.group, "UTC")
        found[dagster_name(spec.group), zone] += (spec,)
    return found


def schedule(
    label: str, zone: str, tables: tuple[TableSpec, ...], naming: Naming, order: Callable[[], LoadingOrder]
) -> dg.ScheduleDefinition:
    """Loads the newest finished day of these tables every day, from a quarter past midnight of their zone on."""
    return dg.ScheduleDefinition(
        name=naming.of_ours(f"daily_{label}"),
        # A job of their own would refuse tables whose days begin or end on different dates.
        job_name=dagster_internals.ASSET_JOB,
        cron_schedule=list(FROM_QUARTER_PAST_MIDNIGHT),
        execution_timezone=zone,
        execution_fn=requests(zone, tables, naming, order),
        description=f"Loads the newest finished day ({zone}) of {', '.join(spec.name for spec in tables)}: each once,"
        " and after the tables whose rows it names.",
    )


def requests(
    zone: str, tables: tuple[TableSpec, ...], naming: Naming, order: Callable[[], LoadingOrder]
) -> Callable[[dg.ScheduleEvaluationContext], Iterator[object]]:
    """What a tick asks for: a run per table whose parents' runs have ended, or the reason why there is none."""

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        day = newest_finished(context.scheduled_execution_time.astimezone(ZoneInfo(zone)))
        due = {spec.name: spec for spec in tables if covers(spec, day)}
        if not due:
            yield dg.SkipReason(f"{day} is outside the declared days of {', '.join(spec.name for spec in tables)}.")
            return
        left = due.keys() - runs_of(context.instance, naming, due, day)
        if not left:
            yield dg.SkipReason(f"{day} has been asked for of {', '.join(due)}.")
            return
        found = order()
        above = {table: sorted(found.above(table)) for table in due if table in left}
        under_way = runs_of(context.instance, naming, {*due, *chain.from_iterable(above.values())}, day)
        # Whether a parent's run failed is no matter: what names its rows fails then, and all else is loaded.
        waits_for = {
            table: [each for each in parents if under_way.get(each, each in due)] for table, parents in above.items()
        }
        for table, parents in waits_for.items():
            if not parents:
                yield request(due[table], naming, day)
        if all(waits_for.values()):
            yield dg.SkipReason(
                "; ".join(f"{name} comes after {', '.join(found)}" for name, found in waits_for.items())
            )

    return tick


def runs_of(instance: dg.DagsterInstance, naming: Naming, tables: Iterable[str], day: date) -> dict[str, bool]:
    """Of each table that a schedule has asked for this day of, whether a run of it is still to end."""
    keys = {run_key(naming, name, day): name for name in tables}
    found: dict[str, bool] = {}
    for run in instance.get_runs(dg.RunsFilter(tags={RUN_KEY_TAG: list(keys)})):
        name = keys[run.tags[RUN_KEY_TAG]]
        found[name] = found.get(name, False) or run.status in dagster_internals.UNENDED
    return found


def newest_finished(moment: datetime) -> date:
    """The day before the one that ``moment`` falls in."""
    return moment.date() - timedelta(days=1)


def covers(spec: TableSpec, day: date) -> bool:
    """Whether the table is declared to hold that day; a table without days always is."""
    calendar = spec.calendar
    return calendar is None or (calendar.start <= day and (calendar.end is None or day < calendar.end))


def request(spec: TableSpec, naming: Naming, day: date) -> dg.RunRequest:
    """One run that loads that day of one table, or all of a table without days."""
    return dg.RunRequest(
        run_key=run_key(naming, spec.name, day),
        asset_selection=[naming.key(spec)],
        partition_key=day.isoformat() if spec.calendar else None,
    )


def run_key(naming: Naming, table: str, day: date) -> str:
    """What a schedule's run is known by: that of a table and day is asked for once."""
    return f"{naming.name} {table} {day}"
