"""The comparison of records: which are missing, extra or different, judged on their values."""

from recon_assets.diff.compare_tables import compare as compare
from recon_assets.diff.comparisons import Comparisons as Comparisons
from recon_assets.diff.group_counts import count_groups as count_groups
from recon_assets.diff.window_comparison import MAX_EVIDENCE as MAX_EVIDENCE, compare_windows as compare_windows
