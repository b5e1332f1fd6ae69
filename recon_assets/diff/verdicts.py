"""What the records of one key say: equal, missing, extra or mismatched."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from recon_assets.diff.spool import Key, Row, key_of
from recon_assets.diff.values import Reader, Unreadable, join, split
from recon_assets.model import Comparison, Counts, Discrepancy, DiscrepancyKind, Kind, Value
from recon_assets.values import NUMBERS, numbers

Texts = tuple[str | None, ...]


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
    def _integers(self) -> tuple[bool, ...]:
        return tuple(self.readers[at].form.kind is Kind.INTEGER for at in self.key)

    def texts(self, row: Row) -> Texts:
        """The texts of a record's cells."""
        return split(row.line, self.readers, row.role)

    def key_text(self, row: Row) -> str:
        """The canonical text of a record's key, as the other side has it: texts of keys bear no marks."""
        texts = self.texts(row)
        return join([texts[at] for at in self.key], tuple(self.readers[at] for at in self.key))

    def key_of(self, row: Row) -> Key:
        """The key of a record, equal for equal keys."""
        texts = self.texts(row)
        if self.exact_key:
            return key_of([texts[at] for at in self.key], self._integers)
        return tuple(self._comparable(texts[at], at, row) for at in self.key)

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

    def values(self, row: Row) -> tuple[Any, ...]:
        """What a record's texts mean."""
        return tuple(
            None if reader.not_compared else reader.value(text, row.role)
            for reader, text in zip(self.readers, self.texts(row), strict=True)
        )

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


@dataclass(frozen=True)
class Verdict:
    """One wrong record: what it is and the rows it is of."""

    kind: DiscrepancyKind
    source: Row | None
    target: Row | None

    @property
    def window(self) -> str:
        """The window that answers for it: the source's, where it has the record."""
        return (self.source or self.target).window  # type: ignore[union-attr]

    @property
    def rows(self) -> list[Row]:
        """Its one or two rows."""
        return [row for row in (self.source, self.target) if row]


def verdicts(table: Table, rows: Sequence[Row], *, repeated: bool) -> Iterator[Verdict]:
    """What is wrong with the records of one key; those of a repeated key are compared whole, as multisets."""
    source = [row for row in rows if row.role == "source"]
    target = [row for row in rows if row.role == "target"]
    if len(source) == len(target) == 1 and not repeated:
        if table.differing(table.texts(source[0]), table.texts(target[0])):
            yield Verdict(DiscrepancyKind.MISMATCHED, source[0], target[0])
        return
    if source and target:
        source, target = surplus(table, source, target)
    for row in source:
        yield Verdict(DiscrepancyKind.MISSING, row, None)
    for row in target:
        yield Verdict(DiscrepancyKind.EXTRA, None, row)


def surplus(table: Table, source: list[Row], target: list[Row]) -> tuple[list[Row], list[Row]]:
    """The rows of each side for which the other has no equal one left, as few as can be."""
    if not any(reader.rule.tolerant for reader in table.readers):
        return _uncounted(table, source, target)
    texts = {id(row): table.texts(row) for row in (*source, *target)}
    equal = [
        [at for at, other in enumerate(target) if not table.differing(texts[id(row)], texts[id(other)])]
        for row in source
    ]
    taken = _paired(equal)
    left = set(taken.values())
    return (
        [row for at, row in enumerate(source) if at not in left],
        [row for at, row in enumerate(target) if at not in taken],
    )


def _uncounted(table: Table, source: list[Row], target: list[Row]) -> tuple[list[Row], list[Row]]:
    here, there = ({id(row): table.values(row) for row in rows} for rows in (source, target))
    return _without(source, here, Counter(there.values())), _without(target, there, Counter(here.values()))


def _without(rows: list[Row], values: dict[int, tuple[Any, ...]], others: Counter[tuple[Any, ...]]) -> list[Row]:
    """The rows that are left when each of the others has taken its equal."""
    found = []
    for row in rows:
        if others[values[id(row)]] > 0:
            others[values[id(row)]] -= 1
        else:
            found.append(row)
    return found


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


@dataclass
class Tally:
    """What was found of one window so far: exact counts, and at most ``limit`` records of each kind."""

    limit: int
    counts: Counter[str] = field(default_factory=Counter)
    by_column: Counter[str] = field(default_factory=Counter)
    evidence: dict[DiscrepancyKind, list[Discrepancy]] = field(default_factory=dict)
    matching_samples: list[str] = field(default_factory=list)

    def keep_matching_samples(self, agreeing: Sequence[str]) -> None:
        """Keep some records that agree, spread over those given."""
        step = max(1, len(agreeing) // _SOUND)
        self.matching_samples += agreeing[::step][: _SOUND - len(self.matching_samples)]

    def add(self, table: Table, verdict: Verdict) -> None:
        """Count one wrong record, and keep it if there is room."""
        self.counts[verdict.kind.value] += 1
        kept = self.evidence.setdefault(verdict.kind, [])
        if len(kept) < self.limit:
            found = table.difference(verdict.kind, verdict.source, verdict.target)
            kept.append(found)
            self.by_column.update(found.differing)
        elif verdict.source and verdict.target:
            self.by_column.update(table.differing(table.texts(verdict.source), table.texts(verdict.target)))

    def comparison(self, table: Table, **more: Any) -> Comparison:
        """All of it, with records in key order."""
        names = [item.name for item in fields(Counts)]
        found = [
            tuple(sorted(self.evidence.get(kind, ()), key=lambda found: table.order(found.key))) for kind in _COMPARED
        ]
        counts, by_column = Counts(*(self.counts[name] for name in names)), dict(self.by_column.most_common())
        agreeing = [Row("source", "", line) for line in self.matching_samples if any(found)]
        matching_samples = tuple(table.record(table.texts(row), row) for row in agreeing)
        return Comparison(
            counts, found[0], found[1], found[2], by_column=by_column, matching_samples=matching_samples, **more
        )


_SOUND = 50
_COMPARED = (DiscrepancyKind.MISSING, DiscrepancyKind.EXTRA, DiscrepancyKind.MISMATCHED)
