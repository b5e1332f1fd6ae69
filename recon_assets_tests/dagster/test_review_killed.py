"""Sensors and runs that are killed anywhere, or work at the same time, lose no case and double none."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from importlib import import_module
from typing import TypeVar

import dagster as dg
import pytest
import sqlalchemy as sa

from recon_assets import ledger, review
from recon_assets.ledger import Ledger
from recon_assets.model import AutoAction, CaseEventType, CaseId, Policy, State
from recon_assets.orchestration import review_sensor
from recon_assets.orchestration.case_assets import show
from recon_assets.orchestration.translation import UNPREFIXED
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.reviewed import MISSING, WRONG, Shop, shop

pytestmark = pytest.mark.repeats

LOSE = "DELETE FROM orders WHERE id IN (1, 4)"
SPOIL = "UPDATE orders SET amount = 0 WHERE id IN (7, 10)"
MOST_STEPS = 200
T = TypeVar("T")
Begin = Callable[[Ledger], AbstractContextManager[sa.Connection]]


class KilledError(Exception):
    """The end of a process, for a test."""


@dataclass
class Killer:
    """Lets so many transactions of the ledger begin, and no more."""

    begin: Begin
    left: int = 0
    killed: bool = False

    def __call__(self, book: Ledger) -> AbstractContextManager[sa.Connection]:
        """Begin a transaction, or die."""
        self.left -= 1
        if self.left < 0:
            self.killed = True
            raise KilledError
        return self.begin(book)


@pytest.fixture
def orders(fresh: Fresh, durable: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """Missing rows are inserted without a person; nothing is waited for."""
    monkeypatch.setattr(review_sensor, "RETRY_PAUSE", timedelta())
    policy = Policy(missing=AutoAction.APPLY, at_most_share=Decimal(1))
    return shop(fresh, durable, policy)


def events(shop: Shop, case: CaseId) -> list[CaseEventType]:
    """What happened to a case."""
    with shop.book() as book, book.begin() as connection:
        return [event.act for event in ledger.events(connection, case)]


def shown(shop: Shop, asset: str = "review_queue") -> Counter[tuple[str | None, object]]:
    """How often each version of each case was shown."""
    records = shop.instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
    found = [record.asset_materialization for record in records]
    return Counter((event.partition, event.metadata["version"].value) for event in found if event)


@dataclass
class Grave:
    """Does things that are killed after each transaction of the ledger, one further each time; counts the kills."""

    patch: pytest.MonkeyPatch
    kills: int = 0

    def survived(self, act: Callable[[], T]) -> T:
        """What ``act`` gives once it has lived to its end."""
        begin = Ledger.begin
        for left in range(MOST_STEPS):
            killer = Killer(begin, left)
            with self.patch.context() as patch:
                patch.setattr(Ledger, "begin", lambda book, killer=killer: killer(book))
                with suppress(KilledError):
                    done = act()
            if not killer.killed:
                return done
            self.kills += 1
        pytest.fail("it never ends")


def test_killed_between_any_two_transactions(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case is opened, decided, corrected and shown once, however often everything is killed.

    A case that outlives so many kills would be given back to a person; here it is not the case that kills.
    """
    orders.run(orders.target, LOSE, SPOIL)
    orders.judge()
    monkeypatch.setattr(import_module("recon_assets.review.work"), "PATIENCE", timedelta())
    monkeypatch.setattr(import_module("recon_assets.review.correcting"), "MAX_KILLED", MOST_STEPS)

    grave = Grave(monkeypatch)
    while requests := grave.survived(orders.tick):
        for request in requests:
            grave.survived(partial(orders.execute, request))
    grave.survived(orders.tick)

    assert grave.kills > 15
    assert events(orders, MISSING) == [
        CaseEventType.FOUND,
        CaseEventType.DECIDED,
        CaseEventType.APPLYING,
        CaseEventType.APPLIED,
    ]
    assert events(orders, WRONG) == [CaseEventType.FOUND]
    assert set(shown(orders).values()) == {1}
    assert orders.undecided() == {str(WRONG)}
    assert orders.case(WRONG).state is State.PENDING
    assert len(orders.orders(orders.target)) == 60


def test_two_sensors_at_once(orders: Shop) -> None:
    """Both look at the same time and launch the same runs: each case is there once."""
    orders.run(orders.target, LOSE, SPOIL)
    orders.judge()
    assert orders.repository

    with ThreadPoolExecutor(2) as pool:
        for _ in range(3):
            for each in list(pool.map(lambda _: orders.tick(), range(2))):
                for request in each:
                    orders.execute(request)  # one after the other: Dagster's SQLite is not for two at once

    assert events(orders, MISSING) == [
        CaseEventType.FOUND,
        CaseEventType.DECIDED,
        CaseEventType.APPLYING,
        CaseEventType.APPLIED,
    ]
    assert events(orders, WRONG) == [CaseEventType.FOUND]
    assert set(shown(orders).values()) == {1}
    assert set(shown(orders, "review_decisions").values()) == {1}


def test_two_that_show_the_same(orders: Shop) -> None:
    """One of them does it all, and the other nothing."""
    orders.run(orders.target, LOSE, SPOIL)
    orders.judge()

    def look(_: int) -> int:
        with orders.book() as book:
            review.route(book, orders.project, datetime.now(UTC))
            return show(orders.instance, book, orders.project, UNPREFIXED)

    with ThreadPoolExecutor(2) as pool:
        drawn = list(pool.map(look, range(2)))

    assert sorted(drawn) == [0, 2]
    assert set(shown(orders).values()) == {1}


def launched(shop: Shop) -> dg.DagsterRun:
    """A run that has been asked for and has not ended."""
    shop.run(shop.target, LOSE)
    shop.judge()
    (request,) = shop.tick()
    job = shop.repository.get_job(str(request.job_name))
    return shop.instance.create_run_for_job(job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED)


def test_what_is_under_way_is_not_asked_for_again(orders: Shop) -> None:
    """A run that has been launched and has not ended holds back its like."""
    run = launched(orders)

    assert orders.tick() == []
    assert orders.skipped() == "Under way, or asked for a moment ago."

    orders.instance.report_run_canceled(run)
    assert [request.job_name for request in orders.tick()] == ["recon_correct_cases"]


def test_what_was_in_vain_waits_before_it_is_asked_for_again(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends without having done its work is not launched at every tick."""
    monkeypatch.setattr(review_sensor, "RETRY_PAUSE", timedelta(minutes=1))
    orders.instance.report_run_failed(launched(orders))

    assert orders.tick() == []

    monkeypatch.setattr(review_sensor, "RETRY_PAUSE", timedelta())
    assert [request.job_name for request in orders.tick()] == ["recon_correct_cases"]


def test_partitions_of_cases_closed_long_ago_are_deleted(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger remembers them; a case that waits keeps its partition."""
    orders.run(orders.target, LOSE, SPOIL)
    orders.judge()
    orders.work()
    assert set(orders.instance.get_dynamic_partitions("recon_cases")) == {str(MISSING), str(WRONG)}

    monkeypatch.setattr(review_sensor, "KEPT_FOR", timedelta())
    orders.tick()

    assert orders.instance.get_dynamic_partitions("recon_cases") == [str(WRONG)]
    assert orders.case(MISSING).state is State.APPLIED
