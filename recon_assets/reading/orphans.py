"""Rows of the target that name a row of another table which is not there."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect import servers
from recon_assets.dialect.canonical import Cell, md5_text, row_text
from recon_assets.dialect.common_form import Form, common_form
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.postgresql_row_hash import hashes_alike
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Discrepancy, DiscrepancyKind, FaultyRows, Orphans, Rule, TableSpec, Window
from recon_assets.reading.faulty_rows import WINDOW, Counts, Fault, RowCheck, found, target_with
from recon_assets.reading.names import Select, as_table, nearest, relation_of
from recon_assets.reading.savepoint import savepoint
from recon_assets.reading.snapshot import Side, Snapshot
from recon_assets.reading.table_schema import TableSchema, describe

_THERE = "recon_there"
_BATCH = 5000


@dataclass(frozen=True)
class Parent:
    """The target of another declared table, in whatever database it is."""

    spec: TableSpec
    engine: sa.Engine
    schema: TableSchema

    @property
    def key(self) -> tuple[Column, ...]:
        """The columns by which it is named."""
        return tuple(self.schema.column(self.spec.target_name(name)) for name in self.spec.key)

    @property
    def table(self) -> sa.FromClause:
        """Its relation."""
        return relation_of(self.spec.target, [column.name for column in self.key])


def parent_of(spec: TableSpec, engine: sa.Engine) -> Parent:
    """Looks at the target of a table that others name.

    Raises:
        DeclarationError: When there is no such table, or it lacks a column of its key.
        UnavailableError: When the database does not answer.
    """
    schema = describe(engine, spec.target)
    known = {column.name for column in schema.columns}
    lacking = [name for name in map(spec.target_name, spec.key) if name not in known]
    if lacking:
        msg = f"{spec.name}: the target has no column {lacking[0]!r} of the key; {nearest(lacking[0], known)}"
        raise DeclarationError(msg)
    return Parent(spec, engine, schema)


def orphans(
    snapshot: Snapshot, need: Orphans, parent: Parent, windows: Sequence[Window], most: int = 1000
) -> Iterator[tuple[str, FaultyRows]]:
    """Rows of the target whose columns name no row of the parent's target; NULL in one of them names nothing.

    Names are equal as values are: by their bytes, whatever a collation says, and whatever types hold them.

    Args:
        snapshot: Of the table whose rows name others.
        need: By which columns they do.
        parent: Whose rows are named.
        windows: In order of time.
        most: Records to show of each window.

    Yields:
        The window's key and what was found there, for all windows in their order.

    Raises:
        DeclarationError: When the columns cannot name a row of the parent.
        UnavailableError: When a database does not answer.
    """
    side = target_with(snapshot, need.columns, need.where)
    if parent.engine is snapshot.pair.target:
        yield from found(snapshot, _joined(side, need, parent), windows, most)
    else:
        with savepoint(snapshot):
            apart = _apart(side, need, parent, windows, most)
        yield from found(snapshot, apart, windows, most)


def _joined(side: Side, need: Orphans, parent: Parent) -> RowCheck:
    """Both tables are in one database, which compares them by itself."""
    forms = None if _are_alike(side, need, parent) else _forms(side, need, parent)
    names = _names([(side.value(column), side.column(column)) for column in need.columns], forms)
    there = _keys(parent, forms).add_columns(sa.literal_column("1").label(_THERE)).subquery(_THERE)
    equal = sa.and_(*(there.c[_name(at)] == name for at, name in enumerate(names)))
    missing = sa.and_(*(name.is_not(None) for name in names), there.c[_THERE].is_(None))
    fault = Fault(need.columns, missing)
    return RowCheck(side, DiscrepancyKind.ORPHAN, (fault,), sa.outerjoin(side.table, there, equal))


def _are_alike(side: Side, need: Orphans, parent: Parent) -> bool:
    """Whether the database takes the same values for equal as we do, so that it may compare them as they are."""
    types = [(side.column(name).type, column.type) for name, column in zip(need.columns, parent.key, strict=False)]
    tables = [relation.table for relation in (side.relation, parent.spec.target)]
    return (
        side.dialect == "postgresql"
        and len(need.columns) == len(parent.key)
        and all(hashes_alike(own, other) for own, other in types)
        and all(table and servers.compares_bytes(side.connection, as_table(table)) for table in tables)
    )


@dataclass(frozen=True)
class _Apart:
    """Rows whose names were not found in another database."""

    side: Side
    columns: tuple[str, ...]
    name: sa.ColumnElement[Any]
    wrong: Counts
    names: Mapping[str, Sequence[str]]

    def counts(self, _: Sequence[Window]) -> Counts:
        """As they were counted."""
        return self.wrong

    def records(self, windows: Sequence[Window], most: int) -> Mapping[str, Sequence[Discrepancy]]:
        """Rows that have one of these names: the first by key of as many names as are to be shown."""
        names = {name for window in windows for name in self.names.get(window.key, ())}
        fault = Fault(self.columns, self.name.in_(sorted(names)))
        return RowCheck(self.side, DiscrepancyKind.ORPHAN, (fault,), self.side.table).records(windows, most)


def _apart(side: Side, need: Orphans, parent: Parent, windows: Sequence[Window], most: int) -> _Apart:
    """Both databases list their names in one order, so that none is held longer than it takes to compare it."""
    forms = _forms(side, need, parent)
    (name,) = _names([(side.value(column), side.column(column)) for column in need.columns], forms)
    of: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    names: dict[str, list[str]] = {}
    with closing(_listed(parent, forms)) as there, closing(_named(side, name, windows)) as named:
        for window, found, rows, is_there in _merged(named, there):
            of[window] += rows
            if not is_there:
                wrong[window] += rows
                names.setdefault(window, []).extend([found][: most - len(names.get(window, ()))])
    return _Apart(side, need.columns, name, {window: (wrong[window], of[window]) for window in of}, names)


def _merged(named: Iterable[tuple[str, str | None, int]], there: Iterator[str]) -> Iterator[tuple[str, str, int, bool]]:
    """Each name with whether it is among those that are there; both come in order, and NULL names nothing."""
    next_one = next(there, None)
    for window, name, rows in named:
        while name is not None and next_one is not None and next_one < name:
            next_one = next(there, None)
        yield window, name or "", rows, name is None or name == next_one


def _named(
    side: Side, name: sa.ColumnElement[Any], windows: Sequence[Window]
) -> Generator[tuple[str, str | None, int], None, None]:
    """Which names the rows have, by window and in the order of names."""
    rows = (
        side.select(side.window_key(windows).label(WINDOW), name.label(_name()))
        .where(side.inside(windows))
        .subquery("rows")
    )
    found = sa.select(rows.c[WINDOW], rows.c[_name()], sa.func.count()).group_by(rows.c[WINDOW], rows.c[_name()])
    for batch in side.stream(found.order_by(rows.c[_name()])):
        yield from ((str(window), name, rows) for window, name, rows in map(tuple, batch))


def _listed(parent: Parent, forms: Sequence[Form]) -> Generator[str, None, None]:
    """The parent's names in order."""
    keys = _keys(parent, forms).order_by(sa.literal_column("1"))
    with (
        driver_errors(f"{parent.spec.name}: target"),
        parent.engine.connect() as connection,
        connection.execute(keys, execution_options={"stream_results": True, "max_row_buffer": _BATCH}) as result,
    ):
        for batch in result.partitions(_BATCH):
            yield from (name for (name,) in batch)


def _keys(parent: Parent, forms: Sequence[Form] | None) -> Select:
    table = parent.table
    names = _names([(table.c[column.name], column) for column in parent.key], forms)
    labels = [name.label(_name(at)) for at, name in enumerate(names)]
    return sa.select(*labels).select_from(table).where(*(name.is_not(None) for name in names)).distinct()


def _names(
    columns: Sequence[tuple[sa.ColumnElement[Any], Column]], forms: Sequence[Form] | None
) -> list[sa.ColumnElement[Any]]:
    """What rows are named by: the same for equal values of whatever types, NULL where one of them is NULL.

    Without ``forms``, the values themselves.
    """
    if forms is None:
        return [value for value, _ in columns]
    cells = [Cell(value, column.type, form) for (value, column), form in zip(columns, forms, strict=True)]
    whole = sa.and_(*(value.is_not(None) for value, _ in columns))
    return [sa.case((whole, md5_text(row_text(cells))))]


def _name(at: int = 0) -> str:
    return f"recon_name_{at}"


def _forms(side: Side, need: Orphans, parent: Parent) -> list[Form]:
    """The common form of each column and the parent's column that it names."""
    place = f"{side.place}: {', '.join(need.columns)} cannot name a row of {parent.spec.name}"
    if len(need.columns) != len(parent.key):
        msg = f"{place}, whose key is ({', '.join(parent.spec.key)}); name one column for each of those"
        raise DeclarationError(msg)
    zone = side.pair.spec.stored_in
    alike = side.dialect == parent.engine.dialect.name
    found = []
    for name, column in zip(need.columns, parent.key, strict=True):
        try:
            found.append(common_form(side.column(name).type, column.type, Rule(), same_dialect=alike, zone=zone))
        except DeclarationError as error:
            msg = f"{place}: {name}: {error}"
            raise DeclarationError(msg) from error
        if not found[-1].equal_text_proves_equal:
            types = f"{side.column(name).type.name} and {column.type.name}"
            msg = f"{place}: {name}: databases cannot tell whether values of {types} are equal; give both one type"
            raise DeclarationError(msg)
    return found
