"""Types that PostgreSQL alone has: compared and loaded between two of its servers, refused with a way out elsewhere."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa

import recon_assets
from recon_assets.dialect.canonical import SPELLING_POSTGRESQL, Cell
from recon_assets.dialect.common_form import Form, common_form
from recon_assets.dialect.types import parse
from recon_assets.errors import DeclarationError, ReconError
from recon_assets.model import Comparison, Kind, Mode, Rule
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Sides, spec

HERE = Path(__file__).parent
CITEXT = (HERE / "citext.sql").read_text()
SHOP = (HERE / "shop_pg.sql").read_text()
OTHER_TYPES = (
    "CREATE DOMAIN email_t AS citext CHECK (value ~ '@')",
    "CREATE TYPE mood AS ENUM ('sad', 'ok')",
    "CREATE TYPE pair AS (a integer, b text)",
)
# Of each type values that all differ.
VALUES: dict[str, Sequence[str]] = {
    "citext": ("a", "A", "b", ""),
    "email_t": ("a@b", "A@b", "a@B"),
    "text[]": ("{}", '{""}', "{a,b}", '{"a,b"}', "{b,a}", "{NULL}", '{"NULL"}', "{{a},{b}}", "[2:3]={a,b}"),
    "integer[]": ("{1,2}", "{12}", "{2,1}", "{-1,2}"),
    "numeric(9,2)[]": ("{1.5}", "{-1.5}", "{15}"),
    "double precision[]": ("{0.1}", "{0.10000000000000002}", "{NaN}"),
    "timestamp with time zone[]": ("{2024-01-01 00:00+00}", "{2024-01-01 00:00+01}"),
    "bytea[]": ('{"\\\\x00"}', '{"\\\\x0000"}'),
    "mood[]": ("{sad}", "{ok}", "{sad,ok}"),
    "inet": ("10.0.0.1", "10.0.0.1/24", "::1", "10.0.0.2"),
    "cidr": ("10.0.0.0/8", "10.0.0.0/16"),
    "macaddr": ("08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    "interval": ("1 mon", "30 days", "720:00:00", "-1 mon", "1 day", "24:00:00"),
    "bit(4)": ("0101", "1010"),
    "bit varying(9)": ("0", "00", "000"),
    "int4range": ("[1,5)", "(1,5)", "empty", "[1,)", "(,5)"),
    "tstzmultirange": ("{[2024-01-01 00:00+00,2024-01-02 00:00+00)}", "{}"),
    "point": ("(0.1,0.2)", "(0.2,0.1)"),
    "time with time zone": ("12:00+00", "13:00+01", "11:00-01"),
    "pair": ("(1,a)", '(1,"a,")', "(,)", '(,"")'),
    "pair[]": ("{}", '{"(,)"}', "{NULL}"),
    "tsvector": ("'a':1", "'a'"),
}


def columns() -> str:
    return ", ".join(["id integer primary key", *(f"c{at} {of}" for at, of in enumerate(VALUES))])


def prepared(both: Both) -> Sides:
    """A row of the source for each value."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run(CITEXT, *OTHER_TYPES, f"CREATE TABLE t ({columns()})")
    for number, (at, value) in enumerate(cells()):
        sides.source.fill(f"t (id, c{at})", [(number, value)])
    return sides


def cells() -> list[tuple[int, str]]:
    return [(at, value) for at, values in enumerate(VALUES.values()) for value in values]


def compared(sides: Sides, **more: object) -> Comparison:
    return recon_assets.compare(sides.source.url, "t", sides.target.url, "t", key=["id"], **more)  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:Did not recognize type")
def test_every_type_is_loaded_and_compared(both: Both) -> None:
    """A load's rows are equal; each value that is replaced by another of its type differs, and is put right again."""
    sides = prepared(both)

    assert sides.load(spec()).inserted == len(cells())
    clean = compared(sides)
    assert clean.equal
    assert not clean.not_compared

    sides.target.run("DELETE FROM t")
    other = {at: [*values[1:], values[0]] for at, values in enumerate(VALUES.values())}
    places = [(at, place) for at, values in enumerate(VALUES.values()) for place in range(len(values))]
    for number, (at, place) in enumerate(places):
        sides.target.fill(f"t (id, c{at})", [(number, other[at][place])])
    found = compared(sides)
    assert [(item.key, item.differing) for item in found.mismatched] == [
        ((number,), (f"c{at}",)) for number, (at, _) in enumerate(places)
    ]

    assert sides.load(spec(), mode=Mode.UPSERT).updated == len(cells())
    assert compared(sides).equal


def test_xml_is_compared_as_a_load_writes_it() -> None:
    """A cast to text would keep a declaration that PostgreSQL's output leaves out; the embedded server has no XML."""
    cell = Cell(sa.column("x"), parse("xml", "postgresql"), Form(Kind.NATIVE, length_prefixed=True))
    assert SPELLING_POSTGRESQL.text(cell, "x").endswith("(xml_out(x))")


def test_a_composite_of_nulls_is_not_null(both: Both) -> None:
    """Though PostgreSQL says that it IS NULL; neither in values, nor in keys, nor in what a correction sees."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run(*OTHER_TYPES[2:], "CREATE TABLE t (id integer primary key, v pair, w pair)")
    sides.source.run("INSERT INTO t VALUES (1, '(,)', NULL)")
    sides.target.run("INSERT INTO t VALUES (1, NULL, '(,)')")
    (found,) = compared(sides).mismatched
    assert (dict(found.columns), found.differing) == ({"v": ("(,)", None), "w": (None, "(,)")}, ("v", "w"))
    assert sides.load(spec(), mode=Mode.UPSERT).updated == 1
    assert compared(sides).equal


def test_keys_that_ignore_case_are_compared_exactly(both: Both) -> None:
    """`A` is not `a`, although the target's index takes one for the other: a load says so, and writes nothing."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run(CITEXT, "CREATE TABLE t (id citext primary key, v integer)")
    sides.source.fill("t", [("a", 1), ("b", 2)])
    sides.target.fill("t", [("A", 1), ("b", 3)])

    found = compared(sides)

    assert [item.key for item in (*found.missing, *found.extra, *found.mismatched)] == [("a",), ("A",), ("b",)]
    with pytest.raises(ReconError, match=r"t_pkey|duplicate|unique"):
        sides.load(spec(), mode=Mode.UPSERT)
    assert sides.target.rows() == [("A", 1), ("b", 3)]


ONE_NAME = {
    "pair": ("CREATE TYPE pair AS (a integer, b text)", "CREATE TYPE pair AS (b text, a integer)"),
    "d[]": ("CREATE DOMAIN d AS numeric", "CREATE DOMAIN d AS text"),
    "r": ("CREATE TYPE r AS RANGE (subtype = integer)", "CREATE TYPE r AS RANGE (subtype = numeric)"),
    "outside": ("CREATE TYPE outside AS (i d[])", "CREATE TYPE outside AS (i d[])"),
}


def test_types_of_one_name_that_are_made_of_other_parts(both: Both) -> None:
    """Are not compared, and the way out is named: (1,2) may be another value there."""
    sides = both("postgresql", "postgresql")
    local = "CREATE DOMAIN price AS money"
    columns = ", ".join(f"c{at} {of}" for at, of in enumerate((*ONE_NAME, "money[]", "price[]")))
    for at, side in enumerate((sides.source, sides.target)):
        side.run(*(each[at] for each in ONE_NAME.values()), local, f"CREATE TABLE t (id integer, {columns})")
    found = {each.column: each.why for each in compared(sides).not_compared}
    other, way_out = "is made of other parts there; cast the column", "--cast COLUMN=TYPE"
    assert list(found) == [f"c{at}" for at in range(6)]
    assert [other in why for why in found.values()] == [True] * 4 + [False] * 2
    assert all(way_out in why for why in found.values())
    assert compared(sides, cast={"c0": "text"}, columns=["c0"]).equal


WAY_OUT = r"has no exact form in other databases; cast .*columns\.cast.*`--cast COLUMN=TYPE`.*leave the column out"


@pytest.mark.parametrize(
    ("left", "right"), [("text[]", "text"), ("numeric(9,2)[]", "numeric(9,3)[]"), ("inet", "cidr"), ("money", "money")]
)
def test_other_pairs_have_no_common_form(left: str, right: str) -> None:
    """And the way out is named."""
    with pytest.raises(DeclarationError, match=WAY_OUT):
        common_form(parse(left, "postgresql"), parse(right, "postgresql"), Rule(), same_dialect=True)


@pytest.mark.parametrize(
    ("left", "right"), [("inet", "cidr"), ("text[]", "text"), ("text", "inet"), ("money", "money")]
)
def test_a_cast_serves_both_sides(both: Both, left: str, right: str) -> None:
    """Whichever of them needs it, in keys, windows' tables and rows alike: no advice leads back to itself."""
    sides = both("postgresql", "postgresql")
    sides.create(f"id integer, v {left}", f"id integer, w {right}")
    text = {"inet": "10.0.0.0/8", "money": "$1.00", "text[]": "{a}"}
    value = text.get(left) or text.get(right)
    sides.source.fill("t", [(1, value), (2, value), (3, None)])
    sides.target.fill("t", [(1, value), (2, None), (3, value)])

    found = compared(sides, cast={"v": "text"}, rename={"v": "w"})
    by_value = recon_assets.compare(
        sides.source.url, "t", sides.target.url, "t", key=["v"], cast={"v": "text"}, rename={"v": "w"}, columns=[]
    )

    assert (found.columns, found.not_compared) == (("id", "v"), ())
    assert [(item.key, item.columns) for item in found.mismatched] == [
        ((2,), {"v": (value, None)}),
        ((3,), {"v": (None, value)}),
    ]
    assert (by_value.equal, by_value.duplicate_keys) == (True, 1)


def test_a_cast_of_another_database_makes_the_targets_column_a_text(both: Both) -> None:
    """`char` is one character in PostgreSQL."""
    sides = both("mysql", "postgresql")
    sides.create("id integer, v set('a','b')", "id integer, v text[]")
    sides.source.fill("t", [(1, "a,b"), (2, "a")])
    sides.target.fill("t", [(1, ["a", "b"]), (2, ["a"])])

    found = compared(sides, cast={"v": "char"})

    assert [item.columns["v"] for item in found.mismatched] == [("a,b", "{a,b}"), ("a", "{a}")]


NESTED = [
    ("timestamp_ns", "TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", "2024-01-01 00:00:00.123456789"),
    ("integer[]", "[1, NULL, 3]", "[1, NULL, 3]"),
    ("struct(a integer, b varchar)", "{'a': 1, 'b': 'x'}", "{'a': 1, 'b': x}"),
    ("map(varchar, integer)", "MAP {'k': 1}", "{k=1}"),
]


def test_nested_values_of_duckdb_are_compared_by_a_cast(both: Both) -> None:
    """Without it, the columns are named among those not compared, with the way out; with it, values differ or not."""
    sides = both("duckdb", "postgresql")
    names = [f"c{at}" for at in range(len(NESTED))]
    own = ", ".join(f"{name} {of}" for name, (of, *_) in zip(names, NESTED, strict=True))
    sides.create(f"id integer, {own}", f"id integer primary key, {', '.join(f'{name} text' for name in names)}")
    sides.source.run(*(f"INSERT INTO t VALUES ({at}, {', '.join(value for _, value, _ in NESTED)})" for at in (1, 2)))
    texts = [text for *_, text in NESTED]
    sides.target.fill("t", [(1, *texts), (2, *(f"{text} " for text in texts))])
    cast = dict.fromkeys(names, "varchar")

    left_out = compared(sides).not_compared
    assert [each.column for each in left_out] == names
    assert all("--cast COLUMN=TYPE" in each.why for each in left_out)
    (found,) = compared(sides, cast=cast).mismatched
    assert (found.key, found.differing) == ((2,), tuple(names))
    with pytest.raises(DeclarationError, match=r"cast it under columns\.cast"):
        sides.load(spec())
    sides.target.run("DELETE FROM t")
    sides.load(spec(cast=cast))
    assert compared(sides, cast=cast).equal


def test_the_shop_is_compared_whole(both: Both) -> None:
    """Every table of somebody's schema, domains over citext, arrays and inet included, with no column left out."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run(CITEXT, SHOP)
    for side, name in ((sides.source, "Ann"), (sides.target, "ann")):
        side.run(
            f"INSERT INTO sales.customers (email, nick, name) VALUES ('{name}@x.example', '{name}', 'n')",
            "INSERT INTO sales.\"ProductCatalog\" VALUES (1, 'n', 'g', ARRAY['" + name + "', NULL], 0.1)",
            f"INSERT INTO sales.sessions VALUES ('s', '2024-01-01', NULL, '10.0.0.{len(name)}/{24 + (name == 'ann')}')",
        )
    wrong = {
        "sales.customers": (["id"], {"email", "nick", "created_at", "updated_at"}),
        'sales."ProductCatalog"': (["ProductId"], {"Tags"}),
        "sales.sessions": (["sid"], {"ip"}),
    }
    for table, (key, differing) in wrong.items():
        found = recon_assets.compare(sides.source.url, table, sides.target.url, table, key=key)
        assert not found.not_compared
        assert [set(item.differing) for item in found.mismatched] == [differing]
