"""The desk's pages by their addresses, beside Dagster's."""

import logging
from asyncio import get_running_loop
from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from recon_assets.desk import bulk, cases, login, queue
from recon_assets.desk.answers import answered, headers, problem
from recon_assets.desk.calls import BadRequestError, Call, Desk, Page, Redirect, called
from recon_assets.desk.door import Door
from recon_assets.desk.launches import Launches

Handler = Callable[[Call], Page | Redirect]
CASE = "/review/case/{table}/{window}/{kind}"


def application(desk: Desk, dagster: ASGIApp) -> Starlette:
    """Our pages under ``/review``, all else is Dagster's; in front of both the door."""
    pages: dict[str, tuple[Handler, Handler | None]] = {
        "/review": (queue.listed, None),
        "/review/": (queue.home, None),
        "/review/report": (queue.report, None),
        "/review/bulk": (queue.listed, bulk.decided),
        "/review/login": (login.asked, login.given),
        "/review/logout": (login.asked, login.left),
        CASE: (cases.shown, cases.acted),
        f"{CASE}/undo": (cases.undoing, cases.undone),
        "/review/{rest:path}": (nowhere, nowhere),
    }
    routes = [Route(path, endpoint(desk, *both), methods=["GET", "POST"]) for path, both in pages.items()]
    door = Middleware(Door, access=desk.access, clock=desk.clock)
    return Starlette(
        routes=[*routes, Mount("/", dagster)],
        middleware=[door, Middleware(Launches)],
        exception_handlers={Exception: failed},
    )


def endpoint(desk: Desk, reads: Handler, writes: Handler | None) -> Callable[[Request], object]:
    """What answers at one address."""

    async def answer(request: Request) -> Response:
        try:
            call = await called(desk, request)
        except BadRequestError as error:
            return PlainTextResponse(str(error), error.status, headers())
        handler = (writes or nowhere) if call.method == "POST" else reads
        if handler is login.given:  # in a thread of its own: who guesses passwords would take all that pages have
            return await get_running_loop().run_in_executor(desk.access.hashing, answered, handler, call)
        return await run_in_threadpool(answered, handler, call)

    return answer


def nowhere(_: Call) -> Page:
    """No such page."""
    return problem("Not found", "There is no such page. The queue lists the cases that wait.", HTTPStatus.NOT_FOUND)


async def failed(_: Request, error: Exception) -> Response:
    """What nobody thought of: the log has it, the page does not."""
    logging.getLogger(__name__).error("A page of the desk failed", exc_info=error)
    said = "Something went wrong that should not have; the log of the web server says what."
    return PlainTextResponse(said, HTTPStatus.INTERNAL_SERVER_ERROR, headers())
