"""What is to be done next, read from the ledger alone: whoever asks again is told again until it is done."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256

from recon_assets import ledger
from recon_assets.checks.table_order import LoadingOrder, declared_order
from recon_assets.ledger import Ledger
from recon_assets.model import ALL, Case, CaseId, DiscrepancyKind, Project, State, TableSpec
from recon_assets.review.routing import POLICY

MAX_RECHECKS = 1000
"""Windows in one answer; those that people have asked for come first."""
PATIENCE = timedelta(minutes=1)
"""How long a correction may be under way before somebody looks whether its run still lives."""


@dataclass(frozen=True)
class Recheck:
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
        recheck: Windows to be judged again.
        awaited: Whether a person waits for some of it.
        key: The same as long as nothing happens to these cases and windows; a judgement that leaves a window as due
            as it was changes nothing.
    """

    correct: tuple[Case, ...] = ()
    undo: tuple[Case, ...] = ()
    recheck: tuple[Recheck, ...] = ()
    awaited: bool = False
    key: str = ""

    @property
    def nothing(self) -> bool:
        """Whether all is done."""
        return not (self.correct or self.undo or self.recheck)


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
        left = [case for case in applying if now - case.changed > PATIENCE]
        undo = ledger.cases_to_undo(connection, tables=tables)
        asked, changed, unexplained = (
            find(connection, judged, MAX_RECHECKS)
            for find in (ledger.asked_windows, ledger.changed_windows, ledger.unexplained_windows)
        )
        records = {*asked, *unexplained}
        wanted = dict.fromkeys((*asked, *changed, *unexplained))
        # A table that has days now may have had hours: nobody can compare what is left of those.
        windows = [each for each in wanted if project.tables[each[0]].has_window(each[1])][:MAX_RECHECKS]
        versions = [(case.id, case.version) for case in (*left, *decided, *undo)]
        causes = ledger.causes(connection, windows)
    return Due(
        tuple(sorted((*left, *decided), key=partial(_order, order))),
        tuple(undo),
        tuple(Recheck(*window, records=window in records) for window in windows),
        awaited=bool(undo or asked) or any(case.decided_by != POLICY for case in decided),
        key=sha256(repr((versions, causes)).encode()).hexdigest()[:16],
    )


def _judged(spec: TableSpec, now: datetime) -> list[tuple[str, str]]:
    """The windows that checks of a table judge, from first to last; none besides once it has other days or checks."""
    if spec.calendar is None:
        return [(ALL.key, ALL.key)] if spec.checks else []
    spans = {check.daily: spec.calendar.ended(now) if check.daily else (ALL.key, ALL.key) for check in spec.checks}
    return list(spans.values())


def _order(order: LoadingOrder, case: Case) -> tuple[int, CaseId]:
    """Rows that are named before those that name them; what is deleted, the other way round."""
    depth = order.level(case.id.table)
    return (-depth if case.id.kind == DiscrepancyKind.EXTRA else depth, case.id)
