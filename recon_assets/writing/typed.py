"""What people type, as values that a column of the target holds."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from recon_assets.dialect.fit import converter
from recon_assets.errors import DeclarationError
from recon_assets.model import Kind, Type, Value
from recon_assets.reading import Pair, nearest, shown
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
        example = of.labels[0] if of.labels else _EXAMPLES.get(of.kind, "some text")
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
    kind, dialect = field.target.type.kind, field.pair.target.dialect.name
    told: Any = text if text is None or kind in _AS_TYPED else text.strip()
    if told is not None and kind is Kind.BINARY:
        told = bytes.fromhex(told.removeprefix("\\x").removeprefix("0x"))
    native = converter(_TYPED, field.target, dialect)(told)
    value: Value = None if native is None else _SHOWN.get(kind, str)(native)
    if isinstance(value, str) and kind is Kind.UUID and field.mapped.source.type.kind is Kind.BINARY:
        value = uuid.UUID(value).hex  # as the source's values are shown
    field.fitted([value])
    return value


_TYPED = Type(Kind.TEXT, "text")
_AS_TYPED = {Kind.TEXT, Kind.CHAR, Kind.ENUM, Kind.JSON}
_SHOWN: Mapping[Kind, Callable[[Any], Value]] = {
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.DECIMAL: lambda text: text.rstrip("0").rstrip(".") if "." in text else text,
    Kind.FLOAT: repr,
    Kind.JSON: lambda text: shown(text, Kind.JSON, Kind.JSON, Kind.JSON),
    Kind.BINARY: lambda data: data.hex(),
    Kind.TIMESTAMP: lambda moment: moment.isoformat(),
    Kind.INSTANT: lambda moment: f"{moment.replace(tzinfo=None).isoformat()}+00:00",
}
_EXAMPLES: Mapping[Kind, str] = {
    Kind.INTEGER: "42",
    Kind.DECIMAL: "12.50",
    Kind.FLOAT: "0.25",
    Kind.BOOLEAN: "true or false",
    Kind.DATE: "2013-03-10",
    Kind.TIME: "06:30:00",
    Kind.TIMESTAMP: "2013-03-10 06:30:00",
    Kind.INSTANT: "2013-03-10 06:30:00+00:00",
    Kind.UUID: "123e4567-e89b-12d3-a456-426614174000",
    Kind.JSON: '{"name": "value"}',
    Kind.BINARY: "00ff",
}
