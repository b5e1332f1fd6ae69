"""A comparison reads what it must, holds little of it, and says nothing when its readings contradict each other."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import recon_assets
from recon_assets import reading
from recon_assets.diff import repeated_keys, window_comparison
from recon_assets.diff.comparisons import fair_shares
from recon_assets.errors import ContradictionError, RefusedError
from recon_assets.model import Comparison
from recon_assets.reading import measures, window_parts
from recon_assets_tests.db.compared import Table, build, take
from recon_assets_tests.db.conftest import Both
from recon_assets_tests.db.sides import Sides

DAY = datetime(2024, 3, 1, 12, tzinfo=UTC)
COLUMNS = {"id": "bigint NOT NULL", "v": "varchar(20)", "at": "timestamptz"}
ROWS = [(number, f"value {number}", DAY + timedelta(days=number % 10)) for number in range(200)]
WINDOW = ("at", "2024-03-01", "2024-03-11", "UTC")
Patch = pytest.MonkeyPatch


def filled(both: Both, source: list[Any], target: list[Any], key: str = "id", **columns: str) -> Sides:
    sides = both("postgresql", "postgresql")
    for side, rows in ((sides.source, source), (sides.target, target)):
        build(side, Table("t", {**COLUMNS, **columns}, rows, [key] if key else []))
    return sides


def compared(sides: Sides, **more: Any) -> Comparison:
    given = {"key": ["id"], **more}
    return recon_assets.compare(sides.source.url, "t", sides.target.url, "t", **given)


def changed(*ids: int) -> list[Any]:
    return [(number, "other" if number in ids else text, at) for number, text, at in ROWS]


def loses_a_row(patch: Patch) -> None:
    """One line of the source never arrives."""
    whole = window_parts.lines

    def fewer(side: Any, *args: Any) -> Iterator[Any]:
        rows = whole(side, *args)
        if side.role == "source":
            next(rows)
        yield from rows

    patch.setattr(reading, "lines", fewer)


def misplaces(patch: Patch) -> None:
    """The digests of parts are of other parts than those that are read."""
    whole = window_parts._rest
    patch.setattr(window_parts, "_rest", lambda number, parts: whole(number + len(taken), parts))
    taken: list[int] = []
    again = window_parts.split

    def split(*args: Any) -> Any:
        found = again(*args)
        taken.append(1)
        return found

    patch.setattr(reading, "split", split)


def miscounts(patch: Patch) -> None:
    """Digests of parts count a row too many."""
    whole = measures.digest_of
    patch.setattr(window_parts, "digest_of", lambda figures: whole([figures[0] + 1, figures[1] + 1, *figures[2:]]))


def forgets_a_verdict(patch: Patch) -> None:
    """A record that is missing is not counted."""
    patch.setattr(window_comparison._Comparing, "_add", lambda self, verdict: self._pair(verdict.rows[0], 1))


FAULTS: list[Callable[[Patch], None]] = [loses_a_row, misplaces, miscounts, forgets_a_verdict]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_readings_that_contradict_each_other_are_no_verdict(
    both: Both, fault: Callable[[Patch], None], monkeypatch: Patch
) -> None:
    """Whatever is read wrongly, the comparison says what contradicts what, and where; keys and values it does not."""
    sides = filled(both, ROWS, [*changed(3)[1:], ROWS[0]][:-1])
    take("in buckets", monkeypatch)
    assert compared(sides).counts.wrong == 2
    fault(monkeypatch)

    with pytest.raises(ContradictionError, match=r"^t:? .*all.* rows? .*source.*target.*nothing is said") as raised:
        compared(sides)

    assert "value" not in str(raised.value)
    assert raised.value.exit_code == 3


def test_what_digests_decide_is_not_read(both: Both) -> None:
    """Not for a rule on the key, nor for a column that is only read along, nor for a tolerance."""
    later = [(number, text, at + timedelta(seconds=1)) for number, text, at in ROWS]
    sides = filled(both, ROWS, later)

    assert compared(sides, columns=["v"], updated_at="at", grace_period=timedelta(hours=1)).rows_read == 0
    equal = filled(both, ROWS, ROWS, key="v", v="varchar(20) NOT NULL")
    assert compared(equal, key=["v"], rules={"v": {"ignore_case": True}}).rows_read == 0
    one_day = [(number, "Value 7" if number == 7 else text, at) for number, text, at in ROWS]
    sides = filled(both, ROWS, one_day, key="v", v="varchar(20) NOT NULL")
    found = compared(sides, key=["v"], rules={"v": {"ignore_case": True}}, window=WINDOW)
    assert (found.equal, found.rows_read) == (True, 40)


@pytest.mark.parametrize("levels", [1, 2])
def test_only_parts_that_differ_are_read(both: Both, levels: int, monkeypatch: Patch) -> None:
    """Level by level: parts that are still large are split again."""
    take("in buckets", monkeypatch)
    monkeypatch.setattr(window_comparison, "ROWS_PER_PART", 4)
    if levels > 1:
        monkeypatch.setattr(window_comparison, "MAX_DIGESTS", 8)
        monkeypatch.setattr(window_comparison, "MAX_ROWS_OF_PART", 10)

    found = compared(filled(both, ROWS, changed(17)))

    assert [each.key for each in found.mismatched] == [(17,)]
    assert 0 < found.rows_read < 60


def test_of_parts_that_differ_by_a_row_that_row_alone_is_read(both: Both, monkeypatch: Patch) -> None:
    """The difference of the sums is its hash; but some parts are read whole, for records that agree to be shown."""
    take("in buckets", monkeypatch)
    sides = filled(both, ROWS, [*changed(17, 111)[1:], (900, "extra", DAY)])
    whole = compared(sides)
    assert whole.matching_samples
    monkeypatch.setattr(window_comparison, "MAX_SAMPLES", 0)

    found = compared(sides)

    def wrong(of: Comparison) -> tuple[Any, ...]:
        return of.counts, of.missing, of.extra, of.mismatched

    assert wrong(found) == wrong(whole)
    assert (found.counts.missing, found.counts.extra, found.counts.mismatched) == (1, 1, 2)
    assert found.rows_read == 6
    # Where the guess is wrong no row is found, and then all rows of the part are read.
    guess = window_parts._only_row
    monkeypatch.setattr(window_parts, "_only_row", lambda *both: None if (row := guess(*both)) is None else row + 2**20)
    again = compared(sides)
    assert wrong(again) == wrong(whole)
    assert again.rows_read > found.rows_read


def test_evidence_is_shared_fairly(both: Both) -> None:
    """No more is kept of all windows than of one, and every window has its share; counts are exact."""
    sides = filled(both, ROWS, [row for row in ROWS if row[0] % 10 < 3])

    found = compared(sides, window=WINDOW, max_evidence=21)

    assert found.counts.missing == 140
    assert len(found.missing) == 21
    assert {each.window for each in found.missing} == {f"2024-03-{day:02}" for day in range(4, 11)}
    assert fair_shares([5, 0, 1, 9], 9) == [4, 0, 1, 4]
    assert fair_shares([2, 2], 9) == [2, 2]


def test_many_rows_of_one_key_are_sorted_on_disk(both: Both, monkeypatch: Patch) -> None:
    """Whether or not they are near to each other within a tolerance; verdicts are those of a few rows."""
    rows = [(1, str(number), None) for number in range(100)]
    sides = filled(both, [*rows, *rows[:3]], [(1, str(number + 50), None) for number in range(100)], key="")
    few, near = compared(sides), {"rules": {"v": {"as": "number", "abs": "60"}}}
    few_near = compared(sides, **near)
    assert few.counts.missing == few.counts.extra + 3 == 53
    assert (few_near.counts.missing, few_near.counts.extra) == (3, 0)
    monkeypatch.setattr(repeated_keys, "MAX_HELD", 10)
    monkeypatch.setattr(window_comparison, "MAX_HELD", 10)

    assert compared(sides).counts == few.counts
    assert compared(sides, **near).counts == few_near.counts

    monkeypatch.setattr(repeated_keys, "MAX_NEAR", 20)
    with pytest.raises(RefusedError, match=r"more than 20 rows of one key .* name a key that identifies"):
        compared(sides, **near)


def test_many_in_flight_are_found_among_all_rows(both: Both, monkeypatch: Patch) -> None:
    """More than are asked for by key; also where one key has so many that they are not held."""
    monkeypatch.setattr(window_comparison, "MAX_SEARCHED_ELSEWHERE", 10)
    monkeypatch.setattr(window_comparison, "MAX_HELD", 30)
    monkeypatch.setattr(window_comparison, "PAUSE", timedelta())
    now = datetime.now(UTC)
    source = [(min(50, number), str(number), now) for number in range(100)]
    sides = filled(both, source, [(0, "0", now), (1, "x", now)], key="")

    found = compared(sides, updated_at="at", grace_period=timedelta(hours=1))

    assert (found.in_flight, found.counts.source, found.counts.target) == (99, 1, 1)
    assert found.equal
