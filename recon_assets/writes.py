"""The only writer of the target: one window is one transaction, and repeating it changes nothing."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateTableAs

from recon_assets.dialect import bulk
from recon_assets.dialect.catalog import advance_sequence
from recon_assets.dialect.failures import explain, explained, is_duplicate
from recon_assets.dialect.locks import locked
from recon_assets.dialect.sql import differs, insert_rows
from recon_assets.dialect.values import converter
from recon_assets.errors import DoesNotFitError, ReconError, RefusedError
from recon_assets.model import Loaded, Mode, Window
from recon_assets.slices import Mapped, Pair, as_table, nearest, rows, selection, written

Row = tuple[Any, ...]
_STAGE = "recon_stage"
_BATCH = 1000


def load(
    pair: Pair,
    window: Window,
    *,
    mode: Mode = Mode.INSERT_MISSING,
    columns: tuple[str, ...] = (),
    dry_run: bool = False,
) -> Loaded:
    """Brings the source's rows of one window into the target, all of them or none.

    Another load of the same window is waited for. A dry run does everything and takes it back.

    Args:
        pair: Both sides of the table.
        window: Which rows.
        mode: What may happen to rows that the target has already.
        columns: Source names of the columns that `Mode.FILL_NULLS` and `Mode.UPDATE_COLUMNS` write.
        dry_run: Whether to stop before anything is kept; the figures are those of a real load.

    Raises:
        RefusedError: When the mode would break a promise, or does not go with ``columns``.
        DoesNotFitError: Naming table, column, key and class of the value that the target cannot hold.
        UnavailableError: When a database went away, or another run holds the window; the window is as it was.
    """
    _refuse(pair, mode, columns)
    began = time.monotonic()
    with (
        explained(f"{pair.spec.name} {window}"),
        pair.target.connect() as connection,
        locked(connection, f"{pair.spec.target.table} {window}"),
    ):
        job = _Job(pair, window, mode, columns, connection)
        try:
            read, inserted, updated, deleted, size = job.run()
        except Exception as error:
            connection.rollback()
            raise _blamed(job, error) from error
        if dry_run:
            connection.rollback()
        else:
            job.advance_sequences()
            connection.commit()
    return Loaded(window, mode, read, inserted, updated, deleted, size, time.monotonic() - began, dry_run)


def _refuse(pair: Pair, mode: Mode, columns: tuple[str, ...]) -> None:
    where, names = f"tables.{pair.spec.name}", [column.source.name for column in pair.columns]
    if mode.names_columns != bool(columns):
        wants = "name the columns to write" if mode.names_columns else "it writes whole rows, so name no columns"
        msg = f"{where}: mode {mode}: {wants}"
        raise RefusedError(msg)
    for name in columns:
        if name not in names or name in pair.spec.key:
            msg = f"{where}: {name!r} is no column to write; {nearest(name, set(names) - set(pair.spec.key))}"
            raise RefusedError(
                msg
            )
    if mode is Mode.REPLACE and pair.target_shape.cascading:
        children = ", ".join(pair.target_shape.cascading)
        msg = f"{where}: replacing rows would delete or change rows of {children} by foreign key; use upsert"
        raise RefusedError(
            msg
        )
    if mode not in {Mode.INSERT_MISSING, Mode.REPLACE} and not pair.spec.key:
        msg = f"{where}: mode {mode} finds rows by key, and none is declared; declare a key, or use replace"
        raise RefusedError(
            msg
        )


@dataclass(frozen=True)
class _Job:
    """One load under way, on a connection whose transaction is its own."""

    pair: Pair
    window: Window
    mode: Mode
    named: tuple[str, ...]
    connection: sa.Connection

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The target's names of all columns loaded."""
        return tuple(column.target.name for column in self.pair.columns)

    @cached_property
    def target(self) -> sa.TableClause:
        """The target table."""
        return as_table(self.pair.spec.target.table or "", [column.name for column in self.pair.target_shape.columns])

    @cached_property
    def stage(self) -> sa.TableClause:
        """A temporary table whose columns have names that no other table uses."""
        return sa.table(_STAGE, *(sa.column(f"recon_c{at}") for at, _ in enumerate(self.pair.columns)))

    @cached_property
    def staged(self) -> dict[Mapped, sa.ColumnElement[Any]]:
        """The stage's column of each column loaded."""
        return dict(zip(self.pair.columns, self.stage.c, strict=True))

    def run(self) -> tuple[int, int, int, int, int]:
        """Rows read, inserted, updated, deleted, and bytes streamed."""
        deleted = self.clear()
        if self.mode is Mode.REPLACE or self.may_go_straight():
            read, size, straight = self.go_straight()
            if straight:
                return read, read, 0, deleted, size
        self.make_stage()
        read, size = self.fill(self.stage)
        return read, *self.merge(), deleted, size

    def clear(self) -> int:
        """Deletes the window's rows when they are to be replaced."""
        if self.mode is not Mode.REPLACE:
            return 0
        return self.connection.execute(sa.delete(self.target).where(self.mine)).rowcount

    @property
    def mine(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target belongs to the window."""
        return self.pair.in_window("target", self.target, self.window)

    def may_go_straight(self) -> bool:
        """Whether nothing is there that a plain insert could meet unnoticed."""
        if self.mode.names_columns or self.connection.scalar(
            sa.select(sa.exists().where(self.mine).select_from(self.target))
        ):
            return False
        key = {column.target.name for column in self.pair.key}
        whole = self.window.start is None and not self.pair.spec.where
        return whole or any(set(unique) <= key for unique in self.pair.target_shape.unique)

    def go_straight(self) -> tuple[int, int, bool]:
        """Inserts without a stage; says whether that met no key that is there already, outside the window."""
        point = self.connection.begin_nested()
        try:
            read, size = self.fill(self.target)
        except Exception as error:
            if self.mode is Mode.REPLACE or not is_duplicate(error):
                raise
            point.rollback()
            return 0, 0, False
        point.commit()
        return read, size, True

    def make_stage(self) -> None:
        """Its columns have the target's types."""
        columns = [self.target.c[column.target.name].label(staged.name) for column, staged in self.staged.items()]
        self.connection.execute(sa.schema.DropTable(sa.Table(_STAGE, sa.MetaData()), if_exists=True))
        self.connection.execute(CreateTableAs(sa.select(*columns).where(sa.false()), _STAGE, temporary=True))

    def fill(self, table: sa.TableClause) -> tuple[int, int]:
        """Brings the source's rows into ``table``; rows, and bytes when they were streamed."""
        names = self.names if table is self.target else tuple(column.name for column in table.c)
        types = [(column.source.type, column.target.type) for column in self.pair.columns]
        if not bulk.can_stream(self.pair.source, self.pair.target, types):
            found = (self.fitted(row) for part in rows(self.pair, self.window, batch=_BATCH) for row in part)
            return bulk.write_rows(self.connection, table, names, found), 0
        binary = all(left.name == right.name for left, right in types)
        select = selection(self.pair, self.window, native=True)
        with self.pair.source.connect() as source:
            return bulk.stream(source, self.connection, select, table, names, binary=binary)

    @cached_property
    def converters(self) -> tuple[Callable[[Any], Any], ...]:
        """What makes each column's value one that the target holds exactly."""
        dialect = self.pair.target.dialect.name
        return tuple(converter(column.source.type, column.target, dialect) for column in self.pair.columns)

    def fitted(self, row: Row) -> Row:
        """The row as the target holds it, exactly."""
        try:
            return tuple([convert(value) for convert, value in zip(self.converters, row, strict=True)])
        except ValueError:
            raise self.misfit(row) from None

    def misfit(self, row: Row) -> DoesNotFitError:
        """Which column of the row does not fit, and why."""
        for column, convert, value in zip(self.pair.columns, self.converters, row, strict=True):
            try:
                convert(value)
            except ValueError as error:
                return self.refusal(row, f"column {column.target.name} ({column.target.type.name}) cannot hold {error}")
        raise AssertionError(row)

    def refusal(self, row: Row, why: str) -> DoesNotFitError:
        """The error that names the row by its key."""
        values = dict(zip((column.source.name for column in self.pair.columns), row, strict=True))
        key = ", ".join(f"{name}={values[name]}" for name in self.pair.spec.key) or "(no key declared)"
        return DoesNotFitError(
            f"{self.pair.spec.name} {self.window}: the row with {key}: {why}; nothing of this window was written."
            " Mend the row in the source, widen the target's column, or ignore it under columns.ignore."
        )

    def merge(self) -> tuple[int, int]:
        """Brings the stage into the target as the mode says: rows inserted and updated."""
        updated = 0
        if self.mode not in {Mode.INSERT_MISSING, Mode.REPLACE}:
            self.refuse_duplicates()
            updated = self.connection.execute(self.update()).rowcount
        inserted = 0 if self.mode.names_columns else self.connection.execute(self.insert()).rowcount
        return inserted, updated

    def insert(self) -> insert_rows:
        """Of the staged rows, those whose key the target does not have."""
        found = sa.select(*self.stage.c)
        if self.mode is not Mode.REPLACE:
            self.need_key()
            found = found.where(~sa.exists().where(self.same_key).select_from(self.target))
        return insert_rows(self.target, self.names, found)

    def need_key(self) -> None:
        """Rows of a table without key cannot be told from those that are there."""
        if not self.pair.spec.key:
            msg = (
                f"tables.{self.pair.spec.name}: {self.window} has rows, and without a key nobody can tell which are"
                " missing; declare a key, or use replace"
            )
            raise RefusedError(msg)

    @property
    def same_key(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target and a staged one have the same key."""
        return sa.and_(
            *(
                self.target.c[column.target.name].is_not_distinct_from(self.staged[column])
                if column.target.nullable
                else self.target.c[column.target.name] == self.staged[column]
                for column in self.pair.key
            )
        )

    def update(self) -> sa.Update:
        """The rows whose key both have and whose values differ."""
        key = {column.source.name for column in self.pair.key}
        wanted = set(self.named) or {column.source.name for column in self.pair.columns} - key
        pairs = [
            (self.target.c[c.target.name], self.staged[c], c) for c in self.pair.columns if c.source.name in wanted
        ]
        values: dict[str, sa.ColumnElement[Any]]
        if self.mode is Mode.FILL_NULLS:
            values = {old.name: sa.func.coalesce(old, new) for old, new, _ in pairs}
            due = [sa.and_(old.is_(None), new.is_not(None)) for old, new, _ in pairs]
        else:
            values = {old.name: new for old, new, _ in pairs}
            due = [differs(old, new, column.target.type.kind) for old, new, column in pairs]
        where = written(f"({self.pair.spec.where})") if self.pair.spec.where else sa.true()
        return sa.update(self.target).values(values).where(self.same_key, sa.or_(sa.false(), *due), where)

    def refuse_duplicates(self) -> None:
        """Two source rows of one key would make the outcome a matter of chance."""
        key = [self.staged[column] for column in self.pair.key]
        twice = self.connection.execute(sa.select(*key).group_by(*key).having(sa.func.count() > 1).limit(1)).first()
        if twice:
            named = ", ".join(f"{name}={value}" for name, value in zip(self.pair.spec.key, twice, strict=True))
            msg = (
                f"{self.pair.spec.name} {self.window}: the source has more than one row with {named}, so {self.mode}"
                " cannot tell which one to write; declare a key that is unique"
            )
            raise DoesNotFitError(msg)

    def advance_sequences(self) -> None:
        """So that the next row of somebody else does not meet a number that was loaded."""
        for column in self.pair.columns:
            if column.target.identity:
                advance_sequence(self.connection, self.target, column.target.name)


def _blamed(job: _Job, error: Exception) -> Exception:
    """The error with the one row named that caused it, when the data caused it."""
    ours = error if isinstance(error, ReconError) else explain(f"{job.pair.spec.name} {job.window}", error)
    if not isinstance(ours, DoesNotFitError) or isinstance(error, ReconError):
        return ours or error
    with job.pair.target.connect() as connection:
        again = _Job(job.pair, job.window, job.mode, job.named, connection)
        again.clear()
        again.make_stage()
        found = next(_failures(again), None)
        connection.rollback()
    return job.refusal(*found) if found else ours


def _failures(job: _Job) -> Iterator[tuple[Row, str]]:
    """The rows that the target refuses, each with what it says; those before them are in the target."""
    for part in rows(job.pair, job.window, batch=_BATCH):
        todo = [part]
        while todo:
            piece = todo.pop()
            said = _refused(job, piece)
            if said and len(piece) == 1:
                yield piece[0], said
            elif said:
                half = len(piece) // 2
                todo += [piece[half:], piece[:half]]


def _refused(job: _Job, piece: Iterable[Row]) -> str | None:
    """What the target says against these rows; None when it takes them."""
    point = job.connection.begin_nested()
    try:
        job.connection.execute(sa.delete(job.stage))
        bulk.write_rows(job.connection, job.stage, tuple(column.name for column in job.stage.c), map(job.fitted, piece))
        job.merge()
    except Exception as error:
        point.rollback()
        ours = explain("", error)
        if not isinstance(ours, DoesNotFitError):
            raise
        return str(ours).removeprefix(": ")
    point.commit()
    return None
