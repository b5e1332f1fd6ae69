"""What the two queries of a business rule give for a window, with equal values for equal ones of all databases.

Drivers lose much: two FLOATs of MySQL print alike, a month is 30 days, numbers in JSON become floats, and bytes without
a character `?`. So values are read as the canonical texts that comparisons read.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import Cell, value_text
from recon_assets.dialect.column_types import column_types
from recon_assets.dialect.common_form import common_form
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.windows import bound
from recon_assets.errors import DeclarationError, RefusedError
from recon_assets.model import Kind, Results, Rule, SidePair, Type, Window
from recon_assets.reading.measures import too_long
from recon_assets.reading.names import Select, columns_of, written
from recon_assets.reading.snapshot import Side, Snapshot
from recon_assets.values import Marked, json, numbers
from recon_assets.values.showing import shown

PARAMETERS = ("window_start", "window_end")
MAX_RESULT_ROWS = 100_000
ResultRow = dict[str, Any]


def results(snapshot: Snapshot, need: Results, window: Window) -> SidePair:
    """The rows of both queries, each a mapping from the query's columns to values as results show them.

    Numbers are ``int`` or ``Decimal``; where only one side's column is JSON, the other's texts are read as such.
    ``:window_start`` and ``:window_end`` are written as the type of that side's window column.

    Raises:
        DeclarationError: When a query is not valid, gives two columns one name, lacks a column of ``by``, or names a
            window that is not there.
        DoesNotFitError: When a database cannot write down a value, which MySQL makes NULL of.
        RefusedError: When a query gives more rows than can be held.
        UnavailableError: When a database does not answer.
    """
    both = snapshot.both(lambda side: _read(side, need, window))
    as_json = {name for types, _ in both for name, of in types.items() if of.kind is Kind.JSON}
    return SidePair(*([_row(each, types, as_json) for each in found] for types, found in both))


def _read(side: Side, need: Results, window: Window) -> tuple[dict[str, Type], Sequence[Sequence[Any]]]:
    """The types of a query's columns, and its rows: texts where a type has canonical ones."""
    place, sql = f"{side.place}'s query", str(getattr(need, side.role))
    bounds = _bounds(side, window)
    if not bounds and any(f":{name}" in sql for name in PARAMETERS):
        msg = f"{place}: names :window_start or :window_end, but is asked for no window; give the table a window"
        raise DeclarationError(msg)
    query = written(f"{sql.rstrip().rstrip(';')}\n", bounds)
    everything: Select = sa.select(sa.literal_column("*")).select_from(query.columns().subquery("q"))
    with driver_errors(place):
        with side.connection.execute(everything.limit(0)) as result:
            names = _names(result, need.by, place)
        types = column_types(side.connection, everything, {}, {})
        columns = query.columns(*columns_of(names)).subquery("q").c
        texts = [_text(columns[name], types[name], side.dialect) for name in names]
        nulls = [columns[name].is_(None) for name in names]
        with side.connection.execute(sa.select(*texts, *nulls)) as result:
            read = [(row[: len(names)], row[len(names) :]) for row in result.fetchmany(MAX_RESULT_ROWS + 1)]
    lost = [any(text is None and not null for text, null in zip(*each, strict=True)) for each in read]
    if any(lost):
        too_long(place, sum(lost))
    found = [row for row, _ in read]
    if len(found) > MAX_RESULT_ROWS:
        msg = f"{place}: gives more than {MAX_RESULT_ROWS:,} rows; group them, so that a row stands for many records"
        raise RefusedError(msg)
    return types, found


_DRIVERS = {Kind.ANY, Kind.UNSUPPORTED}
"""Kinds whose values come as drivers have them: SQLite's loses nothing."""


def _text(column: sa.ColumnElement[Any], of: Type, dialect: str) -> sa.ColumnElement[Any]:
    if of.kind is Kind.UNSUPPORTED and dialect in {"postgresql", "duckdb"}:
        return sa.cast(column, sa.Text())
    if of.kind in _DRIVERS:
        return column
    return value_text(Cell(column, of, common_form(of, of, Rule(), same_dialect=True)))


def _row(found: Sequence[Any], types: Mapping[str, Type], as_json: set[str]) -> ResultRow:
    values = {name: _value(text, of) for text, (name, of) in zip(found, types.items(), strict=True)}
    return {
        name: json.show(value)
        if name in as_json and isinstance(value, str) and not isinstance(value, Marked)
        else value
        for name, value in values.items()
    }


def _value(text: Any, of: Type) -> Any:
    if text is None or of.kind in _DRIVERS:
        return text
    value = shown(text, of.kind, of.kind, of.kind)
    if of.kind is Kind.FLOAT:
        return numbers.decimal_of(float(str(value)), of.precision)
    return numbers.parse(str(value)) if of.kind is Kind.DECIMAL else value


def _names(result: sa.CursorResult[Any], by: Sequence[str], place: str) -> list[str]:
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
    days = side.pair.spec.calendar
    if days is None or window.start is None or window.end is None:
        return {}
    kind = side.column(days.column).type.kind
    moments = zip(PARAMETERS, (window.start, window.end), strict=True)
    return {name: bound(moment, kind, days.stored_in, side.dialect) for name, moment in moments}
