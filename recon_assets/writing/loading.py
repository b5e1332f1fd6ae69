"""Brings the rows of a window from the source into the target, as a mode says."""

import re
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.dialect.catalog import advance_sequence
from recon_assets.dialect.driver_errors import driver_errors, explain, is_duplicate
from recon_assets.dialect.exact_text import not_identical
from recon_assets.dialect.locks import locked
from recon_assets.dialect.sql import analyze, check_now, differs_by_value, drop_stage, insert_rows, make_stage
from recon_assets.errors import DoesNotFitError, ReconError, RefusedError
from recon_assets.model import Kind, Loaded, Mode, Window
from recon_assets.reading import ColumnPair, Pair, condition, nearest, rows, selection, split_name
from recon_assets.values.fitting import converter, passthrough
from recon_assets.writing.backups import BackupSink, LoadBackup, met_others, target_of
from recon_assets.writing.keys import key_shown, same_key

Row = tuple[Any, ...]
_STAGE = "recon_stage"
_STAGED = re.compile(r"\brecon_c\d+\b")
_UNTOUCHED = "nothing of this window was written"
_MEND = "Mend the row in the source, widen the target's column, or ignore it under columns.ignore."


def load(  # noqa: PLR0913 - what is loaded, and how
    pair: Pair,
    window: Window,
    *,
    mode: Mode = Mode.INSERT_MISSING,
    columns: tuple[str, ...] = (),
    dry_run: bool = False,
    backup_sink: BackupSink | None = None,
    ask: Callable[[], None] | None = None,
) -> Loaded:
    """Brings the source's rows of one window into the target, all of them or none.

    Another load of the same window is waited for. A dry run does everything and takes it back.

    Args:
        pair: Both sides of the table.
        window: Which rows.
        mode: What may happen to rows that the target has already.
        columns: Source names of the columns that `Mode.FILL_NULLS` and `Mode.UPDATE_COLUMNS` write.
        dry_run: Whether to stop before anything is kept; the figures are those of a real load.
        backup_sink: Remembers what the load changes, so that it can be undone; no dry run and no load that changes
            nothing tells it anything.
        ask: Called, of a load that changes something, just before that is final, while the window is locked; raises
            when it may not be.

    Raises:
        RefusedError: When the mode would break a promise, or does not go with ``columns``.
        DoesNotFitError: Naming table, column, key and class of the value that the target cannot hold.
        UnavailableError: When a database went away, or another run holds the window; the window is as it was.
    """
    _refuse(pair, mode, columns)
    began = time.monotonic()
    with (
        driver_errors(f"{pair.spec.name} {window}"),
        pair.target.connect() as connection,
        locked(connection, f"{pair.spec.target.table} {window}"),
    ):
        job = _Job(pair, window, mode, columns, connection, keeps=backup_sink is not None and not dry_run)
        loaded = _blaming(job)
        if dry_run:
            connection.rollback()
        else:
            if ask and loaded.changed:
                ask()
            job.advance_sequences(loaded)
            kept = job.touched.save(backup_sink, loaded) if backup_sink and loaded.changed else False
            connection.commit()
            if backup_sink and kept:
                backup_sink.done()
    return replace(loaded, seconds=time.monotonic() - began, dry_run=dry_run)


def _refuse(pair: Pair, mode: Mode, columns: tuple[str, ...]) -> None:
    where, names = f"tables.{pair.spec.name}", [c.source.name for c in pair.columns if not c.target.fixed]
    if mode.names_columns != bool(columns):
        wants = "name the columns to write" if mode.names_columns else "it writes whole rows, so name no columns"
        msg = f"{where}: mode {mode}: {wants}"
        raise RefusedError(msg)
    for name in columns:
        if name not in names or name in pair.spec.key:
            msg = f"{where}: {name!r} is no column to write; {nearest(name, set(names) - set(pair.spec.key))}"
            raise RefusedError(msg)
    if mode is Mode.REPLACE and pair.target_schema.cascading:
        children = ", ".join(pair.target_schema.cascading)
        msg = f"{where}: replacing rows would delete or change rows of {children} by foreign key; use upsert"
        raise RefusedError(msg)
    if mode not in {Mode.INSERT_MISSING, Mode.REPLACE} and not pair.spec.key:
        msg = f"{where}: mode {mode} finds rows by key, and none is declared; declare a key, or use replace"
        raise RefusedError(msg)


@dataclass(frozen=True)
class _Job:
    """One load under way, on a connection whose transaction is its own."""

    pair: Pair
    window: Window
    mode: Mode
    named: tuple[str, ...]
    connection: sa.Connection
    keeps: bool = False

    @cached_property
    def touched(self) -> LoadBackup:
        """What the load changes."""
        return LoadBackup(self.pair, self.window, self.connection, self.target, self.mode)

    @property
    def backup(self) -> LoadBackup | None:
        """What has to be kept of the load, if anything has."""
        return self.touched if self.keeps else None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The target's names of all columns loaded."""
        return tuple(column.target.name for column in self.pair.columns)

    @cached_property
    def target(self) -> sa.TableClause:
        """The target table."""
        return target_of(self.pair)

    @cached_property
    def stage(self) -> sa.TableClause:
        """A temporary table whose columns have names that no other table uses."""
        return sa.table(_STAGE, *(sa.column(f"recon_c{at}") for at, _ in enumerate(self.pair.columns)))

    @cached_property
    def staged(self) -> dict[ColumnPair, sa.ColumnClause[Any]]:
        """The stage's column of each column loaded."""
        return dict(zip(self.pair.columns, self.stage.c, strict=True))

    def run(self) -> Loaded:
        """Does everything but the commit."""
        empty = not self.mode.names_columns and self.is_empty()
        if self.mode is Mode.REPLACE and self.has_unique_key and not empty:
            return self.replace_differences()
        deleted = self.clear()
        # Into an empty window, a plain insert meets nothing unnoticed.
        if self.mode is Mode.REPLACE or (empty and (self.has_unique_key or not self.pair.key)):
            straight = self.go_straight()
            if straight:
                return replace(straight, deleted=deleted)
        self.need_key()
        self.make_stage()
        read, size = self.fill(self.stage)
        inserted, updated = self.merge()
        return Loaded(self.window, self.mode, read, inserted, updated, bytes=size)

    def clear(self) -> int:
        """Deletes the window's rows when they are to be replaced."""
        if self.mode is not Mode.REPLACE:
            return 0
        if self.backup:
            self.backup.keep(self.backup.rows(self.mine))
        deleted = self.delete(self.mine)
        if self.backup:
            self.backup.need_all(deleted)
        return deleted

    def delete(self, *where: sa.ColumnElement[bool]) -> int:
        """Deletes rows of the target; how many.

        Raises:
            RefusedError: When rows of other tables refer to them.
        """
        try:
            return self.connection.execute(sa.delete(self.target).where(*where)).rowcount
        except sa.exc.IntegrityError:
            msg = f"{self.pair.spec.name} {self.window}: rows of other tables refer to its rows; use upsert"
            raise RefusedError(msg) from None

    def replace_differences(self) -> Loaded:
        """Deletes the window's rows that are not identical to one of the source, and inserts what is missing then.

        So rows that are as in the source cost one comparison, and stay as they are in columns that are not loaded, too.
        What changes is fixed before it is written, whatever others commit meanwhile.
        """
        self.make_stage()
        read, size = self.fill(self.stage)
        self.connection.execute(analyze(_STAGE))
        self.refuse_duplicates()
        known, key = self.same_key(), {column.target: self.staged[column] for column in self.pair.key}
        differs = [not_identical(self.target.c[at.target.name], new, at.target.type) for at, new in self.staged.items()]
        self.touched.keep_differences(
            self.touched.rows(self.mine, ~sa.exists().where(known, *map(sa.not_, differs)).select_from(self.stage)),
            self.touched.keys([*key.values()], ~sa.exists().where(self.mine, known).select_from(self.target)),
        )
        deleted = self.delete(self.mine, self.touched.same_key)
        due = sa.exists().where(self.touched.same_key_as(key)).select_from(self.touched.kept)
        missing = insert_rows(self.target, self.names, sa.select(*self.stage.c).where(due))
        inserted = self.connection.execute(missing).rowcount
        self.connection.execute(check_now())
        return Loaded(self.window, self.mode, read, inserted, deleted=deleted, bytes=size)

    @property
    def mine(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target belongs to the window."""
        return self.pair.in_window("target", self.target, self.window)

    def is_empty(self) -> bool:
        """Whether the target has no row of the window."""
        return not self.connection.scalar(sa.select(sa.exists().where(self.mine).select_from(self.target)))

    @property
    def has_unique_key(self) -> bool:
        """Whether the target lets no two rows have one key, which is never NULL."""
        key = {column.target.name for column in self.pair.key if not column.target.nullable}
        return any(set(unique) <= key for unique in self.pair.target_schema.unique)

    def go_straight(self) -> Loaded | None:
        """Inserts without a stage; None when that met a key that is there already, or strays, outside the window."""
        point = self.connection.begin_nested()
        try:
            read, size = self.fill(self.target)
            self.connection.execute(check_now())
            met = self.strays(read)
        except Exception as error:
            if self.mode is Mode.REPLACE or not is_duplicate(error):
                raise
            met = True
        if met:
            point.rollback()
            return None
        point.commit()
        return Loaded(self.window, self.mode, read, read, bytes=size)

    def strays(self, inserted: int) -> bool:
        """Whether rows landed outside of the window, so that nobody could undo them who does not know their keys."""
        if not self.backup or not self.pair.key or self.mode is Mode.REPLACE:
            return False
        return self.backup.current_fingerprint().rows != inserted

    def make_stage(self) -> None:
        """Its columns have the target's types."""
        columns = [self.target.c[column.target.name].label(staged.name) for column, staged in self.staged.items()]
        key = [(self.staged[column].key or "", column.target.type) for column in self.pair.key]
        self.connection.execute(drop_stage(_STAGE))
        self.connection.execute(make_stage(_STAGE, sa.select(*columns), key))

    def fill(self, table: sa.TableClause) -> tuple[int, int]:
        """Brings the source's rows into ``table``; rows, and bytes when they were streamed."""
        names = self.names if table is self.target else tuple(column.name for column in table.c)
        if not all(map(self.passes, self.pair.columns)):
            with closing(rows(self.pair, self.window)) as parts:
                fitted = (self.fitted(row) for part in parts for row in part)
                return bulk.write_rows(self.connection, table, names, fitted), 0
        types = [(column.source.type, column.target.type) for column in self.pair.columns]
        # Arrays name their elements' type by its number in one database's catalogue when they are sent as binary data.
        binary = all(left.name == right.name and left.kind is not Kind.NATIVE for left, right in types)
        select = selection(self.pair, self.window, native=True)
        where = f"{self.pair.spec.name} {self.window}: source"
        with self.pair.source.connect() as source:
            return bulk.stream(source, self.connection, select, table, names, binary=binary, where=where)

    def passes(self, column: ColumnPair) -> bool:
        """Whether every value of the column goes from server to server unseen."""
        return bulk.can_stream(self.pair.source, self.pair.target, column.source.type, column.target.type)

    @cached_property
    def converters(self) -> tuple[Callable[[Any], Any], ...]:
        """What makes each column's value one that the target holds exactly."""
        days, dialect = self.pair.spec.days, self.pair.target.dialect.name
        zone = days.stored_in if days else "UTC"
        return tuple(
            passthrough(column.target)
            if self.passes(column)
            else converter(column.source.type, column.target, dialect, zone)
            for column in self.pair.columns
        )

    def fitted(self, row: Row) -> Row:
        """The row as the target holds it, exactly."""
        try:
            return tuple([convert(value) for convert, value in zip(self.converters, row, strict=True)])
        except ValueError:
            raise self.misfit(row) from None

    def misfit(self, row: Row) -> DoesNotFitError:
        """Which columns of the row do not fit, and why."""
        columns = zip(self.pair.columns, self.converters, row, strict=True)
        wrong = [
            f"column {column.target.name} ({column.target.type.name}) cannot hold {said}"
            for column, convert, value in columns
            if (said := _objection(convert, value))
        ]
        return self.refusal(row, ", ".join(wrong))

    def refusal(self, row: Row, why: str) -> DoesNotFitError:
        """The error that names the row by its key."""
        values = dict(zip((column.source.name for column in self.pair.columns), row, strict=True))
        key = key_shown(self.pair.spec, map(values.get, self.pair.spec.key))
        return DoesNotFitError(
            f"{self.pair.spec.name} {self.window}: the row with {key}: {self.unstaged(why)}; {_UNTOUCHED}. {_MEND}"
        )

    def unstaged(self, said: str) -> str:
        """With the target's name of a column where the stage's was said."""
        names = {column.name: name for column, name in zip(self.stage.c, self.names, strict=True)}
        return _STAGED.sub(lambda found: names.get(found[0], found[0]), said)

    def merge(self) -> tuple[int, int]:
        """Brings the stage into the target as the mode says: rows inserted and updated."""
        updated = inserted = 0
        known = self.same_key() if self.pair.key and self.mode is not Mode.REPLACE else None
        if known is not None:
            self.refuse_duplicates()
            self.keep(known)
        if known is not None and self.updates:
            updated = self.connection.execute(self.update(known)).rowcount
        if self.inserts:
            inserted = self.connection.execute(self.insert(known)).rowcount
        self.connection.execute(check_now())
        if self.backup:
            self.backup.need_all(updated, inserted)
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

    def keep(self, known: sa.ColumnElement[bool]) -> None:
        """Puts aside what the merge will change: the rows that are there, and the keys of those that are not."""
        if self.backup:
            key = [self.staged[column] for column in self.pair.key]
            self.backup.keep(
                self.backup.rows(known, self.changes()[1]) if self.updates else None,
                self.backup.keys(key, ~sa.exists().where(known).select_from(self.target)) if self.inserts else None,
            )

    def insert(self, known: sa.ColumnElement[bool] | None) -> insert_rows:
        """Of the staged rows, those that are not ``known`` to the target."""
        found = sa.select(*self.stage.c)
        if known is not None:
            found = found.where(~sa.exists().where(known).select_from(self.target))
        return insert_rows(self.target, self.names, found)

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
                f" {_UNTOUCHED}. Declare a key that is unique."
            )
            raise DoesNotFitError(msg)

    def advance_sequences(self, loaded: Loaded) -> None:
        """So that the next row of somebody else does not meet a number that was loaded."""
        for column in self.pair.columns if loaded.inserted else ():
            if column.target.identity:
                advance_sequence(self.connection, self.target, column.target.name)


def _objection(convert: Callable[[Any], Any], value: Any) -> str | None:
    try:
        convert(value)
    except ValueError as error:
        return str(error)
    return None


def _blaming(job: _Job) -> Loaded:
    """Runs the job; when the target refuses the data, the error names the row."""
    try:
        return job.run()
    except Exception as error:
        ours = explain("the target refuses it", error)
        if not isinstance(ours, DoesNotFitError):
            raise
        job.connection.rollback()
        raise _blamed(job, str(ours), duplicate=is_duplicate(error)) from None


def _blamed(job: _Job, said: str, *, duplicate: bool) -> ReconError:
    """The error that names the row which the target refuses; it is found by doing the load again, in parts.

    A key that is there already may be one that somebody else committed meanwhile. Now it is seen, and met no more.
    """
    again = replace(job, keeps=False)
    own, keys = split_name(job.pair.spec.target.table or "")[1], job.pair.target_schema.foreign_keys
    refers_to_itself = any(split_name(key.parent_table)[1] == own for key in keys)
    if not refers_to_itself and _is_cleared(again):  # rows that refer to later ones would be blamed
        again.make_stage()
        with closing(_failures(again)) as failures:
            for row, why in failures:
                return job.refusal(row, why)
    if duplicate and (not refers_to_itself or _runs(again)):
        return met_others(job.pair, job.window)
    return DoesNotFitError(f"{job.pair.spec.name} {job.window}: {job.unstaged(said)}; {_UNTOUCHED}. {_MEND}")


def _is_cleared(job: _Job) -> bool:
    """Whether the rows to be replaced could all be deleted: others may refer to some that the load left alone."""
    try:
        job.clear()
    except RefusedError:
        job.connection.rollback()
        return False
    return True


def _runs(job: _Job) -> bool:
    """Whether the target takes the rows after all."""
    try:
        job.run()
    except sa.exc.IntegrityError as error:
        return not is_duplicate(error)
    return True


def _failures(job: _Job) -> Generator[tuple[Row, str], None, None]:
    """The rows that the target refuses, each with what it says; those before them are in the target."""
    with closing(rows(job.pair, job.window)) as parts:
        for part in parts:
            todo = [part]
            while todo:
                piece = todo.pop()
                said = _refused(job, piece)
                if said and len(piece) == 1:
                    yield piece[0], said
                elif said:
                    half = len(piece) // 2
                    todo += [piece[half:], piece[:half]]


def _refused(job: _Job, piece: list[Row]) -> str | None:
    """What the target says against these rows; None when it takes them."""
    fitted = [job.fitted(row) for row in piece]
    point = job.connection.begin_nested()
    try:
        job.connection.execute(sa.delete(job.stage))
        bulk.write_rows(job.connection, job.stage, tuple(column.name for column in job.stage.c), fitted)
        job.merge()
    except Exception as error:
        ours = explain("the target refuses it", error)
        if not isinstance(ours, DoesNotFitError):
            raise
        point.rollback()
        return str(ours)
    point.commit()
    return None
