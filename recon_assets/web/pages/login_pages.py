"""Logging in and out."""

from http import HTTPStatus
from math import ceil

from recon_assets.web.http.requests import BadRequestError, Page, PageRequest, Redirect
from recon_assets.web.identity.auth import LOGGED_IN
from recon_assets.web.identity.sessions import Session

HOME = "/review"


def asked(request: PageRequest) -> Page | Redirect:
    """The page that asks for name and password."""
    if request.visitor.vouched or not request.site.access.users:
        return Redirect(HOME)
    return Page("login.html", {"name": "", "next": request.query.get("next", ""), "wrong": ""})


def given(request: PageRequest) -> Page | Redirect:
    """Lets a person in, or says why not."""
    guard, name = request.site.access.guard, request.form.get("name", "").strip()
    if guard.admits(name, request.form.get("password", ""), request.now, request.address):
        return Redirect(local(request.form.get("next", "")), Session.begun(name, request.now + LOGGED_IN))
    wait = ceil(guard.wait(name, request.now, request.address).total_seconds())
    status = HTTPStatus.TOO_MANY_REQUESTS if wait else HTTPStatus.UNAUTHORIZED
    wrong = f"Too many wrong passwords: wait {wait} seconds." if wait else "Name or password is wrong."
    return Page("login.html", {"name": name, "next": request.form.get("next", ""), "wrong": wrong}, status)


def left(request: PageRequest) -> Redirect:
    """Ends the session of this browser."""
    if request.site.access.header:
        said = "The proxy logs you in, so it is the proxy that logs you out."
        raise BadRequestError(said)
    request.site.access.end(request.visitor.session, request.now)
    return Redirect("/review/login" if request.site.access.users else HOME, Session.begun("", request.now))


def local(path: str) -> str:
    """The address if it is one of this server, else that of the queue."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else HOME
