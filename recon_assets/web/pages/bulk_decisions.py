"""One decision for many cases: listed first, then confirmed; each case is decided by itself."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from urllib.parse import urlsplit

from recon_assets import ledger, review
from recon_assets.errors import DeclarationError, ReconError
from recon_assets.model import Case, CaseId, Decision, Resolution, State, outdated
from recon_assets.web.http.requests import NAMELESS, BadRequestError, Page, PageRequest, Redirect, number_in
from recon_assets.web.pages.decision_form import Problems, assignee, why
from recon_assets.web.pages.login_pages import local
from recon_assets.web.words.labels import consequence, offered

ASSIGN = "assign"
ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        Decision.APPLY_SOURCE: "Apply the source",
        Decision.KEEP_TARGET: "Keep the target",
        ASSIGN: "Assign",
    }
)
MAX_CASES_A_DECISION = 200


@dataclass(frozen=True)
class Ticked:
    """One case that was ticked, as it is now.

    Attributes:
        version: Of what the person saw.
        left_out: Why it will be left as it is; empty when it will not.
    """

    case: Case
    version: int
    left_out: str = ""


def decided(request: PageRequest) -> Page | Redirect:
    """The page that lists what is to be done; once that is confirmed, does it."""
    action = request.form.get("action", "")
    if action not in ACTIONS:
        msg = "Choose what is to be done with the ticked cases."
        raise BadRequestError(msg)
    ticked = list(_ticked(request, action))
    if not ticked:
        msg = "No case was ticked: go back, tick some, and choose again."
        raise BadRequestError(msg)
    problems = _problems(request, action) if request.form.get("do") == "confirm" else {}
    if problems or request.form.get("do") != "confirm":
        return _listed(request, action, ticked, problems)
    return _done(request, action, ticked)


def _ticked(request: PageRequest, action: str) -> Iterator[Ticked]:
    versions: dict[CaseId, int] = {}
    for text in request.form.getlist("case")[:MAX_CASES_A_DECISION]:
        said, _, name = text.partition(" ")
        version = number_in(said)
        with suppress(DeclarationError):
            if version is not None:
                versions[CaseId.parse(name)] = version
    with request.site.book.begin() as connection:
        known = ledger.find_cases(connection, versions)
        for id_, version in versions.items():
            if case := known.get(id_):
                late = case.version != version and outdated(ledger.events(connection, id_), version)
                yield Ticked(case, version, _left_out(case, action, late=late))


def _left_out(case: Case, action: str, *, late: bool) -> str:
    if action == ASSIGN:
        return ""
    if late or case.state is not State.PENDING:
        by = f" by {case.decided_by}" if case.decided_by and case.state is not State.PENDING else ""
        return f"it has changed since you looked at it; it is {case.state} now{by}"
    if Decision(action) not in offered(case.id):
        return "this cannot be decided of such a case"
    return ""


def _problems(request: PageRequest, action: str) -> Problems:
    found: Problems = {}
    if not request.who:
        found["who"] = NAMELESS
    if action == ASSIGN:
        found |= assignee(request.form)[1]
    return found | why(request.form.get("note", "").strip(), needed=action == Decision.KEEP_TARGET)


def _listed(request: PageRequest, action: str, ticked: list[Ticked], problems: Problems) -> Page:
    more = {
        "action": action,
        "label": ACTIONS[action],
        "ticked": ticked,
        "count": sum(not each.left_out for each in ticked),
        "totals": _totals(action, ticked),
        "problems": problems,
        "note": request.form.get("note", ""),
        "assignee": request.form.get("assignee", request.who),
        "back": _back(request),
    }
    return Page("bulk.html", more, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _totals(action: str, ticked: list[Ticked]) -> dict[str, tuple[int, int]]:
    """What would be done, with how many cases and records it would be done to: deletes stand apart from updates."""
    found: dict[str, tuple[int, int]] = {}
    for each in ticked:
        if action != ASSIGN and not each.left_out:
            what = consequence(each.case.id, Decision(action))
            cases, records = found.get(what, (0, 0))
            found[what] = cases + 1, records + each.case.named
    return found


def _done(request: PageRequest, action: str, ticked: list[Ticked]) -> Page | Redirect:
    outcomes = {each.case.id: each.left_out or _one(request, action, each) for each in ticked}
    back = _back(request)
    if any(outcomes.values()):
        return Page("outcomes.html", {"outcomes": outcomes, "label": ACTIONS[action], "back": back})
    said = "assigned" if action == ASSIGN else "decided"
    return Redirect(f"{back}{'&' if urlsplit(back).query else '?'}said={said}", request.remembered())


def _one(request: PageRequest, action: str, ticked: Ticked) -> str:
    """Why the case is as it was; empty when all went well."""
    site, case = request.site, ticked.case.id
    try:
        if action == ASSIGN:
            review.assign(site.book, case, assignee(request.form)[0], who=request.who, at=request.now)
        else:
            note, wanted = request.form.get("note", "").strip(), Resolution(Decision(action))
            review.decide(
                site.book,
                site.project,
                case,
                wanted,
                who=request.who,
                note=note,
                at=request.now,
                expected=ticked.version,
            )
    except ReconError as error:
        return str(error)
    return ""


def _back(request: PageRequest) -> str:
    """The page of the queue that it began on."""
    path = local(request.form.get("back", ""))
    return path if urlsplit(path).path == "/review" else "/review"
