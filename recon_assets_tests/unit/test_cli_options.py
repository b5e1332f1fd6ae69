"""What is typed on the command line: how it is read, and what is said of what cannot be."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from recon_assets.cli import options
from recon_assets.diff.rules import NAMES
from recon_assets.errors import DeclarationError


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["id"], ["id"]),
        (["a", "b"], ["a", "b"]),
        (["a, b", "c"], ["a", "b", "c"]),
        (['"a,b",c'], ["a,b", "c"]),
    ],
)
def test_names(given: list[str], found: list[str]) -> None:
    """One or more to an option; quotes keep a comma within a name."""
    assert options.names("--key", given) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["a=b"], {"a": "b"}),
        (["a = b", "c=d=e"], {"a": "b", "c": "d=e"}),
        ([], {}),
    ],
)
def test_renames(given: list[str], found: dict[str, str]) -> None:
    """The source's name stands first."""
    assert options.renames(given) == found


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (["v:abs=0.01"], {"v": {"abs": "0.01"}}),
        (["v:rel=0.1%,of=larger"], {"v": {"rel": "0.1%", "of": "larger"}}),
        (["v:scale=2, rounding=truncate"], {"v": {"scale": "2", "rounding": "truncate"}}),
        (["v:strip,ignore_case=true"], {"v": {"strip": "true", "ignore_case": "true"}}),
        (["v:rstrip", "v:unicode=NFC", "w:as=uuid"], {"v": {"rstrip": "true", "unicode": "NFC"}, "w": {"as": "uuid"}}),
        (["a:b, c:as=number"], {"a:b, c": {"as": "number"}}),
    ],
)
def test_rules(given: list[str], found: dict[str, dict[str, str]]) -> None:
    """A column before the last colon, and what comes after as the API takes it."""
    assert options.rules(given) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("d,2024-01-01,2024-02-01", ("d", "2024-01-01", "2024-02-01", "UTC")),
        ("d, 2024-01-01, 2024-01-01T12:00, Europe/Berlin", ("d", "2024-01-01", "2024-01-01T12:00", "Europe/Berlin")),
        ('"d,e",2024-01-01,2024-02-01', ("d,e", "2024-01-01", "2024-02-01", "UTC")),
        (None, None),
    ],
)
def test_window(text: str | None, found: tuple[str, ...] | None) -> None:
    """Column, first moment, the first that is left out, zone."""
    assert options.window(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("15m", timedelta(minutes=15)),
        ("250ms", timedelta(milliseconds=250)),
        ("36500d", timedelta(days=36500)),
        (None, None),
    ],
)
def test_duration(text: str | None, found: timedelta | None) -> None:
    """A number and a unit."""
    assert options.duration("--grace-period", text) == found


Read = Callable[[], Any]


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda: options.names("--key", ["a,,b"]), "such as --key id,region"),
        (lambda: options.names("--key", [""]), "such as --key id,region"),
        (lambda: options.names("--columns", ["a", "a"]), "a stands there twice"),
        (lambda: options.sides(["a.csv"]), "Expected SOURCE_URL SOURCE_TABLE"),
        (lambda: options.sides(["a.csv", "env:"]), "env:: the variable is not set"),
        (
            lambda: options.sides(["a.csv", "sqlite:///b.csv"]),
            "or a file in place of URL and table, as in: recon diff orders.csv postgresql://",
        ),
        (lambda: options.sides(["a.csv", "b.csv", "c.csv"]), "TARGET_URL TARGET_TABLE, or a file"),
        (lambda: options.renames(["a"]), "--rename 'a': expected the source's name = the target's"),
        (lambda: options.renames(["=b"]), "such as --rename dest=destination"),
        (lambda: options.renames(["a=b", "a=c"]), "once for each column"),
        (lambda: options.rules(["v"]), "--rule 'v': expected column:rule"),
        (lambda: options.rules([":abs=1"]), "expected column:rule"),
        (lambda: options.rules(["v:"]), "there is no rule ''; there are "),
        (lambda: options.rules(["v:absolute=1"]), "--rule 'v:absolute=1': there is no rule 'absolute'"),
        (lambda: options.rules(["v:abs"]), "such as --rule v:abs=0.01"),
        (lambda: options.rules(["v:abs=x"]), "abs must be a number from 0 on, not 'x', such as --rule v:abs=0.01"),
        (lambda: options.rules(["v:abs=1%"]), "abs must be a number"),
        (lambda: options.rules(["v:rel=NaN"]), "such as --rule v:rel=0.1%"),
        (lambda: options.rules(["v:scale=-2"]), "such as --rule v:scale=2"),
        (lambda: options.rules(["v:precision=ms"]), "such as --rule v:precision=3"),
        (lambda: options.rules(["v:of=both"]), "such as --rule v:rel=1%,of=larger"),
        (lambda: options.rules(["v:rounding=up"]), "such as --rule v:scale=2,rounding=truncate"),
        (lambda: options.rules(["v:strip=yes"]), "strip is true or false"),
        (lambda: options.rules(["v:unicode=NFD"]), "unicode is one of NFC"),
        (lambda: options.rules(["v:as=date"]), "as is one of uuid, json"),
        (lambda: options.window("d"), "such as --window created_at,2024-01-01,2025-01-01,UTC"),
        (lambda: options.window(""), "expected column,from,until"),
        (lambda: options.window(",2024-01-01,2024-02-01"), "expected column,from,until"),
        (lambda: options.window("d,2024-01-01,2024-02-01,"), "expected column,from,until"),
        (lambda: options.window("d,2024-01-01,2024-02-01,UTC,x"), "expected column,from,until"),
        (
            lambda: options.duration("--grace-period", "15"),
            "--grace-period '15': expected a number and ms, s, m, h or d",
        ),
        (lambda: options.duration("--grace-period", "0s"), "such as --grace-period 15m"),
        (lambda: options.duration("--older-than", f"{'9' * 20}d"), "36,500 days at most, such as --older-than 15m"),
        (lambda: options.duration("--older-than", f"{'9' * 5000}d"), "36,500 days at most"),
        (lambda: options.duration("--keep", "1000000d"), "36,500 days at most"),
        (lambda: options.duration("--keep", "876001h"), "36,500 days at most"),
    ],
)
def test_what_cannot_be_read(read: Read, said: str) -> None:
    """The error shows what was typed, what was expected, and an example; it is a wrong use."""
    with pytest.raises(DeclarationError) as refused:
        read()

    assert said in str(refused.value)
    assert refused.value.exit_code == 2


def test_every_example_of_a_rule_can_be_read() -> None:
    """What the errors offer works."""
    assert set(options.EXAMPLES) == set(NAMES)
    for example in options.EXAMPLES.values():
        assert options.rules([f"v:{example}"])["v"]


def test_url_of_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL may stay off the command line, where everybody sees it."""
    monkeypatch.setenv("SHOP", "sqlite:///shop.db")
    monkeypatch.delenv("LAKE", raising=False)

    assert options.url("env:SHOP") == "sqlite:///shop.db"
    assert options.url("sqlite:///other.db") == "sqlite:///other.db"
    with pytest.raises(DeclarationError, match="LAKE is not set; write export LAKE="):
        options.url("env:LAKE")
    with pytest.raises(DeclarationError, match="the variable is not set"):
        options.url("env:")


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("a.csv", ("files:.", "a.csv")),
        ("/x/y/a_*.jsonl", ("files:/x/y", "a_*.jsonl")),
        ("x/20*/a.parquet", ("files:x", "20*/a.parquet")),
        ("x/a b.CSV.gz", ("files:x", '"a b.CSV.gz"')),
        ("a.csv?delimiter=;&encoding=latin-1", ("files:.?delimiter=;&encoding=latin-1", "a.csv")),
        ("a?.csv", ("files:.", "a?.csv")),
    ],
)
def test_file_is_a_side_by_itself(word: str, found: tuple[str, str]) -> None:
    """On either side, beside a database or another file."""
    assert options.sides([word, "sqlite:///b", "t.csv"]) == (found, ("sqlite:///b", "t.csv"))
    assert options.sides(["sqlite:///b.csv", "t", word]) == (("sqlite:///b.csv", "t"), found)
    assert options.sides([word, word]) == (found, found)
