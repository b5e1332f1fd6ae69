"""The commands that read and write declarations: validate, init."""

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from recon_assets.cli import options
from recon_assets.cli.options import File
from recon_assets.cli.output import as_json, aside, leaving_at_once, piped, plain_table, progress, remark, screen, tell
from recon_assets.declare import Declaration, Problem, ProblemsError, read
from recon_assets.declare.problems import holds_password
from recon_assets.errors import COULD_NOT_RUN, WRONG_USE, DeclarationError, RefusedError
from recon_assets.model import plural

app = typer.Typer()

_STYLES = {"error": "bold red", "unavailable": "bold red", "warning": "yellow"}

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


@app.command()
def validate(
    file: Annotated[
        Path | None,
        typer.Argument(help="The declaration, as by --file.", show_default=False),
    ] = None,
    named: File = None,
    connect: Annotated[bool, typer.Option("--connect", help="Also look at the databases.")] = False,  # noqa: FBT002
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
) -> None:
    """Check a declaration, and with --connect the databases that it names.

    Without --connect no database is needed. With it, tables, columns, types, keys, triggers and privileges are
    looked at, and each statement is planned by its database, but not run. Everything wrong is told at once; warnings
    leave exit code 0, errors 2, a database that does not answer 3.

      recon validate
      recon validate --connect --json
    """
    if file and named:
        msg = f"{file} and --file {named}: name one declaration."
        raise DeclarationError(msg)
    declaration = _examined(file or named, connect=connect)
    as_json(_report(declaration)) if json else _show(declaration, connect=connect)
    raise typer.Exit(_exit_code(declaration.problems))


def _examined(file: Path | None, *, connect: bool) -> Declaration:
    try:
        declaration = read(file, os.environ, offline=not connect)
    except ProblemsError as error:
        return Declaration.unreadable(error)
    if not connect:
        return declaration
    from recon_assets.declare.connect import connected  # noqa: PLC0415 - only this needs database drivers

    return connected(declaration)


def _report(declaration: Declaration) -> dict[str, object]:
    return {
        "file": declaration.origin,
        "valid": not declaration.errors,
        "tables": list(declaration.sound),
        "problems": [problem.as_dict() for problem in declaration.problems],
    }


def _show(declaration: Declaration, *, connect: bool) -> None:
    if declaration.problems:
        _problem_table(declaration.problems)
    errors, warnings = len(declaration.errors), len(declaration.problems) - len(declaration.errors)
    counts = f"{plural(errors, 'error')}, {plural(warnings, 'warning')}"
    checked = "" if connect or errors else " (databases not looked at: --connect does)"
    every = plural(len(declaration.tables), "table")
    tables = f"{len(declaration.sound)} of {every} sound" if errors else every
    tell(f"{declaration.origin}: {tables}, {counts}{checked}")
    unread = set(declaration.tables) - set(declaration.project.tables)
    if connect and unread:
        names = ", ".join(sorted(unread))
        tell(f"Not compared with the databases, for what is wrong may change what they mean: {names}")


def _problem_table(problems: Sequence[Problem]) -> None:
    """Prints problems below one another: what, where, why and the remedy."""
    table = plain_table("", "line", "where", "what is wrong, and what to do")
    for problem in problems:
        words = Text(problem.message)
        words.append(f"\n{problem.hint}" if problem.hint else "", style="dim")
        severity = Text(problem.severity, style=_STYLES[problem.severity])
        table.add_row(severity, str(problem.line or ""), Text(problem.where), words)
    screen().print(table)


def _exit_code(problems: tuple[Problem, ...]) -> int:
    severities = {problem.severity for problem in problems}
    if "error" in severities:
        return WRONG_USE
    return COULD_NOT_RUN if "unavailable" in severities else 0


@app.command()
def schema() -> None:
    """Print the JSON Schema of declarations, by which editors complete and check them.

    The first line of a declaration names it: # yaml-language-server: $schema=recon.schema.json

      recon schema > recon.schema.json
    """
    from recon_assets.declare.json_schema import json_schema  # noqa: PLC0415 - only this needs all its models

    as_json(json_schema())


@app.command()
def init(  # noqa: PLR0913, PLR0917 - the switches of one command
    source_url: Annotated[str | None, typer.Option(help="URL of the source, without a password.")] = None,
    target_url: Annotated[str | None, typer.Option(help="URL of the target, without a password.")] = None,
    source_env: Annotated[str, typer.Option(help="Environment variable with the source's URL.")] = "RECON_SOURCE_URL",
    target_env: Annotated[str, typer.Option(help="Environment variable with the target's URL.")] = "RECON_TARGET_URL",
    schema: Annotated[str | None, typer.Option(help="Only this schema, on both sides.")] = None,
    source_schema: Annotated[str | None, typer.Option(help="Only this schema of the source.")] = None,
    target_schema: Annotated[str | None, typer.Option(help="Only this schema of the target.")] = None,
    tables: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B*", help="Only these tables of the source; again for more."),
    ] = None,
    timezone: Annotated[
        str, typer.Option(metavar="ZONE", help="Whose midnights divide days, and of which times without a zone are.")
    ] = "UTC",
    out: Annotated[Path | None, typer.Option(help="Write here, not to the screen.", dir_okay=False)] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file of --out.")] = False,  # noqa: FBT002
) -> None:
    """Write a first declaration by reading both databases.

    Tables and columns are matched by name, whatever their case and _ (InvoiceLine, invoice_line); plurals of tables and
    prefixes (stg_) are proposals, and partitions their parent's. Keys come from constraints, else from the data,
    windows from columns that say when a row came to be, checks from foreign keys. Nothing is written to a database.
    URLs stay in the environment: the file names the variables only.

      recon init --out recon.yaml
      recon init --schema sales --tables 'order*,customers' --out recon.yaml
      recon init --timezone Europe/Berlin --out recon.yaml
      recon init --source-env SHOP_URL --target-env LAKE_URL --source-schema public --target-schema raw
    """
    # Only this needs drivers.
    from recon_assets.declare.introspection import Place, first_declaration, zone_of_days  # noqa: PLC0415

    source = Place("source", _url(source_url, source_env, "--source-url"), source_env, source_schema or schema)
    target = Place("target", _url(target_url, target_env, "--target-url"), target_env, target_schema or schema)
    _refuse_overwriting(out, force=force)
    patterns = options.names("--tables", tables) if tables else ()
    today = datetime.now(zone_of_days(timezone)).date()
    with leaving_at_once("Interrupted; nothing was written."), progress() as told:
        text = aside(lambda: first_declaration(source, target, today, tables=patterns, timezone=timezone, tell=told))
    if not out:
        with piped():
            typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    remark(f"{out} is written. Read it, then compare it with the databases: recon validate {out} --connect")


def _url(given: str | None, env: str, option: str) -> str:
    """The URL of an option, or of the environment.

    Raises:
        DeclarationError: When there is none, or one with a password on the command line.
    """
    if given and holds_password(given):
        msg = (
            f"{option}: a password on the command line is seen by everybody on this machine."
            f" Put the URL into the environment (export {env}=...) and leave {option} out."
        )
        raise DeclarationError(msg)
    url = given or os.environ.get(env)
    if not url:
        msg = f"No URL: set {env}, or give {option}, such as {option} postgresql://user@host/name"
        raise DeclarationError(msg)
    return url


def _refuse_overwriting(out: Path | None, *, force: bool) -> None:
    if out and out.exists() and not force:
        msg = f"{out} is there already. Name another file, or give --force to overwrite it."
        raise RefusedError(msg)
