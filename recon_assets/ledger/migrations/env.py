"""Runs revisions on the connection that `recon_assets.ledger.opening` hands over, in its transaction."""

from alembic import context

from recon_assets.ledger.schema import META, SCHEMA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=META,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=lambda name, kind, _: kind != "schema" or name == SCHEMA,
)
context.run_migrations()
