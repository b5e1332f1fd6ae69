"""What can go wrong, one class per reaction of the caller."""

from collections.abc import Sequence

# Exit codes of all commands, besides 0 where all is well.
DIFFERENT, WRONG_USE, COULD_NOT_RUN, INTERRUPTED = 1, 2, 3, 130
"""Something differs or failed; the request or the declaration is wrong; it is not known or not all done; Ctrl-C."""


class ReconError(Exception):
    """Any error whose message says where, what, what was expected and what to do.

    Attributes:
        exit_code: Of the command that it ends.
    """

    exit_code = COULD_NOT_RUN


class DeclarationError(ReconError):
    """Mend the declaration, the command line or the environment, then run again."""

    exit_code = WRONG_USE


class NoSuchTableError(DeclarationError):
    """No table has that name: look whether it means another, or name one that is there."""


class RefusedError(ReconError):
    """The request would break a promise; ask for something else, or allow it by name."""

    exit_code = WRONG_USE


class UnavailableError(ReconError):
    """A database or service did not answer, or gave up half-way; the same call may succeed later."""


def not_installed(what: str, extra: str) -> UnavailableError:
    """What is raised where a package is missed that only one of our extras brings."""
    return UnavailableError(f"{what} is not installed; install it: pip install 'recon-assets[{extra}]'")


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

    exit_code = WRONG_USE
