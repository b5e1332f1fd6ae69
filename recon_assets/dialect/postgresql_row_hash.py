"""PostgreSQL's fast hash of a row: its typed values, hashed one after the other, without texts in between.

Each value is hashed with the hash of all values before it as the seed. What is hashed is all that a type's values are
made of, and not what the type's own hash function keeps of them, where that is made for hash tables: such a function
loses the sign of a numeric, half of a bigint and of a timestamp, and takes NaN for Infinity.

1. Between two columns of `hashes_alike`, values hash alike exactly when their canonical texts are equal; others do so
   by chance only, of 1 in 2**64.
2. NULL hashes unlike every value of its type. Of types that are hashed by their bytes, no value has none, so that NULL
   is hashed as no bytes at all; with the other types, NULL has another seed or another number than any value.
3. Digests of windows are sums of these hashes, so that two changes must not cancel out in a sum: two rows that swap
   values, or of which one grows by what the other loses. So after each value a step mixes all 64 bits, whatever the
   value: a float's own function leaves the seed as it is for 0, and two floats that swap places would go unseen.

Adding a type needs its line in ``_STEPS`` or ``_BYTES`` and a list in the collision tests
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
_HASHES_BYTES_SINCE = (18,)
"""The first version of PostgreSQL with ``hashbyteaextended`` and ``hashdateextended``."""


_MIXED = "hashint4extended(CASE WHEN {0} IS NULL THEN 1 ELSE 0 END, {1})"
# A constant of its type, since PostgreSQL would convert another one for each row.
_NULL_CHANGES_SEED = "{1} # CASE WHEN {0} IS NULL THEN 16::bigint ELSE 0::bigint END"
_INTEGER = f"hashint4extended(coalesce({{0}}, 0), {_NULL_CHANGES_SEED})"
_FLOAT = _MIXED.replace("{1}", "hashfloat8extended(coalesce({0}, 0), {1})")
_TEXT = f"hashtextextended(coalesce({{0}} COLLATE \"C\", ''), {_NULL_CHANGES_SEED})"
_STEPS: Mapping[str, str] = {
    "smallint": _INTEGER,
    "integer": _INTEGER,
    # Different values make different seeds, and every seed is mixed: a third of the price of its bytes.
    "bigint": _MIXED.replace("{1}", "{1} # coalesce({0}, 0)"),
    # One zero and one NaN, as in texts, else all bits; a real is the double that it stands for.
    "real": _FLOAT,
    "double precision": _FLOAT,
    "boolean": "hashint4extended(coalesce({0}::int, 2), {1})",
    "text": _TEXT,
    "character varying": _TEXT,
    "character": _TEXT.replace("{0}", "({0})::text"),  # without its padding, which is no data
    "date": f"hashdateextended(coalesce({{0}}, date '2000-01-01'), {_NULL_CHANGES_SEED})",
}
"""By a type's name: ``{0}`` hashed with the seed ``{1}``, of the types whose functions lose nothing."""
_BYTES: Mapping[str, str] = {
    "numeric": "numeric_send(trim_scale({0}))",
    "date": "date_send({0})",
    "time without time zone": "time_send({0})",
    "timestamp without time zone": "timestamp_send({0})",
    "timestamp with time zone": "timestamptz_send({0})",
    "uuid": "uuid_send({0})",
    "bytea": "decode('00', 'hex') || {0}",  # it may have no bytes, so that one is put before them
}
"""Of the other types: bytes, never none, that equal values have alike and others do not."""
_IDENTICAL_BYTES: Mapping[str, str] = {
    "numeric": "numeric_send({0})",
    "real": "float4send({0})",
    "double precision": "float8send({0})",
}
"""Those that only identical values have alike: 1.0 is not 1.00, and 0 is not -0."""
_TEXTS = {"text", "character varying"}
TYPES = frozenset({*_STEPS, *_BYTES})
"""The types that are compared so."""


@dataclass(frozen=True)
class Hashed:
    """One value of a row and how it is hashed: by a step with ``{0}`` for it and ``{1}`` for the seed, or its bytes.

    Where there are both, the step is for servers of `_HASHES_BYTES_SINCE` or later only.
    """

    column: ColumnElement[Any]
    step: str | None = None
    bytes: str | None = None


def equal_values(column: ColumnElement[Any], left: Type, right: Type) -> Hashed:
    """A column of one side, hashed so that equal values hash alike on both; see `hashes_alike`.

    Args:
        column: Of either side.
        left: The type of the source's column.
        right: The type of the target's column.
    """
    if left.kind is Kind.DECIMAL and left.scale is not None and left.scale == right.scale:
        return identical_values(column, left)
    return Hashed(column, _STEPS.get(_base(left)), _BYTES.get(_base(left)))


def identical_values(column: ColumnElement[Any], of: Type) -> Hashed:
    """A column of any type, hashed so that only identical values of it hash alike."""
    base = _base(of)
    if base in _IDENTICAL_BYTES:
        return Hashed(column, bytes=_IDENTICAL_BYTES[base])
    if base in TYPES:
        return Hashed(column, _STEPS.get(base), _BYTES.get(base))
    return Hashed(column, _TEXT.replace("{0}", "({0})::text"))


def hashes_alike(left: Type, right: Type) -> bool:
    """Whether PostgreSQL can tell values of two columns apart by their bytes exactly as their canonical texts do.

    Not JSON, nor enums, whose bytes are numbers of one database's catalogue.
    """
    names = {_base(left), _base(right)}
    if left.kind is not right.kind or Kind.UNSUPPORTED in {left.kind, right.kind}:
        return False
    return names <= _TEXTS or (len(names) == 1 and names <= TYPES)


def _base(of: Type) -> str:
    """The type's name without its limits."""
    return " ".join(re.sub(r"\(.*?\)", " ", of.name).split())


class chained_hash(FunctionElement[int]):  # noqa: N801 - SQL is lower case
    """The 64-bit hash of a row, never NULL. PostgreSQL promises it for one major version only."""

    type = sa.BigInteger()
    inherit_cache = False

    def __init__(self, values: Sequence[Hashed]) -> None:
        super().__init__(*(value.column for value in values))
        self.values = tuple(values)


@compiles(chained_hash, "postgresql")
def _chained_hash_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    has_byte_hash = (compiler.dialect.server_version_info or _HASHES_BYTES_SINCE) >= _HASHES_BYTES_SINCE
    of_bytes = "hashbyteaextended({}, {{1}})" if has_byte_hash else "hashtextextended(encode({}, 'hex'), {{1}})"
    row = str(_SEED)
    for first in range(0, len(element.values), _MOST_NESTED):
        # A seed of its own: parts that are alike would cancel out, and parts that swap places be the same.
        part = str(_SEED + first)
        for value in element.values[first : first + _MOST_NESTED]:
            step = value.step
            if step is None or (value.bytes and not has_byte_hash):
                step = of_bytes.format(f"coalesce({value.bytes}, '')")
            part = step.format(compiler.process(value.column, **kw), part)
        row = f"hashint4extended(0, {row} # {part})" if first else part
    return row
