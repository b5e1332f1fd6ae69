"""What SQLite lacks, in Python: canonical texts of values that carry their own types, MD5, exact sums."""

import hashlib
import re
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from recon_assets.dialect.canonical import DIGITS, END, NULL
from recon_assets.model import Kind

UNREADABLE = "!"
"""Stands before the hexadecimal bytes of a text that is no value of its column's type."""
_UUID = re.compile(r"[0-9A-Fa-f-]{32,36}")
_TEXTS = {Kind.TEXT, Kind.CHAR, Kind.ENUM, Kind.JSON, Kind.UUID, Kind.ANY}


def install(connection: Any, _: Any = None) -> None:
    """Gives a connection the functions that `canonical` uses."""
    functions = {"recon_text": (3, text), "recon_cell": (3, cell), "recon_md5": (1, md5), "recon_half": (2, half)}
    for name, (arguments, function) in functions.items():
        connection.create_function(name, arguments, function, deterministic=True)
    connection.create_aggregate("recon_total", 1, Total)


def text(value: Any, kind: str, form: str) -> str | None:
    """The canonical text of a value in a column of ``kind`` that is compared as ``form``."""
    if value is None:
        return None
    if form == Kind.ANY:
        return _any(value)
    if isinstance(value, bytes):
        return value.hex() if form in {Kind.BINARY, Kind.UUID} else _unreadable(value)
    if isinstance(value, str):
        return _from_text(value, Kind(kind), Kind(form))
    return _from_number(value, Kind(form))


def _any(value: Any) -> str:
    if isinstance(value, bytes):
        return f"b{value.hex()}"
    return f"t{value}" if isinstance(value, str) else f"n{_plain(Decimal(value))}"


def _from_number(value: Any, form: Kind) -> str:
    if form is Kind.FLOAT and isinstance(value, float):
        return repr(value + 0.0).replace("+", "").removesuffix(".0").replace("inf", "Infinity")
    if form in {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN}:
        return _plain(Decimal(value))  # a real is what it is: SQLite has lost the decimal it was made from
    written = repr(value) if isinstance(value, float) else str(value)
    return written if form in _TEXTS else _unreadable(written.encode())


def _from_text(value: str, kind: Kind, form: Kind) -> str:
    if form is Kind.UUID:
        return value.lower() if kind is not Kind.UUID or _UUID.fullmatch(value) else _unreadable(value.encode())
    if form in _TEXTS:
        return value.rstrip(" ") if kind is Kind.CHAR else value
    try:
        return _READ[form](value)
    except (ValueError, ArithmeticError, KeyError):
        return _unreadable(value.encode())


def _unreadable(value: bytes) -> str:
    return UNREADABLE + value.hex()


def _plain(number: Decimal) -> str:
    if not number.is_finite():
        return {"NaN": "NaN", "Infinity": "Infinity"}.get(str(number), "-Infinity")
    written = format(number, "f")
    written = written.rstrip("0").rstrip(".") if "." in written else written
    return "0" if written in {"-0", ""} else written


def _number(value: str) -> str:
    return _plain(Decimal(value.strip()))


def _float(value: str) -> str:
    return _from_number(float(value), Kind.FLOAT)


def _boolean(value: str) -> str:
    return {"true": "1", "t": "1", "1": "1", "false": "0", "f": "0", "0": "0"}[value.strip().lower()]


def _date(value: str) -> str:
    moment = datetime.fromisoformat(value)
    return str(moment.date()) if moment == datetime.combine(moment.date(), time()) else _moment(value)


def _moment(value: str) -> str:
    """As PostgreSQL writes it; an offset leads to UTC."""
    if value in {"infinity", "-infinity"}:
        return value
    moment = datetime.fromisoformat(value)
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return _trimmed(naive.isoformat(" "))


def _time(value: str) -> str:
    return _trimmed(datetime.fromisoformat(f"2000-01-01T{value}").time().isoformat())


def _trimmed(written: str) -> str:
    return written.rstrip("0") if "." in written else written


def _hex(value: str) -> str:
    return value.encode().hex()


_READ = {
    Kind.INTEGER: _number,
    Kind.DECIMAL: _number,
    Kind.BOOLEAN: _boolean,
    Kind.FLOAT: _float,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _moment,
    Kind.INSTANT: _moment,
    Kind.TIME: _time,
    Kind.BINARY: _hex,
}


def cell(written: str | None, length_prefixed: int, compare_by_value: int) -> str:
    """One cell of a row's text: see `canonical`."""
    if written is None:
        return f"{'=' if compare_by_value else ''}{NULL}{END}"
    written = f"={written}" if compare_by_value else written
    return f"{len(written.encode())}:{written}" if length_prefixed else written + END


def md5(written: str) -> str:
    """MD5 of the text's bytes."""
    return hashlib.md5(written.encode(), usedforsecurity=False).hexdigest()


def half(digest: str, start: int) -> int:
    """15 digits of a digest as an integer."""
    return int(digest[start - 1 : start - 1 + DIGITS], 16)


class Total:
    """Adds integers without overflow; the sum comes as text."""

    def __init__(self) -> None:
        self.sum = 0
        self.seen = False

    def step(self, value: int | None) -> None:
        """Add one."""
        self.sum += value or 0
        self.seen |= value is not None

    def finalize(self) -> str | None:
        """The sum, None of nothing."""
        return str(self.sum) if self.seen else None
