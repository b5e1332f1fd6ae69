"""Spans of time as people write them: ``90s``, ``15m``, ``4h``."""

import re
from datetime import timedelta

DURATION = re.compile(r"([0-9]{1,15})(ms|s|m|h|d)")
LONGEST_DURATION = timedelta(days=36_500)
_UNITS = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def duration_of(text: str) -> timedelta | None:
    """The span, from a millisecond to a century; None for all else."""
    match = DURATION.fullmatch(text)
    if not match or not 0 < int(match[1]) <= LONGEST_DURATION // _UNITS[match[2]]:
        return None
    return int(match[1]) * _UNITS[match[2]]
