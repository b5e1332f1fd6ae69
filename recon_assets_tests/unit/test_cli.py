"""The `recon` command: its words, its exit codes, what it imports."""

import contextlib
import json
import os
import re
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from recon_assets import cli
from recon_assets.cli import context, filling, output, runs, status
from recon_assets.declare.problems import hidden, holds_password
from recon_assets.errors import DeclarationError, DoesNotFitError, ReconError, RefusedError, UnavailableError
from recon_assets.local import VARIABLES
from recon_assets.model import Agreement, Calendar, Mode, Project, Relation, TableSpec, Verdict
from recon_assets.orchestration.backfills import Wanted
from recon_assets.orchestration.local_deployment import Session
from recon_assets.orchestration.processes import Dagster
from recon_assets.orchestration.webserver import Webserver
from recon_assets_tests.examples import commands, lines, of_help

GOOD = """\
databases:
  ops: {url: {env: SHOP_URL}}
  lake: {url: 'sqlite:///nowhere.db'}
tables:
  t:
    source: {database: ops, table: t}
    target: {database: lake, table: t}
    key: [id]
    window: none
"""


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    """Runs commands in a folder of their own, with nothing declared in the environment."""
    for name in ("RECON_TABLES", "RECON_SOURCE_URL", "RECON_TARGET_URL", "SHOP_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("good.yaml").write_text(GOOD)
    Path("bad.yaml").write_text(GOOD.replace("key:", "kye:"))
    return CliRunner()


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_help_imports_nothing_slow() -> None:
    """The help of all commands needs no Dagster, no database driver, no declaration and no checks."""
    slow = "{'dagster', 'sqlalchemy', 'pandas', 'great_expectations', 'psycopg', 'pydantic', 'recon_assets.checks'}"
    code = f"""
import sys, recon_assets.cli as c
try: c.main(["--help"])
except SystemExit: print({slow} & set(sys.modules))
"""

    assert python(code).splitlines()[-1] == "set()"


def test_help_teaches(runner: CliRunner) -> None:
    """Every command has a line; first steps, environment and exit codes are told."""
    result = runner.invoke(cli.app, ["--help"], env={"COLUMNS": "200"})

    assert result.exit_code == 0
    for words in (*cli.COMMANDS, "First steps", "RECON_SOURCE_URL", "Exit codes", "130 interrupted"):
        assert words in result.output


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_summary_is_the_first_line_of_the_command(name: str) -> None:
    """`recon --help` says of each command what the command says of itself."""
    assert (cli._imported(name).help or "").startswith(cli.COMMANDS[name].summary.removesuffix("."))


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_each_command_has_help(runner: CliRunner, name: str) -> None:
    """A command is found in its module and explains itself."""
    result = runner.invoke(cli.app, [name, "--help"])

    assert result.exit_code == 0
    assert "Usage: recon " + name in result.output


def test_version(runner: CliRunner) -> None:
    """The version of the installed package."""
    result = runner.invoke(cli.app, ["--version"])

    assert result.output.startswith("recon-assets 0.")
    assert result.exit_code == 0


@pytest.mark.parametrize("words", [["vlidate"], ["validate", "--conect"], ["validate", "a", "b"]])
def test_wrong_use_is_exit_code_2(runner: CliRunner, words: list[str]) -> None:
    """What the command line does not know is a wrong use."""
    assert runner.invoke(cli.app, words).exit_code == 2


DIFF = ["diff", "sqlite:///a.db", "t", "sqlite:///b.db", "t"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*DIFF, "--key", "id", "--no-key"], "and not both"),
        ([*DIFF, "--key", ","], "such as --key id,region"),
        ([*DIFF, "--key", "id", "--columns", ""], "such as --columns id,region"),
        ([*DIFF, "--key", "id", "--rename", "a"], "such as --rename dest=destination"),
        ([*DIFF, "--key", "id", "--rule", "v"], "such as --rule price:abs=0.01"),
        ([*DIFF, "--key", "id", "--rule", "v:abs=x"], "such as --rule v:abs=0.01"),
        ([*DIFF, "--key", "id", "--window", "d,2024-01-02,2024-01-01"], "is not before"),
        ([*DIFF, "--key", "id", "--window", "d,yesterday,2024-01-01"], "write a day or moment such as 2024-01-31"),
        ([*DIFF, "--key", "id", "--window", "d,2024-01-01,2024-01-02,Mars"], "a time zone such as UTC"),
        ([*DIFF, "--key", "id", "--window", "d"], "such as --window created_at,2024-01-01,2025-01-01,UTC"),
        ([*DIFF, "--key", "id", "--grace-period", "15m"], "such as --grace-period 15m --updated-at changed_at"),
        ([*DIFF, "--key", "id", "--updated-at", "at"], "such as --grace-period 15m --updated-at changed_at"),
        ([*DIFF, "--key", "id", "--grace-period", "x", "--updated-at", "at"], "expected a number and ms, s, m, h or d"),
        ([*DIFF, "--key", "id", "--max-evidence", "-1"], "max-evidence"),
        ([*DIFF, "--key", "id", "--max-evidence", "many"], "max-evidence"),
        ([*DIFF, "--key", "id", "--out", "x.xlsx"], "such as --out differences.csv"),
        ([*DIFF, "--key", "id", "--out", "gone/x.csv"], "a folder that is there"),
        ([*DIFF, "--key", "id"], "there is no file a.db"),
        ([*DIFF, "--where", "id = 1) or (1 = 1"], "where: a `)` has no `(` before it"),
        ([*DIFF, "--where", "id in (1, 2"], "where: a `(` is not closed"),
        ([*DIFF, "--where", "id = 1;"], "where: a `;` ends the statement; leave it out"),
        (
            [*DIFF[:4], "(select id from t", "--key", "id"],
            "target: (select id from t: its first `(` is not closed at the end; expected one whole query",
        ),
        ([*DIFF[:4], "(select 1) union (select 2)"], "target: (select 1) union (select 2): a `)` has no `(` before it"),
        ([*DIFF[:4], "select * from t"], "'select * from t' is a query; put it in parentheses: (select * from t)"),
        (DIFF[:4], "TARGET_TABLE"),
        (["diff", "a.db", "t", "sqlite:///b.db", "t", "--key", "id"], "source: not a database URL"),
        (["diff", "oracle://u@h/d", "t", "sqlite:///b.db", "t", "--key", "id"], "no support for 'oracle'"),
        (["diff", "sqlite:///a.db", "t", "mysql://u@h/d?password=hunter2", "t", "--key", "id"], "?password="),
        (["diff", "env:SHOP_URL", "t", "sqlite:///b.db", "t", "--key", "id"], "SHOP_URL is not set"),
    ],
)
def test_wrong_use_of_diff(runner: CliRunner, words: list[str], said: str) -> None:
    """What was expected, with an example; nothing on standard output, no password anywhere."""
    result = runner.invoke(cli.app, words, env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert "hunter2" not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--launch", "--json"], "--launch: Dagster shows what is found"),
        (["--webserver", "http://127.0.0.1:3000"], "add --launch"),
    ],
)
def test_what_has_no_effect_in_dagster_is_refused(runner: CliRunner, words: list[str], said: str) -> None:
    """And what has none without it."""
    result = runner.invoke(cli.app, ["check", "--all", *words], env={"COLUMNS": "200"})

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize("command", ["check", "backfill"])
def test_days_the_wrong_way_round_are_refused(runner: CliRunner, command: str) -> None:
    """Before anything is started: nothing lies between them, and nothing would have been done."""
    result = runner.invoke(cli.app, [command, "--from", "2013-03-31", "--to", "2013-03-01"])

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--from 2013-03-31 is after --to 2013-03-01: no day lies between them." in result.stderr


@pytest.mark.parametrize("missing", [True, False])
def test_days_that_a_table_does_not_have_are_refused(tmp_path: Path, missing: bool) -> None:  # noqa: FBT001
    """Who asks for them has mistyped; where days are there and none is missing, there is nothing to do."""
    days = Calendar("at", date(2024, 1, 1), date(2024, 2, 1))
    spec = TableSpec("t", Relation("s", "t"), Relation("t", "t"), ("id",), days)
    with dg.DagsterInstance.ephemeral() as instance:
        session = Session(Dagster(tmp_path), {}, Project({}, {"t": spec}), instance)

        assert len(runs.selected(session, spec, (date(2024, 1, 30), None), missing=missing).windows) == 2
        with pytest.raises(
            DeclarationError, match=r"none of its days that have ended is asked for; .* from 2024-01-01 to"
        ):
            runs.selected(session, spec, (date(2031, 1, 1), None), missing=missing)


def test_a_home_is_itself_wherever_it_lies(tmp_path: Path) -> None:
    """Its id stays when its path does not, and another folder has another: paths and machines' names do not tell."""
    found = Dagster(tmp_path / "a").environment({})["RECON_HOME_ID"]
    (tmp_path / "a").rename(tmp_path / "b")

    assert Dagster(tmp_path / "b").environment({})["RECON_HOME_ID"] == found
    assert Dagster(tmp_path / "a").environment({})["RECON_HOME_ID"] != found
    assert [path.name for path in (tmp_path / "b" / "dagster").iterdir()] == ["id"]


def test_settings_that_somebody_has_changed_are_kept(tmp_path: Path) -> None:
    """Those of a home are brought up to date only as long as they are what was written."""
    home = Dagster(tmp_path)
    settings = home.folder / "dagster.yaml"
    home.prepare()
    ours = settings.read_text()
    for path in (settings, home.folder / "dagster.yaml.written"):
        path.write_text("an older version's")
    home.prepare()
    assert settings.read_text() == ours
    settings.write_text(f"{ours}# mine")
    home.prepare()
    assert settings.read_text() == f"{ours}# mine"
    settings.unlink()
    home.prepare()
    assert settings.read_text() == ours
    written = home.folder / "dagster.yaml.written"
    written.write_text("an older version's: killed before this was replaced, too")
    home.prepare()
    assert written.read_text() == ours
    written.unlink()
    settings.write_text("put there before the first start")
    home.prepare()
    assert settings.read_text() == "put there before the first start"


def test_a_table_that_has_none_of_the_days_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said; only where no table has one nothing starts."""
    old = TableSpec(
        "old", Relation("s", "t"), Relation("t", "t"), ("id",), Calendar("at", date(2024, 1, 1), date(2024, 2, 1))
    )
    young = replace(old, name="young", calendar=Calendar("at", date(2999, 1, 1)))
    with dg.DagsterInstance.ephemeral() as instance:
        session = Session(Dagster(tmp_path), {}, Project({}, {"old": old, "young": young}), instance)

        def every(spec: TableSpec) -> Wanted:
            return runs.ended(session, spec, (None, None))

        assert [item.spec.name for item in runs.some_of([young, old], every)] == ["old"]
        assert "young: none of its days that have ended is asked for; its days go from 2999-01-01 on" in said(capsys)
        with pytest.raises(DeclarationError, match="2999-01-01 on"):
            runs.some_of([young], every)


def test_a_mode_that_overwrites_needs_a_yes() -> None:
    """What it does and where is said before anything starts."""
    days = Calendar("at", date(2024, 1, 1), date(2024, 2, 1))
    spec = TableSpec("t", Relation("s", "t"), Relation("t", "t"), ("id",), days)
    wanted = [Wanted(spec, ("2024-01-01", "2024-01-02")), Wanted(replace(spec, name="u", calendar=None), ("all",))]

    for mode, yes in ((Mode.INSERT_MISSING, False), (Mode.REPLACE, True)):
        filling.refuse_overwriting(wanted, mode, yes=yes)
    with pytest.raises(RefusedError, match=r"deletes rows .*: t \(2024-01-01, 2024-01-02\), u \(all\)\. .* --yes"):
        filling.refuse_overwriting(wanted, Mode.REPLACE, yes=False)
    with pytest.raises(RefusedError, match="--mode upsert overwrites rows"):
        filling.refuse_overwriting(wanted, Mode.UPSERT, yes=False)


def test_a_backfill_that_cannot_be_cancelled_goes_on() -> None:
    """Nobody takes it for stopped."""
    assert "abc is not cancelled, and goes on" in filling.cancelled(Webserver("http://127.0.0.1:1"), "abc")


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed, on one line."""
    return " ".join("".join(capsys.readouterr()).split())


def test_nothing_to_load_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is started for it."""
    spec = TableSpec("t", Relation("s", "t"), Relation("t", "t"), ("id",))

    assert filling.nothing_to_load([Wanted(spec, ())])
    assert "Nothing to load" in said(capsys)
    assert not filling.nothing_to_load([Wanted(spec, ("all",)), Wanted(spec, ())])


def test_a_fault_of_the_program_is_not_a_difference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python ends with 1 then, which would say that records differ: it is 3, with the traceback."""
    _failing(monkeypatch, ZeroDivisionError("unforeseen"))

    with pytest.raises(SystemExit) as ended:
        cli.main(["validate"])

    assert ended.value.code == 3
    assert "ZeroDivisionError: unforeseen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeclarationError("mend [0] it"), 2),
        (RefusedError("mend [0] it"), 2),
        (UnavailableError("mend [0] it"), 3),
        (DoesNotFitError("mend [0] it"), 3),
        (KeyboardInterrupt(), 130),
    ],
)
def test_errors_become_messages_and_exit_codes(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    """An error of ours is told without a traceback, on standard error, with its own exit code."""
    _failing(monkeypatch, error)

    result = runner.invoke(cli.app, ["validate"])

    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr.startswith("recon: mend [0] it" if isinstance(error, ReconError) else "recon: Interrupted.")


def test_faults_of_the_program_keep_their_traceback(runner: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody foresaw is not hidden."""
    _failing(monkeypatch, ZeroDivisionError("unforeseen"))

    with pytest.raises(ZeroDivisionError, match="unforeseen"):
        runner.invoke(cli.app, ["validate"], catch_exceptions=False)


def _failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Makes the next command that is imported raise ``error``."""

    def imported(_name: str) -> None:
        raise error

    monkeypatch.setattr(cli, "_imported", imported)


def test_validate_says_yes(runner: CliRunner) -> None:
    """A sound file: warnings leave exit code 0."""
    result = runner.invoke(cli.app, ["validate", "good.yaml"])

    assert result.exit_code == 0
    assert "SHOP_URL is not set" in result.output
    assert "good.yaml: 1 table, 0 errors, 1 warning (databases not looked at: --connect does)" in result.output


def test_validate_says_what_is_wrong(runner: CliRunner) -> None:
    """Every problem with its line, path and remedy; exit code 2."""
    result = runner.invoke(cli.app, ["validate", "bad.yaml"])

    assert result.exit_code == 2
    for words in ("error", "tables.t.kye", "unknown key `kye`", "Did you mean `key`?", "0 of 1 table sound, 2 errors"):
        assert words in result.output


def test_validate_speaks_json(runner: CliRunner) -> None:
    """One object with all that the table says."""
    result = runner.invoke(cli.app, ["validate", "bad.yaml", "--json"])

    report = json.loads(result.stdout)
    assert result.exit_code == 2
    assert (report["file"], report["valid"], report["tables"]) == ("bad.yaml", False, [])
    assert report["problems"][-1] == {
        "severity": "error",
        "path": "tables.t.kye",
        "line": 8,
        "message": "unknown key `kye`",
        "hint": "Did you mean `key`?",
    }


def test_validate_of_what_is_no_yaml(runner: CliRunner) -> None:
    """A file that cannot be read as YAML is one problem, in JSON too."""
    Path("no.yaml").write_text("a: [")

    report = json.loads(runner.invoke(cli.app, ["validate", "no.yaml", "--json"]).stdout)
    assert [problem["line"] for problem in report["problems"]] == [1]


def test_validate_connects_only_when_asked(runner: CliRunner) -> None:
    """A database that is not there is exit code 2 when it is a wrong name, 3 when it does not answer."""
    env = {"SHOP_URL": "postgresql://u:hunter2@127.0.0.1:1/x"}

    assert runner.invoke(cli.app, ["validate", "good.yaml"], env=env).exit_code == 0
    missing = runner.invoke(cli.app, ["validate", "good.yaml", "--connect"], env=env)
    assert missing.exit_code == 2
    assert "there is no file nowhere.db" in missing.output
    Path("good.yaml").write_text(GOOD.replace("'sqlite:///nowhere.db'", "{env: SHOP_URL}"))
    silent = runner.invoke(cli.app, ["validate", "good.yaml", "--connect"], env=env)
    assert silent.exit_code == 3
    assert "hunter2" not in missing.output + silent.output


def test_output_is_plain_in_a_pipe(runner: CliRunner) -> None:
    """No colours where no terminal is, and lines long enough to be read."""
    script = [sys.executable, "-c", "import recon_assets.cli as c; c.main()", "validate", "bad.yaml"]
    result = subprocess.run(script, capture_output=True, text=True, check=False)

    assert result.returncode == 2
    assert "\x1b[" not in result.stdout + result.stderr
    assert "tables.t.kye" in result.stdout


def test_init_refuses_a_password_on_the_command_line(runner: CliRunner) -> None:
    """Command lines are seen by others; the message does not repeat it."""
    result = runner.invoke(cli.app, ["init", "--source-url", "postgresql://u:hunter2@h/d"])

    assert result.exit_code == 2
    assert "export RECON_SOURCE_URL=..." in result.stderr
    assert "hunter2" not in result.output


def test_init_needs_urls(runner: CliRunner) -> None:
    """Without a URL it says how to give one."""
    result = runner.invoke(cli.app, ["init", "--source-env", "SHOP_URL"])

    assert result.exit_code == 2
    assert "set SHOP_URL, or give --source-url" in result.stderr


def test_init_needs_a_zone_that_there_is(runner: CliRunner) -> None:
    """Before a database is asked."""
    urls = ["--source-url", "sqlite:///a.db", "--target-url", "sqlite:///b.db"]

    result = runner.invoke(cli.app, ["init", *urls, "--timezone", "Europe/Berlyn"])

    assert (result.exit_code, "--timezone Europe/Berlyn: there is no such time zone" in result.stderr) == (2, True)


def test_init_does_not_overwrite(runner: CliRunner) -> None:
    """A file that is there stays as it is, unless --force is given."""
    urls = ["--source-url", "sqlite:///a.db", "--target-url", "sqlite:///b.db"]

    result = runner.invoke(cli.app, ["init", *urls, "--out", "good.yaml"])
    assert result.exit_code == 2
    assert "give --force" in result.stderr
    assert Path("good.yaml").read_text() == GOOD


def test_init_writes_and_validate_reads(runner: CliRunner) -> None:
    """The declaration goes to the screen or into a file; that files are not loaded is said once, by connecting."""
    for name in ("a.db", "b.db"):
        with contextlib.closing(sqlite3.connect(name)) as connection:
            connection.execute("CREATE TABLE t (id integer PRIMARY KEY)")
    urls = {"RECON_SOURCE_URL": "sqlite:///a.db", "RECON_TARGET_URL": "sqlite:///b.db"}

    shown = runner.invoke(cli.app, ["init"], env=urls)
    written = runner.invoke(cli.app, ["init", "--out", "t.yaml"], env=urls)
    assert (shown.exit_code, written.exit_code) == (0, 0)
    assert Path("t.yaml").read_text() == shown.stdout
    assert "recon validate t.yaml --connect" in written.stderr
    assert runner.invoke(cli.app, ["validate", "t.yaml"], env=urls).exit_code == 0
    connected = runner.invoke(cli.app, ["validate", "t.yaml", "--connect", "--json"], env=urls)
    assert [(p["path"], p["message"]) for p in json.loads(connected.stdout)["problems"]] == [
        ("databases.target", "sqlite files are compared, and never loaded: loads are refused")
    ]


def test_ctrl_c_ends_with_a_sentence(tmp_path: Path) -> None:
    """A real Ctrl-C in a real process: exit code 130, no traceback."""
    ready = tmp_path / "ready"
    code = (
        "import pathlib, signal, time, recon_assets.cli as c\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"def slow(name): pathlib.Path({str(ready)!r}).touch(); time.sleep(60)\n"
        "c._imported = slow\n"
        "c.main(['validate'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    while not ready.exists():
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert said.startswith("recon: Interrupted.")
    assert "Traceback" not in said


@pytest.mark.parametrize("name", VARIABLES)
def test_the_demo_stays_out_of_other_databases(runner: CliRunner, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Databases that somebody has named are written into only on demand: a ledger, too, would get the demo's cases."""
    for other in VARIABLES:
        monkeypatch.delenv(other, raising=False)
    result = runner.invoke(cli.app, ["demo"], env={name: "postgresql://u@db.example/x"})

    assert result.exit_code == 2
    assert f"env -u {name} recon demo, or say --into-mine" in result.stderr


@pytest.mark.parametrize(
    "command",
    ["check --all", "dev", "web", "adopt --all", "backfill --all", "status", "rollback run x", "check t --launch"],
)
def test_a_database_that_is_not_named_is_an_error(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """An embedded PostgreSQL, which is empty, would be compared in its stead."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recon.yaml").write_text(
        "databases: {a: {url: {env: RECON_SOURCE_URL}}, b: {url: {env: RECON_TARGET_URL}}}\n"
        "tables: {t: {source: {database: a, table: t}, target: {database: b, table: t}, key: [id], window: none}}\n"
    )

    result = runner.invoke(cli.app, command.split(), env={"RECON_SOURCE_URL": "postgresql://u@127.0.0.1:1/x"})

    assert result.exit_code == 2
    assert "RECON_TARGET_URL is not set" in result.stderr
    assert not (tmp_path / ".recon").exists()


@pytest.mark.parametrize(
    ("log", "said"), [(None, "start it with `recon dev`"), (Path("web.log"), "this command had started it.* web.log")]
)
def test_a_webserver_that_is_gone_is_started_by_whoever_had_started_it(log: Path | None, said: str) -> None:
    """`recon dev` is no help where the command itself runs one."""
    with pytest.raises(UnavailableError, match=said):
        Webserver("http://127.0.0.1:1", log=log).ask("{ version }")


@pytest.mark.parametrize("url", ["http://me:sekret@host:3000", "host:3000", "http://host:port", "ftp://host"])
def test_a_webserver_has_a_plain_address(url: str) -> None:
    """Neither a login, which would show, nor what is no address."""
    with pytest.raises(DeclarationError, match="of the form http://host:3000") as refused:
        Webserver(url)

    assert "sekret" not in str(refused.value)


@pytest.mark.parametrize("password", ["a/b", "a@b", "a:b", "plain"])
def test_a_password_is_seen_and_hidden_whatever_it_holds(password: str) -> None:
    """Also one with a slash, which URLs should not hold and SQLAlchemy takes."""
    url = f"postgresql://u:{password}@db.example/x"

    assert holds_password(url)
    assert password not in hidden(f"bad {url} here")


def test_the_way_to_go_on_is_the_command_as_it_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables and days too, or it would be refused, or load others."""
    monkeypatch.setattr(sys, "argv", ["/bin/recon", "backfill", "a table", "--from", "2013-03-01"])
    assert runs.as_typed() == "recon backfill 'a table' --from 2013-03-01"


@pytest.mark.parametrize(
    ("mode", "said"), [("fill_nulls", "'upsert', 'replace'"), ("REPLACE", "No declaration is named")]
)
def test_modes_that_are_offered_are_those_that_are_taken(runner: CliRunner, mode: str, said: str) -> None:
    """Those that name columns are the launchpad's, whose capitals are known here, too."""
    result = runner.invoke(cli.app, ["backfill", "t", "--mode", mode], env={"COLUMNS": "200"})

    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize("command", [["backfill"], ["adopt"], ["check", "--launch"]])
def test_a_table_that_is_not_declared_is_told_before_anything_starts(runner: CliRunner, command: list[str]) -> None:
    """Dagster and its databases take ten seconds and more."""
    known = {"RECON_HOME": "home", "SHOP_URL": "sqlite:///shop.db"}
    result = runner.invoke(cli.app, [*command, "nope", "--file", "good.yaml"], env=known)

    assert (result.exit_code, "nope: no such table; declared are t." in result.stderr) == (2, True)
    assert not Path("home").exists()


def test_status_tells_what_could_not_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """It was looked at, so it is no more "not compared yet", and is not left out for being judged before."""
    known = {Verdict.AGREES: 3, Verdict.UNKNOWN: 2}
    answers = [
        Agreement("orders", daily=True, windows=known),
        Agreement("items", daily=True, windows={Verdict.AGREES: 5}, whole=Verdict.UNKNOWN),
        Agreement("a table", daily=False, windows={Verdict.UNKNOWN: 1}),
        Agreement("fine", daily=True, windows={Verdict.AGREES: 5}),
    ]
    status._show([], {each.table: each for each in answers})

    said = capsys.readouterr().out
    assert "orders: 3 of 5 days agree; 2 could not be compared. What could not be compared" in said
    assert "items: all 5 days agree; the checks of the whole table could not run." in said
    assert "a table: could not be compared. What could not be compared, and why: recon check 'a table'" in said
    assert "fine:" not in said


@pytest.mark.parametrize(("loaded", "yes"), [(5, True), (4, False)])
def test_status_says_yes_only_where_every_day_is_loaded(
    capsys: pytest.CaptureFixture[str], loaded: int, *, yes: bool
) -> None:
    """A day may have agreed before its newest load failed."""
    agreed = Agreement("fine", daily=True, windows={Verdict.AGREES: 5})
    status._show([status.Standing("fine", 5, loaded)], {"fine": agreed})

    said = capsys.readouterr().out
    assert ("Yes: every finished day" in said, "1 day not loaded: " in said) == (yes, not yes)


def test_what_to_type_next_is_of_the_same_declaration(runner: CliRunner, capsys: pytest.CaptureFixture[str]) -> None:
    """Of --file, which the next command would not know; RECON_TABLES it knows."""
    assert runner
    context.environment(Path("my tables.yaml"))
    assert context.next_command("recon review list") == "recon review list --file 'my tables.yaml'"
    Path("recon.yaml").write_text(GOOD)
    context.environment(None)
    assert context.next_command("recon review list") == "recon review list"
    assert "Declaration: recon.yaml" in capsys.readouterr().err


def test_every_command_takes_a_declaration() -> None:
    """But for those that need none."""
    commands = {name: cli._imported(name) for name in cli.COMMANDS if name not in {"demo", "init", "diff", "schema"}}
    leaves = {
        (name, leaf): at
        for name, each in commands.items()
        for leaf, at in getattr(each, "commands", {"": each}).items()
    }
    del leaves["ledger", "upgrade"], leaves["web", "hash-password"]

    assert not [name for name, leaf in leaves.items() if not any("--file" in option.opts for option in leaf.params)]


def test_a_reader_that_goes_away_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a command does after its first words is done (`recon backfill .. | head -1`)."""
    for name in ("stdout", "stderr"):
        reader, writer = os.pipe()
        os.close(reader)
        monkeypatch.setattr(sys, name, os.fdopen(writer, "w"))

    output.tell("one")
    output.complain("two")
    output.as_json({"three": 3})
    output.screen().print("four")
    sys.stdout.close()
    sys.stderr.close()


def _examples() -> list[str]:
    """Every command that help, README and docs show, as it would be typed."""
    root = Path(__file__).parents[2]
    pages = (root / "README.md", *sorted((root / "docs").glob("*.md")))
    shown = [line.removeprefix("$ ").removeprefix(".venv/bin/") for page in pages for line in lines(page.read_text())]
    return [*of_help(), *commands(shown)]


def test_examples_are_understood(runner: CliRunner) -> None:
    """Each names a command and options that there are: nobody's first command is refused."""
    examples = [line for line in _examples() if "TABLE.." not in line]
    assert len(examples) > 40
    refused = []
    for line in examples:
        words = shlex.split(re.sub(r"\$\(.*?\)", "CASE", line.partition(" | ")[0]), comments=True)
        result = runner.invoke(cli.app, [*words[words.index("recon") + 1 :], "--help"])
        refused += [(line, result.stderr)] if result.exit_code else []
    assert not refused


@pytest.mark.parametrize("words", [["--help"], ["review", "list", "--help"], ["validate", "bad.yaml"]])
def test_a_reader_that_goes_away_changes_no_exit_code(runner: CliRunner, words: list[str]) -> None:
    """As of `recon .. | head -1`: help ends with 0, and what has a verdict with that."""
    assert runner
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        code = f"import recon_assets.cli as c; c.main({words!r})"
        done = subprocess.run(
            [sys.executable, "-c", code], stdout=closed, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (2 if words[0] == "validate" else 0, "")
