"""The databases that tests ask for are there, empty, and each its own."""

import pytest
import sqlalchemy as sa

from recon_assets_tests.conftest import Dialect, Fresh


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
