"""Values on their way from what was seen into the target: those that are read in an unusual way, or refused."""

import uuid
from collections.abc import Sequence

import pytest

from recon_assets import diff, reading, writing
from recon_assets.errors import DeclarationError, DoesNotFitError
from recon_assets.model import ALL, Change, Discrepancy, DiscrepancyKind, Rule, Value
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, spec

ONE = uuid.UUID(int=0xABCDEF)
EVERY_TARGET = pytest.mark.parametrize("target", TARGETS)


def compared(pair: reading.Pair) -> tuple[Discrepancy, ...]:
    with reading.snapshot(pair) as snapshot:
        found = diff.compare_windows(snapshot, [ALL])["all"]
    return (*found.missing, *found.extra, *found.mismatched)


def corrected(pair: reading.Pair, found: Sequence[Discrepancy]) -> Sequence[Change]:
    with writing.correcting(pair, "all") as correcting:
        return correcting.write(found)


@EVERY_TARGET
def test_keys_that_are_texts_of_uuids(both: Both, target: Name) -> None:
    """Shown in lower case, they find the row however the target writes them, and its own text is what is kept."""
    sides = both("postgresql", target)
    sides.create("id uuid, n integer", "id char(36), n integer", [(ONE, 1)])
    sides.target.fill("t", [(str(ONE).upper(), 2)])
    pair = sides.pair(spec(rules={"id": Rule(read_as="uuid")}))

    (change,) = corrected(pair, compared(pair))

    assert change.key == {"id": str(ONE).upper()}
    assert sides.target.rows() == [(str(ONE).upper(), 1)]


@EVERY_TARGET
def test_null_where_none_may_be_is_named(both: Both, target: Name) -> None:
    """Before anything is sent to the target."""
    sides = both("postgresql", target)
    sides.create("id integer primary key, n integer", "id integer primary key, n integer NOT NULL", [(1, 1), (2, None)])
    pair = sides.pair(spec())

    with pytest.raises(DoesNotFitError, match=r"id=2: column n \(.*\) cannot hold NULL; nothing was written"):
        corrected(pair, compared(pair))


@EVERY_TARGET
def test_columns_without_a_common_meaning_can_be_fixed(both: Both, target: Name) -> None:
    """No comparison looks at them, yet a person may say what they are to hold."""
    sides = both("postgresql", target)
    sides.create("id integer primary key, n text", "id integer primary key, n integer", [(1, "5")])
    sides.target.fill("t", [(1, 4)])
    pair = sides.pair(spec())
    source: dict[str, Value] = {"id": 1, "n": writing.typed(pair, "n", "5")}
    target_: dict[str, Value] = {"id": 1, "n": 4}

    corrected(pair, [Discrepancy(DiscrepancyKind.MISMATCHED, (1,), source, target_, ("n",))])

    assert sides.target.rows() == [(1, 5)]


@EVERY_TARGET
def test_uuids_that_the_source_keeps_as_bytes(both: Both, target: Name) -> None:
    """A typed one stands in the record as the source's values do; NULL may be typed too."""
    sides = both("postgresql", target)
    sides.create("id integer primary key, u bytea", "id integer primary key, u uuid", [(1, ONE.bytes)])
    sides.target.fill("t", [(1, None)])
    pair = sides.pair(spec(rules={"u": Rule(read_as="uuid")}))

    assert writing.typed(pair, "u", str(ONE)) == ONE.hex
    assert writing.typed(pair, "u", None) is None
    corrected(pair, compared(pair))

    assert [str(row[1]) for row in sides.target.rows()] == [str(ONE)]


@EVERY_TARGET
def test_what_cannot_be_written_is_typed_for_nothing(both: Both, target: Name) -> None:
    """A column is known by both its names; an unknown one brings those that there are."""
    sides = both("postgresql", target)
    sides.create("id integer primary key, a integer", "id integer primary key, b integer NOT NULL")
    pair = sides.pair(spec(rename={"a": "b"}))

    assert writing.typed(pair, "a", "1") == writing.typed(pair, "b", "1") == 1
    with pytest.raises(DeclarationError, match="'c' is no column that can be written"):
        writing.typed(pair, "c", "1")
    with pytest.raises(DeclarationError, match=r"column b \(.*\) cannot hold NULL; expected a value such as 42"):
        writing.typed(pair, "a", None)


def test_columns_that_only_exist_in_mysql_come_back(both: Both) -> None:
    """A deleted row is kept whole, also what no comparison can read: bits, sets, numbers beyond a double."""
    sides = both("postgresql", "mysql")
    more = "b bit(9), s set('x','y'), f float, y year, d decimal(65,30)"
    sides.create("id integer primary key", f"id integer primary key, {more}")
    sides.target.run("INSERT INTO t VALUES (1, b'100000001', 'x,y', 0.1, 2024, 1e-30), (2, 1, '', -0e0, NULL, NULL)")
    pair = sides.pair(spec(ignore=("b", "s", "f", "y", "d")))
    before = sides.target.rows("SELECT *, CAST(f AS DOUBLE) FROM t ORDER BY id")

    changes = corrected(pair, compared(pair))
    assert sides.target.rows() == []
    with writing.correcting(pair, "all") as correcting:
        correcting.undo([change.inverse for change in changes])

    assert sides.target.rows("SELECT *, CAST(f AS DOUBLE) FROM t ORDER BY id") == before


def test_columns_that_only_exist_in_postgresql_come_back(both: Both) -> None:
    """Arrays, ranges, intervals, domains, JSON with its spaces and numerics with their zeros."""
    sides = both("postgresql", "postgresql")
    sides.target.run("CREATE TYPE mood AS ENUM ('sad', 'ok')", "CREATE DOMAIN small AS integer CHECK (VALUE < 10)")
    more = "a text[], r int4range, i interval, e mood[], j json, n numeric, s small, t timestamp, c char(5)"
    sides.create("id integer primary key", f"id integer primary key, {more}")
    sides.target.run(
        """INSERT INTO t VALUES (1, '{"a b",NULL}', '[1,5)', '1 mon -2 days', '{sad,ok}', '{"b": 1,  "a": 1}', 1.500,"""
        " 9, '-infinity', 'x')"
    )
    pair = sides.pair(spec(ignore=tuple("arie jnstc".replace(" ", ""))))
    before = sides.target.rows("SELECT t::text FROM t")

    changes = corrected(pair, compared(pair))
    with writing.correcting(pair, "all") as correcting:
        correcting.undo([change.inverse for change in changes])

    assert sides.target.rows("SELECT t::text FROM t") == before
