"""The site's pages by their addresses, beside Dagster's."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from recon_assets.web.http.middleware import AccessMiddleware
from recon_assets.web.http.requests import BadRequestError, Page, PageRequest, Site, read_request
from recon_assets.web.http.responses import headers, problem, respond
from recon_assets.web.identity.roles import Right
from recon_assets.web.pages import agreement_pages, bulk_decisions, case_pages, login_pages, queue_pages

Handler = Callable[[PageRequest], Any]
"""Makes a page or a redirect of a request; that of a login does so when it is awaited."""
RIGHTS: Mapping[Right, str] = {
    Right.COUNTS: "see counts",
    Right.VALUES: "see values",
    Right.DECIDE: "decide",
    Right.RUN: "run",
}
CASE = "/review/case/{table}/{window}/{kind}"


def application(site: Site, dagster: ASGIApp) -> Starlette:
    """Our pages under ``/recon`` and ``/review``, all else is Dagster's; in front of both the door."""
    pages: dict[str, Address] = {
        agreement_pages.HOME: Address(agreement_pages.tables),
        f"{agreement_pages.HOME}/": Address(agreement_pages.home),
        f"{agreement_pages.HOME}/{{table}}": Address(agreement_pages.days),
        f"{agreement_pages.HOME}/{{rest:path}}": Address(nowhere, reading=None, writing=None),
        "/review": Address(queue_pages.listed),
        "/review/": Address(queue_pages.home),
        "/review/report": Address(queue_pages.report),
        "/review/bulk": Address(queue_pages.listed, bulk_decisions.decided),
        "/review/login": Address(login_pages.asked, login_pages.given, reading=None, writing=None),
        "/review/logout": Address(login_pages.asked, login_pages.left, reading=None, writing=None),
        CASE: Address(case_pages.shown, case_pages.acted, reading=Right.VALUES),
        f"{CASE}/undo": Address(case_pages.undoing, case_pages.undone, reading=Right.VALUES),
        "/review/{rest:path}": Address(nowhere, reading=None, writing=None),
    }
    routes = [Route(path, endpoint(site, address), methods=["GET", "POST"]) for path, address in pages.items()]
    door = Middleware(AccessMiddleware, access=site.access, clock=site.clock)
    return Starlette(
        routes=[*routes, Mount("/", dagster)],
        middleware=[door],
        exception_handlers={Exception: failed},
    )


@dataclass(frozen=True)
class Address:
    """What answers at one address, and the right that whoever asks there must have."""

    reads: Handler
    writes: Handler | None = None
    reading: Right | None = Right.COUNTS
    writing: Right | None = Right.DECIDE

    def asked(self, method: str) -> tuple[Handler, Right | None]:
        """What answers a request, and the right that it needs."""
        return (self.writes or nowhere, self.writing) if method == "POST" else (self.reads, self.reading)


def endpoint(site: Site, address: Address) -> Callable[[Request], object]:
    """What answers at one address, for who may ask there."""

    async def answer(sent: Request) -> Response:
        try:
            request = await read_request(site, sent)
        except BadRequestError as error:
            return PlainTextResponse(str(error), error.status, headers())
        handler, needed = address.asked(sent.method)
        if needed and not request.may(needed):
            return respond(partial(forbidden, needed), request)
        if handler is login_pages.given:  # waits for a thread of its own: who guesses passwords holds up no page
            page = await login_pages.given(request)
            return respond(lambda _: page, request)
        return await run_in_threadpool(respond, handler, request)

    return answer


def forbidden(needed: Right, request: PageRequest) -> Page:
    """Not for this person."""
    said = f"This needs the right to {RIGHTS[needed]}, which {request.who} does not have; RECON_WEB_ROLES gives it."
    return problem("Not for you", said, HTTPStatus.FORBIDDEN)


def nowhere(_: PageRequest) -> Page:
    """No such page."""
    return problem("Not found", "There is no such page. The queue lists the cases that wait.", HTTPStatus.NOT_FOUND)


async def failed(_: Request, error: Exception) -> Response:
    """What nobody thought of: the log has it, the page does not."""
    logging.getLogger(__name__).error("A page failed", exc_info=error)
    said = "Something went wrong that should not have; the log of the web server says what."
    return PlainTextResponse(said, HTTPStatus.INTERNAL_SERVER_ERROR, headers())
