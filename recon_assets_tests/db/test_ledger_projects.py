"""Several projects share one ledger: each sees its own rows alone, whatever the others do meanwhile."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from recon_assets import ledger
from recon_assets.declare import read
from recon_assets.errors import RefusedError
from recon_assets.ledger import Filter, Ledger
from recon_assets.model import CaseEventType, CaseId, DiscrepancyKind, Project, State
from recon_assets_tests.conftest import PROJECT, Fresh
from recon_assets_tests.db.ledgers import (
    CASE,
    DAY,
    JUDGED,
    append,
    figure,
    finding,
    found,
    minute,
    missing,
    record,
    rows,
)
from recon_assets_tests.db.test_ledger_changes import EMPTY, accept, backup_sink, plan, settle

MISSING = DiscrepancyKind.MISSING


@pytest.fixture
def two(fresh: Fresh) -> Iterator[tuple[Ledger, Ledger]]:
    """Two projects on one ledger."""
    url = fresh("ledger")
    with ExitStack() as stack:
        one, other = (stack.enter_context(ledger.opened(url, Project({}, {}, name))) for name in ("one", "other"))
        yield one, other


def lives(book: Ledger, at: float = 0) -> None:
    """A project finds, decides, corrects and loads something, of table, window and key that others have too."""
    record(book, figure(), at=at)
    record(book, finding(missing(1), missing(2)), at=at)
    with book.begin() as c:
        ids = [said.id for said in ledger.latest_findings(c, "orders", DAY).values()]
        ledger.note_unexplained(c, [("orders", DAY)])
    append(book, CaseEventType.FOUND, data=found(*ids, wrong=2), at=at)
    append(book, CaseEventType.DECIDED, at=at)
    append(book, CaseEventType.APPLYING, at=at)
    settle(book, plan(book))
    accept(book, ("id", "v"))
    append(book, CaseEventType.APPLIED, at=at)
    append(book, CaseEventType.UNDO, at=at)
    append(book, CaseEventType.ASKED, at=at)
    sink = backup_sink(book)
    sink.before([], [[("1",)]], EMPTY)
    sink.after(EMPTY)


def seen(book: Ledger) -> dict[str, Any]:
    """All that can be asked without a number of a row, in words that do not depend on these."""
    with book.begin() as c:
        latest = ledger.latest_findings(c, "orders", DAY)
        ids = [said.id for said in latest.values()]
        return {
            "latest": {name: said.finding for name, said in latest.items()},
            "records": [(item.id, item.times_seen, item.reopened) for item in ledger.tracked_records(c, ids, MISSING)],
            "of key": [case for case, _, _ in ledger.cases_of_keys(c, "orders", [(1,)]).get((1,), [])],
            "case": ledger.find_case(c, CASE) is not None,
            "events": [event.act for event in ledger.events(c, CASE)],
            "queue": [case.id for case in ledger.queue(c, Filter(states=tuple(State))).cases],
            "counts": ledger.counts(c, Filter(states=tuple(State))).total,
            "states": [case.id for case in ledger.cases_in_state(c, *State)],
            "undo": [case.id for case in ledger.cases_to_undo(c)],
            "show": [case.id for case in ledger.cases_to_show(c, 10)],
            "closed": ledger.cases_closed_before(c, minute(999)),
            "groups": sum(group.windows for group in ledger.window_groups(c, {"orders": ("2000", "3000")})),
            "wrong": ledger.wrong_windows(c, "orders", ("2000", "3000"), ["failed fields"], before="", limit=9),
            "asked": ledger.asked_windows(c, JUDGED, 9),
            "changed": ledger.changed_windows(c, JUDGED, 9),
            "unexplained": ledger.unexplained_windows(c, JUDGED, 9),
            "causes": len(ledger.causes(c, [("orders", DAY)])),
            "corrections": len(ledger.corrections(c)),
            "of run": len(ledger.corrections(c, run="run")),
            "backups": len(ledger.backups(c)),
            "accepted": list(ledger.acceptances(c, "orders", [DAY])),
            "standing": [said.case for said in ledger.standing_decisions(c, "orders", DAY)],
        }


def test_what_one_project_does_another_never_sees(two: tuple[Ledger, Ledger]) -> None:
    """Its evaluations, cases, corrections and backups are not there for the other, nor counted, nor pruned by it."""
    one, other = two
    nothing = seen(other)
    lives(one)
    alone = seen(one)
    assert seen(other) == nothing
    assert all(alone.values())

    lives(other, at=5)
    assert (seen(one), seen(other)) == (alone, alone)

    append(other, CaseEventType.ROLLED_BACK, at=6)
    with other.begin() as c:
        assert len(ledger.claim_unrouted(c)) == 2
        ledger.note_shown(c, CASE, 99)
        assert ledger.note_unshown(c) == 1
        ledger.note_pruned(c, [CASE])
        ledger.withdraw(c, CASE, at=minute(7))
        assert ledger.prune(c, keep=timedelta(), now=minute(9))["finding"] == 0
    assert seen(one) == alone
    assert rows(one, "SELECT DISTINCT project FROM recon.routing_queue") == [("one",)]
    with one.alone("x") as mine, other.alone("x") as theirs, one.alone("x") as again:
        assert (mine, theirs, again) == (True, True, False)


def test_each_gets_its_own_findings_under_load(two: tuple[Ledger, Ledger]) -> None:
    """Writers and routers of both at once: each finding is given once, to whom it belongs."""
    wanted = [f"2025-02-{day:02}" for day in range(1, 26)]

    def write(book: Ledger) -> None:
        for window in wanted:
            record(book, finding(missing(1), window=window), run="one" if book is two[0] else "other")

    def route(book: Ledger) -> list[tuple[str, str]]:
        given: list[tuple[str, str]] = []
        while len(given) < len(wanted):
            with book.begin() as c:
                given += [(said.run, said.finding.window) for said in ledger.claim_unrouted(c, most=3)]
        return given

    with ThreadPoolExecutor(4) as pool:
        routed = [pool.submit(route, book) for book in two]
        for done in [pool.submit(write, book) for book in two]:
            done.result()
        assert [sorted(each.result(30)) for each in routed] == [
            [(run, day) for day in wanted] for run in ("one", "other")
        ]


def test_declarations_without_a_name_are_never_one(fresh: Fresh, tmp_path: Path) -> None:
    """Who writes first owns what has no name; who moved its file says so; readers take nothing."""
    url, text = fresh("ledger"), "databases: {}\ntables: {}\n"
    files = {name: tmp_path / f"{name}.yaml" for name in ("a", "b", "moved", "named")}
    for name, file in files.items():
        file.write_text({"moved": "project: default\n", "named": "project: shop-2.eu\n"}.get(name, "") + text)
    a, b, moved, named = (read(file, {}).project for file in files.values())

    with ledger.opened(url, a), ledger.opened(url, b) as second:
        record(second, finding())
    with ledger.opened(url, b) as again, ledger.opened(url, moved) as same, ledger.opened(url, named) as other:
        assert [bool(seen(book)["latest"]) for book in (again, same, other)] == [True, True, False]
    with pytest.raises(RefusedError, match=r"a\.yaml names no project.*of /.*b\.yaml. Write `project: NAME`"):
        ledger.opened(url, a).__enter__()


def test_of_two_that_begin_at_once_one_is_refused(fresh: Fresh) -> None:
    """Both have found the ledger empty."""
    url = fresh("ledger")
    one, other = (Project({}, {}, origin=origin) for origin in ("/a.yaml", "/b.yaml"))
    with ledger.opened(url, one) as first, ledger.opened(url, other) as second:
        record(first, finding())
        with pytest.raises(RefusedError, match=r"of /a\.yaml"):
            record(second, finding())
    with ledger.opened(url, PROJECT) as named:
        assert CaseId("orders", DAY, "missing") not in seen(named)["queue"]
