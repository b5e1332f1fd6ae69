"""What was found: findings, and the records that they name.

Records are stored whole, for they are what a correction is made of; who shows them masks private columns.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from operator import itemgetter
from typing import Any, overload

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.ledger import schema
from recon_assets.ledger.outcomes import note_outcomes
from recon_assets.ledger.projects import claim, owned, project_of
from recon_assets.ledger.values import (
    cells_json,
    content,
    discrepancies_of,
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
    CaseId,
    Discrepancies,
    Discrepancy,
    DiscrepancyKind,
    Finding,
    State,
    Value,
)

Place = tuple[str, str, str]
"""Table, window and check."""

_evaluation, _finding, _newest = schema.evaluation, schema.finding, schema.newest
_discrepancy, _sighting, _seen, _unread = schema.discrepancy, schema.sighting, schema.seen, schema.unread
_COMPARED = frozenset(COMPARED_KINDS)
_MOST = 10_000


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


@dataclass(frozen=True)
class CaseRecord:
    """A record that is or was wrong.

    Attributes:
        checks: The checks that named it, of the findings asked about.
    """

    id: str
    discrepancy: Discrepancy
    checks: tuple[str, ...]


@dataclass(frozen=True)
class CaseRecords(Sequence[CaseRecord]):
    """Such records, which are many: each is made of these when it is asked for."""

    ids: Sequence[str]
    discrepancies: Discrepancies
    checks: Sequence[Iterable[str]]

    def __len__(self) -> int:
        """How many."""
        return len(self.ids)

    @overload
    def __getitem__(self, at: int) -> CaseRecord: ...
    @overload
    def __getitem__(self, at: slice) -> "CaseRecords": ...
    def __getitem__(self, at: int | slice) -> "CaseRecord | CaseRecords":
        """One of them, or some."""
        if isinstance(at, slice):
            return CaseRecords(self.ids[at], self.discrepancies[at], self.checks[at])
        return CaseRecord(self.ids[at], self.discrepancies[at], tuple(sorted(self.checks[at])))


@dataclass(frozen=True)
class TrackedRecord(CaseRecord):
    """The same, and when.

    Attributes:
        times_seen: In how many evaluations it was seen.
        reopened: How often it was seen again after a check that names it had not found it.
    """

    first_seen: datetime
    last_seen: datetime
    times_seen: int
    reopened: int


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
        c.execute(sa.insert(_unread).values(project=project_of(c), evaluation=evaluation))
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
            self._add(_sighting, [{"finding": number, "content": key} for number, key in sorted(named)])
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
        these = given((_seen.c.id, _seen.c.evaluation), sorted(absent.items()))
        before = sa.select(_seen.c.id).where(
            owned(self.c, _seen), _seen.c.id == these.c.id, _seen.c.evaluation < these.c.evaluation
        )
        again = sa.cast(sa.exists(before), sa.Integer)
        moments = (sa.literal(self.at, schema.Moment), sa.literal(self.at, schema.Moment))
        counted = sa.select(
            sa.literal(self.project), these.c.id, *moments, sa.literal(self.number), sa.literal(1), again
        )
        new = postgresql.insert(_seen).from_select(list(_seen.c), counted)
        self.c.execute(
            new.on_conflict_do_update(
                index_elements=[_seen.c.project, _seen.c.id],
                set_={
                    "first_seen": sa.func.least(_seen.c.first_seen, new.excluded.first_seen),
                    "last_seen": sa.func.greatest(_seen.c.last_seen, new.excluded.last_seen),
                    "evaluation": sa.func.greatest(_seen.c.evaluation, new.excluded.evaluation),
                    "times_seen": _seen.c.times_seen + 1,
                    "reopened": _seen.c.reopened + new.excluded.reopened,
                },
            )
        )

    def _complete_before(self) -> dict[Place, int]:
        """When each check last named all that it found, before this evaluation."""
        places = sa.tuple_(*_PLACE).in_(sorted(map(_place, self.findings.values())))
        rows = self.c.execute(
            sa.select(*_PLACE, _newest.c.complete).where(
                owned(self.c, _newest), places, _newest.c.complete.is_not(None)
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
                "figure_failed": found.failed and not found.kinds,
                "outcome": found.outcome.value,
            }
            for number, found in self.findings.items()
        }
        new = inserting(_newest, [rows[place] for place in sorted(rows)])
        taken = {name: new.excluded[name] for name in ("finding", "evaluation", "figure_failed", "outcome")}
        complete = sa.func.greatest(_newest.c.complete, new.excluded.complete)
        self.c.execute(
            new.on_conflict_do_update(
                index_elements=[*_newest.primary_key.columns],
                set_={**taken, "complete": complete},
                where=_newest.c.evaluation <= new.excluded.evaluation,
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


_PLACE = (_newest.c.table_name, _newest.c.window_key, _newest.c.check_name)
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
    waiting = sa.select(_unread.c.evaluation, _evaluation.c.findings).join(_evaluation)
    rows = c.execute(
        waiting.where(owned(c, _unread)).order_by(_unread.c.evaluation).limit(most).with_for_update(of=_unread)
    ).all()
    before = accumulate((row.findings for row in rows), initial=0)
    due = [row.evaluation for row, given in zip(rows, before, strict=False) if given < most]
    if not due:
        return []
    c.execute(sa.delete(_unread).where(_unread.c.evaluation.in_(due)))
    these = _SAID.where(_finding.c.evaluation.in_(due)).order_by(_evaluation.c.id, _finding.c.id)
    return [_said(row) for row in c.execute(these)]


def stored_findings(c: sa.Connection, findings: Sequence[int]) -> list[StoredFinding]:
    """Findings by their numbers, the oldest first."""
    return [_said(row) for row in c.execute(_SAID.where(_finding.c.id.in_(findings)).order_by(_finding.c.id))]


def latest_findings(c: sa.Connection, table: str, window: str) -> dict[str, StoredFinding]:
    """The newest finding of each check of a window."""
    of_window = owned(c, _newest), _newest.c.table_name == table, _newest.c.window_key == window
    rows = c.execute(_SAID.join(_newest, _newest.c.finding == _finding.c.id).where(*of_window))
    return {row.check_name: _said(row) for row in rows}


def tracked_records(  # noqa: PLR0913 - what is asked for, and which page of it
    c: sa.Connection,
    findings: Sequence[int],
    kind: DiscrepancyKind | None = None,
    *,
    ids: Sequence[str] = (),
    after: str = "",
    limit: int = _MOST,
) -> list[TrackedRecord]:
    """The distinct records that ``findings`` name, each as it was found last, ordered by the text of the key.

    Args:
        c: A transaction of the ledger.
        findings: By their numbers.
        kind: Only those wrong in this way.
        ids: Only these; none means all.
        after: Only those that come after the record of this `TrackedRecord.id`.
        limit: At most so many.
    """
    page = _page(findings, _chosen(kind, ids, after), limit)
    found = sa.select(*_STORED, page.c.checks, *_TIMES).join(page, page.c.content == _discrepancy.c.content)
    same = sa.and_(_seen.c.project == _discrepancy.c.project, _seen.c.id == _discrepancy.c.id)
    rows = _sorted(c, found.join(_seen, same))
    each = zip(rows, discrepancies_of(rows), strict=True)
    return [TrackedRecord(row[1], found, tuple(row[5]), *row[6:]) for row, found in each]


def case_records(
    c: sa.Connection, findings: Sequence[int], kind: DiscrepancyKind | None = None, *, ids: Sequence[str] = ()
) -> CaseRecords:
    """The same without when they were seen: many are read sooner."""
    names = sa.select(_finding.c.id, _finding.c.check_name).where(_finding.c.id.in_(findings))
    check_of = {row.id: row.check_name for row in c.execute(names)}
    found = sa.select(*_STORED, _sighting.c.finding).join(_sighting, _sighting.c.content == _discrepancy.c.content)
    rows = _sorted(c, found.where(_sighting.c.finding.in_(findings), *_chosen(kind, ids, "")))
    checks: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        checks[row[1]].add(check_of[row[5]])
    newest = {row[1]: row for row in rows}  # those of one id stand in the order of their findings
    kept = list(newest.values())[:_MOST]
    return CaseRecords(list(newest)[:_MOST], discrepancies_of(kept), list(checks.values())[:_MOST])


def _page(findings: Sequence[int], chosen: Iterable[sa.ColumnElement[bool]], limit: int) -> sa.Subquery:
    """Which records: the newest content of each, and the checks that named it."""
    sighted = sa.select(_sighting.c.content, _sighting.c.finding, _finding.c.check_name).join(_finding)
    these = sighted.where(_sighting.c.finding.in_(findings)).subquery()
    order = (_discrepancy.c.key, _discrepancy.c.id)
    newest = sa.func.array_agg(postgresql.aggregate_order_by(_discrepancy.c.content, these.c.finding.desc()))
    checks = sa.func.array_agg(these.c.check_name.distinct(), type_=postgresql.ARRAY(sa.Text))
    page = sa.select(newest[1].label("content"), checks.label("checks"))
    page = page.join_from(these, _discrepancy, _discrepancy.c.content == these.c.content)
    return page.where(*chosen).group_by(*order).order_by(*order).limit(limit).subquery()


def _chosen(kind: DiscrepancyKind | None, ids: Sequence[str], after: str) -> Iterator[sa.ColumnElement[bool]]:
    if kind:
        yield _discrepancy.c.kind == kind.value
    if ids:
        yield _discrepancy.c.id.in_(ids)
    if after:
        other = _discrepancy.alias()
        place = sa.select(other.c.key, other.c.id).where(other.c.id == after).limit(1)
        yield sa.tuple_(_discrepancy.c.key, _discrepancy.c.id) > place.scalar_subquery()


_TIMES = (_seen.c.first_seen, _seen.c.last_seen, _seen.c.times_seen, _seen.c.reopened)


_STORED = (
    *(_discrepancy.c.key, _discrepancy.c.id, _discrepancy.c.kind),
    *(sa.cast(column, sa.Text) for column in (_discrepancy.c.shape, _discrepancy.c.cells)),
)
"""Of which `discrepancies_of` makes a record."""


def _sorted(c: sa.Connection, found: sa.Select[*tuple[Any, ...]]) -> list[Any]:
    """By key and id, and by what stands behind the record; the server would write so many whole records to disk.

    As the driver has them, for they are many.
    """
    with c.execute(found) as result:
        return sorted(result.cursor.fetchall(), key=itemgetter(0, 1, len(_STORED)))


def cases_of_keys(
    c: sa.Connection, table: str, keys: Collection[tuple[Value, ...]], *, but: CaseId | None = None
) -> dict[tuple[Value, ...], list[tuple[CaseId, datetime, State]]]:
    """By key, the cases whose findings have named it, other than ``but``, with when they did last; newest first."""
    cases = schema.cases
    texts = {key_text(key): key for key in keys}
    last = sa.func.max(_evaluation.c.at)
    same = sa.and_(
        cases.c.project == _finding.c.project,
        cases.c.table_name == _finding.c.table_name,
        cases.c.window_key == _finding.c.window_key,
        cases.c.kind == _discrepancy.c.kind,
    )
    rows = c.execute(
        sa.select(_discrepancy.c.key, cases.c.table_name, cases.c.window_key, cases.c.kind, cases.c.state, last)
        .select_from(_discrepancy)
        .join(_sighting)
        .join(_finding)
        .join(_evaluation)
        .join(cases, same)
        .where(owned(c, _discrepancy), _discrepancy.c.table_name == table, _discrepancy.c.key.in_(list(texts)))
        .group_by(_discrepancy.c.key, cases.c.id)
        .order_by(last.desc(), cases.c.id)
    )
    found: dict[tuple[Value, ...], list[tuple[CaseId, datetime, State]]] = defaultdict(list)
    for row in rows:
        if (case := CaseId(*row[1:4])) != but:
            found[texts[row[0]]].append((case, row[5], State(row[4])))
    return dict(found)
