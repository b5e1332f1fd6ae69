"""MySQL's character sets whose bytes are not all characters: none of those is ever equal to another, or to a ``?``."""

import pytest

from recon_assets import compare, reading, writing
from recon_assets.diff import count_groups
from recon_assets.errors import DeclarationError, DoesNotFitError
from recon_assets.model import ALL, Action, Groups, Measure, Mode
from recon_assets.reading import DIGEST
from recon_assets.values import Marked
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Name, Side, spec
from recon_assets_tests.db.test_backups import DAYS, NOON, load, restore
from recon_assets_tests.db.test_corrections_values import compared, corrected

pytestmark = pytest.mark.repeats

PAIRS = {
    "sjis": "81AD",
    "cp932": "81AD",
    "ujis": "A2AF",
    "eucjpms": "A2AF",
    "euckr": "C9A1",
    "gbk": "A2A1",
    "big5": "A3E1",
}


def every_byte(side: Side) -> list[str]:
    """Tables of a column for each set: ``a`` has all bytes, ``b`` the next one of each, ``q`` question marks."""
    of_one_byte = "SELECT character_set_name FROM information_schema.character_sets WHERE maxlen = 1"
    names = sorted(name for (name,) in side.rows(of_one_byte) if name != "binary")
    for table in "abq":
        columns = ", ".join(f"{name} char(3) CHARACTER SET {name if table != 'q' else 'utf8mb4'}" for name in names)
        side.run(f"CREATE TABLE {table} (id int PRIMARY KEY, {columns})")
    held = [byte for byte in range(256) if byte != ord(" ")]  # which char(3) does not keep
    side.fill("a", [(byte, *[bytes([byte])] * len(names)) for byte in held])
    side.fill("b", [(byte, *[bytes([held[at - 1]])] * len(names)) for at, byte in enumerate(held)])
    side.fill("q", [(byte, *["?"] * len(names)) for byte in held])
    return names


def test_every_byte_of_every_character_set(both: Both) -> None:
    """Is itself, and no other."""
    side = both("mysql", "mysql").source
    names = every_byte(side)
    query = f"(SELECT id, {', '.join(names)} FROM a)"  # whose sets no catalogue tells

    assert compare(side.url, "a", side.url, query, key=["id"]).equal
    found = compare(side.url, "a", side.url, "b", key=["id"]).by_column
    assert {name: 255 - found[name] for name in names if found[name] != 255} == {}
    found = compare(side.url, query, side.url, "q", key=["id"]).by_column
    assert {name: 255 - found[name] for name in names if found[name] != 254} == {}


def test_characters_of_several_bytes(both: Both) -> None:
    """The unassigned ones likewise, beside a question mark that is one; and they are keys."""
    side = both("mysql", "mysql").source
    columns = ", ".join(f"{name} varchar(9) CHARACTER SET {name}" for name in PAIRS)
    side.run(
        *(f"CREATE TABLE {table} (id varchar(9) CHARACTER SET greek COLLATE greek_bin, {columns})" for table in "ab")
    )
    side.fill("a", [(b"\xd2", *(bytes.fromhex(each) for each in PAIRS.values())), (b"\xff", *"?" * len(PAIRS))])
    side.fill("b", [(b"\xd2", *"?" * len(PAIRS)), (b"?", *"?" * len(PAIRS))])

    assert compare(side.url, "a", side.url, "a", key=["id"]).equal
    found = compare(side.url, "a", side.url, "b", key=["id"])

    assert dict(found.by_column) == dict.fromkeys(PAIRS, 1)
    assert [[str(item.key[0]) for item in side] for side in (found.missing, found.extra)] == [["!greek:FF"], ["?"]]


def test_no_cast_makes_question_marks(both: Both) -> None:
    """Of bits and of bytes that are no characters: it is refused, and the ways out tell the values apart."""
    sides = both("mysql", "mysql")
    sides.create("id int, b bit(8), g text CHARACTER SET greek", "id int, b bit(8), g text CHARACTER SET greek")
    for side, bits, text in ((sides.source, "b'11111111'", "_greek x'D2'"), (sides.target, "b'11111110'", "'?'")):
        side.run(f"INSERT INTO t VALUES (1, {bits}, {text})")
    for name, of in (("b", r"bit\(8\)"), ("g", "text in greek")):
        for table in ("t", "(SELECT * FROM t)"):
            with pytest.raises(
                DeclarationError, match=rf"{name}: a cast of {of if table == 't' else '.*'} to text .*hex"
            ):
                compare(sides.source.url, table, sides.target.url, table, key=["id"], cast={name: "char"})
    (found,) = compare(sides.source.url, "t", sides.target.url, "t", key=["id"], cast={"b": "unsigned"}).mismatched
    assert found.columns == {"b": (255, 254), "g": (Marked("!greek:D2"), "?")}


def test_a_load_writes_no_question_mark(both: Both) -> None:
    """It is refused, by what the bytes are, before anything is written; what is text, a `?` too, is loaded."""
    sides = both("mysql", "postgresql")
    sides.create("id int primary key, v varchar(9) character set greek", "id int primary key, v text")
    sides.source.fill("t", [(1, "π?"), (2, b"a\xd2")])
    with pytest.raises(DoesNotFitError, match=r"id=2: column v .* cannot hold bytes that are no text in greek"):
        sides.load(spec())
    assert sides.target.rows() == []
    sides.source.run("DELETE FROM t WHERE id = 2")
    sides.load(spec())
    assert sides.target.rows() == [(1, "π?")]


def test_rollbacks_bring_the_bytes_back(both: Both) -> None:
    """Of a load that replaces them, and of a correction; and a change of them is one."""
    sides = both("mysql", "mysql")
    columns = (
        "k varchar(9) character set greek collate greek_bin primary key, at datetime, v varchar(9) character set greek"
    )
    sides.create(columns, columns, [("a", NOON, "new")])
    sides.target.fill("t", [("a", NOON, b"\xd2"), (b"\xff", NOON, b"\xd2")])
    then = sides.target.rows("SELECT HEX(k), at, HEX(v) FROM t ORDER BY 1")
    pair = sides.pair(spec(DAYS, key=("k",)))

    kept = load(pair, Mode.REPLACE)
    assert sides.target.rows("SELECT k, v FROM t") == [("a", "new")]
    assert restore(pair, kept) == 3
    assert sides.target.rows("SELECT HEX(k), at, HEX(v) FROM t ORDER BY 1") == then

    changes = corrected(sides.pair(spec(key=("k",))), compared(sides.pair(spec(key=("k",)))))
    assert {change.action for change in changes} == {Action.UPDATE, Action.DELETE}
    with writing.correcting(pair, "all") as correcting:
        correcting.undo(tuple(change.inverse for change in reversed(changes)))
    assert sides.target.rows("SELECT HEX(k), at, HEX(v) FROM t ORDER BY 1") == then


def test_an_enum_that_holds_none_of_its_labels(both: Both) -> None:
    """MySQL reads `''` there: that is neither the label nor the text, and is not loaded."""
    sides = both("mysql", "mysql")
    sides.create("id int primary key, e enum('', 'a')", "id int primary key, e varchar(9)", [(1, ""), (2, "a")])
    lax = "SET STATEMENT sql_mode = '' FOR INSERT INTO t VALUES (3, 'z')"
    sides.source.run(lax, "CREATE TABLE u (id int primary key, e enum('', 'a'))", "INSERT INTO u VALUES (3, '')")
    sides.target.fill("t", [(1, ""), (2, "a"), (3, "")])

    here, there = (sides.source.url, "t"), (sides.target.url, "t")
    assert [item.key for item in compare(*here, *there, key=["id"]).mismatched] == [(3,)]
    assert [item.key for item in compare(*here, here[0], "u", key=["id"], where="id = 3").mismatched] == [(3,)]
    assert compare(*here, *here, key=["id"]).equal
    queries = [f"(SELECT id, e FROM {table} WHERE id = 3)" for table in "tu"]
    assert [item.key for item in compare(here[0], queries[0], here[0], queries[1], key=["id"]).mismatched] == [(3,)]
    sides.target.run("DELETE FROM t")
    with pytest.raises(DoesNotFitError, match=r"id=3: column e .* cannot hold what is no text"):
        sides.load(spec())


@pytest.mark.parametrize(
    ("source", "of", "held", "mark"),
    [("sqlite", "text", b"\xff", "!bff"), ("mysql", "text character set greek", b"\xd2", "!greek:D2")],
)
def test_figures_tell_bytes_from_their_mark(both: Both, source: Name, of: str, held: bytes, mark: str) -> None:
    """Groups, and the last value."""
    sides = both(source, "mysql")
    sides.create(f"id integer, v {of}", "id integer, v text", [(1, held)])
    sides.target.fill("t", [(1, mark)])
    last = Measure("max", "v")
    with reading.snapshot(sides.pair(spec())) as snapshot:
        (counted,) = count_groups(snapshot, Groups(("v",)), [ALL], 9)
        found = reading.measured(snapshot, [last], [ALL])["all"]
    assert (counted.groups, counted.differing) == (2, 2)
    assert (found[last].source, found[last].target) == (Marked(mark), mark)


def test_no_correction_writes_a_mark(both: Both) -> None:
    """A record that only SQLite has, with binary data for a text: it is refused, and nothing is written."""
    sides = both("sqlite", "postgresql")
    sides.create("id integer, v text", "id integer primary key, v text", [(1, b"\xff")])
    pair = sides.pair(spec())
    with pytest.raises(DoesNotFitError, match=r"id=1: column v .* cannot hold what is no text"):
        corrected(pair, compared(pair))
    assert sides.target.rows() == []


def test_collations_of_duckdb_have_no_say(both: Both) -> None:
    """Neither in figures nor in rows of several."""
    sides = both("duckdb", "postgresql")
    columns = "id integer, v varchar {}, w varchar {}"
    sides.create(
        columns.format("COLLATE NOCASE", "COLLATE NOACCENT"),
        columns.format("", ""),
        [(1, "a", "e"), (2, "A", "\u00e9")],
    )
    sides.target.fill("t", [(1, "a", "e"), (2, "A", "\u00e9")])
    measures = [
        Measure("distinct", "v"),
        Measure("distinct", "w"),
        Measure("min", "v"),
        DIGEST,
    ]
    with reading.snapshot(sides.pair(spec())) as snapshot:
        found = reading.measured(snapshot, measures, [ALL])["all"]
    assert [each.source == each.target for each in found.values()] == [True] * len(measures)
    assert found[measures[0]].source == 2
