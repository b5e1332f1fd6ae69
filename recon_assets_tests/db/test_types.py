"""Every type from every source into every target: what arrives equals what was there, or is refused by name."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from uuid import UUID

import pytest

from recon_assets.errors import DeclarationError, DoesNotFitError
from recon_assets.model import Mode
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Side, plain, quoted, spec, wrote

PAIRS = [pytest.param(source, target, id=f"{source}-{target}") for source in SOURCES for target in TARGETS]


@dataclass(frozen=True)
class Case:
    """One logical type: what each database calls it, and its values; a database that lacks it is left out."""

    values: tuple[Any, ...]
    source: Mapping[str, str]
    target: Mapping[str, str]
    same: Callable[[Any], Any] = field(default=plain)
    read: str = "{}"


def everywhere(name: str, **others: str) -> dict[str, str]:
    return dict.fromkeys(SOURCES, name) | others


def moment(value: Any) -> Any:
    """MySQL has no zones; what is read of it is UTC."""
    return value.replace(tzinfo=value.tzinfo or UTC) if isinstance(value, datetime) else value


def clock(value: Any) -> Any:
    return (DATETIMES[0] + value).time() if isinstance(value, timedelta) else value


def loaded_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def as_uuid(value: Any) -> Any:
    if isinstance(value, bytes):
        return UUID(bytes=value)
    return UUID(value) if isinstance(value, str) else value


def sign_and_value(value: Any) -> Any:
    """NaN equals NaN here."""
    return value if value is None else (math.isnan(value), 0 if math.isnan(value) else value)


TEXTS = (
    *("", " ", "  both  ", "tab\there", "line\nfeed", "return\r\n", "back\\slash", "\\N", "\\.", "\\n", "NULL", "null"),
    *(
        "'",
        "''",
        '"',
        '""',
        "`",
        ";",
        "--",
        "%",
        "%s",
        "%%",
        "{}",
        ":name",
        "$1",
        ",",
        "|",
        "\x01\x02\x1f\x7f",
        "\x0b\x0c",
    ),
    *("é", "é", "ß", "Ω", "中文", "😀👩‍👩‍👧‍👦", "\u200b", "\ufeff", "\u2028", "x" * 5000),
)
INSTANTS = tuple(
    datetime.fromisoformat(text)
    for text in (
        "2024-03-10 06:59:59.999999+00:00",
        "2024-03-10 07:30:00+00:00",
        "2024-11-03 05:30:00.000001+00:00",
        "2024-11-03 06:30:00+00:00",
        "1970-01-02 00:00:00+00:00",
        "2037-12-31 23:59:59.123456+00:00",
    )
)
DATETIMES = (datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999), datetime(2024, 2, 29, 12, 30, 15, 1))  # noqa: DTZ001 - as drivers give them
JSONS = ('{"a": [1, 2.5, null, "é😀"], "b": {"c": true}}', "null", '"text"', "[]", "12.50", '"\\\\u0000 \\" \\\\"')
UUIDS = (UUID(int=0), UUID(int=2**128 - 1), UUID("12345678-9abc-4def-8123-456789abcdef"))
DIGITS = ("1234567890123456789012345678.0123456789", "-9999999999999999999999999999.9999999999", "0.0000000001", "0")

ALIKE = {
    "smallint": Case((-32768, 0, 32767), everywhere("smallint"), everywhere("smallint")),
    "integer": Case((-(2**31), 2**31 - 1), everywhere("integer"), everywhere("integer")),
    "bigint": Case((-(2**63), 2**63 - 1), everywhere("bigint"), everywhere("bigint")),
    "unsigned": Case(
        (0, 2**63, 2**64 - 1),
        {"postgresql": "numeric(20)", "mysql": "bigint unsigned", "duckdb": "ubigint", "sqlite": "text"},
        {"postgresql": "numeric(20)", "mysql": "bigint unsigned"},
        lambda value: value if value is None else int(value),
    ),
    "decimal": Case(
        tuple(map(Decimal, DIGITS)), everywhere("numeric(38,10)", sqlite="text"), everywhere("numeric(38,10)")
    ),
    "double": Case(
        (0.1 + 0.2, 1.7976931348623157e308, 5e-324, 2.2250738585072014e-308, -0.0, 1e22, 2.0**53, 1 / 3),
        everywhere("double", postgresql="double precision"),
        everywhere("double precision"),
    ),
    "double that is no number": Case(
        (math.nan, math.inf, -math.inf),
        {"postgresql": "double precision", "duckdb": "double"},
        {"postgresql": "double precision"},
        sign_and_value,
    ),
    "real": Case(
        (1.5, 3.4028234663852886e38, 0.10000000149011612, -0.0, 1.401298464324817e-45),
        everywhere("real", mysql="float"),
        everywhere("real", mysql="float"),
        read="CAST({} AS double precision)",
    ),
    "text": Case(TEXTS, everywhere("text"), everywhere("text")),
    "varchar": Case(
        ("ten chars!", "😀" * 10, "", " x "), everywhere("varchar(10)", sqlite="text"), everywhere("varchar(10)")
    ),
    "char": Case(
        ("ab", "abcde", "", "é"),
        everywhere("char(5)"),
        everywhere("char(5)"),
        lambda value: value if value is None else value.rstrip(" "),
    ),
    "date": Case((date.min, date.max, date(2024, 2, 29)), everywhere("date"), everywhere("date")),
    "time": Case(
        (time.min, time.max, time(1, 2, 3)),
        everywhere("time", mysql="time(6)"),
        everywhere("time", mysql="time(6)"),
        clock,
    ),
    "timestamp": Case(
        DATETIMES, everywhere("timestamp", mysql="datetime(6)"), everywhere("timestamp", mysql="datetime(6)")
    ),
    "instant": Case(
        INSTANTS,
        everywhere("timestamptz", mysql="timestamp(6) null", sqlite="text"),
        everywhere("timestamptz", mysql="timestamp(6) null"),
        moment,
    ),
    "uuid": Case(UUIDS, everywhere("uuid", sqlite="text"), everywhere("uuid"), as_uuid),
    "json": Case(JSONS, everywhere("json"), everywhere("json"), loaded_json),
    "jsonb": Case(JSONS, everywhere("json", postgresql="jsonb"), everywhere("json", postgresql="jsonb"), loaded_json),
    "binary": Case(
        (bytes(range(256)), b"", b"\0", b"\\x00", b"\\N"),
        everywhere("blob", postgresql="bytea"),
        everywhere("bytea", mysql="blob"),
    ),
    "boolean": Case((True, False), everywhere("boolean"), everywhere("boolean"), lambda v: v if v is None else bool(v)),
    "enum": Case(
        ("a b", "it's", "é"),
        {"postgresql": "mood", "mysql": "enum('a b','it''s','é')", "duckdb": "mood", "sqlite": "text"},
        {"postgresql": "mood", "mysql": "enum('a b','it''s','é')"},
    ),
}
WIDER = {
    "decimal without limits": Case(
        tuple(map(Decimal, (*DIGITS, "1E+20"))), everywhere("numeric(38,10)", sqlite="text"), {"postgresql": "numeric"}
    ),
    "integer": Case((-(2**31), 2**31 - 1), everywhere("integer"), everywhere("bigint")),
    "varchar": Case(("ten chars!", "\\N", "\t\n\r\\"), everywhere("varchar(10)", sqlite="text"), everywhere("text")),
    "seconds": Case(
        (datetime(2024, 2, 29, 12, 30, 15),),  # noqa: DTZ001
        everywhere("timestamp(0)", mysql="datetime", duckdb="timestamp_s"),
        everywhere("timestamp", mysql="datetime(6)"),
    ),
    "json": Case(JSONS, everywhere("json"), everywhere("json", postgresql="jsonb"), loaded_json),
}
CONVERTED = {
    "real into double": Case(
        (1.5, 3.4028234663852886e38, 0.10000000149011612),
        everywhere("real", mysql="float"),
        everywhere("double precision"),
    ),
    "char into text": Case(("ab", "abcde", "", " é"), everywhere("char(5)"), everywhere("text")),
    "instant as naive UTC": Case(
        (datetime(1, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
        {"postgresql": "timestamptz", "duckdb": "timestamptz", "sqlite": "text"},
        everywhere("timestamp", mysql="datetime(6)"),
        moment,
    ),
    "naive as instant": Case(
        DATETIMES, everywhere("timestamp", mysql="datetime(6)"), {"postgresql": "timestamptz"}, moment
    ),
    "uuid as text": Case(UUIDS, everywhere("uuid", sqlite="text"), everywhere("char(36)"), as_uuid),
    "uuid as bytes": Case(UUIDS, {"postgresql": "uuid", "duckdb": "uuid"}, {"mysql": "binary(16)"}, as_uuid),
    "enum into text": Case(
        ("a b", "it's", "é"),
        {"postgresql": "mood", "mysql": "enum('a b','it''s','é')", "duckdb": "mood", "sqlite": "text"},
        everywhere("text"),
    ),
    "integer into text": Case((1, -5), everywhere("integer"), everywhere("text"), lambda v: v if v is None else int(v)),
    "text into integer": Case(
        ("1", " -5 "), everywhere("text"), everywhere("integer"), lambda v: v if v is None else int(v)
    ),
}
TABLES = [
    pytest.param(source, target, cases, id=f"{source}-{target}-{name}")
    for name, cases in {"alike": ALIKE, "wider": WIDER, "converted": CONVERTED}.items()
    for source in SOURCES
    for target in TARGETS
]


@pytest.mark.parametrize(("source", "target", "cases"), TABLES)
def test_values_arrive_as_they_were(both: Both, source: Name, target: Name, cases: Mapping[str, Case]) -> None:
    """Straight into an empty table and by way of a stage; what is equal is not written again."""
    sides = both(source, target)
    for side in (sides.source, sides.target):
        enum(side)
    held = {name: case for name, case in cases.items() if source in case.source and target in case.target}
    rows = list(zip_longest(*(case.values for case in held.values())))
    rows = [(at, *row) for at, row in enumerate([*rows, [None] * len(held)])]
    sides.create(
        ", ".join(["id integer", *(f"{quoted(name, source)} {case.source[source]}" for name, case in held.items())]),
        ", ".join(
            [
                "id integer primary key",
                *(f"{quoted(name, target)} {case.target[target]}" for name, case in held.items()),
            ]
        ),
        rows,
    )

    straight = sides.load(spec())
    assert columns(sides.target, held) == columns(rows, held)
    sides.target.run("DELETE FROM t WHERE id > 0")
    staged = sides.load(spec(), mode=Mode.UPSERT)

    assert columns(sides.target, held) == columns(rows, held)
    assert (wrote(straight), wrote(staged)) == ((len(rows), 0, 0), (len(rows) - 1, 0, 0))
    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (0, 0, 0)


def enum(side: Side) -> None:
    if side.name in {"postgresql", "duckdb"}:
        side.run("CREATE TYPE mood AS ENUM ('a b', 'it''s', 'é')")


def columns(found: Side | list[tuple[Any, ...]], cases: Mapping[str, Case]) -> dict[str, list[Any]]:
    """The values by column, in a form that is equal for equal values."""
    rows = read(found, cases) if isinstance(found, Side) else found
    values = zip(*rows, strict=True)
    next(values)
    return {
        name: [case.same(value) for value in column] for (name, case), column in zip(cases.items(), values, strict=True)
    }


def read(target: Side, cases: Mapping[str, Case]) -> list[tuple[Any, ...]]:
    """MariaDB shows six digits of a float unless asked for more."""
    shown = (case.read.format(quoted(name, target.name)) for name, case in cases.items())
    sql = f"SELECT id, {', '.join(shown)} FROM t ORDER BY id"
    return target.rows(sql.replace("double precision", "double") if target.name == "mysql" else sql)


LISTS = {"postgresql": "integer[]", "duckdb": "integer[]", "mysql": "set('a')"}
ODD = [
    pytest.param("postgresql", "interval", id="interval"),
    pytest.param("postgresql", "int4range", id="range"),
    pytest.param("postgresql", "time with time zone", id="time with zone"),
    pytest.param("duckdb", "struct(a integer)", id="struct"),
    pytest.param("duckdb", "timestamp_ns", id="nanoseconds"),
    *(pytest.param(source, of, id=f"{source} {of}") for source, of in LISTS.items()),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("source", "of"), ODD)
def test_type_without_exact_form_is_refused(both: Both, source: Name, of: str, target: Name) -> None:
    """With the column, the type, and what to do."""
    sides = both(source, target)
    sides.create(f"id integer, v {of}", "id integer primary key, v text")

    with pytest.raises(DeclarationError, match=r"tables\.t: v: .* of the source has no exact form .* cast it"):
        sides.load(spec())


@pytest.mark.parametrize(("source", "cast"), [("postgresql", "text"), ("duckdb", "varchar"), ("mysql", "char")])
@pytest.mark.parametrize("target", TARGETS)
def test_cast_makes_text_of_a_list(both: Both, source: Name, cast: str, target: Name) -> None:
    """The way that the refusal names works."""
    sides = both(source, target)
    sides.create(f"id integer, v {LISTS[source]}", "id integer primary key, v text")
    literal = {"postgresql": "'{1}'", "duckdb": "[1]", "mysql": "'a'"}[source]
    sides.source.run(f"INSERT INTO t VALUES (1, {literal})")

    sides.load(spec(cast={"v": cast}))

    assert sides.target.rows() == [(1, literal.strip("'"))]


def test_sources_without_moments_of_python_refuse_them(both: Both) -> None:
    """DuckDB's driver would make the year 9999 of an infinity."""
    sides = both("duckdb", "postgresql")
    sides.create("id integer, v date", "id integer primary key, v date")
    sides.source.run("INSERT INTO t VALUES (1, 'infinity')")

    with pytest.raises(DoesNotFitError, match=r"id=1: column v \(date\) cannot hold text that is not a date"):
        sides.load(spec())
