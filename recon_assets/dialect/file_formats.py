"""What files hold: columns of CSV, JSON lines and Parquet, their rows as DuckDB reads them, and the line of a row."""

import csv
import fnmatch
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Literal

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from recon_assets.errors import DeclarationError, DoesNotFitError

ENCODINGS = ("utf-8", "utf-16", "latin-1")
_FORMATS: Mapping[str, Literal["csv", "json", "parquet"]] = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "json"),
    ".parquet": "parquet",
}
SUFFIXES = tuple(_FORMATS)
_PACKED = ".gz"
_NO_NAME = re.compile(r"[+-]?[\d.,]+|\d+[-./]\d+[-./]\d+.*")
_DELIMITERS = ",;\t|"

csv.field_size_limit(sys.maxsize)


def is_file_name(text: str) -> bool:
    """Whether a text names a file that can be read as a table."""
    return text.lower().removesuffix(_PACKED).endswith(SUFFIXES)


def tables_of(folder: Path) -> dict[str, str]:
    """The tables that the files of a folder seem to be: a name, and the file or the pattern of all that are one.

    Files whose names differ in digits alone are one: ``orders_2024-01-01.csv`` and those of other days are ``orders``.
    """
    found: dict[tuple[str, str], list[str]] = {}
    files = sorted(path.name for path in folder.iterdir() if path.is_file() and is_file_name(path.name))
    for file in files:
        stem, _, suffix = file.partition(".")
        found.setdefault((_NUMBERS.sub("*", stem), suffix), []).append(file)
    named: dict[str, str] = {}
    for (stem, suffix), alike in found.items():
        patterns = (f"{stem}.{suffix}", f"{stem.replace('*', '[0-9]*')}.{suffix}")
        one = alike if len(alike) == 1 else [each for each in patterns if fnmatch.filter(files, each) == alike]
        for written in one[:1] or alike:
            own = stem.replace("*", " ") if one else written.partition(".")[0]
            name = _SEPARATORS.sub("_", own).strip("_") or alike[0].partition(".")[0]
            named[name if name not in named else f"{name}_{suffix}"] = written
    return named


_NUMBERS = re.compile(r"\d+([-_T]*\d+)*")
_SEPARATORS = re.compile(r"[-_ ]+")


class read_files(FunctionElement[Any]):  # noqa: N801 - SQL is lower case
    """DuckDB's table function of a format, of these files."""

    inherit_cache = False

    def __init__(self, function: str, paths: Sequence[Path], **options: Any) -> None:
        super().__init__()
        self.function, self.arguments = function, [list(map(str, paths))]
        self.named = options


@compiles(read_files, "duckdb")
def _read_files(element: Any, compiler: Any, **_: Any) -> str:
    def literal(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, list):
            return f"[{', '.join(map(literal, value))}]"
        if isinstance(value, dict):
            return f"{{{', '.join(f'{literal(name)}: {literal(of)}' for name, of in value.items())}}}"
        return str(compiler.render_literal_value(value, sa.String()))

    options = (f"{name} = {literal(value)}" for name, value in element.named.items())
    return f"{element.function}({', '.join([*map(literal, element.arguments), *options])})"


@dataclass(frozen=True)
class Source:
    """The files of one table.

    Attributes:
        database: Whose it is, for messages.
        pattern: What was asked for.
        paths: In the order in which their rows are read.
        options: Of the URL.
        columns: In their order; those of JSON lines are found while the lines are read.
        stamped: What the files were like before anything was read of them.
    """

    database: str
    pattern: str
    paths: tuple[Path, ...]
    format: Literal["csv", "json", "parquet"]
    options: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    delimiter: str = ","
    stamped: tuple[object, ...] = ()

    @property
    def place(self) -> str:
        """How messages about all files begin."""
        return f"{self.database}: {self.pattern}"

    def at(self, path: Path, line: int) -> str:
        """How messages about a line begin."""
        return f"{self.database}: {path.name}, line {line}"

    @property
    def encoding(self) -> str:
        """Of texts."""
        return self.options.get("encoding", ENCODINGS[0]) if self.format == "csv" else ENCODINGS[0]

    @property
    def has_header(self) -> bool:
        """Whether the first record of each file names the columns."""
        return self.format == "csv" and "columns" not in self.options

    def changed(self) -> bool:
        """Whether somebody has written to a file since, put another one in its place, or taken it away."""
        return _stamps(self.paths) != self.stamped

    def records(self) -> Iterator[tuple[Path, int, Any]]:
        """Each record with its file and the line on which it begins; a header is the first record of its file."""
        for path in self.paths:
            with _whole(self), _opened(path, self.encoding) as file:
                if self.format == "json":
                    yield from ((path, line, text) for line, text in enumerate(file, 1) if text.strip())
                    continue
                reader, line = csv.reader(file, delimiter=self.delimiter), 1
                for record in reader:
                    if record or len(self.columns) == 1:  # where there is one column, a blank line is a row: NULL
                        yield path, line, record
                    line = reader.line_num + 1

    def line(self, row: int) -> str:
        """Where a row stands; the first is 0. Parquet has no lines."""
        if self.format == "parquet":
            return f"{self.place}, row {row + 1}"
        for path, line, _ in self._rows():
            if not row:
                return self.at(path, line)
            row -= 1
        return self.place

    def _rows(self) -> Iterator[tuple[Path, int, Any]]:
        last: Path | None = None
        for path, line, record in self.records():
            if path == last or not self.has_header:
                yield path, line, record
            last = path


def find(folder: Path, pattern: str, options: Mapping[str, str], database: str) -> Source:
    """The files that a name or pattern means, and their columns.

    Raises:
        DeclarationError: When there are none, or they cannot be one table.
    """
    place = f"{database}: {pattern}"
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        msg = f"{place}: names a place outside of the folder; name a file of the folder {folder}"
        raise DeclarationError(msg)
    paths = (folder / pattern,) if (folder / pattern).exists() else tuple(sorted(folder.glob(pattern)))
    if not paths:
        there = sorted(path.name for path in folder.iterdir() if is_file_name(path.name))
        known = f"there are {', '.join(there[:20])}" if there else f"there are none of {', '.join(SUFFIXES)}"
        msg = f"{place}: no such file in {folder}; {known}"
        raise DeclarationError(msg)
    formats = {_FORMATS.get(Path(path.name.lower().removesuffix(_PACKED)).suffix) for path in paths}
    form, *others = formats
    if form is None or others or not all(path.is_file() for path in paths):
        msg = f"{place}: expected files of one kind ({', '.join(SUFFIXES)}); a folder is no table, name folder/*.csv"
        raise DeclarationError(msg)
    source = Source(database, pattern, paths, form, options, stamped=_stamps(paths))
    return _csv(source) if form == "csv" else source


def _stamps(paths: Sequence[Path]) -> tuple[object, ...]:
    found = (path.stat() if path.exists() else None for path in paths)
    return tuple(each and (each.st_mtime_ns, each.st_size, each.st_ino) for each in found)


def _csv(source: Source) -> Source:
    """With the columns and the delimiter that the header says."""
    delimiter = {"tab": "\t"}.get(source.options.get("delimiter", ""), source.options.get("delimiter"))
    if not delimiter:
        first = _first_line(source)
        delimiter = max(_DELIMITERS, key=first.count)
    source = replace(source, delimiter=delimiter)
    if not source.has_header:
        columns = tuple(name.strip() for name in source.options["columns"].split(","))
        refuse_alike(f"{source.place}: ?columns=", columns)
        return replace(source, columns=columns)
    headers: dict[Path, tuple[str, ...]] = {}
    for path in source.paths:
        one = replace(source, paths=(path,))
        headers[path] = tuple(next((record for _, _, record in one.records()), ()))
        if not "".join(headers[path]).isprintable():
            raise _other_encoding(one.at(path, 1), source)
        _check_header(one.at(path, 1), headers[path])
    columns = headers[source.paths[0]]
    for path, header in headers.items():
        _refuse_other_columns(source, path, columns, header)
    return replace(source, columns=columns)


def _first_line(source: Source) -> str:
    with _whole(source), _opened(source.paths[0], source.encoding) as file:
        return file.readline()


def _refuse_other_columns(source: Source, path: Path, columns: Sequence[str], others: Sequence[str]) -> None:
    if tuple(others) != tuple(columns):
        apart = ", ".join(sorted({*columns} ^ {*others})) or "their order"
        msg = (
            f"{source.place}: {path.name} has other columns than {source.paths[0].name} ({apart}); name files of the"
            " same columns, in the same order"
        )
        raise DeclarationError(msg)


def _check_header(place: str, names: Sequence[str]) -> None:
    """A line of data, taken for the header, would be a row less."""
    instead = "a file without one: name its columns in the URL, as ?columns=id,day,amount"
    if not names:
        msg = f"{place}: the file is empty; expected a header with the names of the columns"
    elif not all(name.strip() for name in names):
        msg = f"{place}: expected a header with a name for each column; or {instead}"
    elif any(_NO_NAME.fullmatch(name) for name in names):
        msg = f"{place}: expected a header, found numbers or dates; {instead}"
    else:
        refuse_alike(place, names)
        return
    raise DeclarationError(msg)


def _opened(path: Path, encoding: str) -> IO[str]:
    """Bytes that are no text are told by whoever meets their line."""
    text = {"utf-8": "utf-8-sig"}.get(encoding, encoding)
    if path.name.lower().endswith(_PACKED):
        return io.TextIOWrapper(gzip.open(path), text, errors="surrogateescape", newline="")
    return path.open(encoding=text, errors="surrogateescape", newline="")


@contextmanager
def _whole(source: Source) -> Iterator[None]:
    try:
        yield
    except (UnicodeError, EOFError, OSError, zlib.error, csv.Error) as error:
        raise broken(source, type(error).__name__) from None


def broken(source: Source, why: str) -> DoesNotFitError:
    """What is raised where a file ends too early, or is something else than its name says."""
    return DoesNotFitError(
        f"{source.place}: cannot be read ({why}); expected whole files of the kind that they are named"
    )


def _other_encoding(place: str, source: Source) -> DoesNotFitError:
    others = " or ".join(f"?encoding={name}" for name in ENCODINGS if name != source.encoding)
    return DoesNotFitError(f"{place}: is not in {source.encoding}; say {others} in the URL, or mend the file")


@contextmanager
def texts(source: Source, place: Path) -> Iterator[sa.Select[Any]]:
    """All values of CSV or JSON lines as texts; ``place`` is a folder for files of our own, which are gone afterwards.

    In CSV nothing between two delimiters is NULL, and ``""`` is an empty text.
    """
    if source.format == "csv":
        yield _of_csv(source.paths, source, source.columns)
        return
    copy = place / "lines.csv"
    columns = _as_csv(source, copy)
    yield _of_csv((copy,), replace(source, options={"columns": ""}), columns, null_padding=True, parallel=False)
    copy.unlink()


def _of_csv(paths: Sequence[Path], source: Source, columns: Sequence[str], **more: Any) -> sa.Select[Any]:
    files = read_files(
        "read_csv",
        paths,
        auto_detect=False,
        header=source.has_header,
        columns=dict.fromkeys(columns, "VARCHAR"),
        delim=source.delimiter,
        quote='"',
        escape='"',
        nullstr="",
        allow_quoted_nulls=False,
        strict_mode=True,
        encoding=source.encoding,
        **more,
    )
    return sa.select(sa.literal_column("*")).select_from(files.alias("files"))


def typed(source: Source, columns: Iterable[str]) -> sa.FromClause:
    """All rows of Parquet, whose values have types of their own."""
    every = read_files("read_parquet", source.paths)
    return every.table_valued(*(sa.column(sa.sql.quoted_name(name, quote=True)) for name in columns), name="files")


def columns_of_parquet(connection: sa.Connection, source: Source) -> dict[str, str]:
    """The columns, with DuckDB's types; files that have others than the first are refused."""
    found: dict[Path, dict[str, str]] = {}
    for path in source.paths:
        rows: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(
            read_files("read_parquet", [path]).alias("files")
        )
        result: sa.CursorResult[Any] = connection.execute(rows.limit(0))
        found[path] = {name: str(of) for name, of, *_ in result.cursor.description}
        first, others = ([f"{name} {of}" for name, of in found[each].items()] for each in (source.paths[0], path))
        _refuse_other_columns(source, path, first, others)
    return found[source.paths[0]]


def refuse_alike(place: str, names: Sequence[str]) -> None:
    """Refuses columns that DuckDB, which reads them, takes for one.

    Raises:
        DeclarationError: Naming the first two.
    """
    known: dict[str, str] = {}
    for name in names:
        if name.casefold() in known:
            msg = (
                f"{place}: expected a name of its own for each column; {known[name.casefold()]!r} and {name!r} are one"
            )
            raise DeclarationError(msg)
        known[name.casefold()] = name


class _Number(str):
    """A number of JSON, as it stands there: a float would round it."""

    __slots__ = ()


def _as_csv(source: Source, copy: Path) -> tuple[str, ...]:
    """Writes each object as a line of texts, and gives the columns: all names there are, in their order."""
    columns: dict[str, int] = {}
    with copy.open("w", encoding="utf-8", newline="") as file:
        for path, line, text in source.records():
            try:
                found = _parsed(text)
                for name in found:
                    columns.setdefault(name, len(columns))
                cells = (_cell(found.get(name)) for name in columns)
                file.write(f"{','.join(cells)}\n")
            except (ValueError, TypeError) as error:
                why = f"expected one JSON object a line, with each name once ({type(error).__name__})"
                msg = f"{source.at(path, line)}: {why}"
                raise DoesNotFitError(msg) from None
    if not columns:
        msg = f"{source.place}: there is no object in it; expected one JSON object a line"
        raise DeclarationError(msg)
    refuse_alike(source.place, tuple(columns))
    return tuple(columns)


def _parsed(text: str) -> dict[str, Any]:
    found = json.loads(
        text, parse_float=_Number, parse_int=_Number, parse_constant=_no_constant, object_pairs_hook=_object
    )
    if isinstance(found, dict):
        return found
    raise TypeError


def _no_constant(_: str) -> None:
    raise ValueError


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _cell(value: Any) -> str:
    """Quoted, but for NULL."""
    if value is None:
        return ""
    plain = value if isinstance(value, str) else _json(value)
    return '"' + plain.replace('"', '""') + '"'


def _json(value: Any) -> str:
    """JSON with its numbers as they stood there."""
    if isinstance(value, _Number):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_json, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)}: {_json(of)}' for name, of in value.items())}}}"
    return json.dumps(value)


_LINE = re.compile(r"CSV Error on Line: (\d+)")
_FILE = re.compile(r"^\s*file = (.+)$", re.MULTILINE)
_COUNT = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")


def csv_error(source: Source, said: str) -> DoesNotFitError:
    """What DuckDB says of a line, without what stands in it."""
    line, path, count = (pattern.search(said) for pattern in (_LINE, _FILE, _COUNT))
    where = source.at(Path(path[1]), int(line[1])) if path and line else source.place
    if "nicode" in said or "utf-8" in said:
        return _other_encoding(where, source)
    if count:
        what = f"{count[2]} values, expected {count[1]}; put values that hold {source.delimiter!r} into quotes"
        return DoesNotFitError(f"{where}: {what}, or name another ?delimiter= in the URL")
    what = 'expected values as in RFC 4180: one that holds a quote stands in quotes, and has "" for it'
    return DoesNotFitError(f"{where}: cannot be read; {what}")
