"""What happens to text on its way: trimmed, padded, re-cased, cut, decoded with the wrong code page."""

import html
import re
import unicodedata
from collections.abc import Callable, Sequence

from recon_assets.explain.words import Family, Likeness, ValuePair

Test = Callable[[str, str], bool]

_ENOUGH = 3
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:")


def _garbled(good: str, bad: str) -> bool:
    return not good.isascii() and bad in _misread(good)


def _misread(text: str) -> set[str]:
    read = set()
    for page in ("latin-1", "cp1252"):
        try:
            read.add(text.encode().decode(page))
        except UnicodeError:
            continue
    return read


def _replaced(source: str, target: str) -> bool:
    return not source.isascii() and target in {_only_ascii(source, "?"), _only_ascii(source, "\ufffd")}


def _only_ascii(text: str, mark: str) -> str:
    return "".join(each if each.isascii() else mark for each in text)


def _plain(text: str) -> str:
    return "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _zeros(text: str) -> str:
    return text.lstrip("0") or "0"


# The first that is true of the most pairs is said, so the special ones stand before the general ones.
TESTS: tuple[tuple[str, Test, str], ...] = (
    ("target has lost its leading zeros", lambda s, t: s.isdigit() and s != t and _zeros(s) == t, ""),
    ("target is source in lower case", lambda s, t: s.lower() == t, "ignore_case"),
    ("target is source in upper case", lambda s, t: s.upper() == t, "ignore_case"),
    ("target differs in case only", lambda s, t: s.casefold() == t.casefold(), "ignore_case"),
    ("target has lost white space at the end", lambda s, t: s.rstrip() == t, "rstrip"),
    ("target has lost white space at both ends", lambda s, t: s.strip() == t, "strip"),
    ("target is padded with white space at the end", lambda s, t: s == t.rstrip(), "rstrip"),
    ("target has gained white space at its ends", lambda s, t: s.strip() == t.strip(), "strip"),
    ("target has other line ends", lambda s, t: _lines(s) == _lines(t), ""),
    ("target has other white space", lambda s, t: s.split() == t.split(), ""),
    ("target is UTF-8 that was read as Latin-1", _garbled, ""),
    ("source is UTF-8 that was read as Latin-1", lambda s, t: _garbled(t, s), ""),
    ("target has marks in place of all characters outside ASCII", _replaced, ""),
    ("target is another Unicode form of the same text", lambda s, t: _composed(s) == _composed(t), "unicode=NFC"),
    ("target has lost its accents", lambda s, t: not s.isascii() and _plain(s) == t, ""),
    ("target is source with HTML escapes", lambda s, t: html.escape(s) == t, ""),
    ("target is source without its HTML escapes", lambda s, t: html.unescape(s) == t, ""),
)


def _family(phrase: str, test: Test, rule: str) -> Family:
    def like(pairs: Sequence[ValuePair]) -> Likeness | None:
        count = sum(isinstance(s, str) and isinstance(t, str | int) and test(s, str(t)) for s, t in pairs)
        return Likeness(phrase, count, rule) if count >= _ENOUGH else None

    return like


def cut(pairs: Sequence[ValuePair]) -> Likeness | None:
    """To the length of the longest target that is the beginning of its source; of times units tell more."""
    starts = [
        (s, t)
        for s, t in pairs
        if isinstance(s, str) and isinstance(t, str) and t and s.startswith(t) and not _TIME.match(s)
    ]
    length = max((len(t) for _, t in starts), default=0)
    count = sum(t in (s[:length], s[:length].rstrip()) for s, t in starts)
    return Likeness(f"target is source cut to {length} characters", count) if count >= _ENOUGH else None


TEXTS: tuple[Family, ...] = (*(_family(*test) for test in TESTS), cut)
