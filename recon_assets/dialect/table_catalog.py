"""What a database's catalogue says of one table, in one statement where it can: a slow network makes each cost.

MySQL and DuckDB are asked twice.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ClauseElement, Executable

from recon_assets.dialect.servers import qualified_name

Names = tuple[str, ...]


@dataclass(frozen=True)
class CatalogTable:
    """One table.

    Attributes:
        columns: Of each column whether it is nullable, has a default, is generated, an identity, or a fixed one.
        primary_key: Its columns, none without a key.
        unique: Every set of columns that no two rows share, the primary key first.
        indexes: The columns or expressions of every index, those of keys too.
        foreign_keys: Columns, the parent's name, and the columns of the parent.
        triggers: The user's, by name.
        cascading: Tables that lose or change rows when rows of this one are deleted.
        transactional: Whether it takes part in transactions.
        unique_everywhere: Whether the sets of ``unique`` hold of all that a query of the table reads.
        types: As they are declared, where the result of a query shows less of them.
        charsets: The character sets of texts in MySQL.
    """

    columns: Mapping[str, dict[str, bool]]
    primary_key: Names
    unique: tuple[Names, ...]
    indexes: tuple[Names, ...]
    foreign_keys: tuple[tuple[Names, str, Names], ...]
    triggers: Names = ()
    cascading: Names = ()
    transactional: bool = True
    unique_everywhere: bool = True
    types: Mapping[str, str] = field(default_factory=dict)
    charsets: Mapping[str, str] = field(default_factory=dict)


def read(connection: sa.Connection, table: sa.TableClause) -> CatalogTable | None:
    """What the catalogue says of a table or view; None when there is none of that name."""
    if connection.dialect.name == "postgresql":
        return _of_postgresql(connection, table)
    if connection.dialect.name == "sqlite":
        return _of_sqlite(connection, table)
    if connection.dialect.name == "duckdb":
        return _of_duckdb(connection, table)
    found = _inspected(sa.inspect(connection), table)
    return found and _with_mysql(connection, table, found)


class postgresql_table(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """All that PostgreSQL's catalogue says of one table, as one JSON text; no row where there is no such table.

    SQLAlchemy's inspector asks nine times, and warns of types that it does not know.
    """

    inherit_cache = False

    def __init__(self, name: str) -> None:
        self.name = sa.literal(name)


@compiles(postgresql_table, "postgresql")
def _postgresql_table_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return _POSTGRESQL_TABLE.replace(":name", compiler.process(element.name, **kw))


_POSTGRESQL_TABLE = """
WITH RECURSIVE tree(oid) AS (
  SELECT to_regclass(:name)::oid
  UNION SELECT h.inhrelid FROM pg_catalog.pg_inherits h JOIN tree ON h.inhparent = tree.oid
)
SELECT json_build_object(
  'columns', (
    SELECT json_agg(json_build_object(
        'name', a.attname,
        'nullable', EXISTS (
          SELECT 1 FROM pg_catalog.pg_constraint c
          WHERE c.conrelid = t.oid AND c.contype = 'n' AND NOT c.convalidated AND c.conkey = ARRAY[a.attnum]
        ) OR EXISTS ( -- nobody holds it of a foreign table, nor of a child without the constraint
          SELECT 1 FROM tree JOIN pg_catalog.pg_class r USING (oid)
          JOIN pg_catalog.pg_attribute c ON c.attrelid = r.oid AND c.attname = a.attname
          WHERE r.relkind = 'f' OR NOT (c.attnotnull OR (y.typtype = 'd' AND y.typnotnull))
        ),
        'default', coalesce(pg_get_expr(d.adbin, d.adrelid), CASE WHEN y.typtype = 'd' THEN y.typdefault END),
        'generated', a.attgenerated <> '',
        'identity', a.attidentity,
        'domain', y.typtype = 'd',
        'integer', coalesce(nullif(y.typbasetype, 0), y.oid) IN (20, 21, 23)
      ) ORDER BY a.attnum)
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type y ON y.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  ),
  'keys', (
    SELECT json_agg(json_build_object(
        'kind', c.contype,
        'columns', (
          SELECT json_agg(a.attname ORDER BY k.place)
          FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
        ),
        'schema', n.nspname, 'visible', pg_table_is_visible(c.confrelid), 'parent', p.relname,
        'parent_columns', (
          SELECT json_agg(a.attname ORDER BY k.place)
          FROM unnest(c.confkey) WITH ORDINALITY k(number, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number
        )
      ) ORDER BY c.conname)
    FROM pg_catalog.pg_constraint c
    LEFT JOIN pg_catalog.pg_class p ON p.oid = c.confrelid
    LEFT JOIN pg_catalog.pg_namespace n ON n.oid = p.relnamespace
    WHERE c.conrelid = t.oid AND c.contype IN ('p', 'u', 'f')
  ),
  'indexes', (
    SELECT json_agg(json_build_object(
        'unique', i.indisunique AND i.indexprs IS NULL AND i.indpred IS NULL,
        'columns', (
          SELECT json_agg(coalesce(a.attname, pg_get_indexdef(i.indexrelid, k.place::int, true)) ORDER BY k.place)
          FROM unnest(i.indkey::int[]) WITH ORDINALITY k(number, place)
          LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number <> 0
          WHERE k.place <= i.indnkeyatts
        )
      ) ORDER BY x.relname)
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
    WHERE i.indrelid = t.oid AND NOT i.indisprimary
  ),
  'triggers', (
    SELECT json_agg(g.name ORDER BY g.name) FROM (
      SELECT tgname AS name FROM pg_catalog.pg_trigger JOIN tree ON tgrelid = tree.oid WHERE NOT tgisinternal
      UNION SELECT rulename FROM pg_catalog.pg_rewrite WHERE ev_class = t.oid AND ev_type <> '1'
    ) g
  ),
  'cascading', (
    SELECT json_agg(DISTINCT c.conrelid::regclass::text) FROM pg_catalog.pg_constraint c
    WHERE c.contype = 'f' AND c.confrelid = t.oid AND c.confdeltype IN ('c', 'n', 'd')
  ),
  'broken', EXISTS (
    SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = t.oid AND i.indisunique AND NOT i.indisvalid
  ),
  'inherited', t.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = t.oid)
)::text
FROM pg_catalog.pg_class t WHERE t.oid = to_regclass(:name)
"""


def _of_postgresql(connection: sa.Connection, table: sa.TableClause) -> CatalogTable | None:
    written = connection.scalar(postgresql_table(qualified_name(connection, table)))
    found = json.loads(str(written)) if written else {}
    if not found.get("columns"):
        return None
    keys, indexes = found["keys"] or [], found["indexes"] or []
    primary = [tuple(key["columns"]) for key in keys if key["kind"] == "p"]
    constraints = [tuple(key["columns"]) for key in keys if key["kind"] == "u"]
    unique = [*primary, *constraints, *(tuple(index["columns"]) for index in indexes if index["unique"])]
    return CatalogTable(
        {column["name"]: _postgresql_column(column) for column in found["columns"]},
        primary[0] if primary else (),
        tuple(dict.fromkeys(unique)),
        tuple(dict.fromkeys([*unique, *(tuple(index["columns"]) for index in indexes)])),
        tuple(
            (tuple(key["columns"]), _parent(key, table.schema), tuple(key["parent_columns"]))
            for key in keys
            if key["kind"] == "f"
        ),
        tuple(found["triggers"] or ()),
        tuple(found["cascading"] or ()),
        unique_everywhere=not (found["broken"] or found["inherited"]),
    )


def _postgresql_column(column: Mapping[str, Any]) -> dict[str, bool]:
    default = None if column["generated"] else column["default"]
    counted = bool(column["identity"]) or (column["integer"] and "nextval('" in (default or ""))
    return {
        "nullable": column["nullable"],
        "default": default is not None or counted,
        "generated": column["generated"],
        "identity": counted,
        "fixed": column["identity"] == "a",
        "domain": column["domain"],
    }


def _parent(key: Mapping[str, Any], schema: str | None) -> str:
    """With its schema where the table was named with its own, or where it is not found without."""
    named = not key["visible"] or key["schema"] == schema
    return f"{key['schema']}.{key['parent']}" if named else str(key["parent"])


def _inspected(inspector: Any, table: sa.TableClause) -> CatalogTable | None:
    name, schema = table.name, table.schema
    try:
        columns = inspector.get_columns(name, schema=schema)
    except sa.exc.NoSuchTableError:
        return None
    if not columns:
        return None
    primary = tuple(inspector.get_pk_constraint(name, schema=schema).get("constrained_columns") or ())
    indexes = inspector.get_indexes(name, schema=schema)
    unique = [
        primary,
        *(tuple(found["column_names"]) for found in inspector.get_unique_constraints(name, schema=schema)),
        *(tuple(index["column_names"]) for index in indexes if index["unique"] and None not in index["column_names"]),
    ]
    return CatalogTable(
        # SQLAlchemy leaves the backticks of MySQL's names doubled.
        {column["name"].replace("``", "`"): _inspected_column(column) for column in columns},
        primary,
        _some(unique),
        _some([*unique, *(tuple(index.get("expressions") or index["column_names"]) for index in indexes)]),
        tuple(
            (
                tuple(found["constrained_columns"]),
                ".".join(filter(None, (found["referred_schema"], found["referred_table"]))),
                tuple(found["referred_columns"]),
            )
            for found in inspector.get_foreign_keys(name, schema=schema)
        ),
    )


def _inspected_column(column: Mapping[str, Any]) -> dict[str, bool]:
    return {
        "nullable": bool(column.get("nullable", True)),
        "default": column.get("default") is not None or column.get("autoincrement") is True,
        "generated": bool(column.get("computed")),
        "identity": bool(column.get("identity")) or column.get("autoincrement") is True,
        "fixed": bool((column.get("identity") or {}).get("always")),
    }


def _some(found: Iterable[Names]) -> tuple[Names, ...]:
    return tuple(dict.fromkeys(filter(None, found)))


def _with_mysql(connection: sa.Connection, table: sa.TableClause, found: CatalogTable) -> CatalogTable:
    """What SHOW CREATE TABLE does not say: triggers, the children, and types as all statements write them."""
    schema, name = table.schema or sa.func.database(), table.name
    columns = _information("columns", "column_name", "column_type", "character_set_name", "table_schema", "table_name")
    of_table = sa.and_(columns.c.table_schema == schema, columns.c.table_name == name)
    triggers = _information("triggers", "trigger_name", "event_object_schema", "event_object_table")
    children = _information(
        "referential_constraints", "table_name", "referenced_table_name", "unique_constraint_schema", "delete_rule"
    )
    tables = _information("tables", "table_schema", "table_name", "engine")
    changing = children.c.delete_rule.in_(["CASCADE", "SET NULL", "SET DEFAULT"])
    rows = connection.execute(
        sa.union_all(
            sa.select(sa.literal("type"), columns.c.column_name, columns.c.column_type).where(of_table),
            sa.select(sa.literal("charset"), columns.c.column_name, columns.c.character_set_name).where(of_table),
            sa.select(sa.literal("trigger"), triggers.c.trigger_name, sa.null()).where(
                triggers.c.event_object_schema == schema, triggers.c.event_object_table == name
            ),
            sa.select(sa.literal("child"), children.c.table_name, sa.null()).where(
                children.c.unique_constraint_schema == schema, children.c.referenced_table_name == name, changing
            ),
            sa.select(sa.literal("engine"), tables.c.engine, sa.null()).where(
                tables.c.table_schema == schema, tables.c.table_name == name
            ),
        )
    )
    said = [tuple(_text(value) for value in row) for row in rows]
    return replace(
        found,
        types={name: of for kind, name, of in said if kind == "type"},
        charsets={name: of for kind, name, of in said if kind == "charset" and of},
        triggers=tuple(sorted(name for kind, name, _ in said if kind == "trigger")),
        cascading=tuple(sorted({name for kind, name, _ in said if kind == "child"})),
        transactional=("engine", "InnoDB", "") in said,  # MyISAM and Aria tables take no part in transactions
    )


def _information(view: str, *columns: str) -> sa.TableClause:
    return sa.table(view, *map(sa.column, columns), schema="information_schema")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def _of_duckdb(connection: sa.Connection, table: sa.TableClause) -> CatalogTable | None:
    """From its own views: SQLAlchemy has no inspector for it that works."""
    name, schema = table.name, table.schema or "main"
    columns = _information("columns", "column_name", "is_nullable", "column_default", "table_schema", "table_name")
    rows = connection.execute(
        sa.select(columns.c.column_name, columns.c.is_nullable, columns.c.column_default).where(
            columns.c.table_schema == schema, columns.c.table_name == name
        )
    )
    found = {
        column: {
            "nullable": nullable == "YES",
            "default": default is not None,
            "generated": False,
            "identity": False,
            "fixed": False,
        }
        for column, nullable, default in rows
    }
    if not found:
        return None
    names = ("constraint_column_names", "referenced_table", "referenced_column_names")
    keys = sa.func.duckdb_constraints().table_valued(*names, "constraint_type", "schema_name", "table_name")
    indexes = sa.func.duckdb_indexes().table_valued("expressions", "schema_name", "table_name")
    expressions = sa.cast(indexes.c.expressions, sa.ARRAY(sa.String))
    known = list(
        connection.execute(
            sa.union_all(
                sa.select(keys.c.constraint_type, *(keys.c[each] for each in names)).where(
                    keys.c.schema_name == schema, keys.c.table_name == name
                ),
                sa.select(sa.literal("INDEX"), expressions, sa.null(), sa.null()).where(
                    indexes.c.schema_name == schema, indexes.c.table_name == name
                ),
            )
        )
    )
    primary, unique, indexed = (
        [tuple(own) for kind, own, *_ in known if kind == wanted] for wanted in ("PRIMARY KEY", "UNIQUE", "INDEX")
    )
    return CatalogTable(
        found,
        primary[0] if primary else (),
        _some([*primary, *unique]),
        _some([*primary, *unique, *(tuple(part.strip('"') for part in index) for index in indexed)]),
        tuple((tuple(own), parent, tuple(theirs)) for kind, own, parent, theirs in known if kind == "FOREIGN KEY"),
    )


class sqlite_table(Executable, ClauseElement):  # noqa: N801 - SQL is lower case
    """All that SQLite says of one table, as one JSON text."""

    inherit_cache = False

    def __init__(self, name: str, schema: str) -> None:
        self.name, self.schema = sa.literal(name), sa.literal(schema)


@compiles(sqlite_table, "sqlite")
def _sqlite_table_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    name, schema = (compiler.process(value, **kw) for value in (element.name, element.schema))
    return _SQLITE_TABLE.replace(":name", name).replace(":schema", schema)


_SQLITE_TABLE = """
SELECT json_object(
  'columns', (
    SELECT json_group_array(json_object('name', c.name, 'type', c.type, 'required', c."notnull",
      'default', c.dflt_value, 'key', c.pk, 'hidden', c.hidden))
    FROM pragma_table_xinfo(t.name, t.schema) AS c
  ),
  'indexes', (
    SELECT json_group_array(json_object('unique', i."unique" AND NOT i.partial, 'origin', i.origin, 'columns', json((
      SELECT json_group_array(n.name) FROM pragma_index_info(i.name, t.schema) AS n))))
    FROM pragma_index_list(t.name, t.schema) AS i
  ),
  'references', (
    SELECT json_group_array(json_object('id', f.id, 'parent', f."table", 'column', f."from", 'parent_column', coalesce(
      f."to", (SELECT p.name FROM pragma_table_xinfo(f."table", t.schema) AS p WHERE p.pk = f.seq + 1))))
    FROM pragma_foreign_key_list(t.name, t.schema) AS f
  )
)
FROM (SELECT :name AS name, :schema AS schema) AS t
"""


def _of_sqlite(connection: sa.Connection, table: sa.TableClause) -> CatalogTable | None:
    found = json.loads(str(connection.scalar(sqlite_table(table.name, table.schema or "main"))))
    columns = [column for column in found["columns"] if column["hidden"] != _HIDDEN]
    if not columns:
        return None
    in_key = sorted((column for column in columns if column["key"]), key=lambda column: column["key"])
    primary = tuple(column["name"] for column in in_key)
    # An INTEGER PRIMARY KEY without an index is the row's number, which is never NULL.
    numbered = len(in_key) == 1 and in_key[0]["type"].upper() == "INTEGER"
    numbered = numbered and all(index["origin"] != "pk" for index in found["indexes"])
    indexes = [index for index in found["indexes"] if None not in index["columns"] and index["origin"] != "pk"]
    unique = [primary, *(tuple(index["columns"]) for index in indexes if index["unique"])]
    references: dict[int, list[Mapping[str, Any]]] = {}
    for column in found["references"]:
        references.setdefault(column["id"], []).append(column)
    return CatalogTable(
        {
            column["name"]: {
                "nullable": not (column["required"] or (numbered and column["key"])),
                "default": column["default"] is not None,
                "generated": bool(column["hidden"]),
                "identity": False,
                "fixed": False,
            }
            for column in columns
        },
        primary,
        _some(unique),
        _some([*unique, *(tuple(index["columns"]) for index in indexes)]),
        tuple(
            (
                tuple(column["column"] for column in key),
                str(key[0]["parent"]),
                tuple(column["parent_column"] for column in key),
            )
            for key in references.values()
        ),
        types={column["name"]: column["type"] for column in columns},
    )


_HIDDEN = 1
"""A column of a virtual table that no ``SELECT *`` shows."""
