"""What MySQL's columns of texts hold that is no text, and is told apart by a mark before it becomes one.

* Bytes that a character set has no characters for: converted to UTF-8, all of them become one ``?``. They are known
  by that converting gives a replacement, and converting back does not give their own bytes.
* An enum's error value, which it holds for what was none of its labels: it reads as ``''``, which may be a label.
"""

from recon_assets.model import Kind, Type
from recon_assets.values import UNREADABLE
from recon_assets.values.kind import MYSQL_UTF8

LOSSLESS = frozenset(
    {
        *("utf8mb4", "utf8mb3", "utf8", "ucs2", "utf16", "utf16le", "utf32"),
        *("latin1", "latin2", "latin5", "latin7", "cp850", "cp852", "cp866", "koi8r", "koi8u"),
        *("keybcs2", "macce", "macroman", "armscii8", "binary"),
    }
)
"""The sets of which every byte is a character; a test tries all of all sets that its server has."""
SHAPES = ("geometry", "point", "linestring", "polygon", "multi")
_REPLACEMENTS = ("3F", "EFBFBD")  # `?`, and U+FFFD in tis620


def or_mark(of: Type, column: str, text: str, marked: str) -> str:
    """``text``, the SQL of a value that is one; of others the SQL ``marked``, with ``{0}`` for their mark."""
    cases = []
    if of.kind is Kind.ENUM:
        cases.append((f"{column} + 0 = 0", f"'{UNREADABLE}enum:'"))
    if of.charset:
        cases.append((_is_unreadable(of.charset, column), f"CONCAT('{UNREADABLE}{of.charset}:', HEX({column}))"))
    when = " ".join(f"WHEN {condition} THEN {marked.format(mark)}" for condition, mark in cases)
    return f"CASE {when} ELSE {text} END" if cases else text


def _is_unreadable(charset: str, column: str) -> str:
    """Only what becomes a replacement is converted back."""
    utf8 = MYSQL_UTF8.format(column)
    replaced = " OR ".join(f"LOCATE(x'{each}', CAST({utf8} AS BINARY))" for each in _REPLACEMENTS)
    return f"(({replaced}) AND CAST(CONVERT({utf8} USING {charset}) AS BINARY) <> CAST({column} AS BINARY))"


def may_hold_bytes(of: Type) -> bool:
    """Whether values of the type may be bytes that no character has, which a cast to text would lose."""
    bits = of.name.startswith("bit") and of.name != "bit(1)"
    return bool(of.charset) or of.kind is Kind.BINARY or bits or of.name.startswith(SHAPES)


def bytes_of(marked: str) -> bytes:
    """The value's bytes, from its mark."""
    return bytes.fromhex(marked.rpartition(":")[2])
