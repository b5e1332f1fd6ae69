"""What stands before Dagster's pages and ours: rejects requests for other hosts, of other sites, or of nobody known.

Browsers say which site sends a request, and no page can change what they say; so forms need no token of their own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from recon_assets.web.identity.auth import Access
from recon_assets.web.identity.roles import Right

PAGES = ("recon", "review")
LOGIN = "/review/login"
VISITOR = "recon.visitor"
POLICY_VIOLATION = 1008
_SAFE = {"GET", "HEAD", "OPTIONS"}


@dataclass(frozen=True)
class AccessMiddleware:
    """Answers requests that are rejected, of HTTP and websockets alike, and tells the others who asks."""

    app: ASGIApp
    access: Access
    clock: Callable[[], datetime]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with its visitor in ``scope``, or answer it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(HTTPConnection(scope))
        if refusal is None:
            await self.app(scope, receive, _unframed(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
        else:
            await refusal(scope, receive, send)

    def _refusal(self, connection: HTTPConnection) -> Response | None:
        """Why it may not come in; None when it may."""
        if not self.access.is_for_us(connection.headers.get("host", "")):
            said = "This server answers to 127.0.0.1 and localhost only, as long as no login is configured."
            return PlainTextResponse(said, HTTPStatus.MISDIRECTED_REQUEST)
        if acts(connection) and is_foreign(connection):
            said = "Another site sent this; open the page itself and try again."
            return PlainTextResponse(said, HTTPStatus.FORBIDDEN)
        visitor = self.access.visitor(connection, self.clock())
        connection.scope[VISITOR] = visitor
        path = connection.scope["path"]
        if path == LOGIN or (Right.COUNTS in visitor.rights and path.removeprefix("/").partition("/")[0] in PAGES):
            return None
        if Right.COUNTS not in visitor.rights:
            return self._unknown(connection)
        if Right.VALUES in visitor.rights:
            return None
        said = f"Dagster's pages show values, and {visitor.who} may see counts only: they are at /{PAGES[0]}."
        return PlainTextResponse(said, HTTPStatus.FORBIDDEN)

    def _unknown(self, connection: HTTPConnection) -> Response:
        """To the login, for a person who looks at a page."""
        reads = connection.scope.get("method") in _SAFE and "text/html" in connection.headers.get("accept", "")
        if reads and self.access.users:
            asked = connection.scope["path"] + (f"?{connection.url.query}" if connection.url.query else "")
            return RedirectResponse(f"{LOGIN}?next={quote(asked, safe='')}", HTTPStatus.SEE_OTHER)
        said = "Log in first." if self.access.users else "Come through the proxy that says who you are."
        return JSONResponse({"errors": [{"message": said}]}, HTTPStatus.UNAUTHORIZED)


def acts(connection: HTTPConnection) -> bool:
    """Whether a request may change something; GraphQL takes its mutations by GET as well."""
    by_graphql = connection.scope["path"] == "/graphql" and "query" in connection.query_params
    return connection.scope["type"] == "websocket" or connection.scope["method"] not in _SAFE or by_graphql


def is_foreign(connection: HTTPConnection) -> bool:
    """Whether a page of another site sent it. Browsers say so and pages cannot change it; programs say nothing."""
    site, origin = connection.headers.get("sec-fetch-site"), connection.headers.get("origin")
    if site is not None:
        return site != "same-origin"
    if origin is None:
        return connection.scope.get("method") == "GET" and connection.scope["type"] == "http"
    hosts = {connection.headers.get(name) for name in ("host", "x-forwarded-host")}
    return _place(origin) not in hosts


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _unframed(send: Send) -> Send:
    """No other site may show a page of ours inside of its own."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            if b"x-frame-options" not in names:
                message = {**message, "headers": [*message["headers"], (b"x-frame-options", b"SAMEORIGIN")]}
        await send(message)

    return sent
