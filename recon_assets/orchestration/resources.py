"""How Dagster's processes reach the databases and the ledger of a project: by URLs, or by resources of Dagster.

While definitions load, a resource is only a key. Runs and sensors have the resources that they require, and get
the project here with the URLs that these hold. Nothing is opened while definitions load.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import dagster as dg
import sqlalchemy as sa
from pydantic import ConfigDict, Field

from recon_assets import dialect, ledger
from recon_assets.declare.problems import holds_password
from recon_assets.errors import DeclarationError
from recon_assets.ledger import Ledger
from recon_assets.model import Database, Project, TableSpec
from recon_assets.orchestration.translation import UNPREFIXED, Naming

LEDGER_VARIABLE = "RECON_LEDGER_URL"


class ReconDatabase(dg.ConfigurableResource[Any]):
    """A database of a declaration that says ``{resource: KEY, dialect: postgresql}``, or the ledger.

    Write ``url=dg.EnvVar("NAME")``: Dagster stores and shows what a resource is given, but for environment variables.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(repr=False, description="Where it is, as postgresql://user:password@host:5432/database.")

    def get_resource_definition(self) -> Any:
        """What Dagster stores of it.

        Raises:
            DeclarationError: When a password would be stored, and shown to all who see Dagster's pages.
        """
        if not isinstance(self.url, dg.EnvVar) and holds_password(self.url):
            msg = 'ReconDatabase: the URL holds a password, which Dagster would show. Write url=dg.EnvVar("NAME").'
            raise DeclarationError(msg)
        return super().get_resource_definition()


class RunContext(Protocol):
    """What the contexts of assets, checks and ops have in common."""

    @property
    def run(self) -> dg.DagsterRun:
        """The run."""

    @property
    def resources(self) -> Any:
        """The resources that the op requires, by their keys."""


@dataclass(frozen=True)
class Connections:
    """A project in a deployment: where its databases and its ledger are, and what things are called.

    Attributes:
        project: As it was declared.
        environ: Names the ledger by RECON_LEDGER_URL, unless a resource does.
        ledger: The key of the resource that is the ledger; "" for none.
        naming: What the project's tables, and all that is ours, are called in the deployment.
    """

    project: Project
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    ledger: str = ""
    naming: Naming = UNPREFIXED

    def resource_keys(self, *tables: TableSpec) -> set[str]:
        """The resources that work on these tables requires; the ledger's belongs to them."""
        databases = {relation.database for spec in tables for relation in (spec.source, spec.target)}
        keys = {self.project.databases[name].resource for name in databases}
        return (keys | {self.ledger}) - {""}

    def project_in(self, resources: Any) -> Project:
        """The project with the databases that are among the resources of a run or sensor.

        Raises:
            DeclarationError: When a resource is no database, or another one than was declared.
        """
        databases = {
            name: _resolved(database, getattr(resources, database.resource))
            if database.resource and hasattr(resources, database.resource)
            else database
            for name, database in self.project.databases.items()
        }
        return replace(self.project, databases=databases)

    def ledger_in(self, resources: Any = None) -> AbstractContextManager[Ledger]:
        """The ledger, open until a block ends.

        Raises:
            DeclarationError: When nothing says where it is.
        """
        if self.ledger:
            return ledger.opened(_url(self.ledger, getattr(resources, self.ledger)), self.project)
        if url := self.environ.get(LEDGER_VARIABLE):
            return ledger.opened(url, self.project)
        msg = (
            f"{LEDGER_VARIABLE} is not set: findings and decisions are kept in a PostgreSQL database of their own."
            f" Set it to postgresql://.., or start Dagster by `recon dev`, which brings one."
        )
        raise DeclarationError(msg)


def _resolved(database: Database, resource: Any) -> Database:
    """The database with the URL that its resource holds."""
    found = replace(database, url=_url(database.resource, resource))
    actual = dialect.check_url(found.url, database.name).get_backend_name()
    if actual != database.dialect:
        msg = (
            f"{database.name}: it is declared as {database.dialect}, and the resource `{database.resource}` is"
            f" {actual}. Write `dialect: {actual}`, or name another resource."
        )
        raise DeclarationError(msg)
    return found


def _url(key: str, resource: Any) -> str:
    """The URL that a resource holds."""
    if isinstance(resource, ReconDatabase):
        return resource.url
    get_engine = getattr(resource, "get_engine", None)
    engine = get_engine() if callable(get_engine) else resource
    if isinstance(engine, sa.Engine):
        # Our sessions have drivers of their own, for what others make of values depends on the driver.
        plain = engine.url.set(drivername=engine.url.get_backend_name())
        return plain.render_as_string(hide_password=False)
    if isinstance(getattr(resource, "database", None), str) and hasattr(resource, "get_connection"):
        return sa.URL.create("duckdb", database=resource.database).render_as_string()
    msg = (
        f"the resource `{key}` is a {type(resource).__name__}, which is no database that recon-assets knows: give a"
        " recon_assets.ReconDatabase, a DuckDBResource, an SQLAlchemy engine, or anything that has `get_engine()`."
    )
    raise DeclarationError(msg)
