"""Corrections written to a real target: exactly what was planned, guarded by what was seen, and undone to the byte."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from recon_assets import diff, reading, writing
from recon_assets.errors import DoesNotFitError, RefusedError, StaleTargetError, UnavailableError
from recon_assets.model import ALL, Action, Change, ChangeStatus, Discrepancy, DiscrepancyKind, Relation, Value
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, Sides, spec

PAIRS = [pytest.param((source, target), id=f"{source}-{target}") for source in TARGETS for target in TARGETS]


def compared(pair: reading.Pair) -> tuple[Discrepancy, ...]:
    """All that differs."""
    with reading.snapshot(pair) as snapshot:
        found = diff.compare_windows(snapshot, [ALL])["all"]
    return (*found.missing, *found.extra, *found.mismatched)


def corrected(pair: reading.Pair, found: Sequence[Discrepancy]) -> Sequence[Change]:
    """Plans and writes."""
    with writing.correcting(pair, "all") as correcting:
        return correcting.write(found)


def undone(pair: reading.Pair, changes: Sequence[Change]) -> None:
    """Writes the inverses, newest first."""
    with writing.correcting(pair, "all") as correcting:
        correcting.undo([change.inverse for change in reversed(changes)])


@pytest.fixture
def sides(both: Both, request: pytest.FixtureRequest) -> Sides:
    """Three rows in the source; one of them is missing in the target, one differs, and the target has one more."""
    source, target = request.param
    made = both(source, target)
    made.create("id integer primary key, name varchar(20), n numeric(10,2)", TARGET)
    made.source.fill("t", [(1, "one", 1), (2, "two", 2), (3, "three", 3)])
    made.target.fill("t", BEFORE)
    return made


TARGET = "id integer primary key, name varchar(20), n numeric(10,2), note varchar(20) default 'new'"
EVERYWHERE = pytest.mark.parametrize("sides", PAIRS, indirect=True)
BEFORE: list[Any] = [(1, "one", 1, "a"), (2, "TWO", 2, "b"), (4, "four", None, "c")]
AFTER: list[Any] = [(1, "one", 1, "a"), (2, "two", 2, "b"), (3, "three", 3, "new")]


@EVERYWHERE
def test_the_target_becomes_as_the_source_and_back(sides: Sides) -> None:
    """Missing rows are inserted, different ones updated where they differ, extra ones deleted; and all of it undone."""
    pair = sides.pair(spec(ignore=("note",)))

    changes = corrected(pair, compared(pair))

    assert sides.target.rows() == AFTER
    assert compared(pair) == ()
    assert [change.action for change in changes] == [Action.INSERT, Action.DELETE, Action.UPDATE]
    assert changes[1].before == {"id": "4", "name": "four", "n": None, "note": "c"}
    assert changes[2].before == {"name": "TWO"}
    assert changes[2].after == {"name": "two"}
    undone(pair, changes)
    assert sides.target.rows() == BEFORE


@EVERYWHERE
@pytest.mark.parametrize("column", ["note", "stamp"])
def test_an_inserted_row_that_was_added_to_is_not_deleted(sides: Sides, column: str) -> None:
    """Its undo would lose what somebody wrote into a column of which the correction said nothing."""
    sides.target.run("ALTER TABLE t ADD COLUMN stamp timestamp(6) DEFAULT CURRENT_TIMESTAMP(6)")
    pair = sides.pair(spec(ignore=("note", "stamp")))
    undone(pair, corrected(pair, [found for found in compared(pair) if found.key == (3,)]))
    assert len(sides.target.rows()) == 3
    changes = corrected(pair, [found for found in compared(pair) if found.key == (3,)])
    sides.target.run(f"UPDATE t SET {column} = '2024-01-01 10:00:00' WHERE id = 3")
    there = sides.target.rows()

    with pytest.raises(StaleTargetError, match="id=3"):
        undone(pair, changes)

    assert sides.target.rows() == there


MOMENT = "datetime(6) NOT NULL DEFAULT '2020-01-01' ON UPDATE CURRENT_TIMESTAMP(6)"


@pytest.mark.parametrize("ignored", [("stamp",), ()], ids=["ignored", "compared"])
def test_a_moment_of_change_is_undone_too(both: Both, ignored: tuple[str, ...]) -> None:
    """MariaDB writes it with every update: it comes back with the row; where it is compared, it stays."""
    sides = both("mysql", "mysql")
    sides.create(
        "id integer primary key, n integer, stamp datetime(6)", f"id integer primary key, n integer, stamp {MOMENT}"
    )
    sides.source.fill("t", [(1, 1, "2020-01-01")])
    sides.target.fill("t", [(1, 9, "2020-01-01")])
    was = sides.target.rows()
    pair = sides.pair(spec(ignore=ignored))

    changes = corrected(pair, compared(pair))

    assert compared(pair) == ()
    assert (sides.target.rows()[0][2] == was[0][2]) is ("stamp" not in ignored)
    undone(pair, changes)
    assert sides.target.rows() == was


TOUCHING = (
    """CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.touched := clock_timestamp(); RETURN NEW; END $$""",
    "CREATE TRIGGER touch BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()",
)


@pytest.mark.parametrize("sides", [pytest.param(("postgresql", "postgresql"))], indirect=True)
def test_what_a_trigger_would_not_let_be_undone(sides: Sides) -> None:
    """What it makes of a row is part of the change; an undo that would leave a row otherwise than it was names it."""
    sides.target.run("ALTER TABLE t ADD COLUMN touched timestamp DEFAULT '2020-01-01'")
    pair = sides.pair(spec(ignore=("note", "touched")))
    found = [found for found in compared(pair) if found.key == (2,)]
    changes = corrected(pair, found)
    sides.target.run(*TOUCHING)
    pair = sides.pair(pair.spec)
    for error, why in (
        (RefusedError, "id=2 would not be .* changes touched by itself"),
        (DoesNotFitError, "id=2 is not as it was written, so a trigger or rule changed it; nothing was written$"),
    ):
        there = sides.target.rows()
        assert there[1][1] == "two"
        with pytest.raises(error, match=why):
            undone(pair, changes)
        assert sides.target.rows() == there
        sides.target.run("ALTER TABLE t DISABLE TRIGGER touch", "UPDATE t SET name = 'TWO' WHERE id = 2")
        sides.target.run("ALTER TABLE t ENABLE TRIGGER touch")
        changes = corrected(pair, found)

    (change,) = changes
    assert change.after is not None
    assert sides.target.rows("SELECT touched::text FROM t WHERE id = 2") == [(change.after["touched"],)]


SETTING = {
    "postgresql": (
        "CREATE FUNCTION zero() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := 0; RETURN NEW; END $$",
        "CREATE TRIGGER zero BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION zero()",
    ),
    "mysql": ("CREATE TRIGGER zero BEFORE UPDATE ON t FOR EACH ROW SET NEW.n = 0",),
}


@pytest.mark.parametrize("target", TARGETS)
def test_a_compared_column_that_a_trigger_sets_is_named(both: Both, target: Name) -> None:
    """The change does not write it, so neither the change nor its undo would leave it as it was."""
    sides = both(target, target)
    columns = "id integer primary key, name varchar(9), n integer"
    sides.create(columns, columns, [(1, "one", 5)])
    sides.target.fill("t", [(1, "ONE", 5)])
    sides.target.run(*SETTING[target])
    pair = sides.pair(spec())

    with pytest.raises(DoesNotFitError, match=r"id=1 is not as it was written, so a trigger .* \(column n\); nothing"):
        corrected(pair, compared(pair))

    assert sides.target.rows() == [(1, "ONE", 5)]
    pair = sides.pair(spec(ignore=("n",)))
    (change,) = corrected(pair, compared(pair))
    assert (change.before, change.after) == ({"name": "ONE", "n": "5"}, {"name": "one", "n": "0"})


@EVERYWHERE
def test_a_column_that_is_gone_is_named(sides: Sides) -> None:
    """What was planned can neither be written, nor judged, nor undone without it."""
    pair = sides.pair(spec(ignore=("note",)))
    changes = corrected(pair, compared(pair))
    sides.target.run("ALTER TABLE t RENAME COLUMN name TO title")
    pair = sides.pair(spec(ignore=("note",), rename={"name": "title"}))
    there = sides.target.rows()

    with pytest.raises(RefusedError, match=r"t all: the target t has no column name any more.*Bring it back"):
        undone(pair, changes)
    with (
        writing.correcting(pair, "all", dry_run=True) as correcting,
        pytest.raises(RefusedError, match="no column name any more"),
    ):
        correcting.judge(changes)

    assert sides.target.rows() == there


@EVERYWHERE
def test_a_dry_run_keeps_nothing(sides: Sides) -> None:
    """It does everything, so that it meets what a real run would meet, and takes it back."""
    pair = sides.pair(spec(ignore=("note",)))

    with writing.correcting(pair, "all", dry_run=True) as correcting:
        changes = correcting.write(compared(pair))
        assert set(correcting.judge(changes)) == {ChangeStatus.AFTER}

    assert sides.target.rows() == BEFORE


@EVERYWHERE
def test_an_error_keeps_nothing(sides: Sides) -> None:
    """Whatever ends the block early leaves the target as it was."""
    pair = sides.pair(spec(ignore=("note",)))

    def interrupted() -> None:
        with writing.correcting(pair, "all") as correcting:
            correcting.write(compared(pair))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert sides.target.rows() == BEFORE


KILL = {
    "postgresql": """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'recon-assets target' AND datname = current_database()""",
    "mysql": """SELECT CONCAT('KILL ', id) FROM information_schema.processlist
        WHERE id <> CONNECTION_ID() AND db = DATABASE()""",
}


@EVERYWHERE
def test_a_lost_connection_keeps_nothing(sides: Sides) -> None:
    """It is said to be one, so that somebody tries again; the rows are as they were."""
    pair = sides.pair(spec(ignore=("note",)))
    found = compared(pair)

    def cut() -> None:
        with writing.correcting(pair, "all") as correcting:
            correcting.write(found)
            said = sides.target.rows(KILL[sides.target.name])
            sides.target.run(*(row[0] for row in said if isinstance(row[0], str)))

    with pytest.raises(UnavailableError, match="t all"):
        cut()

    assert sides.target.rows() == BEFORE


MOVED = [
    pytest.param("UPDATE t SET name = 'Two' WHERE id = 2", "id=2", id="updated, by case only"),
    pytest.param("UPDATE t SET n = 2.5 WHERE id = 2", "id=2", id="updated in a column that did not differ"),
    pytest.param("DELETE FROM t WHERE id = 2", "id=2", id="deleted"),
    pytest.param("UPDATE t SET name = NULL WHERE id = 4", "id=4", id="updated before it is deleted"),
    pytest.param("INSERT INTO t (id) VALUES (3)", "id=3", id="inserted"),
    pytest.param("INSERT INTO t (id, name, n) VALUES (3, 'three', 3)", "id=3", id="inserted as it was to be"),
]


@EVERYWHERE
@pytest.mark.parametrize(("statement", "key"), MOVED)
def test_rows_that_moved_on_are_not_planned(sides: Sides, statement: str, key: str) -> None:
    """A row that no longer shows what was seen is named, and nothing is written."""
    pair = sides.pair(spec(ignore=("note",)))
    found = compared(pair)
    sides.target.run(statement)
    there = sides.target.rows()

    with pytest.raises(StaleTargetError, match="Compare again") as refused:
        corrected(pair, found)

    assert refused.value.keys == (key,)
    assert sides.target.rows() == there


@pytest.mark.parametrize("sides", [pytest.param(("postgresql", "postgresql"))], indirect=True)
def test_a_table_called_as_rows_are_in_returning(sides: Sides) -> None:
    """What was there before is read from the row, not from a table that happens to be called ``old``."""
    sides.source.run("ALTER TABLE t RENAME TO old")
    sides.target.run("ALTER TABLE t RENAME TO old")
    pair = sides.pair(
        replace(spec(ignore=("note",)), source=Relation("source", "old"), target=Relation("target", "old"))
    )

    changes = corrected(pair, compared(pair))

    assert [(change.before or {}).get("name") for change in changes] == [None, "four", "TWO"]


@EVERYWHERE
def test_what_the_comparison_ignores_may_move_on(sides: Sides) -> None:
    """A column that was not seen is no part of the guard; it is part of what a deleted row was."""
    pair = sides.pair(spec(ignore=("note",)))
    found = compared(pair)
    sides.target.run("UPDATE t SET note = 'later'")

    changes = corrected(pair, found)
    undone(pair, changes)

    assert sides.target.rows() == [(*row[:3], "later") for row in BEFORE]


AFTERWARDS = [
    pytest.param("UPDATE t SET name = 'TWo' WHERE id = 2", ("id=2",), id="update"),
    pytest.param("DELETE FROM t WHERE id = 2", ("id=2",), id="updated row is gone"),
    pytest.param("UPDATE t SET note = 'mine' WHERE id = 3", ("id=3",), id="insert, in a column of its own"),
    pytest.param("INSERT INTO t (id) VALUES (4)", ("id=4",), id="delete"),
]


@EVERYWHERE
@pytest.mark.parametrize(("statement", "keys"), AFTERWARDS)
def test_rows_that_moved_on_are_not_undone(sides: Sides, statement: str, keys: tuple[str, ...]) -> None:
    """The inverse is guarded by the very values; all of it is refused, naming the rows."""
    sides.source.run("ALTER TABLE t ADD COLUMN note varchar(20)", "UPDATE t SET note = 'new' WHERE id = 3")
    sides.source.run("UPDATE t SET note = 'a' WHERE id = 1", "UPDATE t SET note = 'b' WHERE id = 2")
    pair = sides.pair(spec())
    changes = corrected(pair, compared(pair))
    sides.target.run(statement)
    there = sides.target.rows()

    with pytest.raises(StaleTargetError) as refused:
        undone(pair, changes)

    assert refused.value.keys == keys
    assert sides.target.rows() == there


@EVERYWHERE
def test_rows_tell_what_became_of_a_change(sides: Sides) -> None:
    """As after, as before, or neither: of each action, also where the row is gone."""
    pair = sides.pair(spec(ignore=("note",)))
    with writing.correcting(pair, "all", dry_run=True) as correcting:
        changes = correcting.write(compared(pair))

    def judged() -> list[ChangeStatus]:
        with writing.correcting(pair, "all", dry_run=True) as correcting:
            return list(correcting.judge(changes))

    assert judged() == [ChangeStatus.BEFORE] * 3
    corrected(pair, compared(pair))
    assert judged() == [ChangeStatus.AFTER] * 3
    sides.target.run("UPDATE t SET name = 'x'", "INSERT INTO t (id) VALUES (4)")
    assert judged() == [ChangeStatus.NEITHER] * 3
    sides.target.run("DELETE FROM t")
    assert judged() == [ChangeStatus.BEFORE, ChangeStatus.AFTER, ChangeStatus.NEITHER]


@EVERYWHERE
def test_a_value_that_does_not_fit_is_named(sides: Sides) -> None:
    """Its row and column are named, not the value; and nothing of the others is written."""
    sides.source.run("ALTER TABLE t MODIFY name varchar(90)" if sides.source.name == "mysql" else _WIDER)
    sides.source.run("UPDATE t SET name = 'a name of more than twenty letters' WHERE id = 2")
    pair = sides.pair(spec(ignore=("note",)))

    with pytest.raises(DoesNotFitError, match=r"id=2: column name \(.*\(20\)\) cannot hold text of 34") as refused:
        corrected(pair, compared(pair))

    assert "letters" not in str(refused.value)
    assert sides.target.rows() == BEFORE


_WIDER = "ALTER TABLE t ALTER name TYPE varchar(90)"


@EVERYWHERE
def test_a_row_that_the_target_refuses_is_named(sides: Sides) -> None:
    """A constraint of the target refuses one of many rows."""
    sides.source.fill("t", [(at, f"name {at}", at) for at in range(10, 40)])
    sides.target.run("ALTER TABLE t ADD CONSTRAINT small CHECK (n IS NULL OR n <> 27)")
    pair = sides.pair(spec(ignore=("note",)))

    with pytest.raises(DoesNotFitError, match=r"^t all: id=27: check violation.*nothing was written"):
        corrected(pair, compared(pair))

    assert sides.target.rows() == BEFORE


TRIGGERS = {
    "postgresql": (
        """CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN IF NEW.id = 3 THEN NEW.name := upper(NEW.name); END IF; RETURN NEW; END $$""",
        "CREATE TRIGGER shout BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION shout()",
    ),
    "mysql": (
        "CREATE TRIGGER shout BEFORE INSERT ON t FOR EACH ROW SET NEW.name = IF(NEW.id = 3, UPPER(NEW.name), NEW.name)",
    ),
}


@EVERYWHERE
def test_a_row_that_a_trigger_changes_is_named(sides: Sides) -> None:
    """What is written is read back."""
    sides.target.run(*TRIGGERS[sides.target.name])
    pair = sides.pair(spec(ignore=("note",)))

    with pytest.raises(DoesNotFitError, match=r"id=3 is not as it was written"):
        corrected(pair, compared(pair))

    assert sides.target.rows() == BEFORE


UNWRITTEN = [
    pytest.param(
        "BEFORE INSERT", "ROW", "IF NEW.id = 3 THEN RETURN NULL; END IF;", "id=3: the target has not", id="row"
    ),
    pytest.param("BEFORE DELETE", "ROW", "RETURN NULL;", "id=4: the target has not written it", id="deleted row"),
    pytest.param(
        "AFTER INSERT",
        "STATEMENT",
        "IF (SELECT count(*) FROM t) > 4 THEN RAISE 'full'; END IF;",
        "raise exception",
        id="together",
    ),
    pytest.param(
        "AFTER DELETE",
        "STATEMENT",
        "IF EXISTS (SELECT FROM t WHERE id = 3) THEN RAISE 'x'; END IF;",
        "raise exception",
        id="with another",
    ),
    pytest.param("BEFORE UPDATE", "ROW", "NEW.at := now();", "id=2 is not as it was written", id="moment"),
]


@pytest.mark.parametrize(("when", "each", "does", "why"), UNWRITTEN)
@pytest.mark.parametrize("sides", [pytest.param(("postgresql", "postgresql"))], indirect=True)
def test_what_a_trigger_keeps_from_being_written(sides: Sides, when: str, each: str, does: str, why: str) -> None:
    """The row is named where it is one row's fault; a moment that both sides have stays what it is."""
    for side in (sides.source, sides.target):
        side.run("ALTER TABLE t ADD COLUMN at timestamp DEFAULT '2020-01-01'")
    sides.source.run("INSERT INTO t (id) VALUES (5)")
    sides.target.run(
        f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {does} RETURN NEW; END $$",
        f"CREATE TRIGGER f {when} ON t FOR EACH {each} EXECUTE FUNCTION f()",
    )
    pair = sides.pair(spec(ignore=("note",)))
    there = sides.target.rows()

    with pytest.raises(DoesNotFitError, match=f"^t all: ?{why}.*nothing was written$"):
        corrected(pair, compared(pair))

    assert sides.target.rows() == there


@EVERYWHERE
def test_tables_without_a_key_are_not_corrected(sides: Sides) -> None:
    """Nobody can tell which row is meant."""
    pair = sides.pair(spec(key=(), ignore=("note",)))

    with pytest.raises(RefusedError, match="declare a key"):
        corrected(pair, compared(pair))


@pytest.mark.parametrize("side", ["source", "target"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_key_that_stands_twice_is_not_corrected(both: Both, target: Name, side: str) -> None:
    """Which of two rows is meant, nobody can tell."""
    sides = both("postgresql", target)
    sides.create("id integer, n integer", "id integer, n integer")
    (sides.source if side == "source" else sides.target).fill("t", [(1, 1), (1, 2), (2, 1)])
    pair = sides.pair(spec())

    with pytest.raises(RefusedError, match="id=1 is the key of two rows"):
        corrected(pair, compared(pair))


@EVERYWHERE
def test_nothing_says_what_is_right_for_orphans(sides: Sides) -> None:
    """A row that names a parent which is not there is never deleted for it."""
    pair = sides.pair(spec(ignore=("note",), private=("id",)))
    orphan = Discrepancy(DiscrepancyKind.ORPHAN, (4,), target={"id": 4, "name": "four", "n": None})

    with pytest.raises(RefusedError, match=r"t all: id=\*\*\*: nothing says what is right"):
        corrected(pair, [orphan])


@pytest.mark.parametrize("sides", [pytest.param(("mysql", "mysql"))], indirect=True)
def test_a_deadlock_is_tried_again(sides: Sides) -> None:
    """MySQL ends the whole transaction with it, so that there is no savepoint to go back to."""
    pair = sides.pair(spec(ignore=("note",)))
    found = compared(pair)

    with ThreadPoolExecutor(1) as pool, sides.target.connect() as other:
        cursor = other.cursor()
        cursor.execute("INSERT INTO t (id) SELECT 1000 + seq FROM seq_1_to_500")  # the heavier of two is not the victim
        cursor.execute("INSERT INTO t (id) VALUES (3)")
        ours = pool.submit(corrected, pair, found)
        while not sides.target.rows(WAITING["mysql"]):
            assert not ours.done()
        cursor.execute("UPDATE t SET n = 7 WHERE id = 2")

        with pytest.raises(UnavailableError, match="t all: Deadlock found"):
            ours.result()


@EVERYWHERE
def test_a_row_that_somebody_inserts_meanwhile_is_not_written(sides: Sides) -> None:
    """Their transaction is waited for, and then the row is one that has moved on: nobody has to mend it."""
    pair = sides.pair(spec(ignore=("note",)))
    found = compared(pair)

    with ThreadPoolExecutor(1) as pool, sides.target.connect() as other:
        other.cursor().execute("INSERT INTO t (id) VALUES (3)")
        ours = pool.submit(corrected, pair, found)
        while not sides.target.rows(WAITING[sides.target.name]):
            assert not ours.done()
        other.commit()

        with pytest.raises(StaleTargetError, match="id=3: not as when it was compared") as refused:
            ours.result()

    assert refused.value.keys == ("id=3",)
    assert sides.target.rows() == [*BEFORE[:2], (3, None, None, "new"), BEFORE[2]]


WAITING = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mysql": """SELECT 1 FROM information_schema.global_status
        WHERE variable_name = 'Innodb_row_lock_current_waits' AND variable_value > 0""",
}


@EVERYWHERE
def test_evidence_of_some_columns_makes_no_row(sides: Sides) -> None:
    """A missing record of which some columns were read cannot be inserted; a mismatch in these can be updated."""
    pair = sides.pair(spec(ignore=("note",)))

    with pytest.raises(RefusedError, match="says nothing of column n"):
        corrected(pair, [Discrepancy(DiscrepancyKind.MISSING, (3,), {"id": 3, "name": "three"})])
    source: dict[str, Value] = {"id": 2, "name": "two"}
    target: dict[str, Value] = {"id": 2, "name": "TWO"}
    corrected(pair, [Discrepancy(DiscrepancyKind.MISMATCHED, (2,), source, target, ("name",))])

    assert sides.target.rows()[1] == AFTER[1]


@EVERYWHERE
def test_the_key_is_never_updated(sides: Sides) -> None:
    """Nor is a row updated that differs in nothing."""
    pair = sides.pair(spec(ignore=("note",)))
    record: dict[str, Value] = {"id": 2, "name": "TWO", "n": "2"}

    for differing in ((), ("id",), ("nothing",)):
        with pytest.raises(RefusedError, match="no correction writes"):
            corrected(pair, [Discrepancy(DiscrepancyKind.MISMATCHED, (2,), record, record, differing)])
