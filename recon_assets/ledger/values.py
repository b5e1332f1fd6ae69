"""How our values stand in the ledger, and how many rows are added by one statement."""

import gzip
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.model import (
    Decision,
    Details,
    Discrepancies,
    Discrepancy,
    DiscrepancyKind,
    Figure,
    Finding,
    RecordShape,
    Resolution,
    Value,
)

_NUMBERS: Mapping[str, type[Decimal | float]] = {"decimal": Decimal, "float": float}


def figure_json(figure: Figure) -> Any:
    """A figure of which `figure_of` makes the same value of the same type."""
    if isinstance(figure, Decimal | float):
        return {type(figure).__name__.lower(): str(figure)}
    return figure


def figure_of(stored: Any) -> Figure:
    """The figure that `figure_json` was given."""
    if isinstance(stored, dict):
        ((name, text),) = stored.items()
        return _NUMBERS[name](text)
    figure: Figure = stored
    return figure


def packed(rows: Any) -> bytes:
    """What JSON can say, in few bytes; `unpacked` makes the same of it, with lists in the place of tuples."""
    return gzip.compress(json.dumps(rows).encode(), _FAST, mtime=0)


def unpacked(stored: bytes) -> Any:
    """What `packed` was given."""
    return json.loads(gzip.decompress(stored))


_FAST = 1  # half the time of gzip's default, for a tenth more bytes


def key_text(key: Sequence[Value]) -> str:
    """A record's key as the ledger sorts and looks it up: ASCII, the same for the same key only."""
    return json.dumps(list(key))


def content(project: str, table: str, discrepancy: Discrepancy) -> UUID:
    """The same for a discrepancy that is the same in everything that is stored of it."""
    said = (
        (project, table, discrepancy.kind.value, discrepancy.key, discrepancy.differing, discrepancy.window),
        *(record and sorted(record.items()) for record in (discrepancy.source, discrepancy.target)),
    )
    return UUID(bytes=blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest())


def shape_json(discrepancy: Discrepancy) -> list[Any]:
    """What a discrepancy has in common with others, but for its kind: see `shape_of`."""
    names = [None if record is None else list(record) for record in (discrepancy.source, discrepancy.target)]
    return [*names, discrepancy.differing, discrepancy.window]


def cells_json(discrepancy: Discrepancy) -> list[Value]:
    """Its values, the source's and then the target's."""
    return [*(discrepancy.source or {}).values(), *(discrepancy.target or {}).values()]


def _parsed(texts: Sequence[str]) -> list[Any]:
    """What each JSON text says; one text of them all is read in half the time."""
    found: list[Any] = json.loads(f"[{','.join(texts)}]")
    return found


def discrepancies_of(rows: Sequence[Sequence[Any]]) -> Discrepancies:
    """The discrepancies of rows that begin with the text of the key, the id, the kind and the texts of all else."""
    keys, _, kinds, shapes, cells = zip(*(row[:5] for row in rows), strict=True) if rows else ((),) * 5
    numbers: dict[tuple[str, str], int] = {}
    shape_of = [numbers.setdefault(each, len(numbers)) for each in zip(kinds, shapes, strict=True)]
    found = [_shape(kind, *json.loads(shape)) for kind, shape in numbers]
    return Discrepancies(found, shape_of, list(map(tuple, _parsed(keys))), _parsed(cells))


def _shape(
    kind: str, source: list[str] | None, target: list[str] | None, differing: list[str], window: str
) -> RecordShape:
    left, right = (None if names is None else tuple(names) for names in (source, target))
    return RecordShape(DiscrepancyKind(kind), left, right, tuple(differing), window)


def finding_json(finding: Finding) -> dict[str, Any]:
    """What only readers of the whole finding need."""
    return {
        "summary": finding.summary,
        "source": figure_json(finding.source),
        "target": figure_json(finding.target),
        "in_flight": finding.in_flight,
        "kinds": _plain(finding.kinds),
        "details": finding.details and _details_json(finding.details),
        "reasons": finding.reasons,
        "error": finding.error,
        "accepted": finding.accepted,
    }


def finding_of(row: Any) -> Finding:
    """The finding of a row of `schema.finding`, without its discrepancies."""
    said = row.said
    return Finding(
        check=row.check_name,
        table=row.table_name,
        window=row.window_key,
        passed=row.passed,
        summary=said["summary"],
        source=figure_of(said["source"]),
        target=figure_of(said["target"]),
        wrong=row.wrong,
        of=row.looked_at,
        in_flight=said["in_flight"],
        kinds={DiscrepancyKind(kind): count for kind, count in said["kinds"].items()},
        details=said["details"] and _details_of(said["details"]),
        reasons=tuple(said["reasons"]),
        severity=row.severity,
        error=said["error"],
        accepted=said["accepted"],
    )


def _details_json(details: Details) -> dict[str, Any]:
    return {"columns": details.columns, "rows": [[figure_json(cell) for cell in row] for row in details.rows]}


def _details_of(stored: Mapping[str, Any]) -> Details:
    rows = (tuple(figure_of(cell) for cell in row) for row in stored["rows"])
    return Details(tuple(stored["columns"]), tuple(rows))


def resolution_json(chosen: Resolution) -> dict[str, Any]:
    """What was decided, as the data of its event."""
    values = {record: dict(columns) for record, columns in chosen.values.items()}
    return {"decision": chosen.decision.value, "rows": list(chosen.rows), "values": values}


def resolution_of(stored: Mapping[str, Any]) -> Resolution:
    """What `resolution_json` was given."""
    return Resolution(Decision(stored["decision"]), tuple(stored["rows"]), stored["values"])


def _plain(mapping: Mapping[Any, Any] | None) -> dict[Any, Any] | None:
    """JSON is made of no other mapping than ``dict``."""
    return None if mapping is None else dict(mapping)


def given(columns: Sequence[sa.Column[Any]], rows: Sequence[Sequence[Any]]) -> sa.TableValuedAlias:
    """Rows of values for ``columns`` as a table, in one parameter a column, whatever their number."""
    lists = zip(*rows, strict=True)
    arrays = (
        sa.literal(list(each), postgresql.ARRAY(column.type, dimensions=1))
        for column, each in zip(columns, lists, strict=True)
    )
    named = (sa.column(column.name, column.type) for column in columns)
    return sa.func.unnest(*arrays).table_valued(*named).render_derived(name="given")


def inserting(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> postgresql.Insert:
    """One statement that adds all ``rows``, at least one, in their order; they have equal names."""
    columns = [table.c[name] for name in rows[0]]
    these = given(columns, [tuple(row.values()) for row in rows])
    return postgresql.insert(table).from_select(columns, sa.select(*these.c))
