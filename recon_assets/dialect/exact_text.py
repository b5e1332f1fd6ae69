"""Exact texts: a value of a target's column, written so that the same database reads the very same value from it.

Canonical texts are alike for equal values; exact ones for identical values only: ``1.50`` is not ``1.5``, ``-0`` is
not ``0``, and a JSON text keeps its spaces.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect.canonical import SPELLING_POSTGRESQL, Cell
from recon_assets.dialect.mysql_unreadable import SHAPES, bytes_of
from recon_assets.model import Kind, Type
from recon_assets.values import KINDS, Marked
from recon_assets.values.enum import ERROR_VALUE
from recon_assets.values.kind import CAST_MYSQL, CAST_POSTGRESQL

_MYSQL_DIALECTS = {"mysql", "mariadb"}


class exact_text(FunctionElement[str]):  # noqa: N801 - SQL is lower case
    """The exact text of a value, NULL for NULL."""

    type = sa.Text()
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], of: Type) -> None:
        super().__init__(column)
        self.of = of


@compiles(exact_text, "postgresql")
def _exact_text_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"({compiler.process(element.clauses, **kw)})::text"


@compiles(exact_text, "mysql", "mariadb")
def _exact_text_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return _mysql_form(element.of).format(compiler.process(element.clauses, **kw))


def _mysql_kind(of: Type) -> Kind:
    """The kind whose exact text serves for a type; columns that are only carried along may be of no kind."""
    if of.charset:
        return Kind.BINARY  # as text, bytes that are no characters would be lost
    if of.kind is not Kind.UNSUPPORTED:
        return of.kind
    return Kind.BOOLEAN if of.name.startswith("bit") else Kind.BINARY if of.name.startswith(SHAPES) else of.kind


def _mysql_form(of: Type) -> str:
    kind = _mysql_kind(of)
    return KINDS[kind].exact_mysql if kind in KINDS else CAST_MYSQL


def lost_text(of: Type, dialect: str) -> str | None:
    """The exact text of values that no text makes again: MySQL's of what is none of an enum's labels."""
    return ERROR_VALUE if of.kind is Kind.ENUM and dialect in _MYSQL_DIALECTS else None


class not_identical(FunctionElement[bool]):  # noqa: N801 - SQL is lower case
    """Whether two values of one column are not identical: their exact texts differ, or one of them is NULL."""

    type = sa.Boolean()
    inherit_cache = False

    def __init__(self, left: ColumnElement[Any], right: ColumnElement[Any], of: Type) -> None:
        super().__init__(left, right)
        self.of = of


def _is_plain(of: Type) -> bool:
    """Whether equal values are identical; decimals of a declared scale have as many digits."""
    has_scale = of.kind is Kind.DECIMAL and of.scale is not None
    return has_scale or (of.kind in KINDS and KINDS[of.kind].equal_is_identical)


@compiles(not_identical, "postgresql")
def _not_identical_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    left, right = (compiler.process(clause, **kw) for clause in element.clauses)
    by_value = f"{left} IS DISTINCT FROM {right}"
    by_text = f'({left})::text COLLATE "C" IS DISTINCT FROM ({right})::text COLLATE "C"'
    if element.of.kind is Kind.FLOAT:
        # Texts of floats are dear, and equal ones have two of them only where they are 0.
        return f"({by_value} OR ({left} IS NOT DISTINCT FROM 0 AND {by_text}))"
    return f"({by_value if _is_plain(element.of) else by_text})"


@compiles(not_identical, "mysql", "mariadb")
def _not_identical_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    form = "{}" if _is_plain(element.of) else f"CAST({_mysql_form(element.of)} AS BINARY)"
    left, right = (form.format(compiler.process(clause, **kw)) for clause in element.clauses)
    return f"(NOT ({left} <=> {right}))"


def reader(of: Type, dialect: str) -> Callable[[str], Any] | None:
    """What makes of an exact text the value that a driver sends; None where the database reads the text itself."""
    if dialect not in _MYSQL_DIALECTS:
        return None
    kind = _mysql_kind(of)
    return KINDS[kind].sent_to_mysql if kind in KINDS else None


def speller(of: Type, dialect: str) -> Callable[[Any], Any] | None:
    """What makes of a value that results show of a column, one that its own database reads; None where it may stay."""
    if of.charset:
        return lambda shown: bytes_of(shown) if isinstance(shown, Marked) else shown
    known = KINDS[of.kind].of_shown if of.kind in KINDS else {}
    return known.get("mysql" if dialect in _MYSQL_DIALECTS else dialect)


def is_exact(cell: Cell, dialect: str) -> bool:
    """Whether the canonical text of a cell is the exact one too, so that one of them is read."""
    return dialect == "postgresql" and SPELLING_POSTGRESQL.template(cell) == CAST_POSTGRESQL
