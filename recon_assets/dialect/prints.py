"""Numbers of rows, of which the print of many is summed: rows that are not identical share one by chance only."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect.canonical import half, md5_text, typed_hash
from recon_assets.dialect.exact import exact_text
from recon_assets.model import Kind, Type

Cells = Sequence[tuple[sa.ColumnElement[Any], Type]]


def key_number(key: Cells, dialect: str) -> sa.ColumnElement[int]:
    """The number of a row's key."""
    if dialect == "postgresql":
        return typed_hash([_value(*cell) for cell in key])
    return half(md5_text(_joined(key)), 0)


def row_number(cells: Cells, key: Cells, dialect: str) -> sa.ColumnElement[int]:
    """The number of a whole row, which depends on its key so that rows that swap values change their sum."""
    if dialect == "postgresql":
        return typed_hash([_value(*cell) for cell in cells], [_value(*cell) for cell in key])
    return half(md5_text(_joined(cells)), 0)


_HASHED_EXACTLY = {
    *(Kind.INTEGER, Kind.BOOLEAN, Kind.UUID, Kind.BINARY),
    *(Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT),
}


def _value(column: sa.ColumnElement[Any], of: Type) -> sa.ColumnElement[Any]:
    """What PostgreSQL hashes alike for identical values only: 1.0 and 1.00 are equal, and 0 and -0."""
    if of.kind in _HASHED_EXACTLY or (of.kind is Kind.DECIMAL and of.scale is not None):
        return column
    return sa.collate(column if of.kind is Kind.TEXT else exact_text(column, of), "C")


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
def _(element: Any, compiler: Any, **kw: Any) -> str:
    return f"(({compiler.process(element.clauses, **kw)} >> {element.start}) & {element.mask})"
