"""Engines whose sessions all speak the same: UTC, UTF-8, strict, bounded in time and number."""

from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets.dialect import sqlite
from recon_assets.errors import DeclarationError, UnavailableError
from recon_assets.model import Database

Role = Literal["source", "target"]
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "duckdb": "duckdb",
    "sqlite": "sqlite",
}
_DRIVER_OF = {"postgresql": {"psycopg"}, "mysql": {"pymysql"}, "mariadb": {"pymysql"}}


def check_url(url: str, name: str = "database") -> sa.URL:
    """The URL with the driver that we use; no message ever repeats it, for it may hold a password.

    Raises:
        DeclarationError: When it is no URL, names an unknown database or driver, or carries ``?password=``.
    """
    parsed = _parsed(url)
    if parsed is None:
        msg = f"{name}: not a database URL; expected the form postgresql://user:password@host:5432/database"
        raise DeclarationError(msg)
    family, _, driver = parsed.drivername.partition("+")
    if family not in DRIVERS:
        msg = f"{name}: no support for {family!r}; use one of {', '.join(sorted(DRIVERS))}"
        raise DeclarationError(msg)
    if driver and driver not in _DRIVER_OF.get(family, set()):
        msg = f"{name}: driver {driver!r} is not used here; write {family}:// and the right one is taken"
        raise DeclarationError(msg)
    for option in parsed.query:
        if "passw" in option.lower():
            msg = f"{name}: ?{option}= would show in logs; write {family}://user:password@host/database"
            raise DeclarationError(msg)
    return parsed.set(drivername=DRIVERS[family])


def _parsed(url: str) -> sa.URL | None:
    """None for what is no URL: the parser's error may repeat a part of it, so nobody shall see that."""
    try:
        return sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        return None


def engine(database: Database, *, role: Role) -> sa.Engine:
    """An engine for one declared database; as ``source`` its sessions refuse every write.

    It opens at most ``database.connections`` connections, and a statement ends after
    ``database.statement_timeout``. Nothing is connected yet.

    Raises:
        DeclarationError: When the URL cannot be used, or names a file that is not there.
    """
    url = check_url(database.url, database.name)
    family = url.get_backend_name()
    if family in _FILES:
        _need_file(url, database)
    _need_driver(url, database)
    made = sa.create_engine(
        url,
        connect_args=_CONNECT[family](database, role, url),
        pool_size=database.connections,
        max_overflow=0,
        pool_pre_ping=True,
        poolclass=sa.pool.QueuePool,
        hide_parameters=True,
        **({} if family in _FILES else {"isolation_level": _isolation(role)}),
    )
    if family == "sqlite":
        sa.event.listen(made, "connect", _query_only)
        sa.event.listen(made, "connect", sqlite.install)
    if family in {"mysql", "mariadb"}:
        sa.event.listen(made, "connect", _mysql_timeout(database))
    return made


_FILES = {"duckdb", "sqlite"}


def _isolation(role: Role) -> Any:
    """A source is read at one moment; a target shows what others committed before our lock."""
    return "REPEATABLE READ" if role == "source" else "READ COMMITTED"


def _need_driver(url: sa.URL, database: Database) -> None:
    try:
        url.get_dialect().import_dbapi()
    except (ModuleNotFoundError, sa.exc.NoSuchModuleError) as error:
        msg = (
            f"{database.name}: the driver of {url.drivername} is not installed."
            " Install it: pip install 'recon-assets[mysql,duckdb]'"
        )
        raise UnavailableError(msg) from error


def _need_file(url: sa.URL, database: Database) -> None:
    if not url.database or not Path(url.database).is_file():
        msg = f"{database.name}: there is no file {url.database or '(none named)'}; write {url.drivername}:///path/to/file"
        raise DeclarationError(msg)


def _postgresql(database: Database, role: Role, url: sa.URL) -> dict[str, Any]:
    settings = {
        "timezone": "UTC",
        "datestyle": "ISO,YMD",
        "client_encoding": "UTF8",
        "extra_float_digits": "1",
        "statement_timeout": f"{database.statement_timeout.total_seconds():.0f}s",
        "default_transaction_read_only": "on" if role == "source" else "off",
    }
    asked = url.query.get("options", "")
    own = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return {
        "options": f"{asked if isinstance(asked, str) else ' '.join(asked)} {own}".strip(),
        "application_name": f"recon-assets {role}",
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "prepare_threshold": None,
    }


def _mysql(_: Database, role: Role, __: sa.URL) -> dict[str, Any]:
    access = "READ ONLY" if role == "source" else "READ WRITE"
    return {
        "charset": "utf8mb4",
        "connect_timeout": 10,
        "sql_mode": ",".join(_STRICT),
        "init_command": f"SET SESSION TRANSACTION {access}",
    }


# Nothing is cut, rounded to a zero date, or counted up where a 0 was meant.
_STRICT = (
    "STRICT_ALL_TABLES",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "NO_ENGINE_SUBSTITUTION",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_VALUE_ON_ZERO",
)


def _mysql_timeout(database: Database) -> Any:
    """MariaDB counts in seconds and for every statement, MySQL in milliseconds and for SELECT."""

    def connected(connection: Any, _: Any) -> None:
        seconds = database.statement_timeout.total_seconds()
        mariadb = "MariaDB" in connection.get_server_info()
        limit = f"max_statement_time = {seconds}" if mariadb else f"max_execution_time = {seconds * 1000:.0f}"
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION time_zone = '+00:00', {limit}")

    return connected


def _duckdb(_: Database, role: Role, __: sa.URL) -> dict[str, Any]:
    return {"read_only": role == "source"}


def _sqlite(_: Database, __: Role, ___: sa.URL) -> dict[str, Any]:
    return {"check_same_thread": False}


def _query_only(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA query_only = ON")


_CONNECT = {"postgresql": _postgresql, "mysql": _mysql, "mariadb": _mysql, "duckdb": _duckdb, "sqlite": _sqlite}
