"""The databases that tests ask for are there, empty, and each its own."""

from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from recon_assets.local import Server
from recon_assets_tests.conftest import Dialect, Fresh, _in_postgres, _ledger

SETTINGS = "SHOW work_mem"
CATALOGUE = """
SELECT relnamespace::regnamespace::text, relname FROM pg_class WHERE relname NOT LIKE 'pg_toast%' UNION ALL
SELECT nspname, nspowner::regrole || coalesce(nspacl::text, '') FROM pg_namespace UNION ALL
SELECT typnamespace::regnamespace::text, typname FROM pg_type WHERE typname NOT LIKE 'pg_toast%' UNION ALL
SELECT pronamespace::regnamespace::text, proname FROM pg_proc ORDER BY 1, 2
"""
STATISTICS = "SELECT count(*) FROM recon.evaluation"
EVALUATED = "INSERT INTO recon.evaluation (project, at, run, findings) VALUES ('p', now(), 'r', 0)"
NUMBERS = "SELECT seqrelid::regclass::text, nextval(seqrelid) FROM pg_sequence ORDER BY 1"


@pytest.mark.parametrize("dialect", ["postgresql", "mysql", "duckdb", "sqlite"])
def test_fresh_databases_are_empty_and_apart(fresh: Fresh, dialect: Dialect) -> None:
    """A table of one database is not in the next one."""
    engines = [sa.create_engine(fresh(dialect)) for _ in range(2)]
    with engines[0].begin() as connection:
        connection.execute(sa.schema.CreateTable(sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer))))

    tables = [sa.inspect(engine).get_table_names() for engine in engines]

    assert tables == [["t"], []]
    for engine in engines:
        engine.dispose()


def test_a_used_database_is_as_a_new_one(postgres: Server) -> None:
    """Whatever a test leaves in it: the next test gets the same database."""
    seen = []
    for _ in range(2):
        with ExitStack() as stack:
            name = str(sa.make_url(_in_postgres(postgres, stack)).database)
            with postgres.connect(name) as connection:
                seen.append((name, connection.execute(CATALOGUE).fetchall(), connection.execute(SETTINGS).fetchall()))
                connection.execute(f"ALTER DATABASE {name} SET work_mem = '77MB'".encode())
                connection.execute("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE t (id int, v mood)")
                connection.execute('CREATE SCHEMA "o""dd"; CREATE VIEW "o""dd".v AS SELECT * FROM t')
                connection.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql RETURN 1; DROP SCHEMA public CASCADE")

    assert seen[0] == seen[1]


def test_a_used_ledger_is_as_a_new_one(postgres: Server) -> None:
    """Nothing is remembered, and numbers begin again."""
    seen = []
    for _ in range(2):
        with ExitStack() as stack:
            name = str(sa.make_url(_ledger(postgres, stack)).database)
            with postgres.connect(name) as connection:
                seen.append((name, connection.execute(STATISTICS).fetchall(), connection.execute(NUMBERS).fetchall()))
                connection.execute(EVALUATED)

    assert seen[0] == seen[1]
