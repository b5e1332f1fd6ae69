"""What can go wrong, one class per reaction of the caller."""

from collections.abc import Sequence


class ReconError(Exception):
    """Any error whose message says where, what, what was expected and what to do.

    Attributes:
        exit_code: Of the command: 2 when something else has to be asked for, 3 when it could not be done.
    """

    exit_code = 3


class DeclarationError(ReconError):
    """Mend the declaration, the command line or the environment, then run again."""

    exit_code = 2


class RefusedError(ReconError):
    """The request would break a promise; ask for something else, or allow it by name."""

    exit_code = 2


class UnavailableError(ReconError):
    """A database or service did not answer, or gave up half-way; the same call may succeed later."""


class DoesNotFitError(ReconError):
    """The target cannot hold a value of the source: mend the data, or the target's type, or ignore the column."""


class ContradictionError(ReconError):
    """Two readings of one moment contradict each other, so that nothing can be said: report it."""


class StaleTargetError(ReconError):
    """Rows of the target changed after they were compared: compare again, then decide again.

    Attributes:
        keys: The keys of some of them, as people read them.
    """

    def __init__(self, message: str, keys: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.keys = tuple(keys)


class TakenError(ReconError):
    """Somebody else was faster: look at the case as it is now."""

    exit_code = 2
