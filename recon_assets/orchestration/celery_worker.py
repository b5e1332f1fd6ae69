"""What a Celery worker runs: `celery -A recon_assets.orchestration.celery_worker worker --concurrency 1`.

Its broker is the one that `dagster.yaml` gives the run launcher, so that nothing is said twice. The declaration is
loaded before the first task: a worker that has none ends with a sentence, instead of taking runs that it must fail.
"""

import dagster as dg
from dagster_celery.tasks import create_execute_job_task, create_resume_job_task

from recon_assets.declare import load_project
from recon_assets.errors import DeclarationError
from recon_assets.orchestration.celery_launcher import CeleryRunLauncher

with dg.DagsterInstance.get() as instance:
    launcher = instance.run_launcher
    if not isinstance(launcher, CeleryRunLauncher):
        msg = (
            f"{instance.root_directory}/dagster.yaml: the run launcher is {type(launcher).__name__}, expected"
            f" {CeleryRunLauncher.__name__} of {CeleryRunLauncher.__module__}: see docs/scaling.md."
        )
        raise DeclarationError(msg)
    app = launcher.celery

create_execute_job_task(app)
create_resume_job_task(app)
load_project()
