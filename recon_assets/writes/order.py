"""In which order tables are written, when rows of some refer to rows of others."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from recon_assets.slices import Pair, split_name


def order_of(pairs: Sequence[Pair]) -> tuple[Pair, ...]:
    """The tables with those first whose rows others refer to; delete in the reverse order.

    Only foreign keys between these tables count; those of a circle keep the order given.
    """
    by_name = {pair.spec.name: pair for pair in pairs}
    above = {pair.spec.name: {other.spec.name for other in pairs if _refers(pair, other)} for pair in pairs}
    try:
        return tuple(by_name[name] for name in TopologicalSorter(above).static_order())
    except CycleError:
        return tuple(pairs)


def _refers(child: Pair, parent: Pair) -> bool:
    """Whether rows of one table refer to rows of the other; a schema that is not named is any."""
    if child is parent or child.spec.target.database != parent.spec.target.database:
        return False
    schema, name = split_name(parent.spec.target.table or "")
    found = [split_name(key.parent_table) for key in child.target_shape.foreign_keys]
    return any(theirs == name and (None in {other, schema} or other == schema) for other, theirs in found)
