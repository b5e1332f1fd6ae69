"""What a canonical text means, and when two of them are equal: the verdict on a record is made here, on values."""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

from recon_assets.dialect.canonical import END, NULL
from recon_assets.dialect.common_form import Form
from recon_assets.errors import DoesNotFitError
from recon_assets.model import Kind, Rule, Type, Value
from recon_assets.values import KINDS, NUMBERS, TEXTS, UNREADABLE, Marked, datetimes, float as floats, numbers
from recon_assets.values.showing import showing, shown

Role = Literal["source", "target"]
_MICROSECONDS = 6


class EqualsNothing:
    """An unreadable value in a form where equal texts prove nothing: it equals nothing, itself included."""

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
        compare_by_value: Whether `=` stands before the target's texts, so that they equal none of the source's.
        read_along: The column is read along only.
    """

    name: str
    form: Form
    source: Type
    target: Type
    rule: Rule = Rule()  # noqa: RUF009 - frozen
    zone: str = "UTC"
    compare_by_value: bool = False
    read_along: bool = False

    def same(self, source: str | None, target: str | None) -> bool:
        """Whether both texts are of equal values."""
        if source is None or target is None:
            return source is target or self.read_along
        if self.read_along or (self.form.equal_text_proves_equal and source == target):
            return True
        left, right = self.value(source, "source"), self.value(target, "target")
        if self.rule.tolerant and isinstance(left, Decimal) and isinstance(right, Decimal):
            return self.near(left, right)
        return bool(left == right)

    def near(self, source: Decimal, target: Decimal) -> bool:
        """Whether two numbers are equal within the column's tolerance."""
        if not (source.is_finite() and target.is_finite()):
            return source == target
        base = {"source": abs(source), "target": abs(target), "larger": max(abs(source), abs(target))}[self.rule.of]
        with localcontext(numbers.EXACT):
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
            return self._unreadable(text) if isinstance(text, Marked) else self._read(text, role)
        except datetimes.OtherYearsError:
            raise self._other_years() from None
        except (ValueError, ArithmeticError):
            return self._unreadable(text)

    def _unreadable(self, text: str) -> tuple[str, str] | EqualsNothing:
        """Stands for a text that is no value of the form; where equal texts are equal values, so are two of these."""
        return (UNREADABLE, text) if self.form.equal_text_proves_equal else EqualsNothing()

    def _other_years(self) -> DoesNotFitError:
        return DoesNotFitError(
            f"{self.name}: holds a time outside of the years 1 to 9999, which cannot be compared;"
            " mend it, or leave it out by a condition (where)"
        )

    def _type(self, role: Role) -> Type:
        return self.source if role == "source" else self.target

    def _read(self, text: str, role: Role) -> Any:
        kind = self.form.kind
        if kind in NUMBERS - {Kind.BOOLEAN}:
            return self._number(text, role)
        if kind in datetimes.DATETIMES:
            return self._moment(text, self._type(role).kind)
        if kind is Kind.TIME:
            return self._rounded(datetimes.parse_time(text))
        if kind is Kind.ANY:
            return text[0], self._text(text[1:]) if text[0] == "t" else text[1:]
        return self._text(text) if kind in TEXTS else KINDS[kind].parse(text)

    def _text(self, text: str) -> str:
        rule = self.rule
        text = unicodedata.normalize(rule.unicode, text) if rule.unicode else text
        text = text.strip() if rule.strip else text.rstrip() if rule.rstrip else text
        return text.casefold() if rule.ignore_case else text

    def _number(self, text: str, role: Role) -> Decimal | str:
        """Floats among themselves are what they are to the last bit; beside decimals they are what they print as."""
        of = self._type(role)
        if self.rule.read_as == "float32":
            found = Decimal(_single(floats.parse(text)))
        elif of.kind is Kind.FLOAT:
            value = floats.parse(text)
            found = Decimal(value) if self._bit_by_bit else numbers.decimal_of(value, of.precision)
        else:
            found = numbers.parse(text)
        if found.is_nan():
            return "NaN"
        return found if self.rule.scale is None or found.is_infinite() else self._scaled(found, self.rule.scale)

    @cached_property
    def _bit_by_bit(self) -> bool:
        rule = self.rule
        in_decimals = rule.tolerant or rule.scale is not None or rule.read_as == "number"
        return self.source.kind is self.target.kind is Kind.FLOAT and not in_decimals

    def _scaled(self, number: Decimal, scale: int) -> Decimal:
        how = ROUND_HALF_UP if self.rule.rounding == "half_up" else ROUND_DOWN
        return number.quantize(Decimal(1).scaleb(-scale), rounding=how, context=numbers.EXACT)

    def _moment(self, text: str, kind: Kind) -> timedelta | str:
        """Since the year 1, of UTC where one of the sides has instants."""
        if text in datetimes.INFINITE:
            return text
        moment = datetimes.parse_datetime(text)
        if moment.tzinfo is None and self._instants and kind is not Kind.INSTANT and self.zone != "UTC":
            moment = datetimes.localized(moment, ZoneInfo(self.zone))
        return self._rounded((moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment) - _FIRST)

    @cached_property
    def _instants(self) -> bool:
        return Kind.INSTANT in {self.source.kind, self.target.kind}

    def _rounded(self, passed: timedelta) -> timedelta:
        """Brought to the digits that the rule keeps."""
        if self.rule.precision is None:
            return passed
        step = timedelta(microseconds=10 ** (_MICROSECONDS - self.rule.precision))
        return (passed + (step / 2 if self.rule.rounding == "half_up" else timedelta())) // step * step

    def instant(self, text: str | None, role: Role) -> datetime | None:
        """The moment that a text names, for columns of times; None for NULL and what is no moment."""
        if text is None or text in datetimes.INFINITE or self.form.kind not in datetimes.DATETIMES:
            return None
        try:
            moment = datetimes.parse_datetime(text)
        except datetimes.OtherYearsError:
            raise self._other_years() from None
        except ValueError:
            return None
        zone = "UTC" if self._type(role).kind is Kind.INSTANT else self.zone
        return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))

    def shown(self, text: str | None, role: Role) -> Value:
        """The value as results show it."""
        if text is None:
            return None
        kind, other = self._kinds[role]
        if isinstance(text, Marked) or UNREADABLE in text:
            return shown(text, kind, self.form.kind, other)
        show = self._showing[role]
        return show(text) if show else text

    @cached_property
    def _kinds(self) -> Mapping[Role, tuple[Kind, Kind]]:
        """What values of a side mean, and those of the other one."""
        source, target = self.source.kind, self.target.kind
        return {"source": (source, target), "target": (target, source)}

    @cached_property
    def _showing(self) -> Mapping[Role, Callable[[str], Value] | None]:
        return {role: showing(kind, self.form.kind, other) for role, (kind, other) in self._kinds.items()}


def _single(value: float) -> float:
    """The single-precision float next to a double; the double itself where that overflows."""
    try:
        return numbers.single(value)
    except OverflowError:
        return value


_FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - differences only


def split(line: str, readers: tuple[Reader, ...], role: Role) -> tuple[str | None, ...]:
    """The texts of a row's cells, without what stands before them: the inverse of `dialect.canonical.row_text`."""
    # Lengths count bytes, so that a character must be one of them.
    plain = line.isascii()
    data = line if plain else line.encode().decode("latin-1")
    texts: list[str | None] = []
    at = 0
    for reader in readers:
        prefix = reader.compare_by_value and role == "target"  # `=`, one character
        if data.startswith(NULL, at + prefix):
            texts.append(None)
            at += prefix + len(NULL + END)
            continue
        unreadable = reader.form.length_prefixed and data.startswith(UNREADABLE, at)
        if reader.form.length_prefixed:
            start = data.index(":", at) + 1
            stop = at = start + int(data[at + unreadable : start - 1])
        else:
            start, stop = at, data.index(END, at)
            at = stop + len(END)
        text = data[start + prefix : stop] if plain else data[start + prefix : stop].encode("latin-1").decode()
        texts.append(Marked(text) if unreadable else text)
    return tuple(texts)


def join(texts: Sequence[str | None], readers: Sequence[Reader]) -> str:
    """The canonical text of these cells, of a side without `=` before them: `dialect.canonical.row_text` in Python."""
    return "".join(_cell(text, reader) for text, reader in zip(texts, readers, strict=True))


def _cell(text: str | None, reader: Reader) -> str:
    if text is None:
        return NULL + END
    mark = UNREADABLE if isinstance(text, Marked) else ""
    return f"{mark}{len(text.encode())}:{text}" if reader.form.length_prefixed else text + END
