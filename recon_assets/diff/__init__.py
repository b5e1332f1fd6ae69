"""The comparison of records: which are missing, extra or different, judged on their values."""

from recon_assets.diff.between import between
from recon_assets.diff.comparing import MAX_EVIDENCE, compare, total

__all__ = ["MAX_EVIDENCE", "between", "compare", "total"]
