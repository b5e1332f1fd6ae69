"""Reads two databases that nobody has declared yet, and writes their first declaration."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from recon_assets import reading
from recon_assets.declare.scaffold import (
    Found,
    Suggestion,
    TablePair,
    choices,
    days_of_moments,
    key_candidates,
    matches,
    suggest,
    with_references,
)
from recon_assets.declare.scaffold_text import Span, written
from recon_assets.dialect import files, opened, servers, table_survey
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.engines import Role
from recon_assets.errors import DeclarationError, DoesNotFitError, UnavailableError
from recon_assets.model import Database, Relation

_PATIENCE = timedelta(seconds=30)
_CONNECTIONS = 4
_CEASED = timedelta(days=30)
"""A table whose newest row is older gets no new rows, and its days an end."""
_MANY_DAYS = 10_000
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!.*BC)")
Result = TypeVar("Result")
Sides = Mapping[Role, Sequence[Found]]


@dataclass(frozen=True)
class Place:
    """One side to read: where it is, by which environment variable it will be named, and one schema or all."""

    role: Role
    url: str
    env: str
    schema: str | None = None


def zone_of_days(text: str) -> ZoneInfo:
    """The zone that `--timezone` names.

    Raises:
        DeclarationError: When there is none of that name.
    """
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        msg = f"--timezone {text}: there is no such time zone; write a name such as UTC or America/New_York"
        raise DeclarationError(msg) from None


def first_declaration(  # noqa: PLR0913 - what to read, and how to write it down
    source: Place,
    target: Place,
    today: date,
    *,
    tables: Sequence[str] = (),
    timezone: str = "UTC",
    tell: Callable[[str], None] = lambda _: None,
) -> str:
    """YAML that declares the tables that both databases have.

    Args:
        source: Where rows come from.
        target: Where they go.
        today: The day on which tables begin that have no rows.
        tables: Patterns such as ``sales.*`` of the source's tables to declare; none for all.
        timezone: Whose midnights divide the days, and of which times without a zone are.
        tell: Is told each step in a line.

    Raises:
        DeclarationError: When they have none in common.
        UnavailableError: When a database does not answer.
    """
    with ExitStack() as stack:
        engines = {
            place.role: stack.enter_context(
                opened(Database(place.role, place.url, _PATIENCE, _CONNECTIONS), role=place.role)
            )
            for place in (source, target)
        }
        if files.copies_of(engines["target"]):
            msg = "target: files can be sources, not targets: name the folder as the source, or compare by `recon diff`"
            raise DeclarationError(msg)
        tell("listing the tables of both sides")
        sides: dict[Role, Sequence[Found]] = {
            place.role: _listed(engines[place.role], place) for place in (source, target)
        }
        sides["source"] = _wanted(sides["source"], tables)
        named = matches(sides["source"], [item for item in sides["target"] if not item.is_view])
        unread: list[tuple[TablePair, str]] = []
        pairs = [pair for pair in _looked_at(engines, named, unread, tell) if _may_be_one(pair)]
        if not pairs and unread:
            raise DoesNotFitError("\n".join(why for _, why in unread))
        if not pairs:
            raise DeclarationError(_nothing_in_common(sides))
        suggestions = with_references(_as_data_has_it(engines, suggest(pairs), tell))
        windowed = [item for item in suggestions if item.window]
        spans = _each(
            engines["source"], lambda item: _span(engines["source"], item, today, timezone), windowed, "days", tell
        )
    days = {item.name: span for item, span in zip(windowed, spans, strict=True)}
    envs = {"source": source.env, "target": target.env}
    return written(suggestions, days, envs, _notes(sides, pairs, unread, of_all=not tables), timezone=timezone)


def _nothing_in_common(sides: Sides) -> str:
    found = "; ".join(
        f"{role} has {', '.join(item.written for item in side) or 'none'}" for role, side in sides.items()
    )
    return f"No table has the same name on both sides: {found}. Name the right databases, or write the file by hand."


def _listed(made: sa.Engine, place: Place) -> list[Found]:
    with driver_errors(place.role), made.connect() as connection:
        default = table_survey.default_schema(connection)
        listed = table_survey.tables(connection, place.schema)
    return [Found(item.schema or default, item.name, str(item), is_view=item.is_view) for item in listed]


def _wanted(side: Sequence[Found], patterns: Sequence[str]) -> Sequence[Found]:
    """The tables that patterns name, with or without their schema.

    Raises:
        DeclarationError: For a pattern that names none.
    """

    def meant(pattern: str) -> list[Found]:
        names = ((item, f"{item.schema}.{item.name}") for item in side)
        return [item for item, name in names if fnmatchcase(item.name, pattern) or fnmatchcase(name, pattern)]

    for pattern in patterns:
        if not meant(pattern):
            msg = (
                f"--tables {pattern}: the source has no such table; {reading.nearest(pattern, (i.name for i in side))}"
            )
            raise DeclarationError(msg)
    kept = {id(item) for pattern in patterns for item in meant(pattern)}
    return [item for item in side if not patterns or id(item) in kept]


def _looked_at(
    engines: Mapping[Role, sa.Engine],
    pairs: Sequence[TablePair],
    unread: list[tuple[TablePair, str]],
    tell: Callable[[str], None],
) -> Iterator[TablePair]:
    """The pairs with the columns, keys and indexes of their tables; ``unread`` takes those whose files cannot be read.

    The target comes first: files are read as its types.
    """
    source, target = engines["source"], engines["target"]
    there = _each(target, lambda pair: replace(pair, target=_described(target, pair.target)), pairs, "target", tell)

    def with_source(pair: TablePair) -> TablePair | None:
        try:
            return replace(pair, source=_described(source, pair.source, pair.target))
        except DoesNotFitError as error:
            unread.append((pair, str(error)))
            return None

    yield from filter(None, _each(source, with_source, there, "source", tell))


def _each(
    made: sa.Engine, work: Callable[..., Result], items: Sequence[Any], what: str, tell: Callable[[str], None]
) -> list[Result]:
    """What ``work`` makes of each item, several at a time where the database is a server."""
    done: list[Result] = []
    with ThreadPoolExecutor(_CONNECTIONS if servers.is_server(made) else 1) as pool:
        for number, result in enumerate(pool.map(work, items), 1):
            done.append(result)
            tell(f"{what}: table {number} of {len(items)}")
    return done


def _described(made: sa.Engine, item: Found, other: Found | None = None) -> Found:
    like = reading.OtherSide({column.name: column.type for column in other.shape.columns}) if other else None
    shape = reading.describe(made, Relation(made.dialect.name, item.written), like=like)
    leading = {index[0] for index in shape.indexes} if table_survey.needs_index(made) else shape.by_name
    return replace(item, shape=shape, indexed=frozenset(leading), dialect=made.dialect.name)


def _as_data_has_it(
    engines: Mapping[Role, sa.Engine], items: Sequence[Suggestion], tell: Callable[[str], None]
) -> list[Suggestion]:
    """The tables with what only their rows tell: keys of those without, and casts to the days that the target keeps."""
    unsure = [item for item in items if not item.key or days_of_moments(item)]
    seen = _each(engines["source"], lambda item: _seen(engines, item), unsure, "data", tell)
    found = {item.name: now for item, now in zip(unsure, seen, strict=True)}
    return [found.get(item.name, item) for item in items]


def _seen(engines: Mapping[Role, sa.Engine], item: Suggestion) -> Suggestion:
    if not item.key:
        reason = "of the data: no row is without it, no two share it; nothing keeps it so"
        key = _key_of_data(engines, item)
        item = replace(item, key=key, key_reason=reason if key else "")
    columns = days_of_moments(item)
    if not columns:
        return item
    try:
        with driver_errors(item.name), engines["source"].connect() as connection:
            times = table_survey.has_times(connection, reading.as_table(item.source.written, columns))
    except UnavailableError:
        return item
    days = {name: "date" for name, timed in zip(columns, times, strict=True) if timed}
    return replace(item, cast={**item.cast, **days})


def _key_of_data(engines: Mapping[Role, sa.Engine], item: Suggestion) -> tuple[str, ...]:
    """The first candidate that identifies the rows of both sides; none where there are too few rows, or too many."""
    try:
        with driver_errors(item.name), engines["source"].connect() as source, engines["target"].connect() as target:
            if not table_survey.has_rows(source, reading.as_table(item.source.written), 2):
                return ()
            for key in key_candidates(item):
                here = reading.as_table(item.source.written, key)
                there = reading.as_table(item.target.written, [item.rename.get(name, name) for name in key])
                if table_survey.identifies(source, here) and table_survey.identifies(target, there):
                    return key
    except UnavailableError:
        return ()
    return ()


def _may_be_one(pair: TablePair) -> bool:
    """Two tables whose names alone are alike share a column, too."""
    columns = reading.match_names(pair.source.shape.by_name, pair.target.shape.by_name).pairs
    return bool(columns) or pair.rule is reading.NameRule.EQUAL


def _notes(
    sides: Sides, pairs: Sequence[TablePair], unread: Sequence[tuple[TablePair, str]], *, of_all: bool
) -> Iterator[str]:
    """What is not declared, and why."""
    yield from (f"Not declared, for it cannot be read: {why}" for _, why in unread)
    matched = {
        (item.schema, item.name)
        for pair in (*pairs, *(pair for pair, _ in unread))
        for item in (pair.source, pair.target)
    }
    rest: dict[Role, list[Found]] = {
        role: [item for item in side if (item.schema, item.name) not in matched] for role, side in sides.items()
    }
    open_ = {role: [item for item in side if not item.is_view] for role, side in rest.items()}
    yield from (f"Which are one? {choice}: declare them by hand." for choice in choices(*open_.values()))
    for role, side in open_.items() if of_all else ():
        if side:
            yield f"Only in the {role}: {', '.join(item.written for item in side)}"
    views = [item.written for item in rest["source"] if item.is_view]
    if views:
        yield f"Views of the source: {', '.join(views)}. `recon diff` compares them; a view may be a source."


def _span(made: sa.Engine, item: Suggestion, today: date, timezone: str = "UTC") -> Span:
    column = item.window.name if item.window else ""
    try:
        with driver_errors(item.source.written), made.connect() as connection:
            table = reading.as_table(item.source.written, [column])
            first, last = table_survey.extremes(connection, table, column)
            nullable = item.window is not None and item.window.nullable
            undated = table_survey.count_without(connection, table, column) if nullable else 0
    except UnavailableError:
        return Span(today, remark="the source did not tell its first day in 30 s: write it here")
    if first is None or last is None:
        return Span(today, remark="the source has no rows yet", undated=undated)
    start, end = (_day(moment, ZoneInfo(timezone)) for moment in (first, last))
    if not start:
        return Span(today, remark="the first day of the source is none that Python knows: write it here")
    return Span(start, *_end(start, end or today, today), undated=undated)


def _end(start: date, newest: date, today: date) -> tuple[date | None, str]:
    """The day after the last where no rows come any more, and what is odd about the days."""
    ceased = newest < today - _CEASED
    days = (min(newest, today) - start).days + 1
    if days > _MANY_DAYS:
        return None, f"{days:,} days: write a later start; rows before it are counted, and neither loaded nor compared"
    if newest > today:
        return None, f"the newest row is of {newest}, which is compared when that day has come"
    return (newest + timedelta(days=1), "no newer rows: remove the end if some will come") if ceased else (None, "")


def _day(text: str, zone: ZoneInfo) -> date | None:
    """The day of a moment, in the zone if the moment names one of its own."""
    match = _DAY.match(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    try:
        if moment and moment.tzinfo:
            return moment.astimezone(zone).date()
        return date.fromisoformat(match[0]) if match else None
    except (ValueError, OverflowError):
        return None
