"""What the wrong values of one column have in common, and which column's values they are instead."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from recon_assets.explain.numbers import NUMBERS
from recon_assets.explain.texts import TEXTS
from recon_assets.explain.times import TIMES
from recon_assets.explain.words import MIN_SHARE, Family, Likeness, ValuePair, shown, spread, top
from recon_assets.model import Discrepancy, Value

Written = Callable[[Value], Value]
"""Makes of a value what its database shows."""

_ENOUGH, _MANY = 5, 10
_STAGES = ((16, MIN_SHARE - 0.25), (48, MIN_SHARE - 0.15))


def _as_it_is(value: Value) -> Value:
    return value


def likeness(
    pairs: Sequence[ValuePair], *, private: bool = False, written: tuple[Written, Written] = (_as_it_is, _as_it_is)
) -> Likeness | None:
    """What is true of at least nine tenths of the pairs; the most telling, when several are.

    Values of source and target are shown as ``written`` makes them.
    """
    constants = (_constant(written[1], private=private), _absent)
    # Where all is said to have become the same, what it was comes first: of equal counts the first is taken.
    families: Sequence[Family] = (*(() if private else (_replaced(*written),)), *constants, *TEXTS, *NUMBERS, *TIMES)
    for most, least in _STAGES:
        sample = spread(pairs, most)
        families = [family for family in families if _true(family(sample), least * len(sample))]
    found = [each for family in families if (each := _true(family(pairs), MIN_SHARE * len(pairs)))]
    return max(found, key=lambda each: each.count, default=None)


def _true(found: Likeness | None, least: float) -> Likeness | None:
    return found if found and found.count >= least else None


def _absent(pairs: Sequence[ValuePair]) -> Likeness | None:
    """Only of NULL and the empty text: that a source has one value often says something of the column."""
    value, count = top(source for source, _ in pairs)
    return Likeness(f"source is {shown(value)}", count) if value in {None, ""} and count >= _ENOUGH else None


def _constant(written: Written, *, private: bool) -> Family:
    def like(pairs: Sequence[ValuePair]) -> Likeness | None:
        value, count = top(target for _, target in pairs)
        if count < _ENOUGH or (value is not None and len({source for source, _ in pairs}) < 3):
            return None
        what = "one and the same value" if private and value not in {None, ""} else shown(written(value))
        return Likeness(f"target is {what}", count)

    return like


def _replaced(source: Written, target: Written) -> Family:
    """By one value always; booleans, also beside 0 and 1, by their opposite in both directions."""

    def like(pairs: Sequence[ValuePair]) -> Likeness | None:
        pair, count = top(pairs)
        opposite = sum({s, t} == {True, False} and bool in {type(s), type(t)} for s, t in pairs)
        if pair is None or max(count, opposite) < _MANY:
            return None
        if count < opposite:
            return Likeness("target is the opposite", opposite)
        return Likeness(f"{shown(source(pair[0]))} has become {shown(target(pair[1]))}", count)

    return like


def exchanged(columns: Mapping[str, Sequence[Discrepancy]]) -> Iterator[tuple[str, str, int, int]]:
    """Pairs of columns whose values stand in each other's place, in how many records of how many.

    Args:
        columns: The records that differ in each.
    """
    for one, other in combinations(columns, 2):
        fewer = min(columns[one], columns[other], key=len)
        if _holds(_swap(spread(fewer, 16), one, other)):
            answers = _swap(fewer, one, other)
            if _holds(answers) and len(answers) >= _ENOUGH:
                yield one, other, sum(answers), len(answers)


def _swap(records: Sequence[Discrepancy], one: str, other: str) -> list[bool]:
    both = [each for each in records if one in each.differing and other in each.differing]
    cells = [((each.source or {}), (each.target or {})) for each in both]
    if len({source.get(one) for source, _ in cells}) < 3:
        return []
    return [source.get(one) == target.get(other) and source.get(other) == target.get(one) for source, target in cells]


def copied(records: Sequence[Discrepancy], column: str) -> tuple[str, int] | None:
    """The other column whose source values the target's ``column`` holds, and in how many of the records."""
    first = records[0].source or {}
    others = [name for name in first if name != column]
    for tried in (spread(records, 8), spread(records, 48), records):
        others = [name for name in others if _holds(_copy(tried, column, name))]
    return next(((name, sum(_copy(records, column, name))) for name in others), None)


def _copy(records: Sequence[Discrepancy], column: str, name: str) -> list[bool]:
    targets: list[Value] = [(each.target or {}).get(column) for each in records]
    if len(set(targets)) < 3:
        return []
    return [(each.source or {}).get(name) == value for each, value in zip(records, targets, strict=True)]


def _holds(answers: list[bool]) -> bool:
    return sum(answers) >= MIN_SHARE * len(answers) > 0
