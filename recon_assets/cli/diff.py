"""The command that compares two tables: diff."""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

import recon_assets
from recon_assets.cli import diff_report, options
from recon_assets.cli.diff_report import ComparedTable, Report
from recon_assets.cli.options import AsJson, MaxEvidence, Strict
from recon_assets.cli.output import (
    aside,
    beside,
    leaving_at_once,
    piped,
    plain_table,
    progress,
    remark,
    screen,
    tell,
)
from recon_assets.dialect import check_url
from recon_assets.errors import DeclarationError
from recon_assets.explain import reasons
from recon_assets.model import Discrepancy, value_text

app = typer.Typer(add_completion=False)

SAMPLE = 10
MANY = 6
COLUMNS, MOST_COLUMNS = 8, 20
"""How many columns are shown of one record, and of all; a table may have a thousand."""

Repeated = list[str] | None
ExactNames = Annotated[bool, typer.Option("--exact-names", help="UnitPrice and unit_price are two names.")]
SIDES = "SOURCE_URL SOURCE_TABLE TARGET_URL TARGET_TABLE"
URL = "Each side is the URL of a database, or env:NAME for one that a variable holds,"
TABLE = 'and a table, schema.table, "Quoted Name" or (select ..).'
FILE = "A file or pattern (.csv, .jsonl, .parquet) is a side by itself."


@app.command()
def diff(  # noqa: PLR0913, PLR0917 - the switches of one command
    sides: Annotated[list[str], typer.Argument(metavar=SIDES, help=f"{URL} {TABLE} {FILE}")],
    key: Annotated[
        Repeated,
        typer.Option(metavar="COLUMN", help="What identifies a record; by default the primary key. Again for more."),
    ] = None,
    no_key: Annotated[bool, typer.Option("--no-key", help="Nothing does: compare whole records.")] = False,  # noqa: FBT002
    columns: Annotated[Repeated, typer.Option(metavar="A,B", help="Compare only these; the source's names.")] = None,
    rename: Annotated[
        Repeated, typer.Option(metavar="SOURCE=TARGET", help="Names that differ; again for more.")
    ] = None,
    exact_names: ExactNames = False,  # noqa: FBT002 - a command-line switch
    cast: Annotated[
        Repeated, typer.Option(metavar="COLUMN=TYPE", help="Cast a column to an SQL type first; again for more.")
    ] = None,
    rule: Annotated[
        Repeated, typer.Option(metavar="COLUMN:RULES", help="As price:abs=0.01 or name:strip; again.")
    ] = None,
    where: Annotated[str | None, typer.Option(metavar="SQL", help="Compare only rows of which this holds.")] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,FROM,UNTIL[,ZONE]",
            help="Only rows from FROM to before UNTIL, days or moments of ZONE (UTC).",
        ),
    ] = None,
    stored_in: Annotated[
        str, typer.Option(metavar="ZONE", help="The time zone in which times without a zone are stored.")
    ] = "UTC",
    grace_period: Annotated[
        str | None, typer.Option(metavar="15m", help="Rows younger than this are in flight.")
    ] = None,
    updated_at: Annotated[str | None, typer.Option(metavar="COLUMN", help="What says how old a row is.")] = None,
    max_evidence: MaxEvidence = 1000,
    strict: Strict = False,  # noqa: FBT002 - a command-line switch
    json: AsJson = False,  # noqa: FBT002 - a command-line switch
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="A .csv or .html of what differs.")] = None,
) -> None:
    """Compare two tables of two databases and name every record that differs.

    Exit code 0: equal; 1: different; 2: wrong use; 3: could not compare. Nothing is written to a database.
    Columns that cannot be compared stand in the verdict; with --strict they make it different.
    Case and _ make no other name: InvoiceLine.UnitPrice meets invoice_line.unit_price (unless --exact-names).

      recon diff postgresql://me@ops/shop orders mysql://me@lake/raw orders
      recon diff sqlite:///a.db t duckdb:///b.duckdb t --key id --rule price:abs=0.01 --json
      recon diff env:SHOP orders env:LAKE orders --key id --window day,2024-01-01,2025-01-01
      recon diff 'extracts/orders_*.csv' env:LAKE orders --key id
    """
    (source_url, source_table), (target_url, target_table) = options.sides(sides)
    urls = source_url, target_url
    source, target = _side("source", source_url, source_table), _side("target", target_url, target_table)
    asked = {
        "key": _key(key, no_key=no_key),
        "columns": options.names("--columns", columns) if columns else None,
        "exact_names": exact_names,
        "rename": options.renames(rename or ()) or None,
        "cast": options.casts(cast or ()) or None,
        "rules": options.rules(rule or ()) or None,
        "window": options.window(window),
        "stored_in": stored_in,
        "where": where,
        "grace_period": options.duration("--grace-period", grace_period),
        "updated_at": updated_at,
        "max_evidence": max_evidence,
    }
    _check_grace_period(grace_period, updated_at)
    diff_report.check_out(out)
    with leaving_at_once("Interrupted; the comparison was not finished."):
        report = _compared(source, target, urls, asked, strict=strict)
        if out:
            diff_report.write(out, report)
        with piped():
            _print_json(report) if json else _print(report, out)
    raise typer.Exit(report.exit_code)


def _side(role: str, url: str, table: str) -> ComparedTable:
    return ComparedTable(check_url(url, role).render_as_string(hide_password=True), table)


def _key(given: Repeated, *, no_key: bool) -> list[str] | None:
    """What was named; none for whole records, None for the tables' own key."""
    if given and no_key:
        msg = "Name the columns that identify a record by --key, or compare whole records by --no-key, and not both."
        raise DeclarationError(msg)
    return options.names("--key", given) if given else [] if no_key else None


def _check_grace_period(grace_period: str | None, updated_at: str | None) -> None:
    if bool(grace_period) != bool(updated_at):
        msg = "--grace-period and --updated-at go together, such as --grace-period 15m --updated-at changed_at"
        raise DeclarationError(msg)


def _compared(
    source: ComparedTable, target: ComparedTable, urls: tuple[str, str], asked: dict[str, Any], *, strict: bool
) -> Report:
    """Compare, with the step that is being done on the terminal."""
    with progress() as told:
        found = aside(
            lambda: recon_assets.compare(urls[0], source.table, urls[1], target.table, **asked, progress=told)
        )
    source, target = (
        replace(side, table=found.tables.get(role, side.table))
        for role, side in (("source", source), ("target", target))
    )
    return Report(source, target, found, reasons(found), strict=strict, found_key=asked["key"] is None)


def _print_json(report: Report) -> None:
    for note in report.notes():
        remark(note)
    sys.stdout.writelines(diff_report.as_pieces(report))


def _print(report: Report, out: Path | None) -> None:
    """Verdict, figures, why, which columns, which records, and how to read that."""
    found = report.comparison
    tell(report.verdict)
    _show("", _figures(report))
    _list("Why", report.reasons)
    if found.by_column:
        _show("Columns that differ", _by_column(report))
    _sample("Other values", found.counts.mismatched, found.mismatched, _mismatched(report))
    _sample("Missing from the target", found.counts.missing, found.missing, _identities(report, found.missing))
    _sample("Only in the target", found.counts.extra, found.extra, _identities(report, found.extra))
    _list("Note", report.notes())
    tell(f"\nCompared in {found.seconds:.1f} s; {found.rows_read:,} rows read.")
    if out:
        tell(f"All that is listed stands in {out}.")


def _show(title: str, table: Table) -> None:
    screen().print(Text(f"\n{title}" if title else "", style="bold"), table, sep="\n" if title else "")


def _sample(title: str, of: int, items: tuple[Discrepancy, ...], table: Table) -> None:
    listed = min(len(items), SAMPLE)
    shown_of = "" if of <= listed else f" ({listed} of {of:,})"
    if items:
        _show(title + shown_of, table)


def _list(title: str, sentences: Iterable[str]) -> None:
    said = [f"  - {sentence}" for sentence in sentences]
    if said:
        tell("\n".join(["", title, *said]))


def _figures(report: Report) -> Table:
    counts = report.comparison.counts
    table = plain_table("", "records", "")
    table.columns[1].justify = "right"
    for side, count, place in (("source", counts.source, report.source), ("target", counts.target, report.target)):
        table.add_row(side, f"{count:,}", Text(f"{place.table}  {place.url}"))
    table.add_row("missing", f"{counts.missing:,}", "only in the source")
    table.add_row("extra", f"{counts.extra:,}", "only in the target")
    table.add_row("mismatched", f"{counts.mismatched:,}", "on both sides, with other values")
    return table


def _by_column(report: Report) -> Table:
    table = plain_table("column", "records", "of mismatched")
    table.columns[1].justify = table.columns[2].justify = "right"
    by_column = sorted(report.comparison.by_column.items(), key=lambda item: -item[1])
    for column, count in by_column[:MOST_COLUMNS]:
        share = count / max(report.comparison.counts.mismatched, 1)
        table.add_row(Text(column), f"{count:,}", f"{share:.1%}")
    if len(by_column) > MOST_COLUMNS:
        table.add_row(f"and {len(by_column) - MOST_COLUMNS} more (--json, --out)", "", "")
    return table


def _mismatched(report: Report) -> Table:
    """The first records, each with its cells that differ below one another."""
    table = plain_table(*report.heading, "column", "source", "target")
    width = max(20, (screen().width - 24) // 2)
    for item in report.comparison.mismatched[:SAMPLE]:
        identity = [Text(value_text(value)) for value in report.identity(item)]
        for column, values in list(item.columns.items())[:COLUMNS]:
            left, right = (report.comparison.written(column, value, side) for side, value in enumerate(values))
            table.add_row(*identity, Text(column), *(Text(text) for text in beside(left, right, width)))
            identity = [Text()] * len(identity)
        if len(item.columns) > COLUMNS:
            table.add_row(*identity, Text(f"and {len(item.columns) - COLUMNS} more"), "", "")
    return table


def _identities(report: Report, items: tuple[Discrepancy, ...]) -> Table:
    """The first records by what tells them from others; when that is much, in one column."""
    rows = [[(name, value_text(value)) for name, value in report.telling(item)] for item in items[:SAMPLE]]
    heading = [name for name, _ in rows[0]] if rows else []
    many = len(heading) > MANY
    table = plain_table("record") if many else plain_table(*heading)
    for row in rows:
        whole = ", ".join(f"{name}={cell}" for name, cell in row)
        table.add_row(*(Text(cell) for cell in ([whole] if many else [cell for _, cell in row])))
    return table
