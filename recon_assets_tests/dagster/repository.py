"""Definitions for the real backfill daemon: the flights table, one day of which fails, and one does not pass.

Beside it an asset of a team's own with checks of ours, one day of which does not pass.
"""

import dagster as dg

from recon_assets.orchestration.assets import table
from recon_assets.orchestration.existing_assets import checks_on
from recon_assets.orchestration.translation import ExistingAsset
from recon_assets_tests.dagster.example import CONNECTIONS, Promise, Scripted, Verdicts, checked, failing

BAD_DAY = "2013-03-06"
BLOCKED_DAY = "2013-03-20"
FLIGHTS = checked(Promise("keys", blocking=True))

TEAMS = dg.AssetKey(["dbt", "flights"])
DAILY = dg.DailyPartitionsDefinition("2013-03-01", end_date="2013-04-01", timezone="America/New_York")

sides, judge = Scripted(failing(BAD_DAY)), Verdicts({("keys", BLOCKED_DAY)})


@dg.asset(key=TEAMS, partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.multi_run(31))
def teams_own() -> None:
    """Loads flights in its own way."""


defs = dg.Definitions(
    [table(FLIGHTS, CONNECTIONS, sides.reach(), lambda _: judge), teams_own],
    asset_checks=[checks_on(FLIGHTS, ExistingAsset(TEAMS, DAILY), lambda _: judge)],
    executor=dg.in_process_executor,
)
