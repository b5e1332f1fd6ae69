"""Windows in SQL: the bounds of model/calendars.py as the columns store times, passed to every database.

1. No database is asked for a zone's rules: its own may be of another age, or be read otherwise where clocks change.
2. Stored values have one order: instants in UTC, times without a zone as they are written, dates as days.
   A window's bounds are two such values, and its end is the start of the next: each row is in one window.
3. What is no such value (NULL, a text that is no time, MySQL's zero date) is in no window.

The tests are recon_assets_tests/db/test_windows.py, around every change of clocks since 1970.
"""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.model import Calendar, Kind, Unit, Window
from recon_assets.values.datetimes import parse_datetime

DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_FIRST, _LAST = datetime.min, datetime.max  # noqa: DTZ901 - as stored, without a zone
_1970 = datetime(1970, 1, 1)  # noqa: DTZ001


def within(
    column: ColumnElement[Any], kind: Kind, windows: Sequence[Window], calendar: Calendar, dialect: str
) -> ColumnElement[bool]:
    """Whether ``column`` lies in one of ``windows``, which are in order of time."""
    spans: list[tuple[datetime, datetime]] = []
    for window in windows:
        if window.start is None or window.end is None:
            msg = f"window {window} has no bounds, so it is no condition"
            raise ValueError(msg)
        start, end = (as_stored(moment, kind, calendar.stored_in) for moment in (window.start, window.end))
        spans.append((start, end))
    if dialect == "sqlite":
        return sqlite_within(column, _zone(kind, calendar), spans)
    both = ([_bound(stored, kind, dialect) for stored in span] for span in spans)
    return sa.or_(*(sa.and_(column >= start, column < end) for start, end in both))


def bound(moment: datetime, kind: Kind, stored_in: str, dialect: str) -> sa.BindParameter[Any]:
    """An aware moment as a value that columns of ``kind`` can be compared with; of dates, the day in its own zone."""
    return _bound(as_stored(moment, kind, stored_in), kind, dialect)


def _bound(found: datetime, kind: Kind, dialect: str) -> sa.BindParameter[Any]:
    if kind is Kind.DATE:
        return sa.literal(found.date() if dialect != "sqlite" else str(found.date()))
    if dialect == "sqlite":
        # Texts may leave out what is zero, and the shorter text sorts first.
        return sa.literal(found.isoformat(" ").removesuffix(":00").removesuffix(" 00:00"))
    if kind is Kind.INSTANT and dialect in {"postgresql", "duckdb"}:
        return sa.literal(found.replace(tzinfo=UTC), sa.DateTime(timezone=True))
    return sa.literal(found, sa.DateTime())


def as_stored(moment: datetime, kind: Kind, stored_in: str) -> datetime:
    """An aware moment as columns of ``kind`` store it, without a zone.

    Where clocks of ``stored_in`` go forward at that very moment, the times that they skip come after it: a day that
    begins at 1 a.m. begins with its midnight.
    """
    if kind is Kind.DATE:
        return datetime.combine(moment.date(), time())
    try:
        instant = moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:  # a day of year 1 or 9999 that begins or ends in another year in UTC
        return _FIRST if moment.year == 1 else _LAST
    if kind is Kind.INSTANT or stored_in == "UTC":
        return instant
    zone = ZoneInfo(stored_in)
    if not _FIRST + 2 * DAY < instant < _LAST - DAY:
        return instant  # what clocks say there may be of another year than Python has
    return _reading(instant, zone)


def _reading(instant: datetime, zone: ZoneInfo) -> datetime:
    """What clocks of the zone say, by what they said just before."""
    now, before = (
        moment.replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None) for moment in (instant, instant - _TICK)
    )
    return min(now, before + _TICK)


def microseconds(stored: datetime) -> int:
    """Since the year 1 began."""
    return (stored - _FIRST) // _TICK


def window_key(moment: datetime, calendar: Calendar) -> str:
    """The window into which a time falls that was read from the table; one without a zone is of ``stored_in``."""
    kind = Kind.INSTANT if moment.tzinfo else Kind.TIMESTAMP
    stored = as_stored(moment, kind, calendar.stored_in) if moment.tzinfo else moment
    near = calendar.index_at(moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(calendar.stored_in)))
    around = (near + shift for shift in (2, 1, 0, -1, -2))
    return calendar.key(next(at for at in around if as_stored(calendar.begin(at), kind, calendar.stored_in) <= stored))


@dataclass(frozen=True)
class Piece:
    """A stretch of stored time, until the next one begins, in which windows are found by division.

    Attributes:
        start: When it begins.
        origin: The start of one of its windows; all of them begin a whole number of their length after it.
        index: The calendar's index of the window that begins at ``origin``.
        single: The piece is of that window only, which may be longer than others.
    """

    start: datetime
    origin: datetime
    index: int
    single: bool = False


def pieces(windows: Sequence[tuple[int, datetime, datetime]], length: timedelta | None) -> list[Piece]:
    """As few as there can be for these windows, each with its index and two bounds, in order of time.

    A piece goes on over windows that are left out, for no row of theirs is asked about. Windows of no common ``length``
    are a piece each.
    """
    found: list[Piece] = []
    for index, start, end in windows:
        last = found[-1] if found else None
        if length is None or end - start > length:
            found.append(Piece(start, start, index, single=True))
        elif last is None or last.single or start - last.origin != (index - last.index) * length:
            found.append(Piece(start, start, index))
    return found


class window_of(FunctionElement[str]):  # noqa: N801 - SQL is lower case
    """The key of the window into which a value falls, for values that fall into one of the windows given."""

    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], kind: Kind, windows: Sequence[Window], calendar: Calendar) -> None:
        super().__init__(column)
        self.kind, self.zone, self.calendar = kind, _zone(kind, calendar), calendar
        self.pieces = pieces(bounds := list(_bounds(kind, windows, calendar)), calendar.length)
        self.length = calendar.length or DAY
        # A date is the key of its day; everywhere else keys would cost more than what they are read from.
        self.is_key = kind is Kind.DATE and calendar.unit is Unit.DAY
        self.type = _WindowKey(calendar, {start: index for index, start, _ in bounds})


def _bounds(kind: Kind, windows: Sequence[Window], calendar: Calendar) -> Iterator[tuple[int, datetime, datetime]]:
    """Without windows that hold no stored time: a day that a zone skips at the date line, the first of two 1 a.m."""
    for window in windows:
        if window.start and window.end:
            start, end = (as_stored(moment, kind, calendar.stored_in) for moment in (window.start, window.end))
            if start < end:
                yield calendar.index(window.key), start, end


class _WindowKey(sa.types.UserDefinedType[str]):
    """Windows as databases find them cheapest, which have the same order as the windows: read as the window's key."""

    cache_ok = False

    def __init__(self, calendar: Calendar, starts: dict[datetime, int]) -> None:
        self.calendar, self.starts = calendar, starts

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], str | None]:
        del dialect, coltype
        return cache(self._key)  # each row of a window brings the same moment

    def _key(self, found: Any) -> str | None:
        if isinstance(found, datetime):
            stored = (found.astimezone(UTC) if found.tzinfo else found).replace(tzinfo=None)
            return self.calendar.key(self.starts[stored])
        if isinstance(found, int):
            return self.calendar.key(found)
        return None if found is None else str(found)


@compiles(window_of, "postgresql")
def _window_of_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    """The start of the window, by a function that costs a seventh of ``AT TIME ZONE``."""
    value: str = compiler.process(element.clauses, **kw)
    if element.is_key:
        return value
    of, zone = ("TIMESTAMPTZ", "+00") if element.kind is Kind.INSTANT else ("TIMESTAMP", "")
    seconds = element.length // timedelta(seconds=1)

    def literal(stored: datetime) -> str:
        return f"{of} '{stored}{zone}'"

    def start(piece: Piece) -> str:
        return literal(piece.origin) if piece.single else f"date_bin('{seconds} s', {value}, {literal(piece.origin)})"

    return _chosen(element.pieces, lambda piece: f"{value} >= {literal(piece.start)}", start)


@compiles(window_of, "mysql", "mariadb")
def _window_of_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    """A number, by which it groups quicker than by dates."""
    value: str = compiler.process(element.clauses, **kw)
    if element.is_key:
        return value
    calendar = element.calendar

    def number(piece: Piece) -> str:
        if piece.single:
            return str(piece.index)
        if calendar.unit is Unit.HOUR:
            return f"TIMESTAMPDIFF(HOUR, '{piece.origin}', {value}) + {piece.index}"
        midnight = datetime.combine(calendar.start + piece.index * element.length, time())
        seconds = (midnight - piece.origin) // timedelta(seconds=1)
        moved = f"{value} + INTERVAL {seconds} SECOND" if seconds else value
        days = f"TO_DAYS({moved}) - {calendar.start.toordinal() + _MYSQL_DAYS_BEFORE_YEAR_1}"
        return days if calendar.unit is Unit.DAY else f"({days}) DIV {element.length.days}"

    return _chosen(element.pieces, lambda piece: f"{value} >= '{piece.start}'", number)


_MYSQL_DAYS_BEFORE_YEAR_1 = 365


@compiles(window_of, "duckdb")
def _window_of_duckdb(element: Any, compiler: Any, **kw: Any) -> str:
    value: str = compiler.process(element.clauses, **kw)
    if element.is_key:
        return value
    passed = f"epoch_us({value})" if element.kind is Kind.INSTANT else f"epoch_us(CAST({value} AS TIMESTAMP))"

    def since_1970(stored: datetime) -> int:
        return (stored - _1970) // _TICK

    def number(piece: Piece) -> str:
        if piece.single:
            return str(piece.index)
        return f"({passed} - ({since_1970(piece.origin)})) // {element.length // _TICK} + {piece.index}"

    return _chosen(element.pieces, lambda piece: f"{passed} >= {since_1970(piece.start)}", number)


def _chosen(parts: Sequence[Piece], begun: Callable[[Piece], str], window: Callable[[Piece], str]) -> str:
    """The window by the piece that has begun; halved again and again, so a century costs a few comparisons more."""
    if not parts:
        return "NULL"
    if len(parts) == 1:
        return window(parts[0])
    middle = len(parts) // 2
    earlier, later = _chosen(parts[:middle], begun, window), _chosen(parts[middle:], begun, window)
    return f"CASE WHEN {begun(parts[middle])} THEN {later} ELSE {earlier} END"


@compiles(window_of, "sqlite")
def _window_of_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    """By a function of ours, which reads the text once."""
    parts = [(microseconds(part.start), microseconds(part.origin), part.index, part.single) for part in element.pieces]
    value, length = compiler.process(element.clauses, **kw), element.length // _TICK
    return f"recon_window({value}, '{element.zone}', {length}, '{json.dumps(parts)}')"


class sqlite_time(FunctionElement[int]):  # noqa: N801 - SQL is lower case
    """A text of SQLite as microseconds, by the parser that reads it for comparison; NULL if no time."""

    type = sa.BigInteger()
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], zone: str) -> None:
        super().__init__(column)
        self.zone = zone


@compiles(sqlite_time, "sqlite")
def _sqlite_time_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"recon_time({compiler.process(element.clauses, **kw)}, '{element.zone}')"


class sqlite_within(FunctionElement[bool]):  # noqa: N801 - SQL is lower case
    """Whether a text of SQLite is a time of one of these spans: it is read once, however many there are."""

    type = sa.Boolean()
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], zone: str, spans: Sequence[tuple[datetime, datetime]]) -> None:
        super().__init__(column)
        self.zone = zone
        self.spans = [(microseconds(start), microseconds(end)) for start, end in spans]


@compiles(sqlite_within, "sqlite")
def _sqlite_within_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    column = compiler.process(element.clauses, **kw)
    return f"recon_within({column}, '{element.zone}', '{json.dumps(element.spans)}')"


class sqlite_sortable(FunctionElement[Any]):  # noqa: N801 - SQL is lower case
    """Texts of SQLite as `sqlite_time`, other values as they are."""

    type = sa.types.NullType()
    inherit_cache = False

    def __init__(self, column: ColumnElement[Any], zone: str) -> None:
        super().__init__(column)
        self.zone = zone


@compiles(sqlite_sortable, "sqlite")
def _sqlite_sortable_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    value: str = compiler.process(element.clauses, **kw)
    return f"iif(typeof({value}) = 'text', recon_time({value}, '{element.zone}'), {value})"


def sortable(column: ColumnElement[Any], kind: Kind, dialect: str, stored_in: str = "UTC") -> ColumnElement[Any]:
    """The column in a form in which any two of its values sort by time, however they are written."""
    written = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT, Kind.ANY}
    return sqlite_sortable(column, stored_in) if dialect == "sqlite" and kind in written else column


def is_time(column: ColumnElement[Any], kind: Kind, calendar: Calendar, dialect: str) -> ColumnElement[bool]:
    """Whether a value is a time at all."""
    found = sqlite_time(column, _zone(kind, calendar)) if dialect == "sqlite" else column
    return found.is_not(None)


def _zone(kind: Kind, calendar: Calendar) -> str:
    """In which zone stored times are to be read; dates of SQLite that name an offset are compared in UTC."""
    return "UTC" if kind in {Kind.INSTANT, Kind.DATE} else calendar.stored_in


def install(connection: Any, _: Any = None) -> None:
    """Gives a connection of SQLite the functions used here."""
    connection.create_function("recon_time", 2, time_of, deterministic=True)
    connection.create_function("recon_window", 4, _window, deterministic=True)
    connection.create_function("recon_within", 3, _within, deterministic=True)


_INFINITE = {"infinity": 2**62, "-infinity": -(2**62)}


@lru_cache  # one text is looked for in many spans, one after the other
def time_of(value: Any, zone: str) -> int | None:
    """A value of SQLite in microseconds as ``zone`` has it; None if it is no text of a time, like numbers."""
    if not isinstance(value, str):
        return None
    if value in _INFINITE:
        return _INFINITE[value]
    try:
        moment = parse_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return microseconds(moment)
    try:
        return microseconds(moment.astimezone(_loaded(zone)).replace(tzinfo=None))
    except OverflowError:
        return None


_loaded = lru_cache(ZoneInfo)


def _window(value: Any, zone: str, length: int, parts: str) -> int | None:
    stored, known = time_of(value, zone), _read(parts)
    at = -1 if stored is None else bisect_right(known, stored, key=lambda part: part[0]) - 1
    if stored is None or at < 0:
        return None
    _, origin, index, single = known[at]
    return int(index) if single else int(index + (stored - origin) // length)


def _within(value: Any, zone: str, spans: str) -> bool | None:
    stored, known = time_of(value, zone), _read(spans)
    if stored is None:
        return None
    at = bisect_right(known, stored, key=lambda span: span[0]) - 1
    return bool(at >= 0 and stored < known[at][1])


_read = lru_cache(json.loads)
