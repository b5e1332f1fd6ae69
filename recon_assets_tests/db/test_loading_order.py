"""The order of loading as the foreign keys of real targets have it."""

import pytest

from recon_assets.model import Database, Project, Relation, TableSpec
from recon_assets.orchestration.loading_order import loading_order
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name

TABLES = (
    "CREATE TABLE customers (id integer PRIMARY KEY)",
    """CREATE TABLE orders (
        id integer PRIMARY KEY, customer integer, above integer,
        FOREIGN KEY (customer) REFERENCES customers (id), FOREIGN KEY (above) REFERENCES orders (id)
    )""",
)
SHOP = {
    "postgresql": (
        *TABLES,
        "CREATE SCHEMA other",
        'CREATE TABLE other."Order lines" (id integer, "order" integer REFERENCES orders)',
    ),
    "mysql": (
        *TABLES,
        "CREATE TABLE `Order lines` (id integer, `order` integer, FOREIGN KEY (`order`) REFERENCES orders (id))",
    ),
    "sqlite": (*TABLES, 'CREATE TABLE "Order lines" (id integer, "order" integer REFERENCES orders)'),
    "duckdb": (TABLES[0], TABLES[1], 'CREATE TABLE "Order lines" (id integer, "order" integer REFERENCES orders)'),
}


@pytest.mark.parametrize("name", list(SHOP))
def test_parents_are_known_by_the_targets_foreign_keys(both: Both, name: Name) -> None:
    """Whatever schema stands in the declaration; parts of one table have the same parents; a table may not be there."""
    target = both(name, name).target
    target.run(*SHOP[name])
    schema = {"postgresql": "public.", "duckdb": "main."}.get(name, "")
    lines = 'other."Order lines"' if name == "postgresql" else '"Order lines"'
    named = {
        "lines": lines,
        "orders": "orders",
        "more_orders": "orders",
        "customers": f"{schema}customers",
        "lost": f"{schema}lost",
    }
    tables = {table: TableSpec(table, Relation("there", "t"), Relation("there", of)) for table, of in named.items()}

    found = loading_order(Project({"there": Database("there", target.url)}, tables))

    assert not found.unknown
    assert found.parents == {
        "lines": {"orders", "more_orders"},
        "orders": {"customers"},
        "more_orders": {"customers"},
        "customers": set(),
        "lost": set(),
    }
