"""Compares the records of both sides: digests of all windows first, then the rows of those that differ.

1. Digests of all windows: those that agree are done.
2. A large window that differs is split by row digests into parts, and those into smaller ones, level by level.
3. The rows of parts that differ are read. Rows that both sides have alike cancel out. Where one side has one row more,
   the difference of the sums of hashes is that row's hash, and no other row is read.
4. What is left is put aside on disk by key, and each key is judged on the values of all its rows together.
5. A record that seems to be missing or extra is looked for in windows that are not compared.
6. Records that differ and are younger than the grace period are read again.

Memory does not grow with the table or the damage: of digests and rows one statement's share is held, of wrong records
their counts. Each step sees that it has as many rows as the one before has counted; else the comparison is an error.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain, islice

from recon_assets import reading
from recon_assets.diff.comparisons import MAX_SAMPLES, Comparisons, scales
from recon_assets.diff.records import RecordReader, record_reader
from recon_assets.diff.repeated_keys import MAX_HELD, is_repeated
from recon_assets.diff.spool import ROLES, Key, Row, Spool, spool, text_of
from recon_assets.diff.wrong_records import WrongRecord, wrong_records
from recon_assets.errors import ContradictionError
from recon_assets.model import Window
from recon_assets.reading import CONTRADICTION, COUNT, DIGEST, UNDATED, Digest, Part, Snapshot

MAX_ROWS_READ_WHOLE = 1000
"""Rows of a window or part whose rows are read; a larger one is split first."""
ROWS_PER_PART = 20
"""Rows of a part, about, as far as `MAX_DIGESTS` allows."""
MAX_DIGESTS = 32_768
"""Digests of parts that one statement asks for."""
MAX_ROWS_OF_PART = 10_000
"""Rows of a part that are read; a larger one is split again."""
_MAX_PARTS = 2**40
MAX_PARTS_READ = 1024
"""Parts that one statement names."""
MAX_SEARCHED_ELSEWHERE = 1000
"""How many records that seem to be missing or extra are looked for in windows that are not compared."""
PAUSE = timedelta(seconds=1)
"""How long rows in flight are waited for before they are read again."""
MAX_CLOCK_DRIFT = timedelta(minutes=1)
"""How far in the future a row may have been changed and still be in flight."""
MAX_EVIDENCE = 1000
"""Records of each kind that are kept of a window, and of all windows together."""


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
) -> Comparisons:
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
        RefusedError: When too many rows of one key are to be paired within a tolerance.
        ContradictionError: When two readings of the same rows contradict each other.
    """
    records = record_reader(snapshot.pair)
    found = Comparisons(snapshot.pair.spec.name, records, (window.key for window in windows), max_evidence)
    comparing = _Comparing(snapshot.narrowed(where=where), tuple(windows), records, found, history, now, tell)
    comparing.run()
    return found


@dataclass
class _Comparing:
    """One comparison under way."""

    snapshot: Snapshot
    windows: tuple[Window, ...]
    records: RecordReader
    found: Comparisons
    history: Window | None
    now: datetime | None
    tell: Callable[[str], None]
    how: reading.Hashing = reading.Hashing.CANONICAL
    maybe_moved: dict[Key, Row] = field(default_factory=dict)
    rows_read: int = 0

    @property
    def _keyed(self) -> bool:
        return bool(self.snapshot.pair.spec.key)

    @property
    def _judges_every_row(self) -> bool:
        """Whether rows that both sides have alike are judged too.

        Either equal texts prove nothing, or a rule makes keys equal that have different texts: then a row that both
        sides have may share its key with one that only one side has, and both together are a repeated key.
        """
        return not self.records.equal_digests_prove_equal or (self._keyed and not self.records.exact_key)

    def run(self) -> None:
        """All steps."""
        began = time.monotonic()
        width = len(self.records.key)
        with ExitStack() as stack:
            leftovers, in_flight = (stack.enter_context(spool(width)) for _ in range(2))
            undated, differing = self._digest_windows()
            self._note_repeated_keys(leftovers)
            if differing:
                self._read(differing, leftovers)
            for key, repeated, rows in leftovers.groups():
                self._judge(key, repeated, rows, in_flight)
            self._find_moved()
            self._read_again(in_flight)
        pair = self.snapshot.pair
        self.found.finish(
            undated=undated,
            columns=pair.compared,
            key_only=pair.compares_keys_alone,
            not_compared=pair.not_compared,
            scales=scales(pair),
            rows_read=self.rows_read,
            seconds=time.monotonic() - began,
        )

    # 1. digests of all windows

    def _digest_windows(self) -> tuple[tuple[int, int] | None, list[Part]]:
        """How many rows have no time, and the windows that differ; all, where digests prove nothing."""
        self.tell(f"digesting both sides ({len(self.windows)} windows)")
        measure = DIGEST if self.records.equal_digests_prove_equal else COUNT
        measured = reading.measured(self.snapshot, [measure], self.windows)
        differing = []
        for window in self.windows:
            both = measured[window.key][measure]
            source, target = _rows(both.source), _rows(both.target)
            self.found.tallies[window.key].counts.update(source=source, target=target)
            if both.source != both.target or (measure is COUNT and source):
                differing.append(Part(window, source, target))
        if self.snapshot.pair.spec.calendar is None or self.windows[0].start is None:
            return None, differing
        none = measured[UNDATED][measure]
        return (_rows(none.source), _rows(none.target)), differing

    def _note_repeated_keys(self, leftovers: Spool) -> None:
        """Keys of equal texts that stand more than once, where the database does not rule it out."""
        key = replace(self.records, readers=tuple(self.records.readers[at] for at in self.records.key))
        key = replace(key, key=tuple(range(len(key.readers))))
        streams = self.snapshot.both(lambda side: reading.prefetched(reading.duplicates(side, self.windows)))
        for role, texts in zip(ROLES, streams, strict=True):
            for text, window in texts:
                leftovers.mark_repeated(key.key_of(Row(role, window, text)), window)

    # 2. and 3. the parts that differ, and their rows

    def _read(self, differing: Sequence[Part], leftovers: Spool) -> None:
        """Put aside the rows of these windows that are not on both sides alike."""
        self.tell(f"looking at {sum(part.rows for part in differing):,} rows of {len(differing)} windows that differ")
        self.how = reading.hashing(self.snapshot)
        small = [part for part in differing if self._judges_every_row or part.rows <= MAX_ROWS_READ_WHOLE]
        large = [part for part in differing if not self._judges_every_row and part.rows > MAX_ROWS_READ_WHOLE]
        for some in _batches(small):
            self._read_parts(some, leftovers)
        for some in _batches(large):
            self._split(some, leftovers)

    def _split(self, large: Sequence[Part], leftovers: Spool) -> None:
        """Read those smaller parts only that differ; but where most of them do, the larger one as a whole."""
        most, parts_before = max(part.rows for part in large), large[0].parts
        each = _power_of_2(min(most // ROWS_PER_PART, MAX_DIGESTS // len(large)))
        parts = reading.split(self.snapshot, large, each, self.how)
        self.tell(f"{len(parts):,} of {each * len(large):,} parts differ")
        differ = Counter((part.window.key, part.rest % parts_before) for part in parts)
        dense = [part for part in large if 2 * differ[part.window.key, part.rest] > each]
        # Sorted by the server into segments that are small enough to be held.
        segments = parts_before * _power_of_2(2 * most // max(1, MAX_ROWS_READ_WHOLE))
        for some in _batches(dense):
            self._read_parts(some, leftovers, segments)
        sparse = [part for part in parts if 2 * differ[part.window.key, part.rest % parts_before] <= each]
        self._read_sparse(list(_with_samples(sparse)), leftovers)

    def _read_sparse(self, parts: Sequence[Part], leftovers: Spool) -> None:
        """Read these parts, but split those again that are still large."""
        # A part of identical rows cannot be split, and need not be: they are held as one.
        large = [
            part for part in parts if part.row is None and part.rows > MAX_ROWS_OF_PART and part.parts < _MAX_PARTS
        ]
        kept = set(large)
        for some in _batches([part for part in parts if part not in kept]):
            mistaken = self._read_parts(some, leftovers, some[0].parts)
            self._read_sparse(mistaken, leftovers)
        for some in _batches(large):
            self._split(some, leftovers)

    def _read_parts(self, parts: Sequence[Part], leftovers: Spool, segments: int = 1) -> list[Part]:
        """Read the rows of some parts, and put aside those that are not on both sides alike.

        Returns:
            Parts of which the one row that was to differ was not found: there is more than one, and all must be read.

        Raises:
            ContradictionError: When not as many rows come as the digests counted, or all of them cancel out.
        """
        surplus = {(part.window.key, part.rest): part.source - part.target for part in parts if part.row is not None}
        read = {(part.window.key, part.rest): Counter[str]() for part in parts}
        streams = self.snapshot.both(lambda side: reading.prefetched(reading.lines(side, parts, self.how, segments)))
        for (day, segment), source, target in reading.side_by_side(*streams):
            place = (str(day), segment % parts[0].parts)
            seen = read.setdefault(place, Counter())
            of_source, of_target = _counting(source, seen, "source"), _counting(target, seen, "target")
            rows: Iterable[Row]
            if self._judges_every_row:
                rows = chain(
                    (Row("source", str(day), text) for text in of_source),
                    (Row("target", str(day), text) for text in of_target),
                )
            else:
                rows = self._left(str(day), of_source, of_target)
            if place in surplus:
                rows = list(rows)  # the hash's own, which are few
                rows = rows if seen["source"] - seen["target"] == surplus[place] else []
            for row in rows:
                leftovers.add(self.records.key_of(row), row)
                seen["left"] += 1
        self.rows_read += sum(seen["source"] + seen["target"] for seen in read.values())
        mistaken = []
        for part in parts:
            seen = read[part.window.key, part.rest]
            if part.row is not None:
                # The others' digests are equal when this row is taken off them.
                mistaken += [] if seen["left"] else [replace(part, row=None)]
            elif (seen["source"], seen["target"]) != (part.source, part.target) or not seen["left"]:
                msg = (
                    f"{self.snapshot.pair.spec.name}: {part}: the digests are of {part.source:,} rows in source and"
                    f" {part.target:,} in target, and differ; {seen['source']:,} and {seen['target']:,} rows were"
                    f" read, and {seen['left']:,} of them are not on both sides alike. {CONTRADICTION}"
                )
                raise ContradictionError(msg)
        return mistaken

    def _left(self, window: str, source: Iterable[str], target: Iterable[str]) -> Iterator[Row]:
        """What is left of a segment when what both sides have alike cancels out."""
        more = Counter(source)
        more.subtract(Counter(target))
        self.found.keep_samples(window, [text for text, surplus in more.items() if not surplus])
        for text, surplus in more.items():
            if surplus:
                yield Row("source" if surplus > 0 else "target", window, text, abs(surplus))

    # 4. the verdict on each key

    def _judge(self, key: Key, repeated_in: str | None, rows: Iterator[Row], in_flight: Spool) -> None:
        """Count what is wrong with the records of one key, or put them aside for later."""
        held = list(islice(rows, MAX_HELD + 1))
        many = len(held) > MAX_HELD
        if self._keyed and (many or (not self.records.exact_key and is_repeated(held))):
            repeated_in = repeated_in or min(row.window for row in held)
        repeated = repeated_in is not None
        if repeated_in is not None:
            self.found.tallies[repeated_in].counts["duplicate_keys"] += 1
        if many and self._grace_period is None:
            self._count((), wrong_records(self.records, self._paired(chain(held, rows)), repeated=repeated))
            return
        found = [] if many else list(wrong_records(self.records, held, repeated=repeated))
        # So many rows of one key are read again without a look at how old they are.
        if many or any(self._is_in_flight(wrong.rows) for wrong in found):
            for row in chain(held, rows):
                in_flight.add(key, row)
        elif found and self._may_have_moved(held, repeated=repeated):
            self.maybe_moved[key] = held[0]
        else:
            self._count(held, found)

    def _count(self, rows: Iterable[Row], found: Iterable[WrongRecord]) -> None:
        """Count what is wrong with these rows; all others of them have their counterpart."""
        for row in rows:
            self._pair(row, 1)
        for wrong in found:
            self._add(wrong)

    def _add(self, wrong: WrongRecord) -> None:
        self.found.add(wrong)
        if wrong.source is None or wrong.target is None:
            self._pair(wrong.rows[0], -1)

    def _paired(self, rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            self._pair(row, 1)
            yield row

    def _pair(self, row: Row, by: int) -> None:
        """A row has its counterpart, or has it not after all."""
        self.found.tallies[row.window].paired_surplus += by * row.copies * (1 if row.role == "source" else -1)

    # 5. records in other windows

    def _may_have_moved(self, rows: Sequence[Row], *, repeated: bool) -> bool:
        searched = self.history is not None and self.records.exact_key and self._keyed and not repeated
        return searched and len(rows) == 1 and len(self.maybe_moved) <= MAX_SEARCHED_ELSEWHERE

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
                keys = [self.records.key_texts(row) for row in self.maybe_moved.values() if row.role == other]
                for window, _, line in reading.elsewhere(side, self.windows, self.history, keys):
                    row = Row(side.role, str(window), line)
                    found[self.records.key_of(row)] = row
                    self.rows_read += 1
        for key, row in self.maybe_moved.items():
            self._pair(row, 1)
            if key in found and row.role == "target":
                continue  # it counts in the window of the source's record
            both = [row, found[key]] if key in found else [row]
            for wrong in wrong_records(self.records, both, repeated=False):
                self._add(wrong)

    # 6. records in flight

    @property
    def _grace_period(self) -> timedelta | None:
        return None if self.now is None else self.snapshot.pair.spec.grace_period

    def _is_in_flight(self, rows: Iterable[Row]) -> bool:
        if self.now is None or self._grace_period is None:
            return False
        # What was changed in the future would be in flight for ever: clocks may differ by as much, and no more.
        first, last = self.now - self._grace_period, self.now + MAX_CLOCK_DRIFT
        times = [self.records.touched(row) for row in rows]
        return any(moment is not None and first < moment <= last for moment in times)

    def _read_again(self, in_flight: Spool) -> None:
        """Read records in flight again, in a new transaction, after a pause; those that still differ are in flight.

        All records of their keys are taken off the counts as they were, and counted anew as they are.
        """
        keys = in_flight.keys(MAX_SEARCHED_ELSEWHERE + 1)
        if not keys or self.now is None:
            return
        few = self.records.exact_key and self._keyed and len(keys) <= MAX_SEARCHED_ELSEWHERE
        texts = [tuple(map(text_of, key)) for key in keys] if few else None
        in_flight.make_searchable()
        self.tell("some records are in flight: reading them again")
        for _, row in self._rows_in_flight(self.snapshot, in_flight, texts):
            self.found.tallies[row.window].counts[row.role] -= 1
        time.sleep(PAUSE.total_seconds())
        self.now += PAUSE
        with reading.snapshot(self.snapshot.pair) as opened, spool(len(self.records.key)) as again:
            for key, row in self._rows_in_flight(opened, in_flight, texts):
                self.found.tallies[row.window].counts[row.role] += 1
                again.add(key, row)
            for _, _, rows in again.groups():
                self._judge_again(rows)

    def _rows_in_flight(
        self, snapshot: Snapshot, in_flight: Spool, texts: Sequence[reading.KeyTexts] | None
    ) -> Iterator[tuple[Key, Row]]:
        """All rows whose keys are in flight; what is too much to ask for by key is found among all rows."""
        for side in (snapshot.source, snapshot.target):
            if texts is not None:
                lines = reading.matching(side, self.windows, texts)
            else:
                parts = [Part(window, 0, 0) for window in self.windows]
                lines = chain.from_iterable(reading.lines(side, some) for some in _batches(parts))
            for window, _, line in lines:
                row = Row(side.role, str(window), line)
                key = self.records.key_of(row)
                if in_flight.holds(key):
                    yield key, row

    def _judge_again(self, rows: Iterator[Row]) -> None:
        held = list(islice(rows, MAX_HELD + 1))
        repeated = len(held) > MAX_HELD or is_repeated(held)
        for wrong in wrong_records(self.records, self._paired(chain(held, rows)), repeated=repeated):
            if not self._is_in_flight(wrong.rows):
                self._add(wrong)
                continue
            self.found.tallies[wrong.window].counts["in_flight"] += wrong.copies
            for row in wrong.rows:
                self.found.tallies[row.window].counts[row.role] -= row.copies
                self._pair(row, -1)


def _rows(figure: int | Digest) -> int:
    return figure.rows if isinstance(figure, Digest) else figure


def _power_of_2(number: int) -> int:
    """The largest that is not above the number, and at least 2."""
    return int(2 ** max(1, number.bit_length() - 1))


def _with_samples(parts: Iterable[Part]) -> Iterator[Part]:
    """The same parts, but of each window some are read whole, for records that agree, to be shown beside the others."""
    read_whole = Counter[str]()
    for part in parts:
        found = part if read_whole[part.window.key] >= MAX_SAMPLES else replace(part, row=None)
        if found.row is None:
            read_whole[part.window.key] += part.rows
        yield found


def _batches(parts: Sequence[Part]) -> Iterator[Sequence[Part]]:
    """So many parts as one statement may name; those of one window in one statement as far as may be."""
    for at in range(0, len(parts), MAX_PARTS_READ):
        yield parts[at : at + MAX_PARTS_READ]


def _counting(lines: Iterable[reading.Line], seen: Counter[str], role: str) -> Iterator[str]:
    for _, _, text in lines:
        seen[role] += 1
        yield text
