"""What a database holds, for somebody who does not know it yet: its tables, and from when to when their rows are."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect import files

_PLAIN = re.compile(r'[^\s."`\[\];]+')


@dataclass(frozen=True)
class ListedTable:
    """A table or view by its name; ``schema`` is None where a name without one means it.

    ``files`` are the name or pattern of the files that it is of.
    """

    schema: str | None
    name: str
    is_view: bool = False
    files: str = ""

    def __str__(self) -> str:
        """As a declaration names it."""
        parts = self.files.split(".")
        if len(parts) == 2 and all(map(_PLAIN.fullmatch, parts)):
            return self.files
        return written_name(self.schema, self.files or self.name)


def tables(connection: sa.Connection, schema: str | None = None) -> tuple[ListedTable, ...]:
    """The tables and views of a schema; None for all schemas, in MySQL and SQLite for the database itself.

    Neither partitions, which their parent holds, nor what belongs to an extension.
    """
    if files.copies_of(connection.engine):
        return tuple(
            ListedTable(None, name, files=written) for name, written in files.tables(connection.engine).items()
        )
    listing = _LISTINGS.get(connection.dialect.name, _of_mysql)
    return tuple(sorted(listing(connection, schema), key=lambda found: (found.schema or "", found.name)))


def _of_postgresql(connection: sa.Connection, schema: str | None) -> Iterator[ListedTable]:
    relations = _catalog("pg_class", "oid", "relname", "relnamespace", "relkind", "relispartition")
    schemas = _catalog("pg_namespace", "oid", "nspname")
    owners = _catalog("pg_depend", "classid", "objid", "deptype")
    of_extension = sa.exists().where(
        owners.c.classid == sa.cast(sa.literal("pg_class"), postgresql.REGCLASS),
        owners.c.objid == relations.c.oid,
        owners.c.deptype == "e",
    )
    wanted = (
        schemas.c.nspname == schema
        if schema
        else sa.and_(sa.not_(schemas.c.nspname.startswith("pg_", autoescape=True)), schemas.c.nspname != _STANDARD)
    )
    found = connection.execute(
        sa.select(schemas.c.nspname, relations.c.relname, relations.c.relkind.in_(["v", "m"]))
        .select_from(relations.join(schemas, relations.c.relnamespace == schemas.c.oid))
        .where(
            wanted,
            relations.c.relkind.in_(["r", "p", "v", "m", "f"]),
            sa.not_(relations.c.relispartition),
            sa.not_(of_extension),
            sa.func.has_schema_privilege(schemas.c.oid, "USAGE"),
        )
    )
    return (ListedTable(*row) for row in found)


def _of_duckdb(connection: sa.Connection, schema: str | None) -> Iterator[ListedTable]:
    known = sa.table(
        "tables", *map(sa.column, ("table_catalog", "table_schema", "table_name", "table_type")), schema=_STANDARD
    )
    here = known.c.table_catalog == sa.func.current_database()
    named = sa.select(known.c.table_schema, known.c.table_name, known.c.table_type)
    for own, name, kind in connection.execute(named.where(here, *([known.c.table_schema == schema] if schema else []))):
        yield ListedTable(schema or (None if own == "main" else own), name, kind == "VIEW")


def _of_mysql(connection: sa.Connection, schema: str | None) -> Iterator[ListedTable]:
    known = sa.table("tables", *map(sa.column, ("table_schema", "table_name", "table_type")), schema=_STANDARD)
    named = sa.select(known.c.table_name, known.c.table_type)
    for name, kind in connection.execute(named.where(known.c.table_schema == (schema or sa.func.database()))):
        if kind != "SEQUENCE":
            yield ListedTable(schema, name, kind in {"VIEW", "SYSTEM VIEW"})


def _of_sqlite(connection: sa.Connection, schema: str | None) -> Iterator[ListedTable]:
    inspector = sa.inspect(connection)
    yield from (ListedTable(schema, name) for name in inspector.get_table_names(schema))
    yield from (ListedTable(schema, name, is_view=True) for name in inspector.get_view_names(schema))


_STANDARD = "information_schema"
_LISTINGS: Mapping[str, Callable[[sa.Connection, str | None], Iterator[ListedTable]]] = {
    "postgresql": _of_postgresql,
    "duckdb": _of_duckdb,
    "sqlite": _of_sqlite,
}


def _catalog(name: str, *columns: str) -> sa.TableClause:
    return sa.table(name, *map(sa.column, columns), schema="pg_catalog")


def default_schema(connection: sa.Connection) -> str | None:
    """The schema that a name without one means."""
    return connection.dialect.default_schema_name


def written_name(schema: str | None, name: str) -> str:
    """``schema.name``, with quotes around what a declaration could not read back."""
    parts = (part for part in (schema, name) if part)
    return ".".join(part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"' for part in parts)


def needs_index(engine: sa.Engine) -> bool:
    """Whether an index alone finds rows fast: DuckDB keeps the range of values with every block of rows."""
    return engine.dialect.name != "duckdb"


class character_count(FunctionElement[int]):  # noqa: N801 - SQL functions are lower case
    """How many characters a text has."""

    type = sa.Integer()
    inherit_cache = True


@compiles(character_count)
def _character_count(element: Any, compiler: Any, **kw: Any) -> str:
    return f"char_length({compiler.process(element.clauses, **kw)})"


@compiles(character_count, "sqlite")
@compiles(character_count, "duckdb")
def _character_count_files(element: Any, compiler: Any, **kw: Any) -> str:
    return f"length({compiler.process(element.clauses, **kw)})"


class is_midnight(FunctionElement[bool]):  # noqa: N801 - SQL functions are lower case
    """Whether a moment is the beginning of a day."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(is_midnight)
def _is_midnight(element: Any, compiler: Any, **kw: Any) -> str:
    moment = compiler.process(element.clauses, **kw)
    return f"(CAST({moment} AS DATE) = {moment})"


@compiles(is_midnight, "sqlite")
def _is_midnight_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    moment = compiler.process(element.clauses, **kw)
    return f"(datetime({moment}, 'start of day') = datetime({moment}))"


class microseconds(FunctionElement[int]):  # noqa: N801 - SQL functions are lower case
    """What a time has after its whole minute or second, in microseconds."""

    type = sa.Integer()
    inherit_cache = True


@compiles(microseconds)
def _microseconds(element: Any, compiler: Any, **kw: Any) -> str:
    return f"EXTRACT(MICROSECONDS FROM {compiler.process(element.clauses, **kw)})"


@compiles(microseconds, "mysql")
@compiles(microseconds, "mariadb")
def _microseconds_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"MICROSECOND({compiler.process(element.clauses, **kw)})"


def extremes(connection: sa.Connection, table: sa.TableClause, column: str) -> tuple[str | None, str | None]:
    """The smallest and the largest value of a column as texts; None for a table without any.

    As texts, because years beyond Python's, and infinities, are values too.
    """
    value = table.c[column]
    least, most = sa.cast(sa.func.min(value), sa.String(40)), sa.cast(sa.func.max(value), sa.String(40))
    first, last = (None if end is None else str(end) for end in connection.execute(sa.select(least, most)).one())
    return first, last


def count_without(connection: sa.Connection, table: sa.TableClause, column: str) -> int:
    """How many rows have no value in a column."""
    return int(connection.scalar(sa.select(sa.func.count()).select_from(table).where(table.c[column].is_(None))) or 0)


def has_times(connection: sa.Connection, table: sa.TableClause) -> tuple[bool, ...]:
    """Of each column of the table whether a row has a time of day in it other than midnight."""
    timed = (sa.func.max(sa.case((sa.not_(is_midnight(column)), 1), else_=0)) for column in table.c)
    return tuple(map(bool, connection.execute(sa.select(*timed).select_from(table)).one()))


def has_rows(connection: sa.Connection, table: sa.TableClause, count: int) -> bool:
    """Whether the table has at least so many rows."""
    some = sa.select(sa.literal(1)).select_from(table).limit(count).subquery()
    return bool((connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0) >= count)


def identifies(connection: sa.Connection, key: sa.TableClause) -> bool:
    """Whether no two rows of the table have the same values of its columns, and none has NULL in one."""
    wrong = sa.or_(sa.func.count() > 1, *(sa.func.count(column) == 0 for column in key.c))
    found = sa.select(sa.literal(1)).select_from(key).group_by(*key.c).having(wrong).limit(1)
    return connection.scalar(found) is None
