"""What each mode does to rows that are there, to rows that are not, and to nothing else."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from recon_assets import reading, writing
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.model import Calendar, Mode, Relation
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Sides, spec, wrote

DAYS = Calendar("at", date(2024, 1, 1), date(2024, 2, 1))
FIRST, SECOND = datetime(2024, 1, 1, 12), datetime(2024, 1, 2, 12)  # noqa: DTZ001
COLUMNS = dict.fromkeys(SOURCES, "id integer primary key, at timestamp, v integer, w varchar(9)")
COLUMNS["duckdb"] = 'id integer primary key, "at" timestamp, v integer, w varchar(9)'
COLUMNS["mysql"] = "id integer primary key, at datetime(6), v integer, w varchar(9)"
THERE = [(1, FIRST, 10, "a"), (2, FIRST, 20, "b"), (3, FIRST, None, "c"), (9, SECOND, 90, "i")]
HELD = [(1, FIRST, 10, "a"), (2, FIRST, 21, None), (3, FIRST, None, "z"), (8, FIRST, 80, "own"), (9, SECOND, 91, "own")]
AFTER = {
    Mode.INSERT_MISSING: HELD,
    Mode.UPSERT: [*THERE[:3], HELD[3], HELD[4]],
    Mode.REPLACE: [*THERE[:3], HELD[4]],
    Mode.FILL_NULLS: [HELD[0], (2, FIRST, 21, "b"), *HELD[2:]],
    Mode.UPDATE_COLUMNS: [HELD[0], (2, FIRST, 20, None), *HELD[2:]],
}
WROTE = {
    Mode.INSERT_MISSING: (0, 0, 0),
    Mode.UPSERT: (0, 2, 0),
    Mode.REPLACE: (2, 0, 3),
    Mode.FILL_NULLS: (0, 1, 0),
    Mode.UPDATE_COLUMNS: (0, 1, 0),
}
NAMED = {Mode.FILL_NULLS: ("w",), Mode.UPDATE_COLUMNS: ("v",)}
MODES = [
    pytest.param(source, target, mode, id=f"{source}-{target}-{mode}")
    for source in SOURCES
    for target in TARGETS
    for mode in Mode
]


def prepared(both: Both, target: Name, source: Name = "postgresql", held: list[tuple[Any, ...]] | None = None) -> Sides:
    sides = both(source, target)
    sides.create(COLUMNS[source], COLUMNS[target], THERE)
    sides.target.fill("t", HELD if held is None else held)
    return sides


@pytest.mark.parametrize(("source", "target", "mode"), MODES)
def test_mode_does_what_it_says(both: Both, source: Name, target: Name, mode: Mode) -> None:
    """A dry run says the same and keeps nothing; a second run writes nothing."""
    sides = prepared(both, target, source)
    more = {"columns": NAMED.get(mode, ())}

    dry = sides.load(spec(DAYS), "2024-01-01", mode, dry_run=True, **more)
    assert (wrote(dry), dry.read, dry.dry_run) == (WROTE[mode], 3, True)
    assert sides.target.rows() == HELD
    assert wrote(sides.load(spec(DAYS), "2024-01-01", mode, **more)) == WROTE[mode]

    assert sides.target.rows() == AFTER[mode]
    assert wrote(sides.load(spec(DAYS), "2024-01-01", mode, **more)) == (0, 0, 0)
    assert sides.target.rows() == AFTER[mode]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("mode", [Mode.INSERT_MISSING, Mode.UPSERT])
def test_missing_rows_are_inserted(both: Both, target: Name, mode: Mode) -> None:
    """Into an empty day and beside others."""
    sides = prepared(both, target, held=HELD[:1])

    assert wrote(sides.load(spec(DAYS), "2024-01-01", mode)) == (2, 0, 0)
    assert wrote(sides.load(spec(DAYS), "2024-01-02", mode)) == (1, 0, 0)
    assert sides.target.rows() == THERE


COUNTING = {
    "postgresql": (
        (
            "CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN INSERT INTO touched VALUES (new.id); RETURN new; END $$"
        ),
        "CREATE TRIGGER seen BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION seen()",
    ),
    "mysql": ("CREATE TRIGGER seen BEFORE UPDATE ON t FOR EACH ROW INSERT INTO touched VALUES (new.id)",),
}


KEYS = {"postgresql": ("text",), "mysql": ("varchar(90)", "varbinary(9)", "text")}


@pytest.mark.parametrize(("target", "of"), [(target, of) for target in TARGETS for of in KEYS[target]])
def test_replacement_leaves_identical_rows_alone(both: Both, target: Name, of: str) -> None:
    """Also what they have in columns that are not loaded; those that are equal, and not identical, are replaced."""
    sides = both("postgresql", target)
    long = "k" * 9
    columns = f"k {of} not null, v {'text' if target == 'postgresql' else 'varchar(9)'}"
    once = "k(40)" if of == "text" and target == "mysql" else "k"
    source = "k bytea, v text" if of == "varbinary(9)" else "k text, v text"
    rows = [("a", "x"), ("b", "y"), ("c", "z"), (long, None)]
    sides.create(source, f"{columns}, own integer default 0, unique ({once})", rows)
    sides.target.fill("t", [("a", "x", 1), ("b", "Y", 2), ("d", "z", 4), (long, None, 5)])

    loaded = sides.load(spec(key=("k",), ignore=("own",)), mode=Mode.REPLACE)

    assert wrote(loaded) == (2, 0, 2)
    found = sides.target.rows("SELECT v, own FROM t ORDER BY k")
    assert found == [("x", 1), ("y", 0), ("z", 0), (None, 5)]


def test_floats_are_replaced_unless_they_are_identical(both: Both) -> None:
    """0 is not -0, but NaN is NaN, and NULL is NULL."""
    sides = both("postgresql", "postgresql")
    sides.create("k integer, v float8", "k integer primary key, v float8", enumerate((0.0, -0.0, 1.5, math.nan, None)))
    sides.target.fill("t", enumerate((-0.0, -0.0, 1.5, math.nan, None)))

    assert wrote(sides.load(spec(key=("k",)), mode=Mode.REPLACE)) == (1, 0, 1)
    assert wrote(sides.load(spec(key=("k",)), mode=Mode.REPLACE)) == (0, 0, 0)


def test_replacement_of_a_table_that_others_inherit_from(both: Both) -> None:
    """Its key is unique in itself alone, so all of the window is replaced: a child may have the key once more."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer, v integer", "id integer primary key, v integer", [(1, 1), (2, 2)])
    sides.target.run("CREATE TABLE child () INHERITS (t)", "INSERT INTO child VALUES (1, 1)")
    sides.target.fill("t", [(1, 1)])

    assert wrote(sides.load(spec(), mode=Mode.REPLACE)) == (2, 0, 2)
    assert sides.target.rows() == [(1, 1), (2, 2)]


@pytest.mark.parametrize("target", TARGETS)
def test_equal_rows_are_not_touched(both: Both, target: Name) -> None:
    """A trigger sees the two rows that differ; it is reported with the table."""
    sides = prepared(both, target)
    sides.target.run("CREATE TABLE touched (id integer)", *COUNTING[target])

    sides.load(spec(DAYS), "2024-01-01", Mode.UPSERT)

    assert sides.target.rows("SELECT id FROM touched ORDER BY id") == [(2,), (3,)]
    assert sides.pair(spec(DAYS)).target_schema.triggers == ("seen",)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("old", ["x", "X", "x ", "", None])
def test_texts_differ_whatever_the_collation_says(both: Both, target: Name, old: str | None) -> None:
    """A collation may hold 'x', 'X' and 'x ' equal; an upsert does not."""
    sides = both("postgresql", target)
    collation = "collate utf8mb4_general_ci" if target == "mysql" else ""
    sides.create("id integer, v text", f"id integer primary key, v varchar(5) {collation}", [(1, "x")])
    sides.target.fill("t", [(1, old)])

    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (0, int(old != "x"), 0)
    assert sides.target.rows() == [(1, "x")]


def test_keys_that_differ_by_case_are_two_keys(both: Both) -> None:
    """Where the target has no key of its own that says otherwise."""
    sides = both("postgresql", "mysql")
    sides.create("k text, v integer", "k varchar(5) collate utf8mb4_general_ci, v integer", [("x", 1)])
    sides.target.fill("t", [("X", 2)])

    assert wrote(sides.load(spec(key=("k",)), mode=Mode.UPSERT)) == (1, 0, 0)
    assert sorted(sides.target.rows()) == [("X", 2), ("x", 1)]


@pytest.mark.parametrize("target", TARGETS)
def test_key_that_moved_to_another_day(both: Both, target: Name) -> None:
    """Upsert moves the row, gap filling leaves it where it is, replace says that the key is taken."""
    sides = prepared(both, target, held=[(1, SECOND, 10, "a")])
    sides.source.run("DELETE FROM t WHERE id > 1")

    assert wrote(sides.load(spec(DAYS), "2024-01-01")) == (0, 0, 0)
    assert sides.target.rows() == [(1, SECOND, 10, "a")]
    assert wrote(sides.load(spec(DAYS), "2024-01-01", Mode.UPSERT)) == (0, 1, 0)
    assert sides.target.rows() == [(1, FIRST, 10, "a")]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", ["postgresql", "sqlite"])
def test_null_in_a_key_equals_null(both: Both, source: Name, target: Name) -> None:
    """A table without constraints may have them; they are found again."""
    sides = both(source, target)
    rows = [(1, None, 1), (1, 2, 2), (None, None, 3)]
    sides.create("a integer, b integer, v integer", "a integer, b integer, v integer", rows)
    declared = spec(key=("a", "b"))

    assert wrote(sides.load(declared)) == (3, 0, 0)
    assert wrote(sides.load(declared)) == (0, 0, 0)
    sides.target.run("UPDATE t SET v = 7 WHERE b IS NULL")
    assert wrote(sides.load(declared, mode=Mode.UPSERT)) == (0, 2, 0)
    assert sorted(sides.target.rows(), key=str) == sorted(rows, key=str)


@pytest.mark.parametrize("target", TARGETS)
def test_unique_key_that_may_be_null_is_not_trusted(both: Both, target: Name) -> None:
    """Unique constraints let NULL in twice; the day of the first is not the day that is loaded."""
    sides = both("postgresql", target)
    stamp = "timestamp" if target == "postgresql" else "datetime"
    sides.create("k integer, at timestamp", f"k integer unique, at {stamp}", [(None, FIRST)])
    sides.target.fill("t", [(None, SECOND)])

    assert wrote(sides.load(spec(DAYS, key=("k",)), "2024-01-01")) == (0, 0, 0)


@pytest.mark.parametrize("target", TARGETS)
def test_table_without_key(both: Both, target: Name) -> None:
    """Its empty days can be filled and any day replaced; what else is missing nobody can tell."""
    sides = prepared(both, target, held=[])
    keyless = spec(DAYS, key=())

    assert wrote(sides.load(keyless, "2024-01-01")) == (3, 0, 0)
    with pytest.raises(RefusedError, match="without a key nobody can tell"):
        sides.load(keyless, "2024-01-01")
    assert wrote(sides.load(keyless, "2024-01-01", Mode.REPLACE)) == (3, 0, 3)
    with pytest.raises(RefusedError, match="mode upsert finds rows by key, and none is declared"):
        sides.load(keyless, "2024-01-01", Mode.UPSERT)


@pytest.mark.parametrize("target", TARGETS)
def test_table_that_is_all_key(both: Both, target: Name) -> None:
    """There is nothing to update."""
    sides = both("postgresql", target)
    sides.create("id integer", "id integer primary key", [(1,), (2,)])
    sides.target.fill("t", [(1,)])

    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (1, 0, 0)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_where_holds_on_both_sides(both: Both, source: Name, target: Name) -> None:
    """Rows outside it are neither read, nor changed, nor deleted."""
    declared = spec(where="w <> 'own' AND w LIKE '%' -- mine: only")
    sides = prepared(both, target, source, held=[(5, FIRST, 1, "gone"), (2, FIRST, 0, "own"), (8, FIRST, 80, "own")])

    assert wrote(sides.load(declared, mode=Mode.UPSERT)) == (3, 0, 0)
    assert wrote(sides.load(declared, mode=Mode.REPLACE) if not _taken(sides) else sides.load(declared)) == (0, 0, 0)
    assert sides.target.rows("SELECT id, v FROM t WHERE w = 'own' ORDER BY id") == [(2, 0), (8, 80)]


def _taken(sides: Sides) -> bool:
    """Whether a row outside of ``where`` holds a key of the source, so that its row cannot be replaced."""
    return bool(sides.target.rows("SELECT id FROM t WHERE w = 'own' AND id = 2"))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_renamed_cast_and_ignored_columns(both: Both, source: Name, target: Name) -> None:
    """By the source's names; a column that only the target has keeps its default."""
    sides = both(source, target)
    sides.create(
        "id integer, amount varchar(9), secret varchar(9)",
        "id integer primary key, total integer, loaded varchar(9) default 'now'",
        [(1, "12", "x"), (2, None, "y")],
    )
    integer = "signed" if source == "mysql" else "integer"
    declared = spec(rename={"amount": "total"}, cast={"amount": integer}, ignore=("secret", "loaded"))

    sides.load(declared)
    sides.target.run("UPDATE t SET total = 13")

    assert wrote(sides.load(declared, mode=Mode.UPDATE_COLUMNS, columns=("amount",))) == (0, 2, 0)
    assert sides.target.rows() == [(1, 12, "now"), (2, None, "now")]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", SOURCES)
def test_query_as_source(both: Both, source: Name, target: Name) -> None:
    """With its own days; it may end in a comment or a semicolon, and hold colons and percent signs."""
    sides = prepared(both, target, source, held=[])
    query = "select id, at, v + 1 as v, ':w 100%' as w from t where w like '%' and id < 9 -- that: is all"
    if source == "duckdb":  # it has reserved the word
        query = query.replace(" at,", ' "at",')
    declared = spec(DAYS, source=Relation("source", query=query))

    assert wrote(sides.load(declared, "2024-01-01")) == (3, 0, 0)
    assert wrote(sides.load(declared, "2024-01-02")) == (0, 0, 0)
    assert sides.target.rows("SELECT id, v, w FROM t ORDER BY id") == [
        (1, 11, ":w 100%"),
        (2, 21, ":w 100%"),
        (3, None, ":w 100%"),
    ]


IDENTITIES = {
    "postgresql-always": ("postgresql", "integer generated always as identity primary key"),
    "postgresql-default": ("postgresql", "integer generated by default as identity primary key"),
    "postgresql-serial": ("postgresql", "serial primary key"),
    "mysql": ("mysql", "integer auto_increment primary key"),
}


@pytest.mark.parametrize(("target", "of"), IDENTITIES.values(), ids=IDENTITIES)
def test_identity_and_generated_columns(both: Both, target: Name, of: str) -> None:
    """Numbers arrive as they were, 0 too; the target computes what it computes; the next number is free."""
    sides = both("postgresql", target)
    sides.create(
        "id integer, v integer", f"id {of}, v integer, d integer generated always as (v * 2) stored", [(0, 1), (41, 2)]
    )

    assert wrote(sides.load(spec())) == (2, 0, 0)
    sides.target.run("INSERT INTO t (v) VALUES (3)", "DELETE FROM t WHERE id = 41")
    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (1, 0, 0)

    assert sides.target.rows() == [(0, 1, 2), (41, 2, 4), (42, 3, 6)]
    sides.target.run("INSERT INTO t (v) VALUES (4)")
    assert sides.target.rows("SELECT max(id) FROM t") == [(43,)]


def test_sequence_that_no_column_owns(both: Both) -> None:
    """Belongs to somebody else, and stays where it is."""
    sides = both("postgresql", "postgresql")
    sides.target.run("CREATE SEQUENCE shared")
    sides.create("id integer", "id integer primary key default nextval('shared')", [(5,)])
    sides.load(spec())
    assert sides.target.rows("SELECT nextval('shared')") == [(1,)]


def test_streams_of_many_blocks(both: Both) -> None:
    """Arrive whole, and say how many bytes they were."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer, v text", "id integer primary key, v text")
    sides.source.run("INSERT INTO t SELECT i, repeat('é', 100) FROM generate_series(1, 5000) i")
    loaded = sides.load(spec())
    assert (loaded.read, loaded.inserted) == (5000, 5000)
    assert loaded.bytes > 1_000_000
    assert sides.target.rows("SELECT count(*), sum(length(v)) FROM t") == [(5000, 500_000)]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_replace_is_refused_where_it_would_cascade(both: Both, target: Name, action: str) -> None:
    """And upsert is not."""
    sides = prepared(both, target)
    sides.target.run(f"CREATE TABLE child (t integer, foreign key (t) references t (id) ON DELETE {action})")

    with pytest.raises(RefusedError, match="would delete or change rows of child by foreign key; use upsert"):
        sides.load(spec(DAYS), "2024-01-01", Mode.REPLACE)
    assert wrote(sides.load(spec(DAYS), "2024-01-01", Mode.UPSERT)) == (0, 2, 0)


WRONG = {
    "columns with a mode for whole rows": (Mode.UPSERT, ("v",), "it writes whole rows, so name no columns"),
    "no columns": (Mode.FILL_NULLS, (), "name the columns to write"),
    "unknown": (Mode.FILL_NULLS, ("vv",), "'vv' is no column to write; did you mean 'v'"),
    "key": (Mode.UPDATE_COLUMNS, ("id",), "'id' is no column to write"),
}


@pytest.mark.parametrize(("mode", "columns", "said"), WRONG.values(), ids=WRONG)
def test_wrong_requests_are_refused(both: Both, mode: Mode, columns: tuple[str, ...], said: str) -> None:
    """Before anything is asked of a database."""
    sides = prepared(both, "postgresql")
    with pytest.raises(RefusedError, match=said):
        sides.load(spec(DAYS), "2024-01-01", mode, columns=columns)


@pytest.mark.parametrize("target", TARGETS)
def test_swapped_parents_are_checked_at_the_end(both: Both, target: Name) -> None:
    """An upsert may write a child before its parent where the constraint waits."""
    sides = both("postgresql", target)
    key = "integer references t (id) deferrable initially deferred" if target == "postgresql" else "integer"
    sides.create("id integer, up integer", f"id integer primary key, up {key}", [(1, 3), (3, None)])
    sides.target.fill("t", [(1, None)])

    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (1, 1, 0)


def test_tables_that_take_no_part_in_transactions_are_refused(both: Both) -> None:
    """A failed load of theirs could not be undone."""
    sides = both("postgresql", "mysql")
    sides.create("id integer", "id integer primary key")
    sides.target.run("ALTER TABLE t ENGINE = MyISAM")
    with pytest.raises(DeclarationError, match="takes no part in transactions"):
        sides.load(spec())


def test_table_named_like_the_stage_survives(both: Both) -> None:
    """The stage is a temporary table, and only temporary ones are dropped."""
    for target in TARGETS:
        sides = prepared(both, target)
        sides.target.run("CREATE TABLE recon_stage (a integer)", "INSERT INTO recon_stage VALUES (1)")
        sides.load(spec(DAYS), "2024-01-01", Mode.UPSERT)
        sides.load(spec(DAYS), "2024-01-01", Mode.UPSERT)
        assert sides.target.rows("SELECT * FROM recon_stage") == [(1,)]
        sides.close()


ROWS = st.lists(
    st.tuples(
        st.integers(1, 5),
        st.integers(0, 60).map(lambda hours: datetime(2024, 1, 1) + timedelta(hours=hours)),  # noqa: DTZ001
        st.none() | st.integers(-2, 2),
        st.none() | st.text("a\\\t\n'\"N", max_size=2),
    ),
    unique_by=lambda row: row[0],
)


@pytest.mark.parametrize("target", TARGETS)
def test_laws_of_loading(both: Both, target: Name) -> None:
    """Loading twice is loading once; gap filling keeps what is there; after a replace both sides' windows are equal."""
    sides = prepared(both, target, held=[])
    pair = sides.pair(spec(DAYS))
    windows = list(DAYS.windows(date(2024, 1, 4)))

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(there=ROWS, held=ROWS, mode=st.sampled_from([Mode.INSERT_MISSING, Mode.UPSERT]))
    def laws(there: list[tuple[Any, ...]], held: list[tuple[Any, ...]], mode: Mode) -> None:
        for side, rows in ((sides.source, there), (sides.target, held)):
            side.run("DELETE FROM t")
            side.fill("t", rows)
        for window in windows:
            writing.load(pair, window, mode=mode)

        known = {row[0]: row for row in held}
        wanted = {**known, **{row[0]: row for row in there if mode is Mode.UPSERT or row[0] not in known}}
        assert sides.target.rows() == sorted(wanted.values())
        assert [wrote(writing.load(pair, window, mode=mode)) for window in windows] == [(0, 0, 0)] * len(windows)

    laws()


def test_naive_times_of_another_zone(both: Both) -> None:
    """Local times of the source become instants of the target, in the same windows, whatever column holds them."""
    zone = "America/New_York"
    days = Calendar("at", date(2024, 7, 1), date(2024, 7, 3), timezone=zone, stored_in=zone)
    sides = both("mysql", "postgresql")
    sides.create(
        "id integer, at datetime(6), sent datetime", "id integer primary key, at timestamptz, sent timestamptz"
    )
    midnight = datetime(2024, 7, 2)  # noqa: DTZ001 - a local time
    sides.source.fill("t", [(1, midnight - timedelta(minutes=30), midnight), (2, midnight, None)])

    sides.load(spec(days), "2024-07-01")
    sides.load(spec(days), "2024-07-02")

    assert sides.target.rows() == [
        (1, datetime(2024, 7, 2, 3, 30, tzinfo=UTC), datetime(2024, 7, 2, 4, tzinfo=UTC)),
        (2, datetime(2024, 7, 2, 4, tzinfo=UTC), None),
    ]
    for day in ("2024-07-01", "2024-07-02"):
        assert (
            reading.counts_by_window(
                sides.pair(spec(days)).target, spec(days), "target", datetime(2024, 7, 3, 12, tzinfo=UTC)
            )[day]
            == 1
        )


@pytest.mark.parametrize("query", [None, "select id, at from t"], ids=["table", "query"])
def test_window_column_that_is_cast(both: Both, query: str | None) -> None:
    """Days are those of the value after the cast, whatever the text looks like; a query has no catalogue to cast by."""
    sides = both("postgresql", "postgresql")
    texts = [(1, "2 Jan 2024 10:00"), (2, "2024-01-03"), (3, "2024-01-02T23:59:59")]
    sides.create("id integer, at varchar(30)", "id integer primary key, at timestamp", texts)
    declared = spec(DAYS, cast={"at": "timestamp"})
    if query:
        declared = spec(DAYS, source=Relation("source", query=query), cast={"at": "timestamp"})

    assert wrote(sides.load(declared, "2024-01-02")) == (2, 0, 0)
    assert sides.target.rows("SELECT id FROM t ORDER BY id") == [(1,), (3,)]


def test_number_that_no_update_may_name(both: Both) -> None:
    """An identity that is always generated is inserted, is left out of updates, and is refused when asked for."""
    sides = both("postgresql", "postgresql")
    always = "n integer generated always as identity"
    sides.create("id integer, n integer, v integer", f"id integer primary key, {always}, v integer", [(1, 7, 1)])
    sides.load(spec())
    sides.target.run("UPDATE t SET v = 0")

    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (0, 1, 0)
    assert sides.target.rows() == [(1, 7, 1)]
    with pytest.raises(RefusedError, match="'n' is no column to write"):
        sides.load(spec(), mode=Mode.UPDATE_COLUMNS, columns=("n",))


def test_files_are_never_loaded_into(both: Both) -> None:
    """A file takes no locks and no staging, so it is a source only."""
    sides = both("postgresql", "sqlite")
    sides.create("id integer", "id integer")

    with pytest.raises(DeclarationError, match="sqlite files can be sources, not targets"):
        sides.load(spec())
