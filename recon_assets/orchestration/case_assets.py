"""Cases as Dagster shows them: a partition of `review_queue` with the evidence, of `review_decisions` once decided.

The ledger is the truth and these are pictures of it, drawn again whenever a case changes. A case that is opened
again, or whose decision came to nothing, is a new partition: those missing of `review_decisions` are undecided.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import dagster as dg
import sqlalchemy as sa

from recon_assets import ledger
from recon_assets.ledger import Ledger, StoredFinding, TrackedRecord
from recon_assets.model import Case, CaseEventType, CaseId, Change, Event, Project, State, TableSpec
from recon_assets.orchestration import dagster_internals
from recon_assets.orchestration.evaluations import MOST_ROWS, cell, cut, records, table
from recon_assets.orchestration.translation import Naming

MAX_SHOWN_AT_ONCE = 100
MOST_EVENTS = 10
VERSION = "version"
CHANGED = ("table", "action", "key", "column", "before", "after")


@dataclass(frozen=True)
class Picture:
    """What there is to be seen of a case.

    Attributes:
        events: What happened to it, the oldest first.
        said: The findings that it stands on.
        named: Some of its records.
    """

    spec: TableSpec
    naming: Naming
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
        return 1 + self.case.reopened + sum(event.act in _RETURNED for event in self.events)

    def nth(self, times: int) -> str:
        """The partition of the case as it was to be decided for so many times."""
        return str(self.case.id) if times == 1 else f"{self.case.id}#{times}"

    def materialization(self) -> dg.AssetMaterialization:
        """The case in the queue."""
        return dg.AssetMaterialization(
            self.naming.queue,
            partition=self.partition,
            description=f"{self.case.state}: {self.case.summary}",
            metadata=self.seen(),
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

    @property
    def told(self) -> tuple[dg.AssetMaterialization, ...]:
        """What Dagster is to be told: a decision after its evidence, else it is called out of date."""
        queued, outcome = self.materialization(), self.outcome()
        told = (queued, outcome) if self.case.state.closed else (outcome, queued)
        return tuple(event for event in told if event)

    def outcome(self) -> dg.AssetMaterialization | None:
        """What became of the newest decision that has come to an end, in its own partition; None where there is none.

        A case that waits again has a further partition, and may do so before anybody was told of the end.
        """
        ends = [event for event in self.events if event.act in _RETURNED or _closes(event)]
        if not ends:
            return None
        ended, closed = ends[-1], self.case.state.closed
        before = [event for event in self.events if event.n < ended.n and event.act in _DECIDED_OR_FOUND]
        decided = before[-1] if before[-1].act is CaseEventType.DECIDED else None  # else it agreed by itself
        return dg.AssetMaterialization(
            self.naming.decisions,
            partition=self.nth(self.times if closed else self.times - 1),
            description=happened(ended),
            metadata={
                **({"decision": str(decided.data.get("decision", ""))} if decided else {}),
                **({"reviewer": decided.who, "note": decided.note} if decided else {}),
                "outcome": ended.act.name,
                "explanation": ended.note,
                "wrong": self.case.wrong,
                "page": dg.MetadataValue.url(page(self.case.id)),
                VERSION: self.case.version if closed else ended.n,
            },
        )


_DECIDED_OR_FOUND = {CaseEventType.DECIDED, CaseEventType.FOUND}
_RETURNED = {CaseEventType.FAILED, CaseEventType.REOPENED}


def _closes(event: Event) -> bool:
    return event.act.leads_to is not None and event.act.leads_to.closed


def page(case: CaseId) -> str:
    """The case on its page, which is served where Dagster is."""
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


def picture(connection: sa.Connection, project: Project, naming: Naming, case: Case) -> Picture:
    """What the ledger has of a case."""
    named = (
        ledger.tracked_records(connection, case.findings, case.id.of_records, limit=MOST_ROWS)
        if case.id.of_records
        else ()
    )
    return Picture(
        project.tables[case.id.table],
        naming,
        case,
        tuple(ledger.events(connection, case.id)),
        tuple(ledger.stored_findings(connection, case.findings)),
        tuple(named),
    )


def show(
    instance: dg.DagsterInstance, book: Ledger, project: Project, naming: Naming, seconds: float = math.inf
) -> int:
    """Report each case that has changed since it was last shown; how many there were.

    What so many seconds do not do, the next look does, as it does what a killed one has left; of two at once one does
    it all. Of tables that are not declared any more there is nothing to show.
    """
    until, count = time.monotonic() + seconds, 0
    dagster_internals.keep_connection(instance)
    with book.alone("recon show") as mine:
        while mine and time.monotonic() < until:
            with book.begin() as connection:
                changed = ledger.cases_to_show(connection, MAX_SHOWN_AT_ONCE)
                declared = [case for case in changed if case.id.table in project.tables]
                found = [picture(connection, project, naming, case) for case in declared]
            if not changed:
                break
            told = unknown(instance, [event for item in found for event in item.told])
            instance.add_dynamic_partitions(naming.cases.name or "", list({str(event.partition) for event in told}))
            for event in told:
                instance.report_runless_asset_event(event)
            with book.begin() as connection:
                for case in changed:
                    ledger.note_shown(connection, case.id, case.version)
            count += len(changed)
    return count


def unknown(instance: dg.DagsterInstance, told: Sequence[dg.AssetMaterialization]) -> list[dg.AssetMaterialization]:
    """Those that Dagster was not told before, by whoever was killed before the ledger knew."""
    known = {
        (asset, partition): event.metadata.get(VERSION)
        for asset in {event.asset_key for event in told}
        for partition, event in dagster_internals.latest_materializations(
            instance, asset, [str(event.partition) for event in told if event.asset_key == asset]
        ).items()
    }
    return [event for event in told if known.get((event.asset_key, event.partition or "")) != event.metadata[VERSION]]


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
