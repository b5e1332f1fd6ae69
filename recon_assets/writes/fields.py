"""The columns of a table, and how values that results show become the target's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect import bulk
from recon_assets.dialect.canonical import Cell
from recon_assets.dialect.exact import speller
from recon_assets.dialect.forms import Form, form
from recon_assets.dialect.values import converter, told, unseen
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Kind, Rule, Value
from recon_assets.slices import Mapped, Pair, shown


@dataclass(frozen=True)
class Field:
    """One column of the target, as comparisons show it.

    Attributes:
        pair: Both sides of the table.
        mapped: The column and the source's that fills it.
    """

    pair: Pair
    mapped: Mapped

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
            return form(source, target, self.pair.spec.rules.get(self.name, Rule()), same_dialect=alike)
        except DeclarationError:
            return form(target, target, Rule(), same_dialect=True)

    @property
    def is_folded(self) -> bool:
        """Whether what is shown of the target is not yet its value: texts that are compared as UUIDs."""
        return self.form.kind is Kind.UUID and self.target.type.kind is not Kind.UUID

    def cell(self, column: sa.ColumnElement[Any]) -> Cell:
        """A column of the target's type, to be written down as comparisons do."""
        return Cell(column, self.target.type, self.form)

    def shown(self, text: str | bytes | None) -> Value:
        """What results show of the target's value, from its canonical text."""
        return shown(text, self.target.type.kind, self.form.kind, self.mapped.source.type.kind)

    @cached_property
    def seen(self) -> Callable[[Any], Any]:
        """What makes of a value shown of the target one that the target reads."""
        spelled = speller(self.target.type, self.pair.target.dialect.name)
        return _unless_none(spelled) if spelled else _as_it_is

    @cached_property
    def fitted(self) -> Callable[[Any], Any]:
        """What makes of a value shown of the source one that the target holds exactly; raises `ValueError`."""
        source, target = self.mapped.source.type, self.target
        if bulk.can_stream(self.pair.source, self.pair.target, source, target.type):
            return unseen(target, speller(source, "postgresql"))
        zone = self.pair.spec.days.stored_in if self.pair.spec.days else "UTC"
        return told(source, target.type, converter(source, target, self.pair.target.dialect.name, zone))


def fields(pair: Pair) -> Mapping[str, Field]:
    """The columns that a row of the target is written with, by the source's names; the target's own by theirs."""
    known = {mapped.source.name: Field(pair, mapped) for mapped in pair.columns if not mapped.target.generated}
    taken = {field.target.name for field in known.values()}
    for column in pair.target_shape.columns:
        if not column.generated and column.name not in taken:
            known.setdefault(column.name, Field(pair, Mapped(replace(column), column)))
    return known


def _as_it_is(value: Any) -> Any:
    return value


def _unless_none(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)
