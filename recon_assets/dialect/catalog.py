"""What a database says of its own columns: the types, by the names it gives them."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.dialect.types import parse
from recon_assets.model import Kind, Type

_Select = sa.Select[*tuple[Any, ...]]


def column_types(
    connection: sa.Connection, table: sa.TableClause | None, select: _Select, cast: Collection[str] = ()
) -> dict[str, Type]:
    """The logical type of every column of ``select``, in order.

    Args:
        connection: To the database that is asked.
        table: What ``select`` reads; None for a query.
        select: Of which the types are wanted.
        cast: Columns that ``select`` gives another type than the table has.
    """
    types, declared = _TYPES[connection.dialect.name](connection, table, select)
    return types | {name: of for name, of in declared.items() if name in types and name not in cast}


_Types = tuple[dict[str, Type], dict[str, Type]]


def _postgresql(connection: sa.Connection, _: sa.TableClause | None, select: _Select) -> _Types:
    """As the server describes the result, which it does for tables and queries alike."""
    with connection.execute(select.limit(0)) as result:
        cursor: Any = result.cursor
        described = [
            (column.name, cursor.pgresult.ftype(at), cursor.pgresult.fmod(at))
            for at, column in enumerate(cursor.description)
        ]
    labels = _enum_labels(connection, {oid for _, oid, _ in described})
    names = [sa.func.format_type(sa.cast(oid, postgresql.OID), mod) for _, oid, mod in described]
    written = connection.execute(sa.select(*names)).one()
    types = {
        name: parse(str(text), "postgresql", labels.get(oid, ()))
        for (name, oid, _), text in zip(described, written, strict=True)
    }
    return types, {}


def _enum_labels(connection: sa.Connection, oids: set[int]) -> dict[int, tuple[str, ...]]:
    enum = sa.table("pg_enum", sa.column("enumtypid"), sa.column("enumlabel"), sa.column("enumsortorder"))
    rows = connection.execute(
        sa.select(enum.c.enumtypid, enum.c.enumlabel)
        .where(enum.c.enumtypid.in_(oids))
        .order_by(enum.c.enumtypid, enum.c.enumsortorder)
    )
    labels: dict[int, tuple[str, ...]] = {}
    for oid, label in rows:
        labels[oid] = (*labels.get(oid, ()), label)
    return labels


def _mysql(connection: sa.Connection, table: sa.TableClause | None, select: _Select) -> _Types:
    """A table's types from the catalogue; a query's values bring their own, but moments must be known as such."""
    with connection.execute(select.limit(0)) as result:
        cursor: Any = result.cursor
        types = {field.name: _mysql_field(field) for field in cursor._result.fields}  # noqa: SLF001 - charsets are only here
    if table is None:
        return types, {}
    columns = sa.table(
        "columns",
        *map(sa.column, ("table_schema", "table_name", "column_name", "column_type")),
        schema="information_schema",
    )
    schema = table.schema or sa.func.database()
    rows = connection.execute(
        sa.select(columns.c.column_name, columns.c.column_type).where(
            columns.c.table_schema == schema, columns.c.table_name == table.name
        )
    )
    return types, {str(name): parse(_text(written), "mysql") for name, written in rows}


_ANY = Type(Kind.ANY, "any")
_MYSQL_NAMES = {  # by the numbers that the protocol gives them
    0: "decimal",
    1: "tinyint",
    2: "smallint",
    3: "int",
    4: "float",
    5: "double",
    7: "timestamp",
    8: "bigint",
    9: "mediumint",
    10: "date",
    11: "time",
    12: "datetime",
    13: "year",
    16: "bit",
    245: "json",
    246: "decimal",
}
_TEXTS = {15, 249, 250, 251, 252, 253, 254}
_BYTES = 63
_NO_SCALE = 30


def _mysql_field(field: Any) -> Type:
    """A column of a result, as the protocol describes it."""
    code, scale = field.type_code, field.scale
    if code in _TEXTS:
        return parse("blob" if field.charsetnr == _BYTES else "text", "mysql")
    name = _MYSQL_NAMES.get(code)
    if name is None:
        return _ANY
    limits = {"decimal": f"(65,{scale})", "time": f"({scale})", "datetime": f"({scale})", "timestamp": f"({scale})"}
    return parse(name + (limits.get(name, "") if scale <= _NO_SCALE else ""), "mysql")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _duckdb(connection: sa.Connection, _: sa.TableClause | None, select: _Select) -> _Types:
    with connection.execute(select.limit(0)) as result:
        return {name: parse(str(of), "duckdb") for name, of, *_ in result.cursor.description}, {}


def _sqlite(connection: sa.Connection, table: sa.TableClause | None, select: _Select) -> _Types:
    with connection.execute(select.limit(0)) as result:
        types = dict.fromkeys(result.keys(), _ANY)
    if table is None:
        return types, {}
    described = sa.func.pragma_table_info(table.name).table_valued("name", "type")
    rows = connection.execute(sa.select(described.c.name, described.c.type))
    return types, {name: parse(written, "sqlite") for name, written in rows}


# Each gives the types as the result shows them, and those that the catalogue knows better.
_TYPES: Mapping[str, Callable[[sa.Connection, sa.TableClause | None, _Select], _Types]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "duckdb": _duckdb,
    "sqlite": _sqlite,
}


def inspect(connection: sa.Connection) -> Any:
    """SQLAlchemy's inspector, or what answers the same questions for DuckDB, which has none that works."""
    return _DuckdbInspector(connection) if connection.dialect.name == "duckdb" else sa.inspect(connection)


@dataclass(frozen=True)
class _DuckdbInspector:
    """Answers in the form of SQLAlchemy's `Inspector`."""

    connection: sa.Connection

    def get_table_names(self, schema: str | None = None) -> list[str]:
        """Of tables and views alike."""
        return [row.table_name for row in self._rows("tables", schema, ["table_name"])]

    def get_view_names(self, _: str | None = None) -> list[str]:
        """They are among the tables."""
        return []

    def get_columns(self, table: str, schema: str | None = None) -> list[dict[str, Any]]:
        """Empty when there is no such table."""
        found = self._rows("columns", schema, ["column_name", "is_nullable", "column_default"], table)
        return [{"name": name, "nullable": nullable == "YES", "default": default} for name, nullable, default in found]

    def get_pk_constraint(self, table: str, schema: str | None = None) -> dict[str, Any]:
        """The columns of the primary key."""
        return {"constrained_columns": next((key for key, *_ in self._keys("PRIMARY KEY", table, schema)), [])}

    def get_unique_constraints(self, table: str, schema: str | None = None) -> list[dict[str, Any]]:
        """The columns of each."""
        return [{"column_names": key} for key, *_ in self._keys("UNIQUE", table, schema)]

    def get_indexes(self, table: str, schema: str | None = None) -> list[dict[str, Any]]:
        """None is a key to load by: those are made by the constraints."""
        found = sa.func.duckdb_indexes().table_valued("expressions", "schema_name", "table_name")
        columns = sa.cast(found.c.expressions, sa.ARRAY(sa.String))
        select = sa.select(columns).where(found.c.schema_name == (schema or "main"), found.c.table_name == table)
        return [
            {"column_names": [name.strip('"') for name in names], "unique": False}
            for names in self.connection.scalars(select)
        ]

    def get_foreign_keys(self, table: str, schema: str | None = None) -> list[dict[str, Any]]:
        """With the table and columns that each names."""
        return [
            {"constrained_columns": own, "referred_schema": None, "referred_table": parent, "referred_columns": theirs}
            for own, parent, theirs in self._keys("FOREIGN KEY", table, schema)
        ]

    def _rows(self, view: str, schema: str | None, names: list[str], table: str | None = None) -> Any:
        info = sa.table(view, *map(sa.column, {*names, "table_schema", "table_name"}), schema="information_schema")
        select = sa.select(*(info.c[name] for name in names)).where(info.c.table_schema == (schema or "main"))
        return self.connection.execute(select.where(info.c.table_name == table) if table else select)

    def _keys(self, kind: str, table: str, schema: str | None) -> Any:
        names = ("constraint_column_names", "referenced_table", "referenced_column_names")
        found = sa.func.duckdb_constraints().table_valued(*names, "constraint_type", "schema_name", "table_name")
        select = sa.select(*(found.c[name] for name in names))
        return self.connection.execute(
            select.where(
                found.c.constraint_type == kind,
                found.c.schema_name == (schema or "main"),
                found.c.table_name == table,
            )
        )


def triggers(connection: sa.Connection, table: sa.TableClause) -> tuple[str, ...]:
    """The user's triggers on a target table: what a load sets off besides writing rows."""
    if connection.dialect.name == "postgresql":
        pg = sa.table("pg_trigger", *map(sa.column, ("tgname", "tgrelid", "tgisinternal")))
        select = sa.select(pg.c.tgname).where(pg.c.tgrelid == _regclass(connection, table), ~pg.c.tgisinternal)
        return tuple(connection.scalars(select.order_by(pg.c.tgname)))
    info = sa.table(
        "triggers",
        *map(sa.column, ("trigger_name", "event_object_schema", "event_object_table")),
        schema="information_schema",
    )
    schema = table.schema or sa.func.database()
    select = sa.select(info.c.trigger_name).where(
        info.c.event_object_schema == schema, info.c.event_object_table == table.name
    )
    return tuple(connection.scalars(select.order_by(info.c.trigger_name)))


def cascades(connection: sa.Connection, table: sa.TableClause) -> tuple[str, ...]:
    """Tables whose foreign keys would delete or change rows of their own when rows of ``table`` are deleted."""
    if connection.dialect.name == "postgresql":
        pg = sa.table("pg_constraint", *map(sa.column, ("conrelid", "confrelid", "contype", "confdeltype")))
        child = sa.cast(sa.cast(pg.c.conrelid, postgresql.REGCLASS), sa.Text())
        select = sa.select(child).where(
            pg.c.contype == "f", pg.c.confrelid == _regclass(connection, table), pg.c.confdeltype.in_(["c", "n", "d"])
        )
        return tuple(sorted(set(connection.scalars(select))))
    info = sa.table(
        "referential_constraints",
        *map(sa.column, ("table_name", "referenced_table_name", "unique_constraint_schema", "delete_rule")),
        schema="information_schema",
    )
    select = sa.select(info.c.table_name).where(
        info.c.unique_constraint_schema == (table.schema or sa.func.database()),
        info.c.referenced_table_name == table.name,
        info.c.delete_rule.in_(["CASCADE", "SET NULL", "SET DEFAULT"]),
    )
    return tuple(sorted(set(connection.scalars(select))))


def _regclass(connection: sa.Connection, table: sa.TableClause) -> sa.ColumnElement[Any]:
    name = connection.dialect.identifier_preparer.format_table(table).replace("%%", "%")  # it is a value here
    return sa.cast(sa.literal(name), postgresql.REGCLASS)


def transactional(connection: sa.Connection, table: sa.TableClause) -> bool:
    """Whether the table takes part in transactions; MyISAM and Aria tables do not."""
    if connection.dialect.name == "postgresql":
        return True
    info = sa.table("tables", *map(sa.column, ("table_schema", "table_name", "engine")), schema="information_schema")
    select = sa.select(info.c.engine).where(
        info.c.table_schema == (table.schema or sa.func.database()), info.c.table_name == table.name
    )
    return connection.scalar(select) == "InnoDB"


def advance_sequence(connection: sa.Connection, table: sa.TableClause, column: str) -> None:
    """Sets the sequence behind an identity column past the largest value, never back; MySQL does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    name = connection.dialect.identifier_preparer.format_table(table)
    sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(name, column)))
    if sequence is None:
        return
    largest = sa.select(sa.func.max(table.c[column])).scalar_subquery()
    current = sa.func.coalesce(sa.func.pg_sequence_last_value(sa.cast(sequence, postgresql.REGCLASS)), 0)
    connection.execute(
        sa.select(sa.func.setval(sequence, largest)).where(largest > current)  # setval's own NULL and 0 never arise
    )


def is_server(place: sa.Engine | sa.Connection) -> bool:
    """Whether it is a database server, with triggers, locks and accounts; the others are files, which are only read."""
    return place.dialect.name in {"postgresql", "mysql", "mariadb"}


def major_version(connection: sa.Connection) -> int:
    """The first number of a PostgreSQL server's version."""
    return int((connection.dialect.server_version_info or (0,))[0])


def compares_bytes(connection: sa.Connection, table: sa.TableClause) -> bool:
    """Whether PostgreSQL takes no two different texts of the table for equal: some collations do."""
    columns = sa.table("pg_attribute", *map(sa.column, ("attrelid", "attcollation")), schema="pg_catalog")
    collations = sa.table("pg_collation", *map(sa.column, ("oid", "collisdeterministic")), schema="pg_catalog")
    name = _regclass(connection, table)
    vague = (
        sa.select(sa.func.count())
        .select_from(columns.join(collations, columns.c.attcollation == collations.c.oid))
        .where(columns.c.attrelid == name, sa.not_(collations.c.collisdeterministic))
    )
    return connection.scalar(vague) == 0


def holds_unique(connection: sa.Connection, table: sa.TableClause) -> bool:
    """Whether PostgreSQL's unique indexes of the table hold of all its rows: not those that failed, nor of heirs."""
    indexes = sa.table("pg_index", *map(sa.column, ("indrelid", "indisunique", "indisvalid")), schema="pg_catalog")
    heirs = sa.table("pg_inherits", *map(sa.column, ("inhparent",)), schema="pg_catalog")
    tables = sa.table("pg_class", *map(sa.column, ("oid", "relkind")), schema="pg_catalog")
    name = _regclass(connection, table)
    failed = sa.select(sa.literal(1)).where(indexes.c.indrelid == name, indexes.c.indisunique, ~indexes.c.indisvalid)
    parents = (
        sa.select(sa.literal(1))
        .select_from(heirs.join(tables, heirs.c.inhparent == tables.c.oid))
        .where(heirs.c.inhparent == name, tables.c.relkind == "r")
    )
    return not connection.scalar(sa.select(sa.or_(failed.exists(), parents.exists())))
