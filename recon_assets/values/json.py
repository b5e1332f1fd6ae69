"""JSON: values, not texts; numbers are what they are, however long."""

import json
from typing import Any

from recon_assets.model import Kind, Type
from recon_assets.values import text
from recon_assets.values.kind import MYSQL_UTF8, ValueKind, everywhere, named, refuse, texts


class _Number(str):
    """A number as it stands in a JSON text; no float rounds it, and no exponent makes it long."""

    __slots__ = ()

    def normal(self) -> tuple[bool, str, int]:
        """Sign, digits without zeros around them, and the exponent of the last: equal for equal numbers."""
        mantissa, _, exponent = self.lower().partition("e")
        whole, _, fraction = mantissa.removeprefix("-").partition(".")
        digits = (whole + fraction).lstrip("0")
        significant = digits.rstrip("0")
        if not significant:
            return False, "0", 0
        return self.startswith("-"), significant, int(exponent or 0) - len(fraction) + len(digits) - len(significant)


class _Object(list[tuple[str, Any]]):
    """Names and values; a name that stands twice is part of the value."""

    def in_order(self) -> list[tuple[str, Any]]:
        return sorted(self, key=lambda each: each[0])


_MAX_DEPTH = 100


def parse(written: str) -> str:
    """The value as one flat text, with numbers that are equal for equal ones and true apart from 1."""
    return json.dumps(_comparable(_read(written), _MAX_DEPTH))


def _read(written: str) -> Any:
    """Python would take NaN for JSON."""
    try:
        return json.loads(
            written, parse_float=_Number, parse_int=_Number, parse_constant=refuse, object_pairs_hook=_Object
        )
    except (ValueError, RecursionError):
        refuse("text that is not JSON")


def _comparable(value: Any, depth: int) -> Any:
    if isinstance(value, list) and not depth:
        refuse(f"JSON nested more than {_MAX_DEPTH} deep")
    if isinstance(value, _Object):
        return "{}", [(name, _comparable(of, depth - 1)) for name, of in value.in_order()]
    if isinstance(value, list):
        return "[]", [_comparable(each, depth - 1) for each in value]
    if isinstance(value, _Number):
        return "number", value.normal()
    return type(value).__name__, value


def _fit(value: Any, _: Type, __: str) -> str:
    written = text.written(value)
    _read(written)
    return written


def show(written: str) -> str:
    """With the names in order and without spaces; a text that is no JSON as it is."""
    try:
        return _written(_read(written))
    except (ValueError, RecursionError):
        return written


def _written(value: Any) -> str:
    if isinstance(value, _Object):
        return "{" + ",".join(f"{_written(name)}:{_written(of)}" for name, of in value.in_order()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, _Number):
        return str(value)
    written = json.dumps(value, ensure_ascii=False)
    written.encode()  # half of a surrogate pair cannot be printed
    return written


_NAMES = everywhere("json", Kind.JSON)
JSON = ValueKind(
    Kind.JSON,
    names={**_NAMES, "postgresql": {**_NAMES["postgresql"], "jsonb": named(Kind.JSON)}},
    sql=texts(mysql=MYSQL_UTF8),
    of_sqlite=text.of_sqlite,
    parse=parse,
    fit=_fit,
    show=show,
    typed=show,
    keeps_spaces=True,
    exact_mysql=MYSQL_UTF8,
    loosely_equal=frozenset({"postgresql", "mysql"}),
    read_as_text=True,
    any_character=True,
    different_text="nowhere",
    goes_into=frozenset({Kind.JSON, Kind.TEXT}),
    example='{"name": "value"}',
)
