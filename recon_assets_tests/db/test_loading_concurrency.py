"""Loads that meet each other, are killed, or lose their database: no row is lost, and none comes twice."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from multiprocessing.synchronize import Event

import pytest
import sqlalchemy as sa

from recon_assets import dialect, reading, writing
from recon_assets.dialect.locks import locked
from recon_assets.errors import DeclarationError, DoesNotFitError, UnavailableError
from recon_assets.model import ALL, Database, Mode, Relation
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, Side, Sides, spec, wrote

MANY = 3000
ROWS = [(at, at) for at in range(MANY)]


def prepared(both: Both, target: Name, source: Name = "postgresql") -> Sides:
    sides = both(source, target)
    sides.create("id integer, v integer", "id integer primary key, v integer")
    sides.source.run(f"INSERT INTO t VALUES {', '.join(map(str, ROWS))}")
    return sides


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("mode", [Mode.INSERT_MISSING, Mode.REPLACE])
def test_two_loads_of_one_window(both: Both, target: Name, mode: Mode) -> None:
    """One waits for the other, whatever it then finds to do."""
    sides = prepared(both, target)
    pairs = [sides.pair(spec()) for _ in range(4)]

    with ThreadPoolExecutor(4) as pool:
        loads = list(pool.map(lambda pair: writing.load(pair, ALL, mode=mode), pairs))

    assert sides.target.rows() == ROWS
    assert sorted(load.inserted for load in loads) == [0, 0, 0, MANY]


def load_slowly(sides: Sides, began: Event) -> None:
    """For a process of its own: its target takes a second for each row, through a trigger."""
    began.set()
    sides.load(spec(), mode=Mode.UPSERT)


SLOW = {
    "postgresql": (
        (
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF new.id % 1000 = 999 THEN PERFORM pg_sleep(1); END IF; RETURN new; END $$"
        ),
        "CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()",
    ),
    "mysql": ("CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW SET @slept = IF(new.id % 1000 = 999, sleep(1), 0)",),
}
QUICK = {"postgresql": "DROP TRIGGER slow ON t", "mysql": "DROP TRIGGER slow"}
SLEEPING: dict[Name, str] = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
    "mysql": "SELECT id FROM information_schema.processlist WHERE state = 'User sleep' AND db = database()",
}


@contextmanager
def loading(sides: Sides) -> Iterator[multiprocessing.process.BaseProcess]:
    """A process that is in the middle of a load."""
    context = multiprocessing.get_context("spawn")
    began = context.Event()
    process = context.Process(target=load_slowly, args=(sides, began))
    process.start()
    assert began.wait(60)
    session(sides.target, SLEEPING)
    yield process
    process.kill()
    process.join(30)


def session(target: Side, state: dict[Name, str]) -> int:
    """The session that is in that state, as soon as one is."""
    give_up = time.monotonic() + 60
    while not (found := target.rows(state[target.name])):
        assert time.monotonic() < give_up, "the load did not get there"
        time.sleep(0.02)
    return int(found[0][0])


@pytest.mark.parametrize("target", TARGETS)
def test_killed_load_leaves_nothing_and_holds_nothing(both: Both, target: Name) -> None:
    """Kill -9 in the middle: the lock is free at once, and the next load does it all."""
    sides = prepared(both, target)
    sides.target.run("INSERT INTO t VALUES (0, -1)", *SLOW[target])
    with loading(sides) as process:
        assert process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
    assert sides.target.rows() == [(0, -1)]
    sides.target.run(QUICK[target])

    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (MANY - 1, 1, 0)
    assert sides.target.rows() == ROWS


KILL = {"postgresql": "SELECT pg_terminate_backend({})", "mysql": "KILL {}"}


@pytest.mark.parametrize("target", TARGETS)
def test_target_that_goes_away(both: Both, target: Name) -> None:
    """Is worth another try, and the window is as it was."""
    sides = prepared(both, target)
    sides.target.run("INSERT INTO t VALUES (0, -1)", *SLOW[target])
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(sides.load, spec(), ALL, Mode.UPSERT)
        sides.target.run(KILL[target].format(session(sides.target, SLEEPING)))
        with pytest.raises(UnavailableError, match=r"^t all: .*; it may work when tried again"):
            load.result(60)

    assert sides.target.rows() == [(0, -1)]
    sides.target.run(QUICK[target])
    assert wrote(sides.load(spec(), mode=Mode.UPSERT)) == (MANY - 1, 1, 0)


WAITING: dict[Name, str] = {
    "postgresql": "SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()",
    "mysql": "SELECT id FROM information_schema.processlist WHERE state = 'User lock' AND db = database()",
}


@pytest.mark.parametrize("target", TARGETS)
def test_target_that_goes_away_while_another_load_is_waited_for(both: Both, target: Name) -> None:
    """Is not a lock that takes long."""
    sides = prepared(both, target)
    with sides.pair(spec()).target.connect() as other, locked(other, "t all"), ThreadPoolExecutor(1) as pool:
        load = pool.submit(sides.load, spec())
        sides.target.run(KILL[target].format(session(sides.target, WAITING)))
        with pytest.raises(UnavailableError, match=r"^t all: .*; it may work when tried again"):
            load.result(60)
    assert sides.target.rows() == []


@pytest.mark.parametrize("target", TARGETS)
def test_lock_that_is_held_too_long(both: Both, target: Name) -> None:
    """Says who has it and what to do; what others hold by another name is no matter."""
    sides = prepared(both, target)
    engine = sides.pair(spec()).target
    with engine.connect() as one, engine.connect() as other, locked(one, "t all"):
        busy(other, "t all: another run is writing it, and has not ended in time; try again when it has", seconds=1)
    with engine.connect() as one, engine.connect() as other, locked(one, "t all"), locked(other, "u all", seconds=1):
        pass
    with engine.connect() as other, locked(other, "t all", seconds=1):
        pass


def test_lock_that_outlasts_the_statement_timeout(both: Both) -> None:
    """It was the lock that took long, and not a statement."""
    sides = prepared(both, "postgresql")
    engine = sides.pair(spec(), statement_timeout=timedelta(seconds=1)).target
    with engine.connect() as one, engine.connect() as other, locked(one, "t all"):
        busy(other, "t all: another run is writing it", seconds=300)


def busy(connection: sa.Connection, said: str, *, seconds: int) -> None:
    with pytest.raises(UnavailableError, match=said), locked(connection, "t all", seconds=seconds):
        pytest.fail("both have the lock")


# Of so short a time PostgreSQL's statement may have spent a tenth before it met the lock.
_SAID = {"postgresql": "holds a lock|statement_timeout [(]raise", "mysql": "another session holds a lock"}
_WHOLE = {"postgresql": "LOCK TABLE t", "mysql": "LOCK TABLES t WRITE"}


@pytest.mark.parametrize("target", TARGETS)
def test_rows_that_somebody_holds(both: Both, target: Name) -> None:
    """A lock of another program is waited for, as long as a statement may take."""
    sides = prepared(both, target)
    sides.target.run("INSERT INTO t VALUES (5, -1)")
    pair = sides.pair(spec(), statement_timeout=timedelta(seconds=2))
    for held in ("UPDATE t SET v = -2 WHERE id = 5", _WHOLE[target]):
        with sides.target.connect() as connection:
            connection.cursor().execute(held)
            with pytest.raises(UnavailableError, match=_SAID[target]):
                writing.load(pair, ALL, mode=Mode.UPSERT)
            connection.rollback()
    assert sides.target.rows() == [(5, -1)]


SLOW_QUERIES = {
    "postgresql": "select id, v from t where pg_sleep(2) is not null",
    "mysql": "select id, v from t where id < 3 and sleep(2) = 0",
}


@pytest.mark.parametrize("source", SLOW_QUERIES)
@pytest.mark.parametrize("target", TARGETS)
def test_source_is_protected_by_a_timeout(both: Both, source: Name, target: Name) -> None:
    """The sentence names the source and what to raise."""
    sides = prepared(both, target, source)
    declared = spec(source=Relation("source", query=SLOW_QUERIES[source]))
    with pytest.raises(UnavailableError, match=r"t all: source: a statement .* statement_timeout \(raise"):
        writing.load(sides.pair(declared, statement_timeout=timedelta(seconds=1)), ALL)
    assert sides.target.rows() == []


WRITES = ("INSERT INTO t VALUES (-1, -1)", "UPDATE t SET v = 0", "DELETE FROM t", "CREATE TABLE u (a integer)")


@pytest.mark.parametrize("source", ["postgresql", "mysql", "duckdb", "sqlite"])
@pytest.mark.parametrize("statement", WRITES)
def test_source_refuses_every_write(both: Both, source: Name, statement: str) -> None:
    """Whatever the user of the URL may do."""
    sides = prepared(both, "postgresql", source)
    engine = sides.pair(spec()).source
    with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.?only"):
        connection.exec_driver_sql(statement)
    sides.close()
    assert sides.source.rows() == ROWS


@pytest.mark.parametrize("target", TARGETS)
def test_connections_are_capped(both: Both, target: Name) -> None:
    """No load needs more than one of each side, also when it looks for the row at fault."""
    sides = prepared(both, target)
    sides.source.run("INSERT INTO t VALUES (NULL, 1)")
    pair = sides.pair(spec(), connections=1)
    with pytest.raises(DoesNotFitError, match="cannot hold NULL"):
        writing.load(pair, ALL)
    sides.source.run("DELETE FROM t WHERE id IS NULL")
    with ThreadPoolExecutor(3) as pool:
        loads = list(pool.map(partial(writing.load, pair), [ALL] * 3))
    assert sorted(load.inserted for load in loads) == [0, 0, MANY]


def test_waiting_for_a_connection_ends(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to raise."""
    sides = prepared(both, "postgresql")
    pair = sides.pair(spec(), connections=1)
    monkeypatch.setattr(pair.target.pool, "_timeout", 0.1)
    with (
        pair.target.connect(),
        pytest.raises(UnavailableError, match=r"t all: all connections .* raise `connections` under databases"),
    ):
        writing.load(pair, ALL)


@pytest.mark.parametrize("target", TARGETS)
def test_failed_load_holds_nothing(both: Both, target: Name) -> None:
    """Although its connections stay open for the next load."""
    sides = prepared(both, target)
    sides.source.run("INSERT INTO t VALUES (NULL, 1)")
    pair = sides.pair(spec())
    with pytest.raises(DoesNotFitError):
        writing.load(pair, ALL)
    with sides.pair(spec()).target.connect() as other, locked(other, "t all", seconds=1):
        pass


UNREACHABLE = {
    "postgresql": "postgresql://reader:s3cr3t@127.0.0.1:1/x",
    "mysql": "mysql://reader:s3cr3t@127.0.0.1:1/x",
}


@pytest.mark.parametrize("url", UNREACHABLE.values(), ids=UNREACHABLE)
def test_database_that_is_not_there(url: str) -> None:
    """Is worth another try; nothing that is said or raised repeats the password."""
    engine = dialect.engine(Database("ops", url), role="source")
    with pytest.raises(UnavailableError) as caught:
        reading.describe(engine, spec().source)
    assert "s3cr3t" not in repr(engine)
    assert "s3cr3t" not in repr(Database("ops", url))
    assert not any("s3cr3t" in said for said in chain(caught.value))


def test_wrong_password_is_not_repeated(both: Both) -> None:
    """The server's refusal names the user only."""
    sides = both("postgresql", "mysql")
    url = sa.make_url(sides.target.url).set(username="nobody", password="s3cr3t")  # noqa: S106 - it is no secret
    engine = dialect.engine(Database("ops", url.render_as_string(hide_password=False)), role="source")
    with pytest.raises((UnavailableError, DeclarationError), match="Access denied for user 'nobody'") as caught:
        reading.describe(engine, spec().source)
    assert not any("s3cr3t" in said for said in chain(caught.value))


def chain(error: BaseException | None) -> Iterator[str]:
    """What an error says, and all those behind it."""
    while error:
        yield f"{error} {error!r}"
        error = error.__cause__ or error.__context__
