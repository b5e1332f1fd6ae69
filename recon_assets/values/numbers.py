"""Numbers as text: one grammar for integers, decimals and floats, and one decimal for each float."""

import math
import re
import struct
from decimal import Context, Decimal
from typing import Any

from recon_assets.model import Kind
from recon_assets.values.kind import refuse, what

EXACT = Context(prec=400_000)
"""Computes with any two numbers that `parse` accepts, and rounds neither sums nor products."""
SPACES = " \t\n\r\f\v"
REAL_BITS = 24
_SMALLEST_NORMAL = 2.0**-126
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?")
_NO_NUMBERS = {"nan": "NaN", **{f"{sign}{name}": f"{sign}Infinity" for sign in "+-" for name in ("inf", "infinity")}}
_NO_NUMBERS |= {name.removeprefix("+"): value for name, value in _NO_NUMBERS.items()}
# PostgreSQL's limits, which are the widest: more would only hold up a process that writes the number out.
_BEFORE, _AFTER = 131_072, 16_383
_LONGEST = _BEFORE + _AFTER + 100


def parse(text: str) -> Decimal:
    """The number that a text is, as databases read it: no hexadecimal digits, underscores or other scripts' digits."""
    text = text.strip(SPACES)
    if text.lower() in _NO_NUMBERS:
        return Decimal(_NO_NUMBERS[text.lower()])
    match = _NUMBER.fullmatch(text)
    if not match:
        refuse("text that is no number")
    exponent = (match[1] or "").lstrip("+-0")
    if len(text) > _LONGEST or len(exponent) > len(str(_BEFORE)):
        refuse("a number longer than databases hold")
    number = Decimal(text)
    if number and (number.adjusted() >= _BEFORE or number.adjusted() < -_AFTER):
        refuse("a number longer than databases hold")
    return number or Decimal()


def number(value: Any) -> Decimal:
    """The number that a driver's value is."""
    if isinstance(value, float):
        return decimal_of(value)
    if isinstance(value, bool | int | Decimal):
        return Decimal(value)
    return parse(value) if isinstance(value, str) else refuse(what(value))


def decimal_of(value: float, bits: int | None = None) -> Decimal:
    """The decimal that a float stands for where it meets decimals: a whole number exactly, else as it prints.

    That is the shortest decimal which leads back to the same float of so many bits, so that no two floats meet.
    """
    if not math.isfinite(value) or value == int(value):
        return Decimal(value)
    if bits != REAL_BITS:
        return Decimal(repr(value))
    # Six digits tell all decimals of as many apart, but for floats next to 0.
    texts = (f"{value:.{digits}g}" for digits in range(6 if abs(value) >= _SMALLEST_NORMAL else 1, 10))
    return Decimal(next((text for text in texts if single(float(text)) == single(value)), repr(value)))


def single(value: float) -> float:
    """The single-precision float next to a double.

    Raises:
        OverflowError: When there is none; native packing would make it an infinity.
    """
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def plain(value: Decimal) -> str:
    """The canonical text of a number: no exponent, no zeros after the last digit, no minus before zero."""
    if not value.is_finite():
        return "NaN" if value.is_nan() else "-Infinity" if value < 0 else "Infinity"
    written = format(value, "f")
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written == "-0" else written


def of_sqlite(value: Any, _: Kind) -> str:
    """The canonical text of an integer, a real or a text that reads as a number."""
    return plain(number(value))


def is_whole(text: str) -> bool:
    """Whether a canonical text is that of an integer."""
    return text.removeprefix("-").isdecimal()


def integer_or(text: str) -> int | str:
    """An integer where the text is one short enough for Python's own limit, else the text."""
    return int(text) if is_whole(text) and len(text) < _MAX_INTEGER_DIGITS else text


_MAX_INTEGER_DIGITS = 4300
