"""Windows are Dagster's partitions: of the same keys and bounds, whatever clocks do."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import dagster as dg
import pytest

from recon_assets.model import Calendar, Unit
from recon_assets.orchestration.adoption import missing
from recon_assets.orchestration.backfills import stretches
from recon_assets.orchestration.check_runs import CheckSelection
from recon_assets.orchestration.partitions import partitions
from recon_assets.orchestration.translation import UNPREFIXED
from recon_assets_tests.dagster.example import Promise, Scripted, Verdicts, checked, days, job, spec
from recon_assets_tests.dagster.states import states

# An hour on two sides of the world, half an hour, a day skipped, clocks that skip midnight or go back over it.
CHANGES = [
    ("America/Chicago", date(2025, 11, 2)),
    ("America/Chicago", date(2025, 3, 9)),
    ("Europe/Berlin", date(2025, 10, 26)),
    ("Australia/Lord_Howe", date(2025, 4, 6)),
    ("Australia/Lord_Howe", date(2025, 10, 5)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("America/Havana", date(2024, 11, 3)),
    ("Asia/Kathmandu", date(2025, 1, 1)),
]
SPANS = {Unit.HOUR: (1, 1), Unit.DAY: (3, 3), Unit.WEEK: (14, 14)}


def around(unit: Unit, zone: str, day: date) -> Calendar:
    if unit is Unit.MONTH:
        first = day.replace(day=1)
        return Calendar("at", first, date(first.year + 1, 1, 1), zone, unit=unit)
    before, after = (timedelta(days=days) for days in SPANS[unit])
    return Calendar("at", day - before, day + after, zone, unit=unit)


@pytest.mark.parametrize("unit", Unit)
@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_windows_are_the_partitions_of_dagster(unit: Unit, zone: str, day: date) -> None:
    """They tile, too, and their names sort as they do."""
    calendar = around(unit, zone, day)
    theirs = partitions(calendar)
    keys = theirs.get_partition_keys()
    windows = [calendar.window(key) for key in keys]

    assert calendar.keys(datetime(2099, 1, 1, tzinfo=UTC)) == keys == sorted(keys)
    assert [calendar.index(key) for key in keys] == list(range(len(keys)))
    for window in windows:
        assert window.start
        assert window.end
        if zone in {"Pacific/Apia", "Australia/Lord_Howe"}:
            continue  # Dagster's own windows do not tile there: a day and half an hour that clocks skip
        found = theirs.time_window_for_partition_key(window.key)
        assert (window.start.timestamp(), window.end.timestamp()) == (found.start.timestamp(), found.end.timestamp())
    for window in windows[-2:] if zone != "Pacific/Apia" else ():
        assert calendar.keys(window.end or datetime.now(UTC)) == theirs.get_partition_keys(current_time=window.end)
    assert all(earlier.end == later.start for earlier, later in pairwise(windows))
    assert isinstance(theirs, dg.TimeWindowPartitionsDefinition)


@pytest.mark.parametrize(
    ("unit", "start", "keys"),
    [
        pytest.param(
            *(Unit.HOUR, date(2025, 11, 1)),
            ["2025-11-02-01:00", "2025-11-02-01:00-0600", "2025-11-02-02:00"],
            id="hour",
        ),
        pytest.param(Unit.WEEK, date(2025, 10, 27), ["2025-11-03", "2025-11-10"], id="week"),
        pytest.param(Unit.MONTH, date(2025, 1, 1), ["2025-09-01", "2025-10-01"], id="month"),
    ],
)
def test_a_run_over_a_range(instance: dg.DagsterInstance, unit: Unit, start: date, keys: list[str]) -> None:
    """Each window is loaded, and has a status of its own; checks alone judge what is loaded."""
    calendar = Calendar("at", start, date(2025, 12, 1), "America/Chicago", unit=unit)
    if unit is Unit.WEEK:
        calendar = replace(calendar, end=None)
    declared, first, last = spec(days=calendar), keys[0], keys[-1]
    flights, sides = checked(Promise("count"), declared=declared), Scripted()
    flow = job(sides, flights, Verdicts(failing={("count", last)}))
    flow.execute_in_process(instance=instance, tags=days(first, last))

    assert [window.key for window in sides.asked] == keys
    assert states(instance, flights, "count") == {"SUCCEEDED": {*keys} - {last}, "FAILED": {last}}
    assert [*CheckSelection(flights, (first, last)).days] == keys
    assert stretches(flights, keys) == [(first, last)]
    assert missing(instance, UNPREFIXED, flights, datetime(2025, 11, 30, tzinfo=UTC))[:1] == (calendar.key(0),)
