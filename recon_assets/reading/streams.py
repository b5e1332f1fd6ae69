"""Rows as canonical lines, segment by segment: what is compared where digests differ."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import md5_text, row_text, text_hash
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.model import Window
from recon_assets.reading.measures import DIGEST, Digest, Hashing, digest_of, hashing, row_hash, scan, too_long
from recon_assets.reading.snapshot import Side, Snapshot, is_unique

_NONE: Mapping[str, Sequence[int]] = MappingProxyType({})


@dataclass(frozen=True)
class Buckets:
    """How rows of a window are parted by their keys: into ``many`` parts, by the hash of the key."""

    many: int
    how: Hashing

    def of(self, side: Side) -> sa.ColumnElement[Any]:
        """The bucket of a row. Without a key it is that of the whole row."""
        names = side.pair.spec.key or [mapped.source.name for mapped in side.pair.columns]
        if self.how is not Hashing.CANONICAL:
            number: sa.ColumnElement[int] = row_hash(side, names)
        else:
            number = text_hash(row_text(side.cells(names)))
        return sa.func.abs(number % sa.literal_column(str(self.many)))


ChosenBuckets = Mapping[str, Sequence[int]]
"""Numbers of buckets, by the key of their window."""


def bucketed(snapshot: Snapshot, windows: Sequence[Window], many: int) -> tuple[Buckets, ChosenBuckets]:
    """Parts the rows of each window into buckets, and names those whose digests differ."""
    buckets = Buckets(many, hashing(snapshot))
    source, target = snapshot.both(lambda side: _digests(side, windows, buckets))
    chosen: dict[str, list[int]] = {window.key: [] for window in windows}
    for window, bucket in sorted({*source, *target}):
        if source.get((window, bucket)) != target.get((window, bucket)):
            chosen[window].append(bucket)
    return buckets, chosen


def _digests(side: Side, windows: Sequence[Window], buckets: Buckets) -> dict[tuple[str, int], Digest]:
    with driver_errors(side.where):
        found = side.connection.execute(scan(side, [DIGEST], windows, part=buckets.of(side), how=buckets.how))
        return {(str(row[0]), int(row[1])): digest_of(row[2:]) for row in found if row[0] is not None}


def lines(
    side: Side, windows: Sequence[Window], buckets: Buckets | None = None, chosen: ChosenBuckets = _NONE
) -> Iterator[tuple[Any, int, str]]:
    """The rows of some windows, or of the chosen buckets of each, as canonical texts.

    Yields:
        ``(window, bucket, text)`` in the order of windows and buckets; the window is a date, or ``all``.

    Raises:
        DoesNotFitError: When a row is too long for its database to write down.
    """
    part = buckets.of(side) if buckets else sa.literal_column("0")
    names = [mapped.source.name for mapped in side.pair.columns]
    select = side.select(
        side.date(windows).label("recon_window"), part.label("recon_part"), row_text(side.cells(names))
    )
    if buckets:
        select = select.where(sa.or_(*(_is_chosen(side, window, part, chosen[window.key]) for window in windows)))
    else:
        select = select.where(side.inside(windows))
    if buckets or len(windows) > 1:
        select = select.order_by(sa.literal_column("1"), sa.literal_column("2"))
    for batch in side.stream(select):
        for window, bucket, text in map(tuple, batch):
            yield window, bucket, text if text is not None else too_long(side.where, 1)


def _is_chosen(
    side: Side, window: Window, part: sa.ColumnElement[Any], numbers: Sequence[int]
) -> sa.ColumnElement[bool]:
    # Written out: there may be more of them than a driver takes parameters.
    wanted: sa.BindParameter[int] = sa.bindparam(None, list(numbers), expanding=True, literal_execute=True)
    return sa.and_(side.inside([window]), part.in_(wanted))


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


def matching(side: Side, windows: Sequence[Window], keys: Sequence[str]) -> Iterator[tuple[Any, int, str]]:
    """The rows of some keys, given as canonical texts, in some windows; as `lines` yields them.

    A collation may add rows of other keys.
    """
    yield from _of_keys(side, windows, keys, side.inside(windows))


def elsewhere(
    side: Side, windows: Sequence[Window], history: Window, keys: Sequence[str]
) -> Iterator[tuple[Any, int, str]]:
    """The rows of some keys, as `matching`, that stand in ``history`` but in none of ``windows``."""
    yield from _of_keys(side, [history], keys, sa.and_(side.inside([history]), sa.not_(side.inside(windows))))


def _of_keys(
    side: Side, windows: Sequence[Window], keys: Sequence[str], where: sa.ColumnElement[bool]
) -> Iterator[tuple[Any, int, str]]:
    if not keys:
        return
    names = [mapped.source.name for mapped in side.pair.columns]
    key = row_text(side.cells(side.pair.spec.key or names))
    rows = side.select(side.date(windows), sa.literal_column("0"), row_text(side.cells(names)))
    for batch in side.stream(rows.where(where, key.in_(keys))):
        yield from map(tuple, batch)
