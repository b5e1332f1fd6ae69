"""What a person does in Dagster's own pages, in a real browser."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.e2e.conftest import Empty, made, recon, until

DAYS = 365
STATS = """
query Stats {
  assetNodes(assetKeys: [{path: "flights"}]) { partitionStats { numMaterialized numFailed numPartitions } }
}
"""
DIFFERENT = "SELECT count(*), count(DISTINCT (time_hour, carrier, flight)) FROM "

STATUSES = """
query Statuses {
  assetNodeOrError(assetKey: {path: "orders"}) { ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks {
    name
    partitionStatuses { ... on AssetCheckTimePartitionStatuses { ranges { status startKey endKey } } }
  } } } } }
}
"""
ORDERS = """
databases:
  ops: {url: {env: RECON_SOURCE_URL}}
  warehouse: {url: {env: RECON_TARGET_URL}}
tables:
  orders:
    source: {database: ops, table: public.orders}
    target: {database: warehouse, table: analytics.orders}
    key: [id]
    window: {column: day, start: 2024-03-01, end: 2024-03-11}
    checks: [fields]
"""
TEN_DAYS = "SELECT 100 + n, date '2024-03-01' + n / 5, n FROM generate_series(0, 49) AS n"


def stats(webserver: Webserver) -> Mapping[str, Any]:
    found: Mapping[str, Any] = webserver.ask(STATS)["assetNodes"][0]["partitionStats"]
    return found


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1400, "height": 860})


@pytest.fixture
def one_wrong_day(tmp_path: Path, clean: dict[str, str]) -> Iterator[Empty]:
    """Ten days of five orders, of which two on March 4 cost something else in the target."""
    with made(tmp_path, clean, ORDERS) as both:
        with both.source() as source, both.target() as target:
            source.execute(f"CREATE TABLE orders (id, day, price) AS {TEN_DAYS}")
            target.execute(f"CREATE SCHEMA analytics; CREATE TABLE analytics.orders (id, day, price) AS {TEN_DAYS}")
            target.execute("UPDATE analytics.orders SET price = -1 WHERE id IN (116, 118)")
        yield both


def test_the_wrong_day_is_red_on_the_page_of_its_check(one_wrong_day: Empty, page: Page, pictures: Path) -> None:
    """Days judged from the command line: the check's Partitions tab shows which is wrong, and its wrong records."""
    with one_wrong_day.dev() as webserver:
        assert recon(one_wrong_day.environ, "adopt", "orders").returncode == 0
        judged = recon(one_wrong_day.environ, "judge", "orders", "--from", "2024-03-02", "--to", "2024-03-06")
        assert judged.returncode == 1, judged.stdout + judged.stderr

        checks = webserver.ask(STATUSES)["assetNodeOrError"]["assetChecksOrError"]["checks"]
        check = next(each for each in checks if each["name"] == "fields")
        assert [tuple(item.values()) for item in check["partitionStatuses"]["ranges"]] == [
            ("SUCCEEDED", "2024-03-02", "2024-03-03"),
            ("FAILED", "2024-03-04", "2024-03-04"),
            ("SUCCEEDED", "2024-03-05", "2024-03-06"),
        ]

        page.goto(f"{webserver.url}/assets/orders?view=checks&checkDetail=fields")
        page.get_by_role("tab", name="Execution history").wait_for()  # the asset has a tab of the same name
        page.get_by_role("tab", name="Partitions").last.click()
        page.get_by_text("Failed (1)").wait_for()
        page.get_by_text("Passed (4)").wait_for()
        page.get_by_text("2024-03-04", exact=True).first.click()
        page.get_by_text("2 of 5 records on both sides differ: price in 2").first.wait_for()
        for order in ("116", "118"):
            page.get_by_role("cell", name=order, exact=True).wait_for()
        page.screenshot(path=pictures / "check.png")


@pytest.mark.soak
def test_a_year_is_filled_from_the_asset_page(empty_demo: Empty, page: Page, pictures: Path) -> None:
    """Materialize, All, Launch backfill: 365 days become green, and the target holds every flight once."""
    with empty_demo.dev() as webserver:
        page.goto(f"{webserver.url}/assets/flights?view=partitions")
        page.get_by_text("Missing (365)").wait_for()
        page.goto(f"{webserver.url}/assets/flights")
        page.get_by_role("button", name="Materialize").first.click()
        page.get_by_role("button", name="All", exact=True).click()
        page.get_by_text("365 partitions", exact=True).wait_for()
        page.screenshot(path=pictures / "launch.png")
        page.get_by_role("button", name="Launch backfill").click()
        until(lambda: stats(webserver)["numMaterialized"] >= 100, 180)
        page.goto(f"{webserver.url}/assets/flights?view=partitions")
        page.get_by_text("365 Partitions Selected").wait_for()
        page.screenshot(path=pictures / "filling.png")
        until(lambda: stats(webserver)["numMaterialized"] == DAYS, 300)
        page.goto(f"{webserver.url}/assets/flights?view=partitions")
        page.get_by_text(f"Materialized ({DAYS})").wait_for()
        page.goto(f"{webserver.url}/assets/flights?view=partitions&partition=2013-12-25")
        page.get_by_text("dagster/partition_row_count").first.wait_for()
        page.screenshot(path=pictures / "filled.png")
        page.goto(f"{webserver.url}/assets/flights")
        page.get_by_text("analytics.flights").first.wait_for()
        page.screenshot(path=pictures / "asset.png")
    with empty_demo.source() as source, empty_demo.target() as target:
        flights = source.execute(DIFFERENT + "flights").fetchone()
        assert target.execute(DIFFERENT + "analytics.flights").fetchone() == flights == (336_776, 336_776)
