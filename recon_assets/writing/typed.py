"""What people type, as values that a column of the target holds."""

import re
import uuid
from typing import Any

from recon_assets.errors import DeclarationError
from recon_assets.model import Kind, Type, Value
from recon_assets.reading import Pair, nearest
from recon_assets.values import KINDS
from recon_assets.values.fitting import converter
from recon_assets.writing.fields import Field, fields


def typed(pair: Pair, column: str, text: str | None) -> Value:
    """The value that a person typed for a column, to stand in a record as the source's.

    Times without a zone are read in UTC where the column holds instants; binary data is typed in hexadecimal digits.

    Args:
        pair: Both sides of the table.
        column: The source's name of the column, or the target's.
        text: As it was typed; None for NULL.

    Raises:
        DeclarationError: When no such column can be written, or it cannot hold that; with an example of what it can.
    """
    field = _field(pair, column)
    try:
        return _value(field, text)
    except ValueError as error:
        of = field.target.type
        example = of.labels[0] if of.labels else KINDS[of.kind].example
        msg = (
            f"{pair.spec.name}: column {field.target.name} ({of.name}) cannot hold {error};"
            f" expected a value such as {example}"
        )
        raise DeclarationError(msg) from None


def _field(pair: Pair, column: str) -> Field:
    known = {name: field for name, field in fields(pair).items() if not field.target.fixed}
    by_target = {field.target.name: field for field in known.values()}
    found = known.get(column) or by_target.get(column)
    if found is None:
        msg = f"{pair.spec.name}: {column!r} is no column that can be written; {nearest(column, known)}"
        raise DeclarationError(msg)
    return found


def _value(field: Field, text: str | None) -> Value:
    kind = KINDS[field.target.type.kind]
    if text is not None and not text.isascii() and _HALF.search(text):
        msg = f"{text!a}, which has half a character"
        raise ValueError(msg)
    given: Any = text if text is None or kind.keeps_spaces else text.strip()
    source = _TYPED
    if given is not None and kind.kind is Kind.BINARY:
        given, source = kind.parse(given), field.target.type
    native = converter(source, field.target, field.pair.target.dialect.name)(given)
    value: Value = None if native is None else kind.typed(native)
    if isinstance(value, str) and kind.kind is Kind.UUID and field.mapped.source.type.kind is Kind.BINARY:
        value = uuid.UUID(value).hex  # as the source's values are shown
    field.fitted([value])
    return value


_HALF = re.compile("[\ud800-\udfff]")
_TYPED = Type(Kind.TEXT, "text")
