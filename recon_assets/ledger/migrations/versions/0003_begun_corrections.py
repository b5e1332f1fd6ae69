"""How many corrections of a case have begun since one ended: a case that kills its runs is given back."""

import sqlalchemy as sa
from alembic import op

from recon_assets.ledger.schema import SCHEMA

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the number; drop what said which figures had failed, for routing notes which windows are to be compared."""
    begun = sa.Column("begun", sa.Integer(), nullable=False, server_default="0")
    op.add_column("review_case", begun, schema=SCHEMA)
    op.drop_index("newest_failed", "newest", schema=SCHEMA)
    op.drop_column("newest", "figure_failed", schema=SCHEMA)
