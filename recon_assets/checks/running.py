"""Runs the checks of one table: evidence is gathered once for all of them and all windows, then each is judged."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from recon_assets import diff, reading
from recon_assets.checks.gathering import Facts, Gathering, Needs, Request
from recon_assets.errors import DeclarationError, ReconError
from recon_assets.explain import reasons
from recon_assets.model import (
    ALL,
    COMPARED_KINDS,
    Check,
    Comparison,
    DiscrepancyKind,
    Evidence,
    Finding,
    NotGatheredError,
    Project,
    Severity,
    TableSpec,
    Window,
    masked_key,
    place,
)

LOG = logging.getLogger(__name__)
_KEYS_LOGGED = 3


def evaluate(  # noqa: PLR0913 - what to check, how much to keep, whom to tell
    project: Project,
    spec: TableSpec,
    windows: Sequence[Window],
    *,
    names: Sequence[str] | None = None,
    now: datetime,
    max_evidence: int = diff.MAX_EVIDENCE,
    progress: Callable[[str], None] | None = None,
    opened: reading.Pair | None = None,
) -> Iterator[Finding]:
    """What the checks of one table say of these windows.

    Daily checks are judged for each window, in order of time; then the others once, for the window ``all``.
    A check whose evidence could not be gathered has not passed: its finding has the reason as ``error``, whatever
    went wrong. So one table's fault stays in that table's findings.

    Args:
        project: Where the databases and the other tables are.
        spec: The table.
        windows: Those of its windows that are looked at.
        names: The checks to run; None for all.
        now: The present, with its time zone.
        max_evidence: How many records to keep of each kind, window and check.
        progress: Is told each step in a line.
        opened: Both sides of the table, where they are open already.

    Returns:
        The findings, each as soon as it can be had; databases are open until the last is taken.

    Raises:
        DeclarationError: When a name is that of no check of this table.
    """
    checks = _selected(spec, names)
    daily = [check for check in checks if check.daily or spec.calendar is None]
    whole = [check for check in checks if check not in daily]
    request = Request(
        project,
        spec,
        tuple(sorted(windows, key=lambda window: window.key)),
        _needs(daily),
        _needs(whole),
        now,
        max_evidence,
        progress or (lambda _: None),
        opened,
    )
    due = [
        *((window.key, check.name) for window in request.windows for check in daily),
        *((ALL.key, check.name) for check in whole),
    ]
    return completed(spec.name, due, lambda: _gathered(request, daily, whole))


def _selected(spec: TableSpec, names: Sequence[str] | None) -> list[Check]:
    known = [check.name for check in spec.checks]
    for name in names or ():
        if name not in known:
            msg = f"{spec.name}: there is no check {name!r}; {reading.nearest(name, known)}"
            raise DeclarationError(msg)
    return [check for check in spec.checks if names is None or check.name in names]


def _needs(checks: Iterable[Check]) -> Needs:
    return tuple(dict.fromkeys(need for check in checks for need in check.needs))


def completed(
    table: str, due: Iterable[tuple[str, str]], found: Callable[[], Iterator[Finding]], log: logging.Logger = LOG
) -> Iterator[Finding]:
    """One finding of each window and check that are ``due``: those that an error kept from being judged could not run.

    What is ``found`` besides is left out.
    """
    left = dict.fromkeys(due)
    reason = "nothing was found out, and nothing said why; see the log"
    try:
        for finding in found():
            if (finding.window, finding.check) in left:
                del left[finding.window, finding.check]
                yield finding
    except ReconError as error:
        reason = str(error)
        log.error("%s: %s", table, reason)  # noqa: TRY400 - it says all
    except Exception as error:  # a fault of ours in one table must not take the other tables along
        reason = f"{type(error).__name__}, a fault of this program, whose traceback is in the log; please report it"
        log.exception("%s could not be judged", table)
    for window, name in left:
        yield not_run(table, name, window, reason)


def _gathered(request: Request, daily: Sequence[Check], whole: Sequence[Check]) -> Iterator[Finding]:
    with ExitStack() as stack:
        gathering = Gathering(request, stack)
        if daily or whole:
            gathering.open()
        if daily:
            yield from _judged(request.spec, daily, request.windows, gathering.of_windows())
        if whole:
            yield from _judged(request.spec, whole, (ALL,), gathering.of_the_whole())


def not_run(table: str, check: str, window: str, reason: str) -> Finding:
    """The finding of a check that could not be judged: it has not passed, and says nothing of the data."""
    summary = f"{place(table, window)}: {check} could not run: {reason}"
    return Finding(check, table, window, passed=False, summary=summary, severity=Severity.HIGH, error=reason)


def _judged(
    spec: TableSpec, checks: Sequence[Check], windows: Sequence[Window], facts: Iterator[Facts]
) -> Iterator[Finding]:
    for window, known in zip(windows, facts, strict=True):
        for check in checks:
            needed = {need: known[need] for need in check.needs}
            evidence = Evidence(spec.name, window.key, needed, frozenset(spec.private))
            finding = judged(check, evidence, strict=spec.strict)
            _log(finding, spec)
            yield finding


def judged(check: Check, evidence: Evidence, *, strict: bool = False) -> Finding:
    """What one check says of one window, with what its wrong records have in common.

    A ``strict`` table's check that passes has failed all the same, where not everything was compared.
    """
    try:
        finding = check.judge(evidence)
    except NotGatheredError as error:
        return not_run(evidence.table, check.name, evidence.window, str(error))
    if strict and finding.passed and (finding.not_compared or any(finding.outside or ())):
        summary = f"{finding.summary}; not all was compared, and the table is strict"
        finding = replace(finding, passed=False, incomplete=True, summary=summary, severity=Severity.HIGH)
    compared = next((fact for fact in evidence.facts.values() if isinstance(fact, Comparison)), None)
    if compared is None or not finding.discrepancies:
        return finding
    return replace(finding, reasons=reasons(_about(finding, compared), private=evidence.private))


def _about(finding: Finding, compared: Comparison) -> Comparison:
    """The comparison, of those kinds of records only that the finding is about."""
    kinds = {record.kind for record in finding.discrepancies}
    others = [kind.value for kind in COMPARED_KINDS if kind not in kinds]
    none: dict[str, Any] = dict.fromkeys(others, ())
    by_column = compared.by_column if DiscrepancyKind.MISMATCHED in kinds else {}
    return replace(compared, counts=replace(compared.counts, **dict.fromkeys(others, 0)), by_column=by_column, **none)


def _log(finding: Finding, spec: TableSpec) -> None:
    """Keys only, and none that is private: the other values of a record may be personal data."""
    if finding.passed:
        return
    if finding.error is not None:
        LOG.error("%s: %s could not run: %s", finding.where, finding.check, finding.error)
        return
    first = (record.key for record in finding.discrepancies[:_KEYS_LOGGED])
    keys = ", ".join(repr(key) for key in first if masked_key(spec.key, key, spec.private) == key)
    said = f"{finding.where}: {finding.check} failed, {finding.wrong:,} wrong of {finding.of:,}"
    LOG.warning("%s%s", said, f", such as {keys}" if keys else "")
