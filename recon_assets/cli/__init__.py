"""The `recon` command: what each command is called here, and what it does in a module that only it imports."""

import sys
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from recon_assets.cli.output import complain, ending_as_by_ctrl_c, piped
from recon_assets.errors import COULD_NOT_RUN, INTERRUPTED, DeclarationError, ReconError
from recon_assets.model import keepable

_TEACHING = (
    "[bold]First steps[/]",
    "[cyan]recon demo[/]  real data, a half-done migration, a real backfill",
    "[cyan]recon init --out recon.yaml[/]  write a declaration by reading both databases",
    "[cyan]recon diff URL TABLE URL TABLE[/]  compare any two tables",
    "[cyan]recon validate --connect[/]  compare it with the databases",
    "[cyan]recon dev[/]  Dagster on your tables",
    "[cyan]recon backfill flights --missing[/]  fill the days that are not there",
    "[cyan]recon check flights[/]  what is wrong with the days that are there",
    "[cyan]recon check flights --launch[/]  the same in Dagster, with a status for each day",
    "[cyan]recon review list[/]  what waits for a decision; then show, decide",
    "[cyan]recon rollback case flights/2013-03-10/missing[/]  take back what was written",
    "[bold]Environment[/]",
    "RECON_SOURCE_URL, RECON_TARGET_URL: the databases, unless the declaration names other variables.",
    "RECON_LEDGER_URL, DAGSTER_PG_URL: an embedded PostgreSQL stands in for each, in the demo for all four.",
    "RECON_TABLES: the declaration, unless --file names one; by default ./recon.yaml (demo: the demo's).",
    "RECON_HOME: where data is kept, by default .recon",
    "[bold]Exit codes[/]",
    "0 done, 1 differences found, 2 wrong use or declaration, 3 could not run, 130 interrupted",
)


@dataclass(frozen=True)
class Lazy:
    """A command that ``module`` defines: ``summary`` is all that `recon --help` needs to know of it."""

    module: str
    summary: str


COMMANDS = {
    "demo": Lazy("runs", "Load real data (flights of 2013) and fill a half-done migration by a real backfill."),
    "init": Lazy("tables", "Write a first declaration by reading both databases."),
    "diff": Lazy("diff", "Compare two tables of two databases and name every record that differs."),
    "check": Lazy("checks", "Run the checks of declared tables, day by day, and say what is wrong."),
    "validate": Lazy("tables", "Check a declaration, and with --connect the databases that it names."),
    "status": Lazy("status", "Say of each table how many days are loaded, agree and differ, and how many cases wait."),
    "schema": Lazy("tables", "Print the JSON Schema of declarations, by which editors complete and check them."),
    "dev": Lazy("runs", "Run Dagster with its web interface on the declared tables, until Ctrl-C."),
    "adopt": Lazy("runs", "Tell Dagster which days the target holds already."),
    "backfill": Lazy("runs", "Load days of tables by Dagster backfills, parents first, and follow them to their end."),
    "review": Lazy("review", "Read the queue of cases that wait for a decision, and decide."),
    "rollback": Lazy(
        "rollback", "Take back what a case, a run or a backfill wrote; without --yes, show what would be written."
    ),
    "ledger": Lazy("ledger", "Look after the ledger: bring its schema up to date, drop what is no longer needed."),
    "sync": Lazy("sync", "Have every case shown in Dagster anew, after its storage was lost."),
    "web": Lazy("web", "Run the review pages and Dagster behind one login, where others may reach it."),
}


class Commands(TyperGroup):
    """Commands that are imported when they run: Dagster alone takes seconds, and `recon --help` none.

    The one place where an error of ours becomes a message and an exit code; any other error is a
    fault of this program and keeps its traceback.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        summaries = {name: TyperCommand(name=name, help=lazy.summary) for name, lazy in COMMANDS.items()}
        self.commands.update(summaries)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is about to run, imported."""
        for text in args:
            if not keepable(text):
                msg = f"{text!a}: expected text in UTF-8, without NUL."
                raise DeclarationError(msg)
        name, command, rest = super().resolve_command(ctx, args)
        return name, _imported(name) if name in COMMANDS else command, rest

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        ending_as_by_ctrl_c()
        try:
            return super().invoke(ctx)
        except ReconError as error:
            complain(str(error))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt:
            complain("Interrupted. Run it again to go on.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Click would end with 1, which says that records differ; what has a verdict gives it under `piped`.
            raise typer.Exit(COULD_NOT_RUN) from None


def _imported(name: str) -> Any:
    module = import_module(f"recon_assets.cli.{COMMANDS[name].module}")
    found: Any = get_command(module.app)
    # A lone command is no group; a group of its own has commands of other names.
    return found.commands.get(name, found) if isinstance(found, TyperGroup) else found


app = typer.Typer(
    cls=Commands,
    name="recon",
    epilog="\n\n".join(_TEACHING),
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - a command-line switch
    if wanted:
        typer.echo(f"recon-assets {version('recon-assets')}")
        raise typer.Exit


@app.callback()
def recon(
    _version: Annotated[  # noqa: FBT002 - a command-line switch
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Backfill and reconcile two databases as Dagster assets."""


def main(args: Sequence[str] | None = None) -> None:
    """The entry point of the ``recon`` script.

    A fault of this program must not end it with 1, as Python would have it: that says that records differ.
    """
    # A column of such a type is named in the verdict, where it can be read.
    warnings.filterwarnings("ignore", message="Did not recognize type")
    try:
        with piped():  # what is still buffered has a reader, or the exit code stands without one
            app(args=args, prog_name="recon")
    except SystemExit as ended:
        # Help has no verdict, and Click ends with 1 when its reader goes away.
        if isinstance(ended.__context__, BrokenPipeError):
            sys.exit(0)
        raise
    except Exception:  # noqa: BLE001 - shown whole
        traceback.print_exc()
        sys.exit(COULD_NOT_RUN)
