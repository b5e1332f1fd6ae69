"""The desk's pages on a real ledger and real tables, as a browser sees them."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp

from recon_assets.desk.access import Access
from recon_assets.desk.app import application
from recon_assets.desk.calls import Desk
from recon_assets.desk.sessions import Signer
from recon_assets.model import State
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.reviewed import Shop, shop
from recon_assets_tests.visitor import Visitor

OPEN = Access(Signer(b"a secret of the tests"))


def desk(place: Shop, access: Access = OPEN, dagster: ASGIApp | None = None) -> Starlette:
    return application(Desk(place.book, place.project, access, place.now), dagster or Starlette())


@pytest.fixture
def place(both: Both, fresh: Fresh) -> Iterator[Shop]:
    with shop(both("postgresql", "postgresql"), fresh("postgresql")) as made:
        yield made


@pytest.fixture
def damaged(place: Shop) -> Shop:
    place.target.run("DELETE FROM t WHERE id IN (3, 4)", "UPDATE t SET amount = 999, note = NULL WHERE id = 5")
    place.find()
    return place


def test_a_case_is_found_previewed_decided_and_applied(damaged: Shop) -> None:
    visitor = Visitor(desk(damaged))
    queue = visitor.get("/review")
    assert queue.status == 200
    assert "/review/case/t/2024-03-01/missing" in queue.text

    page = visitor.get("/review/case/t/2024-03-01/missing")
    assert page.status == 200, page.text
    preview = visitor.submit(page, "Preview", decision="APPLY_SOURCE", who="ana")
    assert "2 rows would be written" in preview.text, preview.text
    done = visitor.submit(preview, "Confirm APPLY_SOURCE")
    assert 'role="status">Decided.' in done.text
    assert damaged.case("missing").state is State.DECIDED
    damaged.correct()
    assert damaged.case("missing").state is State.APPLIED
