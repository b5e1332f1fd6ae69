"""Why records differ: what they have in common, a sentence each. Pure: it sees a comparison, no database.

A sentence is said only when chance would hardly make it true: of damage at random nothing is said.
"""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import localcontext
from functools import partial
from itertools import islice

from recon_assets.explain.cells import copied, exchanged, likeness
from recon_assets.explain.groups import PATTERNS, Record, WrongRecords, key_names
from recon_assets.explain.numbers import CONTEXT
from recon_assets.explain.words import (
    MIN_SHARE,
    Likeness,
    Reason,
    ValuePair,
    begun,
    listed,
    percent,
    share,
    spread,
    top,
)
from recon_assets.model import Comparison, Discrepancy, Value

__all__ = ["reasons"]

_EXTRA, _MISMATCHED = "extra records", "mismatched records"
_SENTENCES = 5
_MIN_MATCHING_SAMPLES = 20
_LOOKED_AT = 1000
_ENOUGH = 3
_RARE = 0.001
_WIDE = 30


def reasons(
    comparison: Comparison,
    *,
    private: frozenset[str] = frozenset(),
    windows: Sequence[str] = (),
) -> tuple[str, ...]:
    """What the differing records have in common, best first; nothing when they have nothing in common.

    Args:
        comparison: With its evidence, and at least 20 records that agree: whether "all have carrier = UA" means
            anything, only those can tell. Without them, the records that are wrong in other ways serve. Where
            the evidence is capped, sentences speak of the records looked at,
            and of at most a thousand of each kind.
        private: Columns of which no value is shown.
        windows: The keys of all windows that were compared, in order.

    Returns:
        At most five sentences, and one that tells how to declare what they say as no fault.
    """
    with localcontext(CONTEXT):
        # What became of the values is nearer to the cause than which records they are: of equal counts it is first.
        found = [
            *_of_cells(comparison, private),
            *_of_kinds(comparison, private, windows),
            *_moved(comparison, private),
        ]
    best = sorted((each for each in found if not each.advice), key=lambda each: -each.records)
    said = tuple(dict.fromkeys(each.sentence for each in best))[:_SENTENCES]
    return (*said, *(each.sentence for each in found if each.advice))


def _of_kinds(comparison: Comparison, private: frozenset[str], windows: Sequence[str]) -> Iterator[Reason]:
    counts = comparison.counts
    matching_samples = comparison.matching_samples if len(comparison.matching_samples) >= _MIN_MATCHING_SAMPLES else ()
    largest = max(counts.source, counts.target)
    kinds = (
        ("missing records", comparison.missing, counts.missing),
        (_EXTRA, comparison.extra, counts.extra),
        (_MISMATCHED, comparison.mismatched, counts.mismatched),
    )
    yield from _nothing(comparison)
    for noun, records, total in kinds:
        if records:
            others = matching_samples or _others(noun, records, comparison)
            looked_at = spread(records, _LOOKED_AT)
            of_all = max(total, len(records)), largest
            written = partial(_written, comparison, int(noun == _EXTRA))
            group = WrongRecords(noun, looked_at, *of_all, others, bool(matching_samples), private, windows, written)
            yield from (reason for pattern in PATTERNS for reason in pattern(group))


def _written(comparison: Comparison, side: int, column: str, value: Value) -> Value:
    return comparison.written(column, value, side)


def _others(noun: str, records: tuple[Discrepancy, ...], comparison: Comparison) -> list[Record]:
    """Records that are wrong in other ways, as they are on the same side: the two sides may differ in every row."""
    kinds = (comparison.missing, comparison.extra, comparison.mismatched)
    others = (each for kind in kinds if kind is not records for each in spread(kind, _LOOKED_AT))
    sides = (each.target if noun == _EXTRA else each.source for each in others)
    return [row for row in sides if row is not None]


def _nothing(comparison: Comparison) -> Iterator[Reason]:
    """A side that is empty needs no other explanation."""
    counts = comparison.counts
    for empty, other, wrong in ((counts.target, "target", counts.missing), (counts.source, "source", counts.extra)):
        if wrong and not empty:
            yield Reason(f"Of what was compared the {other} has no record at all", wrong)
    if counts.target and counts.missing and counts.missing == counts.source:
        yield Reason("The target has none of the source's records", counts.missing)


def _moved(comparison: Comparison, private: frozenset[str]) -> Iterator[Reason]:
    """Missing records that are there under another key."""
    missing, extra = comparison.missing, comparison.extra
    names = key_names(missing)
    # Where the rest of a record is not its own, the rest and all but one part of its key may be.
    for changed in dict.fromkeys([names, *((name,) for name in names)]):
        found, rests = _by_rest(extra, changed), _by_rest(missing, changed)
        pairs = [(each, found[rest]) for rest, each in rests.items() if rest in found]
        if len(pairs) >= max(_ENOUGH, MIN_SHARE * min(len(missing), len(extra))):
            break
    else:
        return
    said = share(len(pairs), len(missing), "missing records", capped=not comparison.complete)
    how = _how([(source.key, target.key) for source, target in pairs], names, private)
    yield Reason(f"{begun(said)} are among the extra ones under another key{how}", 2 * len(pairs))


def _how(keys: Sequence[tuple[tuple[Value, ...], ...]], names: Sequence[str], private: frozenset[str]) -> str:
    """What became of the part of the key that is another."""
    for at, name in enumerate(names):
        pairs = [(source[at], target[at]) for source, target in keys if source[at] != target[at]]
        if len(pairs) >= _ENOUGH and (like := likeness(pairs, private=name in private)):
            return f"; {name}: {like.phrase}{_among(like.count, len(pairs))}"
    return ""


def _by_rest(
    records: Iterable[Discrepancy], without: Sequence[str]
) -> dict[tuple[tuple[str, Value], ...], Discrepancy]:
    """By all but some of their columns, where that is theirs alone."""
    found: dict[tuple[tuple[str, Value], ...], list[Discrepancy]] = {}
    for each in records:
        rest = tuple(sorted(item for item in (each.source or each.target or {}).items() if item[0] not in without))
        found.setdefault(rest, []).append(each)
    return {rest: same[0] for rest, same in found.items() if rest and len(same) == 1}


def _of_cells(comparison: Comparison, private: frozenset[str]) -> Iterator[Reason]:
    """Which columns mismatched records differ in, and in what way."""
    records = spread(comparison.mismatched, _LOOKED_AT)
    if len(records) < _ENOUGH:
        return
    capped = len(records) < comparison.counts.mismatched
    columns = _by_weight(records)
    likes = {name: like for name, wrong in columns.items() if (like := _like(wrong, name, private, comparison))}
    yield from _settling(likes, columns)
    same = _same_columns(records, comparison, likes, capped=capped)
    if same:
        yield same[0]
        likes = {name: like for name, like in likes.items() if name not in same[1]}
    yield from _by_phrase(likes, columns, capped=capped)
    yield from _exchanges(columns, capped=capped)


def _settling(likes: Mapping[str, Likeness], columns: Mapping[str, Sequence[Discrepancy]]) -> Iterator[Reason]:
    """The rules under which all that was looked at of a column is equal, as they are typed and declared.

    Where other columns differ too, it says of which columns it speaks.
    """
    rules = {name: like.rule for name, like in likes.items() if like.rule and like.count == len(columns[name])}
    if rules:
        typed = " ".join(f"--rule {shlex.quote(f'{name}:{rule}')}" for name, rule in rules.items())
        declared = ", ".join(f"{name}: {{{_as_yaml(rule)}}}" for name, rule in rules.items())
        whose = "" if len(rules) == len(columns) else f" of {listed(list(rules))}"
        yield Reason(
            f"If that{whose} is no fault: {typed}, or declare columns: {{rules: {{{declared}}}}}", 0, advice=True
        )


def _as_yaml(rule: str) -> str:
    parts = (part.partition("=") for part in rule.split(","))
    return ", ".join(f"{name}: {value or 'true'}" for name, _, value in parts)


def _by_weight(records: Sequence[Discrepancy]) -> dict[str, list[Discrepancy]]:
    """The records that differ in each column, of the column with the most first."""
    columns: dict[str, list[Discrepancy]] = {}
    for each in records:
        for name in each.differing:
            columns.setdefault(name, []).append(each)
    return dict(sorted(columns.items(), key=lambda item: -len(item[1])))


def _like(
    records: Sequence[Discrepancy], name: str, private: frozenset[str], comparison: Comparison
) -> Likeness | None:
    """What became of the column's values."""
    if len(records) < _ENOUGH:
        return None
    pairs = _pairs(records, name)
    written = (partial(comparison.written, name, side=0), partial(comparison.written, name, side=1))
    if found := likeness(pairs, private=name in private, written=written):
        return found
    other = copied(records, name)
    return Likeness(f"target is {other[0]} of source", other[1]) if other else None


def _pairs(records: Sequence[Discrepancy], name: str) -> list[ValuePair]:
    return [((each.source or {}).get(name), (each.target or {}).get(name)) for each in records]


def _same_columns(
    records: Sequence[Discrepancy], comparison: Comparison, likes: Mapping[str, Likeness], *, capped: bool
) -> tuple[Reason, tuple[str, ...]] | None:
    """That they differ in the same columns, where there are others; of a single column also in what way."""
    columns, count = top(each.differing for each in records)
    others = max(1, len(set(records[0].source or {}) - set(key_names(records))))
    if not columns or count < MIN_SHARE * len(records) or (1 / others) ** (count - 1) > _RARE:
        return None
    total = comparison.counts.mismatched
    exact = capped and dict.fromkeys(columns, total) == dict(comparison.by_column)
    said = begun(share(*((total, total) if exact else (count, len(records))), _MISMATCHED, capped=capped and not exact))
    like = likes.get(columns[0]) if len(columns) == 1 else None
    how = f"; {like.phrase}{_among(like.count, count, 'looked at' if exact else '')}" if like else ""
    if len(columns) == others > 1:
        return Reason(f"{said} differ in every column but the key", count), ()
    return Reason(f"{said} differ in {listed(columns)} only{how}", count), columns if like else ()


def _among(count: int, of: int, seen: str = "") -> str:
    them = f"the {of:,} {seen}" if seen else "them"
    return f" in all of {them}" if count >= of else f" in {percent(count, of)} of {them}"


def _by_phrase(
    likes: Mapping[str, Likeness], columns: Mapping[str, Sequence[Discrepancy]], *, capped: bool
) -> Iterator[Reason]:
    """Columns that met with the same in one sentence."""
    phrases: dict[str, list[str]] = {}
    for name, like in likes.items():
        phrases.setdefault(like.phrase, []).append(name)
    for phrase, names in phrases.items():
        count, of = sum(likes[name].count for name in names), sum(len(columns[name]) for name in names)
        noun = "records that differ in it" if len(names) == 1 else "values that differ in them"
        records = len({id(each) for name in names for each in columns[name]})
        said = share(count, of, noun, capped=capped)
        yield Reason(f"{listed(names)}: {phrase} in {said}", records * count // of)


def _exchanges(columns: Mapping[str, Sequence[Discrepancy]], *, capped: bool) -> Iterator[Reason]:
    often = {name: wrong for name, wrong in columns.items() if len(wrong) >= _ENOUGH}
    for one, other, count, of in exchanged(dict(islice(often.items(), _WIDE))):
        said = share(count, of, "records that differ in both", capped=capped)
        # Tells more than a reason about either of the two, so that it comes first.
        yield Reason(f"{one} and {other} are swapped in {said}", count + 1)
