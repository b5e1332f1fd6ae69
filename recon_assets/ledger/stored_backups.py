"""What loads overwrite: noted before it is overwritten, so that a whole window can be as it was.

Values are stored whole, for restoring needs them; who shows them masks private columns.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets.ledger import schema
from recon_assets.ledger.opening import Ledger
from recon_assets.ledger.projects import claim, owned, project_of
from recon_assets.ledger.values import packed, unpacked
from recon_assets.writing.fingerprints import Fingerprint

Row = tuple[str | None, ...]
Outcome = Literal["kept", "committed", "restored"]
_backup, _part, _event = schema.backup, schema.backup_part, schema.backup_event


@dataclass(frozen=True)
class Backup:
    """What stood in a window, and elsewhere in the load's way, before it was loaded.

    Attributes:
        run, backfill: Which run loaded it, and of which backfill; "" where there is none.
        columns: Those of its rows, in their order; see `backup_parts`.
        rows: How many there are.
        before, after: The fingerprint of what the load touches, before and after it; equal when it never came so far.
        outcome: ``kept``: the load was under way, and the target tells by its fingerprint whether it came to its end.
            ``committed``: it did. ``restored``: all is as before again.
    """

    id: int
    table: str
    window: str
    mode: str
    run: str
    backfill: str
    who: str
    at: datetime
    columns: tuple[str, ...]
    rows: int
    before: Fingerprint
    after: Fingerprint
    outcome: Outcome


@dataclass
class BackupSink:
    """Keeps what one load of one window overwrites, each step in a transaction of its own.

    Attributes:
        book: The ledger.
        at: When the load began.
        who: Who launched it, if that is known.
    """

    book: Ledger
    table: str
    window: str
    mode: str
    run: str
    backfill: str
    at: datetime
    who: str = ""
    _number: int = field(default=0, init=False)

    def before(self, columns: Sequence[str], parts: Iterable[list[Row]], fingerprint: Fingerprint) -> None:
        """Keeps the rows that may be overwritten, and the window's fingerprint."""
        with self.book.begin() as c:
            claim(c)  # by itself: whoever is the first of a project waits for it, and a backup takes long
        with self.book.begin() as c:
            row = {
                "project": project_of(c),
                "table_name": self.table,
                "window_key": self.window,
                "mode": self.mode,
                "run": self.run,
                "backfill": self.backfill,
                "who": self.who,
                "at": self.at,
                "columns": list(columns),
                "rows": fingerprint.rows,
                "digest": fingerprint.digest,
            }
            self._number = c.scalars(sa.insert(_backup).values(row).returning(_backup.c.id)).one()
            for n, rows in enumerate(parts):
                part = {"backup": self._number, "n": n, "rows": len(rows), "packed": packed(rows)}
                c.execute(sa.insert(_part).values(part))

    def after(self, fingerprint: Fingerprint) -> None:
        """Keeps the fingerprint of what will be there once the load is committed."""
        self._note("kept", rows=fingerprint.rows, digest=fingerprint.digest)

    def done(self) -> None:
        """The load is committed."""
        self._note("committed")

    def _note(self, outcome: Outcome, **more: Any) -> None:
        with self.book.begin() as c:
            c.execute(
                sa.insert(_event).values(backup=self._number, outcome=outcome, at=datetime.now(UTC), **_BY_US, **more)
            )


_BY_US = {"who": "recon", "why": ""}


def backups(
    c: sa.Connection, *, run: str | None = None, backfill: str | None = None, undoable: bool = False
) -> list[Backup]:
    """Backups for which all that is given holds, the newest first.

    ``undoable``: the load came to its end, or may have, and has not been taken back.
    """
    last = sa.select(_event.c.outcome).where(_event.c.backup == _backup.c.id).order_by(_event.c.id.desc()).limit(1)
    outcome = sa.func.coalesce(last.scalar_subquery(), "kept")
    rows = sa.select(sa.func.coalesce(sa.func.sum(_part.c.rows), 0)).where(_part.c.backup == _backup.c.id)
    kept = _event.alias("kept")
    ended = sa.and_(kept.c.backup == _backup.c.id, kept.c.digest.is_not(None))
    found = sa.select(
        _backup,
        kept.c.rows.label("rows_after"),
        kept.c.digest.label("digest_after"),
        outcome.label("outcome"),
        rows.scalar_subquery().label("held"),
    )
    found = found.outerjoin(kept, ended)
    found = found.where(owned(c, _backup))
    if run is not None:
        found = found.where(_backup.c.run == run)
    if backfill is not None:
        found = found.where(_backup.c.backfill == backfill)
    if undoable:
        found = found.where(outcome.in_(["kept", "committed"]), kept.c.digest.is_not(None))
    return [_read(row) for row in c.execute(found.order_by(_backup.c.id.desc()))]


def _read(row: Any) -> Backup:
    before = Fingerprint(row.rows, row.digest)
    return Backup(
        id=row.id,
        table=row.table_name,
        window=row.window_key,
        mode=row.mode,
        run=row.run,
        backfill=row.backfill,
        who=row.who,
        at=row.at,
        columns=tuple(row.columns),
        rows=int(row.held),
        before=before,
        after=before if row.digest_after is None else Fingerprint(row.rows_after, row.digest_after),
        outcome=row.outcome,
    )


def backup_parts(c: sa.Connection, backup: int) -> Iterator[list[Row]]:
    """The rows of a backup in the order in which they were kept, read part by part."""
    ordered = sa.select(_part.c.packed).where(_part.c.backup == backup).order_by(_part.c.n)
    for part in c.scalars(ordered, execution_options={"stream_results": True, "yield_per": 1}):
        yield [tuple(row) for row in unpacked(part)]


@dataclass(frozen=True)
class Restoration:
    """One window as it was before one load of it; later ones have higher numbers."""

    number: int
    table: str
    window: str
    run: str
    at: datetime


def restorations(c: sa.Connection, after: int) -> list[Restoration]:
    """The loads that were taken back, noted later than the one of a number, in their order."""
    found = sa.select(_event.c.id, _backup.c.table_name, _backup.c.window_key, _backup.c.run, _event.c.at)
    found = found.join(_backup, _event.c.backup == _backup.c.id).where(owned(c, _backup))
    found = found.where(_event.c.id > after, _event.c.outcome == "restored").order_by(_event.c.id)
    return [Restoration(*row) for row in c.execute(found)]


def note_restored(c: sa.Connection, backup: int, *, who: str, why: str, at: datetime) -> None:
    """Notes that all is as it was before the load."""
    c.execute(sa.insert(_event).values(backup=backup, outcome="restored", at=at, who=who, why=why))
