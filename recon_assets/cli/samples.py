"""Some of all wrong records of a check, drawn evenly from all its days, and what they have in common."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from recon_assets.explain import reasons
from recon_assets.explain.groups import UNSEEN
from recon_assets.model import COMPARED_KINDS, Comparison, Counts, Discrepancy, DiscrepancyKind, Finding

LIMIT = 2000


@dataclass
class Sample:
    """Records that come by, every n-th of them; n doubles whenever there are too many.

    Attributes:
        records: Those kept, at most ``LIMIT``.
        wrong, source, target: How many there are in all.
    """

    records: list[Discrepancy] = field(default_factory=list)
    wrong: int = 0
    source: int = 0
    target: int = 0
    _every: int = 1
    _seen: int = 0
    _kinds: Counter[DiscrepancyKind] = field(default_factory=Counter)
    _columns: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Take the records of one more day into account."""
        self.wrong += finding.wrong
        # figures that are no counts (a checksum's are digests) do not tell how many records a side has
        self.source += finding.source if isinstance(finding.source, int) else finding.of
        self.target += finding.target if isinstance(finding.target, int) else finding.of
        self._draw(item for item in finding.discrepancies if item.kind in COMPARED_KINDS)

    def _draw(self, records: Iterable[Discrepancy]) -> None:
        for record in records:
            self._kinds[record.kind] += 1
            if record.kind is DiscrepancyKind.MISMATCHED:
                self._columns.update(record.differing)
            if self._seen % self._every == 0:
                self.records.append(record)
            self._seen += 1
            if len(self.records) > LIMIT:
                self.records, self._every = self.records[::2], self._every * 2

    def reasons(self, windows: Sequence[str], private: Iterable[str]) -> tuple[str, ...]:
        """What they have in common, over all days; nothing that the other records may have too."""
        if not self.records:
            return ()
        found = reasons(self._comparison(), private=frozenset(private), windows=windows)
        return tuple(sentence for sentence in found if not sentence.endswith(UNSEEN))

    def _comparison(self) -> Comparison:
        """The records as if they were those of one window."""
        kinds = Counter(self._kinds)
        kinds[kinds.most_common(1)[0][0]] += max(0, self.wrong - self._seen)
        numbers = (kinds[kind] for kind in COMPARED_KINDS)
        missing, extra, mismatched = (
            tuple(item for item in self.records if item.kind is kind) for kind in COMPARED_KINDS
        )
        return Comparison(Counts(self.source, self.target, *numbers), missing, extra, mismatched, dict(self._columns))
