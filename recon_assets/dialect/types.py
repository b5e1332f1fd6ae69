"""Logical types from the names that databases give their types."""

import re
from collections.abc import Callable, Mapping

from recon_assets.model import Kind, Type

_PARTS = re.compile(r"(?P<base>[^(]+)(?:\((?P<args>.*)\)(?P<rest>[^()]*))?")
_SPLIT = re.compile(r"\s*,\s*")
_LABEL = re.compile(r"'((?:[^']|'')*)'")


def parse(name: str, dialect: str, labels: tuple[str, ...] = ()) -> Type:
    """The logical type that ``name`` means in ``dialect``; UNSUPPORTED when it has no rule.

    Args:
        name: As the catalogue writes it, such as ``numeric(10,2)`` or ``timestamp(3) with time zone``.
        dialect: SQLAlchemy's name of the dialect.
        labels: Values of an enum that the catalogue keeps apart from its name.
    """
    if labels:
        return Type(Kind.ENUM, name, labels=labels)
    match = _PARTS.fullmatch(name.strip())
    if not match or name.rstrip().endswith("]"):
        return Type(Kind.UNSUPPORTED, name)
    base = " ".join(f"{match['base']} {match['rest'] or ''}".lower().split())
    anything = _plain(Kind.ANY) if dialect == "sqlite" else _unsupported  # a SQLite column may hold any value
    rule = _RULES[dialect].get(base, anything)
    return rule(name, match["args"] or "")


_Rule = Callable[[str, str], Type]


def _numbers(args: str) -> list[int]:
    return [int(part) for part in _SPLIT.split(args) if part.lstrip("-").isdigit()]


def _unsupported(name: str, _: str) -> Type:
    return Type(Kind.UNSUPPORTED, name)


def _plain(kind: Kind) -> _Rule:
    return lambda name, _: Type(kind, name)


def _integer(bits: int, *, unsigned: bool = False) -> _Rule:
    low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return lambda name, _: Type(Kind.INTEGER, name, low=low, high=high)


def _decimal(*default: int) -> _Rule:
    def rule(name: str, args: str) -> Type:
        precision, scale = [*(_numbers(args) or default), 0, None][:2] if args or default else (None, None)
        return Type(Kind.DECIMAL, name, precision=precision, scale=scale)

    return rule


def _float(bits: int) -> _Rule:
    """With two numbers, MySQL's ``float(7,2)``, the column rounds."""
    return lambda name, args: Type(Kind.FLOAT, name, precision=bits, scale=next(iter(_numbers(args)[1:]), None))


def _sized(kind: Kind, default: int | None = None) -> _Rule:
    return lambda name, args: Type(kind, name, length=next(iter(_numbers(args)), default))


def _clock(kind: Kind, default: int = 6) -> _Rule:
    return lambda name, args: Type(kind, name, precision=next(iter(_numbers(args)), default))


def _bit(name: str, args: str) -> Type:
    """One bit is how programs without a boolean store one."""
    return Type(Kind.BOOLEAN if args in {"", "1"} else Kind.UNSUPPORTED, name)


def _enum(name: str, args: str) -> Type:
    return Type(Kind.ENUM, name, labels=tuple(label.replace("''", "'") for label in _LABEL.findall(args)))


_POSTGRESQL: Mapping[str, _Rule] = {
    "smallint": _integer(16),
    "integer": _integer(32),
    "bigint": _integer(64),
    "numeric": _decimal(),
    "real": _float(24),
    "double precision": _float(53),
    "boolean": _plain(Kind.BOOLEAN),
    "text": _sized(Kind.TEXT),
    "character varying": _sized(Kind.TEXT),
    "character": _sized(Kind.CHAR, 1),
    "date": _plain(Kind.DATE),
    "time without time zone": _clock(Kind.TIME),
    "timestamp without time zone": _clock(Kind.TIMESTAMP),
    "timestamp with time zone": _clock(Kind.INSTANT),
    "uuid": _plain(Kind.UUID),
    "json": _plain(Kind.JSON),
    "jsonb": _plain(Kind.JSON),
    "bytea": _sized(Kind.BINARY),
}

_MYSQL: Mapping[str, _Rule] = {
    **{
        f"{base}{suffix}": _integer(bits, unsigned=bool(suffix))
        for base, bits in {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "bigint": 64}.items()
        for suffix in ("", " unsigned", " unsigned zerofill")
    },
    "decimal": _decimal(10, 0),
    "decimal unsigned": _decimal(10, 0),
    **{f"float{suffix}": _float(24) for suffix in ("", " unsigned")},
    **{f"double{suffix}": _float(53) for suffix in ("", " unsigned")},
    "bit": _bit,
    "char": _sized(Kind.CHAR, 1),
    **{base: _sized(Kind.TEXT) for base in ("varchar", "tinytext", "text", "mediumtext", "longtext")},
    "date": _plain(Kind.DATE),
    "time": _clock(Kind.TIME, 0),
    "datetime": _clock(Kind.TIMESTAMP, 0),
    "timestamp": _clock(Kind.INSTANT, 0),
    "year": lambda name, _: Type(Kind.INTEGER, name, low=1901, high=2155),
    "uuid": _plain(Kind.UUID),
    "json": _plain(Kind.JSON),
    "binary": _sized(Kind.BINARY, 1),
    **{base: _sized(Kind.BINARY) for base in ("varbinary", "tinyblob", "blob", "mediumblob", "longblob")},
    "enum": _enum,
}

_DUCKDB: Mapping[str, _Rule] = {
    **{base: _integer(bits) for base, bits in {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}.items()},
    **{
        f"u{base}": _integer(bits, unsigned=True)
        for base, bits in {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64, "hugeint": 128}.items()
    },
    "hugeint": _integer(128),
    "decimal": _decimal(18, 3),
    "float": _float(24),
    "double": _float(53),
    "boolean": _plain(Kind.BOOLEAN),
    "varchar": _sized(Kind.TEXT),
    "date": _plain(Kind.DATE),
    "time": _clock(Kind.TIME),
    "timestamp_s": lambda name, _: Type(Kind.TIMESTAMP, name, precision=0),
    "timestamp_ms": lambda name, _: Type(Kind.TIMESTAMP, name, precision=3),
    "timestamp": _clock(Kind.TIMESTAMP),
    "timestamp with time zone": _clock(Kind.INSTANT),
    "uuid": _plain(Kind.UUID),
    "json": _plain(Kind.JSON),
    "blob": _sized(Kind.BINARY),
    "enum": _enum,
}

_SQLITE: Mapping[str, _Rule] = {
    **{base: _integer(64) for base in ("integer", "int", "bigint", "smallint", "tinyint")},
    "numeric": _decimal(),
    "decimal": _decimal(),
    **{base: _float(53) for base in ("real", "double", "float", "double precision")},
    "boolean": _plain(Kind.BOOLEAN),
    "date": _plain(Kind.DATE),
    "time": _clock(Kind.TIME),
    "datetime": _clock(Kind.TIMESTAMP),
    "timestamp": _clock(Kind.TIMESTAMP),
    "json": _plain(Kind.JSON),
    "blob": _sized(Kind.BINARY),
    "uuid": _plain(Kind.UUID),
}

_RULES: Mapping[str, Mapping[str, _Rule]] = {
    "postgresql": _POSTGRESQL,
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "duckdb": _DUCKDB,
    "sqlite": _SQLITE,
}


def widens(source: Type, target: Type) -> bool:
    """Whether every value of ``source`` is one of ``target``, so that PostgreSQL may copy it unseen."""
    if source.kind is Kind.FLOAT or source.kind is Kind.CHAR:
        return source.name == target.name  # a real's text is not its value as a double; padding is no data
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
