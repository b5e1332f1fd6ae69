"""Opening the ledger: its engine, and its schema, which is brought up to date when somebody asks for it."""

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from recon_assets import dialect
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.locks import alone, locked
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.ledger.projects import check_owner, engine_of, project_of
from recon_assets.ledger.schema import REVISION, SCHEMA
from recon_assets.model import Database, Project

_PATIENCE = timedelta(seconds=60)
_VERSION = sa.table("alembic_version", sa.column("version_num", sa.Text), schema=SCHEMA)


@dataclass(frozen=True)
class Ledger:
    """The memory of a project. The functions of this package say what is in it, within a transaction of it."""

    engine: sa.Engine

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction: kept when the block ends, undone when it raises.

        Raises:
            UnavailableError: When the database does not answer, or gave up half-way.
        """
        with driver_errors("ledger"), self.engine.begin() as connection:
            yield connection

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Whether nobody else in this project holds the lock ``name``, which is ours then until the block ends."""
        return alone(self.engine, f"{project_of(self.engine)} {name}")


@contextmanager
def opened(url: str, project: Project) -> Iterator[Ledger]:
    """The ledger at ``url``, of which a project sees its own rows. Its schema stays as it is: `upgrade` changes it.

    Raises:
        DeclarationError: When the URL is none of PostgreSQL.
        RefusedError: When the schema is not the one that this program knows, or the project is another's; see
            `projects.check_owner`.
        UnavailableError: When the database does not answer.
    """
    with _engine(url) as engine:
        book = Ledger(engine_of(engine, project))
        with driver_errors("ledger"):
            found = _revision(engine)
        if found != REVISION:
            raise RefusedError(_misfit(engine, found))
        with book.begin() as connection:
            check_owner(connection)
        yield book


def is_begun(url: str) -> bool:
    """Whether there is a ledger at ``url``, of whatever schema."""
    with _engine(url) as engine, driver_errors("ledger"):
        return _revision(engine) is not None


def _misfit(engine: sa.Engine, found: str | None) -> str:
    if found and found > REVISION:
        return _TOO_NEW
    is_at = f"its schema is at {found} and this program needs {REVISION}" if found else "its schema is not there yet"
    return f"ledger in {engine.url.database}: {is_at}; run `recon ledger upgrade` once nothing older uses it"


_TOO_NEW = "ledger: its schema is newer than this program knows; update recon-assets, or use another ledger"

_TOO_OLD = (
    "ledger: its schema is none that this program has ever made, as of a version before the first release, so that it"
    " cannot be brought up to date; use an empty database (of the embedded one: delete the folder .recon)"
)


def upgrade(url: str) -> tuple[str | None, str]:
    """Brings the schema up to date; the revision before (None: there was no schema) and after.

    Raises:
        DeclarationError: When the URL is none of PostgreSQL.
        RefusedError: When a newer version of the program has changed the schema, or none that we know has made it.
        UnavailableError: When the database does not answer.
    """
    with _engine(url) as engine, driver_errors("ledger"):
        found = _revision(engine)
        if found != REVISION:
            with engine.begin() as connection, locked(connection, "recon ledger upgrade"):
                _migrate(connection, found)
        return found, REVISION


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    parsed = dialect.check_url(url, "ledger")
    if parsed.get_backend_name() != "postgresql":
        msg = (
            f"ledger: {parsed.get_backend_name()} cannot hold the ledger; use postgresql://user:password@host/database"
        )
        raise DeclarationError(msg)
    # Its transactions are short: who waits longer than this waits for something that hangs.
    with dialect.opened(Database("ledger", url), role="target", lock_timeout=_PATIENCE) as engine:
        yield engine


def _revision(engine: sa.Engine) -> str | None:
    try:
        with engine.connect() as connection:
            return connection.scalar(sa.select(_VERSION.c.version_num))
    except sa.exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NO_SUCH_TABLE:
            raise
        return None


_NO_SUCH_TABLE = "42P01"
_NOT_AS_CREATED = {_NO_SUCH_TABLE, "42703", "42P07", "42701", "42704"}
"""A table, column or index is missing, or there already: by another hand, or a version that was never released."""


def _migrate(connection: sa.Connection, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - slow to import, and rarely needed
    from alembic.util import CommandError  # noqa: PLC0415

    logging.getLogger("alembic").setLevel(logging.WARNING)
    connection.execute(sa.schema.CreateSchema(SCHEMA, if_not_exists=True))
    try:
        command.upgrade(scripts(connection), "head")
    except CommandError as error:
        raise RefusedError(_TOO_NEW if found and found > REVISION else _TOO_OLD) from error
    except sa.exc.ProgrammingError as error:
        of_another_make = getattr(error.orig, "sqlstate", None) in _NOT_AS_CREATED
        told = RefusedError(_TOO_OLD) if of_another_make else error
        raise told from error.orig


def scripts(connection: sa.Connection) -> Any:
    """What alembic needs to know to work on ``connection``."""
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
