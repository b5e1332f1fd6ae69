"""Rows kept on disk until all of one key are together; memory holds a page of them and a small cache."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any, NamedTuple

from recon_assets.diff.column_reader import Role
from recon_assets.values import Marked

ROLES: tuple[Role, Role] = ("source", "target")
_PAGE = 2000
_LARGEST = 2**63
KeyPart = int | str | bytes | None
Key = tuple[KeyPart, ...]


class Row(NamedTuple):  # as quick to make as a tuple: there is one for each row that is put aside
    """One record of one side: the window it stands in, the texts of its cells, and how often it stands there."""

    role: Role
    window: str
    line: str
    copies: int = 1


@dataclass
class Spool:
    """Rows by key, in a temporary file."""

    connection: sqlite3.Connection
    width: int
    page: list[tuple[Any, ...]] = field(default_factory=list)

    def add(self, key: Key, row: Row) -> None:
        """Put one row aside."""
        self._add(*key, row.role, row.window, row.line, row.copies)

    def mark_repeated(self, key: Key, window: str) -> None:
        """Remember that a key stands more than once on a side, and in which window first."""
        self._add(*key, "", window, "", 1)

    def _add(self, *row: Any) -> None:
        self.page.append(row)
        if len(self.page) >= _PAGE:
            self._write()

    def groups(self) -> Iterator[tuple[Key, str | None, Iterator[Row]]]:
        """Each key, the window in which it is repeated, and its rows: the source's, then the target's.

        NULL comes first, then integers by size, then texts. Identical rows are one, with all their copies.
        """
        self._write()
        columns = ", ".join(f"c{at}" for at in range(self.width + 3))
        # Numbers and names of our own only.
        select = f"SELECT {columns}, sum(copies) FROM spool GROUP BY {columns} ORDER BY {columns}"  # noqa: S608
        for key, group in groupby(self.connection.execute(select), key=lambda row: row[: self.width]):
            rows, repeated = iter(group), None
            first = next(rows, None)
            while first and not first[self.width]:
                repeated = repeated or first[self.width + 1]
                first = next(rows, None)
            rows = chain([first] if first else [], rows)
            yield key, repeated, (Row(*row[self.width :]) for row in rows)

    def keys(self, most: int) -> list[Key]:
        """Some of the keys, each once."""
        self._write()
        columns = ", ".join(f"c{at}" for at in range(self.width))
        found = self.connection.execute(f"SELECT DISTINCT {columns} FROM spool LIMIT {most}")  # noqa: S608 - as above
        return [tuple(row) for row in found]

    def make_searchable(self) -> None:
        """From now on `holds` is quick, and nothing is added any more."""
        self._write()
        columns = ", ".join(f"c{at}" for at in range(self.width))
        self.connection.execute(f"CREATE INDEX keys ON spool ({columns})")

    def holds(self, key: Key) -> bool:
        """Whether rows of this key have been put aside."""
        same = " AND ".join(f"c{at} IS ?" for at in range(self.width))
        found = self.connection.execute(f"SELECT 1 FROM spool WHERE {same} LIMIT 1", key)  # noqa: S608 - as above
        return found.fetchone() is not None

    def _write(self) -> None:
        places = ", ".join("?" * (self.width + 4))
        self.connection.executemany(f"INSERT INTO spool VALUES ({places})", self.page)  # noqa: S608 - marks only
        self.page.clear()


@contextmanager
def spool(width: int) -> Iterator[Spool]:
    """An empty one for keys of ``width`` columns; its file is gone with it."""
    with closing(temporary_file()) as connection:
        columns = ", ".join(f"c{at}" for at in range(width + 3))
        connection.execute(f"CREATE TABLE spool ({columns}, copies)")
        yield Spool(connection, width)


def temporary_file() -> sqlite3.Connection:
    """A database in a file without a name, that is removed when it is closed.

    Nothing in it outlives the process, so nothing is journalled.
    """
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8000", "temp_store = FILE"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("BEGIN")  # or each row would be a transaction of its own
    return connection


def _stored(part: KeyPart) -> KeyPart:
    return str(part) if isinstance(part, int) and not -_LARGEST <= part < _LARGEST else part


def text_of(part: KeyPart) -> str | None:
    """The text from which `key_of` made a part of a key."""
    return Marked(part.decode()) if isinstance(part, bytes) else None if part is None else str(part)


def key_of(texts: Sequence[str | None], integers: Sequence[bool]) -> Key:
    """The key in a form that sorts: integers as such, and as binary data what equals no text."""
    return tuple(
        _stored(int(text))
        if integer and text is not None and text.lstrip("-").isdecimal()
        else text.encode()
        if isinstance(text, Marked)
        else text
        for text, integer in zip(texts, integers, strict=True)
    )
