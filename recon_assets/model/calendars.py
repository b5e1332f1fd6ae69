"""Windows: the spans of time in which a table is worked on; and calendars, which divide time into them.

A window has a key, by which people, Dagster and the ledger know it, and an index, which counts windows from the first.

1. Windows of a calendar tile its time: each ends where the next begins, whatever clocks do.
2. Keys are those that Dagster gives to the same partitions; the second of two hours of one name ends in its offset.
3. Order is that of indexes. Keys sort alike as texts, which the ledger's queries rely on: a zone where hours would not
   is refused.

The laws are tested by recon_assets_tests/dagster/test_partitions.py, beside Dagster's own windows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from recon_assets.errors import DeclarationError

HOUR, DAY, WEEK, TICK = timedelta(hours=1), timedelta(days=1), timedelta(days=7), timedelta(microseconds=1)
_SCANNED_YEARS = 50
"""Of a zone's future clock changes; none is known that far ahead that is not of the years before."""


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


class Unit(StrEnum):
    """What one window of a calendar is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True)
class Calendar:
    """How a table's rows fall into windows: by ``column``, from ``start`` until before ``end``, in ``timezone``.

    A day of a zone has 23, 24 or 25 hours. Hours follow each other by the clock that never changes, from midnight of
    ``start`` on. Weeks begin at the weekday of ``start``, months at the first. ``stored_in`` is the zone in which
    naive timestamps of the table are to be read; it has no meaning for dates and for timestamps with zone.

    Raises:
        DeclarationError: When ``start`` or ``end`` is within a week or month, or hours have no order of their own.
    """

    column: str
    start: date
    end: date | None = None
    timezone: str = "UTC"
    stored_in: str = "UTC"
    unit: Unit = Unit.DAY

    def __post_init__(self) -> None:
        if self.unit is Unit.MONTH and (within := [day for day in (self.start, self.end) if day and day.day != 1]):
            msg = f"{within[0]} is within a month; months begin at the first: write {within[0].replace(day=1)}"
            raise DeclarationError(msg)
        if self.unit is Unit.WEEK and self.end and (self.end - self.start) % WEEK:
            near = self.end - (self.end - self.start) % WEEK
            msg = f"{self.end} is within a week; weeks begin as {self.start} does, on {self.start:%A}s: write {near}"
            raise DeclarationError(msg)
        if self.unit is Unit.HOUR:
            for zone in (self.timezone, self.stored_in):
                if _goes_back_by_more_than_an_hour(zone, self.start, self.end):
                    msg = f"clocks of {zone} go back by more than an hour, so that its hours have no order; write UTC"
                    raise DeclarationError(msg)

    @property
    def division(self) -> tuple[object, ...]:
        """What two tables must share to have the same windows, and so a run of Dagster together."""
        return self.unit, self.start, self.end, self.timezone

    @property
    def length(self) -> timedelta | None:
        """How long a window is unless clocks change in it; None for months."""
        return {Unit.HOUR: HOUR, Unit.DAY: DAY, Unit.WEEK: WEEK}.get(self.unit)

    def begin(self, index: int) -> datetime:
        """When the window begins, in the calendar's zone; at the end of time, its last moment.

        That is local midnight but for hours: the first midnight where clocks go back over it; where they go forward
        over it, the moment at which they do.
        """
        try:
            if self.unit is Unit.HOUR:
                return (self._midnight(self.start).astimezone(UTC) + index * HOUR).astimezone(self._zone)
            return self._midnight(self._date(index))
        except (OverflowError, ValueError):
            return datetime.max.replace(tzinfo=self._zone)

    def key(self, index: int) -> str:
        """The name of a window."""
        if self.unit is not Unit.HOUR:
            return self._date(index).isoformat()
        begin = self.begin(index)
        return f"{begin:%Y-%m-%d-%H:%M%z}" if begin.fold else f"{begin:%Y-%m-%d-%H:%M}"

    def index(self, key: str) -> int:
        """The number of windows from the first one until this one, negative before it.

        Raises:
            DeclarationError: When no window has that name.
        """
        try:
            found = self._around(self._moment(key))
            if self.key(found) == key:
                return found
        except (ValueError, OverflowError):
            pass
        msg = f"{key}: no {self.unit} of this table; expected the form of {self.key(0)}"
        raise DeclarationError(msg)

    def has(self, key: str) -> bool:
        """Whether a window has that name, declared or not: those of a table's former unit have none."""
        try:
            return self.index(key) is not None
        except DeclarationError:
            return False

    def window(self, key: str | date) -> Window:
        """The window of that name, or, where windows are named by a day, of that day.

        Raises:
            DeclarationError: When there is none.
        """
        return self.at(self.index(str(key)))

    def at(self, index: int) -> Window:
        """The window of that index."""
        return Window(self.key(index), self.begin(index), self.begin(index + 1))

    def index_at(self, moment: datetime) -> int:
        """The index of the window that holds a moment."""
        moment = moment.astimezone(UTC)  # moments of one zone would be compared by what clocks say
        index = self._around(moment)
        while self.begin(index + 1) <= moment:
            index += 1
        while self.begin(index) > moment:
            index -= 1
        return index

    def count(self, now: datetime) -> int:
        """How many windows are over."""
        over = max(self.index_at(now), 0)
        return over if self.end is None else min(over, self._total(self.end))

    def keys(self, now: datetime) -> list[str]:
        """The names of the windows that are over, oldest first."""
        return [self.key(index) for index in range(self.count(now))]

    def newest(self, now: datetime) -> str | None:
        """The name of the window that ended last; None where that is before the first or after the last."""
        index = self.index_at(now) - 1
        return self.key(index) if 0 <= index == self.count(now) - 1 else None

    def over(self, now: datetime, first: date | None = None, last: date | None = None) -> list[Window]:
        """The windows that are over, oldest first; of them those that have a part of the days from first to last."""
        low = max(self.index_at(self._midnight(first)), 0) if first else 0
        high = self.count(now)
        if last and last < date.max:
            high = min(high, self.index_at(self._midnight(last + DAY).astimezone(UTC) - TICK) + 1)
        return [self.at(index) for index in range(low, high)]

    def next_end(self, now: datetime) -> datetime:
        """When the window ends that holds a moment."""
        return self.begin(self.index_at(now) + 1)

    def ended(self, now: datetime) -> tuple[str, str]:
        """The names of the first and the last window that are over; the last comes before the first if none is."""
        return self.key(0), self.key(self.count(now) - 1)

    def windows(self, until: date) -> Iterator[Window]:
        """Every window from ``start`` until before ``end``, or before ``until`` when that is earlier."""
        return map(self.at, range(self.count(self._midnight(until))))

    def between(self, first: str, last: str) -> Iterator[Window]:
        """The windows from one to another, both included."""
        return map(self.at, range(self.index(first), self.index(last) + 1))

    def ending_in(self, start: datetime, end: datetime) -> tuple[Window, ...]:
        """The declared windows that end after ``start`` and not after ``end``."""
        found = range(max(self.index_at(start), 0), min(self.index_at(end), self.count(end)))
        return tuple(map(self.at, found))

    def covering(self, span: Window) -> Iterator[Window]:
        """The windows that a span of time has a part of, whether declared or not."""
        if span.start and span.end:
            index, end = self.index_at(span.start), span.end.astimezone(UTC)
            while self.begin(index) < end:
                yield self.at(index)
                index += 1

    def history(self, until: datetime | None = None) -> Window:
        """All time that there are windows for; of a table without an end, until then or until the last day of all."""
        end = self.begin(self._total(self.end)) if self.end else until
        return Window("history", self.begin(0), end or self._midnight(date.max))

    @property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def _total(self, end: date) -> int:
        """How many windows begin before ``end``: the last hour may go beyond it, where clocks change by less."""
        index, moment = self.index_at(self._midnight(end)), self._midnight(end).astimezone(UTC)
        return index if self.begin(index) >= moment else index + 1

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self._zone)

    def _date(self, index: int) -> date:
        if self.unit is not Unit.MONTH:
            return self.start + index * (self.length or DAY)
        year, month = divmod(self.start.year * 12 + self.start.month - 1 + index, 12)
        return date(year, month + 1, 1)

    def _around(self, moment: datetime) -> int:
        """The index of a moment's window, but for what clocks do around midnight."""
        if self.unit is Unit.HOUR:
            return (moment - self._midnight(self.start).astimezone(UTC)) // HOUR
        day = moment.astimezone(self._zone).date()
        if self.unit is Unit.MONTH:
            return (day.year - self.start.year) * 12 + day.month - self.start.month
        return (day - self.start) // (self.length or DAY)

    def _moment(self, key: str) -> datetime:
        """The moment that a name says, if it is one."""
        if self.unit is not Unit.HOUR:
            return self._midnight(date.fromisoformat(key))
        if len(key) > len("2013-01-31-00:00"):
            return datetime.strptime(key, "%Y-%m-%d-%H:%M%z")
        return datetime.strptime(key, "%Y-%m-%d-%H:%M").replace(tzinfo=self._zone).astimezone(UTC)


@lru_cache
def _goes_back_by_more_than_an_hour(zone: str, start: date, end: date | None) -> bool:
    """Whether clocks of the zone do so at once, between ``start`` and ``end``."""
    of, last = ZoneInfo(zone), min(end or date.max, date.max - 2 * WEEK, start + _SCANNED_YEARS * 366 * DAY)
    weekly = (datetime.combine(start + at * WEEK, time(), of) for at in range((last - start) // WEEK + 2))
    offsets = [moment.utcoffset() or timedelta() for moment in weekly]
    return any(before - later > HOUR for before, later in pairwise(offsets))
