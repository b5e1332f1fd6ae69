"""The pages of one case: what is wrong, what to do about it, and what was done."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from recon_assets import ledger, review
from recon_assets.errors import TakenError
from recon_assets.ledger import Filter
from recon_assets.model import Case, CaseId, Decision, State, outdated
from recon_assets.review.case_history import is_undo_asked
from recon_assets.review.deciding import declared
from recon_assets.web.http.requests import NAMELESS, BadRequestError, Page, PageRequest, Redirect
from recon_assets.web.pages import decision_form
from recon_assets.web.pages.case_view import CaseView, case_id, case_view
from recon_assets.web.pages.decision_form import DecisionForm, Problems
from recon_assets.web.pages.manual_queries import command, queries
from recon_assets.web.words.labels import STATES, offered
from recon_assets.web.words.record_view import changes_by_table, key_text

MOST_CHANGES = 100
MOST_TYPED = 25
SAID: Mapping[str, str] = {
    "decided": "Decided. A run does it within seconds and compares again; this page follows it.",
    "commented": "Noted.",
    "assigned": "Assigned.",
    "asked": "A run compares the records again within seconds; load this page again to see.",
    "undone": "A run takes it back within seconds; this page follows it.",
    "returned": "The case waits for a decision again.",
}

AWAITED = {"decided", "undone"}
UNDER_WAY = {State.DECIDED, State.APPLYING}


def address(case: CaseId) -> str:
    """Where a case's page is."""
    return "/review/case/" + "/".join(quote(part, safe="") for part in (case.table, case.window, case.kind))


def shown(request: PageRequest) -> Page:
    """The case as it is."""
    view = case_view(request.site, case_id(request), request.query.get("after", ""))
    return _page(request, view, DecisionForm(decision_form.read(request.query).decision, version=view.case.version), {})


def _page(request: PageRequest, view: CaseView, filled: DecisionForm, problems: Problems) -> Page:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
    said = request.query.get("said", "")
    awaited = said in AWAITED and (view.case.state in UNDER_WAY or is_undo_asked(view.events))
    done = f"Now it is {view.case.state}: {STATES[view.case.state]}."
    more = {
        "next": _next(request, view.case.id) if said else None,
        "awaited": awaited,
        "filled": filled,
        "problems": problems,
        "offered": offered(view.case.id),
        "said": done if said in AWAITED and not awaited else SAID.get(said, ""),
        "command": command(view.case.id),
        "queries": list(queries(request.site.project, view)),
        "after": request.query.get("after", ""),
    }
    return _of("case.html", view, more, status)


def _next(request: PageRequest, case: CaseId) -> Case | None:
    """Another case that waits for a decision, the first of the queue."""
    with request.site.book.begin() as connection:
        found = ledger.queue(connection, Filter(states=(State.PENDING,)), limit=2).cases
    return next((each for each in found if each.id != case), None)


def _of(template: str, view: CaseView, more: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Page:
    return Page(template, {"view": view, "case": view.case, "here": address(view.case.id), **more}, status)


def acted(request: PageRequest) -> Page | Redirect:
    """Does what a form of the case's page asks for."""
    act = _ACTS.get(request.form.get("do", ""))
    if act is None:
        said = "The form does not say what to do."
        raise BadRequestError(said)
    return act(request)


def _decided(request: PageRequest) -> Page | Redirect:
    """One step of a decision: what is missing is asked for, then it is shown what would be done, then it is decided."""
    view, filled = (
        case_view(request.site, case_id(request), request.form.get("after", "")),
        decision_form.read(request.form),
    )
    problems = decision_form.problems(filled, view.case.id, request.who)
    if outdated(view.events, filled.version) or view.case.state is not State.PENDING:
        return _taken(view, filled.version)
    if problems or request.form["do"] == "back":
        return _page(request, view, filled, problems)
    if filled.decision is Decision.CUSTOM_FIX:
        return _typed(request, view, filled)
    return _settled(request, view, filled, {})


def _typed(request: PageRequest, view: CaseView, filled: DecisionForm) -> Page | Redirect:
    """As `_decided`, for values that a person types."""
    spec = declared(request.site.project, view.case.id)
    with request.site.book.begin() as connection:
        most = max(len(filled.rows), MOST_TYPED + 1)
        found, kind = view.case.findings, view.case.id.of_records
        rows = ledger.tracked_records(connection, found, kind, ids=filled.rows, limit=most)
    if len(rows) > MOST_TYPED and filled.every:
        said = f"These are more than {MOST_TYPED} records: tick those whose values you want to type."
        return _page(request, view, filled, {"scope": said})
    asked = decision_form.inputs(spec, rows, decision_form.types(request.site.project, spec))
    first = "typed" not in request.form
    problems = {} if first else decision_form.misfits(request.site.project, spec, asked, filled)
    if first or problems or request.form["do"] == "retype":
        return _fix(view, filled, asked, problems, rows)
    return _settled(request, view, filled, asked)


def _fix(
    view: CaseView,
    filled: DecisionForm,
    asked: dict[str, list[decision_form.Input]],
    problems: Problems,
    rows: list[ledger.TrackedRecord],
) -> Page:
    """The page on which values are typed."""
    fields = {name for each in asked.values() for one in each for name in (one.text_name, one.null_name)}
    more = {
        "filled": filled,
        "asked": asked,
        "problems": problems,
        "keys": {row.id: key_text(view.spec, row.discrepancy.key) for row in rows},
        "kept": [(name, value) for name, value in filled.kept() if name not in {*fields, "typed"}],
    }
    return _of("fix.html", view, more, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _settled(
    request: PageRequest, view: CaseView, filled: DecisionForm, asked: dict[str, list[decision_form.Input]]
) -> Page | Redirect:
    """The preview; once that is confirmed, the decision."""
    site, case, wanted = request.site, view.case.id, decision_form.resolution(filled, asked)
    if request.form["do"] == "confirm":
        try:
            review.decide(
                site.book,
                site.project,
                case,
                wanted,
                who=request.who,
                note=filled.note,
                at=request.now,
                expected=filled.version,
            )
        except TakenError:
            return _taken(case_view(site, case), filled.version)
        return _gone_to(request, case, "decided")
    found = review.preview(site.book, site.project, case, wanted)
    more = {
        "filled": filled,
        "tables": changes_by_table(site.project, found.changes),
        "count": len(found.changes),
        "preview": found,
        "most": MOST_CHANGES,
        "kept": filled.kept(),
    }
    return _of("preview.html", view, more)


def _taken(view: CaseView, version: int) -> Page:
    """What happened to the case since somebody looked at it."""
    since = [event for event in view.events if event.n > version]
    return _of("taken.html", view, {"since": since}, HTTPStatus.CONFLICT)


def _gone_to(request: PageRequest, case: CaseId, said: str) -> Redirect:
    return Redirect(f"{address(case)}?said={said}", request.remembered())


def _commented(request: PageRequest) -> Page | Redirect:
    note = request.form.get("comment", "").strip()
    problems = decision_form.unkept("comment", note) if note else {"comment": "Say something."}
    if problems:
        return _amiss(request, problems)
    return _noted(request, "commented", review.comment, note=note)


def _assigned(request: PageRequest) -> Page | Redirect:
    to, problems = decision_form.assignee(request.form)
    return _amiss(request, problems) if problems else _noted(request, "assigned", review.assign, to=to)


def _rechecked(request: PageRequest) -> Page | Redirect:
    return _noted(request, "asked", review.recheck)


def _noted(request: PageRequest, said: str, do: Callable[..., object], **more: str) -> Page | Redirect:
    if not request.who:
        return _amiss(request, {"name": NAMELESS})
    do(request.site.book, case_id(request), who=request.who, at=request.now, **more)
    return _gone_to(request, case_id(request), said)


def _amiss(request: PageRequest, problems: Problems) -> Page:
    """The case's page again, with what was typed and what is wrong with it."""
    view = case_view(request.site, case_id(request), request.form.get("after", ""))
    return _page(request, view, DecisionForm(version=view.case.version, form=request.form), problems)


_ACTS: Mapping[str, Callable[[PageRequest], Page | Redirect]] = {
    "preview": _decided,
    "back": _decided,
    "retype": _decided,
    "confirm": _decided,
    "comment": _commented,
    "assign": _assigned,
    "recheck": _rechecked,
}


def undoing(request: PageRequest) -> Redirect:
    """The case's page: what an undo would do is tried on the target, and no link may do that."""
    return Redirect(address(case_id(request)))


def _undo(request: PageRequest, view: CaseView, problems: Problems) -> Page:
    if not view.undoable:
        return _taken(view, view.case.version - 1)
    found = review.RolledBack()
    if view.case.state is State.APPLIED:
        scope = review.Scope(case=view.case.id)
        site = request.site
        found = review.roll_back(site.book, site.project, scope, who=request.who, note="", clock=lambda: request.now)
    more = {
        "tables": changes_by_table(request.site.project, found.changes),
        "count": len(found.changes),
        "refused": found.refused,
        "most": MOST_CHANGES,
        "problems": problems,
        "note": request.form.get("note", ""),
    }
    return _of("undo.html", view, more, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def undone(request: PageRequest) -> Page | Redirect:
    """What taking the case's decision back would do; once that is confirmed, asks for it."""
    view = case_view(request.site, case_id(request))
    return _taken_back(request, view) if request.form.get("do") == "confirm" else _undo(request, view, {})


def _taken_back(request: PageRequest, view: CaseView) -> Page | Redirect:
    """By a run, what was written; at once, what was only accepted."""
    site, filled = request.site, decision_form.read(request.form)
    missing = ({} if request.who else {"who": NAMELESS}) | decision_form.why(filled.note, needed=True)
    if outdated(view.events, filled.version):
        return _taken(view, filled.version)
    if missing:
        return _undo(request, view, missing)
    try:
        review.undo(site.book, view.case.id, who=request.who, note=filled.note, at=request.now, expected=filled.version)
    except TakenError:
        return _taken(case_view(site, view.case.id), filled.version)
    return _gone_to(request, view.case.id, "undone" if view.case.state is State.APPLIED else "returned")
