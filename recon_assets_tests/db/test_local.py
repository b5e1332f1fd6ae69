"""The embedded PostgreSQL, really started, shared, killed and started again."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from recon_assets import local as local_module
from recon_assets.errors import DeclarationError, UnavailableError
from recon_assets.local import ACCOUNT, NAMESPACE, VARIABLES, Local, PostgresAccount, Server, environment
from recon_assets_tests.conftest import need

HOLD = """
import signal
import sys
from pathlib import Path
from recon_assets.local import Local
signal.signal(signal.SIGINT, signal.default_int_handler)
with Local(Path(sys.argv[1])).running() as server:
    print(server.socket, flush=True)
    sys.stdin.read()
"""
NOBODY = 65534
# Reads everything, so that it may stand anywhere on the machine; writes only what is its own.
AS_NOBODY = (
    "setpriv",
    f"--reuid={NOBODY}",
    f"--regid={NOBODY}",
    "--clear-groups",
    "--securebits=+no_setuid_fixup",
    "--inh-caps=-all,+dac_read_search",
    "--ambient-caps=-all,+dac_read_search",
)

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a home whose server ran once; to copy them takes a small part of the time of making them."""
    local = Local(tmp_path_factory.mktemp("made"))
    with local.running():
        pass
    return local.data


@pytest.fixture
def home(empty_home: Path, made: Path) -> Path:
    """A home with the data of a server that does not run."""
    return with_data(empty_home, made)


def with_data(home: Path, made: Path) -> Path:
    local = Local(home)
    local.folder.mkdir(mode=0o700, parents=True)
    shutil.copytree(made, local.data)
    return home


@pytest.fixture
def empty_home(tmp_path: Path) -> Iterator[Path]:
    """A home without data; whatever still runs in it at the end of the test is stopped."""
    yield tmp_path / "home"
    if (tmp_path / "home" / "postgres" / "data").exists():
        with Local(tmp_path / "home").running():
            pass


@contextmanager
def holder(home: Path, *prefix: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that uses the server of ``home`` until its standard input is closed."""
    command = [*prefix, sys.executable, "-c", HOLD, str(home)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline(), "the other process could not start its server"
        yield process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def kill_server(home: Path) -> int:
    """Kill -9 the server's first process, wait until all of it is gone, and say which it was."""
    local = Local(home)
    pid = local.pid()
    os.kill(pid, signal.SIGKILL)
    give_up = time.monotonic() + 30
    while local.lives():
        assert time.monotonic() < give_up
        time.sleep(0.02)
    return pid


def write(server: Server, text: str) -> None:
    with server.connect("target") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])


def texts(server: Server) -> list[str]:
    with server.connect("target") as connection:
        return [text for (text,) in connection.execute("SELECT text FROM kept ORDER BY text")]


@only_root
@pytest.mark.parametrize("way", [NAMESPACE, ACCOUNT], ids=lambda way: way.name)
def test_root_starts_it_without_the_rights_of_root(empty_home: Path, way: PostgresAccount) -> None:
    """The server is not root to itself, has its four databases, and is gone afterwards."""
    local = Local(empty_home, ways=(way,))

    with local.running() as server, server.connect() as connection:
        names = {name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE NOT datistemplate")}
        assert local.data.stat().st_uid == way.owner

    assert names == {*VARIABLES.values(), "postgres"}
    assert not local.lives()


@only_root
def test_ways_can_change_between_starts(home: Path) -> None:
    """Data made one way is served the other way: the machine's settings may change."""
    for way in (NAMESPACE, ACCOUNT, NAMESPACE):
        with Local(home, ways=(way,)).running() as server:
            write(server, way.name)
            kept = texts(server)

    assert kept == [NAMESPACE.name, NAMESPACE.name, ACCOUNT.name]


@only_root
def test_root_changes_no_mode_of_any_folder(tmp_path: Path) -> None:
    """Closed folders above the data stay closed, whichever way the server runs."""
    tmp_path.chmod(0o700)
    for number, way in enumerate((NAMESPACE, ACCOUNT)):
        with Local(tmp_path / str(number), ways=(way,)).running():
            pass

    assert [folder.stat().st_mode & 0o777 for folder in (tmp_path, tmp_path.parent)] == [0o700, 0o700]


@only_root
def test_normal_user_starts_it_as_oneself() -> None:
    """An account without rights, in a folder of its own, needs nothing else."""
    with tempfile.TemporaryDirectory() as name:
        os.chown(name, NOBODY, NOBODY)
        home = Path(name) / "home"
        with holder(home, *AS_NOBODY):
            assert Local(home).lives()
            assert Local(home).data.stat().st_uid == NOBODY
        assert not Local(home).lives()


@only_root
def test_root_falls_back_where_user_namespaces_are_off(tmp_path: Path) -> None:
    """A machine that refuses user namespaces, as containers do, still runs the server; seen from its inside."""
    script = (
        "read mapped; exec sh -c 'echo 0 > /proc/sys/user/max_user_namespaces;"
        ' unshare --user true && echo "namespaces are on"; exec "$@"\' sh "$@"'
    )
    hold = [sys.executable, "-c", HOLD, str(tmp_path / "home")]
    with subprocess.Popen(
        ["unshare", "--user", "sh", "-c", script, "sh", *hold],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        map_users(process)
        process.stdin.write("\n")
        process.stdin.flush()
        socket = process.stdout.readline().strip()
        assert Path(socket).is_dir(), socket
        assert Local(tmp_path / "home").data.stat().st_uid == ACCOUNT.owner
        process.stdin.close()
        process.wait()
    assert not Local(tmp_path / "home").lives()


def map_users(process: subprocess.Popen[str]) -> None:
    """Give a process in a new user namespace all of our users, once it is there."""
    give_up = time.monotonic() + 10
    while Path(f"/proc/{process.pid}/ns/user").readlink() == Path("/proc/self/ns/user").readlink():
        assert time.monotonic() < give_up
        time.sleep(0.01)
    for kind in ("uid_map", "gid_map"):
        Path(f"/proc/{process.pid}/{kind}").write_text(f"0 0 {NOBODY + 1}\n")


def test_no_way_is_an_error_that_says_what_to_do(empty_home: Path) -> None:
    """Where nothing works, the sentence offers the variables."""
    closed = PostgresAccount("an account that is closed", ("false",), 0)

    with (
        pytest.raises(UnavailableError, match=r"an account that is closed .*RECON_SOURCE_URL"),
        Local(empty_home, ways=(closed,)).running(),
    ):
        pass


def test_instances_run_side_by_side(tmp_path: Path, made: Path) -> None:
    """Each home has its own server and its own data."""
    homes = [with_data(tmp_path / name, made) for name in "ab"]
    with Local(homes[0]).running() as one, Local(homes[1]).running() as other:
        write(one, "a")
        write(other, "b")

        assert (texts(one), texts(other)) == (["a"], ["b"])


def test_last_to_leave_stops_it(home: Path) -> None:
    """Two processes share one server; it outlives the one that started it."""
    local = Local(home)
    with holder(home):
        first = local.pid()
        with holder(home):
            assert local.pid() == first
        assert local.lives()

    assert not local.lives()


def test_starter_may_leave_first(home: Path) -> None:
    """The one that started the server is not the one that must stop it."""
    with Local(home).running() as server:
        write(server, "kept")
    with holder(home) as starter, Local(home).running() as server:
        starter.communicate()
        assert starter.returncode == 0
        assert texts(server) == ["kept"]

    assert not Local(home).lives()


def test_killed_server_comes_back_with_its_data(home: Path) -> None:
    """Kill -9 of the server loses nothing that was committed."""
    with Local(home).running() as server:
        write(server, "before")
        killed = kill_server(home)
        with Local(home).running() as again:
            assert Local(home).pid() != killed
            write(again, "after")
            assert texts(again) == ["after", "before"]

    assert not Local(home).lives()


def test_a_lost_server_is_started_again_for_those_who_use_it(home: Path) -> None:
    """At the same place; one that lives, or that nobody uses, is left alone."""
    assert not Local(home / "none").revived()
    with Local(home).running() as server:
        assert not Local(home).revived()
        kill_server(home)
        assert Local(home).revived()
        write(server, "after")
        assert texts(server) == ["after"]
    assert not Local(home).revived()


def test_server_of_a_killed_process_is_used_on(home: Path) -> None:
    """Kill -9 of whoever started it leaves a server, which the next one finds, uses and stops."""
    local = Local(home)
    with holder(home) as process:
        left = local.pid()
        kill(process)
    assert local.lives()

    with local.running():
        assert local.pid() == left

    assert not local.lives()


def test_killed_together_starts_anew(home: Path) -> None:
    """Server and starter killed at once, as by a machine that runs out of memory."""
    with holder(home) as process:
        kill_server(home)
        kill(process)

    with Local(home).running() as server:
        write(server, "again")


def test_pid_file_naming_a_stranger_is_replaced(home: Path) -> None:
    """After a crash the old process id may belong to another program by now; it is left alone."""
    with holder(home) as process:
        kill_server(home)
        kill(process)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        pid_file = Local(home).data / "postmaster.pid"
        _, *rest = pid_file.read_text().splitlines()
        pid_file.write_text("\n".join([str(stranger.pid), *rest, ""]))

        with Local(home).running() as server:
            write(server, "started")

        assert stranger.poll() is None
        stranger.terminate()


def test_stranger_with_the_servers_number_is_not_stopped(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last to leave signals the server and nobody else, whatever the file says; then it says so."""
    monkeypatch.setattr(local_module, "PATIENCE_TO_STOP", 0.1)
    with subprocess.Popen(["sleep", "60"]) as stranger, subprocess.Popen(["true"]) as gone:
        gone.wait()
        with holder(home) as process:
            pid_file = Local(home).data / "postmaster.pid"
            own = pid_file.read_text()
            _, rest = own.split("\n", 1)
            kill(process)
            for pid in (stranger.pid, gone.pid):
                with pytest.raises(UnavailableError, match="did not stop"), Local(home).running():
                    pid_file.write_text(f"{pid}\n{rest}")
            assert stranger.poll() is None
            pid_file.write_text(own)
        with Local(home).running():
            pass
        assert not Local(home).lives()
        stranger.kill()


def test_start_that_was_killed_is_done_again(empty_home: Path) -> None:
    """Half-made data, left by a kill in the middle of the first start, is thrown away."""
    (empty_home / "postgres" / "data.new" / "base").mkdir(parents=True)

    with Local(empty_home).running() as server:
        write(server, "started")

    assert not (empty_home / "postgres" / "data.new").exists()


def test_missing_databases_are_made_again(home: Path) -> None:
    """A start that was killed before it had made all four databases is completed by the next one."""
    with Local(home).running() as server, server.connect() as connection:
        connection.execute("DROP DATABASE target")
        with Local(home).running():
            write(server, "there")


def test_databases_are_made_once_by_many_at_once(home: Path) -> None:
    """A starter that was killed leaves a backend behind that still creates a database; the next one waits for it."""
    with Local(home).running() as server:
        for _ in range(3):
            with server.connect() as connection:
                for name in VARIABLES.values():
                    connection.execute(f"DROP DATABASE {name}".encode())
            with ThreadPoolExecutor(4) as together:
                list(together.map(local_module._create_databases, [server] * 4))
            write(server, "there")


def test_long_paths_work(tmp_path: Path, made: Path) -> None:
    """A home that is too deep for a socket has its socket elsewhere; every driver finds it."""
    home = with_data(tmp_path / "a, deep" / ("x" * 100), made)
    with environment({}, home) as variables:
        socket = Path(str(sa.make_url(variables["RECON_TARGET_URL"]).query["host"]))
        engine = sa.create_engine(variables["DAGSTER_PG_URL"])
        with engine.connect():
            assert home not in socket.parents
        engine.dispose()

    assert not socket.exists()


def test_ctrl_c_stops_it_politely(home: Path) -> None:
    """Ctrl-C reaches our process, not the server, which our process then stops in order."""
    with holder(home) as process:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)

    log = Local(home).log.read_text()
    assert not Local(home).lives()
    assert log.count("received fast shutdown request") == 1
    assert log.rstrip().endswith("database system is shut down")


def test_failed_start_shows_the_end_of_the_log(home: Path) -> None:
    """What PostgreSQL said is in the error, and what to do instead."""
    wrong = Local(home, settings={"shared_buffers": "plenty"})

    with pytest.raises(UnavailableError, match=r"(?s)RECON_SOURCE_URL.*invalid value for parameter"), wrong.running():
        pass

    assert not wrong.lives()


def test_frozen_server_is_reported(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that neither answers nor stops is an error after a while, not a wait without end."""
    monkeypatch.setattr(local_module, "PATIENCE_TO_START", 0.1)
    monkeypatch.setattr(local_module, "PATIENCE_TO_STOP", 0.1)
    with holder(home) as process:
        pid = Local(home).pid()
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(UnavailableError, match="did not answer"), Local(home).running():
            pass
        kill(process)
        with pytest.raises(UnavailableError, match="did not stop"), Local(home).running():
            pass
        os.kill(pid, signal.SIGCONT)


def test_data_that_cannot_be_made_is_an_error(empty_home: Path) -> None:
    """What initdb said is in the error."""
    (empty_home / "postgres" / "data.new").parent.mkdir(parents=True)
    (empty_home / "postgres" / "data.new").write_text("in the way")

    with pytest.raises(UnavailableError, match=r"(?s)initdb failed.*data\.new"), Local(empty_home).running():
        pass


def test_home_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    """The sentence names the variable that helps."""
    (tmp_path / "file").touch()

    with pytest.raises(DeclarationError, match="RECON_HOME"), Local(tmp_path / "file" / "home").running():
        pass


@only_root
def test_way_whose_program_is_missing_is_passed_over(home: Path) -> None:
    """Not every system has every program; the next way is tried."""
    missing = PostgresAccount("nobody at all", ("no-such-program",), 0)

    with Local(home, ways=(missing, NAMESPACE)).running() as server:
        write(server, "started")


@only_root
def test_data_of_somebody_else_is_left_alone(home: Path) -> None:
    """Root does not take over a user's data: the user could not start it again."""
    with Local(home).running():
        pass
    os.chown(Local(home).data, 1234, 1234)

    with pytest.raises(DeclarationError, match="belongs to user 1234"), Local(home).running():
        pass
    os.chown(Local(home).data, 0, 0)


def test_data_of_another_version_is_told(home: Path) -> None:
    """The server itself says only that files are incompatible."""
    written = Local(home).data / "PG_VERSION"
    ours = written.read_text()
    written.write_text("16\n")

    with pytest.raises(DeclarationError, match=r"made by PostgreSQL 16, .* Set RECON_HOME"), Local(home).running():
        pass
    written.write_text(ours)


def test_only_missing_variables_come_from_the_server(home: Path) -> None:
    """What is named stays as it is named; the rest is embedded."""
    given = {"RECON_SOURCE_URL": "mysql+pymysql://u@db/x", "RECON_TARGET_URL": ""}

    with environment(given, home) as variables:
        assert variables["RECON_SOURCE_URL"] == given["RECON_SOURCE_URL"]
        socket = str(local_module._socket_place(Local(home).folder))  # not in a home whose path is long
        assert [name for name in VARIABLES if socket in variables[name].replace("%2F", "/")] == [*VARIABLES][1:]
        with environment(given, home, sides=False) as fewer:
            assert fewer == {**variables, "RECON_TARGET_URL": ""}


def test_every_client_gets_in(home: Path) -> None:
    """Dagster's driver and psql read the same address; psycopg did in every other test."""
    with Local(home).running() as server:
        connection = psycopg2.connect(server.url("dagster", "postgresql"))
        connection.close()
        if shutil.which("psql") is None:
            need("psql not found: apt-get install postgresql-client")
        command = ["psql", server.url("ledger", "postgresql"), "-Atc", "SELECT current_database()"]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "ledger\n"
