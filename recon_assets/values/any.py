"""Columns of SQLite that hold any value: each carries its own type, in a letter before its text."""

from decimal import Decimal
from typing import Any, NoReturn

from recon_assets.model import Kind, Type, Value
from recon_assets.values import numbers
from recon_assets.values.kind import ValueKind, as_it_is, refuse, what


def _of_sqlite(value: Any, _: Kind) -> str:
    if isinstance(value, bytes):
        return f"b{value.hex()}"
    return f"t{value}" if isinstance(value, str) else f"n{numbers.plain(Decimal(value))}"


def _show(text: str) -> Value:
    return numbers.integer_or(text[1:]) if text[:1] == "n" else text[1:]


def _fit(value: Any, _: Type, __: str) -> NoReturn:
    refuse(what(value))  # SQLite files are sources only


ANY = ValueKind(
    Kind.ANY,
    names={"sqlite": {}},  # whatever no other kind names
    sql={},
    of_sqlite=_of_sqlite,
    parse=as_it_is,
    fit=_fit,
    show=_show,
    any_character=True,
    example="some text",
)
