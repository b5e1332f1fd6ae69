"""The records of both sides are the same: judged by values, within the rules that the columns have."""

from abc import ABC
from dataclasses import dataclass
from typing import Any

from recon_assets.checks.base import FilteredCheck
from recon_assets.model import (
    Comparison,
    Details,
    DiscrepancyKind,
    Evidence,
    Finding,
    Measure,
    Need,
    NotGatheredError,
    Records,
    plural,
)


@dataclass(frozen=True)
class _OfRecords(FilteredCheck, ABC):
    """Judges the comparison of the records."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """The comparison."""
        return (self._records,)

    @property
    def _records(self) -> Records:
        return Records(self.where)


@dataclass(frozen=True)
class Keys(_OfRecords):
    """Every record of the source is in the target, and no other."""

    kind = "keys"

    @property
    def _default_description(self) -> str:
        return "Every record of the source is in the target, and no other."

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when nothing is missing and nothing extra."""
        found = evidence.of(self._records)
        counts = found.counts
        wrong = counts.missing + counts.extra
        return self.finding(
            evidence,
            f"{counts.missing:,} missing and {counts.extra:,} extra;"
            f" {plural(counts.source, 'record')} in source, {counts.target:,} in target{_besides(found)}",
            passed=not wrong,
            source=counts.source,
            target=counts.target,
            wrong=wrong,
            of=counts.source,
            in_flight=found.in_flight,
            kinds={DiscrepancyKind.MISSING: counts.missing, DiscrepancyKind.EXTRA: counts.extra},
            discrepancies=(*found.missing, *found.extra),
        )


@dataclass(frozen=True)
class Fields(_OfRecords):
    """Records of the same key have the same values."""

    kind = "fields"

    @property
    def _default_description(self) -> str:
        return "Records of the same key have the same values in source and target."

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no record is mismatched; but not when there is none to compare where one should be."""
        found = evidence.of(self._records)
        counts = found.counts
        on_both = counts.source - counts.missing
        nothing = not on_both and bool(counts.wrong)
        _refuse_keys_alone(found, passed=not nothing)
        said = f"{counts.mismatched:,} of {plural(on_both, 'record')} on both sides differ{_columns(found)}"
        return self.finding(
            evidence,
            (
                f"no record is on both sides: {counts.source:,} in source, {counts.target:,} in target"
                if nothing
                else said
            )
            + _besides(found)
            + _left_out(found),
            passed=not counts.mismatched and not nothing,
            source=counts.source,
            target=counts.target,
            wrong=counts.mismatched,
            of=on_both,
            in_flight=found.in_flight,
            kinds={DiscrepancyKind.MISMATCHED: counts.mismatched},
            not_compared=found.not_compared,
            discrepancies=found.mismatched,
            details=_by_column(found),
        )


@dataclass(frozen=True)
class Checksum(_OfRecords):
    """The digests of all records are equal; where they are not, the records themselves decide.

    Digests may differ while every record agrees within the rules of its columns, and leave out a column
    that no digest can decide: so records that differ fail whatever the digests say.
    """

    kind = "checksum"

    @property
    def needs(self) -> tuple[Need, ...]:
        """The digests, and the comparison."""
        return (self._digest, self._records)

    @property
    def _default_description(self) -> str:
        return "All records together have the same digest in source and target."

    @property
    def _digest(self) -> Measure:
        return Measure("digest", where=self.where)

    def judge(self, evidence: Evidence) -> Finding:
        """Passes when no record differs, and both sides have a digest or neither."""
        both, found = evidence.of(self._digest), evidence.of(self._records)
        one_sided = (both.source is None) != (both.target is None)
        _refuse_keys_alone(found, passed=found.equal)
        verdict = "are equal" if both.source == both.target else "differ"
        counts = found.counts
        return self.finding(
            evidence,
            f"digests of {plural(counts.source, 'record')} in source and {counts.target:,} in target {verdict},"
            f" {counts.wrong:,} of the records differ{_besides(found)}{_left_out(found)}",
            passed=found.equal and not one_sided,
            source=_printed(both.source),
            target=_printed(both.target),
            wrong=counts.wrong,
            of=counts.source,
            in_flight=found.in_flight,
            kinds={
                DiscrepancyKind.MISSING: counts.missing,
                DiscrepancyKind.EXTRA: counts.extra,
                DiscrepancyKind.MISMATCHED: counts.mismatched,
            },
            not_compared=found.not_compared,
            discrepancies=found.discrepancies,
        )


def _printed(digest: Any) -> str | None:
    """A digest's sum, as people copy it."""
    return None if digest is None or digest.sum is None else f"{digest.sum:x}"


def _besides(found: Comparison) -> str:
    """What a reader must know of the comparison besides its counts."""
    said = [f"; {plural(found.duplicate_keys, 'key')} more than once on a side"] if found.duplicate_keys else []
    said += [f"; {plural(found.in_flight, 'record')} in flight, to be compared later"] if found.in_flight else []
    said += ["; some of them are shown"] if not found.complete else []
    return "".join(said)


def _refuse_keys_alone(found: Comparison, *, passed: bool) -> None:
    """Equal keys do not show that records are equal.

    Raises:
        NotGatheredError: When no other column could be compared.
    """
    if passed and found.key_only and found.not_compared:
        names = ", ".join(map(str, found.not_compared))
        msg = f"no column but the key's could be compared; not compared: {names}. Rename, cast or ignore columns"
        raise NotGatheredError(msg)


def _left_out(found: Comparison) -> str:
    if not found.not_compared:
        return "; no column but the key's is compared" if found.key_only else ""
    names = ", ".join(map(str, found.not_compared))
    return f"; compared in {len(found.columns)} of {found.width} columns; not compared: {names}"


def _ranked(found: Comparison) -> list[tuple[str, int]]:
    return sorted(found.by_column.items(), key=lambda item: (-item[1], item[0]))


def _columns(found: Comparison) -> str:
    worst = ", ".join(f"{name} in {times:,}" for name, times in _ranked(found)[:5])
    rest = len(found.by_column) - 5
    return f": {worst}{f' and {rest} more columns' if rest > 0 else ''}" if worst else ""


def _by_column(found: Comparison) -> Details | None:
    rows = tuple(_ranked(found))
    return Details(("column", "records that differ"), rows) if rows else None
