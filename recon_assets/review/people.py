"""Who acts by a command: the user of this machine, under the name that the ledger knows them by."""

import os
import pwd
from collections.abc import Mapping

from recon_assets.errors import DeclarationError
from recon_assets.review.deciding import person

VARIABLE = "RECON_REVIEWERS"


def user() -> str:
    """The user of this machine that runs us, whatever the environment says; empty where the machine has no such."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return ""


def launcher(environ: Mapping[str, str]) -> str:
    """Who launches by a command; empty where that is nobody's name, as of users that are there for programs."""
    try:
        names = reviewers(environ).get(user(), (user(),))
        return person(names[0])
    except DeclarationError:
        return ""


def reviewer(said: str, environ: Mapping[str, str]) -> str:
    """Who decides by a command: who they say they are, or else who the environment says.

    Where RECON_REVIEWERS says who a user is, nobody is anybody else.

    Raises:
        DeclarationError: When nobody is named, or somebody whom this user is not.
    """
    known = reviewers(environ)
    if not known:
        if found := said or environ.get("USER", ""):
            return found
        msg = "Say who you are, for the record: --reviewer NAME (USER is not set)"
        raise DeclarationError(msg)
    names = known.get(user(), ())
    if not said and len(names) == 1:
        return names[0]
    check_reviewer(said, environ, "--reviewer")
    return said


def check_reviewer(said: str, environ: Mapping[str, str], where: str) -> None:
    """Raise when RECON_REVIEWERS says that the user of this machine is not who they said they are, and ``where``."""
    known = reviewers(environ)
    names = known.get(user(), ())
    if not known or said in names:
        return
    wrong = f"{where} {said}: " if said else ""
    are = f"are {' or '.join(names)}" if names else "are nobody"
    msg = f"{wrong}by {VARIABLE} you, as the user {user()!r} of this machine, {are}; "
    raise DeclarationError(msg + (f"say which by {where}." if names else "have yourself added: user:name."))


def reviewers(environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The names that each user of this machine may act by, as ``alice:ana,shop:ben+eve`` has them.

    Raises:
        DeclarationError: When a part is not of that form.
    """
    found = dict[str, tuple[str, ...]]()
    for part in filter(None, map(str.strip, environ.get(VARIABLE, "").split(","))):
        user_, _, names = (word.strip() for word in part.partition(":"))
        if not user_ or not names or user_ in found:
            msg = f"{VARIABLE}: {part!r} is not user:name, or repeats a user; expected such as alice:ana,shop:ben+eve"
            raise DeclarationError(msg)
        found[user_] = tuple(person(name) for name in names.split("+"))
    return found
