"""A small table with a ledger: damaged, judged, decided on and corrected, as a project's runs do it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from recon_assets import checks, ledger, review
from recon_assets.model import (
    AutoAction,
    Calendar,
    Case,
    CaseId,
    Check,
    Database,
    Decision,
    Finding,
    Policy,
    Project,
    Relation,
    Resolution,
    TableSpec,
)
from recon_assets_tests.conftest import PROJECT
from recon_assets_tests.db.sides import Rows, Side, Sides

FIRST = date(2024, 3, 1)
DAY, NEXT = "2024-03-01", "2024-03-02"
DAYS = Calendar("at", FIRST, FIRST + timedelta(days=3))
COLUMNS = "id integer primary key, at {stamp}, code varchar(9), amount integer, note varchar(40)"
ROWS: Rows = [
    (day * 100 + at, datetime(2024, 3, 1 + day, at % 24), "ab"[at % 2], 10 * at, f"note {at}")  # noqa: DTZ001
    for day in range(3)
    for at in range(20)
]
CHECKS: tuple[Check, ...] = (
    checks.Count(),
    checks.Keys(),
    checks.Fields(),
    checks.References(columns=("code",), parent="codes"),
)
APPLIED = Policy(missing=AutoAction.APPLY, mismatched=AutoAction.APPLY, extra=AutoAction.APPLY, orphan=AutoAction.APPLY)


@dataclass
class Shop:
    """A source and a target with the tables ``t`` and ``codes``, and a ledger that knows what became of them."""

    sides: Sides
    book: ledger.Ledger
    project: Project
    moment: datetime = datetime(2024, 3, 20, tzinfo=UTC)
    runs: int = 0
    seen: list[Finding] = field(default_factory=list)

    @property
    def spec(self) -> TableSpec:
        """The table ``t`` as it is declared now."""
        return self.project.tables["t"]

    @property
    def target(self) -> Side:
        """The database that is damaged."""
        return self.sides.target

    @property
    def rows(self) -> Rows:
        """The target as it is."""
        return self.target.rows("SELECT * FROM t ORDER BY id")

    def now(self) -> datetime:
        """A second later than ever before."""
        self.moment += timedelta(seconds=1)
        return self.moment

    def declare(self, policy: Policy | None = None, *, checked: Sequence[Check] | None = None, **more: Any) -> None:
        """Change what is declared."""
        spec = replace(
            self.spec, correct=policy or self.spec.correct, checks=tuple(checked or self.spec.checks), **more
        )
        self.project = replace(self.project, tables={**self.project.tables, "t": spec})

    def judge(self, *names: str, days: Sequence[str] = (DAY,), **more: Any) -> list[Finding]:
        """Run checks of ``t``."""
        self.runs += 1
        windows = [self.spec.window(day) for day in days]
        self.seen = list(
            review.judged(
                self.book,
                self.project,
                self.spec,
                windows,
                names=names or None,
                now=self.now(),
                run=f"run{self.runs}",
                **more,
            )
        )
        return self.seen

    def route(self) -> review.Routed:
        """Make cases of what was found."""
        return review.route(self.book, self.project, self.now())

    def find(self, *names: str, **more: Any) -> dict[str, Case]:
        """Judge and route; the cases that are not closed, by their kind."""
        self.judge(*names, **more)
        self.route()
        return self.open()

    def open(self) -> dict[str, Case]:
        """The cases that are not closed, by their kind."""
        with self.book.begin() as connection:
            return {case.id.kind: case for case in ledger.queue(connection, ledger.Filter(), limit=1000).cases}

    def case(self, kind: str, day: str = DAY) -> Case:
        """One case."""
        with self.book.begin() as connection:
            found = ledger.find_case(connection, CaseId("t", day, kind))
        assert found, kind
        return found

    def records(self, kind: str, day: str = DAY) -> list[ledger.TrackedRecord]:
        """The records that a case names."""
        case = self.case(kind, day)
        with self.book.begin() as connection:
            return ledger.tracked_records(connection, case.findings, case.id.of_records)

    def decide(self, kind: str, decision: Decision = Decision.APPLY_SOURCE, day: str = DAY, **chosen: Any) -> None:
        """Somebody decides."""
        self.say(Resolution(decision, **chosen), CaseId("t", day, kind))

    def say(self, chosen: Resolution, case: CaseId, expected: int | None = None, who: str = "ana") -> None:
        """Somebody decides."""
        review.decide(
            self.book, self.project, case, chosen, who=who, note="as agreed", at=self.now(), expected=expected
        )

    def correct(self, kind: str = "", day: str = DAY) -> list[Case]:
        """A run does what was decided: of one case, or of all that are due."""
        self.runs += 1
        due = (
            [CaseId("t", day, kind)]
            if kind
            else [case.id for case in review.due(self.book, self.project, self.now()).correct]
        )
        return [review.correct(self.book, self.project, case, run=f"run{self.runs}", clock=self.now) for case in due]

    def undo(self, kind: str, day: str = DAY, *, dry_run: bool = False) -> review.RolledBack:
        """What a case wrote is taken back."""
        scope = review.Scope(case=CaseId("t", day, kind))
        return review.roll_back(
            self.book, self.project, scope, who="ben", note="a mistake", clock=self.now, dry_run=dry_run
        )


@contextmanager
def shop(sides: Sides, ledger_url: str, policy: Policy | None = None) -> Iterator[Shop]:
    """Equal tables on both sides, with nothing found yet."""
    for side in (sides.source, sides.target):
        stamp = "timestamp" if side.name == "postgresql" else "datetime(6)"
        side.run(f"CREATE TABLE t ({COLUMNS.format(stamp=stamp)})", "CREATE TABLE codes (code varchar(9) primary key)")
        side.fill("t", ROWS)
        side.fill("codes", [("a",), ("b",)])
    databases = {role: Database(role, side.url) for role, side in (("source", sides.source), ("target", sides.target))}
    relation = {name: (Relation("source", name), Relation("target", name)) for name in ("t", "codes")}
    table = TableSpec("t", *relation["t"], ("id",), DAYS, checks=CHECKS, correct=policy or Policy())
    codes = TableSpec("codes", *relation["codes"], ("code",))
    with ledger.opened(ledger_url, PROJECT) as book:
        yield Shop(sides, book, Project(databases, {"t": table, "codes": codes}))
