"""Rows of other tables that a foreign key would delete or change together with rows that are deleted."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from recon_assets.errors import RefusedError
from recon_assets.reading import as_table, split_name
from recon_assets.writing.change_stage import Stage
from recon_assets.writing.target import UNTOUCHED, Target

_CHANGING = {"CASCADE", "SET NULL", "SET DEFAULT"}


def refuse_cascades(target: Target, stage: Stage) -> None:
    """Locks the staged rows, so that no other row comes to refer to them, and looks for those that do.

    Raises:
        RefusedError: When deleting a staged row would delete or change a row that is not staged.
    """
    children = list(_children(target))
    if children:
        target.connection.execute(stage.joined().with_for_update(of=target.table)).all()
    for child, key in children:
        if _is_left(target, stage, child, key):
            msg = (
                f"{target.where}: rows of {child} refer to rows that would be deleted, and would be deleted or changed"
                f" with them by foreign key, so {UNTOUCHED}; correct {child} first"
            )
            raise RefusedError(msg)


def _children(target: Target) -> Iterator[tuple[str, Any]]:
    """The tables whose rows go with the target's, by which foreign keys."""
    own = split_name(target.pair.spec.target.table or "")[1]
    for child in target.pair.target_schema.cascading:
        schema, name = split_name(child)
        for key in sa.inspect(target.connection).get_foreign_keys(name, schema=schema):
            if key["referred_table"] == own and key.get("options", {}).get("ondelete") in _CHANGING:
                yield child, key


def _is_left(target: Target, stage: Stage, child: str, key: Any) -> bool:
    """Whether a row refers to a staged one and is not staged itself."""
    names, referred = key["constrained_columns"], key["referred_columns"]
    itself = (key["referred_schema"], key["referred_table"]) == split_name(child)
    keys = stage.key if itself else []
    table = as_table(child, {*names, *keys}).alias("recon_child")
    same = sa.and_(*(table.c[ours] == target.table.c[theirs] for ours, theirs in zip(names, referred, strict=True)))
    mine = stage.joined(*(target.table.c[name] for name in keys))
    staged = {tuple(row[1:]) for row in target.connection.execute(mine)} if itself else set()
    referring = stage.joined(*(table.c[name] for name in keys)).join(table, same)
    found = target.connection.execute(referring.limit(len(staged) + 1))  # each refers to one row
    return any(tuple(row[1:]) not in staged for row in found)
