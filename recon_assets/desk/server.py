"""Dagster's pages and ours in one server, behind one door."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.applications import Starlette

from recon_assets import ledger
from recon_assets.declare import load_project
from recon_assets.desk.access import access
from recon_assets.desk.app import application
from recon_assets.desk.calls import Desk

POLL_MILLISECONDS = 2000
STATEMENT_MILLISECONDS = 15_000
PATIENCE_SECONDS = 5


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
        desk = Desk(book, project, found, lambda: datetime.now(UTC))
        # The client's address is what access is judged by, so no header may say otherwise.
        uvicorn.run(
            application(desk, dagster),
            host=host,
            port=port,
            log_level="warning",
            proxy_headers=False,
            timeout_graceful_shutdown=PATIENCE_SECONDS,
        )


@contextmanager
def dagster_pages(workspace: Path) -> Iterator[Starlette]:
    """Dagster's own web application, websockets included, on the instance that ``DAGSTER_HOME`` names."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    target = WorkspaceFileTarget([str(workspace)])
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, pool_recycle=3600, max_overflow=20)
        with WorkspaceProcessContext(instance, target, version=__version__, code_server_log_level="warning") as context:
            yield create_app_from_workspace_process_context(context, live_data_poll_rate=POLL_MILLISECONDS)
