"""How the records of a table are read from canonical texts, told apart by their keys, and shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from recon_assets import reading
from recon_assets.diff.column_reader import EqualsNothing, Reader, split
from recon_assets.diff.rules import check_rule
from recon_assets.diff.spool import Key, Row, key_of
from recon_assets.errors import DeclarationError
from recon_assets.model import Discrepancy, DiscrepancyKind, Kind, Rule, Value
from recon_assets.values import NUMBERS, numbers

Texts = tuple[str | None, ...]


@dataclass(frozen=True)
class RecordReader:
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
        compared = ((at, each) for at, each in enumerate(self.readers) if not each.read_along)
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
        return repr([self._comparable(text, at, row) for at, text in cells if not self.readers[at].read_along])

    def _comparable(self, text: str | None, at: int, row: Row) -> str | None:
        value = self.readers[at].value(text, row.role)
        if isinstance(value, EqualsNothing):
            return f"{row.role}: {text!r}"
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
            next(row.window for row in (source, target) if row),
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


def record_reader(pair: reading.Pair) -> RecordReader:
    """How the records of a pair are read.

    Raises:
        DeclarationError: When a rule makes no sense for its column, or for a key.
    """
    spec, forms = pair.spec, reading.forms(pair)
    readers = tuple(
        Reader(
            mapped.source.name,
            forms[mapped.source.name],
            mapped.source.type,
            mapped.target.type,
            spec.rules.get(mapped.source.name, Rule()),
            spec.stored_in,
            compare_by_value=not forms[mapped.source.name].equal_text_proves_equal,
            read_along=mapped.source.name in pair.read_along,
        )
        for mapped in pair.columns
    )
    names = [reader.name for reader in readers]
    key = tuple(names.index(name) for name in spec.key) or tuple(
        at for at, reader in enumerate(readers) if not reader.read_along
    )
    for reader in readers:
        check_rule(reader)
    for at in key:
        _refuse_tolerance(readers[at], spec.key)
    return RecordReader(readers, key, names.index(spec.updated_at) if spec.updated_at else None)


def _refuse_tolerance(reader: Reader, key: Sequence[str]) -> None:
    if reader.rule.tolerant:
        why = "is a column of the key" if key else "is compared as part of the whole row, since there is no key"
        msg = f"{reader.name}: {why}, and a tolerance would make keys equal that are not; use scale instead"
        raise DeclarationError(msg)
