"""The two sides of a declared table, and how their columns meet."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Literal

import sqlalchemy as sa

from recon_assets.dialect import servers
from recon_assets.dialect.common_form import AS_TEXT, Form, common_form
from recon_assets.dialect.windows import within
from recon_assets.errors import DeclarationError
from recon_assets.model import Column, Kind, NotCompared, Rule, TableSpec, Window
from recon_assets.reading.name_matching import match_names
from recon_assets.reading.names import cast_to, condition, nearest
from recon_assets.reading.table_schema import TableSchema, describe, described
from recon_assets.values import DATETIMES
from recon_assets.values.native import without_form

OF_LOADS = {"source": DATETIMES | {Kind.ANY}, "target": DATETIMES}
ANY_SIDE = {"source": DATETIMES | {Kind.ANY}, "target": DATETIMES | {Kind.ANY}}
"""Of what kinds the window's column is; SQLite's columns may be of any."""


@dataclass(frozen=True)
class ColumnPair:
    """A column of the source and the one of the target that it fills."""

    source: Column
    target: Column


@dataclass(frozen=True)
class Pair:
    """The two sides of a declared table, looked at once and used for many windows.

    ``read_along`` are columns that are read along and not compared. ``not_compared`` are those that cannot be
    compared, with the reason: only one side has them, or their types have no common meaning. ``target_cast`` are the
    casts of the target's columns, by the source's names: those of ``spec.cast`` where its type has no form elsewhere.
    """

    spec: TableSpec
    source: sa.Engine
    target: sa.Engine
    columns: tuple[ColumnPair, ...]
    target_schema: TableSchema
    source_schema: TableSchema
    read_along: frozenset[str] = frozenset()
    not_compared: tuple[NotCompared, ...] = ()
    target_cast: Mapping[str, str] = field(default_factory=dict)

    def cast(self, side: str, name: str) -> str | None:
        """The SQL type to which ``side`` casts its column of the source's name before anything else."""
        return (self.spec.cast if side == "source" else self.target_cast).get(name)

    @property
    def compared(self) -> tuple[str, ...]:
        """The columns that are compared, those of the key too, by the source's names."""
        names = (column.source.name for column in self.columns)
        return tuple(name for name in names if name not in self.read_along)

    @property
    def compares_keys_alone(self) -> bool:
        """Whether no column is compared but the key's, though a side has others."""
        every = max(len(schema.columns) for schema in (self.source_schema, self.target_schema))
        return set(self.compared) <= set(self.spec.key) and every > len(self.compared)

    @property
    def key(self) -> tuple[ColumnPair, ...]:
        """The key's columns, in the order declared."""
        by_name = {column.source.name: column for column in self.columns}
        return tuple(by_name[name] for name in self.spec.key)

    def in_window(
        self, side: Literal["source", "target"], table: sa.FromClause, window: Window
    ) -> sa.ColumnElement[bool]:
        """Whether a row of ``table``, the relation of ``side``, belongs to the window and to the declared ``where``."""
        days, where = self.spec.calendar, condition(self.spec.where)
        if days is None or window.start is None:
            return sa.and_(sa.true(), where)
        mapped = next(column for column in self.columns if column.source.name == days.column)
        column = mapped.source if side == "source" else mapped.target
        dialect = (self.source if side == "source" else self.target).dialect.name
        moment = cast_to(table.c[column.name], self.cast(side, mapped.source.name))
        return sa.and_(within(moment, column.type.kind, [window], days, dialect), where)


def pair_for_loading(spec: TableSpec, source: sa.Engine, target: sa.Engine) -> Pair:
    """Looks at both sides and matches their columns.

    Raises:
        DeclarationError: Naming everything about the columns that keeps the table from being loaded.
    """
    if not servers.is_server(target):
        msg = f"tables.{spec.name}: {target.dialect.name} files can be sources, not targets; load into a server"
        raise DeclarationError(msg)
    left, right = described(spec, source, target)
    wrong = problems(spec, left, right)
    if wrong:
        raise DeclarationError("\n".join(f"tables.{spec.name}: {problem}" for problem in wrong))
    return Pair(spec, source, target, _written(spec, left, right), right, left)


def _written(spec: TableSpec, source: TableSchema, target: TableSchema) -> tuple[ColumnPair, ...]:
    """All columns of the source that a load writes: the target computes the others itself."""
    wanted = [name for name in source.by_name if name not in spec.ignore]
    common = _column_pairs(spec, wanted, source.by_name, target.by_name)
    return tuple(column for column in common if not column.target.generated)


def problems(spec: TableSpec, source: TableSchema, target: TableSchema) -> tuple[str, ...]:
    """Everything about the columns of both sides that keeps ``spec`` from being loaded, one sentence each."""
    named = {
        "key": spec.key,
        "window.column": (spec.calendar.column,) if spec.calendar else (),
        "columns.rename": spec.rename,
        "columns.cast": spec.cast,
    }
    here, there = source.by_name, target.by_name
    return (
        *(f"{at}: {said}" for at, names in named.items() for said in _lacking("the source", names, here)),
        *(f"columns.ignore: {said}" for said in _lacking("either side", spec.ignore, here | there)),
        *_met_twice(spec, (name for name in here if name not in spec.ignore)),
        *_unmatched(spec, source, target),
        *_unfit(spec, source, target),
        *(f"window.column: {said}" for said in _undated(spec, _written(spec, source, target), OF_LOADS)),
    )


def _unmatched(spec: TableSpec, source: TableSchema, target: TableSchema) -> Iterator[str]:
    there = {column.name: column for column in target.columns}
    wanted = {spec.target_name(column.name): column.name for column in source.columns if column.name not in spec.ignore}
    for name, original in wanted.items():
        if name not in there:
            yield f"{original}: the target has no column {name!r}; rename it, or ignore it ({nearest(name, there)})"
        elif there[name].generated and original in spec.key:
            yield f"{original}: the target computes this column of the key itself; choose another key"
    for column in target.columns:
        filled = column.name in wanted or column.default or column.generated or column.identity
        if not filled and not column.nullable:
            yield f"{column.name}: only the target has this column, is NOT NULL and has no default; give it one"


def _unfit(spec: TableSpec, source: TableSchema, target: TableSchema) -> Iterator[str]:
    for mapped in _written(spec, source, target):
        alone = without_form(mapped.source.type, mapped.target.type)
        if alone is mapped.source.type:
            yield (
                f"{mapped.source.name}: {alone.name} of the source has no exact form in other databases;"
                " cast it under columns.cast, or ignore it"
            )
        elif alone:
            yield (
                f"{mapped.target.name}: {alone.name} of the target takes no values of another type or database;"
                " give the target's column another type, or ignore it"
            )
    if not target.transactional:
        yield "the target table takes no part in transactions, so a failed load could not be undone; use InnoDB"


def _undated(spec: TableSpec, columns: Sequence[ColumnPair], dated: Mapping[str, AbstractSet[Kind]]) -> Iterator[str]:
    """What keeps rows of either side from falling into the same days."""
    days = spec.calendar
    window = [mapped for mapped in columns if days and mapped.source.name == days.column]
    kinds = {column.type.kind for mapped in window for column in (mapped.source, mapped.target)}
    for side, column in ((side, getattr(mapped, side)) for mapped in window for side in ("source", "target")):
        if column.type.kind not in dated[side]:
            yield (
                f"{column.name} of the {side} is {column.type.name}, which falls into no days;"
                " choose a date or timestamp, or cast it (columns.cast in YAML, `--cast COLUMN=TYPE` of recon diff)"
            )
    if days and Kind.DATE in kinds and len(kinds) > 1 and days.stored_in != days.timezone:
        yield (
            "a date on one side and times on the other name the same day only"
            f" when both are read in one zone; set stored_in to {days.timezone} (recon diff: --stored-in)"
        )


def pair_for_comparison(  # noqa: PLR0913 - what was looked at before need not be again
    spec: TableSpec,
    source: sa.Engine,
    target: sa.Engine,
    columns: Sequence[str] | None = None,
    *,
    schemas: tuple[TableSchema, TableSchema] | None = None,
    matched: Mapping[str, str] | None = None,
) -> Pair:
    """Both sides with the columns that both have, ready to be compared.

    A column that cannot be compared is left out, and the pair says so; one of the key, or that was named, is an error.

    Args:
        spec: What to compare.
        source: Opened for reading.
        target: Opened for reading.
        columns: The source's names of the columns to compare besides the key; None for all that both have.
        schemas: What both databases said of the tables, if they were asked before.
        matched: Renames that nobody declared (`alike_columns`): what cannot be compared of them is no error.

    Raises:
        DeclarationError: When a column is named that a side does not have, or whose two types have no common meaning.
    """
    left, right = schemas or described(spec, source, target)
    target_cast = _target_cast(spec, right, source.dialect.name, target.dialect.name)
    if target_cast:
        right = describe(target, spec.target, {spec.target_name(name): to for name, to in target_cast.items()})
    here, there = left.by_name, right.by_name
    always = [*spec.key, *([spec.calendar.column] if spec.calendar else [])]
    used = dict.fromkeys([*always, *(columns or ()), *([spec.updated_at] if spec.updated_at else [])])
    named = dict.fromkeys([*used, *spec.rename, *spec.rules, *spec.cast])
    spec = replace(spec, rename={**(matched or {}), **spec.rename})
    chosen = here if columns is None else {*always, *columns}
    compared = {name for name in here if name not in spec.ignore and name in chosen}
    wanted = [name for name in here if name in compared or name in used]
    common = _column_pairs(spec, wanted, here, there)
    wrong = [
        *_lacking("the source", named, here),
        *_lacking("the target", dict.fromkeys(map(spec.target_name, [*used, *spec.rename])), there),
        *(f"private: {sentence}" for sentence in _lacking("either side", spec.private, here | there)),
        *_met_twice(spec, wanted),
        *(f"window: {said}" for said in _undated(spec, common, ANY_SIDE)),
    ]
    if not wrong and not common:
        wrong = ["the two tables have no column in common; name those that belong together by rename"]
    if wrong:
        raise DeclarationError("\n".join(f"{spec.name}: {sentence}" for sentence in wrong))
    pair = Pair(spec, source, target, common, right, left, frozenset(wanted) - compared, target_cast=target_cast)
    _, unlike = _forms(pair)
    if len(unlike) == len(common) or set(unlike) & set(named):
        raise DeclarationError(_said(spec, unlike))
    alone = _alone(spec, wanted, here, there) if columns is None else ()
    return replace(
        pair,
        columns=tuple(column for column in common if column.source.name not in unlike),
        not_compared=(*alone, *(NotCompared(name, "both", why) for name, why in unlike.items())),
    )


def _target_cast(spec: TableSpec, target: TableSchema, here: str, there: str) -> dict[str, str]:
    """The casts that the target's columns need too: a type without a form beside others meets no cast of the source.

    To the same type; to text where the source's database is another, for its types may mean something else there.
    """
    columns = {name: target.by_name.get(spec.target_name(name)) for name in spec.cast}
    alone = {Kind.NATIVE, Kind.UNSUPPORTED}
    needed = (name for name, column in columns.items() if column and column.type.kind in alone)
    return {name: spec.cast[name] if here == there else AS_TEXT[there] for name in needed}


def _column_pairs(
    spec: TableSpec, names: Iterable[str], source: Mapping[str, Column], target: Mapping[str, Column]
) -> tuple[ColumnPair, ...]:
    """The source's columns of these names that the target has too."""
    found = ((source[name], target.get(spec.target_name(name))) for name in names)
    return tuple(ColumnPair(column, other) for column, other in found if other)


def _lacking(
    side: Literal["the source", "the target", "either side"], names: Iterable[str], known: Mapping[str, Column]
) -> Iterator[str]:
    lacks = "neither side has a" if side == "either side" else f"{side} has no"
    for name in names:
        if name not in known:
            yield f"{lacks} column {name!r}; {nearest(name, known)}"


def _met_twice(spec: TableSpec, names: Iterable[str]) -> Iterator[str]:
    """Two columns of the source may not meet one of the target."""
    first: dict[str, str] = {}
    for name in names:
        other = first.setdefault(spec.target_name(name), name)
        if other != name:
            yield f"{other!r} and {name!r} both meet {spec.target_name(name)!r}; rename or leave out one"


def alike_columns(spec: TableSpec, source: TableSchema, target: TableSchema) -> dict[str, str]:
    """The target's names of columns, by the source's, that are one but for case and _, where nothing is declared."""
    here, there = _undeclared(spec, source.by_name, target.by_name)
    return match_names(here, there).renames


def _undeclared(spec: TableSpec, here: Iterable[str], there: Iterable[str]) -> tuple[list[str], list[str]]:
    """Names of which no rename speaks."""
    taken = set(spec.rename.values())
    return [name for name in here if name not in spec.rename], [name for name in there if name not in taken]


def _alone(
    spec: TableSpec, wanted: Sequence[str], here: Mapping[str, Column], there: Mapping[str, Column]
) -> tuple[NotCompared, ...]:
    """The columns that only one side has, each with the one or ones of the other side that it may mean."""
    targets = {spec.target_name(name) for name in wanted}
    left = [name for name in wanted if spec.target_name(name) not in there]
    right = [name for name in there if name not in targets and name not in spec.ignore]
    hints = {
        name: f"; if {source} and {target} are one, add the rename {source}={target}"
        for source, target in _possible_renames(left, right, here, there)
        for name in (source, target)
    }
    for names in match_names(left, right).ambiguous:
        sources, targets_of = (" and ".join(side) for side in names)
        said = f"; {sources} of the source, {targets_of} of the target: say by a rename which two are one"
        hints.update(dict.fromkeys((*names[0], *names[1]), said))
    return (
        *(NotCompared(name, "source", f"only in the source{hints.get(name, '')}") for name in left),
        *(NotCompared(name, "target", f"only in the target{hints.get(name, '')}") for name in right),
    )


def _possible_renames(
    left: Sequence[str], right: Sequence[str], here: Mapping[str, Column], there: Mapping[str, Column]
) -> Iterator[tuple[str, str]]:
    """Pairs of columns that are alike by their names, or else the only ones of their kind that each side has alone."""
    alike = match_names(left, right)
    yield from alike.renames.items()
    rest = [name for name in left if name not in alike.renames and not alike.choices(name)]
    others = [name for name in right if name not in alike.renames.values() and not alike.choices(name)]
    for name in rest:
        kind = here[name].type.kind
        same = [other for other in others if there[other].type.kind is kind]
        if len(same) == 1 and [other for other in rest if here[other].type.kind is kind] == [name]:
            yield name, same[0]


def forms(pair: Pair) -> dict[str, Form]:
    """The common form of each column compared, by the source's name.

    Raises:
        DeclarationError: Naming each column whose two types have no common meaning.
    """
    found, unlike = _forms(pair)
    if unlike:
        raise DeclarationError(_said(pair.spec, unlike))
    return found


def _forms(pair: Pair) -> tuple[dict[str, Form], dict[str, str]]:
    """The common form of each column, and why others have none."""
    found, unlike = {}, {}
    alike = pair.source.dialect.name == pair.target.dialect.name
    for mapped in pair.columns:
        rule = pair.spec.rules.get(mapped.source.name, Rule())
        try:
            found[mapped.source.name] = common_form(
                mapped.source.type, mapped.target.type, rule, same_dialect=alike, zone=pair.spec.stored_in
            )
        except DeclarationError as error:
            unlike[mapped.source.name] = str(error)
    return found, unlike


def _said(spec: TableSpec, unlike: Mapping[str, str]) -> str:
    return "\n".join(f"{spec.name}: {name}: {why}" for name, why in unlike.items())
