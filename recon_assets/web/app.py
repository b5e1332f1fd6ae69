"""The desk's pages by their addresses, beside Dagster's."""

import logging
from asyncio import get_running_loop
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from recon_assets.web import agreement, bulk, cases, login, queue
from recon_assets.web.answers import answered, headers, problem
from recon_assets.web.calls import BadRequestError, Call, Desk, Page, Redirect, called
from recon_assets.web.door import Door
from recon_assets.web.rights import Right

Handler = Callable[[Call], Page | Redirect]
RIGHTS: Mapping[Right, str] = {
    Right.COUNTS: "see counts",
    Right.VALUES: "see values",
    Right.DECIDE: "decide",
    Right.RUN: "run",
}
CASE = "/review/case/{table}/{window}/{kind}"


def application(desk: Desk, dagster: ASGIApp) -> Starlette:
    """Our pages under ``/recon`` and ``/review``, all else is Dagster's; in front of both the door."""
    pages: dict[str, Address] = {
        agreement.HOME: Address(agreement.tables),
        f"{agreement.HOME}/": Address(agreement.home),
        f"{agreement.HOME}/{{table}}": Address(agreement.days),
        f"{agreement.HOME}/{{rest:path}}": Address(nowhere, reading=None, writing=None),
        "/review": Address(queue.listed),
        "/review/": Address(queue.home),
        "/review/report": Address(queue.report),
        "/review/bulk": Address(queue.listed, bulk.decided),
        "/review/login": Address(login.asked, login.given, reading=None, writing=None),
        "/review/logout": Address(login.asked, login.left, reading=None, writing=None),
        CASE: Address(cases.shown, cases.acted, reading=Right.VALUES),
        f"{CASE}/undo": Address(cases.undoing, cases.undone, reading=Right.VALUES),
        "/review/{rest:path}": Address(nowhere, reading=None, writing=None),
    }
    routes = [Route(path, endpoint(desk, address), methods=["GET", "POST"]) for path, address in pages.items()]
    door = Middleware(Door, access=desk.access, clock=desk.clock)
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


def endpoint(desk: Desk, address: Address) -> Callable[[Request], object]:
    """What answers at one address, for who may ask there."""

    async def answer(request: Request) -> Response:
        try:
            call = await called(desk, request)
        except BadRequestError as error:
            return PlainTextResponse(str(error), error.status, headers())
        handler, needed = address.asked(call.method)
        if needed and not call.may(needed):
            return answered(partial(forbidden, needed), call)
        if handler is login.given:
            return await logged_in(call)
        return await run_in_threadpool(answered, handler, call)

    return answer


async def logged_in(call: Call) -> Response:
    """A login, in a thread of its own: who guesses passwords would take all that pages have."""
    access = call.desk.access
    with access.line.place(call.address) as free:
        if free:
            return await get_running_loop().run_in_executor(access.hashing, answered, login.given, call)
    said = "Too many people log in at once. Go back, and try again in a few seconds."
    return PlainTextResponse(said, HTTPStatus.SERVICE_UNAVAILABLE, {**headers(), "Retry-After": "5"})


def forbidden(needed: Right, call: Call) -> Page:
    """Not for this person."""
    said = f"This needs the right to {RIGHTS[needed]}, which {call.who} does not have; RECON_WEB_ROLES gives it."
    return problem("Not for you", said, HTTPStatus.FORBIDDEN)


def nowhere(_: Call) -> Page:
    """No such page."""
    return problem("Not found", "There is no such page. The queue lists the cases that wait.", HTTPStatus.NOT_FOUND)


async def failed(_: Request, error: Exception) -> Response:
    """What nobody thought of: the log has it, the page does not."""
    logging.getLogger(__name__).error("A page of the desk failed", exc_info=error)
    said = "Something went wrong that should not have; the log of the web server says what."
    return PlainTextResponse(said, HTTPStatus.INTERNAL_SERVER_ERROR, headers())
