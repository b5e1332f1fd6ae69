# ruff: noqa: E501 - a message is one line, as people see it
"""Declarations: what they mean, and that every fault is named with its place and a remedy."""

import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from recon_assets.checks import References
from recon_assets.declare import ProblemsError, load_project, read
from recon_assets.errors import DeclarationError
from recon_assets.model import Calendar, Database, Grading, Project, Relation, TableSpec

ENVIRON = {"SOURCE": "postgresql://reader:hunter2@db/ops", "TARGET": "postgresql://db/warehouse"}

HEAD = """\
databases:
  ops: {url: {env: SOURCE}, statement_timeout: 90s, connections: 2}
  warehouse: {url: {env: TARGET}}
tables:
  planes:
    source: {database: ops, table: planes}
    target: {database: warehouse, table: planes}
    key: tailnum
    window: none
"""

FLIGHTS = """\
  flights:
    source: {database: ops, table: public.flights}
    target: {database: warehouse, table: '"Analytics".flights'}
    key: [time_hour, carrier]
    window: {column: time_hour, start: 2013-01-01, end: 2014-01-01, timezone: America/New_York}
    columns: {ignore: [loaded_at], rename: {dest: destination}, cast: {no: text}}
    where: tenant = 7
    checks:
      - {kind: references, column: tailnum, parent: planes, severity: warn}
    group: air
    owners: [team:data, a@example.com]
    description: Flights.
    check: {strict: true}
"""


@pytest.fixture
def declared(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Writes a declaration file."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / "tables.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


Write = Callable[[str | bytes], Path]


def messages(path: Path, environ: dict[str, str] = ENVIRON) -> list[str]:
    return [str(problem) for problem in read(path, environ).problems]


def test_file_becomes_the_nouns(declared: Write) -> None:
    """Every key of the file ends in the value that the rest of the program reads."""
    project = load_project(declared(HEAD + FLIGHTS), ENVIRON)

    assert project.databases["ops"] == Database("ops", ENVIRON["SOURCE"], timedelta(seconds=90), 2)
    assert project.databases["warehouse"] == Database("warehouse", ENVIRON["TARGET"])
    assert project.tables["flights"] == TableSpec(
        name="flights",
        source=Relation("ops", "public.flights"),
        target=Relation("warehouse", '"Analytics".flights'),
        key=("time_hour", "carrier"),
        calendar=Calendar("time_hour", date(2013, 1, 1), date(2014, 1, 1), "America/New_York"),
        ignore=("loaded_at",),
        rename={"dest": "destination"},
        cast={"no": "text"},
        where="tenant = 7",
        checks=(References(("tailnum",), "planes", grading=Grading(shown="warn")),),
        strict=True,
        group="air",
        owners=("team:data", "a@example.com"),
        description="Flights.",
    )
    assert project.tables["planes"].calendar is None


@pytest.mark.parametrize(
    ("window", "unit"),
    [
        ("start: 2013-01-01, unit: hour", "hour"),
        ("start: 2013-01-02, unit: week", "week"),
        ("start: 2013-01-01, unit: month", "month"),
    ],
)
def test_windows_need_not_be_days(declared: Write, window: str, unit: str) -> None:
    """A week begins at the weekday on which the first one does."""
    text = FLIGHTS.replace("start: 2013-01-01", window)

    found = load_project(declared(HEAD + text), ENVIRON).tables["flights"].calendar

    assert found
    assert found.unit == unit


@pytest.mark.parametrize(
    ("window", "said"),
    [
        (
            "start: 2013-01-15, unit: month",
            "2013-01-15 is within a month. Months begin at the first: write 2013-01-01.",
        ),
        (
            "start: 2013-01-01, unit: week",
            "2014-01-01 is within a week. Weeks begin as 2013-01-01 does, on Tuesdays: write 2013-12-31.",
        ),
        (
            "start: 2013-01-01, unit: hour, stored_in: Antarctica/Troll",
            "clocks of Antarctica/Troll go back by more than an hour, so that its hours have no order. Write UTC.",
        ),
    ],
)
def test_windows_that_there_are_not(declared: Write, window: str, said: str) -> None:
    """The error says what could be meant."""
    (found,) = messages(declared(HEAD + FLIGHTS.replace("start: 2013-01-01", window)))

    assert said in found


def test_scalars_are_text(declared: Write) -> None:
    """Columns named like YAML's truths and numbers are columns: YAML alone would read `no` as false."""
    text = HEAD.replace("key: tailnum", "key: [on, no, 1, 2013-01-01, y]")

    assert load_project(declared(text), ENVIRON).tables["planes"].key == ("on", "no", "1", "2013-01-01", "y")


def test_query_is_a_source(declared: Write) -> None:
    """A query stands in for the table, and may hold what YAML would otherwise read."""
    text = HEAD.replace("table: planes}\n    target", "query: \"select * from p where a = 'x: y'\"}\n    target")

    source = load_project(declared(text), ENVIRON).tables["planes"].source
    assert source == Relation("ops", query="select * from p where a = 'x: y'")


FAULTS = [
    pytest.param(
        "window: none",
        "windw: none",
        "line 9: tables.planes.windw: unknown key `windw`. Did you mean `window`?",
        id="key",
    ),
    pytest.param(
        "table: planes}\n    target",
        "tabel: planes}\n    target",
        "line 6: tables.planes.source.tabel: unknown key `tabel`. Did you mean `table`?",
        id="inner key",
    ),
    pytest.param("tables:", "tabels:", "line 4: tabels: unknown key `tabels`. Did you mean `tables`?", id="top key"),
    pytest.param(
        "{env: TARGET}",
        "{evn: TARGET}",
        "line 3: databases.warehouse.url.evn: unknown key `evn`. Did you mean `env`?",
        id="url key",
    ),
    pytest.param(
        "    window: none\n",
        "",
        "line 5: tables.planes.window: `window` is missing. Write `{column, start}` to divide the rows into days, or `none`.",
        id="missing",
    ),
    pytest.param(
        "window: none",
        "window:",
        "line 9: tables.planes.window: is empty. Write `{column, start}`, or `none` for a table without days.",
        id="empty window",
    ),
    pytest.param(
        "window: none",
        "window: daily",
        "line 9: tables.planes.window: expected a mapping (lines of `key: value`), found `daily`. Write `{column, start}` to divide the rows into days, or `none`.",
        id="wrong window",
    ),
    pytest.param(
        "key: tailnum",
        "key: {a: b}",
        "line 8: tables.planes.key: expected a list, found a mapping. The columns that identify one row, as `[id]`.",
        id="wrong type",
    ),
    pytest.param(
        "key: tailnum",
        "key: []",
        "line 8: tables.planes.key: expected at least one name, found a list. The columns that identify one row, as `[id]`.",
        id="no key",
    ),
    pytest.param(
        "key: tailnum",
        "key: [a, a]",
        "line 8: tables.planes.key: `a` is named twice. Name each column once.",
        id="key twice",
    ),
    pytest.param(
        "{database: ops, table: planes}",
        "[ops, planes]",
        "line 6: tables.planes.source: expected a mapping (lines of `key: value`), found a list. Write `{database: NAME, table: schema.table}`.",
        id="list for mapping",
    ),
    pytest.param(
        "{database: ops, table: planes}",
        "{database: ops}",
        "line 6: tables.planes.source: neither `table` nor `query` is given. Give one of the two.",
        id="no table",
    ),
    pytest.param(
        "{database: ops, table: planes}",
        "{database: ops, table: t, query: select 1}",
        "line 6: tables.planes.source: both `table` and `query` are given. Give one of the two.",
        id="both",
    ),
    pytest.param(
        "{database: ops, table: planes}",
        "{database: ops, query: select 1;}",
        "line 6: tables.planes.source.query: SQL ends in a semicolon. Remove it: the SQL becomes a part of a larger statement.",
        id="semicolon",
    ),
    pytest.param(
        "{database: ops, table: planes}",
        "{database: ops, query: '  '}",
        "line 6: tables.planes.source.query: SQL is empty. Write it, or remove the key.",
        id="no sql",
    ),
    pytest.param(
        "table: planes}\n    key",
        "table: a.b.c}\n    key",
        "line 7: tables.planes.target.table: `a.b.c` is no table name. Write `table` or `schema.table`; put double quotes around a part with dots or spaces: '\"my.schema\".t'.",
        id="table name",
    ),
    pytest.param(
        "connections: 2",
        "connections: many",
        "line 2: databases.ops.connections: expected a whole number, found `many`. How many connections may be open at once, 1 to 100.",
        id="number",
    ),
    pytest.param(
        "connections: 2",
        "connections: 0",
        "line 2: databases.ops.connections: expected a number within bounds, found `0`. How many connections may be open at once, 1 to 100.",
        id="bounds",
    ),
    pytest.param(
        "90s",
        "90",
        "line 2: databases.ops.statement_timeout: expected a duration, found `90`. Write a number and ms, s, m, h or d: `90s`, `15m`, `4h`.",
        id="duration",
    ),
    pytest.param(
        "{database: ops, table",
        "{database: opps, table",
        "line 6: tables.planes.source.database: unknown database `opps`. Did you mean `ops`?",
        id="database",
    ),
    pytest.param(
        "  planes:",
        "  my-planes:",
        "line 5: tables.my-planes: `my-planes` cannot be a name here. Use letters, digits and _, beginning with a letter; table names become names of assets.",
        id="name",
    ),
    pytest.param(
        "  planes:",
        "  review_queue:",
        "line 5: tables.review_queue: `review_queue` is the name of an asset of the review. Give the table another name.",
        id="the review's name",
    ),
    pytest.param(
        "warehouse, table",
        "ops, table",
        "line 7: tables.planes.target: source and target are the same table. Give the copy another table or another database.",
        id="same",
    ),
    pytest.param(
        "{env: TARGET}",
        "{env: TARGE}",
        "line 3: databases.warehouse.url.env: TARGE is not set. Set it to the database's URL: export TARGE=postgresql://user@host/name",
        id="unset",
    ),
    pytest.param(
        "{env: TARGET}",
        "[a]",
        "line 3: databases.warehouse.url: expected a mapping (lines of `key: value`), found a list. Write `{env: NAME}`, or a URL without a password.",
        id="url list",
    ),
    pytest.param("{url: {env: TARGET}}", "", "line 3: databases.warehouse: is empty", id="empty part"),
    pytest.param(
        "url: {env: TARGET}",
        "connections: 1",
        "line 3: databases.warehouse: neither `url` nor `resource` is given. Write `url: {env: NAME}`.",
        id="nowhere",
    ),
    pytest.param(
        "url: {env: TARGET}",
        "resource: lake",
        "line 3: databases.warehouse: `resource` and `dialect` need each other. Write `{resource: KEY, dialect: postgresql}`.",
        id="resource of what",
    ),
    pytest.param(
        "url: {env: TARGET}",
        "resource: lake, dialect: oracle",
        "line 3: databases.warehouse.dialect: expected `postgresql`, `mysql`, `mariadb`, `duckdb` or `sqlite`, found `oracle`. What the `resource` is, which only runs could ask it.",
        id="resource of another",
    ),
    pytest.param(
        "window: none",
        "grace_period: 15m\n    window: none",
        "line 9: tables.planes.grace_period: nothing says how old a row is. Name the column that says when a row was last changed: `updated_at: COLUMN`.",
        id="grace_period",
    ),
    pytest.param(
        "window: none",
        "window: none\n    owners: me",
        "line 10: tables.planes.owners: `me` is no owner. Write an e-mail address or `team:name`.",
        id="owner",
    ),
    pytest.param(
        "window: none",
        "window: none\n    owners: müller@example.org",
        "line 10: tables.planes.owners: `müller@example.org` is no owner. Write an e-mail address or `team:name`.",
        id="an owner that Dagster refuses",
    ),
    pytest.param(
        "window: none",
        "window: none\n    group: a b",
        "line 10: tables.planes.group: expected letters, digits and _, beginning with a letter, found `a b`. Letters, digits and _.",
        id="group",
    ),
    pytest.param(
        "window: none",
        "window: none\n    window: none",
        "line 10: tables.planes.window: this key is already on line 9. Keep one of the two; YAML would drop the other in silence.",
        id="duplicate",
    ),
    pytest.param(
        "window: none",
        "window: none\n    <<: {a: b}",
        "line 10: tables.planes: merge keys (`<<`) are not read. Write the values out.",
        id="merge",
    ),
    pytest.param(
        "window: none",
        "window: none\n    ? [a]\n    : b",
        "line 10: tables.planes: a key must be a name. Write `name: value`.",
        id="list as key",
    ),
    pytest.param(
        "window: none",
        "window: none\n    owners: &a [*a]",
        "line 10: tables.planes.owners[0]: this value contains itself. Replace the alias by the values it stands for.",
        id="recursion",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "message"), FAULTS)
def test_fault_is_named(declared: Write, right: str, wrong: str, message: str) -> None:
    """Each fault is found where it stands, with what to do about it."""
    assert right in HEAD

    assert message in messages(declared(HEAD.replace(right, wrong, 1)))


FLIGHT_FAULTS = [
    pytest.param(
        "2013-01-01",
        "2013-02-30",
        "line 14: tables.flights.window.start: `2013-02-30` is no date: day is out of range for month. Write a day that exists, as YYYY-MM-DD.",
        id="day",
    ),
    pytest.param(
        "2013-01-01",
        "20130101",
        "line 14: tables.flights.window.start: expected a date, found `20130101`. Write the day as YYYY-MM-DD.",
        id="number",
    ),
    pytest.param(
        "2013-01-01",
        "soon",
        "line 14: tables.flights.window.start: expected a date, found `soon`. Write the day as YYYY-MM-DD.",
        id="word",
    ),
    pytest.param(
        "2014-01-01",
        "2013-01-01",
        "line 14: tables.flights.window.end: 2013-01-01 is not after start 2013-01-01, so that there would be no day. `end` is the day after the last one: write a later day, or remove it.",
        id="end",
    ),
    pytest.param(
        "America/New_York",
        "America/NewYork",
        "line 14: tables.flights.window.timezone: unknown time zone `America/NewYork`. Did you mean `America/New_York`?",
        id="zone",
    ),
    pytest.param(
        "America/New_York",
        "../etc/passwd",
        "line 14: tables.flights.window.timezone: unknown time zone `../etc/passwd`. Write a name such as `UTC` or `America/New_York`.",
        id="odd zone",
    ),
    pytest.param(
        "{dest: destination}",
        "{dest: x, origin: x}",
        "line 15: tables.flights.columns.rename: `dest`, `origin` all become `x`. Give each column of the target to one column of the source.",
        id="same name",
    ),
    pytest.param(
        "[loaded_at]",
        "[carrier]",
        "line 13: tables.flights.key: `carrier` is a key column and is ignored. Remove it from `ignore`.",
        id="key ignored",
    ),
    pytest.param(
        "[loaded_at]",
        "[time_hour]",
        "line 14: tables.flights.window: `time_hour` is the window's column and is ignored. Remove it from `ignore`.",
        id="window ignored",
    ),
    pytest.param(
        "[loaded_at]",
        "[destination]",
        "line 15: tables.flights.columns: `dest` is renamed and is ignored. Remove it from `ignore`.",
        id="renamed ignored",
    ),
    pytest.param(
        "parent: planes",
        "parent: plans",
        "line 18: tables.flights.checks[0].parent: unknown table `plans`. Did you mean `planes`?",
        id="parent",
    ),
    pytest.param(
        "column: tailnum",
        "columns: [a, b]",
        "line 18: tables.flights.checks[0].columns: 2 columns cannot name a row of `planes`, whose key is (tailnum). Name one column for each column of that key, in its order.",
        id="arity",
    ),
    pytest.param(
        "column: tailnum",
        "column: a, columns: [b]",
        "line 18: tables.flights.checks[0]: both `column` and `columns` are given. Give one of the two.",
        id="both",
    ),
    pytest.param(
        "column: tailnum",
        "colum: a",
        "line 18: tables.flights.checks[0].colum: unknown key `colum`. Did you mean `columns`?",
        id="key",
    ),
    pytest.param(
        "kind: references",
        "kind: refrences",
        "line 18: tables.flights.checks[0]: unknown kind of check `refrences`. Did you mean `references`?",
        id="kind",
    ),
    pytest.param(
        "kind: references, ",
        "",
        "line 18: tables.flights.checks[0]: a check needs its `kind`. Write `- count`, or `{kind: sum, column: NAME}`.",
        id="no kind",
    ),
    pytest.param(
        "severity: warn",
        "severity: loud",
        "line 18: tables.flights.checks[0].severity: expected `warn` or `error`, found `loud`. Or write sizes, as `{medium: 100, high: 1%}`.",
        id="severity",
    ),
    pytest.param("warehouse, table: '\"Analytics\".flights'", "warehouse, table: planes", None, id="other rows"),
]


@pytest.mark.parametrize(("right", "wrong", "message"), FLIGHT_FAULTS)
def test_fault_of_a_windowed_table_is_named(declared: Write, right: str, wrong: str, message: str | None) -> None:
    """Days, renames and checks: each fault is found where it stands."""
    assert right in FLIGHTS

    found = messages(declared(HEAD + FLIGHTS.replace(right, wrong, 1)))
    assert (message in found) if message else not found


def test_two_tables_may_not_write_the_same_rows(declared: Write) -> None:
    """Two tables of one target need a `where` each."""
    same = FLIGHTS.replace("'\"Analytics\".flights'", "planes").replace("    where: tenant = 7\n", "")

    (message,) = messages(declared(HEAD + same))
    assert message == (
        "line 12: tables.flights.target: writes the same rows of warehouse:planes as table `planes`."
        " Declare each once, or part them by `where`."
    )


def test_all_faults_come_at_once_in_the_order_of_the_file(declared: Write) -> None:
    """Faults of form, of meaning and of the environment do not hide one another."""
    text = (HEAD + FLIGHTS).replace("{env: TARGET}", "{env: T}").replace("key: tailnum", "kye: tailnum")
    text = text.replace("2014-01-01", "never").replace("parent: planes", "parent: plans")

    problems = read(declared(text), ENVIRON).problems
    assert [problem.where for problem in problems] == [
        "databases.warehouse.url.env",
        "tables.planes.key",
        "tables.planes.kye",
        "tables.flights.window.end",
    ]
    with pytest.raises(ProblemsError) as raised:
        load_project(declared(text), ENVIRON)
    assert raised.value.problems == problems
    assert str(raised.value).count("\n") == len(problems)


BROKEN = [
    pytest.param(b"tables:\n\tflights: {}\n", 2, "Indent with spaces", id="tab"),
    pytest.param(b"tables:\n  caf\xe9: {}\n", 2, "Save the file as UTF-8.", id="latin-1"),
    pytest.param("tables:\n".encode("utf-16"), 1, "Save the file as UTF-8.", id="utf-16"),
    pytest.param(b"tables: {a: [}\n", 1, "Look at this line", id="bracket"),
    pytest.param(b"tables: {}\n---\ntables: {}\n", 2, "Keep one document", id="two documents"),
    pytest.param(b"tables: \x07\n", None, "Remove the control character.", id="control character"),
    pytest.param(b"tables: *t\n", 1, "Look at this line", id="no such alias"),
]


@pytest.mark.parametrize(("data", "line", "hint"), BROKEN)
def test_what_is_no_yaml_is_refused(declared: Write, data: bytes, line: int | None, hint: str) -> None:
    """The first fault of form is named with its line."""
    with pytest.raises(ProblemsError) as raised:
        read(declared(data), ENVIRON)

    (problem,) = raised.value.problems
    assert problem.line == line
    assert hint in problem.hint


@pytest.mark.parametrize("text", ["", "# only words\n", "null\n", "- a\n- b\n", "text", "databases:\ntables: {}\n"])
def test_empty_declarations_say_what_belongs_there(declared: Write, text: str) -> None:
    """Nothing declared is no agreement: it is a fault."""
    found = messages(declared(text))

    assert found
    assert all("`databases:` and `tables:`" in message for message in found)


def test_byte_order_mark_is_no_fault(declared: Write) -> None:
    """Windows editors put one before UTF-8."""
    assert not read(declared(b"\xef\xbb\xbf" + HEAD.encode()), ENVIRON).problems


def test_anchors_stand_for_whole_values(declared: Write) -> None:
    """An alias is the value it names."""
    text = HEAD.replace("key: tailnum", "key: &key [tailnum]\n    columns: {ignore: []}\n    owners: &o [team:a]")

    assert load_project(declared(text), ENVIRON).tables["planes"].owners == ("team:a",)


SECRETS = [
    "postgresql://u:hunter2@h/d?password=hunter2",
    "postgresql://u:hunter2@h:port/d",
    "oracle://u:hunter2@h/d",
    "hunter2:hunter2@h",
    "postgresql+asyncpg://u:hunter2@h/d",
]


@pytest.mark.parametrize("url", SECRETS)
def test_no_message_shows_a_password(declared: Write, url: str) -> None:
    """Whatever is wrong with a URL, in the file or in the environment, it is not repeated."""
    inside = HEAD.replace("{env: TARGET}", f"'{url}'").replace("key: tailnum", f"key: {{a: '{url}'}}")
    misplaced = HEAD.replace("window: none", f"window: '{url}'").replace("90s", f"'{url}'")

    outside = messages(declared(HEAD), ENVIRON | {"TARGET": url})
    found = [*outside, *messages(declared(inside))]
    assert any("databases.warehouse.url" in message for message in outside)
    assert "hunter2" not in "".join(found)
    if "://" in url:
        assert "hunter2" not in "".join(messages(declared(misplaced)))


def test_password_in_the_file_is_warned_of(declared: Write) -> None:
    """It works, but the file is no place for it."""
    declaration = read(declared(HEAD.replace("{env: TARGET}", "postgresql://u:hunter2@h/d")), ENVIRON)

    assert not declaration.errors
    assert [problem.message for problem in declaration.problems] == ["the URL holds a password"]


def test_offline_a_missing_variable_is_a_warning(declared: Write) -> None:
    """A file can be checked where no database is known."""
    declaration = read(declared(HEAD), {}, offline=True)

    assert not declaration.errors
    assert [problem.severity for problem in declaration.problems] == ["warning", "warning"]


def test_missing_file_says_what_to_do(tmp_path: Path) -> None:
    """A path that leads nowhere is named."""
    with pytest.raises(DeclarationError, match=r"none\.yaml: cannot be read: No such file.*recon init"):
        load_project(tmp_path / "none.yaml", {})


def test_environment_names_the_file(declared: Write) -> None:
    """RECON_TABLES is read when no path is given."""
    project = load_project(None, ENVIRON | {"RECON_TABLES": str(declared(HEAD))})

    assert list(project.tables) == ["planes"]


def test_the_declaration_of_this_folder_is_found(
    declared: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """recon.yaml where nothing is named; never the demo's, which has to be named, too."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeclarationError, match=r"there is no recon\.yaml .* --file or RECON_TABLES .* recon init"):
        load_project(None, ENVIRON)

    declared(HEAD).rename("recon.yaml")

    assert list(load_project(None, ENVIRON).tables) == ["planes"]
    assert "flights" in read(Path("demo"), {}, offline=True).project.tables


PYTHON = """
from recon_assets.model import *
databases = {"a": Database("a", "sqlite:///a"), "b": Database("b", "sqlite:///b")}
right = Project(databases, {"t": TableSpec("t", Relation("a", "t"), Relation("b", "t"), ("id",))})
wrong = Project(databases, {"t": TableSpec("t", Relation("a", "t"), Relation("c", "t"), ("id",), ignore=("id",))})
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a Python module that declares tables."""
    (tmp_path / "declared_here.py").write_text(PYTHON)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "declared_here", raising=False)
    return "declared_here"


def test_tables_may_be_declared_in_python(module: str) -> None:
    """RECON_TABLES names a `Project` in a module."""
    project = load_project(None, {"RECON_TABLES": f"{module}:right"})

    assert isinstance(project, Project)
    assert list(project.tables) == ["t"]


def test_python_is_held_to_the_same_rules(module: str) -> None:
    """What would be a fault in YAML is one in Python."""
    with pytest.raises(ProblemsError) as raised:
        load_project(None, {"RECON_TABLES": f"{module}:wrong"})

    assert [problem.where for problem in raised.value.problems] == ["tables.t.target.database", "tables.t.key"]


@pytest.mark.parametrize("attribute", ["declared_here:databases", "declared_here:nothing", "no_such_module:x"])
def test_names_that_lead_nowhere_are_refused(module: str, attribute: str) -> None:
    """A wrong module, a wrong attribute and a wrong value each say what was looked for."""
    assert module
    with pytest.raises(DeclarationError, match=f"RECON_TABLES={attribute}"):
        load_project(None, {"RECON_TABLES": attribute})


@pytest.mark.parametrize(
    ("text", "environ", "url"),
    [
        pytest.param("resource: lake, dialect: duckdb", {}, "", id="only a resource"),
        pytest.param("resource: lake, dialect: duckdb, url: {env: TARGET}", {}, "", id="its variable is not set"),
        pytest.param(
            "resource: lake, dialect: duckdb, url: {env: TARGET}", {"TARGET": "duckdb:///x"}, "duckdb:///x", id="both"
        ),
    ],
)
def test_a_database_may_be_a_resource(declared: Write, text: str, environ: dict[str, str], url: str) -> None:
    """Nothing has to say where it is; a URL besides is for those who have no resources."""
    found = read(declared(HEAD.replace("url: {env: TARGET}", text)), {"SOURCE": ENVIRON["SOURCE"], **environ})

    assert found.problems == ()
    assert found.project.databases["warehouse"] == Database("warehouse", url, resource="lake", dialect="duckdb")
