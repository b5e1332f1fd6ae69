"""What the desk answers when it cannot do what somebody asks for: a page that says why, with nothing lost."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
import sqlalchemy as sa
from starlette.types import ASGIApp, Receive, Scope, Send

from recon_assets import ledger
from recon_assets.checks import BusinessRule
from recon_assets.ledger import Ledger
from recon_assets.model import CaseEventType, CaseId, State
from recon_assets.web.application import application
from recon_assets.web.http.requests import Site
from recon_assets.web.identity.auth import access
from recon_assets_tests.db.reviewed import DAY, Shop
from recon_assets_tests.db.test_web_review import DAMAGE, MISMATCHED, MISSING, OPEN, cases, events, typed, visitor
from recon_assets_tests.visitor import Answer, Visitor

LONGEST = "x" * 3998 + "\n."
"""As long as the browser lets anybody type; it is sent with one character more for the line's end."""
PATIENCE = 30.0


@pytest.fixture
def pg(pg: Shop) -> Shop:
    """Damaged and judged, on PostgreSQL."""
    pg.target.run(*DAMAGE)
    pg.find()
    return pg


def sent(text: str) -> str:
    """As browsers send a text."""
    return text.replace("\n", "\r\n")


def field(page: Answer, button: str, name: str) -> str:
    """What stands in a field of the form with this button."""
    return dict(page.form(button).fields)[name]


# texts that are too long


def test_the_longest_reason_that_can_be_typed_is_kept_as_it_was_typed(pg: Shop) -> None:
    """Its lines end by one character, as they did before the browser sent them."""
    ana = visitor(pg)
    preview = ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", who="ana", note=sent(LONGEST))
    assert "Decided." in ana.submit(preview, "Confirm APPLY_SOURCE").text
    assert "Noted." in ana.submit(ana.get(MISSING), "Comment", comment=sent(LONGEST)).text
    assert [event.note for event in events(pg, "missing")][1:] == [LONGEST, LONGEST]


@pytest.mark.parametrize("text", [f"{LONGEST}.", "a\0b"], ids=["too long", "NUL"])
def test_a_text_that_cannot_be_kept_is_said_beside_its_field_and_is_still_there(pg: Shop, text: str) -> None:
    """Before it is previewed, before many are decided, for a comment, and for an undo."""
    pg.decide("mismatched")
    pg.correct()
    ana = visitor(pg)
    queue = ana.get("/review?kind=missing")
    listed = ana.submit(queue, "Keep the target", case=cases(queue))
    undo = ana.submit(ana.get(MISMATCHED), "Undo this decision")
    pages = {
        "Preview": ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", who="ana", note=text),
        "Confirm for 1 case": ana.submit(listed, "Confirm for 1 case", who="ana", note=text),
        "Confirm the undo": ana.submit(undo, "Confirm the undo", who="ana", note=text),
        "Comment": ana.submit(ana.get(MISSING), "Comment", who="ana", comment=text),
    }
    for button, page in pages.items():
        assert page.status == 422, button
        assert "A note is a text of at most 4,000 characters" in page.text
        assert field(page, button, "comment" if button == "Comment" else "note") == text
    assert (pg.case("missing").version, pg.case("mismatched").state) == (1, State.APPLIED)


# tables that are no longer declared


def test_a_page_from_before_its_table_was_undeclared_decides_nothing(pg: Shop) -> None:
    """Neither by the source's values, nor by values that were typed."""
    ana = visitor(pg)
    page, fix = ana.get(MISMATCHED), typed(pg, ana)
    pg.project = replace(pg.project, tables={})
    late = visitor(pg)
    late.cookies = ana.cookies
    for answer in (
        late.submit(page, "Preview", decision="APPLY_SOURCE", who="ana"),
        late.submit(page, "Preview", decision="KEEP_TARGET", who="ana", note="ours"),
        late.submit(fix, "Preview"),
    ):
        assert answer.status == 409
        assert "the table is not declared any more; declare it again" in answer.text
    assert pg.case("mismatched").version == 1


def test_many_cases_of_a_table_that_is_no_longer_declared_are_left_as_they_are(pg: Shop) -> None:
    """Each says why."""
    pg.project = replace(pg.project, tables={})
    ana = visitor(pg)
    queue = ana.get("/review")
    listed = ana.submit(queue, "Keep the target", case=cases(queue))
    done = ana.submit(listed, "Confirm for 3 cases", who="ana", note="known")
    assert done.text.count("Left as it is: t: the table is not declared any more") == 3
    assert pg.case("missing").state is State.PENDING


# many at once


def test_what_cannot_be_decided_of_a_case_is_left_out_of_many(pg: Shop) -> None:
    """The check names no record that could be written; the others are decided, once it is known by whom."""
    pg.declare(checked=[*pg.spec.checks, BusinessRule("SELECT 1 AS n", "SELECT 2 AS n", named="revenue")])
    pg.find()
    ana = visitor(pg)
    queue = ana.get("/review")
    listed = ana.submit(queue, "Apply the source", case=cases(queue))
    assert "Left as it is: this cannot be decided of such a case." in listed.text
    nameless = ana.submit(listed, "Confirm for 3 cases")
    assert (nameless.status, "Say who you are;" in nameless.text) == (422, True)
    done = ana.submit(nameless, "Confirm for 3 cases", who="ana")
    assert done.text.count("Done.") == 3
    assert [pg.case("revenue", "all").state, pg.case("missing").state] == [State.PENDING, State.DECIDED]


# somebody else


def test_what_was_never_written_cannot_be_undone(pg: Shop) -> None:
    """A form of an old page asks for it."""
    ana = visitor(pg)
    page = ana.post(f"{MISSING}/undo", [])
    assert page.status == 409
    assert "This case changed since you looked at it" in page.text
    assert "Nothing of what you asked for was done" in page.text


def blocked(book: Ledger) -> bool:
    """Whether somebody waits for a lock of the ledger."""
    with book.begin() as connection:
        waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        return connection.execute(sa.text(waits)).first() is not None


def overtaken(place: Shop, case: CaseId, act: CaseEventType, ask: Callable[[], Answer], **said: object) -> Answer:
    """What somebody is answered whom Ben overtakes between the look and the deed."""
    with ThreadPoolExecutor(1) as other, place.book.begin() as connection:
        ledger.append(connection, case, act, who="ben", at=place.now(), **said)  # type: ignore[arg-type]
        answer = other.submit(ask)
        end = time.monotonic() + PATIENCE
        while not blocked(place.book):
            assert time.monotonic() < end, "nobody waits"
            time.sleep(0.01)
        connection.commit()
        return answer.result(PATIENCE)


def test_who_is_overtaken_between_looking_and_deciding_is_told(pg: Shop) -> None:
    """The ledger has the last word, not the page's own look."""
    ana = visitor(pg)
    preview = ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", who="ana")
    chosen = {"decision": "KEEP_TARGET", "rows": [], "values": {}}

    page = overtaken(
        pg,
        CaseId("t", DAY, "missing"),
        CaseEventType.DECIDED,
        lambda: ana.submit(preview, "Confirm APPLY_SOURCE"),
        data=chosen,
        note="ours",
    )

    assert page.status == 409
    assert "<b>ben</b> decided KEEP_TARGET for all of it" in page.text
    assert pg.case("missing").decided_by == "ben"


def test_who_is_overtaken_between_looking_and_undoing_is_told(pg: Shop) -> None:
    pg.decide("missing")
    pg.correct()
    ana = visitor(pg)
    undo = ana.submit(ana.get(MISSING), "Undo this decision")

    page = overtaken(
        pg,
        CaseId("t", DAY, "missing"),
        CaseEventType.UNDO,
        lambda: ana.submit(undo, "Confirm the undo", who="ana", note="too early"),
        note="mine",
    )

    assert page.status == 409
    assert "<b>ben</b> asked to undo it" in page.text
    assert [event.who for event in events(pg, "missing") if event.act is CaseEventType.UNDO] == ["ben"]


# the door


def test_whom_a_proxy_logs_in_the_proxy_logs_out(pg: Shop) -> None:
    found = access({"RECON_WEB_USER_HEADER": "X-User"})
    ana = visitor(pg, found)
    ana.headers = {"x-user": "ana"}
    page = ana.post("/review/logout", [])
    assert page.status == 400
    assert "it is the proxy that logs you out" in page.text


@dataclass(frozen=True)
class Server:
    """Goes on after an error, as the web server does, which has it in its log."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        with suppress(ZeroDivisionError):
            await self.app(scope, receive, send)


async def broken(_: Scope, __: Receive, ___: Send) -> None:
    """Pages of Dagster's that nobody can answer."""
    raise ZeroDivisionError


def test_what_nobody_thought_of_is_a_sentence_and_the_log_has_the_rest(
    pg: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    ana = Visitor(Server(application(Site(pg.book, pg.project, OPEN, pg.now), broken)))
    page = ana.get("/assets")
    assert page.status == 500
    assert page.text == "Something went wrong that should not have; the log of the web server says what."
    assert "ZeroDivisionError" in caplog.text
    assert ana.get(MISSING).status == 200
