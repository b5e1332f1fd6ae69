"""What a decision would write, found out on the target itself and taken back."""

from collections.abc import Sequence
from dataclasses import dataclass

from recon_assets import writing
from recon_assets.errors import DoesNotFitError, RefusedError, StaleTargetError
from recon_assets.ledger import Ledger
from recon_assets.model import CaseId, Change, Decision, Discrepancy, Project, Resolution, TableSpec
from recon_assets.review.connections import paired
from recon_assets.review.correcting import jobs
from recon_assets.review.deciding import checked, declared, known, records_of


@dataclass(frozen=True)
class Preview:
    """What would happen.

    Attributes:
        changes: Every row that would be written.
        problems: Why it would fail as things are now, a sentence each.
        accepted: How many records would be accepted as they are.
        unnamed: How many records of the case are counted, and not named: they stay as they are.
    """

    changes: tuple[Change, ...] = ()
    problems: tuple[str, ...] = ()
    accepted: int = 0
    unnamed: int = 0


def preview(book: Ledger, project: Project, case: CaseId, chosen: Resolution) -> Preview:
    """What deciding so would do, row by row; nothing is kept.

    Raises:
        DeclarationError: When there is no such case, record or column, or a value is none that its column can hold.
        RefusedError: When that cannot be decided of the case.
        UnavailableError: When a database does not answer.
    """
    spec = declared(project, case)
    with book.begin() as connection:
        found = known(connection, case)
        chosen = checked(project, found, chosen, records_of(connection, found))
        records = records_of(connection, found, chosen.rows)
    unnamed = found.wrong - found.named if case.of_records else 0
    if chosen.decision is Decision.KEEP_TARGET:
        return Preview(accepted=len(records), unnamed=unnamed)
    found_jobs = [job for job in jobs(project, spec, case, records, chosen) if job[2]]
    if not found_jobs:
        return Preview(problems=(f"{case}: the source has no record to write for it; keep it, or compare again.",))
    previews = [_tried(project, *job) for job in found_jobs]
    return Preview(
        tuple(change for each in previews for change in each.changes),
        tuple(problem for each in previews for problem in each.problems),
        unnamed=unnamed,
    )


def _tried(project: Project, spec: TableSpec, window: str, wanted: Sequence[Discrepancy]) -> Preview:
    try:
        with paired(project, spec) as pair, writing.correcting(pair, window, dry_run=True) as correcting:
            changes = correcting.write(wanted)
    except (StaleTargetError, DoesNotFitError, RefusedError) as error:
        return Preview(problems=(str(error),))
    return Preview(tuple(changes))
