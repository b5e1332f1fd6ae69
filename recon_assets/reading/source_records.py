"""The source's records as results show them, read by column: a record has many values, and there are many records."""

from typing import Any

import sqlalchemy as sa

from recon_assets.dialect.canonical import value_text
from recon_assets.model import Value
from recon_assets.reading.snapshot import Side
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
