"""What stands in reports, messages and logs in the place of values that nobody may see."""

from collections.abc import Collection
from typing import TypeVar

from recon_assets.model.discrepancies import Value
from recon_assets.model.findings import Details

T = TypeVar("T")
MASK = "***"


def masked(name: str, value: T, private: Collection[str]) -> T | str:
    """A value that may be shown; names are the same in any case, as they are in most queries."""
    return MASK if name.casefold() in map(str.casefold, private) else value


def masked_key(names: Collection[str], key: tuple[Value, ...], private: Collection[str]) -> tuple[Value, ...]:
    """What may be shown of a record's key.

    Without columns of a key all values together are the key, and which of them are private cannot be told.
    """
    if not names:
        return (MASK,) if private else key
    return tuple(masked(name, value, private) for name, value in zip(names, key, strict=True))


def masked_details(details: Details, private: Collection[str]) -> Details:
    """What may be shown of a table's rows."""
    rows = (zip(details.columns, row, strict=True) for row in details.rows)
    return Details(details.columns, tuple(tuple(masked(name, value, private) for name, value in row) for row in rows))
