"""Tables to compare: the types of every database by meaning, quick filling, and results read back as meanings."""

import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal, localcontext
from itertools import islice
from typing import Any

import pytest

from recon_assets.diff import window_comparison
from recon_assets.model import Comparison, Discrepancy, Kind, Rule, Type
from recon_assets_tests import oracle
from recon_assets_tests.db.sides import PLACES, SOURCES, Name, Side

Hold = Callable[[Any], Any]
Given = Mapping[str, Any]
"""A rule as callers write it."""

BATCH = 200
PATHS: Mapping[str, tuple[int, int]] = {"row by row": (50_000, 100), "in buckets": (0, 1)}
"""How the program goes about a window that differs: up to how many rows at once, and else in buckets of how many."""


def take(path: str, patch: pytest.MonkeyPatch) -> None:
    """Makes small tables take the path of large ones, or the other way round."""
    for name, value in zip(("MAX_ROWS_READ_WHOLE", "ROWS_PER_PART"), PATHS[path], strict=True):
        patch.setattr(window_comparison, name, value)


class MisfitError(Exception):
    """A type cannot hold a value."""


@dataclass(frozen=True)
class Stored:
    """A type of one database: how it is declared, what it means, and what it makes of a value."""

    sql: str
    of: Type
    hold: Hold

    @property
    def sorts_alike(self) -> bool:
        """Whether databases and Python agree on which values are the same, and can index them."""
        return self.of.kind in {Kind.INTEGER, Kind.DECIMAL, Kind.BOOLEAN, Kind.UUID, *oracle.DATETIMES}

    def holds(self, value: Any) -> bool:
        """Whether the value fits."""
        try:
            self.held(value)
        except MisfitError:
            return False
        return True

    def held(self, value: Any) -> Any:
        """The value as the column keeps it.

        Raises:
            MisfitError: When it does not fit.
        """
        return None if value is None else self.hold(value)


def fitting(condition: object, value: Any) -> Any:
    if not condition:
        raise MisfitError
    return value


def whole(low: int, high: int) -> Hold:
    def hold(value: Any) -> int:
        fitting(isinstance(value, int | float | Decimal) and math.isfinite(value) and value == int(value), value)
        return int(fitting(low <= value <= high, value))

    return hold


def digits(precision: int, scale: int) -> Hold:
    def hold(value: Any) -> Decimal:
        fitting(isinstance(value, int | Decimal) and math.isfinite(value), value)
        with localcontext(prec=200):
            scaled = Decimal(value).scaleb(scale)
            fitting(scaled == int(scaled) and abs(scaled) < 10**precision, value)
            return Decimal(int(scaled)).scaleb(-scale)

    return hold


def double(*, finite: bool) -> Hold:
    def hold(value: Any) -> float:
        number = float(fitting(isinstance(value, int | float | Decimal), value))
        return float(fitting(math.isfinite(number) or not finite, number))

    return hold


def real(*, finite: bool) -> Hold:
    def hold(value: Any) -> float:
        number = oracle.single(double(finite=finite)(value))
        return float(fitting(math.isfinite(number) or not finite, number))

    return hold


def text(length: int | None = None, *, padded: bool = False) -> Hold:
    def hold(value: Any) -> str:
        fitting(isinstance(value, str) and (length is None or len(value) <= length), value)
        return str(fitting(not (padded and value.endswith(" ")), value))

    return hold


def label(*labels: str) -> Hold:
    return lambda value: fitting(value in labels, value)


def instance(kind: type) -> Hold:
    return lambda value: fitting(isinstance(value, kind), value)


def day(value: Any) -> date:
    moment: date = fitting(isinstance(value, date), value)
    if not isinstance(moment, datetime):
        return moment
    fitting(moment.time() == time(), value)
    return moment.date()


def naive(precision: int = 6) -> Hold:
    def hold(value: Any) -> datetime:
        fitting(isinstance(value, date), value)
        moment: datetime = value if isinstance(value, datetime) else datetime.combine(value, time())
        fitting(moment.microsecond % 10 ** (6 - precision) == 0, moment)
        return moment

    return hold


def aware(precision: int = 6, years: tuple[int, int] = (1, 9999)) -> Hold:
    def hold(value: Any) -> datetime:
        moment: datetime = naive(precision)(value)
        return moment.replace(tzinfo=fitting(years[0] <= moment.year <= years[1], UTC))

    return hold


def either_case(value: Any) -> str:
    """Text that holds a UUID, in upper case when it is an odd one."""
    written = str(fitting(isinstance(value, uuid.UUID), value))
    return written.upper() if value.int % 2 else written


def flag(value: Any) -> bool:
    return bool(fitting(value in {0, 1}, value))


def typed(sql: str, kind: Kind, hold: Hold, **more: Any) -> Stored:
    return Stored(sql, Type(kind, sql, **more), hold)


INTEGER = typed("integer", Kind.INTEGER, whole(-(2**31), 2**31 - 1))
BIGINT = typed("bigint", Kind.INTEGER, whole(-(2**63), 2**63 - 1))
NARROW = typed("numeric(9,2)", Kind.DECIMAL, digits(9, 2))
WIDE = typed("numeric(38,10)", Kind.DECIMAL, digits(38, 10))
TEXT = typed("text", Kind.TEXT, text())
CHAR = typed("char(6)", Kind.CHAR, text(6, padded=True))
VARCHAR = typed("varchar(9)", Kind.TEXT, text(9))
ANYTHING = typed("text", Kind.ANY, text())
DATE = typed("date", Kind.DATE, day)
BOOLEAN = typed("boolean", Kind.BOOLEAN, flag)
BIT = typed("smallint", Kind.INTEGER, lambda value: int(flag(value)))
LABELS = ("", "a", "A", "é", "a b")


@dataclass(frozen=True)
class Family:
    """Values that mean something to each other, the types that hold them, and the rules that they may have."""

    values: Sequence[Any]
    types: Mapping[Name, Sequence[Stored]]
    rules: Sequence[Given] = ({},)
    keyed: bool = True


NUMBERS = (
    *(None, 0, 1, -1, 2, 10, 11, 2**31 - 1, 2**53, 2**53 + 1, 2**63 - 1, 2**64 - 1, -(2**63)),
    *(
        Decimal(text)
        for text in ("0.01", "-0.01", "1.5", "1.49", "-1.5", "0.1", "1234567890123456789012345678.0123456789")
    ),
)
FLOATS = (None, 0.0, -0.0, 1.0, 1.5, 0.1, 0.1 + 0.2, 0.3, 1e22, 1e300, 5e-324, -1e-7, math.nan, math.inf, -math.inf)
TEXTS = (
    None,
    "",
    " ",
    "a",
    "A",
    "a ",
    " a",
    "\ta",
    "é",
    "e\u0301",
    "É",
    "NULL",
    "\\N",
    "~",
    ";",
    ":",
    "1:a",
    "!",
    "! ",
    "🙂",
)
DATETIMES = (
    *(None, date(2024, 1, 1), date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)),
    *(datetime(2024, 1, 2, 3, 4, 5, us) for us in (0, 500_000, 499_999, 123_456, 123_000, 999_999)),  # noqa: DTZ001
)
UUIDS = (None, *(uuid.UUID(int=number) for number in (0, 1, 2**128 - 1, 0xABCDEF, 0xABCDEE)))
JSONS = (
    *(None, "null", "{}", "[]", '""', '"null"', "1", "true", '"1"', "[1, 2]", "[2,1]", '{"a": 1, "b": [2]}'),
    *('{"b":[2],"a":1}', '{"a": {"b": "\\u00e9"}}', '{"a":{"b":"é"}}', '{"a": 1.50}', '{"a": 1.5}'),
)
BYTES = (None, b"", b"\0", b"\0\0", b"a", b"A", b"a ", b"\\x00", b"\xff\xfe")

FAMILIES: Mapping[str, Family] = {
    "number": Family(
        NUMBERS,
        {
            "postgresql": (INTEGER, BIGINT, NARROW, WIDE, typed("numeric", Kind.DECIMAL, digits(60, 20))),
            "mysql": (
                INTEGER,
                BIGINT,
                NARROW,
                WIDE,
                typed("bigint unsigned", Kind.INTEGER, whole(0, 2**64 - 1)),
                typed("tinyint unsigned", Kind.INTEGER, whole(0, 255)),
            ),
            "duckdb": (
                INTEGER,
                NARROW,
                WIDE,
                typed("ubigint", Kind.INTEGER, whole(0, 2**64 - 1)),
                typed("hugeint", Kind.INTEGER, whole(-(2**100), 2**100)),
            ),
            "sqlite": (INTEGER, BIGINT),
        },
        (
            *({}, {}, {"abs": "0.01"}, {"abs": "1"}, {"rel": "0.5"}, {"rel": "0.1", "of": "target"}),
            *({"rel": "0.1", "of": "larger"}, {"scale": 1}, {"scale": 0, "rounding": "truncate"}, {"scale": 0}),
        ),
    ),
    "float": Family(
        FLOATS,
        {
            "postgresql": (
                typed("double precision", Kind.FLOAT, double(finite=False), precision=53),
                typed("real", Kind.FLOAT, real(finite=False), precision=24),
            ),
            "mysql": (
                typed("double", Kind.FLOAT, double(finite=True), precision=53),
                typed("float", Kind.FLOAT, real(finite=True), precision=24),
            ),
            "duckdb": (
                typed("double", Kind.FLOAT, double(finite=False), precision=53),
                typed("real", Kind.FLOAT, real(finite=False), precision=24),
            ),
            "sqlite": (typed("double", Kind.FLOAT, double(finite=True), precision=53),),
        },
        ({}, {}, {"abs": "0.01"}, {"rel": "0.1"}, {"scale": 1}, {"as": "float32"}),
    ),
    "text": Family(
        TEXTS,
        {
            "postgresql": (TEXT, CHAR, VARCHAR, typed('text COLLATE "C"', Kind.TEXT, text())),
            "mysql": (
                TEXT,
                CHAR,
                VARCHAR,
                typed("text COLLATE utf8mb4_general_ci", Kind.TEXT, text()),
                typed("enum('','a','A','é','a b')", Kind.ENUM, label(*LABELS)),
            ),
            "duckdb": (TEXT, typed("enum('','a','A','é','a b')", Kind.ENUM, label(*LABELS))),
            "sqlite": (ANYTHING, typed("text COLLATE nocase", Kind.ANY, text())),
        },
        (
            *({}, {}, {"strip": True}, {"rstrip": True}, {"ignore_case": True}, {"unicode": "NFC"}),
            {"strip": True, "ignore_case": True, "unicode": "NFC"},
        ),
    ),
    "moment": Family(
        DATETIMES,
        {
            "postgresql": (
                DATE,
                typed("timestamp", Kind.TIMESTAMP, naive()),
                typed("timestamptz", Kind.INSTANT, aware()),
                typed("timestamp(3)", Kind.TIMESTAMP, naive(3), precision=3),
            ),
            "mysql": (
                DATE,
                typed("datetime", Kind.TIMESTAMP, naive(0), precision=0),
                typed("datetime(6)", Kind.TIMESTAMP, naive()),
                typed("timestamp(6) null", Kind.INSTANT, aware(years=(1971, 2037))),
            ),
            "duckdb": (
                DATE,
                typed("timestamp", Kind.TIMESTAMP, naive()),
                typed("timestamptz", Kind.INSTANT, aware()),
                typed("timestamp_s", Kind.TIMESTAMP, naive(0), precision=0),
            ),
            "sqlite": (DATE, typed("timestamp", Kind.TIMESTAMP, naive())),
        },
        ({}, {}, {"precision": 0}, {"precision": 3, "rounding": "truncate"}, {"precision": 1, "rounding": "half_up"}),
    ),
    "boolean": Family(
        (None, True, False),
        dict.fromkeys(SOURCES, (BOOLEAN, BIT)),
    ),
    "uuid": Family(
        UUIDS,
        {
            "postgresql": (typed("uuid", Kind.UUID, instance(uuid.UUID)),),
            "mysql": (
                typed("uuid", Kind.UUID, instance(uuid.UUID)),
                typed("char(36)", Kind.CHAR, either_case),
            ),
            "duckdb": (typed("uuid", Kind.UUID, instance(uuid.UUID)), typed("text", Kind.TEXT, either_case)),
            "sqlite": (typed("text", Kind.ANY, either_case),),
        },
        ({"as": "uuid"},),
    ),
    "json": Family(
        JSONS,
        {
            "postgresql": (typed("json", Kind.JSON, text()), typed("jsonb", Kind.JSON, text())),
            "mysql": (typed("json", Kind.JSON, text()),),
            "duckdb": (typed("json", Kind.JSON, text()),),
            "sqlite": (typed("json", Kind.JSON, text()),),
        },
        ({"as": "json"},),
        keyed=False,
    ),
    "binary": Family(
        BYTES,
        {
            "postgresql": (typed("bytea", Kind.BINARY, instance(bytes)),),
            "mysql": (
                typed("blob", Kind.BINARY, instance(bytes)),
                typed("varbinary(9)", Kind.BINARY, instance(bytes)),
            ),
            "duckdb": (typed("blob", Kind.BINARY, instance(bytes)),),
            "sqlite": (typed("blob", Kind.BINARY, instance(bytes)),),
        },
    ),
}


def kept(given: Given) -> Rule:
    """A rule as the nouns have it."""
    decimals = {name: Decimal(given[name]) for name in ("abs", "rel") if name in given}
    return Rule(**{("read_as" if name == "as" else name): value for name, value in {**given, **decimals}.items()})


@dataclass(frozen=True)
class Drawn:
    """One column of both sides; MySQL needs a length to index text, so no column is ever indexed."""

    name: str
    source: Stored
    target: Stored
    values: Sequence[Any] = ()
    given: Given = field(default_factory=dict)
    renamed: str | None = None

    def sorts_alike(self, side: oracle.Side) -> bool:
        """Whether it can be in a primary key of that side."""
        return (self.source if side == "source" else self.target).sorts_alike

    @property
    def seen(self) -> oracle.Column:
        """As the second opinion sees it."""
        return oracle.Column(self.name, self.source.of, self.target.of, kept(self.given))


@dataclass(frozen=True)
class Table:
    """One side of a table: its columns as declared, and its rows as the columns keep them."""

    name: str
    columns: Mapping[str, str]
    rows: Sequence[Sequence[Any]] = ()
    primary_key: Sequence[str] = ()


def build(side: Side, *tables: Table) -> None:
    """Makes tables, instead of those of the same names, and fills them by few statements."""
    with side.connect() as connection:
        cursor = connection.cursor()
        for table in tables:
            columns = [f"{name} {declared}" for name, declared in table.columns.items()]
            columns += [f"PRIMARY KEY ({', '.join(table.primary_key)})"] if table.primary_key else []
            cursor.execute(f"DROP TABLE IF EXISTS {table.name}")
            cursor.execute(f"CREATE TABLE {table.name} ({', '.join(columns)})")
            _fill(side, cursor, table)
        connection.commit()


def _fill(side: Side, cursor: Any, table: Table) -> None:
    rows = iter(table.rows)
    while batch := list(islice(rows, BATCH)):
        row = f"({', '.join([PLACES[side.name]] * len(table.columns))})"
        values = [side._bound(_in_utc(value)) for row in batch for value in row]
        cursor.execute(f"INSERT INTO {table.name} VALUES {', '.join([row] * len(batch))}", values)


def _in_utc(value: Any) -> Any:
    """MySQL's driver forgets the offset; its sessions are in UTC."""
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def said(value: Any, of: Type) -> Any:
    """The value that a result shows as canonical text."""
    if not isinstance(value, str):
        return value
    if of.kind is Kind.FLOAT:
        return oracle.single(float(value)) if of.precision == 24 else float(value)
    return {Kind.BINARY: bytes.fromhex}.get(of.kind, str)(value)


def verdict(columns: Sequence[oracle.Column], found: Comparison) -> oracle.Verdict:
    """A comparison in the words of the second opinion."""
    return oracle.Verdict(
        found.counts,
        tuple(_meant(columns, each, "source") for each in found.missing),
        tuple(_meant(columns, each, "target") for each in found.extra),
        tuple(
            (_meant(columns, each, "source"), _meant(columns, each, "target"), frozenset(each.differing))
            for each in found.mismatched
        ),
        found.duplicate_keys,
    )


def _meant(columns: Sequence[oracle.Column], record: Discrepancy, side: oracle.Side) -> oracle.Meanings:
    shown = (record.source if side == "source" else record.target) or {}
    return tuple(
        column.meaning(said(shown[column.name], column.source if side == "source" else column.target), side)
        for column in columns
    )


def unordered(verdict: oracle.Verdict, tell: int | None = None) -> tuple[Any, ...]:
    """A verdict whatever the order of its evidence; of missing and extra rows, that many columns are looked at."""
    left = (oracle.tally(row[:tell] for row in rows) for rows in (verdict.missing, verdict.extra))
    return verdict.counts, verdict.duplicate_keys, *left, oracle.tally(verdict.mismatched)
