"""How the schema of the ledger came about, one revision a file; alembic runs them."""
