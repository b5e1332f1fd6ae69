"""Passwords: only their scrypt hashes are known, and guessing them is slow."""

import base64
import hashlib
import hmac
import ipaddress
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from recon_assets.errors import DeclarationError

_LOG_N, _R, _P = 15, 8, 1
_MEMORY = 128 * 1024 * 1024
_FREE_GUESSES = 5
_LONGEST_PAUSE = timedelta(minutes=1)
_COUNTS = 2**16
_NETWORK = 64
_LONGEST_LINE = 16
_IN_LINE_OF_ONE = 4


def hashed(password: str, salt: bytes = b"") -> str:
    """What RECON_WEB_USERS holds of a password: ``scrypt-salt-digest``, of characters that no shell or file reads."""
    salt = salt or os.urandom(16)
    return f"scrypt-{_text(salt)}-{_text(_scrypt(password, salt))}"


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**_LOG_N, r=_R, p=_P, maxmem=_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()


def _bytes(text: str) -> bytes:
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


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
                f"RECON_WEB_USERS: part {number} is not name:hash, or repeats a name;"
                " make a hash by `recon web hash-password` and join several by commas: ana:scrypt-..,ben:scrypt-.."
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


def fits(password: str, given: str) -> bool:
    """Whether it is the password that the hash was made of."""
    return hmac.compare_digest(hashed(password, _bytes(given.split("-")[1])), given)


_NOBODY = hashed("", b"nobody's salt...")


@dataclass
class Guard:
    """Lets people in by name and password; after some wrong guesses of a name from one place, the next have to wait.

    Whoever guesses elsewhere keeps nobody out. All guesses are judged one after the other, so that many at once are no
    faster than one.
    """

    users: Mapping[str, str]
    _key: bytes = field(default_factory=lambda: os.urandom(16))
    _wrong: dict[int, tuple[int, datetime]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self, name: str, password: str, now: datetime, address: str) -> bool:
        """Whether the password is that of ``name``; False, whatever it is, as long as `wait` says so."""
        with self._lock:
            if self.wait(name, now, address):
                return False
            right = fits(password, self.users.get(name, _NOBODY)) and name in self.users
            self._remember(self._counted(name, address), right=right, now=now)
            return right

    def wait(self, name: str, now: datetime, address: str) -> timedelta:
        """How long the next guess from an address has to wait."""
        wrong, last = self._wrong.get(self._counted(name, address), (0, now))
        if wrong < _FREE_GUESSES:
            return timedelta()
        pause = min(timedelta(seconds=2 ** min(wrong - _FREE_GUESSES, 9)), _LONGEST_PAUSE)
        return max(last + pause - now, timedelta())

    def _remember(self, counted: int, *, right: bool, now: datetime) -> None:
        if right:
            self._wrong.pop(counted, None)
        else:
            self._wrong[counted] = (self._wrong.get(counted, (0, now))[0] + 1, now)

    def _counted(self, name: str, address: str) -> int:
        """Which count is that of guesses of a name from an address.

        Names that nobody has wait as others do, so that no pause tells who there is. There may be any number of names
        and of addresses, so they share so many counts, and nobody knows which share one.
        """
        said = json.dumps([name, _place(address)]).encode()
        return int.from_bytes(hmac.digest(self._key, said, "sha256")) % _COUNTS


@dataclass
class Line:
    """Whose passwords wait to be judged: few, and fewer of one address, so that guesses hold up nobody elsewhere.

    Only the web server's loop uses it.
    """

    _waiting: list[str] = field(default_factory=list)

    @contextmanager
    def place(self, address: str) -> Iterator[bool]:
        """Hold a place while the block runs; False when there is none left."""
        place = _place(address)
        if len(self._waiting) >= _LONGEST_LINE or self._waiting.count(place) >= _IN_LINE_OF_ONE:
            yield False
            return
        self._waiting.append(place)
        try:
            yield True
        finally:
            self._waiting.remove(place)


def _place(address: str) -> str:
    """The address; of IPv6 the network, all of whose addresses one person may have."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if found.version == 4 else str(int(found) >> _NETWORK)
