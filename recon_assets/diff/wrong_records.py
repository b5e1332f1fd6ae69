"""What the records of one key say: equal, missing, extra or mismatched."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import NamedTuple

from recon_assets.diff.records import RecordReader
from recon_assets.diff.repeated_keys import without_counterpart
from recon_assets.diff.spool import Row
from recon_assets.model import DiscrepancyKind


class WrongRecord(NamedTuple):
    """One wrong record: what it is, the rows it is of, and the columns in which those differ."""

    kind: DiscrepancyKind
    source: Row | None
    target: Row | None
    columns: tuple[str, ...] = ()

    @property
    def window(self) -> str:
        """The window in which it counts: the source's, where that has the record."""
        return self.rows[0].window

    @property
    def copies(self) -> int:
        """How many such records there are."""
        return self.rows[0].copies

    @property
    def rows(self) -> list[Row]:
        """Its one or two rows."""
        return [row for row in (self.source, self.target) if row]


def wrong_records(records: RecordReader, rows: Iterable[Row], *, repeated: bool) -> Iterator[WrongRecord]:
    """What is wrong with the records of one key; those of a repeated key are compared whole, as multisets.

    Args:
        records: How they are read.
        rows: Of one key, the source's first. However many they are, few are held in memory.
        repeated: Whether the key is known to stand more than once on a side.

    Raises:
        RefusedError: When more rows can be paired within a tolerance than are tried.
    """
    rows = iter(rows)
    first = list(islice(rows, 3))
    if [(row.role, row.copies) for row in first] == [("source", 1), ("target", 1)] and not repeated:
        source, target = first
        if columns := records.differing(records.texts(source), records.texts(target)):
            yield WrongRecord(DiscrepancyKind.MISMATCHED, source, target, columns)
        return
    for row in without_counterpart(records, chain(first, rows)):
        if row.role == "source":
            yield WrongRecord(DiscrepancyKind.MISSING, row, None)
        else:
            yield WrongRecord(DiscrepancyKind.EXTRA, None, row)
