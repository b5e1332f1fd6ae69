"""What the catalog says of the declared tables."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from recon_assets.checks import References
from recon_assets.declare import load_project
from recon_assets.model import Relation, TableSpec
from recon_assets.orchestration.assets import table
from recon_assets.orchestration.build_definitions import definitions
from recon_assets.orchestration.translation import UNPREFIXED, dagster_name
from recon_assets_tests.dagster.example import (
    AIRLINES,
    CONNECTIONS,
    FLIGHTS,
    NEW_YORK,
    PROJECT,
    Promise,
    Scripted,
    Verdicts,
    checked,
    spec,
)


def test_days_are_partitions_in_the_tables_time_zone() -> None:
    """March 2013 has 31 days, and the end is not one of them."""
    partitions = table(FLIGHTS, CONNECTIONS, Scripted().reach(), lambda _: Verdicts()).partitions_def

    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    assert partitions.timezone == "America/New_York"
    assert (partitions.get_first_partition_key(), partitions.get_last_partition_key()) == ("2013-03-01", "2013-03-31")
    assert len(partitions.get_partition_keys()) == 31


def test_a_table_without_days_has_no_partitions() -> None:
    """Dimension tables are one asset, loaded as a whole."""
    assert table(AIRLINES, CONNECTIONS, Scripted().reach(), lambda _: Verdicts()).partitions_def is None


def test_an_open_end_grows_with_the_days() -> None:
    """Without an end the last day is the newest finished one."""
    endless = spec(days=replace(NEW_YORK, end=None))
    partitions = table(endless, CONNECTIONS, Scripted().reach(), lambda _: Verdicts()).partitions_def

    assert isinstance(partitions, dg.DailyPartitionsDefinition)
    noon = datetime(2031, 5, 6, 12, tzinfo=UTC)
    assert partitions.get_partition_keys(noon)[-1] == "2031-05-05"


def test_a_table_says_where_it_lives_and_whose_it_is() -> None:
    """Standard names, so that the catalog shows them; no password and no user. It links to tables that it names."""
    declared = replace(FLIGHTS, checks=(References(columns=("carrier",), parent="airlines"),))
    asset = table(declared, CONNECTIONS, Scripted().reach(), lambda _: Verdicts())
    found = asset.get_asset_spec(dg.AssetKey("flights"))

    assert found.group_name == "travel"
    assert found.owners == ["team:data"]
    assert found.kinds == {"postgresql", "table"}
    assert found.metadata["dagster/table_name"] == "analytics.flights"
    assert found.metadata["dagster/uri"] == "postgresql://target.example/dwh"
    assert found.metadata["names rows of airlines"].value == dg.AssetKey("airlines")
    assert [dep.asset_key for dep in found.deps] == [dg.AssetKey(["ops", "public", "flights"])]


def test_checks_are_shown_with_what_they_promise() -> None:
    """By day where they are daily; none blocks in Dagster's sense, where one bad day would block all."""
    promises = (Promise("keys", blocking=True), Promise("schema", daily=False))
    asset = table(checked(*promises), CONNECTIONS, Scripted().reach(), lambda _: Verdicts())

    keys, schema = sorted(asset.check_specs, key=lambda found: found.name)

    assert keys.description == "What was promised holds."
    assert keys.metadata == {"kind": "promise", "stops the day": True}
    assert (keys.partitions_def, schema.partitions_def) == (asset.partitions_def, None)
    assert not keys.blocking


def test_runs_are_limited_by_the_source_and_to_a_month() -> None:
    """A pool for each source database; thirty-one days a run."""
    asset = table(FLIGHTS, CONNECTIONS, Scripted().reach(), lambda _: Verdicts())

    assert (asset.op.name, asset.op.pool) == ("recon_load_flights", "recon_ops")
    assert asset.backfill_policy == dg.BackfillPolicy.multi_run(31)


def test_sources_cannot_be_materialized() -> None:
    """They are shown as what they are: somebody else's tables."""
    graph = definitions(PROJECT).resolve_asset_graph()

    assert graph.external_asset_keys == {
        dg.AssetKey(["ops", "public", "flights"]),
        dg.AssetKey(["ops", "public", "airlines"]),
    }
    tables = {dg.AssetKey("flights"), dg.AssetKey("airlines")}
    assert graph.materializable_asset_keys == {*tables, dg.AssetKey("review_queue"), dg.AssetKey("review_decisions")}


@pytest.mark.parametrize(
    ("relation", "key"),
    [
        (Relation("ops", "public.flights"), ["ops", "public", "flights"]),
        (Relation("ops", "flights"), ["ops", "flights"]),
        (Relation("ops", 'public."odd.name"'), ["ops", "public", "odd.name"]),
        (Relation("ops", query="select 1"), ["ops", "flights_query"]),
        (Relation("ops", "flights_*.csv"), ["ops", "flights_*.csv"]),
    ],
)
def test_a_source_is_named_by_database_schema_and_table(relation: Relation, key: list[str]) -> None:
    """A query is named after the table that it fills."""
    assert UNPREFIXED.source_key(TableSpec("flights", relation, FLIGHTS.target)) == dg.AssetKey(key)


def test_two_tables_of_one_source_share_it() -> None:
    """One source asset, however many tables are loaded from it."""
    twice = replace(PROJECT, tables={"a": replace(FLIGHTS, name="a"), "b": replace(FLIGHTS, name="b")})

    assert len(definitions(twice).resolve_asset_graph().external_asset_keys) == 1


def test_groups_get_names_that_dagster_takes() -> None:
    """Anything that is no letter, digit or underscore becomes an underscore."""
    assert dagster_name("air travel/2013") == "air_travel_2013"


def test_an_asset_leads_to_the_line_that_declares_it() -> None:
    """Dagster shows it as where the asset is defined; databases are tags, by which assets are filtered."""
    urls = dict.fromkeys(("RECON_SOURCE_URL", "RECON_TARGET_URL"), "postgresql://nobody@127.0.0.1:1/none")
    project = load_project(Path("demo"), environ=urls)
    found = definitions(project, urls).resolve_asset_graph().get(dg.AssetKey("flights"))

    (reference,) = found.metadata["dagster/code_references"].code_references
    line = Path(reference.file_path).read_text().splitlines()[reference.line_number - 1]
    assert (line.strip(), reference.label) == ("flights:", "declaration")
    spec = project.tables["flights"]
    assert (found.tags["recon/source"], found.tags["recon/target"]) == (spec.source.database, spec.target.database)
    assert (
        "dagster/code_references" not in definitions(PROJECT).resolve_asset_graph().get(dg.AssetKey("flights")).metadata
    )
