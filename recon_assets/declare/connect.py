"""What the databases say to a declaration: the checks of ``recon validate --connect``. Nothing is written."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from recon_assets import reading
from recon_assets.declare import check_validation, data_fit
from recon_assets.declare.loader import Declaration
from recon_assets.declare.problems import KeyPath, Problem, hidden
from recon_assets.declare.table import Table
from recon_assets.dialect import opened, privileges
from recon_assets.dialect.driver_errors import driver_errors
from recon_assets.dialect.engines import Role
from recon_assets.dialect.files import copies_of, lacking_keys
from recon_assets.errors import ReconError, UnavailableError
from recon_assets.model import ALL, Kind, Project, TableSpec, Unit, Window
from recon_assets.reading import TableSchema, as_table
from recon_assets.values import DATETIMES

_PLACES = {"key", "window.column", "columns.rename", "columns.cast", "columns.ignore"}
_SIDES: tuple[Role, ...] = ("source", "target")


def connected(declaration: Declaration) -> Declaration:
    """The declaration with what its databases say added to its problems."""
    with ExitStack() as stack:
        look = _Look(declaration.project, stack)
        look.at_everything()
    every = (*declaration.problems, *(problem.at(declaration.lines) for problem in look.problems))
    return replace(declaration, problems=tuple(sorted(every, key=lambda problem: problem.line or 0)))


class _Look:
    """Looks at each database and each table, and goes on after what fails."""

    def __init__(self, project: Project, stack: ExitStack) -> None:
        self.project = project
        self.stack = stack
        self.problems: list[Problem] = []
        self.engines: dict[tuple[str, Role], sa.Engine] = {}

    def at_everything(self) -> None:
        for role in _SIDES:
            for name in sorted({getattr(spec, role).database for spec in self.project.tables.values()}):
                self._open(name, role)
        for spec in self.project.tables.values():
            table = self._table(spec)
            if table:
                with self._noted(("tables", spec.name)):
                    self._judge(table)
        self._sources_refuse_writes()
        self._targets_take_loads()

    def _open(self, name: str, role: Role) -> None:
        database = self.project.databases.get(name)
        if not database:
            return
        with self._noted(("databases", name)):
            made = self.stack.enter_context(opened(database, role=role))
            with driver_errors(f"{name} as {role}"), made.connect():
                self.engines[name, role] = made

    def _table(self, spec: TableSpec) -> Table | None:
        source, target = (self.engines.get((getattr(spec, role).database, role)) for role in _SIDES)
        schemas: dict[Role, TableSchema] = {}
        if target:
            with self._noted(("tables", spec.name, "target")):
                schemas["target"] = reading.describe(target, spec.target)
        if source:
            there = schemas.get("target")
            like = reading.OtherSide.of_target(spec, there) if there else None
            with self._noted(("tables", spec.name, "source")):
                schemas["source"] = reading.describe(source, spec.source, spec.cast, like)
        if source and target and len(schemas) == len(_SIDES):
            return Table(spec, source, target, schemas["source"], schemas["target"])
        return None

    def _judge(self, table: Table) -> None:
        wrong = [problem for judge in JUDGES for problem in judge(table)]
        self.problems += wrong
        with self._noted((*table.at, "target")):
            self.problems += _target_privileges(table)
        before = len(self.problems)
        self._plan_where(table)
        columns_are_sound = not any(problem.severity == "error" for problem in wrong)
        if columns_are_sound and len(self.problems) == before and _takes_loads(table.target):
            self._plan(table)
        if columns_are_sound or not table.spec.calendar or table.both(table.spec.calendar.column):
            for index, made, statement in check_validation.statements(table, _sample(table.spec)):
                with self._noted((*table.at, "checks", index)), reading.hints_at_columns(table.left, table.right):
                    check_validation.planned(made, statement, "planning the check")

    def _plan_where(self, table: Table) -> None:
        """What both sides must understand, planned by each, whatever else is wrong."""
        for side, made, statement in check_validation.declared_where(table):
            with self._noted((*table.at, "where")), reading.hints_at_columns(table.left, table.right):
                check_validation.planned(made, statement, f"planning where in the {side}")

    def _plan(self, table: Table) -> None:
        """Each statement of a load, planned by its database."""
        with self._noted((*table.at, "source")), driver_errors("planning the load"):
            both = reading.pair_for_loading(table.spec, table.source, table.target)
            with table.source.connect() as connection:
                connection.execute(privileges.plan_of(reading.selection(both, _sample(table.spec)))).close()
        with self._noted((*table.at, "target")), driver_errors("planning a look at the target"):
            relation = as_table(table.spec.target.table or "", [column.name for column in table.right.columns])
            select = sa.select(sa.func.count()).select_from(relation)
            with table.target.connect() as connection:
                where = both.in_window("target", relation, _sample(table.spec))
                connection.execute(privileges.plan_of(select.where(where))).close()

    def _sources_refuse_writes(self) -> None:
        for (name, role), made in self.engines.items():
            if role == "source":
                with self._noted(("databases", name)), driver_errors(name), made.connect() as connection:
                    self.problems += self._writable(name, connection)

    def _targets_take_loads(self) -> None:
        for (name, role), made in self.engines.items():
            if role == "target" and not _takes_loads(made):
                message = f"{made.dialect.name} files are compared, and never loaded: loads are refused"
                hint = f"To load, name one of {', '.join(privileges.TARGETS)}."
                self.problems.append(Problem(("databases", name), message, hint, "warning"))

    def _writable(self, name: str, connection: sa.Connection) -> Iterator[Problem]:
        who = privileges.account(connection)
        if not who or (who.read_only and not who.superuser):
            return
        relations = {spec.source.table for spec in self.project.tables.values() if spec.source.database == name}
        tables = [as_table(relation) for relation in sorted(filter(None, relations))]
        open_ = [table for table in tables if _exists(connection, table) and privileges.granted(connection, table)]
        if who.superuser or open_:
            said = "may do everything" if who.superuser else f"may write to {', '.join(map(str, open_))}"
            fixes = privileges.to_read_only(
                connection, who, open_ or [table for table in tables if _exists(connection, table)]
            )
            message = f"the source's account {who.name} {said}; a source must refuse writes"
            yield Problem(("databases", name), message, "\n".join(fixes), "warning")

    @contextmanager
    def _noted(self, path: KeyPath) -> Iterator[None]:
        """Turns an error of ours into a problem at ``path``."""
        try:
            yield
        except ReconError as error:
            severity: Any = "unavailable" if isinstance(error, UnavailableError) else "error"
            self.problems.append(Problem(path, hidden(str(error)), _remedy(str(error)), severity))


def _takes_loads(target: sa.Engine) -> bool:
    """Whether rows can be loaded into such a database; files are read only."""
    return target.dialect.name in privileges.TARGETS


def _remedy(said: str) -> str:
    if "permission denied" in said or "denied to user" in said:
        return "Grant the account SELECT on the table and, in PostgreSQL, USAGE on its schema."
    return ""


def _sample(spec: TableSpec) -> Window:
    return spec.calendar.at(0) if spec.calendar else ALL


def _exists(connection: sa.Connection, table: sa.TableClause) -> bool:
    return sa.inspect(connection).has_table(table.name, schema=table.schema)


def _columns(table: Table) -> Iterator[Problem]:
    """Columns that cannot be loaded, as the reader of both sides tells them."""
    for sentence in reading.problems(table.spec, table.left, table.right):
        place, _, said = sentence.partition(": ")
        path = _item(table, place, said) if place in _PLACES else (*table.at, "columns")
        message, _, hint = (said if place in _PLACES else sentence).partition("; ")
        yield Problem(path, message, hint[:1].upper() + hint[1:])


def _item(table: Table, place: str, said: str) -> KeyPath:
    """The item of a list or mapping that a sentence is about, for it may have a line of its own."""
    path = (*table.at, *place.split("."))
    named = re.search("column '(.+?)'", said)
    items: Any = {"key": table.spec.key, "columns.ignore": table.spec.ignore}.get(place, ())
    if named and named[1] in items:
        return (*path, items.index(named[1]))
    mapped = place in {"columns.rename", "columns.cast"}
    return (*path, named[1]) if named and mapped else path


def _window_column(table: Table) -> Iterator[Problem]:
    """Windows need a column of dates or moments on both sides, and hours one of moments."""
    days = table.spec.calendar
    if not days:
        return
    for schema, name in ((table.left, days.column), (table.right, table.spec.target_name(days.column))):
        kind = next((column.type for column in schema.columns if column.name == name), None)
        if kind and kind.kind not in DATETIMES | {Kind.ANY}:
            hint = "Choose a date or timestamp column, or cast it under `columns.cast`."
            yield Problem((*table.at, "window", "column"), f"`{name}` is {kind.name}, which has no days", hint)
        elif kind and kind.kind is Kind.DATE and days.unit is Unit.HOUR:
            hint = "Choose a timestamp column, or `unit: day`."
            yield Problem((*table.at, "window", "unit"), f"`{name}` is {kind.name}, which has no hours", hint)


def _key_of_files(table: Table) -> Iterator[Problem]:
    """Nothing keeps the keys of files: their lines are looked at."""
    files, key = table.spec.source.table, table.spec.key
    if not files or not set(key) <= set(table.left.by_name):
        return
    places = lacking_keys(table.source, *reading.split_name(files), key)
    if places:
        message = f"({', '.join(key)}) is missing or not unique in {'; '.join(places)}"
        hint = "Loads refuse such lines: mend the files, or choose another key."
        yield Problem((*table.at, "key"), message, hint, "warning")


def _key(table: Table) -> Iterator[Problem]:
    """A key identifies rows: unique and not null, which only constraints promise. All of it is one problem."""
    key = table.spec.key
    of_files = copies_of(table.source) is not None
    sides = [("source", table.left, key)] if table.spec.source.table and not of_files else []
    sides += [("target", table.right, tuple(map(table.spec.target_name, key)))]
    loose: dict[str, list[str]] = {}
    nullable: dict[str, list[str]] = {}
    for side, schema, columns in sides:
        known = set(columns) <= set(schema.by_name)
        if known and not any(set(unique) <= set(columns) for unique in schema.unique):
            loose.setdefault(f"({', '.join(columns)})", []).append(side)
        for column in schema.columns:
            if column.name in columns and column.nullable:
                nullable.setdefault(f"`{column.name}`", []).append(side)
    said = [f"nothing keeps {names} unique in the {' and the '.join(of)}" for names, of in loose.items()]
    for of in dict.fromkeys(map(tuple, nullable.values())):
        names = ", ".join(name for name, sides_of in nullable.items() if tuple(sides_of) == of)
        said.append(f"{names} may be NULL in the {' and the '.join(of)}")
    hint = (
        f"Add a unique constraint on {next(iter(loose))}, or choose a key that has one."
        if loose
        else "Rows without a key cannot be told apart: make it NOT NULL, or leave it out of the key."
    )
    if said:
        yield Problem((*table.at, "key"), "; ".join(said), hint, "warning")


def _triggers(table: Table) -> Iterator[Problem]:
    at = (*table.at, "target")
    if table.right.triggers:
        names = ", ".join(table.right.triggers)
        hint = "They fire for every row that is loaded; make sure that they may."
        yield Problem(at, f"the target has triggers: {names}", hint, "warning")
    if table.right.cascading:
        names = ", ".join(table.right.cascading)
        message = f"deleting rows would also change {names} by their foreign keys"
        yield Problem(at, message, "Mode `replace` is refused for this table.", "warning")


JUDGES: tuple[Callable[[Table], Iterator[Problem]], ...] = (
    _columns,
    data_fit.types,
    _window_column,
    _key,
    _key_of_files,
    _triggers,
    check_validation.columns_of_checks,
    check_validation.columns_of_rules,
    check_validation.age_of_rows,
    check_validation.kinds_of_columns,
    check_validation.comparable,
)


def _target_privileges(table: Table) -> list[Problem]:
    """A load needs to write; what is missing is granted by the statements given."""
    relation = as_table(table.spec.target.table or "")
    needed = ("SELECT", *privileges.WRITES)
    with driver_errors(str(table.spec.target)), table.target.connect() as connection:
        who = privileges.account(connection)
        held = privileges.granted(connection, relation, needed)
        missing = tuple(name for name in needed if name not in held)
        if not who or who.superuser:
            return []
        stage = privileges.to_stage(connection, who)
        if not missing and not stage:
            return []
        lacking = (*missing, *(["make temporary tables, which loads need"] if stage else []))
        message = f"the target's account {who.name} may not {', '.join(lacking)}"
        grants = privileges.to_write(connection, who, relation, missing) if missing else ()
        return [Problem((*table.at, "target"), message, "\n".join([*grants, *stage]))]
