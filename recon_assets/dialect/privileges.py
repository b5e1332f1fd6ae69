"""What a session's account may do, and the statements that make it right; plans without running."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable

from recon_assets.dialect.servers import qualified_name

WRITES = ("INSERT", "UPDATE", "DELETE")
TARGETS = ("postgresql", "mysql", "mariadb")


class plan_of(Executable, sa.sql.ClauseElement):  # noqa: N801 - reads as SQL
    """``EXPLAIN select``: every database plans the statement and runs none of it."""

    inherit_cache = False

    def __init__(self, select: sa.Select[*tuple[Any, ...]]) -> None:
        self.select = select


@compiles(plan_of)
def _plan_of(element: plan_of, compiler: Any, **kw: Any) -> str:
    return f"EXPLAIN {compiler.process(element.select, **kw)}"


@dataclass(frozen=True)
class Account:
    """Who a session is: its ``name`` as its database writes it, and whether it may do everything.

    ``read_only`` says that the database makes each session of this account refuse writes.
    """

    name: str
    superuser: bool = False
    read_only: bool = False


def account(connection: sa.Connection) -> Account | None:
    """The session's account; None where there are no accounts but files, which our sessions open for reading."""
    if connection.dialect.name == "postgresql":
        return _postgresql_account(connection)
    if connection.dialect.name in {"mysql", "mariadb"}:
        name = str(connection.scalar(sa.select(sa.func.current_user())))
        return Account(
            _quoted_account(name), superuser=bool({"SUPER", _ALL} & mysql_held(_mysql_grants(connection), "", ""))
        )
    return None


def granted(connection: sa.Connection, table: sa.TableClause, names: tuple[str, ...] = WRITES) -> tuple[str, ...]:
    """Those of the named privileges that the session's account has on ``table``."""
    if connection.dialect.name == "postgresql":
        full = qualified_name(connection, table)
        has = [sa.func.has_table_privilege(full, name).label(name) for name in names]
        row = connection.execute(sa.select(*has)).one()
        return tuple(name for name, yes in zip(names, row, strict=True) if yes)
    if connection.dialect.name in {"mysql", "mariadb"}:
        held = mysql_held(_mysql_grants(connection), _schema(connection, table), table.name)
        return tuple(name for name in names if name in held or _ALL in held)
    return names


def to_read_only(connection: sa.Connection, who: Account, tables: Sequence[sa.TableClause]) -> tuple[str, ...]:
    """The statements that keep the source's tables safe from this account, one for each thing to be done."""
    names = dict.fromkeys(_with_schema(connection, table) for table in tables)
    if connection.dialect.name != "postgresql":
        reader = "'recon_reader'@'%'"
        schemas = dict.fromkeys(_quoted(connection, _schema(connection, table)) for table in tables)
        wanted = names if len(names) <= _NAMED_TABLES else [f"{schema}.*" for schema in schemas]
        grants = (f"GRANT SELECT ON {name} TO {reader};" for name in wanted)
        return (f"CREATE USER {reader} IDENTIFIED BY '...';", *grants, _CONNECT)
    if who.superuser:
        return (
            "CREATE ROLE recon_reader LOGIN;",
            "GRANT pg_read_all_data TO recon_reader;",
            "ALTER ROLE recon_reader SET default_transaction_read_only = on;",
            _CONNECT,
        )
    revokes = (f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {name} FROM {who.name};" for name in names)
    return (*revokes, f"ALTER ROLE {who.name} SET default_transaction_read_only = on;")


_NAMED_TABLES = 5
"""Of more, nobody reads a statement each: the reader may then read all tables of their schema."""
_CONNECT = "-- and connect as recon_reader"


def to_write(connection: sa.Connection, who: Account, table: sa.TableClause, names: tuple[str, ...]) -> tuple[str, ...]:
    """The statements that let this account load ``table``."""
    grant = f"GRANT {', '.join(names)} ON {_with_schema(connection, table)} TO {who.name};"
    schema = _schema(connection, table)
    if connection.dialect.name != "postgresql" or connection.scalar(
        sa.select(sa.func.has_schema_privilege(schema, "USAGE"))
    ):
        return (grant,)
    return (grant, f"GRANT USAGE ON SCHEMA {_quoted(connection, schema)} TO {who.name};")


def to_stage(connection: sa.Connection, who: Account) -> tuple[str, ...]:
    """The statement that lets this account make temporary tables, as each load does; none where it may."""
    name = str(connection.scalar(sa.select(_DATABASE[connection.dialect.name])))
    if connection.dialect.name == "postgresql":
        may = connection.scalar(sa.select(sa.func.has_database_privilege(name, "TEMPORARY")))
        return () if may else (f"GRANT TEMPORARY ON DATABASE {_quoted(connection, name)} TO {who.name};",)
    if granted(connection, sa.table(""), (_MYSQL_TEMPORARY,)):
        return ()
    return (f"GRANT {_MYSQL_TEMPORARY} ON {_quoted(connection, name)}.* TO {who.name};",)


_MYSQL_TEMPORARY = "CREATE TEMPORARY TABLES"
_DATABASE = {"postgresql": sa.func.current_database(), **dict.fromkeys(("mysql", "mariadb"), sa.func.database())}


def _with_schema(connection: sa.Connection, table: sa.TableClause) -> str:
    """The table's full name: whoever grants may have another schema before him than our session has."""
    return qualified_name(connection, sa.table(table.name, schema=_schema(connection, table)))


def _schema(connection: sa.Connection, table: sa.TableClause) -> str:
    if table.schema:
        return table.schema
    if connection.dialect.name != "postgresql":
        return str(connection.scalar(sa.select(sa.func.database())))
    relation = sa.table("pg_class", sa.column("oid"), sa.column("relnamespace"), schema="pg_catalog")
    schema = sa.table("pg_namespace", sa.column("oid"), sa.column("nspname"), schema="pg_catalog")
    select = (
        sa.select(schema.c.nspname)
        .join_from(schema, relation, schema.c.oid == relation.c.relnamespace)
        .where(relation.c.oid == sa.func.to_regclass(qualified_name(connection, table)))
    )
    return str(connection.scalar(select))


def _postgresql_account(connection: sa.Connection) -> Account:
    """``rolconfig`` and not ``SHOW``: our own session sets read only for itself."""
    role = sa.table("pg_roles", *map(sa.column, ("oid", "rolname", "rolsuper")), schema="pg_catalog")
    setting = sa.table(
        "pg_db_role_setting", *map(sa.column, ("setdatabase", "setrole", "setconfig")), schema="pg_catalog"
    )
    database = sa.table("pg_database", *map(sa.column, ("oid", "datname")), schema="pg_catalog")
    here = sa.select(database.c.oid).where(database.c.datname == sa.func.current_database()).scalar_subquery()
    config = sa.func.array_to_string(setting.c.setconfig, " ")
    name, superuser, oid = connection.execute(
        sa.select(sa.func.quote_ident(role.c.rolname), role.c.rolsuper, role.c.oid).where(
            role.c.rolname == sa.func.current_user()
        )
    ).one()
    settings = connection.scalars(
        sa.select(config).where(setting.c.setrole.in_([oid, 0]), setting.c.setdatabase.in_([0, here]))
    )
    read_only = any("default_transaction_read_only=on" in str(found) for found in settings)
    return Account(str(name), bool(superuser), read_only)


def _quoted(connection: sa.Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name).replace("%%", "%")


def _quoted_account(name: str) -> str:
    user, _, host = name.rpartition("@")
    return f"'{user}'@'{host}'"


class show_grants(Executable, sa.sql.ClauseElement):  # noqa: N801 - reads as SQL
    """What the account and its ``roles`` may do; MariaDB needs not be told of them."""

    inherit_cache = False

    def __init__(self, roles: str = "") -> None:
        self.roles = roles


@compiles(show_grants)
def _show_grants(element: show_grants, _compiler: Any, **_: Any) -> str:
    return f"SHOW GRANTS FOR CURRENT_USER() USING {element.roles}" if element.roles else "SHOW GRANTS"


def _mysql_grants(connection: sa.Connection) -> Sequence[str]:
    """Each grant as a statement: the views of information_schema know nothing of roles."""
    dialect: Any = connection.dialect
    has_roles = not dialect.is_mariadb and dialect.server_version_info >= (8,)
    roles = str(connection.scalar(sa.select(sa.func.current_role()))) if has_roles else _NO_ROLE
    return connection.scalars(show_grants("" if roles == _NO_ROLE else roles)).all()


_NO_ROLE = "NONE"
_ALL = "ALL PRIVILEGES"
_NAME = r"\*|`(?:[^`]|``)+`"
_GRANT = re.compile(rf"GRANT (.+?) ON (?:TABLE )?({_NAME})\.({_NAME}) TO ")
_BETWEEN = re.compile(r", (?![^(]*\))")


def mysql_held(grants: Iterable[str], database: str, table: str) -> set[str]:
    """The privileges on a table that these statements grant, on it, its database, a pattern of such, or everything."""
    held = set[str]()
    for found in filter(None, map(_GRANT.match, grants)):
        of_database, of_table = (found[part].strip("`").replace("``", "`") for part in (2, 3))
        if of_table == "*":
            fits = of_database == "*" or _like(of_database).fullmatch(database)
        else:
            fits = (of_database, of_table) == (database, table)
        if fits:
            held |= {name for name in _BETWEEN.split(found[1]) if "(" not in name}  # else of some columns only
    return held


def _like(pattern: str) -> re.Pattern[str]:
    """A pattern of MySQL's LIKE, as which the database of a grant is read."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    return re.compile("".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts), re.DOTALL)
