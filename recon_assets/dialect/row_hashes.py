"""Numbers of rows, of which the print of many is summed: rows that are not identical share one by chance only."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect.canonical import half, md5_text
from recon_assets.dialect.exact_text import exact_text
from recon_assets.model import Kind, Type

Cells = Sequence[tuple[sa.ColumnElement[Any], Type]]


def key_number(key: Cells, dialect: str) -> sa.ColumnElement[int]:
    """The number of a row's key: a quick one, that may be shared by one key in a few thousand million."""
    return record_hash(key) if dialect == "postgresql" else sa.func.crc32(_joined(key))


def row_number(cells: Cells, dialect: str) -> sa.ColumnElement[int]:
    """The number of a whole row, of 60 binary digits at least."""
    return record_hash(cells) if dialect == "postgresql" else half(md5_text(_joined(cells)), 0)


class record_hash(FunctionElement[int]):  # noqa: N801 - SQL is lower case
    """PostgreSQL's own 64-bit hash of typed values.

    It is a sum of the columns' hashes: rows that swap values keep the sum of them all, unless each row has a weight.
    """

    type = sa.BigInteger()
    inherit_cache = False

    def __init__(self, cells: Cells) -> None:
        super().__init__(*(_value(*cell) for cell in cells))


@compiles(record_hash, "postgresql")
def _record_hash_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"hash_record_extended(ROW({compiler.process(element.clauses, **kw)}), 0)"


_HASHED_EXACTLY = {
    *(Kind.INTEGER, Kind.BOOLEAN, Kind.UUID, Kind.BINARY),
    *(Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT),
}


def _value(column: sa.ColumnElement[Any], of: Type) -> sa.ColumnElement[Any]:
    """What PostgreSQL hashes alike for identical values only: 1.0 and 1.00 are equal, and 0 and -0."""
    if of.kind in _HASHED_EXACTLY or (of.kind is Kind.DECIMAL and of.scale is not None):
        return column
    if of.kind is Kind.FLOAT:
        return sa.func.float4send(column) if of.precision == _REAL else sa.func.float8send(column)
    return sa.collate(exact_text(column, of), "C")


_REAL = 24


def _joined(cells: Cells) -> sa.ColumnElement[str]:
    """The exact texts of a row as one, in which no two rows meet."""
    return sa.func.concat(*(_framed(*cell) for cell in cells))


_WITHOUT_SEMICOLON = {*_HASHED_EXACTLY, Kind.DECIMAL, Kind.FLOAT}


def _framed(column: sa.ColumnElement[Any], of: Type) -> sa.ColumnElement[str]:
    text = exact_text(column, of)
    ended = of.kind in _WITHOUT_SEMICOLON
    parts = (text, ";") if ended else (sa.func.length(text), ":", text)
    return sa.case((column.is_(None), "~;"), else_=sa.func.concat(*parts))


class bits(FunctionElement[int]):  # noqa: N801 - SQL is lower case
    """So many binary digits of a number, beginning at ``start``; 0 is the last digit."""

    type = sa.BigInteger()
    inherit_cache = False

    def __init__(self, number: sa.ColumnElement[int], start: int, digits: int) -> None:
        super().__init__(number)
        self.start, self.mask = start, (1 << digits) - 1


@compiles(bits, "postgresql")
@compiles(bits, "mysql", "mariadb")
def _bits_postgresql_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    number = compiler.process(element.clauses, **kw)
    return f"(({number} >> {element.start}) & {element.mask})" if element.start else f"({number} & {element.mask})"
