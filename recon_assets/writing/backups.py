"""Backups of loads: what a load changes is saved before it is final, so that it can be put back; see `restoring`."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
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
    """What one load under way changes, and what that was before."""

    saved_rows = saved_keys = 0
    whole = True
    """Whether all that the window had was saved, so that what it has now is the load's alone."""

    def save(self, rows: insert_rows | None, keys: insert_rows | None = None, *, whole: bool = False) -> None:
        """Saves rows that will be overwritten or deleted, and keys of rows that will be inserted."""
        self.make_saved_table()
        self.has_saved, self.whole = True, whole
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

    def need_changed(self, rows: int) -> None:
        """Just the rows that were saved must have been updated or deleted.

        Raises:
            UnavailableError: When somebody else brought such rows meanwhile.
            RefusedError: When the target left saved rows as they were, though nobody else could write them.
        """
        if rows > self.saved_rows:
            raise written_meanwhile(self.pair, self.window)
        if rows < self.saved_rows:
            raise self.not_written()

    def need_inserted(self, rows: int) -> None:
        """Just the keys that were saved must have been inserted.

        Raises:
            UnavailableError: When somebody else inserted one of them meanwhile.
            RefusedError: When one is not there.
        """
        if rows == self.saved_keys:
            return
        there = sa.exists().where(self.same_key()).select_from(self.target)
        lacking: Select = sa.select(sa.literal_column("1")).select_from(self.saved_table).where(~there).limit(1)
        raise (
            self.not_written()
            if self.connection.execute(lacking).first()
            else written_meanwhile(self.pair, self.window)
        )

    def not_written(self) -> RefusedError:
        """The error for rows that the target neither wrote nor refused."""
        return RefusedError(
            f"{self.pair.spec.name} {self.window}: the target did not write some of the rows, and said nothing"
            " (has it a trigger or rule that leaves rows out?); nothing of this window was written"
        )

    @cached_property
    def after(self) -> Fingerprint:
        """Of all rows touched, as the load has left them; it is made once."""
        return self.fingerprint()

    @cached_property
    def before(self) -> Fingerprint:
        """Of what the load found: what is there now, but for the rows that it wrote, and with those that were saved.

        So what others change meanwhile in rows that the load leaves alone is no part of it.
        """
        saved = self.fingerprint_of(self.saved, (self.was_there,)) if self.saved_rows else Fingerprint(0, "")
        if self.whole:
            return saved
        written = (self.in_window, self.has_saved_key) if self.replaces else (self.has_saved_key,)
        return self.after - self.fingerprint_of(self.current, written) + saved

    def hand_over(self, sink: BackupSink) -> bool:
        """Gives the backup sink what changed. Returns whether anything did."""
        if self.after == self.before:
            return False
        sink.before((THERE, *(column.name for column in self.columns)), self.parts(), self.before)
        sink.after(self.after)
        return True

    def need_rows(self, loaded: Loaded) -> None:
        """There must be just as many rows as the load left: after a replacement, as the source has.

        Raises:
            UnavailableError: When somebody else wrote rows of the window: taking the load back would delete them, too.
            RefusedError: When rows that it wrote are none of the window, so that nobody could take them back.
        """
        expected = loaded.read if self.whole or self.replaces else self.before.rows + loaded.inserted
        lacking = expected - self.after.rows
        if lacking < 0 or (lacking and self.replaces and not self.whole and not self.has_strays()):
            raise written_meanwhile(self.pair, self.window)
        if lacking:
            why = "rows that it wrote do not belong to the window in the target, or are not there"
            raise RefusedError(self.refusal(why))

    def has_strays(self) -> bool:
        """Whether rows with saved keys are outside of the window."""
        select: Select = sa.select(sa.literal_column("1")).select_from(self.target)
        return self.connection.execute(select.where(self.outside, self.has_saved_key).limit(1)).first() is not None

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
