"""Types that PostgreSQL alone has: arrays, ranges, ``inet``, ``interval``, ``bit``, ``xml``, ``hstore``, ..

Their values are compared and loaded as PostgreSQL writes them, between columns of the very same type on two of its
servers, made of the same parts: its own dumps rest on such a text being read back as the same value. So ``1.50``
and ``1.5`` in a ``numeric[]``, or a month and 30 days, differ. With all other databases there is no common form.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values.kind import CAST_POSTGRESQL, Sql, ValueKind, as_it_is, refuse, what


def native(name: str, _: str) -> Type:
    """A type of PostgreSQL that has no file of its own; not one whose texts depend on a server's settings or names."""
    return Type(Kind.UNSUPPORTED if _is_local(name) else Kind.NATIVE, name)


def made_of(of: Type, parts: Sequence[str]) -> Type:
    """The type, as its catalogue says what it is made of: each part by its path, with its type at the end."""
    local = any(_is_local(part.rpartition(" ")[2]) for part in parts)
    return replace(of, kind=Kind.UNSUPPORTED if local else of.kind, parts=tuple(parts))


def _is_local(name: str) -> bool:
    return name.removesuffix("[]") in {"money", "oid"} or name.startswith("reg")


def without_form(source: Type, target: Type) -> Type | None:
    """Of two columns' types the one whose values the other side cannot have; None if there is none such."""
    for of in (source, target):
        if of.kind is Kind.UNSUPPORTED or (of.kind is Kind.NATIVE and not is_one_type(source, target)):
            return of
    return None


def is_one_type(source: Type, target: Type) -> bool:
    """Whether both are called alike, and made of the same parts."""
    return (source.name, source.parts) == (target.name, target.parts)


def _fit(value: Any, _: Type, __: str) -> str:
    """PostgreSQL reads the text itself."""
    return value if isinstance(value, str) else refuse(what(value))


NATIVE = ValueKind(
    Kind.NATIVE,
    names={},  # whatever PostgreSQL has besides
    # A cast gives xml as it was written, with a declaration that PostgreSQL's output, and so a load, leaves out.
    sql={"postgresql": Sql(CAST_POSTGRESQL, named={"xml": "textin(xml_out({}))"})},  # codespell:ignore textin
    of_sqlite=lambda value, _: refuse(what(value)),
    parse=as_it_is,
    fit=_fit,
    loosely_equal=frozenset({"postgresql"}),  # xml knows no equality
    read_as_text=True,
    any_character=True,
    goes_into=frozenset({Kind.NATIVE}),
    example="a value as PostgreSQL writes it",
)
