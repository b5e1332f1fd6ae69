"""What the checks of a window said last stands beside it, so that a page counts windows without their findings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from recon_assets.ledger.outcomes import outcomes_of_window
from recon_assets.ledger.schema import SCHEMA, finding, judged, newest
from recon_assets.model import Outcome

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns, and fill them from what is known already."""
    op.add_column("newest", sa.Column("outcome", sa.Text(), nullable=True), schema=SCHEMA)
    op.execute(sa.update(newest).where(newest.c.finding == finding.c.id).values(outcome=_outcome()))
    op.alter_column("newest", "outcome", nullable=False, schema=SCHEMA)
    op.add_column("judged", sa.Column("outcomes", postgresql.ARRAY(sa.Text()), nullable=True), schema=SCHEMA)
    op.execute(sa.update(judged).where(judged.c.evaluation.is_not(None)).values(outcomes=outcomes_of_window()))


def _outcome() -> sa.ColumnElement[str]:
    """By the text of what was said, for PostgreSQL reads no JSON with half a surrogate or a NUL in it."""
    ran = sa.cast(finding.c.said, sa.Text).contains('"error": null')
    return sa.case(
        (finding.c.passed, Outcome.PASSED.value),
        (finding.c.failed, Outcome.FAILED.value),
        (ran, Outcome.ACCEPTED.value),
        else_=Outcome.UNKNOWN.value,
    )
