"""The law of repair, through the whole guarded path, for random damage: corrected is equal, taken back is as before."""

import random
import sys
import time

import pytest

from recon_assets import ledger
from recon_assets_tests.conftest import PROJECT, Fresh
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.repairs import Repair, damage, equal, project
from recon_assets_tests.db.sides import TARGETS, Name

pytestmark = pytest.mark.repeats


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", TARGETS)
def test_corrected_is_equal_and_taken_back_is_as_before(both: Both, fresh: Fresh, source: Name, target: Name) -> None:
    """A random table of each pair of databases."""
    check_one(both, fresh("ledger"), source, target, seeded())


@pytest.mark.soak
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", TARGETS)
def test_many_random_tables(both: Both, fresh: Fresh, source: Name, target: Name, soak_seconds: float) -> None:
    """The same for as long as is asked for."""
    dice, book = seeded(), fresh("ledger")
    end = time.monotonic() + soak_seconds / 4
    while time.monotonic() < end:
        check_one(both, book, source, target, dice)


def seeded() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    return random.Random(seed)


def check_one(both: Both, url: str, source: Name, target: Name, dice: random.Random) -> None:
    """Damage, repair, take back; all that a ledger remembers of earlier games does no harm."""
    sides = both(source, target)
    damage(dice).create(sides)
    before = sides.target.rows()
    with ledger.opened(url, PROJECT) as book:
        repair = Repair(book, project(sides.source.url, sides.target.url))
        repair.finish()
        assert equal(sides)
        repair.take_back()
    assert sides.target.rows() == before
    sides.close()
