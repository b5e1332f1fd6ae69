"""Rows of other tables that would go, or change, with rows that are deleted."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from recon_assets.errors import RefusedError
from recon_assets.slices import as_table, split_name
from recon_assets.writes.staging import Stage
from recon_assets.writes.target import UNTOUCHED, Target

_CHANGING = {"CASCADE", "SET NULL", "SET DEFAULT"}


def refuse_cascades(target: Target, stage: Stage) -> None:
    """Locks the staged rows, so that no other row comes to refer to them, and looks for those that do.

    Raises:
        RefusedError: When deleting a staged row would delete or change a row of another table.
    """
    children = list(_children(target))
    if children:
        target.connection.execute(stage.joined().with_for_update(of=target.table)).all()
    for child, refers in children:
        if target.connection.execute(stage.joined().where(refers).limit(1)).first():
            msg = (
                f"{target.where}: rows of {child} refer to rows that would be deleted, and would be deleted or changed"
                f" with them by foreign key, so {UNTOUCHED}; correct {child} first"
            )
            raise RefusedError(msg)


def _children(target: Target) -> Iterator[tuple[str, sa.ColumnElement[bool]]]:
    """The tables whose rows go with the target's, and whether one refers to a row of it."""
    own = split_name(target.pair.spec.target.table or "")[1]
    for child in target.pair.target_shape.cascading:
        schema, name = split_name(child)
        for key in sa.inspect(target.connection).get_foreign_keys(name, schema=schema):
            if key["referred_table"] == own and key.get("options", {}).get("ondelete") in _CHANGING:
                yield child, _refers(target, child, key)


def _refers(target: Target, child: str, key: Any) -> sa.ColumnElement[bool]:
    names, referred = key["constrained_columns"], key["referred_columns"]
    table = as_table(child, names).alias("recon_child")
    same = (table.c[ours] == target.table.c[theirs] for ours, theirs in zip(names, referred, strict=True))
    return sa.exists().where(*same).select_from(table)
