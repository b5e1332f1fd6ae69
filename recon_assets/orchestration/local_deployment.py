"""One sitting with a project's Dagster, from the first database to the last process, for commands and tests alike."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from uuid import uuid4

import dagster as dg
import sqlalchemy as sa

from recon_assets import ledger, local, review
from recon_assets.declare import DEMO, load_project
from recon_assets.dialect import opened
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.errors import UnavailableError
from recon_assets.ledger import Ledger
from recon_assets.model import Database, Mode, Project, TableSpec
from recon_assets.orchestration import adoption, backfills, check_runs, dagster_internals, review_sensor
from recon_assets.orchestration.backfills import Progress, Wanted
from recon_assets.orchestration.check_runs import CheckSelection, Verdict
from recon_assets.orchestration.processes import HOST, Dagster, Services, services
from recon_assets.orchestration.resources import LEDGER_VARIABLE, Connections
from recon_assets.orchestration.review_sensor import Left
from recon_assets.orchestration.rollbacks import show_rollbacks
from recon_assets.orchestration.serving import Serving
from recon_assets.orchestration.translation import Naming
from recon_assets.orchestration.webserver import Webserver

DEFAULT_HOME = ".recon"
Schema = Literal["upgrade", "make", "leave"]
PATIENCE_TO_SETTLE, SECONDS_BETWEEN_LOOKS = 600.0, 1.0


@dataclass(frozen=True)
class Session:
    """A project with its databases and Dagster's memory at hand."""

    dagster: Dagster
    environ: Mapping[str, str]
    project: Project
    instance: dg.DagsterInstance

    @contextmanager
    def served(self, port: int = 0, host: str = HOST) -> Iterator[Services]:
        """Dagster's processes, started for this sitting; what earlier ones left unfinished is marked as failed.

        Raises:
            RefusedError: When this home has its processes already: their runs are not abandoned.
        """
        with self.dagster.alone():
            dagster_internals.fail_abandoned_runs(self.instance)
            with services(self.dagster.home, self.environ, self.serving, port=port, host=host) as running:
                yield running

    @property
    def serving(self) -> Serving:
        """What Dagster serves when this sitting starts it."""
        return Serving.of(self.project, self.environ)

    def webserver(self, url: str | None = None) -> Webserver | None:
        """The one at ``url``; without, the one that runs on this home, if one does.

        Raises:
            RefusedError: When that of this home serves something else than this sitting is about.
        """
        if url:
            return Webserver(url, token=self.environ.get("RECON_WEB_TOKEN", ""))
        return self.dagster.running(self.serving)

    @property
    def naming(self) -> Naming:
        """What the deployment calls the tables."""
        return Naming.of(self.environ)

    @property
    def mark(self) -> Mapping[str, str]:
        """The tags of what this home launches."""
        return {dagster_internals.HOME_TAG: dagster_internals.home()}

    @property
    def tags(self) -> Mapping[str, str]:
        """The same, and who launches."""
        who = review.launcher(self.environ)
        return {**self.mark, **({review.PERSON_TAG: who} if who else {})}

    def missing(self, spec: TableSpec) -> Wanted:
        """The windows of a table that Dagster does not know as materialized, or whose newest load failed."""
        windows = adoption.missing(self.instance, self.naming, spec, datetime.now(UTC))
        known = adoption.materialized(self.instance, self.naming, spec)
        return Wanted(spec, windows, again=not known.isdisjoint(windows), naming=self.naming)

    def everything(self, spec: TableSpec) -> Wanted:
        """Every finished window of a table."""
        return Wanted(spec, tuple(self._keys(spec)), naming=self.naming)

    def adopt(self, spec: TableSpec, *, judged: bool = True) -> adoption.Adopted:
        """Report the windows that the target holds already.

        Nobody knows what is in them: the sensor has them ``judged`` when Dagster runs, if the caller does not.
        """
        now = datetime.now(UTC)
        counts = adoption.rows_of_target(self.project, spec, now)
        found = adoption.adoptable(self.instance, self.naming, spec, counts, now)
        if judged and spec.checks:  # noted first: whoever is stopped in between notes them again
            with self.remembered() as book, book.begin() as connection:
                ledger.note_all_changed(connection, spec.name, found.adopted)
        adoption.adopt(self.instance, self.naming, spec, found)
        return found

    def fill(
        self, webserver: Webserver, wanted: Sequence[Wanted], mode: Mode = Mode.INSERT_MISSING
    ) -> tuple[str, Iterator[Progress]]:
        """Launch a backfill: its id, and its progress until it has ended."""
        since = backfills.newest(self.instance, wanted)
        backfill_id = backfills.launch(webserver, wanted, mode, self.tags)
        return backfill_id, backfills.follow(webserver, self.instance, backfill_id, wanted, since)

    def check(self, webserver: Webserver, asked: Sequence[CheckSelection]) -> Iterator[Verdict]:
        """Launch runs of checks alone, and yield what they have found until nothing more will come."""
        launched = uuid4().hex
        for scope in check_runs.scopes(asked):
            check_runs.launch(webserver, scope, {**self.tags, check_runs.LAUNCH_TAG: launched})
        yield from check_runs.follow(self.instance, launched, frozenset().union(*(item.due for item in asked)))

    def settled(self, patience: float = PATIENCE_TO_SETTLE) -> Iterator[Left]:
        """Yield what is still to be done about what was found, until all that is left waits for people.

        Raises:
            UnavailableError: When nothing of it changes for so many seconds.
        """
        last, since = Left(), time.monotonic()
        with self.remembered() as book:
            while not (left := review_sensor.left(self.instance, book, self.project, datetime.now(UTC))).nothing:
                yield left
                if left != last:
                    last, since = left, time.monotonic()
                if time.monotonic() - since > patience:
                    msg = f"Nothing has happened for {patience:.0f} s about what was found: {left}."
                    raise UnavailableError(msg)
                time.sleep(SECONDS_BETWEEN_LOOKS)
            yield left

    @contextmanager
    def remembered(self) -> Iterator[Ledger]:
        """The ledger, until a block ends; Dagster has been told what it says of loads that were taken back."""
        with Connections(self.project, self.environ).ledger_in() as book:
            show_rollbacks(self.instance, book, self.project, self.naming)
            yield book

    def provenance(self, spec: TableSpec) -> "Provenance":
        """Where each window of a table came from."""
        keys = frozenset(self._keys(spec)) - adoption.failed(self.instance, self.naming, spec)
        found = dagster_internals.latest_materializations(self.instance, self.naming.key(spec), keys)
        origins = [str(event.metadata["origin"].value) for event in found.values() if "origin" in event.metadata]
        return Provenance(
            spec.name,
            adopted=origins.count("adopted"),
            filled=len(found) - origins.count("adopted"),
            missing=len(self._keys(spec)) - len(found),
        )

    def _keys(self, spec: TableSpec) -> list[str]:
        return adoption.window_keys(spec, datetime.now(UTC))


@dataclass(frozen=True)
class Provenance:
    """How many windows of a table were there before us, were filled by us, and are still missing."""

    table: str
    adopted: int
    filled: int
    missing: int


@contextmanager
def session(
    environ: Mapping[str, str],
    prepare: Callable[[Mapping[str, str]], None] | None = None,
    *,
    schema: Schema = "upgrade",
) -> Iterator[Session]:
    """Open the databases, starting the embedded ones where no URL is given; ``prepare`` runs before all else does.

    Embedded sources and targets are those of the demo, or of whoever fills them by ``prepare``: others would be empty.
    What is done about the ledger's ``schema``: whoever starts Dagster brings it up to date; who may have to start it
    makes one where there is none, and is refused where it is older, as older programs may be using it; who only reads
    leaves it as it is. That of this home alone is always up to date. Dagster is told of loads that were taken back.
    """
    home = Path(environ.get("RECON_HOME") or DEFAULT_HOME)
    sides = prepare is not None or environ.get("RECON_TABLES") == DEMO
    named_project = None if sides else load_project(environ=environ)  # what is wrong is said before anything starts
    with local.environment(environ, home, sides=sides) as databases:
        dagster = Dagster(home)
        everything = dagster.environment(databases)
        os.environ.update(everything)  # Dagster's settings name variables, which it reads from the environment
        if prepare:
            prepare(everything)
        dagster.prepare()
        at, shared = everything[LEDGER_VARIABLE], bool(environ.get(LEDGER_VARIABLE))
        if not shared or schema == "upgrade" or (schema == "make" and not ledger.is_begun(at)):
            ledger.upgrade(at)
        check_reachable("DAGSTER_PG_URL", everything["DAGSTER_PG_URL"])
        with dg.DagsterInstance.get() as instance:
            opened_ = Session(dagster, everything, named_project or load_project(environ=everything), instance)
            if schema != "leave":
                with opened_.remembered():
                    pass
            yield opened_


def check_reachable(name: str, url: str) -> None:
    """Raise in one sentence when Dagster's storage does not answer; Dagster tries for long, and says it at length."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with opened(Database(name, plain), role="source") as storage, driver_errors(name), storage.connect():
        pass
