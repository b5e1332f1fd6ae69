"""As which type the numbers of a file are read."""

import pytest

from recon_assets.dialect.file_values import decimal
from recon_assets.dialect.types import parse


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ((3, 2), "DECIMAL(5, 2)"),
        ((1, 0), "DECIMAL(5, 2)"),
        ((None, None), "DECIMAL(5, 2)"),
        ((1, 3), "DECIMAL(38, 3)"),
        ((4, 2), "DECIMAL(38, 2)"),
        ((36, 3), None),
    ],
)
def test_numbers_keep_all_their_digits(digits: tuple[int | None, int | None], expected: str | None) -> None:
    """In the other side's type where that holds them, else in a wider one; in none where none does."""
    assert decimal(parse("numeric(5,2)", "postgresql"), *digits) == expected


def test_numbers_beside_a_type_that_duckdb_lacks_keep_theirs() -> None:
    """PostgreSQL's numbers of 50 digits, and those without a limit."""
    for of in ("numeric(50,10)", "numeric"):
        assert decimal(parse(of, "postgresql"), 2, 1) == "DECIMAL(38, 1)"
