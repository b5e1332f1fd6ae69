"""Rows of the source that orphans of another table's target name."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from recon_assets.dialect.canonical import Cell, value_text
from recon_assets.dialect.common_form import Form, common_form
from recon_assets.dialect.windows import window_key
from recon_assets.model import ALL, Calendar, Discrepancy, DiscrepancyKind, Kind, Rule, TableSpec, Value
from recon_assets.reading.column_matching import Pair
from recon_assets.reading.snapshot import Side, snapshot
from recon_assets.reading.source_records import records
from recon_assets.values import DATETIMES, Marked

_PAGE = 500


def parents(
    child: Pair, parent: Pair, columns: Sequence[str], orphans: Sequence[Discrepancy]
) -> tuple[Discrepancy, ...]:
    """The parents that orphans name and the source has, as records that the parents' target lacks; each once.

    Args:
        child: The table whose rows name others.
        parent: The table whose rows are named.
        columns: By which they do, in the order of the parent's key.
        orphans: Rows of the child's target.

    Raises:
        UnavailableError: When the parent's source does not answer.
    """
    forms = _forms(child, parent, columns)
    named = [[(orphan.target or {}).get(name) for name in columns] for orphan in orphans]
    texts = dict.fromkeys(
        tuple(_text(value, of.kind) for value, of in zip(values, forms, strict=True))
        for values in named
        if not any(value is None or isinstance(value, Marked) for value in values)
    )
    with snapshot(parent) as both:
        return tuple(found for page in _pages(list(texts)) for found in _read(both.source, forms, page))


def _pages(texts: list[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    return (texts[at : at + _PAGE] for at in range(0, len(texts), _PAGE))


def _forms(child: Pair, parent: Pair, columns: Sequence[str]) -> list[Form]:
    """The common form of each column and the source's column of the parent's key."""
    own = {column.name: column.type for column in child.target_schema.columns}
    names = [child.spec.target_name(name) for name in columns]
    alike = child.target.dialect.name == parent.source.dialect.name
    pairs = zip(names, parent.key, strict=True)
    return [common_form(own[name], mapped.source.type, Rule(), same_dialect=alike) for name, mapped in pairs]


def _text(value: Value, kind: Kind) -> str:
    """The canonical text of what is shown of a value."""
    if isinstance(value, bool | int):
        return str(int(value))
    written = str(value)
    if kind in DATETIMES:
        written = written.removesuffix("+00:00").replace("T", " ", 1)
        return f"{written} 00:00:00" if kind is not Kind.DATE and len(written) == len("2013-01-01") else written
    return written.lower() if kind is Kind.UUID else written


def _read(side: Side, forms: Sequence[Form], texts: Sequence[tuple[str, ...]]) -> Iterator[Discrepancy]:
    key = [
        value_text(Cell(side.value(name), side.column(name).type, of))
        for name, of in zip(side.pair.spec.key, forms, strict=True)
    ]
    wanted = key[0].in_([text for (text,) in texts]) if len(key) == 1 else sa.tuple_(*key).in_(texts)
    return (_missing(side.pair.spec, record) for record in records(side, wanted))


def _missing(spec: TableSpec, record: Mapping[str, Value]) -> Discrepancy:
    window = _window(record[spec.calendar.column], spec.calendar) if spec.calendar else ALL.key
    return Discrepancy(DiscrepancyKind.MISSING, tuple(record[name] for name in spec.key), record, window=window)


def _window(moment: Value, calendar: Calendar) -> str:
    """The window into which a moment falls."""
    written, zone = str(moment), ZoneInfo(calendar.timezone)
    try:
        if len(written) == len("2013-01-01"):
            return calendar.key(calendar.index_at(datetime.combine(date.fromisoformat(written), time(), zone)))
        return window_key(datetime.fromisoformat(written), calendar)
    except (ValueError, OverflowError):  # no time, or one so near to the year 1 or 9999 that it is of no window
        return ALL.key
