"""Whether sides agree: what outcomes add up to, and how it is said."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from recon_assets.model import Agreement, Calendar, Outcome, Relation, TableSpec, Unit, Verdict, verdict
from recon_assets.review import overall, span
from recon_assets.web.pages.agreement_pages import BAR, bar

A, X, D, U, N = Verdict.AGREES, Verdict.ACCEPTED, Verdict.DIFFERS, Verdict.UNKNOWN, Verdict.NOT_COMPARED
YES = "Yes: every finished day of every table has been compared, and agrees."
BOTH = ("count", "keys")


@pytest.mark.parametrize(
    ("outcomes", "changed", "said"),
    [
        ({"count": "passed", "keys": "passed"}, False, A),
        ({"count": "passed", "keys": "passed", "gone": "failed"}, False, A),
        ({"count": "passed", "keys": "accepted"}, False, X),
        ({"count": "passed"}, False, N),
        ({"count": "failed"}, False, D),
        ({"count": "unknown"}, False, U),
        ({"count": "unknown", "keys": "failed"}, False, D),
        ({"count": "passed", "keys": "failed"}, True, N),
        ({}, False, N),
    ],
)
def test_a_window_agrees_when_every_declared_check_passed(
    outcomes: Mapping[str, str],
    changed: bool,  # noqa: FBT001
    said: Verdict,
) -> None:
    """And nothing has changed since; a check that is declared no longer says nothing."""
    assert verdict({check: Outcome(each) for check, each in outcomes.items()}, BOTH, changed=changed) is said


def test_a_table_without_checks_does_not_agree() -> None:
    assert verdict({"count": Outcome.PASSED}, ()) is N


@pytest.mark.parametrize(
    ("windows", "whole", "said", "worst"),
    [
        ({A: 365}, None, "all 365 days agree", A),
        ({A: 1}, A, "1 of 1 day agrees", A),
        ({A: 360, X: 5}, X, "all 365 days agree, 5 of them but for what somebody accepted", X),
        ({A: 1000, D: 1, U: 2, N: 3}, None, "1 of 1,006 days differs; 2 could not be compared; 3 not compared yet", D),
        ({A: 4}, D, "all 4 days agree; the checks of the whole table fail", D),
        ({A: 4, D: 2}, N, "2 of 6 days differ; the checks of the whole table have not run yet", D),
        ({A: 4, N: 2}, None, "4 of 6 days agree; 2 not compared yet", N),
        ({A: 4}, U, "all 4 days agree; the checks of the whole table could not run", U),
        ({N: 0}, N, "no day has ended yet", N),
        ({N: 0}, U, "no day has ended yet; the checks of the whole table could not run", U),
    ],
)  # fmt: skip
def test_the_answer_of_a_table_reads_alone(
    windows: Mapping[Verdict, int], whole: Verdict | None, said: str, worst: Verdict
) -> None:
    """It is as bad as its worst day."""
    found = Agreement("t", daily=True, windows=windows, whole=whole)
    assert (found.sentence, found.verdict) == (said, worst)


def test_a_table_without_days_has_one_answer() -> None:
    said = [Agreement("t", daily=False, windows={each: 1}).sentence for each in Verdict]
    assert said == ["the table differs", U.value, N.value, X.value, "the table agrees"]


def of(name: str, **windows: int) -> Agreement:
    return Agreement(name, daily=True, windows={Verdict[each]: count for each, count in windows.items()})


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([of("a", AGREES=3), of("b", ACCEPTED=1), of("c")], YES),
        ([of("a", DIFFERS=3)], "No: a differs."),
        ([of(name, DIFFERS=3) for name in "abc"], "No: a, b and c differ."),
        ([*(of(name, DIFFERS=3) for name in "abcdef"), of("g", UNKNOWN=1)], "No: 6 tables differ. Not known yet: g."),
        ([of("a", AGREES=1), of("b", NOT_COMPARED=3)], "Not known yet: b."),
        ([of("a"), *(Agreement(str(each), daily=True, whole=each) for each in (U, N))], f"Not known yet: {U}."),
        ([of("a"), of("b")], "Not known yet: no day of any table has ended."),
        ([], "Not known yet: no day of any table has ended."),
    ],
)  # fmt: skip
def test_all_tables_have_one_answer(answers: Any, said: str) -> None:
    assert overall(answers)[1] == said


def test_every_part_of_a_bar_can_be_seen() -> None:
    """One day of ten thousand, too; the parts fill the bar, as nearly as whole numbers can."""
    parts = bar(of("t", AGREES=10_000, DIFFERS=1, UNKNOWN=1, NOT_COMPARED=1))
    assert [name for name, _, _ in parts] == ["agrees", "differs", "unknown", "not-compared"]
    assert min(length for *_, length in parts) == BAR // 50
    assert BAR - len(parts) < parts[-1][1] + parts[-1][2] <= BAR
    assert bar(of("t", NOT_COMPARED=0)) == []
    assert bar(Agreement("t", daily=False, windows={A: 1}, compared=datetime.now(UTC))) == [("agrees", 0, BAR)]


def test_an_answer_counts_in_the_units_of_its_calendar() -> None:
    """And a window that is not over is none of its."""
    assert Agreement("t", daily=True, windows={A: 24}, unit="hour").sentence == "all 24 hours agree"
    assert Agreement("t", daily=True, unit="month").sentence == "no month has ended yet"
    spec = TableSpec(
        "t", Relation("s", "t"), Relation("s", "t"), calendar=Calendar("at", date(2024, 1, 1), unit=Unit.HOUR)
    )
    assert span(spec, datetime(2024, 1, 2, 3, 30, tzinfo=UTC)) == ("2024-01-01-00:00", "2024-01-02-03:00")
    assert span(replace(spec, calendar=None), datetime.now(UTC)) == ("", "")
