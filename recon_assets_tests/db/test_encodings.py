"""Texts are the same texts however a database or column keeps them, and what is no text is said to be none."""

import itertools
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from recon_assets import compare
from recon_assets.errors import DoesNotFitError
from recon_assets.local import Server
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Side

pytestmark = pytest.mark.repeats

ENCODINGS = ("UTF8", "LATIN1", "WIN1252", "SQL_ASCII")
CHARSETS = ("latin1", "ucs2", "utf16", "utf32", "cp1250")
ROWS = [("é", "ü", '{"a": "é"}'), ("b", "x", None)]


@pytest.fixture(scope="module")
def encoded(postgres: Server, worker_id: str) -> Iterator[dict[str, Side]]:
    """PostgreSQL databases with the same texts, each in another encoding."""
    names = {encoding: f"{encoding.lower()}_{worker_id}" for encoding in ENCODINGS}
    made = {}
    for encoding, name in names.items():
        with postgres.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'".encode())
        made[encoding] = Side("postgresql", f"{postgres.url(name)}&client_encoding=utf8")
        made[encoding].run("CREATE TABLE t (k varchar(9) PRIMARY KEY, v text, j jsonb)")
        made[encoding].fill("t", ROWS)
    yield made
    with postgres.connect() as connection:
        for name in names.values():
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize(("source", "target"), [*itertools.combinations_with_replacement(ENCODINGS, 2)])
def test_databases_of_different_encodings(encoded: dict[str, Side], source: str, target: str) -> None:
    """Are equal where their texts are."""
    found = compare(encoded[source].url, "t", encoded[target].url, "t", key=["k"])
    assert (found.equal, found.counts.source, found.counts.target) == (True, 2, 2)


@pytest.mark.parametrize("encoding", ["UTF8", "LATIN1"])
def test_columns_of_different_character_sets(encoded: dict[str, Side], both: Both, encoding: str) -> None:
    """Are equal where their texts are, and one letter is found."""
    here, there = encoded[encoding], both("postgresql", "mysql").target
    for charset in CHARSETS:
        of = f"character set {charset}"
        there.run(f"CREATE TABLE {charset} (k varchar(9) {of} PRIMARY KEY, v text {of}, j json)")
        there.fill(charset, ROWS)
        assert compare(here.url, "t", there.url, charset, key=["k"]).equal, charset
        there.run(f"UPDATE {charset} SET v = 'ö' WHERE k = 'é'")
        found = compare(here.url, "t", there.url, charset, key=["k"])
        assert [(item.key, dict(item.columns)) for item in found.mismatched] == [(("é",), {"v": ("ü", "ö")})], charset


def test_bytes_that_are_no_text(postgres: Server, encoded: dict[str, Side], both: Both) -> None:
    """Are refused by what they are: SQLite and SQL_ASCII keep whatever they are given."""
    sqlite = both("sqlite", "postgresql").source
    sqlite.run("CREATE TABLE t (k text, v text)", "INSERT INTO t VALUES ('a', CAST(x'ff41' AS text))")
    with postgres.connect(str(sa.make_url(encoded["SQL_ASCII"].url).database)) as connection:
        connection.execute(r"CREATE TABLE raw (k text, v text); INSERT INTO raw VALUES ('a', E'\xff')")
    utf8 = encoded["UTF8"]
    utf8.run("CREATE TABLE raw (k text, v text)", "INSERT INTO raw VALUES ('a', 'x')")
    for url, table in ((sqlite.url, "t"), (encoded["SQL_ASCII"].url, "raw")):
        with pytest.raises(DoesNotFitError, match=r"not UTF-8|not in repertoire"):
            compare(url, table, utf8.url, "raw", key=["k"])


def test_columns_that_a_star_leaves_out(both: Both) -> None:
    """Invisible columns are compared like others."""
    side = both("postgresql", "mysql").target
    side.run(
        "CREATE TABLE a (id int PRIMARY KEY, secret int INVISIBLE)", "CREATE TABLE b (id int PRIMARY KEY, secret int)"
    )
    side.run("INSERT INTO a (id, secret) VALUES (1, 2)", "INSERT INTO b VALUES (1, 3)")
    assert dict(compare(side.url, "a", side.url, "b", key=["id"]).by_column) == {"secret": 1}
