"""As what the texts of a file are read: as the other side's type of the column, if every one of them is such a value.

Nothing is guessed from a part of a file, and nothing is rounded: a text that is no value of the type is an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from recon_assets.dialect.sql import cast_as
from recon_assets.model import Kind, Type
from recon_assets.values.numbers import REAL_BITS

Text = sa.ColumnElement[Any]


class try_cast_as(cast_as):  # noqa: N801 - SQL is lower case
    """``TRY_CAST(column AS type)``: NULL where the value is none of that type."""

    inherit_cache = False


@compiles(try_cast_as, "duckdb")
def _try_cast_as(element: Any, compiler: Any, **kw: Any) -> str:
    return f"TRY_CAST({compiler.process(element.column, **kw)} AS {element.to})"


@dataclass(frozen=True)
class Reading:
    """One way to read texts: those that look like ``pattern``, as a type of DuckDB, or as one that a person named."""

    to: str
    pattern: str = ".*"

    def fails(self, text: Text) -> sa.ColumnElement[bool]:
        """Whether it cannot read a text; NULL is none."""
        alike = sa.func.regexp_full_match(text, self.pattern, "s")
        return sa.and_(text.is_not(None), sa.or_(sa.not_(alike), try_cast_as(text, self.to).is_(None)))


_DATE, _CLOCK = r"\d{4}-\d{2}-\d{2}", r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?"
_DIGITS = r"[+-]?(\d+(\.\d*)?|\.\d+)"
_FLOAT = rf"(?i)({_DIGITS}(e[+-]?\d+)?|nan|[+-]?inf(inity)?)"
_DECIMAL = Reading("DECIMAL(38, 0)", _DIGITS)
_MOST_DIGITS = 38
_DAY = Reading("DATE", _DATE)
_TIMESTAMP = Reading("TIMESTAMP", f"{_DATE}[ T]{_CLOCK}")
_INSTANT = Reading("TIMESTAMPTZ", rf"{_DATE}[ T]{_CLOCK}(Z|[+-]\d{{2}}(:?\d{{2}})?)")
_READINGS: Mapping[Kind, tuple[Reading, ...]] = {
    Kind.DECIMAL: (_DECIMAL,),
    Kind.BOOLEAN: (Reading("BOOLEAN", "(?i)true|false|t|f|0|1"),),
    Kind.DATE: (_DAY, _TIMESTAMP),
    Kind.TIMESTAMP: (_TIMESTAMP, _DAY, _INSTANT),
    Kind.INSTANT: (_INSTANT, _TIMESTAMP, _DAY),
    Kind.TIME: (Reading("TIME", _CLOCK),),
}
_SIZES = {2**7 - 1: "TINYINT", 2**15 - 1: "SMALLINT", 2**31 - 1: "INTEGER", 2**63 - 1: "BIGINT"}
EXPECTED: Mapping[Kind, str] = {
    Kind.INTEGER: "a number such as 42",
    Kind.DECIMAL: "a number such as 1234.56, with a point and no exponent",
    Kind.FLOAT: "a number such as 1.5e3 or NaN",
    Kind.BOOLEAN: "true or false (t, f, 1, 0)",
    Kind.DATE: "a date such as 2024-12-31",
    Kind.TIMESTAMP: "a time such as 2024-12-31 23:59:59, of all rows with a zone or of none",
    Kind.INSTANT: "a time such as 2024-12-31 23:59:59+00, of all rows with a zone or of none",
    Kind.TIME: "a time such as 23:59:59",
}


_NUMBERS = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}
_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}
_WITH_COMMA = r"[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d*)?"
_UNREADABLE: sa.ColumnElement[str] = sa.literal_column("''")


def standard(text: Text, of: Type, options: Mapping[str, str]) -> Text:
    """The text as it would be without the options of the URL; one that is not written as they say is no value then.

    ``decimal`` is the comma that stands for the point, ``dates`` the order of day, month and year, as ``D.M.Y``.
    """
    if of.kind in _NUMBERS and options.get("decimal") == ",":
        plain = sa.func.replace(sa.func.replace(text, ".", ""), ",", ".")
        return sa.case((text.is_(None), None), (sa.func.regexp_full_match(text, _WITH_COMMA), plain), else_=_UNREADABLE)
    if of.kind in _MOMENTS and "dates" in options:
        order = options["dates"]
        pattern = rf"(\d{{1,2}})[{order[1]}](\d{{1,2}})[{order[1]}](\d{{4}})([ T].*)?"
        first, second, year, rest = (sa.func.regexp_extract(text, pattern, group) for group in range(1, 5))
        month, day = (first, second) if order[0] == "M" else (second, first)
        two = [sa.func.lpad(part, 2, "0") for part in (month, day)]
        iso = sa.func.concat(year, "-", two[0], "-", two[1], rest)
        return sa.case((text.is_(None), None), (sa.func.regexp_full_match(text, pattern), iso), else_=_UNREADABLE)
    return text


def readings(of: Type) -> tuple[Reading, ...]:
    """The ways to read texts beside a column of this type, the nearest first; none where they stay texts."""
    if of.kind is Kind.INTEGER:
        own = _SIZES.get(of.high or 0, "HUGEINT")
        return (*(Reading(to, r"[+-]?\d{1,38}") for to in dict.fromkeys((own, "HUGEINT"))), _DECIMAL)
    if of.kind is Kind.FLOAT:
        return (Reading("FLOAT" if of.precision == REAL_BITS else "DOUBLE", _FLOAT),)
    return _READINGS.get(of.kind, ())


def digits(text: Text) -> tuple[sa.ColumnElement[int], sa.ColumnElement[int]]:
    """The most digits that stand before and after the point."""
    before, after = (sa.func.regexp_extract(text, pattern, 1) for pattern in (r"^[+-]?0*(\d*)", r"\.(\d*)$"))
    return sa.func.max(sa.func.length(before)), sa.func.max(sa.func.length(after))


def decimal(of: Type, before: int | None, after: int | None) -> str | None:
    """The decimal type that holds all digits, if possible the other side's; None where none does."""
    whole, scale = before or 0, after or 0
    if of.precision is not None and of.scale is not None:
        fits = scale <= of.scale and whole <= of.precision - of.scale
        if fits and of.precision <= _MOST_DIGITS:
            return f"DECIMAL({of.precision}, {of.scale})"
    return f"DECIMAL({_MOST_DIGITS}, {scale})" if whole + scale <= _MOST_DIGITS else None


def is_decimal(reading: Reading) -> bool:
    """Whether its type is still to be made by `decimal`."""
    return reading is _DECIMAL
