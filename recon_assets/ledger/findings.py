"""What was found: findings, and the records that they name.

Records are stored whole, for they are what a correction is made of; who shows them masks private columns.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.ledger import schema
from recon_assets.ledger.outcomes import note_outcomes
from recon_assets.ledger.projects import claim, owned, project_of
from recon_assets.ledger.values import (
    cells_json,
    content,
    finding_json,
    finding_of,
    given,
    inserting,
    key_text,
    shape_json,
)
from recon_assets.ledger.windows import note_all
from recon_assets.model import (
    COMPARED_KINDS,
    Discrepancy,
    DiscrepancyKind,
    Finding,
)

Place = tuple[str, str, str]
"""Table, window and check."""

_evaluation, _finding, _latest = schema.evaluation, schema.finding, schema.latest_finding
_discrepancy, _record, _history, _queue = (
    schema.discrepancy,
    schema.finding_record,
    schema.record_history,
    schema.routing_queue,
)
_COMPARED = frozenset(COMPARED_KINDS)


@dataclass(frozen=True)
class StoredFinding:
    """A finding as the ledger has it; its ``discrepancies`` are given by `tracked_records` only.

    Attributes:
        evaluation: Findings of one evaluation were recorded together.
        at: When the reading began that it is made of.
        run: Of which run.
    """

    id: int
    evaluation: int
    at: datetime
    run: str
    finding: Finding


def record_findings(
    c: sa.Connection, findings: Sequence[Finding], *, run: str, at: datetime, number: int | None = None
) -> int:
    """Adds the findings of one evaluation, with their evidence; returns its number.

    Args:
        c: A transaction of the ledger.
        findings: What was found at the same time.
        run: Of which run.
        at: When the reading began: what was changed later is not judged by it.
        number: One of those of `draw_numbers`, drawn then; without it, the reading began just now.
    """
    drawn = {} if number is None else {"id": number}
    claim(c)
    row = {"project": project_of(c), "at": at, "run": run, "findings": len(findings), **drawn}
    made = sa.insert(_evaluation).values(row).returning(_evaluation.c.id)
    evaluation: int = c.scalars(made).one()
    if findings:
        returning = sa.insert(_finding).returning(_finding.c.id, sort_by_parameter_order=True)
        ids = c.scalars(returning, [{**_row(found, evaluation), "project": project_of(c)} for found in findings]).all()
        _Evaluation(c, evaluation, at, dict(zip(ids, findings, strict=True))).note()
        c.execute(sa.insert(_queue).values(project=project_of(c), evaluation=evaluation))
    return evaluation


def _row(found: Finding, evaluation: int) -> dict[str, Any]:
    return {
        "evaluation": evaluation,
        "table_name": found.table,
        "window_key": found.window,
        "check_name": found.check,
        "passed": found.passed,
        "failed": found.failed,
        "severity": found.severity,
        "wrong": found.wrong,
        "looked_at": found.of,
        "said": finding_json(found),
    }


@dataclass(frozen=True)
class _Evaluation:
    """Adds what follows from new findings; always in the same order, so that no two ever wait for each other."""

    c: sa.Connection
    number: int
    at: datetime
    findings: dict[int, Finding]

    @property
    def project(self) -> str:
        return project_of(self.c)

    def note(self) -> None:
        named = {
            (number, content(self.project, found.table, each)): (found, each)
            for number, found in self.findings.items()
            for each in found.discrepancies
        }
        if named:
            self._seen(named.values())
            self._discrepancies({key: (found.table, each) for (_, key), (found, each) in named.items()})
            self._add(_record, [{"finding": number, "content": key} for number, key in sorted(named)])
        self._newest()
        self._judged()

    def _add(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        self.c.execute(inserting(table, rows).on_conflict_do_nothing())

    def _discrepancies(self, named: dict[Any, tuple[str, Discrepancy]]) -> None:
        rows = [
            {
                "content": key,
                "project": self.project,
                "id": each.id(table),
                "fingerprint": each.fingerprint,
                "table_name": table,
                "kind": each.kind.value,
                "key": key_text(each.key),
                "shape": shape_json(each),
                "cells": cells_json(each),
            }
            for key, (table, each) in sorted(named.items(), key=lambda item: item[0])
        ]
        self._add(_discrepancy, rows)

    def _seen(self, named: Iterable[tuple[Finding, Discrepancy]]) -> None:
        """Counts one evaluation for each record, and one return for each that a check had not found any more."""
        complete = self._complete_before()
        absent: dict[str, int] = defaultdict(int)
        for found, each in named:
            known = each.id(found.table)
            absent[known] = max(absent[known], complete.get(_place(found), 0))
        these = given((_history.c.id, _history.c.evaluation), sorted(absent.items()))
        before = sa.select(_history.c.id).where(
            owned(self.c, _history),
            _history.c.id == these.c.id,
            _history.c.evaluation < these.c.evaluation,
        )
        again = sa.cast(sa.exists(before), sa.Integer)
        moments = (sa.literal(self.at, schema.Moment), sa.literal(self.at, schema.Moment))
        counted = sa.select(
            sa.literal(self.project), these.c.id, *moments, sa.literal(self.number), sa.literal(1), again
        )
        new = postgresql.insert(_history).from_select(list(_history.c), counted)
        self.c.execute(
            new.on_conflict_do_update(
                index_elements=[_history.c.project, _history.c.id],
                set_={
                    "first_seen": sa.func.least(_history.c.first_seen, new.excluded.first_seen),
                    "last_seen": sa.func.greatest(_history.c.last_seen, new.excluded.last_seen),
                    "evaluation": sa.func.greatest(_history.c.evaluation, new.excluded.evaluation),
                    "times_seen": _history.c.times_seen + 1,
                    "reopened": _history.c.reopened + new.excluded.reopened,
                },
            )
        )

    def _complete_before(self) -> dict[Place, int]:
        """When each check last named all that it found, before this evaluation."""
        places = sa.tuple_(*_PLACE).in_(sorted(map(_place, self.findings.values())))
        rows = self.c.execute(
            sa.select(*_PLACE, _latest.c.complete).where(
                owned(self.c, _latest), places, _latest.c.complete.is_not(None)
            )
        )
        return {(row.table_name, row.window_key, row.check_name): row.complete for row in rows}

    def _newest(self) -> None:
        rows = {
            _place(found): {
                "project": self.project,
                **dict(zip(_PLACE_NAMES, _place(found), strict=True)),
                "finding": number,
                "evaluation": self.number,
                "complete": self.number if _complete(found) else None,
                "outcome": found.outcome.value,
            }
            for number, found in self.findings.items()
        }
        new = inserting(_latest, [rows[place] for place in sorted(rows)])
        taken = {name: new.excluded[name] for name in ("finding", "evaluation", "outcome")}
        complete = sa.func.greatest(_latest.c.complete, new.excluded.complete)
        self.c.execute(
            new.on_conflict_do_update(
                index_elements=[*_latest.primary_key.columns],
                set_={**taken, "complete": complete},
                where=_latest.c.evaluation <= new.excluded.evaluation,
            )
        )

    def _judged(self) -> None:
        kinds: dict[tuple[str, str], set[DiscrepancyKind]] = defaultdict(set)
        for found in self.findings.values():
            kinds[found.table, found.window].update(() if found.error or found.in_flight else found.kinds)
        rows = [
            {
                "project": self.project,
                "table_name": table,
                "window_key": window,
                "evaluation": self.number,
                "compared": self.number if kinds[table, window] >= _COMPARED else None,
            }
            for table, window in sorted(kinds)
        ]
        note_all(self.c, rows)
        note_outcomes(self.c, sorted(kinds))


_PLACE = (_latest.c.table_name, _latest.c.window_key, _latest.c.check_name)
_PLACE_NAMES = tuple(column.name for column in _PLACE)


def _place(found: Finding) -> Place:
    return found.table, found.window, found.check


def _complete(found: Finding) -> bool:
    """Whether it names every record that is wrong in its way."""
    return not (found.error or found.in_flight) and sum(found.kinds.values()) <= len(found.discrepancies)


_SAID = sa.select(_finding, _evaluation.c.at, _evaluation.c.run).join(_evaluation)


def _said(row: Any) -> StoredFinding:
    return StoredFinding(row.id, row.evaluation, row.at, row.run, finding_of(row))


def claim_unrouted(c: sa.Connection, most: int = 5000) -> list[StoredFinding]:
    """Findings that nobody has been given yet, oldest first, whole evaluations.

    They count as given when the caller's transaction is kept; until then, whoever asks as well waits. What a
    transaction adds is given once it has ended, however early it began.

    Args:
        c: A transaction of the ledger.
        most: After so many findings no further evaluation is begun.
    """
    waiting = sa.select(_queue.c.evaluation, _evaluation.c.findings).join(_evaluation)
    rows = c.execute(
        waiting.where(owned(c, _queue)).order_by(_queue.c.evaluation).limit(most).with_for_update(of=_queue)
    ).all()
    before = accumulate((row.findings for row in rows), initial=0)
    due = [row.evaluation for row, given in zip(rows, before, strict=False) if given < most]
    if not due:
        return []
    c.execute(sa.delete(_queue).where(_queue.c.evaluation.in_(due)))
    these = _SAID.where(_finding.c.evaluation.in_(due)).order_by(_evaluation.c.id, _finding.c.id)
    return [_said(row) for row in c.execute(these)]


def stored_findings(c: sa.Connection, findings: Sequence[int]) -> list[StoredFinding]:
    """Findings by their numbers, the oldest first."""
    return [_said(row) for row in c.execute(_SAID.where(_finding.c.id.in_(findings)).order_by(_finding.c.id))]


def latest_findings(c: sa.Connection, table: str, window: str) -> dict[str, StoredFinding]:
    """The newest finding of each check of a window."""
    return latest_of_windows(c, [(table, window)])[table, window]


def latest_of_windows(
    c: sa.Connection, windows: Collection[tuple[str, str]]
) -> dict[tuple[str, str], dict[str, StoredFinding]]:
    """The newest finding of each check, by window (table, window)."""
    found: dict[tuple[str, str], dict[str, StoredFinding]] = {window: {} for window in windows}
    these = given(_PLACE[:2], list(found))
    of_them = sa.tuple_(*_PLACE[:2]).in_(sa.select(*these.c))
    for row in c.execute(_SAID.join(_latest, _latest.c.finding == _finding.c.id).where(owned(c, _latest), of_them)):
        found[row.table_name, row.window_key][row.check_name] = _said(row)
    return found
