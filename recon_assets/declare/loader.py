"""From a file or a Python attribute to a `Project`, with everything that is wrong about it."""

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from recon_assets import model
from recon_assets.declare import kinds, scalars, schema
from recon_assets.declare.document import Document, document
from recon_assets.declare.problems import (
    KeyPath,
    Problem,
    ProblemsError,
    Severity,
    hidden,
    holds_password,
    nearest,
)
from recon_assets.declare.rules import Names, broken_rules
from recon_assets.errors import DeclarationError

DEMO = "demo"
FOUND = "recon.yaml"
DEMO_FILE = Path(__file__).parent.parent / "demo" / "tables.yaml"
_ATTRIBUTE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_TOP = ("project", "databases", "tables")
_PROJECT = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
Part = TypeVar("Part", bound=BaseModel)
_EXPECTED = {
    "string_type": "text",
    "string_too_short": "a name",
    "string_pattern_mismatch": "letters, digits and _, beginning with a letter",
    "int_type": "a number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "`true` or `false`",
    "bool_type": "`true` or `false`",
    "tuple_type": "a list",
    "dict_type": "a mapping (lines of `key: value`)",
    "model_type": "a mapping (lines of `key: value`)",
    "model_attributes_type": "a mapping (lines of `key: value`)",
    "greater_than_equal": "a number within bounds",
    "less_than_equal": "a number within bounds",
}


@dataclass(frozen=True)
class Declaration:
    """What was read from ``origin``: the project as far as it is sound, and what is wrong."""

    origin: str
    project: model.Project
    problems: tuple[Problem, ...]
    lines: Mapping[KeyPath, int]

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that keep the declaration from being used."""
        return tuple(problem for problem in self.problems if problem.severity != "warning")

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of all tables in it, sound or not."""
        named = (str(path[1]) for path in self.lines if path[:1] == ("tables",) and len(path) == 2)
        return tuple(dict.fromkeys([*named, *self.project.tables]))

    @property
    def places(self) -> dict[str, tuple[str, int]]:
        """The file and the line of each table; none of those declared in Python."""
        file = str((DEMO_FILE if self.origin == DEMO else Path(self.origin)).resolve())
        found = {name: self.lines.get(("tables", name)) for name in self.project.tables}
        return {name: (file, line) for name, line in found.items() if line}

    @property
    def sound(self) -> tuple[str, ...]:
        """The names of the tables of which nothing is wrong, nor of their databases."""
        faulty = {problem.path[:2] for problem in self.errors}
        parts = {
            name: {("tables", name), ("databases", spec.source.database), ("databases", spec.target.database)}
            for name, spec in self.project.tables.items()
        }
        return tuple(name for name, own in parts.items() if not own & faulty)

    @classmethod
    def unreadable(cls, error: ProblemsError) -> "Declaration":
        """A declaration of which nothing could be read."""
        return cls(error.origin, model.Project({}, {}), error.problems, {})


def read(path: Path | None, environ: Mapping[str, str], *, offline: bool = False) -> Declaration:
    """Reads the declaration that is `named`.

    Args:
        path: A YAML file, or ``demo``.
        environ: Where ``{env: NAME}`` is looked up.
        offline: Nobody is about to connect: a variable that is not set is only a warning.

    Raises:
        ProblemsError: When the file is not YAML.
        DeclarationError: When there is no such file or attribute.
    """
    origin = named(path, environ)
    if not path and _ATTRIBUTE.fullmatch(origin) and not Path(origin).exists():
        return _in_python(origin)
    found = document(_bytes(DEMO_FILE if origin == DEMO else Path(origin)), origin)
    return _declaration(origin, found, environ, offline=offline)


def named(path: Path | None, environ: Mapping[str, str]) -> str:
    """Which declaration is meant: ``path``, else what RECON_TABLES names, else recon.yaml of this folder.

    The demo's has to be named too, as ``demo``: whoever forgets to name theirs would load flights.

    Raises:
        DeclarationError: When there is none of them.
    """
    found = str(path or environ.get("RECON_TABLES") or "")
    if not found and not Path(FOUND).exists():
        msg = (
            f"No declaration is named, and there is no {FOUND} in this folder. Name one by --file or RECON_TABLES"
            f" (the demo's is called {DEMO}), or write a first one: recon init --out {FOUND}"
        )
        raise DeclarationError(msg)
    return found or FOUND


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = (
            f"{path}: cannot be read: {error.strerror}. Name a declaration by --file or RECON_TABLES,"
            " or let `recon init` write one."
        )
        raise DeclarationError(msg) from error


def _in_python(named: str) -> Declaration:
    module, _, attribute = named.partition(":")
    project = getattr(_module(module, named), attribute, None)
    if not isinstance(project, model.Project):
        msg = f"RECON_TABLES={named}: `{attribute}` of {module} is no recon_assets.model.Project. Name one that is."
        raise DeclarationError(msg)
    from recon_assets.dialect import backend_of  # noqa: PLC0415 - `recon --help` needs no databases

    for database in project.databases.values():
        backend_of(database)
    names = Names(project.databases, project.tables, project.tables)
    project = replace(project, origin=project.origin or named)
    return Declaration(named, project, tuple(broken_rules(names)), {})


def _module(name: str, named: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        msg = f"RECON_TABLES={named}: {error}. Name a module on PYTHONPATH, as `module:attribute`, or a YAML file."
        raise DeclarationError(msg) from error


def _declaration(origin: str, found: Document, environ: Mapping[str, str], *, offline: bool) -> Declaration:
    reader = _Reader(origin, found, environ, offline=offline)
    project = reader.project()
    every = (*found.problems, *reader.problems)
    placed = sorted((problem.at(found.lines) for problem in every), key=lambda problem: problem.line or 0)
    return Declaration(origin, project, tuple(placed), found.lines)


class _Reader:
    """Builds the project part by part, so that a fault in one hides none in another.

    Parts with problems are in it too, without what is wrong, where the rest means the same: that is shown to databases.
    """

    def __init__(self, origin: str, found: Document, environ: Mapping[str, str], *, offline: bool) -> None:
        self.origin = origin
        self.content = found.content
        self.environ = environ
        self.offline = offline
        self.problems: list[Problem] = []

    def project(self) -> model.Project:
        if not self._is_filled_mapping(self.content, ()):
            return model.Project({}, {})
        unknown = (key for key in self.content if key not in _TOP)
        self.problems += [Problem((key,), f"unknown key `{key}`", nearest(key, _TOP)) for key in unknown]
        databases = self._databases()
        tables = self._tables()
        names = Names(self._names("databases"), self._names("tables"), tables)
        self.problems += broken_rules(names)
        if "project" not in self.content:
            return model.Project(databases, tables, origin=str(Path(self.origin).resolve()))
        return model.Project(databases, tables, self._project_name())

    def _project_name(self) -> str:
        found = self.content["project"]
        if not isinstance(found, str) or not _PROJECT.fullmatch(found):
            hint = "Use up to 64 letters, digits, `_`, `-` and `.`, beginning with a letter."
            self.problems.append(Problem(("project",), f"{scalars.found(found)} cannot be a project's name", hint))
        return str(found)

    def _databases(self) -> dict[str, model.Database]:
        declared = self._parts("databases", schema.Database)
        urls = ((name, part, self._url(name, part)) for name, part in declared)
        return {name: part.database(name, url) for name, part, url in urls if url is not None}

    def _tables(self) -> dict[str, model.TableSpec]:
        return {name: part.spec(name) for name, part in self._parts("tables", schema.Table)}

    def _names(self, section: str) -> tuple[str, ...]:
        content = self.content.get(section)
        return tuple(content) if isinstance(content, dict) else ()

    def _parts(self, section: str, kind: type[Part]) -> list[tuple[str, Part]]:
        """Each part of a section that is sound by itself."""
        content = self.content.get(section)
        if not self._is_filled_mapping(content, (section,)):
            return []
        parts = ((name, self._part((section, name), kind, item)) for name, item in content.items())
        return [(name, part) for name, part in parts if part is not None]

    def _part(self, path: KeyPath, kind: type[Part], content: Any) -> Part | None:
        """One part, without its faults if the rest means the same; what is wrong with that is found then, too."""
        if not self._is_name(path):
            return None
        while True:
            try:
                return kind.model_validate(content)
            except ValidationError as error:
                self.problems += [_problem(path, kind, item, content) for item in error.errors()]
                content = _without_faults(kind, content, error)
            if content is None:
                return None

    def _is_name(self, path: KeyPath) -> bool:
        right = bool(scalars.NAME.fullmatch(str(path[-1])))
        if not right:
            hint = "Use letters, digits and _, beginning with a letter; table names become names of assets."
            self.problems.append(Problem(path, f"{scalars.found(path[-1])} cannot be a name here", hint))
        return right

    def _is_filled_mapping(self, content: Any, path: KeyPath) -> bool:
        if isinstance(content, dict) and content:
            return True
        said = "is empty" if content in (None, {}) else f"expected a mapping, found {scalars.found(content)}"
        hint = "A declaration has `databases:` and `tables:`, each with at least one name below it."
        self.problems.append(Problem(path, said, f"{hint} `recon init` writes a first one."))
        return False

    def _url(self, name: str, part: schema.Database) -> str | None:
        path, declared = ("databases", name, "url"), part.url
        if isinstance(declared, str):
            self._warn_of_password(declared, path)
            return self._checked(declared, path)
        url = self.environ.get(declared.env) if declared else ""
        if url:
            return self._checked(url, (*path, "env"))
        if not declared or part.resource:  # runs have the resource, and need no URL besides
            return ""
        hint = f"Set it to the database's URL: export {declared.env}=postgresql://user@host/name"
        severity: Severity = "warning" if self.offline else "error"
        self.problems.append(Problem((*path, "env"), f"{declared.env} is not set", hint, severity))
        return None

    def _checked(self, url: str, path: KeyPath) -> str | None:
        # SQLAlchemy takes a third of a second to import: only a declaration with URLs pays for it.
        from recon_assets.dialect import check_url  # noqa: PLC0415

        try:
            check_url(url)
        except DeclarationError as error:
            self.problems.append(Problem(path, hidden(str(error))))
            return None
        return url

    def _warn_of_password(self, url: str, path: KeyPath) -> None:
        if holds_password(url):
            hint = "Put the URL into the environment and write `{env: NAME}`; files are read by many."
            self.problems.append(Problem(path, "the URL holds a password", hint, "warning"))


def _without_faults(kind: type[BaseModel], content: Any, error: ValidationError) -> Any:
    """What is left without the faults; None where they may change what the rest means.

    Of a list of checks, those from the first fault on are left out: the others keep their numbers.
    """
    faults = [_path(item, content) for item in error.errors()]
    known = _named(kind)
    meant = [fault[0] if fault and fault[0] in known else _like(fault, known) for fault in faults]
    if not _ASIDE.issuperset(meant):
        return None
    sound = [int(fault[1]) for fault in faults if fault[0] == "checks" and len(fault) > 1]
    checks = {"checks": content["checks"][: min(sound)]} if sound else {}
    return {key: value for key, value in content.items() if key not in {fault[0] for fault in faults}} | checks


def _like(path: KeyPath, names: Iterable[str]) -> str:
    """The name that was probably meant by an unknown one; else one that changes nothing, or "" for the whole part."""
    like = get_close_matches(str(path[0]), names, n=1) if path else [""]
    return (like or ["description"])[0]


_ASIDE = {
    *("where", "checks", "check", "correct", "group", "owners", "description"),
    *("statement_timeout", "connections"),
}
"""Settings without which the columns, keys and windows of a table are the same."""


def _problem(path: KeyPath, kind: type[BaseModel], error: ErrorDetails, content: Any) -> Problem:
    """One of pydantic's errors, in the words of this file."""
    inside = _path(error, content)
    message, hint = _words(error, inside, _fields(kind, inside, content))
    return Problem((*path, *inside), message, hint)


def _path(error: ErrorDetails, content: Any) -> KeyPath:
    """Where the error is in the file: pydantic's own tags in the path are none of its keys."""
    path: list[str | int] = []
    for part in error["loc"]:
        inner = _inner(content)
        if part in inner:
            path.append(part)
            content = inner[part]
    return (*path, error["loc"][-1]) if error["type"] == "missing" else tuple(path)


def _inner(content: Any) -> Mapping[Any, Any]:
    return content if isinstance(content, dict) else dict(enumerate(content)) if isinstance(content, list) else {}


def _fields(kind: type[BaseModel], path: KeyPath, content: Any) -> Mapping[str, FieldInfo]:
    """The fields that the mapping may have in which ``path`` ends, by the names of the file."""
    fields: Mapping[str, FieldInfo] = _named(kind)
    models: list[type[BaseModel]] = []
    for part in path[:-1]:
        content = _inner(content).get(part)
        if part in fields:
            models = list(_models(fields[str(part)].annotation))
            fields = {name: field for found in models for name, field in _named(found).items()}
        if "kind" in fields and isinstance(part, int):
            fields = _of_kind(content, models)
    return fields


def _named(kind: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in kind.model_fields.items()}


def _of_kind(content: Any, models: list[type[BaseModel]]) -> Mapping[str, FieldInfo]:
    """Of a check, the fields of its own kind only."""
    named = content.get("kind") if isinstance(content, dict) else content
    own = (found for found in models if named in get_args(found.model_fields["kind"].annotation))
    return _named(next(own, models[0]))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _words(error: ErrorDetails, path: KeyPath, fields: Mapping[str, FieldInfo]) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    context, last, kind = error.get("ctx", {}), str(path[-1]) if path else "", error["type"]
    meaning = (fields[last].description or "") if last in fields else ""
    if kind == "mend":
        return str(context["said"]), str(context["hint"]) or meaning
    if kind == "extra_forbidden":
        return f"unknown key `{last}`", nearest(last, fields)
    if kind == "missing":
        return f"`{last}` is missing", meaning
    if kind == "union_tag_invalid":
        return f"unknown kind of check {scalars.found(context['tag'])}", nearest(str(context["tag"]), kinds.KINDS)
    if kind == "union_tag_not_found":
        return "a check needs its `kind`", "Write `- count`, or `{kind: sum, column: NAME}`."
    return _misfit(error), meaning


def _misfit(error: ErrorDetails) -> str:
    if error["input"] is None:
        return "is empty"
    expected = _expected(error["type"], error.get("ctx", {}))
    return f"expected {expected}, found {scalars.found(error['input'])}" if expected else error["msg"]


def _expected(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "too_short":
        return "at least one name" if context["min_length"] == 1 else f"at least {context['min_length']} names"
    return _EXPECTED.get(kind) or str(context.get("expected", "")).replace("'", "`")
