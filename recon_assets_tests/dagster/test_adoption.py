"""Adopting a history that Dagster did not load."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import dagster as dg
import pytest

from recon_assets import ledger
from recon_assets.cli.filling import to_repeat
from recon_assets.errors import UnavailableError
from recon_assets.model import Loaded, Mode, TableSpec, Window
from recon_assets.orchestration.adoption import Adopted, adopt, adoptable, materialized, missing, window_keys
from recon_assets.orchestration.loading import LoadConfig
from recon_assets.orchestration.local_deployment import Session
from recon_assets.orchestration.processes import Dagster
from recon_assets.orchestration.translation import UNPREFIXED
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.example import (
    AIRLINES,
    FLIGHTS,
    PROJECT,
    Scripted,
    config,
    days,
    failing,
    job,
    ten_rows,
)
from recon_assets_tests.dagster.reviewed import DAYS, shop
from recon_assets_tests.dagster.test_backfills import ODD_DAYS

NOW = datetime(2013, 3, 6, 12, tzinfo=UTC)
"""Five days of March are over in New York."""

KEY = dg.AssetKey("flights")


def adopt_counts(instance: dg.DagsterInstance, declared: TableSpec, counts: Mapping[str, int]) -> Adopted:
    """Adopt the windows that have so many rows in the target."""
    found = adoptable(instance, UNPREFIXED, declared, counts, NOW)
    adopt(instance, UNPREFIXED, declared, found)
    return found


def test_days_that_have_rows_become_materialized(instance: dg.DagsterInstance) -> None:
    """With their counts and without a run, so that what is missing in Dagster are the real gaps."""
    found = adopt_counts(instance, FLIGHTS, {"2013-03-01": 842, "2013-03-03": 914, "2013-03-04": 0})

    assert found.adopted == ("2013-03-01", "2013-03-03")
    assert found.empty == ("2013-03-02", "2013-03-04", "2013-03-05")
    assert missing(instance, UNPREFIXED, FLIGHTS, NOW) == ("2013-03-02", "2013-03-04", "2013-03-05")
    records = instance.fetch_materializations(KEY, limit=10).records
    rows = {record.partition_key: record.asset_materialization for record in records}
    assert {day: event.metadata["dagster/partition_row_count"].value for day, event in rows.items() if event} == {
        "2013-03-01": 842,
        "2013-03-03": 914,
    }
    assert {record.run_id for record in records} == {""}


def test_adopting_twice_changes_nothing(instance: dg.DagsterInstance) -> None:
    """What is known keeps what it says."""
    adopt_counts(instance, FLIGHTS, {"2013-03-01": 842})

    again = adopt_counts(instance, FLIGHTS, {"2013-03-01": 7})

    assert (again.adopted, again.known) == ((), ("2013-03-01",))
    assert len(instance.fetch_materializations(KEY, limit=10).records) == 1


def test_what_is_adopted_is_noted_for_judging_before_dagster_knows_it(
    fresh: Fresh, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    """Table by table: a second try finds known what a stopped one has reported, and would never have it judged."""
    orders = shop(fresh, instance)
    session = Session(Dagster(tmp_path), orders.environ, orders.project, orders.instance)
    declared, unchecked = orders.project.tables["orders"], replace(orders.project.tables["customers"], checks=())
    book = {"RECON_LEDGER_URL": "postgresql://nobody@127.0.0.1:1/none"}
    with pytest.raises(UnavailableError, match=r"^ledger: "):
        replace(session, environ=book).adopt(declared)
    assert not materialized(orders.instance, UNPREFIXED, declared)

    assert session.adopt(declared).adopted == DAYS
    assert replace(session, environ=book).adopt(unchecked).adopted == ("all",)

    with orders.book() as remembered, remembered.begin() as connection:
        assert ledger.changed_windows(connection, {("", "z"): ["orders", "customers"]}, 9) == [
            ("orders", day) for day in DAYS
        ]


def test_a_day_that_failed_when_it_was_loaded_again_is_missing(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Whatever was loaded before; adopting does not hide it, and what failed is loaded, not passed over."""
    session = Session(Dagster(tmp_path), {}, PROJECT, instance)
    tags, days_of_march = days("2013-03-01", "2013-03-03"), tuple(f"2013-03-0{day}" for day in range(1, 6))
    job(Scripted()).execute_in_process(instance=instance, tags=tags)
    assert missing(instance, UNPREFIXED, FLIGHTS, NOW) == days_of_march[3:]

    again = job(Scripted(failing("2013-03-02"))).execute_in_process(instance=instance, tags=tags, raise_on_error=False)

    assert not again.success
    assert missing(instance, UNPREFIXED, FLIGHTS, NOW) == ("2013-03-02", *days_of_march[3:])
    assert adopt_counts(instance, FLIGHTS, {"2013-03-02": 1}).known == days_of_march[:3]
    assert session.missing(FLIGHTS).again
    assert not replace(session.missing(FLIGHTS), windows=ODD_DAYS).bridged
    assert session.provenance(FLIGHTS).filled == 2
    of = partial(to_repeat, session)
    assert of({("flights", "2013-03-02")}, Mode.INSERT_MISSING) == ["recon backfill flights --missing"]
    assert of({("flights", day) for day in days_of_march[:2]} | {("airlines", "all")}, Mode.REPLACE) == [
        "recon backfill airlines --missing --mode replace --yes",
        "recon backfill flights --from 2013-03-01 --to 2013-03-02 --mode replace --yes",
    ]

    job(Scripted()).execute_in_process(instance=instance, tags=tags)
    assert missing(instance, UNPREFIXED, FLIGHTS, NOW) == days_of_march[3:]


def test_days_that_a_cancelled_run_was_to_pass_over_are_not_missing(instance: dg.DagsterInstance) -> None:
    """What was adopted stays as it is, though Dagster planned to materialize all days of the run's range."""
    adopt_counts(instance, FLIGHTS, {"2013-03-01": 842, "2013-03-03": 914})
    gaps = missing(instance, UNPREFIXED, FLIGHTS, NOW)
    for passing in (True, False):
        run = instance.create_run_for_job(
            job(Scripted()), tags=days("2013-03-01", "2013-03-05"), run_config=config(only_missing=passing)
        )
        instance.report_run_canceled(run)

        assert missing(instance, UNPREFIXED, FLIGHTS, NOW) == (
            gaps if passing else tuple(f"2013-03-0{day}" for day in range(1, 6))
        )


def test_a_table_without_days_that_failed_when_it_was_loaded_again_is_missing(instance: dg.DagsterInstance) -> None:
    """Until it is loaded, or adopted, later."""

    def broken(window: Window, settings: LoadConfig) -> Loaded:
        msg = f"{window}: {settings.mode}"
        raise ValueError(msg)

    def run(load: Callable[[Window, LoadConfig], Loaded]) -> tuple[str, ...]:
        job(Scripted(load), AIRLINES).execute_in_process(instance=instance, raise_on_error=False)
        return missing(instance, UNPREFIXED, AIRLINES, NOW)

    assert [run(load) for load in (broken, ten_rows, broken, ten_rows)] == [("all",), (), ("all",), ()]


def test_days_outside_the_declared_ones_are_not_reported(instance: dg.DagsterInstance) -> None:
    """Neither older ones nor the day that is not over."""
    found = adopt_counts(instance, FLIGHTS, {"2012-12-31": 5, "2013-03-06": 5})

    assert found.adopted == ()


def test_a_table_without_days_is_adopted_as_a_whole(instance: dg.DagsterInstance) -> None:
    """Its one window is the table."""
    assert missing(instance, UNPREFIXED, AIRLINES, NOW) == ("all",)

    adopt_counts(instance, AIRLINES, {"all": 16})

    assert materialized(instance, UNPREFIXED, AIRLINES) == {"all"}
    assert missing(instance, UNPREFIXED, AIRLINES, NOW) == ()


def test_only_finished_days_count() -> None:
    """At noon of the sixth the newest finished day is the fifth."""
    assert window_keys(FLIGHTS, NOW)[-1] == "2013-03-05"
