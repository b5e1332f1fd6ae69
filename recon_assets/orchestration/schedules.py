"""A daily schedule per group: it loads the newest day that is over, in the time zone of the table."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from recon_assets.model import Project, TableSpec
from recon_assets.orchestration.assets import name

QUARTER_PAST_MIDNIGHT = "15 0 * * *"


def schedules(project: Project) -> list[dg.ScheduleDefinition]:
    """One schedule per group and time zone, all switched off until somebody switches them on."""
    zones = {group: {zone for other, zone in grouped(project) if other == group} for group, _ in grouped(project)}
    return [
        schedule(group if len(zones[group]) == 1 else f"{group}_{name(zone)}", zone, tables)
        for (group, zone), tables in grouped(project).items()
    ]


def grouped(project: Project) -> Mapping[tuple[str, str], tuple[TableSpec, ...]]:
    """Tables by group and time zone; a table without days goes with its group's first table that has days."""
    zones = {spec.group: spec.days.timezone for spec in reversed(list(project.tables.values())) if spec.days}
    found: dict[tuple[str, str], tuple[TableSpec, ...]] = defaultdict(tuple)
    for spec in project.tables.values():
        zone = spec.days.timezone if spec.days else zones.get(spec.group, "UTC")
        found[name(spec.group), zone] += (spec,)
    return found


def schedule(label: str, zone: str, tables: tuple[TableSpec, ...]) -> dg.ScheduleDefinition:
    """Loads the newest finished day of these tables every day, a quarter past midnight of their zone."""
    return dg.ScheduleDefinition(
        name=f"daily_{label}",
        target=dg.AssetSelection.assets(*(spec.name for spec in tables)),
        cron_schedule=QUARTER_PAST_MIDNIGHT,
        execution_timezone=zone,
        execution_fn=requests(zone, tables),
        description=f"Loads the newest finished day ({zone}) of {', '.join(spec.name for spec in tables)}.",
    )


def requests(zone: str, tables: tuple[TableSpec, ...]) -> Callable[[dg.ScheduleEvaluationContext], Iterator[object]]:
    """What a tick asks for: a run per table, or the reason why there is none."""

    def tick(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        day = newest_finished(context.scheduled_execution_time.astimezone(ZoneInfo(zone)))
        due = [spec for spec in tables if covers(spec, day)]
        for spec in due:
            yield request(spec, day)
        if not due:
            yield dg.SkipReason(f"{day} is outside the declared days of {', '.join(spec.name for spec in tables)}.")

    return tick


def newest_finished(moment: datetime) -> date:
    """The day before the one that ``moment`` falls in."""
    return moment.date() - timedelta(days=1)


def covers(spec: TableSpec, day: date) -> bool:
    """Whether the table is declared to hold that day; a table without days always is."""
    return spec.days is None or (spec.days.start <= day and (spec.days.end is None or day < spec.days.end))


def request(spec: TableSpec, day: date) -> dg.RunRequest:
    """One run that loads that day of one table, or all of a table without days."""
    return dg.RunRequest(
        run_key=f"{spec.name} {day}",
        asset_selection=[dg.AssetKey(spec.name)],
        partition_key=day.isoformat() if spec.days else None,
    )
