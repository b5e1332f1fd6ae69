"""Dagster's daemon and its runs killed while they review: no case is lost or doubled, and no row is written twice."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from recon_assets import ledger
from recon_assets.ledger import Filter, Ledger
from recon_assets.model import Case, CaseEventType, CaseId, State
from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.conftest import PROJECT
from recon_assets_tests.e2e.conftest import RECON, Empty, made, until
from recon_assets_tests.e2e.victims import kill

TABLES = """
databases:
  shop: {url: {env: RECON_SOURCE_URL}}
  warehouse: {url: {env: RECON_TARGET_URL}}
tables:
  orders:
    source: {database: shop, table: orders}
    target: {database: warehouse, table: orders}
    key: [id]
    window: {column: day, start: 2024-01-01, end: 2024-06-01}
    checks: [keys, fields]
    correct: {missing: apply, mismatched: review}
"""
ORDERS = """
CREATE TABLE orders (id bigint PRIMARY KEY, day date NOT NULL, amount numeric(10, 2));
INSERT INTO orders SELECT n, date '2024-01-01' + n / 40, n * 7.35 FROM generate_series(0, 6079) AS n
"""
LOSE, SPOIL = (
    "DELETE FROM orders WHERE id = (SELECT min(id) FROM orders WHERE day = %s)",
    "UPDATE orders SET amount = 0 WHERE id = (SELECT max(id) FROM orders WHERE day = %s)",
)
PARTITIONS = '{ assetNodeOrError(assetKey: {path: "review_queue"}) { ... on AssetNode { partitionKeys } } }'
ONCE = (CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLIED)
"""What happens once to a case that is corrected; to begin to write it may take several runs."""
LONGEST_DELAY, LONGEST_LOOK, PATIENCE = 10.0, 2.0, 180.0

Row = tuple[object, ...]


@dataclass
class Shop:
    """Orders of months, and days of it that were damaged one after the other."""

    both: Empty
    dice: random.Random
    damaged: list[str] = field(default_factory=list)
    decided: list[CaseId] = field(default_factory=list)

    @property
    def day(self) -> str:
        """The day that was damaged last."""
        return self.damaged[-1]

    def damage(self) -> None:
        """The target loses a row of another day, and has another value in a second one."""
        self.damaged.append(f"2024-{1 + len(self.damaged) // 28:02}-{1 + len(self.damaged) % 28:02}")
        with self.both.target() as target:
            target.execute(LOSE, [self.day])
            target.execute(SPOIL, [self.day])

    def review_until_killed(self, victim: str) -> None:
        """Judge the day, and kill a process of that kind at any moment of what follows from that."""
        with self.both.dev():
            command = [RECON, "check", "orders", "--launch", "--from", self.day, "--to", self.day]
            judging = subprocess.Popen(command, env=dict(self.both.environ), stdout=sys.stderr, stderr=sys.stderr)
            end = time.monotonic() + PATIENCE
            time.sleep(self.dice.uniform(0, LONGEST_DELAY))
            while not kill(victim, self.both.environ["RECON_HOME"]):
                assert time.monotonic() < end, f"there is no {victim} to kill"
                time.sleep(self.dice.uniform(0, LONGEST_LOOK))  # a run is met at any moment of its seconds
            judging.terminate()
            judging.wait(PATIENCE)

    def decide(self) -> None:
        """A person decides about the oldest case that waits."""
        with self.book() as book:
            waiting = cases(book, State.PENDING)
        if waiting:
            words = [str(waiting[0].id), "APPLY_SOURCE", "--reviewer", "ana", "--yes"]
            subprocess.run([RECON, "review", "decide", *words], env=dict(self.both.environ), check=True)
            self.decided.append(waiting[0].id)

    @contextmanager
    def book(self) -> Iterator[Ledger]:
        """The ledger, as nobody of the program has it."""
        with ledger.opened(self.both.databases["RECON_LEDGER_URL"], PROJECT) as book:
            yield book

    def settle(self, webserver: Webserver) -> None:
        """Judge everything, and wait until only what waits for people is left, and all of it is shown."""
        subprocess.run([RECON, "check", "orders", "--launch"], env=dict(self.both.environ), check=False)
        with self.book() as book:
            until(lambda: is_settled(book), PATIENCE)
            until(lambda: partitions(webserver) == sorted(self.expected), PATIENCE)

    @property
    def expected(self) -> dict[str, State]:
        """The cases that there must be, and what must have become of each."""
        lost = {f"orders/{day}/missing": State.APPLIED for day in self.damaged}
        spoilt = {f"orders/{day}/mismatched": State.PENDING for day in self.damaged}
        return lost | spoilt | {str(case): State.APPLIED for case in self.decided}

    def rows(self) -> list[Row]:
        """What the target holds and should not."""
        with self.both.target() as target, self.both.source() as source:
            wanted = set(source.execute("SELECT * FROM orders").fetchall())
            return sorted(set(target.execute("SELECT * FROM orders").fetchall()) ^ wanted)


def cases(book: Ledger, *states: State) -> Sequence[Case]:
    """Those in these states, whatever is left to be done about them."""
    with book.begin() as connection:
        return ledger.queue(connection, Filter(states=states), limit=1000).cases


def is_settled(book: Ledger) -> bool:
    """Whether no case is on its way."""
    with book.begin() as connection:
        return not ledger.cases_to_show(connection, 1) and not cases(book, State.DECIDED, State.APPLYING)


def partitions(webserver: Webserver) -> list[str]:
    """The cases that Dagster shows."""
    found: list[str] = webserver.ask(PARTITIONS)["assetNodeOrError"]["partitionKeys"]
    return sorted(found)


@pytest.fixture
def orders(tmp_path: Path, clean: dict[str, str]) -> Iterator[Shop]:
    """Both sides are equal yet, and Dagster knows it."""
    seed = random.SystemRandom().randrange(2**32)
    sys.stderr.write(f"seed {seed}\n")
    with made(tmp_path, clean, TABLES) as both:
        for side in (both.source, both.target):
            with side() as connection:
                connection.execute(ORDERS)
        subprocess.run([RECON, "adopt", "orders"], env=dict(both.environ), check=True)
        yield Shop(both, random.Random(seed))


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a home in Linux's /proc")
def test_killed_while_reviewing(orders: Shop, soak_seconds: float) -> None:
    """Every case is found once and ends as it must, each row of it written once, and Dagster shows them all."""
    end = time.monotonic() + soak_seconds
    for victim in cycle(("daemon", "run")):
        orders.damage()
        orders.review_until_killed(victim)
        orders.decide()
        if victim == "run" and time.monotonic() >= end:
            break
    sys.stderr.write(f"{len(orders.damaged)} kills\n")

    with orders.both.dev() as webserver:
        orders.settle(webserver)

    with orders.book() as book, book.begin() as connection:
        found = {str(case.id): case.state for case in cases(book, *State)}
        assert found == orders.expected
        for case, state in orders.expected.items():
            acts = Counter(event.act for event in ledger.events(connection, CaseId.parse(case)))
            assert acts[CaseEventType.FOUND] == 1
            assert state is State.PENDING or [acts[act] for act in ONCE] == [1, 1, 1], (case, acts)
            written = [each.outcome for each in ledger.corrections(connection, case=CaseId.parse(case))]
            assert written.count("applied") == (state is State.APPLIED), (case, written)
    waiting = sum(state is State.PENDING for state in orders.expected.values())
    assert len(orders.rows()) == 2 * waiting
