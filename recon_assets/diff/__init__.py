"""The comparison of records: which are missing, extra or different, judged on their values."""

from recon_assets.diff.compare_tables import compare
from recon_assets.diff.comparisons import Comparisons
from recon_assets.diff.group_counts import count_groups
from recon_assets.diff.window_comparison import MAX_EVIDENCE, compare_windows

__all__ = ["MAX_EVIDENCE", "Comparisons", "compare", "compare_windows", "count_groups"]
