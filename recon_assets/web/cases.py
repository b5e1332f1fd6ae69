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
from recon_assets.web import choices
from recon_assets.web.calls import NAMELESS, BadRequestError, Call, Page, Redirect
from recon_assets.web.choices import Choice, Problems
from recon_assets.web.looks import Look, case_id, looked
from recon_assets.web.queries import command, queries
from recon_assets.web.records import key_text, written
from recon_assets.web.words import STATES, offered

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


def shown(call: Call) -> Page:
    """The case as it is."""
    look = looked(call.desk, case_id(call), call.query.get("after", ""))
    return _page(call, look, Choice(choices.choice(call.query).decision, version=look.case.version), {})


def _page(call: Call, look: Look, filled: Choice, problems: Problems) -> Page:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK
    said = call.query.get("said", "")
    awaited = said in AWAITED and (look.case.state in UNDER_WAY or is_undo_asked(look.events))
    done = f"Now it is {look.case.state}: {STATES[look.case.state]}."
    more = {
        "next": _next(call, look.case.id) if said else None,
        "awaited": awaited,
        "filled": filled,
        "problems": problems,
        "offered": offered(look.case.id),
        "said": done if said in AWAITED and not awaited else SAID.get(said, ""),
        "command": command(look.case.id),
        "queries": list(queries(call.desk.project, look)),
        "after": call.query.get("after", ""),
    }
    return _of("case.html", look, more, status)


def _next(call: Call, case: CaseId) -> Case | None:
    """Another case that waits for a decision, the first of the queue."""
    with call.desk.book.begin() as connection:
        found = ledger.queue(connection, Filter(states=(State.PENDING,)), limit=2).cases
    return next((each for each in found if each.id != case), None)


def _of(template: str, look: Look, more: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Page:
    return Page(template, {"look": look, "case": look.case, "here": address(look.case.id), **more}, status)


def acted(call: Call) -> Page | Redirect:
    """Does what a form of the case's page asks for."""
    act = _ACTS.get(call.form.get("do", ""))
    if act is None:
        said = "The form does not say what to do."
        raise BadRequestError(said)
    return act(call)


def _decided(call: Call) -> Page | Redirect:
    """One step of a decision: what is missing is asked for, then it is shown what would be done, then it is decided."""
    look, filled = looked(call.desk, case_id(call), call.form.get("after", "")), choices.choice(call.form)
    problems = choices.problems(filled, look.case.id, call.who)
    if outdated(look.events, filled.version) or look.case.state is not State.PENDING:
        return _taken(look, filled.version)
    if problems or call.form["do"] == "back":
        return _page(call, look, filled, problems)
    if filled.decision is Decision.CUSTOM_FIX:
        return _typed(call, look, filled)
    return _settled(call, look, filled, {})


def _typed(call: Call, look: Look, filled: Choice) -> Page | Redirect:
    """As `_decided`, for values that a person types."""
    spec = declared(call.desk.project, look.case.id)
    with call.desk.book.begin() as connection:
        most = max(len(filled.rows), MOST_TYPED + 1)
        found, kind = look.case.findings, look.case.id.of_records
        rows = ledger.tracked_records(connection, found, kind, ids=filled.rows, limit=most)
    if len(rows) > MOST_TYPED and filled.every:
        said = f"These are more than {MOST_TYPED} records: tick those whose values you want to type."
        return _page(call, look, filled, {"scope": said})
    asked = choices.inputs(spec, rows, choices.types(call.desk.project, spec))
    first = "typed" not in call.form
    problems = {} if first else choices.misfits(call.desk.project, spec, asked, filled)
    if first or problems or call.form["do"] == "retype":
        return _fix(look, filled, asked, problems, rows)
    return _settled(call, look, filled, asked)


def _fix(
    look: Look,
    filled: Choice,
    asked: dict[str, list[choices.Input]],
    problems: Problems,
    rows: list[ledger.TrackedRecord],
) -> Page:
    """The page on which values are typed."""
    fields = {name for each in asked.values() for one in each for name in (one.text_name, one.null_name)}
    more = {
        "filled": filled,
        "asked": asked,
        "problems": problems,
        "keys": {row.id: key_text(look.spec, row.discrepancy.key) for row in rows},
        "kept": [(name, value) for name, value in filled.kept() if name not in {*fields, "typed"}],
    }
    return _of("fix.html", look, more, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def _settled(call: Call, look: Look, filled: Choice, asked: dict[str, list[choices.Input]]) -> Page | Redirect:
    """The preview; once that is confirmed, the decision."""
    desk, case, wanted = call.desk, look.case.id, choices.chosen(filled, asked)
    if call.form["do"] == "confirm":
        try:
            review.decide(
                desk.book,
                desk.project,
                case,
                wanted,
                who=call.who,
                note=filled.note,
                at=call.now,
                expected=filled.version,
            )
        except TakenError:
            return _taken(looked(desk, case), filled.version)
        return _gone_to(call, case, "decided")
    found = review.preview(desk.book, desk.project, case, wanted)
    more = {
        "filled": filled,
        "tables": written(desk.project, found.changes),
        "count": len(found.changes),
        "preview": found,
        "most": MOST_CHANGES,
        "kept": filled.kept(),
    }
    return _of("preview.html", look, more)


def _taken(look: Look, version: int) -> Page:
    """What happened to the case since somebody looked at it."""
    since = [event for event in look.events if event.n > version]
    return _of("taken.html", look, {"since": since}, HTTPStatus.CONFLICT)


def _gone_to(call: Call, case: CaseId, said: str) -> Redirect:
    return Redirect(f"{address(case)}?said={said}", call.remembered())


def _commented(call: Call) -> Page | Redirect:
    note = call.form.get("comment", "").strip()
    problems = choices.unkept("comment", note) if note else {"comment": "Say something."}
    if problems:
        return _amiss(call, problems)
    return _noted(call, "commented", review.comment, note=note)


def _assigned(call: Call) -> Page | Redirect:
    to, problems = choices.assignee(call.form)
    return _amiss(call, problems) if problems else _noted(call, "assigned", review.assign, to=to)


def _asked(call: Call) -> Page | Redirect:
    return _noted(call, "asked", review.ask)


def _noted(call: Call, said: str, do: Callable[..., object], **more: str) -> Page | Redirect:
    if not call.who:
        return _amiss(call, {"name": NAMELESS})
    do(call.desk.book, case_id(call), who=call.who, at=call.now, **more)
    return _gone_to(call, case_id(call), said)


def _amiss(call: Call, problems: Problems) -> Page:
    """The case's page again, with what was typed and what is wrong with it."""
    look = looked(call.desk, case_id(call), call.form.get("after", ""))
    return _page(call, look, Choice(version=look.case.version, form=call.form), problems)


_ACTS: Mapping[str, Callable[[Call], Page | Redirect]] = {
    "preview": _decided,
    "back": _decided,
    "retype": _decided,
    "confirm": _decided,
    "comment": _commented,
    "assign": _assigned,
    "ask": _asked,
}


def undoing(call: Call) -> Redirect:
    """The case's page: what an undo would do is tried on the target, and no link may do that."""
    return Redirect(address(case_id(call)))


def _undo(call: Call, look: Look, problems: Problems) -> Page:
    if not look.undoable:
        return _taken(look, look.case.version - 1)
    found = review.RolledBack()
    if look.case.state is State.APPLIED:
        scope = review.Scope(case=look.case.id)
        desk = call.desk
        found = review.roll_back(desk.book, desk.project, scope, who=call.who, note="", clock=lambda: call.now)
    more = {
        "tables": written(call.desk.project, found.changes),
        "count": len(found.changes),
        "refused": found.refused,
        "most": MOST_CHANGES,
        "problems": problems,
        "note": call.form.get("note", ""),
    }
    return _of("undo.html", look, more, HTTPStatus.UNPROCESSABLE_ENTITY if problems else HTTPStatus.OK)


def undone(call: Call) -> Page | Redirect:
    """What taking the case's decision back would do; once that is confirmed, asks for it."""
    look = looked(call.desk, case_id(call))
    return _taken_back(call, look) if call.form.get("do") == "confirm" else _undo(call, look, {})


def _taken_back(call: Call, look: Look) -> Page | Redirect:
    """By a run, what was written; at once, what was only accepted."""
    desk, filled = call.desk, choices.choice(call.form)
    missing = ({} if call.who else {"who": NAMELESS}) | choices.why(filled.note, needed=True)
    if outdated(look.events, filled.version):
        return _taken(look, filled.version)
    if missing:
        return _undo(call, look, missing)
    try:
        review.undo(desk.book, look.case.id, who=call.who, note=filled.note, at=call.now, expected=filled.version)
    except TakenError:
        return _taken(looked(desk, look.case.id), filled.version)
    return _gone_to(call, look.case.id, "undone" if look.case.state is State.APPLIED else "returned")
