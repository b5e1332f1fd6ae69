"""A first declaration, from what both databases say of themselves: what `recon init` writes.

`suggest` decides and touches no database; `written` turns what it decided into YAML with the
reasons as comments.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import SequenceMatcher

from recon_assets.declare.fit import misfit
from recon_assets.declare.scalars import NAME
from recon_assets.dialect.engines import Role
from recon_assets.model import Column
from recon_assets.reading import TableSchema, split_name
from recon_assets.values import DATETIMES
from recon_assets.values.native import without_form

_BORN = re.compile(
    r"(created|inserted|occurred|happened|ordered|placed|recorded|event|time_hour|date|day|ts|timestamp)"
)
_MOMENT_NAME = re.compile(r"(.*_)?(at|on|time|date|day|hour|ts|timestamp|datetime)")
_CHANGING = re.compile(r"(updated|modified|changed|deleted|loaded|synced|last|expire|expires|due|end|closed).*")
_CHANGED = re.compile(r"(last_)?(updated|modified|changed)(_at|_on|_time|_date)?")
_CHECKS = ("count", "keys", "fields")
_WORDS_OF_YAML = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"}
_PLAIN = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class Found:
    """One table of one side; ``schema`` is never left out, so that names can be compared."""

    schema: str | None
    name: str
    written: str
    shape: TableSchema
    indexed: frozenset[str] = frozenset()

    def has(self, columns: Iterable[str]) -> bool:
        """Whether the table has all the columns."""
        return set(columns) <= {column.name for column in self.shape.columns}


@dataclass(frozen=True)
class Suggestion:
    """One table of the declaration to write; without ``key`` it cannot be declared yet.

    ``ignore`` gives the reason for each column, ``remarks`` what a person should look at.
    """

    name: str
    source: Found
    target: Found
    key: tuple[str, ...] = ()
    key_reason: str = ""
    window: Column | None = None
    ignore: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)
    updated_at: str | None = None
    references: tuple[tuple[tuple[str, ...], str], ...] = ()
    remarks: tuple[str, ...] = ()


def matches(sources: Sequence[Found], targets: Sequence[Found]) -> tuple[tuple[Found, Found], ...]:
    """Tables of the same schema and name; failing that, of a name that each side has once."""
    exact = {(item.schema, item.name): item for item in targets}
    pairs = [(item, exact[item.schema, item.name]) for item in sources if (item.schema, item.name) in exact]
    used = {id(item) for pair in pairs for item in pair}
    left, right = ({item.name: item for item in _named_once(side, used)} for side in (sources, targets))
    pairs += [(left[name], right[name]) for name in left if name in right]
    return tuple(sorted(pairs, key=lambda pair: pair[0].written))


def _named_once(side: Sequence[Found], used: set[int]) -> list[Found]:
    rest = [item for item in side if id(item) not in used]
    names = [item.name for item in rest]
    return [item for item in rest if names.count(item.name) == 1]


def suggest(pairs: Sequence[tuple[Found, Found]]) -> tuple[Suggestion, ...]:
    """A table for each pair, and the checks that their foreign keys ask for."""
    names = _names(pairs)
    drafts = [_table(name, source, target) for name, (source, target) in zip(names, pairs, strict=True)]
    return tuple(_with_references(draft, drafts) for draft in drafts)


def _names(pairs: Sequence[tuple[Found, Found]]) -> list[str]:
    plain = [source.name for source, _ in pairs]
    names: list[str] = []
    for source, _ in pairs:
        wanted = source.name if plain.count(source.name) == 1 else f"{source.schema}_{source.name}"
        name = re.sub(r"\W", "_", wanted, flags=re.ASCII)
        name = name if NAME.fullmatch(name) else f"t_{name}"
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


def _table(name: str, source: Found, target: Found) -> Suggestion:
    rename = _guessed(source, target)
    renamed = {*rename, *rename.values()}
    ignore = {name: reason for name, reason in _ignored(source, target) if name not in renamed}
    key, reason = _key(source, target, ignore)
    shared = {column.name for column in target.shape.columns} - set(ignore)
    window = _window(source, shared, key)
    remarks = tuple(_remarks(source, target, window, renamed))
    changed = _changed(source, shared)
    return Suggestion(name, source, target, key, reason, window, ignore, rename, changed, remarks=remarks)


def _guessed(source: Found, target: Found) -> dict[str, str]:
    """New names for columns that the target demands, where just one column of the source alone is named alike."""
    here, there = ({column.name for column in side.shape.columns} for side in (source, target))
    lacking = [column for column in _demanding(target) if column.name not in here]
    rest = [column for column in source.shape.columns if column.name not in there]
    alike = [(column.name, [other.name for other in rest if _alike(other, column)]) for column in lacking]
    certain = [(others[0], name) for name, others in alike if len(others) == 1]
    taken = [other for other, _ in certain]
    return {other: name for other, name in certain if taken.count(other) == 1}


def _alike(source: Column, target: Column) -> bool:
    short, long = sorted((source.name.lower(), target.name.lower()), key=len)
    near = (len(short) > 2 and short in long) or SequenceMatcher(None, short, long).ratio() > 0.7
    fit = misfit(source.type, target.type)
    return near and not (fit and fit[0] == "error")


def _demanding(target: Found) -> Iterator[Column]:
    """Columns that an insert must name."""
    for column in target.shape.columns:
        if not (column.nullable or column.default or column.generated or column.identity):
            yield column


def _ignored(source: Found, target: Found) -> Iterator[tuple[str, str]]:
    there = {column.name: column for column in target.shape.columns}
    here = {column.name: column for column in source.shape.columns}
    for name, column in here.items():
        if name not in there:
            yield name, "only in the source"
        elif alone := without_form(column.type, there[name].type):
            yield name, f"{alone.name} has no exact form in other databases; cast it to load it"
        elif (found := misfit(column.type, there[name].type)) and found[0] == "error":
            yield name, found[1]
    yield from ((name, "only in the target") for name in there if name not in here)


def _key(source: Found, target: Found, ignore: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """The target's keys come first: they are what keeps a row from being loaded twice."""
    candidates = [
        (target.shape.primary_key, "primary key of the target"),
        (source.shape.primary_key, "primary key of the source"),
        *((columns, "unique in the target") for columns in target.shape.unique if _never_null(target, columns)),
        *((columns, "unique in the source") for columns in source.shape.unique if _never_null(source, columns)),
    ]
    for columns, reason in candidates:
        if columns and source.has(columns) and target.has(columns) and not set(columns) & set(ignore):
            return columns, reason
    return (), ""


def _never_null(found: Found, columns: tuple[str, ...]) -> bool:
    return not any(column.nullable for column in found.shape.columns if column.name in columns)


def _window(source: Found, shared: set[str], key: tuple[str, ...]) -> Column | None:
    """The column that says when a row came to be, for it never changes after."""
    ranked = [
        (_rank(column, source, key), -index, column)
        for index, column in enumerate(source.shape.columns)
        if column.name in shared and column.type.kind in DATETIMES
    ]
    best = max(ranked, default=None, key=lambda item: item[:2])
    return best[2] if best and best[0] > 0 else None


def _changed(source: Found, shared: set[str]) -> str | None:
    """The column that says when a row was last changed, if its name leaves no doubt."""
    for column in source.shape.columns:
        if column.name in shared and column.type.kind in DATETIMES and _CHANGED.fullmatch(column.name.lower()):
            return column.name
    return None


def _rank(column: Column, source: Found, key: tuple[str, ...]) -> int:
    name = column.name.lower()
    if _CHANGING.fullmatch(name):
        return 0
    likely = 8 * (column.name in key) + 8 * bool(_BORN.match(name)) + 4 * bool(_MOMENT_NAME.fullmatch(name))
    return likely + 3 * (not column.nullable) + 3 * (column.name in source.indexed) if likely else 0


def _remarks(source: Found, target: Found, window: Column | None, renamed: set[str]) -> Iterator[str]:
    names = {column.name for column in source.shape.columns} | renamed
    for column in _demanding(target):
        if column.name not in names:
            yield f"{column.name} of the target is NOT NULL without a default: give it one before loading"
    if window and window.nullable:
        yield f"{window.name} may be NULL: rows without it belong to no day"
    if window and window.name not in source.indexed:
        yield f"no index of the source begins with {window.name}: each day reads the whole table"


def _with_references(draft: Suggestion, drafts: Sequence[Suggestion]) -> Suggestion:
    found = dict.fromkeys((*_references(draft, draft.target, drafts), *_references(draft, draft.source, drafts)))
    return replace(draft, references=tuple(found))


def _references(draft: Suggestion, side: Found, drafts: Sequence[Suggestion]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Foreign keys that name the key of a table that is declared too."""
    for foreign in side.shape.foreign_keys:
        schema, name = split_name(foreign.parent_table)
        parents = (other for other in drafts if _is(other, side is draft.source, schema or side.schema, name))
        parent = next(parents, None)
        columns = dict(zip(foreign.parent_columns, foreign.columns, strict=True))
        if parent and parent.key and set(parent.key) == set(columns):
            named = tuple(columns[part] for part in parent.key)
            if draft.source.has(named) and not set(named) & set(draft.ignore):
                yield named, parent.name


def _is(other: Suggestion, in_source: bool, schema: str | None, name: str) -> bool:  # noqa: FBT001
    found = other.source if in_source else other.target
    return (found.schema, found.name) == (schema, name)


@dataclass(frozen=True)
class Start:
    """The first day of a table; ``remark`` when nobody could tell it."""

    day: date
    remark: str = ""


def written(
    suggestions: Sequence[Suggestion],
    starts: Mapping[str, Start],
    envs: Mapping[str, str],
    unmatched: Mapping[Role, Sequence[str]],
) -> str:
    """The declaration as YAML.

    Args:
        suggestions: The tables.
        starts: The first day of each table with a window, by the table's name.
        envs: The environment variable that holds the URL of ``source`` and of ``target``.
        unmatched: Tables of each side that the other one lacks.
    """
    lines = ["# A first version, written by `recon init`: read it, mend it, keep it.", "databases:"]
    lines += [f"  {side}: {{url: {{env: {env}}}}}" for side, env in envs.items()]
    lines += ["", "tables:"]
    for item in suggestions:
        block = list(_block(item, starts.get(item.name)))
        lines += [*block, ""] if item.key else [*_commented(block), ""]
    for side, tables in unmatched.items():
        lines += [f"# Only in the {side}: {', '.join(tables)}"] if tables else []
    return "\n".join(lines).rstrip() + "\n"


def _commented(block: Iterable[str]) -> list[str]:
    why = "  # Not declared, because no key is unique on either side: choose one, and remove the marks."
    return [why, *(f"  # {line[2:]}" for line in block)]


def _block(item: Suggestion, start: Start | None) -> Iterator[str]:
    yield f"  {item.name}:"
    yield from (f"    # {remark}" for remark in item.remarks)
    yield f"    source: {{database: source, table: {_scalar(item.source.written)}}}"
    yield f"    target: {{database: target, table: {_scalar(item.target.written)}}}"
    yield f"    key: {_flow(item.key)}" + (f"  # {item.key_reason}" if item.key_reason else "")
    if item.window and start:
        remark = f"  # {start.remark}" if start.remark else ""
        yield f"    window: {{column: {_scalar(item.window.name)}, start: {start.day.isoformat()}}}{remark}"
    else:
        yield "    window: none"
    yield from _column_lines(item)
    if item.updated_at:
        yield f"    updated_at: {_scalar(item.updated_at)}"
    yield from _check_lines(item)


def _column_lines(item: Suggestion) -> Iterator[str]:
    if item.ignore or item.rename:
        yield "    columns:"
    if item.rename:
        yield "      rename:"
        yield from (f"        {_scalar(name)}: {_scalar(to)}  # guessed" for name, to in item.rename.items())
    if item.ignore:
        yield "      ignore:"
        yield from (f"        - {_scalar(name)}  # {reason}" for name, reason in item.ignore.items())


def _check_lines(item: Suggestion) -> Iterator[str]:
    yield "    checks:"
    yield from (f"      - {kind}" for kind in _CHECKS)
    for columns, parent in item.references:
        named = f"column: {_scalar(columns[0])}" if len(columns) == 1 else f"columns: {_flow(columns)}"
        yield f"      - {{kind: references, {named}, parent: {parent}}}"


def _flow(names: Iterable[str]) -> str:
    return f"[{', '.join(map(_scalar, names))}]"


def _scalar(text: str) -> str:
    """The text as YAML that every reader takes for text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS_OF_YAML:
        return text
    return "'" + text.replace("'", "''") + "'"
