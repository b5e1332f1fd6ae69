"""Which records are wrong: those with one value, of one stretch of time, or that follow one another."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from recon_assets.explain.times import moment
from recon_assets.explain.words import MIN_SHARE, Reason, begun, listed, percent, share, shown, spread, top
from recon_assets.model import Discrepancy, Value

Record = Mapping[str, Value]

_ENOUGH, _MANY = 5, 10
_CONTRAST = 20
_CHANCE = 1e-6


@dataclass(frozen=True)
class WrongRecords:
    """The wrong records of one kind.

    Attributes:
        noun: What they are called: ``missing records``.
        records: Those that were looked at.
        total: How many there are.
        all: How many records the larger side has.
        others: Records to hold them against.
        matching_samples: Whether ``others`` are records that agree; else they are wrong in other ways.
        private: Columns whose values are not shown.
        windows: The keys of all windows compared, in order.
        written: A value of a column as its database shows it.
    """

    noun: str
    records: Sequence[Discrepancy]
    total: int
    all: int
    others: Sequence[Record]
    matching_samples: bool
    private: frozenset[str]
    windows: Sequence[str]
    written: Callable[[str, Value], Value]

    @cached_property
    def rows(self) -> list[Record]:
        """The records of the side that has them."""
        return [each.source or each.target or {} for each in self.records]

    @property
    def capped(self) -> bool:
        """Whether not all were looked at."""
        return len(self.records) < self.total

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that are not themselves what is mostly wrong."""
        differing = Counter(name for each in self.records for name in each.differing)
        return tuple(name for name in self.rows[0] if differing[name] * 2 <= len(self.records))

    def share(self, count: int) -> str:
        """How many of them, in words."""
        return begun(share(count, len(self.records), self.noun, capped=self.capped))

    @property
    def whose(self) -> str:
        """The records of contrast, in words: only some of those that agree were looked at."""
        return "agreeing records looked at" if self.matching_samples else "other differing records"


@dataclass(frozen=True)
class Trait:
    """One value that many records have in one column: how many, and what share of the others at most."""

    column: str
    value: Value
    count: int
    elsewhere: float


UNSEEN = " (whether others do was not looked at)"
"""How a sentence ends that may say nothing about the records at fault."""


def one_value(group: WrongRecords) -> Iterator[Reason]:
    """Records that have in some column one value, which others mostly do not have."""
    if len(group.records) < _ENOUGH:
        return
    traits = [trait for name in group.columns if (trait := _trait(group, name))]
    contrast = len(group.others) >= _CONTRAST
    if chosen := [each for each in traits if _telling(each)] if contrast else _alone(group, traits):
        named = sorted(chosen, key=lambda each: each.elsewhere)[:3]
        count = _having(named, group.rows)
        what = listed(_said(each, group) for each in named)
        remark = _remark(group, named) if contrast else UNSEEN
        yield Reason(f"{group.share(count)} have {what}{remark}", count if contrast else 0)


def _trait(group: WrongRecords, name: str) -> Trait | None:
    value, count = top(row.get(name) for row in group.rows)
    if count < max(_ENOUGH, MIN_SHARE * len(group.rows)):
        return None
    among = sum(row.get(name) == value for row in group.others)
    return Trait(name, value, count, (among + 1) / (len(group.others) + 2))


def _having(traits: Sequence[Trait], rows: Sequence[Record]) -> int:
    """How many rows have all of these values together."""
    return sum(all(row.get(each.column) == each.value for each in traits) for row in rows)


def _telling(trait: Trait) -> bool:
    """Whether records drawn at random would hardly have it."""
    return trait.elsewhere <= 0.5 and trait.count * math.log(trait.elsewhere) <= math.log(_CHANCE)


def _remark(group: WrongRecords, traits: Sequence[Trait]) -> str:
    among = _having(traits, group.others)
    return f", as {percent(among, len(group.others)) if among else 'none'} of the {group.whose} do"


def _said(trait: Trait, group: WrongRecords) -> str:
    if trait.column in group.private:
        return f"one value of {trait.column}"
    return f"{trait.column} = {shown(group.written(trait.column, trait.value))}"


def _alone(group: WrongRecords, traits: Sequence[Trait]) -> list[Trait]:
    """Without contrast: the only constant text of a table that has other columns of few values, which vary.

    Some columns have the same value in every record (a year, a currency), and no wrong record can tell:
    so it is said last and with that remark, and not at all where most records are wrong.
    """
    texts = [each for each in traits if isinstance(each.value, str) and not moment(each.value)]
    few = len(group.records) < _MANY or group.total * 2 > group.all
    return texts if len(texts) == 1 and not few and _vary(group) else []


def _vary(group: WrongRecords) -> bool:
    """Whether some column has few values and none of them mostly."""
    for name in group.columns:
        values = [row.get(name) for row in group.rows]
        if 2 <= len(set(values)) <= len(values) // 3 and top(values)[1] < 0.8 * len(values):
            return True
    return False


def one_stretch(group: WrongRecords) -> Iterator[Reason]:
    """Records of one stretch of time, in which others hardly are; of some of the records no bounds can be told."""
    if len(group.records) < _ENOUGH or len(group.others) < _CONTRAST or group.capped:
        return
    for name in group.columns:
        if name in group.private or moment(group.rows[0].get(name)) is None:
            continue
        wrong = _moments(group.rows, name)
        others = [at for at, _ in _moments(group.others, name)]
        if len(wrong) == len(group.rows) and len(others) >= _CONTRAST and (said := _stretch(wrong, others)):
            yield Reason(f"{group.share(len(wrong))} have {name} {said} {group.whose} are", len(wrong))
            return


def _moments(rows: Sequence[Record], name: str) -> list[tuple[datetime, Value]]:
    values = [row.get(name) for row in rows]
    return [(at, value) for value in values if (at := moment(value))]


def _stretch(wrong: list[tuple[datetime, Value]], others: list[datetime]) -> str:
    (low, first), (high, last) = min(wrong, key=lambda each: each[0]), max(wrong, key=lambda each: each[0])
    if low > max(others):
        return f"{shown(first)} or later, where no"
    if high < min(others):
        return f"{shown(last)} or earlier, where no"
    inside = sum(low <= at <= high for at in others)
    if inside * 10 > len(others):
        return ""
    amid = f"only {percent(inside, len(others))} of the" if inside else "no"
    return f"from {shown(first)} to {shown(last)}, where {amid}"


def one_run(group: WrongRecords) -> Iterator[Reason]:
    """Records whose numbers follow one another, in a table of which they are not the most.

    Where only some were kept, these are the first ones, which may follow one another whatever the rest is like.
    """
    if len(group.records) < _MANY or group.total * 2 > group.all or group.capped:
        return
    for at, _ in enumerate(group.records[0].key):
        whole = [number for each in group.records if isinstance(number := each.key[at], int)]
        numbers = set(whole)  # of a key of several columns, many records may have one
        if len(whole) < len(group.records) or len(numbers) < _MANY:
            continue
        low, high = min(numbers), max(numbers)
        if (high - low + 1) * 95 <= len(numbers) * 100 and not _amid(group, at, low, high):
            yield Reason(f"{group.share(len(whole))} follow one another{_named(group, at, low, high)}", len(whole))
            return


def _amid(group: WrongRecords, at: int, low: int, high: int) -> bool:
    """Whether more than a tenth of the others lie there too."""
    name = [*key_names(group.records), "the key"][at]
    numbers = [value for row in group.others if isinstance(value := row.get(name), int)]
    return sum(low <= each <= high for each in numbers) * 10 > len(numbers)


def _named(group: WrongRecords, at: int, low: int, high: int) -> str:
    names = key_names(group.records)
    name = names[at] if at < len(names) else "the key"
    return f" in {name}" if name in group.private else f": {name} {low} to {high}"


def key_names(records: Sequence[Discrepancy]) -> tuple[str, ...]:
    """The columns whose values the keys are; the first that fits, for each part of the key."""
    sample = [(each.key, each.source or each.target or {}) for each in spread(records, 50)]
    width = len(records[0].key) if records else 0
    return tuple(
        next((name for name in sample[0][1] if all(row.get(name) == key[at] for key, row in sample)), "the key")
        for at in range(width)
    )


def one_time(group: WrongRecords) -> Iterator[Reason]:
    """Records of windows that follow one another, among many that were compared."""
    places = {key: at for at, key in enumerate(group.windows)}
    hit = sorted({places[each.window] for each in group.records if each.window in places})
    if len(group.records) < _ENOUGH or group.capped or not hit:
        return
    span = hit[-1] - hit[0] + 1
    by_chance = len(places) * (span / len(places)) ** len(group.records)
    if span == len(hit) and by_chance < _CHANCE * 1000:
        first, last = group.windows[hit[0]], group.windows[hit[-1]]
        when = f"on {first}" if span == 1 else f"from {first} to {last}"
        of = f"{span:,} of {len(places):,} windows"
        yield Reason(f"{group.share(len(group.records))} are {when}, {of}", len(group.records))


PATTERNS = (one_value, one_time, one_stretch, one_run)
"""What may be asked of the records of any kind."""
