"""The only reader of the two sides: what a relation looks like, and its rows of a window."""

from recon_assets.reading.column_matching import (
    ColumnPair as ColumnPair,
    Pair as Pair,
    alike_columns as alike_columns,
    forms as forms,
    pair_for_comparison as pair_for_comparison,
    pair_for_loading as pair_for_loading,
    problems as problems,
)
from recon_assets.reading.disorder import disorder as disorder
from recon_assets.reading.foreign_keys import parents_by_foreign_key as parents_by_foreign_key
from recon_assets.reading.measures import (
    COUNT as COUNT,
    DIGEST as DIGEST,
    Digest as Digest,
    Hashing as Hashing,
    group_counts as group_counts,
    hashing as hashing,
    measured as measured,
)
from recon_assets.reading.name_matching import (
    NameMatches as NameMatches,
    NameRule as NameRule,
    match_names as match_names,
    plain_name as plain_name,
)
from recon_assets.reading.names import (
    as_table as as_table,
    condition as condition,
    nearest as nearest,
    split_name as split_name,
    written as written,
)
from recon_assets.reading.orphans import Parent as Parent, orphans as orphans, parent_of as parent_of
from recon_assets.reading.parents import parents as parents
from recon_assets.reading.results import results as results
from recon_assets.reading.rows import counts_by_window as counts_by_window, rows as rows, selection as selection
from recon_assets.reading.savepoint import is_lost as is_lost, savepoint as savepoint
from recon_assets.reading.snapshot import (
    UNDATED as UNDATED,
    Snapshot as Snapshot,
    snapshot as snapshot,
    stretches as stretches,
)
from recon_assets.reading.table_schema import (
    OtherSide as OtherSide,
    TableSchema as TableSchema,
    describe as describe,
    described as described,
    hints_at_columns as hints_at_columns,
    located as located,
)
from recon_assets.reading.window_parts import (
    CONTRADICTION as CONTRADICTION,
    KeyTexts as KeyTexts,
    Line as Line,
    Part as Part,
    duplicates as duplicates,
    elsewhere as elsewhere,
    lines as lines,
    matching as matching,
    prefetched as prefetched,
    side_by_side as side_by_side,
    split as split,
)
