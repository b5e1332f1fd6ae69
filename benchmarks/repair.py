"""What a guarded correction costs over a careless one, and how long people wait: for the queue, and for a decision."""

import asyncio
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from harness import Figure, Run, main, own_server, say, take_turns
from processes import cpu_seconds
from sqlalchemy.orm import Session, registry
from starlette.applications import Starlette

from recon_assets import ledger, review
from recon_assets.checks import Checksum
from recon_assets.ledger import Ledger
from recon_assets.local import Server
from recon_assets.model import (
    ALL,
    Calendar,
    CaseEventType,
    CaseId,
    Database,
    Decision,
    DiscrepancyKind,
    Project,
    Relation,
    Resolution,
    Severity,
    State,
    TableSpec,
)
from recon_assets.orchestration import local_deployment
from recon_assets.web.application import application
from recon_assets.web.http.requests import Site
from recon_assets.web.identity.auth import Access

ABOUT = """\
Corrects a day that lacks 10,000 records, one with another value in 10,000 records and one with 10,000 too many, of a
table of 12 columns between two PostgreSQL databases, through the whole guarded path: what was seen is repeated and
locked, each row as it was and will be stands in the ledger before it is written, and the day is compared again before
its case is closed. Beside it the same rows by plain SQLAlchemy Core, a statement for each row, in one transaction, with
nothing of that, and so through the ORM. They take turns, three times; figures are medians.

Then: how long the desk takes for a page of the queue with 10,000 open cases, and how long it takes from a decision to
the closed case with Dagster's daemon running (without --quick five times, with it once).

  uv run python benchmarks/repair.py --quick
  uv run python benchmarks/repair.py --json      for a program; exit code 1 when a goal is missed
"""
EACH, RIGHT = 10_000, 1_000
"""Records of each day that are wrong, and that are right."""
RATIO_GOAL, PAGE_GOAL, APPLIED_GOAL = 1 / 8, 0.2, 30.0
OPEN_CASES = 10_000
PAGES = 20
PATIENCE = 120.0

TABLE = """
CREATE TABLE t (
    id bigint PRIMARY KEY, account integer NOT NULL, amount numeric(12, 2), ratio double precision, status text,
    name varchar(40), active boolean, born date, at timestamptz NOT NULL, seen timestamp, code char(4), note text
)
"""
ROWS = f"""
INSERT INTO t SELECT i, i % 1000, (i * 37 % 100000) / 100.0, i / 7.0, (ARRAY['new', 'paid', 'sent'])[i % 3 + 1],
    'name of ' || i, i % 2 = 0, date '1970-01-01' + i % 20000,
    timestamptz '2024-01-01 00:00Z' + i / {EACH + RIGHT} * interval '1 day' + i % 1440 * interval '1 min',
    timestamp '2024-01-01' + i * interval '1 min', 'c' || i % 1000, NULLIF('note ' || i % 5, 'note 0')
FROM generate_series(0, {3 * (EACH + RIGHT) - 1}) AS i
"""
# Of each day the first ids are wrong.
WRONG = f"id / {EACH + RIGHT} = {{day}} AND id % {EACH + RIGHT} < {EACH}"
MISSING, MISMATCHED, EXTRA = (WRONG.format(day=day) for day in range(3))
FILLED = {
    "source": [ROWS, f"DELETE FROM t WHERE {EXTRA}"],
    "target": [ROWS, f"DELETE FROM t WHERE {MISSING}", f"UPDATE t SET amount = amount + 1 WHERE {MISMATCHED}"],
}
DAYS = Calendar("at", date(2024, 1, 1), date(2024, 1, 4))
SPEC = TableSpec("t", Relation("source", "t"), Relation("target", "t"), ("id",), DAYS, checks=(Checksum(),))
APPLY = Resolution(Decision.APPLY_SOURCE)
KINDS = (DiscrepancyKind.MISSING, DiscrepancyKind.MISMATCHED, DiscrepancyKind.EXTRA)
"""What is wrong, day by day."""


@dataclass(frozen=True)
class Course:
    """A table in two databases, and a ledger."""

    book: Ledger
    project: Project
    spent: Callable[[], float]

    def damage(self) -> None:
        """Make both sides anew, the target with its faults."""
        for side, fills in FILLED.items():
            with self.side(side) as connection:
                for statement in ("DROP TABLE IF EXISTS t", TABLE, *fills, "ANALYZE t"):
                    connection.execute(sa.text(statement.replace(" 00:00Z", " 00\\:00Z")))

    @contextmanager
    def side(self, name: str) -> Iterator[sa.Connection]:
        """One transaction of one side."""
        engine = sa.create_engine(self.project.databases[name].url)
        with engine.begin() as connection:
            yield connection
        engine.dispose()

    def decided(self) -> list[CaseId]:
        """The cases that are to be corrected, each with all of its records."""
        windows, now = tuple(DAYS.windows(date.max)), datetime.now(UTC)
        judged = review.judged(self.book, self.project, SPEC, windows, now=now, run="judging", max_evidence=EACH)
        found = sum(finding.wrong for finding in judged)
        review.route(self.book, self.project, datetime.now(UTC))
        cases = [CaseId(SPEC.name, window.key, kind) for window, kind in zip(windows, KINDS, strict=True)]
        for case in cases:
            review.decide(self.book, self.project, case, APPLY, who="bench", note="", at=datetime.now(UTC))
        if found != len(KINDS) * EACH:
            msg = f"{found} records are wrong, expected {len(KINDS) * EACH}; the times mean nothing"
            raise SystemExit(msg)
        return cases

    def guarded(self) -> Run:
        """Corrected as the program does it, verification included."""
        cases = self.decided()
        with self.timed() as runs:
            states = [review.correct(self.book, self.project, case, run="bench", clock=present) for case in cases]
        for case in states:
            if case.state is not State.APPLIED:
                msg = f"{case.id} is {case.state}; the times mean nothing"
                raise SystemExit(msg)
        return runs[0]

    def careless(self) -> Run:
        """The same by a statement for each row."""
        table, rows = self.rows()
        key: sa.BindParameter[int] = sa.bindparam("key")
        update = sa.update(table).where(table.c.id == key).values(amount=sa.bindparam("new"))
        delete = sa.delete(table).where(table.c.id == key)
        with self.timed() as runs, self.side("target") as connection:
            for row in rows[:EACH]:
                connection.execute(sa.insert(table), row)
            for row in rows[EACH:]:
                connection.execute(update, {"key": row["id"], "new": row["amount"]})
            for number in range(2 * (EACH + RIGHT), 3 * EACH + 2 * RIGHT):
                connection.execute(delete, {"key": number})
        return runs[0]

    def mapped(self) -> Run:
        """The same by objects, each read, changed and flushed by itself."""
        table, rows = self.rows()

        class Record:
            """A row."""

        registry().map_imperatively(Record, table)
        with self.timed() as runs, self.side("target") as connection, Session(connection) as session:
            for row in rows[:EACH]:
                record = Record()
                for name, value in row.items():
                    setattr(record, name, value)
                session.add(record)
                session.flush()
            for row in rows[EACH:]:
                session.get_one(Record, row["id"]).amount = row["amount"]  # type: ignore[attr-defined]
                session.flush()
            for number in range(2 * (EACH + RIGHT), 3 * EACH + 2 * RIGHT):
                session.delete(session.get_one(Record, number))
                session.flush()
        return runs[0]

    @contextmanager
    def timed(self) -> Iterator[list[Run]]:
        """What the block takes; both sides must be equal afterwards."""
        runs: list[Run] = []
        cpu, began = self.spent(), time.monotonic()
        yield runs
        runs.append(Run(time.monotonic() - began, cpu=self.spent() - cpu))
        self.check()

    def rows(self) -> tuple[sa.Table, list[dict[str, Any]]]:
        """The table, and the source's rows that are missing, then those that are mismatched."""
        with self.side("source") as connection:
            table = sa.Table("t", sa.MetaData(), autoload_with=connection)
            wanted = sa.select(table).where(sa.text(f"({MISSING}) OR ({MISMATCHED})")).order_by(table.c.id)
            return table, [dict(row) for row in connection.execute(wanted).mappings()]

    def check(self) -> None:
        """Hold that both sides are equal."""
        digest = sa.text("SELECT count(*), sum(hashtextextended(CAST(t AS text), 0)) FROM t")
        found = []
        for name in FILLED:
            with self.side(name) as connection:
                found.append(connection.execute(digest).one())
        if found[0] != found[1]:
            msg = f"the target is not right afterwards: {found}; the times mean nothing"
            raise SystemExit(msg)


def present() -> datetime:
    """Now."""
    return datetime.now(UTC)


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - the command line's switch
    """All figures."""
    logging.getLogger("recon_assets").addHandler(logging.NullHandler())  # else each failed finding is printed
    return [*of_corrections(quick), *of_queue(), *of_daemon(1 if quick else 5)]


@contextmanager
def new_ledger(server: Server) -> Iterator[Ledger]:
    """One for any project."""
    ledger.upgrade(server.url("ledger"))
    with ledger.opened(server.url("ledger"), Project({}, {})) as book:
        yield book


def of_corrections(quick: bool) -> list[Figure]:  # noqa: FBT001 - the command line's switch
    """Ours beside the careless way."""
    with own_server() as (local, server), new_ledger(server) as book:
        spent = partial(cpu_seconds, os.getpid(), local.pid())
        course = Course(book, _project(server.url("source"), server.url("target")), spent)
        say(f"{EACH:,} inserts, updates and deletes each, both ways in turns ...")
        contestants = {"ours": course.guarded, "row by row": course.careless, "by objects": course.mapped}
        runs = take_turns(contestants, course.damage, times=1 if quick else 3)
    ours, plain, mapped = runs["ours"], runs["row by row"], runs["by objects"]
    return [
        Figure(f"{3 * EACH:,} changes, guarded", ours.seconds, "s"),
        Figure(f"{3 * EACH:,} changes, row by row by SQLAlchemy", plain.seconds, "s"),
        Figure("guarded / row by row, wall", ours.seconds / plain.seconds, "", RATIO_GOAL),
        Figure("guarded / row by row, CPU", ours.cpu / plain.cpu, ""),
        Figure("guarded / row by row through the ORM, wall", ours.seconds / mapped.seconds, ""),
    ]


def _project(source: str, target: str) -> Project:
    return Project({"source": Database("source", source), "target": Database("target", target)}, {"t": SPEC})


def of_queue() -> list[Figure]:
    """How long the first page of a long queue takes, and one far behind."""
    with own_server() as (_, server), new_ledger(server) as book:
        say(f"{OPEN_CASES:,} open cases ...")
        fill(book)
        web = Access()
        desk = Site(book, _project(server.url("source"), server.url("target")), web, lambda: datetime.now(UTC))
        app = application(desk, Starlette())
        with book.begin() as connection:
            behind = ledger.queue(connection, ledger.Filter(), limit=OPEN_CASES - 100).next
        pages = {"first page": "", "last page": f"after={behind}"}
        return [
            Figure(f"queue of {OPEN_CASES:,} cases, {name}", page_seconds(app, query), "s", PAGE_GOAL)
            for name, query in pages.items()
        ]


def fill(book: Ledger) -> None:
    """Open cases of many days, kinds and severities."""
    now, severities = datetime.now(UTC), list(Severity)
    with book.begin() as connection:
        for number in range(OPEN_CASES):
            day = date(2000, 1, 1) + timedelta(days=number // len(KINDS))
            case = CaseId("t", day.isoformat(), KINDS[number % len(KINDS)])
            data = {
                "findings": [],
                "severity": severities[number % 7 % 3],
                "wrong": number,
                "named": 0,
                "summary": f"t {day}: {number} wrong",
            }
            ledger.append(
                connection, case, CaseEventType.FOUND, who="recon", at=now - timedelta(minutes=number), data=data
            )
        connection.execute(sa.text("ANALYZE"))


def page_seconds(app: Starlette, query: str) -> float:
    """The median time of a page, the whole answer read."""
    seconds = []
    for _ in range(PAGES):
        began = time.monotonic()
        status, body = asyncio.run(answered(app, "/review", query))
        seconds.append(time.monotonic() - began)
        if status != HTTPStatus.OK or body.count(b"/review/case/t/") < 50:
            msg = f"the queue answered {status} with {len(body)} bytes; the times mean nothing"
            raise SystemExit(msg)
    return statistics.median(seconds)


async def answered(app: Starlette, path: str, query: str) -> tuple[int, bytes]:
    """What the application answers to a browser at this machine."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1:3000"), (b"accept", b"text/html")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000),
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


DECLARED = """\
databases:
  source: {url: {env: RECON_SOURCE_URL}}
  target: {url: {env: RECON_TARGET_URL}}
tables:
  t:
    source: {database: source, table: t}
    target: {database: target, table: t}
    key: [id]
    window: none
    checks: [keys, fields]
"""


def of_daemon(times: int) -> list[Figure]:
    """How long from a decision to the case that is closed."""
    with tempfile.TemporaryDirectory(prefix="recon-bench-") as home:
        declared = Path(home) / "tables.yaml"
        declared.write_text(DECLARED)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("RECON_", "DAGSTER_"))}
        environ |= {"RECON_HOME": home, "RECON_TABLES": str(declared)}
        say("Dagster with its daemon ...")
        with local_deployment.session(environ, prepare=plant) as session, session.served():
            seconds = [applied_after(session) for _ in range(times)]
    return [Figure("from the decision to the applied case", statistics.median(seconds), "s", APPLIED_GOAL)]


def plant(environ: Mapping[str, str]) -> None:
    """A table that is equal on both sides."""
    for name in ("RECON_SOURCE_URL", "RECON_TARGET_URL"):
        engine = sa.create_engine(environ[name])
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE t (id bigint PRIMARY KEY, fee integer)"))
            connection.execute(sa.text("INSERT INTO t SELECT i, i FROM generate_series(1, 1000) AS i"))
        engine.dispose()


def applied_after(session: local_deployment.Session) -> float:
    """Spoil a row, have it found, decide, and wait until it is corrected and compared."""
    project, case = session.project, CaseId("t", ALL.key, DiscrepancyKind.MISMATCHED)
    engine = sa.create_engine(session.environ["RECON_TARGET_URL"])
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE t SET fee = fee + 1 WHERE id = 7"))
    engine.dispose()
    with session.remembered() as book:
        for _ in review.judged(book, project, project.tables["t"], (ALL,), now=datetime.now(UTC), run="bench"):
            pass
        wait_for(book, case, State.PENDING)
        began = time.monotonic()
        review.decide(book, project, case, APPLY, who="bench", note="", at=datetime.now(UTC))
        wait_for(book, case, State.APPLIED)
        return time.monotonic() - began


def wait_for(book: Ledger, case: CaseId, state: State) -> None:
    """Until a case is in that state."""
    end = time.monotonic() + PATIENCE
    while True:
        with book.begin() as connection:
            found = ledger.find_case(connection, case)
        if found and found.state is state:
            return
        if time.monotonic() > end:
            msg = f"{case} is {found and found.state}, and not {state} after {PATIENCE:.0f} s"
            raise SystemExit(msg)
        time.sleep(0.05)


if __name__ == "__main__":
    main("repair", ABOUT, measure)
