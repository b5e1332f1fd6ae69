"""Values as results show them, from their canonical texts."""

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from recon_assets.model import Kind, Value
from recon_assets.values import UNREADABLE

_NO_NUMBER = {"NaN", "Infinity", "-Infinity", "infinity", "-infinity"}
_NUMBERS = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT, Kind.BOOLEAN}
_MOMENTS = {Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT}
_READABLE = {*_NUMBERS, *_MOMENTS, Kind.UUID}


def shown(text: str | bytes | None, kind: Kind, form: Kind, other: Kind) -> Value:
    """The value that a canonical text stands for.

    Args:
        text: As `dialect.canonical.value_text` writes it.
        kind: What the values of its column mean.
        form: As what they are written down.
        other: What those of the column mean with which it is compared: where one has integers, both show them.
    """
    if text is None:
        return None
    written = text.decode() if isinstance(text, bytes) else text
    if written.startswith(UNREADABLE) and kind in _READABLE:
        return bytes.fromhex(written[len(UNREADABLE) :]).decode(errors="replace")
    show = showing(kind, form, other)
    return written if show is None else show(written)


def shown_column(texts: Sequence[Any], kind: Kind, form: Kind, other: Kind) -> list[Value]:
    """The same for many values of one column."""
    written = [text.decode() if isinstance(text, bytes) else text for text in texts]
    if kind in _READABLE and UNREADABLE in "".join(filter(None, written)):
        return [shown(text, kind, form, other) for text in written]
    show = showing(kind, form, other)
    return written if show is None else [None if text is None else show(text) for text in written]


def showing(kind: Kind, form: Kind, other: Kind) -> Callable[[str], Value] | None:
    """What shows the texts of a column that are values of its type; None where they are shown as they are."""
    show = _SHOWN.get(form if kind is Kind.ANY else kind)
    if Kind.INTEGER not in {kind, other} or form not in _NUMBERS:
        return show
    return lambda text: int(text) if _is_whole(text) else text if show is None else show(text)


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _float(text: str) -> str:
    return text if text in _NO_NUMBER else repr(float(text))


def _boolean(text: str) -> Value:
    return {"1": True, "0": False}.get(text, text)


def _date(text: str) -> str:
    return text.removesuffix(" 00:00:00")


def _moment(text: str) -> str:
    return text.replace(" ", "T", 1)


def _instant(text: str) -> str:
    return text if text in _NO_NUMBER else f"{_moment(text)}+00:00"


def _json(text: str) -> str:
    try:
        return _written(json.loads(text, parse_float=Decimal, parse_int=Decimal))
    except (ValueError, RecursionError):
        return text


def _written(value: Any) -> str:
    """JSON whose numbers stay what they are."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_written(name)}:{_written(of)}" for name, of in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)


def _any(text: str) -> Value:
    """SQLite's values bear a letter for what they are."""
    return int(text[1:]) if text[:1] == "n" and _is_whole(text[1:]) else text[1:]


_SHOWN: Mapping[Kind, Callable[[str], Value]] = {
    Kind.BOOLEAN: _boolean,
    Kind.FLOAT: _float,
    Kind.DATE: _date,
    Kind.TIMESTAMP: _moment,
    Kind.INSTANT: _instant,
    Kind.JSON: _json,
    Kind.ANY: _any,
}
