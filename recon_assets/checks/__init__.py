"""The reconciliation patterns, each a pure function from evidence to a finding, and the running of them."""

from recon_assets.checks.business_rules import BusinessRule
from recon_assets.checks.counts import Count
from recon_assets.checks.figures import ColumnFigure
from recon_assets.checks.order import Ascending, InWindows, Monotonic, NotFuture
from recon_assets.checks.record_checks import Checksum, Fields, Keys
from recon_assets.checks.references import References
from recon_assets.checks.same_schema import Drift, Schema
from recon_assets.checks.undated import UndatedRows, with_undated

__all__ = [
    "Ascending",
    "BusinessRule",
    "Checksum",
    "ColumnFigure",
    "Count",
    "Drift",
    "Fields",
    "InWindows",
    "Keys",
    "Monotonic",
    "NotFuture",
    "References",
    "Schema",
    "UndatedRows",
    "with_undated",
]
