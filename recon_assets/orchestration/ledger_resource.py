"""The ledger of whoever runs Dagster: opened when something is to be remembered, never while definitions load."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from recon_assets import ledger
from recon_assets.errors import DeclarationError
from recon_assets.model import Project

VARIABLE = "RECON_LEDGER_URL"

Memory = Callable[[], AbstractContextManager[ledger.Ledger]]
"""Opens the ledger, until a block ends."""


def memory(project: Project, environ: Mapping[str, str]) -> Memory:
    """The project's ledger, which the environment names, looked up when it is opened."""

    def opened() -> AbstractContextManager[ledger.Ledger]:
        if url := environ.get(VARIABLE):
            return ledger.opened(url, project)
        msg = (
            f"{VARIABLE} is not set: findings and decisions are kept in a PostgreSQL database of their own."
            f" Set it to postgresql://.., or start Dagster by `recon dev`, which brings one."
        )
        raise DeclarationError(msg)

    return opened
