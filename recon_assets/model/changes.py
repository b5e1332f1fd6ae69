"""One row to write, as a value that can be shown, stored and undone."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any, overload

from recon_assets.model.privacy import masked

Image = Mapping[str, str | None]
"""Columns by the target's names; each value is the text of which its database makes the same value again."""


class Action(StrEnum):
    """What a change does to its row."""

    INSERT = "insert"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """One row of a target, before and after.

    Attributes:
        table: The declared table whose target it is.
        key: The columns that identify the row.
        before: What is there before; None when there is no such row. An update has the columns that it writes only.
        after: What is there afterwards; None when there is to be no such row.
    """

    table: str
    key: Image
    before: Image | None
    after: Image | None

    @property
    def action(self) -> Action:
        """What it does."""
        if self.before is None:
            return Action.INSERT
        return Action.DELETE if self.after is None else Action.UPDATE

    @property
    def inverse(self) -> "Change":
        """What undoes it."""
        return Change(self.table, self.key, self.after, self.before)

    @property
    def cells(self) -> tuple[tuple[str, str | None, str | None], ...]:
        """Its columns, each with the value before and the one after; None also on the side that has no such row."""
        before, after = self.before or {}, self.after or {}
        return tuple((name, before.get(name), after.get(name)) for name in dict.fromkeys((*before, *after)))

    def shown(self, private: Collection[str] | None) -> "Change":
        """The same without values of ``private`` columns; without any value when None knows which those are."""

        def hidden(image: Image) -> Image:
            return {name: masked(name, value, image if private is None else private) for name, value in image.items()}

        return Change(
            self.table, hidden(self.key), self.before and hidden(self.before), self.after and hidden(self.after)
        )


Shape = Sequence[Sequence[str] | None]
"""The columns of a change: those of its key, those before and those after; None where there is no such row."""


@dataclass(frozen=True)
class Changes(Sequence[Change]):
    """Changes of one table, which are many: the names of columns are said once for each set of them.

    Attributes:
        table: The declared table.
        shapes: The sets of columns.
        rows: Of each change the number of its shape, and the values, in the order of the names.
    """

    table: str
    shapes: Sequence[Shape]
    rows: Sequence[Sequence[Any]]

    @classmethod
    def of(cls, changes: Iterable[Change]) -> "Changes":
        """The same of changes, at least one and all of one table."""
        tables: set[str] = set()
        shapes: dict[Shape, int] = {}
        rows: list[list[Any]] = []
        for change in changes:
            images = (change.key, change.before, change.after)
            shape = tuple(None if image is None else tuple(image) for image in images)
            rows.append([shapes.setdefault(shape, len(shapes))])
            rows[-1] += (value for image in images for value in (image or {}).values())
            tables.add(change.table)
        (table,) = tables
        return cls(table, list(shapes), rows)

    def __len__(self) -> int:
        """How many."""
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Change: ...
    @overload
    def __getitem__(self, at: slice) -> "Changes": ...
    def __getitem__(self, at: int | slice) -> "Change | Changes":
        """One of them, or some."""
        if isinstance(at, slice):
            return Changes(self.table, self.shapes, self.rows[at])
        number, *values = self.rows[at]
        left = iter(values)
        key, before, after = (
            None if names is None else dict(zip(names, islice(left, len(names)), strict=True))
            for names in self.shapes[number]
        )
        return Change(self.table, key or {}, before, after)


class ChangeStatus(StrEnum):
    """What a row says of a change that may or may not have been made."""

    BEFORE = "before"
    AFTER = "after"
    NEITHER = "neither"
