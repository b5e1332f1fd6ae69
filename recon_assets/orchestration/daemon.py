"""Dagster's daemons, with backfills that start at once: `python -m recon_assets.orchestration.daemon WORKSPACE`.

None of it is public API. It is not in `dagster_internals`, for runs, of which there are many, need not import it.
"""

import logging
import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.workspace.context import IWorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.controller import create_daemons_from_instance, daemon_controller_from_instance
from dagster._daemon.daemon import BackfillDaemon, DaemonIterator, DagsterDaemon
from dagster._utils.interrupts import capture_interrupts

from recon_assets.orchestration.dagster_internals import keep_connection

BACKFILL_SECONDS = 2.0


class PromptBackfillDaemon(BackfillDaemon):
    """Dagster's backfill daemon with a shorter pause: Dagster's is 30 s, before a backfill starts and after it ends."""

    def core_loop(
        self, workspace_process_context: IWorkspaceProcessContext[Any], shutdown_event: threading.Event
    ) -> DaemonIterator:
        """One iteration of Dagster's own code after the other."""
        while True:
            yield from execute_backfill_iteration(workspace_process_context, self._logger)
            shutdown_event.wait(BACKFILL_SECONDS)
            yield None


def daemons(instance: dg.DagsterInstance) -> Collection[DagsterDaemon[Any]]:
    """All daemons that the instance needs, the backfill daemon being ours."""
    usual = [daemon for daemon in create_daemons_from_instance(instance) if not isinstance(daemon, BackfillDaemon)]
    return [*usual, PromptBackfillDaemon(instance.get_backfill_settings())]


def run_daemons(workspace: Path) -> None:
    """Run the daemons of the instance that ``DAGSTER_HOME`` names, until interrupted."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with suppress(KeyboardInterrupt), capture_interrupts(), dg.DagsterInstance.get() as instance:
        keep_connection(instance)  # creating a run writes an event for each of its days
        with daemon_controller_from_instance(
            instance,
            workspace_load_target=WorkspaceFileTarget([str(workspace)]),
            gen_daemons=daemons,
            code_server_log_level="warning",
            log_level="warning",
        ) as controller:
            controller.check_daemon_loop()


if __name__ == "__main__":
    run_daemons(Path(sys.argv[1]))
