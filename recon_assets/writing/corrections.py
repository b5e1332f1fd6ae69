"""Corrections of single rows, all or none, in one transaction of the target.

The rows are locked, and refused if one of them no longer has the values that the comparison saw. Then they are written
at once and read back: so a change says what the target itself made of its row, and whoever writes it down does so
before the transaction is kept. PostgreSQL from 18 on does all of it in one statement an action, which returns what the
rows were and are; where that comes out otherwise than expected it is taken back, and done step by step to tell why.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.driver_errors import driver_errors, explain, is_duplicate
from recon_assets.dialect.exact_text import exact_text
from recon_assets.dialect.locks import locked
from recon_assets.dialect.servers import advance_sequence, returns_old_rows
from recon_assets.dialect.sql import check_now
from recon_assets.errors import DeclarationError, DoesNotFitError, RefusedError
from recon_assets.model import (
    Action,
    Change,
    Changes,
    ChangeStatus,
    Discrepancies,
    Discrepancy,
    DiscrepancyKind,
    Image,
    Shape,
)
from recon_assets.reading import Pair, Snapshot, snapshot
from recon_assets.writing.cascades import refuse_cascades
from recon_assets.writing.change_stage import Stage, staged
from recon_assets.writing.planning import Planning, SeenOtherwiseError
from recon_assets.writing.self_references import depths, own_keys
from recon_assets.writing.target import UNTOUCHED, Target

_GLANCE = 5
_ALIASES = {"old", "new"}
"""What PostgreSQL calls a row in RETURNING; a table of such a name is meant first."""
_ORDER = (Action.INSERT, Action.UPDATE, Action.DELETE)


@contextmanager
def correcting(pair: Pair, window: str, *, dry_run: bool = False) -> Iterator["Correcting"]:
    """One transaction of the target, which holds the lock of its window. Commits when the block ends without an error.

    Args:
        pair: Both sides of the table.
        window: Whose rows are corrected; loads and corrections of one window wait for each other.
        dry_run: Whether to roll back at the end. A person waits for the answer, so it waits for locks for seconds only.

    Raises:
        UnavailableError: When the target does not answer, or another run holds the window.
    """
    where = f"{pair.spec.name} {window}"
    with ExitStack() as held:
        with driver_errors(where):
            connection = held.enter_context(pair.target.connect())
            patience = {"seconds": _GLANCE} if dry_run else {}
            held.enter_context(locked(connection, f"{pair.spec.target.table} {window}", **patience))
        yield Correcting(Target(pair, where, connection), dry_run)
        with driver_errors(where):
            if dry_run:
                connection.rollback()
            else:
                connection.commit()


@dataclass(frozen=True)
class _Part:
    """Changes of one action, staged by their places among them; `of` says where they stand among all changes."""

    stage: Stage
    of: Sequence[int]
    changes: Sequence[Change]


@dataclass(frozen=True)
class Correcting:
    """Writes in one transaction of the target."""

    target: Target
    dry_run: bool

    def write(self, discrepancies: Sequence[Discrepancy]) -> Sequence[Change]:
        """Makes the target's rows what the source's are; returns what became of the row of each discrepancy.

        A record that the target lacks is inserted, one that both have is updated in the columns that differ, one that
        only the target has is deleted. Columns that the target changes by itself (defaults, triggers) are part of the
        change, too.

        Raises:
            StaleTargetError: When a row no longer shows what was seen.
            DoesNotFitError: When a column cannot hold the source's value, or the target refuses or changes a row.
            RefusedError: When there is no key, or two rows have it, or rows of other tables would go with one.
        """
        if not self.target.pair.spec.key:
            msg = f"{self.target.where}: rows are corrected by key, and none is declared; declare a key"
            raise RefusedError(msg)
        found = discrepancies if isinstance(discrepancies, Discrepancies) else Discrepancies.of(discrepancies)
        wanted: dict[Action, list[int]] = {action: [] for action in _ORDER}
        for rows in found.by_shape.values():
            wanted[self._action(found[rows[0]])] += rows
        with driver_errors(self.target.where):
            plannings = [
                (of, Planning(self.target, action, found.only(of)))
                for action, of in ((action, sorted(rows)) for action, rows in wanted.items())
                if of
            ]
            unique = len(set(found.keys)) == len(found)
            written = self._at_once(plannings) if unique else None
            if written is not None:
                return written
            parts = [_Part(stage, of, changes) for of, planning in plannings for stage, changes in [planning.changes()]]
            self._refuse_twice([change for part in parts for change in part.changes])
            return self._written(parts)

    def _at_once(self, plannings: Sequence[tuple[Sequence[int], Planning]]) -> Changes | None:
        """Writes all rows without looking at them first, where the target can return what they were and are.

        None, and nothing is written, where it cannot, or where anything is wrong: looking at the rows tells what.
        """
        schema = self.target.pair.target_schema
        apart = schema.triggers or schema.cascading or own_keys(self.target.pair) or self.target.table.name in _ALIASES
        if apart or not returns_old_rows(self.target.connection):
            return None
        shapes: list[Shape] = []
        found: dict[int, tuple[Any, ...]] = {}
        try:
            with self.target.savepoint():
                for of, planning in plannings:
                    for shape, rows in planning.write_if_unchanged():
                        found |= {of[row[0]]: (len(shapes), *row[1:]) for row in rows}
                        shapes.append(shape)
        except SeenOtherwiseError:
            return None
        except Exception as error:
            if not isinstance(explain(self.target.where, error), DoesNotFitError | DeclarationError):
                raise
            return None
        self._advance_sequences(name for _, before, after in shapes if before is None for name in after or ())
        return Changes(self.target.pair.spec.name, shapes, [found[at] for at in range(len(found))])

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """The source as it is now, beside the target as this transaction has made it; no record is too young.

        Raises:
            UnavailableError: When a database does not answer.
        """
        pair = self.target.pair
        whole = replace(pair, spec=replace(pair.spec, grace_period=None))
        with snapshot(whole, target=self.target.connection) as both:
            yield both

    def _action(self, found: Discrepancy) -> Action:
        if found.source is None and found.kind is not DiscrepancyKind.EXTRA:
            named = self.target.named(found)
            msg = f"{self.target.where}: {named}: nothing says what is right for a record that is {found.kind.value}"
            raise RefusedError(msg)
        if found.source is None:
            return Action.DELETE
        return Action.INSERT if found.target is None else Action.UPDATE

    def _refuse_twice(self, changes: Sequence[Change]) -> None:
        keys = Counter(tuple(change.key.values()) for change in changes)
        if len(keys) < len(changes):
            twice = next(change.key for change in changes if keys[tuple(change.key.values())] > 1)
            raise self.target.twice(self.target.shown_key(twice))

    def undo(self, changes: Sequence[Change]) -> None:
        """Makes changes that are inverses of others; a row is written only if it has the values of `Change.before`.

        Raises:
            StaleTargetError: When rows have other values; it names them.
            DoesNotFitError: When the target refuses a row, or has other values afterwards; it names the row.
            RefusedError: When the target would change other columns too, so that a row would not be what it was, when
                it has lost a column since, or when rows of other tables would be deleted with a row.
        """
        with driver_errors(self.target.where):
            written = self._written(self._staged(changes))
        for change, wanted in zip(written, changes, strict=True):
            also = (change.after or {}).keys() - (wanted.after or {}).keys()
            if also:
                key = self.target.shown_key(change.key)
                msg = (
                    f"{self.target.where}: {key} would not be what it was, because the target"
                    f" changes {', '.join(sorted(also))} by itself (has it a trigger?); {UNTOUCHED}"
                )
                raise RefusedError(msg)

    def _staged(self, changes: Sequence[Change]) -> list[_Part]:
        """The changes by action, additions first."""
        self.target.refuse_gone(changes)
        parts = []
        for action in _ORDER:
            of = [at for at, change in enumerate(changes) if change.action is action]
            mine = dict(enumerate(changes[at] for at in of))
            if mine:
                below = depths(self.target.pair, mine)
                stage = staged(self.target, mine, below)
                parts.append(_Part(stage, of, list(mine.values())))
        return parts

    def _written(self, parts: Sequence[_Part]) -> tuple[Change, ...]:
        """Writes all rows or none; the changes in the order of all, as the target has made them."""
        try:
            with self.target.savepoint():
                written = self._make(parts)
        except _MovedError as error:
            moved = self._moved(parts)
            if not moved:
                raise self._blamed(parts, error) from None
            raise self.target.stale(moved) from None
        except DoesNotFitError:  # which names the row
            raise
        except Exception as error:
            ours = explain(self.target.where, error)
            if not isinstance(ours, DoesNotFitError):
                raise
            moved = self._moved(parts) if is_duplicate(error) else []  # somebody has inserted a row of the same key
            if moved:
                raise self.target.stale(moved) from None
            raise self._blamed(parts, ours) from None
        changes = {at: change for part in written for at, change in zip(part.of, part.changes, strict=True)}
        inserted = [change.after for change in changes.values() if change.before is None]
        self._advance_sequences(name for image in inserted for name in image or ())
        return tuple(changes[at] for at in range(len(changes)))

    def _make(self, parts: Sequence[_Part]) -> list[_Part]:
        before = [self._own(part.stage) if part.stage.action is Action.UPDATE else {} for part in parts]
        for part in parts:
            if part.stage.action is Action.DELETE:
                refuse_cascades(self.target, part.stage)
            if part.stage.apply() != len(part.changes):
                msg = f"{self.target.where}: the target has not written it, so a trigger or rule forbids that"
                raise _MovedError(msg)
        self.target.connection.execute(check_now())
        for part in parts:
            self._prove(part)
        return [self._completed(part, was) for part, was in zip(parts, before, strict=True)]

    def _own(self, stage: Stage) -> Mapping[int, Image]:
        """The exact texts of the columns that the target may set by itself, of each row."""
        columns = self.target.own
        if not columns:
            return {}
        texts = [exact_text(self.target.table.c[name], column.type) for name, column in columns.items()]
        rows = self.target.connection.execute(stage.joined(*texts))
        return {at: dict(zip(columns, values, strict=True)) for at, *values in rows}

    def _prove(self, part: _Part) -> None:
        """Reads back what was written, for a trigger may have changed it."""
        deleted = part.stage.action is Action.DELETE
        as_wanted = self.target.connection.scalars(part.stage.written()).all()
        if len(as_wanted) == (0 if deleted else len(part.changes)):
            return
        wrong = set(as_wanted) if deleted else set(range(len(part.changes))) - set(as_wanted)
        raise self.target.not_as_written(self.target.shown_key(part.changes[min(wrong)].key) if wrong else "a row")

    def _completed(self, part: _Part, before: Mapping[int, Image]) -> _Part:
        """With all columns that the target has set by itself; one that is mapped must have stayed as it was."""
        after = {} if part.stage.action is Action.DELETE else self._own(part.stage)
        changes = list(part.changes)
        for at, own in after.items():
            change, written = changes[at], changes[at].after or {}
            if change.before is None:
                changes[at] = replace(change, after={**own, **written})
                continue
            moved = [name for name, text in own.items() if name not in written and text != before[at][name]]
            if not moved:
                continue
            compared = self.target.mapped & set(moved)
            if compared:
                raise self.target.not_as_written(self.target.shown_key(change.key), compared)
            then, now = ({name: image[name] for name in moved} for image in (before[at], own))
            changes[at] = replace(change, before={**change.before, **then}, after={**written, **now})
        return replace(part, changes=changes)

    def _advance_sequences(self, inserted: Iterable[str]) -> None:
        """Comes last, for no rollback takes it back."""
        for name in set(inserted):
            if self.target.columns[name].identity and not self.dry_run:
                advance_sequence(self.target.connection, self.target.table, name)

    def _moved(self, parts: Sequence[_Part]) -> list[str]:
        """The keys of rows that are not as they were before; those that were locked are."""
        found: dict[int, str] = {}
        for part in parts:
            if part.stage.guarded or part.stage.action is Action.INSERT:
                for at, status in enumerate(self._statuses(part)):
                    if status is not ChangeStatus.BEFORE:
                        found[part.of[at]] = self.target.shown_key(part.changes[at].key)
        return [found[at] for at in sorted(found)]

    def _blamed(self, parts: Sequence[_Part], error: Exception) -> DoesNotFitError:
        """Names the row that the target refuses, if it refuses one that is written alone."""
        named = ""
        part = next((part for part in parts if self._is_refused(part, range(len(part.changes)))), None)
        if part:
            left = range(len(part.changes))
            while len(left) > 1:
                half = left[: len(left) // 2]
                left = half if self._is_refused(part, half) else left[len(half) :]
            if self._is_refused(part, left):
                named = f" {self.target.shown_key(part.changes[left[0]].key)}:"
        text = str(error).removeprefix(f"{self.target.where}:")
        return DoesNotFitError(f"{self.target.where}:{named}{text}; {UNTOUCHED}")

    def _is_refused(self, part: _Part, rows: range) -> bool:
        stage = replace(part.stage, only=rows)
        try:
            with driver_errors(self.target.where), self.target.savepoint() as point:
                written = stage.apply()
                self.target.connection.execute(check_now())
                point.rollback()
        except DoesNotFitError:  # a deadlock or a lost connection is no fault of a row
            return True
        return written != len(rows)

    def judge(self, changes: Sequence[Change]) -> tuple[ChangeStatus, ...]:
        """Whether each change is made, is not made, or its row has values of neither.

        Raises:
            RefusedError: When the target has lost a column since.
        """
        found: dict[int, ChangeStatus] = {}
        with driver_errors(self.target.where):
            for part in self._staged(changes):
                found |= zip(part.of, self._statuses(part), strict=True)
        return tuple(found[at] for at in range(len(changes)))

    def _statuses(self, part: _Part) -> list[ChangeStatus]:
        roles = {role for role, _ in part.stage.places}
        cases = [
            (part.stage.matches(role), status.value)
            for role, status in (("after", ChangeStatus.AFTER), ("before", ChangeStatus.BEFORE))
            if role in roles
        ]
        found: dict[int, ChangeStatus] = {}
        for at, status in self.target.connection.execute(
            part.stage.joined(sa.case(*cases, else_=ChangeStatus.NEITHER.value))
        ):
            found[at] = ChangeStatus.NEITHER if at in found else ChangeStatus(status)
        return [found.get(at, _ABSENT[part.stage.action]) for at in range(len(part.changes))]


_ABSENT = {Action.INSERT: ChangeStatus.BEFORE, Action.UPDATE: ChangeStatus.NEITHER, Action.DELETE: ChangeStatus.AFTER}


class _MovedError(Exception):
    """Fewer rows were written than there are: one is not as it was before, or the target did not write it."""
