"""How fast two tables are compared, record by record: ours beside reladiff, fastrecon and DuckDB."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time as clock
from functools import partial
from pathlib import Path

import planted
import sqlalchemy as sa
from harness import Figure, Run, apart, main, own_server, say, take_turns
from processes import cpu_seconds, peak_memory, process_with
from rivals import Outcome, Task

from recon_assets import compare, dialect, reading
from recon_assets.model import Calendar, Database, Measure, Relation, TableSpec
from recon_assets_tests import mariadb

ABOUT = """\
Compares two tables of 9 mixed columns over 365 days. In 20 of the days records differ, 0.03 % of all: missing, extra,
and mismatched in every column. 1M rows, and without --quick 10M rows too.

ours       recon_assets.compare, each time in a new process
reladiff   0.6.0: as its documentation has it (4 threads), and with the best settings that we found
fastrecon  0.9.3: with the faster of its two ways to read PostgreSQL
DuckDB     a full join of both tables, read by its PostgreSQL extension

The time is from before connecting until every record that differs is named; imports don't count. CPU is that of the
databases and of the contestant meanwhile. Contestants take turns, three times (with --quick: beside the rivals once);
figures are medians. Ours must find exactly what was planted, or there are no figures; who else finds other counts is
named. The rivals run in an environment of their own, that uv makes. Each run is told as it ends; interrupted (Ctrl-C,
`timeout`), the program prints the figures that it has so far.

  uv run python benchmarks/diff.py --quick     1M rows, a table
  uv run python benchmarks/diff.py --json      everything, for a program; exit code 1 when a goal is missed
"""
SIZES = {"1M": 1_000_000, "10M": 10_000_000}
FULL_TIMES, QUICK_TIMES = 3, 1
LARGEST_IN_MARIADB = SIZES["1M"]  # ten times as many take MariaDB ten times as long, and tell nothing new
A_DAY = planted.DAMAGED_DAYS[10]
YEAR = Calendar(planted.MOMENT, *planted.window(None))
SPEC = TableSpec("t", Relation("source", "t"), Relation("target", "t"), (planted.KEY,), YEAR)
DEFAULT, BEST = "reladiff, 4 threads", "reladiff, best settings"
# Where no goal is named for the best settings, they are for information.
GOALS: dict[str, dict[str, float | None]] = {
    "PG-PG": {DEFAULT: 1 / 8, BEST: 1 / 5, "DuckDB": 0.7, "fastrecon": 1.0},
    "PG-MariaDB": {DEFAULT: 1 / 2.5, BEST: None},
}
# A day of 2,740 rows is over before connecting to two databases has been paid for.
DAY_GOALS: dict[str, dict[str, float | None]] = {
    "1M": {DEFAULT: None, BEST: None},
    "10M": {DEFAULT: 1 / 8, BEST: None},
}
CHECKS_GOAL = 1.5
FLOOR_GOALS = {"1M PG-PG": 1.5, "10M PG-PG": 1.25, "1M PG-MariaDB": 1.5}
PEAK_GOAL, GROWTH_GOAL = 200.0, 1.1

# Both floors are what anybody would write by hand who needs no more than a digest of every day, and a sound one: the
# hash that PostgreSQL has for rows takes 25.50 for -25.50.
SAME_ENGINE = """
SELECT day, count(*), sum(digest >> 32), sum(digest & 4294967295) FROM (
    SELECT (at AT TIME ZONE 'UTC')::date AS day,
        hashbyteaextended(timestamptz_send(at), hashbyteaextended(coalesce(date_send(born), ''),
        hashint4extended(coalesce(active::integer, 2),
        hashtextextended(coalesce(name, ''), hashtextextended(coalesce(status, ''),
        hashbyteaextended(coalesce(float8send(ratio), ''), hashbyteaextended(coalesce(numeric_send(amount), ''),
        hashint4extended(account, hashbyteaextended(int8send(id), 1))))
        # CASE WHEN status IS NULL THEN 16 ELSE 0 END) # CASE WHEN name IS NULL THEN 16 ELSE 0 END)))) AS digest
    FROM t OFFSET 0
) AS rows GROUP BY day
"""
ANY_ENGINE = {
    "postgresql": """
SELECT day, count(*), sum(('x' || substr(digest, 1, 15))::bit(60)::bigint),
    sum(('x' || substr(digest, 16, 15))::bit(60)::bigint) FROM (
    SELECT (at AT TIME ZONE 'UTC')::date AS day, md5(concat(
        id, ';', account, ';', coalesce(trim_scale(amount)::text, '~'), ';', coalesce(ratio::text, '~'), ';',
        coalesce(octet_length(status) || ':' || status, '~'), coalesce(octet_length(name) || ':' || name, '~'),
        coalesce(active::integer::text, '~'), ';', coalesce(born::text, '~'), ';', at AT TIME ZONE 'UTC')) AS digest
    FROM t OFFSET 0
) AS rows GROUP BY day
""",
    "mysql": """
SELECT day, count(*), sum(cast(conv(substr(digest, 1, 15), 16, 10) AS unsigned)),
    sum(cast(conv(substr(digest, 16, 15), 16, 10) AS unsigned)) FROM (
    SELECT date(at) AS day, md5(concat(
        id, ';', account, ';', coalesce(trim(trailing '.' from trim(trailing '0' from amount)), '~'), ';',
        coalesce(ratio, '~'), ';', coalesce(concat(length(status), ':', status), '~'),
        coalesce(concat(length(name), ':', name), '~'), coalesce(active, '~'), ';', coalesce(born, '~'), ';', at
    )) AS digest FROM t LIMIT 18446744073709551615
) AS many GROUP BY day
""",
}


@dataclass(frozen=True)
class Course:
    """Two tables to be compared.

    Attributes:
        source, target: URLs of the databases; the tables have one name.
        day: Which of the days is compared; None compares all.
        wrong: How many records of each kind are to be found.
        servers: The processes whose CPU-seconds count, with all below them.
    """

    source: str
    target: str
    day: int | None = None
    wrong: Counter[str] = field(default_factory=Counter)
    servers: tuple[int, ...] = ()

    @property
    def sides(self) -> dict[str, str]:
        """Their URLs."""
        return {"source": self.source, "target": self.target}

    @property
    def names(self) -> str:
        """The two databases, for titles."""
        return "-".join(_SHORT[sa.make_url(url).get_backend_name()] for url in (self.source, self.target))

    @property
    def task(self) -> Task:
        """The same for a rival."""
        source, target = _connecting(self.source), _connecting(self.target)
        task = Task(source, target, "t", planted.KEY, planted.MOMENT, list(planted.COLUMNS))
        return task if self.day is None else Task(**{**asdict(task), **_span(planted.window(self.day))})

    def off(self, found: Mapping[str, int]) -> str:
        """In which way other records were found than were planted; empty when they are the same."""
        kinds = ("missing", "extra", "mismatched")
        return ", ".join(
            f"{found[kind]} {kind}, expected {self.wrong[kind]}" for kind in kinds if found[kind] != self.wrong[kind]
        )


_SHORT = {"postgresql": "PG", "mysql": "MariaDB"}


def _connecting(url: str) -> dict[str, object]:
    parts = sa.make_url(url)
    if parts.get_backend_name() == "mysql":
        return {
            "driver": "mysql",
            "unix_socket": parts.query["unix_socket"],
            "user": parts.username,
            "database": parts.database,
        }
    return {"driver": "postgresql", "user": parts.username, "dbname": parts.database, **parts.query}


def _span(days: tuple[date, date]) -> dict[str, str]:
    start, end = (datetime.combine(day, clock(), UTC).isoformat() for day in days)
    return {"start": start, "end": end}


def ours(course: Course) -> Run:
    """Compare, in a process of its own."""
    window = (planted.MOMENT, *planted.window(course.day), "UTC")
    began, cpu = time.monotonic(), time.process_time()
    found = compare(course.source, "t", course.target, "t", key=[planted.KEY], window=window, max_evidence=100_000)
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    off = course.off(asdict(found.counts)) or ("" if found.complete else "not all evidence is there")
    if off:
        msg = f"ours, {course.names}: {off}. The times mean nothing."
        raise SystemExit(msg)
    return Run(seconds, peak_memory(), cpu)


@dataclass(frozen=True)
class Rivals:
    """The environment in which they run, and how often each does."""

    python: Path
    home: Path
    times: int

    def run(self, course: Course, name: str) -> Run:
        """Have one of them compare."""
        outcome = Outcome(**json.loads(self.answer(name, json.dumps(asdict(course.task)))))
        off = course.off(asdict(outcome))
        if off:
            say(f"  {name} is wrong: {off}")
        return Run(outcome.seconds, outcome.peak, outcome.cpu)

    def answer(self, name: str, task: str = "") -> str:
        """What their program prints."""
        # DuckDB keeps its extensions in the home folder.
        environ = {**os.environ, "HOME": str(self.home)}
        command = [str(self.python), str(_PROGRAM), name]
        return subprocess.run(command, input=task, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout


_PROGRAM = Path(__file__).parent / "rivals.py"


@contextmanager
def environment(times: int) -> Iterator[Rivals]:
    """An environment for the rivals, made or found."""
    found = shutil.which("uv") or shutil.which("uv", path=_PROGRAM.parents[1] / ".uv" / "bin")
    if found is None:
        msg = "the rivals are fetched by uv, which is not on the PATH: https://docs.astral.sh/uv"
        raise SystemExit(msg)
    subprocess.run([found, "sync", "--quiet", "--locked", "--script", str(_PROGRAM)], check=True)
    where = [found, "python", "find", "--script", str(_PROGRAM)]
    python = subprocess.run(where, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="recon-bench-") as home:
        rivals = Rivals(Path(python), Path(home), times)
        rivals.answer("prepare")
        yield rivals


def scan(url: str, statement: str) -> Run:
    """A digest of every day of one side, by one core."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("SET max_parallel_workers_per_gather = 0"))
        began = time.monotonic()
        connection.execute(sa.text(statement.replace(":", "\\:"))).all()
        seconds = time.monotonic() - began
    engine.dispose()
    return Run(seconds)


def measured(course: Course, measures: Sequence[Measure]) -> Run:
    """Measure every day of both sides, in one scan."""
    with ExitStack() as stack:
        source, target = (dialect.engine(Database(name, url), role="source") for name, url in course.sides.items())
        stack.callback(source.dispose)
        stack.callback(target.dispose)
        pair = reading.pair_for_comparison(SPEC, source, target)
        snapshot = stack.enter_context(reading.snapshot(pair))
        began = time.monotonic()
        found = reading.measured(snapshot, measures, tuple(YEAR.windows(date.max)))
        seconds = time.monotonic() - began
    if len(found) < planted.DAYS:
        msg = f"{len(found)} days were measured, expected {planted.DAYS}; the times mean nothing"
        raise SystemExit(msg)
    return Run(seconds)


ONE_CHECK = (Measure("digest"),)
EIGHT_CHECKS = (
    *ONE_CHECK,
    Measure("count"),
    Measure("sum", "amount"),
    Measure("avg", "account"),
    Measure("min", "born"),
    Measure("max", "at"),
    Measure("nulls", "status"),
    Measure("sum", "ratio"),
)


def measure(quick: bool) -> Iterator[Figure]:  # noqa: FBT001 - the command line's switch
    """All figures, as they come."""
    sizes = list(SIZES)[:1] if quick else list(SIZES)
    figures = []
    with environment(QUICK_TIMES if quick else FULL_TIMES) as rivals:
        for name in sizes:
            for figure in of_size(name, SIZES[name], rivals):
                figures.append(figure)
                yield figure
    yield from of_memory(figures)


def of_size(name: str, rows: int, rivals: Rivals) -> Iterator[Figure]:
    """The figures of one size of table: equal, then with faults."""
    with tables(name, rows) as courses:
        for course in courses:
            yield from equal(f"{name} {course.names}", course)
        for side, url in {item for course in courses for item in course.sides.items()}:
            planted.plant(url, side, rows)
        damaged = [replace(course, wrong=planted.wrong(rows)) for course in courses]
        day = replace(damaged[0], day=A_DAY, wrong=planted.wrong(rows, A_DAY))
        for course in damaged:
            yield from contest(f"{name} {course.names}", course, GOALS[course.names], rivals)
        yield from contest(f"{name} {day.names}, a day", day, DAY_GOALS[name], rivals)


@contextmanager
def tables(name: str, rows: int) -> Iterator[list[Course]]:
    """Equal tables: on one server, and with MariaDB as the target where that is there."""
    with ExitStack() as stack:
        local, server = stack.enter_context(own_server())
        say(f"{name}: making the tables ...")
        planted.fill(server, rows)
        courses = [Course(server.url("source"), server.url("target"), servers=(local.pid(),))]
        if mariadb.missing() or rows > LARGEST_IN_MARIADB:
            say(f"{name}: no MariaDB ({mariadb.missing() or 'too large'})")
        else:
            other = stack.enter_context(mariadb.running())
            pids = (local.pid(), process_with(f"--socket={other.socket}"))
            courses.append(Course(server.url("source"), planted.copy(server, other), servers=pids))
        yield courses


def equal(name: str, course: Course) -> list[Figure]:
    """What a comparison takes over a plain scan, and what more checks take over one."""
    say(f"{name}, equal: three times each ...")
    floors = {f"digest of the {side}": partial(scan, url, _floor(course, url)) for side, url in course.sides.items()}
    contestants = {"ours": partial(apart, ours, course), **floors}
    found = take_turns({who: partial(counted, course, c) for who, c in contestants.items()}, _nothing)
    slower, goal = max(found[side].seconds for side in floors), FLOOR_GOALS[name]
    return [
        *(Figure(f"{name}, equal, {who}", run.seconds, "s") for who, run in found.items()),
        *(Figure(f"{name}, equal, {who}, CPU", run.cpu, "CPU-s") for who, run in found.items()),
        Figure(f"{name}, equal, ours / sound digest of the slower side", found["ours"].seconds / slower, "ratio", goal),
        *checks(name, course),
    ]


def _floor(course: Course, url: str) -> str:
    backends = {sa.make_url(side).get_backend_name() for side in course.sides.values()}
    return SAME_ENGINE if len(backends) == 1 else ANY_ENGINE[sa.make_url(url).get_backend_name()]


def checks(name: str, course: Course) -> list[Figure]:
    """What the figures of eight checks take over those of one."""
    say(f"{name}, figures of checks: three times each ...")
    contestants = {"1 check": partial(measured, course, ONE_CHECK), "8 checks": partial(measured, course, EIGHT_CHECKS)}
    found = take_turns(contestants, _nothing)
    return [
        *(Figure(f"{name}, figures of {who}", run.seconds, "s") for who, run in found.items()),
        Figure(f"{name}, 8 checks / 1", found["8 checks"].seconds / found["1 check"].seconds, "ratio", CHECKS_GOAL),
    ]


def counted(course: Course, contestant: Callable[[], Run]) -> Run:
    """The same run, with the CPU-seconds of the databases added to its own."""
    before = _spent(course)
    run = contestant()
    return replace(run, cpu=run.cpu + _spent(course) - before)


def _spent(course: Course) -> float:
    """The CPU-seconds of the databases; looked at more than once, since a process that ends just then is overlooked."""
    readings = []
    for _ in range(3):
        readings.append(cpu_seconds(*course.servers))
        time.sleep(0.1)
    return max(readings)


def contest(name: str, course: Course, goals: Mapping[str, float | None], rivals: Rivals) -> list[Figure]:
    """Ours against the rivals, where records differ."""
    say(f"{name}: {rivals.times} time(s) each ...")
    all_of_them = {"ours": partial(apart, ours, course), **{who: partial(rivals.run, course, who) for who in goals}}
    turns = {who: partial(counted, course, run) for who, run in all_of_them.items()}
    found = take_turns(turns, _nothing, times=rivals.times)
    return [
        *(Figure(f"{name}, {who}", run.seconds, "s") for who, run in found.items()),
        *(
            Figure(f"{name}, ours / {rival}", found["ours"].seconds / found[rival].seconds, "ratio", goal)
            for rival, goal in goals.items()
        ),
        *(Figure(f"{name}, {who}, CPU", run.cpu, "CPU-s") for who, run in found.items()),
        *(Figure(f"{name}, ours / {rival}, CPU", found["ours"].cpu / found[rival].cpu, "ratio") for rival in goals),
        *(Figure(f"{name}, {who}, peak memory", run.peak, "MB") for who, run in found.items()),
    ]


def of_memory(figures: list[Figure]) -> list[Figure]:
    """The most memory that ours had, and whether it grows with the table."""
    peaks = {figure.name: figure.value for figure in figures if figure.name.endswith(" ours, peak memory")}
    pairs = [(peak, peaks.get(f"10M{name[2:]}")) for name, peak in peaks.items() if name.startswith("1M ")]
    growth = [large / small for small, large in pairs if large]
    found = [Figure("ours, peak memory, the highest", max(peaks.values()), "MB", PEAK_GOAL)]
    return [*found, Figure("ours, peak memory, 10M / 1M", max(growth), "ratio", GROWTH_GOAL)] if growth else found


def _nothing() -> None:
    """Reading changes nothing that would have to be put back."""


if __name__ == "__main__":
    main("diff", ABOUT, measure)
