"""Texts that are padded to a width: the spaces after them are no data."""

from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import text
from recon_assets.values.kind import MYSQL_UTF8, ValueKind, as_it_is, refuse, sized


def _fit(value: Any, of: Type, dialect: str) -> str:
    written = text.fit(value, of, dialect)
    if written.endswith(" "):
        refuse("text that ends with a space, which CHAR does not keep")
    return written


CHAR = ValueKind(
    Kind.CHAR,
    names={"postgresql": {"character": sized(Kind.CHAR, 1)}, "mysql": {"char": sized(Kind.CHAR, 1)}},
    sql=text.SQL,
    of_sqlite=text.of_sqlite,
    parse=as_it_is,
    fit=_fit,
    keeps_spaces=True,
    exact_mysql=MYSQL_UTF8,
    loosely_equal=frozenset({"mysql"}),
    any_character=True,
    compared_with={Kind.ENUM: Kind.TEXT, Kind.UUID: Kind.UUID, Kind.JSON: Kind.JSON},
    goes_into=text.ANY_TEXT,
    example="some text",
)
