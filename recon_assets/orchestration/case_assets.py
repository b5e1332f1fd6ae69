"""Cases as Dagster shows them: a partition of `review_queue` with the evidence, of `review_decisions` once decided.

The ledger is the truth and these are pictures of it, drawn again whenever a case changes. A case that is opened
again, or whose decision came to nothing, is a new partition: those missing of `review_decisions` are undecided.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import dagster as dg
import sqlalchemy as sa

from recon_assets import ledger
from recon_assets.ledger import Ledger, StoredFinding, TrackedRecord
from recon_assets.model import Case, CaseEventType, CaseId, Change, Event, Finding, Project, State, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.evaluations import MOST_ROWS, cell, cut, evaluation, records, table
from recon_assets.orchestration.translation import Naming
from recon_assets.review.judging import mark

CASES = dg.DynamicPartitionsDefinition(name="review_cases")
QUEUE, DECISIONS = dg.AssetKey("review_queue"), dg.AssetKey("review_decisions")
MOST_SHOWN = 200
MOST_EVENTS = 10
MAX_RECORDS = 100_000
VERSION = "version"
CHANGED = ("table", "action", "key", "column", "before", "after")

Log = Callable[[Any], None]
"""Takes an event for Dagster to keep."""


@dataclass(frozen=True)
class Picture:
    """What there is to be seen of a case.

    Attributes:
        events: What happened to it, the oldest first.
        said: The findings that it stands on.
        named: Some of its records.
    """

    spec: TableSpec
    case: Case
    events: tuple[Event, ...]
    said: tuple[StoredFinding, ...] = ()
    named: tuple[TrackedRecord, ...] = ()

    @property
    def partition(self) -> str:
        """``table/day/kind``, numbered from the second time on that somebody has to decide it."""
        return self.nth(self.times)

    @property
    def times(self) -> int:
        """How many times somebody had, or has, to decide it."""
        returned = (CaseEventType.FAILED, CaseEventType.REOPENED)
        return 1 + self.case.reopened + sum(event.act in returned for event in self.events)

    def nth(self, times: int) -> str:
        """The partition of the case as it was to be decided for so many times."""
        return str(self.case.id) if times == 1 else f"{self.case.id}#{times}"

    @property
    def last(self) -> Event:
        """What led to its state."""
        return next(event for event in reversed(self.events) if event.act.leads_to)

    def materialization(self) -> dg.AssetMaterialization:
        """The case in the queue."""
        return dg.AssetMaterialization(
            QUEUE, partition=self.partition, description=f"{self.case.state}: {self.case.summary}", metadata=self.seen()
        )

    def seen(self) -> dict[str, Any]:
        """The evidence, and how to decide."""
        case = self.case
        return {
            "state": case.state.value,
            "severity": case.severity.value,
            "wrong": case.wrong,
            "named": case.named,
            "summary": case.summary,
            "opened": dg.MetadataValue.timestamp(case.opened),
            "evidence": dg.MetadataValue.md(self.evidence()),
            **({"records": records(self.spec, [item.discrepancy for item in self.named])} if self.named else {}),
            **({"assignee": case.assignee} if case.assignee else {}),
            "page": dg.MetadataValue.url(page(case.id)),
            VERSION: case.version,
        }

    def evidence(self) -> str:
        """What the checks say, what happened since, and how to go on, as people read it."""
        said = [item.finding for item in self.said]
        return "\n".join(
            (
                f"### {escaped(str(self.case.id))}",
                *(f"- **{escaped(finding.check)}**: {escaped(finding.summary)}" for finding in said),
                *(f"  - {escaped(reason)}" for finding in said for reason in finding.reasons),
                "",
                "What happened:",
                "",
                *(f"- {escaped(happened(event))}" for event in self.events[-MOST_EVENTS:]),
                "",
                self.next_step,
            )
        )

    @property
    def next_step(self) -> str:
        """Where to go on."""
        there = f"[page]({page(self.case.id)})"
        if self.case.state is State.PENDING:
            return f"Decide on its {there}, or by `recon review decide {self.case.id}`."
        return f"Its {there} has more."

    def outcome(self) -> dg.AssetMaterialization | None:
        """What became of a decision; None while there is nothing to say.

        One that failed was decided all the same, in the partition of its own: the case waits in the next one.
        """
        if self.case.state.closed:
            return dg.AssetMaterialization(
                DECISIONS, partition=self.partition, description=happened(self.last), metadata=self.decided()
            )
        if self.last.act is CaseEventType.FAILED:
            return dg.AssetMaterialization(
                DECISIONS, partition=self.nth(self.times - 1), description=happened(self.last), metadata=self.decided()
            )
        return None

    @property
    def told(self) -> tuple[dg.AssetMaterialization, ...]:
        """What Dagster is to be told: a decision after its evidence, else it is called out of date."""
        queued, outcome = self.materialization(), self.outcome()
        told = (queued, outcome) if self.case.state.closed else (outcome, queued)
        return tuple(event for event in told if event)

    @property
    def shown_in(self) -> dg.AssetKey:
        """Where the last of it is: it says that all is told."""
        return DECISIONS if self.case.state.closed else QUEUE

    def decided(self) -> dict[str, Any]:
        """Who decided what and why, and what came of it."""
        case, decided = self.case, self.decision
        return {
            **({"decision": str(decided.data.get("decision", ""))} if decided else {}),
            **({"reviewer": decided.who, "note": decided.note} if decided else {}),
            "outcome": case.state.value,
            "explanation": self.last.note,
            "wrong": case.wrong,
            "page": dg.MetadataValue.url(page(case.id)),
            VERSION: case.version,
        }

    @property
    def decision(self) -> Event | None:
        """The newest decision, unless the case was found again since."""
        since = next(
            (event for event in reversed(self.events) if event.act in {CaseEventType.DECIDED, CaseEventType.FOUND}),
            None,
        )
        return since if since and since.act is CaseEventType.DECIDED else None


def page(case: CaseId) -> str:
    """The case on the desk, which is served where Dagster is."""
    return f"/review/case/{quote(str(case))}"


def case_of(partition: str) -> CaseId:
    """The case that a partition is of.

    Raises:
        DeclarationError: When it is that of none.
    """
    return CaseId.parse(partition.partition("#")[0])


def escaped(text: str) -> str:
    """A text as markdown shows it."""
    return "".join(f"\\{letter}" if letter in r"\`*_{}[]<>()#|!" else letter for letter in text)


def happened(event: Event) -> str:
    """One thing that happened, in a line."""
    what = str(event.data.get("decision") or event.data.get("assignee") or "")
    said = f"{event.at:%Y-%m-%d %H:%M} {event.who}: {event.act.value} {what}".rstrip()
    return f"{said} ({event.note})" if event.note else said


def picture(connection: sa.Connection, project: Project, case: Case) -> Picture:
    """What the ledger has of a case."""
    named = (
        ledger.tracked_records(connection, case.findings, case.id.of_records, limit=MOST_ROWS)
        if case.id.of_records
        else ()
    )
    return Picture(
        project.tables[case.id.table],
        case,
        tuple(ledger.events(connection, case.id)),
        tuple(ledger.stored_findings(connection, case.findings)),
        tuple(named),
    )


def show(instance: dg.DagsterInstance, log: Log, book: Ledger, project: Project, naming: Naming) -> int:
    """Draw each case that has changed since it was last shown, at most so many; how many there were.

    Whoever is killed in the middle leaves the rest to the next; of two at once one does it all. Of tables that are not
    declared any more there is nothing to draw.
    """
    with book.alone("recon show") as mine:
        if not mine:
            return 0
        with book.begin() as connection:
            found = [picture(connection, project, case) for case in declared(connection, project)]
        instance.add_dynamic_partitions(CASES.name or "", [item.partition for item in found])
        known = {**versions(instance, QUEUE, found), **versions(instance, DECISIONS, found)}
        for item in found:
            if known.get(item.partition) != item.case.version:
                draw(instance, log, book, naming, item)
            with book.begin() as connection:
                ledger.note_shown(connection, item.case.id, item.case.version)
    return len(found)


def declared(connection: sa.Connection, project: Project) -> Iterator[Case]:
    """Cases to show; those of other tables count as shown."""
    for case in ledger.cases_to_show(connection, MOST_SHOWN):
        if case.id.table in project.tables:
            yield case
        else:
            ledger.note_shown(connection, case.id, case.version)


def versions(instance: dg.DagsterInstance, asset: dg.AssetKey, items: Sequence[Picture]) -> Mapping[str, object]:
    """The version of its case that each partition shows, of those that this asset shows last."""
    partitions = [item.partition for item in items if item.shown_in == asset]
    found = dagster_internals.latest_materializations(instance, asset, partitions)
    return {name: event.metadata[VERSION].value for name, event in found.items() if VERSION in event.metadata}


def draw(instance: dg.DagsterInstance, log: Log, book: Ledger, naming: Naming, item: Picture) -> None:
    """Tell Dagster how one case stands."""
    if item.case.state is State.ACCEPTED:
        for event in accepted(instance, book, naming, item):
            log(event)
    for told in item.told:
        log(told)


def accepted(
    instance: dg.DagsterInstance, book: Ledger, naming: Naming, item: Picture
) -> Iterator[dg.AssetCheckEvaluation]:
    """The day's checks that now say nothing but what somebody accepted."""
    spec, window = item.spec, item.case.id.window
    key = naming.key(spec)
    checks = {check.name: check for check in spec.checks}
    with book.begin() as connection:
        found = [finding for finding in marked(connection, spec, window) if finding.accepted]
    targets = dagster_internals.check_targets(instance, key, [window])
    for finding in found:
        if finding.check in checks:
            yield evaluation(spec, key, checks[finding.check], finding, targets.get(window))


def marked(connection: sa.Connection, spec: TableSpec, window: str) -> tuple[Finding, ...]:
    """The newest finding of each check of a window, with what has been accepted by now."""
    said = ledger.latest_findings(connection, spec.name, window)
    found = [
        replace(
            item.finding,
            discrepancies=tuple(
                record.discrepancy for record in ledger.tracked_records(connection, [item.id], limit=MAX_RECORDS)
            ),
        )
        for item in said.values()
    ]
    return mark(spec, found, ledger.acceptances(connection, spec.name, [window]).get(window, {}), said)


def changes(spec: TableSpec, found: Sequence[Change]) -> dg.TableMetadataValue:
    """Rows that would be written, a line for each column with its value before and after."""
    rows = [
        {
            "table": change.table,
            "action": change.action.value,
            "key": cut(", ".join(map(cell, change.key.values()))),
            "column": name,
            "before": "" if change.before is None else cell(before),
            "after": "" if change.after is None else cell(after),
        }
        for change in (each.shown(spec.private) for each in found[:MOST_ROWS])
        for name, before, after in change.cells
    ]
    return table(CHANGED, rows[:MOST_ROWS])
