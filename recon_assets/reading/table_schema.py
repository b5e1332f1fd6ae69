"""What a database says of one relation."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect import catalog
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Relation, TableSpec
from recon_assets.reading.names import Select, as_table, cast_to, nearest, relation_of


@dataclass(frozen=True)
class ForeignKey:
    """``columns`` of a table name ``parent_columns`` of ``parent_table`` (``schema.name``)."""

    columns: tuple[str, ...]
    parent_table: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class TableSchema:
    """What a database says of one relation.

    ``unique`` holds every set of columns that no two rows share, the primary key first.
    ``indexes`` holds the columns (or expressions) of every index, those of keys too.
    ``cascading`` names the tables that lose or change rows when rows of this one are deleted.
    """

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    triggers: tuple[str, ...] = ()
    cascading: tuple[str, ...] = ()
    transactional: bool = True

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: When there is none.
        """
        return {column.name: column for column in self.columns}[name]


def describe(engine: sa.Engine, relation: Relation, cast: Mapping[str, str] | None = None) -> TableSchema:
    """The columns, keys and triggers of a relation; ``cast`` gives columns another SQL type before they are looked at.

    Raises:
        DeclarationError: When there is no such relation, or the query is not valid.
        UnavailableError: When the database does not answer.
    """
    with driver_errors(str(relation)), engine.connect() as connection:
        table = as_table(relation.table) if relation.table else None
        inspector = catalog.inspect(connection)
        facts = _facts(inspector, table, relation)
        select = _everything(connection, relation, cast or {}, facts)
        types = catalog.column_types(connection, table, select, cast or ())
        columns = tuple(Column(name, of, **facts.get(name, {})) for name, of in types.items())
        return TableSchema(columns) if table is None else _keys(connection, inspector, table, columns)


def described(spec: TableSpec, source: sa.Engine, target: sa.Engine) -> tuple[TableSchema, TableSchema]:
    """Both sides of a table, looked at at the same time.

    Raises:
        DeclarationError, UnavailableError: As `describe` does.
    """
    with ThreadPoolExecutor(2) as pool:
        left = pool.submit(describe, source, spec.source, spec.cast)
        right = pool.submit(describe, target, spec.target)
        return left.result(), right.result()


def _facts(inspector: Any, table: sa.TableClause | None, relation: Relation) -> dict[str, dict[str, bool]]:
    if table is None:
        return {}
    try:
        found = inspector.get_columns(table.name, schema=table.schema)
    except sa.exc.NoSuchTableError:
        found = []
    if not found:
        names = [*inspector.get_table_names(table.schema), *inspector.get_view_names(table.schema)]
        msg = f"{relation}: there is no such table; {nearest(table.name, names)}"
        raise DeclarationError(msg)
    return {
        column["name"]: {
            "nullable": bool(column.get("nullable", True)),
            "default": column.get("default") is not None or column.get("autoincrement") is True,
            "generated": bool(column.get("computed")),
            "identity": bool(column.get("identity")) or column.get("autoincrement") is True,
            "fixed": bool((column.get("identity") or {}).get("always")),
        }
        for column in found
    }


def _everything(
    connection: sa.Connection, relation: Relation, cast: Mapping[str, str], facts: Mapping[str, Any]
) -> Select:
    everything: Select = sa.select(sa.literal_column("*")).select_from(relation_of(relation, ()))
    if not cast:
        return everything
    names = tuple(facts or connection.execute(everything.limit(0)).keys())
    plain = relation_of(relation, names)
    return sa.select(*(cast_to(plain.c[name], cast.get(name)).label(name) for name in names)).select_from(plain)


def _keys(connection: sa.Connection, inspector: Any, table: sa.TableClause, columns: tuple[Column, ...]) -> TableSchema:
    name, schema = table.name, table.schema
    primary = tuple(inspector.get_pk_constraint(name, schema=schema).get("constrained_columns") or ())
    indexes = inspector.get_indexes(name, schema=schema)
    unique = [
        primary,
        *(tuple(found["column_names"]) for found in inspector.get_unique_constraints(name, schema=schema)),
        *(tuple(found["column_names"]) for found in indexes if _is_plainly_unique(found)),
    ]
    server = catalog.is_server(connection)
    return TableSchema(
        columns,
        primary,
        tuple(dict.fromkeys(filter(None, unique))),
        tuple(_foreign_key(found) for found in inspector.get_foreign_keys(name, schema=schema)),
        tuple(dict.fromkeys(filter(None, (*unique, *map(_indexed, indexes))))),
        catalog.triggers(connection, table) if server else (),
        catalog.cascades(connection, table) if server else (),
        catalog.transactional(connection, table) if server else True,
    )


def _is_plainly_unique(index: Any) -> bool:
    """Not of expressions, and not of some of the rows only."""
    partial = index.get("dialect_options", {}).get("postgresql_where")
    return bool(index["unique"] and None not in index["column_names"] and not partial)


def _indexed(index: Any) -> tuple[str, ...]:
    """Where a column is an expression, the database says which."""
    return tuple(index.get("expressions") or index["column_names"])


def _foreign_key(found: Any) -> ForeignKey:
    parent = ".".join(filter(None, (found["referred_schema"], found["referred_table"])))
    return ForeignKey(tuple(found["constrained_columns"]), parent, tuple(found["referred_columns"]))
