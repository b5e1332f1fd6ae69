"""What the databases say to checks and to the rules of columns: whether they can work on such columns."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from recon_assets import checks, reading
from recon_assets.declare.problems import KeyPath, Problem, nearest
from recon_assets.declare.rules import OF_TARGET
from recon_assets.declare.table import Table
from recon_assets.dialect import privileges
from recon_assets.dialect.common_form import common_form
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.windows import bound
from recon_assets.diff.column_reader import Reader
from recon_assets.diff.rules import check_rule
from recon_assets.errors import DeclarationError
from recon_assets.model import EXACT, Check, Column, Kind, Relation, Rule, Window
from recon_assets.reading.names import relation_of
from recon_assets.values import DATETIMES, NUMBERS

_NUMBERS = NUMBERS | {Kind.ANY}
_MOMENTS = DATETIMES | {Kind.ANY}
_OF_RECORDS = {"keys", "fields", "checksum"}


def columns_of_checks(table: Table) -> Iterator[Problem]:
    """The columns of checks are the source's names, like all names of columns in a declaration."""
    for index, check in enumerate(table.spec.checks):
        own = {column.name for column in table.right.columns} if check.kind in OF_TARGET else set()
        for column in check.columns_used:
            if column not in own - set(table.spec.rename.values()):
                yield from _known(table, column, (*table.at, "checks", index))


def columns_of_rules(table: Table) -> Iterator[Problem]:
    """Rules, private columns and the age of a row name columns that are there."""
    at = (*table.at, "columns")
    for column in table.spec.rules:
        yield from _known(table, column, (*at, "rules", column))
    every = {column.name for schema in (table.left, table.right) for column in schema.columns}
    for column in table.spec.private:
        if column not in every:
            yield Problem((*at, "private"), f"neither side has a column `{column}`", nearest(column, every))


def age_of_rows(table: Table) -> Iterator[Problem]:
    """``updated_at`` is a moment on both sides."""
    name, at = table.spec.updated_at, (*table.at, "updated_at")
    if not name:
        return
    unknown = tuple(_known(table, name, at))
    yield from unknown
    both = table.both(name)
    if not both and not unknown:
        yield Problem(
            at, f"the target has no column `{table.spec.target_name(name)}`", "Name one that both sides have."
        )
    for column in both or ():
        if column.type.kind not in _MOMENTS:
            yield Problem(at, f"`{column.name}` is {column.type.name}, which has no age", "Choose a timestamp.")


def kinds_of_columns(table: Table) -> Iterator[Problem]:
    """Figures need numbers, orders need times or numbers."""
    for index, check in enumerate(table.spec.checks):
        for name in check.columns_used:
            judge = _KINDS.get(check.kind)
            columns = _looked_at(table, check, name)
            yield from judge(check, name, columns, (*table.at, "checks", index)) if judge and columns else ()


def _looked_at(table: Table, check: Check, name: str) -> tuple[Column, ...]:
    """The columns of that name on the sides that the check looks at."""
    if check.kind in OF_TARGET:
        return tuple(column for column in table.right.columns if column.name == table.spec.target_name(name))
    return table.both(name) or ()


def _added(check: Check, name: str, columns: tuple[Column, ...], at: KeyPath) -> Iterator[Problem]:
    odd = _other_than(_NUMBERS, columns)
    if odd:
        yield Problem(at, f"`{name}` is {odd}, of which there is no {check.kind}", "Choose a column of numbers.")


def _ranked(check: Check, name: str, columns: tuple[Column, ...], at: KeyPath) -> Iterator[Problem]:
    odd = _other_than(_NUMBERS, columns)
    if odd and getattr(check, "tolerance", EXACT) != EXACT:
        yield Problem(at, f"`{name}` is {odd}, to which no tolerance applies", "Remove the tolerance.")


def _ordered(check: Check, name: str, columns: tuple[Column, ...], at: KeyPath) -> Iterator[Problem]:
    if name in getattr(check, "per", ()):
        return
    timed = isinstance(check, checks.NotFuture)
    odd = _other_than(_MOMENTS if timed else _MOMENTS | _NUMBERS, columns)
    if odd:
        said = "which is never in the future" if timed else "which has no order"
        yield Problem(at, f"`{name}` is {odd}, {said}", "Choose a date or timestamp.")


def _other_than(kinds: frozenset[Kind], columns: tuple[Column, ...]) -> str | None:
    return next((column.type.name for column in columns if column.type.kind not in kinds), None)


_Judge = Callable[[Check, str, tuple[Column, ...], KeyPath], Iterator[Problem]]
_KINDS: Mapping[str, _Judge] = {
    "sum": _added,
    "avg": _added,
    "min": _ranked,
    "max": _ranked,
    "order": _ordered,
}


def comparable(table: Table) -> Iterator[Problem]:
    """Two types have a common meaning, and rules fit it."""
    compares = any(check.kind in _OF_RECORDS for check in table.spec.checks)
    for column in table.left.columns:
        rule, both = table.spec.rules.get(column.name), table.both(column.name)
        if both and column.name not in table.spec.ignore and (rule or compares):
            yield from _readable(table, both, rule or Rule())


def _readable(table: Table, both: tuple[Column, Column], rule: Rule) -> Iterator[Problem]:
    left, right = both
    alike = table.source.dialect.name == table.target.dialect.name
    at = (*table.at, "columns", *(("rules", left.name) if left.name in table.spec.rules else ()))
    try:
        check_rule(
            Reader(left.name, common_form(left.type, right.type, rule, same_dialect=alike), left.type, right.type, rule)
        )
    except DeclarationError as error:
        message, _, hint = str(error).removeprefix(f"{left.name}: ").partition("; ")
        yield Problem(at, f"`{left.name}`: {message}", f"{hint[:1].upper()}{hint[1:]}.")


def statements(table: Table, sample: Window) -> Iterator[tuple[int, sa.Engine, Any]]:
    """The SQL that people wrote for checks, as statements to be planned: the check's place, where, and what."""
    for index, check in enumerate(table.spec.checks):
        for side, engine, relation in _sides(table):
            if getattr(check, "where", None):
                yield index, engine, _counted(table, side, relation, str(getattr(check, "where", "")))
            if isinstance(check, checks.BusinessRule):
                bounds = _bounds(table, side, sample)
                yield index, engine, reading.written(f"{getattr(check, side)}\n", bounds)


def declared_where(table: Table) -> Iterator[tuple[str, sa.Engine, Any]]:
    """The table's own condition as a statement of each side."""
    for side, engine, relation in _sides(table) if table.spec.where else ():
        yield side, engine, _counted(table, side, relation, table.spec.where or "")


def planned(engine: sa.Engine, statement: Any, doing: str) -> None:
    """Have the database plan the statement.

    Raises:
        DeclarationError: When it is not valid.
        UnavailableError: When the database does not answer.
    """
    with driver_errors(doing), engine.connect() as connection:
        connection.execute(privileges.plan_of(statement)).close()


def _sides(table: Table) -> tuple[tuple[str, sa.Engine, Relation], ...]:
    return ("source", table.source, table.spec.source), ("target", table.target, table.spec.target)


def _counted(table: Table, side: str, relation: Relation, where: str) -> Any:
    schema = table.left if side == "source" else table.right
    rows = relation_of(relation, [column.name for column in schema.columns])
    return sa.select(sa.func.count()).select_from(rows).where(reading.condition(where))


def _bounds(table: Table, side: str, sample: Window) -> dict[str, sa.BindParameter[Any]]:
    days = table.spec.calendar
    both = table.both(days.column) if days else None
    if not days or not both or not sample.start or not sample.end:
        return {}
    kind, dialect = (both[0], table.source) if side == "source" else (both[1], table.target)
    moments = {"window_start": sample.start, "window_end": sample.end}
    return {
        name: bound(moment, kind.type.kind, days.stored_in, dialect.dialect.name) for name, moment in moments.items()
    }


def _known(table: Table, column: str, at: KeyPath) -> Iterator[Problem]:
    names = [item.name for item in table.left.columns]
    back = {target: source for source, target in table.spec.rename.items()}
    if column not in names:
        hint = f"Write the source's name: `{back[column]}`." if column in back else nearest(column, names)
        yield Problem(at, f"the source has no column `{column}`", hint)
