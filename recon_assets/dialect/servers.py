"""What a server is, and how it counts and names things."""

from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def qualified_name(connection: sa.Connection, table: sa.TableClause) -> str:
    """The table as its database writes it, to be a value or to be shown.

    In a statement a percent sign is doubled, for drivers look for parameters there; nobody halves those of a value.
    """
    return connection.dialect.identifier_preparer.format_table(table).replace("%%", "%")


def advance_sequence(connection: sa.Connection, table: sa.TableClause, column: str) -> None:
    """Sets the sequence behind an identity column past the largest value, never back; MySQL does so by itself."""
    if connection.dialect.name != "postgresql":
        return
    name = qualified_name(connection, table)
    sequence = connection.scalar(sa.select(sa.func.pg_get_serial_sequence(name, column)))
    if sequence is None:
        return
    largest = sa.select(sa.func.max(table.c[column])).scalar_subquery()
    current = sa.func.coalesce(sa.func.pg_sequence_last_value(sa.cast(sequence, postgresql.REGCLASS)), 0)
    connection.execute(
        sa.select(sa.func.setval(sequence, largest)).where(largest > current)  # setval's own NULL and 0 never arise
    )


def is_mysql(place: sa.Engine | sa.Connection) -> bool:
    """Whether it is MySQL or MariaDB."""
    return place.dialect.name in {"mysql", "mariadb"}


def is_server(place: sa.Engine | sa.Connection) -> bool:
    """Whether it is a database server, with triggers, locks and accounts; the others are files, which are only read."""
    return place.dialect.name in {"postgresql", "mysql", "mariadb"}


def major_version(connection: sa.Connection) -> int:
    """The first number of a PostgreSQL server's version."""
    return int((connection.dialect.server_version_info or (0,))[0])


def returns_old_rows(connection: sa.Connection) -> bool:
    """Whether what a statement returns of a row may be what it was before."""
    return connection.dialect.name == "postgresql" and major_version(connection) >= _RETURNS_OLD_ROWS_SINCE


_RETURNS_OLD_ROWS_SINCE = 18


def encoding(connection: sa.Connection) -> str:
    """As what a PostgreSQL database keeps texts; it says so to every session that begins."""
    session: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
    return str(session.info.parameter_status("server_encoding"))


def compares_bytes(connection: sa.Connection, table: sa.TableClause) -> bool:
    """Whether PostgreSQL takes no two different texts of the table for equal: some collations do."""
    columns = sa.table("pg_attribute", *map(sa.column, ("attrelid", "attcollation")), schema="pg_catalog")
    collations = sa.table("pg_collation", *map(sa.column, ("oid", "collisdeterministic")), schema="pg_catalog")
    name = sa.cast(sa.literal(qualified_name(connection, table)), postgresql.REGCLASS)
    vague = (
        sa.select(sa.func.count())
        .select_from(columns.join(collations, columns.c.attcollation == collations.c.oid))
        .where(columns.c.attrelid == name, sa.not_(collations.c.collisdeterministic))
    )
    return connection.scalar(vague) == 0
