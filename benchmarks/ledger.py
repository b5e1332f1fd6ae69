"""How long people and the sensor wait when the ledger has a million findings and 100,000 open cases."""

import asyncio
import logging
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from itertools import count, islice

import crowd
from harness import Figure, main, own_server, say
from repair import answered
from starlette.applications import Starlette

from recon_assets import ledger, review
from recon_assets.ledger import Filter, Ledger
from recon_assets.model import (
    CaseId,
    Decision,
    Discrepancy,
    DiscrepancyKind,
    Finding,
    Project,
    Resolution,
    Severity,
    State,
)
from recon_assets.orchestration import review_sensor
from recon_assets.web.application import application
from recon_assets.web.http.requests import Site
from recon_assets.web.identity.auth import access

ABOUT = """\
Fills a ledger by SQL: a million findings of 100,000 days of 40 tables, 100,000 open cases and as many closed, one
of 10,000 records. Then it measures what people and the sensor wait for, each beside its limit: the page that
takes half of its limit has a share of 0.5. Medians of five. The fill takes one to two minutes, all else seconds.

  uv run python benchmarks/ledger.py
  uv run python benchmarks/ledger.py --json      for a program; exit code 1 when a limit is missed
"""
TIMES = 5
TICK, PAGE, DECIDED, BULK = 1.0, 0.3, 1.0, 5.0
"""The limits, in seconds."""
YEAR = 365
APPLY = Resolution(Decision.APPLY_SOURCE)


def measure(quick: bool) -> list[Figure]:  # noqa: ARG001, FBT001 - there is one size
    """All figures."""
    logging.getLogger("recon_assets").addHandler(logging.NullHandler())
    with own_server() as (_, server):
        say("a million findings, 100,000 open cases: a minute or two ...")
        project = crowd.project(server)
        ledger.upgrade(server.url("ledger"))
        with ledger.opened(server.url("ledger"), project) as book:
            crowd.fill(book, project)
            return [*of_ticks(book, project), *of_pages(book, project), *of_decisions(book, project)]


def of_ticks(book: Ledger, project: Project) -> list[Figure]:
    """The sensor, with nothing to do and with a year's findings to route."""
    idle = seconds(lambda: tick(book, project))
    year(book, project)
    busy = seconds(lambda: tick(book, project), 1)
    return [*figures("tick, nothing new", idle, TICK), *figures("tick, a year's findings of a table", busy, TICK)]


def tick(book: Ledger, project: Project) -> None:
    """What a look of the sensor asks of the ledger."""
    review_sensor.route(book, project, present())
    review.due(book, project, present())


def year(book: Ledger, project: Project) -> None:
    """A table is judged: on each day three records are found that only the target has."""
    kinds = {DiscrepancyKind.MISSING: 0, DiscrepancyKind.EXTRA: 3}
    for window in islice(project.tables["t1"].calendar.windows(date.max), YEAR):  # type: ignore[union-attr]
        row = {"at": window.key, "amount": "1.00"}
        named = tuple(
            Discrepancy(DiscrepancyKind.EXTRA, (-n,), None, {"id": -n, **row}, (), window.key) for n in range(1, 4)
        )
        of_records = {"passed": False, "summary": "3 extra", "wrong": 3, "of": 100, "severity": Severity.HIGH}
        found = [
            Finding("keys", "t1", window.key, **of_records, kinds=kinds, discrepancies=named),  # type: ignore[arg-type]
            Finding("count", "t1", window.key, **of_records),  # type: ignore[arg-type]
            Finding("sum_amount", "t1", window.key, passed=True, summary="equal"),
        ]
        with book.begin() as connection:
            ledger.record_findings(connection, found, run="bench", at=present())


def of_pages(book: Ledger, project: Project) -> list[Figure]:
    """The desk's pages, as a browser asks for them."""
    desk = Site(book, project, access({"RECON_WEB_SECRET": "of a benchmark only"}), present)
    app = application(desk, Starlette())
    with book.begin() as connection:
        behind = ledger.queue(connection, Filter(), limit=crowd.WINDOWS - 100).next
    pages = {
        "queue": ("/review", ""),
        "queue, last page": ("/review", f"after={behind}"),
        "queue, one table": ("/review", "table=t7"),
        "queue, a severity and an assignee": ("/review", "severity=low&assignee=ana"),
        "queue, all states": ("/review", "state=all"),
        "report": ("/review/report", ""),
        "report, all states": ("/review/report", "state=all"),
        "case": ("/review/case/t3/2020-01-01/missing", ""),
        f"case of {crowd.MANY:,} records": (f"/review/case/t0/{crowd.START}/missing", ""),
    }
    return [
        figure
        for name, (path, query) in pages.items()
        for figure in figures(name, seconds(lambda: page(app, path, query)), PAGE)  # noqa: B023 - called at once
    ]


def page(app: Starlette, path: str, query: str) -> None:
    """Ask for a page."""
    status, body = asyncio.run(answered(app, path, query))
    if status != HTTPStatus.OK:
        msg = f"{path}?{query} answered {status} with {len(body)} bytes; the times mean nothing"
        raise SystemExit(msg)


def of_decisions(book: Ledger, project: Project) -> list[Figure]:
    """One decision, of one record and of many; 200 decisions after each other, as the desk makes them."""
    days = count(1)

    def decide(case: CaseId) -> None:
        review.decide(book, project, case, APPLY, who="bench", note="", at=present())

    def next_case() -> CaseId:
        return CaseId("t5", (crowd.START + timedelta(days=next(days))).isoformat(), DiscrepancyKind.MISSING)

    def bulk() -> None:
        with book.begin() as connection:
            cases = ledger.queue(connection, Filter(tables=("t9",), states=(State.PENDING,)), limit=200).cases
        for case in cases:
            decide(case.id)

    one = seconds(lambda: decide(next_case()))
    many = seconds(lambda: decide(CaseId("t0", crowd.START.isoformat(), DiscrepancyKind.MISSING)), 1)
    return [
        *figures("decision", one, DECIDED),
        *figures(f"decision on {crowd.MANY:,} records", many, DECIDED),
        *figures("200 decisions", seconds(bulk, 1), BULK),
    ]


def figures(name: str, took: float, limit: float) -> list[Figure]:
    """The time, and its share of the limit."""
    return [Figure(name, took, "s"), Figure(f"{name} / limit", took / limit, "", 1.0)]


def seconds(work: Callable[[], object], times: int = TIMES) -> float:
    """The median time of some calls."""
    found = []
    for _ in range(times):
        began = time.monotonic()
        work()
        found.append(time.monotonic() - began)
    return statistics.median(found)


def present() -> datetime:
    """Now."""
    return datetime.now(UTC)


if __name__ == "__main__":
    main("ledger", ABOUT, measure)
