"""What a person does in Dagster's own pages, in a real browser."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.e2e.conftest import Empty, until

DAYS = 365
STATS = """
query Stats {
  assetNodes(assetKeys: [{path: "flights"}]) { partitionStats { numMaterialized numFailed numPartitions } }
}
"""
DIFFERENT = "SELECT count(*), count(DISTINCT (time_hour, carrier, flight)) FROM "


def stats(webserver: Webserver) -> Mapping[str, Any]:
    found: Mapping[str, Any] = webserver.ask(STATS)["assetNodes"][0]["partitionStats"]
    return found


@pytest.fixture
def page(browser: Browser) -> Page:
    return browser.new_page(viewport={"width": 1400, "height": 860})


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
