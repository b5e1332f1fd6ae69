"""Hashes of the target's rows, which fingerprints add up: what is not identical shares one by chance only."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect.exact_text import exact_text
from recon_assets.dialect.postgresql_row_hash import chained_hash, identical_values
from recon_assets.dialect.text_hash import text_hash
from recon_assets.model import Type
from recon_assets.values import KINDS

Cells = Sequence[tuple[sa.ColumnElement[Any], Type]]


def identity_hash(cells: Cells, dialect: str) -> sa.ColumnElement[int]:
    """The hash of a row, or of a key: 60 binary digits at least; NULL of a row too long for MySQL to write down."""
    if dialect == "postgresql":
        return chained_hash([identical_values(column, of) for column, of in cells])
    # Not CRC32, which is quick but linear: rows can be changed so that it stays the same.
    return text_hash(_joined(cells))


def _joined(cells: Cells) -> sa.ColumnElement[str]:
    """The exact texts of a row as one, in which no two rows meet."""
    return sa.func.concat(*(_delimited(*cell) for cell in cells))


def _delimited(column: sa.ColumnElement[Any], of: Type) -> sa.ColumnElement[str]:
    text = exact_text(column, of)
    has_semicolon = of.kind not in KINDS or KINDS[of.kind].any_character
    parts = (sa.func.length(text), ":", text) if has_semicolon else (text, ";")
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
