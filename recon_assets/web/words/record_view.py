"""Records and changes as they may be shown: side by side, columns that matter first, private values hidden."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from recon_assets.ledger import TrackedRecord
from recon_assets.model import MASK, Change, Project, TableSpec, Value, masked, masked_key
from recon_assets.web.words import labels


@dataclass(frozen=True)
class Cell:
    """One value of one side."""

    value: Value
    differs: bool = False


@dataclass(frozen=True)
class Row:
    """One wrong record; a side that does not have it is None."""

    id: str
    key: str
    source: tuple[Cell, ...] | None
    target: tuple[Cell, ...] | None
    recorded: TrackedRecord


@dataclass(frozen=True)
class Records:
    """Some of the records of a case, and the columns of their cells."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def laid_out(spec: TableSpec | None, found: Sequence[TrackedRecord]) -> Records:
    """The records with the key's columns first, then those that differ, then the others."""
    columns = _columns(spec, found)
    hidden = private(spec, columns)
    rows = (Row(each.id, key_text(spec, each.discrepancy.key), *_sides(each, columns, hidden), each) for each in found)
    return Records(columns, tuple(rows))


def _columns(spec: TableSpec | None, found: Sequence[TrackedRecord]) -> tuple[str, ...]:
    items = [each.discrepancy for each in found]
    whole = [name for item in items for side in (item.source, item.target) for name in side or ()]
    differing = [name for item in items for name in item.differing]
    key = spec.key if spec else ()
    known = dict.fromkeys((*key, *differing, *whole))
    return tuple(name for name in known if name in set(whole))


def _sides(
    recorded: TrackedRecord, columns: Sequence[str], hidden: Collection[str]
) -> tuple[tuple[Cell, ...] | None, tuple[Cell, ...] | None]:
    item = recorded.discrepancy

    def cells(side: Mapping[str, Value] | None) -> tuple[Cell, ...] | None:
        if side is None:
            return None
        return tuple(Cell(masked(name, side.get(name), hidden), name in item.differing) for name in columns)

    return cells(item.source), cells(item.target)


def private(spec: TableSpec | None, columns: Collection[str]) -> Collection[str]:
    """The columns to hide: all of them, when nobody declares any more which are private."""
    return spec.private if spec else columns


def key_text(spec: TableSpec | None, key: tuple[Value, ...]) -> str:
    """A record's key in a line."""
    if spec is None:
        return MASK
    values = masked_key(spec.key, key, spec.private)
    names = spec.key or [""] * len(values)
    return ", ".join(f"{name} {labels.shortened(value)}".strip() for name, value in zip(names, values, strict=True))


def changes_by_table(project: Project, changes: Iterable[Change]) -> dict[str, list[Change]]:
    """Changes as they may be shown, by table, in their order."""
    found: dict[str, list[Change]] = {}
    for change in changes:
        spec = project.tables.get(change.table)
        found.setdefault(change.table, []).append(change.shown(spec.private if spec else None))
    return found
