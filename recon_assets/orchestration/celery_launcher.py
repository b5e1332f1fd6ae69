"""Runs as tasks of Celery's workers, for `dagster.yaml`: see docs/scaling.md, which also says what a worker needs."""

import dagster as dg
from dagster_celery.launcher import CeleryRunLauncher as DagstersLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from recon_assets.orchestration.dagster_internals import Health, HealthStatus

SECONDS_TO_ANSWER = 30.0
"""A worker answers at once, also while it works; on a machine that has run out of processors it may take long."""


class CeleryRunLauncher(DagstersLauncher):
    """Dagster's launcher, which notices besides that a worker was lost: killed, or its machine switched off.

    Celery keeps no watch over its workers: the task of a lost one stays `STARTED` in the result backend for ever,
    Dagster takes that for a run that is alive, and its backfill never ends. Here the worker is asked whether it has
    the task. Dagster's run monitoring, which calls this, then marks the run as failed, and its run retries do it again.
    """

    def check_run_worker_health(self, run: dg.DagsterRun) -> Health:
        """As Dagster's; failed where the worker that had begun the run does not have it any more."""
        begun = self.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG])
        worker = begun.info.get("hostname") if isinstance(begun.info, dict) else None
        found = super().check_run_worker_health(run)
        if found.status is not HealthStatus.RUNNING or not worker:
            return found
        asked = self.celery.control.inspect(destination=[worker], timeout=SECONDS_TO_ANSWER, limit=1)
        if (asked.query_task(begun.id) or {}).get(worker):
            return found
        # It may have ended in the meantime, which is noted before the worker forgets the task.
        again = super().check_run_worker_health(run)
        lost = Health(HealthStatus.FAILED, f"The Celery worker {worker} was lost, and the run with it.")
        return lost if again.status is HealthStatus.RUNNING else again
