"""Logging in and out."""

from http import HTTPStatus
from math import ceil

from recon_assets.web.access import LOGGED_IN
from recon_assets.web.calls import BadRequestError, Call, Page, Redirect
from recon_assets.web.sessions import Session

HOME = "/review"


def asked(call: Call) -> Page | Redirect:
    """The page that asks for name and password."""
    if call.visitor.vouched or not call.desk.access.users:
        return Redirect(HOME)
    return Page("login.html", {"name": "", "next": call.query.get("next", ""), "wrong": ""})


def given(call: Call) -> Page | Redirect:
    """Lets a person in, or says why not."""
    guard, name = call.desk.access.guard, call.form.get("name", "").strip()
    if guard.admits(name, call.form.get("password", ""), call.now, call.address):
        return Redirect(local(call.form.get("next", "")), Session.begun(name, call.now + LOGGED_IN))
    wait = ceil(guard.wait(name, call.now, call.address).total_seconds())
    status = HTTPStatus.TOO_MANY_REQUESTS if wait else HTTPStatus.UNAUTHORIZED
    wrong = f"Too many wrong passwords: wait {wait} seconds." if wait else "Name or password is wrong."
    return Page("login.html", {"name": name, "next": call.form.get("next", ""), "wrong": wrong}, status)


def left(call: Call) -> Redirect:
    """Ends the session of this browser."""
    if call.desk.access.header:
        said = "The proxy logs you in, so it is the proxy that logs you out."
        raise BadRequestError(said)
    call.desk.access.end(call.visitor.session, call.now)
    return Redirect("/review/login" if call.desk.access.users else HOME, Session.begun("", call.now))


def local(path: str) -> str:
    """The address if it is one of this server, else that of the queue."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else HOME
