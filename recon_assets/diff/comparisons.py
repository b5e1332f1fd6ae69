"""What comparing some windows found: counts in memory, records in a temporary file until somebody asks for them."""

import sqlite3
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from recon_assets.diff.records import RecordReader
from recon_assets.diff.spool import Row, temporary_file
from recon_assets.diff.wrong_records import WrongRecord
from recon_assets.errors import ContradictionError
from recon_assets.model import COMPARED_KINDS, Comparison, Counts, Discrepancy, DiscrepancyKind, Kind
from recon_assets.reading import CONTRADICTION, Pair

MAX_SAMPLES = 50
"""Records that agree, of each window, and of all windows together four times as many."""
_AGREES = "agrees"


@dataclass
class Tally:
    """The counts of one window.

    Attributes:
        counts: By the names of `Counts`, and ``in_flight``, ``duplicate_keys`` and the number of samples kept.
        paired_surplus: Rows of the source in this window that have a counterpart in the target, in whatever window,
            less those of the target here that have one in the source. So it is 0 unless counterparts stand in different
            windows; and it proves the counts: source - missing - paired_surplus = target - extra.
    """

    counts: Counter[str] = field(default_factory=Counter)
    by_column: Counter[str] = field(default_factory=Counter)
    paired_surplus: int = 0


class Comparisons(Mapping[str, Comparison]):
    """The comparison of each window by its key; it is made when it is asked for, with its records in key order."""

    def __init__(self, place: str, records: RecordReader, windows: Iterable[str], max_evidence: int) -> None:
        """Nothing found so far; at most ``max_evidence`` records of each kind and window will be kept."""
        self.place, self.records, self.max_evidence = place, records, max_evidence
        self.tallies = {window: Tally() for window in windows}
        self.common: dict[str, Any] = {}
        self._records = temporary_file()
        # Closed with this object: who asks for a comparison need not know that there is a file.
        self._closing = weakref.finalize(self, sqlite3.Connection.close, self._records)
        self._records.execute("CREATE TABLE record (window, kind, source_line, target_window, target_line)")

    def __getitem__(self, window: str) -> Comparison:
        """The comparison of one window."""
        return self._comparison(
            window, self.tallies[window], [(window, dict.fromkeys(COMPARED_KINDS, self.max_evidence))]
        )

    def __iter__(self) -> Iterator[str]:
        """The keys of the windows, in their order."""
        return iter(self.tallies)

    def __len__(self) -> int:
        """How many windows were compared."""
        return len(self.tallies)

    def total(self, *, by_key: bool = False) -> Comparison:
        """Of all windows together; each has its fair share of the evidence, which is no more than that of one.

        Args:
            by_key: Whether records are in the order of their keys, and not of their windows.
        """
        whole = Tally()
        for tally in self.tallies.values():
            whole.counts.update(tally.counts)
            whole.by_column.update(tally.by_column)
        shares: dict[str, dict[DiscrepancyKind, int]] = {window: {} for window in self.tallies}
        for kind in COMPARED_KINDS:
            wrong = [tally.counts[kind.value] for tally in self.tallies.values()]
            for window, share in zip(self.tallies, fair_shares(wrong, self.max_evidence), strict=True):
                shares[window][kind] = share
        return self._comparison(None, whole, list(shares.items()), by_key=by_key)

    def add(self, wrong: WrongRecord) -> None:
        """Count one wrong record, and keep it if there is room."""
        tally, kind = self.tallies[wrong.window], wrong.kind.value
        room = self.max_evidence - tally.counts[kind]
        tally.counts[kind] += wrong.copies
        tally.by_column.update(wrong.columns)
        source, target = wrong.source, wrong.target
        row = (wrong.window, kind, source and source.line, target and target.window, target and target.line)
        for _ in range(min(room, wrong.copies)):
            self._records.execute("INSERT INTO record VALUES (?, ?, ?, ?, ?)", row)

    def keep_samples(self, window: str, agreeing: Sequence[str]) -> None:
        """Keep some records that agree, spread over those given."""
        kept = self.tallies[window].counts
        step = max(1, len(agreeing) // MAX_SAMPLES)
        chosen = agreeing[::step][: MAX_SAMPLES - kept[_AGREES]]
        kept[_AGREES] += len(chosen)
        rows = [(window, _AGREES, line, None, None) for line in chosen]
        self._records.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)

    def finish(self, **common: Any) -> None:
        """See that the counts of every window agree with each other; what is ``common`` stands in each comparison.

        Raises:
            ContradictionError: When as many records are not found on both sides as are said to be.
        """
        self.common = common
        self._records.execute("CREATE INDEX places ON record (window, kind)")
        for window, tally in self.tallies.items():
            counts = tally.counts
            left = counts["source"] - counts["missing"] - tally.paired_surplus
            right = counts["target"] - counts["extra"]
            if left != right:
                msg = (
                    f"{self.place} {window}: {counts['source']:,} rows in source and {counts['target']:,} in target,"
                    f" {counts['missing']:,} missing and {counts['extra']:,} extra, {tally.paired_surplus:,} more in"
                    f" source with their counterpart in another window: that leaves {left:,} on one side and {right:,}"
                    f" on the other. {CONTRADICTION}"
                )
                raise ContradictionError(msg)

    def _comparison(
        self,
        window: str | None,
        tally: Tally,
        shares: Sequence[tuple[str, Mapping[DiscrepancyKind, int]]],
        *,
        by_key: bool = True,
    ) -> Comparison:
        missing, extra, mismatched = (
            self._evidence([(of, share[kind]) for of, share in shares], kind, by_key=by_key) for kind in COMPARED_KINDS
        )
        wrong = bool(missing or extra or mismatched)
        counts = tally.counts
        return replace(
            Comparison(
                Counts(*(counts[item.name] for item in fields(Counts))),
                missing,
                extra,
                mismatched,
                by_column=dict(tally.by_column.most_common()),
                duplicate_keys=counts["duplicate_keys"],
                in_flight=counts["in_flight"],
                matching_samples=self._samples(window) if wrong else (),
            ),
            **self.common,
        )

    def _evidence(
        self, shares: Iterable[tuple[str, int]], kind: DiscrepancyKind, *, by_key: bool
    ) -> tuple[Discrepancy, ...]:
        found: list[Discrepancy] = []
        for window, most in shares:
            select = "SELECT source_line, target_window, target_line FROM record WHERE window = ? AND kind = ? LIMIT ?"
            records = []
            for source, there, target in self._records.execute(select, (window, kind.value, most)):
                rows = (
                    None if source is None else Row("source", window, source),
                    None if target is None else Row("target", there, target),
                )
                records.append(self.records.difference(kind, *rows))
            found += sorted(records, key=lambda record: self.records.order(record.key))
        return tuple(sorted(found, key=lambda record: self.records.order(record.key)) if by_key else found)

    def _samples(self, window: str | None) -> tuple[Mapping[str, Any], ...]:
        """Of all windows in turn, so that none is left out before others have had theirs."""
        select = "SELECT source_line FROM record WHERE kind = ? AND (window = ? OR ? IS NULL) ORDER BY rowid LIMIT ?"
        most = MAX_SAMPLES if window else 4 * MAX_SAMPLES
        lines = [line for (line,) in self._records.execute(select, (_AGREES, window, window, most))]
        rows = [Row("source", "", line) for line in lines]
        return tuple(self.records.record(self.records.texts(row), row) for row in rows)


def fair_shares(wanted: Sequence[int], most: int) -> list[int]:
    """What each gets of ``most``: all that it wants, or as much as anybody who wants more; the rest to the first."""
    found = [0] * len(wanted)
    left = most
    for rank, at in enumerate(sorted(range(len(wanted)), key=lambda at: wanted[at])):
        found[at] = min(wanted[at], left // (len(wanted) - rank))
        left -= found[at]
    for at, want in enumerate(wanted):
        more = min(want - found[at], left)
        found[at] += more
        left -= more
    return found


def scales(pair: Pair) -> dict[str, tuple[int, int]]:
    """The digits after the point that values of columns have, which are decimals on both sides."""
    found = ((mapped.source.name, mapped.source.type, mapped.target.type) for mapped in pair.columns)
    decimals = ((name, here, there) for name, here, there in found if {here.kind, there.kind} == {Kind.DECIMAL})
    return {name: (here.scale or 0, there.scale or 0) for name, here, there in decimals}
