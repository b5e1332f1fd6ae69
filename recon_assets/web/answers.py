"""Pages as responses: rendered, with headers that let a browser do nothing else; and errors as pages."""

import base64
import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.errors import DeclarationError, ReconError, TakenError, UnavailableError
from recon_assets.model import plural
from recon_assets.web import words
from recon_assets.web.calls import BadRequestError, Call, Page, Redirect
from recon_assets.web.sessions import Session

TEMPLATES = Path(__file__).parent / "templates"
_STATUS: tuple[tuple[type[Exception], HTTPStatus, str], ...] = (
    (TakenError, HTTPStatus.CONFLICT, "Somebody was faster"),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "Not available now"),
    (DeclarationError, HTTPStatus.BAD_REQUEST, "That cannot be done"),
    (ReconError, HTTPStatus.CONFLICT, "That cannot be done"),
)
log = logging.getLogger(__name__)


def answered(handler: Callable[[Call], Page | Redirect], call: Call) -> Response:
    """What a handler says to a request, as a response; its errors are pages too."""
    try:
        if call.method == "POST":
            call.check_token()
            call.desk.access.check_who(call.who)
        with driver_errors("The ledger"):
            found = handler(call)
            return redirected(found, call) if isinstance(found, Redirect) else rendered(found, call)
    except BadRequestError as error:
        return rendered(problem(HTTPStatus(error.status).phrase, str(error), error.status), call)
    except ReconError as error:
        status, heading = next((status, said) for kind, status, said in _STATUS if isinstance(error, kind))
        return rendered(problem(heading, str(error), status), call)


def problem(heading: str, said: str, status: HTTPStatus) -> Page:
    """A page that says what is wrong."""
    return Page("problem.html", {"heading": heading, "said": said}, status)


def rendered(page: Page, call: Call) -> Response:
    """The page as HTML; a browser that is new is given its session."""
    text = pages().get_template(page.template).render({"call": call, "style": style()[0], **page.data})
    response = HTMLResponse(text, page.status, headers())
    if call.visitor.new:
        _give(response, call.visitor.session, call)
    return response


def redirected(found: Redirect, call: Call) -> Response:
    """To another page of this server."""
    response = RedirectResponse(found.to, HTTPStatus.SEE_OTHER, headers())
    if found.session:
        _give(response, found.session, call)
    return response


def _give(response: Response, session: Session, call: Call) -> None:
    left = session.until - int(call.now.timestamp())
    value = call.desk.access.cookie(session)
    response.set_cookie(call.cookie, value, max_age=max(left, 0), httponly=True, samesite="lax", secure=call.secure)


@cache
def pages() -> Environment:
    """The templates."""
    found = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(shown=words.shown, moment=words.moment, title_of=words.title)
    found.globals.update(plural=plural, ago=words.ago, words=words)
    return found


@cache
def style() -> tuple[str, str]:
    """The one style sheet, and its digest, by which browsers know it for ours."""
    text = (TEMPLATES / "style.css").read_text()
    return text, base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def headers() -> Mapping[str, str]:
    """No script, no other site, no copy on disk."""
    allowed: Mapping[str, Any] = {
        "default-src": "'none'",
        "style-src": f"'sha256-{style()[1]}'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in allowed.items()),
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    }
