"""What happens to times on their way: time zones, constant shifts, lost fractions, day and month swapped."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from recon_assets.explain.words import MIN_SHARE, Family, Likeness, ValuePair, of_parsed, spread
from recon_assets.model import Value, plural

Times = list[tuple[datetime, datetime]]

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_ORIGIN = datetime(1, 1, 1, tzinfo=UTC)
_QUARTER, _FARTHEST = timedelta(minutes=15), timedelta(hours=14)

# Of zones that had the same offsets at these times the first is named: those with most people first.
ZONES = (
    "America/New_York", "Europe/Berlin", "Europe/London", "Asia/Kolkata", "Asia/Shanghai", "America/Los_Angeles",
    "America/Chicago", "Asia/Tokyo", "Australia/Sydney", "America/Sao_Paulo", "America/Denver", "Europe/Athens",
    "Europe/Moscow", "Asia/Dubai", "Asia/Karachi", "Asia/Jakarta", "Asia/Dhaka", "Asia/Kathmandu", "Africa/Lagos",
    "Africa/Johannesburg", "Africa/Nairobi", "Asia/Tehran", "Asia/Jerusalem", "America/Bogota", "America/Caracas",
    "America/Phoenix", "America/Halifax", "America/Anchorage", "Pacific/Honolulu", "Australia/Brisbane",
    "Australia/Adelaide", "Australia/Perth", "Pacific/Auckland",
)  # fmt: skip


def moment(value: Value) -> datetime | None:
    """The time that a value is; naive ones as of UTC, dates as their midnight.

    The years 1 and 9999 stand for never and for ever in many tables, and have no room for a shift.
    """
    if not isinstance(value, str) or value[4:5] != "-" or value[7:8] != "-":
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    if not 1 < at.year < 9999:
        return None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def _timely(find: Callable[[Times], Likeness | None]) -> Family:
    read = of_parsed(moment, find)

    def like(pairs: Sequence[ValuePair]) -> Likeness | None:
        found = read(pairs)
        if found and any(_names_zone(s) != _names_zone(t) for s, t in pairs if s is not None and t is not None):
            return replace(found, phrase=f"{found.phrase}{_READ}")
        return found

    return like


_READ = " (times without a zone read as UTC)"
"""How a phrase ends about such times: in which zone they are stored is not known here."""


def _names_zone(value: Value) -> bool:
    return any(sign in str(value)[10:] for sign in "+-Z")


def _shifted(times: Times) -> Likeness | None:
    """By one span, or, where clocks change, by two that are an hour apart and that a zone explains."""
    shifts = Counter(t - s for s, t in times).most_common(2)
    (first, count), (second, more) = shifts[0], shifts[-1]
    if not first:
        return Likeness("target is the same time", count)
    if len({s for s, _ in times}) < 3:
        return None
    if count < MIN_SHARE * len(times) and abs(first - second) == _HOUR:
        zone = _zone(times, [first, second])
        spans = sorted({abs(first), abs(second)})
        return Likeness(f"{_apart(first, spans)}{zone}", count + more) if zone else None
    return Likeness(f"{_apart(first, [abs(first)])}{_zone(times, [first])}", count)


def _apart(shift: timedelta, spans: list[timedelta]) -> str:
    return f"target is {' or '.join(map(_span, spans))} {'later' if shift > timedelta() else 'earlier'}"


def _span(span: timedelta) -> str:
    """``4 hours 30 minutes``; whole years are not spans."""
    minutes, seconds = divmod(span.seconds, 60)
    parts = ((span.days, "day"), (minutes // 60, "hour"), (minutes % 60, "minute"))
    words = [plural(many, unit) for many, unit in parts if many]
    if seconds or span.microseconds or not words:
        exact = f"{seconds + span.microseconds / 1e6:.6f}".rstrip("0").rstrip(".")
        words.append(f"{exact} second{'s' * (exact != '1')}")
    return " ".join(words)


def _zone(times: Times, shifts: list[timedelta]) -> str:
    """The zone in which a reader and a writer misunderstood each other; nothing when none is known."""
    if any(shift % _QUARTER or abs(shift) > _FARTHEST for shift in shifts):
        return ""
    moved = [(s, t - s) for s, t in spread(times, 64)]
    found: dict[str, list[str]] = {}
    for name in ZONES:
        zone = ZoneInfo(name)
        if _agree((_offset(s, zone) == shift) for s, shift in moved):
            found.setdefault("{} time had been read as UTC", []).append(name)
        elif _agree((-_offset(s.replace(tzinfo=zone), zone) == shift) for s, shift in moved):
            found.setdefault("UTC had been read as {} time", []).append(name)
    return next((f", as if {how.format(_local(names, shifts))}" for how, names in found.items()), "")


def _local(names: list[str], shifts: list[timedelta]) -> str:
    """The zone; of times of one season, in which several agree, as many as make clear that none is meant alone."""
    if len(shifts) > 1 or len(names) == 1:
        return names[0]
    return f"{' or '.join(names[:2])}{' (or another zone of that offset)' if len(names) > 2 else ''}"


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _agree(answers: Iterable[bool]) -> bool:
    said = list(answers)
    return sum(said) >= MIN_SHARE * len(said) > 0


_UNITS = (
    ("milliseconds", timedelta(milliseconds=1), 3),
    ("hundredths of a second", timedelta(milliseconds=10), 2),
    ("tenths of a second", timedelta(milliseconds=100), 1),
    ("whole seconds", timedelta(seconds=1), 0),
    ("whole minutes", timedelta(minutes=1), None),
    ("whole hours", _HOUR, None),
    ("whole days", _DAY, None),
)
"""Each with the digits after the second that it leaves, where a rule can bring times to it."""


def _cut(times: Times) -> Likeness | None:
    """To the finest unit that explains as many as any, rounded or not; what is the same time was not cut."""
    if sum(s != t for s, t in times) < MIN_SHARE * len(times):
        return None
    found = [
        Likeness(
            f"target is source {word} to {name}",
            sum(_floor(s + shift, unit) == t for s, t in times),
            f"precision={digits}{rounding}" if digits is not None else "",
        )
        for name, unit, digits in _UNITS
        for word, shift, rounding in (("cut", timedelta(), ",rounding=truncate"), ("rounded", unit / 2, ""))
    ]
    return max(found, key=lambda each: each.count)


def _floor(at: datetime, unit: timedelta) -> datetime:
    return at - (at - _ORIGIN) % unit


def _swapped(times: Times) -> Likeness | None:
    count = sum(s.day <= 12 and s != t == s.replace(month=s.day, day=s.month) for s, t in times)
    return Likeness("target has day and month swapped", count)


TIMES: tuple[Family, ...] = tuple(map(_timely, (_cut, _swapped, _shifted)))
