"""A case from the moment it is found to the moment its decision is taken back, as a person lives it.

The real processes, as `recon dev` runs them, and a real browser: nothing is done here that a person could not do.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.e2e.conftest import Empty, made, recon, until

TABLES = """
databases:
  shop: {url: {env: RECON_SOURCE_URL}}
  warehouse: {url: {env: RECON_TARGET_URL}}
tables:
  orders:
    source: {database: shop, table: public.orders}
    target: {database: warehouse, table: analytics.orders}
    key: [id]
    window: {column: day, start: 2024-03-01, end: 2024-03-04}
    checks: [keys, fields]
"""
ORDERS = """
CREATE TABLE {0} (id bigint PRIMARY KEY, day date NOT NULL, customer text, amount numeric(10, 2), status text);
INSERT INTO {0} SELECT 1000 + n, date '2024-03-01' + n / 40, (ARRAY['Ada', 'Grace', 'Edsger', 'Barbara'])[1 + n % 4],
  19.9 + n * 7.35, (ARRAY['paid', 'shipped'])[1 + n % 2] FROM generate_series(0, 119) AS n
"""
DAMAGE = """
DELETE FROM analytics.orders WHERE id IN (1007, 1011);
UPDATE analytics.orders SET amount = amount * 100 WHERE id = 1043;
UPDATE analytics.orders SET amount = 0, status = NULL WHERE id = 1058
"""
DAYS = ("2024-03-01", "2024-03-02", "2024-03-03")
GREEN = dict.fromkeys(DAYS, "SUCCEEDED")
LOST, SPOILT = "orders/2024-03-01/missing", "orders/2024-03-02/mismatched"
STATUSES = """
query Statuses {
  assetNodeOrError(assetKey: {path: "orders"}) { ... on AssetNode { assetChecksOrError { ... on AssetChecks { checks {
    name
    partitionStatuses { ... on AssetCheckTimePartitionStatuses { ranges { status startKey endKey } } }
  } } } } }
}
"""
STALENESS = """
query Staleness($case: String!) {
  assetNodeOrError(assetKey: {path: "review_decisions"}) { ... on AssetNode { staleStatus(partition: $case) } }
}
"""
PATIENCE = 120
"""Seconds for what takes less than thirty, on a machine that has other things to do."""


@dataclass(frozen=True)
class Desk:
    """The screen of a person, and what only a test looks at."""

    both: Empty
    webserver: Webserver
    page: Page
    pictures: Path

    def loaded(self, path: str) -> bool:
        """Load a page; those of the desk do not change by themselves."""
        answer = self.page.goto(self.webserver.url + path)
        return answer is not None and answer.ok

    def find(self, case: str) -> None:
        """Load the queue until it has the case, and follow its link."""
        link = self.page.locator(f"a[href='/review/case/{case}']")
        until(lambda: self.loaded("/review") and link.count() == 1, PATIENCE)
        link.click()
        self.page.get_by_role("heading", name="Decide").wait_for()

    def preview(self, decision: str, why: str) -> None:
        """Fill in a decision, and go on to the page that shows what it would do."""
        self.page.get_by_label(decision).first.check()
        self.page.get_by_label("Why").fill(why)
        self.page.get_by_label("Your name").first.fill("ana")
        self.page.get_by_role("button", name="Preview").click()
        self.page.get_by_role("heading", name="Preview").wait_for()

    def undo(self, case: str, why: str) -> list[str]:
        """Take the decision back; what the page says before that is confirmed."""
        assert self.loaded(f"/review/case/{case}")
        self.page.get_by_role("button", name="Undo this decision").click()
        self.page.get_by_role("heading", name="Undo").wait_for()
        said = self.changes()
        self.page.get_by_label("Why").fill(why)
        self.page.get_by_role("button", name="Confirm the undo").click()
        return said

    def becomes(self, case: str, state: str) -> float:
        """Load the page of a case until it is in a state; the seconds that it took."""
        begun, seen = time.monotonic(), self.page.locator("dl.facts .tag").first
        until(lambda: self.loaded(f"/review/case/{case}") and seen.inner_text() == state, PATIENCE)
        return time.monotonic() - begun

    def changes(self) -> list[str]:
        """The cells of the rows that would be written."""
        return self.page.locator("main tbody").locator("th, td").all_inner_texts()

    def happened(self) -> list[str]:
        """Who did what to the case on the screen."""
        return [said.split(" 20")[0] for said in self.page.locator("ol.story li").all_inner_texts()]

    def days(self, check: str) -> dict[str, str]:
        """What Dagster's Partitions tab of a check says of each day, once no run is judging any of them."""
        until(lambda: "IN_PROGRESS" not in self.days_now(check).values(), PATIENCE)
        return self.days_now(check)

    def days_now(self, check: str) -> dict[str, str]:
        """The same, at this moment."""
        checks = self.webserver.ask(STATUSES)["assetNodeOrError"]["assetChecksOrError"]["checks"]
        (ranges,) = (each["partitionStatuses"]["ranges"] for each in checks if each["name"] == check)
        return {day: each["status"] for each in ranges for day in DAYS if each["startKey"] <= day <= each["endKey"]}

    def open_check(self, check: str) -> None:
        """Dagster's Partitions tab of a check."""
        self.page.goto(f"{self.webserver.url}/assets/orders?view=checks&checkDetail={check}")
        self.page.get_by_role("tab", name="Execution history").wait_for()  # the asset has a tab of the same name
        self.page.get_by_role("tab", name="Partitions").last.click()

    def staleness(self, case: str) -> str:
        """Whether Dagster calls the decision out of date."""
        return str(self.webserver.ask(STALENESS, case=case)["assetNodeOrError"]["staleStatus"])

    def picture(self, name: str, height: int) -> None:
        """Keep the upper part of what is on the screen."""
        self.page.set_viewport_size({"width": 1280, "height": height})
        self.page.screenshot(path=self.pictures / f"review-{name}.png")


def orders(both: Empty) -> list[tuple[object, ...]]:
    """What the target holds."""
    with both.target() as target:
        return target.execute("SELECT * FROM analytics.orders ORDER BY id").fetchall()


def right_orders(both: Empty) -> list[tuple[object, ...]]:
    """What the source holds."""
    with both.source() as source:
        return source.execute("SELECT * FROM orders ORDER BY id").fetchall()


@pytest.fixture
def spoilt(tmp_path: Path, clean: dict[str, str]) -> Iterator[Empty]:
    """Three days of orders: the target lacks two of the first day, and has other values in two of the second."""
    with made(tmp_path, clean, TABLES) as both:
        with both.source() as source, both.target() as target:
            source.execute(ORDERS.format("orders"))
            target.execute(f"CREATE SCHEMA analytics; {ORDERS.format('analytics.orders')}; {DAMAGE}")
        yield both


@pytest.fixture
def desk(spoilt: Empty, browser: Browser, pictures: Path) -> Iterator[Desk]:
    """Everything runs, every day has been judged from the command line, and a person is before it."""
    with spoilt.dev() as webserver, browser.new_context() as context:
        assert recon(spoilt.environ, "adopt", "orders").returncode == 0
        said = recon(spoilt.environ, "check", "orders", "--launch")
        assert said.returncode == 1, said.stdout + said.stderr
        yield Desk(spoilt, webserver, context.new_page(), pictures)


OF_1043, OF_1058 = ["update", "id 1043", "amount"], ["update", "id 1058", "amount"]


def test_applied_or_kept_green_undone_and_red_again(desk: Desk) -> None:
    """Two cases are found and decided: one is written and one is kept, and their days are green.

    Undone, the rows and the day are what they were.
    """
    damaged = orders(desk.both)
    see_what_is_red(desk)
    apply_the_source(desk)
    assert orders(desk.both) == damaged
    desk.page.get_by_role("button", name="Confirm APPLY_SOURCE").click()
    desk.page.get_by_text("Decided. A run does it within seconds").wait_for()
    begun = time.monotonic()
    keep_the_target(desk)

    desk.becomes(SPOILT, "APPLIED")
    sys.stderr.write(f"\nfrom the decision to the corrected rows: {time.monotonic() - begun:.1f} s\n")
    assert [row for row in right_orders(desk.both) if row[0] not in {1007, 1011}] == orders(desk.both)
    until(lambda: desk.days_now("fields") == GREEN, PATIENCE)
    sys.stderr.write(f"to the day that is green in Dagster: {time.monotonic() - begun:.1f} s\n")
    see_what_is_green(desk)

    said = desk.undo(SPOILT, "They were dollars after all.")
    assert said == [*OF_1058, "446.20", "0.00", "status", "paid", "NULL", *OF_1043, "335.95", "33595.00"]
    see_what_is_undone(desk)
    assert orders(desk.both) == damaged


def see_what_is_red(desk: Desk) -> None:
    """Dagster's pages show the wrong days and a day's wrong records, as judged from the command line."""
    assert desk.days("fields") == {**GREEN, "2024-03-02": "FAILED"}
    assert desk.days("keys") == {**GREEN, "2024-03-01": "FAILED"}
    desk.open_check("fields")
    desk.page.get_by_text("Failed (1)").wait_for()
    desk.page.get_by_text("Passed (2)").wait_for()
    desk.page.get_by_text("2024-03-02", exact=True).first.click()
    desk.page.get_by_text("2 of 40 records on both sides differ: amount in 2, status in 1").first.wait_for()
    for order in ("1043", "1058"):
        desk.page.get_by_role("cell", name=order, exact=True).first.wait_for()


def apply_the_source(desk: Desk) -> None:
    """The case is found in the queue; its page and the preview say what differs and what would be written."""
    lost = desk.page.locator(f"a[href='/review/case/{LOST}']")
    until(lambda: desk.loaded("/review") and lost.count() == 1, PATIENCE)
    expect(desk.page.get_by_text("Decisions wait:")).to_have_count(0)  # sensor and daemon run
    desk.picture("queue", 560)
    desk.find(SPOILT)
    differing = ["335.95", "33595", "446.2", "paid", "0", "NULL"]
    expect(desk.page.locator("td.differs")).to_have_text([f"differs: {value}" for value in differing])
    desk.picture("case", 1240)
    desk.preview("APPLY_SOURCE", "Cents were taken for dollars.")
    assert desk.changes() == [*OF_1043, "33595.00", "335.95", *OF_1058, "0.00", "446.20", "status", "NULL", "paid"]
    desk.picture("preview", 560)


def keep_the_target(desk: Desk) -> None:
    """Of the other case."""
    desk.find(LOST)
    desk.preview("KEEP_TARGET", "Both were cancelled by phone.")
    desk.page.get_by_text("2 records would be accepted as they are in the target").wait_for()
    desk.page.get_by_role("button", name="Confirm KEEP_TARGET").click()


def see_what_is_green(desk: Desk) -> None:
    """What was accepted too, and Dagster's page says who accepted it and why."""
    desk.becomes(LOST, "ACCEPTED")
    assert desk.happened()[1:] == ["ana decided KEEP_TARGET for all of it", "ana accepted it as it is"]
    until(lambda: desk.days("fields") == desk.days("keys") == GREEN, PATIENCE)
    desk.open_check("keys")
    desk.page.get_by_text("2024-03-01", exact=True).filter(visible=True).last.click()  # the first is the end of a bar
    desk.page.get_by_role("cell", name="ana: Both were cancelled by phone.").wait_for()
    desk.open_check("fields")
    desk.page.get_by_text("Passed (3)").wait_for()
    until(lambda: desk.staleness(SPOILT) == "FRESH", PATIENCE)  # a later look of the sensor shows the decision


def see_what_is_undone(desk: Desk) -> None:
    """The case waits again, with all that happened to it, and its day is red."""
    sys.stderr.write(f"from the undo to a case that waits again: {desk.becomes(SPOILT, 'PENDING'):.1f} s\n")
    assert desk.happened() == [
        "recon found it",
        "ana decided APPLY_SOURCE for all of it",
        "recon began to write",
        "recon wrote it",
        "ana asked to undo it",
        "ana undid what was written",
        "recon found it",
    ]
    assert desk.days("fields") == {**GREEN, "2024-03-02": "FAILED"}
    desk.open_check("fields")
    desk.page.get_by_text("Failed (1)").wait_for()
