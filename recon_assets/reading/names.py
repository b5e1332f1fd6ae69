"""Names and SQL as people write them, as parts of statements."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.sql import cast_as
from recon_assets.errors import DeclarationError
from recon_assets.model import Relation
from recon_assets.reading.name_matching import plain_name

Select = sa.Select[*tuple[Any, ...]]
_PART = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([^".\s]+))\s*(?:\.|$)')
_COLON = re.compile(r"(?<!:):(\w+)")


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
    return sa.table(_quoted(plain), *columns_of(columns), schema=_quoted(schema) if schema else None)


def columns_of(names: Iterable[str]) -> tuple[sa.ColumnClause[Any], ...]:
    """Columns of these names, whatever words they are."""
    return tuple(sa.column(_quoted(name)) for name in names)


def _quoted(name: str) -> sa.sql.quoted_name:
    """Always, for nobody knows all words that some database reserves (DuckDB has ``at``)."""
    return sa.sql.quoted_name(name, quote=True)


def written(sql: str, bound: Mapping[str, sa.BindParameter[Any]] | None = None) -> sa.TextClause:
    """SQL that a person wrote: the one place where text becomes SQL.

    A colon is a colon, but for the names ``bound``: ``:name`` stands for the value.
    """
    values = {name: value for name, value in (bound or {}).items() if re.search(rf"(?<![:\w]):{name}\b", sql)}
    # SQLAlchemy would end the name of `:name::date` too early, unless a space parts the two.
    text = _COLON.sub(lambda colon: f":{colon[1]} " if colon[1] in values else rf"\:{colon[1]}", sql)
    parameters = (sa.bindparam(name, value.value, type_=value.type) for name, value in values.items())
    return sa.text(text).bindparams(*parameters)  # noqa: TID251 - this is the door


def condition(sql: str | None) -> sa.ColumnElement[bool]:
    """A declared ``where``; it may end in a comment."""
    return sa.and_(sa.true(), written(f"({sql}\n)")) if sql else sa.true()


def relation_of(relation: Relation, columns: Iterable[str]) -> sa.FromClause:
    """The table or query with these columns, to select from."""
    if relation.table:
        return as_table(relation.table, columns)
    return written(f"{(relation.query or '').rstrip().rstrip(';')}\n").columns(*columns_of(columns)).subquery("q")


def cast_to(column: sa.ColumnElement[Any], to: str | None) -> sa.ColumnElement[Any]:
    """The column, as another SQL type where one is declared."""
    return cast_as(column, to) if to else column


def nearest(name: str, names: Iterable[Any], key: Callable[[Any], str] = str) -> str:
    """A hint: the names that were probably meant, or those there are; ``key`` is what of each is compared.

    Capitals and _ are what people get wrong first, so they count for nothing.
    """
    known = sorted(names, key=str)
    close = difflib.get_close_matches(plain_name(name), [plain_name(key(each)) for each in known], n=1)
    meant = [repr(str(each)) for each in known if plain_name(key(each)) in close]
    if meant:
        return f"did you mean {' or '.join(meant)}?"
    return (
        f"there are {', '.join(map(str, known[:20]))}{', ..' if len(known) > 20 else ''}" if known else "there are none"
    )
