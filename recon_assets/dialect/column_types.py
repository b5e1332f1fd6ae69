"""The logical types of columns, by what their database says of them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.dialect.mysql_unreadable import LOSSLESS
from recon_assets.dialect.types import parse
from recon_assets.model import Kind, Type
from recon_assets.values import TEXTS
from recon_assets.values.native import made_of

_Select = sa.Select[*tuple[Any, ...]]


def column_types(
    connection: sa.Connection,
    select: _Select,
    declared: Mapping[str, str],
    charsets: Mapping[str, str],
    cast: Collection[str] = (),
) -> dict[str, Type]:
    """The logical type of every column of ``select``, in order.

    Args:
        connection: To the database that is asked.
        select: Of which the types are wanted.
        declared: Types that the catalogue knows better than the result of a query does.
        charsets: MySQL's character sets, as its catalogue knows them.
        cast: Columns that ``select`` gives another type than the table has.
    """
    dialect = connection.dialect.name
    types = _TYPES[dialect](connection, select)
    better = {name: parse(written, dialect) for name, written in declared.items() if name not in cast}
    found = {name: better.get(name, of) for name, of in types.items()}
    if dialect not in {"mysql", "mariadb"}:
        return found
    texts = [name for name, of in found.items() if of.kind in TEXTS or name in charsets]
    unknown = [name for name in texts if name not in charsets or name in cast]
    charsets = {**charsets, **(_charsets(connection, select, unknown) if unknown else {})}
    lossy = {name: charsets[name] for name in texts if charsets[name] not in LOSSLESS}
    utf8 = {name for name in texts if charsets[name] == "utf8mb4"}
    return {name: replace(of, charset=lossy.get(name), utf8=name in utf8) for name, of in found.items()}


def _postgresql(connection: sa.Connection, select: _Select) -> dict[str, Type]:
    """As the server describes the result, which it does for tables and queries alike."""
    with connection.execute(select.limit(0)) as result:
        cursor: Any = result.cursor
        described = [
            (column.name, cursor.pgresult.ftype(at), cursor.pgresult.fmod(at))
            for at, column in enumerate(cursor.description)
        ]
    # Each type once: a statement gives at most 1,664 columns, and a table may have as many.
    kinds = list(dict.fromkeys((oid, mod) for _, oid, mod in described))
    names = [sa.func.format_type(sa.cast(oid, postgresql.OID), mod) for oid, mod in kinds]
    defined = [kind for kind in kinds if kind[0] >= _FIRST_DEFINED]
    asked = [*names, *(_enum_labels(oid) for oid, _ in defined), *(type_parts(oid) for oid, _ in defined)]
    written = list(connection.execute(sa.select(*asked)).one()) if asked else []
    parts = {kind: written.pop() or [] for kind in reversed(defined)}
    labels = {kind: written.pop() or [] for kind in reversed(defined)}
    types = {
        kind: parse(str(text), "postgresql", tuple(labels.get(kind, ())))
        for kind, text in zip(kinds, written, strict=True)
    }
    types |= {kind: made_of(types[kind], parts[kind]) for kind in defined if types[kind].kind is Kind.NATIVE}
    return {name: types[oid, mod] for name, oid, mod in described}


def _enum_labels(oid: int) -> sa.ScalarSelect[Any]:
    enum = sa.table("pg_enum", *map(sa.column, ("enumtypid", "enumlabel", "enumsortorder")), schema="pg_catalog")
    labels = postgresql.aggregate_order_by(sa.cast(enum.c.enumlabel, sa.Text()), enum.c.enumsortorder)
    return (
        sa.select(sa.func.array_agg(labels)).where(enum.c.enumtypid == sa.cast(oid, postgresql.OID)).scalar_subquery()
    )


_FIRST_DEFINED = 16384
"""The number of the first type that is not PostgreSQL's own."""


class type_parts(FunctionElement[Any]):  # noqa: N801 - SQL is lower case
    """Of what a type is made, by paths to the types in which nothing is left to be told apart."""

    type = sa.ARRAY(sa.Text())
    inherit_cache = False

    def __init__(self, oid: int) -> None:
        super().__init__(sa.literal_column(str(oid)))


@compiles(type_parts, "postgresql")
def _type_parts_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return _TYPE_PARTS.replace(":oid", compiler.process(element.clauses, **kw))


_TYPE_PARTS = """(
  WITH RECURSIVE part (path, oid) AS (
    SELECT '' COLLATE "C", CAST(:oid AS oid)
    UNION ALL
    SELECT p.path || x.step || ' ' COLLATE "C", x.oid
    FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.oid CROSS JOIN LATERAL (
      SELECT 'element', t.typelem WHERE t.typcategory = 'A'
      UNION ALL SELECT 'of', t.typbasetype WHERE t.typtype = 'd'
      UNION ALL SELECT 'of', r.rngsubtype FROM pg_catalog.pg_range r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)
      UNION ALL SELECT to_char(a.attnum, '0000') || a.attname, a.atttypid FROM pg_catalog.pg_attribute a
        WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) x (step, oid)
  )
  SELECT array_agg(p.path || t.typname ORDER BY p.path) FROM part p JOIN pg_catalog.pg_type t ON t.oid = p.oid
  WHERE t.typtype NOT IN ('c', 'd', 'r', 'm') AND t.typcategory <> 'A'
)"""


def _mysql(connection: sa.Connection, select: _Select) -> dict[str, Type]:
    """A query's values bring their types, so that moments are known as such; a table's catalogue knows better."""
    with connection.execute(select.limit(0)) as result:
        cursor: Any = result.cursor
        return {field.name: _mysql_field(field) for field in cursor._result.fields}  # noqa: SLF001 - charsets are only here


def _charsets(connection: sa.Connection, select: _Select, names: Sequence[str]) -> dict[str, str]:
    """The character sets of a query's columns; results come in the session's own."""
    one = sa.select(sa.literal_column("1").label("recon_one")).subquery("recon_one")
    query = select.subquery("recon_query")
    column = [sa.func.charset(sa.column(name, _selectable=query)) for name in names]
    found = connection.execute(sa.select(*column).select_from(sa.outerjoin(one, query, sa.false()))).one()
    return dict(zip(names, map(str, found), strict=True))


_ANY = Type(Kind.ANY, "any")
_MYSQL_NAMES = {  # by the numbers that the protocol gives them
    0: "decimal",
    1: "tinyint",
    2: "smallint",
    3: "int",
    4: "float",
    5: "double",
    7: "timestamp",
    8: "bigint",
    9: "mediumint",
    10: "date",
    11: "time",
    12: "datetime",
    13: "year",
    16: "bit",
    245: "json",
    246: "decimal",
}
_TEXTS = {15, 249, 250, 251, 252, 253, 254}
_BYTES = 63
_NO_SCALE = 30
_ENUM_FLAG = 256


def _mysql_field(field: Any) -> Type:
    """A column of a result, as the protocol describes it."""
    code, scale = field.type_code, field.scale
    if field.flags & _ENUM_FLAG:
        return parse("enum()", "mysql")  # its labels are not told
    if code in _TEXTS:
        return parse("blob" if field.charsetnr == _BYTES else "text", "mysql")
    name = _MYSQL_NAMES.get(code)
    if name is None:
        return _ANY
    limits = {"decimal": f"(65,{scale})", "time": f"({scale})", "datetime": f"({scale})", "timestamp": f"({scale})"}
    return parse(name + (limits.get(name, "") if scale <= _NO_SCALE else ""), "mysql")


def _duckdb(connection: sa.Connection, select: _Select) -> dict[str, Type]:
    with connection.execute(select.limit(0)) as result:
        return {name: parse(str(of), "duckdb") for name, of, *_ in result.cursor.description}


def _sqlite(connection: sa.Connection, select: _Select) -> dict[str, Type]:
    with connection.execute(select.limit(0)) as result:
        return dict.fromkeys(result.keys(), _ANY)


_TYPES: Mapping[str, Callable[[sa.Connection, _Select], dict[str, Type]]] = {
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
    "duckdb": _duckdb,
    "sqlite": _sqlite,
}
