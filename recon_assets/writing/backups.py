"""Backups of loads: what a load changes is saved before it is final, so that it can be put back; see `restoring`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from recon_assets.dialect.exact_text import exact_text, lost_text
from recon_assets.dialect.sql import insert_rows
from recon_assets.errors import RefusedError
from recon_assets.model import Column, Kind, Loaded, Type
from recon_assets.writing.fingerprints import Fingerprint
from recon_assets.writing.keys import key_shown
from recon_assets.writing.touched_rows import THERE, Select, TouchedRows, written_meanwhile

Row = tuple[str | None, ...]
_INTEGER = Type(Kind.INTEGER, "integer")
_ROWS_IN_PART = 5000


class BackupSink(Protocol):
    """Remembers what one load of one window changes. It is told before that is final, and never if nothing changes."""

    def before(self, columns: Sequence[str], parts: Iterable[list[Row]], fingerprint: Fingerprint) -> None:
        """What was there: rows of exact texts, `THERE` before the columns, and the fingerprint of all of it."""

    def after(self, fingerprint: Fingerprint) -> None:
        """The fingerprint of what will be there. The load is made final only when this was kept."""

    def done(self) -> None:
        """The load is final."""


class LoadBackup(TouchedRows):
    """What one load under way has found and changes."""

    before: Fingerprint | None = Fingerprint(0, "")
    """Of what it found; None until it follows from what is there afterwards."""
    after: Fingerprint | None = None
    saved_rows = saved_keys = 0

    def save(self, rows: insert_rows | None, keys: insert_rows | None = None) -> None:
        """Saves rows that will be overwritten or deleted, and keys of rows that will be inserted."""
        self._save(rows, keys)
        if self.saved_rows or self.saved_keys:
            self.before = self.fingerprint()

    def save_differences(self, rows: insert_rows, keys: insert_rows) -> None:
        """As `save` does, of a replacement with unique keys that leaves the window's other rows as they are."""
        self._save(rows, keys)
        self.before = None

    def _save(self, rows: insert_rows | None, keys: insert_rows | None) -> None:
        self.make_saved_table()
        self.has_saved, self.after = True, None
        # Keys first: where somebody else adds a row with one of them in between, that row is saved and deleted, too.
        self.saved_keys, self.saved_rows = (
            0 if insert is None else self.connection.execute(insert).rowcount for insert in (keys, rows)
        )
        self.analyze_saved_table()
        for column, saved in self.saved.items():
            lost = lost_text(column.type, self.connection.dialect.name)
            if lost and self.saved_rows:
                self._refuse_lost(column, self.was_there, exact_text(saved, column.type) == lost)

    def _refuse_lost(self, column: Column, *where: sa.ColumnElement[bool]) -> None:
        """No row may be overwritten or deleted that nobody could put back."""
        texts = [exact_text(self.saved[each], each.type) for each in self.key]
        select: Select = sa.select(sa.literal_column("1"), *texts).where(*where).limit(1)
        found = self.connection.execute(select).first()
        if found:
            row = f"the row with {key_shown(self.pair.spec, found[1:])}"
            why = f"{row} has in column {column.name} what is none of its labels, and no statement writes that back"
            msg = f"{self.refusal(why)}. Give it a label in the target first."
            raise RefusedError(msg)

    def rows(self, *where: sa.ColumnElement[bool]) -> insert_rows:
        """Saves rows that are there, which nobody else may write from then on."""
        found: Select = sa.select(sa.literal_column("1"), *self.current.values()).where(*where).with_for_update()
        return insert_rows(self.saved_table, tuple(column.name for column in self.saved_table.c), found)

    def keys(self, key: Sequence[sa.ColumnElement[Any]], *where: sa.ColumnElement[bool]) -> insert_rows:
        """Saves the keys of rows that will be inserted."""
        keys = dict(zip(self.key, key, strict=True))
        # MariaDB wants a value for each column that had no default of its own, though it may be NULL.
        values = [keys.get(column, sa.null()) for column in self.columns]
        found = sa.select(sa.literal_column("0"), *values).where(*where)
        return insert_rows(self.saved_table, tuple(column.name for column in self.saved_table.c), found)

    def need_all(self, changed: int, inserted: int = 0) -> None:
        """Just the rows that were saved must have been updated or deleted, and no key inserted that was not.

        Raises:
            UnavailableError: When somebody else brought such rows meanwhile.
            RefusedError: When the target left saved rows as they were, though nobody else could write them.
        """
        if changed > self.saved_rows or inserted > self.saved_keys:
            raise written_meanwhile(self.pair, self.window)
        if changed < self.saved_rows:
            raise self.not_written()

    def need_keys(self) -> None:
        """Every key that was saved must be there now.

        Raises:
            RefusedError: When one is not.
        """
        there = sa.exists().where(self.same_key()).select_from(self.target)
        lacking: Select = sa.select(sa.literal_column("1")).select_from(self.saved_table).where(~there).limit(1)
        if self.connection.execute(lacking).first():
            raise self.not_written()

    def not_written(self) -> RefusedError:
        """The error for rows that the target neither wrote nor refused."""
        return RefusedError(
            f"{self.pair.spec.name} {self.window}: the target did not write some of the rows, and said nothing"
            " (has it a trigger or rule that leaves rows out?); nothing of this window was written"
        )

    def current_fingerprint(self) -> Fingerprint:
        """The fingerprint of all rows touched, once the load has written them; it is made once."""
        if self.after is None:
            self.after = self.fingerprint()
        return self.after

    def hand_over(self, sink: BackupSink) -> bool:
        """Gives the backup sink what changed. Returns whether anything did."""
        after = self.current_fingerprint()
        before = self.before_differences(after) if self.before is None else self.before
        if after == before:
            return False
        sink.before((THERE, *(column.name for column in self.columns)), self.parts(), before)
        sink.after(after)
        return True

    def need_rows(self, loaded: Loaded) -> None:
        """There must be just as many rows as the load left: after a replacement, as the source has.

        Raises:
            UnavailableError: When somebody else wrote rows of the window: taking the load back would delete them, too.
            RefusedError: When rows that it wrote are none of the window, so that nobody could take them back.
        """
        found = self.current_fingerprint().rows
        before = 0 if self.before is None else self.before.rows
        expected = loaded.read if self.replaces else before - loaded.deleted + loaded.inserted
        if found == expected:
            return
        if found > expected or (self.before is None and not self.has_strays()):
            raise written_meanwhile(self.pair, self.window)
        why = "rows that it wrote do not belong to the window in the target, or are not there"
        raise RefusedError(self.refusal(why))

    def has_strays(self) -> bool:
        """Whether rows with saved keys are outside of the window."""
        select: Select = sa.select(sa.literal_column("1")).select_from(self.target)
        return self.connection.execute(select.where(self.outside, self.has_saved_key).limit(1)).first() is not None

    def before_differences(self, after: Fingerprint) -> Fingerprint:
        """What a replacement by difference found: rows that it left alone may be changed by others meanwhile."""
        written = self.fingerprint_of(self.current, (self.in_window, self.has_saved_key))
        return after - written + self.fingerprint_of(self.saved, (self.was_there,))

    def parts(self) -> Iterator[list[Row]]:
        """What was saved, as exact texts."""
        if not self.has_saved:
            return
        texts = [exact_text(saved, column.type) for column, saved in self.saved.items()]
        select = sa.select(exact_text(self.saved_table.c[THERE], _INTEGER), *texts)
        streamed = {"stream_results": True, "max_row_buffer": _ROWS_IN_PART}
        with self.connection.execute(select, execution_options=streamed) as result:
            for part in result.partitions(_ROWS_IN_PART):
                yield [tuple(row) for row in part]
