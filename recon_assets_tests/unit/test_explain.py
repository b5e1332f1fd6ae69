"""Why records differ: planted damage is named, damage at random is not."""

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from recon_assets.explain import reasons
from recon_assets.model import Comparison, Counts, Discrepancy, DiscrepancyKind, Value

Row = dict[str, Value]
Damage = Callable[[Row, random.Random], None]

START = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = ("Zoë Müller", "José Núñez", "Renée Œuvre", "Søren Åberg", "Łukasz Żak")
CARRIERS = ("UA", "AA", "DL", "B6", "WN")
STATES = ("new", "paid", "sent", "done")
NEW_YORK = ZoneInfo("America/New_York")


def why(comparison: Comparison, matching_samples: Sequence[Row] = (), **more: Any) -> tuple[str, ...]:
    """The reasons, with some records that agree."""
    return reasons(replace(comparison, matching_samples=tuple(matching_samples)), **more)


def rows(many: int = 400, seed: int = 1, *, months: int = 1) -> list[Row]:
    """Orders with a column of every kind of value."""
    chance = random.Random(seed)
    return [
        {
            "id": at,
            "year": 2024,
            "carrier": chance.choice(CARRIERS),
            "state": chance.choice(STATES),
            "price": f"{chance.randint(100, 999_999) / 100:.2f}".rstrip("0").rstrip("."),
            "weight": repr(chance.uniform(1, 5000)),
            "pieces": chance.randint(1, 400),
            "name": f"{chance.choice(NAMES)} {chance.randint(1, 99)}",
            "note": f"{chance.choice(['Call', 'Ring', 'Write'])} {chance.getrandbits(80):x} tomorrow at noon",
            "code": f"{chance.randint(1, 999):06d}",
            "paid": chance.random() < 0.5,
            "made": _time(START + timedelta(seconds=chance.uniform(0, 2_400_000 * months))),
            "due": (START + timedelta(days=chance.randint(0, 300))).date().isoformat(),
            "tax": f"{chance.randint(1, 99_999) / 1000:.3f}".rstrip("0").rstrip("."),
        }
        for at in range(1, many + 1)
    ]


def _time(at: datetime) -> str:
    return at.isoformat()


def mismatched(all_of: Sequence[Row], damage: Callable[[Row], object], every: int = 4) -> Comparison:
    """What comparing finds when the target of every fourth row was damaged."""
    wrong = []
    for row in all_of[::every]:
        target = dict(row)
        damage(target)
        differing = tuple(name for name in row if row[name] != target[name])
        if differing:
            wrong.append(Discrepancy(DiscrepancyKind.MISMATCHED, (row["id"],), row, target, differing))
    columns = {name: sum(name in each.differing for each in wrong) for name in (all_of[0] if all_of else ())}
    counts = Counts(len(all_of), len(all_of), 0, 0, len(wrong))
    return Comparison(counts, mismatched=tuple(wrong), by_column={name: n for name, n in columns.items() if n})


def one_sided(kind: DiscrepancyKind, wrong: Sequence[Row], of: int) -> Comparison:
    """What comparing finds when one side lacks these rows."""
    found = tuple(_lone(kind, row) for row in wrong)
    if kind is DiscrepancyKind.MISSING:
        return Comparison(Counts(of, of - len(wrong), len(wrong)), missing=found)
    return Comparison(Counts(of - len(wrong), of, 0, len(wrong)), extra=found)


def _lone(kind: DiscrepancyKind, row: Row) -> Discrepancy:
    gone = kind is DiscrepancyKind.MISSING
    return Discrepancy(kind, (row["id"],), row if gone else None, None if gone else row)


def change(column: str, how: Callable[[Any], Value]) -> Callable[[Row], None]:
    """Damage one column."""

    def damage(row: Row) -> None:
        row[column] = how(row[column])

    return damage


def shift(value: str, by: timedelta) -> str:
    return _time(datetime.fromisoformat(value) + by)


def scaled(value: str, factor: str, digits: str = "0.01", rounding: str = ROUND_HALF_UP) -> str:
    return format((Decimal(value) * Decimal(factor)).quantize(Decimal(digits), rounding).normalize(), "f")


def read_as_utc(value: str) -> str:
    """Local time of New York, whose zone was forgotten."""
    return _time(datetime.fromisoformat(value).astimezone(NEW_YORK).replace(tzinfo=UTC))


def read_as_local(value: str) -> str:
    return _time(datetime.fromisoformat(value).replace(tzinfo=NEW_YORK).astimezone(UTC))


def single(value: str) -> str:
    return repr(struct.unpack("f", struct.pack("f", float(value)))[0])


CELLS = [
    ("price", lambda v: scaled(v, "0.85"), "target is source x 0.85"),
    ("price", lambda v: scaled(v, "0.85", rounding=ROUND_DOWN), "target is source x 0.85"),
    ("price", lambda v: scaled(v, "100"), "target is source x 100"),
    ("weight", lambda v: repr(float(v) * 0.45359237), "target is source x 0.45359237"),
    ("pieces", lambda v: v + 7, "target is source + 7"),
    ("price", lambda v: format(Decimal(v) - Decimal("0.01"), "f"), "target is source - 0.01"),
    ("weight", lambda v: repr(float(v) + 0.1), "target is source + 0.1"),
    ("pieces", lambda v: -v, "target has the opposite sign"),
    ("tax", lambda v: scaled(v, "1", "0.1"), "target is source rounded to 1 digit after the point"),
    ("tax", lambda v: scaled(v, "1", "0.01", ROUND_DOWN), "target is source cut to 2 digits after the point"),
    ("tax", lambda v: scaled(v, "1", "1"), "target is source rounded to whole numbers"),
    ("weight", single, "target is the same in single precision (7 digits)"),
    ("made", lambda v: shift(v, timedelta(seconds=90)), "target is 1 minute 30 seconds later"),
    ("made", lambda v: shift(v, timedelta(seconds=-1)), "target is 1 second earlier"),
    ("made", lambda v: shift(v, timedelta(days=2)), "target is 2 days later"),
    ("made", lambda v: shift(v, timedelta(hours=-3, minutes=-7)), "target is 3 hours 7 minutes earlier"),
    (
        "made",
        read_as_utc,
        "target is 5 hours earlier, as if America/New_York or America/Bogota time had been read as UTC",
    ),
    (
        "made",
        read_as_local,
        "target is 5 hours later, as if UTC had been read as America/New_York or America/Bogota time",
    ),
    ("made", lambda v: v[:19] + "+00:00", "target is source cut to whole seconds"),
    ("made", lambda v: v[:23] + "+00:00", "target is source cut to milliseconds"),
    ("made", lambda v: v[:10] + "T00:00:00+00:00", "target is source cut to whole days"),
    ("due", lambda v: f"{v[:4]}-{v[8:]}-{v[5:7]}" if v[8:] <= "12" else v, "target has day and month swapped"),
    ("note", lambda v: v[:20], "target is source cut to 20 characters"),
    ("note", lambda v: v.upper(), "target is source in upper case"),
    ("note", lambda v: v.lower(), "target is source in lower case"),
    ("note", lambda v: v.swapcase(), "target differs in case only"),
    ("note", lambda v: v + "  ", "target is padded with white space at the end"),
    ("note", lambda v: " " + v, "target has gained white space at its ends"),
    ("note", lambda v: v.replace(" ", "  "), "target has other white space"),
    ("code", lambda v: v.lstrip("0"), "target has lost its leading zeros"),
    ("name", lambda v: v.encode().decode("latin-1"), "target is UTF-8 that was read as Latin-1"),
    ("name", lambda v: v.encode("ascii", "replace").decode(), "target has marks in place of all characters outside"),
    ("name", lambda _: None, "target is NULL"),
    ("name", lambda _: "", "target is ''"),
    ("paid", lambda _: None, "target is NULL"),
    ("pieces", lambda _: 0, "target is 0"),
    ("state", lambda v: "done" if v == "paid" else v, "paid has become done"),
    ("state", lambda v: None if v == "paid" else v, "paid has become NULL"),
]


@pytest.mark.parametrize(("column", "how", "said"), CELLS, ids=[f"{column}: {said}" for column, _, said in CELLS])
def test_one_column(column: str, how: Callable[[Any], Value], said: str) -> None:
    """What became of its values is said with the column."""
    comparison = mismatched(rows(800), change(column, how), every=2)
    number = comparison.counts.mismatched
    assert number >= 10
    first = reasons(comparison)[0]
    assert first.startswith(f"All {number} mismatched records differ in {column} only; {said}")
    assert first.endswith("in all of them")


def test_times_of_which_one_side_names_the_zone() -> None:
    """As what the others were read is said, and nothing was cut where the time is the same."""
    naive = [row | {"made": str(row["made"]).removesuffix("+00:00")} for row in rows()]
    same = reasons(mismatched(naive, change("made", lambda v: f"{v}+00:00")))
    later = reasons(mismatched(naive, change("made", lambda v: shift(v + "+00:00", timedelta(days=1)))))

    said = (
        "All 100 mismatched records differ in made only; target is {} (times without a zone read as UTC) in all of them"
    )
    assert same == (said.format("the same time"),)
    assert later == (said.format("1 day later"),)


@pytest.mark.parametrize("hours", [0, 1])
def test_days_that_are_months_too(hours: int) -> None:
    """Are not called swapped where only the hour is another."""
    eleventh = [row | {"made": f"2024-11-11T10:{at % 60:02}:00+00:00"} for at, row in enumerate(rows())]
    found = reasons(mismatched(eleventh, change("made", lambda v: shift(v, timedelta(hours=hours, minutes=1)))))
    assert "swapped" not in found[0]


def test_clocks_that_change() -> None:
    """Two shifts that are an hour apart are one zone."""
    comparison = mismatched(rows(months=12), change("made", read_as_utc))
    said = "target is 4 hours or 5 hours earlier, as if America/New_York time had been read as UTC in all of them"
    assert reasons(comparison) == (f"All 100 mismatched records differ in made only; {said}",)


def test_shifts_an_hour_apart_that_no_zone_explains() -> None:
    """Are not called a zone's."""
    chance = random.Random(1)
    comparison = mismatched(rows(), change("made", lambda v: shift(v, timedelta(hours=chance.choice([5, 6])))))
    assert reasons(comparison) == ("All 100 mismatched records differ in made only",)


def test_share() -> None:
    """Is exact, and never all when one is not."""
    numbers = iter(range(1000))
    damage = change("price", lambda v: "0.5" if next(numbers) == 7 else scaled(v, "0.85"))
    assert reasons(mismatched(rows(), damage)) == (
        "All 100 mismatched records differ in price only; target is source x 0.85 in 99 % of them",
    )


def test_several_columns() -> None:
    """The set is named, and what became of each; columns that met with the same stand together."""

    def damage(row: Row) -> None:
        row["price"], row["tax"] = scaled(str(row["price"]), "1.2"), scaled(str(row["tax"]), "1.2", "0.001")
        row["name"] = str(row["name"]).upper()

    assert reasons(mismatched(rows(), damage)) == (
        "All 100 mismatched records differ in price, name and tax only",
        "price and tax: target is source x 1.2 in all 200 values that differ in them",
        "name: target is source in upper case in all 100 records that differ in it",
        (
            "If that of name is no fault: --rule name:ignore_case,"
            " or declare columns: {rules: {name: {ignore_case: true}}}"
        ),
    )


def test_two_causes() -> None:
    """Each in its column, the one with more records first."""

    def damage(row: Row) -> None:
        if isinstance(row["id"], int) and row["id"] % 3:
            row["pieces"] = 0
        else:
            row["note"] = str(row["note"])[:12]

    assert reasons(mismatched(rows(), damage)) == (
        "pieces: target is 0 in all 67 records that differ in it",
        "note: target is source cut to 12 characters in all 33 records that differ in it",
    )


def test_every_column() -> None:
    """A whole row that became another one."""

    def damage(row: Row) -> None:
        row.update({name: f"{value}{row['id']}?" for name, value in row.items() if name != "id"})

    assert reasons(mismatched(rows(), damage)) == ("All 100 mismatched records differ in every column but the key",)


def test_swapped_columns() -> None:
    """Each holds the other's values."""

    def damage(row: Row) -> None:
        row["price"], row["tax"] = row["tax"], row["price"]

    said = reasons(mismatched(rows(), damage))
    assert said[0] == "price and tax are swapped in all 100 records that differ in both"


def test_another_column_s_values() -> None:
    """A mapping that took the wrong column."""

    def damage(row: Row) -> None:
        row["due"] = row["note"]

    (said,) = reasons(mismatched(rows(), damage))
    assert said == "All 100 mismatched records differ in due only; target is note of source in all of them"


def test_exact_figures_serve_where_evidence_is_capped() -> None:
    """What holds of every mismatched record is said of all, the rest of those looked at."""
    whole = mismatched(rows(), change("price", lambda v: scaled(v, "0.85")))
    capped = replace(whole, mismatched=whole.mismatched[:40])
    assert reasons(capped) == (
        "All 100 mismatched records differ in price only; target is source x 0.85 in all of the 40 looked at",
    )
    capped = replace(capped, by_column={"price": 90, "tax": 30})
    assert reasons(capped)[0].startswith("All 40 mismatched records looked at differ in price only; target is")


def test_evidence_is_looked_at_in_bounds() -> None:
    """At most a thousand of each kind, and it says so."""
    whole = mismatched(rows(3000), change("price", lambda v: scaled(v, "0.85")), every=1)
    assert reasons(replace(whole, by_column={}))[0].startswith("All 1,000 mismatched records looked at differ in price")


OURS = [row for row in rows(2000, 5) if row["carrier"] == "UA"][:200]
SOUND = rows(100, 6)


def test_one_value_against_records_that_agree() -> None:
    """Is said with how many of those have it; a column that is the same everywhere is not."""
    chance = random.Random(3)
    comparison = mismatched(OURS, at_random(chance), every=2)
    said, number = why(comparison, matching_samples=SOUND), comparison.counts.mismatched
    few = sum(row["carrier"] == "UA" for row in SOUND)
    assert said == (
        f"All {number} mismatched records have carrier = UA, as {few} % of the agreeing records looked at do",
    )
    assert why(comparison, matching_samples=OURS[100:]) == ()


def test_decimals_have_the_digits_of_their_column() -> None:
    """A person looks for 11.10, and finds no 11.1."""
    ours: list[Row] = [{**row, "price": "11.1"} for row in OURS]
    scales = {"price": (2, 3)}
    lost = replace(one_sided(DiscrepancyKind.EXTRA, ours, 2000), scales=scales)
    assert "price = 11.100" in why(lost, matching_samples=SOUND)[0]
    changed = replace(mismatched(ours, change("price", lambda _: "7")), scales=scales)
    assert "price: 11.10 has become 7.000" in why(changed)[0] or "price only; 11.10 has become 7.000" in why(changed)[0]
    constant = replace(mismatched(rows(), change("price", lambda _: "7")), scales=scales)
    assert "target is 7.000" in why(constant)[0]
    assert [lost.written("price", value, 0) for value in ("-1", "1e5", None)] == ["-1.00", "1e5", None]


@pytest.mark.parametrize("kind", [DiscrepancyKind.MISSING, DiscrepancyKind.EXTRA])
def test_one_value_of_records_on_one_side(kind: DiscrepancyKind) -> None:
    """As of others; also where no record that agrees has it."""
    matching_samples = [row for row in SOUND if row["carrier"] != "UA"]
    assert why(one_sided(kind, OURS, 2000), matching_samples=matching_samples) == (
        f"All 200 {kind} records have carrier = UA, as none of the agreeing records looked at do",
    )


def test_two_values_are_counted_together() -> None:
    """Of a hundred, ninety have the one and ninety the other: both have eighty of them."""
    lost: list[Row] = [
        {"id": n, "carrier": "UA" if n >= 10 else "AA", "origin": "JFK" if n < 90 else "LGA"} for n in range(100)
    ]
    others: list[Row] = [
        {"id": n, "carrier": "UA" if n % 10 == 5 else "AA", "origin": "JFK" if n % 20 == 0 else "LGA"}
        for n in range(200)
    ]

    assert (
        "80 of 100 missing records (80 %) have origin = JFK and carrier = UA,"
        " as none of the agreeing records looked at do"
    ) in why(one_sided(DiscrepancyKind.MISSING, lost, 1000), others)


def test_one_value_without_records_that_agree() -> None:
    """Is said with that remark, and of one text only; where most records are wrong it is not said."""
    comparison = one_sided(DiscrepancyKind.MISSING, OURS, 2000)
    assert reasons(comparison) == ("All 200 missing records have carrier = UA (whether others do was not looked at)",)
    assert reasons(one_sided(DiscrepancyKind.MISSING, OURS, 300)) == ()
    constant: list[Row] = [row | {"currency": "EUR"} for row in OURS]
    assert reasons(one_sided(DiscrepancyKind.MISSING, constant, 2000)) == ()


def test_records_wrong_in_other_ways_are_a_contrast() -> None:
    """Missing ones have a value that the mismatched ones don't."""
    others = [row for row in rows(400, 8) if row["carrier"] != "UA"]
    chance = random.Random(3)
    both = replace(
        one_sided(DiscrepancyKind.MISSING, OURS, 2000),
        mismatched=mismatched(others, at_random(chance)).mismatched,
    )
    said = "All 200 missing records have carrier = UA, as none of the other differing records do"
    assert reasons(replace(both, counts=Counts(2000, 1800, 200, 0, len(both.mismatched)))) == (said,)


STRETCHES = [
    (slice(300, None), "{first} or later, where no agreeing records looked at are"),
    (slice(0, 100), "{last} or earlier, where no agreeing records looked at are"),
    (slice(150, 250), "from {first} to {last}, where no agreeing records looked at are"),
]


@pytest.mark.parametrize(("wrong", "said"), STRETCHES, ids=["newest", "oldest", "between"])
def test_one_stretch_of_time(wrong: slice, said: str) -> None:
    """All newer than a moment, older, or between two, where the records that agree are not."""
    ordered = sorted(rows(), key=lambda row: str(row["made"]))
    lost = ordered[wrong]
    matching_samples = [row for row in ordered if row not in lost][::4]
    expected = said.format(first=lost[0]["made"], last=lost[-1]["made"])
    comparison = one_sided(DiscrepancyKind.MISSING, lost, 400)
    assert why(comparison, matching_samples=matching_samples) == (f"All 100 missing records have made {expected}",)
    assert why(comparison, matching_samples=matching_samples, private=frozenset({"made"})) == ()


def test_stretch_with_some_that_agree() -> None:
    """Says how many."""
    ordered = sorted(rows(), key=lambda row: str(row["made"]))
    matching_samples = [*ordered[::6], *ordered[150:250:20]]
    lost = [row for row in ordered[150:250] if row not in matching_samples]
    (said,) = why(
        one_sided(DiscrepancyKind.MISSING, lost, 400),
        matching_samples=[*ordered[:150], *ordered[250:], matching_samples[30]],
    )
    assert said.endswith("where only 0 % of the agreeing records looked at are")


def test_windows() -> None:
    """Records of a few days that follow one another, of many that were compared."""
    days = [f"2024-01-{day:02d}" for day in range(1, 31)]
    lost = one_sided(DiscrepancyKind.MISSING, rows(4000)[::10], 4000)
    one = replace(lost, missing=tuple(replace(each, window=days[9]) for each in lost.missing))
    assert reasons(one, windows=days) == ("All 400 missing records are on 2024-01-10, 1 of 30 windows",)
    three = replace(lost, missing=tuple(replace(each, window=days[9 + at % 3]) for at, each in enumerate(lost.missing)))
    assert reasons(three, windows=days) == (
        "All 400 missing records are from 2024-01-10 to 2024-01-12, 3 of 30 windows",
    )
    apart = replace(lost, missing=tuple(replace(each, window=days[at % 3 * 5]) for at, each in enumerate(lost.missing)))
    assert reasons(apart, windows=days) == ()
    assert reasons(three, windows=days[9:12]) == ()


def test_keys_in_a_run() -> None:
    """A block of a table."""
    comparison = one_sided(DiscrepancyKind.EXTRA, rows()[100:150], 400)
    assert reasons(comparison) == ("All 50 extra records follow one another: id 101 to 150",)
    assert reasons(comparison, private=frozenset({"id"})) == ("All 50 extra records follow one another in id",)
    assert reasons(one_sided(DiscrepancyKind.EXTRA, rows()[:50], 60)) == ()
    assert why(comparison, rows()[:100]) == reasons(comparison)
    assert why(comparison, [row | {"id": 120} for row in rows()[:100]]) == (), "others lie there too"


def test_evidence_that_is_capped_has_no_bounds() -> None:
    """What is listed are the first records: that they follow one another says nothing of the others."""
    ordered = sorted(rows(), key=lambda row: str(row["made"]))
    numbered = [row | {"id": at} for at, row in enumerate(ordered)]
    comparison = one_sided(DiscrepancyKind.MISSING, numbered[:50], 4000)
    assert len(why(comparison, numbered[200:])) == 2
    assert why(replace(comparison, counts=replace(comparison.counts, missing=1200)), numbered[200:]) == ()


def test_records_are_held_against_others_of_their_side() -> None:
    """That the whole target has NULL is no trait of those that only it has."""
    empty = [row | {"name": None} for row in rows()]
    both = mismatched(rows()[100:], change("name", lambda _: None))
    extra = one_sided(DiscrepancyKind.EXTRA, empty[:30], 400).extra
    found = reasons(replace(both, extra=extra, counts=Counts(300, 330, 0, 30, len(both.mismatched))))
    assert not [sentence for sentence in found if "extra" in sentence and "name" in sentence]


def test_another_key() -> None:
    """Missing here, extra there, otherwise the same: it is said once, with what became of the key."""
    wrong = rows()[::4]
    missing = one_sided(DiscrepancyKind.MISSING, wrong, 400).missing
    extra = one_sided(DiscrepancyKind.EXTRA, [row | {"id": 1000 + int(str(row["id"]))} for row in wrong], 400).extra
    comparison = Comparison(Counts(400, 400, 100, 100, 0), missing, extra)
    assert reasons(comparison) == (
        (
            "All 100 missing records are among the extra ones under another key;"
            " id: target is source + 1000 in all of them"
        ),
    )


def test_part_of_a_key_became_another() -> None:
    """Where the values besides the key are those of many records, the rest of the key tells them apart."""
    source: list[Row] = [{"sensor": at, "at": f"2024-01-01T00:{at:02}:00", "v": at % 3} for at in range(50)]
    target = [row | {"at": shift(str(row["at"]), timedelta(minutes=7))} for row in source]
    missing = tuple(Discrepancy(DiscrepancyKind.MISSING, (row["sensor"], row["at"]), source=row) for row in source)
    extra = tuple(Discrepancy(DiscrepancyKind.EXTRA, (row["sensor"], row["at"]), target=row) for row in target)
    (said, *_) = reasons(Comparison(Counts(900, 900, 50, 50), missing, extra))
    assert said.endswith("extra ones under another key; at: target is 7 minutes later in all of them")


def test_records_alike_by_chance_are_not_the_same() -> None:
    """Where many records are equal but for their key, nobody can tell which became which."""
    missing = one_sided(DiscrepancyKind.MISSING, [{"id": at * 9, "v": at % 7} for at in range(50)], 900).missing
    extra = one_sided(DiscrepancyKind.EXTRA, [{"id": at * 9 + 4, "v": at % 7} for at in range(7)], 900).extra
    assert reasons(Comparison(Counts(900, 857, 50, 7), missing, extra)) == ()


def test_an_empty_side() -> None:
    """Is explanation enough."""
    everything = one_sided(DiscrepancyKind.MISSING, rows(), 400)
    assert reasons(everything)[0] == "Of what was compared the target has no record at all"
    everything = one_sided(DiscrepancyKind.EXTRA, rows(), 400)
    assert reasons(everything)[0] == "Of what was compared the source has no record at all"
    others = replace(one_sided(DiscrepancyKind.MISSING, rows(), 400), counts=Counts(400, 5, 400, 5))
    assert reasons(others)[0] == "The target has none of the source's records"


def test_private_values_are_not_shown() -> None:
    """A shared value is said to be one, without the value."""
    hidden = frozenset({"name", "state", "carrier"})
    one = reasons(mismatched(rows(), change("name", lambda _: "Ann Example")), private=hidden)
    assert one == ("All 100 mismatched records differ in name only; target is one and the same value in all of them",)
    other = reasons(mismatched(rows(800), change("state", lambda v: "done" if v == "paid" else v)), private=hidden)
    assert not any("done" in said or "= paid" in said for said in other)
    third = why(one_sided(DiscrepancyKind.MISSING, OURS, 2000), matching_samples=SOUND, private=hidden)
    assert third[0].startswith("All 200 missing records have one value of carrier, as ")


def at_random(chance: random.Random) -> Callable[[Row], None]:
    return lambda row: any_cell(row, chance)


def drawn(values: Sequence[Value], chance: random.Random) -> Callable[[Any], Value]:
    return lambda _: chance.choice(values)


def any_cell(row: Row, chance: random.Random) -> None:
    """Some other value of its kind in one or two columns at random."""
    other = chance.choice(POOL)
    for name in chance.sample([name for name in row if name != "id"], chance.choice([1, 1, 2])):
        row[name] = other[name] if chance.random() < 0.9 else None


POOL = rows(500, 99)


@pytest.mark.repeats
@pytest.mark.parametrize("block", range(10))
def test_silent_on_random_damage(block: int) -> None:
    """Values, losses and inventions at random have nothing in common: with and without contrast."""
    for seed in range(block * 60, block * 60 + 60):
        chance = random.Random(seed)
        table = rows(chance.choice([60, 200, 600]), seed)
        chance.shuffle(table)
        parts = [chance.randint(0, len(table) // 6) for _ in range(3)]
        changed = mismatched(table[: parts[0]], at_random(chance), every=1)
        lost = one_sided(DiscrepancyKind.MISSING, table[100 : 100 + parts[1]], len(table))
        new = one_sided(DiscrepancyKind.EXTRA, table[300 : 300 + parts[2]], len(table))
        counts = Counts(len(table), len(table), len(lost.missing), len(new.extra), len(changed.mismatched))
        comparison = Comparison(counts, lost.missing, new.extra, changed.mismatched, changed.by_column)
        days = [f"2024-01-{day:02d}" for day in range(1, 31)]
        for matching_samples in ((), table[-30:]):
            assert why(comparison, matching_samples=matching_samples, windows=days) == (), seed


@pytest.mark.repeats
@pytest.mark.parametrize("seed", range(300))
def test_silent_on_random_damage_of_few_values(seed: int) -> None:
    """Columns of two to nine values agree by chance more often; one of two columns, or a flag, is no pattern."""
    chance = random.Random(seed)
    domains: dict[str, list[Value]] = {"flag": [True, False], "kind": ["a", "b", "c"], "stars": [*range(1, 10)]}
    some = chance.sample(sorted(domains), chance.choice([2, 3]))

    def damage(row: Row) -> None:
        name = chance.choice(some)
        row[name] = chance.choice([each for each in domains[name] if each != row[name]])

    table: list[Row] = [{"id": at * 7, **{name: chance.choice(domains[name]) for name in some}} for at in range(300)]
    wrong = mismatched(table[: chance.randint(3, 40)], damage, every=1)
    comparison = replace(wrong, counts=replace(wrong.counts, source=300, target=300))
    found = [said for said in why(comparison, matching_samples=table[-60:]) if "flag: " not in said]
    assert found == []


def test_a_flag_that_is_turned() -> None:
    """From which to which, or both ways."""
    one_way = mismatched([row | {"paid": True} for row in rows()], change("paid", lambda _: False))
    assert reasons(one_way) == ("All 100 mismatched records differ in paid only; true has become false in all of them",)
    paid = [row | {"paid": at % 8 == 0} for at, row in enumerate(rows())]
    for turned in (change("paid", lambda flag: not flag), change("paid", lambda flag: int(not flag))):  # MySQL's
        assert reasons(mismatched(paid, turned)) == (
            "All 100 mismatched records differ in paid only; target is the opposite in all of them",
        )


def test_digits_that_the_source_lost() -> None:
    """Are not called single precision, which would hide more than that."""
    thirds = [row | {"weight": f"{at / 7 + 0.001:.9f}"} for at, row in enumerate(rows())]
    (said, advice) = reasons(mismatched(thirds, change("weight", lambda v: f"{v}42")))
    assert said.endswith("weight only; source is target cut to 9 digits after the point in all of them")
    assert "--rule weight:scale=9,rounding=truncate" in advice


def test_times_that_became_dates() -> None:
    """Are cut to days, and not to so many characters."""
    (said, *_) = reasons(mismatched(rows(), change("made", lambda v: v[:10])))
    assert "target is source cut to whole days" in said


def test_a_key_of_several_columns() -> None:
    """Records of which one column of the key follows one another, each of its values several times."""
    lost: list[Row] = [{"id": 500 + at // 3, "line": at % 3, "note": f"n{at * 7919}"} for at in range(60)]
    found = tuple(Discrepancy(DiscrepancyKind.MISSING, (row["id"], row["line"]), row, None) for row in lost)
    comparison = Comparison(Counts(3000, 2940, 60), missing=found)
    assert "All 60 missing records follow one another: id 500 to 519" in reasons(comparison)


def test_common_values_are_no_reason() -> None:
    """What most records that agree have, the wrong ones have by nature."""
    lost: list[Row] = [row | {"id": int(str(row["id"])) * 5, "state": "done"} for row in rows(200)]
    matching_samples: list[Row] = [row | {"state": "new" if at % 10 < 4 else "done"} for at, row in enumerate(SOUND)]
    assert why(one_sided(DiscrepancyKind.MISSING, lost, 2000), matching_samples=matching_samples) == ()


def test_nearly_all_is_not_all() -> None:
    """Percentages are rounded down."""
    numbers = iter(range(1000))
    damage = change("price", lambda v: "0.5" if next(numbers) == 7 else scaled(v, "0.85"))
    assert reasons(mismatched(rows(1000), damage, every=1))[0].endswith("in 99 % of them")


def test_half_is_no_pattern() -> None:
    """What is true of six of ten values is not said."""
    numbers = iter(range(1000))
    damage = change("price", lambda v: scaled(v, "0.85") if next(numbers) % 10 < 6 else f"{next(numbers)}.77")
    assert reasons(mismatched(rows(), damage)) == ("All 100 mismatched records differ in price only",)


@pytest.mark.repeats
@pytest.mark.parametrize("column", [name for name in POOL[0] if name not in {"id", "year", "paid"}])
def test_random_damage_of_one_column(column: str) -> None:
    """Is said to be of that column, and no more."""
    for seed in range(30):
        chance = random.Random(seed)
        comparison = mismatched(rows(seed=seed), change(column, drawn([row[column] for row in POOL], chance)))
        number = comparison.counts.mismatched
        assert reasons(comparison) == (f"All {number} mismatched records differ in {column} only",)


@pytest.mark.parametrize("number", range(3))
def test_few_records_have_nothing_in_common(number: int) -> None:
    """Two are no pattern."""
    assert reasons(mismatched(rows(number * 4 + 1)[: number * 4], change("pieces", lambda v: v + 7))) == ()
    assert reasons(Comparison()) == ()


ODD: list[Value] = [None, True, 0, -1, "", "NaN", "Infinity", "infinity", "1e308", "5e-324", "9" * 400, "0001-01-01",
       "9999-12-31T23:59:59.999999+00:00", "2024-02-30", "\x00", "²", "1_000", "\ud800"]  # fmt: skip


@pytest.mark.repeats
def test_odd_values_break_nothing() -> None:
    """NaN, the largest float, the last of days: any value in any place."""
    for seed in range(200):
        chance = random.Random(seed)
        comparison = mismatched(
            [{"id": at, "v": chance.choice(ODD), "w": chance.choice(ODD)} for at in range(40)],
            change("v", drawn(ODD, chance)),
            every=1,
        )
        assert len(why(comparison, matching_samples=[dict(each.target or {}) for each in comparison.mismatched])) <= 5


def test_fast_enough_to_ask_every_time() -> None:
    """A thousand records with thirty columns take less than 50 ms (here with room for a slow machine)."""
    wide = [{f"{name}{at}": row[name] for at in range(3) for name in list(row)[1:11]} for row in rows(1000)]
    keyed: list[Row] = [row | {"id": at} for at, row in enumerate(wide)]
    chance = random.Random(1)

    def damage(row: Row) -> None:
        row.update(chance.choice(wide))

    comparison = mismatched(keyed, damage, every=1)
    taken = []
    for _ in range(3):  # the least is what a busy machine adds least to
        started = process_time()
        why(comparison, matching_samples=SOUND)
        taken.append(process_time() - started)
    assert min(taken) < 0.25
