"""A project as Dagster definitions: of a team's own code location, or of one that holds nothing else."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import dagster as dg

from recon_assets.declare import load_project
from recon_assets.model import Project
from recon_assets.orchestration import gap_filling
from recon_assets.orchestration.assets import sources as source_specs, tables
from recon_assets.orchestration.resources import Connections
from recon_assets.orchestration.review_run import correct_job
from recon_assets.orchestration.review_sensor import sensor
from recon_assets.orchestration.reviewing import decisions, queue
from recon_assets.orchestration.schedules import schedules as schedules_of
from recon_assets.orchestration.translation import DEFAULT, Naming, ReconTranslator


def build_definitions(  # noqa: PLR0913 - all that a team may choose, in one place
    project: Project | Path,
    *,
    key_prefix: str | Sequence[str] = (),
    group: str | None = None,
    translator: ReconTranslator = DEFAULT,
    ledger: str = "",
    executor: dg.ExecutorDefinition | None = None,
    sources: Literal["specs", "deps"] = "deps",
    review: bool = True,
    schedules: bool = True,
    sensor_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.STOPPED,
    name: str = "recon",
    environ: Mapping[str, str] = os.environ,
) -> dg.Definitions:
    """Declared tables as assets with their checks, for `dg.Definitions.merge` with whatever else a team has.

    Reads the declaration and nothing else: databases and ledger are opened by runs.

    Args:
        project: What is declared, or the file that declares it.
        key_prefix: Stands before the keys of the tables.
        group: Holds the tables, instead of the groups that are declared.
        translator: Says how tables and checks appear, where that is not enough.
        ledger: The key of the resource that is the ledger; without it RECON_LEDGER_URL names it.
        executor: Of the whole code location, so only where nobody else sets one.
        sources: Whether what tables are loaded from is listed as external assets (``specs``), or only named as what
            they depend on (``deps``), which leaves room for assets of the same keys.
        review: Whether failed checks become cases: a sensor, the jobs it asks for, and two assets.
        schedules: Whether there are schedules and a sensor that fills gaps; all are off until switched on.
        sensor_status: Of the review's sensor, until somebody switches it.
        name: Stands before the names of our ops, jobs, schedules, sensors and pools.
        environ: Where variables are looked up.

    Raises:
        DeclarationError: When the declaration is wrong, or two tables have one key.
    """
    if isinstance(project, Path):
        project = load_project(project, environ=environ)
    prefix = (key_prefix,) if isinstance(key_prefix, str) else tuple(key_prefix)
    naming = Naming(prefix, translator, name, group)
    connections = Connections(project, environ, ledger, naming)
    timed = bool(schedules and project.tables)
    loads = dg.Definitions(
        assets=[*tables(connections, gaps=timed), *(source_specs(connections) if sources == "specs" else ())],
        schedules=schedules_of(project, naming) if timed else (),
        sensors=[gap_filling.sensor(project, naming)] if timed else (),
        executor=executor,
    )
    return dg.Definitions.merge(loads, review_definitions(connections, sensor_status)) if review else loads


def review_definitions(connections: Connections, sensor_status: dg.DefaultSensorStatus) -> dg.Definitions:
    """What makes cases of failed checks, and does what is decided of them."""
    correct = correct_job(connections)
    return dg.Definitions(
        assets=[queue(connections), decisions(connections)],
        jobs=[correct],
        sensors=[sensor(connections, correct, sensor_status)],
    )


def definitions(project: Project, environ: Mapping[str, str] = os.environ, ledger: str = "") -> dg.Definitions:
    """The standalone code location: everything, at work from the start.

    Steps run in the run's own process: a process each would cost 3 CPU-s a step.
    """
    return build_definitions(
        project,
        key_prefix=Naming.of(environ).prefix,
        ledger=ledger,
        executor=dg.in_process_executor,
        sources="specs",
        sensor_status=dg.DefaultSensorStatus.RUNNING,
        environ=environ,
    )
