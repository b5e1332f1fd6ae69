"""Prints: small texts that tell whether rows are byte for byte what they were, and name a few that are not."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import fenced
from recon_assets.dialect.row_hashes import bits

Select = sa.Select[*tuple[Any, ...]]
_Sums = tuple[int, int, int, int]
_NOTHING: _Sums = (0, 0, 0, 0)
_PART, _NUMBER = 6, 31
KEY_DIGITS = _PART + _NUMBER
"""How many binary digits of a key's number a print has."""


@dataclass(frozen=True)
class Fingerprint:
    """What some rows of a target are, made by the target itself.

    Equal prints are of identical rows. Rows are parted by the numbers of their keys; of each part the digest has how
    many rows it has, and three sums: of their numbers, of those times the keys', and of the rest of their numbers. So
    when one row of a part has changed, the quotient of the differences of the first two is the number of its key.

    Attributes:
        rows: How many rows.
        digest: ``part:rows:sum:sum:sum`` of each part that has rows, with a space between.
    """

    rows: int
    digest: str

    def moved(self, since: "Fingerprint") -> tuple[int, ...]:
        """The numbers of keys whose rows are not what they were; not all of them, when many are not."""
        before, now = since.parts, self.parts
        found = (_quotient(part, before.get(part, _NOTHING), now.get(part, _NOTHING)) for part in {*before, *now})
        return tuple(number for number in found if number is not None)

    @property
    def parts(self) -> Mapping[int, _Sums]:
        """The sums of each part."""
        numbers = ([int(number) for number in part.split(":")] for part in self.digest.split())
        return {part: (rows, first, second, third) for part, rows, first, second, third in numbers}


def _quotient(part: int, before: _Sums, now: _Sums) -> int | None:
    """The number of the one key of a part whose row has changed."""
    sums, products = now[1] - before[1], now[2] - before[2]
    if not sums or products % sums or not 0 <= products // sums < 1 << _NUMBER:
        return None
    return (products // sums << _PART) + part


def fingerprint_of(connection: sa.Connection, selects: Iterable[Select]) -> Fingerprint:
    """The print of rows of which each statement selects the numbers ``k`` of their keys and ``h`` of themselves."""
    sums: dict[int, _Sums] = {}
    for select in selects:
        for part, *more in _summed(connection, select):
            old = sums.get(part, _NOTHING)
            sums[part] = (old[0] + more[0], old[1] + more[1], old[2] + more[2], old[3] + more[3])
    digest = " ".join(":".join(map(str, (part, *sums[part]))) for part in sorted(sums))
    return Fingerprint(sum(rows for rows, *_ in sums.values()), digest)


def _summed(connection: sa.Connection, select: Select) -> Iterator[tuple[int, ...]]:
    rows = fenced(select, connection.dialect.name).subquery("numbered")
    part, key = bits(rows.c.k, 0, _PART), bits(rows.c.k, _PART, _NUMBER)
    low, high = bits(rows.c.h, 0, _NUMBER), bits(rows.c.h, _NUMBER, _NUMBER)
    sums = map(sa.func.sum, (low, key * low, high))
    found = sa.select(part.label("part"), sa.func.count(), *sums).group_by(sa.literal_column("1"))
    for row in connection.execute(found):
        yield tuple(int(number) for number in row)
