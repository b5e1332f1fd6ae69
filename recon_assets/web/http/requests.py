"""One request as our pages see it: who asks, what was typed, and what there is to answer from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from recon_assets.ledger import Ledger
from recon_assets.model import Project
from recon_assets.web.http.middleware import VISITOR
from recon_assets.web.identity.auth import COOKIE, Access, Visitor, cookie_name, person
from recon_assets.web.identity.sessions import Session

Form = ImmutableMultiDict[str, str]
LARGEST_BODY = 2_000_000
MOST_FIELDS = 20_000
_DIGITS = 9
_NAMES = "a name is one line of at most 100 characters, and recon and policy are no people."
NAMELESS = f"Say who you are; {_NAMES}"
MISNAMED = f"Say to whom; {_NAMES}"
TOKEN = "token"  # noqa: S105 - the name of a field


@dataclass(frozen=True)
class Site:
    """What every page answers from."""

    book: Ledger
    project: Project
    access: Access
    clock: Callable[[], datetime]


def number_in(text: str) -> int | None:
    """The whole number from 0 on that somebody sent; None for all else, and for one that is none of ours."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS else None


def lines(text: str) -> str:
    """The text with lines that end by one character; browsers send two."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


class BadRequestError(Exception):
    """What came is no request of our forms."""

    def __init__(self, said: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(said)
        self.status = status


@dataclass(frozen=True)
class PageRequest:
    """One request.

    Attributes:
        path: The parts of the path that have names.
        query, form: What the address and the body say.
        secure: Whether the browser came by https.
        address: Where it came from.
        cookie: What the browser keeps its session under.
    """

    site: Site
    visitor: Visitor
    path: Mapping[str, str]
    query: Form
    form: Form
    now: datetime
    method: str = "GET"
    secure: bool = False
    address: str = ""
    cookie: str = COOKIE

    @property
    def token(self) -> str:
        """What every form must carry."""
        return self.site.access.signer.form_token(self.visitor.session)

    @property
    def who(self) -> str:
        """Who acts: the login's name, else the one in the form, else the one given last time."""
        if self.site.access.guarded:
            return self.visitor.who
        return person(self.form.get("who", self.visitor.who))

    def may(self, right: str) -> bool:
        """Whether the visitor has a right."""
        return right in self.visitor.rights

    def remembered(self) -> Session | None:
        """The session that remembers a name somebody has just given; None when nothing is new."""
        if self.site.access.guarded or self.who == self.visitor.who:
            return None
        return replace(self.visitor.session, who=self.who)

    def check_token(self) -> None:
        """Raise when the form is not from a page of ours."""
        if not self.site.access.signer.same(self.form.get(TOKEN, ""), self.token):
            said = "This form is not from this page, or it is too old. Go back, load the page again, and repeat."
            raise BadRequestError(said, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True)
class Page:
    """What to show: a template and what it says."""

    template: str
    data: Mapping[str, Any] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True)
class Redirect:
    """Where to go instead; ``session`` is the browser's from now on."""

    to: str
    session: Session | None = None


async def read_request(site: Site, request: Request) -> PageRequest:
    """The request, with its body read.

    Raises:
        BadRequestError: When the body is too long, or no form.
    """
    form = await _form(request) if request.method == "POST" else Form([])
    visitor: Visitor = request.scope[VISITOR]
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    query = Form(list(request.query_params.multi_items()))
    address = request.client.host if request.client else ""
    name = cookie_name(request)
    return PageRequest(
        site, visitor, request.path_params, query, form, site.clock(), request.method, secure, address, name
    )


async def _form(request: Request) -> Form:
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        said = "Expected a form."
        raise BadRequestError(said, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    try:
        sent = parse_qsl((await _body(request)).decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        return Form([(name, lines(value)) for name, value in sent])
    except ValueError as error:
        said = "The form cannot be read."
        raise BadRequestError(said) from error


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            said = f"The form is longer than {LARGEST_BODY:,} bytes."
            raise BadRequestError(said, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return bytes(body)
