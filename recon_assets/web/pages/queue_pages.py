"""The queue: which cases there are, in the order in which they matter, and what they add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from recon_assets import ledger
from recon_assets.ledger import Counts, Cursor, Filter
from recon_assets.model import Case, DiscrepancyKind, Severity, State
from recon_assets.web.http.requests import Form, Page, PageRequest, Redirect, number_in

PER_PAGE = 50
OPEN = tuple(state for state in State if not state.closed)
FIRST, LAST = "0001-01-01", "9999-12-31"
NOBODY = "-"
_OLDEST_DAYS = 36_500
SAID: Mapping[str, str] = {
    "decided": "Decided. A run does it within seconds, compares again, and closes what is right then.",
    "assigned": "Assigned.",
}


@dataclass(frozen=True)
class QueueFilter:
    """What the address asks for.

    Attributes:
        filter: What the ledger is asked.
        problems: What could not be understood, by the name of the field.
    """

    filter: Filter
    problems: Mapping[str, str] = field(default_factory=dict)


def queue_filter(query: Form, now: datetime) -> QueueFilter:
    """The filter that an address has; what of it makes no sense filters nothing, and is said."""
    problems: dict[str, str] = {}
    first, last = _day(query, "from", problems), _day(query, "to", problems)
    window = query.get("window", "").strip()
    older = _older(query, now, problems)
    assignee = query.get("assignee", "").strip()
    return QueueFilter(
        Filter(
            tables=_given(query, "table"),
            windows=(window, window) if window else (first or FIRST, last or LAST) if first or last else None,
            kinds=_given(query, "kind"),
            severities=tuple(each for each in Severity if each in query.getlist("severity")),
            states=_states(query.get("state", "")),
            older_than=older,
            assignee=("" if assignee == NOBODY else assignee) if assignee else None,
        ),
        problems,
    )


def _given(query: Form, name: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, query.getlist(name))))


def _states(asked_for: str) -> tuple[State, ...]:
    if asked_for == "all":
        return tuple(State)
    return tuple(state for state in State if state == asked_for)


def _day(query: Form, name: str, problems: dict[str, str]) -> str:
    text = query.get(name, "").strip()
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError:
        problems[name] = f"{text[:40]!r} is no day; write it as 2013-01-31."
        return ""


def _older(query: Form, now: datetime, problems: dict[str, str]) -> datetime | None:
    text = query.get("older", "").strip()
    if not text:
        return None
    days = number_in(text)
    if days is None or days > _OLDEST_DAYS:
        problems["older"] = f"{text[:40]!r} is no number of days; write one such as 7."
        return None
    return now - timedelta(days=days)


def home(request: PageRequest) -> Redirect:
    """The queue is at one address."""
    return Redirect(_address(request.query))


def listed(request: PageRequest) -> Page:
    """The queue's page that the address asks for."""
    wanted = queue_filter(request.query, request.now)
    after = request.query.get("after", "")
    here = {"after": after} if after else {}
    with request.site.book.begin() as connection:
        page = ledger.queue(connection, wanted.filter, after=Cursor.parse(after) if after else None, limit=PER_PAGE)
        counts = ledger.counts(connection, wanted.filter)
    return Page(
        "queue.html",
        {
            **_form(request, wanted, counts),
            "groups": _by_table(page.cases),
            "next": _address(request.query, after=str(page.next)) if page.next else "",
            "first": _address(request.query) if after else "",
            "said": SAID.get(request.query.get("said", ""), ""),
            "back": _address(request.query),
            "ticked": request.query.get("tick") == "all",
            "tick": _address(request.query, **here, tick="all"),
            "untick": _address(request.query, **here),
        },
    )


def _by_table(cases: Sequence[Case]) -> dict[str, list[Case]]:
    """The cases of each table, beginning with that of the first; their order stays."""
    found: dict[str, list[Case]] = {}
    for case in cases:
        found.setdefault(case.id.table, []).append(case)
    return found


def report(request: PageRequest) -> Page:
    """What the queue adds up to."""
    wanted = queue_filter(request.query, request.now)
    with request.site.book.begin() as connection:
        counts = ledger.counts(connection, wanted.filter)
    return Page("report.html", _form(request, wanted, counts))


def _form(request: PageRequest, wanted: QueueFilter, counts: Counts) -> dict[str, Any]:
    return {
        "query": request.query,
        "problems": wanted.problems,
        "counts": counts,
        "tables": sorted({*request.site.project.tables, *wanted.filter.tables, *counts.by_table}),
        "kinds": _kinds(wanted, counts),
    }


def _kinds(wanted: QueueFilter, counts: Counts) -> list[str]:
    """Those of records first, then checks that have a case."""
    checks = {*counts.by_kind, *wanted.filter.kinds} - set(DiscrepancyKind)
    return [*DiscrepancyKind, *sorted(checks)]


def _address(query: Form, **more: str) -> str:
    """The same filter elsewhere in the queue."""
    kept = [(name, value) for name, value in query.multi_items() if name not in {"after", "said", "tick"} and value]
    return f"/review?{urlencode([*kept, *more.items()])}" if kept or more else "/review"
