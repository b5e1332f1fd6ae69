"""What a check asks for, what it is given, and what it finds: measure once, judge many times."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, DecimalException, localcontext
from enum import StrEnum
from hashlib import sha256
from heapq import heappop, heappush
from typing import Any, Literal, Protocol, overload

from recon_assets.errors import DeclarationError
from recon_assets.model.discrepancies import Comparison, Discrepancy, DiscrepancyKind, NotCompared
from recon_assets.model.wording import place

Figure = None | bool | int | Decimal | float | str
_DIGITS = 1000
"""So many that the difference of any two figures is exact: floats reach from 1e-324 to 1e308."""


def as_decimal(number: Decimal | float) -> Decimal:
    """The number as a decimal; a float stands for the shortest decimal that names it."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


@dataclass(frozen=True)
class Tolerance:
    """How far two figures may be apart: by ``absolute`` units, or by a share ``relative`` of the source's.

    Integers and texts of numbers are taken for the decimals that they name.

    Raises:
        DeclarationError: When a limit is no number, or below 0.
    """

    absolute: Decimal = Decimal()
    relative: Decimal = Decimal()

    def __post_init__(self) -> None:
        object.__setattr__(self, "absolute", _limit("absolute", self.absolute))
        object.__setattr__(self, "relative", _limit("relative", self.relative))

    def allows(self, source: Figure, target: Figure) -> bool:
        """Whether both are equal to within the tolerance; NULL equals NULL only, NaN equals NaN."""
        if source is None or target is None or isinstance(source, str) or isinstance(target, str):
            return source == target
        left, right = as_decimal(source), as_decimal(target)
        if not (left.is_finite() and right.is_finite()):
            return str(left) == str(right)
        with localcontext(prec=_DIGITS):
            return abs(left - right) <= max(self.absolute, self.relative * abs(left))


def _limit(name: str, given: object) -> Decimal:
    try:
        found = Decimal(given) if isinstance(given, int | str | Decimal) else None
    except DecimalException:
        found = None
    if found is None or not found.is_finite() or found < 0:
        msg = f"tolerance: {name} is {given!r}; expected a number from 0 on, such as Decimal('0.01')"
        raise DeclarationError(msg)
    return found


EXACT = Tolerance()
_TENTH_OF_A_PERCENT, _PERCENT = Tolerance(relative=Decimal("0.001")), Tolerance(relative=Decimal("0.01"))


class Severity(StrEnum):
    """How bad a finding is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True)
class Grading:
    """From which size on a finding is medium or high, and how the grades are shown.

    Attributes:
        medium, high: Sizes, each a share of the source's records, or a count.
        shown: ``warn`` or ``error`` shows every grade so; None shows low as a warning, the others as errors.
    """

    medium: Tolerance = _TENTH_OF_A_PERCENT
    high: Tolerance = _PERCENT
    shown: Literal["warn", "error"] | None = None

    def grade(self, wrong: int | Decimal, of: int | Decimal) -> Severity:
        """The severity of ``wrong`` out of ``of``."""
        for severity, limit in ((Severity.HIGH, self.high), (Severity.MEDIUM, self.medium)):
            if not limit.allows(of, of + wrong):
                return severity
        return Severity.LOW


GRADED = Grading()


@dataclass(frozen=True)
class Measure:
    """A figure that SQL computes per window, of both sides.

    Attributes:
        function: Which one; ``digest`` is that of whole records.
        column: Of which column (the source's name).
        where: Of the rows only for which this SQL holds.
    """

    function: Literal["count", "sum", "avg", "nulls", "min", "max", "distinct", "digest"]
    column: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class Groups:
    """How many rows there are for each value of the columns ``by``, and where that differs by more than allowed.

    Of groups, those that only one side has are never within the tolerance.
    """

    by: tuple[str, ...]
    tolerance: Tolerance = EXACT
    where: str | None = None


@dataclass(frozen=True)
class Records:
    """The comparison of the window's records; of those only for which ``where`` holds."""

    where: str | None = None


@dataclass(frozen=True)
class Undated:
    """The comparison of the records that have no time; ``outside`` are those before the table's days and after them."""

    where: str | None = None


@dataclass(frozen=True)
class Orphans:
    """Rows of the target whose ``columns`` name no row of the declared table ``parent``."""

    columns: tuple[str, ...]
    parent: str
    where: str | None = None


@dataclass(frozen=True)
class Disorder:
    """Rows of the target that break an order of time.

    Attributes:
        columns: Times of one row, which must not decrease from left to right (NULL is passed over).
        monotonic: A time that must not decrease as ``along`` grows, within rows of equal ``per``.
        not_future: A time that must not be later than now.
    """

    columns: tuple[str, ...] = ()
    monotonic: str | None = None
    along: str | None = None
    per: tuple[str, ...] = ()
    not_future: str | None = None
    where: str | None = None


@dataclass(frozen=True)
class TableSchemas:
    """What both databases say of the table: columns, keys and indexes."""


@dataclass(frozen=True)
class Results:
    """The rows of two queries, with ``:window_start`` and ``:window_end`` as bound parameters.

    Each query gives the columns ``by``, whether it gives rows or not.
    """

    source: str
    target: str
    by: tuple[str, ...] = field(default=(), kw_only=True)


Need = Measure | Groups | Records | Undated | Orphans | Disorder | TableSchemas | Results


@dataclass(frozen=True)
class SidePair:
    """One figure, or other evidence, of the two sides."""

    source: Any
    target: Any


Group = tuple[str | None, ...]
"""The values of the columns by which rows are counted, as texts."""


@dataclass(frozen=True)
class GroupCounts:
    """What counting the rows of each group on both sides says; of any number of groups a few are kept.

    Attributes:
        source, target: Rows of all groups.
        groups: How many groups there are on one side or both.
        differing: How many of them differ by more than allowed.
        rows_apart: By how many rows those differ, all together.
        largest: The largest differences first: the group, its rows in source and in target.
        digest: Of all groups that differ, also of those that are not kept.
    """

    source: int
    target: int
    groups: int
    differing: int
    rows_apart: int
    largest: tuple[tuple[Group, int, int], ...]
    digest: str

    @classmethod
    def of(cls, counts: Iterable[tuple[Group, int, int]], tolerance: Tolerance, most: int) -> "GroupCounts":
        """From each group with its rows in source and target, in a fixed order; the ``most`` largest are kept.

        A group of no rows is none.
        """
        totals = Counter(source=0, target=0, groups=0, differing=0, rows_apart=0)
        digest = sha256()
        largest: list[tuple[int, int, tuple[Group, int, int]]] = []  # a heap: of equal differences the first stays
        for group, source, target in counts:
            totals.update(source=source, target=target, groups=bool(source or target))
            if source != target and not (source and target and tolerance.allows(source, target)):
                apart = abs(target - source)
                totals.update(differing=1, rows_apart=apart)
                digest.update(repr((group, source, target)).encode())
                heappush(largest, (apart, -totals["differing"], (group, source, target)))
                if len(largest) > most:
                    heappop(largest)
        kept = tuple(each for _, _, each in sorted(largest, reverse=True))
        return cls(**totals, largest=kept, digest=digest.hexdigest())


@dataclass(frozen=True)
class FaultyRows:
    """Records that are wrong by themselves: how many of how many, and some of them."""

    wrong: int
    of: int
    records: tuple[Discrepancy, ...] = ()


class NotGatheredError(Exception):
    """The evidence that was asked for could not be gathered; the message says why."""


Fact = SidePair | GroupCounts | Comparison | FaultyRows | NotGatheredError


@dataclass(frozen=True)
class Evidence:
    """What was gathered of one window of one table.

    Attributes:
        table: The declared table.
        window: The window's key.
        facts: What each need was met with: `SidePair` for measures, schemas and results, `GroupCounts` for groups,
            a `Comparison` for records, `FaultyRows` for the others; a `NotGatheredError` where that failed.
        private: Columns of which no value may stand in a finding, but in its records.
    """

    table: str
    window: str
    facts: Mapping[Need, Fact] = field(default_factory=dict)
    private: frozenset[str] = frozenset()

    @property
    def where(self) -> str:
        """What is judged, as sentences begin."""
        return place(self.table, self.window)

    @overload
    def of(self, need: Measure | TableSchemas | Results) -> SidePair: ...
    @overload
    def of(self, need: Groups) -> GroupCounts: ...
    @overload
    def of(self, need: Records | Undated) -> Comparison: ...
    @overload
    def of(self, need: Orphans | Disorder) -> FaultyRows: ...
    def of(self, need: Need) -> Fact:
        """What was gathered for a need.

        Raises:
            NotGatheredError: When that failed.
        """
        fact = self.facts[need]
        if isinstance(fact, NotGatheredError):
            raise fact
        return fact


@dataclass(frozen=True)
class Details:
    """A small table that people read: what differs, where it is not single records."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Figure, ...], ...]


class Outcome(StrEnum):
    """What one finding says, in a word."""

    PASSED = "passed"
    FAILED = "failed"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """What one check says of one window.

    Attributes:
        check: The check's name.
        table, window: Of what.
        passed: False also when the check could not run.
        summary: A sentence that reads alone in an alert: which table, which day, what was compared, both figures.
        source, target: The figures compared.
        wrong, of: How many records (or groups, or columns) are wrong, of how many looked at; exact.
        in_flight: How many records differ that are too young to count: it is unknown of these whether they are wrong.
        kinds: How many records are wrong in each way that the check looks for, exact; empty for one that names none.
        discrepancies: Some of the wrong records, at most as many as evidence is capped to.
        not_compared: Columns of which it says nothing.
        outside: Rows of source and target before the table's first window and after its last, of which no check says
            anything; None where they were not counted.
        incomplete: Whether it failed for these alone, since its table is ``strict``.
        details: What differs, where it is not single records.
        reasons: What the wrong records have in common, a sentence each.
        severity: None when passed.
        error: Why the check could not run.
        accepted: Who accepted the difference and why; such a finding has not passed, and does not count as failed.
    """

    check: str
    table: str
    window: str
    passed: bool
    summary: str
    source: Figure = None
    target: Figure = None
    wrong: int = 0
    of: int = 0
    in_flight: int = 0
    kinds: Mapping[DiscrepancyKind, int] = field(default_factory=dict)
    discrepancies: tuple[Discrepancy, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()
    outside: tuple[int, int] | None = None
    incomplete: bool = False
    details: Details | None = None
    reasons: tuple[str, ...] = ()
    severity: Severity | None = None
    error: str | None = None
    accepted: str | None = None

    @property
    def where(self) -> str:
        """What it speaks of, as sentences begin."""
        return place(self.table, self.window)

    @property
    def failed(self) -> bool:
        """Whether it says that something is wrong which nobody has accepted; not when it is unknown."""
        return not (self.passed or self.error or self.accepted)

    @property
    def outcome(self) -> Outcome:
        """What it says, in a word."""
        if self.error:
            return Outcome.UNKNOWN
        if self.accepted:
            return Outcome.ACCEPTED
        return Outcome.PASSED if self.passed else Outcome.FAILED

    @property
    def rate(self) -> float:
        """The share of what was looked at that is wrong, 0 to 1."""
        return min(1.0, self.wrong / self.of) if self.of else float(self.wrong > 0)


class Check(Protocol):
    """A pure function from evidence to a finding, which says what evidence it needs."""

    @property
    def kind(self) -> str:
        """Which pattern it is, as declarations name it."""

    @property
    def name(self) -> str:
        """Unique within its table; letters, digits and _."""

    @property
    def description(self) -> str:
        """What it holds the table to, in a sentence."""

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The source's names of the columns that it names."""

    @property
    def grading(self) -> Grading:
        """How severe its findings are."""

    @property
    def blocking(self) -> bool:
        """Whether a day that fails it is a failed day of the run."""

    @property
    def daily(self) -> bool:
        """Whether it is judged day by day; else once for the whole table."""

    @property
    def needs(self) -> tuple[Need, ...]:
        """What it judges by."""

    def judge(self, evidence: Evidence) -> Finding:
        """Judge one window.

        Raises:
            NotGatheredError: When the evidence is not there: the check could not run.
        """
