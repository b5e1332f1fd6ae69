"""What must hold of a declaration beyond the form of each key, for YAML and Python alike.

Paths are those of the YAML file: a table declared in Python has the same names.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, fields

from recon_assets.checks import BusinessRule, InWindows, References
from recon_assets.declare.problems import KeyPath, Problem, nearest
from recon_assets.model import AutoAction, Check, DiscrepancyKind, Rule, TableSpec

_PARAMETER = re.compile(r"(?<!:):(window_\w+)")
_PARAMETERS = ("window_start", "window_end")
# What only numbers, only times, only texts can be given, and as what their values may be read.
_FAMILIES = {
    "numbers": (("abs", "rel", "scale"), (None, "number", "float32")),
    "times": (("precision",), (None, "timestamp")),
    "texts": (("strip", "rstrip", "ignore_case", "unicode"), (None,)),
}


@dataclass(frozen=True)
class Names:
    """What the declaration names: a table with faults of its own is named, but not among the ``specs``."""

    databases: Collection[str]
    tables: Collection[str]
    specs: Mapping[str, TableSpec]


def broken_rules(names: Names) -> Iterator[Problem]:
    """Every fault that shows only when parts of the declaration are seen together."""
    for spec in names.specs.values():
        at = ("tables", spec.name)
        yield from _named(spec, at)
        yield from _databases(spec, names, at)
        yield from _ignored(spec, at)
        yield from _renamed(spec, at)
        yield from _aged(spec, at)
        yield from _column_rules(spec, at)
        yield from _checks(spec, names, at)
        yield from _corrected(spec, at)
    yield from _shared_targets(names)


def _named(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    if spec.name in _ASSETS:
        yield Problem(at, f"`{spec.name}` is the name of an asset of the review", "Give the table another name.")


def _databases(spec: TableSpec, names: Names, at: KeyPath) -> Iterator[Problem]:
    for side, relation in (("source", spec.source), ("target", spec.target)):
        if relation.database not in names.databases:
            hint = nearest(relation.database, names.databases)
            yield Problem((*at, side, "database"), f"unknown database `{relation.database}`", hint)
    if spec.source == spec.target:
        hint = "Give the copy another table or another database."
        yield Problem((*at, "target"), "source and target are the same table", hint)


def _ignored(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    """Columns that are put to use may not be ignored."""
    uses = [("key", column, "a key column") for column in spec.key]
    uses += [("window", spec.calendar.column, "the window's column")] if spec.calendar else []
    uses += [("columns", column, "renamed") for column in spec.rename]
    uses += [("columns", column, "cast") for column in spec.cast]
    uses += [("columns", column, "given a rule") for column in spec.rules]
    for place, column, use in uses:
        if {column, spec.target_name(column)} & set(spec.ignore):
            yield Problem((*at, place), f"`{column}` is {use} and is ignored", "Remove it from `ignore`.")


def _renamed(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    for name, times in Counter(spec.rename.values()).items():
        if times > 1:
            sources = ", ".join(f"`{column}`" for column in spec.rename if spec.rename[column] == name)
            hint = "Give each column of the target to one column of the source."
            yield Problem((*at, "columns", "rename"), f"{sources} all become `{name}`", hint)


def _aged(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    if spec.grace_period and not spec.updated_at:
        hint = "Name the column that says when a row was last changed: `updated_at: COLUMN`."
        yield Problem((*at, "grace_period"), "nothing says how old a row is", hint)


def _column_rules(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    """Rules that cannot work, or that would make keys of no use."""
    for column, rule in spec.rules.items():
        place = (*at, "columns", "rules", column)
        said = _contradiction(rule)
        if said:
            yield Problem(place, *said)
        if rule.tolerant and column in spec.key:
            hint = "Use `scale`, which gives each value one place, or leave the column out of the key."
            yield Problem(place, "a tolerance cannot tell which records belong together", hint)
        elif rule.tolerant and not spec.key:
            yield Problem(
                place, "without a key, records are compared as wholes, which no tolerance can do", "Name a key."
            )


def _contradiction(rule: Rule) -> tuple[str, str] | None:
    """Why no value can follow the rule, and what to do."""
    given = [item.name for item in fields(rule) if getattr(rule, item.name) != item.default]
    found = {family: [name for name in names if name in given] for family, (names, _) in _FAMILIES.items()}
    used = {family: names for family, names in found.items() if names}
    if len(used) > 1:
        (one, (first, *_)), (two, (second, *_)), *_ = used.items()
        return f"`{first}` is for {one}, `{second}` is for {two}", "Remove one of them."
    for family, (name, *_) in used.items():
        if rule.read_as not in _FAMILIES[family][1]:
            return f"`{name}` is for {family}, and the values are read as {rule.read_as}", "Remove one of them."
    return None


def _corrected(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    """Nothing is applied that no correction exists for."""
    for name, what in _INCORRIGIBLE.items():
        if getattr(spec.correct, name) is AutoAction.APPLY:
            yield Problem((*at, "correct", name), f"nothing corrects {what} by itself", "Write `review` or `ignore`.")


_INCORRIGIBLE = {"disordered": "records that are out of order", "figures": "a figure whose records nobody named"}


def _checks(spec: TableSpec, names: Names, at: KeyPath) -> Iterator[Problem]:
    yield from _same_names(spec, at)
    for index, check in enumerate(spec.checks):
        place = (*at, "checks", index)
        yield from _unseen(spec, check, place)
        if isinstance(check, References):
            yield from _parent(check, names, place)
        if isinstance(check, BusinessRule):
            yield from _parameters(check, spec, place)
        if isinstance(check, InWindows) and not spec.calendar:
            yield Problem(
                place, "the table has no days that rows could be outside of", "Remove it, or give a `window`."
            )


def _same_names(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, check in enumerate(spec.checks):
        if check.name in RESERVED:
            message = f"`{check.name}` is a name that cases or checks of our own have, so no check can have it"
            yield Problem((*at, "checks", index), message, "Give it another name, as `name: paid_orders`.")
        if first.setdefault(check.name, index) != index:
            message = f"checks[{first[check.name]}] is named `{check.name}` already"
            yield Problem((*at, "checks", index), message, "Give one of them another name, as `name: paid_orders`.")


_ASSETS = {"review_queue", "review_decisions"}
RESERVED = frozenset({*DiscrepancyKind, "records", "undated"})
"""Names that no check may have: a case is named by its check, or else by the kind of its records."""

OF_TARGET = {"order", "references"}
"""Kinds of checks that look at the target alone, so that its own columns may be ignored and checked."""


def _unseen(spec: TableSpec, check: Check, place: KeyPath) -> Iterator[Problem]:
    """Columns that a check cannot look at, or may not show."""
    for column in check.columns_used:
        if {column, spec.target_name(column)} & set(spec.ignore) and check.kind not in OF_TARGET:
            yield Problem(place, f"`{column}` is checked and is ignored", "Remove it from `ignore`.")
        if column in spec.private and check.kind in {"min", "max", "count"}:
            hint = "Remove the check, or the column from `private`."
            yield Problem(place, f"the check would show values of `{column}`, which is private", hint)


def _parent(check: References, names: Names, place: KeyPath) -> Iterator[Problem]:
    if check.parent not in names.tables:
        yield Problem((*place, "parent"), f"unknown table `{check.parent}`", nearest(check.parent, names.tables))
    elif check.parent in names.specs:
        yield from _arity(check, names.specs[check.parent], place)


def _parameters(check: BusinessRule, spec: TableSpec, place: KeyPath) -> Iterator[Problem]:
    """Both queries ask for the window, or neither does."""
    used = {side: _PARAMETER.findall(getattr(check, side)) for side in ("source", "target")}
    for side, found in used.items():
        for name in sorted(set(found) - set(_PARAMETERS)):
            yield Problem((*place, side), f"unknown parameter `:{name}`", nearest(name, _PARAMETERS))
    if check.daily and not spec.calendar:
        yield Problem(place, "the queries ask for a window, and the table has none", "Give the table a `window`.")
    elif bool(used["source"]) != bool(used["target"]):
        hint = "Use :window_start and :window_end in both, or in neither."
        yield Problem(place, "only one of the two queries asks for a window", hint)


def _arity(check: References, parent: TableSpec, place: KeyPath) -> Iterator[Problem]:
    if len(check.columns) != len(parent.key):
        key = ", ".join(parent.key)
        message = f"{len(check.columns)} columns cannot name a row of `{parent.name}`, whose key is ({key})"
        yield Problem((*place, "columns"), message, "Name one column for each column of that key, in its order.")


def _shared_targets(names: Names) -> Iterator[Problem]:
    first: dict[tuple[str, str | None, str | None], str] = {}
    for spec in names.specs.values():
        rows = (spec.target.database, spec.target.table, spec.where)
        if rows in first:
            message = f"writes the same rows of {spec.target} as table `{first[rows]}`"
            yield Problem(("tables", spec.name, "target"), message, "Declare each once, or part them by `where`.")
        first.setdefault(rows, spec.name)
