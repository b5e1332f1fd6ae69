"""What SQLite lacks, in Python: canonical texts of values that carry their own types, MD5, exact sums."""

import hashlib
from typing import Any

from recon_assets.dialect import exact_sum, windows
from recon_assets.dialect.canonical import END, NULL
from recon_assets.dialect.text_hash import DIGITS
from recon_assets.model import Kind
from recon_assets.values import KINDS, UNREADABLE, Marked


def install(connection: Any, _: Any = None) -> None:
    """Gives a connection the functions that `canonical` uses."""
    functions = {
        "recon_text": (3, text),
        "recon_cell": (5, cell),
        "recon_md5": (1, md5),
        "recon_text_hash": (1, text_hash),
    }
    for name, (arguments, function) in functions.items():
        connection.create_function(name, arguments, function, deterministic=True)
    connection.create_aggregate("recon_total", 1, Total)
    connection.create_aggregate("recon_exact_sum", 1, exact_sum.Sum)
    windows.install(connection)


def text(value: Any, kind: str, form: str) -> str | bytes | None:
    """The canonical text of a value in a column of ``kind`` that is compared as ``form``."""
    if value is None:
        return None
    written, unreadable = _written(value, kind, form)
    return Marked.sent(written) if unreadable else written


def _written(value: Any, kind: str, form: str) -> tuple[str, bool]:
    """A value's text, and whether it is no value of the form."""
    try:
        return KINDS[Kind(form)].of_sqlite(value, Kind(kind)), False
    except ValueError:
        data = value if isinstance(value, bytes) else str(value).encode()
        return UNREADABLE + _CLASSES[type(value)] + data.hex(), True


_CLASSES = {str: "t", int: "i", float: "r", bytes: "b"}
"""SQLite's storage classes: the text `5` and the integer 5 are two values."""


def cell(value: Any, kind: str, form: str, length_prefixed: int, compare_by_value: int) -> str:
    """One cell of a row's text: see `canonical`."""
    if value is None:
        return f"{'=' if compare_by_value else ''}{NULL}{END}"
    written, unreadable = _written(value, kind, form)
    written = f"={written}" if compare_by_value else written
    if not length_prefixed:
        return written + END
    return f"{UNREADABLE if unreadable else ''}{len(written.encode())}:{written}"


def md5(written: str) -> str:
    """MD5 of the text's bytes."""
    return hashlib.md5(written.encode(), usedforsecurity=False).hexdigest()


def text_hash(written: str) -> int:
    """The first digits of the SHA-256 of the text's bytes, as an integer."""
    return int(hashlib.sha256(written.encode()).hexdigest()[:DIGITS], 16)


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
