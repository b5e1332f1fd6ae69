"""The only reader of the two sides: what a relation looks like, and its rows of a window."""

import difflib
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets.dialect import catalog
from recon_assets.dialect.failures import explained
from recon_assets.dialect.sql import cast_as, comparable, local_day, readable, within
from recon_assets.errors import DeclarationError
from recon_assets.model import ALL, Column, Kind, Relation, TableSpec, Window

Select = sa.Select[*tuple[Any, ...]]
_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".\s]+))\s*(?:\.|$)')
_COLON = re.compile(r"(?<!:):(?=\w)")


@dataclass(frozen=True)
class ForeignKey:
    """``columns`` of a table name ``parent_columns`` of ``parent_table`` (``schema.name``)."""

    columns: tuple[str, ...]
    parent_table: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class Shape:
    """What a database says of one relation.

    ``unique`` holds every set of columns that no two rows share, the primary key first.
    ``cascading`` names the tables that lose or change rows when rows of this one are deleted.
    """

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    triggers: tuple[str, ...] = ()
    cascading: tuple[str, ...] = ()
    transactional: bool = True

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: When there is none.
        """
        return {column.name: column for column in self.columns}[name]


def split_name(table: str) -> tuple[str | None, str]:
    """``schema.name`` in its parts, which may be quoted; the names are as the catalogue has them.

    Raises:
        DeclarationError: When it has more than two parts or none.
    """
    parts = [(quoted or "").replace('""', '"') or plain for quoted, plain in _PART.findall(table)]
    if "".join(_PART.split(table)[::3]).strip() or len(parts) not in {1, 2}:
        msg = f'{table!r} is no table name; expected name or schema.name, with "quotes" around a name that has a dot'
        raise DeclarationError(msg)
    return (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def as_table(name: str, columns: Iterable[str] = ()) -> sa.TableClause:
    """A table to build statements on."""
    schema, plain = split_name(name)
    return sa.table(_quoted(plain), *_columns(columns), schema=_quoted(schema) if schema else None)


def _columns(names: Iterable[str]) -> tuple[sa.ColumnClause[Any], ...]:
    return tuple(sa.column(_quoted(name)) for name in names)


def _quoted(name: str) -> sa.sql.quoted_name:
    """Always, for nobody knows all words that some database reserves (DuckDB has ``at``)."""
    return sa.sql.quoted_name(name, quote=True)


def written(sql: str) -> sa.TextClause:
    """SQL that a person wrote: the one place where text becomes SQL. It takes no parameters, so a colon is a colon."""
    return sa.text(_COLON.sub(r"\:", sql))  # noqa: TID251 - this is the door


def condition(sql: str | None) -> sa.ColumnElement[bool]:
    """A declared ``where``; it may end in a comment."""
    return sa.and_(sa.true(), written(f"({sql}\n)")) if sql else sa.true()


def describe(engine: sa.Engine, relation: Relation, cast: Mapping[str, str] | None = None) -> Shape:
    """The columns, keys and triggers of a relation; ``cast`` gives columns another SQL type before they are looked at.

    Raises:
        DeclarationError: When there is no such relation, or the query is not valid.
        UnavailableError: When the database does not answer.
    """
    with explained(str(relation)), engine.connect() as connection:
        table = as_table(relation.table) if relation.table else None
        inspector = catalog.inspect(connection)
        facts = _facts(inspector, table, relation)
        select = _everything(connection, relation, cast or {}, facts)
        types = catalog.column_types(connection, table, select, cast or ())
        columns = tuple(Column(name, of, **facts.get(name, {})) for name, of in types.items())
        return Shape(columns) if table is None else _keys(connection, inspector, table, columns)


def _facts(inspector: Any, table: sa.TableClause | None, relation: Relation) -> dict[str, dict[str, bool]]:
    if table is None:
        return {}
    try:
        found = inspector.get_columns(table.name, schema=table.schema)
    except sa.exc.NoSuchTableError:
        found = []
    if not found:
        names = [*inspector.get_table_names(table.schema), *inspector.get_view_names(table.schema)]
        msg = f"{relation}: there is no such table; {nearest(table.name, names)}"
        raise DeclarationError(msg)
    return {
        column["name"]: {
            "nullable": bool(column.get("nullable", True)),
            "default": column.get("default") is not None or column.get("autoincrement") is True,
            "generated": bool(column.get("computed")),
            "identity": bool(column.get("identity")) or column.get("autoincrement") is True,
            "fixed": bool((column.get("identity") or {}).get("always")),
        }
        for column in found
    }


def _everything(
    connection: sa.Connection, relation: Relation, cast: Mapping[str, str], facts: Mapping[str, Any]
) -> Select:
    everything: Select = sa.select(sa.literal_column("*")).select_from(_relation(relation, ()))
    if not cast:
        return everything
    names = tuple(facts or connection.execute(everything.limit(0)).keys())
    plain = _relation(relation, names)
    return sa.select(*(_cast(plain.c[name], cast.get(name)).label(name) for name in names)).select_from(plain)


def _keys(connection: sa.Connection, inspector: Any, table: sa.TableClause, columns: tuple[Column, ...]) -> Shape:
    name, schema = table.name, table.schema
    primary = tuple(inspector.get_pk_constraint(name, schema=schema).get("constrained_columns") or ())
    indexes = inspector.get_indexes(name, schema=schema)
    unique = [
        primary,
        *(tuple(found["column_names"]) for found in inspector.get_unique_constraints(name, schema=schema)),
        *(tuple(found["column_names"]) for found in indexes if _is_plainly_unique(found)),
    ]
    server = catalog.is_server(connection)
    return Shape(
        columns,
        primary,
        tuple(dict.fromkeys(filter(None, unique))),
        tuple(_foreign_key(found) for found in inspector.get_foreign_keys(name, schema=schema)),
        catalog.triggers(connection, table) if server else (),
        catalog.cascades(connection, table) if server else (),
        catalog.transactional(connection, table) if server else True,
    )


def _is_plainly_unique(index: Any) -> bool:
    """Not of expressions, and not of some of the rows only."""
    partial = index.get("dialect_options", {}).get("postgresql_where")
    return bool(index["unique"] and None not in index["column_names"] and not partial)


def _foreign_key(found: Any) -> ForeignKey:
    parent = ".".join(filter(None, (found["referred_schema"], found["referred_table"])))
    return ForeignKey(tuple(found["constrained_columns"]), parent, tuple(found["referred_columns"]))


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint: the name that was probably meant, or those there are."""
    known = sorted(names)
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are {', '.join(known[:20])}{', ..' if len(known) > 20 else ''}" if known else "there are none"


@dataclass(frozen=True)
class Mapped:
    """A column of the source and the one of the target that it fills."""

    source: Column
    target: Column


@dataclass(frozen=True)
class Pair:
    """The two sides of a declared table, looked at once and used for many windows."""

    spec: TableSpec
    source: sa.Engine
    target: sa.Engine
    columns: tuple[Mapped, ...]
    target_shape: Shape

    @property
    def key(self) -> tuple[Mapped, ...]:
        """The key's columns, in the order declared."""
        by_name = {column.source.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.spec.key)

    def in_window(
        self, side: Literal["source", "target"], table: sa.FromClause, window: Window
    ) -> sa.ColumnElement[bool]:
        """Whether a row of ``table``, the relation of ``side``, belongs to the window and to the declared ``where``."""
        days, where = self.spec.days, condition(self.spec.where)
        if days is None or window.start is None:
            return sa.and_(sa.true(), where)
        mapped = next(column for column in self.columns if column.source.name == days.column)
        column = mapped.source if side == "source" else mapped.target
        dialect = (self.source if side == "source" else self.target).dialect.name
        moment = _cast(table.c[column.name], self.spec.cast.get(column.name) if side == "source" else None)
        return sa.and_(within(moment, column.type.kind, window, days, dialect), where)


def pair(spec: TableSpec, source: sa.Engine, target: sa.Engine) -> Pair:
    """Looks at both sides and matches their columns.

    Raises:
        DeclarationError: Naming everything about the columns that keeps the table from being loaded.
    """
    if not catalog.is_server(target):
        msg = f"tables.{spec.name}: {target.dialect.name} files can be sources, not targets; load into a server"
        raise DeclarationError(msg)
    left = describe(source, spec.source, spec.cast)
    right = describe(target, spec.target)
    wrong = problems(spec, left, right)
    if wrong:
        raise DeclarationError("\n".join(f"tables.{spec.name}: {problem}" for problem in wrong))
    return Pair(spec, source, target, _mapped(spec, left, right), right)


def _mapped(spec: TableSpec, source: Shape, target: Shape) -> tuple[Mapped, ...]:
    wanted = [column for column in source.columns if column.name not in spec.ignore]
    there = {column.name: column for column in target.columns}
    found = [(column, there.get(spec.target_name(column.name))) for column in wanted]
    return tuple(Mapped(column, other) for column, other in found if other and not other.generated)


def problems(spec: TableSpec, source: Shape, target: Shape) -> tuple[str, ...]:
    """Everything about the columns of both sides that keeps ``spec`` from being loaded, one sentence each."""
    return (
        *_unknown(spec, source, target),
        *_unmatched(spec, source, target),
        *_unfit(spec, source, target),
        *_undated(spec, source, target),
    )


def _unknown(spec: TableSpec, source: Shape, target: Shape) -> Iterator[str]:
    names = [column.name for column in source.columns]
    named = {
        "key": spec.key,
        "window.column": (spec.days.column,) if spec.days else (),
        "columns.rename": tuple(spec.rename),
        "columns.cast": tuple(spec.cast),
    }
    for where, columns in named.items():
        for name in columns:
            if name not in names:
                yield f"{where}: the source has no column {name!r}; {nearest(name, names)}"
    both = {*names, *(column.name for column in target.columns)}
    for name in spec.ignore:
        if name not in both:
            yield f"columns.ignore: neither side has a column {name!r}; {nearest(name, both)}"


def _unmatched(spec: TableSpec, source: Shape, target: Shape) -> Iterator[str]:
    there = {column.name: column for column in target.columns}
    wanted = {spec.target_name(column.name): column.name for column in source.columns if column.name not in spec.ignore}
    for name, original in wanted.items():
        if name not in there:
            yield f"{original}: the target has no column {name!r}; rename it, or ignore it ({nearest(name, there)})"
        elif there[name].generated and original in spec.key:
            yield f"{original}: the target computes this column of the key itself; choose another key"
    for column in target.columns:
        filled = column.name in wanted or column.default or column.generated or column.identity
        if not filled and not column.nullable:
            yield f"{column.name}: only the target has this column, is NOT NULL and has no default; give it one"


def _unfit(spec: TableSpec, source: Shape, target: Shape) -> Iterator[str]:
    for mapped in _mapped(spec, source, target):
        for side, column in (("source", mapped.source), ("target", mapped.target)):
            if column.type.kind is Kind.UNSUPPORTED:
                yield (
                    f"{column.name}: {column.type.name} of the {side} has no exact form in other databases;"
                    f" cast it under columns.cast, or ignore it"
                )
    if not target.transactional:
        yield "the target table takes no part in transactions, so a failed load could not be undone; use InnoDB"


def _undated(spec: TableSpec, source: Shape, target: Shape) -> Iterator[str]:
    days = spec.days
    window = [mapped for mapped in _mapped(spec, source, target) if days and mapped.source.name == days.column]
    kinds = {column.type.kind for mapped in window for column in (mapped.source, mapped.target)}
    for side, column in ((side, getattr(mapped, side)) for mapped in window for side in ("source", "target")):
        if column.type.kind not in _DATED[side]:
            yield (
                f"window.column: {column.name} of the {side} is {column.type.name}, which falls into no days;"
                " choose a date or timestamp, or cast it under columns.cast"
            )
    if days and Kind.DATE in kinds and len(kinds) > 1 and days.stored_in != days.timezone:
        yield (
            "window.column: a date on one side and times on the other name the same day only"
            f" when both are read in one zone; set stored_in to {days.timezone}"
        )


_MOMENTS = {Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT}
_DATED = {"source": {*_MOMENTS, Kind.ANY}, "target": _MOMENTS}


def _relation(relation: Relation, columns: Iterable[str]) -> sa.FromClause:
    if relation.table:
        return as_table(relation.table, columns)
    return written(f"{(relation.query or '').rstrip().rstrip(';')}\n").columns(*_columns(columns)).subquery("q")


def _cast(column: sa.ColumnElement[Any], to: str | None) -> sa.ColumnElement[Any]:
    return cast_as(column, to) if to else column


def selection(pair: Pair, window: Window, *, native: bool = False) -> Select:
    """The source's rows of one window, as a statement: a column for each of ``pair.columns``, in their order.

    ``native`` leaves every value as its database has it; otherwise as its driver loses nothing of it.
    """
    spec, dialect = pair.spec, pair.source.dialect.name
    names = dict.fromkeys(
        [*(column.source.name for column in pair.columns), *([spec.days.column] if spec.days else [])]
    )
    table = _relation(spec.source, names)
    values = [_cast(table.c[column.source.name], spec.cast.get(column.source.name)) for column in pair.columns]
    if not native:
        types = [column.source.type for column in pair.columns]
        values = [readable(value, of, dialect) for value, of in zip(values, types, strict=True)]
    return sa.select(*values).select_from(table).where(pair.in_window("source", table, window))


def rows(pair: Pair, window: Window, *, batch: int = 1000) -> Generator[list[tuple[Any, ...]], None, None]:
    """The source's rows of one window, streamed in batches.

    Yields:
        At most ``batch`` rows; a row has one value per column of ``pair.columns``.
    """
    streamed = {"stream_results": True, "max_row_buffer": batch}
    with (
        explained(f"{pair.spec.name} {window}: source"),
        pair.source.connect() as connection,
        connection.execute(selection(pair, window), execution_options=streamed) as result,
    ):
        for part in result.partitions(batch):
            yield [tuple(row) for row in part]


def counts_by_day(engine: sa.Engine, spec: TableSpec, side: Literal["source", "target"], until: date) -> dict[str, int]:
    """How many rows each day of the table has on one side, before ``until``; days without rows are left out.

    A table without days has the one entry ``all``.
    """
    relation = spec.source if side == "source" else spec.target
    with explained(str(relation)):
        select = _counting(engine, spec, side, relation, until).where(condition(spec.where))
        with engine.connect() as connection:
            return {str(key): count for key, count in connection.execute(select)}


def _counting(
    engine: sa.Engine, spec: TableSpec, side: Literal["source", "target"], relation: Relation, until: date
) -> Select:
    days = spec.days
    if days is None:
        return sa.select(sa.literal(ALL.key), sa.func.count()).select_from(_relation(relation, ()))
    name, cast = (days.column, spec.cast) if side == "source" else (spec.target_name(days.column), {})
    kind, dialect = describe(engine, relation, cast).column(name).type.kind, engine.dialect.name
    table = _relation(relation, [name])
    moment = _cast(table.c[name], cast.get(name))
    start, end = days.window(days.start).start, days.window(min(days.end or until, until)).start
    inside = within(moment, kind, Window("history", start, end), days, dialect)
    day = local_day(comparable(moment, kind, dialect), kind, days, until)
    return (
        sa.select(day.label("day"), sa.func.count()).select_from(table).where(inside).group_by(sa.literal_column("1"))
    )
