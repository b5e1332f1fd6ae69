"""The target's values as results show them, from their canonical texts."""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal

from recon_assets.dialect.sqlite import UNREADABLE
from recon_assets.model import Kind, Value
from recon_assets.slices.pairs import Mapped

_NO_NUMBER = {"NaN", "Infinity", "-Infinity", "infinity", "-infinity"}
_NUMBERS = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN}
_MOMENTS = {Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT}


def shown(text: str | bytes | None, mapped: Mapped) -> Value:
    """The value that a canonical text of the target stands for, as comparisons of the two columns show it."""
    if text is None:
        return None
    written, kinds = text.decode() if isinstance(text, bytes) else text, {mapped.source.type.kind, _kind(mapped)}
    if written.startswith(UNREADABLE) and _kind(mapped) in {*_NUMBERS, *_MOMENTS}:
        return bytes.fromhex(written[len(UNREADABLE) :]).decode(errors="replace")
    if Kind.INTEGER in kinds and kinds <= _NUMBERS and _is_whole(written):
        return int(written)
    return _SHOWN.get(_kind(mapped), str)(written)


def _kind(mapped: Mapped) -> Kind:
    return mapped.target.type.kind


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _float(text: str) -> Value:
    return text if text in _NO_NUMBER else repr(float(text))


def _boolean(text: str) -> Value:
    return {"1": True, "0": False}.get(text, text)


def _moment(text: str) -> Value:
    return text.replace(" ", "T", 1)


def _instant(text: str) -> Value:
    return text if text in _NO_NUMBER else f"{_moment(text)}+00:00"


def _json(text: str) -> Value:
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return text
    return json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def _any(text: str) -> Value:
    """SQLite's values bear a letter for what they are."""
    return int(text[1:]) if text[:1] == "n" and _is_whole(text[1:]) else text[1:]


_SHOWN: Mapping[Kind, Callable[[str], Value]] = {
    Kind.FLOAT: _float,
    Kind.BOOLEAN: _boolean,
    Kind.TIMESTAMP: _moment,
    Kind.INSTANT: _instant,
    Kind.JSON: _json,
    Kind.ANY: _any,
}
