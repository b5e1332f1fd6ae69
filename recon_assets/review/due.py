"""What is to be done next, read from the ledger alone: whoever asks again is told again until it is done."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from recon_assets import ledger
from recon_assets.checks.table_order import LoadingOrder, declared_order
from recon_assets.ledger import Ledger
from recon_assets.model import ALL, Case, CaseId, DiscrepancyKind, Project, State, TableSpec

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


def due(book: Ledger, project: Project, now: datetime, loading: Collection[str] = ()) -> Due:
    """What is to be done next.

    A table is not judged while one is being loaded whose rows it names: it would have orphans until then.
    """
    order = declared_order(project)
    judged = defaultdict[tuple[str, str], list[str]](list)
    for name, spec in project.tables.items():
        if order.above(name).isdisjoint(loading):
            for span in _judged(spec, now):
                judged[span].append(name)
    with book.begin() as connection:
        tables = tuple(project.tables)
        decided = ledger.cases_in_state(connection, State.DECIDED, tables=tables)
        applying = ledger.cases_in_state(connection, State.APPLYING, tables=tables)
        correct = [*(case.id for case in applying if now - case.changed > PATIENCE), *(case.id for case in decided)]
        asked, again, unexplained = (
            windows(connection, judged, MAX_JUDGED_PER_TICK)
            for windows in (ledger.asked_windows, ledger.changed_windows, ledger.unexplained_windows)
        )
        looks = _merged(
            *(Look(*place, records=True) for place in asked),
            *(Look(*place) for place in again),
            *(Look(*place, records=True) for place in unexplained),
        )
        return Due(
            tuple(sorted(correct, key=partial(_order, order))),
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


def _judged(spec: TableSpec, now: datetime) -> list[tuple[str, str]]:
    """The windows that checks of a table judge, from first to last; none besides once it has other days or checks."""
    if spec.days is None:
        return [(ALL.key, ALL.key)] if spec.checks else []
    spans = {check.daily: spec.days.ended(now) if check.daily else (ALL.key, ALL.key) for check in spec.checks}
    return list(spans.values())


def _order(order: LoadingOrder, case: CaseId) -> tuple[int, CaseId]:
    """Rows that are named before those that name them; what is deleted, the other way round."""
    depth = order.level(case.table)
    return (-depth if case.kind == DiscrepancyKind.EXTRA else depth, case)
