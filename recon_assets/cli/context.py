"""What commands work with: the declared project, and the ledger; embedded databases stand in for what is not named."""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path

from recon_assets import ledger, local
from recon_assets.cli.output import remark
from recon_assets.declare import DEMO, load_project, named, read
from recon_assets.errors import DeclarationError
from recon_assets.ledger import Ledger
from recon_assets.model import Project

LEDGER = "RECON_LEDGER_URL"
_given: ContextVar[Path | None] = ContextVar("given", default=None)
"""The declaration that the running command was given by --file."""


def environment(file: Path | None) -> Mapping[str, str]:
    """The environment, in which RECON_TABLES names the declaration; says which, if it was not named just now."""
    declaration = named(file, os.environ)
    _given.set(file)
    if not file:
        how = " (RECON_TABLES)" if os.environ.get("RECON_TABLES") else ""
        remark(f"Declaration: {declaration}{how}")
    return {**os.environ, "RECON_TABLES": declaration}


def next_command(words: str) -> str:
    """A command that somebody may type next: on the same declaration as the one that is running."""
    file = _given.get()
    return f"{words} --file {shlex.quote(str(file))}" if file else words


@contextmanager
def declared_project(file: Path | None) -> Iterator[tuple[Project, Ledger | None]]:
    """The project, and its ledger if there is one; the embedded databases of this home run meanwhile if it has them.

    Without a ledger nothing was ever decided.
    """
    asked = environment(file)
    remembered = not asked.get(LEDGER) and _home(asked).data.exists()
    named_project = _with_databases_named(asked)
    with _complete(asked, lacking=not named_project or remembered) as environ, ExitStack() as stack:
        project, url = named_project or load_project(environ=environ), environ.get(LEDGER)
        known = url and ledger.is_begun(url)
        yield project, stack.enter_context(ledger.opened(url, project)) if url and known else None


@contextmanager
def opened_ledger(file: Path | None) -> Iterator[Ledger]:
    """The declared project's ledger alone: no database of its tables need be known."""
    project = read(None, environment(file), offline=True).project
    with ledger_url() as url, ledger.opened(url, project) as memory:
        yield memory


@contextmanager
def ledger_url() -> Iterator[str]:
    """Where the ledger is."""
    _need_ledger(os.environ)
    with _complete(os.environ, lacking=not os.environ.get(LEDGER)) as environ:
        yield environ[LEDGER]


@contextmanager
def project_and_ledger(file: Path | None) -> Iterator[tuple[Project, Ledger]]:
    """The project and its ledger."""
    asked = environment(file)
    named_project = _with_databases_named(asked)
    _need_ledger(asked)
    with _complete(asked, lacking=not named_project or not asked.get(LEDGER)) as environ:
        project = named_project or load_project(environ=environ)
        with ledger.opened(environ[LEDGER], project) as memory:
            yield project, memory


def _with_databases_named(environ: Mapping[str, str]) -> Project | None:
    """The project; None for the demo's, whose databases are embedded ones unless they are named."""
    return None if environ["RECON_TABLES"] == DEMO else load_project(environ=environ)


def _home(environ: Mapping[str, str]) -> local.Local:
    return local.Local(Path(environ.get("RECON_HOME") or ".recon"))


def _need_ledger(environ: Mapping[str, str]) -> None:
    """Refuses to make a ledger only to find nothing in it: it is elsewhere, or there is none yet.

    Raises:
        DeclarationError: When none is named, and this home has none.
    """
    home = _home(environ)
    if not environ.get(LEDGER) and not home.data.exists():
        msg = (
            f"There is no ledger: {LEDGER} is not set, and {home.home} has none. Name it, or the folder by RECON_HOME;"
            " recon dev, backfill and check --launch make one."
        )
        raise DeclarationError(msg)


@contextmanager
def _complete(environ: Mapping[str, str], *, lacking: bool) -> Iterator[Mapping[str, str]]:
    """The environment, with embedded databases for what is ``lacking``."""
    if not lacking:
        yield environ
        return
    with local.environment(environ, sides=environ.get("RECON_TABLES") == DEMO) as completed:
        if not environ.get(LEDGER):
            ledger.upgrade(completed[LEDGER])  # the home's own, which nobody else looks after
        yield completed
