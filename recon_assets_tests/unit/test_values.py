"""What each kind of value promises, without a database."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from time import process_time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recon_assets.dialect.canonical import joined
from recon_assets.dialect.sqlite_functions import text
from recon_assets.model import Column, Kind, Type
from recon_assets.values import KINDS, Marked, datetimes, numbers
from recon_assets.values.fitting import converter, from_shown
from recon_assets.values.kind import received
from recon_assets.values.showing import shown

EAST = timezone(timedelta(hours=2, minutes=30))
NOON = datetime(2024, 1, 31, 12, 30)  # noqa: DTZ001

MEANT: list[tuple[Kind, str, Any]] = [
    (Kind.DECIMAL, " +01.50e1\n", Decimal(15)),
    (Kind.DECIMAL, "-0e9999", Decimal(0)),
    (Kind.DECIMAL, "+inf", Decimal("Infinity")),
    (Kind.INTEGER, "-012", -12),
    (Kind.FLOAT, ".5", 0.5),
    (Kind.BOOLEAN, " OF ", False),
    (Kind.TIMESTAMP, "2024-01-31 12:30", NOON),
    (Kind.TIMESTAMP, "20240131T1230", NOON),
    (Kind.TIMESTAMP, "2024-01-30T24:00:00", datetime(2024, 1, 31)),  # noqa: DTZ001
    (Kind.TIMESTAMP, "2024-01-31 12:30:00.1230000", NOON.replace(microsecond=123000)),
    (Kind.INSTANT, "2024-01-31 12:30 +0230", NOON.replace(tzinfo=EAST)),
    (Kind.INSTANT, "2024-01-31T12:30:00Z", NOON.replace(tzinfo=UTC)),
    (Kind.TIME, "-25:00:00.5", -timedelta(hours=25, microseconds=500_000)),
    (Kind.BINARY, "\\x00FF", b"\0\xff"),
    (Kind.JSON, "[1.50e2, true]", '["[]", [["number", [false, "15", 1]], ["bool", true]]]'),
]


@pytest.mark.parametrize(("kind", "text", "value"), MEANT)
def test_what_a_text_means(kind: Kind, text: str, value: Any) -> None:
    """By the grammar of databases."""
    found = KINDS[kind].parse(text)
    assert found == value
    assert not isinstance(found, datetime) or found.tzinfo == value.tzinfo


MEANINGLESS = [
    (Kind.DECIMAL, "1e131073", "longer than databases hold"),
    (Kind.DECIMAL, "1e-16384", "longer than databases hold"),
    (Kind.DECIMAL, "9" * 200_000, "longer than databases hold"),
    (Kind.INTEGER, "1.0", "digits after the point or an exponent"),
    (Kind.INTEGER, "NaN", "NaN or an infinity"),
    (Kind.FLOAT, "1e400", "outside the range of floats"),
    (Kind.FLOAT, "1e-400", "outside the range of floats"),
    (Kind.TIMESTAMP, "2024-01-31 12:30:15+16", "an offset that no zone has"),
    (Kind.TIMESTAMP, "2024-02-30", "not a timestamp"),
    (Kind.TIMESTAMP, "2024-02-30T1230", "not a timestamp"),
    (Kind.TIMESTAMP, "2024-01-31 12:30:15.1234567", "more than 6 digits"),
    (Kind.TIMESTAMP, "0044-03-15 12:00:00 BC", "years 1 to 9999"),
    (Kind.TIMESTAMP, "0044-03-15 (BC) 12:00:00", "years 1 to 9999"),
    (Kind.TIMESTAMP, "10000-01-01 00:00:00", "years 1 to 9999"),
    (Kind.TIMESTAMP, "9999-12-31T24:00:00", "years 1 to 9999"),
    (Kind.TIMESTAMP, "2024-01-31 24:00:01", "not a timestamp"),
    (Kind.TIME, "12:30:15-02", "a time with a zone"),
    (Kind.BINARY, "00 ff", "hexadecimal"),
    (Kind.JSON, '{"a": NaN}', "not JSON"),
    (Kind.BOOLEAN, "o", "neither true nor false"),
]


@pytest.mark.parametrize(("kind", "text", "said"), MEANINGLESS)
def test_what_is_no_value(kind: Kind, text: str, said: str) -> None:
    """Says its class, and only that."""
    with pytest.raises(ValueError, match=said) as caught:
        KINDS[kind].parse(text)
    assert len(text) < 4 or text not in str(caught.value)


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.JSON])
@pytest.mark.parametrize("text", ["1e1000000", "1e300000", "1e999999999999", f"1e{'9' * 5000}", "7" * 1_000_000])
def test_no_number_holds_a_process(kind: Kind, text: str) -> None:
    """However it is typed: what is too long is refused before it is built."""
    column = Column("v", Type(kind, "", precision=53 if kind is Kind.FLOAT else None))
    began = process_time()
    try:
        converter(Type(Kind.TEXT, "text"), column, "postgresql")(text)
    except ValueError:
        pass
    else:
        assert kind is Kind.JSON
    assert process_time() - began < 1


SQLITE: list[tuple[Any, Kind, Kind, str]] = [
    (0.99, Kind.DECIMAL, Kind.DECIMAL, "0.99"),
    (1e23, Kind.DECIMAL, Kind.DECIMAL, "99999999999999991611392"),
    (0.1, Kind.FLOAT, Kind.FLOAT, "0.1"),
    (1e22, Kind.FLOAT, Kind.FLOAT, "1e22"),
    ("0.5", Kind.FLOAT, Kind.FLOAT, "0.5"),
    (float("inf"), Kind.FLOAT, Kind.FLOAT, "Infinity"),
    (float("inf"), Kind.ANY, Kind.FLOAT, "Infinity"),
    (-0.0, Kind.FLOAT, Kind.FLOAT, "0"),
    (2**53 + 1, Kind.ANY, Kind.FLOAT, "9007199254740993"),
    ("1e3", Kind.INTEGER, Kind.INTEGER, "!t316533"),
    (b"\x31", Kind.INTEGER, Kind.INTEGER, "!b31"),
    (b"\x31", Kind.FLOAT, Kind.FLOAT, "!b31"),
    (1.0, Kind.BOOLEAN, Kind.BOOLEAN, "1"),
    (1.5, Kind.ANY, Kind.TEXT, "1.5"),
    (b"a", Kind.ANY, Kind.TEXT, "!b61"),
    ("a", Kind.BINARY, Kind.BINARY, "!t61"),
    (5, Kind.TIMESTAMP, Kind.TIMESTAMP, "!i35"),
    (5, Kind.TIME, Kind.TIME, "!i35"),
    ("infinity", Kind.TIMESTAMP, Kind.TIMESTAMP, "infinity"),
    ("2024-01-31", Kind.DATE, Kind.TIMESTAMP, "2024-01-31 00:00:00"),
    ("06:30:00.50", Kind.TIME, Kind.TIME, "06:30:00.5"),
    ("25:00", Kind.TIME, Kind.TIME, "25:00:00"),
    ("24:00:00.0", Kind.TIME, Kind.TIME, "24:00:00"),
    ("-1:00:00.50", Kind.TIME, Kind.TIME, "-01:00:00.5"),
    ("AB", Kind.ANY, Kind.UUID, "ab"),
    (b"\xab", Kind.ANY, Kind.UUID, "ab"),
    (7, Kind.UUID, Kind.UUID, "!i37"),
]


@pytest.mark.parametrize(("value", "declared", "form", "written"), SQLITE)
def test_what_sqlite_holds(value: Any, declared: Kind, form: Kind, written: str) -> None:
    """As the other databases write it; what is no value of its type is told from all that are."""
    found = received(text(value, declared.value, form.value))
    assert (str(found), isinstance(found, Marked)) == (written, written.startswith("!"))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_one_decimal_that_leads_back_to_it(value: float) -> None:
    """So no two floats meet, and what a column of decimals holds goes back."""
    assert float(numbers.decimal_of(value)) == value
    assert KINDS[Kind.FLOAT].parse(numbers.plain(numbers.decimal_of(value))) == value


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_so_is_a_single_one(value: float) -> None:
    """With the fewest digits of its own precision."""
    assert numbers.single(float(numbers.decimal_of(value, numbers.REAL_BITS))) == value


def test_the_least_single_one_has_one_digit() -> None:
    """As databases print it: 1.4013e-45 would be another number."""
    assert numbers.decimal_of(2.0**-149, numbers.REAL_BITS) == Decimal("1e-45")


@given(st.datetimes())
def test_a_moment_is_read_as_it_is_written(moment: datetime) -> None:
    """By the quick way and the other."""
    for write in (str, datetime.isoformat, datetimes.canonical):
        assert datetimes.parse_datetime(write(moment)) == moment


JSON_NUMBERS = [
    ("1", "1.0e0"),
    ("100", "1e2"),
    ("-0", "0.0"),
    ("1e-2", "0.010"),
    ("12e99999999999999999999", "1.2e100000000000000000000"),
]


@pytest.mark.parametrize(("left", "right"), JSON_NUMBERS)
def test_numbers_in_json_are_equal_by_value(left: str, right: str) -> None:
    """And shown as they stand there."""
    parse: Callable[[str], Any] = KINDS[Kind.JSON].parse
    assert parse(f"[{left}]") == parse(f"[{right}]") != parse("[7]")
    assert shown(f'{{"b": {left}, "a": 1}}', Kind.JSON, Kind.JSON, Kind.JSON) == f'{{"a":1,"b":{left}}}'


def test_what_cannot_be_shown_as_json_is_shown_as_it_is() -> None:
    """Half of a surrogate pair is no character."""
    assert shown('"\\ud800"', Kind.JSON, Kind.JSON, Kind.JSON) == '"\\ud800"'


def test_integers_longer_than_python_writes_are_shown() -> None:
    """As their digits."""
    assert shown("9" * 5000, Kind.DECIMAL, Kind.DECIMAL, Kind.INTEGER) == "9" * 5000
    assert shown("n7", Kind.ANY, Kind.ANY, Kind.ANY) == 7


def test_a_real_goes_into_decimals_as_it_prints() -> None:
    """Read by its driver as a double, or shown by results."""
    real, column = (
        Type(Kind.FLOAT, "real", precision=24),
        Column("v", Type(Kind.DECIMAL, "numeric", precision=9, scale=2)),
    )
    convert = converter(real, column, "mysql")
    assert convert(numbers.single(0.1)) == from_shown(real, column.type, convert)(str(numbers.single(0.1))) == "0.1"


def test_every_kind_is_described_once() -> None:
    """In a file of its own; a type of a database has one kind."""
    assert set(KINDS) == set(Kind) - {Kind.UNSUPPORTED}
    for dialect in ("postgresql", "mysql", "duckdb", "sqlite"):
        named = [name for kind in KINDS.values() for name in kind.names.get(dialect, {})]
        assert sorted(named) == sorted(set(named))


def test_a_thousand_texts_are_joined_without_depth() -> None:
    """Each group is one operand of the next."""
    joins = joined([f"c{at}" for at in range(2000)])
    assert max(joins[1:-1].count(" || ", at, joins.find(")", at)) for at in (0, 1000)) < 100
    assert re.findall(r"c\d+", joins) == [f"c{at}" for at in range(2000)]
    assert joined([]) == "''"


def test_bytes_that_a_driver_gives() -> None:
    """Are a text, or none; no two are one."""
    found = [received(value) for value in (b"a", b"\xffa", b"\xed\xa0\x80", "!eda080", "a", 1, None)]
    assert found == ["a", Marked("a"), Marked("!eda080"), "!eda080", "a", 1, None]
    assert (repr(found[1]), found[1] != "a") == ("Marked('a')", True)


@pytest.mark.parametrize("kind", [Kind.FLOAT, Kind.INTEGER, Kind.DATE, Kind.DECIMAL])
def test_empty_text_that_is_no_value_is_shown_as_empty(kind: Kind) -> None:
    """What SQLite and files of CSV often have in columns of numbers."""
    assert shown("!t", kind, kind, kind) == ""
