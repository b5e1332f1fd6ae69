"""Loads of thousands of random small tables, against a dict in plain Python."""

import random
import sys
import time
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from recon_assets import writing
from recon_assets.model import Calendar, Mode
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, plain, spec

pytestmark = pytest.mark.soak

Row = tuple[Any, ...]
DAYS = Calendar("at", date(2024, 1, 1), date(2024, 1, 4))
MODES = (Mode.INSERT_MISSING, Mode.UPSERT, Mode.REPLACE)
VALUES: dict[str, tuple[Any, ...]] = {
    "integer": (None, 0, 1, -(2**31), 2**31 - 1),
    "numeric(9,2)": (None, Decimal("0.00"), Decimal("1.50"), Decimal("-9999999.99")),
    "varchar(9)": (None, "", " ", "a", "A", "a ", "\\N", "é🙂", "a\tb\nc"),
    "date": (None, date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)),
}


def random_rows(dice: random.Random, types: list[str]) -> dict[int, Row]:
    """Rows by key; the same key has the same moment on both sides, so that no row wanders between windows."""
    keys = dice.sample(range(12), dice.randrange(10))
    return {key: (key, moment(key), *(dice.choice(VALUES[of]) for of in types)) for key in keys}


def moment(key: int) -> datetime:
    return datetime(2024, 1, 1 + key % 3, key * 2)  # noqa: DTZ001 - the column has no zone


def expected(mode: Mode, source: dict[int, Row], target: dict[int, Row], day: int) -> dict[int, Row]:
    """What the target holds after a load of one day."""
    new = {key: row for key, row in source.items() if row[1].day == day}
    if mode is Mode.REPLACE:
        target = {key: row for key, row in target.items() if row[1].day != day}
    return new | target if mode is Mode.INSERT_MISSING else target | new


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", TARGETS)
def test_random_tables(both: Both, source: Name, target: Name, soak_seconds: float) -> None:
    """Whatever is in the tables, a load does what its mode says, and the second one nothing."""
    seed = random.SystemRandom().randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    dice = random.Random(seed)
    end = time.monotonic() + soak_seconds / 4
    while time.monotonic() < end:
        check_one(both, source, target, dice)


def check_one(both: Both, source: Name, target: Name, dice: random.Random) -> None:
    sides, types = both(source, target), dice.choices(sorted(VALUES), k=dice.randrange(1, 4))
    columns = ", ".join(f"c{at} {of}" for at, of in enumerate(types))
    stamps = {"postgresql": "timestamp", "mysql": "datetime"}
    key = dice.choice(["integer primary key", "integer not null"])
    left, right = random_rows(dice, types), random_rows(dice, types)
    sides.create(
        f"id integer primary key, at {stamps[source]}, {columns}",
        f"id {key}, at {stamps[target]}, {columns}",
        left.values(),
    )
    sides.target.fill("t", right.values())
    pair, mode, day = sides.pair(spec(DAYS)), dice.choice(MODES), dice.randrange(1, 4)
    rows = expected(mode, left, right, day)
    for _ in range(2):
        writing.load(pair, pair.spec.window(f"2024-01-0{day}"), mode=mode)
        assert [tuple(map(plain, row)) for row in sides.target.rows()] == [
            tuple(map(plain, rows[key])) for key in sorted(rows)
        ], mode
    sides.close()
