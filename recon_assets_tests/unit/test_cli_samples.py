"""Wrong records of many days, and what they have in common."""

from dataclasses import replace

import pytest

from recon_assets.cli import samples
from recon_assets.cli.samples import Sample
from recon_assets.model import Discrepancy, DiscrepancyKind, Finding, Severity, Value

DAYS = [f"2024-01-{day:02}" for day in range(1, 32)]


def wrong(number: int, day: str, share: int = 2) -> Discrepancy:
    source: dict[str, Value] = {"id": number, "fee": number % 7 + 10, "town": str(number % 5)}
    target: dict[str, Value] = {**source, "fee": (number % 7 + 10) * share}
    return Discrepancy(DiscrepancyKind.MISMATCHED, (number,), source, target, ("fee",), day)


def finding(day: str, *records: Discrepancy, count: int | None = None) -> Finding:
    return Finding(
        "fields",
        "t",
        day,
        passed=False,
        summary="",
        source=100,
        target=100,
        wrong=len(records) if count is None else count,
        discrepancies=records,
        severity=Severity.LOW,
    )


def filled(per_day: int) -> Sample:
    sample = Sample()
    for start, day in enumerate(DAYS):
        sample.add(finding(day, *(wrong(start * per_day + number, day) for number in range(per_day))))
    return sample


def test_days_are_explained_together() -> None:
    """One record a day says nothing, a month of them does."""
    assert "All 31 mismatched records differ in fee only" in filled(1).reasons(DAYS, ())


def test_memory_is_bounded_and_the_draw_is_even(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every n-th record stays, of early and of late days alike; the counts stay exact."""
    monkeypatch.setattr(samples, "LIMIT", 100)

    sample = filled(50)

    assert [record.key for record in sample.records] == [(number,) for number in range(0, 31 * 50, 16)]
    assert (sample.wrong, sample.source) == (31 * 50, 3100)


def test_capped_evidence_is_said_to_be_some_of_the_records() -> None:
    """What was not listed is counted, and not claimed to be alike."""
    sample = Sample()
    sample.add(finding(DAYS[0], *(wrong(number, DAYS[0]) for number in range(20)), count=500))

    assert sample._comparison().counts.mismatched == 500
    assert not sample._comparison().complete


def test_figures_that_count_no_records_are_not_taken_for_counts() -> None:
    """A checksum's figures are digests: how many records each side has, they do not tell."""
    lost = (replace(wrong(n, DAYS[0]), kind=DiscrepancyKind.MISSING, target=None) for n in range(20))
    sample = Sample()
    sample.add(replace(finding(DAYS[0], *lost), source="1f", target="2e", of=100))

    assert not any("no record at all" in reason for reason in sample.reasons(DAYS[:1], ()))
    assert (sample.source, sample.target) == (100, 100)


def test_nothing_wrong_has_no_reason() -> None:
    """Nor has what is no record of both sides."""
    sample = Sample()
    orphan = Discrepancy(DiscrepancyKind.ORPHAN, (1,), None, {"id": 1}, ("id",))
    sample.add(finding(DAYS[0]))
    sample.add(finding(DAYS[1], orphan))

    assert sample.reasons(DAYS, ()) == ()


def test_what_others_may_have_too_is_not_said() -> None:
    """All are of one town; perhaps all records are."""
    sample = Sample()
    sample.add(finding(DAYS[0], *(wrong(5 * number, DAYS[0]) for number in range(20))))

    assert not any("town" in reason for reason in sample.reasons(DAYS[:1], ()))
