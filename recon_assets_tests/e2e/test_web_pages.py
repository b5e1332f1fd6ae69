"""The desk in a real browser: what a keyboard and a screen reader meet, light, dark and narrow."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from starlette.applications import Starlette

from recon_assets import review
from recon_assets.model import CaseId
from recon_assets.orchestration.processes import free_port
from recon_assets.web.application import application
from recon_assets.web.http.requests import Site
from recon_assets.web.identity.auth import Access
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.db.reviewed import DAY, NEXT, Shop, shop
from recon_assets_tests.db.sides import Side, Sides

DAMAGE = (
    "DELETE FROM t WHERE id IN (3, 4)",
    "UPDATE t SET amount = 999, note = NULL WHERE id IN (5, 7)",
    "UPDATE t SET note = '<script>alert(1)</script>' WHERE id = 8",
    "INSERT INTO t VALUES (90, '2024-03-01 05:00', 'a', 1, 'invented')",
    "DELETE FROM t WHERE id IN (103)",
)


@dataclass(frozen=True)
class Served:
    """The desk while a server runs it."""

    url: str
    place: Shop


@contextmanager
def served(place: Shop, access: Access) -> Iterator[Served]:
    port = free_port()
    app = application(Site(place.book, place.project, access, place.now), Starlette())
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield Served(f"http://127.0.0.1:{port}", place)
    server.should_exit = True
    thread.join()


@pytest.fixture
def place(fresh: Fresh) -> Iterator[Shop]:
    sides = Sides(Side("postgresql", fresh("postgresql")), Side("postgresql", fresh("postgresql")))
    with shop(sides, fresh("ledger")) as made:
        made.target.run(*DAMAGE)
        made.find(days=(DAY, NEXT))
        made.decide("extra")
        made.correct()
        review.comment(made.book, CaseId("t", DAY, "missing"), who="ben", note="Known to ops.", at=made.now())
        yield made
    sides.close()


@pytest.fixture
def open_desk(place: Shop) -> Iterator[Served]:
    with served(place, Access()) as running:
        yield running


PAGES = {
    "agreement": "/recon",
    "days": "/recon/t",
    "queue": "/review?state=all",
    "report": "/review/report?state=all",
    "missing": f"/review/case/t/{DAY}/missing",
    "mismatched": f"/review/case/t/{DAY}/mismatched",
    "applied": f"/review/case/t/{DAY}/extra",
    "absent": "/review/case/t/2024-03-01/nothing",
}
LOOKS: dict[str, tuple[int, int, Literal["light", "dark"]]] = {
    "light": (1400, 900, "light"),
    "dark": (1400, 900, "dark"),
    "narrow": (390, 800, "light"),
    "middling, dark": (700, 900, "dark"),
}


def serious(page: Page) -> list[str]:
    """What axe-core says is serious or worse."""
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in found
        if each["impact"] in {"serious", "critical"}
    ]


def wide(page: Page) -> list[str]:
    """Whether all of it has to be moved sideways to be read."""
    over: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [f"{over} pixels too wide"] if over else []


def steps(page: Page, url: str) -> Iterator[str]:
    """Every page that a decision leads to."""
    for name, path in PAGES.items():
        page.goto(url + path)
        yield name
    page.goto(url + PAGES["applied"])
    page.get_by_role("button", name="Undo this decision").click()
    yield "undo"
    page.goto(url + PAGES["mismatched"])
    page.get_by_role("button", name="Preview").click()
    yield "amiss"
    page.get_by_label("Tick id 5").check()
    page.get_by_label("the ones ticked above").check()
    page.get_by_label("CUSTOM_FIX").first.check()
    page.get_by_label("Why").fill("The shop gave a discount.")
    page.get_by_label("Your name").first.fill("ana")
    page.get_by_role("button", name="Preview").click()
    yield "fix"
    page.get_by_label("amount (").fill("a lot")
    page.get_by_role("button", name="Preview").click()
    yield "misfit"
    page.get_by_label("amount (").fill("45")
    page.get_by_role("button", name="Preview").click()
    yield "preview"
    page.goto(url + "/review")
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Apply the source").click()
    yield "bulk"


def test_no_page_is_too_wide_and_axe_finds_nothing_serious(open_desk: Served, browser: Browser) -> None:
    """On every page, and on those that say what is wrong: light, dark and narrow."""
    page = browser.new_page()
    found = {}
    for name in steps(page, open_desk.url):
        for look, (width, height, scheme) in LOOKS.items():
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme)
            found[name, look] = [*serious(page), *wide(page)]
    assert len(found) == len(LOOKS) * (len(PAGES) + 6)
    assert {at: wrong for at, wrong in found.items() if wrong} == {}
