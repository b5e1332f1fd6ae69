"""All figures of all windows, by one grouped statement a side, equal to what plain Python counts."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from recon_assets import dialect, reading
from recon_assets.errors import DoesNotFitError
from recon_assets.model import ALL, Calendar, Database, Groups, Measure, SidePair
from recon_assets.reading import DIGEST, UNDATED, Snapshot
from recon_assets.reading.measures import Hashing, hashing
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import SOURCES, Name, Rows, Sides, spec

pytestmark = pytest.mark.repeats

START = date(2024, 3, 9)
DAYS = Calendar("made", START, START + timedelta(days=4), "America/New_York")
COLUMNS: dict[Name, str] = {
    "postgresql": "id bigint, made timestamptz, state text, amount numeric(12,2), paid boolean",
    "mysql": "id bigint, made timestamp(6) null, state text, amount numeric(12,2), paid boolean",
    "duckdb": "id bigint, made timestamptz, state varchar, amount numeric(12,2), paid boolean",
    "sqlite": "id bigint, made timestamp, state text, amount bigint, paid boolean",
}
PAIRS = [pytest.param(left, right, id=f"{left}-{right}") for left in SOURCES for right in SOURCES]
STATES = ("open", "Open", "open ", None, "")


def some_rows() -> Rows:
    """Hours around the change of clocks of March 10, which has 23 hours; three of no time at all."""
    noon = datetime(2024, 3, 9, 17, tzinfo=UTC)
    found: Rows = [
        (at, noon + timedelta(hours=at), STATES[at % 5], Decimal(at) if at % 7 else None, bool(at % 3))
        for at in range(70)
    ]
    return [*found, *((100 + at, None, "lost", Decimal(1), True) for at in range(3))]


ROWS = some_rows()


def opened(sides: Sides, days: Calendar | None) -> reading.Pair:
    source, target = (
        dialect.engine(Database(role, side.url), role="source")
        for role, side in (("source", sides.source), ("target", sides.target))
    )
    sides.opened.extend((source, target))
    return reading.pair_for_comparison(spec(days), source, target)


def day(made: Any) -> str:
    """New York's; it is four hours behind from March 10, 7:00 UTC on."""
    if made is None:
        return UNDATED
    return str((made - timedelta(hours=5 if made < datetime(2024, 3, 10, 7, tzinfo=UTC) else 4)).date())


def written(value: Any) -> Any:
    """Times as their canonical texts."""
    return value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value


def figure(measure: Measure, found: Rows) -> Any:
    """What plain Python makes of some rows."""
    names = ("id", "made", "state", "amount", "paid")
    values = [written(row[names.index(measure.column or "id")]) for row in found]
    known = [value for value in values if value is not None]
    figures: dict[str, Callable[[], Any]] = {
        "count": lambda: len(values),
        "nulls": lambda: len(values) - len(known),
        "distinct": lambda: len(set(known)),
        "sum": lambda: sum(known) if known else None,
        "avg": lambda: Decimal(sum(known)) / len(known) if known else None,
        "min": lambda: min(known, default=None),
        "max": lambda: max(known, default=None),
    }
    return figures[measure.function]()


MEASURES = [
    Measure("count"),
    Measure("nulls", "state"),
    Measure("distinct", "state"),
    Measure("sum", "amount"),
    Measure("avg", "amount"),
    Measure("min", "amount"),
    Measure("max", "amount"),
    Measure("min", "state"),
    Measure("max", "state"),
    Measure("sum", "paid"),
    Measure("min", "made"),
    Measure("max", "made"),
]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_figures_are_those_of_plain_python(both: Both, source: Name, target: Name) -> None:
    """Each day's, with days of the declared zone, and those of rows that fall into none."""
    sides = both(source, target)
    sides.create(COLUMNS[source], COLUMNS[target], ROWS)
    sides.target.fill("t", ROWS)

    with reading.snapshot(opened(sides, DAYS)) as snapshot:
        found = reading.measured(snapshot, MEASURES, list(DAYS.windows(START + timedelta(days=4))))

    for key in (*found, UNDATED):
        here = [row for row in ROWS if day(row[1]) == key]
        expected = {measure: figure(measure, here) for measure in MEASURES}
        assert {measure: plain(both.source) for measure, both in found[key].items()} == expected
        assert {measure: plain(both.target) for measure, both in found[key].items()} == expected


def plain(value: Any) -> Any:
    """As plain Python reckons: with 28 digits."""
    return +Decimal(str(value)) if isinstance(value, float | Decimal) else value


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_figures_by_a_column_know_no_collation(both: Both, source: Name, target: Name) -> None:
    """Case and trailing spaces make groups of their own, and so do NULL and the empty text."""
    sides = both(source, target)
    sides.create(COLUMNS[source], COLUMNS[target], ROWS)
    sides.target.fill("t", ROWS)

    with reading.snapshot(opened(sides, None)) as snapshot:
        for side in (snapshot.source, snapshot.target):
            counts = {group: rows for _, group, rows in reading.group_counts(side, Groups(("state",)), [ALL])}
            assert counts == {**{(state,): 14 for state in STATES}, ("lost",): 3}


@pytest.mark.parametrize("source", SOURCES)
def test_one_statement_a_side(both: Both, source: Name) -> None:
    """However many measures and days; sums of digests see what keeps count, sum and exclusive or."""
    sides = both(source, "postgresql")
    sides.create(COLUMNS[source], COLUMNS["postgresql"], ROWS)
    swapped = [list(row) for row in ROWS]
    swapped[1][3], swapped[2][3] = swapped[2][3], swapped[1][3]
    sides.target.fill("t", [tuple(row) for row in swapped])
    pair = opened(sides, DAYS)
    said: list[str] = []
    with reading.snapshot(pair) as snapshot:
        sa.event.listen(pair.source, "before_cursor_execute", lambda *given: said.append(given[2]))
        windows = list(DAYS.windows(START + timedelta(days=4)))
        found = reading.measured(snapshot, [*MEASURES, DIGEST], windows)

    assert len([statement for statement in said if "pg_" not in statement]) == 1
    differing = [key for key, figures in found.items() if figures[DIGEST].source != figures[DIGEST].target]
    assert differing == ["2024-03-09"]
    assert found["2024-03-09"][MEASURES[3]].source == found["2024-03-09"][MEASURES[3]].target


def typed(snapshot: Snapshot) -> bool:
    return hashing(snapshot) is not Hashing.CANONICAL


SAME = [
    "bigint",
    "numeric(9,2)",
    "double precision",
    "text",
    "varchar(20)",
    "char(5)",
    "date",
    "timestamptz",
    "uuid",
    "bytea",
]
NOT = ["jsonb", "mood"]


@pytest.mark.parametrize(("of", "fast"), [*((of, True) for of in SAME), *((of, False) for of in NOT)])
def test_typed_hashes_only_where_they_tell_values_apart(both: Both, of: str, fast: bool) -> None:  # noqa: FBT001
    """Between PostgreSQL servers of one version, and for types whose hash is of the value."""
    sides = both("postgresql", "postgresql")
    for side in (sides.source, sides.target):
        side.run(
            "DROP TYPE IF EXISTS mood",
            "CREATE TYPE mood AS ENUM ('a')",
        )
    sides.create(f"id bigint primary key, v {of}", f"id bigint primary key, v {of}")

    with reading.snapshot(opened(sides, None)) as snapshot:
        assert typed(snapshot) is fast


def test_least_and_greatest_single_precision_floats_keep_all_their_digits(both: Both) -> None:
    """MySQL writes six digits of a FLOAT."""
    sides = both("mysql", "mysql")
    for side, value in ((sides.source, 16777216), (sides.target, 16777218)):
        side.run("create table t (id integer primary key, f float)")
        side.fill("t", [(1, value)])
    measures = [Measure("min", "f"), Measure("max", "f")]
    with reading.snapshot(opened(sides, None)) as snapshot:
        found = reading.measured(snapshot, measures, [ALL])[ALL.key]
    assert [(found[each].source, found[each].target) for each in measures] == [(16777216.0, 16777218.0)] * 2


def test_least_and_greatest_doubles_of_a_fixed_number_of_digits_are_not_limited(both: Both) -> None:
    """MySQL would give -1e17, of the rows of a condition, for what it has put into a temporary table."""
    sides = both("mysql", "mysql")
    for side in (sides.source, sides.target):
        side.run("create table t (id integer primary key, made datetime, v double(20,0))")
        side.fill("t", [(1, datetime(2024, 3, 9, 12), -1e19), (2, datetime(2024, 3, 10, 12), 5)])  # noqa: DTZ001
    figures = [Measure(function, "v", where="id > 0") for function in ("min", "sum")]
    with reading.snapshot(opened(sides, DAYS)) as snapshot:
        found = reading.measured(snapshot, figures, list(DAYS.windows(START + timedelta(days=2))))
    assert [found["2024-03-09"][each].source for each in figures] == [-1e19, Decimal(-(10**19))]


def test_sums_of_sqlite_are_exact(both: Both) -> None:
    """It would add these as floats, or refuse to, where a column may hold fractions."""
    sides = both("sqlite", "postgresql")
    sides.create("id integer, n numeric, i bigint", "id integer, n numeric, i bigint")
    rows = [(1, 2**52, 2**62), (2, 0.25, 2**62), *((n, 0.1, 2**62) for n in range(3, 13))]
    for side in (sides.source, sides.target):
        side.fill("t", rows)
    measures = [Measure(function, name) for function in ("sum", "avg") for name in "ni"]
    with reading.snapshot(opened(sides, None)) as snapshot:
        found = reading.measured(snapshot, measures, [ALL])["all"]
    assert found[measures[0]] == SidePair(Decimal(2**52) + Decimal("1.25"), Decimal(2**52) + Decimal("1.25"))
    assert all(each.source == each.target for each in found.values())


def test_a_sum_that_mysql_cuts_is_no_sum(both: Both) -> None:
    """It gives its largest decimal for all that are larger."""
    sides = both("mysql", "mysql")
    sides.create("id integer, n decimal(65,30)", "id integer, n decimal(65,30)")
    for side in (sides.source, sides.target):
        side.fill("t", [(at, "9" * 35) for at in range(20)])
    with (
        reading.snapshot(opened(sides, None)) as snapshot,
        pytest.raises(DoesNotFitError, match="more than the 65 digits that MySQL adds up to"),
    ):
        reading.measured(snapshot, [Measure("sum", "n")], [ALL])


def test_sums_of_the_largest_integers_of_duckdb(both: Both) -> None:
    """Which it would add as doubles."""
    sides = both("duckdb", "duckdb")
    for side, last in ((sides.source, 1), (sides.target, 2)):
        side.run("CREATE TABLE t (id integer, v uhugeint)", f"INSERT INTO t VALUES (1, {2**100}), (2, {last})")
    with reading.snapshot(opened(sides, None)) as snapshot:
        found = reading.measured(snapshot, [Measure("sum", "v")], [ALL])["all"][Measure("sum", "v")]
    assert found == SidePair(2**100 + 1, 2**100 + 2)


@pytest.mark.parametrize("name", SOURCES)
def test_sums_of_doubles_do_not_depend_on_the_order_of_rows(both: Both, name: Name) -> None:
    """They are those of the decimals that the doubles print as, on every database; and a cent is no rounding."""
    sides = both("postgresql", name)
    double = {"postgresql": "double precision", "duckdb": "double"}.get(name, "double")
    values = [1e16, 0.1, -1e16, 0.2, 12.34, 1e-10, None, 7.0] if name != "duckdb" else [1e11, 0.1, -1e11, 0.2, None]
    sides.create("id integer, v double precision", f"id integer, v {double}", list(enumerate(values)))
    sides.target.fill("t", [(at, value) for at, value in enumerate(sorted(values, key=str))])
    sum_, mean, none = Measure("sum", "v"), Measure("avg", "v"), Measure("sum", "v", where="id > 99")
    with reading.snapshot(opened(sides, None)) as snapshot:
        found = reading.measured(snapshot, [sum_, mean, none], [ALL])["all"]
    exact = sum(Decimal(repr(value)) for value in values if value is not None)
    assert found[sum_] == SidePair(exact, exact)
    assert found[mean].source == found[mean].target
    assert found[none] == SidePair(None, None)


@pytest.mark.parametrize("name", SOURCES)
def test_sums_of_doubles_of_any_size(both: Both, name: Name) -> None:
    """What has no decimal in MySQL or DuckDB is added as it is, and what is no number in SQLite counts as 0."""
    sides = both(name, "postgresql")
    columns = (
        f"id integer, v {'double precision' if name == 'postgresql' else 'double'}",
        "id integer, v double precision",
    )
    sides.create(*columns, [(1, 1e300), (2, 5e-320), *([(3, "x")] if name == "sqlite" else [])])
    sides.target.fill("t", [(1, 1e300), (2, 5e-320)])
    with reading.snapshot(opened(sides, None)) as snapshot:
        found = reading.measured(snapshot, [Measure("sum", "v")], [ALL])["all"][Measure("sum", "v")]
    assert float(found.source) == float(found.target) == 1e300
