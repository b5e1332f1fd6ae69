"""The columns of a table, and how values that results show become the target's own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.dialect.canonical import Cell
from recon_assets.dialect.common_form import Form, common_form
from recon_assets.dialect.exact_text import speller
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Kind, Rule, Value
from recon_assets.reading import ColumnPair, Pair
from recon_assets.values.fitting import converter, from_shown
from recon_assets.values.kind import refuse
from recon_assets.values.showing import shown_column


@dataclass(frozen=True, eq=False)
class Field:
    """One column of the target, as comparisons show it.

    Attributes:
        pair: Both sides of the table.
        mapped: The column and the source's that fills it.
    """

    pair: Pair
    mapped: ColumnPair

    @property
    def name(self) -> str:
        """The source's name of it."""
        return self.mapped.source.name

    @property
    def target(self) -> Column:
        """The target's column."""
        return self.mapped.target

    @cached_property
    def form(self) -> Form:
        """As what comparisons write both sides down; types of no common meaning are shown each as what it is."""
        source, target = self.mapped.source.type, self.target.type
        alike = self.pair.source.dialect.name == self.pair.target.dialect.name
        try:
            return common_form(source, target, self.pair.spec.rules.get(self.name, Rule()), same_dialect=alike)
        except DeclarationError:
            return common_form(target, target, Rule(), same_dialect=True)

    @property
    def is_folded(self) -> bool:
        """Whether what is shown of the target is not yet its value: texts that are compared as UUIDs."""
        return self.form.kind is Kind.UUID and self.target.type.kind is not Kind.UUID

    @property
    def reads_back(self) -> bool:
        """Whether the target makes of a shown value the value that is shown so, or one that it takes for another."""
        kind = self.target.type.kind
        return self.form.kind is kind and kind not in {Kind.ANY, Kind.JSON, Kind.NATIVE, Kind.UNSUPPORTED}

    def cell(self, column: sa.ColumnElement[Any]) -> Cell:
        """A column of the target's type, to be written down as comparisons do."""
        return Cell(column, self.target.type, self.form)

    def shown(self, texts: Sequence[Any]) -> list[Value]:
        """What results show of the target's values, from their canonical texts."""
        return shown_column(texts, self.target.type.kind, self.form.kind, self.mapped.source.type.kind)

    def seen(self, values: Sequence[Any]) -> Sequence[Any]:
        """Values shown of the target, as the target reads them."""
        return _spelled(values, speller(self.target.type, self.pair.target.dialect.name))

    def fitted(self, values: Sequence[Any]) -> Sequence[Any]:
        """Values shown of the source, as the target holds them exactly.

        Raises:
            ValueError: When it cannot hold one of them.
        """
        source, target = self.mapped.source.type, self.target
        if not bulk.can_stream(self.pair.source, self.pair.target, source, target.type):
            return [self._convert(value) for value in values]
        if None in values and not target.nullable:
            refuse("NULL")
        return _spelled(values, speller(source, self.pair.target.dialect.name))

    def objection(self, value: Any) -> str | None:
        """Why the target cannot hold a value shown of the source."""
        try:
            self.fitted([value])
        except ValueError as error:
            return str(error)
        return None

    @cached_property
    def _convert(self) -> Callable[[Any], Any]:
        source, target = self.mapped.source.type, self.target
        convert = converter(source, target, self.pair.target.dialect.name, self.pair.spec.stored_in)
        return from_shown(source, target.type, convert)


def _spelled(values: Sequence[Any], spell: Callable[[Any], Any] | None) -> Sequence[Any]:
    return values if spell is None else [None if value is None else spell(value) for value in values]


def fields(pair: Pair) -> Mapping[str, Field]:
    """The columns that a row of the target is written with, by the source's names; the target's own by theirs."""
    known = {mapped.source.name: Field(pair, mapped) for mapped in pair.columns if not mapped.target.generated}
    taken = {field.target.name for field in known.values()}
    for column in pair.target_schema.columns:
        if not column.generated and column.name not in taken:
            known.setdefault(column.name, Field(pair, ColumnPair(replace(column), column)))
    return known
