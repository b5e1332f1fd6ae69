"""Runs of checks alone: what they are of, and what they have found so far."""

from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest

from recon_assets.cli.runs import asked_for
from recon_assets.errors import DeclarationError
from recon_assets.orchestration import check_runs
from recon_assets.orchestration.check_runs import LAUNCH_TAG, CheckSelection, Due, Scope, Verdict, follow, scopes
from recon_assets.orchestration.local_deployment import Session
from recon_assets.orchestration.processes import Dagster
from recon_assets_tests.dagster.example import AIRLINES, PROJECT, Promise, Scripted, Verdicts, checked, days, job

SPAN = ("2013-03-05", "2013-03-07")
FLIGHTS = checked(Promise("count"), Promise("sum"))
WEATHER = replace(FLIGHTS, name="weather")
WHOLE = checked(Promise("count"), declared=AIRLINES)


def named(scope: Scope) -> list[str]:
    """The checks of a scope."""
    return [key.to_user_string() for key in scope.keys]


def test_all_checks_are_meant_unless_some_are_named() -> None:
    """In the order of the declaration."""
    assert named(scopes([CheckSelection(FLIGHTS, SPAN)])[0]) == ["flights:count", "flights:sum"]
    assert named(scopes([CheckSelection(FLIGHTS, SPAN, ("sum",))])[0]) == ["flights:sum"]


def test_a_table_without_checks_is_told(
    instance: dg.DagsterInstance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is known of it; where there is no other, nothing that is asked for has passed."""
    session, unchecked = Session(Dagster(tmp_path), {}, PROJECT, instance), replace(AIRLINES, name="planes")

    assert asked_for(session, [WHOLE, unchecked]) == [CheckSelection(WHOLE)]
    assert "planes: not checked: no checks are declared" in capsys.readouterr().out
    with pytest.raises(DeclarationError, match="Nothing to check: "):
        asked_for(session, [unchecked])


def test_tables_share_a_run_where_their_days_are_the_same() -> None:
    """Another span is another run; tables without days join the first that has some."""
    other = ("2013-03-01", "2013-03-02")

    found = scopes(
        [
            CheckSelection(WHOLE),
            CheckSelection(FLIGHTS, SPAN),
            CheckSelection(WEATHER, SPAN, ("sum",)),
            CheckSelection(WEATHER, other),
        ]
    )

    assert [(named(scope), scope.span) for scope in found] == [
        (["flights:count", "flights:sum", "weather:sum", "airlines:count"], SPAN),
        (["weather:count", "weather:sum"], other),
    ]
    assert found[0].tags == days(*SPAN)


def test_tables_without_days_alone_need_no_span() -> None:
    """Their run has no tags."""
    (scope,) = scopes([CheckSelection(WHOLE)])

    assert (named(scope), scope.tags) == (["airlines:count"], {})


@pytest.mark.parametrize(
    "asked", [[], [CheckSelection(replace(FLIGHTS, checks=()), SPAN)]], ids=["nothing", "no checks"]
)
def test_nothing_asked_is_no_run(asked: list[CheckSelection]) -> None:
    """A run without checks would load nothing and judge nothing."""
    assert scopes(asked) == []


def test_what_a_launch_has_found_is_told_until_it_ends(instance: dg.DagsterInstance) -> None:
    """The last is final, and names what did not pass."""
    flow = job(Scripted(), FLIGHTS, Verdicts({("sum", "2013-03-06")}))
    flow.execute_in_process(instance=instance, tags=days(*SPAN, **{LAUNCH_TAG: "a"}))

    (last,) = follow(instance, "a", CheckSelection(FLIGHTS, SPAN).due)

    assert (last.ended, last.unsaid, str(last)) == (True, frozenset(), "6 of 6 judged, 1 of them failed")
    assert [(item.check_name, item.partition) for item in last.wrong] == [("sum", "2013-03-06")]


def test_a_run_in_place_of_a_lost_one_counts(instance: dg.DagsterInstance) -> None:
    """Whatever its id is, and also where the lost one has judged something; what it says is newer."""
    flow = job(Scripted(), FLIGHTS, Verdicts({("sum", "2013-03-05")}))
    tags = {LAUNCH_TAG: "a", "dagster/will_retry": "true"}
    lost = flow.execute_in_process(instance=instance, tags=days("2013-03-05", "2013-03-05", **tags))
    run = instance.get_run_by_id(lost.run_id)
    assert run
    instance.report_run_failed(run)

    steps = follow(instance, "a", CheckSelection(FLIGHTS, SPAN).due)
    first = next(steps)
    assert (first.ended, len(first.unsaid), len(first.wrong)) == (False, 4, 1)
    again = job(Scripted(), FLIGHTS, Verdicts())
    retry = again.execute_in_process(instance=instance, tags=days(*SPAN, **{LAUNCH_TAG: "a"}))
    instance.add_run_tags(lost.run_id, {"dagster/auto_retry_run_id": retry.run_id})
    *_, last = steps

    assert (last.ended, last.unsaid, last.wrong) == (True, frozenset(), ())


def test_what_nobody_says_is_waited_for_a_little(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be written late; then it is unknown, as when somebody deleted the run."""
    steps = follow(instance, "a", CheckSelection(FLIGHTS, SPAN).due)
    assert str(next(steps)) == "waiting for the first judgements"

    monkeypatch.setattr(check_runs, "LATE_SECONDS", 0.0)
    (last,) = follow(instance, "a", CheckSelection(FLIGHTS, SPAN).due)

    assert (last.ended, len(last.unknown)) == (True, 6)


def due(*names: str, day: str | None = None) -> set[Due]:
    """These checks of flights on a day."""
    return {(dg.AssetCheckKey(dg.AssetKey("flights"), name), day) for name in names}


def told(name: str, day: str, *, passed: bool, error: str | None = None) -> dg.AssetCheckEvaluation:
    """What a run has said of one check and day."""
    metadata = {"error": dg.MetadataValue.text(error)} if error else {}
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey("flights"), check_name=name, passed=passed, partition=day, metadata=metadata
    )


def test_a_verdict_is_owed_for_each_day_of_the_span() -> None:
    """A check that is not daily owes one; so does each of a table without days."""
    table = checked(Promise("count"), Promise("schema", daily=False))

    owed = CheckSelection(table, ("2013-03-31", "2013-03-31")).due

    assert owed == due("count", day="2013-03-31") | due("schema")
    assert {day for _, day in CheckSelection(FLIGHTS, SPAN).due} == {"2013-03-05", "2013-03-06", "2013-03-07"}
    assert [day for _, day in CheckSelection(WHOLE).due] == [None]


def test_what_could_not_be_judged_is_neither_passed_nor_wrong() -> None:
    """It is unknown, whether the check said why or its run never came to it."""
    day, next_day = "2013-03-05", "2013-03-06"
    found = (
        told("count", day, passed=True),
        told("sum", day, passed=False),
        told("keys", day, passed=False, error="does not answer"),
    )

    verdict = Verdict(found, frozenset(due("count", "sum", "keys", day=day) | due("count", day=next_day)))

    assert verdict.wrong == (found[1],)
    assert verdict.unknown == due("keys", day=day) | due("count", day=next_day)
