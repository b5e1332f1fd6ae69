"""What happens to numbers on their way: signs, offsets, factors, lost digits. All in decimal arithmetic."""

import re
import struct
from collections.abc import Iterator, Sequence
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

from recon_assets.explain.words import MIN_SHARE, Family, Likeness, of_parsed, spread, top
from recon_assets.model import Value

Numbers = list[tuple[Decimal, Decimal]]

# What does not fit becomes NaN, which is like nothing: no value may make an explanation fail.
CONTEXT = Context(prec=60, traps=[])

_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.ASCII)
_ENOUGH = 5
_NOISE = Decimal("1e-12")
_TELLING = 20
_DIGITS = 8


def number(value: Value) -> Decimal | None:
    """The number that a value is; texts that read as numbers are taken for such."""
    if isinstance(value, str):
        return Decimal(value) if _NUMBER.fullmatch(value) else None
    return None if value is None or isinstance(value, bool) else Decimal(value)


def _flipped(numbers: Numbers) -> Likeness | None:
    return Likeness("target has the opposite sign", sum(s == -t for s, t in numbers))


def _offset(numbers: Numbers) -> Likeness | None:
    """Constant to nine digits after the point: floats are not closer than that."""
    difference, count = top(CONTEXT.quantize(t - s, Decimal("1e-9")) for s, t in numbers)
    if not difference or not difference.is_finite() or len({s for s, _ in numbers}) < 3:
        return None
    return Likeness(f"target is source {'-' if difference < 0 else '+'} {_plain(abs(difference))}", count)


def _factor(numbers: Numbers) -> Likeness | None:
    """With the fewest digits that do; products may have been rounded or cut to the digits that targets have."""
    unit = Decimal(1).scaleb(-max(_scale(t) for _, t in numbers))
    if len({s for s, _ in numbers}) < 3:
        return None
    for ratio in _ratios(numbers):
        if not _fits(numbers, ratio, 2 * unit):
            continue
        for digits in range(1, _DIGITS + 1):
            factor = Context(prec=digits, traps=[]).plus(ratio)
            if count := _fits(numbers, factor, unit):
                return Likeness(f"target is source x {_plain(factor)}", count)
    return None


def _ratios(numbers: Numbers) -> Iterator[Decimal]:
    """From the largest numbers, where rounding matters least."""
    largest = sorted((pair for pair in numbers if pair[0]), key=lambda pair: -abs(pair[0]))
    yield from (CONTEXT.divide(t, s) for s, t in spread(largest[: len(largest) // 2 + 1], 3) if t)


def _fits(numbers: Numbers, factor: Decimal, unit: Decimal) -> int:
    """How many pairs it explains; 0 when they are few among those large enough to tell."""
    moved = [(abs(t - s * factor), unit + abs(t) * _NOISE, abs(t - s), abs(t)) for s, t in numbers]
    telling = [(off, slack) for off, slack, far, size in moved if size >= _TELLING * unit and far > 2 * slack]
    right = sum(off <= slack for off, slack in telling)
    if right < _ENOUGH or right < MIN_SHARE * len(telling):
        return 0
    return sum(off <= slack for off, slack, _, _ in moved)


_ROUNDINGS = (("rounded", ROUND_HALF_UP), ("rounded", ROUND_HALF_EVEN), ("cut", ROUND_DOWN))


def _rounded(numbers: Numbers) -> Likeness | None:
    return _shortened(numbers, "target is source", _ROUNDINGS)


def _was_cut(numbers: Numbers) -> Likeness | None:
    """Only cut: what single precision made longer rounds back to what it was, too."""
    return _shortened([(t, s) for s, t in numbers], "source is target", _ROUNDINGS[-1:])


def _shortened(numbers: Numbers, which: str, roundings: Sequence[tuple[str, str]]) -> Likeness:
    """How the second number of each pair was made of the first."""
    scale = max(_scale(short) for _, short in numbers)
    step = Decimal(1).scaleb(-scale)
    finer = [(long, short) for long, short in numbers if _scale(long) > scale]
    counts = {how: sum(long.quantize(step, how, CONTEXT) == short for long, short in finer) for _, how in roundings}
    word, rounding = max(roundings, key=lambda each: counts[each[1]])
    digits = {0: "whole numbers", 1: "1 digit after the point"}.get(scale, f"{scale} digits after the point")
    rule = {ROUND_HALF_UP: f"scale={scale}", ROUND_DOWN: f"scale={scale},rounding=truncate"}.get(rounding, "")
    return Likeness(f"{which} {word} to {digits}", counts[rounding], rule)


def _single(numbers: Numbers) -> Likeness | None:
    count = sum(_real(s) == _real(t) for s, t in numbers)
    return Likeness("target is the same in single precision (7 digits)", count, "as=float32")


def _real(value: Decimal) -> bytes | None:
    try:
        return struct.pack("f", float(value))
    except OverflowError:
        return repr(value).encode()


def _scale(value: Decimal) -> int:
    return max(0, -int(value.normalize(CONTEXT).as_tuple().exponent))


def _plain(value: Decimal) -> str:
    short = value.normalize(CONTEXT)
    return format(short, "f") if abs(short.adjusted()) < 15 else str(short)


NUMBERS: tuple[Family, ...] = tuple(
    of_parsed(number, find) for find in (_flipped, _rounded, _was_cut, _single, _offset, _factor)
)
