"""A run that a Celery worker has begun: whether the worker has it still. Broker and worker are in memory."""

from collections.abc import Iterator
from threading import Event
from uuid import uuid4

import dagster as dg
import pytest
from celery.contrib.testing.worker import start_worker
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from recon_assets.orchestration import celery_launcher
from recon_assets.orchestration.celery_launcher import CeleryRunLauncher
from recon_assets.orchestration.dagster_internals import HealthStatus

pytestmark = [
    pytest.mark.usefixtures("own_logging"),
    # dagster-celery makes its task anew for each step, and Celery shares it with every app of the process.
    pytest.mark.filterwarnings("ignore:.*ask name"),
]


@pytest.fixture
def launcher() -> Iterator[CeleryRunLauncher]:
    """A launcher whose broker and results are this process's own."""
    made = CeleryRunLauncher("dagster", broker=f"memory://{uuid4().hex}", backend="cache+memory://")
    yield made
    made.celery.close()


def health(launcher: CeleryRunLauncher, task_id: str) -> HealthStatus:
    """What Dagster's run monitoring is told of the run that is this task."""
    run = dg.DagsterRun("job", tags={DAGSTER_CELERY_TASK_ID_TAG: task_id})
    return launcher.check_run_worker_health(run).status


def test_a_run_lives_as_long_as_its_worker_has_it(launcher: CeleryRunLauncher) -> None:
    """It is alive while the worker does it, and a success afterwards."""
    begun, over = Event(), Event()

    def work() -> bool:
        begun.set()
        return over.wait(60)

    task = launcher.celery.task(track_started=True)(work)
    with start_worker(launcher.celery, pool="threads", concurrency=1, perform_ping_check=False):
        run = task.apply_async(queue="dagster")
        assert begun.wait(30)
        assert health(launcher, run.id) is HealthStatus.RUNNING
        over.set()
        assert run.get(timeout=30)
        assert health(launcher, run.id) is HealthStatus.SUCCESS


def test_a_run_whose_worker_is_gone_has_failed(launcher: CeleryRunLauncher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Celery would say for ever that it has started; a run that nobody has begun is not lost."""
    monkeypatch.setattr(celery_launcher, "SECONDS_TO_ANSWER", 1.0)  # nobody will answer
    launcher.celery.backend.store_result("lost", {"pid": 1, "hostname": "gone@elsewhere"}, "STARTED")

    assert health(launcher, "lost") is HealthStatus.FAILED
    assert health(launcher, "waits") is HealthStatus.UNKNOWN
