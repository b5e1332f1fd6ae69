"""Truth values, MySQL's ``bit(1)`` included."""

from decimal import Decimal
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import numbers
from recon_assets.values.kind import CAST_MYSQL_NUMBER, ValueKind, everywhere, refuse, texts, what

_WORDS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse(text: str) -> bool:
    """As PostgreSQL reads it: a word for true or false, or the beginning of one that leaves no doubt."""
    written = text.strip(numbers.SPACES).lower()
    meant = {value for word, value in _WORDS.items() if written and word.startswith(written)}
    if len(meant) != 1:
        refuse("text that is neither true nor false")
    return meant.pop()


def fit(value: Any, _: Type, __: str) -> bool:
    """0 is false, 1 is true, and MySQL's driver has bits as bytes."""
    if isinstance(value, str):
        return parse(value)
    number = value[0] if isinstance(value, bytes) and len(value) == 1 else value
    if not isinstance(number, bool | int | float | Decimal) or number not in {0, 1}:
        refuse(f"{what(value)} that is neither true nor false")
    return bool(number)


def _of_sqlite(value: Any, _: Kind) -> str:
    return str(int(parse(value))) if isinstance(value, str) else numbers.plain(numbers.number(value))


def _bit(name: str, args: str) -> Type:
    """One bit is how programs without a boolean store one."""
    return Type(Kind.BOOLEAN if args in {"", "1"} else Kind.UNSUPPORTED, name)


BOOLEAN = ValueKind(
    Kind.BOOLEAN,
    names={**everywhere("boolean", Kind.BOOLEAN), "mysql": {"bit": _bit}},
    sql=texts("({})::int::text", CAST_MYSQL_NUMBER, "CAST(CAST({} AS INTEGER) AS VARCHAR)"),
    of_sqlite=_of_sqlite,
    parse=parse,
    fit=fit,
    show=lambda text: {"1": True, "0": False}.get(text, text),
    typed=bool,
    exact_mysql=CAST_MYSQL_NUMBER,
    sent_to_mysql=int,
    equal_is_identical=True,
    goes_into=frozenset({Kind.BOOLEAN, Kind.INTEGER}),
    example="true or false",
)
