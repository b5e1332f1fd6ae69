"""Whatever is declared, Dagster loads it: two hundred random projects, none of which may stop every command."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import pytest
from dagster._core.definitions.partitions.context import partition_loading_context

from recon_assets.checks import Count, References
from recon_assets.model import Calendar, Check, Database, Project, Relation, TableSpec
from recon_assets.orchestration.build_definitions import definitions

NOW = datetime(2025, 1, 20, 12, tzinfo=UTC)
NAMES = ("orders", "class", "type", "config", "result", "show", "correct", "review", "checks", "Orders", "_", "all")
GROUPS = ("default", "review", "daily", "travel_UTC", "travel", "source db")
STARTS = (date(2024, 12, 31), date(2025, 1, 1), date(2025, 1, 19), date(2025, 1, 20), date(2030, 1, 1))
ENDS = (None, None, date(2025, 1, 2), date(2031, 1, 1))
ZONES = ("UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+12")
DATABASES = ("source db", "größe", "a/b", "review")
OWNERS = ((), ("team:data",), ("a+b@mail.example.org", "team:ops"), ("o-o_o.1@sub.example.org",))


def random_project(chance: random.Random) -> Project:
    """Up to three tables; what several have in common, and what only sounds alike, is left to chance."""
    names = chance.sample(NAMES, chance.randint(1, 3))
    databases = {name: Database(name, "sqlite:////nowhere/nothing.db") for name in DATABASES}
    return Project(databases, {name: random_table(name, names, chance) for name in names})


def random_table(name: str, names: list[str], chance: random.Random) -> TableSpec:
    """One table, which may refer to any other, and to itself."""
    start, end = chance.choice(STARTS), chance.choice(ENDS)
    days = Calendar("at", start, end if end and end > start else None, chance.choice(ZONES))
    parents = chance.sample(names, chance.randint(0, min(2, len(names))))
    checks: list[Check] = [Count(), *(References(columns=("parent",), parent=parent) for parent in parents)]
    source = Relation(chance.choice(DATABASES), chance.choice(("public.t", '"odd.schema"."t t"', name)))
    return TableSpec(
        name,
        source if chance.random() < 0.8 else replace(source, table=None, query="SELECT 1"),
        Relation(chance.choice(DATABASES), f"public.{name}"),
        ("id",),
        days if chance.random() < 0.8 else None,
        checks=tuple(checks) if chance.random() < 0.8 else (),
        group=chance.choice(GROUPS),
        owners=chance.choice(OWNERS),
    )


@pytest.mark.parametrize("part", range(4))
def test_whatever_is_declared_loads(part: int) -> None:
    """Every job is resolved, and with them what each schedule and sensor is of."""
    for seed in range(part * 50, part * 50 + 50):
        assert all(job.name for job in repository(seed).get_all_jobs())


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_declared_is_asked_for(durable: dg.DagsterInstance, seed: int) -> None:
    """Every tick of a schedule asks for what its job can do, though no target answers."""
    found = repository(seed)
    context = dg.build_schedule_context(durable, scheduled_execution_time=NOW, repository_def=found)
    with partition_loading_context(effective_dt=NOW):
        for schedule in found.schedule_defs:
            ticked = schedule.evaluate_tick(context)
            assert ticked.run_requests or ticked.skip_message


def repository(seed: int) -> dg.RepositoryDefinition:
    """What Dagster makes of a random project."""
    return definitions(random_project(random.Random(seed)), {}).get_repository_def()
