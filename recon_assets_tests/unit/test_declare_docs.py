"""The examples of docs/declaring.md are accepted, every one of them."""

import re
from pathlib import Path

import pytest
import yaml

from recon_assets.declare import read
from recon_assets.declare.kinds import KINDS
from recon_assets.declare.schema import Correct, Rule
from recon_assets.model import AutoAction, Policy

PAGE = (Path(__file__).parents[2] / "docs" / "declaring.md").read_text()
FILE = re.search(r"```yaml\n(databases:.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]
LONG_RULE = re.search(r"```yaml\n( +- kind: rule.*?)```", PAGE, re.DOTALL)[1]  # type: ignore[index]
ENVIRON = {"RECON_SOURCE_URL": "postgresql://db/shop", "RECON_TARGET_URL": "postgresql://db/warehouse"}
CHECKS = re.findall(r"`(?:- )?((?:\{kind: [^`]*\})|keys|fields|checksum)` \|$", PAGE, re.MULTILINE)
RULES = re.findall(r"`(\w+: \{[^`]*\})` \|$", PAGE.split("### `columns.rules`")[1].split("###")[0], re.MULTILINE)
CORRECT = PAGE.split("### `correct`")[1].split("###")[0]
POLICIES = re.findall(r"```yaml\n( +correct: .*?)\n```", CORRECT)


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    """Where a declaration may be written."""
    return tmp_path / "tables.yaml"


def test_the_file_is_accepted(declared: Path) -> None:
    """What the page begins with can be copied."""
    declared.write_text(FILE)

    assert read(declared, ENVIRON).problems == ()


def test_examples_of_checks_are_accepted(declared: Path) -> None:
    """All kinds have one, and together they make a declaration."""
    lines = "".join(f"      - {check}\n" for check in CHECKS if "sum, column" not in check and "customers" not in check)
    declared.write_text(
        re.sub(r"(?<=    checks:\n).*?(?=    group)", lambda _: lines + LONG_RULE, FILE, flags=re.DOTALL)
    )

    declaration = read(declared, ENVIRON)
    assert declaration.problems == ()
    kinds = {check.kind for check in declaration.project.tables["orders"].checks} | {"avg", "min", "max"}
    assert kinds | {"sum", "references"} == set(KINDS)


@pytest.mark.parametrize("text", RULES)
def test_examples_of_rules_are_accepted(text: str) -> None:
    """Each rule of the table."""
    ((_, given),) = yaml.safe_load(text).items()

    assert Rule.model_validate(given).rule()


def test_every_rule_has_an_example() -> None:
    """The page leaves none out."""
    shown = {key for text in RULES for rule in yaml.safe_load(text).values() for key in rule}

    assert shown == {field.alias or name for name, field in Rule.model_fields.items()} - {"strip"}


@pytest.mark.parametrize("text", POLICIES)
def test_examples_of_policies_are_accepted(declared: Path, text: str) -> None:
    """Each does what is said before it: the first only adds."""
    declared.write_text(re.sub(r"    correct: .*", text, FILE))

    declaration = read(declared, ENVIRON)
    assert declaration.problems == ()
    assert declaration.project.tables["orders"].correct.missing is AutoAction.APPLY
    assert declaration.project.tables["customers"].correct == Policy()


def test_every_key_of_a_policy_is_explained() -> None:
    """With its default, and no other treatment than there is."""
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| `?([^|`]+)`?[^|]*\|$", CORRECT, re.MULTILINE))

    assert set(rows) - set(AutoAction) == set(Correct.model_fields)
    assert set(re.findall(r"^\| `(\w+)` \| [^|]* \|$", CORRECT, re.MULTILINE)) == set(AutoAction)
    assert (rows["at_most"], rows["at_most_share"], rows["ignore_below"]) == (
        str(Policy.at_most),
        f"{Policy.at_most_share:.0%}",
        Policy.ignore_below,
    )


def test_the_databases_that_are_resources_are_accepted(declared: Path) -> None:
    """In place of those with URLs."""
    example = re.findall(r"```yaml\n(databases:.*?)```", PAGE, re.DOTALL)[1]
    declared.write_text(example + FILE.partition("tables:")[1] + FILE.partition("tables:")[2])

    found = read(declared, {})
    assert found.problems == ()
    assert [database.resource for database in found.project.databases.values()] == ["shop_db", "lake"]
