"""What a `defs` folder of a team's own Dagster project may hold of ours.

`dg` imports this package in every project that has recon-assets installed, so it imports no database and no demo.
"""

from recon_assets.components.recon_checks_component import ReconChecksComponent
from recon_assets.components.recon_component import ReconComponent

__all__ = ["ReconChecksComponent", "ReconComponent"]
