"""Declared tables as a component of a Dagster project: ``type: recon_assets.ReconComponent``."""

from typing import TYPE_CHECKING, Annotated, Literal

import dagster as dg
from dagster.components.utils.translation import TranslationFn, TranslationFnResolver
from pydantic import Field

from recon_assets.components.recon_scaffolder import ReconScaffolder
from recon_assets.declare import load_project
from recon_assets.errors import DeclarationError
from recon_assets.model import Check, Project, TableSpec

if TYPE_CHECKING:
    from recon_assets.orchestration.translation import ReconTranslator


def _table(table: TableSpec) -> dict[str, TableSpec]:
    """What ``{{ table.name }}`` means in a translation."""
    return {"table": table}


@dg.scaffold_with(ReconScaffolder)
class ReconComponent(dg.Component, dg.Model, dg.Resolvable):
    """Tables of two databases, declared in YAML: loaded, compared and corrected day by day.

    A subclass says by `get_asset_spec`, `get_source_key` and `get_check_spec` how they appear in the project.
    """

    declaration: str = Field("recon.yaml", description="The declaration of the tables, a path from this folder.")
    key_prefix: str | list[str] = Field([], description="Stands before the keys of the tables.")
    group: str | None = Field(None, description="Holds the tables, instead of the groups that are declared.")
    translation: Annotated[
        TranslationFn[TableSpec] | None, TranslationFnResolver(template_vars_for_translation_fn=_table)
    ] = Field(None, description="Attributes of the tables' assets; `{{ table.name }}` is known in it.")
    ledger: str = Field(
        "", description="The key of the resource that is the ledger; without it RECON_LEDGER_URL names it."
    )
    sources: Literal["specs", "deps"] = Field(
        "deps", description="`specs`: what tables are loaded from is listed as external assets, too."
    )
    review: bool = Field(default=True, description="Whether failed checks become cases that somebody decides.")
    schedules: bool = Field(default=True, description="Whether there are schedules; they are off until switched on.")
    sensor_status: dg.DefaultSensorStatus = Field(
        dg.DefaultSensorStatus.STOPPED, description="Of the review's sensor, until somebody switches it."
    )
    name: str = Field("recon", description="Stands before the names of ops, jobs, schedules, sensors and pools.")

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The declared tables; no database is asked.

        Raises:
            DeclarationError: When the declaration cannot be used; names each fault with its path and line.
        """
        # `dg` loads this class in projects that declare no table: only this needs SQLAlchemy.
        from recon_assets.components.component_translator import ComponentTranslator  # noqa: PLC0415
        from recon_assets.orchestration.build_definitions import build_definitions  # noqa: PLC0415

        return build_definitions(
            declared_project(context, self.declaration),
            key_prefix=self.key_prefix,
            group=self.group,
            translator=ComponentTranslator(self),
            ledger=self.ledger,
            sources=self.sources,
            review=self.review,
            schedules=self.schedules,
            sensor_status=self.sensor_status,
            name=self.name,
        )

    def get_asset_spec(self, table: TableSpec) -> dg.AssetSpec:
        """The asset of a table, as `translation` changes it; to be overridden."""
        spec = self._default().get_asset_spec(table)
        return self.translation(spec, table) if self.translation else spec

    def get_source_key(self, table: TableSpec) -> dg.AssetKey:
        """The key of what a table is loaded from; to be overridden where the project has an asset for it."""
        return self._default().get_source_key(table)

    def get_check_spec(self, table: TableSpec, check: Check) -> dg.AssetCheckSpec:
        """The catalog's entry of a check; to be overridden, but for its name."""
        return self._default().get_check_spec(table, check)

    def _default(self) -> "ReconTranslator":
        from recon_assets.orchestration.translation import DEFAULT  # noqa: PLC0415 - it needs SQLAlchemy

        return DEFAULT


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
