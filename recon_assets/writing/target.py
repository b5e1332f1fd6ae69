"""The target's table in one transaction, and how messages name its rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa

from recon_assets.errors import DoesNotFitError, RefusedError, StaleTargetError
from recon_assets.model import Change, Column, Discrepancy, Image, masked
from recon_assets.reading import Pair, as_table
from recon_assets.values import DATETIMES
from recon_assets.writing.fields import Field, fields

UNTOUCHED = "nothing was written"
_NAMED = 5


@dataclass(frozen=True)
class Target:
    """A table that is written.

    Attributes:
        pair: Both sides of it.
        where: How messages begin.
        connection: Whose transaction everything happens in.
    """

    pair: Pair
    where: str
    connection: sa.Connection

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Its columns by name."""
        return {column.name: column for column in self.pair.target_schema.columns}

    @cached_property
    def table(self) -> sa.TableClause:
        """To build statements on."""
        return as_table(self.pair.spec.target.table or "", self.columns)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        """The columns that rows are written with, by the source's names."""
        return fields(self.pair)

    @cached_property
    def key(self) -> list[Field]:
        """Those of the key."""
        return [self.fields[name] for name in self.pair.spec.key]

    @cached_property
    def own(self) -> dict[str, Column]:
        """Columns that the target may set by itself: those that nobody maps, `kept` ones, and with triggers all."""
        every = set(self.columns)
        may_set = every if self.pair.target_schema.triggers else (every - self.mapped) | set(self.kept)
        return {name: column for name, column in self.columns.items() if not column.generated and name in may_set}

    @cached_property
    def mapped(self) -> frozenset[str]:
        """Names of the columns that are compared."""
        return frozenset(mapped.target.name for mapped in self.pair.columns)

    @cached_property
    def kept(self) -> tuple[str, ...]:
        """Mapped moments with a default: MySQL would set them anew with every update that leaves them out."""
        mapped = [mapped.target for mapped in self.pair.columns]
        return tuple(
            each.name for each in mapped if each.default and not each.generated and each.type.kind in DATETIMES
        )

    def shown_key(self, key: Image) -> str:
        """A row's key with private values masked."""
        return ", ".join(f"{name}={masked(name, value, self.pair.spec.private)}" for name, value in key.items())

    @contextmanager
    def savepoint(self) -> Iterator[sa.NestedTransaction]:
        """An error takes back what was done inside the block, and the transaction goes on."""
        point = self.connection.begin_nested()
        try:
            yield point
        except BaseException:
            with suppress(sa.exc.DBAPIError):  # after a deadlock or a lost connection there is none to go back to
                point.rollback()
            raise
        if point.is_active:
            point.commit()

    def named(self, found: Discrepancy) -> str:
        """A record's key with private values masked."""
        key = zip(self.pair.spec.key, found.key, strict=True)
        return self.shown_key({name: None if value is None else str(value) for name, value in key})

    def refuse_gone(self, changes: Iterable[Change]) -> None:
        """Every column that a change names must still be there.

        Raises:
            RefusedError: When one is not; it names columns.
        """
        images = {tuple(image) for each in changes for image in (each.key, each.before, each.after) if image}
        gone = {name for names in images for name in names} - self.columns.keys()
        if gone:
            msg = (
                f"{self.where}: the target {self.pair.spec.target.table} has no column {', '.join(sorted(gone))}"
                f" any more, which a planned correction writes, so {UNTOUCHED}. Bring it back under this name first."
            )
            raise RefusedError(msg)

    def stale(self, keys: Sequence[str]) -> StaleTargetError:
        """The error that names rows that have changed since they were compared."""
        named = "; ".join(keys[:_NAMED]) + (f" and {len(keys) - _NAMED:,} more" if len(keys) > _NAMED else "")
        msg = f"{self.where}: {named}: not as when it was compared, so {UNTOUCHED}. Compare again before correcting."
        return StaleTargetError(msg, keys)

    def not_as_written(self, key: str, columns: Iterable[str] = ()) -> DoesNotFitError:
        """The error that names a row that has other values than were written, and the columns if they are known."""
        named = f" (column {', '.join(sorted(columns))})" if columns else ""
        msg = f"{self.where}: {key} is not as it was written, so a trigger or rule changed it{named}; {UNTOUCHED}"
        return DoesNotFitError(msg)

    def twice(self, key: str) -> RefusedError:
        """The error that names a key that two rows have."""
        why = "so nobody can tell which one to correct; declare a key that is unique"
        msg = f"{self.where}: {key} is the key of two rows, {why}"
        return RefusedError(msg)
