"""What can go wrong, one class per reaction of the caller."""


class ReconError(Exception):
    """Any error whose message says where, what, what was expected and what to do."""

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
