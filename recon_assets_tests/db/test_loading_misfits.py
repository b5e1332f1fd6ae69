"""What the target cannot hold is refused by table, column or constraint, and key; nothing is written or shown."""

import traceback
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from recon_assets.errors import DoesNotFitError, RefusedError
from recon_assets.model import Calendar, Mode
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import TARGETS, Name, Sides, spec, wrote

DAYS = Calendar("at", date(2024, 1, 1), date(2024, 2, 1))
DAY = "2024-01-02"
NOON = datetime(2024, 1, 2, 12, tzinfo=UTC)
KEY = 4711
LONG = "do-not-show-me"
SECRETS = ("98765", "9876", "do-not-show", "it's", "IT'S")


@dataclass(frozen=True)
class Misfit:
    """A value of a source's column that the target's column cannot hold, and what is said of it."""

    value: Any
    held: str
    wanted: str
    said: str
    source: Name = "postgresql"
    good: Any = None


POSTGRESQL = {
    "integer": Misfit(9987654321, "bigint", "integer", r"column v \(integer\) cannot hold an integer of 10 digits"),
    "unsigned": Misfit(2**64 - 1, "bigint unsigned", "bigint", "cannot hold an integer of 20 digits", "mysql"),
    "digits": Misfit("98765", "numeric", "numeric(6,2)", "5 digits before the point, where 4 fit"),
    "scale": Misfit("1.98765", "numeric", "numeric(6,2)", "5 digits after the point, where 2 fit"),
    "infinity": Misfit("infinity", "numeric", "numeric(6,2)", "cannot hold an infinity"),
    "fraction": Misfit("1.5", "numeric", "integer", "a number with digits after the point"),
    "NaN into integer": Misfit("NaN", "numeric", "integer", "NaN or an infinity"),
    "text": Misfit(LONG, "text", "varchar(5)", "text of 14 characters, where 5 fit"),
    "spaces": Misfit("abcde     ", "text", "varchar(5)", "text of 10 characters"),
    "padding": Misfit("ab ", "text", "char(5)", "text that ends with a space"),
    "double": Misfit(0.1, "double precision", "real", "more digits than a single-precision"),
    "huge double": Misfit(1e300, "double precision", "real", "more digits than a single-precision"),
    "integer into float": Misfit(2**53 + 1, "bigint", "double precision", "more digits than a float"),
    "decimal into float": Misfit("1e400", "numeric", "double precision", "more digits than a float"),
    "microseconds": Misfit(
        "2024-01-01 00:00:00.9876", "timestamp", "timestamp(2)", "more than 2 digits after the second"
    ),
    "nanoseconds": Misfit("2024-01-01 00:00:00.1234567", "text", "timestamp", "more than 6 digits", "sqlite"),
    "NULL": Misfit(None, "integer", "integer not null", "cannot hold NULL", good=1),
    "label": Misfit(LONG, "text", "mood", "a label that the enum does not have"),
    "check": Misfit(987654321, "integer", "integer constraint positive check (v < 5)", r"check violation \(positive\)"),
    "unique": Misfit(77, "integer", "integer constraint single unique", r"unique violation \(single\)", good=77),
    "parent": Misfit(
        4242,
        "integer",
        "integer constraint up references parent",
        r"foreign key violation \(up\); .* that is not there \(\S*parent with id=4242\): load that row first",
    ),
    "late parent": Misfit(
        4242,
        "integer",
        "integer constraint up references parent deferrable initially deferred, w integer references parent",
        r"violation \(up\); .* with id=4242\)",
    ),
    "NUL": Misfit(f"{LONG}\0", "text", "text", "text with a NUL character", "sqlite"),
    "NUL in JSON": Misfit('"987654321\\u0000"', "json", "jsonb", "untranslatable character"),
    "not JSON": Misfit("[987654321,NaN]", "text", "jsonb", "text that is not JSON"),
    "not a number": Misfit(LONG, "text", "integer", "text that is no number"),
    "not a UUID": Misfit(LONG, "text", "uuid", "text that is no UUID"),
    "not a boolean": Misfit(98765, "integer", "boolean", "neither true nor false"),
    "not a date": Misfit("do-not-show", "text", "date", "text that is not a timestamp of the years"),
    "not midnight": Misfit("2024-01-01 09:08:07", "timestamp", "date", "a timestamp that is not midnight"),
    "zone": Misfit("2024-01-01 00:00:00+00", "timestamptz", "date", "a timestamp that is not midnight"),
    "binary into text": Misfit(b"do-not-show-me", "bytea", "text", "cannot hold binary data"),
    "text into binary": Misfit(LONG, "text", "bytea", "cannot hold text"),
    "long time": Misfit("25:00:00", "time", "time", "a time outside one day", "mysql"),
    "trigger": Misfit(987654321, "integer", "integer", "the target refuses it: raise exception"),
}
MYSQL = {
    "integer": Misfit(98765, "integer", "smallint", r"column v \(smallint.* cannot hold an integer of 5 digits"),
    "unsigned": Misfit(-98765, "integer", "bigint unsigned", "an integer of 5 digits outside 0"),
    "scale": Misfit("1.98765", "numeric", "decimal(6,2)", "5 digits after the point, where 2 fit"),
    "text": Misfit(LONG, "text", "varchar(5)", "text of 14 characters"),
    "bytes of text": Misfit("é" * 200, "text", "tinytext", r"character set or type does not have \(v\)"),
    "NaN": Misfit("NaN", "double precision", "double", "cannot hold NaN"),
    "infinity": Misfit("-infinity", "double precision", "double", "cannot hold an infinity"),
    "float with places": Misfit(1.98765, "double precision", "double(10,2)", "more than 2 digits after the point"),
    "microseconds": Misfit("2024-01-01 00:00:00.9876", "timestamp", "datetime", "more than 0 digits after the second"),
    "year 2200": Misfit(
        "2200-01-01 00:00:00+00", "timestamptz", "timestamp null", "a value that the type does not have"
    ),
    "infinite date": Misfit("infinity", "date", "date", "text that is not a date of the years 1 to 9999"),
    "BC": Misfit("0044-03-15 BC", "date", "date", "text that is not a timestamp of the years 1 to 9999"),
    "emoji": Misfit("do-not-show 😀", "text", "text character set utf8mb3", "character set"),
    "latin": Misfit("do-not-show Ω", "text", "text character set latin1", "character set"),
    "NULL": Misfit(None, "integer", "integer not null", "cannot hold NULL", good=1),
    "label": Misfit(LONG, "text", "enum('a')", "a label that the enum does not have"),
    "check": Misfit(987654321, "integer", "integer check (v < 5)", r"check violation"),
    "unique": Misfit("it's 77", "text", "varchar(9) unique", r"unique violation \(v\)", good="it's 77"),
    "case": Misfit("it's", "text", "varchar(9) collate utf8mb4_general_ci unique", "unique violation", good="IT'S"),
    "short binary": Misfit(b"do-not-show-me", "bytea", "binary(16)", "14 bytes, where 16 fit"),
    "long binary": Misfit(b"do-not-show-me", "bytea", "varbinary(4)", "14 bytes, where 4 fit"),
    "trigger": Misfit(987654321, "integer", "integer", "a trigger refused it"),
}
EVERY_MODE = {"integer", "NULL", "unique", "check", "trigger"}
CASES = [
    pytest.param(target, name, mode, id=f"{target}-{name}-{mode}")
    for target, misfits in (("postgresql", POSTGRESQL), ("mysql", MYSQL))
    for name in misfits
    for mode in ((Mode.INSERT_MISSING, Mode.UPSERT, Mode.REPLACE) if name in EVERY_MODE else (Mode.INSERT_MISSING,))
]
REFUSING = {
    "postgresql": (
        (
            "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN IF new.v > 5 THEN RAISE EXCEPTION 'no %', new.v; END IF; RETURN new; END $$"
        ),
        "CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()",
    ),
    "mysql": (
        (
            "CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW"
            " IF new.v > 5 THEN SIGNAL SQLSTATE '45000' SET message_text = 'no 987654321'; END IF"
        ),
    ),
}


def prepared(both: Both, target: Name, misfit: Misfit) -> Sides:
    """Three rows of one day, of which the middle one does not fit."""
    sides = both(misfit.source, target)
    stamp = {"sqlite": "text", "mysql": "datetime"}.get(misfit.source, "timestamptz")
    if target == "postgresql":
        sides.target.run("CREATE TYPE mood AS ENUM ('a')")
    sides.target.run("CREATE TABLE parent (id integer primary key)")
    stamped = "timestamptz" if target == "postgresql" else "datetime"
    last = None if misfit.good is None else 3
    sides.create(
        f"id integer, at {stamp}, v {misfit.held}",
        f"id integer primary key, at {stamped}, v {misfit.wanted}",
        [(1, NOON, misfit.good), (KEY, NOON, misfit.value), (9000, NOON, last)],
    )
    return sides


@pytest.mark.parametrize(("target", "name", "mode"), CASES)
def test_misfit_is_named_and_nothing_written(both: Both, target: Name, name: str, mode: Mode) -> None:
    """By table, window, key, and the class of the value; the day and all others are as they were."""
    misfit = (POSTGRESQL if target == "postgresql" else MYSQL)[name]
    sides = prepared(both, target, misfit)
    if name == "trigger":
        sides.target.run(*REFUSING[target])
    if name != "NULL":
        sides.target.fill("t", [(2, NOON, None), (3, datetime(2024, 1, 5, tzinfo=UTC), None)])
    before = sides.target.rows()

    with pytest.raises(DoesNotFitError, match=misfit.said) as caught:
        sides.load(spec(DAYS), DAY, mode)

    said = str(caught.value)
    assert said.startswith(f"t {DAY}: the row with id={KEY}: ")
    assert "nothing of this window was written" in said
    logged = "".join(traceback.format_exception(caught.value))
    assert not any(secret in logged for secret in SECRETS)
    assert sides.target.rows() == before


@pytest.mark.parametrize("target", TARGETS)
def test_children_of_the_same_table_are_not_blamed(both: Both, target: Name) -> None:
    """A row may refer to a later one, so the constraint is named and not the first row that names a later parent."""
    sides = both("postgresql", target)
    sides.create(
        "id integer, up integer",
        "id integer primary key, up integer, constraint up foreign key (up) references t (id)",
        [(1, 2), (2, None), (3, 77)],
    )

    with pytest.raises(DoesNotFitError, match=r"t all: the target refuses it: foreign key violation \(up\); nothing"):
        sides.load(spec())

    assert sides.target.rows() == []


@pytest.mark.parametrize("target", TARGETS)
def test_keys_that_occur_twice_are_refused(both: Both, target: Name) -> None:
    """Whichever of the two would be written, it would be by chance."""
    sides = both("postgresql", target)
    sides.create("id integer, v integer", "id integer not null, v integer", [(1, 1), (1, 2)])

    for mode in (Mode.INSERT_MISSING, Mode.UPSERT):
        with pytest.raises(DoesNotFitError, match="the source has more than one row with id=1"):
            sides.load(spec(), mode=mode)


@pytest.mark.parametrize("target", TARGETS)
def test_rows_that_others_refer_to_are_not_replaced(both: Both, target: Name) -> None:
    """The foreign key refuses; the sentence says what to do. Rows that are as in the source may have children.

    A row that the target refuses beside those cannot be found by loading the window again in parts.
    """
    sides = both("postgresql", target)
    sides.create("id integer, v integer", "id integer primary key, v integer, check (v < 9)", [(1, 1), (2, 2)])
    sides.target.run("CREATE TABLE child (t integer, foreign key (t) references t (id))", "INSERT INTO t VALUES (1, 0)")
    sides.target.run("INSERT INTO child VALUES (1)")

    with pytest.raises(RefusedError, match="rows of other tables refer to its rows; use upsert"):
        sides.load(spec(), mode=Mode.REPLACE)
    sides.target.run("UPDATE t SET v = 1")
    assert wrote(sides.load(spec(), mode=Mode.REPLACE)) == (1, 0, 0)
    sides.source.run("UPDATE t SET v = 9 WHERE id = 2")
    with pytest.raises(DoesNotFitError, match="t all: the target refuses it: check violation"):
        sides.load(spec(), mode=Mode.REPLACE)
    assert sides.target.rows() == [(1, 1), (2, 2)]


def test_every_column_that_does_not_fit_is_named(both: Both) -> None:
    """So that one run shows all that a row needs."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer, a text, b bigint", "id integer primary key, a varchar(1), b integer", [(1, "ab", 2**40)])
    with pytest.raises(
        DoesNotFitError, match=r"column a .* cannot hold text of 2 .*, column b .* an integer of 13 digits"
    ):
        sides.load(spec(key=()))


def test_rows_that_only_together_do_not_fit(both: Both) -> None:
    """No row can be named when each alone would be taken."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer", "id integer primary key", [(1,), (2,), (3,)])
    sides.target.run(
        "CREATE FUNCTION few() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF (SELECT count(*) FROM new) > 2 THEN RAISE EXCEPTION 'secret'; END IF; RETURN NULL; END $$",
        "CREATE TRIGGER few AFTER INSERT ON t REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION few()",
    )
    with pytest.raises(DoesNotFitError, match=r"^t all: the target refuses it: raise exception; nothing"):
        sides.load(spec())
    assert sides.target.rows() == []


def test_keys_that_occur_twice_among_misfits(both: Both) -> None:
    """Either fault may be named first; both keep the window as it was."""
    sides = both("postgresql", "postgresql")
    rows = [(1, 1), (1, 2), (2, 9)]
    sides.create("id integer, v integer", "id integer primary key, v integer check (v < 5 and v > 1)", rows)
    with pytest.raises(DoesNotFitError, match="more than one row with id=1"):
        sides.load(spec())
    assert sides.target.rows() == []


LEAVES_OUT = (
    "CREATE FUNCTION leaves_out() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN IF TG_OP = 'INSERT' AND new.id <> 2 THEN RETURN new; END IF; RETURN NULL; END $$"
)


@pytest.mark.parametrize("held", [[], [(1, 9)], [(1, 1)], [(1, 1), (2, 2), (3, 3), (4, 4)]])
@pytest.mark.parametrize("mode", [Mode.REPLACE, Mode.UPSERT, Mode.INSERT_MISSING])
def test_rows_that_a_trigger_leaves_out_stop_the_load(both: Both, mode: Mode, held: list[Any]) -> None:
    """Nobody else is blamed, and a dry run says what a real load says, whether or not there is a backup."""
    sides = both("postgresql", "postgresql")
    sides.create("id integer, v integer", "id integer primary key, v integer", [(1, 1), (2, 2), (3, 3)])
    sides.target.fill("t", held)
    events = "UPDATE OR DELETE" if held and held[0][1] == 9 and mode is not Mode.INSERT_MISSING else "DELETE OR INSERT"
    sides.target.run(LEAVES_OUT, f"CREATE TRIGGER few BEFORE {events} ON t FOR EACH ROW EXECUTE FUNCTION leaves_out()")

    nothing_to_do = len(held) == 4 and mode is not Mode.REPLACE
    said = r"^t all: .*(has it a trigger|or are not there)"
    for dry_run in (True, False):
        with nullcontext() if nothing_to_do else pytest.raises(RefusedError, match=said):
            sides.load(spec(), mode=mode, dry_run=dry_run)
    assert sides.target.rows() == held


@pytest.mark.parametrize("target", TARGETS)
def test_duplicate_beside_rows_that_others_refer_to(both: Both, target: Name) -> None:
    """It is the source's for ever, so nobody else is blamed for it."""
    sides = both("postgresql", target)
    rows = [(1, "a"), (2, "b"), (3, "b")]
    sides.create("id integer, v text", "id integer primary key, v varchar(9), constraint once unique (v)", rows)
    sides.target.run("CREATE TABLE child (t integer, foreign key (t) references t (id))")
    sides.target.run("INSERT INTO t VALUES (1, 'a')", "INSERT INTO child VALUES (1)")

    with pytest.raises(DoesNotFitError, match=r"t all: the target refuses it: unique violation \(once\)"):
        sides.load(spec(), mode=Mode.REPLACE)
