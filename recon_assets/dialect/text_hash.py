"""The hash of a row on all databases: of its text, by SHA-256. Between PostgreSQL servers see `postgresql_row_hash`.

A row has a hash, a number; rows have a digest, the sum of their hashes.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

DIGITS = 15
"""How many hexadecimal digits a hash keeps: as a number they fit a signed 64-bit integer."""


class text_hash(FunctionElement[int]):  # noqa: N801 - SQL is lower case
    """The first 15 digits of the SHA-256 of a text in UTF-8, as an integer below 2**60; MD5 is slower in MariaDB."""

    type = sa.BigInteger()
    inherit_cache = True
    name = "text_hash"


@compiles(text_hash, "postgresql")
def _text_hash_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    sha = f"sha256(convert_to({compiler.process(element.clauses, **kw)}, 'UTF8'))"
    return f"('x' || encode(substr({sha}, 1, 8), 'hex'))::bit({4 * DIGITS})::bigint"


@compiles(text_hash, "mysql", "mariadb")
def _text_hash_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST(CONV(LEFT(SHA2({compiler.process(element.clauses, **kw)}, 256), {DIGITS}), 16, 10) AS UNSIGNED)"


@compiles(text_hash, "duckdb")
def _text_hash_duckdb(element: Any, compiler: Any, **kw: Any) -> str:
    return f"CAST('0x' || substr(sha256({compiler.process(element.clauses, **kw)}), 1, {DIGITS}) AS BIGINT)"


@compiles(text_hash, "sqlite")
def _text_hash_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"recon_text_hash({compiler.process(element.clauses, **kw)})"
