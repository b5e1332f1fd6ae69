"""Times of day."""

from datetime import time, timedelta
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import datetimes
from recon_assets.values.kind import (
    CAST_DUCKDB,
    CAST_MYSQL,
    CAST_POSTGRESQL,
    TRIMMED_MYSQL,
    Sql,
    ValueKind,
    refuse,
    what,
)


def _fit(value: Any, of: Type, _: str) -> time:
    passed = datetimes.parse_time(value) if isinstance(value, str) else value
    clock = datetimes.time_of_day(passed) if isinstance(passed, timedelta) else passed
    if not isinstance(clock, time):
        refuse(what(value))
    if clock.tzinfo:
        refuse("a time with a zone")
    datetimes.need_digits(clock.microsecond, of)
    return clock


def _of_sqlite(value: Any, _: Kind) -> str:
    """As MySQL writes it, also what is negative or longer than a day."""
    passed = datetimes.parse_time(value) if isinstance(value, str) else refuse(what(value))
    seconds, rest = divmod(abs(passed), timedelta(seconds=1))
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest.microseconds:06}"
    return f"{'-' if passed < timedelta() else ''}{clock}".rstrip("0").rstrip(".")


TIME = ValueKind(
    Kind.TIME,
    names={
        "postgresql": {"time without time zone": datetimes.clock(Kind.TIME)},
        "mysql": {"time": datetimes.clock(Kind.TIME, 0)},
        "duckdb": {"time": datetimes.clock(Kind.TIME)},
        "sqlite": {"time": datetimes.clock(Kind.TIME)},
    },
    sql={
        "postgresql": Sql(CAST_POSTGRESQL),
        "mysql": Sql(TRIMMED_MYSQL, whole=CAST_MYSQL),
        "duckdb": Sql(CAST_DUCKDB),
    },
    of_sqlite=_of_sqlite,
    parse=datetimes.parse_time,
    fit=_fit,
    equal_is_identical=True,
    read_as_text=True,
    goes_into=frozenset({Kind.TIME}),
    example="06:30:00",
)
