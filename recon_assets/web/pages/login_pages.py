"""Logging in and out."""

from http import HTTPStatus

from recon_assets.web.http.requests import BadRequestError, Page, PageRequest, Redirect
from recon_assets.web.identity.passwords import LoginError

HOME = "/recon"
LOGIN = "/review/login"


def asked(request: PageRequest) -> Page | Redirect:
    """The page that asks for name and password."""
    if request.visitor.vouched or not request.site.access.users:
        return Redirect(HOME)
    return _form(request.query.get("next", ""))


async def given(request: PageRequest) -> Page | Redirect:
    """Lets a person in, or says why not."""
    name, page = request.form.get("name", "").strip(), request.form.get("next", "")
    access = request.site.access
    try:
        await access.login.check(name, request.form.get("password", ""), request.address, request.now)
    except LoginError as error:
        return _form(page, name, str(error), error.status)
    return Redirect(local(page), access.begin(request.sent, name, request.now))


def _form(page: str, name: str = "", wrong: str = "", status: HTTPStatus = HTTPStatus.OK) -> Page:
    return Page("login.html", {"name": name, "next": page, "wrong": wrong}, status)


def left(request: PageRequest) -> Redirect:
    """Ends the session of this browser."""
    access = request.site.access
    if access.header:
        said = "The proxy logs you in, so it is the proxy that logs you out."
        raise BadRequestError(said)
    return Redirect(LOGIN if access.users else HOME, access.end(request.sent))


def local(path: str) -> str:
    """The address if it is one of this server, else the first page's."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else HOME
