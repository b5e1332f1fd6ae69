"""Errors that nobody expected: one in one case must not hold up all others, nor be tried again for ever."""

import logging
import traceback

LOG = logging.getLogger(__name__)


def unexpected(what: object, error: Exception) -> str:
    """Logs where it happened; the reason to give, without the error's text, which may hold values."""
    where = "".join(traceback.format_tb(error.__traceback__))
    LOG.error("%s: %s\n%s", what, type(error).__name__, where)
    why = f"an error that nobody expected ({type(error).__name__}); the log of this run says where"
    return f"{what}: {why}. Please report it, and decide again when it is mended"
