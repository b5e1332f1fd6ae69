"""The schema check on what real databases say of a table: alike across databases, and each drift is named."""

from typing import Any

import pytest

from recon_assets import reading
from recon_assets.checks import Schema
from recon_assets.dialect import engine
from recon_assets.model import Database, Evidence, Finding, Relation, SidePair as Pair, TableSchemas
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Side, Sides

TABLE = (
    "CREATE TABLE {name} (id integer NOT NULL, day date NOT NULL, price decimal(9,2), code varchar(9) NOT NULL,"
    " PRIMARY KEY (id), UNIQUE (code))"
)
ALIKE: list[tuple[Name, Name]] = [
    ("postgresql", "postgresql"),
    ("postgresql", "mysql"),
    ("mysql", "postgresql"),
    ("sqlite", "postgresql"),
]


def judged(sides: Sides, check: Schema) -> Finding:
    found = [_described(side) for side in (sides.source, sides.target)]
    return check.judge(Evidence("t", "all", {TableSchemas(): Pair(*found)}))


def _described(side: Side) -> reading.TableSchema:
    made = engine(Database(side.name, side.url), role="source")
    try:
        return reading.describe(made, Relation(side.name, "t"))
    finally:
        made.dispose()


@pytest.mark.parametrize(("source", "target"), ALIKE)
def test_tables_made_alike_have_one_shape(both: Both, source: Name, target: Name) -> None:
    """Whatever each database calls the types."""
    sides = both(source, target)
    for side in (sides.source, sides.target):
        side.run(TABLE.format(name="t"))

    finding = judged(sides, Schema())
    assert finding.passed, finding.summary


DRIFTS: list[Any] = [
    pytest.param("ALTER TABLE t DROP COLUMN price", {("missing", "price")}, id="missing"),
    pytest.param("ALTER TABLE t ADD COLUMN extra integer", {("extra", "extra")}, id="extra"),
    pytest.param("ALTER TABLE t ALTER COLUMN price TYPE decimal(9,3)", {("retyped", "price")}, id="retyped"),
    pytest.param("ALTER TABLE t ALTER COLUMN day DROP NOT NULL", {("renullabled", "day")}, id="renullabled"),
    pytest.param("ALTER TABLE t DROP CONSTRAINT t_code_key", {("rekeyed", "code")}, id="unique lost"),
    pytest.param("ALTER TABLE t DROP CONSTRAINT t_pkey", {("rekeyed", "primary key")}, id="primary key lost"),
    pytest.param("CREATE INDEX ON t (day, id)", {("reindexed", "day, id")}, id="index"),
    pytest.param("ALTER TABLE t RENAME day TO date", {("missing", "day"), ("extra", "date")}, id="renamed"),
]


@pytest.mark.parametrize("source", ["postgresql", "mysql"])
@pytest.mark.parametrize(("statement", "drifts"), DRIFTS)
def test_drift_of_the_target_is_named(both: Both, source: Name, statement: str, drifts: set[tuple[str, str]]) -> None:
    """Exactly the drift that was planted."""
    sides = both(source, "postgresql")
    for side in (sides.source, sides.target):
        side.run(TABLE.format(name="t"))
    sides.target.run(statement)

    finding = judged(sides, Schema())
    assert finding.details
    assert {row[:2] for row in finding.details.rows} == drifts
    assert not finding.passed
