"""Texts: every character counts, whatever a collation says."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from recon_assets.model import Kind, Type
from recon_assets.values import datetimes
from recon_assets.values.kind import (
    CAST_DUCKDB,
    CAST_POSTGRESQL,
    MYSQL_UTF8,
    Sql,
    ValueKind,
    as_it_is,
    refuse,
    sized,
    what,
)


def fit(value: Any, of: Type, dialect: str) -> str:
    """A text that is neither cut nor, in PostgreSQL, ended by its first NUL."""
    text = written(value)
    if dialect == "postgresql" and "\0" in text:
        refuse("text with a NUL character")
    if of.length is not None and len(text) > of.length:
        refuse(f"text of {len(text)} characters, where {of.length} fit")
    return text


def written(value: Any) -> str:
    """A driver's value of any kind that is no binary data, as text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, timedelta):
        return datetimes.time_of_day(value).isoformat()
    return str(value) if isinstance(value, int | float | date | time | UUID) else refuse(what(value))


def of_sqlite(value: Any, _: Kind) -> str:
    """A text as it is, a number as Python writes it; binary data is no text."""
    return written(value) if isinstance(value, str | int) else repr(value) if isinstance(value, float) else refuse("")


# As what texts are compared with the values of other kinds.
_MEANINGS = {Kind.CHAR: Kind.TEXT, Kind.ENUM: Kind.TEXT, Kind.UUID: Kind.UUID, Kind.JSON: Kind.JSON}
ANY_TEXT = frozenset({Kind.TEXT, Kind.CHAR, Kind.ENUM, Kind.UUID, Kind.JSON})
BY_BYTES_DUCKDB = f'{CAST_DUCKDB} COLLATE "C"'
"""A column's collation would make figures of other texts than there are, and columns of several cannot be joined."""
SQL = {
    "postgresql": Sql(CAST_POSTGRESQL, compared_as={Kind.UUID: "lower(({})::text)"}),
    "mysql": Sql(MYSQL_UTF8, compared_as={Kind.UUID: f"LOWER({MYSQL_UTF8})"}),
    "duckdb": Sql(BY_BYTES_DUCKDB, compared_as={Kind.UUID: f"lower({CAST_DUCKDB})"}),
}
TEXT = ValueKind(
    Kind.TEXT,
    names={
        "postgresql": dict.fromkeys(("text", "citext", "character varying"), sized(Kind.TEXT)),
        "mysql": dict.fromkeys(("varchar", "tinytext", "text", "mediumtext", "longtext"), sized(Kind.TEXT)),
        "duckdb": {"varchar": sized(Kind.TEXT)},
        "sqlite": {},  # its columns hold any value, whatever they say: see `any`
    },
    sql=SQL,
    of_sqlite=of_sqlite,
    parse=as_it_is,
    fit=fit,
    keeps_spaces=True,
    exact_mysql=MYSQL_UTF8,
    loosely_equal=frozenset({"postgresql", "mysql"}),  # citext ignores case, as MySQL's collations do
    any_character=True,
    compared_with=_MEANINGS,
    goes_into=ANY_TEXT,
    example="some text",
)
