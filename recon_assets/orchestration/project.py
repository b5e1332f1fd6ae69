"""A project as Dagster definitions."""

import dagster as dg

from recon_assets.model import Project
from recon_assets.orchestration.assets import sources, tables
from recon_assets.orchestration.schedules import schedules


def definitions(project: Project) -> dg.Definitions:
    """Assets, sources and schedules. Steps run in the run's own process: a process each would cost 3 CPU-s a step."""
    return dg.Definitions(
        assets=[*tables(project), *sources(project)],
        schedules=schedules(project),
        executor=dg.in_process_executor,
    )
