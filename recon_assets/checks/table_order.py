"""Which tables come before which: a table after those whose rows it names, its parents."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import TopologicalSorter

from recon_assets.checks.references import References
from recon_assets.model import Project


@dataclass(frozen=True)
class LoadingOrder:
    """The order of a project's tables.

    Attributes:
        parents: Of each table those that come before it, without the ones that would close a circle.
        circles: Tables that name each other's rows; the last of each is loaded before the first.
        unknown: Tables whose target did not say its foreign keys, with the reason.
    """

    parents: Mapping[str, frozenset[str]]
    circles: tuple[tuple[str, ...], ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)

    def above(self, table: str) -> frozenset[str]:
        """All tables that come before this one: its parents, and theirs."""
        return self._above[table]

    def level(self, table: str) -> int:
        """How many tables stand above a table, one above the other."""
        return self._levels[table]

    @cached_property
    def _parents_first(self) -> tuple[str, ...]:
        return tuple(TopologicalSorter(self.parents).static_order())

    @cached_property
    def _above(self) -> dict[str, frozenset[str]]:
        """Each table's once, however many ways lead to it: there may be millions of them."""
        above: dict[str, frozenset[str]] = {}
        for table in self._parents_first:
            above[table] = self.parents[table].union(*(above[parent] for parent in self.parents[table]))
        return above

    @cached_property
    def _levels(self) -> dict[str, int]:
        levels: dict[str, int] = {}
        for table in self._parents_first:
            levels[table] = 1 + max((levels[parent] for parent in self.parents[table]), default=-1)
        return levels

    def waves(self, tables: Collection[str]) -> list[tuple[str, ...]]:
        """These tables, level after level: none of a level names rows of another of it."""
        levels = defaultdict[int, list[str]](list)
        for table in tables:
            levels[self.level(table)].append(table)
        return [tuple(levels[level]) for level in sorted(levels)]

    def remarks(self, tables: Collection[str]) -> list[str]:
        """What is to be said before these tables are loaded."""
        circles = [circle for circle in self.circles if set(circle) & set(tables)]
        reasons = dict.fromkeys(reason for table, reason in self.unknown.items() if table in tables)
        return [
            *(
                f"{' -> '.join((*circle, circle[0]))}: they name each other's rows, so none can come after all that it"
                f" names. {circle[-1]} is loaded before {circle[0]}: where its days fail, load them again afterwards."
                for circle in circles
            ),
            *(f"{reason} Tables are loaded in the order of their declared references alone." for reason in reasons),
        ]


def declared_parents(project: Project) -> dict[str, set[str]]:
    """The tables that each table names rows of, as its checks declare."""
    return {
        name: {check.parent for check in spec.checks if isinstance(check, References)} & project.tables.keys() - {name}
        for name, spec in project.tables.items()
    }


def declared_order(project: Project) -> LoadingOrder:
    """The order by the declared references alone, which asks no database."""
    return LoadingOrder(*without_circles({name: sorted(above) for name, above in declared_parents(project).items()}))


def without_circles(
    named: Mapping[str, Collection[str]],
) -> tuple[dict[str, frozenset[str]], tuple[tuple[str, ...], ...]]:
    """The parents of each table, but for those that lead back to it, and the circles that these would have closed."""
    kept: dict[str, frozenset[str]] = {}
    circles: list[tuple[str, ...]] = []

    def visit(table: str, below: tuple[str, ...]) -> None:
        path = (*below, table)
        for parent in named[table]:
            if parent in path:
                circles.append(path[path.index(parent) :])
            elif parent not in kept:
                visit(parent, path)
        kept[table] = frozenset(parent for parent in named[table] if parent not in path)

    for table in named:
        if table not in kept:
            visit(table, ())
    return kept, tuple(circles)
