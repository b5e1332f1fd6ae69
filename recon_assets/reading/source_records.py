"""The source's records as results show them, read by column: a record has many values, and there are many records."""

from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import value_text
from recon_assets.model import Value, Window
from recon_assets.reading.column_matching import Pair, forms
from recon_assets.reading.snapshot import Side, snapshot
from recon_assets.values.showing import shown_column


def records(source: Side, where: sa.ColumnElement[bool], most: int | None = None) -> list[dict[str, Value]]:
    """Those for which ``where`` holds, at most so many."""
    cells = source.cells([mapped.source.name for mapped in source.pair.columns])
    select = source.select(*map(value_text, cells)).where(where).limit(most)
    columns = zip(*(row for batch in source.stream(select) for row in batch), strict=True)
    values: dict[str, list[Any]] = {}
    for mapped, cell, texts in zip(source.pair.columns, cells, columns, strict=False):  # without rows, no column
        kinds = mapped.source.type.kind, cell.form.kind, mapped.target.type.kind
        values[mapped.source.name] = shown_column(texts, *kinds)
    return [dict(zip(values, record, strict=True)) for record in zip(*values.values(), strict=True)]


def by_key(pair: Pair, window: Window, most: int) -> dict[tuple[Value, ...], dict[str, Value]] | None:
    """The source's records of a window, by their keys.

    None where they are more than ``most``, where a key stands twice, and where both sides may write one key otherwise.

    Raises:
        UnavailableError: When a database does not answer.
    """
    written = forms(pair)
    if not all(
        written[of.source.name].different_text_proves_different and of.source.type.kind is of.target.type.kind
        for of in pair.key
    ):
        return None
    with snapshot(pair) as both:
        found = records(both.source, both.source.inside([window]), most + 1)
    keyed = {tuple(record[name] for name in pair.spec.key): record for record in found}
    return keyed if len(keyed) == len(found) <= most else None
