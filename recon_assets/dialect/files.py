"""Folders of files as databases: a table is a file or a pattern such as ``orders_*.csv``; and frames, of one table.

CSV, JSON lines, Parquet and frames are copied once, whole, into a DuckDB of our own in a temporary folder, which is
read like any other and goes with its engine. So all reads of one engine see the same rows, whatever becomes of the
files, and a file that changes while it is copied is an error. DuckDB may open files of the folder, and of no other
place.
"""

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.ddl import CreateSchema, CreateTableAs, DropTable

from recon_assets.dialect import file_formats, frames
from recon_assets.dialect.file_formats import Source
from recon_assets.dialect.file_values import EXPECTED, Reading, decimal, digits, is_decimal, readings, standard
from recon_assets.dialect.frames import FrameTable
from recon_assets.dialect.sql import cast_as
from recon_assets.errors import DeclarationError, DoesNotFitError, UnavailableError
from recon_assets.model import Type

Types = Callable[[Sequence[str]], Mapping[str, Type]]
_COPIES = "recon_copies"
_RAW = "recon raw"
_ROW: sa.ColumnClause[int] = sa.column("rowid")
_NAMED = 4
_MEMORY = "256MB"
"""What DuckDB may keep in memory of one side; the rest of a copy waits in its folder. By itself it would take most of
the machine's."""


@dataclass
class Copies:
    """What an engine holds copies of, the folder they are in, and for each table copied the types asked for.

    ``folder`` is that of the files; frames have none.
    """

    find: Callable[[str], Source | FrameTable]
    place: Path
    folder: Path | None = None
    copied: dict[str, tuple[Types | None, Mapping[str, str]]] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)


def engine(url: sa.URL, name: str, **pool: Any) -> sa.Engine:
    """An engine for a folder, by a URL that `check_url` made.

    Raises:
        DeclarationError: When there is no such folder.
    """
    path = Path(url.database or ".").absolute()
    if not path.is_dir():
        msg = f"{name}: there is no folder {path}; write files:path/to/folder, and as the table a file of it"
        raise DeclarationError(msg)
    options = {option: str(value) for option, value in url.query.items()}
    return _of_copies(partial(file_formats.find, path, options=options, database=name), path, **pool)


def engine_of_frame(frame: Any, name: str, **pool: Any) -> sa.Engine:
    """An engine for the one table that a frame is, whatever that table is called.

    Raises:
        DeclarationError: When it is no frame.
    """
    table = frames.frame_table(name, frame)
    return _of_copies(lambda _: table, **pool)


def _of_copies(find: Callable[[str], Source | FrameTable], folder: Path | None = None, **pool: Any) -> sa.Engine:
    place = Path(tempfile.mkdtemp(prefix="recon-files-"))
    copy = sa.URL.create("duckdb", database=str(place / "copy.duckdb"))
    made = sa.create_engine(copy, execution_options={_COPIES: Copies(find, place, folder)}, **pool)
    weakref.finalize(made.pool, shutil.rmtree, place, ignore_errors=True)

    def confined(connection: Any, _: Any) -> None:
        (free,) = connection.execute("SELECT current_setting('enable_external_access')").fetchone()
        if free:
            connection.execute("SET temp_directory = ?", [str(place)])
            connection.execute("SET memory_limit = ?", [_MEMORY])
            connection.execute("SET allowed_directories = ?", [[str(path) for path in (place, folder) if path]])
            connection.execute("SET enable_external_access = false")

    sa.event.listen(made, "connect", confined)
    return made


def copies_of(made: sa.Engine) -> Copies | None:
    """The copies that an engine reads; None where it is for a database."""
    found: Copies | None = made.get_execution_options().get(_COPIES)
    return found


def tables(made: sa.Engine) -> dict[str, str]:
    """The tables that a folder seems to hold, by names; what each is called in a declaration."""
    copies = copies_of(made)
    return file_formats.tables_of(copies.folder) if copies and copies.folder else {}


def lacking_keys(made: sa.Engine, schema: str | None, table: str, key: Sequence[str]) -> list[str]:
    """Where the first rows of a table that was copied stand which have no key, or one that other rows have, too."""
    copies = copies_of(made)
    if copies is None:
        return []
    rows = sa.table(table, *(sa.column(name) for name in key), schema=schema)
    counted = sa.select(_ROW, *rows.c, sa.func.count().over(partition_by=list(rows.c)).label("recon rows")).select_from(
        rows
    )
    every = counted.subquery()
    lacking = sa.or_(every.c["recon rows"] > 1, *(every.c[name].is_(None) for name in key))
    with made.connect() as connection:
        found = connection.scalars(sa.select(every.c.rowid).where(lacking).order_by(every.c.rowid).limit(_NAMED)).all()
    source = copies.find(f"{schema}.{table}" if schema else table)
    return [source.line(row) for row in found]


def copy_in(made: sa.Engine, schema: str | None, table: str, like: Types | None, cast: Mapping[str, str]) -> None:
    """Copies the rows of a table, unless they have been copied with these types.

    Args:
        made: An engine for a folder or a frame.
        schema: What stands before the point of the table's name.
        table: What stands after it.
        like: Gives the other side's types for these columns; None where nothing is known of it, and whatever has been
            copied will do. Texts of columns that it does not name stay texts, and so do those that are cast.
        cast: SQL types, by column, which each value must be able to become.

    Raises:
        DeclarationError: When there is no such file, or it cannot be a table.
        DoesNotFitError: When a line cannot be read; says which.
        UnavailableError: When a file changes meanwhile.
    """
    copies = copies_of(made)
    if copies is None:
        return
    name = f"{schema}.{table}" if schema else table
    with copies.lock:
        asked = like, dict(cast)
        if name in copies.copied and (like is None or copies.copied[name] == asked):
            return
        source = copies.find(name)
        with made.connect() as connection, connection.begin(), _reading(source):
            _copy(connection, copies, source, (schema, table), like or _nothing, cast)
        if source.changed():
            msg = f"{source.place}: the files changed while they were read; run again when nobody writes to them"
            raise UnavailableError(msg)
        copies.copied[name] = asked


def _nothing(_: Sequence[str]) -> Mapping[str, Type]:
    return {}


@contextmanager
def _reading(source: Source | FrameTable) -> Iterator[None]:
    """Says of what DuckDB says against a file where it is, and what was expected."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        said = str(error.orig)
        if isinstance(source, FrameTable):
            raise
        if source.format == "csv" and "CSV Error" in said:
            raise file_formats.csv_error(source, said) from None
        if any(str(path) in said for path in source.paths):
            raise file_formats.broken(source, type(error.orig).__name__) from None
        raise


def _copy(  # noqa: PLR0913, PLR0917 - what `copy_in` was given
    connection: sa.Connection,
    copies: Copies,
    source: Source | FrameTable,
    name: tuple[str | None, str],
    like: Types,
    cast: Mapping[str, str],
) -> None:
    schema, table = name[0] and sa.sql.quoted_name(name[0], quote=True), sa.sql.quoted_name(name[1], quote=True)
    if schema:
        connection.execute(CreateSchema(schema, if_not_exists=True))
    connection.execute(DropTable(sa.Table(table, sa.MetaData(), schema=schema), if_exists=True))
    raw, columns = _read(connection, copies, source)
    texts = [name for name, of in columns.items() if of == "VARCHAR"]
    if isinstance(source, Source) and source.format == "parquet":
        texts = []  # these are of that type because somebody wanted them to be
    there = like(texts)
    values = {
        name: standard(raw.c[name], there[name], source.options) if name in there and name not in cast else raw.c[name]
        for name in texts
    }
    types = {
        **_types(connection, source, raw, values, there, cast),
        **_without_nanoseconds(connection, raw, columns),
    }
    selected = (
        cast_as(values.get(column.name, column), types[column.name]).label(column.name)
        if column.name in types
        else column
        for column in raw.c
    )
    connection.execute(CreateTableAs(sa.select(*selected).select_from(raw), table, schema=schema))
    connection.execute(DropTable(sa.Table(_RAW, sa.MetaData()), if_exists=True))


def _read(
    connection: sa.Connection, copies: Copies, source: Source | FrameTable
) -> tuple[sa.FromClause, dict[str, str]]:
    """All rows as they are, and their columns with DuckDB's types."""
    if isinstance(source, Source) and source.format == "parquet":
        columns = file_formats.columns_of_parquet(connection, source)
        return file_formats.typed(source, columns), columns
    every_row = (
        frames.registered(connection, source)
        if isinstance(source, FrameTable)
        else file_formats.texts(source, copies.place)
    )
    with every_row as every:
        connection.execute(CreateTableAs(every, _RAW, temporary=True))
    result: sa.CursorResult[Any] = connection.execute(
        sa.select(sa.literal_column("*")).select_from(sa.table(_RAW)).limit(0)
    )
    columns = {name: str(of) for name, of, *_ in result.cursor.description}
    raw = sa.table(_RAW, *(sa.column(sa.sql.quoted_name(name, quote=True)) for name in columns))
    _refuse_header(connection, source, raw)
    return raw, columns


def _without_nanoseconds(connection: sa.Connection, raw: sa.FromClause, columns: Mapping[str, str]) -> dict[str, str]:
    """Times that have room for nanoseconds, as pandas and polars write them, and in no row use it."""
    fine = [name for name, of in columns.items() if of == "TIMESTAMP_NS"]
    if not fine:
        return {}
    uses = (sa.func.count().filter(sa.func.epoch_ns(raw.c[name]) % 1000 != 0) for name in fine)
    found = connection.execute(sa.select(*uses).select_from(raw)).one()
    return {name: "TIMESTAMP" for name, used in zip(fine, found, strict=True) if not used}


def _refuse_header(connection: sa.Connection, source: Source | FrameTable, raw: sa.FromClause) -> None:
    """A header that stands again further down comes from files that somebody put one after the other."""
    again = sa.and_(*(column == column.name for column in raw.c))
    row = _first(connection, raw, again) if source.has_header else None
    if row is not None:
        msg = f"{source.line(row)}: repeats the header; take that line out"
        raise DoesNotFitError(msg)


def _first(connection: sa.Connection, raw: sa.FromClause, where: sa.ColumnElement[bool]) -> int | None:
    """The first row for which something holds, counted from 0; before a commit DuckDB numbers rows from 2**62 on."""
    first = sa.select(sa.func.min(_ROW)).select_from(raw).scalar_subquery()
    return connection.scalar(sa.select(sa.func.min(_ROW) - first).select_from(raw).where(where))


def _types(  # noqa: PLR0913, PLR0917 - what is copied, and what is known of it
    connection: sa.Connection,
    source: Source | FrameTable,
    raw: sa.FromClause,
    texts: Mapping[str, sa.ColumnElement[Any]],
    like: Mapping[str, Type],
    cast: Mapping[str, str],
) -> dict[str, str]:
    """As what each column is read that does not stay text; each value is looked at."""
    known = [name for name in texts if name in {*cast, *like}]
    ways = {name: (Reading(cast[name]),) if name in cast else readings(like[name]) for name in known}
    every = [(name, way) for name in known for way in ways[name]]
    counts = [sa.func.count().filter(way.fails(texts[name])) for name, way in every]
    sizes = [size for name in known for size in digits(texts[name])]
    found = connection.execute(sa.select(sa.func.count(), *counts, *sizes).select_from(raw)).one()[1:]
    wrong = dict(zip(every, found, strict=False))
    before, after = (dict(zip(known, found[len(every) + part :: 2], strict=True)) for part in (0, 1))
    types: dict[str, str] = {}
    for name in known:
        best = min(ways[name], key=lambda way: wrong[name, way], default=None)
        if best and wrong[name, best]:
            line = source.line(_first(connection, raw, best.fails(texts[name])) or 0)
            raise DoesNotFitError(_misfit(f"{line}: {name}", source, like.get(name), cast.get(name)))
        if best and name not in cast:
            to = decimal(like[name], before[name], after[name]) if is_decimal(best) else best.to
            if to is None:
                raise DoesNotFitError(_misfit(f"{source.place}: {name}", source, like[name], None))
            types[name] = to
    return types


def _misfit(where: str, source: Source | FrameTable, other: Type | None, cast: str | None) -> str:
    if cast or other is None:
        return f"{where}: cannot become {cast}; mend the line, or cast to another type"
    named = [f"{option}={source.options[option]}" for option in ("decimal", "dates") if option in source.options]
    written = f", and as the URL's {' '.join(named)} say" if named else ""
    return (
        f"{where}: expected {EXPECTED[other.kind]}{written}, for the other side has {other.name}; mend the"
        " line, or read the column as text (`--cast COLUMN=VARCHAR`, columns.cast in YAML) and say by a rule what equal"
        " means"
    )
