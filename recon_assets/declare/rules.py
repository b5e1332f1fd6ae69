"""What must hold of a declaration beyond the form of each key, for YAML and Python alike.

Paths are those of the YAML file: a table declared in Python has the same names.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from recon_assets.checks.references import References
from recon_assets.declare.problems import KeyPath, Problem, nearest
from recon_assets.model import TableSpec


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
        yield from _databases(spec, names, at)
        yield from _ignored(spec, at)
        yield from _renamed(spec, at)
        yield from _parents(spec, names, at)
    yield from _shared_targets(names)


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
    uses += [("window", spec.days.column, "the window's column")] if spec.days else []
    uses += [("columns", column, "renamed") for column in spec.rename]
    uses += [("columns", column, "cast") for column in spec.cast]
    for place, column, use in uses:
        if {column, spec.target_name(column)} & set(spec.ignore):
            yield Problem((*at, place), f"`{column}` is {use} and is ignored", "Remove it from `ignore`.")


def _renamed(spec: TableSpec, at: KeyPath) -> Iterator[Problem]:
    for name, times in Counter(spec.rename.values()).items():
        if times > 1:
            sources = ", ".join(f"`{column}`" for column in spec.rename if spec.rename[column] == name)
            hint = "Give each column of the target to one column of the source."
            yield Problem((*at, "columns", "rename"), f"{sources} all become `{name}`", hint)


def _parents(spec: TableSpec, names: Names, at: KeyPath) -> Iterator[Problem]:
    for index, check in enumerate(spec.checks):
        place = (*at, "checks", index)
        if not isinstance(check, References):
            continue
        if check.parent not in names.tables:
            yield Problem((*place, "parent"), f"unknown table `{check.parent}`", nearest(check.parent, names.tables))
        elif check.parent in names.specs:
            yield from _arity(check, names.specs[check.parent], place)


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
