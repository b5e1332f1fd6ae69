"""Loads and decisions: no load undoes in silence what a person has decided, and each can be rolled back."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import dagster as dg
import pytest

from recon_assets import dialect, review
from recon_assets.checks import References
from recon_assets.dialect.locks import locked
from recon_assets.errors import RefusedError
from recon_assets.ledger import Ledger
from recon_assets.model import CaseId, Decision, Mode, State
from recon_assets.orchestration import adoption, dagster_internals, rollbacks
from recon_assets.orchestration.build_definitions import definitions
from recon_assets.orchestration.loading import LoadConfig, opener
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.rollbacks import show_rollbacks
from recon_assets.orchestration.translation import UNPREFIXED
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.reviewed import DAYS, MISSING, WRONG, Shop, shop

pytestmark = pytest.mark.repeats

NO_TAGS: Mapping[str, str] = {}
LOSE = "DELETE FROM orders WHERE id IN (1, 4)"
SPOIL = "UPDATE orders SET amount = 0 WHERE id IN (7, 10)"


@pytest.fixture
def orders(fresh: Fresh, durable: dg.DagsterInstance) -> Shop:
    """Both sides equal, nothing judged."""
    return shop(fresh, durable)


@dataclass(frozen=True)
class Loads:
    """A run without resources."""

    run: dg.DagsterRun = field(default_factory=lambda: dg.DagsterRun("loads"))
    resources: object = None


def kept(shop: Shop, case: CaseId, damage: str) -> None:
    """A difference that ana has accepted."""
    found(shop, damage)
    shop.decide(case, Decision.KEEP_TARGET, note="known")
    shop.work()
    assert shop.case(case).state is State.ACCEPTED


def found(shop: Shop, damage: str) -> None:
    """A difference that waits."""
    shop.run(shop.target, damage)
    shop.judge()
    shop.work()


def load(shop: Shop, tags: Mapping[str, str] = NO_TAGS, **config: object) -> dg.ExecuteInProcessResult:
    """Load all days of the orders, and judge nothing."""
    job = shop.repository.get_job("__ASSET_JOB").get_subset(
        asset_selection={dg.AssetKey("orders")}, asset_check_selection=set()
    )
    span = {**tags, "dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}
    return job.execute_in_process(
        instance=shop.instance,
        tags=span,
        run_config={"ops": {"recon_load_orders": {"config": config}}},
        raise_on_error=False,
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

    cleo = {"recon/person": "cleo", "recon/may-not-decide": "true"}
    refused = load(orders, tags=cleo, mode="REPLACE", overwrite_decisions=True)
    assert "needs the right to decide, which cleo does not have" in log(orders, refused)
    assert load(orders, mode="REPLACE", overwrite_decisions=True).success
    assert orders.orders(orders.target) == orders.orders(orders.source)


def test_a_load_does_not_undo_what_is_about_to_be_done(orders: Shop) -> None:
    """Also one that was there before the decision, and waited for the window: it asks last of all."""
    found(orders, SPOIL)
    days, config = orders.project.tables["orders"], LoadConfig(mode=Mode.REPLACE, columns=[])
    engine = dialect.engine(orders.project.databases["warehouse"], role="target")
    waits = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"

    with (
        opener(Connections(orders.project, orders.environ))(days, Loads()) as sides,
        ThreadPoolExecutor(1) as pool,
        engine.connect() as connection,
    ):
        with locked(connection, f"orders {WRONG.window}"):
            loading = pool.submit(sides.load, days.window(WRONG.window), config)
            while not (loading.done() or orders.run(orders.target, waits)):
                time.sleep(0.05)
            orders.decide(WRONG, Decision.KEEP_TARGET)
        connection.rollback()
        with pytest.raises(RefusedError, match=f"{WRONG}: KEEP_TARGET by ana on"):
            loading.result(60)
    engine.dispose()


def test_a_load_does_not_bring_back_what_was_taken_back(orders: Shop) -> None:
    """Until somebody decides otherwise."""
    found(orders, LOSE)
    orders.decide(MISSING, Decision.APPLY_SOURCE)
    orders.work()
    orders.undo(MISSING)
    orders.work()

    assert f"({MISSING}: ROLLED_BACK by ana on" in log(orders, load(orders))
    assert len(orders.orders(orders.target)) == 58

    orders.decide(MISSING, Decision.APPLY_SOURCE)
    orders.work()
    assert load(orders).success
    assert len(orders.orders(orders.target)) == 60


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
        done = roll_back(orders, book, result.run_id)

    assert done.refused == ()
    assert orders.orders(orders.target) == before


@pytest.fixture
def naming(orders: Shop) -> Shop:
    """The orders name customers, of which the target has none."""
    checks = (References(columns=("id",), parent="customers"),)
    tables = {**orders.project.tables, "orders": replace(orders.project.tables["orders"], checks=checks)}
    vars(orders)["project"] = replace(orders.project, tables=tables)
    orders.run(orders.target, "DELETE FROM customers")
    return orders


def test_orphans_are_none_any_more_once_their_parents_are_loaded(naming: Shop) -> None:
    """Whoever judged before has opened cases, which close by themselves; a look waits while the parents are loaded."""
    naming.judge()
    naming.work()
    cases = [CaseId("orders", day, "orphan") for day in DAYS]
    assert {naming.case(case).state for case in cases} == {State.PENDING}
    job = naming.repository.get_job("__ASSET_JOB").get_subset(asset_selection={dg.AssetKey("customers")})
    assert job.execute_in_process(instance=naming.instance).success

    loading = dg.DagsterRun(
        "__ASSET_JOB", status=dg.DagsterRunStatus.STARTED, asset_selection=frozenset({dg.AssetKey("customers")})
    )
    naming.instance.add_run(loading)
    assert naming.work() == []
    naming.instance.report_run_failed(loading)
    naming.work()

    assert {naming.case(case).state for case in cases} == {State.RESOLVED}


def taken_back(shop: Shop, run: str) -> None:
    """All that a run has loaded, put back; and a look of the sensor after that."""
    with shop.book() as book:
        roll_back(shop, book, run)
    shop.tick()


def roll_back(shop: Shop, book: Ledger, run: str) -> review.RolledBack:
    """Put back all that a run has loaded."""
    scope, clock = review.Scope(run=run), partial(datetime.now, UTC)
    return review.roll_back(book, shop.project, scope, who="ana", note="too early", clock=clock, dry_run=False)


def lacking(shop: Shop) -> tuple[str, ...]:
    """The days that `recon backfill` would load."""
    return adoption.missing(shop.instance, UNPREFIXED, shop.project.tables["orders"], datetime.now(UTC))


@pytest.mark.filterwarnings("ignore:.*include_sources.*:dagster.BetaWarning")  # Dagster's own call
def test_days_whose_load_was_taken_back_are_missing_again(orders: Shop) -> None:
    """For commands and for gap filling, until they are loaded again; a load before the last one still stands."""
    orders.run(orders.target, "DELETE FROM orders")
    days = orders.project.tables["orders"]
    defs = definitions(orders.project, orders.environ)
    first = load(orders)
    assert lacking(orders) == ()

    orders.run(orders.target, SPOIL)
    second = load(orders, mode="REPLACE")
    taken_back(orders, second.run_id)
    assert lacking(orders) == ()

    orders.run(orders.target, "UPDATE orders SET amount = id * 10")
    taken_back(orders, first.run_id)
    assert orders.orders(orders.target) == []
    assert lacking(orders) == DAYS
    assert adoption.adoptable(orders.instance, UNPREFIXED, days, {}, datetime.now(UTC)).empty == DAYS
    asked = dg.evaluate_automation_conditions(defs=defs, instance=orders.instance)
    assert set(asked.get_requested_partitions(dg.AssetKey("orders"))) == set(DAYS)

    assert load(orders, only_missing=True).success
    assert lacking(orders) == ()
    orders.tick()
    assert lacking(orders) == ()
    assert len(orders.orders(orders.target)) == 60


def test_what_was_taken_back_is_told_once(orders: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that has no time leaves it to the next; what is told and a minute old is not looked at again."""
    orders.run(orders.target, "DELETE FROM orders")
    first = load(orders)
    with orders.book() as book:
        roll_back(orders, book, first.run_id)
        show_rollbacks(orders.instance, book, replace(orders.project, tables={}), UNPREFIXED)
        show_rollbacks(orders.instance, book, orders.project, UNPREFIXED, seconds=-1)
        assert lacking(orders) == ()
        show_rollbacks(orders.instance, book, orders.project, UNPREFIXED)
        assert dagster_internals.bookmark(orders.instance, "recon/rollbacks default") == 0
        monkeypatch.setattr(rollbacks, "LATE", timedelta())
        show_rollbacks(orders.instance, book, orders.project, UNPREFIXED)
        assert dagster_internals.bookmark(orders.instance, "recon/rollbacks default") > 0

    told = orders.instance.fetch_materializations(dg.AssetKey("orders"), limit=100).records
    assert sorted(str(record.partition_key) for record in told if not record.run_id) == list(DAYS)
