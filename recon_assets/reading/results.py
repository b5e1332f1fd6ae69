"""What the two queries of a business rule give for a window."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.windows import bound
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.model import Results, SidePair, Window
from recon_assets.reading.names import written
from recon_assets.reading.snapshot import Side, Snapshot

PARAMETERS = ("window_start", "window_end")
MAX_RESULT_ROWS = 100_000
Row = dict[str, Any]


def results(snapshot: Snapshot, need: Results, window: Window) -> SidePair:
    """The rows of both queries, each a mapping from the query's columns to the driver's values.

    ``:window_start`` and ``:window_end`` are written as the type of that side's window column.

    Raises:
        DeclarationError: When a query is not valid, gives two columns one name, lacks a column of ``by``, or names a
            window that is not there.
        RefusedError: When a query gives more rows than can be held.
        UnavailableError: When a database does not answer.
    """
    return SidePair(*snapshot.both(lambda side: _rows(side, need, window)))


def _rows(side: Side, need: Results, window: Window) -> list[Row]:
    place, sql = f"{side.place}'s query", str(getattr(need, side.role))
    statement = written(f"{sql.rstrip().rstrip(';')}\n", _bounds(side, window))
    if not _bounds(side, window) and any(f":{name}" in sql for name in PARAMETERS):
        msg = f"{place}: names :window_start or :window_end, but is asked for no window; give the table a window"
        raise DeclarationError(msg)
    with driver_errors(place), side.connection.execute(statement) as result:
        names = _names(result, need.by, place)
        found = [dict(zip(names, row, strict=True)) for row in result.fetchmany(MAX_RESULT_ROWS + 1)]
    if len(found) > MAX_RESULT_ROWS:
        msg = f"{place}: gives more than {MAX_RESULT_ROWS:,} rows; group them, so that a row stands for many records"
        raise RefusedError(msg)
    return found


def _names(result: sa.CursorResult[Any], by: Sequence[str], place: str) -> list[str]:
    if not result.returns_rows:
        msg = f"{place}: gives no rows; expected a SELECT"
        raise DeclarationError(msg)
    names = list(result.keys())
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        msg = f"{place}: gives two columns the name {twice[0]!r}; name one of them otherwise: `.. AS name`"
        raise DeclarationError(msg)
    lacking = [name for name in by if name not in names]
    if lacking:
        msg = f"{place}: gives no column {lacking[0]}, only {', '.join(names)}; mend `by` or the query"
        raise DeclarationError(msg)
    return names


def _bounds(side: Side, window: Window) -> dict[str, sa.BindParameter[Any]]:
    """Nothing for a table without days, and for the whole of one that has some."""
    days = side.pair.spec.days
    if days is None or window.start is None or window.end is None:
        return {}
    kind = side.column(days.column).type.kind
    moments = zip(PARAMETERS, (window.start, window.end), strict=True)
    return {name: bound(moment, kind, days.stored_in, side.dialect) for name, moment in moments}
