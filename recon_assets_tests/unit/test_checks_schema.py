# ruff: noqa: E501 - a sentence is one line, as people see it
"""The schema check: every drift between two schemas is named, and what is ignored, renamed or allowed is none."""

from dataclasses import replace
from typing import Any

import pytest

from recon_assets.checks import Schema
from recon_assets.checks.same_schema import Difference
from recon_assets.dialect.types import parse
from recon_assets.model import Column, Evidence, Finding, NotGatheredError, SidePair, TableSchemas
from recon_assets.reading import TableSchema


def column(name: str, of: str = "integer", *, nullable: bool = False, dialect: str = "postgresql") -> Column:
    return Column(name, parse(of, dialect), nullable)


ID, NAME, AT, LOADED = (
    column("id"),
    column("name", "text", nullable=True),
    column("at", "date"),
    column("loaded", "date"),
)
PLAIN = TableSchema((ID, NAME, AT), ("id",), (("id",), ("name",)), indexes=(("id",), ("name",), ("at", "id")))


def judged(source: TableSchema, target: TableSchema, check: Schema = Schema()) -> Finding:  # noqa: B008 - it is frozen
    return check.judge(Evidence("t", "all", {TableSchemas(): SidePair(source, target)}))


def drifts(source: TableSchema, target: TableSchema, check: Schema = Schema()) -> list[Difference]:  # noqa: B008
    details = judged(source, target, check).details
    rows: list[Any] = list(details.rows) if details else []
    return rows


def test_equal_shapes_pass() -> None:
    """The sentence says how many columns were looked at."""
    finding = judged(PLAIN, PLAIN)

    assert finding.passed
    assert finding.summary == "t: 0 differences between the 3 columns of the source and the 3 of the target"
    assert (finding.wrong, finding.of, finding.details) == (0, 3, None)


DRIFTS: list[Any] = [
    pytest.param(replace(PLAIN, columns=(ID, AT)), [("missing", "name", "text", "")], id="missing"),
    pytest.param(replace(PLAIN, columns=(ID, NAME, AT, LOADED)), [("extra", "loaded", "", "date")], id="extra"),
    pytest.param(replace(PLAIN, columns=(column("id", "bigint"), NAME, AT)), [("retyped", "id", "integer", "bigint")], id="retyped"),
    pytest.param(
        replace(PLAIN, columns=(ID, column("name", "character varying(9)", nullable=True), AT)),
        [("retyped", "name", "text", "character varying(9)")],
        id="shortened",
    ),
    pytest.param(
        replace(PLAIN, columns=(ID, column("name", "text"), AT)), [("renullabled", "name", "NULL", "NOT NULL")], id="renullabled"
    ),
    pytest.param(replace(PLAIN, columns=(AT, ID, NAME)), [("reordered", "at", "place 3", "place 1")], id="reordered"),
    pytest.param(replace(PLAIN, primary_key=()), [("rekeyed", "primary key", "id", "none")], id="primary key lost"),
    pytest.param(
        replace(PLAIN, primary_key=("id", "at"), unique=(("id", "at"), ("name",))),
        [("rekeyed", "primary key", "id", "at, id")],
        id="other primary key",
    ),
    pytest.param(replace(PLAIN, unique=(("id",),)), [("rekeyed", "name", "unique", "not unique")], id="no longer unique"),
    pytest.param(replace(PLAIN, unique=(*PLAIN.unique, ("at",))), [("rekeyed", "at", "not unique", "unique")], id="newly unique"),
    pytest.param(
        replace(PLAIN, indexes=(("id",), ("name",), ("id", "at"))),
        [("reindexed", "at, id", "indexed", "not indexed"), ("reindexed", "id, at", "not indexed", "indexed")],
        id="index of another order",
    ),
    pytest.param(
        replace(PLAIN, columns=(column("id", "bigint"), AT), unique=(("id",),), indexes=(("id",),)),
        [("missing", "name", "text", ""), ("retyped", "id", "integer", "bigint"), ("rekeyed", "name", "unique", "not unique"),
         ("reindexed", "at, id", "indexed", "not indexed")],
        id="several",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("target", "expected"), DRIFTS)
def test_drift_is_named(target: TableSchema, expected: list[Any]) -> None:
    """Each difference with its column and what each side has; nothing else."""
    finding = judged(PLAIN, target)

    assert drifts(PLAIN, target) == expected
    assert not finding.passed
    assert (finding.wrong, finding.source, finding.target) == (len(expected), 3, len(target.columns))
    assert str(Difference(*expected[0])) in finding.summary


@pytest.mark.parametrize(("target", "expected"), DRIFTS)
def test_drift_that_is_allowed_is_none(target: TableSchema, expected: list[Any]) -> None:
    """A kind of drift may be declared no fault; the others stay faults."""
    kinds = tuple({drift for drift, *_ in expected})

    assert judged(PLAIN, target, Schema(allow=kinds)).passed
    assert not judged(PLAIN, target, Schema(allow=tuple({"missing", "extra"} - set(kinds)))).passed  # type: ignore[arg-type]


def test_ignored_and_renamed_columns_are_no_drift() -> None:
    """Names are the source's; keys and indexes follow the new names, and vanish with what is ignored."""
    source = replace(PLAIN, columns=(ID, NAME, AT, column("legacy")), unique=(("id",), ("name",), ("legacy",)))
    target = TableSchema(
        (ID, column("title", "text", nullable=True), AT, LOADED),
        ("id",),
        (("id",), ("title",)),
        indexes=(("at", "id"), ("loaded",)),
    )

    assert drifts(source, target, Schema(("legacy", "loaded"), {"name": "title"})) == []
    assert {item[0] for item in drifts(source, target)} == {"missing", "extra", "rekeyed", "reindexed"}


def test_of_a_query_only_columns_are_known() -> None:
    """Queries have names, types and an order; their values may always be NULL, and they have no keys."""
    query = TableSchema(tuple(replace(item, nullable=True) for item in PLAIN.columns))

    assert drifts(query, PLAIN, Schema(query=True)) == []
    assert drifts(replace(query, columns=query.columns[1:]), PLAIN, Schema(query=True)) == [
        ("extra", "id", "", "integer")
    ]


TYPES = [
    ("integer", "postgresql", "int(11)", "mysql", True),
    ("integer", "postgresql", "int(10) unsigned", "mysql", False),
    ("boolean", "postgresql", "tinyint(1)", "mysql", True),
    ("boolean", "postgresql", "tinyint(4)", "mysql", False),
    ("text", "postgresql", "longtext", "mysql", True),
    ("character varying(9)", "postgresql", "varchar(9)", "mysql", True),
    ("character varying(9)", "postgresql", "char(9)", "mysql", False),
    ("numeric(9,2)", "postgresql", "decimal(9,2)", "mysql", True),
    ("numeric(9,2)", "postgresql", "decimal(9,3)", "mysql", False),
    ("timestamp(3) without time zone", "postgresql", "datetime(3)", "mysql", True),
    ("timestamp without time zone", "postgresql", "datetime", "mysql", False),
    ("timestamp with time zone", "postgresql", "timestamp without time zone", "postgresql", False),
    ("real", "postgresql", "double precision", "postgresql", False),
    ("whatever", "sqlite", "integer", "postgresql", True),
    ("INTEGER", "sqlite", "integer", "postgresql", True),
    ("integer[]", "postgresql", "integer[]", "postgresql", True),
    ("integer[]", "postgresql", "text[]", "postgresql", False),
]


@pytest.mark.parametrize(("source", "dialect", "target", "other", "same"), TYPES)
def test_types_that_hold_the_same_values_are_the_same(
    source: str,
    dialect: str,
    target: str,
    other: str,
    same: bool,  # noqa: FBT001
) -> None:
    """Types are told apart by what they hold, whatever their databases call them."""
    left, right = (TableSchema((Column("a", parse(name, of)),)) for name, of in ((source, dialect), (target, other)))

    assert judged(left, right).passed is same


def test_many_differences_are_counted_in_the_sentence() -> None:
    """The sentence stays a sentence; the table has them all."""
    wide = TableSchema(tuple(column(f"c{n}") for n in range(8)))
    finding = judged(wide, TableSchema(wide.columns[:1]))

    assert finding.summary.endswith("missing c1, missing c2, missing c3, missing c4, missing c5, 2 more")
    assert finding.details
    assert len(finding.details.rows) == finding.wrong == 7


def test_a_source_without_columns_is_no_evidence() -> None:
    """Nothing has the same schema as nothing, and proves nothing."""
    with pytest.raises(NotGatheredError, match="no columns"):
        judged(TableSchema(()), TableSchema(()))
