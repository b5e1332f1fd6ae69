"""Integers: ``smallint`` to ``bigint``, unsigned, MySQL's ``year``."""

import re
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import numbers
from recon_assets.values.kind import CAST_MYSQL_NUMBER, TypeRule, ValueKind, refuse, texts

_INTEGER = re.compile(r"[+-]?[0-9]+")


def parse(text: str) -> int:
    """An integer; a number with a point or an exponent is none, as databases have it."""
    number = numbers.parse(text)
    if not _INTEGER.fullmatch(text.strip(numbers.SPACES)):
        refuse("a number with digits after the point or an exponent" if number.is_finite() else "NaN or an infinity")
    return int(number)


def fit(value: Any, of: Type, _: str) -> int:
    """A whole number within the column's range."""
    number = numbers.number(parse(value) if isinstance(value, str) else value)
    if not number.is_finite():
        refuse("NaN or an infinity")
    if (of.low is not None and number < of.low) or (of.high is not None and number > of.high):
        refuse(f"an integer of {number.adjusted() + 1} digits outside {of.low}..{of.high}")
    if number != number.to_integral_value():
        refuse("a number with digits after the point")
    return int(number)


def _of_sqlite(value: Any, declared: Kind) -> str:
    return numbers.of_sqlite(parse(value) if isinstance(value, str) else value, declared)


def _bits(bits: int, *, unsigned: bool = False) -> TypeRule:
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return lambda name, _: Type(Kind.INTEGER, name, low=low, high=high)


_SIZES = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64, "hugeint": 128}
INTEGER = ValueKind(
    Kind.INTEGER,
    names={
        "postgresql": {base: _bits(_SIZES[base]) for base in ("smallint", "integer", "bigint")},
        "mysql": {
            **{
                f"{base}{suffix}": _bits(_SIZES[base], unsigned=bool(suffix))
                for base in ("tinyint", "smallint", "mediumint", "int", "bigint")
                for suffix in ("", " unsigned", " unsigned zerofill")
            },
            "year": lambda name, _: Type(Kind.INTEGER, name, low=1901, high=2155),
        },
        "duckdb": {
            f"{sign}{base}": _bits(_SIZES[base], unsigned=bool(sign))
            for base in ("tinyint", "smallint", "integer", "bigint", "hugeint")
            for sign in ("", "u")
        },
        "sqlite": dict.fromkeys(("integer", "int", "bigint", "smallint", "tinyint"), _bits(64)),
    },
    # In MySQL zeros may stand before the number, which are no data.
    sql=texts(mysql=CAST_MYSQL_NUMBER),
    of_sqlite=_of_sqlite,
    parse=parse,
    fit=fit,
    typed=int,
    equal_is_identical=True,
    compared_with={Kind.DECIMAL: Kind.DECIMAL, Kind.BOOLEAN: Kind.DECIMAL, Kind.FLOAT: Kind.FLOAT},
    goes_into=frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN}),
    example="42",
)
