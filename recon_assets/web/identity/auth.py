"""Who asks: people with a password, people whom a proxy names, programs with a token, or whoever is at this machine."""

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import quote, unquote, urlsplit

from starlette.requests import HTTPConnection

from recon_assets import review
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.review.people import VARIABLE as REVIEWERS
from recon_assets.web.identity.passwords import PasswordLogin, users
from recon_assets.web.identity.roles import ALL, VARIABLE as ROLES, Right, Roles, roles
from recon_assets.web.identity.sessions import LASTS, Sessions

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

NAME_LASTS = timedelta(days=180)
LOOPBACK = "127.0.0.0/8,::1"
PROGRAM = "recon"


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Attributes:
        who: Their name; empty when it is not known.
        vouched: Whether a login says so; else they said so themselves.
        rights: What they may do.
    """

    who: str = ""
    vouched: bool = False
    rights: frozenset[Right] = frozenset()


@dataclass(frozen=True)
class Cookie:
    """What a browser is to keep of us, and for how long; no time at all means that it forgets it."""

    name: str
    value: str = ""
    lasts: timedelta = timedelta()


@dataclass(frozen=True)
class Access:
    """What RECON_WEB_* say.

    Attributes:
        users: Hashes of passwords by name.
        header: The name of the header in which a proxy says who it is.
        proxies: Where such a proxy may be.
        token: With which a program of ours comes in; none when empty.
        roles: What those may do who have come in.
        reviewers: What RECON_REVIEWERS says, which holds where nobody has to log in.
        sessions: Who has logged in by a password.
    """

    users: Mapping[str, str] = field(default_factory=dict)
    header: str = ""
    proxies: tuple[Network, ...] = ()
    token: str = ""
    roles: Roles = field(default_factory=Roles)
    reviewers: str = ""
    sessions: Sessions = field(default_factory=Sessions)

    @cached_property
    def login(self) -> PasswordLogin:
        """Where passwords are judged."""
        return PasswordLogin(self.users)

    @property
    def guarded(self) -> bool:
        """Whether people have to log in; otherwise only this machine can come here."""
        return bool(self.users or self.header)

    def check_host(self, host: str) -> None:
        """Raise when the address to listen at can be reached from elsewhere, and nobody would have to log in."""
        if not self.guarded and not is_loopback(host):
            msg = (
                f"--host {host}: anybody who reaches it could decide and launch runs. Set RECON_WEB_USERS"
                " (`recon web hash-password` makes a hash) or RECON_WEB_USER_HEADER, or stay at --host 127.0.0.1."
            )
            raise RefusedError(msg)

    def is_for_us(self, host: str) -> bool:
        """Whether a request's ``Host`` names us; any does once people log in.

        Without a login, a page of somebody else whose name leads here would be taken for ours.
        """
        return self.guarded or is_loopback(_hostname(host))

    def visitor(self, connection: HTTPConnection, now: datetime) -> Visitor:
        """Who asks, and what they may do: a program of ours, and whoever is at this machine without a login, all."""
        if self.token and secrets.compare_digest(_authorization(connection), f"Bearer {self.token}".encode()):
            return Visitor(PROGRAM, vouched=True, rights=ALL)
        if not self.guarded:
            return Visitor(person(unquote(connection.cookies.get(name_cookie(connection), ""))), rights=ALL)
        if self.header:
            who = self._named_by_proxy(connection)
        else:
            who = self.sessions.who(connection.cookies.get(session_cookie(connection), ""), now)
        return Visitor(who, vouched=True, rights=self.roles.of(who)) if who else Visitor()

    def _named_by_proxy(self, connection: HTTPConnection) -> str:
        """Only what a known proxy says counts, and only if it says it once."""
        try:
            address = ipaddress.ip_address(connection.client.host if connection.client else "")
        except ValueError:
            return ""
        said = connection.headers.getlist(self.header) if any(address in each for each in self.proxies) else []
        return person(said[0]) if len(said) == 1 else ""

    def check_who(self, who: str) -> None:
        """Raise when nobody has to log in, and RECON_REVIEWERS says that who is at this machine has another name."""
        if who and not self.guarded:
            review.check_reviewer(who, {REVIEWERS: self.reviewers}, "name")

    def begin(self, connection: HTTPConnection, who: str, now: datetime) -> Cookie:
        """The session of somebody who has given their password."""
        return Cookie(session_cookie(connection), self.sessions.begin(who, now), LASTS)

    def end(self, connection: HTTPConnection) -> Cookie:
        """No session any more, whoever has a copy of its cookie."""
        name = session_cookie(connection)
        self.sessions.end(connection.cookies.get(name, ""))
        return Cookie(name)


def session_cookie(connection: HTTPConnection) -> str:
    """Each port has its own: browsers send a cookie to all ports of a host, where another server may have set it."""
    return f"recon-session-{_port(connection)}"


def name_cookie(connection: HTTPConnection) -> str:
    """Where the browser keeps the name that somebody gave who did not have to log in."""
    return f"recon-name-{_port(connection)}"


def _port(connection: HTTPConnection) -> int:
    server = connection.scope.get("server")
    return server[1] or 0 if server else 0


def remembered(connection: HTTPConnection, who: str) -> Cookie:
    """The name that somebody gave who did not have to log in."""
    return Cookie(name_cookie(connection), quote(who), NAME_LASTS)


def person(name: str) -> str:
    """The name as it is noted; empty for what is no person's."""
    try:
        return review.person(" ".join(name.split()))
    except DeclarationError:
        return ""


def access(environ: Mapping[str, str]) -> Access:
    """What the environment says.

    Raises:
        DeclarationError: When it says something that cannot be.
    """
    header = environ.get("RECON_WEB_USER_HEADER", "").strip()
    known = users(environ.get("RECON_WEB_USERS", ""))
    if header and known:
        msg = "RECON_WEB_USERS and RECON_WEB_USER_HEADER are both set; either we ask for passwords or the proxy does."
        raise DeclarationError(msg)
    if taken := sorted(name for name in known if person(name) != name):
        msg = f"RECON_WEB_USERS: {taken[0]!r} is no name for a person; choose another."
        raise DeclarationError(msg)
    given = roles(environ.get(ROLES, ""), known)
    if given.given and not known and not header:
        msg = f"{ROLES} is set, but nobody has to log in: set RECON_WEB_USERS or RECON_WEB_USER_HEADER, too."
        raise DeclarationError(msg)
    review.reviewers(environ)
    proxies = _networks(environ.get("RECON_WEB_PROXY", "") or LOOPBACK)
    return Access(known, header, proxies, environ.get("RECON_WEB_TOKEN", ""), given, environ.get(REVIEWERS, ""))


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(","))
    except ValueError as error:
        msg = f"RECON_WEB_PROXY: {error}; expected addresses such as 10.0.0.7 or 10.0.0.0/24, joined by commas."
        raise DeclarationError(msg) from error


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _authorization(connection: HTTPConnection) -> bytes:
    return connection.headers.get("authorization", "").encode()
