"""Decimals: ``numeric`` and ``decimal``, of any number of digits."""

from decimal import Decimal
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import numbers
from recon_assets.values.kind import (
    CAST_DUCKDB,
    CAST_MYSQL,
    TRIMMED_MYSQL,
    Sql,
    TypeRule,
    ValueKind,
    numbers_of,
    refuse,
)


def fit(value: Any, of: Type, dialect: str) -> str:
    """As text: MySQL reads a number with an exponent as a float."""
    number = numbers.number(value)
    if not number.is_finite():
        if dialect != "postgresql" or (number.is_infinite() and of.precision is not None):
            refuse("NaN" if number.is_nan() else "an infinity")
        return str(number)
    if number:
        _need_room(number, of)
    return format(number, "f")


def _need_room(number: Decimal, of: Type) -> None:
    _, digits, exponent = number.as_tuple()
    before, after = len(digits) + int(exponent), -int(exponent)
    if of.scale is not None and after > of.scale and any(digits[of.scale - after :]):
        refuse(f"a decimal with {after} digits after the point, where {of.scale} fit")
    if of.precision is not None and before > of.precision - (of.scale or 0):
        refuse(f"a decimal with {before} digits before the point, where {of.precision - (of.scale or 0)} fit")


def _digits(*default: int) -> TypeRule:
    def rule(name: str, args: str) -> Type:
        precision, scale = [*(numbers_of(args) or default), 0, None][:2] if args or default else (None, None)
        return Type(Kind.DECIMAL, name, precision=precision, scale=scale)

    return rule


_LONGEST_MYSQL = "CAST({} AS CHAR(70))"
# MySQL reckons without the 0 before the point, and cuts a text that it puts into a temporary table.
_LESS_THAN_ONE_MYSQL = {
    f"decimal({digits},{digits}){suffix}": TRIMMED_MYSQL.format(_LONGEST_MYSQL)
    for digits in range(1, 39)
    for suffix in ("", " unsigned")
}
_TRIMMED_DUCKDB = "rtrim(rtrim({}, '0'), '.')"
# Of a column without digits before the point, DuckDB writes `.5` and `-.5`.
_LESS_THAN_ONE = _TRIMMED_DUCKDB.format(f"regexp_replace({CAST_DUCKDB}, '^(-?)[.]', '\\10.')")
DECIMAL = ValueKind(
    Kind.DECIMAL,
    names={
        "postgresql": {"numeric": _digits()},
        "mysql": dict.fromkeys(("decimal", "decimal unsigned"), _digits(10, 0)),
        "duckdb": {"decimal": _digits(18, 3)},
        "sqlite": dict.fromkeys(("numeric", "decimal"), _digits()),
    },
    sql={
        "postgresql": Sql("trim_scale({})::text"),
        "mysql": Sql(TRIMMED_MYSQL, whole=CAST_MYSQL, named=_LESS_THAN_ONE_MYSQL),
        "duckdb": Sql(
            _TRIMMED_DUCKDB.format(CAST_DUCKDB),
            whole=CAST_DUCKDB,
            named={f"DECIMAL({digits},{digits})": _LESS_THAN_ONE for digits in range(1, 39)},
        ),
    },
    of_sqlite=numbers.of_sqlite,
    parse=numbers.parse,
    fit=fit,
    exact_mysql=_LONGEST_MYSQL,
    typed=lambda text: text.rstrip("0").rstrip(".") if "." in text else text,
    compared_with={Kind.BOOLEAN: Kind.DECIMAL, Kind.FLOAT: Kind.FLOAT},
    goes_into=frozenset({Kind.DECIMAL, Kind.FLOAT, Kind.INTEGER}),
    example="12.50",
)
