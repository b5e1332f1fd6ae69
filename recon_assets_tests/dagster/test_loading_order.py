"""The order in which tables are loaded: parents before the tables that name their rows."""

from dataclasses import replace

import pytest

from recon_assets.checks import References
from recon_assets.checks.table_order import LoadingOrder, without_circles
from recon_assets.model import Database, Project
from recon_assets.orchestration.loading_order import loading_order
from recon_assets_tests.dagster.example import AIRLINES, FLIGHTS, PROJECT

SHOP = {"lines": {"orders", "products"}, "orders": {"customers"}, "products": set[str](), "customers": set[str]()}


def order(named: dict[str, set[str]]) -> LoadingOrder:
    """The order of tables that name each other's rows like this."""
    return LoadingOrder(*without_circles({name: sorted(above) for name, above in named.items()}))


def test_tables_come_level_after_level() -> None:
    """Also where what lies between them is not asked for."""
    assert order(SHOP).waves(list(SHOP)) == [("products", "customers"), ("orders",), ("lines",)]
    assert order(SHOP).waves(["lines", "customers"]) == [("customers",), ("lines",)]
    assert order(SHOP).above("lines") == {"orders", "products", "customers"}


def test_tables_are_looked_at_once_however_many_ways_lead_to_them() -> None:
    """Fifteen layers of four tables that name all four above: a walk along each way would not end this year."""
    layers = [[f"t{layer}_{n}" for n in range(4)] for layer in range(15)]
    named = {table: set(above) for above, layer in zip([[], *layers], layers, strict=False) for table in layer}
    looked_at: list[str] = []

    class Counted(dict[str, frozenset[str]]):
        def __getitem__(self, table: str) -> frozenset[str]:
            looked_at.append(table)
            assert len(looked_at) < 10 * len(named), "tables are looked at again for each way that leads to them"
            return super().__getitem__(table)

    found = LoadingOrder(Counted(order(named).parents))

    assert [set(wave) for wave in found.waves(list(named))] == [set(layer) for layer in layers]
    assert found.above("t14_0") == set(named) - set(layers[14])


@pytest.mark.parametrize("first", ["a", "b", "c"])
def test_a_circle_is_cut_and_said(first: str) -> None:
    """Whatever table it is met by first; tables outside of it are not told of it."""
    named = {"d": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"a"}, "e": set[str]()}
    found = order({first: named[first], **named})

    (circle,) = found.circles
    assert set(circle) == {"a", "b", "c"}
    (wave, *waves) = found.waves(circle)
    assert (wave, waves[-1]) == ((circle[-1],), (circle[0],))
    (said,) = found.remarks(["a", "e"])
    assert f"{circle[-1]} is loaded before {circle[0]}" in said
    assert found.remarks(["e"]) == []


def test_references_are_enough_where_the_target_does_not_answer() -> None:
    """The reason is said once; a table that names itself waits for nobody."""
    declared = replace(
        FLIGHTS,
        checks=(References(columns=("carrier",), parent="airlines"), References(columns=("of",), parent="flights")),
    )
    nowhere = Database("warehouse", "sqlite:////nowhere/nothing.db")

    found = loading_order(
        Project({**PROJECT.databases, "warehouse": nowhere}, {"flights": declared, "airlines": AIRLINES})
    )

    assert found.parents == {"flights": {"airlines"}, "airlines": set()}
    (said,) = found.remarks(["flights", "airlines"])
    assert said.endswith("Tables are loaded in the order of their declared references alone.")
