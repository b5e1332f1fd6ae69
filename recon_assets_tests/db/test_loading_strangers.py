"""Loads while others write the same table: what is theirs stays theirs, and who was merely in the way is not blamed."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from recon_assets import writing
from recon_assets.errors import DoesNotFitError, StaleTargetError, UnavailableError
from recon_assets.model import Mode
from recon_assets.reading import Pair
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, Rows, Sides, spec
from recon_assets_tests.db.test_backups import DAY, DAYS, HELD, NOON, THERE, Kept, load, prepared, restore
from recon_assets_tests.db.test_loading_concurrency import session

STRANGER = (77, NOON, 5, "stranger")
WRITING: dict[Name, str] = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    "mysql": "SELECT variable_value FROM information_schema.global_status"
    " WHERE variable_name = 'INNODB_ROW_LOCK_CURRENT_WAITS' AND variable_value > 0",
}
EMPTY: Rows = [row for row in HELD if row[1] != NOON and row[0] != 3]
FULL: Rows = [row for row in HELD if row[0] != 3]


@pytest.mark.parametrize("key", [("id",), ()], ids=["key", "no key"])
@pytest.mark.parametrize("held", [EMPTY, FULL], ids=["empty", "full"])
@pytest.mark.parametrize("target", TARGETS)
def test_row_of_a_stranger_is_no_part_of_a_replacement(
    both: Both, target: Name, held: Rows, key: tuple[str, ...]
) -> None:
    """A row that was committed meanwhile would be deleted with the load's own when that is taken back."""
    sides = prepared(both, target, THERE, held)
    pair = sides.pair(spec(DAYS, key=key))
    kept = Kept(Mode.REPLACE)

    def meanwhile() -> None:
        sides.target.fill("t (id, at, v, w)", [STRANGER])

    with pytest.raises(UnavailableError, match=r"t 2024-01-02: somebody else wrote rows of it meanwhile.*try again"):
        writing.load(pair, pair.spec.window(DAY), mode=Mode.REPLACE, backup_sink=kept, ask=meanwhile)

    assert kept.said == []
    assert sides.target.rows() == sorted([*held, STRANGER])
    kept = load(pair, Mode.REPLACE)
    restore(pair, kept)
    assert sides.target.rows() == sorted([*held, STRANGER])


@pytest.mark.parametrize("target", TARGETS)
def test_strangers_at_rows_that_a_replacement_leaves_alone(both: Both, target: Name) -> None:
    """Nobody waits: their update stays, also when the load is taken back; a row that is gone lets it try again.

    So does one that came in the place of another, so that the window has as many as the source.
    """
    sides = prepared(both, target, THERE, FULL)
    pair = sides.pair(spec(DAYS))
    gone, instead = "DELETE FROM t WHERE id = 1", "INSERT INTO t (id, at, v, w) VALUES (77, '2024-01-02', 5, 'x')"
    for changes in ([gone], [gone, instead]):
        kept = Kept(Mode.REPLACE)
        with pytest.raises(UnavailableError, match="somebody else wrote rows of it meanwhile"):
            writing.load(
                pair,
                pair.spec.window(DAY),
                mode=Mode.REPLACE,
                backup_sink=kept,
                ask=partial(sides.target.run, *changes),
            )
        assert kept.said == []
        sides.target.run("DELETE FROM t WHERE id = 77")
        sides.target.fill("t", FULL[:1])

    change = partial(sides.target.run, "UPDATE t SET v = 55 WHERE id = 1")
    writing.load(pair, pair.spec.window(DAY), mode=Mode.REPLACE, backup_sink=kept, ask=change)
    assert sides.target.rows() == [(1, NOON, 55, "a"), *THERE[1:], HELD[-1]]
    restore(pair, kept)
    assert sides.target.rows() == [(1, NOON, 55, "a"), *FULL[1:]]


@pytest.mark.parametrize("mode", [Mode.INSERT_MISSING, Mode.UPSERT])
def test_strangers_beside_rows_that_a_load_merges(both: Both, mode: Mode) -> None:
    """What they do to other rows of the window is theirs: it stays when the load is taken back. In MySQL they wait."""
    sides = prepared(both, "postgresql", THERE, FULL)
    pair = sides.pair(spec(DAYS))
    kept = Kept(mode)
    theirs = "UPDATE t SET v = 55 WHERE id = 7", "INSERT INTO t (id, at, v, w) VALUES (77, '2024-01-02', 5, 'x')"
    writing.load(pair, pair.spec.window(DAY), mode=mode, backup_sink=kept, ask=partial(sides.target.run, *theirs))
    assert len(sides.target.rows()) == len(FULL) + 3
    restore(pair, kept)
    assert sides.target.rows("SELECT id, v FROM t ORDER BY id") == [(1, 1), (2, 9), (7, 55), (8, 8), (77, 5)]


@pytest.mark.parametrize("v", [30, 3], ids=["other", "same"])
def test_row_that_somebody_commits_while_an_upsert_saves(both: Both, v: int) -> None:
    """Its key was found missing, so that a rollback would delete the row: it is tried again. In MySQL they wait."""
    sides = prepared(both, "postgresql", THERE, FULL)
    pair = sides.pair(spec(DAYS))
    theirs = (3, NOON, v, "c")
    kept = Kept(Mode.UPSERT)
    before(pair, "INSERT INTO recon_saved", lambda: sides.target.fill("t (id, at, v, w)", [theirs]), after=1)

    with pytest.raises(UnavailableError, match=r"somebody else wrote rows of it meanwhile.*try again"):
        writing.load(pair, pair.spec.window(DAY), mode=Mode.UPSERT, backup_sink=kept)

    assert sides.target.rows() == sorted([*FULL, theirs])
    kept = load(pair, Mode.UPSERT)
    restore(pair, kept)
    assert sides.target.rows() == sorted([*FULL, theirs])


@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.INSERT_MISSING])
@pytest.mark.parametrize("target", TARGETS)
def test_row_of_a_stranger_survives_a_rollback(both: Both, target: Name, mode: Mode) -> None:
    """It is committed after the rows were found to be as the load left them, and before they are deleted."""
    sides = prepared(both, target, THERE, [])
    pair = sides.pair(spec(DAYS))
    kept = load(pair, mode)
    before_deletion(pair, lambda: sides.target.fill("t (id, at, v, w)", [STRANGER]))

    with pytest.raises(StaleTargetError, match="rows changed since it was loaded"):
        restore(pair, kept)

    assert sides.target.rows() == sorted([*THERE, STRANGER])


@pytest.mark.parametrize("target", TARGETS)
def test_rows_are_nobody_elses_while_they_are_put_back(both: Both, target: Name) -> None:
    """A stranger's update waits until the rollback is final, instead of being overwritten by it."""
    sides = prepared(both, target, THERE, [(1, NOON, 0, "own")])
    pair = sides.pair(spec(DAYS))
    kept = load(pair, Mode.UPSERT)
    with ThreadPoolExecutor(1) as pool:
        updating = []

        def meanwhile() -> None:
            updating.append(pool.submit(sides.target.run, "UPDATE t SET v = 777 WHERE id = 1"))
            session(sides.target, WRITING)

        before_deletion(pair, meanwhile)
        restore(pair, kept)
        updating[0].result(60)

    assert sides.target.rows() == [(1, NOON, 777, "own")]


def before_deletion(pair: Pair, work: Callable[[], object]) -> None:
    """Has something done once, just before the first rows of the target are deleted."""
    before(pair, r"DELETE FROM [`\"]?t\b", work)


def before(pair: Pair, beginning: str, work: Callable[[], object], *, after: int = 0) -> None:
    """Has something done once, before the target is given a statement that begins so, ``after`` others of them."""
    found: list[str] = []

    def executing(_: object, __: object, statement: str, *___: object) -> None:
        if re.match(beginning, statement):
            found.append(statement)
            if len(found) == after + 1:
                work()

    sa.event.listen(pair.target, "before_cursor_execute", executing)


@pytest.mark.parametrize("held", [[], [(1, NOON, 0, "own")]], ids=["empty", "full"])
@pytest.mark.parametrize("mode", [Mode.INSERT_MISSING, Mode.UPSERT, Mode.REPLACE])
@pytest.mark.parametrize("target", TARGETS)
def test_key_that_somebody_inserts_meanwhile(both: Both, target: Name, mode: Mode, held: Rows) -> None:
    """Nobody has to mend the row: the load is tried again, and finds the row that is there then."""
    sides = prepared(both, target, THERE, held)
    theirs = (3, NOON, 30, "theirs")

    found = meeting(sides, theirs, lambda: load(sides.pair(spec(DAYS)), mode))

    if found is not None:
        assert str(found) == (
            "t 2024-01-02: somebody else wrote rows of it meanwhile, so nothing of this window was written; try again"
        )
        load(sides.pair(spec(DAYS)), mode)
    third = theirs if mode is Mode.INSERT_MISSING else THERE[2]
    first = held[0] if held and mode is Mode.INSERT_MISSING else THERE[0]
    assert sides.target.rows() == [first, THERE[1], third, THERE[3]]


@pytest.mark.parametrize("target", TARGETS)
def test_key_of_a_table_that_names_itself(both: Both, target: Name) -> None:
    """Its rows are not loaded one by one, for they may name later ones."""
    sides = both("postgresql", target)
    sides.create(
        "id integer, up integer, at timestamp",
        f"id integer primary key, up integer, at {'timestamp' if target == 'postgresql' else 'datetime'},"
        " constraint up foreign key (up) references t (id)",
        [(1, None, NOON), (2, 1, NOON)],
    )
    sides.target.fill("t", [(1, None, NOON)])

    found = meeting(sides, (2, None, NOON), lambda: load(sides.pair(spec(DAYS)), Mode.UPSERT))

    assert found is not None
    load(sides.pair(spec(DAYS)), Mode.UPSERT)
    assert sides.target.rows("SELECT id, up FROM t ORDER BY id") == [(1, None), (2, 1)]
    sides.target.run("DELETE FROM t WHERE id = 2", "CREATE UNIQUE INDEX once ON t (up)")
    sides.source.run("INSERT INTO t SELECT 3, 1, at FROM t WHERE id = 1")
    with pytest.raises(DoesNotFitError, match=r"unique violation \(once\)"):
        load(sides.pair(spec(DAYS)), Mode.UPSERT)


def meeting(sides: Sides, row: tuple[object, ...], work: Callable[[], object]) -> UnavailableError | None:
    """What stops a load that waits for somebody's uncommitted row, which is committed then."""
    with sides.target.connect() as connection, ThreadPoolExecutor(1) as pool:
        places = ", ".join(["%s"] * len(row))
        connection.cursor().execute(f"INSERT INTO t VALUES ({places})", row)
        loading = pool.submit(work)
        session(sides.target, WRITING)
        connection.commit()
        error = loading.exception(60)
    assert error is None or isinstance(error, UnavailableError), error
    return error


@pytest.mark.parametrize("private", [("id",), ("ID",)])
def test_private_keys_are_not_shown(both: Both, private: tuple[str, ...]) -> None:
    """Neither of a row that does not fit, nor of one that the target refuses, nor of one that occurs twice."""
    sides = both("postgresql", "postgresql")
    sides.create("id bigint, v text", "id bigint primary key, v varchar(2) constraint no_b check (v <> 'b')")
    for rows in ("(4711, 'long')", "(4711, 'b')", "(4711, 'a'), (4711, 'c')"):
        sides.source.run("DELETE FROM t", f"INSERT INTO t VALUES {rows}")
        with pytest.raises(DoesNotFitError, match=r"with id=\*\*\*") as raised:
            sides.load(spec(private=private), mode=Mode.UPSERT)
        assert "4711" not in str(raised.value)


@pytest.mark.parametrize("row", [(3, NOON, 33, "theirs"), THERE[2]], ids=["other", "same"])
@pytest.mark.parametrize("target", TARGETS)
def test_row_that_somebody_commits_before_a_replacement_deletes(
    both: Both, target: Name, row: tuple[object, ...]
) -> None:
    """It has a key that the load found missing; deleted without a copy, no rollback would bring it back."""
    sides = prepared(both, target, THERE, FULL[:2])
    pair = sides.pair(spec(DAYS))
    kept = Kept(Mode.REPLACE)
    before_deletion(pair, lambda: sides.target.fill("t", [row]))

    with pytest.raises(UnavailableError, match=r"somebody else wrote rows of it meanwhile.*try again"):
        writing.load(pair, pair.spec.window(DAY), mode=Mode.REPLACE, backup_sink=kept)

    assert kept.said == []
    assert sides.target.rows() == sorted([*FULL[:2], row])
