"""What the ledger makes of values comes back as the same value of the same type."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from recon_assets.ledger import resolution_json, resolution_of
from recon_assets.ledger.values import content, figure_json, figure_of, key_text
from recon_assets.model import Decision, Discrepancy, DiscrepancyKind, Resolution

VALUES = st.none() | st.booleans() | st.integers() | st.text()
FIGURES = VALUES | st.decimals() | st.floats()
ONE = Discrepancy(DiscrepancyKind.MISMATCHED, (1,), {"id": 1, "a": 1}, {"id": 1, "a": 2}, ("a",), "day")


@given(figure=FIGURES)
def test_a_figure_comes_back(figure: Any) -> None:
    """Through JSON as everybody reads it: no NaN, no Infinity."""
    stored = json.dumps(figure_json(figure), allow_nan=False)

    assert repr(figure_of(json.loads(stored))) == repr(figure)


@pytest.mark.repeats
@given(one=st.lists(VALUES), other=st.lists(VALUES))
def test_keys_are_told_apart_by_their_texts(one: list[Any], other: list[Any]) -> None:
    """1 is neither True nor '1'; and the text is one that every database takes."""
    same = list(map(repr, one)) == list(map(repr, other))

    assert (key_text(one) == key_text(other)) is same
    assert key_text(one).isascii()
    assert "\0" not in key_text(one)


@pytest.mark.parametrize(
    "other",
    [
        Discrepancy(DiscrepancyKind.DISORDERED, ONE.key, ONE.source, ONE.target, ONE.differing, "day"),
        Discrepancy(ONE.kind, (True,), ONE.source, ONE.target, ONE.differing, "day"),
        Discrepancy(ONE.kind, ONE.key, {"id": 1, "a": "1"}, ONE.target, ONE.differing, "day"),
        Discrepancy(ONE.kind, ONE.key, None, ONE.target, ONE.differing, "day"),
        Discrepancy(ONE.kind, ONE.key, ONE.source, {"id": 1, "a": 2, "b": 3}, ONE.differing, "day"),
        Discrepancy(ONE.kind, ONE.key, ONE.source, ONE.target, ("a", "id"), "day"),
        Discrepancy(ONE.kind, ONE.key, ONE.source, ONE.target, ONE.differing, "night"),
    ],
)
def test_what_differs_in_anything_is_stored_by_itself(other: Discrepancy) -> None:
    """Also where it is the same fault."""
    assert content("p", "t", other) != content("p", "t", ONE)


def test_what_is_the_same_is_stored_once() -> None:
    """In whatever order its columns come; of one table only."""
    turned = Discrepancy(ONE.kind, ONE.key, {"a": 1, "id": 1}, ONE.target, ONE.differing, "day")

    assert content("p", "t", turned) == content("p", "t", ONE) != content("p", "u", ONE)
    assert content("q", "t", ONE) != content("p", "t", ONE)


@given(
    decision=st.sampled_from(Decision),
    rows=st.lists(st.text()),
    values=st.dictionaries(st.text(), st.dictionaries(st.text(), VALUES, max_size=2), max_size=2),
)
def test_a_decision_comes_back(decision: Decision, rows: list[str], values: Any) -> None:
    """With its rows and the values typed for them."""
    chosen = Resolution(decision, tuple(rows), values)

    assert resolution_of(json.loads(json.dumps(resolution_json(chosen)))) == chosen
