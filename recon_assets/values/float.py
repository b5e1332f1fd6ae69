"""Binary floats, of single and double precision."""

import math
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import numbers
from recon_assets.values.kind import TypeRule, ValueKind, numbers_of, refuse, texts, what

_NO_NUMBER = {"NaN", "Infinity", "-Infinity"}


def parse(text: str) -> float:
    """The double next to a number; not one that it overflows, or that it has only 0 for."""
    number = numbers.parse(text)
    value = float(number)
    if number.is_finite() and (math.isinf(value) or (value == 0) != (number == 0)):
        refuse("a number outside the range of floats")
    return value


def fit(value: Any, of: Type, dialect: str) -> float:
    """A number that the column holds to the last digit."""
    number = value if isinstance(value, float) else _double(value)
    if not math.isfinite(number) and dialect != "postgresql":
        refuse("NaN" if math.isnan(number) else "an infinity")
    if of.scale is not None and round(number, of.scale) != number:
        refuse(f"a float with more than {of.scale} digits after the point")
    if of.precision == numbers.REAL_BITS and math.isfinite(number) and not _is_real(number, value):
        refuse("a number with more digits than a single-precision float holds")
    return number


def _double(value: Any) -> float:
    """Nothing is rounded: the float must be, where it meets decimals, the number that it comes from."""
    number = numbers.number(value)
    found = float(number)
    if not number.is_nan() and numbers.decimal_of(found) != number:
        refuse("a number with more digits than a float holds")
    return found


def _is_real(number: float, value: Any) -> bool:
    """Whether a single-precision float is the double, or prints as the decimal, just as comparisons take them."""
    try:
        near = numbers.single(number)
    except OverflowError:
        return False
    return near == number or (
        number is not value and numbers.decimal_of(near, numbers.REAL_BITS) == numbers.number(value)
    )


def _of_sqlite(value: Any, declared: Kind) -> str:
    """Of a column of floats, to the last bit; of other columns, the number that is compared with a float."""
    if declared is not Kind.FLOAT:
        return numbers.of_sqlite(value, declared)
    if isinstance(value, bytes):
        refuse(what(value))  # Python would read its digits
    return _canonical(parse(value) if isinstance(value, str) else float(value))


def _canonical(value: float) -> str:
    """As PostgreSQL writes it, without plus signs."""
    return repr(value + 0.0).replace("+", "").removesuffix(".0").replace("inf", "Infinity").replace("nan", "NaN")


def _bits(bits: int) -> TypeRule:
    """With two numbers, MySQL's ``float(7,2)``, the column rounds."""
    return lambda name, args: Type(Kind.FLOAT, name, precision=bits, scale=next(iter(numbers_of(args)[1:]), None))


# MySQL reckons with 22 or 23 characters, and cuts the up to 34 of a text that it puts into a temporary table.
MYSQL_TEXT = "CAST({} + 0e0 AS CHAR(40))"
_FINITE = "regexp_replace(replace(CAST((CAST({0} AS DOUBLE) + 0) AS VARCHAR), '+', ''), '\\.0$', '')"
FLOAT = ValueKind(
    Kind.FLOAT,
    names={
        "postgresql": {"real": _bits(24), "double precision": _bits(53)},
        "mysql": {
            **dict.fromkeys(("float", "float unsigned"), _bits(24)),
            **dict.fromkeys(("double", "double unsigned"), _bits(53)),
        },
        "duckdb": {"float": _bits(24), "double": _bits(53)},
        "sqlite": dict.fromkeys(("real", "double", "float", "double precision"), _bits(53)),
    },
    sql=texts(
        "replace((({})::float8 + 0)::text, '+', '')",
        MYSQL_TEXT,
        "CASE WHEN isnan({0}) THEN 'NaN' WHEN isinf({0}) THEN if({0} > 0, 'Infinity', '-Infinity')"
        f" ELSE {_FINITE} END",
    ),
    of_sqlite=_of_sqlite,
    parse=parse,
    fit=fit,
    show=lambda text: text if text in _NO_NUMBER else repr(float(text)),
    typed=repr,
    exact_mysql="CAST(CAST({} AS DOUBLE) AS CHAR(40))",  # a single one would be rounded to six digits
    different_text="one product",
    compared_with={Kind.BOOLEAN: Kind.FLOAT},
    goes_into=frozenset({Kind.FLOAT, Kind.DECIMAL}),
    example="0.25",
)
