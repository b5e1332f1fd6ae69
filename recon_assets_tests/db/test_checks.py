"""Checks against real databases: every pattern on a clean pair and on a planted fault, and what cannot be checked."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from recon_assets import checks
from recon_assets.checks.running import evaluate
from recon_assets.cli.findings import as_dict
from recon_assets.errors import DeclarationError
from recon_assets.model import (
    ALL,
    Calendar,
    Check,
    Database,
    Finding,
    Measure,
    Orphans,
    Project,
    Records,
    Relation,
    Severity,
    TableSpec,
)
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, TARGETS, Name, Side, Sides, quoted, spec

FIRST = date(2024, 3, 1)
NOW = datetime(2024, 3, 20, tzinfo=UTC)
DAYS = Calendar("at", FIRST, FIRST + timedelta(days=5))
WINDOWS = tuple(DAYS.windows(date(2025, 1, 1)))
BAD_DAY = "2024-03-03"
STAMPS: dict[Name, str] = {
    "postgresql": "timestamp(6)",
    "mysql": "datetime(6)",
    "duckdb": "timestamp",
    "sqlite": "timestamp",
}
PAIRS = [pytest.param(source, target, id=f"{source}-{target}") for source in SOURCES for target in TARGETS]
SOME = [
    PAIRS[0],
    # The checks are the same, and what databases differ in is measured in tests of its own.
    *(
        pytest.param(source, target, id=f"{source}-{target}", marks=pytest.mark.repeats)
        for source, target in (
            ("postgresql", "mysql"),
            ("mysql", "postgresql"),
            ("duckdb", "postgresql"),
            ("sqlite", "mysql"),
        )
    ),
]


def moment(day: int, hour: int = 0) -> datetime:
    return datetime(2024, 3, 1, hour) + timedelta(days=day)  # noqa: DTZ001 - columns without a zone


# Each day has four rows of two codes; the amounts differ; what is shipped is so hours later.
ROWS = [
    (day * 10 + at, moment(day, at), "ab"[at % 2], day * 10 + at + 1, moment(day, at + 3) if at else None)
    for day in range(5)
    for at in range(4)
]


def columns(name: Name) -> str:
    at, stamp = quoted("at", name), STAMPS[name]
    return f"id integer primary key, {at} {stamp}, code varchar(9), amount integer, shipped {stamp}"


def per_day(side: Side) -> str:
    at = quoted("at", side.name)
    return f"SELECT code, sum(amount) AS total FROM t WHERE {at} >= :window_start AND {at} < :window_end GROUP BY code"


def rule(sides: Sides) -> checks.BusinessRule:
    return checks.BusinessRule(per_day(sides.source), per_day(sides.target), by=("code",))


def total(_: Sides) -> checks.BusinessRule:
    return checks.BusinessRule(
        "SELECT sum(amount) AS total FROM t", "SELECT sum(amount) AS total FROM t", named="total"
    )


Make = Callable[[Sides], Check]
LIMIT = "id >= 20"
CHECKS: Sequence[Make] = (
    lambda _: checks.Count(),
    lambda _: checks.Count(by=("code",)),
    lambda _: checks.ColumnFigure("sum", "amount"),
    lambda _: checks.ColumnFigure("avg", "amount"),
    lambda _: checks.ColumnFigure("min", "amount"),
    lambda _: checks.ColumnFigure("max", "amount"),
    lambda _: checks.ColumnFigure("nulls", "shipped"),
    lambda _: checks.ColumnFigure("distinct", "code"),
    lambda _: checks.Keys(),
    lambda _: checks.Fields(),
    lambda _: checks.Checksum(),
    lambda _: checks.References(("code",), "codes"),
    lambda _: checks.Ascending(columns=("at", "shipped")),
    lambda _: checks.Monotonic(column="amount", along="at"),
    lambda _: checks.NotFuture(column="shipped"),
    lambda _: checks.InWindows(),
    lambda _: checks.Keys(where=LIMIT, named="late_keys"),
    rule,
    total,
)


def prepared(sides: Sides, rows: Sequence[tuple[Any, ...]] = ROWS) -> tuple[Project, TableSpec]:
    """Both sides alike, and what is declared of them; ``codes`` is the parent of ``t``."""
    for side in (sides.source, sides.target):
        side.run(f"CREATE TABLE t ({columns(side.name)})", "CREATE TABLE c (code varchar(9) primary key)")
        side.fill("t", rows)
        side.fill("c", [("a",), ("b",)])
    table = spec(DAYS, checks=tuple(make(sides) for make in CHECKS))
    codes = TableSpec("codes", Relation("source", "c"), Relation("target", "c"), ("code",))
    databases = {name: Database(name, side.url) for name, side in (("source", sides.source), ("target", sides.target))}
    return Project(databases, {"t": table, "codes": codes}), table


def found(project: Project, table: TableSpec, *names: str, **more: Any) -> list[Finding]:
    return list(evaluate(project, table, more.pop("windows", WINDOWS), names=names or None, now=NOW, **more))


def failed(findings: Sequence[Finding]) -> list[tuple[str, str, int]]:
    return [(finding.window, finding.check, finding.wrong) for finding in findings if not finding.passed]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_clean_pair_passes(both: Both, source: Name, target: Name) -> None:
    """Every check, for each of its windows and no other, in order."""
    project, table = prepared(both(source, target))
    findings = found(project, table)
    daily = [check.name for check in table.checks if check.daily]
    whole = [check.name for check in table.checks if not check.daily]

    assert not failed(findings)
    assert [(finding.window, finding.check) for finding in findings] == [
        *((window.key, name) for window in WINDOWS for name in daily),
        *(("all", name) for name in whole),
    ]
    assert not any(finding.error or finding.severity or finding.discrepancies for finding in findings)


@dataclass(frozen=True)
class Fault:
    """SQL that spoils the target, and all that the checks find then: of the bad day, or of ``all``."""

    sql: str
    found: dict[str, int]
    keys: tuple[int, ...] = ()


AT = "{at}"
FAULTS: dict[str, Fault] = {
    "lost": Fault(
        "DELETE FROM t WHERE id = 21",
        {"count": 1, "count_by_code": 1, "sum_amount": 1, "avg_amount": 1, "keys": 1, "late_keys": 1, "checksum": 1}
        | {"rule": 1, "all total": 1},
        (21,),
    ),
    "invented": Fault(
        f"INSERT INTO t (id, {AT}, code, amount, shipped) VALUES (24, '2024-03-03 04:00:00', 'a', 24, NULL)",
        {"count": 1, "count_by_code": 1, "sum_amount": 1, "avg_amount": 1, "nulls_shipped": 1, "keys": 1}
        | {"late_keys": 1, "checksum": 1, "rule": 1, "all total": 1, "max_amount": 0},
        (24,),
    ),
    "one off": Fault(
        "UPDATE t SET amount = 23 WHERE id = 21",
        {"sum_amount": 1, "avg_amount": 1, "fields": 1, "checksum": 1, "rule": 1, "all total": 1},
        (21,),
    ),
    "swapped": Fault(
        "UPDATE t SET amount = 45 - amount WHERE id IN (21, 22)",
        {"fields": 2, "checksum": 2, "rule": 2, "order_amount_along_at": 1},
        (21, 22),
    ),
    "nulled": Fault(
        "UPDATE t SET shipped = NULL WHERE id = 23", {"nulls_shipped": 1, "fields": 1, "checksum": 1}, (23,)
    ),
    "orphan": Fault(
        "UPDATE t SET code = 'A' WHERE id = 20",
        {"count_by_code": 2, "distinct_code": 1, "fields": 1, "checksum": 1, "references_code_codes": 1, "rule": 2},
        (20,),
    ),
    "shipped before": Fault(
        "UPDATE t SET shipped = '2024-02-29 00:00:00' WHERE id = 22",
        {"fields": 1, "checksum": 1, "order_at_shipped": 1},
        (22,),
    ),
    "shipped tomorrow": Fault(
        "UPDATE t SET shipped = '2024-03-21 00:00:00' WHERE id = 22",
        {"fields": 1, "checksum": 1, "order_not_future_shipped": 1},
        (22,),
    ),
    "smallest": Fault(
        "UPDATE t SET amount = 1 WHERE id = 20",
        {"sum_amount": 1, "avg_amount": 1, "min_amount": 1, "fields": 1, "checksum": 1, "rule": 1, "all total": 1}
        | {"order_amount_along_at": 1},
        (20,),
    ),
    "outside": Fault(
        f"INSERT INTO t (id, {AT}, code, amount) VALUES (90, NULL, 'a', 0), (91, '2023-01-01 00:00:00', 'a', 0)",
        {"all order_in_windows": 2, "all total": 0},
    ),
}


@pytest.mark.parametrize(("source", "target"), SOME)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_planted_fault_is_found(both: Both, source: Name, target: Name, fault: Fault) -> None:
    """By all checks that can see it, of its day only, and every wrong record is named."""
    sides = both(source, target)
    project, table = prepared(sides)
    sides.target.run(fault.sql.replace(AT, quoted("at", target)))
    findings = found(project, table)
    wrong = {
        finding.check if finding.window == BAD_DAY else f"{finding.window} {finding.check}": finding
        for finding in findings
        if not finding.passed
    }

    assert sorted(wrong) == sorted(name for name in fault.found if fault.found[name])
    assert [wrong[name].error for name in wrong] == [None] * len(wrong)
    for name, finding in wrong.items():
        assert finding.severity is not None
        assert finding.wrong == fault.found[name]
        assert {record.key[0] for record in finding.discrepancies} <= set(fault.keys)
    named = {record.key[0] for finding in wrong.values() for record in finding.discrepancies}
    assert named == set(fault.keys)


def test_schema_is_judged_once(both: Both) -> None:
    """And also when so much differs that nothing else can be compared."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    schema = replace(table, checks=(checks.Schema(), checks.Count()))
    sides.target.run("ALTER TABLE t DROP COLUMN id", "ALTER TABLE t ADD extra integer")
    findings = found(project, schema)

    assert [(each.window, each.check, each.error is None) for each in findings] == [
        *((window.key, "count", False) for window in WINDOWS),
        ("all", "schema", True),
    ]
    assert "no column 'id'" in str(findings[0].error)
    assert "count could not run" in findings[0].summary
    assert (findings[-1].passed, findings[0].passed) == (False, False)


def test_why_records_differ(both: Both) -> None:
    """Of the kind of record that the finding is about; values of private columns are not shown."""
    sides = both("postgresql", "postgresql")
    rows = [(at, moment(0), "a", at, None) for at in range(400)]
    project, table = prepared(sides, rows)
    sides.target.run("UPDATE t SET amount = amount + 7 WHERE id % 4 = 1", "DELETE FROM t WHERE id >= 390")
    table = replace(table, checks=(checks.Keys(), checks.Fields()))
    keys, fields = found(project, table, windows=WINDOWS[:1])

    assert (keys.wrong, fields.wrong) == (10, 98)
    assert any("amount" in reason for reason in fields.reasons)
    assert not any("amount" in reason for reason in keys.reasons)
    assert len(fields.discrepancies) == 98
    (_, capped) = found(project, table, windows=WINDOWS[:1], max_evidence=5)
    assert (capped.wrong, len(capped.discrepancies)) == (98, 5)


def test_columns_that_only_one_side_has_are_named(both: Both) -> None:
    """They are no difference of any record, but nobody shall think that they were compared."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    sides.target.run("ALTER TABLE t ADD extra integer")
    (finding,) = found(project, table, "fields", windows=WINDOWS[:1])

    assert finding.passed
    assert finding.summary.endswith("not compared: extra (only in the target)")


def test_names_choose_checks(both: Both) -> None:
    """A name that nobody declared is refused at once, with the one that was meant."""
    project, table = prepared(both("postgresql", "postgresql"))

    assert {finding.check for finding in found(project, table, "keys", "total")} == {"keys", "total"}
    assert found(project, replace(table, checks=())) == []
    with pytest.raises(DeclarationError, match=r"t: there is no check 'key'; did you mean 'keys'\?"):
        evaluate(project, table, WINDOWS, names=["key"], now=NOW)


def test_a_table_without_days(both: Both) -> None:
    """Has the one window."""
    sides = both("postgresql", "mysql")
    project, table = prepared(sides)
    sides.target.run("DELETE FROM t WHERE id = 1")
    plain = replace(table, calendar=None, checks=(checks.Keys(), checks.Count(), checks.References(("code",), "codes")))

    assert failed(found(project, plain, windows=(ALL,))) == [("all", "keys", 1), ("all", "count", 1)]


def test_windows_that_are_no_neighbours(both: Both) -> None:
    """Are judged in their order, and nothing is said of those between."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    sides.target.run("DELETE FROM t WHERE id IN (1, 11, 21)")
    findings = found(project, table, "keys", "count", windows=(WINDOWS[2], WINDOWS[0]))

    assert failed(findings) == [
        (WINDOWS[0].key, "count", 1),
        (WINDOWS[0].key, "keys", 1),
        (WINDOWS[2].key, "count", 1),
        (WINDOWS[2].key, "keys", 1),
    ]


def test_a_check_of_the_whole_is_of_what_was_looked_at(both: Both) -> None:
    """Rows outside of all days are found whichever days are asked for, none included."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    sides.target.run("INSERT INTO t VALUES (90, NULL, 'a', 0, NULL)", "INSERT INTO t VALUES (91, '2030-01-01', 'a', 0)")
    for windows in (WINDOWS, WINDOWS[1:2], ()):
        assert failed(found(project, table, "order_in_windows", windows=windows)) == [("all", "order_in_windows", 2)]


# What a fault of the declaration does to the checks that need it, and to no other.
BROKEN: dict[str, tuple[Check, str]] = {
    "where": (checks.Count(where="nope = 1", named="where"), "nope"),
    "column": (checks.ColumnFigure("sum", "nope", named="column"), "nope"),
    "records": (checks.Keys(where="nope = 1", named="records"), "nope"),
    "parent": (checks.References(("code",), "cods", named="parent"), "did you mean 'codes'?"),
    "arity": (checks.References(("code", "id"), "codes", named="arity"), "whose key is (code)"),
    "order": (checks.Ascending(columns=("at", "code"), named="order"), "no order of time"),
    "query": (checks.BusinessRule("SELECT 1", "SELECT nope, :window_start", named="query"), "nope"),
}


@pytest.mark.parametrize(("source", "target"), SOME)
def test_what_cannot_be_gathered_is_no_pass(both: Both, source: Name, target: Name) -> None:
    """Its check has an error for each window, with the reason; all others are judged."""
    sides = both(source, target)
    project, table = prepared(sides)
    sides.target.run("DELETE FROM t WHERE id = 21")
    good = (checks.Count(), checks.Keys(), checks.References(("code",), "codes"), rule(sides))
    bad = tuple(check for check, _ in BROKEN.values())
    findings = found(project, replace(table, checks=(*bad, *good)))
    errors = [finding for finding in findings if finding.error]

    expected = sorted((window.key, name) for window in WINDOWS for name in BROKEN)
    assert sorted((finding.window, finding.check) for finding in errors) == expected
    assert all(BROKEN[finding.check][1] in str(finding.error) and not finding.passed for finding in errors)
    assert {finding.severity for finding in errors} == {Severity.HIGH}
    others = [each for each in findings if not each.error]
    assert failed(others) == [(BAD_DAY, "count", 1), (BAD_DAY, "keys", 1), (BAD_DAY, "rule", 1)]


def test_a_query_may_fail_for_one_day(both: Both) -> None:
    """A division by zero is of its day."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    sides.target.run("UPDATE t SET amount = 1 WHERE id IN (20, 21, 22, 23)")
    sql = "SELECT 1 / (min(amount) - 1 + 0 * count(*)) AS x FROM t WHERE at >= :window_start AND at < :window_end"
    good = "SELECT 0 AS x WHERE :window_start < :window_end"
    findings = found(project, replace(table, checks=(checks.BusinessRule(good, sql),)), windows=WINDOWS[1:])

    assert [bool(finding.error) for finding in findings] == [False, True, False, False]
    assert "division by zero" in str(findings[1].error)


def test_a_value_that_a_query_cannot_read_is_not_repeated(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the finding nor in the log."""
    sides = both("duckdb", "postgresql")
    project, table = prepared(sides)
    sides.source.run("UPDATE t SET code = 'ann@x.org' WHERE id = 1")
    reads = checks.BusinessRule("SELECT strptime(code, '%Y') AS x FROM t", "SELECT 1 AS x", named="reads")
    (finding,) = found(project, replace(table, checks=(reads,)))

    assert finding.error == "t: source's query: invalid input exception (a value that a function could not read)"
    assert "ann" not in f"{finding}{caplog.text}"


def test_databases_that_do_not_answer(both: Both) -> None:
    """Every check is an error, none a pass."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    away = sa.make_url(sides.target.url).set(query={"host": "/nowhere"}).render_as_string(hide_password=False)
    broken = replace(project, databases={**project.databases, "target": Database("target", away)})
    findings = found(broken, table)

    assert len(findings) == len(found(project, table))
    assert all(finding.error and not finding.passed for finding in findings)


def end_reading(side: Side) -> None:
    """As a restart of the database does."""
    with psycopg.connect(side.url.replace("+psycopg", "")) as connection:
        gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'recon-assets source'"
        connection.execute(gone + " AND datname = current_database()")


@pytest.mark.parametrize("lost", ["source", "target"])
def test_a_database_that_goes_away_at_the_end(both: Both, lost: str, caplog: pytest.LogCaptureFixture) -> None:
    """All was judged by then, and so it stands; the log says what happened."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    findings = evaluate(project, table, WINDOWS, names=["count"], now=NOW)
    judged = [next(findings) for _ in WINDOWS]
    end_reading(getattr(sides, lost))

    assert list(findings) == []
    assert all(finding.passed for finding in judged)
    (said,) = caplog.messages
    assert said.startswith(f"t: {lost}: ")
    assert said.endswith("what was read stands")


@pytest.mark.parametrize("at", [0, 2])
def test_a_database_that_goes_away(both: Both, at: int) -> None:
    """What was known before stands; all that comes after is an error, none a pass, and the program goes on."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    table = replace(table, checks=(rule(sides), checks.Count(), total(sides)))
    findings = evaluate(project, table, WINDOWS, now=NOW)
    before = [next(findings) for _ in range(2 * at)]
    end_reading(sides.target)
    after = list(findings)

    if at:
        assert all(finding.passed for finding in before)
        assert len(after) == 2 * (len(WINDOWS) - at) + 1
        late = [finding for finding in after if finding.check == "rule" or finding.window > BAD_DAY]
        assert all(finding.error and not finding.passed for finding in late)
    else:
        assert all(finding.passed for finding in after)  # it had not been opened


def test_one_moment_for_all_checks(both: Both) -> None:
    """What is committed while checks run is not seen by any of them."""
    sides = both("postgresql", "mysql")
    project, table = prepared(sides)
    table = replace(table, checks=(checks.Count(), rule(sides), checks.References(("code",), "codes")))
    findings = evaluate(project, table, WINDOWS, now=NOW)
    first = next(findings)
    sides.target.run("DELETE FROM t WHERE id >= 20", "DELETE FROM c")

    assert all(finding.passed for finding in (first, *findings))
    assert not all(finding.passed for finding in found(project, table))


def test_a_year_is_measured_in_one_scan(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    """A day more costs no statement more, whatever checks look at it, but for the queries that people wrote."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    table = replace(table, checks=tuple(check for check in table.checks if not isinstance(check, checks.BusinessRule)))
    statements: list[int] = []
    seen: list[str] = []

    def note(*event: Any) -> None:
        seen.append(event[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        for days in (1, 366):
            seen.clear()
            longer = replace(table, calendar=Calendar("at", date(2024, 1, 1), date(2025, 1, 1)))
            windows = tuple(Calendar("at", FIRST).windows(FIRST + timedelta(days=days)))
            assert not failed(list(evaluate(project, longer, windows, now=NOW)))
            statements.append(len(seen))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    assert statements[0] == statements[1]


def test_a_rule_by_a_column_that_its_query_lacks_never_runs(both: Both) -> None:
    """On days without rows neither: nothing was compared there."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    sql = "SELECT code FROM t WHERE id < 0 AND at >= :window_start"
    findings = found(project, replace(table, checks=(checks.BusinessRule(sql, sql, by=("cod",)),)))

    assert {finding.passed for finding in findings} == {False}
    assert {finding.error for finding in findings} == {
        "t: source's query: gives no column cod, only code; mend `by` or the query"
    }


@pytest.mark.parametrize("name", ["code", "kind"])
def test_a_private_column_has_two_names(both: Both, name: str) -> None:
    """Given by that of the target, its values are shown by neither."""
    sides = both("sqlite", "sqlite")
    project, table = prepared(sides)
    sides.target.run("ALTER TABLE t RENAME COLUMN code TO kind", "UPDATE t SET kind = 'ann' WHERE id = 21")
    renamed = replace(table, rename={"code": "kind"}, private=(name,))
    (finding,) = (each for each in found(project, renamed, "fields") if not each.passed)

    assert set(renamed.private) == {"code", "kind"}
    assert finding.reasons == ()
    assert as_dict(finding, renamed.key, frozenset(renamed.private))["records"] == [
        {"kind": "mismatched", "key": [21], "columns": {"code": ["***", "***"]}}
    ]


def test_a_rule_shows_no_private_values(both: Both) -> None:
    """Whatever it is that shows the finding."""
    sides = both("sqlite", "sqlite")
    project, table = prepared(sides)
    sides.target.run("UPDATE t SET code = 'zoe' WHERE id = 0")
    sql = "SELECT max(code) AS code FROM t"
    (finding,) = found(project, replace(table, private=("code",), checks=(checks.BusinessRule(sql, sql),)))

    assert finding.summary == "t: rule: code is *** in source, *** in target"
    assert not any(secret in repr(finding) for secret in ("'b'", "zoe"))


def test_tables_are_looked_at_once(both: Both) -> None:
    """For the schema check and to match columns alike."""
    project, table = prepared(both("postgresql", "postgresql"))
    asked: list[str] = []

    def note(*event: Any) -> None:
        asked.append(event[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        found(project, replace(table, checks=(checks.Schema(), checks.Count())))
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    assert sum("pg_catalog.pg_attrdef" in statement for statement in asked) == 2


def test_private_columns_must_be_there(both: Both) -> None:
    """A misspelt name would mask nothing."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    (finding, *_) = found(project, replace(table, private=("cods",)), "count")

    assert finding.error == "t: private: neither side has a column 'cods'; did you mean 'code'?"


def test_failures_are_logged_by_key(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    """A line each, without values: they may be personal data."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    sides.target.run("UPDATE t SET code = 'secret' WHERE id = 21")
    with caplog.at_level(logging.INFO, logger="recon_assets"):
        found(project, table, "fields", "references_code_codes", "count")

    assert caplog.messages == [
        "t 2024-03-03: fields failed, 1 wrong of 4, such as (21,)",
        "t 2024-03-03: references_code_codes failed, 1 wrong of 4, such as (21,)",
    ]
    caplog.clear()
    found(project, replace(table, private=("id",)), "fields")
    found(project, replace(table, key=(), private=("code",)), "keys")

    assert caplog.messages == [
        "t 2024-03-03: fields failed, 1 wrong of 4",
        "t 2024-03-03: keys failed, 2 wrong of 4",
    ]


def test_progress_is_told(both: Both) -> None:
    """A line for each step that takes time."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    told: list[str] = []
    found(project, table, progress=told.append)

    assert any("measuring" in line for line in told)
    assert not any(left == right for left, right in pairwise(told))


def test_needs_of_two_checks_are_met_once(both: Both) -> None:
    """Keys, fields and checksum share one comparison."""
    sides = both("postgresql", "postgresql")
    project, table = prepared(sides)
    told: list[str] = []
    found(project, replace(table, checks=(checks.Keys(), checks.Fields(), checks.Checksum())), progress=told.append)

    assert sum("digesting" in line for line in told) == 1
    assert Records() == checks.Keys().needs[0] == checks.Fields().needs[0]
    assert checks.References(("code",), "codes").needs == (Orphans(("code",), "codes"), Measure("count"))
