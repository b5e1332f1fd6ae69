"""Windows that want another look: what was asked, what was changed, what the newest evaluation leaves unexplained.

Readings, questions and changes are numbered together, so that no two clocks are ever compared.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets.ledger import schema
from recon_assets.ledger.projects import owned, project_of
from recon_assets.ledger.values import inserting
from recon_assets.model import DiscrepancyKind

_evaluation, _status = schema.evaluation, schema.window_status


def draw_numbers(c: sa.Connection, count: int) -> list[int]:
    """Numbers for so many evaluations, drawn before anything is read: who reads later, knows better."""
    ids = sa.func.nextval(sa.func.pg_get_serial_sequence(_evaluation.fullname, "id"))
    return list(c.scalars(sa.select(ids).select_from(sa.func.generate_series(1, count))))


def note(c: sa.Connection, table: str, window: str, what: Literal["asked", "changed"]) -> int:
    """Notes that somebody asked about a window, or changed its rows: readings of higher numbers answer it.

    Readings and notes are numbered together, so that no two clocks are ever compared.
    """
    (number,) = draw_numbers(c, 1)
    note_all(c, [{"project": project_of(c), "table_name": table, "window_key": window, what: number}])
    return number


def note_all(c: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds to what is known of windows; what is known already and later, stays."""
    new = inserting(_status, rows)
    later = {name: sa.func.greatest(_status.c[name], new.excluded[name]) for name in list(rows[0])[3:]}
    c.execute(new.on_conflict_do_update(index_elements=[*_status.primary_key.columns], set_=later))


def note_changed(c: sa.Connection, table: str, window: str) -> None:
    """Notes that rows of a window were changed: it is to be judged again."""
    note(c, table, window, "changed")


def note_all_changed(c: sa.Connection, table: str, windows: Collection[str]) -> None:
    """Notes that these windows are not as they were, or as what their rows name was: they are to be judged again."""
    if windows:
        place = {"project": project_of(c), "table_name": table}
        (number,) = draw_numbers(c, 1)
        note_all(c, [{**place, "window_key": window, "changed": number} for window in sorted(windows)])


def windows_of_open_cases(c: sa.Connection, table: str, kind: DiscrepancyKind) -> list[str]:
    """The windows of a table in which records of a kind wait for a decision."""
    cases = schema.cases
    of_them = cases.c.table_name == table, cases.c.kind == kind.value
    return list(c.scalars(sa.select(cases.c.window_key).where(owned(c, cases), ~cases.c.closed, *of_them)))


Judged = Mapping[tuple[str, str], Collection[str]]
"""The tables that have windows which checks can judge now, by the first and the last of these windows."""


def asked_windows(c: sa.Connection, judged: Judged, limit: int) -> list[tuple[str, str]]:
    """Windows (table, window) that somebody asked to compare after their newest evaluation."""
    return _wanted(c, schema.later_than_evaluation(_status.c.asked), _status.c.asked, judged, limit)


def changed_windows(c: sa.Connection, judged: Judged, limit: int) -> list[tuple[str, str]]:
    """Windows (table, window) of which a case was closed or given back by a run after their newest evaluation."""
    return _wanted(c, schema.later_than_evaluation(_status.c.changed), _status.c.changed, judged, limit)


def note_unexplained(c: sa.Connection, windows: Collection[tuple[str, str]]) -> None:
    """Notes of windows (table, window) that all their records are to be compared; see `unexplained_windows`."""
    its = (
        _status.c.table_name == sa.bindparam("of_table"),
        _status.c.window_key == sa.bindparam("of_window"),
    )
    noting = sa.update(_status).where(owned(c, _status), *its).values(unexplained=_status.c.evaluation)
    if windows:  # in the order in which evaluations note theirs, so that no two ever wait for each other
        c.execute(noting, [{"of_table": name, "of_window": key} for name, key in sorted(windows)])


def unexplained_windows(c: sa.Connection, judged: Judged, limit: int) -> list[tuple[str, str]]:
    """Windows (table, window) of which all records are to be compared, and that have not been judged since.

    Some were in flight, a figure failed that they explain, or a case stands on an older comparison of them.
    """
    return _wanted(c, _status.c.unexplained == _status.c.evaluation, _status.c.unexplained, judged, limit)


def _wanted(
    c: sa.Connection, wanted: sa.ColumnElement[bool], number: sa.Column[Any], judged: Judged, limit: int
) -> list[tuple[str, str]]:
    """The windows of which this is so and that checks can judge now, the oldest first, as many as asked for."""
    table, window = _status.c.table_name, _status.c.window_key
    spans = [
        sa.and_(table.in_(sorted(tables)), window.between(first, last)) for (first, last), tables in judged.items()
    ]
    found = sa.select(table, window).where(owned(c, _status), wanted, sa.or_(sa.false(), *spans))
    return [(row.table_name, row.window_key) for row in c.execute(found.order_by(number, table, window).limit(limit))]


def causes(c: sa.Connection, windows: Collection[tuple[str, str]]) -> tuple[tuple[Any, ...], ...]:
    """Why windows (table, window) are to be judged: what stays equal until one is asked about, changed or compared.

    A judgement that leaves a window as due as it was changes nothing.
    """
    place = (_status.c.table_name, _status.c.window_key)
    why = sa.select(*place, _status.c.asked, _status.c.changed, _status.c.compared)
    rows = c.execute(why.where(owned(c, _status), sa.tuple_(*place).in_(windows)).order_by(*place))
    return tuple(tuple(row) for row in rows)
