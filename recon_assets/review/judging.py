"""Judges a table, and writes every finding into the ledger before anybody sees it.

A difference that a person accepted is marked so: by its records, or, for a check that names none, by its figures.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from itertools import chain, groupby
from math import isclose
from typing import TypeVar

from recon_assets import ledger
from recon_assets.checks.record_checks import Checksum
from recon_assets.checks.running import evaluate
from recon_assets.diff import MAX_EVIDENCE
from recon_assets.ledger import CaseRecord, Ledger, StoredFinding
from recon_assets.model import ALL, COMPARED_KINDS, DiscrepancyKind, Finding, Measure, Project, TableSpec, Value, Window
from recon_assets.reading import Pair

RECORDS = Checksum(named="records")
"""Compares all records of a window, whatever checks are declared."""
EVERY_KIND = frozenset(COMPARED_KINDS)
R = TypeVar("R", bound=CaseRecord)
Accepted = Mapping[tuple[str, str], str]
"""Who accepted what and why, by what it is and by its values."""


def judged(  # noqa: PLR0913 - what to check, how much to keep, whom to tell
    book: Ledger,
    project: Project,
    spec: TableSpec,
    windows: Sequence[Window],
    *,
    names: Sequence[str] | None = None,
    now: datetime,
    run: str,
    records: bool = False,
    max_evidence: int = MAX_EVIDENCE,
    remembered: int | None = None,
    progress: Callable[[str], None] | None = None,
    opened: Pair | None = None,
) -> Iterator[Finding]:
    """What the checks of one table say of these windows, as the ledger has it.

    Args:
        book: Where findings are written; those of one window at once, before the first of them is seen.
        project: Where the databases and the other tables are.
        spec: The table.
        windows: Those of its windows that are looked at.
        names: The checks to run; None for all.
        now: The present, with its time zone.
        run: Who judges: the id of a run.
        records: Whether to compare all records of these windows besides, as the check named ``records``.
        max_evidence: How many records to keep of each kind, window and check.
        remembered: How many of these the ledger keeps; all of them unless said.
        progress: Is told each step in a line.
        opened: Both sides of the table, where they are open already.

    Raises:
        DeclarationError: When a name is that of no check of this table.
        UnavailableError: When the ledger does not answer: nothing is shown that is not written.
    """
    wanted = [check.name for check in spec.checks] if names is None else list(names)
    if records:
        spec, wanted = replace(spec, checks=(*spec.checks, RECORDS)), [*wanted, RECORDS.name]
    found = evaluate(
        project, spec, windows, names=wanted, now=now, max_evidence=max_evidence, progress=progress, opened=opened
    )
    with book.begin() as connection:
        numbers = iter(ledger.draw_numbers(connection, len(windows) + 1))  # the whole table is judged besides
    for window, findings in groupby(found, key=lambda finding: finding.window):
        with book.begin() as connection:
            accepted = ledger.acceptances(connection, spec.name, [window]).get(window, {})
            before = ledger.latest_findings(connection, spec.name, window) if accepted else {}
            marked = mark(spec, tuple(findings), accepted, before)
            kept = [_cut(finding, remembered) for finding in marked]
            ledger.record_findings(connection, kept, run=run, at=now, number=next(numbers))
        yield from marked


def accepting(book: Ledger, spec: TableSpec, windows: Sequence[Window], found: Iterator[Finding]) -> Iterator[Finding]:
    """What was found of these windows, those findings marked that say nothing but what was accepted."""
    with book.begin() as connection:
        keys = {*(window.key for window in windows), ALL.key}
        accepted = ledger.acceptances(connection, spec.name, sorted(keys))
        before = {window: ledger.latest_findings(connection, spec.name, window) for window in accepted}
    for window, findings in groupby(found, key=lambda finding: finding.window):
        yield from mark(spec, tuple(findings), accepted.get(window, {}), before.get(window, {}))


def _cut(finding: Finding, most: int | None) -> Finding:
    """With so many records of each kind."""
    if most is None:
        return finding
    by_kind = ([item for item in finding.discrepancies if item.kind is kind][:most] for kind in DiscrepancyKind)
    return replace(finding, discrepancies=tuple(chain.from_iterable(by_kind)))


def mark(
    spec: TableSpec, findings: Sequence[Finding], accepted: Accepted, before: Mapping[str, StoredFinding]
) -> tuple[Finding, ...]:
    """The findings of one window, those marked that say nothing but what was accepted."""
    if not accepted:
        return tuple(findings)
    records = [replace(finding, accepted=_of_records(spec, finding, accepted)) for finding in findings]
    covered = {kind for finding in records for kind in finding.kinds}
    reasons = list(dict.fromkeys(finding.accepted for finding in records if finding.accepted))
    if covered >= EVERY_KIND:  # the records tell, and not what they told before
        before = {}
    driver_errors = reasons[0] if covered >= EVERY_KIND and reasons and not any(map(_names_more, records)) else None
    return tuple(
        replace(
            finding,
            accepted=_of_figures(finding, accepted, before) or _explained(spec, finding, records, driver_errors),
        )
        if finding.failed and not any(finding.kinds.values()) and not finding.incomplete
        else finding
        for finding in records
    )


def _explained(spec: TableSpec, finding: Finding, records: Sequence[Finding], why: str | None) -> str | None:
    """Why it is accepted: the accepted records make the whole of a count's or a sum's difference.

    Of other figures nobody can tell what a record makes of them.
    """
    needs = next((check.needs for check in spec.checks if check.name == finding.check), ())
    need = next((need for need in needs if isinstance(need, Measure)), None)
    if why is None or need is None or need.function not in {"count", "sum"} or need.where:
        return why
    kept = {(item.kind, item.key): item for each in records if each.accepted for item in each.discrepancies}
    sides = [(item.source, item.target) for (kind, _), item in kept.items() if kind in EVERY_KIND]
    # Databases add floats in any order; all other sums are exact, and a cent in a thousand million is a difference.
    floats = any(isinstance(side.get(need.column or ""), float) for both in sides for side in both if side)
    try:
        made = sum((_worth(need, target) - _worth(need, source) for source, target in sides), Decimal())
        apart = Decimal(str(finding.target)) - Decimal(str(finding.source))
    except ArithmeticError:
        return why
    return why if apart == made or (floats and isclose(apart, made, rel_tol=1e-9)) else None


def _worth(need: Measure, record: Mapping[str, Value] | None) -> Decimal:
    """What one record adds to a figure."""
    if record is None:
        return Decimal()
    return Decimal(1) if need.column is None else Decimal(str(record.get(need.column) or 0))


def _names_more(finding: Finding) -> bool:
    """Whether it names records that nobody has accepted."""
    return any(finding.kinds.values()) and finding.failed


def _of_records(spec: TableSpec, finding: Finding, accepted: Accepted) -> str | None:
    """Why it is accepted: all of its records are."""
    if finding.passed or sum(finding.kinds.values()) != len(finding.discrepancies):
        return None
    found = [accepted.get((item.id(spec.name), item.fingerprint)) for item in finding.discrepancies]
    return found[0] if found and all(found) else None


def _of_figures(finding: Finding, accepted: Accepted, before: Mapping[str, StoredFinding]) -> str | None:
    """Why it is accepted: its figures are, or they are still what accepted records explained."""
    last = before.get(finding.check)
    same = last is not None and fingerprint(last.finding) == fingerprint(finding)
    why = last.finding.accepted if last and same else None
    return accepted.get((finding.check, fingerprint(finding))) or (why if why in accepted.values() else None)


def unaccepted(records: Sequence[R], accepted: Collection[tuple[str, str]]) -> tuple[R, ...]:
    """The records that nobody has accepted with the values that they have now.

    A fingerprint is made only of those that were accepted with some values: of many records it takes its time.
    """
    known = {id_ for id_, _ in accepted}
    return tuple(
        item for item in records if item.id not in known or (item.id, item.discrepancy.fingerprint) not in accepted
    )


def fingerprint(finding: Finding) -> str:
    """The same as long as a check that names no records finds the same."""
    rows = finding.details.rows if finding.details else ()
    said = repr((finding.source, finding.target, finding.wrong, rows))
    return sha256(said.encode()).hexdigest()[:16]
