"""Makes a change of each record that differs, in the exact values that the target has and is to have."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import value_text
from recon_assets.dialect.exact_text import exact_text, is_exact, lost_text
from recon_assets.dialect.sql import check_now
from recon_assets.errors import DoesNotFitError, RefusedError
from recon_assets.model import Action, Change, Discrepancies, Discrepancy, Image, Shape
from recon_assets.writing.change_stage import Stage, ordered
from recon_assets.writing.fields import Field
from recon_assets.writing.self_references import depths
from recon_assets.writing.target import UNTOUCHED, Target

UNKNOWN = object()
"""Stands for the value of a column of which a record says nothing."""


class SeenOtherwiseError(Exception):
    """The rows cannot be written without looking at them first."""


@dataclass(frozen=True)
class Planning:
    """Records that differ, of one action.

    Everything is done by column, not by row: a row has many values, and there are many rows.
    """

    target: Target
    action: Action
    wanted: Discrepancies

    def changes(self) -> tuple[Stage, list[Change]]:
        """The change of each record, staged; the rows that it concerns are locked."""
        self._fill(self.stage, {})
        changes = self._inserts() if self.action is Action.INSERT else self._others()
        below = depths(self.target.pair, dict(enumerate(changes)))
        if not any(below.values()):
            return self.stage, changes
        stage = self._ordered(below)  # only now it is known which rows refer to which
        self._fill(stage, below)
        return stage, changes

    def write_if_unchanged(self) -> list[tuple[Shape, list[tuple[Any, ...]]]]:
        """Writes all records by guarded statements; gives the changes as `Stage.apply_returning` does.

        Raises:
            SeenOtherwiseError: When a row is not as it was seen, or not as it was written, or nothing tells.
        """
        seen = [] if self.action is Action.INSERT else self._looked_at()
        values = {field.name: self._column(field.name) for field in seen}
        if any(UNKNOWN in column for column in values.values()) or not all(field.reads_back for field in seen):
            raise SeenOtherwiseError
        names = tuple(field.target.name for field in seen)
        stage = replace(self.stage, places=(*self.stage.places, *(("before", name) for name in names)), seen=names)
        self._fill(stage, {}, [field.seen(values[field.name]) for field in seen])
        written = list(stage.apply_returning([name for name in self.target.own if name not in self.target.mapped]))
        self.target.connection.execute(check_now())
        as_wanted = self.target.connection.scalar(sa.select(sa.func.count()).select_from(stage.written().subquery()))
        if as_wanted != (0 if self.action is Action.DELETE else len(self.wanted)):
            raise SeenOtherwiseError
        numbers = [row[0] for _, rows in written for row in rows]
        if sorted(numbers) != list(range(len(self.wanted))):
            raise SeenOtherwiseError
        return written

    def _fill(self, stage: Stage, below: Mapping[int, int], seen: Sequence[Sequence[Any]] = ()) -> None:
        _, numbers = ordered(self._written, below, self.action)
        stage.fill(zip(range(len(self.wanted)), numbers, *self._staged(), *seen, strict=True))

    def _staged(self) -> list[Sequence[Any]]:
        """The keys to look for and the values to be written, in the order of the stage's places."""
        inserts = self.action is Action.INSERT
        keys = [self._values[of.name] if inserts else of.seen(self._keys[of.name]) for of in self.target.key]
        return [*keys, *(self._values[field.name] for field in self.filled)]

    @cached_property
    def sets(self) -> dict[tuple[str, ...], Sequence[int]]:
        """Which columns are written, and of which records."""
        if self.action is Action.INSERT:
            names = {mapped.source.name for mapped in self.target.pair.columns}
            return {tuple(name for name in self.target.fields if name in names): range(len(self.wanted))}
        if self.action is Action.DELETE:
            return {tuple(self.target.fields): range(len(self.wanted))}
        found: dict[tuple[str, ...], Sequence[int]] = {}
        for shape, rows in self.wanted.by_shape.items():  # several may write the same columns
            written = self._differing(shape.differing, rows[0])
            found[written] = [*found[written], *rows] if written in found else rows
        return found

    def _differing(self, differing: Sequence[str], at: int) -> tuple[str, ...]:
        """Columns that the target computes follow from the others."""
        fields = self.target.fields
        names = tuple(name for name in differing if name in fields and not fields[name].target.fixed)
        if not names or set(names) & set(self.target.pair.spec.key):
            columns = ", ".join(differing) or "no column"
            named = self.target.named(self.wanted[at])
            msg = f"{self.target.where}: {named}: it differs in {columns}, which no correction writes"
            raise RefusedError(msg)
        return names

    @cached_property
    def every(self) -> list[Field]:
        """All columns that some change writes."""
        return [self.target.fields[name] for name in dict.fromkeys(name for names in self.sets for name in names)]

    @property
    def filled(self) -> list[Field]:
        """All columns that some change gives a value."""
        return [] if self.action is Action.DELETE else self.every

    @cached_property
    def _written(self) -> Mapping[tuple[str, ...], Sequence[int]]:
        """The same by the target's names of the columns."""
        fields = self.target.fields
        return {tuple(fields[name].target.name for name in names): rows for names, rows in self.sets.items()}

    @cached_property
    def stage(self) -> Stage:
        """The keys as they were seen in the target, or will be, and the values to be written."""
        return self._ordered({})

    def _ordered(self, below: Mapping[int, int]) -> Stage:
        key = [("key", field.target.name) for field in self.target.key]
        seen = self.action is not Action.INSERT
        return Stage(
            self.target.connection,
            self.target.table,
            self.target.columns,
            self.action,
            (*key, *(("after", field.target.name) for field in self.filled)),
            ordered(self._written, below, self.action)[0],
            nulls=frozenset(field.target.name for field in self.target.key if self._may_be_null(field)),
            folded={field.target.name: field.form for field in self.target.key if seen and field.is_folded},
            kept=self.target.kept,
        )

    def _may_be_null(self, field: Field) -> bool:
        return field.target.nullable and None in self._keys[field.name]

    def _column(self, name: str) -> list[Any]:
        """The values of one column of the target's rows, as they were seen or are to be."""
        return self.wanted.column("source" if self.action is Action.INSERT else "target", name, UNKNOWN)

    @cached_property
    def _keys(self) -> Mapping[str, Sequence[Any]]:
        return {name: self._column(name) for name in self.target.pair.spec.key}

    @cached_property
    def _values(self) -> Mapping[str, Sequence[Any]]:
        """The source's values by column, as the target holds them; None where a change does not write the column."""
        found: dict[str, Sequence[Any]] = {}
        for field in self.filled:
            values = self.wanted.column("source", field.name, UNKNOWN)
            rows = [at for names, rows in self.sets.items() if field.name in names for at in rows]
            fitted = self._fitted(field, _picked(values, rows), rows)
            if len(rows) < len(values):
                of_row = dict(zip(rows, fitted, strict=True))
                fitted = [of_row.get(at) for at in range(len(values))]
            found[field.name] = fitted
        return found

    def _fitted(self, field: Field, values: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
        """The source's values of one column for these rows."""
        if UNKNOWN in values:
            raise self._lacking(field, self.wanted[rows[values.index(UNKNOWN)]])
        try:
            return field.fitted(values)
        except ValueError:
            raise self._misfit(field, values, rows) from None

    def _misfit(self, field: Field, values: Sequence[Any], rows: Sequence[int]) -> DoesNotFitError:
        """Names the first that does not fit."""
        wrong = ((at, why) for at, value in zip(rows, values, strict=True) if (why := field.objection(value)))
        at, why = next(wrong)
        where, column = f"{self.target.where}: {self.target.named(self.wanted[at])}", field.target
        return DoesNotFitError(f"{where}: column {column.name} ({column.type.name}) cannot hold {why}; {UNTOUCHED}")

    def _lacking(self, field: Field, found: Discrepancy) -> RefusedError:
        where = f"{self.target.where}: {self.target.named(found)}"
        return RefusedError(f"{where}: what was found says nothing of column {field.name}; compare all columns")

    def _inserts(self) -> list[Change]:
        """Of rows that do not exist yet; the texts are read from the stage, whose columns have the target's types."""
        there = sorted(set(self.target.connection.scalars(self.stage.joined())))
        if there:
            raise self.target.stale([self.target.named(self.wanted[at]) for at in there])
        texts = [self._staged_text(field) for field in self.every]
        select = sa.select(*texts).order_by(self.stage.row)
        after = _images(self.every, zip(*self._read(select), strict=True))
        key = [field.target.name for field in self.target.key]
        table = self.target.pair.spec.name
        return [Change(table, {name: image[name] for name in key}, None, image) for image in after]

    def _others(self) -> list[Change]:
        """Of rows that exist; locks them."""
        columns = _Columns()
        key = [columns.place(self._target_text(field)) for field in self.target.key]
        before = {field.name: columns.place(self._target_text(field)) for field in self.every}
        after = {field.name: columns.place(self._staged_text(field)) for field in self.filled}
        shown = {field: columns.place(self._shown(field)) for field in self._looked_at()}
        values = self._locked(columns.found)
        self._refuse_changed({field: values[place] for field, place in shown.items()})
        keys = _images(self.target.key, [values[place] for place in key])
        found: dict[int, Change] = {}
        for names, rows in self.sets.items():
            fields = [self.target.fields[name] for name in names]
            then, now = (
                _images(fields, [_picked(values[of[name]], rows) for name in names]) if of else [None] * len(rows)
                for of in (before, after)
            )
            self._refuse_lost(fields, then, rows)
            changed = zip(rows, then, now, strict=True)
            found |= {at: Change(self.target.pair.spec.name, keys[at], old, new) for at, old, new in changed}
        return [found[at] for at in range(len(self.wanted))]

    def _refuse_lost(self, fields: Iterable[Field], images: Sequence[Image | None], rows: Sequence[int]) -> None:
        """No row may be changed that nobody could make again what it was."""
        for field in fields:
            lost = lost_text(field.target.type, self.target.connection.dialect.name)
            each = zip(rows, images, strict=True)
            found = [at for at, image in each if lost and image and image[field.target.name] == lost]
            if found:
                why = f"column {field.target.name} has what is none of its labels, and no statement writes that back"
                where = f"{self.target.where}: {self.target.named(self.wanted[found[0]])}"
                msg = f"{where}: {why}, so {UNTOUCHED}. Give it a label in the target first."
                raise RefusedError(msg)

    def _locked(self, columns: Sequence[sa.ColumnElement[Any]]) -> list[tuple[Any, ...]]:
        """The columns of the target's rows, one row for each record, in their order."""
        select = self.stage.joined(*columns).with_for_update(of=self.target.table)
        rows = sorted(self._read(select), key=lambda row: row[0])
        there, *values = zip(*rows, strict=True) if rows else ((),)
        missing = set(range(len(self.wanted))) - set(there)
        if missing:
            raise self.target.stale([self.target.named(self.wanted[at]) for at in sorted(missing)])
        if len(there) > len(self.wanted):
            twice = next(at for at, other in pairwise(there) if at == other)
            raise self.target.twice(self.target.named(self.wanted[twice]))
        return values

    def _read(self, select: sa.Select[*tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """The rows as the driver has them, for they are many."""
        with self.target.connection.execute(select) as result:
            return list(result.cursor.fetchall())

    def _looked_at(self) -> list[Field]:
        """The columns whose values the comparison saw."""
        side = "source" if self.action is Action.INSERT else "target"
        names = dict.fromkeys(name for shape in self.wanted.by_shape for name in getattr(shape, side) or ())
        return [self.target.fields[name] for name in names if name in self.target.fields]

    def _refuse_changed(self, columns: Mapping[Field, Sequence[Any]]) -> None:
        """No row may have changed since it was compared: each must still have the values that the comparison saw."""
        stale: set[int] = set()
        for field, texts in columns.items():
            now, then = field.shown(texts), self._column(field.name)
            if now != then:
                each = enumerate(zip(now, then, strict=True))
                stale |= {at for at, (one, other) in each if one != other and other is not UNKNOWN}
        if stale:
            raise self.target.stale([self.target.named(self.wanted[at]) for at in sorted(stale)])

    def _target_text(self, field: Field) -> exact_text:
        return exact_text(self.target.table.c[field.target.name], field.target.type)

    def _staged_text(self, field: Field) -> exact_text:
        return exact_text(self.stage["after", field.target.name], field.target.type)

    def _shown(self, field: Field) -> exact_text | value_text:
        """The canonical text, which often is the exact one."""
        cell = field.cell(self.target.table.c[field.target.name])
        exact = is_exact(cell, self.target.connection.dialect.name)
        return self._target_text(field) if exact else value_text(cell)


class _Columns:
    """The columns of a statement, each of them once."""

    def __init__(self) -> None:
        self.found: list[sa.ColumnElement[Any]] = []
        self._places: dict[tuple[Any, ...], int] = {}

    def place(self, column: exact_text | value_text) -> int:
        """Where in a row its value is."""
        key = (type(column), *column.clauses)
        if key not in self._places:
            self._places[key] = len(self.found)
            self.found.append(column)
        return self._places[key]


def _picked(values: Sequence[Any], rows: Sequence[int]) -> Sequence[Any]:
    return values if len(rows) == len(values) else [values[at] for at in rows]


def _images(fields: Sequence[Field], columns: Iterable[Sequence[Any]]) -> list[Image]:
    """Columns of texts as a mapping for each row."""
    names = [field.target.name for field in fields]
    return [dict(zip(names, texts, strict=True)) for texts in zip(*columns, strict=True)]
