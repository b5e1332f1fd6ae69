"""Logical types, from the names that databases give theirs."""

import pytest

from recon_assets.dialect.types import parse, widens
from recon_assets.model import Kind, Type

NAMES = {
    ("postgresql", "bigint"): Type(Kind.INTEGER, "", low=-(2**63), high=2**63 - 1),
    ("postgresql", "numeric"): Type(Kind.DECIMAL, ""),
    ("postgresql", "numeric(5)"): Type(Kind.DECIMAL, "", precision=5, scale=0),
    ("postgresql", "numeric(10,2)"): Type(Kind.DECIMAL, "", precision=10, scale=2),
    ("postgresql", "numeric(2,-3)"): Type(Kind.DECIMAL, "", precision=2, scale=-3),
    ("postgresql", "character varying(7)"): Type(Kind.TEXT, "", length=7),
    ("postgresql", "character varying"): Type(Kind.TEXT, ""),
    ("postgresql", "character(3)"): Type(Kind.CHAR, "", length=3),
    ("postgresql", "timestamp(3) with time zone"): Type(Kind.INSTANT, "", precision=3),
    ("postgresql", "timestamp without time zone"): Type(Kind.TIMESTAMP, "", precision=6),
    ("postgresql", "time(0) without time zone"): Type(Kind.TIME, "", precision=0),
    ("postgresql", "integer[]"): Type(Kind.NATIVE, ""),
    ("postgresql", "interval"): Type(Kind.NATIVE, ""),
    ("postgresql", "public.citext"): Type(Kind.TEXT, ""),
    ("postgresql", "money"): Type(Kind.UNSUPPORTED, ""),
    ("mysql", "bigint(20) unsigned"): Type(Kind.INTEGER, "", low=0, high=2**64 - 1),
    ("mysql", "int(10) unsigned zerofill"): Type(Kind.INTEGER, "", low=0, high=2**32 - 1),
    ("mysql", "decimal(65,30)"): Type(Kind.DECIMAL, "", precision=65, scale=30),
    ("mysql", "decimal"): Type(Kind.DECIMAL, "", precision=10, scale=0),
    ("mysql", "float"): Type(Kind.FLOAT, "", precision=24),
    ("mysql", "float(7,3)"): Type(Kind.FLOAT, "", precision=24, scale=3),
    ("mysql", "double unsigned"): Type(Kind.FLOAT, "", precision=53),
    ("mysql", "datetime"): Type(Kind.TIMESTAMP, "", precision=0),
    ("mysql", "timestamp(6)"): Type(Kind.INSTANT, "", precision=6),
    ("mysql", "enum('a','it''s','(b)')"): Type(Kind.ENUM, "", labels=("a", "it's", "(b)")),
    ("mysql", "set('a','b')"): Type(Kind.UNSUPPORTED, ""),
    ("mysql", "bit(1)"): Type(Kind.BOOLEAN, ""),
    ("mysql", "bit(8)"): Type(Kind.UNSUPPORTED, ""),
    ("mysql", "binary(16)"): Type(Kind.BINARY, "", length=16),
    ("duckdb", "UHUGEINT"): Type(Kind.INTEGER, "", low=0, high=2**128 - 1),
    ("duckdb", "DECIMAL(38,2)"): Type(Kind.DECIMAL, "", precision=38, scale=2),
    ("duckdb", "TIMESTAMP_MS"): Type(Kind.TIMESTAMP, "", precision=3),
    ("duckdb", "TIMESTAMP_NS"): Type(Kind.UNSUPPORTED, ""),
    ("duckdb", "STRUCT(a INTEGER)"): Type(Kind.UNSUPPORTED, ""),
    ("sqlite", "DATETIME"): Type(Kind.TIMESTAMP, "", precision=6),
    ("sqlite", "TEXT"): Type(Kind.ANY, ""),
    ("sqlite", "whatever"): Type(Kind.ANY, ""),
    ("sqlite", ""): Type(Kind.ANY, ""),
}


@pytest.mark.parametrize(("dialect", "name"), NAMES, ids=" ".join)
def test_name_means_type(dialect: str, name: str) -> None:
    """With its limits, and the name kept for messages."""
    found, wanted = parse(name, dialect), NAMES[dialect, name]
    assert found.name == name
    assert repr(found).replace(repr(name), "''") == repr(wanted).replace(repr(name), "''")


WIDENS = [
    ("integer", "bigint", True),
    ("bigint", "integer", False),
    ("numeric(10,2)", "numeric", True),
    ("numeric", "numeric(10,2)", False),
    ("numeric(10,2)", "numeric(12,2)", True),
    ("numeric(10,2)", "numeric(11,3)", True),
    ("numeric(10,2)", "numeric(10,3)", False),
    ("numeric(10,2)", "numeric(12,1)", False),
    ("numeric(2,-3)", "numeric(5)", True),
    ("numeric(2,-3)", "numeric(4)", False),
    ("character varying(5)", "text", True),
    ("text", "character varying(5)", False),
    ("character(5)", "character(5)", True),
    ("character(5)", "character(6)", False),
    ("character(5)", "text", False),
    ("real", "real", True),
    ("real", "double precision", False),
    ("timestamp(3) without time zone", "timestamp without time zone", True),
    ("timestamp without time zone", "timestamp(3) without time zone", False),
    ("timestamp without time zone", "timestamp with time zone", False),
    ("json", "jsonb", True),
    ("integer", "numeric", True),
    ("integer", "numeric(10)", True),
    ("bigint", "numeric(18)", False),
    ("bigint", "numeric(21,2)", True),
    ("integer", "numeric(12,-1)", False),
    ("numeric(5)", "integer", False),
    ("boolean", "boolean", True),
]


@pytest.mark.parametrize(("source", "target", "fits"), WIDENS)
def test_copied_unseen_only_where_all_values_fit(source: str, target: str, *, fits: bool) -> None:
    """PostgreSQL would round, cut or pad the others without a word."""
    assert widens(parse(source, "postgresql"), parse(target, "postgresql")) is fits


@pytest.mark.parametrize(("labels", "fits"), [(("a",), True), (("a", "b"), True), (("a", "c"), False)])
def test_labels_of_an_enum(labels: tuple[str, ...], *, fits: bool) -> None:
    """The target must have them all."""
    source, target = parse("mood", "postgresql", labels), parse("mood", "postgresql", ("a", "b"))
    assert widens(source, target) is fits
