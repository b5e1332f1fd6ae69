"""PgBouncer in front of the tests' PostgreSQL, known by its own Unix socket."""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from recon_assets.local import PORT, USER, Server, usual_ways

PROGRAM = "pgbouncer"
PATIENCE = 30.0


def missing() -> str:
    """What this machine lacks, as a sentence; empty when it lacks nothing."""
    return "" if _program() else "pgbouncer not found: apt-get install pgbouncer"


@contextmanager
def running(server: Server, pool_mode: str, *, ignoring: str = "") -> Iterator[str]:
    """A pooler that lends out two connections; yields a URL without its database.

    ``ignoring`` are start-up parameters that it drops and does not refuse.
    """
    with tempfile.TemporaryDirectory(prefix="bouncer-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        settings = {
            "listen_addr": "",
            "unix_socket_dir": folder,
            "listen_port": PORT,
            "auth_type": "trust",
            "auth_file": folder / "users",
            "pool_mode": pool_mode,
            "default_pool_size": 2,
            **({"ignore_startup_parameters": ignoring} if ignoring else {}),
        }
        written = "\n".join(f"{key} = {value}" for key, value in settings.items())
        (folder / "users").write_text(f'"{USER}" ""\n')
        config = folder / "ini"
        config.write_text(f"[databases]\n* = host={server.socket} port={PORT}\n[pgbouncer]\n{written}\n")
        # Like PostgreSQL, it refuses to run as root.
        command = [*usual_ways()[0].prefix, str(_program()), "-q", str(config)]
        nothing = subprocess.DEVNULL
        with subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing) as process:
            try:
                _wait(folder / f".s.PGSQL.{PORT}", process)
                query = {"host": name, "port": str(PORT)}
                yield sa.URL.create("postgresql", username=USER, query=query).render_as_string()
            finally:
                process.terminate()


def _wait(path: Path, process: subprocess.Popen[bytes]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not path.exists():
        if process.poll() is not None or time.monotonic() > give_up:
            msg = f"PgBouncer did not start: {' '.join(map(str, process.args))}"  # type: ignore[arg-type]
            raise RuntimeError(msg)
        time.sleep(0.02)


def _program() -> str | None:
    # Debian keeps servers where the PATH of a normal user does not look.
    return shutil.which(PROGRAM, path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin")
