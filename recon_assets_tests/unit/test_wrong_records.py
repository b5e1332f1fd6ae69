"""What the records of one key say, and putting rows aside until a key is complete."""

from decimal import Decimal
from itertools import permutations, product

import pytest
from hypothesis import given, strategies as st

from recon_assets.dialect.common_form import Form
from recon_assets.diff import spool as spool_module
from recon_assets.diff.column_reader import Reader
from recon_assets.diff.records import RecordReader
from recon_assets.diff.repeated_keys import _most_pairs, without_counterpart
from recon_assets.diff.spool import Row, key_of, spool, text_of
from recon_assets.diff.wrong_records import wrong_records
from recon_assets.model import DiscrepancyKind, Kind, Rule, Type
from recon_assets.values import Marked

INTEGER, NUMBER = Type(Kind.INTEGER, "bigint"), Type(Kind.DECIMAL, "numeric")
KEY = Reader("id", Form(Kind.INTEGER, length_prefixed=False), INTEGER, INTEGER)
PLAIN = Reader("v", Form(Kind.DECIMAL, length_prefixed=False), NUMBER, NUMBER)
NEAR = Reader(
    "v",
    Form(Kind.DECIMAL, length_prefixed=False, different_text_proves_different=False),
    NUMBER,
    NUMBER,
    Rule(abs=Decimal(1)),
)


def rows(source: list[str], target: list[str]) -> list[Row]:
    return [
        *(Row("source", "all", f"1;{value};") for value in source),
        *(Row("target", "all", f"1;{value};") for value in target),
    ]


def said(source: list[str], target: list[str], *, repeated: bool = False, value: Reader = PLAIN) -> dict[str, int]:
    """How many records of each kind of wrong."""
    reader = RecordReader((KEY, value), (0,))
    found = [wrong.kind for wrong in wrong_records(reader, rows(source, target), repeated=repeated)]
    return {kind.value: found.count(kind) for kind in dict.fromkeys(found)}


@pytest.mark.parametrize(
    ("source", "target", "repeated", "expected"),
    [
        pytest.param(["1"], ["1"], False, {}, id="equal"),
        pytest.param(["1.50"], ["1.5"], False, {}, id="equal by value"),
        pytest.param(["1"], ["2"], False, {"mismatched": 1}, id="different"),
        pytest.param(["1"], [], False, {"missing": 1}, id="missing"),
        pytest.param([], ["1"], False, {"extra": 1}, id="extra"),
        pytest.param(["1"], ["2"], True, {"missing": 1, "extra": 1}, id="different, and an equal pair elsewhere"),
        pytest.param(["1", "2"], ["3"], True, {"missing": 2, "extra": 1}, id="two and a different one"),
        pytest.param(["1", "2"], ["2"], True, {"missing": 1}, id="two and an equal one"),
        pytest.param(["1", "1"], ["1"], True, {"missing": 1}, id="a copy too few"),
        pytest.param(["1"], ["1", "1", "1"], True, {"extra": 2}, id="copies too many"),
        pytest.param(["NaN", "NaN"], ["NaN", "1"], True, {"missing": 1, "extra": 1}, id="NaN equals NaN"),
    ],
)
def test_records_of_one_key(source: list[str], target: list[str], repeated: bool, expected: dict[str, int]) -> None:  # noqa: FBT001
    """One of each side are compared; more are multisets, of which the surplus is missing or extra."""
    assert said(source, target, repeated=repeated) == expected


@pytest.mark.parametrize("source", list(permutations(["1", "2", "3"])))
@pytest.mark.parametrize("target", list(product(["1", "2", "3", "4"], repeat=3)))
def test_as_many_as_can_be_are_paired_within_a_tolerance(source: tuple[str, ...], target: tuple[str, ...]) -> None:
    """Whatever their order: 2 is near to 1 and to 3, and must leave each its only partner."""
    best = max(
        sum(abs(int(left) - int(right)) <= 1 for left, right in zip(source, order, strict=True))
        for order in permutations(target)
    )
    table = RecordReader((KEY, NEAR), (0,))

    left = [row.role for row in without_counterpart(table, rows(list(source), list(target)))]

    assert (left.count("source"), left.count("target")) == (3 - best, 3 - best)


def test_a_text_that_spells_a_mark_is_another_key() -> None:
    """Though neither is a number, as which a rule reads both."""
    form = Form(Kind.DECIMAL, True, False, False)  # noqa: FBT003 - as `as` makes it
    text = Type(Kind.TEXT, "text")
    table = RecordReader((Reader("v", form, text, text, Rule(read_as="number")),), (0,))
    marked, spelled = (Row("source", "all", f"{mark}9:!greek:D2") for mark in ("!", ""))
    assert table.key_of(marked) != table.key_of(spelled)
    assert table.key_of(spelled) == table.key_of(spelled)


@given(st.lists(st.tuples(st.none() | st.integers(-(2**70), 2**70) | st.text(max_size=3), st.booleans()), max_size=60))
def test_rows_of_one_key_come_together(found: list[tuple[int | str | None, bool]]) -> None:
    """Each key once, with all of its rows; integers by size, texts after them, NULL first."""
    with spool(1) as leftovers:
        for key, left in found:
            leftovers.add((spool_module._stored(key),), Row("source" if left else "target", "all", ""))
        groups = [(key, sum(row.copies for row in rows)) for (key,), _, rows in leftovers.groups()]

    stored = [str(key) if isinstance(key, int) and abs(key) >= 2**63 else key for key, _ in found]
    assert dict(groups) == {key: stored.count(key) for key in stored}
    small = [key for key, _ in groups if isinstance(key, int)]
    assert small == sorted(small)
    assert [key for key, _ in groups if key is None] == [key for key, _ in groups[:1] if key is None]


def test_pages_are_written_as_they_fill(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is put aside does not stay in memory."""
    monkeypatch.setattr(spool_module, "_PAGE", 10)
    with spool(1) as leftovers:
        for number in range(25):
            leftovers.add((number,), Row("source", "all", "x"))
        assert len(leftovers.page) == 5
        for number in range(25):
            leftovers.mark_repeated((number,), "all")
        assert len(leftovers.page) == 0
        assert [(key, repeated) for key, repeated, _ in leftovers.groups()] == [
            ((number,), "all") for number in range(25)
        ]


def test_keys_of_integers_are_integers() -> None:
    """So that they sort by size; what an integer column of SQLite holds besides stays a text."""
    assert key_of(["10", None, "!61", "7"], [True, True, True, False]) == (10, None, "!61", "7")


def test_what_is_no_value_is_no_text_in_a_key_either() -> None:
    """And is asked for by the text that it came from."""
    key = key_of([Marked("!b61"), "!b61"], [False, False])

    assert key == (b"!b61", "!b61")
    assert list(map(text_of, (*key, 7, None))) == [Marked("!b61"), "!b61", "7", None]


def test_kinds_are_those_of_the_results() -> None:
    """The names under which a comparison holds its records."""
    assert [kind.value for kind in DiscrepancyKind][:3] == ["missing", "extra", "mismatched"]


def test_large_integers_stay_what_they_are_under_a_rule() -> None:
    """Also those that a float would hold: 2**60 is no 1.152921504606847E+18."""
    exact = Reader("v", NEAR.form, NUMBER, NUMBER, Rule(abs=Decimal(0)))
    assert not exact.same("1152921504606846976", "1152921504606847000")
    assert NEAR.same("1152921504606846976", "1152921504606846977")


def test_what_nobody_can_read_equals_its_own_text_where_texts_decide() -> None:
    """MySQL's 25 hours, one to one as in a multiset; where a rule says what to read, it equals nothing."""
    hours = Type(Kind.TIME, "time")
    times = Reader("v", Form(Kind.TIME, length_prefixed=False), hours, hours)
    assert times.value("25:00:00", "source") == times.value("25:00:00", "target")
    vague = Reader(
        "v",
        Form(Kind.DECIMAL, length_prefixed=True, equal_text_proves_equal=False),
        NUMBER,
        NUMBER,
        Rule(read_as="number"),
    )
    assert vague.value("abc", "source") != vague.value("abc", "target")


def test_keys_beyond_64_bits_are_the_same_everywhere() -> None:
    """They are kept as texts, on disk and in memory."""
    assert key_of([str(2**63), str(2**63 - 1)], [True, True]) == (str(2**63), 2**63 - 1)


def test_many_rows_of_one_key_are_paired_without_end_of_the_stack() -> None:
    """A chain of near values, each of which must give way to the next."""
    long = 2000
    paired = _most_pairs([*([at, at + 1] for at in range(long)), [0]])
    assert paired == {0: long, **{at + 1: at for at in range(long)}}
