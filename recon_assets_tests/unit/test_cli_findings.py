"""What checks found, added up over the days, for people and as JSON."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest

from recon_assets.cli import findings
from recon_assets.cli.findings import Result
from recon_assets.errors import COULD_NOT_RUN
from recon_assets.model import (
    Details,
    Discrepancy,
    DiscrepancyKind,
    Figure,
    Finding,
    NotCompared,
    Severity,
)

DAY = "2013-03-10"


def passed(day: str = DAY) -> Finding:
    return Finding("count", "flights", day, passed=True, summary="", source=5, target=5)


def failed(day: str = DAY, wrong: int = 1, severity: Severity = Severity.LOW) -> Finding:
    said = f"flights {day}: {wrong} wrong"
    return Finding("keys", "flights", day, passed=False, summary=said, wrong=wrong, severity=severity)


def not_run(day: str = DAY) -> Finding:
    return Finding("rule", "flights", day, passed=False, summary="", error="no such column: x")


def result(*found: Finding, finished: bool = True) -> Result:
    made = Result(finished=finished)
    for finding in found:
        made.add(finding)
    return made


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([passed()], 0),
        ([passed(), failed()], 1),
        ([passed(), not_run()], 3),
        ([failed(), not_run()], 3),
    ],
)
def test_exit_code(found: list[Finding], code: int) -> None:
    """What could not run is never a pass, and weighs more than what failed."""
    assert result(*found).exit_code == code


def test_what_was_not_finished_is_no_pass() -> None:
    """A reader that went away left the rest unjudged."""
    assert result(passed(), finished=False).exit_code == COULD_NOT_RUN


def test_the_worst_day_is_the_most_severe_one() -> None:
    """Then the one with more wrong; records are not kept."""
    big, bad = failed("2013-01-01", 500), failed("2013-01-02", 7, Severity.HIGH)
    record = Discrepancy(DiscrepancyKind.MISSING, (1,))
    with_record = Finding("keys", "flights", "d", passed=False, summary="", wrong=1, discrepancies=(record,))

    (tally,) = result(with_record, big, bad, failed("2013-01-03", 8)).tallies.values()

    assert (tally.failed, tally.wrong, tally.worst, tally.severity) == (4, 516, bad, Severity.HIGH)
    assert result(with_record).failing[0].discrepancies == ()


def test_the_worst_day_of_a_sum_is_that_of_the_largest_difference() -> None:
    """A sum is one thing that is wrong, however far it is off."""
    days = [
        replace(failed(day), source=Decimal(100), target=target)
        for day, target in (("2013-01-01", 99), ("2013-01-02", 7.5), ("2013-01-03", None))
    ]

    (tally,) = result(*days).tallies.values()

    assert tally.worst == days[1]


def test_people_see_verdict_figures_reasons_and_days(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line a check that adds up, then sentences; the list of days is capped and says so."""
    monkeypatch.setattr(findings, "SAMPLE", 2)
    bad = Finding("keys", "flights", DAY, passed=False, summary="flights: 9 [red] wrong", wrong=9, reasons=("All UA.",))

    findings.show(
        result(passed(), passed("2013-03-11"), bad, failed("2013-03-11", 2), failed("2013-03-12"), not_run(), not_run())
    )

    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert said.startswith("Not known: of 3 checks of 1 table, 1 failed and 1 could not run.\n")
    assert ["flights", "count", "2", "passed"] in lines
    assert ["flights", "keys", "3", "12", "low"] in lines
    assert ["flights", "rule", "2", "not", "known"] in lines
    for words in ("flights rule: no such column: x", "first 2 of 3", "flights 2013-03-11: 2 wrong"):
        assert words in said


def test_one_reason_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the database is gone, no check of the table can run."""
    gone = [replace(not_run(), check=name, error="no [answer]") for name in ("a", "b")]

    findings.show(result(*gone, failed()))

    said = capsys.readouterr().out
    assert "Could not run\n  flights a, b: no [answer]\n" in said
    assert f"flights {DAY}: 1 wrong" in said


def test_a_clean_result_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is said to be wrong."""
    findings.show(result(passed()))

    said = capsys.readouterr().out
    assert said.startswith("Passed: 1 check of 1 table.")
    assert "wrong," not in said


def test_reasons_stand_below_the_worst_day(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets in a sentence are no markup."""
    bad = Finding("keys", "t", DAY, passed=False, summary="t: 9 [red] wrong", wrong=9, reasons=("All UA.",))

    findings.show(result(bad))

    assert "  t: 9 [red] wrong\n    - All UA.\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("figure", "plain"),
    [
        (None, None),
        (5, 5),
        (Decimal("1E+3"), "1000"),
        (Decimal("0.10"), "0.10"),
        (1.5, 1.5),
        (float("nan"), "nan"),
        ("x", "x"),
    ],
)
def test_figures_in_json_lose_nothing(figure: Figure, plain: object) -> None:
    """Decimals are texts, for readers round them; JSON has no NaN."""
    found = Finding("sum", "t", DAY, passed=True, summary="", source=figure)

    assert json.loads(json.dumps(findings.as_dict(found), allow_nan=False))["source"] == plain


def test_the_verdict_says_what_was_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns, rows that no window holds, and tables of which nothing was checked; each once."""
    tags = NotCompared("tags", "source", "only in the source; ignore it")
    passed = replace(failed(), passed=True, wrong=0, severity=None, not_compared=(tags,))
    found = result(passed, replace(passed, window="2024-01-02", not_compared=(), outside=(2, 0)))
    found.not_checked["bare"] = "no checks are declared"

    findings.show(found)

    assert capsys.readouterr().out.startswith(
        f"Passed: 1 check of 1 table; not compared: {passed.table}: tags (only in the source);"
        f" {passed.table}: 2 rows of the source and 0 of the target outside its days;"
        " not checked: bare (no checks are declared).\n"
    )


@pytest.mark.parametrize(
    ("outside", "days", "code", "said"),
    [
        ((2, 0), "all", 3, "Not known: of 1 check of 1 table, none failed, but no record was compared of flights; "),
        ((2, 0), "some", 0, "Passed: 1 check of 1 table; "),
        ((0, 0), "all", 0, "Passed: 1 check of 1 table; no row on either side: flights."),
        (None, "all", 0, "Passed: 1 check of 1 table; no row on either side: flights."),
    ],
)
def test_a_table_without_rows(
    capsys: pytest.CaptureFixture[str], outside: tuple[int, int] | None, days: str, code: int, said: str
) -> None:
    """Is said; where its rows all lie outside its days, nothing is known."""
    found = Result(of_all_rows={("flights", "count")}, all_days=days == "all", finished=True)
    found.add(replace(passed(), source=0, target=0, outside=outside))

    findings.show(found)

    assert found.exit_code == code
    assert capsys.readouterr().out.startswith(said)


def test_days_without_rows_are_no_windows_of_a_reason() -> None:
    """That all wrong records are on the only days that have any says nothing."""
    records = tuple(Discrepancy(DiscrepancyKind.MISSING, (at,), {"id": at * at}, window=DAY) for at in range(20))
    bad = replace(failed(wrong=20), check="count", source=40, of=40, discrepancies=records)
    others = [replace(passed(f"2013-04-{day:02}"), of=rows) for rows in (0, 9) for day in range(1, 31)]
    for empty, full in ((others[:30], []), ([], others[30:])):
        found = Result(of_all_rows={("flights", "count")})
        for each in (bad, replace(bad, window="2013-03-11"), *empty, *full):
            found.add(each)
        (tally,) = found.tallies.values()
        assert any("of 32 windows" in said for said in found.reasons(tally)) == bool(full)


def test_a_finding_in_json() -> None:
    """All that it says, with its records; private values are hidden, in keys too."""
    record = Discrepancy(
        DiscrepancyKind.MISMATCHED, (1, "Ada"), {"fee": 5, "mail": "a"}, {"fee": 6, "mail": "b"}, ("fee", "mail")
    )
    found = Finding(
        check="fields",
        table="t",
        window=DAY,
        passed=False,
        summary="t: 1 of 4 differs",
        source=4,
        target=4,
        wrong=1,
        of=4,
        discrepancies=(record,),
        not_compared=(NotCompared("tags", "source", "only in the source"),),
        outside=(1, 0),
        details=Details(("column", "wrong"), (("fee", 1), ("mail", Decimal("1.0")))),
        reasons=("One.",),
        severity=Severity.HIGH,
    )

    assert json.loads(json.dumps(findings.as_dict(found, ("id", "name"), frozenset({"name", "mail"})))) == {
        "table": "t",
        "window": DAY,
        "check": "fields",
        "passed": False,
        "accepted": None,
        "error": None,
        "severity": "high",
        "summary": "t: 1 of 4 differs",
        "source": 4,
        "target": 4,
        "wrong": 1,
        "of": 4,
        "rate": 0.25,
        "not_compared": [{"column": "tags", "side": "source", "why": "only in the source"}],
        "outside": [1, 0],
        "reasons": ["One."],
        "details": {"columns": ["column", "wrong"], "rows": [["fee", 1], ["mail", "1.0"]]},
        "records": [
            {"kind": "mismatched", "key": [1, "***"], "columns": {"fee": [5, 6], "mail": ["***", "***"]}},
        ],
    }


@pytest.mark.parametrize(("private", "key"), [((), [1, "Ada"]), (("mail",), ["***"])])
def test_a_record_without_a_key_is_its_own(private: tuple[str, ...], key: list[object]) -> None:
    """Its key is all its values: which of them are private cannot be told, so none is shown when some are."""
    record = Discrepancy(DiscrepancyKind.MISSING, (1, "Ada"))
    found = replace(failed(), discrepancies=(record,))

    assert findings.as_dict(found, (), frozenset(private))["records"][0]["key"] == key


def test_details_of_private_columns_are_hidden() -> None:
    """As they are in records."""
    found = replace(failed(), details=Details(("mail", "rows"), (("a@x", 3), (None, 1))))

    assert findings.as_dict(found, (), frozenset({"mail"}))["details"]["rows"] == [["***", 3], ["***", 1]]
