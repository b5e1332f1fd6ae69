"""A second opinion: what comparing two lists of rows must find, by brute force in plain Python.

It shares nothing with the program but its nouns. Every value is brought to a *meaning*, so that two
values of one column are equal when their meanings are, or when a tolerance says so.
"""

import json
import math
import re
import struct
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from fractions import Fraction
from math import isfinite
from typing import Any, Literal
from zoneinfo import ZoneInfo

from recon_assets.model import Counts, Kind, Rule, Type

Side = Literal["source", "target"]
Meaning = Any
"""Hashable; of one form for both sides of a column."""

DATETIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT})
NUMBERS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT})
BOOLEANS = {"t": 1, "true": 1, "1": 1, "f": 0, "false": 0, "0": 0}
REAL = 24
"""Bits of a single-precision float's mantissa."""
NO_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


class UnreadableError(Exception):
    """A value is not what its column is to be read as."""


@dataclass(frozen=True)
class Unreadable:
    """Such a value; it equals none of the other side, not even the same text."""

    side: str
    text: str


@dataclass(frozen=True)
class Column:
    """One column as both sides declare it."""

    name: str
    source: Type
    target: Type
    rule: Rule = field(default_factory=Rule)
    zone: str = "UTC"

    def meaning(self, value: Any, side: Side) -> Meaning:
        """What a value of one side means."""
        if value is None:
            return None
        try:
            return self._read(value, self.source if side == "source" else self.target)
        except UnreadableError:
            return Unreadable(side, str(value))

    def equal(self, source: Meaning, target: Meaning) -> bool:
        """Whether both mean the same, or are as near as the rule allows."""
        if source == target:
            return True
        near = self.rule.tolerant and isinstance(source, Fraction) and isinstance(target, Fraction)
        return near and abs(source - target) <= self._allowed(source, target)

    def _allowed(self, source: Fraction, target: Fraction) -> Fraction:
        base = {"source": source, "target": target, "larger": max(source, target, key=abs)}[self.rule.of]
        return max(Fraction(self.rule.abs or 0), Fraction(self.rule.rel or 0) * abs(base))

    def _read(self, value: Any, of: Type) -> Meaning:
        if self.rule.read_as:
            return READ_AS[self.rule.read_as](self, value, of)
        kinds = {self.source.kind, self.target.kind}
        return next((read for those, read in BY_KIND if kinds & those), _itself)(self, value, of)


Read = Callable[[Column, Any, Type], Meaning]


def _number(column: Column, value: Any, of: Type) -> Meaning:
    """Exactly among floats; beside decimals, and by rules that count in them, a float is what it prints as."""
    rule = column.rule
    if isinstance(value, float) and of.precision == REAL:
        value = single(value)
    beside = {column.source.kind, column.target.kind} != {Kind.FLOAT}
    if isinstance(value, float) and isfinite(value) and value % 1 and (beside or _in_decimals(rule)):
        value = _shortest(value, of)
    number = _decimal(value)
    if not number.is_finite():
        return NO_NUMBERS[str(float(number))]
    return Fraction(number) if rule.scale is None else Fraction(_rounded(number, rule))


def _in_decimals(rule: Rule) -> bool:
    return rule.tolerant or rule.scale is not None or rule.read_as == "number"


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool | int | float | Decimal):
        return Decimal(value)
    try:
        return Decimal(value.strip())
    except (InvalidOperation, AttributeError):
        raise UnreadableError from None


def _rounded(number: Decimal, rule: Rule) -> Decimal:
    with localcontext(prec=1000) as context:
        context.rounding = ROUND_HALF_UP if rule.rounding == "half_up" else ROUND_DOWN
        return number.quantize(Decimal(1).scaleb(-(rule.scale or 0)))


def _shortest(value: float, of: Type) -> Any:
    """The fewest digits that lead back to the same float of its size."""
    if of.precision != REAL:
        return Decimal(repr(value))
    texts = (f"{value:.{digits}g}" for digits in range(1, 18))
    return Decimal(next(text for text in texts if single(float(text)) == single(value)))


def single(value: float) -> float:
    """The nearest single-precision float."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _float32(column: Column, value: Any, of: Type) -> Meaning:
    double = float(_decimal(value))
    near = single(double)
    # Beyond the range of single precision there is none, and a double is no infinity.
    return _number(column, near if math.isinf(near) == math.isinf(double) else double, Type(Kind.FLOAT, of.name))


def _boolean(_: Column, value: Any, __: Type) -> Meaning:
    """0 and 1, so that a boolean meets a number."""
    if isinstance(value, bytes) and len(value) == 1:
        value = value[0]
    known = BOOLEANS.get(str(value).lower())
    if known is None:
        raise UnreadableError
    return Fraction(known)


def _text(column: Column, value: Any, of: Type) -> Meaning:
    rule, text = column.rule, str(value)
    if of.kind is Kind.CHAR:
        text = text.rstrip(" ")
    text = unicodedata.normalize(rule.unicode, text) if rule.unicode else text
    text = text.strip() if rule.strip else text.rstrip() if rule.rstrip else text
    return text.casefold() if rule.ignore_case else text


def _moment(column: Column, value: Any, _: Type) -> Meaning:
    if isinstance(value, str) and value.strip().lower() in {"infinity", "-infinity"}:
        return value.strip().lower()
    moment = _parsed(value)
    if moment.tzinfo:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    elif Kind.INSTANT in {column.source.kind, column.target.kind}:
        either = {moment.replace(tzinfo=ZoneInfo(column.zone), fold=fold).utcoffset() for fold in (0, 1)}
        if len(either) > 1:
            raise UnreadableError
        moment -= either.pop() or timedelta()
    return moment if column.rule.precision is None else _to_precision(moment, column.rule)


def _parsed(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    try:
        return datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise UnreadableError from None


def _to_precision(moment: datetime, rule: Rule) -> datetime:
    unit = 10 ** (6 - (rule.precision or 0))
    over = moment.microsecond % unit
    up = unit if rule.rounding == "half_up" and over * 2 >= unit else 0
    return moment + timedelta(microseconds=up - over)


def _time(_: Column, value: Any, __: Type) -> Meaning:
    return value if isinstance(value, time) else time.fromisoformat(value)


def _uuid(_: Column, value: Any, __: Type) -> Meaning:
    if isinstance(value, uuid.UUID):
        return value
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", str(value)):
        raise UnreadableError
    return uuid.UUID(value)


def _json(_: Column, value: Any, __: Type) -> Meaning:
    try:
        return _frozen(json.loads(value, parse_float=Decimal, parse_int=Decimal))
    except (ValueError, TypeError):
        raise UnreadableError from None


def _frozen(value: Any) -> Meaning:
    """The order of names is no data, that of a list is; true is not 1."""
    if isinstance(value, dict):
        return ("object", frozenset((name, _frozen(of)) for name, of in value.items()))
    if isinstance(value, list):
        return ("list", tuple(map(_frozen, value)))
    return (type(value).__name__, value)


def _binary(_: Column, value: Any, __: Type) -> Meaning:
    if not isinstance(value, bytes):
        raise UnreadableError
    return value


def _itself(column: Column, value: Any, of: Type) -> Meaning:
    """What a value is when no column says it: SQLite on both sides."""
    if isinstance(value, bytes):
        return value
    return _text(column, value, of) if isinstance(value, str) else _number(column, value, of)


# The first that fits: a side that says more of its values says how those of the other are read.
BY_KIND: tuple[tuple[frozenset[Kind], Read], ...] = (
    (frozenset({Kind.UUID}), _uuid),
    (frozenset({Kind.JSON}), _json),
    (DATETIMES, _moment),
    (frozenset({Kind.TIME}), _time),
    (frozenset({Kind.BINARY}), _binary),
    (NUMBERS, _number),
    (frozenset({Kind.BOOLEAN}), _boolean),
    (frozenset({Kind.TEXT, Kind.CHAR, Kind.ENUM}), _text),
)
READ_AS: dict[str, Read] = {
    "uuid": _uuid,
    "json": _json,
    "float32": _float32,
    "boolean": _boolean,
    "timestamp": _moment,
    "number": _number,
}

Row = tuple[Any, ...]
Meanings = tuple[Meaning, ...]


@dataclass(frozen=True)
class Verdict:
    """What a comparison must find; rows are the meanings of their values, in the order of the columns."""

    counts: Counts
    missing: tuple[Meanings, ...] = ()
    extra: tuple[Meanings, ...] = ()
    mismatched: tuple[tuple[Meanings, Meanings, frozenset[str]], ...] = ()
    duplicate_keys: int = 0


def compared(columns: Sequence[Column], key: Sequence[str], source: Iterable[Row], target: Iterable[Row]) -> Verdict:
    """Compares rows of Python values, as they were inserted."""
    lefts, rights = meanings(columns, source, "source"), meanings(columns, target, "target")
    places = [[of.name for of in columns].index(name) for name in key]
    left, right = _grouped(lefts, places), _grouped(rights, places)
    found = [_judged(columns, left.get(at, []), right.get(at, []), keyed=bool(key)) for at in {**left, **right}]
    missing, extra, wrong = (tuple(item for each in found for item in each[n]) for n in range(3))
    twice = {at for side in (left, right) for at, rows in side.items() if len(rows) > 1} if key else set()
    counts = Counts(len(lefts), len(rights), len(missing), len(extra), len(wrong))
    return Verdict(counts, missing, extra, wrong, len(twice))


def meanings(columns: Sequence[Column], rows: Iterable[Row], side: Side) -> list[Meanings]:
    """What the rows of one side mean."""
    return [tuple(of.meaning(value, side) for of, value in zip(columns, row, strict=True)) for row in rows]


def _grouped(rows: Iterable[Meanings], places: Sequence[int]) -> dict[Meanings, list[Meanings]]:
    groups: dict[Meanings, list[Meanings]] = {}
    for row in rows:
        groups.setdefault(tuple(row[place] for place in places), []).append(row)
    return groups


_Judged = tuple[list[Meanings], list[Meanings], list[tuple[Meanings, Meanings, frozenset[str]]]]


def _judged(columns: Sequence[Column], left: list[Meanings], right: list[Meanings], *, keyed: bool) -> _Judged:
    """The rows of one key."""
    if keyed and len(left) == len(right) == 1:
        differing = _differing(columns, left[0], right[0])
        return [], [], [(left[0], right[0], differing)] if differing else []
    partners = _matching(columns, left, right)
    alone = set(range(len(right))) - set(partners.values())
    return [row for at, row in enumerate(left) if at not in partners], [right[at] for at in sorted(alone)], []


def _differing(columns: Sequence[Column], left: Meanings, right: Meanings) -> frozenset[str]:
    cells = zip(columns, left, right, strict=True)
    return frozenset(column.name for column, mine, other in cells if not column.equal(mine, other))


def _matching(columns: Sequence[Column], left: list[Meanings], right: list[Meanings]) -> dict[int, int]:
    """Which row is whose: the same first, then as many pairs of near ones as there can be among the others."""
    taken: dict[int, int] = {}
    for mine, row in enumerate(left):
        same = next((at for at, other in enumerate(right) if at not in taken and other == row), None)
        if same is not None:
            taken[same] = mine
    settled, done = set(taken), set(taken.values())

    def finds(mine: int, seen: set[int]) -> bool:
        for other in range(len(right)):
            if other not in seen | settled and not _differing(columns, left[mine], right[other]):
                seen.add(other)
                if other not in taken or finds(taken[other], seen):
                    taken[other] = mine
                    return True
        return False

    for mine in set(range(len(left))) - done:
        finds(mine, set())
    return {mine: other for other, mine in taken.items()}


def tally(rows: Iterable[Meanings]) -> Counter[Meanings]:
    """Rows whatever their order."""
    return Counter(rows)
