"""Tables are called by what they hold; a correction that fails is one event, not a state and then another event."""

import sqlalchemy as sa
from alembic import op

from recon_assets.ledger.schema import SCHEMA

revision = "0004"
down_revision = "0003"

_TABLES = {
    "judged": "window_status",
    "newest": "latest_finding",
    "seen": "record_history",
    "sighting": "finding_record",
    "unread": "routing_queue",
}
_event = sa.table("case_event", sa.column("act"), sa.column("who"), schema=SCHEMA)


def upgrade() -> None:
    """Rename; what was written as `failed` and then `reopened` becomes a remark and then `failed`."""
    for old, new in _TABLES.items():
        op.rename_table(old, new, schema=SCHEMA)
    op.alter_column("window_status", "young", new_column_name="unexplained", schema=SCHEMA)
    for index in ("asked", "changed", "young"):
        op.drop_index(f"judged_{index}", "window_status", schema=SCHEMA)
    for old, new, column in (("sighting", "finding_record", "content"), ("newest", "latest_finding", "finding")):
        op.drop_index(f"ix_recon_{old}_{column}", new, schema=SCHEMA)
        op.create_index(f"ix_recon_{new}_{column}", new, [column], schema=SCHEMA)
    for column, where in (
        ("asked", "asked IS NOT NULL AND (evaluation IS NULL OR asked > evaluation)"),
        ("changed", "changed IS NOT NULL AND (evaluation IS NULL OR changed > evaluation)"),
        ("unexplained", "unexplained = evaluation"),
    ):
        op.create_index(
            f"window_status_{column}",
            "window_status",
            ["project", column],
            schema=SCHEMA,
            postgresql_where=sa.literal_column(where),
        )
    op.execute(sa.update(_event).where(_event.c.act == "failed").values(act="commented"))
    given_back = sa.and_(_event.c.act == "reopened", _event.c.who == "recon")
    op.execute(sa.update(_event).where(given_back).values(act="failed"))
