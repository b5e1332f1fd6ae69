"""A Dagster instance for each test."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import dagster as dg
import pytest
from celery import signals


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster that remembers for as long as the test takes."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def own_logging() -> Iterator[None]:
    """A Celery worker within this process leaves the root logger as it is: later tests read what is logged."""

    def leave(**_: object) -> None:
        pass

    signals.setup_logging.connect(leave)
    yield
    signals.setup_logging.disconnect(leave)


@pytest.fixture(scope="session")
def empty_storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a Dagster that remembers nothing yet; to copy them takes a fifth of the time of making them."""
    folder = tmp_path_factory.mktemp("dagster")
    with _stored(folder) as made:
        assert not made.get_runs_count()
    return folder


@pytest.fixture
def durable(empty_storage: Path, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A Dagster that remembers in files, so that threads and processes can share it."""
    folder = shutil.copytree(empty_storage, tmp_path / "dagster")
    with _stored(folder) as made:
        yield made


def _stored(folder: Path) -> AbstractContextManager[dg.DagsterInstance]:
    # All runs share one file: by default Dagster makes and migrates a database for each run.
    events = {
        "module": "dagster._core.storage.event_log",
        "class": "ConsolidatedSqliteEventLogStorage",
        "config": {"base_dir": str(folder)},
    }
    return dg.instance_for_test(overrides={"event_log_storage": events}, temp_dir=str(folder))
