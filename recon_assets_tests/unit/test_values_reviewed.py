"""Values that a review found to be taken for equal, or to end in a traceback."""

import pytest

from recon_assets.dialect.common_form import Form, common_form
from recon_assets.diff.column_reader import Reader, Role
from recon_assets.model import Kind, Rule, Type
from recon_assets.values import binary, json


def test_json_nested_deeply_is_refused_and_never_a_traceback() -> None:
    with pytest.raises(ValueError, match="nested more than 100 deep"):
        json.parse("[" * 500 + "]" * 500)
    assert json.parse("[" * 100 + " " + "]" * 100) == json.parse("[" * 100 + "]" * 100)


def test_a_name_that_stands_twice_is_part_of_the_json_value() -> None:
    assert json.parse('{"a":1,"a":2}') != json.parse('{"a":2}')
    assert json.parse('{"b":1,"a":2.0}') == json.parse('{"a": 2, "b": 1}')
    assert json.show('{"a":1, "a":2}') == '{"a":1,"a":2}'


def test_doubles_beyond_single_precision_differ_by_the_rule_float32() -> None:
    of = Type(Kind.FLOAT, "double precision", precision=53)
    reader = Reader("v", Form(Kind.FLOAT, length_prefixed=False), of, of, Rule(read_as="float32"))
    assert len({reader.value(text, "source") for text in ("1e39", "2e39", "Infinity")}) == 3
    assert reader.value("0.1", "source") == reader.value("0.10000000149011612", "target")


@pytest.mark.parametrize("role", ["source", "target"])
@pytest.mark.parametrize("local", ["2024-03-10 02:30:00", "2024-11-03 01:30:00"])
def test_a_local_time_that_a_zone_has_twice_or_never_is_no_instant(role: Role, local: str) -> None:
    """Loads refuse it; it equals none of the moments that it may be, and not itself."""
    naive, instant = Type(Kind.TIMESTAMP, "timestamp"), Type(Kind.INSTANT, "timestamptz")
    form = common_form(naive, instant, Rule(), same_dialect=True, zone="America/New_York")
    types = {"source": (naive, instant), "target": (instant, naive)}[role]
    reader = Reader("at", form, *types, zone="America/New_York")
    usual, winter = reader.value("2024-03-10 03:30:00", role), reader.value("2024-11-03 02:30:00", role)
    other: Role = "target" if role == "source" else "source"
    assert (usual, winter) == tuple(reader.value(f"2024-{text}:30:00", other) for text in ("03-10 07", "11-03 07"))
    moments = [reader.value(f"2024-{text}:30:00", other) for text in ("03-10 06", "03-10 07", "11-03 05", "11-03 06")]
    assert reader.value(local, role) not in [*moments, reader.value(local, role)]


def test_one_prefix_of_hexadecimal_digits_is_taken_off() -> None:
    with pytest.raises(ValueError, match="no hexadecimal"):
        binary.parse("\\x0xff")
    assert binary.parse("\\xff") == binary.parse("0xff") == b"\xff"
