"""What checks found, added up over the days: as a table for people, and each finding as JSON."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeGuard

from rich.table import Table
from rich.text import Text

from recon_assets.cli.output import plain_table, screen, tell
from recon_assets.cli.samples import Sample
from recon_assets.errors import COULD_NOT_RUN, DIFFERENT
from recon_assets.model import (
    ALL,
    Discrepancy,
    Figure,
    Finding,
    NotCompared,
    Severity,
    Value,
    as_decimal,
    masked,
    masked_details,
    masked_key,
    plural,
    rows_of_sides,
    value_text,
)

SAMPLE = 20
NAMED = 3
"""How many records of a check people are shown; `--json` lists all."""
_RANKS = {None: 0, Severity.LOW: 1, Severity.MEDIUM: 2, Severity.HIGH: 3}
STYLES = {None: "green", Severity.LOW: "yellow", Severity.MEDIUM: "red", Severity.HIGH: "bold red"}


@dataclass(frozen=True)
class Tally:
    """What one check found on all days: on how many it passed, failed, or could not run.

    Attributes:
        accepted: On how many of those that passed it found nothing but differences that somebody has accepted.
    """

    table: str
    check: str
    passed: int = 0
    accepted: int = 0
    failed: int = 0
    not_run: int = 0
    wrong: int = 0
    worst: Finding | None = None
    error: str = ""

    @property
    def severity(self) -> Severity | None:
        """That of the worst day."""
        return self.worst.severity if self.worst else None

    def plus(self, finding: Finding) -> "Tally":
        """With one more day."""
        if finding.passed or finding.accepted:
            return replace(self, passed=self.passed + 1, accepted=self.accepted + (finding.accepted is not None))
        if finding.error is not None:
            return replace(self, not_run=self.not_run + 1, error=self.error or finding.error)
        worst = max((self.worst or finding, finding), key=_badness)
        return replace(self, failed=self.failed + 1, wrong=self.wrong + finding.wrong, worst=worst)


def _badness(finding: Finding) -> tuple[int, int, Decimal]:
    """By severity, then by records, then by how far the figures are apart: a sum is one thing that is wrong."""
    figures = [as_decimal(figure) for figure in (finding.source, finding.target) if _is_number(figure)]
    apart = abs(figures[0] - figures[1]) if len(figures) > 1 and all(map(Decimal.is_finite, figures)) else Decimal()
    return _RANKS[finding.severity], finding.wrong, apart


def _is_number(figure: Figure) -> TypeGuard[int | float | Decimal]:
    return isinstance(figure, int | float | Decimal)


@dataclass
class Result:
    """What was found so far; of the records it keeps some, however many days there are.

    Attributes:
        private: The columns of each table of which no value is shown.
        keys: The columns that identify a record of each table.
        not_checked: Tables of which not all was judged, each with what was not and why.
        all_days: Whether no days were chosen.
        of_all_rows: The tables and checks that look at every row, so that they tell whether there is any.
        finished: Whether everything was judged.
    """

    private: Mapping[str, Collection[str]] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    not_checked: dict[str, str] = field(default_factory=dict)
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    samples: dict[tuple[str, str], Sample] = field(default_factory=dict)
    windows: dict[str, dict[str, None]] = field(default_factory=dict)
    not_compared: dict[str, tuple[NotCompared, ...]] = field(default_factory=dict)
    outside: dict[str, tuple[int, int]] = field(default_factory=dict)
    of_all_rows: Collection[tuple[str, str]] = ()
    all_days: bool = True
    without_rows: dict[str, bool] = field(default_factory=dict)
    failing: list[Finding] = field(default_factory=list)
    finished: bool = False

    def add(self, finding: Finding) -> None:
        """Take one more finding into account."""
        found = replace(finding, discrepancies=())
        at = (found.table, found.check)
        self.tallies[at] = self.tallies.get(at, Tally(*at)).plus(found)
        self.samples.setdefault(at, Sample()).add(finding)
        if found.not_compared:
            self.not_compared[found.table] = found.not_compared
        if found.outside and any(found.outside):
            self.outside[found.table] = found.outside
        if at in self.of_all_rows:
            self._note_rows(found)
        if found.failed and len(self.failing) < SAMPLE:
            self.failing.append(found)

    def _note_rows(self, found: Finding) -> None:
        """Which windows have rows, and of which tables no row has been seen so far."""
        windows = self.windows.setdefault(found.table, {})
        seen = bool(found.of or found.in_flight or not found.passed)
        if seen and found.window != ALL.key:
            windows[found.window] = None
        self.without_rows[found.table] = self.without_rows.get(found.table, True) and not seen

    @property
    def empty(self) -> tuple[str, ...]:
        """The tables of which neither side has a row where it was looked for."""
        return tuple(table for table, empty in self.without_rows.items() if empty)

    @property
    def nothing_compared(self) -> tuple[str, ...]:
        """Those of them that do have rows, but none in all their days; a single day may well be without."""
        return tuple(table for table in self.empty if table in self.outside) if self.all_days else ()

    def reasons(self, tally: Tally) -> tuple[str, ...]:
        """What the records have in common that a check found wrong, over all days."""
        if tally.failed == 1 and tally.worst:
            return tally.worst.reasons
        at = (tally.table, tally.check)
        return self.samples[at].reasons(tuple(self.windows.get(tally.table, ())), self.private.get(tally.table, ()))

    def named(self, tally: Tally) -> str:
        """Some of the records that a check found wrong, by their keys; "" where it found none."""
        key, private = self.keys.get(tally.table, ()), frozenset(self.private.get(tally.table, ()))
        keys = dict.fromkeys(item.key for item in self.samples[tally.table, tally.check].records)
        some = (
            ", ".join(
                f"{name} {value_text(value)}" for name, value in zip(key, masked_key(key, each, private), strict=False)
            )
            for each in list(keys)[:NAMED]
        )
        return "; ".join(filter(None, some))

    def total(self, figure: str) -> int:
        """One figure of all checks."""
        return sum(getattr(tally, figure) for tally in self.tallies.values())

    @property
    def exit_code(self) -> int:
        """What could not run weighs more than what failed: the answer is not whole."""
        if not self.finished or self.total("not_run") or self.nothing_compared:
            return COULD_NOT_RUN
        return DIFFERENT if self.total("failed") else 0


def as_dict(finding: Finding, key: tuple[str, ...] = (), private: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A finding as ``--json`` prints it; values of private columns are hidden."""
    details = finding.details and masked_details(finding.details, private)
    return {
        "table": finding.table,
        "window": finding.window,
        "check": finding.check,
        "passed": finding.passed,
        "accepted": finding.accepted,
        "error": finding.error,
        "severity": finding.severity,
        "summary": finding.summary,
        "source": _plain(finding.source),
        "target": _plain(finding.target),
        "wrong": finding.wrong,
        "of": finding.of,
        "rate": finding.rate,
        "not_compared": [vars(column) for column in finding.not_compared],
        "outside": finding.outside and list(finding.outside),
        "reasons": list(finding.reasons),
        "details": details and {"columns": details.columns, "rows": [[_plain(v) for v in row] for row in details.rows]},
        "records": [_record(item, key, private) for item in finding.discrepancies],
    }


def _plain(figure: Figure) -> Value | float:
    """A figure as JSON has it: decimals as text, for readers would round them."""
    if isinstance(figure, Decimal):
        return format(figure, "f")
    return str(figure) if isinstance(figure, float) and not math.isfinite(figure) else figure


def _record(item: Discrepancy, key: tuple[str, ...], private: frozenset[str]) -> dict[str, Any]:
    return {
        "kind": item.kind,
        "key": list(masked_key(key, item.key, private)),
        "columns": {name: [masked(name, value, private) for value in both] for name, both in item.columns.items()},
    }


def show(result: Result) -> None:
    """Print what was found: a verdict, each check of each table, what is wrong with it, and the first bad days."""
    tell(_verdict(result))
    screen().print("", _table(result), sep="\n")
    not_run = [tally for tally in result.tallies.values() if tally.not_run]
    if not_run:
        _show_not_run(not_run)
    bad = [tally for tally in result.tallies.values() if tally.worst]
    if bad:
        tell("\nWhat is wrong: each check's worst day, and what the wrong records of all days have in common")
    for tally in bad:
        _show_worst(tally, result.reasons(tally), result.named(tally))
    if result.total("failed") > len(bad):
        _show_failing(result)


def _verdict(result: Result) -> str:
    checks, tables = len(result.tallies), len({table for table, _ in result.tallies})
    failed = sum(tally.failed > 0 for tally in result.tallies.values())
    not_run = sum(tally.not_run > 0 for tally in result.tallies.values())
    of = f"{plural(checks, 'check')} of {plural(tables, 'table')}"
    said = " and ".join(f"{count} {what}" for count, what in ((failed, "failed"), (not_run, "could not run")) if count)
    besides = "".join(f"; {note}" for note in _not_compared(result))
    if result.nothing_compared:
        said = f"{said or 'none failed'}, but no record was compared of {', '.join(result.nothing_compared)}"
    if not said:
        return f"Passed: {of}{besides}."
    return f"{'Not known' if result.exit_code == COULD_NOT_RUN else 'Failed'}: of {of}, {said}{besides}."


def _not_compared(result: Result) -> Iterator[str]:
    """What a verdict on all tables must not be silent of."""
    if accepted := [tally for tally in result.tallies.values() if tally.accepted]:
        days = (f"{tally.table} {tally.check} ({plural(tally.accepted, 'day')})" for tally in accepted)
        yield f"with differences that somebody accepted: {', '.join(days)}"
    if result.not_compared:
        tables = (f"{table}: {', '.join(map(str, columns))}" for table, columns in result.not_compared.items())
        yield f"not compared: {'; '.join(tables)}"
    for table, (source, target) in result.outside.items():
        yield f"{table}: {rows_of_sides(source, target)} outside its days"
    if empty := [table for table in result.empty if table not in result.outside]:
        yield f"no row on either side: {', '.join(empty)}"
    if result.not_checked:
        yield f"not checked: {', '.join(f'{table} ({why})' for table, why in result.not_checked.items())}"


def _table(result: Result) -> Table:
    numbers = ("days\npassed", "days\nfailed", "days\nnot run", "\nwrong")
    table = plain_table("\ntable", "\ncheck", *numbers, "\nseverity")
    for column in table.columns[2 : 2 + len(numbers)]:
        column.justify = "right"
    for tally in result.tallies.values():
        counts = (f"{count:,}" if count else "" for count in (tally.passed, tally.failed, tally.not_run, tally.wrong))
        table.add_row(tally.table, tally.check, *counts, _grade(tally))
    return table


def _grade(tally: Tally) -> Text:
    if tally.not_run:
        return Text("not known", style="bold magenta")
    return Text(tally.severity or "passed", style=STYLES[tally.severity])


def _show_worst(tally: Tally, reasons: Iterable[str], named: str) -> None:
    tell(f"  {tally.worst.summary if tally.worst else ''}")
    if named:
        tell(f"    records such as {named}")
    for reason in reasons:
        tell(f"    - {reason}")


def _show_not_run(not_run: Sequence[Tally]) -> None:
    """The reason of each check that could not run; those of one reason together, for it is often the database."""
    alike: dict[tuple[str, str], list[str]] = {}
    for tally in not_run:
        alike.setdefault((tally.table, tally.error), []).append(tally.check)
    tell("\nCould not run")
    for (table, reason), checks in alike.items():
        tell(f"  {table} {', '.join(checks)}: {reason}")


def _show_failing(result: Result) -> None:
    every = result.total("failed")
    first = "" if every == len(result.failing) else f" (the first {len(result.failing)} of {every:,}; --json lists all)"
    tell("\n".join([f"\nChecks that failed, by day{first}", *(f"  {finding.summary}" for finding in result.failing)]))
