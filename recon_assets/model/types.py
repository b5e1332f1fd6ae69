"""What columns are, whatever their database calls it."""

from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """Logical types: what a column means, whatever its dialect calls it."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    CHAR = "char"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    INSTANT = "instant"
    UUID = "uuid"
    JSON = "json"
    BINARY = "binary"
    ENUM = "enum"
    NATIVE = "native"
    ANY = "any"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Type:
    """A column's logical type and the limits of what it holds; None means no limit.

    Attributes:
        kind: What the values mean. ``ANY`` is a column whose values each carry their own type (SQLite), ``NATIVE``
            one of a type that PostgreSQL alone has.
        name: What its database calls it, for messages and to tell equal types.
        low, high: Smallest and largest integer.
        precision: Digits of a decimal, bits of a float's mantissa (24 or 53), or fractional digits of a second.
        scale: Digits after the point of a decimal.
        length: Characters of text, bytes of a binary.
        labels: The values of an enum.
        parts: Of what a type of PostgreSQL that somebody defined is made: attributes, elements, what a domain is of.
        charset: MySQL's character set, where it has bytes that are no characters.
        utf8: MySQL keeps the text as it is compared, so that it need not be converted. No part of what a type means.
    """

    kind: Kind
    name: str
    low: int | None = None
    high: int | None = None
    precision: int | None = None
    scale: int | None = None
    length: int | None = None
    labels: tuple[str, ...] = ()
    charset: str | None = None
    parts: tuple[str, ...] = ()
    utf8: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class Column:
    """One column as its database describes it.

    ``default`` says that the database fills it when an insert leaves it out; ``generated`` that no
    insert may name it; ``identity`` that it counts by itself (a sequence follows it); ``fixed`` that no
    update may name it; ``domain`` that its type is a domain of PostgreSQL.
    """

    name: str
    type: Type
    nullable: bool = True
    default: bool = False
    generated: bool = False
    identity: bool = False
    fixed: bool = False
    domain: bool = False
