"""Engines whose sessions all speak the same: UTC, UTF-8, strict, bounded in time and number."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect import cancelling, files, session_settings, sqlite_functions
from recon_assets.dialect.database_urls import check_url, mysql_arguments, postgresql_settings, url_of
from recon_assets.dialect.session_settings import MysqlSettings, PostgresqlSettings, Role
from recon_assets.errors import DeclarationError, not_installed
from recon_assets.model import Database

__all__ = ["Role", "check_url", "engine", "for_reading", "opened", "opened_frame"]

_FILES = {"duckdb", "sqlite"}


def engine(database: Database, *, role: Role, lock_timeout: timedelta | None = None) -> sa.Engine:
    """An engine for one declared database; as ``source`` its sessions refuse every write.

    It opens at most ``database.connections`` connections, and a statement ends after
    ``database.statement_timeout``. Nothing is connected yet. What its sessions set is told by `session_settings`.

    Args:
        database: Where to, by a URL.
        role: What it is used for.
        lock_timeout: How long PostgreSQL waits for a lock; None for most of what a statement may take.

    Raises:
        DeclarationError: When the URL cannot be used, or names a file that is not there.
    """
    url = url_of(database)
    family = url.get_backend_name()
    if family in _FILES:
        _need_file(url, database)
    _need_driver(url, database)
    if family == "files":
        made = files.engine(url, database.name, **_pool(database))
        sa.event.listen(made, "connect", session_settings.duckdb)
    elif family == "postgresql":
        asked, startup = postgresql_settings(url)
        plain = _with_options(url, startup)
        # Its hstore is text to us, and to look for the type costs five statements.
        made = _server(plain, database, role, _postgresql_arguments(url, role), use_native_hstore=False)
        PostgresqlSettings(database, asked, lock_timeout).install(made, role)
    elif family in _FILES:
        made = _file(url, database, role)
    else:
        made = _server(url.set(query={}), database, role, _mysql_arguments(url, database))
        MysqlSettings(database).install(made, role)
    cancelling.follow(made)
    return made


@contextmanager
def opened_frame(frame: Any, name: str) -> Iterator[sa.Engine]:
    """An engine that reads a frame as a table, whatever that table is called.

    Raises:
        DeclarationError: When it is no frame, or DuckDB, which reads it, is not installed.
    """
    database = Database(name, "files:")
    _need_driver(check_url(database.url, name), database)
    made = files.engine_of_frame(frame, name, **_pool(database))
    sa.event.listen(made, "connect", session_settings.duckdb)
    cancelling.follow(made)
    try:
        yield made
    finally:
        made.dispose()


@contextmanager
def opened(database: Database, *, role: Role, lock_timeout: timedelta | None = None) -> Iterator[sa.Engine]:
    """The same, with all connections closed when the block ends."""
    made = engine(database, role=role, lock_timeout=lock_timeout)
    try:
        yield made
    finally:
        made.dispose()


def for_reading(made: sa.Engine) -> sa.Engine:
    """The same connections for transactions that read one moment, as those of a source do; see `begin_reading`."""
    return made.execution_options(isolation_level="REPEATABLE READ")


def _server(url: sa.URL, database: Database, role: Role, arguments: dict[str, Any], **more: Any) -> sa.Engine:
    """A source is read at one moment; a target shows what others committed before our lock."""
    isolation: Any = "REPEATABLE READ" if role == "source" else "READ COMMITTED"
    return sa.create_engine(url, connect_args=arguments, isolation_level=isolation, **_pool(database), **more)


def _file(url: sa.URL, database: Database, role: Role) -> sa.Engine:
    if url.get_backend_name() == "duckdb":
        made = sa.create_engine(url, connect_args={"read_only": role == "source"}, **_pool(database))
        sa.event.listen(made, "connect", session_settings.duckdb)
        return made
    made = sa.create_engine(url, connect_args={"check_same_thread": False}, **_pool(database))
    sa.event.listen(made, "connect", _query_only)
    sa.event.listen(made, "connect", sqlite_functions.install)
    return made


def _pool(database: Database) -> dict[str, Any]:
    return {
        "pool_size": database.connections,
        "max_overflow": 0,
        "pool_pre_ping": True,
        "poolclass": sa.pool.QueuePool,
        "hide_parameters": True,
    }


def _need_driver(url: sa.URL, database: Database) -> None:
    is_files = url.get_backend_name() == "files"
    try:
        (sa.URL.create("duckdb") if is_files else url).get_dialect().import_dbapi()
    except (ModuleNotFoundError, sa.exc.NoSuchModuleError) as error:
        extra = "duckdb" if is_files or url.drivername == "duckdb" else "mysql"
        driver = f"{database.name}: the driver of {url.drivername}"
        raise not_installed(driver, extra) from error


def _need_file(url: sa.URL, database: Database) -> None:
    if not url.database or not Path(url.database).is_file():
        msg = f"{database.name}: there is no file {url.database or '(none named)'}; write {url.drivername}:///path/to/file"
        raise DeclarationError(msg)


def _with_options(url: sa.URL, startup: str) -> sa.URL:
    plain = url.difference_update_query(["options"])
    return plain.update_query_dict({"options": startup}) if startup else plain


def _postgresql_arguments(url: sa.URL, role: Role) -> dict[str, Any]:
    """What a URL says of itself is left to it."""
    own = {
        "application_name": f"recon-assets {role}",
        "connect_timeout": 10,
        **session_settings.KEEPALIVE.libpq(),
    }
    left = {name: value for name, value in own.items() if name not in url.query}
    # Poolers know no other start-up parameters than these; prepared statements are the server's that they lend.
    return {**left, "client_encoding": "utf8", "prepare_threshold": None}


def _mysql_arguments(url: sa.URL, database: Database) -> dict[str, Any]:
    return {
        **mysql_arguments(url, database.name),
        "charset": "utf8mb4",
        "connect_timeout": 10,
        "read_timeout": 10,  # of the greeting; statements get theirs afterwards
        "write_timeout": 10,
    }


def _query_only(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA query_only = ON")
