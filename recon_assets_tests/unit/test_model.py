"""The nouns: windows that tile, tolerances, evidence, findings and records that say what they mean."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, strategies as st

from recon_assets.errors import DeclarationError
from recon_assets.model import (
    ALL,
    EXACT,
    GRADED,
    Calendar,
    Change,
    Comparison,
    Counts,
    Database,
    Discrepancies,
    Discrepancy,
    DiscrepancyKind,
    Evidence,
    FaultyRows,
    Figure,
    Finding,
    Grading,
    Loaded,
    Measure,
    Mode,
    NotGatheredError,
    Orphans,
    Records,
    Relation,
    Rule,
    Severity,
    SidePair,
    TableSpec,
    Tolerance,
    Unit,
    Value,
    Window,
)

ZONES = st.sampled_from(sorted(name for name in available_timezones() if "/" in name))
HOURS = {"2024-03-10": 23, "2024-11-03": 25, "2024-07-01": 24}


@given(ZONES, st.dates(date(1950, 1, 1), date(2035, 1, 1)), st.integers(0, 40))
def test_windows_tile(zone: str, start: date, count: int) -> None:
    """Without gap or overlap, in any zone, whatever happens to its clocks (Samoa once left a day out)."""
    days = Calendar("at", start, timezone=zone)
    windows = list(days.windows(start + timedelta(days=count)))

    assert [window.key for window in windows] == [str(start + timedelta(days=at)) for at in range(count)]
    ends = [(window.start, window.end) for window in windows]
    assert all(first and last and first.astimezone(UTC) <= last.astimezone(UTC) for first, last in ends)
    assert all(one[1] == other[0] for one, other in pairwise(ends))


@pytest.mark.parametrize(("day", "hours"), HOURS.items())
def test_days_of_a_zone(day: str, hours: int) -> None:
    """Have 23, 24 or 25 hours."""
    days = Calendar("at", date(2024, 1, 1), None, "America/New_York")
    window = TableSpec("t", Relation("s", "t"), Relation("t", "t"), calendar=days).window(day)

    assert window.start
    assert window.end
    assert window.end.astimezone(UTC) - window.start.astimezone(UTC) == timedelta(hours=hours)
    assert (str(window), window.start.tzinfo) == (day, ZoneInfo("America/New_York"))


def test_history_ends_where_it_is_declared_to() -> None:
    """Or where the caller says, when that is earlier."""
    days = Calendar("at", date(2024, 1, 1), date(2024, 1, 3))
    assert [window.key for window in days.windows(date(2025, 1, 1))] == ["2024-01-01", "2024-01-02"]
    assert [window.key for window in days.windows(date(2024, 1, 2))] == ["2024-01-01"]


def test_names_of_windows() -> None:
    """A name of another unit, or of none, is no window's; a span of days takes the windows that it has a part of."""
    months = Calendar("at", date(2024, 1, 1), date(2024, 4, 1), "Europe/Berlin", unit=Unit.MONTH)
    now = datetime(2025, 1, 1, tzinfo=UTC)

    assert months.keys(now) == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert [months.has(key) for key in ("2024-02-01", "2024-02-02", "2024-02-01-00:00", "all")] == [True, *[False] * 3]
    with pytest.raises(DeclarationError, match="2024-02-02: no month of this table; expected the form of 2024-01-01"):
        months.window("2024-02-02")
    assert [window.key for window in months.over(now, date(2024, 2, 10), date(2024, 3, 1))] == [
        "2024-02-01",
        "2024-03-01",
    ]
    assert months.newest(now) is None
    assert months.newest(datetime(2024, 3, 5, tzinfo=UTC)) == "2024-02-01"
    assert list(months.covering(ALL)) == []
    spec = TableSpec("t", Relation("s", "t"), Relation("t", "t"), calendar=months)
    assert (spec.noun, spec.has_window("all"), spec.has_window("2024-01-02")) == ("month", True, False)
    assert (replace(spec, calendar=None).noun, replace(spec, calendar=None).has_window("2024-01-01")) == (
        "window",
        False,
    )
    hours = Calendar("at", date(2025, 11, 1), None, "America/Chicago", unit=Unit.HOUR)
    assert hours.key(hours.index_at(datetime(2025, 11, 2, 7, 30, tzinfo=UTC))) == "2025-11-02-01:00-0600"
    assert hours.history().end == datetime(9999, 12, 31, tzinfo=ZoneInfo("America/Chicago"))


def test_clocks_that_change_around_midnight() -> None:
    """A moment is of the window that holds it, whatever date clocks show: they went back over midnight, or over it."""
    back = Calendar("at", date(2010, 11, 6), None, "America/St_Johns")
    forward = Calendar("at", date(1919, 3, 30), None, "America/Toronto")
    cases = [(back, datetime(2010, 11, 7, 3, tzinfo=UTC), 1), (forward, datetime(1919, 3, 31, 4, 40, tzinfo=UTC), 0)]
    for days, moment, index in cases:
        shown = moment.astimezone(ZoneInfo(days.timezone)).date()
        assert (days.index_at(moment), str(shown) == days.key(index)) == (index, False)
        assert days.next_end(moment) == days.begin(index + 1)
        span = Window("", moment, moment + timedelta(minutes=1))
        assert [window.key for window in days.covering(span)] == [days.key(index)]
    assert back.division != forward.division


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


CENT, PERCENT = Tolerance(Decimal("0.01")), Tolerance(relative=Decimal("0.01"))
FIGURES: list[tuple[Tolerance, Figure, Figure, bool]] = [
    (EXACT, 3, 3, True),
    (EXACT, 3, Decimal("3.00"), True),
    (EXACT, 3, 4, False),
    (EXACT, 0.5, Decimal("0.5"), True),
    (EXACT, 0.0, -0.0, True),
    (EXACT, Decimal(10**37 + 1), Decimal(10**37), False),
    (EXACT, "a", "a", True),
    (EXACT, "1", 1, False),
    (EXACT, 1, "1", False),
    (EXACT, None, None, True),
    (PERCENT, None, 0, False),
    (PERCENT, 0, None, False),
    (EXACT, math.nan, Decimal("NaN"), True),
    (PERCENT, math.nan, 1, False),
    (PERCENT, 1, math.nan, False),
    (EXACT, math.inf, Decimal("Infinity"), True),
    (PERCENT, math.inf, -math.inf, False),
    (PERCENT, math.inf, 10**30, False),
    (CENT, Decimal("1.00"), Decimal("1.01"), True),
    (CENT, Decimal("1.00"), Decimal("1.02"), False),
    (CENT, Decimal("1.01"), Decimal("1.00"), True),
    (PERCENT, 100, 101, True),
    (PERCENT, 101, 100, True),
    (PERCENT, 100, Decimal("101.1"), False),
    (PERCENT, -100, -99, True),
    (PERCENT, 0, Decimal("1e-9"), False),
    (Tolerance(Decimal(5), Decimal("0.01")), 100, 105, True),
    (Tolerance(Decimal(5), Decimal("0.01")), 1000, 1010, True),
    (Tolerance(Decimal(5), Decimal("0.01")), 1000, 1011, False),
    (CENT, 1.00, 1.01, True),
    (CENT, 1.00, Decimal("1.01"), True),
    (CENT, 1.00, 1.02, False),
    (EXACT, 0.1, Decimal("0.1"), True),
    (EXACT, 1e-300, 0.0, False),
    (Tolerance(Decimal(5)), 10**40 + 5, 10**40, True),
    (Tolerance(Decimal(5)), Decimal(f"{10**40}.1"), 10**40 + 5, True),
    (Tolerance(Decimal(5)), Decimal(f"5.{'0' * 40}1"), 0, False),
]


@pytest.mark.parametrize(("tolerance", "source", "target", "equal"), FIGURES)
def test_tolerance(tolerance: Tolerance, source: Figure, target: Figure, *, equal: bool) -> None:
    """Is decimal arithmetic, of the source's figure; NULL, NaN and infinities are near to nothing else."""
    assert tolerance.allows(source, target) is equal


@pytest.mark.parametrize(
    ("private", "both"),
    [(("mail",), {"mail", "email"}), (("email",), {"mail", "email"}), (("id",), {"id"}), ((), set())],
)
def test_private_columns_go_by_both_names(private: tuple[str, ...], both: set[str]) -> None:
    """Records have the source's names, and queries of the target its own."""
    spec = TableSpec("t", Relation("s", "t"), Relation("t", "t"), rename={"mail": "email", "a": "b"}, private=private)

    assert set(spec.private) == both


def test_limits_are_taken_for_the_decimals_that_they_name() -> None:
    """People write them as they come."""
    limits: Any = (20, "0.01")

    assert Tolerance(*limits) == Tolerance(Decimal(20), Decimal("0.01"))


@pytest.mark.parametrize("limit", [0.1, None, "a little", Decimal("NaN"), Decimal("Infinity"), -1])
def test_what_is_no_limit_is_refused(limit: Any) -> None:
    """A float is not the decimal that it looks like, and nothing is apart by less than 0."""
    with pytest.raises(DeclarationError, match=r"^tolerance: relative is .*; expected a number from 0 on, such as"):
        Tolerance(relative=limit)


GRADES = [
    (GRADED, 1, 1000, Severity.LOW),
    (GRADED, 2, 1000, Severity.MEDIUM),
    (GRADED, 10, 1000, Severity.MEDIUM),
    (GRADED, 11, 1000, Severity.HIGH),
    (GRADED, 1, 0, Severity.HIGH),
    (Grading(Tolerance(Decimal()), Tolerance(Decimal(9))), 1, 10, Severity.MEDIUM),
    (Grading(Tolerance(Decimal(5)), Tolerance(Decimal(9))), 5, 1, Severity.LOW),
    (Grading(Tolerance(Decimal(5)), Tolerance(Decimal(9))), 10, 10**9, Severity.HIGH),
]


@pytest.mark.parametrize(("grading", "wrong", "of", "severity"), GRADES)
def test_grades(grading: Grading, wrong: int, of: int, severity: Severity) -> None:
    """Go up once a limit is passed, by share or by count; wrong records of an empty source are grave."""
    assert grading.grade(wrong, of) is severity


def test_evidence() -> None:
    """Gives what was gathered, each kind by its own question."""
    counted, compared, orphans = Measure("count"), Records(), Orphans(("a",), "parents")
    evidence = Evidence(
        "orders", "2024-01-01", {counted: SidePair(3, 4), compared: Comparison(), orphans: FaultyRows(1, 9)}
    )

    assert evidence.of(counted) == SidePair(3, 4)
    assert evidence.of(compared) == Comparison()
    assert evidence.of(orphans) == FaultyRows(1, 9)
    assert (evidence.where, Evidence("orders", "all").where) == ("orders 2024-01-01", "orders")


def test_evidence_that_could_not_be_gathered() -> None:
    """Says why, to whatever asks for it; evidence that nobody asked for is a fault of the program."""
    why = NotGatheredError("no table")
    counted, compared, orphans = Measure("count"), Records(), Orphans(("a",), "parents")
    evidence = Evidence("orders", "all", {counted: why, compared: why, orphans: why})

    with pytest.raises(NotGatheredError, match="no table"):
        evidence.of(counted)
    with pytest.raises(KeyError):
        evidence.of(Measure("sum", "price"))


@pytest.mark.parametrize(("wrong", "of", "rate"), [(0, 0, 0), (2, 0, 1), (0, 4, 0), (1, 4, 0.25), (9, 4, 1)])
def test_rate(wrong: int, of: int, rate: float) -> None:
    """Is a share, also where more is wrong than was there."""
    assert Finding("count", "orders", "all", passed=not wrong, summary="", wrong=wrong, of=of).rate == rate


def test_columns_that_differ() -> None:
    """With both values; a side that has no record has none."""
    source: dict[str, Value] = {"id": 1, "a": "x", "b": 2}
    target: dict[str, Value] = source | {"a": "y"}
    mismatch = Discrepancy(DiscrepancyKind.MISMATCHED, (1,), source, target, ("a",))
    assert mismatch.columns == {"a": ("x", "y")}
    assert Discrepancy(DiscrepancyKind.ORPHAN, (1,), None, target, ("a",)).columns == {"a": (None, "y")}
    assert Discrepancy(DiscrepancyKind.MISSING, (1,), source).columns == {}


@pytest.mark.parametrize(
    ("key", "ended"),
    [
        pytest.param("2023-12-31", False, id="before the first"),
        pytest.param("2024-01-01", True, id="the first"),
        pytest.param("2024-01-02", True, id="yesterday in New York"),
        pytest.param("2024-01-03", False, id="today in New York"),
        pytest.param("all", False, id="no day"),
    ],
)
def test_days_that_have_ended(key: str, ended: bool) -> None:  # noqa: FBT001 - data of the test
    """By the clock of their time zone."""
    days = Calendar("at", date(2024, 1, 1), timezone="America/New_York")
    first, last = days.ended(datetime(2024, 1, 4, 4, tzinfo=UTC))
    assert (first <= key <= last) is ended
    first, last = replace(days, end=date(2024, 1, 1)).ended(datetime(2024, 1, 4, 4, tzinfo=UTC))
    assert not first <= key <= last


def test_id_of_a_discrepancy() -> None:
    """Is that of the fault: not of the values, nor of the day on which it is found."""
    one = Discrepancy(DiscrepancyKind.MISMATCHED, (1, "a"), {"v": 1}, {"v": 2}, ("v",), "2024-01-01")
    same = Discrepancy(DiscrepancyKind.MISMATCHED, (1, "a"), {"v": 1}, {"v": 3}, ("v",), "2024-01-02")
    others = [
        Discrepancy(DiscrepancyKind.MISSING, (1, "a"), differing=("v",)),
        Discrepancy(DiscrepancyKind.MISMATCHED, ("1", "a"), differing=("v",)),
        Discrepancy(DiscrepancyKind.MISMATCHED, (1, "a"), differing=("v", "w")),
    ]
    assert one.id("orders") == same.id("orders") == "15a750d5458be732"
    assert len({each.id("orders") for each in [one, *others]} | {one.id("planes")}) == 5


def test_many_discrepancies_are_what_each_of_them_was() -> None:
    """Whatever they have in common: one by one, in part, and by column."""
    lost = Discrepancy(DiscrepancyKind.MISSING, (1,), {"id": 1, "a": "x"}, None, (), "2024-01-01")
    wrong = Discrepancy(DiscrepancyKind.MISMATCHED, (2,), {"id": 2, "a": None}, {"id": 2, "b": True}, ("a",))
    extra = Discrepancy(DiscrepancyKind.EXTRA, (3,), None, {"id": 3, "b": False})
    every = [lost, wrong, extra, replace(lost, key=(4,))]
    held = Discrepancies.of(every)

    assert list(held) == every
    assert list(held[1:]) == every[1:]
    assert held.only(range(4)) is held
    assert [list(places) for places in held.by_shape.values()] == [[0, 3], [1], [2]]
    assert [list(places) for places in held.only([0, 3]).by_shape.values()] == [[0, 1]]
    assert held.column("source", "a", "-") == ["x", None, "-", "x"]
    assert held.column("target", "b", "-") == ["-", True, False, "-"]
    assert held.column("target", "c", "-") == ["-"] * 4
    one = Discrepancies.of([wrong])
    assert (one.column("target", "b", "-"), list(one.by_shape.values())) == ([True], [range(1)])
    assert (list(Discrepancies.of([])), Discrepancies.of([]).by_shape) == ([], {})


def test_comparison() -> None:
    """Knows whether sides are equal, and whether it holds every record that differs."""
    lost, new = Discrepancy(DiscrepancyKind.MISSING, (1,)), Discrepancy(DiscrepancyKind.EXTRA, (2,))
    wrong = Discrepancy(DiscrepancyKind.MISMATCHED, (3,))
    whole = Comparison(Counts(9, 9, 1, 1, 1), (lost,), (new,), (wrong,))

    assert whole.discrepancies == (lost, new, wrong)
    assert (whole.equal, whole.complete) == (False, True)
    assert not Comparison(Counts(9, 9, 2, 1, 1), (lost,), (new,), (wrong,)).complete
    assert (Comparison().equal, Comparison().complete) == (True, True)


def test_counts_add_up() -> None:
    """Window by window."""
    total = Counts(1, 2, 3, 4, 5) + Counts(10, 20, 30, 40, 50)
    assert (total, total.wrong) == (Counts(11, 22, 33, 44, 55), 132)


def test_rules_that_are_not_transitive() -> None:
    """Are those with a distance, of none as well."""
    assert Rule(abs=Decimal()).tolerant
    assert Rule(rel=Decimal("0.1")).tolerant
    assert not Rule(scale=2, strip=True).tolerant


def test_a_change_shows_its_columns_before_and_after_without_private_values() -> None:
    """And without any value where nobody declares any more which are private."""
    change = Change("t", {"id": "1"}, {"Note": "old", "n": "1"}, {"Note": None, "n": "2"})
    assert change.shown({"note"}).cells == (("Note", "***", "***"), ("n", "1", "2"))
    assert change.shown(None).key == {"id": "***"}
    lost = Change("t", {"id": "1"}, {"n": "1"}, None)
    assert (lost.shown(()), lost.cells) == (lost, (("n", "1", None),))
