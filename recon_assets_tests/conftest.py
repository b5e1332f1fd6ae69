"""Databases for the tests: one PostgreSQL for all workers, a MariaDB for each, a fresh database for each asker."""

import gc
import itertools
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, LiteralString, NoReturn

import pytest
from psycopg import sql

from recon_assets import ledger
from recon_assets.ledger.schema import META
from recon_assets.local import Local, Server
from recon_assets.model import Project
from recon_assets_tests import mariadb as mariadb_server

Dialect = Literal["postgresql", "mysql", "duckdb", "sqlite"]
Fresh = Callable[[Dialect | Literal["ledger"]], str]

FLOORS = ("unit", "db", "dagster", "e2e")
IN_MEMORY, ENOUGH_BYTES = "/dev/shm", 4 * 2**30  # noqa: S108 - where it has room, nobody waits for a disk
if "TMPDIR" not in os.environ and os.access(IN_MEMORY, os.W_OK) and shutil.disk_usage(IN_MEMORY).free > ENOUGH_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = IN_MEMORY

COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""By this variable coverage measures the processes that a test starts."""

PROJECT = Project({}, {})
"""One like any other, for whom it does not matter which."""

NUMBERS = itertools.count(1)
POSTGRES: list[str] = []
"""Databases of this worker that no test uses now: to make and drop one takes ten times as long as to empty it."""
LEDGERS: list[str] = []
"""The same, each with a ledger of which nothing is left of earlier tests."""

# No test pulls the plug of the machine, which is all that these guard against; killed processes lose nothing.
# Nobody replicates them, and there is nothing to vacuum in databases that are emptied after each test.
FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "max_connections": "300",
}

CREATE: LiteralString = "CREATE DATABASE {} TEMPLATE template0 STRATEGY file_copy"
END_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Extensions, types and functions go with the schemas that they are in.
EMPTY = r"""
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname <> 'information_schema'
        AND nspname NOT LIKE 'pg\_%'
    LOOP
        EXECUTE 'DROP SCHEMA ' || name || ' CASCADE';
    END LOOP;
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC
"""
# No trigger and no foreign key, of which each table of the ledger has some.
UNGUARDED = "SET session_replication_role = replica"
RESTART = "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"


def need(what_is_missing: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be missing (``RECON_REQUIRE=all``)."""
    if os.environ.get("RECON_REQUIRE") == "all":
        pytest.fail(what_is_missing)
    pytest.skip(what_is_missing)


def floor(item: pytest.Item) -> str:
    """The folder of a test below ``recon_assets_tests``."""
    parts = item.path.relative_to(Path(__file__).parent).parts
    return parts[0] if parts[0] in FLOORS else FLOORS[0]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder and run the fast folders first; the order within a folder stays random.

    Several workers begin with the slow ones instead, so that the last to end has little left.
    """
    for item in items:
        item.add_marker(floor(item))
    items.sort(key=lambda item: FLOORS.index(floor(item)), reverse="PYTEST_XDIST_WORKER" in os.environ)


def pytest_collection_finish() -> None:
    """What has been imported stays to the end: the garbage collector need not look at it after each test."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Run a test that is marked `repeats`, and its processes, without the tracing that coverage needs.

    Where that is on, Python runs all code slowly, SQLAlchemy's and Dagster's too.
    """
    if item.get_closest_marker("repeats") is None:
        return (yield)
    tracer, of_threads, of_processes = sys.gettrace(), threading.gettrace(), os.environ.pop(COVERAGE, None)
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        threading.settrace(of_threads)
        sys.settrace(tracer)
        if of_processes is not None:
            os.environ[COVERAGE] = of_processes


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this run of pytest."""
    own = tmp_path_factory.getbasetemp()
    return (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "recon"


@pytest.fixture(scope="session")
def postgres(shared_home: Path) -> Iterator[Server]:
    """The embedded PostgreSQL, shared by all workers; make databases of your own with `fresh`."""
    with Local(shared_home, settings=FAST).running() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[mariadb_server.MariaDB]:
    """A MariaDB of this worker's own."""
    if missing := mariadb_server.missing():
        need(missing)
    with mariadb_server.running() as server:
        yield server


@pytest.fixture
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fresh]:
    """A function that makes an empty database of the named dialect and returns its URL; gone after the test.

    Those in PostgreSQL are made for the first test that wants one, and emptied for the next.
    """
    with ExitStack() as stack:

        def database(dialect: Dialect | Literal["ledger"]) -> str:
            if dialect == "ledger":
                return _ledger(request.getfixturevalue("postgres"), stack)
            if dialect == "postgresql":
                return _in_postgres(request.getfixturevalue("postgres"), stack)
            name = _new_name()
            if dialect == "mysql":
                return _in_mariadb(request.getfixturevalue("mariadb"), name, stack)
            return f"{dialect}:///{tmp_path / name}.{dialect}"

        yield database


@pytest.fixture(scope="session")
def soak_seconds() -> float:
    """How long each soak test may go on."""
    return float(os.environ.get("RECON_SOAK_SECONDS", "600"))


@pytest.fixture
def postgres_url(fresh: Fresh) -> str:
    """An empty PostgreSQL database."""
    return fresh("postgresql")


def _new_name() -> str:
    """One that no database has."""
    return f"t{next(NUMBERS)}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


def _in_postgres(server: Server, stack: ExitStack) -> str:
    name = POSTGRES.pop() if POSTGRES else _new_database(server)
    stack.callback(_empty, server, name)
    return server.url(name)


def _new_database(server: Server) -> str:
    name = _new_name()
    _run(server, CREATE, name)
    return name


def _empty(server: Server, name: str) -> None:
    _run(server, "ALTER DATABASE {} RESET ALL", name)
    with server.connect(name) as connection:
        connection.execute(END_OTHERS)
        connection.execute(EMPTY)
    POSTGRES.append(name)


def _ledger(server: Server, stack: ExitStack) -> str:
    name = LEDGERS.pop() if LEDGERS else _new_ledger(server)
    stack.callback(_empty_ledger, server, name)
    return server.url(name)


def _new_ledger(server: Server) -> str:
    name = _new_database(server)
    ledger.upgrade(server.url(name))
    return name


def _empty_ledger(server: Server, name: str) -> None:
    with server.connect(name) as connection:
        connection.execute(END_OTHERS)
        connection.execute(UNGUARDED)
        for table in META.sorted_tables:  # in a fifteenth of the time of TRUNCATE, as few have rows
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(*table.fullname.split("."))))
        connection.execute(RESTART)
    LEDGERS.append(name)


def _run(server: Server, statement: LiteralString, name: str) -> None:
    with server.connect() as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _in_mariadb(server: mariadb_server.MariaDB, name: str, stack: ExitStack) -> str:
    server.execute(f"CREATE DATABASE {name}")
    stack.callback(server.execute, f"DROP DATABASE {name}")
    return server.url(name)
