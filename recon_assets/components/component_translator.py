"""A component as the translator of `build_definitions`: whoever subclasses the component overrides it there."""

from typing import TYPE_CHECKING

import dagster as dg

from recon_assets.model import Check, TableSpec
from recon_assets.orchestration.translation import ReconTranslator

if TYPE_CHECKING:
    from recon_assets.components.recon_component import ReconComponent


class ComponentTranslator(ReconTranslator):
    """Asks the component, whose methods bear the same names."""

    def __init__(self, component: "ReconComponent") -> None:
        self._component = component

    def get_asset_spec(self, table: TableSpec) -> dg.AssetSpec:
        """As the component says."""
        return self._component.get_asset_spec(table)

    def get_source_key(self, table: TableSpec) -> dg.AssetKey:
        """As the component says."""
        return self._component.get_source_key(table)

    def get_check_spec(self, table: TableSpec, check: Check) -> dg.AssetCheckSpec:
        """As the component says."""
        return self._component.get_check_spec(table, check)
