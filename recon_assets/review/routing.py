"""Turns findings into cases: one for each kind of wrong record of a window, however many checks it fails.

All of it happens in one transaction of the ledger together with the mark of how far it came, so that
a router that is killed anywhere loses no finding and doubles no case.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import sqlalchemy as sa

from recon_assets import ledger
from recon_assets.ledger import Ledger, StoredFinding
from recon_assets.model import (
    AutoAction,
    Case,
    CaseEventType,
    CaseId,
    Decision,
    DiscrepancyKind,
    Event,
    Measure,
    Project,
    Severity,
    State,
    TableSpec,
    plural,
)
from recon_assets.review import case_history
from recon_assets.review.judging import EVERY_KIND, RECORDS, fingerprint

POLICY, RECON = "policy", "recon"
CORRECTABLE = EVERY_KIND | {DiscrepancyKind.ORPHAN}
_SEVERITIES = tuple(Severity)


@dataclass(frozen=True)
class Routed:
    """How many cases were opened, found again, closed because they agree again, and decided by the policy.

    ``ignored`` were no case by the policy; ``findings`` were looked at: when there are none, all is routed.
    """

    opened: int = 0
    again: int = 0
    gone: int = 0
    decided: int = 0
    ignored: int = 0
    findings: int = 0

    def __add__(self, other: "Routed") -> "Routed":
        """Of both together."""
        return Routed(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def route(book: Ledger, project: Project, now: datetime, most: int = 5000) -> Routed:
    """Brings the cases up to date with findings that nobody has routed yet, about ``most`` of them."""
    with book.begin() as connection:
        said = ledger.claim_unrouted(connection, most=most)
        routed = Routed(findings=len(said))
        for windows in _batches(said, project):
            known = Known(connection, windows)
            for table, window in windows:
                routed += Routing(known, project.tables[table], window).run()
            known.save(now)
    return routed


MAX_RECORDS_AT_ONCE = 50_000
"""Of the windows that are routed together: what is known of a record takes some 500 bytes."""


def _batches(said: Sequence[StoredFinding], project: Project) -> Iterator[list[tuple[str, str]]]:
    """The windows (table, window) that findings are of, as many together as name not too many records."""
    records: dict[tuple[str, str], int] = defaultdict(int)
    for item in said:
        if item.finding.table in project.tables:
            records[item.finding.table, item.finding.window] += item.finding.wrong
    batch, size = list[tuple[str, str]](), 0
    for window, wrong in records.items():
        if batch and size + wrong > MAX_RECORDS_AT_ONCE:
            yield batch
            batch, size = [], 0
        batch.append(window)
        size += wrong
    if batch:
        yield batch


class Known:
    """What the ledger knows of some windows, read by a few statements for all of them; what is to be added to it.

    Their cases stay as they are until the transaction ends.
    """

    def __init__(self, connection: sa.Connection, windows: Sequence[tuple[str, str]]) -> None:
        self.connection = connection
        self.cases = ledger.lock_cases_of(connection, windows)
        self.latest = ledger.latest_of_windows(connection, windows)
        of_table: dict[str, list[str]] = defaultdict(list)
        for table, window in windows:
            of_table[table].append(window)
        self.accepted = {
            (table, window): differences
            for table, its in of_table.items()
            for window, differences in ledger.acceptances(connection, table, its).items()
        }
        open_cases = [case for its in self.cases.values() for case in its.values() if not case.state.closed]
        before = {number for case in open_cases for number in case.findings}
        said = {item.id: item for its in self.latest.values() for item in its.values()}
        older = ledger.stored_findings(connection, sorted(before - said.keys()))
        self.said = said | {item.id: item for item in older}
        naming = {number for number, item in self.said.items() if any(item.finding.kinds.values())}
        self.records = ledger.named_records(connection, sorted(naming))
        self.entries: list[ledger.Entry] = []
        self.unexplained: set[tuple[str, str]] = set()

    @cached_property
    def events(self) -> Mapping[CaseId, Sequence[Event]]:
        """What happened to the cases that are closed."""
        closed = [case.id for its in self.cases.values() for case in its.values() if case.state.closed]
        return ledger.events_of(self.connection, closed)

    def save(self, now: datetime) -> None:
        """Writes down what was found of all of them."""
        ledger.append_all(self.connection, self.entries, at=now)
        ledger.note_unexplained(self.connection, self.unexplained)


@dataclass(frozen=True)
class Evidence:
    """What stands against one case.

    Attributes:
        said: The failed findings that it stands on; none when all is well again.
        records: The wrong records that the ledger knows by name and nobody has accepted: by id, their fingerprints.
        wrong: How many there are, exact.
        of: How many records were looked at.
    """

    said: tuple[StoredFinding, ...] = ()
    records: Mapping[str, str] = field(default_factory=dict)
    wrong: int = 0
    of: int = 0

    @property
    def worst(self) -> StoredFinding:
        """The finding that is worst."""
        return max(self.said, key=lambda item: rank(item.finding.severity))

    @property
    def signature(self) -> tuple[object, ...]:
        """The same as long as the same is wrong."""
        named = sorted(self.records.items())
        return (*named, self.wrong) if named else tuple(fingerprint(item.finding) for item in self.said)


def rank(severity: Severity | None) -> int:
    """0 for the least severe."""
    return _SEVERITIES.index(severity or Severity.LOW)


@dataclass(frozen=True)
class Routing:
    """The cases of one window."""

    known: Known
    spec: TableSpec
    window: str
    entries: list[ledger.Entry] = field(default_factory=list)

    @cached_property
    def declared(self) -> frozenset[str]:
        """The names of the checks that there are."""
        return frozenset(check.name for check in self.spec.checks) | {RECORDS.name}

    @cached_property
    def newest(self) -> Mapping[str, StoredFinding]:
        """The newest finding of each check that is still declared."""
        found = self.known.latest[self.spec.name, self.window]
        return {name: said for name, said in found.items() if name in self.declared}

    @property
    def cases(self) -> Mapping[str, Case]:
        """The window's cases by their kinds, as they were before."""
        return self.known.cases[self.spec.name, self.window]

    @cached_property
    def latest(self) -> Mapping[str, StoredFinding]:
        """Those of checks that could run."""
        return {name: said for name, said in self.newest.items() if not said.finding.error}

    @cached_property
    def accepted(self) -> Collection[tuple[str, str]]:
        """What somebody has accepted, by what it is and by its values."""
        return self.known.accepted.get((self.spec.name, self.window), {}).keys()

    @cached_property
    def whole(self) -> tuple[StoredFinding, ...]:
        """Of the findings that speak of all records of the window, those of the newest evaluation."""
        found = [said for said in self.latest.values() if self._is_of_all(said)]
        newest = max((said.evaluation for said in found), default=0)
        return tuple(said for said in found if said.evaluation == newest)

    def _is_of_all(self, said: StoredFinding) -> bool:
        limited = any(check.name == said.finding.check and getattr(check, "where", None) for check in self.spec.checks)
        return bool(EVERY_KIND & said.finding.kinds.keys()) and not limited

    def run(self) -> Routed:
        """Every case that the newest findings of the window speak of."""
        routed = Routed()
        for kind in DiscrepancyKind:
            speaking = [said for said in self.standing if kind in said.finding.kinds]
            if speaking:
                routed += self.settle(CaseId(self.spec.name, self.window, kind.value), self.of_records(kind, speaking))
        for said in self.latest.values():
            evidence = None if said.finding.kinds else self.of_check(said)
            if evidence is not None:
                routed += self.settle(CaseId(self.spec.name, self.window, said.finding.check), evidence)
        routed += self.abandon()
        if self._stands_on_old_comparison():
            self.look_later()
        self.known.entries += self.entries
        return routed

    def _stands_on_old_comparison(self) -> bool:
        """Whether an open case stands on all records as they were before the newest evaluation.

        No declared check compares them; one that was tried since and could not run is not asked for again.
        """
        said = self.known.latest[self.spec.name, self.window]
        looked = said.get(RECORDS.name)
        if looked is None or looked.evaluation == max(item.evaluation for item in said.values()):
            return False
        standing = {case.id: case.findings for case in self.cases.values() if not case.state.closed}
        for entry in self.entries:
            standing[entry.case] = entry.data["findings"] if entry.act is CaseEventType.FOUND else standing[entry.case]
            if entry.act is CaseEventType.RESOLVED:
                del standing[entry.case]
        numbers = {number for id_, its in standing.items() if id_.of_records for number in its}
        return any(item.finding.check == RECORDS.name for item in self._said(numbers))

    def abandon(self) -> Routed:
        """Cases that wait, and of which no declared check speaks any more."""
        routed = Routed()
        done = {entry.case for entry in self.entries}
        for case in self.cases.values():
            checks = {said.finding.check for said in self._said(case.findings)}
            if case.state is State.PENDING and case.id not in done and not checks & self.declared:
                routed += self.close(case, "No declared check speaks of it any more.")
        return routed

    def _said(self, findings: Iterable[int]) -> tuple[StoredFinding, ...]:
        return tuple(self.known.said[number] for number in findings if number in self.known.said)

    @cached_property
    def standing(self) -> tuple[StoredFinding, ...]:
        """Findings that name records; of those about all records the newest only."""
        apart = [said for said in self.latest.values() if said.finding.kinds and not self._is_of_all(said)]
        return (*self.whole, *apart)

    def of_records(self, kind: DiscrepancyKind, speaking: Sequence[StoredFinding]) -> Evidence | None:
        """The records of one kind that are wrong and not accepted; None as long as only records in flight may be."""
        nothing = None if any(said.finding.in_flight for said in speaking) else Evidence()
        failed = tuple(said for said in speaking if said.finding.kinds[kind])
        if not failed:
            return nothing
        named = self.known.records.of([said.id for said in failed], kind)
        left = self._unaccepted(named)
        wrong = self._wrong(kind, failed) - (len(named) - len(left))
        of = max(said.finding.of for said in failed)
        return Evidence(failed, left, max(wrong, len(left)), of) if left or wrong > 0 else nothing

    def _unaccepted(self, named: Mapping[str, str]) -> Mapping[str, str]:
        return {id_: values for id_, values in named.items() if (id_, values) not in self.accepted}

    def _wrong(self, kind: DiscrepancyKind, failed: Sequence[StoredFinding]) -> int:
        """Checks that compare both sides count the same records; each of the others counts its own."""
        counts = [said.finding.kinds[kind] for said in failed]
        return max(counts) if kind in EVERY_KIND else sum(counts)

    def of_check(self, said: StoredFinding) -> Evidence | None:
        """What a check says that names no records; None as long as the records have not been looked at."""
        if not said.finding.failed or (said.finding.check, fingerprint(said.finding)) in self.accepted:
            return Evidence()
        if said.finding.check in figures(self.spec):
            covered = {kind for other in self.whole for kind in other.finding.kinds}
            if not covered >= EVERY_KIND or self.whole[0].evaluation < said.evaluation:
                return self._unexplained(said)
            if any(other.finding.failed for other in self.whole):
                return Evidence()  # the records that differ are cases of their own, and explain it
            if any(other.finding.in_flight for other in self.whole):
                self.look_later()
                return None
            if self.whole[0].evaluation > said.evaluation:
                return None  # the records were corrected since, and the figure not judged again
        return self._of_figures(said)

    def _of_figures(self, said: StoredFinding) -> Evidence:
        return Evidence((said,), wrong=said.finding.wrong, of=said.finding.of)

    def _unexplained(self, said: StoredFinding) -> Evidence | None:
        """A figure whose records have not been compared since: they are to be, once; what it says if they could not."""
        looked = self.newest.get(RECORDS.name)
        if looked is None or looked.evaluation < said.evaluation:
            self.look_later()
            return None
        return self._of_figures(said) if looked.finding.error is not None else None

    def look_later(self) -> None:
        """Nothing can be said before all records are compared: some are in flight, or nobody has looked at them."""
        self.known.unexplained.add((self.spec.name, self.window))

    def settle(self, id_: CaseId, evidence: Evidence | None) -> Routed:
        """Brings one case up to date."""
        case = self.cases.get(id_.kind)
        if evidence is None:
            if case and case.state is State.PENDING:
                self.look_later()
            return Routed()
        if not evidence.said:
            return self.close(case)
        ignored = self.spec.correct.of(id_) is AutoAction.IGNORE or self._is_slight(evidence)
        if ignored and (case is None or case.state.closed):  # one that waits goes on telling what is wrong
            return Routed(ignored=1)
        if case and (self._is_old(case, evidence) or not self._is_news(case, evidence)):
            return Routed()
        return self.open(id_, case, evidence)

    def close(self, case: Case | None, why: str = "Its records agree again.") -> Routed:
        """Nothing is wrong any more."""
        if case is None or case.state is not State.PENDING:
            return Routed()
        known = max((said.evaluation for said in self.newest.values()), default=0)
        self._append(case.id, CaseEventType.RESOLVED, RECON, why, {case_history.EVALUATION: known})
        return Routed(gone=1)

    def _is_slight(self, evidence: Evidence) -> bool:
        return rank(evidence.worst.finding.severity) < rank(self.spec.correct.ignore_below)

    def _is_old(self, case: Case, evidence: Evidence) -> bool:
        """Whether the findings are from before the case was closed, or the case is in somebody's hands."""
        if not case.state.closed:
            return case.state is not State.PENDING
        events = self.known.events[case.id]
        closed = case_history.closing(events)
        return case_history.is_undo_asked(events) or all(case_history.is_older(said, closed) for said in evidence.said)

    def _is_news(self, case: Case, evidence: Evidence) -> bool:
        return case.state.closed or self._before(case).signature != evidence.signature

    def _before(self, case: Case) -> Evidence:
        """What the case stood on."""
        kind = case.id.of_records
        if kind is None:
            return Evidence(self._said(case.findings))
        return Evidence(records=self._unaccepted(self.known.records.of(case.findings, kind)), wrong=case.wrong)

    def open(self, id_: CaseId, case: Case | None, evidence: Evidence) -> Routed:
        """The case waits for a decision, which the policy may make at once."""
        why = self.hindrance(id_, case, evidence)
        self._append(
            id_,
            CaseEventType.FOUND,
            RECON,
            why or "",
            {
                "findings": [said.id for said in evidence.said],
                "severity": (evidence.worst.finding.severity or Severity.LOW).value,
                "wrong": evidence.wrong,
                "named": len(evidence.records),
                "summary": _summary(id_, evidence),
            },
        )
        if not why:
            chosen = {"decision": Decision.APPLY_SOURCE.value, "rows": [], "values": {}}
            self._append(id_, CaseEventType.DECIDED, POLICY, "Within the limits of the table's policy.", chosen)
        return Routed(opened=int(case is None), again=int(case is not None), decided=int(not why))

    def hindrance(self, id_: CaseId, case: Case | None, evidence: Evidence) -> str | None:
        """Why a person must decide; None when the policy may."""
        kind, policy = id_.of_records, self.spec.correct
        if kind not in CORRECTABLE or policy.of(id_) is not AutoAction.APPLY:
            return "The table's policy leaves it to a person."
        if evidence.wrong > len(evidence.records):
            return f"Only {len(evidence.records):,} of {evidence.wrong:,} records are known by name."
        if limit_exceeded := policy.limit_exceeded(evidence.wrong, evidence.of):
            return f"{limit_exceeded[0].upper()}{limit_exceeded[1:]}."
        return self._history(case, evidence) if case else None

    def _history(self, case: Case, evidence: Evidence) -> str | None:
        """What is corrected and comes back is not corrected for ever; what a person undid, is not done again."""
        if case.state is State.PENDING:
            return "It was waiting for a person already."
        before = case_history.touched(self.known.connection, case.id, self.known.events[case.id])
        if not before & evidence.records.keys():
            return None
        return "Some of its records were corrected, kept or rolled back before, and are wrong again."

    def _append(
        self, id_: CaseId, act: CaseEventType, who: str, note: str, data: Mapping[str, object] | None = None
    ) -> None:
        self.entries.append(ledger.Entry(id_, act, who, note, data or {}))


def _summary(id_: CaseId, evidence: Evidence) -> str:
    """What the worst finding says, unless it speaks of records of other kinds too, which have cases of their own."""
    finding, kind = evidence.worst.finding, id_.of_records
    if kind is None or not any(count for other, count in finding.kinds.items() if other is not kind):
        return finding.summary
    return f"{id_.where}: {plural(evidence.wrong, 'record')} {kind.words}"


def figures(spec: TableSpec) -> tuple[str, ...]:
    """The checks that judge figures of all rows, whose difference the records explain."""
    return tuple(
        check.name for check in spec.checks if check.needs and all(isinstance(need, Measure) for need in check.needs)
    )
