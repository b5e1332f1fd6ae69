"""Which tables are loaded before which: a table's parents, by declared references and foreign keys of the target.

A command loads level after level, and what loads by itself leaves a table alone while one above it is not loaded.
A day that failed holds nothing up: only the days that name its rows fail then, and say which.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import chain

from recon_assets import dialect, reading
from recon_assets.checks import References
from recon_assets.errors import ReconError
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
        parents = self.parents[table]
        return parents.union(*map(self.above, parents))

    def waves(self, tables: Collection[str]) -> list[tuple[str, ...]]:
        """These tables, level after level: none of a level names rows of another of it."""
        levels = defaultdict[int, list[str]](list)
        for table in tables:
            levels[self._level(table)].append(table)
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

    def _level(self, table: str) -> int:
        return 1 + max(map(self._level, self.parents[table]), default=-1)


def loading_order(project: Project) -> LoadingOrder:
    """The order by the declared references, and by the foreign keys that the targets have now."""
    named = {
        name: {c.parent for c in spec.checks if isinstance(c, References)} for name, spec in project.tables.items()
    }
    unknown: dict[str, str] = {}
    for database in dict.fromkeys(spec.target.database for spec in project.tables.values()):
        tables = defaultdict[str, list[str]](list)  # several may have rows of one
        for name, spec in project.tables.items():
            if spec.target.database == database:
                tables[str(spec.target.table)].append(name)
        try:
            with dialect.opened(project.databases[database], role="source") as target:
                found = reading.parents_by_foreign_key(target, list(tables))
        except ReconError as error:
            unknown |= dict.fromkeys(chain.from_iterable(tables.values()), str(error))
        else:
            for table, above in found.items():
                for child in tables[table]:
                    named[child].update(chain.from_iterable(tables[parent] for parent in above if parent != table))
    kept, circles = without_circles({name: sorted(parents - {name}) for name, parents in named.items()})
    return LoadingOrder(kept, circles, unknown)


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
