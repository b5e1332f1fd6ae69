"""Which cases there are: the queue, what it adds up to, and what is to be done."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from recon_assets.errors import DeclarationError
from recon_assets.ledger import schema
from recon_assets.ledger.cases import case_of
from recon_assets.ledger.projects import owned
from recon_assets.model import Case, Severity, State, plural

_cases = schema.cases
_ORDER = (_cases.c.severity.desc(), _cases.c.opened, _cases.c.id)


@dataclass(frozen=True)
class Filter:
    """Which cases; what is empty or None filters nothing, but without ``states`` only cases that are not closed.

    Attributes:
        windows: First and last window, by their keys; or days, of which the last has all its hours.
        kinds: Kinds of discrepancies, or names of checks.
        older_than: Opened before.
        assignee: "" means nobody.
    """

    tables: tuple[str, ...] = ()
    windows: tuple[str, str] | None = None
    kinds: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    states: tuple[State, ...] = ()
    older_than: datetime | None = None
    assignee: str | None = None

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """What holds for such a case's row, besides its state."""
        if self.tables:
            yield _cases.c.table_name.in_(self.tables)
        if self.windows:
            first, last = self.windows
            hours = _cases.c.window_key.startswith(f"{last}-", autoescape=True)
            yield sa.or_(_cases.c.window_key.between(first, last), hours)
        if self.kinds:
            yield _cases.c.kind.in_(self.kinds)
        if self.severities:
            yield _cases.c.severity.in_(self.severities)
        if self.older_than:
            yield _cases.c.opened < self.older_than
        if self.assignee is not None:
            yield _cases.c.assignee == self.assignee


def _values(states: Sequence[State]) -> list[str]:
    return [state.value for state in states]


@dataclass(frozen=True)
class Cursor:
    """A place in the queue: that of one case."""

    severity: Severity
    opened: datetime
    id: int

    def __str__(self) -> str:
        return f"{self.severity}_{self.opened.timestamp():.6f}_{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The place that ``str`` of it names.

        Raises:
            DeclarationError: When the text has another form.
        """
        try:
            severity, opened, number = text.split("_")
            return cls(Severity(severity), datetime.fromtimestamp(float(opened), UTC), int(number))
        except (ValueError, OverflowError, OSError) as error:
            msg = f"{text!r} is no place in the queue; begin at its first page"
            raise DeclarationError(msg) from error


@dataclass(frozen=True)
class Page:
    """Some cases of the queue; ``next`` is where the next page begins, None at the end."""

    cases: tuple[Case, ...]
    next: Cursor | None


def queue(c: sa.Connection, filter: Filter, *, after: Cursor | None = None, limit: int = 50) -> Page:  # noqa: A002
    """A page of the cases that pass ``filter``: the most severe first, then the oldest.

    Each state is read in the order of its index: those that are closed grow in number for ever.
    """
    begun = sa.select(_cases).where(owned(c, _cases), *filter.conditions(), *_behind(after))
    wanted = [begun.where(_cases.c.state == state.value) for state in filter.states] or [begun.where(~_cases.c.closed)]
    firsts = sa.union_all(*(each.order_by(*_ORDER).limit(limit + 1).subquery().select() for each in wanted)).subquery()
    ordered = sa.select(firsts).order_by(firsts.c.severity.desc(), firsts.c.opened, firsts.c.id)
    rows = c.execute(ordered.limit(limit + 1)).all()
    more = [Cursor(row.severity, row.opened, row.id) for row in rows[limit - 1 : limit] if len(rows) > limit]
    return Page(tuple(map(case_of, rows[:limit])), next(iter(more), None))


def _behind(place: Cursor | None) -> Iterator[sa.ColumnElement[bool]]:
    if place:
        later = sa.tuple_(_cases.c.opened, _cases.c.id) > sa.tuple_(place.opened, place.id)
        yield _cases.c.severity <= place.severity
        yield sa.or_(_cases.c.severity < place.severity, later)


MAX_COUNTED = 100_000
"""Of cases that are closed no more are counted: they grow in number for ever."""


@dataclass(frozen=True)
class Counts:
    """How many cases there are; ``oldest`` and ``newest`` say when such cases were opened.

    Attributes:
        cut: Whether there are more, which were not counted.
    """

    total: int = 0
    by_table: Mapping[str, int] = field(default_factory=dict)
    by_kind: Mapping[str, int] = field(default_factory=dict)
    by_severity: Mapping[Severity, int] = field(default_factory=dict)
    by_state: Mapping[State, int] = field(default_factory=dict)
    oldest: datetime | None = None
    newest: datetime | None = None
    cut: bool = False

    def __str__(self) -> str:
        return f"{'more than ' if self.cut else ''}{plural(self.total, 'case')}"


def counts(c: sa.Connection, filter: Filter) -> Counts:  # noqa: A002 - what it is
    """The cases that pass ``filter``, counted in one go; with closed ones among them at most `MAX_COUNTED`."""
    by = (_cases.c.table_name, _cases.c.kind, _cases.c.severity, _cases.c.state)
    these = sa.select(*by, _cases.c.opened).where(owned(c, _cases), *filter.conditions())
    these = these.where(_cases.c.state.in_(_values(filter.states)) if filter.states else ~_cases.c.closed)
    if limited := any(state.closed for state in filter.states):
        these = these.limit(MAX_COUNTED + 1)
    of = these.subquery()
    groups = [of.c[column.name] for column in by]
    figures = (
        sa.func.count().label("n"),
        sa.func.min(of.c.opened).label("oldest"),
        sa.func.max(of.c.opened).label("newest"),
    )
    rows = c.execute(sa.select(*groups, *figures).group_by(*groups)).all()
    total = sum(row.n for row in rows)
    cut = limited and total > MAX_COUNTED
    return Counts(
        MAX_COUNTED if cut else total,
        _counted((row.table_name, row.n) for row in rows),
        _counted((row.kind, row.n) for row in rows),
        _counted((Severity(row.severity), row.n) for row in rows),
        _counted((State(row.state), row.n) for row in rows),
        min((row.oldest for row in rows), default=None),
        max((row.newest for row in rows), default=None),
        cut,
    )


def _counted(counted: Iterable[tuple[Any, int]]) -> dict[Any, int]:
    """How many cases there are of each name, those of most cases first."""
    found: dict[Any, int] = defaultdict(int)
    for name, n in counted:
        found[name] += n
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def cases_in_state(
    c: sa.Connection, *states: State, tables: Collection[str] | None = None, most: int = 1000
) -> list[Case]:
    """Cases in one of ``states``, of these tables or of all: the most severe first, then the oldest."""
    return _some(c, _cases.c.state.in_(_values(states)), tables=tables, most=most)


def cases_to_undo(c: sa.Connection, *, tables: Collection[str] | None = None, most: int = 1000) -> list[Case]:
    """Cases, of these tables or of all, that somebody wants undone, and that have not been yet."""
    return _some(c, _cases.c.undo, tables=tables, most=most)


def cases_to_show(c: sa.Connection, most: int) -> list[Case]:
    """Cases of which something has not been shown yet."""
    return _some(c, _cases.c.shown_version < _cases.c.version, most=most)


def _some(
    c: sa.Connection, condition: sa.ColumnElement[bool], *, tables: Collection[str] | None = None, most: int
) -> list[Case]:
    found = sa.select(_cases).where(owned(c, _cases), condition)
    if tables is not None:
        found = found.where(_cases.c.table_name.in_(tables))
    return [case_of(row) for row in c.execute(found.order_by(*_ORDER).limit(most))]
