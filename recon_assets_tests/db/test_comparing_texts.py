"""Canonical texts and their digests: other rows have other ones, equal rows the same, on every database."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import product

import sqlalchemy as sa

from recon_assets import dialect
from recon_assets.dialect.canonical import Cell, md5_text, row_text
from recon_assets.dialect.common_form import common_form
from recon_assets.model import Database, Kind, Rule, Type
from recon_assets_tests.db.compared import Table, build
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, Name, Side

Row = tuple[str | None, str | None]

# All that a careless text could take for one another: the mark of NULL, what ends a cell, lengths, escapes.
CONFUSING = (
    *(
        None,
        "",
        " ",
        ";",
        ";;",
        "~",
        "~;",
        "~;~;",
        ":",
        "0:",
        "1:",
        "1",
        "12",
        "1:a",
        "2:~;",
        "a",
        "a;",
        "A",
        "a ",
        "=a",
    ),
    *("\\", "\\N", "\\\\", "NULL", "null", "<null>", "\x01", "\x1f", "|", ",", "'", '"', "\t", "\n", "\r\n"),
    *("\u2028", "\u00a0", "\u200b", "\ufeff", "é", "e\u0301", "é;", "🙂", "ß", "ss", "\uffff"),
)
ROWS: Sequence[Row] = tuple(product(CONFUSING, CONFUSING))
TYPES: Mapping[Name, str] = {"postgresql": "text", "mysql": "text", "duckdb": "varchar", "sqlite": "text"}


def test_other_rows_have_other_digests_and_equal_rows_the_same(both: Both) -> None:
    """No two rows of confusing values have one digest, and all databases digest a row alike."""
    found = {name: digests(both(name, name).source) for name in SOURCES}

    for name, digested in found.items():
        assert len(set(digested.values())) == len(ROWS), name
        assert digested == {row: _md5(row) for row in ROWS}, name


def digests(side: Side) -> dict[Row, str]:
    numbered = [(number, *row) for number, row in enumerate(ROWS)]
    build(side, Table("t", {"id": "integer", "a": TYPES[side.name], "b": TYPES[side.name]}, numbered))
    text = Type(Kind.TEXT, TYPES[side.name])
    table = sa.table("t", *map(sa.column, ("id", "a", "b")))
    cells = [Cell(table.c[name], text, common_form(text, text, Rule(), same_dialect=False)) for name in ("a", "b")]
    engine = dialect.engine(Database("side", side.url), role="source")
    with engine.connect() as connection:
        rows = connection.execute(sa.select(table.c.id, md5_text(row_text(cells)))).all()
    engine.dispose()
    return {ROWS[number]: text.decode() if isinstance(text, bytes) else text for number, text in rows}


def _md5(row: Row) -> str:
    """As the module says it: a mark for NULL, else the length in bytes before the text."""
    cells = ("~;" if text is None else f"{len(text.encode())}:{text}" for text in row)
    return hashlib.md5("".join(cells).encode(), usedforsecurity=False).hexdigest()
