"""A small declared project, and sides of a table that do what a test says: Dagster's behaviour is what is tested."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date

import dagster as dg

from recon_assets.model import (
    GRADED,
    Calendar,
    Check,
    Database,
    Evidence,
    Finding,
    Grading,
    Loaded,
    Need,
    NotGatheredError,
    Project,
    Relation,
    Severity,
    TableSpec,
    Window,
)
from recon_assets.orchestration.assets import table
from recon_assets.orchestration.checking import Judge
from recon_assets.orchestration.loading import LoadConfig, Opener, Sides
from recon_assets.orchestration.resources import Connections, RunContext

NEW_YORK = Calendar("time_hour", date(2013, 3, 1), date(2013, 4, 1), "America/New_York")
OPS = Database("ops", "postgresql+psycopg://reader:s3cret@source.example/ops")
WAREHOUSE = Database("warehouse", "postgresql+psycopg://writer:s3cret@target.example/dwh")


def spec(name: str = "flights", days: Calendar | None = NEW_YORK, group: str = "travel") -> TableSpec:
    """One declared table."""
    source, target = Relation("ops", f"public.{name}"), Relation("warehouse", f"analytics.{name}")
    return TableSpec(name, source, target, ("id",), days, group=group, owners=("team:data",))


FLIGHTS = spec()
AIRLINES = spec("airlines", None)
PROJECT = Project({"ops": OPS, "warehouse": WAREHOUSE}, {"flights": FLIGHTS, "airlines": AIRLINES})
CONNECTIONS = Connections(PROJECT, {})


def ten_rows(window: Window, config: LoadConfig) -> Loaded:
    """A load that found ten new rows."""
    return Loaded(window, config.mode, read=10, inserted=10, bytes=100, seconds=0.5, dry_run=config.dry_run)


@dataclass
class Scripted:
    """Sides whose load is a function; remembers each window that it was asked for."""

    load_one: Callable[[Window, LoadConfig], Loaded] = ten_rows
    asked: list[Window] = field(default_factory=list)
    written: int = 0

    def load(self, window: Window, config: LoadConfig) -> Loaded:
        """Remember the window and do as the script says."""
        self.asked.append(window)
        return self.load_one(window, config)

    def schema(self) -> dg.TableSchema:
        """Two columns."""
        return dg.TableSchema([dg.TableColumn("id", "integer"), dg.TableColumn("time_hour", "timestamptz")])

    def note_written(self) -> None:
        """Remember it."""
        self.written += 1

    def reach(self) -> Opener:
        """An opener that always leads here."""

        @contextmanager
        def opened(_spec: TableSpec, _context: RunContext) -> Iterator[Sides]:
            yield self

        return opened


@dataclass(frozen=True)
class Promise:
    """A check whose verdicts a test writes down."""

    name: str
    daily: bool = True
    blocking: bool = False
    grading: Grading = GRADED
    kind: str = "promise"
    description: str = "What was promised holds."
    columns_used: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()

    def judge(self, evidence: Evidence) -> Finding:
        """It is never asked."""
        raise NotGatheredError(evidence.where)


@dataclass
class Verdicts:
    """A judge that fails what it is told to fail; remembers what it was asked for."""

    failing: set[tuple[str, str]] = field(default_factory=set)
    asked: list[tuple[str, str]] = field(default_factory=list)
    find: Callable[[Finding], Finding] = lambda finding: finding

    def __call__(self, declared: TableSpec, windows: Sequence[Window], names: Sequence[str]) -> Iterator[Finding]:
        """A finding of each window and check."""
        checks = [check for check in declared.checks if check.name in names]
        for check in checks:
            for window in [window.key for window in windows] if check.daily else ["all"]:
                self.asked.append((check.name, window))
                yield self.find(self.finding(declared, check, window))

    def finding(self, declared: TableSpec, check: Check, window: str) -> Finding:
        """Ten records of a hundred are wrong, or none."""
        wrong = 10 if (check.name, window) in self.failing else 0
        return Finding(
            check.name,
            declared.name,
            window,
            passed=not wrong,
            summary=f"{declared.name} {window}: {wrong} of 100 records differ",
            source=100,
            target=100 - wrong,
            wrong=wrong,
            of=100,
            severity=Severity.HIGH if wrong else None,
        )


def checked(*promises: Promise, declared: TableSpec = FLIGHTS) -> TableSpec:
    """The table with these checks."""
    return replace(declared, checks=promises)


def job(sides: Scripted, declared: TableSpec = FLIGHTS, judge: Judge | None = None) -> dg.JobDefinition:
    """The job that materializes and checks one table."""
    named = dg.define_asset_job("load")
    judged = judge or Verdicts()
    assets = [table(declared, CONNECTIONS, sides.reach(), lambda _: judged)]
    return dg.Definitions(assets, jobs=[named], executor=dg.in_process_executor).resolve_job_def("load")


def days(first: str, last: str, **more: str) -> dict[str, str]:
    """The tags of a run over a range of days."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last, **more}


def config(**values: object) -> dict[str, object]:
    """The run config of the flights table."""
    return {"ops": {"recon_load_flights": {"config": values}}}


def failing(*bad: str) -> Callable[[Window, LoadConfig], Loaded]:
    """A load that fails for these days."""

    def load(window: Window, settings: LoadConfig) -> Loaded:
        if window.key in bad:
            msg = f"flights {window}: the day is broken"
            raise ValueError(msg)
        return ten_rows(window, settings)

    return load


def no_rows(window: Window, settings: LoadConfig) -> Loaded:
    """A load of a day that is empty in the source."""
    return replace(ten_rows(window, settings), read=0, inserted=0)
