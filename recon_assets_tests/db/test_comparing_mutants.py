"""What each part of the canonical text is good for: rows that differ, and would look equal without the part."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

import recon_assets
from recon_assets.dialect import canonical
from recon_assets.dialect.canonical import Cell, Spelling
from recon_assets.model import Comparison
from recon_assets.reading import measures
from recon_assets_tests.db.compared import Table, build
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Sides

pytestmark = pytest.mark.repeats

Row = tuple[Any, ...]
Mutate = Callable[[pytest.MonkeyPatch], None]
MOMENT = {"mysql": "datetime(6)"}


@dataclass(frozen=True)
class Mutant:
    """A canonical text, or digest, with one part gone; and rows that then look equal. There is no key."""

    what: str
    mutate: Mutate
    kind: str
    source: Sequence[Row]
    target: Sequence[Row]


def no_mark(patch: pytest.MonkeyPatch) -> None:
    """NULL is written as the empty text is."""
    patch.setattr(canonical, "NULL", "0:")
    patch.setattr(canonical, "END", "")


def no_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(canonical, "END", "")


def no_length(patch: pytest.MonkeyPatch) -> None:
    whole = Spelling.cell

    def cell(self: Spelling, of: Cell, column: str) -> str:
        return whole(self, replace(of, form=replace(of.form, length_prefixed=False)), column)

    patch.setattr(Spelling, "cell", cell)


def rewritten(how: str) -> Mutate:
    """Each value is written in another way."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        whole = Spelling.template
        patch.setattr(Spelling, "template", lambda self, cell: how.format(whole(self, cell)))

    return mutate


def swapped(patch: pytest.MonkeyPatch) -> None:
    """One side writes its columns in another order."""
    whole = Spelling.row

    def row(self: Spelling, cells: Sequence[Cell], columns: Sequence[str]) -> str:
        turned = -1 if self is canonical.SPELLING_MYSQL else 1
        return whole(self, cells[::turned], columns[::turned])

    patch.setattr(Spelling, "row", row)


def exclusive(patch: pytest.MonkeyPatch) -> None:
    """Digests are not added up, but cancel each other."""
    patch.setattr(measures, "total", sa.func.bit_xor)


X, Y, Z = (1, 1), (2, 2), (3, 3)
AT = datetime.fromisoformat("2024-02-29 12:00:00.123456")
MUTANTS = (
    Mutant("the mark of NULL", no_mark, "varchar(9)", [("a", None)], [("a", "")]),
    Mutant("what ends a number", no_end, "integer", [(1, 23)], [(12, 3)]),
    Mutant("the length of a text", no_length, "varchar(9)", [("a;b", "c")], [("a", "b;c")]),
    Mutant(
        "digits after the second",
        rewritten("SUBSTR({}, 1, 19)"),
        "timestamp",
        [(AT, AT)],
        [(AT, AT.replace(microsecond=0))],
    ),
    Mutant(
        "the last digits",
        rewritten("SUBSTR({}, 1, 4)"),
        "numeric(9,4)",
        [(Decimal("1.2345"), 1)],
        [(Decimal("1.2346"), 1)],
    ),
    Mutant("case", rewritten("LOWER({})"), "varchar(9)", [("a", "b")], [("a", "B")]),
    Mutant("spaces at the end", rewritten("RTRIM({})"), "varchar(9)", [("a", "b")], [("a", "b ")]),
    Mutant("the order of columns", swapped, "integer", [(1, 2)], [(2, 1)]),
    Mutant("the sum", exclusive, "integer", [X, X, Z], [Y, Y, Z]),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_no_part_can_go(both: Both, mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are told apart; without the part in question they would not be."""
    sides = both("postgresql", "mysql")
    for side, rows in ((sides.source, mutant.source), (sides.target, mutant.target)):
        declared = MOMENT.get(side.name, mutant.kind) if mutant.kind == "timestamp" else mutant.kind
        build(side, Table("t", {"a": declared, "b": declared}, rows))

    assert not compared(sides).equal
    mutant.mutate(monkeypatch)
    assert compared(sides).equal


def compared(sides: Sides) -> Comparison:
    return recon_assets.compare(sides.source.url, "t", sides.target.url, "t", key=[])
