"""Passwords: only their scrypt hashes are known, and guessing them is slow, however many are guessed at once."""

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil

from recon_assets.errors import DeclarationError

_LOG_N, _R, _P = 15, 8, 1
_MEMORY = 128 * 1024 * 1024
FREE_GUESSES = 5
LONGEST_PAUSE = timedelta(minutes=1)
MAX_REMEMBERED = 10_000
"""Names and networks with wrong guesses; to have one forgotten takes as many guesses, and a quarter of an hour."""
MAX_WAITING, MAX_WAITING_OF_ONE = 16, 4
LONGEST_NAME = 100


def hashed(password: str, salt: bytes = b"") -> str:
    """What RECON_WEB_USERS holds of a password: ``scrypt-salt-digest``, of characters that no shell or file reads."""
    salt = salt or os.urandom(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=2**_LOG_N, r=_R, p=_P, maxmem=_MEMORY, dklen=32)
    return f"scrypt-{_text(salt)}-{_text(digest)}"


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _bytes(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def fits(password: str, given: str) -> bool:
    """Whether it is the password that the hash was made of."""
    return hmac.compare_digest(hashed(password, _bytes(given.split("-")[1])), given)


def users(text: str) -> dict[str, str]:
    """Names and hashes, as ``ana:hash,ben:hash`` has them.

    Raises:
        DeclarationError: When a part is not of that form; it is not repeated, for it may be a password.
    """
    found = {}
    for number, part in enumerate(filter(None, map(str.strip, text.split(","))), 1):
        name, _, given = (word.strip() for word in part.partition(":"))
        if not name or not _is_hash(given) or name in found:
            msg = (
                f"RECON_WEB_USERS: part {number} is not name:hash, or repeats a name; make a hash by"
                " `recon web hash-password` and join several by commas: ana:scrypt-..,ben:scrypt-.."
            )
            raise DeclarationError(msg)
        found[name] = given
    return found


def _is_hash(text: str) -> bool:
    kind, *parts = text.split("-")
    try:
        return kind == "scrypt" and [len(_bytes(part)) for part in parts] == [16, 32]
    except ValueError:
        return False


class LoginError(Exception):
    """Why somebody is not logged in, and the status of that answer."""

    def __init__(self, said: str, status: HTTPStatus) -> None:
        super().__init__(said)
        self.status = status


_OF_NOBODY = hashed("", b"nobody's salt...")
"""So that a name which nobody has takes as long as one that somebody has."""


@dataclass
class PasswordLogin:
    """Judges passwords, one at a time, in a thread that no page waits for. Only the web server's loop calls it.

    1. After `FREE_GUESSES` wrong passwords of a name from one network, the next one from there has to wait, longer each
       time; the same person elsewhere does not. Each guess counts as wrong until it was found right, so that many
       at the same time are no way around it.
    2. At most `MAX_WAITING` guesses wait to be judged, and fewer of one network, so that nobody holds up others.
    3. A name that nobody has is answered as any other, so that no answer tells who there is.
    """

    users: Mapping[str, str]
    _wrong: dict[tuple[str, str], tuple[int, datetime]] = field(default_factory=dict)
    _waiting: list[str] = field(default_factory=list)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "passwords"))

    async def check(self, name: str, password: str, address: str, now: datetime) -> None:
        """Return when it is the person's password.

        Raises:
            LoginError: When it is not, or was not looked at because too many guesses came before it.
        """
        network = _network(address)
        guessed = (name[:LONGEST_NAME], network)
        wrong, last = self._wrong.pop(guessed, (0, now))
        if wrong >= FREE_GUESSES:
            pause = min(timedelta(seconds=2 ** min(wrong - FREE_GUESSES, 9)), LONGEST_PAUSE)
            if last + pause > now:
                self._wrong[guessed] = wrong, last
                seconds = ceil((last + pause - now).total_seconds())
                said = f"Too many wrong passwords: wait {seconds} seconds."
                raise LoginError(said, HTTPStatus.TOO_MANY_REQUESTS)
        if len(self._waiting) >= MAX_WAITING or self._waiting.count(network) >= MAX_WAITING_OF_ONE:
            self._wrong[guessed] = wrong, last
            said = "Too many people log in at once: try again in a few seconds."
            raise LoginError(said, HTTPStatus.SERVICE_UNAVAILABLE)
        self._wrong[guessed] = wrong + 1, now
        if len(self._wrong) > MAX_REMEMBERED:
            del self._wrong[next(iter(self._wrong))]  # the one that was guessed longest ago
        self._waiting.append(network)
        try:
            given = self.users.get(name, _OF_NOBODY)
            fitting = await asyncio.get_running_loop().run_in_executor(self._thread, fits, password, given)
        finally:
            self._waiting.remove(network)
        if not fitting or name not in self.users:
            said = "Name or password is wrong."
            raise LoginError(said, HTTPStatus.UNAUTHORIZED)
        self._wrong.pop(guessed, None)


def _network(address: str) -> str:
    """The address; of IPv6 the network of 64 bits, all of whose addresses one person may have."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if found.version == 4 else str(int(found) >> 64)
