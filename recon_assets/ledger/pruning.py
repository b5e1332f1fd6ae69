"""Forgetting what is old and needed by nothing: the only place where the ledger deletes what it was told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from recon_assets.ledger import schema
from recon_assets.ledger.accepted import standing
from recon_assets.ledger.opening import Ledger
from recon_assets.ledger.projects import owned
from recon_assets.model import State

_evaluation, _finding, _record, _latest = (
    schema.evaluation,
    schema.finding,
    schema.finding_record,
    schema.latest_finding,
)
_discrepancy, _history, _queue = schema.discrepancy, schema.record_history, schema.routing_queue
_cases, _event, _acceptance = schema.cases, schema.event, schema.acceptance
_correction, _change, _outcome = schema.correction, schema.change, schema.outcome
_backup, _part, _backup_event = schema.backup, schema.backup_part, schema.backup_event


AT_ONCE = 20_000
"""Rows of what others stand on that one transaction deletes: whoever waits for one of its rows waits for seconds."""


def prune_all(book: Ledger, *, keep: timedelta, now: datetime) -> Mapping[str, int]:
    """Deletes what `prune` does, in as many transactions as it takes; whoever is killed leaves the rest."""
    dropped: Counter[str] = Counter()
    while True:
        with book.begin() as connection:
            some = prune(connection, keep=keep, now=now, most=AT_ONCE)
        dropped.update(some)
        if not any(some.values()):
            return dict(dropped)


def prune(
    c: sa.Connection, *, keep: timedelta, now: datetime, dry_run: bool = False, most: int | None = None
) -> Mapping[str, int]:
    """Deletes what is older than ``keep`` and needed by nothing, or some of it; how many rows of each table.

    Always needed are: corrections and backups that may be taken back, or of which nobody knows what became; cases
    that are open, that such a correction belongs to or whose differences are accepted, with all that happened to
    them; findings that such a case stands on, the newest ones of every check, and those not routed yet; the
    records that these findings name. A dry run only counts: it deletes and locks nothing.
    """
    return _Pruning(c, now - keep, dry_run, most).run()


@dataclass(frozen=True)
class _Pruning:
    """One pass, from what stands on others to what others stand on.

    Each step looks away from what the steps before it delete: a dry run leaves that where it is.
    """

    c: sa.Connection
    until: datetime
    dry_run: bool
    most: int | None = None
    counts: dict[str, int] = field(default_factory=dict)

    def run(self) -> Mapping[str, int]:
        self.backups()
        cases = self.cases(self.corrections())
        self.records(self.findings(cases))
        return self.counts

    def backups(self) -> None:
        """Those that were restored, or whose load never came so far that there was anything to restore."""
        of_it = _backup_event.c.backup == _backup.c.id
        restored = sa.exists().where(of_it, _backup_event.c.outcome == "restored")
        ended = sa.exists().where(of_it, _backup_event.c.digest.is_not(None))
        old = sa.and_(owned(self.c, _backup), _backup.c.at < self.until, sa.or_(restored, ~ended))
        self.delete(self.ids(sa.select(_backup.c.id).where(old)), _part.c.backup, _backup_event.c.backup, _backup.c.id)

    def corrections(self) -> list[int]:
        """Those that failed or are undone; each together with its undoing, once both are old."""
        undo = _correction.alias()
        undoing = undo.outerjoin(_outcome, _outcome.c.correction == undo.c.id)
        its = undo.c.undoes == _correction.c.id
        recent = sa.or_(undo.c.at >= self.until, _outcome.c.outcome.is_(None))
        in_use = sa.exists().select_from(undoing).where(its, recent)
        undone = sa.exists().select_from(undoing).where(its, _outcome.c.outcome == "applied")
        became = sa.select(_outcome.c.outcome).where(_outcome.c.correction == _correction.c.id).scalar_subquery()
        over = sa.or_(became == "failed", sa.and_(became == "applied", undone))
        old = sa.and_(owned(self.c, _correction), _correction.c.at < self.until, _correction.c.undoes.is_(None))
        first = self.ids(sa.select(_correction.c.id).where(old, over, ~in_use))
        # All of their undoings, however many: one that stayed would name a correction that is gone.
        done = first + list(self.c.scalars(sa.select(_correction.c.id).where(_among(_correction.c.undoes, first))))
        self.delete(done, _change.c.correction, _outcome.c.correction, _correction.c.id)
        return done

    def cases(self, corrections: Sequence[int]) -> list[int]:
        """Closed ones, of which nothing is left that could be taken back."""
        left = ~_among(_correction.c.id, corrections)
        used = sa.exists().where(_correction.c.review_case == _cases.c.id, left)
        accepted = sa.exists().where(_acceptance.c.review_case == _cases.c.id, standing())
        closed = sa.and_(_cases.c.closed, _cases.c.state != State.ACCEPTED.value, _cases.c.changed < self.until)
        old = sa.select(_cases.c.id).where(owned(self.c, _cases), closed, ~used, ~accepted)
        done = self.ids(old if self.dry_run else old.with_for_update(of=_cases, skip_locked=True))
        self.delete(done, _event.c.review_case, _acceptance.c.review_case, _cases.c.id)
        return done

    def findings(self, cases: Sequence[int]) -> list[int]:
        """Those that no case stands on any more, and then evaluations that have none left."""
        waits = sa.exists().where(_queue.c.evaluation == _evaluation.c.id)
        old = sa.and_(owned(self.c, _evaluation), _evaluation.c.at < self.until, ~waits)
        # Joined, not asked of each finding: a million findings of a hundred thousand cases would take hours.
        left = ~_among(_cases.c.id, cases)
        stood_on = sa.select(sa.func.unnest(_cases.c.findings).label("id")).where(left).subquery()
        of_case = sa.exists().where(stood_on.c.id == _finding.c.id)
        newest = sa.exists().where(_latest.c.finding == _finding.c.id)
        done = self.ids(sa.select(_finding.c.id).join(_evaluation).where(old, ~of_case, ~newest))
        self.delete(done, _record.c.finding, _finding.c.id)
        left = sa.exists().where(_finding.c.evaluation == _evaluation.c.id, ~_among(_finding.c.id, done))
        self.delete(self.ids(sa.select(_evaluation.c.id).where(old, ~left)), _evaluation.c.id)
        return done

    def records(self, findings: Sequence[int]) -> None:
        """Those that no finding names any more. Who records one waits for its row of `seen`, which is locked first."""
        left = ~_among(_record.c.finding, findings)
        unnamed = ~sa.exists().where(_record.c.content == _discrepancy.c.content, left)
        mine = owned(self.c, _discrepancy)
        of_them = sa.select(_discrepancy.c.id).where(mine, unnamed)
        old = sa.select(_history.c.id).where(owned(self.c, _history), _history.c.id.in_(of_them))
        ids = self.ids(old if self.dry_run else old.with_for_update())
        self.change(_discrepancy, sa.and_(mine, _among(_discrepancy.c.id, ids), unnamed))
        named = sa.exists().where(mine, _discrepancy.c.id == _history.c.id, ~unnamed)
        self.change(_history, sa.and_(owned(self.c, _history), _among(_history.c.id, ids), ~named))

    def ids(self, select: sa.Select[Any]) -> list[Any]:
        return list(self.c.scalars(select.limit(self.most)))

    def delete(self, ids: Sequence[int], *columns: sa.Column[int]) -> None:
        """Deletes the rows with one of ``ids`` in a column, from one table after the other."""
        for column in columns:
            self.change(column.table, _among(column, ids))

    def change(self, table: Any, condition: sa.ColumnElement[bool]) -> None:
        if self.dry_run:
            count = self.c.scalar(sa.select(sa.func.count()).select_from(table).where(condition)) or 0
        else:
            count = self.c.execute(sa.delete(table).where(condition)).rowcount
        self.counts[table.name] = count


def _among(column: sa.Column[Any], values: Sequence[Any]) -> sa.ColumnElement[bool]:
    return column == sa.any_(sa.literal(values, ARRAY(column.type)))
