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
from recon_assets.web.http.requests import BadRequestError, Page, PageRequest, Redirect
from recon_assets.web.words import labels

TEMPLATES = Path(__file__).parents[1] / "words" / "templates"
_STATUS: tuple[tuple[type[Exception], HTTPStatus, str], ...] = (
    (TakenError, HTTPStatus.CONFLICT, "Somebody was faster"),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE, "Not available now"),
    (DeclarationError, HTTPStatus.BAD_REQUEST, "That cannot be done"),
    (ReconError, HTTPStatus.CONFLICT, "That cannot be done"),
)
log = logging.getLogger(__name__)


def respond(handler: Callable[[PageRequest], Page | Redirect], request: PageRequest) -> Response:
    """What a handler says to a request, as a response; its errors are pages too."""
    try:
        if request.sent.method == "POST":
            request.site.access.check_who(request.who)
        with driver_errors("The ledger"):
            found = handler(request)
            return redirected(found, request) if isinstance(found, Redirect) else rendered(found, request)
    except BadRequestError as error:
        return rendered(problem(HTTPStatus(error.status).phrase, str(error), error.status), request)
    except ReconError as error:
        status, heading = next((status, said) for kind, status, said in _STATUS if isinstance(error, kind))
        return rendered(problem(heading, str(error), status), request)


def problem(heading: str, said: str, status: HTTPStatus) -> Page:
    """A page that says what is wrong."""
    return Page("problem.html", {"heading": heading, "said": said}, status)


def rendered(page: Page, request: PageRequest) -> Response:
    """The page as HTML."""
    text = pages().get_template(page.template).render({"request": request, "style": style()[0], **page.data})
    return HTMLResponse(text, page.status, headers())


def redirected(found: Redirect, request: PageRequest) -> Response:
    """To another page of this server; the browser keeps what it is to keep."""
    response = RedirectResponse(found.to, HTTPStatus.SEE_OTHER, headers())
    if found.cookie:
        seconds = int(found.cookie.lasts.total_seconds())
        response.set_cookie(
            found.cookie.name,
            found.cookie.value,
            max_age=seconds,
            httponly=True,
            samesite="lax",
            secure=request.secure,
        )
    return response


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
    found.filters.update(shown=labels.shown, moment=labels.moment, title_of=labels.title)
    found.globals.update(plural=plural, ago=labels.ago, labels=labels)
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
