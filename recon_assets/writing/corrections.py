"""Corrections of single rows: planned as values that can be shown and stored, then written exactly so, or not at all.

Planning locks the rows, and refuses a row that no longer has the values that the comparison saw. Writing finds each
row by the exact values planned for it, and reads back what it wrote.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import sqlalchemy as sa

from recon_assets.dialect.catalog import advance_sequence
from recon_assets.dialect.driver_errors import driver_errors, explain, is_duplicate
from recon_assets.dialect.locks import locked
from recon_assets.dialect.sql import check_now
from recon_assets.errors import DoesNotFitError, RefusedError, StaleTargetError
from recon_assets.model import Action, Change, ChangeStatus, Discrepancy, DiscrepancyKind
from recon_assets.reading import Pair
from recon_assets.writing.cascades import refuse_cascades
from recon_assets.writing.foreign_key_order import depths
from recon_assets.writing.guarded_writes import Stage, staged
from recon_assets.writing.planning import Planning
from recon_assets.writing.target import UNTOUCHED, Target
from recon_assets.writing.trial import complete_by_trial

_GLANCE = 5
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
class Correcting:
    """Plans and writes in one transaction of the target."""

    target: Target
    dry_run: bool

    def plan(self, discrepancies: Sequence[Discrepancy]) -> tuple[Change, ...]:
        """One change for each discrepancy, which makes the target's row what the source's is; locks the rows.

        A record that the target lacks is inserted, one that both have is updated in the columns that differ, one that
        only the target has is deleted. Columns that the target changes by itself (defaults, triggers) are part of the
        change, too.

        Raises:
            StaleTargetError: When a row no longer shows what was seen.
            DoesNotFitError: When a column cannot hold the source's value.
            RefusedError: When there is no key, or two rows have it, or rows of other tables would go with one.
        """
        if not self.target.pair.spec.key:
            msg = f"{self.target.where}: rows are corrected by key, and none is declared; declare a key"
            raise RefusedError(msg)
        wanted: dict[Action, dict[int, Discrepancy]] = {}
        for at, found in enumerate(discrepancies):
            wanted.setdefault(self._action(found), {})[at] = found
        planned: dict[int, Change] = {}
        with driver_errors(self.target.where):
            for action, of in wanted.items():
                planned |= zip(of, Planning(self.target, action, list(of.values())).changes(), strict=True)
            self._refuse_twice(planned)
            whole = complete_by_trial(self.target, planned, self._write)
        return tuple(whole[at] for at, _ in enumerate(discrepancies))

    def _action(self, found: Discrepancy) -> Action:
        if found.source is None and found.kind is not DiscrepancyKind.EXTRA:
            named = self.target.named(found)
            msg = f"{self.target.where}: {named}: nothing says what is right for a record that is {found.kind.value}"
            raise RefusedError(msg)
        if found.source is None:
            return Action.DELETE
        return Action.INSERT if found.target is None else Action.UPDATE

    def _refuse_twice(self, planned: Mapping[int, Change]) -> None:
        keys: set[tuple[str | None, ...]] = set()
        for change in planned.values():
            key = tuple(change.key.values())
            if key in keys:
                raise self.target.twice(self.target.shown_key(change.key))
            keys.add(key)

    def write(self, changes: Sequence[Change]) -> None:
        """Makes all of the changes or none; a row is written only if it has the values of `Change.before`.

        Raises:
            StaleTargetError: When rows have other values; it names them.
            DoesNotFitError: When the target refuses a row, or has other values afterwards; it names the row.
            RefusedError: When rows of other tables would be deleted with a row, or the target has lost a column since.
        """
        with driver_errors(self.target.where):
            self._write(changes)
            if not self.dry_run:
                self._advance_sequences(changes)

    def undo(self, changes: Sequence[Change]) -> None:
        """Makes changes that are inverses of others: as `write`, but no other column of their rows may change with it.

        Raises:
            RefusedError: When the target would change other columns too, so that a row would not be what it was.
            StaleTargetError: As `write`.
            DoesNotFitError: As `write`.
        """
        made = dict(enumerate(changes))
        self.target.refuse_gone(changes)
        with driver_errors(self.target.where):
            whole = complete_by_trial(self.target, made, self._write, repeatable=False)
        for at, change in made.items():
            also = (whole[at].after or {}).keys() - (change.after or {}).keys()
            if also:
                key = self.target.shown_key(change.key)
                msg = (
                    f"{self.target.where}: {key} would not be what it was, because the target"
                    f" changes {', '.join(sorted(also))} by itself (has it a trigger?); {UNTOUCHED}"
                )
                raise RefusedError(msg)
        self.write(changes)

    def _write(self, changes: Sequence[Change]) -> None:
        try:
            with self.target.savepoint():
                self._make(dict(enumerate(changes)))
        except _MovedError:
            raise self._stale(changes) from None
        except Exception as error:
            ours = error if isinstance(error, DoesNotFitError) else explain(self.target.where, error)
            if not isinstance(ours, DoesNotFitError):
                raise
            if is_duplicate(error) and self._moved(changes):  # somebody has inserted a row of the same key meanwhile
                raise self._stale(changes) from None
            raise self._blamed(changes, ours) from None

    def _make(self, changes: Mapping[int, Change]) -> None:
        stages = list(self._staged(changes))
        for stage, rows in stages:
            if stage.action is Action.DELETE:
                refuse_cascades(self.target, stage)
            if stage.apply() != rows:
                raise _MovedError
        self.target.connection.execute(check_now())
        for stage, rows in stages:
            self._prove(stage, rows, changes)

    def _staged(self, changes: Mapping[int, Change]) -> Iterator[tuple[Stage, int]]:
        """A stage for each action, additions first, and how many rows it has."""
        self.target.refuse_gone(changes.values())
        parts: dict[Action, dict[int, Change]] = {action: {} for action in _ORDER}
        for at, change in changes.items():
            parts[change.action][at] = change
        for mine in filter(None, parts.values()):
            below = depths(self.target.pair, mine)
            yield staged(self.target.connection, self.target.table, self.target.columns, mine, below), len(mine)

    def _prove(self, stage: Stage, rows: int, changes: Mapping[int, Change]) -> None:
        """Reads back what was written, for a trigger may have changed it."""
        deleted = stage.action is Action.DELETE
        found = stage.joined() if deleted else stage.joined().where(stage.matches("after"))
        as_wanted = self.target.connection.scalars(found).all()
        if len(as_wanted) == (0 if deleted else rows):
            return
        wrong = set(as_wanted) if deleted else set(changes) - set(as_wanted)
        key = self.target.shown_key(changes[min(wrong)].key) if wrong else "a row"
        msg = f"{self.target.where}: {key} is not as it was written, so a trigger or rule changed it; {UNTOUCHED}"
        raise DoesNotFitError(msg)

    def _advance_sequences(self, changes: Sequence[Change]) -> None:
        """Comes last, for no rollback takes it back."""
        inserted = {name for change in changes if change.before is None for name in change.after or ()}
        for name in inserted:
            if self.target.columns[name].identity:
                advance_sequence(self.target.connection, self.target.table, name)

    def _stale(self, changes: Sequence[Change]) -> StaleTargetError:
        return self.target.stale([self.target.shown_key(change.key) for change in self._moved(changes)])

    def _moved(self, changes: Sequence[Change]) -> list[Change]:
        """Those whose rows are not as they were before."""
        statuses = zip(changes, self.judge(changes), strict=True)
        return [change for change, status in statuses if status is not ChangeStatus.BEFORE]

    def _blamed(self, changes: Sequence[Change], error: DoesNotFitError) -> DoesNotFitError:
        """Names the row that the target refuses, if it refuses one that is written alone."""
        left = list(changes)
        while len(left) > 1:
            half = left[: len(left) // 2]
            left = half if self._is_refused(half) else left[len(half) :]
        named = f" {self.target.shown_key(left[0].key)}:" if left and self._is_refused(left) else ""
        text = str(error).removeprefix(f"{self.target.where}:")
        return DoesNotFitError(f"{self.target.where}:{named}{text}; {UNTOUCHED}")

    def _is_refused(self, changes: Sequence[Change]) -> bool:
        try:
            with driver_errors(self.target.where), self.target.savepoint() as point:
                self._make(dict(enumerate(changes)))
                point.rollback()
        except (_MovedError, DoesNotFitError):  # a deadlock or a lost connection is no fault of a row
            return True
        return False

    def judge(self, changes: Sequence[Change]) -> tuple[ChangeStatus, ...]:
        """Whether each change is made, is not made, or its row has values of neither.

        Raises:
            RefusedError: When the target has lost a column since.
        """
        found: dict[int, ChangeStatus] = {}
        with driver_errors(self.target.where):
            for stage, _ in self._staged(dict(enumerate(changes))):
                found.update(self._statuses(stage))
        return tuple(found.get(at) or _ABSENT[change.action] for at, change in enumerate(changes))

    def _statuses(self, stage: Stage) -> dict[int, ChangeStatus]:
        cases = [
            (stage.matches(role), status.value)
            for role, status in (("after", ChangeStatus.AFTER), ("before", ChangeStatus.BEFORE))
            if any(place[0] == role for place in stage.places)
        ]
        found: dict[int, ChangeStatus] = {}
        for at, status in self.target.connection.execute(
            stage.joined(sa.case(*cases, else_=ChangeStatus.NEITHER.value))
        ):
            found[at] = ChangeStatus.NEITHER if at in found else ChangeStatus(status)
        return found


_ABSENT = {Action.INSERT: ChangeStatus.BEFORE, Action.UPDATE: ChangeStatus.NEITHER, Action.DELETE: ChangeStatus.AFTER}


class _MovedError(Exception):
    """A row does not have the values of `Change.before`."""
