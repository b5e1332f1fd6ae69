"""Frames as tables: those of pandas, and of whatever hands out Arrow's streams (polars, pyarrow, DuckDB's relations).

Neither pyarrow nor polars is needed for that: DuckDB reads both by itself.
"""

import json
import numbers
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa

from recon_assets.dialect.file_formats import refuse_alike
from recon_assets.errors import DeclarationError, DoesNotFitError

_REGISTERED = "recon frame"


class Frame(Protocol):
    """What can be a side without being in a database."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """All rows, as Arrow's PyCapsule interface has it."""


@dataclass(frozen=True)
class FrameTable:
    """A frame that is read as a table; see `file_formats.Source`, which says the same of files."""

    database: str
    frame: Frame
    has_header = False

    @property
    def options(self) -> Mapping[str, str]:
        """None: how texts are written is said of files."""
        return {}

    @property
    def place(self) -> str:
        """How messages about all rows begin."""
        return f"{self.database}: the frame"

    def changed(self) -> bool:
        """Nobody else can, while this program waits for the comparison."""
        return False

    def line(self, row: int) -> str:
        """Where a row stands; the first is 0, as in pandas and polars."""
        return f"{self.place}, row {row}"


def frame_table(database: str, frame: Any) -> FrameTable:
    """A frame as a table.

    Raises:
        DeclarationError: When it is none, or its columns cannot be told apart.
    """
    if not hasattr(frame, "__arrow_c_stream__"):
        lazy = "call collect() first" if hasattr(frame, "collect") else "pass the URL of a database instead"
        msg = f"{database}: {type(frame).__name__} is no frame of pandas, polars or Arrow; {lazy}"
        raise DeclarationError(msg)
    table = FrameTable(database, frame)
    known = getattr(frame, "column_names", getattr(frame, "columns", ()))  # pyarrow's name for them, and all others'
    refuse_alike(table.place, [str(name) for name in known])
    return table


@contextmanager
def registered(connection: sa.Connection, source: FrameTable) -> Iterator[sa.Select[Any]]:
    """All rows of a frame, for as long as the block lasts."""
    readable = _plain(source) if _is_pandas(source.frame) else _Stream(source.frame)
    driver: Any = connection.connection.driver_connection
    driver.execute("SET pandas_analyze_sample = 0")
    driver.register(_REGISTERED, readable)
    try:
        yield sa.select(sa.literal_column("*")).select_from(sa.table(_REGISTERED))
    finally:
        driver.unregister(_REGISTERED)


class _Stream:
    """A frame of which DuckDB sees the stream alone: for one that it knows by name it would want pyarrow."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


def _is_pandas(frame: Any) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(frame, pandas.DataFrame)


def _plain(source: FrameTable) -> Any:
    """A frame of pandas whose objects are texts: DuckDB would guess their types from some of them."""
    frame: Any = source.frame
    pd: Any = sys.modules["pandas"]  # who has a frame of it has imported it
    named = frame.reset_index() if any(name is not None for name in frame.index.names) else frame
    columns = {}
    for place, name in enumerate(named.columns):
        series = named.iloc[:, place]
        if series.dtype == object:
            series = pd.Series(_texts(source, str(name), series), dtype=object)
        columns[place] = series.reset_index(drop=True)
    if not columns:
        msg = f"{source.place}: has no columns"
        raise DeclarationError(msg)
    made = pd.DataFrame(columns)
    made.columns = pd.Index([str(name) for name in named.columns])
    return made


def _texts(source: FrameTable, name: str, series: Any) -> Iterator[str | None]:
    for row, (value, absent) in enumerate(zip(series, series.isna(), strict=True)):
        try:
            yield None if absent else _text(value)
        except TypeError:
            what = f"a value of the type {type(value).__name__} has no form in databases"
            msg = f"{source.line(row)}: {name}: {what}; make it a text, a number or a time, or drop the column"
            raise DoesNotFitError(msg) from None


def _text(value: Any) -> str:
    """As a CSV file would have it, to the last digit."""
    for of, written in _WRITTEN.items():
        if isinstance(value, of):
            return written(value)
    raise TypeError


_WRITTEN: Mapping[type | tuple[type, ...], Callable[[Any], str]] = {
    str: str,
    bool: lambda value: str(value).lower(),
    numbers.Integral: lambda value: str(int(value)),
    Decimal: lambda value: format(value, "f"),
    numbers.Real: lambda value: repr(float(value)),
    (date, datetime, time): lambda value: value.isoformat(),
    UUID: str,
    (dict, list): lambda value: json.dumps(value, ensure_ascii=False),
}
"""By type; the first that holds."""
