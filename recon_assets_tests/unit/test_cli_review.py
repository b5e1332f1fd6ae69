"""The commands of the review queue: what is typed, what is printed, and what is never printed."""

import json
import os
import select
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recon_assets import cli
from recon_assets.cli import cases, options, review, web
from recon_assets.errors import DeclarationError
from recon_assets.ledger import Counts, TrackedRecord
from recon_assets.local import VARIABLES
from recon_assets.model import (
    Action,
    Case,
    CaseEventType,
    CaseId,
    Change,
    Decision,
    Discrepancy,
    DiscrepancyKind,
    Event,
    Relation,
    Resolution,
    Severity,
    State,
    TableSpec,
)
from recon_assets.web.identity.passwords import fits

NOW = datetime(2024, 5, 10, 12, tzinfo=UTC)
PATIENCE = 60.0
RECORD = "1f0c99a2b4d5e6f7"
SPEC = TableSpec("t", Relation("s", "t"), Relation("t", "t"), ("id",), private=("name",))
CASE = Case(
    CaseId("t", "2024-05-01", "mismatched"),
    State.PENDING,
    version=1,
    severity=Severity.HIGH,
    wrong=3,
    named=2,
    summary="t 2024-05-01: 3 mismatched",
    findings=(1,),
    opened=NOW - timedelta(days=2, hours=5),
    changed=NOW,
)
WRONG = Discrepancy(
    DiscrepancyKind.MISMATCHED,
    (7,),
    {"id": 7, "name": "Ada", "fee": 2, "note": None},
    {"id": 7, "name": "Bob", "fee": 99, "note": None},
    ("name", "fee"),
)
SEEN = TrackedRecord(RECORD, WRONG, ("fields",), first_seen=NOW, last_seen=NOW, times_seen=3, reopened=1)


@pytest.mark.parametrize("window", ["2024-05-01", "all"])
def test_the_queue_says_once_of_which_table_a_case_is(capsys: pytest.CaptureFixture[str], window: str) -> None:
    """Also where a case is of the whole table."""
    case_id = CaseId("t", window, "mismatched")
    cases.show_queue([replace(CASE, id=case_id, summary=f"{case_id.where}: 3 mismatched")], Counts(total=1), NOW)

    assert f"{case_id.where}: " not in capsys.readouterr().out


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Runs commands with no database named: bad input is refused before any is looked for."""
    for name in (*VARIABLES, "RECON_TABLES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("recon_assets.local.environment", _untouched)
    return CliRunner()


def _untouched(*_: object, **__: object) -> None:
    pytest.fail("a database was looked for")


DECIDE = ["review", "decide", "t/2024-05-01/missing"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["review", "show", "t"], "names no case; expected table/day/kind, such as flights/2013-03-10/missing"),
        (["review", "show", "t//missing"], "names no case"),
        (["review", "list", "--day", "2024-13-01"], "2024-13-01: not a day"),
        (["review", "list", "--day", "2024-05-01", "--from", "2024-05-01"], "Give --day, or --from and --to"),
        (["review", "list", "--from", "2024-05-02", "--to", "2024-05-01"], "no day lies between them"),
        (["review", "list", "--older-than", "3 days"], "such as --older-than 15m"),
        (["review", "list", "--severity", "bad"], "--severity"),
        (["review", "list", "--state", "OPEN"], "PENDING"),
        (["review", "list", "--limit", "0"], "--limit"),
        (["review", "list", "--limit", "9" * 20], "--limit"),
        (["review", "list", "--table", "\udcff"], "expected text in UTF-8"),
        (["review", "show", "t/2024-05-01/a\0b"], "expected text in UTF-8, without NUL"),
        (["review", "comment", "t/2024-05-01/missing", "caf\udcff"], "expected text in UTF-8"),
        ([*DECIDE, "REVERT"], "APPLY_SOURCE"),
        ([*DECIDE, "APPLY_SOURCE", "--set", f"{RECORD}.fee=1"], "with CUSTOM_FIX only"),
        ([*DECIDE, "CUSTOM_FIX"], "give values by --set ID.COLUMN=VALUE"),
        ([*DECIDE, "CUSTOM_FIX", "--set", "fee=1"], f"such as --set {RECORD}.fee=12.50"),
        ([*DECIDE, "CUSTOM_FIX", "--set-null", "fee"], f"such as --set-null {RECORD}.fee"),
        (["rollback", "case", "t"], "names no case"),
        (["rollback", "run"], "ID"),
        (["rollback", "run", ""], "by its id"),
        (["rollback", "run", "\udcff"], "expected text in UTF-8"),
        (["rollback", "backfill", " ", "--yes"], "by its id"),
        (["ledger", "prune"], "--keep"),
        (["ledger", "prune", "--keep", "0d"], "such as --keep 15m"),
        (["web", "--port", "0"], "--port"),
        (["web", "hash-password", "a:b"], "without colon and comma"),
    ],
)
def test_wrong_use(runner: CliRunner, words: list[str], said: str) -> None:
    """Exit code 2, what was expected on standard error, and no database was looked for."""
    result = runner.invoke(cli.app, words, env={"COLUMNS": "200", "USER": "ana"}, input="a long password\n")

    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "words",
    ["review list", "review show t/all/missing", "rollback run x", "ledger prune --keep 9d", "ledger upgrade", "sync"],
)
def test_no_ledger_is_made_to_find_nothing_in_it(runner: CliRunner, tmp_path: Path, words: str) -> None:
    """Nobody's cases are "0 cases" where only the name of the ledger was forgotten."""
    (tmp_path / "recon.yaml").write_text(
        "databases: {a: {url: 'sqlite:///a.db'}, b: {url: 'sqlite:///b.db'}}\n"
        "tables: {t: {source: {database: a, table: t}, target: {database: b, table: t}, key: [id], window: none}}\n"
    )
    environ = {"RECON_TABLES": str(tmp_path / "recon.yaml"), "RECON_HOME": str(tmp_path / "home")}

    result = runner.invoke(cli.app, words.split(), env=environ)

    assert result.exit_code == 2, result.output
    assert "There is no ledger: RECON_LEDGER_URL is not set" in result.stderr
    assert not (tmp_path / "home").exists()


def test_who_decides_must_be_known(runner: CliRunner) -> None:
    """Where the environment does not say it, it has to be typed."""
    case = DECIDE[-1]
    for words in ([*DECIDE, "APPLY_SOURCE", "--yes"], ["rollback", "case", case, "--yes"], ["review", "recheck", case]):
        result = runner.invoke(cli.app, words, env={"USER": None, "COLUMNS": "200"})

        assert result.exit_code == 2
        assert "--reviewer NAME" in result.stderr


def test_a_look_needs_no_name(runner: CliRunner) -> None:
    """What is wrong with the command comes first: who only looks is in no record."""
    result = runner.invoke(cli.app, ["rollback", "case", "nope"], env={"USER": None, "COLUMNS": "200"})

    assert result.exit_code == 2
    assert "names no case" in result.stderr


@pytest.mark.parametrize("group", ["review", "ledger"])
def test_each_command_of_a_group_has_help(runner: CliRunner, group: str) -> None:
    """And is named by the group's."""
    found: Any = cli._imported(group)
    listed = runner.invoke(cli.app, [group, "--help"]).output

    for name in found.commands:
        result = runner.invoke(cli.app, [group, name, "--help"])
        assert f"Usage: recon {group} {name}" in result.output
        assert name in listed


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((None, None, None), None),
        (("2024-05-01", None, None), ("2024-05-01", "2024-05-01")),
        ((None, "2024-05-01", "2024-05-03"), ("2024-05-01", "2024-05-03")),
        ((None, "2024-05-01", None), ("2024-05-01", "9999-12-31")),
        ((None, None, "2024-05-03"), ("", "2024-05-03")),
    ],
)
def test_span(given: tuple[str | None, str | None, str | None], found: tuple[str, str] | None) -> None:
    """One day, or from one to another; either end may be open."""
    assert review.asked_windows(*given) == found


@pytest.mark.parametrize(
    ("values", "nulls", "found"),
    [
        ([], [], {}),
        (["a.fee=1"], [], {"a": {"fee": "1"}}),
        (
            ["a.fee=1", "a.note=x=y.z", "b.fee="],
            ["b.note"],
            {"a": {"fee": "1", "note": "x=y.z"}, "b": {"fee": "", "note": None}},
        ),
        ([], ["a.odd=name"], {"a": {"odd=name": None}}),
    ],
)
def test_values(values: list[str], nulls: list[str], found: dict[str, Any]) -> None:
    """Empty text is no NULL, and a value may hold whatever it likes."""
    assert options.assigned(values, nulls) == found


@pytest.mark.parametrize(("values", "nulls"), [(["a.fee=1", "a.fee=2"], []), (["a.fee=1"], ["a.fee"]), (["a.=1"], [])])
def test_values_stand_once(values: list[str], nulls: list[str]) -> None:
    """Which of two is meant cannot be told."""
    with pytest.raises(DeclarationError, match="once for each"):
        options.assigned(values, nulls)


def test_custom_values_choose_their_records() -> None:
    """A value names the record that it is for; no --row is needed."""
    chosen = review.choice(Decision.CUSTOM_FIX, None, [f"{RECORD}.fee=1"], None)

    assert chosen == Resolution(Decision.CUSTOM_FIX, (RECORD,), {RECORD: {"fee": "1"}})
    assert review.choice(Decision.KEEP_TARGET, ["x"], None, None) == Resolution(Decision.KEEP_TARGET, ("x",))


@pytest.mark.parametrize(
    ("since", "said"),
    [
        (timedelta(days=40), "40 d"),
        (timedelta(hours=23, minutes=59), "23 h"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(seconds=-5), "0 s"),
    ],
)
def test_age(since: timedelta, said: str) -> None:
    """In the largest unit; a clock that is ahead makes nothing negative."""
    assert cases.age(NOW - since, NOW) == said


INSERT = Change("t", {"id": "7"}, None, {"id": "7", "name": "Ada", "fee": "2"})
UPDATE = Change("t", {"id": "7"}, {"name": "Bob", "fee": None}, {"name": "Ada", "fee": ""})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (INSERT, "insert t id=7: name=***, fee=2"),
        (INSERT.inverse, "delete t id=7: name=***, fee=2"),
        (UPDATE, "update t id=7: name: *** -> ***, fee: NULL -> ''"),
    ],
)
def test_a_change_in_a_line(change: Change, said: str) -> None:
    """Its row, its columns, what stands there before and after; no private value."""
    assert cases.change_line(change, SPEC.private) == said


def test_a_change_as_json() -> None:
    """Absent rows are null; private values are hidden."""
    assert cases.change_as_dict(UPDATE, SPEC) == {
        "table": "t",
        "action": "update",
        "key": {"id": "7"},
        "before": {"name": "***", "fee": None},
        "after": {"name": "***", "fee": ""},
    }
    assert cases.change_as_dict(INSERT, SPEC)["before"] is None


def test_changes_are_counted_in_words() -> None:
    """By what they do."""
    assert cases.tally({Action.UPDATE: 2_000, Action.INSERT: 1, Action.DELETE: 0}) == "1 insert, 2,000 updates"
    assert cases.tally({}) == "no rows"


def test_more_changes_than_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """It is said how many."""
    cases.show_changes([INSERT, UPDATE, UPDATE], {"t": SPEC}, 1)

    assert capsys.readouterr().out.splitlines() == [
        "  insert t id=7: name=***, fee=2",
        "  and 2 more; --limit or --json shows them",
    ]


def test_a_case_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """State, who decided what, who has it, severity, age, and how often it came back."""
    chosen = Resolution(Decision.KEEP_TARGET)
    cases.show_case(replace(CASE, reopened=2, assignee="ben", decided_by="ana", chosen=chosen), NOW)

    said = capsys.readouterr().out
    assert said.startswith("t/2024-05-01/mismatched: PENDING, KEEP_TARGET by ana, assigned to ben\n")
    assert "high severity" in said
    assert "(2 d), found again 2 times" in said


def test_records_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns that differ are marked, private values hidden, and what the ledger does not name is counted."""
    cases.show_records([SEEN], CASE, SPEC)

    said = capsys.readouterr().out
    lines = [line.split() for line in said.splitlines()]
    assert "Records (1 of 2; --limit shows more)" in said
    assert f"{RECORD}  id=7  seen 3 times since" in said
    assert "back 1 time" in said
    assert ["≠", "fee", "2", "99"] in lines
    assert ["≠", "name", "***", "***"] in lines
    assert ["note", "NULL", "NULL"] in lines
    assert "Also wrong, but not listed: 1 more record." in said
    assert "Ada" not in said
    assert "Bob" not in said


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (replace(CASE, named=0, wrong=2), ["", "Also wrong, but not listed: 2 more records."]),
        (replace(CASE, id=CaseId("t", "2024-05-01", "count"), named=0, wrong=2), []),
    ],
    ids=["of records", "of a check"],
)
def test_records_that_nobody_knows_by_name(capsys: pytest.CaptureFixture[str], case: Case, said: list[str]) -> None:
    """They are counted; what a check counts are no records."""
    cases.show_records([], case, SPEC)

    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize(
    ("lone", "cells"),
    [
        (replace(WRONG, differing=(), source=None), ["fee", "-", "99"]),
        (replace(WRONG, differing=(), target=None), ["fee", "2", "-"]),
    ],
)
def test_a_side_without_the_record_shows_nothing(
    capsys: pytest.CaptureFixture[str], lone: Discrepancy, cells: list[str]
) -> None:
    """Not NULL, which would be a value."""
    cases.show_records([replace(SEEN, discrepancy=lone)], CASE, SPEC)

    assert cells in [line.split() for line in capsys.readouterr().out.splitlines()]


def test_a_record_as_json() -> None:
    """Both sides whole, but for private values."""
    found = cases.record_as_dict(SEEN, SPEC)

    assert found["source"] == {"id": 7, "name": "***", "fee": 2, "note": None}
    assert (found["id"], found["key"], found["differing"]) == (RECORD, [7], ["name", "fee"])
    assert json.dumps(found)


def test_events_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """When, what, who and why."""
    cases.show_events([Event(CASE.id, 1, NOW, CaseEventType.FOUND, "recon", "left to a person [1]")])

    assert [*capsys.readouterr().out.splitlines()[-1].split()[3:]] == [
        "found",
        "recon",
        "left",
        "to",
        "a",
        "person",
        "[1]",
    ]


def test_a_password_becomes_an_entry(runner: CliRunner) -> None:
    """Of RECON_WEB_USERS; the password itself is not printed."""
    result = runner.invoke(cli.app, ["web", "hash-password", "ana"], input="correct horse\n")

    name, _, given = result.stdout.strip().partition(":")
    assert result.exit_code == 0
    assert name == "ana"
    assert fits("correct horse", given)


@pytest.mark.parametrize(
    ("keys", "code", "said"),
    [
        (["correct horse\n", "correct horse\n"], 0, "ana:scrypt-"),
        (["\x03"], 130, "Interrupted."),
    ],
    ids=["typed twice", "Ctrl-C"],
)
def test_a_password_is_typed_unseen(keys: list[str], code: int, said: str) -> None:
    """At a terminal, which shows nothing of it."""
    ours, theirs = os.openpty()
    # Ctrl-C is ignored by what a shell runs in the background, as these tests may be.
    program = (
        "import signal, recon_assets.cli as c\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "c.main(['web', 'hash-password', 'ana'])"
    )
    line = 'exec "$0" -c "$2" <"$1" >"$1" 2>&1'  # opened first, it is the session's own, so that Ctrl-C is heard
    command = ["sh", "-c", line, sys.executable, os.ttyname(theirs), program]
    with subprocess.Popen(command, start_new_session=True) as process:
        try:
            shown = ""
            for typed in keys:
                shown = read_until(ours, ": ", shown)
                os.write(ours, typed.encode())
            shown = read_until(ours, said, shown)
            assert process.wait(PATIENCE) == code
        finally:
            process.kill()
    os.close(ours)
    os.close(theirs)
    assert "correct" not in shown


def read_until(terminal: int, wanted: str, shown: str) -> str:
    """What a terminal shows, once more of it holds what is wanted."""
    seen = ""
    while wanted not in seen:
        assert select.select([terminal], [], [], PATIENCE)[0], f"{wanted!r} is not in {seen!r}"
        seen += os.read(terminal, 1000).decode()
    return shown + seen


@pytest.mark.parametrize("password", ["", "short"])
def test_short_passwords_are_refused(password: str) -> None:
    """Guessing them is easy, however slow."""
    with pytest.raises(DeclarationError, match="expected at least 8"):
        web.entry("ana", password)
