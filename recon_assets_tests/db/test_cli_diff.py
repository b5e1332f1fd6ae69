"""`recon diff` on real databases: every pair, what it prints, how it ends."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from recon_assets import cli
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, Name, Sides

PAIRS = [(source, target) for source in SOURCES for target in SOURCES]
FILES: tuple[Name, Name] = ("sqlite", "duckdb")
COLUMNS = "id INTEGER, name VARCHAR(20), fee INTEGER"
CLEAN: list[tuple[Any, ...]] = [(1, "Ada", 10), (2, None, 20), (3, "Cy", 30), (4, "=1+1", None)]
DAMAGED = [(1, "Ada", 10), (2, "", 20), (4, "=1+1", -5), (5, "Eve", 50)]
FOUND = {
    "verdict": "Different: 1 missing from the target, 1 only in the target, 2 with other values,"
    " of 4 records in the source.",
    "counts": {"source": 4, "target": 4, "missing": 1, "extra": 1, "mismatched": 2},
    "missing": [[3]],
    "extra": [[5]],
    "missing_records": [],
    "extra_records": [],
    "mismatched": [
        {"key": [2], "columns": {"name": [None, ""]}},
        {"key": [4], "columns": {"fee": [None, -5]}},
    ],
    "duplicate_keys": 0,
    "in_flight": 0,
    "complete": True,
    "undated": None,
    "outside": None,
    "key": ["id"],
    "columns": ["id", "name", "fee"],
    "renamed": {},
    "not_compared": [],
}
EQUAL = {
    "verdict": "Equal: 4 records on both sides, and none differs.",
    "counts": {"source": 4, "target": 4, "missing": 0, "extra": 0, "mismatched": 0},
    "missing": [],
    "extra": [],
    "missing_records": [],
    "extra_records": [],
    "mismatched": [],
    "duplicate_keys": 0,
    "in_flight": 0,
    "complete": True,
    "undated": None,
    "outside": None,
    "key": ["id"],
    "columns": ["id", "name", "fee"],
    "renamed": {},
    "not_compared": [],
}


def damaged(both: Both, source: Name, target: Name) -> Sides:
    """A table and its damaged copy."""
    sides = both(source, target)
    sides.create(COLUMNS, COLUMNS, CLEAN)
    sides.target.fill("t", DAMAGED)
    return sides


def diff(sides: Sides, *more: str, key: tuple[str, ...] = ("--key", "id")) -> Result:
    """What the command makes of both tables ``t``."""
    return CliRunner().invoke(
        cli.app, ["diff", sides.source.url, "t", sides.target.url, "t", *key, *more], catch_exceptions=False
    )


def found(sides: Sides, *more: str, key: tuple[str, ...] = ("--key", "id")) -> Any:
    """Its JSON."""
    result = diff(sides, "--json", *more, key=key)
    assert result.exit_code in {0, 1}, result.output
    return json.loads(result.stdout)


def recon(*tables: str) -> Result:
    """What the command makes of tables of any names."""
    return CliRunner().invoke(cli.app, ["diff", *tables, "--key", "Id"], catch_exceptions=False)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_every_difference_is_named(both: Both, source: Name, target: Name) -> None:
    """On every pair of databases the same JSON, to the letter; exit code 1."""
    sides = damaged(both, source, target)

    result = diff(sides, "--json")

    assert json.loads(result.stdout) == FOUND
    assert result.exit_code == 1
    assert result.stderr == ""


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_equal_tables_are_equal(both: Both, source: Name, target: Name) -> None:
    """Exit code 0, with nothing listed."""
    sides = both(source, target)
    sides.create(COLUMNS, COLUMNS, CLEAN)
    sides.target.fill("t", reversed(CLEAN))

    result = diff(sides, "--json")

    assert json.loads(result.stdout) == EQUAL
    assert result.exit_code == 0


def test_people_get_verdict_figures_and_samples(both: Both) -> None:
    """What differs stands side by side, and NULL is not an empty text."""
    result = diff(damaged(both, *FILES))

    assert result.exit_code == 1
    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.startswith(f"{FOUND['verdict']}\n")
    for expected in (["2", "name", "NULL", "''"], ["4", "fee", "NULL", "-5"], ["name", "1", "50.0%"], ["3"], ["5"]):
        assert expected in lines
    assert "Compared in " in result.stdout


def test_equal_is_said_in_one_sentence(both: Both) -> None:
    """The verdict stands first."""
    sides = both(*FILES)
    sides.create(COLUMNS, COLUMNS, CLEAN)
    sides.target.fill("t", CLEAN)

    result = diff(sides)

    assert result.stdout.startswith("Equal: 4 records on both sides, and none differs.\n")
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("more", "mismatched"),
    [
        (["--columns", "name"], [2]),
        (["--columns", "name,fee"], [2, 4]),
        (["--where", "id < 4"], [2]),
        (["--where", "name like '=%'"], [4]),
        (["--columns", "fee", "--rule", "fee:abs=100"], [4]),
    ],
)
def test_what_is_compared_can_be_limited(both: Both, more: list[str], mismatched: list[int]) -> None:
    """By columns and by rows."""
    assert [item["key"] for item in found(damaged(both, *FILES), *more)["mismatched"]] == [[key] for key in mismatched]


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (["--rule", "fee:abs=1", "--rule", "name:strip,ignore_case"], 0),
        (["--rule", "fee:rel=10%", "--rule", "name:strip,ignore_case"], 0),
        (["--rule", "fee:rel=9%", "--rule", "name:strip,ignore_case"], 1),
        (["--rule", "fee:abs=1", "--rule", "name:rstrip"], 1),
        (["--rule", "fee:abs=1"], 1),
    ],
)
def test_rules_say_what_equal_means(both: Both, rules: list[str], code: int) -> None:
    """Column by column."""
    sides = both(*FILES)
    sides.create(COLUMNS, COLUMNS, [(1, "Ada", 10)])
    sides.target.fill("t", [(1, " ADA ", 11)])

    assert diff(sides, *rules).exit_code == code


def test_columns_may_have_other_names(both: Both) -> None:
    """Results have the source's."""
    sides = both(*FILES)
    sides.create(COLUMNS, "nr INTEGER, name VARCHAR(20), price INTEGER", CLEAN)
    sides.target.fill("t", DAMAGED)

    assert found(sides, "--rename", "id=nr", "--rename", "fee=price") == FOUND


def test_names_meet_but_for_case_and_underscores(both: Both) -> None:
    """Tables, too, and their schemas; what that leaves open is asked for, and what nothing tells is counted."""
    sides = both("mysql", "postgresql")
    sides.source.run("CREATE TABLE `InvoiceLine` (Id integer PRIMARY KEY, UnitPrice decimal(5,2), kind text, a_b text)")
    sides.target.run("CREATE SCHEMA sales")
    sides.target.run("CREATE SCHEMA archive")
    sides.target.run(
        'CREATE TABLE sales.invoice_line (id int PRIMARY KEY, unit_price numeric(5,2), sort text, ab text, "aB" text)'
    )
    sides.source.run("INSERT INTO `InvoiceLine` VALUES (1, 1.50, 'x', 'y')")
    sides.target.run("INSERT INTO sales.invoice_line VALUES (1, -1.50, 'x', 'y', 'y')")
    tables = [sides.source.url, "invoice_line", sides.target.url, "invoice_lines"]

    assert "target:invoice_lines: there is no such table; did you mean 'sales.invoice_line'?" in recon(*tables).output
    tables[3] = "invoiceLine"
    exact, met = recon(*tables, "--exact-names"), recon(*tables, "--json")

    assert "source:invoice_line: there is no such table; did you mean 'InvoiceLine'?" in exact.output
    found = json.loads(met.stdout)
    assert found["verdict"].startswith(
        "Different: 1 with other values, of 1 record in the source; not compared: kind ("
    )
    assert found["mismatched"] == [{"key": [1], "columns": {"UnitPrice": ["1.5", "-1.5"]}}]
    assert found["renamed"] == {"Id": "id", "UnitPrice": "unit_price"}
    asked = "; a_b of the source, ab and aB of the target: say by a rename which two are one"
    which = "; if kind and sort are one, add the rename kind=sort"
    assert [(column["column"], column["why"]) for column in found["not_compared"]] == [
        ("kind", f"only in the source{which}"),
        ("a_b", f"only in the source{asked}"),
        ("sort", f"only in the target{which}"),
        ("ab", f"only in the target{asked}"),
        ("aB", f"only in the target{asked}"),
    ]
    told = recon(*tables).stdout
    assert " sales.invoice_line " in told
    assert (
        "  - Taken for one, for they differ in case and _ alone (--exact-names): Id=id, UnitPrice=unit_price.\n" in told
    )
    sides.target.run("CREATE TABLE archive.invoice_line (id integer)")

    assert "it may mean archive.invoice_line or sales.invoice_line: name one of them" in recon(*tables).output


def test_keys_may_have_many_columns(both: Both) -> None:
    """Named one by one, or with commas."""
    sides = damaged(both, *FILES)

    for key in (("--key", "id", "--key", "name"), ("--key", "id,name")):
        assert found(sides, key=key)["missing"] == [[2, None], [3, "Cy"]]


def test_whole_records_are_compared_without_a_key(both: Both) -> None:
    """How often each stands there counts."""
    sides = both(*FILES)
    sides.create(COLUMNS, COLUMNS, [CLEAN[0], CLEAN[0], CLEAN[1]])
    sides.target.fill("t", [CLEAN[0], CLEAN[1]])

    assert found(sides, key=("--no-key",))["counts"] == {
        "source": 3,
        "target": 2,
        "missing": 1,
        "extra": 0,
        "mismatched": 0,
    }
    assert "Ada" in diff(sides, key=("--no-key",)).stdout


def test_a_tolerance_needs_a_key(both: Both) -> None:
    """Whole records cannot be nearly equal."""
    result = diff(damaged(both, *FILES), "--rule", "fee:abs=1", key=("--no-key",))

    assert result.exit_code == 2
    assert result.stdout == ""


def test_a_query_can_stand_for_a_table(both: Both) -> None:
    """In parentheses."""
    sides = damaged(both, *FILES)
    words = ["diff", sides.source.url, "(select id, name from t where id <> 3)", sides.target.url, "t", "--key", "id"]

    assert json.loads(CliRunner().invoke(cli.app, [*words, "--json"]).stdout)["missing"] == []


def test_evidence_is_capped_and_counts_are_exact(both: Both) -> None:
    """It is said in JSON, and to people."""
    sides = both(*FILES)
    sides.create(COLUMNS, COLUMNS, [(number, "x", 0) for number in range(50)])

    capped = found(sides, "--max-evidence", "7")

    assert (capped["counts"]["missing"], len(capped["missing"]), capped["complete"]) == (50, 7, False)
    result = diff(sides, "--max-evidence", "7")
    assert result.exit_code == 1
    assert "Listed are 7 of the 50 records that differ" in result.stdout
    assert diff(sides, "--max-evidence", "0").exit_code == 1


@pytest.fixture
def dated(both: Both) -> Sides:
    """Rows of three days, the second of which differs; one has no day."""
    sides = both("postgresql", "postgresql")
    rows = [(day, f"2024-01-0{day} 12:00", "x") for day in (1, 2, 3)]
    sides.create("id INTEGER, at TIMESTAMP, name TEXT", "id INTEGER, at TIMESTAMP, name TEXT", rows)
    sides.target.fill("t", [(*rows[0][:2], "y"), (*rows[1][:2], "y"), rows[2], (4, None, "z")])
    return sides


def test_a_window_limits_the_days(dated: Sides) -> None:
    """Days from the first until before the last; what lies outside is remarked on, beside the JSON."""
    result = diff(dated, "--window", "at,2024-01-02,2024-01-04", "--json")

    report = json.loads(result.stdout)
    assert [item["key"] for item in report["mismatched"]] == [[2]]
    assert report["counts"]["source"] == 2
    assert report["undated"] == [0, 1]
    assert result.stderr.startswith("Without a time: ")


@pytest.mark.parametrize(("strict", "codes"), [([], [1, 0]), (["--strict"], [1, 1])])
def test_rows_without_a_time_count_in_the_verdict(dated: Sides, strict: list[str], codes: list[int]) -> None:
    """Not as many on both sides is a difference; as many are said, and fail who is strict."""
    words = ["--window", "at,2024-01-03,2024-01-04", *strict]
    results = [diff(dated, *words)]
    dated.source.fill("t", [(4, None, "z")])
    results.append(diff(dated, *words))

    assert [result.exit_code for result in results] == codes
    assert "not compared: 0 rows of the source and 1 of the target without a time." in results[0].stdout
    assert "not compared: 1 row of the source and 1 of the target without a time." in results[1].stdout


@pytest.mark.parametrize(
    ("words", "undated"),
    [
        (["--window", "at,2030-01-01,2030-02-01"], [0, 1]),
        (["--where", "name = 'no such'"], None),
        (["--window", "at,2024-01-01,2024-02-01", "--where", "name = 'no such'"], [0, 0]),
    ],
)
def test_where_no_row_was_asked_for_nothing_is_known(dated: Sides, words: list[str], undated: list[int] | None) -> None:
    """Two empty windows of tables that have rows are no agreement: exit code 3, or 1 where times are missing."""
    if undated == [0, 1]:
        dated.source.fill("t", [(4, None, "z")])
        undated = [1, 1]
    result = diff(dated, *words, "--json")

    report = json.loads(result.stdout)
    assert result.exit_code == 3
    assert report["verdict"].startswith("Not known: no record was compared; outside of --window and --where: ")
    without_time = 0 if undated is None else undated[1]
    assert report["outside"] == [3, 4 - without_time], "rows without a time are counted once"
    assert report["undated"] == undated
    dated.source.run("DELETE FROM t")
    dated.target.run("DELETE FROM t")
    assert diff(dated, *words).stdout.startswith("Equal: both sides are empty.")


def test_young_rows_are_in_flight(both: Both) -> None:
    """They differ, and do not count yet."""
    sides = both("postgresql", "postgresql")
    sides.create("id INTEGER, at TIMESTAMPTZ, name TEXT", "id INTEGER, at TIMESTAMPTZ, name TEXT")
    sides.source.run("INSERT INTO t VALUES (1, now(), 'x'), (2, '2001-01-01', 'x')")
    sides.target.run("INSERT INTO t VALUES (2, '2001-01-01', 'x')")

    report = found(sides, "--grace-period", "1h", "--updated-at", "at")

    assert (report["in_flight"], report["counts"]["missing"]) == (1, 0)


def test_rows_changed_in_the_future_are_compared(both: Both) -> None:
    """They would be in flight for ever, and nothing would say so; clocks may differ by seconds."""
    sides = both("postgresql", "postgresql")
    sides.create("id INTEGER, at TIMESTAMPTZ, name TEXT", "id INTEGER, at TIMESTAMPTZ, name TEXT")
    sides.source.run("INSERT INTO t VALUES (1, now() + interval '9 years', 'x'), (2, now() + interval '20 s', 'x')")

    report = found(sides, "--grace-period", "1h", "--updated-at", "at")

    assert (report["in_flight"], report["missing"]) == (1, [[1]])


def test_all_in_flight_is_no_agreement(both: Both) -> None:
    """Nothing was compared that has settled: exit code 3, and the verdict says why."""
    sides = both("postgresql", "postgresql")
    sides.create("id INTEGER, at TIMESTAMPTZ", "id INTEGER, at TIMESTAMPTZ")
    sides.source.run("INSERT INTO t VALUES (1, now())")

    result = diff(sides, "--grace-period", "1h", "--updated-at", "at")

    assert result.stdout.startswith("Not known: no record was compared; 1 record in flight, and no others.\n")
    assert result.exit_code == 3


def test_columns_of_one_side_stand_in_the_verdict(both: Both) -> None:
    """In JSON too; who is strict takes them for a difference, who leaves them out is not told of them."""
    sides = both(*FILES)
    sides.create(f"{COLUMNS}, lastName VARCHAR(9)", f"{COLUMNS}, last_name VARCHAR(9), loaded VARCHAR(9)")
    sides.source.run("INSERT INTO t VALUES (1, 'Ada', 10, 'x')")
    sides.target.run("INSERT INTO t VALUES (1, 'Ada', 10, 'y', 'z')")

    result = diff(sides, "--exact-names")

    assert result.stdout.startswith(
        "Equal in 3 of 5 columns: 1 record on both sides, and none differs;"
        " not compared: lastName (only in the source), last_name (only in the target), loaded (only in the target).\n"
    )
    assert result.exit_code == 0
    which = "if lastName and last_name are one, add the rename lastName=last_name"
    assert f"Not compared: lastName: only in the source; {which}.\n" in result.stdout
    assert found(sides, "--exact-names")["not_compared"] == [
        {"column": "lastName", "side": "source", "why": f"only in the source; {which}"},
        {"column": "last_name", "side": "target", "why": f"only in the target; {which}"},
        {"column": "loaded", "side": "target", "why": "only in the target"},
    ]
    assert diff(sides, "--exact-names", "--strict").exit_code == 1
    assert diff(sides, "--strict", "--columns", "name,fee").exit_code == 0
    assert diff(sides, "--exact-names", "--rename", "lastName=last_name").exit_code == 1


def test_only_the_key_in_common_is_no_agreement(both: Both) -> None:
    """Exit code 3; equal keys are what was asked for when no other column is."""
    sides = both(*FILES)
    sides.create("id INTEGER, a INTEGER", "id INTEGER, b INTEGER", [(1, 1)])
    sides.target.fill("t", [(1, 2)])

    result = diff(sides)

    assert result.stdout.startswith("Not known: the keys of 1 record are on both sides, and no other column could be")
    assert result.exit_code == 3
    chosen = diff(sides, "--columns", "id", "--strict")
    assert chosen.stdout.startswith("The keys are equal: 1 record on both sides; no other column was to be compared.")
    assert chosen.exit_code == 0


def test_types_that_cannot_be_compared_keep_nothing_from_being_compared(both: Both) -> None:
    """They stand in the verdict, unless they are named or of the key; `--cast` makes another type of the source's."""
    sides = both("postgresql", "sqlite")
    sides.create("id INTEGER, name TEXT, at INT4RANGE", "id INTEGER, name TEXT, at TEXT")
    sides.source.run("INSERT INTO t VALUES (1, 'x', '[1,3)'), (2, 'x', NULL)")
    sides.target.fill("t", [(1, "x", "[1,3)"), (2, "y", None)])

    report = found(sides)

    assert report["counts"]["mismatched"] == 1
    assert [(column["column"], column["side"]) for column in report["not_compared"]] == [("at", "both")]
    assert "at (" in diff(sides).stdout.splitlines()[0]
    for refused in (diff(sides, "--columns", "at"), diff(sides, key=("--key", "id,at"))):
        assert refused.exit_code == 2
        assert "at: " in refused.stderr
    cast = found(sides, "--cast", "at=text", "--strict")
    assert (cast["not_compared"], cast["columns"]) == ([], ["id", "name", "at"])
    assert [item["key"] for item in cast["mismatched"]] == [[2]]
    sides.target.run("UPDATE t SET at = '[1,4)' WHERE id = 1")
    assert found(sides, "--cast", "at=text")["mismatched"][0]["columns"] == {"at": ["[1,3)", "[1,4)"]}


@pytest.mark.parametrize(
    ("cast", "said"),
    [
        (["at"], "--cast 'at': expected column = a type of the source's database"),
        (["at="], "--cast 'at=': expected"),
        (["at=text", "at=text"], "once for each column"),
        (["nix=text"], "the source has no column 'nix'"),
        (["at=no_such_type"], "no_such_type"),
    ],
)
def test_bad_casts_are_refused(both: Both, cast: list[str], said: str) -> None:
    """Exit code 2, with what was expected or what the database said."""
    sides = both("postgresql", "postgresql")
    sides.create("id INTEGER, at TEXT", "id INTEGER, at TEXT")

    result = diff(sides, *(word for each in cast for word in ("--cast", each)))

    assert result.exit_code == 2
    assert said in result.stderr


def test_evidence_goes_into_a_table(both: Both, tmp_path: Path) -> None:
    """All of it, beside what is printed."""
    out = tmp_path / "found.csv"

    result = diff(damaged(both, *FILES), "--json", "--out", str(out))

    assert json.loads(result.stdout) == FOUND
    with out.open(encoding="utf-8", newline="") as file:
        rows = [tuple(row.values()) for row in csv.DictReader(file)]
    assert rows == [
        ("missing", "3", "", '{"id": 3, "name": "Cy", "fee": 30}', ""),
        ("extra", "5", "", "", '{"id": 5, "name": "Eve", "fee": 50}'),
        ("mismatched", "2", "name", "", ""),
        ("mismatched", "4", "fee", "", "-5"),
    ]


def test_evidence_goes_into_a_page(both: Both, tmp_path: Path) -> None:
    """Which stands alone."""
    out = tmp_path / "found.html"

    result = diff(damaged(both, *FILES), "--out", str(out))

    assert f"All that is listed stands in {out}." in result.stdout
    assert '<td class="value">&#39;&#39;</td>' in out.read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda words: [*words[:2], "nowhere", *words[3:]], "nowhere"),
        (lambda words: [*words[:4], "a.b.c", *words[5:]], "a.b.c"),
        (lambda words: [*words, "--key", "nr"], "nr"),
        (lambda words: [*words, "--columns", "nix"], "nix"),
        (lambda words: [*words, "--rule", "nix:strip"], "nix"),
        (lambda words: [*words, "--rename", "nix=x"], "nix"),
        (lambda words: [*words, "--rename", "name=nix"], "the target has no column 'nix'"),
        (lambda words: [*words, "--window", "nix,2024-01-01,2024-01-02"], "nix"),
        (lambda words: [*words, "--grace-period", "1m", "--updated-at", "nix"], "nix"),
        (lambda words: [*words, "--where", "nix = 1"], "nix"),
        (lambda words: [*words[:3], "sqlite:///gone.db", *words[4:]], "there is no file gone.db"),
    ],
)
def test_what_is_not_there_is_named(both: Both, change: Callable[[list[str]], list[str]], said: str) -> None:
    """Never a verdict: exit code 2 or 3, and a sentence with the name."""
    sides = damaged(both, *FILES)

    result = CliRunner().invoke(cli.app, change(["diff", sides.source.url, "t", sides.target.url, "t", "--key", "id"]))

    assert result.exit_code in {2, 3}
    assert result.stdout == ""
    assert result.stderr.startswith("recon: ")
    assert said in result.stderr


def test_a_database_that_does_not_answer(both: Both) -> None:
    """Exit code 3; the password is not repeated."""
    sides = damaged(both, *FILES)
    words = ["diff", "postgresql://u:hunter2@127.0.0.1:1/x", "t", sides.target.url, "t", "--key", "id"]

    result = CliRunner().invoke(cli.app, words)

    assert result.exit_code == 3
    assert "hunter2" not in result.output


def test_no_password_is_printed(both: Both, tmp_path: Path) -> None:
    """Neither on the screen nor in a file."""
    sides = both("postgresql", "postgresql")
    sides.create(COLUMNS, COLUMNS, CLEAN)
    url = sides.source.url.replace("postgres@", "postgres:hunter2@")
    out = tmp_path / "x.html"

    result = CliRunner().invoke(cli.app, ["diff", url, "t", sides.target.url, "t", "--key", "id", "--out", str(out)])

    assert result.exit_code == 1
    assert "***" in result.stdout
    assert "hunter2" not in result.output + out.read_text()


def process(*words: str, **more: Any) -> subprocess.Popen[str]:
    """The command in a process of its own, where Ctrl-C is not ignored (as in the background of a shell)."""
    code = (
        "import signal, recon_assets.cli as c\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"c.main({list(words)!r})"
    )
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more}
    return subprocess.Popen([sys.executable, "-c", code], **pipes)


# In this database: tests of other workers sleep in theirs.
SLEEPING: dict[Name, str] = {
    "postgresql": "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()",
    "mysql": "SELECT 1 FROM information_schema.processlist WHERE state = 'User sleep'",
}


@pytest.mark.parametrize(("name", "sleep"), [("postgresql", "pg_sleep(300)::text"), ("mysql", "sleep(300)")])
def test_ctrl_c_leaves_at_once(both: Both, name: Name, sleep: str) -> None:
    """In the middle of a statement: exit code 130, one line, no verdict; and the server ends it, too."""
    sides = both(name, name)
    sides.create(COLUMNS, COLUMNS, CLEAN)
    slow = f"(select id, name, {sleep} as slept from t)"
    running = process("diff", sides.source.url, slow, sides.target.url, slow, "--key", "id")
    until(lambda: bool(sides.source.rows(SLEEPING[name])))

    os.kill(running.pid, {"postgresql": signal.SIGTERM}.get(name, signal.SIGINT))  # a polite kill is like Ctrl-C
    out, said = running.communicate(timeout=60)
    until(lambda: not sides.source.rows(SLEEPING[name]))

    assert running.returncode == 130
    assert (out, said) == ("", "recon: Interrupted; the comparison was not finished.\n")


def until(happened: Callable[[], bool]) -> None:
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen")


@pytest.mark.repeats
@pytest.mark.parametrize(("more", "code"), [(["--json"], 1), ([], 1), (["--where", "1 = 0"], 3)])
def test_a_reader_may_go_away(both: Both, more: list[str], code: int) -> None:
    """`| head` gets its lines, and the exit code still tells the truth."""
    sides = both(*FILES)
    sides.create(COLUMNS, COLUMNS)
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) SELECT i, 'x', i FROM n"
    sides.source.run(f"INSERT INTO t {many}")
    words = ["diff", sides.source.url, "t", sides.target.url, "t", "--key", "id", "--max-evidence", "99999", *more]
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "w") as closed:
        running = process(*words, stdout=closed)
        _, said = running.communicate(timeout=60)

    assert running.returncode == code
    assert said == ""


FAULTS = [
    pytest.param([], ["--where", "1 / (id - id) = 1"], 3, "division by zero", id="division by zero"),
    pytest.param([], ["--where", "pg_terminate_backend(pg_backend_pid())"], 3, "", id="session ended"),
    pytest.param(["SET default_transaction_isolation = serializable"], [], 0, "", id="isolation"),
    pytest.param([], ["--where", "no_such(id)"], 2, "no_such", id="no such function"),
    pytest.param([], ["--where", "id = 'x'"], 3, "", id="wrong type"),
    pytest.param([], ["--columns", "nix"], 2, "nix", id="no such column"),
    pytest.param([], ["--cast", "name=uuid"], 3, "", id="a value that cannot be cast"),
]


@pytest.mark.parametrize(("role", "more", "code", "said"), FAULTS)
def test_no_fault_looks_like_a_verdict(both: Both, role: list[str], more: list[str], code: int, said: str) -> None:
    """Wrong use is 2 and what could not be compared is 3, whatever the database says; 1 only where records differ."""
    sides = both("postgresql", "postgresql")
    sides.create(COLUMNS, COLUMNS, CLEAN)
    sides.target.fill("t", CLEAN)
    name = sides.source.rows("SELECT current_database()")[0][0]
    sides.source.run(*(f'ALTER DATABASE "{name}" {setting}' for setting in role))

    result = diff(sides, *more)
    sides.source.run(f'ALTER DATABASE "{name}" RESET ALL')

    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert bool(result.stdout) == (code == 0)


@pytest.mark.parametrize(
    ("more", "code"), [([], 1), (["--where", "id = 1"], 0), (["--columns", "nix"], 2), (["--json"], 1)]
)
@pytest.mark.repeats
def test_both_readers_may_go_away(both: Both, more: list[str], code: int) -> None:
    """`2>&1 | head -0`: what happened is in the exit code, and no traceback anywhere."""
    sides = damaged(both, *FILES)
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "w") as closed:
        words = ["diff", sides.source.url, "t", sides.target.url, "t", "--key", "id", *more]
        running = process(*words, stdout=closed, stderr=closed)
        running.wait(timeout=60)

    assert running.returncode == code


def test_the_tables_know_their_key(both: Both) -> None:
    """By default the primary key, else what is unique and never NULL, of either side; the output says which."""
    sides = both("postgresql", "postgresql")
    sides.source.run(
        "CREATE TABLE t (id int, code text NOT NULL UNIQUE, maybe int UNIQUE, fee numeric(10, 3))",
        "INSERT INTO t SELECT n, 'c' || n, n, n FROM generate_series(1, 40) n",
        "CREATE TABLE u (LIKE t)",
        "INSERT INTO u SELECT * FROM t",
    )
    sides.target.run(
        "CREATE TABLE t (id int PRIMARY KEY, code text, maybe int, fee numeric(9, 2))",
        "INSERT INTO t SELECT n, 'c' || n, n, CASE n WHEN 9 THEN 11.1 ELSE n END FROM generate_series(1, 39) n",
        "CREATE TABLE u (LIKE t)",
    )

    assert found(sides, key=())["missing"] == [["c40"]]
    said = diff(sides, key=()).stdout
    assert "Key: code, which the tables declare unique; --key names another." in said
    assert ["c9", "fee", "9.000", "11.10"] in [line.split() for line in said.splitlines()]
    theirs = ["diff", sides.source.url, "u", sides.target.url, "t", "--json"]
    assert json.loads(CliRunner().invoke(cli.app, theirs).stdout)["key"] == ["id"]
    neither = CliRunner().invoke(cli.app, ["diff", sides.source.url, "u", sides.target.url, "u"])
    assert neither.exit_code == 2
    assert "u: no key is named, and neither side has a primary key or unique NOT NULL columns" in neither.stderr


@pytest.mark.parametrize("name", SOURCES)
def test_faults_name_their_side_and_the_column_that_was_meant(both: Both, name: Name) -> None:
    """A column of --where that there is not, and one of a table of another name."""
    sides = both(name, name)
    sides.create(COLUMNS, COLUMNS, CLEAN)
    sides.target.run("CREATE TABLE copy (nr INTEGER, name VARCHAR(20))")

    def said(*words: str) -> str:
        result = CliRunner().invoke(cli.app, ["diff", sides.source.url, *words])
        assert result.exit_code == 2, result.output
        return result.stderr

    assert "did you mean 'name'?" in said("t", sides.target.url, "t", "--key", "id", "--where", "nme = 'x'")
    assert "(query) -> copy: the target has no column 'id'; there are" in said(
        "(select * from t)", sides.target.url, "copy", "--key", "id"
    )


def test_what_is_no_database_says_what_to_do(both: Both, tmp_path: Path) -> None:
    """A file of another kind, and a host that nobody knows: to try again would not help."""
    sides = damaged(both, *FILES)
    (tmp_path / "notes.txt").write_text("no database\n" * 100)

    def said(url: str, code: int) -> str:
        result = CliRunner().invoke(cli.app, ["diff", sides.source.url, "t", url, "t"])
        assert result.exit_code == code, result.output
        return result.stderr

    assert "is no SQLite database; name another file" in said(f"sqlite:///{tmp_path}/notes.txt", 2)
    assert "is no DuckDB database; name another file" in said(f"duckdb:///{tmp_path}/notes.txt", 2)
    for scheme in ("postgresql", "mysql"):
        assert "; check user, password, host and database in the URL" in said(f"{scheme}://u@nohost.invalid/x", 3)


def test_advice_that_is_followed_works(both: Both) -> None:
    """Where a rule would settle what was found, the output names it, and with it the tables are equal."""
    sides = both("postgresql", "postgresql")
    columns = (
        "id int PRIMARY KEY, fee numeric, tax numeric, name text, note text, code text, weight float8, made timestamp"
    )
    values = "n, n * 1.005 + 7, n * 1.019, 'Ada ' || n || 'x', 'b' || n, E'caf\\u00e9' || n, n / 7.0::float8"
    made = "'2024-01-01'::timestamp + n * interval '1.000777 day'"
    changed = "round(fee, 2), trunc(tax, 1), upper(name), note || '  ', normalize(code, NFD), weight::real"
    for side in (sides.source, sides.target):
        side.run(f"CREATE TABLE t ({columns})", f"INSERT INTO t SELECT {values}, {made} FROM generate_series(1, 99) n")
    sides.target.run(
        "CREATE TABLE u AS SELECT * FROM t",
        "DELETE FROM t",
        f"INSERT INTO t SELECT id, {changed}, date_trunc('second', made) FROM u",
    )

    (advice,) = (line for line in diff(sides).stdout.splitlines() if "If that is no fault: " in line)
    typed = shlex.split(advice.partition("If that is no fault: ")[2].partition(", or declare ")[0])

    assert len(typed) == 2 * 7
    assert diff(sides, *typed).stdout.startswith("Equal: 99 records on both sides, and none differs.")
