"""A project as Dagster definitions."""

import os
from collections.abc import Mapping

import dagster as dg

from recon_assets.model import Project
from recon_assets.orchestration import gap_filling
from recon_assets.orchestration.assets import sources, tables
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.review_sensor import sensor
from recon_assets.orchestration.reviewing import decisions, jobs, queue
from recon_assets.orchestration.schedules import schedules


def definitions(project: Project, environ: Mapping[str, str] = os.environ, ledger: str = "") -> dg.Definitions:
    """Everything. Steps run in the run's own process: a process each would cost 3 CPU-s a step.

    ``environ`` names the ledger, which is looked up by runs and not by loading; or the resource ``ledger`` does.
    """
    connections = Connections(project, environ, ledger)
    wanted = jobs(connections)
    gaps = [gap_filling.sensor(project)] if project.tables else []
    return dg.Definitions(
        assets=[*tables(connections), *sources(project), queue(connections), decisions(connections)],
        jobs=wanted,
        schedules=schedules(project),
        sensors=[sensor(connections, wanted), *gaps],
        executor=dg.in_process_executor,
    )
