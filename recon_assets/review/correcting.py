"""Does what was decided, once: whoever is killed in the middle leaves what the next one brings to its end.

A change is in the ledger as planned before it is written, and as applied after. Only a comparison that finds
none of the records wrong any more closes a case.
"""

import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Literal

from recon_assets import ledger, writing
from recon_assets.checks.references import References
from recon_assets.checks.running import evaluate
from recon_assets.diff import MAX_EVIDENCE, compare_windows
from recon_assets.errors import ReconError, RefusedError, StaleTargetError, UnavailableError
from recon_assets.ledger import CaseRecord, Correction, Ledger
from recon_assets.model import (
    ALL,
    Case,
    CaseEventType,
    CaseId,
    Change,
    ChangeStatus,
    Decision,
    Discrepancy,
    DiscrepancyKind,
    Finding,
    Project,
    Resolution,
    State,
    TableSpec,
    Value,
    Window,
    masked_key,
)
from recon_assets.reading import Pair
from recon_assets.review.connections import paired
from recon_assets.review.deciding import check_keys, decision_of, declared, fixed, known, records_of, table_of
from recon_assets.review.faults import unexpected
from recon_assets.review.judging import EVERY_KIND, RECORDS, fingerprint, judged

LOG = logging.getLogger(__name__)
Clock = Callable[[], datetime]
MOST = 100_000
"""So many records of one window are looked at to verify a correction."""

MAX_KILLED = 3
"""So many runs may be killed while they correct a case: it may be the case that kills them, by the memory it takes."""

FEW = 1000
"""More records than that are written without a comparison before, and compared before the target keeps them."""


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
    with _uncollected(), book.alone(f"case {case}") as mine:
        if mine:
            with book.begin() as connection:
                found = known(connection, case)
            if found.state in {State.DECIDED, State.APPLYING}:
                with ExitStack() as opened:
                    _Correcting(book, project, case, run, clock, opened).run(found)
    with book.begin() as connection:
        return known(connection, case)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without Python's search for garbage in circles: that of many records has none, and takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@dataclass(frozen=True)
class _Correcting:
    """One decided case on its way."""

    book: Ledger
    project: Project
    case: CaseId
    run_id: str
    clock: Clock
    opened: ExitStack
    pairs: dict[str, Pair] = field(default_factory=dict)

    @cached_property
    def spec(self) -> TableSpec:
        """The case's table."""
        return declared(self.project, self.case)

    def paired(self, spec: TableSpec) -> Pair:
        """Both sides of a table, opened once."""
        if spec.name not in self.pairs:
            self.pairs[spec.name] = self.opened.enter_context(paired(self.project, spec))
        return self.pairs[spec.name]

    def run(self, case: Case) -> None:
        """Claims the case, and does what was decided."""
        chosen = case.chosen
        if chosen is None:
            msg = f"{self.case} is {case.state}, and nothing says what was decided"
            raise AssertionError(msg)
        keeps = chosen.decision is Decision.KEEP_TARGET
        if case.state is State.DECIDED and not keeps:
            self.say(CaseEventType.APPLYING, "", {"run": self.run_id})
        with self.book.begin() as connection:
            begun = ledger.begin_correction(connection, self.case)
        try:
            if begun > MAX_KILLED:
                self.give_back(f"{begun - 1} runs were killed while they corrected it; the log of one may say why.")
            else:
                (self.keep if keeps else self.apply)(case, chosen)
        except UnavailableError as error:
            self.wait(str(error))
        except ReconError as error:
            self.give_back(str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours in one case must not hold up all others
            self.give_back(unexpected(self.case, error))
        with self.book.begin() as connection:
            ledger.end_correction(connection, self.case)

    def say(self, act: CaseEventType, note: str, data: dict[str, object] | None = None) -> None:
        """Adds to the case's story."""
        with self.book.begin() as connection:
            ledger.append(connection, self.case, act, who="recon", at=self.clock(), note=note, data=data or {})

    def give_back(self, why: str) -> None:
        """The case waits again, with the reason, and with what was written all the same."""
        left = [item for item in reversed(self.written()) if not item.undone_by]
        made = [f"Before that {item.count:,} changes of {item.table} {item.window} were written." for item in left]
        why = " ".join((f"{why.removesuffix('.')}.", *made))
        with self.book.begin() as connection:
            ledger.append(connection, self.case, CaseEventType.FAILED, who="recon", at=self.clock(), note=why)

    def wait(self, why: str) -> None:
        """What was decided stays so: a later run does it, and asks the rows whether what was planned is written."""
        note = f"It will be tried again: {why}"
        with self.book.begin() as connection:
            last = ledger.events(connection, self.case)[-1]
        if last.note != note:
            self.say(CaseEventType.COMMENTED, note)

    def keep(self, case: Case, chosen: Resolution) -> None:
        """The difference is accepted until its values change."""
        kept = self.kept(case, chosen)
        with self.book.begin() as connection:
            decided = decision_of(connection, self.case)
            note = f"{len(kept):,} of {case.wrong:,} kept as they are in the target." if self.case.of_records else ""
            ledger.append(connection, self.case, CaseEventType.ACCEPTED, who=decided.who, at=self.clock(), note=note)
            ledger.accept(connection, self.case, kept, who=decided.who, why=decided.note, at=self.clock())

    def kept(self, case: Case, chosen: Resolution) -> list[tuple[str, str]]:
        """What is accepted, by what it is and by its values."""
        with self.book.begin() as connection:
            records = records_of(connection, case, chosen.rows)
            check_keys(self.spec, records)
            findings = [said.finding for said in ledger.stored_findings(connection, case.findings)]
        if self.case.of_records:
            return [(item.id, item.discrepancy.fingerprint) for item in records]
        return [(finding.check, fingerprint(finding)) for finding in findings]

    def apply(self, case: Case, chosen: Resolution) -> None:
        """Writes what was decided and is not yet written, compares again, and closes the case when nothing is left."""
        with self.book.begin() as connection:
            decided = records_of(connection, case, chosen.rows)
            check_keys(self.spec, decided)
            killed = ledger.corrections(connection, case=self.case, unsettled=True)
        for correction in killed:
            settle_by_rows(self.book, self.project, correction, self.clock())
        if not self.is_fixed(chosen):
            self.bring_about(decided, chosen)
        left = self.still_wrong(decided, chosen)
        if left:
            self.give_back(_still(self.spec, left))
        else:
            self.say(
                CaseEventType.APPLIED,
                "Compared again: none of its records differs any more.",
                {"records": len(decided)},
            )

    def is_fixed(self, chosen: Resolution) -> bool:
        """Whether a person's own values are written already: they differ on purpose, so that no comparison tells.

        Raises:
            RefusedError: When what was written of this decision has been taken back meanwhile.
        """
        written = self.written()
        if any(item.undone_by for item in written):
            msg = f"{self.case}: what was written of it has been taken back meanwhile."
            raise RefusedError(msg)
        return chosen.decision is Decision.CUSTOM_FIX and bool(written)

    def written(self) -> list[Correction]:
        """What was written of this decision, the newest first."""
        with self.book.begin() as connection:
            number = decision_of(connection, self.case).n
            made = ledger.corrections(connection, case=self.case)
        return [item for item in made if item.decision == number and item.outcome == "applied" and not item.undoes]

    def is_as_written(self) -> bool:
        """Whether every row is still what a person's own values have made of it."""
        return all({ChangeStatus.AFTER} == set(_standings(self.book, self.project, item)) for item in self.written())

    def bring_about(self, decided: Sequence[CaseRecord], chosen: Resolution) -> None:
        """Writes what is still wrong in the way that was decided on."""
        many = len(decided) > FEW and chosen.decision is Decision.APPLY_SOURCE and self.case.of_records in EVERY_KIND
        if many and self.windows() and self.spec.key:
            try:
                self.write(self.spec, self.case.window, fixed(decided, chosen), compared=False)
            except StaleTargetError:
                LOG.info("%s: compared, for its rows have moved on", self.case)
            else:
                return
        try:
            self.write_due(decided, chosen)
        except StaleTargetError:  # since they were compared: comparing once more tells whether they are still due
            LOG.info("%s: compared once more, for rows of the target have moved on", self.case)
            self.write_due(decided, chosen)

    def write_due(self, decided: Sequence[CaseRecord], chosen: Resolution) -> None:
        """Compares, and writes what is still wrong in the way that was decided on."""
        due = self.still_due(decided, chosen)
        for spec, window, wanted in jobs(self.project, self.spec, self.case, due, chosen):
            self.write(spec, window, wanted)

    def compare_written(self, correcting: writing.Correcting, wanted: Sequence[Discrepancy]) -> None:
        """Whether the source still shows of these records what was seen, by the target's rows that were made so.

        Where nothing else is wrong with the window, digests tell, and no row is read.

        Raises:
            StaleTargetError: When a record differs.
        """
        with correcting.snapshot() as both:
            found = compare_windows(both, self.windows(), max_evidence=MOST)[self.case.window]
        wrong = {item.key for item in found.discrepancies}
        if not found.complete or (wrong and any(item.key in wrong for item in wanted)):
            msg = f"{self.case}: the source does not show what was seen any more"
            raise StaleTargetError(msg)

    def still_due(self, decided: Sequence[CaseRecord], chosen: Resolution) -> list[CaseRecord]:
        """Compares before anything is written: the records that are still wrong in the way that was decided on.

        Raises:
            StaleTargetError: When a record, on whichever side, is not what was seen any more.
        """
        found = {item.id(self.spec.name): item for item in self.compared(decided, chosen)}
        keys = {item.key for item in found.values() if item.kind in EVERY_KIND}
        changed = [
            item
            for item in decided
            if (found[item.id].fingerprint != item.discrepancy.fingerprint if item.id in found else False)
            or (item.id not in found and item.discrepancy.kind in EVERY_KIND and item.discrepancy.key in keys)
        ]
        if changed:
            named = _named(self.spec, changed)
            msg = f"{self.case}: {len(changed):,} records are not what was decided on any more, such as {named}."
            raise StaleTargetError(msg)
        return [item for item in decided if item.id in found]

    def write(self, spec: TableSpec, window: str, wanted: Sequence[Discrepancy], *, compared: bool = True) -> None:
        """Writes one transaction: in the ledger as planned before it is kept, as applied after.

        Where keeping it fails, the next run asks the rows what became of it.
        """
        if not wanted:
            return
        with writing.correcting(self.paired(spec), window) as correcting:
            changes = correcting.write(wanted)
            if not compared:
                self.compare_written(correcting, wanted)
            number = self.plan(changes, window)
        with self.book.begin() as connection:
            ledger.settle(connection, number, "applied", at=self.clock())

    def plan(self, changes: Sequence[Change], window: str) -> int:
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
                window=window,
            )

    def still_wrong(self, decided: Sequence[CaseRecord], chosen: Resolution) -> list[CaseRecord]:
        """Compares again, which is written down: which of these records are still wrong, in whatever way.

        What a person fixed otherwise than the source has it is right by that.
        """
        found = self.compared(decided, chosen, written=True)
        if chosen.decision is Decision.CUSTOM_FIX and self.is_as_written():
            fixes = {item.discrepancy.key for item in decided}
            self.accept([item for item in found if item.kind in EVERY_KIND and item.key in fixes])
            found = [item for item in found if item.kind not in EVERY_KIND]
        ids = {item.id(self.spec.name) for item in found}
        keys = {item.key for item in found if item.kind in EVERY_KIND}
        return [item for item in decided if item.id in ids or item.discrepancy.key in keys] if found else []

    def compared(
        self, decided: Sequence[CaseRecord], chosen: Resolution, *, written: bool = False
    ) -> list[Discrepancy]:
        """What is wrong with the case's window now, by the checks that the case stands on.

        Raises:
            RefusedError: When no declared check speaks of the case, it could not be compared, or too much is wrong.
            UnavailableError: When a database does not answer.
        """
        everything = self.case.of_records in EVERY_KIND
        asked = set[str]() if everything else {name for item in decided for name in item.checks}
        names = [check.name for check in self.spec.checks if check.name in asked]
        windows = self.windows()
        if not (names or (everything and windows)):
            msg = f"{self.case}: no check that is declared speaks of it any more, so nothing tells whether it is right"
            raise RefusedError(msg)
        records = everything or chosen.decision is Decision.CUSTOM_FIX
        found = list(self.judged(windows, names, records=records and bool(windows), written=written))
        if unknown := next((finding.error for finding in found if finding.error), None):
            with paired(self.project, self.spec):  # or a database does not answer, which is waited for
                msg = f"{self.case}: it could not be compared: {unknown}"
                raise RefusedError(msg)
        if any(sum(finding.kinds.values()) > len(finding.discrepancies) for finding in found):
            msg = f"{self.case}: more than {MOST:,} records of the window are wrong; load the window anew instead"
            raise RefusedError(msg)
        if written and any(finding.in_flight for finding in found):
            return self.compared(decided, chosen)
        return [item for finding in found for item in finding.discrepancies]

    def windows(self) -> tuple[Window, ...]:
        """The case's window, if it is one of the table's as it is declared now."""
        whole = self.case.window == ALL.key
        known = whole is (self.spec.calendar is None) and self.spec.has_window(self.case.window)
        return (self.spec.window(self.case.window),) if known else ()

    def judged(
        self, windows: Sequence[Window], names: Sequence[str], *, records: bool, written: bool
    ) -> Iterator[Finding]:
        """The findings of these checks; what is not written down is nobody's evidence, and no record is too young."""
        opened = self.pairs.get(self.spec.name)
        if written:
            return judged(
                self.book,
                self.project,
                self.spec,
                windows,
                names=names,
                now=self.clock(),
                run=self.run_id,
                records=records,
                max_evidence=MOST,
                remembered=MAX_EVIDENCE,
                opened=opened,
            )
        spec = replace(self.spec, checks=(*self.spec.checks, RECORDS), grace_period=None)
        wanted = [*names, RECORDS.name] if records else names
        return evaluate(self.project, spec, windows, names=wanted, now=self.clock(), max_evidence=MOST, opened=opened)

    def accept(self, found: Sequence[Discrepancy]) -> None:
        """What differs by a person's own wish is no difference."""
        with self.book.begin() as connection:
            decided = decision_of(connection, self.case)
            records = [(item.id(self.spec.name), item.fingerprint) for item in found]
            ledger.accept(connection, self.case, records, who=decided.who, why=decided.note, at=self.clock())


Job = tuple[TableSpec, str, Sequence[Discrepancy]]
"""Of which table which window is written, and what is wrong there."""


def jobs(
    project: Project, spec: TableSpec, case: CaseId, records: Sequence[CaseRecord], chosen: Resolution
) -> Iterator[Job]:
    """What is to be written where: for orphans, the rows that they name into their parents' tables."""
    if case.of_records is not DiscrepancyKind.ORPHAN or chosen.decision is not Decision.APPLY_SOURCE:
        yield spec, case.window, fixed(records, chosen)
        return
    wanted: dict[tuple[str, str], dict[tuple[Value, ...], Discrepancy]] = {}
    for check in spec.checks:
        named = [item.discrepancy for item in records if check.name in item.checks]
        if isinstance(check, References) and named:
            with paired(project, spec) as pair, paired(project, project.tables[check.parent]) as parent:
                for item in writing.parents(pair, parent, check.columns, named):
                    wanted.setdefault((check.parent, item.window), {})[item.key] = item
    for (table, window), rows in wanted.items():
        yield project.tables[table], window, tuple(rows.values())


def _still(spec: TableSpec, left: Sequence[CaseRecord]) -> str:
    return f"{len(left):,} records are still wrong after what was decided was written, such as {_named(spec, left)}."


def _named(spec: TableSpec, some: Sequence[CaseRecord]) -> str:
    keys = (masked_key(spec.key, item.discrepancy.key, spec.private) for item in some[:3])
    return "; ".join(", ".join(map(str, key)) for key in keys)


def _standings(book: Ledger, project: Project, correction: Correction) -> tuple[ChangeStatus, ...]:
    """What the rows say of each of its changes."""
    with book.begin() as connection:
        changes = tuple(ledger.changes_of(connection, correction.id))
    with (
        paired(project, table_of(project, correction.table)) as pair,
        writing.correcting(pair, correction.window, dry_run=True) as correcting,
    ):
        return correcting.judge(changes)


def settle_by_rows(
    book: Ledger, project: Project, correction: Correction, now: datetime, *, dry_run: bool = False
) -> bool:
    """Judges what a killed run had planned by the rows themselves; whether it was written.

    A correction is one transaction of the target, so one row that is as after tells of all. A row that is not has
    moved on since: it is noted, and never undone.
    """
    standings = _standings(book, project, correction)
    applied = ChangeStatus.AFTER in standings
    if dry_run:
        return applied
    moved = {at: str(standing) for at, standing in enumerate(standings) if standing is not ChangeStatus.AFTER}
    with book.begin() as connection:
        note = "The run was killed; the rows tell."
        outcome: Literal["applied", "failed"] = "applied" if applied else "failed"
        ledger.settle(connection, correction.id, outcome, at=now, note=note, rows=moved if applied else {})
    return applied
