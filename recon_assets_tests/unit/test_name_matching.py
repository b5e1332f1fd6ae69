"""Names of two conventions are paired where they leave no choice, and never two to one."""

import pytest
from hypothesis import given, strategies as st

from recon_assets.reading.name_matching import NameRule, match_names, plain_name

EQUAL, ALIKE, PLURAL, PREFIX = NameRule


@pytest.mark.parametrize(
    ("source", "target", "rule"),
    [
        ("total", "total", EQUAL),
        ("lastName", "lastname", ALIKE),
        ("UnitPrice", "unit_price", ALIKE),
        ("INVOICE_LINE", "InvoiceLine", ALIKE),
        ("Order Details", "order_details", ALIKE),
        ("ship-to.city", "shipToCity", ALIKE),
        ("Stra\u00dfe", "STRASSE", ALIKE),
        ("orders", "Order", PLURAL),
        ("category", "Categories", PLURAL),
        ("addresses", "address", PLURAL),
        ("status", "statuses", PLURAL),
        ("house", "houses", PLURAL),
        ("invoice_lines", "InvoiceLine", PLURAL),
        ("customers", "stg_customers", PREFIX),
        ("order", "stg_shop__orders", PREFIX),
        ("tblCustomer", "customers", PREFIX),
        ("raw_orders", "fct_orders", PREFIX),
        ("stg_", "stg_", EQUAL),
        ("stgorders", "orders", None),
        ("dim_", "stg_", None),
        ("car", "cares", None),
        ("plan", "plane", None),
        ("price+", "price_", None),
        ("_", "-", None),
        ("total", "amount", None),
    ],
)
def test_one_name_on_each_side(source: str, target: str, rule: NameRule | None) -> None:
    """Case, capitals between words and marks between words are conventions; plurals are, where asked for."""
    found = match_names([source], [target], of_tables=True).pairs

    assert [pair.rule for pair in found] == ([rule] if rule else [])
    assert bool(match_names([source], [target]).pairs) == (rule in {EQUAL, ALIKE})


def test_what_leaves_a_choice_is_asked_for() -> None:
    """Two names for one stay unmatched, and both sides learn of each other."""
    found = match_names(["userId", "USER_ID", "name", "n"], ["userid", "NAME", "Name", "name", "m"])

    assert [(pair.source, pair.target) for pair in found.pairs] == [("name", "name")]
    assert found.ambiguous == ((("userId", "USER_ID"), ("userid",)),)
    assert (found.choices("userid"), found.choices("USER_ID")) == (("userId", "USER_ID"), ("userid",))
    assert (found.choices("m"), found.renames) == ((), {})


NAMES = st.lists(st.text("aAb_s ", min_size=1, max_size=4), unique=True, max_size=7)


@given(NAMES, NAMES, st.booleans())
def test_no_name_is_used_twice(source: list[str], target: list[str], of_tables: bool) -> None:  # noqa: FBT001
    """Equal names always meet, no name meets two, what is ambiguous is free, and sides and order do not matter."""
    found = match_names(source, target, of_tables=of_tables)

    left, right = [pair.source for pair in found.pairs], [pair.target for pair in found.pairs]
    assert len(set(left)) == len(left)
    assert len(set(right)) == len(right)
    assert {(name, name) for name in {*source} & {*target}} <= {*zip(left, right, strict=True)}
    assert not {name for group in found.ambiguous for name in group[0]} & {*left}
    assert not {name for group in found.ambiguous for name in group[1]} & {*right}
    for one in {*source} - {*left}:
        alike = {other for other in {*target} - {*right} if plain_name(one) == plain_name(other)}
        assert alike <= {*found.choices(one)}
    back = match_names(reversed(target), reversed(source), of_tables=of_tables)
    assert {(pair.target, pair.source, pair.rule) for pair in back.pairs} == {
        (pair.source, pair.target, pair.rule) for pair in found.pairs
    }
