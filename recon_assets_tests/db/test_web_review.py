"""The desk's pages on a real ledger and real tables, as a browser sees them."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from starlette.applications import Starlette

from recon_assets import ledger, review
from recon_assets.checks import BusinessRule, Count
from recon_assets.ledger import schema
from recon_assets.model import CaseId, Decision, Discrepancy, DiscrepancyKind, Finding, Resolution, Severity, State
from recon_assets.web.application import application
from recon_assets.web.http.requests import Site
from recon_assets.web.identity.auth import Access, access
from recon_assets.web.identity.passwords import hashed
from recon_assets.web.identity.roles import roles
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.reviewed import DAY, NEXT, Shop, shop
from recon_assets_tests.visitor import Answer, Visitor

OPEN = Access()
ANAS, BENS = "correct horse", "battery staple"
USERS = {"ana": hashed(ANAS), "ben": hashed(BENS)}
MISSING, MISMATCHED, EXTRA = (f"/review/case/t/{DAY}/{kind}" for kind in ("missing", "mismatched", "extra"))
SCRIPT = "<script>alert(1)</script>"
DAMAGE = (
    "DELETE FROM t WHERE id IN (3, 4)",
    "UPDATE t SET amount = 999, note = NULL WHERE id = 5",
    f"UPDATE t SET note = '{SCRIPT}' WHERE id = 6",
    "INSERT INTO t VALUES (90, '2024-03-01 05:00', 'a', 1, 'invented')",
)


def desk(place: Shop, found: Access = OPEN) -> Starlette:
    return application(Site(place.book, place.project, found, place.now), Starlette())


def by_password() -> Access:
    """A login at which nobody has guessed wrong yet."""
    return Access(users=USERS)


def visitor(place: Shop, found: Access = OPEN) -> Visitor:
    return Visitor(desk(place, found))


@pytest.fixture(params=["postgresql", pytest.param("mysql", marks=pytest.mark.repeats)])
def place(request: pytest.FixtureRequest, both: Both, fresh: Fresh) -> Iterator[Shop]:
    """Damaged and judged, the target on PostgreSQL and on MariaDB."""
    with shop(both("postgresql", request.param), fresh("ledger")) as made:
        made.target.run(*DAMAGE)
        made.find()
        yield made


@pytest.fixture
def pg(pg: Shop) -> Shop:
    """Damaged and judged, on PostgreSQL."""
    pg.target.run(*DAMAGE)
    pg.find()
    return pg


def test_a_case_is_found_previewed_decided_applied_and_undone(place: Shop) -> None:
    """All the way by the page's own forms; only the corrections are a run's."""
    damaged, ana = place.rows, visitor(place)
    assert MISSING in ana.get("/review").text
    preview = ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", who="ana", note="as agreed")
    assert "2 rows would be written" in preview.text
    assert place.rows == damaged, "a preview keeps nothing"

    done = ana.submit(preview, "Confirm APPLY_SOURCE")
    assert "Decided. A run does it" in done.text
    assert 'http-equiv="refresh"' in done.text, "the page follows what becomes of it"
    assert "Next: <a href" in done.text
    assert place.rows == damaged, "the page never writes to the target"
    assert [(event.who, event.note) for event in events(place, "missing")][-1] == ("ana", "as agreed")
    place.correct()
    assert len(place.rows) == len(damaged) + 2

    undo = ana.submit(ana.get(MISSING), "Undo this decision")
    assert "2 rows would be as before" in undo.text
    assert "A run takes it back" in ana.submit(undo, "Confirm the undo", note="too early").text
    place.undo("missing")
    assert place.rows == damaged


def events(place: Shop, kind: str) -> list[Any]:
    with place.book.begin() as connection:
        return ledger.events(connection, CaseId("t", DAY, kind))


def test_both_sides_stand_side_by_side_with_what_differs_marked(pg: Shop) -> None:
    page = visitor(pg).get(MISMATCHED).text
    assert page.count('class="value differs"') == 2 * 2 + 2
    assert page.count('<span class="unseen">differs: </span>') == 6
    assert "3 records" not in page
    assert "2 records with other values in the target" in page
    assert SCRIPT not in page
    assert "&lt;script&gt;" in page
    assert '"t"."id" = 5' in unescape(page), "the query that finds them"
    assert f"recon check t --from {DAY} --to {DAY}" in page
    assert "no such record (id 3)" in visitor(pg).get(MISSING).text


@pytest.mark.parametrize(("kind", "one"), [("missing", True), ("orphan", False)])
def test_a_preview_promises_one_transaction_where_there_is_one(pg: Shop, kind: str, one: bool) -> None:  # noqa: FBT001
    """Parents of orphans are written table by table."""
    pg.target.run("DELETE FROM codes WHERE code = 'b'")
    pg.find()
    ana = visitor(pg)
    page = ana.submit(ana.get(f"/review/case/t/{DAY}/{kind}"), "Preview", decision="APPLY_SOURCE", who="ana")
    assert "would be written" in page.text
    assert ("in one transaction" in page.text) is one


def test_only_ticked_records_are_decided(pg: Shop) -> None:
    ana, (first, second) = visitor(pg), pg.records("missing")
    preview = ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", scope="rows", row=second.id, who="ana")
    assert "1 row would be written" in preview.text
    ana.submit(preview, "Confirm APPLY_SOURCE")
    chosen = pg.case("missing").chosen
    assert chosen == Resolution(Decision.APPLY_SOURCE, (second.id,))
    assert first.id != second.id


def test_ticks_beside_all_records_are_asked_about(pg: Shop) -> None:
    """All of them is not what somebody means who ticked one."""
    ana, (first, _) = visitor(pg), pg.records("missing")
    again = ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", row=first.id, who="ana")
    assert (again.status, "choose the ticked ones, or untick them" in again.text) == (422, True)
    assert ("row", first.id) in again.form("Preview").fields
    assert "1 row would be written" in ana.submit(again, "Preview", scope="rows").text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({"who": "ana"}, "Choose what is to be done", id="nothing chosen"),
        pytest.param({"decision": "APPLY_SOURCE"}, "Say who you are", id="nobody"),
        pytest.param({"decision": "APPLY_SOURCE", "who": "Policy"}, "recon and policy are no people", id="no person"),
        pytest.param({"decision": "KEEP_TARGET", "who": "ana"}, "Say why", id="no reason"),
        pytest.param({"decision": "APPLY_SOURCE", "scope": "rows", "who": "ana"}, "Tick the records", id="no rows"),
    ],
)
def test_what_is_missing_is_said_and_nothing_filled_in_is_lost(pg: Shop, given: dict[str, Any], said: str) -> None:
    ana = visitor(pg)
    again = ana.submit(
        ana.get(MISMATCHED), "Preview", **{"note": "half a reason", **given} if "note" in given else given
    )
    assert again.status == 422
    assert said in again.text
    assert 'aria-invalid="true"' in again.text
    form = dict(again.form("Preview").fields)
    assert {name: form.get(name) for name in given if name != "who"} == {n: v for n, v in given.items() if n != "who"}
    assert pg.case("mismatched").state is State.PENDING


def typed(pg: Shop, ana: Visitor, **values: str) -> Answer:
    """The page on which values are typed, with some typed."""
    record = next(each for each in pg.records("mismatched") if each.discrepancy.key == (5,))
    page = ana.submit(
        ana.get(MISMATCHED), "Preview", decision="CUSTOM_FIX", scope="rows", row=record.id, who="ana", note="a discount"
    )
    given: dict[str, str | list[str]] = {}
    for name, value in values.items():
        column, _, kind = name.partition("__")
        given[f"{kind or 'text'}:{record.id}:{column}"] = value
    return ana.submit(page, "Preview", **given) if values else page


def test_values_are_typed_by_column_previewed_and_written(place: Shop) -> None:
    ana = visitor(place)
    preview = typed(place, ana, amount="45")
    assert "1 row would be written" in preview.text
    ana.submit(preview, "Confirm CUSTOM_FIX")
    place.correct()
    assert place.target.rows("SELECT amount, note FROM t WHERE id = 5") == [(45, None)]


def test_values_are_typed_for_all_records_when_none_is_ticked_and_only_what_is_changed_is_written(pg: Shop) -> None:
    """NULL is offered where the column holds it; a column that does not has no tick."""
    pg.target.run("ALTER TABLE t ALTER COLUMN amount SET NOT NULL")
    ana = visitor(pg)
    page = ana.submit(ana.get(MISMATCHED), "Preview", decision="CUSTOM_FIX", note="as told", who="ana")
    six = next(name for name, value in page.form("Preview").fields if name.endswith(":note") and "script" in value)
    assert "amount is NULL" not in page.text
    assert "note is NULL" in page.text
    assert "Nothing was changed" in ana.submit(page, "Preview").text
    preview = ana.submit(page, "Preview", **{six: "typed"})
    assert "1 row would be written" in preview.text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"amount": "a lot"}, "cannot hold text that is no number", id="no number"),
        pytest.param({"amount": "99999999999"}, "cannot hold an integer", id="too large"),
        pytest.param({"note": "x" * 41}, "text of 41 characters", id="too long"),
        pytest.param({"note": "both"}, "NULL is ticked, and a text is typed", id="NULL and a text"),
        pytest.param({"amount": "999"}, "Nothing of this record was changed", id="nothing new"),
    ],
)
def test_a_value_that_does_not_fit_is_said_beside_its_field(pg: Shop, values: dict[str, str], said: str) -> None:
    if said.startswith("text of"):
        values = {**values, "note__null": ""}
    ana = visitor(pg)
    again = typed_without_null(pg, ana, values) if "note__null" in values else typed(pg, ana, **values)
    assert again.status == 422
    assert said in unescape(again.text)
    form = dict(again.form("Preview").fields)
    kept = [form[name] for name in form if name.startswith("text:") and form[name] in values.values()]
    assert kept, "what was typed is still there"
    assert form["note"] == "a discount"


def typed_without_null(pg: Shop, ana: Visitor, values: dict[str, str]) -> Answer:
    page = typed(pg, ana)
    form = page.form("Preview")
    fields = [(name, value) for name, value in form.filled("Preview", {}) if not name.startswith("null:")]
    return ana.post(
        form.action,
        [
            (name, values.get(name.rpartition(":")[2], value) if name.startswith("text:") else value)
            for name, value in fields
        ],
    )


def test_lines_of_a_text_stay_as_they_were(pg: Shop) -> None:
    """Browsers send every end of a line as two characters; a text that nobody touched is not changed by that."""
    pg.target.run("UPDATE t SET note = E'two\\nlines', amount = 1 WHERE id = 7")
    pg.find()
    ana = visitor(pg)
    record = next(each for each in pg.records("mismatched") if each.discrepancy.key == (7,))
    page = ana.submit(
        ana.get(MISMATCHED), "Preview", decision="CUSTOM_FIX", scope="rows", row=record.id, who="a", note="n"
    )
    form = page.form("Preview")
    fields = [
        (name, "2" if name.endswith("amount") else value.replace("\n", "\r\n"))
        for name, value in form.filled("Preview", {})
    ]
    ana.submit(ana.post(form.action, fields), "Confirm CUSTOM_FIX")
    chosen = pg.case("mismatched").chosen
    assert chosen is not None
    assert chosen.values == {record.id: {"amount": 2}}


def test_back_from_the_preview_loses_nothing(pg: Shop) -> None:
    ana = visitor(pg)
    preview = typed(pg, ana, amount="45")
    assert dict(ana.submit(preview, "Back").form("Preview").fields)["note"] == "a discount"
    retyped = ana.submit(preview, "Change the values")
    assert "45" in [value for name, value in retyped.form("Preview").fields if name.endswith("amount")]
    assert "1 row would be written" in ana.submit(retyped, "Preview").text


def test_the_second_of_two_is_told_who_decided_what(pg: Shop) -> None:
    ana, ben = visitor(pg), visitor(pg)
    of_ana = ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", who="ana")
    page = ben.get(MISSING)
    of_ben = ben.submit(page, "Preview", decision="KEEP_TARGET", who="ben", note="known")
    ana.submit(of_ana, "Confirm APPLY_SOURCE")

    for late in (ben.submit(of_ben, "Confirm KEEP_TARGET"), ben.submit(page, "Preview", decision="KEEP_TARGET")):
        assert late.status == 409
        assert "<b>ana</b> decided APPLY_SOURCE for all of it" in late.text
    assert pg.case("missing").decided_by == "ana"


def test_what_was_kept_is_undone_also_when_more_was_found_since(pg: Shop) -> None:
    ana = visitor(pg)
    pg.decide("extra", Decision.KEEP_TARGET)
    pg.correct()
    pg.target.run("INSERT INTO t VALUES (91, '2024-03-01 05:00', 'a', 1, 'invented too')")
    pg.find()

    undo = ana.submit(ana.get(EXTRA), "Undo this decision")
    assert "No row is to be taken back" in undo.text
    done = ana.submit(undo, "Confirm the undo", who="ana", note="not ours")

    assert "waits for a decision again" in done.text
    assert "accepts no more what was kept" in done.text
    assert "Undo this decision" not in done.text


def test_what_others_say_meanwhile_refuses_no_decision(pg: Shop) -> None:
    """Neither of one case, nor of many, nor an undo; all that changes a case does."""
    ana = visitor(pg)
    queue = ana.get("/review?kind=mismatched&kind=extra")
    preview = ana.submit(ana.get(MISSING), "Preview", decision="APPLY_SOURCE", who="ana")
    listed = ana.submit(queue, "Apply the source", case=cases(queue))
    say(pg, "missing", "mismatched", "extra")
    assert "Decided." in ana.submit(preview, "Confirm APPLY_SOURCE").text
    pg.target.run("DELETE FROM t WHERE id = 90")
    pg.target.run("INSERT INTO t VALUES (91, '2024-03-01 05:00', 'a', 1, 'invented too')")
    pg.find()
    done = ana.submit(listed, "Confirm for 2 cases", who="ana")
    assert done.text.count("Done.") == 1
    assert "it has changed since you looked at it; it is PENDING now" in done.text
    pg.correct()
    undo = ana.submit(ana.get(MISSING), "Undo this decision")
    say(pg, "missing")
    assert "takes it back" in ana.submit(undo, "Confirm the undo", who="ana", note="no").text
    assert ana.submit(undo, "Confirm the undo", who="ana", note="no").status == 409


def say(place: Shop, *kinds: str) -> None:
    """Ben comments on cases, is given them, and wants them compared again."""
    for case in (CaseId("t", DAY, kind) for kind in kinds):
        review.comment(place.book, case, who="ben", note="hm", at=place.now())
        review.assign(place.book, case, "ben", who="ben", at=place.now())
        review.recheck(place.book, case, who="ben", at=place.now())


def test_what_is_kept_is_accepted_and_can_be_taken_back(pg: Shop) -> None:
    ana = visitor(pg)
    preview = ana.submit(ana.get(EXTRA), "Preview", decision="KEEP_TARGET", who="ana", note="ours")
    assert "1 record would be accepted as it is" in preview.text
    ana.submit(preview, "Confirm KEEP_TARGET")
    pg.correct()
    assert pg.case("extra").state is State.ACCEPTED
    undo = ana.submit(ana.get(EXTRA), "Undo this decision")
    back = ana.submit(undo, "Confirm the undo", note="not ours")
    assert "waits for a decision again" in back.text
    assert pg.case("extra").state is State.PENDING
    assert ana.submit(undo, "Confirm the undo", note="again").status == 409


def test_an_undo_needs_a_reason_and_what_moved_on_is_named(pg: Shop) -> None:
    pg.decide("mismatched")
    pg.correct()
    ana = visitor(pg)
    page = ana.get(MISMATCHED)
    undo = ana.submit(page, "Undo this decision")
    assert ana.submit(undo, "Confirm the undo", who="ana").status == 422
    assert pg.case("mismatched").state is State.APPLIED
    pg.target.run("UPDATE t SET note = 'newer' WHERE id = 5")
    refused = ana.submit(page, "Undo this decision")
    assert "cannot be undone as things are now" in refused.text
    assert "id" in refused.text
    assert not [form for form in refused.forms if "Confirm the undo" in form.buttons]


def test_a_link_to_an_undo_tries_nothing_on_the_target(pg: Shop) -> None:
    """Another site can lead a browser to an address, so that an address must not lock rows."""
    pg.decide("missing")
    pg.correct()
    pg.project = replace(pg.project, databases={})
    ana = visitor(pg)
    page = ana.get(f"{MISSING}/undo", **{"sec-fetch-site": "cross-site"})
    assert (page.status, page.header("location")) == (303, MISSING)
    assert ana.post(f"{MISSING}/undo", [("do", "preview")], **{"sec-fetch-site": "cross-site"}).status == 403


def test_a_target_that_moved_on_is_said_in_the_preview(pg: Shop) -> None:
    pg.target.run("UPDATE t SET amount = 1 WHERE id = 5")
    ana = visitor(pg)
    preview = ana.submit(ana.get(MISMATCHED), "Preview", decision="APPLY_SOURCE", who="ana")
    assert "It would fail as things are now" in preview.text
    assert "Confirm APPLY_SOURCE" not in preview.text


def test_comments_assignments_and_wishes_to_compare_again_are_noted(pg: Shop) -> None:
    ana = visitor(pg)
    assert "Say who you are;" in ana.submit(ana.get(MISSING), "Comment", comment="hm").text
    assert ana.submit(ana.get(MISSING), "Comment", who="ana").status == 422
    assert "Noted." in ana.submit(ana.get(MISSING), "Comment", comment="line one\nline two", who="ana").text
    assert "Assigned." in ana.submit(ana.get(MISSING), "Assign", assignee="ben").text
    page = ana.submit(ana.get(MISSING), "Compare again")
    assert "A run compares the records again" in page.text
    assert [event.who for event in events(pg, "missing")] == ["recon", "ana", "ana", "ana"]
    assert pg.case("missing").assignee == "ben"
    assert review.due(pg.book, pg.project, pg.now()).recheck
    assert "assigned it to ben" in page.text


@pytest.mark.parametrize("name", ["a\0b", "\x1b[31mred", "policy", "x" * 101])
def test_what_is_no_name_is_refused_and_nothing_filled_in_is_lost(pg: Shop, name: str) -> None:
    ana = visitor(pg)
    for said, given in (("Say who you are;", {"who": name}), ("Say to whom;", {"who": "ana", "assignee": name})):
        page = ana.submit(ana.get(MISSING), "Assign", comment="half a comment", **given)
        assert page.status == 422
        assert said in page.text
        assert dict(page.form("Assign").fields)["comment"] == "half a comment"
    listed = ana.submit(queue := ana.get("/review"), "Assign", case=cases(queue))
    again = ana.submit(listed, "Confirm for 3 cases", assignee=name, who="ana")
    assert (again.status, "Say to whom;" in again.text) == (422, True)
    assert len(events(pg, "missing")) == 1


def test_a_name_is_remembered_and_shown_as_what_somebody_says(pg: Shop) -> None:
    ana = visitor(pg)
    assert "as you say" not in ana.get("/review").text
    ana.submit(ana.get(MISSING), "Comment", comment="hm", who="ana <b>")
    assert 'ana &lt;b&gt; <span class="quiet">(as you say; no login is configured)' in ana.get("/review").text


@pytest.fixture
def private(pg: Shop) -> Shop:
    pg.project = replace(pg.project, tables={**pg.project.tables, "t": replace(pg.spec, private=("note", "id"))})
    return pg


def test_private_values_stand_nowhere(private: Shop) -> None:
    """Not in records, keys, previews, fields or queries."""
    ana = visitor(private)
    pages = [ana.get(MISMATCHED), ana.get(MISSING), ana.get("/review")]
    pages.append(ana.submit(pages[1], "Preview", decision="APPLY_SOURCE", who="ana"))
    row = private.records("mismatched")[0].id
    fix = ana.submit(pages[0], "Preview", decision="CUSTOM_FIX", scope="rows", row=row, who="ana", note="n")
    pages += [fix, ana.submit(fix, "Preview", **{f"text:{row}:amount": "45"})]
    for page in pages:
        assert "note 5" not in page.text
        assert "note 3" not in page.text
        assert "script" not in page.text
        assert "id 3" not in page.text
        assert "SELECT" not in page.text
    assert "***" in pages[3].text
    assert f"text:{row}:note" not in fix.text
    assert "1 row would be written" in pages[-1].text


def test_a_table_that_is_not_declared_any_more_shows_nothing_private(pg: Shop) -> None:
    pg.project = replace(pg.project, tables={})
    page = visitor(pg).get(MISMATCHED)
    assert page.status == 200
    assert "is not declared any more" in page.text
    assert "note 5" not in page.text
    assert ">999<" not in page.text
    assert "Preview" not in [button for form in page.forms for button in form.buttons]


def test_a_check_that_names_no_records_can_be_accepted_or_compared_again(pg: Shop) -> None:
    counted = Finding(
        "count", "t", NEXT, passed=False, summary="20 and 19", source=20, target=19, wrong=1, severity=Severity.HIGH
    )
    pg.declare(checked=[Count()])
    with pg.book.begin() as connection:
        compared = replace(
            counted, check="records", passed=True, wrong=0, severity=None, kinds=dict.fromkeys(DiscrepancyKind, 0)
        )
        ledger.record_findings(connection, [counted, compared], run="r", at=pg.now())
    pg.route()
    ana, path = visitor(pg), f"/review/case/t/{NEXT}/count"
    page = ana.get(path)
    assert "APPLY_SOURCE" not in page.text
    assert "the check count fails" in page.text
    assert f"recon check t --from {NEXT} --to {NEXT} --only count" in page.text
    preview = ana.submit(page, "Preview", decision="KEEP_TARGET", who="ana", note="known")
    assert "Decided." in ana.submit(preview, "Confirm KEEP_TARGET").text


def test_the_queries_of_a_rule_stand_on_its_cases_page(pg: Shop) -> None:
    source, target = "SELECT sum(amount) AS n FROM t WHERE at >= :window_start", "SELECT 1 AS n"
    pg.declare(checked=[BusinessRule(source, target, named="revenue")])
    pg.find()
    page = unescape(visitor(pg).get(f"/review/case/t/{DAY}/revenue").text)
    assert "What the rule asks for in the source" in page
    assert source in page
    assert target in page


# the queue


@pytest.fixture
def many(pg: Shop) -> Shop:
    """Some 60 days with a case each, of every severity."""
    found = [finding(day, tuple(Severity)[day % 3]) for day in range(60)]
    with pg.book.begin() as connection:
        ledger.record_findings(connection, found, run="many", at=pg.now())
    pg.route()
    return pg


def finding(day: int, severity: Severity) -> Finding:
    window = f"2025-{1 + day // 28:02}-{1 + day % 28:02}"
    lost = Discrepancy(DiscrepancyKind.MISSING, (day,), {"id": day}, window=window)
    said = f"t {window}: 1 missing"
    kinds = {DiscrepancyKind.MISSING: 1}
    seen: dict[str, Any] = {"wrong": 1, "of": 9, "kinds": kinds, "discrepancies": (lost,), "severity": severity}
    return Finding("keys", "t", window, passed=False, summary=said, **seen)


def rows(page: Answer) -> int:
    return page.text.count('name="case"')


def test_the_queue_goes_page_by_page_from_the_most_severe(many: Shop) -> None:
    ana = visitor(many)
    first = ana.get("/review?table=t&kind=missing")
    assert rows(first) == 50
    assert "61 cases" in first.text
    assert first.text.index("tag high") < first.text.rindex("tag medium")
    onward = next(part for part in unescape(first.text).split('"') if "after=" in part)
    second = ana.get(onward)
    assert rows(second) == 11
    assert "First page" in second.text
    assert "Next page" not in second.text
    assert not set(cases(first)) & set(cases(second))


def cases(page: Answer) -> list[str]:
    return [value for form in page.forms for name, value in form.choices if name == "case"]


FILTERED = {
    "severity=low&kind=missing": 20,
    "from=2025-01-01&to=2025-01-10": 10,
    "from=2025-03-01": 4,
    "window=2025-01-01": 1,
    "to=2024-12-31&kind=missing": 1,
    "kind=extra": 1,
    "table=nothing": 0,
    "state=APPLIED": 0,
    "state=all&kind=missing&severity=high": 21,
    "older=1": 0,
    "assignee=ana": 0,
    "assignee=-&kind=extra": 1,
}
"""How many cases each filter leaves."""


def test_the_queue_is_filtered(many: Shop) -> None:
    ana = visitor(many)
    assert {query: rows(ana.get(f"/review?{query}")) for query in FILTERED} == FILTERED
    assert {query: rows(ana.get(f"/review/report?{query}")) for query in FILTERED} == dict.fromkeys(FILTERED, 0)


def test_the_last_day_of_a_filter_has_all_its_hours(pg: Shop) -> None:
    """Of a table that is compared hour by hour; and one of them is found by its name."""
    hours = [
        replace(finding(0, Severity.LOW), window=f"2025-05-0{day}-0{hour}:00") for day in (1, 2) for hour in (5, 6)
    ]
    with pg.book.begin() as connection:
        ledger.record_findings(connection, hours, run="hours", at=pg.now())
    pg.route()
    for query, count in (("from=2025-05-01&to=2025-05-01", 2), ("from=2025-05-01&to=2025-05-02", 4)):
        assert rows(visitor(pg).get(f"/review?{query}")) == count, query
    assert rows(visitor(pg).get("/review?window=2025-05-01-05:00")) == 1
    assert "--from 2025-05-01 --to 2025-05-01" in visitor(pg).get("/review/case/t/2025-05-01-05:00/missing").text


def test_a_filter_that_makes_no_sense_is_said(many: Shop) -> None:
    ages = [f"older={text}" for text in ("a%20week", "9" * 20, "9" * 5000, "0000009999999", "%C2%B2")]
    for query in ("from=yesterday", *ages):
        page = visitor(many).get(f"/review?{query}")
        assert (page.status, 'role="alert"' in page.text, rows(page)) == (200, True, 0), query[:20]
        assert "Nothing is counted" in visitor(many).get(f"/review/report?{query}").text


def test_a_filter_that_no_ledger_can_hold_is_no_fault_of_ours(pg: Shop) -> None:
    for query in ("table=%00", "kind=a%00", "assignee=%00", "after=%00", "from=%00"):
        assert visitor(pg).get(f"/review?{query}").status < 500, query


def test_the_queue_is_at_one_address(pg: Shop) -> None:
    page = visitor(pg).get("/review/?severity=high")
    assert (page.status, page.header("location")) == (303, "/review?severity=high")


def test_a_place_in_the_queue_that_is_none_is_said(many: Shop) -> None:
    page = visitor(many).get("/review?after=nowhere")
    assert page.status == 400
    assert "is no place in the queue" in unescape(page.text)


def test_cases_stand_by_their_tables_and_the_run_that_wrote_is_named(pg: Shop) -> None:
    """Each table leads to what is known of it and to its calendar; and a case's story to the run in Dagster."""
    site = Site(pg.book, pg.project, OPEN, pg.now, key_prefix="ops/a b")
    for app, calendar in ((desk(pg), "/assets/t"), (application(site, Starlette()), "/assets/ops/a%20b/t")):
        page = Visitor(app).get("/review").text
        assert page.count('<a href="/recon/t">') == page.count(f'<a href="{calendar}?view=partitions">') == 1
    assert '<span class="quiet">3 cases</span>' in page
    pg.decide("missing")
    pg.correct()
    assert re.search(r'began to write.*<a href="/runs/[^"]+">', visitor(pg).get(MISSING).text)


def test_the_report_says_what_waits(many: Shop) -> None:
    page = visitor(many).get("/review/report").text
    assert "Report: 63 cases" in page
    assert "oldest" in page
    assert "By severity" in page


def test_all_of_a_page_are_ticked_by_a_link_and_unticked_by_another(many: Shop) -> None:
    """The page that is looked at, not the first; what would be done is added up by what it is."""
    ana = visitor(many)
    second = link(ana, ana.get("/review"), "Next page")
    every = link(ana, second, "Tick all on this page")
    assert [value for form in every.forms for name, value in form.fields if name == "case"] == cases(second)
    listed = ana.submit(every, "Apply the source")
    assert "Insert the source's records. <b>" in unescape(listed.text)
    assert rows(listed) == len(cases(second))
    assert "Tick all on this page" in link(ana, every, "Untick all").text


def link(ana: Visitor, page: Answer, text: str) -> Answer:
    """The page that a link with this text leads to."""
    return ana.get(unescape(page.text.split(f">{text}</a>")[0].rsplit('href="', 1)[1].split('"')[0]))


def test_many_are_decided_at_once_after_they_were_listed(many: Shop) -> None:
    ana = visitor(many)
    queue = ana.get("/review?severity=low&kind=missing")
    listed = ana.submit(queue, "Keep the target", case=cases(queue))
    assert "Keep the target: 20 cases" in listed.text
    link = next(part for part in listed.text.split('"') if "?decision=KEEP_TARGET" in part)
    assert ("decision", "KEEP_TARGET") in ana.get(link.partition("#")[0]).form("Preview").fields
    assert ana.submit(listed, "Confirm for 20 cases", who="ana").status == 422
    done = ana.submit(listed, "Confirm for 20 cases", who="ana", note="known")
    assert "Decided." in done.text
    assert done.url == "/review?severity=low&kind=missing&said=decided"
    assert rows(ana.get("/review?severity=low&kind=missing&state=DECIDED")) == 20


def test_many_cases_are_listed_as_soon_as_one(many: Shop) -> None:
    """By as many statements, and each is decided by few: its records are not read."""
    statements: list[str] = []
    ana = visitor(many)
    queue = ana.get("/review?severity=high&kind=missing")
    few, several = cases(queue)[:1], cases(queue)[1:12]
    sa.event.listen(many.book.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    taken = []
    for ticked in (few, several):
        listed = ana.submit(queue, "Apply the source", case=ticked)
        taken.append(len(statements))
        ana.submit(listed, f"Confirm for {len(ticked)} case{'s' * (len(ticked) > 1)}", who="ana")
        taken.append(len(statements) - taken[-1])
        statements.clear()
    assert taken[0] == taken[2]
    assert taken[3] - taken[1] <= 10 * 4
    assert not any("discrepancy" in each for each in statements)


def test_what_others_did_meanwhile_is_left_as_it_is(many: Shop) -> None:
    ana = visitor(many)
    queue = ana.get(f"/review?from={DAY}&to={DAY}")
    listed = ana.submit(queue, "Apply the source", case=cases(queue))
    many.decide("missing", Decision.KEEP_TARGET)
    done = ana.submit(listed, "Confirm for 3 cases", who="ben")
    assert "not all of it was done" in done.text
    assert "it is DECIDED now by ana" in done.text
    assert many.case("extra").decided_by == "ben"
    assert many.case("missing").decided_by == "ana"


def test_many_are_assigned_at_once(many: Shop) -> None:
    ana = visitor(many)
    queue = ana.get("/review?severity=high&kind=missing")
    listed = ana.submit(queue, "Assign", case=cases(queue)[:3])
    ana.submit(listed, "Confirm for 3 cases", who="ana", assignee="ben")
    assert rows(ana.get("/review?assignee=ben")) == 3


@pytest.mark.parametrize(
    "fields",
    [
        [("action", "APPLY_SOURCE")],
        [("action", "drop"), ("case", "1 t/x/missing")],
        [("action", "assign"), ("case", "x")],
        [("action", "assign"), ("case", f"{'9' * 5000} t/{DAY}/missing")],
    ],
)
def test_a_bulk_form_of_nothing_is_said(pg: Shop, fields: list[tuple[str, str]]) -> None:
    ana = visitor(pg)
    assert ana.post("/review/bulk", fields).status == 400


# the door, with pages behind it


def test_people_log_in_decide_by_their_own_name_and_log_out(pg: Shop) -> None:
    ana = visitor(pg, by_password())
    login = ana.ask("GET", MISSING, headers={"accept": "text/html"})
    page = ana.get(login.header("location"))
    wrong = ana.submit(page, "Log in", name="ana", password=BENS)
    assert wrong.status == 401
    assert "Name or password is wrong." in wrong.text
    case = ana.submit(wrong, "Log in", name="ana", password=ANAS)
    assert case.url == MISSING
    assert "Your name" not in case.text
    form = case.form("Comment")
    ana.post(form.action, [*form.filled("Comment", {"comment": "hm"}), ("who", "ben")])
    assert events(pg, "missing")[-1].who == "ana"
    before = dict(ana.cookies)
    ana.submit(ana.get("/review"), "Log out")
    assert ana.ask("GET", "/review").status == 401
    assert before != ana.cookies


ROLES: dict[str, tuple[str, int, int, int]] = {
    "counts": ("cleo:counts", 200, 403, 403),
    "values": ("cleo:values", 200, 200, 403),
    "run": ("cleo:run", 200, 200, 403),
    "decide": ("cleo:decide", 200, 200, 200),
    "nobody's": ("ana:decide", 200, 403, 403),
    "everybody's": ("*:decide", 200, 200, 200),
    "none": ("", 200, 200, 200),
}


def test_a_role_opens_what_it_says_and_shows_nothing_else(pg: Shop) -> None:
    """The queue for counts, a case for values, forms for who decides; a form that was kept decides nothing either."""
    form = visitor(pg).get(MISSING).form("Preview")
    for text, *expected in ROLES.values():
        found = Access(users={**USERS, "cleo": USERS["ana"]}, roles=roles(text))
        cleo = Visitor(desk(pg, found), cookies={"recon-session-3000": found.sessions.begin("cleo", pg.now())})
        kept = [*form.fields, ("decision", "APPLY_SOURCE")]
        queue, case = cleo.get("/review"), cleo.get(MISSING)
        posted = cleo.post(MISSING, [*kept, ("do", "preview")])
        bulk = cleo.post("/review/bulk", [("action", "assign"), ("case", f"1 t/{DAY}/missing")])
        assert [queue.status, case.status, posted.status] == expected, text
        assert bulk.status == expected[2], text
        assert ("what is wrong" in queue.text, MISSING in queue.text) == (expected[1] == 200,) * 2, text
        assert ("Apply the source" in queue.text) is (expected[2] == 200), text
        if case.status == 200:
            assert ("Preview" in case.text, "Comment" in case.text) == (expected[2] == 200,) * 2, text


def test_guessing_is_answered_with_a_pause(pg: Shop) -> None:
    eve = visitor(pg, by_password())
    guess = eve.get("/review/login")
    # On a busy machine a pause is over before the next guess is made, so it takes some until one is too early.
    answers = [eve.submit(guess, "Log in", name="eve", password=f"{n}") for n in range(20)]
    assert {answer.status for answer in answers[:5]} == {401}
    assert any("wait" in answer.text for answer in answers[5:] if answer.status == 429)


def test_who_guesses_keeps_nobody_out_elsewhere(pg: Shop) -> None:
    eve = visitor(pg, by_password())
    guess = eve.get("/review/login")
    for n in range(40):
        eve.submit(guess, "Log in", name="ana", password=f"{n}")
    ana = Visitor(eve.app, address="10.0.0.7")
    assert ana.submit(ana.get("/review/login"), "Log in", name="ana", password=ANAS).status == 200


def test_the_proxys_name_decides(pg: Shop) -> None:
    found = access({"RECON_WEB_USER_HEADER": "X-User"})
    ana = visitor(pg, found)
    ana.headers = {"x-user": "ana"}
    ana.submit(ana.get(MISSING), "Comment", comment="hm")
    assert events(pg, "missing")[-1].who == "ana"


@pytest.mark.parametrize("header", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "", "origin": "http://e"}])
def test_a_form_of_another_site_changes_nothing(pg: Shop, header: dict[str, str]) -> None:
    fields = [("do", "comment"), ("comment", "hm"), ("who", "eve")]
    assert visitor(pg).post(MISSING, fields, **header).status == 403
    assert len(events(pg, "missing")) == 1


def test_strict_headers_and_no_script(pg: Shop) -> None:
    ana = visitor(pg)
    for path in ("/review", MISSING, "/review/nothing", "/review/report"):
        page = ana.get(path)
        policy = page.header("content-security-policy")
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert page.header("x-content-type-options") == "nosniff"
        assert page.header("cache-control") == "no-store"
        assert page.header("x-frame-options") == "DENY"
        assert "<script" not in page.text
        assert " style=" not in page.text
        assert " onclick" not in page.text
    assert not ana.cookies, "none is needed"
    for more in ({}, {"x-forwarded-proto": "https"}):
        said = urlencode({"name": "ana", "password": ANAS}).encode()
        form = {"content-type": "application/x-www-form-urlencoded", **more}
        cookie = visitor(pg, by_password()).ask("POST", "/review/login", said, form).header("set-cookie").lower()
        assert ("httponly" in cookie, "samesite=lax" in cookie, "secure" in cookie) == (True, True, bool(more))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/review/nothing", 404),
        ("/review/case/t/2024-03-01/nothing", 404),
        ("/review/case/t/%2e%2e/x", 404),
        ("/review/case/t", 404),
    ],
)
def test_what_is_not_there_is_said(pg: Shop, path: str, status: int) -> None:
    page = visitor(pg).get(path)
    assert page.status == status
    assert "<h1>Not" in page.text


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"x" * 3_000_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 30_000, "application/x-www-form-urlencoded", 400),
    ],
)
def test_what_is_no_form_is_refused(pg: Shop, body: bytes, kind: str, status: int) -> None:
    assert visitor(pg).ask("POST", MISSING, body, {"content-type": kind}).status == status


def test_a_form_that_says_nothing_is_refused(pg: Shop) -> None:
    assert visitor(pg).post(MISSING, []).status == 400


def test_a_ledger_that_is_gone_is_a_sentence(pg: Shop, fresh: Fresh) -> None:
    gone = replace(pg.book, engine=sa.create_engine(fresh("postgresql").replace("/t", "/gone_t")))
    page = Visitor(application(Site(gone, pg.project, OPEN, pg.now), Starlette())).get("/review")
    assert page.status == 503
    assert "ledger" in page.text
    assert "Traceback" not in page.text


@pytest.mark.repeats
def test_ten_thousand_cases_answer_at_once(pg: Shop) -> None:
    """The page took 10 ms on the machine it was written on; the promise is 200."""
    with pg.book.begin() as connection:
        numbers = sa.select(sa.func.generate_series(0, 29_999).label("n")).subquery()
        other = {"window_key": sa.literal("w") + sa.cast(numbers.c.n, sa.Text), "closed": numbers.c.n >= 10_000}
        columns = [column for column in schema.cases.c if column.name != "id"]
        values: list[Any] = [other.get(column.name, column) for column in columns]
        copies = sa.select(*values)
        of = schema.cases.join(numbers, schema.cases.c.kind == "missing")
        connection.execute(sa.insert(schema.cases).from_select(columns, copies.select_from(of)))
    ana = visitor(pg)
    assert "10,003 cases" in ana.get("/review").text
    assert min(seconds(ana, "/review") for _ in range(5)) < 0.2


def seconds(ana: Visitor, path: str) -> float:
    """How long a page takes."""
    begun = time.perf_counter()
    assert ana.get(path).status == 200
    return time.perf_counter() - begun


def test_private_keys_stand_in_no_problem(private: Shop) -> None:
    """Neither of a preview, nor of what stays in the case's history."""
    private.target.run("UPDATE t SET amount = 1 WHERE id = 5")
    ana = visitor(private)
    preview = ana.submit(ana.get(MISMATCHED), "Preview", decision="APPLY_SOURCE", who="ana")
    (said,) = [line for line in unescape(preview.text).splitlines() if '<li class="pre">' in line]
    assert "id=***" in said


def test_the_first_page_says_whether_the_sides_agree(pg: Shop) -> None:
    """Each figure leads to what it counts; and a table's page lists what stands against it, page by page."""
    ana = visitor(pg)
    page = ana.get("/recon").text
    assert "No: t differs. Not known yet: codes." in page
    assert "1 of 3 days differs; 2 not compared yet" in page
    for link, figure in {"/recon/t": "1 differ", "/review?table=t": "3 open cases"}.items():
        assert f'<a href="{link}" aria-label="{figure}">' in page
    assert '<a href="/assets/t?view=partitions" aria-label="2 not compared yet">' in page

    pg.judge(days=(NEXT,))
    pg.target.run("DELETE FROM t WHERE id = 203")
    pg.judge(days=("2024-03-03",))
    days = ana.get("/recon/t").text
    assert days.index("2024-03-03") < days.index(f"t {DAY}: 2 missing and 1 extra; 20 records in source, 19 in target")
    assert NEXT not in days
    assert "2024-03-03" not in ana.get("/recon/t?after=2024-03-03").text
    assert "First page" in ana.get("/recon/t?after=all").text
    assert "recon check --launch codes" in ana.get("/recon/codes").text
    missing = ana.get("/recon/nothing")
    assert (missing.status, "No table &#39;nothing&#39; is declared" in missing.text) == (404, True)
