"""Declared tables as a component of a Dagster project: ``type: recon_assets.ReconComponent``."""

import dagster as dg
from pydantic import Field

from recon_assets.components.recon_scaffolder import ReconScaffolder
from recon_assets.declare import load_project
from recon_assets.errors import DeclarationError


@dg.scaffold_with(ReconScaffolder)
class ReconComponent(dg.Component, dg.Model, dg.Resolvable):
    """Tables of two databases, declared in YAML: loaded, compared and corrected day by day."""

    declaration: str = Field("recon.yaml", description="The declaration of the tables, a path from this folder.")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The declared tables; no database is asked.

        Raises:
            DeclarationError: When the declaration cannot be used; names each fault with its path and line.
        """
        # `dg` loads this class in projects that declare no table: only this needs SQLAlchemy.
        from recon_assets.orchestration.build_definitions import definitions  # noqa: PLC0415

        path = (context.path / self.declaration).resolve()
        if not path.is_file():
            msg = f"{path}: there is no such file. `declaration` in defs.yaml names it by its path from {context.path}."
            raise DeclarationError(msg)
        return definitions(load_project(path))
