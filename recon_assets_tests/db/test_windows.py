"""Each row is in exactly one window, on every database: the day that Python's time zone rules say."""

import struct
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import TZPATH, ZoneInfo, available_timezones

import pytest

from recon_assets import dialect, reading
from recon_assets.model import ALL, Calendar, Database, Measure, TableSpec, Window
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Side, Sides, spec

pytestmark = pytest.mark.repeats

QUARTER, DAY, SECOND, NOW = timedelta(minutes=15), timedelta(days=1), timedelta(seconds=1), timedelta()
FIRST, LAST = datetime(1970, 1, 10, tzinfo=UTC), datetime(2037, 12, 20, tzinfo=UTC)
SUM = Measure("sum", "id")
COUNT = Measure("count")
ALL_FOUR: list[tuple[Name, Name]] = [("postgresql", "mysql"), ("duckdb", "sqlite")]
TABLE: dict[Name, str] = {
    "postgresql": "id bigint primary key, zone int, made timestamptz not null, utc timestamp, here timestamp not null",
    "mysql": "id bigint primary key, zone int, made timestamp null, utc datetime, here datetime not null",
    "duckdb": "id bigint primary key, zone int, made timestamptz not null, utc timestamp, here timestamp not null",
    "sqlite": "id bigint primary key, zone int, made timestamp not null, utc timestamp, here timestamp not null",
}
Row = tuple[int, int, datetime, datetime, datetime]


@cache
def changes(zone: str) -> tuple[datetime, ...]:
    """When clocks of the zone are changed, from the file that Python reads too (RFC 8536)."""
    data = next(path.read_bytes() for path in (Path(folder, zone) for folder in TZPATH) if path.is_file())
    isut, isstd, leaps, times, types, chars = struct.unpack(">6l", data[20:44])
    second = 44 + times * 5 + types * 6 + chars + leaps * 8 + isstd + isut
    many = struct.unpack(">l", data[second + 32 : second + 36])[0]
    found = struct.unpack(f">{many}q", data[second + 44 : second + 44 + 8 * many])
    moments = (datetime.fromtimestamp(at, UTC) for at in found if at >= 0)
    return tuple(at for at in moments if FIRST < at < LAST)


@cache
def kinds_of_changes() -> dict[str, list[datetime]]:
    """Of all changes of all zones since 1970 one of each kind: at what time of day, from which offset to which."""
    known: set[tuple[Any, ...]] = set()
    found: dict[str, list[datetime]] = defaultdict(list)
    for zone in sorted(available_timezones()):
        for at in changes(zone):
            before, after = ((at - shift).astimezone(ZoneInfo(zone)).utcoffset() for shift in (SECOND, NOW))
            kind = (at.time(), before, after)
            if before != after and kind not in known:
                known.add(kind)
                found[zone].append(at)
    return found


def moments(zone: str, at: datetime) -> Iterator[datetime]:
    """Each quarter of an hour around a change, and around the days' starts beside it, and the last moment before."""
    day = at.astimezone(ZoneInfo(zone)).date()
    starts = [days_in(zone).window(day + DAY * shift).start for shift in (-1, 0, 1, 2)]
    for middle, hours in [(at, 2), *((start.astimezone(UTC), 0.5) for start in starts if start)]:
        for quarter in range(int(-4 * hours), int(4 * hours) + 1):
            yield from (middle + quarter * QUARTER, middle + quarter * QUARTER - SECOND)


def days_in(zone: str, column: str = "made", stored: str = "UTC") -> Calendar:
    return Calendar(column, date(1970, 1, 1), None, zone, stored)


def rows_around_changes() -> Iterator[tuple[int, str, list[Window], list[Row]]]:
    """For each zone its number, its name, the days around its changes, and rows of them."""
    ids = count(1)
    for number, (zone, found) in enumerate(kinds_of_changes().items()):
        near = {at.astimezone(ZoneInfo(zone)).date() + DAY * shift for at in found for shift in range(-3, 4)}
        windows = [days_in(zone).window(day) for day in sorted(near)]
        every = sorted({moment for at in found for moment in moments(zone, at)})
        rows = []
        for moment in every:
            naive = moment.replace(tzinfo=None)
            local = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
            rows.append((next(ids) ** 2, number, moment, naive, local))
        yield number, zone, windows, rows


def day_of_instant(windows: Sequence[Window], moment: datetime) -> str:
    starts = [window.start.astimezone(UTC) for window in windows if window.start]
    return windows[bisect_right(starts, moment) - 1].key


def test_rows_around_all_changes_of_all_zones(both: Both) -> None:
    """On all databases: instants, naive times stored in UTC, and naive times stored in the zone itself."""
    zones = list(rows_around_changes())
    assert len(zones) > 50
    assert sum(len(rows) for *_, rows in zones) > 5000
    for names in ALL_FOUR:
        sides = both(*names)
        for side in (sides.source, sides.target):
            side.run(f"CREATE TABLE t ({TABLE[side.name]})")
            insert(side, [row for *_, rows in zones for row in rows])
        with opened(sides, spec(days_in("UTC"))) as snapshot:
            for number, zone, windows, rows in zones:
                expected = counted((day_of_instant(windows, row[2]), row) for row in rows)
                local = counted((row[4].date().isoformat(), row) for row in rows)
                narrowed = snapshot.narrowed(where=f"zone = {number}")
                instant = ("made", "utc")[number % 2]  # the same bounds, written as another type
                for column, stored, wanted in ((instant, "UTC", expected), ("here", zone, local)):
                    found = placed(narrowed, days_in(zone, column, stored), windows)
                    assert found == (wanted, wanted), (zone, column, names)


def counted(keyed: Any) -> dict[str, tuple[int, int]]:
    """How many rows a window has, and the sum of their ids."""
    rows: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    for key, row in keyed:
        rows[key] += 1
        sums[key] += row[0]
    return {key: (many, sums[key]) for key, many in rows.items()}


def placed(snapshot: reading.Snapshot, days: Calendar, windows: Sequence[Window]) -> tuple[dict[str, Any], ...]:
    """What each side measures of each window, and of rows of none."""
    pair = replace(snapshot.pair, spec=replace(snapshot.pair.spec, calendar=days))
    sides = [replace(side, pair=pair) for side in (snapshot.source, snapshot.target)]
    found = reading.measured(reading.Snapshot(pair, *sides), [COUNT, SUM], windows)
    return tuple(
        {
            key: (getattr(figures[COUNT], role), int(getattr(figures[SUM], role) or 0))
            for key, figures in found.items()
            if getattr(figures[COUNT], role)
        }
        for role in ("source", "target")
    )


FORMS = ("{:%Y-%m-%d %H:%M:%S+00:00}", "{:%Y-%m-%dT%H:%M:%SZ}", "{:%Y-%m-%d %H:%M:%S}", "{:%Y-%m-%dT%H:%M:%S}")
"""In which SQLite's texts are written in turn, where they are of UTC."""


def insert(side: Side, rows: Sequence[Row]) -> None:
    """Many rows a statement."""
    for at in range(0, len(rows), 1000):
        values = ", ".join(_written(side.name, *row) for row in rows[at : at + 1000])
        side.run(f"INSERT INTO t VALUES {values}")


def _written(name: Name, key: int, zone: int, *times: datetime) -> str:
    instant = FORMS[key % 4] if name == "sqlite" else "{:%Y-%m-%d %H:%M:%S}" + ("" if name == "mysql" else "+00:00")
    plain = FORMS[2 + key % 2]
    at, utc, here = (f"'{form.format(time)}'" for form, time in zip((instant, plain, plain), times, strict=True))
    return f"({key}, {zone}, {at}, {utc}, {here})"


def opened(sides: Sides, declared: TableSpec) -> Any:
    source, target = (
        dialect.engine(Database(side.name, side.url), role="source") for side in (sides.source, sides.target)
    )
    sides.opened.extend((source, target))
    return reading.snapshot(reading.pair_for_comparison(declared, source, target))


def test_server_of_other_rules(both: Both) -> None:
    """PostgreSQL takes St. John's to have changed its clocks at another moment, as a server with older rules would."""
    zone = "America/St_Johns"
    sides = both("postgresql", "duckdb")
    autumns = [at for at in changes(zone) if 1987 <= at.year <= 2011 and at.month > 8]
    rows = [
        (number**2, 0, moment, moment.replace(tzinfo=None), moment.replace(tzinfo=None))
        for number, moment in enumerate(sorted({moment for at in autumns for moment in moments(zone, at)}), 1)
    ]
    for side in (sides.source, sides.target):
        side.run(f"CREATE TABLE t ({TABLE[side.name]})")
        insert(side, rows)
    near = sorted({at.astimezone(ZoneInfo(zone)).date() + DAY * shift for at in autumns for shift in range(-3, 4)})
    windows = [days_in(zone).window(day) for day in near]
    wanted = counted((day_of_instant(windows, row[2]), row) for row in rows)
    said = sides.source.rows(f"SELECT (made AT TIME ZONE '{zone}')::date::text, count(*), sum(id) FROM t GROUP BY 1")

    assert {day: (many, int(total)) for day, many, total in said} != wanted
    with opened(sides, spec(days_in("UTC"))) as snapshot:
        assert placed(snapshot, days_in(zone), windows) == (wanted, wanted)


ENDS: dict[Name, tuple[str, ...]] = {
    "postgresql": (
        *("null", "'infinity'", "'-infinity'", "'0044-03-15 12:00 BC'", "'4713-01-01 00:00 BC'"),
        *("'0001-01-01 00:00'", "'9999-12-31 23:59:59.999999'", "'294276-01-01 00:00'"),
    ),
    "mysql": ("null", "'0000-00-00 00:00:00'", "'0001-01-01 00:00:00'", "'9999-12-31 23:59:59'"),
    "duckdb": (
        *("null", "'infinity'", "'-infinity'", "'0044-03-15 (BC)'"),
        *("'0001-01-01 00:00:00'", "'9999-12-31'", "'200000-01-01'"),
    ),
    "sqlite": (
        *(
            "null",
            "'infinity'",
            "'-infinity'",
            "'9999-12-31T23:59:59.999999'",
            "'0001-01-01'",
            "''",
            "'soon'",
            "x'32303234'",
        ),
        *("1704067200", "1704067200000", "2460310.5", "'1704067200'", "'2460310.5'", "'now'", "'2024-02-30'"),
        *(
            "'0000-00-00 00:00:00'",
            "'0001-01-01T00:00:00+01:00'",
            "'2024-13-01'",
            "'12:00'",
            "'2024-W01-1'",
            "'0044-03-15 BC'",
        ),
    ),
}
"""What is no time of a day from 2024 on, or lies at the ends of what a database can hold."""
PLACED_TEXTS = {
    "2024-01-01": 1,
    "20240101T233000": 1,
    "2024-01-01T23:30:00.5": 1,
    "2024-01-01 23:59:59.999999": 1,
    "2024-01-01T24:00:00": 2,
    " 2024-01-02": 2,
    "2024-01-02T00:00": 2,
    "2024-01-02T00:30:00+01:00": 1,
    "2024-01-02T00:30:00+0100": 1,
    "2024-01-01T23:30:00-01:00": 2,
    "2024-01-01T23:30:00-0100": 2,
    "2024-01-01T23:30:00-01": 2,
    "2024-01-02T23:59:59Z": 2,
}
"""The day of January 2024, in UTC, into which each text of SQLite falls."""


@pytest.mark.parametrize("of", ["made", "utc", "day"])
def test_no_row_is_lost(both: Both, of: str) -> None:
    """Each is in a window, outside of all, or undated: infinite times, years before Christ, zero dates, other texts."""
    days = Calendar(of, date(2024, 1, 1))
    windows = [days.window(date(2024, 1, day)) for day in (1, 2)]
    for names in ALL_FOUR:
        sides = both(*names)
        many = []
        for side in (sides.source, sides.target):
            kinds = {"made": "timestamp", "utc": "datetime" if side.name == "mysql" else "timestamp", "day": "date"}
            kinds |= {"made": "timestamptz"} if side.name in {"postgresql", "duckdb"} else {}
            within = (
                [f"'{text}'" for text in PLACED_TEXTS] if side.name == "sqlite" else ["'2024-01-01'", "'2024-01-02'"]
            )
            times = [*within, *ENDS[side.name]]
            if side.name == "mysql" and of == "made":
                times = [time for time in times if "0001" not in time and "9999" not in time]
            many.append(len(times))
            rows = ", ".join(f"({number}, {time})" for number, time in enumerate(times))
            zeros = ["SET SESSION sql_mode = ''"] if side.name == "mysql" else []
            null = "null" if side.name == "mysql" else ""
            side.run(
                f"CREATE TABLE t (id bigint primary key, {of} {kinds[of]} {null})",
                *zeros,
                f"INSERT INTO t VALUES {rows}",
            )
        with opened(sides, spec(days)) as snapshot:
            found = reading.measured(snapshot, [COUNT], windows)
            outside = reading.measured(snapshot.of_part("outside"), [COUNT], [ALL])[ALL.key]
        counts = [
            [getattr(figures[COUNT], role) for figures in (*found.values(), outside)] for role in ("source", "target")
        ]

        assert [sum(each) for each in counts] == many
        texts = Counter(PLACED_TEXTS.values())
        assert [each[:2] for each in counts] == [[texts[1], texts[2]] if name == "sqlite" else [1, 1] for name in names]


def test_rows_that_are_no_times_are_undated_in_any_window(both: Both) -> None:
    """Also where rows before and after the windows are not asked about."""
    sides = both("sqlite", "mysql")
    sides.source.run("CREATE TABLE t (id integer primary key, made timestamp not null)")
    sides.source.run("INSERT INTO t VALUES (1, '2024-01-01'), (2, 'soon'), (3, 1704067200), (4, '2023-12-31')")
    sides.target.run("CREATE TABLE t (id integer primary key, made datetime not null)")
    days = Calendar("made", date(2024, 1, 1))
    with opened(sides, spec(days)) as snapshot:
        found = reading.measured(snapshot, [COUNT], [days.window(date(2024, 1, 1))])

    assert [(figures[COUNT].source, figures[COUNT].target) for figures in found.values()] == [(1, 0), (2, 0)]
