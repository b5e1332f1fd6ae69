"""`recon check` on real databases: what it says of declared tables, and how it ends."""

import json
import os
import pty
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from recon_assets import cli
from recon_assets.checks import Count, Keys
from recon_assets.cli import checks
from recon_assets.declare import load_project
from recon_assets.errors import UnavailableError
from recon_assets.local import VARIABLES
from recon_assets.model import Evidence, Finding
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, Name, Sides
from recon_assets_tests.db.test_cli_diff import SLEEPING, until

PAIRS: list[tuple[Name, Name]] = [(source, target) for source in SOURCES for target in ("postgresql", "mysql")]
COLUMNS = "id INTEGER, made TIMESTAMP NULL, name VARCHAR(20), fee INTEGER"
ROWS = [
    (day * 10 + number, f"2024-01-0{day} 12:00:00", f"n{number}", number) for day in (1, 2, 3) for number in range(4)
]
TOLD = "Declaration: tables.yaml (RECON_TABLES)\n"
DECLARATION = """\
databases:
  shop: {{url: {{env: SHOP_URL}}}}
  lake: {{url: {{env: LAKE_URL}}}}
tables:
  orders:
    source: {{database: shop, table: t}}
    target: {{database: lake, table: t}}
    key: [id]
    window: {window}
    columns: {{private: [name]}}
    checks: [{checks}]
  bare:
    source: {{database: shop, table: t}}
    target: {{database: lake, table: u}}
    key: [id]
    window: none
"""


class Shop:
    """A declared table in two databases, and the command."""

    def __init__(self, sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sides = sides
        monkeypatch.setenv("SHOP_URL", sides.source.url)
        monkeypatch.setenv("LAKE_URL", sides.target.url)
        monkeypatch.setenv("RECON_TABLES", "tables.yaml")
        self.declare("count, keys, fields")

    def declare(self, checks: str, window: str = "{column: made, start: 2024-01-01, end: 2024-01-04}") -> None:
        """Write the declaration."""
        Path("tables.yaml").write_text(DECLARATION.format(checks=checks, window=window))

    def check(self, *words: str) -> Result:
        """Run the command."""
        return CliRunner().invoke(cli.app, ["check", *words])

    def found(self, *words: str) -> list[dict[str, Any]]:
        """Its JSON."""
        result = self.check("orders", "--json", *words)
        assert result.exit_code in {0, 1, 3}, result.output
        findings: list[dict[str, Any]] = json.loads(result.stdout)
        return findings


@pytest.fixture
def shop(both: Both, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest) -> Shop:
    """A target that lacks one record of the second day, and has another one wrong on the third."""
    monkeypatch.chdir(tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    sides = both(*getattr(request, "param", ("postgresql", "postgresql")))
    sides.create(COLUMNS, COLUMNS, ROWS)
    sides.target.fill("t", [row for row in ROWS if row[0] != 21])
    sides.target.run("UPDATE t SET fee = 99, name = 'odd' WHERE id = 32")
    return Shop(sides, monkeypatch)


@pytest.mark.parametrize("shop", PAIRS, indirect=True)
def test_each_day_of_each_check_is_judged(shop: Shop) -> None:
    """On every pair of databases: which day of which check failed; exit code 1."""
    found = shop.found()

    assert len(found) == 10
    assert {(item["check"], item["window"], item["wrong"]) for item in found if not item["passed"]} == {
        ("count", "2024-01-02", 1),
        ("keys", "2024-01-02", 1),
        ("fields", "2024-01-03", 1),
    }
    assert shop.check("orders").exit_code == 1


def test_a_manager_can_read_it(shop: Shop) -> None:
    """Verdict, a line a check, then sentences that read alone."""
    result = shop.check("orders")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.stdout.startswith("Failed: of 4 checks of 1 table, 3 failed.\n")
    assert result.stderr == TOLD
    for check in ("count", "keys", "fields"):
        assert ["orders", check, "2", "1", "1", "high"] in lines
    assert "2024-01-02" in result.stdout
    assert "2024-01-03" in result.stdout
    assert ["records", "such", "as", "id", "21"] in lines
    assert ["records", "such", "as", "id", "32"] in lines


def test_all_passed(shop: Shop) -> None:
    """Exit code 0."""
    result = shop.check("orders", "--to", "2024-01-01")

    assert result.stdout.startswith("Passed: 4 checks of 1 table.\n")
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("words", "windows"),
    [
        (["--from", "2024-01-02", "--to", "2024-01-02"], {"2024-01-02"}),
        (["--from", "2024-01-02"], {"2024-01-02", "2024-01-03"}),
        (["--to", "2024-01-02"], {"2024-01-01", "2024-01-02"}),
        (["--from", "2020-01-01", "--to", "2030-01-01"], {"2024-01-01", "2024-01-02", "2024-01-03"}),
    ],
)
def test_days_can_be_chosen(shop: Shop, words: list[str], windows: set[str]) -> None:
    """Both ends belong to it; days that are not declared don't."""
    assert {item["window"] for item in shop.found(*words)} == {*windows, "all"}


def test_checks_can_be_chosen(shop: Shop) -> None:
    """By their names."""
    assert {item["check"] for item in shop.found("--only", "count", "--only", "keys")} == {"count", "keys"}


def test_days_without_an_end_go_on_until_yesterday(shop: Shop) -> None:
    """Today is not over."""
    shop.declare("count", window="{column: made, start: 2024-01-01, timezone: UTC}")
    today = datetime.now(UTC).date().isoformat()

    windows = [item["window"] for item in shop.found("--only", "count")]

    assert windows[:2] == ["2024-01-01", "2024-01-02"]
    assert max(windows) < today
    assert shop.found("--from", today, "--to", today)[0]["window"] == today


def test_everything_can_be_reconciled_at_once(shop: Shop) -> None:
    """As the demo does: all checks of all tables on all days that have ended."""
    result = checks.reconciled(load_project(), datetime(2024, 1, 3, 1, tzinfo=UTC))

    assert {tally.check: (tally.passed, tally.failed, tally.error) for tally in result.tallies.values()} == {
        "count": (1, 1, ""),
        "keys": (1, 1, ""),
        "fields": (2, 0, ""),
        "undated": (1, 0, ""),
    }
    assert result.exit_code == 1


@dataclass(frozen=True)
class Breaks(Count):
    """A check that gives up on the second day."""

    def judge(self, evidence: Evidence) -> Finding:
        """Passes on the first."""
        if evidence.window == "2024-01-01":
            return super().judge(evidence)
        msg = "the server is gone"
        raise UnavailableError(msg)


def test_an_error_in_one_table_leaves_the_others(shop: Shop) -> None:
    """What was judged of it stands, the rest could not run: exit code 3."""
    project = load_project()
    orders = project.tables["orders"]
    broken = replace(orders, name="broken", checks=(Breaks(), Keys(named="later")))
    both = replace(project, tables={"broken": broken, "orders": orders})

    result = checks.reconciled(both, datetime(2024, 1, 4, 1, tzinfo=UTC))

    tallies = {at: (tally.passed, tally.failed, tally.not_run) for at, tally in result.tallies.items()}
    assert tallies["broken", "count"] == (1, 0, 2)
    assert tallies["broken", "later"] == (1, 0, 2)
    assert [tallies["orders", name] for name in ("count", "keys", "fields")] == [(2, 1, 0)] * 3
    assert result.exit_code == 3
    assert result.tallies["broken", "count"].error == "the server is gone"


@dataclass(frozen=True)
class Faulty(Count):
    """A check with a fault of its own, which no error of ours covers."""

    def judge(self, evidence: Evidence) -> Finding:
        """Raises what a programmer did not think of."""
        return super().judge(evidence.facts["nothing"])  # type: ignore[index,arg-type]


def test_a_fault_of_the_program_stays_in_its_table(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Its table could not be judged, the traceback is on standard error, and the other table is judged."""
    project = load_project()
    orders = project.tables["orders"]
    both = {"broken": replace(orders, name="broken", checks=(Faulty(),)), "orders": orders}

    result = checks.reconciled(replace(project, tables=both), datetime(2024, 1, 4, 1, tzinfo=UTC))

    assert (result.total("not_run"), result.total("failed"), result.exit_code) == (3, 3, 3)
    assert result.tallies["broken", "count"].error.startswith("KeyError, a fault of this program")
    assert "Traceback" in capsys.readouterr().err


FAULTY = """\
  away:
    source: {{database: shop, table: t}}
    target: {{database: gone, table: t}}
    key: [id]
    window: none
    checks: [count, fields]
  unfit:
    source: {{database: shop, table: t}}
    target: {{database: lake, table: t}}
    key: [nix]
    window: none
    where: id > 0
    checks: [count, fields]
  zero:
    source: {{database: shop, table: t}}
    target: {{database: lake, table: t}}
    key: [id]
    window: none
    where: id > 1
    checks: [{{kind: rule, name: share, source: SELECT 1 / 0 AS a, target: SELECT 1 / 0 AS a}}, count]
  slow:
    source: {{database: hasty, table: t}}
    target: {{database: lake, table: t}}
    key: [id]
    window: none
    where: id > 2
    checks: [{{kind: rule, name: nap, source: SELECT pg_sleep(9)::text AS a, target: SELECT '' AS a}}, count]
  later:
    source: {{database: shop, table: t}}
    target: {{database: lake, table: t}}
    key: [id]
    window: {{column: made, start: 2999-01-01}}
    where: id > 3
    checks: [count]
"""


def test_whatever_is_wrong_with_a_table_the_others_are_checked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases that are away, declarations that no longer fit, queries that fail or take too long: exit code 3.

    Each fault is a finding of its own table and check; a table of which no day has ended is named.
    """
    monkeypatch.setenv("GONE_URL", "postgresql://127.0.0.1:1/x")
    declaration = Path("tables.yaml").read_text()
    databases = "  gone: {url: {env: GONE_URL}}\n  hasty: {url: {env: SHOP_URL}, statement_timeout: 1s}\n"
    declaration = declaration.replace("tables:\n", f"{databases}tables:\n", 1)
    Path("tables.yaml").write_text(declaration + FAULTY.format())

    result = shop.check("--all", "--json")

    found: list[dict[str, Any]] = json.loads(result.stdout)
    not_run = {(item["table"], item["check"]) for item in found if item["error"]}
    judged = {(item["table"], item["check"], item["passed"]) for item in found if not item["error"]}
    assert result.exit_code == 3
    assert not_run == {
        ("away", "count"),
        ("away", "fields"),
        ("unfit", "count"),
        ("unfit", "fields"),
        ("zero", "share"),
        ("slow", "nap"),
    }
    assert {("zero", "count", False), ("slow", "count", False), ("orders", "keys", False)} <= judged
    assert ("orders", "undated", True) in judged
    assert "later: none of its days is asked for" in result.stderr
    said = shop.check("--all").stdout
    assert said.startswith("Not known: of 12 checks of 5 tables, ")
    assert "not checked: bare (no checks are declared), later (none of its days is asked for)." in said


def test_a_table_whose_days_hold_no_row_is_not_known(shop: Shop) -> None:
    """It has rows, and none was compared; one that is empty, or a day without rows, has passed."""
    shop.declare("count", window="{column: made, start: 2023-01-01, end: 2023-01-03}")
    outside, some_days, only = (
        shop.check("orders"),
        shop.check("orders", "--to", "2023-01-01"),
        shop.check("orders", "--only", "count"),
    )
    for side in (shop.sides.source, shop.sides.target):
        side.run("DELETE FROM t")
    empty = shop.check("orders")

    assert [result.exit_code for result in (outside, some_days, only, empty)] == [3, 0, 0, 0]
    assert outside.stdout.startswith(
        "Not known: of 2 checks of 1 table, none failed, but no record was compared of orders"
    )
    assert "orders: 12 rows of the source and 11 of the target outside its days" in outside.stdout
    assert empty.stdout.startswith("Passed: 2 checks of 1 table; no row on either side: orders.")
    assert "not checked: orders (rows without a time, for --only leaves out undated)." in only.stdout
    assert only.stderr == TOLD


@pytest.mark.parametrize("shop", [*PAIRS[:1], ("mysql", "mysql"), ("sqlite", "postgresql")], indirect=True)
def test_rows_without_a_time_are_compared(shop: Shop) -> None:
    """No day holds them, so that no check of a day sees them: they are compared as a window of their own."""
    shop.declare("fields")
    undated = [(90, None, "x", 1), (91, None, "y", 1)]
    shop.sides.source.fill("t", undated)
    shop.sides.target.fill("t", undated)

    (same,) = shop.found("--only", "undated")
    shop.sides.target.run("UPDATE t SET fee = 2 WHERE id = 91")
    (other,) = shop.found("--only", "undated")
    shop.sides.target.run("DELETE FROM t WHERE id = 91")
    shop.sides.target.fill("t", [(99, "2031-01-01 00:00:00", "x", 1)])
    (lost,) = shop.found("--only", "undated")

    assert same["passed"]
    assert same["summary"] == "orders: 2 rows of the source and 2 of the target have no time, 0 of them differ"
    assert [item["passed"] for item in (other, lost)] == [False, False]
    assert [(item["source"], item["target"], item["wrong"], item["window"]) for item in (other, lost)] == [
        (2, 2, 1, "all"),
        (2, 1, 1, "all"),
    ]
    assert "1 missing, 0 extra, 0 with other values" in lost["summary"]
    assert lost["outside"] == [0, 1], "after its last day"


def test_what_was_not_compared_is_said(shop: Shop) -> None:
    """In the verdict and in JSON; who is strict has it fail, on the command line or in the declaration."""
    shop.declare("fields")
    shop.sides.source.run("ALTER TABLE t ADD tags TEXT")
    shop.sides.target.run("ALTER TABLE t ADD loaded_at TEXT", "UPDATE t SET fee = 2, name = 'n2' WHERE id = 32")

    result, strict = shop.check("orders"), shop.check("orders", "--strict")
    findings = shop.found("--only", "fields", "--to", "2024-01-01")
    shop.declare("fields]\n    check: {strict: true}\n    owners: [")
    declared = shop.check("orders")

    assert result.stdout.startswith(
        "Passed: 2 checks of 1 table;"
        " not compared: orders: tags (only in the source), loaded_at (only in the target).\n"
    )
    assert (result.exit_code, strict.exit_code, declared.exit_code) == (0, 1, 1)
    assert "not all was compared, and the table is strict" in strict.stdout
    assert findings[0]["passed"]
    hint = "; if tags and loaded_at are one, add the rename tags=loaded_at"
    assert findings[0]["not_compared"] == [
        {"column": "tags", "side": "source", "why": f"only in the source{hint}"},
        {"column": "loaded_at", "side": "target", "why": f"only in the target{hint}"},
    ]


def test_nothing_but_the_key_in_common_could_not_be_checked(shop: Shop) -> None:
    """Equal keys do not show that records are equal: exit code 3."""
    shop.declare("keys, fields, checksum", window="none")
    shop.sides.source.run("DROP TABLE t", "CREATE TABLE t (id INTEGER, name TEXT)")
    shop.sides.target.run("DROP TABLE t", "CREATE TABLE t (id INTEGER, title TEXT)")
    for side in (shop.sides.source, shop.sides.target):
        side.run("INSERT INTO t VALUES (1, 'x')")
    Path("tables.yaml").write_text(Path("tables.yaml").read_text().replace("columns: {private: [name]}", "columns: {}"))

    result = shop.check("orders", "--json")

    assert [(item["check"], item["passed"], bool(item["error"])) for item in json.loads(result.stdout)] == [
        ("keys", True, False),
        ("fields", False, True),
        ("checksum", False, True),
    ]
    assert result.exit_code == 3


def test_private_values_are_hidden(shop: Shop) -> None:
    """In the records of the JSON too; other values are shown."""
    (found,) = (item for item in shop.found("--only", "fields") if not item["passed"])

    assert found["records"] == [
        {"kind": "mismatched", "key": [32], "columns": {"name": ["***", "***"], "fee": [2, 99]}}
    ]
    assert "odd" not in shop.check("orders").output


def test_a_check_that_could_not_run_is_no_pass(shop: Shop) -> None:
    """Exit code 3, with the reason; the others are judged."""
    rule = "{kind: rule, name: books, source: select nix, target: select 1, by: []}"
    shop.declare(f"count, {rule}", window="none")

    result = shop.check("orders")

    assert result.exit_code == 3
    assert result.stdout.startswith("Not known: of 2 checks of 1 table, 1 failed and 1 could not run.\n")
    assert "nix" in result.stdout
    found = {item["check"]: item for item in shop.found()}
    assert found["books"]["passed"] is False
    assert "nix" in found["books"]["error"]


def test_a_database_that_does_not_answer(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known, so that nothing has passed; the password is not repeated."""
    monkeypatch.setenv("LAKE_URL", "postgresql://u:hunter2@127.0.0.1:1/x")

    result = shop.check("orders")

    assert result.exit_code == 3
    assert "hunter2" not in result.output


def test_tables_without_checks_are_named(shop: Shop) -> None:
    """They have not passed: nothing is known of them."""
    result = shop.check("--all")

    assert result.stderr == TOLD
    assert "bare: no checks are declared" in shop.check("--all", "--json").stderr
    assert "of 4 checks of 1 table" in result.stdout
    assert "not checked: bare (no checks are declared)." in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Name tables, or give --all"),
        (["orders", "--all"], "and not both"),
        (["order"], "order: no such table; declared are orders, bare."),
        (["bare"], "Nothing to check: no such check is declared."),
        (
            ["orders", "--only", "sums"],
            "sums: no such check is declared. There are: orders: count, keys, fields, undated.",
        ),
        (["orders", "--from", "2024-13-01"], "2024-13-01: not a day"),
        (["orders", "--from", "2024-01-03", "--to", "2024-01-02"], "no day lies between them"),
        (["orders", "--from", "2025-01-01"], "orders: none of its days is asked for; they go from 2024-01-01"),
        (["orders", "--max-evidence", "-1"], "max-evidence"),
    ],
)
def test_wrong_use(shop: Shop, words: list[str], said: str) -> None:
    """Exit code 2, and nothing on standard output."""
    result = shop.check(*words)

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_embedded_databases_stand_in(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is not set; that they are empty is no agreement."""
    monkeypatch.delenv("RECON_TABLES")

    result = shop.check("flights", "--to", "2013-01-01", "--file", "demo")

    assert result.exit_code == 3
    assert Path(".recon/postgres").is_dir()


def test_ctrl_c_leaves_at_once(shop: Shop) -> None:
    """In the middle of a statement: exit code 130 and one line."""
    shop.declare("{kind: rule, name: slow, source: select pg_sleep(300)::text as s, target: select 1 as s}", "none")
    code = (
        "import signal, recon_assets.cli as c\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "c.main(['check', 'orders'])"
    )
    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until(lambda: bool(shop.sides.source.rows(SLEEPING["postgresql"])))

    os.kill(running.pid, signal.SIGINT)
    out, said = running.communicate(timeout=60)
    until(lambda: not shop.sides.source.rows(SLEEPING["postgresql"]))

    assert running.returncode == 130
    assert (out, said) == ("", f"{TOLD}recon: Interrupted; not all checks were run.\n")


def test_progress_keeps_out_of_what_was_asked_for(shop: Shop) -> None:
    """On a terminal the table that is being looked at is shown, on standard error alone."""
    code = "import recon_assets.cli as c; c.main(['check', 'orders', '--json'])"
    terminal, ours = pty.openpty()

    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=ours, text=True)
    out, _ = running.communicate(timeout=60)
    os.close(ours)
    shown = os.read(terminal, 10_000).decode()
    os.close(terminal)

    assert len(json.loads(out)) == 10
    assert "orders: " in shown
    assert "summary" not in shown


def test_a_reader_may_go_away(shop: Shop) -> None:
    """Then the rest is not judged, and it is not called a pass."""
    reader, writer = os.pipe()
    os.close(reader)

    with os.fdopen(writer, "w") as closed:
        code = "import recon_assets.cli as c; c.main(['check', 'orders', '--json'])"
        running = subprocess.Popen([sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, text=True)
        _, said = running.communicate(timeout=60)

    assert running.returncode == 3
    assert said == TOLD
