"""Two who do the same at once: one decides, corrects or routes, and the other is told, or finds it done."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier
from typing import Any

import pytest

from recon_assets import ledger, review
from recon_assets.errors import ReconError, TakenError
from recon_assets.model import CaseEventType, Decision, Resolution, State
from recon_assets.review import Scope
from recon_assets_tests.conftest import PROJECT, Fresh
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.repairs import APPLY, DAYS, Repair, damage, equal, now, project
from recon_assets_tests.db.sides import TARGETS, Sides

pytestmark = pytest.mark.repeats


@pytest.fixture
def sides(both: Both, request: pytest.FixtureRequest) -> Sides:
    """A damaged target."""
    found = both("postgresql", getattr(request, "param", "postgresql"))
    damage(random.Random(4), moves=False).create(found)
    return found


@pytest.fixture
def repair(sides: Sides, fresh: Fresh) -> Iterator[Repair]:
    """Its repair."""
    with ledger.opened(fresh("ledger"), PROJECT) as book:
        yield Repair(book, project(sides.source.url, sides.target.url))


def at_once(work: Callable[[int], Any]) -> list[Any]:
    """What two threads make of it that begin at the same time."""
    begin = Barrier(2)

    def run(number: int) -> Any:
        begin.wait(30)
        return work(number)

    with ThreadPoolExecutor(2) as both:
        return list(both.map(run, range(2)))


def acts(repair: Repair, act: CaseEventType) -> list[int]:
    """How often something happened to each case that there is."""
    with repair.book.begin() as connection:
        cases = ledger.cases_in_state(connection, *State)
        return [sum(event.act is act for event in ledger.events(connection, case.id)) for case in cases]


def test_two_routers(repair: Repair) -> None:
    """Each case is opened once, and by one of them."""
    (spec,) = repair.project.tables.values()
    for _ in review.judged(
        repair.book, repair.project, spec, tuple(DAYS.windows(date(2025, 1, 1))), now=now(), run="judging"
    ):
        pass

    routed = at_once(lambda _: review.route(repair.book, repair.project, now()))

    opened = acts(repair, CaseEventType.FOUND)
    assert set(opened) == {1}
    assert sorted(each.opened for each in routed) == [0, len(opened)]


def test_two_deciders(repair: Repair) -> None:
    """The second is told who decided what, whoever that is."""
    repair.judge()
    for case in repair.cases(State.PENDING):
        chosen = (APPLY, Resolution(Decision.KEEP_TARGET))

        def decide(number: int) -> str:
            who = ("ana", "ben")[number]
            try:
                review.decide(
                    repair.book,
                    repair.project,
                    case.id,  # noqa: B023 - used up within the round
                    chosen[number],  # noqa: B023
                    who=who,
                    note="so it is",
                    at=now(),
                    expected=case.version,  # noqa: B023
                )
            except TakenError as error:
                return str(error)
            return who

        said = at_once(decide)
        winner = next(name for name in said if name in {"ana", "ben"})
        loser = next(words for words in said if words != winner)
        assert winner in loser
        (found,) = (each for each in repair.cases(State.DECIDED) if each.id == case.id)
        assert found.decided_by == winner
    assert set(acts(repair, CaseEventType.DECIDED)) == {1}


@pytest.mark.parametrize("sides", TARGETS, indirect=True)
def test_two_corrections(sides: Sides, repair: Repair) -> None:
    """Everything is written once, and both find it applied or leave it to the other."""
    repair.judge()
    repair.decide()
    for case in repair.cases(State.DECIDED):
        both = at_once(lambda n: review.correct(repair.book, repair.project, case.id, run=f"run {n}", clock=now))  # noqa: B023
        assert State.APPLIED in {each.state for each in both}
        assert len(repair.corrections(case=case.id)) == 1

    assert equal(sides)
    assert set(acts(repair, CaseEventType.APPLIED)) == {1}


@pytest.mark.parametrize("sides", TARGETS, indirect=True)
def test_two_rollbacks(sides: Sides, repair: Repair) -> None:
    """Everything is taken back once; the other is refused, or finds nothing left."""
    before = sides.target.rows()
    repair.finish()
    for case in repair.cases(State.APPLIED):

        def take_back(number: int) -> str:
            try:
                done = review.roll_back(
                    repair.book,
                    repair.project,
                    Scope(case=case.id),  # noqa: B023 - used up within the round
                    who=str(number),
                    note="",
                    clock=now,
                    dry_run=False,
                )
            except ReconError as error:
                return str(error)
            return "; ".join(done.refused)

        assert "" in at_once(take_back)

    assert sides.target.rows() == before
    assert set(acts(repair, CaseEventType.ROLLED_BACK)) == {1}
