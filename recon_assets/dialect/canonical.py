"""Canonical texts of rows: what makes rows of different databases comparable.

A cell is one column of a row as text: `~;` for NULL; the value's text and `;` where no value of the form can
hold a `;`; else the text's length in UTF-8 bytes, `:` and the text; and before that a `!` where SQLite holds what
is no value of the form, or MySQL bytes that are no text, so that it is no text of another database. The text of a
row is that of its cells one after the other, so two rows have one text only if they have the same cells. Add a
database by adding a spelling and one function to each construct.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect import mysql_unreadable
from recon_assets.dialect.common_form import Form
from recon_assets.model import Kind, Type
from recon_assets.values import KINDS, UNREADABLE, Marked
from recon_assets.values.kind import CAST_MYSQL, CAST_MYSQL_NUMBER, MYSQL_UTF8

NULL = "~"
END = ";"


@dataclass(frozen=True)
class Cell:
    """One column of a row, to be written down in ``form``.

    ``compare_by_value`` puts `=` before the text, so that it equals no text of the other side: every value is looked
    at then.
    What is not ``nullable`` needs no rule for NULL, which costs a database time.
    """

    column: ColumnElement[Any]
    type: Type
    form: Form
    compare_by_value: bool = False
    nullable: bool = True


@dataclass(frozen=True)
class Spelling:
    """How one database writes rows down: SQL with ``{}`` for the column. The text of each kind stands in `values`.

    Attributes:
        database: Under which name `values` knows it.
        size: The length of a text in bytes.
        concat: Texts one after the other, with ``{}`` for them.
        between: What stands between those.
        uncast: What may be joined instead of a cast to text, by that: joining makes the same of it in one step less.
    """

    database: str
    size: str
    concat: str
    between: str
    uncast: Mapping[str, str] = field(default_factory=dict)

    def text(self, cell: Cell, column: str) -> str:
        """The text of one value, NULL for NULL."""
        return self.template(cell).format(column)

    def template(self, cell: Cell) -> str:
        """The SQL of a value's text, with ``{}`` for the column.

        Raises:
            NotImplementedError: When there is no rule for the kind.
        """
        of = cell.type
        sql = KINDS[of.kind].sql.get(self.database) if of.kind in KINDS else None
        if sql is None:
            msg = f"no canonical text for {of.name} ({of.kind})"
            raise NotImplementedError(msg)
        text = sql.whole if sql.whole and _is_whole(of) else sql.named.get(of.name, sql.text)
        found = sql.compared_as.get(cell.form.kind, text)
        return "{}" if found == MYSQL_UTF8 and of.utf8 else found

    def parts(self, cell: Cell, column: str) -> list[str]:
        """One cell of a row's text, in parts that are to be joined: the fewer are made by others, the cheaper."""
        if cell.type.kind not in _SHORT or cell.form.length_prefixed or cell.compare_by_value:
            return [self.cell(cell, column)]
        template = self.template(cell)
        text = self.uncast.get(template, template).format(column)
        return [f"COALESCE({text}, '{NULL}')" if cell.nullable else text, f"'{END}'"]

    def cell(self, cell: Cell, column: str) -> str:
        """One cell of a row's text; NULL only where a column that says it is never NULL is."""
        whole = self._ended(cell, self.text(cell, column))
        if self.database == "mysql":
            whole = mysql_unreadable.or_mark(cell.type, column, whole, self._ended(cell, "{0}", UNREADABLE))
        if not cell.nullable:
            return whole
        # Not COALESCE: MySQL makes NULL of a text that is longer than it sends, which is no NULL. A composite IS NULL
        # where all its attributes are, but its text is not.
        value = self.text(cell, column) if cell.type.kind is Kind.NATIVE else column
        return f"CASE WHEN {value} IS NULL THEN '{'=' if cell.compare_by_value else ''}{NULL}{END}' ELSE {whole} END"

    def _ended(self, cell: Cell, text: str, before: str = "") -> str:
        """A text so that one sees where it ends."""
        if cell.compare_by_value:
            text = self.concat.format(self.between.join(["'='", text]))
        parts = [self.size.format(text), "':'", text] if cell.form.length_prefixed else [text, f"'{END}'"]
        return self.concat.format(self.between.join([f"'{before}'", *parts] if before else parts))

    def row(self, cells: Sequence[Cell], columns: Sequence[str]) -> str:
        """The text of a row."""
        parts = [part for cell, column in zip(cells, columns, strict=True) for part in self.parts(cell, column)]
        return joined(parts, self.concat, self.between)


_MAX_JOINED = 100


def joined(parts: Sequence[str], concat: str = "({})", between: str = " || ") -> str:
    """Texts one after the other, in groups: SQLite and DuckDB refuse expressions that are nested a thousand deep."""
    while len(parts) > _MAX_JOINED:
        groups = (parts[at : at + _MAX_JOINED] for at in range(0, len(parts), _MAX_JOINED))
        parts = [concat.format(between.join(group)) for group in groups]
    return concat.format(between.join(parts)) if parts else "''"


_SHORT = {kind for kind, each in KINDS.items() if each.short} - {Kind.UUID}
"""Kinds whose texts are never longer than MySQL sends, so that only NULL makes NULL of them.

Not UUIDs: MariaDB would make a UUID of the mark in COALESCE, and NULL of that.
"""
_CLOCKS = {Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT}


def _is_whole(of: Type) -> bool:
    return of.precision == 0 if of.kind in _CLOCKS else of.kind is Kind.DECIMAL and of.scale == 0


SPELLING_POSTGRESQL = Spelling("postgresql", size="octet_length({})", concat="({})", between=" || ")
# Its functions count and digest the bytes of the database's own encoding.
SPELLING_POSTGRESQL_NOT_UTF8 = Spelling(
    "postgresql", size="octet_length(convert_to({}, 'UTF8'))", concat="({})", between=" || "
)
SPELLING_MYSQL = Spelling(
    "mysql",
    size="LENGTH({})",
    concat="CONCAT({})",
    between=", ",
    uncast={CAST_MYSQL: "{}", CAST_MYSQL_NUMBER: "{} + 0"},
)
SPELLING_DUCKDB = Spelling("duckdb", size="CAST(strlen({}) AS VARCHAR)", concat="({})", between=" || ")


class row_text(FunctionElement[str]):  # noqa: N801 - SQL is lower case
    """The canonical text of a row, never NULL unless it is longer than the database can hold."""

    type = sa.Text()
    inherit_cache = False

    def __init__(self, cells: Sequence[Cell]) -> None:
        super().__init__(*(cell.column for cell in cells))
        self.cells = tuple(cells)


def _spelled(spelling: Spelling, element: Any, compiler: Any, **kw: Any) -> str:
    return spelling.row(element.cells, [compiler.process(cell.column, **kw) for cell in element.cells])


@compiles(row_text, "postgresql")
def _row_text_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return _spelled(
        SPELLING_POSTGRESQL if is_utf8(compiler.dialect) else SPELLING_POSTGRESQL_NOT_UTF8, element, compiler, **kw
    )


def is_utf8(dialect: Any) -> bool:
    """Whether a PostgreSQL database keeps texts as UTF-8, as far as is known: sessions note it when they connect."""
    return getattr(dialect, "server_encoding", "UTF8") == "UTF8"


@compiles(row_text, "mysql", "mariadb")
def _row_text_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return _spelled(SPELLING_MYSQL, element, compiler, **kw)


@compiles(row_text, "duckdb")
def _row_text_duckdb(element: Any, compiler: Any, **kw: Any) -> str:
    return _spelled(SPELLING_DUCKDB, element, compiler, **kw)


@compiles(row_text, "sqlite")
def _row_text_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    """Its values carry their own types, so they are written down by a function of ours."""
    parts = [_sqlite_cell(cell, compiler.process(cell.column, **kw)) for cell in element.cells]
    return joined(parts)


def _sqlite_cell(cell: Cell, column: str) -> str:
    kinds = f"'{cell.type.kind.value}', '{cell.form.kind.value}'"
    return f"recon_cell({column}, {kinds}, {int(cell.form.length_prefixed)}, {int(cell.compare_by_value)})"


class value_text(FunctionElement[str]):  # noqa: N801 - SQL is lower case
    """The canonical text of one value, NULL for NULL; it sorts and groups byte for byte."""

    type = sa.Text()
    inherit_cache = False

    def __init__(self, cell: Cell) -> None:
        super().__init__(cell.column)
        self.cell = cell


@compiles(value_text, "postgresql")
def _value_text_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    text = SPELLING_POSTGRESQL.text(element.cell, compiler.process(element.cell.column, **kw))
    return f'({text}) COLLATE "C"' if is_utf8(compiler.dialect) else f"convert_to({text}, 'UTF8')"


@compiles(value_text, "mysql", "mariadb")
def _value_text_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    """Its collations take `a` and `a ` for one, so that it comes as bytes."""
    cell, column = element.cell, compiler.process(element.cell.column, **kw)
    text = f"CAST({SPELLING_MYSQL.text(cell, column)} AS BINARY)"
    return mysql_unreadable.or_mark(cell.type, column, text, f"CONCAT(x'{Marked.sent('').hex()}', {{0}})")


@compiles(value_text, "duckdb")
def _value_text_duckdb(element: Any, compiler: Any, **kw: Any) -> str:
    return SPELLING_DUCKDB.text(element.cell, compiler.process(element.cell.column, **kw))


@compiles(value_text, "sqlite")
def _value_text_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    column, cell = compiler.process(element.cell.column, **kw), element.cell
    return f"recon_text({column}, '{cell.type.kind.value}', '{cell.form.kind.value}')"


class md5_text(FunctionElement[str]):  # noqa: N801 - SQL is lower case
    """The MD5 of a text's UTF-8 bytes, as 32 hexadecimal digits."""

    type = sa.Text()
    inherit_cache = True
    name = "md5_text"


@compiles(md5_text, "postgresql")
def _md5_text_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    text = compiler.process(element.clauses, **kw)
    return f"md5({text})" if is_utf8(compiler.dialect) else f"md5(convert_to({text}, 'UTF8'))"


@compiles(md5_text, "mysql", "mariadb")
@compiles(md5_text, "duckdb")
def _md5_text_mysql_duckdb(element: Any, compiler: Any, **kw: Any) -> str:
    return f"md5({compiler.process(element.clauses, **kw)})"


@compiles(md5_text, "sqlite")
def _md5_text_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"recon_md5({compiler.process(element.clauses, **kw)})"


class total(FunctionElement[Any]):  # noqa: N801 - SQL is lower case
    """The sum of integers, exact however large it grows."""

    type = sa.types.NullType()  # as the driver has it: SQLite's comes as text
    inherit_cache = True


@compiles(total, "postgresql")
@compiles(total, "mysql", "mariadb")
@compiles(total, "duckdb")
def _total_postgresql_mysql_duckdb(element: Any, compiler: Any, **kw: Any) -> str:
    return f"SUM({compiler.process(element.clauses, **kw)})"


@compiles(total, "sqlite")
def _total_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"recon_total({compiler.process(element.clauses, **kw)})"


_FENCES: Mapping[str, int | None] = {"postgresql": None, "mysql": 2**64 - 1, "mariadb": 2**64 - 1, "sqlite": -1}


def optimization_fence(select: sa.Select[*tuple[Any, ...]], dialect: str) -> sa.Select[*tuple[Any, ...]]:
    """The statement as a subquery whose expressions are evaluated once for each row, however often they are used."""
    if dialect == "duckdb":
        return select
    limit = _FENCES[dialect]
    return select.offset(sa.literal_column("0")) if limit is None else select.limit(sa.literal_column(str(limit)))
