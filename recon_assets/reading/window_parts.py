"""Rows as canonical lines, part by part of a window: what is compared where digests differ."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain, groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from recon_assets.dialect.canonical import md5_text, optimization_fence, row_text, value_text
from recon_assets.dialect.sql import any_of
from recon_assets.errors import ContradictionError
from recon_assets.model import Kind, Window
from recon_assets.reading.measures import (
    Digest,
    Hashing,
    digest_figures,
    digest_of,
    row_hash,
    too_long,
)
from recon_assets.reading.snapshot import Side, Snapshot, is_unique
from recon_assets.values import Marked

Line = tuple[Any, int, str]
"""The date of a row's window (or ``all``), the number of its segment, and its canonical text."""
KeyTexts = tuple[str | None, ...]
"""The canonical texts of a key's columns."""


@dataclass(frozen=True)
class Part:
    """Some rows of a window: those whose number, divided by ``parts``, leaves ``rest``.

    A row's number is a part of its hash, so that identical rows are in the same part on both sides.

    Attributes:
        source, target: How many rows the digest of each side counted.
        row: The hash of the one row that differs, if it is one: by so much the sums of both sides differ. Other rows
            need not be read then, but that it is one row is a guess until it is found.
    """

    window: Window
    source: int
    target: int
    parts: int = 1
    rest: int = 0
    row: int | None = None

    @property
    def rows(self) -> int:
        """Of the side that has more."""
        return max(self.source, self.target)

    def __str__(self) -> str:
        return str(self.window) if self.parts == 1 else f"{self.window}, part {self.rest} of {self.parts}"


def split(snapshot: Snapshot, parts: Sequence[Part], each: int, how: Hashing) -> list[Part]:
    """Splits each of some parts that differ into ``each`` smaller ones; those of them whose digests differ.

    Args:
        snapshot: Both sides.
        parts: With one number of ``parts``, in the order of their windows.
        each: Into how many; the statement's result has a row for each.
        how: How rows are hashed.

    Raises:
        ContradictionError: When the smaller parts have other rows than the larger one, or are all equal.
    """
    before, finer = parts[0].parts, parts[0].parts * each
    windows = {part.window.key: part.window for part in parts}
    left = {(part.window.key, part.rest): [part.source, part.target, 0] for part in parts}
    found = []
    for (window, rest), *figures in _paired(*snapshot.both(lambda side: prefetched(_digests(side, parts, finer, how)))):
        whole = left.get((window, rest % before))
        if whole is None:
            msg = f"{snapshot.source.place}: {window}: a digest is of a part that was not asked for"
            raise ContradictionError(msg)
        source, target = map(digest_of, figures)
        whole[0] -= source.rows
        whole[1] -= target.rows
        if source != target:
            whole[2] += 1
            row = _only_row(source, target)
            row = row if row is not None and abs(row) % finer == rest else None
            found.append(Part(windows[window], source.rows, target.rows, finer, rest, row))
    for part in parts:
        source_left, target_left, differ = left[part.window.key, part.rest]
        if source_left or target_left or not differ:
            msg = (
                f"{snapshot.pair.spec.name}: {part}: the digests of its parts count {part.source - source_left:,} rows"
                f" in source and {part.target - target_left:,} in target, and {differ:,} of them differ; the digest of"
                f" the whole counts {part.source:,} and {part.target:,}, and differs. {CONTRADICTION}"
            )
            raise ContradictionError(msg)
    return found


def _only_row(source: Digest, target: Digest) -> int | None:
    """The hash of the row that one side has and the other has not, if that is all that differs."""
    surplus = source.rows - target.rows
    return surplus * ((source.sum or 0) - (target.sum or 0)) if abs(surplus) == 1 else None


CONTRADICTION = (
    "Both were read at one moment, so one reading is wrong, and nothing is said of the records."
    " Compare again; if it says so again, report it with the types of the columns"
)


_Figures = tuple[tuple[str, int], Sequence[Any]]
"""The window and number of a part, and what `digest_of` reads of it."""


def _paired(
    source: Iterator[_Figures], target: Iterator[_Figures]
) -> Iterator[tuple[tuple[str, int], Sequence[Any], Sequence[Any]]]:
    """The figures that both sides have of each part; both come in the order of parts."""
    left, right = next(source, None), next(target, None)
    while left or right:
        at = min(each[0] for each in (left, right) if each)
        here, there = left if left and left[0] == at else None, right if right and right[0] == at else None
        yield at, here[1] if here else _NO_ROWS, there[1] if there else _NO_ROWS
        left, right = next(source, None) if here else left, next(target, None) if there else right


_NO_ROWS = (0, 0, None)


def _digests(side: Side, parts: Sequence[Part], finer: int, how: Hashing) -> Iterator[_Figures]:
    inner = side.select(side.window_key(_windows(parts)).label("recon_window"), row_hash(side, how).label("recon_row"))
    rows = optimization_fence(inner.where(_inside(side, parts, how)), side.dialect).subquery("recon_rows")
    groups = (rows.c.recon_window.label("w"), _rest(rows.c.recon_row, finer).label("p"))
    select = sa.select(*groups, *digest_figures(rows.c.recon_row)).group_by(*groups).order_by(*_FIRST_TWO)
    for batch in side.stream(select):
        for window, rest, *figures in map(tuple, batch):
            yield (str(window), int(rest)), figures


_FIRST_TWO: tuple[sa.ColumnElement[Any], ...] = (sa.literal_column("1"), sa.literal_column("2"))


def _rest(number: sa.ColumnElement[int], parts: int) -> sa.ColumnElement[int]:
    # Some numbers are below 0.
    return sa.func.abs(number % sa.literal_column(str(parts)))


def _windows(parts: Iterable[Part]) -> list[Window]:
    return list({part.window.key: part.window for part in parts}.values())


def _inside(side: Side, parts: Sequence[Part], how: Hashing) -> sa.ColumnElement[bool]:
    """Whether a row is in one of the parts, which have one number of ``parts``, and is the one that it names."""
    if parts[0].parts == 1:
        return side.inside(_windows(parts))
    number = row_hash(side, how)
    named = [part.row for part in parts if part.row is not None]
    found = _in_parts(side, parts, number)
    if not named:
        return found
    # The hash is dear, so that it is looked at again only in the few rows of these parts.
    whole = [part for part in parts if part.row is None]
    read = number.in_(_written(named))
    return sa.and_(found, sa.or_(read, _in_parts(side, whole, number)) if whole else read)


def _in_parts(side: Side, parts: Sequence[Part], number: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    windows: dict[tuple[int, ...], list[Window]] = {}
    for _, rows in groupby(parts, key=lambda part: part.window.key):
        some = list(rows)
        windows.setdefault(tuple(part.rest for part in some), []).append(some[0].window)
    rest = _rest(number, parts[0].parts)
    # Of an AND, DuckDB may look at a dear side first, for all rows and in each branch of an OR; of a CASE it cannot.
    each = ((side.inside(those), rest.in_(_written(rests))) for rests, those in windows.items())
    return sa.and_(side.inside(_windows(parts)), sa.case(*each, else_=sa.false()))


def _written(rests: Sequence[int]) -> sa.BindParameter[int]:
    # Written out: there may be more of them than a driver takes parameters.
    return sa.bindparam(None, list(rests), expanding=True, literal_execute=True)


def lines(side: Side, parts: Sequence[Part], how: Hashing = Hashing.CANONICAL, segments: int = 1) -> Iterator[Line]:
    """The rows of some parts as canonical texts, in the order of windows and segments.

    Args:
        side: Which one to read.
        parts: With one number of ``parts``, in the order of their windows.
        how: How rows are hashed.
        segments: Into how many segments rows are sorted by their numbers; 1 leaves them in any order.

    Raises:
        DoesNotFitError: When a row is too long for its database to write down.
    """
    names = [mapped.source.name for mapped in side.pair.columns]
    segment = _rest(row_hash(side, how), segments) if segments > 1 else sa.literal_column("0")
    window = side.window_key(_windows(parts))
    select = side.select(window.label("recon_window"), segment.label("recon_part"), row_text(side.cells(names)))
    select = select.where(_inside(side, parts, how))
    if segments > 1 or len(_windows(parts)) > 1:
        select = select.order_by(*_FIRST_TWO)
    for batch in side.stream(select):
        for of, number, text in map(tuple, batch):
            yield of, int(number), text if text is not None else too_long(side.place, 1)


def prefetched(rows: Iterator[tuple[Any, ...]]) -> Iterator[Any]:
    """The same rows, for which the database has begun to work."""
    return chain([first for first in [next(rows, None)] if first], rows)


def side_by_side(
    source: Iterator[tuple[Any, ...]], target: Iterator[tuple[Any, ...]]
) -> Iterator[tuple[tuple[Any, int], Iterator[Any], Iterator[Any]]]:
    """What both sides have of each segment; both come in the order of segments, and are taken in turn."""
    parts = [groupby(rows, key=itemgetter(0, 1)) for rows in (source, target)]
    heads = [next(part, None) for part in parts]
    while any(heads):
        at = min(head[0] for head in heads if head)
        here = [bool(head) and head[0] == at for head in heads]  # type: ignore[index]
        yield at, *(head[1] if is_here and head else iter(()) for head, is_here in zip(heads, here, strict=True))
        for side, is_here in enumerate(here):
            heads[side] = next(parts[side], None) if is_here else heads[side]


def duplicates(side: Side, windows: Sequence[Window]) -> Iterator[tuple[str, str]]:
    """Keys that stand more than once on this side, as canonical texts, each with the first window it stands in."""
    if not side.pair.spec.key or is_unique(side):
        return
    text = row_text(side.cells(side.pair.spec.key))
    keys = side.select(side.window_key(windows).label("recon_window"), text.label("recon_key")).where(
        side.inside(windows)
    )
    rows = keys.subquery("recon_keys")
    # By MD5: a collation would take different keys for one.
    key = md5_text(rows.c.recon_key)
    twice = sa.select(sa.func.min(rows.c.recon_window), sa.func.min(rows.c.recon_key)).group_by(key)
    for batch in side.stream(twice.having(sa.func.count() > 1)):
        for window, key_text in map(tuple, batch):
            yield key_text, str(window)


def matching(side: Side, windows: Sequence[Window], keys: Sequence[KeyTexts]) -> Iterator[Line]:
    """The rows of some keys, as many as one statement can name, in some windows; as `lines` yields them.

    A collation may add rows of other keys.
    """
    yield from _of_keys(side, windows, keys, side.inside(windows))


def elsewhere(side: Side, windows: Sequence[Window], history: Window, keys: Sequence[KeyTexts]) -> Iterator[Line]:
    """The rows of some keys, as `matching`, that stand in ``history`` but in none of ``windows``."""
    yield from _of_keys(side, [history], keys, sa.and_(side.inside([history]), sa.not_(side.inside(windows))))


def _of_keys(
    side: Side, windows: Sequence[Window], keys: Sequence[KeyTexts], where: sa.ColumnElement[bool]
) -> Iterator[Line]:
    if not keys:
        return
    names = [mapped.source.name for mapped in side.pair.columns]
    rows = side.select(side.window_key(windows), sa.literal_column("0"), row_text(side.cells(names)))
    for batch in side.stream(rows.where(_is_one_of(side, keys), where)):
        yield from map(tuple, batch)


def _is_one_of(side: Side, keys: Sequence[KeyTexts]) -> sa.ColumnElement[bool]:
    """Whether a row has one of the keys: compared as the database compares, which can use an index."""
    columns = [_looked_up(side, name) for name in side.pair.spec.key]
    if len(columns) == 1:
        ((column, wanted),) = columns
        nulls = [column.is_(None)] if (None,) in keys else []
        return sa.or_(column.in_([wanted(text) for (text,) in keys if text is not None]), *nulls)
    return any_of(*(sa.and_(*map(_is, columns, key)) for key in keys))


Wanted = Callable[[str], sa.ColumnElement[Any]]
"""From a canonical text to the value that a statement looks for."""


def _is(column: tuple[sa.ColumnElement[Any], Wanted], text: str | None) -> sa.ColumnElement[bool]:
    return column[0].is_(None) if text is None else column[0] == column[1](text)


def _looked_up(side: Side, name: str) -> tuple[sa.ColumnElement[Any], Wanted]:
    """A column of the key as a statement looks for its values.

    Of most kinds canonical texts are compared; also in SQLite, whose columns hold values of any type, and of numbers in
    DuckDB, which refuses those that the column's type cannot hold.
    """
    (cell,) = side.cells([name])
    kind, alike = cell.type.kind, cell.form.kind is cell.type.kind
    if side.dialect not in {"sqlite", "duckdb"} and kind in {Kind.INTEGER, Kind.DECIMAL}:
        return cell.column, lambda text: _number(text, side.dialect)
    if side.dialect != "sqlite" and kind is Kind.TEXT and alike and not cell.type.charset:
        return cell.column, lambda text: sa.literal(text, sa.String())
    if side.dialect == "postgresql" and kind is Kind.UUID and alike:
        return cell.column, lambda text: sa.literal(UUID(text), sa.Uuid())
    return value_text(cell), _written_text


def _written_text(text: str) -> sa.ColumnElement[Any]:
    if isinstance(text, Marked):
        return sa.literal(Marked.sent(text), sa.LargeBinary())
    return sa.literal(text, sa.String())


def _number(text: str, dialect: str) -> sa.ColumnElement[Any]:
    # Integers as such: to compare with a decimal, PostgreSQL would convert the column and use no index.
    if text.lstrip("-").isdecimal() and -_LARGEST <= int(text) < _LARGEST:
        return sa.literal(int(text), sa.BigInteger())
    try:
        number = Decimal(text)
    except InvalidOperation:
        return sa.null()  # what a column of SQLite may hold, and no column of numbers
    return sa.literal(number, sa.Numeric()) if number.is_finite() or dialect == "postgresql" else sa.null()


_LARGEST = 2**63
