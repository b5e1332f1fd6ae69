"""The ledger's tables.

Records of what happened (evaluations, findings, discrepancies, which finding names which record, events, corrections,
changes, outcomes, acceptances, backups) are only ever added. What is derived from them so that questions are answered
at once is `record_history`, `latest_finding`, `window_status` and the columns of `cases` after `kind`; it changes in
the transaction that adds its cause.

Values, figures and free text are ``json``, not ``jsonb``: it keeps every text (a NUL, half a surrogate) and every
number as written.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from recon_assets.model import Severity

SCHEMA = "recon"
REVISION = "0004"
"""The newest revision of the schema."""


class Ranked(sa.types.TypeDecorator[Severity]):
    """A severity, as the number by which it sorts."""

    impl = sa.SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Severity | None, dialect: object) -> int | None:  # noqa: ARG002 - SQLAlchemy's
        """Its rank, from 1 on."""
        return None if value is None else list(Severity).index(value) + 1

    def process_result_value(self, value: int | None, dialect: object) -> Severity | None:  # noqa: ARG002 - SQLAlchemy's
        """The severity of that rank."""
        return None if value is None else list(Severity)[value - 1]


Json = sa.JSON(none_as_null=True)
Moment = sa.DateTime(timezone=True)
Sorted = sa.Text(collation="C")
META = sa.MetaData(schema=SCHEMA)


def _numbered() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def _part_of(table: str, *, name: str = "", **options: Any) -> sa.Column[int]:
    return sa.Column(name or table, sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.{table}.id"), nullable=False, **options)


def _of_project(**options: Any) -> sa.Column[str]:
    return sa.Column("project", sa.Text, nullable=False, **options)


project = sa.Table(
    "project",
    META,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("origin", sa.Text, nullable=False),
)

evaluation = sa.Table(
    "evaluation",
    META,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),  # a number may be drawn before
    _of_project(),
    sa.Column("at", Moment, nullable=False),
    sa.Column("run", sa.Text, nullable=False),
    sa.Column("findings", sa.Integer, nullable=False),
)

finding = sa.Table(
    "finding",
    META,
    _numbered(),
    _part_of("evaluation", index=True),
    _of_project(),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("window_key", sa.Text, nullable=False),
    sa.Column("check_name", sa.Text, nullable=False),
    sa.Column("passed", sa.Boolean, nullable=False),
    sa.Column("failed", sa.Boolean, nullable=False),
    sa.Column("severity", Ranked),
    sa.Column("wrong", sa.BigInteger, nullable=False),
    sa.Column("looked_at", sa.BigInteger, nullable=False),
    sa.Column("said", Json, nullable=False),
    sa.Index("finding_of_window", "project", "table_name", "window_key", "check_name", "id"),
)

discrepancy = sa.Table(
    "discrepancy",
    META,
    sa.Column("content", sa.Uuid, primary_key=True),
    _of_project(),
    sa.Column("id", sa.Text, nullable=False, index=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("key", Sorted, nullable=False),
    sa.Column("shape", Json, nullable=False),  # names of columns, so that thousands of records are read by them once
    sa.Column("cells", Json, nullable=False),
    sa.Index("discrepancy_of_key", "key", postgresql_using="hash"),
)

finding_record = sa.Table(
    "finding_record",
    META,
    _part_of("finding", primary_key=True),
    sa.Column("content", sa.Uuid, sa.ForeignKey(discrepancy.c.content), primary_key=True, index=True),
)

record_history = sa.Table(
    "record_history",
    META,
    _of_project(primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("first_seen", Moment, nullable=False),
    sa.Column("last_seen", Moment, nullable=False),
    sa.Column("evaluation", sa.BigInteger, nullable=False),
    sa.Column("times_seen", sa.Integer, nullable=False),
    sa.Column("reopened", sa.Integer, nullable=False),
)

latest_finding = sa.Table(
    "latest_finding",
    META,
    _of_project(primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("window_key", sa.Text, primary_key=True),
    sa.Column("check_name", sa.Text, primary_key=True),
    _part_of("finding", index=True),
    sa.Column("evaluation", sa.BigInteger, nullable=False),
    sa.Column("complete", sa.BigInteger),
    sa.Column("outcome", sa.Text, nullable=False),
)

window_status = sa.Table(
    "window_status",
    META,
    _of_project(primary_key=True),
    sa.Column("table_name", sa.Text, primary_key=True),
    sa.Column("window_key", sa.Text, primary_key=True),
    sa.Column("evaluation", sa.BigInteger),
    sa.Column("compared", sa.BigInteger),
    sa.Column("asked", sa.BigInteger),
    sa.Column("changed", sa.BigInteger),
    sa.Column("unexplained", sa.BigInteger),
    sa.Column("outcomes", ARRAY(sa.Text)),
)


def later_than_evaluation(number: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether what ``number`` of `window_status` notes is later than the reading of the newest evaluation."""
    return sa.and_(
        number.is_not(None), sa.or_(window_status.c.evaluation.is_(None), number > window_status.c.evaluation)
    )


sa.Index(
    "window_status_asked",
    window_status.c.project,
    window_status.c.asked,
    postgresql_where=later_than_evaluation(window_status.c.asked),
)
sa.Index(
    "window_status_changed",
    window_status.c.project,
    window_status.c.changed,
    postgresql_where=later_than_evaluation(window_status.c.changed),
)
sa.Index(
    "window_status_unexplained",
    window_status.c.project,
    window_status.c.unexplained,
    postgresql_where=window_status.c.unexplained == window_status.c.evaluation,
)

routing_queue = sa.Table("routing_queue", META, _of_project(), _part_of("evaluation", primary_key=True))

cases = sa.Table(
    "review_case",
    META,
    _numbered(),
    _of_project(),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("window_key", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("severity", Ranked, nullable=False),
    sa.Column("wrong", sa.BigInteger, nullable=False),
    sa.Column("named", sa.BigInteger, nullable=False),
    sa.Column("summary", Json, nullable=False),
    sa.Column("findings", ARRAY(sa.BigInteger), nullable=False),
    sa.Column("opened", Moment, nullable=False),
    sa.Column("changed", Moment, nullable=False),
    sa.Column("reopened", sa.Integer, nullable=False),
    sa.Column("assignee", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("chosen", Json),
    sa.Column("undo", sa.Boolean, nullable=False),
    sa.Column("begun", sa.Integer, nullable=False, server_default="0"),  # corrections of it that have not ended
    sa.Column("shown_version", sa.Integer, nullable=False),
    sa.Column("pruned", sa.Boolean, nullable=False),
    sa.UniqueConstraint("project", "table_name", "window_key", "kind"),
)
_order = (cases.c.severity.desc(), cases.c.opened, cases.c.id)
sa.Index("review_case_queue", cases.c.project, *_order, postgresql_where=~cases.c.closed)
sa.Index("review_case_states", cases.c.project, cases.c.state, *_order)
sa.Index("review_case_to_show", cases.c.project, *_order, postgresql_where=cases.c.shown_version < cases.c.version)
sa.Index("review_case_to_undo", cases.c.project, cases.c.id, postgresql_where=cases.c.undo)
sa.Index(
    "review_case_to_prune",
    cases.c.project,
    cases.c.changed,
    cases.c.id,
    postgresql_where=sa.and_(cases.c.closed, ~cases.c.pruned),
)

event = sa.Table(
    "case_event",
    META,
    _part_of("review_case", primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("note", Json, nullable=False),
    sa.Column("data", Json, nullable=False),
)

acceptance = sa.Table(
    "acceptance",
    META,
    _numbered(),
    _part_of("review_case", index=True),
    sa.Column("withdrawn", sa.Boolean, nullable=False),
    sa.Column("decision", sa.Integer),
    sa.Column("discrepancy", sa.Text),
    sa.Column("fingerprint", sa.Text),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", Json, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

correction = sa.Table(
    "correction",
    META,
    _numbered(),
    _of_project(),
    sa.Column("review_case", sa.BigInteger, sa.ForeignKey(cases.c.id), index=True),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("window_key", sa.Text, nullable=False),
    sa.Column("decision", sa.Integer),
    sa.Column("run", sa.Text, nullable=False, index=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", Json, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("undoes", sa.BigInteger, sa.ForeignKey(f"{SCHEMA}.correction.id"), index=True),
    sa.Column("changes", sa.Integer, nullable=False),
)

change = sa.Table(
    "change",
    META,
    _part_of("correction", primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)

outcome = sa.Table(
    "outcome",
    META,
    _part_of("correction", primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("note", Json, nullable=False),
    sa.Column("rows", Json, nullable=False),
)

backup = sa.Table(
    "backup",
    META,
    _numbered(),
    _of_project(),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("window_key", sa.Text, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("run", sa.Text, nullable=False, index=True),
    sa.Column("backfill", sa.Text, nullable=False, index=True),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("columns", ARRAY(sa.Text), nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)

backup_part = sa.Table(
    "backup_part",
    META,
    _part_of("backup", primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)

backup_event = sa.Table(
    "backup_event",
    META,
    _numbered(),
    _part_of("backup", index=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("why", Json, nullable=False),
    sa.Column("rows", sa.BigInteger),
    sa.Column("digest", sa.Text),
)
