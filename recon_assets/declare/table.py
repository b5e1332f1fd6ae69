"""A declared table whose both sides were found."""

from dataclasses import dataclass

import sqlalchemy as sa

from recon_assets.declare.problems import KeyPath
from recon_assets.model import Column, TableSpec
from recon_assets.reading import TableSchema


@dataclass(frozen=True)
class Table:
    """What was declared, and what each database has."""

    spec: TableSpec
    source: sa.Engine
    target: sa.Engine
    left: TableSchema
    right: TableSchema

    @property
    def at(self) -> KeyPath:
        """Where the table stands in the declaration."""
        return ("tables", self.spec.name)

    def both(self, name: str) -> tuple[Column, Column] | None:
        """The columns of both sides, by the source's name; None when a side lacks it."""
        here = {column.name: column for column in self.left.columns}
        there = {column.name: column for column in self.right.columns}
        renamed = self.spec.target_name(name)
        return (here[name], there[renamed]) if name in here and renamed in there else None
