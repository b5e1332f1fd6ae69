"""Rows of the target whose times break an order."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from recon_assets.dialect.canonical import md5_text, row_text
from recon_assets.dialect.sql import bound, sortable
from recon_assets.errors import DeclarationError
from recon_assets.model import DiscrepancyKind, Disorder, Found, Kind, Window
from recon_assets.slices.found import Fault, Suspects, cell, found, target_with
from recon_assets.slices.snapshot import Side, Snapshot

_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}
_NUMBERS = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}


def disorder(
    snapshot: Snapshot, need: Disorder, windows: Sequence[Window], now: datetime, most: int = 1000
) -> Iterator[tuple[str, Found]]:
    """Rows of the target that break an order, in the windows that they fall into.

    What must not decrease along a column is looked at over all rows of the table, since the row before one
    may lie in an earlier window; then the later row is at fault.

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
    faults = (*_ascending(side, need), *_monotonic(side, need), *_future(side, need, now))
    suspects = Suspects(side, DiscrepancyKind.DISORDERED, faults, side.table, apart=need.monotonic is None)
    yield from found(snapshot, suspects, windows, most)


def _ascending(side: Side, need: Disorder) -> Iterator[Fault]:
    """Each pair of columns, since those between may be NULL."""
    _need_one_meaning(side, need.columns)
    for left, right in combinations(need.columns, 2):
        yield Fault((left, right), _ordered(side, left) > _ordered(side, right))


def _monotonic(side: Side, need: Disorder) -> Iterator[Fault]:
    """The row before is the latest of those with the next smaller value of ``along``: equal ones bear on nothing.

    Rows that lack one of the two stand apart from the others, in the order of their values: none of them is at fault.
    """
    if need.monotonic is None or need.along is None:
        return
    value, along = _ordered(side, need.monotonic), _ordered(side, need.along)
    known = sa.and_(value.is_not(None), along.is_not(None))
    rows: list[sa.ColumnElement[Any]] = [sa.case((known, 1), else_=0)]
    if need.per:
        rows.append(md5_text(row_text([cell(side.column(name), side.value(name)) for name in need.per])))
    before = sa.func.lag(value).over(partition_by=rows, order_by=[along, value])
    yield Fault((need.monotonic,), before > value)


def _future(side: Side, need: Disorder, now: datetime) -> Iterator[Fault]:
    if need.not_future is None:
        return
    kind, days = side.column(need.not_future).type.kind, side.pair.spec.days
    if kind not in {*_MOMENTS, Kind.ANY}:
        raise DeclarationError(_unordered(side, need.not_future))
    here = now.astimezone(ZoneInfo(days.timezone if days else "UTC"))
    moment = bound(here, kind, days.stored_in if days else "UTC", side.dialect)
    yield Fault((need.not_future,), _ordered(side, need.not_future) > sortable(moment, kind, side.dialect))


def _ordered(side: Side, name: str) -> sa.ColumnElement[Any]:
    """The column in a form that sorts."""
    kind = side.column(name).type.kind
    if kind not in {*_MOMENTS, *_NUMBERS, Kind.ANY}:
        raise DeclarationError(_unordered(side, name))
    return sortable(side.value(name), kind, side.dialect)


def _unordered(side: Side, name: str) -> str:
    column = side.column(name)
    return f"{side.where}: {column.name} is {column.type.name}, which has no order of time; choose a date or timestamp"


def _need_one_meaning(side: Side, names: Sequence[str]) -> None:
    """Databases read times without a zone as UTC when they compare them with instants."""
    kinds = {side.column(name).type.kind for name in names}
    zone = side.pair.spec.days.stored_in if side.pair.spec.days else "UTC"
    if Kind.INSTANT in kinds and len(kinds) > 1 and zone != "UTC":
        msg = (
            f"{side.where}: {', '.join(names)} hold times with and without zone, which the database compares"
            f" in UTC, not in {zone}; name columns of one type"
        )
        raise DeclarationError(msg)
    if kinds & _MOMENTS and kinds & _NUMBERS:
        msg = f"{side.where}: {', '.join(names)} hold times and numbers, which have no common order"
        raise DeclarationError(msg)
