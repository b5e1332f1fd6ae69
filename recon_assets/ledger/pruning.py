"""Forgetting what is old and needed by nothing: the only place where the ledger deletes what it was told."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from recon_assets.ledger import schema
from recon_assets.ledger.accepted import standing
from recon_assets.ledger.projects import owned
from recon_assets.model import State

_evaluation, _finding, _sighting, _newest = schema.evaluation, schema.finding, schema.sighting, schema.newest
_discrepancy, _seen, _unread = schema.discrepancy, schema.seen, schema.unread
_cases, _event, _acceptance = schema.cases, schema.event, schema.acceptance
_correction, _change, _outcome = schema.correction, schema.change, schema.outcome
_backup, _part, _backup_event = schema.backup, schema.backup_part, schema.backup_event


def prune(c: sa.Connection, *, keep: timedelta, now: datetime) -> Mapping[str, int]:
    """Deletes what is older than ``keep`` and needed by nothing; returns how many rows of each table.

    Always needed are: corrections and backups that may be taken back, or of which nobody knows what became; cases
    that are open, that such a correction belongs to or whose differences are accepted, with all that happened to
    them; findings that such a case stands on, the newest ones of every check, and those not routed yet; the
    records that these findings name.
    """
    until = now - keep
    return dict(
        count
        for steps in (
            _backups(c, until),
            _corrections(c, until),
            _old_cases(c, until),
            _findings(c, until),
            _records(c),
        )
        for count in steps
    )


def _backups(c: sa.Connection, until: datetime) -> Iterator[tuple[str, int]]:
    """Those that were restored, or whose load never came so far that there was anything to restore."""
    of_it = _backup_event.c.backup == _backup.c.id
    restored = sa.exists().where(of_it, _backup_event.c.outcome == "restored")
    ended = sa.exists().where(of_it, _backup_event.c.digest.is_not(None))
    done = _ids(c, sa.select(_backup.c.id).where(owned(c, _backup), _backup.c.at < until, sa.or_(restored, ~ended)))
    yield from _delete(c, done, _part.c.backup, _backup_event.c.backup, _backup.c.id)


def _corrections(c: sa.Connection, until: datetime) -> Iterator[tuple[str, int]]:
    """Those that failed or are undone; each together with its undoing, once both are old."""
    undo = _correction.alias()
    undoing = undo.outerjoin(_outcome, _outcome.c.correction == undo.c.id)
    its = undo.c.undoes == _correction.c.id
    in_use = sa.exists().select_from(undoing).where(its, sa.or_(undo.c.at >= until, _outcome.c.outcome.is_(None)))
    undone = sa.exists().select_from(undoing).where(its, _outcome.c.outcome == "applied")
    became = sa.select(_outcome.c.outcome).where(_outcome.c.correction == _correction.c.id).scalar_subquery()
    over = sa.or_(became == "failed", sa.and_(became == "applied", undone))
    roots = sa.select(_correction.c.id).where(
        owned(c, _correction), _correction.c.at < until, _correction.c.undoes.is_(None), over, ~in_use
    )
    first = _ids(c, roots)
    done = first + _ids(c, sa.select(_correction.c.id).where(_among(_correction.c.undoes, first)))
    yield from _delete(c, done, _change.c.correction, _outcome.c.correction, _correction.c.id)


def _old_cases(c: sa.Connection, until: datetime) -> Iterator[tuple[str, int]]:
    """Closed ones, of which nothing is left that could be taken back."""
    used = sa.exists().where(_correction.c.review_case == _cases.c.id)
    accepted = sa.exists().where(_acceptance.c.review_case == _cases.c.id, standing())
    closed = sa.and_(
        owned(c, _cases), _cases.c.closed, _cases.c.state != State.ACCEPTED.value, _cases.c.changed < until
    )
    old = sa.select(_cases.c.id).where(closed, ~used, ~accepted).with_for_update(of=_cases, skip_locked=True)
    yield from _delete(c, _ids(c, old), _event.c.review_case, _acceptance.c.review_case, _cases.c.id)


def _findings(c: sa.Connection, until: datetime) -> Iterator[tuple[str, int]]:
    """Those that no case stands on any more, and then evaluations that have none left."""
    old = sa.and_(
        owned(c, _evaluation), _evaluation.c.at < until, ~sa.exists().where(_unread.c.evaluation == _evaluation.c.id)
    )
    of_cases = _finding.c.id.in_(sa.select(sa.func.unnest(_cases.c.findings)))
    used = sa.or_(of_cases, sa.exists().where(_newest.c.finding == _finding.c.id))
    done = _ids(c, sa.select(_finding.c.id).join(_evaluation).where(old, ~used))
    yield from _delete(c, done, _sighting.c.finding, _finding.c.id)
    empty = sa.select(_evaluation.c.id).where(old, ~sa.exists().where(_finding.c.evaluation == _evaluation.c.id))
    yield from _delete(c, _ids(c, empty), _evaluation.c.id)


def _records(c: sa.Connection) -> Iterator[tuple[str, int]]:
    """Those that no finding names any more. Who records one waits for its row of `seen`, which is locked here first."""
    unnamed = owned(c, _discrepancy) & ~sa.exists().where(_sighting.c.content == _discrepancy.c.content)
    ids = _ids(
        c,
        sa.select(_seen.c.id)
        .where(owned(c, _seen), _seen.c.id.in_(sa.select(_discrepancy.c.id).where(unnamed)))
        .with_for_update(),
    )
    these = _among(_discrepancy.c.id, ids)
    yield _discrepancy.name, c.execute(sa.delete(_discrepancy).where(these, unnamed)).rowcount
    gone = owned(c, _seen) & ~sa.exists().where(
        _discrepancy.c.project == _seen.c.project, _discrepancy.c.id == _seen.c.id
    )
    yield _seen.name, c.execute(sa.delete(_seen).where(_among(_seen.c.id, ids), gone)).rowcount


def _ids(c: sa.Connection, select: sa.Select[Any]) -> list[Any]:
    return list(c.scalars(select))


def _among(column: sa.Column[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.literal(values, ARRAY(column.type)))


def _delete(c: sa.Connection, ids: Sequence[int], *columns: sa.Column[int]) -> Iterator[tuple[str, int]]:
    """Deletes the rows with one of ``ids`` in a column, from one table after the other."""
    for column in columns:
        yield column.table.name, c.execute(sa.delete(column.table).where(_among(column, ids))).rowcount
