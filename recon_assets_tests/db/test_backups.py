"""What a load changes is kept before it is final; put back, the target is byte for byte what it was."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from recon_assets import reading, writing
from recon_assets.errors import RefusedError, StaleTargetError
from recon_assets.model import Calendar, ChangeStatus, Mode
from recon_assets.writing import Fingerprint, Restored
from recon_assets.writing.backups import Row
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, Rows, Sides, spec

DAYS = Calendar("at", date(2024, 1, 1), date(2024, 2, 1))
DAY, OTHER = "2024-01-02", "2024-01-03"
NOON, NEXT = datetime(2024, 1, 2, 12), datetime(2024, 1, 3, 12)  # noqa: DTZ001
STAMP = {"postgresql": "timestamp", "mysql": "datetime(6)"}
SOURCE = "id integer primary key, at {at}, v integer, w varchar(9)"
NAMED = {Mode.FILL_NULLS: ("at", "w"), Mode.UPDATE_COLUMNS: ("v",)}


@dataclass
class Kept:
    """A keeper in memory; what it is given goes through JSON, as it does on its way into a database."""

    mode: str
    columns: tuple[str, ...] = ()
    parts: list[list[Row]] = field(default_factory=list)
    before_: Fingerprint | None = None
    after_: Fingerprint | None = None
    said: list[str] = field(default_factory=list)

    def before(self, columns: Sequence[str], parts: Iterable[list[Row]], fingerprint: Fingerprint) -> None:
        """Keep what was there."""
        self.columns, self.before_ = tuple(columns), fingerprint
        self.parts = json.loads(json.dumps(list(parts)))
        self.said.append("before")

    def after(self, fingerprint: Fingerprint) -> None:
        """Keep what will be there."""
        self.after_ = fingerprint
        self.said.append("after")

    def done(self) -> None:
        """Note that it is there."""
        self.said.append("done")

    @property
    def backup(self) -> "Written":
        """What is read of it later."""
        assert self.before_ is not None
        assert self.after_ is not None
        return Written(self.mode, self.columns, self.before_, self.after_)


@dataclass(frozen=True)
class Written:
    """A backup as a ledger gives it."""

    mode: str
    columns: tuple[str, ...]
    before: Fingerprint
    after: Fingerprint


def load(pair: reading.Pair, mode: Mode, window: str = DAY, columns: tuple[str, ...] = ()) -> Kept:
    kept = Kept(mode)
    writing.load(pair, pair.spec.window(window), mode=mode, columns=columns, backup_sink=kept)
    return kept


def restore(pair: reading.Pair, kept: Kept, window: str = DAY, *, dry_run: bool = False) -> int:
    return writing.restore(pair, window, kept.backup, kept.parts, dry_run=dry_run).written


def prepared(both: Both, target: Name, there: Rows, held: Rows, more: str = "", *, key: str = "primary key") -> Sides:
    sides = both(target, target)
    columns = SOURCE.format(at=STAMP[target])
    sides.create(columns, columns.replace("primary key", key) + more, there)
    for row in held:
        sides.target.fill("t (id, at, v, w)", [row])
    return sides


RESTORED = {
    Mode.INSERT_MISSING: (0, 0, 1),
    Mode.UPSERT: (0, 2, 1),
    Mode.REPLACE: (2, 0, 3),
    Mode.FILL_NULLS: (0, 1, 0),
    Mode.UPDATE_COLUMNS: (0, 1, 0),
}
"""How many rows are inserted, updated and deleted to undo a load of `THERE` over `HELD`."""
THERE = [(1, NOON, 1, "a"), (2, NOON, 2, "b"), (3, NOON, 3, "c"), (4, NOON, 4, None)]
HELD = [(1, NOON, 1, "a"), (2, NOON, 9, None), (3, NEXT, 3, "moved"), (7, NOON, 7, "extra"), (8, NEXT, 8, "other")]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("target", TARGETS)
def test_restored_is_what_was(both: Both, target: Name, mode: Mode) -> None:
    """Rows that were changed, moved into the window, added or deleted; a second restore finds nothing to do.

    A dry run says what the real one then writes.
    """
    held = [row for row in HELD if mode is not Mode.REPLACE or row[0] != 3]
    sides = prepared(both, target, THERE, held)
    was = sides.target.rows()
    pair = sides.pair(spec(DAYS))

    kept = load(pair, mode, columns=NAMED.get(mode, ()))

    assert kept.said == ["before", "after", "done"]
    assert sides.target.rows() != was
    now, restored = sides.target.rows(), Restored("t", DAY, *RESTORED[mode])
    assert writing.restore(pair, DAY, kept.backup, kept.parts, dry_run=True) == restored
    assert sides.target.rows() == now
    assert writing.restore(pair, DAY, kept.backup, kept.parts) == restored
    assert sides.target.rows() == was
    assert restore(pair, kept) == 0


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_kept_of_what_changed_nothing(both: Both, target: Name, mode: Mode) -> None:
    """A dry run, a repeated load, a day without rows, a replacement by the same."""
    sides = prepared(both, target, THERE, THERE)
    pair = sides.pair(spec(DAYS))
    columns = NAMED.get(mode, ())

    assert load(pair, mode, columns=columns).said == []
    assert load(pair, mode, OTHER, columns).said == []
    sides.target.run("DELETE FROM t WHERE id < 3", "UPDATE t SET v = NULL, w = NULL")
    kept = Kept(mode)
    writing.load(pair, pair.spec.window(DAY), mode=mode, columns=columns, dry_run=True, backup_sink=kept)
    assert kept.said == []


@pytest.mark.parametrize("target", TARGETS)
def test_empty_window_costs_no_rows(both: Both, target: Name) -> None:
    """What was not there needs no copy: the print tells which rows are the load's."""
    sides = prepared(both, target, THERE, HELD[-1:])
    pair = sides.pair(spec(DAYS))

    kept = load(pair, Mode.INSERT_MISSING)

    assert kept.parts == []
    assert (kept.backup.before.rows, kept.backup.after.rows) == (0, 4)
    assert restore(pair, kept) == 4
    assert sides.target.rows() == HELD[-1:]


CHANGES = {
    "changed": ("UPDATE t SET v = 5 WHERE id = 2", ["id=2"]),
    "deleted": ("DELETE FROM t WHERE id = 4", ["id=4"]),
    "added": ("INSERT INTO t VALUES (11, '2024-01-02 01:00:00', 1, 'x')", ["id=11"]),
    "untouched row": ("UPDATE t SET w = 'A' WHERE id = 1", ["id=1"]),
    "moved away": ("UPDATE t SET at = '2024-01-03' WHERE id = 3", ["id=3"]),
}


@pytest.mark.parametrize(("change", "named"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("target", TARGETS)
def test_rows_that_moved_on_are_named(both: Both, target: Name, change: str, named: list[str]) -> None:
    """And nothing is restored over them."""
    sides = prepared(both, target, THERE, HELD)
    pair = sides.pair(spec(DAYS))
    kept = load(pair, Mode.UPSERT)
    sides.target.run(change)
    now = sides.target.rows()

    with pytest.raises(StaleTargetError, match=r"t 2024-01-02: rows changed since it was loaded \(id=") as raised:
        restore(pair, kept)

    assert list(raised.value.keys) == named
    assert sides.target.rows() == now
    assert writing.load_status(pair, DAY, kept.backup, kept.parts) is ChangeStatus.NEITHER


def test_many_rows_that_moved_on(both: Both) -> None:
    """Some of them are named, and none that did not move."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer, at timestamp, v integer", "id integer primary key, at timestamp, v integer")
    sides.source.run("INSERT INTO t SELECT i, '2024-01-02', i FROM generate_series(1, 2000) i")
    pair = sides.pair(spec(DAYS, private=("id",)))
    plain = sides.pair(spec(DAYS))
    kept = load(pair, Mode.INSERT_MISSING)
    sides.target.run("UPDATE t SET v = -1 WHERE id % 100 = 0")

    with pytest.raises(StaleTargetError) as raised:
        restore(plain, kept)
    assert {int(key.removeprefix("id=")) % 100 for key in raised.value.keys} == {0}
    with pytest.raises(StaleTargetError, match=r"\(id=\*\*\*\)"):
        restore(pair, kept)


@pytest.mark.parametrize("target", TARGETS)
def test_swapped_values_are_a_change(both: Both, target: Name) -> None:
    """Though every column adds up to the same."""
    sides = prepared(both, target, THERE, [])
    pair = sides.pair(spec(DAYS))
    kept = load(pair, Mode.INSERT_MISSING)
    sides.target.run("UPDATE t SET v = 3 - v WHERE id < 3")

    with pytest.raises(StaleTargetError):
        restore(pair, kept)


TYPES = {"postgresql": ("bigint", "numeric(12,2)", "double precision"), "mysql": ("bigint", "decimal(12,2)", "double")}


@pytest.mark.parametrize("target", TARGETS)
def test_what_simple_hashes_do_not_tell_is_a_change(both: Both, target: Name) -> None:
    """A sign, a number of the same hash, two rows that change by as much: no rollback writes over them."""
    sides = both(target, target)
    whole, exact, rough = TYPES[target]
    columns = f"k {exact} primary key, at {STAMP[target]}, n {whole}, d {exact}, f {rough}"
    sides.create(columns, columns)
    sides.source.fill("t", [(7, NOON, 5, 12, 0), (8, NOON, 1, -12, 0), (9, NOON, None, 12, None)])
    pair = sides.pair(spec(DAYS, key=("k",)))
    kept = load(pair, Mode.INSERT_MISSING)

    for change, back in (
        ("n = -n WHERE k = 7", "n = 5 WHERE k = 7"),
        ("n = 4294967296 WHERE k = 8", "n = 1 WHERE k = 8"),
        ("d = -d WHERE k = 7", "d = 12 WHERE k = 7"),
        ("d = -d WHERE k < 9", "d = -d WHERE k < 9"),
        ("f = 1 - f WHERE k < 9", "f = 0 WHERE k < 9"),
        ("f = 0 WHERE k = 9", "f = NULL WHERE k = 9"),
        ("n = 0 WHERE k = 9", "n = NULL WHERE k = 9"),
        ("k = -7 WHERE k = 7", "k = 7 WHERE k = -7"),
    ):
        sides.target.run(f"UPDATE t SET {change}")
        with pytest.raises(StaleTargetError):
            restore(pair, kept)
        sides.target.run(f"UPDATE t SET {back}")

    assert restore(pair, kept, dry_run=True) == 3


IDENTICAL_IS_NOT_EQUAL = {
    "decimal": ("postgresql", "numeric", "'1.5'", "'1.50'"),
    "zero": ("postgresql", "double precision", "'0'", "'-0'"),
    "json": ("postgresql", "json", "'[1]'", "'[1 ]'"),
    "array": ("postgresql", "json[]", "'{1}'", "'{2}'"),
    "case": ("mysql", "varchar(9)", "'a'", "'A'"),
    "space": ("mysql", "varchar(9)", "'a'", "'a '"),
    "binary": ("mysql", "varbinary(9)", "x'00ff'", "x'00fe'"),
    "null": ("mysql", "varchar(9)", "NULL", "'~;'"),
}


@pytest.mark.parametrize(("target", "of", "one", "other"), IDENTICAL_IS_NOT_EQUAL.values(), ids=IDENTICAL_IS_NOT_EQUAL)
def test_prints_tell_what_databases_do_not(both: Both, target: Name, of: str, one: str, other: str) -> None:
    """Values that are equal and not identical, in a column that the load ignores, too."""
    sides = prepared(both, target, [], THERE[:2], f", x {of}")
    sides.target.run(f"UPDATE t SET x = {one}")
    pair = sides.pair(spec(DAYS, ignore=("x",)))
    was = writing.fingerprint(pair, DAY)

    sides.target.run(f"UPDATE t SET x = {other} WHERE id = 2")

    assert writing.fingerprint(pair, DAY) != was
    sides.target.run(f"UPDATE t SET x = {one} WHERE id = 2")
    assert writing.fingerprint(pair, DAY) == was


COLUMNS = {
    "postgresql": "g integer generated always as (v * 2) stored, n integer generated always as identity, d text"
    " default 'own', x json, y json[], b bytea, f double precision, r real, c char(4), m numeric, i interval",
    "mysql": "g integer generated always as (v * 2) stored, n timestamp(6) not null default current_timestamp(6)"
    " on update current_timestamp(6), d text default 'own', x json, b varbinary(9), f double, r float, c char(4),"
    " m decimal(9,3), e enum('a', 'b'), z bit(9), s set('p', 'q'), y year",
}
FILLED = {
    "postgresql": "x = '[1 ]', y = '{1}', b = '\\x00ff', f = '-0', r = 0.1, c = 'a', m = 1.50, i = '24:00', d = ''",
    "mysql": "x = '[1 ]', b = x'00ff', f = -0e0, r = 0.1, c = 'a', m = 1.5, e = 'b', z = b'101', s = 'p,q',"
    " y = 2001, d = ''",
}


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.REPLACE, Mode.INSERT_MISSING])
@pytest.mark.parametrize("target", TARGETS)
def test_columns_of_the_targets_own_come_back(both: Both, target: Name, mode: Mode) -> None:
    """Ignored ones of every type, identities, defaults; what the target computes it computes again."""
    columns = f", {COLUMNS[target]}"
    sides = prepared(both, target, THERE, HELD[:2] + HELD[3:], columns)
    sides.target.run(f"UPDATE t SET {FILLED[target]}")
    was = sides.target.rows()
    pair = sides.pair(spec(DAYS, ignore=tuple(name for name in "nxyzbfrcmiespd" if f" {name} " in columns)))

    kept = load(pair, mode)
    assert sides.target.rows() != was

    restore(pair, kept)
    assert sides.target.rows() == was


@pytest.mark.parametrize("target", TARGETS)
def test_loads_are_undone_newest_first(both: Both, target: Name) -> None:
    """The older one cannot be, before the newer one is."""
    sides = prepared(both, target, THERE, HELD)
    was = sides.target.rows()
    pair = sides.pair(spec(DAYS))
    first = load(pair, Mode.UPSERT)
    sides.source.run("UPDATE t SET v = v + 10")
    second = load(pair, Mode.UPDATE_COLUMNS, columns=("v",))

    with pytest.raises(StaleTargetError):
        restore(pair, first)
    restore(pair, second)
    restore(pair, first)

    assert sides.target.rows() == was


@pytest.mark.parametrize("mode", [Mode.UPSERT, Mode.REPLACE])
@pytest.mark.parametrize("target", TARGETS)
def test_keys_that_stand_twice(both: Both, target: Name, mode: Mode) -> None:
    """In a target that does not keep them apart, both rows come back."""
    held = [(2, NOON, 5, "one"), (2, NOON, 6, "two"), (7, NOON, 7, "x")]
    sides = prepared(both, target, THERE, held, key="")
    was = sides.target.rows("SELECT * FROM t ORDER BY id, v")
    pair = sides.pair(spec(DAYS))

    kept = load(pair, mode)

    restore(pair, kept)
    assert sides.target.rows("SELECT * FROM t ORDER BY id, v") == was


@pytest.mark.parametrize("target", TARGETS)
def test_table_without_key(both: Both, target: Name) -> None:
    """Its windows are replaced, and come back as wholes."""
    held = [(2, NOON, 5, "one"), (2, NOON, 5, "one"), (8, NEXT, 1, "other")]
    sides = prepared(both, target, THERE, held, key="")
    was = sides.target.rows()
    pair = sides.pair(spec(DAYS, key=()))

    kept = load(pair, Mode.REPLACE)
    restore(pair, kept)

    assert sides.target.rows() == was
    kept = load(pair, Mode.REPLACE)
    sides.target.run("UPDATE t SET v = 0 WHERE id = 3")
    with pytest.raises(StaleTargetError, match="rows changed since it was loaded, so"):
        restore(pair, kept)


@pytest.mark.parametrize("target", TARGETS)
def test_keys_that_may_be_null(both: Both, target: Name) -> None:
    """NULL is a key like others."""
    sides = both(target, target)
    columns = f"a integer, b integer, at {STAMP[target]}, v integer"
    sides.create(columns, columns, [(1, None, NOON, 1), (1, 2, NOON, 2), (2, None, NOON, 3)])
    sides.target.fill("t", [(1, None, NEXT, 9), (1, 2, NOON, 2)])
    was = sides.target.rows("SELECT * FROM t ORDER BY a, v")
    pair = sides.pair(spec(DAYS, key=("a", "b")))

    kept = load(pair, Mode.UPSERT)
    restore(pair, kept)

    assert sides.target.rows("SELECT * FROM t ORDER BY a, v") == was


@pytest.mark.parametrize("target", TARGETS)
def test_rows_that_land_outside_of_the_window(both: Both, target: Name) -> None:
    """A declared `where` may not hold of them in the target: they are known by their keys."""
    sides = prepared(both, target, [], HELD[-1:], ", tenant integer default 2")
    sides.source.run("ALTER TABLE t ADD COLUMN tenant integer default 1")
    sides.source.fill("t (id, at, v, w)", THERE)
    pair = sides.pair(spec(DAYS, where="tenant = 1", ignore=("tenant",)))
    was = sides.target.rows()

    kept = load(pair, Mode.INSERT_MISSING)
    assert len(sides.target.rows()) == 5
    restore(pair, kept)

    assert sides.target.rows() == was


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("action", ["CASCADE", "NO ACTION"])
def test_rows_that_others_refer_to(both: Both, target: Name, action: str) -> None:
    """An update is undone under them; what was inserted stays, once others refer to it."""
    sides = prepared(both, target, THERE, HELD)
    child = f"CREATE TABLE child (t integer, foreign key (t) references t (id) ON DELETE {action})"
    sides.target.run(child, "INSERT INTO child VALUES (2)")
    pair = sides.pair(spec(DAYS))
    updated = load(pair, Mode.UPDATE_COLUMNS, columns=("v",))
    assert restore(pair, updated) > 0
    kept = load(pair, Mode.UPSERT)
    sides.target.run("INSERT INTO child VALUES (4)")
    now = sides.target.rows()

    with pytest.raises(RefusedError, match=r"rows of other tables (would be deleted|refer to its rows)"):
        restore(pair, kept)

    assert sides.target.rows() == now
    assert sides.target.rows("SELECT * FROM child ORDER BY t") == [(2,), (4,)]


def test_target_that_changes_rows_as_they_are_written(both: Both) -> None:
    """What cannot be what it was is not written."""
    sides = prepared(both, "postgresql", THERE, HELD)
    pair = sides.pair(spec(DAYS))
    kept = load(pair, Mode.UPSERT)
    now = sides.target.rows()
    sides.target.run(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.w := ''!''; RETURN NEW; END'",
        "CREATE TRIGGER g BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f()",
    )

    with pytest.raises(RefusedError, match="does not take its rows as they were"):
        restore(pair, kept)

    assert sides.target.rows() == now


class KilledError(Exception):
    """Stands for the end of the process."""


class Mortal(Kept):
    """A keeper that dies when it is told so."""

    def tell(self, step: str) -> None:
        """Die here, or before this."""
        if self.mode.endswith(step):
            raise KilledError

    def before(self, columns: Sequence[str], parts: Iterable[list[Row]], fingerprint: Fingerprint) -> None:
        """Keep what was there."""
        super().before(columns, parts, fingerprint)
        self.tell("before")

    def after(self, fingerprint: Fingerprint) -> None:
        """Keep what will be there."""
        super().after(fingerprint)
        self.tell("after")

    def done(self) -> None:
        """Die after the load."""
        self.tell("done")


@pytest.mark.parametrize(
    ("step", "standing"), [("after", ChangeStatus.BEFORE), ("done", ChangeStatus.AFTER), ("never", ChangeStatus.AFTER)]
)
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("target", TARGETS)
def test_backup_tells_whether_the_load_came_to_its_end(
    both: Both, target: Name, mode: Mode, step: str, standing: ChangeStatus
) -> None:
    """Whenever it was killed; a load that did not is restored by doing nothing, the other one by doing it."""
    sides = prepared(both, target, THERE, [row for row in HELD if mode is not Mode.REPLACE or row[0] != 3])
    was = sides.target.rows()
    pair = sides.pair(spec(DAYS))
    kept = Mortal(f"{mode} {step}")

    try:
        writing.load(pair, pair.spec.window(DAY), mode=mode, columns=NAMED.get(mode, ()), backup_sink=kept)
    except KilledError:
        assert step != "never"

    kept.mode = mode
    assert writing.load_status(pair, DAY, kept.backup, kept.parts) is standing
    assert (restore(pair, kept) > 0) is (standing is ChangeStatus.AFTER)
    assert sides.target.rows() == was


@pytest.mark.parametrize("target", TARGETS)
def test_keeper_that_fails_stops_the_load(both: Both, target: Name) -> None:
    """Nothing is overwritten of which there is no backup."""
    sides = prepared(both, target, THERE, HELD)
    was = sides.target.rows()
    pair = sides.pair(spec(DAYS))

    for step in ("before", "after"):
        with pytest.raises(KilledError):
            writing.load(pair, pair.spec.window(DAY), mode=Mode.UPSERT, backup_sink=Mortal(step))
        assert sides.target.rows() == was


VALUE = st.none() | st.integers(-2, 2)
MOMENT = st.integers(20, 76).map(lambda hours: datetime(2024, 1, 1) + timedelta(hours=hours))  # noqa: DTZ001
ROWS = st.lists(
    st.tuples(st.integers(1, 8), MOMENT, VALUE, st.none() | st.text("aA \\\t\n'\"N", max_size=2)),
    unique_by=lambda row: row[0],
)


@pytest.mark.repeats
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("target", TARGETS)
def test_law_of_restoring(both: Both, target: Name, mode: Mode) -> None:
    """Whatever is on either side, what is restored is what was, and its print says so."""
    sides = prepared(both, target, [], [], f", m {'numeric' if target == 'postgresql' else 'float'} default 1.5")
    declared = spec(DAYS, ignore=("m",))
    pair = sides.pair(declared)

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(there=ROWS, held=ROWS, columns=st.sampled_from([("v",), ("at", "v"), ("w",), ("at", "v", "w")]))
    def law(there: Rows, held: Rows, columns: tuple[str, ...]) -> None:
        if mode is Mode.REPLACE:  # which refuses keys that are there on another day
            taken = {row[0] for row in held if str(row[1].date()) != DAY}
            there = [row for row in there if row[0] not in taken]
        for side, rows in ((sides.source, there), (sides.target, held)):
            side.run("DELETE FROM t")
            side.fill("t (id, at, v, w)", rows)
        sides.target.run("UPDATE t SET m = id / 7.0")
        was = sides.target.rows()
        fingerprint = writing.fingerprint(pair, DAY)

        kept = load(pair, mode, columns=columns if mode.names_columns else ())

        changed = sides.target.rows() != was
        assert kept.said == (["before", "after", "done"] if changed else [])
        if changed:
            assert restore(pair, kept) > 0
        assert sides.target.rows() == was
        assert writing.fingerprint(pair, DAY) == fingerprint

    law()
