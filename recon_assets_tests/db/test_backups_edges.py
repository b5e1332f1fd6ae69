"""Backups at their edges: through the ledger, of tables that are all key, and while others write."""

from datetime import UTC, datetime

import pytest

from recon_assets import ledger, writing
from recon_assets.errors import DoesNotFitError, RefusedError, UnavailableError
from recon_assets.model import ChangeStatus, Mode
from recon_assets.writing.backups import LoadBackup
from recon_assets_tests.conftest import PROJECT, Fresh
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, Rows, spec
from recon_assets_tests.db.test_backups import DAY, DAYS, HELD, NOON, THERE, load, prepared, restore
from recon_assets_tests.db.test_corrections import compared, corrected, undone
from recon_assets_tests.mariadb import MariaDB


@pytest.mark.parametrize("target", TARGETS)
def test_what_the_ledger_kept_is_put_back(both: Both, fresh: Fresh, target: Name) -> None:
    """A window that was overwritten is restored from what the ledger gives back."""
    sides = prepared(both, target, THERE, HELD)
    was = sides.target.rows()
    pair = sides.pair(spec(DAYS))

    with ledger.opened(fresh("ledger"), PROJECT) as book:
        backup_sink = ledger.BackupSink(book, "t", DAY, "upsert", "run", "", datetime(2024, 2, 1, tzinfo=UTC))
        writing.load(pair, pair.spec.window(DAY), mode=Mode.UPSERT, backup_sink=backup_sink)
        assert sides.target.rows() != was
        with book.begin() as connection:
            (backup,) = ledger.backups(connection, run="run", undoable=True)
            assert (
                writing.load_status(pair, DAY, backup, ledger.backup_parts(connection, backup.id)) is ChangeStatus.AFTER
            )
            assert writing.restore(pair, DAY, backup, ledger.backup_parts(connection, backup.id)).written > 0

    assert sides.target.rows() == was


@pytest.mark.parametrize("target", TARGETS)
def test_table_that_is_all_key(both: Both, target: Name) -> None:
    """There is nothing to update in it, and what was added goes again."""
    sides = both(target, target)
    sides.create("id integer primary key", "id integer primary key", [(1,), (2,)])
    sides.target.fill("t", [(2,), (3,)])
    pair = sides.pair(spec())

    kept = load(pair, Mode.UPSERT, "all")

    assert sides.target.rows() == [(1,), (2,), (3,)]
    assert restore(pair, kept, "all") == 1
    assert sides.target.rows() == [(2,), (3,)]


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.REPLACE])
@pytest.mark.parametrize("target", TARGETS)
def test_columns_that_are_never_null(both: Both, target: Name, mode: Mode) -> None:
    """They have no value beside the key of a row that is added."""
    sides = both(target, target)
    columns = "id integer primary key, at timestamp not null, v integer not null"
    sides.create(columns, columns.replace("timestamp", "datetime" if target == "mysql" else "timestamp"))
    sides.source.fill("t", [(1, NOON, 1), (2, NOON, 2)])
    sides.target.fill("t", [(1, NOON, 9)])
    pair = sides.pair(spec(DAYS))

    kept = load(pair, mode)
    restore(pair, kept)

    assert sides.target.rows() == [(1, NOON, 9)]


def test_rows_that_nobody_kept_stop_the_load(both: Both) -> None:
    """More was changed, or added, than was put aside: somebody else added rows in between."""
    sides = prepared(both, "postgresql", THERE, HELD)
    pair = sides.pair(spec(DAYS))

    with pair.target.connect() as connection:
        backup = LoadBackup(pair, pair.spec.window(DAY), connection)
        backup.save(backup.rows(backup.in_window))
        backup.need_changed(3)
        backup.need_inserted(0)
        for need, rows in ((backup.need_changed, 4), (backup.need_inserted, 1)):
            with pytest.raises(UnavailableError, match="t 2024-01-02: somebody else wrote rows of it meanwhile"):
                need(rows)


@pytest.mark.parametrize("target", TARGETS)
def test_column_that_is_new_is_left_alone(both: Both, target: Name) -> None:
    """Rows are put back as they were then, and keep what they have been given in it since."""
    sides = prepared(both, target, THERE, HELD)
    was = sides.target.rows()
    kept = load(sides.pair(spec(DAYS)), Mode.UPSERT)
    sides.target.run("ALTER TABLE t ADD COLUMN remark varchar(9)", "UPDATE t SET remark = 'mine' WHERE id = 2")
    pair = sides.pair(spec(DAYS))

    assert writing.load_status(pair, DAY, kept.backup, kept.parts) is ChangeStatus.AFTER
    assert restore(pair, kept) > 0
    assert sides.target.rows() == [(*row, "mine" if row[0] == 2 else None) for row in was]
    assert restore(pair, kept) == 0


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.REPLACE])
@pytest.mark.parametrize("target", TARGETS)
def test_values_of_a_new_column_are_not_lost(both: Both, target: Name, mode: Mode) -> None:
    """Of a row that the load added, which would be deleted."""
    sides = prepared(both, target, THERE, [row for row in HELD if row[0] != 3])
    kept = load(sides.pair(spec(DAYS)), mode)
    sides.target.run("ALTER TABLE t ADD COLUMN remark varchar(9)", "UPDATE t SET remark = 'mine' WHERE id = 4")
    now = sides.target.rows()

    with pytest.raises(RefusedError, match="column remark is new since, and its values would be lost"):
        restore(sides.pair(spec(DAYS)), kept)

    assert sides.target.rows() == now


@pytest.mark.parametrize(("renamed", "rename"), [("w", {"w": "x"}), ("id", {"id": "x"})])
@pytest.mark.parametrize("target", TARGETS)
def test_column_that_is_gone_is_named(both: Both, target: Name, renamed: str, rename: dict[str, str]) -> None:
    """Its values cannot be put back, nor can anybody tell by them what was done."""
    sides = prepared(both, target, THERE, HELD)
    kept = load(sides.pair(spec(DAYS)), Mode.UPSERT)
    sides.target.run(f"ALTER TABLE t RENAME COLUMN {renamed} TO x")
    pair = sides.pair(spec(DAYS, rename=rename))

    with pytest.raises(RefusedError, match=rf"t 2024-01-02: .*had then \(.*{renamed}.*\).* Bring them back"):
        restore(pair, kept)
    with pytest.raises(RefusedError, match="columns any more"):
        writing.load_status(pair, DAY, kept.backup, kept.parts)


@pytest.mark.parametrize("target", TARGETS)
def test_column_that_is_too_short_now_is_named(both: Both, target: Name) -> None:
    """By its name in the target, where the database says one; the window stays as it is."""
    sides = prepared(both, target, THERE, [(2, NOON, 2, "longer")])
    kept = load(sides.pair(spec(DAYS)), Mode.UPSERT)
    sides.target.run(f"ALTER TABLE t {'ALTER w TYPE' if target == 'postgresql' else 'MODIFY w'} varchar(2)")

    named = r" \(w\)" if target == "mysql" else ""
    said = (
        rf"^t {DAY}: the target does not take any more what it had then: [a-z ]+{named}, so the load cannot be undone"
    )
    with pytest.raises(RefusedError, match=said):
        restore(sides.pair(spec(DAYS)), kept)
    assert sides.target.rows() == THERE


def test_row_too_long_for_a_fingerprint_is_an_error(both: Both) -> None:
    """MySQL would make NULL of its text, and a fingerprint without the row would call it unchanged."""
    sides = both("mysql", "mysql")
    sides.create("id integer primary key, v longtext, w longtext", "id integer primary key, v longtext, w longtext")
    sides.target.run("INSERT INTO t SELECT 1, REPEAT('x', 9000000), REPEAT('y', 9000000)")

    with pytest.raises(DoesNotFitError, match="max_allowed_packet"):
        writing.fingerprint(sides.pair(spec()), "all")


@pytest.mark.parametrize("held", [[], HELD[:1]], ids=["empty", "full"])
def test_rows_that_land_outside_of_the_window_stop_a_replacement(both: Both, held: Rows) -> None:
    """A trigger that moves them to another day would leave rows that nobody could take back."""
    sides = prepared(both, "postgresql", THERE, held)
    sides.target.run(
        "CREATE FUNCTION moved() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN NEW.at := NEW.at + interval '5 days'; RETURN NEW; END $$",
        "CREATE TRIGGER moves BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION moved()",
    )

    with pytest.raises(RefusedError, match="rows that it wrote do not belong to the window"):
        load(sides.pair(spec(DAYS)), Mode.REPLACE)

    assert sides.target.rows() == held


@pytest.mark.parametrize("null", ["NOT NULL", "CHECK (VALUE IS NOT NULL)"])
def test_domains_that_forbid_null(both: Both, null: str) -> None:
    """Stages have NULL where nothing is said; what the source has is still named when the target refuses it."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run(f"CREATE DOMAIN filled AS integer {null}")
    columns = "id integer primary key, v filled, w filled"
    sides.create(columns, columns, [(1, 1, 1), (2, 2, 2), (3, 3, 3)])
    held = [(1, 9, 1), (2, 2, 9), (4, 4, 4)]
    sides.target.fill("t", held)
    pair = sides.pair(spec())

    for mode in (Mode.REPLACE, Mode.UPSERT):
        kept = load(pair, mode, "all")
        assert sides.target.rows()[:3] == sides.source.rows()
        restore(pair, kept, "all")
        assert sides.target.rows() == held
    changes = corrected(pair, compared(pair))
    assert sides.target.rows() == sides.source.rows()
    undone(pair, changes)
    assert sides.target.rows() == held
    sides.source.run("ALTER TABLE t ALTER w TYPE integer", "UPDATE t SET w = NULL WHERE id = 3")
    with pytest.raises(DoesNotFitError, match=r"t all: the row with id=3: "):
        load(sides.pair(spec()), Mode.REPLACE, "all")


def test_a_load_that_a_trigger_made_as_it_was_keeps_no_backup(both: Both) -> None:
    """The row counts as updated, and nothing of it could be undone."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer primary key, v integer", "id integer primary key, v integer", [(1, 1)])
    sides.target.fill("t", [(1, 9)])
    sides.target.run(
        "CREATE FUNCTION old() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "CREATE TRIGGER old BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION old()",
    )
    assert load(sides.pair(spec()), Mode.UPSERT, "all").said == []
    assert sides.target.rows() == [(1, 9)]


@pytest.mark.parametrize("target", TARGETS)
def test_replacement_of_rows_that_refer_to_each_other(both: Both, target: Name) -> None:
    """PostgreSQL deletes all of the window together; MySQL row by row, and says what stands against it."""
    sides = both(target, target)
    columns = "id integer primary key, up integer, v integer"
    sides.create(columns, f"{columns}, foreign key (up) references t (id)", [(1, None, 1), (2, 1, 2)])
    held = [(1, None, 9), (2, 1, 2)]
    sides.target.fill("t", held)
    pair = sides.pair(spec())

    if target == "mysql":
        with pytest.raises(RefusedError, match=r"^t all: rows of it or of other tables refer to its rows; use upsert$"):
            load(pair, Mode.REPLACE, "all")
        return
    kept = load(pair, Mode.REPLACE, "all")
    assert sides.target.rows() == sides.source.rows()
    restore(pair, kept, "all")
    assert sides.target.rows() == held


def test_what_is_none_of_an_enums_labels_is_not_written_over(both: Both) -> None:
    """No statement writes it back, so neither a load nor a correction could be undone; other rows can be."""
    sides = both("mysql", "mysql")
    target = "id integer primary key, e enum('a', 'b'), v integer"
    sides.create("id integer primary key, e varchar(9), v integer", target, [(1, "a", 1), (2, "b", 2)])
    with sides.target.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_mode = ''")
        cursor.execute("INSERT INTO t VALUES (1, 'zzz', 1), (2, 'a', 2)")
        connection.commit()
    held = sides.target.rows()
    pair = sides.pair(spec())

    for mode in (Mode.REPLACE, Mode.UPSERT):
        with pytest.raises(RefusedError, match=r"^t all: the row with id=1 has in column e what is none of its labels"):
            load(pair, mode, "all")
    with pytest.raises(RefusedError, match=r"^t all: id=1: column e has what is none of its labels"):
        corrected(pair, compared(pair))
    assert sides.target.rows() == held
    undone(pair, corrected(pair, [found for found in compared(pair) if found.key == (2,)]))
    assert sides.target.rows() == held


def test_mariadb_that_wants_a_key_of_every_table(both: Both, mariadb: MariaDB) -> None:
    """Staging tables have one, too: loads, corrections, and what takes them back."""
    mariadb.execute("SET GLOBAL innodb_force_primary_key = ON")
    try:
        for mode in (Mode.UPSERT, Mode.REPLACE):
            held = [row for row in HELD if row[0] != 3]
            sides = prepared(both, "mysql", THERE, held)
            pair = sides.pair(spec(DAYS))
            restore(pair, load(pair, mode))
            assert sides.target.rows() == held
            changes = corrected(pair, compared(pair))
            undone(pair, changes)
            assert sides.target.rows() == held
    finally:
        mariadb.execute("SET GLOBAL innodb_force_primary_key = OFF")
