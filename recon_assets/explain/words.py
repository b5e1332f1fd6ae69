"""How reasons are worded, and how firm the ground under them must be."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from recon_assets.model import Value

ValuePair = tuple[Value, Value]
_T = TypeVar("_T")

MIN_SHARE = 0.9
"""The share of records that must share a trait which chance could give to some of them."""

_SHOWN = 40
_ENOUGH = 5


@dataclass(frozen=True)
class Reason:
    """One sentence about ``records`` of the differing records, or advice about what may be meant by them."""

    sentence: str
    records: int
    advice: bool = False


@dataclass(frozen=True)
class Likeness:
    """What the target's values are to the source's ("target is NULL"), and for how many pairs it is true.

    ``rule`` is the rule of a column, if any, under which such values are equal: ``scale=2``.
    """

    phrase: str
    count: int
    rule: str = ""


Family = Callable[[Sequence[ValuePair]], Likeness | None]
"""Finds the parameter, if any, with which a trait is true of many pairs."""


def of_parsed(parse: Callable[[Value], _T | None], find: Callable[[list[tuple[_T, _T]]], Likeness | None]) -> Family:
    """Looks at what both values of a pair are read as; at nothing where hardly any can be read so."""

    def like(pairs: Sequence[ValuePair]) -> Likeness | None:
        if len(pairs) < _ENOUGH or parse(pairs[0][0] or pairs[-1][0]) is None:
            return None
        both = [(parse(s), parse(t)) for s, t in pairs]
        read = [(s, t) for s, t in both if s is not None and t is not None]
        found = find(read) if len(read) >= _ENOUGH else None
        return found if found and found.count >= _ENOUGH else None

    return like


def share(count: int, of: int, noun: str, *, capped: bool = False) -> str:
    """``all 300 missing records``, or ``294 of 300 missing records (98 %)``; never 100 % unless it is all."""
    seen = " looked at" if capped else ""
    if count == of:
        return f"all {of:,} {noun}{seen}"
    return f"{count:,} of {'the ' if capped else ''}{of:,} {noun}{seen} ({percent(count, of)})"


def percent(count: int, of: int) -> str:
    """Rounded down, so that nearly all is not all."""
    return f"{count * 100 // of} %"


def begun(sentence: str) -> str:
    """With a capital at the beginning, the rest as it is."""
    return sentence[:1].upper() + sentence[1:]


def shown(value: Value) -> str:
    """A value within a sentence: NULL, numbers and plain words as such, other text in quotes and cut."""
    if value is None:
        return "NULL"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if text and len(text) <= _SHOWN and all(each.isalnum() or each in "-+._:/" for each in text):
        return text
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``, ``a, b, c and 4 more``."""
    names = list(names)
    if len(names) > 4:
        names = [*names[:3], f"{len(names) - 3} more"]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def top(items: Iterable[_T]) -> tuple[_T | None, int]:
    """The item that stands most often, and how often; the first such."""
    counts: dict[_T, int] = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return max(counts.items(), key=lambda each: each[1], default=(None, 0))


def spread(items: Sequence[_T], most: int) -> Sequence[_T]:
    """At most about ``most`` of them, evenly from the first to the last."""
    return items[:: -(-len(items) // most)] if len(items) > most else items
