"""Gathers what the checks of one table judge by: each need once for all windows, all of it at one moment a side.

What cannot be gathered is a fact too: the reason why, for exactly the checks that need it.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from recon_assets import dialect, diff, reading
from recon_assets.errors import DeclarationError, ReconError, UnavailableError
from recon_assets.model import (
    ALL,
    Disorder,
    Fact,
    Groups,
    Measure,
    Need,
    NotGatheredError,
    Orphans,
    Project,
    Records,
    Results,
    SidePair,
    TableSchemas,
    TableSpec,
    Undated,
    Window,
)

LOG = logging.getLogger(__name__)
Facts = Mapping[Need, Fact]
Needs = tuple[Need, ...]


@dataclass(frozen=True)
class Request:
    """What is to be gathered of which table.

    Attributes:
        project: Where the databases and the other tables are.
        spec: The table.
        windows: Its windows that are looked at, in order of time.
        daily: What is needed of each window.
        whole: What is needed of the whole table.
        now: The present, with its time zone.
        most: How many records to keep of each kind, window and need.
        tell: Is told each step in a line.
        opened: Both sides of the table, where they are open already.
    """

    project: Project
    spec: TableSpec
    windows: tuple[Window, ...]
    daily: Needs
    whole: Needs
    now: datetime
    most: int
    tell: Callable[[str], None]
    opened: reading.Pair | None = None

    @property
    def needs(self) -> Needs:
        """Of windows and of the whole."""
        return tuple(dict.fromkeys((*self.daily, *self.whole)))


@dataclass
class Gathering:
    """Facts of one table, as they are gathered; connections are given back when ``stack`` is closed."""

    request: Request
    stack: ExitStack
    snapshot: reading.Snapshot | None = None
    schemas: Fact | None = None
    parents: dict[Orphans, reading.Parent | ReconError] = field(default_factory=dict)
    failed: dict[Needs, NotGatheredError] = field(default_factory=dict)
    gone: NotGatheredError | None = None

    def open(self) -> None:
        """Open both sides; if they cannot be, that is the reason of all that is not gathered."""
        spec = self.request.spec
        try:
            opened = self.request.opened
            if opened:
                source, target = opened.source, dialect.for_reading(opened.target)
            else:
                source, target = (self._engine(relation.database) for relation in (spec.source, spec.target))
            self.schemas = self._schemas(source, target)
            known = (opened.source_schema, opened.target_schema) if opened else None
            if isinstance(self.schemas, SidePair):
                known = (self.schemas.source, self.schemas.target)
            pair = reading.pair_for_comparison(spec, source, target, schemas=known)
            self._find_parents(target)
            quiet = self.stack.enter_context(_quiet())
            self.snapshot = quiet.enter_context(reading.snapshot(pair))
        except ReconError as error:
            self.gone = NotGatheredError(str(error))

    def of_windows(self) -> Iterator[Facts]:
        """What is known of each window, in their order."""
        yield from self._facts(self.request.daily, self.request.windows)

    def of_the_whole(self) -> Iterator[Facts]:
        """What is known of the table, once."""
        yield from self._facts(self.request.whole, (ALL,))

    def _facts(self, needs: Needs, windows: Sequence[Window]) -> Iterator[Facts]:
        streams = {group: self._stream(group, windows) for group in _groups(needs)}
        for _ in windows:
            yield {need: fact for group, stream in streams.items() for need, fact in self._next(group, stream).items()}

    def _next(self, group: Needs, stream: Iterator[Facts]) -> Facts:
        """A need that failed has failed for all windows to come; a database that went away is asked nothing more."""
        reason = self.failed.get(group) or (None if isinstance(group[0], TableSchemas) and self.schemas else self.gone)
        if reason is None:
            try:
                return next(stream)
            except ReconError as error:
                reason = self.failed[group] = self._reason(error)
        return dict.fromkeys(group, reason)

    def _reason(self, error: ReconError) -> NotGatheredError:
        reason = NotGatheredError(str(error))
        if self.snapshot is not None and reading.is_lost(self.snapshot):
            self.gone = reason
        return reason

    def _stream(self, group: Needs, windows: Sequence[Window]) -> Iterator[Facts]:
        need = group[0]
        if isinstance(need, Measure):
            return self._measured([each for each in group if isinstance(each, Measure)], windows)
        streams: Mapping[type[Need], Callable[[Any, Sequence[Window]], Iterator[Facts]]] = {
            Groups: self._counted,
            Records: self._compared,
            Undated: self._undated,
            Orphans: self._orphans,
            Disorder: self._disordered,
            Results: self._results,
            TableSchemas: self._schemas_told,
        }
        return streams[type(need)](need, windows)

    def _measured(self, needs: Sequence[Measure], windows: Sequence[Window]) -> Iterator[Facts]:
        """All in one scan; where that is refused, each in its own, so that one faulty measure spoils no other."""
        self.request.tell(f"measuring {len(needs)} figures of {len(windows)} windows")
        try:
            found = self._measure(needs, windows)
        except UnavailableError:
            raise
        except ReconError:
            found = {}
            for need in needs:
                try:
                    found |= self._measure([need], windows)
                except ReconError as error:
                    found[need] = dict.fromkeys((window.key for window in windows), self._reason(error))
        for window in windows:
            yield {need: found[need][window.key] for need in needs}

    def _measure(self, needs: Sequence[Measure], windows: Sequence[Window]) -> dict[Need, Mapping[str, Fact]]:
        snapshot = self._opened()
        with reading.savepoint(snapshot):
            found = reading.measured(snapshot, needs, windows)
        return {need: {window.key: found[window.key][need] for window in windows} for need in needs}

    def _counted(self, need: Groups, windows: Sequence[Window]) -> Iterator[Facts]:
        self.request.tell(f"counting rows by {', '.join(need.by)} in {len(windows)} windows")
        for found in diff.count_groups(self._opened(), need, windows, self.request.most):
            yield {need: found}

    def _compared(self, need: Records, windows: Sequence[Window]) -> Iterator[Facts]:
        request, snapshot = self.request, self._opened()
        with reading.savepoint(snapshot):
            found = diff.compare_windows(
                snapshot,
                windows,
                where=need.where,
                max_evidence=request.most,
                history=self._history(),
                now=request.now,
                tell=request.tell,
            )
        for window in windows:
            yield {need: found[window.key]}

    def _undated(self, need: Undated, _: Sequence[Window]) -> Iterator[Facts]:
        """Rows without a time are compared as a table without days; those before and after all days are counted."""
        request, snapshot = self.request, self._opened().narrowed(where=need.where)
        request.tell("comparing rows without a time")
        with reading.savepoint(snapshot):
            found = diff.compare_windows(
                snapshot.of_part("undated"), (ALL,), max_evidence=0, now=request.now, tell=request.tell
            )[ALL.key]
            rows = reading.measured(snapshot.of_part("outside"), [reading.COUNT], (ALL,))[ALL.key][reading.COUNT]
        yield {need: replace(found, outside=(rows.source, rows.target))}

    def _history(self) -> Window | None:
        """All time that the table has windows for, until the day after tomorrow."""
        calendar = self.request.spec.calendar
        return calendar.history(self.request.now + timedelta(days=2)) if calendar else None

    def _orphans(self, need: Orphans, windows: Sequence[Window]) -> Iterator[Facts]:
        parent = self.parents[need]
        if isinstance(parent, ReconError):
            raise parent
        self.request.tell(f"looking for {', '.join(need.columns)} in {need.parent}")
        for _, found in reading.orphans(self._opened(), need, parent, windows, self.request.most):
            yield {need: found}

    def _disordered(self, need: Disorder, windows: Sequence[Window]) -> Iterator[Facts]:
        times = filter(None, (*need.columns, need.monotonic, need.not_future))
        self.request.tell(f"looking for rows out of order by {', '.join(times)}")
        for _, found in reading.disorder(self._opened(), need, windows, self.request.now, self.request.most):
            yield {need: found}

    def _results(self, need: Results, windows: Sequence[Window]) -> Iterator[Facts]:
        """A query may fail for one window and not for another: a division by zero is of its day."""
        snapshot = self._opened()
        for window in windows:
            self.request.tell(f"{window}: asking both queries of a rule")
            try:
                with reading.savepoint(snapshot):
                    fact: Fact = reading.results(snapshot, need, window)
            except ReconError as error:
                fact = self._reason(error)
            yield {need: fact}

    def _schemas_told(self, need: Need, windows: Sequence[Window]) -> Iterator[Facts]:
        for _ in windows:
            yield {need: self.schemas or NotGatheredError("the tables were not looked at")}

    def _opened(self) -> reading.Snapshot:
        """There is one whenever facts are asked for: `_next` asks for none otherwise."""
        if self.snapshot is None:
            msg = "facts were asked for before both sides were opened"
            raise ValueError(msg)
        return self.snapshot

    def _engine(self, name: str) -> sa.Engine:
        return self.stack.enter_context(dialect.opened(self.request.project.databases[name], role="source"))

    def _schemas(self, source: sa.Engine, target: sa.Engine) -> Fact | None:
        """Looked at before columns are matched: they may be what is wrong."""
        if not any(isinstance(need, TableSchemas) for need in self.request.needs):
            return None
        spec = self.request.spec
        try:
            return SidePair(*reading.described(spec, source, target))
        except ReconError as error:
            return NotGatheredError(str(error))

    def _find_parents(self, target: sa.Engine) -> None:
        """Before the snapshot is opened, because a database may allow a single connection."""
        for need in self.request.needs:
            if isinstance(need, Orphans):
                try:
                    self.parents[need] = self._parent(need.parent, target)
                except ReconError as error:
                    self.parents[need] = error

    def _parent(self, name: str, target: sa.Engine) -> reading.Parent:
        tables, own = self.request.project.tables, self.request.spec
        spec = own if name == own.name else tables.get(name)
        if spec is None:
            msg = f"{own.name}: {name!r} is no declared table; {reading.nearest(name, tables)}"
            raise DeclarationError(msg)
        same = spec.target.database == own.target.database
        return reading.parent_of(spec, target if same else self._engine(spec.target.database))


@contextmanager
def _quiet() -> Iterator[ExitStack]:
    """What was found stands, whether or not the databases still answer when what was opened is closed."""
    opened = ExitStack()
    try:
        yield opened
    finally:
        try:
            opened.close()
        except ReconError as error:
            LOG.warning("%s; that was at the end of reading, and what was read stands", error)


def _groups(needs: Needs) -> list[Needs]:
    """What is gathered together: all measures, and each other need by itself."""
    measures = tuple(need for need in needs if isinstance(need, Measure))
    others: list[Needs] = [(need,) for need in needs if not isinstance(need, Measure)]
    return [measures, *others] if measures else others
