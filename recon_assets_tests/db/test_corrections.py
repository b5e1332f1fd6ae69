"""Corrections written to a real target: exactly what was planned, guarded by what was seen, and undone to the byte."""

from collections.abc import Sequence
from typing import Any

import pytest

from recon_assets import diff, slices, writes
from recon_assets.model import ALL, Action, Change, Discrepancy
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Sides, spec

PAIRS = [pytest.param((source, target), id=f"{source}-{target}") for source in TARGETS for target in TARGETS]


def compared(pair: slices.Pair) -> tuple[Discrepancy, ...]:
    """All that differs."""
    with slices.snapshot(pair) as snapshot:
        found = diff.compare(snapshot, [ALL])["all"]
    return (*found.missing, *found.extra, *found.mismatched)


def corrected(pair: slices.Pair, found: Sequence[Discrepancy]) -> tuple[Change, ...]:
    """Plans and writes."""
    with writes.correcting(pair, "all") as correcting:
        changes = correcting.plan(found)
        correcting.write(changes)
    return changes


def undone(pair: slices.Pair, changes: Sequence[Change]) -> None:
    """Writes the inverses, newest first."""
    with writes.correcting(pair, "all") as correcting:
        correcting.write([change.inverse for change in reversed(changes)])


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
