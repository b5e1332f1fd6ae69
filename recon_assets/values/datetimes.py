"""Dates and times as text: one grammar for dates, times of day, timestamps and instants."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from recon_assets.model import Kind, Type
from recon_assets.values.kind import TypeRule, numbers_of, refuse, what
from recon_assets.values.numbers import SPACES

INFINITE = frozenset({"infinity", "-infinity"})
DAY = timedelta(days=1)
_CLOCK = r"([0-9]{1,3}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?"
_TIME = re.compile(rf"(-)?{_CLOCK}")
_MOMENT = re.compile(
    r"(?P<year>[0-9]{4})(?P<dash>-?)(?P<month>[0-9]{2})(?P=dash)(?P<day>[0-9]{2})"
    r"(?:(?:[ ]+|T)(?P<clock>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?|(?<=T)[0-9]{4}(?:[0-9]{2}(?:\.[0-9]+)?)?)"
    r"[ ]?(?P<zone>[Zz]|[+-][0-9]{2}(?::?[0-9]{2}(?::[0-9]{2})?)?)?)?"
)
_USUAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)?")
_OTHER_YEARS = re.compile(
    r"[0-9]{5,6}-[0-9]{2}-[0-9]{2}(?: [0-9:.]+)?|[0-9]{4,6}-[0-9]{2}-[0-9]{2}(?: [0-9:.]+)? \(?BC\)?(?: [0-9:.]+)?"
)
_MIDNIGHT = datetime(1, 1, 1)  # noqa: DTZ001 - a time of day has no zone
_LARGEST_OFFSET = timedelta(hours=16)


class OtherYearsError(ValueError):
    """A time before the year 1 or after 9999, which other databases cannot hold."""


def parse_time(text: str) -> timedelta:
    """Since midnight; MySQL's may be negative and longer than a day. A time with a zone is no time of day."""
    match = _TIME.fullmatch(text.strip(SPACES))
    if not match:
        refuse("a time with a zone" if re.search(r":.*(?:[Zz]|[+-][0-9:]+)\s*$", text) else "text that is not a time")
    passed = _clock(*match.groups()[1:])
    return -passed if match[1] else passed


def _clock(hours: str, minutes: str, seconds: str | None, fraction: str | None) -> timedelta:
    if int(minutes) > 59 or int(seconds or 0) > 59:
        refuse("text that is not a time")
    if fraction and fraction[6:].strip("0"):
        refuse("a time with more than 6 digits after the second")
    micros = int((fraction or "")[:6].ljust(6, "0"))
    return timedelta(hours=int(hours), minutes=int(minutes), seconds=int(seconds or 0), microseconds=micros)


def parse_datetime(text: str, name: str = "a timestamp") -> datetime:
    """A day, or a moment of one; aware if the text names an offset.

    Raises:
        OtherYearsError: For a time before the year 1 or after 9999.
        ValueError: For any other text; ``infinity`` is none of these moments either.
    """
    text = text.strip(SPACES)
    if _USUAL.fullmatch(text) and not text.endswith("24:00:00"):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            refuse(f"text that is not {name} of the years 1 to 9999")
    if _OTHER_YEARS.fullmatch(text):
        msg = f"text that is not {name} of the years 1 to 9999"
        raise OtherYearsError(msg)
    match = _MOMENT.fullmatch(text)
    try:
        day = datetime(*map(int, match.group("year", "month", "day"))) if match else None  # type: ignore[arg-type] # noqa: DTZ001
        passed = _time_of(match["clock"]) if match and match["clock"] else timedelta()
    except ValueError as error:
        refuse(str(error) if "digits" in str(error) else f"text that is not {name} of the years 1 to 9999")
    if match is None or day is None or passed > DAY:
        refuse(f"text that is not {name} of the years 1 to 9999")
    try:
        moment = day + passed
    except OverflowError:
        msg = f"text that is not {name} of the years 1 to 9999"
        raise OtherYearsError(msg) from None
    return moment.replace(tzinfo=_offset(match["zone"])) if match["zone"] else moment


def _time_of(clock: str) -> timedelta:
    """A clock that may leave out the colons."""
    if ":" not in clock:
        clock = f"{clock[:2]}:{clock[2:4]}" + (f":{clock[4:]}" if clock[4:] else "")
    return parse_time(clock)


def _offset(written: str) -> timezone:
    digits = re.sub("[^0-9]", "", written).ljust(6, "0")
    hours, minutes, seconds = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if offset >= _LARGEST_OFFSET or minutes > 59 or seconds > 59:
        refuse("a timestamp with an offset that no zone has")
    return timezone(-offset if written.startswith("-") else offset)


def datetime_of(value: Any, name: str = "a timestamp") -> datetime:
    """The moment that a driver's value is."""
    if isinstance(value, str):
        return parse_datetime(value, name)
    if isinstance(value, datetime):
        return value
    return datetime.combine(value, time()) if isinstance(value, date) else refuse(what(value))


def as_kind(value: Any, kind: Kind, zone: ZoneInfo) -> datetime:
    """A moment as a column of the kind holds it: naive in ``zone`` for a timestamp, aware for an instant."""
    moment = datetime_of(value)
    if (moment.tzinfo is None) == (kind is Kind.TIMESTAMP):
        return moment
    naive = moment.astimezone(zone).replace(tzinfo=None, fold=0) if moment.tzinfo else moment
    aware = localized(naive, zone)  # for instants too: refuses a time that the zone has twice or never
    return naive if moment.tzinfo else aware


def localized(naive: datetime, zone: ZoneInfo) -> datetime:
    """The one moment that a local time is; none where clocks show it twice or never, in loads and comparisons alike."""
    first, second = (naive.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() != second.utcoffset():
        refuse(f"a local time that {zone.key} has twice or never")
    return first


def need_digits(microsecond: int, of: Type) -> None:
    """Refuses what the column would round."""
    if of.precision is not None and microsecond % 10 ** (6 - of.precision):
        refuse(f"a time with more than {of.precision} digits after the second")


def time_of_day(passed: timedelta) -> time:
    """From the time since midnight, as MySQL's driver has it."""
    if not timedelta() <= passed < DAY:
        refuse("a time outside one day")
    return (_MIDNIGHT + passed).time()


def canonical(moment: datetime) -> str:
    """As PostgreSQL writes it, in UTC."""
    return trimmed((moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment).isoformat(" "))


def of_sqlite(value: Any, _: Kind) -> str:
    """The canonical text of a text; a number is no time."""
    return value if value in INFINITE else canonical(parse_datetime(value)) if isinstance(value, str) else refuse("")


def trimmed(written: str) -> str:
    """Without zeros after the last digit of a second."""
    return written.rstrip("0") if "." in written else written


def show(text: str) -> str:
    """In ISO's form."""
    return text.replace(" ", "T", 1)


def clock(kind: Kind, default: int = 6) -> TypeRule:
    """A type whose name states how many digits of a second it keeps."""
    return lambda name, args: Type(kind, name, precision=next(iter(numbers_of(args)), default))


def to_digits(kind: Kind, digits: int) -> TypeRule:
    """A type that keeps so many digits of a second."""
    return lambda name, _: Type(kind, name, precision=digits)


DATETIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT})
