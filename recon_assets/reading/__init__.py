"""The only reader of the two sides: what a relation looks like, and its rows of a window."""

from recon_assets.reading.disorder import disorder
from recon_assets.reading.measures import COUNT, DIGEST, Digest, measured
from recon_assets.reading.names import as_table, condition, nearest, split_name, written
from recon_assets.reading.orphans import Parent, orphans, parent_of
from recon_assets.reading.pairs import ColumnPair, Pair, forms, matched, pair, problems
from recon_assets.reading.parents import parents
from recon_assets.reading.results import results
from recon_assets.reading.rows import counts_by_day, rows, selection
from recon_assets.reading.savepoint import is_lost, savepoint
from recon_assets.reading.snapshot import UNPLACED, Side, Snapshot, is_unique, snapshot, stretches
from recon_assets.reading.source_records import by_key, records
from recon_assets.reading.streams import Buckets, bucketed, duplicates, elsewhere, lines, matching
from recon_assets.reading.table_schema import ForeignKey, TableSchema, describe, described

__all__ = [
    "COUNT",
    "DIGEST",
    "UNPLACED",
    "Buckets",
    "ColumnPair",
    "Digest",
    "ForeignKey",
    "Pair",
    "Parent",
    "Side",
    "Snapshot",
    "TableSchema",
    "as_table",
    "bucketed",
    "by_key",
    "condition",
    "counts_by_day",
    "describe",
    "described",
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
    "savepoint",
    "selection",
    "snapshot",
    "split_name",
    "stretches",
    "written",
]
