"""What the target itself makes of columns that a correction does not name: defaults, moments of change, triggers.

It is learned by a trial, and then written like any other value: so the row is foreseen to the last column, whoever
wrote to it since is noticed, and its undo brings back all of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from recon_assets.dialect.exact_text import exact_text
from recon_assets.errors import DoesNotFitError
from recon_assets.model import Action, Change, Column, Image, Kind
from recon_assets.writing.staging import staged
from recon_assets.writing.target import Target

_MOMENTS = {Kind.TIMESTAMP, Kind.INSTANT}


def foreseen(
    target: Target, changes: Mapping[int, Change], write: Callable[[Sequence[Change]], None], *, holding: bool = True
) -> Mapping[int, Change]:
    """The changes, with all columns that the target changes with them.

    An insert has all columns. An update has those that nobody maps as the target makes them, and keeps the others; but
    none where a trigger does not take what it made the time before.

    Args:
        target: In whose transaction the trial is made, and taken back.
        changes: By their numbers.
        write: Makes changes.
        holding: Whether to leave out of updates what the target would not make again.
    """
    silent = _silent(target)
    tried = {at: change for at, change in changes.items() if change.after and silent.keys() - change.after.keys()}
    if not tried:
        return changes
    with target.savepoint() as trial:
        before = _read(target, tried, silent)
        write(tuple(changes.values()))
        after = _read(target, tried, silent)
        trial.rollback()
    mapped = {mapped.target.name for mapped in target.pair.columns}
    whole = {at: _whole(each, before.get(at, {}), after[at], mapped) for at, each in tried.items()}
    moving = {at: each for at, each in whole.items() if each.action is Action.UPDATE and each != tried[at]}
    if moving and holding and not _holds(target, next(iter(moving.values())), write):
        whole |= {at: tried[at] for at in moving}
    return {**changes, **whole}


def _holds(target: Target, change: Change, write: Callable[[Sequence[Change]], None]) -> bool:
    """Whether the target takes what it has made of a row."""
    try:
        with target.savepoint() as trial:
            write([change])
            trial.rollback()
    except DoesNotFitError:
        return False
    return True


def _silent(target: Target) -> Mapping[str, Column]:
    """Columns of which the target may make something by itself: all that nobody maps, and moments of change."""
    mapped = {mapped.target.name for mapped in target.pair.columns}
    return {
        name: column
        for name, column in target.columns.items()
        if not column.generated and (name not in mapped or (column.default and column.type.kind in _MOMENTS))
    }


def _read(target: Target, changes: Mapping[int, Change], columns: Mapping[str, Column]) -> Mapping[int, Image]:
    """What the rows have in these columns, of those that are there."""
    texts = [exact_text(target.table.c[name], column.type) for name, column in columns.items()]
    found: dict[int, Image] = {}
    for action in (Action.INSERT, Action.UPDATE):
        mine = {at: change for at, change in changes.items() if change.action is action}
        if mine:
            stage = staged(target.connection, target.table, target.columns, mine, {})
            for at, *values in target.connection.execute(stage.joined(*texts)):
                found[at] = dict(zip(columns, values, strict=True))
    return found


def _whole(change: Change, before: Image, after: Image, mapped: set[str]) -> Change:
    """A change with what the target changes by itself; a mapped column stays as it was."""
    written = change.after or {}
    if change.before is None:
        return replace(change, after={**after, **written})
    moved = [name for name, text in after.items() if name not in written and text != before[name]]
    kept = {name: (before if name in mapped else after)[name] for name in moved}
    return replace(
        change, before={**change.before, **{name: before[name] for name in moved}}, after={**written, **kept}
    )
