"""Moments that are the same everywhere: ``timestamptz`` in PostgreSQL, ``timestamp`` in MySQL."""

from datetime import UTC, datetime
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import datetimes, timestamp
from recon_assets.values.kind import CAST_MYSQL, TRIMMED_MYSQL, Sql, ValueKind


def _fit(value: Any, of: Type, dialect: str) -> datetime:
    """Aware, except in MySQL, whose sessions are in UTC; a naive one is read in UTC."""
    moment = timestamp.fit(value, of, dialect)
    return moment if dialect in {"mysql", "mariadb"} else moment.replace(tzinfo=UTC)


def _show(text: str) -> str:
    return text if text in datetimes.INFINITE else f"{datetimes.show(text)}+00:00"


def _typed(moment: datetime) -> str:
    return f"{moment.replace(tzinfo=None).isoformat()}+00:00"


_NAMES = {"timestamp with time zone": datetimes.clock(Kind.INSTANT)}
INSTANT = ValueKind(
    Kind.INSTANT,
    names={
        "postgresql": _NAMES,
        "mysql": {"timestamp": datetimes.clock(Kind.INSTANT, 0)},
        "duckdb": _NAMES,
        "sqlite": {},
    },
    sql={
        "postgresql": Sql("(({}) AT TIME ZONE 'UTC')::text"),
        "mysql": Sql(TRIMMED_MYSQL, whole=CAST_MYSQL),
        "duckdb": Sql("CAST(({}) AT TIME ZONE 'UTC' AS VARCHAR)"),
    },
    of_sqlite=datetimes.of_sqlite,
    parse=datetimes.parse_datetime,
    fit=_fit,
    show=_show,
    typed=_typed,
    of_shown={"mysql": lambda shown: shown.removesuffix("+00:00")},  # its sessions are in UTC
    equal_is_identical=True,
    read_as_text=True,
    goes_into=datetimes.DATETIMES,
    example="2013-03-10 06:30:00+00:00",
)
