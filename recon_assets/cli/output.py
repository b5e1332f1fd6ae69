"""What commands print: words for people, JSON for programs. Colours only on a terminal."""

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from recon_assets.declare import Problem

_WIDE = 120
_STYLES = {"error": "bold red", "unavailable": "bold red", "warning": "yellow"}


def screen(*, stderr: bool = False) -> Console:
    """A console; a file or a pipe gets lines long enough to be read."""
    found = Console(stderr=stderr, highlight=False, emoji=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, emoji=False, width=_WIDE)


def complain(words: str) -> None:
    """Says what went wrong, on standard error."""
    screen(stderr=True).print(Text.assemble(("recon: ", "bold red"), words), soft_wrap=True)


def remark(words: str) -> None:
    """Says something to the person, on standard error, so that standard output stays what was asked for."""
    screen(stderr=True).print(Text(words), soft_wrap=True)


def tell(words: str) -> None:
    """Prints one sentence as it is."""
    screen().print(Text(words), soft_wrap=True)


def as_json(value: Any) -> None:
    """Prints one JSON value."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))  # noqa: T201 - rich would wrap and colour it


def problem_table(problems: Sequence[Problem]) -> None:
    """Prints problems below one another: what, where, why and the remedy."""
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "line", "where", "what is wrong, and what to do"):
        table.add_column(heading, overflow="fold")
    for problem in problems:
        words = Text(problem.message)
        words.append(f"\n{problem.hint}" if problem.hint else "", style="dim")
        severity = Text(problem.severity, style=_STYLES[problem.severity])
        table.add_row(severity, str(problem.line or ""), Text(problem.where), words)
    screen().print(table)
