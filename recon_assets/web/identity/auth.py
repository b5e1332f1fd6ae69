"""Who may come in: people with a password, people whom a proxy vouches for, or whoever is at this machine."""

import ipaddress
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from recon_assets import review
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.review.people import VARIABLE as REVIEWERS
from recon_assets.web.identity.passwords import Guard, Line, users
from recon_assets.web.identity.roles import ALL, VARIABLE as ROLES, Right, Roles, roles
from recon_assets.web.identity.sessions import Ended, Session, Signer, secret

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

COOKIE = "recon"
LOGGED_IN = timedelta(hours=12)
SESSION_LIFETIME = timedelta(days=180)
LOOPBACK = "127.0.0.0/8,::1"
PROGRAM = "recon"


@dataclass(frozen=True)
class Visitor:
    """Who asks.

    Attributes:
        session: Their browser's; a new one where the browser has none yet.
        who: Their name; empty when it is not known.
        vouched: Whether a login says so; else they said so themselves.
        new: Whether their browser still has to be given the session.
        rights: What they may do.
    """

    session: Session
    who: str = ""
    vouched: bool = False
    new: bool = False
    rights: frozenset[Right] = frozenset()


@dataclass(frozen=True)
class Access:
    """What RECON_WEB_* say.

    Attributes:
        signer: Signs cookies and forms.
        users: Hashes of passwords by name.
        header: The name of the header in which a proxy says who it is.
        proxies: Where such a proxy may be.
        token: With which a program of ours comes in; none when empty.
        roles: What those may do who have come in.
        ended: Sessions that let nobody in any more.
        environ: RECON_REVIEWERS, which says who may act by which name where nobody has to log in.
    """

    signer: Signer
    users: Mapping[str, str] = field(default_factory=dict)
    header: str = ""
    proxies: tuple[Network, ...] = ()
    token: str = ""
    roles: Roles = field(default_factory=Roles)
    ended: Ended = field(default_factory=Ended)
    environ: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def guard(self) -> Guard:
        """The memory of wrong passwords."""
        return Guard(self.users)

    @cached_property
    def hashing(self) -> ThreadPoolExecutor:
        """Where passwords are judged, one after the other."""
        return ThreadPoolExecutor(1, "passwords")

    @cached_property
    def line(self) -> Line:
        """Who waits for that."""
        return Line()

    def end(self, session: Session, now: datetime) -> None:
        """Lets nobody in by this session any more, whoever has a copy of its cookie."""
        self.ended.add(session, now)

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
        found = self._identified(connection, now)
        if not self.guarded or found.who == PROGRAM:
            return replace(found, rights=ALL)
        return replace(found, rights=self.roles.of(found.who)) if found.vouched else found

    def _identified(self, connection: HTTPConnection, now: datetime) -> Visitor:
        if self._is_program(connection):
            return Visitor(Session.begun(PROGRAM, now), PROGRAM, vouched=True)
        if self.header:
            return self._of_proxy(connection, now)
        session = self._session(connection, now)
        if session:
            return Visitor(session, session.who, vouched=bool(self.users) and bool(session.who))
        return Visitor(Session.begun("", now + SESSION_LIFETIME), new=True)

    def check_who(self, who: str) -> None:
        """Raise when nobody has to log in, and RECON_REVIEWERS says that who is at this machine has another name."""
        if who and not self.guarded:
            review.check_reviewer(who, self.environ, "name")

    def cookie(self, session: Session) -> str:
        """What the browser keeps of a session."""
        return self.signer.signed(session, self._bound(session.who))

    def _bound(self, who: str) -> str:
        """What a session stands on: that of a person ends with the password, or when others may be that person."""
        without = "nobody" if self.guarded and who else self.environ.get(REVIEWERS, "")
        return f"{self.header}/{self.users.get(who, without)}"

    def _is_program(self, connection: HTTPConnection) -> bool:
        given = connection.headers.get("authorization", "")
        return bool(self.token) and self.signer.same(given, f"Bearer {self.token}")

    def _of_proxy(self, connection: HTTPConnection, now: datetime) -> Visitor:
        """Only what a known proxy says counts, and only if it says it once."""
        said = connection.headers.getlist(self.header) if self._is_proxy(connection) else []
        who = person(said[0]) if len(said) == 1 else ""
        session = self._session(connection, now)
        if session and session.who == who:
            return Visitor(session, who, vouched=bool(who))
        return Visitor(Session.begun(who, now + SESSION_LIFETIME), who, vouched=bool(who), new=True)

    def _session(self, connection: HTTPConnection, now: datetime) -> Session | None:
        found = self.signer.read(connection.cookies.get(cookie_name(connection), ""), self._bound, now)
        return None if found and found.id in self.ended else found

    def _is_proxy(self, connection: HTTPConnection) -> bool:
        try:
            address = ipaddress.ip_address(connection.client.host if connection.client else "")
        except ValueError:
            return False
        return any(address in network for network in self.proxies)


def cookie_name(connection: HTTPConnection) -> str:
    """Each port has its own: browsers send a cookie to all ports of a host, where another server may have set it."""
    server = connection.scope.get("server")
    return f"{COOKIE}-{server[1]}" if server and server[1] else COOKIE


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
        RefusedError: When the file of the secret is not secret.
    """
    header = environ.get("RECON_WEB_USER_HEADER", "").strip()
    known = users(environ.get("RECON_WEB_USERS", ""))
    if header and known:
        msg = "RECON_WEB_USERS and RECON_WEB_USER_HEADER are both set; either we ask for passwords or the proxy does."
        raise DeclarationError(msg)
    if taken := sorted(name for name in known if person(name) != name):
        msg = f"RECON_WEB_USERS: {taken[0]!r} is no name for a person; choose another."
        raise DeclarationError(msg)
    proxies = _networks(environ.get("RECON_WEB_PROXY", "") or LOOPBACK)
    given = roles(environ.get(ROLES, ""), known)
    if given.given and not known and not header:
        msg = f"{ROLES} is set, but nobody has to log in: set RECON_WEB_USERS or RECON_WEB_USER_HEADER, too."
        raise DeclarationError(msg)
    review.reviewers(environ)
    home = environ.get("DAGSTER_HOME")
    return Access(
        Signer(secret(environ)),
        known,
        header,
        proxies,
        environ.get("RECON_WEB_TOKEN", ""),
        given,
        Ended(Path(home) / "web.ended" if home else None),
        {REVIEWERS: environ.get(REVIEWERS, "")},
    )


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
