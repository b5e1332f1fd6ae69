"""How to view at the same by hand: commands, and queries of both sides."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from recon_assets.checks import BusinessRule
from recon_assets.dialect import url_of
from recon_assets.ledger import TrackedRecord
from recon_assets.model import CaseId, Project, TableSpec, Value
from recon_assets.reading.names import relation_of
from recon_assets.web.pages.case_view import CaseView

_RECORDS, _ASKED = "These records", "What the rule asks for"


@dataclass(frozen=True)
class Query:
    """One side's.

    Attributes:
        what: What it selects.
    """

    what: str
    side: Literal["source", "target"]
    database: str
    sql: str


def command(case: CaseId) -> str:
    """The command that judges the window again, without deciding anything."""
    day = case.window[: len("2013-01-31")]  # that of an hour
    days = "" if case.window == "all" else f" --from {day} --to {day}"
    check = "" if case.of_records else f" --only {case.kind}"
    return f"recon check {case.table}{days}{check}"


def queries(project: Project, view: CaseView) -> Iterator[Query]:
    """What selects, on each side, what the case is of.

    Those are the page's records, unless their keys are private; or else what a rule of two queries asks for.
    """
    spec = view.spec
    if spec and (rule := _rule(spec, view.case.id)):
        yield Query(_ASKED, "source", spec.source.database, rule.source)
        yield Query(_ASKED, "target", spec.target.database, rule.target)
    if spec and view.found and spec.key and not set(spec.key) & set(spec.private):
        columns = [name for name in view.records.columns if name not in spec.private]
        for side in ("source", "target"):
            yield Query(_RECORDS, side, getattr(spec, side).database, _sql(project, spec, side, columns, view.found))


def _rule(spec: TableSpec, case: CaseId) -> BusinessRule | None:
    return next((each for each in spec.checks if isinstance(each, BusinessRule) and each.name == case.kind), None)


def _sql(
    project: Project,
    spec: TableSpec,
    side: Literal["source", "target"],
    columns: Sequence[str],
    found: Sequence[TrackedRecord],
) -> str:
    relation = spec.source if side == "source" else spec.target
    names = {name: name if side == "source" else spec.target_name(name) for name in (*spec.key, *columns)}
    table = relation_of(relation, names.values())
    keys = (_is(table, [names[name] for name in spec.key], each.discrepancy.key) for each in found)
    chosen = sa.select(*(table.c[name] for name in dict.fromkeys(names.values()))).where(sa.or_(*keys))
    url = url_of(project.databases[relation.database])
    # Named parameters, for with others a % would be written twice.
    dialect: Any = url.get_dialect()
    return str(chosen.compile(dialect=dialect(paramstyle="named"), compile_kwargs={"literal_binds": True}))


def _is(table: sa.FromClause, names: Sequence[str], key: Sequence[Value]) -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == value for name, value in zip(names, key, strict=True)))
