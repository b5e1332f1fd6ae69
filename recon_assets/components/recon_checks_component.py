"""Reconciliation checks as a component: ``type: recon_assets.ReconChecksComponent``."""

from pathlib import Path

import dagster as dg
from pydantic import Field

from recon_assets.components.recon_component import declared_project
from recon_assets.components.recon_scaffolder import ReconChecksScaffolder


@dg.scaffold_with(ReconChecksScaffolder)
class ReconChecksComponent(dg.Component, dg.Model, dg.Resolvable):
    """Reconciliation checks on assets that the project has already: made by dbt, Sling, dlt or its own code."""

    declaration: str = Field("recon.yaml", description="The declaration of the tables, a path from this folder.")
    assets_from: str | list[str] = Field(
        description="The folders of `defs` that define the assets, such as `dbt`; says how these are partitioned."
    )
    assets: dict[str, str] = Field(
        {},
        description="Which asset fills each table, by its key, as `orders: dbt/orders`. Without it, each declared table"
        " is checked on the asset whose key is, or ends in, the table's name.",
    )
    blocking: bool = Field(default=False, description="Whether a failed check stops what is downstream in its run.")
    each_update: bool = Field(
        default=False, description="Whether Dagster checks each updated partition by itself, by a run of its own."
    )
    pool: str | None = Field(None, description="The pool in which the checks count; none unless said.")
    review: bool = Field(
        default=True, description="Whether failures become cases; `false` where another component has the review."
    )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The checks; no database is asked.

        Raises:
            DeclarationError: When the declaration cannot be used, or an asset cannot be told.
        """
        # `dg` loads this class in projects that declare no table: only this needs SQLAlchemy.
        from recon_assets.orchestration import existing_assets  # noqa: PLC0415

        project = declared_project(context, self.declaration)
        folders = [self.assets_from] if isinstance(self.assets_from, str) else self.assets_from
        there = [spec for folder in folders for spec in context.build_defs(Path(folder)).resolve_all_asset_specs()]
        return existing_assets.checks_and_review(
            project,
            existing_assets.assets_of(project, self.assets, there),
            review=self.review,
            blocking=self.blocking,
            automation_condition=existing_assets.EACH_UPDATE if self.each_update else None,
            pool=self.pool,
        )
