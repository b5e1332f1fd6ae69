"""Names of tables, SQL that people wrote, and hints."""

from datetime import date
from decimal import Decimal

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from recon_assets.dialect.windows import within
from recon_assets.errors import DeclarationError
from recon_assets.model import ALL, Calendar, Kind
from recon_assets.reading import condition, nearest, split_name, written
from recon_assets.reading.measures import quotient

NAMES = {
    "t": (None, "t"),
    "s.t": ("s", "t"),
    '"a.b"."c d"': ("a.b", "c d"),
    's."T"': ("s", "T"),
    '"a""b"': (None, 'a"b'),
    " s . t ": ("s", "t"),
}


@pytest.mark.parametrize(("name", "parts"), NAMES.items())
def test_name_of_a_table(name: str, parts: tuple[str | None, str]) -> None:
    """Quoted where it needs to be."""
    assert split_name(name) == parts


@pytest.mark.parametrize("name", ["", "a.b.c", "a b", '"a', "."])
def test_what_is_no_name(name: str) -> None:
    """Says what is."""
    with pytest.raises(DeclarationError, match=r"is no table name; expected name or schema\.name"):
        split_name(name)


WRITTEN = ["select 'a:b', x::int, ':c', '%', '100%%' from t", "a between :x and 1"]


@pytest.mark.parametrize("sql", WRITTEN)
def test_sql_of_people_takes_no_parameters(sql: str) -> None:
    """A colon is a colon, a percent sign is a percent sign."""
    psycopg = sa.make_url("postgresql+psycopg://").get_dialect()()
    assert str(written(sql).compile(dialect=sqlite.dialect())) == sql
    assert str(written(sql).compile(dialect=psycopg)) == sql.replace("%", "%%")
    assert written(sql).compile().params == {}


def test_condition_may_end_in_a_comment() -> None:
    """And none is true."""
    assert str(condition("a = 1 -- only").compile()) == "(a = 1 -- only\n)"
    assert str(condition(None).compile()) == "true"


def test_hints() -> None:
    """The nearest name, or those there are."""
    assert nearest("flight", ["flights", "planes"]) == "did you mean 'flights'?"
    assert nearest("x", ["b", "a"]) == "there are a, b"
    assert nearest("x", []) == "there are none"
    assert nearest("x", [f"n{at}" for at in range(10, 40)]).endswith("n29, ..")


def test_window_without_bounds_is_no_condition() -> None:
    """It would be all rows, or none."""
    with pytest.raises(ValueError, match="window all has no bounds"):
        within(sa.column("at"), Kind.DATE, [ALL], Calendar("at", date(2024, 1, 1)), "sqlite")


AVERAGES = [
    (10, 4, "2.5"),
    (1, 3, "0.3333333333333333333333333333"),
    (10**33 + 1, 1, f"{10**33 + 1}"),
    (10**33 + 1, 2, f"{10**33 // 2}.5"),
    ("NaN", 2, "NaN"),
    ("Infinity", 2, "Infinity"),
]


@pytest.mark.parametrize(("total", "count", "average"), AVERAGES)
def test_averages_are_not_rounded_together(total: int | str, count: int, average: str) -> None:
    """However large they are."""
    assert str(quotient(Decimal(total), count)) == average
