"""Whether the values that a source holds fit into the target, where the types of its columns do not promise it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recon_assets import reading
from recon_assets.declare.fit import SURE_DIGITS, misfit
from recon_assets.declare.problems import KeyPath, Problem, Severity
from recon_assets.declare.table import Table
from recon_assets.dialect import servers
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.table_survey import character_count, is_midnight, microseconds
from recon_assets.errors import ReconError
from recon_assets.model import Column, Kind, Type, plural
from recon_assets.reading.names import cast_to, relation_of
from recon_assets.values import DATETIMES
from recon_assets.values.numbers import REAL_BITS

_CAST = "Cast it under `columns.cast`, ignore it, or change the target's type."
_SHORT_UUID = (
    "Both are compared as UUIDs; to load, read a query in which it has no hyphens, or change the target's type."
)
_OTHER_WINDOW = "Declare `window: none`, or choose another column."
_LOOKED_AT = 1_000_000
"""So many rows are looked at: a load refuses what does not fit anyway, so that a look need not prove anything."""
_NAMED = 5
_CLOCKS = frozenset({Kind.TIME, Kind.TIMESTAMP, Kind.INSTANT})
_DIGITS_OF_BIGINT = 19
_UUID = "-".join("_" * length for length in (8, 4, 4, 4, 12))


@dataclass(frozen=True)
class _Doubt:
    """What is to be feared of a column, and the SQL that is true of a value that fits; None where SQL cannot tell.

    ``only_if_found``: It is no matter of types, so that nothing is said where no row has it.
    """

    column: str
    severity: Severity
    said: str
    fits: sa.ColumnElement[bool] | None
    only_if_found: bool = False
    place: KeyPath = ("columns",)
    hint: str = _CAST


def types(table: Table) -> Iterator[Problem]:
    """Values that the target cannot hold: one problem a cause, and none where the rows that are there all fit."""
    rows = relation_of(table.spec.source, [column.name for column in table.left.columns])
    doubts = list(_doubts(table, rows))
    causes: dict[tuple[Severity, str], list[tuple[_Doubt, int | None]]] = {}
    for doubt, wrong in zip(doubts, _wrong_rows(table, rows, doubts), strict=True):
        if wrong or (wrong is None and not doubt.only_if_found):
            causes.setdefault((doubt.severity, doubt.said), []).append((doubt, wrong))
    for (severity, said), found in causes.items():
        names = [f"`{doubt.column}`" + (f" ({plural(wrong, 'row')})" if wrong else "") for doubt, wrong in found]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        known = severity == "error" or any(wrong for _, wrong in found)
        message = f"{', '.join(names[:_NAMED])}{more}: {said}"
        yield Problem((*table.at, *found[0][0].place), message, found[0][0].hint if known else "", severity)


def _doubts(table: Table, rows: sa.FromClause) -> Iterator[_Doubt]:
    there, days = table.right.by_name, table.spec.calendar
    for column in table.left.columns:
        if days and column.name == days.column and column.nullable:
            said = "NULL belongs to no day: such rows are compared, and no load brings them"
            has_day, at = rows.c[column.name].is_not(None), ("window", "column")
            yield _Doubt(column.name, "warning", said, has_day, only_if_found=True, place=at, hint=_OTHER_WINDOW)
        other = there.get(table.spec.target_name(column.name))
        if other is None or column.name in table.spec.ignore:
            continue
        value = cast_to(rows.c[column.name], table.spec.cast.get(column.name))
        found = misfit(column.type, other.type)
        if found:
            fits = _fits(value, column, other, table) if found[0] == "warning" else None
            yield _Doubt(column.name, *found, fits, hint=_SHORT_UUID if column.type.kind is Kind.UUID else _CAST)
        dated = {column.type.kind, other.type.kind} <= DATETIMES
        if dated and servers.is_mysql(table.source) and not servers.is_mysql(table.target):
            parts = (sa.func.year(value), sa.func.month(value), sa.func.dayofmonth(value))
            said = "dates with zeros, such as 0000-00-00, are no dates of the target: they are refused when loaded"
            fits, hint = sa.and_(*(part > 0 for part in parts)), _ZEROS.format(column.name)
            yield _Doubt(column.name, "warning", said, fits, only_if_found=True, hint=hint)


_ZEROS = "Mend the rows, ignore the column, or read a query in which it is nullif(`{}`, 0)."


def _wrong_rows(table: Table, rows: sa.FromClause, doubts: Sequence[_Doubt]) -> list[int | None]:
    """How many rows of the source do not fit, for each doubt; None where that is not known."""
    tests = [sa.not_(doubt.fits) for doubt in doubts if doubt.fits is not None]
    if not tests:
        return [None] * len(doubts)
    flags = [sa.case((test, 1), else_=0).label(f"w{place}") for place, test in enumerate(tests)]
    where = reading.condition(table.spec.where)
    some = sa.select(*flags).select_from(rows).where(where).limit(_LOOKED_AT).subquery()
    try:
        with driver_errors(str(table.spec.source)), table.source.connect() as connection:
            counts = connection.execute(sa.select(sa.func.count(), *(sa.func.sum(flag) for flag in some.c))).one()
    except ReconError:  # a look that fails leaves what the types say
        return [None] * len(doubts)
    counted = iter(counts[1:])
    return [int(next(counted)) if doubt.fits is not None and counts[0] else None for doubt in doubts]


def _fits(value: sa.ColumnElement[Any], column: Column, other: Column, table: Table) -> sa.ColumnElement[bool] | None:
    """Whether a value fits, as SQL; None where SQL of all databases cannot tell."""
    of, to = column.type, other.type
    if of.kind in {Kind.TEXT, Kind.CHAR}:
        return _text_fits(value, other, table.source)
    if of.kind in {Kind.INTEGER, Kind.DECIMAL}:
        return _number_fits(value, of, to)
    if of.kind is Kind.FLOAT:
        return _float_fits(value, column, to, table.source)
    if to.kind in _CLOCKS and to.precision is not None and table.source.dialect.name != "sqlite":
        return sa.func.mod(microseconds(value), 10 ** (6 - to.precision)) == 0
    if to.kind is Kind.DATE and (of.kind is Kind.TIMESTAMP or table.spec.stored_in == "UTC"):
        return is_midnight(value)
    return value.is_(None) if of.kind is Kind.UUID else None  # a text that is too short for one is so for all


def _number_fits(value: sa.ColumnElement[Any], of: Type, to: Type) -> sa.ColumnElement[bool] | None:
    if to.kind is Kind.BOOLEAN:
        return value.in_([0, 1])
    if to.kind is Kind.INTEGER and to.low is not None and to.high is not None:
        # MySQL's BIGINT UNSIGNED holds more than any integer of PostgreSQL: a bound is sent as a number of any size
        low, high = (sa.literal(bound, sa.Numeric()) for bound in (to.low, to.high))
        whole = [] if of.kind is Kind.INTEGER else [value == sa.func.round(value, 0)]
        return sa.and_(value.between(low, high), *whole)
    if to.kind is Kind.FLOAT:
        digits = SURE_DIGITS[to.precision or 53]
        return sa.or_(*(_has_digits(value, digits - scale, scale) for scale in range(digits)))
    if to.kind is Kind.DECIMAL and to.precision and to.precision - (to.scale or 0) < _DIGITS_OF_BIGINT:
        return _has_digits(value, to.precision - (to.scale or 0), to.scale or 0)
    return None


def _float_fits(
    value: sa.ColumnElement[Any], column: Column, to: Type, source: sa.Engine
) -> sa.ColumnElement[bool] | None:
    """By what a float prints as, which PostgreSQL alone tells of single ones; it rounds no floats."""
    if source.dialect.name == "postgresql":
        value = sa.cast(sa.cast(value, sa.Text), sa.Numeric)
    elif column.type.precision == REAL_BITS:
        return None
    return _number_fits(value, column.type, to) if to.kind is Kind.DECIMAL else None


def _has_digits(value: sa.ColumnElement[Any], before: int, after: int) -> sa.ColumnElement[bool]:
    """Whether a number has no more digits before the point, and after it."""
    limit = 10**before
    return sa.and_(value > -limit, value < limit, value == sa.func.round(value, after))


def _text_fits(value: sa.ColumnElement[Any], other: Column, source: sa.Engine) -> sa.ColumnElement[bool] | None:
    to = other.type
    if to.kind in {Kind.TEXT, Kind.CHAR} and to.length is not None:
        return character_count(value) <= to.length
    if to.kind is Kind.ENUM:
        return value.in_(to.labels)
    if to.kind is Kind.UUID:
        return sa.or_(value.like(_UUID), value.like("_" * 32))
    if to.kind is Kind.JSON and servers.is_mysql(source):
        return sa.func.json_valid(value) == 1
    return None
