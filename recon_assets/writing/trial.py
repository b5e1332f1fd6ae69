"""What the target itself writes into columns that a correction does not name: defaults, times of change, triggers.

A trial, which is rolled back, shows it. It is then written like any other value: so a change names every column that
it changes, a later write of somebody else to one of them is noticed, and the inverse restores all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from recon_assets.dialect.exact_text import exact_text
from recon_assets.errors import DoesNotFitError
from recon_assets.model import Action, Change, Column, Image, Kind
from recon_assets.writing.guarded_writes import staged
from recon_assets.writing.target import Target

_MOMENTS = {Kind.TIMESTAMP, Kind.INSTANT}


def complete_by_trial(
    target: Target, changes: Mapping[int, Change], write: Callable[[Sequence[Change]], None], *, repeatable: bool = True
) -> Mapping[int, Change]:
    """The changes, each with all columns that the target changes with it.

    An insert has all columns. An update has the unmapped columns as the target sets them, while mapped ones keep their
    values; it has none of them where a trigger does not accept the values that it set in the trial.

    Args:
        target: In whose transaction the trial is made, and taken back.
        changes: By their numbers.
        write: Makes changes.
        repeatable: Whether to leave out of updates what the target would not set in the same way again.
    """
    settable = _settable(target)
    tried = {at: change for at, change in changes.items() if change.after and settable.keys() - change.after.keys()}
    if not tried:
        return changes
    with target.savepoint() as trial:
        before = _read(target, tried, settable)
        write(tuple(changes.values()))
        after = _read(target, tried, settable)
        trial.rollback()
    mapped = {mapped.target.name for mapped in target.pair.columns}
    whole = {at: _completed(each, before.get(at, {}), after[at], mapped) for at, each in tried.items()}
    moving = {at: each for at, each in whole.items() if each.action is Action.UPDATE and each != tried[at]}
    if moving and repeatable and not _is_repeatable(target, next(iter(moving.values())), write):
        whole |= {at: tried[at] for at in moving}
    return {**changes, **whole}


def _is_repeatable(target: Target, change: Change, write: Callable[[Sequence[Change]], None]) -> bool:
    """Whether the target accepts the values that it has set itself."""
    try:
        with target.savepoint() as trial:
            write([change])
            trial.rollback()
    except DoesNotFitError:
        return False
    return True


def _settable(target: Target) -> Mapping[str, Column]:
    """Columns that the target may set by itself: unmapped ones, and times with a default."""
    mapped = {mapped.target.name for mapped in target.pair.columns}
    return {
        name: column
        for name, column in target.columns.items()
        if not column.generated and (name not in mapped or (column.default and column.type.kind in _MOMENTS))
    }


def _read(target: Target, changes: Mapping[int, Change], columns: Mapping[str, Column]) -> Mapping[int, Image]:
    """The exact texts of these columns, of the rows that exist."""
    texts = [exact_text(target.table.c[name], column.type) for name, column in columns.items()]
    found: dict[int, Image] = {}
    for action in (Action.INSERT, Action.UPDATE):
        mine = {at: change for at, change in changes.items() if change.action is action}
        if mine:
            stage = staged(target.connection, target.table, target.columns, mine, {})
            for at, *values in target.connection.execute(stage.joined(*texts)):
                found[at] = dict(zip(columns, values, strict=True))
    return found


def _completed(change: Change, before: Image, after: Image, mapped: set[str]) -> Change:
    """The change with the columns that the target set; a mapped one keeps its value."""
    written = change.after or {}
    if change.before is None:
        return replace(change, after={**after, **written})
    moved = [name for name, text in after.items() if name not in written and text != before[name]]
    kept = {name: (before if name in mapped else after)[name] for name in moved}
    return replace(
        change, before={**change.before, **{name: before[name] for name in moved}}, after={**written, **kept}
    )
