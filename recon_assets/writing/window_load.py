"""One load under way: a window's rows from the source into the target, as a mode says, in the target's transaction."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.driver_errors import is_duplicate
from recon_assets.dialect.exact_text import not_identical
from recon_assets.dialect.servers import advance_sequence
from recon_assets.dialect.sql import (
    analyze,
    check_now,
    differs_by_value,
    drop_stage,
    insert_rows,
    join_in_memory,
    make_stage,
    without_domain,
)
from recon_assets.errors import DoesNotFitError, RefusedError
from recon_assets.model import Loaded, Mode, Window
from recon_assets.reading import ColumnPair, Pair, condition
from recon_assets.writing.backups import LoadBackup
from recon_assets.writing.keys import STAGED, key_shown, same_key
from recon_assets.writing.source_rows import WINDOW_UNTOUCHED, SourceRows
from recon_assets.writing.touched_rows import written_meanwhile

STAGE = "recon_stage"


class _ReferredToError(RefusedError):
    """Rows cannot be deleted, for others refer to them."""


@dataclass(frozen=True)
class WindowLoad:
    """One load under way, on a connection whose transaction is its own."""

    pair: Pair
    window: Window
    mode: Mode
    named: tuple[str, ...]
    connection: sa.Connection

    @cached_property
    def backup(self) -> LoadBackup:
        """What the load changes, and what that was."""
        return LoadBackup(self.pair, self.window, self.connection, mode=self.mode)

    @cached_property
    def source(self) -> SourceRows:
        """The rows to be loaded."""
        return SourceRows(self.pair, self.window)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The target's names of all columns loaded."""
        return tuple(column.target.name for column in self.pair.columns)

    @property
    def target(self) -> sa.TableClause:
        """The target table."""
        return self.backup.target

    @property
    def in_window(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target belongs to the window."""
        return self.backup.in_window

    @cached_property
    def stage(self) -> sa.TableClause:
        """A temporary table whose columns have names that no other table uses."""
        return sa.table(STAGE, *(sa.column(f"{STAGED}{at}") for at, _ in enumerate(self.pair.columns)))

    @cached_property
    def staged(self) -> dict[ColumnPair, sa.ColumnClause[Any]]:
        """The stage's column of each column loaded."""
        return dict(zip(self.pair.columns, self.stage.c, strict=True))

    def run(self) -> Loaded:
        """Does everything but the commit."""
        self.connection.execute(join_in_memory())
        empty = not self.mode.names_columns and self.is_empty()
        if self.mode is Mode.REPLACE and self.has_unique_key and not empty:
            point = self.connection.begin_nested()
            try:
                loaded = self.replace_differences()
            except _ReferredToError:
                # Its own rows that stay may refer to some that would go; all together they may be deleted.
                if not self.backup.refers_to_itself:
                    raise
                point.rollback()
            else:
                point.commit()
                return loaded
        deleted = 0 if empty else self.clear()
        # Into an empty window, a plain insert meets nothing unnoticed.
        if self.mode is Mode.REPLACE or (empty and (self.has_unique_key or not self.pair.key)):
            straight = self.go_straight()
            if straight:
                return replace(straight, deleted=deleted)
        self.need_key()
        self.make_stage()
        read, size = self.copy(self.stage)
        inserted, updated = self.merge()
        return Loaded(self.window, self.mode, read, inserted, updated, bytes=size)

    def clear(self) -> int:
        """Deletes the window's rows when they are to be replaced."""
        if self.mode is not Mode.REPLACE:
            return 0
        self.backup.save(self.backup.rows(self.in_window), whole=True)
        deleted = self.delete(self.in_window)
        self.backup.need_changed(deleted)
        return deleted

    def delete(self, *where: sa.ColumnElement[bool]) -> int:
        """Deletes rows of the target; how many.

        Raises:
            RefusedError: When rows that stay refer to them.
        """
        try:
            return self.connection.execute(sa.delete(self.target).where(*where)).rowcount
        except sa.exc.IntegrityError:
            msg = f"{self.pair.spec.name} {self.window}: {self.backup.referred_to}; use upsert"
            raise _ReferredToError(msg) from None

    def replace_differences(self) -> Loaded:
        """Deletes the window's rows that are not identical to one of the source, and inserts what is missing then.

        So rows that are as in the source cost one comparison, and stay as they are in columns that are not loaded, too.
        What changes is fixed before it is written, whatever others commit meanwhile.
        """
        self.make_stage()
        read, size = self.copy(self.stage)
        self.connection.execute(analyze(self.stage, [self.staged[column] for column in self.pair.key]))
        if not self.source.has_unique_key:
            self.refuse_duplicates()
        known, key = self.same_key(), {column.target: self.staged[column] for column in self.pair.key}
        differs = [not_identical(self.target.c[at.target.name], new, at.target.type) for at, new in self.staged.items()]
        self.backup.save(
            self.backup.rows(self.in_window, ~sa.exists().where(known, *map(sa.not_, differs)).select_from(self.stage)),
            self.backup.keys([*key.values()], ~sa.exists().where(self.in_window, known).select_from(self.target)),
        )
        deleted = self.delete(self.in_window, self.backup.same_key())
        self.backup.need_changed(deleted)  # and none that somebody else has added meanwhile with a key that was missing
        due = sa.exists().where(self.backup.same_key(key)).select_from(self.backup.saved_table)
        missing = insert_rows(self.target, self.names, sa.select(*self.stage.c).where(due))
        inserted = self.connection.execute(missing).rowcount
        self.connection.execute(check_now())
        if inserted < deleted + self.backup.saved_keys and inserted < self.count(self.stage, due):
            raise self.backup.not_written()
        return Loaded(self.window, self.mode, read, inserted, deleted=deleted, bytes=size)

    def is_empty(self) -> bool:
        """Whether the target has no row of the window."""
        return not self.connection.scalar(sa.select(sa.exists().where(self.in_window).select_from(self.target)))

    @property
    def has_unique_key(self) -> bool:
        """Whether the target lets no two rows have one key, which is never NULL."""
        return self.pair.target_schema.is_unique(column.target for column in self.pair.key)

    def go_straight(self) -> Loaded | None:
        """Inserts without a stage; None when that met a key that is there already, or strays, outside the window.

        Nobody could undo strays who does not know their keys.
        """
        point = self.connection.begin_nested()
        try:
            read, size = self.copy(self.target)
            self.connection.execute(check_now())
            met = bool(self.pair.key) and self.mode is not Mode.REPLACE and self.backup.after.rows != read
        except Exception as error:
            if self.mode is Mode.REPLACE or not is_duplicate(error):
                raise
            met = True
        if met:
            point.rollback()
            vars(self.backup).pop("after", None)
            return None
        point.commit()
        return Loaded(self.window, self.mode, read, read, bytes=size)

    def need_rows(self, loaded: Loaded) -> None:
        """The window must have the rows that the load left, whatever others did meanwhile.

        Raises:
            UnavailableError: When somebody else wrote rows of the window.
            RefusedError: When rows that it wrote are none of the window, so that nobody could take them back.
        """
        if not loaded.changed:
            return
        self.backup.need_rows(loaded)
        # As many as the source has, but one may be a stranger's, in the place of one that is gone.
        by_difference = self.mode is Mode.REPLACE and not self.backup.whole
        if by_difference and self.count(
            self.target, self.in_window, ~sa.exists().where(self.same_key()).select_from(self.stage)
        ):
            raise written_meanwhile(self.pair, self.window)

    def count(self, table: sa.TableClause, *where: sa.ColumnElement[bool]) -> int:
        """How many rows of a table there are for which that holds."""
        return int(self.connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0)

    def make_stage(self) -> None:
        """Its columns have the target's types."""
        columns = [
            without_domain(self.target.c[column.target.name], column.target).label(staged.name)
            for column, staged in self.staged.items()
        ]
        key = [(self.staged[column].key or "", column.target.type) for column in self.pair.key]
        self.connection.execute(drop_stage(STAGE))
        self.connection.execute(make_stage(STAGE, sa.select(*columns), key))

    def copy(self, table: sa.TableClause) -> tuple[int, int]:
        """Brings the source's rows into the stage, or the target; rows, and bytes when they were streamed."""
        names = self.names if table is self.target else tuple(column.name for column in table.c)
        return self.source.copy(self.connection, table, names)

    def merge(self) -> tuple[int, int]:
        """Brings the stage into the target as the mode says: rows inserted and updated."""
        known = self.same_key()
        self.refuse_duplicates()
        key = [self.staged[column] for column in self.pair.key]
        self.backup.save(
            self.backup.rows(known, self.changes()[1]) if self.updates else None,
            self.backup.keys(key, ~sa.exists().where(known).select_from(self.target)) if self.inserts else None,
        )
        inserted, updated = self.write(known)
        self.backup.need_changed(updated)
        self.backup.need_inserted(inserted)
        return inserted, updated

    def write(self, known: sa.ColumnElement[bool] | None) -> tuple[int, int]:
        """Inserts the staged rows that are not ``known`` to the target, and updates the others if the mode says so."""
        updated = inserted = 0
        if known is not None and self.updates:
            updated = self.connection.execute(self.update(known)).rowcount
        if self.inserts:
            found = sa.select(*self.stage.c)
            if known is not None:
                found = found.where(~sa.exists().where(known).select_from(self.target))
            inserted = self.connection.execute(insert_rows(self.target, self.names, found)).rowcount
        self.connection.execute(check_now())
        return inserted, updated

    @property
    def updates(self) -> bool:
        """Whether rows that are there may change."""
        return self.mode is not Mode.INSERT_MISSING and bool(self.written)

    @property
    def inserts(self) -> bool:
        """Whether rows may be added."""
        return not self.mode.names_columns

    def same_key(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target and a staged one have the same key."""
        staged = {column.target: self.staged[column] for column in self.pair.key}
        rows = {column.target: self.target.c[column.target.name] for column in self.pair.key}
        return same_key(self.connection, rows, staged)

    def need_key(self) -> None:
        """Rows of a table without key cannot be told from those that are there."""
        if not self.pair.key:
            msg = (
                f"tables.{self.pair.spec.name}: {self.window} has rows, and without a key nobody can tell which are"
                " missing; declare a key, or use replace"
            )
            raise RefusedError(msg)

    @cached_property
    def written(self) -> tuple[ColumnPair, ...]:
        """The columns that an update writes."""
        key = {column.source.name for column in self.pair.key}
        wanted = set(self.named) or {column.source.name for column in self.pair.columns} - key
        return tuple(column for column in self.pair.columns if column.source.name in wanted and not column.target.fixed)

    def update(self, known: sa.ColumnElement[bool]) -> sa.Update:
        """The rows that are ``known`` and whose values differ."""
        values, due = self.changes()
        return sa.update(self.target).values(values).where(known, due)

    def changes(self) -> tuple[dict[str, sa.ColumnElement[Any]], sa.ColumnElement[bool]]:
        """What a row gets that the mode changes, and whether there is anything to change."""
        pairs = [(self.target.c[column.target.name], self.staged[column], column) for column in self.written]
        values: dict[str, sa.ColumnElement[Any]]
        if self.mode is Mode.FILL_NULLS:
            values = {old.name: sa.func.coalesce(old, new) for old, new, _ in pairs}
            due = [sa.and_(old.is_(None), new.is_not(None)) for old, new, _ in pairs]
        else:
            values = {old.name: new for old, new, _ in pairs}
            due = [differs_by_value(old, new, column.target.type.kind) for old, new, column in pairs]
        return values, sa.and_(sa.or_(*due), condition(self.pair.spec.where))

    def refuse_duplicates(self) -> None:
        """Two source rows of one key would make the outcome a matter of chance."""
        key = [self.staged[column] for column in self.pair.key]
        twice = self.connection.execute(sa.select(*key).group_by(*key).having(sa.func.count() > 1).limit(1)).first()
        if twice:
            msg = (
                f"{self.pair.spec.name} {self.window}: the source has more than one row with"
                f" {key_shown(self.pair.spec, twice)}, so {self.mode} cannot tell which one to write;"
                f" {WINDOW_UNTOUCHED}. Declare a key that is unique."
            )
            raise DoesNotFitError(msg)

    def advance_sequences(self, loaded: Loaded) -> None:
        """So that the next row of somebody else does not meet a number that was loaded."""
        for column in self.pair.columns if loaded.inserted else ():
            if column.target.identity:
                advance_sequence(self.connection, self.target, column.target.name)
