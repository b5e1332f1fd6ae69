"""What is to be done next, read from the ledger alone: whoever asks again is told again until it is done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from recon_assets import ledger
from recon_assets.checks.table_order import LoadingOrder, declared_order
from recon_assets.ledger import Ledger
from recon_assets.model import ALL, Case, CaseId, DiscrepancyKind, Project, State
from recon_assets.review.routing import figures

MAX_SHOWN_PER_TICK = 200
PATIENCE = timedelta(minutes=1)
"""How long a correction may be under way before somebody looks whether its run still lives."""


@dataclass(frozen=True)
class Look:
    """A window to be judged again; with ``records``, by all its records too."""

    table: str
    window: str
    records: bool = False


@dataclass(frozen=True)
class Due:
    """What is to be done.

    Attributes:
        correct: Decided cases, and those that a run has left; parents before the rows that name them.
        undo: Cases whose corrections are to be rolled back.
        show: Cases that have changed since they were last shown in Dagster.
        check: Windows to be judged again.
    """

    correct: tuple[CaseId, ...] = ()
    undo: tuple[CaseId, ...] = ()
    show: tuple[Case, ...] = ()
    check: tuple[Look, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether all is done."""
        return self == Due()


def due(book: Ledger, project: Project, now: datetime) -> Due:
    """What is to be done next."""
    with book.begin() as connection:
        tables = tuple(project.tables)
        decided = ledger.cases_in_state(connection, State.DECIDED, tables=tables)
        applying = ledger.cases_in_state(connection, State.APPLYING, tables=tables)
        correct = [*(case.id for case in applying if now - case.changed > PATIENCE), *(case.id for case in decided)]
        again = [Look(*place) for place in ledger.changed_windows(connection)]
        unexplained = ledger.unexplained_windows(
            connection, {name: figures(spec) for name, spec in project.tables.items()}
        )
        wanted = (*ledger.asked_windows(connection), *ledger.in_flight_windows(connection), *unexplained)
        asked = [Look(*place, records=True) for place in wanted]
        return Due(
            tuple(sorted(correct, key=partial(_order, declared_order(project)))),
            tuple(case.id for case in ledger.cases_to_undo(connection, tables=tables)),
            tuple(ledger.cases_to_show(connection, MAX_SHOWN_PER_TICK)),
            tuple(look for look in dict.fromkeys(_merged(again, asked)) if _is_judged(project, look, now)),
        )


def _merged(again: list[Look], asked: list[Look]) -> list[Look]:
    """Each window once."""
    wanted = {(look.table, look.window): look for look in (*again, *asked)}
    return list(wanted.values())


def _is_judged(project: Project, look: Look, now: datetime) -> bool:
    """Whether a check of the table judges this window; none does once the table is declared with other days."""
    spec = project.tables.get(look.table)
    if spec is None:
        return False
    if spec.days is None:
        return look.window == ALL.key and bool(spec.checks)
    whole = look.window == ALL.key
    return (whole or spec.days.has_ended(look.window, now)) and any(check.daily is not whole for check in spec.checks)


def _order(order: LoadingOrder, case: CaseId) -> tuple[int, CaseId]:
    """Rows that are named before those that name them; what is deleted, the other way round."""
    depth = order.level(case.table)
    return (-depth if case.kind == DiscrepancyKind.EXTRA else depth, case)
