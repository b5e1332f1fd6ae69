"""Declared tables as a component of a Dagster project: ``type: recon_assets.ReconComponent``."""

import dagster as dg
from pydantic import Field

from recon_assets.components.recon_scaffolder import ReconScaffolder
from recon_assets.declare import load_project
from recon_assets.errors import DeclarationError
from recon_assets.model import Project


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

        return definitions(declared_project(context, self.declaration))


def declared_project(context: dg.ComponentLoadContext, declaration: str) -> Project:
    """What is declared in the file that ``defs.yaml`` names.

    Raises:
        DeclarationError: When there is none, or it cannot be used; names each fault with its path and line.
    """
    path = (context.path / declaration).resolve()
    if not path.is_file():
        msg = f"{path}: there is no such file. `declaration` in defs.yaml names it by its path from {context.path}."
        raise DeclarationError(msg)
    return load_project(path)
