"""A record that stands in another window is one mismatch of the window's column, whichever windows are compared."""

from datetime import UTC, date, datetime

import pytest

from recon_assets import dialect, diff, reading
from recon_assets.diff import window_comparison
from recon_assets.model import Calendar, Comparison, Database, Window
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Sides, spec

pytestmark = pytest.mark.repeats

DAYS = Calendar("touched", date(2024, 3, 1), date(2024, 4, 1))
COLUMNS: dict[Name, str] = {
    "postgresql": "id bigint primary key, touched timestamptz, v text",
    "mysql": "id bigint primary key, touched timestamp null, v text",
}
PAIRS = [pytest.param(left, right, id=f"{left}-{right}") for left in COLUMNS for right in COLUMNS]


def day(number: int) -> datetime:
    return datetime(2024, 3, number, 12, tzinfo=UTC)


def compared(sides: Sides, *numbers: int) -> diff.Comparisons:
    """Some days of March, while the table has windows for all of them."""
    declared = spec(DAYS)
    source, target = (
        dialect.engine(Database(name, side.url), role="source")
        for name, side in (("source", sides.source), ("target", sides.target))
    )
    sides.opened.extend((source, target))
    pair = reading.pair_for_comparison(declared, source, target)
    history = Window("history", DAYS.window(date(2024, 3, 1)).start, DAYS.window(date(2024, 4, 1)).start)
    with reading.snapshot(pair) as snapshot:
        return diff.compare_windows(
            snapshot, [DAYS.window(date(2024, 3, number)) for number in numbers], history=history
        )


def said(found: Comparison) -> tuple[int, int, list[tuple[object, ...]]]:
    return found.counts.missing, found.counts.extra, [record.differing for record in found.mismatched]


@pytest.mark.parametrize(("source", "target"), PAIRS)
@pytest.mark.parametrize("days", [(5,), (9,), (5, 9), (5, 6, 7, 8, 9), tuple(range(1, 32))], ids=len)
def test_moved_record_is_one_mismatch(both: Both, source: Name, target: Name, days: tuple[int, ...]) -> None:
    """The source's window answers for it; the other window, where it is too much, does not."""
    sides = both(source, target)
    sides.create(COLUMNS[source], COLUMNS[target], [(1, day(5), "moved"), (2, day(5), "kept"), (3, day(9), "lost")])
    sides.target.fill("t", [(1, day(9), "moved"), (2, day(5), "kept"), (4, day(9), "new")])

    found = compared(sides, *days)

    expected = {5: (0, 0, [("touched",)]), 9: (1, 1, [])}
    for number in days:
        assert said(found[f"2024-03-{number:02}"]) == expected.get(number, (0, 0, []))


def test_record_outside_of_all_windows_is_missing(both: Both) -> None:
    """So is one without a time: the table has no window for it."""
    sides = both("postgresql", "mysql")
    sides.create(COLUMNS["postgresql"], COLUMNS["mysql"], [(1, day(5), "a"), (2, day(5), "b")])
    sides.target.fill("t", [(1, None, "a"), (2, datetime(2025, 1, 1, tzinfo=UTC), "b")])

    assert said(compared(sides, 5)["2024-03-05"]) == (2, 0, [])


def test_too_many_are_missing_not_moved(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search has a limit; what is beyond it counts as what it looks like."""
    monkeypatch.setattr(window_comparison, "MAX_SEARCHED_ELSEWHERE", 1)
    sides = both("postgresql", "postgresql")
    sides.create(COLUMNS["postgresql"], COLUMNS["postgresql"], [(number, day(5), "a") for number in range(3)])
    sides.target.fill("t", [(number, day(9), "a") for number in range(3)])

    assert said(compared(sides, 5)["2024-03-05"]) == (3, 0, [])
