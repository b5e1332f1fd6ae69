"""Spans of time in which a table is worked on, and the bounds of its days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Window:
    """The half-open span of time ``[start, end)``.

    ``key`` is the name people know it by: the day (``2013-03-10``), or ``all`` for a table that is
    not windowed, in which case both ends are None.
    """

    key: str = "all"
    start: datetime | None = None
    end: datetime | None = None

    def __str__(self) -> str:
        return self.key


ALL = Window()


@dataclass(frozen=True)
class Days:
    """How a table's rows fall into days: by ``column``, from ``start`` until before ``end``, in ``timezone``.

    A day of a zone has 23, 24 or 25 hours. ``stored_in`` is the zone in which naive timestamps of the
    table are to be read; it has no meaning for dates and for timestamps with zone.
    """

    column: str
    start: date
    end: date | None = None
    timezone: str = "UTC"
    stored_in: str = "UTC"

    def window(self, day: date) -> Window:
        """The window of one day: local midnight to next local midnight.

        The first midnight where clocks go back over it; where they go forward over it, the moment at which they do.
        """
        last = datetime.max.replace(tzinfo=ZoneInfo(self.timezone))
        end = self._midnight(day + timedelta(days=1)) if day < date.max else last
        return Window(day.isoformat(), self._midnight(day), end)

    def windows(self, until: date) -> Iterator[Window]:
        """Every window from ``start`` until before ``end``, or before ``until`` when that is earlier."""
        day, end = self.start, min(self.end or until, until)
        while day < end:
            yield self.window(day)
            day += timedelta(days=1)

    def ended(self, now: datetime) -> tuple[str, str]:
        """The names of the first and the last of these days that are over; names of days sort as days do.

        The last comes before the first if none is over.
        """
        today = now.astimezone(ZoneInfo(self.timezone)).date()
        return self.start.isoformat(), (min(self.end or today, today) - timedelta(days=1)).isoformat()

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), ZoneInfo(self.timezone))
