"""What the reader sees: shapes of relations, rows by day, and what is wrong with a declaration."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from recon_assets import dialect, reading, writing
from recon_assets.dialect import table_catalog
from recon_assets.errors import DeclarationError
from recon_assets.model import Calendar, Database, Kind, Relation, TableSpec
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Side, Sides, quoted, spec
from recon_assets_tests.db.test_cli_diff import SLEEPING, until

NEW_YORK = "America/New_York"
STAMPS: dict[str, dict[Name, str]] = {
    "instant": {"postgresql": "timestamptz", "mysql": "timestamp null", "duckdb": "timestamptz", "sqlite": "text"},
    "naive": {"postgresql": "timestamp", "mysql": "datetime", "duckdb": "timestamp", "sqlite": "timestamp"},
    "date": dict.fromkeys(SOURCES, "date"),
}
COUNTED = [
    pytest.param(side, stamp, zone, stored, id=f"{side}-{stamp}-{zone}-{stored}")
    for side in SOURCES
    for stamp, zone, stored in (
        ("instant", NEW_YORK, "UTC"),
        ("instant", "Asia/Kathmandu", "UTC"),
        ("naive", NEW_YORK, "UTC"),
        ("naive", "UTC", NEW_YORK),
        ("naive", NEW_YORK, NEW_YORK),
        ("naive", "America/Puerto_Rico", "America/St_Johns"),
        ("date", NEW_YORK, "UTC"),
    )
]
# The days on which New York changes its clocks, and their neighbours, by the half hour; and one beyond each end.
DAYS_OF_CHANGE = [(date(2024, 3, 8), date(2024, 3, 13)), (date(2024, 11, 1), date(2024, 11, 5))]
HALF_HOUR = timedelta(minutes=30)


def moments(first: date, last: date) -> Iterator[datetime]:
    """Each half hour from a day before ``first`` until a day after ``last``, and the last moment before each."""
    at = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=1)
    while at.date() <= last + timedelta(days=1):
        yield from (at, at - timedelta(seconds=1))
        at += HALF_HOUR


@pytest.mark.parametrize(("name", "stamp", "zone", "stored"), COUNTED)
def test_counts_are_those_of_the_windows(both: Both, name: Name, stamp: str, zone: str, stored: str) -> None:
    """Counted one by one in Python, and window by window; days of 23 and 25 hours included."""
    side = both(name, "postgresql").source
    side.run(f"CREATE TABLE t (id integer, {quoted('at', name)} {STAMPS[stamp][name]})")
    for first, last in DAYS_OF_CHANGE:
        days = Calendar("at", first, last, zone, stored)
        rows = [(at, shown(moment, stamp, stored, name)) for at, moment in enumerate(moments(first, last))]
        side.run("DELETE FROM t", f"INSERT INTO t VALUES {', '.join(map(sql_row, rows))}")
        declared = spec(days)
        engine = dialect.engine(Database("source", side.url), role="source")
        try:
            counted = reading.counts_by_window(engine, declared, "source", datetime(2025, 1, 1, 12, tzinfo=UTC))
            windows = {window.key: in_window(engine, declared, window.key) for window in days.windows(last)}
        finally:
            engine.dispose()

        assert counted == {key: count for key, count in windows.items() if count}
        assert counted == brute(moments(first, last), days, stamp, stored)


def shown(moment: datetime, stamp: str, stored: str, name: Name) -> str:
    """As a program would have stored it."""
    if stamp == "instant":
        offset = "" if name == "mysql" else "Z" if name == "sqlite" and moment.minute else "+00:00"
        return f"{moment:%Y-%m-%d %H:%M:%S}{offset}"
    if stamp == "date":
        return f"{moment:%Y-%m-%d}"
    text = f"{moment.astimezone(ZoneInfo(stored)):%Y-%m-%dT%H:%M:%S}"
    return text if name == "sqlite" and moment.minute else text.replace("T", " ")


def sql_row(row: tuple[int, str]) -> str:
    return f"({row[0]}, '{row[1]}')"


def brute(found: Iterator[datetime], days: Calendar, stamp: str, stored: str) -> dict[str, int]:
    """By asking each window whether it holds each moment, bounds and moments read in the zone of storage."""
    zone = ZoneInfo("UTC" if stamp == "instant" else stored)

    def local(moment: datetime | None) -> datetime:
        assert moment
        return moment.astimezone(zone).replace(tzinfo=None)

    counts: Counter[str] = Counter()
    for moment in found:
        for window in days.windows(date(2025, 1, 1)):
            if stamp == "date":
                counts[window.key] += moment.date().isoformat() == window.key
            else:
                counts[window.key] += local(window.start) <= local(moment) < local(window.end)
    return {key: count for key, count in counts.items() if count}


def in_window(engine: sa.Engine, declared: TableSpec, key: str) -> int:
    """What a load of that window would read."""
    pair = reading.Pair(
        declared, engine, engine, same_columns(engine, declared), reading.TableSchema(()), reading.TableSchema(())
    )
    return sum(len(part) for part in reading.rows(pair, declared.window(key)))


def same_columns(engine: sa.Engine, declared: TableSpec) -> tuple[reading.ColumnPair, ...]:
    shape = reading.describe(engine, declared.source)
    return tuple(reading.ColumnPair(column, column) for column in shape.columns)


@pytest.mark.parametrize("name", SOURCES)
def test_counts_without_days_and_with_a_where(both: Both, name: Name) -> None:
    """All rows, or those that the declaration is about."""
    sides = both(name, "postgresql")
    sides.create("id integer", "id integer primary key", [(at,) for at in range(7)])
    pair = sides.pair(spec(where="id > 3"))

    assert reading.counts_by_window(pair.source, pair.spec, "source", datetime(2025, 1, 1, 12, tzinfo=UTC)) == {
        "all": 3
    }
    assert reading.counts_by_window(pair.source, spec(), "source", datetime(2025, 1, 1, 12, tzinfo=UTC)) == {"all": 7}
    assert reading.counts_by_window(pair.target, spec(), "target", datetime(2025, 1, 1, 12, tzinfo=UTC)) == {"all": 0}


@pytest.mark.parametrize("target", TARGETS)
def test_counts_by_the_name_of_the_target(both: Both, target: Name) -> None:
    """A renamed window column, cast on the source; rows before the first day and without a day do not count."""
    sides = both("postgresql", target)
    sides.create("id integer, at text", "id integer primary key, day date")
    rows: list[tuple[Any, ...]] = [(1, "2024-01-01"), (2, "2024-01-01"), (3, "2023-12-31"), (4, None)]
    sides.source.fill("t", rows)
    sides.target.fill("t", rows)
    days = Calendar("at", date(2024, 1, 1), date(2024, 1, 3))
    pair = sides.pair(spec(days, rename={"at": "day"}, cast={"at": "date"}))
    assert [writing.load(pair, window).read for window in days.windows(date(2024, 1, 3))] == [2, 0]

    for engine, side in ((pair.source, "source"), (pair.target, "target")):
        counted = reading.counts_by_window(engine, pair.spec, _side(side), datetime(2025, 1, 1, 12, tzinfo=UTC))
        assert counted == {"2024-01-01": 2}
        assert reading.counts_by_window(engine, pair.spec, _side(side), datetime(2023, 1, 1, 12, tzinfo=UTC)) == {}


def _side(name: str) -> Literal["source", "target"]:
    return "source" if name == "source" else "target"


TEXTS_OF_SQLITE = {
    "2024-03-10": "2024-03-10",
    "2024-03-10T00:00": "2024-03-10",
    "2024-03-10 23:59:59.999999": "2024-03-10",
    "2024-03-10T23:59:59Z": "2024-03-10",
    "2024-03-10T23:30:00-05:00": "2024-03-11",
    "2024-03-11 00:30:00+02:00": "2024-03-10",
    "2024-03-11T00:00:00": "2024-03-11",
}


@pytest.mark.parametrize(("text", "day"), TEXTS_OF_SQLITE.items())
@pytest.mark.parametrize("of", ["text", "timestamp"])
def test_texts_of_sqlite(both: Both, text: str, day: str, of: str) -> None:
    """In whatever form of ISO 8601 a moment is written, it falls into its day."""
    sides = both("sqlite", "postgresql")
    sides.create(f"id integer, at {of}", "id integer primary key, at timestamptz", [(1, text)])
    days = Calendar("at", date(2024, 3, 9), date(2024, 3, 13))
    declared = spec(days)

    assert [sides.load(declared, f"2024-03-{at:02}").read for at in range(9, 13)] == [
        int(day[-2:]) == at for at in range(9, 13)
    ]
    assert reading.counts_by_window(
        sides.pair(declared).source, declared, "source", datetime(2025, 1, 1, 12, tzinfo=UTC)
    ) == {day: 1}
    assert reading.counts_by_window(
        sides.pair(declared).target, declared, "target", datetime(2025, 1, 1, 12, tzinfo=UTC)
    ) == {day: 1}


PARENT = "CREATE TABLE p (id integer primary key)"
TABLE = (
    "CREATE TABLE t (a integer not null, b varchar(5) default 'x', c integer unique, d integer,"
    " primary key (a, b), foreign key (d) references p (id))"
)


def engine_of(side: Side) -> sa.Engine:
    return dialect.engine(Database("source", side.url), role="source")


@pytest.mark.parametrize("name", SOURCES)
def test_shape_of_a_table(both: Both, name: Name) -> None:
    """Columns, keys and references, the same on every database."""
    side = both(name, "postgresql").source
    side.run(PARENT, TABLE)
    engine = engine_of(side)
    shape = reading.describe(engine, Relation("source", "t"))
    engine.dispose()

    assert [column.name for column in shape.columns] == ["a", "b", "c", "d"]
    assert shape.primary_key == ("a", "b")
    assert set(shape.unique) == {("a", "b"), ("c",)}
    assert [(key.columns, key.parent_table, key.parent_columns) for key in shape.foreign_keys] == [
        (("d",), "p", ("id",))
    ]
    assert [shape.column(found).nullable for found in "ad"] == [False, True]
    assert [shape.column(found).default for found in "bd"] == [True, False]
    with pytest.raises(KeyError):
        shape.column("nope")


@pytest.mark.parametrize("name", SOURCES)
def test_relation_that_is_not_there(both: Both, name: Name) -> None:
    """Is a fault of the declaration, with what may have been meant."""
    side = both(name, "postgresql").source
    side.run("CREATE TABLE flights (id integer)")
    engine = engine_of(side)
    with pytest.raises(
        DeclarationError, match=r"source:flight: there is no such table; did you mean '(public\.)?flights'\?"
    ):
        reading.describe(engine, Relation("source", "flight"))
    with pytest.raises(DeclarationError, match=r"source:\(query\): "):
        reading.describe(engine, Relation("source", query="select * from nope"))
    engine.dispose()


def test_partial_and_expression_indexes_are_no_keys(both: Both) -> None:
    """They allow two rows of one key."""
    side = both("postgresql", "mysql").source
    side.run(
        "CREATE TABLE t (a integer, b text)",
        "CREATE UNIQUE INDEX ON t (a) WHERE b = 'x'",
        "CREATE UNIQUE INDEX ON t (lower(b))",
        "CREATE UNIQUE INDEX ON t (a, b)",
    )
    engine = engine_of(side)
    assert reading.describe(engine, Relation("source", "t")).unique == (("a", "b"),)
    engine.dispose()


@pytest.mark.parametrize("name", SOURCES)
def test_indexes_of_a_table(both: Both, name: Name) -> None:
    """Those of keys and all others, by their columns."""
    side = both(name, "postgresql").source
    side.run("CREATE TABLE t (a integer primary key, b integer, c integer)", "CREATE INDEX i ON t (c, b)")
    engine = engine_of(side)
    assert set(reading.describe(engine, Relation("source", "t")).indexes) == {("a",), ("c", "b")}
    engine.dispose()


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "key": ({"key": ("idd",)}, r"tables\.t: key: the source has no column 'idd'; did you mean 'id'\?"),
    "rename": ({"rename": {"x": "y"}}, r"columns\.rename: the source has no column 'x'"),
    "cast": ({"cast": {"x": "text"}}, r"columns\.cast: the source has no column 'x'"),
    "ignore": ({"ignore": ("x",)}, r"columns\.ignore: neither side has a column 'x'"),
    "window": ({"days": Calendar("x", date(2024, 1, 1))}, r"window\.column: the source has no column 'x'"),
    "number": (
        {"days": Calendar("v", date(2024, 1, 1))},
        r"window\.column: v of the source is integer, which falls",
    ),
    "mixed": (
        {"days": Calendar("at", date(2024, 1, 1), timezone=NEW_YORK), "rename": {"at": "day"}, "ignore": ("w",)},
        r"window\.column: a date on one side .* set stored_in to America/New_York",
    ),
    "twice": ({"rename": {"w": "v"}}, r"tables\.t: 'v' and 'w' both meet 'v'; rename or leave out one"),
    "unmatched": ({}, r"w: the target has no column 'w'; rename it, or ignore it"),
    "computed": ({"key": ("c",)}, r"c: the target computes this column of the key itself"),
    "needed": ({}, r"must: only the target has this column, is NOT NULL and has no default; give it one"),
}


@pytest.mark.parametrize(("more", "said"), FAULTS.values(), ids=FAULTS)
def test_faults_of_a_declaration(both: Both, more: dict[str, Any], said: str) -> None:
    """All of them in one error, a sentence each."""
    sides = both("postgresql", "postgresql")
    sides.create(
        "id integer, v integer, w text, c integer, at timestamp",
        "id integer primary key, v integer, day date, must integer not null,"
        " c integer generated always as (v + 1) stored",
    )
    with pytest.raises(DeclarationError, match=said):
        sides.pair(spec(**more))


def test_days_of_a_column_that_has_none_are_not_compared(both: Both) -> None:
    """Nor are a date and times that are read in another zone: rows of one day would be looked for in two."""
    sides = both("postgresql", "sqlite")
    sides.create("id integer, v integer, at date", "id integer, v integer, at timestamp")
    source, target = engine_of(sides.source), engine_of(sides.target)
    sides.opened.extend((source, target))
    start = date(2024, 1, 1)
    for days, said in (
        (Calendar("v", start), "t: window: v of the source is integer, which falls into no days; choose a date"),
        (Calendar("at", start, timezone=NEW_YORK), "t: window: a date on one side and times on the other"),
    ):
        with pytest.raises(DeclarationError, match=said):
            reading.pair_for_comparison(spec(days), source, target)


def test_times_that_fall_into_days_of_dates(both: Both) -> None:
    """Read in one zone, a date and a midnight name the same day."""
    sides: Sides = both("postgresql", "postgresql")
    sides.create("id integer, at date", "id integer primary key, at timestamptz", [(1, date(2024, 7, 1))])
    days = Calendar("at", date(2024, 7, 1), date(2024, 7, 3), NEW_YORK, NEW_YORK)
    sides.load(spec(days), "2024-07-01")

    assert sides.target.rows() == [(1, datetime(2024, 7, 1, 4, tzinfo=UTC))]
    assert reading.counts_by_window(
        sides.pair(spec(days)).target, spec(days), "target", datetime(2025, 1, 1, 12, tzinfo=UTC)
    ) == {"2024-07-01": 1}


def test_types_of_a_query_of_mysql(both: Both) -> None:
    """Moments are known as such, so that windows are read in the right zone."""
    sides = both("mysql", "postgresql")
    sides.source.run("CREATE TABLE t (a timestamp null, b datetime, c date, d integer)")
    engine = engine_of(sides.source)
    shape = reading.describe(engine, Relation("source", query="select * from t"))
    engine.dispose()
    assert [column.type.kind for column in shape.columns] == [Kind.INSTANT, Kind.TIMESTAMP, Kind.DATE, Kind.INTEGER]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("target", ["postgresql", "duckdb"])
def test_few_statements_before_two_tables_are_compared(both: Both, source: Name, target: Name) -> None:
    """Over a slow network each of them costs a round trip: no more than four a side until rows are digested."""
    sides = both(source, target)
    table = "id integer primary key, a varchar(20) not null unique, made timestamp not null"
    sides.create(table, table)
    engines = [engine_of(sides.source), engine_of(sides.target)]
    sides.opened.extend(engines)
    asked: dict[sa.Engine, list[str]] = {engine: [] for engine in engines}
    for engine in engines:
        engine.connect().close()  # the first connection asks for the server's version

        @sa.event.listens_for(engine, "before_cursor_execute")
        def note(*event: Any, engine: sa.Engine = engine) -> None:
            asked[engine].append(event[2])

    days = Calendar("made", date(2024, 1, 1))
    pair = reading.pair_for_comparison(spec(days), *engines)  # type: ignore[arg-type]
    with reading.snapshot(pair):
        assert [len(statements) <= 4 for statements in asked.values()] == [True, True], asked


def test_tables_of_sqlite_as_they_are_declared(both: Both) -> None:
    """Generated, partial and expression indexes, and references that name no column."""
    side = both("sqlite", "postgresql").source
    side.run(
        "CREATE TABLE p (a integer, b integer, primary key (b, a))",
        "CREATE TABLE t (id integer primary key, x integer, y integer, z integer generated always as (x + 1),"
        " w text default 'w' not null, foreign key (x, y) references p)",
        "CREATE UNIQUE INDEX one ON t (x)",
        "CREATE UNIQUE INDEX part ON t (y) WHERE y > 1",
        "CREATE UNIQUE INDEX sum ON t (x + y)",
    )
    engine = engine_of(side)
    schema = reading.describe(engine, Relation("source", "main.t"))
    engine.dispose()

    assert [column.name for column in schema.columns] == ["id", "x", "y", "z", "w"]
    assert [column.name for column in schema.columns if column.generated] == ["z"]
    assert [column.name for column in schema.columns if column.default and not column.nullable] == ["w"]
    assert schema.unique == (("id",), ("x",))
    assert set(schema.indexes) == {("id",), ("x",), ("y",)}
    assert [(key.columns, key.parent_table, key.parent_columns) for key in schema.foreign_keys] == [
        (("x", "y"), "p", ("b", "a"))
    ]


def test_tables_of_postgresql_as_they_are_declared(both: Both) -> None:
    """Columns of every making, and a parent in a schema that is not searched."""
    side = both("postgresql", "postgresql").source
    side.run(
        "CREATE SCHEMA other",
        "CREATE TABLE other.p (id integer primary key)",
        "CREATE DOMAIN word AS text DEFAULT 'w' NOT NULL",
        "CREATE TABLE t (id serial primary key, n bigint generated always as identity, m bigint generated by default"
        " as identity, c integer generated always as (1) stored, w word, gone integer,"
        " p integer references other.p, v integer)",
        "ALTER TABLE t DROP COLUMN gone",
        "ALTER TABLE t ADD CONSTRAINT unchecked NOT NULL v NOT VALID",
        "CREATE UNIQUE INDEX ON t (n) INCLUDE (m)",
    )
    engine = engine_of(side)
    schema = reading.describe(engine, Relation("source", "t"))
    there = reading.describe(engine, Relation("source", "other.p"))
    engine.dispose()
    flags = {
        column.name: (column.nullable, column.default, column.generated, column.identity, column.fixed)
        for column in schema.columns
    }

    assert flags == {
        "id": (False, True, False, True, False),
        "n": (False, True, False, True, True),
        "m": (False, True, False, True, False),
        "c": (True, False, True, False, False),
        "w": (False, True, False, False, False),
        "p": (True, False, False, False, False),
        "v": (True, False, False, False, False),
    }
    assert schema.unique == (("id",), ("n",))
    assert [(key.columns, key.parent_table, key.parent_columns) for key in schema.foreign_keys] == [
        (("p",), "other.p", ("id",))
    ]
    assert there.primary_key == ("id",)


def test_what_only_children_of_a_table_of_postgresql_know(both: Both) -> None:
    """A partition's own trigger and a rule change what is written; a child need not hold its parent's NOT NULL."""
    side = both("postgresql", "postgresql").source
    side.run(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE TABLE t (id integer primary key, v integer not null) PARTITION BY RANGE (id)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (9)",
        "CREATE TRIGGER every BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE TRIGGER own BEFORE INSERT ON t1 FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE RULE also AS ON DELETE TO t DO ALSO NOTIFY t",
        "CREATE TABLE p (v integer, w integer NOT NULL, NOT NULL v NO INHERIT)",
        "CREATE TABLE c () INHERITS (p)",
        "CREATE FOREIGN DATA WRAPPER nothing",
        "CREATE SERVER nowhere FOREIGN DATA WRAPPER nothing",
        "CREATE FOREIGN TABLE f (v integer NOT NULL) SERVER nowhere",
    )
    engine = engine_of(side)
    with engine.connect() as connection:
        t, p, f = (table_catalog.read(connection, sa.table(name)) for name in "tpf")
    engine.dispose()
    side.run("DROP FOREIGN DATA WRAPPER nothing CASCADE")  # which no schema holds

    assert t is not None
    assert t.triggers == ("also", "every", "own")
    assert not any(column["nullable"] for column in t.columns.values())
    for table, nullable in ((p, {"v": True, "w": False}), (f, {"v": True})):
        assert table is not None
        assert {name: column["nullable"] for name, column in table.columns.items()} == nullable


SLOW = {
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "SELECT sleep(30)",
    "duckdb": "SELECT count(*) FROM range(1000000) a, range(1000000) b",
}


@pytest.mark.parametrize("target", TARGETS)
def test_databases_stop_with_who_waits_for_them(both: Both, target: Name) -> None:
    """Ctrl-C, or a run that Dagster ends, while threads read both sides: no server goes on with it."""
    sides = both("duckdb", target)
    sides.create("id integer primary key", "id integer primary key")
    started = time.monotonic()
    others_stop = signal.signal(signal.SIGINT, signal.default_int_handler)

    def press() -> None:
        until(lambda: bool(sides.target.rows(SLEEPING[target])))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    try:
        with reading.snapshot(sides.pair(spec())) as found, pytest.raises(KeyboardInterrupt):  # noqa: PT012
            threading.Thread(target=press).start()
            found.both(lambda side: side.connection.exec_driver_sql(SLOW[side.dialect]))
        assert not sides.target.rows(SLEEPING[target])
        assert time.monotonic() - started < 25  # it would have slept for 30
    finally:
        signal.signal(signal.SIGINT, others_stop)
