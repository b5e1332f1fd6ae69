"""Our components in a `defs` folder, as `dg` finds, scaffolds and loads them; no process of `dg` is needed for that."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import yaml
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox
from pydantic import ValidationError

from recon_assets import ReconChecksComponent, ReconComponent
from recon_assets.declare import ProblemsError
from recon_assets.declare.json_schema import json_schema
from recon_assets_tests.conftest import Fresh

LISTED = """
import sys
from dagster.components.core.package_entry import discover_entry_point_package_objects
print(*sorted(key.to_typename() for key in discover_entry_point_package_objects() if key.package == "recon_assets"))
print(*sorted({"sqlalchemy", "psycopg", "recon_assets.demo", "recon_assets.orchestration"} & set(sys.modules)))
"""
SHOP = """
databases:
  ops: {url: {env: SHOP_URL}}
  lake: {url: {env: LAKE_URL}}
tables:
  orders:
    source: {database: ops, table: orders}
    target: {database: lake, table: orders}
    key: id
    window: none
    checks: [count]
"""
OWN = """
import dagster as dg

@dg.asset
def orders() -> None: ...

@dg.asset_check(asset=orders)
def count() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)

@dg.definitions
def own() -> dg.Definitions:
    job = dg.define_asset_job("checks", [orders])
    executor = dg.in_process_executor.configured({}, name="team_executor")
    return dg.Definitions(assets=[orders], asset_checks=[count], jobs=[job], executor=executor)
"""
SUBCLASS = """
import dagster as dg
import recon_assets

class ShopComponent(recon_assets.ReconComponent):
    def get_asset_spec(self, table):
        return super().get_asset_spec(table).replace_attributes(key=["mart", table.name])

    def get_source_key(self, table):
        return dg.AssetKey(["raw", table.name])

    def get_check_spec(self, table, check):
        return super().get_check_spec(table, check)._replace(description="As many rows.")
"""


@pytest.fixture
def sandbox() -> Iterator[DefsFolderSandbox]:
    """An empty `defs` folder."""
    with create_defs_folder_sandbox() as made:
        yield made


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The declared databases have names, and nobody connects to them."""
    monkeypatch.setenv("SHOP_URL", "postgresql://nobody@nowhere.invalid/shop")
    monkeypatch.setenv("LAKE_URL", "postgresql://nobody@nowhere.invalid/lake")


def component(sandbox: DefsFolderSandbox, tables: str, **attributes: object) -> Path:
    """A component of these tables, by its YAML."""
    existing = sandbox.project_root / "shop.yaml"
    existing.write_text(tables)
    made = sandbox.scaffold_component(ReconComponent, "shop", scaffold_params={"declaration": str(existing)})
    if attributes:
        written = {"declaration": "../../../../shop.yaml", **attributes}
        text = yaml.safe_dump({"type": "recon_assets.ReconComponent", "attributes": written})
        (made / "defs.yaml").write_text(text)
    return made


def test_dg_finds_components_without_importing_databases() -> None:
    """In every project of whoever has recon-assets installed, so it must be quick, and cannot fail."""
    found = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True).stdout

    assert found == "recon_assets.ReconChecksComponent recon_assets.ReconComponent\n\n"


@pytest.mark.usefixtures("shop")
def test_declared_tables_stand_beside_what_the_team_has(sandbox: DefsFolderSandbox) -> None:
    """An executor, an asset, its check and a job of the team's own stay theirs, whatever they are called."""
    component(sandbox, SHOP, key_prefix=["lake"])
    (sandbox.defs_folder_path / "own.py").write_text(OWN)

    with sandbox.build_all_defs() as defs:
        graph = defs.resolve_asset_graph()
        assert {dg.AssetKey("orders"), dg.AssetKey(["lake", "orders"])} <= graph.materializable_asset_keys
        assert {key.to_user_string() for key in graph.asset_check_keys} == {"lake/orders:count", "orders:count"}
        assert isinstance(defs.executor, dg.ExecutorDefinition)
        assert defs.executor.name == "team_executor"
        assert {job.name for job in defs.jobs or ()} >= {"checks"}
        dg.Definitions.validate_loadable(defs)


@pytest.mark.usefixtures("shop")
def test_attributes_say_how_tables_appear(sandbox: DefsFolderSandbox) -> None:
    """Key, group, and what a translation makes of the declared table; checks follow the key."""
    translation = {"key": "{{ table.name }}_copy", "tags": {"table": "{{ table.name }}"}, "owners": ["team:shop"]}
    made = component(sandbox, SHOP, key_prefix="lake", group="sales", translation=translation, name="shop")

    with sandbox.load_component_and_build_defs(made) as (_, defs):
        key = dg.AssetKey(["lake", "orders_copy"])
        found = defs.resolve_assets_def(key).get_asset_spec(key)
        assert (found.group_name, found.owners) == ("sales", ["team:shop"])
        assert found.tags["table"] == "orders"
        assert defs.resolve_asset_graph().asset_check_keys == {dg.AssetCheckKey(key, "count")}
        assert defs.resolve_assets_def(key).node_def.name.startswith("shop_")
        assert {sensor.default_status for sensor in defs.sensors or ()} == {dg.DefaultSensorStatus.STOPPED}


@pytest.mark.usefixtures("shop")
def test_attributes_leave_out_what_is_not_wanted(sandbox: DefsFolderSandbox) -> None:
    """Tables and their checks alone, and what they are loaded from."""
    made = component(sandbox, SHOP, review=False, schedules=False, sources="specs")

    with sandbox.load_component_and_build_defs(made) as (_, defs):
        assert not [*(defs.sensors or ()), *(defs.schedules or ()), *(defs.jobs or ())]
        keys = {key.to_user_string() for key in defs.resolve_asset_graph().get_all_asset_keys()}
        assert keys == {"orders", "ops/orders"}


@pytest.mark.usefixtures("shop")
def test_two_components_stand_side_by_side(sandbox: DefsFolderSandbox) -> None:
    """Each with a name and a prefix of its own: tables, reviews, sensors and jobs are told apart."""
    first = component(sandbox, SHOP, key_prefix="lake", name="lake")
    second = first.with_name("second")
    second.mkdir()
    (second / "defs.yaml").write_text((first / "defs.yaml").read_text().replace(": lake", ": mart"))

    with sandbox.build_all_defs() as defs:
        dg.Definitions.validate_loadable(defs)
        keys = {key.to_user_string() for key in defs.resolve_asset_graph().materializable_asset_keys}
        assert keys >= {"lake/orders", "mart/orders", "lake/review_queue", "mart/review_queue"}


@pytest.mark.usefixtures("shop")
def test_a_subclass_says_how_tables_appear(sandbox: DefsFolderSandbox) -> None:
    """By the methods that a translator has, and what it leaves as it is comes from the attributes."""
    component(sandbox, SHOP, group="sales")
    made = sandbox.defs_folder_path / "shop"
    (made / "lib.py").write_text(SUBCLASS)
    text = (made / "defs.yaml").read_text().replace("recon_assets.Recon", f"{sandbox.project_name}.defs.shop.lib.Shop")
    (made / "defs.yaml").write_text(text)

    with sandbox.build_all_defs() as defs:
        key = dg.AssetKey(["mart", "orders"])
        found = defs.resolve_assets_def(key).get_asset_spec(key)
        assert found.group_name == "sales"
        assert [dep.asset_key for dep in found.deps] == [dg.AssetKey(["raw", "orders"])]
        (check,) = defs.resolve_assets_def(key).check_specs
        assert check.description == "As many rows."


@pytest.mark.usefixtures("shop")
def test_the_page_shows_every_attribute_and_examples_that_load(sandbox: DefsFolderSandbox) -> None:
    """Of docs/integration.md; its commands are run by `e2e/test_dg_project.py`."""
    page = (Path(__file__).parents[2] / "docs" / "integration.md").read_text()
    attributes, *_ = re.findall(r"```yaml\n(type: .*?)```", page, re.DOTALL)
    subclass, _ = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    made = component(sandbox, SHOP)
    (made / "lib.py").write_text(subclass)
    (made / "recon.yaml").write_text(SHOP)
    for kind in ("recon_assets.ReconComponent", f"{sandbox.project_name}.defs.shop.lib.ShopComponent"):
        (made / "defs.yaml").write_text(attributes.replace("recon_assets.ReconComponent", kind))
        with sandbox.build_all_defs() as defs:
            assert dg.AssetKey(["lake", "orders"]) in defs.resolve_asset_graph().materializable_asset_keys

    explained = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert set(explained) == set(ReconComponent.model_fields)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"prefix": "lake"}, "prefix"),
        ({"sources": "all"}, "sources"),
        ({"translation": {"groop": "a"}}, "groop"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_wrong_attributes_are_named(sandbox: DefsFolderSandbox, attributes: dict[str, object], said: str) -> None:
    """By Dagster, with file and line."""
    made = component(sandbox, SHOP, **attributes)

    with pytest.raises(ComponentTreeException) as raised, sandbox.load_component_and_build_defs(made):
        pass

    assert isinstance(raised.value.__cause__, ValidationError)
    assert said in str(raised.value.__cause__)


def test_missing_declaration_is_told_with_its_path(sandbox: DefsFolderSandbox) -> None:
    """And by which key of defs.yaml it was named."""
    made = component(sandbox, SHOP, declaration="recon.yml")

    with pytest.raises(ComponentTreeException) as raised, sandbox.load_component_and_build_defs(made):
        pass

    assert f"{made / 'recon.yml'}: there is no such file. `declaration` in defs.yaml" in str(raised.value.__cause__)


@pytest.mark.usefixtures("shop")
def test_what_is_wrong_is_told_with_path_and_line(sandbox: DefsFolderSandbox) -> None:
    """As `recon validate` does; `dg check defs` prints it."""
    made = component(sandbox, SHOP.replace("key: id", "kee: id").replace("lake, table", "lakes, table"))

    with pytest.raises(ComponentTreeException) as raised, sandbox.load_component_and_build_defs(made):
        pass

    cause = raised.value.__cause__
    assert isinstance(cause, ProblemsError)
    assert f"{sandbox.project_root / 'shop.yaml'}" in str(cause)
    assert "line 9" in str(cause)


def test_scaffolding_asks_the_databases_and_loading_does_not(
    sandbox: DefsFolderSandbox, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written names the variables and no URL, and is accepted once neither database is there any more."""
    for variable in ("SHOP_URL", "LAKE_URL"):
        url = fresh("postgresql")
        monkeypatch.setenv(variable, url)
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE orders (id int PRIMARY KEY, total int)")
            connection.execute("CREATE TABLE notes (id int PRIMARY KEY)")

    asked = {"source_env": "SHOP_URL", "target_env": "LAKE_URL", "tables": "order*"}
    made = sandbox.scaffold_component(ReconComponent, "shop", scaffold_params=asked)

    declaration = (made / "recon.yaml").read_text()
    assert declaration.startswith("# yaml-language-server: $schema=recon.schema.json\nproject: shop\n")
    assert json.loads((made / "recon.schema.json").read_text()) == json_schema()
    assert "orders:" in declaration
    assert "notes:" not in declaration
    assert "url: {env: SHOP_URL}" in declaration
    monkeypatch.setenv("SHOP_URL", "postgresql://nobody@nowhere.invalid/shop")
    monkeypatch.setenv("LAKE_URL", "postgresql://nobody@nowhere.invalid/lake")
    with sandbox.load_component_and_build_defs(made) as (_, defs):
        assert dg.AssetKey("orders") in defs.resolve_asset_graph().materializable_asset_keys


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"source_env": "SHOP_URL"}, "SHOP_URL is not set"),
        (
            {"source_env": "LAKE_URL", "target_env": "LAKE_URL", "timezone": "Mars/North"},
            "--timezone Mars/North: there is no",
        ),
        ({"declaration": "no/such.yaml"}, "--declaration no/such.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_scaffolded_leaves_nothing(
    sandbox: DefsFolderSandbox, params: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is one sentence, and the same name can be given again."""
    monkeypatch.delenv("SHOP_URL", raising=False)
    monkeypatch.setenv("LAKE_URL", "postgresql://nobody@nowhere.invalid/lake")

    with pytest.raises(SystemExit, match=said):
        sandbox.scaffold_component(ReconComponent, "shop", scaffold_params=params)

    assert not (sandbox.defs_folder_path / "shop").exists()


DBT = """
import dagster as dg
DAILY = dg.DailyPartitionsDefinition("2025-01-01")
@dg.multi_asset(specs=[dg.AssetSpec(["dbt", name], partitions_def=DAILY) for name in ("orders", "lines")])
def models(): ...
"""


def keys_of(defs: dg.Definitions) -> set[dg.AssetKey]:
    """What is made here."""
    return {key for each in defs.assets or () if isinstance(each, dg.AssetsDefinition) for key in each.keys}


@pytest.mark.filterwarnings("ignore:.*load_definitions_from_module:dagster.PreviewWarning")  # by dg itself
@pytest.mark.usefixtures("shop")
def test_assets_of_another_folder_are_checked(sandbox: DefsFolderSandbox) -> None:
    """Each by its own partitions, on the asset of the table's name or on the one that is named; it adds no asset."""
    (sandbox.defs_folder_path / "dbt").mkdir()
    (sandbox.defs_folder_path / "dbt" / "models.py").write_text(DBT)
    (sandbox.project_root / "shop.yaml").write_text(
        SHOP.replace("window: none", "window: {column: at, start: 2025-01-01}")
    )
    asked = {"declaration": str(sandbox.project_root / "shop.yaml"), "assets_from": "dbt"}
    made = sandbox.scaffold_component(ReconChecksComponent, "checks", scaffold_params=asked)

    with sandbox.load_component_and_build_defs(made) as (_, defs):
        (checks,) = defs.asset_checks or ()
        found = {(spec.asset_key.to_user_string(), spec.name): spec.partitions_def for spec in checks.check_specs}
        daily = dg.DailyPartitionsDefinition("2025-01-01")
        assert found == {("dbt/orders", "count"): daily, ("dbt/orders", "undated"): None}
        assert not any(key.path[-1] == "orders" for key in keys_of(defs))

    written = (made / "defs.yaml").read_text()
    (made / "defs.yaml").write_text(f"{written}  assets: {{orders: dbt/order}}\n  each_update: true\n")
    with pytest.raises(ComponentTreeException) as raised, sandbox.load_component_and_build_defs(made):
        pass
    assert "orders: the definitions have no asset dbt/order; did you mean 'dbt/orders'?" in str(raised.value.__cause__)
