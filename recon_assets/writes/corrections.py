"""Corrections of single rows: planned as values that can be shown and stored, then written exactly so, or not at all.

What is planned was seen: the rows that it concerns are locked, and each must still show the values of the evidence.
What is written is found as it was planned, by the very values, and is read back.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import value_text
from recon_assets.dialect.catalog import advance_sequence
from recon_assets.dialect.exact import exact_text, is_exact
from recon_assets.dialect.failures import explain, explained
from recon_assets.dialect.locks import locked
from recon_assets.dialect.sql import check_now
from recon_assets.errors import DoesNotFitError, RefusedError, StaleTargetError
from recon_assets.model import Action, Change, Column, Discrepancy, DiscrepancyKind, Image, Standing, Value
from recon_assets.slices import Pair, as_table
from recon_assets.writes.fields import Field, fields
from recon_assets.writes.staging import Place, Stage, staged

_ORDER = (Action.INSERT, Action.UPDATE, Action.DELETE)
_NAMED = 5
_AGAIN = "Compare again before correcting."
_UNTOUCHED = "nothing was written"


@contextmanager
def correcting(pair: Pair, window: str, *, dry_run: bool = False) -> Iterator["Correcting"]:
    """One transaction of the target, alone in its window; what was written is kept when the block ends, else nothing.

    Args:
        pair: Both sides of the table.
        window: Whose rows are corrected; loads and corrections of one window wait for each other.
        dry_run: Whether to take everything back at the end.

    Raises:
        UnavailableError: When the target does not answer, or another run holds the window.
    """
    where = f"{pair.spec.name} {window}"
    with pair.target.connect() as connection, locked(connection, f"{pair.spec.target.table} {window}"):
        yield Correcting(pair, where, connection)
        with explained(where):
            connection.rollback() if dry_run else connection.commit()


@dataclass(frozen=True)
class Correcting:
    """Plans and writes in one transaction.

    Attributes:
        pair: Both sides of the table.
        where: How messages begin.
        connection: To the target.
    """

    pair: Pair
    where: str
    connection: sa.Connection

    def plan(self, discrepancies: Sequence[Discrepancy]) -> tuple[Change, ...]:
        """What makes the target's records as the source's are, a change for each; their rows are locked.

        A record that the target lacks is inserted, one that both have is updated where it differs, one that only the
        target has is deleted.

        Raises:
            StaleTargetError: When a row no longer shows what was seen.
            DoesNotFitError: When a column cannot hold the source's value.
            RefusedError: When there is no key, or it stands twice, or rows of other tables would go with a row.
        """
        if not self.pair.spec.key:
            msg = f"{self.where}: rows are corrected by key, and none is declared; declare a key"
            raise RefusedError(msg)
        wanted: dict[Action, dict[int, Discrepancy]] = {}
        for at, found in enumerate(discrepancies):
            wanted.setdefault(self._action(found), {})[at] = found
        if Action.DELETE in wanted:
            self._refuse_cascades()
        with explained(self.where):
            planned = {at: change for action, of in wanted.items() for at, change in _Planning(self, action, of).run()}
        self._refuse_twice(planned)
        return tuple(planned[at] for at, _ in enumerate(discrepancies))

    def _action(self, found: Discrepancy) -> Action:
        if found.source is None and found.kind is not DiscrepancyKind.EXTRA:
            msg = f"{self.where} {found.key}: nothing says what is right for a record that is {found.kind.value}"
            raise RefusedError(msg)
        if found.source is None:
            return Action.DELETE
        return Action.INSERT if found.target is None else Action.UPDATE

    def _refuse_cascades(self) -> None:
        if self.pair.target_shape.cascading:
            children = ", ".join(self.pair.target_shape.cascading)
            msg = f"{self.where}: deleting rows would delete or change rows of {children} by foreign key"
            raise RefusedError(msg)

    def _refuse_twice(self, planned: Mapping[int, Change]) -> None:
        seen: set[tuple[str | None, ...]] = set()
        for change in planned.values():
            key = tuple(change.key.values())
            if key in seen:
                msg = f"{self.where}: {said(change.key)} stands twice; only a unique key tells which row to correct"
                raise RefusedError(msg)
            seen.add(key)

    def write(self, changes: Sequence[Change]) -> None:
        """Makes the changes, all or none: each row is as it was before, and is afterwards as the change says.

        Raises:
            StaleTargetError: When a row is not as it was before; it names rows.
            DoesNotFitError: When the target refuses a row, or makes something else of it; it names the row.
            RefusedError: When rows of other tables would go with a row.
        """
        if any(change.action is Action.DELETE for change in changes):
            self._refuse_cascades()
        point = self.connection.begin_nested()
        try:
            self._make(dict(enumerate(changes)))
        except _OtherwiseError:
            point.rollback()
            raise self._stale(changes) from None
        except Exception as error:
            ours = error if isinstance(error, DoesNotFitError) else explain(self.where, error)
            if not isinstance(ours, DoesNotFitError):
                raise
            point.rollback()
            raise self._blamed(changes, ours) from None
        point.commit()

    def _make(self, changes: Mapping[int, Change]) -> None:
        stages = list(self._staged(changes))
        for stage, rows in stages:
            if stage.apply() != rows:
                raise _OtherwiseError
        self.connection.execute(check_now())
        for stage, rows in stages:
            self._prove(stage, rows, changes)
        self._advance_sequences(changes)

    def _staged(self, changes: Mapping[int, Change]) -> Iterator[tuple[Stage, int]]:
        """A stage for each action, additions first, and how many rows it has."""
        for action in _ORDER:
            mine = {at: change for at, change in changes.items() if change.action is action}
            if mine:
                yield staged(self.connection, self.target, self.columns, mine), len(mine)

    def _prove(self, stage: Stage, rows: int, changes: Mapping[int, Change]) -> None:
        """Reads back what was written: a trigger may have made something else of it."""
        deleted = stage.action is Action.DELETE
        found = stage.joined() if deleted else stage.joined().where(stage.is_as("after"))
        as_wanted = self.connection.scalars(found).all()
        if len(as_wanted) == (0 if deleted else rows):
            return
        wrong = set(as_wanted) if deleted else set(changes) - set(as_wanted)
        key = said(changes[min(wrong)].key) if wrong else "a row"
        msg = f"{self.where}: {key} is not as it was written, so a trigger or rule changed it; {_UNTOUCHED}"
        raise DoesNotFitError(msg)

    def _advance_sequences(self, changes: Mapping[int, Change]) -> None:
        inserted = {name for change in changes.values() if change.before is None for name in change.after or ()}
        for name in inserted:
            if self.columns[name].identity:
                advance_sequence(self.connection, self.target, name)

    def _stale(self, changes: Sequence[Change]) -> StaleTargetError:
        standings = zip(changes, self.judge(changes), strict=True)
        return self.stale([said(change.key) for change, standing in standings if standing is not Standing.BEFORE])

    def stale(self, keys: Sequence[str]) -> StaleTargetError:
        """The error that names rows which are not as they were."""
        named = "; ".join(keys[:_NAMED]) + (f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else "")
        msg = f"{self.where}: {named or 'a row'}: changed after it was compared, so {_UNTOUCHED}. {_AGAIN}"
        return StaleTargetError(msg, keys)

    def _blamed(self, changes: Sequence[Change], error: DoesNotFitError) -> DoesNotFitError:
        """Names the row that the target refuses, if one does by itself."""
        left = list(changes)
        while len(left) > 1:
            half = left[: len(left) // 2]
            left = half if self._is_refused(half) else left[len(half) :]
        named = f" {said(left[0].key)}:" if left and self._is_refused(left) else ""
        text = str(error).removeprefix(f"{self.where}:")
        return DoesNotFitError(f"{self.where}:{named}{text}; {_UNTOUCHED}")

    def _is_refused(self, changes: Sequence[Change]) -> bool:
        point = self.connection.begin_nested()
        try:
            self._make(dict(enumerate(changes)))
        except (_OtherwiseError, DoesNotFitError, sa.exc.DBAPIError):
            return True
        finally:
            point.rollback()
        return False

    def judge(self, changes: Sequence[Change]) -> tuple[Standing, ...]:
        """What each row says of its change: made, not made, or something else has happened to it."""
        found: dict[int, Standing] = {}
        with explained(self.where):
            for stage, _ in self._staged(dict(enumerate(changes))):
                found.update(self._standings(stage))
        return tuple(found.get(at) or _ABSENT[change.action] for at, change in enumerate(changes))

    def _standings(self, stage: Stage) -> dict[int, Standing]:
        cases = [
            (stage.is_as(role), standing.value)
            for role, standing in (("after", Standing.AFTER), ("before", Standing.BEFORE))
            if any(place[0] == role for place in stage.places)
        ]
        found: dict[int, Standing] = {}
        for at, standing in self.connection.execute(stage.joined(sa.case(*cases, else_=Standing.NEITHER.value))):
            found[at] = Standing.NEITHER if at in found else Standing(standing)
        return found

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The target's columns by name."""
        return {column.name: column for column in self.pair.target_shape.columns}

    @cached_property
    def target(self) -> sa.TableClause:
        """The target's table."""
        return as_table(self.pair.spec.target.table or "", self.columns)


_ABSENT = {Action.INSERT: Standing.BEFORE, Action.UPDATE: Standing.NEITHER, Action.DELETE: Standing.AFTER}


class _OtherwiseError(Exception):
    """A row is not as it was before."""


def said(key: Image) -> str:
    """A key as people read it."""
    return ", ".join(f"{name}={value}" for name, value in key.items())


@dataclass(frozen=True)
class _Planning:
    """What becomes of the discrepancies of one action."""

    job: Correcting
    action: Action
    wanted: Mapping[int, Discrepancy]

    def run(self) -> Iterator[tuple[int, Change]]:
        """The number of each, and its change."""
        self._fill()
        return self._inserts() if self.action is Action.INSERT else self._others()

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        return fields(self.job.pair)

    @cached_property
    def key(self) -> list[Field]:
        return [self.fields[name] for name in self.job.pair.spec.key]

    @cached_property
    def written(self) -> dict[int, list[Field]]:
        """The columns that each change writes."""
        if self.action is Action.UPDATE:
            return {at: self._differing(found) for at, found in self.wanted.items()}
        filled = {mapped.source.name for mapped in self.job.pair.columns}
        whole = self.action is Action.DELETE
        every = [field for name, field in self.fields.items() if whole or name in filled]
        return dict.fromkeys(self.wanted, every)

    def _differing(self, found: Discrepancy) -> list[Field]:
        """Columns that the target computes follow from the others."""
        names = [name for name in found.differing if name in self.fields and not self.fields[name].target.fixed]
        if not names or set(names) & set(self.job.pair.spec.key):
            columns = ", ".join(found.differing) or "no column"
            msg = f"{self.job.where}: {self.named(found)}: it differs in {columns}, which no correction writes"
            raise RefusedError(msg)
        return [self.fields[name] for name in names]

    @cached_property
    def every(self) -> list[Field]:
        """All columns that some change writes."""
        return list({field.name: field for written in self.written.values() for field in written}.values())

    @cached_property
    def stage(self) -> Stage:
        after = [("after", field.target.name) for field in self.every] if self.action is not Action.DELETE else []
        places: list[Place] = [*(("key", field.target.name) for field in self.key), *after]
        side = "source" if self.action is Action.INSERT else "target"
        nulls = {
            field.target.name
            for field in self.key
            if any((getattr(found, side) or {}).get(field.name) is None for found in self.wanted.values())
        }
        return Stage(
            self.job.connection,
            self.job.target,
            self.job.columns,
            self.action,
            tuple(places),
            nulls=frozenset(nulls),
            folded={field.target.name: field.form for field in self.key if field.is_folded and side == "target"},
        )

    def _fill(self) -> None:
        """Brings keys, and the values to be written, into the target's types."""
        columns: list[Sequence[Any]] = [list(self.wanted), [0] * len(self.wanted)]
        if self.action is Action.INSERT:
            columns += [self._fitted(field) for field in self.key]
        else:
            columns += [self._seen_in(field) for field in self.key]
        if self.action is not Action.DELETE:
            columns += [self._fitted(field) for field in self.every]
        self.stage.fill(zip(*columns, strict=True))

    def _seen_in(self, field: Field) -> list[Any]:
        return [field.seen((found.target or {})[field.name]) for found in self.wanted.values()]

    def _fitted(self, field: Field) -> list[Any]:
        """The source's values of one column as the target holds them; None where a change does not write it."""
        convert, name = field.fitted, field.name
        values: list[Any] = []
        for at, found in self.wanted.items():
            if self.action is Action.UPDATE and field not in self.written[at]:
                values.append(None)
                continue
            values.append(self._converted(convert, found, name))
        return values

    def _converted(self, convert: Callable[[Any], Any], found: Discrepancy, name: str) -> Any:
        source = found.source or {}
        if name not in source:
            msg = f"{self.job.where}: {self.named(found)}: the evidence lacks column {name}; compare all columns"
            raise RefusedError(msg)
        try:
            return convert(source[name])
        except ValueError as error:
            column = self.fields[name].target
            msg = (
                f"{self.job.where}: {self.named(found)}: column {column.name} ({column.type.name})"
                f" cannot hold {error}; {_UNTOUCHED}"
            )
            raise DoesNotFitError(msg) from None

    def named(self, found: Discrepancy) -> str:
        """A discrepancy by its key."""
        return said(dict(zip(self.job.pair.spec.key, map(_text, found.key), strict=True)))

    def _exact(self, field: Field, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        return exact_text(column, field.target.type)

    def _inserts(self) -> Iterator[tuple[int, Change]]:
        there = set(self.job.connection.scalars(self.stage.joined()))
        if there:
            raise self.job.stale([self.named(self.wanted[at]) for at in sorted(there)])
        names = [field.target.name for field in self.every]
        key = [field.target.name for field in self.key]
        texts = [self._exact(field, self.stage["after", field.target.name]) for field in self.every]
        for at, *values in self.job.connection.execute(sa.select(self.stage.row, *texts)):
            after = dict(zip(names, values, strict=True))
            yield at, Change(self.job.pair.spec.name, {name: after[name] for name in key}, None, after)

    def _others(self) -> Iterator[tuple[int, Change]]:
        """Of rows that are locked from now on."""
        columns = _Columns()
        key = [columns.place(self._theirs(field)) for field in self.key]
        before = {field.name: columns.place(self._theirs(field)) for field in self.every}
        after = {field.name: columns.place(self._ours(field)) for field in self.every if self._has_after}
        shown = [(field, columns.place(self._shown(field))) for field in self._seen()]
        changes: dict[int, Change] = {}
        stale = []
        for at, *row in self.job.connection.execute(self._locking(columns.found)):
            found = self.wanted[at]
            if at in changes:
                raise self._twice(found)
            if not _shows(found.target or {}, row, shown):
                stale.append(at)
            written = self.written[at]
            changes[at] = Change(
                self.job.pair.spec.name,
                {field.target.name: row[place] for field, place in zip(self.key, key, strict=True)},
                {field.target.name: row[before[field.name]] for field in written},
                {field.target.name: row[after[field.name]] for field in written} if after else None,
            )
        stale += [at for at in self.wanted if at not in changes]
        if stale:
            raise self.job.stale([self.named(self.wanted[at]) for at in sorted(stale)])
        return iter(changes.items())

    def _locking(self, columns: Sequence[sa.ColumnElement[Any]]) -> sa.Select[*tuple[Any, ...]]:
        return self.stage.joined(*columns).with_for_update(of=self.job.target)

    @property
    def _has_after(self) -> bool:
        return self.action is not Action.DELETE

    def _seen(self) -> list[Field]:
        """The columns that the evidence has of the target."""
        names = dict.fromkeys(name for found in self.wanted.values() for name in found.target or ())
        return [self.fields[name] for name in names if name in self.fields]

    def _theirs(self, field: Field) -> sa.ColumnElement[Any]:
        return exact_text(self.job.target.c[field.target.name], field.target.type)

    def _ours(self, field: Field) -> sa.ColumnElement[Any]:
        return exact_text(self.stage["after", field.target.name], field.target.type)

    def _shown(self, field: Field) -> sa.ColumnElement[Any]:
        """The canonical text, which often is the exact one."""
        cell = field.cell(self.job.target.c[field.target.name])
        exact = is_exact(cell, self.job.connection.dialect.name)
        return self._theirs(field) if exact else value_text(cell)

    def _twice(self, found: Discrepancy) -> RefusedError:
        msg = f"{self.job.where}: {self.named(found)} stands twice; only a unique key tells which row to correct"
        return RefusedError(msg)


class _Columns:
    """The columns of a statement, each of them once."""

    def __init__(self) -> None:
        self.found: list[sa.ColumnElement[Any]] = []
        self._places: dict[tuple[Any, ...], int] = {}

    def place(self, column: Any) -> int:
        """Where in a row its value is."""
        key = (type(column), *column.clauses)
        if key not in self._places:
            self._places[key] = len(self.found)
            self.found.append(column)
        return self._places[key]


def _shows(seen: Mapping[str, Value], row: Sequence[Any], columns: Sequence[tuple[Field, int]]) -> bool:
    """Whether a row is what was seen of it."""
    return all(field.shown(row[place]) == seen[field.name] for field, place in columns if field.name in seen)


def _text(value: Value) -> str | None:
    return None if value is None else str(value)
