"""What corrections write, noted before it is written, and what became of it.

Values are stored whole, for undoing needs them; who shows them masks private columns.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.errors import TakenError
from recon_assets.ledger import schema
from recon_assets.ledger.cases import decision_of, number_of
from recon_assets.ledger.projects import owned, project_of
from recon_assets.ledger.values import packed, unpacked
from recon_assets.ledger.windows import note_changed
from recon_assets.model import CaseId, Change, Changes

Outcome = Literal["applied", "failed"]
_correction, _change, _outcome, _cases = schema.correction, schema.change, schema.outcome, schema.cases
_BLOCK = 1000
"""How many changes are stored together: read again block by block, and small enough to be looked at one by one."""


@dataclass(frozen=True)
class Correction:
    """Changes that were to be made together.

    Attributes:
        case: Whose correction it is; None for one without a case.
        decision: Which of the case's events had decided it last when it was planned: no two clocks tell that.
        table: The declared table of all its changes.
        window: The window that it corrects.
        run: In which run.
        who, why, at: Who decided it, and when it was planned.
        count: How many changes it has.
        undoes: The correction of whose changes these are the inverses.
        undone_by: The applied correction that undoes this one.
        outcome: None as long as nobody knows; see `settle`.
        note: What is to be said of the outcome.
        rows: What is to be said of single changes, by their place, from 0 on.
    """

    id: int
    case: CaseId | None
    decision: int | None
    table: str
    window: str
    run: str
    who: str
    why: str
    at: datetime
    count: int
    undoes: int | None
    undone_by: int | None
    outcome: Outcome | None
    note: str
    rows: Mapping[int, str]


def plan(  # noqa: PLR0913 - who changes what, where, when and why
    c: sa.Connection,
    case: CaseId | None,
    changes: Sequence[Change],
    *,
    window: str,
    run: str,
    who: str,
    why: str,
    at: datetime,
    undoes: int | None = None,
) -> int:
    """Notes changes, at least one and all of one table, before they are made; returns the correction's number."""
    found = changes if isinstance(changes, Changes) else Changes.of(changes)
    number_of_case = case and number_of(c, case)
    row = {
        "project": project_of(c),
        "review_case": number_of_case,
        "decision": number_of_case and decision_of(c, number_of_case),
        "table_name": found.table,
        "window_key": window,
        "run": run,
        "who": who,
        "why": why,
        "at": at,
        "undoes": undoes,
        "changes": len(found),
    }
    number: int = c.scalars(sa.insert(_correction).values(row).returning(_correction.c.id)).one()
    blocks = enumerate(found.rows[at : at + _BLOCK] for at in range(0, len(found), _BLOCK))
    rows = [{"correction": number, "n": n, "packed": packed((found.shapes, each))} for n, each in blocks]
    c.execute(sa.insert(_change), rows)
    return number


def settle(  # noqa: PLR0913 - what became of what, when and why
    c: sa.Connection,
    correction: int,
    outcome: Outcome,
    *,
    at: datetime,
    note: str = "",
    rows: Mapping[int, str] | None = None,
) -> None:
    """Notes what became of a correction, once; its window is to be judged again when it was applied.

    Args:
        c: A transaction of the ledger.
        correction: Of which one.
        outcome: ``applied``: all its changes are made. ``failed``: none is.
        at: Since when that is known.
        note: Why.
        rows: What is to be said of single changes, by their place, from 0 on.

    Raises:
        TakenError: When another outcome was noted before.
    """
    said = {
        "outcome": outcome,
        "at": at,
        "note": note,
        "rows": {str(place): why for place, why in (rows or {}).items()},
    }
    c.execute(postgresql.insert(_outcome).values(correction=correction, **said).on_conflict_do_nothing())
    known = c.scalar(sa.select(_outcome.c.outcome).where(_outcome.c.correction == correction))
    if known != outcome:
        msg = f"correction {correction}: is {known} already, so it cannot be {outcome}"
        raise TakenError(msg)
    if outcome == "applied":
        place = sa.select(_correction.c.table_name, _correction.c.window_key).where(_correction.c.id == correction)
        note_changed(c, *c.execute(place).one())


def corrections(
    c: sa.Connection,
    *,
    case: CaseId | None = None,
    run: str | None = None,
    unsettled: bool = False,
    undoable: bool = False,
) -> list[Correction]:
    """Corrections for which all that is given holds, the newest first.

    ``unsettled``: nobody knows what became of them. ``undoable``: they are applied, and neither undo another one
    nor are undone.
    """
    undo, undone = _correction.alias(), _outcome.alias()
    undone_by = sa.select(undo.c.id).join(undone, undone.c.correction == undo.c.id)
    undone_by = undone_by.where(undo.c.undoes == _correction.c.id, undone.c.outcome == "applied")
    by = undone_by.limit(1).scalar_subquery()
    id_ = (_cases.c.table_name.label("case_table"), _cases.c.kind, _cases.c.window_key.label("case_window"))
    what = (*id_, _outcome.c.outcome, _outcome.c.note, _outcome.c.rows, by.label("undone_by"))
    found = (
        sa.select(_correction, *what).outerjoin(_cases).outerjoin(_outcome, _outcome.c.correction == _correction.c.id)
    )
    found = found.where(owned(c, _correction))
    if case:
        found = found.where(_correction.c.review_case == number_of(c, case))
    if run is not None:
        found = found.where(_correction.c.run == run)
    if unsettled:
        found = found.where(_outcome.c.outcome.is_(None))
    if undoable:
        found = found.where(_outcome.c.outcome == "applied", _correction.c.undoes.is_(None), ~sa.exists(undone_by))
    return [_read(row) for row in c.execute(found.order_by(_correction.c.id.desc()))]


def _read(row: Any) -> Correction:
    return Correction(
        id=row.id,
        case=CaseId(row.case_table, row.case_window, row.kind) if row.kind else None,
        decision=row.decision,
        table=row.table_name,
        window=row.window_key,
        run=row.run,
        who=row.who,
        why=row.why,
        at=row.at,
        count=row.changes,
        undoes=row.undoes,
        undone_by=row.undone_by,
        outcome=row.outcome,
        note=row.note or "",
        rows={int(place): why for place, why in (row.rows or {}).items()},
    )


def changes_of(c: sa.Connection, correction: int) -> Iterator[Change]:
    """The changes of a correction in their order, read as they are asked for."""
    of_table = sa.select(_correction.c.table_name, _change.c.packed).join(_correction)
    ordered = of_table.where(_change.c.correction == correction).order_by(_change.c.n)
    for table, block in c.execute(ordered, execution_options={"stream_results": True, "yield_per": 1}):
        yield from Changes(table, *unpacked(block))
