"""A small declared project, and sides of a table that do what a test says: Dagster's behaviour is what is tested."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date

import dagster as dg

from recon_assets.model import Database, Days, Loaded, Project, Relation, TableSpec, Window
from recon_assets.orchestration.assets import table
from recon_assets.orchestration.loading import LoadConfig, Opener, Sides

NEW_YORK = Days("time_hour", date(2013, 3, 1), date(2013, 4, 1), "America/New_York")
OPS = Database("ops", "postgresql+psycopg://reader:s3cret@source.example/ops")
WAREHOUSE = Database("warehouse", "postgresql+psycopg://writer:s3cret@target.example/dwh")


def spec(name: str = "flights", days: Days | None = NEW_YORK, group: str = "travel") -> TableSpec:
    """One declared table."""
    source, target = Relation("ops", f"public.{name}"), Relation("warehouse", f"analytics.{name}")
    return TableSpec(name, source, target, ("id",), days, group=group, owners=("team:data",))


FLIGHTS = spec()
AIRLINES = spec("airlines", None)
PROJECT = Project({"ops": OPS, "warehouse": WAREHOUSE}, {"flights": FLIGHTS, "airlines": AIRLINES})


def ten_rows(window: Window, config: LoadConfig) -> Loaded:
    """A load that found ten new rows."""
    return Loaded(window, config.mode, read=10, inserted=10, bytes=100, seconds=0.5, dry_run=config.dry_run)


@dataclass
class Scripted:
    """Sides whose load is a function; remembers each window that it was asked for."""

    load_one: Callable[[Window, LoadConfig], Loaded] = ten_rows
    asked: list[Window] = field(default_factory=list)

    def load(self, window: Window, config: LoadConfig) -> Loaded:
        """Remember the window and do as the script says."""
        self.asked.append(window)
        return self.load_one(window, config)

    def schema(self) -> dg.TableSchema:
        """Two columns."""
        return dg.TableSchema([dg.TableColumn("id", "integer"), dg.TableColumn("time_hour", "timestamptz")])

    def reach(self) -> Opener:
        """An opener that always leads here."""

        @contextmanager
        def opened(_spec: TableSpec) -> Iterator[Sides]:
            yield self

        return opened


def job(sides: Scripted, declared: TableSpec = FLIGHTS) -> dg.JobDefinition:
    """The job that materializes one table."""
    named = dg.define_asset_job("load")
    assets = [table(declared, WAREHOUSE, sides.reach())]
    return dg.Definitions(assets, jobs=[named], executor=dg.in_process_executor).resolve_job_def("load")


def days(first: str, last: str, **more: str) -> dict[str, str]:
    """The tags of a run over a range of days."""
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last, **more}


def config(**values: object) -> dict[str, object]:
    """The run config of the flights table."""
    return {"ops": {"flights": {"config": values}}}


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
