"""The rows of the target that one load touches: which they are, and what they were, in a temporary table."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.identity_hash import identity_hash
from recon_assets.dialect.sql import analyze, drop_stage, make_stage, without_domain
from recon_assets.errors import RefusedError, UnavailableError
from recon_assets.model import Column, Mode, Type, Window
from recon_assets.reading import Pair, as_table, split_name
from recon_assets.writing.fingerprints import Fingerprint, fingerprint_of
from recon_assets.writing.keys import STAGED, Cells, same_key

Select = sa.Select[*tuple[Any, ...]]
Condition = tuple[sa.ColumnElement[bool], ...]
THERE = "recon_there"
"""The first column of saved rows: 1 of a row as it was, 0 of a key that was not there."""


class TouchedRows:
    """The rows of one window, and those elsewhere that have a saved key; a replacement touches its window only.

    Saved are, in a temporary table of the session, rows as they were, and keys of rows that were not there.
    """

    def __init__(
        self,
        pair: Pair,
        window: Window,
        connection: sa.Connection,
        *,
        mode: str = "",
        names: Sequence[str] | None = None,
    ) -> None:
        self.pair, self.window, self.connection = pair, window, connection
        self.replaces, self.names = mode == Mode.REPLACE, names
        self.has_saved = False

    @cached_property
    def target(self) -> sa.TableClause:
        """The target table, with all its columns."""
        names = [column.name for column in self.pair.target_schema.columns]
        return as_table(self.pair.spec.target.table or "", names)

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

    @property
    def key(self) -> tuple[Column, ...]:
        """The target's columns of the key."""
        return tuple(column.target for column in self.pair.key)

    @cached_property
    def current(self) -> dict[Column, sa.ColumnElement[Any]]:
        """The columns as the target has them."""
        return {column: self.target.c[column.name] for column in self.columns}

    @cached_property
    def saved_table(self) -> sa.TableClause:
        """The temporary table; its columns have names that no other table uses."""
        names = [THERE, *(f"{STAGED}{at}" for at, _ in enumerate(self.columns))]
        return sa.table("recon_saved", *map(sa.column, names))

    @cached_property
    def saved(self) -> dict[Column, sa.ColumnClause[Any]]:
        """The columns as they were saved."""
        return dict(zip(self.columns, list(self.saved_table.c)[1:], strict=True))

    @property
    def was_there(self) -> sa.ColumnElement[bool]:
        """Whether a saved row is one as it was, and not only a key."""
        return self.saved_table.c[THERE] == 1

    def make_saved_table(self) -> None:
        """The temporary table, empty. An outer join makes every column one that may be NULL."""
        nobody = sa.select(sa.literal_column("1").label(THERE)).subquery("nobody")
        columns = [without_domain(self.current[of], of).label(saved.name) for of, saved in self.saved.items()]
        select = sa.select(nobody.c[THERE], *columns).select_from(nobody.outerjoin(self.target, sa.false()))
        key = [(self.saved[column].name, column.type) for column in self.key]
        self.connection.execute(drop_stage(self.saved_table.name))
        self.connection.execute(make_stage(self.saved_table.name, select, key))

    def analyze_saved_table(self) -> None:
        """Once it is filled."""
        self.connection.execute(analyze(self.saved_table, [self.saved[column] for column in self.key]))

    @property
    def in_window(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target belongs to the window."""
        return self.pair.in_window("target", self.target, self.window)

    @property
    def outside(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target belongs to another window, or to none."""
        return sa.case((self.in_window, sa.false()), else_=sa.true())

    def same_key(self, rows: Cells | None = None) -> sa.ColumnElement[bool]:
        """Whether a row, of the target if nothing else is said, and a saved one have the same key."""
        saved = {column: self.saved[column] for column in self.key}
        return same_key(self.connection, self.current if rows is None else rows, saved)

    @property
    def has_saved_key(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target has a key that was saved."""
        return sa.exists().where(self.same_key()).select_from(self.saved_table)

    def conditions(self) -> Iterator[Condition]:
        """What holds of the rows touched: of each of them one, and no other."""
        yield (self.in_window,)
        if self.has_saved and self.key and not self.replaces:
            yield self.outside, self.has_saved_key

    def fingerprint(self) -> Fingerprint:
        """The fingerprint of all rows touched, as they are now."""
        return self.fingerprint_of(self.current, *self.conditions())

    def fingerprint_of(self, cells: Cells, *conditions: Condition) -> Fingerprint:
        """The fingerprint of rows of the target, or of saved ones."""
        dialect = self.connection.dialect.name
        row = identity_hash([(cell, column.type) for column, cell in cells.items()], dialect)
        select = sa.select(identity_hash(self.key_cells(cells), dialect).label("k"), row.label("h"))
        where = f"{self.pair.spec.name} {self.window}"
        return fingerprint_of(self.connection, where, (select.where(*condition) for condition in conditions))

    def key_cells(self, cells: Cells) -> list[tuple[sa.ColumnElement[Any], Type]]:
        """What identifies a row: without a key, all of it."""
        return [(cells[column], column.type) for column in self.key or self.columns]

    @property
    def refers_to_itself(self) -> bool:
        """Whether rows of the target refer to others of it."""
        own = split_name(self.pair.spec.target.table or "")[1]
        return any(split_name(key.parent_table)[1] == own for key in self.pair.target_schema.foreign_keys)

    @property
    def referred_to(self) -> str:
        """Why rows cannot be deleted, where a foreign key says so."""
        which = "rows of it or of other tables" if self.refers_to_itself else "rows of other tables"
        return f"{which} refer to its rows"

    def refusal(self, why: str) -> str:
        """Why the window stays as it is."""
        return f"{self.pair.spec.name} {self.window}: {why}, so the load cannot be undone; nothing was written"


def written_meanwhile(pair: Pair, window: Window) -> UnavailableError:
    """The error for a load that met rows which somebody else committed while it ran: the next try finds them there."""
    return UnavailableError(
        f"{pair.spec.name} {window}: somebody else wrote rows of it meanwhile, so nothing of this window was written;"
        " try again"
    )
