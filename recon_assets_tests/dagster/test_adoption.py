"""Adopting a history that Dagster did not load."""

from datetime import UTC, datetime

import dagster as dg

from recon_assets.orchestration.adoption import adopt_counts, materialized, missing, window_keys
from recon_assets_tests.dagster.example import AIRLINES, FLIGHTS

NOW = datetime(2013, 3, 6, 12, tzinfo=UTC)
"""Five days of March are over in New York."""

KEY = dg.AssetKey("flights")


def test_days_that_have_rows_become_materialized(instance: dg.DagsterInstance) -> None:
    """With their counts and without a run, so that what is missing in Dagster are the real gaps."""
    found = adopt_counts(instance, FLIGHTS, {"2013-03-01": 842, "2013-03-03": 914, "2013-03-04": 0}, NOW)

    assert found.adopted == ("2013-03-01", "2013-03-03")
    assert found.empty == ("2013-03-02", "2013-03-04", "2013-03-05")
    assert missing(instance, FLIGHTS, NOW) == ("2013-03-02", "2013-03-04", "2013-03-05")
    records = instance.fetch_materializations(KEY, limit=10).records
    rows = {record.partition_key: record.asset_materialization for record in records}
    assert {day: event.metadata["dagster/partition_row_count"].value for day, event in rows.items() if event} == {
        "2013-03-01": 842,
        "2013-03-03": 914,
    }
    assert {record.run_id for record in records} == {""}


def test_adopting_twice_changes_nothing(instance: dg.DagsterInstance) -> None:
    """What is known keeps what it says."""
    adopt_counts(instance, FLIGHTS, {"2013-03-01": 842}, NOW)

    again = adopt_counts(instance, FLIGHTS, {"2013-03-01": 7}, NOW)

    assert (again.adopted, again.known) == ((), ("2013-03-01",))
    assert len(instance.fetch_materializations(KEY, limit=10).records) == 1


def test_days_outside_the_declared_ones_are_not_reported(instance: dg.DagsterInstance) -> None:
    """Neither older ones nor the day that is not over."""
    found = adopt_counts(instance, FLIGHTS, {"2012-12-31": 5, "2013-03-06": 5}, NOW)

    assert found.adopted == ()


def test_a_table_without_days_is_adopted_as_a_whole(instance: dg.DagsterInstance) -> None:
    """Its one window is the table."""
    assert missing(instance, AIRLINES, NOW) == ("all",)

    adopt_counts(instance, AIRLINES, {"all": 16}, NOW)

    assert materialized(instance, AIRLINES) == {"all"}
    assert missing(instance, AIRLINES, NOW) == ()


def test_only_finished_days_count() -> None:
    """At noon of the sixth the newest finished day is the fifth."""
    assert window_keys(FLIGHTS, NOW)[-1] == "2013-03-05"
