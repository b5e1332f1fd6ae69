"""The demo's declaration says what the demo makes."""

from pathlib import Path

from recon_assets.checks.references import References
from recon_assets.declare import DEMO, load_project
from recon_assets.demo.flights import SOURCE, YEAR
from recon_assets.demo.warehouse import DRIFTS, RENAMED, TARGET, windowed
from recon_assets.model import Project

ENVIRON = {"RECON_SOURCE_URL": "postgresql://localhost/source", "RECON_TARGET_URL": "postgresql://localhost/target"}


def project() -> Project:
    """What is declared under the name `demo`."""
    return load_project(Path(DEMO), ENVIRON)


def test_the_demo_is_declared_by_its_name() -> None:
    """Both databases and all five tables, each by the name it has on both sides."""
    tables = project().tables

    assert set(project().databases) == {"ops", "warehouse"}
    assert {table.source.table for table in tables.values()} == set(SOURCE.tables)
    assert {table.target.table for table in tables.values()} == set(TARGET.tables)
    assert all(f"public.{name}" == table.source.table for name, table in tables.items())


def test_keys_are_the_primary_keys() -> None:
    """On both sides, in their order."""
    for name, table in project().tables.items():
        for made in (SOURCE.tables[f"public.{name}"], TARGET.tables[f"analytics.{name}"]):
            assert set(table.key) == {column.name for column in made.primary_key.columns}


def test_days_are_those_of_new_york() -> None:
    """Where there are days, the year is the demo's; the other tables are loaded whole."""
    days = {name: table.calendar for name, table in project().tables.items()}

    assert {name for name, of in days.items() if of} == {name for name in days if windowed(name)}
    assert {of for of in days.values() if of} == {YEAR}


def test_renamed_and_left_out_columns_are_the_drifts() -> None:
    """What only one side has is ignored, what has another name is renamed."""
    alone = {(drift.table, drift.column) for drift in DRIFTS if drift.what.startswith("only in")}

    tables = project().tables

    assert {(name, column) for name, table in tables.items() for column in table.ignore} == alone
    assert {name: dict(table.rename) for name, table in tables.items() if table.rename} == RENAMED


def test_orphans_are_looked_for_where_the_data_has_some() -> None:
    """Flights name planes, airports and airlines; weather names airports."""
    checks = {
        (name, *check.columns, check.parent)
        for name, table in project().tables.items()
        for check in table.checks
        if isinstance(check, References)
    }

    assert checks == {
        ("flights", "tailnum", "planes"),
        ("flights", "dest", "airports"),
        ("flights", "carrier", "airlines"),
        ("weather", "origin", "airports"),
    }
