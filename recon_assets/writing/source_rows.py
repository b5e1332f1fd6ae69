"""The source's rows of one window on their way into the target: streamed unseen, or made to fit, or refused by name."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.errors import DoesNotFitError
from recon_assets.model import Kind, Window, masked
from recon_assets.reading import ColumnPair, Pair, rows, selection
from recon_assets.values.fitting import converter, passthrough
from recon_assets.writing.keys import key_shown, unstaged

Row = tuple[Any, ...]
WINDOW_UNTOUCHED = "nothing of this window was written"
MEND = "Mend the row in the source, widen the target's column, or ignore it under columns.ignore."
LOAD_PARENT = "It names a row of another table that is not there{}: load that row first, or mend the one that names it."


@dataclass(frozen=True)
class SourceRows:
    """The rows of a window in the source."""

    pair: Pair
    window: Window

    def copy(self, target: sa.Connection, table: sa.TableClause, names: tuple[str, ...]) -> tuple[int, int]:
        """Brings them into these columns of ``table``; how many, and bytes when they were streamed."""
        if not all(map(self.passes, self.pair.columns)):
            with closing(rows(self.pair, self.window)) as parts:
                fitted = (self.fitted(row) for part in parts for row in part)
                return bulk.write_rows(target, table, names, fitted), 0
        types = [(column.source.type, column.target.type) for column in self.pair.columns]
        # Arrays name their elements' type by its number in one database's catalogue when they are sent as binary data.
        binary = all(left.name == right.name and left.kind is not Kind.NATIVE for left, right in types)
        select = selection(self.pair, self.window, native=True)
        where = f"{self.pair.spec.name} {self.window}: source"
        with self.pair.source.connect() as source:
            return bulk.stream(source, target, select, table, names, binary=binary, place=where)

    @property
    def has_unique_key(self) -> bool:
        """Whether the source has no two rows of one key, nor such as become one in the target."""
        key = self.pair.key
        unchanged = all(self.passes(column) and column.source.name not in self.pair.spec.cast for column in key)
        return unchanged and self.pair.source_schema.is_unique(column.source for column in key)

    def passes(self, column: ColumnPair) -> bool:
        """Whether every value of the column goes from server to server unseen."""
        return bulk.can_stream(self.pair.source, self.pair.target, column.source.type, column.target.type)

    @cached_property
    def converters(self) -> tuple[Callable[[Any], Any], ...]:
        """What makes each column's value one that the target holds exactly."""
        dialect, zone = self.pair.target.dialect.name, self.pair.spec.stored_in
        return tuple(
            passthrough(column.target)
            if self.passes(column)
            else converter(column.source.type, column.target, dialect, zone)
            for column in self.pair.columns
        )

    def fitted(self, row: Row) -> Row:
        """The row as the target holds it, exactly."""
        try:
            return tuple([convert(value) for convert, value in zip(self.converters, row, strict=True)])
        except ValueError:
            raise self.misfit(row) from None

    def misfit(self, row: Row) -> DoesNotFitError:
        """Which columns of the row do not fit, and why."""
        columns = zip(self.pair.columns, self.converters, row, strict=True)
        wrong = [
            f"column {column.target.name} ({column.target.type.name}) cannot hold {said}"
            for column, convert, value in columns
            if (said := _objection(convert, value))
        ]
        return self.refusal(row, ", ".join(wrong))

    def refusal(self, row: Row, why: str) -> DoesNotFitError:
        """The error that names the row by its key."""
        values = dict(zip((column.source.name for column in self.pair.columns), row, strict=True))
        key = key_shown(self.pair.spec, map(values.get, self.pair.spec.key))
        return DoesNotFitError(
            f"{self.pair.spec.name} {self.window}: the row with {key}: {self.unstaged(why)}; {WINDOW_UNTOUCHED}."
            f" {advice(why, self.parents_of(values))}"
        )

    def parents_of(self, row: Mapping[str, Any]) -> str:
        """The rows of other tables that a row names, by their keys; which of them is lacking, the constraint says."""
        sources = {column.target.name: column.source.name for column in self.pair.columns}
        named = []
        for foreign in self.pair.target_schema.foreign_keys:
            cells = [(sources[name], row[sources[name]]) for name in foreign.columns if name in sources]
            if len(cells) == len(foreign.columns) and all(value is not None for _, value in cells):
                shown = [masked(name, value, self.pair.spec.private) for name, value in cells]
                key = ", ".join(f"{name}={value}" for name, value in zip(foreign.parent_columns, shown, strict=True))
                named.append(f"{foreign.parent_table} with {key}")
        return " or ".join(named)

    def unstaged(self, said: str) -> str:
        """With the target's name of a column where the stage's was said."""
        return unstaged(said, [column.target for column in self.pair.columns])


def advice(why: str, parents: str = "") -> str:
    """What to do about a row that the target refuses, and that names these rows of other tables."""
    return LOAD_PARENT.format(f" ({parents})" if parents else "") if "foreign key violation" in why else MEND


def _objection(convert: Callable[[Any], Any], value: Any) -> str | None:
    try:
        convert(value)
    except ValueError as error:
        return str(error)
    return None
