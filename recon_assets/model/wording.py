"""How sentences name tables and numbers, wherever they are printed."""


def place(table: str, window: str) -> str:
    """Table and window, as sentences begin; the table alone where it has no windows."""
    return table if window == "all" else f"{table} {window}"


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def rows_of_sides(source: int, target: int) -> str:
    """``1 row of the source and 2 of the target``."""
    return f"{plural(source, 'row')} of the source and {target:,} of the target"
