"""Rows on their way into the target: a temporary table with the target's types, and what is asked of both.

A row that was locked when its change was planned needs no further guard. Where exact values from before are staged,
as for an undo, only rows that still have them are written.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.dialect.canonical import Cell, value_text
from recon_assets.dialect.common_form import Form
from recon_assets.dialect.exact_text import exact_text, not_identical, reader
from recon_assets.dialect.sql import drop_stage, insert_rows, make_stage, without_domain
from recon_assets.model import Action, Change, Column, Image, Shape
from recon_assets.values import TEXTS
from recon_assets.writing.target import Target

Place = tuple[str, str]
"""Which text of a change: ``key``, ``before`` or ``after``, and the target's column."""


@dataclass(frozen=True)
class Stage:
    """Rows of one action.

    Attributes:
        connection: Of the transaction in which everything happens.
        target: The table that is written.
        columns: Its columns by name.
        action: What is to become of the rows.
        places: What the stage has a column for.
        sets: The columns that each group of rows writes; a row has the number of its own.
        nulls: Columns of the key that are NULL in some row.
        folded: Columns of the key that are staged as comparisons show them, and in which form those compare them.
        kept: Columns that an update writes as they are, for the target would set them anew by itself.
        only: The numbers of the rows that statements are about; None for all.
        seen: Columns that must have their values of before, whichever are written; those that are written unless said.
    """

    connection: sa.Connection
    target: sa.TableClause
    columns: Mapping[str, Column]
    action: Action
    places: tuple[Place, ...]
    sets: tuple[tuple[str, ...], ...] = ((),)
    nulls: frozenset[str] = frozenset()
    folded: Mapping[str, Form] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    only: range | None = None
    seen: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """One for each action."""
        return f"recon_{self.action}"

    @cached_property
    def table(self) -> sa.TableClause:
        """The temporary table; its columns have names that no other table uses."""
        names = ["recon_row", "recon_set", *(f"recon_c{at}" for at, _ in enumerate(self.places))]
        return sa.table(self.name, *map(sa.column, names))

    @property
    def row(self) -> sa.ColumnClause[Any]:
        """The number of a row."""
        return self.table.c["recon_row"]

    def __getitem__(self, place: Place) -> sa.ColumnElement[Any]:
        return self._staged[place]

    @cached_property
    def _staged(self) -> dict[Place, sa.ColumnElement[Any]]:
        return dict(zip(self.places, list(self.table.c)[2:], strict=True))

    @property
    def key(self) -> list[str]:
        """The columns of the key."""
        return [name for role, name in self.places if role == "key"]

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Makes the temporary table, of rows of number, set and a value for each place."""
        nothing = sa.select(sa.literal_column("1").label("recon_one")).subquery("recon_nothing")
        numbers: list[sa.ColumnElement[Any]] = [
            sa.literal_column("0").label(name) for name in ("recon_row", "recon_set")
        ]
        values = [
            without_domain(self.target.c[name], self.columns[name]).label(self[role, name].name)
            for role, name in self.places
        ]
        # Joined to nothing, columns that are never NULL may be.
        shape = sa.select(*numbers, *values).select_from(sa.outerjoin(nothing, self.target, sa.false()))
        self.connection.execute(drop_stage(self.name))
        self.connection.execute(make_stage(self.name, shape))
        bulk.write_rows(self.connection, self.table, tuple(column.name for column in self.table.c), rows)

    def not_identical(self, name: str, role: str) -> sa.ColumnElement[bool]:
        """Whether the target's value is not identical to the staged one."""
        return not_identical(self.target.c[name], self[role, name], self.columns[name].type)

    @cached_property
    def same_key(self) -> sa.ColumnElement[bool]:
        """Whether a row of the target has the staged key: an index finds it, and bytes decide, not the collation."""
        return sa.and_(*(part for name in self.key for part in self._same(name)))

    def _same(self, name: str) -> Iterator[sa.ColumnElement[bool]]:
        of = self.columns[name].type
        pair: list[sa.ColumnElement[Any]] = [self.target.c[name], self["key", name]]
        if name in self.folded:
            pair = [value_text(Cell(column, of, self.folded[name])) for column in pair]
        theirs, ours = pair
        yield theirs.is_not_distinct_from(ours) if name in self.nulls else theirs == ours
        if of.kind in TEXTS and name not in self.folded:
            yield sa.not_(self.not_identical(name, "key"))

    def matches(self, role: str) -> sa.ColumnElement[bool]:
        """Whether the target's row has the staged values of ``role`` in the columns written."""
        each = []
        for at, names in enumerate(self.sets):
            alike = [sa.not_(self.not_identical(name, role)) for name in names]
            each.append(sa.and_(self.table.c["recon_set"] == at, *alike))
        return sa.or_(*each) if len(each) > 1 else each[0]

    @property
    def guarded(self) -> bool:
        """Whether exact values from before are staged, and written rows must have them."""
        return any(role == "before" for role, _ in self.places)

    def apply(self) -> int:
        """Writes all rows, of those that are guarded the ones that have the values of before; returns how many."""
        return sum(self.connection.execute(statement).rowcount for statement in self._statements())

    def written(self) -> sa.Select[int]:
        """The rows that are as they were to be; where rows were to be deleted, those that are still there."""
        return self.joined() if self.action is Action.DELETE else self.joined().where(self.matches("after"))

    def apply_returning(self, own: Iterable[str]) -> Iterator[tuple[Shape, list[tuple[Any, ...]]]]:
        """The same on PostgreSQL from 18 on; for each of the `sets` which columns it gives, and of each row these.

        That is its number, and the exact texts of its key, of what it was and of what it is: of a new row the columns
        ``own``, too.
        """
        for names, statement in zip(self.sets, self._statements(), strict=True):
            inserts = self.action is Action.INSERT
            before = None if inserts else names
            after = (*own, *names) if inserts else None if self.action is Action.DELETE else names
            texts = [
                *self._texts("new" if inserts else "old", self.key),
                *self._texts("old", before or ()),
                *self._texts("new", after or ()),
            ]
            returned = statement.returning(*([] if inserts else [self.row]), *texts)
            with self.connection.execute(returned) as result:
                rows = list(result.cursor.fetchall())
            # New rows come in the order in which they are added.
            yield (self.key, before, after), [(at, *row) for at, row in enumerate(rows)] if inserts else rows

    def _texts(self, which: Literal["old", "new"], names: Iterable[str]) -> list[exact_text]:
        """The exact texts of a row as it was before the statement, or as it is afterwards."""
        row = sa.table(which, *map(sa.column, names))
        return [exact_text(row.c[name], self.columns[name].type) for name in names]

    def _statements(self) -> Iterator[Any]:
        for at, names in enumerate(self.sets):
            mine = sa.and_(self.table.c["recon_set"] == at, *self._chosen())
            if self.action is Action.INSERT:
                yield self._insert(names, mine)
                continue
            as_before = [sa.not_(self.not_identical(name, "before")) for name in self.seen or names if self.guarded]
            if self.action is Action.DELETE:
                yield sa.delete(self.target).where(mine, self.same_key, *as_before)
            else:
                values = {
                    name: self["after", name] if name in names else self.target.c[name] for name in (*self.kept, *names)
                }
                yield sa.update(self.target).values(values).where(mine, self.same_key, *as_before)

    def _chosen(self) -> list[sa.ColumnElement[bool]]:
        return [] if self.only is None else [self.row >= self.only.start, self.row < self.only.stop]

    def _insert(self, names: Sequence[str], mine: sa.ColumnElement[bool]) -> insert_rows:
        there = sa.exists().where(self.same_key).select_from(self.target)
        found = sa.select(*(self["after", name] for name in names)).where(mine, ~there).order_by(self.row)
        return insert_rows(self.target, tuple(names), found)

    def joined(self, *columns: sa.ColumnElement[Any]) -> sa.Select[*tuple[Any, ...]]:
        """These columns of the staged rows and the rows of the target that have their keys."""
        both = sa.join(self.table, self.target, self.same_key)
        return sa.select(self.row, *columns).select_from(both).where(*self._chosen())


def staged(target: Target, changes: Mapping[int, Change], depths: Mapping[int, int]) -> Stage:
    """A stage of changes of one action, by their numbers; parents are added first, and deleted last."""
    first = next(iter(changes.values()))
    written: dict[tuple[str, ...], list[int]] = {}
    for at, change in changes.items():
        written.setdefault(_written(change), []).append(at)
    sets, of = ordered(written, depths, first.action)
    every = tuple(dict.fromkeys(name for names in sets for name in names))
    roles = [role for role in ("before", "after") if getattr(first, role) is not None]
    key = tuple(first.key)
    places = (*(("key", name) for name in key), *((role, name) for role in roles for name in every))
    nulls = frozenset(name for name in key if any(change.key[name] is None for change in changes.values()))
    stage = Stage(target.connection, target.table, target.columns, first.action, places, sets, nulls, kept=target.kept)
    stage.fill(_rows(changes, of, [("key", key), *((role, every) for role in roles)], _readers(stage)))
    return stage


def ordered(
    written: Mapping[tuple[str, ...], Sequence[int]], depths: Mapping[int, int], action: Action
) -> tuple[tuple[tuple[str, ...], ...], Sequence[int]]:
    """The columns that each statement writes, in their order, and the number of the statement that writes each row."""
    groups: dict[tuple[int, tuple[str, ...]], Sequence[int]] = {}
    for names, rows in written.items():
        for depth in {depths.get(at, 0) for at in rows} if depths else {0}:
            groups[depth, names] = [at for at in rows if depths.get(at, 0) == depth] if depths else rows
    sets = sorted(groups, reverse=action is Action.DELETE)
    numbers = [0] * sum(map(len, groups.values()))
    for number, group in enumerate(sets[1:], 1):
        for at in groups[group]:
            numbers[at] = number
    return tuple(names for _, names in sets), numbers


def _written(change: Change) -> tuple[str, ...]:
    return tuple((change.after if change.after is not None else change.before) or ())


def _readers(stage: Stage) -> list[tuple[int, Callable[[str], Any]]]:
    dialect = stage.connection.dialect.name
    found = [(2 + at, reader(stage.columns[name].type, dialect)) for at, (_, name) in enumerate(stage.places)]
    return [(at, read) for at, read in found if read]


def _rows(
    changes: Mapping[int, Change],
    of: Sequence[int],
    images: Sequence[tuple[str, Sequence[str]]],
    readers: Sequence[tuple[int, Callable[[str], Any]]],
) -> Iterator[tuple[Any, ...]]:
    for at, change in changes.items():
        row: list[Any] = [at, of[at]]
        for role, names in images:
            image: Image = getattr(change, role)
            row += map(image.get, names)
        for place, read in readers:
            row[place] = None if row[place] is None else read(row[place])
        yield tuple(row)
