"""Python values on their way into a target column: unchanged in meaning, or refused.

A value that the column would round, cut, pad or reinterpret raises `ValueError` with the class
of the value ("a decimal with 3 digits after the point"), never with the value itself.
"""

import json
import math
import re
import struct
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

from recon_assets.model import Column, Kind, Type

Convert = Callable[[Any], Any]
_T = TypeVar("_T")
_BOOLEANS = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}


def converter(source: Type, target: Column, dialect: str, zone: str = "UTC") -> Convert:
    """What makes a source's value one that ``target`` of ``dialect`` holds exactly; NULL where it may be NULL.

    ``zone`` is that of naive times, where a side has naive times and the other instants.
    """
    rule = _RULES[target.type.kind]
    local = ZoneInfo(zone) if zone != "UTC" and target.type.kind in {Kind.TIMESTAMP, Kind.INSTANT} else None
    padded = source.kind is Kind.CHAR

    def convert(value: Any) -> Any:
        if padded and isinstance(value, str):
            value = value.rstrip(" ")
        try:
            return rule(_local(value, target.type.kind, local) if local else value, target.type, dialect)
        except OverflowError:
            refuse("a time outside of the years 1 to 9999")

    return _nullable(convert, target)


def passthrough(target: Column) -> Convert:
    """What lets every value pass to a column of the same database that has room for all of them."""
    return _nullable(lambda value: value, target)


def from_shown(source: Type, target: Type, convert: Convert) -> Convert:
    """``convert`` for values as results show them: binary data as hexadecimal digits."""
    shown_as_digits = source.kind is Kind.BINARY or (source.kind is Kind.ANY and target.kind is Kind.BINARY)
    return (lambda value: convert(_bytes(value))) if shown_as_digits else convert


def _bytes(value: Any) -> Any:
    try:
        return bytes.fromhex(value) if isinstance(value, str) else value
    except ValueError:
        refuse("text that is no hexadecimal digits")


def _nullable(convert: Convert, target: Column) -> Convert:
    def converted(value: Any) -> Any:
        if value is not None:
            return convert(value)
        return None if target.nullable else refuse("NULL")

    return converted


def refuse(what: str) -> NoReturn:
    """Raises for one class of values."""
    raise ValueError(what) from None


def _integer(value: Any, of: Type, _: str) -> int:
    number = _number(value)
    if not number.is_finite():
        refuse("NaN or an infinity")
    if number != number.to_integral_value():
        refuse("a number with digits after the point")
    whole = int(number)
    if (of.low is not None and whole < of.low) or (of.high is not None and whole > of.high):
        refuse(f"an integer of {len(str(abs(whole)))} digits outside {of.low}..{of.high}")
    return whole


def _decimal(value: Any, of: Type, dialect: str) -> str:
    """As text: MySQL reads a number with an exponent as a float."""
    number = _number(value)
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


def _number(value: Any) -> Decimal:
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, bool | int | Decimal):
        return Decimal(value)
    if isinstance(value, str):
        try:
            return Decimal(_digits(value.strip()))
        except InvalidOperation:
            refuse("text that is no number")
    refuse(_what(value))


def _digits(text: str) -> str:
    """The text; nothing of it if Python alone would read it, with underscores or the digits of other scripts."""
    return text if text.isascii() and "_" not in text else ""


def _float(value: Any, of: Type, dialect: str) -> float:
    number = value if isinstance(value, float) else float(_number(value))
    if not math.isfinite(number) and dialect != "postgresql":
        refuse("NaN" if math.isnan(number) else "an infinity")
    if not isinstance(value, float) and not math.isnan(number) and Decimal(repr(number)) != _number(value):
        refuse("a number with more digits than a float holds")
    if of.scale is not None and round(number, of.scale) != number:
        refuse(f"a float with more than {of.scale} digits after the point")
    if of.precision == _REAL_BITS and math.isfinite(number) and not _is_real(number):
        refuse("a double-precision float with more digits than a single-precision one holds")
    return number


_REAL_BITS = 24


def _is_real(number: float) -> bool:
    return bool(struct.unpack("f", struct.pack("f", number))[0] == number)


def _boolean(value: Any, _: Type, __: str) -> bool:
    if isinstance(value, bytes) and len(value) == 1:
        value = value[0]
    answer = _BOOLEANS.get(str(value).lower())
    if answer is None:
        refuse(f"{_what(value)} that is neither true nor false")
    return answer


def _text(value: Any, of: Type, dialect: str) -> str:
    text = _as_text(value)
    if dialect == "postgresql" and "\0" in text:
        refuse("text with a NUL character")
    if of.length is not None and len(text) > of.length:
        refuse(f"text of {len(text)} characters, where {of.length} fit")
    return text


def _char(value: Any, of: Type, dialect: str) -> str:
    text = _text(value, of, dialect)
    if text.endswith(" "):
        refuse("text that ends with a space, which CHAR does not keep")
    return text


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, timedelta):
        return _of_day(value).isoformat()
    return str(value) if isinstance(value, int | float | date | time | uuid.UUID) else refuse(_what(value))


def _date(value: Any, _: Type, __: str) -> date:
    moment = _parsed(value, date.fromisoformat, "a date") if isinstance(value, str) and len(value) == _DAY else value
    if isinstance(moment, date) and not isinstance(moment, datetime):
        return moment
    moment = _moment(moment)
    if moment.tzinfo or moment.time() != time():
        refuse("a timestamp that is not midnight")
    return moment.date()


_DAY = len("0001-01-01")
_MIDNIGHT = datetime(1, 1, 1)  # noqa: DTZ001 - a time of day has no zone


def _time(value: Any, of: Type, _: str) -> time:
    if isinstance(value, timedelta):
        value = _of_day(value)
    clock = _parsed(value, time.fromisoformat, "a time") if isinstance(value, str) else value
    if not isinstance(clock, time):
        refuse(_what(value))
    if clock.tzinfo:
        refuse("a time with a zone")
    _whole(clock.microsecond, of)
    return clock


def _of_day(passed: timedelta) -> time:
    """What MySQL's driver makes of a time."""
    if not timedelta() <= passed < timedelta(days=1):
        refuse("a time outside one day")
    return (_MIDNIGHT + passed).time()


def _timestamp(value: Any, of: Type, _: str) -> datetime:
    """Naive; an instant is written in UTC."""
    moment = _moment(value)
    _whole(moment.microsecond, of)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _instant(value: Any, of: Type, dialect: str) -> datetime:
    """Aware, except in MySQL, whose sessions are in UTC; a naive one is read in UTC."""
    moment = _timestamp(value, of, dialect)
    return moment if dialect in {"mysql", "mariadb"} else moment.replace(tzinfo=UTC)


def _local(value: Any, kind: Kind, zone: ZoneInfo) -> datetime:
    """Between a naive time of ``zone`` and an instant; a time that the zone has twice or never is neither."""
    moment = _moment(value)
    if (moment.tzinfo is None) == (kind is Kind.TIMESTAMP):
        return moment
    naive = moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        refuse(f"a local time that {zone.key} has twice or never")
    return naive.replace(fold=0) if moment.tzinfo else first


def _moment(value: Any) -> datetime:
    moment = _parsed(value, datetime.fromisoformat, "a timestamp") if isinstance(value, str) else value
    if isinstance(moment, datetime):
        return moment
    if isinstance(moment, date):
        return datetime.combine(moment, time())
    refuse(_what(value))


def _parsed(text: str, parse: Callable[[str], _T], what: str) -> _T:
    if _NANOSECONDS.search(text):
        refuse("a time with more than 6 digits after the second")
    try:
        return parse(text)
    except ValueError:
        refuse(f"text that is not {what} of the years 1 to 9999")


_NANOSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")  # which Python would cut


def _whole(microsecond: int, of: Type) -> None:
    if of.precision is not None and microsecond % 10 ** (6 - of.precision):
        refuse(f"a time with more than {of.precision} digits after the second")


def _uuid(value: Any, _: Type, __: str) -> str:
    if isinstance(value, bytes) and len(value) == _UUID_BYTES:
        value = uuid.UUID(bytes=value)
    try:
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(_digits(_as_text(value))))
    except ValueError:
        refuse("text that is no UUID")


_UUID_BYTES = 16


def _json(value: Any, _: Type, __: str) -> str:
    """Python would take NaN for JSON."""
    text = _as_text(value)
    try:
        json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        refuse("text that is not JSON")
    return text


def _binary(value: Any, of: Type, dialect: str) -> bytes:
    data = value.bytes if isinstance(value, uuid.UUID) else value
    if not isinstance(data, bytes | bytearray | memoryview):
        refuse(_what(value))
    data = bytes(data)
    fixed = dialect in {"mysql", "mariadb"} and of.name.lower().startswith("binary")
    if of.length is not None and (len(data) > of.length or (fixed and len(data) < of.length)):
        refuse(f"{len(data)} bytes, where {of.length} fit")
    return data


def _enum(value: Any, of: Type, _: str) -> str:
    label = _as_text(value)
    if label not in of.labels:
        refuse("a label that the enum does not have")
    return label


def _what(value: Any) -> str:
    return {str: "text", bytes: "binary data", bool: "a boolean", int: "an integer", Decimal: "a decimal"}.get(
        type(value), f"a value of Python type {type(value).__name__}"
    )


_RULES: dict[Kind, Callable[[Any, Type, str], Any]] = {
    Kind.INTEGER: _integer,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.TEXT: _text,
    Kind.CHAR: _char,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.INSTANT: _instant,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
    Kind.BINARY: _binary,
    Kind.ENUM: _enum,
}
