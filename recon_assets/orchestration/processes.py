"""The processes that Dagster needs on one machine: code server, webserver (with our pages beside it) and daemon.

They are children on a leash: whichever way this process ends, they end too. Runs are grandchildren.
"""

import fcntl
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from uuid import uuid4

from recon_assets.errors import DeclarationError, RefusedError, UnavailableError
from recon_assets.orchestration.dagster_internals import HOME_ID
from recon_assets.orchestration.serving import Serving
from recon_assets.orchestration.webserver import Webserver

HOST = "127.0.0.1"
PATIENCE_TO_START = 300.0
PATIENCE_WITH_CODE = "300"
"""Seconds in which the code server must start a run; on a busy machine Dagster's 60 are too few: it starts another."""
PATIENCE_TO_STOP = 30.0
LOCATION = "recon_assets"
ADDRESS_FILE = "webserver.json"
TOKEN = "RECON_WEB_TOKEN"  # noqa: S105 - the name of the variable
EVERYWHERE = {"": HOST, "0.0.0.0": HOST, "::": "::1"}  # noqa: S104 - compared with, not bound to
"""The loopback of what is bound to every address; `::` is those of IPv6 alone."""


@dataclass(frozen=True)
class Dagster:
    """Where a project's Dagster lives: its settings, its logs, and the address of its webserver while it runs."""

    home: Path

    @property
    def folder(self) -> Path:
        """What ``DAGSTER_HOME`` is set to."""
        return self.home.absolute() / "dagster"

    @property
    def logs(self) -> Path:
        """One file for each process."""
        return self.folder / "logs"

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """The environment in which Dagster's processes, and our own calls, find this home."""
        return {
            "DAGSTER_GRPC_TIMEOUT_SECONDS": PATIENCE_WITH_CODE,
            **environ,
            "DAGSTER_HOME": str(self.folder),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            HOME_ID: self.id,
        }

    @property
    def id(self) -> str:
        """What tells this home from all others, also from one of the same path on a machine of the same name."""
        path = self.folder / "id"
        self.folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError), tempfile.NamedTemporaryFile("w", dir=self.folder) as new:
            new.write(uuid4().hex)
            new.flush()
            os.link(new.name, path)  # never half written, and the first of two who begin at the same time wins
        return path.read_text()

    def prepare(self) -> None:
        """Write the settings, unless this home has some that somebody else has written."""
        self.logs.mkdir(parents=True, exist_ok=True)
        settings, written = self.folder / "dagster.yaml", self.folder / "dagster.yaml.written"
        ours = settings_file().read_bytes()
        known = [ours, written.read_bytes() if written.exists() else ours]
        if settings.exists() and settings.read_bytes() not in known:
            return
        for copy in (settings, written):  # in this order: killed in between, we find what is ours
            new = copy.with_name(f".{copy.name}.{os.getpid()}")
            new.write_bytes(ours)
            new.replace(copy)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold this home for one set of processes; whoever held it lets go when it ends, however it ends."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                msg = (
                    f"{self.home}: Dagster runs on this home already. Use it, or stop it with Ctrl-C there,"
                    " or set RECON_HOME to another folder."
                )
                raise RefusedError(msg) from None
            yield

    def running(self, meant: Serving) -> Webserver | None:
        """The webserver that is running on this home, if one is.

        Raises:
            RefusedError: When it serves something else than is ``meant``.
        """
        try:
            known = json.loads((self.folder / ADDRESS_FILE).read_text())
            Webserver(known["url"], timeout=5, token=known["token"]).ask("{ version }")
        except (FileNotFoundError, ValueError, UnavailableError):  # it may be half written
            return None
        if differences := list(meant.differences(known.get("serves", {}), known["token"])):
            msg = (
                f"{self.home}: the Dagster that runs on this home ({known['url']}) does not serve what this command"
                f" means: {'; '.join(differences)}. Give this command the same, or stop that Dagster with Ctrl-C"
                " there, or set RECON_HOME to another folder."
            )
            raise RefusedError(msg)
        return Webserver(known["url"], token=known["token"])

    @contextmanager
    def known_as(self, webserver: Webserver, serves: Serving) -> Iterator[None]:
        """Tell other commands of this user where the webserver is, what lets them in, and what it serves."""
        address, secret = self.folder / ADDRESS_FILE, webserver.token
        address.unlink(missing_ok=True)
        with open(os.open(address, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:  # noqa: PTH123
            json.dump({"url": webserver.url, "token": secret, "serves": serves.noted(secret)}, file)
        try:
            yield
        finally:
            address.unlink(missing_ok=True)


@dataclass(frozen=True)
class Services:
    """Dagster's processes while they run, and the webserver among them."""

    webserver: Webserver
    logs: Path
    children: Mapping[str, "subprocess.Popen[bytes]"]

    def check(self) -> None:
        """Raise when one of the processes has ended, which none does by itself."""
        for name, process in self.children.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                msg = f"The {name} ended with code {process.returncode}; its log is {log}. Start again to go on."
                raise UnavailableError(msg)


def settings_file() -> Path:
    """The project's `dagster.yaml`: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).parents[1]
    found = [path for path in (package.parent / "dagster.yaml", package / "dagster.yaml") if path.exists()]
    if not found:
        msg = f"{package}: dagster.yaml is not there, expected in or beside the package; install recon-assets again."
        raise DeclarationError(msg)
    return found[0]


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with closing(socket(AF_INET, SOCK_STREAM)) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def check_free(port: int, host: str = HOST) -> None:
    """Raise when another program has the port, or this machine has no such address."""
    family = AF_INET6 if ":" in host else AF_INET
    with closing(socket(family, SOCK_STREAM)) as probe:
        probe.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            why = error.strerror
            msg = f"Port {port} of {host} cannot be used ({why}); stop what has it, or choose another with --port."
            raise DeclarationError(msg) from error


@contextmanager
def services(
    home: Path, environ: Mapping[str, str], serves: Serving, *, port: int = 0, host: str = HOST
) -> Iterator[Services]:
    """Run Dagster on ``home`` while the block runs, which begins once the tables are loaded.

    ``environ`` is what `Dagster.environment` made, and ``serves`` what it names. Port 0 means any free one.
    """
    dagster = Dagster(home)
    port = port or free_port()
    check_free(port, host)
    webserver = Webserver(address(host, port), token=secrets.token_urlsafe(), log=dagster.logs / "webserver.log")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="recon-")))
        running = Services(webserver, dagster.logs, children := {})
        for name, module in commands(folder, port, host).items():
            known = {TOKEN: webserver.token} if name == "webserver" else {}
            children[name] = stack.enter_context(child(name, module, dagster, {**environ, **known}))
            if name == "code-server":
                wait_until((folder / "code").exists, running)
        wait_until(lambda: answers(webserver), running)
        stack.enter_context(dagster.known_as(webserver, serves))
        yield running


def address(host: str, port: int) -> str:
    """Where this machine reaches what is bound to ``host``."""
    place = EVERYWHERE.get(host, host)
    return f"http://[{place}]:{port}" if ":" in place else f"http://{place}:{port}"


def commands(folder: Path, port: int, host: str = HOST) -> dict[str, list[str]]:
    """The modules to run, in the order in which they need each other."""
    workspace, code = write_workspace(folder), str(folder / "code")
    start = ["dagster", "code-server", "start", "--use-python-environment-entry-point", "--log-level", "warning"]
    web = ["recon_assets.web", "--host", host, "--port", str(port)]
    return {
        "code-server": [*start, "--socket", code, "--module-name", "recon_assets.definitions"],
        "webserver": [*web, "--workspace", str(workspace)],
        "daemon": ["recon_assets.orchestration.daemon", str(workspace)],
    }


def write_workspace(folder: Path) -> Path:
    """A workspace file that leads to our one code server."""
    path = folder / "workspace.yaml"
    path.write_text(f"load_from: [{{grpc_server: {{socket: {folder / 'code'}, location_name: {LOCATION}}}}}]\n")
    return path


def answers(webserver: Webserver) -> bool:
    """Whether the webserver is up and has the tables."""
    try:
        return webserver.has_loaded()
    except UnavailableError:
        return False


def wait_until(ready: Callable[[], bool], running: Services) -> None:
    """Wait until a process is ready.

    Raises:
        UnavailableError: After five minutes, or when one has ended.
    """
    until = time.monotonic() + PATIENCE_TO_START
    while not ready():
        running.check()
        if time.monotonic() > until:
            msg = f"Dagster was not ready after {PATIENCE_TO_START:.0f} s; its logs are in {running.logs}."
            raise UnavailableError(msg)
        time.sleep(0.1)


@contextmanager
def child(
    name: str, module: list[str], dagster: Dagster, environ: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a Python module as a process on a leash, with its output in its own log file."""
    command = [sys.executable, "-m", "recon_assets.orchestration.supervised_process", *module]
    with (dagster.logs / f"{name}.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=dict(environ),
            start_new_session=True,  # Ctrl-C reaches only us: we stop them in the right order
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a child by letting go of its leash; kill what does not end by itself, and what it leaves behind."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(PATIENCE_TO_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError):  # a code server whose database is gone never ends by itself
        os.killpg(process.pid, signal.SIGKILL)
