"""One request as our pages see it: who asks, what was typed, and what there is to answer from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request

from recon_assets.ledger import Ledger
from recon_assets.model import Project
from recon_assets.web.http.middleware import VISITOR
from recon_assets.web.identity.auth import Access, Cookie, Visitor, person, remembered

Form = ImmutableMultiDict[str, str]
LARGEST_BODY = 2_000_000
MOST_FIELDS = 20_000
_DIGITS = 9
_NAMES = "a name is one line of at most 100 characters, and recon and policy are no people."
NAMELESS = f"Say who you are; {_NAMES}"
MISNAMED = f"Say to whom; {_NAMES}"


@dataclass(frozen=True)
class Site:
    """What every page answers from.

    Attributes:
        key_prefix: What stands before the names of tables in the keys of their assets, as `a/b`.
        waiting_for: What keeps Dagster from carrying out decisions now; empty when nothing does.
    """

    book: Ledger
    project: Project
    access: Access
    clock: Callable[[], datetime]
    waiting_for: Callable[[datetime], str] = lambda _: ""
    key_prefix: str = ""

    def asset_page(self, table: str) -> str:
        """Where Dagster shows a table's asset."""
        path = [*filter(None, self.key_prefix.split("/")), table]
        return "/assets/" + "/".join(quote(part, safe="") for part in path)


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
        sent: As Starlette has it.
        query, form: What the address and the body say.
    """

    site: Site
    sent: Request
    visitor: Visitor
    query: Form
    form: Form
    now: datetime

    @property
    def path(self) -> Mapping[str, str]:
        """The parts of the path that have names."""
        return self.sent.path_params

    @property
    def secure(self) -> bool:
        """Whether the browser came by https."""
        return self.sent.url.scheme == "https" or self.sent.headers.get("x-forwarded-proto") == "https"

    @property
    def address(self) -> str:
        """Where it came from."""
        return self.sent.client.host if self.sent.client else ""

    @property
    def who(self) -> str:
        """Who acts: the login's name, else the one in the form, else the one given last time."""
        if self.site.access.guarded:
            return self.visitor.who
        return person(self.form.get("who", self.visitor.who))

    def may(self, right: str) -> bool:
        """Whether the visitor has a right."""
        return right in self.visitor.rights

    def remembered(self) -> Cookie | None:
        """What remembers a name that somebody has just given; None when nothing is new."""
        if self.site.access.guarded or self.who == self.visitor.who:
            return None
        return remembered(self.sent, self.who)


@dataclass(frozen=True)
class Page:
    """What to show: a template and what it says."""

    template: str
    data: Mapping[str, Any] = field(default_factory=dict)
    status: HTTPStatus = HTTPStatus.OK


@dataclass(frozen=True)
class Redirect:
    """Where to go instead, and what the browser is to keep."""

    to: str
    cookie: Cookie | None = None


async def read_request(site: Site, sent: Request) -> PageRequest:
    """The request, with its body read.

    Raises:
        BadRequestError: When the body is too long, or no form.
    """
    form = await _form(sent) if sent.method == "POST" else Form([])
    query = Form(list(sent.query_params.multi_items()))
    return PageRequest(site, sent, sent.scope[VISITOR], query, form, site.clock())


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
