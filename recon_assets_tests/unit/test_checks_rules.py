# ruff: noqa: E501 - a sentence is one line, as people see it
"""Business rules: results of two queries are the same, or the rows and values at fault are named."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from recon_assets.checks import BusinessRule
from recon_assets.checks.business_rules import figure
from recon_assets.model import Details, Evidence, Finding, NotGatheredError, Severity, SidePair, Tolerance

ONE = BusinessRule("s", "t", named="revenue")
BY = BusinessRule("s", "t", ("c",), Tolerance(Decimal("0.01")), named="revenue")
Rows = list[dict[str, Any]]


def judged(check: BusinessRule, source: Rows, target: Rows) -> Finding:
    return check.judge(Evidence("flights", "2013-01-01", {check.needs[0]: SidePair(source, target)}))


def said(finding: Finding) -> str:
    return finding.summary.removeprefix("flights 2013-01-01: revenue: ")


SINGLE: list[Any] = [
    pytest.param([{"n": 5}], [{"n": Decimal("5.00")}], True, "n is 5 in source, 5.00 in target", id="equal"),
    pytest.param([{"n": 5}], [{"n": 6}], False, "n is 5 in source, 6 in target", id="off"),
    pytest.param([{"n": 5}], [{"n": "5"}], False, "n is 5 in source, 5 in target", id="text is no number"),
    pytest.param([{"n": None}], [{"n": None}], True, "n is NULL in source, NULL in target", id="both NULL"),
    pytest.param([{"n": None}], [{"n": 0}], False, "n is NULL in source, 0 in target", id="NULL in source"),
    pytest.param([{"n": 0}], [{"n": None}], False, "n is 0 in source, NULL in target", id="NULL in target"),
    pytest.param(
        [{"n": 1, "m": 2}],
        [{"n": 1, "m": 3}],
        False,
        "n is 1 in source, 1 in target; m is 2 in source, 3 in target",
        id="two values",
    ),
    pytest.param([], [], True, "no row in source, no row in target", id="no rows"),
    pytest.param([{"n": 5}], [], False, "one row in source, no row in target", id="empty target"),
    pytest.param([], [{"n": 5}], False, "no row in source, one row in target", id="empty source"),
    pytest.param(
        [{"n": 5}],
        [{"N": 5}],
        False,
        "n is 5 in source, (no such column) in target; N is (no such column) in source, 5 in target",
        id="other columns",
    ),
]


@pytest.mark.parametrize(("source", "target", "passed", "sentence"), SINGLE)
def test_a_rule_of_one_row(source: Rows, target: Rows, passed: bool, sentence: str) -> None:  # noqa: FBT001
    """The sentence holds every value of both sides."""
    finding = judged(ONE, source, target)

    assert (finding.passed, said(finding)) == (passed, sentence)


def test_the_one_figure_of_a_rule_is_its_figure() -> None:
    """So that it plots; of several, the numbers of rows do."""
    assert (judged(ONE, [{"n": 5}], [{"n": 6}]).source, judged(ONE, [{"n": 5}], [{"n": 6}]).target) == (5, 6)
    assert (judged(BY, [{"c": 1, "n": 5}], []).source, judged(BY, [{"c": 1, "n": 5}], []).target) == (1, 0)


GROUPS: list[Any] = [
    pytest.param([{"c": "a", "n": 1}], [{"c": "a", "n": Decimal("1.01")}], (), id="at the edge"),
    pytest.param([{"c": "a", "n": 1}], [{"c": "a", "n": Decimal("1.011")}], (("a", "n", 1, Decimal("1.011")),), id="over the edge"),
    pytest.param([{"c": "a", "n": 1}], [{"c": "a", "n": None}], (("a", "n", 1, None),), id="NULL"),
    pytest.param([{"c": "a", "n": 0}], [], (("a", "(row)", "found", "not found"),), id="group lost"),
    pytest.param([], [{"c": "a", "n": 0}], (("a", "(row)", "not found", "found"),), id="group invented"),
    pytest.param([{"c": None, "n": 0}], [{"c": None, "n": 0}], (), id="group of NULL"),
    pytest.param([{"c": None, "n": 0}], [{"c": "", "n": 0}], ((None, "(row)", "found", "not found"), ("", "(row)", "not found", "found")), id="NULL is not empty"),
    pytest.param([], [], (), id="no groups"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "target", "differences"), GROUPS)
def test_a_rule_of_groups(source: Rows, target: Rows, differences: tuple[Any, ...]) -> None:
    """Groups meet by value; what differs is listed, with the group."""
    finding = judged(BY, source, target)

    assert finding.passed is not bool(differences)
    assert finding.details == (Details(("c", "value", "source", "target"), differences) if differences else None)


def test_ten_differences_are_shown_and_all_are_counted() -> None:
    """Counts are exact, whatever is shown."""
    source = [{"c": n, "n": n, "m": n} for n in range(8)]
    target = [{"c": n, "n": n + 1, "m": n + 1} for n in range(9)]
    finding = judged(BY, source, target)

    assert (
        said(finding) == "9 of 9 groups by c differ; 8 in source, 9 in target; the first 10 of 17 differences are shown"
    )
    assert (finding.wrong, finding.of, finding.severity) == (9, 9, Severity.HIGH)
    assert finding.details
    assert len(finding.details.rows) == 10


def private(check: BusinessRule, source: Rows, target: Rows) -> Finding:
    need = check.needs[0]
    return check.judge(Evidence("t", "all", {need: SidePair(source, target)}, frozenset({"mail", "c"})))


def test_private_values_of_one_row_are_not_shown() -> None:
    """Not in the sentence, not as figures, not in the details; whether they differ is."""
    finding = private(ONE, [{"MAIL": "ann@x", "n": 1}], [{"MAIL": "bob@x", "n": 2}])

    assert finding.summary == "t: revenue: MAIL is *** in source, *** in target; n is 1 in source, 2 in target"
    assert finding.details
    assert finding.details.rows == (("MAIL", "***", "***"), ("n", 1, 2))
    alone = private(ONE, [{"mail": "ann@x"}], [{"mail": "bob@x"}])
    assert (alone.passed, alone.source, alone.target) == (False, "***", "***")
    assert private(ONE, [{"mail": "ann@x"}], [{"mail": "ann@x"}]).passed


def test_private_groups_are_not_shown() -> None:
    """They are told apart all the same."""
    finding = private(BY, [{"c": "ann", "n": 1}, {"c": "bob", "n": 1}], [{"c": "ann", "n": 2}])

    assert (finding.wrong, finding.of) == (2, 2)
    assert finding.details
    assert finding.details.rows == (("***", "n", 1, 2), ("***", "(row)", "found", "not found"))


UNCLEAR: list[Any] = [
    pytest.param(
        BY, [{"c": 1}, {"c": 1}], "2 rows of the target's query have the same c; `by` must name", id="groups twice"
    ),
    pytest.param(
        ONE,
        [{"n": 1}, {"n": 2}],
        "2 rows of the target's query have nothing in `by` to tell them apart",
        id="no groups",
    ),
]


@pytest.mark.parametrize(("check", "rows", "reason"), UNCLEAR)
def test_rows_that_cannot_be_told_apart_are_no_evidence(check: BusinessRule, rows: Rows, reason: str) -> None:
    """Whether they agree cannot be said: the check could not run, and says why."""
    with pytest.raises(NotGatheredError, match=reason):
        judged(check, [], rows)


@pytest.mark.parametrize(
    ("sql", "daily"),
    [
        ("select 1", False),
        ("select :window_start", True),
        ("select 1 where a < :window_end", True),
        ("select a::window_start", False),
        ("select :window_starts", False),
    ],
)
def test_rules_that_ask_for_a_window_are_daily(sql: str, daily: bool) -> None:  # noqa: FBT001
    """A rule without the window's parameters is judged once for the whole table."""
    assert BusinessRule("select 1", sql).daily is daily


VALUES: list[tuple[Any, Any]] = [
    (0.1, Decimal("0.1")),
    (float("inf"), Decimal("Infinity")),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (b"\x01\xff", "01ff"),
    (memoryview(b"\x01"), "01"),
    (True, 1),
]


@pytest.mark.parametrize(("left", "right"), VALUES)
def test_equal_values_of_different_drivers_are_equal(left: Any, right: Any) -> None:
    """What databases hand out for one value is one figure."""
    assert figure(left) == figure(right)
    assert judged(ONE, [{"n": left}], [{"n": right}]).passed
