"""Who a browser is, kept in one signed cookie; the server remembers only whom it logged out."""

import base64
import fcntl
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from recon_assets.errors import DeclarationError, RefusedError

_SHORTEST = 16
_LONGEST = 4096
_WORDS = 2


@dataclass(frozen=True)
class Session:
    """One browser.

    Attributes:
        id: Random; its forms are bound to it.
        who: The person's name, if it is known.
        until: When it ends, in seconds since 1970.
    """

    id: str
    who: str
    until: int

    @classmethod
    def begun(cls, who: str, until: datetime) -> "Session":
        """A new one."""
        return cls(secrets.token_urlsafe(16), who, int(until.timestamp()))


@dataclass(frozen=True)
class Signer:
    """Signs what browsers keep for us and give back. Whoever has the secret can sign as well."""

    secret: bytes

    def signed(self, session: Session, bound: str) -> str:
        """A cookie's value; it is good only where ``bound`` is the same again."""
        parts = [session.id, session.who, session.until, self._mac("bound", bound)]
        said = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
        return f"{said}.{self._mac('session', said)}"

    def read(self, cookie: str, bound: Callable[[str], str], now: datetime) -> Session | None:
        """The session that we signed, unless its time is over or ``bound``, of its person, is another now.

        What we did not sign is not even looked into.
        """
        said, _, mac = cookie.partition(".")
        if len(cookie) > _LONGEST or not self.same(mac, self._mac("session", said)):
            return None
        given, who, until, stands_on = json.loads(base64.urlsafe_b64decode(said))
        holds = now.timestamp() < until and self.same(stands_on, self._mac("bound", bound(who)))
        return Session(given, who, until) if holds else None

    def form_token(self, session: Session) -> str:
        """What a form of ours must carry: another site cannot know it."""
        return self._mac("form", session.id)

    @staticmethod
    def same(one: str, other: str) -> bool:
        """Whether two texts are equal; takes as long whatever they are."""
        return hmac.compare_digest(one.encode(), other.encode())

    def _mac(self, *parts: str) -> str:
        return hmac.new(self.secret, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


@dataclass
class Ended:
    """Sessions that were ended before their time, with that time.

    A file keeps them, so that they stay ended when the server starts anew, and for all servers of that home.
    """

    path: Path | None = None
    _known: dict[str, int] = field(default_factory=dict)
    _seen: tuple[int, ...] | None = None

    def add(self, session: Session, now: datetime) -> None:
        """End a session; those whose time is over are forgotten."""
        if self.path is None:
            self._keep({**self._known, session.id: session.until}, now)
            return
        new = self.path.with_name(f".{self.path.name}")
        with new.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._keep({**_ended_in(self.path), session.id: session.until}, now)
            new.write_text("".join(f"{id_} {until}\n" for id_, until in self._known.items()))
            new.replace(self.path)  # whole or not at all, whenever we are killed

    def __contains__(self, id_: str) -> bool:
        if self.path and (seen := _version(self.path)) and seen != self._seen:
            self._known, self._seen = _ended_in(self.path), seen
        return id_ in self._known

    def _keep(self, ended: Mapping[str, int], now: datetime) -> None:
        self._known = {id_: until for id_, until in ended.items() if until >= now.timestamp()}


def _ended_in(path: Path) -> dict[str, int]:
    """What the file says; lines that are none of ours, as a full disk may have left them, say nothing."""
    words = (line.split() for line in path.read_text().splitlines()) if path.exists() else ()
    return {each[0]: int(each[1]) for each in words if len(each) == _WORDS and each[1].isdecimal()}


def _version(path: Path) -> tuple[int, ...] | None:
    """Another whenever the file was written; None as long as there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def secret(environ: Mapping[str, str]) -> bytes:
    """RECON_WEB_SECRET, or what a file under DAGSTER_HOME holds, which is made when it is not there.

    Raises:
        DeclarationError: When the one is too short, or there is no place for the other.
        RefusedError: When others can read the file.
    """
    given = environ.get("RECON_WEB_SECRET", "")
    if given:
        return _long_enough(given.encode(), "RECON_WEB_SECRET")
    home = environ.get("DAGSTER_HOME")
    if not home:
        msg = "Neither RECON_WEB_SECRET nor DAGSTER_HOME is set; set one, so that logins outlive a restart."
        raise DeclarationError(msg)
    return _kept(Path(home) / "web.secret")


def _kept(path: Path) -> bytes:
    if not path.exists():
        _make(path)
    if path.stat().st_mode & 0o077:
        msg = f"{path}: others can read it; remove it (everybody has to log in again), and a new one is made."
        raise RefusedError(msg)
    return _long_enough(path.read_bytes().strip(), str(path))


def _make(path: Path) -> None:
    """Whole or not at all, and only once, however many start at the same time."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - takes a mode
        file.write(secrets.token_hex(32))
    with suppress(FileExistsError):
        path.hardlink_to(new)
    new.unlink()


def _long_enough(found: bytes, where: str) -> bytes:
    if len(found) < _SHORTEST:
        msg = f"{where}: expected at least {_SHORTEST} characters; make one by: openssl rand -hex 32"
        raise DeclarationError(msg)
    return found
