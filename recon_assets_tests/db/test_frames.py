"""Frames as sides: of pandas, and Arrow's streams, which polars, pyarrow and DuckDB's relations hand out."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pytest

import recon_assets
from recon_assets.errors import DeclarationError, DoesNotFitError
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.db.sides import Side

CREATE = """
CREATE TABLE orders (
    id integer PRIMARY KEY, name text, amount numeric(12, 8), huge numeric(38), ratio double precision,
    quantity integer, placed date, changed timestamptz, stored timestamp, at_time time, paid boolean, code uuid,
    extra text, state text
)
"""
ROWS = """
INSERT INTO orders VALUES
(1, '', 0, 12345678901234567890123456789012345678, 100000, 7, '2024-02-29', '2024-01-01 08:00+00',
 '2024-01-01 10:00:00.123456', '23:59:59.5', true, '6b2c1c0e-8a1f-4d4e-9d57-0a1b2c3d4e5f', '{"a": [1, "é"]}', 'new'),
(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(3, 'c;d', 0.1, -1, 0.1, 0, '1969-12-31', '1969-12-31 23:59:59.5+00', '9999-12-31', '00:00', false, NULL, '7', 'paid')
"""


@pytest.fixture
def orders(fresh: Fresh) -> str:
    """The table in PostgreSQL."""
    url = fresh("postgresql")
    Side("postgresql", url).run(CREATE, ROWS)
    return url


def of_pandas() -> Any:
    """The same rows in pandas: columns with types of its own, and objects of Python."""
    import pandas as pd

    berlin = pd.Timestamp("2024-01-01 09:00", tz="Europe/Berlin").to_pydatetime()
    columns: dict[str, Any] = {
        "id": [1, 2, 3],
        "name": ["", None, "c;d"],
        "amount": [Decimal("0E-8"), None, Decimal("0.10")],
        "huge": [12345678901234567890123456789012345678, math.nan, -1],
        "ratio": [1e5, math.nan, 0.1],
        "quantity": [7.0, math.nan, 0.0],  # what pandas makes of integers, some of which are not there
        "placed": [date(2024, 2, 29), None, date(1969, 12, 31)],
        "changed": pd.Series([berlin, None, datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC)], dtype="object"),
        "stored": [datetime(2024, 1, 1, 10, 0, 0, 123456), None, datetime(9999, 12, 31)],  # noqa: DTZ001 - has none
        "at_time": [time(23, 59, 59, 500_000), None, time(0)],
        "paid": [True, None, False],
        "code": [UUID("6b2c1c0e-8a1f-4d4e-9d57-0a1b2c3d4e5f"), pd.NA, pd.NaT],
        "extra": pd.Series([{"a": [1, "é"]}, None, 7], dtype="object"),
        "state": pd.Categorical(["new", None, "paid"]),
    }
    return pd.DataFrame(columns).set_index("id")


def test_frames_of_pandas_are_sides(orders: str) -> None:
    """NaN, NaT and NA are NULL, a named index is a column, objects are read as the other side's type."""
    frame = of_pandas()

    for sides in ((frame, "frame", orders, "orders"), (orders, "orders", frame, "frame")):
        comparison = recon_assets.compare(*sides)
        assert (comparison.equal, comparison.not_compared, comparison.counts.source) == (True, (), 3)
    frame.loc[3, "amount"] = Decimal("0.2")
    differing = recon_assets.compare(frame, "frame", orders, "orders").mismatched
    assert [(item.key, item.columns) for item in differing] == [((3,), {"amount": ("0.2", "0.1")})]


def test_streams_of_arrow_are_sides(orders: str) -> None:
    """Types are kept; times have room for nanoseconds there, which is no other type unless a row uses it."""
    with duckdb.connect() as made:
        made.execute(
            CREATE.replace("numeric(38)", "decimal(38, 0)").replace("stored timestamp,", "stored timestamp_ns,")
        )
        made.execute(ROWS.replace("9999-12-31", "2199-12-31"))
        Side("postgresql", orders).run("UPDATE orders SET stored = '2199-12-31' WHERE id = 3")

        assert recon_assets.compare(made.table("orders"), "frame", orders, "orders").equal
        made.execute("UPDATE orders SET stored = '2024-01-01 10:00:00.123456789' WHERE id = 1")
        comparison = recon_assets.compare(orders, "orders", made.table("orders"), "frame")
        assert [(item.column, item.why.split(" has ")[0]) for item in comparison.not_compared] == [
            ("stored", "TIMESTAMP_NS")
        ]


def made_of(**columns: Any) -> Callable[[], Any]:
    """A frame of pandas."""

    def made() -> Any:
        import pandas as pd

        return pd.DataFrame({name.rstrip("_"): pd.Series(values) for name, values in columns.items()})

    return made


class Lazy:
    """As polars' frames that are not computed yet."""

    def collect(self) -> None:
        """Nobody calls it."""


class Alike:
    """As pyarrow's tables, whose columns may have one name."""

    column_names = ("id", "ID")

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        raise AssertionError


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no frame": (lambda: 5, "source: int is no frame of pandas, polars or Arrow; pass the URL"),
    "lazy": (Lazy, "Lazy is no frame of pandas, polars or Arrow; call collect"),
    "no columns": (made_of(), "source: the frame: has no columns"),
    "one name": (
        made_of(id=[1], ID=[2]),
        "the frame: expected a name of its own for each column; 'id' and 'ID' are one",
    ),
    "one name in Arrow": (Alike, "expected a name of its own for each column"),
    "bytes": (made_of(id=[1, 2], name=[None, b"x"]), "the frame, row 1: name: a value of the type bytes has no form"),
    "no number": (made_of(id=[1, 2], amount=["1.5", "1e5"]), "row 1: amount: expected a number such as 1234.56"),
    "float": (made_of(id=[1, 2], quantity=["1", "x"]), "row 1: quantity: expected a number such as 42"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_frames_that_are_no_table_are_refused(orders: str, case: str) -> None:
    """The row, the column and what was expected."""
    make, said = REFUSED[case]

    with pytest.raises((DeclarationError, DoesNotFitError), match=said):
        recon_assets.compare(make(), "frame", orders, "orders", key=["id"])
