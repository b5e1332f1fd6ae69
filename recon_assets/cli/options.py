"""What is typed on the command line, as values: each error says what was expected, with an example."""

import csv
import os
import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from recon_assets.declare.problems import hidden
from recon_assets.errors import DeclarationError
from recon_assets.model import LONGEST_DURATION, Project, TableSpec, duration_of

Tables = Annotated[list[str] | None, typer.Argument(help="Names of declared tables.", show_default=False)]
AllTables = Annotated[bool, typer.Option("--all", help="Every declared table.")]
File = Annotated[
    Path | None,
    typer.Option(
        "--file", "-f", metavar="FILE", help="The declaration; else what RECON_TABLES names, or recon.yaml here."
    ),
]
Elsewhere = Annotated[
    str | None, typer.Option("--webserver", metavar="URL", help="A Dagster webserver that runs elsewhere.")
]
LoadMode = Annotated[
    Literal["insert_missing", "upsert", "replace"],
    typer.Option("--mode", case_sensitive=False, help="What the load may do to rows that the target has."),
]
"""Those of `Mode` that name no columns, in small letters or, as Dagster's launchpad has them, in capitals."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Fail where a column, or a row that is in no day at all, was not compared. What you leave out yourself"
        " (--where, --window, --columns) is no failure.",
    ),
]
MaxEvidence = Annotated[int, typer.Option(min=0, help="How many wrong records to list; counts are exact anyway.")]


def refuse(option: str, text: str, expected: str, example: str) -> NoReturn:
    """Raise the error of an option that cannot be read."""
    msg = f"{option} {hidden(text)!r}: expected {expected}, such as {option} {example}"
    raise DeclarationError(msg)


def chosen(project: Project, names: Sequence[str] | None, *, every: bool) -> list[TableSpec]:
    """The declared tables that the command line names.

    Raises:
        DeclarationError: When it names none, or one that is not declared.
    """
    if every == bool(names):
        msg = "Name tables, or give --all, and not both."
        raise DeclarationError(msg)
    unknown = [name for name in names or () if name not in project.tables]
    if unknown:
        msg = f"{', '.join(unknown)}: no such table; declared are {', '.join(project.tables)}."
        raise DeclarationError(msg)
    return [project.tables[name] for name in dict.fromkeys(names or project.tables)]


def refuse_unknown_checks(specs: Sequence[TableSpec], only: Sequence[str]) -> None:
    """Refuses a check that none of the tables has, and tables without any: what was not checked has not passed.

    Raises:
        DeclarationError: Naming the checks that there are.
    """
    names = {spec.name: [check.name for check in spec.checks] for spec in specs}
    unknown = sorted(set(only) - {name for checks in names.values() for name in checks})
    if unknown or not any(names.values()):
        known = "; ".join(f"{table}: {', '.join(checks) or 'none'}" for table, checks in names.items())
        msg = f"{', '.join(unknown) or 'Nothing to check'}: no such check is declared. There are: {known}."
        raise DeclarationError(msg)


def spec_of(project: Project, name: str) -> TableSpec:
    """The declaration of one table.

    Raises:
        DeclarationError: When it is not declared: which of its columns are private is not known then.
    """
    return chosen(project, [name], every=False)[0]


Span = tuple[date | None, date | None]
"""The first and the last day that are asked for, both included; None: from the first on, or to the last."""


def span(first: str | None, last: str | None) -> Span:
    """The days of --from and --to.

    Raises:
        DeclarationError: When one is no day, or no day lies between them.
    """
    low, high = map(_day, (first, last))
    if low and high and low > high:
        msg = f"--from {low} is after --to {high}: no day lies between them."
        raise DeclarationError(msg)
    return low, high


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        msg = f"{text}: not a day; expected the form 2013-01-31."
        raise DeclarationError(msg) from error


def url(text: str) -> str:
    """A database's URL; ``env:NAME`` stands for a variable's value, for command lines are seen by everybody.

    Raises:
        DeclarationError: When there is no such variable.
    """
    scheme, _, name = text.partition(":")
    if scheme != "env":
        return text
    if not os.environ.get(name):
        msg = f"{text}: {name or 'the variable'} is not set; write export {name or 'NAME'}=postgresql://user@host/name"
        raise DeclarationError(msg)
    return os.environ[name]


def sides(words: Sequence[str]) -> tuple[tuple[str, str], tuple[str, str]]:
    """The URLs and tables of source and target; a file, or a pattern of files, is both.

    Raises:
        DeclarationError: When they are too few or too many.
    """
    left, found = list(words), []
    while left:
        word = left.pop(0)
        file = _file(word)
        found.append(file or (url(word), left.pop(0) if left else ""))
    if len(found) != 2 or not all(table for _, table in found):
        msg = (
            "Expected SOURCE_URL SOURCE_TABLE TARGET_URL TARGET_TABLE, or a file in place of URL and table, as in:"
            " recon diff orders.csv postgresql://me@ops/shop orders --key id"
        )
        raise DeclarationError(msg)
    return found[0], found[1]


_CSV_OPTIONS = re.compile(r"\?(?=\w+=)")
_PLAIN_FILE = re.compile(r'[^".\s]+\.[^".\s]+')


def _file(word: str) -> tuple[str, str] | None:
    """The folder's URL and the file's name, if the word means one and not a database."""
    from recon_assets.dialect.file_formats import is_file_name  # noqa: PLC0415 - SQLAlchemy takes a third of a second

    path, *more = _CSV_OPTIONS.split(word, maxsplit=1)
    if ":" in path.partition("/")[0] or not is_file_name(path):
        return None
    parts = Path(path).parts
    fixed = next((place for place, part in enumerate(parts) if set(part) & set("*?[")), len(parts) - 1)
    folder, name = Path(*parts[:fixed]), "/".join(parts[fixed:])
    table = name if _PLAIN_FILE.fullmatch(name) else '"' + name.replace('"', '""') + '"'
    return "?".join([f"files:{folder}", *more]), table


def names(option: str, given: Iterable[str]) -> list[str]:
    """Columns, one or more to an option; a name with a comma stands in double quotes.

    Raises:
        DeclarationError: When a name is empty, or stands twice.
    """
    found = [name for text in given for name in _parts(text)]
    for name in found:
        if not name:
            refuse(option, ",".join(found), "names of columns", "id,region")
        if found.count(name) > 1:
            refuse(option, ",".join(found), f"each column once, and {name} stands there twice", "id,region")
    return found


def _parts(text: str) -> list[str]:
    return [part.strip() for part in next(csv.reader([text], skipinitialspace=True)) or [""]]


def renames(given: Iterable[str]) -> dict[str, str]:
    """Names of the target by names of the source.

    Raises:
        DeclarationError: When one cannot be read.
    """
    return _by_column("--rename", given, "the source's name = the target's", "dest=destination")


def casts(given: Iterable[str]) -> dict[str, str]:
    """SQL types of the source's database by columns.

    Raises:
        DeclarationError: When one cannot be read.
    """
    return _by_column("--cast", given, "column = a type of the source's database", "tags=text")


def _by_column(option: str, given: Iterable[str], expected: str, example: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in given:
        column, _, value = (part.strip() for part in text.partition("="))
        if not (column and value) or column in found:
            refuse(option, text, f"{expected}, once for each column", example)
        found[column] = value
    return found


def assigned(values: Iterable[str], nulls: Iterable[str]) -> dict[str, dict[str, str | None]]:
    """The value of each column of each record, from ``ID.COLUMN=VALUE`` and, for NULL, ``ID.COLUMN``.

    Raises:
        DeclarationError: When one cannot be read, or a column stands twice.
    """
    found: dict[str, dict[str, str | None]] = {}
    typed = [("--set", text, *text.partition("=")) for text in values]
    typed += [("--set-null", text, text, "=", "") for text in nulls]
    for option, text, place, equals, value in typed:
        record, _, column = place.partition(".")
        if not (record and column and equals) or column in found.get(record, {}):
            example = _RECORD if option == "--set-null" else f"{_RECORD}=12.50"
            refuse(option, text, "the record's ID, a column and what it is to have, once for each", example)
        found.setdefault(record, {})[column] = None if option == "--set-null" else value
    return found


_RECORD = "1f0c99a2b4d5e6f7.fee"


def rules(given: Iterable[str]) -> dict[str, dict[str, str]]:
    """The rules of each column, as `recon_assets.compare` takes them.

    Raises:
        DeclarationError: When one cannot be read.
    """
    found: dict[str, dict[str, str]] = {}
    for text in given:
        column, _, settings = (part.strip() for part in text.rpartition(":"))
        if not column:
            refuse("--rule", text, "column:rule, with more rules after commas", "price:abs=0.01")
        for setting in settings.split(","):
            name, _, value = (part.strip() for part in setting.partition("="))
            _check_rule(text, column, name, value or "true")
            found.setdefault(column, {})[name] = value or "true"
    return found


def _check_rule(text: str, column: str, name: str, value: str) -> None:
    from recon_assets.diff.rules import rule_of  # noqa: PLC0415 - most commands need no databases for their options

    try:
        rule_of(column, {name: value})
    except DeclarationError as error:
        said = str(error).removeprefix(f"rules: {column}: ")
        msg = f"--rule {text!r}: {said}, such as --rule {column}:{EXAMPLES.get(name, EXAMPLES['abs'])}"
        raise DeclarationError(msg) from error


EXAMPLES = {
    "abs": "abs=0.01",
    "rel": "rel=0.1%",
    "of": "rel=1%,of=larger",
    "scale": "scale=2",
    "precision": "precision=3",
    "rounding": "scale=2,rounding=truncate",
    "strip": "strip",
    "rstrip": "rstrip",
    "ignore_case": "ignore_case",
    "unicode": "unicode=NFC",
    "as": "as=uuid",
}


def window(text: str | None) -> tuple[str, str, str, str] | None:
    """Column, first moment, first moment that is left out, and the zone of both.

    Raises:
        DeclarationError: When it has other parts.
    """
    if text is None:
        return None
    parts = _parts(text)
    if len(parts) not in {3, 4} or not all(parts):
        refuse("--window", text, "column,from,until[,time zone]", "created_at,2024-01-01,2025-01-01,UTC")
    column, start, end, zone = (*parts, "UTC")[:4]
    return column, start, end, zone


def duration(option: str, text: str | None) -> timedelta | None:
    """A span of time.

    Raises:
        DeclarationError: When it cannot be read.
    """
    if text is None:
        return None
    found = duration_of(text)
    if not found:
        refuse(option, text, f"a number and ms, s, m, h or d, {LONGEST_DURATION.days:,} days at most", "15m")
    return found
