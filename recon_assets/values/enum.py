"""Texts out of a list that the type names."""

import re
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import text
from recon_assets.values.kind import MYSQL_UTF8, ValueKind, as_it_is, refuse, texts

ERROR_VALUE = "\uffff"
"""Stands in exact texts for MySQL's error value, which an enum holds for what was none of its labels. It reads as `''`,
which may be a label: written back as this text, which is nobody's, it is refused instead of becoming that label."""
_LABEL = re.compile(r"'((?:[^']|'')*)'")


def _fit(value: Any, of: Type, _: str) -> str:
    label = text.written(value)
    if label not in of.labels:
        refuse("a label that the enum does not have")
    return label


def _labels(name: str, args: str) -> Type:
    return Type(Kind.ENUM, name, labels=tuple(label.replace("''", "'") for label in _LABEL.findall(args)))


ENUM = ValueKind(
    Kind.ENUM,
    # PostgreSQL's enums have names of their own; the catalogue tells them by their labels.
    names={"mysql": {"enum": _labels}, "duckdb": {"enum": _labels}},
    sql=texts(mysql=MYSQL_UTF8),
    of_sqlite=text.of_sqlite,
    parse=as_it_is,
    fit=_fit,
    keeps_spaces=True,
    exact_mysql=f"IF({{0}} + 0 = 0, '{ERROR_VALUE}', {MYSQL_UTF8.format('{0}')})",
    loosely_equal=frozenset({"mysql"}),
    any_character=True,
    compared_with={Kind.UUID: Kind.UUID, Kind.JSON: Kind.JSON},
    goes_into=frozenset({Kind.ENUM, Kind.TEXT, Kind.CHAR}),
    example="one of its labels",
)
