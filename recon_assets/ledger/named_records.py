"""The records that findings name: as cases show them, as corrections read them, and which they are."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, overload

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.ledger import schema
from recon_assets.ledger.projects import owned
from recon_assets.ledger.values import discrepancies_of, key_text
from recon_assets.model import CaseId, Discrepancies, Discrepancy, DiscrepancyKind, State, Value

_evaluation, _finding = schema.evaluation, schema.finding
_discrepancy, _record, _history = schema.discrepancy, schema.finding_record, schema.record_history
_MOST = 10_000


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


@dataclass(frozen=True)
class NamedRecords:
    """Which records findings name, without what is in them: of many windows at once they are many.

    Attributes:
        found: By finding; of each record its kind, the text of its key, its id and its fingerprint.
    """

    found: Mapping[int, Sequence[tuple[str, str, str, str]]]

    def of(self, findings: Iterable[int], kind: DiscrepancyKind) -> dict[str, str]:
        """By id the fingerprint that each record of a kind had last, the first `_MOST` by key as elsewhere."""
        newest = {
            (key, id_): fingerprint
            for finding in sorted(findings)
            for of_kind, key, id_, fingerprint in self.found.get(finding, ())
            if of_kind == kind.value
        }
        return {id_: newest[key, id_] for key, id_ in sorted(newest)[:_MOST]}


def named_records(c: sa.Connection, findings: Collection[int]) -> NamedRecords:
    """The records that findings name, by one statement for all of them."""
    record = (_discrepancy.c.kind, _discrepancy.c.key, _discrepancy.c.id, _discrepancy.c.fingerprint)
    named = sa.select(_record.c.finding, *record).join(_discrepancy)
    found: dict[int, list[tuple[str, str, str, str]]] = defaultdict(list)
    for row in c.execute(named.where(_record.c.finding.in_(findings))) if findings else ():
        found[row.finding].append(tuple(row[1:]))
    return NamedRecords(found)


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
    same = sa.and_(_history.c.project == _discrepancy.c.project, _history.c.id == _discrepancy.c.id)
    rows = _sorted(c, found.join(_history, same))
    each = zip(rows, discrepancies_of(rows), strict=True)
    return [TrackedRecord(row[1], found, tuple(row[5]), *row[6:]) for row, found in each]


def case_records(
    c: sa.Connection, findings: Sequence[int], kind: DiscrepancyKind | None = None, *, ids: Sequence[str] = ()
) -> CaseRecords:
    """The same without when they were seen: many are read sooner."""
    names = sa.select(_finding.c.id, _finding.c.check_name).where(_finding.c.id.in_(findings))
    check_of = {row.id: row.check_name for row in c.execute(names)}
    found = sa.select(*_STORED, _record.c.finding).join(_record, _record.c.content == _discrepancy.c.content)
    rows = _sorted(c, found.where(_record.c.finding.in_(findings), *_chosen(kind, ids, "")))
    checks: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        checks[row[1]].add(check_of[row[5]])
    newest = {row[1]: row for row in rows}  # those of one id stand in the order of their findings
    kept = list(newest.values())[:_MOST]
    return CaseRecords(list(newest)[:_MOST], discrepancies_of(kept), list(checks.values())[:_MOST])


def _page(findings: Sequence[int], chosen: Iterable[sa.ColumnElement[bool]], limit: int) -> sa.Subquery:
    """Which records: the newest content of each, and the checks that named it."""
    sighted = sa.select(_record.c.content, _record.c.finding, _finding.c.check_name).join(_finding)
    these = sighted.where(_record.c.finding.in_(findings)).subquery()
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


_TIMES = (
    _history.c.first_seen,
    _history.c.last_seen,
    _history.c.times_seen,
    _history.c.reopened,
)


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
        .join(_record)
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
