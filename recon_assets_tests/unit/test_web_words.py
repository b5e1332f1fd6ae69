"""How the desk says things."""

from datetime import UTC, datetime

import pytest

from recon_assets.model import CaseEventType, CaseId, Event, State
from recon_assets.web.words.labels import STATES, told

CASE = CaseId("orders", "2024-03-02", "missing")


@pytest.mark.parametrize("act", CaseEventType)
def test_there_are_words_for_all_that_can_happen(act: CaseEventType) -> None:
    """A case's page tells its whole story, whatever is in it."""
    assert told(Event(CASE, 1, datetime(2024, 3, 3, tzinfo=UTC), act, "ana"))


def test_there_are_words_for_every_state() -> None:
    """The case's page and the report say what a state means."""
    assert set(STATES) == set(State)
