"""Compares the records of both sides: digests of all windows first, then the rows of those that differ.

A window too large to be looked at row by row is parted into buckets by the hash of the key, and only buckets
whose digests differ are read. Rows of equal text cancel out at once; what is left over is judged on values.
A record that one window lacks and another has is found when all left-over rows of its key are together.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, groupby, zip_longest
from operator import itemgetter
from typing import Any

from recon_assets import reading
from recon_assets.diff.spool import Key, Row, Spool, spool
from recon_assets.diff.values import Reader, check_rule
from recon_assets.diff.verdicts import Table, Tally, verdicts
from recon_assets.errors import DeclarationError
from recon_assets.model import Comparison, Discrepancy, Rule, Value, Window
from recon_assets.reading import DIGEST, UNPLACED, Pair, Snapshot

LARGEST = 1000
"""Rows of a window that are looked at one by one; a larger window is parted into buckets."""
BUCKET = 20
"""Rows of a bucket, about."""
MAX_SEARCHED_ELSEWHERE = 1000
"""How many records that seem to be missing or extra are looked for in windows that are not compared."""
PAUSE = timedelta(seconds=1)
"""How long rows in flight are waited for before they are read again."""
MAX_CLOCK_DRIFT = timedelta(minutes=1)
"""How far in the future a row may have been changed and still be in flight."""
MAX_EVIDENCE = 1000
_SOUND = 200
Lines = Iterator[tuple[Any, int, str]]


def _silent(_: str) -> None:
    """Says nothing."""


def compare_windows(  # noqa: PLR0913 - what to compare, how much to keep, whom to tell
    snapshot: Snapshot,
    windows: Sequence[Window],
    *,
    where: str | None = None,
    max_evidence: int = MAX_EVIDENCE,
    history: Window | None = None,
    now: datetime | None = None,
    tell: Callable[[str], None] = _silent,
) -> dict[str, Comparison]:
    """What differs in each window, by its key.

    Args:
        snapshot: Both sides.
        windows: In order of time.
        where: SQL; other rows are left out on both sides.
        max_evidence: How many records of each kind to keep for a window; counts are exact all the same.
        history: All time that the table has windows for. A record that is missing or extra in ``windows`` is looked for
            in the rest of it, so that it is one mismatch of the window's column, in the window of the source's record,
            whichever windows are compared. For up to `MAX_SEARCHED_ELSEWHERE` records: more are missing, not moved.
        now: The present, against which rows are in flight when the table has ``grace_period`` and ``updated_at``.
        tell: Is told each step in a line.

    Raises:
        DeclarationError: When the table's rules make no sense for its columns.
        UnavailableError: When a database does not answer.
        DoesNotFitError: When a value lies outside of what can be compared.
    """
    table = table_of(snapshot.pair)
    compare_by_value = frozenset() if table.exact_key else frozenset(table.readers[at].name for at in table.key)
    narrowed = snapshot.narrowed(where=where, compare_by_value=compare_by_value)
    return _Job(narrowed, tuple(windows), _marked(table, compare_by_value), max_evidence, history, now, tell).run()


def table_of(pair: Pair) -> Table:
    """How the records of a pair are read.

    Raises:
        DeclarationError: When a rule makes no sense for its column, or for a key.
    """
    spec, forms = pair.spec, reading.forms(pair)
    zone = spec.days.stored_in if spec.days else "UTC"
    readers = tuple(
        Reader(
            mapped.source.name,
            forms[mapped.source.name],
            mapped.source.type,
            mapped.target.type,
            spec.rules.get(mapped.source.name, Rule()),
            zone,
            compare_by_value=not forms[mapped.source.name].equal_text_proves_equal,
            not_compared=mapped.source.name in pair.not_compared,
        )
        for mapped in pair.columns
    )
    names = [reader.name for reader in readers]
    key = tuple(names.index(name) for name in spec.key) or tuple(
        at for at, reader in enumerate(readers) if not reader.not_compared
    )
    for reader in readers:
        check_rule(reader)
    for at in key:
        _refuse_tolerance(readers[at], spec.key)
    return Table(readers, key, names.index(spec.updated_at) if spec.updated_at else None)


def _refuse_tolerance(reader: Reader, key: Sequence[str]) -> None:
    if reader.rule.tolerant:
        why = "is a column of the key" if key else "is compared as part of the whole row, since there is no key"
        msg = f"{reader.name}: {why}, and a tolerance would make keys equal that are not; use scale instead"
        raise DeclarationError(msg)


def _marked(table: Table, compare_by_value: frozenset[str]) -> Table:
    return replace(
        table,
        readers=tuple(
            replace(reader, compare_by_value=reader.compare_by_value or reader.name in compare_by_value)
            for reader in table.readers
        ),
    )


@dataclass
class _Job:
    """One comparison under way."""

    snapshot: Snapshot
    windows: tuple[Window, ...]
    table: Table
    max_evidence: int
    history: Window | None
    now: datetime | None
    tell: Callable[[str], None]
    tallies: dict[str, Tally] = field(default_factory=dict)
    in_flight: dict[Key, list[Row]] = field(default_factory=dict)
    maybe_moved: dict[Key, Row] = field(default_factory=dict)
    repeated: dict[Key, str] = field(default_factory=dict)
    rows_read: int = 0

    def run(self) -> dict[str, Comparison]:
        """All steps."""
        began = time.monotonic()
        self.tallies = {window.key: Tally(self.max_evidence) for window in self.windows}
        unplaced, flagged = self._measure()
        self._find_repeated()
        with spool(len(self.table.key)) as leftovers:
            for segment in self._differing(flagged):
                self._cancel(segment, leftovers)
            for key, rows in leftovers.groups():
                self._judge(key, rows)
        self._find_moved()
        self._settle_in_flight()
        seconds = time.monotonic() - began
        return {key: self._comparison(key, unplaced, seconds) for key in self.tallies}

    def _comparison(self, key: str, unplaced: tuple[int, int], seconds: float) -> Comparison:
        pair = self.snapshot.pair
        return self.tallies[key].comparison(
            self.table,
            duplicate_keys=sum(window == key for window in self.repeated.values()),
            in_flight=self.tallies[key].counts["in_flight"],
            unplaced=unplaced,
            columns=pair.compared,
            key_only=pair.compares_keys_alone,
            not_compared=pair.left_out,
            rows_read=self.rows_read,
            seconds=seconds,
        )

    def _measure(self) -> tuple[tuple[int, int], list[tuple[Window, int]]]:
        """How many rows fall into no window; the windows whose digests differ, with the larger count of rows."""
        self.tell(f"digesting both sides ({len(self.windows)} windows)")
        found = reading.measured(self.snapshot, [DIGEST], self.windows)
        flagged = []
        for window in self.windows:
            both = found[window.key][DIGEST]
            self.tallies[window.key].counts.update(source=both.source.rows, target=both.target.rows)
            if both.source != both.target:
                flagged.append((window, max(both.source.rows, both.target.rows)))
        none = found[UNPLACED][DIGEST]
        return (none.source.rows, none.target.rows), flagged

    def _find_repeated(self) -> None:
        """Keys that stand more than once, where the database does not rule it out."""
        if not self.table.exact_key:
            return  # all rows are put aside then, and keys are counted there
        key = replace(self.table, readers=tuple(self.table.readers[at] for at in self.table.key))
        key = replace(key, key=tuple(range(len(key.readers))))
        found = self.snapshot.both(lambda side: reading.duplicates(side, self.windows))
        for role, texts in zip(("source", "target"), found, strict=True):
            for text, window in texts.items():
                self.repeated.setdefault(key.key_of(Row(role, window, text)), window)  # type: ignore[arg-type]

    def _differing(self, flagged: Sequence[tuple[Window, int]]) -> Iterator["_Segment"]:
        """The rows of both sides, of each window or bucket whose digests differ."""
        small = [window for window, rows in flagged if rows <= LARGEST]
        if flagged:
            self.tell(f"looking at {sum(rows for _, rows in flagged):,} rows of {len(flagged)} windows that differ")
        if small:
            yield from _together(*self._primed(lambda side: reading.lines(side, small)))
        large = [window for window, rows in flagged if rows > LARGEST]
        if large:
            yield from self._parted(large, max(rows for _, rows in flagged) // BUCKET)

    def _parted(self, windows: Sequence[Window], many: int) -> Iterator["_Segment"]:
        buckets, chosen = reading.bucketed(self.snapshot, windows, many)
        self.tell(f"{sum(map(len, chosen.values())):,} of {many * len(windows):,} buckets differ")
        yield from _together(*self._primed(lambda side: reading.lines(side, windows, buckets, chosen)))

    def _primed(self, read: Callable[[reading.Side], Lines]) -> tuple[Lines, Lines]:
        """The lines of both sides, for which both databases have begun to work at once."""

        def begin(side: reading.Side) -> Lines:
            lines = read(side)
            return chain([first for first in [next(lines, None)] if first], lines)

        return self.snapshot.both(begin)

    def _cancel(self, segment: "_Segment", leftovers: Spool) -> None:
        """Forget what both sides have alike, judge what has its counterpart here, put the rest aside."""
        self.rows_read += len(segment.source) + len(segment.target)
        left = Counter(segment.source)
        left.subtract(segment.target)
        by_key: dict[Key, list[Row]] = {}
        self.tallies[segment.window].keep_matching_samples([line for line, surplus in left.items() if not surplus])
        for line, surplus in left.items():
            if surplus:
                row = Row("source" if surplus > 0 else "target", segment.window, line)
                by_key.setdefault(self.table.key_of(row), []).extend([row] * abs(surplus))
        for key, rows in by_key.items():
            if self.table.exact_key and len(rows) > 1 and key not in self.repeated and self.snapshot.pair.spec.key:
                self._judge(key, rows)
            else:
                for row in rows:
                    leftovers.add(key, row)

    def _judge(self, key: Key, rows: Sequence[Row]) -> None:
        if not self.table.exact_key and self.snapshot.pair.spec.key and _is_repeated(rows):
            self.repeated[key] = min(row.window for row in rows)
        found = list(verdicts(self.table, rows, repeated=key in self.repeated))
        if any(self._is_in_flight(verdict.rows) for verdict in found):
            self.in_flight[key] = list(rows)
            return
        for verdict in found:
            if self._may_have_moved(key, rows):
                self.maybe_moved[key] = rows[0]
            else:
                self.tallies[verdict.window].add(self.table, verdict)

    def _may_have_moved(self, key: Key, rows: Sequence[Row]) -> bool:
        searched = self.history is not None and self.table.exact_key and bool(self.snapshot.pair.spec.key)
        return (
            searched and len(rows) == 1 and key not in self.repeated and len(self.maybe_moved) <= MAX_SEARCHED_ELSEWHERE
        )

    def _find_moved(self) -> None:
        """Look in windows that are not compared for what seems to be missing or extra here."""
        found: dict[Key, Row] = {}
        everywhere = [(part.start, part.end) for part in reading.stretches(self.windows)]
        if (
            self.history
            and 0 < len(self.maybe_moved) <= MAX_SEARCHED_ELSEWHERE
            and everywhere != [(self.history.start, self.history.end)]
        ):
            self.tell(f"looking for {len(self.maybe_moved):,} records in other windows")
            for side, other in ((self.snapshot.target, "source"), (self.snapshot.source, "target")):
                keys = [self.table.key_text(row) for row in self.maybe_moved.values() if row.role == other]
                for window, _, line in reading.elsewhere(side, self.windows, self.history, keys):
                    row = Row(side.role, str(window), line)
                    found[self.table.key_of(row)] = row
        for key, row in self.maybe_moved.items():
            if key in found and row.role == "target":
                continue  # the window of the source's record answers for it
            both = [row, found[key]] if key in found else [row]
            for verdict in verdicts(self.table, both, repeated=False):
                self.tallies[row.window].add(self.table, verdict)

    def _is_in_flight(self, rows: Iterable[Row]) -> bool:
        grace_period = self.snapshot.pair.spec.grace_period
        if grace_period is None or self.now is None:
            return False
        # What was changed in the future would be in flight for ever: clocks may differ by as much, and no more.
        first, last = self.now - grace_period, self.now + MAX_CLOCK_DRIFT
        times = [self.table.touched(row) for row in rows]
        return any(moment is not None and first < moment <= last for moment in times)

    def _settle_in_flight(self) -> None:
        """Read records in flight again, in a new transaction, after a pause; those that still differ count as settled.

        All records of their keys are taken off the counts as they were, and counted anew as they are.
        """
        if not self.in_flight or self.now is None:
            return
        self.tell(f"{len(self.in_flight):,} records are in flight: reading them again")
        for rows in self._read_in_flight(self.snapshot).values():
            self._count(rows, -1)
        time.sleep(PAUSE.total_seconds())
        self.now += PAUSE
        with reading.snapshot(self.snapshot.pair) as opened:
            for rows in self._read_in_flight(
                opened.narrowed(compare_by_value=self.snapshot.target.compare_by_value)
            ).values():
                self._judge_again(rows)

    def _read_in_flight(self, snapshot: Snapshot) -> dict[Key, list[Row]]:
        """All records whose keys are in flight."""
        found: dict[Key, list[Row]] = {}
        texts = sorted({self.table.key_text(row) for rows in self.in_flight.values() for row in rows})
        for side in (snapshot.source, snapshot.target):
            # What is too much to ask for by key is read whole, and so is what has no one text.
            few = self.table.exact_key and len(texts) <= MAX_SEARCHED_ELSEWHERE
            found_lines = reading.matching(side, self.windows, texts) if few else reading.lines(side, self.windows)
            for window, _, line in found_lines:
                row = Row(side.role, str(window), line)
                key = self.table.key_of(row)
                if key in self.in_flight:
                    found.setdefault(key, []).append(row)
        return found

    def _judge_again(self, rows: list[Row]) -> None:
        flying: list[Row] = []
        for verdict in verdicts(self.table, rows, repeated=_is_repeated(rows)):
            if self._is_in_flight(verdict.rows):
                self.tallies[verdict.window].counts["in_flight"] += 1
                flying += verdict.rows
            else:
                self.tallies[verdict.window].add(self.table, verdict)
        self._count(rows, 1)
        self._count(flying, -1)

    def _count(self, rows: Iterable[Row], by: int) -> None:
        for row in rows:
            self.tallies[row.window].counts[row.role] += by


def _is_repeated(rows: Sequence[Row]) -> bool:
    return any(sum(row.role == role for row in rows) > 1 for role in ("source", "target"))


@dataclass(frozen=True)
class _Segment:
    """The lines of both sides of one window, or of one bucket of it."""

    window: str
    source: list[str]
    target: list[str]


def _together(source: Lines, target: Lines) -> Iterator[_Segment]:
    """Lines of both sides, segment by segment; both come in the order of segments."""
    parts = [groupby(lines, key=itemgetter(0, 1)) for lines in (source, target)]
    heads = [next(part, None) for part in parts]
    while any(heads):
        at = min(head[0] for head in heads if head)
        found: list[list[str]] = [[], []]
        for side, head in enumerate(heads):
            if head and head[0] == at:
                found[side] = [text for _, _, text in head[1]]
                heads[side] = next(parts[side], None)
        yield _Segment(str(at[0]), *found)


def total(
    comparisons: Iterable[Comparison],
    max_evidence: int = MAX_EVIDENCE,
    order: Callable[[tuple[Value, ...]], Any] | None = None,
) -> Comparison:
    """Of all windows together; ``order`` is that of keys, for records of one window after another."""
    parts = list(comparisons)
    whole = sum((part.counts for part in parts), Comparison().counts)
    by_column: Counter[str] = Counter()
    for part in parts:
        by_column.update(part.by_column)
    return Comparison(
        whole,
        missing=_first(max_evidence, order, (part.missing for part in parts)),
        extra=_first(max_evidence, order, (part.extra for part in parts)),
        mismatched=_first(max_evidence, order, (part.mismatched for part in parts)),
        by_column=dict(by_column.most_common()),
        duplicate_keys=sum(part.duplicate_keys for part in parts),
        in_flight=sum(part.in_flight for part in parts),
        unplaced=parts[0].unplaced if parts else (0, 0),
        columns=parts[0].columns if parts else (),
        key_only=bool(parts) and parts[0].key_only,
        not_compared=parts[0].not_compared if parts else (),
        matching_samples=tuple(
            filter(None, chain.from_iterable(zip_longest(*(part.matching_samples for part in parts))))
        )[:_SOUND],
        rows_read=max((part.rows_read for part in parts), default=0),
        seconds=max((part.seconds for part in parts), default=0.0),
    )


def _first(
    most: int, order: Callable[[tuple[Value, ...]], Any] | None, records: Iterable[tuple[Discrepancy, ...]]
) -> tuple[Discrepancy, ...]:
    found = list(chain.from_iterable(records))
    return tuple(sorted(found, key=lambda record: order(record.key)) if order else found)[:most]
