"""Whether the values that a source holds fit into the target, where the types of its columns do not promise it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from recon_assets import reading
from recon_assets.declare.fit import misfit
from recon_assets.declare.problems import Problem, Severity
from recon_assets.declare.table import Table
from recon_assets.dialect import servers
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.table_survey import character_count
from recon_assets.errors import UnavailableError
from recon_assets.model import Column, Kind, plural
from recon_assets.reading.names import cast_to, relation_of

_CAST = "Cast it under `columns.cast`, ignore it, or change the target's type."
_LOOKED_AT = 1_000_000
"""So many rows are looked at: a load refuses what does not fit anyway, so that a look need not prove anything."""
_NAMED = 5
_DIGITS_OF_BIGINT = 19
_UUID = "-".join("_" * length for length in (8, 4, 4, 4, 12))


def types(table: Table) -> Iterator[Problem]:
    """Values that the target cannot hold: one problem a cause, and none where the rows that are there all fit."""
    there = table.right.by_name
    pairs = [
        (column, there[table.spec.target_name(column.name)])
        for column in table.left.columns
        if column.name not in table.spec.ignore and table.spec.target_name(column.name) in there
    ]
    feared = {
        column.name: (column, other, found)
        for column, other in pairs
        if (found := misfit(column.type, other.type)) is not None
    }
    wrong = _wrong_rows(table, [(column, other) for column, other, found in feared.values() if found[0] == "warning"])
    causes: dict[tuple[Severity, str], list[str]] = {}
    for name, (_, _, found) in feared.items():
        if wrong.get(name) != 0:
            rows = f" ({plural(wrong[name], 'row')})" if wrong.get(name) else ""
            causes.setdefault(found, []).append(f"`{name}`{rows}")
    for (severity, said), names in causes.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        hint = _CAST if severity == "error" else ""
        yield Problem((*table.at, "columns"), f"{', '.join(names[:_NAMED])}{more}: {said}", hint, severity)


def _wrong_rows(table: Table, pairs: Sequence[tuple[Column, Column]]) -> Mapping[str, int]:
    """How many rows of the source hold what does not fit, by column; none of a column of which that is not known."""
    rows = relation_of(table.spec.source, [column.name for column in table.left.columns])
    tests: dict[str, sa.ColumnElement[bool]] = {}
    for column, other in pairs:
        value = cast_to(rows.c[column.name], table.spec.cast.get(column.name))
        fits = _fits(value, column, other, table.source)
        if fits is not None:
            tests[column.name] = sa.not_(fits)
    if not tests:
        return {}
    flags = [sa.case((test, 1), else_=0).label(f"w{place}") for place, test in enumerate(tests.values())]
    some = sa.select(*flags).select_from(rows).where(reading.condition(table.spec.where)).limit(_LOOKED_AT).subquery()
    try:
        with driver_errors(str(table.spec.source)), table.source.connect() as connection:
            counts = connection.execute(sa.select(sa.func.count(), *(sa.func.sum(flag) for flag in some.c))).one()
    except UnavailableError:
        return {}
    return dict(zip(tests, map(int, counts[1:]), strict=True)) if counts[0] else {}


def _fits(
    value: sa.ColumnElement[Any], column: Column, other: Column, source: sa.Engine
) -> sa.ColumnElement[bool] | None:
    """Whether a value fits, as SQL; None where SQL of all databases cannot tell."""
    of, to = column.type, other.type
    if of.kind in {Kind.TEXT, Kind.CHAR}:
        return _text_fits(value, other, source)
    if of.kind not in {Kind.INTEGER, Kind.DECIMAL}:
        return None
    if to.kind is Kind.BOOLEAN:
        return value.in_([0, 1])
    if to.kind is Kind.INTEGER and to.low is not None and to.high is not None:
        return sa.and_(value.between(to.low, to.high), value == sa.func.round(value, 0))
    if to.kind is Kind.DECIMAL and to.precision and to.precision - (to.scale or 0) < _DIGITS_OF_BIGINT:
        limit, scale = 10 ** (to.precision - (to.scale or 0)), to.scale or 0
        return sa.and_(value > -limit, value < limit, value == sa.func.round(value, scale))
    return None


def _text_fits(value: sa.ColumnElement[Any], other: Column, source: sa.Engine) -> sa.ColumnElement[bool] | None:
    to = other.type
    if to.kind in {Kind.TEXT, Kind.CHAR} and to.length is not None:
        return character_count(value) <= to.length
    if to.kind is Kind.ENUM:
        return value.in_(to.labels)
    if to.kind is Kind.UUID:
        return value.like(_UUID)
    if to.kind is Kind.JSON and servers.is_mysql(source):
        return sa.func.json_valid(value) == 1
    return None
