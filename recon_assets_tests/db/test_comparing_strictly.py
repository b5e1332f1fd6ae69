"""Texts that databases refuse for a type are none of its values to us, and no text stops a comparison."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

import recon_assets
from recon_assets import dialect, reading
from recon_assets.diff.rules import rule_of
from recon_assets.errors import DeclarationError, DoesNotFitError
from recon_assets.model import ALL, Comparison, Database, Kind, Measure
from recon_assets.values import KINDS
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, Name, Sides, spec

A_UUID = "12345678-9abc-4def-8123-456789abcdef"
NUMBERS = (
    *(
        "1",
        "-1",
        "+1",
        "01",
        " 1\t",
        "1.",
        ".5",
        "1.50",
        "1e3",
        "1E-3",
        "1e+3",
        "NaN",
        "nan",
        "Infinity",
        "-inf",
        "inf",
    ),
    *("", " ", ".", "-", "+-1", "1_000", "1e", "e1", "1,5", "1 000", "0x1F", "0x1p3", "-nan", "+nan", "sNaN", "nan1"),
    *(
        "\u0661\u0662",
        "\uff11",
        "\u00a01",
        "1\u00a0",
        "1\0",
        "1e999999",
        "1e1000000000000000000000",
        "1d",
        "--1",
        "1\u2003",
    ),
)
DATETIMES = (
    *("2024-01-31", "2024-01-31 12:30", "2024-01-31T12:30:15", "2024-01-31 12:30:15.123456", " 2024-01-31 "),
    *("2024-01-31 12:30:15+02", "2024-01-31 12:30:15+0230", "2024-01-31 12:30:15 -02:30", "2024-01-31T12:30:15Z"),
    *("20240131", "20240131T123015", "2024-01-31 24:00:00", "2024-02-29", "2024-01-31 1:30", "2024-01-31T1230"),
    *(
        "0000-00-00",
        "2024-00-01",
        "2023-02-29",
        "2024-W01-1",
        "2024-1",
        "24-01-31x",
        "2024-01-31 25:00",
        "2024-01-31 12:60",
    ),
    *(
        "2024-01-31 24:00:01",
        "2024-01-31 12:30:15+25",
        "2024-01-31 12:30:15+02:99",
        "\u0662024-01-31",
        "2024-01-31 12:30:",
        "",
    ),
    *("12:30:15", "06:30", "6:30:00", "24:00:00", "12:30:15+02", "12:30:15Z", "12:30:15.5", "25:00:00", "12:61", "x"),
)
UUIDS = (
    *(A_UUID, A_UUID.upper(), A_UUID.replace("-", ""), f"{{{A_UUID}}}", "1234-5678-9abc4def8123-456789abcdef"),
    *(f"urn:uuid:{A_UUID}", f"+{A_UUID[1:]}", f" {A_UUID}", f"{{{A_UUID}", f"{A_UUID}}}", f"{A_UUID[:-1]}_", "1-" * 32),
    *(A_UUID.replace("1", "\u0661"), f"{A_UUID}\n"),
)
BOOLEANS = (
    *("t", "true", "TRUE", "tr", "y", "yes", "on", "1", "f", "FALSE", "no", "off", "of", "0", " t ", "n"),
    *("o", "", "2", "01", "truex", "\uff11", "t\u00a0", "-1", "ja", "1.0"),
)
JSONS = (
    "1",
    '"a"',
    "[1, 2]",
    '{"a": 1e5}',
    "NaN",
    "Infinity",
    "[1,]",
    "{a: 1}",
    "'a'",
    "01",
    "",
    "+1",
    "\u0661",
    "[1] x",
)
GRAMMAR = {
    (Kind.INTEGER, "bigint"): NUMBERS,
    (Kind.DECIMAL, "numeric"): NUMBERS,
    (Kind.FLOAT, "double precision"): NUMBERS,
    (Kind.DATE, "date"): DATETIMES,
    (Kind.TIME, "time"): DATETIMES,
    (Kind.TIMESTAMP, "timestamp"): DATETIMES,
    (Kind.INSTANT, "timestamptz"): DATETIMES,
    (Kind.UUID, "uuid"): UUIDS,
    (Kind.BOOLEAN, "boolean"): BOOLEANS,
    (Kind.JSON, "jsonb"): JSONS,
}


@pytest.mark.parametrize(("kind", "sql"), GRAMMAR)
def test_no_text_is_a_value_that_the_database_would_refuse(both: Both, kind: Kind, sql: str) -> None:
    """What we read, PostgreSQL reads too; the times of MySQL, which may be longer than a day, apart."""
    texts = [text for text in GRAMMAR[kind, sql] if "\0" not in text]
    with both("postgresql", "postgresql").source.connect() as connection:
        valid = {
            text: connection.execute("SELECT pg_input_is_valid(%s, %s)", [text, sql]).fetchone()[0] for text in texts
        }
    ours = {text for text in GRAMMAR[kind, sql] if is_read(kind, text)}

    longer = {"25:00:00"} if kind is Kind.TIME else set()
    assert ours - longer <= {text for text in valid if valid[text]}
    assert len(ours) > 3


def is_read(kind: Kind, text: str) -> bool:
    try:
        KINDS[kind].parse(text)
    except ValueError:
        return False
    return True


WRONG = [
    ("n", "'1_000'", "1000"),
    ("n", "'\u0661\u0662'", "12"),
    ("n", "'-nan'", "'NaN'"),
    ("n", "'sNaN'", "'NaN'"),
    ("n", "'1e1000000000000000000000'", "0"),
    ("i", "'12.0x'", "12"),
    ("u", f"'+{A_UUID[1:]}'", f"'0{A_UUID[1:]}'"),
    ("u", f"'urn:uuid:{A_UUID}'", f"'{A_UUID}'"),
    ("tm", "'06:30:00+02'", "'06:30:00'"),
    ("d", "'2024-W01-1'", "'2024-01-01'"),
    ("d", "'0000-00-00'", "'2024-01-01'"),
    ("ts", "'2024-W01-1T00:00:00'", "'2024-01-01'"),
    ("ts", "20240101", "'2024-01-01'"),
    ("f", "'0x1p3'", "8"),
    ("b", "'ja'", "true"),
    ("b", "2", "true"),
    ("x", "'ab'", "'\\x6162'"),
    ("j", "'NaN'", "'null'"),
]
RIGHT = [
    ("u", f"'{{{A_UUID.upper()}}}'", f"'{A_UUID}'"),
    ("u", f"x'{A_UUID.replace('-', '')}'", f"'{A_UUID}'"),
    ("n", "0.99", "0.99"),
    ("n", "12345678901234567890.0", "12345678901234567168"),
    ("tm", "'6:30'", "'06:30:00'"),
    ("ts", "'20240101T233000'", "'2024-01-01 23:30:00'"),
    ("ts", "'2024-01-01 23:30:00+0200'", "'2024-01-01 21:30:00'"),
    ("ts", "'2024-01-01 24:00:00'", "'2024-01-02 00:00:00'"),
    ("b", "'no'", "false"),
    ("d", "'2024-01-01 00:00:00'", "'2024-01-01'"),
]
SQLITE = "n numeric, i integer, u uuid, tm time, d date, ts timestamp, f real, b boolean, x blob, j json"
POSTGRESQL = (
    "n numeric, i bigint, u uuid, tm time, d date, ts timestamp, f double precision, b boolean, x bytea, j jsonb"
)


def test_a_text_of_another_grammar_is_a_mismatch(both: Both) -> None:
    """Loads refuse it and comparisons call it different, each by the same parser; what is read is equal."""
    sides = both("sqlite", "postgresql")
    sides.create(f"id integer primary key, {SQLITE}", f"id integer primary key, {POSTGRESQL}")
    for number, (column, source, target) in enumerate([*WRONG, *RIGHT]):
        sides.source.run(f"INSERT INTO t (id, {column}) VALUES ({number}, {source})")
        sides.target.run(f"INSERT INTO t (id, {column}) VALUES ({number}, {target})")

    found = compared(sides, key=["id"])

    assert {item.key[0]: item.differing for item in found.mismatched} == {
        number: (column,) for number, (column, *_) in enumerate(WRONG)
    }
    assert found.counts.missing == found.counts.extra == 0


def test_a_key_of_texts_and_numbers(both: Both) -> None:
    """SQLite keeps what does not read as a number, and such a record is missing like any other."""
    sides = both("sqlite", "postgresql")
    sides.create("id integer, v integer", "id bigint, v bigint", [(1, 1), ("abc", 2), ("x", 3), (2, 4)])
    sides.target.fill("t", [(1, 1)])
    decimals = compared(sides, key=["id"], rules={"id": {"as": "number"}})

    for found in (compared(sides, key=["id"]), decimals):
        assert [item.key[0] for item in found.missing] == [2, "abc", "x"]


def test_zero_dates_are_of_no_age(both: Both) -> None:
    """A record whose last change is MySQL's zero date is old: it counts at once."""
    sides = both("mysql", "mysql")
    sides.create("id int primary key, v int, at datetime", "id int primary key, v int, at datetime")
    for side, value in ((sides.source, 1), (sides.target, 2)):
        side.run("SET sql_mode = ''", f"INSERT INTO t VALUES (1, {value}, '0000-00-00 00:00:00')")

    found = compared(sides, key=["id"], updated_at="at", grace_period=timedelta(hours=1))

    assert (found.counts.mismatched, found.in_flight) == (1, 0)


def test_numbers_in_json_of_any_size(both: Both) -> None:
    """They are compared digit by digit, whatever their exponent."""
    sides = both("postgresql", "mysql")
    sides.create("id int primary key, v json", "id int primary key, v json")
    huge = "1e99999999999999999999"
    rows = [(1, f"[{huge}]", f"[10.0{huge[1:-1]}8]"), (2, f"[{huge}]", f"[-{huge}]"), (3, '"\\ud800"', "1")]
    sides.source.fill("t", [row[:2] for row in rows])
    sides.target.fill("t", [row[::2] for row in rows])

    assert [item.key for item in compared(sides, key=["id"]).mismatched] == [(2,), (3,)]


def test_long_numbers_are_compared_to_the_last_digit(both: Both) -> None:
    """Of 2,000 digits and more, by value and within a tolerance."""
    sides = both("postgresql", "postgresql")
    sides.create("id int primary key, v numeric", "id int primary key, v numeric")
    long = "1" * 2000 + "." + "2" * 2000
    sides.source.fill("t", [(1, Decimal(long)), (2, Decimal(long))])
    sides.target.fill("t", [(1, Decimal(long)), (2, Decimal(f"{long[:-1]}3"))])

    for rule in ({}, {"abs": "1e-3000"}, {"as": "number"}):
        assert [item.key for item in compared(sides, key=["id"], rules={"v": rule}).mismatched] == [(2,)]
    assert compared(sides, key=["id"], rules={"v": {"scale": 400}}).equal


def test_decimals_without_digits_before_the_point(both: Both) -> None:
    """DuckDB writes `.5` and `.000`; in keys too, where texts decide."""
    sides = both("duckdb", "postgresql")
    numbers = ["0", "0.5", "-0.25", "0.001"]
    sides.create("k decimal(3,3), v decimal(3,3)", "k numeric, v numeric", [(n, n) for n in numbers])
    sides.target.fill("t", [(n, n) for n in numbers])
    found = recon_assets.compare(sides.source.url, "t", sides.target.url, "t", key=["k"])
    assert (found.equal, found.rows_read) == (True, 0)


def test_doubles_beside_decimals_are_what_they_print_as(both: Both) -> None:
    """So a double that loads is equal afterwards: 0.1 in numeric(10,2), and whole numbers to the last digit."""
    sides = both("postgresql", "mysql")
    sides.create(
        "id int primary key, v double precision, r real, w double precision",
        "id int primary key, v numeric(10,2), r numeric(10,2), w numeric(30,0)",
        [(1, 0.1, 0.1, 2.0**62), (2, 1.5, 2.25, 1e22), (3, -7.0, 16777216, 0)],
    )
    sides.load(spec())

    assert compared(sides, key=["id"]).equal
    sides.target.run("UPDATE t SET v = 0.11 WHERE id = 1")
    assert [item.key for item in compared(sides, key=["id"]).mismatched] == [(1,)]


def compared(sides: Sides, **more: Any) -> Comparison:
    return recon_assets.compare(sides.source.url, "t", sides.target.url, "t", **more)


@pytest.mark.repeats
def test_a_thousand_columns_are_compared(both: Both) -> None:
    """Where expressions must not be nested that deep."""
    sides = both("sqlite", "postgresql")
    names = [f"c{at}" for at in range(1010)]
    columns = f"id integer, {', '.join(f'{name} integer' for name in names)}"
    sides.create(columns, columns)
    for side, number in ((sides.source, 1), (sides.target, 2)):
        side.run(f"INSERT INTO t (id, c0, c1009) VALUES (1, 7, {number})")

    (found,) = compared(sides, key=["id"]).mismatched

    assert found.differing == ("c1009",)


@pytest.mark.parametrize("source", SOURCES)
def test_extremes_of_booleans_are_numbers(both: Both, source: Name) -> None:
    """MySQL has no booleans, so that 0 and 1 are what both sides show."""
    sides = both(source, "mysql")
    sides.create("id integer primary key, b boolean", "id integer primary key, b boolean", [(1, True), (2, False)])
    sides.target.fill("t", [(1, True), (2, False)])
    measures = [Measure(function, "b") for function in ("min", "max", "sum")]

    with reading.snapshot(opened(sides)) as snapshot:
        found = reading.measured(snapshot, measures, [ALL])[ALL.key]

    assert [(int(pair.source), pair.source == pair.target) for pair in found.values()] == [
        (0, True),
        (1, True),
        (1, True),
    ]


def test_a_row_longer_than_the_target_takes_is_refused(both: Both) -> None:
    """With both sizes; MySQL itself hangs up without a word."""
    sides = both("postgresql", "mysql")
    sides.create("id integer primary key, v text", "id integer primary key, v longtext")
    sides.source.run("INSERT INTO t VALUES (1, repeat('x', 20000000))")

    with pytest.raises(DoesNotFitError, match=r"a statement of 20,000,\d+ bytes, where .* max_allowed_packet is 16,"):
        sides.load(spec())
    assert sides.target.rows() == []


@pytest.mark.parametrize(
    "value", ["1e1000000", "1_000", "\u0661", pytest.param(10**6000, id="long"), "nan", "-1", True]
)
def test_a_rule_takes_no_number_that_databases_would_not(value: object) -> None:
    """By the same parser as values."""
    with pytest.raises(DeclarationError, match="rules: v: abs must be a number from 0 on"):
        rule_of("v", {"abs": value})


def opened(sides: Sides) -> reading.Pair:
    source, target = (
        dialect.engine(Database(role, side.url), role="source")
        for role, side in (("source", sides.source), ("target", sides.target))
    )
    sides.opened.extend((source, target))
    return reading.pair_for_comparison(spec(), source, target)
