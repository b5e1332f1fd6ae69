"""What a declared table, its source and its checks are called in Dagster: the only place that makes such names.

A deployment that has names of its own gives `build_definitions` a key prefix, or a translator of its own. Whatever
else we add to a deployment (ops, jobs, schedules, sensors, pools) bears the project's name in front, because those
names are shared by everybody in the deployment.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

import dagster as dg

from recon_assets import reading
from recon_assets.dialect.file_formats import is_file_name
from recon_assets.errors import DeclarationError
from recon_assets.model import Check, Project, TableSpec

KEY_PREFIX_VARIABLE = "RECON_KEY_PREFIX"


class ReconTranslator:
    """Says how declared tables appear in Dagster; a deployment that wants it otherwise overrides a method.

    ```python
    class InWarehouse(ReconTranslator):
        def get_asset_spec(self, table):
            return super().get_asset_spec(table).replace_attributes(key=["warehouse", table.name], owners=["team:dwh"])
    ```

    Partitions, and what is known of a table's database, are added to what these return.
    """

    def get_asset_spec(self, table: TableSpec) -> dg.AssetSpec:
        """The asset of a table; its key must not depend on anything but the table."""
        return dg.AssetSpec(
            table.name,
            group_name=dagster_name(table.group),
            owners=list(table.owners),
            description=table.description or f"{table.target} as loaded from {table.source}.",
        )

    def get_source_key(self, table: TableSpec) -> dg.AssetKey:
        """What a table is loaded from: database, schema and table; a query is named after the table it fills.

        Return the key of an asset that the deployment has, and the table stands downstream of it.
        """
        database = table.source.database
        if table.source.table is None:
            return dg.AssetKey([database, f"{table.name}_query"])
        parts = [part for part in reading.split_name(table.source.table) if part]
        return dg.AssetKey([database, *([file] if is_file_name(file := ".".join(parts)) else parts)])

    def get_check_spec(self, table: TableSpec, check: Check) -> dg.AssetCheckSpec:
        """The catalog's entry of a check; its name stays as it is declared."""
        return dg.AssetCheckSpec(
            check.name,
            asset=self.get_asset_spec(table).key,
            description=check.description,
            metadata={"kind": check.kind, "stops the day": check.blocking},
        )


DEFAULT = ReconTranslator()


AssetLike = dg.AssetKey | dg.AssetSpec | dg.AssetsDefinition | str
"""How an asset may be named; a text is its key as Dagster shows it: `dbt/orders`."""
Partitions = dg.PartitionsDefinition[Any]


@dataclass(frozen=True)
class ExistingAsset:
    """An asset of the team's."""

    key: dg.AssetKey
    partitions: Partitions | None = None

    @classmethod
    def of(
        cls, table: str, asset: AssetLike, partitions: dg.PartitionsDefinition[Any] | None = None
    ) -> "ExistingAsset":
        """The asset that is meant for a table; ``partitions`` where its definition does not say.

        Raises:
            DeclarationError: When a definition makes several assets.
        """
        if isinstance(asset, dg.AssetSpec):
            return cls(asset.key, asset.partitions_def or partitions)
        if isinstance(asset, dg.AssetsDefinition):
            if len(asset.keys) != 1:
                keys = ", ".join(sorted(key.to_user_string() for key in asset.keys))
                msg = f"{table}: the definition makes {len(asset.keys)} assets ({keys}); give the key of one of them."
                raise DeclarationError(msg)
            return cls(asset.key, asset.partitions_def or partitions)
        return cls(dg.AssetKey.from_user_string(asset) if isinstance(asset, str) else asset, partitions)

    @property
    def times(self) -> dg.TimeWindowPartitionsDefinition | None:
        """Its partitions, where each is a span of time."""
        return self.partitions if isinstance(self.partitions, dg.TimeWindowPartitionsDefinition) else None

    def has_windows_of(self, table: TableSpec) -> bool:
        """Whether each declared window of a table is one partition, of the same key."""
        first = self.times.get_first_partition_key() if self.times and table.calendar else None
        if not (first and self.times):
            return False
        span = self.times.time_window_for_partition_key(first)
        try:
            window = table.window(first)
        except DeclarationError:  # the key is of another form
            return False
        ends = [moment.astimezone(UTC) for moment in (window.start, window.end) if moment]
        return ends == [span.start.astimezone(UTC), span.end.astimezone(UTC)]


@dataclass(frozen=True)
class Naming:
    """What one project calls things in one deployment.

    Attributes:
        prefix: Stands before the keys of the tables.
        group: Holds all the tables; without it they are grouped as declared, or as the translator says.
        name: Stands before the names of ops, jobs, schedules, sensors and pools; two projects in one code location
            need two.
        existing: The assets, of a team's own, that fill some tables; these have no asset of ours.
    """

    prefix: tuple[str, ...] = ()
    translator: ReconTranslator = DEFAULT
    name: str = "recon"
    group: str | None = None
    existing: Mapping[str, ExistingAsset] = field(default_factory=dict)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Naming":
        """What the standalone location calls things, and commands that talk to a deployment: prefixed `a/b`."""
        return cls(tuple(part for part in environ.get(KEY_PREFIX_VARIABLE, "").split("/") if part))

    def asset_spec(self, table: TableSpec) -> dg.AssetSpec:
        """The asset of a table."""
        spec = self.translator.get_asset_spec(table)
        group = self.group or spec.group_name
        return spec.replace_attributes(key=[*self.prefix, *spec.key.path], group_name=group)

    def key(self, table: TableSpec) -> dg.AssetKey:
        """The key of a table's asset."""
        existing = self.existing.get(table.name)
        return existing.key if existing else self.asset_spec(table).key

    def has_partition_per_window(self, table: TableSpec) -> bool:
        """Whether a window of the table is a partition of its asset; an existing asset may have others, or none."""
        existing = self.existing.get(table.name)
        return existing is None or table.calendar is None or existing.has_windows_of(table)

    def tables(self, project: Project) -> dict[dg.AssetKey, str]:
        """The way back: the names of the tables by their keys.

        Raises:
            DeclarationError: When two tables have one key.
        """
        found = dict[dg.AssetKey, str]()
        for name, table in project.tables.items():
            if other := found.get(key := self.key(table)):
                msg = f"{other} and {name} would both be the asset {key.to_user_string()}: give them keys of their own."
                raise DeclarationError(msg)
            found[key] = name
        return found

    def source_key(self, table: TableSpec) -> dg.AssetKey:
        """The key of what a table is loaded from."""
        return self.translator.get_source_key(table)

    def check_spec(
        self, table: TableSpec, check: Check, partitions: dg.PartitionsDefinition[str] | None
    ) -> dg.AssetCheckSpec:
        """The catalog's entry of a check; ``partitions`` are those of its table.

        Raises:
            DeclarationError: When the translator has renamed it: the ledger knows checks by their names.
        """
        spec = self.translator.get_check_spec(table, check)
        if spec.name != check.name:
            msg = f"{table.name}: get_check_spec calls the check {check.name} {spec.name}; leave its name as declared."
            raise DeclarationError(msg)
        return dg.AssetCheckSpec(
            check.name,
            asset=self.key(table),
            description=spec.description,
            additional_deps=spec.additional_deps,
            metadata=spec.metadata,
            automation_condition=spec.automation_condition,
            partitions_def=partitions if check.daily else None,
        )

    def of_ours(self, what: str) -> str:
        """A name of an op, a job, a schedule, a sensor or a pool: `recon_daily_travel`."""
        return f"{self.name}_{dagster_name(what)}"

    @property
    def queue(self) -> dg.AssetKey:
        """The asset of the cases."""
        return dg.AssetKey([*self.prefix, "review_queue"])

    @property
    def decisions(self) -> dg.AssetKey:
        """The asset of what was decided of them."""
        return dg.AssetKey([*self.prefix, "review_decisions"])

    @property
    def cases(self) -> dg.DynamicPartitionsDefinition:
        """The partitions of both."""
        return dg.DynamicPartitionsDefinition(name=self.of_ours("cases"))

    def op(self, table: TableSpec) -> str:
        """What run config calls the table's op."""
        return self.of_ours(f"load_{table.name}")


UNPREFIXED = Naming()


def dagster_name(text: str) -> str:
    """A name that Dagster takes for a group or a pool."""
    return re.sub(r"\W", "_", text, flags=re.ASCII)
