"""Whether source and target agree: every table's answer, as the ledger knows it now."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from recon_assets import ledger
from recon_assets.ledger import Group
from recon_assets.model import Agreement, Project, TableSpec, Verdict, verdict

TABLES_NAMED = 5


def agreement(c: sa.Connection, project: Project, now: datetime) -> list[Agreement]:
    """Each declared table's answer, in the order of the declaration; neither source nor target is read."""
    spans = {name: span(spec, now) for name, spec in project.tables.items()}
    groups, cases = ledger.window_groups(c, spans), ledger.open_cases(c)
    return [
        _of_table(spec, [group for group in groups if group.table == name], cases.get(name, 0), now)
        for name, spec in project.tables.items()
    ]


def span(spec: TableSpec, now: datetime) -> tuple[str, str]:
    """The table's first window, and the first that is not over; nothing for a table without a calendar."""
    if spec.calendar is None:
        return "", ""
    return spec.calendar.key(0), spec.calendar.key(spec.calendar.count(now))


def checks_of(spec: TableSpec, *, whole: bool) -> list[str]:
    """The names of the checks that judge its days, or those that judge the whole table at once."""
    return [check.name for check in spec.checks if (spec.calendar is None or not check.daily) is whole]


def _of_table(spec: TableSpec, groups: Sequence[Group], cases: int, now: datetime) -> Agreement:
    days, beside = checks_of(spec, whole=False), checks_of(spec, whole=True)
    last = max((group.compared for group in groups), default=None)
    whole = next((verdict(each.outcomes, beside, changed=each.changed) for each in groups if each.whole), None)
    if not days:
        found = {whole or Verdict.NOT_COMPARED: 1}
        return Agreement(spec.name, daily=False, windows=found, cases=cases, compared=last)
    counted = Counter[Verdict]()
    for group in groups:
        if not group.whole:
            counted[verdict(group.outcomes, days, changed=group.changed)] += group.windows
    ended, unit = (spec.calendar.count(now), spec.calendar.unit.value) if spec.calendar else (0, "day")
    counted[Verdict.NOT_COMPARED] += ended - counted.total()
    said = (whole or Verdict.NOT_COMPARED) if beside else None
    return Agreement(spec.name, daily=True, windows=counted, whole=said, cases=cases, compared=last, unit=unit)


def overall(answers: Sequence[Agreement]) -> tuple[Verdict, str]:
    """The answer for all tables in one sentence, and how bad it is."""
    differ = [each.table for each in answers if each.verdict is Verdict.DIFFERS]
    # A table of which no day has ended yet has nothing to be compared; its other checks may have had something to say.
    begun = [each for each in answers if each.total or each.whole not in {None, Verdict.NOT_COMPARED}]
    unknown = [each.table for each in begun if not each.verdict.agrees and each.table not in differ]
    also = f"Not known yet: {_named(unknown)}." if unknown else ""
    if differ:
        said = f"No: {_named(differ)} {'differs' if len(differ) == 1 else 'differ'}."
        return Verdict.DIFFERS, f"{said} {also}".strip()
    if unknown:
        return Verdict.NOT_COMPARED, also
    if not begun:
        return Verdict.NOT_COMPARED, "Not known yet: no day of any table has ended."
    return Verdict.AGREES, "Yes: every finished day of every table has been compared, and agrees."


def _named(names: list[str]) -> str:
    if len(names) > TABLES_NAMED:
        return f"{len(names)} tables"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
