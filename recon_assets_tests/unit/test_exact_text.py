"""Exact texts without a database: what is sent for them."""

import pytest

from recon_assets.dialect.exact_text import reader, speller
from recon_assets.dialect.types import parse
from recon_assets.model import Kind, Type


@pytest.mark.parametrize(
    ("name", "text", "sent"),
    [
        ("blob", "00FF", b"\x00\xff"),
        ("bit(1)", "1", 1),
        ("bit(9)", "257", 257),
        ("point", "00", b"\x00"),
        ("set('x','y')", "x,y", "x,y"),
        ("varchar(9)", "00", "00"),
        ("decimal(9,2)", "1.50", "1.50"),
    ],
)
def test_what_a_driver_sends_to_mysql(name: str, text: str, sent: object) -> None:
    """Bits and bytes are no texts there."""
    read = reader(parse(name, "mysql"), "mysql")

    assert (read(text) if read else text) == sent


def test_postgresql_reads_every_text_itself() -> None:
    """The text of a value is what it takes for one."""
    assert reader(Type(Kind.BINARY, "bytea"), "postgresql") is None


@pytest.mark.parametrize(
    ("kind", "dialect", "sent"),
    [
        (Kind.BINARY, "postgresql", "\\x00ff"),
        (Kind.BINARY, "mysql", b"\x00\xff"),
        (Kind.INSTANT, "mysql", "00ff"),
        (Kind.TEXT, "mysql", None),
    ],
)
def test_what_is_shown_is_spelled_for_its_database(kind: Kind, dialect: str, sent: object) -> None:
    """Binary data is shown as digits, and MySQL knows no offsets."""
    spell = speller(Type(kind, ""), dialect)

    assert (spell("00ff") if spell else None) == sent
