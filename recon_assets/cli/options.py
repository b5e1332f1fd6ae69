"""What is typed on the command line, as values: each error says what was expected, with an example."""

import csv
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from recon_assets.declare.problems import hidden
from recon_assets.errors import DeclarationError
from recon_assets.model import Project, TableSpec

Tables = Annotated[list[str] | None, typer.Argument(help="Names of declared tables.", show_default=False)]
AllTables = Annotated[bool, typer.Option("--all", help="Every declared table.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
MaxEvidence = Annotated[int, typer.Option(min=0, help="How many wrong records to list; counts are exact anyway.")]

Span = tuple[str, date, date, str]
Settings = dict[str, Any]
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def refuse(option: str, text: str, expected: str, example: str) -> NoReturn:
    """Raise the error of an option that cannot be read."""
    msg = f"{option} {hidden(text)!r}: expected {expected}, such as {option} {example}"
    raise DeclarationError(msg)


def chosen(project: Project, names: Sequence[str] | None, *, every: bool) -> list[TableSpec]:
    """The declared tables that the command line names.

    Raises:
        DeclarationError: When it names none, or one that is not declared.
    """
    if every == bool(names):
        msg = "Name tables, or give --all, and not both."
        raise DeclarationError(msg)
    unknown = [name for name in names or () if name not in project.tables]
    if unknown:
        msg = f"{', '.join(unknown)}: no such table; declared are {', '.join(project.tables)}."
        raise DeclarationError(msg)
    return [project.tables[name] for name in dict.fromkeys(names or project.tables)]


def checked_day(text: str | None) -> str | None:
    """A day as it was typed.

    Raises:
        DeclarationError: When it is none.
    """
    try:
        return date.fromisoformat(text).isoformat() if text else None
    except ValueError as error:
        msg = f"{text}: not a day; expected the form 2013-01-31."
        raise DeclarationError(msg) from error


def url(text: str) -> str:
    """A database's URL; ``env:NAME`` stands for a variable's value, for command lines are seen by everybody.

    Raises:
        DeclarationError: When there is no such variable.
    """
    scheme, _, name = text.partition(":")
    if scheme != "env":
        return text
    if not os.environ.get(name):
        msg = f"{text}: {name or 'the variable'} is not set; write export {name or 'NAME'}=postgresql://user@host/name"
        raise DeclarationError(msg)
    return os.environ[name]


def names(option: str, given: Iterable[str]) -> list[str]:
    """Columns, one or more to an option; a name with a comma stands in double quotes.

    Raises:
        DeclarationError: When a name is empty, or stands twice.
    """
    found = [name for text in given for name in _parts(text)]
    for name in found:
        if not name:
            refuse(option, ",".join(found), "names of columns", "id,region")
        if found.count(name) > 1:
            refuse(option, ",".join(found), f"each column once, and {name} stands there twice", "id,region")
    return found


def _parts(text: str) -> list[str]:
    return [part.strip() for part in next(csv.reader([text], skipinitialspace=True)) or [""]]


def renames(given: Iterable[str]) -> dict[str, str]:
    """Names of the target by names of the source.

    Raises:
        DeclarationError: When one cannot be read.
    """
    found: dict[str, str] = {}
    for text in given:
        source, _, target = (part.strip() for part in text.partition("="))
        if not (source and target) or source in found:
            refuse("--rename", text, "the source's name = the target's, once for each column", "dest=destination")
        found[source] = target
    return found


def rules(given: Iterable[str]) -> dict[str, Settings]:
    """The rules of each column, as `recon_assets.compare` takes them.

    Raises:
        DeclarationError: When one cannot be read.
    """
    found: dict[str, Settings] = {}
    for text in given:
        column, _, settings = (part.strip() for part in text.rpartition(":"))
        if not column:
            refuse("--rule", text, "column:rule, with more rules after commas", "price:abs=0.01")
        for setting in settings.split(","):
            found.setdefault(column, {}).update([_setting(text, column, setting)])
    return found


def _setting(text: str, column: str, setting: str) -> tuple[str, Any]:
    name, _, value = (part.strip() for part in setting.partition("="))
    if name not in RULES:
        refuse("--rule", text, f"one of {', '.join(RULES)}, not {name!r}", f"{column}:abs=0.01")
    expected, example, read = RULES[name]
    try:
        return name, read(value)
    except (ValueError, InvalidOperation):
        refuse("--rule", text, f"{name} with {expected}", f"{column}:{example}")


def _amount(value: str) -> str:
    percent = value.endswith("%")
    number = Decimal(value.removesuffix("%")) / (100 if percent else 1)
    if not number.is_finite() or number < 0:
        raise ValueError
    return format(number, "f")


def _absolute(value: str) -> str:
    if "%" in value:
        raise ValueError
    return _amount(value)


def _digits(value: str) -> int:
    if not value.isdecimal():
        raise ValueError
    return int(value)


def _flag(value: str) -> bool:
    if value not in {"", "true"}:
        raise ValueError
    return True


def _one_of(*values: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in values:
            raise ValueError
        return value

    return read


_KINDS = ("uuid", "json", "float32", "boolean", "timestamp", "number")
RULES: Mapping[str, tuple[str, str, Callable[[str], Any]]] = {
    "abs": ("a number of the column's unit, not negative", "abs=0.01", _absolute),
    "rel": ("a share, not negative", "rel=0.1%", _amount),
    "of": ("source, target or larger", "rel=1%,of=larger", _one_of("source", "target", "larger")),
    "scale": ("a number of digits", "scale=2", _digits),
    "precision": ("a number of digits after the second", "precision=3", _digits),
    "rounding": ("half_up or truncate", "scale=2,rounding=truncate", _one_of("half_up", "truncate")),
    "strip": ("no value", "strip", _flag),
    "rstrip": ("no value", "rstrip", _flag),
    "ignore_case": ("no value", "ignore_case", _flag),
    "unicode": ("NFC", "unicode=NFC", _one_of("NFC")),
    "as": (" or ".join((", ".join(_KINDS[:-1]), _KINDS[-1])), "as=uuid", _one_of(*_KINDS)),
}
"""Each rule: what it takes, an example, and how it is read."""


def window(text: str | None) -> Span | None:
    """Column, first day, day after the last one, and the zone of the days.

    Raises:
        DeclarationError: When it cannot be read, or holds no day.
    """
    if text is None:
        return None
    expected, example = "column,first day,day after the last one[,time zone]", "created_at,2024-01-01,2025-01-01,UTC"
    try:
        column, first, after, *zone = _parts(text)
        span = column, date.fromisoformat(first), date.fromisoformat(after), ZoneInfo(*(zone or ["UTC"])).key
    except (ValueError, TypeError, ZoneInfoNotFoundError, OSError):
        refuse("--window", text, expected, example)
    if not column or span[1] >= span[2]:
        refuse("--window", text, f"{expected}, with at least one day in it", example)
    return span


def duration(option: str, text: str | None) -> timedelta | None:
    """A span of time.

    Raises:
        DeclarationError: When it cannot be read.
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text)
    if not match or not int(match[1]):
        refuse(option, text, "a number and ms, s, m, h or d", "15m")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
