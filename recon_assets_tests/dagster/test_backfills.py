"""Plans and progress of backfills, without any process."""

import time
from collections.abc import Mapping
from typing import Any

import dagster as dg
import pytest

from recon_assets.errors import UnavailableError
from recon_assets.model import Mode, TableSpec
from recon_assets.orchestration.backfills import Progress, Wanted, answered, follow, newest, stretches
from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.dagster.example import AIRLINES, FLIGHTS, Scripted, days, failing, job, spec

ODD_DAYS = tuple(f"2013-03-{day:02d}" for day in range(1, 32, 2))


@pytest.mark.parametrize(
    ("days", "bridge", "expected"),
    [
        ([], 0, []),
        (["2013-03-01"], 0, [("2013-03-01", "2013-03-01")]),
        (["2013-03-01", "2013-03-02"], 0, [("2013-03-01", "2013-03-02")]),
        (["2013-03-01", "2013-03-03"], 0, [("2013-03-01", "2013-03-01"), ("2013-03-03", "2013-03-03")]),
        (["2013-03-01", "2013-03-03"], 1, [("2013-03-01", "2013-03-03")]),
        (["2013-02-28", "2013-03-01"], 0, [("2013-02-28", "2013-03-01")]),
        (["2013-03-01", "2013-03-05"], 2, [("2013-03-01", "2013-03-01"), ("2013-03-05", "2013-03-05")]),
    ],
)
def test_days_fall_into_stretches(days: list[str], bridge: int, expected: list[tuple[str, str]]) -> None:
    """Days that follow one another are one stretch; a bridge spans as many missing ones."""
    assert stretches(FLIGHTS, days, bridge=bridge) == expected


def test_a_few_stretches_are_asked_for_as_they_are() -> None:
    """No day that is there is touched, and no run config is needed."""
    wanted = Wanted(FLIGHTS, ("2013-03-01", "2013-03-03"))

    assert not wanted.bridged
    assert wanted.config(Mode.INSERT_MISSING) == {}
    assert wanted.selector()["partitions"]["ranges"] == [
        {"start": "2013-03-01", "end": "2013-03-01"},
        {"start": "2013-03-03", "end": "2013-03-03"},
    ]


def test_many_stretches_become_one_in_which_days_are_passed_over() -> None:
    """A run for each of sixteen scattered days would cost 3 CPU-s each."""
    wanted = Wanted(FLIGHTS, ODD_DAYS)

    assert wanted.bridged
    assert wanted.config(Mode.INSERT_MISSING) == {"only_missing": True}
    assert wanted.config(Mode.UPSERT) == {"mode": "UPSERT", "only_missing": True}
    assert wanted.selector()["partitions"]["ranges"] == [{"start": "2013-03-01", "end": "2013-03-31"}]


def test_bridged_tables_of_one_calendar_share_their_runs() -> None:
    """Equal ranges are what makes Dagster load two tables in one run."""
    even = tuple(f"2013-03-{day:02d}" for day in range(2, 31, 2))
    both = [Wanted(FLIGHTS, ODD_DAYS), Wanted(spec("weather"), even)]

    first, second = (item.selector(both)["partitions"] for item in both)

    assert first == second


def test_a_table_without_days_is_asked_for_as_a_whole() -> None:
    """It has no ranges."""
    wanted = Wanted(AIRLINES, ("all",))

    assert not wanted.bridged
    assert wanted.selector() == {"assetKey": {"path": ["airlines"]}, "partitions": None}


def test_progress_tells_days_rows_speed_and_time_left() -> None:
    """Two of eight days in ten seconds leave thirty."""
    done = frozenset({("flights", "2013-03-01"), ("flights", "2013-03-02")})

    progress = Progress(total=8, done=done, rows=1800, seconds=10.0)

    assert str(progress) == "2 of 8 days, 1,800 rows, 180 rows/s, 30 s left"
    assert not progress.ended


@pytest.mark.parametrize(
    ("status", "done", "said"),
    [
        ("COMPLETED_SUCCESS", {("flights", "2013-03-01")}, "done, 1 of 1 days loaded, 5 rows in 3 s"),
        ("COMPLETED_FAILED", set(), "failed, 0 of 1 days loaded, 5 rows in 3 s"),
        ("CANCELED", set(), "cancelled, 0 of 1 days loaded, 5 rows in 3 s"),
    ],
)
def test_the_result_is_said_in_words(status: str, done: set[tuple[str, str]], said: str) -> None:
    """And no time is left."""
    assert Progress(1, frozenset(done), 5, 3.2, status).result == said


def test_nothing_is_promised_before_the_first_day() -> None:
    """There is no time left to tell, and no division by zero."""
    assert str(Progress(total=8)) == "0 of 8 days, 0 rows, 0 rows/s"


def test_a_refusal_says_what_dagster_said() -> None:
    """Its own words, when it gave some."""
    with pytest.raises(UnavailableError, match="no such partition"):
        answered({"__typename": "PartitionKeysNotFoundError", "message": "no such partition"}, "LaunchBackfillSuccess")


def test_an_error_of_a_database_is_one_line_without_its_statement() -> None:
    """Nobody wants to read it, and its parameters may be anybody's."""
    said = "(psycopg2.OperationalError) server closed\n\tthe connection\n\n[SQL: SELECT 1]\n[parameters: {'a': 'b'}]"
    with pytest.raises(
        UnavailableError, match=r"Dagster refused: \(psycopg2.OperationalError\) server closed the connection$"
    ):
        answered({"__typename": "PythonError", "message": said}, "LaunchBackfillSuccess")


BEGAN = time.time()


class Ended(Webserver):
    """A webserver whose every backfill has ended as it says."""

    status = "COMPLETED_FAILED"
    began = BEGAN

    def ask(self, query: str, **variables: object) -> Mapping[str, Any]:  # noqa: ARG002 - whatever it is asked
        """How a backfill stands."""
        told = {"__typename": "PartitionBackfill", "status": self.status, "timestamp": self.began, "error": None}
        return {"partitionBackfillOrError": told}


class Cancelled(Ended):
    """Somebody has cancelled them."""

    status = "CANCELED"


class Ahead(Ended):
    """Its clock is an hour ahead of that of the runs."""

    began = BEGAN + 3600


DAYS = ("2013-03-05", "2013-03-06")


@pytest.mark.parametrize("declared", [FLIGHTS, AIRLINES], ids=["days", "no days"])
def test_what_is_noted_late_counts(instance: dg.DagsterInstance, declared: TableSpec) -> None:
    """The backfill has ended, and no run says why a day is not loaded: that may be written late, or tried again."""
    wanted = Wanted(declared, DAYS if declared.calendar else ("all",))
    instance.report_runless_asset_event(
        dg.AssetMaterialization(declared.name, partition=DAYS[0] if declared.calendar else None)
    )
    steps = follow(Ended("http://here"), instance, "b", [wanted])
    assert not next(steps).done

    flow = job(Scripted(), declared)
    flow.execute_in_process(instance=instance, tags=days(*DAYS) if declared.calendar else {})
    (last,) = steps

    assert last.done == {(declared.name, window) for window in wanted.windows}
    assert last.rows == 10 * len(wanted.windows)


def test_machines_whose_clocks_differ(instance: dg.DagsterInstance) -> None:
    """What is later than the launch is known by its number."""
    wanted = [Wanted(FLIGHTS, DAYS)]
    since = newest(instance, wanted)
    job(Scripted()).execute_in_process(instance=instance, tags=days(*DAYS))

    assert next(follow(Ahead("http://here"), instance, "b", wanted, since)).done == {("flights", day) for day in DAYS}


def test_what_a_run_has_explained_is_not_waited_for(instance: dg.DagsterInstance) -> None:
    """Nor what somebody has cancelled."""
    flow, tags = job(Scripted(failing(DAYS[0]))), days(*DAYS, **{"dagster/backfill": "b"})
    flow.execute_in_process(instance=instance, tags=tags, raise_on_error=False)

    (last,) = follow(Ended("http://here"), instance, "b", [Wanted(FLIGHTS, DAYS)])
    (cancelled,) = follow(Cancelled("http://here"), instance, "c", [Wanted(FLIGHTS, ("2013-03-09",))])

    assert last.done == {("flights", DAYS[1])}
    assert not cancelled.done
