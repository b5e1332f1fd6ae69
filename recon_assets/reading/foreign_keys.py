"""Which of several tables name rows of which others, as the database itself says."""

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from recon_assets.dialect import table_catalog
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.reading.names import as_table, split_name


def parents_by_foreign_key(engine: sa.Engine, tables: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Of each of these tables of one database, which of them its foreign keys name; a table that is not there: none.

    Raises:
        UnavailableError: When the database does not answer.
    """
    with driver_errors(", ".join(tables)), engine.connect() as connection:
        known = {name: table_catalog.read(connection, as_table(name)) for name in tables}
    named = {name: [parent for _, parent, _ in found.foreign_keys] if found else () for name, found in known.items()}
    return {name: tuple(found for parent in named[name] for found in _called(parent, tables)) for name in tables}


def _called(name: str, tables: Sequence[str]) -> Iterator[str]:
    """The tables that the catalogue may mean, which leaves out the schema where it can be understood without."""
    for table in tables:
        schema, plain = split_name(table)
        if name == plain or (name.endswith(f".{plain}") and schema in {None, name.removesuffix(f".{plain}")}):
            yield table
