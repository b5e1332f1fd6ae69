"""What the records of one key say: equal, missing, extra or mismatched."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from heapq import heappop, heappush
from itertools import chain, islice
from typing import Any, NamedTuple, NoReturn

from recon_assets.diff.spool import Key, Row, key_of, spool
from recon_assets.diff.values import Reader, Unreadable, split
from recon_assets.errors import RefusedError
from recon_assets.model import Discrepancy, DiscrepancyKind, Kind, Value
from recon_assets.values import NUMBERS, numbers

Texts = tuple[str | None, ...]
MAX_HELD = 5000
"""Rows of one key that are held in memory; more are sorted on disk by their values."""
MAX_NEAR = 50_000
"""Rows of one key, alike but for a column with a tolerance, that are paired by it."""
MAX_PAIRED_FREELY = 1000
"""The same where no order of the values tells which pairs are possible: the time grows with the cube of the rows."""


@dataclass(frozen=True)
class Table:
    """How records are read, told apart and shown.

    Attributes:
        readers: One per column, in the order of the cells.
        key: Where in them the key's columns are; without a key, all columns are it.
        updated_at: Where the time of the last change is, if there is one.
    """

    readers: tuple[Reader, ...]
    key: tuple[int, ...]
    updated_at: int | None = None

    @cached_property
    def exact_key(self) -> bool:
        """Whether equal keys have equal texts, so that rows of equal text can be forgotten at once."""
        return all(self.readers[at].form.different_text_proves_different for at in self.key)

    @cached_property
    def near(self) -> tuple[int, ...]:
        """Where the columns with a tolerance are."""
        compared = ((at, each) for at, each in enumerate(self.readers) if not each.not_compared)
        return tuple(at for at, reader in compared if reader.rule.tolerant)

    @cached_property
    def _integers(self) -> tuple[bool, ...]:
        return tuple(self.readers[at].form.kind is Kind.INTEGER for at in self.key)

    @cached_property
    def equal_digests_prove_equal(self) -> bool:
        """Whether rows of equal digests are equal; else every row is read, and judged by its values."""
        return all(reader.form.equal_text_proves_equal for reader in self.readers)

    @cached_property
    def _up_to_key(self) -> tuple[Reader, ...]:
        return self.readers[: max(self.key) + 1]

    def texts(self, row: Row) -> Texts:
        """The texts of a record's cells."""
        return split(row.line, self.readers, row.role)

    def key_texts(self, row: Row) -> Texts:
        """The canonical texts of a record's key."""
        texts = split(row.line, self._up_to_key, row.role)
        return tuple(texts[at] for at in self.key)

    def key_of(self, row: Row) -> Key:
        """The key of a record, equal for equal keys."""
        texts = self.key_texts(row)
        if self.exact_key:
            return key_of(texts, self._integers)
        return tuple(self._comparable(text, at, row) for text, at in zip(texts, self.key, strict=True))

    def value_text(self, row: Row, but: Sequence[int] = ()) -> str:
        """Equal for records whose compared values are equal, those of the columns ``but`` left out."""
        cells = [(at, text) for at, text in enumerate(self.texts(row)) if at not in but]
        return repr([self._comparable(text, at, row) for at, text in cells if not self.readers[at].not_compared])

    def _comparable(self, text: str | None, at: int, row: Row) -> str | None:
        value = self.readers[at].value(text, row.role)
        if isinstance(value, Unreadable):
            return f"{row.role}: {text}"
        return None if value is None else f"{type(value).__name__} {_normal(value)}"

    def differing(self, source: Texts, target: Texts) -> tuple[str, ...]:
        """The columns whose values differ."""
        cells = zip(self.readers, source, target, strict=True)
        return tuple(reader.name for reader, left, right in cells if not reader.same(left, right))

    def record(self, texts: Texts, row: Row) -> dict[str, Value]:
        """A record as results show it."""
        cells = zip(self.readers, texts, strict=True)
        return {reader.name: reader.shown(text, row.role) for reader, text in cells}

    def touched(self, row: Row) -> datetime | None:
        """When a record was last changed, as far as it says."""
        if self.updated_at is None:
            return None
        return self.readers[self.updated_at].instant(self.texts(row)[self.updated_at], row.role)

    def order(self, key: tuple[Value, ...]) -> tuple[Any, ...]:
        """By which keys sort in results: NULL first, numbers by size."""
        return tuple(_rank(value, self.readers[at]) for value, at in zip(key, self.key, strict=True))

    def difference(self, kind: DiscrepancyKind, source: Row | None, target: Row | None) -> Discrepancy:
        """One wrong record; its key is as the source shows it, where it has it."""
        texts = {row.role: self.texts(row) for row in (source, target) if row}
        shown = {row.role: self.record(texts[row.role], row) for row in (source, target) if row}
        own = shown.get("source") or shown["target"]
        both = source is not None and target is not None
        return Discrepancy(
            kind,
            tuple(own[self.readers[at].name] for at in self.key),
            shown.get("source"),
            shown.get("target"),
            self.differing(texts["source"], texts["target"]) if both else (),
            (source or target).window,  # type: ignore[union-attr]
        )


def _normal(value: Any) -> Any:
    return numbers.plain(value) if isinstance(value, Decimal) else repr(value)


def _rank(value: Value, reader: Reader) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    if reader.form.kind in NUMBERS:
        number = reader.value(str(int(value) if isinstance(value, bool) else value), "source")
        return (1, number) if isinstance(number, Decimal | bool) else (2, str(value))
    return (1, str(value))


class Verdict(NamedTuple):
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


def verdicts(table: Table, rows: Iterable[Row], *, repeated: bool) -> Iterator[Verdict]:
    """What is wrong with the records of one key; those of a repeated key are compared whole, as multisets.

    Args:
        table: How records are read.
        rows: Of one key, the source's first. However many they are, few are held in memory.
        repeated: Whether the key is known to stand more than once on a side.

    Raises:
        RefusedError: When more rows can be paired within a tolerance than are tried.
    """
    rows = iter(rows)
    held = list(islice(rows, MAX_HELD + 1))
    if len(held) > MAX_HELD:
        yield from _of_many(table, chain(held, rows))
        return
    source = [row for row in held if row.role == "source"]
    target = [row for row in held if row.role == "target"]
    if [row.copies for row in source] == [row.copies for row in target] == [1] and not repeated:
        if columns := table.differing(table.texts(source[0]), table.texts(target[0])):
            yield Verdict(DiscrepancyKind.MISMATCHED, source[0], target[0], columns)
        return
    yield from _surplus_verdicts(*(surplus(table, source, target) if source and target else (source, target)))


def _of_many(table: Table, rows: Iterable[Row]) -> Iterator[Verdict]:
    """Sorted on disk by the values that must be equal, so that only rows of equal ones are together in memory."""
    with spool(1) as by_value:
        for row in rows:
            by_value.add((table.value_text(row, table.near),), row)
        for _, _, group in by_value.groups():
            alike = list(islice(group, MAX_NEAR + 1)) if table.near else list(group)
            if len(alike) > MAX_NEAR and table.near:
                yield from _of_one_side(chain(alike, group))
                continue
            source = [row for row in alike if row.role == "source"]
            target = [row for row in alike if row.role == "target"]
            yield from _surplus_verdicts(*_surplus_of_alike(table, source, target))


def _of_one_side(rows: Iterable[Row]) -> Iterator[Verdict]:
    """Too many rows to be paired are missing, or extra, as long as the other side has none of them."""
    roles = set()
    for row in rows:
        roles.add(row.role)
        if len(roles) > 1:
            _refuse_to_pair(MAX_NEAR)
        yield from _surplus_verdicts([row], []) if row.role == "source" else _surplus_verdicts([], [row])


def _surplus_verdicts(source: Iterable[Row], target: Iterable[Row]) -> Iterator[Verdict]:
    for row in source:
        yield Verdict(DiscrepancyKind.MISSING, row, None)
    for row in target:
        yield Verdict(DiscrepancyKind.EXTRA, None, row)


def surplus(table: Table, source: Sequence[Row], target: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of each side for which the other has no equal one left, as few as can be."""
    alike: dict[str, tuple[list[Row], list[Row]]] = defaultdict(lambda: ([], []))
    for side, rows in enumerate((source, target)):
        for row in rows:
            alike[table.value_text(row, table.near)][side].append(row)
    found = [_surplus_of_alike(table, *both) for both in alike.values()]
    return [row for missing, _ in found for row in missing], [row for _, extra in found for row in extra]


def _surplus_of_alike(table: Table, source: list[Row], target: list[Row]) -> tuple[list[Row], list[Row]]:
    """The same, of rows that are equal in all columns without a tolerance."""
    if not (source and target):
        return source, target
    if not table.near:
        more = sum(row.copies for row in source) - sum(row.copies for row in target)
        return _last(source, more), _last(target, -more)
    if sum(row.copies for row in (*source, *target)) > MAX_NEAR:
        _refuse_to_pair(MAX_NEAR)
    left, right = (
        list(chain.from_iterable([row._replace(copies=1)] * row.copies for row in rows)) for rows in (source, target)
    )
    pairs = _paired_in_order(table, left, right) if _is_ordered(table) else _paired_freely(table, left, right)
    paired = {source for source, _ in pairs}, {target for _, target in pairs}
    return (
        [row for at, row in enumerate(left) if at not in paired[0]],
        [row for at, row in enumerate(right) if at not in paired[1]],
    )


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


Pairs = list[tuple[int, int]]


def _is_ordered(table: Table) -> bool:
    """Whether what is near to a value are neighbours in the order of values: for one column, and less than 100 %."""
    if len(table.near) > 1:
        return False
    rule = table.readers[table.near[0]].rule
    return rule.of != "larger" or rule.rel is None or rule.rel < 1


def _paired_in_order(table: Table, source: list[Row], target: list[Row]) -> Pairs:
    """As many pairs as there can be by one column, where each value is near to its neighbours only."""
    reader = table.readers[table.near[0]]
    numbers: list[list[tuple[Decimal, int]]] = [[], []]
    others: list[dict[str, list[int]]] = [defaultdict(list), defaultdict(list)]
    for side, rows in enumerate((source, target)):
        for n, row in enumerate(rows):
            value = reader.value(table.texts(row)[table.near[0]], row.role)
            if isinstance(value, Decimal) and value.is_finite():
                numbers[side].append((value, n))
            elif not isinstance(value, Unreadable):
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
) -> Pairs:
    """As many pairs as there can be, where what is near to a value is a stretch of the other side's sorted values.

    From the smallest on, each of the others takes the value whose stretch ends first: it has the fewest chances left
    (Glover, Maximum matching in a convex bipartite graph, 1967).
    """
    starting: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for value, n in sorted_:
        first, end = _stretch(value, others, is_near)
        if first < end:
            starting[first].append((end, n))
    pairs: Pairs = []
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


def _paired_freely(table: Table, source: list[Row], target: list[Row]) -> Pairs:
    """As many pairs as there can be, whatever may be paired with what."""
    if len(source) + len(target) > MAX_PAIRED_FREELY:
        _refuse_to_pair(MAX_PAIRED_FREELY)
    texts = {id(row): table.texts(row) for row in (*source, *target)}
    equal = [
        [at for at, other in enumerate(target) if not table.differing(texts[id(row)], texts[id(other)])]
        for row in source
    ]
    return [(mine, other) for other, mine in _paired(equal).items()]


def _paired(equal: list[list[int]]) -> dict[int, int]:
    """As many pairs as can be, target to source (augmenting paths): closeness within a tolerance is not transitive."""
    taken: dict[int, int] = {}
    placed: dict[int, int] = {}
    for first in range(len(equal)):
        came: dict[int, int] = {}
        waiting, free = [first], None
        while waiting and free is None:
            at = waiting.pop()
            for other in equal[at]:
                if other not in came:
                    came[other] = at
                    waiting += [taken[other]] if other in taken else []
                    free = other if other not in taken and free is None else free
        while free is not None:
            at = came[free]
            before = placed.get(at)
            taken[free], placed[at], free = at, free, before
    return taken
