"""What it takes to fill a year, day by day, through Dagster's webserver, daemon and PostgreSQL storage."""

import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal

import dagster as dg
import sqlalchemy as sa
import yaml
from harness import Figure, Run, main, say, take_turns
from processes import cpu_seconds

from recon_assets import demo, dialect, reading
from recon_assets.declare.loader import DEMO_FILE
from recon_assets.local import Local
from recon_assets.model import Database
from recon_assets.orchestration import local_deployment
from recon_assets.orchestration.backfills import Progress, Wanted
from recon_assets.orchestration.local_deployment import Session
from recon_assets.orchestration.webserver import Webserver

ABOUT = """\
Fills the demo's flights (336,776 rows of 2013) into an empty target by a real partition backfill: launched by the
webserver, run by the daemon, each day with a transaction and a status of its own. Beside it the same with a run for
each day, measured on 30 days that don't touch (with --quick: 3) and scaled to 365; and once more with the demo's
eight checks of flights, each judged for each day by the run that loaded it.

wall  seconds from the launch to the moment at which the last day was reported as materialized; with checks, until the
      backfill has ended
CPU   seconds (user and system) that all processes spend meanwhile: webserver, daemon, code server, runs, PostgreSQL,
      and this program, which follows the backfill. Starting Dagster is not part of it, and shown beside it.

Three times each, in turns; figures are medians. It needs Linux: CPU-seconds are read from /proc.

  uv run python benchmarks/backfill.py           the year; exit code 1 when a goal is missed
  uv run python benchmarks/backfill.py --quick   the same path for two months, once; the goals are for the year
"""
YEAR_DAYS = 365
GOAL, GOAL_WITH_CHECKS = 60.0, 120.0
"""Of a year: seconds by the clock, and CPU-seconds."""
PROJECT_VARIABLES = ("RECON_", "DAGSTER_")


@dataclass(frozen=True)
class Size:
    """How much is done: days in months, days alone, and how often."""

    days: int
    alone: int
    times: int


FULL, QUICK = Size(YEAR_DAYS, 30, 3), Size(62, 3, 1)


class OneByOne(Wanted):
    """Windows of which each is to have a run of its own."""

    @property
    def bridged(self) -> bool:
        """Days between the wanted ones are left alone."""
        return False


def measure(quick: bool) -> list[Figure]:  # noqa: FBT001 - the command line's switch
    """All figures."""
    size = QUICK if quick else FULL
    with course(checks=False) as (plain, started):
        found = contest(plain, size)
    with course(checks=True) as (judging, _):
        say(f"{size.days} days in runs of 31, each judged by 8 checks ...")
        fill = {"judged": partial(judging.fill, judging.wanted(days=size.days))}
        judged = take_turns(fill, judging.reset, times=size.times)["judged"]
    return [
        *of_year(found["months"], size, "", GOAL),
        *of_year(judged, size, " and 8 checks", GOAL_WITH_CHECKS),
        *of_days(found["days"], size),
        *of_start(started),
    ]


@contextmanager
def course(*, checks: bool) -> Iterator[tuple["Course", Run]]:
    """Dagster on the demo, with or without its checks, and what it took to start."""
    with opened(checks=checks) as (session, server):
        spent = partial(cpu_seconds, os.getpid(), server.pid())
        cpu, began = spent(), time.monotonic()
        with session.served() as running:
            started = Run(time.monotonic() - began, cpu=spent() - cpu)
            yield Course(session, running.webserver, spent, checks), started


@contextmanager
def opened(*, checks: bool) -> Iterator[tuple[Session, Local]]:
    """The demo in databases of its own."""
    with tempfile.TemporaryDirectory(prefix="recon-bench-") as home:
        environ = {name: value for name, value in os.environ.items() if not name.startswith(PROJECT_VARIABLES)}
        tables = declared(Path(home), checks=checks)
        with local_deployment.session(
            {**environ, "RECON_HOME": home, "RECON_TABLES": str(tables)}, prepare=make
        ) as session:
            yield session, Local(Path(home))


def declared(folder: Path, *, checks: bool) -> Path:
    """The demo's declaration, with or without its checks."""
    content = yaml.safe_load(DEMO_FILE.read_text())
    for table in content["tables"].values():
        table["checks"] = table.get("checks", []) if checks else []
    written = folder / "tables.yaml"
    written.write_text(yaml.safe_dump(content, default_flow_style=None))
    return written


def make(environ: Mapping[str, str]) -> None:
    """Both databases as the demo has them."""
    demo.create(environ["RECON_SOURCE_URL"], environ["RECON_TARGET_URL"], say=say)


@dataclass(frozen=True)
class Course:
    """A project whose Dagster runs, and how much CPU its processes have spent so far."""

    session: Session
    webserver: Webserver
    spent: Callable[[], float]
    checks: bool

    def wanted(self, *, days: int, step: int = 1) -> Wanted:
        """The first days of the year, or every other of them."""
        everything = self.session.everything(self.session.project.tables["flights"])
        kind = Wanted if step == 1 else OneByOne
        return kind(everything.spec, everything.windows[: days * step : step])

    def reset(self) -> None:
        """Empty the target."""
        with self.engine("target") as target, target.begin() as connection:
            connection.execute(sa.text("TRUNCATE analytics.flights"))

    @contextmanager
    def engine(self, side: Literal["source", "target"]) -> Iterator[sa.Engine]:
        """One of the two databases."""
        engine = dialect.engine(Database(side, self.session.environ[f"RECON_{side.upper()}_URL"]), role="target")
        try:
            yield engine
        finally:
            engine.dispose()

    def rows_by_day(self, side: Literal["source", "target"], wanted: Wanted) -> dict[str, int]:
        """How many rows each of the wanted days has."""
        with self.engine(side) as engine:
            found = reading.counts_by_window(engine, wanted.spec, side, datetime.now(UTC))
        return {day: rows for day, rows in found.items() if day in wanted.windows}

    def fill(self, wanted: Wanted) -> Run:
        """Launch a backfill and follow it to its end."""
        cpu, began = self.spent(), time.time()
        _, steps = self.session.fill(self.webserver, [wanted])
        (last,) = deque(steps, maxlen=1)
        spent, ended = self.spent() - cpu, time.time()
        self.check(wanted, last)
        return Run((ended if self.checks else self.last_materialized(wanted)) - began, cpu=spent)

    def last_materialized(self, wanted: Wanted) -> float:
        """When the last day was reported."""
        asked = dg.AssetKey(wanted.spec.name)
        return self.session.instance.fetch_materializations(asked, limit=1).records[0].timestamp

    def check(self, wanted: Wanted, last: Progress) -> None:
        """Hold that each day has a status of its own, and that its rows have arrived."""
        say(f"  {last.status}: {last}")
        complete = self.rows_by_day("target", wanted) == self.rows_by_day("source", wanted)
        if last.status != "COMPLETED_SUCCESS" or len(last.done) != len(wanted.windows) or not complete:
            msg = f"{last.status}: {last}; rows complete: {complete}. The times mean nothing. {last.error or ''}"
            raise SystemExit(msg)


def contest(course: Course, size: Size) -> dict[str, Run]:
    """Runs of a month each against runs of a day each."""
    months, days = course.wanted(days=size.days), course.wanted(days=size.alone, step=2)
    say(f"{size.days} days in runs of 31, and {size.alone} in runs of one, {size.times} time(s) each ...")
    contestants = {"months": partial(course.fill, months), "days": partial(course.fill, days)}
    return take_turns(contestants, course.reset, times=size.times)


def of_year(run: Run, size: Size, what: str, goal: float) -> list[Figure]:
    """The figures of the real way; the goals are for the whole year."""
    whole = goal if size.days == YEAR_DAYS else None
    return [
        Figure(f"{size.days} days{what}, wall", run.seconds, "s", whole),
        Figure(f"{size.days} days{what}, CPU", run.cpu, "CPU-s", whole),
    ]


def of_days(run: Run, size: Size) -> list[Figure]:
    """The figures of the other way, measured and scaled."""
    scale = YEAR_DAYS / size.alone
    return [
        Figure(f"{size.alone} days with a run each, wall", run.seconds, "s"),
        Figure(f"{size.alone} days with a run each, CPU", run.cpu, "CPU-s"),
        Figure("365 days with a run each, wall (scaled)", run.seconds * scale, "s"),
        Figure("365 days with a run each, CPU (scaled)", run.cpu * scale, "CPU-s"),
    ]


def of_start(run: Run) -> list[Figure]:
    """What it takes until Dagster is there."""
    return [
        Figure("start of webserver, daemon and code server, wall", run.seconds, "s"),
        Figure("start of webserver, daemon and code server, CPU", run.cpu, "CPU-s"),
    ]


if __name__ == "__main__":
    main("backfill", ABOUT, measure)
