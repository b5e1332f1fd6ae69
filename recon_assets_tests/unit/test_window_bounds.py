"""Bounds of days on the line of stored values: in order for every pair of zones, and at the ends of time."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from recon_assets.dialect.sql import any_of
from recon_assets.dialect.windows import as_stored, install, pieces, time_of, window_key, within
from recon_assets.model import Calendar, Kind

DAY = timedelta(days=1)
# One hour, half an hour, a day skipped, a day twice, midnight skipped, local mean time.
CHANGES = [
    ("America/New_York", date(2024, 11, 3)),
    ("Australia/Lord_Howe", date(2024, 4, 7)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Kwajalein", date(1993, 8, 21)),
    ("Pacific/Kwajalein", date(1969, 9, 30)),
    ("America/Juneau", date(1867, 10, 19)),
    ("Asia/Manila", date(1844, 12, 31)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/St_Johns", date(1990, 10, 28)),
    ("Europe/Amsterdam", date(1937, 7, 1)),
    ("Africa/Monrovia", date(1972, 1, 7)),
]
ZONES = ["UTC", *dict.fromkeys(zone for zone, _ in CHANGES)]


@pytest.mark.parametrize("stored", ZONES)
@pytest.mark.parametrize(("zone", "around"), CHANGES)
def test_bounds_are_in_order(zone: str, around: date, stored: str) -> None:
    """Whatever clocks do where the table is, and where its times were written down."""
    for change in (around, *(day for other, day in CHANGES if other == stored)):
        windows = [Calendar("at", change, None, zone, stored).window(change + DAY * shift) for shift in range(-5, 6)]
        bounds = [as_stored(window.start, Kind.TIMESTAMP, stored) for window in windows if window.start]

        assert bounds == sorted(bounds)
        assert max(later - earlier for earlier, later in pairwise(bounds)) <= 2 * DAY


@pytest.mark.parametrize(("zone", "around"), CHANGES)
def test_times_stored_in_the_zone_of_the_days_are_of_their_date(zone: str, around: date) -> None:
    """Also those that clocks skip, as the midnight that stands for a date."""
    days = Calendar("at", around, None, zone, zone)
    for hour in range(-24, 48):
        naive = datetime(around.year, around.month, around.day) + timedelta(hours=hour)  # noqa: DTZ001
        if naive.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).astimezone(ZoneInfo(zone)).date() == naive.date():
            assert window_key(naive, days) == naive.date().isoformat()


def test_pieces_are_few() -> None:
    """One where no clock changes, three more for each long day, over days that are left out too."""
    assert len(pieces(_bounds("UTC", range(1000)), DAY)) == 1
    assert len(pieces(_bounds("UTC", (1, 2, 500, 700)), DAY)) == 1
    assert len(pieces(_bounds("Europe/Paris", range(365)), DAY)) == 4
    assert len(pieces(_bounds("Asia/Tokyo", range(365)), DAY)) == 1


def _bounds(zone: str, days: "range | tuple[int, ...]") -> list[tuple[int, datetime, datetime]]:
    bounds = []
    for at in days:
        window = Calendar("at", date(2023, 1, 1), None, zone).at(at)
        assert window.start is not None
        assert window.end is not None
        start, end = (as_stored(each, Kind.INSTANT, "UTC") for each in (window.start, window.end))
        bounds.append((at, start, end))
    return bounds


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York", "UTC"])
@pytest.mark.parametrize("kind", [Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT])
def test_the_ends_of_time(zone: str, kind: Kind) -> None:
    """The first and the last day that Python has are windows like others."""
    for day in (date.min, date.max):
        window = Calendar("at", day, None, zone, zone).window(day)
        assert window.start
        assert window.end
        assert as_stored(window.start, kind, zone) <= as_stored(window.end, kind, zone)


def test_texts_of_sqlite_near_the_ends() -> None:
    """An offset may lead out of the years that Python has: such a text is no time of any day."""
    assert time_of("0001-01-01T00:00:00+05:00", "UTC") is None
    assert time_of("9999-12-31T23:00:00-05:00", "UTC") is None
    assert time_of("0001-01-01", "UTC") == 0


def test_sqlite_takes_more_separate_days_than_it_nests_conditions() -> None:
    """Of 3,000 days every other one: its limit is a depth of 1,000."""
    days = Calendar("at", date(2015, 1, 1), None)
    windows = [days.window(days.start + DAY * at) for at in range(0, 3000, 2)]
    rows = sa.Table("t", sa.MetaData(), sa.Column("at", sa.String), sa.Column("n", sa.Integer))
    texts = within(rows.c.at, Kind.DATE, windows, days, "sqlite")
    numbers = any_of(*(rows.c.n == each for each in range(0, 3000, 2)))
    with sa.create_engine("sqlite://").connect() as connection:
        install(connection.connection.driver_connection)
        rows.create(connection)
        connection.execute(rows.insert(), [{"at": str(days.start + DAY * n), "n": n} for n in range(3000)])

        for every_other in (texts, numbers):
            assert connection.scalars(sa.select(rows.c.n).where(every_other)).all() == list(range(0, 3000, 2))
