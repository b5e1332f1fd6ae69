"""The source's records by their keys, as comparisons show them."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from recon_assets import diff, reading
from recon_assets.model import Days, Relation, Rule, TableSpec
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Sides

SPEC = TableSpec(
    "t", Relation("source", "t"), Relation("target", "t"), ("id",), Days("day", date(2024, 1, 1), date(2024, 1, 3))
)
DAY = SPEC.window("2024-01-01")
COLUMNS = "id integer, day timestamp, v double precision, code char(4)"
ROWS = [(1, "2024-01-01 01:00", 1.5, "a"), (2, "2024-01-01 02:00", None, "!"), (3, "2024-01-02 00:00", -0.0, "b")]


def read(sides: Sides, spec: TableSpec = SPEC, most: int = 2) -> Any:
    """Of the first day."""
    return reading.by_key(sides.pair(spec), DAY, most)


@pytest.fixture(params=["postgresql", "mysql", "sqlite", "duckdb"])
def sides(request: pytest.FixtureRequest, both: Both) -> Sides:
    """Three rows of two days in each kind of source, and an empty table."""
    made = both(request.param, "postgresql")
    made.create(COLUMNS, COLUMNS, ROWS)
    return made


def test_records_are_what_a_comparison_shows_of_them(sides: Sides) -> None:
    with reading.snapshot(sides.pair(SPEC)) as both:
        found = diff.compare_windows(both, [DAY])[DAY.key].missing

    assert read(sides) == {item.key: item.source for item in found}
    assert [item.key for item in found] == [(1,), (2,)]


def test_more_than_were_asked_for_tell_nothing(sides: Sides) -> None:
    assert read(sides, most=1) is None


def test_a_key_that_stands_twice_tells_nothing(sides: Sides) -> None:
    sides.source.fill("t", ROWS[:1])
    assert read(sides, most=9) is None


def test_a_key_that_may_be_written_in_two_ways_tells_nothing(sides: Sides) -> None:
    assert read(sides, replace(SPEC, rules={"id": Rule(scale=0)})) is None
