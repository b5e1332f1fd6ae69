"""A MariaDB server of the tests' own: started in a temporary folder, known by its Unix socket."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pymysql
import sqlalchemy as sa

PROGRAMS = ("mariadbd", "mariadb-install-db")
PATIENCE = 60.0

# Strict, so that what a column cannot hold is an error; durability is of no use to a test.
OPTIONS = (
    "--skip-networking",
    "--sql-mode=STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_bin",
    "--default-time-zone=+00:00",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=0",
    "--innodb-stats-persistent=0",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=32M",
    "--local-infile=ON",
    "--max-connections=200",
)


def missing() -> str:
    """The programs that this machine lacks, as a sentence; empty when there are none."""
    lacking = [program for program in PROGRAMS if _program(program) is None]
    return f"{' and '.join(lacking)} not found: apt-get install mariadb-server" if lacking else ""


@dataclass(frozen=True)
class MariaDB:
    """A running server, known by its socket."""

    socket: Path

    def url(self, database: str) -> str:
        """The URL of one database. Without TLS, which the driver would prepare for longer than it takes to connect."""
        query = {"unix_socket": str(self.socket), "charset": "utf8mb4", "ssl_disabled": "true"}
        return sa.URL.create(
            "mysql+pymysql", username="root", host="localhost", database=database, query=query
        ).render_as_string()

    def execute(self, statement: str) -> None:
        """Run one statement outside any database."""
        with (
            pymysql.connect(unix_socket=str(self.socket), user="root", ssl_disabled=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


@contextmanager
def running() -> Iterator[MariaDB]:
    """A server with an empty data folder, gone at the end."""
    # Sockets want short paths, which pytest's folders are not.
    with tempfile.TemporaryDirectory(prefix="mariadb-") as name:
        folder = Path(name)
        _create_data(folder)
        with _process(folder) as process:
            try:
                yield _answering(folder, process)
            finally:
                process.terminate()


def _create_data(folder: Path) -> None:
    command = [str(_program("mariadb-install-db")), "--no-defaults", f"--datadir={folder / 'data'}", *_as_root()]
    options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
    # Two at once in one temporary folder remove each other's tables.
    own = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run([*command, *options], env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        msg = f"MariaDB's data could not be made:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        raise RuntimeError(msg)


def _process(folder: Path) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL  # what it has to say goes to its log
    return subprocess.Popen(_command(folder), stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)


def _command(folder: Path) -> list[str]:
    files = [f"--datadir={folder / 'data'}", f"--socket={folder / 'socket'}", f"--log-error={folder / 'log'}"]
    return [str(_program("mariadbd")), "--no-defaults", *_as_root(), *files, f"--tmpdir={folder}", *OPTIONS]


def _answering(folder: Path, process: subprocess.Popen[bytes]) -> MariaDB:
    """The server, as soon as its socket is there: whoever connects then waits for the rest."""
    server = MariaDB(folder / "socket")
    give_up = time.monotonic() + PATIENCE
    while not server.socket.exists():
        if process.poll() is not None or time.monotonic() > give_up:
            msg = f"MariaDB did not start; its log says:\n{(folder / 'log').read_text()[-2000:]}"
            raise RuntimeError(msg)
        time.sleep(0.05)
    server.execute("SELECT 1")
    return server


def _program(name: str) -> str | None:
    # Debian keeps servers where the PATH of a normal user does not look.
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")


def _as_root() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []
