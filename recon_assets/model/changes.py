"""One row to write, as a value that can be shown, stored and undone."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

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


class ChangeStatus(StrEnum):
    """What a row says of a change that may or may not have been made."""

    BEFORE = "before"
    AFTER = "after"
    NEITHER = "neither"
