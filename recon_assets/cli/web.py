"""The command that serves the desk and Dagster to others: web."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from recon_assets.cli import context
from recon_assets.cli.options import File
from recon_assets.cli.output import tell
from recon_assets.errors import DeclarationError
from recon_assets.web.access import access
from recon_assets.web.passwords import hashed

app = typer.Typer()

SHORTEST_PASSWORD = 8


@app.command()
def web(
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than the loopback need a login.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of both.")] = 3000,
    file: File = None,
    name: Annotated[
        str | None, typer.Option("--hash", metavar="NAME", help="Read a password, print NAME:hash and end.")
    ] = None,
) -> None:
    """Run the review desk and Dagster behind one login, where others may reach it, until Ctrl-C.

    Like `recon dev`, with an address of your choice. RECON_WEB_USERS holds the names and hashes of those who may log
    in, joined by commas; or RECON_WEB_USER_HEADER names the header in which a proxy says who it is.

      recon web --hash ana
      RECON_WEB_USERS=ana:scrypt-.. recon web --host 0.0.0.0
    """
    if name is not None:
        tell(entry(name, _password()))
        return
    serve(host, port, file)


def entry(name: str, password: str) -> str:
    """What RECON_WEB_USERS holds for one person.

    Raises:
        DeclarationError: When the name would be read otherwise, or the password is too short.
    """
    if not name.strip() or set(name) & set(":,"):
        msg = f"--hash {name!r}: expected a name without colon and comma, such as --hash ana"
        raise DeclarationError(msg)
    if len(password) < SHORTEST_PASSWORD:
        msg = f"The password has {len(password)} characters; expected at least {SHORTEST_PASSWORD}."
        raise DeclarationError(msg)
    return f"{name}:{hashed(password)}"


def _password() -> str:
    """Typed twice at a terminal, unseen; else the first line of standard input."""
    if sys.stdin.isatty():
        try:
            typed: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        except typer.Abort:
            raise KeyboardInterrupt from None  # Typer would end with 1, which means that records differ
        return typed
    return sys.stdin.readline().rstrip("\n")


def serve(host: str, port: int, file: Path | None = None) -> None:
    """Run everything until Ctrl-C.

    Raises:
        RefusedError: When others could reach the address and nobody would have to log in.
    """
    from recon_assets.cli.runs import interruptible  # noqa: PLC0415 - Dagster takes seconds, and --hash needs none
    from recon_assets.orchestration import local_deployment  # noqa: PLC0415

    with interruptible(), local_deployment.session(context.environment(file)) as session:
        access(session.environ).check_host(host)
        tell("Starting Dagster (code server, webserver, daemon) ...")
        with session.served(port, host=host) as running:
            tell(
                f"Whether the tables agree is at {running.webserver.url}/recon, the queue at /review, Dagster at /"
                "  (Ctrl-C stops it)"
            )
            while True:
                running.check()
                time.sleep(1)
