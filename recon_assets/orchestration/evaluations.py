"""A finding as Dagster shows it: figures that plot, a table of records, the reasons, and how to see it again.

Values of records are written down here; those of private columns are masked.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from math import isfinite
from typing import Any

import dagster as dg

from recon_assets.model import (
    ALL,
    Check,
    Details,
    Discrepancy,
    Figure,
    Finding,
    Severity,
    TableSpec,
    Value,
    masked,
    masked_details,
    masked_key,
    rows_of_sides,
    value_text,
)
from recon_assets.orchestration.dagster_internals import Target

MOST_ROWS = 20
MOST_CHARACTERS = 200
COLUMNS = ("kind", "key", "column", "source", "target")


def evaluation(
    spec: TableSpec, key: dg.AssetKey, check: Check, finding: Finding, target: Target | None
) -> dg.AssetCheckEvaluation:
    """One finding as an event; it counts only while ``target`` is the newest materialization of its window.

    It never blocks in Dagster's sense, where one bad day of a run would block all: `checking` gates by day.
    """
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=check.name,
        passed=finding.passed or finding.accepted is not None,
        partition=partition(spec, check, finding),
        metadata=metadata(spec, finding),
        severity=shown(check, finding),
        blocking=False,
        description=described(finding),
        target_materialization_data=target,
    )


def described(finding: Finding) -> str:
    """What it says, in a sentence; of a difference that somebody accepted, who and why besides."""
    if finding.error:
        return f"could not run: {finding.error}"
    return f"{finding.summary} (accepted by {finding.accepted})" if finding.accepted else finding.summary


def partition(spec: TableSpec, check: Check, finding: Finding) -> str | None:
    """The day that the finding is of; None when it is of the whole table."""
    return finding.window if spec.calendar and check.daily else None


def shown(check: Check, finding: Finding) -> dg.AssetCheckSeverity:
    """How severe Dagster shows it: as declared, else low as a warning; a check that could not run is an error."""
    usual = "warn" if finding.severity is Severity.LOW else "error"
    warns = not finding.error and (check.grading.shown or usual) == "warn"
    return dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR


def metadata(spec: TableSpec, finding: Finding) -> dict[str, dg.MetadataValue]:
    """What people read of a finding. Texts, because Dagster hides markdown behind a link."""
    if finding.error:
        return {"error": dg.MetadataValue.text(finding.error), "again": again(spec, finding)}
    return {
        "summary": dg.MetadataValue.text(finding.summary),
        **figures(finding),
        **({"severity": dg.MetadataValue.text(finding.severity.value)} if finding.severity else {}),
        **({"accepted": dg.MetadataValue.text(finding.accepted)} if finding.accepted else {}),
        **reasons(finding),
        **not_compared(finding),
        **({"details": details(spec, finding.details)} if finding.details else {}),
        **({"records": records(spec, finding.discrepancies)} if finding.discrepancies else {}),
        **({} if finding.passed else {"again": again(spec, finding)}),
    }


def figures(finding: Finding) -> dict[str, dg.MetadataValue]:
    """Both sides and how far they are apart; numbers, so that Dagster plots them over the days."""
    source, target = number(finding.source), number(finding.target)
    difference = None if source is None or target is None else target - source
    compared = {"source": finding.source, "target": finding.target, "difference": difference}
    counted = {"wrong": finding.wrong, "of": finding.of, "rate": finding.rate}
    return {name: figure(value) for name, value in {**compared, **counted}.items() if value is not None}


def number(value: Figure) -> int | Decimal | None:
    """A figure that can be subtracted; what cannot (NaN, a text, none) is None."""
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def figure(value: Figure) -> dg.MetadataValue:
    """One figure, as a number wherever it is one."""
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    if isinstance(value, Decimal | float) and isfinite(value):
        return dg.MetadataValue.float(float(value))
    return dg.MetadataValue.text(str(value))


def reasons(finding: Finding) -> dict[str, dg.MetadataValue]:
    """What the wrong records have in common, a line for each sentence."""
    return {f"reason {number}": dg.MetadataValue.text(said) for number, said in enumerate(finding.reasons, start=1)}


def not_compared(finding: Finding) -> dict[str, dg.MetadataValue]:
    """Of which columns, and of how many rows that no window holds, it says nothing."""
    names = ", ".join(map(str, finding.not_compared))
    source, target = finding.outside or (0, 0)
    return {
        **({"not_compared": dg.MetadataValue.text(names)} if names else {}),
        **({"outside every window": dg.MetadataValue.text(rows_of_sides(source, target))} if source or target else {}),
    }


def again(spec: TableSpec, finding: Finding) -> dg.TextMetadataValue:
    """The command that judges the same again, with all its evidence."""
    days = "" if finding.window == ALL.key else f" --from {finding.window} --to {finding.window}"
    return dg.MetadataValue.text(f"recon check {spec.name}{days} --only {finding.check}")


def details(spec: TableSpec, found: Details) -> dg.TableMetadataValue:
    """What differs, where it is not single records."""
    shown_rows = masked_details(found, spec.private).rows[:MOST_ROWS]
    rows = [dict(zip(found.columns, map(cell, row), strict=True)) for row in shown_rows]
    return table(found.columns, rows)


def records(spec: TableSpec, found: Sequence[Discrepancy]) -> dg.TableMetadataValue:
    """Some of the records that are wrong, a row for each column at fault."""
    lines = (line for item in found for line in lines_of(spec, item))
    return table(COLUMNS, list(islice(lines, MOST_ROWS)))


def lines_of(spec: TableSpec, item: Discrepancy) -> Iterator[dict[str, str]]:
    """The rows of one record: each column at fault, or the whole record where one side has none."""
    key = key_of(spec, item)
    for column in item.differing or ("",):
        source, target = side(spec, item.source, column), side(spec, item.target, column)
        yield dict(zip(COLUMNS, (item.kind.value, key, column, source, target), strict=True))


def key_of(spec: TableSpec, item: Discrepancy) -> str:
    """What identifies a record; for a table without a key the record itself does, if none of it is private."""
    return cut(", ".join(map(cell, masked_key(spec.key, item.key, spec.private))))


def side(spec: TableSpec, record: Mapping[str, Value] | None, column: str) -> str:
    """One column of one side's record, or all of it; empty where the side has no such record."""
    if record is None:
        return ""
    if column:
        return cell(masked(column, record.get(column), spec.private))
    return cut(", ".join(f"{name}={cell(masked(name, value, spec.private))}" for name, value in record.items()))


def cell(value: Any) -> str:
    """A value as a cell of a table shows it."""
    return cut(value_text(value))


def cut(text: str) -> str:
    """A text as long as a cell shows it."""
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def table(columns: tuple[str, ...], rows: list[dict[str, str]]) -> dg.TableMetadataValue:
    """Rows as a table."""
    schema = dg.TableSchema([dg.TableColumn(name) for name in columns])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=schema)
