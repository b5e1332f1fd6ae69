"""What a rule may say, and of which columns: read from what people write, and refused where it means nothing."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, NoReturn

from recon_assets import reading
from recon_assets.diff.column_reader import Reader
from recon_assets.errors import DeclarationError
from recon_assets.model import Kind, Rule
from recon_assets.values import NUMBERS, TEXTS, datetimes, numbers

_CHOICES = {
    "of": ("source", "target", "larger"),
    "rounding": ("half_up", "truncate"),
    "unicode": ("NFC",),
    "as": ("uuid", "json", "float32", "boolean", "timestamp", "number"),
}
_SWITCHES = ("strip", "rstrip", "ignore_case")
_DIGITS = {"scale": 400, "precision": 6}
NAMES = tuple("as" if found.name == "read_as" else found.name for found in fields(Rule))
"""What a rule may say, by the names that people write."""


def rule_of(column: str, given: Any) -> Rule:
    """The rule that a mapping of names to texts, numbers or booleans means.

    Raises:
        DeclarationError: Naming the column and what is wrong.
    """
    if isinstance(given, Rule):
        return given
    if not isinstance(given, Mapping):
        msg = f"rules: {column}: expected a mapping such as {{'abs': '0.01'}}, found {given!r}"
        raise DeclarationError(msg)
    read = {"read_as" if name == "as" else name: _read(column, name, value) for name, value in given.items()}
    return Rule(**read)


def _read(column: str, name: str, value: Any) -> Any:
    if name not in NAMES:
        _refuse(column, f"there is no rule {name!r}; {reading.nearest(str(name), NAMES)}")
    if name in _CHOICES:
        return value if value in _CHOICES[name] else _refuse(column, f"{name} is one of {', '.join(_CHOICES[name])}")
    if name in _SWITCHES:
        return _truth(column, name, value)
    number = _number(column, name, value)
    if name in _DIGITS:
        whole = number == number.to_integral_value() and number <= _DIGITS[name]
        return int(number) if whole else _refuse(column, f"{name} is a number of digits, 0 to {_DIGITS[name]}")
    return number


def _truth(column: str, name: str, value: Any) -> bool:
    found = {"true": True, "false": False}.get(str(value).lower())
    return _refuse(column, f"{name} is true or false, not {value!r}") if found is None else found


def _number(column: str, name: str, value: Any) -> Decimal:
    try:
        text = str(value).strip()
        share = name == "rel" and text.endswith("%")
        number = numbers.parse(text.removesuffix("%") if share else text)
    except ValueError:
        said = repr(value) if isinstance(value, str) else "one of so many digits"
        _refuse(column, f"{name} must be a number from 0 on, not {said}")
    if isinstance(value, bool) or not number.is_finite() or number < 0:
        _refuse(column, f"{name} must be a number from 0 on, not {value!r}")
    return number / 100 if share else number


def _refuse(column: str, why: str) -> NoReturn:
    msg = f"rules: {column}: {why}"
    raise DeclarationError(msg)


def check_rule(reader: Reader) -> None:
    """Refuses a rule that has no meaning for its column.

    Raises:
        DeclarationError: Naming column and rule.
    """
    rule, kind = reader.rule, reader.form.kind
    wanted = {
        "abs, rel and scale": (rule.tolerant or rule.scale is not None, NUMBERS),
        "precision": (rule.precision is not None, datetimes.DATETIMES | {Kind.TIME}),
        "strip, rstrip, ignore_case and unicode": (
            rule.strip or rule.rstrip or rule.ignore_case or rule.unicode is not None,
            TEXTS | {Kind.ANY},
        ),
    }
    for names, (used, kinds) in wanted.items():
        if used and kind not in kinds:
            what = reader.source.name
            msg = f"{reader.name}: {names} mean nothing for {what}; remove the rule, or say what to read it as"
            raise DeclarationError(msg)
