"""Rows as canonical lines, segment by segment: what is compared where digests differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import half, md5_text, row_text, typed_hash
from recon_assets.dialect.failures import explained
from recon_assets.model import Window
from recon_assets.slices.measures import DIGEST, Digest, Hashing, digest_of, hashing, scan, too_long
from recon_assets.slices.snapshot import Side, Snapshot, is_unique


@dataclass(frozen=True)
class Buckets:
    """How rows of a window are parted by their keys: into ``many`` parts, by the hash of the key."""

    many: int
    how: Hashing

    def of(self, side: Side) -> sa.ColumnElement[Any]:
        """The bucket of a row. Without a key it is that of the whole row."""
        names = side.pair.spec.key or [mapped.source.name for mapped in side.pair.columns]
        if self.how is not Hashing.CANONICAL:
            number: sa.ColumnElement[int] = typed_hash([side.value(name) for name in names])
        else:
            number = half(md5_text(row_text(side.cells(names))), 0)
        return sa.func.abs(number % sa.literal_column(str(self.many)))


def bucketed(snapshot: Snapshot, window: Window, many: int) -> tuple[Buckets, list[int]]:
    """Parts the rows of one window into buckets, and names those whose digests differ."""
    buckets = Buckets(many, hashing(snapshot))
    source, target = snapshot.both(lambda side: _digests(side, window, buckets))
    return buckets, [bucket for bucket in sorted({*source, *target}) if source.get(bucket) != target.get(bucket)]


def _digests(side: Side, window: Window, buckets: Buckets) -> dict[int, Digest]:
    with explained(side.where):
        found = side.connection.execute(scan(side, [DIGEST], [window], part=buckets.of(side), how=buckets.how))
        return {int(row[1]): digest_of(row[2:]) for row in found if row[0] is not None}


def lines(
    side: Side, windows: Sequence[Window], buckets: Buckets | None = None, chosen: Sequence[int] = ()
) -> Iterator[tuple[Any, str]]:
    """The rows of some windows, or of some buckets of one window, as canonical texts.

    Yields:
        ``(segment, text)`` in the order of segments, which are days, ``all``, or numbers of buckets.

    Raises:
        DoesNotFitError: When a row is too long for its database to write down.
    """
    segment = buckets.of(side) if buckets else side.date(windows)
    names = [mapped.source.name for mapped in side.pair.columns]
    select = side.select(segment.label("recon_segment"), row_text(side.cells(names))).where(side.inside(windows))
    if buckets:
        select = select.where(segment.in_(chosen))
    if buckets or len(windows) > 1:
        select = select.order_by(sa.literal_column("1"))
    for batch in side.stream(select):
        for found, text in map(tuple, batch):
            yield found, text if text is not None else too_long(side.where, 1)


def duplicates(side: Side, windows: Sequence[Window]) -> dict[str, str]:
    """Keys that stand more than once on this side, as canonical texts, each with the first window it stands in."""
    if not side.pair.spec.key or is_unique(side):
        return {}
    text = row_text(side.cells(side.pair.spec.key))
    keys = side.select(side.date(windows).label("recon_window"), text.label("recon_key")).where(side.inside(windows))
    rows = keys.subquery("recon_keys")
    # By digest: a collation would take different keys for one.
    key = md5_text(rows.c.recon_key)
    twice = sa.select(sa.func.min(rows.c.recon_window), sa.func.min(rows.c.recon_key)).group_by(key)
    return {
        text: str(window)
        for batch in side.stream(twice.having(sa.func.count() > 1))
        for window, text in map(tuple, batch)
    }


def elsewhere(side: Side, windows: Sequence[Window], history: Window, keys: Sequence[str]) -> Iterator[tuple[Any, str]]:
    """The rows of some keys, given as canonical texts, that stand in ``history`` but in none of ``windows``.

    Yields:
        ``(day, text)``; a collation may add rows of other keys.
    """
    if not keys:
        return
    names = [mapped.source.name for mapped in side.pair.columns]
    key = row_text(side.cells(side.pair.spec.key))
    rows = side.select(side.date([history]), row_text(side.cells(names)))
    found = rows.where(side.inside([history]), sa.not_(side.inside(windows)), key.in_(keys))
    for batch in side.stream(found):
        yield from map(tuple, batch)
