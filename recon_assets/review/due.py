"""What is to be done next, read from the ledger alone: whoever asks again is told again until it is done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from recon_assets import ledger
from recon_assets.checks.table_order import LoadingOrder, declared_order
from recon_assets.ledger import Ledger
from recon_assets.model import ALL, Case, CaseId, DiscrepancyKind, Project, State

MAX_SHOWN_PER_TICK = 200
MAX_JUDGED_PER_TICK = 1000
"""Windows; what people have asked for comes first."""
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
        asked = [Look(*place, records=True) for place in ledger.asked_windows(connection)]
        again = [Look(*place) for place in ledger.changed_windows(connection)]
        unexplained = [Look(*place, records=True) for place in ledger.unexplained_windows(connection)]
        looks = [look for look in _merged(*asked, *again, *unexplained) if _is_judged(project, look, now)]
        return Due(
            tuple(sorted(correct, key=partial(_order, declared_order(project)))),
            tuple(case.id for case in ledger.cases_to_undo(connection, tables=tables)),
            tuple(ledger.cases_to_show(connection, MAX_SHOWN_PER_TICK)),
            tuple(looks[:MAX_JUDGED_PER_TICK]),
        )


def _merged(*looks: Look) -> list[Look]:
    """Each window once, by all its records if that is wanted for any reason."""
    wanted: dict[tuple[str, str], Look] = {}
    for look in looks:
        place = (look.table, look.window)
        wanted[place] = look if look.records else wanted.get(place, look)
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
