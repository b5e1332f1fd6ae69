"""SQL as people write it: what would end it before its end."""

import pytest

from recon_assets.model import broken_out


@pytest.mark.parametrize(
    "sql",
    [
        "id = 1",
        "(id = 1) OR (id = 2)",
        "name = ':) ; (' AND \"odd)\" = 1 AND `a;b` = 2",
        "name = 'it''s (' -- a comment ;)\n",
        "id = 1 /* ) \n ; */",
        "note <> $$a;b)$$ AND note <> $x$($x$",
        r"name = E'it\'s )'",
        "id = 1 # ) a comment of MySQL",
    ],
)
def test_what_is_whole_stays(sql: str) -> None:
    """Parentheses in texts, names and comments count for nothing; nothing is said of what cannot be told."""
    assert broken_out(sql) is None


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("id = 1) OR (1 = 1", "a `)` has no `(` before it"),
        ("id IN (1, 2", "a `(` is not closed"),
        ("id = 1;", "a `;` ends the statement; leave it out"),
        ("name = ')' )", "a `)` has no `(` before it"),
    ],
)
def test_what_would_end_a_larger_statement_is_named(sql: str, why: str) -> None:
    """It would be valid, and mean other rows."""
    assert broken_out(sql) == why
