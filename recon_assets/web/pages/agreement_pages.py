"""Whether source and target agree: every table's answer, and the days of one table that stand against it."""

from http import HTTPStatus
from urllib.parse import quote

from recon_assets import ledger, review
from recon_assets.ledger import StoredFinding
from recon_assets.model import ALL, Agreement, Outcome, Verdict
from recon_assets.web.http.requests import BadRequestError, Page, PageRequest, Redirect

HOME = "/recon"
DAYS_PER_PAGE = 50
BAR = 1000
SHARES = (
    ("agrees", (Verdict.AGREES, Verdict.ACCEPTED)),
    ("differs", (Verdict.DIFFERS,)),
    ("unknown", (Verdict.UNKNOWN,)),
    ("not-compared", (Verdict.NOT_COMPARED,)),
)
"""What is told apart by its colour, from left to right."""


def home(_: PageRequest) -> Redirect:
    """The first page is at one address."""
    return Redirect(HOME)


def tables(request: PageRequest) -> Page:
    """The first page: do they agree?"""
    with request.site.book.begin() as connection:
        answers = review.agreement(connection, request.site.project, request.now)
    return Page(
        "agreement.html", {"answers": answers, "overall": review.overall(answers), "bar": bar, "bar_length": BAR}
    )


def bar(answer: Agreement) -> list[tuple[str, int, int]]:
    """The parts of a table's bar: what they are, where they begin and how long they are.

    A part that is there can be seen, however few its days are among thousands.
    """
    counts = [(name, answer.count(*verdicts)) for name, verdicts in SHARES]
    there = [(name, count) for name, count in counts if count]
    least = BAR // 50
    free = BAR - least * len(there)
    parts, begins = [], 0
    for name, count in there:
        length = least + free * count // answer.total
        parts.append((name, begins, length))
        begins += length
    return parts


def days(request: PageRequest) -> Page:
    """The days of one table that do not agree, each with what its checks say."""
    spec = request.site.project.tables.get(request.path["table"])
    if spec is None:
        said = f"No table {request.path['table']!r} is declared."
        raise BadRequestError(said, HTTPStatus.NOT_FOUND)
    names = [check.name for check in spec.checks]
    bad = [f"{outcome} {name}" for outcome in (Outcome.FAILED, Outcome.UNKNOWN) for name in names]
    span, after = review.span(spec, request.now), request.query.get("after", "")
    with request.site.book.begin() as connection:
        answers = review.agreement(connection, request.site.project, request.now)
        found = ledger.wrong_windows(connection, spec.name, span, bad, before=after, limit=DAYS_PER_PAGE + 1)
        page = found[:DAYS_PER_PAGE]
        said_of = {window: _said(ledger.latest_findings(connection, spec.name, window), names) for window in page}
    next_page = f"{HOME}/{quote(spec.name, safe='')}?after={quote(page[-1])}" if len(found) > len(page) else ""
    answer = next(each for each in answers if each.table == spec.name)
    return Page("days.html", {"answer": answer, "days": said_of, "next": next_page, "after": after, "all": ALL.key})


def _said(newest: dict[str, StoredFinding], names: list[str]) -> list[StoredFinding]:
    """What the checks that did not pass say, in the order of the declaration."""
    found = (newest[name] for name in names if name in newest)
    return [each for each in found if each.finding.failed or each.finding.error]
