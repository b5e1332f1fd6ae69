"""Does what was decided, once: whoever is killed in the middle leaves what the next one brings to its end.

A change is in the ledger as planned before it is written, and as applied after. Only a comparison that finds
none of the records wrong any more closes a case.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Literal

import sqlalchemy as sa

from recon_assets import ledger, writes
from recon_assets.checks.references import References
from recon_assets.dialect.locks import alone
from recon_assets.diff import MAX_EVIDENCE
from recon_assets.errors import ReconError, UnavailableError
from recon_assets.ledger import Correction, Ledger, Recorded
from recon_assets.model import (
    ALL,
    Act,
    Case,
    CaseId,
    Change,
    Chosen,
    Decision,
    Discrepancy,
    DiscrepancyKind,
    Event,
    Project,
    Standing,
    State,
    TableSpec,
    masked_key,
)
from recon_assets.review.deciding import declared, fixed, known, records_of
from recon_assets.review.judging import EVERY_KIND, fingerprint, judged
from recon_assets.review.reaching import paired

Clock = Callable[[], datetime]
MOST = 100_000
"""So many records of one window are looked at to verify a correction."""


def correct(book: Ledger, project: Project, case: CaseId, *, run: str, clock: Clock) -> Case:
    """Brings a decided case to its end, also one that a killed run has left; the case as it stands then.

    Applied, kept, or, with the reason, waiting again. Whoever finds somebody else at it leaves it alone.

    Args:
        book: Where the decision is, and where every change is written before it is made.
        project: Where the databases are.
        case: Which case.
        run: The id of the run that corrects.
        clock: The present, whenever it is asked: what was read before a row was written says nothing of it.

    Raises:
        DeclarationError: When there is no such case.
        UnavailableError: When the ledger does not answer.
    """
    with alone(book.engine, f"case {case}") as mine:
        if mine:
            with book.begin() as connection:
                found = known(connection, case)
            if found.state in {State.DECIDED, State.APPLYING}:
                _Correcting(book, project, case, run, clock).run(found)
    with book.begin() as connection:
        return known(connection, case)


def recover(book: Ledger, project: Project, *, run: str, clock: Clock) -> list[Case]:
    """Brings to their end the cases that a killed run has left half-way; those of a living one are left alone."""
    with book.begin() as connection:
        left = ledger.in_state(connection, State.APPLYING)
    return [correct(book, project, case.id, run=run, clock=clock) for case in left]


@dataclass(frozen=True)
class _Correcting:
    """One decided case on its way."""

    book: Ledger
    project: Project
    case: CaseId
    run_id: str
    clock: Clock

    @cached_property
    def spec(self) -> TableSpec:
        """The case's table."""
        return declared(self.project, self.case)

    def run(self, case: Case) -> None:
        """Claims the case, and does what was decided."""
        chosen = case.chosen
        if chosen is None:
            msg = f"{self.case} is {case.state}, and nothing says what was decided"
            raise AssertionError(msg)
        if chosen.decision is Decision.KEEP_TARGET:
            self.keep(case, chosen)
            return
        if case.state is State.DECIDED:
            self.say(Act.APPLYING, "", {"run": self.run_id})
        try:
            self.apply(case, chosen)
        except UnavailableError as error:
            self.wait(str(error))
        except ReconError as error:
            self.give_back(str(error))

    def say(self, act: Act, note: str, data: dict[str, object] | None = None) -> None:
        """Adds to the case's story."""
        with self.book.begin() as connection:
            ledger.append(connection, self.case, act, who="recon", at=self.clock(), note=note, data=data or {})

    def give_back(self, why: str) -> None:
        """The case waits again, with the reason."""
        with self.book.begin() as connection:
            for act in (Act.FAILED, Act.RETURNED):
                ledger.append(connection, self.case, act, who="recon", at=self.clock(), note=why)

    def wait(self, why: str) -> None:
        """Whether what was planned is written, a later run asks the rows; what was not planned is not written."""
        with self.book.begin() as connection:
            left = ledger.corrections(connection, case=self.case, unsettled=True)
        if left:
            self.say(Act.COMMENTED, f"It will be tried again: {why}")
        else:
            self.give_back(why)

    def keep(self, case: Case, chosen: Chosen) -> None:
        """The difference is accepted until its values change."""
        with self.book.begin() as connection:
            decided = decision_of(connection, self.case)
            records = records_of(connection, case, chosen.rows)
            kept = [(item.id, item.discrepancy.fingerprint) for item in records] or [
                (said.finding.check, fingerprint(said.finding)) for said in ledger.said(connection, case.findings)
            ]
            ledger.accept(connection, self.case, kept, who=decided.who, why=decided.note, at=self.clock())
            note = f"{len(kept):,} of {case.wrong:,} kept as they are in the target." if records else "Kept as it is."
            ledger.append(connection, self.case, Act.KEPT, who=decided.who, at=self.clock(), note=note)

    def apply(self, case: Case, chosen: Chosen) -> None:
        """Writes what was decided and is not yet written, compares again, and closes the case when nothing is left."""
        with self.book.begin() as connection:
            decided = records_of(connection, case, chosen.rows)
            killed = ledger.corrections(connection, case=self.case, unsettled=True)
        for correction in killed:
            settle_by_rows(self.book, self.project, correction, self.clock())
        left = decided if case.state is State.DECIDED else self.still_wrong(decided, chosen)
        for spec, wanted in jobs(self.project, self.spec, self.case, left, chosen):
            self.write(spec, wanted)
        left = self.still_wrong(decided, chosen)
        if left:
            self.give_back(_still(self.spec, left))
        else:
            self.say(Act.APPLIED, "Compared again: none of its records differs any more.", {"records": len(decided)})

    def write(self, spec: TableSpec, wanted: Sequence[Discrepancy]) -> None:
        """Writes one transaction: in the ledger as planned before, as applied or failed after."""
        if not wanted:
            return
        number = None
        with paired(self.project, spec) as pair:
            try:
                with writes.correcting(pair, self.case.window) as correcting:
                    changes = correcting.plan(wanted)
                    number = self.plan(changes)
                    correcting.write(changes)
            except ReconError as error:
                if number is not None and not isinstance(error, UnavailableError):
                    self.settle(number, "failed", str(error))
                raise
        self.settle(number, "applied")

    def plan(self, changes: Sequence[Change]) -> int:
        """The number of the correction, once all of it is in the ledger."""
        with self.book.begin() as connection:
            decided = decision_of(connection, self.case)
            return ledger.plan(
                connection,
                self.case,
                changes,
                run=self.run_id,
                who=decided.who,
                why=decided.note,
                at=self.clock(),
                window=self.case.window,
            )

    def settle(self, number: int, outcome: Literal["applied", "failed"], note: str = "") -> None:
        """Says in the ledger what became of a correction."""
        with self.book.begin() as connection:
            ledger.settle(connection, number, outcome, at=self.clock(), note=note)

    def still_wrong(self, decided: Sequence[Recorded], chosen: Chosen) -> list[Recorded]:
        """Compares again: which of these records are still wrong. What a person fixed otherwise is right by that."""
        found = self.compared(decided)
        if chosen.decision is Decision.CUSTOM_FIX:
            fixes = {item.discrepancy.key for item in decided}
            self.accept([item for item in found if item.key in fixes])
            return []
        wrong = {(item.kind, item.key) for item in found}
        return [item for item in decided if (item.discrepancy.kind, item.discrepancy.key) in wrong]

    def compared(self, decided: Sequence[Recorded]) -> list[Discrepancy]:
        """What is wrong with the case's window now, as far as the case is of it."""
        kind, spec = self.case.of_records, self.spec
        everything = kind in EVERY_KIND
        asked = {name for item in decided for name in item.checks}
        findings = judged(
            self.book,
            self.project,
            spec,
            () if spec.days and self.case.window == ALL.key else (spec.window(self.case.window),),
            names=[check.name for check in spec.checks if check.name in asked and not everything],
            now=self.clock(),
            run=self.run_id,
            records=everything,
            max_evidence=MOST,
            remembered=MAX_EVIDENCE,
        )
        found = list(findings)
        if unknown := next((finding.error for finding in found if finding.error), None):
            msg = f"{self.case}: it was written, but could not be compared again: {unknown}"
            raise UnavailableError(msg)
        return [item for finding in found for item in finding.discrepancies]

    def accept(self, found: Sequence[Discrepancy]) -> None:
        """What differs by a person's own wish is no difference."""
        with self.book.begin() as connection:
            decided = decision_of(connection, self.case)
            records = [(item.id(self.spec.name), item.fingerprint) for item in found]
            ledger.accept(connection, self.case, records, who=decided.who, why=decided.note, at=self.clock())


def jobs(
    project: Project, spec: TableSpec, case: CaseId, records: Sequence[Recorded], chosen: Chosen
) -> Iterator[tuple[TableSpec, tuple[Discrepancy, ...]]]:
    """What is to be written into which table: for orphans, the rows that they name into their parents'."""
    if case.of_records is not DiscrepancyKind.ORPHAN or chosen.decision is not Decision.APPLY_SOURCE:
        yield spec, fixed(records, chosen)
        return
    for check in spec.checks:
        named = [item.discrepancy for item in records if check.name in item.checks]
        if isinstance(check, References) and named:
            above = project.tables[check.parent]
            with paired(project, spec) as pair, paired(project, above) as parent:
                yield above, writes.parents(pair, parent, check.columns, named)


def _still(spec: TableSpec, left: Sequence[Recorded]) -> str:
    named = (masked_key(spec.key, item.discrepancy.key, spec.private) for item in left[:3])
    keys = "; ".join(", ".join(map(str, key)) for key in named)
    return f"{len(left):,} records are still wrong after what the source has was applied, such as {keys}."


def decision_of(connection: sa.Connection, case: CaseId) -> Event:
    """Who decided a case last, and why."""
    return next(event for event in reversed(ledger.events(connection, case)) if event.act is Act.DECIDED)


def settle_by_rows(book: Ledger, project: Project, correction: Correction, now: datetime) -> bool:
    """Judges what a killed run had planned by the rows themselves; whether it was written.

    A correction is one transaction of the target, so one row that is as after tells of all. A row that is not has
    moved on since: it is noted, and never undone.
    """
    with book.begin() as connection:
        changes = tuple(ledger.changes_of(connection, correction.id))
    with (
        paired(project, project.tables[correction.table]) as pair,
        writes.correcting(pair, correction.window, dry_run=True) as correcting,
    ):
        standings = correcting.judge(changes)
    applied = Standing.AFTER in standings
    moved = {at: str(standing) for at, standing in enumerate(standings) if standing is not Standing.AFTER}
    with book.begin() as connection:
        note = "The run was killed; the rows tell."
        outcome: Literal["applied", "failed"] = "applied" if applied else "failed"
        ledger.settle(connection, correction.id, outcome, at=now, note=note, rows=moved if applied else {})
    return applied
