"""What a database holds, for somebody who does not know it yet: its tables, their indexes, their earliest moment."""

import re

import sqlalchemy as sa

_PLAIN = re.compile(r'[^\s."`\[\];]+')
_SYSTEM = {"information_schema", "pg_catalog", "mysql", "performance_schema", "sys"}


def tables(connection: sa.Connection, schema: str | None = None) -> tuple[tuple[str | None, str], ...]:
    """Schema and name of each table: of all schemas in PostgreSQL, elsewhere of the database itself."""
    inspector = sa.inspect(connection)
    schemas: list[str | None] = [schema]
    if schema is None and connection.dialect.name == "postgresql":
        schemas = [name for name in inspector.get_schema_names() if name not in _SYSTEM and not name.startswith("pg_")]
    return tuple((schema, name) for schema in schemas for name in sorted(inspector.get_table_names(schema)))


def default_schema(connection: sa.Connection) -> str | None:
    """The schema that a name without one means."""
    return connection.dialect.default_schema_name


def written_name(schema: str | None, name: str) -> str:
    """``schema.name``, with quotes around what a declaration could not read back."""
    parts = (part for part in (schema, name) if part)
    return ".".join(part if _PLAIN.fullmatch(part) else '"' + part.replace('"', '""') + '"' for part in parts)


def leading_columns(connection: sa.Connection, table: sa.TableClause) -> frozenset[str] | None:
    """Columns that begin an index or the primary key, so that rows of a day are found fast.

    None for DuckDB, which keeps the range of each column's values with every block of rows.
    """
    if connection.dialect.name == "duckdb":
        return None
    inspector = sa.inspect(connection)
    primary = inspector.get_pk_constraint(table.name, schema=table.schema)["constrained_columns"]
    indexes = inspector.get_indexes(table.name, schema=table.schema)
    names: list[str | None] = [*primary[:1], *(name for index in indexes for name in index["column_names"][:1])]
    return frozenset(name for name in names if name)


def earliest(connection: sa.Connection, table: sa.TableClause, column: str) -> str | None:
    """The smallest value of a column as text; None for a table without rows.

    As text, because years beyond Python's, and infinities, are values too.
    """
    found = connection.scalar(sa.select(sa.cast(sa.func.min(table.c[column]), sa.String(40))))
    return None if found is None else str(found)
