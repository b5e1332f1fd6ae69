"""What a database says of its own columns: the types, by the names it gives them."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.dialect.types import parse
from recon_assets.model import Kind, Type

_Select = sa.Select[*tuple[Any, ...]]


def column_types(connection: sa.Connection, table: sa.TableClause | None, select: _Select) -> dict[str, Type]:
    """The logical type of every column of ``select``, in order; ``table`` is what it reads, or None for a query."""
    return _TYPES[connection.dialect.name](connection, table, select)


def _postgresql(connection: sa.Connection, _: sa.TableClause | None, select: _Select) -> dict[str, Type]:
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
    return {
        name: parse(str(text), "postgresql", labels.get(oid, ()))
        for (name, oid, _), text in zip(described, written, strict=True)
    }


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


def _mysql(connection: sa.Connection, table: sa.TableClause | None, select: _Select) -> dict[str, Type]:
    """A table's types from the catalogue; a query's values bring their own."""
    types = _names_only(connection, select)
    if table is None:
        return types
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
    return types | {name: parse(_text(written), "mysql") for name, written in rows if name in types}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _names_only(connection: sa.Connection, select: _Select) -> dict[str, Type]:
    with connection.execute(select.limit(0)) as result:
        return {name: Type(Kind.ANY, "any") for name in result.keys()}  # noqa: SIM118 - a result is no mapping


def _duckdb(connection: sa.Connection, _: sa.TableClause | None, select: _Select) -> dict[str, Type]:
    with connection.execute(select.limit(0)) as result:
        return {name: parse(str(of), "duckdb") for name, of, *_ in result.cursor.description}


def _sqlite(connection: sa.Connection, table: sa.TableClause | None, select: _Select) -> dict[str, Type]:
    types = _names_only(connection, select)
    if table is None:
        return types
    described = sa.func.pragma_table_info(table.name).table_valued("name", "type")
    rows = connection.execute(sa.select(described.c.name, described.c.type))
    return types | {name: parse(written, "sqlite") for name, written in rows if name in types}


_TYPES: Mapping[str, Callable[[sa.Connection, sa.TableClause | None, _Select], dict[str, Type]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "duckdb": _duckdb,
    "sqlite": _sqlite,
}


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
    name = connection.dialect.identifier_preparer.format_table(table)
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
