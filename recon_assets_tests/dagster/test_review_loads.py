"""Loads and decisions: no load undoes in silence what a person has decided, and each can be rolled back."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg
import pytest

from recon_assets import review
from recon_assets.model import CaseId, Decision, State
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.reviewed import DAYS, MISSING, WRONG, Shop, shop

LOSE = "DELETE FROM orders WHERE id IN (1, 4)"
SPOIL = "UPDATE orders SET amount = 0 WHERE id IN (7, 10)"


@pytest.fixture
def orders(fresh: Fresh) -> Iterator[Shop]:
    """Both sides equal, nothing judged."""
    with shop(fresh) as made:
        yield made


def kept(shop: Shop, case: CaseId, damage: str) -> None:
    """A difference that ana has accepted."""
    shop.run(shop.target, damage)
    shop.judge()
    shop.work()
    shop.decide(case, Decision.KEEP_TARGET, note="known")
    shop.work()
    assert shop.case(case).state is State.KEPT


def load(shop: Shop, **config: object) -> dg.ExecuteInProcessResult:
    """Load all days of the orders, and judge nothing."""
    job = shop.repository.get_job("__ASSET_JOB").get_subset(
        asset_selection={dg.AssetKey("orders")}, asset_check_selection=set()
    )
    span = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
    return job.execute_in_process(
        instance=shop.instance, tags=span, run_config={"ops": {"orders": {"config": config}}}, raise_on_error=False
    )


def log(shop: Shop, result: dg.ExecuteInProcessResult) -> str:
    """All that a run said."""
    entries = shop.instance.all_logs(result.run_id)
    return "\n".join(str(entry.error_info or entry.user_message) for entry in entries)


def test_a_load_does_not_undo_what_was_kept(orders: Shop) -> None:
    """The day fails and names the case; the other days are loaded. It is loaded when the config says so."""
    kept(orders, WRONG, SPOIL)

    result = load(orders, mode="REPLACE")

    assert not result.success
    assert f"({WRONG}: KEEP_TARGET by ana on" in log(orders, result)
    assert orders.partitions("orders") == {DAYS[0], DAYS[2]}
    assert orders.orders(orders.target) != orders.orders(orders.source)

    assert load(orders, mode="REPLACE", overwrite_decisions=True).success
    assert orders.orders(orders.target) == orders.orders(orders.source)


def test_inserting_missing_rows_respects_what_was_kept_missing(orders: Shop) -> None:
    """It would bring them back; a kept difference of a row that is there is in no danger."""
    kept(orders, MISSING, LOSE)

    result = load(orders)

    assert f"({MISSING}: KEEP_TARGET by ana on" in log(orders, result)
    assert len(orders.orders(orders.target)) == 58


def test_inserting_missing_rows_harms_no_row_that_is_there(orders: Shop) -> None:
    """The default load goes on as always."""
    kept(orders, WRONG, SPOIL)

    assert load(orders).success


def test_a_load_can_be_rolled_back(orders: Shop) -> None:
    """By its run's id, every day of it."""
    orders.run(orders.target, LOSE, SPOIL)
    before = orders.orders(orders.target)
    result = load(orders, mode="REPLACE")
    assert orders.orders(orders.target) == orders.orders(orders.source)

    with orders.book() as book:
        done = review.roll_back(
            book,
            orders.project,
            review.Scope(run=result.run_id),
            who="ana",
            note="too early",
            clock=lambda: datetime.now(UTC),
            dry_run=False,
        )

    assert done.refused == ()
    assert orders.orders(orders.target) == before
