"""How sentences name tables, numbers and values, wherever they are printed."""

from typing import Any

_MISTAKABLE = {"", "NULL", "true", "false"}


def place(table: str, window: str) -> str:
    """Table and window, as sentences begin; the table alone where it has no windows."""
    return table if window == "all" else f"{table} {window}"


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rows_of_sides(source: int, target: int) -> str:
    """``1 row of the source and 2 of the target``."""
    return f"{plural(source, 'row')} of the source and {target:,} of the target"


def value_text(value: Any) -> str:
    """A value as it can be told from every other: a text that could be mistaken for something else stands in quotes."""
    if isinstance(value, str):
        plain = value.isprintable() and value.strip() == value and value not in _MISTAKABLE
        return value if plain else repr(value)
    return "NULL" if value is None else str(value).lower()
