"""`recon init` reads real databases, and `recon validate` accepts what it writes."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from recon_assets.declare import introspection, read
from recon_assets.declare.connect import connected
from recon_assets.declare.introspection import Place, first_declaration
from recon_assets.declare.scaffold import Found, Suggestion
from recon_assets.declare.scaffold_text import Span
from recon_assets.dialect import engine
from recon_assets.errors import DeclarationError
from recon_assets.model import Calendar, Column, Database, Kind, Type
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

  # Not declared, because no key is unique on either side: choose one, and remove the marks. Without a key:
  #   recon diff env:RECON_SOURCE_URL '{s}loose' env:RECON_TARGET_URL '{t}loose' --no-key
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
    window: {{column: created_at, start: 2024-02-29, end: 2024-03-30}}  # {CEASED}
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

CEASED = "no newer rows: remove the end if some will come"
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
    assert text == WRITTEN.format(s=schemas[source], t=schemas[target], remark=remark, CEASED=CEASED)
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
    ("values", "days", "remark"),
    [
        ([], "start: 2026-11-21}", "the source has no rows yet"),
        (["-infinity"], "start: 2026-11-21}", "none that Python knows"),
        (["0044-03-15 BC"], "start: 2026-11-21}", "none that Python knows"),
        (["99999-01-01"], "start: 2026-11-21}", "none that Python knows"),
        (["0001-01-01", "2026-11-20"], "start: 0001-01-01}", "739,940 days: write a later start"),
        (["0001-01-01"], "start: 0001-01-01, end: 0001-01-02}", CEASED),
        (["2026-11-01", "2026-11-20"], "start: 2026-11-01}", ""),
        (["2026-11-01", "2031-11-01"], "start: 2026-11-01}", "the newest row is of 2031-11-01, which is compared when"),
    ],
)
def test_days_are_those_of_the_data(made: Made, values: list[str], days: str, remark: str) -> None:
    """Empty tables and moments outside Python's years get a day to be mended, and say so."""
    table = "CREATE TABLE t (created_at timestamptz NOT NULL, id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY)"
    rows = [f"INSERT INTO t VALUES ('{value}')" for value in values]

    text = drafted(made("postgresql", [table, *rows]), made("postgresql", [table]))

    assert f"{days}{'  # ' if remark else ''}{remark}" in text.replace("the first day of the source is ", "")


INVOICE_LINES = """CREATE TABLE dbo."Invoice Lines" (
    "CustomerId" uuid REFERENCES dbo."Customer", "No" text, "userId" int, "USER_ID" int, "PaidAt" timestamp,
    PRIMARY KEY ("CustomerId", "No"))"""
MIXED_CASE = [
    "CREATE SCHEMA dbo",
    'CREATE TABLE dbo."Customer" ("CustomerId" uuid PRIMARY KEY, "FullName" text, "updatedAt" timestamp)',
    INVOICE_LINES,
    'CREATE TABLE dbo."Event" (id int, "At" date, "Raw" bytea, PRIMARY KEY (id, "At")) PARTITION BY RANGE ("At")',
    "CREATE TABLE dbo.event_1 PARTITION OF dbo.\"Event\" FOR VALUES FROM ('2024-01-01') TO ('2024-02-01')",
    'CREATE VIEW dbo."Report" AS SELECT 1 AS id',
    "CREATE VIEW dbo.loose_view AS SELECT 1 AS id",
    'CREATE TABLE dbo."Log" (id int PRIMARY KEY)',
    "CREATE TABLE dbo.log (id int PRIMARY KEY)",
    "CREATE TABLE dbo.plan (x int PRIMARY KEY)",
    "INSERT INTO dbo.\"Customer\" VALUES (repeat('0', 32)::uuid, 'Ada', NULL)",
    "INSERT INTO dbo.\"Invoice Lines\" VALUES (repeat('0', 32)::uuid, 'a', 1, 1, NULL)",
    "INSERT INTO dbo.\"Invoice Lines\" VALUES (repeat('0', 32)::uuid, 'b', 1, 1, '2024-01-05')",
]
SNAKE_CASE = [
    "CREATE SCHEMA raw",
    "CREATE TABLE raw.customers (customer_id uuid PRIMARY KEY, full_name text, updated_at timestamp)",
    """CREATE TABLE raw.invoice_lines (
        customer_id uuid, no text, userid int, paid_at timestamp, PRIMARY KEY (customer_id, no))""",
    "CREATE TABLE raw.event (id int, at date NOT NULL, raw date, PRIMARY KEY (id, at))",
    "CREATE TABLE raw.report (id int PRIMARY KEY)",
    'CREATE TABLE raw."LOG" (id int PRIMARY KEY)',
    "CREATE TABLE raw.plans (y int PRIMARY KEY)",
]


def test_other_conventions_meet(made: Made, tmp_path: Path) -> None:
    """Schemas, tables and columns; partitions are their parent's, rows without a day are loaded, choices asked for."""
    urls = {"RECON_SOURCE_URL": made("postgresql", MIXED_CASE), "RECON_TARGET_URL": made("postgresql", SNAKE_CASE)}
    path = tmp_path / "tables.yaml"
    path.write_text(drafted(*urls.values()))

    declaration = connected(read(path, urls))

    tables, text = declaration.project.tables, path.read_text()
    assert not declaration.errors, text
    assert {spec.source.table: spec.target.table for spec in tables.values()} == {
        "dbo.Customer": "raw.customers",
        'dbo."Invoice Lines"': "raw.invoice_lines",
        "dbo.Event": "raw.event",
        "dbo.Report": "raw.report",
    }
    assert "# see that dbo.Customer and raw.customers are one: their names are singular and plural" in text
    lines = tables["Invoice_Lines"]
    assert (lines.key, lines.calendar) == (("CustomerId", "No"), None)
    assert lines.rename == {"CustomerId": "customer_id", "No": "no", "PaidAt": "paid_at"}
    assert "start: 2024-01-05, end: 2024-01-06} 1 row without PaidAt would not be loaded" in text
    assert "# which are one? userId, USER_ID of the source, userid of the target: say by columns.rename" in text
    assert (tables["Event"].rename, tables["Event"].ignore) == ({"At": "at"}, ("Raw", "raw"))
    assert "{kind: references, column: CustomerId, parent: Customer}" in text
    assert tables["Customer"].updated_at == "updatedAt"
    assert "# Which are one? dbo.Log or dbo.log of the source, raw.LOG of the target: declare them by hand." in text
    assert "# Only in the target: raw.LOG, raw.plans\n# Views of the source: dbo.loose_view." in text


LARGE = (
    "id bigint NOT NULL PRIMARY KEY, small bigint, price decimal(12,3), code varchar(9), u varchar(40), a int, b int,"
    " d timestamp NULL, r decimal(9,4), f double precision, s timestamp(6) NULL"
)
SMALL = (
    "id integer PRIMARY KEY, small smallint, price numeric(5,2), code varchar(3), u uuid, a boolean, b boolean,"
    " d date, r real, f numeric(4,2), s timestamp(1)"
)
GOOD = (
    "(1, 32767, 999.990, 'äöü', '00000000-0000-0000-0000-000000000001', 0, 1, '2024-01-01', 1234.5, 99.99,"
    " '2024-01-01 12:00:00.1')"
)


@pytest.mark.parametrize("source", ["postgresql", "mysql", "sqlite", "duckdb"])
def test_types_are_no_worry_where_the_data_fits(made: Made, tmp_path: Path, source: Dialect) -> None:
    """What types alone leave open, the rows decide; what does not fit is one line a cause, with its rows."""
    columns, path = LARGE, tmp_path / "tables.yaml"
    if source == "sqlite":  # its texts have no type to be feared
        columns = (
            columns.replace("varchar(9)", "text").replace("varchar(40)", "text").replace("s timestamp(6)", "s text")
        )
    table = f"CREATE TABLE t ({columns})"
    bad = (
        "(3000000000, 32768, 0.005, 'abcd', 'x', 2, 2, '2024-01-01 10:00', 12345.678, 0.001, '2024-01-01 12:00:00.12')",
        "(4, -32769, -1000, 'abc', NULL, NULL, 3, NULL, NULL, NULL, NULL)",
    )

    def warnings(*rows: str) -> list[str]:
        statements = [table, *(f"INSERT INTO t VALUES {row}" for row in rows)]
        urls = {
            "RECON_SOURCE_URL": made(source, statements),
            "RECON_TARGET_URL": made("postgresql", [f"CREATE TABLE t ({SMALL})"]),
        }
        path.write_text(drafted(*urls.values()))
        found = connected(read(path, urls)).problems
        return [item.message.partition(": ")[0] for item in found if item.path[:1] == ("tables",)]

    texts, fractions = (["`code` (1 row)", "`u` (1 row)"], ["`s` (1 row)"]) if source != "sqlite" else ([], [])
    times = ["`d` (1 row)"] if source in {"sqlite", "mysql"} else []  # else init has cast them to dates
    assert len(warnings()) == 7 + len(texts) + len(fractions)
    assert warnings(GOOD) == []
    assert warnings(GOOD, *bad) == [
        "`id` (1 row)",
        "`small` (2 rows)",
        "`price` (2 rows)",
        *texts,
        "`a` (1 row), `b` (2 rows)",
        *times,
        "`r` (1 row)",
        "`f` (1 row)",
        *fractions,
    ]


@pytest.mark.parametrize("source", ["postgresql", "mysql", "sqlite", "duckdb"])
def test_bounds_that_the_source_has_no_integer_for_are_no_bounds(made: Made, tmp_path: Path, source: Dialect) -> None:
    """MySQL's BIGINT UNSIGNED ends beyond every other database's integers."""
    table = ["CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, n decimal(20,0))"]
    rows = ["INSERT INTO t VALUES (9223372036854775807, 18446744073709549568)", "INSERT INTO t VALUES (-1, -1)"]
    target = "CREATE TABLE t (id bigint unsigned NOT NULL PRIMARY KEY, n bigint unsigned)"
    urls = {"RECON_SOURCE_URL": made(source, table + rows), "RECON_TARGET_URL": made("mysql", [target])}
    path = tmp_path / "tables.yaml"
    path.write_text(drafted(*urls.values()))

    found = [item.message for item in connected(read(path, urls)).problems if item.path[:1] == ("tables",)]

    assert [message.partition(":")[0] for message in found] == ["`id` (1 row)", "`n` (1 row)"]


def test_uuids_without_room_for_hyphens_have_a_way_out(made: Made, tmp_path: Path) -> None:
    """As Django has them in MySQL: they are compared, and a load of them is refused."""
    source = ["CREATE TABLE t (id uuid PRIMARY KEY)", "INSERT INTO t VALUES (repeat('0', 32)::uuid)"]
    urls = {
        "RECON_SOURCE_URL": made("postgresql", source),
        "RECON_TARGET_URL": made("mysql", ["CREATE TABLE t (id char(32) PRIMARY KEY)"]),
    }
    path = tmp_path / "tables.yaml"
    path.write_text(drafted(*urls.values()))

    found = [item for item in connected(read(path, urls)).problems if item.path[0] == "tables"]

    assert [(item.message.partition(":")[0], item.hint.partition(";")[0]) for item in found] == [
        ("`id` (1 row)", "Both are compared as UUIDs")
    ]


def test_dates_of_zeros_are_said_before_a_load_refuses_them(made: Made, tmp_path: Path) -> None:
    """MySQL may hold them, and no other database; JSON and labels that are none are seen in the rows, too."""
    of = "id integer NOT NULL PRIMARY KEY, birthday date, seen {moment}, note {note}, status {label}, flags {flags}"
    rows = [
        "SET sql_mode = ''",
        "CREATE TABLE t ({})".format(
            of.format(moment="datetime(6)", note="text", label="varchar(9)", flags="set('a')")
        ),
        "INSERT INTO t VALUES (1, '0000-00-00', '2024-01-01', '{}', 'new', 'a')",
        "INSERT INTO t VALUES (2, '2024-00-01', NULL, 'x', 'old', '')",
    ]
    target = [
        "CREATE TYPE label AS ENUM ('new')",
        f"CREATE TABLE t ({of.format(moment='timestamp', note='jsonb', label='label', flags='text')})",
    ]
    urls = {"RECON_SOURCE_URL": made("mysql", rows), "RECON_TARGET_URL": made("postgresql", target)}
    path = tmp_path / "tables.yaml"
    path.write_text(drafted(*urls.values()))

    found = [item.message for item in connected(read(path, urls)).problems if item.path[:1] == ("tables",)]

    assert "cast:\n        flags: char  # set('a')\n" in path.read_text()
    named = [message.partition(":")[0] for message in found]
    assert named == ["`birthday` (2 rows)", "`note` (1 row)", "`status` (1 row)"]
    assert "dates with zeros, such as 0000-00-00" in found[0]


def test_only_tables_that_are_asked_for(made: Made) -> None:
    """By patterns, with the schema or without it; one that names no table is refused."""
    statements = [f"CREATE TABLE {name} (id integer PRIMARY KEY)" for name in ("orders", "order_items", "customers")]
    url = made("postgresql", statements)
    places = Place("source", url, "A"), Place("target", url, "B")

    text = first_declaration(*places, TODAY, tables=("public.order*", "cust*s"))

    assert re.findall(r"^  (\w+):$", text, re.MULTILINE) == ["customers", "order_items", "orders"]
    assert re.findall(r"^  (\w+):$", first_declaration(*places, TODAY, tables=["orders"]), re.MULTILINE) == ["orders"]
    with pytest.raises(DeclarationError, match=r"--tables order: the source has no such table; did you mean 'orders'"):
        first_declaration(*places, TODAY, tables=["order"])


def test_columns_that_cannot_be_loaded_are_ignored_with_the_reason(made: Made) -> None:
    """Arrays and kinds that do not meet are left out, and the file says why."""
    source = made(
        "postgresql", ["CREATE TABLE t (id integer PRIMARY KEY, tags text[], blob bytea, names text[], ip inet)"]
    )
    target = made(
        "postgresql",
        ["CREATE TABLE t (id integer PRIMARY KEY, tags integer[], blob date, must text NOT NULL, names text, ip text)"],
    )

    text = drafted(source, target)

    assert "- tags  # text[] has no exact form in other databases; cast it to load it" in text
    assert "- blob  # bytea cannot become date" in text
    assert "      cast:\n        names: text  # text[]\n" in text
    assert "- ip  # inet has no exact form" in text, "its cast would add the mask"
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
        span = introspection._span(impatient, Suggestion("t", table, table, window=day), TODAY)
    other.dispose()
    impatient.dispose()

    assert span == Span(TODAY, remark="the source did not tell its first day in 30 s: write it here")


LAYERS = [
    ("orders", "id int, user_id int, placed date"),
    ("order_items", "order_id int, line_no int, sku text"),
    ("rates", '"Day" date, "From" text, "To" text, rate numeric'),
    ("log", "at timestamp, who text"),
    ("one", "id int"),
    ("twice", "id int"),
    ("unknown", "id int"),
]
ROWS = [
    "INSERT INTO raw.orders SELECT i, 1, date '2024-01-01' + i FROM generate_series(1, 9) i",
    "INSERT INTO raw.order_items SELECT i, j, 's' FROM generate_series(1, 3) i, generate_series(1, 2) j",
    "INSERT INTO raw.rates SELECT '2024-01-01', f, t, 1 FROM unnest(array['A', 'B']) f, unnest(array['C', 'D']) t",
    "INSERT INTO raw.log SELECT timestamp '2024-01-01' + i * interval '1 hour', 'x' FROM generate_series(1, 9) i",
    "INSERT INTO raw.one VALUES (1)",
    "INSERT INTO raw.twice VALUES (1), (1)",
    "INSERT INTO raw.unknown VALUES (1), (NULL)",
]


def test_keys_that_only_the_data_has(made: Made, tmp_path: Path) -> None:
    """Where nothing is declared unique, as between layers of a warehouse, whose tables have prefixes besides."""
    source = ["CREATE SCHEMA raw", *(f"CREATE TABLE raw.{name} ({columns})" for name, columns in LAYERS), *ROWS]
    target = ["CREATE SCHEMA stg", *(f"CREATE TABLE stg.stg_shop__{name} ({columns})" for name, columns in LAYERS)]
    urls = {"RECON_SOURCE_URL": made("postgresql", source), "RECON_TARGET_URL": made("postgresql", target)}
    path = tmp_path / "tables.yaml"
    path.write_text(drafted(*urls.values()))

    declaration = connected(read(path, urls))

    keys = {name: spec.key for name, spec in declaration.project.tables.items()}
    assert keys == {"orders": ("id",), "order_items": ("order_id", "line_no"), "rates": ("From", "To")}
    text = path.read_text()
    assert "key: [id]  # of the data: no row is without it, no two share it; nothing keeps it so" in text
    assert "# see that raw.log and stg.stg_shop__log are one: their names are alike but for a prefix" in text
    assert not declaration.errors
    assert next(item.message for item in declaration.problems if item.path[-1] == "key") == (
        "nothing keeps (order_id, line_no) unique in the source and the target;"
        " `order_id`, `line_no` may be NULL in the source and the target"
    )


@pytest.mark.parametrize("text", ["2024-02-30", "soon", "", "0044-03-15 BC", "9999-12-31 23:00:00-05"])
def test_text_that_is_no_day(text: str) -> None:
    """SQLite holds whatever was written into it."""
    assert introspection._day(text, ZoneInfo("Europe/Berlin")) is None


MOMENTS = "CREATE TABLE {} (id integer PRIMARY KEY, created_at {} NOT NULL)"


def test_days_are_those_of_the_zone(made: Made, tmp_path: Path) -> None:
    """An instant has another day in another zone; times without a zone, and days, are of the zone."""
    tables = ("of_instants", "timestamptz"), ("of_times", "timestamp"), ("of_days", "date")
    rows = [f"INSERT INTO {name} VALUES (1, '2024-01-31 23:30:00+00'), (2, '2024-02-10')" for name, _ in tables]
    source = made("postgresql", [*(MOMENTS.format(*table) for table in tables), *rows])
    urls = {"RECON_SOURCE_URL": source, "RECON_TARGET_URL": made("postgresql", [MOMENTS.format(*t) for t in tables])}
    places = Place("source", source, "RECON_SOURCE_URL"), Place("target", urls["RECON_TARGET_URL"], "RECON_TARGET_URL")
    path = tmp_path / "tables.yaml"
    path.write_text(first_declaration(*places, TODAY, timezone="Europe/Berlin"))

    declaration = connected(read(path, urls))

    assert not declaration.errors
    days = {name: spec.calendar for name, spec in declaration.project.tables.items()}
    zones = ("Europe/Berlin", "Europe/Berlin")
    assert days == {
        "of_days": Calendar("created_at", date(2024, 1, 31), date(2024, 2, 11), *zones),
        "of_instants": Calendar("created_at", date(2024, 2, 1), date(2024, 2, 11), "Europe/Berlin"),
        "of_times": Calendar("created_at", date(2024, 1, 31), date(2024, 2, 11), *zones),
    }


@pytest.mark.parametrize("source", ["postgresql", "mysql"])
def test_days_that_the_target_keeps_of_moments(made: Made, tmp_path: Path, source: Dialect) -> None:
    """The cast is written where a row has a time of day, so that loads are not refused; files are said to take none."""
    table = "CREATE TABLE t (id integer PRIMARY KEY, made {0} NOT NULL, hired {0} NULL)"
    moment = {"postgresql": "timestamp", "mysql": "datetime"}[source]
    rows = "INSERT INTO t VALUES (1, '2024-01-31 10:00:00', '2024-01-01'), (2, '2024-02-01', NULL)"
    urls = {
        "RECON_SOURCE_URL": made(source, [table.format(moment), rows]),
        "RECON_TARGET_URL": made("postgresql", [table.format("date")]),
    }
    path = tmp_path / "tables.yaml"
    path.write_text(drafted(*urls.values()))

    assert f"      cast:\n        made: date  # {moment}" in path.read_text()
    assert "hired" not in path.read_text()
    assert not [item for item in connected(read(path, urls)).problems if item.path[0] == "tables"]
