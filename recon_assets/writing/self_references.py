"""In which order rows that refer to other rows of their own table are added: parents first."""

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

from recon_assets.model import Change, Image
from recon_assets.reading import Pair, split_name
from recon_assets.reading.table_schema import ForeignKey


def own_keys(pair: Pair) -> list[ForeignKey]:
    """The foreign keys by which rows of the target refer to others of it."""
    own = split_name(pair.spec.target.table or "")[1]
    return [key for key in pair.target_schema.foreign_keys if split_name(key.parent_table)[1] == own]


def depths(pair: Pair, changes: Mapping[int, Change]) -> Mapping[int, int]:
    """How many levels of parents among the changed rows each has; empty where rows refer to each other in a circle.

    PostgreSQL checks references when a statement ends, MySQL with every row of it.
    """
    keys = own_keys(pair)
    if not keys:
        return {}
    above: dict[int, set[int]] = {at: set() for at in changes}
    for key in keys:
        rows = {_values(change, key.parent_columns): at for at, change in changes.items()}
        for at, change in changes.items():
            above[at] |= {rows.get(_values(change, key.columns), at)} - {at}
    return _levels(above)


def _values(change: Change, names: tuple[str, ...]) -> tuple[str | None, ...]:
    image: Image = {**change.key, **(change.after or change.before or {})}
    return tuple(image.get(name) for name in names)


def _levels(above: Mapping[int, set[int]]) -> Mapping[int, int]:
    found: dict[int, int] = {}
    try:
        for at in TopologicalSorter(above).static_order():
            found[at] = 1 + max((found[other] for other in above[at]), default=-1)
    except CycleError:
        return {}
    return found
