"""A Dagster instance for each test."""

from collections.abc import Iterator

import dagster as dg
import pytest


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster that remembers for as long as the test takes."""
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
