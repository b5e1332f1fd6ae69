"""The only reader of the two sides: what a relation looks like, and its rows of a window."""

from recon_assets.slices.disorder import disorder
from recon_assets.slices.measures import COUNT, DIGEST, Digest, measured
from recon_assets.slices.names import as_table, condition, nearest, split_name, written
from recon_assets.slices.orphans import Parent, orphans, parent_of
from recon_assets.slices.pairs import Mapped, Pair, pair, problems
from recon_assets.slices.parents import parents
from recon_assets.slices.records import by_key, records
from recon_assets.slices.results import results
from recon_assets.slices.rows import counts_by_day, rows, selection
from recon_assets.slices.shapes import ForeignKey, Shape, describe
from recon_assets.slices.shown import shown, shown_column
from recon_assets.slices.snapshot import UNPLACED, Side, Snapshot, forms, is_unique, matched, snapshot, stretches
from recon_assets.slices.streams import Buckets, bucketed, duplicates, elsewhere, lines, matching
from recon_assets.slices.unharmed import is_lost, unharmed

__all__ = [
    "COUNT",
    "DIGEST",
    "UNPLACED",
    "Buckets",
    "Digest",
    "ForeignKey",
    "Mapped",
    "Pair",
    "Parent",
    "Shape",
    "Side",
    "Snapshot",
    "as_table",
    "bucketed",
    "by_key",
    "condition",
    "counts_by_day",
    "describe",
    "disorder",
    "duplicates",
    "elsewhere",
    "forms",
    "is_lost",
    "is_unique",
    "lines",
    "matched",
    "matching",
    "measured",
    "nearest",
    "orphans",
    "pair",
    "parent_of",
    "parents",
    "problems",
    "records",
    "results",
    "rows",
    "selection",
    "shown",
    "shown_column",
    "snapshot",
    "split_name",
    "stretches",
    "unharmed",
    "written",
]
