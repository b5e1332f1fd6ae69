"""A finding as people read it in Dagster: numbers that plot, tables, reasons, and nobody's private values."""

from dataclasses import replace
from decimal import Decimal
from typing import Literal

import dagster as dg
import pytest

from recon_assets.model import (
    Details,
    Discrepancy,
    DiscrepancyKind,
    Figure,
    Finding,
    Grading,
    NotCompared,
    Severity,
    TableSpec,
)
from recon_assets.orchestration.dagster_internals import Target
from recon_assets.orchestration.evaluations import MOST_ROWS, evaluation, metadata, shown
from recon_assets_tests.dagster.example import AIRLINES, Promise, checked

COUNT = Promise("count")
SPEC = checked(COUNT)
KEY = dg.AssetKey("flights")
FAILED = Finding(
    "count",
    "flights",
    "2013-03-06",
    passed=False,
    summary="flights 2013-03-06: 100 records in source, 90 in target",
    source=100,
    target=90,
    wrong=10,
    of=100,
    severity=Severity.HIGH,
)
PASSED = replace(FAILED, passed=True, target=100, wrong=0, severity=None)
LATE = Discrepancy(
    DiscrepancyKind.MISMATCHED,
    (1, "UA"),
    {"id": 1, "carrier": "UA", "tailnum": "N14228", "dep_delay": 2},
    {"id": 1, "carrier": "UA", "tailnum": None, "dep_delay": 7},
    ("tailnum", "dep_delay"),
)
LOST = Discrepancy(DiscrepancyKind.MISSING, (2, "AA"), {"id": 2, "carrier": "AA", "tailnum": ""})
STRAY = Discrepancy(DiscrepancyKind.ORPHAN, (3, "B6"), target={"id": 3, "tailnum": "N0"}, differing=("tailnum",))
KEYED = replace(SPEC, key=("id", "carrier"))


def values(spec: TableSpec, finding: Finding) -> dict[str, object]:
    """The metadata of a finding, without Dagster's wrapping."""
    return {name: value.value for name, value in metadata(spec, finding).items()}


def rows(found: dict[str, dg.MetadataValue], name: str) -> list[tuple[object, ...]]:
    """The rows of a table in metadata."""
    table = found[name]
    assert isinstance(table, dg.TableMetadataValue)
    return [tuple(record.data.values()) for record in table.records]


def test_a_failure_has_its_figures_as_numbers() -> None:
    """Dagster plots them over the days; the command judges the same again."""
    assert values(SPEC, FAILED) == {
        "summary": "flights 2013-03-06: 100 records in source, 90 in target",
        "source": 100,
        "target": 90,
        "difference": -10,
        "wrong": 10,
        "of": 100,
        "rate": 0.1,
        "severity": "high",
        "again": "recon check flights --from 2013-03-06 --to 2013-03-06 --only count",
    }


def test_a_pass_is_short() -> None:
    """Figures plot on good days too; there is nothing to look into."""
    assert values(SPEC, PASSED) == {
        "summary": PASSED.summary,
        "source": 100,
        "target": 100,
        "difference": 0,
        "wrong": 0,
        "of": 100,
        "rate": 0.0,
    }


FIGURES: list[tuple[Figure, Figure, type[dg.MetadataValue], object]] = [
    (Decimal("10.50"), Decimal("10.25"), dg.FloatMetadataValue, -0.25),
    (0.1, Decimal("0.3"), dg.FloatMetadataValue, 0.2),
    (10**20, 10**20 + 1, dg.IntMetadataValue, 1),
    (Decimal("NaN"), Decimal(1), dg.TextMetadataValue, None),
    (float("inf"), 1.0, dg.TextMetadataValue, None),
    ("2013-03-06", "2013-03-07", dg.TextMetadataValue, None),
    (True, False, dg.BoolMetadataValue, None),
]


@pytest.mark.parametrize(("source", "target", "kind", "difference"), FIGURES)
def test_every_figure_is_shown(source: Figure, target: Figure, kind: type, difference: object) -> None:
    """As a number wherever it is one; only numbers can be apart."""
    found = metadata(SPEC, replace(FAILED, source=source, target=target))

    assert isinstance(found["source"], kind)
    assert (found["difference"].value if "difference" in found else None) == difference


def test_a_figure_that_a_side_does_not_have_is_left_out() -> None:
    """NULL is no number, and no difference can be told."""
    found = values(SPEC, replace(FAILED, target=None))

    assert "target" not in found
    assert "difference" not in found


def test_records_are_shown_by_column() -> None:
    """A row for each column at fault; the whole record where the other side has none; NULL is not an empty text."""
    found = metadata(KEYED, replace(FAILED, discrepancies=(LATE, LOST, STRAY)))

    assert rows(found, "records") == [
        ("mismatched", "1, UA", "tailnum", "N14228", "NULL"),
        ("mismatched", "1, UA", "dep_delay", "2", "7"),
        ("missing", "2, AA", "", "id=2, carrier=AA, tailnum=''", ""),
        ("orphan", "3, B6", "tailnum", "", "N0"),
    ]


def test_private_columns_are_masked_everywhere() -> None:
    """In keys, in columns at fault, in whole records and in details; whose record it is cannot be told."""
    private = replace(KEYED, private=("carrier", "tailnum"))
    details = Details(("carrier", "rows"), (("UA", 12), (None, 3)))

    found = metadata(private, replace(FAILED, discrepancies=(LATE, LOST, STRAY), details=details))

    assert rows(found, "records") == [
        ("mismatched", "1, ***", "tailnum", "***", "***"),
        ("mismatched", "1, ***", "dep_delay", "2", "7"),
        ("missing", "2, ***", "", "id=2, carrier=***, tailnum=***", ""),
        ("orphan", "3, ***", "tailnum", "", "***"),
    ]
    assert rows(found, "details") == [("***", "12"), ("***", "3")]
    assert not any(secret in repr(found) for secret in ("N14228", "'UA'", "'AA'", "N0"))


@pytest.mark.parametrize(("private", "shown_key"), [((), "2, AA"), (("carrier",), "***")])
def test_a_record_without_a_key_is_its_own(private: tuple[str, ...], shown_key: str) -> None:
    """Which of its values are private cannot be told, so none is shown when some are."""
    found = metadata(replace(SPEC, key=(), private=private), replace(FAILED, discrepancies=(LOST,)))

    assert rows(found, "records")[0][1] == shown_key


def test_samples_are_small() -> None:
    """An event is a message, not a report: at most twenty rows, and long texts are cut."""
    many = tuple(replace(LOST, key=(number, "x" * 500)) for number in range(100))

    found = rows(metadata(KEYED, replace(FAILED, discrepancies=many)), "records")

    assert len(found) == MOST_ROWS
    assert all(len(str(row[1])) < 210 for row in found)


def test_reasons_are_a_line_each() -> None:
    """Best first, and read without a click."""
    found = values(SPEC, replace(FAILED, reasons=("all are late", "all are of UA")))

    assert (found["reason 1"], found["reason 2"]) == ("all are late", "all are of UA")


SHOWN = [
    (None, Severity.LOW, "WARN"),
    (None, Severity.MEDIUM, "ERROR"),
    (None, Severity.HIGH, "ERROR"),
    ("warn", Severity.HIGH, "WARN"),
    ("error", Severity.LOW, "ERROR"),
    ("warn", None, "WARN"),
    (None, None, "ERROR"),
]


@pytest.mark.parametrize(("declared", "severity", "expected"), SHOWN)
def test_severity_is_shown_as_declared(
    declared: Literal["warn", "error"] | None, severity: Severity | None, expected: str
) -> None:
    """Low is a warning unless the table says otherwise."""
    check = replace(COUNT, grading=Grading(shown=declared))

    assert shown(check, replace(FAILED, severity=severity)).value == expected


def test_a_check_that_could_not_run_is_an_error_even_where_its_failures_are_warnings() -> None:
    """Nothing is known, and that is said in its own words."""
    check = replace(COUNT, grading=Grading(shown="warn"))
    unknown = replace(FAILED, error="ops: no such column `x`", severity=None)

    event = evaluation(SPEC, KEY, check, unknown, None)

    assert event.severity is dg.AssetCheckSeverity.ERROR
    assert event.description == "could not run: ops: no such column `x`"
    assert set(event.metadata) == {"error", "again"}


def test_an_evaluation_never_blocks_in_dagsters_sense() -> None:
    """There one bad day would block all days of the run."""
    event = evaluation(
        SPEC, KEY, replace(COUNT, blocking=True), FAILED, Target(storage_id=1, run_id="r", timestamp=0.0)
    )

    assert event.blocking is False
    assert event.partition == "2013-03-06"


def test_a_check_that_is_not_daily_has_no_day() -> None:
    """Though its table has days."""
    event = evaluation(SPEC, KEY, replace(COUNT, daily=False), replace(FAILED, window="all"), None)

    assert event.partition is None


def test_a_whole_table_has_no_day() -> None:
    """Neither in the partition nor in the command."""
    event = evaluation(
        AIRLINES, dg.AssetKey("airlines"), COUNT, replace(PASSED, table="airlines", window="all", passed=False), None
    )

    assert event.partition is None
    assert event.metadata["again"].value == "recon check airlines --only count"


def test_what_was_not_compared_is_shown() -> None:
    """A check that passes in some columns says in which it does not; one that compared everything says nothing."""
    tags = NotCompared("tags", "source", "only in the source; ignore it")
    found = values(SPEC, replace(PASSED, not_compared=(tags,), outside=(3, 0)))

    assert found["not_compared"] == "tags (only in the source)"
    assert found["outside every window"] == "3 rows of the source and 0 of the target"
    assert not {"not_compared", "outside every window"} & values(SPEC, PASSED).keys()
