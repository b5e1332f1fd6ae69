"""Counts the rows of each group on both sides. Groups lie on disk: a table may have as many of them as rows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from recon_assets import reading
from recon_assets.diff.spool import ROLES, Key, Row, key_of, spool, text_of
from recon_assets.model import Group, GroupCounts, Groups, Window


def count_groups(
    snapshot: reading.Snapshot, need: Groups, windows: Sequence[Window], most: int
) -> Iterator[GroupCounts]:
    """What the groups of each window say, in the order of ``windows``; ``most`` differences are kept of each.

    Raises:
        UnavailableError: When a database does not answer.
    """
    texts = [False for _ in need.by]
    places = {window.key: at for at, window in enumerate(windows)}
    with spool(1 + len(need.by)) as groups:
        for at in places.values():  # a group of no rows, so that windows without rows come too
            groups.add((at, *(None for _ in need.by)), Row("source", "", "", 0))
        with reading.savepoint(snapshot):
            streams = snapshot.both(lambda side: reading.prefetched(reading.group_counts(side, need, windows)))
            for role, stream in zip(ROLES, streams, strict=True):
                for window, group, rows in stream:
                    groups.add((places[window], *key_of(group, texts)), Row(role, "", "", rows))
        for _, of_window in groupby(groups.groups(), key=lambda each: each[0][0]):
            yield GroupCounts.of(_counts(of_window), need.tolerance, most)


def _counts(groups: Iterable[tuple[Key, str | None, Iterable[Row]]]) -> Iterator[tuple[Group, int, int]]:
    for (_, *group), _, rows in groups:
        counts = {row.role: row.copies for row in rows}
        yield tuple(map(text_of, group)), counts.get("source", 0), counts.get("target", 0)
