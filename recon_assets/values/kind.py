"""The description of one kind of value: what a file of this package says of its kind."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NoReturn

from recon_assets.model import Kind, Type, Value

UNREADABLE = "!"
"""Stands before the hexadecimal bytes of what is no value of its column's type, and before what tells whose they are:
SQLite's storage class, or MySQL's character set."""
_NO_TEXT = b"\xff"
"""A byte of no text in UTF-8: with it begins what a statement gives for an unreadable value."""

TypeRule = Callable[[str, str], Type]
"""From a type's whole name and what stands in its brackets to the logical type."""

_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Marked(str):
    """What a database holds that is no value of the form in which it is compared: it equals no text, only its like."""

    __slots__ = ()

    @staticmethod
    def sent(mark: str) -> bytes:
        """As a statement gives it, so that it is no text there either."""
        return _NO_TEXT + mark.encode()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Marked) and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((Marked, str(self)))

    def __repr__(self) -> str:
        return f"Marked({super().__repr__()})"


def received(value: Any) -> Any:
    """A value as the driver has it: MySQL's texts come as bytes, and so does what no text can be."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        marked = value.startswith(_NO_TEXT)
        return Marked(value[1:].decode() if marked else UNREADABLE + value.hex())


@dataclass(frozen=True)
class Sql:
    """The canonical text of a column in one database's SQL, with ``{}`` for the column.

    Attributes:
        text: For the kind's own form.
        whole: For columns without digits after the point, where `text` would cut zeros off that count.
        compared_as: In the form of another kind, where that differs.
        named: Of types of the kind whose text differs, by their names.
    """

    text: str
    whole: str | None = None
    compared_as: Mapping[Kind, str] = field(default_factory=lambda: _NOTHING)
    named: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


CAST_POSTGRESQL, CAST_MYSQL, CAST_DUCKDB = "CAST({} AS text)", "CAST({} AS CHAR)", "CAST({} AS VARCHAR)"
CAST_MYSQL_NUMBER = "CAST({} + 0 AS CHAR)"
"""Without the zeros of ZEROFILL, and of bits."""
TRIMMED_MYSQL = "TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {}))"
MYSQL_UTF8 = "CONVERT({} USING utf8mb4)"


def texts(postgresql: str = CAST_POSTGRESQL, mysql: str = CAST_MYSQL, duckdb: str = CAST_DUCKDB) -> Mapping[str, Sql]:
    """The canonical text of a kind on each database; SQLite's is made in Python."""
    return {"postgresql": Sql(postgresql), "mysql": Sql(mysql), "duckdb": Sql(duckdb)}


def everywhere(name: str, kind: Kind) -> Mapping[str, Mapping[str, TypeRule]]:
    """A type that all databases call so, and that has no limits."""
    return {dialect: {name: named(kind)} for dialect in ("postgresql", "mysql", "duckdb", "sqlite")}


def as_it_is(value: Any) -> Any:
    """The value."""
    return value


@dataclass(frozen=True)
class ValueKind:
    """All that is known of one kind of value.

    Functions of values raise `ValueError` with the class of a value ("text that is no number"), never with the value.

    Attributes:
        kind: Its name.
        names: What databases call types of the kind, by dialect, and the limits that such a name states.
        sql: Its canonical text, alike for equal values on all databases, by dialect. SQLite's is made by `of_sqlite`.
        of_sqlite: The canonical text of a value that a SQLite column of the declared kind holds, in this form.
        parse: The strict reader of texts: accepts only what databases accept for such a type.
        fit: A driver's value as a target's column of the dialect holds it exactly.
        show: What results show for a canonical text; None where that is the text.
        typed: What results show for a value that `fit` made of what a person typed.
        keeps_spaces: Whether spaces around what a person types belong to the value.
        example: What a person may type.
        exact_mysql: In MySQL, the text from which it reads the identical value; PostgreSQL's is always ``::text``.
        sent_to_mysql: What the driver sends there for that text; None for the text itself.
        of_shown: By dialect, what the database reads for a value that results show of it, where that is another one.
        equal_is_identical: Whether values that the database takes for equal have the same exact text.
        loosely_equal: Databases that take different values of it for equal, or have no equality for it: there texts are
            compared by their bytes.
        read_as_text: Whether Python's own type lacks some of the values, such as infinite dates, or takes them apart:
            PostgreSQL and DuckDB send texts then.
        any_character: Whether canonical texts may hold any character, so that their length goes before them.
        different_text: Where different canonical texts prove different values: everywhere, between columns of one
            kind or databases of one product only, or nowhere.
        compared_with: Kinds whose values have a common meaning with this kind's, and the form in which they have it.
        goes_into: Kinds of target columns that hold such values.
    """

    kind: Kind
    names: Mapping[str, Mapping[str, TypeRule]]
    parse: Callable[[str], Any]
    fit: Callable[[Any, Type, str], Any]
    of_sqlite: Callable[[Any, Kind], str]
    example: str
    sql: Mapping[str, Sql] = field(default_factory=texts)
    show: Callable[[str], Value] | None = None
    typed: Callable[[Any], Value] = str
    keeps_spaces: bool = False
    exact_mysql: str = CAST_MYSQL
    sent_to_mysql: Callable[[str], Any] | None = None
    of_shown: Mapping[str, Callable[[str], Any]] = field(default_factory=lambda: _NOTHING)
    equal_is_identical: bool = False
    loosely_equal: frozenset[str] = frozenset()
    read_as_text: bool = False
    any_character: bool = False
    different_text: Literal["everywhere", "one kind", "one product", "nowhere"] = "everywhere"
    compared_with: Mapping[Kind, Kind] = field(default_factory=lambda: _NOTHING)
    goes_into: frozenset[Kind] = frozenset()

    @property
    def short(self) -> bool:
        """Whether canonical texts are short, and hold no character that ends a cell or marks what is unreadable."""
        return not self.any_character and self.kind is not Kind.BINARY


def refuse(what: str) -> NoReturn:
    """Raises for one class of values."""
    raise ValueError(what) from None


def what(value: Any) -> str:
    """The class of a value, for messages."""
    name = type(value).__name__
    known = {"str": "text", "bytes": "binary data", "bool": "a boolean", "int": "an integer", "Decimal": "a decimal"}
    return known.get(name, f"a value of Python type {name}")


def named(kind: Kind) -> TypeRule:
    """A type whose name states no limits."""
    return lambda name, _: Type(kind, name)


def numbers_of(args: str) -> list[int]:
    """The numbers in a type's brackets."""
    parts = (part.strip() for part in args.split(","))
    return [int(part) for part in parts if part.lstrip("-").isdigit()]


def sized(kind: Kind, default: int | None = None) -> TypeRule:
    """A type whose name states a length: of characters, or of bytes."""
    return lambda name, args: Type(kind, name, length=next(iter(numbers_of(args)), default))
