"""A repair that is killed -9 anywhere: ledger and target agree at once, and whoever comes next brings it to its end."""

import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product

import pytest

from recon_assets import ledger
from recon_assets.model import ChangeStatus, State
from recon_assets_tests.conftest import PROJECT, Fresh
from recon_assets_tests.db import killed
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.repairs import SPEC, Repair, Row, damage, equal, project
from recon_assets_tests.db.sides import TARGETS, Side, Sides

pytestmark = pytest.mark.repeats

KILLS = 2
"""At commits, and as many again at any moment; of each target. The soak test goes through all commits."""
PATIENCE = 30.0
LONGEST_DELAY = 1.5


@dataclass
class Patient:
    """A damaged table and its ledger, outside of the processes that are killed."""

    sides: Sides
    ledger_url: str
    before: list[Row]
    kills: list[str] = field(default_factory=list)

    @property
    def urls(self) -> tuple[str, str, str]:
        """Of ledger, source and target."""
        return self.ledger_url, self.sides.source.url, self.sides.target.url

    @contextmanager
    def repair(self) -> Iterator[Repair]:
        """The way of its repair, in this process."""
        with ledger.opened(self.ledger_url, PROJECT) as book:
            yield Repair(book, project(*self.urls[1:]))

    def commits(self) -> int:
        """How many commits it takes to repair it and take that back."""
        counter = killed.FORKS.Value("i", 0, lock=False)
        with killed.process(self.urls, commits=counter) as running:
            running.join(PATIENCE)
            assert running.exitcode == 0
        return int(counter.value)

    def killed_at(self, commit: int, *, after: bool) -> bool:
        """Repaired until just before or after a commit; False when the repair ended before it."""
        with killed.process(self.urls, at=commit, after=after) as running:
            running.join(PATIENCE)
            assert running.exitcode in {0, -signal.SIGKILL}
            died = running.exitcode != 0
        self.kills += [f"{'after' if after else 'before'} commit {commit}"] * died
        return died

    def killed_after(self, seconds: float) -> None:
        """Repaired and taken back until the time is over."""
        with killed.process(self.urls, rounds=1000) as running:
            running.join(seconds)
            assert running.exitcode is None
        self.kills.append(f"after {seconds:.3f} s")

    def look_after(self, dice: random.Random) -> None:
        """Everything that must hold after a kill, now and once somebody has gone on."""
        wait_until_alone(self.sides.target)
        wait_until_alone(Side("postgresql", self.ledger_url))
        with self.repair() as repair:
            check_agreement(repair, self.sides)
            if dice.random() < 0.5:
                repair.finish()
                assert equal(self.sides)
            else:
                repair.correct()
            repair.take_back()
            check_agreement(repair, self.sides)
            check_closed(repair)
        assert self.sides.target.rows() == self.before
        self.sides.close()


def wait_until_alone(side: Side) -> None:
    """Until the server has noticed that who was killed is gone."""
    mine = {
        "postgresql": "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "mysql": "SELECT 1 FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
    }[side.name]
    end = time.monotonic() + PATIENCE
    while side.rows(mine):
        assert time.monotonic() < end, "a connection of the killed process is still there"
        time.sleep(0.01)


def check_agreement(repair: Repair, sides: Sides) -> None:
    """What the ledger calls applied is in the target, unless it is being taken back; what is planned, all or none."""
    corrections = repair.corrections()
    planned = [correction for correction in corrections if correction.outcome is None]
    undone = {correction.undoes for correction in corrections if correction.outcome != "failed"}
    applied = [each for each in corrections if each.outcome == "applied" and not each.undoes and each.id not in undone]
    pair = sides.pair(SPEC)
    for correction in applied:
        assert repair.standings(pair, correction) == {ChangeStatus.AFTER}, correction
    for correction in planned:
        assert len(repair.standings(pair, correction) - {ChangeStatus.NEITHER}) == 1, correction


def check_closed(repair: Repair) -> None:
    """No case is half-way, and no plan is without an outcome."""
    assert not repair.cases(State.APPLYING, State.APPLIED, State.DECIDED)
    assert not repair.corrections(unsettled=True)


@pytest.fixture
def patient(both: Both, fresh: Fresh, request: pytest.FixtureRequest) -> Patient:
    """A target that lacks rows, has others too many, and others again with wrong values."""
    sides = both("postgresql", request.param)
    damage(random.Random(4), moves=False).create(sides)
    found = Patient(sides, fresh("ledger"), sides.target.rows())
    with found.repair():  # making the ledger is no part of the way, and has commits of its own
        return found


def dice() -> random.Random:
    seed = random.SystemRandom().randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    return random.Random(seed)


@pytest.mark.parametrize("patient", TARGETS, indirect=True)
def test_killed_at_a_commit(patient: Patient) -> None:
    """Just before and just after it, at some of all commits of the way."""
    drawn = dice()
    every = patient.commits()
    for at in drawn.sample(range(1, every + 1), KILLS):
        assert patient.killed_at(at, after=drawn.random() < 0.5)
        patient.look_after(drawn)


@pytest.mark.parametrize("patient", TARGETS, indirect=True)
def test_killed_at_any_moment(patient: Patient) -> None:
    """Also in the middle of a statement."""
    drawn = dice()
    for _ in range(KILLS):
        patient.killed_after(drawn.uniform(0.01, LONGEST_DELAY))
        patient.look_after(drawn)


@pytest.mark.soak
@pytest.mark.parametrize("patient", TARGETS, indirect=True)
def test_killed_everywhere(patient: Patient, soak_seconds: float) -> None:
    """Before and after every commit; then at any moment, for as long as is asked for."""
    drawn, end = dice(), time.monotonic() + soak_seconds / 2
    places = list(product(range(1, patient.commits() + 1), (False, True)))
    for at, after in drawn.sample(places, len(places)):
        if time.monotonic() < end and patient.killed_at(at, after=after):
            patient.look_after(drawn)
    while time.monotonic() < end:
        patient.killed_after(drawn.uniform(0.01, LONGEST_DELAY))
        patient.look_after(drawn)
    sys.stderr.write(f"{len(patient.kills)} kills, {len(places)} places\n")
