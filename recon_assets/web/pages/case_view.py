"""One case as its page shows it, read in one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from http import HTTPStatus

import sqlalchemy as sa

from recon_assets import ledger, review
from recon_assets.errors import DeclarationError
from recon_assets.ledger import StoredFinding, TrackedRecord
from recon_assets.model import Case, CaseId, Details, Event, Finding, State, TableSpec, masked_details
from recon_assets.web.http.requests import BadRequestError, PageRequest, Site
from recon_assets.web.words.record_view import Records, laid_out

PER_PAGE = 25


@dataclass(frozen=True)
class CaseView:
    """A case and what is known of it.

    Attributes:
        spec: Its table; None when it is no longer declared.
        said: What the checks that it stands on say.
        found: Records of the page.
        more: After which record the next page begins; empty when this is the last.
        earlier: Other cases that named records of this page, by the record's id.
        undoable: Whether a decision stands that can be taken back.
    """

    case: Case
    spec: TableSpec | None
    said: tuple[StoredFinding, ...]
    found: tuple[TrackedRecord, ...]
    more: str
    earlier: dict[str, list[tuple[CaseId, datetime, State]]]
    events: tuple[Event, ...]
    undoable: bool

    @cached_property
    def records(self) -> Records:
        """The page's records as they may be shown."""
        return laid_out(self.spec, self.found)

    def details(self, finding: Finding) -> Details | None:
        """The small table of a finding, as it may be shown."""
        if finding.details is None or self.spec is None:
            return None
        return masked_details(finding.details, self.spec.private)


def case_id(request: PageRequest) -> CaseId:
    """The case that the address names."""
    return CaseId(request.path["table"], request.path["window"], request.path["kind"])


def case_view(site: Site, case: CaseId, after: str = "") -> CaseView:
    """The case as it is now, with a page of its records.

    Raises:
        BadRequestError: When there is no such case.
    """
    with site.book.begin() as connection:
        found = _found(connection, case)
        records = _page(connection, found, after)
        page = records[:PER_PAGE]
        more = page[-1].id if len(records) > PER_PAGE else ""
        return CaseView(
            found,
            site.project.tables.get(case.table),
            tuple(_concerning(connection, found)),
            tuple(page),
            more,
            _earlier(connection, case, page),
            tuple(ledger.events(connection, case)),
            review.undoing(connection, found) is not None,
        )


def _found(connection: sa.Connection, case: CaseId) -> Case:
    try:
        return review.known(connection, case)
    except DeclarationError as error:
        raise BadRequestError(str(error), HTTPStatus.NOT_FOUND) from error


def _page(connection: sa.Connection, case: Case, after: str) -> list[TrackedRecord]:
    if case.id.of_records is None:
        return []
    return ledger.tracked_records(connection, case.findings, case.id.of_records, after=after, limit=PER_PAGE + 1)


def _concerning(connection: sa.Connection, case: Case) -> Iterator[StoredFinding]:
    """What the newest evaluation says of the case, check by check."""
    for said in ledger.latest_findings(connection, case.id.table, case.id.window).values():
        kind = case.id.of_records
        if said.finding.kinds.get(kind) if kind else said.finding.check == case.id.kind:
            yield said


def _earlier(
    connection: sa.Connection, case: CaseId, page: list[TrackedRecord]
) -> dict[str, list[tuple[CaseId, datetime, State]]]:
    keys = {each.discrepancy.key for each in page}
    before = ledger.cases_of_keys(connection, case.table, keys, but=case)
    return {each.id: before[each.discrepancy.key] for each in page if each.discrepancy.key in before}
