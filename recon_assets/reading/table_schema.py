"""What a database says of one relation."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property

import sqlalchemy as sa

from recon_assets.dialect import files, table_catalog, table_survey
from recon_assets.dialect.column_types import column_types
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.mysql_unreadable import may_hold_bytes
from recon_assets.dialect.servers import is_mysql
from recon_assets.errors import DeclarationError, NoSuchTableError
from recon_assets.model import Column, Relation, TableSpec, Type
from recon_assets.reading.name_matching import match_names, plain_name
from recon_assets.reading.names import Select, as_table, cast_to, nearest, relation_of, split_name
from recon_assets.values import TEXTS


@dataclass(frozen=True)
class ForeignKey:
    """``columns`` of a table name ``parent_columns`` of ``parent_table`` (``schema.name``)."""

    columns: tuple[str, ...]
    parent_table: str
    parent_columns: tuple[str, ...]


@dataclass(frozen=True)
class TableSchema:
    """What a database says of one relation.

    ``unique`` holds every set of columns that no two rows share, the primary key first.
    ``indexes`` holds the columns (or expressions) of every index, those of keys too.
    ``unique_everywhere``: it holds of all rows that a query reads, which is not so of tables that others inherit from.
    ``cascading`` names the tables that lose or change rows when rows of this one are deleted.
    """

    columns: tuple[Column, ...]
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    triggers: tuple[str, ...] = ()
    cascading: tuple[str, ...] = ()
    transactional: bool = True
    unique_everywhere: bool = True

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: When there is none.
        """
        return self.by_name[name]

    def is_unique(self, key: Iterable[Column]) -> bool:
        """Whether no two rows have the same values of these columns, and none has NULL in one of a unique set."""
        names = {column.name for column in key if not column.nullable}
        return self.unique_everywhere and any(set(unique) <= names for unique in self.unique)

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names, in order."""
        return {column.name: column for column in self.columns}


@dataclass(frozen=True)
class OtherSide:
    """What the other side of a file has: types by the target's names, and these by the file's where they differ."""

    types: Mapping[str, Type]
    rename: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_target(cls, spec: TableSpec, target: TableSchema) -> "OtherSide":
        """Of a file that is the source."""
        return cls({column.name: column.type for column in target.columns}, spec.rename)

    def __call__(self, columns: Sequence[str]) -> Mapping[str, Type]:
        """The types that these columns of the file have there, as far as they are there."""
        wanted = {name: self.rename.get(name, name) for name in columns}
        meant = {pair.source: pair.target for pair in match_names(wanted.values(), self.types).pairs}
        return {name: self.types[meant[there]] for name, there in wanted.items() if there in meant}


def describe(
    engine: sa.Engine,
    relation: Relation,
    cast: Mapping[str, str] | None = None,
    like: "OtherSide | None" = None,
) -> TableSchema:
    """The columns, keys and triggers of a relation.

    Args:
        engine: Where it is.
        relation: What to look at.
        cast: Gives columns another SQL type before they are looked at.
        like: What the other side has, as whose types the texts of files are read.

    Raises:
        DeclarationError: When there is no such relation, or the query is not valid.
        UnavailableError: When the database does not answer.
    """
    if files.copies_of(engine):
        _copy_files(engine, relation, cast or {}, like)
    with driver_errors(str(relation)), engine.connect() as connection:
        table = as_table(relation.table) if relation.table else None
        known = _known(connection, relation, table) if table is not None else None
        facts: Mapping[str, dict[str, bool]] = known.columns if known else {}
        uncast: Select = sa.select(sa.literal_column("*")).select_from(relation_of(relation, ()))
        if cast or facts:  # a star would leave out MySQL's invisible columns
            names = tuple(facts or connection.execute(uncast.limit(0)).keys())
            plain = relation_of(relation, names)
            uncast, everything = (
                sa.select(*(cast_to(plain.c[name], casts.get(name)).label(name) for name in names)).select_from(plain)
                for casts in ({}, cast or {})
            )
        else:
            everything = uncast
        declared, charsets = (known.types, known.charsets) if known else ({}, {})
        types = column_types(connection, everything, declared, charsets, cast or ())
        if cast and is_mysql(connection):
            before = column_types(connection, uncast, declared, charsets)
            _need_texts(relation, {name: (before[name], types[name]) for name in cast if name in types})
    columns = tuple(Column(name, of, **facts.get(name, {})) for name, of in types.items())
    if known is None:
        return TableSchema(columns)
    return TableSchema(
        columns,
        primary_key=known.primary_key,
        unique=known.unique,
        foreign_keys=tuple(ForeignKey(*key) for key in known.foreign_keys),
        indexes=known.indexes,
        triggers=known.triggers,
        cascading=known.cascading,
        transactional=known.transactional,
        unique_everywhere=known.unique_everywhere,
    )


def _copy_files(engine: sa.Engine, relation: Relation, cast: Mapping[str, str], like: "OtherSide | None") -> None:
    if not relation.table:
        msg = f"{relation}: a query cannot read files; name a file or pattern as the table, and a condition by `where`"
        raise DeclarationError(msg)
    with driver_errors(str(relation)):
        files.copy_in(engine, *split_name(relation.table), like, cast)


def _need_texts(relation: Relation, casts: Mapping[str, tuple[Type, Type]]) -> None:
    """A cast of MySQL would make one `?` of all bytes that are no characters, and equal values of different ones."""
    for name, (before, after) in casts.items():
        if after.kind in TEXTS and may_hold_bytes(before):
            of = f"{before.name} in {before.charset}" if before.charset else before.name
            msg = (
                f"{relation}: {name}: a cast of {of} to text makes ? of bytes that are no characters; leave the cast"
                f" out, cast to unsigned (bits), or write a query with hex({name})"
            )
            raise DeclarationError(msg)


def _known(connection: sa.Connection, relation: Relation, table: sa.TableClause) -> table_catalog.CatalogTable:
    found = table_catalog.read(connection, table)
    if found is None:
        hint = nearest(table.name, table_survey.tables(connection), key=lambda other: other.name)
        msg = f"{relation}: there is no such table; {hint}"
        raise NoSuchTableError(msg)
    return found


def located(engine: sa.Engine, relation: Relation, *, exact_names: bool) -> Relation:
    """The one table that a name may mean which is no table's: of another schema, or but for case and _.

    Raises:
        DeclarationError: When it may mean several.
    """
    if not relation.table:
        return relation
    schema, name = split_name(relation.table)
    with driver_errors(str(relation)), engine.connect() as connection:
        if table_catalog.read(connection, as_table(relation.table)):
            return relation
        known = table_survey.tables(connection)
    forms: list[Callable[[str], str]] = [str] if exact_names else [str, plain_name]
    for form in forms:
        found = [
            table
            for table in known
            if form(table.name) == form(name) and (not schema or form(table.schema or "") == form(schema))
        ]
        if len(found) > 1:
            msg = f"{relation}: there is no such table; it may mean {' or '.join(map(str, found))}: name one of them"
            raise DeclarationError(msg)
        if found:
            return replace(relation, table=str(found[0]))
    return relation


def described(spec: TableSpec, source: sa.Engine, target: sa.Engine) -> tuple[TableSchema, TableSchema]:
    """Both sides of a table, looked at at the same time.

    Raises:
        DeclarationError, UnavailableError: As `describe` does.
    """
    if files.copies_of(source):
        right = describe(target, spec.target)
        return describe(source, spec.source, spec.cast, OtherSide.of_target(spec, right)), right
    if files.copies_of(target):
        left = describe(source, spec.source, spec.cast)
        types = {spec.target_name(column.name): column.type for column in left.columns}
        return left, describe(target, spec.target, None, OtherSide(types))
    with ThreadPoolExecutor(2) as pool:
        source_seen = pool.submit(describe, source, spec.source, spec.cast)
        target_seen = pool.submit(describe, target, spec.target)
        return source_seen.result(), target_seen.result()


@contextmanager
def hints_at_columns(*schemas: TableSchema) -> Iterator[None]:
    """Adds the column that was probably meant to what a database says of one that it does not have."""
    try:
        yield
    except DeclarationError as error:
        unknown = _UNKNOWN_COLUMN.search(str(error))
        if not unknown:
            raise
        names = {name for schema in schemas for name in schema.by_name}
        msg = f"{error}; {nearest(next(filter(None, unknown.groups())), names)}"
        raise DeclarationError(msg) from error


_UNKNOWN_COLUMN = re.compile(
    r"""no such column: (\S+)|column "?([^" ]+)"? does not exist|Unknown column '([^']+)'"""
    r"""|Referenced column "([^"]+)" not found"""
)
