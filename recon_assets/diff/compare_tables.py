"""Compares any two tables of two databases: the public door, for which nothing needs to be declared."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime, time as clock, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from recon_assets import dialect, reading
from recon_assets.dialect import Frame
from recon_assets.diff.rules import rule_of
from recon_assets.diff.window_comparison import MAX_EVIDENCE, compare_windows
from recon_assets.errors import DeclarationError, NoSuchTableError
from recon_assets.model import ALL, Calendar, Comparison, Database, Kind, Relation, Rule, TableSpec, Window, broken_out

Bounds = tuple[str, Any, Any] | tuple[str, Any, Any, str]


def compare(  # noqa: PLR0913 - the public door
    source: str | Frame,
    source_table: str,
    target: str | Frame,
    target_table: str,
    *,
    key: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    rename: Mapping[str, str] | None = None,
    exact_names: bool = False,
    cast: Mapping[str, str] | None = None,
    rules: Mapping[str, Mapping[str, Any] | Rule] | None = None,
    window: Bounds | None = None,
    stored_in: str = "UTC",
    where: str | None = None,
    grace_period: timedelta | None = None,
    updated_at: str | None = None,
    max_evidence: int = MAX_EVIDENCE,
    progress: Callable[[str], None] | None = None,
) -> Comparison:
    """Compares two tables and names every record that differs. Reads only.

    Args:
        source: The URL of a database, such as ``postgresql://user@host/name``, ``sqlite:///file.db`` or
            ``files:folder``; or a frame of pandas, polars or Arrow.
        source_table: ``table``, ``schema.table``, with quotes where needed, or ``(select ..)``; of a frame, what it is
            to be called.
        target: The other database or frame.
        target_table: The other table.
        key: The source's names of the columns that identify a record; ``[]`` compares whole rows as multisets. By
            default the source's primary key, else a unique key of it or of the target that cannot be NULL.
        columns: The source's names of the columns to compare; by default all that both sides have. Those that cannot
            be compared are then left out, and stand in ``not_compared``.
        rename: The target's names of columns, by the source's, where they differ.
        exact_names: Whether names that differ in case and _ alone are two, and a table needs its schema. Else they are
            one where that leaves no choice, and the result says so (``renamed``, ``tables``).
        cast: SQL types of the source's database, by column: what the source's values are cast to before anything else;
            and the target's, where their type has no form in other databases.
        rules: When two values of a column are equal, by the source's name: ``{"price": {"abs": "0.01"}}``.
        window: ``(column, start, end, zone)``: only rows of that time, ``end`` excluded. ``zone`` (default UTC) is
            that of these days.
        stored_in: The zone of stored times that have none.
        where: SQL that both sides understand; other rows are left out.
        grace_period: Rows that differ and are younger are read again, and are in flight if they still differ.
        updated_at: The source's name of the column that says how old a row is.
        max_evidence: How many records of each kind to keep; counts are exact all the same.
        progress: Is told each step in a line.

    Returns:
        Names are the source's, and ``key`` has those that identified records. Values are None, booleans, integers, or
        canonical strings. Where no row was asked for, ``outside`` says how many there are: nothing was compared then.

    Raises:
        DeclarationError: When something named is not there or makes no sense; says what to do.
        UnavailableError: When a database does not answer.
        DoesNotFitError: When a value lies outside of what can be compared.
    """
    began = time.monotonic()
    if max_evidence < 0 or (grace_period is None) != (updated_at is None):
        msg = "max_evidence must not be negative, and grace_period and updated_at go together"
        raise DeclarationError(msg)
    if where and (wrong := broken_out(where)):
        msg = f"where: {wrong}"
        raise DeclarationError(msg)
    days, windows = _days(window, _zone(stored_in, "stored_in").key)
    spec = TableSpec(
        name=" -> ".join(dict.fromkeys((_name(source_table), _name(target_table)))),
        source=_relation("source", source_table),
        target=_relation("target", target_table),
        key=tuple([key] if isinstance(key, str) else key or ()),
        calendar=days,
        stored_in=stored_in,
        rename=rename or {},
        cast=_checked_cast(cast or {}),
        rules={name: rule_of(name, rule) for name, rule in (rules or {}).items()},
        where=where,
        updated_at=updated_at,
        grace_period=grace_period,
    )
    with _opened("source", source) as left, _opened("target", target) as right:
        asked = spec
        spec, schemas = _described(spec, left, right, exact_names=exact_names)
        matched = {} if exact_names else reading.alike_columns(spec, *schemas)
        if key is None:
            spec = replace(spec, key=_default_key(replace(spec, rename={**matched, **spec.rename}), *schemas))
        pair = reading.pair_for_comparison(spec, left, right, columns, schemas=schemas, matched=matched)
        _refuse_parts_of_days(pair, windows)
        with reading.hints_at_columns(*schemas), reading.snapshot(pair) as snapshot:
            said = progress or (lambda _: None)
            found = compare_windows(snapshot, windows, max_evidence=max_evidence, now=datetime.now(UTC), tell=said)
            total = found.total(by_key=True)
            if (window or where) and not (total.counts.source or total.counts.target or total.in_flight):
                rows = zip(_all_rows(snapshot), total.undated or (0, 0), strict=True)
                here, there = (every - undated for every, undated in rows)
                total = replace(total, outside=(here, there))
    met = {name: to for name, to in matched.items() if name in total.columns}
    return replace(
        total,
        renamed=met,
        tables=_other_names(asked, spec),
        key=spec.key,
        seconds=time.monotonic() - began,
    )


def _opened(role: str, side: str | Frame) -> AbstractContextManager[sa.Engine]:
    if isinstance(side, str):
        return dialect.opened(Database(role, side), role="source")
    return dialect.opened_frame(side, role)


def _described(
    spec: TableSpec, source: sa.Engine, target: sa.Engine, *, exact_names: bool
) -> tuple[TableSpec, tuple[reading.TableSchema, reading.TableSchema]]:
    """Both tables, by the names that are theirs; only where one is not found, others are looked for."""
    try:
        return spec, reading.described(spec, source, target)
    except NoSuchTableError:
        found = replace(
            spec,
            source=reading.located(source, spec.source, exact_names=exact_names),
            target=reading.located(target, spec.target, exact_names=exact_names),
        )
        return found, reading.described(found, source, target)


def _other_names(asked: TableSpec, found: TableSpec) -> dict[str, str]:
    sides = (("source", asked.source, found.source), ("target", asked.target, found.target))
    return {role: relation.table or "" for role, given, relation in sides if relation != given}


def _default_key(spec: TableSpec, source: reading.TableSchema, target: reading.TableSchema) -> tuple[str, ...]:
    """The columns, by the source's names, that are a key without NULL on one side and that the other side has too."""
    back = {spec.target_name(name): name for name in source.by_name}
    keys = [*source.unique, *(tuple(back.get(name, "") for name in unique) for unique in target.unique)]
    for key in keys:
        here = [source.by_name.get(name) for name in key]
        there = [target.by_name.get(spec.target_name(name)) for name in key]
        sides = ((here, source), (there, target))
        if all(here) and all(there) and any(schema.is_unique(filter(None, side)) for side, schema in sides):
            return key
    msg = (
        f"{spec.name}: no key is named, and neither side has a primary key or unique NOT NULL columns that both have;"
        " name the columns that identify a record (--key id), or compare whole records (--no-key)"
    )
    raise DeclarationError(msg)


def _all_rows(snapshot: reading.Snapshot) -> tuple[int, int]:
    """How many rows each table has, asked for or not: that two empty windows agree may say nothing of the tables."""
    pair = replace(snapshot.pair, spec=replace(snapshot.pair.spec, calendar=None, where=None))
    both = reading.Snapshot(pair, replace(snapshot.source, pair=pair), replace(snapshot.target, pair=pair))
    counted = reading.measured(both, [reading.COUNT], [ALL])[ALL.key][reading.COUNT]
    return counted.source, counted.target


def _checked_cast(cast: Mapping[str, str]) -> Mapping[str, str]:
    for name, sql_type in cast.items():
        if not str(sql_type).strip():
            msg = f"cast: {name}: no SQL type is given; write one of the source's database, such as numeric(12, 2)"
            raise DeclarationError(msg)
    return cast


def _name(table: str) -> str:
    return "(query)" if table.lstrip().startswith("(") else table


def _relation(database: str, table: str) -> Relation:
    text = table.strip()
    if text.startswith("("):
        query = text[1:-1].strip().removesuffix(";")
        wrong = broken_out(query) if text.endswith(")") else "its first `(` is not closed at the end"
        if wrong:
            msg = f"{database}: {text}: {wrong}; expected one whole query in parentheses"
            raise DeclarationError(msg)
        return Relation(database, query=query)
    if " " in text and text.casefold().startswith(("select", "with")):
        msg = f"{database}: {text!r} is a query; put it in parentheses: ({text})"
        raise DeclarationError(msg)
    reading.split_name(text)
    return Relation(database, text)


def _days(window: Bounds | None, stored_in: str) -> tuple[Calendar | None, list[Window]]:
    if window is None:
        return None, [ALL]
    if len(window) not in {3, 4}:
        msg = f"window: expected (column, start, end) or (column, start, end, zone), found {len(window)} items"
        raise DeclarationError(msg)
    column, zone = window[0], window[3] if len(window) > 3 else "UTC"
    start, end = (_moment(value, _zone(zone, "window")) for value in window[1:3])
    if start >= end:
        msg = f"window: {start} is not before {end}; the end is the first moment that is left out"
        raise DeclarationError(msg)
    if end.year > _LAST_YEAR:
        msg = f"window: {end} is later than the year {_LAST_YEAR}, the last of which days are counted"
        raise DeclarationError(msg)
    days = Calendar(column, start.date(), None, zone, stored_in)
    whole = days.windows(end.date() + timedelta(days=1))
    clipped = (Window(day.key, max(day.start or start, start), min(day.end or end, end)) for day in whole)
    return days, [day for day in clipped if day.start < day.end]  # type: ignore[operator]


_LAST_YEAR = 9990


def _refuse_parts_of_days(pair: reading.Pair, windows: Sequence[Window]) -> None:
    """A column of dates has no times, so that a window cannot begin or end within one of its days."""
    days = pair.spec.calendar
    kinds = {
        column.type.kind
        for mapped in pair.columns
        for column in (mapped.source, mapped.target)
        if days and mapped.source.name == days.column
    }
    ends = (windows[0].start, windows[-1].end)
    if Kind.DATE in kinds and any(end and end.time() != clock() for end in ends):
        msg = f"window: {days and days.column} holds dates, and the window begins or ends within a day; name whole days"
        raise DeclarationError(msg)


def _zone(name: str, place: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError) as error:
        msg = f"{place}: {error}; write a time zone such as UTC or Europe/Berlin"
        raise DeclarationError(msg) from error


def _moment(value: Any, local: ZoneInfo) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        msg = f"window: {error}; write a day or moment such as 2024-01-31 or 2024-01-31T12:00"
        raise DeclarationError(msg) from error
    if isinstance(found, datetime):
        return found.astimezone(local) if found.tzinfo else found.replace(tzinfo=local)
    if isinstance(found, date):
        return datetime.combine(found, clock(), local)
    msg = f"window: {value!r} is no day or moment; write 2024-01-31 or 2024-01-31T12:00"
    raise DeclarationError(msg)
