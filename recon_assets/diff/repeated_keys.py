"""The rows of a key that stands more than once, and whole rows where there is no key: compared as multisets.

Each row of one side takes one equal row of the other as its counterpart; those that find none are missing or extra.
Within a tolerance many rows may be near to one, so that as many pairs are made as can be.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from heapq import heappop, heappush
from itertools import chain, islice
from typing import NoReturn

from recon_assets.diff.column_reader import EqualsNothing
from recon_assets.diff.records import RecordReader
from recon_assets.diff.spool import Row, spool
from recon_assets.errors import RefusedError

MAX_HELD = 5000
"""Rows of one key that are held in memory; more are sorted on disk by their values."""
MAX_NEAR = 50_000
"""Rows of one key, alike but for a column with a tolerance, that are paired by it."""
MAX_PAIRED_FREELY = 1000
"""The same where no order of the values tells which pairs are possible: the time grows with the cube of the rows."""


def is_repeated(rows: Sequence[Row]) -> bool:
    """Whether a side has more than one of these rows of one key."""
    return any(sum(row.copies for row in rows if row.role == role) > 1 for role in ("source", "target"))


def without_counterpart(records: RecordReader, rows: Iterable[Row]) -> Iterator[Row]:
    """The rows of one key for which the other side has no equal one left, as few as can be.

    Args:
        records: How they are read.
        rows: The source's first. However many they are, few are held in memory.

    Raises:
        RefusedError: When more rows can be paired within a tolerance than are tried.
    """
    rows = iter(rows)
    held = list(islice(rows, MAX_HELD + 1))
    if len(held) > MAX_HELD:
        yield from _of_many(records, chain(held, rows))
    elif len({row.role for row in held}) == 1:
        yield from held
    else:
        alike: dict[str, list[Row]] = defaultdict(list)
        for row in held:
            alike[records.value_text(row, records.near)].append(row)
        for group in alike.values():
            yield from _of_alike(records, group)


def _of_many(records: RecordReader, rows: Iterable[Row]) -> Iterator[Row]:
    """Sorted on disk by the values that must be equal, so that only rows of equal ones are together in memory."""
    with spool(1) as by_value:
        for row in rows:
            by_value.add((records.value_text(row, records.near),), row)
        for _, _, group in by_value.groups():
            alike = list(islice(group, MAX_NEAR + 1)) if records.near else list(group)
            if len(alike) > MAX_NEAR and records.near:
                yield from _of_one_side(chain(alike, group))
            else:
                yield from _of_alike(records, alike)


def _of_one_side(rows: Iterable[Row]) -> Iterator[Row]:
    """Too many rows to be paired are missing, or extra, as long as the other side has none of them."""
    roles = set()
    for row in rows:
        roles.add(row.role)
        if len(roles) > 1:
            _refuse_to_pair(MAX_NEAR)
        yield row


def _of_alike(records: RecordReader, rows: Sequence[Row]) -> Iterator[Row]:
    """Of rows that are equal in all columns without a tolerance."""
    source = [row for row in rows if row.role == "source"]
    target = [row for row in rows if row.role == "target"]
    if not (source and target):
        yield from rows
        return
    if not records.near:
        more = sum(row.copies for row in source) - sum(row.copies for row in target)
        yield from _last(source, more)
        yield from _last(target, -more)
        return
    if sum(row.copies for row in rows) > MAX_NEAR:
        _refuse_to_pair(MAX_NEAR)
    left, right = ([row._replace(copies=1) for row in side for _ in range(row.copies)] for side in (source, target))
    pairs = _paired_in_order(records, left, right) if _is_ordered(records) else _paired_freely(records, left, right)
    paired = {source for source, _ in pairs}, {target for _, target in pairs}
    yield from (row for at, row in enumerate(left) if at not in paired[0])
    yield from (row for at, row in enumerate(right) if at not in paired[1])


def _last(rows: Sequence[Row], many: int) -> list[Row]:
    """So many of the rows, counted with their copies, from the end."""
    found = []
    for row in reversed(rows):
        if many > 0:
            found.append(row._replace(copies=min(row.copies, many)))
            many -= row.copies
    return found[::-1]


def _refuse_to_pair(most: int) -> NoReturn:
    msg = (
        f"more than {most:,} rows of one key differ only in columns with a tolerance, and which of them belong"
        " together cannot be told in reasonable time; name a key that identifies a record, or use scale"
        " instead of a tolerance"
    )
    raise RefusedError(msg)


Matches = list[tuple[int, int]]
"""Which row of the source is the counterpart of which of the target, by their places."""


def _is_ordered(records: RecordReader) -> bool:
    """Whether what is near to a value are neighbours in the order of values: for one column, and less than 100 %."""
    if len(records.near) > 1:
        return False
    rule = records.readers[records.near[0]].rule
    return rule.of != "larger" or rule.rel is None or rule.rel < 1


def _paired_in_order(records: RecordReader, source: list[Row], target: list[Row]) -> Matches:
    """As many pairs as there can be by one column, where each value is near to its neighbours only."""
    reader = records.readers[records.near[0]]
    numbers: list[list[tuple[Decimal, int]]] = [[], []]
    others: list[dict[str, list[int]]] = [defaultdict(list), defaultdict(list)]
    for side, rows in enumerate((source, target)):
        for n, row in enumerate(rows):
            value = reader.value(records.texts(row)[records.near[0]], row.role)
            if isinstance(value, Decimal) and value.is_finite():
                numbers[side].append((value, n))
            elif not isinstance(value, EqualsNothing):
                others[side][repr(value)].append(n)
    # NULL, NaN and the infinities are near to nothing but themselves.
    same = [pair for value, mine in others[0].items() for pair in zip(mine, others[1][value], strict=False)]
    if reader.rule.of == "target":  # then a value of the target says how far away one of the source may be
        found = _paired_with_neighbours(
            sorted(numbers[1]), sorted(numbers[0]), lambda own, value: reader.near(value, own)
        )
        return [*same, *((mine, other) for other, mine in found)]
    return [*same, *_paired_with_neighbours(sorted(numbers[0]), sorted(numbers[1]), reader.near)]


def _paired_with_neighbours(
    sorted_: Sequence[tuple[Decimal, int]],
    others: Sequence[tuple[Decimal, int]],
    is_near: Callable[[Decimal, Decimal], bool],
) -> Matches:
    """As many pairs as there can be, where what is near to a value is a stretch of the other side's sorted values.

    From the smallest on, each of the others takes the value whose stretch ends first: it has the fewest chances left
    (Glover, Maximum matching in a convex bipartite graph, 1967).
    """
    starting: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for value, n in sorted_:
        first, end = _stretch(value, others, is_near)
        if first < end:
            starting[first].append((end, n))
    pairs: Matches = []
    waiting: list[tuple[int, int]] = []
    for at, (_, other) in enumerate(others):
        for stretch in starting.get(at, ()):
            heappush(waiting, stretch)
        while waiting and waiting[0][0] <= at:
            heappop(waiting)
        if waiting:
            pairs.append((heappop(waiting)[1], other))
    return pairs


def _stretch(
    value: Decimal, others: Sequence[tuple[Decimal, int]], is_near: Callable[[Decimal, Decimal], bool]
) -> tuple[int, int]:
    """Where among sorted values those begin and end that are near to a value: none if it ends where it begins."""

    def reaches(at: int) -> bool:
        return is_near(value, others[at][0])

    middle = bisect_left(others, (value, -1))
    first = bisect_left(range(middle), x=True, key=reaches)
    return first, middle + bisect_left(range(middle, len(others)), x=True, key=lambda at: not reaches(at))


def _paired_freely(records: RecordReader, source: list[Row], target: list[Row]) -> Matches:
    """As many pairs as there can be, whatever may be paired with what."""
    if len(source) + len(target) > MAX_PAIRED_FREELY:
        _refuse_to_pair(MAX_PAIRED_FREELY)
    texts = {id(row): records.texts(row) for row in (*source, *target)}
    equal = [
        [at for at, other in enumerate(target) if not records.differing(texts[id(row)], texts[id(other)])]
        for row in source
    ]
    return [(mine, other) for other, mine in _most_pairs(equal).items()]


def _most_pairs(equal: list[list[int]]) -> dict[int, int]:
    """As many pairs as can be, target to source: a maximum matching by augmenting paths.

    For each row of the source a free one of the target is looked for, also by way of rows that are paired: those then
    change to another one that is equal to them. Taking the first that is free would not do, since being equal within a
    tolerance is not transitive.

    Args:
        equal: For each row of the source, the rows of the target that are equal to it.
    """
    source_of: dict[int, int] = {}
    target_of: dict[int, int] = {}
    for start in range(len(equal)):
        reached_from: dict[int, int] = {}
        waiting, free = [start], None
        while waiting and free is None:
            source = waiting.pop()
            for target in equal[source]:
                if target in reached_from:
                    continue
                reached_from[target] = source
                if target in source_of:
                    waiting.append(source_of[target])
                elif free is None:
                    free = target
        # Back along the path: each row of the source takes the one found, and gives its own to the row before.
        while free is not None:
            source = reached_from[free]
            given_up = target_of.get(source)
            source_of[free], target_of[source], free = source, free, given_up
    return source_of
