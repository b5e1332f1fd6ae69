"""The sum of floats that does not depend on the order of rows, as sums of floats do: each step rounds."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.errors import DoesNotFitError
from recon_assets.values import numbers


class exact_sum(FunctionElement[Any]):  # noqa: N801 - SQL is lower case
    """The sum of the decimals that a column of doubles prints as, NULL of none: a number, or the text of one.

    Exact for all values in PostgreSQL and SQLite. MySQL and DuckDB have no decimal for some floats: where one of those
    is among the rows, all are added as floats. In MySQL these are 1e20 and more, or less than 1e-13 but not 0; in
    DuckDB 1e12 and more, or with more than 18 digits after the point.
    """

    type = sa.types.NullType()
    inherit_cache = True


@compiles(exact_sum, "postgresql")
def _exact_sum_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    return f"trim_scale(SUM(({compiler.process(element.clauses, **kw)})::text::numeric))"


@compiles(exact_sum, "mysql", "mariadb")
def _exact_sum_mysql(element: Any, compiler: Any, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    fits = f"{value} = 0 OR ABS({value}) >= 1e-13 AND ABS({value}) < 1e20"
    others = f"SUM(CASE WHEN {fits} THEN 0 ELSE {value} IS NOT NULL END)"
    exact = f"CAST(SUM(CAST(CAST({value} AS CHAR) AS DECIMAL(65,30))) AS CHAR)"
    return f"CASE WHEN {others} = 0 THEN {exact} ELSE CAST(SUM({value}) AS CHAR) END"


@compiles(exact_sum, "duckdb")
def _exact_sum_duckdb(element: Any, compiler: Any, **kw: Any) -> str:
    value = compiler.process(element.clauses, **kw)
    text = f"CAST({value} AS VARCHAR)"
    fits = f"regexp_full_match({text}, '-?[0-9]{{1,12}}([.][0-9]{{1,18}})?')"
    exact = f"CAST(SUM(TRY_CAST({text} AS DECIMAL(38,18))) AS VARCHAR)"
    return f"CASE WHEN bool_and({fits}) THEN {exact} ELSE CAST(SUM({value}) AS VARCHAR) END"


@compiles(exact_sum, "sqlite")
def _exact_sum_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    return f"recon_exact_sum({compiler.process(element.clauses, **kw)})"


class Sum:
    """SQLite's; what is no number counts as 0, as in its own sums."""

    def __init__(self) -> None:
        self.sum: Decimal | None = None

    def step(self, value: Any) -> None:
        """Add one."""
        if value is None:
            return
        try:
            number = numbers.number(value)
        except ValueError:
            number = Decimal()
        self.sum = numbers.EXACT.add(self.sum or Decimal(), number)

    def finalize(self) -> str | None:
        """The sum, None of nothing."""
        return None if self.sum is None else str(self.sum)


def read(total: Any) -> Any:
    """What a statement gives for the sum, as a number.

    Raises:
        DoesNotFitError: For a sum that MySQL has cut: it gives the largest decimal there is for all larger ones.
    """
    found = Decimal(numbers.plain(numbers.parse(total))) if isinstance(total, str) else total
    if isinstance(found, Decimal) and found.as_tuple().digits == _LARGEST_MYSQL:
        msg = "a sum has more than the 65 digits that MySQL adds up to; cast the column to fewer digits after the point"
        raise DoesNotFitError(msg)
    return found


_LARGEST_MYSQL = (9,) * 65
