"""Both sides have the same columns, keys and indexes, whatever the rows say."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal, NamedTuple

from recon_assets.checks.base import BaseCheck
from recon_assets.model import (
    Column,
    Details,
    Evidence,
    Finding,
    Kind,
    Need,
    NotGatheredError,
    TableSchemas,
    Type,
    plural,
)

if TYPE_CHECKING:  # a declaration is read without SQLAlchemy, which takes a third of a second to import
    from recon_assets.reading import TableSchema

Drift = Literal["missing", "extra", "retyped", "renullabled", "reordered", "rekeyed", "reindexed"]


class Difference(NamedTuple):
    """In what the schemas differ: of which column or columns, and what each side has."""

    drift: Drift
    what: str
    source: str = ""
    target: str = ""

    def __str__(self) -> str:
        sides = f" ({self.source} in source, {self.target} in target)" if self.source and self.target else ""
        return f"{self.drift} {self.what}{sides}"


class _Seen(NamedTuple):
    """What matters of one side, by the target's names."""

    columns: dict[str, Column]
    primary: frozenset[str]
    unique: frozenset[frozenset[str]]
    indexes: frozenset[tuple[str, ...]]


@dataclass(frozen=True)
class Schema(BaseCheck):
    """The target's columns have the source's names, types, nullability and order; its keys and indexes are the same.

    Attributes:
        ignore: Columns of either side that are no matter.
        rename: The target's names of the source's columns, where they differ.
        query: The source is a query, of which no nullability, key or index is known.
        allow: Kinds of drift that are no fault.
    """

    kind = "schema"
    ignore: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict, hash=False)
    query: bool = False
    allow: tuple[Drift, ...] = ()

    @property
    def needs(self) -> tuple[Need, ...]:
        """What both databases say of the table."""
        return (TableSchemas(),)

    @property
    def daily(self) -> bool:
        """A table has one schema for all days."""
        return False

    @property
    def _default_description(self) -> str:
        return "Columns, keys and indexes of the target are those of the source."

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no difference is found, but for those allowed."""
        both = evidence.of(TableSchemas())
        source, target = self._seen(both.source, self.rename), self._seen(both.target, {})
        if not source.columns:
            msg = "the source told no columns"
            raise NotGatheredError(msg)
        found = [item for item in self._differences(source, target) if item.drift not in self.allow]
        return self.finding(
            evidence,
            f"{plural(len(found), 'difference')} between the {plural(len(source.columns), 'column')}"
            f" of the source and the {len(target.columns):,} of the target{_listed(found)}",
            passed=not found,
            source=len(source.columns),
            target=len(target.columns),
            wrong=len(found),
            of=len(source.columns),
            details=Details(("difference", "of", "source", "target"), tuple(found)) if found else None,
        )

    def _seen(self, schema: "TableSchema", rename: Mapping[str, str]) -> _Seen:
        def mapped(columns: Collection[str]) -> tuple[str, ...]:
            """Nothing, when a part is ignored."""
            return () if set(columns) & set(self.ignore) else tuple(rename.get(name, name) for name in columns)

        columns = {rename.get(item.name, item.name): item for item in schema.columns if item.name not in self.ignore}
        unique = {frozenset(mapped(key)) for key in schema.unique}
        indexes = {mapped(index) for index in schema.indexes}
        return _Seen(columns, frozenset(mapped(schema.primary_key)), frozenset(unique), frozenset(indexes))

    def _differences(self, source: _Seen, target: _Seen) -> Iterator[Difference]:
        common = {
            name: (column, target.columns[name]) for name, column in source.columns.items() if name in target.columns
        }
        for name, column in source.columns.items():
            if name not in common:
                yield Difference("missing", name, column.type.name)
        for name, column in target.columns.items():
            if name not in common:
                yield Difference("extra", name, "", column.type.name)
        yield from _retyped(common)
        yield from _reordered(list(common), [name for name in target.columns if name in common])
        if not self.query:
            yield from _renullabled(common)
            yield from _rekeyed(source, target)
            yield from _reindexed(source, target)


def _retyped(common: Mapping[str, tuple[Column, Column]]) -> Iterator[Difference]:
    for name, (source, target) in common.items():
        if not _same(source.type, target.type):
            yield Difference("retyped", name, source.type.name, target.type.name)


def _same(source: Type, target: Type) -> bool:
    """Whether two types hold the same values; what each value of a SQLite column is, nobody knows beforehand."""
    if source.name.lower() == target.name.lower() or Kind.ANY in {source.kind, target.kind}:
        return True
    if {source.kind, target.kind} == {Kind.BOOLEAN, Kind.INTEGER}:
        return "tinyint(1)" in {source.name.lower(), target.name.lower()}  # MySQL's boolean
    if source.kind in {Kind.UNSUPPORTED, Kind.NATIVE}:
        return False  # nothing but its name is known
    return _limits(source) == _limits(target)


def _limits(of: Type) -> tuple[object, ...]:
    return (of.kind, of.low, of.high, of.precision, of.scale, of.length, of.labels)


def _reordered(source: Sequence[str], target: Sequence[str]) -> Iterator[Difference]:
    """The columns outside of the longest stretches that stand alike, with their places among those of both sides."""
    runs = SequenceMatcher(None, source, target, autojunk=False).get_matching_blocks()
    stay = {name for run in runs for name in source[run.a : run.a + run.size]}
    for name in source:
        if name not in stay:
            yield Difference("reordered", name, f"place {source.index(name) + 1}", f"place {target.index(name) + 1}")


def _renullabled(common: Mapping[str, tuple[Column, Column]]) -> Iterator[Difference]:
    for name, columns in common.items():
        source, target = ("NULL" if column.nullable else "NOT NULL" for column in columns)
        if source != target:
            yield Difference("renullabled", name, source, target)


def _rekeyed(source: _Seen, target: _Seen) -> Iterator[Difference]:
    primaries = source.primary, target.primary
    if source.primary != target.primary:
        yield Difference("rekeyed", "primary key", *(", ".join(sorted(key)) or "none" for key in primaries))
    for key in sorted(source.unique ^ target.unique, key=sorted):
        if key and key not in primaries:
            has = ("unique", "not unique") if key in source.unique else ("not unique", "unique")
            yield Difference("rekeyed", ", ".join(sorted(key)), *has)


def _reindexed(source: _Seen, target: _Seen) -> Iterator[Difference]:
    keys = {source.primary, target.primary, *source.unique, *target.unique}
    for index in sorted(source.indexes ^ target.indexes):
        if index and frozenset(index) not in keys:
            has = ("indexed", "not indexed") if index in source.indexes else ("not indexed", "indexed")
            yield Difference("reindexed", ", ".join(index), *has)


def _listed(found: Sequence[Difference]) -> str:
    said = [str(item) for item in found[:5]]
    said += [f"{len(found) - 5} more"] if len(found) > 5 else []
    return f": {', '.join(said)}" if said else ""
