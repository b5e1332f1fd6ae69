"""What commands work with: the declared project, and the ledger; embedded databases stand in for what is not named."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from recon_assets import ledger, local
from recon_assets.declare import load_project, read
from recon_assets.ledger import Ledger
from recon_assets.model import Project

LEDGER = "RECON_LEDGER_URL"


@contextmanager
def declared_project() -> Iterator[Project]:
    """The project; embedded databases run meanwhile if it names one whose URL is not set."""
    with _environment(lacking=_unnamed()) as environ:
        yield load_project(environ=environ)


@contextmanager
def opened_ledger() -> Iterator[Ledger]:
    """The ledger alone."""
    with ledger_url() as url, ledger.opened(url) as memory:
        yield memory


@contextmanager
def ledger_url() -> Iterator[str]:
    """Where the ledger is."""
    with _environment(lacking=not os.environ.get(LEDGER)) as environ:
        yield environ[LEDGER]


@contextmanager
def project_and_ledger() -> Iterator[tuple[Project, Ledger]]:
    """The project and its ledger."""
    with _environment(lacking=_unnamed() or not os.environ.get(LEDGER)) as environ:
        project = load_project(environ=environ)
        with ledger.opened(environ[LEDGER]) as memory:
            yield project, memory


def _unnamed() -> bool:
    """Whether the declaration names a database whose URL is not set."""
    declaration = read(None, os.environ, offline=True)
    return any(problem.path[-1:] == ("env",) for problem in declaration.problems)


@contextmanager
def _environment(*, lacking: bool) -> Iterator[Mapping[str, str]]:
    if not lacking:
        yield os.environ
        return
    with local.environment(os.environ) as environ:
        yield environ
