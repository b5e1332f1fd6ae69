"""The only reader of the two sides: what a relation looks like, and its rows of a window."""

from recon_assets.reading.column_matching import (
    ColumnPair,
    Pair,
    forms,
    pair_for_comparison,
    pair_for_loading,
    problems,
)
from recon_assets.reading.disorder import disorder
from recon_assets.reading.measures import COUNT, DIGEST, Digest, Hashing, group_counts, hashing, measured
from recon_assets.reading.names import as_table, condition, nearest, split_name, written
from recon_assets.reading.orphans import Parent, orphans, parent_of
from recon_assets.reading.parents import parents
from recon_assets.reading.results import results
from recon_assets.reading.rows import counts_by_day, rows, selection
from recon_assets.reading.savepoint import is_lost, savepoint
from recon_assets.reading.snapshot import UNDATED, Snapshot, snapshot, stretches
from recon_assets.reading.streams import (
    CONTRADICTION,
    KeyTexts,
    Line,
    Part,
    duplicates,
    elsewhere,
    lines,
    matching,
    primed,
    side_by_side,
    split,
)
from recon_assets.reading.table_schema import TableSchema, describe, described

__all__ = [
    "CONTRADICTION",
    "COUNT",
    "DIGEST",
    "UNDATED",
    "ColumnPair",
    "Digest",
    "Hashing",
    "KeyTexts",
    "Line",
    "Pair",
    "Parent",
    "Part",
    "Snapshot",
    "TableSchema",
    "as_table",
    "condition",
    "counts_by_day",
    "describe",
    "described",
    "disorder",
    "duplicates",
    "elsewhere",
    "forms",
    "group_counts",
    "hashing",
    "is_lost",
    "lines",
    "matching",
    "measured",
    "nearest",
    "orphans",
    "pair_for_comparison",
    "pair_for_loading",
    "parent_of",
    "parents",
    "primed",
    "problems",
    "results",
    "rows",
    "savepoint",
    "selection",
    "side_by_side",
    "snapshot",
    "split",
    "split_name",
    "stretches",
    "written",
]
