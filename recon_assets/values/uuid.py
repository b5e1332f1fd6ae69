"""UUIDs."""

import re
from typing import Any
from uuid import UUID

from recon_assets.model import Kind, Type
from recon_assets.values.kind import ValueKind, everywhere, refuse, what

# As PostgreSQL reads them: hyphens after any four digits, braces around the whole; no `urn:`, no signs.
_TEXT = re.compile(r"(\{)?(?:[0-9a-fA-F]{4}-?){7}[0-9a-fA-F]{4}(?(1)\})")
_BYTES = 16


def parse(text: str) -> UUID:
    """The UUID that a text is."""
    return UUID(text) if _TEXT.fullmatch(text) else refuse("text that is no UUID")


def _fit(value: Any, _: Type, __: str) -> str:
    return str(_uuid(value))


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, bytes) and len(value) == _BYTES:
        return UUID(bytes=value)
    return parse(value) if isinstance(value, str) else refuse(f"{what(value)} that is no UUID")


def _of_sqlite(value: Any, declared: Kind) -> str:
    if declared is Kind.UUID:
        return str(_uuid(value))
    return value.hex() if isinstance(value, bytes) else str(value).lower()


UUID_ = ValueKind(
    Kind.UUID,
    names=everywhere("uuid", Kind.UUID),
    of_sqlite=_of_sqlite,
    parse=parse,
    fit=_fit,
    equal_is_identical=True,
    different_text="one kind",
    goes_into=frozenset({Kind.UUID, Kind.TEXT, Kind.CHAR, Kind.BINARY}),
    example="123e4567-e89b-12d3-a456-426614174000",
)
