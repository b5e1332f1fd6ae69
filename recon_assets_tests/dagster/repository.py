"""Definitions for the real backfill daemon: the flights table, one day of which fails, and one does not pass."""

import dagster as dg

from recon_assets.orchestration.assets import table
from recon_assets_tests.dagster.example import CONNECTIONS, Promise, Scripted, Verdicts, checked, failing

BAD_DAY = "2013-03-06"
BLOCKED_DAY = "2013-03-20"
FLIGHTS = checked(Promise("keys", blocking=True))

sides, judge = Scripted(failing(BAD_DAY)), Verdicts({("keys", BLOCKED_DAY)})
defs = dg.Definitions([table(FLIGHTS, CONNECTIONS, sides.reach(), lambda _: judge)], executor=dg.in_process_executor)
