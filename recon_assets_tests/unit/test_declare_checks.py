# ruff: noqa: E501 - a message is one line, as people see it
"""Checks, column rules and the age of rows in a declaration: what they mean, and what is wrong with them."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from recon_assets import checks
from recon_assets.declare import load_project, read
from recon_assets.declare.kinds import KINDS
from recon_assets.declare.rules import Names, broken_rules
from recon_assets.model import Check, Grading, Relation, Rule, TableSpec, Tolerance

ENVIRON = {"SOURCE": "postgresql://db/ops", "TARGET": "postgresql://db/warehouse"}
HEAD = """\
databases:
  ops: {url: {env: SOURCE}}
  lake: {url: {env: TARGET}}
tables:
  planes:
    source: {database: ops, table: planes}
    target: {database: lake, table: planes}
    key: tailnum
    window: none
  flights:
    source: {database: ops, table: flights}
    target: {database: lake, table: flights}
    key: [time_hour, flight]
    window: {column: time_hour, start: 2013-01-01}
    columns: {ignore: loaded_at, rename: {dest: destination}}
"""

Declared = Callable[[str], Path]


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    """Writes a declaration whose last table goes on with the lines given."""

    def write(more: str) -> Path:
        path = tmp_path / "tables.yaml"
        path.write_text(HEAD + more)
        return path

    return write


def flights(path: Path) -> TableSpec:
    return load_project(path, ENVIRON).tables["flights"]


def problems(path: Path) -> list[str]:
    return [str(problem).removeprefix("line ") for problem in read(path, ENVIRON).problems]


PERCENT = Tolerance(relative=Decimal("0.01"))
CHECKS: list[tuple[str, Check]] = [
    ("count", checks.Count()),
    ("{kind: count, by: carrier, tolerance: 3}", checks.Count(("carrier",), Tolerance(Decimal(3)))),
    ("{kind: count, by: [carrier, dest]}", checks.Count(("carrier", "dest"))),
    ("{kind: sum, column: distance, tolerance: 1%}", checks.ColumnFigure("sum", "distance", PERCENT)),
    (
        "{kind: avg, column: delay, tolerance: {abs: 0.5, rel: 1%}}",
        checks.ColumnFigure("avg", "delay", Tolerance(Decimal("0.5"), Decimal("0.01"))),
    ),
    ("{kind: min, column: delay}", checks.ColumnFigure("min", "delay")),
    ("{kind: max, column: delay}", checks.ColumnFigure("max", "delay")),
    ("{kind: nulls, column: delay}", checks.ColumnFigure("nulls", "delay")),
    ("{kind: distinct, column: delay}", checks.ColumnFigure("distinct", "delay")),
    ("{kind: keys, where: origin = 'EWR'}", checks.Keys(where="origin = 'EWR'")),
    ("fields", checks.Fields()),
    ("checksum", checks.Checksum()),
    ("{kind: references, column: tailnum, parent: planes}", checks.References(("tailnum",), "planes")),
    ("{kind: order, columns: [scheduled, departed]}", checks.Ascending(("scheduled", "departed"))),
    (
        "{kind: order, monotonic: time_hour, along: flight, per: tailnum}",
        checks.Monotonic("time_hour", "flight", ("tailnum",)),
    ),
    ("{kind: order, monotonic: time_hour, along: flight}", checks.Monotonic("time_hour", "flight")),
    ("{kind: order, not_future: time_hour}", checks.NotFuture("time_hour")),
    ("{kind: order, in_window: true}", checks.InWindows()),
    ("{kind: schema, allow: reordered}", checks.Schema(("loaded_at",), {"dest": "destination"}, allow=("reordered",))),
    (
        "{kind: rule, name: revenue, source: select 1 as n, target: select 2 as n, tolerance: 1%}",
        checks.BusinessRule("select 1 as n", "select 2 as n", (), PERCENT, named="revenue"),
    ),
    (
        "{kind: count, name: n, severity: warn, blocking: true, description: Rows.}",
        checks.Count(named="n", grading=Grading(shown="warn"), blocking=True, note="Rows."),
    ),
    (
        "{kind: count, severity: {medium: 100, high: 1%, shown: error}}",
        checks.Count(grading=Grading(Tolerance(Decimal(100)), PERCENT, "error")),
    ),
    ("{kind: count, severity: {high: 0.5}}", checks.Count(grading=Grading(high=Tolerance(Decimal("0.5"))))),
]


@pytest.mark.parametrize(("text", "check"), CHECKS)
def test_check_is_declared(declared: Declared, text: str, check: Check) -> None:
    """Every key of a check ends in the check that the program judges by."""
    assert flights(declared(f"    checks:\n      - {text}\n")).checks[:1] == (check,)


@pytest.mark.parametrize(
    ("declaration", "last"),
    [
        ("[count]", "undated"),
        ("[fields, schema]", "undated"),
        ("[{kind: order, in_window: true}, count]", "count"),
        ("[{kind: order, in_window: true, where: arr_delay > 0}, count]", "undated"),
        ("[{kind: order, not_future: time_hour}, schema]", "schema"),
    ],
)
def test_rows_that_no_day_holds_are_checked_with_the_others(declared: Declared, declaration: str, last: str) -> None:
    """Wherever the two sides are compared by days, unless all rows must be in one."""
    assert flights(declared(f"    checks: {declaration}\n")).checks[-1].name == last


def test_a_table_without_days_has_no_rows_that_no_day_holds(declared: Declared) -> None:
    """All its rows are compared together."""
    path = declared("    checks: [count]\n")
    path.write_text(path.read_text().replace("{column: time_hour, start: 2013-01-01}", "none"))

    assert [check.name for check in flights(path).checks] == ["count"]


def test_checks_are_strict_when_the_table_is(declared: Declared) -> None:
    """It is written once for all of them; what else stands there is refused."""
    assert flights(declared("    check: {strict: true}\n")).strict
    assert not flights(declared("    check: {}\n")).strict
    assert problems(declared("    check: {strict: maybe, stict: true}\n")) == [
        "16: tables.flights.check.strict: expected `true` or `false`, found `maybe`. `true`: what was not compared is a failure.",
        "16: tables.flights.check.stict: unknown key `stict`. Did you mean `strict`?",
    ]


def test_every_kind_can_be_declared() -> None:
    """No kind is left out above, and none is known by one side only."""
    assert {check.kind for _, check in CHECKS} == set(KINDS)


def test_a_query_has_columns_and_no_keys(declared: Declared) -> None:
    """The schema check knows whether the source is a query."""
    path = declared("    checks: [schema]\n")
    path.write_text(path.read_text().replace("ops, table: flights", "ops, query: select * from f"))

    assert flights(path).checks == (checks.Schema(("loaded_at",), {"dest": "destination"}, query=True),)


RULES: list[tuple[str, Rule]] = [
    ("abs: 0.01", Rule(abs=Decimal("0.01"))),
    ("rel: 1%", Rule(rel=Decimal("0.01"))),
    ("rel: 0.01, of: larger, abs: .5", Rule(abs=Decimal("0.5"), rel=Decimal("0.01"), of="larger")),
    ("scale: 2, rounding: truncate", Rule(scale=2, rounding="truncate")),
    ("scale: 0", Rule(scale=0)),
    ("precision: 3", Rule(precision=3)),
    ("strip: true, ignore_case: yes, unicode: NFC", Rule(strip=True, ignore_case=True, unicode="NFC")),
    ("rstrip: true", Rule(rstrip=True)),
    ("as: uuid", Rule(read_as="uuid")),
    ("as: number, abs: 1", Rule(read_as="number", abs=Decimal(1))),
]


@pytest.mark.parametrize(("text", "rule"), RULES)
def test_column_rule_is_declared(declared: Declared, text: str, rule: Rule) -> None:
    """What a column may differ by is said once, for every check of records."""
    path = declared("")
    path.write_text(path.read_text().replace("ignore:", f"rules: {{delay: {{{text}}}}}, ignore:"))

    assert flights(path).rules == {"delay": rule}


def test_age_and_privacy_are_declared(declared: Declared) -> None:
    """When a row was changed, how long it may take, and what no report may show."""
    path = declared("    updated_at: changed\n    grace_period: 15m\n")
    path.write_text(path.read_text().replace("ignore:", "private: [name], ignore:"))

    spec = flights(path)
    assert (spec.updated_at, spec.grace_period, spec.private) == ("changed", timedelta(minutes=15), ("name",))


def _checks(*lines: str) -> str:
    return "    checks:\n" + "".join(f"      - {line}\n" for line in lines)


def _rule(text: str) -> str:
    return f"    columns: {{rules: {{{text}}}}}\n"


AT = "17: tables.flights.checks[0]"
RULE = "{kind: rule, name: r, source: SOURCE, target: TARGET}"
DAY = "select :window_start"
FAULTS: list[Any] = [
    pytest.param("cuont", f"{AT}: unknown kind of check `cuont`. Did you mean `count`?", id="kind"),
    pytest.param(
        "{by: a}", f"{AT}: a check needs its `kind`. Write `- count`, or `{{kind: sum, column: NAME}}`.", id="no kind"
    ),
    pytest.param("sum", f"{AT}.column: `column` is missing. The column whose figure is compared.", id="no column"),
    pytest.param(
        "{kind: sum, colum: a}", f"{AT}.colum: unknown key `colum`. Did you mean `column`?", id="key of its kind"
    ),
    pytest.param(
        "{kind: keys, tolerance: 1}",
        f"{AT}.tolerance: unknown key `tolerance`. Known: blocking, description, kind, name, severity, where.",
        id="key of another kind",
    ),
    pytest.param(
        "{kind: fields, tolerance: {air_time: 0.5, price: 1%}}",
        f"{AT}: `tolerance` does not belong to a check of records. Write it under `columns`, where every check of records finds it: `rules: {{air_time: {{abs: 0.5}}, price: {{rel: 1%}}}}`.",
        id="tolerance of fields",
    ),
    pytest.param(
        "{kind: fields, tolerance: 0.5}",
        f"{AT}: `tolerance` does not belong to a check of records. Write it under `columns`, where every check of records finds it: `rules: {{COLUMN: {{abs: 0.5}}}}`.",
        id="tolerance of all fields",
    ),
    pytest.param(
        "{kind: count, tolerance: few}",
        f"{AT}.tolerance: expected a number or per cent, found `few`. Write `5` for units, or `0.1%` for a share.",
        id="tolerance",
    ),
    pytest.param(
        "{kind: count, tolerance: -1}",
        f"{AT}.tolerance: expected a number or per cent, found `-1`. Write `5` for units, or `0.1%` for a share.",
        id="negative tolerance",
    ),
    pytest.param(
        "{kind: count, tolerance: {relative: 1%}}",
        f"{AT}.tolerance: unknown key `relative`. Known: abs, rel. Write `{{abs: 5, rel: 0.1%}}`.",
        id="tolerance key",
    ),
    pytest.param(
        "{kind: count, tolerance: {abs: 1%}}",
        f"{AT}.tolerance: expected a number, found `1%`. Write a number of units that is not negative, such as `0.01`.",
        id="abs in per cent",
    ),
    pytest.param(
        "{kind: count, tolerance: 150%}",
        f"{AT}.tolerance: `150%` is more than the whole. Write a share of at most 100%.",
        id="too much",
    ),
    pytest.param(
        "{kind: count, severity: {}}", f"{AT}.severity: is empty. Write `{{medium: 100, high: 1%}}`.", id="no sizes"
    ),
    pytest.param(
        "{kind: count, severity: {hihg: 1}}",
        f"{AT}.severity: unknown key `hihg`. Did you mean `high`? Write `{{medium: 100, high: 1%}}`.",
        id="size",
    ),
    pytest.param(
        "{kind: count, severity: {high: 1, medium: 2}}",
        f"{AT}.severity: `medium` begins above `high`. Write the larger size as `high`; where one is missing, 0.1% and 1% hold.",
        id="sizes",
    ),
    pytest.param(
        "{kind: count, severity: {high: 1%, medium: 2%}}",
        f"{AT}.severity: `medium` begins above `high`. Write the larger size as `high`; where one is missing, 0.1% and 1% hold.",
        id="shares",
    ),
    pytest.param(
        "{kind: count, severity: {high: 1, shown: red}}",
        f"{AT}.severity: expected `warn` or `error`, found `red`. `shown` is how all findings are shown.",
        id="shown",
    ),
    pytest.param(
        "{kind: count, blocking: often}",
        f"{AT}.blocking: expected `true` or `false`, found `often`. `true`: a day that fails it is a failed day of the run.",
        id="blocking",
    ),
    pytest.param(
        "{kind: count, name: a b}",
        f"{AT}.name: expected letters, digits and _, beginning with a letter, found `a b`. Letters, digits and _; for two checks that would have the same name.",
        id="name",
    ),
    pytest.param("{kind: count, by: [a, a]}", f"{AT}.by: `a` is named twice. Name each column once.", id="by twice"),
    pytest.param(
        "{kind: count, where: a;}",
        f"{AT}.where: SQL ends in a semicolon. Remove it: the SQL becomes a part of a larger statement.",
        id="where",
    ),
    pytest.param(
        "order",
        f"{AT}: nothing says which order is meant. Give one of `columns`, `monotonic` (with `along`), `not_future`, `in_window`.",
        id="no order",
    ),
    pytest.param(
        "{kind: order, columns: [a]}",
        f"{AT}.columns: expected at least 2 names, found a list. Times of one row that do not decrease, as `[scheduled, departed]`.",
        id="one column",
    ),
    pytest.param(
        "{kind: order, columns: [a, b], not_future: a}",
        f"{AT}: both `columns` and `not_future` are given. Give one of `columns`, `monotonic` (with `along`), `not_future`, `in_window`.",
        id="two orders",
    ),
    pytest.param(
        "{kind: order, monotonic: a}",
        f"{AT}: `monotonic` and `along` need each other. Write `{{kind: order, monotonic: TIME, along: COLUMN}}`.",
        id="no along",
    ),
    pytest.param(
        "{kind: order, not_future: a, per: b}", f"{AT}: `per` has no effect without `monotonic`. Remove it.", id="per"
    ),
    pytest.param(
        "{kind: order, in_window: false}",
        f"{AT}.in_window: expected `true`, found `false`. `true`: every row falls into one of the table's days.",
        id="not in window",
    ),
    pytest.param(
        "{kind: schema, allow: [moved]}",
        f"{AT}.allow[0]: expected `missing`, `extra`, `retyped`, `renullabled`, `reordered`, `rekeyed` or `reindexed`, found `moved`",
        id="drift",
    ),
    pytest.param(
        "{kind: rule, source: select 1, target: select 1}",
        f"{AT}.name: `name` is missing. What the rule is called: letters, digits and _.",
        id="rule without a name",
    ),
    pytest.param(
        RULE.replace("SOURCE", DAY).replace("TARGET", "select 1"),
        f"{AT}: only one of the two queries asks for a window. Use :window_start and :window_end in both, or in neither.",
        id="one window",
    ),
    pytest.param(
        RULE.replace("SOURCE", "select :window_strat").replace("TARGET", DAY),
        f"{AT}.source: unknown parameter `:window_strat`. Did you mean `window_start`?",
        id="parameter",
    ),
    pytest.param(
        "{kind: sum, column: loaded_at}",
        f"{AT}: `loaded_at` is checked and is ignored. Remove it from `ignore`.",
        id="ignored",
    ),
    pytest.param(
        "{kind: references, column: tailnum, parent: plans}",
        f"{AT}.parent: unknown table `plans`. Did you mean `planes`?",
        id="parent",
    ),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_fault_of_a_check_is_named(declared: Declared, text: str, message: str) -> None:
    """Each fault is found where it stands, with what to do about it."""
    assert message in problems(declared(_checks(text)))


def test_two_checks_of_one_name_are_refused(declared: Declared) -> None:
    """A second one needs a name of its own; then both are carried out."""
    paid = "{kind: count, where: paid}"

    assert problems(declared(_checks("count", paid))) == [
        "18: tables.flights.checks[1]: checks[0] is named `count` already. Give one of them another name, as `name: paid_orders`."
    ]
    named = flights(declared(_checks("count", paid.replace("}", ", name: paid}")))).checks
    assert [check.name for check in named] == ["count", "paid", "undated"]


def test_tables_without_days_have_no_check_of_days(declared: Declared) -> None:
    """A query cannot be given a window, and no row can be outside of all, where there is none."""
    path = declared(_checks("{kind: order, in_window: true}", RULE.replace("SOURCE", DAY).replace("TARGET", DAY)))
    path.write_text(path.read_text().replace("{column: time_hour, start: 2013-01-01}", "none"))

    assert problems(path) == [
        f"{AT}: the table has no days that rows could be outside of. Remove it, or give a `window`.",
        "18: tables.flights.checks[1]: the queries ask for a window, and the table has none. Give the table a `window`.",
    ]


RULE_AT = "15: tables.flights.columns.rules"
RULE_FAULTS: list[Any] = [
    pytest.param(
        "delay: {abs: x}",
        f"{RULE_AT}.delay.abs: expected a number, found `x`. Write a number of units that is not negative, such as `0.01`.",
        id="abs",
    ),
    pytest.param(
        "delay: {rel: x}",
        f"{RULE_AT}.delay.rel: expected a share, found `x`. Write per cent, such as `0.1%`.",
        id="rel",
    ),
    pytest.param(
        "delay: {rel: 5}",
        f"{RULE_AT}.delay.rel: `5` is more than the whole. Write `5%` if per cent is meant.",
        id="rel in per cent",
    ),
    pytest.param("delay: {rell: 5%}", f"{RULE_AT}.delay.rell: unknown key `rell`. Did you mean `rel`?", id="key"),
    pytest.param(
        "delay: {read_as: uuid}",
        f"{RULE_AT}.delay.read_as: unknown key `read_as`. Known: abs, as, ignore_case, of, precision, rel, rounding, rstrip, scale, strip, unicode.",
        id="name of the program",
    ),
    pytest.param(
        "delay: {as: guid}",
        f"{RULE_AT}.delay.as: expected `uuid`, `json`, `float32`, `boolean`, `timestamp` or `number`, found `guid`. What the values are read as, whatever type holds them.",
        id="as",
    ),
    pytest.param(
        "delay: {scale: 2.5}",
        f"{RULE_AT}.delay.scale: expected a whole number, found `2.5`. Numbers are first rounded to so many digits after the point, 0 to 38.",
        id="scale",
    ),
    pytest.param(
        "delay: {precision: 9}",
        f"{RULE_AT}.delay.precision: expected a number within bounds, found `9`. Times are first brought to so many digits after the second, 0 to 6.",
        id="precision",
    ),
    pytest.param(
        "delay: {of: target}", f"{RULE_AT}.delay: `of` has no effect without `rel`. Add `rel`, or remove `of`.", id="of"
    ),
    pytest.param(
        "delay: {rounding: truncate}",
        f"{RULE_AT}.delay: `rounding` has no effect without `scale` or `precision`. Add one of them, or remove it.",
        id="rounding",
    ),
    pytest.param(
        "delay: {}", f"{RULE_AT}.delay: is empty. Write at least one rule, such as `{{abs: 0.01}}`.", id="empty"
    ),
    pytest.param(
        "delay: {abs: 0, strip: true}",
        f"{RULE_AT}.delay: `abs` is for numbers, `strip` is for texts. Remove one of them.",
        id="abs with strip",
    ),
    pytest.param(
        "delay: {scale: 0, precision: 0}",
        f"{RULE_AT}.delay: `scale` is for numbers, `precision` is for times. Remove one of them.",
        id="scale with precision",
    ),
    pytest.param(
        "delay: {as: json, ignore_case: true}",
        f"{RULE_AT}.delay: `ignore_case` is for texts, and the values are read as json. Remove one of them.",
        id="as with texts",
    ),
    pytest.param(
        "flight: {abs: 1}",
        f"{RULE_AT}.flight: a tolerance cannot tell which records belong together. Use `scale`, which gives each value one place, or leave the column out of the key.",
        id="key",
    ),
]


@pytest.mark.parametrize(("text", "message"), RULE_FAULTS)
def test_fault_of_a_column_rule_is_named(declared: Declared, text: str, message: str) -> None:
    """Rules that cannot be read, have no effect, or cannot work are refused before any data is read."""
    path = declared("")
    path.write_text(path.read_text().replace("columns: {ignore: loaded_at,", f"columns: {{rules: {{{text}}},"))

    assert message in problems(path)


USES = [
    (
        "ignore: loaded_at",
        "ignore: delay, rules: {delay: {abs: 1}}",
        "15: tables.flights.columns: `delay` is given a rule and is ignored. Remove it from `ignore`.",
    ),
    (
        "ignore:",
        "private: delay, ignore:",
        f"{AT}: the check would show values of `delay`, which is private. Remove the check, or the column from `private`.",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "message"), USES)
def test_columns_that_are_put_to_use_can_be_seen(declared: Declared, right: str, wrong: str, message: str) -> None:
    """A column is used, or left out."""
    path = declared(_checks("{kind: max, column: delay}"))
    path.write_text(path.read_text().replace(right, wrong, 1))

    assert any(problem.split(": ", 1)[1] == message.split(": ", 1)[1] for problem in problems(path)), problems(path)


def test_faults_of_checks_come_at_once(declared: Declared) -> None:
    """A fault of one check hides none of another."""
    found = problems(declared(_checks("cuont", "{kind: sum}", "{kind: count, tolerance: x}")))

    assert [problem.split(": ")[1] for problem in found] == [
        "tables.flights.checks[0]",
        "tables.flights.checks[1].column",
        "tables.flights.checks[2].tolerance",
    ]


def test_python_is_held_to_the_rules_of_records() -> None:
    """Without a key, records are compared as wholes: only Python can declare such a table."""
    spec = TableSpec("t", Relation("a", "t"), Relation("b", "t"), rules={"v": Rule(abs=Decimal(1))})
    found = list(broken_rules(Names(["a", "b"], ["t"], {"t": spec})))

    assert [(problem.where, problem.hint) for problem in found] == [("tables.t.columns.rules.v", "Name a key.")]


def test_a_parent_with_faults_of_its_own_is_known(declared: Declared) -> None:
    """Its key cannot be told, so nothing is said of the columns that name it."""
    path = declared(_checks("{kind: references, columns: [a, b], parent: planes}"))
    path.write_text(path.read_text().replace("key: tailnum", "kye: tailnum"))

    assert not any("checks[0]" in problem for problem in problems(path))
