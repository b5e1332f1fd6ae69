"""Hours, weeks and months are found by every database as Python finds them, the second 1 a.m. among them."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from recon_assets import reading
from recon_assets.dialect.windows import window_key
from recon_assets.model import Calendar, State, Unit
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.reviewed import Shop
from recon_assets_tests.db.sides import Name, spec
from recon_assets_tests.db.test_windows import COUNT, TABLE, insert, opened

ZONE = "America/Chicago"
FIRST, LAST = datetime(2025, 10, 30, 4, tzinfo=UTC), datetime(2025, 11, 18, 7, tzinfo=UTC)
STARTS = {Unit.HOUR: date(2025, 10, 30), Unit.WEEK: date(2025, 10, 29), Unit.MONTH: date(2025, 10, 1)}
SECOND_ONE_AM = "2025-11-02-01:00-0600"


@pytest.mark.parametrize("unit", STARTS)
@pytest.mark.parametrize("names", [("postgresql", "mysql"), ("duckdb", "sqlite")], ids="-".join)
def test_windows_of_a_unit(both: Both, names: tuple[Name, Name], unit: Unit) -> None:
    """Of instants, of times without a zone, and of dates, where there are no hours."""
    sides = both(*names)
    moments = [FIRST + timedelta(minutes=25) * at for at in range((LAST - FIRST) // timedelta(minutes=25))]
    local = [moment.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None) for moment in moments]
    rows = [(at, 0, moment, moment.replace(tzinfo=None), local[at]) for at, moment in enumerate(moments)]
    for side in (sides.source, sides.target):
        side.run(f"CREATE TABLE t ({TABLE[side.name]})")
        insert(side, rows)
        if unit is not Unit.HOUR:
            side.run(
                "ALTER TABLE t ADD day date", f"UPDATE t SET day = {'date(here)' if side.name == 'sqlite' else 'here'}"
            )
    columns = {"made": "UTC", "here": ZONE, **({"day": "UTC"} if unit is not Unit.HOUR else {})}
    for column, stored in columns.items():
        calendar = Calendar(column, STARTS[unit], None, ZONE, stored, unit)
        read = moments if column == "made" else local
        wanted = Counter(
            window_key(moment, calendar if column != "day" else Calendar(column, STARTS[unit], None, ZONE, ZONE, unit))
            for moment in read
        )
        windows = calendar.over(LAST + timedelta(days=30))
        with opened(sides, spec(calendar)) as snapshot:
            found = reading.measured(snapshot, [COUNT], windows)
        counts = {key: (item[COUNT].source, item[COUNT].target) for key, item in found.items() if key}
        inside = {window.key: (wanted[window.key], wanted[window.key]) for window in windows}
        assert counts == inside
        if unit is Unit.HOUR and column == "made":
            assert {wanted[SECOND_ONE_AM], wanted["2025-11-02-01:00"]} <= {2, 3}  # every 25 minutes


@pytest.mark.parametrize(
    ("unit", "key"), [(Unit.HOUR, "2024-03-01-03:00"), (Unit.WEEK, "2024-03-01"), (Unit.MONTH, "2024-03-01")]
)
def test_a_case_of_any_window_is_corrected_and_taken_back(pg: Shop, unit: Unit, key: str) -> None:
    """It is named by its window's key, and nothing of other windows is touched."""
    pg.declare(calendar=Calendar("at", date(2024, 3, 1), unit=unit))
    right = pg.rows
    pg.target.run("DELETE FROM t WHERE id = 3")
    damaged = pg.rows

    assert set(pg.find(days=(key,))) == {"missing"}
    pg.decide("missing", day=key)
    assert [case.state for case in pg.correct()] == [State.APPLIED]
    assert pg.rows == right
    assert all(finding.passed for finding in pg.judge(days=(key,)))

    assert pg.undo("missing", day=key).changes
    assert pg.rows == damaged
