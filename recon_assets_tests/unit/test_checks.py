# ruff: noqa: E501 - a sentence is one line, as people see it
"""Checks judge plain values: each passes what is clean, names what is planted, and never passes without evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from recon_assets import checks
from recon_assets.checks import running
from recon_assets.checks.base import BaseCheck, number, shown
from recon_assets.model import (
    Check,
    Comparison,
    Counts,
    Details,
    Discrepancy,
    DiscrepancyKind,
    Disorder,
    Evidence,
    FaultyRows,
    Finding,
    Grading,
    GroupCounts,
    Groups,
    Measure,
    Need,
    NotCompared,
    NotGatheredError,
    Orphans,
    Records,
    Results,
    Severity,
    SidePair,
    TableSchemas,
    Tolerance,
    Undated,
    plural,
)

DAY = "2013-03-10"
ROWS = SidePair(9, 9)
PERCENT = Tolerance(relative=Decimal("0.01"))
TEN = Tolerance(Decimal(10))
LOST = Discrepancy(DiscrepancyKind.MISSING, (1,))
MADE = Discrepancy(DiscrepancyKind.EXTRA, (2,))
BENT = Discrepancy(DiscrepancyKind.MISMATCHED, (3,), differing=("price",))
ORPHAN = Discrepancy(DiscrepancyKind.ORPHAN, (4,), differing=("tailnum",))


def judged(check: Check, *facts: Any, window: str = DAY) -> Finding:
    """What the check says when its needs are met with ``facts``, in their order."""
    met: Mapping[Need, Any] = {
        need: counted(need, fact) if isinstance(need, Groups) else fact
        for need, fact in zip(check.needs, facts, strict=True)
    }
    return check.judge(Evidence("flights", window, met))


def counted(need: Groups, rows: SidePair, most: int = 9) -> GroupCounts:
    """Of the numbers of rows by group of both sides."""
    groups = dict.fromkeys((*rows.source, *rows.target))
    counts = [(group, rows.source.get(group, 0), rows.target.get(group, 0)) for group in groups]
    return GroupCounts.of(counts, need.tolerance, most)


@dataclass(frozen=True)
class Digest:
    """As the digest of a window is measured."""

    sum: int | None


def found(source: int, target: int, missing: int = 0, extra: int = 0, mismatched: int = 0, **more: Any) -> Comparison:
    evidence = {"missing": (LOST,) * missing, "extra": (MADE,) * extra, "mismatched": (BENT,) * mismatched}
    return Comparison(Counts(source, target, missing, extra, mismatched), **{**evidence, **more})


SENTENCES: list[Any] = [
    pytest.param(checks.Count(), [SidePair(842, 842)], True, "842 rows in source, 842 in target", id="count"),
    pytest.param(checks.Count(), [SidePair(0, 0)], True, "0 rows in source, 0 in target", id="count of nothing"),
    pytest.param(checks.Count(), [SidePair(1842, 1)], False, "1,842 rows in source, 1 in target", id="count lost"),
    pytest.param(
        checks.Count(), [SidePair(0, 3)], False, "0 rows in source, 3 in target", id="count of an empty source"
    ),
    pytest.param(
        checks.Count(), [SidePair(3, 0)], False, "3 rows in source, 0 in target", id="count of an empty target"
    ),
    pytest.param(
        checks.Count(tolerance=TEN),
        [SidePair(100, 90)],
        True,
        "100 rows in source, 90 in target, within the tolerance of 10",
        id="count at the edge",
    ),
    pytest.param(
        checks.Count(tolerance=TEN),
        [SidePair(100, 89)],
        False,
        "100 rows in source, 89 in target, further apart than the tolerance of 10",
        id="count over the edge",
    ),
    pytest.param(
        checks.Count(tolerance=Tolerance(Decimal(2), Decimal("0.01"))),
        [SidePair(1000, 990)],
        True,
        "1,000 rows in source, 990 in target, within the tolerance of 2 or 1%",
        id="count within the wider limit",
    ),
    pytest.param(
        checks.Count(("carrier",)),
        [SidePair({("UA",): 5, (None,): 1}, {(None,): 1, ("UA",): 5})],
        True,
        "0 of 2 groups by carrier differ in their number of rows; 6 rows in source, 6 in target",
        id="groups",
    ),
    pytest.param(
        checks.Count(("carrier",)),
        [SidePair({}, {})],
        True,
        "0 of 0 groups by carrier differ in their number of rows; 0 rows in source, 0 in target",
        id="no groups",
    ),
    pytest.param(
        checks.Count(("carrier",)),
        [SidePair({("UA",): 5, ("AA",): 4}, {("UA",): 4, ("AA",): 5})],
        False,
        "2 of 2 groups by carrier differ in their number of rows; 9 rows in source, 9 in target",
        id="groups that make up for one another",
    ),
    pytest.param(
        checks.Count(("carrier",), TEN),
        [SidePair({("UA",): 50, ("AA",): 3}, {("UA",): 41})],
        False,
        "1 of 2 groups by carrier differ in their number of rows; 53 rows in source, 41 in target",
        id="a group lost, few as it was",
    ),
    pytest.param(
        checks.Count(("carrier",), where="paid"),
        [SidePair({("UA",): 5, ("AA",): 0}, {("UA",): 5})],
        True,
        "0 of 1 group by carrier differ in their number of rows; 5 rows in source, 5 in target",
        id="a group of no rows is no group",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price"),
        [SidePair(Decimal("1234567.50"), Decimal("1234567.5"))],
        True,
        "sum of price is 1,234,567.50 in source, 1,234,567.5 in target",
        id="sum",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price"),
        [SidePair(None, None)],
        True,
        "sum of price is NULL in source, NULL in target",
        id="no sum",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price", TEN),
        [SidePair(None, 0)],
        False,
        "sum of price is NULL in source, 0 in target",
        id="NULL in source",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price", TEN),
        [SidePair(0, None)],
        False,
        "sum of price is 0 in source, NULL in target",
        id="NULL in target",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price", PERCENT),
        [SidePair(Decimal(100), Decimal("101.01"))],
        False,
        "sum of price is 100 in source, 101.01 in target, further apart than the tolerance of 1%",
        id="sum over the edge",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price", PERCENT),
        [SidePair(0, Decimal("0.001"))],
        False,
        "sum of price is 0 in source, 0.001 in target, further apart than the tolerance of 1%",
        id="share of nothing",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price", TEN),
        [SidePair(float("nan"), float("nan"))],
        True,
        "sum of price is nan in source, nan in target",
        id="NaN",
    ),
    pytest.param(
        checks.ColumnFigure("sum", "price", TEN),
        [SidePair(float("inf"), 1.5)],
        False,
        "sum of price is inf in source, 1.5 in target",
        id="infinity",
    ),
    pytest.param(
        checks.ColumnFigure("avg", "price"),
        [SidePair(Decimal("1.5"), Decimal("1.5"))],
        True,
        "average of price is 1.5 in source, 1.5 in target",
        id="avg",
    ),
    pytest.param(
        checks.ColumnFigure("avg", "price"),
        [SidePair(Decimal("1.5"), Decimal("1.6"))],
        False,
        "average of price is 1.5 in source, 1.6 in target",
        id="avg off",
    ),
    pytest.param(
        checks.ColumnFigure("min", "at"),
        [SidePair("2013-01-01", "2013-01-01")],
        True,
        "minimum of at is 2013-01-01 in source, 2013-01-01 in target",
        id="min",
    ),
    pytest.param(
        checks.ColumnFigure("min", "at"),
        [SidePair("2013-01-01", "2013-01-02")],
        False,
        "minimum of at is 2013-01-01 in source, 2013-01-02 in target",
        id="min off",
    ),
    pytest.param(
        checks.ColumnFigure("max", "n"),
        [SidePair(source=True, target=True)],
        True,
        "maximum of n is True in source, True in target",
        id="max",
    ),
    pytest.param(
        checks.ColumnFigure("max", "n"),
        [SidePair(7, 8)],
        False,
        "maximum of n is 7 in source, 8 in target",
        id="max off",
    ),
    pytest.param(
        checks.ColumnFigure("distinct", "n"),
        [SidePair(7, 7)],
        True,
        "number of distinct values of n is 7 in source, 7 in target",
        id="distinct",
    ),
    pytest.param(
        checks.ColumnFigure("distinct", "n"),
        [SidePair(7, 6)],
        False,
        "number of distinct values of n is 7 in source, 6 in target",
        id="distinct off",
    ),
    pytest.param(
        checks.ColumnFigure("nulls", "n"),
        [SidePair(2, 2), SidePair(9, 9)],
        True,
        "number of NULLs of n is 2 in source, 2 in target",
        id="nulls",
    ),
    pytest.param(
        checks.ColumnFigure("nulls", "n"),
        [SidePair(2, 9), SidePair(9, 9)],
        False,
        "number of NULLs of n is 2 in source, 9 in target",
        id="nulls off",
    ),
    pytest.param(
        checks.Keys(), [found(9, 9)], True, "0 missing and 0 extra; 9 records in source, 9 in target", id="keys"
    ),
    pytest.param(
        checks.Keys(),
        [found(0, 0)],
        True,
        "0 missing and 0 extra; 0 records in source, 0 in target",
        id="keys of nothing",
    ),
    pytest.param(
        checks.Keys(),
        [found(9, 9, 1, 1)],
        False,
        "1 missing and 1 extra; 9 records in source, 9 in target",
        id="keys swapped",
    ),
    pytest.param(
        checks.Keys(),
        [found(2, 0, 2)],
        False,
        "2 missing and 0 extra; 2 records in source, 0 in target",
        id="keys of an empty target",
    ),
    pytest.param(
        checks.Keys(),
        [found(9, 9, 0, 0, 3)],
        True,
        "0 missing and 0 extra; 9 records in source, 9 in target",
        id="keys do not look at values",
    ),
    pytest.param(
        checks.Keys(),
        [replace(found(2000, 0, 2000), missing=(LOST,), duplicate_keys=1, in_flight=2)],
        False,
        "2,000 missing and 0 extra; 2,000 records in source, 0 in target; 1 key more than once on a side;"
        " 2 records in flight, to be compared later; some of them are shown",
        id="keys with what a reader must know",
    ),
    pytest.param(checks.Fields(), [found(9, 9)], True, "0 of 9 records on both sides differ", id="fields"),
    pytest.param(checks.Fields(), [found(0, 0)], True, "0 of 0 records on both sides differ", id="fields of nothing"),
    pytest.param(
        checks.Fields(),
        [found(9, 8, 1)],
        True,
        "0 of 8 records on both sides differ",
        id="fields of what is on both sides",
    ),
    pytest.param(
        checks.Fields(),
        [found(9, 9, 0, 0, 2, by_column={"note": 1, "price": 2})],
        False,
        "2 of 9 records on both sides differ: price in 2, note in 1",
        id="fields off",
    ),
    pytest.param(
        checks.Fields(),
        [
            found(
                9,
                9,
                0,
                0,
                2,
                by_column=dict.fromkeys("abcdefg", 2),
                columns=tuple("kabcdefg"),
                not_compared=(NotCompared("loaded_at", "target", "only in the target"),),
            )
        ],
        False,
        "2 of 9 records on both sides differ: a in 2, b in 2, c in 2, d in 2, e in 2 and 2 more columns; compared in 8 of 9 columns; not compared: loaded_at (only in the target)",
        id="many fields off",
    ),
    pytest.param(
        checks.Fields(),
        [found(9, 0, 9)],
        False,
        "no record is on both sides: 9 in source, 0 in target",
        id="no fields to compare",
    ),
    pytest.param(
        checks.Fields(),
        [found(1, 1, 1, 1)],
        False,
        "no record is on both sides: 1 in source, 1 in target",
        id="other records",
    ),
    pytest.param(
        checks.Checksum(),
        [SidePair(Digest(7), Digest(7)), found(9, 9)],
        True,
        "digests of 9 records in source and 9 in target are equal, 0 of the records differ",
        id="checksum",
    ),
    pytest.param(
        checks.Checksum(),
        [SidePair(Digest(None), Digest(None)), found(0, 0)],
        True,
        "digests of 0 records in source and 0 in target are equal, 0 of the records differ",
        id="checksum of nothing",
    ),
    pytest.param(
        checks.Checksum(),
        [SidePair(Digest(7), Digest(8)), found(9, 9)],
        True,
        "digests of 9 records in source and 9 in target differ, 0 of the records differ",
        id="checksum off within the rules of the columns",
    ),
    pytest.param(
        checks.Checksum(),
        [SidePair(Digest(7), Digest(8)), found(9, 9, 1, 1, 1)],
        False,
        "digests of 9 records in source and 9 in target differ, 3 of the records differ",
        id="checksum off",
    ),
    pytest.param(
        checks.Checksum(),
        [SidePair(Digest(7), Digest(7)), found(9, 9, 0, 0, 1)],
        False,
        "digests of 9 records in source and 9 in target are equal, 1 of the records differ",
        id="records that no digest decides",
    ),
    pytest.param(
        checks.Checksum(),
        [SidePair(Digest(7), None), found(9, 9)],
        False,
        "digests of 9 records in source and 9 in target differ, 0 of the records differ",
        id="checksum of one side",
    ),
    pytest.param(
        checks.References(("tailnum",), "planes"),
        [FaultyRows(0, 9), ROWS],
        True,
        "0 of 9 rows of the target name by tailnum no row of planes",
        id="references",
    ),
    pytest.param(
        checks.References(("a", "b"), "planes"),
        [FaultyRows(1, 1, (ORPHAN,)), ROWS],
        False,
        "1 of 1 row of the target name by a, b no row of planes",
        id="orphan",
    ),
    pytest.param(
        checks.Ascending(("a", "b")),
        [FaultyRows(0, 9), ROWS],
        True,
        "0 of 9 rows of the target break a <= b",
        id="ascending",
    ),
    pytest.param(
        checks.Ascending(("a", "b")),
        [FaultyRows(2, 9), ROWS],
        False,
        "2 of 9 rows of the target break a <= b",
        id="descending",
    ),
    pytest.param(
        checks.Monotonic("at", "n", ("plane",)),
        [FaultyRows(0, 9), ROWS],
        True,
        "0 of 9 rows of the target have an earlier at than a row of the same plane with a smaller n",
        id="monotonic",
    ),
    pytest.param(
        checks.Monotonic("at", "n"),
        [FaultyRows(1, 9), ROWS],
        False,
        "1 of 9 rows of the target have an earlier at than a row with a smaller n",
        id="back in time",
    ),
    pytest.param(
        checks.NotFuture("at"),
        [FaultyRows(0, 9), ROWS],
        True,
        "0 of 9 rows of the target have at in the future",
        id="not future",
    ),
    pytest.param(
        checks.NotFuture("at"),
        [FaultyRows(1, 9), ROWS],
        False,
        "1 of 9 rows of the target have at in the future",
        id="future",
    ),
    pytest.param(
        checks.InWindows(),
        [found(0, 0), ROWS],
        True,
        "0 rows of the source and 0 of the target fall into none of its days",
        id="in windows",
    ),
    pytest.param(
        checks.InWindows(),
        [found(0, 1, outside=(1, 1)), ROWS],
        False,
        "1 row of the source and 2 of the target fall into none of its days",
        id="outside",
    ),
    pytest.param(
        checks.UndatedRows(),
        [found(150, 150)],
        True,
        "150 rows of the source and 150 of the target have no time, 0 of them differ",
        id="undated",
    ),
    pytest.param(
        checks.UndatedRows(),
        [found(1, 2, 0, 1, 0, outside=(3, 0))],
        False,
        "1 row of the source and 2 of the target have no time, 1 of them differ: 0 missing, 1 extra, 0 with other values;"
        " not compared, for they lie before its first day or after its last: 3 rows of the source and 0 of the target",
        id="undated differ",
    ),
    pytest.param(
        checks.UndatedRows(),
        [found(2, 1, 1, 0, 0)],
        False,
        "2 rows of the source and 1 of the target have no time, 1 of them differ: 1 missing, 0 extra, 0 with other values;"
        " no day loads them: declare `window: none`, or another column",
        id="undated missing",
    ),
    pytest.param(checks.Count(where="paid"), [SidePair(1, 2)], False, "1 row in source, 2 in target", id="limited"),
]

EMPTY_TARGET: list[Any] = [
    pytest.param(
        check, [fact, SidePair(1200, 0)], False, "no rows in target, 1,200 in source", id=f"empty {check.name}"
    )
    for check, fact in (
        (checks.ColumnFigure("nulls", "n"), SidePair(0, 0)),
        (checks.References(("tailnum",), "planes"), FaultyRows(0, 0)),
        (checks.Ascending(("a", "b")), FaultyRows(0, 0)),
        (checks.Monotonic("at", "n"), FaultyRows(0, 0)),
        (checks.NotFuture("at"), FaultyRows(0, 0)),
    )
]
SENTENCES += EMPTY_TARGET
SENTENCES += [
    pytest.param(
        checks.ColumnFigure("nulls", "n"),
        [SidePair(0, 0), SidePair(0, 7)],
        False,
        "no rows in source, 7 in target",
        id="nulls of no source",
    ),
    pytest.param(
        checks.ColumnFigure("nulls", "n"),
        [SidePair(0, 0), SidePair(0, 0)],
        True,
        "number of NULLs of n is 0 in source, 0 in target",
        id="nulls of nothing",
    ),
    pytest.param(
        checks.NotFuture("at"),
        [FaultyRows(0, 0), SidePair(0, 0)],
        True,
        "0 of 0 rows of the target have at in the future",
        id="future of nothing",
    ),
]


@pytest.mark.parametrize(("check", "facts", "passed", "said"), SENTENCES)
def test_verdict_and_sentence(check: Check, facts: list[Any], passed: bool, said: str) -> None:  # noqa: FBT001
    """Table, day, what was compared and both figures; a severity exactly when it fails."""
    finding = judged(check, *facts)

    where = ", where paid" if getattr(check, "where", None) else ""
    assert (finding.passed, finding.summary) == (passed, f"flights {DAY}{where}: {said}")
    assert (finding.check, finding.table, finding.window) == (check.name, "flights", DAY)
    assert (finding.severity is None) is passed
    assert finding.error is None


def test_whole_tables_are_named_without_a_window() -> None:
    """A table without days has none in its sentences."""
    assert judged(checks.Count(), SidePair(1, 1), window="all").summary == "flights: 1 row in source, 1 in target"


FIGURES: list[Any] = [
    (checks.Count(), [SidePair(100, 97)], (100, 97, 3, 100)),
    (checks.Count(), [SidePair(97, 100)], (97, 100, 3, 97)),
    (checks.Count(("c",)), [SidePair({("a",): 2, ("b",): 1}, {("a",): 3, ("b",): 1})], (3, 4, 1, 2)),
    (checks.ColumnFigure("sum", "n"), [SidePair(Decimal("1.5"), 2)], (Decimal("1.5"), 2, 1, 1)),
    (checks.Keys(), [found(9, 10, 1, 2)], (9, 10, 3, 9)),
    (checks.Fields(), [found(9, 8, 1, 0, 2)], (9, 8, 2, 8)),
    (checks.Checksum(), [SidePair(Digest(255), Digest(None)), found(9, 0, 9)], ("ff", None, 9, 9)),
    (checks.References(("a",), "p"), [FaultyRows(2, 5), ROWS], (None, None, 2, 5)),
    (checks.InWindows(), [found(0, 1, outside=(1, 1)), SidePair(10, 11)], (1, 2, 3, 21)),
    (checks.UndatedRows(), [found(9, 10, 1, 2)], (9, 10, 3, 10)),
]


@pytest.mark.parametrize(("check", "facts", "figures"), FIGURES)
def test_figures(check: Check, facts: list[Any], figures: tuple[Any, ...]) -> None:
    """Both figures, and how many are wrong of how many."""
    finding = judged(check, *facts)

    assert (finding.source, finding.target, finding.wrong, finding.of) == figures


def test_records_at_fault_are_handed_on() -> None:
    """Each check names its own records only."""
    comparison = found(9, 9, 1, 1, 1, by_column={"price": 1, "note": 3})

    assert judged(checks.Keys(), comparison).discrepancies == (LOST, MADE)
    assert judged(checks.Fields(), comparison).discrepancies == (BENT,)
    assert judged(checks.Fields(), comparison).details == Details(
        ("column", "records that differ"), (("note", 3), ("price", 1))
    )
    assert judged(checks.Checksum(), SidePair(Digest(1), Digest(2)), comparison).discrepancies == (LOST, MADE, BENT)
    assert judged(checks.References(("a",), "p"), FaultyRows(1, 5, (ORPHAN,)), ROWS).discrepancies == (ORPHAN,)
    assert judged(checks.NotFuture("a"), FaultyRows(1, 5, (ORPHAN,)), ROWS).discrepancies == (ORPHAN,)


def test_groups_that_differ_are_listed_worst_first() -> None:
    """Only those that differ, with both figures and the difference."""
    finding = judged(
        checks.Count(("c", "d")),
        SidePair({("a", None): 2, ("b", "x"): 1, ("e", "x"): 9}, {("b", "x"): 2, ("e", "x"): 9}),
    )

    assert finding.details == Details(
        ("c", "d", "source", "target", "difference"), (("a", None, 2, 0, -2), ("b", "x", 1, 2, 1))
    )
    assert judged(checks.Count(("c",)), SidePair({("a",): 1}, {("a",): 1})).details is None


def test_of_many_groups_some_are_listed() -> None:
    """The others are a last row, which changes when one of them does; counts are of all."""
    check = checks.Count(("c", "d"))
    (need,) = check.needs
    assert isinstance(need, Groups)

    def listed(rows: int) -> Finding:
        source = {(str(n), None): n for n in range(1, 100)} | {("rest", None): rows}
        return check.judge(Evidence("t", DAY, {need: counted(need, SidePair(source, {}), most=2)}))

    first, second = listed(1), listed(2)

    assert first.wrong == first.of == 100
    assert first.details is not None
    assert second.details is not None
    *kept, rest = first.details.rows
    assert kept == [("99", None, 99, 0, -99), ("98", None, 98, 0, -98)]
    assert str(rest[0]).startswith("(98 more, ")
    assert rest != second.details.rows[-1]


HUNDREDS = Grading(medium=Tolerance(Decimal(5)), high=Tolerance(Decimal(50)))
GRADES: list[Any] = [
    (checks.Count(), [SidePair(10_000, 9_999)], Severity.LOW),
    (checks.Count(), [SidePair(10_000, 9_950)], Severity.MEDIUM),
    (checks.Count(), [SidePair(10_000, 9_000)], Severity.HIGH),
    (checks.Count(), [SidePair(0, 1)], Severity.HIGH),
    (checks.Count(grading=HUNDREDS), [SidePair(10, 5)], Severity.LOW),
    (checks.Count(grading=HUNDREDS), [SidePair(10, 4)], Severity.MEDIUM),
    (checks.Count(("c",)), [SidePair({("a",): 9_999, ("b",): 1}, {("a",): 9_999})], Severity.LOW),
    (checks.ColumnFigure("sum", "n"), [SidePair(Decimal("-100.00"), Decimal("-100.05"))], Severity.LOW),
    (checks.ColumnFigure("sum", "n"), [SidePair(Decimal("-100.00"), Decimal("-100.50"))], Severity.MEDIUM),
    (checks.ColumnFigure("sum", "n"), [SidePair(Decimal("-100.00"), Decimal("100.00"))], Severity.HIGH),
    (checks.ColumnFigure("sum", "n"), [SidePair(None, 1)], Severity.HIGH),
    (checks.ColumnFigure("max", "n"), [SidePair("a", "b")], Severity.HIGH),
    (checks.ColumnFigure("nulls", "n"), [SidePair(0, 1), SidePair(10_000, 10_000)], Severity.LOW),
    (checks.Keys(), [found(10_000, 9_999, 1)], Severity.LOW),
    (checks.Fields(), [found(100, 100, 0, 0, 2)], Severity.HIGH),
    (checks.Fields(), [found(1, 0, 1)], Severity.HIGH),
    (checks.References(("a",), "p"), [FaultyRows(5, 1_000), ROWS], Severity.MEDIUM),
]


@pytest.mark.parametrize(("check", "facts", "severity"), GRADES)
def test_severity_grows_with_size(check: Check, facts: list[Any], severity: Severity) -> None:
    """A share of the source's records or of its figure, or a count; what has no size is high."""
    assert judged(check, *facts).severity is severity


EVERY: list[Any] = [
    (checks.Count(), "count", "Source and target have as many rows."),
    (checks.Count(("a", "b c")), "count_by_a_b_c", "Source and target have as many rows for each a, b c."),
    (checks.ColumnFigure("sum", "a"), "sum_a", "The sum of a is the same in source and target."),
    (checks.ColumnFigure("avg", "a"), "avg_a", "The average of a is the same in source and target."),
    (checks.ColumnFigure("min", "a"), "min_a", "The minimum of a is the same in source and target."),
    (checks.ColumnFigure("max", "ä"), "max__", "The maximum of ä is the same in source and target."),
    (checks.ColumnFigure("nulls", "a"), "nulls_a", "The number of NULLs of a is the same in source and target."),
    (
        checks.ColumnFigure("distinct", "a"),
        "distinct_a",
        "The number of distinct values of a is the same in source and target.",
    ),
    (checks.Keys(), "keys", "Every record of the source is in the target, and no other."),
    (checks.Fields(), "fields", "Records of the same key have the same values in source and target."),
    (checks.Checksum(), "checksum", "All records together have the same digest in source and target."),
    (checks.References(("a",), "p"), "references_a_p", "a of every row of the target name a row of p."),
    (checks.Ascending(("a", "b")), "order_a_b", "In every row of the target, a <= b."),
    (
        checks.Monotonic("a", "b", ("c",)),
        "order_a_along_b_per_c",
        "In the target, a of each c does not decrease as b grows.",
    ),
    (checks.Monotonic("a", "b"), "order_a_along_b", "In the target, a does not decrease as b grows."),
    (checks.NotFuture("a"), "order_not_future_a", "In the target, a is not in the future."),
    (checks.InWindows(), "order_in_windows", "Every row of source and target falls into one of the table's days."),
    (
        checks.UndatedRows(),
        "undated",
        "Rows without a time, which fall into none of the table's days, are the same in source and target.",
    ),
    (checks.Schema(), "schema", "Columns, keys and indexes of the target are those of the source."),
    (checks.BusinessRule("s", "t", named="r"), "r", "The queries of the rule give the same in source and target."),
    (
        checks.BusinessRule("s", "t", ("a",), named="r"),
        "r",
        "The queries of the rule give the same in source and target for each a.",
    ),
]


@pytest.mark.parametrize(("check", "name", "promise"), EVERY)
def test_names_and_promises(check: Any, name: str, promise: str) -> None:
    """A check is called by what it looks at and says what it holds the table to; a person may say both otherwise."""
    assert (check.name, check.description) == (name, promise)
    other = replace(check, named="mine", note="Because.")
    assert (other.name, other.description) == ("mine", "Because.")
    assert isinstance(hash(check), int)


@pytest.mark.parametrize(("check", "_name", "_promise"), EVERY)
def test_evidence_that_is_not_there_is_no_pass(check: Check, _name: str, _promise: str) -> None:
    """Whatever could not be gathered, the check did not run; what nobody looked for is a fault of ours."""
    for lacking in check.needs:
        facts: dict[Need, Any] = dict.fromkeys(check.needs, SidePair(1, 1))
        facts[lacking] = NotGatheredError("connection lost")
        with pytest.raises(NotGatheredError, match="connection lost"):
            check.judge(Evidence("flights", DAY, MappingProxyType(facts)))
    with pytest.raises(KeyError):
        check.judge(Evidence("flights", DAY))


def test_a_count_is_never_null() -> None:
    """A database that tells no number has told nothing."""
    with pytest.raises(NotGatheredError, match="no number of rows"):
        judged(checks.Count(), SidePair(None, None))


@pytest.mark.parametrize(
    "outside", [found(1, 0), found(0, 1), found(0, 0, outside=(1, 0)), found(0, 0, outside=(0, 1))]
)
def test_a_row_outside_on_either_side_is_a_fault(outside: Comparison) -> None:
    """One side is enough, whether the row has no time or one before or after all days."""
    assert not judged(checks.InWindows(), outside, ROWS).passed


TAGS = NotCompared("tags", "source", "only in the source; ignore it")


@pytest.mark.parametrize("check", [checks.Fields(), checks.Checksum()])
def test_equal_keys_are_no_pass(check: Check) -> None:
    """Where no other column could be compared the check could not run; a lost record is a fault all the same."""
    facts: list[Any] = [SidePair(Digest(1), Digest(1))] * (len(check.needs) - 1)
    keys: dict[str, Any] = {"columns": ("id",), "key_only": True}

    with pytest.raises(NotGatheredError, match=r"no column but the key's could be compared; not compared: tags \(only"):
        judged(check, *facts, found(4, 4, not_compared=(TAGS,), **keys))
    assert not judged(check, *facts, found(4, 0, 4, not_compared=(TAGS,), **keys)).passed
    assert judged(check, *facts, found(4, 4, **keys)).summary.endswith("; no column but the key's is compared")


@pytest.mark.parametrize(
    ("check", "comparison", "verdict"),
    [
        (checks.Fields(), found(4, 4, not_compared=(TAGS,)), (False, True, Severity.HIGH)),
        (checks.Checksum(), found(4, 4, not_compared=(TAGS,)), (False, True, Severity.HIGH)),
        (checks.UndatedRows(), found(4, 4, outside=(0, 1)), (False, True, Severity.HIGH)),
        (checks.UndatedRows(), found(4, 4, not_compared=(TAGS,)), (False, True, Severity.HIGH)),
        (checks.Keys(), found(4, 4, not_compared=(TAGS,), outside=(1, 1)), (True, False, None)),
        (checks.Fields(), found(4, 4, outside=(1, 1)), (True, False, None)),
    ],
)
def test_a_strict_table_fails_where_not_all_was_compared(check: Check, comparison: Comparison, verdict: Any) -> None:
    """By the checks that would have compared it; else it is said, and no failure."""
    facts: list[Any] = [*[SidePair(Digest(1), Digest(1))] * (len(check.needs) - 1), comparison]
    evidence = Evidence("flights", DAY, dict(zip(check.needs, facts, strict=True)))

    easy, strict = running.judged(check, evidence), running.judged(check, evidence, strict=True)

    assert easy.passed
    assert (strict.passed, strict.incomplete, strict.severity) == verdict
    assert strict.summary.startswith(easy.summary)


def test_needs_say_all_that_was_declared() -> None:
    """What a check leaves out of its needs would be looked for in the wrong rows."""
    needs: dict[Check, tuple[Need, ...]] = {
        checks.Count(("a",), where="w"): (Groups(("a",), where="w"),),
        checks.ColumnFigure("sum", "a", where="w"): (Measure("sum", "a", where="w"),),
        checks.ColumnFigure("nulls", "a", where="w"): (Measure("nulls", "a", where="w"), Measure("count", where="w")),
        checks.Keys(where="w"): (Records("w"),),
        checks.Fields(where="w"): (Records("w"),),
        checks.Checksum(where="w"): (Measure("digest", where="w"), Records("w")),
        checks.References(("a",), "p", where="w"): (Orphans(("a",), "p", "w"), Measure("count", where="w")),
        checks.Ascending(("a", "b"), where="w"): (Disorder(("a", "b"), where="w"), Measure("count", where="w")),
        checks.Monotonic("a", "b", ("c",), where="w"): (
            Disorder(monotonic="a", along="b", per=("c",), where="w"),
            Measure("count", where="w"),
        ),
        checks.NotFuture("a", where="w"): (Disorder(not_future="a", where="w"), Measure("count", where="w")),
        checks.InWindows(where="w"): (Undated("w"), Measure("count", where="w")),
        checks.UndatedRows(): (Undated(),),
        checks.Schema(): (TableSchemas(),),
        checks.BusinessRule("s", "t"): (Results("s", "t"),),
    }
    assert {check: check.needs for check in needs} == needs


def test_columns_used() -> None:
    """Every column that a check names is known, so that a misspelt one is found before the check runs."""
    used = {
        checks.Count(("a",)): ("a",),
        checks.ColumnFigure("sum", "a"): ("a",),
        checks.References(("a", "b"), "p"): ("a", "b"),
        checks.Ascending(("a", "b")): ("a", "b"),
        checks.Monotonic("a", "b", ("c",)): ("a", "b", "c"),
        checks.NotFuture("a"): ("a",),
        checks.Keys(): (),
        checks.BusinessRule("s", "t", ("a",)): (),
    }
    assert {check: check.columns_used for check in used} == used


@pytest.mark.parametrize(
    ("figure", "text", "value"),
    [(None, "NULL", None), ("a", "a", None), (12345, "12,345", 12345), (True, "True", 1), (1.5, "1.5", Decimal("1.5")),
     (Decimal("1E+3"), "1,000", 1000), (Decimal("NaN"), "NaN", None), (float("-inf"), "-inf", None)],
)  # fmt: skip
def test_figures_in_sentences(figure: Any, text: str, value: Any) -> None:
    """Numbers are grouped by thousands and never in exponents; what is no number is not reckoned with."""
    assert (shown(figure), number(figure)) == (text, value)


def test_plurals() -> None:
    """One row, many rows, no rows."""
    assert [plural(n, "row") for n in (0, 1, 1000)] == ["0 rows", "1 row", "1,000 rows"]


def test_every_check_is_daily_but_those_of_the_whole_table() -> None:
    """Schemas, and rows that no day holds, belong to the table as a whole."""
    assert [check.name for check, *_ in EVERY if not check.daily] == [
        "order_in_windows",
        "undated",
        "schema",
        "r",
        "r",
    ]
    assert all(isinstance(check, BaseCheck) for check, *_ in EVERY)
