"""Windows: records that move between days, rows of no day, and the edges of days in their own zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import recon_assets
from recon_assets.model import Comparison
from recon_assets_tests.db.compared import Table, build
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Sides
from recon_assets_tests.db.test_comparing_random import RING

pytestmark = pytest.mark.repeats

Row = tuple[Any, ...]
NEW_YORK = ZoneInfo("America/New_York")
NAIVE = {"mysql": "datetime(6)"}
AWARE = {"postgresql": "timestamptz", "mysql": "timestamp(6) null", "duckdb": "timestamptz"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2024-03-{text}")


@dataclass(frozen=True)
class Case:
    """Rows of both sides, and the ids that are wrong; 9 to 11 March are compared."""

    what: str
    source: Sequence[Row]
    target: Sequence[Row]
    missing: Sequence[int] = ()
    extra: Sequence[int] = ()
    mismatched: Sequence[Row] = ()
    undated: tuple[int, int] = (0, 0)
    twice: int = 0

    @property
    def expected(self) -> tuple[Any, ...]:
        """In the words of `told`."""
        return [*self.missing], [*self.extra], [*self.mismatched], self.undated, self.twice


MOVED = (1, "moment")
CASES = (
    Case(
        "equal",
        [(1, at("09"), 1), (2, at("11 23:59:59.999999"), 1)],
        [(2, at("11 23:59:59.999999"), 1), (1, at("09"), 1)],
    ),
    Case("moved to another day", [(1, at("09"), 1)], [(1, at("10"), 1)], mismatched=[MOVED]),
    Case("moved and changed", [(1, at("11"), 1)], [(1, at("09"), 2)], mismatched=[(1, "moment", "v")]),
    Case("moved within its day", [(1, at("10 01:00"), 1)], [(1, at("10 02:00"), 1)], mismatched=[MOVED]),
    Case(
        "two change places",
        [(1, at("09"), 1), (2, at("10"), 1)],
        [(2, at("09"), 1), (1, at("10"), 1)],
        mismatched=[MOVED, (2, "moment")],
    ),
    Case("before the first day", [(1, at("08 23:59:59.999999"), 1)], []),
    Case("after the last day", [], [(1, at("12"), 1)]),
    Case("no time at all", [(1, None, 1)], [(1, None, 2)], undated=(1, 1)),
    Case("moved out of the window", [(1, at("11"), 1)], [(1, at("12"), 1)], missing=[1]),
    Case("moved into the window", [(1, None, 1)], [(1, at("09"), 1)], extra=[1], undated=(1, 0)),
    Case("lost and found in different days", [(1, at("09"), 1)], [(2, at("10"), 1)], missing=[1], extra=[2]),
    Case(
        "a key twice, in two days", [(1, at("09"), 1), (1, at("10"), 1)], [(1, at("10"), 1), (1, at("09"), 1)], twice=1
    ),
    Case(
        "a key in two days of one side", [(1, at("09"), 1), (1, at("10"), 1)], [(1, at("09"), 1)], missing=[1], twice=1
    ),
    Case(
        "a key in two days, and a different one",
        [(1, at("09"), 1), (1, at("10"), 1)],
        [(1, at("09"), 2)],
        [1, 1],
        [1],
        twice=1,
    ),
    Case(
        "a key twice where the days agree",
        [(1, at("09"), 1), (1, at("09"), 1)],
        [(1, at("09"), 1), (1, at("09"), 1)],
        twice=1,
    ),
)


@pytest.mark.parametrize(("source", "target"), RING)
def test_windows(both: Both, source: Name, target: Name) -> None:
    """Every case is counted so on every pair of databases."""
    sides = both(source, target)
    for side, role in ((sides.source, "source"), (sides.target, "target")):
        columns = {"id": "integer", "moment": NAIVE.get(side.name, "timestamp"), "v": "integer"}
        build(side, *(Table(f"t{n}", columns, getattr(case, role)) for n, case in enumerate(CASES)))

    window = ("moment", "2024-03-09", "2024-03-12", "UTC")
    found = {case.what: told(compared(sides, f"t{n}", window=window)) for n, case in enumerate(CASES)}

    assert found == {case.what: case.expected for case in CASES}


@pytest.mark.parametrize(("source", "target"), RING)
def test_days_of_a_zone(both: Both, source: Name, target: Name) -> None:
    """Midnight is New York's, on the day with 23 hours too; SQLite has no instants, but times of a zone to be named."""
    hours = [datetime(2024, 3, day, hour, tzinfo=UTC) for day in (9, 10, 11, 12) for hour in range(24)]
    sides = both(source, target)
    zones = {"utc": ZoneInfo("UTC"), "there": NEW_YORK}
    for side in (sides.source, sides.target):
        columns = {"id": "integer", "moment": AWARE.get(side.name, "timestamp"), "v": "integer"}
        for table, zone in zones.items():
            held = [hour.astimezone(zone).replace(tzinfo=None) if side.name == "sqlite" else hour for hour in hours]
            build(side, Table(table, columns, [(n, moment, 1) for n, moment in enumerate(held)]))
    for table in zones:
        sides.target.run(f"UPDATE {table} SET v = 2 WHERE id IN (4, 5, 28, 29, 51, 52, 75, 76)")

    window = ("moment", "2024-03-10", "2024-03-12", "America/New_York")
    found = compared(sides, "utc", window=window)
    there = compared(sides, "there", window=window, stored_in="America/New_York")
    whole = compared(sides, "there", stored_in="America/New_York")

    assert [each.key for each in there.mismatched] == [each.key for each in found.mismatched]
    assert [each.key[0] for each in whole.mismatched] == [4, 5, 28, 29, 51, 52, 75, 76]
    assert not {"moment"} & {name for each in (there, whole) for item in each.mismatched for name in item.differing}
    # 10 March begins at 05:00 UTC and ends at 04:00 UTC, for its clocks go forward; 12 March begins at 04:00 UTC.
    assert [each.key[0] for each in found.mismatched] == [29, 51, 52, 75]
    assert [each.window for each in found.mismatched] == ["2024-03-10", "2024-03-10", "2024-03-11", "2024-03-11"]
    assert found.counts.source == found.counts.target == 23 + 24
    assert found.undated == (0, 0)


def compared(sides: Sides, table: str, **more: Any) -> Comparison:
    return recon_assets.compare(sides.source.url, table, sides.target.url, table, key=["id"], **more)


def told(found: Comparison) -> tuple[Any, ...]:
    assert found.counts.source - found.counts.missing == found.counts.target - found.counts.extra
    return (
        [each.key[0] for each in found.missing],
        [each.key[0] for each in found.extra],
        [(each.key[0], *each.differing) for each in found.mismatched],
        found.undated,
        found.duplicate_keys,
    )
