"""Runs the checks of one table: evidence is gathered once for all of them and all windows, then each is judged."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from typing import Any

from recon_assets import diff, reading
from recon_assets.checks.gathering import Facts, Gathering, Group, Request
from recon_assets.errors import DeclarationError
from recon_assets.explain import reasons
from recon_assets.model import (
    ALL,
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
)

LOG = logging.getLogger(__name__)
_KEYS_LOGGED = 3
_KINDS = (DiscrepancyKind.MISSING, DiscrepancyKind.EXTRA, DiscrepancyKind.MISMATCHED)


def _silent(_: str) -> None:
    """Says nothing."""


def evaluate(  # noqa: PLR0913 - what to check, how much to keep, whom to tell
    project: Project,
    spec: TableSpec,
    windows: Sequence[Window],
    *,
    names: Sequence[str] | None = None,
    now: datetime,
    max_evidence: int = diff.MAX_EVIDENCE,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Finding]:
    """What the checks of one table say of these windows.

    Daily checks are judged for each window, in order of time; then the others once, for the window ``all``.
    A check whose evidence could not be gathered has not passed: its finding has the reason as ``error``.

    Args:
        project: Where the databases and the other tables are.
        spec: The table.
        windows: Those of its windows that are looked at.
        names: The checks to run; None for all.
        now: The present, with its time zone.
        max_evidence: How many records to keep of each kind, window and check.
        progress: Is told each step in a line.

    Returns:
        The findings, each as soon as it can be had; databases are open until the last is taken.

    Raises:
        DeclarationError: When a name is that of no check of this table.
    """
    checks = _selected(spec, names)
    daily = [check for check in checks if check.daily or spec.days is None]
    whole = [check for check in checks if check not in daily]
    request = Request(
        project,
        spec,
        tuple(sorted(windows, key=lambda window: window.key)),
        _needs(daily),
        _needs(whole),
        now,
        max_evidence,
        progress or _silent,
    )
    return _findings(request, daily, whole)


def _selected(spec: TableSpec, names: Sequence[str] | None) -> list[Check]:
    known = [check.name for check in spec.checks]
    for name in names or ():
        if name not in known:
            msg = f"{spec.name}: there is no check {name!r}; {reading.nearest(name, known)}"
            raise DeclarationError(msg)
    return [check for check in spec.checks if names is None or check.name in names]


def _needs(checks: Iterable[Check]) -> Group:
    return tuple(dict.fromkeys(need for check in checks for need in check.needs))


def _findings(request: Request, daily: Sequence[Check], whole: Sequence[Check]) -> Iterator[Finding]:
    with ExitStack() as stack:
        gathering = Gathering(request, stack)
        if daily or whole:
            gathering.open()
        if daily:
            yield from _judged(request.spec, daily, request.windows, gathering.of_windows())
        if whole:
            yield from _judged(request.spec, whole, (ALL,), gathering.of_the_whole())


def _judged(
    spec: TableSpec, checks: Sequence[Check], windows: Sequence[Window], facts: Iterator[Facts]
) -> Iterator[Finding]:
    for window, known in zip(windows, facts, strict=True):
        for check in checks:
            needed = {need: known[need] for need in check.needs}
            finding = judged(check, Evidence(spec.name, window.key, needed, frozenset(spec.private)))
            _log(finding, spec)
            yield finding


def judged(check: Check, evidence: Evidence) -> Finding:
    """What one check says of one window, with what its wrong records have in common."""
    try:
        finding = check.judge(evidence)
    except NotGatheredError as error:
        return Finding(
            check.name,
            evidence.table,
            evidence.window,
            passed=False,
            summary=f"{evidence.where}: {check.name} could not run: {error}",
            severity=Severity.HIGH,
            error=str(error),
        )
    compared = next((fact for fact in evidence.facts.values() if isinstance(fact, Comparison)), None)
    if compared is None or not finding.discrepancies:
        return finding
    return replace(finding, reasons=reasons(_about(finding, compared), private=evidence.private))


def _about(finding: Finding, compared: Comparison) -> Comparison:
    """The comparison, of those kinds of records only that the finding is about."""
    kinds = {record.kind for record in finding.discrepancies}
    others = [kind.value for kind in _KINDS if kind not in kinds]
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
