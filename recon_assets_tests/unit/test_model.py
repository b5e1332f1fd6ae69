"""The nouns: windows that tile, modes and specs that say what they mean."""

from datetime import UTC, date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_assets.model import ALL, Database, Days, Loaded, Mode, Relation, TableSpec

ZONES = st.sampled_from(sorted(name for name in available_timezones() if "/" in name))
HOURS = {"2024-03-10": 23, "2024-11-03": 25, "2024-07-01": 24}


@given(ZONES, st.dates(date(1950, 1, 1), date(2035, 1, 1)), st.integers(0, 40))
def test_windows_tile(zone: str, start: date, count: int) -> None:
    """Without gap or overlap, in any zone, whatever happens to its clocks (Samoa once left a day out)."""
    days = Days("at", start, timezone=zone)
    windows = list(days.windows(start + timedelta(days=count)))

    assert [window.key for window in windows] == [str(start + timedelta(days=at)) for at in range(count)]
    ends = [(window.start, window.end) for window in windows]
    assert all(first and last and first.astimezone(UTC) <= last.astimezone(UTC) for first, last in ends)
    assert all(one[1] == other[0] for one, other in pairwise(ends))


@pytest.mark.parametrize(("day", "hours"), HOURS.items())
def test_days_of_a_zone(day: str, hours: int) -> None:
    """Have 23, 24 or 25 hours."""
    days = Days("at", date(2024, 1, 1), None, "America/New_York")
    window = TableSpec("t", Relation("s", "t"), Relation("t", "t"), days=days).window(day)

    assert window.start
    assert window.end
    assert window.end.astimezone(UTC) - window.start.astimezone(UTC) == timedelta(hours=hours)
    assert (str(window), window.start.tzinfo) == (day, ZoneInfo("America/New_York"))


def test_history_ends_where_it_is_declared_to() -> None:
    """Or where the caller says, when that is earlier."""
    days = Days("at", date(2024, 1, 1), date(2024, 1, 3))
    assert [window.key for window in days.windows(date(2025, 1, 1))] == ["2024-01-01", "2024-01-02"]
    assert [window.key for window in days.windows(date(2024, 1, 2))] == ["2024-01-01"]


def test_table_without_days_has_one_window() -> None:
    """Which is called `all`."""
    spec = TableSpec("t", Relation("s", query="select 1"), Relation("t", "t"), rename={"a": "b"})
    assert spec.window("all") == ALL
    assert (spec.target_name("a"), spec.target_name("c")) == ("b", "c")
    assert (str(spec.source), str(spec.target)) == ("s:(query)", "t:t")


def test_url_is_not_shown() -> None:
    """It may hold a password."""
    assert "s3cr3t" not in repr(Database("ops", "postgresql://u:s3cr3t@h/d"))


def test_modes_that_name_columns() -> None:
    """Are two."""
    assert {mode for mode in Mode if mode.names_columns} == {Mode.FILL_NULLS, Mode.UPDATE_COLUMNS}


def test_counts_of_a_load() -> None:
    """By name."""
    assert Loaded(ALL, Mode.UPSERT, 4, 3, 2, 1).counts() == {"read": 4, "inserted": 3, "updated": 2, "deleted": 1}
