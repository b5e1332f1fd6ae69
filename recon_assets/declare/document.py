"""A YAML file as plain values that remember their lines.

Every scalar is text, whatever it looks like: a column may be called ``on``, ``no`` or ``1``, and the
declaration, not YAML, decides what is a date. Only an empty value, ``~`` and ``null`` are None.
"""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from recon_assets.declare.problems import KeyPath, Problem, ProblemsError

_NOTHING = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True)
class Document:
    """The values of one file, the line of each path in it, and what is wrong with its form."""

    content: Any
    lines: Mapping[KeyPath, int]
    problems: tuple[Problem, ...] = ()


def document(data: bytes, origin: str) -> Document:
    """Reads one YAML document.

    Raises:
        ProblemsError: When it is no YAML at all; a key given twice is a problem of the document.
    """
    try:
        node = yaml.compose(_decoded(data, origin), Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        raise ProblemsError(origin, [_syntax(error)]) from error
    walk = _Walk()
    content = walk.value(node, ()) if node else None
    return Document(content, walk.lines, tuple(walk.problems))


def _decoded(data: bytes, origin: str) -> str:
    try:
        return data.removeprefix(codecs.BOM_UTF8).decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise ProblemsError(origin, [Problem((), what, "Save the file as UTF-8.", line=line)]) from error


def _syntax(error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        said = " ".join(part for part in (error.context, error.problem) if part)
        return Problem((), f"not YAML: {said}", _remedy(said), line=mark.line + 1 if mark else None)
    return Problem((), f"not YAML: {str(error).splitlines()[0]}", "Remove the control character.")


def _remedy(said: str) -> str:
    if r"'\t'" in said:
        return "Indent with spaces: YAML forbids tabs."
    if "single document" in said:
        return "Keep one document in a file: remove the line `---`."
    return "Look at this line and the one above for indentation, a missing colon or a missing quote."


class _Walk:
    """Turns nodes into values, noting lines and problems on the way."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[Problem] = []
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: KeyPath) -> Any:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.ScalarNode):
            return None if node.style is None and node.value in _NOTHING else node.value
        if id(node) in self._open:
            return self._report(path, "this value contains itself", "Replace the alias by the values it stands for.")
        self._open.add(id(node))
        value = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else self._sequence(node, path)
        self._open.discard(id(node))
        return value

    def _sequence(self, node: yaml.Node, path: KeyPath) -> list[Any]:
        return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            if self._usable(key, path, found):
                self.lines[*path, key.value] = key.start_mark.line + 1
                found[key.value] = self.value(value, (*path, key.value))
        return found

    def _usable(self, key: yaml.Node, path: KeyPath, found: Mapping[str, Any]) -> bool:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            self._report(path, "a key must be a name", "Write `name: value`.", line)
        elif key.value == "<<":
            self._report(path, "merge keys (`<<`) are not read", "Write the values out.", line)
        elif key.value in found:
            first = self.lines[*path, key.value]
            hint = "Keep one of the two; YAML would drop the other in silence."
            self._report((*path, key.value), f"this key is already on line {first}", hint, line)
        else:
            return True
        return False

    def _report(self, path: KeyPath, message: str, hint: str, line: int | None = None) -> None:
        self.problems.append(Problem(path, message, hint, line=line))
