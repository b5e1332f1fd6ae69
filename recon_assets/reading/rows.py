"""The source's rows of a window, and how many rows each window has."""

from collections.abc import Generator
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.sql import readable
from recon_assets.dialect.windows import window_of, within
from recon_assets.model import ALL, Relation, TableSpec, Window
from recon_assets.reading.column_matching import Pair
from recon_assets.reading.names import Select, cast_to, condition, relation_of
from recon_assets.reading.table_schema import describe


def selection(pair: Pair, window: Window, *, native: bool = False) -> Select:
    """The source's rows of one window, as a statement: a column for each of ``pair.columns``, in their order.

    ``native`` leaves every value as its database has it; otherwise as its driver loses nothing of it.
    """
    spec, dialect = pair.spec, pair.source.dialect.name
    names = dict.fromkeys(
        [*(column.source.name for column in pair.columns), *([spec.calendar.column] if spec.calendar else [])]
    )
    table = relation_of(spec.source, names)
    values = [cast_to(table.c[column.source.name], spec.cast.get(column.source.name)) for column in pair.columns]
    if not native:
        types = [column.source.type for column in pair.columns]
        values = [readable(value, of, dialect) for value, of in zip(values, types, strict=True)]
    return sa.select(*values).select_from(table).where(pair.in_window("source", table, window))


def rows(pair: Pair, window: Window, *, batch: int = 1000) -> Generator[list[tuple[Any, ...]], None, None]:
    """The source's rows of one window, streamed in batches.

    Yields:
        At most ``batch`` rows; a row has one value per column of ``pair.columns``.
    """
    streamed = {"stream_results": True, "max_row_buffer": batch}
    with (
        driver_errors(f"{pair.spec.name} {window}: source"),
        pair.source.connect() as connection,
        connection.execute(selection(pair, window), execution_options=streamed) as result,
    ):
        for part in result.partitions(batch):
            yield [tuple(row) for row in part]


def counts_by_window(
    engine: sa.Engine, spec: TableSpec, side: Literal["source", "target"], now: datetime
) -> dict[str, int]:
    """How many rows each window of the table that is over has on one side; windows without rows are left out.

    A table without a calendar has the one entry ``all``.
    """
    relation = spec.source if side == "source" else spec.target
    with driver_errors(str(relation)):
        select = _counting(engine, spec, side, relation, now)
        if select is None:
            return {}
        with engine.connect() as connection:
            return {str(key): count for key, count in connection.execute(select.where(condition(spec.where)))}


def _counting(
    engine: sa.Engine, spec: TableSpec, side: Literal["source", "target"], relation: Relation, now: datetime
) -> Select | None:
    """None where no window is over."""
    calendar = spec.calendar
    if calendar is None:
        return sa.select(sa.literal(ALL.key), sa.func.count()).select_from(relation_of(relation, ()))
    windows = calendar.over(now)
    if not windows:
        return None
    name, cast = (calendar.column, spec.cast) if side == "source" else (spec.target_name(calendar.column), {})
    kind, dialect = describe(engine, relation, cast).column(name).type.kind, engine.dialect.name
    table = relation_of(relation, [name])
    moment = cast_to(table.c[name], cast.get(name))
    inside = within(moment, kind, [Window("history", windows[0].start, windows[-1].end)], calendar, dialect)
    key = window_of(moment, kind, windows, calendar)
    return (
        sa.select(key.label("key"), sa.func.count()).select_from(table).where(inside).group_by(sa.literal_column("1"))
    )
