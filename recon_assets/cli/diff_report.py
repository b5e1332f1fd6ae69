"""What a comparison found, as JSON, CSV and HTML: each record that differs, with its values on both sides."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from recon_assets.errors import COULD_NOT_RUN, DIFFERENT, DeclarationError, UnavailableError
from recon_assets.model import Comparison, Discrepancy, Value, plural, rows_of_sides, value_text

NAMED = 5
"""How many columns the verdict names; the notes name all."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20'"


@dataclass(frozen=True)
class ComparedTable:
    """One of the two tables, as it may be shown: no password is in ``url``."""

    url: str
    table: str


@dataclass(frozen=True)
class Report:
    """What was compared, and what was found.

    Attributes:
        source, target: What was compared.
        comparison: What was found.
        reasons: What the records that differ have in common, a sentence each.
        strict: Whether what was not compared counts as a difference.
        found_key: Whether the tables said what identifies a record, and not who asked.
    """

    source: ComparedTable
    target: ComparedTable
    comparison: Comparison
    reasons: tuple[str, ...] = ()
    strict: bool = False
    found_key: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a record; none when whole records are compared."""
        return self.comparison.key

    @property
    def exit_code(self) -> int:
        """0 where both sides agree, 1 where they differ, 3 where nothing was compared that could tell."""
        found = self.comparison
        if not found.equal or not self._as_many_undated:
            return DIFFERENT
        if self._compared_nothing or (found.key_only and found.not_compared):
            return COULD_NOT_RUN
        return DIFFERENT if self.strict and not found.whole else 0

    @property
    def verdict(self) -> str:
        """One sentence that reads alone: what agrees, what differs, and what was not compared."""
        return f"{self._said}{self._not_said}."

    @property
    def _said(self) -> str:
        found = self.comparison
        counts, on_both = found.counts, plural(found.counts.source, "record")
        if not found.equal:
            parts = [
                (counts.missing, "missing from the target"),
                (counts.extra, "only in the target"),
                (counts.mismatched, "with other values"),
            ]
            said = ", ".join(f"{count:,} {what}" for count, what in parts if count)
            return f"Different: {said}, of {on_both} in the source"
        if self.exit_code == DIFFERENT:
            why = "not all was compared (--strict)" if self._as_many_undated else "rows without a time are not as many"
            return f"Different: {on_both} on both sides, and none differs, but {why}"
        return self._agreement(on_both)

    def _agreement(self, on_both: str) -> str:
        """How far both sides agree: what was compared, and whether that tells anything."""
        found = self.comparison
        if self._compared_nothing:
            return f"Not known: no record was compared; {self._instead}"
        if found.key_only and found.not_compared:
            return f"Not known: the keys of {on_both} are on both sides, and no other column could be compared"
        if found.key_only:
            return f"The keys are equal: {on_both} on both sides; no other column was to be compared"
        if not found.counts.source:
            return "Equal: both sides are empty"
        part = f" in {len(found.columns)} of {plural(found.width, 'column')}" if found.not_compared else ""
        return f"Equal{part}: {on_both} on both sides, and none differs"

    @property
    def _not_said(self) -> str:
        found = self.comparison
        some = [str(column) for column in found.not_compared[:NAMED]]
        some += [f"and {len(found.not_compared) - NAMED} more"] if len(found.not_compared) > NAMED else []
        some += [f"{rows_of_sides(*found.undated)} without a time"] if found.undated and any(found.undated) else []
        return f"; not compared: {', '.join(some)}" if some else ""

    @property
    def _as_many_undated(self) -> bool:
        source, target = self.comparison.undated or (0, 0)
        return source == target

    @property
    def _compared_nothing(self) -> bool:
        """Whether no record was compared though there are some; two empty tables are equal."""
        found = self.comparison
        others = found.in_flight or any(found.outside or ()) or any(found.undated or ())
        return bool(others) and not found.counts.source and not found.counts.target

    @property
    def _instead(self) -> str:
        """Where the records are that were not compared."""
        found = self.comparison
        if found.in_flight:
            return f"{plural(found.in_flight, 'record')} in flight, and no others"
        if not any(found.outside or ()):
            return "all rows are without a time"
        return f"outside of --window and --where: {rows_of_sides(*found.outside or (0, 0))}"

    @property
    def heading(self) -> tuple[str, ...]:
        """The names of what identifies a record in lists."""
        return self.key or tuple(self._any_record())

    def identity(self, record: Discrepancy) -> tuple[Value, ...]:
        """What identifies a record in lists: its key, or all of it when there is no key."""
        return record.key if self.key else tuple((record.source or record.target or {}).values())

    def telling(self, record: Discrepancy) -> list[tuple[str, Value]]:
        """What tells a record of one side from others: its key, or all of it where keys are not unique."""
        if not self.comparison.duplicate_keys:
            return list(zip(self.heading, self.identity(record), strict=True))
        side = 0 if record.source is not None else 1
        values = record.source or record.target or {}
        return [(name, self.comparison.written(name, value, side)) for name, value in values.items()]

    def _any_record(self) -> Mapping[str, Value]:
        return next((item.source or item.target or {} for item in self.comparison.discrepancies), {})

    def notes(self) -> Iterator[str]:
        """What must be known to read the figures rightly, a sentence each."""
        found = self.comparison
        if self.found_key:
            yield f"Key: {', '.join(self.key)}, which the tables declare unique; --key names another."
        if not found.complete:
            listed, wrong = len(found.discrepancies), found.counts.wrong
            yield f"Listed are {listed:,} of the {wrong:,} records that differ (--max-evidence); the counts are exact."
        if found.duplicate_keys:
            keys = plural(found.duplicate_keys, "key")
            yield (
                f"Not unique: {keys}. Records of such a key are compared whole; those left over are missing or extra,"
                " and shown whole."
            )
        if found.in_flight:
            records = plural(found.in_flight, "record")
            yield f"In flight: {records}, which differ but are younger than --grace-period and do not count yet."
        if any(found.undated or ()):
            yield "Without a time: rows whose column is NULL, or holds no time; without --window they are compared."
        if found.renamed:
            names = ", ".join(f"{source}={target}" for source, target in found.renamed.items())
            yield f"Taken for one, for they differ in case and _ alone (--exact-names): {names}."
        for column in found.not_compared:
            yield f"Not compared: {column.column}: {column.why}."


def as_pieces(report: Report) -> Iterator[str]:
    """The JSON of `recon diff`, a record a line."""
    comparison = report.comparison
    yield f'{{"verdict": {_json(report.verdict)},\n"counts": {_json(vars(comparison.counts))},\n'
    yield from _list("missing", (list(item.key) for item in comparison.missing))
    yield from _list("extra", (list(item.key) for item in comparison.extra))
    repeated = comparison.duplicate_keys > 0
    yield from _list("missing_records", (dict(item.source or {}) for item in comparison.missing if repeated))
    yield from _list("extra_records", (dict(item.target or {}) for item in comparison.extra if repeated))
    yield from _list("mismatched", ({"key": list(item.key), "columns": item.columns} for item in comparison.mismatched))
    rest = (comparison.duplicate_keys, comparison.in_flight, _json(comparison.complete))
    yield '"duplicate_keys": {}, "in_flight": {}, "complete": {},\n'.format(*rest)
    yield f'"undated": {_json(comparison.undated)}, "outside": {_json(comparison.outside)},\n'
    names = (comparison.key, comparison.columns, comparison.renamed)
    yield '"key": {}, "columns": {}, "renamed": {},\n'.format(*map(_json, names))
    yield f'"not_compared": {_json([vars(column) for column in comparison.not_compared])}}}\n'


def _list(name: str, items: Iterable[Any]) -> Iterator[str]:
    yield f'"{name}": ['
    before = "\n  "
    for item in items:
        yield before + _json(item)
        before = ",\n  "
    yield "],\n"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def check_out(path: Path | None) -> None:
    """Raise, before anything is compared, when evidence cannot be written to ``path``."""
    if path is None:
        return
    if path.suffix.lower() not in _WRITERS:
        msg = f"--out {path}: expected a name that ends in .csv or .html, such as --out differences.csv"
        raise DeclarationError(msg)
    if path.is_dir() or not path.absolute().parent.is_dir():
        msg = f"--out {path}: expected a file in a folder that is there, such as --out differences{path.suffix}"
        raise DeclarationError(msg)


def write(path: Path, report: Report) -> None:
    """Write all evidence; a file that is there is replaced when the new one is complete.

    Raises:
        UnavailableError: When it cannot be written.
    """
    with _replaced(path) as file:
        _WRITERS[path.suffix.lower()](file, report)


@contextmanager
def _replaced(path: Path) -> Iterator[IO[str]]:
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with new.open("x", encoding="utf-8", newline="") as file:
            yield file
        new.replace(path)
    except OSError as error:
        msg = f"--out {path}: cannot be written: {error.strerror}. Name a file that you may write."
        raise UnavailableError(msg) from error
    finally:
        new.unlink(missing_ok=True)


def _write_csv(file: IO[str], report: Report) -> None:
    file.write(_line(["kind", *report.heading, "column", "source", "target"]))
    file.writelines(_line(row) for row in _rows(report))


def _rows(report: Report) -> Iterator[list[Value]]:
    """A row for each cell that differs; for a record that one side lacks, one with the whole record as JSON.

    At the end one for each column that was not compared, with the reason below the side that has it, and the rows
    that were not, with their number.
    """
    for item in report.comparison.discrepancies:
        start = [str(item.kind), *report.identity(item)]
        for column, (source, target) in item.columns.items():
            yield [*start, column, source, target]
        if not item.columns:
            yield [*start, None, _record(item.source), _record(item.target)]
    for left_out in report.comparison.not_compared:
        sides = (left_out.why if left_out.side in {side, "both"} else None for side in ("source", "target"))
        yield ["not_compared", *(None for _ in report.heading), left_out.column, *sides]
    found = report.comparison
    for rows, why in ((found.undated, "without a time"), (found.outside, "outside of --window and --where")):
        if rows and any(rows):
            counted = (f"{plural(count, 'row')} {why}" for count in rows)
            yield ["not_compared", *(None for _ in report.heading), None, *counted]


def _record(record: Mapping[str, Value] | None) -> str | None:
    return None if record is None else _json(dict(record))


def _line(values: Iterable[Value]) -> str:
    return ",".join(_field(value) for value in values) + "\r\n"


def _field(value: Value) -> str:
    """NULL is an empty field, text stands in quotes; what a spreadsheet would calculate gets a ' before it."""
    if not isinstance(value, str):
        return "" if value is None else str(value).lower()
    safe = f"'{value}" if value.startswith(tuple(_FORMULA)) and not _NUMBER.fullmatch(value) else value
    return '"' + safe.replace('"', '""') + '"'


def _write_html(file: IO[str], report: Report) -> None:
    pages = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = pages.get_template("diff_report.html")
    file.writelines(
        page.generate(report=report, found=report.comparison, shown=value_text, written=report.comparison.written)
    )


_WRITERS: Mapping[str, Callable[[IO[str], Report], None]] = {".csv": _write_csv, ".html": _write_html}
