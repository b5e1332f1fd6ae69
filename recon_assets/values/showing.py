"""Values as results show them, from their canonical texts."""

from collections.abc import Callable, Sequence
from types import NoneType
from typing import Any

from recon_assets.model import Kind, Value
from recon_assets.values import KINDS, NUMBERS, UNREADABLE, numbers
from recon_assets.values.kind import received


def shown(text: str | bytes | None, kind: Kind, form: Kind, other: Kind) -> Value:
    """The value that a canonical text stands for.

    Args:
        text: As `dialect.canonical.value_text` writes it.
        kind: What the values of its column mean.
        form: As what they are written down.
        other: What those of the column mean with which it is compared: where one has integers, both show them.
    """
    return shown_column([text], kind, form, other)[0]


def shown_column(texts: Sequence[Any], kind: Kind, form: Kind, other: Kind) -> list[Value]:
    """The same for many values of one column."""
    plain = set(map(type, texts)) <= {str, NoneType}  # PostgreSQL's always are
    written = list(texts) if plain else [received(text) for text in texts]
    show = showing(kind, form, other)
    if KINDS[kind].short and UNREADABLE in "".join(filter(None, written)):
        return [None if text is None else _held(text, show) for text in written]
    return written if show is None else [None if text is None else show(text) for text in written]


def _held(text: str, show: Callable[[str], Value] | None) -> Value:
    """The value, or the text that a column held which is no value of its type."""
    if text.startswith(UNREADABLE):
        return bytes.fromhex(text[len(UNREADABLE) + 1 :]).decode(errors="replace")
    return show(text) if show else text


def showing(kind: Kind, form: Kind, other: Kind) -> Callable[[str], Value] | None:
    """What shows the texts of a column that are values of its type; None where they are shown as they are."""
    show = KINDS[form if kind is Kind.ANY else kind].show
    if Kind.INTEGER not in {kind, other} or form not in NUMBERS:
        return show
    if show is None:
        return numbers.integer_or
    return lambda text: numbers.integer_or(text) if numbers.is_whole(text) else show(text)
