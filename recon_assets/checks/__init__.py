"""The reconciliation patterns, each a pure function from evidence to a finding, and the running of them."""

from recon_assets.checks.business_rules import BusinessRule as BusinessRule
from recon_assets.checks.counts import Count as Count
from recon_assets.checks.figures import ColumnFigure as ColumnFigure
from recon_assets.checks.order import (
    Ascending as Ascending,
    InWindows as InWindows,
    Monotonic as Monotonic,
    NotFuture as NotFuture,
)
from recon_assets.checks.record_checks import Checksum as Checksum, Fields as Fields, Keys as Keys
from recon_assets.checks.references import References as References
from recon_assets.checks.same_schema import Drift as Drift, Schema as Schema
from recon_assets.checks.undated import UndatedRows as UndatedRows, with_undated as with_undated
