"""Runs of checks alone: what they are of, and what they have found so far."""

from dataclasses import replace

import dagster as dg
import pytest

from recon_assets.orchestration.check_runs import Asked, Judged, Scope, follow, scopes
from recon_assets_tests.dagster.example import AIRLINES, Promise, Scripted, Verdicts, checked, days, job

SPAN = ("2013-03-05", "2013-03-07")
FLIGHTS = checked(Promise("count"), Promise("sum"))
WEATHER = replace(FLIGHTS, name="weather")
WHOLE = checked(Promise("count"), declared=AIRLINES)


def named(scope: Scope) -> list[str]:
    """The checks of a scope."""
    return [key.to_user_string() for key in scope.keys]


def test_all_checks_are_meant_unless_some_are_named() -> None:
    """In the order of the declaration."""
    assert named(scopes([Asked(FLIGHTS, SPAN)])[0]) == ["flights:count", "flights:sum"]
    assert named(scopes([Asked(FLIGHTS, SPAN, ("sum",))])[0]) == ["flights:sum"]


def test_tables_share_a_run_where_their_days_are_the_same() -> None:
    """Another span is another run; tables without days join the first that has some."""
    other = ("2013-03-01", "2013-03-02")

    found = scopes([Asked(WHOLE), Asked(FLIGHTS, SPAN), Asked(WEATHER, SPAN, ("sum",)), Asked(WEATHER, other)])

    assert [(named(scope), scope.span) for scope in found] == [
        (["flights:count", "flights:sum", "weather:sum", "airlines:count"], SPAN),
        (["weather:count", "weather:sum"], other),
    ]
    assert found[0].tags == days(*SPAN)


def test_tables_without_days_alone_need_no_span() -> None:
    """Their run has no tags."""
    (scope,) = scopes([Asked(WHOLE)])

    assert (named(scope), scope.tags) == (["airlines:count"], {})


@pytest.mark.parametrize("asked", [[], [Asked(replace(FLIGHTS, checks=()), SPAN)]], ids=["nothing", "no checks"])
def test_nothing_asked_is_no_run(asked: list[Asked]) -> None:
    """A run without checks would load nothing and judge nothing."""
    assert scopes(asked) == []


def test_what_a_run_has_found_is_told_until_it_ends(instance: dg.DagsterInstance) -> None:
    """The last is final, and names what did not pass."""
    flow = job(Scripted(), FLIGHTS, Verdicts({("sum", "2013-03-06")}))
    run = flow.execute_in_process(instance=instance, tags=days(*SPAN))

    (last,) = follow(instance, run.run_id)

    assert last.ended
    assert len(last.found) == 6
    assert [(item.check_name, item.partition) for item in last.wrong] == [("sum", "2013-03-06")]


def test_a_run_that_is_gone_has_ended(instance: dg.DagsterInstance) -> None:
    """Somebody deleted it: nothing more will come."""
    (last,) = follow(instance, "no such run")

    assert last == Judged("no such run", dg.DagsterRunStatus.CANCELED)
