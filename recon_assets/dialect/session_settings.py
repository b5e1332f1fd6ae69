"""What each session sets, and reads back: nothing of a server, a role or a pooler may bend what is read or written.

PostgreSQL's settings are made with the first statement of every transaction and end with it: start-up options are
refused or dropped by poolers, and behind one that lends out servers by the transaction nothing else lasts.
MySQL's are made once, when a connection is opened. A setting that does not stick is an error before anything is read.
"""

import re
import shlex
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable

from recon_assets.errors import DeclarationError
from recon_assets.model import Database

Role = Literal["source", "target"]


@dataclass(frozen=True)
class Keepalive:
    """How a connection asks whether the other end is still there while it waits; all in seconds.

    After ``idle`` seconds without a packet it asks every ``interval`` seconds, and gives up after ``patience``.
    """

    idle: int = 15
    interval: int = 10
    patience: int = 45

    def libpq(self) -> dict[str, str]:
        """As arguments of PostgreSQL's client."""
        return {
            "keepalives": "1",
            "keepalives_idle": str(self.idle),
            "keepalives_interval": str(self.interval),
            "keepalives_count": str(max(1, self.patience // self.interval)),
            "tcp_user_timeout": str(self.patience * 1000),
        }

    def apply(self, connected: socket.socket) -> None:
        """To a connection whose driver has no arguments for it; not all systems have all of the options."""
        if connected.family == socket.AF_UNIX:
            return
        wanted = {
            "TCP_KEEPIDLE": self.idle,
            "TCP_KEEPINTVL": self.interval,
            "TCP_KEEPCNT": max(1, self.patience // self.interval),
            "TCP_USER_TIMEOUT": self.patience * 1000,
        }
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name in wanted.keys() & vars(socket).keys():
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), wanted[name])


KEEPALIVE = Keepalive()
"""A network that vanishes is noticed within a minute."""

_WITHOUT_LIMIT = "0"
_POSTGRESQL = {
    # what values look like, and how texts become values
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "xmlbinary": "base64",
    "xmloption": "content",
    "lc_monetary": "C",
    "timezone_abbreviations": "Default",
    "array_nulls": "on",
    # what statements mean
    "standard_conforming_strings": "on",
    "quote_all_identifiers": "off",
    "transform_null_equals": "off",
    # which rows there are: a policy that would hide some is an error then, and no index gives up early
    "row_security": "off",
    "gin_fuzzy_search_limit": "0",
    # A side waits while the other one works, for longer than roles are often allowed to.
    "idle_in_transaction_session_timeout": _WITHOUT_LIMIT,
}
_TRANSACTION_TIMEOUT = 170000  # the version that has it


@dataclass
class PostgresqlSettings:
    """The settings of the sessions of one engine.

    Attributes:
        database: Whose they are.
        asked: Settings that the URL asks for; ours win.
        lock_timeout: How long a statement waits for a lock; None for most of the time that it may take, so that it
            ends by the one limit or the other, and the error says which.
        search_path: Where unqualified names are looked for, for as long as the engine lives: what the URL asks for,
            else what the database gives to new sessions of the role, whatever somebody else has set in this one.
    """

    database: Database
    asked: Mapping[str, str] = field(default_factory=dict)
    lock_timeout: timedelta | None = None
    search_path: str | None = None

    def install(self, made: sa.Engine, role: Role) -> None:
        """Makes every transaction of the engine begin with its settings; a source's can only read."""

        def connected(connection: Any, _: Any) -> None:
            connection.read_only = True if role == "source" else None  # of a target, as its operators have it
            made.dialect.server_encoding = connection.info.parameter_status("server_encoding")  # type: ignore[attr-defined]
            made.dialect._backslash_escapes = False  # type: ignore[attr-defined]  # noqa: SLF001 - see above

        sa.event.listen(made, "connect", connected)

        def begun(connection: sa.Connection) -> None:
            found = self._begun(connection)
            if role == "target":
                self._need_triggers(found[_REPLICATION])

        sa.event.listen(made, "begin", begun)

    def _begun(self, connection: sa.Connection) -> dict[str, str]:
        """Sets all, and reads back all, in one statement."""
        plain: Any = connection.connection.driver_connection
        own = self._own(plain.info.server_version)
        wanted = {**self._others(own), **own, _SEARCH_PATH: self.search_path or self.asked.get(_SEARCH_PATH)}
        lists = {"names": list(wanted), "settings": list(wanted.values())}
        with plain.cursor() as cursor:
            rows = cursor.execute(_set_local(), lists).fetchall()
        found = {_REPLICATION: rows[-1][2], **{name: setting for name, setting, _ in rows}}
        self.search_path = found[_SEARCH_PATH]
        refuse_others(self.database.name, own, found)
        self._need_own_functions(found[_SEARCH_PATH])
        return found

    def _need_own_functions(self, search_path: str) -> None:
        """Else somebody's ``encode`` or type ``date`` would make values what they are not."""
        names = [name.strip(' "') for name in search_path.split(",")]
        if _CATALOG in names[1:]:
            first = ", ".join([_CATALOG, *(name.strip() for name in search_path.split(",") if _CATALOG not in name)])
            msg = (
                f"{self.database.name}: search_path names {_CATALOG} after other schemas, whose functions and types"
                f" would stand for PostgreSQL's own. Set another one for the role (ALTER ROLE .. SET search_path ="
                f" {first}), or in the URL (options=-csearch_path%3D..)."
            )
            raise DeclarationError(msg)

    def _need_triggers(self, replication_role: str) -> None:
        """Only superusers can set it, so that it is asked for and left alone."""
        if replication_role != _ORIGIN:
            msg = (
                f"{self.database.name}: {_REPLICATION} is {replication_role!r} and not {_ORIGIN!r}, so foreign keys and"
                f" triggers may not be checked for what is written. Reset it for the database and the role"
                f" (ALTER DATABASE .. RESET {_REPLICATION}; ALTER ROLE .. RESET {_REPLICATION})."
            )
            raise DeclarationError(msg)

    def _own(self, version: int) -> dict[str, str]:
        return {
            **_POSTGRESQL,
            "statement_timeout": _milliseconds(self.database.statement_timeout),
            "lock_timeout": _milliseconds(self.lock_timeout or self.database.statement_timeout * 0.9),
            **({"transaction_timeout": _WITHOUT_LIMIT} if version >= _TRANSACTION_TIMEOUT else {}),
        }

    def _others(self, own: Mapping[str, str]) -> dict[str, str]:
        ours = {*(name.lower() for name in own), _SEARCH_PATH}
        return {name: value for name, value in self.asked.items() if name.lower() not in ours}


_SEARCH_PATH = "search_path"
_CATALOG = "pg_catalog"
_REPLICATION, _ORIGIN = "session_replication_role", "origin"
_PSYCOPG: sa.Dialect = PGDialect_psycopg()  # type: ignore[no-untyped-call]


def _milliseconds(time: timedelta) -> str:
    return f"{time.total_seconds() * 1000:.0f}ms"


@cache
def _set_local() -> str:
    """A statement that sets ``names`` to ``settings`` until the transaction ends, and gives back what they are then.

    And the replication role. It is short whatever is set, for it is read at the start of every transaction. A setting
    of None is what it is in a new session, whatever somebody else has made of it in this one.
    """
    texts, until_the_end = ARRAY(sa.Text), True
    lists = (sa.bindparam(name, type_=texts) for name in ("names", "settings"))
    columns = (sa.column(name, sa.Text) for name in ("name", "setting"))
    given = sa.func.unnest(*lists).table_valued(*columns).render_derived(name="given")
    known = sa.table("pg_settings", sa.column("name"), sa.column("reset_val"), schema=_CATALOG)
    default = sa.select(known.c.reset_val).where(known.c.name == given.c.name).scalar_subquery()
    value = sa.func.coalesce(given.c.setting, default)
    set_all = sa.func.set_config(given.c.name, value, sa.literal_column(str(until_the_end)))
    role = sa.func.current_setting(sa.literal_column(f"'{_REPLICATION}'"))
    return str(sa.select(given.c.name, set_all, role).compile(dialect=_PSYCOPG))


def startup_options(options: str) -> tuple[dict[str, str], str]:
    """The settings among a URL's ``options``, which no session needs to be started with, and the rest of them."""
    settings, rest = {}, []
    words = iter(shlex.split(options))
    for word in words:
        given = next(words, "") if word == "-c" else word.removeprefix("--" if word.startswith("--") else "-c")
        name, equals, value = given.partition("=")
        if equals and (word.startswith(("-c", "--"))):
            settings[name.replace("-", "_")] = value
        else:
            rest.append(word)
    return settings, " ".join(rest)


class set_session(Executable, sa.sql.ClauseElement):  # noqa: N801 - SQL is lower case
    """MySQL's ``SET SESSION name = value, ..``."""

    inherit_cache = False

    def __init__(self, values: Mapping[str, str | int | float]) -> None:
        self.values = values


@compiles(set_session, "mysql", "mariadb")
def _set_session_mysql(element: Any, compiler: Any, **_: Any) -> str:
    written = (f"{name} = {_literal(value, compiler)}" for name, value in element.values.items())
    return f"SET SESSION {', '.join(written)}"


def _literal(value: str | float, compiler: Any) -> str:
    plain = value == _SERVERS_OWN or not isinstance(value, str)
    return str(value if plain else compiler.render_literal_value(value, sa.String()))


# Nothing is cut, rounded to a zero date, or counted up where a 0 was meant.
STRICT = (
    "STRICT_ALL_TABLES",
    "NO_ZERO_DATE",
    "NO_ZERO_IN_DATE",
    "NO_ENGINE_SUBSTITUTION",
    "ERROR_FOR_DIVISION_BY_ZERO",
    "NO_AUTO_VALUE_ON_ZERO",
)
_HOURS_IDLE = 8 * 3600
_MYSQL_SETTINGS: Mapping[str, str | int] = {
    "sql_mode": ",".join(STRICT),
    "time_zone": "+00:00",
    # which rows there are
    "sql_select_limit": 2**64 - 1,
    "sql_auto_is_null": 0,
    # what expressions of a relation's query give
    "group_concat_max_len": 2**30,
    "div_precision_increment": 4,
    "default_week_format": 0,
    "lc_time_names": "en_US",
    # what may be asked and written
    "sql_big_selects": 1,
    "sql_safe_updates": 0,
    "foreign_key_checks": 1,
    "unique_checks": 1,
    # of staging tables, which must be rolled back too and hold long texts
    "default_storage_engine": "InnoDB",
    "default_tmp_storage_engine": "InnoDB",
    "completion_type": "NO_CHAIN",
    "sql_quote_show_create": 1,
    # A side waits while the other one works, and reads in its own time.
    "wait_timeout": _HOURS_IDLE,
    "net_read_timeout": 600,
    "net_write_timeout": 3600,
}
_SERVERS_OWN = "DEFAULT"
_MARIADB: Mapping[str, str | int] = {
    "check_constraint_checks": 1,
    "system_versioning_asof": _SERVERS_OWN,  # no value names the present
    "idle_transaction_timeout": 0,
    "idle_readonly_transaction_timeout": 0,
    "idle_write_transaction_timeout": 0,
}
_UTF8 = {f"character_set_{part}": "utf8mb4" for part in ("client", "connection", "results")}
_COLLATION = {"collation_connection": "utf8mb4_bin"}
"""By which texts that are no column's are compared: SQLAlchemy's SET NAMES leaves it to the server."""
_MYSQL_DIALECT = MySQLDialect_pymysql()
MARGIN = timedelta(minutes=1)
"""How much longer than a statement may take an answer is waited for."""


@dataclass(frozen=True)
class MysqlSettings:
    """The settings of the sessions of one engine, made when a connection is opened."""

    database: Database

    def install(self, made: sa.Engine, role: Role) -> None:
        """Makes every connection of the engine begin with its settings; a source's can only read."""

        def connected(connection: Any, _: Any) -> None:
            # The driver's only time-out for answers is that of the greeting until here.
            connection._read_timeout = connection._write_timeout = self._patience()  # noqa: SLF001
            KEEPALIVE.apply(connection._sock)  # noqa: SLF001
            with connection.cursor() as cursor:
                cursor.execute(_written(set_session(self._wanted(connection, role))))

        def ready(connection: Any, _: Any) -> None:
            wanted = {**self._wanted(connection, role), **_UTF8, **_COLLATION}
            with connection.cursor() as cursor:
                cursor.execute(_written(set_session(_COLLATION)))
                cursor.execute(_written(_session_variables(wanted)))
                found = dict(zip(wanted, cursor.fetchone(), strict=True))
            refuse_others(self.database.name, wanted, found)

        # First of all: SQLAlchemy commits before it asks anything, which a server may make the end of a session.
        sa.event.listen(made, "connect", connected, insert=True)
        # Last of all: what SQLAlchemy sets is looked at, too.
        sa.event.listen(made, "connect", ready)

    def _patience(self) -> float:
        """Any statement has been answered or ended by then, unless its server cannot be reached any more."""
        return (self.database.statement_timeout + MARGIN).total_seconds()

    def _wanted(self, connection: Any, role: Role) -> dict[str, str | int | float]:
        return self.wanted(mariadb="MariaDB" in connection.get_server_info(), role=role)

    def wanted(self, *, mariadb: bool, role: Role) -> dict[str, str | int | float]:
        """What is set. MariaDB counts in seconds and for every statement, MySQL in milliseconds and for SELECT."""
        seconds = self.database.statement_timeout.total_seconds()
        limit = {"max_statement_time": seconds} if mariadb else {"max_execution_time": round(seconds * 1000)}
        # As in PostgreSQL: a lock is waited for nearly as long as a statement may take; the error says which it was.
        locks = dict.fromkeys(("lock_wait_timeout", "innodb_lock_wait_timeout"), max(1, int(seconds * 0.9)))
        reads = {"tx_read_only" if mariadb else "transaction_read_only": 1} if role == "source" else {}
        return {**_MYSQL_SETTINGS, **(_MARIADB if mariadb else {}), **limit, **locks, **reads}


def _written(statement: sa.sql.ClauseElement) -> str:
    return str(statement.compile(dialect=_MYSQL_DIALECT))


def _session_variables(names: Iterable[str]) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(sa.literal_column(f"@@session.{name}") for name in names))


def duckdb(connection: Any, _: Any) -> None:
    """A file has no sessions of others, but the zone is the machine's, and its macros come before functions.

    Raises:
        DeclarationError: When the file has a macro of the name of a function, which ours would mean.
    """
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # after two seconds it would stand amid a command's output
    found = connection.execute(_SHADOWING).fetchall()
    if found:
        names = ", ".join(name for (name,) in found)
        msg = f"the DuckDB file has macros that would stand for DuckDB's own functions: {names}; rename or drop them"
        raise DeclarationError(msg)


_SHADOWING = """
SELECT function_name FROM duckdb_functions() GROUP BY function_name
HAVING bool_or(internal) AND bool_or(NOT internal AND schema_name = 'main') ORDER BY 1
"""


def refuse_others(where: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Refuses a session in which something is not as it was set.

    Raises:
        DeclarationError: Naming what, and what it is instead.
    """
    others = [name for name, value in wanted.items() if _plain(value) != _plain(found[name])]
    if others:
        said = ", ".join(f"{name} is {found[name]!r} and not {wanted[name]!r}" for name in others)
        msg = (
            f"{where}: the session is not as it was told to be: {said}. Let the server leave this to its sessions;"
            " and if there is a pooler or proxy in between, let it pass SET on, or connect to the server itself."
        )
        raise DeclarationError(msg)


_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_TIME = re.compile(r"(\d+)(ms|s|min|h|d)")


def _plain(value: Any) -> Any:
    """A setting however its server writes it: a time in other units, a number with zeros, a list in another order."""
    written = str(value)
    time = _TIME.fullmatch(written)
    if time:
        return float(time[1]) * _UNITS[time[2]]
    try:
        return float(written)
    except ValueError:
        return frozenset(written.lower().replace(" ", "").split(","))
