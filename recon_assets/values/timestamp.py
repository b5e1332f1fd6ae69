"""Timestamps without a zone: ``timestamp`` in PostgreSQL, ``datetime`` in MySQL."""

from datetime import UTC, datetime
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import datetimes
from recon_assets.values.kind import CAST_DUCKDB, CAST_MYSQL, CAST_POSTGRESQL, TRIMMED_MYSQL, Sql, ValueKind


def fit(value: Any, of: Type, _: str) -> datetime:
    """Naive; an instant is written in UTC."""
    moment = datetimes.datetime_of(value)
    datetimes.need_digits(moment.microsecond, of)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


_clock = datetimes.clock(Kind.TIMESTAMP)
TIMESTAMP = ValueKind(
    Kind.TIMESTAMP,
    names={
        "postgresql": {"timestamp without time zone": _clock},
        "mysql": {"datetime": datetimes.clock(Kind.TIMESTAMP, 0)},
        "duckdb": {
            "timestamp": _clock,
            "timestamp_s": datetimes.to_digits(Kind.TIMESTAMP, 0),
            "timestamp_ms": datetimes.to_digits(Kind.TIMESTAMP, 3),
        },
        "sqlite": {"datetime": _clock, "timestamp": _clock},
    },
    sql={
        "postgresql": Sql(CAST_POSTGRESQL),
        "mysql": Sql(TRIMMED_MYSQL, whole=CAST_MYSQL),
        "duckdb": Sql("CAST(CAST({} AS TIMESTAMP) AS VARCHAR)", whole=CAST_DUCKDB),
    },
    of_sqlite=datetimes.of_sqlite,
    parse=datetimes.parse_datetime,
    fit=fit,
    show=datetimes.show,
    typed=datetime.isoformat,
    equal_is_identical=True,
    read_as_text=True,
    compared_with={Kind.INSTANT: Kind.TIMESTAMP},
    goes_into=datetimes.DATETIMES,
    example="2013-03-10 06:30:00",
)
