"""Logical types from the names that databases give their types."""

import re
from collections.abc import Mapping

from recon_assets.model import Kind, Type
from recon_assets.values import KINDS
from recon_assets.values.kind import TypeRule, named
from recon_assets.values.native import is_one_type, native

_PARTS = re.compile(r"(?P<base>[^(]+)(?:\((?P<args>.*)\)(?P<rest>[^()]*))?")


def parse(name: str, dialect: str, labels: tuple[str, ...] = ()) -> Type:
    """The logical type that ``name`` means in ``dialect``; UNSUPPORTED when it has no rule.

    Args:
        name: As the catalogue writes it, such as ``numeric(10,2)`` or ``timestamp(3) with time zone``.
        dialect: SQLAlchemy's name of the dialect.
        labels: Values of an enum that the catalogue keeps apart from its name.
    """
    if labels:
        return Type(Kind.ENUM, name, labels=labels)
    others = _OTHERS.get(dialect, _unsupported)
    match = _PARTS.fullmatch(name.strip())
    if not match or name.rstrip().endswith("]"):
        return others(name, "")
    base = " ".join(f"{match['base']} {match['rest'] or ''}".lower().split())
    known = _RULES[dialect]
    rule = known.get(base.rpartition(".")[2] if base.endswith(_OF_EXTENSIONS) else base, others)
    return rule(name, match["args"] or "")


def _unsupported(name: str, _: str) -> Type:
    return Type(Kind.UNSUPPORTED, name)


# What types are that no kind names: a SQLite column may hold any value, and PostgreSQL's have texts of their own.
_OTHERS: Mapping[str, TypeRule] = {"sqlite": named(Kind.ANY), "postgresql": native}
_OF_EXTENSIONS = (".citext",)
_DIALECTS = ("postgresql", "mysql", "duckdb", "sqlite")
_RULES: Mapping[str, Mapping[str, TypeRule]] = {
    dialect: {base: rule for kind in KINDS.values() for base, rule in kind.names.get(dialect, {}).items()}
    for dialect in _DIALECTS
}
_RULES = {**_RULES, "mariadb": _RULES["mysql"]}


def widens(source: Type, target: Type) -> bool:
    """Whether every value of ``source`` is one of ``target``, so that PostgreSQL may copy it unseen."""
    if source.kind in {Kind.FLOAT, Kind.CHAR, Kind.NATIVE}:
        return is_one_type(source, target)  # a real's text is not its value as a double; padding is no data
    if source.kind is Kind.INTEGER and target.kind is Kind.DECIMAL:
        return target.precision is None or _holds_integer(target, source.high)
    if source.kind is not target.kind:
        return False
    limits = (source.high, target.high), (source.precision, target.precision), (source.length, target.length)
    if source.kind is Kind.DECIMAL and source.precision is not None and target.precision is not None:
        return _digits(source) <= _digits(target) and (source.scale or 0) <= (target.scale or 0)
    return all(_within(*limit) for limit in limits) and set(source.labels) <= set(target.labels)


def _holds_integer(decimal: Type, high: int | None) -> bool:
    """Whether integers to ``high`` have no more digits; a negative scale would round them."""
    return high is not None and (decimal.scale or 0) >= 0 and len(str(high)) <= _digits(decimal)


def _digits(of: Type) -> int:
    return (of.precision or 0) - (of.scale or 0)


def _within(inner: int | None, outer: int | None) -> bool:
    return outer is None or (inner is not None and inner <= outer)
