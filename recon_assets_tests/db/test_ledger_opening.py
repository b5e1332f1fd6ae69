"""The ledger brings its schema up to date, whoever starts first, and refuses what it does not know."""

import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from recon_assets import ledger
from recon_assets.errors import DeclarationError, RefusedError, UnavailableError
from recon_assets.ledger import Ledger
from recon_assets.ledger.opening import scripts
from recon_assets.ledger.schema import META, REVISION, SCHEMA
from recon_assets.model import CaseEventType
from recon_assets_tests.conftest import PROJECT, Fresh
from recon_assets_tests.db.ledgers import CASE, START, finding, happened, minute, missing, plain, record, rows
from recon_assets_tests.db.test_ledger_changes import EMPTY, accept, backup_sink, plan, settle

DOCS = Path(__file__).parents[2] / "docs" / "ledger.md"


@pytest.fixture
def book(postgres_url: str) -> Iterator[Ledger]:
    """Of the test's own: no emptying would take back what is done here to a schema and its rights."""
    ledger.upgrade(postgres_url)
    with ledger.opened(postgres_url, PROJECT) as found:
        yield found


def test_an_empty_database_becomes_a_ledger_and_stays_one(postgres_url: str) -> None:
    """The revision before and after is told; the second time nothing is to be done."""
    assert ledger.upgrade(postgres_url) == (None, REVISION)
    assert ledger.upgrade(postgres_url) == (REVISION, REVISION)


def test_who_opens_it_never_changes_its_schema(postgres_url: str) -> None:
    """Neither where there is none, nor where it is older; the sentence says what to do, and nothing is made."""
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as plainly:
        for made, said in (("", "is not there yet"), (OLDER, f"is at 0000 and this program needs {REVISION}")):
            plainly.execute(made.encode())
            with pytest.raises(RefusedError, match=f"its schema {said}; run `recon ledger upgrade`"):
                ledger.opened(postgres_url, PROJECT).__enter__()
        tables = plainly.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'recon'").fetchall()

    assert tables == [("alembic_version",)]


OLDER = "CREATE SCHEMA recon; CREATE TABLE recon.alembic_version AS SELECT '0000' AS version_num"


def test_several_starters_at_once_make_one_schema(postgres_url: str) -> None:
    """Whoever comes second finds it done."""
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ledger.upgrade, [postgres_url] * 4))

    assert {after for _, after in found} == {REVISION}
    with ledger.opened(postgres_url, PROJECT) as book:
        assert rows(book, "SELECT version_num FROM recon.alembic_version") == [(REVISION,)]


def test_migrations_make_what_the_program_speaks_of(book: Ledger) -> None:
    """Every table, column and index of the newest revision is that of the program, and no more."""
    with book.engine.connect() as c:
        options = {"version_table_schema": SCHEMA, "include_schemas": True, "include_name": _ours, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(c, opts=options), META) == []
        assert ScriptDirectory.from_config(scripts(c)).get_current_head() == REVISION


def _ours(name: str | None, kind: str, _: object) -> bool:
    return kind != "schema" or name == SCHEMA


def test_migrations_are_part_of_the_package() -> None:
    """They are found beside the code, wherever it is installed."""
    assert (files("recon_assets.ledger") / "migrations" / "env.py").is_file()


def test_a_newer_schema_is_refused(book: Ledger) -> None:
    """An old program does not touch what a newer one has made, and says what to do."""
    with plain(book) as connection:
        connection.execute("UPDATE recon.alembic_version SET version_num = '9999'")
    url = book.engine.url.render_as_string(hide_password=False)

    with (
        pytest.raises(RefusedError, match="newer than this program knows; update recon-assets"),
        ledger.opened(url, PROJECT),
    ):
        pass
    with pytest.raises(RefusedError):
        ledger.upgrade(url)


@pytest.mark.parametrize("revision", ["0000", "0001"])
def test_a_schema_of_another_make_is_told_in_a_sentence(postgres_url: str, revision: str) -> None:
    """One that we do not know, and one that is not what its number says; not in the database's words."""
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as plainly:
        plainly.execute(OLDER.replace("0000", revision).encode())

    with pytest.raises(RefusedError, match="none that this program has ever made"):
        ledger.upgrade(postgres_url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://root@localhost/ledger", "mysql cannot hold the ledger; use postgresql://"),
        ("sqlite:///ledger.sqlite", "sqlite cannot hold the ledger"),
        ("ledger", "ledger: not a database URL"),
    ],
)
def test_only_postgresql_holds_a_ledger(url: str, said: str) -> None:
    """Another database is refused before it is opened."""
    with pytest.raises(DeclarationError, match=said), ledger.opened(url, PROJECT):
        pass


def test_a_database_that_does_not_answer_may_be_tried_again() -> None:
    """The error is the one for that, and names the ledger."""
    with (
        pytest.raises(UnavailableError, match=r"^ledger: "),
        ledger.opened("postgresql://nobody@127.0.0.1:1/none", PROJECT),
    ):
        pass


def test_a_database_that_refuses_the_role_says_so(fresh: Fresh) -> None:
    """A role that may not make the schema is told by the database; the wish for more rights is not swallowed."""
    url = sa.make_url(fresh("postgresql"))
    with psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False)) as connection:
        connection.execute(f"DROP ROLE IF EXISTS stranger_{url.database}".encode())
        connection.execute(f"CREATE ROLE stranger_{url.database} LOGIN".encode())

    with pytest.raises(DeclarationError, match="permission denied"):
        ledger.upgrade(url.set(username=f"stranger_{url.database}").render_as_string(hide_password=False))


def test_a_role_without_rights_on_the_ledger_is_told_so(book: Ledger) -> None:
    """A schema that may not be looked at is not taken for one that is not there."""
    with (
        pytest.raises(DeclarationError, match="permission denied for schema recon"),
        ledger.opened(role(book), PROJECT),
    ):
        pass


def role(book: Ledger, grants: str = "") -> str:
    """The ledger's URL for a new role that has these rights."""
    name = f"visitor_{book.engine.url.database}"
    with plain(book) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {name}".encode())
        connection.execute(f"CREATE ROLE {name} LOGIN".encode())
        connection.execute(re.sub(r"TO \w+;", f"TO {name};", grants).encode())
    return book.engine.url.set(username=name).render_as_string(hide_password=False)


def test_the_rights_that_are_documented_are_enough_and_not_too_many(book: Ledger) -> None:
    """The program does its work with them, and cannot change what was said."""
    with ledger.opened(role(book, documented("recon", 6)), PROJECT) as visited:
        record(visited, finding(missing(1)))
        record(visited, finding(missing(1)))
        happened(visited, CaseEventType.FOUND, CaseEventType.DECIDED, CaseEventType.APPLYING, CaseEventType.APPLIED)
        settle(visited, plan(visited))
        accept(visited, ("id", "v"))
        backup_sink(visited).before([], [[("1",)]], EMPTY)
        with visited.begin() as c:
            assert len(ledger.claim_unrouted(c)) == 2
            ledger.withdraw(c, CASE, at=START)
            ledger.note_shown(c, CASE, 1)
        for table in ("finding", "discrepancy", "case_event", "change", "outcome", "acceptance", "backup_part"):
            with pytest.raises(DeclarationError, match="permission denied"):
                delete(visited, table)


def documented(who: str, count: int) -> str:
    """The statements that give a role its rights in the schema, of which there are so many in all."""
    found = re.findall(rf"^GRANT [^;]+ TO {who};", DOCS.read_text("utf-8"), re.MULTILINE)
    assert len(found) == count
    return "\n".join(grant for grant in found if "DATABASE" not in grant)


def test_the_rights_of_who_prunes_are_enough_and_not_too_many(book: Ledger) -> None:
    """What is old goes; nothing can be added."""
    happened(book, CaseEventType.FOUND, CaseEventType.RESOLVED)
    record(book, finding(missing(1)))
    record(book, finding())
    with book.begin() as c:
        ledger.claim_unrouted(c)

    with ledger.opened(role(book, documented("recon_keeper", 3)), PROJECT) as visited:
        with visited.begin() as c:
            gone = ledger.prune(c, keep=timedelta(), now=minute(10_000))
        assert all(gone[table] for table in ("review_case", "finding", "discrepancy")), gone
        with pytest.raises(DeclarationError, match="permission denied"):
            record(visited, finding())


def test_the_rights_of_who_reads_are_enough_and_not_too_many(book: Ledger) -> None:
    """Everything can be read, nothing changed."""
    happened(book, CaseEventType.FOUND)

    with ledger.opened(role(book, documented("auditor", 2)), PROJECT) as visited:
        assert rows(visited, "SELECT count(*) FROM recon.review_case") == [(1,)]
        with pytest.raises(DeclarationError, match="permission denied"):
            happened(visited, CaseEventType.COMMENTED)


def delete(book: Ledger, table: str) -> None:
    with book.begin() as c:
        c.exec_driver_sql(f"DELETE FROM recon.{table}")


def test_upgrading_prints_nothing(
    postgres_url: str, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not even to who wants to read every word."""
    with caplog.at_level(logging.INFO):
        ledger.upgrade(postgres_url)

    assert caplog.messages == []
    assert capfd.readouterr() == ("", "")


def test_a_transaction_that_fails_leaves_nothing(book: Ledger) -> None:
    """What a block did is undone when it raises."""

    def fail() -> None:
        with book.begin() as c:
            ledger.record_findings(c, [], run="run", at=START)
            raise KeyError

    with pytest.raises(KeyError):
        fail()

    assert rows(book, "SELECT count(*) FROM recon.evaluation") == [(0,)]
