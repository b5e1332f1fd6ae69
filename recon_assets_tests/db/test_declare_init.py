"""`recon init` reads real databases, and `recon validate` accepts what it writes."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from recon_assets.declare import read, survey
from recon_assets.declare.connect import connected
from recon_assets.declare.draft import Found, Start, Suggestion
from recon_assets.declare.survey import Place, first_declaration
from recon_assets.dialect import engine
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Database, Kind, Type
from recon_assets.reading import TableSchema
from recon_assets_tests.conftest import Dialect, Fresh

TODAY = date(2026, 11, 21)
CUSTOMERS = (
    "CREATE TABLE customers (id integer NOT NULL PRIMARY KEY, name varchar(40) NOT NULL, updated_at timestamp NULL)"
)
ORDERS = """CREATE TABLE orders (
    id integer NOT NULL, customer_id integer NOT NULL, due_date date NOT NULL, created_at {moment} NOT NULL,
    amount numeric(10,2), {extra}, PRIMARY KEY (id), FOREIGN KEY (customer_id) REFERENCES customers (id))"""
SOURCE = [
    CUSTOMERS,
    ORDERS.format(moment="timestamp", extra="legacy integer"),
    "CREATE TABLE audit (line varchar(10))",
    "CREATE TABLE loose (line varchar(10))",
    "INSERT INTO customers (id, name) VALUES (1, 'Ada')",
    "INSERT INTO orders (id, customer_id, due_date, created_at) VALUES (7, 1, '2024-05-01', '2024-02-29 13:00:00')",
    "INSERT INTO orders (id, customer_id, due_date, created_at) VALUES (8, 1, '2024-05-01', '2024-03-29 13:00:00')",
]
TARGET = [
    CUSTOMERS,
    ORDERS.format(moment="timestamp", extra="loaded_at timestamp NULL"),
    "CREATE TABLE loose (line varchar(10))",
    "CREATE TABLE spare (line varchar(10))",
]

WRITTEN = """\
# A first version, written by `recon init`: read it, mend it, keep it.
databases:
  source: {{url: {{env: RECON_SOURCE_URL}}}}
  target: {{url: {{env: RECON_TARGET_URL}}}}

tables:
  customers:
    source: {{database: source, table: {s}customers}}
    target: {{database: target, table: {t}customers}}
    key: [id]  # primary key of the target
    window: none
    updated_at: updated_at
    checks:
      - count
      - keys
      - fields

  # Not declared, because no key is unique on either side: choose one, and remove the marks.
  # loose:
  #   source: {{database: source, table: {s}loose}}
  #   target: {{database: target, table: {t}loose}}
  #   key: []
  #   window: none
  #   checks:
  #     - count
  #     - keys
  #     - fields

  orders:
{remark}    source: {{database: source, table: {s}orders}}
    target: {{database: target, table: {t}orders}}
    key: [id]  # primary key of the target
    window: {{column: created_at, start: 2024-02-29}}
    columns:
      ignore:
        - legacy  # only in the source
        - loaded_at  # only in the target
    checks:
      - count
      - keys
      - fields
      - {{kind: references, column: customer_id, parent: customers}}

# Only in the source: {s}audit
# Only in the target: {t}spare
"""

SLOW = "    # no index of the source begins with created_at: each day reads the whole table\n"

Made = Callable[[Dialect, list[str]], str]


@pytest.fixture
def made(fresh: Fresh) -> Made:
    """Makes a database of a dialect and runs statements in it."""

    def make(dialect: Dialect, statements: list[str]) -> str:
        url = fresh(dialect)
        admin = sa.create_engine(url)
        with admin.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        admin.dispose()
        return url

    return make


def drafted(source: str, target: str, schema: str | None = None) -> str:
    return first_declaration(
        Place("source", source, "RECON_SOURCE_URL", schema), Place("target", target, "RECON_TARGET_URL", schema), TODAY
    )


PAIRS: list[tuple[Dialect, Dialect]] = [
    ("postgresql", "postgresql"),
    ("mysql", "postgresql"),
    ("sqlite", "postgresql"),
    ("duckdb", "postgresql"),
    ("postgresql", "mysql"),
]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_first_declaration_is_written_and_accepted(
    made: Made, tmp_path: Path, source: Dialect, target: Dialect
) -> None:
    """Names, keys, window, ignored columns and checks come from the databases, and hold against them."""
    urls = {"RECON_SOURCE_URL": made(source, SOURCE), "RECON_TARGET_URL": made(target, TARGET)}

    text = drafted(urls["RECON_SOURCE_URL"], urls["RECON_TARGET_URL"])

    schemas = {"postgresql": "public.", "mysql": "", "sqlite": "", "duckdb": ""}
    remark = "" if source == "duckdb" else SLOW
    assert text == WRITTEN.format(s=schemas[source], t=schemas[target], remark=remark)
    path = tmp_path / "tables.yaml"
    path.write_text(text)
    declaration = read(path, urls)
    assert not declaration.problems
    assert not [str(problem) for problem in connected(declaration).errors]


def test_odd_names_come_back(made: Made, tmp_path: Path) -> None:
    """Names that YAML or SQL would take for something else are quoted; assets get names of their own."""
    statements = [
        'CREATE SCHEMA "my.shop"',
        'CREATE TABLE "my.shop"."Order Lines" ("no" integer, "a ""b" date, PRIMARY KEY ("no", "a ""b"))',
        'CREATE TABLE "my.shop"."2" (id integer PRIMARY KEY)',
        'CREATE TABLE "2" (id integer PRIMARY KEY)',
    ]
    urls = {"RECON_SOURCE_URL": made("postgresql", statements), "RECON_TARGET_URL": made("postgresql", statements)}
    path = tmp_path / "tables.yaml"
    path.write_text(drafted(*urls.values()))

    declaration = connected(read(path, urls))

    assert not declaration.errors, path.read_text()
    tables = declaration.project.tables
    assert sorted(tables) == ["Order_Lines", "my_shop_2", "public_2"]
    assert tables["Order_Lines"].key == ("no", 'a "b')
    assert tables["Order_Lines"].source.table == '"my.shop"."Order Lines"'


def test_schemas_may_differ(made: Made) -> None:
    """A table that each side has once is matched by its name alone."""
    source = made("postgresql", ["CREATE TABLE t (id integer PRIMARY KEY)"])
    target = made("postgresql", ["CREATE SCHEMA raw", "CREATE TABLE raw.t (id integer PRIMARY KEY)"])

    assert "table: raw.t}" in drafted(source, target)
    with pytest.raises(DeclarationError, match="No table has the same name on both sides: source has"):
        drafted(source, target, "public")


@pytest.mark.parametrize(
    ("value", "start", "remark"),
    [
        (None, TODAY, "the source has no rows yet"),
        ("-infinity", TODAY, "none that Python knows"),
        ("0044-03-15 BC", TODAY, "none that Python knows"),
        ("99999-01-01", TODAY, "none that Python knows"),
        ("0001-01-01", date(1, 1, 1), None),
    ],
)
def test_first_day_that_python_lacks(made: Made, value: str | None, start: date, remark: str | None) -> None:
    """Empty tables and moments outside Python's years get a day to be mended, and say so."""
    table = "CREATE TABLE t (id integer PRIMARY KEY, created_at timestamptz NOT NULL)"
    rows = [f"INSERT INTO t VALUES (1, '{value}')"] if value else []

    text = drafted(made("postgresql", [table, *rows]), made("postgresql", [table]))

    assert f"start: {start.isoformat()}}}" in text
    assert (remark or "start") in text


def test_columns_that_cannot_be_loaded_are_ignored_with_the_reason(made: Made) -> None:
    """Arrays and kinds that do not meet are left out, and the file says why."""
    source = made("postgresql", ["CREATE TABLE t (id integer PRIMARY KEY, tags text[], blob bytea)"])
    target = made(
        "postgresql", ["CREATE TABLE t (id integer PRIMARY KEY, tags integer[], blob date, must text NOT NULL)"]
    )

    text = drafted(source, target)

    assert "- tags  # text[] has no exact form in other databases; cast it to load it" in text
    assert "- blob  # bytea cannot become date" in text
    assert "# must of the target is NOT NULL without a default: give it one before loading" in text


def test_renamed_columns_are_guessed_where_the_target_needs_one(made: Made) -> None:
    """A column that must be filled takes the one that is named like it; two that could be are left to a person."""
    source = made("postgresql", ["CREATE TABLE t (id integer PRIMARY KEY, dest text, when_a date, when_b date)"])
    target = made(
        "postgresql", ["CREATE TABLE t (id integer PRIMARY KEY, destination text NOT NULL, when_ab date NOT NULL)"]
    )

    text = drafted(source, target)

    assert "      rename:\n        dest: destination  # guessed\n      ignore:\n        - when_a  # only" in text
    assert "# when_ab of the target is NOT NULL" in text


def test_unique_columns_stand_in_for_a_primary_key(made: Made) -> None:
    """Unique columns are a key when they are never NULL."""
    source = made("postgresql", ["CREATE TABLE t (code text, nick text UNIQUE)"])
    target = made("postgresql", ["CREATE TABLE t (code text NOT NULL UNIQUE, nick text UNIQUE)"])

    assert "key: [code]  # unique in the target" in drafted(source, target)


def test_source_that_takes_too_long_gets_a_day_to_be_mended(made: Made) -> None:
    """The first day is asked for with patience, not with all the time in the world."""
    url = made("postgresql", ["CREATE TABLE t (id integer PRIMARY KEY, day date NOT NULL)"])
    day = Column("day", Type(Kind.DATE, "date"))
    table = Found("public", "t", "public.t", TableSchema((day,)))
    impatient = engine(Database("source", url, timedelta(seconds=1)), role="source")
    other = sa.create_engine(url)
    with other.begin() as connection:
        connection.exec_driver_sql("LOCK t IN ACCESS EXCLUSIVE MODE")
        start = survey._start(impatient, Suggestion("t", table, table, window=day), TODAY)
    other.dispose()
    impatient.dispose()

    assert start == Start(TODAY, "the source did not tell its first day in 30 s: write it here")


@pytest.mark.parametrize("text", ["2024-02-30", "soon", "", "0044-03-15 BC"])
def test_text_that_is_no_day(text: str) -> None:
    """SQLite holds whatever was written into it."""
    assert survey._first_day(text) is None
