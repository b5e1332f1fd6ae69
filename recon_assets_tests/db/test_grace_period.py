"""Rows in flight: younger than `grace_period` and different, they are read again before they count."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

import recon_assets
from recon_assets.diff import window_comparison
from recon_assets.model import Comparison
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Rows, Sides

COLUMNS: dict[Name, str] = {
    "postgresql": "id bigint primary key, v text, touched timestamptz",
    "mysql": "id bigint primary key, v text, touched timestamp(6) null",
    "duckdb": "id bigint primary key, v text, touched timestamptz",
    "sqlite": "id bigint primary key, v text, touched timestamp",
}
PAIRS = [
    pytest.param(source, target, id=f"{source}-{target}") for source in COLUMNS for target in ("postgresql", "mysql")
]
NOW = datetime.now(UTC)
OLD = datetime(2024, 1, 1, tzinfo=UTC)
YOUNG = NOW.replace(microsecond=0)


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing arrives in the tests that say nothing of it."""
    monkeypatch.setattr(window_comparison, "PAUSE", timedelta(milliseconds=10))


def filled(both: Both, source: Name, target: Name, left: Rows, right: Rows) -> Sides:
    sides = both(source, target)
    sides.create(COLUMNS[source], COLUMNS[target], left)
    sides.target.fill("t", right)
    return sides


def compared(sides: Sides, **more: object) -> Comparison:
    given = {"grace_period": timedelta(hours=1), "updated_at": "touched", **more}
    return recon_assets.compare(sides.source.url, "t", sides.target.url, "t", key=["id"], **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_young_rows_that_differ_are_in_flight(both: Both, source: Name, target: Name) -> None:
    """They are counted apart and are no failure; old ones are, whatever stands beside them."""
    left = [(1, "a", OLD), (2, "b", YOUNG), (3, "c", YOUNG), (4, "d", OLD), (6, "f", None)]
    right = [(1, "a", OLD), (2, "x", OLD), (4, "y", OLD), (5, "e", YOUNG), (6, "g", None)]

    found = compared(filled(both, source, target, left, right))

    assert found.in_flight == 3
    assert [record.key for record in found.mismatched] == [(4,), (6,)]
    assert (found.counts.missing, found.counts.extra, found.counts.mismatched) == (0, 0, 2)
    assert found.counts.source == found.counts.target == 3, "rows in flight are in no count"


def test_rows_that_have_arrived_meanwhile_are_equal(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are read in a new transaction, which sees what was committed during the pause."""
    monkeypatch.setattr(window_comparison, "PAUSE", timedelta(seconds=1))
    sides = filled(both, "postgresql", "postgresql", [(1, "a", OLD), (2, "b", YOUNG)], [(1, "a", OLD)])
    arrival = threading.Timer(0.5, lambda: sides.target.fill("t", [(2, "b", YOUNG)]))
    arrival.start()

    found = compared(sides)

    arrival.join()
    assert found.equal
    assert found.in_flight == 0
    assert (found.counts.source, found.counts.target) == (2, 2)


def test_nothing_young_means_no_pause(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison waits only for rows that are in flight."""
    monkeypatch.setattr(window_comparison, "PAUSE", timedelta(minutes=5))
    began = time.monotonic()

    found = compared(filled(both, "postgresql", "postgresql", [(1, "a", OLD)], [(1, "b", OLD)]))

    assert found.counts.mismatched == 1
    assert time.monotonic() - began < 60


def test_time_of_the_last_change_is_not_compared_unless_asked(both: Both) -> None:
    """A target has other times of change, which are no difference when other columns are named."""
    sides = filled(both, "postgresql", "mysql", [(1, "a", OLD)], [(1, "a", OLD + timedelta(days=1))])

    assert compared(sides, columns=["v"]).equal
    assert compared(sides).counts.mismatched == 1


def test_repeated_keys_in_flight_are_counted_once(both: Both) -> None:
    """Whatever of them has its equal: each record is in the counts once, or in flight, never both."""
    keyless: dict[Name, str] = {name: of.replace(" primary key", "") for name, of in COLUMNS.items()}
    sides = both("postgresql", "postgresql")
    left = [(1, "a", OLD), (1, "b", OLD), (1, "c", YOUNG), (2, "a", YOUNG), (2, "a", YOUNG)]
    sides.create(keyless["postgresql"], keyless["postgresql"], left)
    sides.target.fill("t", [(1, "a", OLD), (2, "a", YOUNG), (2, "a", YOUNG)])

    found = compared(sides)

    assert (found.counts.missing, found.in_flight, found.duplicate_keys) == (1, 1, 2)
    assert (found.counts.source, found.counts.target) == (4, 3)


def test_large_keys_in_flight_are_not_lost(both: Both) -> None:
    """Beyond 64 bits, which only some databases and no index of ours has."""
    sides = both("mysql", "mysql")
    wide = "id bigint unsigned primary key, v text, touched timestamp(6) null"
    sides.create(wide, wide, [(2**63 + 1, "a", YOUNG), (2**63 + 2, "a", OLD)])

    found = compared(sides)

    assert (found.in_flight, found.counts.missing) == (1, 1)


def test_keys_in_flight_that_the_other_side_cannot_hold(both: Both) -> None:
    """DuckDB refuses to compare a column with them as numbers."""
    sides = both("duckdb", "postgresql")
    rest = "v text, touched timestamptz"
    sides.create(f"id uhugeint, {rest}", f"id numeric, {rest}", [(5, "a", OLD)])
    sides.target.fill("t", [(5, "a", OLD), (-1, "a", YOUNG)])

    found = compared(sides)

    assert (found.in_flight, found.counts.missing, found.counts.extra) == (1, 0, 0)
