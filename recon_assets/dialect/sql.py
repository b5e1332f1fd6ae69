"""The SQL in which databases differ: one construct each, one small function per dialect.

A dialect without a rule fails when the SQL is made.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement, ColumnElement, Executable
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect.canonical import Cell, value_text
from recon_assets.dialect.common_form import Form
from recon_assets.model import Column, Kind, Type
from recon_assets.values import KINDS
from recon_assets.values.numbers import REAL_BITS


class differs_by_value(FunctionElement[bool]):  # noqa: N801 - SQL is lower case
    """Whether two values of one column differ by value; NULL equals NULL, and no collation has a say."""

    type = sa.Boolean()
    inherit_cache = False

    def __init__(self, left: ColumnElement[Any], right: ColumnElement[Any], kind: Kind) -> None:
        super().__init__(left, right)
        self.kind = kind


@compiles(differs_by_value, "postgresql")
def _differs_by_value_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    left, right = (compiler.process(clause, **kw) for clause in element.clauses)
    form = '({})::text COLLATE "C"' if "postgresql" in KINDS[element.kind].loosely_equal else "{}"
    return f"{form.format(left)} IS DISTINCT FROM {form.format(right)}"


@compiles(differs_by_value, "mysql", "mariadb")
def _differs_by_value_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    left, right = (compiler.process(clause, **kw) for clause in element.clauses)
    form = "CAST({} AS BINARY)" if "mysql" in KINDS[element.kind].loosely_equal else "{}"
    return f"NOT ({form.format(left)} <=> {form.format(right)})"


def key_equals(
    left: ColumnElement[Any], right: ColumnElement[Any], kind: Kind, dialect: str, *, nulls: bool
) -> ColumnElement[bool]:
    """Whether two values of a key are equal, found by index where there is one; ``nulls``: NULL equals NULL.

    MySQL's collations find the row, as they do for the index; but keys that differ by case are two keys.
    """
    found = left.is_not_distinct_from(right) if nulls else left == right
    if kind not in {Kind.TEXT, Kind.CHAR}:
        return found
    if dialect == "postgresql":  # citext finds keys that differ by case; for other texts this says the same again
        left, right = sa.cast(left, sa.Text()), sa.cast(right, sa.Text())
        exact = left.is_not_distinct_from(right) if nulls else left == right
        return found if kind is Kind.CHAR else sa.and_(found, exact)
    binary = sa.cast(left, sa.LargeBinary()).is_not_distinct_from(sa.cast(right, sa.LargeBinary()))
    return sa.and_(found, binary)


class any_of(FunctionElement[bool]):  # noqa: N801 - SQL is lower case
    """Whether one of many conditions holds."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(any_of)
def _any_of(element: Any, compiler: Any, **kw: Any) -> str:
    return f"({' OR '.join(_each(element, compiler, **kw))})"


@compiles(any_of, "sqlite")
def _any_of_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    """In pairs of pairs: SQLite nests a row of ORs by one level for each, and takes 1,000 levels."""
    parts = _each(element, compiler, **kw)
    while len(parts) > 1:
        parts = [f"({' OR '.join(parts[at : at + 2])})" for at in range(0, len(parts), 2)]
    return parts[0]


def _each(element: Any, compiler: Any, **kw: Any) -> list[str]:
    return [f"({compiler.process(clause, **kw)})" for clause in element.clauses]


class insert_rows(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """``INSERT INTO table (columns) SELECT ..`` that may name identity columns; PostgreSQL can return the new rows."""

    inherit_cache = False

    def __init__(
        self,
        table: sa.TableClause,
        names: tuple[str, ...],
        select: sa.Select[*tuple[Any, ...]],
        returned: Sequence[ColumnElement[Any]] = (),
    ) -> None:
        self.table, self.names, self.select, self.returned = table, names, select, returned

    def returning(self, *columns: ColumnElement[Any]) -> "insert_rows":
        """The same, with columns of the new rows as its result."""
        return insert_rows(self.table, self.names, self.select, columns)


@compiles(insert_rows, "mysql", "mariadb")
def _insert_rows_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"INSERT INTO {_into(element, compiler)} {compiler.process(element.select, **kw)}"


@compiles(insert_rows, "postgresql")
def _insert_rows_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    insert = f"INSERT INTO {_into(element, compiler)} OVERRIDING SYSTEM VALUE {compiler.process(element.select, **kw)}"
    returned = ", ".join(compiler.process(column, **kw) for column in element.returned)
    return f"{insert} RETURNING {returned}" if returned else insert


class insert_values(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """``INSERT INTO table (columns) VALUES (..)`` with the driver's own placeholders."""

    inherit_cache = False

    def __init__(self, table: sa.TableClause, names: tuple[str, ...]) -> None:
        self.table, self.names = table, names


@compiles(insert_values, "mysql", "mariadb")
def _insert_values_mysql(element: Any, compiler: Any, **_: Any) -> str:
    places = ", ".join(["%s"] * len(element.names))
    return f"INSERT INTO {_into(element, compiler)} VALUES ({places})"  # noqa: S608 - names are quoted


class make_stage(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """A temporary table with the columns of ``select``, without its rows; none of the target's own is ever touched.

    Its rows are looked for by ``key``: columns of it, and their types. MySQL needs an index for that, and can make none
    later without ending the transaction; PostgreSQL needs to know how many rows there are, see `analyze`.
    """

    inherit_cache = False

    def __init__(self, name: str, select: sa.Select[*tuple[Any, ...]], key: Sequence[tuple[str, Type]] = ()) -> None:
        self.name, self.select, self.key = name, select, key


def without_domain(column: ColumnElement[Any], of: Column) -> ColumnElement[Any]:
    """A column of a stage: NULL stands there for what is not said, which a domain may forbid."""
    return sa.func.coalesce(column, sa.null()) if of.domain else column


@compiles(make_stage, "postgresql")
def _make_stage_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    select = compiler.process(element.select, **kw)
    return f"CREATE TEMPORARY TABLE {element.name} ON COMMIT DROP AS {select} WITH NO DATA"


@compiles(make_stage, "mysql", "mariadb")
def _make_stage_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    """With a number of its own for each row: a server may refuse tables without a primary key, temporary ones too."""
    parts = ", ".join(name + _prefix(of) for name, of in element.key)
    index = f", INDEX ({parts})" if parts else ""
    number = "recon_number BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY"
    select = compiler.process(element.select, **kw)
    return f"CREATE TEMPORARY TABLE {element.name} ({number}{index}) {select} LIMIT 0"


def _prefix(of: Type) -> str:
    """How much of a column an index has: MySQL takes no long texts whole, and 16 columns at most."""
    return f"({min(of.length or _INDEXED, _INDEXED)})" if of.kind in _MAYBE_LONG else ""


_INDEXED = 32
_MAYBE_LONG = {Kind.TEXT, Kind.CHAR, Kind.BINARY, Kind.JSON}


class analyze(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """Lets PostgreSQL know how many rows a temporary table has, and their keys; it would guess that they are few."""

    inherit_cache = False

    def __init__(self, table: sa.TableClause, key: Sequence[sa.ColumnClause[Any]]) -> None:
        self.table, self.key = table, key


@compiles(analyze, "postgresql")
def _analyze_postgresql(element: Any, _compiler: Any, **_: Any) -> str:
    columns = ", ".join(column.name for column in element.key)
    return f"ANALYZE {element.table.name}" + (f" ({columns})" if columns else "")


@compiles(analyze, "mysql", "mariadb")
def _analyze_mysql(_element: Any, _compiler: Any, **_: Any) -> str:
    """It counts by itself."""
    return "DO 0"


class drop_stage(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """Removes the stage of an earlier load of this session, and ends no transaction."""

    inherit_cache = False

    def __init__(self, name: str) -> None:
        self.name = name


@compiles(drop_stage, "postgresql")
def _drop_stage_postgresql(element: Any, _compiler: Any, **_: Any) -> str:
    return f"DROP TABLE IF EXISTS pg_temp.{element.name}"


@compiles(drop_stage, "mysql", "mariadb")
def _drop_stage_mysql(element: Any, _compiler: Any, **_: Any) -> str:
    return f"DROP TEMPORARY TABLE IF EXISTS {element.name}"


class join_in_memory(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """Lets a transaction join the rows of a window without temporary files, which PostgreSQL writes from 4 MB on."""

    inherit_cache = True


@compiles(join_in_memory, "postgresql")
def _join_in_memory_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    """What is set for the role or the server may be more already."""
    del element, compiler, kw
    more = "pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('64MB')"
    return f"SELECT set_config('work_mem', '64MB', true) WHERE {more}"


@compiles(join_in_memory, "mysql", "mariadb")
def _join_in_memory_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    """It finds rows by index."""
    del element, compiler, kw
    return "DO 0"


class check_now(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """Checks the constraints that wait for the commit, so that a dry run meets them too."""

    inherit_cache = True


@compiles(check_now, "postgresql")
def _check_now_postgresql(_element: Any, _compiler: Any, **_: Any) -> str:
    return "SET CONSTRAINTS ALL IMMEDIATE"


@compiles(check_now, "mysql", "mariadb")
def _check_now_mysql(_element: Any, _compiler: Any, **_: Any) -> str:
    """It has no such constraints."""
    return "DO 0"


class begin_reading(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """Makes a transaction read only, all of it of the moment at which this is executed."""

    inherit_cache = True


@compiles(begin_reading, "postgresql")
def _begin_reading_postgresql(_element: Any, _compiler: Any, **_: Any) -> str:
    """Sessions that read are REPEATABLE READ, and read the moment of their first statement."""
    return "SELECT set_config('transaction_read_only', 'on', true)"


@compiles(begin_reading, "duckdb")
def _begin_reading_duckdb(_element: Any, _compiler: Any, **_: Any) -> str:
    """A transaction reads the moment of its first statement, and the file is opened for reading."""
    return "SELECT 1"


@compiles(begin_reading, "mysql", "mariadb")
def _begin_reading_mysql(_element: Any, _compiler: Any, **_: Any) -> str:
    """It would take the moment at which the first table is read."""
    return "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"


@compiles(begin_reading, "sqlite")
def _begin_reading_sqlite(_element: Any, _compiler: Any, **_: Any) -> str:
    """The driver would begin none to read."""
    return "BEGIN"


class copy_out(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """PostgreSQL's ``COPY (select) TO STDOUT``."""

    inherit_cache = False

    def __init__(self, select: sa.Select[*tuple[Any, ...]], *, binary: bool) -> None:
        self.select, self.binary = select, binary


@compiles(copy_out, "postgresql")
def _copy_out_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    inner = compiler.process(element.select, **{**kw, "literal_binds": True})
    return f"COPY ({inner}) TO STDOUT{_binary(element)}"


class copy_in(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """PostgreSQL's ``COPY table (columns) FROM STDIN``."""

    inherit_cache = False

    def __init__(self, table: sa.TableClause, names: tuple[str, ...], *, binary: bool) -> None:
        self.table, self.names, self.binary = table, names, binary


@compiles(copy_in, "postgresql")
def _copy_in_postgresql(element: Any, compiler: Any, **_: Any) -> str:
    return f"COPY {_into(element, compiler)} FROM STDIN{_binary(element)}"


def _into(element: Any, compiler: Any) -> str:
    names = ", ".join(compiler.preparer.quote(name) for name in element.names)
    return f"{compiler.preparer.format_table(element.table)} ({names})"


def _binary(element: Any) -> str:
    return " (FORMAT binary)" if element.binary else ""


class cast_as(ColumnElement[Any]):  # noqa: N801 - SQL is lower case
    """``CAST(column AS type)`` with a type as its declaration writes it."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], to: str) -> None:
        self.column, self.to = column, to


@compiles(cast_as)
def _cast_as(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({compiler.process(element.column, **kw)} AS {element.to})"


def readable(column: ColumnElement[Any], of: Type, dialect: str) -> ColumnElement[Any]:
    """The column in the form in which its driver loses nothing."""
    if of.charset or (of.kind is Kind.ENUM and dialect in {"mysql", "mariadb"}):
        return value_text(Cell(column, of, Form(of.kind, length_prefixed=True)))
    # MySQL's temporary tables limit a double of a fixed number of digits, as it limits no column.
    if of.kind is Kind.FLOAT and (of.precision == REAL_BITS or of.scale is not None) and dialect != "sqlite":
        return sa.cast(column, sa.Double())
    if dialect in {"postgresql", "duckdb"} and of.kind in KINDS and KINDS[of.kind].read_as_text:
        return sa.cast(column, sa.Text())
    return column
