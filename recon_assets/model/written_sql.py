"""SQL as people write it: whether it can stand inside of a larger statement and mean the same."""

import re

_PARTS = re.compile(
    r"""
    '(?:[^']|'')*' | "(?:[^"]|"")*" | `[^`]*` | \$(\w*)\$.*?\$\1\$   # texts and quoted names
    | --[^\n]* | /\*.*?\*/                                           # comments
    | [();]
    """,
    re.DOTALL | re.VERBOSE,
)
_READ_DIFFERENTLY = ("\\", "#")
"""What may quote, or begin a comment, on one database and not on another."""


def broken_out(sql: str) -> str | None:
    """What ends the expression or query before its end; None when nothing does, or only its database can tell.

    ``id = 1) OR (1 = 1`` in parentheses is valid, and means other rows than were asked for.
    """
    if any(mark in sql for mark in _READ_DIFFERENTLY):
        return None
    open_ = 0
    for part in _PARTS.finditer(sql):
        open_ += (part[0] == "(") - (part[0] == ")")
        if part[0] == ";":
            return "a `;` ends the statement; leave it out"
        if open_ < 0:
            return "a `)` has no `(` before it"
    return "a `(` is not closed" if open_ else None
