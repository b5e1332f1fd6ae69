"""Editors are told of the declaration what we know of it: they take what we take, and mark what we refuse."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from recon_assets.declare.json_schema import json_schema
from recon_assets.declare.kinds import KINDS
from recon_assets.declare.loader import DEMO_FILE
from recon_assets_tests.unit.test_declare_docs import CHECKS, FILE, LONG_RULE, PAGE, POLICIES, RULES

SCHEMA = json_schema()
ALL_CHECKS = "".join(f"      - {check}\n" for check in CHECKS) + LONG_RULE
SMALL = "databases: {d: {url: 'duckdb:///a'}}\ntables:\n  t: {source: {database: d, table: a}, KEYS}\n"
KEYS = "target: {database: d, table: b}, key: id, window: none"


class Editor(yaml.SafeLoader):
    """Reads YAML as editors do, by version 1.2 of it: `2024-01-01` and `no` are texts."""


Editor.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":bool")) or first in "tfTF"]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def marks(text: str) -> list[str]:
    """What an editor marks as wrong in this declaration."""
    errors = jsonschema.Draft202012Validator(SCHEMA).iter_errors(yaml.load(text, Editor))  # noqa: S506 - it is a safe one
    return [error.json_path for error in errors]


def with_keys(text: str) -> str:
    """A declaration of one table with these keys, too."""
    return SMALL.replace("KEYS", f"{KEYS}, {text}" if text else KEYS)


def test_the_schema_is_one() -> None:
    """By the rules of the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        *re.findall(r"```yaml\n((?:project|databases):.*?\ntables:.*?)```", PAGE, re.DOTALL),
        re.sub(r"(?<=    checks:\n).*?(?=    group)", lambda _: ALL_CHECKS, FILE, flags=re.DOTALL),
        Path(DEMO_FILE).read_text(),
        *(re.sub(r"    correct: .*", policy, FILE) for policy in POLICIES),
        *(re.sub(r"rules: .*", f"rules: {{{rule}}}", FILE) for rule in RULES),
        with_keys(f"checks: [{', '.join(kind for kind in ('count', 'keys', 'fields', 'checksum', 'schema'))}]"),
        with_keys("checks: [{kind: order, in_window: true}, {kind: references, columns: [a, b], parent: t}]"),
        with_keys("").replace("url: 'duckdb:///a'", "resource: shop_db, dialect: duckdb"),
        f"project: shop\n{with_keys('owners: team:sales')}",
    ],
)
def test_what_we_take_is_not_marked(text: str) -> None:
    """All examples of the documentation, and the demo's declaration."""
    assert marks(text) == []


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (with_keys("").replace("tables:", "projekt: shop\ntables:"), "$"),
        (with_keys("").replace("duckdb:///a'", "duckdb:///a', timeout: 5m"), "$.databases.d"),
        (with_keys("kee: id"), "$.tables.t"),
        (with_keys("").replace("key: id, ", ""), "$.tables.t"),
        (with_keys("").replace("url: 'duckdb:///a'", "resource: shop_db, dialekt: mysql"), "$.databases.d"),
        (with_keys("checks: [cuont]"), "$.tables.t.checks[0]"),
        (with_keys("checks: [{kind: sum}]"), "$.tables.t.checks[0]"),
        (with_keys("checks: [{kind: count, blokking: true}]"), "$.tables.t.checks[0]"),
        (with_keys("correct: {missing: aply}"), "$.tables.t.correct.missing"),
        (with_keys("grace_period: soon"), "$.tables.t.grace_period"),
        (with_keys("").replace("window: none", "window: {column: at, start: 1.1.2024}"), "$.tables.t.window"),
    ],
)
def test_what_we_refuse_is_marked(text: str, path: str) -> None:
    """Where it stands."""
    assert marks(text) == [path]


def test_every_kind_of_check_is_offered() -> None:
    """With what it is for, as the hover of an editor shows it."""
    offered: dict[str, Any] = SCHEMA["$defs"]
    kinds = [name for kind in offered.values() for name in of(kind.get("properties", {}).get("kind", {}))]

    assert set(kinds) == set(KINDS)


def of(kind: dict[str, Any]) -> list[str]:
    return kind.get("enum") or [kind[key] for key in ("const",) if key in kind]
