"""Dagster's pages and ours in one server, behind one door."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import uvicorn

from recon_assets import ledger
from recon_assets.declare import load_project
from recon_assets.web.application import application
from recon_assets.web.dagster_application import dagster_pages, decisions_wait_for
from recon_assets.web.http.requests import Site
from recon_assets.web.identity.auth import access

PATIENCE_SECONDS = 5
KEY_PREFIX_VARIABLE = "RECON_KEY_PREFIX"
"""Also that of the standalone code location."""


def serve(host: str, port: int, workspace: Path, environ: Mapping[str, str]) -> None:
    """Answer at ``host`` and ``port`` until interrupted.

    Raises:
        DeclarationError: When the declaration file, or a variable of the environment, cannot be used.
        RefusedError: When nobody would have to log in and others could come.
        UnavailableError: When the ledger does not answer.
    """
    found = access(environ)
    found.check_host(host)
    project = load_project(environ=environ)
    with ExitStack() as stack:
        book = stack.enter_context(ledger.opened(environ["RECON_LEDGER_URL"], project))
        dagster = stack.enter_context(dagster_pages(workspace))
        waiting_for = partial(decisions_wait_for, dagster.context)
        prefix = environ.get(KEY_PREFIX_VARIABLE, "")
        site = Site(book, project, found, lambda: datetime.now(UTC), waiting_for, prefix)
        # The client's address is what access is judged by, so no header may say otherwise.
        uvicorn.run(
            application(site, dagster.application),
            host=host,
            port=port,
            log_level="warning",
            proxy_headers=False,
            timeout_graceful_shutdown=PATIENCE_SECONDS,
        )
