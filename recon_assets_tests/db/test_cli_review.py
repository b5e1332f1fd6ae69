"""`recon review`, `recon rollback` and `recon ledger` on real databases: what they say, write, and leave alone."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from recon_assets import cli, ledger, review, writing
from recon_assets.declare import load_project
from recon_assets.ledger import Ledger
from recon_assets.local import VARIABLES, Local
from recon_assets.model import CaseEventType, CaseId, Mode, Project, State
from recon_assets.review import connections
from recon_assets_tests.conftest import Fresh
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Side, Sides
from recon_assets_tests.examples import of_help

COLUMNS = "id INTEGER PRIMARY KEY, made TIMESTAMP NULL, name VARCHAR(20), fee INTEGER"
ROWS = [
    (day * 10 + number, f"2024-01-0{day} 12:00:00", f"n{number}", number) for day in (1, 2, 3) for number in range(4)
]
DECLARATION = """\
databases:
  shop: {url: {env: SHOP_URL}}
  lake: {url: {env: LAKE_URL}}
tables:
  orders:
    source: {database: shop, table: t}
    target: {database: lake, table: t}
    key: [id]
    window: {column: made, start: 2024-01-01, end: 2024-01-04}
    columns: {private: [name]}
    checks: [keys, fields]
"""
MISSING, EXTRA, MISMATCHED = (
    f"orders/2024-01-0{day}/{kind}" for day, kind in ((2, "missing"), (1, "extra"), (3, "mismatched"))
)


@dataclass(frozen=True)
class Shop:
    """A declared table whose target lacks a record, has one too many, and one with other values."""

    sides: Sides
    book: Ledger
    project: Project

    def recon(self, *words: str) -> Result:
        """Run a command as ana."""
        return CliRunner().invoke(cli.app, words, env={"USER": "ana", "COLUMNS": "160"})

    def found(self, *words: str) -> Any:
        """Its JSON."""
        result = self.recon(*words, "--json")
        assert result.exit_code in {0, 1}, result.output
        return json.loads(result.stdout)

    def judge(self) -> None:
        """Compare all days, and open cases."""
        spec = self.project.tables["orders"]
        windows = tuple(spec.calendar.windows(date(2024, 1, 4))) if spec.calendar else ()
        for _ in review.judged(self.book, self.project, spec, windows, now=datetime.now(UTC), run="judging"):
            pass
        review.route(self.book, self.project, datetime.now(UTC))

    def correct(self, case: str, run: str = "r1") -> None:
        """Do what was decided, as a run does."""
        review.correct(self.book, self.project, CaseId.parse(case), run=run, clock=lambda: datetime.now(UTC))

    def state(self, case: str) -> State | None:
        """Where a case stands."""
        with self.book.begin() as connection:
            found = ledger.find_case(connection, CaseId.parse(case))
        return found.state if found else None

    def fix(self, case: str) -> None:
        """Decide and correct."""
        assert self.recon("review", "decide", case, "APPLY_SOURCE", "--yes").exit_code == 0
        self.correct(case)
        assert self.state(case) is State.APPLIED


@pytest.fixture
def shop(both: Both, fresh: Fresh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Shop]:
    """With three cases that wait."""
    monkeypatch.chdir(tmp_path)
    Path("tables.yaml").write_text(DECLARATION)
    sides, memory = both("postgresql", "postgresql"), fresh("ledger")
    named = {"SHOP_URL": sides.source.url, "LAKE_URL": sides.target.url, "RECON_LEDGER_URL": memory}
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**named, "RECON_TABLES": "tables.yaml"}.items():
        monkeypatch.setenv(name, value)
    sides.create(COLUMNS, COLUMNS, ROWS)
    sides.target.fill("t", [row for row in ROWS if row[0] != 21])
    sides.target.run(
        "UPDATE t SET fee = 99, name = 'odd' WHERE id = 32", "INSERT INTO t VALUES (15, '2024-01-01 13:00', 'x', 5)"
    )
    with ledger.opened(memory, load_project()) as book:
        made = Shop(sides, book, load_project())
        made.judge()
        yield made


def test_the_queue(shop: Shop) -> None:
    """A line for each case that waits, with what is wrong."""
    result = shop.recon("review", "list")

    assert result.stdout.startswith("3 cases\n")
    for words in (MISSING, EXTRA, MISMATCHED, "PENDING", "1 missing and 0 extra"):
        assert words in result.stdout
    assert result.stderr == "Declaration: tables.yaml (RECON_TABLES)\n"


FILTERED = {
    "": {MISSING, EXTRA, MISMATCHED},
    "--table orders --kind missing": {MISSING},
    "--kind missing --kind extra": {MISSING, EXTRA},
    "--table flights": set(),
    "--day 2024-01-03": {MISMATCHED},
    "--from 2024-01-02": {MISSING, MISMATCHED},
    "--to 2024-01-02": {MISSING, EXTRA},
    "--severity low": set(),
    "--state APPLIED": set(),
    "--older-than 3d": set(),
    "--assignee ben": {EXTRA},
    "--assignee=": {MISSING, MISMATCHED},
}
"""The cases that each filter leaves."""


def test_the_queue_is_filtered(shop: Shop) -> None:
    """By table, day, kind, severity, state, age and who has it."""
    shop.recon("review", "assign", EXTRA, "ben")

    found = {words: shop.found("review", "list", *words.split()) for words in FILTERED}
    assert {words: {item["case"] for item in items} for words, items in found.items()} == FILTERED


def test_a_short_list_says_how_many_there_are(shop: Shop) -> None:
    """What is not shown is counted."""
    assert shop.recon("review", "list", "--limit", "1").stdout.startswith("3 cases, the first 1\n")


def test_a_case_is_shown(shop: Shop) -> None:
    """What the check says, both sides of the record, what happened; and nothing private."""
    shop.recon("review", "comment", MISMATCHED, "who did [that]?")

    result = shop.recon("review", "show", MISMATCHED)

    lines = [line.split() for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert "orders 2024-01-03: " in result.stdout
    assert "id=32" in result.stdout
    assert ["≠", "fee", "2", "99"] in lines
    assert ["≠", "name", "***", "***"] in lines
    assert "who did [that]?" in result.stdout
    assert "odd" not in result.stdout


def test_a_case_as_json(shop: Shop) -> None:
    """The same for programs."""
    found = shop.found("review", "show", MISMATCHED)

    (record,) = found["records"]
    assert (found["case"], found["state"], found["wrong"], found["named"]) == (MISMATCHED, "PENDING", 1, 1)
    assert (record["key"], record["target"]["fee"], record["target"]["name"]) == ([32], 99, "***")
    assert [event["act"] for event in found["events"]] == ["found"]


def test_a_decision_is_tried_first(shop: Shop) -> None:
    """What would be written is told, row by row; neither the target nor the case is changed."""
    before = shop.sides.target.rows()

    result = shop.recon("review", "decide", MISSING, "APPLY_SOURCE")

    assert result.exit_code == 0, result.output
    assert f"{MISSING}: 1 insert to write" in result.stdout
    assert "insert orders id=21: " in result.stdout
    assert "name=***" in result.stdout
    assert "Nothing was decided, nothing was written." in result.stdout
    assert shop.state(MISSING) is State.PENDING
    assert shop.sides.target.rows() == before


def test_a_decision_is_no_write(shop: Shop) -> None:
    """It is an entry of the ledger, with who and why; a run does the rest."""
    before = shop.sides.target.rows()

    result = shop.recon("review", "decide", MISSING, "APPLY_SOURCE", "--note", "lost by a job", "--yes")

    assert "Decided." in result.stdout
    assert shop.sides.target.rows() == before
    assert shop.state(MISSING) is State.DECIDED
    with shop.book.begin() as connection:
        last = ledger.events(connection, CaseId.parse(MISSING))[-1]
    assert (last.act, last.who, last.note) == (CaseEventType.DECIDED, "ana", "lost by a job")
    shop.correct(MISSING)
    assert shop.state(MISSING) is State.APPLIED
    assert (21,) in shop.sides.target.rows("SELECT id FROM t")


def test_a_custom_value(shop: Shop) -> None:
    """Typed as text, written as the column's type."""
    (record,) = shop.found("review", "show", MISMATCHED)["records"]
    words = ["review", "decide", MISMATCHED, "CUSTOM_FIX", "--set", f"{record['id']}.fee=7"]

    assert "fee: 99 -> 7" in shop.recon(*words).stdout
    assert shop.recon(*words, "--note", "so it was", "--yes").exit_code == 0
    shop.correct(MISMATCHED)

    assert shop.sides.target.rows("SELECT fee FROM t WHERE id = 32") == [(7,)]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["decide", MISSING, "APPLY_SOURCE", "--row", "nix"], 2, "names no record 'nix'"),
        (["decide", MISSING, "KEEP_TARGET", "--yes"], 2, "say why"),
        (["decide", "orders/2024-01-01/missing", "APPLY_SOURCE"], 2, "there is no such case"),
        (["decide", "flights/2024-01-01/missing", "APPLY_SOURCE"], 2, "flights"),
        (["show", "flights/2024-01-01/missing"], 2, "flights: no such table; declared are orders."),
        (["comment", MISSING, " "], 2, "The comment is empty."),
        (["undo", MISSING], 2, "only what is APPLIED or KEPT can be taken back"),
    ],
)
def test_what_cannot_be_decided(shop: Shop, words: list[str], code: int, said: str) -> None:
    """A sentence on standard error, and the case as it was."""
    result = shop.recon("review", *words)

    assert result.exit_code == code
    assert said in result.stderr
    assert shop.state(MISSING) is State.PENDING


def test_values_that_do_not_fit(shop: Shop) -> None:
    """Are wrong use, and refused before anything is decided."""
    (record,) = shop.found("review", "show", MISMATCHED)["records"]

    result = shop.recon("review", "decide", MISMATCHED, "CUSTOM_FIX", "--set", f"{record['id']}.fee=much")

    assert result.exit_code == 2
    assert "fee" in result.stderr


def test_a_row_that_moved_on_is_a_problem(shop: Shop) -> None:
    """Exit code 1; not decided either, whatever is asked for."""
    shop.sides.target.run("UPDATE t SET fee = 100 WHERE id = 32")

    result = shop.recon("review", "decide", MISMATCHED, "APPLY_SOURCE", "--yes")

    assert result.exit_code == 1
    assert "32" in result.stdout
    assert "Nothing was decided" in result.stdout
    assert shop.state(MISMATCHED) is State.PENDING


def test_whoever_is_late_is_told(shop: Shop) -> None:
    """Who decided what."""
    shop.recon("review", "decide", EXTRA, "KEEP_TARGET", "--reviewer", "ben", "--note", "ours", "--yes")

    result = shop.recon("review", "decide", EXTRA, "KEEP_TARGET", "--note", "mine", "--yes")

    assert result.exit_code == 2
    assert "ben" in result.stderr
    assert "KEEP_TARGET" in result.stderr


def test_what_was_accepted_fails_no_check(shop: Shop) -> None:
    """As in Dagster: the check says on how many days, and fails again when the values change."""
    for case in (EXTRA, MISMATCHED, MISSING):
        assert shop.recon("check", "orders").exit_code == 1
        shop.recon("review", "decide", case, "KEEP_TARGET", "--note", "ours", "--yes")
        shop.correct(case)

    passed = shop.recon("check", "orders")
    assert (passed.exit_code, passed.stdout.partition(":")[0]) == (0, "Passed"), passed.stdout
    assert "with differences that somebody accepted: orders " in passed.stdout
    assert any(found["accepted"] and not found["passed"] for found in shop.found("check", "orders"))
    shop.sides.target.run("UPDATE t SET fee = 98 WHERE id = 32")
    assert shop.recon("check", "orders").exit_code == 1


def test_keeping_is_no_write(shop: Shop) -> None:
    """The preview counts what would be accepted."""
    found = shop.found("review", "decide", EXTRA, "KEEP_TARGET")

    assert found == {"decided": False, "changes": [], "accepted": 1, "unnamed": 0, "problems": []}


def test_the_report(shop: Shop) -> None:
    """By state, severity, kind and table; the oldest and the newest."""
    found = shop.found("review", "report")
    said = shop.recon("review", "report").stdout

    assert found["total"] == 3
    assert found["by_kind"] == {"missing": 1, "extra": 1, "mismatched": 1}
    assert found["by_state"] == {"PENDING": 3}
    assert found["oldest"] <= found["newest"]
    assert said.startswith("3 cases\noldest: ")
    assert ["mismatched", "1"] in [line.split() for line in said.splitlines()]


def test_asking_and_assigning(shop: Shop) -> None:
    """Are entries of the case."""
    assert shop.recon("review", "recheck", MISSING).stdout.startswith("Asked.")
    assert shop.recon("review", "assign", MISSING, "ben").stdout == "Assigned to ben.\n"
    assert shop.recon("review", "assign", MISSING, "").stdout == "Assigned to nobody.\n"

    with shop.book.begin() as connection:
        assert ledger.asked_windows(connection, {("2024-01-01", "2024-01-09"): ["orders"]}, 9) == [
            ("orders", "2024-01-02")
        ]
        acts = [event.act for event in ledger.events(connection, CaseId.parse(MISSING))]
    assert acts == [CaseEventType.FOUND, CaseEventType.ASKED, CaseEventType.ASSIGNED, CaseEventType.ASSIGNED]


def test_undo_is_asked_for(shop: Shop) -> None:
    """A run does it."""
    shop.fix(MISSING)

    assert shop.recon("review", "undo", MISSING).exit_code == 0

    with shop.book.begin() as connection:
        assert [str(case.id) for case in ledger.cases_to_undo(connection)] == [MISSING]


@pytest.mark.parametrize("what", [("case", MISSING), ("run", "r1")])
def test_a_rollback_is_tried_first(shop: Shop, what: tuple[str, str]) -> None:
    """Then done; the rows are what they were."""
    before = shop.sides.target.rows()
    shop.fix(MISSING)

    tried = shop.recon("rollback", *what)
    assert tried.exit_code == 0, tried.output
    assert "delete orders id=21" in tried.stdout
    assert "Nothing was written." in tried.stdout
    assert shop.state(MISSING) is State.APPLIED

    done = shop.found("rollback", *what, "--note", "the source was wrong", "--yes")
    assert (done["dry_run"], len(done["changes"]), done["refused"]) == (False, 1, [])
    assert shop.sides.target.rows() == before
    assert shop.state(MISSING) is State.ROLLED_BACK


ROLLED = "1 update"


def test_a_load_is_rolled_back(shop: Shop) -> None:
    """Its windows are named, and how many rows, before and after."""
    spec, before = shop.project.tables["orders"], shop.sides.target.rows()
    with connections.paired(shop.project, spec) as pair:
        backup_sink = ledger.BackupSink(shop.book, "orders", "2024-01-03", Mode.UPSERT, "r1", "", datetime.now(UTC))
        writing.load(pair, spec.window("2024-01-03"), mode=Mode.UPSERT, backup_sink=backup_sink)

    tried = shop.recon("rollback", "run", "r1")
    assert tried.stdout.startswith(f"{ROLLED} would be written\n  orders 2024-01-03: would be as it was before")
    (window,) = shop.found("rollback", "run", "r1")["windows"]
    assert window == {"table": "orders", "window": "2024-01-03", "inserted": 0, "updated": 1, "deleted": 0}
    assert shop.sides.target.rows() != before
    done = shop.recon("rollback", "run", "r1", "--yes")
    assert done.stdout.startswith(f"{ROLLED} written\n  orders 2024-01-03: as it was before the load ({ROLLED})\n")
    assert "Load it: recon backfill orders --missing" in done.stdout
    assert shop.sides.target.rows() == before


def test_rows_that_moved_on_are_not_rolled_back(shop: Shop) -> None:
    """They are named; exit code 1."""
    shop.fix(MISMATCHED)
    shop.sides.target.run("UPDATE t SET fee = 1000 WHERE id = 32")

    result = shop.recon("rollback", "case", MISMATCHED, "--yes")

    assert result.exit_code == 1
    assert "refused: " in result.stdout
    assert "32" in result.stdout
    assert shop.sides.target.rows("SELECT fee FROM t WHERE id = 32") == [(1000,)]


@pytest.mark.parametrize("what", [("case", MISSING), ("run", "nix"), ("backfill", "nix")])
def test_nothing_to_roll_back(shop: Shop, what: tuple[str, str]) -> None:
    """Is said; exit code 2."""
    result = shop.recon("rollback", *what)

    assert result.exit_code == 2
    assert "nothing that it wrote is left to take back" in result.stderr


def test_the_ledger_is_upgraded(shop: Shop, fresh: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty database is made one; again, nothing is to do."""
    monkeypatch.setenv("RECON_LEDGER_URL", fresh("postgresql"))

    first, second = (shop.recon("ledger", "upgrade").stdout for _ in range(2))

    assert first.startswith("The ledger is at ")
    assert first.endswith("; it was empty.\n")
    assert second == first.replace("; it was empty", "")


def test_all_cases_can_be_shown_anew(shop: Shop) -> None:
    """Dagster's sensor then asks for the runs that do."""
    assert shop.recon("sync").stdout == "Dagster will show 3 cases anew, while it runs.\n"


def test_the_ledger_is_pruned(shop: Shop) -> None:
    """After it is told what would be dropped; what is young stays."""
    found = shop.found("ledger", "prune", "--keep", "400d")

    assert found["dropped"] is False
    assert not any(found["rows"].values())
    assert shop.recon("ledger", "prune", "--keep", "1d").stdout.endswith(
        "Nothing was dropped. Drop: the same command with --yes\n"
    )
    assert shop.recon("ledger", "prune", "--keep", "1d", "--yes").stdout.endswith("Dropped.\n")
    assert len(shop.found("review", "list")) == 3


def test_the_embedded_ledger_stands_in(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """For one that is not named, in a home that has one; its queue is empty."""
    monkeypatch.delenv("RECON_LEDGER_URL")
    assert "There is no ledger" in shop.recon("review", "list").stderr
    with Local(Path(".recon")).running():
        pass

    assert shop.recon("review", "list").stdout == "0 cases\n"


def test_others_cannot_come_without_a_login(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """`recon web` refuses to listen where they could, and says what to set."""
    monkeypatch.delenv("RECON_WEB_USERS", raising=False)
    monkeypatch.delenv("RECON_WEB_USER_HEADER", raising=False)

    result = shop.recon("web", "--host", "0.0.0.0")  # noqa: S104 - it is refused

    assert result.exit_code == 2
    assert "RECON_WEB_USERS" in result.stderr


def test_many_cases_are_decided_at_once(shop: Shop) -> None:
    """Each by itself: one that cannot be decided stops no other; --ids names what to decide."""
    listed = shop.recon("review", "list", "--kind", "missing", "--kind", "mismatched", "--ids").stdout.split()
    assert sorted(listed) == sorted([MISSING, MISMATCHED])

    said = shop.recon("review", "decide", *listed, "orders/2024-01-01/missing", "APPLY_SOURCE", "--yes")

    assert said.exit_code == 2
    assert "orders/2024-01-01/missing: " in said.stderr
    assert [shop.state(case) for case in (MISSING, MISMATCHED, EXTRA)] == [State.DECIDED, State.DECIDED, State.PENDING]
    several = shop.recon("review", "decide", EXTRA, MISSING, "CUSTOM_FIX", "--set", "a.fee=1", "--note", "x")
    assert (several.exit_code, "give one CASE" in several.stderr) == (2, True)
    assert len(shop.found("review", "decide", EXTRA, MISSING, "KEEP_TARGET")) == 2


OF_DAGSTER = {"demo", "dev", "adopt", "backfill", "status", "sync"}  # run where Dagster does, in other tests
AS_HERE = {
    "flights/2013-03-10/missing": MISSING,
    "t/2013-03-10/mismatched": MISMATCHED,
    "flights": "orders",
    "2013-03-01": "2024-01-01",
    "2013-03-31": "2024-01-03",
    "--only count": "--only keys",
    "URL TABLE URL TABLE": "env:SHOP orders env:LAKE orders",
    "postgresql://me@ops/shop": "env:SHOP",
    "mysql://me@lake/raw": "env:LAKE",
}


def test_examples_of_help_run(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As they are typed, on tables, days and cases of these names: none is refused, and none could not run."""
    sales = ["CREATE TABLE orders (id int PRIMARY KEY, day date)", "INSERT INTO orders VALUES (1, '2024-05-01')"]
    for side, name in ((shop.sides.source, "SHOP"), (shop.sides.target, "LAKE")):
        side.run(
            "CREATE SCHEMA sales",
            *(
                f"{create} (id int PRIMARY KEY)"
                for create in ("CREATE TABLE sales.orders", "CREATE TABLE sales.customers")
            ),
            *sales,
        )
        monkeypatch.setenv(name, side.url)
    shop.sides.target.run("CREATE SCHEMA raw", "CREATE TABLE raw.orders (id int PRIMARY KEY, day date)")
    monkeypatch.setenv("RECON_SOURCE_URL", shop.sides.source.url)
    monkeypatch.setenv("RECON_TARGET_URL", shop.sides.target.url)
    for url in ("sqlite:///a.db", "duckdb:///b.duckdb"):
        Side(url.partition(":")[0], url).run("CREATE TABLE t (id int, price float)", "INSERT INTO t VALUES (1, 1)")  # type: ignore[arg-type]
    (tmp_path / "extracts").mkdir()
    Path("extracts/orders_1.csv").write_text("id,day\n1,2024-05-01\n")
    here = {
        **AS_HERE,
        "1f0c99a2b4d5e6f7.fee=12.50": f"{shop.found('review', 'show', MISMATCHED)['records'][0]['id']}.fee=12",
    }
    kept = [
        line for line in of_help() if line.split("recon ")[1].split()[0] not in OF_DAGSTER and "--launch" not in line
    ]
    ran = [line for line in kept if "--host" not in line]
    assert len(ran) > 25

    for line in sorted(ran, key=lambda line: ("rollback" in line, "--yes" in line)):
        typed = reduce(lambda words, known: words.replace(*known), here.items(), line)
        typed = re.sub(
            r"\$\(recon (.*?)\)", lambda inner: shop.recon(*inner[1].split()).stdout.replace("\n", " "), typed
        )
        Path("recon.yaml").unlink(missing_ok=True)
        words = shlex.split(typed.partition(" > ")[0])[1:]
        result = CliRunner().invoke(cli.app, words, env={"USER": "ana"}, input="a long password\n")
        if "abcdefgh" in line:
            assert "backfill abcdefgh: nothing that it wrote is left" in result.stderr
        else:
            assert result.exit_code in {0, 1}, (typed, result.output)
        if "--yes" in line and " decide " in line:
            shop.correct(MISSING)
    assert shop.state(MISSING) is State.ROLLED_BACK
