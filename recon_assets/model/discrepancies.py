"""What is said of single records: when two values are equal, and how two sides differ."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from itertools import islice
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Literal, overload

Value = None | bool | int | str
"""A value as results show it: NULL, booleans and integers as such, all else as its canonical string."""


@dataclass(frozen=True)
class Rule:
    """How two values of one column may differ and still be equal; none of it means exactly equal.

    Attributes:
        abs: Numbers this far apart are equal.
        rel: Numbers are equal that are apart by this share of the base that ``of`` names.
        of: Whose value is the base of ``rel``.
        scale: Numbers are first rounded to so many digits after the point.
        precision: Times are first brought to so many digits after the second.
        rounding: How ``scale`` and ``precision`` do that.
        strip, rstrip: White space around, or after, a text is no data.
        ignore_case: Case is no data.
        unicode: Texts are first brought to this normal form.
        read_as: What the values are to be read as, whatever type holds them (``as`` in YAML).
    """

    abs: Decimal | None = None
    rel: Decimal | None = None
    of: Literal["source", "target", "larger"] = "source"
    scale: int | None = None
    precision: int | None = None
    rounding: Literal["half_up", "truncate"] = "half_up"
    strip: bool = False
    rstrip: bool = False
    ignore_case: bool = False
    unicode: Literal["NFC"] | None = None
    read_as: Literal["uuid", "json", "float32", "boolean", "timestamp", "number"] | None = None

    @property
    def tolerant(self) -> bool:
        """Whether equal values may stay different: such a rule is not transitive."""
        return self.abs is not None or self.rel is not None


class DiscrepancyKind(StrEnum):
    """In which way a record is wrong."""

    MISSING = "missing"
    EXTRA = "extra"
    MISMATCHED = "mismatched"
    ORPHAN = "orphan"
    DISORDERED = "disordered"

    @property
    def words(self) -> str:
        """What such records are, as in "10 records only in the target"."""
        return _WORDS[self]


COMPARED_KINDS = (DiscrepancyKind.MISSING, DiscrepancyKind.EXTRA, DiscrepancyKind.MISMATCHED)
"""What comparing the records of both sides finds, in the order of results."""
_WORDS: Mapping[DiscrepancyKind, str] = MappingProxyType(
    {
        DiscrepancyKind.MISSING: "missing from the target",
        DiscrepancyKind.EXTRA: "only in the target",
        DiscrepancyKind.MISMATCHED: "with other values in the target",
        DiscrepancyKind.ORPHAN: "without their parent record",
        DiscrepancyKind.DISORDERED: "out of order",
    }
)


_DECIMAL = re.compile(r"-?\d+(\.\d+)?")


def _digest(said: object) -> str:
    return hashlib.sha256(repr(said).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Discrepancy:
    """One record that differs.

    Attributes:
        kind: In which way.
        key: One item per column of the key.
        source, target: The whole record of each side by the source's names; None where there is none.
        differing: The columns whose values differ, for a mismatch; those at fault otherwise.
        window: The window of the source's record; of the target's, when only that exists.
    """

    kind: DiscrepancyKind
    key: tuple[Value, ...]
    source: Mapping[str, Value] | None = None
    target: Mapping[str, Value] | None = None
    differing: tuple[str, ...] = ()
    window: str = "all"

    @property
    def columns(self) -> dict[str, tuple[Value, Value]]:
        """The source's and the target's value of each column that differs."""
        source, target = self.source or {}, self.target or {}
        return {name: (source.get(name), target.get(name)) for name in self.differing}

    def id(self, table: str) -> str:
        """The same for the same fault of the same record, whenever it is found."""
        return _digest((table, self.kind.value, self.key, self.differing))

    @property
    def fingerprint(self) -> str:
        """The same as long as the fault's values are: those that differ, else the whole record."""
        values: Mapping[str, object] = self.columns if self.differing else self.source or self.target or {}
        return _digest(sorted(values.items()))


@dataclass(frozen=True)
class RecordShape:
    """What many discrepancies have in common; `Discrepancy` says what each is.

    ``source`` and ``target`` are the names of the columns; None where there is no such record.
    """

    kind: DiscrepancyKind
    source: tuple[str, ...] | None
    target: tuple[str, ...] | None
    differing: tuple[str, ...]
    window: str

    def place(self, side: Literal["source", "target"], name: str) -> int | None:
        """Where in a row of `Discrepancies` the value of a column is; None where nothing is said of it."""
        names = getattr(self, side) or ()
        before = 0 if side == "source" else len(self.source or ())
        return before + names.index(name) if name in names else None


@dataclass(frozen=True)
class Discrepancies(Sequence[Discrepancy]):
    """Discrepancies, which are many: what they have in common is said once, and values are taken by column.

    Attributes:
        shapes: What they have in common.
        shape_of: Of each the number of its shape.
        keys: The key of each.
        rows: The values of each, the source's and then the target's.
    """

    shapes: Sequence[RecordShape]
    shape_of: Sequence[int]
    keys: Sequence[tuple[Value, ...]]
    rows: Sequence[Sequence[Value]]

    @classmethod
    def of(cls, found: Iterable[Discrepancy]) -> "Discrepancies":
        """The same, of discrepancies as they are."""
        shapes: dict[RecordShape, int] = {}
        shape_of, keys, rows = list[int](), list[tuple[Value, ...]](), list[tuple[Value, ...]]()
        for each in found:
            source, target = (None if record is None else tuple(record) for record in (each.source, each.target))
            shape = RecordShape(each.kind, source, target, each.differing, each.window)
            shape_of.append(shapes.setdefault(shape, len(shapes)))
            keys.append(each.key)
            rows.append((*(each.source or {}).values(), *(each.target or {}).values()))
        return cls(list(shapes), shape_of, keys, rows)

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Discrepancy: ...
    @overload
    def __getitem__(self, at: slice) -> "Discrepancies": ...
    def __getitem__(self, at: int | slice) -> "Discrepancy | Discrepancies":
        """One of them, or some."""
        if isinstance(at, slice):
            return self.only(range(len(self))[at])
        shape, values = self.shapes[self.shape_of[at]], iter(self.rows[at])
        source, target = (
            None if names is None else dict(zip(names, islice(values, len(names)), strict=True))
            for names in (shape.source, shape.target)
        )
        return Discrepancy(shape.kind, self.keys[at], source, target, shape.differing, shape.window)

    def only(self, places: Sequence[int]) -> "Discrepancies":
        """Those at these places."""
        if len(places) == len(self):
            return self
        return Discrepancies(
            self.shapes,
            [self.shape_of[at] for at in places],
            [self.keys[at] for at in places],
            [self.rows[at] for at in places],
        )

    @cached_property
    def by_shape(self) -> Mapping[RecordShape, Sequence[int]]:
        """The places of those that have each shape; a shape that none has is not among them."""
        if len(self.shapes) == 1:
            return {shape: range(len(self)) for shape in self.shapes if self.rows}
        found: dict[int, list[int]] = {}
        for at, number in enumerate(self.shape_of):
            found.setdefault(number, []).append(at)
        return {self.shapes[number]: places for number, places in found.items()}

    def column(self, side: Literal["source", "target"], name: str, lacking: Any) -> list[Any]:
        """The values of one column; ``lacking`` of those of whose record nothing says it."""
        places = [shape.place(side, name) for shape in self.shapes]
        if len(set(places)) == 1 and places[0] is not None:
            return list(map(itemgetter(places[0]), self.rows))
        each = zip(self.shape_of, self.rows, strict=True)
        return [lacking if (place := places[number]) is None else row[place] for number, row in each]


@dataclass(frozen=True)
class Counts:
    """How many records; exact, also where the evidence is capped. ``source - missing == target - extra``."""

    source: int = 0
    target: int = 0
    missing: int = 0
    extra: int = 0
    mismatched: int = 0

    @property
    def wrong(self) -> int:
        """How many records differ."""
        return self.missing + self.extra + self.mismatched

    def __add__(self, other: "Counts") -> "Counts":
        """Of both together."""
        return Counts(
            self.source + other.source,
            self.target + other.target,
            self.missing + other.missing,
            self.extra + other.extra,
            self.mismatched + other.mismatched,
        )


@dataclass(frozen=True)
class NotCompared:
    """A column of which a comparison says nothing, though nobody asked for it to be left out.

    Attributes:
        column: Its name on the side that has it; the source's name where both have it.
        side: Which side has it.
        why: A reason that reads alone; what stands behind a semicolon says what to do.
    """

    column: str
    side: Literal["source", "target", "both"]
    why: str

    def __str__(self) -> str:
        return f"{self.column} ({self.why.partition('; ')[0]})"


@dataclass(frozen=True)
class Comparison:
    """What comparing the records of both sides found.

    Attributes:
        counts: Exact figures.
        missing: Records that only the source has, in key order.
        extra: Records that only the target has, in key order.
        mismatched: Records of the same key whose values differ, in key order.
        by_column: In how many mismatched records each column differs; exact.
        duplicate_keys: How many distinct keys stand more than once on a side; their records are compared as multisets.
        in_flight: Records that differ but are younger than ``grace_period``: not counted, to be compared later.
        undated: Rows of source and target without a time, which fall into no window; None without windows.
        outside: Rows of source and target that have a time, or need none, and are not among those asked for; None where
            they were not counted.
        columns: The columns that were compared, those of the key too, by the source's names.
        key: What identified a record, where no declaration says it; none where whole records were compared.
        scales: The digits after the point that a column's decimals have in the source and in the target.
        key_only: Whether these are the key's alone, though a side has others.
        not_compared: The columns that were not, but for those that the caller left out.
        renamed: The target's names of columns, by the source's, that were taken for one though nobody said so.
        tables: The tables' names, by side, where those that were given meant them and were not theirs.
        matching_samples: Some records that agree, from among the wrong ones; what they have in common is no reason.
        rows_read: Rows of which a listing or values were read, both sides together.
        seconds: How long it took.
    """

    counts: Counts = field(default_factory=Counts)
    missing: tuple[Discrepancy, ...] = ()
    extra: tuple[Discrepancy, ...] = ()
    mismatched: tuple[Discrepancy, ...] = ()
    by_column: Mapping[str, int] = field(default_factory=dict)
    duplicate_keys: int = 0
    in_flight: int = 0
    undated: tuple[int, int] | None = None
    outside: tuple[int, int] | None = None
    columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    scales: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    key_only: bool = False
    not_compared: tuple[NotCompared, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    matching_samples: tuple[Mapping[str, Value], ...] = ()
    rows_read: int = 0
    seconds: float = 0.0

    def written(self, column: str, value: Value, side: int) -> Value:
        """A value of the source (0) or target (1) with the zeros that its column has: 11.10 and not 11.1."""
        scale = self.scales.get(column, (0, 0))[side]
        if not scale or not isinstance(value, str) or not _DECIMAL.fullmatch(value):
            return value
        whole, _, digits = value.partition(".")
        return f"{whole}.{digits.ljust(scale, '0')}"

    @property
    def discrepancies(self) -> tuple[Discrepancy, ...]:
        """All evidence."""
        return (*self.missing, *self.extra, *self.mismatched)

    @property
    def equal(self) -> bool:
        """Whether no settled record differs, in the columns and rows that were compared."""
        return self.counts.wrong == 0

    @property
    def whole(self) -> bool:
        """Whether every column and every row was compared, but for what the caller left out."""
        return not self.not_compared and not any(self.undated or ())

    @property
    def width(self) -> int:
        """How many columns the wider side has, but for those that the caller left out."""
        alone = [sum(column.side == side for column in self.not_compared) for side in ("source", "target", "both")]
        return len(self.columns) + max(alone[:2]) + alone[2]

    @property
    def complete(self) -> bool:
        """Whether the evidence holds every record that differs."""
        return len(self.discrepancies) == self.counts.wrong
