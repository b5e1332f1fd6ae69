"""Backups of loads: what a load changes is kept before it is final, and put back when somebody wants it undone."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.exact_text import exact_text, reader
from recon_assets.dialect.identity_hash import bits, identity_hash
from recon_assets.dialect.locks import locked
from recon_assets.dialect.sql import analyze, check_now, drop_stage, insert_rows, make_stage
from recon_assets.errors import RefusedError, StaleTargetError, UnavailableError
from recon_assets.model import ChangeStatus, Column, Kind, Loaded, Mode, Type, Window
from recon_assets.reading import Pair, as_table
from recon_assets.writing.fingerprints import KEY_DIGITS, Fingerprint, fingerprint_of
from recon_assets.writing.keys import Cells, key_shown, same_key

Row = tuple[str | None, ...]
THERE = "recon_there"
"""The first column of a backup: 1 of a row as it was, 0 of a row that was not there, of which the key alone is kept."""
Select = sa.Select[*tuple[Any, ...]]
_INTEGER = Type(Kind.INTEGER, "integer")
_PART = 5000
_NAMED = 20
_NOBODY = Fingerprint(0, "")


class BackupSink(Protocol):
    """Remembers what one load of one window changes. It is told before that is final, and never if nothing changes."""

    def before(self, columns: Sequence[str], parts: Iterable[list[Row]], fingerprint: Fingerprint) -> None:
        """What was there: rows of exact texts, `THERE` before the columns, and the fingerprint of all of it."""

    def after(self, fingerprint: Fingerprint) -> None:
        """The fingerprint of what will be there. The load is made final only when this was kept."""

    def done(self) -> None:
        """The load is final."""


class Backup(Protocol):
    """What a backup sink stored of one load."""

    @property
    def mode(self) -> str:
        """The load's."""

    @property
    def columns(self) -> Sequence[str]:
        """Of the rows that were kept, in their order."""

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


class LoadBackup:
    """The rows of the target that one load touches: those of its window, and those of keys that it writes.

    A replacement touches no rows but the window's.

    What it changes is put aside in a temporary table of the session: the rows as they were, and the keys of rows
    that were not there.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - which rows, where, and what is done to them
        self,
        pair: Pair,
        window: Window,
        connection: sa.Connection,
        target: sa.TableClause,
        mode: str,
        names: Sequence[str] | None = None,
    ) -> None:
        self.pair, self.window, self.connection, self.target = pair, window, connection, target
        self.replaces, self.names = mode == Mode.REPLACE, names
        self.was: Fingerprint | None = _NOBODY
        self.now: Fingerprint | None = None
        self.aside = False
        self.kept_rows = self.kept_keys = 0

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """All columns but those that the target computes by itself; of a backup, those that it has."""
        written = {column.name: column for column in self.pair.target_schema.columns if not column.generated}
        names = written if self.names is None else self.names
        gone = {*names, *(column.name for column in self.key)} - (written.keys() & set(names))
        if gone:
            why = f"the target has not the columns any more that it had then ({', '.join(sorted(gone))})"
            msg = f"{self.refusal(why)}. Bring them back under these names first."
            raise RefusedError(msg)
        return tuple(written[name] for name in names)

    @cached_property
    def kept(self) -> sa.TableClause:
        """The temporary table; its columns have names that no other table uses."""
        return sa.table("recon_kept", sa.column(THERE), *(sa.column(f"recon_k{at}") for at in range(len(self.columns))))

    @cached_property
    def own(self) -> dict[Column, sa.ColumnElement[Any]]:
        """The target's columns."""
        return {column: self.target.c[column.name] for column in self.columns}

    @cached_property
    def copies(self) -> dict[Column, sa.ColumnElement[Any]]:
        """The temporary table's column of each of them."""
        return dict(zip(self.columns, list(self.kept.c)[1:], strict=True))

    @property
    def key(self) -> tuple[Column, ...]:
        """The target's columns of the key."""
        return tuple(column.target for column in self.pair.key)

    @property
    def mine(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target belongs to the window."""
        return self.pair.in_window("target", self.target, self.window)

    def make(self) -> None:
        """The temporary table, empty. An outer join makes every column one that may be NULL."""
        nobody = sa.select(sa.literal_column("1").label(THERE)).subquery("nobody")
        columns = [self.own[column].label(copy.name) for column, copy in self.copies.items()]
        select = sa.select(nobody.c[THERE], *columns).select_from(nobody.outerjoin(self.target, sa.false()))
        key = [(self.copies[column].name, column.type) for column in self.key]
        self.connection.execute(drop_stage(self.kept.name))
        self.connection.execute(make_stage(self.kept.name, select, key))
        self.aside = True

    def keep(self, rows: insert_rows | None, keys: insert_rows | None = None) -> None:
        """Puts aside what will change, before it does."""
        self.put_aside(rows, keys)
        if self.kept_rows or self.kept_keys:
            self.was = self.fingerprint()

    def keep_differences(self, rows: insert_rows, keys: insert_rows) -> None:
        """As `keep` does, where keys are unique and the window's other rows stay; see `before_differences`."""
        self.put_aside(rows, keys)
        self.was = None

    def put_aside(self, rows: insert_rows | None, keys: insert_rows | None) -> None:
        """Puts aside rows that will be overwritten or deleted, and keys of rows that will be inserted."""
        self.make()
        self.now = None
        # Keys first: of a key that somebody else brings in between, the row is put aside too, and deleted by right.
        self.kept_keys, self.kept_rows = (
            0 if insert is None else self.connection.execute(insert).rowcount for insert in (keys, rows)
        )
        self.connection.execute(analyze(self.kept.name))

    def rows(self, *where: sa.ColumnElement[bool]) -> insert_rows:
        """Puts aside rows that are there, which nobody else may write from then on."""
        found: Select = sa.select(sa.literal_column("1"), *self.own.values()).where(*where).with_for_update()
        return insert_rows(self.kept, tuple(column.name for column in self.kept.c), found)

    def keys(self, key: Sequence[sa.ColumnElement[Any]], *where: sa.ColumnElement[bool]) -> insert_rows:
        """Puts aside the keys of rows that will be inserted."""
        keys = dict(zip(self.key, key, strict=True))
        # MariaDB wants a value for each column that had no default of its own, though it may be NULL.
        values = [keys.get(column, sa.null()) for column in self.columns]
        return insert_rows(
            self.kept,
            tuple(column.name for column in self.kept.c),
            sa.select(sa.literal_column("0"), *values).where(*where),
        )

    def need_all(self, changed: int, inserted: int = 0) -> None:
        """No row may have been updated, deleted or inserted that was not put aside.

        Raises:
            UnavailableError: When somebody else brought such rows meanwhile.
        """
        if changed > self.kept_rows or inserted > self.kept_keys:
            raise met_others(self.pair, self.window)

    def current_fingerprint(self) -> Fingerprint:
        """The fingerprint of all rows touched, once the load has written them; it is made once."""
        if self.now is None:
            self.now = self.fingerprint()
        return self.now

    def need_rows(self, found: int, loaded: Loaded) -> None:
        """There must be just the rows that the load left: after a replacement, just as many as the source has.

        Raises:
            UnavailableError, RefusedError: As `save` does.
        """
        before = 0 if self.was is None else self.was.rows
        expected = loaded.read if self.replaces else before - loaded.deleted + loaded.inserted
        if found == expected:
            return
        if found > expected or (self.was is None and not self.has_strays()):
            raise met_others(self.pair, self.window)
        raise RefusedError(self.refusal("rows that it wrote do not belong to the window in the target"))

    def has_strays(self) -> bool:
        """Whether there are rows with keys that were put aside, and outside of the window."""
        select: Select = sa.select(sa.literal_column("1")).select_from(self.target)
        return self.connection.execute(select.where(self.outside, self.is_aside).limit(1)).first() is not None

    def save(self, backup_sink: BackupSink, loaded: Loaded) -> bool:
        """Stores what changed in the backup sink. Returns whether anything did.

        Raises:
            UnavailableError: When there are rows that the load did not write: taking it back would delete them, too.
            RefusedError: When rows that it wrote are none of the window, so that nobody could take them back.
        """
        now = self.current_fingerprint()
        self.need_rows(now.rows, loaded)
        if self.was is None:
            self.was = self.before_differences(now)
        if now == self.was:
            return False
        backup_sink.before((THERE, *(column.name for column in self.columns)), self.parts(), self.was)
        backup_sink.after(now)
        return True

    def parts(self) -> Iterator[list[Row]]:
        """What was put aside, as exact texts."""
        if not self.aside:
            return
        texts = [exact_text(copy, column.type) for column, copy in self.copies.items()]
        select = sa.select(exact_text(self.kept.c[THERE], _INTEGER), *texts)
        streamed = {"stream_results": True, "max_row_buffer": _PART}
        with self.connection.execute(select, execution_options=streamed) as result:
            for part in result.partitions(_PART):
                yield [tuple(row) for row in part]

    def take(self, parts: Iterable[Sequence[Sequence[str | None]]]) -> None:
        """Puts aside what `parts` gave."""
        self.make()
        dialect = self.connection.dialect.name
        readers = (None, *(reader(column.type, dialect) for column in self.columns))
        rows = (
            tuple(read(text) if read and text is not None else text for read, text in zip(readers, row, strict=True))
            for part in parts
            for row in part
        )
        names = tuple(column.name for column in self.kept.c)
        self.aside = bulk.write_rows(self.connection, self.kept, names, rows) > 0
        self.connection.execute(analyze(self.kept.name))

    @property
    def same_key(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target and one put aside have the same key."""
        return self.same_key_as(self.own)

    def same_key_as(self, rows: Cells) -> sa.ColumnElement[bool]:
        """Whether a row of another table and one put aside have the same key."""
        return same_key(self.connection, rows, {column: self.copies[column] for column in self.key})

    @property
    def is_aside(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target has a key that was put aside."""
        return sa.exists().where(self.same_key).select_from(self.kept)

    @property
    def outside(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target belongs to another window, or to none."""
        return sa.case((self.mine, sa.false()), else_=sa.true())

    def fingerprint(self) -> Fingerprint:
        """The fingerprint of all rows touched, as they are now."""
        return self.fingerprint_of(self.own, *self.wheres())

    def fingerprint_of(self, cells: Cells, *wheres: tuple[sa.ColumnElement[bool], ...]) -> Fingerprint:
        """The fingerprint of rows of the target, or of those put aside."""
        dialect = self.connection.dialect.name
        row = identity_hash([(cell, column.type) for column, cell in cells.items()], dialect)
        select = sa.select(identity_hash(self.key_cells(cells), dialect).label("k"), row.label("h"))
        where = f"{self.pair.spec.name} {self.window}"
        return fingerprint_of(self.connection, where, (select.where(*those) for those in wheres))

    def before_differences(self, now: Fingerprint) -> Fingerprint:
        """What a replacement by difference found, whose keys are unique: nothing of it has to be read before.

        So rows that it left alone may be changed by others meanwhile.
        """
        written = self.fingerprint_of(self.own, (self.mine, self.is_aside))
        return now - written + self.fingerprint_of(self.copies, (self.kept.c[THERE] == 1,))

    def lock_rows(self) -> None:
        """Lets nobody else change or delete the rows touched until the transaction ends."""
        select: Select = sa.select(sa.literal_column("1")).select_from(self.target).with_for_update(of=self.target)
        for where in self.wheres():
            self.connection.execute(select.where(*where)).all()

    def wheres(self) -> Iterator[tuple[sa.ColumnElement[bool], ...]]:
        """The conditions, no two of which hold of one row, that tell the rows touched."""
        yield (self.mine,)
        if self.aside and self.key and not self.replaces:
            yield self.outside, self.is_aside

    def key_cells(self, cells: Cells) -> list[tuple[sa.ColumnElement[Any], Type]]:
        """What identifies a row of the target, or of what was put aside: without a key, all of it."""
        return [(cells[column], column.type) for column in self.key or self.columns]

    def moved(self, since: Fingerprint, now: Fingerprint) -> list[str]:
        """The keys of some rows that are not what they were, as people read them."""
        numbers = now.moved(since)[:_NAMED] if self.key else ()
        if not numbers:
            return []
        found = [key for where in self.wheres() for key in self.numbered(numbers, self.own, *where)]
        return list(dict.fromkeys(map(self.named, [*found, *self.numbered(numbers, self.copies)])))

    def numbered(self, numbers: Sequence[int], cells: Cells, *where: sa.ColumnElement[bool]) -> list[Row]:
        """The keys that have one of these numbers, of the target or of what was put aside."""
        number = bits(identity_hash(self.key_cells(cells), self.connection.dialect.name), 0, KEY_DIGITS)
        texts = [exact_text(cells[column], column.type) for column in self.key]
        select: Select = sa.select(*texts).where(number.in_(numbers), *where)
        return [tuple(row) for row in self.connection.execute(select.limit(_NAMED))]

    def named(self, key: Row) -> str:
        """A key as people read it, by the source's names."""
        return key_shown(self.pair.spec, key)

    def put_back(self, before: Fingerprint) -> Restored:
        """Undoes what was put aside; ``before``: of what was there.

        A replacement put aside all of the window, or the differences of one with unique keys.
        """
        whole = not before.rows or (self.replaces and self.rows_aside() == before.rows)
        again = whole or self.replaces or self.stands_twice()
        listed = sa.true() if again and not whole else self.kept.c[THERE] == 0
        doomed: list[tuple[sa.ColumnElement[bool], ...]] = [(self.mine,)] if whole else []
        doomed += [(*([self.mine] if self.replaces else []), self.same_key, listed)] if self.aside and self.key else []
        for where in doomed:
            self.refuse_loss(*where)
        deleted = sum(self.connection.execute(sa.delete(self.target).where(*where)).rowcount for where in doomed)
        if deleted and self.pair.target_schema.cascading:
            raise RefusedError(self.refusal("rows of other tables would be deleted or changed with its rows"))
        inserted, updated = (self.insert(), 0) if again else (0, self.update())
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

    def rows_aside(self) -> int:
        """How many whole rows were put aside."""
        count = sa.select(sa.func.count()).select_from(self.kept).where(self.kept.c[THERE] == 1)
        return int(self.connection.execute(count).scalar_one())

    def stands_twice(self) -> bool:
        """Whether a key does, among the rows put aside."""
        key = [self.copies[column] for column in self.key]
        twice: Select = sa.select(*key).group_by(*key).having(sa.func.count() > 1).limit(1)
        return self.connection.execute(twice).first() is not None

    def insert(self) -> int:
        """The rows put aside; returns how many."""
        found = sa.select(*self.copies.values()).where(self.kept.c[THERE] == 1)
        names = tuple(column.name for column in self.columns)
        return self.connection.execute(insert_rows(self.target, names, found)).rowcount

    def update(self) -> int:
        """The rows put aside, by their keys; returns how many."""
        free = [column for column in self.columns if column not in self.key and not column.fixed]
        values = {column.name: self.copies[column] for column in free}
        if not values:
            return 0
        update = sa.update(self.target).values(values).where(self.same_key, self.kept.c[THERE] == 1)
        return self.connection.execute(update).rowcount

    def refusal(self, why: str) -> str:
        """Why the window stays as it is."""
        return f"{self.pair.spec.name} {self.window}: {why}, so the load cannot be undone; nothing was written"


def met_others(pair: Pair, window: Window) -> UnavailableError:
    """The error for a load that met rows which somebody else committed while it ran: the next try finds them there."""
    return UnavailableError(
        f"{pair.spec.name} {window}: somebody else wrote rows of it meanwhile, so nothing of this window was written;"
        " try again"
    )


def target_of(pair: Pair) -> sa.TableClause:
    """The target table, with all its columns."""
    return as_table(pair.spec.target.table or "", [column.name for column in pair.target_schema.columns])


def fingerprint(pair: Pair, window: str) -> Fingerprint:
    """The fingerprint of one window of the target.

    Raises:
        UnavailableError: When the target does not answer.
    """
    found = pair.spec.window(window)
    with driver_errors(f"{pair.spec.name} {window}"), pair.target.connect() as connection:
        return LoadBackup(pair, found, connection, target_of(pair), "").fingerprint()


def load_status(pair: Pair, window: str, backup: Backup, parts: Iterable[Sequence[Row]]) -> ChangeStatus:
    """Whether a load of which there is a backup came to its end, by the rows themselves.

    Raises:
        RefusedError: When the target has lost a column since.
        UnavailableError: When the target does not answer, or another run holds the window.
    """
    with _taken(pair, window, backup, parts) as touched:
        now = touched.fingerprint()
        return {backup.after: ChangeStatus.AFTER, backup.before: ChangeStatus.BEFORE}.get(now, ChangeStatus.NEITHER)


def restore(
    pair: Pair, window: str, backup: Backup, parts: Iterable[Sequence[Row]], *, dry_run: bool = False
) -> Restored:
    """Makes the rows that a load touched again what they were before it; all of them or none.

    What they have in columns that the target did not have then is left as it is.

    Args:
        pair: Both sides of the table.
        window: The window that was loaded.
        backup: What the load's backup sink kept.
        parts: The rows that it kept.
        dry_run: Whether to do everything and take it back.

    Returns:
        How many rows were written, or would be; none when all is as it was before the load already.

    Raises:
        StaleTargetError: When rows changed since the load; names some of them.
        RefusedError: When rows of other tables depend on the window's, or the target does not take rows as they were,
            has lost a column since, or would lose what a new one has.
        UnavailableError: When the target does not answer, or another run holds the window.
    """
    with _taken(pair, window, backup, parts) as touched:
        touched.lock_rows()
        now = touched.fingerprint()
        if now == backup.before:
            return Restored(pair.spec.name, window)
        if now != backup.after:
            raise _stale(touched, touched.moved(backup.after, now))
        try:
            written = touched.put_back(backup.before)
        except sa.exc.IntegrityError:
            raise RefusedError(touched.refusal("rows of other tables refer to its rows")) from None
        if touched.fingerprint() != backup.before:
            raise RefusedError(touched.refusal("the target does not take its rows as they were (has it a trigger?)"))
        # Locks keep nobody from inserting: a row that came after the fingerprint was deleted with the load's.
        if now.rows - written.deleted + written.inserted != backup.before.rows:
            raise _stale(touched, [])
        if not dry_run:
            touched.connection.commit()
        return written


@contextmanager
def _taken(pair: Pair, window: str, backup: Backup, parts: Iterable[Sequence[Row]]) -> Iterator[LoadBackup]:
    """What a load touched, in a transaction that is rolled back unless it was committed; no load goes on meanwhile."""
    with (
        driver_errors(f"{pair.spec.name} {window}"),
        pair.target.connect() as connection,
        locked(connection, f"{pair.spec.target.table} {window}"),
    ):
        names = [name for name in backup.columns if name != THERE]
        touched = LoadBackup(pair, pair.spec.window(window), connection, target_of(pair), backup.mode, names)
        touched.take(parts)
        yield touched
        connection.rollback()


def _stale(touched: LoadBackup, keys: list[str]) -> StaleTargetError:
    named = f" ({'; '.join(keys)})" if keys else ""
    msg = touched.refusal(f"rows changed since it was loaded{named}")
    return StaleTargetError(f"{msg}. Take back what was written since, or load the window anew.", keys)
