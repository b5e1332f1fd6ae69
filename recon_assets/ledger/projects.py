"""Whose rows they are: several projects may share one ledger, and a transaction sees those of its own project alone.

A declaration that names no project is of the project ``default``. The ledger remembers the file that was so first, and
refuses every other one: two that were never told apart would consume each other's findings.
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from recon_assets.errors import RefusedError
from recon_assets.ledger import schema
from recon_assets.model import DEFAULT_PROJECT, Project


def engine_of(engine: sa.Engine, project: Project) -> sa.Engine:
    """The engine whose transactions are the project's."""
    return engine.execution_options(project=project.name, origin=project.origin)


def project_of(c: sa.Connection | sa.Engine) -> str:
    """The name of the project whose transaction it is."""
    name: str = c.get_execution_options()["project"]
    return name


def owned(c: sa.Connection, table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a row of ``table`` is of the project whose transaction it is."""
    return table.c.project == project_of(c)


def check_owner(c: sa.Connection) -> bool:
    """Whether the ledger knows the project; nothing is written.

    Raises:
        RefusedError: When another file was declared without a name before.
    """
    mine: str = c.get_execution_options()["origin"]
    found: str | None = c.scalar(sa.select(schema.project.c.origin).where(schema.project.c.name == project_of(c)))
    if mine and found not in {None, mine}:
        msg = (
            f"ledger: {mine} names no project, so that its findings would be those of `{DEFAULT_PROJECT}`, which are"
            f" of {found or 'another declaration'}. Write `project: NAME` as its first line;"
            f" `project: {DEFAULT_PROJECT}` if it is the same declaration at another place"
        )
        raise RefusedError(msg)
    return found is not None


def claim(c: sa.Connection) -> None:
    """Notes that there is this project; before the first of its rows is written.

    Raises:
        RefusedError: As `check_owner` does.
    """
    if not check_owner(c):
        row = {"name": project_of(c), "origin": c.get_execution_options()["origin"]}
        c.execute(postgresql.insert(schema.project).values(row).on_conflict_do_nothing())
        check_owner(c)  # somebody else may have been sooner
