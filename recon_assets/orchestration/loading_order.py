"""Which tables are loaded before which: a table's parents, by declared references and foreign keys of the target.

A command loads level after level, and what loads by itself leaves a table alone while one above it is not loaded.
A day that failed holds nothing up: only the days that name its rows fail then, and say which.
"""

from collections import defaultdict
from itertools import chain

from recon_assets import dialect, reading
from recon_assets.checks.table_order import LoadingOrder, declared_parents, without_circles
from recon_assets.errors import ReconError
from recon_assets.model import Project


def loading_order(project: Project) -> LoadingOrder:
    """The order by the declared references, and by the foreign keys that the targets have now."""
    named = declared_parents(project)
    unknown: dict[str, str] = {}
    # Only runs can ask a database that is a resource: its tables are ordered by their declared references alone.
    asked = (name for name, database in project.databases.items() if database.url)
    for database in sorted({spec.target.database for spec in project.tables.values()}.intersection(asked)):
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
