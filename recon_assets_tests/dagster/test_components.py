"""Our components in a `defs` folder, as `dg` finds, scaffolds and loads them; no process of `dg` is needed for that."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from dagster.components.core.component_tree import ComponentTreeException
from dagster.components.testing import DefsFolderSandbox, create_defs_folder_sandbox

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
        (made / "defs.yaml").write_text(f"type: recon_assets.ReconComponent\nattributes: {written}\n")
    return made


def test_dg_finds_components_without_importing_databases() -> None:
    """In every project of whoever has recon-assets installed, so it must be quick, and cannot fail."""
    found = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True).stdout

    assert found == "recon_assets.ReconChecksComponent recon_assets.ReconComponent\n\n"


@pytest.mark.usefixtures("shop")
def test_declared_tables_are_assets_of_the_project(sandbox: DefsFolderSandbox) -> None:
    """Beside the team's own; no database is asked."""
    made = component(sandbox, SHOP)

    with sandbox.load_component_and_build_defs(made) as (loaded, defs):
        assert isinstance(loaded, ReconComponent)
        assert dg.AssetKey("orders") in defs.resolve_asset_graph().materializable_asset_keys


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
        ({"declaration": "no/such.yaml"}, "--declaration no/such.yaml: there is no such file"),
    ],
)
def test_what_cannot_be_scaffolded_leaves_nothing(
    sandbox: DefsFolderSandbox, params: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is one sentence, and the same name can be given again."""
    monkeypatch.delenv("SHOP_URL", raising=False)

    with pytest.raises(SystemExit, match=said):
        sandbox.scaffold_component(ReconComponent, "shop", scaffold_params=params)

    assert not (sandbox.defs_folder_path / "shop").exists()


DBT = """
import dagster as dg
DAILY = dg.DailyPartitionsDefinition("2025-01-01")
@dg.multi_asset(specs=[dg.AssetSpec(["dbt", name], partitions_def=DAILY) for name in ("orders", "lines")])
def models(): ...
"""


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
        assert not defs.assets

    written = (made / "defs.yaml").read_text()
    (made / "defs.yaml").write_text(f"{written}  assets: {{orders: dbt/order}}\n  each_update: true\n")
    with pytest.raises(ComponentTreeException) as raised, sandbox.load_component_and_build_defs(made):
        pass
    assert "orders: the definitions have no asset dbt/order; did you mean 'dbt/orders'?" in str(raised.value.__cause__)
