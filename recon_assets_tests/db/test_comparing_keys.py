"""Keys, duplicates and empty sides: what is missing, extra and mismatched is counted as people would by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

import recon_assets
from recon_assets.errors import DeclarationError
from recon_assets.model import Comparison
from recon_assets_tests.db.compared import Given, Table, build
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Sides
from recon_assets_tests.db.test_comparing_random import RING

pytestmark = pytest.mark.repeats

Row = tuple[Any, ...]
COLUMNS = {"a": "integer", "b": "varchar(20)", "c": "integer"}
LOOSE = {"mysql": "varchar(20) COLLATE utf8mb4_general_ci", "sqlite": "text COLLATE nocase"}


@dataclass(frozen=True)
class Case:
    """Rows of both sides, and the keys that are wrong."""

    what: str
    source: Sequence[Row]
    target: Sequence[Row]
    missing: Sequence[Row] = ()
    extra: Sequence[Row] = ()
    mismatched: Sequence[Row] = ()
    twice: int = 0
    key: Sequence[str] = ("a",)
    rules: Given = field(default_factory=dict)

    @property
    def expected(self) -> tuple[Any, ...]:
        """Keys by kind, duplicates, and the counts of both sides."""
        kinds = tuple(map(list, (self.missing, self.extra, self.mismatched)))
        return *kinds, self.twice, len(self.source), len(self.target)


X, Y, Z = (1, "x", 1), (2, "y", 2), (3, "z", 3)
NOBODY = (None, None, 0)
CASES = (
    Case("nothing", [], []),
    Case("nothing and no key", [], [], key=()),
    Case("an empty target", [X, Y], [], missing=[(1,), (2,)]),
    Case("an empty source", [], [X, Y], extra=[(1,), (2,)]),
    Case("the same in another order", [X, Y, Z], [Z, X, Y]),
    Case("a row lost", [X, Y], [X], missing=[(2,)]),
    Case("a row invented", [X], [X, Y], extra=[(2,)]),
    Case("a row changed", [X, Y], [X, (2, "y", 9)], mismatched=[(2,)]),
    Case("values swapped between rows", [X, Y], [(1, "y", 1), (2, "x", 2)], mismatched=[(1,), (2,)]),
    Case(
        "numbers swapped within rows", [(1, "x", 2), (2, "x", 1)], [(1, "x", 1), (2, "x", 2)], mismatched=[(1,), (2,)]
    ),
    Case("values swapped, no key", [X, Y], [(1, "y", 1), (2, "x", 2)], [X, Y], [(1, "y", 1), (2, "x", 2)], key=()),
    Case("values swapped, a key twice", [X, (1, "y", 2)], [(1, "y", 1), (1, "x", 2)], [(1,)] * 2, [(1,)] * 2, twice=1),
    Case(
        "a pair swapped, a key of NULL",
        [(None, "x", 1), (None, "y", 2)],
        [(None, "y", 1), (None, "x", 2)],
        [(None,)] * 2,
        [(None,)] * 2,
        twice=1,
    ),
    Case("NULL is a key", [(None, "x", 1), X], [(None, "x", 2), X], mismatched=[(None,)]),
    Case("NULL is not the empty text", [(1, None, 1)], [(1, "", 1)], [(1, None)], [(1, "")], key=("a", "b")),
    Case(
        "NULL in a part of a key",
        [(1, None, 1), (1, "x", 1)],
        [(1, None, 2), (1, "x", 1)],
        mismatched=[(1, None)],
        key=("a", "b"),
    ),
    Case("NULL keys twice", [NOBODY, NOBODY], [NOBODY], missing=[(None, None)], twice=1, key=("a", "b")),
    Case("keys differ by case", [(1, "k", 1)], [(1, "K", 1)], [("k",)], [("K",)], key=("b",)),
    Case("keys differ by an accent", [(1, "e", 1)], [(1, "é", 1)], [("e",)], [("é",)], key=("b",)),
    Case("keys differ by a space", [(1, "k", 1)], [(1, "k ", 1)], [("k",)], [("k ",)], key=("b",)),
    Case("both cases are keys", [(1, "k", 1), (1, "K", 2)], [(1, "K", 2), (1, "k", 1)], key=("b",)),
    Case("a key of all columns", [X, Y], [X, Z], [Y], [Z], key=("a", "b", "c")),
    Case("columns of a key change places", [(1, "x", 2)], [(2, "x", 1)], [(1, 2)], [(2, 1)], key=("a", "c")),
    Case("keys run together", [(1, "1", 11)], [(11, "1", 1)], [("1", 11)], [("1", 1)], key=("b", "c")),
    Case("a key twice on both sides", [X, X, Y], [Y, X, X], twice=1),
    Case("a key twice in the source", [X, X], [X], missing=[(1,)], twice=1),
    Case("a key twice in the target", [X], [X, X, X], extra=[(1,), (1,)], twice=1),
    Case("two and a different one", [X, (1, "y", 1)], [(1, "z", 1)], [(1,), (1,)], [(1,)], twice=1),
    Case("two and one of them", [X, (1, "y", 1)], [(1, "y", 1)], missing=[(1,)], twice=1),
    Case("pairs that cancel each other", [X, X], [(1, "z", 9), (1, "z", 9)], [(1,), (1,)], [(1,), (1,)], twice=1),
    Case("no key", [X, Y, Y], [Y, X, Z], missing=[Y], extra=[Z], key=()),
    Case("no key, and pairs that cancel each other", [X, X], [Y, Y], [X, X], [Y, Y], key=()),
    Case("no key, in another order", [X, Y, X], [X, X, Y], key=()),
    Case("order of keys", [(10, "x", 1), (9, "x", 1), (None, "x", 1), (-1, "x", 1)], [], [(None,), (-1,), (9,), (10,)]),
    Case(
        "order of texts",
        [(1, text, 1) for text in ("b", "a", "B", "é", "")],
        [],
        [("",), ("B",), ("a",), ("b",), ("é",)],
        key=("b",),
    ),
    Case(
        "a rule of the key",
        [(1, "K ", 1)],
        [(1, "k", 2)],
        mismatched=[("K ",)],
        key=("b",),
        rules={"b": {"ignore_case": True, "strip": True}},
    ),
    Case(
        "a rule makes a key stand twice",
        [(1, "K", 1), (1, "k", 2)],
        [(1, "k", 2)],
        missing=[("K",)],
        twice=1,
        key=("b",),
        rules={"b": {"ignore_case": True}},
    ),
    Case(
        "a tolerance, and a key twice",
        [(1, "x", 10), (1, "x", 20)],
        [(1, "x", 21), (1, "x", 11)],
        twice=1,
        rules={"c": {"abs": "1"}},
    ),
    Case(
        "a tolerance, and who takes whom",
        [(1, "x", 11), (1, "x", 10)],
        [(1, "x", 10), (1, "x", 12)],
        twice=1,
        rules={"c": {"abs": "1"}},
    ),
)


@pytest.mark.parametrize("declared", ["integer", "integer NOT NULL PRIMARY KEY"])
def test_swapped_values_are_found(both: Both, declared: str) -> None:
    """Count, sums and exclusive ors of all columns are as they were."""
    sides = both("postgresql", "postgresql")
    rows = [(number, f"{number:03}", number * number) for number in range(300)]
    build(sides.source, Table("t", {**COLUMNS, "a": declared}, rows))
    build(sides.target, Table("t", {**COLUMNS, "a": declared}, rows))
    sides.target.run("UPDATE t SET c = CASE a WHEN 7 THEN 289 ELSE 49 END WHERE a IN (7, 17)")

    found = recon_assets.compare(sides.source.url, "t", sides.target.url, "t", key=["a"])

    assert [(each.key, *each.differing) for each in found.mismatched] == [((7,), "c"), ((17,), "c")]


@pytest.mark.parametrize(("source", "target"), RING)
def test_keys(both: Both, source: Name, target: Name) -> None:
    """Every case is counted so on every pair of databases."""
    sides = both(source, target)
    fill(sides, {"b": LOOSE.get(source, "varchar(20)")}, {"b": LOOSE.get(target, "varchar(20)")})

    found = {case.what: keys(compared(sides, f"t{at}", case)) for at, case in enumerate(CASES)}

    assert found == {case.what: case.expected for case in CASES}


REFUSED = (
    pytest.param({"key": ["a"], "rules": {"a": {"abs": "1"}}}, "a: .*tolerance", id="a tolerance in a key"),
    pytest.param({"key": [], "rules": {"a": {"rel": "1"}}}, "a: .*tolerance", id="a tolerance without a key"),
    pytest.param({"key": ["a"], "rules": {"b": {"abs": "1"}}}, "b: abs", id="a tolerance of texts"),
    pytest.param({"key": ["a"], "rules": {"c": {"strip": True}}}, "c: strip", id="strip of numbers"),
    pytest.param({"key": ["a"], "rules": {"c": {"near": 1}}}, "near", id="no such rule"),
    pytest.param({"key": ["a"], "rename": {"b": "c", "c": "b"}}, "no common meaning", id="texts and numbers"),
    pytest.param({"key": ["d"]}, "no column 'd'", id="no such column"),
)


@pytest.mark.parametrize(("arguments", "said"), REFUSED)
def test_refused(both: Both, arguments: Given, said: str) -> None:
    """What cannot be compared is refused with a sentence that names the column."""
    sides = both("postgresql", "sqlite")
    for side in (sides.source, sides.target):
        build(side, Table("t", {**COLUMNS, "b": "varchar(20)"}, [X]))

    with pytest.raises(DeclarationError, match=said):
        recon_assets.compare(sides.source.url, "t", sides.target.url, "t", **arguments)


def fill(sides: Sides, source: Given, target: Given) -> None:
    tables = [[Table(f"t{at}", {**COLUMNS, **source}, case.source) for at, case in enumerate(CASES)]]
    tables += [[Table(f"t{at}", {**COLUMNS, **target}, case.target) for at, case in enumerate(CASES)]]
    for side, made in zip((sides.source, sides.target), tables, strict=True):
        build(side, *made)


def compared(sides: Sides, table: str, case: Case) -> Comparison:
    return recon_assets.compare(sides.source.url, table, sides.target.url, table, key=list(case.key), rules=case.rules)


def keys(found: Comparison) -> tuple[Any, ...]:
    kinds = ([each.key for each in of] for of in (found.missing, found.extra, found.mismatched))
    assert found.counts.source - found.counts.missing == found.counts.target - found.counts.extra
    assert found.complete
    return *kinds, found.duplicate_keys, found.counts.source, found.counts.target
