"""Takes loads back: the rows that one touched become what its backup says, proved by fingerprints."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.exact_text import exact_text, reader
from recon_assets.dialect.identity_hash import bits, identity_hash
from recon_assets.dialect.locks import locked
from recon_assets.dialect.sql import check_now, insert_rows
from recon_assets.errors import DoesNotFitError, RefusedError, StaleTargetError
from recon_assets.model import ChangeStatus
from recon_assets.reading import Pair
from recon_assets.writing.backups import Row
from recon_assets.writing.fingerprints import KEY_DIGITS, Fingerprint
from recon_assets.writing.keys import Cells, key_shown, unstaged
from recon_assets.writing.touched_rows import THERE, Condition, Select, TouchedRows

_MAX_NAMED = 20
"""Keys in an error."""
Parts = Iterable[Sequence[Row]]


class Backup(Protocol):
    """What a backup sink stored of one load."""

    @property
    def mode(self) -> str:
        """The load's."""

    @property
    def columns(self) -> Sequence[str]:
        """Of the rows that were saved, in their order."""

    @property
    def before(self) -> Fingerprint:
        """The fingerprint of what was there."""

    @property
    def after(self) -> Fingerprint:
        """The fingerprint of what the load left."""


@dataclass(frozen=True)
class Restored:
    """The rows of one window that were written to make it what it was before a load."""

    table: str
    window: str
    inserted: int = 0
    updated: int = 0
    deleted: int = 0

    def __str__(self) -> str:
        return f"{self.table} {self.window}"

    @property
    def written(self) -> int:
        """How many there were."""
        return self.inserted + self.updated + self.deleted


def restore(  # noqa: PLR0913 - what, and how
    pair: Pair,
    window: str,
    backup: Backup,
    parts: Parts,
    *,
    dry_run: bool = False,
    newer: Sequence[tuple[Backup, Parts]] = (),
) -> Restored:
    """Makes the rows that a load touched again what they were before it; all of them or none.

    What they have in columns that the target did not have then is left as it is.

    Args:
        pair: Both sides of the table.
        window: The window that was loaded.
        backup: What the load's backup sink kept.
        parts: The rows that it kept.
        dry_run: Whether to do everything and take it back.
        newer: For a dry run: later loads of the window, the newest first, which are taken back before.

    Returns:
        How many rows were written, or would be; none when all is as it was before the load already.

    Raises:
        StaleTargetError: When rows changed since the load; names some of them.
        RefusedError: When rows of other tables depend on the window's, or the target does not take rows as they were,
            has lost a column since, or would lose what a new one has.
        UnavailableError: When the target does not answer, or another run holds the window.
    """
    with _locked(pair, window) as connection:
        for later, rows in newer:
            _restore(_Saved.of(pair, window, connection, later, rows), later)
        restored = _restore(_Saved.of(pair, window, connection, backup, parts), backup)
        if not dry_run:
            connection.commit()
        return restored


def load_status(pair: Pair, window: str, backup: Backup, parts: Parts) -> ChangeStatus:
    """Whether a load of which there is a backup came to its end, by the rows themselves.

    Raises:
        RefusedError: When the target has lost a column since.
        UnavailableError: When the target does not answer, or another run holds the window.
    """
    with _locked(pair, window) as connection:
        now = _Saved.of(pair, window, connection, backup, parts).fingerprint()
        return {backup.after: ChangeStatus.AFTER, backup.before: ChangeStatus.BEFORE}.get(now, ChangeStatus.NEITHER)


def fingerprint(pair: Pair, window: str) -> Fingerprint:
    """The fingerprint of one window of the target.

    Raises:
        UnavailableError: When the target does not answer.
    """
    with driver_errors(f"{pair.spec.name} {window}"), pair.target.connect() as connection:
        return TouchedRows(pair, pair.spec.window(window), connection).fingerprint()


@contextmanager
def _locked(pair: Pair, window: str) -> Iterator[sa.Connection]:
    """A transaction that is rolled back unless it was committed; the window is not loaded meanwhile."""
    with (
        driver_errors(f"{pair.spec.name} {window}"),
        pair.target.connect() as connection,
        locked(connection, f"{pair.spec.target.table} {window}"),
    ):
        yield connection
        connection.rollback()


def _restore(saved: "_Saved", backup: Backup) -> Restored:
    saved.lock_rows()
    now = saved.fingerprint()
    if now == backup.before:
        return Restored(saved.pair.spec.name, saved.window.key)
    if now != backup.after:
        raise saved.stale(saved.changed_keys(backup.after, now))
    try:
        written = saved.put_back(backup.before)
    except sa.exc.IntegrityError:
        raise RefusedError(saved.refusal(saved.referred_to)) from None
    if saved.fingerprint() != backup.before:
        raise RefusedError(saved.refusal("the target does not take its rows as they were (has it a trigger?)"))
    # Locks keep nobody from inserting: a row that came after the fingerprint was deleted with the load's.
    if now.rows - written.deleted + written.inserted != backup.before.rows:
        raise saved.stale([])
    return written


class _Saved(TouchedRows):
    """The rows that a load touched, with what its backup has of them in the temporary table."""

    @classmethod
    def of(cls, pair: Pair, window: str, connection: sa.Connection, backup: Backup, parts: Parts) -> "_Saved":
        """What a backup sink was given, in the target's transaction."""
        names = [name for name in backup.columns if name != THERE]
        found = cls(pair, pair.spec.window(window), connection, mode=backup.mode, names=names)
        found.fill(parts)
        return found

    def fill(self, parts: Parts) -> None:
        """Makes the temporary table of rows of exact texts."""
        self.make_saved_table()
        dialect = self.connection.dialect.name
        readers = (None, *(reader(column.type, dialect) for column in self.columns))
        rows = (
            tuple(read(text) if read and text is not None else text for read, text in zip(readers, row, strict=True))
            for part in parts
            for row in part
        )
        names = tuple(column.name for column in self.saved_table.c)
        place = f"{self.pair.spec.name} {self.window}"
        try:
            with driver_errors(place):
                self.has_saved = bulk.write_rows(self.connection, self.saved_table, names, rows) > 0
        except DoesNotFitError as error:
            why = f"the target does not take any more what it had then: {str(error).removeprefix(f'{place}: ')}"
            raise RefusedError(self.refusal(unstaged(why, self.columns))) from None
        self.analyze_saved_table()

    def lock_rows(self) -> None:
        """Lets nobody else change or delete the rows touched until the transaction ends."""
        select: Select = sa.select(sa.literal_column("1").label("one")).select_from(self.target)
        for condition in self.conditions():
            rows = select.where(*condition).with_for_update(of=self.target).subquery("locked")
            self.connection.execute(sa.select(sa.func.count()).select_from(rows))

    def put_back(self, before: Fingerprint) -> Restored:
        """Undoes the load; ``before`` is the fingerprint of what was there."""
        # Of a replacement all of the window was saved, or the differences of one with unique keys.
        whole = not before.rows or (self.replaces and self.count_there() == before.rows)
        reinserts = whole or self.replaces or self.has_repeated_keys()
        deletions: list[Condition] = [(self.in_window,)] if whole else []
        if self.has_saved and self.key:
            which = [self.in_window] if self.replaces else []
            which += [sa.not_(self.was_there)] if whole or not reinserts else []
            deletions.append((*which, self.same_key()))
        for condition in deletions:
            self.refuse_loss(*condition)
        deleted = sum(self.connection.execute(sa.delete(self.target).where(*rows)).rowcount for rows in deletions)
        if deleted and self.pair.target_schema.cascading:
            raise RefusedError(self.refusal("rows of other tables would be deleted or changed with its rows"))
        inserted, updated = (self.insert(), 0) if reinserts else (0, self.update())
        self.connection.execute(check_now())
        return Restored(self.pair.spec.name, self.window.key, inserted, updated, deleted)

    def refuse_loss(self, *where: sa.ColumnElement[bool]) -> None:
        """A column that the target did not have then must be empty in rows that are deleted."""
        known = {column.name for column in self.columns}
        new = [of.name for of in self.pair.target_schema.columns if not of.generated and of.name not in known]
        held: Select = sa.select(sa.literal_column("1")).select_from(self.target).where(*where).limit(1)
        for name in new:
            if self.connection.execute(held.where(self.target.c[name].is_not(None))).first():
                raise RefusedError(self.refusal(f"column {name} is new since, and its values would be lost"))

    def count_there(self) -> int:
        """How many whole rows were saved."""
        count = sa.select(sa.func.count()).select_from(self.saved_table).where(self.was_there)
        return int(self.connection.execute(count).scalar_one())

    def has_repeated_keys(self) -> bool:
        """Whether two saved rows have one key."""
        key = [self.saved[column] for column in self.key]
        repeated: Select = sa.select(*key).group_by(*key).having(sa.func.count() > 1).limit(1)
        return self.connection.execute(repeated).first() is not None

    def insert(self) -> int:
        """The saved rows; returns how many."""
        found = sa.select(*self.saved.values()).where(self.was_there)
        names = tuple(column.name for column in self.columns)
        return self.connection.execute(insert_rows(self.target, names, found)).rowcount

    def update(self) -> int:
        """Writes the saved rows over those that have their keys; returns how many."""
        free = [column for column in self.columns if column not in self.key and not column.fixed]
        values = {column.name: self.saved[column] for column in free}
        if not values:
            return 0
        update = sa.update(self.target).values(values).where(self.same_key(), self.was_there)
        return self.connection.execute(update).rowcount

    def stale(self, keys: list[str]) -> StaleTargetError:
        """The error for rows that are not as the load left them."""
        named = f" ({'; '.join(keys)})" if keys else ""
        msg = self.refusal(f"rows changed since it was loaded{named}")
        return StaleTargetError(f"{msg}. Take back what was written since, or load the window anew.", keys)

    def changed_keys(self, since: Fingerprint, now: Fingerprint) -> list[str]:
        """The keys of some rows that are not what they were, as people read them."""
        hashes = now.moved(since)[:_MAX_NAMED] if self.key else ()
        if not hashes:
            return []
        found = [key for condition in self.conditions() for key in self.keys_of(hashes, self.current, *condition)]
        found += self.keys_of(hashes, self.saved)
        return list(dict.fromkeys(key_shown(self.pair.spec, key) for key in found))

    def keys_of(self, hashes: Sequence[int], cells: Cells, *where: sa.ColumnElement[bool]) -> list[Row]:
        """The keys that have one of these hashes, of the target or of saved rows."""
        hashed = bits(identity_hash(self.key_cells(cells), self.connection.dialect.name), 0, KEY_DIGITS)
        texts = [exact_text(cells[column], column.type) for column in self.key]
        select: Select = sa.select(*texts).where(hashed.in_(hashes), *where)
        return [tuple(row) for row in self.connection.execute(select.limit(_MAX_NAMED))]
