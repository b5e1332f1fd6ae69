"""The SQL in which databases differ: one construct each, one small function per dialect.

A dialect without a rule fails when the SQL is made.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement, ColumnElement, Executable
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.model import Days, Kind, Type, Window


class differs(FunctionElement[bool]):  # noqa: N801 - SQL is lower case
    """Whether two values of one column differ by value; NULL equals NULL, and no collation has a say."""

    type = sa.Boolean()
    inherit_cache = False

    def __init__(self, left: ColumnElement[Any], right: ColumnElement[Any], kind: Kind) -> None:
        super().__init__(left, right)
        self.kind = kind


@compiles(differs, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    left, right = (compiler.process(clause, **kw) for clause in element.clauses)
    form = {Kind.JSON: "({})::jsonb", Kind.TEXT: '({}) COLLATE "C"'}.get(element.kind, "{}")
    return f"{form.format(left)} IS DISTINCT FROM {form.format(right)}"


@compiles(differs, "mysql", "mariadb")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    left, right = (compiler.process(clause, **kw) for clause in element.clauses)
    form = "CAST({} AS BINARY)" if element.kind in {Kind.TEXT, Kind.CHAR, Kind.JSON, Kind.ENUM} else "{}"
    return f"NOT ({form.format(left)} <=> {form.format(right)})"


class insert_rows(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """``INSERT INTO table (columns) SELECT ..`` that may name identity columns."""

    inherit_cache = False

    def __init__(self, table: sa.TableClause, names: tuple[str, ...], select: sa.Select[*tuple[Any, ...]]) -> None:
        self.table, self.names, self.select = table, names, select


@compiles(insert_rows, "mysql", "mariadb")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return f"INSERT INTO {_into(element, compiler)} {compiler.process(element.select, **kw)}"


@compiles(insert_rows, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return f"INSERT INTO {_into(element, compiler)} OVERRIDING SYSTEM VALUE {compiler.process(element.select, **kw)}"


class copy_out(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """PostgreSQL's ``COPY (select) TO STDOUT``."""

    inherit_cache = False

    def __init__(self, select: sa.Select[*tuple[Any, ...]], *, binary: bool) -> None:
        self.select, self.binary = select, binary


@compiles(copy_out, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    inner = compiler.process(element.select, **{**kw, "literal_binds": True})
    return f"COPY ({inner}) TO STDOUT{_binary(element)}"


class copy_in(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """PostgreSQL's ``COPY table (columns) FROM STDIN``."""

    inherit_cache = False

    def __init__(self, table: sa.TableClause, names: tuple[str, ...], *, binary: bool) -> None:
        self.table, self.names, self.binary = table, names, binary


@compiles(copy_in, "postgresql")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    del kw
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
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST({compiler.process(element.column, **kw)} AS {element.to})"


class sqlite_moment(FunctionElement[str]):  # noqa: N801 - SQL is lower case
    """SQLite's timestamp text with a space between date and time, so that texts sort as moments do."""

    type = sa.String()
    inherit_cache = True


@compiles(sqlite_moment, "sqlite")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return f"replace({compiler.process(element.clauses, **kw)}, 'T', ' ')"


class local_day(FunctionElement[Any]):  # noqa: N801 - SQL is lower case
    """The day of ``days`` into which a moment falls; moments from ``until`` on may be named wrongly."""

    type = sa.Date()
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], kind: Kind, days: Days, until: date) -> None:
        super().__init__(column)
        self.stored = "UTC" if kind is Kind.INSTANT else days.stored_in
        self.kind, self.days, self.until = kind, days, until

    def steps(self) -> list[tuple[datetime, int | date]]:
        """From which stored moment on which offset in seconds leads to the day; when DST changes, the day itself."""
        found: list[tuple[datetime, int | date]] = []
        for window in self.days.windows(self.until):
            first, last = _ends(window)
            start, end = moment_in(first, self.stored), moment_in(last, self.stored)
            offset = int((first.replace(tzinfo=None) - start).total_seconds())
            step = offset if end - start == timedelta(days=1) else date.fromisoformat(window.key)
            if not found or found[-1][1] != step:
                found.append((start, step))
        return found


@compiles(local_day, "postgresql")
@compiles(local_day, "duckdb")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    moment = compiler.process(element.clauses, **kw)
    if element.kind is not Kind.INSTANT:
        moment = f"({moment} AT TIME ZONE {_literal(compiler, element.stored)})"
    return f"CAST(({moment} AT TIME ZONE {_literal(compiler, element.days.timezone)}) AS date)"


@compiles(local_day, "mysql", "mariadb")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    """The rules of the zone go with the statement: MySQL's time zone tables are often not loaded."""
    return _by_steps(element, compiler, "DATE({} + INTERVAL {} SECOND)", "DATE('{}')", **kw)


@compiles(local_day, "sqlite")
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return _by_steps(element, compiler, "date({}, '{} seconds')", "'{}'", **kw)


def _by_steps(element: Any, compiler: Any, shifted: str, fixed: str, **kw: Any) -> str:
    moment = compiler.process(element.clauses, **kw)
    whens = [
        f"WHEN {moment} >= '{start:%Y-%m-%d %H:%M:%S}' THEN "
        + (fixed.format(step) if isinstance(step, date) else shifted.format(moment, step))
        for start, step in reversed(element.steps())
    ]
    return f"CASE {' '.join(whens)} END" if whens else "NULL"


def _literal(compiler: Any, name: str) -> str:
    return str(compiler.render_literal_value(name, sa.String()))


def moment_in(moment: datetime, zone: str) -> datetime:
    """An aware moment as a naive one of ``zone``."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def within(column: ColumnElement[Any], kind: Kind, window: Window, days: Days, dialect: str) -> ColumnElement[bool]:
    """Whether ``column`` lies in ``window``, its bounds written as the column's own type."""
    column = _comparable(column, kind, dialect)
    start, end = (_bound(moment, kind, days, dialect) for moment in _ends(window))
    return sa.and_(column >= start, column < end)


def _comparable(column: ColumnElement[Any], kind: Kind, dialect: str) -> ColumnElement[Any]:
    return sqlite_moment(column) if dialect == "sqlite" and kind is not Kind.DATE else column


def _ends(window: Window) -> tuple[datetime, datetime]:
    if window.start is None or window.end is None:
        msg = f"window {window} has no bounds, so it is no condition"
        raise ValueError(msg)
    return window.start, window.end


def _bound(moment: datetime, kind: Kind, days: Days, dialect: str) -> ColumnElement[Any]:
    if kind is Kind.DATE:
        return sa.literal(moment.date() if dialect != "sqlite" else str(moment.date()))
    if dialect == "sqlite":
        return sa.literal(f"{moment_in(moment, days.stored_in):%Y-%m-%d %H:%M:%S}")
    if kind is Kind.INSTANT and dialect in {"postgresql", "duckdb"}:
        return sa.literal(moment.astimezone(UTC), sa.DateTime(timezone=True))
    return sa.literal(moment_in(moment, "UTC" if kind is Kind.INSTANT else days.stored_in), sa.DateTime())


def readable(column: ColumnElement[Any], of: Type, dialect: str) -> ColumnElement[Any]:
    """The column in the form in which its driver loses nothing."""
    if of.kind is Kind.FLOAT and of.precision == _REAL and dialect != "sqlite":
        return sa.cast(column, sa.Double())
    if dialect == "postgresql" and of.kind in _LOSSY_IN_PSYCOPG:
        return sa.cast(column, sa.Text())
    return column


_LOSSY_IN_PSYCOPG = {Kind.JSON, Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT, Kind.TIME}
_REAL = 24
