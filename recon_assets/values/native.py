"""Types that PostgreSQL alone has: arrays, ranges, ``inet``, ``interval``, ``bit``, ``xml``, ``hstore``, ..

Their values are compared and loaded as PostgreSQL writes them, between columns of the very same type on two of its
servers: its own dumps rest on such a text being read back as the same value. So ``1.50`` and ``1.5`` in a
``numeric[]``, or a month and 30 days, differ. With all other databases there is no common form.
"""

from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values.kind import POSTGRESQL, Sql, ValueKind, as_it_is, refuse, what


def native(name: str, _: str) -> Type:
    """A type of PostgreSQL that has no file of its own; not one whose texts depend on a server's settings or names."""
    local = name in {"money", "oid"} or name.startswith("reg")
    return Type(Kind.UNSUPPORTED if local else Kind.NATIVE, name)


def without_form(source: Type, target: Type) -> Type | None:
    """Of two columns' types the one whose values the other side cannot have; None if there is none such."""
    for of in (source, target):
        if of.kind is Kind.UNSUPPORTED or (of.kind is Kind.NATIVE and source.name != target.name):
            return of
    return None


def _fit(value: Any, _: Type, __: str) -> str:
    """PostgreSQL reads the text itself."""
    return value if isinstance(value, str) else refuse(what(value))


NATIVE = ValueKind(
    Kind.NATIVE,
    names={},  # whatever PostgreSQL has besides
    sql={"postgresql": Sql(POSTGRESQL)},
    of_sqlite=lambda value, _: refuse(what(value)),
    parse=as_it_is,
    fit=_fit,
    any_character=True,
    goes_into=frozenset({Kind.NATIVE}),
    example="a value as PostgreSQL writes it",
)
