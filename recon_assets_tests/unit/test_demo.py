"""Which days the demo's migration left out, and which days each fault takes: decided by the seed alone."""

from collections import Counter
from datetime import date, timedelta
from itertools import groupby

import pytest

from recon_assets.demo.faults import FAULTS, SEED, Fault, faults_of
from recon_assets.demo.flights import SOURCE, YEAR, data_folder
from recon_assets.demo.warehouse import CLOCK_CHANGES, TARGET, gaps, present, shuffled, year
from recon_assets.errors import UnavailableError

WINDOWED = ("flights", "weather")
DIMENSIONS = ("airlines", "airports", "planes")
SEEDS = (SEED, 0, 1, 7, 99)


def stretches(days: tuple[date, ...]) -> list[int]:
    """The lengths of the runs of days that follow one another."""
    runs = groupby(enumerate(days), key=lambda item: item[1] - timedelta(days=item[0]))
    return [len(list(run)) for _, run in runs]


def test_the_year_has_365_days_in_new_york() -> None:
    """The days tile the year: each ends where the next begins, and the clock changes make 23 and 25 hours."""
    windows = list(YEAR.windows(date.max))
    hours = Counter((w.end.timestamp() - w.start.timestamp()) / 3600 for w in windows if w.start and w.end)

    assert len(windows) == len(year()) == 365
    assert [w.end for w in windows[:-1]] == [w.start for w in windows[1:]]
    assert hours == {24: 363, 23: 1, 25: 1}
    assert {(YEAR.window(day).key) for day in CLOCK_CHANGES} == {"2013-03-10", "2013-11-03"}


@pytest.mark.parametrize("table", WINDOWED)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_third_to_a_half_of_the_year_is_missing(table: str, seed: int) -> None:
    """Gaps come in stretches and as single days, spare the clock changes, and with the present days make the year."""
    missing = gaps(table, seed)
    runs = stretches(missing)

    assert 365 / 3 <= len(missing) <= 365 / 2
    assert max(runs) >= 30
    assert runs.count(1) >= 10
    assert not set(CLOCK_CHANGES) & set(missing)
    assert sorted([*missing, *present(table, seed)]) == list(year())


@pytest.mark.parametrize("table", DIMENSIONS)
def test_tables_without_days_have_no_gaps(table: str) -> None:
    """They are copied whole."""
    assert gaps(table, SEED) == present(table, SEED) == ()


def test_the_seed_decides_and_nothing_else() -> None:
    """The very days, pinned: a change of them makes older demos wrong and must raise the edition."""
    assert [day.isoformat() for day in gaps("flights", SEED)[:3]] == ["2013-01-05", "2013-01-06", "2013-01-07"]
    assert [day.isoformat() for day in faults_of("flights")[1].days()] == ["2013-11-08"]
    assert shuffled("abcdef", 1) == list("bdcafe")
    assert gaps("flights", SEED) != gaps("flights", SEED + 1)
    assert gaps("flights", SEED) != gaps("weather", SEED)


def test_every_fault_has_its_own_name_and_sentence() -> None:
    """Each is found by its name, and touches at least one row."""
    assert len({fault.name for fault in FAULTS}) == len({fault.what for fault in FAULTS}) == len(FAULTS)
    assert all(fault.rows >= 1 for fault in FAULTS)
    assert sum(len(faults_of(table)) for table in (*WINDOWED, *DIMENSIONS)) == len(FAULTS)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("table", WINDOWED)
def test_no_two_faults_meet_on_a_day(table: str, seed: int) -> None:
    """Each has as many days as it says, all of them present, none of another's, none of a clock change."""
    days = [day for fault in faults_of(table) for day in fault.days(seed)]

    assert [len(fault.days(seed)) for fault in faults_of(table)] == [fault.spread for fault in faults_of(table)]
    assert len(set(days)) == len(days)
    assert set(days) <= set(present(table, seed)) - {*CLOCK_CHANGES}


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if not fault.spread], ids=lambda fault: fault.name)
def test_faults_of_tables_without_days_have_none(fault: Fault) -> None:
    """Only tables without days hold them."""
    assert fault.days() == ()
    assert fault.table.name in DIMENSIONS


def test_source_and_target_hold_the_same_tables() -> None:
    """Five on each side, by the same names."""
    assert (
        [t.name for t in SOURCE.sorted_tables]
        == [t.name for t in TARGET.sorted_tables]
        == sorted((*WINDOWED, *DIMENSIONS))
    )


def test_without_the_sample_package_the_sentence_says_what_to_do() -> None:
    """The data comes with the installation."""
    with pytest.raises(UnavailableError, match=r"nobody_has_this with .* 'recon-assets\[demo\]'"):
        data_folder("nobody_has_this")
