"""Corrections of tables that other tables, sequences and computed columns depend on."""

from collections.abc import Sequence
from datetime import date

import pytest

from recon_assets import diff, reading, writing
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.model import ALL, Calendar, Change, Discrepancy, DiscrepancyKind, Relation, TableSpec, Value
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Sides, spec

EVERY_TARGET = pytest.mark.parametrize("target", TARGETS)


def compared(pair: reading.Pair) -> tuple[Discrepancy, ...]:
    with reading.snapshot(pair) as snapshot:
        found = diff.compare_windows(snapshot, [ALL])["all"]
    return (*found.missing, *found.extra, *found.mismatched)


def corrected(pair: reading.Pair, found: Sequence[Discrepancy] | None = None) -> Sequence[Change]:
    with writing.correcting(pair, "all") as correcting:
        return correcting.write(compared(pair) if found is None else found)


def undone(pair: reading.Pair, changes: Sequence[Change]) -> None:
    with writing.correcting(pair, "all") as correcting:
        correcting.undo([change.inverse for change in reversed(changes)])


@EVERY_TARGET
def test_rows_that_refer_to_each_other(both: Both, target: Name) -> None:
    """Rows of one table that refer to rows of the same one are written together, whatever their order, and undone."""
    sides = both("postgresql", target)
    sides.create("id integer primary key, boss integer", "id integer primary key, boss integer REFERENCES t (id)")
    if target == "mysql":  # which ignores what stands beside a column
        sides.target.run("ALTER TABLE t ADD FOREIGN KEY (boss) REFERENCES t (id)")
    itself = 3 if target == "postgresql" else None  # MySQL never deletes a row that refers to itself
    rows = [(1, 4), (2, 1), (3, itself), (4, None)]
    sides.source.fill("t", rows)
    sides.target.fill("t", [(9, None)])
    pair = sides.pair(spec())

    changes = corrected(pair)

    assert sides.target.rows() == rows
    undone(pair, changes)
    assert sides.target.rows() == [(9, None)]


@EVERY_TARGET
def test_rows_with_children_that_would_go_with_them_are_not_deleted(both: Both, target: Name) -> None:
    """A row that nobody refers to may go, also when an insert is undone."""
    sides = both("postgresql", target)
    sides.create("id integer primary key", "id integer primary key", [(1,), (2,)])
    refers = "FOREIGN KEY ({}) REFERENCES t (id)"
    sides.target.run(
        "CREATE TABLE child (id integer, t integer, held integer,"
        f" {refers.format('t')} ON DELETE CASCADE, {refers.format('held')})",
        "INSERT INTO t (id) VALUES (3), (4)",
        "INSERT INTO child VALUES (1, 4, NULL)",
    )
    pair = sides.pair(spec())

    with pytest.raises(RefusedError, match="rows of child refer to rows that would be deleted"):
        corrected(pair)
    changes = corrected(pair, [found for found in compared(pair) if found.key != (4,)])
    sides.target.run("INSERT INTO child VALUES (2, 1, NULL)")
    with pytest.raises(RefusedError, match="rows of child"):
        undone(pair, changes)
    sides.target.run("DELETE FROM child WHERE id = 2")
    undone(pair, changes)

    assert sides.target.rows() == [(3,), (4,)]
    assert sides.target.rows("SELECT * FROM child") == [(1, 4, None)]


@EVERY_TARGET
@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_rows_that_go_with_each_other_are_deleted_together(both: Both, target: Name, action: str) -> None:
    """Those that the correction deletes anyway; others that refer to them are not lost, nor changed."""
    sides = both("postgresql", target)
    boss = f"FOREIGN KEY (boss) REFERENCES t (id) ON DELETE {action}"
    sides.create("id integer primary key, boss integer", f"id integer primary key, boss integer, {boss}", [(1, None)])
    sides.target.run("INSERT INTO t VALUES (1, NULL), (2, NULL), (3, 2), (4, 3), (5, 2)")
    pair = sides.pair(spec())
    extra = compared(pair)

    with pytest.raises(RefusedError, match="rows of t refer to rows that would be deleted"):
        corrected(pair, [found for found in extra if found.key != (3,)])
    assert len(sides.target.rows()) == 5
    changes = corrected(pair, extra)

    assert sides.target.rows() == [(1, None)]
    undone(pair, changes)
    assert sides.target.rows() == [(1, None), (2, None), (3, 2), (4, 3), (5, 2)]


def test_sequences_follow_what_was_inserted(both: Both) -> None:
    """The next row of somebody else does not meet a number that a correction wrote; identities are written as such."""
    sides = both("postgresql", "postgresql")
    identity = "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    sides.create("id integer primary key, n integer", f"id {identity}, n integer", [(7, 1)])
    pair = sides.pair(spec())

    changes = corrected(pair)
    sides.target.run("INSERT INTO t (n) VALUES (5)")

    assert sides.target.rows() == [(7, 1), (8, 5)]
    undone(pair, changes)
    assert sides.target.rows() == [(8, 5)]


def test_trying_a_correction_leaves_sequences_as_they_are(both: Both) -> None:
    """Nothing that is rolled back would take that back."""
    sides = both("postgresql", "postgresql")
    identity = "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
    far = 2**31 - 1
    sides.create("id integer primary key, n integer", f"id {identity}, n integer, more integer DEFAULT 1", [(far, 1)])
    pair = sides.pair(spec())

    with writing.correcting(pair, "all", dry_run=True) as correcting:
        correcting.write(compared(pair))
    sides.target.run("INSERT INTO t (n) VALUES (5)")

    assert sides.target.rows() == [(1, 5, 1)]


@EVERY_TARGET
def test_columns_that_the_target_computes_follow(both: Both, target: Name) -> None:
    """They are no part of a change; rows that differ in them too are written together with those that do not."""
    sides = both("postgresql", target)
    computed = "m integer GENERATED ALWAYS AS (n * 2) STORED"
    sides.create("id integer primary key, n integer, m integer", f"id integer primary key, n integer, {computed}")
    sides.source.fill("t", [(1, 1, 2), (2, 2, 4), (4, 4, 10)])
    sides.target.run("INSERT INTO t (id, n) VALUES (1, 5), (3, 3), (4, 5)")
    pair = sides.pair(spec())
    whole = reading.pair_for_comparison(spec(), pair.source, pair.target)

    found = compared(whole)
    changes = corrected(pair, found)

    assert [each.differing for each in found if each.target and each.source] == [("n", "m"), ("n",)]
    assert sides.target.rows() == [(1, 1, 2), (2, 2, 4), (4, 4, 8)]
    undone(pair, changes)
    assert sides.target.rows() == [(1, 5, 10), (3, 3, 6), (4, 5, 10)]


def _parents(sides: Sides, key: str) -> tuple[reading.Pair, reading.Pair]:
    """Rows of ``t`` name rows of ``p``."""
    sides.source.run("CREATE TABLE p (code text, moment timestamp, name text)")
    moment = "timestamp" if sides.target.name == "postgresql" else "datetime"
    sides.target.run(f"CREATE TABLE p (code varchar(9) primary key, moment {moment}, name varchar(20))")
    sides.source.fill("p", [("A", "2024-01-01 23:30:00", "a"), ("a", "2024-01-02 10:00:00", "other"), ("B", None, "b")])
    sides.create("id integer primary key, p text", "id integer primary key, p varchar(9)")
    days = Calendar("moment", date(2024, 1, 1), timezone="Europe/Paris")
    parent = TableSpec("p", Relation("source", "p"), Relation("target", "p"), (key,), days)
    return sides.pair(spec()), sides.pair(parent)


def test_rows_in_a_circle(both: Both) -> None:
    """PostgreSQL looks at references when all rows are there, or gone."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer primary key, boss integer", "id integer primary key, boss integer REFERENCES t (id)")
    sides.source.fill("t", [(1, 2), (2, 1)])
    pair = sides.pair(spec())

    changes = corrected(pair)

    assert sides.target.rows() == [(1, 2), (2, 1)]
    undone(pair, changes)
    assert sides.target.rows() == []


@EVERY_TARGET
@pytest.mark.parametrize("source", SOURCES)
def test_parents_are_read_from_the_source(both: Both, source: Name, target: Name) -> None:
    """Each once, by its very name, in its own window; those that the source lacks too are left out."""
    child, parent = _parents(both(source, target), "code")
    orphans = [
        Discrepancy(DiscrepancyKind.ORPHAN, (at,), target={"id": at, "p": name})
        for at, name in enumerate(["A", "B", "A", "nobody", None])
    ]

    found = writing.parents(child, parent, ["p"], orphans)

    assert {(each.kind, each.key, each.window) for each in found} == {
        (DiscrepancyKind.MISSING, ("A",), "2024-01-02"),
        (DiscrepancyKind.MISSING, ("B",), "all"),
    }
    assert len(found) == 2
    corrected(parent, found)
    assert [row[::2] for row in parent_rows(parent)] == [("A", "a"), ("B", "b")]


def parent_rows(pair: reading.Pair) -> list[tuple[Value, ...]]:
    with pair.target.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT * FROM p ORDER BY code")]


TYPED: dict[Name, list[tuple[str, str, Value, str, str]]] = {
    "postgresql": [
        ("integer", " 42 ", 42, "1.5", "a number with digits after the point"),
        ("numeric(6,2)", "12.50", "12.5", "12.345", "3 digits after the point, where 2 fit"),
        ("double precision", "0.10", "0.1", "much", "text that is no number"),
        ("boolean", "True", True, "maybe", "neither true nor false"),
        ("varchar(3)", " a ", " a ", "abcd", "text of 4 characters, where 3 fit"),
        ("date", "2024-02-29", "2024-02-29", "2023-02-29", "not a date"),
        ("time", "06:30", "06:30:00", "6h", "not a time"),
        ("timestamp", "2024-01-02 03:04", "2024-01-02T03:04:00", "soon", "not a timestamp"),
        ("timestamptz", "2024-01-02 03:04+02:00", "2024-01-02T01:04:00+00:00", "soon", "not a timestamp"),
        ("uuid", "123E4567-E89B-12D3-A456-426614174000", "123e4567-e89b-12d3-a456-426614174000", "1", "no UUID"),
        ("jsonb", '{"a": 1.50}', '{"a":1.50}', "{", "not JSON"),
        ("bytea", "\\x00FF", "00ff", "0", "hexadecimal"),
    ],
    "mysql": [
        ("tinyint unsigned", "255", 255, "256", "outside"),
        ("bit(1)", "1", True, "2", "neither true nor false"),
        ("timestamp(6) null", "2024-01-02 03:04", "2024-01-02T03:04:00+00:00", "soon", "not a timestamp"),
        ("enum('a','b')", "b", "b", "c", "a label that the enum does not have"),
        ("varbinary(2)", "0x00ff", "00ff", "000000", "3 bytes, where 2 fit"),
    ],
}


@pytest.mark.parametrize(
    ("target", "column", "text", "value", "wrong", "why"), [(name, *each) for name in TARGETS for each in TYPED[name]]
)
def test_what_people_type_is_checked_and_written(  # noqa: PLR0917 - a row of the table
    both: Both, target: Name, column: str, text: str, value: Value, wrong: str, why: str
) -> None:
    """By the column's type: what it holds becomes the value of a fix, all else is refused with an example."""
    sides = both(target, target)
    sides.create(f"id integer primary key, c {column}", f"id integer primary key, c {column}")
    sides.target.run("INSERT INTO t (id) VALUES (1)")
    pair = sides.pair(spec())

    with pytest.raises(DeclarationError, match=f"t: column c .* cannot hold .*{why}.*expected a value such as"):
        writing.typed(pair, "c", wrong)
    found = writing.typed(pair, "c", text)

    assert found == value
    seen: dict[str, Value] = {"id": 1, "c": None}
    corrected(pair, [Discrepancy(DiscrepancyKind.MISMATCHED, (1,), {**seen, "c": found}, seen, ("c",))])
    with writing.correcting(pair, "all", dry_run=True) as correcting:
        (change,) = correcting.write([Discrepancy(DiscrepancyKind.EXTRA, (1,), target={**seen, "c": found})])
    assert change.before is not None
