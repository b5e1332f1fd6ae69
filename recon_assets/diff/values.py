"""What a canonical text means, and when two of them are equal: the verdict on a record is made here, on values."""

import json
import math
import struct
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal, InvalidOperation, localcontext
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

from recon_assets.dialect.canonical import END, NULL
from recon_assets.dialect.forms import Form
from recon_assets.errors import DeclarationError, DoesNotFitError
from recon_assets.model import Kind, Rule, Type, Value
from recon_assets.reading import shown
from recon_assets.values import UNREADABLE

Role = Literal["source", "target"]
ENOUGH = Context(prec=800)
_NO_NUMBER = {"NaN", "Infinity", "-Infinity", "infinity", "-infinity"}
_TEXTS = {Kind.TEXT, Kind.CHAR, Kind.ENUM, Kind.ANY}
_NUMBERS = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN}
_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT, Kind.TIME}
_TRUTHS = {"t": 1, "true": 1, "1": 1, "yes": 1, "y": 1, "f": 0, "false": 0, "0": 0, "no": 0, "n": 0}
_MICROSECONDS = 6
_REAL = 24


def _single(number: float) -> float:
    return float(struct.unpack("f", struct.pack("f", number))[0])


class Unreadable:
    """A value that is none of its column's type: it equals nothing, itself included."""

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return id(self)


@dataclass(frozen=True)
class Reader:
    """Reads the texts of one column of both sides.

    Attributes:
        name: The source's name of the column.
        form: As what it is compared.
        source, target: Its types.
        rule: When two values are equal.
        zone: The zone of times without one.
        marked: Whether the target's texts bear a mark.
        carried: The column is read along, and not compared.
    """

    name: str
    form: Form
    source: Type
    target: Type
    rule: Rule = Rule()  # noqa: RUF009 - frozen
    zone: str = "UTC"
    compare_by_value: bool = False
    not_compared: bool = False

    def same(self, source: str | None, target: str | None) -> bool:
        """Whether both texts are of equal values."""
        if source is None or target is None:
            return source is target or self.not_compared
        if self.not_compared or (self.form.equal_text_proves_equal and source == target):
            return True
        left, right = self.value(source, "source"), self.value(target, "target")
        if self.rule.tolerant and isinstance(left, Decimal) and isinstance(right, Decimal):
            return self._near(left, right)
        return bool(left == right)

    def _near(self, source: Decimal, target: Decimal) -> bool:
        if not (source.is_finite() and target.is_finite()):
            return source == target
        base = {"source": abs(source), "target": abs(target), "larger": max(abs(source), abs(target))}[self.rule.of]
        with localcontext(ENOUGH):
            allowed = max(self.rule.abs or Decimal(), (self.rule.rel or Decimal()) * base)
            return abs(source - target) <= allowed

    def value(self, text: str | None, role: Role) -> Any:
        """What the text means; equal exactly for values that are equal by a rule without tolerance.

        Raises:
            DoesNotFitError: For a time outside of the years 1 to 9999.
        """
        if text is None:
            return None
        try:
            return self._read(text, role)
        except (ValueError, InvalidOperation, KeyError, RecursionError, OverflowError):
            # Where equal texts are equal values, so they are when nobody can read them.
            return (UNREADABLE, text) if self.form.equal_text_proves_equal else Unreadable()

    def _type(self, role: Role) -> Type:
        return self.source if role == "source" else self.target

    def _read(self, text: str, role: Role) -> Any:
        kind = self.form.kind
        if text.startswith(UNREADABLE) and kind in {*_NUMBERS, *_MOMENTS}:
            raise ValueError
        if kind in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}:
            return self._number(text, role)
        if kind in {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}:
            return self._rounded(self._moment(text, self._type(role).kind))
        if kind is Kind.ANY:
            return text[0], self._text(text[1:]) if text[0] == "t" else text[1:]
        if kind is Kind.TIME:
            return self._rounded(_microseconds(datetime.fromisoformat(f"0001-01-01 {text}")))
        read: Callable[[str], Any] = _READ.get(kind, self._text)
        return read(text)

    def _text(self, text: str) -> str:
        rule = self.rule
        text = unicodedata.normalize(rule.unicode, text) if rule.unicode else text
        text = text.strip() if rule.strip else text.rstrip() if rule.rstrip else text
        return text.casefold() if rule.ignore_case else text

    def _number(self, text: str, role: Role) -> Decimal | str:
        """Floats are what they are to the last bit, unless a rule makes them decimals as people write them."""
        if self.rule.read_as == "float32":
            found = Decimal(_single(float(text)))
        elif self._type(role).kind is Kind.FLOAT and not self._decimal:
            found = Decimal(float(text))
        elif self._type(role).kind is Kind.FLOAT:
            found = self._shortest(float(text), role)
        else:
            found = Decimal(text.strip())
        if found.is_nan():
            return "NaN"
        return found if self.rule.scale is None or found.is_infinite() else self._scaled(found, self.rule.scale)

    def _shortest(self, number: float, role: Role) -> Decimal:
        """With the fewest digits that lead back to the same float of the column's size."""
        if self._type(role).precision == _REAL and math.isfinite(number):
            texts = (f"{number:.{digits}g}" for digits in range(6, 10))
            return Decimal(next(text for text in texts if _single(float(text)) == _single(number)))
        return Decimal(repr(number))

    @cached_property
    def _decimal(self) -> bool:
        return self.rule.tolerant or self.rule.scale is not None or self.rule.read_as == "number"

    def _scaled(self, number: Decimal, scale: int) -> Decimal:
        how = ROUND_HALF_UP if self.rule.rounding == "half_up" else ROUND_DOWN
        return number.quantize(Decimal(1).scaleb(-scale), rounding=how, context=ENOUGH)

    def _moment(self, text: str, kind: Kind) -> int | str:
        """Microseconds since the year 1, of UTC where one of the sides has instants."""
        if text in _NO_NUMBER:
            return text
        moment = _datetime(text, self.name)
        if moment.tzinfo is None and self._instants and kind is not Kind.INSTANT and self.zone != "UTC":
            moment = moment.replace(tzinfo=ZoneInfo(self.zone))
        return _microseconds(moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment)

    @cached_property
    def _instants(self) -> bool:
        return Kind.INSTANT in {self.source.kind, self.target.kind}

    def _rounded(self, moment: int | str) -> Any:
        if self.rule.precision is None or isinstance(moment, str):
            return moment
        step = 10 ** (_MICROSECONDS - self.rule.precision)
        return (moment + (step // 2 if self.rule.rounding == "half_up" else 0)) // step * step

    def instant(self, text: str | None, role: Role) -> datetime | None:
        """The moment that a text names, for columns of times; None for NULL and what is no moment."""
        if text is None or text in _NO_NUMBER or self.form.kind not in _MOMENTS - {Kind.TIME}:
            return None
        moment = _datetime(text, self.name)
        naive = moment.tzinfo is None
        zone = "UTC" if self._type(role).kind is Kind.INSTANT else self.zone
        return moment.replace(tzinfo=ZoneInfo(zone)) if naive else moment

    def shown(self, text: str | None, role: Role) -> Value:
        """The value as results show it."""
        return shown(text, self._type(role).kind, self.form.kind, self._other(role).kind)

    def _other(self, role: Role) -> Type:
        return self.target if role == "source" else self.source


def _datetime(text: str, name: str) -> datetime:
    if text.endswith(("BC", "(BC)")) or (text[:5].isdigit() and text[5:6] == "-"):
        msg = (
            f"{name}: holds a time outside of the years 1 to 9999, which cannot be compared;"
            " mend it, or leave it out by a condition (where)"
        )
        raise DoesNotFitError(msg)
    return datetime.fromisoformat(text.strip())


_FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - differences only


def _microseconds(moment: datetime) -> int:
    passed = moment - _FIRST
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _uuid(text: str) -> str:
    return uuid.UUID(text).hex


def _json(text: str) -> Any:
    return _tagged(json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_no_json))


def _no_json(_: str) -> None:
    raise ValueError


def _tagged(value: Any) -> Any:
    """Hashable, and with true apart from 1."""
    if isinstance(value, dict):
        return "{}", tuple((key, _tagged(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return "[]", tuple(map(_tagged, value))
    if isinstance(value, Decimal):
        return "number", str(value.normalize(ENOUGH)) if value else "0"
    return type(value).__name__, value


def _boolean(text: str) -> int:
    return _TRUTHS[text.strip().lower()]


_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.BOOLEAN: _boolean,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
}


def split(line: str, readers: tuple[Reader, ...], role: Role) -> tuple[str | None, ...]:
    """The texts of a row's cells, without marks: the inverse of `dialect.canonical.row_text`."""
    data = line.encode()
    return tuple(_cells(data, readers, role))


def join(texts: Sequence[str | None], readers: Sequence[Reader]) -> str:
    """The canonical text of these cells, unmarked: `dialect.canonical.row_text` in Python."""
    return "".join(_cell(text, reader) for text, reader in zip(texts, readers, strict=True))


def _cell(text: str | None, reader: Reader) -> str:
    if text is None:
        return NULL + END
    return f"{len(text.encode())}:{text}" if reader.form.length_prefixed else text + END


def _cells(data: bytes, readers: tuple[Reader, ...], role: Role) -> Iterator[str | None]:
    at, null, end, colon = 0, NULL.encode(), END.encode(), b":"
    for reader in readers:
        compare_by_value = reader.compare_by_value and role == "target"
        if data[at + compare_by_value : at + compare_by_value + 1] == null:
            at += compare_by_value + len(null) + len(end)
            yield None
            continue
        if reader.form.length_prefixed:
            start = data.index(colon, at) + 1
            stop = start + int(data[at : start - 1])
            at = stop
        else:
            start, stop = at, data.index(end, at)
            at = stop + 1
        yield data[start + compare_by_value : stop].decode()


def check_rule(reader: Reader) -> None:
    """Refuses a rule that has no meaning for its column.

    Raises:
        DeclarationError: Naming column and rule.
    """
    rule, kind = reader.rule, reader.form.kind
    wanted = {
        "abs, rel and scale": (rule.tolerant or rule.scale is not None, _NUMBERS),
        "precision": (rule.precision is not None, _MOMENTS),
        "strip, rstrip, ignore_case and unicode": (
            rule.strip or rule.rstrip or rule.ignore_case or rule.unicode is not None,
            _TEXTS,
        ),
    }
    for names, (used, kinds) in wanted.items():
        if used and kind not in kinds:
            what = reader.source.name
            msg = f"{reader.name}: {names} mean nothing for {what}; remove the rule, or say what to read it as"
            raise DeclarationError(msg)
