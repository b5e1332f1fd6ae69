"""Review cases and what would be written for them, as words and tables for people and as JSON for programs."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from recon_assets.cli.findings import STYLES
from recon_assets.cli.output import beside, plain_table, screen, tell
from recon_assets.ledger import Counts, StoredFinding, TrackedRecord
from recon_assets.model import (
    Action,
    Case,
    Change,
    Discrepancy,
    Event,
    TableSpec,
    Value,
    masked,
    masked_key,
    plural,
    value_text,
)

_AGES = ((86400, "d"), (3600, "h"), (60, "min"))
_NOTHING = "-"
_DIFFERS = "≠"


def as_dict(case: Case) -> dict[str, Any]:
    """A case as ``--json`` prints it."""
    return {
        "case": str(case.id),
        "table": case.id.table,
        "window": case.id.window,
        "kind": case.id.kind,
        "state": case.state,
        "severity": case.severity,
        "wrong": case.wrong,
        "named": case.named,
        "summary": case.summary,
        "opened": case.opened.isoformat(),
        "changed": case.changed.isoformat(),
        "reopened": case.reopened,
        "assignee": case.assignee,
        "decision": case.chosen and case.chosen.decision,
        "decided_by": case.decided_by,
    }


def record_as_dict(item: TrackedRecord, spec: TableSpec) -> dict[str, Any]:
    """A wrong record as ``--json`` prints it; values of private columns are hidden."""
    found = item.discrepancy
    return {
        "id": item.id,
        "kind": found.kind,
        "key": list(masked_key(spec.key, found.key, spec.private)),
        "source": _hidden(found.source, spec),
        "target": _hidden(found.target, spec),
        "differing": list(found.differing),
        "checks": list(item.checks),
        "first_seen": item.first_seen.isoformat(),
        "last_seen": item.last_seen.isoformat(),
        "times_seen": item.times_seen,
        "reopened": item.reopened,
    }


def event_as_dict(event: Event) -> dict[str, Any]:
    """What happened to a case, as ``--json`` prints it."""
    return {"n": event.n, "at": event.at.isoformat(), "act": event.act, "who": event.who, "note": event.note}


def change_as_dict(change: Change, spec: TableSpec) -> dict[str, Any]:
    """One row to write, as ``--json`` prints it; values of private columns are hidden."""
    seen = change.shown(spec.private)
    images = {"key": seen.key, "before": seen.before, "after": seen.after}
    return {
        "table": seen.table,
        "action": seen.action,
        **{name: image and dict(image) for name, image in images.items()},
    }


def _hidden(record: Mapping[str, Any] | None, spec: TableSpec) -> dict[str, Any] | None:
    return None if record is None else {name: masked(name, value, spec.private) for name, value in record.items()}


def show_queue(cases: Sequence[Case], counts: Counts, now: datetime) -> None:
    """Print cases, a line each, the most severe and oldest first."""
    tell(f"{counts}{f', the first {len(cases)}' if counts.total > len(cases) else ''}")
    if not cases:
        return
    table = plain_table("severity", "case", "state", "age", "assignee", "what is wrong")
    for case in cases:
        about = case.summary.removeprefix(f"{case.id.where}: ")
        severity = Text(case.severity, style=STYLES[case.severity])
        table.add_row(severity, *map(Text, (str(case.id), case.state, age(case.opened, now), case.assignee, about)))
    screen().print("", table, sep="\n")


def show_corrected(cases: Sequence[Case]) -> None:
    """Print how many records were corrected, by table and kind."""
    tell("\nCorrected by itself")
    table = plain_table("table", "kind", "days", "records")
    for place, found in groupby(sorted(cases, key=_place), key=_place):
        records = [case.wrong for case in found]
        table.add_row(*place, f"{len(records):,}", f"{sum(records):,}")
    screen().print(table)


def _place(case: Case) -> tuple[str, str]:
    return case.id.table, case.id.kind


def show_case(case: Case, now: datetime) -> None:
    """Print how a case stands."""
    again = f", found again {plural(case.reopened, 'time')}" if case.reopened else ""
    decided = f", {case.chosen.decision} by {case.decided_by}" if case.chosen else ""
    assigned = f", assigned to {case.assignee}" if case.assignee else ""
    tell(f"{case.id}: {case.state}{decided}{assigned}")
    tell(f"{case.severity} severity, open since {moment(case.opened)} ({age(case.opened, now)}){again}")


def show_sentences(said: Iterable[StoredFinding]) -> None:
    """Print what the checks say that found it."""
    tell("\nWhat the checks say")
    for finding in (item.finding for item in said):
        tell("\n".join([f"  - {finding.summary}", *(f"      {reason}" for reason in finding.reasons)]))


def show_records(records: Sequence[TrackedRecord], case: Case, spec: TableSpec) -> None:
    """Print wrong records, source and target side by side; what differs is marked."""
    more = f" ({len(records)} of {case.named:,}; --limit shows more)" if len(records) < case.named else ""
    if records:
        tell(f"\nRecords{more}")
    for item in records:
        tell(f"\n  {item.id}  {_identity(item.discrepancy, spec)}  {_sightings(item)}")
        screen().print(_side_by_side(item.discrepancy, spec))
    if case.id.of_records and case.named < case.wrong:
        tell(f"\nAlso wrong, but not listed: {plural(case.wrong - case.named, 'more record')}.")


def _identity(found: Discrepancy, spec: TableSpec) -> str:
    key = masked_key(spec.key, found.key, spec.private)
    return ", ".join(
        f"{name}={value_text(value)}" for name, value in zip(spec.key or ("record",) * len(key), key, strict=True)
    )


def _sightings(item: TrackedRecord) -> str:
    again = f", back {plural(item.reopened, 'time')}" if item.reopened else ""
    return f"seen {plural(item.times_seen, 'time')} since {moment(item.first_seen)}{again}"


def _side_by_side(found: Discrepancy, spec: TableSpec) -> Table:
    table = plain_table("", "column", "source", "target")
    width = max(20, (screen().width - 30) // 2)
    for name in dict.fromkeys([*(found.source or {}), *(found.target or {})]):
        cells = _pair(_cell(found.source, name, spec), _cell(found.target, name, spec), width)
        differs = name in found.differing
        mark, style = ("    " + _DIFFERS, "bold") if differs else ("     ", "dim")
        table.add_row(mark, Text(name), *map(Text, _absent(found, cells)), style=style)
    return table


def _cell(record: Mapping[str, Value] | None, name: str, spec: TableSpec) -> Value:
    return masked(name, (record or {}).get(name), spec.private)


def _pair(source: Value, target: Value, width: int) -> tuple[str, str]:
    """Two values; those that are equal look alike, and all others don't."""
    if source != target:
        return beside(source, target, width)
    text = value_text(source)
    text = text if len(text) <= width else f"{text[: width - 1]}…"
    return text, text


def _absent(found: Discrepancy, cells: tuple[str, str]) -> tuple[str, str]:
    """A side that has no such record shows no values, which NULL would be."""
    return (cells[0] if found.source else _NOTHING, cells[1] if found.target else _NOTHING)


def show_events(events: Iterable[Event]) -> None:
    """Print what happened to a case: when, what, by whom and why."""
    table = plain_table("", "when", "what", "who", "why")
    for event in events:
        table.add_row(str(event.n), moment(event.at), event.act, Text(event.who), Text(event.note))
    screen().print(Text("\nWhat happened", style="bold"), table, sep="\n")


def show_changes(changes: Sequence[Change], specs: Mapping[str, TableSpec], limit: int) -> None:
    """Print the rows that would be written, a line each."""
    for change in changes[:limit]:
        tell(f"  {change_line(change, specs[change.table].private)}")
    if len(changes) > limit:
        tell(f"  and {len(changes) - limit:,} more; --limit or --json shows them")


def change_line(change: Change, private: Collection[str]) -> str:
    """One row to write, in a line."""
    seen = change.shown(private)
    key = ", ".join(f"{name}={value_text(value)}" for name, value in seen.key.items())
    if seen.action is Action.UPDATE:
        cells = [f"{name}: {value_text(before)} -> {value_text(after)}" for name, before, after in seen.cells]
    else:
        rest = (seen.after or seen.before or {}).items()
        cells = [f"{name}={value_text(value)}" for name, value in rest if name not in seen.key]
    return f"{seen.action} {seen.table} {key}: {', '.join(cells)}"


def tally(counts: Mapping[Action, int]) -> str:
    """How many rows of which kind, in words."""
    return ", ".join(plural(counts[action], action) for action in Action if counts.get(action)) or "no rows"


def show_counts(counts: Counts, now: datetime) -> None:
    """Print the figures of the queue."""
    tell(str(counts))
    if counts.oldest and counts.newest:
        for words, at in (("oldest", counts.oldest), ("newest", counts.newest)):
            tell(f"{words}: {moment(at)} ({age(at, now)})")
    for title, found in parts(counts):
        table = plain_table(title, "cases")
        table.columns[1].justify = "right"
        for name, count in found.items():
            table.add_row(Text(name), f"{count:,}")
        screen().print("", table, sep="\n")


def parts(counts: Counts) -> Iterator[tuple[str, Mapping[Any, int]]]:
    """The figures by what they are counted by."""
    yield "state", counts.by_state
    yield "severity", counts.by_severity
    yield "kind", counts.by_kind
    yield "table", counts.by_table


def counts_as_dict(counts: Counts) -> dict[str, Any]:
    """The figures of the queue as ``--json`` prints them."""
    ends = {"oldest": counts.oldest, "newest": counts.newest}
    return {
        "total": counts.total,
        **{name: at and at.isoformat() for name, at in ends.items()},
        **{f"by_{title}": dict(found) for title, found in parts(counts)},
    }


def moment(at: datetime) -> str:
    """A moment, to the minute, in this machine's zone."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M")


def age(since: datetime, now: datetime) -> str:
    """How long ago, in the largest unit."""
    seconds = max(0, int((now - since).total_seconds()))
    return next((f"{seconds // size} {unit}" for size, unit in _AGES if seconds >= size), f"{seconds} s")
