"""A small project on real databases, whose Dagster is driven step by step: ticks of the sensor, and their runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property

import dagster as dg
import psycopg

from recon_assets import ledger, review
from recon_assets.checks import Count, Fields, Keys
from recon_assets.ledger import Ledger
from recon_assets.model import (
    Calendar,
    Case,
    CaseId,
    Database,
    Decision,
    Policy,
    Project,
    Relation,
    Resolution,
    TableSpec,
)
from recon_assets.orchestration.build_definitions import definitions
from recon_assets_tests.conftest import Fresh

DAYS = ("2025-01-01", "2025-01-02", "2025-01-03")
TABLE = "CREATE TABLE {} (id bigint PRIMARY KEY, at date NOT NULL, amount bigint)"
FILL = "INSERT INTO {} SELECT n, date '2025-01-01' + n % 3, n * 10 FROM generate_series(1, 60) AS n"
MISSING = CaseId("orders", "2025-01-02", "missing")
WRONG = CaseId("orders", "2025-01-02", "mismatched")
ASK = ("INSERT INTO orders VALUES (1000, '2025-01-03', 7)",)


def url(text: str) -> str:
    """As the plain driver wants it."""
    return text.replace("postgresql+psycopg://", "postgresql://")


@dataclass
class Shop:
    """Orders and planes in a source and a target, with a ledger and a Dagster."""

    source: str
    target: str
    ledger: str
    instance: dg.DagsterInstance
    policy: Policy = field(default_factory=Policy)

    def __post_init__(self) -> None:
        for database in (self.source, self.target):
            for table in ("orders", "customers"):
                self.run(database, TABLE.format(table), FILL.format(table))

    @staticmethod
    def run(database: str, *statements: str) -> list[tuple[object, ...]]:
        """Execute statements; what the last one gives."""
        with psycopg.connect(url(database), autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @cached_property
    def project(self) -> Project:
        """What is declared."""
        days = Calendar("at", date(2025, 1, 1), date(2025, 1, 4))
        checks = (Count(), Keys(), Fields())
        return Project(
            {"shop": Database("shop", self.source), "warehouse": Database("warehouse", self.target)},
            {
                name: TableSpec(
                    name,
                    Relation("shop", name),
                    Relation("warehouse", name),
                    ("id",),
                    days if name == "orders" else None,
                    checks=checks,
                    correct=self.policy,
                )
                for name in ("orders", "customers")
            },
        )

    @property
    def environ(self) -> dict[str, str]:
        """What names the ledger."""
        return {"RECON_LEDGER_URL": self.ledger}

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """What Dagster has loaded."""
        found = definitions(self.project, self.environ).get_repository_def()
        assert isinstance(found, dg.RepositoryDefinition)
        return found

    @contextmanager
    def book(self) -> Iterator[Ledger]:
        """The ledger."""
        with ledger.opened(self.ledger, self.project) as book:
            yield book

    def judge(self, table: str = "orders", **tags: str) -> dg.ExecuteInProcessResult:
        """A run of all checks of a table."""
        keys = [dg.AssetCheckKey(dg.AssetKey(table), check.name) for check in self.project.tables[table].checks]
        span = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
        return self.execute(dg.RunRequest(job_name="__ASSET_JOB", asset_check_keys=keys, tags={**span, **tags}))

    def tick(self) -> list[dg.RunRequest]:
        """One look of the sensor; what it asks for."""
        context = dg.build_sensor_context(instance=self.instance, repository_def=self.repository)
        return list(self.repository.get_sensor_def("recon_review").evaluate_tick(context).run_requests or ())

    def skipped(self) -> str:
        """Why a look of the sensor asks for nothing."""
        context = dg.build_sensor_context(instance=self.instance, repository_def=self.repository)
        return str(self.repository.get_sensor_def("recon_review").evaluate_tick(context).skip_message)

    def execute(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """One run that was asked for."""
        job = self.repository.get_job(str(request.job_name))
        if request.asset_check_keys:
            job = job.get_subset(asset_selection=set(), asset_check_selection=set(request.asset_check_keys))
        return job.execute_in_process(instance=self.instance, tags=dict(request.tags), raise_on_error=False)

    def work(self, ticks: int = 8) -> list[str]:
        """Tick, and do what is asked for, until nothing is; the jobs that ran."""
        done = list[str]()
        for _ in range(ticks):
            requests = self.tick()
            if not requests:
                return done
            for request in requests:
                assert self.execute(request).success
                done.append(str(request.job_name))
        msg = f"still at it after {ticks} ticks: {done}"
        raise AssertionError(msg)

    def materialize(self, asset: str, case: str, **config: object) -> dg.ExecuteInProcessResult:
        """What a person does in the launchpad."""
        job = self.repository.get_job("__ASSET_JOB").get_subset(asset_selection={dg.AssetKey(asset)})
        chosen = {"ops": {f"recon_{asset}": {"config": config}}} if config else {}
        return job.execute_in_process(
            instance=self.instance, partition_key=case, run_config=chosen, raise_on_error=False
        )

    def decide(self, case: CaseId, decision: Decision, note: str = "agreed") -> None:
        """What a person does on the page."""
        with self.book() as book:
            review.decide(book, self.project, case, Resolution(decision), who="ana", note=note, at=datetime.now(UTC))

    def undo(self, case: CaseId) -> None:
        """What a person does on the page, later."""
        with self.book() as book:
            review.undo(book, case, who="ana", note="a mistake", at=datetime.now(UTC))

    def case(self, case: CaseId) -> Case:
        """A case as it stands."""
        with self.book() as book, book.begin() as connection:
            found = ledger.find_case(connection, case)
        assert found
        return found

    def partitions(self, asset: str) -> set[str]:
        """The cases of which an asset is materialized."""
        return set(self.instance.get_materialized_partitions(dg.AssetKey(asset)))

    def undecided(self) -> set[str]:
        """The partitions of `review_decisions` that are missing."""
        return set(self.instance.get_dynamic_partitions("recon_cases")) - self.partitions("review_decisions")

    def orders(self, database: str) -> list[tuple[object, ...]]:
        """All orders of a side."""
        return self.run(database, "SELECT * FROM orders ORDER BY id")


def shop(fresh: Fresh, durable: dg.DagsterInstance, policy: Policy | None = None) -> Shop:
    """Both sides equal, nothing judged."""
    return Shop(fresh("postgresql"), fresh("postgresql"), fresh("ledger"), durable, policy or Policy())
