"""A table's windows as Dagster's partitions: of the same keys and the same bounds."""

import dagster as dg

from recon_assets.model import Calendar, Unit

WINDOWS_PER_RUN = {Unit.HOUR: 168, Unit.DAY: 31, Unit.WEEK: 13, Unit.MONTH: 12}
"""What a backfill loads in one run: a run costs 3 CPU-s, and each window of it has its own transaction and status."""


def partitions(calendar: Calendar) -> dg.TimeWindowPartitionsDefinition:
    """The partitions of a table; the only place that makes them."""
    start, end, zone = calendar.start.isoformat(), calendar.end.isoformat() if calendar.end else None, calendar.timezone
    match calendar.unit:
        case Unit.HOUR:
            first, last = f"{start}-00:00", f"{end}-00:00" if end else None
            return dg.HourlyPartitionsDefinition(start_date=first, end_date=last, timezone=zone)
        case Unit.DAY:
            return dg.DailyPartitionsDefinition(start_date=start, end_date=end, timezone=zone)
        case Unit.WEEK:
            sunday_is_0 = calendar.start.isoweekday() % 7
            return dg.WeeklyPartitionsDefinition(start, end_date=end, timezone=zone, day_offset=sunday_is_0)
        case Unit.MONTH:
            return dg.MonthlyPartitionsDefinition(start_date=start, end_date=end, timezone=zone)
