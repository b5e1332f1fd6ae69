"""No two values that differ have one digest: structured differences, of every kind, on every pair of databases.

Each difference is a group of rows of its own, so that one digest statement a side tells of all of one kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa

from recon_assets import compare, dialect, reading
from recon_assets.dialect import postgresql_row_hash
from recon_assets.dialect.canonical import row_text
from recon_assets.dialect.identity_hash import identity_hash
from recon_assets.dialect.postgresql_row_hash import chained_hash, equal_values
from recon_assets.dialect.types import parse
from recon_assets.model import ALL, Database, Kind, Measure
from recon_assets.reading import Snapshot
from recon_assets.reading.column_matching import forms
from recon_assets.reading.measures import Hashing, hashing, row_hash, scan
from recon_assets.reading.snapshot import Side
from recon_assets_tests.db.compared import Table, build
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.differences import DIFFERENCES, LABELS
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Sides, spec

pytestmark = pytest.mark.repeats

Groups = list[tuple[str, list[tuple[Any, Any]], list[tuple[Any, Any]]]]
PAIRS = [pytest.param(left, right, id=f"{left}-{right}") for left in SOURCES for right in SOURCES]
EQUAL = "equal"
GROUPED = Measure("digest")


def names(source: Name, target: Name) -> list[str]:
    return [name for name, of in DIFFERENCES.items() if {source, target} <= of.types.keys()]


def groups(name: str, source: Name, target: Name) -> Groups:
    """Of each difference: alone, swapped between two rows, swapped between two columns; then one without any."""
    of = DIFFERENCES[name]
    found: Groups = []
    for left, right in of.held(source, target):
        found.append((f"{left!r} | {right!r}", [(left, None)], [(right, None)]))
        found.append(
            (f"{left!r} | {right!r} in two rows", [(left, None), (right, None)], [(right, None), (left, None)])
        )
        found.append((f"{left!r} | {right!r} in two columns", [(left, right)], [(right, left)]))
    return [*found, (EQUAL, found[0][1], found[0][1])]


def filled(sides: Sides) -> dict[str, Groups]:
    """One table a side: two columns of each type, in whose rows the groups of all types stand beside each other."""
    source, target = sides.source.name, sides.target.name
    found = {name: groups(name, source, target) for name in names(source, target)}
    for at, side in enumerate((sides.source, sides.target)):
        if side.name == "postgresql":
            side.run(f"CREATE TYPE mood AS ENUM {LABELS}")
        columns = {"id": "integer", "g": "integer"}
        for name in found:
            columns |= {f"{name}_{which}": DIFFERENCES[name].types[side.name].sql for which in "vw"}
        build(side, Table("t", columns, list(_rows(found, at, side.name)), primary_key=("id",)))
    return found


def _rows(found: Mapping[str, Groups], at: int, database: Name) -> Iterator[list[Any]]:
    number = 0
    for group in range(max(map(len, found.values()))):
        here = {name: each[group][1 + at] if group < len(each) else [] for name, each in found.items()}
        for row in range(max(map(len, here.values()))):
            cells = {name: rows[row] if row < len(rows) else (None, None) for name, rows in here.items()}
            held = ([DIFFERENCES[name].types[database].held(value) for value in both] for name, both in cells.items())
            yield [number, group, *(value for both in held for value in both)]
            number += 1


@contextmanager
def opened(sides: Sides) -> Iterator[Snapshot]:
    engines = [dialect.engine(Database(side.name, side.url), role="source") for side in (sides.source, sides.target)]
    sides.opened.extend(engines)
    with reading.snapshot(reading.pair_for_comparison(spec(), engines[0], engines[1])) as snapshot:
        yield snapshot


def of_type(snapshot: Snapshot, name: str, key: Sequence[str] = ("id",)) -> Snapshot:
    """As if the table had no columns but those of one type."""
    wanted = {"id", "g", f"{name}_v", f"{name}_w"}
    pair = snapshot.pair
    columns = tuple(column for column in pair.columns if column.source.name in wanted)
    pair = replace(pair, columns=columns, spec=replace(pair.spec, key=tuple(key)))
    return Snapshot(pair, replace(snapshot.source, pair=pair), replace(snapshot.target, pair=pair))


def digests(side: Side, how: Hashing) -> dict[int, tuple[Any, ...]]:
    rows = side.connection.execute(scan(side, [GROUPED], [ALL], by=("g",), how=how))
    return {int(group): tuple(map(str, digest)) for _, group, *digest in rows}


def ways(snapshot: Snapshot) -> set[Hashing]:
    """By texts everywhere, and by bytes where that is how the program compares."""
    return {Hashing.CANONICAL, hashing(snapshot)}


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_no_difference_escapes_a_digest(both: Both, source: Name, target: Name) -> None:
    """Alone, in two rows that swap values, and in two columns that do."""
    sides = both(source, target)
    found = filled(sides)
    blind = []
    with opened(sides) as snapshot:
        for name, of in found.items():
            one = of_type(snapshot, name)
            certain = all(form.different_text_proves_different for form in forms(one.pair).values())
            for how in ways(one):
                left, right = digests(one.source, how), digests(one.target, how)
                blind += [f"{name}, {how}: {what}" for at, (what, *_) in enumerate(of[:-1]) if left[at] == right[at]]
                assert left[len(of) - 1] == right[len(of) - 1] or not certain, (name, how)
    assert not blind


def test_no_difference_escapes_the_hash_of_servers_before_18(both: Both) -> None:
    """Whose hash of bytes is that of a text of them; two PostgreSQL 15 were tried by hand."""
    sides = both("postgresql", "postgresql")
    found = filled(sides)
    blind = []
    with opened(sides) as snapshot:
        for side in (snapshot.source, snapshot.target):
            side.connection.dialect.server_version_info = (15,)
        for name, of in found.items():
            one = of_type(snapshot, name)
            if hashing(one) is not Hashing.TYPED:
                continue
            left, right = (digests(side, Hashing.TYPED) for side in (one.source, one.target))
            blind += [f"{name}: {what}" for at, (what, *_) in enumerate(of[:-1]) if left[at] == right[at]]
    assert not blind


def test_no_two_rows_of_many_columns_hash_alike(both: Both) -> None:
    """A hundred are hashed in one expression: parts that are alike, that swap places, or differ in one value."""
    sides, width = both("postgresql", "postgresql"), 250
    parts = [[a] * 100 + [b] * 100 + [c] * 50 for a, b, c in product((0, 1), repeat=3)]
    rows = [*parts, *([1 if at == one else 0 for at in range(width)] for one in range(width))]
    table = sa.values(*(sa.column(f"c{at}", sa.Integer) for at in range(width)), name="t").data(list(map(tuple, rows)))
    integer = parse("integer", "postgresql")
    alike = chained_hash([equal_values(column, integer, integer) for column in table.c])
    identical = identity_hash([(column, integer) for column in table.c], "postgresql")
    engine = dialect.engine(Database("source", sides.source.url), role="source")
    sides.opened.append(engine)
    with engine.connect() as connection:
        found = connection.execute(sa.select(alike, identical)).all()
    assert [len(set(hashes)) for hashes in zip(*found, strict=True)] == [len(rows)] * 2


@pytest.mark.parametrize("database", SOURCES)
def test_no_two_rows_share_a_number(both: Both, database: Name) -> None:
    """By which a window is split into parts."""
    sides = both(database, database)
    found = filled(sides)
    with opened(sides) as snapshot:
        for name, of in found.items():
            one = of_type(snapshot, name, key=(f"{name}_v",))
            for how in ways(one):
                side = one.source
                rows = side.connection.execute(side.select(side.value("g"), row_hash(side, how))).all()
                numbers: dict[int, set[int]] = {}
                for group, number in rows:
                    numbers.setdefault(int(group), set()).add(int(number))
                swaps = [at for at, (what, *_) in enumerate(of) if what.endswith("in two rows")]
                assert [of[at][0] for at in swaps if len(numbers[at]) < 2] == [], (name, how)


def test_no_text_is_cut_in_a_temporary_table(both: Both) -> None:
    """Which MySQL makes for ``GROUP BY``, as wide as it reckons that a text can be."""
    sides = both("mysql", "mysql")
    found = filled(sides)
    with opened(sides) as snapshot:
        side = snapshot.source
        texts = [row_text(side.cells([f"{name}_v", f"{name}_w"])).label(name) for name in found]
        rows = side.select(side.value("id").label("id"), *texts)
        direct = {row[0]: tuple(row[1:]) for row in side.connection.execute(rows)}
        each = rows.subquery()
        number = sa.func.abs(each.c.id)  # an index could serve for the column itself
        kept = sa.select(number, *(sa.func.min(each.c[name]) for name in found)).group_by(number)
        assert {row[0]: tuple(row[1:]) for row in side.connection.execute(kept)} == direct


@pytest.mark.parametrize("of", ["decimal(38,38)", "decimal(38,38) unsigned"])
def test_no_key_below_one_is_cut_in_a_temporary_table(both: Both, of: str) -> None:
    """MySQL reckons without the 0 before the point; cast to text, as the only column of the table, too."""
    sides = both("mysql", "mysql")
    value = f"0.{'9' * 38}" if "unsigned" in of else f"-0.{'9' * 38}"
    sides.create(f"c {of}", f"c {of}", [(value,)] * 3)
    sides.target.fill("t", [(value,)] * 2)
    sides.target.run("create table texts as select cast(c as char(70)) c from t")
    for table, cast in (("t", None), ("texts", {"c": "char"})):
        found = compare(sides.source.url, "t", sides.target.url, table, key=["c"], cast=cast)
        assert (found.duplicate_keys, [each.key for each in found.missing]) == (1, [(value,)])


@pytest.mark.parametrize("target", TARGETS)
def test_no_difference_escapes_a_fingerprint(both: Both, target: Name) -> None:
    """Of what a load left: hashes of keys and rows are other ones, and so are their sums when rows swap values."""
    sides = both(target, target)
    found = filled(sides)
    with opened(sides) as snapshot:
        sums = [_sums(side, list(found)) for side in (snapshot.source, snapshot.target)]
    blind = [
        f"{name}: {of[at][0]}"
        for column, (name, of) in enumerate(found.items())
        for at in range(len(of) - 1)
        if sums[0][at][2 * column] == sums[1][at][2 * column]
        or (at % 3 == 0 and sums[0][at][2 * column + 1] == sums[1][at][2 * column + 1])
    ]
    assert not blind


def _sums(side: Side, types: Sequence[str]) -> dict[int, list[tuple[int, int]]]:
    """Of each group the sums that fingerprints have of rows' hashes and of keys', a pair of them for each type."""
    hashes = []
    for name in types:
        cells = [(side.value(each), side.column(each).type) for each in ("id", f"{name}_v", f"{name}_w")]
        hashes += [identity_hash(cells, side.dialect), identity_hash(cells[1:2], side.dialect)]
    found: dict[int, list[tuple[int, int]]] = {}
    for group, *row in side.connection.execute(side.select(side.value("g"), *hashes)):
        old = found.setdefault(int(group), [(0, 0)] * len(row))
        halves = [(int(number) & (1 << 31) - 1, int(number) >> 31 & (1 << 31) - 1) for number in row]
        found[int(group)] = [(low + a, high + b) for (low, high), (a, b) in zip(old, halves, strict=True)]
    return found


def test_every_kind_has_its_list() -> None:
    """And every type that PostgreSQL's bytes are compared of: a new one cannot come without its differences."""
    kinds = {stored.of.kind for of in DIFFERENCES.values() for stored in of.types.values()}
    assert kinds == set(Kind) - {Kind.UNSUPPORTED}

    spelled = {stored.sql.split("(")[0] for of in DIFFERENCES.values() if (stored := of.types.get("postgresql"))}
    spoken = {
        "varchar": "character varying",
        "char": "character",
        "timestamptz": "timestamp with time zone",
        "time": "time without time zone",
    }
    spelled = {spoken.get(name, "timestamp without time zone" if name == "timestamp" else name) for name in spelled}
    assert spelled >= postgresql_row_hash.TYPES
