"""Definitions for the real backfill daemon: the flights table, one day of which fails."""

import dagster as dg

from recon_assets.orchestration.assets import table
from recon_assets_tests.dagster.example import FLIGHTS, WAREHOUSE, Scripted, Verdicts, failing

BAD_DAY = "2013-03-06"

defs = dg.Definitions(
    [table(FLIGHTS, WAREHOUSE, Scripted(failing(BAD_DAY)).reach(), Verdicts())], executor=dg.in_process_executor
)
