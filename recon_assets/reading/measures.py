"""All figures of all windows in one grouped scan of each side."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, getcontext, localcontext
from enum import StrEnum
from typing import Any, NoReturn

import sqlalchemy as sa

from recon_assets.dialect import exact_sum, servers
from recon_assets.dialect.canonical import optimization_fence, row_text, total, value_text
from recon_assets.dialect.common_form import Form
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.postgresql_row_hash import chained_hash, equal_values, hashes_alike
from recon_assets.dialect.sql import cast_as, readable
from recon_assets.dialect.text_hash import text_hash
from recon_assets.errors import DoesNotFitError
from recon_assets.model import Groups, Kind, Measure, SidePair, Window
from recon_assets.reading.column_matching import forms
from recon_assets.reading.names import Select, condition
from recon_assets.reading.snapshot import UNDATED, Side, Snapshot
from recon_assets.values.kind import received

COUNT = Measure("count")
DIGEST = Measure("digest")
_ROW = "recon_row"
_WINDOW = "recon_window"
Figures = dict[str, dict[Measure, Any]]


@dataclass(frozen=True)
class Digest:
    """The sum of the hashes of rows, and how many rows they are of.

    A sum, since an exclusive or would cancel rows that stand twice; exact, so that no digit of it is lost.
    """

    rows: int
    sum: int | None


def measured(
    snapshot: Snapshot, measures: Sequence[Measure], windows: Sequence[Window]
) -> dict[str, dict[Measure, SidePair]]:
    """The figures of each window on both sides; those of rows without a time under `UNDATED`.

    A window without rows has counts of 0 and figures of None.

    Args:
        snapshot: Both sides.
        measures: What to measure.
        windows: In order of time.

    Raises:
        UnavailableError: When a database does not answer.
        DoesNotFitError: When a row is too long for its database to hash.
    """
    how = hashing(snapshot)
    source, target = snapshot.both(lambda side: _figures(side, measures, windows, how))
    keys = [window.key for window in windows] + [UNDATED]
    return {
        key: {measure: SidePair(_figure(source, key, measure), _figure(target, key, measure)) for measure in measures}
        for key in keys
    }


class Hashing(StrEnum):
    """By what rows are hashed: their canonical text, or the bytes of their typed values in PostgreSQL."""

    CANONICAL = "canonical"
    TYPED = "typed"


def hashing(snapshot: Snapshot) -> Hashing:
    """Typed between PostgreSQL servers of one version and encoding, where all columns' bytes tell values apart."""
    sides = (snapshot.source, snapshot.target)
    by_value = snapshot.source.compare_by_value or not all(
        form.equal_text_proves_equal for form in forms(snapshot.pair).values()
    )
    if any(side.dialect != "postgresql" for side in sides) or by_value or snapshot.pair.spec.cast:
        return Hashing.CANONICAL
    if not all(hashes_alike(column.source.type, column.target.type) for column in snapshot.pair.columns):
        return Hashing.CANONICAL
    source, target = ((servers.major_version(side.connection), servers.encoding(side.connection)) for side in sides)
    return Hashing.TYPED if source == target else Hashing.CANONICAL


def _typed_hash(side: Side, names: Sequence[str]) -> sa.ColumnElement[int]:
    """The hash of some columns, by the source's names, where `hashing` is typed."""
    pairs = {column.source.name: column for column in side.pair.columns}
    return chained_hash(
        [equal_values(side.value(name), pairs[name].source.type, pairs[name].target.type) for name in names]
    )


def _figure(figures: Figures, key: str, measure: Measure) -> Any:
    found = figures.get(key, {}).get(measure)
    if found is not None or measure.function not in {"count", "digest", "distinct", "nulls"}:
        return found
    return Digest(0, None) if measure.function == "digest" else 0


def _figures(side: Side, measures: Sequence[Measure], windows: Sequence[Window], how: Hashing) -> Figures:
    with driver_errors(side.place):
        rows = [list(row) for row in side.connection.execute(scan(side, measures, windows, how=how))]
    return {str(key or UNDATED): {measure: _taken(measure, values) for measure in measures} for key, *values in rows}


def group_counts(
    side: Side, need: Groups, windows: Sequence[Window]
) -> Iterator[tuple[str, tuple[str | None, ...], int]]:
    """The groups of each window by the values of some columns, and how many rows each has, in any order."""
    for batch in side.stream(scan(side, [Measure("count", where=need.where)], windows, by=need.by)):
        for window, *group, rows in map(tuple, batch):
            if window is not None:
                yield str(window), tuple(map(received, group)), rows


def _taken(measure: Measure, values: list[Any]) -> Any:
    """The value of a measure, taken from the front of what is left of a row."""
    if measure.function == "avg":
        total_, count = exact_sum.read(received(values.pop(0))), values.pop(0)
        return quotient(Decimal(str(total_)), count) if count else None
    if measure.function == "sum":
        return exact_sum.read(received(values.pop(0)))
    if measure.function != "digest":
        return received(values.pop(0))
    return digest_of([values.pop(0) for _ in range(3)])


def quotient(total_: Decimal, count: int) -> Decimal:
    """With 28 digits besides those before the point, so that large averages that differ are not rounded together."""
    whole = max(0, (total_ / count).adjusted())
    with localcontext(prec=getcontext().prec + whole):
        return total_ / count


def digest_of(values: Sequence[Any]) -> Digest:
    """The digest from its figures: rows, rows hashed, and the sum."""
    rows, hashed, added = values
    if rows != hashed:
        too_long("a digest", rows - hashed)
    return Digest(rows, None if added is None else int(added))


def too_long(place: str, rows: int) -> NoReturn:
    """Raises: MySQL makes NULL of what is longer than it sends, which must not look like a value."""
    msg = f"{place}: {rows} rows are too long for their database to write down; raise its max_allowed_packet"
    raise DoesNotFitError(msg)


def scan(
    side: Side,
    measures: Sequence[Measure],
    windows: Sequence[Window],
    *,
    by: tuple[str, ...] = (),
    how: Hashing = Hashing.CANONICAL,
) -> Select:
    """The statement that measures one side: its window, the values of ``by``, and then the figures."""
    inner = side.select(side.window_key_if_inside(windows).label(_WINDOW), *_inputs(side, measures, by, how)).where(
        sa.or_(side.inside(windows), side.undated())
    )
    rows = optimization_fence(inner, side.dialect).subquery("recon_rows")
    groups = [rows.c[_WINDOW], *(rows.c[_input(name, "by")] for name in by)]
    figures = [figure for measure in measures for figure in _figured(side, rows, measure)]
    return sa.select(*groups, *figures).group_by(*groups)


def _figured(side: Side, rows: sa.Subquery, measure: Measure) -> list[sa.ColumnElement[Any]]:
    found = list(_FIGURES[measure.function](rows, measure))
    if measure.function in _ADDING and _is_added_as_float(side, measure.column or ""):
        return [exact_sum.exact_sum(_of(rows, measure)), *found[1:]]
    if measure.function not in _EXTREMES or not _is_moment(side, measure.column or ""):
        return found
    (cell,) = side.cells([measure.column or ""])
    return [value_text(replace(cell, column=found[0]))]


def _is_added_as_float(side: Side, name: str) -> bool:
    """Of SQLite's numbers all that are no integers, whatever the column says, and integers that grow too large."""
    return side.dialect == "sqlite" or side.column(name).type.kind is Kind.FLOAT


def _inputs(side: Side, measures: Sequence[Measure], by: tuple[str, ...], how: Hashing) -> list[sa.ColumnElement[Any]]:
    """What the figures are made of: columns, conditions, and the hash of the row."""
    found: list[sa.ColumnElement[Any]] = [_text_of(side, name).label(_input(name, "by")) for name in by]
    columns = dict.fromkeys((measure.column, measure.function) for measure in measures if measure.column)
    found += [_value(side, name, function).label(_input(name, function)) for name, function in columns]
    wheres = dict.fromkeys(measure.where for measure in measures if measure.where)
    found += [sa.case((condition(where), 1)).label(_input(where)) for where in wheres]
    if any(measure.function == "digest" for measure in measures):
        found.append(row_hash(side, how).label(_ROW))
    return found


def row_hash(side: Side, how: Hashing) -> sa.ColumnElement[Any]:
    """The hash of a row's compared columns, a number: identical rows have the same one on both sides."""
    names = [each.source.name for each in side.pair.columns if each.source.name not in side.pair.read_along]
    if how is Hashing.CANONICAL:
        return text_hash(row_text(side.cells(names)))
    return _typed_hash(side, names)


def _value(side: Side, name: str, function: str) -> sa.ColumnElement[Any]:
    """A column in the form in which SQL can measure it."""
    of, value = side.column(name).type, side.value(name)
    if of.kind is Kind.BOOLEAN and function in _ADDING | _EXTREMES:  # 0 and 1, as databases without booleans have it
        return sa.cast(_text_of(side, name) if side.dialect == "sqlite" else value, sa.Integer())
    if function in _ADDING and of.name == "UHUGEINT":
        return cast_as(value, "HUGEINT")  # or DuckDB would add them as doubles
    if function in _ADDING or (function in _EXTREMES and of.kind is Kind.FLOAT):  # MySQL writes six digits of a float
        return readable(value, of, side.dialect)
    if function == "nulls" or of.kind in _ORDERED or (function in _EXTREMES and _is_moment(side, name)):
        return value
    return _text_of(side, name)


def _text_of(side: Side, name: str) -> sa.ColumnElement[str]:
    """A column as canonical text; SQLite's columns of no type as people read them."""
    (cell,) = side.cells([name])
    return value_text(replace(cell, form=_READABLE) if cell.form.kind is Kind.ANY else cell)


_READABLE = Form(Kind.TEXT, length_prefixed=True)


_ADDING = {"sum", "avg"}
_ORDERED = {Kind.INTEGER, Kind.DECIMAL, Kind.FLOAT}
_EXTREMES = {"min", "max"}


def _is_moment(side: Side, name: str) -> bool:
    """Whether values sort as they are, and are written down when the first or last is found: SQLite's are texts."""
    return side.dialect != "sqlite" and side.column(name).type.kind in {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}


def _input(name: str, role: str = "where") -> str:
    return f"recon_{role}_{name}"


def _of(rows: sa.Subquery, measure: Measure) -> sa.ColumnElement[Any]:
    """The measured column in the rows that the measure is of."""
    return _where(rows, measure, rows.c[_input(measure.column or "", measure.function)])


def _where(rows: sa.Subquery, measure: Measure, value: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """The value in the rows that the measure is of, NULL in the others."""
    return value if measure.where is None else sa.case((rows.c[_input(measure.where)] == 1, value))


def _count(rows: sa.Subquery, measure: Measure) -> list[sa.ColumnElement[Any]]:
    return [sa.func.count() if measure.where is None else sa.func.count(rows.c[_input(measure.where)])]


def _nulls(rows: sa.Subquery, measure: Measure) -> list[sa.ColumnElement[Any]]:
    return [_count(rows, measure)[0] - sa.func.count(_of(rows, measure))]


def _distinct(rows: sa.Subquery, measure: Measure) -> list[sa.ColumnElement[Any]]:
    return [sa.func.count(sa.distinct(_of(rows, measure)))]


def digest_figures(row: sa.ColumnElement[Any]) -> list[sa.ColumnElement[Any]]:
    """What `digest_of` reads, of rows whose hashes are ``row``."""
    return [sa.func.count(), sa.func.count(row), total(row)]


def _digest(rows: sa.Subquery, measure: Measure) -> list[sa.ColumnElement[Any]]:
    row = _where(rows, measure, rows.c[_ROW])
    return [*_count(rows, measure), sa.func.count(row), total(row)]


def _mean(rows: sa.Subquery, measure: Measure) -> list[sa.ColumnElement[Any]]:
    """Databases round quotients differently, so that Python divides."""
    return [sa.func.sum(_of(rows, measure)), sa.func.count(_of(rows, measure))]


def _plain(function: Callable[..., Any]) -> Callable[[sa.Subquery, Measure], list[sa.ColumnElement[Any]]]:
    return lambda rows, measure: [function(_of(rows, measure))]


_FIGURES: Mapping[str, Callable[[sa.Subquery, Measure], Iterable[sa.ColumnElement[Any]]]] = {
    "count": _count,
    "sum": _plain(sa.func.sum),
    "avg": _mean,
    "min": _plain(sa.func.min),
    "max": _plain(sa.func.max),
    "nulls": _nulls,
    "distinct": _distinct,
    "digest": _digest,
}
