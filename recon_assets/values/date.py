"""Days."""

from datetime import date, datetime, time
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import datetimes
from recon_assets.values.kind import CAST_DUCKDB, CAST_MYSQL, CAST_POSTGRESQL, Sql, ValueKind, everywhere, refuse

_LENGTH = len("0001-01-01")


def _fit(value: Any, _: Type, __: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    is_day = isinstance(value, str) and len(value.strip()) <= _LENGTH
    moment = datetimes.datetime_of(value, "a date" if is_day else "a timestamp")
    if moment.tzinfo or moment.time() != time():
        refuse("a timestamp that is not midnight")
    return moment.date()


def _of_sqlite(value: Any, declared: Kind) -> str:
    return datetimes.of_sqlite(value, declared).removesuffix(" 00:00:00")


DATE = ValueKind(
    Kind.DATE,
    names=everywhere("date", Kind.DATE),
    sql={
        "postgresql": Sql(CAST_POSTGRESQL, compared_as={Kind.TIMESTAMP: "({})::timestamp::text"}),
        "mysql": Sql(CAST_MYSQL, compared_as={Kind.TIMESTAMP: "CONCAT({}, ' 00:00:00')"}),
        "duckdb": Sql(CAST_DUCKDB, compared_as={Kind.TIMESTAMP: "CAST(CAST({} AS TIMESTAMP) AS VARCHAR)"}),
    },
    of_sqlite=_of_sqlite,
    parse=datetimes.parse_datetime,
    fit=_fit,
    show=lambda text: text.removesuffix(" 00:00:00"),
    equal_is_identical=True,
    read_as_text=True,
    compared_with={Kind.TIMESTAMP: Kind.TIMESTAMP, Kind.INSTANT: Kind.TIMESTAMP},
    goes_into=datetimes.DATETIMES,
    example="2013-03-10",
)
