"""What checks judge by: rows that name nothing, rows out of order, the rows of two queries."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from recon_assets import dialect, reading
from recon_assets.checks.business_rules import figure
from recon_assets.errors import DeclarationError, DoesNotFitError, RefusedError
from recon_assets.model import (
    ALL,
    Calendar,
    Database,
    Discrepancy,
    DiscrepancyKind,
    Disorder,
    FaultyRows,
    Measure,
    Orphans,
    Relation,
    Results,
    SidePair,
    TableSpec,
    Window,
)
from recon_assets_tests.db import conftest
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Side, Sides, quoted, spec

Rows = list[tuple[Any, ...]]
DAY = date(2024, 3, 1)
NOW = datetime(2024, 3, 10, 12, tzinfo=UTC)
DAYS = Calendar("at", DAY, DAY + timedelta(days=4))
WINDOWS = tuple(DAYS.windows(date(2025, 1, 1)))
STAMP: dict[Name, str] = {
    "postgresql": "timestamp(6)",
    "mysql": "datetime(6)",
    "duckdb": "timestamp",
    "sqlite": "timestamp",
}


def at(day: int, hour: int = 0) -> datetime:
    """A moment of the table's days, which begin with 0."""
    return datetime(2024, 3, 1, hour) + timedelta(days=day)  # noqa: DTZ001 - columns without a zone


def engine_of(sides: Sides, side: Side) -> sa.Engine:
    engine = dialect.engine(Database(side.name, side.url), role="source")
    sides.opened.append(engine)
    return engine


@contextmanager
def snapped(sides: Sides, declared: TableSpec) -> Iterator[reading.Snapshot]:
    """Both sides at one moment."""
    pair = reading.pair_for_comparison(declared, engine_of(sides, sides.source), engine_of(sides, sides.target))
    with reading.snapshot(pair) as snapshot:
        yield snapshot


@contextmanager
def counted(engine: sa.Engine) -> Iterator[list[str]]:
    """The statements that an engine executes meanwhile."""
    statements: list[str] = []

    def note(*event: Any) -> None:
        statements.append(event[2])

    sa.event.listen(engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(engine, "before_cursor_execute", note)


def keys(found: FaultyRows) -> list[Any]:
    return [record.key[0] for record in found.records]


def figures(found: Mapping[str, FaultyRows]) -> list[tuple[int, int, list[Any]]]:
    """Wrong, of how many, and the keys of the records, window by window."""
    return [(each.wrong, each.of, keys(each)) for each in found.values()]


# Rows that name a parent by a text and a number; ('b', 2) is there, and so is (NULL, 9), which nobody can name.
NAMES: Rows = [
    (1, at(0), "b", 2),
    (2, at(0, 23), "B", 2),
    (3, at(0), "b ", 2),
    (4, at(1), None, 9),
    (5, at(1), "b", None),
    (6, at(1), "b", 2),
    (7, at(3), "b", 3),
    (8, at(3), "", 2),
    (9, at(9), "outside", 2),
    (10, None, "nowhere", 2),
]
PARENTS: Rows = [("b", 2), ("é", 3), (None, 9), ("b", 2)]
EXPECTED = [(2, 3, [2, 3]), (0, 3, []), (0, 0, []), (2, 2, [7, 8])]
CHILD = "id integer, at {stamp}, code varchar(9), number integer"
NEED = Orphans(("code", "number"), "parents")


def children(side: Side) -> None:
    side.run(
        f"CREATE TABLE t ({CHILD.format(stamp=STAMP[side.name]).replace('at ', quoted('at', side.name) + ' ', 1)})"
    )
    side.fill("t", NAMES)


def parents(side: Side, columns: str = "code varchar(20), nr bigint", rows: Rows = PARENTS) -> TableSpec:
    side.run(f"CREATE TABLE p ({columns})")
    side.fill("p", rows)
    relation = Relation("target", "p")
    return TableSpec("parents", relation, relation, ("code", "number"), rename={"number": "nr"})


def orphans(
    snapshot: reading.Snapshot, parent: reading.Parent, windows: Sequence[Window] = WINDOWS, **more: Any
) -> dict[str, FaultyRows]:
    return dict(reading.orphans(snapshot, more.pop("need", NEED), parent, windows, **more))


@pytest.mark.parametrize("name", SOURCES)
def test_orphans_of_one_database(both: conftest.Both, name: Name) -> None:
    """By bytes, whatever the collation says; NULL names nothing; each in its day, and none outside of all days."""
    sides = both("sqlite", name)
    for side in (sides.source, sides.target):
        children(side)
    declared = parents(sides.target)
    with snapped(sides, spec(DAYS)) as snapshot:
        found = orphans(snapshot, reading.parent_of(declared, snapshot.pair.target))

    assert figures(found) == EXPECTED
    assert found["2024-03-01"].records[0] == Discrepancy(
        DiscrepancyKind.ORPHAN,
        (2,),
        target={"id": 2, "at": "2024-03-01T23:00:00", "code": "B", "number": 2},
        differing=("code", "number"),
        window="2024-03-01",
    )


@pytest.mark.parametrize("other", SOURCES)
@pytest.mark.parametrize("name", TARGETS)
def test_orphans_across_databases(both: conftest.Both, name: Name, other: Name) -> None:
    """The parent is in another database, of the same kind or another."""
    sides = both(other, name)
    for side in (sides.source, sides.target):
        children(side)
    declared = parents(sides.source)
    with snapped(sides, spec(DAYS)) as snapshot:
        found = orphans(snapshot, reading.parent_of(declared, engine_of(sides, sides.source)))

    assert figures(found) == EXPECTED


ELSEWHERE = [pytest.param(False, id="one database"), pytest.param(True, id="two databases")]


@pytest.mark.parametrize("apart", ELSEWHERE)
def test_orphans_are_all_counted_and_some_shown(
    both: conftest.Both, *, apart: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one database the first by key of each window, however few are read at once."""
    monkeypatch.setattr("recon_assets.reading.faulty_rows.BATCH", 1)
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        children(side)
    declared = parents(sides.source if apart else sides.target, rows=[])
    with snapped(sides, spec(DAYS)) as snapshot:
        engine = engine_of(sides, sides.source) if apart else snapshot.pair.target
        found = orphans(snapshot, reading.parent_of(declared, engine), most=2)

    assert [(each.wrong, each.of, len(each.records)) for each in found.values()] == [
        (3, 3, 2),
        (1, 3, 1),
        (0, 0, 0),
        (2, 2, 2),
    ]
    assert apart or keys(found["2024-03-01"]) == [1, 2]


@pytest.mark.parametrize("apart", ELSEWHERE)
def test_orphans_of_some_rows_and_windows(both: conftest.Both, *, apart: bool) -> None:
    """A condition of the check; days that are no neighbours; the whole table."""
    sides = both("postgresql", "mysql")
    for side in (sides.source, sides.target):
        children(side)
    declared = parents(sides.source if apart else sides.target)
    with snapped(sides, spec(DAYS, where="id <> 8")) as snapshot:
        parent = reading.parent_of(declared, engine_of(sides, sides.source) if apart else snapshot.pair.target)
        some = orphans(snapshot, parent, (WINDOWS[0], WINDOWS[3]), need=Orphans(NEED.columns, "p", "id <> 2"))
        whole = orphans(snapshot, parent, (ALL,))

    assert figures(some) == [(1, 2, [3]), (1, 1, [7])]
    assert figures(whole) == [(5, 9, [2, 3, 7, 9, 10])]


@pytest.mark.parametrize("apart", ELSEWHERE)
def test_names_of_other_types(both: conftest.Both, *, apart: bool) -> None:
    """A decimal names an integer, a padded text another one."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run("CREATE TABLE t (id integer, code char(5), number numeric(9, 2))")
        side.fill("t", [(1, "b", "2.00"), (2, "b", "2.01"), (3, "c", 2)])
    declared = parents(sides.source if apart else sides.target)
    with snapped(sides, spec()) as snapshot:
        parent = reading.parent_of(declared, engine_of(sides, sides.source) if apart else snapshot.pair.target)

        assert figures(orphans(snapshot, parent, (ALL,))) == [(2, 3, [2, 3])]


@pytest.mark.parametrize("apart", ELSEWHERE)
def test_names_that_a_collation_takes_for_equal(both: conftest.Both, *, apart: bool) -> None:
    """Are two names, and two collations that do not go together are no obstacle."""
    sides = both("mysql", "mysql")
    for side in (sides.source, sides.target):
        side.run("CREATE TABLE t (id integer, code text COLLATE utf8mb4_general_ci, number integer)")
        side.fill("t", [(1, "b", 2), (2, "B", 2)])
    declared = parents(sides.source if apart else sides.target, "code text COLLATE utf8mb4_unicode_ci, nr integer")
    with snapped(sides, spec()) as snapshot:
        parent = reading.parent_of(declared, engine_of(sides, sides.source) if apart else snapshot.pair.target)

        assert figures(orphans(snapshot, parent, (ALL,))) == [(1, 2, [2])]


def test_a_table_may_name_its_own_rows_by_ignored_columns(both: conftest.Both) -> None:
    """Who reports to whom; no comparison reads the column."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run("CREATE TABLE t (id integer, boss integer)")
        side.fill("t", [(1, None), (2, 1), (3, 4)])
    declared = spec(ignore=("boss",))
    with snapped(sides, declared) as snapshot:
        found = orphans(
            snapshot, reading.parent_of(declared, snapshot.pair.target), (ALL,), need=Orphans(("boss",), "t")
        )

    assert figures(found) == [(1, 3, [3])]
    assert found["all"].records[0].target == {"id": 3, "boss": 4}


@pytest.mark.parametrize("apart", ELSEWHERE)
def test_a_year_of_orphans_is_one_statement(both: conftest.Both, *, apart: bool) -> None:
    """And a second one for the records to show."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        children(side)
    year = tuple(Calendar("at", date(2024, 1, 1), date(2025, 1, 1)).windows(date(2025, 1, 1)))
    declared = parents(sides.source if apart else sides.target)
    with snapped(sides, spec(Calendar("at", date(2024, 1, 1)))) as snapshot:
        parent = reading.parent_of(declared, engine_of(sides, sides.source) if apart else snapshot.pair.target)
        with counted(snapshot.pair.target) as statements:
            found = orphans(snapshot, parent, year)

    assert (len(year), sum(each.wrong for each in found.values())) == (366, 5)
    assert len([statement for statement in statements if "SELECT" in statement]) == 2


FAULTS_OF_NAMES: dict[str, tuple[Orphans, str, str]] = {
    "arity": (Orphans(("code",), "parents"), "code varchar(9), nr integer", r"whose key is \(code, number\); name one"),
    "types": (NEED, "code varchar(9), nr date", r"number: integer and date have no common meaning"),
    "float": (NEED, "code varchar(9), nr double precision", r"number: databases cannot tell whether values of integer"),
    "column": (Orphans(("cod", "number"), "parents"), "code varchar(9), nr integer", r"no column 'cod'; did you mean"),
}


@pytest.mark.parametrize(("need", "columns", "said"), FAULTS_OF_NAMES.values(), ids=FAULTS_OF_NAMES)
def test_columns_that_cannot_name_a_row(both: conftest.Both, need: Orphans, columns: str, said: str) -> None:
    """Are a fault of the declaration, not a finding."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        children(side)
    declared = parents(sides.target, columns, [])
    with snapped(sides, spec(DAYS)) as snapshot:
        parent = reading.parent_of(declared, snapshot.pair.target)
        with pytest.raises(DeclarationError, match=said):
            orphans(snapshot, parent, need=need)


def test_a_parent_without_its_key(both: conftest.Both) -> None:
    """Says which column was probably meant."""
    sides = both("postgresql", "postgresql")
    declared = parents(sides.target, "code text, nmbr integer", [])
    with pytest.raises(DeclarationError, match=r"parents: the target has no column 'nr' of the key; did you mean"):
        reading.parent_of(declared, engine_of(sides, sides.target))


ORDERED: Rows = [
    (1, "a", 1, at(0), at(0, 1), at(0, 2)),
    (2, "A", 2, at(0), None, at(0, 2)),
    (3, "a", 2, at(1), at(1, 3), at(1, 2)),
    (4, "a", 3, at(1), at(0, 9), at(1, 2)),
    (5, "A", 3, at(2), None, at(1, 23)),
    (6, "a", 3, at(3), at(3), at(3)),
    (7, None, 1, at(3), at(3), None),
    (8, None, 0, at(3), at(3, 1), None),
    (9, "a", None, at(3), at(0), at(3, 1)),
    (10, "A", 9, at(3), at(7), at(12, 1)),
]
ORDERS: dict[str, tuple[Disorder, list[tuple[int, int, list[Any]]]]] = {
    "columns": (Disorder(columns=("at", "b", "c")), [(0, 2, []), (2, 2, [3, 4]), (1, 1, [5]), (1, 5, [9])]),
    "monotonic": (
        Disorder(monotonic="b", along="n", per=("who",)),
        [(0, 2, []), (1, 2, [4]), (0, 1, []), (1, 5, [7])],
    ),
    "of all rows": (Disorder(monotonic="b", along="n"), [(1, 2, [1]), (2, 2, [3, 4]), (0, 1, []), (2, 5, [6, 7])]),
    "future": (Disorder(not_future="c"), [(0, 2, []), (0, 2, []), (0, 1, []), (1, 5, [10])]),
    "some": (Disorder(columns=("b", "c"), where="id > 3"), [(0, 0, []), (0, 1, []), (0, 1, []), (0, 5, [])]),
}


def ordered(side: Side, rows: Rows) -> None:
    stamp, quote = STAMP[side.name], quoted("at", side.name)
    side.run(f"CREATE TABLE t (id integer, who varchar(5), n integer, {quote} {stamp}, b {stamp}, c {stamp})")
    side.fill("t", rows)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize(("need", "expected"), ORDERS.values(), ids=ORDERS)
def test_disorder(both: conftest.Both, name: Name, need: Disorder, expected: list[tuple[int, int, list[Any]]]) -> None:
    """Of one row, of the rows of one entity across days, and of the future."""
    sides = both("sqlite", name)
    for side in (sides.source, sides.target):
        ordered(side, ORDERED)
    with snapped(sides, spec(DAYS)) as snapshot:
        found = dict(reading.disorder(snapshot, need, WINDOWS, NOW))

    assert figures(found) == expected


def test_what_is_at_fault(both: conftest.Both) -> None:
    """The columns between which the order breaks, and no others."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        ordered(side, ORDERED)
    with snapped(sides, spec(DAYS)) as snapshot:
        found = dict(reading.disorder(snapshot, Disorder(columns=("at", "b", "c")), WINDOWS, NOW))

    records = {record.key[0]: record for each in found.values() for record in each.records}
    assert {key: record.differing for key, record in records.items()} == {
        3: ("b", "c"),
        4: ("at", "b"),
        5: ("at", "c"),
        9: ("at", "b"),
    }
    assert {record.kind for record in records.values()} == {DiscrepancyKind.DISORDERED}


EVEN: Rows = [
    (1, "a", 1, at(0), at(0, 5), None),
    (2, "a", 2, at(1), at(0, 7), None),
    (3, "a", 2, at(1), at(0, 6), None),
]


@pytest.mark.parametrize("name", SOURCES)
def test_rows_that_go_along_evenly(both: conftest.Both, name: Name) -> None:
    """Nothing is said of the order of rows that stand at one place; the next one must not be before any of them."""
    sides = both("sqlite", name)
    for side in (sides.source, sides.target):
        ordered(side, [*EVEN, (4, "a", 3, at(2), at(0, 6), None)])
    with snapped(sides, spec(DAYS)) as snapshot:
        found = dict(reading.disorder(snapshot, Disorder(monotonic="b", along="n", per=("who",)), WINDOWS, NOW))

    assert figures(found) == [(0, 1, []), (0, 2, []), (1, 1, [4]), (0, 0, [])]


@pytest.mark.parametrize("name", SOURCES)
def test_every_row_is_held_against_all_before_it(both: conftest.Both, name: Name) -> None:
    """One late row puts all in the wrong that come after it and are earlier, equal ones and later ones alike."""
    sides = both("sqlite", name)
    times = [(1, 1, at(2)), (2, 2, at(0)), (3, 2, at(1)), (4, 3, at(1, 12)), (5, 3, at(2)), (6, None, at(0))]
    for side in (sides.source, sides.target):
        ordered(side, [(key, "a", along, at(0), time, None) for key, along, time in times])
        side.fill("t", [(7, "b", 4, at(0), at(0), None), (8, None, 4, at(0), at(0), None)])
    need = Disorder(monotonic="b", along="n", per=("who",))
    with snapped(sides, spec()) as snapshot:
        found = dict(reading.disorder(snapshot, need, (ALL,), NOW))
        some = dict(reading.disorder(snapshot, replace(need, where="id <> 1"), (ALL,), NOW))

    assert figures(found) == [(3, 8, [2, 3, 4])]
    assert figures(some) == [(0, 7, [])]


def test_the_row_before_may_be_in_a_window_that_is_not_asked_for(both: conftest.Both) -> None:
    """The day before, when one day is checked."""
    sides = both("postgresql", "mysql")
    for side in (sides.source, sides.target):
        ordered(side, [(1, "a", 1, at(0), at(0, 5), None), (2, "a", 2, at(1), at(0, 3), None)])
    with snapped(sides, spec(DAYS)) as snapshot:
        need = Disorder(monotonic="b", along="n", per=("who",))

        assert figures(dict(reading.disorder(snapshot, need, WINDOWS[1:2], NOW))) == [(1, 1, [2])]


# As programs write them, in SQLite alone: no other database has texts for moments.
WRITTEN = [
    pytest.param("2024-03-01", "2024-03-01 00:00", False, id="a day is its midnight"),
    pytest.param("2024-03-01T10:00:00Z", "2024-03-01 10:00", False, id="T and Z"),
    pytest.param("2024-03-01 10:00:00.5", "2024-03-01 10:00:00.500", False, id="fractions"),
    pytest.param("2024-03-01 10:00:00.501", "2024-03-01 10:00:00.5", True, id="a millisecond"),
    pytest.param("2024-03-01 10:00:00+02:00", "2024-03-01 08:00:00", False, id="an offset"),
    pytest.param("2024-03-01 10:00:00+01:00", "2024-03-01 08:59:59", True, id="another offset"),
]


@pytest.mark.parametrize(("left", "right", "wrong"), WRITTEN)
def test_texts_of_sqlite_in_order(both: conftest.Both, left: str, right: str, *, wrong: bool) -> None:
    """However a moment is written, it stands where it belongs."""
    sides = both("sqlite", "sqlite")
    for side in (sides.source, sides.target):
        side.run("CREATE TABLE t (id integer, a timestamp, b timestamp)")
        side.fill("t", [(1, left, right)])
    with snapped(sides, spec()) as snapshot:
        found = dict(reading.disorder(snapshot, Disorder(columns=("a", "b")), (ALL,), NOW))

    assert found["all"].wrong == wrong


NO_ORDER: dict[str, tuple[Disorder, str]] = {
    "text": (Disorder(columns=("d", "word")), r"word is text, which has no order of time; choose a date or timestamp"),
    "future of numbers": (Disorder(not_future="id"), r"id is integer, which has no order of time"),
    "zones": (Disorder(columns=("naive", "instant")), r"with and without zone, which the database compares in UTC"),
    "times and numbers": (Disorder(columns=("id", "d")), r"hold times and numbers, which have no common order"),
    "no such column": (Disorder(columns=("d", "naiv")), r"no column 'naiv'; did you mean 'naive'"),
}


@pytest.mark.parametrize(("need", "said"), NO_ORDER.values(), ids=NO_ORDER)
def test_columns_without_order(both: conftest.Both, need: Disorder, said: str) -> None:
    """Are a fault of the declaration, not a finding."""
    sides = both("postgresql", "postgresql")
    columns = "id integer, word text, d date, naive timestamp, instant timestamptz"
    sides.create(columns, columns)
    days = Calendar("d", DAY, timezone="America/New_York", stored_in="America/New_York")
    with snapped(sides, spec(days)) as snapshot, pytest.raises(DeclarationError, match=said):
        dict(reading.disorder(snapshot, need, WINDOWS, NOW))


def test_today_is_not_the_future(both: conftest.Both) -> None:
    """In the table's zone, where it is tomorrow already."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer, d date", "id integer, d date", [])
    sides.target.fill("t", [(1, date(2024, 3, 11)), (2, date(2024, 3, 12))])
    days = Calendar("d", DAY, timezone="Pacific/Kiritimati")
    with snapped(sides, spec(days)) as snapshot:
        found = dict(reading.disorder(snapshot, Disorder(not_future="d"), (ALL,), NOW))

    assert keys(found["all"]) == [2]


@pytest.mark.parametrize("target", SOURCES)
@pytest.mark.parametrize("source", SOURCES)
def test_the_digest_of_some_rows(both: conftest.Both, source: Name, target: Name) -> None:
    """Is that of a table which has no others: what differs outside of the condition bears on nothing."""
    sides = both(source, target)
    sides.create("id integer, code varchar(9)", "id integer, code varchar(9)", [(1, "a"), (2, "b"), (3, "c")])
    sides.target.fill("t", [(1, "a"), (2, "b"), (3, "x"), (4, "y")])
    some, none, rest = (Measure("digest", where=where) for where in ("id < 3", "id > 9", "id >= 3"))
    with snapped(sides, spec()) as snapshot:
        found = reading.measured(snapshot, (reading.DIGEST, some, none, rest), (ALL,))["all"]
    with snapped(sides, spec(where="id < 3")) as snapshot:
        alone = reading.measured(snapshot, (reading.DIGEST,), (ALL,))["all"][reading.DIGEST]

    assert found[some] == alone == SidePair(alone.source, alone.source)
    assert found[none] == SidePair(reading.Digest(0, None), reading.Digest(0, None))
    assert (found[rest].source.rows, found[rest].target.rows) == (1, 2)
    assert found[rest].source != found[rest].target
    assert found[reading.DIGEST].source.rows == 3


PER_DAY = "SELECT count(*) AS n, min(id) AS first FROM t WHERE {at} >= :window_start AND {at} < :window_end"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_results_of_a_window(both: conftest.Both, source: Name, target: Name) -> None:
    """The window's bounds are bound as each side's column has them; each side has a query of its own."""
    sides = both(source, target)
    for side in (sides.source, sides.target):
        children(side)
    need = Results(*(f"{PER_DAY.format(at=quoted('at', side.name))};" for side in (sides.source, sides.target)))
    with snapped(sides, spec(DAYS)) as snapshot:
        found = [reading.results(snapshot, need, window) for window in WINDOWS]

    expected = [[{"n": 3, "first": 1}], [{"n": 3, "first": 4}], [{"n": 0, "first": None}], [{"n": 2, "first": 7}]]
    assert found == [SidePair(each, each) for each in expected]


def test_results_of_texts_with_colons_and_signs(both: conftest.Both) -> None:
    """Only the two names are parameters."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        children(side)
    sql = "SELECT ':window' AS a, '12:30'::text AS b, :window_start::date AS c, '%' AS d WHERE 'x' LIKE '%x'"
    with snapped(sides, spec(DAYS)) as snapshot:
        found = reading.results(snapshot, Results(sql, "SELECT 1 AS one WHERE :window_end IS NULL"), WINDOWS[0])

    assert found == SidePair([{"a": ":window", "b": "12:30", "c": str(DAY), "d": "%"}], [])


SAME: dict[Name, str] = {
    "postgresql": """SELECT json '{"b": 1.50, "a": [1]}' AS j, 0.1::real AS f, 1.50::numeric AS n, true AS b,
        time '09:00:00.5' AS t, timestamptz '2024-03-10 02:30:00.5+02' AS i,
        timestamp '2024-03-10 02:30:00' AS m, '\\x01ff'::bytea AS x""",
    "mysql": """SELECT '{"a":[1], "b":1.50}' AS j, f, n, 1 AS b, CAST('09:00:00.5' AS TIME(3)) AS t,
        i, m, x'01ff' AS x FROM v""",
    "duckdb": """SELECT CAST('{"a":[1],"b":1.50}' AS JSON) AS j, CAST(0.1 AS FLOAT) AS f,
        CAST(1.5 AS DECIMAL(9,3)) AS n, true AS b, TIME '09:00:00.5' AS t, TIMESTAMPTZ '2024-03-10 00:30:00.5+00' AS i,
        TIMESTAMP '2024-03-10 02:30:00' AS m,
        '\\x01\\xff'::blob AS x""",
    "sqlite": """SELECT '{"a": [1],"b":1.50}' AS j, 0.1 AS f, 1.5 AS n, 1 AS b, '09:00:00.5' AS t,
        '2024-03-10T00:30:00.5+00:00' AS i, '2024-03-10T02:30:00' AS m, x'01ff' AS x""",
}


@pytest.mark.parametrize("source", SOURCES)
def test_results_are_alike_on_all_databases(both: conftest.Both, source: Name) -> None:
    """Whatever their drivers make of JSON, floats, times and instants."""
    for target in TARGETS:
        sides = both(source, target)
        for side in (sides.source, sides.target):
            side.run("CREATE TABLE t (id integer)")
            if side.name == "mysql":
                side.run("CREATE TABLE v (f float, n decimal(9,4), i timestamp(6) null, m datetime(6))")
                side.run("INSERT INTO v VALUES (0.1, 1.5, '2024-03-10 00:30:00.5', '2024-03-10 02:30:00')")
        with snapped(sides, spec()) as snapshot:
            found = reading.results(snapshot, Results(SAME[source], SAME[target]), ALL)
        left, right = ({name: figure(value) for name, value in row.items()} for row in (*found.source, *found.target))
        if not {"postgresql", "duckdb"} & {source, target}:  # without a type JSON, two texts are two texts
            left |= {"j": right["j"]}
        assert left == right
        sides.close()


UNLIKE: dict[str, tuple[Name, str, str]] = {
    "numbers in JSON": (
        "postgresql",
        """SELECT jsonb '[0.1]' AS x""",
        """SELECT jsonb '[0.10000000000000000555]' AS x""",
    ),
    "a name that stands twice": (
        "postgresql",
        """SELECT json '{"a":1,"a":2}' AS x""",
        """SELECT json '{"a":2}' AS x""",
    ),
    "a month": ("postgresql", "SELECT interval '1 month' AS x", "SELECT interval '30 days' AS x"),
    "money": ("postgresql", "SELECT money '1.00' AS x", "SELECT money '-1.00' AS x"),
    "floats": ("mysql", "SELECT a AS x FROM v", "SELECT b AS x FROM v"),
    "bytes without a character": ("mysql", "SELECT c AS x FROM v", "SELECT d AS x FROM v"),
    "nanoseconds": (
        "duckdb",
        "SELECT TIMESTAMP_NS '2024-01-01 00:00:00.000000001' AS x",
        "SELECT TIMESTAMP_NS '2024-01-01 00:00:00.000000002' AS x",
    ),
}


@pytest.mark.parametrize(("name", "left", "right"), UNLIKE.values(), ids=UNLIKE)
def test_results_that_drivers_take_for_one(both: conftest.Both, name: Name, left: str, right: str) -> None:
    """Stay two, and each is itself."""
    sides = both(name, name)
    for side in (sides.source, sides.target):
        side.run("CREATE TABLE t (id integer)")
        if name == "mysql":
            text = "text CHARACTER SET greek"
            side.run(f"CREATE TABLE v (a float, b float, c {text}, d {text})")
            side.run("INSERT INTO v VALUES (1234567, 1234568, _greek x'D2', '?')")
    with snapped(sides, spec()) as snapshot:
        differ = reading.results(snapshot, Results(left, right), ALL)
        same = reading.results(snapshot, Results(left, left), ALL)
    assert differ.source != differ.target
    assert same.source == same.target


BAD_SQL: dict[str, tuple[str, type[Exception], str]] = {
    "no such table": ("SELECT * FROM nope", DeclarationError, r"t: source's query: .*nope"),
    "no window": ("SELECT :window_start", DeclarationError, r"is asked for no window; give the table a window"),
    "two of a name": ("SELECT 1 AS a, 2 AS a", DeclarationError, r"two columns the name 'a'"),
    "no query": ("SET search_path = public", DeclarationError, r"source's query: syntax error"),
    "too many": ("SELECT generate_series(1, 100001)", RefusedError, r"more than 100,000 rows; group them"),
}


@pytest.mark.parametrize(("sql", "error", "said"), BAD_SQL.values(), ids=BAD_SQL)
def test_queries_that_cannot_be_judged(both: conftest.Both, sql: str, error: type[Exception], said: str) -> None:
    """Say whose query and what to do."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer", "id integer")
    with snapped(sides, spec()) as snapshot, pytest.raises(error, match=said):
        reading.results(snapshot, Results(sql, "SELECT 1 AS one"), ALL)


@pytest.mark.parametrize("name", SOURCES)
def test_a_failed_query_leaves_the_snapshot_readable(both: conftest.Both, name: Name) -> None:
    """Though it ends a transaction of PostgreSQL and DuckDB."""
    sides = both(name, "postgresql")
    sides.create("id integer", "id integer", [(1,)])
    with snapped(sides, spec()) as snapshot:
        for sql in ("SELECT nope FROM t", "SELECT * FROM nope"):
            with pytest.raises(DeclarationError), reading.savepoint(snapshot):
                reading.results(snapshot, Results(sql, sql), ALL)
        found = reading.results(snapshot, Results("SELECT id FROM t", "SELECT count(*) AS n FROM t"), ALL)

        assert not reading.is_lost(snapshot)
    assert found == SidePair([{"id": 1}], [{"n": 0}])


@pytest.mark.parametrize("name", TARGETS)
def test_all_is_read_at_one_moment(both: conftest.Both, name: Name) -> None:
    """Rows that are committed meanwhile are not seen."""
    sides = both("postgresql", name)
    for side in (sides.source, sides.target):
        children(side)
    declared = parents(sides.target)
    with snapped(sides, spec(DAYS)) as snapshot:
        parent = reading.parent_of(declared, snapshot.pair.target)
        before = orphans(snapshot, parent)
        sides.target.run("DELETE FROM p", "DELETE FROM t WHERE id = 2")
        during = orphans(snapshot, parent)
    with snapped(sides, spec(DAYS)) as snapshot:
        after = orphans(snapshot, reading.parent_of(declared, snapshot.pair.target))

    assert figures(before) == figures(during) == EXPECTED
    assert figures(after) == [(2, 2, [1, 3]), (1, 3, [6]), (0, 0, []), (2, 2, [7, 8])]


def test_results_that_are_too_long_to_be_written_down_are_an_error(both: conftest.Both) -> None:
    """MySQL makes NULL of a text that is longer than max_allowed_packet, as that of the digits of bytes is."""
    sides = both("postgresql", "mysql")
    for side in (sides.source, sides.target):
        side.run("CREATE TABLE t (id integer primary key)")
    sides.target.run("CREATE TABLE b (v longblob)", "INSERT INTO b VALUES (repeat('x', 9000000)), (NULL)")
    rule = Results("SELECT NULL::bytea AS v", "SELECT v FROM b")
    with (
        snapped(sides, spec()) as snapshot,
        pytest.raises(DoesNotFitError, match=r"target's query: 1 rows are too long .* raise its max_allowed_packet"),
    ):
        reading.results(snapshot, rule, ALL)
