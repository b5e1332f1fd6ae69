"""Dagster's own web application for whoever asks: it obeys their rights, and what they launch bears their name.

Both are done where Dagster itself decides and writes, whatever the request looks like: by POST or GET, with variables
or literals, for one run or a backfill's retry.
"""

import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

from recon_assets.review import MAY_NOT_DECIDE_TAG, PERSON_TAG, SENSOR_TAG
from recon_assets.web.http.middleware import VISITOR
from recon_assets.web.identity.auth import PROGRAM, Visitor
from recon_assets.web.identity.roles import Right

MAX_SECONDS_BETWEEN_HEARTBEATS = 180
"""The daemon's are 30 seconds apart, or a tick's 60 when it is slow."""
POLL_MILLISECONDS = 2000
STATEMENT_MILLISECONDS = 15_000
_NOBODY: Mapping[str, str] = {}
_SIGNATURE = ContextVar("signature", default=_NOBODY)
"""The tags that say who is logged in and sent the request at which this thread works; none where nobody is."""


class PersonalContext(WorkspaceProcessContext):
    """Dagster's workspace; each request is answered as the rights of its visitor allow."""

    def create_request_context(self, source: object | None = None) -> WorkspaceRequestContext:
        """What one request works with; for whoever may not run it is read-only, as Dagster knows it."""
        visitor: Visitor | None = source.scope[VISITOR] if isinstance(source, HTTPConnection) else None
        _SIGNATURE.set(signature(visitor) if visitor and visitor.vouched and visitor.who != PROGRAM else _NOBODY)
        return WorkspaceRequestContext(
            instance=self.instance,
            current_workspace=self.get_current_workspace(),
            process_context=self,
            version=self.version,
            source=source,
            read_only=visitor is not None and Right.RUN not in visitor.rights,
        )


def signature(visitor: Visitor) -> dict[str, str]:
    """What the run of a visitor must know of them, wherever it runs."""
    return {PERSON_TAG: visitor.who, **({} if Right.DECIDE in visitor.rights else {MAY_NOT_DECIDE_TAG: "true"})}


def signed(tags: Mapping[str, str] | None) -> dict[str, str]:
    """Tags of what is launched, with those of who launches it in place of anybody else's."""
    given, own = tags or {}, _SIGNATURE.get()
    others = {PERSON_TAG, MAY_NOT_DECIDE_TAG} if own else set[str]()
    return {**{name: value for name, value in given.items() if name not in others}, **own}


def sign_launches(instance: dg.DagsterInstance) -> None:
    """Have all that this process launches bear the name of who launched it.

    Dagster has no public place for it: some of its mutations take tags, some copy those of an earlier run. All write
    to its storage of runs in the end.
    """
    storage: Any = instance.run_storage
    add_run, add_backfill = storage.add_run, storage.add_backfill

    def add_signed_run(run: dg.DagsterRun) -> dg.DagsterRun:
        added: dg.DagsterRun = add_run(run.with_tags(signed(run.tags)))
        return added

    def add_signed_backfill(backfill: PartitionBackfill) -> None:
        add_backfill(backfill._replace(tags=signed(backfill.tags)))

    storage.add_run, storage.add_backfill = add_signed_run, add_signed_backfill


@dataclass(frozen=True)
class DagsterPages:
    """Dagster's own web application, and the workspace that it shows."""

    application: Starlette
    context: WorkspaceProcessContext


@contextmanager
def dagster_pages(workspace: Path) -> Iterator[DagsterPages]:
    """Dagster's own web application, websockets included, on the instance that ``DAGSTER_HOME`` names."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    target = WorkspaceFileTarget([str(workspace)])
    with dg.DagsterInstance.get() as instance:
        instance.optimize_for_webserver(STATEMENT_MILLISECONDS, pool_recycle=3600, max_overflow=20)
        sign_launches(instance)
        with PersonalContext(instance, target, version=__version__, code_server_log_level="warning") as context:
            app = create_app_from_workspace_process_context(context, live_data_poll_rate=POLL_MILLISECONDS)
            yield DagsterPages(app, context)


def decisions_wait_for(context: WorkspaceProcessContext, now: datetime) -> str:
    """Why Dagster carries out no decision now; empty when it does within seconds.

    A sensor or daemon that is off fails nothing, so that nobody would hear of it.
    """
    instance = context.instance
    sensors = [
        sensor
        for location in context.create_request_context().code_locations
        for repository in location.get_repositories().values()
        for sensor in repository.get_sensors()
        if SENSOR_TAG in sensor.tags
    ]
    try:
        running = [
            sensor.get_current_instigator_state(
                instance.get_instigator_state(sensor.get_remote_origin_id(), sensor.selector_id)
            ).is_running
            for sensor in sensors
        ]
        heartbeat = instance.get_daemon_heartbeats().get("SENSOR")
    except sa.exc.SQLAlchemyError:
        return "Dagster's storage does not answer"
    if not sensors:
        return "no code location that is loaded has the sensor that carries them out"
    if not any(running):
        return f"the sensor `{sensors[0].name}` is stopped"
    silent = now.timestamp() - heartbeat.timestamp if heartbeat else math.inf
    return "Dagster's daemon does not run" if silent > MAX_SECONDS_BETWEEN_HEARTBEATS else ""
