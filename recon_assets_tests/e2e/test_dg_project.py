"""A Dagster project as its scaffolder makes it, with assets of the team's own, and our tables put into it.

Every command of docs/integration.md is run as it stands there, by real processes and in a real browser.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from recon_assets import local
from recon_assets.orchestration.processes import free_port
from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.e2e.conftest import answering, connected, until
from recon_assets_tests.e2e.test_review_story import ORDERS

PAGE = (Path(__file__).parents[2] / "docs" / "integration.md").read_text()
COMMANDS = re.findall(r"^\$ (.+)$", PAGE, re.MULTILINE)
ATTRIBUTES = re.search(r"```yaml\n(type: .*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]
SPOILT = "orders/2024-03-02/mismatched"
DAMAGE = "UPDATE orders SET amount = amount * 100 WHERE id = 1043"
OWN = {
    "flights.py": '''
import dagster as dg

@dg.asset
def flights() -> dg.MaterializeResult:
    """What the team wrote by hand; a table of ours is called the same."""
    return dg.MaterializeResult(metadata={"rows": 1})

@dg.asset_check(asset=flights)
def has_rows() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)

@dg.definitions
def own() -> dg.Definitions:
    executor = dg.multiprocess_executor.configured({"max_concurrent": 1}, name="team_executor")
    checks = dg.define_asset_job("checks", dg.AssetSelection.assets(flights))
    return dg.Definitions(assets=[flights], asset_checks=[has_rows], jobs=[checks], executor=executor)
''',
    "models.py": '''
import dagster as dg

DAILY = dg.DailyPartitionsDefinition("2024-03-01", end_date="2024-03-04")

@dg.multi_asset(
    specs=[dg.AssetSpec(["marts", "revenue"], partitions_def=DAILY, deps=[["lake", "orders"]])],
    check_specs=[dg.AssetCheckSpec("not_null", asset=["marts", "revenue"])],
    can_subset=True,
)
def daily_models(context: dg.AssetExecutionContext):
    """As dbt's models by days would be, with a test of their own."""
    for key in context.selected_asset_keys:
        yield dg.MaterializeResult(key)
    for check in context.selected_asset_check_keys:
        yield dg.AssetCheckResult(asset_key=check.asset_key, check_name=check.name, passed=True)

@dg.multi_asset(specs=[dg.AssetSpec(["marts", "countries"]), dg.AssetSpec(["marts", "carriers"])], can_subset=True)
def models(context: dg.AssetExecutionContext):
    for key in context.selected_asset_keys:
        yield dg.MaterializeResult(key)
''',
}
STATUSES = """
query Statuses {
  assetNodeOrError(assetKey: {path: ["lake", "orders"]}) { ... on AssetNode { assetChecksOrError { ... on AssetChecks {
    checks { name partitionStatuses { ... on AssetCheckTimePartitionStatuses { ranges { status startKey endKey } } } }
  } } } }
}
"""
DECIDED = """
query Decided($key: AssetKeyInput!) {
  assetNodeOrError(assetKey: $key) { ... on AssetNode { partitionStats { numMaterialized } } }
}
"""
PATIENCE = 240
"""Seconds for what takes a tenth of it, on a machine that has other things to do."""


@dataclass
class Team:
    """Somebody in a terminal, with two databases and a ledger."""

    folder: Path
    environ: dict[str, str]
    source: str
    target: str

    def types(self, command: str) -> str:
        """A command to its end; what it printed."""
        words = shlex.split(command)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            self.environ.setdefault(name, value)
            return ""
        if words[0] == "cd":
            self.folder /= words[1]
            return ""
        done = subprocess.run(
            words, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout + done.stderr

    @contextmanager
    def dev(self) -> Iterator[Webserver]:
        """`dg dev`, until it answers; ended with all its processes, which now and then do not end when asked to."""
        port = free_port()
        log = self.folder / "dev.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["dg", "dev", "--port", str(port)],
                cwd=self.folder,
                env=self.environ,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            yield answering(Webserver(f"http://127.0.0.1:{port}", timeout=30), process, log)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


@pytest.fixture
def team(tmp_path: Path, clean: dict[str, str]) -> Iterator[Team]:
    """Three days of orders on both sides, one of which has another amount in the target."""
    with local.environment(clean, tmp_path / "home") as databases:
        source, target = (databases[name] for name in ("RECON_SOURCE_URL", "RECON_TARGET_URL"))
        for url in (source, target):
            with connected(url) as connection:
                connection.execute(ORDERS.format("orders"))
                connection.execute("CREATE TABLE flights (id bigint PRIMARY KEY, carrier text)")
        with connected(target) as connection:
            connection.execute(DAMAGE)
        environ = {
            **clean,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{clean['PATH']}",
            "COLUMNS": "250",
            "DAGSTER_HOME": str(tmp_path / "dagster"),
            "SHOP_URL": source,
            "LAKE_URL": target,
            "RECON_LEDGER_URL": databases["RECON_LEDGER_URL"],
        }
        (tmp_path / "dagster").mkdir()
        yield Team(tmp_path, environ, source, target)


@pytest.mark.soak
def test_our_tables_in_a_project_of_the_team(team: Team, browser: Browser, pictures: Path) -> None:
    """List, check, launch, a failing day, its case, its correction; and what is the team's own is as it was."""
    until_dev, after = COMMANDS[: COMMANDS.index("dg dev")], COMMANDS[COMMANDS.index("dg dev") + 1 :]
    said = {command: scaffolded(team, command) for command in until_dev if not command.startswith("uv add")}
    names = {
        "lake/orders",
        "lake/flights",
        "lake/orders:fields",
        "marts/revenue",
        "flights",
        "flights:has_rows",
        "checks",
    }
    listed = said["dg list defs"].split()
    assert names <= set(listed)
    queue, decisions = (next(key for key in listed if key.endswith(name)) for name in ("review_queue", "_decisions"))
    launched = team.types("dg launch --assets 'key:flights or key:marts/countries'")
    assert launched.count("STEP_SUCCESS") == 3  # the check is a step of its own
    assert "multiprocess executor" in launched

    with team.dev() as webserver, browser.new_context(viewport={"width": 1400, "height": 860}) as context:
        page = context.new_page()
        assert day(webserver, "fields") == "FAILED"
        page.goto(f"{webserver.url}/assets/lake/orders?view=checks&checkDetail=fields")
        page.get_by_text("1 of 40 records on both sides differ").first.wait_for(timeout=PATIENCE * 1000)
        page.screenshot(path=pictures / "team-failed.png")
        page.goto(f"{webserver.url}/assets/{queue}?view=partitions")
        page.get_by_text(SPOILT).first.wait_for(timeout=PATIENCE * 1000, state="attached")  # shown with an ellipsis
        for command in after:
            team.types(command)
        until(lambda: day(webserver, "fields") == "SUCCEEDED", PATIENCE)
        until(lambda: decided(webserver, decisions) == 1, PATIENCE)  # the sensor reports it
        page.goto(f"{webserver.url}/assets/{decisions}?view=partitions&partition={SPOILT}")
        page.get_by_text("APPLY_SOURCE").first.wait_for(timeout=PATIENCE * 1000)
        page.screenshot(path=pictures / "team-decided.png")
    assert rows(team.source) == rows(team.target)


def scaffolded(team: Team, command: str) -> str:
    """Type a command of the page, and write what a person would write after it."""
    said = team.types(command)
    defs = team.folder / "src" / "team" / "defs"
    if command.startswith("cd "):
        # As `uv add` would have installed the project.
        team.environ["PYTHONPATH"] = os.pathsep.join([str(team.folder / "src"), team.environ.get("PYTHONPATH", "")])
        defs.mkdir(exist_ok=True)
        for name, text in OWN.items():
            (defs / name).write_text(text)
    if command.startswith("dg scaffold"):
        (defs / "shop" / "defs.yaml").write_text(ATTRIBUTES)
    return said


def day(webserver: Webserver, check: str) -> str:
    """What Dagster says of the spoilt day."""
    checks = webserver.ask(STATUSES)["assetNodeOrError"]["assetChecksOrError"]["checks"]
    (ranges,) = (each["partitionStatuses"]["ranges"] for each in checks if each["name"] == check)
    return next((each["status"] for each in ranges if each["startKey"] <= "2024-03-02" <= each["endKey"]), "")


def decided(webserver: Webserver, key: str) -> int:
    """Of how many cases Dagster shows a decision."""
    stats = webserver.ask(DECIDED, key={"path": key.split("/")})["assetNodeOrError"]["partitionStats"]
    return int(stats["numMaterialized"])


def rows(url: str) -> list[Any]:
    """All orders of a side."""
    with connected(url) as connection:
        return connection.execute("SELECT * FROM orders ORDER BY id").fetchall()
