"""Structured differences, one list for each kind of value: what careless hashes take for one another.

Random values do not find blind spots; these are made as faults and hash functions are: signs, complements,
powers of two, other scales, one bit, one microsecond, another order of bytes, NULL beside everything that looks empty.
"""

import math
import struct
import unicodedata
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from recon_assets.model import Kind
from recon_assets_tests.db.compared import (
    MisfitError,
    Stored,
    aware,
    day,
    digits,
    double,
    flag,
    instance,
    label,
    naive,
    real,
    text,
    typed,
    whole,
)
from recon_assets_tests.db.sides import Name

Pair = tuple[Any, Any]
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Differences:
    """Pairs of values that differ, and the column of each database that holds them."""

    pairs: Sequence[Pair]
    types: Mapping[Name, Stored]

    def held(self, source: Name, target: Name) -> list[Pair]:
        """The pairs both of whose values fit into both columns, as the columns keep them."""
        both = self.types[source], self.types[target]
        return [pair for pair in self.pairs if all(of.holds(value) for of in both for value in pair)]


def changed(values: Iterable[Any], changes: Iterable[Change]) -> Iterator[Pair]:
    """Each value beside each change of it that is another value, and beside NULL."""
    changes = list(changes)
    for value in values:
        yield (None, value)
        for change in changes:
            try:
                other = change(value)
            except (OverflowError, ValueError, struct.error):
                continue
            if other != value:
                yield (value, other)


def every_pair(*values: Any) -> Iterator[Pair]:
    """All of them against each other."""
    for at, left in enumerate(values):
        yield from ((left, right) for right in values[at + 1 :])


def powers(unit: Any, *more: Any) -> list[Change]:
    """Sums with powers of two, the widths at which integers are folded, times a unit."""
    steps = [unit * (2**power) for power in (0, 16, 31, 32, 40)] + [unit * (2**32 + 1), *more]
    return [plus(sign * step) for step in steps for sign in (1, -1)]


def plus(step: Any) -> Change:
    """The sum with it."""
    return lambda value: value + step


def before(text: str) -> Change:
    """It, and then the value."""
    return lambda value: text + value


def _reversed(value: Any) -> Any:
    """Its digits from the last to the first."""
    return type(value)(str(abs(value))[::-1])


def _swapped(value: int) -> int:
    """Its bytes in the other order."""
    return int.from_bytes(value.to_bytes(8, "big", signed=True), "little", signed=True)


WHOLE: list[Change] = [lambda value: -value, lambda value: ~value, _reversed, _swapped]
INTEGERS = [
    *changed(
        (0, 1, 5, 25, 65535, 123456789, 2**31 - 1, 2**32 - 1, -(2**40)),
        [*WHOLE, *powers(1), lambda value: value * 10**4, lambda value: value * 10**8],
    ),
    *((None, 2**power) for power in range(1, 63)),  # a mark for NULL may be one bit
]
NUMBERS = list(
    changed(
        map(Decimal, ("0", "1", "7", "25.50", "0.0001", "1234.5678", "99990000", "1234567890123456789.5")),
        [
            *(lambda value, by=power: value.scaleb(by) for power in (-8, -4, -1, 1, 4, 8)),
            *(lambda value, by=step: value + by for step in map(Decimal, ("1", "0.0001", "1e-8", "10000", "65536"))),
            *(lambda value: -value, _reversed, lambda value: value + 2**32),
        ],
    )
)
WILD_NUMBERS = [*NUMBERS, *every_pair(*map(Decimal, ("NaN", "Infinity", "-Infinity", "0", "1", "-1")), None)]


def flipped(form: str, bits: str) -> list[Change]:
    """One bit of a float."""

    def change(at: int) -> Change:
        return lambda value: struct.unpack(
            form, struct.pack(bits, struct.unpack(bits, struct.pack(form, value))[0] ^ 1 << at)
        )[0]

    return [change(at) for at in range(8 * struct.calcsize(form))]


FINITE: list[Change] = [
    *(lambda value: -value, lambda value: value * 2, lambda value: value / 2, lambda value: value * 10**4),
    lambda value: value + 2**32,
]
WILD = every_pair(math.nan, math.inf, -math.inf, 0.0, 1.0, None)
FLOATS = [
    *changed((0.0, 1.0, 0.1, 1e300, 5e-324, 123456.789, 1.2345678901234567e-15, 2.2250738585072014e-308), FINITE),
    *changed((1.5,), flipped(">d", ">Q")),
    *WILD,
]
REALS = [*changed((0.0, 1.0, 0.5, 1e30, 123456.0), FINITE[:3]), *changed((1.5,), flipped(">f", ">I"))]
BOOLEANS = list(every_pair(*(True, False, None)))

WHITE = " \t\n\r\v\f\x1c\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u3000\u200b\u2060\ufeff"
FRAMES = (";", ":", "~", "~;", "=", "0:", "1:", "2:", "\\", "\\N", "'", '"', "|", ",", "\x01", "{}", "%", "!", "a;a")
TEXTS = [
    *changed(
        ("", "a", "abc", "Ab", "é", "ß", "ǅ", "0", "1", "\uff41", "twelve bytes", "twelve bytes and twelve", "a" * 40),
        [
            *(str.upper, str.lower, str.casefold, lambda value: value[::-1], lambda value: value * 2),
            *(lambda value, form=form: unicodedata.normalize(form, value) for form in ("NFC", "NFD", "NFKC")),
            *(lambda value: value + "\x7f", lambda value: value[4:] + value[:4], lambda value: value[12:] + value[:12]),
        ],
    ),
    *changed(("", "a"), [plus(more) for more in (*WHITE, *FRAMES)]),
    *changed(("a",), [before(more) for more in (*WHITE, *FRAMES)]),
    *((None, empty) for empty in ("NULL", "null", "None", " ", "~", "~;", "\\N", "0", "<null>", "-")),
    *every_pair("e", "é", "e\u0301", "E", "ë", "è"),
]
CHARS = [pair for pair in TEXTS if len({str(value or "").rstrip(" ") for value in pair}) > 1]

DAYS = [timedelta(days=days) for days in (1, 2**16, 4 * 365 + 1, 400 * 365 + 97, 7, 30)]
Y2K = datetime(2000, 1, 1)  # noqa: DTZ001
DATETIMES: list[Change] = [
    *powers(timedelta(microseconds=1), *DAYS, timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)),
    lambda value: Y2K - (value - Y2K),
    lambda value: Y2K - (value - Y2K) - timedelta(microseconds=1),
]
TIMESTAMPS = [
    *changed((datetime(1970, 1, 1), Y2K, datetime(2024, 2, 29, 12, 30, 0, 500)), DATETIMES),  # noqa: DTZ001 - of columns without a zone
    *every_pair("infinity", "-infinity", datetime(2024, 1, 1), datetime(9999, 12, 31), None),  # noqa: DTZ001
]
DATES = list(
    changed(
        (date(1970, 1, 1), date(2000, 1, 1), date(2024, 2, 29), date(1999, 12, 31)),
        [
            *(lambda value, by=sign * step: value + by for step in DAYS for sign in (1, -1)),
            *(lambda value: Y2K.date() - (value - Y2K.date()), lambda value: date(value.year, value.day, value.month)),
        ],
    )
)


def _later(microseconds: int) -> Change:
    return lambda value: (datetime.combine(Y2K, value) + timedelta(microseconds=microseconds)).time()


TIMES = list(
    changed(
        (time(), time(0, 0, 0, 1), time(12, 34, 56, 789000), time(23, 59, 59, 999999)),
        [
            *map(_later, (1, -1, 2**16, 2**31, 2**32, 2**32 + 1, 10**6, 6 * 10**7, 36 * 10**8)),
            *(lambda value: value.replace(hour=value.minute % 24, minute=value.hour), _later(12 * 36 * 10**8)),
        ],
    )
)
SAMPLE = uuid.UUID("abcdef01-2345-6789-abcd-ef0123456780")
UUIDS = list(
    changed(
        (uuid.UUID(int=0), SAMPLE, uuid.UUID(int=2**128 - 1), uuid.UUID(int=1)),
        [
            *(lambda value, bit=bit: uuid.UUID(int=value.int ^ 1 << bit) for bit in range(0, 128, 5)),
            *(lambda value: uuid.UUID(bytes=value.bytes[::-1]), lambda value: uuid.UUID(bytes=value.bytes_le)),
            *(lambda value: uuid.UUID(bytes=value.bytes[8:] + value.bytes[:8]),),
        ],
    )
)
JSONS = [
    *every_pair(None, "null", "{}", "[]", '""', "0", "false", '"null"', "[null]", '{"a":null}'),
    *every_pair("1", '"1"', "true", "-1", "10000", "1.5", "[1]", '{"a":1}', '{"a":-1}', '{"b":1}', '{"A":1}'),
    *every_pair("[1,2]", "[2,1]", "[[1],2]", "[1,[2]]", '{"a":"é"}', '{"a":"e"}', '{"a":" e"}', '{"a":"e "}'),
]
BINARIES = [
    *changed(
        (b"", b"\0", b"a", b"twelve bytes", b"\xff\xfe", bytes(range(40))),
        [
            *(lambda value: value + b"\0", lambda value: b"\0" + value, lambda value: value + b" ", bytes.upper),
            *(lambda value: value[::-1], lambda value: value * 2, lambda value: value.hex().encode()),
            *(
                lambda value, bit=bit: (int.from_bytes(value) ^ 1 << bit).to_bytes(len(value))
                for bit in range(0, 96, 7)
            ),
        ],
    ),
    *((None, empty) for empty in (b"NULL", b"~;", b" ", b"0", b"\\x")),
]
LABELS = ("", "a", "A", "b", "é", "e", "a b", "ab", "1", "0")
ENUMS = list(every_pair(*LABELS, None))
MISPLACED = list(every_pair(None, 5, 5.5, b"5", b"5.5", "abc", b"abc", "!b616263", "!t616263", "!616263", "!i35"))
ANYTHING = list(every_pair(None, "", "0", 0, 1, "1", "1.0", 1.5, "1.5", b"", b"1", b"0", "a", "A", "n1", "t1", "b31"))

ARRAYS = list(
    every_pair(None, "{}", "{NULL}", '{"NULL"}', '{""}', "{a}", "{A}", "{a,b}", "{b,a}", '{"a,b"}', "{{a},{b}}")
)
ADDRESSES = list(
    every_pair(None, "10.0.0.1", "10.0.0.1/24", "10.0.1.0", "1.0.0.10", "::1", "::ffff:10.0.0.1", "0.0.0.0/0")
)
INTERVALS = list(
    every_pair(None, "0", "1 day", "24:00", "-1 day", "1 mon", "30 days", "1 mon -30 days", "00:00:00.000001")
)


def everywhere(of: Stored, **but: Stored) -> dict[Name, Stored]:
    """A type that all databases spell alike, but for some."""
    return {name: but.get(name, of) for name in ("postgresql", "mysql", "duckdb", "sqlite")}


def written(value: Any) -> Any:
    """Infinity as PostgreSQL and DuckDB read it."""
    return value if value in ("infinity", "-infinity") else naive()(value)


def zoned(value: Any) -> Any:
    """The same of instants."""
    return value if value in ("infinity", "-infinity") else aware()(value)


def single(value: Any) -> float:
    """A float that is a single one."""
    held = float(real(finite=True)(value))
    if held != value:
        raise MisfitError
    return held


def number(value: Any) -> Decimal:
    """Whatever a numeric without limits holds, as its driver takes it."""
    return Decimal(value)


def anything(value: Any) -> Any:
    """Whatever SQLite keeps."""
    return value


_BIG = typed("bigint", Kind.INTEGER, whole(-(2**63), 2**63 - 1))
_INT = typed("integer", Kind.INTEGER, whole(-(2**31), 2**31 - 1))
_SMALL = typed("smallint", Kind.INTEGER, whole(-(2**15), 2**15 - 1))
_TEXT = typed("text", Kind.TEXT, text())
_CHAR = typed("char(90)", Kind.CHAR, text(90, padded=True))
_NAIVE = typed("timestamp", Kind.TIMESTAMP, naive())
_WIDE = typed("numeric(38,10)", Kind.DECIMAL, digits(38, 10))
_BLOB = typed("blob", Kind.BINARY, instance(bytes))
_DOUBLE = typed("double", Kind.FLOAT, double(finite=True))
_UUID = typed("uuid", Kind.UUID, instance(uuid.UUID))
_CLOCK = typed("time", Kind.TIME, instance(time))
_ENUM = typed(f"enum{LABELS}", Kind.ENUM, label(*LABELS))
_MOOD = typed("mood", Kind.ENUM, label(*LABELS))
DIFFERENCES: Mapping[str, Differences] = {
    "smallint": Differences(INTEGERS, everywhere(_SMALL)),
    "integer": Differences(INTEGERS, everywhere(_INT)),
    "bigint": Differences(INTEGERS, everywhere(_BIG)),
    "decimal": Differences(NUMBERS, everywhere(_WIDE, sqlite=typed("text", Kind.ANY, digits(38, 10)))),
    "numeric": Differences(WILD_NUMBERS, {"postgresql": typed("numeric", Kind.DECIMAL, number)}),
    "double": Differences(
        FLOATS,
        everywhere(
            _DOUBLE,
            postgresql=typed("double precision", Kind.FLOAT, double(finite=False)),
            duckdb=typed("double", Kind.FLOAT, double(finite=False)),
        ),
    ),
    "real": Differences(REALS, everywhere(typed("real", Kind.FLOAT, single), mysql=typed("float", Kind.FLOAT, single))),
    "boolean": Differences(BOOLEANS, everywhere(typed("boolean", Kind.BOOLEAN, flag))),
    "text": Differences(TEXTS, everywhere(_TEXT, mysql=typed("text COLLATE utf8mb4_general_ci", Kind.TEXT, text()))),
    "varchar": Differences(TEXTS, everywhere(typed("varchar(90)", Kind.TEXT, text(90)))),
    "char": Differences(CHARS, dict.fromkeys(("postgresql", "mysql"), _CHAR)),
    "date": Differences(DATES, everywhere(typed("date", Kind.DATE, day))),
    "time": Differences(TIMES, everywhere(_CLOCK, mysql=typed("time(6)", Kind.TIME, instance(time)))),
    "timestamp": Differences(
        TIMESTAMPS,
        everywhere(
            typed("timestamp", Kind.TIMESTAMP, written),
            mysql=typed("datetime(6)", Kind.TIMESTAMP, naive()),
            sqlite=_NAIVE,
        ),
    ),
    "instant": Differences(
        TIMESTAMPS,
        everywhere(
            typed("timestamptz", Kind.INSTANT, zoned),
            mysql=typed("timestamp(6) null", Kind.INSTANT, aware(years=(1971, 2037))),
            sqlite=_NAIVE,
        ),
    ),
    "uuid": Differences(UUIDS, everywhere(_UUID)),
    "json": Differences(JSONS, everywhere(typed("json", Kind.JSON, text()))),
    "jsonb": Differences(JSONS, {"postgresql": typed("jsonb", Kind.JSON, text())}),
    "binary": Differences(BINARIES, everywhere(_BLOB, postgresql=typed("bytea", Kind.BINARY, instance(bytes)))),
    "enum": Differences(
        ENUMS, {"postgresql": typed("mood", Kind.ENUM, label(*LABELS)), "mysql": _ENUM, "duckdb": _ENUM}
    ),
    "array": Differences(ARRAYS, {"postgresql": typed("text[]", Kind.NATIVE, text())}),
    "inet": Differences(ADDRESSES, {"postgresql": typed("inet", Kind.NATIVE, text())}),
    "interval": Differences(INTERVALS, {"postgresql": typed("interval", Kind.NATIVE, text())}),
    "misplaced": Differences(MISPLACED, {"sqlite": typed("date", Kind.DATE, anything)}),
    "misplaced_uuid": Differences(MISPLACED, {"sqlite": typed("uuid", Kind.UUID, anything)}),
    "any": Differences(ANYTHING, {"sqlite": typed("anyblob", Kind.ANY, anything)}),
}
"""Every type that is compared, with what it must be told from."""
__all__ = ["DIFFERENCES", "LABELS", "UTC", "Differences", "Pair"]
