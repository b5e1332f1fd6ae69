"""Which types fit into which."""

import itertools

import pytest

from recon_assets.declare.fit import misfit
from recon_assets.dialect.types import parse
from recon_assets.model import Kind, Type


def pg(name: str) -> Type:
    return parse(name, "postgresql", ("new", "paid") if name == "mood" else ("new", "old") if name == "state" else ())


SAME = [
    ("smallint", "integer"),
    ("integer", "bigint"),
    ("integer", "numeric(10,0)"),
    ("numeric(10,2)", "numeric(12,4)"),
    ("numeric(10,2)", "numeric"),
    ("real", "double precision"),
    ("integer", "double precision"),
    ("numeric(15,4)", "double precision"),
    ("numeric(6,4)", "real"),
    ("character varying(10)", "text"),
    ("character(3)", "character varying(3)"),
    ("uuid", "character varying(36)"),
    ("uuid", "bytea"),
    ("mood", "text"),
    ("mood", "character varying(4)"),
    ("date", "timestamp without time zone"),
    ("date", "timestamp with time zone"),
    ("timestamp with time zone", "timestamp without time zone"),
    ("time(3) without time zone", "time without time zone"),
    ("json", "jsonb"),
    ("json", "text"),
    ("bytea", "bytea"),
]

LOSSY = [
    ("integer", "boolean", "other values are refused when they are loaded"),
    ("bigint", "integer", "it holds -2147483648 to 2147483647"),
    ("integer", "numeric(5,0)", "it holds 5 digits before the point"),
    ("numeric(10,2)", "numeric(10,4)", "it holds 6 digits before the point and 4 after it"),
    ("numeric", "numeric(10,2)", "it holds 8 digits before the point and 2 after it"),
    ("numeric(4,1)", "integer", "other values are refused when they are loaded"),
    ("numeric(16,1)", "double precision", "it holds 15 digits"),
    ("numeric", "real", "it holds 6 digits"),
    ("bigint", "double precision", "it holds 15 digits"),
    ("double precision", "real", "it holds 6 digits"),
    ("uuid", "character(32)", "it holds 32 characters"),
    ("double precision", "numeric", "NaN and infinities may have no place"),
    ("text", "character varying(3)", "it holds 3 characters"),
    ("text", "uuid", "texts of another form are refused when they are loaded"),
    ("text", "mood", "it knows new, paid"),
    ("state", "mood", "it lacks old"),
    ("mood", "character varying(3)", "it holds 3 characters"),
    ("json", "character varying(9)", "it holds 9 characters"),
    ("timestamp without time zone", "timestamp(3) without time zone", "it holds 3 digits of a second"),
    ("timestamp without time zone", "date", "a time of day other than midnight is refused when it is loaded"),
]

CROSS = [
    ("text", "integer", "warning", "text becomes integer: texts that do not read as one are refused when loaded"),
    ("integer", "text", "warning", "integer becomes text: values are written as text"),
    ("bytea", "text", "error", "bytea cannot become text"),
    ("text", "bytea", "error", "text cannot become bytea"),
    ("boolean", "date", "error", "boolean cannot become date"),
]


@pytest.mark.parametrize(("source", "target"), SAME)
def test_values_that_always_fit_are_nothing_to_tell(source: str, target: str) -> None:
    """Every value of the source has its place in the target."""
    assert misfit(pg(source), pg(target)) is None


@pytest.mark.parametrize(("source", "target", "why"), LOSSY)
def test_limits_are_warned_of(source: str, target: str, why: str) -> None:
    """A target that holds fewer values is told with its limit."""
    assert misfit(pg(source), pg(target)) == ("warning", f"{source} does not always fit into {target}: {why}")


@pytest.mark.parametrize(("source", "target", "severity", "said"), CROSS)
def test_kinds_that_do_not_meet_are_refused(source: str, target: str, severity: str, said: str) -> None:
    """Between kinds only texts go."""
    assert misfit(pg(source), pg(target)) == (severity, said)


def test_binary_is_counted_in_bytes() -> None:
    """A length of a binary is no length of a text."""
    found = misfit(Type(Kind.BINARY, "blob"), parse("varbinary(4)", "mysql"))

    assert found == ("warning", "blob does not always fit into varbinary(4): it holds 4 bytes")


@pytest.mark.parametrize("kinds", [*itertools.product(Kind, repeat=2)], ids=lambda kinds: f"{kinds[0]}-{kinds[1]}")
def test_every_pair_of_kinds_has_an_answer(kinds: tuple[Kind, Kind]) -> None:
    """No kind is forgotten, and a column that is refused by name or carries any type is judged elsewhere."""
    found = misfit(Type(kinds[0], "a"), Type(kinds[1], "b", labels=("x",)))

    assert found is None or found[0] in {"warning", "error"}
    if {Kind.ANY, Kind.UNSUPPORTED} & set(kinds):
        assert found is None
