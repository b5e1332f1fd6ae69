"""Exact texts: a value of a target's column, written so that the same database reads the very same value from it.

Canonical texts are alike for equal values; exact ones for identical values only: ``1.50`` is not ``1.5``, ``-0`` is
not ``0``, and a JSON text keeps its spaces.
"""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect.canonical import POSTGRESQL, Cell
from recon_assets.model import Kind, Type, Value

MYSQL = {"mysql", "mariadb"}


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


_MYSQL_FORMS: Mapping[Kind, str] = {
    Kind.FLOAT: "CAST(CAST({} AS DOUBLE) AS CHAR)",  # a single one would be rounded to six digits
    Kind.BOOLEAN: "CAST({} + 0 AS CHAR)",
    Kind.BINARY: "HEX({})",
    **dict.fromkeys((Kind.TEXT, Kind.CHAR, Kind.ENUM, Kind.JSON), "CONVERT({} USING utf8mb4)"),
}
_SHAPES = ("geometry", "point", "linestring", "polygon", "multi")


def _mysql_form(of: Type) -> str:
    if of.kind is Kind.UNSUPPORTED and of.name.startswith("bit"):
        return _MYSQL_FORMS[Kind.BOOLEAN]
    if of.kind is Kind.UNSUPPORTED and of.name.startswith(_SHAPES):
        return _MYSQL_FORMS[Kind.BINARY]
    return _MYSQL_FORMS.get(of.kind, "CAST({} AS CHAR)")


class not_identical(FunctionElement[bool]):  # noqa: N801 - SQL is lower case
    """Whether two values of one column are not identical: their exact texts differ, or one of them is NULL."""

    type = sa.Boolean()
    inherit_cache = False

    def __init__(self, left: ColumnElement[Any], right: ColumnElement[Any], of: Type) -> None:
        super().__init__(left, right)
        self.of = of


# Kinds whose values are identical when the database takes them for equal.
_PLAIN = {
    *(Kind.INTEGER, Kind.BOOLEAN, Kind.UUID, Kind.BINARY),
    *(Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT),
}


@compiles(not_identical, "postgresql")
def _not_identical_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    form = "{}" if element.of.kind in _PLAIN else '({})::text COLLATE "C"'
    left, right = (form.format(compiler.process(clause, **kw)) for clause in element.clauses)
    return f"({left} IS DISTINCT FROM {right})"


@compiles(not_identical, "mysql", "mariadb")
def _not_identical_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    form = "{}" if element.of.kind in _PLAIN else f"CAST({_mysql_form(element.of)} AS BINARY)"
    left, right = (form.format(compiler.process(clause, **kw)) for clause in element.clauses)
    return f"(NOT ({left} <=> {right}))"


def reader(of: Type, dialect: str) -> Callable[[str], Any] | None:
    """What makes of an exact text the value that a driver sends; None where the database reads the text itself."""
    if dialect not in MYSQL:
        return None
    readers: Mapping[str, Callable[[str], Any]] = {
        _MYSQL_FORMS[Kind.BINARY]: bytes.fromhex,
        _MYSQL_FORMS[Kind.BOOLEAN]: int,
    }
    return readers.get(_mysql_form(of))


def speller(of: Type, dialect: str) -> Callable[[Any], Any] | None:
    """What makes of a value that results show of a column, one that its own database reads; None where it may stay."""
    if dialect in MYSQL:
        return {Kind.BINARY: bytes.fromhex, Kind.INSTANT: _without_zone}.get(of.kind)
    return _as_bytea if of.kind is Kind.BINARY else None


def _without_zone(value: str) -> str:
    """Its sessions are in UTC."""
    return value.removesuffix("+00:00")


def _as_bytea(value: str) -> Value:
    return f"\\x{value}"


def is_exact(cell: Cell, dialect: str) -> bool:
    """Whether the canonical text of a cell is the exact one too, so that one of them is read."""
    return dialect == "postgresql" and POSTGRESQL.text(cell, "") == "CAST( AS text)"
