"""What Dagster loads: the declared tables as assets. Reads the declaration file and the environment, no database."""

import dagster as dg

from recon_assets.declare import load_project
from recon_assets.orchestration.build_definitions import definitions


@dg.definitions
def defs() -> dg.Definitions:
    """Every declared table, what it is loaded from, and its schedule."""
    return definitions(load_project())
