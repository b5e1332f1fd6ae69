"""How windows stand: what each check of a window said last, kept beside the window so that many are counted at once.

A finding is wide, and there is one for each check and window. `judged.outcomes` has their outcomes in a few words;
windows of which the same checks said the same are counted together, so that what is read by a page does not grow with
the number of evaluations, and what is sent to it not even with the number of windows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.ledger import schema
from recon_assets.ledger.projects import owned
from recon_assets.ledger.values import given
from recon_assets.model import ALL, Outcome

_evaluation, _latest, _status = schema.evaluation, schema.latest_finding, schema.window_status
Spans = Mapping[str, tuple[str, str]]
"""By table the first of its windows, and the one before which they end."""


@dataclass(frozen=True)
class Group:
    """Windows of a table of which the same checks said the same.

    Attributes:
        whole: Whether it is the one window `ALL`, rather than days.
        outcomes: By the name of the check.
        changed: Whether rows were changed after the windows were compared last.
        windows: How many.
        compared: When the last of them was.
    """

    table: str
    whole: bool
    outcomes: Mapping[str, Outcome]
    changed: bool
    windows: int
    compared: datetime


def outcomes_of_window() -> sa.ScalarSelect[Any]:
    """The outcomes of the window of a row of `judged`: ``passed keys``, ``failed fields``, .."""
    said = sa.func.concat(_latest.c.outcome, " ", _latest.c.check_name, type_=sa.Text)
    ordered = postgresql.aggregate_order_by(said, _latest.c.check_name)
    same_window = (_latest.c[name] == _status.c[name] for name in ("project", "table_name", "window_key"))
    return sa.select(sa.func.array_agg(ordered)).where(*same_window).correlate(_status).scalar_subquery()


def note_outcomes(c: sa.Connection, windows: Sequence[tuple[str, str]]) -> None:
    """Notes beside these windows (table, window) what their checks said last.

    The transaction holds their rows of `judged` already, so that of two that judge a window the later sees both.
    """
    these = given((_status.c.table_name, _status.c.window_key), windows)
    same = (_status.c[name] == these.c[name] for name in ("table_name", "window_key"))
    c.execute(sa.update(_status).where(owned(c, _status), *same).values(outcomes=outcomes_of_window()))


def window_groups(c: sa.Connection, spans: Spans) -> list[Group]:
    """The windows of these tables that some check has judged, in groups."""
    whole, changed = _status.c.window_key == ALL.key, schema.later_than_evaluation(_status.c.changed)
    by = (_status.c.table_name, whole.label("whole"), _status.c.outcomes, changed.label("changed"))
    figures = (sa.func.count().label("windows"), sa.func.max(_status.c.evaluation).label("newest"))
    columns = tuple(sa.Column(name, sa.Text) for name in ("table_name", "first", "end"))
    these = given(columns, [(table, *span) for table, span in spans.items()])
    declared = sa.exists().where(_status.c.table_name == these.c.table_name, _inside(these.c.first, these.c.end))
    groups = sa.select(*by, *figures).where(owned(c, _status), declared).group_by(*by).subquery()
    found = sa.select(groups, _evaluation.c.at).join(_evaluation, _evaluation.c.id == groups.c.newest)
    return [
        Group(row.table_name, row.whole, _parsed(row.outcomes), row.changed, row.windows, row.at)
        for row in c.execute(found)
    ]


def wrong_windows(  # noqa: PLR0913 - which windows, and which page of them
    c: sa.Connection, table: str, span: tuple[str, str], outcomes: Sequence[str], *, before: str, limit: int
) -> list[str]:
    """Windows of a table of which one of these outcomes (``failed keys``) is the last; `ALL` first, then the newest.

    Args:
        c: A transaction of the ledger.
        table: The table.
        span: Its windows.
        outcomes: As `judged` has them.
        before: Only those that come after this one; empty for all.
        limit: At most so many.
    """
    of_them = _status.c.outcomes.overlap(outcomes)
    order = (_status.c.window_key != ALL.key, _status.c.window_key.desc())
    inside = _inside(*map(sa.literal, span))
    found = sa.select(_status.c.window_key).where(owned(c, _status), _status.c.table_name == table, inside, of_them)
    if before:
        found = found.where(_status.c.window_key != ALL.key)
    if before and before != ALL.key:
        found = found.where(_status.c.window_key < before)
    return list(c.scalars(found.order_by(*order).limit(limit)))


def _inside(first: sa.ColumnElement[str], end: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a row of `judged` is of a check, and of a window that the declaration still has."""
    key = _status.c.window_key
    return sa.and_(_status.c.evaluation.is_not(None), sa.or_(key == ALL.key, sa.and_(key >= first, key < end)))


def _parsed(outcomes: Sequence[str]) -> Mapping[str, Outcome]:
    each = (text.partition(" ") for text in outcomes)
    return {check: Outcome(outcome) for outcome, _, check in each}


def open_cases(c: sa.Connection) -> dict[str, int]:
    """How many cases of each table are not closed."""
    cases = schema.cases
    counted = sa.select(cases.c.table_name, sa.func.count()).where(owned(c, cases), ~cases.c.closed)
    return {table: count for table, count in c.execute(counted.group_by(cases.c.table_name))}  # noqa: C416 - rows
