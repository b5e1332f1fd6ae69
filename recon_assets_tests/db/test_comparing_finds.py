"""What a review found wrong once: each stays found."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

import recon_assets
from recon_assets.errors import DeclarationError, DoesNotFitError
from recon_assets.model import Comparison
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Rows, Sides


def compared(sides: Sides, source: str = "t", target: str = "t", **more: Any) -> Comparison:
    return recon_assets.compare(sides.source.url, source, sides.target.url, target, **{"key": ["id"], **more})


def filled(sides: Sides, columns: str, left: Rows, right: Rows, other: str | None = None) -> Sides:
    sides.create(columns, other or columns, left)
    sides.target.fill("t", right)
    return sides


def test_cells_too_long_for_mysql_are_no_nulls(both: Both) -> None:
    """It makes NULL of a text that is longer than it sends; two such would be equal, and equal to NULL."""
    sides = filled(both("mysql", "mysql"), "id int primary key, v longblob", [(1, None)], [(1, None)])
    sides.source.run("UPDATE t SET v = REPEAT('a', 9000000)")

    with pytest.raises(DoesNotFitError, match="max_allowed_packet"):
        compared(sides)


def test_tables_without_a_common_column_are_refused(both: Both) -> None:
    """They are not equal for having nothing to compare."""
    sides = filled(both("postgresql", "postgresql"), "x int", [(1,)], [(2,)], "y int")

    with pytest.raises(DeclarationError, match="no column in common"):
        compared(sides, key=[])


@pytest.mark.parametrize(("rule", "value"), [({"as": "number"}, "abc"), ({"as": "json"}, "{bad")])
@pytest.mark.parametrize("target", ["postgresql", "mysql"])
def test_unreadable_values_are_a_mismatch_whatever_digests_the_rows(
    both: Both, target: Name, rule: dict[str, str], value: str
) -> None:
    """Also between servers whose own hash would do for other columns."""
    sides = filled(both("postgresql", target), "id int primary key, v text", [(1, value)], [(1, value)])

    assert compared(sides, rules={"v": rule}).counts.mismatched == 1


def test_texts_of_sqlite_in_a_column_of_uuids_stay_apart(both: Both) -> None:
    """They may hold whatever marks a NULL or ends a cell."""
    columns = "id int primary key, a uuid, b uuid"
    sides = filled(
        both("sqlite", "sqlite"), columns, [(1, "~", None), (2, "x", ";y")], [(1, None, None), (2, "x;", "y")]
    )

    assert compared(sides).counts.mismatched == 2


def test_binary_data_of_sqlite_is_no_text(both: Both) -> None:
    """Whatever marks it, in a cell and in a key; nor is it binary data of the same bytes that are a text there."""
    sides = both("sqlite", "postgresql")
    filled(sides, "id anyblob, v anyblob", [("1", b"ab"), (b"k", "x")], [], "id text, v text")
    sides.target.fill("t", [("1", "!6162"), ("!b6b", "x"), ("!6b", "x")])

    counts = compared(sides).counts
    assert (counts.mismatched, counts.missing, counts.extra) == (1, 1, 2)
    sides.target.run("UPDATE t SET v = '!b6162' WHERE id = '1'")
    assert compared(sides).counts.mismatched == 1


@pytest.mark.parametrize(("column", "here", "there"), [("integer", "abc", b"abc"), ("date", 5, b"5")])
def test_storage_classes_of_sqlite_are_told_apart(both: Both, column: str, here: object, there: object) -> None:
    """Also where neither is a value of the column's type."""
    sides = filled(both("sqlite", "sqlite"), f"id int, v {column}", [(1, here)], [(1, there)])
    assert compared(sides).counts.mismatched == 1


@pytest.mark.parametrize("target", ["postgresql", "mysql"])
def test_queries_of_mysql_have_types(both: Both, target: Name) -> None:
    """As its protocol describes them: whole seconds, decimals, texts and bytes."""
    sides = both("mysql", target)
    columns = "id bigint, amount decimal(9,2), born date, made {}, name varchar(9), raw {}"
    made = datetime(2024, 1, 1, 10, tzinfo=UTC).replace(tzinfo=None)
    row = (1, "1.50", date(2024, 1, 1), made, "a", b"\0")
    other = columns.format("timestamp(0)", "bytea") if target == "postgresql" else columns.format("datetime", "blob")
    filled(sides, columns.format("datetime", "blob"), [row], [row], other)

    assert compared(sides, "(select id, amount, born, made, name, raw from t)").equal
    assert compared(sides, "(select id, amount + 1 as amount from t)").counts.mismatched == 1


FAILED = "UPDATE pg_index SET indisunique = true, indisvalid = false WHERE indexrelid = 'u'::regclass"
SPOILT = {
    "failed": ("INSERT INTO t VALUES (1, 'c')", "CREATE INDEX u ON t (id)", FAILED),
    "heirs": ("CREATE UNIQUE INDEX u ON t (id)", "CREATE TABLE h () INHERITS (t)", "INSERT INTO h VALUES (1, 'c')"),
}


@pytest.mark.parametrize("why", SPOILT)
def test_unique_indexes_that_do_not_hold_are_not_believed(both: Both, why: str) -> None:
    """Two records of one key are a multiset, whatever an index promises."""
    sides = filled(both("postgresql", "postgresql"), "id int not null, v text", [(1, "a")], [(1, "b")])
    sides.target.run("CREATE UNIQUE INDEX u ON t (id)")
    sides.source.run(*SPOILT[why])

    found = compared(sides)

    assert (found.counts.missing, found.counts.extra, found.duplicate_keys) == (2, 1, 1)


def test_records_come_in_key_order_whatever_their_days(both: Both) -> None:
    """Days are looked at one after the other; keys are listed all together."""
    columns = "id int primary key, made date"
    rows: Rows = [(3, date(2024, 1, 1)), (2, date(2024, 1, 2)), (1, date(2024, 1, 3))]
    sides = filled(both("postgresql", "mysql"), columns, rows, [])

    found = compared(sides, window=("made", "2024-01-01", "2024-02-01", "UTC"))

    assert [record.key for record in found.missing] == [(1,), (2,), (3,)]
    with pytest.raises(DeclarationError, match="within a day"):
        compared(sides, window=("made", "2024-01-01T12:00", "2024-02-01", "UTC"))
    with pytest.raises(DeclarationError, match="later than the year"):
        compared(sides, window=("made", "2024-01-01", "9999-12-31", "UTC"))


def test_columns_that_meet_one_column_are_refused(both: Both) -> None:
    """One of the two would be compared in silence with what is not its own."""
    sides = filled(both("postgresql", "mysql"), "id int primary key, a int, b int", [(1, 2, 3)], [(1, 2, 3)])

    with pytest.raises(DeclarationError, match="both meet"):
        compared(sides, rename={"a": "b"})
