"""The daily schedules: the newest finished day, in the time zone of the table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg
import pytest

from recon_assets.checks.table_order import LoadingOrder
from recon_assets.model import Calendar, Project, TableSpec, Unit
from recon_assets.orchestration.build_definitions import definitions
from recon_assets.orchestration.schedules import ADVERBS, CHECKED, grouped, newest_week, schedule, schedules
from recon_assets.orchestration.translation import UNPREFIXED
from recon_assets_tests.dagster.example import AIRLINES, FLIGHTS, NEW_YORK, PROJECT, Promise, checked, spec

OPEN = spec(days=replace(NEW_YORK, end=None))


def tick(instance: dg.DagsterInstance, moment: datetime, *tables: TableSpec) -> Sequence[dg.RunRequest]:
    """What the schedule of these tables asks for at a moment."""
    return evaluated(instance, moment, *tables).run_requests or ()


def evaluated(
    instance: dg.DagsterInstance,
    moment: datetime,
    *tables: TableSpec,
    parents: Mapping[str, frozenset[str]] | None = None,
    runs: Mapping[str, dg.DagsterRunStatus] | None = None,
) -> Any:
    """What a tick of the schedule of these tables comes to at a moment, after these runs of it."""
    parents = {**{table.name: frozenset[str]() for table in tables}, **(parents or {})}
    project = Project(PROJECT.databases, {table.name: table for table in tables})
    place, order = (Unit.DAY, "America/New_York"), lambda: LoadingOrder(parents)
    found = schedule("travel", place, tables, UNPREFIXED, project=project, order=order)
    repository = definitions(project).get_repository_def()
    for name, status in (runs or {}).items():
        instance.add_run(a_run(name, status))
    context = dg.build_schedule_context(instance, scheduled_execution_time=moment, repository_def=repository)
    return found.evaluate_tick(context)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2013, 3, 10, 5, 15, tzinfo=UTC), "2013-03-09"),
        (datetime(2013, 3, 11, 4, 15, tzinfo=UTC), "2013-03-10"),
        (datetime(2013, 3, 12, 3, 59, tzinfo=UTC), "2013-03-10"),
        (datetime(2013, 11, 4, 5, 15, tzinfo=UTC), "2013-11-03"),
    ],
    ids=["winter", "clocks went forward", "still the evening before in New York", "clocks went back"],
)
def test_the_newest_finished_day_is_asked_for(durable: dg.DagsterInstance, moment: datetime, day: str) -> None:
    """Finished in New York, whatever the time of the server."""
    assert [request.partition_key for request in tick(durable, moment, OPEN)] == [day]


def test_a_table_without_days_is_loaded_as_well(durable: dg.DagsterInstance) -> None:
    """Beside the day of the others, in a run of its own."""
    requests = tick(durable, datetime(2013, 3, 12, 4, 15, tzinfo=UTC), FLIGHTS, AIRLINES)

    assert [(request.asset_selection, request.partition_key) for request in requests] == [
        ([dg.AssetKey("flights")], "2013-03-11"),
        ([dg.AssetKey("airlines")], None),
    ]


SUCCESS, FAILURE, STARTED = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.STARTED


def a_run(name: str, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    """A run that the schedule has asked for of the 11th."""
    return dg.DagsterRun("__ASSET_JOB", status=status, tags={"dagster/run_key": f"recon {name} 2013-03-11"})


@pytest.mark.parametrize(
    ("runs", "asked", "said"),
    [
        ({}, ["airlines"], None),
        ({"airlines": STARTED}, [], "flights comes after airlines"),
        ({"airlines": SUCCESS}, ["flights"], None),
        ({"airlines": FAILURE}, ["flights"], None),
        ({"airlines": SUCCESS, "flights": STARTED}, [], "2013-03-11 has been asked for of flights, airlines."),
    ],
    ids=["the parent first", "while it is loaded", "after it", "though it failed", "each once"],
)
def test_a_table_is_asked_for_after_those_whose_rows_it_names(
    durable: dg.DagsterInstance, runs: Mapping[str, dg.DagsterRunStatus], asked: list[str], said: str | None
) -> None:
    """As soon as their runs have ended, well or not; each once a day."""
    parents = {"flights": frozenset({"airlines"})}

    result = evaluated(durable, datetime(2013, 3, 12, 4, 15, tzinfo=UTC), FLIGHTS, AIRLINES, parents=parents, runs=runs)

    assert [key.to_user_string() for request in result.run_requests or () for key in request.asset_selection] == asked
    assert result.skip_message == said


def test_a_finished_history_asks_for_nothing(durable: dg.DagsterInstance) -> None:
    """After the declared end there is no newest day; the tick says so."""
    result = evaluated(durable, datetime(2020, 1, 1, 5, 15, tzinfo=UTC), FLIGHTS)

    assert not result.run_requests
    assert "2019-12-31 is outside the declared days of flights" in str(result.skip_message)


def test_a_group_has_a_schedule_for_each_time_zone() -> None:
    """Tables without days go with the first table of their group that has them."""
    berlin = spec("trains", Calendar("at", NEW_YORK.start, timezone="Europe/Berlin"))
    project = Project(PROJECT.databases, {spec.name: spec for spec in (AIRLINES, FLIGHTS, berlin)})

    assert {key: [table.name for table in tables] for key, tables in grouped(project).items()} == {
        ("travel", "America/New_York", "day"): ["airlines", "flights"],
        ("travel", "Europe/Berlin", "day"): ["trains"],
    }
    assert [found.name for found in schedules(project, UNPREFIXED)] == [
        "recon_daily_travel_America_New_York",
        "recon_daily_travel_Europe_Berlin",
    ]


def test_schedules_are_off_until_somebody_switches_them_on() -> None:
    """Installing the project starts nothing."""
    repository = definitions(PROJECT).get_repository_def()

    assert [found.name for found in repository.schedule_defs] == ["recon_daily_travel"]
    assert repository.schedule_defs[0].default_status is dg.DefaultScheduleStatus.STOPPED


def night(moment: datetime, *tables: TableSpec) -> Any:
    """What a tick of the checks' schedule comes to at a moment."""
    repository = definitions(Project(PROJECT.databases, {table.name: table for table in tables})).get_repository_def()
    context = dg.build_schedule_context(scheduled_execution_time=moment, repository_def=repository)
    return repository.get_schedule_def("recon_checks").evaluate_tick(context)


def names(request: dg.RunRequest) -> list[str]:
    """The checks that a request is of."""
    return [key.to_user_string() for key in request.asset_check_keys or ()]


COUNTED = checked(Promise("count"), Promise("schema", daily=False), declared=OPEN)
TWO_UTC = datetime(2013, 3, 20, 2, tzinfo=UTC)


def test_the_newest_week_is_judged_every_night() -> None:
    """Seven days that are over in New York, where it is still the evening of the 19th; a run of checks alone."""
    (request,) = night(TWO_UTC, COUNTED).run_requests

    assert names(request) == ["flights:count", "flights:schema"]
    assert request.asset_selection is None
    assert request.tags["dagster/asset_partition_range_start"] == "2013-03-12"
    assert request.tags["dagster/asset_partition_range_end"] == "2013-03-18"


def test_tables_of_one_calendar_are_judged_by_one_run() -> None:
    """A run costs 3 CPU-s; tables without days join it, those of another calendar have their own."""
    berlin = spec("trains", Calendar("at", NEW_YORK.start, timezone="Europe/Berlin"))
    weather = replace(COUNTED, name="weather")
    whole = checked(Promise("count"), declared=AIRLINES)

    requests = night(TWO_UTC, whole, COUNTED, weather, replace(berlin, checks=COUNTED.checks)).run_requests

    assert [names(request) for request in requests] == [
        ["flights:count", "flights:schema", "weather:count", "weather:schema", "airlines:count"],
        ["trains:count", "trains:schema"],
    ]
    assert requests[1].tags["dagster/asset_partition_range_end"] == "2013-03-19"


def test_tables_without_days_are_judged_without_a_span() -> None:
    """There is none to name."""
    (request,) = night(TWO_UTC, checked(Promise("count"), declared=AIRLINES)).run_requests

    assert names(request) == ["airlines:count"]
    assert not [tag for tag in request.tags if "partition" in tag]


def test_a_table_that_has_just_begun_is_not_judged() -> None:
    """Before its first day is over there is nothing to judge, and the tick says so."""
    result = night(datetime(2013, 3, 1, 12, tzinfo=UTC), COUNTED)

    assert not result.run_requests
    assert "No table has a finished window" in str(result.skip_message)


def test_a_short_history_is_judged_from_its_beginning() -> None:
    """No day before the declared start is asked for."""
    (request,) = night(datetime(2013, 3, 3, 12, tzinfo=UTC), COUNTED).run_requests

    assert request.tags["dagster/asset_partition_range_start"] == "2013-03-01"
    assert request.tags["dagster/asset_partition_range_end"] == "2013-03-02"


def test_the_checks_schedule_is_there_only_where_there_are_checks() -> None:
    """And off until somebody switches it on."""
    with_checks = definitions(Project(PROJECT.databases, {"flights": COUNTED})).get_repository_def()

    schedule = with_checks.get_schedule_def("recon_checks")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert not with_checks.get_job(schedule.job_name).asset_layer.executable_asset_keys
    assert "recon_checks" not in [found.name for found in definitions(PROJECT).get_repository_def().schedule_defs]


@pytest.mark.parametrize(
    ("unit", "start", "moment", "key"),
    [
        (Unit.HOUR, date(2025, 11, 1), datetime(2025, 11, 2, 8, 5, tzinfo=UTC), "2025-11-02-01:00-0600"),
        (Unit.WEEK, date(2025, 11, 3), datetime(2025, 11, 24, 12, tzinfo=UTC), "2025-11-17"),
        (Unit.MONTH, date(2025, 1, 1), datetime(2025, 11, 24, 12, tzinfo=UTC), "2025-10-01"),
    ],
)
def test_the_newest_window_of_a_unit_is_loaded(
    durable: dg.DagsterInstance, unit: Unit, start: date, moment: datetime, key: str
) -> None:
    """Each by a schedule of its own; before the first window has ended there is nothing to load."""
    calendar = Calendar("at", start, None, "America/Chicago", unit=unit)
    flights = spec(days=calendar)
    (found,) = schedules(Project(PROJECT.databases, {"flights": flights}), UNPREFIXED)

    assert found.name == f"recon_{ADVERBS[unit]}_travel"
    assert [request.partition_key for request in tick(durable, moment, flights)] == [key]
    assert not tick(durable, datetime.combine(start, time(7), UTC) - timedelta(days=1), flights)
    asked = newest_week(flights, UNPREFIXED, moment)
    assert asked
    assert asked.span == (calendar.keys(moment)[-CHECKED[unit] :][0], key)
