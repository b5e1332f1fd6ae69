"""Fingerprints: small texts that tell whether rows are byte for byte what they were, and name a few that are not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import optimization_fence
from recon_assets.dialect.identity_hash import bits
from recon_assets.reading.measures import too_long

Select = sa.Select[*tuple[Any, ...]]
_Sums = tuple[int, int, int, int]
_NOTHING: _Sums = (0, 0, 0, 0)
_PART, _NUMBER = 6, 31
KEY_DIGITS = _PART + _NUMBER
"""How many binary digits of a key's number a fingerprint has."""


@dataclass(frozen=True)
class Fingerprint:
    """What some rows of a target are, made by the target itself.

    Equal fingerprints are of identical rows, but for a chance of 1 in 2**60. Rows are divided into parts by the
    hashes of their keys; of each part the digest has how many rows it has, and three sums: of the low half of their
    hashes, of those times the keys', and of the high half. So when one row of a part has changed, the quotient of the
    differences of the first two is the hash of its key.

    Attributes:
        rows: How many rows.
        digest: ``part:rows:sum:sum:sum`` of each part that has rows, with a space between.
    """

    rows: int
    digest: str

    def __add__(self, other: "Fingerprint") -> "Fingerprint":
        """Of these rows and others."""
        return _of_parts([*self.parts.items(), *other.parts.items()])

    def __sub__(self, other: "Fingerprint") -> "Fingerprint":
        """Of these rows but some of them."""
        return _of_parts([*self.parts.items(), *((part, _negative(sums)) for part, sums in other.parts.items())])

    def moved(self, since: "Fingerprint") -> tuple[int, ...]:
        """The hashes of keys whose rows are not what they were; not all of them, when many are not."""
        before, now = since.parts, self.parts
        found = (_quotient(part, before.get(part, _NOTHING), now.get(part, _NOTHING)) for part in {*before, *now})
        return tuple(number for number in found if number is not None)

    @property
    def parts(self) -> Mapping[int, _Sums]:
        """The sums of each part."""
        numbers = ([int(number) for number in part.split(":")] for part in self.digest.split())
        return {part: (rows, first, second, third) for part, rows, first, second, third in numbers}


def _negative(sums: _Sums) -> _Sums:
    rows, first, second, third = sums
    return -rows, -first, -second, -third


def _quotient(part: int, before: _Sums, now: _Sums) -> int | None:
    """The hash of the one key of a part whose row has changed."""
    sums, products = now[1] - before[1], now[2] - before[2]
    if not sums or products % sums or not 0 <= products // sums < 1 << _NUMBER:
        return None
    return (products // sums << _PART) + part


def fingerprint_of(connection: sa.Connection, where: str, selects: Iterable[Select]) -> Fingerprint:
    """The fingerprint of rows of which each statement selects the hashes ``k`` of their keys and ``h`` of themselves.

    Raises:
        DoesNotFitError: When rows are too long for their database to hash them; begins with ``where``.
    """
    return _of_parts([part for select in selects for part in _summed(connection, where, select)])


def _of_parts(parts: Iterable[tuple[int, _Sums]]) -> Fingerprint:
    """The fingerprint of which these are the sums of parts, some of them maybe of one part."""
    found: dict[int, _Sums] = {}
    for part, sums in parts:
        rows, first, second, third = found.get(part, _NOTHING)
        found[part] = (rows + sums[0], first + sums[1], second + sums[2], third + sums[3])
    known = {part: sums for part, sums in sorted(found.items()) if any(sums)}
    return Fingerprint(
        sum(rows for rows, *_ in known.values()),
        " ".join(":".join(map(str, (part, *sums))) for part, sums in known.items()),
    )


def _summed(connection: sa.Connection, where: str, select: Select) -> Iterator[tuple[int, _Sums]]:
    rows = optimization_fence(select, connection.dialect.name).subquery("hashed")
    part, key = bits(rows.c.k, 0, _PART), bits(rows.c.k, _PART, _NUMBER)
    low, high = bits(rows.c.h, 0, _NUMBER), bits(rows.c.h, _NUMBER, _NUMBER)
    sums = map(sa.func.sum, (low, key * low, high))
    counts = sa.func.count(), sa.func.count(rows.c.h)
    found = sa.select(part.label("part"), *counts, *sums).group_by(sa.literal_column("1"))
    for row in connection.execute(found):
        number, count, hashed, first, second, third = (int(number or 0) for number in row)
        if count != hashed:
            too_long(where, count - hashed)
        yield number, (count, first, second, third)
