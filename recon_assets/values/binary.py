"""Bytes."""

from typing import Any
from uuid import UUID

from recon_assets.model import Kind, Type
from recon_assets.values.kind import ValueKind, refuse, sized, texts, what


def parse(text: str) -> bytes:
    r"""Hexadecimal digits, with ``\x`` or ``0x`` before them or without."""
    digits = text[2:] if text.startswith(("\\x", "0x")) else text
    try:
        return bytes.fromhex(digits) if digits.isalnum() or not digits else refuse("text that is no hexadecimal digits")
    except ValueError:
        refuse("text that is no hexadecimal digits")


def _fit(value: Any, of: Type, dialect: str) -> bytes:
    data = value.bytes if isinstance(value, UUID) else value
    if not isinstance(data, bytes | bytearray | memoryview):
        refuse(what(value))
    data = bytes(data)
    fixed = dialect in {"mysql", "mariadb"} and of.name.lower().startswith("binary")
    if of.length is not None and (len(data) > of.length or (fixed and len(data) < of.length)):
        refuse(f"{len(data)} bytes, where {of.length} fit")
    return data


def _of_sqlite(value: Any, _: Kind) -> str:
    return value.hex() if isinstance(value, bytes) else refuse(what(value))


BINARY = ValueKind(
    Kind.BINARY,
    names={
        "postgresql": {"bytea": sized(Kind.BINARY)},
        "mysql": {
            "binary": sized(Kind.BINARY, 1),
            **dict.fromkeys(("varbinary", "tinyblob", "blob", "mediumblob", "longblob"), sized(Kind.BINARY)),
        },
        "duckdb": {"blob": sized(Kind.BINARY)},
        "sqlite": {"blob": sized(Kind.BINARY)},
    },
    sql=texts("encode({}, 'hex')", "LOWER(HEX({}))", "lower(hex({}))"),
    of_sqlite=_of_sqlite,
    parse=parse,
    fit=_fit,
    typed=bytes.hex,
    exact_mysql="HEX({})",
    sent_to_mysql=bytes.fromhex,
    of_shown={"postgresql": lambda digits: f"\\x{digits}", "mysql": bytes.fromhex},
    equal_is_identical=True,
    goes_into=frozenset({Kind.BINARY}),
    example="00ff",
)
