"""Spans of time are read alike wherever people write them."""

from datetime import timedelta

import pytest

from recon_assets.model import duration_of


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("250ms", timedelta(milliseconds=250)),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("4h", timedelta(hours=4)),
        ("36500d", timedelta(days=36_500)),
        *((text, None) for text in ("36501d", "0s", "-1s", "1.5h", "1w", "15", "15 m", "", "999999999999999d")),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, span: timedelta | None) -> None:
    """From a millisecond to a century; all else is none."""
    assert duration_of(text) == span
