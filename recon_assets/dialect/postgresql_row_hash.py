"""PostgreSQL's fast digest of a row: its typed values' bytes, hashed one after the other, without texts in between.

Each value is hashed with the hash of all values before it as the seed. What is hashed are all bytes that a type has
(``int8send``, ``numeric_send``, ..), and not what the type's own hash function keeps of them: those are made for hash
tables and lose the sign of a numeric, half of a bigint and of a timestamp, and take NaN for Infinity.

1. Between two columns of `hashes_alike`, values hash alike exactly when their canonical texts are equal; others do so
   by chance only, of 1 in 2**64.
2. NULL hashes like no value: it is the empty bytes where no value has none, and else changes the seed.
3. Nothing is linear: hashes of rows that swap values, or change by like amounts, do not add up to what they were.

Adding a type needs its line in ``_EQUAL_BYTES`` or ``_OWN_HASH`` and a list in the collision tests
(``recon_assets_tests/db/test_collisions.py``), which hold 1 to 3.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.model import Kind, Type

_SEED = 8526495043095935640
"""Not 0, with which PostgreSQL's functions skip a step of mixing."""
_MOST_NESTED = 100
"""How many values are hashed in one nested expression: a thousand would exceed PostgreSQL's stack."""
_HASHES_BYTES = (18,)
"""The first version with ``hashbyteaextended``."""

_EQUAL_BYTES: Mapping[str, str] = {
    "bigint": "int8send({})",
    "numeric": "numeric_send(trim_scale({}))",
    # One zero and one NaN, as in texts; a real is the double that it stands for.
    **dict.fromkeys(
        ("real", "double precision"), "float8send(CASE WHEN {0} = 'NaN' THEN 'NaN' ELSE {0} + 0::float8 END)"
    ),
    "date": "date_send({})",
    "time without time zone": "time_send({})",
    "timestamp without time zone": "timestamp_send({})",
    "timestamp with time zone": "timestamptz_send({})",
    "uuid": "uuid_send({})",
}
"""By a type's name: bytes, never none, that equal values have alike and others do not."""
_IDENTICAL_BYTES: Mapping[str, str] = {
    **_EQUAL_BYTES,
    "numeric": "numeric_send({})",
    "real": "float4send({})",
    "double precision": "float8send({})",
}
"""Those that only identical values have alike: 1.0 is not 1.00, and 0 is not -0."""

_NULL_CHANGES_SEED = "{1} # CASE WHEN {0} IS NULL THEN 16 ELSE 0 END"
_TEXT_HASH = f"hashtextextended(coalesce({{0}} COLLATE \"C\", ''), {_NULL_CHANGES_SEED})"
_OWN_HASH: Mapping[str, str] = {
    "smallint": f"hashint4extended(coalesce({{0}}, 0), {_NULL_CHANGES_SEED})",
    "integer": f"hashint4extended(coalesce({{0}}, 0), {_NULL_CHANGES_SEED})",
    "boolean": "hashint4extended(coalesce({0}::int, 2), {1})",
    "text": _TEXT_HASH,
    "character varying": _TEXT_HASH,
}
"""By a type's name: ``{0}`` hashed with seed ``{1}``, where PostgreSQL's function of the type hashes all its bytes."""
_TEXTS = {"text", "character varying"}
TYPES = frozenset({*_EQUAL_BYTES, *_OWN_HASH, "bytea"})
"""The types whose bytes are compared."""


@dataclass(frozen=True)
class Hashed:
    """One value of a row and its SQL: bytes to be hashed, else ``hashed``, with ``{0}`` for it and ``{1}`` the seed."""

    column: ColumnElement[Any]
    bytes: str | None = None
    hashed: str = ""


def equal_values(column: ColumnElement[Any], left: Type, right: Type) -> Hashed:
    """A column of one side, hashed so that equal values hash alike on both; see `hashes_alike`.

    Args:
        column: Of either side.
        left: The type of the source's column.
        right: The type of the target's column.
    """
    base = _base(left)
    if base == "bytea":
        return _bytea(column)
    if base in _OWN_HASH:
        return Hashed(column, hashed=_OWN_HASH[base])
    one_scale = left.kind is Kind.DECIMAL and left.scale is not None and left.scale == right.scale
    return Hashed(column, (_IDENTICAL_BYTES if one_scale else _EQUAL_BYTES)[base])


def identical_values(column: ColumnElement[Any], of: Type) -> Hashed:
    """A column of any type, hashed so that only identical values of it hash alike."""
    base = _base(of)
    if base == "bytea":
        return _bytea(column)
    if base in _IDENTICAL_BYTES:
        return Hashed(column, _IDENTICAL_BYTES[base])
    return Hashed(column, hashed=_OWN_HASH.get(base, _TEXT_HASH.replace("{0}", "({0})::text")))


def _bytea(column: ColumnElement[Any]) -> Hashed:
    """Its bytes may be none, so that one is put before them."""
    return Hashed(column, "decode('00', 'hex') || {}")


def hashes_alike(left: Type, right: Type) -> bool:
    """Whether PostgreSQL can tell values of two columns apart by their bytes exactly as their canonical texts do.

    Not CHAR, whose padding is no data, nor JSON, nor enums, whose bytes are numbers of one database's catalogue.
    """
    names = {_base(left), _base(right)}
    if left.kind is not right.kind or Kind.UNSUPPORTED in {left.kind, right.kind}:
        return False
    return names <= _TEXTS or (len(names) == 1 and names <= TYPES)


def _base(of: Type) -> str:
    """The type's name without its limits."""
    return " ".join(re.sub(r"\(.*?\)", " ", of.name).split())


class SignedHash(sa.BigInteger):
    """All 64 bits of an integer, whose sum would not fit another one."""


class chained_hash(FunctionElement[int]):  # noqa: N801 - SQL is lower case
    """The 64-bit hash of a row, never NULL. PostgreSQL promises it for one major version only."""

    type = SignedHash()
    inherit_cache = False

    def __init__(self, values: Sequence[Hashed]) -> None:
        super().__init__(*(value.column for value in values))
        self.values = tuple(values)


@compiles(chained_hash, "postgresql")
def _chained_hash_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    version = compiler.dialect.server_version_info or _HASHES_BYTES
    of_bytes = "hashbyteaextended({}, {})" if version >= _HASHES_BYTES else "hashtextextended(encode({}, 'hex'), {})"
    row = str(_SEED)
    for first in range(0, len(element.values), _MOST_NESTED):
        part = str(_SEED)
        for value in element.values[first : first + _MOST_NESTED]:
            column = compiler.process(value.column, **kw)
            if value.bytes is None:
                part = value.hashed.format(column, part)
            else:
                part = of_bytes.format(f"coalesce({value.bytes.format(column)}, '')", part)
        row = of_bytes.format(f"int8send({part})", row) if first else part
    return row
