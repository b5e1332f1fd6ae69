"""The command that serves the review pages and Dagster to others: web; and web hash-password."""

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from recon_assets.cli import context
from recon_assets.cli.options import File
from recon_assets.cli.output import tell
from recon_assets.errors import DeclarationError
from recon_assets.web.identity.auth import access
from recon_assets.web.identity.passwords import hashed

app = typer.Typer()

MIN_PASSWORD_CHARACTERS = 8


@app.callback(invoke_without_command=True)
def web(
    called: typer.Context,
    host: Annotated[
        str, typer.Option(help="Address to listen at; others than the loopback need a login.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of both.")] = 3000,
    file: File = None,
) -> None:
    """Run the review pages and Dagster behind one login, where others may reach it, until Ctrl-C.

    Like `recon dev`, with an address of your choice. RECON_WEB_USERS holds the names and hashes of those who may log
    in, joined by commas; or RECON_WEB_USER_HEADER names the header in which a proxy says who it is.

      recon web hash-password ana
      RECON_WEB_USERS=ana:scrypt-.. recon web --host 0.0.0.0
    """
    if called.invoked_subcommand is None:
        serve(host, port, file)


@app.command()
def hash_password(name: Annotated[str, typer.Argument(metavar="NAME", help="Who is to log in by it.")]) -> None:
    """Read a password, typed twice or from standard input, and print NAME:hash for RECON_WEB_USERS.

    recon web hash-password ana
    """
    tell(entry(name, _password()))


def entry(name: str, password: str) -> str:
    """What RECON_WEB_USERS holds for one person.

    Raises:
        DeclarationError: When the name would be read otherwise, or the password is too short.
    """
    if not name.strip() or set(name) & set(":,"):
        msg = f"{name!r}: expected a name without colon and comma, such as recon web hash-password ana"
        raise DeclarationError(msg)
    if len(password) < MIN_PASSWORD_CHARACTERS:
        msg = f"The password has {len(password)} characters; expected at least {MIN_PASSWORD_CHARACTERS}."
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
    from recon_assets.cli.runs import interruptible  # noqa: PLC0415 - Dagster takes seconds, and a hash needs none
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
