"""Comparisons of random small tables, against a second opinion in plain Python: they never disagree."""

import os
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import compress, product
from typing import Any

import pytest

import recon_assets
from recon_assets.model import Comparison
from recon_assets_tests import oracle
from recon_assets_tests.db.compared import DATETIMES, FAMILIES, PATHS, Drawn, Table, build, take, unordered, verdict
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, Name, Sides

pytestmark = pytest.mark.repeats

Row = tuple[Any, ...]
PAIRS = [pytest.param(source, target, id=f"{source}-{target}") for source in SOURCES for target in SOURCES]
# Each database in either place, and one with itself.
RING = [
    PAIRS[0],
    *(
        param
        for param in PAIRS
        if param.id in {"postgresql-mysql", "mysql-duckdb", "duckdb-sqlite", "sqlite-postgresql"}
    ),
]
GAMES = 4
START, END = date(2024, 1, 1), date(2024, 2, 1)


@dataclass(frozen=True)
class Game:
    """Two random tables and how to compare them; rows hold what went in, before any column changed it."""

    columns: Sequence[Drawn]
    key: Sequence[str]
    source: Sequence[Row]
    target: Sequence[Row]
    window: str | None = None
    only: Sequence[str] | None = None
    not_null: str | None = None
    tight: bool = False

    def tables(self, name: str) -> tuple[Table, Table]:
        """As they are made."""
        return self._table(name, "source"), self._table(name, "target")

    def _table(self, name: str, side: oracle.Side) -> Table:
        """With NOT NULL and a primary key where the rows allow that, if ``tight``."""
        rows, columns = self._kept(side), {}
        for at, of in enumerate(self.columns):
            full = self.tight and all(row[at] is not None for row in rows)
            known, stored = (of.name, of.source) if side == "source" else (of.renamed or of.name, of.target)
            columns[known] = f"{stored.sql.removesuffix(' null')} NOT NULL" if full else stored.sql
        keys = [row[: len(self.key)] for row in rows]
        places = list(zip(columns.items(), self.columns, strict=True))[: len(self.key)]
        full = all("NOT NULL" in sql and of.sorts_alike(side) for (_, sql), of in places)
        unique = full and len(set(keys)) == len(keys)
        return Table(name, columns, rows, [known for (known, _), _ in places] if unique else [])

    def seen(self) -> list[oracle.Column]:
        """The columns that have a say."""
        return [of.seen for of in self.columns if self._compares(of.name)]

    def expected(self) -> oracle.Verdict:
        """What is to be found."""
        return oracle.compared(self.seen(), self.key, self._rows("source"), self._rows("target"))

    def arguments(self) -> dict[str, Any]:
        """How a caller asks."""
        return {
            "key": list(self.key),
            "columns": self.only,
            "rules": {of.name: dict(of.given) for of in self.columns if of.given},
            "rename": {of.name: of.renamed for of in self.columns if of.renamed},
            "window": (self.window, START, END, "UTC") if self.window else None,
            "where": f"{self.not_null} IS NOT NULL" if self.not_null else None,
        }

    def _compares(self, name: str) -> bool:
        return self.only is None or name in {*self.only, *self.key, self.window}

    def _kept(self, side: oracle.Side) -> list[Row]:
        rows = self.source if side == "source" else self.target
        types = [of.source if side == "source" else of.target for of in self.columns]
        return [tuple(of.held(value) for of, value in zip(types, row, strict=True)) for row in rows]

    def _rows(self, side: oracle.Side) -> list[Row]:
        wanted = [self._compares(of.name) for of in self.columns]
        return [tuple(compress(row, wanted)) for row in self._kept(side) if self._concerns(row)]

    def _concerns(self, row: Row) -> bool:
        """Rows outside of the window and of ``where`` are nobody's."""
        values = dict(zip((of.name for of in self.columns), row, strict=True))
        if self.not_null and values[self.not_null] is None:
            return False
        moment = values[self.window] if self.window else START
        return moment is not None and START <= (moment.date() if isinstance(moment, datetime) else moment) < END


def drawn(dice: random.Random, source: Name, target: Name) -> Game:
    """A game of dice."""
    keys = [_column(dice, f"k{at}", source, target, key=True) for at in range(dice.choice([0, 1, 1, 1, 2, 3]))]
    others = [
        _column(dice, f"c{at}", source, target, key=not keys) for at in range(dice.randrange(0 if keys else 1, 4))
    ]
    windowed = dice.random() < 0.3
    columns = [*keys, *others, *([_windowing(dice, source, target)] if windowed else [])]
    left = [_row(dice, columns) for _ in range(dice.choice([0, 1, 3, 8, 20]))]
    if dice.random() < 0.7:
        left = list({row[: len(keys)]: row for row in left}.values()) if keys else left
    right = [row for old in left for row in _copies(dice, columns, old)]
    right += [_row(dice, columns) for _ in range(dice.choice([0, 0, 1, 4]))]
    dice.shuffle(right)
    plain = [of.name for of in others if of.renamed is None]
    return Game(
        columns,
        [of.name for of in keys],
        left,
        right,
        "moment" if windowed else None,
        [dice.choice(others).name] if others and dice.random() < 0.1 else None,
        dice.choice(plain) if plain and dice.random() < 0.1 else None,
        dice.random() < 0.5,
    )


def _column(dice: random.Random, name: str, source: Name, target: Name, *, key: bool) -> Drawn:
    """One that can be in a key, or in rows without a key, is not tolerant."""
    family = dice.choice([of for of in FAMILIES.values() if of.keyed or name[0] != "k"])
    left, right = dice.choice(family.types[source]), dice.choice(family.types[target])
    given = dice.choice([rule for rule in family.rules if not (key and {"abs", "rel"} & set(rule))])
    values = [value for value in family.values if left.holds(value) and right.holds(value)]
    return Drawn(name, left, right, values, given, f"{name}_there" if dice.random() < 0.2 else None)


def _windowing(dice: random.Random, source: Name, target: Name) -> Drawn:
    left, right = (dice.choice(FAMILIES["moment"].types[side]) for side in (source, target))
    return Drawn("moment", left, right, [value for value in DATETIMES if left.holds(value) and right.holds(value)])


def _row(dice: random.Random, columns: Sequence[Drawn]) -> Row:
    return tuple(dice.choice(of.values) for of in columns)


def _copies(dice: random.Random, columns: Sequence[Drawn], row: Row) -> list[Row]:
    """What became of a row on its way to the target: lost, doubled, changed in a column, or nothing."""
    fate, at = dice.random(), dice.choice([*range(len(columns)), len(columns) - 1, len(columns) - 1])
    changed = (*row[:at], dice.choice(columns[at].values), *row[at + 1 :])
    return [] if fate < 0.1 else [row, row] if fate < 0.15 else [changed] if fate < 0.35 else [row]


def disagreement(game: Game, found: Comparison) -> str:
    """What the program says, and what plain Python says; nothing when they agree."""
    said, expected = verdict(game.seen(), found), game.expected()
    # Which of several near rows of one key is the one too many, nobody can say.
    tell = len(game.key) if any(of.rule.tolerant for of in game.seen()) else None
    # Keys that only a rule makes equal are counted where the days that differ have them (docs/comparing.md).
    of_rule = any(of.given for of in game.columns if of.name in game.key)
    if of_rule and said.duplicate_keys <= expected.duplicate_keys:
        said = replace(said, duplicate_keys=expected.duplicate_keys)
    if unordered(said, tell) == unordered(expected, tell):
        return ""
    columns = [f"{of.name}: {of.source.sql} and {of.target.sql} {dict(of.given)}" for of in game.columns]
    kept = [f"{table}" for table in game.tables("t")]
    return "\n".join([*columns, str(game.arguments()), *kept, f"found    {said}", f"expected {expected}"])


def play(sides: Sides, dice: random.Random, games: int, patch: pytest.MonkeyPatch) -> None:
    """Compares some random tables, each in every way."""
    played = [drawn(dice, sides.source.name, sides.target.name) for _ in range(games)]
    tables = [game.tables(f"t{at}") for at, game in enumerate(played)]
    build(sides.source, *(left for left, _ in tables))
    build(sides.target, *(right for _, right in tables))
    for path, (at, game) in product(PATHS, enumerate(played)):
        take(path, patch)
        found = recon_assets.compare(sides.source.url, f"t{at}", sides.target.url, f"t{at}", **game.arguments())
        if wrong := disagreement(game, found):
            pytest.fail(f"{path}, table t{at}\n{wrong}", pytrace=False)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_random_tables(both: Both, source: Name, target: Name, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is in the tables, the program finds what plain Python finds."""
    play(both(source, target), dice(), GAMES, monkeypatch)


@pytest.mark.soak
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_many_random_tables(
    both: Both, source: Name, target: Name, soak_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, for longer."""
    sides, rolled = both(source, target), dice()
    end = time.monotonic() + soak_seconds / len(PAIRS)
    while time.monotonic() < end:
        play(sides, rolled, GAMES, monkeypatch)


def dice() -> random.Random:
    """Dice that say what to throw again."""
    seed = int(os.environ.get("RECON_SEED") or random.SystemRandom().randrange(2**32))
    sys.stderr.write(f"seed {seed}\n")
    return random.Random(seed)
