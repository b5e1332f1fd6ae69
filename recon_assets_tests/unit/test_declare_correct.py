# ruff: noqa: E501 - a message is one line, as people see it
"""What may be corrected without anybody being asked: what the declaration means, and what is wrong with it."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from recon_assets.checks import Count
from recon_assets.declare import load_project, read
from recon_assets.declare.rules import Names, broken_rules
from recon_assets.model import AutoAction, DiscrepancyKind, Policy, Relation, Severity, TableSpec

ENVIRON = {"SOURCE": "postgresql://db/ops", "TARGET": "postgresql://db/warehouse"}
HEAD = """\
databases:
  ops: {url: {env: SOURCE}}
  lake: {url: {env: TARGET}}
tables:
  flights:
    source: {database: ops, table: flights}
    target: {database: lake, table: flights}
    key: [time_hour, flight]
    window: {column: time_hour, start: 2013-01-01}
"""

Declared = Callable[[str], Path]


@pytest.fixture
def declared(tmp_path: Path) -> Declared:
    """Writes a declaration whose table goes on with the line given."""

    def write(line: str) -> Path:
        path = tmp_path / "tables.yaml"
        path.write_text(f"{HEAD}    {line}\n")
        return path

    return write


def problems(path: Path) -> list[str]:
    return [str(problem) for problem in read(path, ENVIRON).problems]


POLICIES = [
    pytest.param("description: nothing said", Policy(), id="nothing"),
    pytest.param("correct: {}", Policy(), id="empty"),
    pytest.param("correct: {missing: apply}", Policy(missing=AutoAction.APPLY), id="one"),
    pytest.param(
        "correct: {missing: apply, mismatched: apply, extra: apply, orphan: ignore, disordered: ignore, figures: ignore,"
        " at_most: 5, at_most_share: 2.5%, ignore_below: high}",
        Policy(
            missing=AutoAction.APPLY,
            mismatched=AutoAction.APPLY,
            extra=AutoAction.APPLY,
            orphan=AutoAction.IGNORE,
            disordered=AutoAction.IGNORE,
            figures=AutoAction.IGNORE,
            at_most=5,
            at_most_share=Decimal("0.025"),
            ignore_below=Severity.HIGH,
        ),
        id="all",
    ),
]


@pytest.mark.parametrize(("line", "policy"), POLICIES)
def test_policy_is_read(declared: Declared, line: str, policy: Policy) -> None:
    """Every key ends where the review reads it; what is not written waits for a person."""
    assert load_project(declared(line), ENVIRON).tables["flights"].correct == policy


def test_nothing_is_applied_that_nobody_wrote() -> None:
    """Whatever is added to the policy, it is not done by itself unless it is asked for."""
    assert AutoAction.APPLY not in {getattr(Policy(), name) for name in (*DiscrepancyKind, "figures")}


AT = "line 10: tables.flights.correct"
TREATMENTS = "`apply`: corrected by itself, within the limits; `review`: waits for a person; `ignore`: no case."
FAULTS = [
    ("{mismatch: review}", f"{AT}.mismatch: unknown key `mismatch`. Did you mean `mismatched`?"),
    ("{orphans: review}", f"{AT}.orphans: unknown key `orphans`. Did you mean `orphan`?"),
    (
        "{missing: aply}",
        f"{AT}.missing: expected `apply`, `review` or `ignore`, found `aply`. {TREATMENTS}",
    ),
    ("{missing: true}", f"{AT}.missing: expected `apply`, `review` or `ignore`, found `true`. {TREATMENTS}"),
    ("{missing: }", f"{AT}.missing: is empty. {TREATMENTS}"),
    (
        "{disordered: apply}",
        f"{AT}.disordered: nothing corrects records that are out of order by itself. Write `review` or `ignore`.",
    ),
    (
        "{figures: apply}",
        f"{AT}.figures: nothing corrects a figure whose records nobody named by itself. Write `review` or `ignore`.",
    ),
    (
        "{at_most: 0}",
        f"{AT}.at_most: expected a number within bounds, found `0`. How many records of one case may be corrected by themselves.",
    ),
    (
        "{at_most: 10%}",
        f"{AT}.at_most: expected a whole number, found `10%`. How many records of one case may be corrected by themselves.",
    ),
    ("{at_most_share: 10}", f"{AT}.at_most_share: `10` is more than the whole. Write `10%` if per cent is meant."),
    ("{at_most_share: some}", f"{AT}.at_most_share: expected a share, found `some`. Write per cent, such as `0.1%`."),
    (
        "{ignore_below: warn}",
        f"{AT}.ignore_below: expected `low`, `medium` or `high`, found `warn`. Findings that are less severe open no case: `low`, `medium` or `high`.",
    ),
    (
        "apply",
        f"{AT}: expected a mapping (lines of `key: value`), found `apply`. Write `{{missing: apply}}`, or remove it: all waits for a person.",
    ),
    ("", f"{AT}: is empty. Write `{{missing: apply}}`, or remove it: all waits for a person."),
]


@pytest.mark.parametrize(("policy", "message"), FAULTS, ids=[policy or "empty" for policy, _ in FAULTS])
def test_fault_of_a_policy_is_named(declared: Declared, policy: str, message: str) -> None:
    """Where it stands, and what to write."""
    assert problems(declared(f"correct: {policy}")) == [message]


@pytest.mark.parametrize("name", [*DiscrepancyKind, "records"])
def test_names_of_cases_of_records_are_reserved(declared: Declared, name: str) -> None:
    """A case of the check could not be told from a case of records."""
    (message,) = problems(declared(f"checks: [{{kind: count, name: {name}}}]"))

    assert message == (
        f"line 10: tables.flights.checks[0]: `{name}` is a name that cases or checks of our own have, so no check can"
        " have it. Give it another name, as `name: paid_orders`."
    )


def test_python_is_held_to_the_same_policy() -> None:
    """A table made in Python may correct no more than one in a file."""
    made = TableSpec("t", Relation("a", "t"), Relation("b", "t"), ("id",), checks=(Count(named="extra"),))
    spec = TableSpec(**{**vars(made), "correct": Policy(figures=AutoAction.APPLY)})

    found = list(broken_rules(Names(("a", "b"), ("t",), {"t": spec})))
    assert [problem.where for problem in found] == ["tables.t.checks[0]", "tables.t.correct.figures"]
