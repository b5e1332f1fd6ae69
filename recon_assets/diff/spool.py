"""Rows put aside until all of one key are together, on disk when there are many."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from recon_assets.diff.values import Role

_PAGE = 5000
_LARGEST = 2**63
Part = int | str | None
Key = tuple[Part, ...]


@dataclass(frozen=True)
class Row:
    """One record of one side: the window it stands in, and the texts of its cells."""

    role: Role
    window: str
    line: str


@dataclass
class Spool:
    """Rows by key; memory holds a page of them and a small cache, the disk the rest."""

    connection: sqlite3.Connection
    width: int
    page: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, key: Key, row: Row) -> None:
        """Put one row aside."""
        self.page.append((*key, row.role, row.window, row.line))
        if len(self.page) >= _PAGE:
            self._write()

    def groups(self) -> Iterator[tuple[Key, list[Row]]]:
        """All rows of one key together, the source's first; integers and texts in their order, NULL before them."""
        self._write()
        order = ", ".join(str(at + 1) for at in range(self.width + 3))
        rows = self.connection.execute(f"SELECT * FROM spool ORDER BY {order}")  # noqa: S608 - numbers only
        for key, group in groupby(rows, key=lambda row: row[: self.width]):
            yield key, [Row(*row[self.width :]) for row in group]

    def _write(self) -> None:
        places = ", ".join("?" * (self.width + 3))
        self.connection.executemany(f"INSERT INTO spool VALUES ({places})", self.page)  # noqa: S608 - marks only
        self.page.clear()


@contextmanager
def spool(width: int) -> Iterator[Spool]:
    """An empty one for keys of ``width`` columns; its file is gone with it."""
    with closing(sqlite3.connect("", isolation_level=None)) as connection:
        columns = ", ".join(f"c{at}" for at in range(width + 3))
        connection.execute(f"CREATE TABLE spool ({columns})")
        connection.execute("PRAGMA cache_size = -16000")
        yield Spool(connection, width)


def _stored(part: Part) -> Part:
    return str(part) if isinstance(part, int) and not -_LARGEST <= part < _LARGEST else part


def key_of(texts: Sequence[str | None], integers: Sequence[bool]) -> Key:
    """The key in a form that sorts: integers as such."""
    return tuple(
        _stored(int(text)) if integer and text is not None and text.lstrip("-").isdecimal() else text
        for text, integer in zip(texts, integers, strict=True)
    )
