"""A table that is damaged at random, and the whole way of its repair: judged, decided, corrected, taken back."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import recon_assets
from recon_assets import ledger, review
from recon_assets.checks import Fields, Keys
from recon_assets.ledger import Correction, Ledger
from recon_assets.model import (
    Calendar,
    Case,
    ChangeStatus,
    Database,
    Decision,
    Project,
    Relation,
    Resolution,
    State,
    TableSpec,
)
from recon_assets.reading import Pair
from recon_assets.review import Scope
from recon_assets.writing import correcting
from recon_assets_tests.db.sides import Sides

Row = tuple[Any, ...]

DAYS = Calendar("at", date(2024, 1, 1), date(2024, 1, 4))
SPEC = TableSpec(
    "t",
    Relation("source", "t"),
    Relation("target", "t"),
    ("id",),
    DAYS,
    ignore=("loaded",),
    checks=(Keys(), Fields()),
)
APPLY = Resolution(Decision.APPLY_SOURCE)
VALUES: dict[str, tuple[Any, ...]] = {
    "integer": (None, 0, 1, -(2**31), 2**31 - 1),
    "numeric(9,2)": (None, Decimal("0.00"), Decimal("1.50"), Decimal("-9999999.99")),
    "varchar(9)": (None, "", " ", "a", "A", "a ", "\\N", "é🙂", "a\tb\nc"),
    "date": (None, date(1, 1, 1), date(2024, 2, 29), date(9999, 12, 31)),
    "double precision": (None, 0.1, -1e300, 2.0**-1000),
}
DATETIMES = {"postgresql": "timestamp", "mysql": "datetime"}


def now() -> datetime:
    """The present: a finding must be later than the case that it is to open again."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Damage:
    """What two sides hold, row by row: the target has a column of its own at the end."""

    types: tuple[str, ...]
    source: tuple[Row, ...]
    target: tuple[Row, ...]

    def create(self, sides: Sides) -> None:
        """Make both tables."""
        columns = ", ".join(f"c{at} {of}" for at, of in enumerate(self.types))
        begin = {
            side.name: f"id integer primary key, at {DATETIMES[side.name]}, {columns}"
            for side in (sides.source, sides.target)
        }
        sides.create(begin[sides.source.name], f"{begin[sides.target.name]}, loaded varchar(9)", self.source)
        sides.target.fill("t", self.target)


def damage(dice: random.Random, keys: int = 14, *, moves: bool = True) -> Damage:
    """Rows of a source, and what became of them in a target: lost, invented, changed, or moved to another day."""
    types = tuple(dice.choices(sorted(VALUES), k=dice.randrange(1, 4)))
    source = {key: _row(dice, key, types) for key in dice.sample(range(keys), dice.randrange(keys))}
    target = {key: _worn(dice, row, types, moves=moves) for key, row in source.items() if dice.random() < 0.8}
    invented = [key for key in range(keys) if key not in source and dice.random() < 0.3]
    target |= {key: (*_row(dice, key, types), "mine") for key in invented}
    return Damage(types, tuple(source.values()), tuple(target.values()))


def _row(dice: random.Random, key: int, types: Sequence[str]) -> Row:
    return (key, _moment(key), *(dice.choice(VALUES[of]) for of in types))


def _moment(key: int) -> datetime:
    return datetime(2024, 1, 1 + key % 3, key % 24)  # noqa: DTZ001 - the column has no zone


def _worn(dice: random.Random, row: Row, types: Sequence[str], *, moves: bool) -> Row:
    """The row as the target has it, with a value of the target's own."""
    key, moment, *values = row
    if moves and dice.random() < 0.1:
        moment = _moment(key + 1)
    values = [
        dice.choice(VALUES[of]) if dice.random() < 0.2 else value for of, value in zip(types, values, strict=True)
    ]
    return (key, moment, *values, dice.choice((None, "", "job 7")))


def project(source: str, target: str, spec: TableSpec = SPEC) -> Project:
    """What is declared, by the URLs of both sides."""
    return Project({"source": Database("source", source), "target": Database("target", target)}, {spec.name: spec})


@dataclass(frozen=True)
class Repair:
    """The way of a repair, step by step, as runs and people go it."""

    book: Ledger
    project: Project

    def judge(self) -> None:
        """Compare all days, and open cases."""
        (spec,) = self.project.tables.values()
        windows = tuple(DAYS.windows(date(2025, 1, 1)))
        for _ in review.judged(self.book, self.project, spec, windows, now=now(), run="judging"):
            pass
        review.route(self.book, self.project, now())

    def decide(self) -> None:
        """Decide every case that waits for the source."""
        for case in self.cases(State.PENDING):
            review.decide(self.book, self.project, case.id, APPLY, who="ana", note="", at=now(), expected=case.version)

    def correct(self) -> None:
        """Do what was decided, what a killed run has left first."""
        for case in (*self.cases(State.APPLYING), *self.cases(State.DECIDED)):
            review.correct(self.book, self.project, case.id, run="correcting", clock=now)

    def take_back(self) -> None:
        """Roll back every case that was applied."""
        for case in sorted(self.cases(State.APPLIED), key=lambda case: case.changed, reverse=True):
            back = review.roll_back(
                self.book, self.project, Scope(case=case.id), who="ana", note="", clock=now, dry_run=False
            )
            assert not back.refused, back.refused

    def finish(self) -> None:
        """Until nothing waits: a row that moved to another day must leave the one before it comes to the other."""
        for _ in range(4):
            self.judge()
            self.decide()
            self.correct()
            if not self.cases(State.PENDING, State.DECIDED, State.APPLYING):
                return
        left = [str(case) for case in self.cases(State.PENDING, State.DECIDED, State.APPLYING)]
        raise AssertionError(left)

    def cases(self, *states: State) -> list[Case]:
        """The cases in these states."""
        with self.book.begin() as connection:
            return ledger.cases_in_state(connection, *states)

    def corrections(self, **which: Any) -> list[Correction]:
        """What was planned, newest first."""
        with self.book.begin() as connection:
            return ledger.corrections(connection, **which)

    def standings(self, pair: Pair, correction: Correction) -> set[ChangeStatus]:
        """What the rows say of a correction."""
        with self.book.begin() as connection:
            changes = tuple(ledger.changes_of(connection, correction.id))
        with correcting(pair, correction.window, dry_run=True) as at_work:
            return set(at_work.judge(changes))


def equal(sides: Sides) -> bool:
    """Whether no record differs, as the comparison alone sees it."""
    return recon_assets.compare(sides.source.url, "t", sides.target.url, "t", key=["id"]).equal
