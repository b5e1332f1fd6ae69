"""A suggested declaration as YAML, with the reasons as comments: what `recon init` writes."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from recon_assets.declare.scaffold import Found, Suggestion
from recon_assets.model import Kind, plural

_CHECKS = ("count", "keys", "fields")
_WORDS_OF_YAML = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "~"}
_PLAIN = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class Span:
    """The days of a table.

    Attributes:
        start: The first.
        end: The day after the last, where rows have ceased to come.
        remark: What a person should know about them.
        undated: How many rows are in no day, for they have no time.
    """

    start: date
    end: date | None = None
    remark: str = ""
    undated: int = 0


def written(
    suggestions: Sequence[Suggestion],
    spans: Mapping[str, Span],
    envs: Mapping[str, str],
    notes: Iterable[str] = (),
    *,
    timezone: str = "UTC",
) -> str:
    """The declaration as YAML.

    Args:
        suggestions: The tables.
        spans: The days of each table with a window, by the table's name.
        envs: The environment variable that holds the URL of ``source`` and of ``target``.
        notes: What stands at the end as comments, such as the tables that only one side has.
        timezone: Of all days, and of times without a zone.
    """
    lines = ["# A first version, written by `recon init`: read it, mend it, keep it.", "databases:"]
    lines += [f"  {side}: {{url: {{env: {env}}}}}" for side, env in envs.items()]
    lines += ["", "tables:"]
    for item in suggestions:
        block = list(_block(item, spans.get(item.name), timezone))
        lines += [*block, ""] if item.key else [*_commented(item, block, envs), ""]
    lines += [f"# {note}" for note in notes]
    return "\n".join(lines).rstrip() + "\n"


def _commented(item: Suggestion, block: Iterable[str], envs: Mapping[str, str]) -> list[str]:
    """A table without a key cannot be declared; what can be done is."""
    here, there = (f"env:{envs[side]} '{found.written}'" for side, found in _sides(item))
    return [
        "  # Not declared, because no key is unique on either side: choose one, and remove the marks. Without a key:",
        f"  #   recon diff {here} {there} --no-key",
        *(f"  # {line[2:]}" for line in block),
    ]


def _sides(item: Suggestion) -> tuple[tuple[str, Found], ...]:
    return (("source", item.source), ("target", item.target))


def _block(item: Suggestion, span: Span | None, timezone: str) -> Iterator[str]:
    yield f"  {item.name}:"
    yield from (f"    # {remark}" for remark in item.remarks)
    yield f"    source: {{database: source, table: {_scalar(item.source.written)}}}"
    yield f"    target: {{database: target, table: {_scalar(item.target.written)}}}"
    yield f"    key: {_flow(item.key)}" + (f"  # {item.key_reason}" if item.key_reason else "")
    yield f"    window: {_window_line(item, span, timezone)}"
    yield from _column_lines(item)
    if item.updated_at:
        yield f"    updated_at: {_scalar(item.updated_at)}"
    yield from _check_lines(item)


def _window_line(item: Suggestion, span: Span | None, timezone: str) -> str:
    window = item.window
    if not window or not span:
        return "none"
    keys = [f"column: {_scalar(window.name)}", f"start: {span.start}", *([f"end: {span.end}"] if span.end else [])]
    if timezone != "UTC":
        kinds = {window.type.kind, item.target.shape.column(window.name).type.kind}
        keys += [f"timezone: {timezone}", *([] if kinds == {Kind.INSTANT} else [f"stored_in: {timezone}"])]
    days = f"{{{', '.join(keys)}}}"
    if span.undated:
        return f"none  # by {days} {plural(span.undated, 'row')} without {window.name} would not be loaded"
    return days + (f"  # {span.remark}" if span.remark else "")


def _column_lines(item: Suggestion) -> Iterator[str]:
    if item.ignore or item.rename or item.cast:
        yield "    columns:"
    if item.rename:
        yield "      rename:"
        for name, to in item.rename.items():
            yield f"        {_scalar(name)}: {_scalar(to)}{'  # guessed' if name in item.guessed else ''}"
    if item.cast:
        yield "      cast:"
        for name, to in item.cast.items():
            yield f"        {_scalar(name)}: {to}  # {item.source.shape.column(name).type.name}"
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
