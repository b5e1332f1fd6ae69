"""No server, role, pooler or network can bend what our sessions read or write."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
import sqlalchemy as sa

from recon_assets import compare, dialect
from recon_assets.dialect import session_settings
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.engines import Role
from recon_assets.dialect.session_settings import Keepalive
from recon_assets.errors import DeclarationError, UnavailableError
from recon_assets.local import Server
from recon_assets.model import Database
from recon_assets_tests import pgbouncer
from recon_assets_tests.conftest import Fresh, need
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Side
from recon_assets_tests.mariadb import MariaDB
from recon_assets_tests.network import Proxy

Opened = Callable[..., sa.Connection]

BENT = {
    "timezone": "America/New_York",
    "datestyle": "German",
    "intervalstyle": "sql_standard",
    "extra_float_digits": "-3",
    "bytea_output": "escape",
    "row_security": "on",
    "quote_all_identifiers": "on",
    "transform_null_equals": "on",
    "gin_fuzzy_search_limit": "1",
    "standard_conforming_strings": "off",
    "statement_timeout": "50ms",
    "lock_timeout": "50ms",
    "idle_in_transaction_session_timeout": "50ms",
    "search_path": "app, public",
}
TELLING = (
    "SELECT current_setting('TimeZone'), date '2024-02-01'::text, 0.1::float8 + 0.2::float8 || '',"
    r" '\x00ff'::bytea::text, 'a\b', interval '1 day 2:00'::text, NULL = NULL, current_setting('statement_timeout'),"
    " current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), v FROM t"
)
TOLD = (
    "UTC",
    "2024-02-01",
    "0.30000000000000004",
    r"\x00ff",
    r"a\b",
    "1 day 02:00:00",
    None,
    "1min",
    "54s",
    "0",
    "app's",
)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """A function that opens a session of ours."""
    with ExitStack() as stack:

        def connection(url: str, role: Role = "source", **settings: object) -> sa.Connection:
            made = dialect.engine(Database("shop", url, timedelta(minutes=1)), role=role, **settings)  # type: ignore[arg-type]
            stack.callback(made.dispose)
            return stack.enter_context(made.connect())

        yield connection


@pytest.fixture
def bent(fresh: Fresh) -> str:
    """A PostgreSQL database whose own settings change whatever can be changed."""
    url = fresh("postgresql")
    side, name = Side("postgresql", url), sa.make_url(url).database
    side.run("CREATE SCHEMA app", "CREATE TABLE app.t (v text)", "CREATE TABLE public.t (v text)")
    side.run("INSERT INTO app.t VALUES ('app''s')", "INSERT INTO public.t VALUES ('public''s')")
    side.run(
        *(f'ALTER DATABASE "{name}" SET {setting} = {value!r}' for setting, value in BENT.items() if "," not in value)
    )
    side.run(f'ALTER DATABASE "{name}" SET search_path = app, public')
    return url


def test_database_that_bends_everything(bent: str, opened: Opened) -> None:
    """Only where unqualified names lead is its own."""
    for role in ("source", "target"):
        connection = opened(bent, role)
        for _ in range(2):
            assert tuple(connection.exec_driver_sql(TELLING).one()) == TOLD
            connection.commit()


@pytest.mark.parametrize("pool_mode", ["session", "transaction"])
@pytest.mark.parametrize("ignoring", ["", "options"])
def test_behind_a_pooler(postgres: Server, bent: str, opened: Opened, pool_mode: str, ignoring: str) -> None:
    """Which lends out servers that others have used, and neither takes nor passes on start-up options."""
    if pgbouncer.missing():
        need(pgbouncer.missing())
    with pgbouncer.running(postgres, pool_mode, ignoring=ignoring) as url, ExitStack() as stack:
        through = sa.make_url(url).set(database=sa.make_url(bent).database).render_as_string()
        other = sa.create_engine(through.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
        with other.connect() as stranger:
            for setting in ("datestyle = German", "extra_float_digits = -3", "search_path = public"):
                stranger.exec_driver_sql(f"SET {setting}")
            stranger.commit()
        connection = opened(through)
        assert tuple(connection.exec_driver_sql(TELLING).one()) == TOLD
        with pytest.raises(sa.exc.DBAPIError, match="read-only transaction"):
            connection.exec_driver_sql("INSERT INTO t VALUES ('ours')")
        connection.rollback()
        asking = opened(f"{through}&options=-csearch_path%3Dpublic%20-c%20work_mem%3D1024")
        assert asking.exec_driver_sql("SELECT v, current_setting('work_mem') FROM t").one() == ("public's", "1MB")
        stack.callback(connection.close)
        stack.callback(asking.close)


def test_comparison_behind_a_pooler(postgres: Server, both: Both) -> None:
    """In one transaction of each side, with cursors and at one moment."""
    if pgbouncer.missing():
        need(pgbouncer.missing())
    sides = both("postgresql", "postgresql")
    sides.create("id int PRIMARY KEY, v text", "id int PRIMARY KEY, v text", [(n, f"v{n}") for n in range(50)])
    sides.target.run("INSERT INTO t SELECT n, 'v' || n FROM generate_series(0, 48) n")
    with pgbouncer.running(postgres, "transaction") as url:
        here, there = (
            sa.make_url(url).set(database=sa.make_url(side.url).database).render_as_string()
            for side in (sides.source, sides.target)
        )
        found = compare(here, "t", there, "t", key=["id"])
    assert [discrepancy.key for discrepancy in found.missing] == [(49,)]


def test_policy_that_hides_rows(postgres: Server, both: Both) -> None:
    """Is an error that says what to grant, and no shorter table."""
    side = both("postgresql", "postgresql").source
    side.run("CREATE TABLE t (id int, tenant text)", "INSERT INTO t VALUES (1, 'x'), (2, 'y')")
    side.run("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "CREATE POLICY p ON t USING (tenant = 'x')")
    name = f"reader_{sa.make_url(side.url).database}"
    with postgres.connect() as connection:
        connection.execute(f'DROP ROLE IF EXISTS "{name}"'.encode())
        connection.execute(f'CREATE ROLE "{name}" LOGIN IN ROLE pg_read_all_data'.encode())
    url = sa.make_url(side.url).set(username=name).render_as_string()
    with pytest.raises(DeclarationError, match=r'policy of "t" would hide rows .*ALTER ROLE .* BYPASSRLS'):
        compare(url, "t", url, "t", key=["id"])
    with postgres.connect() as connection:
        connection.execute(f'ALTER ROLE "{name}" BYPASSRLS'.encode())
        assert compare(url, "t", url, "t", key=["id"]).counts.source == len("xy")
        connection.execute(f'DROP OWNED BY "{name}"; DROP ROLE "{name}"'.encode())


@pytest.mark.parametrize("name", ["postgresql", "mysql"])
def test_target_that_is_switched_to_reading(both: Both, mariadb: MariaDB, opened: Opened, name: str) -> None:
    """Is not written: that is a switch of those who run it. A source's session refuses to write by itself."""
    side = both("postgresql", name).target  # type: ignore[arg-type]
    side.run("CREATE TABLE t (id int)")
    database = sa.make_url(side.url).database
    switches = {
        "postgresql": [f'ALTER DATABASE "{database}" SET default_transaction_read_only = {{}}'],
        "mysql": ["SET GLOBAL tx_read_only = {}"],
    }[name]
    try:
        for switch in switches:
            side.run(switch.format("on"))
        with pytest.raises(UnavailableError, match=r"t: only reading is allowed .*switched"), driver_errors("t"):
            opened(side.url, "target").exec_driver_sql("INSERT INTO t VALUES (1)")
    finally:
        if name == "mysql":
            mariadb.execute("SET GLOBAL tx_read_only = OFF")
        else:
            with side.connect() as connection:
                connection.execute("SET default_transaction_read_only = off")
                connection.commit()
                connection.execute(switches[0].format("off"))
                connection.commit()
    with pytest.raises(UnavailableError, match="only reading is allowed"), driver_errors("t"):
        opened(side.url).exec_driver_sql("INSERT INTO t VALUES (1)")


def test_target_whose_foreign_keys_are_not_checked(fresh: Fresh, opened: Opened) -> None:
    """A source's are nobody's business: it is only read."""
    url = fresh("postgresql")
    name = sa.make_url(url).database
    Side("postgresql", url).run(f'ALTER DATABASE "{name}" SET session_replication_role = replica')
    assert opened(url).exec_driver_sql("SELECT 1").scalar() == 1
    with pytest.raises(DeclarationError, match=r"session_replication_role is 'replica' and not 'origin'.*RESET"):
        opened(url, "target").exec_driver_sql("SELECT 1")


def test_functions_of_others_do_not_stand_for_the_databases_own(fresh: Fresh, opened: Opened) -> None:
    """As those of a schema before `pg_catalog` would, and macros of a DuckDB file: all rows would be equal."""
    url = fresh("postgresql")
    side = Side("postgresql", url)
    side.run(f'ALTER DATABASE "{sa.make_url(url).database}" SET search_path = public, "pg_catalog"')
    with pytest.raises(DeclarationError, match=r"shop: search_path names pg_catalog after.*= pg_catalog, public\)"):
        opened(url).exec_driver_sql("SELECT 1")
    assert opened(f"{url}&options=-csearch_path%3Dpublic").exec_driver_sql("SELECT 1").scalar() == 1

    file = fresh("duckdb")
    Side("duckdb", file).run("CREATE MACRO plus(x) AS x + 1", "CREATE SCHEMA s", "CREATE MACRO s.md5(x) AS 'own'")
    assert opened(file).exec_driver_sql("SELECT plus(1)").scalar() == 1 + 1
    file = fresh("duckdb")
    Side("duckdb", file).run("CREATE MACRO sha256(x) AS 'own'")
    with pytest.raises(DeclarationError, match="macros that would stand for DuckDB's own functions: sha256; rename"):
        opened(file)


MYSQL_BENT = {
    "sql_select_limit": "2",
    "sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES'",
    "time_zone": "'+09:00'",
    "sql_auto_is_null": "1",
    "sql_safe_updates": "1",
    "foreign_key_checks": "0",
    "unique_checks": "0",
    "default_storage_engine": "'MEMORY'",
    "default_tmp_storage_engine": "'MyISAM'",
    "check_constraint_checks": "0",
    "max_statement_time": "0.05",
    "wait_timeout": "1",
    "net_write_timeout": "1",
    "idle_transaction_timeout": "1",
    "completion_type": "'RELEASE'",
    "sql_quote_show_create": "0",
    "group_concat_max_len": "10",
    "div_precision_increment": "0",
    "default_week_format": "3",
    "lc_time_names": "'de_DE'",
    "system_versioning_asof": "'2024-01-01 00:00:00'",
}


@pytest.mark.parametrize("role", ["source", "target"])
def test_mariadb_that_bends_everything(both: Both, mariadb: MariaDB, opened: Opened, role: Role) -> None:
    """No read is cut, and no check is left out."""
    side = both("postgresql", "mysql").target
    side.run("CREATE TABLE t (id int PRIMARY KEY, CHECK (id > 0))", "INSERT INTO t VALUES (1), (2), (3)")
    with side.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'@@global.{name}' for name in MYSQL_BENT)}")
        before = cursor.fetchone()
    try:
        for name, value in MYSQL_BENT.items():
            mariadb.execute(f"SET GLOBAL {name} = {value}")
        connection = opened(side.url, role)
        assert connection.exec_driver_sql("SELECT id FROM t").scalars().all() == [1, 2, 3]
        told = connection.exec_driver_sql(
            "SELECT @@time_zone, @@foreign_key_checks, @@wait_timeout, @@max_statement_time,"
            " @@default_tmp_storage_engine"
        )
        assert tuple(told.one()) == ("+00:00", 1, 28800, 60, "InnoDB")
        queried = connection.exec_driver_sql(
            "SELECT length(group_concat(repeat('a', 20))), 1 / 3 = 0, week('2024-01-01'), monthname('2024-01-01'),"
            " 'a' = 'A'"
        )
        assert tuple(queried.one()) == (20, 0, 0, "January", 0)
        connection.rollback()
        if role == "target":
            with pytest.raises(sa.exc.DBAPIError, match="CONSTRAINT"):
                connection.exec_driver_sql("INSERT INTO t VALUES (0)")
    finally:
        for name, value in zip(MYSQL_BENT, before, strict=True):
            own = "DEFAULT" if value in ("DEFAULT", None) else repr(value)
            mariadb.execute(f"SET GLOBAL {name} = {own}")


@pytest.mark.parametrize("name", ["postgresql", "mysql"])
def test_network_that_vanishes(both: Both, opened: Opened, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Is noticed while an answer is waited for."""
    monkeypatch.setattr(session_settings, "KEEPALIVE", Keepalive(idle=1, interval=1, patience=2))
    side = both(name, "postgresql").source  # type: ignore[arg-type]
    url = sa.make_url(side.url)
    path = url.query["unix_socket"] if name == "mysql" else f"{url.query['host']}/.s.PGSQL.{url.query['port']}"
    asleep = {"postgresql": "SELECT pg_sleep(30)", "mysql": "SELECT sleep(30)"}[name]
    with Proxy(str(path)) as proxy:
        away = url.set(host="127.0.0.1", port=proxy.port, query={"sslmode": "disable"}).render_as_string()
        connection = opened(away)
        connection.exec_driver_sql("SELECT 1")
        proxy.vanish()
        with pytest.raises(UnavailableError, match=r"t: .*may work when tried again"), driver_errors("t"):
            connection.exec_driver_sql(asleep)
