"""Our definitions beside a team's own, in one code location: nothing of theirs changes, and ours work."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from recon_assets import review
from recon_assets.errors import DeclarationError
from recon_assets.model import Check, Decision, Project, State, TableSpec
from recon_assets.orchestration.build_definitions import build_definitions
from recon_assets.orchestration.local_deployment import Session
from recon_assets.orchestration.processes import Dagster
from recon_assets.orchestration.translation import Naming, ReconTranslator
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.dagster.example import AIRLINES, FLIGHTS, NEW_YORK, PROJECT, Promise, checked, days, spec
from recon_assets_tests.dagster.reviewed import DAYS, WRONG, shop

CHECKED = replace(PROJECT, tables={"flights": checked(Promise("keys")), "airlines": AIRLINES})
OURS = dg.AssetKey(["warehouse", "flights"])
EXECUTOR = dg.multiprocess_executor.configured({"max_concurrent": 2})


class Cellar(dg.ConfigurableResource):  # type: ignore[type-arg]
    """A resource of the team, under a name that we might have taken."""

    shelf: int


@dg.asset(owners=["team:web"], op_tags={"theirs": "yes"})
def flights(ops: Cellar) -> int:
    """The team's own flights, which are not ours."""
    return ops.shelf


@dg.asset_check(asset=flights, name="keys")
def keys_of_flights() -> dg.AssetCheckResult:
    """The team's own check."""
    return dg.AssetCheckResult(passed=True)


def names_taken() -> list[dg.JobDefinition]:
    """Jobs of the team, called as what we bring."""

    @dg.op
    def load_flights() -> None:
        pass

    def job(name: str) -> dg.JobDefinition:
        return dg.GraphDefinition(name=name, node_defs=[load_flights]).to_job()

    return [job(name) for name in ("review", "checks", "correct_cases", "correct", "daily_travel")]


def theirs() -> dg.Definitions:
    """A team's definitions."""
    source = dg.AssetSpec(["ops", "public", "flights"], description="Where flights come from.")
    return dg.Definitions(
        assets=[flights, source],
        asset_checks=[keys_of_flights],
        jobs=names_taken(),
        resources={"ops": Cellar(shelf=7)},
        executor=EXECUTOR,
    )


def merged(project: Project = CHECKED, environ: Mapping[str, str] = os.environ) -> dg.Definitions:
    """Theirs and ours, as a team merges them."""
    return dg.Definitions.merge(theirs(), build_definitions(project, key_prefix="warehouse", environ=environ))


def test_nothing_of_a_team_changes() -> None:
    """Its executor, assets, checks, jobs and resources are what they were, and ours stand beside them."""
    repository, alone = merged().get_repository_def(), theirs().get_repository_def()
    graph, before = repository.asset_graph, alone.asset_graph

    for key in before.get_all_asset_keys():
        assert graph.get(key).to_asset_spec() == before.get(key).to_asset_spec()
    assert before.asset_check_keys < graph.asset_check_keys
    assert repository.get_job("__ASSET_JOB").executor_def is EXECUTOR
    assert set(alone.job_names) < set(repository.job_names)
    assert graph.get(OURS).parent_keys == {dg.AssetKey(["ops", "public", "flights"])}
    result = repository.get_job("__ASSET_JOB").get_subset(asset_selection={dg.AssetKey("flights")})
    assert result.execute_in_process(resources={"ops": Cellar(shelf=7)}).output_for_node("flights") == 7


def test_what_we_add_bears_our_name_and_selects_ours_alone() -> None:
    """Names of ops, jobs, schedules, sensors and pools are everybody's in a deployment; so are its checks."""
    repository, alone = merged().get_repository_def(), theirs().get_repository_def()
    jobs = set(repository.job_names) - set(alone.job_names)

    timed = {*(each.name for each in repository.schedule_defs), *(each.name for each in repository.sensor_defs)}
    assert timed == {"recon_daily_travel", "recon_checks", "recon_review", "recon_fill_gaps"}
    assert {name for name in jobs if "recon_" not in name} == set()
    ops = {node.name for name in jobs for node in repository.get_job(name).all_node_defs}
    assert {name for name in ops if not name.startswith("recon_")} <= {*jobs}
    assert repository.assets_defs_by_key[OURS].op.pool == "recon_ops"
    (checks,) = [repository.get_job(each.job_name) for each in repository.schedule_defs if each.name == "recon_checks"]
    assert [node.name for node in checks.all_node_defs] == ["recon_load_flights"]
    queue = repository.asset_graph.get(dg.AssetKey(["warehouse", "review_queue"]))
    assert queue.parent_keys == {OURS, dg.AssetKey(["warehouse", "airlines"])}


def test_nothing_is_switched_on_by_being_merged() -> None:
    """Importing starts nothing: a team switches on what it wants."""
    repository = merged().get_repository_def()

    assert {each.default_status for each in repository.sensor_defs} == {dg.DefaultSensorStatus.STOPPED}
    assert {each.default_status for each in repository.schedule_defs} == {dg.DefaultScheduleStatus.STOPPED}


def test_a_team_may_have_the_assets_alone() -> None:
    """Without review and schedules there are tables and their checks, and nothing else."""
    repository = build_definitions(CHECKED, review=False, schedules=False).get_repository_def()

    assert {key.to_user_string() for key in repository.asset_graph.materializable_asset_keys} == {"flights", "airlines"}
    assert (list(repository.sensor_defs), list(repository.schedule_defs)) == ([], [])


def test_two_projects_in_one_location() -> None:
    """Each by a name of its own; their tables by a prefix."""
    one, two = (build_definitions(CHECKED, key_prefix=name, name=name) for name in ("one", "two"))

    dg.Definitions.validate_loadable(dg.Definitions.merge(one, two))


class Renaming(ReconTranslator):
    """A deployment with names of its own."""

    def get_asset_spec(self, table: TableSpec) -> dg.AssetSpec:
        """In a schema, with a tag."""
        return super().get_asset_spec(table).replace_attributes(key=["dwh", table.name], tags={"tier": "gold"})

    def get_source_key(self, table: TableSpec) -> dg.AssetKey:
        """As another team's loader calls it."""
        return dg.AssetKey(["raw", table.name])

    def get_check_spec(self, table: TableSpec, check: Check) -> dg.AssetCheckSpec:
        """With a word more."""
        return super().get_check_spec(table, check).with_metadata({"runbook": "https://wiki.example/recon"})


def test_a_translator_says_how_tables_sources_and_checks_appear() -> None:
    """What it leaves alone is as usual; partitions and places are added to what it says."""
    graph = build_definitions(CHECKED, translator=Renaming(), group="recon").resolve_asset_graph()
    found, key = graph.get(dg.AssetKey(["dwh", "flights"])), dg.AssetKey(["dwh", "flights"])

    assert found.parent_keys == {dg.AssetKey(["raw", "flights"])}
    assert (found.tags["tier"], found.group_name, found.owners) == ("gold", "recon", ["team:data"])
    assert found.metadata["dagster/table_name"] == "analytics.flights"
    check = graph.get_check_spec(dg.AssetCheckKey(key, "keys"))
    assert (check.metadata["runbook"], check.partitions_def) == ("https://wiki.example/recon", found.partitions_def)


class Misleading(ReconTranslator):
    """All tables are one, and checks are called otherwise."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key

    def get_asset_spec(self, table: TableSpec) -> dg.AssetSpec:
        """The same for all."""
        return super().get_asset_spec(table).replace_attributes(key=self.key or table.name)

    def get_check_spec(self, table: TableSpec, check: Check) -> dg.AssetCheckSpec:
        """Another name."""
        return dg.AssetCheckSpec(f"other_{check.name}", asset=table.name)


def test_a_translator_that_cannot_be_followed_is_refused() -> None:
    """Two tables with one key, and a check by another name, in a sentence each."""
    with pytest.raises(DeclarationError, match="flights and airlines would both be the asset all: give them keys"):
        build_definitions(CHECKED, translator=Misleading("all"))
    with pytest.raises(DeclarationError, match="flights: get_check_spec calls the check keys other_keys; leave"):
        build_definitions(CHECKED, translator=Misleading())


def test_the_way_back_leads_to_the_table() -> None:
    """From the key of an asset to the name of its table, whatever the prefix."""
    naming = Naming.of({"RECON_KEY_PREFIX": "a/b"})

    assert naming.tables(PROJECT) == {dg.AssetKey(["a", "b", name]): name for name in PROJECT.tables}
    assert Naming.of({}).key(spec("orders", NEW_YORK)) == dg.AssetKey("orders") == Naming().key(spec("orders"))
    assert naming.tables(replace(PROJECT, tables={})) == {}
    assert FLIGHTS.name == "flights"


def test_a_table_with_a_prefix_goes_all_the_way(fresh: Fresh, durable: dg.DagsterInstance, tmp_path: Path) -> None:
    """In a team's location: loaded, checked, its case shown and decided, corrected, adopted and rolled back."""
    orders, key = shop(fresh, durable), dg.AssetKey(["warehouse", "orders"])
    orders.repository = merged(orders.project, orders.environ).get_repository_def()
    job = orders.repository.get_job("__ASSET_JOB").get_subset(asset_selection={key})
    orders.run(orders.target, "DELETE FROM orders WHERE id = 6", "UPDATE orders SET amount = 0 WHERE id = 1")

    loaded = job.execute_in_process(instance=durable, tags=days(DAYS[0], DAYS[-1]), raise_on_error=False)

    assert loaded.success
    assert set(durable.get_materialized_partitions(key)) == set(DAYS)
    assert red(durable, key) == {DAYS[1]}
    orders.work()
    shown = durable.get_materialized_partitions(dg.AssetKey(["warehouse", "review_queue"]))
    assert shown == {str(WRONG)} == set(durable.get_dynamic_partitions("recon_cases"))
    orders.decide(WRONG, Decision.APPLY_SOURCE)
    assert orders.work() == ["recon_correct_cases"]
    assert orders.case(WRONG).state is State.APPLIED
    assert (red(durable, key), orders.orders(orders.target)) == (set(), orders.orders(orders.source))

    environ = {**orders.environ, "RECON_KEY_PREFIX": "warehouse"}
    session = Session(Dagster(tmp_path), environ, orders.project, durable)
    assert session.adopt(orders.project.tables["customers"]).adopted == ("all",)
    assert durable.get_latest_materialization_event(dg.AssetKey(["warehouse", "customers"]))
    spec = orders.project.tables["orders"]
    assert (session.missing(spec).windows, session.provenance(spec).filled) == ((), 3)
    with orders.book() as book:
        scope = review.Scope(run=loaded.run_id)
        review.roll_back(
            book, orders.project, scope, who="ana", note="late", clock=lambda: datetime.now(UTC), run="", dry_run=False
        )
    orders.tick()
    assert session.missing(spec).windows


def red(instance: dg.DagsterInstance, key: dg.AssetKey) -> set[str | None]:
    """The days of which the newest verdict of a check is a failure."""
    kind = dg.DagsterEventType.ASSET_CHECK_EVALUATION
    newest = dict[tuple[str, str | None], bool]()
    for run in reversed(instance.get_runs()):
        for record in instance.get_records_for_run(run.run_id, of_type=kind).records:
            if (said := record.event_log_entry.asset_check_evaluation) and said.asset_key == key:
                newest[said.check_name, said.partition] = said.passed
    return {day for (_, day), passed in newest.items() if not passed}
