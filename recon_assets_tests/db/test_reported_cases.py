"""Small inputs from real use, each of which was once "Equal", cut short or a traceback: the answer that is right."""

import pytest

import recon_assets
from recon_assets.errors import DeclarationError
from recon_assets.model import Comparison
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Sides

DIFFERENT = [
    ("numeric(12,2)", "25.50", "-25.50"),
    ("numeric", "NaN", "Infinity"),
    ("bigint", "-1", "4294967295"),
    ("bigint", "1", "4294967296"),
    ("timestamptz", "1970-01-01 00:00:00+00", "1970-01-01 01:11:34.967297+00"),
    ("time", "00:00:00", "01:11:34.967297"),
]


def compared(sides: Sides, **more: object) -> Comparison:
    given = {"key": ["id"], **more}
    return recon_assets.compare(sides.source.url, "t", sides.target.url, "t", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("of", "source", "target"), DIFFERENT)
def test_values_that_a_hash_table_takes_for_one(both: Both, of: str, source: str, target: str) -> None:
    """PostgreSQL's own hash functions lose a sign, the upper half of a number, or which infinity it was."""
    sides = both("postgresql", "postgresql")
    for side, value in ((sides.source, source), (sides.target, target)):
        side.run(f"CREATE TABLE t (id integer PRIMARY KEY, v {of})", f"INSERT INTO t VALUES (1, '{value}')")

    found = compared(sides)

    assert [(record.key, record.differing) for record in found.mismatched] == [((1,), ("v",))]


@pytest.mark.parametrize(("kept", "expected"), [(0.99, 0), (0.98, 1)])
@pytest.mark.parametrize("target", ["postgresql", "mysql"])
def test_a_decimal_that_sqlite_keeps_as_a_real(both: Both, target: Name, kept: float, expected: int) -> None:
    """It is the number that it prints as, so that a price copied by anybody's tool is equal."""
    sides = both("sqlite", target)
    sides.create("id INTEGER PRIMARY KEY, v NUMERIC(10,2)", "id integer PRIMARY KEY, v decimal(10,2)")
    sides.source.run(f"INSERT INTO t VALUES (1, {kept})")
    sides.target.run("INSERT INTO t VALUES (1, 0.99)")

    assert compared(sides).counts.mismatched == expected


def test_a_number_as_only_python_writes_it_equals_none(both: Both) -> None:
    """SQLite keeps any text in a column of integers; no database reads `1_000` as a number."""
    sides = both("sqlite", "postgresql")
    sides.create("id INTEGER PRIMARY KEY, v INTEGER", "id integer PRIMARY KEY, v integer")
    sides.source.run("INSERT INTO t VALUES (1, '1_000')")
    sides.target.run("INSERT INTO t VALUES (1, 1000)")

    (record,) = compared(sides).mismatched

    assert (record.key, record.differing) == ((1,), ("v",))
    assert record.source
    assert record.source["v"] != 1000


def test_a_column_that_mariadb_does_not_show(both: Both) -> None:
    """`SELECT *` leaves out INVISIBLE columns, and so would a comparison that begins there."""
    sides = both("mysql", "postgresql")
    sides.create("id integer PRIMARY KEY, secret integer INVISIBLE", "id integer PRIMARY KEY, secret integer")
    sides.source.run("INSERT INTO t (id, secret) VALUES (1, 5)")
    sides.target.run("INSERT INTO t VALUES (1, 6)")

    assert [record.differing for record in compared(sides).mismatched] == [("secret",)]


def test_addresses_beside_bytes_are_compared_as_the_advice_says(both: Both) -> None:
    """`inet` and `varbinary(16)` meet by no cast; the queries that the error names compare them, IPv6 too."""
    sides = both("postgresql", "mysql")
    sides.create("id integer PRIMARY KEY, ip inet", "id integer PRIMARY KEY, ip varbinary(16)")
    sides.source.run("INSERT INTO t VALUES (1, '10.0.0.1'), (2, '2001:db8::1'), (3, '10.0.0.3')")
    sides.target.run(
        "INSERT INTO t VALUES (1, inet6_aton('10.0.0.1')), (2, inet6_aton('2001:db8::1')), (3, x'0a000004')"
    )

    (left_out,) = compared(sides).not_compared
    with pytest.raises(DeclarationError, match="no cast makes texts of bytes") as cast:
        compared(sides, columns=["ip"], cast={"ip": "text"})
    queries = "(select id, host(ip) as ip from t)", "(select id, inet6_ntoa(ip) as ip from t)"
    found = recon_assets.compare(sides.source.url, queries[0], sides.target.url, queries[1], key=["id"])

    assert "host(x) and inet6_ntoa(x)" in left_out.why
    assert "--cast" not in left_out.why + str(cast.value)
    assert [(record.key, record.differing) for record in found.mismatched] == [((3,), ("ip",))]
