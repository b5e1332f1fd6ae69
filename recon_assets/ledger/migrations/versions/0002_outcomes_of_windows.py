"""What the checks of a window said last stands beside it, so that a page counts windows without their findings."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from recon_assets.ledger.schema import SCHEMA

revision = "0002"
down_revision = "0001"

# As they were then: what a revision does must not change when the schema does.
_WINDOW = ("project", "table_name", "window_key")
newest = sa.table("newest", *map(sa.column, (*_WINDOW, "check_name", "finding", "outcome")), schema=SCHEMA)
_flags = (sa.column(name, sa.Boolean) for name in ("passed", "failed"))
finding = sa.table("finding", sa.column("id"), *_flags, sa.column("said"), schema=SCHEMA)
judged = sa.table("judged", *map(sa.column, (*_WINDOW, "evaluation", "outcomes")), schema=SCHEMA)


def upgrade() -> None:
    """Add the columns, and fill them from what is known already."""
    op.add_column("newest", sa.Column("outcome", sa.Text(), nullable=True), schema=SCHEMA)
    op.execute(sa.update(newest).where(newest.c.finding == finding.c.id).values(outcome=_outcome()))
    op.alter_column("newest", "outcome", nullable=False, schema=SCHEMA)
    op.add_column("judged", sa.Column("outcomes", postgresql.ARRAY(sa.Text()), nullable=True), schema=SCHEMA)
    op.execute(sa.update(judged).where(judged.c.evaluation.is_not(None)).values(outcomes=_outcomes_of_window()))


def _outcome() -> sa.ColumnElement[str]:
    """By the text of what was said, for PostgreSQL reads no JSON with half a surrogate or a NUL in it."""
    ran = sa.cast(finding.c.said, sa.Text).contains('"error": null')
    return sa.case((finding.c.passed, "passed"), (finding.c.failed, "failed"), (ran, "accepted"), else_="unknown")


def _outcomes_of_window() -> sa.ScalarSelect[list[str]]:
    said = sa.func.concat(newest.c.outcome, " ", newest.c.check_name, type_=sa.Text)
    ordered = postgresql.aggregate_order_by(said, newest.c.check_name)
    same_window = (newest.c[name] == judged.c[name] for name in _WINDOW)
    return sa.select(sa.func.array_agg(ordered)).where(*same_window).correlate(judged).scalar_subquery()
