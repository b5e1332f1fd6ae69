"""Values on their way into a column: unchanged in meaning, or refused without being shown."""

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st

from recon_assets.dialect.types import parse
from recon_assets.model import Column, Kind, Type
from recon_assets.values.fitting import converter, passthrough

ANY = Type(Kind.ANY, "any")
NOON = datetime(2024, 7, 1, 12)  # noqa: DTZ001
EAST = timezone(timedelta(hours=5))
A_UUID = UUID("12345678-9abc-4def-8123-456789abcdef")


def put(value: Any, of: str, dialect: str = "postgresql", source: Type = ANY, zone: str = "UTC") -> Any:
    """The value as a column of that type takes it."""
    return converter(source, Column("v", parse(of, dialect)), dialect, zone)(value)


ARRIVES = [
    (None, "integer", "postgresql", None),
    (True, "integer", "postgresql", 1),
    (" 12 ", "integer", "postgresql", 12),
    (Decimal("3.00"), "integer", "postgresql", 3),
    (4.0, "integer", "postgresql", 4),
    (2**64 - 1, "bigint unsigned", "mysql", 2**64 - 1),
    (Decimal("1E+3"), "numeric(5)", "postgresql", "1000"),
    (Decimal("1E-7"), "decimal(10,7)", "mysql", "0.0000001"),
    (Decimal("12.300"), "numeric(3,1)", "postgresql", "12.300"),
    (Decimal(99000), "numeric(2,-3)", "postgresql", "99000"),
    (Decimal("0E-20"), "numeric(3,1)", "postgresql", "0.00000000000000000000"),
    (Decimal("9" * 38), "numeric(38)", "postgresql", "9" * 38),
    (0.1, "numeric", "postgresql", "0.1"),
    (Decimal("NaN"), "numeric(3)", "postgresql", "NaN"),
    (Decimal("Infinity"), "numeric", "postgresql", "Infinity"),
    (Decimal("0.1"), "double precision", "postgresql", 0.1),
    (Decimal("0.1"), "real", "postgresql", 0.1),
    ("14.5", "real", "postgresql", 14.5),
    (2**53, "double precision", "postgresql", 2.0**53),
    (math.inf, "double precision", "postgresql", math.inf),
    (Decimal("Infinity"), "double precision", "postgresql", math.inf),
    (1.25, "float(7,2)", "mysql", 1.25),
    (b"\1", "boolean", "postgresql", True),
    ("F", "boolean", "postgresql", False),
    (0, "boolean", "postgresql", False),
    (1, "bit(1)", "mysql", True),
    (False, "text", "postgresql", "false"),
    (Decimal("1E+3"), "text", "postgresql", "1000"),
    (datetime(2024, 7, 1, 12, tzinfo=UTC), "text", "postgresql", "2024-07-01 12:00:00+00:00"),
    (timedelta(hours=1), "text", "postgresql", "01:00:00"),
    (date(2024, 7, 1), "text", "postgresql", "2024-07-01"),
    (A_UUID, "character(36)", "postgresql", str(A_UUID)),
    ("2024-07-01", "date", "postgresql", date(2024, 7, 1)),
    (datetime(2024, 7, 1), "date", "postgresql", date(2024, 7, 1)),  # noqa: DTZ001
    ("2024-07-01 00:00:00", "date", "postgresql", date(2024, 7, 1)),
    (timedelta(hours=23, microseconds=5), "time without time zone", "postgresql", time(23, 0, 0, 5)),
    ("01:02:03", "time without time zone", "postgresql", time(1, 2, 3)),
    (date(2024, 7, 1), "timestamp", "duckdb", datetime(2024, 7, 1)),  # noqa: DTZ001
    (NOON.replace(tzinfo=EAST), "timestamp", "duckdb", NOON.replace(hour=7)),
    (NOON.replace(tzinfo=EAST), "timestamp with time zone", "postgresql", NOON.replace(hour=7, tzinfo=UTC)),
    (NOON, "timestamp with time zone", "postgresql", NOON.replace(tzinfo=UTC)),
    (NOON, "timestamp", "mysql", NOON),
    ("2024-07-01T12:00:00.1234560000", "timestamp without time zone", "postgresql", NOON.replace(microsecond=123456)),
    (A_UUID.bytes, "uuid", "postgresql", str(A_UUID)),
    (f"{{{A_UUID}}}", "uuid", "postgresql", str(A_UUID)),
    (A_UUID, "binary(16)", "mysql", A_UUID.bytes),
    (memoryview(b"ab"), "bytea", "postgresql", b"ab"),
    ('{"a": "\\\\u0000"}', "jsonb", "postgresql", '{"a": "\\\\u0000"}'),
]


@pytest.mark.parametrize(("value", "of", "dialect", "wanted"), ARRIVES)
def test_value_arrives(value: Any, of: str, dialect: str, wanted: Any) -> None:
    """As a value of the column's own type."""
    assert put(value, of, dialect) == wanted


def test_bits_of_mysql_are_numbers() -> None:
    """Its driver gives ``bit(1)`` as a byte."""
    assert put(b"\1", "integer", source=parse("bit(1)", "mysql")) == 1


REFUSED = [
    (1.5, "integer", "postgresql", "digits after the point"),
    (Decimal("NaN"), "integer", "postgresql", "NaN or an infinity"),
    (math.inf, "integer", "postgresql", "NaN or an infinity"),
    (9876543210, "integer", "postgresql", "an integer of 10 digits outside -2147483648..2147483647"),
    (-1, "bigint unsigned", "mysql", "an integer of 1 digits outside 0"),
    (b"1", "integer", "postgresql", "binary data"),
    ("1_0", "integer", "postgresql", "no number"),
    ("\u0661\u0662", "numeric(3)", "postgresql", "no number"),
    (object(), "integer", "postgresql", "a value of Python type object"),
    (Decimal("1.05"), "numeric(3,1)", "postgresql", "2 digits after the point, where 1 fit"),
    (Decimal("0.001"), "numeric(3,1)", "postgresql", "3 digits after the point"),
    (Decimal(100), "numeric(3,1)", "postgresql", "3 digits before the point, where 2 fit"),
    (Decimal(99100), "numeric(2,-3)", "postgresql", "digits after the point"),
    (Decimal("NaN"), "decimal(3)", "mysql", "NaN"),
    (Decimal("Infinity"), "numeric(3)", "postgresql", "an infinity"),
    (Decimal("1E+400"), "double precision", "postgresql", "more digits than a float holds"),
    (2**53 + 1, "double precision", "postgresql", "more digits than a float holds"),
    (math.nan, "double", "mysql", "NaN"),
    (-math.inf, "double", "mysql", "an infinity"),
    (1.255, "float(7,2)", "mysql", "more than 2 digits after the point"),
    (0.1, "real", "postgresql", "more digits than a single-precision float holds"),
    (Decimal("0.123456789012"), "real", "postgresql", "more digits than a single-precision float holds"),
    (1e300, "real", "postgresql", "more digits than a single-precision float holds"),
    (2, "boolean", "postgresql", "an integer that is neither true nor false"),
    ("\0", "text", "postgresql", "NUL"),
    ("abcdef", "character varying(5)", "postgresql", "text of 6 characters, where 5 fit"),
    ("ab ", "character(5)", "postgresql", "ends with a space"),
    (b"ab", "text", "postgresql", "binary data"),
    ([1], "text", "postgresql", "a value of Python type list"),
    (NOON, "date", "postgresql", "not midnight"),
    ("infinity", "date", "postgresql", "not a date of the years 1 to 9999"),
    (17, "date", "postgresql", "an integer"),
    (timedelta(hours=-1), "time without time zone", "postgresql", "a time outside one day"),
    (timedelta(hours=24), "text", "postgresql", "a time outside one day"),
    (NOON, "time without time zone", "postgresql", "a value of Python type datetime"),
    ("12:00:00+01:00", "time without time zone", "postgresql", "a time with a zone"),
    (NOON.replace(microsecond=1000), "datetime(2)", "mysql", "more than 2 digits after the second"),
    ("2024-07-01 12:00:00.1234567", "timestamp with time zone", "postgresql", "more than 6 digits after the second"),
    (datetime(1, 1, 1, tzinfo=EAST), "timestamp with time zone", "postgresql", "outside of the years 1 to 9999"),
    ("x", "uuid", "postgresql", "no UUID"),
    ("123e4567-e89b-12d3-a456-4266_4174000", "uuid", "postgresql", "no UUID"),
    (b"short", "uuid", "postgresql", "binary data|no UUID"),
    ("NaN", "json", "postgresql", "not JSON"),
    ("[" * 100_000, "json", "postgresql", "not JSON"),
    ("ab", "bytea", "postgresql", "text"),
    (b"ab", "binary(3)", "mysql", "2 bytes, where 3 fit"),
    (b"abcd", "varbinary(3)", "mysql", "4 bytes, where 3 fit"),
    ("c", "enum('a')", "mysql", "a label that the enum does not have"),
]


@pytest.mark.parametrize(("value", "of", "dialect", "said"), REFUSED)
def test_value_is_refused_by_class(value: Any, of: str, dialect: str, said: str) -> None:
    """And is not in what is said."""
    with pytest.raises(ValueError, match=said) as caught:
        put(value, of, dialect)
    assert len(str(value)) < 4 or str(value) not in str(caught.value)


@pytest.mark.parametrize("convert", [converter, lambda _, column, __: passthrough(column)])
def test_null_only_where_it_may_be(convert: Any) -> None:
    """Also where values pass unseen."""
    of = parse("integer", "postgresql")
    assert convert(ANY, Column("v", of), "postgresql")(None) is None
    assert convert(ANY, Column("v", of), "postgresql")(5) == 5
    with pytest.raises(ValueError, match="NULL"):
        convert(ANY, Column("v", of, nullable=False), "postgresql")(None)


def test_padding_is_no_data() -> None:
    """Of a CHAR column, in another column."""
    assert put("ab   ", "text", source=parse("character(5)", "postgresql")) == "ab"
    assert put("ab   ", "text") == "ab   "


NEW_YORK = "America/New_York"
SUMMER = datetime(2024, 7, 1, 16, tzinfo=UTC)


def test_naive_times_of_a_zone() -> None:
    """Become instants, and instants become them."""
    assert put(NOON, "timestamp with time zone", zone=NEW_YORK) == SUMMER
    assert put(SUMMER, "timestamp without time zone", zone=NEW_YORK) == NOON
    assert put(NOON, "timestamp without time zone", zone=NEW_YORK) == NOON
    assert put(SUMMER, "timestamp with time zone", zone=NEW_YORK) == SUMMER
    assert put("2024-07-01 12:00:00", "timestamp with time zone", zone=NEW_YORK) == SUMMER


@pytest.mark.parametrize("text", ["2024-11-03 01:30:00", "2024-03-10 02:30:00", "2024-11-03 05:30:00+00:00"])
def test_times_that_a_zone_has_twice_or_never(text: str) -> None:
    """Nobody can tell which was meant."""
    of = "timestamp without time zone" if "+" in text else "timestamp with time zone"
    with pytest.raises(ValueError, match="a local time that America/New_York has twice or never"):
        put(text, of, zone=NEW_YORK)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_decimal_is_kept_or_refused(number: Decimal) -> None:
    """Never rounded."""
    try:
        kept = Decimal(put(number, "numeric(8,2)"))
    except ValueError:
        assert abs(number) >= 10**6 or number != round(number, 2)
    else:
        assert kept == number


@given(st.integers(), st.sampled_from(["smallint", "integer", "bigint", "numeric(5)", "double precision"]))
def test_integer_is_kept_or_refused(number: int, of: str) -> None:
    """Whatever the column is."""
    try:
        kept = put(number, of)
    except ValueError:
        return
    assert Decimal(kept) == number
