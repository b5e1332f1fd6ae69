"""Sample databases: a year of real flights as the source, and a migration of it that stopped half-way as the target.

`create` makes both. What is wrong in the target is named in `recon_assets.demo.faults`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import sqlalchemy as sa

from recon_assets.demo import flights, marks, warehouse
from recon_assets.demo.faults import SEED, Wrong, faults_of
from recon_assets.dialect import opened
from recon_assets.errors import DeclarationError
from recon_assets.model import Database

__all__ = ["SEED", "create", "planted"]


def create(source_url: str, target_url: str, *, say: Callable[[str], None], seed: int = SEED) -> None:
    """Fills the source with the real data and the target with the half-done migration of it.

    Each table is one transaction. What is complete is left as it is, so the call can be repeated at
    any time, also after an interruption, and does not undo what has been loaded since.

    Args:
        source_url: A PostgreSQL database; its schema ``public`` gets the tables.
        target_url: A PostgreSQL database; its schema ``analytics`` gets them.
        say: Is told each step in one line.
        seed: Decides which days and rows are missing or wrong.

    Raises:
        RefusedError: When a table of that name is there which the demo did not make; nothing is written then.
        UnavailableError: When a database does not answer, or stops answering.
    """
    with _opened("source", source_url) as source, _opened("target", target_url) as target:
        demo = _Demo(source, target, seed)
        demo.refuse_strangers()
        for table in flights.SOURCE.sorted_tables:
            say(demo.fill(table))
        for table in warehouse.TARGET.sorted_tables:
            say(demo.migrate(table))


def planted(target_url: str) -> tuple[Wrong, ...]:
    """Every record that `create` made wrong in this target, and in which way."""
    with _opened("target", target_url) as target:
        return marks.remembered(target)


@dataclass(frozen=True)
class _Demo:
    source: sa.Engine
    target: sa.Engine
    seed: int

    @property
    def _recipe(self) -> str:
        return f"edition {marks.EDITION}, seed {self.seed}"

    def refuse_strangers(self) -> None:
        marks.refuse_strangers(self.source, flights.SOURCE.sorted_tables, _ORIGINAL)
        marks.refuse_strangers(self.target, warehouse.TARGET.sorted_tables, self._recipe)

    def fill(self, table: sa.Table) -> str:
        began = monotonic()
        made = marks.make_once(self.source, table, _ORIGINAL, lambda connection: flights.fill(connection, table))
        return _line("source", table, made, monotonic() - began)

    def migrate(self, table: sa.Table) -> str:
        began = monotonic()
        made = marks.make_once(self.target, table, self._recipe, lambda connection: self._damaged(connection, table))
        without = len(warehouse.gaps(table.name, self.seed))
        state = f"; {without} of {len(warehouse.year())} days are missing" if without else ""
        return _line("target", table, made, monotonic() - began) + state

    def _damaged(self, connection: sa.Connection, table: sa.Table) -> int:
        """Rows that were copied right, before faults."""
        with self.source.connect() as source:
            rows = warehouse.migrate(source, connection, table, self.seed)
        marks.forget(connection, table)
        for fault in faults_of(table.name):
            marks.remember(connection, fault.plant(connection, self.seed))
        return rows


_ORIGINAL = f"edition {marks.EDITION}"


@contextmanager
def _opened(name: str, url: str) -> Iterator[sa.Engine]:
    # The demo writes to the source too, which nothing else does: hence the role of a target on both sides.
    with opened(Database(name, url), role="target") as made:
        if made.dialect.name != "postgresql":
            msg = f"{name}: the demo lives in PostgreSQL, not in {made.dialect.name}; name a PostgreSQL database"
            raise DeclarationError(msg)
        yield made


def _line(side: str, table: sa.Table, made: marks.Made, seconds: float) -> str:
    done = f"copied in {seconds:.1f} s" if made.now else "there already"
    return f"{side}: {table.fullname}, {made.rows:,} rows {done}"
