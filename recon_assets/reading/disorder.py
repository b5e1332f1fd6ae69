"""Rows of the target whose times break an order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from recon_assets.dialect.canonical import md5_text, row_text
from recon_assets.dialect.windows import bound, sortable
from recon_assets.errors import DeclarationError
from recon_assets.model import DiscrepancyKind, Disorder, FaultyRows, Kind, Window
from recon_assets.reading.faulty_rows import Fault, RowCheck, cell, found, target_with
from recon_assets.reading.snapshot import Side, Snapshot
from recon_assets.values import DATETIMES, NUMBERS

_NUMBERS = NUMBERS - {Kind.BOOLEAN}
_ENTITY, _ALONG, _LATEST = "recon_entity", "recon_along", "recon_latest"


def disorder(
    snapshot: Snapshot, need: Disorder, windows: Sequence[Window], now: datetime, most: int = 1000
) -> Iterator[tuple[str, FaultyRows]]:
    """Rows of the target that break an order, in the windows that they fall into.

    What must not decrease along a column is looked at over all rows of the table, since a row before
    may lie in any window: each row is at fault whose time is earlier than that of a row with a smaller ``along``.

    Args:
        snapshot: Of the table.
        need: Which order.
        windows: In order of time.
        now: Later moments are in the future; with its time zone.
        most: Records to show of each window.

    Yields:
        The window's key and what was found there, for all windows in their order.

    Raises:
        DeclarationError: When a column has no order of time.
        UnavailableError: When a database does not answer.
    """
    named = filter(None, (*need.columns, need.monotonic, need.along, *need.per, need.not_future))
    side = target_with(snapshot, tuple(named), need.where)
    table, monotonic = _monotonic(side, need)
    faults = (*_ascending(side, need), *monotonic, *_future(side, need, now))
    suspects = RowCheck(side, DiscrepancyKind.DISORDERED, faults, table)
    yield from found(snapshot, suspects, windows, most)


def _ascending(side: Side, need: Disorder) -> Iterator[Fault]:
    """Each pair of columns, since those between may be NULL."""
    _need_one_meaning(side, need.columns)
    for left, right in combinations(need.columns, 2):
        yield Fault((left, right), _ordered(side, left) > _ordered(side, right))


def _monotonic(side: Side, need: Disorder) -> tuple[sa.FromClause, tuple[Fault, ...]]:
    """A row is at fault if any row of the same ``per`` with a smaller ``along`` has a later time.

    Rows of equal ``along`` bear on nothing among each other, nor do rows on others that lack one of the two.
    """
    if need.monotonic is None or need.along is None:
        return side.table, ()
    value, along, entity = _ordered(side, need.monotonic), _ordered(side, need.along), _entity(side, need.per)
    before = _before(side, value, along, entity)
    here = sa.and_(before.c[_ENTITY] == entity, before.c[_ALONG] == along)
    return sa.outerjoin(side.table, before, here), (Fault((need.monotonic,), before.c[_LATEST] > value),)


def _entity(side: Side, per: Sequence[str]) -> sa.ColumnElement[Any]:
    """The same for rows that belong together; NULL is a value here."""
    if not per:
        return sa.literal_column("1")
    return md5_text(row_text([cell(side.column(name), side.value(name)) for name in per]))


def _before(
    side: Side, value: sa.ColumnElement[Any], along: sa.ColumnElement[Any], entity: sa.ColumnElement[Any]
) -> sa.Subquery:
    """The latest time before each place; over places and not over rows, since no frame of MySQL leaves out peers."""
    known = side.select(entity.label(_ENTITY), along.label(_ALONG), value.label(_LATEST))
    rows = known.where(along.is_not(None), value.is_not(None)).subquery("recon_known")
    place = (rows.c[_ENTITY], rows.c[_ALONG])
    places = sa.select(*place, sa.func.max(rows.c[_LATEST]).label(_LATEST)).group_by(*place).subquery("recon_places")
    latest = sa.func.max(places.c[_LATEST]).over(
        partition_by=places.c[_ENTITY], order_by=places.c[_ALONG], rows=(None, -1)
    )
    return sa.select(places.c[_ENTITY], places.c[_ALONG], latest.label(_LATEST)).subquery("recon_before")


def _future(side: Side, need: Disorder, now: datetime) -> Iterator[Fault]:
    if need.not_future is None:
        return
    kind, days = side.column(need.not_future).type.kind, side.pair.spec.calendar
    if kind not in {*DATETIMES, Kind.ANY}:
        raise DeclarationError(_unordered(side, need.not_future))
    here = now.astimezone(ZoneInfo(days.timezone if days else "UTC"))
    moment = bound(here, kind, side.pair.spec.stored_in, side.dialect)
    later = _ordered(side, need.not_future) > sortable(moment, kind, side.dialect, side.pair.spec.stored_in)
    yield Fault((need.not_future,), later)


def _ordered(side: Side, name: str) -> sa.ColumnElement[Any]:
    """The column in a form that sorts."""
    kind = side.column(name).type.kind
    if kind not in {*DATETIMES, *_NUMBERS, Kind.ANY}:
        raise DeclarationError(_unordered(side, name))
    return sortable(side.value(name), kind, side.dialect, side.pair.spec.stored_in)


def _unordered(side: Side, name: str) -> str:
    column = side.column(name)
    return f"{side.place}: {column.name} is {column.type.name}, which has no order of time; choose a date or timestamp"


def _need_one_meaning(side: Side, names: Sequence[str]) -> None:
    """Databases read times without a zone as UTC when they compare them with instants."""
    kinds = {side.column(name).type.kind for name in names}
    zone = side.pair.spec.stored_in
    if Kind.INSTANT in kinds and len(kinds) > 1 and zone != "UTC":
        msg = (
            f"{side.place}: {', '.join(names)} hold times with and without zone, which the database compares"
            f" in UTC, not in {zone}; name columns of one type"
        )
        raise DeclarationError(msg)
    if kinds & DATETIMES and kinds & _NUMBERS:
        msg = f"{side.place}: {', '.join(names)} hold times and numbers, which have no common order"
        raise DeclarationError(msg)
