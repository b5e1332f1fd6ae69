"""Values on their way into a column of the target: unchanged in meaning, or refused."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from recon_assets.model import Column, Kind, Type
from recon_assets.values import KINDS, NUMBERS, TEXTS, Marked, binary, datetimes, numbers
from recon_assets.values.kind import received, refuse

Convert = Callable[[Any], Any]


def converter(source: Type, target: Column, dialect: str, zone: str = "UTC") -> Convert:
    """What makes a source's value one that ``target`` of ``dialect`` holds exactly; NULL where it may be NULL.

    It raises `ValueError` with the class of the value, never with the value itself. ``zone`` is that of naive times,
    where a side has naive times and the other instants.
    """
    fit, of = KINDS[target.type.kind].fit, target.type
    local = ZoneInfo(zone) if zone != "UTC" and of.kind in {Kind.TIMESTAMP, Kind.INSTANT} else None

    is_text = source.kind in TEXTS

    def convert(value: Any) -> Any:
        value = received(value) if is_text else value
        if isinstance(value, Marked):
            refuse(f"bytes that are no text in {source.charset}" if source.charset else f"what is no {of.kind}")
        if source.kind is Kind.CHAR and isinstance(value, str):
            value = value.rstrip(" ")
        if source.kind is Kind.BOOLEAN and isinstance(value, bytes):
            value = KINDS[Kind.BOOLEAN].fit(value, source, dialect)  # as MySQL's driver gives bit(1)
        if isinstance(value, float) and of.kind in NUMBERS - {Kind.FLOAT}:
            value = numbers.decimal_of(value, source.precision if source.kind is Kind.FLOAT else None)
        try:
            return fit(datetimes.as_kind(value, of.kind, local) if local else value, of, dialect)
        except OverflowError:
            refuse("a time outside of the years 1 to 9999")

    return _nullable(convert, target)


def passthrough(target: Column) -> Convert:
    """What lets every value pass to a column of the same database that has room for all of them."""
    return _nullable(lambda value: value, target)


def from_shown(source: Type, target: Type, convert: Convert) -> Convert:
    """``convert`` for values as results show them: binary data as hexadecimal digits, floats as texts."""
    read: Callable[[str], Any]
    if source.kind is Kind.BINARY or (source.kind is Kind.ANY and target.kind is Kind.BINARY):
        read = binary.parse
    elif source.kind is Kind.FLOAT:
        read = KINDS[Kind.FLOAT].parse
    else:
        return convert
    return lambda value: convert(read(value) if isinstance(value, str) else value)


def _nullable(convert: Convert, target: Column) -> Convert:
    def converted(value: Any) -> Any:
        if value is not None:
            return convert(value)
        return None if target.nullable else refuse("NULL")

    return converted
