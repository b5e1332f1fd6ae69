"""Findings, cases and events to fill ledgers with."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa

from recon_assets import ledger
from recon_assets.ledger import Ledger
from recon_assets.model import (
    CaseEventType,
    CaseId,
    Decision,
    Discrepancy,
    DiscrepancyKind,
    Event,
    Finding,
    Resolution,
    Severity,
)

DAY = "2025-01-01"
START = datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
RECORDS = (DiscrepancyKind.MISSING, DiscrepancyKind.EXTRA, DiscrepancyKind.MISMATCHED)
CASE = CaseId("orders", DAY, "missing")
JUDGED = {(DAY, "2025-01-03"): ["orders"]}
KEEP = Resolution(Decision.KEEP_TARGET)
APPLY = Resolution(Decision.APPLY_SOURCE)


def minute(n: float) -> datetime:
    """So many minutes after the start of the test's time."""
    return START + timedelta(minutes=n)


def missing(key: int, **values: Any) -> Discrepancy:
    """A record that only the source has."""
    return Discrepancy(DiscrepancyKind.MISSING, (key,), {"id": key, **values}, None, (), DAY)


def mismatched(key: int, source: Any, target: Any, column: str = "amount") -> Discrepancy:
    """A record of which one column differs."""
    both = ({"id": key, column: source}, {"id": key, column: target})
    return Discrepancy(DiscrepancyKind.MISMATCHED, (key,), *both, (column,), DAY)


def finding(
    *named: Discrepancy,
    check: str = "fields",
    table: str = "orders",
    window: str = DAY,
    kinds: Sequence[DiscrepancyKind] = RECORDS,
    wrong: int | None = None,
    **more: Any,
) -> Finding:
    """What a check of records says; it passes when it names none."""
    counts = {kind: sum(each.kind is kind for each in named) for kind in kinds}
    bad = len(named) if wrong is None else wrong
    said = {"passed": not bad, "summary": f"{table} {window}: {bad} wrong", "wrong": bad, "of": 100}
    return Finding(check, table, window, kinds=counts, discrepancies=named, **{**said, **_severity(bad), **more})


def _severity(bad: int) -> dict[str, Any]:
    return {"severity": Severity.HIGH} if bad else {}


def figure(check: str = "sum", **more: Any) -> Finding:
    """What a check that names no records says when it fails."""
    return finding(check=check, kinds=(), wrong=1, **more)


def record(book: Ledger, *findings: Finding, at: float = 0, run: str = "run") -> int:
    """One evaluation, in a transaction of its own."""
    with book.begin() as c:
        return ledger.record_findings(c, findings, run=run, at=minute(at))


def found(*findings: int, wrong: int = 1, severity: Severity = Severity.HIGH, summary: str = "wrong") -> dict[str, Any]:
    """What is known of a case when it is found."""
    return {"findings": list(findings), "severity": severity.value, "wrong": wrong, "named": 0, "summary": summary}


def append(book: Ledger, act: CaseEventType, case: CaseId = CASE, *, at: float = 0, **more: Any) -> Event:
    """One event, in a transaction of its own."""
    data: Mapping[CaseEventType, Mapping[str, Any]] = {
        CaseEventType.FOUND: found(),
        CaseEventType.DECIDED: ledger.resolution_json(KEEP),
    }
    said = {"who": "anna", "data": data.get(act, {}), **more}
    with book.begin() as c:
        return ledger.append(c, case, act, at=minute(at), **said)


def happened(book: Ledger, *acts: CaseEventType, case: CaseId = CASE, at: float = 0) -> None:
    """Several events, a minute after each other."""
    for n, act in enumerate(acts):
        append(book, act, case, at=at + n)


def plain(book: Ledger) -> psycopg.Connection[Any]:
    """A connection of the plain driver to the ledger's database."""
    url = book.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(url, autocommit=True)


def rows(book: Ledger, sql: str) -> list[tuple[Any, ...]]:
    """What the plain driver finds."""
    with plain(book) as connection:
        return connection.execute(sql.encode()).fetchall()


def plan_of(c: sa.Connection, call: Any) -> str:
    """How the database does the one statement of ``call``."""
    statements: list[tuple[Any, Any]] = []

    def caught(_c: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        statements.append((statement, parameters))

    sa.event.listen(c.engine, "before_cursor_execute", caught)
    call()
    sa.event.remove(c.engine, "before_cursor_execute", caught)
    ((statement, parameters),) = statements
    driver_errors = c.connection.cursor()
    driver_errors.execute(f"EXPLAIN {statement}", parameters)
    return "\n".join(line for (line,) in driver_errors.fetchall())
