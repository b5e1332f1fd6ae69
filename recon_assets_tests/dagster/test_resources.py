"""Databases and the ledger as resources of a team's Dagster: every kind there is, and no password shown."""

from dataclasses import dataclass, replace
from functools import cached_property

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._serdes import serialize_value
from dagster_duckdb import DuckDBResource

from recon_assets import ReconDatabase, dialect
from recon_assets.errors import DeclarationError
from recon_assets.model import Database, Decision, Project
from recon_assets.orchestration.build_definitions import definitions
from recon_assets.orchestration.loading_order import loading_order
from recon_assets.orchestration.resources import Connections
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.example import PROJECT
from recon_assets_tests.dagster.reviewed import WRONG, Shop

URL = "postgresql://reader:s3cret@source.example:5432/ops?sslmode=require"


@dataclass
class Engines:
    """What a team has written for itself."""

    url: str

    def get_engine(self) -> sa.Engine:
        """An engine that was not connected yet."""
        return sa.create_engine(self.url)


@dataclass
class Resources:
    """The resources of a run."""

    ops: object


def declared(backend: str, url: str = "") -> Connections:
    """The project of which one database is a resource."""
    ops = Database("ops", url, resource="ops", dialect=backend)
    return Connections(Project({**PROJECT.databases, "ops": ops}, PROJECT.tables), {})


@pytest.mark.parametrize(
    ("backend", "resource", "url"),
    [
        pytest.param("postgresql", ReconDatabase(url=URL), URL, id="ours"),
        pytest.param("postgresql", Engines(URL.replace(":", "+psycopg2:", 1)), URL, id="get_engine, another driver"),
        pytest.param("postgresql", Engines(URL).get_engine(), URL, id="an engine"),
        pytest.param(
            "duckdb", DuckDBResource(database="/data/ops.duckdb"), "duckdb:////data/ops.duckdb", id="DuckDBResource"
        ),
    ],
)
def test_a_database_is_whatever_resource_a_team_has(backend: str, resource: object, url: str) -> None:
    """Its URL is taken, for sessions of our own; databases with URLs stay as they are."""
    found = declared(backend).project_in(Resources(resource)).databases
    assert found["ops"].url == url
    assert found["warehouse"] == PROJECT.databases["warehouse"]
    assert "s3cret" not in repr(found) + repr(ReconDatabase(url=URL))


def test_a_resource_that_is_no_such_database_is_named() -> None:
    """Another dialect than declared, or no database at all; without a word of the URL."""
    with pytest.raises(DeclarationError, match=r"declared as mysql, and the resource `ops` is postgresql"):
        declared("mysql").project_in(Resources(ReconDatabase(url=URL)))
    with pytest.raises(DeclarationError, match=r"the resource `ops` is a str, which is no database") as raised:
        declared("mysql").project_in(Resources(URL))
    assert "s3cret" not in str(raised.value)


def test_a_password_in_a_resource_is_refused_while_definitions_load() -> None:
    """Dagster stores in every run what a resource was given, but for the names of environment variables."""
    with pytest.raises(DeclarationError, match=r"holds a password"):
        load(ReconDatabase(url=URL))
    load(ReconDatabase(url=dg.EnvVar("OPS")))
    load(ReconDatabase(url=URL.replace(":s3cret", "")))


def load(resource: ReconDatabase) -> None:
    """What Dagster does with a code location that has it."""
    dg.Definitions.validate_loadable(dg.Definitions(resources={"ops": resource}))


def test_outside_of_runs_a_resource_is_not_there() -> None:
    """Tables are ordered by their references then; whatever opens such a database says what to declare."""
    ops = declared("postgresql").project.databases["ops"]
    assert loading_order(replace(PROJECT, databases={"warehouse": ops})).unknown == {}
    with pytest.raises(DeclarationError, match=r"ops: it is the Dagster resource `ops`.*`url: \{env: NAME\}`"):
        dialect.engine(ops, role="source")


@dataclass
class Resourceful(Shop):
    """A shop whose source, target and ledger are resources of the team's own definitions."""

    @cached_property
    def project(self) -> Project:
        """What is declared: no URL at all."""
        databases = {
            name: Database(name, "", resource=f"{name}_db", dialect="postgresql") for name in ("shop", "warehouse")
        }
        return replace(super().project, databases=databases)

    @property
    def environ(self) -> dict[str, str]:
        """Names nothing."""
        return {}

    @cached_property
    def resources(self) -> dict[str, object]:
        """One of each kind."""
        return {
            "shop_db": Engines(self.source),
            "warehouse_db": ReconDatabase(url=dg.EnvVar("TEAM_WAREHOUSE")),
            "recon_ledger": ReconDatabase(url=dg.EnvVar("TEAM_LEDGER")),
        }

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """Ours, merged into the team's."""
        ours = definitions(self.project, self.environ, "recon_ledger")
        found = dg.Definitions.merge(ours, dg.Definitions(resources=self.resources)).get_repository_def()
        assert isinstance(found, dg.RepositoryDefinition)
        return found

    def tick(self) -> list[dg.RunRequest]:
        """One look of the sensor; what it asks for."""
        context = dg.build_sensor_context(
            instance=self.instance, repository_def=self.repository, resources=self.resources
        )
        return list(self.repository.get_sensor_def("recon_review").evaluate_tick(context).run_requests or ())


def test_all_of_a_case_goes_by_resources(
    fresh: Fresh, durable: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checks, the case and its correction; nothing that Dagster keeps of runs has a password."""
    team = Resourceful(fresh("postgresql"), fresh("postgresql"), fresh("ledger"), durable)
    monkeypatch.setenv("TEAM_WAREHOUSE", team.target)
    monkeypatch.setenv("TEAM_LEDGER", team.ledger)
    team.run(team.target, "UPDATE orders SET amount = 0 WHERE id = 7")

    assert team.judge().success
    team.work()
    team.decide(WRONG, Decision.APPLY_SOURCE)
    team.work()

    assert team.orders(team.target) == team.orders(team.source)
    urls = (team.source, team.target, team.ledger)
    kept = [serialize_value(durable.get_job_snapshot(str(run.job_snapshot_id))) for run in durable.get_runs()]
    kept += [str(entry) for run in durable.get_runs() for entry in durable.all_logs(run.run_id)]
    assert kept
    assert not [url for url in urls for text in kept if url in text]
