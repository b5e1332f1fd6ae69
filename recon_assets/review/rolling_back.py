"""Takes back what was written: corrections by their inverses, loaded windows by their backups, the newest first."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from recon_assets import ledger, writing
from recon_assets.errors import (
    DeclarationError,
    ReconError,
    UnavailableError,
)
from recon_assets.ledger import Backup, Correction, Ledger
from recon_assets.model import ALL, CaseEventType, CaseId, Change, Project, State
from recon_assets.review.connections import paired
from recon_assets.review.correcting import Clock, settle_by_rows
from recon_assets.review.deciding import check_note, decision_of, known, person, table_of
from recon_assets.review.faults import unexpected
from recon_assets.writing import Restored


@dataclass(frozen=True)
class Scope:
    """What is to be taken back: all that one case, one run or one backfill wrote.

    Raises:
        DeclarationError: Unless it is just one of these, and not an empty name.
    """

    case: CaseId | None = None
    run: str | None = None
    backfill: str | None = None

    def __post_init__(self) -> None:
        """Refuse what would be everything, or nothing."""
        given = [what for what in vars(self).values() if what is not None]
        if len(given) != 1 or not str(given[0]).strip():
            msg = "Name the case, the run or the backfill that is to be taken back, by its id."
            raise DeclarationError(msg)

    def __str__(self) -> str:
        return next(f"{name} {value}" for name, value in vars(self).items() if value)


@dataclass(frozen=True)
class RolledBack:
    """What was taken back.

    Attributes:
        changes: The changes made, each the inverse of one that was applied.
        windows: Loaded windows that are as they were before, with how many rows of each were written.
        refused: What could not be taken back, and why, a sentence each.
        dry_run: Whether nothing of it was kept.
    """

    changes: tuple[Change, ...] = ()
    windows: tuple[Restored, ...] = ()
    refused: tuple[str, ...] = ()
    dry_run: bool = True


def roll_back(  # noqa: PLR0913 - what, by whom, and why
    book: Ledger,
    project: Project,
    scope: Scope,
    *,
    who: str,
    note: str,
    clock: Clock,
    run: str = "",
    dry_run: bool = True,
) -> RolledBack:
    """Takes back all that ``scope`` wrote, each correction and each window all or none.

    Rows that moved on since are not overwritten: their correction is refused, and named. What cannot be taken
    back leaves the rest to be. A dry run does everything and takes that back.

    Args:
        book: Where everything written is remembered.
        project: Where the databases are.
        scope: What to take back.
        who: Who wants it.
        note: Why.
        clock: The present, whenever it is asked.
        run: The id of the run that does it, if one does.
        dry_run: Whether to keep nothing.

    Raises:
        DeclarationError: When nothing of that name was written, or all of it is taken back already, or ``who`` is
            no person.
        UnavailableError: When a database does not answer, or a run is at work on a case; what is taken back by then
            stays so.
    """
    work = _RollingBack(book, project, scope, who, note, clock, run, dry_run)
    try:
        if not dry_run:
            person(who)
            check_note(note)
        done = work.run()
    except DeclarationError as error:
        work.answer(str(error))
        raise
    except ReconError:
        raise
    except Exception as error:  # noqa: BLE001 - or it would be tried for ever
        done = RolledBack(refused=(unexpected(scope, error),), dry_run=dry_run)
    if done.refused:
        work.answer(" ".join(done.refused))
    return done


_UNKNOWN = (
    "{} {}: it was corrected after it was loaded, and a dry run keeps the corrections that are taken back first; so"
    " it cannot say what is written to take the load back, nor whether it can be. Without a dry run, rows that moved on"
    " since are not overwritten."
)


@dataclass(frozen=True)
class _RollingBack:
    """One rollback under way."""

    book: Ledger
    project: Project
    scope: Scope
    who: str
    note: str
    clock: Clock
    run_id: str
    dry_run: bool

    def run(self) -> RolledBack:
        """Everything, the newest first."""
        done: list[Change] = []
        windows: list[Restored] = []
        refused: list[str] = []
        undone: list[Backup] = []
        corrected: set[tuple[str, str]] = set()
        for item in self.written():
            try:
                if isinstance(item, Correction):
                    done += self.undo(item)
                    corrected.add((item.table, item.window))
                elif self.dry_run and corrected & {(item.table, item.window), (item.table, ALL.key)}:
                    refused.append(_UNKNOWN.format(item.table, item.window))
                else:
                    windows.append(self.restore(item, undone))
                    undone.append(item)
            except UnavailableError:
                raise
            except ReconError as error:
                refused.append(str(error))
            except Exception as error:  # noqa: BLE001 - one fault stops one thing
                refused.append(unexpected(self.scope, error))
        return RolledBack(tuple(done), tuple(windows), tuple(refused), self.dry_run)

    def answer(self, why: str) -> None:
        """Whoever asked for the case to be undone is told why not, so that nobody tries for ever."""
        case = self.scope.case
        if case is None or self.dry_run:
            return
        with self.book.begin() as connection:
            found = ledger.find_case(connection, case)
            if found and found.state is State.APPLIED:
                ledger.append(connection, case, CaseEventType.REFUSED, who="recon", at=self.clock(), note=why)

    def written(self) -> list[Correction | Backup]:
        """What was written and is not taken back, the newest first."""
        scope, ended = self.scope, self.settle_left()
        with self.book.begin() as connection:
            corrections = [item for item in self.corrections(connection) if item.id not in ended]
            backups = (
                [] if scope.case else ledger.backups(connection, run=scope.run, backfill=scope.backfill, undoable=True)
            )
        written: list[Correction | Backup] = [*corrections, *backups]
        found = sorted(written, key=lambda item: item.at, reverse=True)
        if not found and not ended:
            msg = f"{self.scope}: nothing that it wrote is left to take back."
            raise DeclarationError(msg)
        unknown = sorted({item.table for item in found} - self.project.tables.keys())
        if unknown:
            msg = f"{self.scope}: {', '.join(unknown)} is not declared any more; declare it again to roll it back."
            raise DeclarationError(msg)
        return found

    def settle_left(self) -> set[int | None]:
        """The corrections that killed rollbacks have taken back after all, as the rows tell; their cases are ended."""
        with self.book.begin() as connection:
            left = self.of_scope(connection, unsettled=True)
        ended = {item.undoes for item in left if self.is_written(item)}
        with self.book.begin() as connection:
            undone = [item for item in self.of_scope(connection) if item.undone_by and item.case]
            return ended | {item.id for item in undone if item.case and self.end(connection, item.case)}

    def is_written(self, correction: Correction) -> bool:
        """Whether one that a killed run has left was written."""
        with self.held(correction):
            return settle_by_rows(self.book, self.project, correction, self.clock(), dry_run=self.dry_run)

    @contextmanager
    def held(self, correction: Correction) -> Iterator[None]:
        """While nobody else is at work on its case; a dry run keeps nobody from it."""
        with nullcontext(enter_result=True) if self.dry_run else self.book.alone(f"case {correction.case}") as mine:
            if not mine:
                msg = f"{correction.case}: a run is at work on it; try again when it has ended."
                raise UnavailableError(msg)
            yield

    def undo(self, correction: Correction) -> list[Change]:
        """Writes the inverses of one correction."""
        with self.book.begin() as connection:
            made = enumerate(ledger.changes_of(connection, correction.id))
            changes = [change.inverse for at, change in made if at not in correction.rows][::-1]
        with self.held(correction), paired(self.project, table_of(self.project, correction.table)) as pair:
            with writing.correcting(pair, correction.window, dry_run=self.dry_run) as correcting:
                correcting.undo(changes)
                number = None if self.dry_run else self.plan(correction, changes)
            if number is not None:
                with self.book.begin() as connection:
                    ledger.settle(connection, number, "applied", at=self.clock())
                    self.close(connection, correction)
        return changes

    def plan(self, correction: Correction, changes: Sequence[Change]) -> int:
        """The number of the rollback, once all of it is in the ledger."""
        with self.book.begin() as connection:
            return ledger.plan(
                connection,
                correction.case,
                changes,
                run=self.run_id,
                who=self.who,
                why=self.note,
                at=self.clock(),
                window=correction.window,
                undoes=correction.id,
            )

    def of_scope(self, connection: sa.Connection, **which: bool) -> list[Correction]:
        """What was written by what is to be taken back; a backfill only loads."""
        if self.scope.backfill is not None:
            return []
        return ledger.corrections(connection, case=self.scope.case, run=self.scope.run, **which)

    def corrections(self, connection: sa.Connection) -> list[Correction]:
        """What is to be undone: of a case what its last decision wrote, of a run all of it."""
        scope, found = self.scope, self.of_scope(connection, undoable=True)
        if scope.case is None or not found:
            return found
        last = decision_of(connection, scope.case).n
        return [item for item in found if item.decision == last] or found

    def close(self, connection: sa.Connection, correction: Correction) -> None:
        """Says in the case's story that a correction was undone."""
        if correction.case and not self.end(connection, correction.case):
            note = f"{correction.count:,} changes taken back. {self.note}".rstrip()
            ledger.append(
                connection, correction.case, CaseEventType.COMMENTED, who=self.who, at=self.clock(), note=note
            )

    def end(self, connection: sa.Connection, case: CaseId) -> bool:
        """The case is rolled back once nothing is left of what its last decision wrote; whether it is, or would be."""
        if known(connection, case).state is not State.APPLIED:
            return False
        decided = decision_of(connection, case).n
        every = ledger.corrections(connection, case=case)
        made = [item for item in every if item.decision == decided and not item.undoes]
        if not made or any(item.outcome == "applied" and not item.undone_by for item in made):
            return False
        if self.dry_run:
            return True
        last = next(item for item in every if item.undoes)  # whoever is here may only bring to its end what was killed
        ledger.append(connection, case, CaseEventType.ROLLED_BACK, who=last.who, at=self.clock(), note=last.why)
        ledger.withdraw(connection, case, at=self.clock(), who=last.who, decision=decided)
        return True

    def restore(self, backup: Backup, undone: Sequence[Backup]) -> Restored:
        """Brings one window back to what it was before a load; one that was killed may have changed nothing.

        A dry run finds the window as the later loads left it that would be undone by then, and undoes them first.
        """
        same = [each for each in undone if (each.table, each.window) == (backup.table, backup.window)]
        with paired(self.project, self.project.tables[backup.table]) as pair, self.book.begin() as connection:
            rows = partial(ledger.backup_parts, connection)
            newer = [(each, rows(each.id)) for each in same] if self.dry_run else []
            restored = writing.restore(pair, backup.window, backup, rows(backup.id), dry_run=self.dry_run, newer=newer)
        if not self.dry_run:
            with self.book.begin() as connection:
                ledger.note_changed(connection, backup.table, backup.window)
                ledger.note_restored(connection, backup.id, who=self.who, why=self.note, at=self.clock())
        return restored
