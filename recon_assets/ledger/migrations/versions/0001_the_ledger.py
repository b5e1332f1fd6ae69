"""The ledger, as it was first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from recon_assets.ledger.schema import SCHEMA

revision = "0001"
down_revision = None


def upgrade() -> None:  # noqa: PLR0915 - a schema is long
    """Make all tables."""
    op.create_table(
        "backup",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("window_key", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("backfill", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("columns", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema=SCHEMA,
    )
    op.create_index("ix_recon_backup_backfill", "backup", ["backfill"], schema=SCHEMA)
    op.create_index("ix_recon_backup_run", "backup", ["run"], schema=SCHEMA)
    op.create_table(
        "discrepancy",
        sa.Column("content", sa.Uuid(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(collation="C"), nullable=False),
        sa.Column("shape", sa.JSON(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("content"),
        schema=SCHEMA,
    )
    op.create_index("discrepancy_of_key", "discrepancy", ["key"], schema=SCHEMA, postgresql_using="hash")
    op.create_index("ix_recon_discrepancy_id", "discrepancy", ["id"], schema=SCHEMA)
    op.create_table(
        "evaluation",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        schema=SCHEMA,
    )
    op.create_table(
        "judged",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("window_key", sa.Text(), nullable=False),
        sa.Column("evaluation", sa.BigInteger(), nullable=True),
        sa.Column("compared", sa.BigInteger(), nullable=True),
        sa.Column("asked", sa.BigInteger(), nullable=True),
        sa.Column("changed", sa.BigInteger(), nullable=True),
        sa.Column("young", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("project", "table_name", "window_key"),
        schema=SCHEMA,
    )
    op.create_index(
        "judged_asked",
        "judged",
        ["project", "asked"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("asked IS NOT NULL AND (evaluation IS NULL OR asked > evaluation)"),
    )
    op.create_index(
        "judged_changed",
        "judged",
        ["project", "changed"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("changed IS NOT NULL AND (evaluation IS NULL OR changed > evaluation)"),
    )
    op.create_index(
        "judged_young",
        "judged",
        ["project", "young"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("young = evaluation"),
    )
    op.create_table(
        "project",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        schema=SCHEMA,
    )
    op.create_table(
        "review_case",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("window_key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("wrong", sa.BigInteger(), nullable=False),
        sa.Column("named", sa.BigInteger(), nullable=False),
        sa.Column("summary", sa.JSON(), nullable=False),
        sa.Column("findings", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.Column("assignee", sa.Text(), nullable=False),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("chosen", sa.JSON(), nullable=True),
        sa.Column("undo", sa.Boolean(), nullable=False),
        sa.Column("shown_version", sa.Integer(), nullable=False),
        sa.Column("pruned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("project", "table_name", "window_key", "kind"),
        schema=SCHEMA,
    )
    op.create_index(
        "review_case_queue",
        "review_case",
        ["project", sa.literal_column("severity DESC"), "opened", "id"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("NOT closed"),
    )
    op.create_index(
        "review_case_states",
        "review_case",
        ["project", "state", sa.literal_column("severity DESC"), "opened", "id"],
        schema=SCHEMA,
    )
    op.create_index(
        "review_case_to_prune",
        "review_case",
        ["project", "changed", "id"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("closed AND NOT pruned"),
    )
    op.create_index(
        "review_case_to_show",
        "review_case",
        ["project", sa.literal_column("severity DESC"), "opened", "id"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("shown_version < version"),
    )
    op.create_index(
        "review_case_to_undo",
        "review_case",
        ["project", "id"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("undo"),
    )
    op.create_table(
        "seen",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evaluation", sa.BigInteger(), nullable=False),
        sa.Column("times_seen", sa.Integer(), nullable=False),
        sa.Column("reopened", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project", "id"),
        schema=SCHEMA,
    )
    op.create_table(
        "unread",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("evaluation", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["evaluation"], [f"{SCHEMA}.evaluation.id"]),
        sa.PrimaryKeyConstraint("evaluation"),
        schema=SCHEMA,
    )
    op.create_table(
        "acceptance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("review_case", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("decision", sa.Integer(), nullable=True),
        sa.Column("discrepancy", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["review_case"], [f"{SCHEMA}.review_case.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema=SCHEMA,
    )
    op.create_index("ix_recon_acceptance_review_case", "acceptance", ["review_case"], schema=SCHEMA)
    op.create_table(
        "backup_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("backup", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["backup"], [f"{SCHEMA}.backup.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema=SCHEMA,
    )
    op.create_index("ix_recon_backup_event_backup", "backup_event", ["backup"], schema=SCHEMA)
    op.create_table(
        "backup_part",
        sa.Column("backup", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["backup"], [f"{SCHEMA}.backup.id"]),
        sa.PrimaryKeyConstraint("backup", "n"),
        schema=SCHEMA,
    )
    op.create_table(
        "case_event",
        sa.Column("review_case", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("note", sa.JSON(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["review_case"], [f"{SCHEMA}.review_case.id"]),
        sa.PrimaryKeyConstraint("review_case", "n"),
        schema=SCHEMA,
    )
    op.create_table(
        "correction",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("review_case", sa.BigInteger(), nullable=True),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("window_key", sa.Text(), nullable=False),
        sa.Column("decision", sa.Integer(), nullable=True),
        sa.Column("run", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["review_case"], [f"{SCHEMA}.review_case.id"]),
        sa.ForeignKeyConstraint(["undoes"], [f"{SCHEMA}.correction.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema=SCHEMA,
    )
    op.create_index("ix_recon_correction_review_case", "correction", ["review_case"], schema=SCHEMA)
    op.create_index("ix_recon_correction_run", "correction", ["run"], schema=SCHEMA)
    op.create_index("ix_recon_correction_undoes", "correction", ["undoes"], schema=SCHEMA)
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("evaluation", sa.BigInteger(), nullable=False),
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("window_key", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("failed", sa.Boolean(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=True),
        sa.Column("wrong", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["evaluation"], [f"{SCHEMA}.evaluation.id"]),
        sa.PrimaryKeyConstraint("id"),
        schema=SCHEMA,
    )
    op.create_index(
        "finding_of_window", "finding", ["project", "table_name", "window_key", "check_name", "id"], schema=SCHEMA
    )
    op.create_index("ix_recon_finding_evaluation", "finding", ["evaluation"], schema=SCHEMA)
    op.create_table(
        "change",
        sa.Column("correction", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["correction"], [f"{SCHEMA}.correction.id"]),
        sa.PrimaryKeyConstraint("correction", "n"),
        schema=SCHEMA,
    )
    op.create_table(
        "newest",
        sa.Column("project", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("window_key", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text(), nullable=False),
        sa.Column("finding", sa.BigInteger(), nullable=False),
        sa.Column("evaluation", sa.BigInteger(), nullable=False),
        sa.Column("complete", sa.BigInteger(), nullable=True),
        sa.Column("figure_failed", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["finding"], [f"{SCHEMA}.finding.id"]),
        sa.PrimaryKeyConstraint("project", "table_name", "window_key", "check_name"),
        schema=SCHEMA,
    )
    op.create_index("ix_recon_newest_finding", "newest", ["finding"], schema=SCHEMA)
    op.create_index(
        "newest_failed",
        "newest",
        ["project", "table_name", "window_key"],
        schema=SCHEMA,
        postgresql_where=sa.literal_column("figure_failed"),
    )
    op.create_table(
        "outcome",
        sa.Column("correction", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.JSON(), nullable=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["correction"], [f"{SCHEMA}.correction.id"]),
        sa.PrimaryKeyConstraint("correction"),
        schema=SCHEMA,
    )
    op.create_table(
        "sighting",
        sa.Column("finding", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["content"], [f"{SCHEMA}.discrepancy.content"]),
        sa.ForeignKeyConstraint(["finding"], [f"{SCHEMA}.finding.id"]),
        sa.PrimaryKeyConstraint("finding", "content"),
        schema=SCHEMA,
    )
    op.create_index("ix_recon_sighting_content", "sighting", ["content"], schema=SCHEMA)
