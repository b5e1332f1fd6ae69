"""Cases, what may happen to them, and what a table's policy allows."""

import re
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

from recon_assets.errors import DeclarationError
from recon_assets.model import (
    TRANSITIONS,
    Action,
    AutoAction,
    CaseEventType,
    CaseId,
    Change,
    Changes,
    Discrepancy,
    DiscrepancyKind,
    Finding,
    Policy,
    Severity,
    State,
    may_follow,
)

PAGE = Path(__file__).parents[2] / "docs" / "repairing.md"
MISSING = CaseId("flights", "2013-03-10", "missing")


def test_a_case_is_named_by_table_window_and_kind() -> None:
    assert str(MISSING) == "flights/2013-03-10/missing"
    assert CaseId.parse(str(MISSING)) == MISSING
    assert MISSING.of_records is DiscrepancyKind.MISSING
    assert CaseId("flights", "all", "count").of_records is None


@pytest.mark.parametrize("text", ["", "flights", "flights/2013-03-10", "a/b/c/d", "flights//missing", "//"])
def test_what_names_no_case_is_refused(text: str) -> None:
    with pytest.raises(DeclarationError, match="expected table/day/kind"):
        CaseId.parse(text)


def test_a_case_is_closed_in_every_state_in_which_nothing_is_left_to_do() -> None:
    assert {state for state in State if state.closed} == {
        State.APPLIED,
        State.ACCEPTED,
        State.RESOLVED,
        State.ROLLED_BACK,
    }


@pytest.mark.parametrize(("state", "act"), list(product([None, *State], CaseEventType)))
def test_what_is_no_transition_is_refused(state: State | None, act: CaseEventType) -> None:
    """A case begins by being found; remarks come at any time after that and change no state."""
    ways = [each for each in TRANSITIONS if (each.before, each.event) == (state, act)]

    assert len(ways) + (act.remark and state is not None) == may_follow(state, act)
    for way in ways:
        assert (act.leads_to or state) is way.after


def test_every_state_is_reached_and_none_is_a_dead_end() -> None:
    for state in State:
        assert any(way.after is state is not way.before for way in TRANSITIONS)
        assert any(way.before is state is not way.after for way in TRANSITIONS)


def test_the_docs_show_every_transition() -> None:
    """In the table's order, in its words."""
    shown = re.findall(r"^\| `?(\w+|-)`? \| `(\w+)` \| `(\w+)` \| (.*) \|$", PAGE.read_text(), re.MULTILINE)

    assert shown == [(way.before or "-", way.event, way.after, way.why) for way in TRANSITIONS]


def test_nothing_is_corrected_unless_it_is_declared() -> None:
    kinds = [*(kind.value for kind in DiscrepancyKind), "count"]
    assert {Policy().of(CaseId("t", "all", kind)) for kind in kinds} == {AutoAction.REVIEW}


def test_a_policy_is_by_kind_and_figures_are_a_kind_of_their_own() -> None:
    policy = Policy(missing=AutoAction.APPLY, figures=AutoAction.IGNORE)

    assert policy.of(MISSING) is AutoAction.APPLY
    assert policy.of(CaseId("flights", "all", "extra")) is AutoAction.REVIEW
    assert policy.of(CaseId("flights", "all", "count")) is AutoAction.IGNORE


@pytest.mark.parametrize(
    ("wrong", "of", "said"),
    [
        (0, 0, None),
        (10, 100, None),
        (11, 100, "11 of 100 records, and at most 10% are corrected without a person (at_most_share)"),
        (1, 9, "1 of 9 records"),
        (1000, 10_000, None),
        (1001, 1_000_000, "1,001 records, and at most 1,000 are corrected without a person (at_most)"),
    ],
)
def test_the_fuse_is_a_number_and_a_share(wrong: int, of: int, said: str | None) -> None:
    """Exactly as many as allowed pass, one more does not; the sentence names the limit that was met."""
    found = Policy(at_most=1000, at_most_share=Decimal("0.1")).limit_exceeded(wrong, of)

    assert found is None if said is None else found is not None and found.startswith(said)


BEFORE, AFTER = {"id": "1", "price": "2"}, {"id": "1", "price": None}


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [(None, AFTER, Action.INSERT), (BEFORE, AFTER, Action.UPDATE), (BEFORE, None, Action.DELETE)],
)
def test_the_inverse_of_a_change_undoes_it(
    before: dict[str, str | None] | None, after: dict[str, str | None] | None, action: Action
) -> None:
    change = Change("t", {"id": "1"}, before, after)

    assert change.action is action
    assert (change.inverse.before, change.inverse.after) == (after, before)
    assert change.inverse.inverse == change


def test_many_changes_are_what_each_of_them_is() -> None:
    """However few names of columns are held for them."""
    changes = [
        Change("t", {"id": str(at)}, before, after)
        for at, (before, after) in enumerate([(None, AFTER), (BEFORE, AFTER), (BEFORE, None), (None, AFTER)])
    ]

    held = Changes.of(changes)

    assert list(held) == changes
    assert (len(held), len(held.shapes)) == (4, 3)
    assert (held[-1], list(held[1:3])) == (changes[-1], changes[1:3])


def test_a_fault_has_a_fingerprint_of_its_values() -> None:
    """What differs decides, and nothing else: neither the key nor a value on which both sides agree."""
    one = Discrepancy(DiscrepancyKind.MISMATCHED, (1,), {"a": 1, "b": 2}, {"a": 3, "b": 2}, ("a",))
    agreeing = Discrepancy(DiscrepancyKind.MISMATCHED, (1,), {"a": 1, "b": 9}, {"a": 3, "b": 9}, ("a",))
    moved = Discrepancy(DiscrepancyKind.MISMATCHED, (1,), {"a": 1, "b": 2}, {"a": 4, "b": 2}, ("a",))
    missing = Discrepancy(DiscrepancyKind.MISSING, (1,), {"a": 1})
    text = Discrepancy(DiscrepancyKind.MISSING, (1,), {"a": "1"})

    assert one.fingerprint == agreeing.fingerprint != moved.fingerprint
    assert one.id("t") == moved.id("t") != one.id("u")
    assert missing.fingerprint != text.fingerprint


@pytest.mark.parametrize(
    ("facts", "failed"),
    [
        ({"passed": True}, False),
        ({"passed": False, "severity": Severity.LOW}, True),
        ({"passed": False, "error": "no connection"}, False),
        ({"passed": False, "accepted": "ana: as agreed"}, False),
    ],
)
def test_only_what_is_known_to_be_wrong_has_failed(facts: dict[str, object], failed: object) -> None:
    assert Finding("count", "t", "all", summary="t: said", **facts).failed is failed  # type: ignore[arg-type]
