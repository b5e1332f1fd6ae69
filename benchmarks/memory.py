"""How much memory a comparison takes, and how long it lasts, for tables and damage of awkward shapes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from harness import Figure, Run, apart, main, own_server, say
from processes import peak_memory

from recon_assets import checks, compare
from recon_assets.checks.running import evaluate
from recon_assets.model import Calendar, Check, Database, Project, Relation, TableSpec
from recon_assets_tests import mariadb

ABOUT = """\
Compares two tables whose shape or damage once took more memory than the machine could spare: no windows, everything
different, every key twice, an empty target, one key many times, as many groups as rows. No window is passed, unless the
shape is about windows. Each comparison runs in a new process, whose peak memory is the figure; servers don't count.

Every shape has the same limit. Counts must be what was planted, or there are no figures.

python benchmarks/memory.py            all sizes; takes about a quarter of an hour
python benchmarks/memory.py --quick    a tenth of the rows
python benchmarks/memory.py --json     one JSON object, for a program; exit code 1 when a limit is exceeded
"""
LIMIT = 200.0
"""MB that a process may take at most, of which Python and our imports are about 90."""
FIRST = date(2022, 1, 1)


@dataclass(frozen=True)
class Shape:
    """Two tables and what is wrong with them.

    Attributes:
        rows: How many the statements make; without ``--quick``.
        source, target: What each side's table ``t`` is filled with, as a query of ``n``, a number from 0 on.
        columns: Of the table; MariaDB's are the same.
        wrong: Missing, extra and mismatched records, as shares of the rows, or whole numbers where below 0.
        compare: How the comparison is asked for besides.
        check: Compares through this check, over ``days`` days, instead of by `compare`.
        both: Whether MariaDB is a target too.
    """

    rows: int
    source: str
    target: str | None
    columns: str = "id bigint PRIMARY KEY, v text"
    wrong: Mapping[str, Callable[[int], int]] = field(default_factory=dict)
    compare: Mapping[str, object] = field(default_factory=dict)
    check: Check | None = None
    days: int = 0
    both: bool = False


def everything(rows: int) -> int:
    """Of as many records as there are."""
    return rows


PLAIN = "n, 'value number ' || n"
TWICE = "n / 2, 'value number ' || n"
SHAPES: Mapping[str, Shape] = {
    "no window, 0.03 % different": Shape(
        10_000_000,
        PLAIN,
        "n, 'value number ' || n || CASE WHEN mod(n, 3333) = 1 THEN '!' ELSE '' END",
        wrong={"mismatched": lambda rows: len(range(1, rows, 3333))},
    ),
    "no window, all different": Shape(
        3_000_000, PLAIN, "n, 'another value ' || n", wrong={"mismatched": everything}, both=True
    ),
    "every key twice": Shape(500_000, TWICE, TWICE, "id bigint, v text"),
    "every key twice, all different": Shape(
        500_000,
        TWICE,
        "n / 2, 'another value ' || n",
        "id bigint, v text",
        wrong={"missing": everything, "extra": everything},
    ),
    "one key, all different": Shape(
        500_000,
        "1, 'value number ' || n",
        "1, 'another value ' || n",
        "id bigint, v text",
        wrong={"missing": everything, "extra": everything},
    ),
    "one key 3,000 times, near by a tolerance": Shape(
        3_000,
        "1, n",
        "1, n + 0.5",
        "id bigint, v numeric(20,2)",
        compare={"rules": {"v": {"abs": "0.75"}}},
    ),
    "all in flight": Shape(
        200_000,
        "n, 'value number ' || n, now()",
        "n, 'another value ' || n, now()",
        "id bigint PRIMARY KEY, v text, touched timestamptz",
        compare={"grace_period": timedelta(hours=1), "updated_at": "touched"},
    ),
    "800 days of an empty target": Shape(
        800_000,
        "n, 'value number ' || n, '2022-01-01'::timestamptz + n / 1000 * interval '1 day' + interval '1 hour'",
        None,
        "id bigint PRIMARY KEY, v text, touched timestamptz",
        wrong={"missing": everything},
        check=checks.Keys(),
        days=800,
    ),
    "count by, each row a group": Shape(
        500_000,
        "n, 'group number ' || n",
        "n, 'another group ' || n",
        check=checks.Count(by=("v",)),
        wrong={"differing": lambda rows: 2 * rows},
    ),
}


def ours(name: str, rows: int, source: str, target: str) -> Run:
    """Compare in a process of its own, and see that what was planted is found."""
    shape = SHAPES[name]
    began = datetime.now(UTC)
    found = judged(shape, source, target) if shape.check else compared(shape, source, target)
    seconds = (datetime.now(UTC) - began).total_seconds()
    wanted = {kind: count(rows) for kind, count in shape.wrong.items()}
    if found != wanted:
        msg = f"found {found}, expected {wanted}; the figures mean nothing"
        raise SystemExit(msg)
    return Run(seconds, peak_memory())


def compared(shape: Shape, source: str, target: str) -> dict[str, int]:
    """What `compare` counts, without zeros."""
    found = compare(source, "t", target, "t", key=["id"], **shape.compare)  # type: ignore[arg-type]
    counts = {kind: getattr(found.counts, kind) for kind in ("missing", "extra", "mismatched")}
    return {kind: count for kind, count in counts.items() if count}


def judged(shape: Shape, source: str, target: str) -> dict[str, int]:
    """What the check counts, window by window; findings are let go as they come."""
    days = Calendar("touched", FIRST, FIRST + timedelta(days=shape.days)) if shape.days else None
    spec = TableSpec("t", Relation("s", "t"), Relation("t", "t"), ("id",), days, checks=(shape.check,))  # type: ignore[arg-type]
    project = Project({"s": Database("s", source), "t": Database("t", target)}, {"t": spec})
    windows = list(days.windows(date.max)) if days else [spec.window("all")]
    wrong, kind = 0, next(iter(shape.wrong))
    for finding in evaluate(project, spec, windows, now=datetime.now(UTC)):
        if finding.error:
            raise SystemExit(finding.error)
        wrong += finding.wrong
    return {kind: wrong}


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - the command line's switch
    """All figures."""
    with databases() as (source, targets):
        found: list[Figure] = []
        for name, shape in SHAPES.items():
            rows = shape.rows // 10 if quick and shape.rows > 10_000 else shape.rows
            fill(source, shape, shape.source, rows)
            for database, target in targets.items():
                if database == "PG" or shape.both:
                    say(f"{name}, {rows:,} rows, PG-{database} ...")
                    fill(target, shape, shape.target, rows)
                    run = apart(ours, name, rows, source, target)
                    title = f"{name}, {rows:,} rows, PG-{database}"
                    found += [Figure(title, run.peak, "MB", LIMIT), Figure(title, run.seconds, "s")]
    return found


@contextmanager
def databases() -> Iterator[tuple[str, Mapping[str, str]]]:
    """The URL of an empty source, and of empty targets by the database's short name."""
    with ExitStack() as stack:
        _, server = stack.enter_context(own_server())
        targets = {"PG": server.url("target")}
        if lacking := mariadb.missing():
            say(f"no MariaDB ({lacking})")
        else:
            other = stack.enter_context(mariadb.running())
            other.execute("CREATE DATABASE target")
            targets["MariaDB"] = other.url("target")
        yield server.url("source"), targets


def fill(url: str, shape: Shape, query: str | None, rows: int) -> None:
    """Make table ``t`` anew. MariaDB counts by its sequence engine, and joins texts by ``||`` when told to."""
    engine = sa.create_engine(url)
    mysql = engine.dialect.name == "mysql"
    numbers = f"(SELECT seq AS n FROM seq_0_to_{rows - 1}) AS s" if mysql else f"generate_series(0, {rows - 1}) AS n"
    with engine.begin() as connection:
        if mysql:
            connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')")
        connection.exec_driver_sql("DROP TABLE IF EXISTS t")
        connection.exec_driver_sql(f"CREATE TABLE t ({shape.columns})")
        if query:
            connection.exec_driver_sql(f"INSERT INTO t SELECT {query} FROM {numbers}".replace("%", "%%"))
    if not mysql:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE t")
    engine.dispose()


if __name__ == "__main__":
    main(Path(__file__).stem, ABOUT, measure)
