"""Rows of the target and of a stage: which have the same key, and how messages name rows and columns of either."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.sql import key_equals
from recon_assets.model import Column, TableSpec, masked

Cells = Mapping[Column, sa.ColumnElement[Any]]
"""Of columns of the target, those of one table that has them."""
STAGED = "recon_c"
"""How the columns of a stage are called, with their places behind: as no other table's."""
_STAGED = re.compile(rf"\b{STAGED}(\d+)\b")


def key_shown(spec: TableSpec, key: Iterable[Any]) -> str:
    """A row's key as people may read it: by the source's names, without values of private columns."""
    shown = (f"{name}={masked(name, value, spec.private)}" for name, value in zip(spec.key, key, strict=True))
    return ", ".join(shown) or "(no key declared)"


def same_key(connection: sa.Connection, rows: Cells, staged: Cells) -> sa.ColumnElement[bool]:
    """Whether a row and a staged one have the same key; NULL is looked for where it is staged.

    Args:
        connection: To the target, whose session has the stage.
        rows: The columns of the key, and maybe others.
        staged: Of each column of the key, the one of the stage.
    """
    nulls, dialect = _null_keys(connection, staged), connection.dialect.name
    return sa.and_(
        *(
            key_equals(rows[column], new, column.type.kind, dialect, nulls=column.name in nulls)
            for column, new in staged.items()
        )
    )


def _null_keys(connection: sa.Connection, staged: Cells) -> frozenset[str]:
    """Key columns with a staged NULL. Databases find equal keys by index or hash, but not keys that may be NULL."""
    maybe = {column.name: new for column, new in staged.items() if column.nullable}
    if not maybe:
        return frozenset()
    counts = sa.select(*(sa.func.count() - sa.func.count(column) for column in maybe.values()))
    found = connection.execute(counts).one()
    return frozenset(name for name, count in zip(maybe, found, strict=True) if count)


def unstaged(said: str, columns: Sequence[Column]) -> str:
    """With the target's name of a column where the stage's was said."""
    return _STAGED.sub(lambda found: columns[int(found[1])].name, said)
