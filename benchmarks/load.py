"""How fast a window is loaded as production does it: ours, with what a rollback needs, beside `psql | psql`."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial

import sqlalchemy as sa
from harness import Figure, Run, apart, main, own_server, program, say, take_turns
from processes import cpu_seconds, peak_memory

from recon_assets import dialect, ledger, reading, writing
from recon_assets.local import Server
from recon_assets.model import ALL, Calendar, Database, Mode, Project, Relation, TableSpec, Window

ABOUT = """\
Loads windows of a table of 9 mixed columns from one PostgreSQL database into another, in three sizes:
a day (of 365), a month, all; of 1M rows, and without --quick of 10M rows too.

ours    recon_assets.writing.load with the ledger's backup, each time in a new process; the time is that of the load,
        connected but cold
psql    psql -c "COPY (..) TO STDOUT" | psql -c "COPY .. FROM STDIN", as one would do it by hand, keeping nothing
pandas  read_sql and to_sql, once, of a month of the 1M (for information)

All write into an empty window of the same table, with a primary key and an index; the other windows stay full.
"Replaced" is a window that is full already, a tenth of its rows other than in the source. There psql deletes the window
and inserts it again, in one transaction. The contestants take turns, three times; figures are medians. The ratio is
ours over psql: below 1 means that we are faster. CPU is that of the server and of all programs of the contestant.

  uv run python benchmarks/load.py --quick     1M rows, a table
  uv run python benchmarks/load.py --json      everything, for a program; exit code 1 when a goal is missed
"""
SIZES = {"1M": 1_000_000, "10M": 10_000_000}
TABLE = """
CREATE TABLE readings (
    id bigint PRIMARY KEY, at timestamptz NOT NULL, amount numeric(12,2), note text, ok boolean,
    n integer, d date, x double precision, u uuid
) WITH (autovacuum_enabled = off)
"""
ROWS = """
INSERT INTO readings
SELECT i, '2023-01-01'::timestamptz + i * (interval '365 days' / %s), i / 7.0, 'note ' || i, mod(i, 2) = 0,
    mod(i, 1000), '2020-01-01'::date + mod(i, 3000), i / 3.0, gen_random_uuid()
FROM generate_series(0, %s) AS i
"""
INDEX = "CREATE INDEX ON readings (at)"
YEAR = Calendar("at", date(2023, 1, 1), date(2024, 1, 1))
SPEC = TableSpec("readings", Relation("source", "readings"), Relation("target", "readings"), ("id",), YEAR)
SPANS = {
    "all": ALL,
    "month": Window("2023-05", datetime(2023, 5, 1, tzinfo=UTC), datetime(2023, 6, 1, tzinfo=UTC)),
    "day": YEAR.window(date(2023, 8, 15)),
}
RATIO_GOALS = {"all": 1.2, "month": 1.2, "day": 1.5}
PEAK_GOAL = 150.0


@dataclass(frozen=True)
class Course:
    """One window of one size of table, to be loaded on one server, which is the process ``postmaster``."""

    server: Server
    postmaster: int
    window: Window
    replaces: bool = False

    @property
    def where(self) -> str:
        """The window as psql has it."""
        if self.window.start is None:
            return "true"
        return f"at >= '{self.window.start}' AND at < '{self.window.end}'"

    def reset(self) -> None:
        """Make the target as it is before each run: the window empty, or a tenth of it changed; nothing to clean up."""
        with self.server.connect("target") as target:
            if self.replaces:
                target.execute(f"UPDATE readings SET amount = amount + 1 WHERE {self.where} AND mod(id, 10) = 7")
            elif self.window.start is None:
                target.execute("TRUNCATE readings")
            else:
                target.execute(f"DELETE FROM readings WHERE {self.where}")
            target.execute("VACUUM readings")
            target.execute("CHECKPOINT")

    def check(self) -> None:
        """Hold that the window is right, and let the planner know of its rows."""
        with self.server.connect("target") as target:
            target.execute("ANALYZE readings")
        digests = [self.digest(database) for database in ("source", "target")]
        if digests[0] != digests[1]:
            msg = f"{self.window}: the target has {digests[1]}, expected {digests[0]}; the times mean nothing"
            raise SystemExit(msg)

    def digest(self, database: str) -> object:
        """How many rows the window has, and a hash of them."""
        digest = f"SELECT count(*), sum(hashtextextended(readings::text, 0)) FROM readings WHERE {self.where}"
        with self.server.connect(database) as connection:
            return connection.execute(digest).fetchone()

    @contextmanager
    def timed(self) -> Iterator[Callable[[], Run]]:
        """What the block takes, by the clock and of the processors, once it has ended."""
        took: list[Run] = []
        spent, began = cpu_seconds(os.getpid(), self.postmaster), time.monotonic()
        yield took.pop
        seconds = time.monotonic() - began
        took.append(Run(seconds, peak_memory(), cpu_seconds(os.getpid(), self.postmaster) - spent))


def ours(course: Course) -> Run:
    """Load the window, in a process of its own."""
    source, target = (
        dialect.engine(Database(name, course.server.url(name)), role=name) for name in ("source", "target")
    )
    pair = reading.pair_for_loading(SPEC, source, target)
    mode = Mode.REPLACE if course.replaces else Mode.INSERT_MISSING
    ledger.upgrade(course.server.url("ledger"))
    with ledger.opened(course.server.url("ledger"), Project({}, {})) as book:
        sink = ledger.BackupSink(book, SPEC.name, course.window.key, mode, "bench", "", datetime.now(UTC))
        with course.timed() as took:
            writing.load(pair, course.window, mode=mode, backup_sink=sink)
        return took()


def psql(course: Course) -> Run:
    """Load the window as by hand: one psql into the other."""
    out = [*command(course, "source"), "-c", f"COPY (SELECT * FROM readings WHERE {course.where}) TO STDOUT"]
    delete = ["-c", f"DELETE FROM readings WHERE {course.where}"] if course.replaces else []
    into = [*command(course, "target"), "--single-transaction", *delete, "-c", "COPY readings FROM STDIN"]
    with course.timed() as took, subprocess.Popen(out, stdout=subprocess.PIPE) as reading:
        subprocess.run(into, stdin=reading.stdout, check=True)
    return took()


def command(course: Course, database: str) -> list[str]:
    """How psql is called: the one on the PATH, else the embedded server's."""
    found = shutil.which("psql") or str(program("psql"))
    return [found, "-X", "-q", "-v", "ON_ERROR_STOP=1", course.server.url(database, "postgresql")]


def pandas(course: Course) -> Run:
    """Load the window as a notebook would."""
    import pandas as pd  # noqa: PLC0415 - its memory is not to be counted for the others

    source, target = (sa.create_engine(course.server.url(name)) for name in ("source", "target"))
    with course.timed() as took:
        frame = pd.read_sql(sa.text(f"SELECT * FROM readings WHERE {course.where}"), source)
        frame.to_sql("readings", target, if_exists="append", index=False, dtype={"u": sa.Uuid()})
    return took()


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - the command line's switch
    """All figures."""
    sizes = list(SIZES)[:1] if quick else list(SIZES)
    figures = [figure for name in sizes for figure in of_size(name, SIZES[name])]
    peaks = [figure.value for figure in figures if figure.unit == "MB" and "ours" in figure.name]
    return [*figures, Figure("peak memory of ours, any size", max(peaks), "MB", PEAK_GOAL)]


def of_size(name: str, rows: int) -> list[Figure]:
    """The figures of one size of table."""
    with own_server() as (local, server):
        say(f"{name}: making the table ...")
        make(server, rows)
        courses = {span: Course(server, local.pid(), window) for span, window in SPANS.items()}
        figures = [figure for span, course in courses.items() for figure in of_course(name, span, course)]
        for span in ("month", "day"):
            figures += of_course(name, span, replace(courses[span], replaces=True))
        return [*figures, *notebook(f"{name} month", courses["month"])] if name == "1M" else figures


def make(server: Server, rows: int) -> None:
    """The full source, the empty target, the ledger."""
    for database in ("source", "target"):
        with server.connect(database) as connection:
            connection.execute(TABLE)
            connection.execute(INDEX)
    with server.connect("source") as source:
        source.execute(ROWS % (rows, rows - 1))
        source.execute("VACUUM ANALYZE readings")
    ledger.upgrade(server.url("ledger"))


def of_course(size: str, span: str, course: Course) -> list[Figure]:
    """Ours against psql, for one window."""
    name = f"{size} {span}, replaced" if course.replaces else f"{size} {span}"
    say(f"{name}: three times each ...")
    found = take_turns({"ours": partial(apart, ours, course), "psql": partial(psql, course)}, course.reset)
    course.check()
    ours_took, psql_took = found["ours"], found["psql"]
    return [
        *(Figure(f"{name}, {who}", run.seconds, "s") for who, run in found.items()),
        Figure(f"{name}, ours / psql", ours_took.seconds / psql_took.seconds, "ratio", RATIO_GOALS[span]),
        *(Figure(f"{name}, {who}, CPU", run.cpu, "s") for who, run in found.items()),
        Figure(f"{name}, ours, peak memory", ours_took.peak, "MB"),
    ]


def notebook(name: str, course: Course) -> list[Figure]:
    """What pandas takes, once."""
    say(f"{name}: pandas, once ...")
    course.reset()
    run = apart(pandas, course)
    return [Figure(f"{name}, pandas", run.seconds, "s"), Figure(f"{name}, pandas, peak memory", run.peak, "MB")]


if __name__ == "__main__":
    main("load", ABOUT, measure)
