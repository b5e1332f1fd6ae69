"""A first declaration, from what both databases say of themselves; nothing here touches a database.

`recon init` matches tables, suggests each, looks for keys in the data of those that have none, and adds the references.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from itertools import chain, combinations, islice

from recon_assets.declare.fit import misfit
from recon_assets.declare.scalars import NAME
from recon_assets.dialect.common_form import AS_TEXT
from recon_assets.model import Column, Kind, Type
from recon_assets.reading import NameMatches, NameRule, TableSchema, match_names, plain_name, split_name
from recon_assets.values import DATETIMES
from recon_assets.values.native import without_form

_BORN = re.compile(
    r"(created?|inserted|occurred|happened|ordered|placed|recorded|started|event|time_hour|date|day|ts|timestamp)"
    r"|(.*_)?(registered|joined|posted|published|issued|booked|received|logged)(_.*)?$"
)
_MOMENT_NAME = re.compile(r"(.*_)?(at|on|time|date|day|hour|ts|timestamp|datetime)(_(gmt|utc))?")
_CHANGING = re.compile(
    r"(updated?|modified|changed?|deleted|loaded|synced|last|expires?|expiry|due|end|ended|closed"
    r"|required|shipped|delivered|returned?|birth|born|hired?|valid)(_.*)?|birthday|birthdate|hiredate"
)
_CHANGED = re.compile(r"(last_)?(updated?|modified|changed?)(_(at|on|time|date|ts|timestamp))?")

_NAMING = re.compile(r"(.*_)?(id|uuid|guid|key|code|no|nr|num|number|ref|reference|sku|isbn|ean|slug|email)")
_PART_OF_KEY = re.compile(r"(.*_)?(line|pos|position|seq|sequence|version|year|month|day|date|from|to|lang|language)")
_OF_KEYS = frozenset({Kind.INTEGER, Kind.DECIMAL, Kind.TEXT, Kind.CHAR, Kind.UUID, Kind.DATE, Kind.ENUM, Kind.ANY})
_MAX_PARTS, _MAX_LOOKED_AT = 4, 12
_UNSEEN = TableSchema(())


@dataclass(frozen=True)
class Found:
    """One table of one side; ``schema`` is never left out, so that names can be compared."""

    schema: str | None
    name: str
    written: str
    shape: TableSchema = _UNSEEN
    indexed: frozenset[str] = frozenset()
    is_view: bool = False
    dialect: str = ""

    def has(self, columns: Iterable[str]) -> bool:
        """Whether the table has all the columns."""
        return set(columns) <= set(self.shape.by_name)


@dataclass(frozen=True)
class TablePair:
    """A table of the source and the one of the target that it fills, and by which rule of their names."""

    source: Found
    target: Found
    rule: NameRule


@dataclass(frozen=True)
class Suggestion:
    """One table of the declaration to write; without ``key`` it cannot be declared yet.

    Columns have the source's names; ``rename`` has the target's, and ``guessed`` says which of them are guesses.
    ``cast`` makes texts of types that the target has texts for.
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
    cast: Mapping[str, str] = field(default_factory=dict)
    guessed: frozenset[str] = frozenset()
    updated_at: str | None = None
    references: tuple[tuple[tuple[str, ...], str], ...] = ()
    remarks: tuple[str, ...] = ()


def matches(sources: Sequence[Found], targets: Sequence[Found]) -> tuple[TablePair, ...]:
    """Tables that belong together by name: tables before views, the surest rule first, and in the likeliest schema.

    The likeliest is the schema of the same name, then the one that shares more names than any other, as `dbo` and
    `raw` may; then a name is taken that each side has once.
    """
    pairs: list[TablePair] = []
    tables = [item for item in sources if not item.is_view]
    places = (*_schema_pairs(tables, targets), (None, None))
    for side, of_tables in ((tables, False), (tables, True), (sources, False)):
        for here, there in places:
            taken = {id(item) for pair in pairs for item in (pair.source, pair.target)}
            left, right = _by_name(side, here, taken), _by_name(targets, there, taken)
            found = match_names(left, right, of_tables=of_tables).pairs
            pairs += (TablePair(left[pair.source], right[pair.target], pair.rule) for pair in found)
    return tuple(sorted(pairs, key=lambda pair: (pair.source.schema or "", plain_name(pair.source.name))))


def _by_name(side: Iterable[Found], schema: str | None, taken: set[int]) -> dict[str, Found]:
    """What is left of a schema; of all schemas only what has a name of its own."""
    rest = [item for item in side if id(item) not in taken and schema in {None, item.schema}]
    names = Counter(plain_name(item.name) for item in rest)
    return {item.name: item for item in rest if schema or names[plain_name(item.name)] == 1}


def _schema_pairs(sources: Sequence[Found], targets: Sequence[Found]) -> list[tuple[str, str]]:
    """Schemas of the same name; then those of which each shares more names with the other than with any other."""
    here, there = ({(item.schema or "", plain_name(item.name)) for item in side} for side in (sources, targets))
    equal = sorted({schema for schema, _ in here} & {schema for schema, _ in there} - {""})
    shared = Counter((left, right) for left, name in here for right, other in there if name == other)
    ranked = [(left, right) for left, right in shared if not {left, right} & set(equal)]
    best = [
        (left, right)
        for left, right in ranked
        if all(
            shared[left, right] > shared[pair] for pair in ranked if pair != (left, right) and {left, right} & {*pair}
        )
    ]
    return [*((schema, schema) for schema in equal), *sorted(best)]


def choices(sources: Sequence[Found], targets: Sequence[Found]) -> Iterator[str]:
    """What `matches` left open, though each side has a table of such a name: a person must say which."""
    for name in sorted({plain_name(item.name) for item in sources} & {plain_name(item.name) for item in targets}):
        here, there = ([item.written for item in side if plain_name(item.name) == name] for side in (sources, targets))
        yield f"{' or '.join(here)} of the source, {' or '.join(there)} of the target"


def suggest(pairs: Sequence[TablePair]) -> tuple[Suggestion, ...]:
    """A table for each pair."""
    return tuple(_table(name, pair) for name, pair in zip(_names(pairs), pairs, strict=True))


def key_candidates(item: Suggestion) -> Iterator[tuple[str, ...]]:
    """What may identify the rows of a table without a key, by the names of its columns: few columns before many.

    Whether no two rows share it, only the data can tell. A moment is no part of it: two things may happen at once.
    """
    there = set(item.target.shape.by_name) | set(item.rename)
    known = {
        column.name: _words(column.name)
        for column in item.source.shape.columns
        if column.name in there and column.name not in item.ignore and column.type.kind in _OF_KEYS
    }
    table = _words(item.source.name)
    own = {"id", f"{table}_id", f"{table.removesuffix('s')}_id"}
    naming = [name for name, words in known.items() if _NAMING.fullmatch(words)]
    naming.sort(key=lambda name: known[name] not in own)
    parts = [name for name, words in known.items() if name in naming or _PART_OF_KEY.fullmatch(words)][:_MAX_PARTS]
    several = (found for count in (2, 3, 4) for found in combinations(parts, count))
    yield from islice(chain(((name,) for name in naming), several), _MAX_LOOKED_AT)


def days_of_moments(item: Suggestion) -> tuple[str, ...]:
    """Columns without zone that the target keeps the day of; their times of day are to be looked for."""
    there = item.target.shape.by_name
    return tuple(
        column.name
        for column in item.source.shape.columns
        if column.name in there
        and (column.type.kind, there[column.name].type.kind) == (Kind.TIMESTAMP, Kind.DATE)
        and item.source.dialect != "sqlite"
    )


def with_references(drafts: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """The tables with the checks that their foreign keys ask for."""
    return tuple(_with_references(draft, drafts) for draft in drafts)


def _names(pairs: Sequence[TablePair]) -> list[str]:
    plain = [pair.source.name for pair in pairs]
    names: list[str] = []
    for source in (pair.source for pair in pairs):
        wanted = source.name if plain.count(source.name) == 1 else f"{source.schema}_{source.name}"
        name = re.sub(r"\W", "_", wanted, flags=re.ASCII)
        name = name if NAME.fullmatch(name) else f"t_{name}"
        names.append(name if name not in names else f"{name}_{len(names)}")
    return names


def _table(name: str, pair: TablePair) -> Suggestion:
    source = pair.source
    alike = match_names(source.shape.by_name, pair.target.shape.by_name)
    guessed = _guessed(source, _in_source_names(pair.target, alike.renames))
    names = {**alike.renames, **guessed}
    target = _in_source_names(pair.target, names)
    cast = dict(_casts(source, target))
    ignore = {column: why for column, why in _ignored(source, target) if column not in cast}
    key, reason = _key(source, target, ignore)
    shared = set(target.shape.by_name) - set(ignore)
    window = _window(source, shared, key)
    return Suggestion(
        name,
        source,
        target,
        key,
        reason,
        window,
        {**ignore, **{names[name]: reason for name, reason in ignore.items() if name in names}},
        rename={name: to for name, to in names.items() if name not in ignore},
        cast=cast,
        guessed=frozenset(guessed),
        updated_at=_changed(source, shared),
        remarks=(*_remarks_on_names(pair, alike), *_remarks(source, target, window, ignore)),
    )


def _in_source_names(target: Found, rename: Mapping[str, str]) -> Found:
    """The target with the source's names of its columns, so that equal names are what belongs together."""
    back = {to: name for name, to in rename.items()}

    def renamed(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(back.get(name, name) for name in names)

    shape = target.shape
    return replace(
        target,
        shape=replace(
            shape,
            columns=tuple(replace(column, name=back.get(column.name, column.name)) for column in shape.columns),
            primary_key=renamed(shape.primary_key),
            unique=tuple(map(renamed, shape.unique)),
            foreign_keys=tuple(replace(foreign, columns=renamed(foreign.columns)) for foreign in shape.foreign_keys),
        ),
    )


def _remarks_on_names(pair: TablePair, columns: NameMatches) -> Iterator[str]:
    if pair.rule in {NameRule.PLURAL, NameRule.PREFIX}:
        yield f"see that {pair.source.written} and {pair.target.written} are one: their names are {pair.rule}"
    for left, right in columns.ambiguous:
        yield f"which are one? {', '.join(left)} of the source, {', '.join(right)} of the target: say by columns.rename"


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


def _casts(source: Found, target: Found) -> Iterator[tuple[str, str]]:
    """Columns of types that no other database has, where the target has a text for them and a cast loses nothing."""
    there = target.shape.by_name
    for name, column in source.shape.by_name.items():
        of = column.type
        meets_text = name in there and there[name].type.kind in {Kind.TEXT, Kind.CHAR}
        if meets_text and of.kind in {Kind.NATIVE, Kind.UNSUPPORTED} and _has_exact_text(of, source.dialect):
            yield name, AS_TEXT[source.dialect]


def _has_exact_text(of: Type, dialect: str) -> bool:
    """PostgreSQL's cast of `inet` adds the mask; types whose text hangs on settings, and MySQL's shapes, have none."""
    if dialect == "postgresql":
        return of.kind is Kind.NATIVE and of.name != "inet"
    return dialect == "duckdb" or (of.name.startswith(("set(", "inet")) and not of.charset)


def _ignored(source: Found, target: Found) -> Iterator[tuple[str, str]]:
    here, there = source.shape.by_name, target.shape.by_name
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
        if column.name in shared and column.type.kind in DATETIMES and _CHANGED.fullmatch(_words(column.name)):
            return column.name
    return None


def _rank(column: Column, source: Found, key: tuple[str, ...]) -> int:
    name = _words(column.name)
    if _CHANGING.fullmatch(name):
        return 0
    likely = 8 * (column.name in key) + 8 * bool(_BORN.match(name)) + 4 * bool(_MOMENT_NAME.fullmatch(name))
    return likely + 3 * (not column.nullable) + 3 * (column.name in source.indexed) if likely else 0


def _words(name: str) -> str:
    """The name in lower case, with its words parted by _."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s.-]", "_", name).lower()


def _remarks(source: Found, target: Found, window: Column | None, ignore: Mapping[str, str]) -> Iterator[str]:
    for column in _demanding(target):
        if column.name not in source.shape.by_name or column.name in ignore:
            yield f"{column.name} of the target is NOT NULL without a default: give it one before loading"
    if window and not source.is_view and window.name not in source.indexed:
        yield f"no index of the source begins with {window.name}: each day reads the whole table"


def _with_references(draft: Suggestion, drafts: Sequence[Suggestion]) -> Suggestion:
    found = dict.fromkeys((*_references(draft, draft.target, drafts), *_references(draft, draft.source, drafts)))
    return replace(draft, references=tuple(found))


def _references(draft: Suggestion, side: Found, drafts: Sequence[Suggestion]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Foreign keys that name the key of a table that is declared too."""
    in_source = side is draft.source
    known = [(other.source if in_source else other.target, other) for other in drafts]
    tables = {(found.schema, found.name): other for found, other in reversed(known)}
    for foreign in side.shape.foreign_keys:
        schema, name = split_name(foreign.parent_table)
        parent = tables.get((schema or side.schema, name))
        back = {} if in_source or not parent else {to: name for name, to in parent.rename.items()}
        named_there = (back.get(column, column) for column in foreign.parent_columns)
        columns = dict(zip(named_there, foreign.columns, strict=True))
        if parent and parent.key and set(parent.key) == set(columns):
            named = tuple(columns[part] for part in parent.key)
            if draft.source.has(named) and not set(named) & set(draft.ignore):
                yield named, parent.name
