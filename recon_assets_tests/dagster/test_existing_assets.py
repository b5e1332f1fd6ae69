"""Reconciliation checks on assets that are not ours: in the team's own runs, on demand, and by themselves."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.declarative_automation.automation_condition_tester import (
    EvaluateAutomationConditionsResult,
)

from recon_assets.errors import DeclarationError, UnavailableError
from recon_assets.model import (
    AutoAction,
    Calendar,
    CaseId,
    Decision,
    Finding,
    Policy,
    Project,
    State,
    TableSpec,
    Window,
)
from recon_assets.orchestration.checking import Judge
from recon_assets.orchestration.existing_assets import (
    EACH_UPDATE,
    checks_on,
    with_checks,
)
from recon_assets.orchestration.resources import RunContext
from recon_assets.orchestration.translation import ExistingAsset, Naming
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.example import OPS, WAREHOUSE, Promise, Verdicts, checked, days as span, spec
from recon_assets_tests.dagster.reviewed import DAYS, WRONG, Shop

DAILY = dg.DailyPartitionsDefinition("2025-01-01", end_date="2025-02-01")
ORDERS = checked(
    Promise("count"), Promise("schema", daily=False), declared=spec("orders", Calendar("at", date(2025, 1, 1)))
)
KEY = dg.AssetKey(["dbt", "orders"])
JANUARY_2_TO_4 = span("2025-01-02", "2025-01-04")
PROJECT = Project({"ops": OPS, "warehouse": WAREHOUSE}, {"orders": ORDERS})


def dbt_like(partitions: dg.PartitionsDefinition[Any] | None) -> dg.AssetsDefinition:
    """Several models of one op, as dagster-dbt makes them."""

    @dg.multi_asset(
        name="dbt",
        specs=[dg.AssetSpec(["dbt", name], partitions_def=partitions, skippable=True) for name in ("orders", "lines")],
        can_subset=True,
    )
    def models(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(asset_key=key)

    return models


def downstream(partitions: dg.PartitionsDefinition[Any] | None) -> dg.AssetsDefinition:
    """What the team makes of the orders."""

    @dg.asset(partitions_def=partitions, deps=[KEY], backfill_policy=dg.BackfillPolicy.single_run())
    def revenue() -> None:
        pass

    return revenue


def team(
    judge: Judge, partitions: dg.PartitionsDefinition[Any] | None = DAILY, declared: TableSpec = ORDERS, **asked: Any
) -> dg.Definitions:
    """A team's definitions, with checks of ours on one asset."""
    checks = checks_on(declared, ExistingAsset(KEY, partitions), lambda _: judge, **asked)
    return dg.Definitions([dbt_like(partitions), downstream(partitions)], asset_checks=[checks])


def job(defs: dg.Definitions) -> dg.JobDefinition:
    """The team's assets, and all checks."""
    return of_the_team(defs.resolve_implicit_global_asset_job_def())


def of_the_team(everything: dg.JobDefinition) -> dg.JobDefinition:
    """Without the review's assets, which have other partitions."""
    layer = everything.asset_layer
    theirs = {key for key in layer.executable_asset_keys if not key.to_user_string().startswith("review_")}
    return everything.get_subset(asset_selection=theirs, asset_check_selection=set(layer.asset_graph.asset_check_keys))


def alone(defs: dg.Definitions, *names: str) -> dg.JobDefinition:
    """A run of checks alone."""
    keys = {dg.AssetCheckKey(KEY, name) for name in names}
    everything = defs.resolve_implicit_global_asset_job_def()
    return everything.get_subset(asset_selection=set(), asset_check_selection=keys)


def states(
    instance: dg.DagsterInstance, partitions: dg.PartitionsDefinition[Any] | None, name: str = "count"
) -> dict[str, set[str]]:
    """The partitions in each state; ``all`` for a check that has none."""
    key = dg.AssetCheckKey(KEY, name)
    found = instance.event_log_storage.get_asset_check_state([(key, partitions)])[key]
    return {
        status.value: {"all"} if isinstance(subset.value, bool) else set(subset.value.get_partition_keys())
        for status, subset in found.subsets.items()
        if not subset.is_empty
    }


def newest(instance: dg.DagsterInstance, name: str = "count") -> dg.AssetCheckEvaluation:
    """The last evaluation of a check."""
    (record,) = instance.event_log_storage.get_asset_check_execution_history(dg.AssetCheckKey(KEY, name), limit=1)
    assert record.event
    assert record.event.asset_check_evaluation
    return record.event.asset_check_evaluation


def test_a_teams_own_range_is_judged_by_partition(instance: dg.DagsterInstance) -> None:
    """In the run that loads; what is downstream runs too, and the team's other models are none of our business."""
    defs = team(Verdicts({("count", "2025-01-03")}))

    assert job(defs).execute_in_process(instance=instance, tags=JANUARY_2_TO_4).success

    assert states(instance, DAILY) == {"SUCCEEDED": {"2025-01-02", "2025-01-04"}, "FAILED": {"2025-01-03"}}
    assert states(instance, None, "schema") == {"SUCCEEDED": {"all"}}
    assert len(instance.get_materialized_partitions(dg.AssetKey("revenue"))) == 3


def test_checks_alone_judge_the_range_or_all_that_is_there(instance: dg.DagsterInstance) -> None:
    """On demand, by the tags of a range; a run that names no partition is of all that are materialized."""
    verdicts = Verdicts()
    defs = team(verdicts)
    job(defs).execute_in_process(instance=instance, tags=JANUARY_2_TO_4)
    verdicts.asked.clear()

    assert alone(defs, "count").execute_in_process(instance=instance, tags=span("2025-01-02", "2025-01-03")).success
    assert verdicts.asked == [("count", "2025-01-02"), ("count", "2025-01-03")]
    verdicts.asked.clear()

    assert alone(defs, "count", "schema").execute_in_process(instance=instance).success
    assert verdicts.asked == [("count", f"2025-01-0{day}") for day in (2, 3, 4)] + [("schema", "all")]


def test_a_single_partition_and_a_run_that_selects_other_models(instance: dg.DagsterInstance) -> None:
    """Our checks run where their asset does."""
    verdicts = Verdicts({("count", "2025-01-05")})
    defs = team(verdicts)

    assert job(defs).execute_in_process(instance=instance, partition_key="2025-01-05").success
    assert states(instance, DAILY) == {"FAILED": {"2025-01-05"}}


def test_what_an_evaluation_points_at_is_what_was_loaded(instance: dg.DagsterInstance) -> None:
    """That is what makes it current."""
    defs = team(Verdicts())

    loaded = job(defs).execute_in_process(instance=instance, partition_key="2025-01-05")

    target = newest(instance).target_materialization_data
    assert target
    assert target.run_id == loaded.run_id


MONTHLY = dg.MonthlyPartitionsDefinition("2025-01-01", end_date="2025-06-01")
WEEKLY = dg.WeeklyPartitionsDefinition("2025-01-05", end_date="2025-03-02")
NEW_YORK = dg.DailyPartitionsDefinition("2025-01-02", end_date="2025-02-01", timezone="America/New_York")
SIX_HOURS = dg.TimeWindowPartitionsDefinition(
    start="2025-01-01-00:00", end="2025-02-01-00:00", fmt="%Y-%m-%d-%H:%M", cron_schedule="0 */6 * * *"
)


@pytest.mark.parametrize(
    ("partitions", "key", "first", "last", "count"),
    [
        (MONTHLY, "2025-02-01", "2025-02-01", "2025-02-28", 28),
        (WEEKLY, "2025-01-26", "2025-01-26", "2025-02-01", 7),
        (NEW_YORK, "2025-01-07", "2025-01-07", "2025-01-07", 1),
    ],
)
def test_a_partition_has_the_windows_that_end_in_it(  # noqa: PLR0917 - a table of cases
    instance: dg.DagsterInstance,
    partitions: dg.PartitionsDefinition[str],
    key: str,
    first: str,
    last: str,
    count: int,
) -> None:
    """Larger partitions have several, and one status, which names those that failed; zones may differ."""
    verdicts = Verdicts({("count", last)})

    assert job(team(verdicts, partitions)).execute_in_process(instance=instance, partition_key=key).success

    asked = [day for check, day in verdicts.asked if check == "count"]
    assert (asked[0], asked[-1], len(asked)) == (first, last, count)
    assert states(instance, partitions) == {"FAILED": {key}}
    assert last in str(newest(instance).description)


@pytest.mark.parametrize(
    "partitions",
    [
        None,
        dg.StaticPartitionsDefinition(["de", "us"]),
        dg.MultiPartitionsDefinition({"day": DAILY, "land": dg.StaticPartitionsDefinition(["de", "us"])}),
    ],
    ids=["none", "static", "multi"],
)
def test_an_asset_without_partitions_of_time_has_one_status(
    instance: dg.DagsterInstance, partitions: dg.PartitionsDefinition[str] | None
) -> None:
    """Of all windows that are over; it names those that failed, whose cases are their own."""
    declared = replace(ORDERS, calendar=Calendar("at", date(2025, 1, 1), date(2025, 2, 1)))
    verdicts = Verdicts({("count", "2025-01-03"), ("count", "2025-01-30")})
    defs = team(verdicts, partitions, declared)
    key = next(iter(partitions.get_partition_keys())) if partitions else None

    assert job(defs).execute_in_process(instance=instance, partition_key=key).success

    assert len(verdicts.asked) == 31 + 1
    assert states(instance, None) == {"FAILED": {"all"}}
    found = newest(instance)
    assert (
        found.description
        == "orders: 2 of 31 windows failed, such as 2025-01-03: orders 2025-01-03: 10 of 100 records differ"
    )
    details = found.metadata["details"]
    assert isinstance(details, dg.TableMetadataValue)
    assert [record.data["window"] for record in details.records] == ["2025-01-03", "2025-01-30"]


def test_a_table_without_windows_has_one_status_on_any_asset(instance: dg.DagsterInstance) -> None:
    """It is compared whole, whatever partition was loaded."""
    verdicts = Verdicts()

    job(team(verdicts, DAILY, replace(ORDERS, calendar=None))).execute_in_process(
        instance=instance, partition_key="2025-01-05"
    )

    assert sorted(verdicts.asked) == [("count", "all"), ("schema", "all")]
    assert states(instance, None) == {"SUCCEEDED": {"all"}}


def gone(_spec: TableSpec, _windows: Sequence[Window], _names: Sequence[str]) -> Iterator[Finding]:
    """A database that does not answer."""
    msg = "warehouse: does not answer; try again"
    raise UnavailableError(msg)


def no_ledger(_context: RunContext) -> Judge:
    """A ledger that cannot be opened."""
    msg = "RECON_LEDGER_URL is not set"
    raise DeclarationError(msg)


def broken(_context: RunContext) -> Judge:
    """A fault of ours."""
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("judges", "said"),
    [
        (lambda _: gone, "could not run: warehouse: does not answer; try again"),
        (no_ledger, "could not run: RECON_LEDGER_URL is not set"),
        (broken, "could not run: ZeroDivisionError, a fault of this program"),
    ],
)
def test_a_guest_never_fails_the_teams_run(instance: dg.DagsterInstance, judges: Any, said: str) -> None:
    """What could not be judged is a failed evaluation that says why; the team's run and what is downstream go on."""
    checks = checks_on(ORDERS, ExistingAsset(KEY, DAILY), judges)
    defs = dg.Definitions([dbt_like(DAILY), downstream(DAILY)], asset_checks=[checks])

    assert job(defs).execute_in_process(instance=instance, tags=JANUARY_2_TO_4).success

    assert len(states(instance, DAILY)["FAILED"]) == 3
    assert str(newest(instance).description).startswith(said)
    assert newest(instance).severity is dg.AssetCheckSeverity.ERROR


def test_a_partition_without_a_declared_window_is_no_pass(instance: dg.DagsterInstance) -> None:
    """The asset is older than the declaration says."""
    declared = replace(ORDERS, calendar=Calendar("at", date(2025, 1, 3)))

    job(team(Verdicts(), DAILY, declared)).execute_in_process(instance=instance, tags=JANUARY_2_TO_4)

    assert states(instance, DAILY) == {"FAILED": {"2025-01-02"}, "SUCCEEDED": {"2025-01-03", "2025-01-04"}}


@pytest.mark.parametrize("how", ["all of them", "as declared"])
def test_blocking_keeps_what_is_downstream_from_running(instance: dg.DagsterInstance, how: str) -> None:
    """Only when asked, by the team or by the declaration: a bad day then stops the run there."""
    declared = replace(ORDERS, checks=(Promise("count", blocking=how == "as declared"),))
    defs = team(Verdicts({("count", "2025-01-03")}), DAILY, declared, blocking=how == "all of them")

    bad = job(defs).execute_in_process(instance=instance, tags=JANUARY_2_TO_4, raise_on_error=False)
    good = job(defs).execute_in_process(instance=instance, partition_key="2025-01-04", raise_on_error=False)

    assert (bad.success, good.success) == (False, True)
    assert instance.get_materialized_partitions(dg.AssetKey("revenue")) == {"2025-01-04"}


def test_a_pool_only_when_asked() -> None:
    """The team's runs wait for nobody."""
    assert checks_on(ORDERS, ExistingAsset(KEY), lambda _: gone).op.pool is None
    assert checks_on(ORDERS, ExistingAsset(KEY), lambda _: gone, pool="warehouse").op.pool == "warehouse"


def tick(defs: dg.Definitions, instance: dg.DagsterInstance, before: Any = None) -> EvaluateAutomationConditionsResult:
    """What Dagster asks for by itself."""
    checks = dg.AssetSelection.all_asset_checks()
    return dg.evaluate_automation_conditions(defs, instance, asset_selection=checks, cursor=before)


@pytest.mark.parametrize("where", ["here", "in another location"])
def test_each_updated_partition_is_judged_by_itself(instance: dg.DagsterInstance, where: str) -> None:
    """However old it is, once, and not where the run that loaded it has judged it."""
    here = where == "here"
    theirs = dg.Definitions([dbt_like(DAILY)] if here else [])
    asset = KEY if here else dg.AssetSpec(KEY, partitions_def=DAILY)
    defs = with_checks(theirs, PROJECT, {"orders": asset}, automation_condition=EACH_UPDATE, environ={})
    seen = tick(defs, instance)
    assert seen.total_requested == 0

    for day in ("2025-01-02", "2025-01-04"):
        instance.report_runless_asset_event(dg.AssetMaterialization(KEY, partition=day))
    seen = tick(defs, instance, seen.cursor)
    (count,) = [each.true_subset for each in seen.results if each.key == dg.AssetCheckKey(KEY, "count")]
    assert set(count.get_internal_subset_value().get_partition_keys()) == {"2025-01-02", "2025-01-04"}

    assert not tick(defs, instance, seen.cursor).total_requested
    if here:
        job(defs).execute_in_process(instance=instance, partition_key="2025-01-07")
        assert not tick(defs, instance, seen.cursor).total_requested


def test_a_teams_definitions_say_how_the_asset_is_partitioned(instance: dg.DagsterInstance) -> None:
    """Its key is enough, as Dagster shows it; what else the team has is as it was."""
    theirs = dg.Definitions([dbt_like(DAILY)], resources={"io": 1}, executor=dg.in_process_executor)

    defs = with_checks(theirs, PROJECT, {"orders": "dbt/orders"}, environ={})

    (checks,) = defs.asset_checks or ()
    assert isinstance(checks, dg.AssetChecksDefinition)
    found = {spec.name: spec.partitions_def for spec in checks.check_specs}
    assert found == {"count": DAILY, "schema": None}
    assert defs.executor is dg.in_process_executor
    assert job(defs).execute_in_process(instance=instance, partition_key="2025-01-02").success


@pytest.mark.parametrize(
    ("assets", "said"),
    [
        ({"ordres": "dbt/orders"}, "ordres: no such table is declared; did you mean 'orders'?"),
        ({"orders": "dbt/order"}, "orders: the definitions have no asset dbt/order; did you mean 'dbt/orders'?"),
        ({"orders": dbt_like(None)}, "makes 2 assets (dbt/lines, dbt/orders); give the key of one"),
        ({"orders": dg.AssetSpec("x", partitions_def=SIX_HOURS)}, "partitions of 6:00:00"),
    ],
)
def test_what_cannot_be_meant_is_said_at_load(assets: dict[str, Any], said: str) -> None:
    """Where, what, and what to do."""
    with pytest.raises(DeclarationError) as raised:
        with_checks(dg.Definitions([dbt_like(DAILY)]), PROJECT, assets, environ={})

    assert said in str(raised.value)


def test_the_page_about_it_works(instance: dg.DagsterInstance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its example in Python, on a declaration in a file."""
    page = (Path(__file__).parents[2] / "docs" / "existing_assets.md").read_text()
    example = page.split("```python\n")[1].split("```")[0]
    monkeypatch.chdir(tmp_path)
    sides = "source: {database: lake, table: raw_%s}, target: {database: lake, table: %s}"
    tables = "".join(
        f"  {name}: {{{sides % (name, name)}, key: id, window: none, checks: [count]}}\n"
        for name in ("orders", "lines")
    )
    Path("recon.yaml").write_text(f"databases: {{lake: {{url: {{env: LAKE_URL}}}}}}\ntables:\n{tables}")
    monkeypatch.setenv("LAKE_URL", "postgresql://nobody@nowhere.invalid/lake")
    names = {"defs": dg.Definitions([dbt_like(None), dg.AssetSpec(["shop", "lines"])])}

    exec(example, names)  # noqa: S102 - it is ours

    keys = {key for checks in names["defs"].asset_checks or () for key in checks.check_keys}
    assert {key.asset_key.to_user_string() for key in keys} == {"dbt/orders", "shop/lines"}


class Guest(Shop):
    """Orders are loaded by a team's own asset."""

    @cached_property
    def repository(self) -> dg.RepositoryDefinition:
        """The team's definitions with ours."""
        theirs = dg.Definitions([dbt_like(DAILY)], executor=dg.in_process_executor)
        found = with_checks(theirs, self.project, {"orders": KEY}, environ=self.environ).get_repository_def()
        assert isinstance(found, dg.RepositoryDefinition)
        return found


def test_failures_become_cases_and_only_what_the_policy_names_is_corrected(
    fresh: Fresh, durable: dg.DagsterInstance
) -> None:
    """Two days are red after the team's own run; missing rows come back by themselves, wrong ones wait for a person."""
    policy = Policy(missing=AutoAction.APPLY, at_most_share=Decimal(1))
    orders = Guest(fresh("postgresql"), fresh("postgresql"), fresh("ledger"), durable, policy)
    orders.run(orders.target, "DELETE FROM orders WHERE id = 3", "UPDATE orders SET amount = 0 WHERE id = 7")
    whole = {"dagster/asset_partition_range_start": DAYS[0], "dagster/asset_partition_range_end": DAYS[-1]}

    loads = of_the_team(orders.repository.get_job("__ASSET_JOB"))
    assert loads.execute_in_process(instance=durable, tags=whole).success
    assert states(durable, DAILY, "fields") == {"SUCCEEDED": {DAYS[0], DAYS[2]}, "FAILED": {DAYS[1]}}
    assert states(durable, DAILY, "count") == {"SUCCEEDED": {DAYS[1], DAYS[2]}, "FAILED": {DAYS[0]}}

    orders.work()
    assert orders.case(CaseId("orders", DAYS[0], "missing")).state is State.APPLIED
    assert orders.case(WRONG).state is State.PENDING
    assert states(durable, DAILY, "count") == {"SUCCEEDED": set(DAYS)}
    assert states(durable, DAILY, "fields")["FAILED"] == {DAYS[1]}

    orders.decide(WRONG, Decision.APPLY_SOURCE)
    orders.work()
    assert orders.case(WRONG).state is State.APPLIED
    assert states(durable, DAILY, "fields") == {"SUCCEEDED": set(DAYS)}
    assert orders.orders(orders.source) == orders.orders(orders.target)


@pytest.mark.parametrize("partitions", [None, MONTHLY, DAILY, NEW_YORK])
def test_a_window_is_a_partition_only_where_both_are_alike(partitions: dg.PartitionsDefinition[str] | None) -> None:
    """The review tells the status of a window that it has judged again only then."""
    naming = Naming(existing={"orders": ExistingAsset(KEY, partitions)})

    assert naming.has_partition_per_window(ORDERS) is (partitions is DAILY)
    assert naming.key(ORDERS) == KEY
