"""The only memory: what was found, decided and changed, append-only, in a PostgreSQL schema of its own."""
