"""Every row of the target that names another names one that is there."""

from dataclasses import dataclass

from recon_assets.checks.target import OfTarget
from recon_assets.model import Orphans


@dataclass(frozen=True)
class References(OfTarget):
    """``columns`` of the target name a row of ``parent``, another declared table, by its key; NULL names none."""

    kind = "references"
    columns: tuple[str, ...]
    parent: str

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The columns that name the parent's row."""
        return self.columns

    @property
    def _about(self) -> tuple[str, ...]:
        return (*self.columns, self.parent)

    @property
    def _default_description(self) -> str:
        return f"{', '.join(self.columns)} of every row of the target name a row of {self.parent}."

    @property
    def _wrong(self) -> Orphans:
        return Orphans(self.columns, self.parent, self.where)

    @property
    def _fault(self) -> str:
        return f"name by {', '.join(self.columns)} no row of {self.parent}"
