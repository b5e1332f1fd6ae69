"""Reads two databases that nobody has declared yet, and writes their first declaration."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from recon_assets import reading
from recon_assets.declare.draft import Found, Start, Suggestion, matches, suggest, written
from recon_assets.dialect import engine, table_survey
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.engines import Role
from recon_assets.errors import DeclarationError, UnavailableError
from recon_assets.model import Database, Relation

_PATIENCE = timedelta(seconds=30)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?!.*BC)")


@dataclass(frozen=True)
class Place:
    """One side to read: where it is, by which environment variable it will be named, and one schema or all."""

    role: Role
    url: str
    env: str
    schema: str | None = None


def first_declaration(source: Place, target: Place, today: date) -> str:
    """YAML that declares the tables that both databases have.

    Raises:
        DeclarationError: When they have none in common.
        UnavailableError: When a database does not answer.
    """
    engines = {
        place.role: engine(Database(place.role, place.url, _PATIENCE), role=place.role) for place in (source, target)
    }
    try:
        sides = {place.role: _tables(engines[place.role], place) for place in (source, target)}
        pairs = matches(sides["source"], sides["target"])
        if not pairs:
            raise DeclarationError(_nothing_in_common(sides))
        suggestions = suggest(pairs)
        starts = {item.name: _start(engines["source"], item, today) for item in suggestions if item.window}
    finally:
        for made in engines.values():
            made.dispose()
    matched = {id(found) for pair in pairs for found in pair}
    rest = {role: [item.written for item in found if id(item) not in matched] for role, found in sides.items()}
    return written(suggestions, starts, {"source": source.env, "target": target.env}, rest)


def _nothing_in_common(sides: Mapping[Role, Sequence[Found]]) -> str:
    found = "; ".join(
        f"{role} has {', '.join(item.written for item in side) or 'none'}" for role, side in sides.items()
    )
    return f"No table has the same name on both sides: {found}. Name the right databases, or write the file by hand."


def _tables(made: sa.Engine, place: Place) -> list[Found]:
    with driver_errors(place.role), made.connect() as connection:
        default = table_survey.default_schema(connection)
        listed = table_survey.tables(connection, place.schema)
        named = [(item.schema, item.name) for item in listed if not item.is_view]
        indexed = {item: table_survey.leading_columns(connection, _clause(item)) for item in named}
    return [_found(made, place, item, default, indexed[item]) for item in named]


def _found(
    made: sa.Engine, place: Place, item: tuple[str | None, str], default: str | None, indexed: frozenset[str] | None
) -> Found:
    schema, name = item
    relation = Relation(place.role, table_survey.written_name(schema, name))
    shape = reading.describe(made, relation)
    every = frozenset(column.name for column in shape.columns)
    return Found(schema or default, name, relation.table or name, shape, every if indexed is None else indexed)


def _clause(item: tuple[str | None, str], *columns: str) -> sa.TableClause:
    return sa.table(item[1], *map(sa.column, columns), schema=item[0])


def _start(made: sa.Engine, item: Suggestion, today: date) -> Start:
    column = item.window.name if item.window else ""
    try:
        with driver_errors(item.source.written), made.connect() as connection:
            found = table_survey.earliest(connection, reading.as_table(item.source.written, [column]), column)
    except UnavailableError:
        return Start(today, "the source did not tell its first day in 30 s: write it here")
    if found is None:
        return Start(today, "the source has no rows yet")
    return _first_day(found) or Start(today, "the first day of the source is none that Python knows: write it here")


def _first_day(text: str) -> Start | None:
    match = _DAY.match(text)
    try:
        return Start(date.fromisoformat(match[0])) if match else None
    except ValueError:
        return None
