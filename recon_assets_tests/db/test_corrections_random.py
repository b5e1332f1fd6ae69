"""Whatever is wrong with whatever table: corrected it is as the source, and undone it is what it was, byte for byte."""

import random
import time
from collections.abc import Sequence
from typing import Any

import pytest

from recon_assets import diff, reading, writing
from recon_assets.model import ALL, Comparison, Kind, Relation, TableSpec
from recon_assets_tests.db.compared import FAMILIES, Drawn, Stored, Table, build, kept
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Sides
from recon_assets_tests.db.test_comparing_random import dice

pytestmark = pytest.mark.repeats

Row = tuple[Any, ...]
PAIRS = [pytest.param(source, target, id=f"{source}-{target}") for source in SOURCES for target in TARGETS]
GAMES = 4
EXACT: dict[str, str] = {"postgresql": "SELECT t::text FROM {} t ORDER BY 1", "mysql": "SELECT * FROM {} ORDER BY 1, 2"}


def drawn(dice: random.Random, source: Name, target: Name, name: str, *, key: bool) -> Drawn:
    """A column of random types, with a rule that some values are equal by."""
    family = dice.choice([of for of in FAMILIES.values() if of.keyed or not key])
    left, right = dice.choice(family.types[source]), dice.choice(family.types[target])
    given = {} if key and "as" not in family.rules[0] else dice.choice(family.rules)
    values = [value for value in family.values if passes(left, right, value)]
    values = [value for value in values if not (key and value is None and dice.random() < 0.5)]
    if not set(values) - {None}:
        return drawn(dice, source, target, name, key=key)
    return Drawn(name, left, right, values, given, f"{name}_there" if dice.random() < 0.2 else None)


def passes(left: Stored, right: Stored, value: Any) -> bool:
    """Whether the target holds what the source does: nothing is written that is rounded on the way."""
    fits = (left.of.kind, right.of.kind) != (Kind.INSTANT, Kind.DATE)  # which no load writes either
    if not (fits and left.holds(value) and right.holds(value)):
        return False
    here = left.held(value)
    return right.holds(here) and (not isinstance(here, float) or repr(right.held(here)) == repr(here))


def tables(dice: random.Random, columns: Sequence[Drawn], keys: int, name: str) -> tuple[Table, Table]:
    """A source of some rows, and a target damaged at random, which has a column of its own."""
    rows = {row[:keys]: row for row in (tuple(dice.choice(of.values) for of in columns) for _ in range(15))}
    # A key is one that both sides take for one: texts that differ by case only are two.
    left = [row for row in rows.values() if dice.random() < 0.8]
    right = [_damaged(dice, columns, keys, row) for row in rows.values() if dice.random() < 0.8]
    source = [[of.source.held(value) for of, value in zip(columns, row, strict=True)] for row in left]
    target = [
        [*(of.target.held(value) for of, value in zip(columns, row, strict=True)), dice.choice(["mine", None])]
        for row in right
    ]
    declared = {of.renamed or of.name: of.target.sql for of in columns}
    return (
        Table(name, {of.name: of.source.sql for of in columns}, source),
        Table(name, {**declared, "own": "varchar(9) DEFAULT 'new'"}, target),
    )


def _damaged(dice: random.Random, columns: Sequence[Drawn], keys: int, row: Row) -> Row:
    return tuple(
        dice.choice(of.values) if at >= keys and dice.random() < 0.3 else value
        for at, (of, value) in enumerate(zip(columns, row, strict=True))
    )


def declared(columns: Sequence[Drawn], keys: int, name: str) -> TableSpec:
    return TableSpec(
        name,
        Relation("source", name),
        Relation("target", name),
        tuple(of.name for of in columns[:keys]),
        rename={of.name: of.renamed for of in columns if of.renamed},
        rules={of.name: kept(of.given) for of in columns if of.given},
        ignore=("own",),
    )


def compared(pair: reading.Pair) -> Comparison:
    with reading.snapshot(pair) as snapshot:
        return diff.compare_windows(snapshot, [ALL])["all"]


def play(sides: Sides, dice: random.Random, games: int) -> None:
    """Corrects some random tables and undoes it."""
    for at in range(games):
        keys, name = dice.choice([1, 1, 2]), f"t{at}"
        columns = [drawn(dice, sides.source.name, sides.target.name, f"c{of}", key=of < keys) for of in range(keys + 3)]
        source, target = tables(dice, columns, keys, name)
        build(sides.source, source)
        build(sides.target, target)
        spec = declared(columns, keys, name)
        told = "\n".join(
            [f"{of.name}: {of.source.sql} -> {of.target.sql} {of.given}" for of in columns]
            + [str(source.rows), str(target.rows)]
        )
        try:
            _play(sides, spec)
        except Exception as error:
            raise AssertionError(told) from error
        finally:
            sides.close()


def _play(sides: Sides, spec: TableSpec) -> None:
    pair = sides.pair(spec)
    found = compared(pair)
    if found.duplicate_keys:
        return
    # Sorted here: a collation takes '' and ' ' for one, and then any order is right.
    original = sorted(sides.target.rows(EXACT[sides.target.name].format(spec.name)), key=repr)
    with writing.correcting(pair, "all") as correcting:
        changes = correcting.write((*found.missing, *found.extra, *found.mismatched))
    left = compared(pair)
    with writing.correcting(pair, "all") as correcting:
        correcting.undo([change.inverse for change in reversed(changes)])

    assert left.counts.wrong == 0
    assert sorted(sides.target.rows(EXACT[sides.target.name].format(spec.name)), key=repr) == original
    assert compared(pair).counts == found.counts


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_random_damage_is_corrected_and_undone(both: Both, source: Name, target: Name) -> None:
    """Applied, nothing differs; rolled back, every column of every row is what it was, to the byte."""
    play(both(source, target), dice(), GAMES)


@pytest.mark.soak
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_much_random_damage_is_corrected_and_undone(
    both: Both, source: Name, target: Name, soak_seconds: float
) -> None:
    """The same, for longer."""
    sides, rolled = both(source, target), dice()
    end = time.monotonic() + soak_seconds / len(PAIRS)
    while time.monotonic() < end:
        play(sides, rolled, GAMES)
