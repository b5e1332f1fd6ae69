"""What equal means, line by line: every type against every other that it may meet, on every pair of databases."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import combinations_with_replacement
from math import inf, nan
from typing import Any
from uuid import UUID

import pytest

import recon_assets
from recon_assets.model import Comparison, Kind, Type
from recon_assets_tests import oracle
from recon_assets_tests.db.compared import PATHS, Given, Table, build, kept, take
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, Name, Sides

pytestmark = pytest.mark.repeats

Types = Mapping[Name, Type]
EQUAL, DIFFERENT = True, False


def everywhere(kind: Kind, sql: str, *, but: Mapping[str, str | None] | None = None, **more: Any) -> Types:
    """A type of every database, but for those that spell it in another way or lack it."""
    spelled = {name: (but or {}).get(name, sql) for name in SOURCES}
    return {name: Type(kind, written, **more) for name, written in spelled.items() if written}


TYPES: Mapping[str, Types] = {
    "integer": everywhere(Kind.INTEGER, "integer"),
    "bigint": everywhere(Kind.INTEGER, "bigint"),
    "unsigned": everywhere(
        Kind.INTEGER, "ubigint", but={"postgresql": "numeric(20)", "mysql": "bigint unsigned", "sqlite": None}
    ),
    "decimal(6,2)": everywhere(Kind.DECIMAL, "numeric(6,2)", but={"sqlite": None}),
    "decimal(9,4)": everywhere(Kind.DECIMAL, "numeric(9,4)", but={"sqlite": None}),
    "decimal(38,10)": everywhere(Kind.DECIMAL, "numeric(38,10)", but={"sqlite": None}),
    "double": everywhere(Kind.FLOAT, "double", but={"postgresql": "double precision"}, precision=53),
    "wild double": {
        "postgresql": Type(Kind.FLOAT, "double precision", precision=53),
        "duckdb": Type(Kind.FLOAT, "double", precision=53),
    },
    "real": everywhere(Kind.FLOAT, "real", but={"mysql": "float", "sqlite": None}, precision=24),
    "boolean": everywhere(Kind.BOOLEAN, "boolean"),
    "true boolean": everywhere(Kind.BOOLEAN, "boolean", but={"mysql": None}),
    "text": everywhere(Kind.TEXT, "text"),
    "loose text": everywhere(
        Kind.TEXT,
        "text",
        but={
            "mysql": "text COLLATE utf8mb4_general_ci",
            "sqlite": "text COLLATE nocase",
            "duckdb": "text COLLATE nocase",
        },
    ),
    "varchar": everywhere(Kind.TEXT, "varchar(20)", but={"sqlite": "text"}),
    "char(5)": everywhere(Kind.CHAR, "char(5)", but={"duckdb": None, "sqlite": None}),
    "enum": {
        "postgresql": Type(Kind.ENUM, "mood"),
        "mysql": Type(Kind.ENUM, "enum('sad','Sad','a b')"),
        "duckdb": Type(Kind.ENUM, "enum('sad','Sad','a b')"),
    },
    "date": everywhere(Kind.DATE, "date"),
    "timestamp": everywhere(Kind.TIMESTAMP, "timestamp", but={"mysql": "datetime(6)"}),
    "timestamp(3)": everywhere(
        Kind.TIMESTAMP, "timestamp(3)", but={"mysql": "datetime(3)", "duckdb": "timestamp_ms", "sqlite": None}
    ),
    "timestamp(0)": everywhere(
        Kind.TIMESTAMP, "timestamp(0)", but={"mysql": "datetime", "duckdb": "timestamp_s", "sqlite": None}
    ),
    "instant": everywhere(Kind.INSTANT, "timestamptz", but={"mysql": "timestamp(6) null", "sqlite": None}),
    "pg timestamp": {"postgresql": Type(Kind.TIMESTAMP, "timestamp"), "duckdb": Type(Kind.TIMESTAMP, "timestamp")},
    "uuid": everywhere(Kind.UUID, "uuid", but={"sqlite": None}),
    "json": everywhere(Kind.JSON, "json", but={"mysql": None}),
    "json kept as text": {"mysql": Type(Kind.JSON, "json")},
    "jsonb": {"postgresql": Type(Kind.JSON, "jsonb")},
    "binary": everywhere(Kind.BINARY, "blob", but={"postgresql": "bytea"}),
    "binary(3)": {"mysql": Type(Kind.BINARY, "binary(3)")},
    "sqlite any": {"sqlite": Type(Kind.ANY, "text")},
}

Value = Any
Line = tuple[Value, Value, bool]


@dataclass(frozen=True)
class Lines:
    """Values of one type against values of another, under one rule: equal or not."""

    source: str
    target: str
    lines: Sequence[Line]
    rule: Given = field(default_factory=dict)

    def __str__(self) -> str:
        rule = ", ".join(f"{name}={value}" for name, value in self.rule.items())
        return f"{self.source} and {self.target}{f' with {rule}' if rule else ''}"

    def column(self, name: str, source: Name, target: Name) -> oracle.Column | None:
        """As these two databases have it; None when one lacks the type."""
        left, right = TYPES[self.source].get(source), TYPES[self.target].get(target)
        return oracle.Column(name, left, right, kept(self.rule)) if left and right else None


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


FIRST, LAST = moment("0001-01-01"), moment("9999-12-31 23:59:59.999999")
NOON = moment("2024-02-29 12:00:00")
INSTANT = NOON.replace(tzinfo=UTC)
ODD = UUID("abcdef01-2345-6789-abcd-ef0123456789")
MICRO, MILLI = moment("2024-02-29 12:00:00.123456"), moment("2024-02-29 12:00:00.123")

NULLS = [
    Lines("integer", "integer", [(None, None, EQUAL), (None, 0, DIFFERENT), (0, None, DIFFERENT)]),
    Lines("integer", "integer", [(None, 0, DIFFERENT), (0, None, DIFFERENT), (None, None, EQUAL)], {"abs": "1000"}),
    Lines("integer", "integer", [(None, 0, DIFFERENT), (5, None, DIFFERENT)], {"rel": "1", "of": "larger"}),
    Lines(
        "text",
        "text",
        [
            (None, None, EQUAL),
            (None, "", DIFFERENT),
            ("", None, DIFFERENT),
            *((None, mark, DIFFERENT) for mark in ("NULL", "null", "~", "~;", "\\N", "<null>", "None", "0:", ";")),
        ],
    ),
    Lines("text", "text", [(None, "", DIFFERENT), (None, " ", DIFFERENT), ("", "  ", EQUAL)], {"strip": True}),
    Lines("json", "json", [(None, "null", DIFFERENT), ("null", None, DIFFERENT), ("null", "null", EQUAL)]),
    Lines("binary", "binary", [(None, b"", DIFFERENT), (b"", b"", EQUAL), (None, None, EQUAL)]),
    Lines("wild double", "wild double", [(None, nan, DIFFERENT), (nan, None, DIFFERENT)]),
    Lines("uuid", "uuid", [(None, UUID(int=0), DIFFERENT), (None, None, EQUAL)]),
    Lines("boolean", "boolean", [(None, False, DIFFERENT), (None, None, EQUAL)]),
    Lines("timestamp", "timestamp", [(None, moment("1970-01-01"), DIFFERENT), (None, None, EQUAL)]),
    Lines("date", "date", [(None, date(1, 1, 1), DIFFERENT), (None, None, EQUAL)]),
]
BIG = Decimal("1234567890123456789012345678.0123456789")
NUMBERS = [
    Lines("integer", "bigint", [(1, 1, EQUAL), (-1, 1, DIFFERENT), (2**31 - 1, 2**31 - 1, EQUAL), (1, 10, DIFFERENT)]),
    Lines(
        "bigint", "bigint", [(2**53, 2**53 + 1, DIFFERENT), (2**63 - 1, 2**63 - 1, EQUAL), (-(2**63), -(2**63), EQUAL)]
    ),
    Lines("unsigned", "unsigned", [(2**64 - 1, 2**64 - 1, EQUAL), (2**64 - 1, 2**64 - 2, DIFFERENT)]),
    Lines("unsigned", "bigint", [(2**63 - 1, 2**63 - 1, EQUAL), (2**63, -(2**63), DIFFERENT)]),
    Lines(
        "unsigned", "decimal(38,10)", [(2**64 - 1, Decimal(2**64 - 1), EQUAL), (2**64 - 1, Decimal(2**64), DIFFERENT)]
    ),
    Lines(
        "decimal(6,2)",
        "decimal(9,4)",
        [
            (Decimal("1.5"), Decimal("1.5000"), EQUAL),
            (Decimal("1.50"), Decimal("1.5001"), DIFFERENT),
            (Decimal(100), Decimal(100), EQUAL),
            (Decimal(0), Decimal(0), EQUAL),
            (Decimal("-0.10"), Decimal("-0.1"), EQUAL),
            (Decimal("-0.10"), Decimal("0.1"), DIFFERENT),
        ],
    ),
    Lines(
        "integer",
        "decimal(9,4)",
        [(100, Decimal("100.0000"), EQUAL), (100, Decimal("100.0001"), DIFFERENT), (0, Decimal(0), EQUAL)],
    ),
    Lines("decimal(38,10)", "decimal(38,10)", [(BIG, BIG, EQUAL), (BIG, BIG + Decimal("1E-10").copy_abs(), DIFFERENT)]),
    Lines(
        "double",
        "double",
        [
            (0.0, -0.0, EQUAL),
            (0.1 + 0.2, 0.3, DIFFERENT),
            (0.1, 0.1, EQUAL),
            (1e22, 1e22, EQUAL),
            (1e300, 1e300, EQUAL),
            (5e-324, 5e-324, EQUAL),
            (5e-324, 0.0, DIFFERENT),
            (1e15, 1e15, EQUAL),
            (1e16, 1e16 + 2, DIFFERENT),
            (123456789.125, 123456789.125, EQUAL),
            (1e-5, 1e-5, EQUAL),
            (1.7976931348623157e308, 1.7976931348623157e308, EQUAL),
        ],
    ),
    Lines(
        "wild double",
        "wild double",
        [(nan, nan, EQUAL), (inf, inf, EQUAL), (inf, -inf, DIFFERENT), (nan, inf, DIFFERENT), (nan, 0.0, DIFFERENT)],
    ),
    Lines(
        "wild double",
        "wild double",
        [(nan, nan, EQUAL), (inf, inf, EQUAL), (inf, -inf, DIFFERENT), (inf, 1e300, DIFFERENT), (nan, 1.0, DIFFERENT)],
        {"abs": "1e301"},
    ),
    Lines("real", "real", [(0.1, 0.1, EQUAL), (1.5, 1.25, DIFFERENT), (16777216.0, 16777218.0, DIFFERENT)]),
    Lines("real", "double", [(1.5, 1.5, EQUAL), (0.1, 0.1, DIFFERENT), (0.1, oracle.single(0.1), EQUAL)]),
    Lines(
        "real",
        "double",
        [(0.1, 0.1, EQUAL), (1.5, 1.5, EQUAL), (0.1, 0.2, DIFFERENT), (1.0, 1.0 + 2**-23, DIFFERENT)],
        {"as": "float32"},
    ),
    Lines(
        "double",
        "decimal(9,4)",
        [
            (1.5, Decimal("1.5"), EQUAL),
            (0.0, Decimal(0), EQUAL),
            (0.1, Decimal("0.1"), EQUAL),
            (0.1, Decimal("0.1001"), DIFFERENT),
            (1.5, Decimal("1.4"), DIFFERENT),
        ],
    ),
    Lines(
        "double",
        "decimal(9,4)",
        [(0.1, Decimal("0.1"), EQUAL), (0.12, Decimal("0.1234"), EQUAL), (0.1, Decimal("0.11"), DIFFERENT)],
        {"scale": 2},
    ),
    Lines(
        "double", "decimal(9,4)", [(0.1, Decimal("0.1"), EQUAL), (0.1, Decimal("0.11"), DIFFERENT)], {"as": "number"}
    ),
    Lines("double", "double", [(0.1 + 0.2, 0.3, DIFFERENT), (0.3, 0.3, EQUAL)], {"as": "number"}),
    Lines("integer", "double", [(3, 3.0, EQUAL), (3, 3.5, DIFFERENT), (2**31 - 1, float(2**31 - 1), EQUAL)]),
    Lines("bigint", "double", [(2**53 + 1, float(2**53), DIFFERENT), (2**53, float(2**53), EQUAL)]),
]
TOLERANCES = [
    Lines(
        "decimal(6,2)",
        "decimal(9,4)",
        [
            (Decimal("1.00"), Decimal("1.01"), EQUAL),
            (Decimal("1.00"), Decimal("1.0101"), DIFFERENT),
            (Decimal("1.01"), Decimal("1.00"), EQUAL),
            (Decimal("-1.00"), Decimal("1.00"), DIFFERENT),
        ],
        {"abs": "0.01"},
    ),
    Lines(
        "double",
        "double",
        [(1.00, 1.01, EQUAL), (1.00, 1.0100001, DIFFERENT), (0.29, 0.30, EQUAL), (1e300, 1e300, EQUAL)],
        {"abs": "0.01"},
    ),
    Lines(
        "decimal(9,4)",
        "decimal(9,4)",
        [
            (Decimal(100), Decimal(110), EQUAL),
            (Decimal(100), Decimal("110.0001"), DIFFERENT),
            (Decimal(110), Decimal(100), EQUAL),
            (Decimal(0), Decimal("0.0001"), DIFFERENT),
            (Decimal(0), Decimal(0), EQUAL),
        ],
        {"rel": "0.1"},
    ),
    Lines(
        "decimal(9,4)",
        "decimal(9,4)",
        [
            (Decimal(100), Decimal(111), EQUAL),
            (Decimal(110), Decimal(100), EQUAL),
            (Decimal(111), Decimal(100), DIFFERENT),
            (Decimal(100), Decimal("111.2"), DIFFERENT),
            (Decimal(1), Decimal(0), DIFFERENT),
        ],
        {"rel": "0.1", "of": "target"},
    ),
    Lines(
        "integer",
        "integer",
        [
            (100, 111, EQUAL),
            (111, 100, EQUAL),
            (100, 112, DIFFERENT),
            (0, 1, DIFFERENT),
            (0, 0, EQUAL),
            (-100, -111, EQUAL),
        ],
        {"rel": "0.1", "of": "larger"},
    ),
    Lines(
        "integer",
        "integer",
        [(0, 1, EQUAL), (0, 2, DIFFERENT), (100, 110, EQUAL), (100, 111, DIFFERENT)],
        {"abs": "1", "rel": "0.1"},
    ),
    Lines("bigint", "bigint", [(2**53, 2**53 + 1, EQUAL), (2**53, 2**53 + 2, DIFFERENT)], {"abs": "1"}),
    Lines(
        "decimal(9,4)",
        "decimal(6,2)",
        [
            (Decimal("1.2349"), Decimal("1.23"), EQUAL),
            (Decimal("1.2350"), Decimal("1.24"), EQUAL),
            (Decimal("1.2350"), Decimal("1.23"), DIFFERENT),
            (Decimal("-1.2350"), Decimal("-1.24"), EQUAL),
        ],
        {"scale": 2},
    ),
    Lines(
        "decimal(9,4)",
        "decimal(6,2)",
        [
            (Decimal("1.2399"), Decimal("1.23"), EQUAL),
            (Decimal("1.2399"), Decimal("1.24"), DIFFERENT),
            (Decimal("-1.2399"), Decimal("-1.23"), EQUAL),
        ],
        {"scale": 2, "rounding": "truncate"},
    ),
]
TEXTS = [
    Lines(
        "loose text",
        "loose text",
        [
            ("a", "a", EQUAL),
            *(
                (left, right, DIFFERENT)
                for left, right in [("a", "A"), ("é", "e"), ("a", "a "), ("a", "a\t"), (" a", "a"), ("ß", "ss")]
            ),
            ("e\u0301", "é", DIFFERENT),
            ("🙂", "🙂", EQUAL),
            ("a\nb", "a\r\nb", DIFFERENT),
            ("\\", "\\\\", DIFFERENT),
            ("", " ", DIFFERENT),
        ],
    ),
    Lines("varchar", "text", [("é🙂", "é🙂", EQUAL), ("a", "A", DIFFERENT), ("x ", "x", DIFFERENT)]),
    Lines(
        "char(5)",
        "text",
        [
            ("ab", "ab", EQUAL),
            ("ab", "ab   ", DIFFERENT),
            ("", "", EQUAL),
            ("ab", "AB", DIFFERENT),
            (" ab", "ab", DIFFERENT),
        ],
    ),
    Lines("char(5)", "char(5)", [("ab", "ab", EQUAL), ("é", "é", EQUAL), ("ab", "Ab", DIFFERENT)]),
    Lines("enum", "text", [("sad", "sad", EQUAL), ("sad", "Sad", DIFFERENT), ("a b", "a b", EQUAL)]),
    Lines("enum", "enum", [("sad", "sad", EQUAL), ("sad", "Sad", DIFFERENT), (None, "sad", DIFFERENT)]),
    Lines(
        "text",
        "text",
        [
            (" a\t\n", "a", EQUAL),
            ("a b", "ab", DIFFERENT),
            ("", " \t", EQUAL),
            ("\u00a0a", "a", EQUAL),
            ("A", "a", DIFFERENT),
        ],
        {"strip": True},
    ),
    Lines("text", "text", [("a \t", "a", EQUAL), (" a", "a", DIFFERENT)], {"rstrip": True}),
    Lines(
        "text",
        "text",
        [
            ("Straße", "STRASSE", EQUAL),
            ("É", "é", EQUAL),
            ("e", "é", DIFFERENT),
            ("a", "a ", DIFFERENT),
            ("I", "i", EQUAL),
        ],
        {"ignore_case": True},
    ),
    Lines("text", "text", [("e\u0301", "é", EQUAL), ("e", "é", DIFFERENT), ("ﬁ", "fi", DIFFERENT)], {"unicode": "NFC"}),
    Lines(
        "text",
        "text",
        [(" E\u0301 ", "é", EQUAL), ("b", "é", DIFFERENT)],
        {"strip": True, "ignore_case": True, "unicode": "NFC"},
    ),
]
TIMES = [
    Lines(
        "date",
        "timestamp",
        [
            (date(2024, 2, 29), moment("2024-02-29"), EQUAL),
            (date(2024, 2, 29), moment("2024-02-29 00:00:00.000001"), DIFFERENT),
            (date(1, 1, 1), moment("0001-01-01"), EQUAL),
        ],
    ),
    Lines(
        "date",
        "date",
        [
            (date(9999, 12, 31), date(9999, 12, 31), EQUAL),
            (date(2024, 2, 29), date(2024, 3, 1), DIFFERENT),
            (date(1, 1, 1), date(1, 1, 1), EQUAL),
        ],
    ),
    Lines(
        "timestamp",
        "timestamp",
        [
            (MICRO, MICRO, EQUAL),
            (MICRO, MILLI, DIFFERENT),
            (LAST, LAST, EQUAL),
            (FIRST, FIRST, EQUAL),
            (NOON, NOON, EQUAL),
        ],
    ),
    Lines("timestamp", "timestamp(3)", [(MICRO, MILLI, DIFFERENT), (MILLI, MILLI, EQUAL), (NOON, NOON, EQUAL)]),
    Lines("timestamp", "timestamp(0)", [(MICRO, NOON, DIFFERENT), (NOON, NOON, EQUAL)]),
    Lines(
        "timestamp",
        "timestamp(3)",
        [
            (MICRO, MILLI, EQUAL),
            (moment("2024-01-01 00:00:00.0005"), moment("2024-01-01 00:00:00.001"), EQUAL),
            (moment("2024-12-31 23:59:59.9995"), moment("2025-01-01"), EQUAL),
            (moment("2024-01-01 00:00:00.0015"), moment("2024-01-01 00:00:00.001"), DIFFERENT),
        ],
        {"precision": 3},
    ),
    Lines(
        "timestamp",
        "timestamp(3)",
        [
            (moment("2024-01-01 00:00:00.0019"), moment("2024-01-01 00:00:00.001"), EQUAL),
            (moment("1960-01-01 00:00:00.0019"), moment("1960-01-01 00:00:00.001"), EQUAL),
            (moment("2024-01-01 00:00:00.0019"), moment("2024-01-01 00:00:00.002"), DIFFERENT),
        ],
        {"precision": 3, "rounding": "truncate"},
    ),
    Lines(
        "timestamp",
        "timestamp(0)",
        [
            (moment("2024-01-01 00:00:00.5"), moment("2024-01-01 00:00:01"), EQUAL),
            (moment("2024-01-01 00:00:00.499999"), moment("2024-01-01"), EQUAL),
        ],
        {"precision": 0, "rounding": "half_up"},
    ),
    Lines(
        "instant",
        "instant",
        [
            (INSTANT, INSTANT.astimezone(timezone(timedelta(hours=-5))), EQUAL),
            (INSTANT, INSTANT + timedelta(microseconds=1), DIFFERENT),
        ],
    ),
    Lines("instant", "timestamp", [(INSTANT, NOON, EQUAL), (INSTANT, NOON + timedelta(hours=1), DIFFERENT)]),
    Lines(
        "date",
        "instant",
        [(date(2024, 2, 29), moment("2024-02-29 00:00:00+00:00"), EQUAL), (date(2024, 2, 29), INSTANT, DIFFERENT)],
    ),
    Lines(
        "pg timestamp",
        "pg timestamp",
        [("infinity", "infinity", EQUAL), ("infinity", "-infinity", DIFFERENT), ("infinity", LAST, DIFFERENT)],
    ),
]
OTHERS = [
    Lines("uuid", "uuid", [(ODD, ODD, EQUAL), (ODD, UUID(int=1), DIFFERENT)]),
    Lines(
        "uuid",
        "text",
        [
            (ODD, str(ODD), EQUAL),
            (ODD, str(ODD).upper(), EQUAL),
            (ODD, "no uuid", DIFFERENT),
            (ODD, "", DIFFERENT),
            (ODD, f"{ODD} ", DIFFERENT),
        ],
    ),
    Lines(
        "text",
        "text",
        [
            (str(ODD), str(ODD).upper(), EQUAL),
            (str(ODD), "no uuid", DIFFERENT),
            (str(ODD), str(UUID(int=1)), DIFFERENT),
        ],
        {"as": "uuid"},
    ),
    Lines("text", "text", [(str(ODD), str(ODD).upper(), DIFFERENT)]),
    Lines(
        "json",
        "json",
        [
            ('{"a": 1, "b": 2}', '{"b":2,"a":1}', EQUAL),
            ("[1,2]", "[2,1]", DIFFERENT),
            ('{"a": "é"}', '{"a":"\\u00e9"}', EQUAL),
            ('"1"', "1", DIFFERENT),
            ("true", "1", DIFFERENT),
            ("1.50", "1.5", EQUAL),
            ("{}", "[]", DIFFERENT),
            ('{"a":null}', "{}", DIFFERENT),
            ('{"a": 12345678901234567890}', '{"a": 12345678901234567891}', DIFFERENT),
        ],
    ),
    Lines(
        "json kept as text",
        "json",
        [('{"a": 1, "b": 2}', '{"b":2,"a":1}', EQUAL), ("[1]", "[2]", DIFFERENT), ("null", None, DIFFERENT)],
    ),
    Lines(
        "json kept as text",
        "json kept as text",
        [('{"a": 1, "b": 2}', '{"b":2,"a":1}', EQUAL), ("[1]", "[2]", DIFFERENT)],
        {"as": "json"},
    ),
    Lines("json", "jsonb", [('{"b": [1, 2],  "a": {}}', '{"a":{}, "b":[1,2]}', EQUAL), ("1.0", "1", EQUAL)]),
    Lines("json", "text", [('{"a": 1}', '{"a":1}', EQUAL), ('{"a": 1}', "{a: 1}", DIFFERENT)]),
    Lines("text", "text", [('{"a": 1}', '{"a":1}', EQUAL), ('{"a": 1}', "no json", DIFFERENT)], {"as": "json"}),
    Lines(
        "binary",
        "binary",
        [
            (b"\0a\xff", b"\0a\xff", EQUAL),
            (b"a", b"A", DIFFERENT),
            (b"a", b"a ", DIFFERENT),
            (b"a", b"a\0", DIFFERENT),
            (bytes(range(256)), bytes(range(256)), EQUAL),
        ],
    ),
    Lines("binary(3)", "binary", [(b"abc", b"abc", EQUAL), (b"ab\0", b"ab", DIFFERENT), (b"ab\0", b"ab\0", EQUAL)]),
    Lines("boolean", "boolean", [(True, True, EQUAL), (True, False, DIFFERENT)]),
    Lines("boolean", "integer", [(True, 1, EQUAL), (False, 0, EQUAL), (True, 0, DIFFERENT), (True, 2, DIFFERENT)]),
    Lines(
        "text",
        "boolean",
        [
            ("true", True, EQUAL),
            ("f", False, EQUAL),
            ("1", True, EQUAL),
            ("TRUE", True, EQUAL),
            ("perhaps", True, DIFFERENT),
            ("", False, DIFFERENT),
        ],
        {"as": "boolean"},
    ),
    Lines(
        "text",
        "decimal(9,4)",
        [
            ("1.5", Decimal("1.5"), EQUAL),
            ("-0", Decimal(0), EQUAL),
            ("1e2", Decimal(100), EQUAL),
            ("one", Decimal(1), DIFFERENT),
            ("", Decimal(0), DIFFERENT),
            ("1.50001", Decimal("1.5"), DIFFERENT),
        ],
        {"as": "number"},
    ),
    Lines(
        "text",
        "text",
        [("1.50", "1.5", EQUAL), ("01", "1", EQUAL), ("1", "2", DIFFERENT), ("x", "1", DIFFERENT)],
        {"as": "number"},
    ),
    Lines(
        "text", "integer", [("1.4", 1, EQUAL), ("2", 1, DIFFERENT), ("x", 1, DIFFERENT)], {"as": "number", "abs": "0.5"}
    ),
    Lines(
        "text",
        "timestamp",
        [
            ("2024-02-29T12:00:00", NOON, EQUAL),
            ("2024-02-29 12:00:00.000", NOON, EQUAL),
            ("2024-02-29 13:00:00+01:00", NOON, EQUAL),
            ("yesterday", NOON, DIFFERENT),
            ("2024-02-29", NOON, DIFFERENT),
        ],
        {"as": "timestamp"},
    ),
]
SQLITE = [
    Lines(
        "sqlite any",
        "decimal(9,4)",
        [
            ("1.50", Decimal("1.5"), EQUAL),
            ("1.51", Decimal("1.5"), DIFFERENT),
            ("x", Decimal(1), DIFFERENT),
            (None, Decimal(0), DIFFERENT),
        ],
    ),
    Lines("sqlite any", "integer", [("1", 1, EQUAL), ("2", 1, DIFFERENT), ("", 0, DIFFERENT)]),
    Lines(
        "sqlite any",
        "instant",
        [
            ("2024-02-29 12:00:00+00:00", INSTANT, EQUAL),
            ("2024-02-29T07:00:00-05:00", INSTANT, EQUAL),
            ("2024-02-29 12:00:00", INSTANT, EQUAL),
            ("2024-02-29 07:00:00", INSTANT, DIFFERENT),
        ],
    ),
    Lines("sqlite any", "text", [("a", "a", EQUAL), ("a", "A", DIFFERENT), ("1", "1", EQUAL), ("1.0", "1", DIFFERENT)]),
    Lines("sqlite any", "sqlite any", [("a", "a", EQUAL), ("a", "A", DIFFERENT), ("1", "1.0", DIFFERENT)]),
    Lines("sqlite any", "uuid", [(str(ODD).upper(), ODD, EQUAL), ("x", ODD, DIFFERENT)]),
    Lines("sqlite any", "true boolean", [("true", True, EQUAL), ("0", False, EQUAL), ("x", True, DIFFERENT)]),
]
MATRIX = [*NULLS, *NUMBERS, *TOLERANCES, *TEXTS, *TIMES, *OTHERS, *SQLITE]
MIRRORED = {"source": "target", "target": "source"}


def both_ways(lines: Lines) -> Iterator[Lines]:
    """A line holds from target to source as well: in the same column, unless its types or its rule have sides."""
    turned = [(right, left, equal) for left, right, equal in lines.lines]
    of_one_side = "rel" in lines.rule and lines.rule.get("of") != "larger"
    if lines.source == lines.target and not of_one_side:
        yield replace(lines, lines=[*lines.lines, *(line for line in turned if line not in lines.lines)])
        return
    yield lines
    of = {"of": MIRRORED.get(lines.rule["of"], lines.rule["of"])} if "of" in lines.rule else {}
    of = {"of": "target"} if "rel" in lines.rule and not of else of
    yield Lines(lines.target, lines.source, turned, {**lines.rule, **of})


ALL_LINES = [turned for lines in MATRIX for turned in both_ways(lines)]


@pytest.mark.parametrize("lines", ALL_LINES, ids=str)
def test_second_opinion(lines: Lines) -> None:
    """Plain Python agrees with every line."""
    left, right = (next(iter(TYPES[name].values())) for name in (lines.source, lines.target))
    column = oracle.Column("v", left, right, kept(lines.rule))
    for source, target, equal in lines.lines:
        meant = column.meaning(source, "source"), column.meaning(target, "target")
        assert column.equal(*meant) is equal, (source, target, meant)


@dataclass(frozen=True)
class Sheet:
    """All lines that two databases can have, in one table: a column for each type and rule, a row for each line."""

    columns: Sequence[tuple[Lines, oracle.Column]]

    def tables(self) -> tuple[Table, Table]:
        """Every row is NULL but for the column that it is about."""
        left = {"id": "integer", **{of.name: of.source.name for _, of in self.columns}}
        right = {"id": "integer", **{of.name: of.target.name for _, of in self.columns}}
        return Table("t", left, list(self._rows(0))), Table("t", right, list(self._rows(1)))

    def rules(self) -> dict[str, Given]:
        """Of the columns that have one."""
        return {of.name: lines.rule for lines, of in self.columns if lines.rule}

    def lines(self) -> Iterator[tuple[str, Lines, Line]]:
        """In the order of their rows, with the column's name."""
        for lines, of in self.columns:
            yield from ((of.name, lines, line) for line in lines.lines)

    def expected(self) -> list[str]:
        """The lines whose values differ."""
        return [self._told(lines, line) for _, lines, line in self.lines() if line[2] is DIFFERENT]

    def found(self, comparison: Comparison) -> list[str]:
        """The lines that a comparison found to differ."""
        rows = list(self.lines())
        named = [(each.key[0], *each.differing) for each in comparison.mismatched]
        return [self._told(*rows[int(str(at))][1:]) for at, *columns in named if columns == [rows[int(str(at))][0]]]

    def _rows(self, side: int) -> Iterator[tuple[Value, ...]]:
        places = {of.name: at for at, (_, of) in enumerate(self.columns)}
        for number, (name, _, line) in enumerate(self.lines()):
            cells: list[Value] = [None] * len(places)
            cells[places[name]] = line[side]
            yield (number, *cells)

    @staticmethod
    def _told(lines: Lines, line: Line) -> str:
        return f"{lines}: {line[0]!r} and {line[1]!r}"


def sheet(source: Name, target: Name, chosen: Sequence[Lines] = tuple(ALL_LINES)) -> Sheet:
    columns = [(lines, lines.column(f"v{at}", source, target)) for at, lines in enumerate(chosen)]
    return Sheet([(lines, column) for lines, column in columns if column])


@pytest.mark.parametrize(("source", "target"), [*combinations_with_replacement(SOURCES, 2)])
def test_every_line_on_every_pair_of_databases(
    both: Both, source: Name, target: Name, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly the lines that say so differ, each in the one column that it is about, whichever way they are read.

    Each pair once: every line is there both ways, so that the same databases the other way round would tell the same.
    """
    sides, lines = both(source, target), sheet(source, target)
    fill(sides, lines)

    for path in PATHS:
        take(path, monkeypatch)
        found = recon_assets.compare(sides.source.url, "t", sides.target.url, "t", key=["id"], rules=lines.rules())

        assert lines.found(found) == lines.expected(), path
        assert found.counts.missing == found.counts.extra == 0, path


def fill(sides: Sides, lines: Sheet) -> None:
    for side, table in zip((sides.source, sides.target), lines.tables(), strict=True):
        if side.name == "postgresql":
            side.run("CREATE TYPE mood AS ENUM ('sad', 'Sad', 'a b')")
        build(side, table)
