"""MySQL's character sets in which some bytes are no characters: converted to UTF-8, all of those become one ``?``.

So a text of such a set is told from what it holds: where converting it gives a replacement and converting back does
not give its own bytes, it is written down by a mark of the set and its bytes, which is no text.
"""

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
_REPLACEMENTS = ("3F", "EFBFBD")  # `?`, and U+FFFD in tis620


def is_unreadable(charset: str, column: str) -> str:
    """Whether a value holds bytes that are no characters; only what becomes a replacement is converted back."""
    utf8 = MYSQL_UTF8.format(column)
    replaced = " OR ".join(f"LOCATE(x'{each}', CAST({utf8} AS BINARY))" for each in _REPLACEMENTS)
    return f"(({replaced}) AND CAST(CONVERT({utf8} USING {charset}) AS BINARY) <> CAST({column} AS BINARY))"


def mark(charset: str, column: str) -> str:
    """The text of such a value."""
    return f"CONCAT('{UNREADABLE}{charset}:', HEX({column}))"


def bytes_of(marked: str) -> bytes:
    """The value's bytes, from its mark."""
    return bytes.fromhex(marked.rpartition(":")[2])
