"""What is wrong with a declaration: values that name the place, the fault and the remedy."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from recon_assets.errors import DeclarationError

KeyPath = tuple[str | int, ...]
Severity = Literal["error", "unavailable", "warning"]

_CREDENTIALS = re.compile(r"://\S*@")
_USER_AND_PASSWORD = re.compile(r"://[^/\s@:]*:\S*@")
_PASSWORD = re.compile(r"(?i)(password|passwd|pwd)=[^&\s'\"]*")


@dataclass(frozen=True)
class Problem:
    """One fault of a declaration.

    ``path`` leads to it from the top of the file, ``line`` counts from 1 (None for a declaration
    in Python), ``hint`` says what to do. ``unavailable`` is what could not be looked at, so that nobody
    knows whether it is right.
    """

    path: KeyPath
    message: str
    hint: str = ""
    severity: Severity = "error"
    line: int | None = None

    @property
    def where(self) -> str:
        """The path as people write it: ``tables.flights.key[1]``."""
        parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path)
        return "".join(parts).removeprefix(".") or "(file)"

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        hint = f". {self.hint}" if self.hint else ""
        return f"{line}{self.where}: {self.message}{hint}"

    def at(self, lines: Mapping[KeyPath, int]) -> "Problem":
        """The same problem with the line of the nearest part of its path that the file holds."""
        if self.line:
            return self
        depths = range(len(self.path), -1, -1)
        return replace(self, line=next((lines[self.path[:n]] for n in depths if self.path[:n] in lines), None))

    def as_dict(self) -> dict[str, Any]:
        """The problem as ``--json`` prints it."""
        return {
            "severity": self.severity,
            "path": self.where,
            "line": self.line,
            "message": self.message,
            "hint": self.hint,
        }


class ProblemsError(DeclarationError):
    """A declaration that cannot be used, with every reason at once."""

    def __init__(self, origin: str, problems: Iterable[Problem]) -> None:
        self.origin = origin
        self.problems = tuple(problems)
        lines = (f"  {problem}" for problem in self.problems)
        super().__init__("\n".join([f"{origin} cannot be used:", *lines]))


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint that offers the known name most like ``name``, or all of them when none is like it."""
    known = sorted(names)
    like = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if like:
        return f"Did you mean `{like[0]}`?"
    return f"Known: {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}." if known else "There are none."


def hidden(text: str) -> str:
    """``text`` without the user names and passwords of URLs in it."""
    return _PASSWORD.sub(r"\1=***", _CREDENTIALS.sub("://***@", text))


def holds_password(url: str) -> bool:
    """Whether a URL has a password in it."""
    return bool(_USER_AND_PASSWORD.search(url) or _PASSWORD.search(url))
